/*
 * The other servers on the same store: the feed's news to their rooms, a heartbeat, and who has
 * fallen silent.
 *
 * What servers tell each other (STORE_TELL) begins with one byte:
 *
 *     a payload    awareness of people who are connected to the teller; or that they are gone
 *     A payload    the same of everybody who is connected to the teller: whoever is not in it, is not
 *     q            who is in this bytecrowd? Every server answers with `A`
 *     h            I am alive; to all, while anybody is connected
 *     s session    a session has ended; to all
 *     u user       all sessions of a user have ended; to all
 *
 * A server of which nothing was heard for NODE_TIMEOUT_MS is dead, and its people are gone. One that
 * was only away (paused, or cut off from Redis) notices that its own heartbeat was late and tells
 * everybody again who is connected to it; what the others hold against that by then they answer, and
 * the people's own clients settle it (proto/awareness.h).
 */
#include "base/log.h"
#include "base/mem.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

#define TICK_MS 1000
#define HEARTBEAT_MS 3000
/* With the tick and a beat that is a little late, others see it within ten seconds. */
#define NODE_TIMEOUT_MS 8500
/* Without the feed the log is read again this often: others' edits come late, but they come. */
#define POLL_MS 1000
/* With it the log is read when there was no news for so long, or when an append from here has not come
 * back as news: a message can be lost on its way between the nodes of a Cluster, say, with no
 * connection lost. */
#define QUIET_MS 15000
#define ECHO_MS 2000

struct node {
    uint64_t id, heard_ms;
};

struct tell_op {
    struct store_op op;
    struct server *srv;
    uint64_t sent_ms;
    char *id;
};

static uint64_t now_ms(void)
{
    return net_now_us() / 1000;
}

