/*
 * Saving a room. Three things are written, each at its own pace:
 *
 *     appends   what came since the append before, merged into one update, as soon as that one is
 *               durable; who wrote gets a receipt then
 *     fields    text and language for other programs, once per save interval after a change
 *     snapshot  the whole state, when the log has grown or the room is unloaded
 *
 * One append is under way at a time. One that fails is sent again as it was, under its number, so
 * that the log has it once even if the store had taken it and only the answer was lost. If too much
 * is waiting behind it, that is dropped for one append of the whole document, so a store that is away
 * for long costs no more memory than the document has.
 */
#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "proto/message.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX (4u * 1024 * 1024)
#define WAITING_KEEP (4u * 1024)
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000
/* Compaction: when the log has this many updates, or twice the bytes of the snapshot before it. */
#define LOG_COUNT_MAX 2000
#define LOG_BYTES_MIN (256u * 1024)

static void send_fields(void *udata);
static void retry(void *udata);
static void idle(void *udata);

void room_save_init(struct room *r)
{
    list_init(&r->owed);
    list_init(&r->owing);
    r->retry_timer = net_timer_new(r->srv->loop, retry, r);
    r->fields_timer = net_timer_new(r->srv->loop, send_fields, r);
    r->idle_timer = net_timer_new(r->srv->loop, idle, r);
    if (r->srv->feed)
        r->log_slack = (uint32_t)(random_u64() % (LOG_COUNT_MAX / 4));
}

void save_op_free(struct save_op *s)
{
    store_op_release(&s->op);
    free(s);
}

void room_save_release(struct room *r)
{
    if (r->batch)
        save_op_free(r->batch);
    buf_release(&r->waiting);
    buf_release(&r->waiting_ends);
    net_timer_free(r->retry_timer);
    net_timer_free(r->fields_timer);
    net_timer_free(r->idle_timer);
}

struct save_op *save_op_new(struct room *r, enum store_kind kind, void (*done)(struct store_op *))
{
    struct save_op *s = xcalloc(1, sizeof(*s));
    s->op.kind = kind;
    s->op.id = r->name;
    s->op.done = done;
    s->op.udata = s;
    s->room = r;
    return s;
}

size_t room_unsaved_bytes(const struct room *r)
{
    return r->waiting.len + (r->batch ? r->batch->op.data.len : 0);
}

/* --- receipts --------------------------------------------------------------------------------- */

bool room_all_saved(const struct room *r)
{
    return !r->batch && !r->waiting.len && !r->whole && !r->assure;
}

/* Who asked by HTTP is gone with that. */
static void send_receipt(struct client *c)
{
    struct buf b = {0};
    if (c->kind == CLIENT_UPDATE) {
        api_update_saved(c);
        return;
    }
    proto_saved(&b, c->saved);
    room_send(c, &b);
}

/* `c` sent something that is in the document now. If nothing is left to write, it was known already. From
 * the log or another server, perhaps, and where replicas count, not yet on those: so something is written
 * behind it. */
