#include "auth/cookie.h"

#include "auth/json.h"
#include "base/percent.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

#define JSON_MAX (64 * 1024)

/* --- cookies ---------------------------------------------------------------------------------- */

static struct http_str trim(struct http_str s)
{
    while (s.len && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.len--;
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Takes what stands before the next `end`, or all, off `rest`. */
static struct http_str take(struct http_str *rest, char end)
{
    const char *p = memchr(rest->p, end, rest->len);
    struct http_str s = {rest->p, p ? (size_t)(p - rest->p) : rest->len};
    size_t n = p ? s.len + 1 : s.len;
    rest->p += n;
    rest->len -= n;
    return s;
}

/* The value of "name=value". */
static bool value_of(struct http_str pair, const char *name, struct http_str *value)
{
    size_t n = strlen(name);
    if (pair.len <= n || memcmp(pair.p, name, n) != 0 || pair.p[n] != '=')
        return false;
    *value = (struct http_str){pair.p + n + 1, pair.len - n - 1};
    return true;
}

struct http_str cookie_get(const struct http_request *req, const char *name)
{
    struct http_str value;
    for (size_t i = 0; i < req->header_count; i++) {
        struct http_str rest = req->headers[i].value;
        if (!http_str_is_nocase(req->headers[i].name, "Cookie"))
            continue;
        while (rest.len)
            if (value_of(trim(take(&rest, ';')), name, &value))
                return value;
    }
    return (struct http_str){NULL, 0};
}

/* RFC 6265, 4.1.1: cookie-octet. */
static bool is_octet(char c)
{
    return c > ' ' && c < 0x7f && !strchr("\",;\\", c);
}

void cookie_put(struct buf *headers, const struct cookie *c)
{
    buf_printf(headers, "Set-Cookie: %s=", c->name);
    for (const char *p = c->value ? c->value : ""; *p; p++)
        if (is_octet(*p))
            buf_putc(headers, (uint8_t)*p);
        else
            percent_encode(headers, p, 1);
    buf_puts(headers, "; Path=/");
    if (c->remove)
        buf_puts(headers, "; Max-Age=0");
    else if (c->max_age_s)
        buf_printf(headers, "; Max-Age=%" PRIu64, c->max_age_s);
    buf_puts(headers, "; HttpOnly; SameSite=Lax");
    buf_puts(headers, c->secure ? "; Secure\r\n" : "\r\n");
}

/* --- forms ------------------------------------------------------------------------------------ */

/* Replaces `out` with what application/x-www-form-urlencoded (s, len) means. */
static bool decode(struct buf *out, struct http_str s)
{
    struct buf spaced = {0};
    buf_append(&spaced, s.p, s.len);
    for (size_t i = 0; i < spaced.len; i++)
        if (spaced.data[i] == '+')
            spaced.data[i] = ' ';
    buf_clear(out);
    uint8_t *to = buf_reserve(out, s.len + 1);
    int n = percent_decode((const char *)spaced.data, spaced.len, (char *)to, s.len + 1);
    buf_release(&spaced);
    if (n < 0 || !utf8_valid(to, (size_t)n))
        return false;
    out->len = (size_t)n;
    return true;
}

static bool field(struct buf *out, struct http_str fields, const char *name)
{
    struct http_str value, found = {NULL, 0};
    while (fields.len) {
        struct http_str pair = take(&fields, '&');
        if (!value_of(pair, name, &value))
            continue;
        if (found.p)
            return false;
        found = value;
    }
    return found.p && decode(out, found);
}

static bool member(struct buf *out, struct http_str body, const char *name)
{
    json_t *top = auth_json_read(body.p, body.len, JSON_MAX);
    const json_t *j = json_object_get(top, name);
    bool ok = json_is_string(j) || json_is_true(j);
    buf_clear(out);
    if (ok && json_is_true(j))
        buf_puts(out, "true");
    else if (ok)
        buf_append(out, json_string_value(j), json_string_length(j));
    json_decref(top);
    return ok;
}

bool form_get(struct buf *out, const struct http_request *req, const char *name)
{
    struct http_str type = http_header(req, "Content-Type");
    bool ok = false;
    type = type.len ? trim(take(&type, ';')) : type;
    if (http_str_is_nocase(type, "application/x-www-form-urlencoded"))
        ok = field(out, req->body, name);
    else if (http_str_is_nocase(type, "application/json"))
        ok = member(out, req->body, name);
    if (!ok)
        buf_clear(out);
    return ok;
}

bool query_get(struct buf *out, const struct http_request *req, const char *name)
{
    bool ok = field(out, req->query, name);
    if (!ok)
        buf_clear(out);
    return ok;
}
