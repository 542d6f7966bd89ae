#include "store/record.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* --- writing ---------------------------------------------------------------------------------- */

static void put_base64(struct buf *out, const struct buf *b)
{
    buf_putc(out, '"');
    base64_encode(out, b->data, b->len);
    buf_putc(out, '"');
}

static void put_escaped(struct buf *out, uint8_t c)
{
    static const char from[] = "\n\t\r\"\\", to[] = "ntr\"\\";
    const char *at = c ? strchr(from, c) : NULL;
    if (at)
        buf_printf(out, "\\%c", to[at - from]);
    else
        buf_printf(out, "\\u%04x", c);
}

static void put_string(struct buf *out, const void *data, size_t len)
{
    const uint8_t *p = data;
    size_t from = 0;
    buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (p[i] >= 0x20 && p[i] != '"' && p[i] != '\\')
            continue;
        buf_append(out, p + from, i - from);
        put_escaped(out, p[i]);
        from = i + 1;
    }
    if (len)
        buf_append(out, p + from, len - from);
    buf_putc(out, '"');
}

static void put_text(struct buf *out, const char *key, const void *data, size_t len)
{
    buf_puts(out, key);
    if (!len || utf8_valid(data, len)) {
        put_string(out, data, len);
        return;
    }
    buf_puts(out, "{\"base64\":\"");
    base64_encode(out, data, len);
    buf_puts(out, "\"}");
}

void record_put_head(struct buf *out, const char *store)
{
    buf_printf(out, "{\"bytecrowds-export\":%d", RECORD_VERSION);
    put_text(out, ",\"store\":", store, strlen(store));
    buf_puts(out, "}\n");
}

void record_put_crowd(struct buf *out, const struct store_op *op)
{
    put_text(out, "{\"id\":", op->id, strlen(op->id));
    if (op->snapshot.len) {
        buf_puts(out, ",\"snapshot\":");
        put_base64(out, &op->snapshot);
    }
    for (size_t i = 0; i < op->update_count; i++) {
        buf_puts(out, i ? "," : ",\"updates\":[");
        put_base64(out, &op->updates[i]);
    }
    if (op->update_count)
        buf_putc(out, ']');
    if (op->has_text)
        put_text(out, ",\"text\":", op->text.data, op->text.len);
    if (op->has_language)
        put_text(out, ",\"language\":", op->language.data, op->language.len);
    if (op->has_emails)
        put_text(out, ",\"authorizedEmails\":", op->emails.data, op->emails.len);
    for (size_t i = 0; i < op->link_count; i++) {
        buf_printf(out, "%s\"%s\"", i ? "," : ",\"links\":{", op->links[i].hash);
        put_text(out, ":", op->links[i].about.data, op->links[i].about.len);
    }
    buf_puts(out, op->link_count ? "}}\n" : "}\n");
}

void record_put_key(struct buf *out, const struct store_op *op)
{
    put_text(out, "{\"key\":", op->key, strlen(op->key));
    put_text(out, ",\"value\":", op->data.data, op->data.len);
    if (op->expires_ms)
        buf_printf(out, ",\"expires\":%" PRIu64, op->expires_ms);
    buf_puts(out, "}\n");
}

void record_put_tail(struct buf *out, uint64_t count, uint64_t keys)
{
    buf_printf(out, "{\"bytecrowds\":%" PRIu64, count);
    if (keys)
        buf_printf(out, ",\"keys\":%" PRIu64, keys);
    buf_puts(out, "}\n");
}

