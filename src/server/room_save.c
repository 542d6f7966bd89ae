/*
 * Saving a room. Three things are written, each at its own pace:
 *
 *     appends   every update, as soon as the batch before it is durable; who wrote gets a receipt
 * then fields    text and language for other programs, once per save interval after a change
 *     snapshot  the whole state, when the log has grown or the room is unloaded
 *
 * One batch of appends is under way at a time: whatever comes meanwhile is the next one. A batch
 * that fails waits and is sent again, with what came since; appending an update twice does no harm.
 * If too much is waiting, it is dropped for one append of the whole document, so a store that is
 * away for long costs no more memory than the document has.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "proto/message.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX (4u * 1024 * 1024)
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000
/* Compaction: when the log has this many updates, or twice the bytes of the snapshot before it. */
#define LOG_COUNT_MAX 2000
#define LOG_BYTES_MIN (256u * 1024)

static void send_fields(void *udata);
static void retry(void *udata);
static void idle(void *udata);
static void settle(struct room *r);

void room_save_init(struct room *r)
{
    list_init(&r->waiting);
    list_init(&r->failed);
    list_init(&r->owed);
    list_init(&r->owing);
    r->retry_timer = net_timer_new(r->srv->loop, retry, r);
    r->fields_timer = net_timer_new(r->srv->loop, send_fields, r);
    r->idle_timer = net_timer_new(r->srv->loop, idle, r);
}

static void op_free(struct save_op *s)
{
    list_remove(&s->node);
    store_op_release(&s->op);
    free(s);
}

static void free_all(struct list *ops)
{
    list_each(n, ops) op_free(container_of(n, struct save_op, node));
}

void room_save_release(struct room *r)
{
    free_all(&r->waiting);
    free_all(&r->failed);
    net_timer_free(r->retry_timer);
    net_timer_free(r->fields_timer);
    net_timer_free(r->idle_timer);
}

static struct save_op *op_new(struct room *r, enum store_kind kind, void (*done)(struct store_op *))
{
    struct save_op *s = xcalloc(1, sizeof(*s));
    s->op.kind = kind;
    s->op.id = r->name;
    s->op.done = done;
    s->op.udata = s;
    s->room = r;
    list_init(&s->node);
    return s;
}

size_t room_unsaved_bytes(const struct room *r)
{
    return r->waiting_bytes;
}

/* --- receipts --------------------------------------------------------------------------------- */

static bool all_saved(const struct room *r)
{
    return !r->in_flight && list_empty(&r->waiting) && list_empty(&r->failed) && !r->whole;
}

static void send_receipt(struct client *c)
{
    struct buf b = {0};
    proto_saved(&b, c->saved);
    room_send(c, &b);
}

/* `c` sent something that is in the document now. If nothing is left to write, it was known
 * already. */
void room_save_owe(struct room *r, struct client *c)
{
    if (all_saved(r)) {
        c->saved = c->received;
        send_receipt(c);
        return;
    }
    /* While it is owed for the batch under way, the rest of what it sent is found again afterwards.
     */
    if (list_empty(&c->owed))
        list_append(&r->owed, &c->owed);
}

static void pay(struct list *clients)
{
    list_each(n, clients)
    {
        struct client *c = container_of(n, struct client, owed);
        list_remove(&c->owed);
        c->saved = c->saving;
        send_receipt(c);
    }
}

/* A batch is durable. Who sent more since is owed again; if nothing is left to write (what came
 * since was known already), that is paid at once. */
static void receipts(struct room *r)
{
    struct list done;
    list_init(&done);
    list_move(&done, &r->owing);
    bool all = all_saved(r);
    list_each(n, &done)
    {
        struct client *c = container_of(n, struct client, owed);
        if (c->received > c->saving && !all) {
            c->saved = c->saving;
            send_receipt(c);
            list_remove(&c->owed);
            list_append(&r->owed, &c->owed);
        } else {
            c->saving = c->received;
        }
    }
    pay(&done);
    if (!all)
        return;
    list_each(n, &r->owed)
    {
        struct client *c = container_of(n, struct client, owed);
        c->saving = c->received;
    }
    pay(&r->owed);
}

/* --- appends ---------------------------------------------------------------------------------- */

