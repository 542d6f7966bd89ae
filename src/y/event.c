/*
 * What happened to a type in a transaction (yjs YEvent.js). Deltas, keys and paths are made when
 * somebody asks for them, and then kept.
 *
 * Deltas are blocks of their own; keys borrow from the document. An observer may edit it, which moves
 * contents; nothing is collected while observers are called, so what was lent then is moved along
 * (follow_pool).
 */
#include "y/y_int.h"

#include "y/any.h"
#include "y/members.h"

/* Whoever only reads an event has it const; what is made on demand is not a change of it. */
static struct y_event *kept(const struct y_event *e)
{
    return (struct y_event *)(uintptr_t)e;
}

struct y_type *y_event_target(const struct y_event *e)
{
    return e->target;
}

static void follow(const struct y_event *e, struct y_slice *s)
{
    uintptr_t p = (uintptr_t)s->p, old = (uintptr_t)e->pool;
    if (s->p && p >= old && p < old + e->pool_len)
        s->p = e->doc->pool + (p - old);
}

static void follow_value(const struct y_event *e, struct y_value *v)
{
    follow(e, &v->bytes);
    follow(e, &v->options);
}

/* Slices of a pool that is somewhere else now point into that. */
static void follow_pool(struct y_event *e)
{
    const struct ydoc *doc = e->doc;
    if (e->pool && e->pool != doc->pool) {
        for (size_t i = 0; i < e->key_count; i++)
            follow_value(e, &e->keys[i].old);
    }
    e->pool = doc->pool;
    e->pool_len = doc->pool_len;
}

void y_event_release(struct y_event *e)
{
    y_delta_free(e->ops, e->op_count);
    y_mem_free(e->keys);
    y_mem_free(e->path);
    ybuf_release(&e->scratch);
}

/* --- delta ------------------------------------------------------------------------------------ */

/* The last operation, if it is of that kind, gets longer. */
static void add_len(struct y_delta_builder *b, enum y_delta_kind kind, uint32_t len)
{
    if (!b->op_count || b->ops[b->op_count - 1].kind != kind)
        y_delta_op(b, kind, 0);
    if (!b->error)
        b->ops[b->op_count - 1].len += len;
}

static int list_delta(struct y_event *e)
{
    const struct ydoc *doc = e->doc;
    struct y_delta_builder b = {0};
    for (y_handle h = doc->seqs[e->target->list].first; h && !b.error;) {
        const struct y_item *it = y_item(doc, h);
        bool added = y_txn_adds(doc, e->txn, it), dead = it->flags & Y_DEAD;
        struct y_value v;
        if (!dead && !added)
            add_len(&b, Y_DELTA_RETAIN, it->len);
        else if (dead && !added && y_txn_deletes(doc, e->txn, it))
            add_len(&b, Y_DELTA_DELETE, it->len);
        for (uint32_t at = 0; !dead && added && !b.error && y_value_next(doc, it, &at, &v);) {
            add_len(&b, Y_DELTA_INSERT, 1);
            y_delta_value(&b, &v);
        }
        h = it->right;
    }
    if (b.op_count && b.ops[b.op_count - 1].kind == Y_DELTA_RETAIN)
        b.op_count--;
    return y_delta_finish(&b, &e->ops, &e->op_count);
}

static bool is_text(const struct y_type *t)
{
    return t->ref == Y_REF_TEXT || t->ref == Y_REF_XML_TEXT;
}

