/*
 * A room: one bytecrowd that is open. It owns the document, knows who is here, and gathers what
 * they are due.
 *
 * Fan-out. What comes in during a loop turn is framed once, into `out`; at the end of the turn
 * every member gets the whole of it in one write. The first flush is at once, so a lone keystroke
 * is never delayed; the next one at the earliest members x PACE_US later, so that a big busy room
 * makes at most about 50 000 writes a second, each with more in it. Awareness is not gathered but
 * kept: a flush carries the last state of everybody who changed.
 */
#include "base/log.h"
#include "base/mem.h"
#include "proto/message.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

#define PACE_US 20
/* Messages of one client that wait while its room is loaded. */
#define EARLY_MAX (256 * 1024)
#define OUT_KEEP (64 * 1024)
/* Messages of one frame. Clients send one; 16 MiB of the smallest, each with its answer, would keep
 * everybody else waiting for seconds. */
#define FRAME_MESSAGES 1000
/* What is taken from the log or another server and is bigger than this may be a snapshot, of which people
 * here have all but a little: they are told what is new. */
#define TELL_WHOLE_MAX (64u * 1024)

struct room *room_open(struct server *s, const char *name)
{
    struct room *r = table_get(&s->rooms, name, strlen(name));
    if (r)
        return r;
    r = xcalloc(1, sizeof(*r));
    r->srv = s;
    r->name = xstrdup(name);
    r->awareness = awareness_new(&(struct awareness_limits){.other_servers = s->feed});
    list_init(&r->members);
    list_init(&r->readers);
    list_init(&r->due_node);
    room_save_init(r);
    table_set(&s->rooms, name, strlen(name), r);
    room_feed_init(r);
    room_load(r);
    return r;
}

void room_free(struct room *r)
{
    log_debug("room closed", LOG_STR("name", r->name));
    table_remove(&r->srv->rooms, r->name, strlen(r->name));
    list_remove(&r->due_node);
    room_feed_release(r);
    room_save_release(r);
    awareness_free(r->awareness);
    policy_release(&r->policy);
    ydoc_free(r->doc);
    shared_unref(r->full);
    buf_release(&r->out);
    free(r->name);
    free(r);
}

void room_due(struct room *r)
{
    if (list_empty(&r->due_node))
        list_append(&r->srv->due, &r->due_node);
}

void room_send(struct client *c, struct buf *payload)
{
    ws_send(c->conn, payload->data, payload->len);
    buf_release(payload);
}

static size_t varuint_size(uint64_t n)
{
    size_t size = 1;
    while (n > 0x7f) {
        n >>= 7;
        size++;
    }
    return size;
}

/* --- what a member is sent -------------------------------------------------------------------- */

static void send_step1(struct room *r, struct client *c)
{
    struct ybuf sv = {0};
    struct buf b = {0};
    if (ydoc_encode_state_vector(r->doc, &sv) == Y_OK) {
        proto_step1(&b, sv.data, sv.len);
        room_send(c, &b);
    }
    ybuf_release(&sv);
}

static void send_everybody(struct room *r, struct client *c)
{
    struct buf all = {0}, b = {0};
    if (awareness_all(r->awareness, &all)) {
        proto_awareness(&b, all.data, all.len);
        room_send(c, &b);
    }
    buf_release(&all);
}

/* Everybody who joins asks for the whole document, so its frame is kept until the document changes.
 */
static void send_full(struct room *r, struct client *c)
{
    if (!r->full) {
        struct ybuf u = {0};
        struct buf b = {0};
        if (ydoc_encode_update(r->doc, NULL, 0, &u) < 0) {
            ws_close(c->conn, WS_TRY_LATER, "out of memory");
            ybuf_release(&u);
            return;
        }
        ws_frame_header(&b, 2 + varuint_size(u.len) + u.len);
        proto_step2(&b, u.data, u.len);
        r->full = shared_new(b.data, b.len);
        buf_release(&b);
        ybuf_release(&u);
    }
    ws_send_frames(c->conn, r->full);
}