void room_save_owe(struct room *r, struct client *c)
{
    if (room_all_saved(r) && store_waits(r->srv->opts.store)) {
        r->assure = true;
        room_due(r);
    }
    if (room_all_saved(r)) {
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
    bool all = room_all_saved(r) && !store_waits(r->srv->opts.store);
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
    if (!all) {
        r->assure = room_all_saved(r) && !list_empty(&r->owed);
        return;
    }
    list_each(n, &r->owed)
    {
        struct client *c = container_of(n, struct client, owed);
        c->saving = c->received;
    }
    pay(&r->owed);
}

/* --- appends ---------------------------------------------------------------------------------- */

static void append_failed(struct room *r, const struct store_op *op)
{
    uint32_t wait = backoff_next(&r->backoff_ms, BACKOFF_FIRST_MS, BACKOFF_MAX_MS);
    log_warn("not saved, will retry", LOG_STR("name", r->name), LOG_STR("error", op->error),
             LOG_INT("retry_ms", wait), LOG_INT("unsaved_bytes", room_unsaved_bytes(r)));
    net_timer_start(r->retry_timer, r->srv->stop_us ? wait / 4 : wait, 0);
    if (!r->failing) {
        r->failing = true;
        room_tell_store_state(r);
    }
}

static void appended(struct store_op *op)
{
    struct room *r = ((struct save_op *)op->udata)->room;
    r->in_flight = false;
    if (op->result < 0) {
        append_failed(r, op);
        return;
    }
    if (store_pos_cmp(op->pos, r->acked) > 0)
        r->acked = op->pos;
    if (!r->srv->feed) {
        r->pos = op->pos;
        r->log_count++;
        r->log_bytes += op->data.len;
    }
    save_op_free(r->batch);
    r->batch = NULL;
    r->backoff_ms = 0;
    if (r->failing) {
        r->failing = false;
        log_info("saving again", LOG_STR("name", r->name));
        room_tell_store_state(r);
    }
    receipts(r);
    if (!room_all_saved(r))
        room_due(r);
    room_settle(r);
}

static void clear_waiting(struct room *r)
{
    if (r->waiting.cap > WAITING_KEEP) {
        buf_release(&r->waiting);
        buf_release(&r->waiting_ends);
    }
    buf_clear(&r->waiting);
    buf_clear(&r->waiting_ends);
}

void room_save_update(struct room *r, const void *update, size_t len)
{
    if (r->whole)
        return;
    buf_append(&r->waiting, update, len);
    buf_append(&r->waiting_ends, &r->waiting.len, sizeof(r->waiting.len));
    if (r->waiting.len > WAITING_MAX && r->batch) {
        clear_waiting(r);
        r->whole = true;
    }
}

/* All that waits as one update. */
static int merge_waiting(const struct room *r, struct ybuf *out)
{
    const size_t *ends = (const size_t *)(const void *)r->waiting_ends.data;
    size_t n = r->waiting_ends.len / sizeof(*ends), from = 0;
    if (n == 1)
        return ybuf_append(out, r->waiting.data, r->waiting.len);
    struct y_slice *updates = xcalloc(n, sizeof(*updates));
    for (size_t i = 0; i < n; from = ends[i++])
        updates[i] = (struct y_slice){r->waiting.data + from, ends[i] - from};
    int error = y_updates_merge(updates, n, Y_V1, out);
    free(updates);
    return error;
}

static struct save_op *batch_new(struct room *r)
{
    struct ybuf u = {0};
    r->assure = false;
    if (!r->waiting.len && !r->whole)
        return save_op_new(r, STORE_TOUCH, appended);
    int error = r->whole ? ydoc_encode_update(r->doc, NULL, 0, &u) : merge_waiting(r, &u);
    if (error < 0) {
        log_warn("not saved, will retry", LOG_STR("name", r->name),
                 LOG_STR("error", y_strerror(error)));
        ybuf_release(&u);
        return NULL;
    }
    struct save_op *s = save_op_new(r, STORE_APPEND, appended);
    buf_append(&s->op.data, u.data, u.len);
    ybuf_release(&u);
    s->op.batch = ++r->srv->batches;
    clear_waiting(r);
    r->whole = false;
    return s;
}

/* At the end of a turn: sends what is waiting, unless an append is under way or a retry is due later.
 */
void room_save_kick(struct room *r)
{
    if (r->in_flight || net_timer_active(r->retry_timer) || room_all_saved(r))
        return;
    if (!r->batch) {
        r->batch = batch_new(r);
        if (!r->batch) {
            r->whole = true;
            net_timer_start(r->retry_timer, BACKOFF_MAX_MS, 0);
            return;
        }
        list_move(&r->owing, &r->owed);
        list_each(n, &r->owing)
        {
            struct client *c = container_of(n, struct client, owed);
            c->saving = c->received;
        }
    }
    r->in_flight = true;
    store_queue_submit(r->srv->queue, &r->batch->op);
}

static void retry(void *udata)
{
    room_due(udata);
}

/* The store is back: what waits for its next try need not wait. */
void room_save_retry(struct room *r)
{
    if (net_timer_active(r->retry_timer))
        net_timer_start(r->retry_timer, 0, 0);
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
            room_save_fields_later(r, false);
    } else if (op->result == STORE_EXISTS) {
        /* Another server was faster, or knows more. */
        r->fields_dirty = r->fields_ours = true;
        if (!op->wait_ms)
            room_resume(r);
        net_timer_start(r->fields_timer, op->wait_ms ? op->wait_ms : r->srv->opts.save_interval_ms,
                        0);
    } else {
        r->fields_dirty = r->fields_ours = true;
        log_warn("fields not saved, will retry", LOG_STR("name", r->name),
                 LOG_STR("error", op->error));
        net_timer_start(r->fields_timer,
                        BACKOFF_MAX_MS / 5 + (uint32_t)(random_u64() % (BACKOFF_MAX_MS / 5)), 0);
    }
    save_op_free(s);
    room_settle(r);
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
    struct save_op *s = save_op_new(r, STORE_FIELDS, fields_done);
    r->fields_dirty = r->fields_ours = false;
    if (read_fields(r, &s->op.text, &s->op.language) < 0) {
        save_op_free(s);
        r->fields_dirty = true;
        net_timer_start(r->fields_timer, BACKOFF_MAX_MS, 0);
        return;
    }
    uint64_t hash = room_fields_hash(&s->op.text, &s->op.language);
    if (hash == r->fields_hash) {
        save_op_free(s);
        room_settle(r);
        return;
    }
    s->op.has_text = s->op.has_language = true;
    s->op.pos = r->pos;
    s->op.hash = hash;
    s->op.interval_ms = r->srv->stop_us ? 0 : r->srv->opts.save_interval_ms;
    r->fields_hash_in_flight = hash;
    r->fields_in_flight = true;
    store_queue_submit(r->srv->queue, &s->op);
}