static void batch_done(struct room *r, struct store_op *last)
{
    if (!list_empty(&r->failed)) {
        /* Before what came since, so that the log keeps its order. */
        list_move(&r->failed, &r->waiting);
        list_move(&r->waiting, &r->failed);
        list_move(&r->owing, &r->owed);
        list_move(&r->owed, &r->owing);
        r->backoff_ms = r->backoff_ms ? r->backoff_ms * 2 : BACKOFF_FIRST_MS;
        if (r->backoff_ms > BACKOFF_MAX_MS)
            r->backoff_ms = BACKOFF_MAX_MS;
        /* Half of it at random, so that many rooms do not come back in step. */
        uint32_t wait = r->backoff_ms / 2 + (uint32_t)(random_u64() % (r->backoff_ms / 2 + 1));
        log_warn("not saved, will retry", LOG_STR("name", r->name), LOG_STR("error", last->error),
                 LOG_INT("retry_ms", wait), LOG_INT("unsaved_bytes", r->waiting_bytes));
        net_timer_start(r->retry_timer, wait, 0);
        if (!r->failing) {
            r->failing = true;
            room_tell_store_state(r);
        }
        return;
    }
    r->backoff_ms = 0;
    if (r->failing) {
        r->failing = false;
        log_info("saving again", LOG_STR("name", r->name));
        room_tell_store_state(r);
    }
    receipts(r);
    if (!list_empty(&r->waiting) || r->whole)
        room_due(r);
    settle(r);
}

static void appended(struct store_op *op)
{
    struct save_op *s = op->udata;
    struct room *r = s->room;
    r->in_flight--;
    if (op->result < 0) {
        list_append(&r->failed, &s->node);
        r->waiting_bytes += op->data.len;
        if (!r->in_flight)
            batch_done(r, op);
        return;
    }
    if (store_pos_cmp(op->pos, r->pos) > 0)
        r->pos = op->pos;
    r->log_count++;
    r->log_bytes += op->data.len;
    if (!r->in_flight) {
        struct store_op *last = op;
        if (!list_empty(&r->failed))
            last = &container_of(r->failed.prev, struct save_op, node)->op;
        batch_done(r, last);
    }
    op_free(s);
}

void room_save_update(struct room *r, const void *update, size_t len)
{
    struct save_op *s = op_new(r, STORE_APPEND, appended);
    buf_append(&s->op.data, update, len);
    list_append(&r->waiting, &s->node);
    r->waiting_bytes += len;
    if (r->waiting_bytes > WAITING_MAX && (r->in_flight || r->failing)) {
        free_all(&r->waiting);
        r->waiting_bytes = 0;
        r->whole = true;
    }
}

static void submit_append(struct room *r, struct save_op *s)
{
    list_remove(&s->node);
    r->in_flight++;
    store_queue_submit(r->srv->queue, &s->op);
}

/* At the end of a turn: sends what is waiting, unless a batch is under way or a retry is due later.
 */
void room_save_kick(struct room *r)
{
    if (r->in_flight || r->catching_up || net_timer_active(r->retry_timer) || all_saved(r))
        return;
    if (r->whole) {
        struct save_op *s = op_new(r, STORE_APPEND, appended);
        struct ybuf u = {0};
        if (ydoc_encode_update(r->doc, NULL, 0, &u) < 0) {
            ybuf_release(&u);
            op_free(s);
            net_timer_start(r->retry_timer, BACKOFF_MAX_MS, 0);
            return;
        }
        buf_append(&s->op.data, u.data, u.len);
        ybuf_release(&u);
        free_all(&r->waiting);
        r->whole = false;
        list_append(&r->waiting, &s->node);
    }
    list_move(&r->owing, &r->owed);
    list_each(n, &r->owing)
    {
        struct client *c = container_of(n, struct client, owed);
        c->saving = c->received;
    }
    r->waiting_bytes = 0;
    while (!list_empty(&r->waiting))
        submit_append(r, container_of(r->waiting.next, struct save_op, node));
}

static void retry(void *udata)
{
    room_due(udata);
}

/* --- fields ----------------------------------------------------------------------------------- */

/* FNV-1a. 0 means "not known". */
uint64_t room_fields_hash(const struct buf *text, const struct buf *language)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text->len; i++)
        h = (h ^ text->data[i]) * 0x100000001b3u;
    h = (h ^ 0x100) * 0x100000001b3u;
    for (size_t i = 0; i < language->len; i++)
        h = (h ^ language->data[i]) * 0x100000001b3u;
    return h ? h : 1;
}

