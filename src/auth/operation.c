#include "auth/auth_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

static void done(struct store_op *op)
{
    struct auth_op *o = op->udata;
    list_remove(&o->node);
    if (o->then)
        o->then(op, o->udata);
    else if (op->result < 0 && op->kind != STORE_GET)
        log_warn("a key of somebody's was not written", LOG_STR("error", op->error));
    buf_release(&o->key);
    store_op_release(op);
    free(o);
}

static struct auth_op *begin(struct auth *a, enum store_kind kind, const struct buf *key,
                             void (*then)(struct store_op *op, void *udata), void *udata)
{
    struct auth_op *o = xcalloc(1, sizeof(*o));
    buf_append(&o->key, key->data, key->len);
    o->op = (struct store_op){.kind = kind, .key = buf_str(&o->key), .done = done, .udata = o};
    o->then = then;
    o->udata = udata;
    list_append(&a->ops, &o->node);
    return o;
}

struct auth_op *op_get(struct auth *a, const struct buf *key,
                       void (*then)(struct store_op *op, void *udata), void *udata)
{
    struct auth_op *o = begin(a, STORE_GET, key, then, udata);
    store_queue_submit(a->queue, &o->op);
    return o;
}

struct auth_op *op_set(struct auth *a, const struct buf *key, const struct buf *value,
                       uint64_t expires_ms, bool if_absent,
                       void (*then)(struct store_op *op, void *udata), void *udata)
{
    struct auth_op *o = begin(a, STORE_SET, key, then, udata);
    buf_append(&o->op.data, value->data, value->len);
    o->op.expires_ms = expires_ms;
    o->op.if_absent = if_absent;
    store_queue_submit(a->queue, &o->op);
    return o;
}

struct auth_op *op_delete(struct auth *a, const struct buf *key,
                          void (*then)(struct store_op *op, void *udata), void *udata)
{
    struct auth_op *o = begin(a, STORE_DELETE, key, then, udata);
    store_queue_submit(a->queue, &o->op);
    return o;
}

void op_forget(struct auth_op *o)
{
    if (o)
        o->then = NULL;
}