static void answer_step1(struct room *r, struct client *c, const uint8_t *sv, size_t len)
{
    if (len == 1 && sv[0] == 0) {
        send_full(r, c);
        return;
    }
    struct ybuf u = {0};
    struct buf b = {0};
    int error = ydoc_encode_update(r->doc, sv, len, &u);
    if (error < 0) {
        ws_close(c->conn, error == Y_ERR_NOMEM ? WS_TRY_LATER : WS_BAD_PAYLOAD, y_strerror(error));
    } else {
        proto_step2(&b, u.data, u.len);
        room_send(c, &b);
    }
    ybuf_release(&u);
}

/* Who waits for an answer by HTTP is not kept until the store is back. */
static void fail_updates(struct list *clients)
{
    list_each(n, clients)
    {
        struct client *c = container_of(n, struct client, owed);
        if (c->kind == CLIENT_UPDATE)
            api_update_failed(c);
    }
}

void room_tell_store_state(struct room *r)
{
    if (r->failing) {
        fail_updates(&r->owed);
        fail_updates(&r->owing);
    }
    list_each(n, &r->members)
    {
        struct client *c = container_of(n, struct client, node);
        struct buf b = {0};
        if (!c->receipts)
            continue;
        proto_store_state(&b, r->failing);
        room_send(c, &b);
    }
}

/* --- coming and going ------------------------------------------------------------------------- */

static void welcome(struct room *r, struct client *c)
{
    const char *why;
    if (!room_admits(r, c, &why)) {
        room_cut_off(c, WS_UNAUTHORIZED, why);
        return;
    }
    send_step1(r, c);
    send_everybody(r, c);
    if (c->receipts && r->failing) {
        struct buf b = {0};
        proto_store_state(&b, true);
        room_send(c, &b);
    }
}

void room_join(struct room *r, struct client *c)
{
    c->room = r;
    list_append(&r->members, &c->node);
    r->member_count++;
    net_timer_stop(r->idle_timer);
    r->unload = false;
    if (r->phase == ROOM_LIVE)
        welcome(r, c);
}

void room_leave(struct client *c)
{
    struct room *r = c->room;
    if (!r)
        return;
    access_left(r->srv, c);
    c->room = NULL;
    list_remove(&c->node);
    list_remove(&c->owed);
    if (c->kind == CLIENT_SOCKET) {
        r->member_count--;
        awareness_drop(r->awareness, &c->awareness, net_now_us() / 1000);
        if (awareness_changed(r->awareness))
            room_due(r);
    }
    if (r->phase == ROOM_LIVE && list_empty(&r->members))
        room_idle(r);
}

/* The document is here: whoever waited gets what they came for. */
void room_live(struct room *r)
{
    r->phase = ROOM_LIVE;
    list_each(n, &r->readers) routes_reader_ready(container_of(n, struct client, node));
    list_each(n, &r->members) welcome(r, container_of(n, struct client, node));
    list_each(n, &r->members)
    {
        struct client *c = container_of(n, struct client, node);
        struct buf early = c->early;
        c->early = (struct buf){0};
        for (size_t i = 0; i < early.len && c->room;) {
            uint32_t len;
            memcpy(&len, early.data + i, sizeof(len));
            room_message(c, early.data + i + sizeof(len), len);
            i += sizeof(len) + len;
        }
        buf_release(&early);
    }
    if (r->resume_due)
        room_resume(r);
    if (list_empty(&r->members))
        room_idle(r);
}

/* --- what a member sends ---------------------------------------------------------------------- */

void room_changed(struct room *r, bool here)
{
    shared_unref(r->full);
    r->full = NULL;
    room_save_fields_later(r, here);
    room_due(r);
}