static void fields_done(struct store_op *op)
{
    struct save_op *s = op->udata;
    struct room *r = s->room;
    r->fields_in_flight = false;
    if (op->result == STORE_OK) {
        r->fields_hash = r->fields_hash_in_flight;
        if (r->fields_dirty)
            room_save_fields_later(r);
    } else {
        r->fields_dirty = true;
        log_warn("fields not saved, will retry", LOG_STR("name", r->name),
                 LOG_STR("error", op->error));
        net_timer_start(r->fields_timer,
                        BACKOFF_MAX_MS / 5 + (uint32_t)(random_u64() % (BACKOFF_MAX_MS / 5)), 0);
    }
    op_free(s);
    settle(r);
}

static int read_fields(const struct room *r, struct buf *text, struct buf *language)
{
    struct ybuf t = {0}, l = {0};
    int error = ydoc_text(r->doc, ROOT_TEXT, &t);
    if (error < 0)
        goto out;
    error = ydoc_map_string(r->doc, ROOT_MAP, KEY_LANGUAGE, &l);
    if (error < 0)
        goto out;
    if (error == 0)
        ybuf_append(&l, DEFAULT_LANGUAGE, sizeof(DEFAULT_LANGUAGE) - 1);
    buf_append(text, t.data, t.len);
    buf_append(language, l.data, l.len);
    error = 0;
out:
    ybuf_release(&t);
    ybuf_release(&l);
    return error;
}

static void send_fields(void *udata)
{
    struct room *r = udata;
    if (r->fields_in_flight || !r->fields_dirty)
        return;
    struct save_op *s = op_new(r, STORE_FIELDS, fields_done);
    r->fields_dirty = false;
    if (read_fields(r, &s->op.text, &s->op.language) < 0) {
        op_free(s);
        r->fields_dirty = true;
        net_timer_start(r->fields_timer, BACKOFF_MAX_MS, 0);
        return;
    }
    uint64_t hash = room_fields_hash(&s->op.text, &s->op.language);
    if (hash == r->fields_hash) {
        op_free(s);
        settle(r);
        return;
    }
    s->op.has_text = s->op.has_language = true;
    r->fields_hash_in_flight = hash;
    r->fields_in_flight = true;
    store_queue_submit(r->srv->queue, &s->op);
}

/* The timer runs from the first change on and is not started again while a write is under way, so
 * two writes are an interval apart at the least. */
void room_save_fields_later(struct room *r)
{
    r->fields_dirty = true;
    if (!r->fields_in_flight && !net_timer_active(r->fields_timer))
        net_timer_start(r->fields_timer, r->srv->stop_us ? 0 : r->srv->opts.save_interval_ms, 0);
}

/* --- snapshot and unloading ------------------------------------------------------------------- */

/* 1 if it was news, which everybody here is told. */
static int catch_up_with(struct room *r, const struct buf *update)
{
    struct y_applied applied = {0};
    int error = ydoc_apply(r->doc, update->data, update->len, &applied);
    if (error < 0 || !(applied.changed || applied.pending))
        return error;
    r->doc_bytes += update->len;
    r->doc_bytes_exact = false;
    room_tell_update(r, update->data, update->len);
    return 1;
}

static void caught_up(struct store_op *op)
{
    struct save_op *s = op->udata;
    struct room *r = s->room;
    int news = 0, error = op->result < 0 ? -1 : 0;
    size_t bytes = 0;
    r->snapshot_in_flight = r->catching_up = false;
    if (!error && op->snapshot.len && (error = catch_up_with(r, &op->snapshot)) > 0)
        news++;
    for (size_t i = 0; i < op->update_count && error >= 0; i++) {
        error = catch_up_with(r, &op->updates[i]);
        news += error > 0;
        bytes += op->updates[i].len;
    }
    if (error >= 0) {
        r->pos = op->pos;
        r->base = op->base;
        r->log_count = op->update_count;
        r->log_bytes = bytes;
        r->snapshot_bytes = op->snapshot.len;
        r->snapshot_after = 0;
    }
    log_info("read the log again", LOG_STR("name", r->name), LOG_STR("error", op->error),
             LOG_INT("news", news));
    if (news)
        room_changed(r);
    op_free(s);
    room_due(r);
    settle(r);
}

