#include "net/http.h"
#include "tests/test.h"

#define H "Host: x\r\n"
#define WS_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WS                                                                                         \
    H "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                 \
      "Sec-WebSocket-Key: " WS_KEY "\r\n"

/* Parses a copy of exactly len bytes, so that ASan sees a read of one byte too many. */
static int parse(const char *data, size_t len, struct http_request *req)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    int n = http_parse(copy, len, &(struct http_limits){0}, req);
    free(copy);
    return n;
}

/* What came so far never yields a request, and no answer that more bytes would change. */
static void check_prefixes(const char *data, size_t len, int want)
{
    struct http_request req;
    for (size_t i = 0; i < len; i++) {
        int n = parse(data, i, &req);
        if (n != 0 && n != want)
            test_fail(__FILE__, __LINE__, "%zu of %zu bytes give %d, all give %d: %s", i, len, n,
                      want, data);
    }
}

static const struct vector {
    const char *bytes;
    int status; /* 0: taken */
} vectors[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", 0},
    {"GET / HTTP/1.0\r\n\r\n", 0},
    {"GET /a/b.c?d=e&f HTTP/1.1\r\n" H "\r\n", 0},
    {"GET http://h.example:8080/x HTTP/1.1\r\n" H "\r\n", 0},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", 0},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 12\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "X: \t spaced \t\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "X:\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "X: \xc3\xa9\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" WS "\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n", 0},
    /* lines */
    {"GET / HTTP/1.1\n" H "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: x\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\r\n\r\n", 400},
    {"\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    {"\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    /* request line */
    {"GET  / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" H "\r\n", 400},
    {" GET / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET\t/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\r\n" H "\r\n", 400},
    {"GET /a b HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400},
    {"GET /#a HTTP/1.1\r\n" H "\r\n", 400},
    {"GET x HTTP/1.1\r\n" H "\r\n", 400},
    {"GET * HTTP/1.1\r\n" H "\r\n", 400},
    {"GET ftp://x/ HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http:/// HTTP/1.1\r\n" H "\r\n", 400},
    {"GET http://u@h/ HTTP/1.1\r\n" H "\r\n", 400},
    {"G(T / HTTP/1.1\r\n" H "\r\n", 400},
    {"GET / http/1.1\r\n" H "\r\n", 400},
    {"GET / HTTP/1.1x\r\n" H "\r\n", 400},
    {"GET / HTTP/11\r\n" H "\r\n", 400},
    {"GET / HTTP/2.0\r\n" H "\r\n", 505},
    {"GET / HTTP/1.2\r\n" H "\r\n", 505},
    {"GET / HTTP/0.9\r\n" H "\r\n", 505},
    {"PROPFIND / HTTP/1.1\r\n" H "\r\n", 501},
    {"get / HTTP/1.1\r\n" H "\r\n", 501},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1\t\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: \t1 \r\n\r\n", 0},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501},
    {"\x16\x03\x01\x02\n", 400}, /* TLS on the wrong port, had it a line feed */
    /* headers */
    {"GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H " A: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "novalue\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A\xc3: b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: \x01\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "A: \x7f\r\n\r\n", 400},
    /* host */
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H H "\r\n", 400},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
    {"GET http://a/ HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\n" H H "\r\n", 400},
    /* body length */
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\ncontent-length: 2\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length : 1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1 2\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 999999999999999999\r\n\r\n", 413},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 65537\r\n\r\n", 413},
    {"PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 411},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 501},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400},
    {"PUT / HTTP/1.1\r\n" H "Expect: x\r\n\r\n", 417},
    /* websocket handshakes */
    {"POST / HTTP/1.1\r\n" WS "\r\n", 400},
    {"GET / HTTP/1.1\r\n" WS "Content-Length: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" WS "Sec-WebSocket-Key: " WS_KEY "\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" WS "Sec-WebSocket-Version: 13\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
     "Sec-WebSocket-Key: " WS_KEY "\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\n"
     "Sec-WebSocket-Key: " WS_KEY "\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\n"
     "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " WS_KEY "\r\n\r\n",
     426},
    {"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short==\r\n\r\n",
     400},
    {"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n\r\n",
     400},
};

TEST(http_vectors_whole_and_in_pieces)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i];
        struct http_request req;
        size_t len = strlen(v->bytes);
        int want = v->status ? -v->status : (int)len, got = parse(v->bytes, len, &req);
        if (got != want)
            test_fail(__FILE__, __LINE__, "%d, expected %d: %s", got, want, v->bytes);
        check_prefixes(v->bytes, len, want);
    }
}

TEST(http_nul_is_refused_wherever_it_stands)
{
    static const char good[] = "GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n";
    struct http_request req;
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        char bad[sizeof(good)];
        memcpy(bad, good, sizeof(good));
        bad[i] = '\0';
        CHECK_EQ(parse(bad, sizeof(good) - 1, &req), -400);
    }
}