void room_cut_off(struct client *c, int code, const char *reason)
{
    char from[NET_ADDRESS_SIZE];
    net_address_write(from, &c->address);
    log_info("client cut off", LOG_STR("name", c->room->name), LOG_STR("peer", from),
             LOG_INT("code", code), LOG_STR("reason", reason));
    ws_close(c->conn, code, reason);
    room_leave(c);
}

/* The size estimate only grows with what comes in; before somebody is refused it is made exact.
 * An update without structs only deletes: it may go a quarter beyond the limit, or nobody could
 * make room in a full document. */
static bool fits(struct room *r, const uint8_t *data, size_t len)
{
    size_t max = r->srv->opts.max_document;
    if (len && data[0] == 0)
        max += max / 4;
    if (r->doc_bytes + len <= max)
        return true;
    if (!r->doc_bytes_exact) {
        struct ybuf u = {0};
        if (ydoc_encode_update(r->doc, NULL, 0, &u) == Y_OK) {
            r->doc_bytes = u.len;
            r->doc_bytes_exact = true;
        }
        ybuf_release(&u);
    }
    return r->doc_bytes + len <= max;
}

void room_tell_update(struct room *r, const uint8_t *data, size_t len)
{
    ws_frame_header(&r->out, 2 + varuint_size(len) + len);
    proto_update(&r->out, data, len);
}

static void tell_since(struct room *r, const struct ybuf *before, const void *update, size_t len)
{
    struct ybuf diff = {0};
    if (ydoc_encode_update(r->doc, before->data, before->len, &diff) == Y_OK && diff.len < len)
        room_tell_update(r, diff.data, diff.len);
    else
        room_tell_update(r, update, len);
    ybuf_release(&diff);
}

int room_take(struct room *r, const void *update, size_t len)
{
    struct y_applied applied = {0};
    struct ybuf before = {0};
    if (len > TELL_WHOLE_MAX && ydoc_encode_state_vector(r->doc, &before) < 0)
        return Y_ERR_NOMEM;
    /* It was accepted where it came from: who refused it now would have another document. */
    ydoc_set_max_pending(r->doc, SIZE_MAX);
    int error = ydoc_apply(r->doc, update, len, &applied);
    ydoc_set_max_pending(r->doc, r->srv->opts.max_pending);
    if (error == Y_OK && (applied.changed || applied.pending)) {
        r->doc_bytes += len;
        r->doc_bytes_exact = false;
        if (before.len)
            tell_since(r, &before, update, len);
        else
            room_tell_update(r, update, len);
        room_changed(r, false);
    }
    ybuf_release(&before);
    return error;
}

/* The first change makes a bytecrowd, which stays. Two bytes are the update that changes nothing: every client's answer to
 * an empty one. */
static bool may_create(struct room *r, struct client *c, size_t len)
{
    return !r->fresh || len <= 2 || !guard_take(r->srv, LIMIT_CREATE, c);
}

int room_update(struct client *c, const uint8_t *data, size_t len, const char **why)
{
    struct room *r = c->room;
    struct y_applied applied = {0};
    if (len > r->srv->opts.max_update) {
        *why = "update too large";
        return WS_TOO_BIG;
    }
    if (!fits(r, data, len)) {
        *why = "this bytecrowd is full";
        return WS_FULL;
    }
    if (!may_create(r, c, len)) {
        *why = "too many new bytecrowds from your address";
        return WS_TRY_LATER;
    }
    int error = ydoc_apply(r->doc, data, len, &applied);
    if (error < 0) {
        *why = y_strerror(error);
        return error == Y_ERR_LIMIT   ? WS_POLICY
               : error == Y_ERR_NOMEM ? WS_TRY_LATER
                                      : WS_BAD_PAYLOAD;
    }
    c->received++;
    if (applied.changed || applied.pending) {
        r->fresh = false;
        r->doc_bytes += len;
        r->doc_bytes_exact = false;
        room_tell_update(r, data, len);
        room_save_update(r, data, len);
        room_changed(r, true);
    }
    if (c->receipts)
        room_save_owe(r, c);
    return 0;
}

