#include "store/store.h"

#include "base/random.h"
#include "redis/link.h"
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 5000

static void release_all(struct buf **list, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        buf_release(&(*list)[i]);
    free(*list);
    *list = NULL;
    *count = 0;
}

void store_op_release(struct store_op *op)
{
    buf_release(&op->data);
    buf_release(&op->text);
    buf_release(&op->language);
    buf_release(&op->emails);
    buf_release(&op->snapshot);
    release_all(&op->updates, &op->update_count);
    buf_release(&op->cursor);
    release_all(&op->names, &op->name_count);
}

void store_fail(struct store_op *op, enum store_result result, const char *error)
{
    op->result = result;
    snprintf(op->error, sizeof(op->error), "%s", error);
}

static bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static struct store *open_by_url(const char *url, const struct store_opts *o, char *err,
                                 size_t err_len)
{
    static const char *const redis[] = {
        "redis://",          "rediss://",          "redis+unix://",
        "redis+sentinel://", "rediss+sentinel://", "redis+cluster://",
        "rediss+cluster://", "https://",           "http://",
    };
    if (starts(url, "sqlite:"))
        return sqlite_open(url + strlen("sqlite:"), o, err, err_len);
    for (size_t i = 0; i < sizeof(redis) / sizeof(redis[0]); i++)
        if (starts(url, redis[i]))
            return redis_open(url, o, err, err_len);
    /* Not the URL itself: it may hold a password. */
    snprintf(err, err_len,
             "must begin with sqlite:, redis://, rediss://, redis+unix://, redis+sentinel://, "
             "redis+cluster:// or https://");
    return NULL;
}

struct store *store_open(const char *url, const struct store_opts *opts, char *err, size_t err_len)
{
    struct store_opts o = opts ? *opts : (struct store_opts){0};
    if (!o.timeout_ms)
        o.timeout_ms = TIMEOUT_MS;
    struct store *s = open_by_url(url, &o, err, err_len);
    if (s)
        s->node = random_u64();
    return s;
}

void store_run(struct store *s, struct store_op **ops, size_t n)
{
    s->impl->run(s, ops, n);
}

const char *store_name(const struct store *s)
{
    return s->impl->name;
}

uint64_t store_node(const struct store *s)
{
    return s->node;
}

size_t store_max_value(const struct store *s)
{
    return s->max_value ? s->max_value : SIZE_MAX;
}

bool store_waits(const struct store *s)
{
    return s->impl->target && s->impl->target(s)->replicas;
}

void store_close(struct store *s)
{
    if (s)
        s->impl->close(s);
}
