/*
 * What each address answers.
 *
 *     GET /                     the front page            GET /ws/<id>       a bytecrowd's socket
 *     GET /<id>                 the editor                GET /assets/...    the page's files
 *     GET /<id>/raw             the text                  GET /healthz       health.c
 *                                                         GET /livez         200 while it runs
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/percent.h"
#include "server/name.h"
#include "server/server_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CSP                                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "     \
    "data:; font-src 'self'; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; "  \
    "form-action 'self'; frame-ancestors 'none'"
#define PAGE_HEADERS COMMON_HEADERS "Content-Security-Policy: " CSP "\r\nX-Frame-Options: DENY\r\n"
#define TEXT_HEADERS                                                                               \
    COMMON_HEADERS "Content-Type: text/plain; charset=utf-8\r\n"                                   \
                   "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"

/* --- assets and pages ------------------------------------------------------------------------- */

const struct asset *asset_find(const struct asset_table *t, const char *path, size_t len)
{
    for (size_t i = 0; i < t->count; i++)
        if (strlen(t->assets[i].path) == len && memcmp(t->assets[i].path, path, len) == 0)
            return &t->assets[i];
    return NULL;
}

/* Whether a weakly compared entity tag list has `etag` (or is "*"). */
static bool etag_matches(struct http_str list, const char *etag)
{
    size_t n = strlen(etag);
    if (http_str_is(list, "*"))
        return true;
    for (size_t i = 0; i + n <= list.len; i++)
        if (memcmp(list.p + i, etag, n) == 0)
            return true;
    return false;
}

/* Thousandths of "0", "0.5", "1.000"; what is no weight is none (RFC 9110 12.4.2). */
static int read_weight(const char *p, const char *end)
{
    int weight = 0;
    if (p == end || (*p != '0' && *p != '1'))
        return 0;
    weight = (*p++ - '0') * 1000;
    if (p < end && *p == '.')
        p++;
    for (int unit = 100; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10)
        weight += (*p - '0') * unit;
    return weight > 1000 ? 1000 : weight;
}

/* The weight of `coding` in Accept-Encoding: "br" is 1000, "br ; q=0.5" is 500; 0 if it is not
 * there. */
static int accepts(const struct http_request *req, const char *coding)
{
    struct http_str v = http_header(req, "accept-encoding");
    const char *p = v.p, *end, *stop;
    size_t n = strlen(coding);
    if (!p)
        return 0;
    for (end = p + v.len; p < end; p = stop + 1) {
        if (!(stop = memchr(p, ',', (size_t)(end - p))))
            stop = end;
        while (p < stop && (*p == ' ' || *p == '\t'))
            p++;
        if ((size_t)(stop - p) < n || strncasecmp(p, coding, n) != 0)
            continue;
        p += n;
        while (p < stop && (*p == ' ' || *p == '\t'))
            p++;
        if (p == stop)
            return 1000;
        if (*p != ';')
            continue;
        p++;
        while (p < stop && (*p == ' ' || *p == '\t'))
            p++;
        if (stop - p > 2 && (*p == 'q' || *p == 'Q') && p[1] == '=')
            return read_weight(p + 2, stop);
    }
    return 0;
}

static void reply_asset(struct conn *c, const struct http_request *req, const struct asset *a)
{
    struct buf h = {0};
    const uint8_t *body = a->identity;
    size_t len = a->identity_len;
    const char *coding = NULL;
    int br = a->br ? accepts(req, "br") : 0, gzip = a->gzip ? accepts(req, "gzip") : 0;
    if (br && br >= gzip)
        body = a->br, len = a->br_len, coding = "br";
    else if (gzip)
        body = a->gzip, len = a->gzip_len, coding = "gzip";
    buf_puts(&h, PAGE_HEADERS);
    buf_printf(&h, "ETag: %s\r\nVary: Accept-Encoding\r\nCache-Control: %s\r\n", a->etag,
               a->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (etag_matches(http_header(req, "if-none-match"), a->etag)) {
        http_reply(c, 304, buf_str(&h), NULL, 0, true);
    } else {
        buf_printf(&h, "Content-Type: %s\r\n", a->content_type);
        if (coding)
            buf_printf(&h, "Content-Encoding: %s\r\n", coding);
        http_reply(c, 200, buf_str(&h), body, len, true);
    }
    buf_release(&h);
}

static void put_escaped(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '<')
            buf_puts(b, "&lt;");
        else if (*s == '>')
            buf_puts(b, "&gt;");
        else if (*s == '&')
            buf_puts(b, "&amp;");
        else if (*s == '"')
            buf_puts(b, "&quot;");
        else
            buf_putc(b, (uint8_t)*s);
    }
}

