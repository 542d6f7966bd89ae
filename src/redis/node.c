#include "redis/node.h"

#include "base/backoff.h"
#include "base/log.h"
#include "redis/sentinel.h"
#include "redis/stream.h"

#include <stdio.h>
#include <string.h>

#define DELAY_MIN_MS 50
#define DELAY_MAX_MS 5000
#define LOG_EVERY_MS 10000

/* --- the connection --------------------------------------------------------------------------- */

void redis_node_drop(struct redis_node *n, const char *why)
{
    if (why != n->error)
        snprintf(n->error, sizeof(n->error), "%s", why);
    redis_conn_close(n->conn);
    n->conn = NULL;
}

void redis_node_fail(struct redis_node *n, const char *why)
{
    uint64_t now = stream_clock();
    redis_node_drop(n, why);
    uint32_t wait = backoff_next(&n->delay_ms, DELAY_MIN_MS, DELAY_MAX_MS);
    n->not_before = now + wait;
    if (n->logged && now - n->logged < LOG_EVERY_MS)
        return;
    n->logged = now;
    log_warn("redis cannot be reached", LOG_STR("error", n->error), LOG_INT("retry_ms", wait));
}

static void connected(struct redis_node *n)
{
    if (n->was_connected)
        log_info("connected to redis again", LOG_STR("host", redis_conn_name(n->conn)),
                 LOG_STR("after", n->error));
    else
        log_info("connected to redis", LOG_STR("host", redis_conn_name(n->conn)));
    n->was_connected = true;
    n->marked = false;
    n->delay_ms = 0;
    n->logged = 0;
    (*n->generation)++;
}

bool redis_node_connect(struct redis_node *n)
{
    const struct redis_host *w = &n->where;
    char err[480] = "";
    if (n->conn)
        return true;
    if (redis_node_patience(n))
        return false;
    if (n->sentinels)
        n->conn = redis_sentinels_dial(n->sentinels, err, sizeof(err));
    else if (*w->host)
        n->conn =
            redis_conn_open_within(n->target, w->host, w->port, n->connect_ms, err, sizeof(err));
    else
        n->conn = redis_conn_dial(n->target, err, sizeof(err));
    if (n->conn)
        connected(n);
    else
        redis_node_fail(n, err);
    return n->conn;
}

uint32_t redis_node_patience(const struct redis_node *n)
{
    uint64_t now = stream_clock();
    return n->conn || !n->delay_ms || now >= n->not_before ? 0 : (uint32_t)(n->not_before - now);
}

void redis_node_explain(const struct redis_node *n, char *out, size_t len)
{
    uint32_t ms = redis_node_patience(n);
    if (ms)
        snprintf(out, len, "%.400s (next attempt in %u ms)", n->error, ms);
    else
        snprintf(out, len, "%s", n->error);
}

/* --- replicas --------------------------------------------------------------------------------- */

/*
 * WAIT waits for the last write of its own connection. From Redis 7.2 on that is the last one which
 * changed something, and on a connection without any it waits for nothing at all: a write that is
 * sent again on a new connection, and finds that it was already carried out, would be confirmed by
 * replicas that have never seen it. So the first WAIT of a connection has a write of its own before
 * it: a key that vanishes after a second. Like all keys here it is in the slot of a key of the run.
 */
static bool queue_marker(struct redis_node *n, const char *key)
{
    char name[1100]; /* keys have 1 024 bytes at most */
    const char *open = strchr(key, '{'), *close = open ? strchr(open, '}') : NULL;
    if (close && close > open + 1)
        snprintf(name, sizeof(name), "%.*s:wait", (int)(close - open + 1), open);
    else
        snprintf(name, sizeof(name), "{%s}:wait", key);
    redis_conn_queue(n->conn, 5, (const char *const[]){"SET", name, "", "PX", "1000"}, NULL);
    return true;
}

