#include "auth/cookie.h"

#include "tests/test.h"

static struct http_str str(const char *s)
{
    return (struct http_str){s, strlen(s)};
}

static struct http_request with_header(const char *name, const char *value)
{
    struct http_request r = {.header_count = 1};
    r.headers[0] = (struct http_header){str(name), str(value)};
    return r;
}

/* --- cookies ---------------------------------------------------------------------------------- */

/* "-": there is none. */
static const char *value(const char *header, const char *name)
{
    static char text[200];
    struct http_request r = with_header("cOOkie", header);
    struct http_str s = cookie_get(&r, name);
    CHECK(s.p || !s.len);
    snprintf(text, sizeof(text), "%.*s", s.p ? (int)s.len : 1, s.p ? s.p : "-");
    return text;
}

TEST(cookie_of_a_request)
{
    CHECK_STR(value("a=1", "a"), "1");
    CHECK_STR(value("a=1; b=2; c=3", "b"), "2");
    CHECK_STR(value("a=1;b=2;c=3", "c"), "3");
    CHECK_STR(value("a=1; a=2", "a"), "1");
    CHECK_STR(value("a=; b=2", "a"), "");
    CHECK_STR(value("a=x=y", "a"), "x=y");
    CHECK_STR(value("a=\"quoted\"", "a"), "\"quoted\"");
    CHECK_STR(value(" \ta=1 \t; b=2 ", "b"), "2");
    CHECK_STR(value("next-auth.session-token=t", "next-auth.session-token"), "t");
}

TEST(cookie_that_is_not_there)
{
    CHECK_STR(value("", "a"), "-");
    CHECK_STR(value("a", "a"), "-");
    CHECK_STR(value("A=1", "a"), "-");
    CHECK_STR(value("aa=1; ba=2", "a"), "-");
    CHECK_STR(value("b=a=1", "a"), "-");
    CHECK_STR(value(";;; ; =1", "a"), "-");
    CHECK_STR(value("a =1", "a"), "-");
    struct http_request r = with_header("X", "a=1");
    CHECK(!cookie_get(&r, "a").p);
}

/* HTTP/2 may split the header, and a proxy may leave it so. */
TEST(cookie_in_the_second_header)
{
    struct http_request r = with_header("Cookie", "a=1");
    r.headers[1] = (struct http_header){str("cookie"), str("b=2")};
    r.header_count = 2;
    struct http_str s = cookie_get(&r, "b");
    CHECK_MEM(s.p, s.len, "2", 1);
}

static void expect_line(struct cookie c, const char *want)
{
    struct buf b = {0};
    buf_puts(&b, "X: y\r\n");
    cookie_put(&b, &c);
    CHECK(!strncmp(buf_str(&b), "X: y\r\n", 6));
    CHECK_STR(buf_str(&b) + 6, want);
    buf_release(&b);
}

TEST(cookie_lines)
{
    expect_line((struct cookie){.name = "a", .value = "1"},
                "Set-Cookie: a=1; Path=/; HttpOnly; SameSite=Lax\r\n");
    expect_line((struct cookie){.name = "a", .value = "x-_%7C", .max_age_s = 900, .secure = true},
                "Set-Cookie: a=x-_%7C; Path=/; Max-Age=900; HttpOnly; SameSite=Lax; Secure\r\n");
    expect_line((struct cookie){.name = "a", .max_age_s = 9, .remove = true},
                "Set-Cookie: a=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax\r\n");
}

TEST(cookie_value_cannot_end_its_line)
{
    expect_line((struct cookie){.name = "a", .value = "1; Domain=x\r\nSet-Cookie: b=\"\xc3\xa9,\\"},
                "Set-Cookie: a=1%3B%20Domain=x%0D%0ASet-Cookie:%20b=%22%C3%A9%2C%5C; Path=/; "
                "HttpOnly; SameSite=Lax\r\n");
}

/* --- forms and queries ------------------------------------------------------------------------ */

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json"

/* Of a body of known length. */
static const char *field_of(const char *type, const char *body, size_t len, const char *name)
{
    static struct buf out;
    struct http_request r = with_header("content-type", type);
    r.body = (struct http_str){body, len};
    buf_clear(&out);
    buf_puts(&out, "before");
    bool ok = form_get(&out, &r, name);
    CHECK(ok || !out.len);
    return ok ? buf_str(&out) : "-";
}

