/*
 * A room and the other servers that have it open.
 *
 * Updates come as news in the order of the log, each with the position that it follows. One that
 * follows `pos` is taken and moves it; anything else means that something was missed, and the log is
 * read from `pos` on (STORE_RESUME). That is also done whenever the feed or the store's connection was
 * made anew. What this server appended itself comes back the same way and moves `pos`, too: so `pos`
 * never passes what the document has, and a snapshot up to it cuts nothing off that it lacks.
 *
 * The log may have lost what was acknowledged (a failover, a Redis without fsync). Then what it has
 * comes whole, and whatever this document has beyond that is appended again.
 */
#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000
/* News that wait for the log to be read. */
#define HELD_MAX (1024u * 1024)
#define QUIET_SLACK_MS 5000

static void replay(struct room *r);

static void resume_again(void *udata)
{
    struct room *r = udata;
    if (r->resume_due)
        room_resume(r);
}

void room_feed_init(struct room *r)
{
    list_init(&r->peers);
    list_init(&r->held);
    r->resume_timer = net_timer_new(r->srv->loop, resume_again, r);
    r->quiet_slack = (uint32_t)(random_u64() % QUIET_SLACK_MS);
    if (r->srv->feed)
        store_feed_follow(r->srv->feed, r->name);
}

static void peer_free(struct room *r, struct peer *p)
{
    awareness_drop(r->awareness, &p->awareness, net_now_us() / 1000);
    list_remove(&p->entry);
    free(p);
}

static void drop_held(struct room *r)
{
    list_each(n, &r->held)
    {
        struct feed_news *held = container_of(n, struct feed_news, entry);
        list_remove(&held->entry);
        buf_release(&held->data);
        free(held);
    }
    r->held_bytes = 0;
}

void room_feed_release(struct room *r)
{
    drop_held(r);
    list_each(n, &r->peers) peer_free(r, container_of(n, struct peer, entry));
    net_timer_free(r->resume_timer);
    if (r->srv->feed)
        store_feed_unfollow(r->srv->feed, r->name);
}

/* --- reading the log again -------------------------------------------------------------------- */

/* What the store has, as one document; NULL when out of memory or it cannot be read. */
static struct ydoc *stored(const struct store_op *op)
{
    struct ydoc_opts opts = {.client_id = 1, .max_pending_bytes = SIZE_MAX};
    struct ydoc *doc = ydoc_new(&opts);
    int error = doc ? Y_OK : Y_ERR_NOMEM;
    if (!error && op->snapshot.len)
        error = ydoc_apply(doc, op->snapshot.data, op->snapshot.len, NULL);
    for (size_t i = 0; i < op->update_count && !error; i++)
        error = ydoc_apply(doc, op->updates[i].data, op->updates[i].len, NULL);
    if (!error)
        return doc;
    ydoc_free(doc);
    return NULL;
}

/* Appends what the store lacks. Deletions are in every update, so they come along. */
static void supply(struct room *r, const struct store_op *op)
{
    struct ydoc *doc = stored(op);
    struct ybuf theirs = {0}, ours = {0}, sv = {0}, diff = {0};
    if (doc && ydoc_encode_update(doc, NULL, 0, &theirs) == Y_OK &&
        ydoc_encode_update(r->doc, NULL, 0, &ours) == Y_OK &&
        (theirs.len != ours.len || memcmp(theirs.data, ours.data, ours.len) != 0) &&
        ydoc_encode_state_vector(doc, &sv) == Y_OK &&
        ydoc_encode_update(r->doc, sv.data, sv.len, &diff) == Y_OK) {
        log_warn("the store has lost what it had, writing it again", LOG_STR("name", r->name),
                 LOG_INT("bytes", diff.len));
        room_save_update(r, diff.data, diff.len);
        room_save_fields_later(r, true);
        r->fields_hash = 0;
    }
    ybuf_release(&theirs);
    ybuf_release(&ours);
    ybuf_release(&sv);
    ybuf_release(&diff);
    ydoc_free(doc);
}

/* What nobody can read takes nothing with it that stands behind it; but the log is not to be cut then, or
 * it would be lost what it was. */