static void queue_wait(struct redis_batch *b, const char *key)
{
    struct redis_node *n = b->node;
    char replicas[16], ms[16];
    b->marker = !n->marked && key && queue_marker(n, key);
    /* WAIT has to give up before we do. */
    snprintf(ms, sizeof(ms), "%u", n->target->timeout_ms - n->target->timeout_ms / 4);
    snprintf(replicas, sizeof(replicas), "%u", n->target->replicas);
    redis_conn_queue(n->conn, 3, (const char *const[]){"WAIT", replicas, ms}, NULL);
}

static redisReply *next_reply(struct redis_node *n, bool *late)
{
    redisReply *r = redis_conn_reply(n->conn);
    if (r)
        return r;
    char why[480];
    *late = redis_conn_timed_out(n->conn);
    snprintf(why, sizeof(why), "%s", redis_conn_error(n->conn));
    if (*late)
        redis_node_fail(n, why);
    else
        redis_node_drop(n, why);
    return NULL;
}

/* Whether enough replicas have the writes; false with an error, the connection may be gone. */
static bool confirmed(struct redis_batch *b, bool *late)
{
    struct redis_node *n = b->node;
    redisReply *marker = b->marker ? next_reply(n, late) : NULL;
    redisReply *r = n->conn ? next_reply(n, late) : NULL;
    long long have = r && r->type == REDIS_REPLY_INTEGER ? r->integer : 0;
    const redisReply *wrong = marker && marker->type == REDIS_REPLY_ERROR ? marker
                              : r && r->type == REDIS_REPLY_ERROR         ? r
                                                                          : NULL;
    bool enough = r && !wrong && have >= n->target->replicas;
    if (wrong)
        snprintf(n->error, sizeof(n->error), "wait for replicas: %.200s", wrong->str);
    else if (r && !enough)
        snprintf(n->error, sizeof(n->error), "only %lld of %u replicas confirmed the write", have,
                 n->target->replicas);
    n->marked |= marker && !wrong;
    redis_reply_free(marker);
    redis_reply_free(r);
    return enough;
}

/* What was refused (MOVED, say) has written nothing that could be missing. */
static void take_back_writes(struct redis_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        redisReply **r = &b->replies[b->which[i]];
        if (!b->commands[b->which[i]].writes || (*r && (*r)->type == REDIS_REPLY_ERROR))
            continue;
        redis_reply_free(*r);
        *r = NULL;
    }
}

/* --- a batch ---------------------------------------------------------------------------------- */

void redis_batch_send(struct redis_batch *b)
{
    const char *key = NULL;
    for (size_t i = 0; i < b->count; i++) {
        const struct redis_command *c = &b->commands[b->which[i]];
        if (b->asking && b->asking[b->which[i]])
            redis_conn_queue(b->node->conn, 1, (const char *const[]){"ASKING"}, NULL);
        redis_conn_queue(b->node->conn, c->argc, c->argv, c->len);
        b->wait |= c->writes && b->node->target->replicas;
        if (c->writes && !key)
            key = c->key;
    }
    if (b->wait)
        queue_wait(b, key);
    redis_conn_flush(b->node->conn);
}

enum redis_batch_end redis_batch_read(struct redis_batch *b)
{
    struct redis_node *n = b->node;
    bool late = false;
    for (size_t i = 0; i < b->count && n->conn; i++) {
        if (b->asking && b->asking[b->which[i]])
            redis_reply_free(next_reply(n, &late));
        if (n->conn)
            b->replies[b->which[i]] = next_reply(n, &late);
    }
    bool sure = !b->wait || (n->conn && confirmed(b, &late));
    if (!sure)
        take_back_writes(b);
    if (!n->conn)
        return late ? BATCH_LATE : BATCH_LOST;
    return sure ? BATCH_ANSWERED : BATCH_UNCONFIRMED;
}

bool redis_reply_is_misplaced(const redisReply *r)
{
    static const char *const codes[] = {"LOADING ", "READONLY ", "MASTERDOWN ", "CLUSTERDOWN "};
    if (r->type != REDIS_REPLY_ERROR)
        return false;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (strncmp(r->str, codes[i], strlen(codes[i])) == 0)
            return true;
    /* What Redis before 7 makes of it inside a script. */
    return strncmp(r->str, "ERR Error running script", 24) == 0 && strstr(r->str, "-READONLY ");
}
