/* HTTP on a connection: requests one after the other, answers, the upgrade. */
#include "net/conn_int.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IN_KEEP 4096
/* Unsent answers beyond this: the next pipelined request waits. */
#define PIPELINE_BYTES (64 * 1024)

static void process(struct conn *c);

static struct http_state *state(struct conn *c)
{
    if (!c->http)
        c->http = xcalloc(1, sizeof(*c->http));
    return c->http;
}

void http_conn_free(struct conn *c)
{
    if (!c->http)
        return;
    buf_release(&c->http->in);
    free(c->http);
    c->http = NULL;
}

static void put_date(struct buf *b)
{
    char text[64];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_printf(b, "Date: %s\r\n", text);
}

static void put_head(struct buf *b, int status, bool close)
{
    buf_printf(b, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
    put_date(b);
    buf_printf(b, "Connection: %s\r\n", close ? "close" : "keep-alive");
}

/* Answers what is no request of anybody's, and closes. */
void http_conn_error(struct conn *c, int status)
{
    struct buf b = {0};
    put_head(&b, status, true);
    if (status == 426)
        buf_puts(&b, "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n");
    buf_printf(&b,
               "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
               "Referrer-Policy: no-referrer\r\n"
               "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
               "Content-Length: %zu\r\n\r\n%d %s\n",
               strlen(http_reason(status)) + 5, status, http_reason(status));
    conn_put(c, b.data, b.len);
    buf_release(&b);
    conn_finish(c);
}

void http_reply(struct conn *c, int status, const char *headers, const void *body, size_t len,
                bool body_static)
{
    struct http_state *h = c->http;
    struct buf b = {0};
    if (!c->server || !h || !h->answering || c->finishing || c->broken)
        return;
    bool none = status < 200 || status == 204 || status == 304;
    put_head(&b, status, h->close_after);
    if (headers)
        buf_puts(&b, headers);
    if (!none)
        buf_printf(&b, "Content-Length: %zu\r\n", len);
    buf_puts(&b, "\r\n");
    conn_put(c, b.data, b.len);
    buf_release(&b);
    if (!none && !h->head && body_static)
        conn_put_borrowed(c, body, len);
    else if (!none && !h->head)
        conn_put(c, body, len);
    h->answering = false;
    buf_consume(&h->in, h->request_len);
    conn_hold(c, h->in.len);
    if (h->close_after) {
        conn_finish(c);
        return;
    }
    conn_wait(c, h->in.len ? WAIT_REQUEST : WAIT_KEEPALIVE);
    conn_read_start(c);
    if (!h->processing)
        process(c);
}

/* What came behind the request is the beginning of the WebSocket. */
static void upgraded(struct conn *c)
{
    struct buf rest = c->http->in;
    size_t at = c->http->request_len;
    conn_hold(c, 0);
    c->http->in = (struct buf){0};
    http_conn_free(c);
    conn_wait(c, c->ws_closing ? WAIT_CLOSE : WAIT_WEBSOCKET);
    conn_read_start(c);
    if (rest.len > at)
        conn_feed_ws(c, rest.data + at, rest.len - at);
    buf_release(&rest);
}

void ws_accept(struct conn *c, const char *protocol)
{
    struct http_state *h = c->http;
    struct buf b = {0};
    char accept[29];
    if (!c->server || !h || !h->answering || !h->req.upgrade_websocket)
        return;
    ws_accept_key(h->req.ws_key.p, h->req.ws_key.len, accept);
    buf_printf(&b,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n",
               accept);
    if (protocol)
        buf_printf(&b, "Sec-WebSocket-Protocol: %s\r\n", protocol);
    buf_puts(&b, "\r\n");
    conn_put(c, b.data, b.len);
    buf_release(&b);
    c->ws = ws_reader_new(c->server->limits.max_message);
    h->answering = false;
    h->websocket = true;
    if (!h->processing)
        upgraded(c);
}

/* One request, if there is a whole one. False: no more to do now. */
static bool step(struct conn *c)
{
    struct http_state *h = c->http;
    struct net_server *s = c->server;
    if (!h->in.len)
        return false;
    if (c->queued > PIPELINE_BYTES) {
        h->stalled = true;
        conn_read_stop(c);
        conn_wait(c, WAIT_KEEPALIVE);
        return false;
    }
    int n = http_parse(h->in.data, h->in.len, &s->limits.http, &h->req);
    if (n < 0) {
        http_conn_error(c, -n);
        return false;
    }
    if (n == 0)
        return false;
    size_t whole = (size_t)n + (size_t)h->req.content_length;
    if (s->handler.max_body &&
        h->req.content_length > s->handler.max_body(&h->req, s->handler.udata)) {
        http_conn_error(c, 413);
        return false;
    }
    if (h->in.len < whole) {
        if (h->req.expects_continue && !h->continued && h->in.len == (size_t)n) {
            h->continued = true;
            conn_put_borrowed(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
        }
        return false;
    }
    h->req.body = (struct http_str){(const char *)h->in.data + n, (size_t)h->req.content_length};
    h->request_len = whole;
    h->answering = true;
    h->continued = false;
    h->head = http_str_is(h->req.method, "HEAD");
    h->close_after = !h->req.keep_alive;
    c->seen = true;
    conn_wait(c, WAIT_NONE);
    /* The request's slices point into `in`, which must not move until the answer. */
    conn_read_stop(c);
    s->handler.request(c, &h->req, s->handler.udata);
    return !h->answering && !h->websocket && !c->finishing && !c->broken;
}

static void process(struct conn *c)
{
    struct http_state *h = c->http;
    h->processing = true;
    while (step(c))
        ;
    h->processing = false;
    if (h->websocket) {
        upgraded(c);
        return;
    }
    if (!h->in.len && h->in.cap > IN_KEEP)
        buf_release(&h->in);
}

void http_conn_resume(struct conn *c)
{
    c->http->stalled = false;
    conn_wait(c, WAIT_REQUEST);
    conn_read_start(c);
    process(c);
}

void http_conn_input(struct conn *c, const uint8_t *data, size_t len)
{
    struct http_state *h = state(c);
    struct http_limits *l = &c->server->limits.http;
    bool fresh = !h->in.len;
    buf_append(&h->in, data, len);
    if (!conn_hold(c, h->in.len)) {
        http_conn_error(c, 503);
        return;
    }
    if (h->answering)
        return;
    if (fresh && c->wait_kind != WAIT_REQUEST)
        conn_wait(c, WAIT_REQUEST);
    /* A head is not read anew for every byte of a slow line: only a line's end can make it whole.
     */
    if (!fresh && !memchr(data, '\n', len) && h->in.len < l->target_bytes && !h->req.content_length)
        return;
    process(c);
}
