/*
 * One server that a link speaks to: its connection, which is made when it is needed, how long it is
 * left alone after a failure, and what is logged of it. And a batch: the part of a run that goes to
 * one node as one pipeline.
 */
#ifndef REDIS_NODE_H
#define REDIS_NODE_H

#include "redis/conn.h"

struct redis_sentinels;

struct redis_node {
    const struct redis_target *target;
    uint32_t *generation; /* of the link */
    /* Whom to connect to: the master that the Sentinels know, or this host, or (both empty)
     * redis_conn_dial(). */
    struct redis_sentinels *sentinels;
    struct redis_host where;
    uint32_t connect_ms; /* to the host */

    struct redis_conn *conn; /* NULL: none */
    bool was_connected, marked;
    uint32_t delay_ms; /* 0: the last attempt went well */
    uint64_t not_before, logged;
    char error[512]; /* of the last failure */
};

/* Connects unless it is; false with an error, at once if it is too early for an attempt. */
bool redis_node_connect(struct redis_node *n);
/* Milliseconds until the next attempt is due. */
uint32_t redis_node_patience(const struct redis_node *n);
/* Why the last one failed, and when the next one is due, for people. */
void redis_node_explain(const struct redis_node *n, char *out, size_t len);
/* Closes the connection; `why` is copied. */
void redis_node_drop(struct redis_node *n, const char *why);
/* Likewise, and leaves the server alone for a while. */
void redis_node_fail(struct redis_node *n, const char *why);

/* The error says that this is not the server to ask. */
bool redis_reply_is_misplaced(const redisReply *r);

enum redis_batch_end {
    BATCH_ANSWERED,    /* every one has its reply, an error maybe */
    BATCH_LOST,        /* the connection; what has no reply may be sent again */
    BATCH_LATE,        /* no answer in time; what has no reply may not be sent again */
    BATCH_UNCONFIRMED, /* too few replicas have the writes, whose replies are taken back */
};

struct redis_batch {
    struct redis_node *node; /* connected */
    const struct redis_command *commands;
    redisReply **replies; /* of the run */
    size_t *which, count; /* indexes into both */
    const bool *asking;   /* by the same indexes: ASKING in front. NULL: none */
    bool wait, marker;
};

/* Sends it as far as that goes without waiting. */
void redis_batch_send(struct redis_batch *b);
/* Reads the replies. Whatever the end, node->error says why if it is not BATCH_ANSWERED. */
enum redis_batch_end redis_batch_read(struct redis_batch *b);

#endif