static int take_one(struct room *r, const struct buf *update)
{
    int error = room_take(r, update->data, update->len);
    if (error == Y_OK || error == Y_ERR_NOMEM)
        return error;
    if (!r->unreadable)
        log_error("the log holds what cannot be read", LOG_STR("name", r->name),
                  LOG_STR("error", y_strerror(error)));
    r->unreadable = true;
    return Y_OK;
}

static int take_all(struct room *r, const struct store_op *op)
{
    int error = op->snapshot.len ? take_one(r, &op->snapshot) : Y_OK;
    for (size_t i = 0; i < op->update_count && !error; i++) {
        error = take_one(r, &op->updates[i]);
        r->log_count++;
        r->log_bytes += op->updates[i].len;
    }
    return error;
}

static void later(struct room *r, const char *error)
{
    r->resume_due = true;
    uint32_t wait = backoff_next(&r->resume_backoff_ms, BACKOFF_FIRST_MS, BACKOFF_MAX_MS);
    log_debug("the log was not read, will retry", LOG_STR("name", r->name), LOG_STR("error", error),
              LOG_INT("retry_ms", wait));
    net_timer_start(r->resume_timer, wait, 0);
}

static void resumed(struct store_op *op)
{
    struct save_op *s = op->udata;
    struct room *r = s->room;
    bool again = r->resume_due;
    r->resuming = r->resume_due = false;
    int error = Y_OK;
    if (op->result == STORE_OK) {
        if (op->whole) {
            r->log_count = r->log_bytes = 0;
            r->unreadable = false;
        }
        error = take_all(r, op);
    }
    if (op->result < 0 || error) {
        /* A room that is to go goes without: the log keeps what the snapshot would have had. */
        if (!room_let_go(r))
            later(r, op->error);
        save_op_free(s);
        return;
    }
    r->resume_backoff_ms = 0;
    r->known_ms = net_now_us() / 1000;
    r->pos = op->pos;
    if (op->whole) {
        r->snapshot_bytes = op->snapshot.len;
        r->acked = op->pos; /* whatever was there before is in what is appended now, or there */
        supply(r, op);
    }
    save_op_free(s);
    replay(r);
    room_due(r);
    if (again)
        room_resume(r);
    else
        room_settle(r);
}

void room_resume(struct room *r)
{
    if (r->phase == ROOM_LOADING || r->resuming) {
        r->resume_due = true;
        return;
    }
    r->resume_due = false;
    r->resuming = true;
    net_timer_stop(r->resume_timer);
    struct save_op *s = save_op_new(r, STORE_RESUME, resumed);
    s->op.pos = r->pos;
    s->op.acked = r->acked;
    store_queue_submit(r->srv->queue, &s->op);
    room_ask_access(r); /* for the same reasons */
}

/* --- people elsewhere ------------------------------------------------------------------------- */

static struct peer *peer_of(struct room *r, uint64_t node)
{
    list_each(n, &r->peers)
    {
        struct peer *p = container_of(n, struct peer, entry);
        if (p->node == node)
            return p;
    }
    struct peer *p = xcalloc(1, sizeof(*p));
    p->node = node;
    p->awareness.remote = true;
    list_init(&p->entry);
    list_append(&r->peers, &p->entry);
    return p;
}

/* Tells the other servers who is here and changed, or everybody. */
void room_tell_awareness(struct room *r, bool everybody)
{
    struct buf b = {0};
    if (!r->srv->feed)
        return;
    if (everybody && !awareness_all_local(r->awareness, &b))
        buf_putc(&b, 0); /* nobody, which is news to whom it was not */
    else if (!everybody)
        awareness_take_local(r->awareness, &b);
    if (b.len)
        nodes_tell(r->srv, r->name, everybody ? 'A' : 'a', &b);
    buf_release(&b);
}

/* What was told while this server was away, and what it told itself, is lost: so all of it again. */
void room_meet(struct room *r)
{
    nodes_tell(r->srv, r->name, 'q', NULL);
    room_tell_awareness(r, true);
}

static void heard_awareness(struct room *r, uint64_t node, const uint8_t *data, size_t len,
                            bool everybody)
{
    struct buf truth = {0};
    struct peer *p = peer_of(r, node);
    int error =
        awareness_apply(r->awareness, &p->awareness, data, len, net_now_us() / 1000, &truth);
    if (error < 0)
        log_warn("another server sent awareness that is not well-formed", LOG_STR("name", r->name));
    else if (everybody)
        awareness_keep(r->awareness, &p->awareness, data, len, net_now_us() / 1000);
    if (truth.len)
        nodes_tell(r->srv, r->name, 'a', &truth);
    buf_release(&truth);
    if (awareness_changed(r->awareness))
        room_due(r);
}

