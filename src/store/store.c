#include "store/store.h"

#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 5000

void store_op_release(struct store_op *op)
{
    buf_release(&op->data);
    buf_release(&op->text);
    buf_release(&op->language);
    buf_release(&op->snapshot);
    for (size_t i = 0; i < op->update_count; i++)
        buf_release(&op->updates[i]);
    free(op->updates);
    op->updates = NULL;
    op->update_count = 0;
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

struct store *store_open(const char *url, const struct store_opts *opts, char *err, size_t err_len)
{
    struct store_opts o = opts ? *opts : (struct store_opts){0};
    if (!o.timeout_ms)
        o.timeout_ms = TIMEOUT_MS;
    if (starts(url, "sqlite:"))
        return sqlite_open(url + strlen("sqlite:"), &o, err, err_len);
    if (starts(url, "redis://") || starts(url, "redis+unix://"))
        return redis_open(url, &o, err, err_len);
    /* Not the URL itself: it may hold a password. */
    snprintf(err, err_len, "must begin with sqlite:, redis:// or redis+unix://");
    return NULL;
}

void store_run(struct store *s, struct store_op **ops, size_t n)
{
    s->impl->run(s, ops, n);
}

const char *store_name(const struct store *s)
{
    return s->impl->name;
}

void store_close(struct store *s)
{
    if (s)
        s->impl->close(s);
}