TEST(http_fields_of_a_request)
{
    static const char bytes[] =
        "POST /a%20b?x=1&y&xx=2&z= HTTP/1.1\r\nHost: h:1\r\nCookie:  a=b \r\n"
        "Content-Length: 3\r\ncookie: second\r\n\r\nabcGET";
    struct http_request req;
    int n = http_parse(bytes, sizeof(bytes) - 1, &(struct http_limits){0}, &req);
    CHECK_EQ(n, sizeof(bytes) - 1 - 6);
    CHECK(http_str_is(req.method, "POST"));
    CHECK(http_str_is(req.path, "/a%20b"));
    CHECK(http_str_is(req.query, "x=1&y&xx=2&z="));
    CHECK(http_str_is(req.host, "h:1"));
    CHECK_EQ(req.content_length, 3);
    CHECK_EQ(req.header_count, 4);
    CHECK(http_str_is(http_header(&req, "COOKIE"), "a=b"));
    CHECK(!http_header(&req, "cook").p);
    CHECK(http_str_is(http_query(&req, "x"), "1"));
    CHECK(http_str_is(http_query(&req, "xx"), "2"));
    CHECK(http_query(&req, "y").p && !http_query(&req, "y").len);
    CHECK(http_query(&req, "z").p && !http_query(&req, "z").len);
    CHECK(!http_query(&req, "w").p);
    CHECK(req.keep_alive && !req.upgrade_websocket);
}

TEST(http_absolute_form_replaces_host)
{
    static const char bytes[] = "GET HTTP://real:81/p?q HTTP/1.1\r\nHost: other\r\n\r\n";
    struct http_request req;
    CHECK_EQ(http_parse(bytes, sizeof(bytes) - 1, &(struct http_limits){0}, &req),
             sizeof(bytes) - 1);
    CHECK(http_str_is(req.host, "real:81"));
    CHECK(http_str_is(req.path, "/p"));
    CHECK(http_str_is(req.query, "q"));
}

static bool keeps(const char *version, const char *connection)
{
    char bytes[200];
    struct http_request req;
    int len = snprintf(bytes, sizeof(bytes), "GET / %s\r\nHost: x\r\n%s\r\n", version, connection);
    CHECK_EQ(http_parse(bytes, (size_t)len, &(struct http_limits){0}, &req), len);
    return req.keep_alive;
}

TEST(http_keep_alive)
{
    CHECK(keeps("HTTP/1.1", ""));
    CHECK(!keeps("HTTP/1.1", "Connection: close\r\n"));
    CHECK(!keeps("HTTP/1.1", "Connection: x , CLOSE\r\n"));
    CHECK(!keeps("HTTP/1.1", "Connection: x\r\nConnection: close\r\n"));
    CHECK(keeps("HTTP/1.1", "Connection: closed\r\n"));
    CHECK(!keeps("HTTP/1.0", ""));
    CHECK(keeps("HTTP/1.0", "Connection: keep-alive\r\n"));
}

TEST(http_upgrade_to_something_else_ends_the_connection)
{
    CHECK(!keeps("HTTP/1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"));
    CHECK(keeps("HTTP/1.1", "Upgrade: h2c\r\n"));
}

TEST(http_upgrade_as_browsers_ask)
{
    static const char bytes[] =
        "GET /ws/a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
        "Upgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: " WS_KEY "\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    struct http_request req;
    CHECK_EQ(http_parse(bytes, sizeof(bytes) - 1, &(struct http_limits){0}, &req),
             sizeof(bytes) - 1);
    CHECK(req.upgrade_websocket);
    CHECK(http_str_is(req.ws_key, WS_KEY));
}

/* `head` bytes of headers in all, `count` headers more than Host. */
static int parse_big(size_t target, size_t value, size_t count, bool end)
{
    size_t room = target + (value + 8) * count + 100, len = 0;
    char *b = malloc(room);
    len += (size_t)sprintf(b, "GET /");
    memset(b + len, 'a', target);
    len += target;
    len += (size_t)sprintf(b + len, " HTTP/1.1\r\nHost: x\r\n");
    for (size_t i = 0; i < count; i++) {
        len += (size_t)sprintf(b + len, "A: ");
        memset(b + len, 'v', value);
        len += value;
        len += (size_t)sprintf(b + len, "\r\n");
    }
    if (end)
        len += (size_t)sprintf(b + len, "\r\n");
    struct http_request req;
    int n = parse(b, len, &req);
    free(b);
    return n < 0 ? n : n == 0 ? 0 : 1;
}

TEST(http_limits)
{
    CHECK_EQ(parse_big(4000, 1, 1, true), 1);
    CHECK_EQ(parse_big(4096, 1, 1, true), -414);
    CHECK_EQ(parse_big(40000, 1, 1, true), -414);
    CHECK_EQ(parse_big(1, 1, 63, true), 1);
    CHECK_EQ(parse_big(1, 1, 64, true), -431);
    CHECK_EQ(parse_big(1, 1000, 15, true), 1);
    CHECK_EQ(parse_big(1, 1000, 17, true), -431);
    CHECK_EQ(parse_big(1, 20000, 1, true), -431);
    CHECK_EQ(parse_big(1, 20000, 1, false), -431);
    CHECK_EQ(parse_big(1, 15000, 1, false), 0);
}

TEST(http_reasons)
{
    CHECK_STR(http_reason(431), "Request Header Fields Too Large");
    CHECK_STR(http_reason(299), "Status");
}
