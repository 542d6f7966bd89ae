/* Any bytes as the answer of the REST interface: refused with a reason and nothing left behind, or
 * replies to all commands, which are the same again when they are written as an answer and read. */
#include "base/base64.h"
#include "redis/rest_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *string(const char *s, size_t len)
{
    struct buf b = {0};
    base64_encode(&b, s, len);
    json_t *j = json_stringn(b.len ? (const char *)b.data : "", b.len);
    buf_release(&b);
    return j;
}

/* Recursion is bounded by REST_DEPTH_MAX, or this overflows. */
static json_t *result_of(const redisReply *r)
{
    json_t *array;
    switch (r->type) {
    case REDIS_REPLY_NIL:
        return json_null();
    case REDIS_REPLY_INTEGER:
        return json_integer(r->integer);
    case REDIS_REPLY_STATUS:
        return json_string(r->str);
    case REDIS_REPLY_STRING:
        return string(r->str, (size_t)r->len);
    case REDIS_REPLY_ARRAY:
        array = json_array();
        for (size_t i = 0; i < r->elements; i++)
            json_array_append_new(array, result_of(r->element[i]));
        return array;
    }
    abort();
}

static json_t *answer_of(redisReply **replies, size_t n)
{
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        const redisReply *r = replies[i];
        json_t *entry = json_object();
        if (r->str && r->str[r->len])
            abort(); /* not terminated */
        if (r->type == REDIS_REPLY_ERROR)
            json_object_set_new(entry, "error", json_string(r->str));
        else
            json_object_set_new(entry, "result", result_of(r));
        json_array_append_new(all, entry);
    }
    return all;
}

static void free_all(redisReply **replies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        freeReplyObject(replies[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redisReply *replies[4], *again[4];
    char err[160] = "";
    if (!size)
        return 0;
    size_t n = data[0] % 4 + 1;
    if (rest_read_answer(data + 1, size - 1, n, replies, err, sizeof(err)) < 0) {
        for (size_t i = 0; i < n; i++)
            if (replies[i])
                abort();
        if (!*err)
            abort();
        return 0;
    }
    json_t *first = answer_of(replies, n);
    char *text = json_dumps(first, 0);
    if (!text || rest_read_answer(text, strlen(text), n, again, err, sizeof(err)) < 0)
        abort();
    json_t *second = answer_of(again, n);
    if (!json_equal(first, second))
        abort();
    json_decref(first);
    json_decref(second);
    free(text);
    free_all(replies, n);
    free_all(again, n);
    return 0;
}
