/*
 * The delta of an event: what a transaction did to a text (yjs YText.js `YTextEvent`).
 *
 * It walks the whole text once, with two sets of attributes: what holds now, and what held before; where
 * they differ, text that stayed has attributes of its own in the delta. On the way it takes away formats
 * that turn out to be superfluous, as Yjs does, in a transaction that follows.
 */
#include "y/attrs.h"

struct walk {
    struct ydoc *doc;
    const struct y_txn *txn;
    bool by_bytes, begun;
    struct y_attrs now, before; /* what holds, what held */
    struct y_attrs changed;     /* the attributes of text that stayed */
    int action;                 /* enum y_delta_kind; -1: none */
    uint64_t len;               /* of a retain or deletion */
    size_t text;                /* where in b.bytes the text of an insertion begins */
    struct y_value embed;       /* or what it inserts instead */
    struct y_delta_builder b;
};

/* --- what the transaction did to an item ------------------------------------------------------ */

enum fate { CAME, WENT, CAME_AND_WENT, STAYED, WAS_GONE };

static enum fate fate_of(const struct walk *w, const struct y_item *it)
{
    bool deletes = y_txn_deletes(w->doc, w->txn, it);
    if (y_txn_adds(w->doc, w->txn, it))
        return deletes ? CAME_AND_WENT : CAME;
    if (deletes)
        return WENT;
    return it->flags & Y_DEAD ? WAS_GONE : STAYED;
}

/* --- operations ------------------------------------------------------------------------------- */

/* Ends the operation that is under way. */
static void end_op(struct walk *w)
{
    if (w->action == Y_DELTA_INSERT && w->embed.kind) {
        y_delta_op(&w->b, Y_DELTA_INSERT, 1);
        y_delta_value(&w->b, &w->embed);
        y_delta_attributes(w->doc, &w->b, &w->now);
    } else if (w->action == Y_DELTA_INSERT) {
        if (y_delta_text(&w->b, w->text, w->len))
            y_delta_attributes(w->doc, &w->b, &w->now);
    } else if (w->action >= 0) {
        y_delta_op(&w->b, (enum y_delta_kind)w->action, w->len);
        if (w->action == Y_DELTA_RETAIN)
            y_delta_attributes(w->doc, &w->b, &w->changed);
    }
    w->action = -1;
    w->len = 0;
    w->embed.kind = Y_VALUE_NONE;
}

static void set_action(struct walk *w, enum y_delta_kind action)
{
    if (w->action == (int)action)
        return;
    end_op(w);
    w->action = (int)action;
    w->text = w->b.bytes.len;
}

static uint32_t length(const struct walk *w, const struct y_item *it)
{
    return it->kind != Y_STRING ? 1 : w->by_bytes ? it->bytes : it->len;
}

/* JavaScript has no `length` of a number or boolean, so Yjs drops them; and what is empty. */
static bool is_inserted(const struct y_value *v)
{
    if (v->kind != Y_VALUE_ANY)
        return true;
    uint8_t kind = v->bytes.p[0];
    if (kind == 119)
        return v->bytes.n > 2;
    return kind == 126 || kind == 118 || kind == 117 || kind == 116;
}

static void pass_value(struct walk *w, const struct y_item *it)
{
    switch (fate_of(w, it)) {
    case CAME:
        if (it->kind == Y_STRING) {
            set_action(w, Y_DELTA_INSERT);
            if (!w->b.error)
                w->b.error = ybuf_append(&w->b.bytes, y_content(w->doc, it), it->bytes);
            w->len += length(w, it);
            break;
        }
        end_op(w);
        w->embed = y_item_value(w->doc, it, 0);
        if (is_inserted(&w->embed))
            w->action = Y_DELTA_INSERT;
        end_op(w);
        break;
    case WENT:
        set_action(w, Y_DELTA_DELETE);
        w->len += length(w, it);
        break;
    case STAYED:
        set_action(w, Y_DELTA_RETAIN);
        w->len += length(w, it);
        break;
    default:
        break;
    }
}

/* --- formats ---------------------------------------------------------------------------------- */