static void updated(struct client *c, const uint8_t *data, size_t len)
{
    const char *why;
    int code;
    if (c->link) /* they may only watch, whatever they send */
        return;
    if ((code = room_update(c, data, len, &why)))
        room_cut_off(c, code, why);
}

static void awareness(struct client *c, const uint8_t *data, size_t len)
{
    struct room *r = c->room;
    struct buf truth = {0}, b = {0};
    int error =
        awareness_apply(r->awareness, &c->awareness, data, len, net_now_us() / 1000, &truth);
    if (truth.len) {
        proto_awareness(&b, truth.data, truth.len);
        room_send(c, &b);
    }
    buf_release(&truth);
    if (error == AWARENESS_MALFORMED)
        room_cut_off(c, WS_BAD_PAYLOAD, "malformed awareness");
    else if (error == AWARENESS_LIMIT)
        room_cut_off(c, WS_POLICY, "too much awareness");
    else if (awareness_changed(r->awareness))
        room_due(r);
}

static void early(struct client *c, const uint8_t *data, size_t len)
{
    uint32_t n = (uint32_t)len;
    if (c->early.len + len > EARLY_MAX) {
        room_cut_off(c, WS_TRY_LATER, "the bytecrowd is still being loaded");
        return;
    }
    buf_append(&c->early, &n, sizeof(n));
    buf_append(&c->early, data, len);
}

void room_message(struct client *c, const uint8_t *data, size_t len)
{
    struct proto_message m;
    const char *reason;
    if (c->room && c->room->phase == ROOM_LOADING) {
        early(c, data, len);
        return;
    }
    /* What is asked behind the answer that was too much is not answered at all. */
    for (int n = 0; c->room && len && conn_is_open(c->conn); n++) {
        if (n == FRAME_MESSAGES) {
            room_cut_off(c, WS_POLICY, "too many messages in one frame");
            return;
        }
        if (proto_next(&data, &len, &m, &reason) < 0) {
            room_cut_off(c, WS_BAD_PAYLOAD, reason);
            return;
        }
        switch (m.kind) {
        case PROTO_STEP1:
            answer_step1(c->room, c, m.data, m.len);
            break;
        case PROTO_STEP2:
        case PROTO_UPDATE:
            updated(c, m.data, m.len);
            break;
        case PROTO_AWARENESS:
            awareness(c, m.data, m.len);
            break;
        case PROTO_QUERY_AWARENESS:
            send_everybody(c->room, c);
            break;
        case PROTO_IGNORED:
            break;
        }
    }
}

/* --- the end of a turn ------------------------------------------------------------------------ */

uint64_t room_pace_us(const struct room *r)
{
    return (uint64_t)r->member_count * PACE_US;
}

static void flush(struct room *r, uint64_t now_us)
{
    struct buf changes = {0};
    if (awareness_take(r->awareness, &changes)) {
        ws_frame_header(&r->out, 1 + varuint_size(changes.len) + changes.len);
        proto_awareness(&r->out, changes.data, changes.len);
    }
    buf_release(&changes);
    room_tell_awareness(r, false);
    if (!r->out.len)
        return;
    if (!list_empty(&r->members)) {
        struct shared *frames = shared_new(r->out.data, r->out.len);
        list_each(n, &r->members)
            ws_send_frames(container_of(n, struct client, node)->conn, frames);
        shared_unref(frames);
    }
    r->flushed_us = now_us;
    if (r->out.cap > OUT_KEEP || r->member_count < 2)
        buf_release(&r->out);
    else
        buf_clear(&r->out);
}

/* Called for each due room, which is in no list now. */
void room_turn(struct room *r, uint64_t now_us)
{
    room_save_kick(r);
    if (!r->out.len && !awareness_changed(r->awareness))
        return;
    if (now_us - r->flushed_us >= room_pace_us(r))
        flush(r, now_us);
    else
        list_append(&r->srv->paced, &r->due_node);
}