/* The timer runs from the first change on and is not started again while a write is under way, so
 * two writes are an interval apart at the least. What another server's people changed, that server
 * writes; should it be gone, this one does, an interval later. */
void room_save_fields_later(struct room *r, bool here)
{
    uint32_t wait = r->srv->stop_us ? 0 : r->srv->opts.save_interval_ms;
    bool sooner = here && !r->fields_ours;
    r->fields_dirty = true;
    r->fields_ours |= here;
    if (!r->fields_in_flight && (!net_timer_active(r->fields_timer) || sooner))
        net_timer_start(r->fields_timer, r->fields_ours ? wait : 2 * wait, 0);
}

/* Another server has written the fields, with what the log has up to `pos`. */
void room_save_heard_fields(struct room *r, struct store_pos pos, uint64_t hash)
{
    r->fields_hash = hash;
    if (r->fields_in_flight || !r->fields_dirty || !net_timer_active(r->fields_timer))
        return;
    if (room_all_saved(r) && store_pos_cmp(pos, r->pos) == 0 &&
        store_pos_cmp(r->acked, r->pos) <= 0) {
        r->fields_dirty = r->fields_ours = false;
        net_timer_stop(r->fields_timer);
        room_settle(r);
    } else {
        net_timer_start(r->fields_timer, r->srv->opts.save_interval_ms, 0);
    }
}

/* --- snapshot and unloading ------------------------------------------------------------------- */

static void snapshot_done(struct store_op *op)
{
    struct save_op *s = op->udata;
    struct room *r = s->room;
    bool failed = op->result != STORE_OK, lost = op->result == STORE_EXISTS;
    r->snapshot_in_flight = false;
    if (!failed) {
        r->log_count -= s->count < r->log_count ? s->count : r->log_count;
        r->log_bytes -= s->bytes < r->log_bytes ? s->bytes : r->log_bytes;
        r->snapshot_bytes = op->data.len;
        r->snapshot_after = 0;
    } else {
        /* The log has everything; the next try comes with more updates, or the next unload. */
        r->snapshot_after = r->log_count + LOG_COUNT_MAX / 2;
        log_warn("snapshot not saved", LOG_STR("name", r->name),
                 LOG_STR("error", lost ? "the log is not what it was" : op->error));
    }
    save_op_free(s);
    /* What the log has lost may be nowhere else, so this room does not go before it was written again. */
    if (lost)
        room_resume(r);
    else if (failed && room_let_go(r))
        return;
    room_settle(r);
}

/* The document has all of the log up to `pos`, and more does no harm. */
static void snapshot(struct room *r)
{
    struct ybuf u = {0};
    if (ydoc_encode_update(r->doc, NULL, 0, &u) == Y_OK) {
        struct save_op *s = save_op_new(r, STORE_SNAPSHOT, snapshot_done);
        buf_append(&s->op.data, u.data, u.len);
        s->op.pos = r->pos;
        s->count = r->log_count;
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
    if (r->log_count < r->snapshot_after || r->unreadable)
        return false;
    return r->log_count > LOG_COUNT_MAX + r->log_slack || r->log_bytes > most + r->log_slack * 100;
}

/* Nobody is here, everything is written, and no answer of the store is waited for that would come to a
 * room that is no more. */
static bool can_go(const struct room *r)
{
    return r->unload && list_empty(&r->members) && room_all_saved(r) && !r->fields_dirty &&
           !r->fields_in_flight && !r->snapshot_in_flight && !r->resuming;
}

/* A room of a moment may go in the turn in which its last one left, before that was told. */
static void go(struct room *r)
{
    room_tell_awareness(r, false);
    room_free(r);
}

bool room_let_go(struct room *r)
{
    bool can = can_go(r);
    if (can)
        go(r);
    return can;
}

void room_settle(struct room *r)
{
    if (r->phase != ROOM_LIVE || r->snapshot_in_flight || r->in_flight || r->resuming)
        return;
    if (log_is_long(r)) {
        snapshot(r);
        return;
    }
    if (!can_go(r))
        return;
    /* What came back as news is in the snapshot, and only that. */
    if (store_pos_cmp(r->acked, r->pos) > 0 && r->srv->feed) {
        room_resume(r);
        return;
    }
    if (r->log_count && !r->unreadable)
        snapshot(r);
    if (!r->snapshot_in_flight)
        go(r);
}

static void idle(void *udata)
{
    struct room *r = udata;
    r->unload = true;
    room_settle(r);
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
