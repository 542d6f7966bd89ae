/*
 * TLS on a connected, non-blocking socket: 1.2 or newer; the server's certificate must be signed by
 * a trusted authority and must be for the host's name or address. Used by redis/stream.c only.
 *
 * What returns 0 could not go on: wait for `*events` (of poll) and call it again; a write with at
 * least the same bytes. -1: tls_error() says why, in words for people.
 */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include <stdbool.h>
#include <stddef.h>

/* PEM files; NULL: the system's authorities, no client certificate. Read for each connection, so
 * that one which was renewed is used with the next. */
struct tls_files {
    const char *ca, *cert, *key;
};

struct tls;

/* Whether the files can be used: -1 with a reason. */
int tls_check(const struct tls_files *f, char *err, size_t err_len);
/* The socket stays the caller's. NULL with a reason. */
struct tls *tls_new(int fd, const char *host, const struct tls_files *f, char *err, size_t err_len);
int tls_handshake(struct tls *t, short *events); /* 1: done */
long tls_read(struct tls *t, void *p, size_t n, short *events);
long tls_write(struct tls *t, const void *p, size_t n, short *events);
/* There are bytes that poll() does not know of. */
bool tls_pending(const struct tls *t);
const char *tls_error(const struct tls *t);
void tls_free(struct tls *t); /* says goodbye if that needs no waiting */

#endif