/* The log is not what this server knows of it: another one writes there, or an append that went
 * unanswered was sent twice. Nothing is appended until it was read, so that the counts are right. */
static void catch_up(struct room *r)
{
    struct save_op *s = op_new(r, STORE_LOAD, caught_up);
    r->snapshot_in_flight = r->catching_up = true;
    store_queue_submit(r->srv->queue, &s->op);
}

static void snapshot_done(struct store_op *op)
{
    struct save_op *s = op->udata;
    struct room *r = s->room;
    r->snapshot_in_flight = false;
    if (op->result == STORE_OK) {
        r->log_count -= s->count;
        r->log_bytes -= s->bytes;
        r->snapshot_bytes = op->data.len;
        r->base = op->pos;
        r->snapshot_after = 0;
    } else {
        /* The log has everything; the next try comes with more updates, or the next unload. */
        r->snapshot_after = r->log_count + LOG_COUNT_MAX / 2;
        log_warn("snapshot not saved", LOG_STR("name", r->name),
                 LOG_STR("error", op->result == STORE_EXISTS
                                      ? "the log has what another server wrote"
                                      : op->error));
    }
    bool ok = op->result == STORE_OK, behind = op->result == STORE_EXISTS;
    op_free(s);
    if (behind && !r->unload) {
        catch_up(r);
        return;
    }
    if (!ok && r->unload && all_saved(r) && !r->fields_dirty && !r->fields_in_flight) {
        room_free(r);
        return;
    }
    settle(r);
}

/* Only when all is appended: then `pos` is the end of what the document has. */
static void snapshot(struct room *r)
{
    struct ybuf u = {0};
    if (ydoc_encode_update(r->doc, NULL, 0, &u) == Y_OK) {
        struct save_op *s = op_new(r, STORE_SNAPSHOT, snapshot_done);
        buf_append(&s->op.data, u.data, u.len);
        s->op.pos = r->pos;
        s->op.base = r->base;
        s->op.known = s->count = r->log_count;
        s->bytes = r->log_bytes;
        r->doc_bytes = u.len;
        r->doc_bytes_exact = true;
        r->snapshot_in_flight = true;
        store_queue_submit(r->srv->queue, &s->op);
    }
    ybuf_release(&u);
}

static bool log_is_long(const struct room *r)
{
    size_t most = 2 * r->snapshot_bytes;
    if (most < LOG_BYTES_MIN)
        most = LOG_BYTES_MIN;
    if (r->log_count < r->snapshot_after)
        return false;
    return r->log_count > LOG_COUNT_MAX || r->log_bytes > most;
}

/* Something was finished: is there a snapshot to take, or can the room go? */
static void settle(struct room *r)
{
    if (r->snapshot_in_flight || r->in_flight)
        return;
    if (log_is_long(r)) {
        snapshot(r);
        return;
    }
    if (!r->unload || !list_empty(&r->members) || !all_saved(r) || r->fields_dirty ||
        r->fields_in_flight)
        return;
    if (r->log_count)
        snapshot(r);
    if (!r->snapshot_in_flight)
        room_free(r);
}

static void idle(void *udata)
{
    struct room *r = udata;
    r->unload = true;
    settle(r);
}

/* A room that nobody ever wrote into is not worth keeping: names cost a stranger nothing. */
void room_idle(struct room *r)
{
    bool at_once = r->srv->stop_us || !r->doc_bytes;
    net_timer_start(r->idle_timer, at_once ? 0 : r->srv->opts.unload_ms, 0);
}

void room_stop(struct room *r)
{
    while (!list_empty(&r->members)) {
        struct client *c = container_of(r->members.next, struct client, node);
        ws_close(c->conn, WS_RESTART, "the server is stopping");
        room_leave(c);
    }
    if (r->phase == ROOM_LOADING)
        return;
    if (net_timer_active(r->retry_timer))
        net_timer_start(r->retry_timer, 0, 0);
    if (r->fields_dirty && !r->fields_in_flight)
        net_timer_start(r->fields_timer, 0, 0);
    room_idle(r);
    room_due(r);
}
