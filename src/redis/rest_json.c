#include "redis/rest_json.h"

#include "base/base64.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- writing ---------------------------------------------------------------------------------- */

static void write_string(struct buf *out, const char *s, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t plain = 0; /* where the bytes begin that are copied as they are */
    buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, s + plain, i - plain);
        plain = i + 1;
        if (c < 0x20)
            buf_append(out, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
        else
            buf_append(out, (char[]){'\\', (char)c}, 2);
    }
    buf_append(out, s + plain, len - plain);
    buf_putc(out, '"');
}

bool rest_write_command(struct buf *out, const struct redis_command *c)
{
    for (int i = 0; i < c->argc; i++)
        if (!utf8_valid(c->argv[i], c->len[i]))
            return false;
    buf_putc(out, '[');
    for (int i = 0; i < c->argc; i++) {
        if (i)
            buf_putc(out, ',');
        write_string(out, c->argv[i], c->len[i]);
    }
    buf_putc(out, ']');
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

static redisReply *reply_new(int type)
{
    redisReply *r = calloc(1, sizeof(*r));
    if (!r)
        abort();
    r->type = type;
    return r;
}

/* Takes what the buffer holds. */
static redisReply *string_reply(int type, struct buf *b)
{
    redisReply *r = reply_new(type);
    buf_str(b);
    r->str = (char *)b->data;
    r->len = b->len;
    return r;
}

redisReply *rest_error_reply(const char *text)
{
    struct buf b = {0};
    buf_puts(&b, text);
    return string_reply(REDIS_REPLY_ERROR, &b);
}

static redisReply *read_string(const json_t *j, bool top)
{
    const char *s = json_string_value(j);
    size_t len = json_string_length(j);
    struct buf b = {0};
    if (top && len == 2 && memcmp(s, "OK", 2) == 0) {
        buf_puts(&b, "OK");
        return string_reply(REDIS_REPLY_STATUS, &b);
    }
    if (base64_decode(&b, s, len))
        return string_reply(REDIS_REPLY_STRING, &b);
    buf_release(&b);
    return NULL;
}

/* An array with its elements still missing, or the whole of anything else; NULL if Redis has no
 * such value. */
static redisReply *read_value(const json_t *j, bool top)
{
    redisReply *r;
    switch (json_typeof(j)) {
    case JSON_NULL:
        return reply_new(REDIS_REPLY_NIL);
    case JSON_INTEGER:
        r = reply_new(REDIS_REPLY_INTEGER);
        r->integer = json_integer_value(j);
        return r;
    case JSON_STRING:
        return read_string(j, top);
    case JSON_ARRAY:
        r = reply_new(REDIS_REPLY_ARRAY);
        r->elements = json_array_size(j);
        r->element = calloc(r->elements ? r->elements : 1, sizeof(*r->element));
        if (!r->element)
            abort();
        return r;
    default:
        return NULL;
    }
}

struct level {
    const json_t *array;
    redisReply *reply;
    size_t next;
};

static redisReply *read_result(const json_t *top)
{
    struct level stack[REST_DEPTH_MAX];
    size_t depth = 0;
    redisReply *root = read_value(top, true);
    if (root && root->type == REDIS_REPLY_ARRAY)
        stack[depth++] = (struct level){top, root, 0};
    while (depth) {
        struct level *at = &stack[depth - 1];
        if (at->next == at->reply->elements) {
            depth--;
            continue;
        }
        const json_t *j = json_array_get(at->array, at->next);
        redisReply *r = read_value(j, false);
        at->reply->element[at->next++] = r;
        bool deeper = r && r->type == REDIS_REPLY_ARRAY;
        if (!r || (deeper && depth == REST_DEPTH_MAX)) {
            freeReplyObject(root);
            return NULL;
        }
        if (deeper)
            stack[depth++] = (struct level){j, r, 0};
    }
    return root;
}

/* {"result":...} or {"error":"..."} */
static redisReply *read_entry(const json_t *j)
{
    const json_t *error = json_object_get(j, "error"), *result = json_object_get(j, "result");
    if (json_is_string(error))
        return rest_error_reply(json_string_value(error));
    return result ? read_result(result) : NULL;
}

static int read_entries(const json_t *top, size_t n, redisReply **replies, char *err,
                        size_t err_len)
{
    const json_t *error = json_object_get(top, "error");
    if (!json_is_string(error) && json_array_size(top) != n) {
        snprintf(err, err_len, "the answer is not one to %zu commands", n);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        replies[i] =
            error ? rest_error_reply(json_string_value(error)) : read_entry(json_array_get(top, i));
        if (replies[i])
            continue;
        while (i)
            freeReplyObject(replies[--i]), replies[i] = NULL;
        snprintf(err, err_len, "the answer is not in base64, or holds what Redis does not have");
        return -1;
    }
    return 0;
}

int rest_read_answer(const void *body, size_t len, size_t n, redisReply **replies, char *err,
                     size_t err_len)
{
    json_error_t where;
    for (size_t i = 0; i < n; i++)
        replies[i] = NULL;
    json_t *top = json_loadb(body, len, JSON_ALLOW_NUL, &where);
    if (!top) {
        snprintf(err, err_len, "the answer is not JSON: %.100s", where.text);
        return -1;
    }
    int result = read_entries(top, n, replies, err, err_len);
    json_decref(top);
    return result;
}

bool rest_read_error(const void *body, size_t len, char *out, size_t out_len)
{
    json_t *top = json_loadb(body, len, JSON_ALLOW_NUL, NULL);
    const char *text = json_string_value(json_object_get(top, "error"));
    if (text)
        snprintf(out, out_len, "%s", text);
    json_decref(top);
    return text;
}
