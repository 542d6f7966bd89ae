/*
 * A stream of bytes to a server: TCP, unix socket, or TLS over TCP. The sockets do not block; whoever
 * waits, waits in stream_wait(), which has a deadline. Belongs to one thread.
 *
 *     s = stream_open(&opts, timeout_ms, err, sizeof(err));
 *     for (;;) {
 *         sent += stream_write(s, out + sent, len - sent);      as far as it goes
 *         n = stream_read(s, buf, sizeof(buf));
 *         if (!n && stream_wait(s, sent < len, deadline, -1) == 0) ... too late
 *     }
 *
 * Whoever reads whenever something is there, also while it still has to write, cannot come to a
 * standstill with a server that does not read before its answers are taken.
 */
#ifndef REDIS_STREAM_H
#define REDIS_STREAM_H

#include "redis/tls.h"

#include <stdint.h>

struct stream_opts {
    const char *host; /* all its addresses are tried */
    uint16_t port;
    const char *path; /* of a unix socket, instead */
    bool tls;         /* not on a unix socket */
    struct tls_files files;
};

struct stream;

/* Milliseconds of the clock that deadlines are told in. */
uint64_t stream_clock(void);
/* One time for all: finding the addresses, connecting, TLS. NULL with a reason. */
struct stream *stream_open(const struct stream_opts *o, uint32_t timeout_ms, char *err,
                           size_t err_len);
/* Bytes; 0: none without waiting; -1: the stream is over, stream_error() says why. */
long stream_read(struct stream *s, void *p, size_t n);
/* What was not written has to be given again, more may follow it. */
long stream_write(struct stream *s, const void *p, size_t n);
/* Waits until reading, or with `write` writing, can go on: 1. 0: the deadline has passed or wake_fd
 * (-1: none) is readable. */
int stream_wait(struct stream *s, bool write, uint64_t deadline, int wake_fd);
const char *stream_error(const struct stream *s);
void stream_close(struct stream *s); /* NULL is fine */

#endif
