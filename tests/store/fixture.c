#include "tests/store/fixture.h"

static char last_path[256]; /* of the sqlite file of store_new() */

struct store *store_must_open(const char *url, uint32_t timeout_ms)
{
    char err[256] = "";
    struct store *s = store_open(url, &(struct store_opts){.timeout_ms = timeout_ms}, err, 256);
    if (!s)
        test_fail(__FILE__, __LINE__, "%s: %s", url, err);
    return s;
}

static struct store *open_last(void)
{
    char url[300];
    snprintf(url, sizeof(url), "sqlite:%s", last_path);
    return store_must_open(url, 5000);
}

struct store *store_new(const char *which)
{
    if (!strcmp(which, "sqlite")) {
        snprintf(last_path, sizeof(last_path), "%s/db.sqlite", temp_dir());
        return open_last();
    }
    redis_cli(redis_shared(), "flushall");
    return store_must_open(redis_shared()->url, 5000);
}

struct store *store_again(struct store *s)
{
    bool redis = !strcmp(store_name(s), "redis");
    store_close(s);
    return redis ? store_must_open(redis_shared()->url, 5000) : open_last();
}

struct store *store_again_beside(struct store *s)
{
    return store_must_open(redis_shared()->url, 5000);
}

enum store_result put(struct store *s, enum store_kind kind, const char *id, const void *data,
                      size_t len, struct store_pos *pos)
{
    struct store_op op = {.kind = kind, .id = id}, *ops = &op;
    buf_append(&op.data, data, len);
    if (pos)
        op.pos = *pos;
    store_run(s, &ops, 1);
    if (pos)
        *pos = op.pos;
    CHECK((op.result < 0) == (*op.error != '\0'));
    store_op_release(&op);
    return op.result;
}

enum store_result append(struct store *s, const char *id, const char *data, struct store_pos *pos)
{
    return put(s, STORE_APPEND, id, data, strlen(data), pos);
}

enum store_result put_fields(struct store *s, const char *id, const char *text,
                             const char *language)
{
    struct store_op op = {.kind = STORE_FIELDS, .id = id}, *ops = &op;
    op.has_text = text;
    op.has_language = language;
    if (text)
        buf_puts(&op.text, text);
    if (language)
        buf_puts(&op.language, language);
    store_run(s, &ops, 1);
    store_op_release(&op);
    return op.result;
}

enum store_result load(struct store *s, const char *id, struct store_op *op)
{
    *op = (struct store_op){.kind = STORE_LOAD, .id = id};
    store_run(s, &op, 1);
    return op->result;
}

void expect(struct store *s, const char *id, const char *snapshot, const char *updates)
{
    struct store_op op;
    struct buf joined = {0};
    CHECK_EQ(load(s, id, &op), STORE_OK);
    for (size_t i = 0; i < op.update_count; i++) {
        if (i)
            buf_putc(&joined, '|');
        buf_append(&joined, op.updates[i].data, op.updates[i].len);
    }
    CHECK_EQ(op.has_state, *snapshot || *updates);
    CHECK_STR(buf_str(&op.snapshot), snapshot);
    CHECK_STR(buf_str(&joined), updates);
    buf_release(&joined);
    store_op_release(&op);
}
