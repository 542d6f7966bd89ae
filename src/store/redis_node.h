/*
 * One server that a link speaks to: its connection, which is made when it is needed, how long to
 * leave it alone after a failure, and what is logged of it.
 */
#ifndef STORE_REDIS_NODE_H
#define STORE_REDIS_NODE_H

#include "store/redis_conn.h"

struct redis_node {
    const struct redis_target *target;
    struct redis_host where; /* host empty: redis_conn_dial() */
    uint32_t *generation;    /* of the link */
    struct redis_conn *conn; /* NULL: none */
    bool was_connected;
    uint32_t delay_ms; /* 0: the last attempt went well */
    uint64_t not_before, logged;
    char error[512]; /* of the last failure */
};

/* Connects unless it is; false with an error, at once if it is too early for an attempt. */
bool redis_node_connect(struct redis_node *n);
/* Why the last one failed, and when the next one is due, for people. */
void redis_node_explain(const struct redis_node *n, char *out, size_t len);
/* Closes the connection; `why` is copied. */
void redis_node_drop(struct redis_node *n, const char *why);
/* Likewise, and leaves the server alone for a while. */
void redis_node_fail(struct redis_node *n, const char *why);

void redis_node_queue(struct redis_node *n, const struct redis_command *c);
/* The next reply. NULL: the connection is dropped, `*late` tells whether for a time-out. */
redisReply *redis_node_reply(struct redis_node *n, bool *late);
/* The error says that this is not the server to write to. */
bool redis_reply_is_misplaced(const redisReply *r);

/* WAIT, behind the writes of a run. */
void redis_node_queue_wait(struct redis_node *n);
/* Its reply: 1 if enough replicas have the writes, 0 with an error if not; -1: no reply. */
int redis_node_confirmed(struct redis_node *n, bool *late);

#endif
