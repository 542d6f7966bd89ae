#include "store/redis_node.h"

#include "base/log.h"
#include "base/random.h"
#include "store/stream.h"

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
    char reason[480];
    snprintf(reason, sizeof(reason), "%s", why); /* may be the connection's, which goes */
    redis_node_drop(n, reason);
    n->delay_ms = n->delay_ms ? n->delay_ms * 2 : DELAY_MIN_MS;
    if (n->delay_ms > DELAY_MAX_MS)
        n->delay_ms = DELAY_MAX_MS;
    uint64_t wait = n->delay_ms / 2 + random_u64() % (n->delay_ms / 2 + 1);
    n->not_before = now + wait;
    if (n->logged && now - n->logged < LOG_EVERY_MS)
        return;
    n->logged = now;
    log_warn("redis cannot be reached", LOG_STR("error", reason), LOG_INT("retry_ms", wait));
}

static void connected(struct redis_node *n)
{
    if (n->was_connected)
        log_info("connected to redis again", LOG_STR("host", redis_conn_name(n->conn)),
                 LOG_STR("after", n->error));
    else
        log_info("connected to redis", LOG_STR("host", redis_conn_name(n->conn)));
    n->was_connected = true;
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
    if (n->delay_ms && stream_clock() < n->not_before)
        return false;
    n->conn = *w->host ? redis_conn_open(n->target, w->host, w->port, err, sizeof(err))
                       : redis_conn_dial(n->target, err, sizeof(err));
    if (n->conn)
        connected(n);
    else
        redis_node_fail(n, err);
    return n->conn;
}

void redis_node_explain(const struct redis_node *n, char *out, size_t len)
{
    uint64_t now = stream_clock();
    if (n->conn || !n->delay_ms || now >= n->not_before)
        snprintf(out, len, "%s", n->error);
    else
        snprintf(out, len, "%.400s (next attempt in %u ms)", n->error,
                 (unsigned)(n->not_before - now));
}

/* --- commands --------------------------------------------------------------------------------- */

void redis_node_queue(struct redis_node *n, const struct redis_command *c)
{
    redis_conn_queue(n->conn, c->argc, c->argv, c->len);
}

redisReply *redis_node_reply(struct redis_node *n, bool *late)
{
    redisReply *r = redis_conn_reply(n->conn);
    if (r)
        return r;
    *late = redis_conn_timed_out(n->conn);
    if (*late)
        redis_node_fail(n, redis_conn_error(n->conn));
    else
        redis_node_drop(n, redis_conn_error(n->conn));
    return NULL;
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

/* --- replicas --------------------------------------------------------------------------------- */

void redis_node_queue_wait(struct redis_node *n)
{
    char replicas[16], ms[16];
    /* WAIT has to give up before we do. */
    snprintf(ms, sizeof(ms), "%u", n->target->timeout_ms - n->target->timeout_ms / 4);
    snprintf(replicas, sizeof(replicas), "%u", n->target->replicas);
    redis_conn_queue(n->conn, 3, (const char *const[]){"WAIT", replicas, ms}, NULL);
}

int redis_node_confirmed(struct redis_node *n, bool *late)
{
    redisReply *r = redis_node_reply(n, late);
    if (!r)
        return -1;
    long long have = r->type == REDIS_REPLY_INTEGER ? r->integer : 0;
    if (r->type == REDIS_REPLY_ERROR)
        snprintf(n->error, sizeof(n->error), "wait for replicas: %.200s", r->str);
    else if (have < n->target->replicas)
        snprintf(n->error, sizeof(n->error), "only %lld of %u replicas confirmed the write", have,
                 n->target->replicas);
    freeReplyObject(r);
    return have >= n->target->replicas;
}
