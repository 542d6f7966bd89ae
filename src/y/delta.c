/*
 * Deltas: what a text is, or what happened to it, as operations from its beginning on (yjs YText.js
 * `toDelta`, YTextEvent `delta`; Quill's Delta).
 */
#include "y/attrs.h"
#include "y/snapshot_int.h"

/* --- building --------------------------------------------------------------------------------- */

/* Room for one more of `size` bytes in a list that doubles. */
static void *one_more(struct y_delta_builder *b, void *list, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return list;
    size_t more = *cap ? *cap * 2 : 8;
    void *p = y_realloc(list, more * size);
    if (p)
        *cap = more;
    else
        b->error = Y_ERR_NOMEM;
    return p ? p : list;
}

void y_delta_op(struct y_delta_builder *b, enum y_delta_kind kind, uint64_t len)
{
    if (!b->error)
        b->ops = one_more(b, b->ops, b->op_count, &b->op_cap, sizeof(*b->ops));
    if (!b->error)
        b->ops[b->op_count++] = (struct y_delta_op){.kind = kind, .len = len};
}

static size_t add_bytes(struct y_delta_builder *b, const void *data, size_t n)
{
    size_t at = b->bytes.len;
    if (!b->error && n)
        b->error = ybuf_append(&b->bytes, data, n);
    return at;
}

/* Offsets are kept as pointers into nothing until the block is made. */
static struct y_slice unplaced(size_t at, size_t n)
{
    return (struct y_slice){n ? (const uint8_t *)(uintptr_t)at : NULL, n};
}

static void place(struct y_slice *s, const uint8_t *bytes)
{
    if (s->n)
        s->p = bytes + (uintptr_t)s->p;
}

void y_delta_value(struct y_delta_builder *b, const struct y_value *v)
{
    if (!b->error)
        b->values = one_more(b, b->values, b->value_count, &b->value_cap, sizeof(*b->values));
    size_t bytes = add_bytes(b, v->bytes.p, v->bytes.n);
    size_t options = add_bytes(b, v->options.p, v->options.n);
    if (b->error)
        return;
    b->values[b->value_count++] = (struct y_value){v->kind, unplaced(bytes, v->bytes.n),
                                                   unplaced(options, v->options.n), v->type};
    b->ops[b->op_count - 1].count++;
}

void y_delta_attributes(const struct ydoc *doc, struct y_delta_builder *b, const struct y_attrs *a)
{
    size_t at = b->bytes.len;
    if (b->error || !a->live)
        return;
    b->error = y_attrs_write(doc, a, &b->bytes);
    if (!b->error)
        b->ops[b->op_count - 1].attributes = unplaced(at, b->bytes.len - at);
}

bool y_delta_text(struct y_delta_builder *b, size_t from, uint64_t len)
{
    size_t n = b->bytes.len - from;
    if (!n || b->error)
        return false;
    y_delta_op(b, Y_DELTA_INSERT, len);
    y_delta_value(b, &(struct y_value){.kind = Y_VALUE_STRING});
    if (!b->error)
        b->values[b->value_count - 1].bytes = unplaced(from, n);
    return !b->error;
}

int y_delta_finish(struct y_delta_builder *b, struct y_delta_op **ops, size_t *n)
{
    size_t ops_size = b->op_count * sizeof(*b->ops);
    size_t values_size = b->value_count * sizeof(*b->values);
    uint8_t *block = NULL;
    if (!b->error && b->op_count) {
        block = y_realloc(NULL, ops_size + values_size + b->bytes.len);
        if (!block)
            b->error = Y_ERR_NOMEM;
    }
    if (block) {
        struct y_delta_op *op = (struct y_delta_op *)(void *)block;
        struct y_value *value = (struct y_value *)(void *)(block + ops_size);
        uint8_t *bytes = block + ops_size + values_size;
        memcpy(op, b->ops, ops_size);
        if (values_size)
            memcpy(value, b->values, values_size);
        if (b->bytes.len)
            memcpy(bytes, b->bytes.data, b->bytes.len);
        for (size_t i = 0; i < b->value_count; i++) {
            place(&value[i].bytes, bytes);
            place(&value[i].options, bytes);
        }
        for (size_t i = 0; i < b->op_count; i++) {
            op[i].values = op[i].count ? value : NULL;
            value += op[i].count;
            place(&op[i].attributes, bytes);
        }
    }
    if (!b->error) {
        *ops = (struct y_delta_op *)(void *)block;
        *n = b->op_count;
    }
    int error = b->error;
    y_mem_free(b->ops);
    y_mem_free(b->values);
    ybuf_release(&b->bytes);
    *b = (struct y_delta_builder){0};
    return error;
}

void y_delta_free(struct y_delta_op *ops, size_t n)
{
    (void)n;
    y_mem_free(ops);
}

/* --- the whole text --------------------------------------------------------------------------- */

/* A snapshot and its clients by their index in the document. */
struct view {
    bool given;
    struct y_snapshot s;
    const struct y_snapshot_client **clients;
};

struct whole {
    struct ydoc *doc;
    bool by_bytes;
    struct view then, before;
    uint32_t ychange; /* the key */
    struct y_delta_builder b;
    size_t text; /* where the text that is being put together begins, and how long it is */
    uint64_t len;
    struct y_attrs now;
};

static void begin_text(struct whole *w)
{
    w->text = w->b.bytes.len;
    w->len = 0;
}

static void end_text(struct whole *w)
{
    if (y_delta_text(&w->b, w->text, w->len))
        y_delta_attributes(w->doc, &w->b, &w->now);
    begin_text(w);
}