static void each_room(struct server *s, void (*fn)(struct room *r, void *arg), void *arg)
{
    struct room **rooms = xcalloc(s->rooms.count, sizeof(struct room *));
    size_t n = 0;
    void *r;
    for (size_t pos = 0; table_next(&s->rooms, &pos, &r);)
        rooms[n++] = r;
    for (size_t i = 0; i < n; i++)
        fn(rooms[i], arg);
    free(rooms);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void told(struct store_op *op)
{
    struct tell_op *t = op->udata;
    store_op_release(op);
    free(t->id);
    free(t);
}

static struct tell_op *tell_new(struct server *s, const char *id, char kind, const struct buf *data)
{
    struct tell_op *t = xcalloc(1, sizeof(*t));
    t->srv = s;
    t->id = id ? xstrdup(id) : NULL;
    t->op.kind = STORE_TELL;
    t->op.id = t->id;
    t->op.done = told;
    t->op.udata = t;
    buf_putc(&t->op.data, (uint8_t)kind);
    if (data)
        buf_append(&t->op.data, data->data, data->len);
    return t;
}

/* Lost if the store is away: what matters is told again by whoever comes back. */
void nodes_tell(struct server *s, const char *id, char kind, const struct buf *data)
{
    store_queue_submit(s->queue, &tell_new(s, id, kind, data)->op);
}

static void meet(struct room *r, void *arg)
{
    room_meet(r);
}

static void beaten(struct store_op *op)
{
    struct tell_op *t = op->udata;
    struct server *s = t->srv;
    if (op->result == STORE_OK) {
        bool late = s->beat_ok_ms && t->sent_ms - s->beat_ok_ms > NODE_TIMEOUT_MS / 2;
        s->beat_ok_ms = t->sent_ms;
        if (late)
            each_room(s, meet, NULL);
    } else {
        s->beat_ms = 0; /* with the next tick */
    }
    told(op);
}

static void beat(struct server *s, uint64_t now)
{
    struct tell_op *t = tell_new(s, NULL, 'h', NULL);
    t->op.done = beaten;
    t->sent_ms = s->beat_ms = now;
    store_queue_submit(s->queue, &t->op);
}

/* --- hearing ---------------------------------------------------------------------------------- */

static void node_heard(struct server *s, uint64_t id, uint64_t now)
{
    struct node *n = table_get(&s->nodes, &id, sizeof(id));
    if (!n) {
        n = xcalloc(1, sizeof(*n));
        n->id = id;
        table_set(&s->nodes, &id, sizeof(id), n);
        log_info("another server is here", LOG_INT("servers", s->nodes.count + 1));
    }
    n->heard_ms = now;
}

static void heard(void *udata, const struct feed_news *news)
{
    struct server *s = udata;
    if (news->kind == FEED_LOST) {
        if (!s->feed_lost_ms)
            s->feed_lost_ms = now_ms();
        return;
    }
    if (news->kind == FEED_FOLLOWING && s->feed_lost_ms) {
        s->feed_lost_ms = 0;
        access_recheck(s);
    }
    if (news->kind != FEED_FOLLOWING && !news->own)
        node_heard(s, news->node, now_ms());
    if (news->kind == FEED_TOLD && !news->id)
        access_heard(s, news);
    struct room *r = news->id ? table_get(&s->rooms, news->id, strlen(news->id)) : NULL;
    if (r)
        room_heard(r, news);
}

static void feed_woken(void *udata)
{
    struct server *s = udata;
    if (s->feed)
        store_feed_drain(s->feed, heard, s);
}

/* On the feed's thread. */
static void feed_wake(void *udata)
{
    net_wake_send(udata);
}

/* --- every second ----------------------------------------------------------------------------- */

static void gone(struct room *r, void *arg)
{
    room_node_gone(r, ((struct node *)arg)->id);
}

static struct node *silent_node(struct server *s, uint64_t now)
{
    void *n;
    for (size_t pos = 0; table_next(&s->nodes, &pos, &n);)
        if (now - ((struct node *)n)->heard_ms > NODE_TIMEOUT_MS)
            return n;
    return NULL;
}

static void bury(struct server *s, uint64_t now)
{
    struct node *n;
    while ((n = silent_node(s, now))) {
        log_info("another server has fallen silent", LOG_INT("servers", s->nodes.count));
        each_room(s, gone, n);
        table_remove(&s->nodes, &n->id, sizeof(n->id));
        free(n);
    }
}

static void poll_room(struct room *r, void *arg)
{
    uint64_t now = *(uint64_t *)arg, most = QUIET_MS - r->quiet_slack;
    const struct server *s = r->srv;
    if (s->feed_lost_ms && now - s->feed_lost_ms >= POLL_MS)
        most = POLL_MS;
    else if (store_pos_cmp(r->acked, r->pos) > 0)
        most = ECHO_MS;
    if (r->phase == ROOM_LIVE && !list_empty(&r->members) && !r->resume_due && !r->resuming &&
        now - r->known_ms >= most)
        room_resume(r);
}

static void tick(void *udata)
{
    struct server *s = udata;
    uint64_t now = now_ms();
    void *n;
    /* After a pause of our own the others' silence means nothing. */
    if (now - s->ticked_ms > HEARTBEAT_MS)
        for (size_t pos = 0; table_next(&s->nodes, &pos, &n);)
            ((struct node *)n)->heard_ms = now;
    s->ticked_ms = now;
    if (now - s->beat_ms >= HEARTBEAT_MS && s->rooms.count && !s->stop_us)
        beat(s, now);
    bury(s, now);
    each_room(s, poll_room, &now);
}

static void resume(struct room *r, void *arg)
{
    room_save_retry(r);
    room_meet(r);
    room_resume(r);
    /* Of what was lost the fields may be all; it is not read, so they are written again. */
    if (r->phase == ROOM_LIVE && r->doc_bytes) {
        r->fields_hash = 0;
        room_save_fields_later(r, false);
    }
}

/* The store's connection is another one than before: so may be what it holds. And what was told
 * meanwhile did not get through. */
void nodes_generation(struct server *s, uint32_t generation)
{
    bool again = s->generation && generation != s->generation;
    s->generation = generation;
    if (again)
        each_room(s, resume, NULL);
}

void nodes_init(struct server *s)
{
    s->feed_wake = net_wake_new(s->loop, feed_woken, s);
    s->feed = store_feed_new(s->opts.store, feed_wake, s->feed_wake);
    if (!s->feed)
        return;
    s->ticked_ms = s->beat_ok_ms = now_ms();
    s->tick_timer = net_timer_new(s->loop, tick, s);
    net_timer_start(s->tick_timer, TICK_MS, TICK_MS);
}

void nodes_release(struct server *s)
{
    void *n;
    store_feed_free(s->feed);
    s->feed = NULL;
    net_wake_free(s->feed_wake);
    net_timer_free(s->tick_timer);
    for (size_t pos = 0; table_next(&s->nodes, &pos, &n);)
        free(n);
    table_release(&s->nodes);
}