/* Fills the placeholders {{status}} {{title}} {{message}} of error.html. */
static void reply_error(struct server *s, struct conn *c, int status, const char *title,
                        const char *message)
{
    const struct asset *a = asset_find(&s->opts.assets, "/error.html", strlen("/error.html"));
    struct buf b = {0};
    char number[16];
    if (!a) {
        buf_printf(&b, "%s\n%s\n", title, message);
        http_reply(c, status, TEXT_HEADERS, b.data, b.len, false);
        buf_release(&b);
        return;
    }
    snprintf(number, sizeof(number), "%d", status);
    const struct {
        const char *mark, *value;
    } fill[] = {{"{{status}}", number}, {"{{title}}", title}, {"{{message}}", message}};
    for (size_t i = 0; i < a->identity_len; i++) {
        size_t f = 0;
        for (; f < 3; f++)
            if (a->identity_len - i >= strlen(fill[f].mark) &&
                memcmp(a->identity + i, fill[f].mark, strlen(fill[f].mark)) == 0)
                break;
        if (f < 3) {
            put_escaped(&b, fill[f].value);
            i += strlen(fill[f].mark) - 1;
        } else {
            buf_putc(&b, a->identity[i]);
        }
    }
    http_reply(c, status,
               PAGE_HEADERS "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n",
               b.data, b.len, false);
    buf_release(&b);
}

static void reply_page(struct server *s, struct conn *c, const struct http_request *req,
                       const char *path)
{
    const struct asset *a = asset_find(&s->opts.assets, path, strlen(path));
    if (a)
        reply_asset(c, req, a);
    else
        reply_error(s, c, 404, "Not found", "This server was built without its page.");
}

static void reply_bad_name(struct server *s, struct conn *c, enum name_verdict v)
{
    if (v == NAME_RESERVED)
        reply_error(s, c, 404, "Not a bytecrowd",
                    "This name is used by the server itself. Choose another one.");
    else
        reply_error(s, c, 400, "That name does not work",
                    "Names have letters, digits, - _ and . only, 1 to 128 of them, and are not "
                    "just . or ..");
}

/* --- the text --------------------------------------------------------------------------------- */

struct client *client_new(enum client_kind kind, struct conn *conn)
{
    struct client *c = xcalloc(1, sizeof(*c));
    c->kind = kind;
    c->conn = conn;
    list_init(&c->node);
    list_init(&c->owed);
    conn_set_data(conn, c);
    return c;
}

void client_free(struct client *c)
{
    conn_set_data(c->conn, NULL);
    list_remove(&c->node);
    list_remove(&c->owed);
    buf_release(&c->early);
    free(c);
}

static void reply_raw(struct conn *c, const struct room *r)
{
    struct ybuf text = {0};
    if (ydoc_text(r->doc, ROOT_TEXT, &text) < 0)
        http_reply(c, 503, TEXT_HEADERS "Retry-After: 5\r\n", "out of memory\n", 14, true);
    else
        http_reply(c, 200, TEXT_HEADERS "Cache-Control: no-store\r\n", text.data, text.len, false);
    ybuf_release(&text);
}

void routes_raw_ready(struct client *c)
{
    reply_raw(c->conn, c->room);
    client_free(c);
}

void routes_raw_failed(struct client *c)
{
    static const char message[] = "The text cannot be read from storage now.\n";
    http_reply(c->conn, 503, TEXT_HEADERS "Retry-After: 5\r\n", message, sizeof(message) - 1, true);
    client_free(c);
}

static void raw(struct server *s, struct conn *conn, const char *name)
{
    struct room *r = room_open(s, name);
    if (r->phase == ROOM_LIVE) {
        reply_raw(conn, r);
        return;
    }
    struct client *c = client_new(CLIENT_RAW, conn);
    c->room = r;
    list_append(&r->readers, &c->node);
}

/* --- the socket ------------------------------------------------------------------------------- */

static struct http_str origin_host(struct http_str origin)
{
    for (size_t i = 0; i + 3 <= origin.len; i++)
        if (memcmp(origin.p + i, "://", 3) == 0)
            return (struct http_str){origin.p + i + 3, origin.len - i - 3};
    return (struct http_str){NULL, 0};
}

/* A page of somebody else's may open a socket as anybody may, but not as the person whose cookies
 * the browser adds. */
static bool origin_allowed(const struct server *s, const struct http_request *req)
{
    struct http_str origin = http_header(req, "origin");
    if (!origin.p || !http_header(req, "cookie").p)
        return true;
    struct http_str host = origin_host(origin);
    if (host.len && host.len == req->host.len && strncasecmp(host.p, req->host.p, host.len) == 0)
        return true;
    struct http_str list = {s->opts.allowed_origins, strlen(s->opts.allowed_origins)};
    char token[256];
    if (!origin.len || origin.len >= sizeof(token))
        return false;
    memcpy(token, origin.p, origin.len);
    token[origin.len] = '\0';
    return http_list_has(list, token);
}

/* A client that offers subprotocols gives up when none is chosen (browsers and npm's ws alike): the
 * first is echoed, as y-websocket's own server does. False if what is offered is no token. */
static bool choose_protocol(const struct http_request *req, char *out, size_t cap)
{
    struct http_str v = http_header(req, "sec-websocket-protocol");
    size_t n = 0;
    while (n < v.len && v.p[n] != ',' && v.p[n] != ' ' && v.p[n] != '\t')
        n++;
    if (n >= cap || (v.p && !n))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)v.p[i] <= ' ' || (unsigned char)v.p[i] >= 0x7f ||
            strchr("()<>@:;\\\"/[]?={}", v.p[i]))
            return false;
    memcpy(out, v.p ? v.p : "", n);
    out[n] = '\0';
    return true;
}

