/*
 * What each address answers.
 *
 *     GET /                     the front page            GET /ws/<id>       a bytecrowd's socket
 *     GET /<id>                 the editor                GET /assets/...    the page's files
 *     GET /<id>/raw             the text                  GET /healthz       health.c
 *     GET /~watch               a read-only link          GET /livez         200 while it runs
 *     GET /~watch/raw           its text                  /api/auth/...      auth.h
 *     GET /ws/~watch            its socket                /api/...           api.c
 *     GET /error/authorization  the page for who may not
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

static void reply_asset(struct conn *c, const struct http_request *req, const struct asset *a,
                        int status)
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
    if (status == 200 && etag_matches(http_header(req, "if-none-match"), a->etag)) {
        http_reply(c, 304, buf_str(&h), NULL, 0, true);
    } else {
        buf_printf(&h, "Content-Type: %s\r\n", a->content_type);
        if (coding)
            buf_printf(&h, "Content-Encoding: %s\r\n", coding);
        http_reply(c, status, buf_str(&h), body, len, true);
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
                       const char *path, int status)
{
    const struct asset *a = asset_find(&s->opts.assets, path, strlen(path));
    if (a)
        reply_asset(c, req, a, status);
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
    list_init(&c->known);
    conn_set_data(conn, c);
    return c;
}

void client_free(struct client *c)
{
    /* Whoever was answered may have been followed already, by a request that came right behind. */
    if (conn_data(c->conn) == c)
        conn_set_data(c->conn, NULL);
    auth_query_cancel(c->query);
    list_remove(&c->node);
    list_remove(&c->owed);
    list_remove(&c->known);
    auth_person_unref(c->person);
    free(c->link);
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

static void raw_denied(struct client *c)
{
    static const char message[] = "you need to be authorized to execute this operation";
    http_reply(c->conn, 401, TEXT_HEADERS "Cache-Control: no-store\r\n", message,
               sizeof(message) - 1, true);
}

static void raw_away(struct client *c)
{
    static const char message[] = "The text cannot be read from storage now.\n";
    http_reply(c->conn, 503, TEXT_HEADERS "Retry-After: 5\r\n", message, sizeof(message) - 1, true);
}

void routes_reader_ready(struct client *c)
{
    const char *why;
    if (c->kind == CLIENT_UPDATE) {
        api_update_ready(c);
        return;
    }
    if (room_admits(c->room, c, &why))
        reply_raw(c->conn, c->room);
    else
        raw_denied(c);
    client_free(c);
}

void routes_reader_failed(struct client *c)
{
    if (c->kind == CLIENT_UPDATE) {
        api_update_failed(c);
        return;
    }
    raw_away(c);
    client_free(c);
}

static void raw(struct server *s, struct client *c, const char *name)
{
    struct room *r = room_open(s, name);
    c->kind = CLIENT_RAW;
    c->room = r;
    if (r->phase == ROOM_LIVE)
        routes_reader_ready(c);
    else
        list_append(&r->readers, &c->node);
}

/* Of a visit only the client goes on. */
static struct client *keep_client(struct visit *v)
{
    struct client *c = v->client;
    c->visit = NULL;
    v->client = NULL;
    visit_end(v);
    return c;
}

static void raw_visited(struct visit *v, enum visit_result result)
{
    char name[NAME_MAX_LEN + 1];
    struct server *s = v->srv;
    strcpy(name, v->name);
    struct client *c = keep_client(v);
    if (result == VISIT_OK) {
        raw(s, c, name);
        return;
    }
    if (result == VISIT_DENIED)
        raw_denied(c);
    else
        raw_away(c);
    client_free(c);
}

/* --- the editor ------------------------------------------------------------------------------- */

/* Whether storage can be read shows in the page itself: the socket says so, and tries again. */
static void page_visited(struct visit *v, enum visit_result result)
{
    struct conn *conn = v->client->conn;
    if (result != VISIT_DENIED) {
        reply_page(v->srv, conn, v->req, "/editor.html", 200);
    } else {
        struct buf h = {0};
        buf_printf(&h,
                   COMMON_HEADERS "Cache-Control: no-store\r\n"
                                  "Location: /error/authorization?page=%s\r\n",
                   v->name);
        http_reply(conn, 302, buf_str(&h), NULL, 0, true);
        buf_release(&h);
    }
    visit_end(v);
}

static void page(struct server *s, struct conn *conn, const struct http_request *req,
                 const char *name)
{
    visit_go(visit_begin(s, conn, req, name, false, page_visited));
}

/* --- the socket ------------------------------------------------------------------------------- */

/* A page of somebody else's may open a socket as anybody may, but not as the person whose cookies
 * the browser adds. */
