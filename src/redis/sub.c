#include "redis/sub.h"

#include "base/mem.h"
#include "redis/conn.h"
#include "redis/sentinel.h"
#include "redis/sub_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct conn_sub {
    struct redis_sub base;
    struct redis_conn *conn;
    struct redis_sentinels *sentinels; /* NULL: none */
    uint32_t timeout_ms;
    uint64_t heard_ms, asked_ms; /* the last reply; the last PING after it, 0: none */
    redisReply *reply;           /* that the last message points into */
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void queue(struct conn_sub *s, const char *command, const char *channel)
{
    const char *argv[2] = {command, channel};
    size_t len[2] = {strlen(command), channel ? strlen(channel) : 0};
    redis_conn_queue(s->conn, channel ? 2 : 1, argv, len);
}

static void want(struct redis_sub *base, const char *channel)
{
    queue((struct conn_sub *)base, "SUBSCRIBE", channel);
}

static void drop(struct redis_sub *base, const char *channel)
{
    queue((struct conn_sub *)base, "UNSUBSCRIBE", channel);
}

static enum redis_sub_event lost(struct conn_sub *s, const char *why)
{
    snprintf(s->base.error, sizeof(s->base.error), "%s", why);
    return SUB_LOST;
}

/* A reply is an array that begins with what it is, or the status of PING while nothing is
 * subscribed to. */
static enum redis_sub_event take(struct conn_sub *s, redisReply *r, struct redis_sub_message *out)
{
    s->reply = r;
    s->heard_ms = now_ms();
    s->asked_ms = 0;
    if (r->type == REDIS_REPLY_ERROR)
        return lost(s, r->str);
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 3 ||
        r->element[0]->type != REDIS_REPLY_STRING || r->element[1]->type != REDIS_REPLY_STRING)
        return SUB_NONE;
    out->channel = r->element[1]->str;
    if (strcmp(r->element[0]->str, "subscribe") == 0)
        return SUB_SUBSCRIBED;
    if (strcmp(r->element[0]->str, "message") != 0 || r->element[2]->type != REDIS_REPLY_STRING)
        return SUB_NONE;
    out->payload = (const uint8_t *)r->element[2]->str;
    out->len = (size_t)r->element[2]->len;
    return SUB_MESSAGE;
}

/* Silence is asked about after half a time-out, and is a loss after one more. */
static bool still_there(struct conn_sub *s, uint64_t now)
{
    if (!s->asked_ms && now - s->heard_ms > s->timeout_ms / 2) {
        queue(s, "PING", NULL);
        s->asked_ms = now;
    }
    return !s->asked_ms || now - s->asked_ms <= s->timeout_ms;
}

static enum redis_sub_event next(struct redis_sub *base, struct redis_sub_message *out,
                                 uint32_t timeout_ms, int wake_fd)
{
    struct conn_sub *s = (struct conn_sub *)base;
    redisReply *r = NULL;
    if (s->reply)
        freeReplyObject(s->reply);
    s->reply = NULL;
    if (!still_there(s, now_ms()))
        return lost(s, "redis did not answer in time");
    if (s->sentinels && redis_sentinels_moved(s->sentinels))
        return lost(s, "another server has become the master");
    if (timeout_ms > s->timeout_ms / 2)
        timeout_ms = s->timeout_ms / 2;
    switch (redis_conn_read(s->conn, &r, timeout_ms, wake_fd)) {
    case 1:
        return take(s, r, out);
    case 0:
        return SUB_NONE;
    }
    return lost(s, redis_conn_error(s->conn));
}

static void close_sub(struct redis_sub *base)
{
    struct conn_sub *s = (struct conn_sub *)base;
    if (s->reply)
        freeReplyObject(s->reply);
    redis_conn_close(s->conn);
    redis_sentinels_free(s->sentinels);
    free(s);
}

static const struct redis_sub_impl impl = {want, drop, next, close_sub};

static struct redis_sub *conn_sub_open(const struct redis_target *t, char *err, size_t err_len)
{
    struct redis_sentinels *sentinels =
        t->url.mode == REDIS_SENTINEL ? redis_sentinels_new(t) : NULL;
    struct redis_conn *conn = sentinels ? redis_sentinels_dial(sentinels, err, err_len)
                                        : redis_conn_dial(t, err, err_len);
    if (!conn) {
        redis_sentinels_free(sentinels);
        return NULL;
    }
    struct conn_sub *s = xcalloc(1, sizeof(*s));
    s->base.impl = &impl;
    s->conn = conn;
    s->sentinels = sentinels;
    s->timeout_ms = t->timeout_ms;
    s->heard_ms = now_ms();
    return &s->base;
}

/* --- either kind ------------------------------------------------------------------------------ */

struct redis_sub *redis_sub_open(const struct redis_target *t, char *err, size_t err_len)
{
    return t->url.mode == REDIS_REST ? rest_sub_open(t, err, err_len)
                                     : conn_sub_open(t, err, err_len);
}

void redis_sub_want(struct redis_sub *s, const char *channel)
{
    s->impl->want(s, channel);
}

void redis_sub_drop(struct redis_sub *s, const char *channel)
{
    s->impl->drop(s, channel);
}

enum redis_sub_event redis_sub_next(struct redis_sub *s, struct redis_sub_message *out,
                                    uint32_t timeout_ms, int wake_fd)
{
    return s->impl->next(s, out, timeout_ms, wake_fd);
}

const char *redis_sub_error(const struct redis_sub *s)
{
    return s->error;
}

void redis_sub_close(struct redis_sub *s)
{
    if (s)
        s->impl->close(s);
}
