/* Any bytes as an awareness state: if they are JSON, nobody but the server has said who somebody is, once
 * it is through; what comes out is JSON, and the same when it goes through again. jansson is the second
 * reader. Other bytes only must not be read beyond their end. */
#include "proto/awareness.h"
#include "proto/mark.h"
#include "y/y.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct awareness_identity people[] = {
    {"Ada", "ada@x.example"}, {"", "\"}\\@\xc3\xa9"}, {"A\"}\xe2\x82\xac\n", ""}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The state after the server: a copy, exactly allocated. */
static char *through(const char *state, size_t len, const struct awareness_identity *who,
                     size_t *out_len)
{
    struct buf b = {0};
    if (!mark_rewrite(state, len, who, &b)) {
        if (b.len)
            abort();
        buf_append(&b, state, len);
    }
    char *p = malloc(b.len ? b.len : 1);
    if (b.len)
        memcpy(p, b.data, b.len);
    *out_len = b.len;
    buf_release(&b);
    return p;
}

static bool is(json_t *user, const char *name, const char *want)
{
    json_t *v = json_object_get(user, name);
    return want ? json_is_string(v) && !strcmp(json_string_value(v), want) : !v;
}

static void check_jansson(const char *state, size_t len, const struct awareness_identity *who)
{
    json_t *j = json_loadb(state, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    const char *email = mark_email(who);
    json_t *user = json_object_get(j, "user");
    if (!email && (!is(user, "email", NULL) || !is(user, "verified", NULL)))
        abort();
    if (who && json_is_object(j)) {
        if (!is(user, "name", *who->name ? who->name : email))
            abort();
        if (email &&
            (!is(user, "email", email) || !json_is_true(json_object_get(user, "verified"))))
            abort();
    }
    json_decref(j);
}

static void check(const char *state, size_t len, const struct awareness_identity *who)
{
    size_t once_len, twice_len;
    char *once = through(state, len, who, &once_len);
    char *twice = through(once, once_len, who, &twice_len);
    struct json_text email;
    struct json_members it;
    if (!y_json_valid(once, once_len) || once_len != twice_len ||
        memcmp(once, twice, once_len) != 0)
        abort();
    bool marked = mark_read(once, once_len, &email);
    if (marked != (mark_email(who) && json_members(once, once_len, &it)))
        abort();
    if (marked && !json_text_is(email, who->email, strlen(who->email)))
        abort();
    check_jansson(once, once_len, who);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *state = (const char *)data;
    if (!y_utf8_valid(data, size) || !y_json_valid(data, size)) {
        size_t len;
        free(through(state, size, NULL, &len));
        free(through(state, size, &people[0], &len));
        mark_read(state, size, NULL);
        return 0;
    }
    check(state, size, NULL);
    for (size_t i = 0; i < sizeof(people) / sizeof(*people); i++)
        check(state, size, &people[i]);
    return 0;
}
