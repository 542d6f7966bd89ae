/*
 * --expire-after: removes bytecrowds that nobody opened for so long. Each server marks what it has
 * open, four times within that time, and looks through all of the store as often; the store
 * removes one only if its mark is old enough, whichever server set it (STORE_EXPIRE). So one that is
 * open stays, unless its server cannot reach the store for all of that time; and then that server writes
 * it again when it can (room_feed.c).
 */
#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_MAX_MS 3600000
/* Between two lists of names, so that others get their turn. */
#define PAUSE_MS 20

struct expiry {
    struct server *srv;
    struct net_timer *timer;
    struct store_op list;
    size_t pending, removed;
    bool sweeping;
};

struct name_op {
    struct store_op op;
    struct expiry *expiry;
    struct buf name;
};

static struct name_op *name_op_new(struct expiry *e, enum store_kind kind, const void *name,
                                   size_t len, void (*done)(struct store_op *))
{
    struct name_op *n = xcalloc(1, sizeof(*n));
    buf_append(&n->name, name, len);
    n->expiry = e;
    n->op.kind = kind;
    n->op.id = buf_str(&n->name);
    n->op.age_ms = e->srv->opts.expire_ms;
    n->op.done = done;
    n->op.udata = n;
    return n;
}

static void name_op_free(struct name_op *n)
{
    store_op_release(&n->op);
    buf_release(&n->name);
    free(n);
}

static void touched(struct store_op *op)
{
    name_op_free(op->udata);
}

static void touch_open(struct expiry *e)
{
    void *r;
    for (size_t pos = 0; table_next(&e->srv->rooms, &pos, &r);) {
        const char *name = ((struct room *)r)->name;
        store_queue_submit(e->srv->queue,
                           &name_op_new(e, STORE_TOUCH, name, strlen(name), touched)->op);
    }
}

/* Half of it by chance: many servers need not sweep at once. */
static void sweep_later(struct expiry *e)
{
    uint64_t wait = e->srv->opts.expire_ms / 4;
    if (wait > SWEEP_MAX_MS)
        wait = SWEEP_MAX_MS;
    e->sweeping = false;
    net_timer_start(e->timer, backoff_jitter(wait), 0);
}

static void listed(struct store_op *op);

/* All names of the last list are done. */
static void next_list(struct expiry *e)
{
    bool more = e->list.result == STORE_OK && e->list.cursor.len;
    if (!more) {
        if (e->removed)
            log_info("removed what nobody opened", LOG_INT("bytecrowds", e->removed));
        store_op_release(&e->list);
        sweep_later(e);
        return;
    }
    net_timer_start(e->timer, PAUSE_MS, 0);
}

static void expired(struct store_op *op)
{
    struct name_op *n = op->udata;
    struct expiry *e = n->expiry;
    if (op->result == STORE_OK) {
        e->removed++;
        log_debug("removed", LOG_STR("name", op->id));
    }
    name_op_free(n);
    if (--e->pending == 0)
        next_list(e);
}

static void listed(struct store_op *op)
{
    struct expiry *e = op->udata;
    struct server *s = e->srv;
    e->pending = 1;
    for (size_t i = 0; i < op->name_count && op->result == STORE_OK; i++) {
        const struct buf *name = &op->names[i];
        if (table_get(&s->rooms, name->data, name->len))
            continue;
        e->pending++;
        store_queue_submit(s->queue,
                           &name_op_new(e, STORE_EXPIRE, name->data, name->len, expired)->op);
    }
    if (--e->pending == 0)
        next_list(e);
}

static void sweep(void *udata)
{
    struct expiry *e = udata;
    struct buf cursor = e->list.cursor;
    if (e->srv->stop_us)
        return;
    e->list.cursor = (struct buf){0};
    store_op_release(&e->list);
    if (!e->sweeping) {
        e->sweeping = true;
        e->removed = 0;
        touch_open(e);
    }
    e->list = (struct store_op){.kind = STORE_LIST, .cursor = cursor, .done = listed, .udata = e};
    store_queue_submit(e->srv->queue, &e->list);
}

void expiry_init(struct server *s)
{
    if (!s->opts.expire_ms)
        return;
    s->expiry = xcalloc(1, sizeof(*s->expiry));
    s->expiry->srv = s;
    s->expiry->timer = net_timer_new(s->loop, sweep, s->expiry);
    sweep_later(s->expiry);
}

void expiry_release(struct server *s)
{
    if (!s->expiry)
        return;
    net_timer_free(s->expiry->timer);
    store_op_release(&s->expiry->list);
    free(s->expiry);
    s->expiry = NULL;
}
