/* Any bytes as a Cookie header, as the value of a cookie to set, and as forms: what is found lies in what was sent, a value
 * that was set comes back, a header line is one line, and what was encoded is decoded to the same. */
#include "auth/cookie.h"
#include "base/percent.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static struct http_request request_of(const char *name, const char *value, size_t len)
{
    struct http_request r = {.header_count = 1};
    r.headers[0].name = (struct http_str){name, strlen(name)};
    r.headers[0].value = (struct http_str){value, len};
    return r;
}

static void get(const char *data, size_t size)
{
    struct http_request r = request_of("Cookie", data, size);
    struct http_str s = cookie_get(&r, "a");
    if (!s.p)
        return;
    must(s.p >= data + 2 && s.p + s.len <= data + size && s.p[-1] == '=' && s.p[-2] == 'a');
    must(!memchr(s.p, ';', s.len));
}

/* What a browser would send back of what it was given. */
static void set(const char *data, size_t size)
{
    struct buf line = {0}, decoded = {0};
    char *value = strndup(data, size);
    struct cookie c = {.name = "a", .value = value, .max_age_s = size, .secure = size % 2};
    cookie_put(&line, &c);
    const char *s = buf_str(&line), *from = s + strlen("Set-Cookie: ");
    must(!strncmp(s, "Set-Cookie: a=", 14) && !strcmp(s + line.len - 2, "\r\n"));
    for (size_t i = 0; i < line.len - 2; i++)
        must(s[i] >= ' ' && s[i] < 0x7f);
    struct http_request r = request_of("cookie", from, strcspn(from, ";"));
    struct http_str back = cookie_get(&r, "a");
    must(back.p != NULL);
    /* One without a percent sign is decoded to what it was. */
    if (!strchr(value, '%')) {
        char *to = (char *)buf_reserve(&decoded, back.len + 1);
        must(percent_decode(back.p, back.len, to, back.len + 1) >= 0 && !strcmp(to, value));
    }
    buf_release(&line);
    buf_release(&decoded);
    free(value);
}

static bool is_value(const struct buf *b)
{
    return !b->len || (utf8_valid(b->data, b->len) && !memchr(b->data, 0, b->len));
}

static void read_forms(const char *data, size_t size)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", "application/json"};
    struct buf out = {0};
    for (int i = 0; i < 2; i++) {
        struct http_request r = request_of("Content-Type", types[i], strlen(types[i]));
        r.body = (struct http_str){data, size};
        must((form_get(&out, &r, "a") || !out.len) && is_value(&out));
    }
    struct http_request r = request_of("Content-Type", data, size);
    r.body = (struct http_str){"a=b", 3};
    r.query = (struct http_str){data, size};
    form_get(&out, &r, "a");
    must((query_get(&out, &r, "a") || !out.len) && is_value(&out));
    buf_release(&out);
}

static void write_form(const char *data, size_t size)
{
    struct buf form = {0}, out = {0};
    buf_puts(&form, "b=a&a=");
    percent_encode(&form, data, size);
    buf_puts(&form, "&c=a=1");
    struct http_request r = {.query = {(const char *)form.data, form.len}};
    bool ok = query_get(&out, &r, "a");
    must(ok == (utf8_valid(data, size) && !memchr(data, 0, size)));
    must(!ok || (out.len == size && (!size || !memcmp(out.data, data, size))));
    buf_release(&form);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = size ? (const char *)data : "";
    get(text, size);
    set(text, size);
    read_forms(text, size);
    write_form(text, size);
    return 0;
}
