/* A connection's bytes: reading, the output queue, WebSocket events, closing. */
#include "net/conn_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What one connection may read in a turn before the others have theirs. */
#define TURN_BYTES (256 * 1024)
#define GATHER 32
/* Shared frames up to this length are copied behind what is queued already. */
#define COPY_MAX 4096
/* So much everybody may hold, however much all of them do. */
#define HELD_FREE (64 * 1024)

static void on_closed(uv_handle_t *h);
static void mark_dirty(struct conn *c);

struct conn *conn_new(struct net_server *s)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    uv_tcp_init(&s->loop->uv, &c->tcp);
    c->tcp.data = c;
    c->server = s;
    list_init(&c->node);
    list_init(&c->wait);
    list_init(&c->dirty);
    list_init(&c->paused);
    list_append(&s->conns, &c->node);
    s->count++;
    return c;
}

void conn_set_data(struct conn *c, void *data)
{
    c->data = data;
}

void *conn_data(const struct conn *c)
{
    return c->data;
}

const char *conn_peer(const struct conn *c)
{
    return c->peer ? c->peer->text : "";
}

bool conn_is_websocket(const struct conn *c)
{
    return c->ws != NULL;
}

bool conn_is_open(const struct conn *c)
{
    return c->server && !c->broken && !c->finishing && !c->lingering && !c->ws_closing;
}

size_t conn_queued(const struct conn *c)
{
    return c->queued;
}

/* What the kernel has not taken yet; libuv holds some of `queued` while it writes. */
static size_t unsent(const struct conn *c)
{
    return c->queued + uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}

void conn_wait(struct conn *c, enum deadline kind)
{
    list_remove(&c->wait);
    c->wait_kind = (uint8_t)kind;
    c->wait_unsent = unsent(c);
    c->wait_since = uv_now(&c->server->loop->uv);
    if (kind != WAIT_NONE)
        list_append(&c->server->waits[kind], &c->wait);
}

/* --- output ----------------------------------------------------------------------------------- */

static const uint8_t *seg_bytes(const struct seg *s, size_t *len)
{
    if (s->own.data) {
        *len = s->own.len - s->off;
        return s->own.data + s->off;
    }
    *len = s->len - s->off;
    return (s->shared ? s->shared->data : s->borrowed) + s->off;
}

static void pop_seg(struct conn *c)
{
    struct seg *s = c->first;
    c->first = s->next;
    if (!c->first) {
        c->last = NULL;
        c->grace = 0;
    }
    if (c->server)
        c->server->held -= s->own.len;
    shared_unref(s->shared);
    buf_release(&s->own);
    free(s);
}

static struct seg *push_seg(struct conn *c)
{
    struct seg *s = xcalloc(1, sizeof(*s));
    if (c->last)
        c->last->next = s;
    else
        c->first = s;
    c->last = s;
    return s;
}

static bool too_much_held(const struct conn *c, size_t own)
{
    return own > HELD_FREE && c->server->held > c->server->limits.max_held;
}

bool conn_hold(struct conn *c, size_t bytes)
{
    c->server->held += bytes - c->held;
    c->held = bytes;
    return !too_much_held(c, bytes);
}

/* Whether a message may be queued. The longest one does not count, or a peer that takes a while for
 * its first sync would be cut off by the next keystroke of somebody else. */
static bool may_queue(struct conn *c, size_t len)
{
    if (!c->server || c->broken || c->finishing || c->lingering)
        return false;
    if (c->queued <= c->server->limits.max_queue + c->grace && !too_much_held(c, c->queued)) {
        if (len > c->grace)
            c->grace = len;
        return true;
    }
    log_info("client too slow, cut off", LOG_STR("peer", conn_peer(c)),
             LOG_INT("queued_bytes", c->queued));
    c->broken = true;
    mark_dirty(c);
    return false;
}

static void mark_dirty(struct conn *c)
{
    if (list_empty(&c->dirty))
        list_append(&c->server->dirty, &c->dirty);
}

void conn_put(struct conn *c, const void *data, size_t len)
{
    if (!len)
        return;
    /* libuv holds the bytes of a segment that it is writing. */
    struct seg *s = c->last;
    if (!s || !s->own.data || (c->writing && s == c->first) || c->writing)
        s = push_seg(c);
    buf_append(&s->own, data, len);
    c->server->held += len;
    c->queued += len;
    mark_dirty(c);
}

void conn_put_borrowed(struct conn *c, const void *data, size_t len)
{
    if (!len)
        return;
    struct seg *s = push_seg(c);
    s->borrowed = data;
    s->len = len;
    c->queued += len;
    mark_dirty(c);
}

/* n bytes have left. */
static void advance(struct conn *c, size_t n)
{
    c->queued -= n;
    while (n) {
        size_t len;
        seg_bytes(c->first, &len);
        if (n < len) {
            c->first->off += n;
            return;
        }
        n -= len;
        pop_seg(c);
    }
}

struct write {
    uv_write_t uv;
    struct conn *conn;
    size_t len;
};

