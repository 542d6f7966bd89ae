#include "redis/link.h"

#include "base/mem.h"
#include "redis/link_int.h"
#include "redis/node.h"
#include "redis/sentinel.h"
#include "redis/tls.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- one server, or the master that Sentinels know --------------------------------------------- */

struct single_link {
    struct redis_link base;
    struct redis_target target;
    struct redis_node node;
};

/* Replies that say that this is not the server to ask are none. */
static void refuse_misplaced(struct redis_node *n, size_t count, redisReply **replies)
{
    char why[480] = "";
    for (size_t i = 0; i < count; i++) {
        if (!replies[i] || !redis_reply_is_misplaced(replies[i]))
            continue;
        snprintf(why, sizeof(why), "%s: %.200s", n->conn ? redis_conn_name(n->conn) : "redis",
                 replies[i]->str);
        redis_reply_free(replies[i]);
        replies[i] = NULL;
    }
    if (*why)
        redis_node_drop(n, why);
}

/* Sends what has no reply yet; whether what has none now may be sent once more. */
static bool pass(struct redis_node *n, const struct redis_command *c, size_t count,
                 redisReply **replies)
{
    struct redis_batch b = {.node = n, .commands = c, .replies = replies};
    b.which = xcalloc(count, sizeof(*b.which));
    for (size_t i = 0; i < count; i++)
        if (!replies[i])
            b.which[b.count++] = i;
    redis_batch_send(&b);
    enum redis_batch_end end = redis_batch_read(&b);
    free(b.which);
    return end == BATCH_LOST;
}

static void run_single(struct redis_link *l, const struct redis_command *c, size_t n,
                       redisReply **replies)
{
    struct single_link *s = (struct single_link *)l;
    struct redis_node *node = &s->node;
    if (node->sentinels && node->conn && redis_sentinels_moved(node->sentinels))
        redis_node_drop(node, "another server has become the master");
    bool again = n > 0;
    for (int sent = 0; again && sent < 2 && redis_node_connect(node); sent++)
        again = pass(node, c, n, replies);
    refuse_misplaced(node, n, replies);
    for (size_t i = 0; i < n && !*l->error; i++)
        if (!replies[i])
            redis_node_explain(node, l->error, sizeof(l->error));
}

static void close_single(struct redis_link *l)
{
    struct single_link *s = (struct single_link *)l;
    redis_conn_close(s->node.conn);
    redis_sentinels_free(s->node.sentinels);
    free(s);
}

static const struct redis_link_impl single = {run_single, close_single};

static struct redis_link *open_single(const struct redis_target *t)
{
    struct single_link *s = xcalloc(1, sizeof(*s));
    s->base.impl = &single;
    s->target = *t;
    s->node.target = &s->target;
    s->node.generation = &s->base.generation;
    if (t->url.mode == REDIS_SENTINEL)
        s->node.sentinels = redis_sentinels_new(&s->target);
    return &s->base;
}

/* --- any link --------------------------------------------------------------------------------- */

void redis_arg(struct redis_command *c, const void *p, size_t len)
{
    assert(c->argc < REDIS_ARGS_MAX);
    c->argv[c->argc] = p ? p : "";
    c->len[c->argc++] = len;
}

void redis_arg_str(struct redis_command *c, const char *s)
{
    redis_arg(c, s, strlen(s));
}

struct redis_link *redis_link_open(const struct redis_target *t, char *err, size_t err_len)
{
    struct tls_files files = {t->tls_ca, t->tls_cert, t->tls_key};
    if (t->url.mode == REDIS_REST)
        return rest_link_open(t, err, err_len);
    if (t->url.tls && tls_check(&files, err, err_len) < 0)
        return NULL;
    return t->url.mode == REDIS_CLUSTER ? cluster_link_open(t) : open_single(t);
}

void redis_link_run(struct redis_link *l, const struct redis_command *c, size_t n,
                    redisReply **replies)
{
    for (size_t i = 0; i < n; i++)
        replies[i] = NULL;
    *l->error = '\0';
    l->impl->run(l, c, n, replies);
}

void redis_reply_free(redisReply *r)
{
    freeReplyObject(r);
}

const char *redis_link_error(const struct redis_link *l)
{
    return l->error;
}

uint32_t redis_link_generation(const struct redis_link *l)
{
    return l->generation;
}

void redis_link_close(struct redis_link *l)
{
    if (l)
        l->impl->close(l);
}
