#include "server/email.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 63

/* --- one address ------------------------------------------------------------------------------ */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Spaces and controls of Unicode, which would make two addresses look like one. */
static bool is_unseen(const unsigned char *p, size_t n)
{
    static const struct {
        const char *first, *last;
    } ranges[] = {
        {"\xc2\x80", "\xc2\xa0"},         /* U+0080 to U+00A0 */
        {"\xc2\xad", "\xc2\xad"},         /* soft hyphen */
        {"\xe2\x80\x80", "\xe2\x80\x8f"}, /* U+2000 to U+200F: spaces, joiners, directions */
        {"\xe2\x80\xa8", "\xe2\x80\xaf"}, /* U+2028 to U+202F: separators, directions */
        {"\xe2\x81\x9f", "\xe2\x81\xaf"}, /* U+205F to U+206F */
        {"\xe3\x80\x80", "\xe3\x80\x80"}, /* U+3000 */
        {"\xef\xbb\xbf", "\xef\xbb\xbf"}, /* U+FEFF */
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (strlen(ranges[i].first) == n && memcmp(p, ranges[i].first, n) >= 0 &&
            memcmp(p, ranges[i].last, n) <= 0)
            return true;
    return false;
}

static bool local_ok(const char *s, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        const unsigned char *p = (const unsigned char *)s + i;
        n = utf8_char(p, len - i);
        if (!n || is_unseen(p, n))
            return false;
        if (n == 1 && (*p <= ' ' || *p == 0x7f || strchr("\"(),:;<>@[\\]", *p)))
            return false;
    }
    return len;
}

static bool label_ok(const char *s, size_t len)
{
    if (!len || len > LABEL_MAX || *s == '-' || s[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

static bool domain_ok(const char *s, size_t len)
{
    const char *end = s + len, *dot;
    for (; (dot = memchr(s, '.', (size_t)(end - s))); s = dot + 1)
        if (!label_ok(s, (size_t)(dot - s)))
            return false;
    return label_ok(s, (size_t)(end - s));
}

bool email_ok(const char *s, size_t len)
{
    const char *at = len && len <= EMAIL_MAX ? memchr(s, '@', len) : NULL;
    return at && local_ok(s, (size_t)(at - s)) && domain_ok(at + 1, len - (size_t)(at - s) - 1);
}

/* --- a list ----------------------------------------------------------------------------------- */

static void append(struct emails *e, const void *s, size_t len)
{
    if ((e->count & (e->count - 1)) == 0)
        e->all = xrealloc(e->all, (e->count ? e->count * 2 : 1) * sizeof(*e->all));
    struct buf *b = &e->all[e->count++];
    *b = (struct buf){0};
    buf_append(b, s, len);
    buf_str(b);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    while (len && lower(*a) == lower(*b))
        a++, b++, len--;
    return !len;
}

bool emails_has(const struct emails *e, const void *s, size_t len)
{
    for (size_t i = 0; i < e->count; i++)
        if (len && e->all[i].len == len && same(e->all[i].data, s, len))
            return true;
    return false;
}

void emails_copy(struct emails *out, const struct emails *e)
{
    emails_release(out);
    for (size_t i = 0; i < e->count; i++)
        append(out, (const char *)e->all[i].data, e->all[i].len);
}

enum emails_verdict emails_add(struct emails *e, const char *s, size_t len)
{
    if (!email_ok(s, len))
        return EMAILS_BAD;
    if (emails_has(e, s, len))
        return EMAILS_OK;
    if (e->count >= EMAILS_MAX)
        return EMAILS_MANY;
    append(e, s, len);
    return EMAILS_OK;
}

bool emails_write(struct buf *json, const struct emails *e)
{
    json_t *array = json_array();
    buf_clear(json);
    for (size_t i = 0; i < e->count; i++)
        json_array_append_new(array, json_stringn((const char *)e->all[i].data, e->all[i].len));
    char *text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    size_t len = text ? strlen(text) : 0;
    bool ok = text && len <= EMAILS_JSON_MAX;
    if (ok)
        buf_append(json, text, len);
    free(text);
    return ok;
}

bool emails_read(struct emails *e, const void *json, size_t len)
{
    json_t *array = len <= EMAILS_READ_MAX ? json_loadb(json, len, JSON_ALLOW_NUL, NULL) : NULL;
    bool ok = json_is_array(array);
    emails_release(e);
    for (size_t i = 0; ok && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (json_string_length(item))
            append(e, json_string_value(item), json_string_length(item));
    }
    json_decref(array);
    return ok;
}

void emails_release(struct emails *e)
{
    for (size_t i = 0; i < e->count; i++)
        buf_release(&e->all[i]);
    free(e->all);
    *e = (struct emails){0};
}