static void written(uv_write_t *req, int status)
{
    struct write *w = req->data;
    struct conn *c = w->conn;
    size_t len = w->len;
    free(w);
    c->writing = false;
    if (!c->server)
        return;
    if (status < 0) {
        c->broken = true;
    } else {
        advance(c, len);
    }
    mark_dirty(c);
}

static unsigned gather(const struct conn *c, uv_buf_t *bufs, size_t *total)
{
    unsigned n = 0;
    *total = 0;
    for (const struct seg *s = c->first; s && n < GATHER; s = s->next) {
        size_t len;
        const uint8_t *p = seg_bytes(s, &len);
        bufs[n++] = uv_buf_init((char *)p, (unsigned)(len > 1u << 30 ? 1u << 30 : len));
        *total += bufs[n - 1].len;
        if (bufs[n - 1].len < len)
            break;
    }
    return n;
}

/* Writes what the kernel takes now; leaves the rest to libuv, which says when it is out. */
static void write_out(struct conn *c)
{
    uv_buf_t bufs[GATHER];
    size_t total;
    while (c->first && !c->writing) {
        unsigned n = gather(c, bufs, &total);
        int done = uv_try_write((uv_stream_t *)&c->tcp, bufs, n);
        if (done < 0 && done != UV_EAGAIN) {
            c->broken = true;
            return;
        }
        if (done > 0)
            advance(c, (size_t)done);
        if (done >= 0 && (size_t)done == total)
            continue;
        n = gather(c, bufs, &total);
        struct write *w = xmalloc(sizeof(*w));
        w->uv.data = w;
        w->conn = c;
        w->len = total;
        if (uv_write(&w->uv, (uv_stream_t *)&c->tcp, bufs, n, written) < 0) {
            free(w);
            c->broken = true;
            return;
        }
        c->writing = true;
    }
}

struct shutdown {
    uv_shutdown_t uv;
};

static void shut(uv_shutdown_t *req, int status)
{
    free(req->data);
}

/* The last byte is out: tell the peer, then take what it still sends until it closes too, so that a
 * reset does not overtake our answer. */
static void linger(struct conn *c)
{
    struct shutdown *s = xmalloc(sizeof(*s));
    s->uv.data = s;
    c->finishing = false;
    c->lingering = true;
    if (uv_shutdown(&s->uv, (uv_stream_t *)&c->tcp, shut) < 0) {
        free(s);
        conn_cut(c);
        return;
    }
    conn_wait(c, WAIT_CLOSE);
    conn_read_start(c);
}

static void flush(struct conn *c)
{
    if (!c->broken)
        write_out(c);
    if (c->broken)
        conn_cut(c);
    else if (c->finishing && !c->first && !c->writing)
        linger(c);
    else if (c->http && c->http->stalled && !c->first)
        http_conn_resume(c);
}

void conn_flush_all(void *udata)
{
    struct net_server *s = udata;
    s->turn++;
    while (!list_empty(&s->dirty)) {
        struct conn *c = container_of(s->dirty.next, struct conn, dirty);
        list_remove(&c->dirty);
        flush(c);
    }
    while (!list_empty(&s->paused)) {
        struct conn *c = container_of(s->paused.next, struct conn, paused);
        list_remove(&c->paused);
        conn_read_start(c);
    }
}

void conn_finish(struct conn *c)
{
    if (c->finishing || c->lingering || !c->server)
        return;
    c->finishing = true;
    conn_wait(c, WAIT_CLOSE);
    mark_dirty(c);
}

/* Out of every list; libuv calls back when nothing of it is in use any more. */
void conn_cut(struct conn *c)
{
    if (uv_is_closing((uv_handle_t *)&c->tcp))
        return;
    list_remove(&c->wait);
    list_remove(&c->dirty);
    list_remove(&c->paused);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_closed(uv_handle_t *h)
{
    struct conn *c = h->data;
    if (c->server) {
        struct net_server *s = c->server;
        list_remove(&c->node);
        list_remove(&c->dirty);
        list_remove(&c->wait);
        s->count--;
        s->refused -= c->refused;
        s->held -= c->held;
        if (c->seen && s->handler.closed)
            s->handler.closed(c, s->handler.udata);
        peer_release(s, c->peer);
    }
    while (c->first)
        pop_seg(c);
    http_conn_free(c);
    ws_reader_free(c->ws);
    free(c);
}

/* --- input ------------------------------------------------------------------------------------ */

static void alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct conn *c = h->data;
    struct net_loop *loop = h->loop->data;
    (void)c;
    *buf = uv_buf_init(loop->read_buffer, NET_READ_BUFFER);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    struct net_server *s = c->server;
    if (n == 0 || uv_is_closing((uv_handle_t *)stream))
        return;
    if (n < 0) {
        /* A half-closed peer may still want its answer; a WebSocket that ends so is gone. */
        if (n == UV_EOF && c->http && (c->http->answering || c->first) && !c->lingering) {
            conn_read_stop(c);
            c->http->close_after = true;
            if (!c->http->answering)
                conn_finish(c);
        } else {
            conn_cut(c);
        }
        return;
    }
    if (c->turn != s->turn) {
        c->turn = s->turn;
        c->turn_bytes = 0;
    }
    c->turn_bytes += (uint32_t)n;
    if (c->turn_bytes >= TURN_BYTES) {
        conn_read_stop(c);
        list_append(&s->paused, &c->paused);
    }
    if (c->lingering || c->finishing || c->broken)
        return;
    if (c->ws)
        conn_feed_ws(c, (uint8_t *)buf->base, (size_t)n);
    else
        http_conn_input(c, (const uint8_t *)buf->base, (size_t)n);
}

