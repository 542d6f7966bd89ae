/*
 * Commands to a Redis, wherever it is: one server, the master that Sentinels know, a Cluster, or
 * Upstash's REST interface. Blocking; a link belongs to one thread.
 *
 *     link = redis_link_open(&target, err, sizeof(err));     connects with the first run
 *     redis_link_run(link, commands, n, replies);            one pipeline
 *     redis_link_close(link);
 *
 * What a link promises:
 * - A command that a lost connection left unanswered is sent once more, on a new one. So a command
 *   must do no harm when it is run twice. A time-out is not sent again: its answer may still come,
 *   so that connection is dropped, and the caller decides.
 * - After a failed connect nothing is tried for a while (50 ms at first, doubled up to 5 s, half of
 *   it by chance): runs fail at once meanwhile, and many nodes do not come back in step.
 * - A server that says LOADING, READONLY, MASTERDOWN or CLUSTERDOWN is not the one to write to:
 *   the connection is dropped and the next run looks for the right one.
 * - With `replicas`, each run that holds a write ends with WAIT; if fewer replicas have it in time,
 *   its writes count as unanswered.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "redis/url.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An answer as a whole, in time-outs. */
#define REDIS_WHOLE 12

/* Where a Redis is and how to speak to it; borrowed strings outlive the link. */
struct redis_target {
    struct redis_url url;
    uint32_t timeout_ms;  /* connecting, and each answer; it begins anew with whatever moves */
    const char *tls_ca;   /* PEM file of the certificates to trust; NULL: the system's */
    const char *tls_cert; /* client certificate and key, PEM; NULL: none */
    const char *tls_key;
    uint32_t replicas; /* that must confirm a write (WAIT); 0: none */
};

#define REDIS_ARGS_MAX 24

/* One command. Arguments are borrowed until the run is over. */
struct redis_command {
    const char *argv[REDIS_ARGS_MAX];
    size_t len[REDIS_ARGS_MAX];
    int argc;
    const char *key; /* what Cluster hashes; NULL: any node will do */
    bool writes;
};
void redis_arg(struct redis_command *c, const void *p, size_t len);
void redis_arg_str(struct redis_command *c, const char *s);

/* SCAN without a key goes through all nodes of a Cluster, one after the other: its cursors are texts
 * of the link then, to be given back as they came. "0" is the beginning and the end, as ever. */

struct redis_link;

/* NULL with a reason when the target makes no sense (never because it cannot be reached). */
struct redis_link *redis_link_open(const struct redis_target *t, char *err, size_t err_len);
/* Runs the commands in order as one pipeline. replies[i] is the answer, to be freed with
 * redis_reply_free(), or NULL if there is none: then redis_link_error() says why. */
void redis_link_run(struct redis_link *l, const struct redis_command *c, size_t n,
                    redisReply **replies);
void redis_reply_free(redisReply *r); /* NULL is fine */
const char *redis_link_error(const struct redis_link *l);
/* Counts the connections that were made: when it has changed, what was there before may be gone (a
 * restart, a failover). */
uint32_t redis_link_generation(const struct redis_link *l);
void redis_link_close(struct redis_link *l);

#endif