void room_node_gone(struct room *r, uint64_t node)
{
    list_each(n, &r->peers)
    {
        struct peer *p = container_of(n, struct peer, entry);
        if (p->node == node)
            peer_free(r, p);
    }
    if (awareness_changed(r->awareness))
        room_due(r);
}

/* --- news ------------------------------------------------------------------------------------- */

/* The log is being read: the answer may be from before this. */
static void hold(struct room *r, const struct feed_news *news)
{
    if (r->held_bytes + news->data.len > HELD_MAX) {
        drop_held(r);
        r->resume_due = true;
        return;
    }
    struct feed_news *held = xcalloc(1, sizeof(*held));
    held->kind = FEED_UPDATE;
    held->own = news->own;
    held->prev = news->prev;
    held->pos = news->pos;
    buf_append(&held->data, news->data.data, news->data.len);
    list_init(&held->entry);
    list_append(&r->held, &held->entry);
    r->held_bytes += sizeof(*held) + news->data.len;
}

static void take_news(struct room *r, const struct feed_news *news)
{
    if (store_pos_cmp(news->pos, r->pos) <= 0)
        return;
    bool next = store_pos_cmp(news->prev, r->pos) == 0;
    if (!next || (!news->own && !news->data.len)) {
        /* One that failed is tried again when its time has come, not with each update of a busy room. */
        if (!net_timer_active(r->resume_timer))
            room_resume(r);
        return;
    }
    int error = news->own ? Y_OK : room_take(r, news->data.data, news->data.len);
    if (error < 0) {
        log_error("another server's update cannot be taken", LOG_STR("name", r->name),
                  LOG_STR("error", y_strerror(error)));
        later(r, y_strerror(error));
        return;
    }
    r->pos = news->pos;
    r->known_ms = net_now_us() / 1000;
    r->log_count++;
    r->log_bytes += news->data.len;
}

static void heard_update(struct room *r, const struct feed_news *news)
{
    if (r->phase == ROOM_LOADING || r->resuming) {
        hold(r, news);
        return;
    }
    take_news(r, news);
    room_settle(r);
}

/* What was held: a hole in it makes the log be read again, which holds the rest. */
static void replay(struct room *r)
{
    struct list held;
    list_init(&held);
    list_move(&held, &r->held);
    r->held_bytes = 0;
    list_each(n, &held)
    {
        struct feed_news *news = container_of(n, struct feed_news, entry);
        list_remove(&news->entry);
        if (r->resuming)
            hold(r, news);
        else
            take_news(r, news);
        buf_release(&news->data);
        free(news);
    }
}

static void heard_snapshot(struct room *r, const struct feed_news *news)
{
    if (news->own || r->phase == ROOM_LOADING)
        return;
    r->log_count = store_pos_cmp(news->pos, r->pos) < 0; /* a few may be left */
    r->log_bytes = 0;
    r->snapshot_bytes = news->size;
}

static void heard_told(struct room *r, const struct feed_news *news)
{
    if (!news->data.len)
        return;
    uint8_t kind = news->data.data[0];
    if (kind == 'a' || kind == 'A')
        heard_awareness(r, news->node, news->data.data + 1, news->data.len - 1, kind == 'A');
    else if (kind == 'q')
        room_tell_awareness(r, true);
}

/* The room may be freed. */
void room_heard(struct room *r, const struct feed_news *news)
{
    switch (news->kind) {
    case FEED_FOLLOWING:
        room_meet(r);
        room_resume(r);
        break;
    case FEED_UPDATE:
        heard_update(r, news);
        break;
    case FEED_SNAPSHOT:
        heard_snapshot(r, news);
        break;
    case FEED_FIELDS:
        if (r->phase == ROOM_LIVE)
            room_save_heard_fields(r, news->pos, news->hash);
        break;
    case FEED_TOLD:
        heard_told(r, news);
        break;
    case FEED_POLICY:
        room_ask_access(r);
        break;
    case FEED_LOST:
        break;
    }
}
