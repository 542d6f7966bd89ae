/*
 * Formats that say nothing: between two values there may be formats that later ones overrule, or that
 * repeat what holds already. They come about when what was between them is deleted, and when several
 * people format at once (yjs YText.js `cleanupFormattingGap`, `cleanupYTextAfterTransaction`).
 */
#include "y/format_int.h"

#include <stdlib.h>

static bool is_value(const struct y_item *it)
{
    return !(it->flags & Y_DEAD) && y_countable(it->kind);
}

/* --- after a deletion ------------------------------------------------------------------------- */

/* A format of a gap is superfluous, and goes. */
static int drop(struct ydoc *doc, y_handle h, uint32_t key, struct y_val before,
                struct y_attrs *now)
{
    int error = y_delete(doc, h);
    struct y_val v = y_format_value(h);
    if (error || !now || y_val_same(doc, before, v) ||
        !y_val_same(doc, y_val_or_null(doc, y_attrs_get(now, key)), v))
        return error;
    if (!y_val_is_null(doc, before))
        return y_attrs_set(now, key, before);
    y_attrs_delete(now, key);
    return Y_OK;
}

/* The last format of each key from `start` up to the next value; *end is that. */
static int last_formats(struct ydoc *doc, y_handle start, struct y_attrs *last, y_handle *end)
{
    y_handle h = start;
    int error = Y_OK;
    for (; h && !error && !is_value(y_item(doc, h)); h = y_item(doc, h)->right) {
        uint32_t key;
        if (!y_is_format(y_item(doc, h)))
            continue;
        error = y_format_key(doc, h, &key);
        if (!error)
            error = y_attrs_set(last, key, y_format_value(h));
    }
    *end = h;
    return error;
}

static int clean_gap(struct ydoc *doc, y_handle h, y_handle end, y_handle curr,
                     const struct y_attrs *last, const struct y_attrs *before, struct y_attrs *now)
{
    int error = Y_OK;
    for (; h != end && !error; h = y_item(doc, h)->right) {
        uint32_t key;
        if (h == curr)
            now = NULL;
        if (!y_is_format(y_item(doc, h)))
            continue;
        error = y_format_key(doc, h, &key);
        if (error)
            break;
        struct y_val was = y_val_or_null(doc, y_attrs_get(before, key));
        if (y_attrs_get(last, key).item != h || y_val_same(doc, was, y_format_value(h)))
            error = drop(doc, h, key, was, now);
        else if (now)
            error = y_attrs_update(doc, now, h);
    }
    return error;
}

int y_format_gap_of(struct ydoc *doc, y_handle start, y_handle curr, const struct y_attrs *before,
                    struct y_attrs *now)
{
    struct y_attrs last = {0};
    y_handle end;
    int error = last_formats(doc, start, &last, &end);
    if (!error && last.live)
        error = clean_gap(doc, start, end, curr, &last, before, now);
    y_attrs_release(&last);
    return error;
}

int y_format_gap(struct ydoc *doc, y_handle left, y_handle start)
{
    struct y_attrs last = {0}, before = {0};
    y_handle end;
    int error = last_formats(doc, start, &last, &end);
    for (uint32_t i = 0; i < last.count && !error; i++)
        error = y_attrs_set(&before, last.list[i].key, (struct y_val){.item = 0});
    if (!error && last.live) {
        error = y_attrs_look_back(doc, left, &before);
        if (!error)
            error = clean_gap(doc, start, end, 0, &last, &before, NULL);
    }
    y_attrs_release(&last);
    y_attrs_release(&before);
    return error;
}

/* --- after a remote transaction --------------------------------------------------------------- */

/* The transaction that takes formats away; begun with the first of them. */
struct cleaner {
    struct ydoc *doc;
    bool begun;
    uint32_t stamp;      /* of items whose gap was seen to */
    struct y_type **all; /* texts to be cleaned from their beginning; their `mark` is set */
    size_t count, cap;
};

static int need(struct cleaner *c, struct y_type *t)
{
    if (t->mark)
        return Y_OK;
    if (c->count == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 8;
        struct y_type **p = y_realloc(c->all, cap * sizeof(struct y_type *));
        if (!p)
            return Y_ERR_NOMEM;
        c->all = p;
        c->cap = cap;
    }
    t->mark = 1;
    c->all[c->count++] = t;
    return Y_OK;
}

static int begin(struct cleaner *c)
{
    int error = c->begun ? Y_OK : y_begin(c->doc, NULL, true);
    c->begun = c->begun || !error;
    return error;
}

/* Of several formats of a key between two values the last remains. Whoever deleted many neighbours asks
 * for the same gap many times: one look is enough. */