static bool may_connect(const struct server *s, const struct http_request *req)
{
    return !http_header(req, "cookie").p || guard_origin(s, req);
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

/* The last step: it is known who they are, and where they want to go. */
static void socket_join(struct server *s, struct client *c, const struct http_request *req,
                        const char *name)
{
    struct conn *conn = c->conn;
    char protocol[256];
    choose_protocol(req, protocol, sizeof(protocol));
    c->receipts = http_str_is(http_query(req, "receipts"), "1");
    ws_accept(conn, *protocol ? protocol : NULL);
    if (s->stop_us) {
        ws_close(conn, WS_RESTART, "the server is stopping");
        return;
    }
    struct room *r = room_open(s, name);
    if (r->member_count >= s->opts.max_room_clients)
        ws_close(conn, WS_TRY_LATER, "too many people are in this bytecrowd");
    else
        room_join(r, c);
}

/* A refused upgrade is something that browsers cannot read, so there is one. */
static void socket_refuse(struct client *c, const struct http_request *req, int code,
                          const char *why)
{
    char protocol[256];
    choose_protocol(req, protocol, sizeof(protocol));
    ws_accept(c->conn, *protocol ? protocol : NULL);
    ws_close(c->conn, code, why);
}

static void socket_known(enum auth_known result, struct auth_person *p, void *udata)
{
    struct visit *v = udata;
    v->client->query = NULL;
    struct server *s = v->srv;
    const struct http_request *req = v->req;
    char name[NAME_MAX_LEN + 1];
    strcpy(name, v->name);
    struct client *c = keep_client(v);
    c->kind = CLIENT_SOCKET;
    if (result == AUTH_UNAVAILABLE) {
        socket_refuse(c, req, WS_TRY_LATER, "storage cannot be reached");
        return;
    }
    if (result == AUTH_KNOWN)
        access_identify(s, c, p);
    uint32_t wait = guard_take_session(s, LIMIT_CONNECT, c);
    if (!wait) {
        socket_join(s, c, req, name);
        return;
    }
    struct conn *conn = c->conn;
    client_free(c); /* before the answer, with which the next request may come */
    guard_refuse(conn, wait);
}

static void socket_identify(struct visit *v)
{
    struct auth_query *q = auth_whois(v->srv->auth, v->req, socket_known, v);
    if (q)
        v->client->query = q;
}

/* What is wrong with the request itself, answered; else false. */
static bool socket_wrong(struct server *s, struct conn *conn, const struct http_request *req)
{
    char protocol[256];
    if (!req->upgrade_websocket) {
        static const char message[] = "This address is a WebSocket.\n";
        http_reply(conn, 426, TEXT_HEADERS "Upgrade: websocket\r\n", message, sizeof(message) - 1,
                   true);
    } else if (!may_connect(s, req)) {
        static const char message[] = "This origin may not connect with cookies.\n";
        http_reply(conn, 403, TEXT_HEADERS, message, sizeof(message) - 1, true);
    } else if (!choose_protocol(req, protocol, sizeof(protocol))) {
        http_reply(conn, 400, TEXT_HEADERS, "bad subprotocol\n", 16, true);
    } else {
        return false;
    }
    return true;
}

/* NULL if it was answered. */
static struct visit *socket_begin(struct server *s, struct conn *conn,
                                  const struct http_request *req, const char *name)
{
    if (socket_wrong(s, conn, req))
        return NULL;
    struct visit *v = visit_begin(s, conn, req, name, true, NULL);
    uint32_t wait = guard_take(s, LIMIT_CONNECT, v->client);
    if (!wait)
        return v;
    guard_refuse(conn, wait);
    visit_end(v);
    return NULL;
}

static void socket_request(struct server *s, struct conn *conn, const struct http_request *req,
                           const char *name)
{
    struct visit *v = socket_begin(s, conn, req, name);
    if (v)
        socket_identify(v);
}

/* --- read-only links -------------------------------------------------------------------------- */

/* The token of "bytecrowds.watch.<token>" among the subprotocols: no address has it. */
static struct http_str watch_token(const struct http_request *req)
{
    static const char prefix[] = "bytecrowds.watch.";
    struct http_str v = http_header(req, "sec-websocket-protocol");
    for (size_t i = 0; i + sizeof(prefix) <= v.len; i++) {
        if (memcmp(v.p + i, prefix, sizeof(prefix) - 1) != 0)
            continue;
        const char *p = v.p + i + sizeof(prefix) - 1;
        size_t n = 0, most = v.len - i - sizeof(prefix) + 1;
        while (n < most && p[n] != ',' && p[n] != ' ' && p[n] != '\t')
            n++;
        return (struct http_str){p, n};
    }
    return (struct http_str){NULL, 0};
}

static struct http_str bearer_token(const struct http_request *req)
{
    static const char scheme[] = "bearer ";
    struct http_str v = http_header(req, "authorization"), bare = {v.p, sizeof(scheme) - 1};
    if (v.len < bare.len || !http_str_is_nocase(bare, scheme))
        return (struct http_str){NULL, 0};
    return (struct http_str){v.p + bare.len, v.len - bare.len};
}

/* What the link stands for, into v->name; false if there is no such link, or nobody knows. */
static bool link_found(struct visit *v)
{
    const struct store_op *op = &v->op;
    bool found = op->result == STORE_OK && op->found && op->data.len <= NAME_MAX_LEN;
    if (!found)
        return false;
    memcpy(v->name, op->data.data, op->data.len);
    v->name[op->data.len] = '\0';
    return true;
}

static void socket_watches(struct store_op *op)
{
    struct visit *v = op->udata;
    if (link_found(v)) {
        socket_identify(v);
        return;
    }
    bool away = op->result < 0;
    const struct http_request *req = v->req;
    struct client *c = keep_client(v);
    c->kind = CLIENT_SOCKET;
    socket_refuse(c, req, away ? WS_TRY_LATER : WS_UNAUTHORIZED,
                  away ? "storage cannot be reached" : "this link was revoked");
}

static void raw_watches(struct store_op *op)
{
    struct visit *v = op->udata;
    raw_visited(v, op->result < 0 ? VISIT_UNAVAILABLE : link_found(v) ? VISIT_OK : VISIT_DENIED);
}

static void watch(struct visit *v, struct http_str token, void (*found)(struct store_op *op))
{
    v->client->link = xmalloc(AUTH_HASH_HEX);
    auth_sha256_hex(v->client->link, token.p, token.len);
    v->op.kind = STORE_LINK_FIND;
    buf_puts(&v->op.data, v->client->link);
    visit_store(v, found);
}

static void watch_socket(struct server *s, struct conn *conn, const struct http_request *req)
{
    struct visit *v = socket_begin(s, conn, req, "");
    if (v)
        watch(v, watch_token(req), socket_watches);
}

static void watch_request(struct server *s, struct conn *conn, const struct http_request *req)
{
    if (http_str_is(req->path, "/~watch"))
        reply_page(s, conn, req, "/editor.html", 200);
    else
        watch(visit_begin(s, conn, req, "", false, NULL), bearer_token(req), raw_watches);
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
    if (c->exchange)
        auth_exchange_drop(c->exchange);
    if (c->visit)
        visit_lost(c->visit);
    client_free(c);
}

size_t routes_max_body(const struct http_request *req, void *udata)
{
    return api_max_body(req);
}

/* --- sign-in ---------------------------------------------------------------------------------- */

static void auth_answered(void *udata)
{
    struct client *c = udata;
    c->exchange = NULL;
    client_free(c);
}

static void auth(struct server *s, struct conn *conn, const struct http_request *req)
{
    struct client *c = client_new(CLIENT_AUTH, conn);
    c->exchange = auth_request(s->auth, conn, req, auth_answered, c);
    if (!c->exchange)
        client_free(c);
}

static void show_error(void *udata, struct conn *conn, int status, const char *title,
                       const char *message)
{
    reply_error(udata, conn, status, title, message);
}

static void show_sign_in(void *udata, struct conn *conn, const struct http_request *req)
{
    reply_page(udata, conn, req, "/signin.html", 200);
}

static bool sign_in_allowed(void *udata, struct conn *conn, const struct http_request *req)
{
    struct client *c = conn_data(conn);
    guard_who(udata, c, req);
    return !guard_take(udata, LIMIT_SIGN_IN, c);
}

static void signed_out(void *udata, const char *session, const char *user_id)
{
    access_signed_out(udata, session, user_id);
}

void routes_auth_opts(struct server *s, struct auth_opts *opts)
{
    opts->show_error = show_error;
    opts->show_sign_in = show_sign_in;
    opts->allowed = sign_in_allowed;
    opts->signed_out = signed_out;
    opts->udata = s;
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
        page(s, c, req, name);
    else if (is(rest->p, rest->len, "raw"))
        visit_go(visit_begin(s, c, req, name, false, raw_visited));
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
    if (path.len > 10 && memcmp(path.p, "/api/auth/", 10) == 0) {
        auth(s, c, req);
    } else if (path.len > 5 && memcmp(path.p, "/api/", 5) == 0) {
        api_request(s, c, req);
    } else if (!http_str_is(req->method, "GET") && !http_str_is(req->method, "HEAD")) {
        http_reply(c, 405, TEXT_HEADERS "Allow: GET, HEAD\r\n", "method not allowed\n", 19, true);
    } else if (http_str_is(path, "/")) {
        reply_page(s, c, req, "/index.html", 200);
    } else if (http_str_is(path, "/~watch") || http_str_is(path, "/~watch/raw")) {
        watch_request(s, c, req);
    } else if (http_str_is(path, "/ws/~watch")) {
        watch_socket(s, c, req);
    } else if (http_str_is(path, "/error/authorization")) {
        reply_page(s, c, req, "/denied.html", 403);
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
        reply_asset(c, req, a, 200);
    } else {
        const char *slash = memchr(path.p + 1, '/', path.len - 1);
        struct http_str first = {path.p + 1, slash ? (size_t)(slash - path.p) - 1 : path.len - 1};
        struct http_str rest = {slash ? slash + 1 : NULL, path.len - first.len - 2};
        named(s, c, req, first, slash ? &rest : NULL);
    }
}