int y_event_delta(const struct y_event *event, const struct y_delta_op **ops, size_t *n)
{
    struct y_event *e = kept(event);
    if (!e->has_ops) {
        int error = is_text(e->target) ? y_text_event_delta(e)
                    : e->list_changed  ? list_delta(e)
                                       : Y_OK;
        if (error)
            return error;
        e->has_ops = true;
    }
    *ops = e->ops;
    *n = e->op_count;
    return Y_OK;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* What happened to a key; false: nothing, in the end. */
static bool key_change(const struct y_event *e, const struct y_seq *s, struct y_key_change *c)
{
    const struct ydoc *doc = e->doc;
    const struct y_item *it = s->last ? y_item(doc, s->last) : NULL, *old = it;
    if (!it)
        return false;
    bool deleted = y_txn_deletes(doc, e->txn, it);
    *c = (struct y_key_change){.key = {doc->names[s->key].s, doc->names[s->key].len}};
    if (y_txn_adds(doc, e->txn, it)) {
        do
            old = old->left ? y_item(doc, old->left) : NULL;
        while (old && y_txn_adds(doc, e->txn, old));
        if (old && !y_txn_deletes(doc, e->txn, old))
            old = NULL;
        if (deleted && !old)
            return false;
        c->action = deleted ? Y_KEY_DELETE : old ? Y_KEY_UPDATE : Y_KEY_ADD;
    } else {
        if (!deleted)
            return false;
        c->action = Y_KEY_DELETE;
    }
    if (old)
        c->old = y_item_value(doc, old, old->len - 1);
    return true;
}

int y_event_keys(const struct y_event *event, const struct y_key_change **keys, size_t *n)
{
    struct y_event *e = kept(event);
    const struct ydoc *doc = e->doc;
    follow_pool(e);
    if (!e->has_keys) {
        size_t count = 0;
        for (size_t i = e->first; i; i = e->txn->types[i - 1].next)
            count += doc->seqs[e->txn->types[i - 1].seq].key != 0;
        e->keys = count ? y_realloc(NULL, count * sizeof(*e->keys)) : NULL;
        if (count && !e->keys)
            return Y_ERR_NOMEM;
        for (size_t i = e->first; i; i = e->txn->types[i - 1].next) {
            const struct y_seq *s = &doc->seqs[e->txn->types[i - 1].seq];
            if (s->key && key_change(e, s, &e->keys[e->key_count]))
                e->key_count++;
        }
        e->has_keys = true;
    }
    *keys = e->keys;
    *n = e->key_count;
    return Y_OK;
}

/* --- path ------------------------------------------------------------------------------------- */

#define STEPS 64 /* to the left before the index is asked */

/* Visible units, or bytes where positions count those, before an item. */
static uint64_t position_of(struct ydoc *doc, y_handle h)
{
    struct y_seq *s = &doc->seqs[y_item(doc, h)->seq];
    bool by_bytes = y_by_bytes(y_seq_type(doc, y_item(doc, h)->seq));
    uint32_t units = 0, bytes = 0;
    int steps = 0;
    for (y_handle k = y_item(doc, h)->left; k; k = y_item(doc, k)->left) {
        if (++steps > STEPS && (s->index || y_index_build(doc, s) == Y_OK)) {
            y_index_position(doc, s, h, &units, &bytes);
            break;
        }
        units += y_units(y_item(doc, k));
        bytes += y_visible_bytes(y_item(doc, k));
    }
    return by_bytes ? bytes : units;
}

int y_event_path(const struct y_event *event, const struct y_path_step **steps, size_t *n)
{
    struct y_event *e = kept(event);
    struct ydoc *doc = e->doc;
    if (e->path_from != e->current) {
        size_t count = 0;
        for (const struct y_type *t = e->target; t->item && t != e->current; t = y_type_parent(t))
            count++;
        struct y_path_step *p = count ? y_realloc(e->path, count * sizeof(*p)) : e->path;
        if (count && !p)
            return Y_ERR_NOMEM;
        e->path = p;
        e->path_count = count;
        e->path_from = e->current;
        for (const struct y_type *t = e->target; count--; t = y_type_parent(t)) {
            const struct y_seq *s = &doc->seqs[y_item(doc, t->item)->seq];
            const struct y_name *key = &doc->names[s->key];
            if (s->key)
                p[count] = (struct y_path_step){.key = {key->s, key->len}};
            else
                p[count] = (struct y_path_step){.position = position_of(doc, t->item)};
        }
    }
    *steps = e->path;
    *n = e->path_count;
    return Y_OK;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static int put(struct ybuf *out, const char *s)
{
    return ybuf_append(out, s, strlen(s));
}

static int path_json(const struct y_event *e, struct ybuf *out)
{
    const struct y_path_step *steps;
    size_t n;
    int error = y_event_path(e, &steps, &n);
    for (size_t i = 0; i < n && !error; i++) {
        error = put(out, i ? "," : "");
        if (!error)
            error = steps[i].key.p ? y_json_string(steps[i].key.p, steps[i].key.n, out)
                                   : y_number_to_json((double)steps[i].position, out);
    }
    return error;
}

static int insert_json(const struct y_event *e, const struct y_delta_op *op, struct ybuf *out)
{
    bool list = !is_text(e->target);
    int error = put(out, list ? "{\"insert\":[" : "{\"insert\":");
    for (size_t i = 0; i < op->count && !error; i++) {
        error = put(out, i ? "," : "");
        if (!error)
            error = y_value_json(e->doc, &op->values[i], out);
    }
    return error ? error : put(out, list ? "]" : "");
}

static int delta_json(const struct y_event *e, struct ybuf *out)
{
    const struct y_delta_op *ops;
    size_t n;
    int error = y_event_delta(e, &ops, &n);
    for (size_t i = 0; i < n && !error; i++) {
        error = put(out, i ? "," : "");
        if (!error && ops[i].kind == Y_DELTA_INSERT) {
            error = insert_json(e, &ops[i], out);
        } else if (!error) {
            error = put(out, ops[i].kind == Y_DELTA_RETAIN ? "{\"retain\":" : "{\"delete\":");
            error = error ? error : y_number_to_json((double)ops[i].len, out);
        }
        if (!error && ops[i].attributes.n) {
            error = put(out, ",\"attributes\":");
            if (!error)
                error = y_any_to_json(ops[i].attributes.p, ops[i].attributes.n, out);
        }
        error = error ? error : put(out, "}");
    }
    return error;
}

static int key_json(const struct y_event *e, const struct y_key_change *c, struct ybuf *out)
{
    static const char *const actions[] = {":{\"action\":\"add\"", ":{\"action\":\"update\"",
                                          ":{\"action\":\"delete\""};
    int error = y_json_string(c->key.p, c->key.n, out);
    error = error ? error : put(out, actions[c->action]);
    if (!error && !y_value_undefined(&c->old)) {
        error = put(out, ",\"oldValue\":");
        if (!error)
            error = y_value_json(e->doc, &c->old, out);
    }
    return error ? error : put(out, "}");
}

/* In the order of an object's members: array indices first. */
static int keys_json(const struct y_event *e, struct ybuf *out)
{
    struct y_members members = {0};
    const struct y_key_change *keys;
    struct ybuf names = {0};
    size_t n, left;
    int error = y_event_keys(e, &keys, &n);
    for (size_t i = 0; i < n && !error; i++) {
        if (i && (error = put(out, ",")))
            break;
        struct y_member *m = y_members_add(&members, names.len, keys[i].key.p, keys[i].key.n);
        if (!m || ybuf_append(&names, keys[i].key.p, keys[i].key.n)) {
            error = Y_ERR_NOMEM;
            break;
        }
        m->start = out->len;
        error = key_json(e, &keys[i], out);
        m->end = out->len;
    }
    if (!error && n)
        error = y_members_close(&members, 0, names.data, out, ',', &left);
    ybuf_release(&names);
    y_members_release(&members);
    return error;
}

int y_event_json(const struct y_event *e, struct ybuf *out)
{
    size_t len = out->len;
    int error = put(out, "{\"path\":[");
    error = error ? error : path_json(e, out);
    error = error ? error : put(out, "],\"delta\":[");
    error = error ? error : delta_json(e, out);
    error = error ? error : put(out, "],\"keys\":{");
    error = error ? error : keys_json(e, out);
    error = error ? error : put(out, "}}");
    if (error)
        out->len = len;
    return error;
}