static int clean_around(struct cleaner *c, y_handle h)
{
    struct ydoc *doc = c->doc;
    struct y_attrs seen = {0};
    int error = Y_OK;
    if (c->stamp && y_item(doc, h)->stamp == c->stamp)
        return Y_OK;
    if (!c->stamp)
        c->stamp = y_next_stamp(doc);
    for (y_handle r = y_item(doc, h)->right; r && !is_value(y_item(doc, r));
         r = y_item(doc, h)->right)
        h = r;
    for (; h && !is_value(y_item(doc, h)) && !error; h = y_item(doc, h)->left) {
        uint32_t key;
        y_item(doc, h)->stamp = c->stamp;
        if (!y_is_format(y_item(doc, h)))
            continue;
        error = y_format_key(doc, h, &key);
        if (!error && !y_attrs_has(&seen, key)) {
            error = y_attrs_set(&seen, key, y_format_value(h));
        } else if (!error) {
            error = begin(c);
            if (!error)
                error = y_delete(doc, h);
        }
    }
    y_attrs_release(&seen);
    return error;
}

/* yjs cleanupYTextFormatting. It means to go through the whole text, but from the first value on it
 * begins each gap with the value before it and so finds it empty: what it does is this. */
static int clean_beginning(struct cleaner *c, const struct y_type *t)
{
    const struct ydoc *doc = c->doc;
    y_handle first = doc->seqs[t->list].first, h = first;
    bool formats = false;
    for (; h && !is_value(y_item(doc, h)); h = y_item(doc, h)->right)
        formats = formats || y_is_format(y_item(doc, h));
    if (!h || !formats)
        return Y_OK;
    int error = begin(c);
    return error ? error : y_format_gap(c->doc, 0, first);
}

/* The structs of a client in [clock, end). */
static int for_each(struct cleaner *c, uint32_t client, uint32_t clock, uint64_t end,
                    int (*fn)(struct cleaner *c, y_handle h))
{
    struct y_client *cl = &c->doc->clients[client];
    int error = Y_OK;
    if (clock >= cl->state || clock >= end)
        return Y_OK;
    struct y_at at = y_find(cl, clock);
    do {
        y_handle h = y_at_entry(cl, at)->item;
        if (y_item(c->doc, h)->clock >= end)
            break;
        error = y_item(c->doc, h)->kind == Y_GC ? Y_OK : fn(c, h);
    } while (!error && y_at_next(cl, &at));
    return error;
}

static int look_at_new(struct cleaner *c, y_handle h)
{
    const struct y_item *it = y_item(c->doc, h);
    return y_is_format(it) ? need(c, y_seq_type(c->doc, it->seq)) : Y_OK;
}

static int look_at_deleted(struct cleaner *c, y_handle h)
{
    const struct y_item *it = y_item(c->doc, h);
    struct y_type *t = y_seq_type(c->doc, it->seq);
    if (!t->has_format || t->mark)
        return Y_OK;
    return it->kind == Y_FORMAT ? need(c, t) : clean_around(c, h);
}

/* Yjs goes through what was deleted client by client, in the order of the first deletion of each. */
static int look_at_deletions(struct cleaner *c, const struct y_txn *t)
{
    const struct y_change **list;
    uint32_t n;
    int error = y_txn_deletions(t, &list, &n);
    for (uint32_t i = 0; i < n && !error; i++)
        for (size_t k = 0; k < list[i]->deleted.count && !error; k++) {
            struct y_range r = list[i]->deleted.list[k];
            error =
                for_each(c, list[i]->client, r.clock, (uint64_t)r.clock + r.len, look_at_deleted);
        }
    y_mem_free(list);
    return error;
}

int y_format_cleanup(struct ydoc *doc, const struct y_txn *t)
{
    struct cleaner c = {.doc = doc};
    int error = Y_OK;
    for (uint32_t i = 0; i < t->change_count && !error; i++) {
        const struct y_change *ch = &t->changes[i];
        if (ch->before != ch->after) /* Yjs takes the clock at the end for a length */
            error =
                for_each(&c, ch->client, ch->before, (uint64_t)ch->before + ch->after, look_at_new);
    }
    if (!error)
        error = look_at_deletions(&c, t);
    for (size_t i = 0; i < c.count; i++) {
        c.all[i]->mark = 0;
        if (!error)
            error = clean_beginning(&c, c.all[i]);
    }
    if (c.begun)
        error = y_end(doc, error);
    y_mem_free(c.all);
    /* Without memory they stay: the text is the same, and its update was applied. */
    return error == Y_ERR_NOMEM ? Y_OK : error;
}