void conn_read_start(struct conn *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_read_start((uv_stream_t *)&c->tcp, alloc, on_read);
}

void conn_read_stop(struct conn *c)
{
    list_remove(&c->paused);
    uv_read_stop((uv_stream_t *)&c->tcp);
}

/* --- WebSocket -------------------------------------------------------------------------------- */

static int on_ws_event(enum ws_event ev, uint8_t *data, size_t len, int code, void *udata)
{
    struct conn *c = udata;
    struct buf b = {0};
    switch (ev) {
    case WS_EV_MESSAGE:
        if (!c->ws_closing)
            c->server->handler.message(c, data, len, c->server->handler.udata);
        break;
    case WS_EV_PING:
        if (!c->ws_closing && may_queue(c, len)) {
            ws_frame_pong(&b, data, len);
            conn_put(c, b.data, b.len);
            buf_release(&b);
        }
        break;
    case WS_EV_PONG:
        break;
    case WS_EV_CLOSE:
        c->ws_peer_closed = true;
        if (!c->ws_closing)
            ws_close(c, code == WS_NO_STATUS ? WS_NORMAL : code, NULL);
        conn_finish(c);
        return -1;
    }
    return c->broken || c->finishing ? -1 : 0;
}

void conn_feed_ws(struct conn *c, uint8_t *data, size_t len)
{
    const char *reason = NULL;
    if (!c->ws_closing)
        conn_wait(c, WAIT_WEBSOCKET);
    int result = ws_reader_feed(c->ws, data, len, on_ws_event, c, &reason);
    if (!conn_hold(c, ws_reader_held(c->ws)) && !result) {
        result = WS_TRY_LATER;
        reason = "too much is under way to this server";
    }
    if (result > 0) {
        log_debug("websocket refused", LOG_STR("peer", conn_peer(c)), LOG_INT("code", result),
                  LOG_STR("reason", reason));
        ws_close(c, result, reason);
        conn_finish(c);
    }
}

void ws_send(struct conn *c, const void *data, size_t len)
{
    struct buf head = {0};
    if (c->ws_closing || !may_queue(c, len))
        return;
    ws_frame_header(&head, len);
    conn_put(c, head.data, head.len);
    conn_put(c, data, len);
    buf_release(&head);
}

void ws_send_frames(struct conn *c, struct shared *frames)
{
    size_t done = 0;
    if (c->ws_closing || !may_queue(c, frames->len))
        return;
    /* Nothing in front of it: to the kernel at once, without a queue. */
    if (!c->first && !c->writing) {
        uv_buf_t b = uv_buf_init((char *)frames->data, (unsigned)frames->len);
        int n = frames->len > 1u << 30 ? UV_EAGAIN : uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
        if (n < 0 && n != UV_EAGAIN) {
            c->broken = true;
            mark_dirty(c);
            return;
        }
        done = n > 0 ? (size_t)n : 0;
        if (done == frames->len)
            return;
    }
    if (frames->len - done <= COPY_MAX) {
        conn_put(c, frames->data + done, frames->len - done);
        return;
    }
    struct seg *s = push_seg(c);
    s->shared = shared_ref(frames);
    s->len = frames->len;
    s->off = done;
    c->queued += frames->len - done;
    mark_dirty(c);
}

void ws_close(struct conn *c, int code, const char *reason)
{
    struct buf b = {0};
    if (!c->server || c->ws_closing || c->finishing || c->broken)
        return;
    ws_frame_close(&b, code, reason);
    conn_put(c, b.data, b.len);
    buf_release(&b);
    c->ws_closing = true;
    conn_wait(c, WAIT_CLOSE);
}

/* Its deadline has passed. A peer that still takes what we send, however slowly, is alive. */
void conn_expired(struct conn *c)
{
    struct buf b = {0};
    if (c->wait_kind != WAIT_REQUEST && unsent(c) < c->wait_unsent) {
        conn_wait(c, c->wait_kind);
        return;
    }
    switch ((enum deadline)c->wait_kind) {
    case WAIT_REQUEST:
        if (c->http && c->http->in.len)
            http_conn_error(c, 408);
        else
            conn_cut(c);
        break;
    case WAIT_WEBSOCKET:
        ws_frame_ping(&b);
        conn_put(c, b.data, b.len);
        buf_release(&b);
        conn_wait(c, WAIT_PONG);
        break;
    case WAIT_NONE:
    case WAIT_KEEPALIVE:
    case WAIT_PONG:
    case WAIT_CLOSE:
    case WAIT_KINDS:
        conn_cut(c);
        break;
    }
}