static const char *field(const char *type, const char *body, const char *name)
{
    return field_of(type, body, strlen(body), name);
}

TEST(form_fields)
{
    CHECK_STR(field(FORM, "csrfToken=abc&json=true", "csrfToken"), "abc");
    CHECK_STR(field(FORM, "csrfToken=abc&json=true", "json"), "true");
    CHECK_STR(field(FORM "; charset=UTF-8", "u=%2Fa%3Fb%3Dc+d%2B%c3%A9", "u"), "/a?b=c d+\xc3\xa9");
    CHECK_STR(field(FORM, "a=", "a"), "");
    CHECK_STR(field("Application/X-WWW-Form-URLencoded ;x", "a=b", "a"), "b");
    CHECK_STR(field(FORM, "a=b=c", "a"), "b=c");
}

TEST(form_what_is_no_field)
{
    CHECK_STR(field(FORM, "", "a"), "-");
    CHECK_STR(field(FORM, "a", "a"), "-");
    CHECK_STR(field(FORM, "&&aa=1&ba=1&A=1", "a"), "-");
    CHECK_STR(field(FORM, "a=%", "a"), "-");
    CHECK_STR(field(FORM, "a=%4", "a"), "-");
    CHECK_STR(field(FORM, "a=%zz", "a"), "-");
    CHECK_STR(field(FORM, "a=x%00y", "a"), "-");
    CHECK_STR(field_of(FORM, "a=x\0y", 5, "a"), "-");
    CHECK_STR(field(FORM, "a=%ff", "a"), "-");
    CHECK_STR(field(FORM, "a=%ed%a0%80", "a"), "-");
    CHECK_STR(field(FORM, "a=1&b=2&a=1", "a"), "-"); /* which of them is meant? */
    CHECK_STR(field("text/plain", "a=1", "a"), "-");
    CHECK_STR(field("multipart/form-data", "a=1", "a"), "-");
    CHECK_STR(field("", "a=1", "a"), "-");
    CHECK_STR(field(FORM "x", "a=1", "a"), "-");
}

TEST(form_members_of_json)
{
    CHECK_STR(field(JSON, "{\"a\":\"x\\u00e9\"}", "a"), "x\xc3\xa9");
    CHECK_STR(field(JSON "; charset=utf-8", "{\"a\":\"\",\"b\":1}", "a"), "");
    CHECK_STR(field(JSON, "{\"a\":true}", "a"), "true");
    CHECK_STR(field(JSON, "{\"a\":false}", "a"), "-");
    CHECK_STR(field(JSON, "{\"a\":1}", "a"), "-");
    CHECK_STR(field(JSON, "{\"a\":null}", "a"), "-");
    CHECK_STR(field(JSON, "{\"a\":\"x\",\"a\":\"y\"}", "a"), "-");
    CHECK_STR(field(JSON, "{\"a\":\"\\u0000\"}", "a"), "-");
    CHECK_STR(field(JSON, "{\"a\":\"\xff\"}", "a"), "-");
    CHECK_STR(field(JSON, "{\"a\":\"x\"} x", "a"), "-");
    CHECK_STR(field(JSON, "[\"a\"]", "a"), "-");
    CHECK_STR(field(JSON, "a=x", "a"), "-");
    CHECK_STR(field(JSON, "", "a"), "-");
    CHECK_STR(field(FORM, "{\"a\":\"x\"}", "a"), "-");
}

TEST(form_json_that_is_very_deep)
{
    static char deep[65536];
    memset(deep, '[', sizeof(deep));
    CHECK_STR(field_of(JSON, deep, sizeof(deep), "a"), "-");
}

TEST(query_parameters)
{
    struct http_request r = {.query = str("code=a%2Bb&state=x+y&twice=1&twice=1&bad=%f")};
    struct buf b = {0};
    CHECK(query_get(&b, &r, "code"));
    CHECK_STR(buf_str(&b), "a+b");
    CHECK(query_get(&b, &r, "state"));
    CHECK_STR(buf_str(&b), "x y");
    CHECK(!query_get(&b, &r, "twice") && !b.len);
    CHECK(!query_get(&b, &r, "bad") && !b.len);
    CHECK(!query_get(&b, &r, "none") && !b.len);
    buf_release(&b);
}