static void add_text(struct whole *w, const struct y_item *it)
{
    if (!w->b.error)
        w->b.error = ybuf_append(&w->b.bytes, y_content(w->doc, it), it->bytes);
    w->len += w->by_bytes ? it->bytes : it->len;
}

static void add_embed(struct whole *w, const struct y_item *it)
{
    struct y_value v = y_item_value(w->doc, it, 0);
    y_delta_op(&w->b, Y_DELTA_INSERT, 1);
    y_delta_value(&w->b, &v);
    y_delta_attributes(w->doc, &w->b, &w->now);
    begin_text(w);
}

static int view_open(struct ydoc *doc, const struct y_slice *snapshot, struct view *v)
{
    if (!snapshot)
        return Y_OK;
    int error = y_snapshot_read(*snapshot, &v->s);
    if (error)
        return error;
    v->given = true;
    v->clients = y_realloc(NULL, (doc->client_count + 1) * sizeof(*v->clients));
    if (!v->clients)
        return Y_ERR_NOMEM;
    for (uint32_t i = 0; i < doc->client_count; i++)
        v->clients[i] = y_snapshot_client_of(&v->s, doc->clients[i].id);
    return Y_OK;
}

static void view_close(struct view *v)
{
    y_snapshot_release(&v->s);
    y_mem_free(v->clients);
}

static bool shown(const struct view *v, const struct y_item *it)
{
    return v->given ? y_snapshot_shows(v->clients[it->client], it) : !(it->flags & Y_DEAD);
}

/* {type: 'removed'}, {type: 'added'} */
static const uint8_t removed[] = "\x76\x01\x04type\x77\x07removed";
static const uint8_t added[] = "\x76\x01\x04type\x77\x05"
                               "added";

/* Whether a string came or went between the snapshots. What Yjs puts into `ychange` never is what it
 * compares it with, so that each item is an operation of its own. */
static void mark_change(struct whole *w, const struct y_item *it)
{
    struct y_val v = {0, {NULL, 0}};
    if (w->then.given && !shown(&w->then, it))
        v.any = (struct y_slice){removed, sizeof(removed) - 1};
    else if (w->before.given && !shown(&w->before, it))
        v.any = (struct y_slice){added, sizeof(added) - 1};
    if (v.any.n) {
        end_text(w);
        if (!w->b.error)
            w->b.error = y_attrs_set(&w->now, w->ychange, v);
    } else if (w->ychange && y_attrs_has(&w->now, w->ychange)) {
        end_text(w);
        y_attrs_delete(&w->now, w->ychange);
    }
}

static void walk_whole(struct whole *w, y_handle first)
{
    begin_text(w);
    for (y_handle h = first; h && !w->b.error; h = y_item(w->doc, h)->right) {
        const struct y_item *it = y_item(w->doc, h);
        if (!shown(&w->then, it) && !(w->before.given && shown(&w->before, it)))
            continue;
        if (it->kind == Y_STRING) {
            mark_change(w, it);
            add_text(w, it);
        } else if (it->kind == Y_TYPE || it->kind == Y_EMBED) {
            end_text(w);
            add_embed(w, it);
        } else if (it->kind == Y_FORMAT && shown(&w->then, it)) {
            end_text(w);
            if (!w->b.error)
                w->b.error = y_attrs_update(w->doc, &w->now, h);
        }
    }
    end_text(w);
}

static bool is_text(const struct y_type *t)
{
    return t->ref == Y_REF_TEXT || t->ref == Y_REF_XML_TEXT;
}

/* Items are cut where the snapshots end, and merged again by the end of the transaction. */
static int walk_snapshots(struct whole *w, const struct y_type *t)
{
    int error = y_begin(w->doc, NULL, true);
    if (error)
        return error;
    if (w->then.given)
        error = y_snapshot_split(w->doc, &w->then.s);
    if (!error && w->before.given)
        error = y_snapshot_split(w->doc, &w->before.s);
    if (!error)
        walk_whole(w, w->doc->seqs[t->list].first);
    return y_end(w->doc, error);
}

int y_text_delta(const struct y_type *t, const struct y_slice *snapshot,
                 const struct y_slice *previous, struct y_delta_op **ops, size_t *n)
{
    struct whole w = {.doc = t->doc, .by_bytes = y_by_bytes(t)};
    if (!is_text(t))
        return Y_ERR_TYPE;
    int error = view_open(t->doc, snapshot, &w.then);
    if (!error)
        error = view_open(t->doc, previous, &w.before);
    if (!error && (t->has_format || snapshot || previous))
        error = y_name_of(t->doc, "ychange", 7, &w.ychange);
    if (!error && (snapshot || previous))
        error = walk_snapshots(&w, t);
    else if (!error)
        walk_whole(&w, t->doc->seqs[t->list].first);
    if (error)
        w.b.error = error;
    error = y_delta_finish(&w.b, ops, n);
    y_attrs_release(&w.now);
    view_close(&w.then);
    view_close(&w.before);
    return error;
}

int y_text_string(const struct y_type *t, struct ybuf *out)
{
    const struct ydoc *doc = t->doc;
    const struct y_seq *s = &doc->seqs[t->list];
    if (!is_text(t))
        return Y_ERR_TYPE;
    if (t->ref == Y_REF_XML_TEXT)
        return y_xml_string(t, out);
    size_t len = out->len;
    int error = y_buf_reserve(out, s->bytes);
    for (y_handle h = s->first; h && !error; h = y_item(doc, h)->right) {
        const struct y_item *it = y_item(doc, h);
        if (it->kind == Y_STRING && !(it->flags & Y_DEAD))
            error = ybuf_append(out, y_content(doc, it), it->bytes);
    }
    if (error)
        out->len = len;
    return error;
}