bool record_is_nothing(const struct store_op *op)
{
    return !op->snapshot.len && !op->update_count && !op->has_text && !op->has_language &&
           !op->has_emails && !op->link_count;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What is wrong, or NULL. */
static const char *take_base64(const json_t *value, struct buf *out)
{
    if (!json_is_string(value))
        return "has something else where base64 should be";
    if (!base64_decode(out, json_string_value(value), json_string_length(value)))
        return "has base64 that is none";
    return NULL;
}

static const char *take_text(const json_t *value, struct buf *out)
{
    if (json_is_string(value)) {
        buf_append(out, json_string_value(value), json_string_length(value));
        return NULL;
    }
    const json_t *inner = json_object_get(value, "base64");
    if (!inner || json_object_size(value) != 1)
        return "has something else where a text should be";
    return take_base64(inner, out);
}

static const char *take_field(const json_t *value, struct buf *out, bool *has)
{
    *has = true;
    return take_text(value, out);
}

static const char *take_snapshot(const json_t *value, struct store_op *op)
{
    const char *wrong = take_base64(value, &op->snapshot);
    return wrong || op->snapshot.len ? wrong : "has an empty snapshot";
}

static const char *take_updates(const json_t *value, struct store_op *op)
{
    size_t n = json_array_size(value);
    const char *wrong = NULL;
    if (!n)
        return "has updates that are no list";
    op->updates = xcalloc(n, sizeof(*op->updates));
    op->update_count = n;
    for (size_t i = 0; i < n && !wrong; i++)
        wrong = take_base64(json_array_get(value, i), &op->updates[i]);
    return wrong;
}

static const char *take_id(const json_t *value, struct record *r, const char **id)
{
    const char *wrong = take_text(value, &r->id);
    if (wrong)
        return wrong;
    if (!r->id.len || r->id.len > RECORD_ID_MAX || memchr(r->id.data, '\0', r->id.len))
        return "has an id that cannot be";
    *id = buf_str(&r->id);
    return NULL;
}

static const char *take_links(json_t *value, struct store_op *op)
{
    const char *hash, *wrong = NULL;
    json_t *about;
    size_t n = json_object_size(value);
    if (!n || n > STORE_LINKS_MAX)
        return "has links that are none, or too many";
    op->links = xcalloc(n, sizeof(*op->links));
    json_object_foreach(value, hash, about)
    {
        if (!store_link_hash_ok(hash, strlen(hash)))
            return "has a link that is none";
        struct store_link *l = &op->links[op->link_count++];
        memcpy(l->hash, hash, STORE_LINK_HASH_LEN);
        if ((wrong = take_text(about, &l->about)))
            break;
    }
    return wrong;
}

static const char *take_member(struct record *r, const char *key, json_t *value)
{
    struct store_op *op = &r->op;
    if (strcmp(key, "id") == 0)
        return take_id(value, r, &op->id);
    if (strcmp(key, "snapshot") == 0)
        return take_snapshot(value, op);
    if (strcmp(key, "updates") == 0)
        return take_updates(value, op);
    if (strcmp(key, "text") == 0)
        return take_field(value, &op->text, &op->has_text);
    if (strcmp(key, "language") == 0)
        return take_field(value, &op->language, &op->has_language);
    if (strcmp(key, "authorizedEmails") == 0)
        return take_field(value, &op->emails, &op->has_emails);
    if (strcmp(key, "links") == 0)
        return take_links(value, op);
    return "has what this version does not know";
}

static const char *take_crowd(struct record *r, json_t *line)
{
    const char *key, *wrong = NULL;
    json_t *value;
    r->kind = RECORD_CROWD;
    r->op.kind = STORE_IMPORT;
    json_object_foreach(line, key, value)
    {
        if ((wrong = take_member(r, key, value)))
            return wrong;
    }
    if (!r->op.id)
        return "is none of a bytecrowd";
    if (record_is_nothing(&r->op))
        return "has a bytecrowd with nothing in it";
    r->op.has_state = r->op.snapshot.len || r->op.update_count;
    return NULL;
}

static const char *take_key(struct record *r, const json_t *line)
{
    const json_t *value = json_object_get(line, "value"),
                 *expires = json_object_get(line, "expires");
    r->kind = RECORD_KEY;
    r->op.kind = STORE_SET;
    r->op.if_absent = true;
    if (!value || json_object_size(line) != (expires ? 3 : 2))
        return "has what this version does not know";
    if (expires && (!json_is_integer(expires) || json_integer_value(expires) <= 0))
        return "has an end that is none";
    if (expires)
        r->op.expires_ms = (uint64_t)json_integer_value(expires);
    const char *wrong = take_id(json_object_get(line, "key"), r, &r->op.key);
    return wrong ? wrong : take_text(value, &r->op.data);
}

static const char *take_head(struct record *r, const json_t *line, const json_t *version)
{
    r->kind = RECORD_HEAD;
    if (!json_is_integer(version) || json_integer_value(version) < 1)
        return "has a version that is none";
    if (json_integer_value(version) > RECORD_VERSION)
        return "says that a newer bytecrowds wrote it";
    if (json_object_size(line) != 2)
        return "has what this version does not know";
    r->version = (int)json_integer_value(version);
    return take_text(json_object_get(line, "store"), &r->store);
}

static bool take_count(const json_t *count, uint64_t *out)
{
    if (!json_is_integer(count) || json_integer_value(count) < 0)
        return false;
    *out = (uint64_t)json_integer_value(count);
    return true;
}

static const char *take_tail(struct record *r, const json_t *line, const json_t *count)
{
    const json_t *keys = json_object_get(line, "keys");
    r->kind = RECORD_TAIL;
    if (json_object_size(line) != (keys ? 2 : 1))
        return "has what this version does not know";
    if (!take_count(count, &r->count) || (keys && !take_count(keys, &r->keys)))
        return "has a count that is none";
    return NULL;
}

enum record_kind record_read(struct record *out, const void *line, size_t len, char *err,
                             size_t err_len)
{
    json_error_t where;
    const json_t *member;
    const char *wrong;
    *out = (struct record){0};
    json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    if (!json_is_object(root))
        wrong = "is none of an export";
    else if ((member = json_object_get(root, "bytecrowds-export")))
        wrong = take_head(out, root, member);
    else if ((member = json_object_get(root, "bytecrowds")))
        wrong = take_tail(out, root, member);
    else if (json_object_get(root, "key"))
        wrong = take_key(out, root);
    else
        wrong = take_crowd(out, root);
    json_decref(root);
    if (!wrong)
        return out->kind;
    snprintf(err, err_len, "%s", wrong);
    return out->kind = RECORD_BAD;
}

void record_release(struct record *r)
{
    buf_release(&r->store);
    buf_release(&r->id);
    store_op_release(&r->op);
    *r = (struct record){0};
}
