#include "store/store.h"

#include "base/mem.h"
#include "base/random.h"
#include "redis/link.h"
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 5000
/* What a double holds exactly: Redis' scripts calculate with them. */
#define EXPIRES_MAX (UINT64_C(1) << 53)

static bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

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
    for (size_t i = 0; i < op->link_count; i++)
        buf_release(&op->links[i].about);
    free(op->links);
    op->links = NULL;
    op->link_count = 0;
}

void store_fail(struct store_op *op, enum store_result result, const char *error)
{
    op->result = result;
    snprintf(op->error, sizeof(op->error), "%s", error);
}

/* --- keys and links --------------------------------------------------------------------------- */

bool store_link_hash_ok(const void *hash, size_t len)
{
    const char *s = hash;
    if (len != STORE_LINK_HASH_LEN)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!(s[i] >= '0' && s[i] <= '9') && !(s[i] >= 'a' && s[i] <= 'f'))
            return false;
    return true;
}

static bool is_all(const struct buf *b)
{
    return b->len == 1 && *b->data == '*';
}

/* Redis has one space of keys: a bytecrowd must not be reached as if it were one. */
static bool key_ok(const char *key)
{
    return key && *key && strlen(key) <= STORE_KEY_MAX && !starts(key, "bytecrowd") &&
           !starts(key, "{bytecrowd");
}

static bool is_about_link(const struct store_op *op)
{
    return op->kind == STORE_LINK_ADD || op->kind == STORE_LINK_REMOVE ||
           op->kind == STORE_LINK_FIND;
}

bool store_check(struct store_op *op)
{
    bool ok = true;
    if (op->expires_ms > EXPIRES_MAX)
        op->expires_ms = EXPIRES_MAX;
    if (op->kind == STORE_GET || op->kind == STORE_SET || op->kind == STORE_DELETE)
        ok = key_ok(op->key);
    else if (is_about_link(op))
        ok = store_link_hash_ok(op->data.data, op->data.len) ||
             (op->kind == STORE_LINK_REMOVE && is_all(&op->data));
    if (!ok)
        store_fail(op, STORE_CORRUPT,
                   is_about_link(op) ? "this is no hash of a link" : "this cannot be a key");
    return ok;
}

bool store_add_link(struct store_op *op, const void *hash, size_t hash_len, const void *about,
                    size_t about_len)
{
    if (!store_link_hash_ok(hash, hash_len))
        return false;
    if ((op->link_count & (op->link_count - 1)) == 0)
        op->links =
            xrealloc(op->links, (op->link_count ? op->link_count * 2 : 1) * sizeof(*op->links));
    struct store_link *l = &op->links[op->link_count++];
    *l = (struct store_link){0};
    memcpy(l->hash, hash, hash_len);
    buf_append(&l->about, about, about_len);
    return true;
}

/* --- opening ---------------------------------------------------------------------------------- */

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