static void fail(struct walk *w, int error)
{
    if (error < 0 && !w->b.error)
        w->b.error = error;
}

static bool equal(struct walk *w, struct y_val a, struct y_val b)
{
    int same = y_val_equal(w->doc, a, b);
    fail(w, same);
    return same == 1;
}

static void set(struct walk *w, struct y_attrs *a, uint32_t key, struct y_val v)
{
    fail(w, y_attrs_set(a, key, v));
}

static void end_retain(struct walk *w)
{
    if (w->action == Y_DELTA_RETAIN)
        end_op(w);
}

/* A superfluous format. */
static void take_away(struct walk *w, y_handle h)
{
    int error = w->begun ? Y_OK : y_begin(w->doc, NULL, true);
    if (!error) {
        w->begun = true;
        error = y_delete(w->doc, h);
    }
    fail(w, error);
}

static void format_came(struct walk *w, y_handle h, uint32_t key, struct y_val v)
{
    struct y_val current = y_val_or_null(w->doc, y_attrs_get(&w->now, key));
    if (equal(w, current, v)) {
        if (!y_val_is_null(w->doc, v))
            take_away(w, h);
        return;
    }
    end_retain(w);
    if (equal(w, v, y_val_or_null(w->doc, y_attrs_get(&w->before, key))))
        y_attrs_delete(&w->changed, key);
    else
        set(w, &w->changed, key, v);
}

static void format_went(struct walk *w, uint32_t key, struct y_val v)
{
    struct y_val current = y_val_or_null(w->doc, y_attrs_get(&w->now, key));
    set(w, &w->before, key, v);
    if (equal(w, current, v))
        return;
    end_retain(w);
    set(w, &w->changed, key, current);
}

static void format_stayed(struct walk *w, y_handle h, uint32_t key, struct y_val v)
{
    struct y_val attr = y_attrs_get(&w->changed, key);
    set(w, &w->before, key, v);
    if (!y_attrs_has(&w->changed, key))
        return;
    if (equal(w, attr, v)) {
        if (!y_val_is_null(w->doc, attr))
            take_away(w, h);
        return;
    }
    end_retain(w);
    if (y_val_is_null(w->doc, v))
        y_attrs_delete(&w->changed, key);
    else
        set(w, &w->changed, key, v);
}

static void pass_format(struct walk *w, y_handle h)
{
    uint32_t key;
    int error = y_format_key(w->doc, h, &key);
    fail(w, error);
    if (error)
        return;
    switch (fate_of(w, y_item(w->doc, h))) {
    case CAME:
        format_came(w, h, key, y_format_value(h));
        break;
    case WENT:
        format_went(w, key, y_format_value(h));
        break;
    case STAYED:
        format_stayed(w, h, key, y_format_value(h));
        break;
    default:
        break;
    }
    if (y_item(w->doc, h)->flags & Y_DEAD)
        return;
    if (w->action == Y_DELTA_INSERT)
        end_op(w);
    fail(w, y_attrs_update(w->doc, &w->now, h));
}

int y_text_event_delta(struct y_event *e)
{
    struct walk w = {.doc = e->doc, .txn = e->txn, .action = -1};
    w.by_bytes = y_by_bytes(e->target);
    for (y_handle h = e->doc->seqs[e->target->list].first; h && !w.b.error;
         h = y_item(e->doc, h)->right) {
        const struct y_item *it = y_item(e->doc, h);
        if (it->kind == Y_STRING || it->kind == Y_EMBED || it->kind == Y_TYPE)
            pass_value(&w, it);
        else if (it->kind == Y_FORMAT)
            pass_format(&w, h);
    }
    end_op(&w);
    while (w.b.op_count && w.b.ops[w.b.op_count - 1].kind == Y_DELTA_RETAIN &&
           !w.b.ops[w.b.op_count - 1].attributes.n)
        w.b.op_count--;
    if (w.begun)
        fail(&w, y_end(e->doc, w.b.error));
    y_attrs_release(&w.now);
    y_attrs_release(&w.before);
    y_attrs_release(&w.changed);
    return y_delta_finish(&w.b, &e->ops, &e->op_count);
}
