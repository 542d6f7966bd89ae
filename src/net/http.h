/*
 * A strict HTTP/1.1 request parser without I/O (RFC 9112). Bytes in, one request out; what is
 * ambiguous is refused: bare LF, obs-fold, white space before a colon, missing or repeated Host,
 * repeated, malformed or list Content-Length, Content-Length beside Transfer-Encoding, any
 * Transfer-Encoding but a single "chunked" (which is answered 411: no client of ours needs it),
 * control bytes, targets that are not origin-form ("*" and absolute-form of the same host are read
 * as proxies send them).
 *
 *     struct http_request req;
 *     int n = http_parse(data, len, &limits, &req);
 *         > 0: the head took n bytes, the body follows (req.content_length)   0: more bytes needed
 *         < 0: refuse with HTTP status -n and close
 *
 * Nothing is copied: all slices point into `data`.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_HEADERS 64
/* Header lines that every answer has. */
#define HTTP_COMMON_HEADERS                                                                        \
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"                          \
    "Cross-Origin-Opener-Policy: same-origin\r\n"

struct http_str {
    const char *p; /* not terminated */
    size_t len;
};

struct http_header {
    struct http_str name, value; /* value without surrounding white space */
};

struct http_limits {
    size_t head_bytes;   /* request line and headers; default 16 KiB -> 431 */
    size_t target_bytes; /* default 4 KiB -> 414 */
    size_t body_bytes;   /* default 64 KiB -> 413 */
};

struct http_request {
    struct http_str method;
    struct http_str path;  /* percent-encoding as sent; begins with '/' */
    struct http_str query; /* without '?'; empty if none */
    struct http_str host;
    struct http_header headers[HTTP_MAX_HEADERS];
    size_t header_count;
    uint64_t content_length; /* 0 if none */
    bool keep_alive;
    bool expects_continue;  /* "Expect: 100-continue", of HTTP/1.1 only (RFC 9110 10.1.1) */
    bool upgrade_websocket; /* a complete and correct RFC 6455 opening handshake, version 13 */
    struct http_str ws_key;
    struct http_str body; /* filled in by the connection when the whole body has come */
};

int http_parse(const void *data, size_t len, const struct http_limits *limits,
               struct http_request *req);
/* The value of a header (name compared without case), or {NULL, 0}. The first if there are several.
 */
struct http_str http_header(const struct http_request *req, const char *name);
/* The raw value of query parameter `name`, or {NULL, 0}; an empty value is {non-NULL, 0}. */
struct http_str http_query(const struct http_request *req, const char *name);
bool http_str_is(struct http_str s, const char *text);
bool http_str_is_nocase(struct http_str s, const char *text);
/* Whether comma-separated `list` contains `token`, without case ("Upgrade, keep-alive"). */
bool http_list_has(struct http_str list, const char *token);
const char *http_reason(int status);

#endif
