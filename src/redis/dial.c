#include "base/random.h"
#include "redis/conn.h"
#include "redis/sentinel.h"
#include "redis/stream.h"

#include <stdio.h>
#include <string.h>

/* A node that was taken out of its Cluster, or is cut off with a minority, would hear nothing that is
 * published on the others. Who may not ask is believed. */
static bool in_working_cluster(struct redis_conn *c, char *err, size_t err_len)
{
    redisReply *r = redis_conn_call(c, 2, (const char *const[]){"CLUSTER", "INFO"});
    bool off = r && r->type == REDIS_REPLY_ERROR && strstr(r->str, "cluster support disabled");
    bool down = r && r->type == REDIS_REPLY_STRING && strstr(r->str, "cluster_state:fail");
    if (!r)
        snprintf(err, err_len, "%s", redis_conn_error(c));
    else if (off || down)
        snprintf(err, err_len, "%s: %s", redis_conn_name(c),
                 off ? "no Cluster (use redis://)" : "its Cluster is down");
    bool works = r && !off && !down;
    redis_reply_free(r);
    return works;
}

/* From anywhere in the list, so that many servers do not all hang on the first. The time is shared
 * out as in stream.c: one that is silent must not take that of the others. */
static struct redis_conn *dial_cluster(const struct redis_target *t, char *err, size_t err_len)
{
    uint64_t deadline = stream_clock() + t->timeout_ms, left = t->url.host_count;
    size_t first = (size_t)(random_u64() % left);
    for (; left; left--) {
        const struct redis_host *h = &t->url.hosts[(first + left) % t->url.host_count];
        uint64_t now = stream_clock();
        uint32_t ms = now < deadline ? (uint32_t)((deadline - now) / left) : 0;
        struct redis_conn *c = redis_conn_open_within(t, h->host, h->port, ms, err, err_len);
        if (c && in_working_cluster(c, err, err_len))
            return c;
        redis_conn_close(c);
    }
    return NULL;
}

static struct redis_conn *dial_master(const struct redis_target *t, char *err, size_t err_len)
{
    struct redis_sentinels *s = redis_sentinels_new(t);
    struct redis_conn *c = redis_sentinels_dial(s, err, err_len);
    redis_sentinels_free(s);
    return c;
}

struct redis_conn *redis_conn_dial(const struct redis_target *t, char *err, size_t err_len)
{
    const struct redis_host *h = t->url.hosts;
    switch (t->url.mode) {
    case REDIS_SINGLE:
        return *t->url.path ? redis_conn_open(t, NULL, 0, err, err_len)
                            : redis_conn_open(t, h->host, h->port, err, err_len);
    case REDIS_SENTINEL:
        return dial_master(t, err, err_len);
    case REDIS_CLUSTER:
        return dial_cluster(t, err, err_len);
    case REDIS_REST:
        break;
    }
    snprintf(err, err_len, "the REST interface has no connections");
    return NULL;
}
