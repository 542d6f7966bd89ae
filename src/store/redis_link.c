#include "store/redis_link.h"

#include "base/mem.h"
#include "store/redis_link_int.h"
#include "store/redis_node.h"
#include "store/stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a link to one server --------------------------------------------------------------------- */

struct single_link {
    struct redis_link base;
    struct redis_target target;
    struct redis_node node;
};

static void unanswer(const struct redis_command *c, size_t n, redisReply **replies)
{
    for (size_t i = 0; i < n; i++) {
        if (!c[i].writes)
            continue;
        redis_reply_free(replies[i]);
        replies[i] = NULL;
    }
}

/* Sends what has no reply yet; whether it has to be sent once more. */
static bool pass(struct redis_node *node, const struct redis_command *c, size_t n,
                 redisReply **replies)
{
    bool wait = false, late = false, misplaced = false;
    size_t asked = 0, *which = xcalloc(n, sizeof(*which));
    for (size_t i = 0; i < n; i++) {
        if (replies[i])
            continue;
        redis_node_queue(node, &c[i]);
        wait |= c[i].writes && node->target->replicas;
        which[asked++] = i;
    }
    if (wait)
        redis_node_queue_wait(node);
    for (size_t i = 0; i < asked && node->conn; i++) {
        redisReply *r = redis_node_reply(node, &late);
        if (r && redis_reply_is_misplaced(r)) {
            snprintf(node->error, sizeof(node->error), "%s: %.200s", redis_conn_name(node->conn),
                     r->str);
            misplaced = true;
            redis_reply_free(r);
            continue;
        }
        replies[which[i]] = r;
    }
    free(which);
    if (wait && node->conn && redis_node_confirmed(node, &late) == 0) {
        unanswer(c, n, replies);
        return false;
    }
    if (!node->conn) {
        if (wait)
            unanswer(c, n, replies);
        return !late;
    }
    if (misplaced)
        redis_node_drop(node, node->error);
    return false;
}

static void run_single(struct redis_link *l, const struct redis_command *c, size_t n,
                       redisReply **replies)
{
    struct single_link *s = (struct single_link *)l;
    bool again = n > 0;
    for (int sent = 0; again && sent < 2; sent++) {
        if (!redis_node_connect(&s->node))
            break;
        again = pass(&s->node, c, n, replies);
    }
    for (size_t i = 0; i < n && !*l->error; i++)
        if (!replies[i])
            redis_node_explain(&s->node, l->error, sizeof(l->error));
}

static void close_single(struct redis_link *l)
{
    struct single_link *s = (struct single_link *)l;
    redis_conn_close(s->node.conn);
    free(s);
}

static const struct redis_link_impl single = {run_single, close_single};

static struct redis_link *open_single(const struct redis_target *t)
{
    struct single_link *s = xcalloc(1, sizeof(*s));
    s->base.impl = &single;
    s->target = *t;
    s->node = (struct redis_node){.target = &s->target, .generation = &s->base.generation};
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
    if (t->url.mode == REDIS_SINGLE)
        return open_single(t);
    snprintf(err, err_len, "not built yet");
    return NULL;
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