static void socket_request(struct server *s, struct conn *conn, const struct http_request *req,
                           const char *name)
{
    if (!req->upgrade_websocket) {
        static const char message[] = "This address is a WebSocket.\n";
        http_reply(conn, 426, TEXT_HEADERS "Upgrade: websocket\r\n", message, sizeof(message) - 1,
                   true);
        return;
    }
    if (!origin_allowed(s, req)) {
        static const char message[] = "This origin may not connect with cookies.\n";
        http_reply(conn, 403, TEXT_HEADERS, message, sizeof(message) - 1, true);
        return;
    }
    char protocol[256];
    if (!choose_protocol(req, protocol, sizeof(protocol))) {
        http_reply(conn, 400, TEXT_HEADERS, "bad subprotocol\n", 16, true);
        return;
    }
    bool receipts = http_str_is(http_query(req, "receipts"), "1");
    ws_accept(conn, *protocol ? protocol : NULL);
    if (s->stop_us) {
        ws_close(conn, WS_RESTART, "the server is stopping");
        return;
    }
    struct room *r = room_open(s, name);
    if (r->member_count >= s->opts.max_room_clients) {
        ws_close(conn, WS_TRY_LATER, "too many people are in this bytecrowd");
        return;
    }
    struct client *c = client_new(CLIENT_SOCKET, conn);
    c->receipts = receipts;
    room_join(r, c);
}

void routes_message(struct conn *conn, uint8_t *data, size_t len, void *udata)
{
    struct client *c = conn_data(conn);
    if (c)
        room_message(c, data, len);
}

void routes_closed(struct conn *conn, void *udata)
{
    struct client *c = conn_data(conn);
    if (!c)
        return;
    room_leave(c);
    client_free(c);
}

/* --- dispatch --------------------------------------------------------------------------------- */

static bool is(const char *s, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(s, text, len) == 0;
}

/* A name that was copied or typed with a slash behind it. `name` is checked: nothing to escape. */
static void redirect_to_name(struct conn *c, const char *name)
{
    char headers[sizeof(COMMON_HEADERS "Location: /\r\n") + NAME_MAX_LEN];
    snprintf(headers, sizeof(headers), COMMON_HEADERS "Location: /%s\r\n", name);
    http_reply(c, 308, headers, NULL, 0, true);
}

/* /<first>/<rest>, `rest` NULL if there is no second slash. */
static void named(struct server *s, struct conn *c, const struct http_request *req,
                  struct http_str first, const struct http_str *rest)
{
    char name[NAME_MAX_LEN + 1];
    bool socket = rest && is(first.p, first.len, "ws");
    struct http_str coded = socket ? *rest : first;
    int n = percent_decode(coded.p, coded.len, name, sizeof(name));
    enum name_verdict v = n < 0 ? NAME_BAD : name_check(name, (size_t)n);
    if (v != NAME_OK)
        reply_bad_name(s, c, v);
    else if (socket)
        socket_request(s, c, req, name);
    else if (!rest)
        reply_page(s, c, req, "/editor.html");
    else if (is(rest->p, rest->len, "raw"))
        raw(s, c, name);
    else if (!rest->len)
        redirect_to_name(c, name);
    else
        reply_error(s, c, 404, "Not found", "There is nothing at this address.");
}

void routes_request(struct conn *c, const struct http_request *req, void *udata)
{
    static const char robots[] = "User-agent: *\nAllow: /$\nDisallow: /\n";
    struct server *s = udata;
    struct http_str path = req->path;
    const struct asset *a;
    if (!http_str_is(req->method, "GET") && !http_str_is(req->method, "HEAD")) {
        http_reply(c, 405, TEXT_HEADERS "Allow: GET, HEAD\r\n", "method not allowed\n", 19, true);
    } else if (http_str_is(path, "/")) {
        reply_page(s, c, req, "/index.html");
    } else if (http_str_is(path, "/healthz")) {
        health_request(s, c);
    } else if (http_str_is(path, "/livez")) {
        http_reply(c, 200, TEXT_HEADERS "Cache-Control: no-store\r\n", "ok\n", 3, true);
    } else if (http_str_is(path, "/robots.txt")) {
        http_reply(c, 200, TEXT_HEADERS, robots, sizeof(robots) - 1, true);
    } else if (http_str_is(path, "/favicon.ico")) {
        http_reply(c, 308, COMMON_HEADERS "Location: /favicon.svg\r\n", NULL, 0, true);
    } else if ((a = asset_find(&s->opts.assets, path.p, path.len)) &&
               (a->immutable || !strstr(a->path, ".html"))) {
        reply_asset(c, req, a);
    } else {
        const char *slash = memchr(path.p + 1, '/', path.len - 1);
        struct http_str first = {path.p + 1, slash ? (size_t)(slash - path.p) - 1 : path.len - 1};
        struct http_str rest = {slash ? slash + 1 : NULL, path.len - first.len - 2};
        named(s, c, req, first, slash ? &rest : NULL);
    }
}
