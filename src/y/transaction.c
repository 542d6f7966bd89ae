/*
 * A transaction is what is between y_begin() and y_end(). It remembers which clients changed, what
 * was deleted and what was split; at its end deleted content is collected and neighbours are
 * merged, in the order of yjs Transaction.js `cleanupTransactions`, so that the structs are the
 * ones that Yjs would have.
 *
 * If memory runs out on the way it is rolled back: structs that came are taken out of their chains
 * again, what was deleted lives, what waited waits. Splits stay until the merging, which puts them
 * together. That works in any order, because nothing is collected before the end.
 */
#include "y/y_int.h"

#include <stdlib.h>

void y_begin(struct ydoc *doc)
{
    doc->epoch++;
    doc->changed = Y_NOBODY;
    doc->split_count = 0;
    doc->touched = false;
    doc->error = Y_OK;
}

/* Before the client's first change in this transaction. */
void y_touch(struct ydoc *doc, uint32_t client)
{
    struct y_client *c = &doc->clients[client];
    if (c->epoch == doc->epoch)
        return;
    c->epoch = doc->epoch;
    c->before = c->state;
    c->deleted.count = 0;
    c->next_changed = doc->changed;
    doc->changed = client;
}

int y_ranges_room(struct y_ranges *r)
{
    if (r->count < r->cap)
        return Y_OK;
    size_t cap = r->cap ? r->cap * 2 : 4;
    struct y_range *p = y_realloc(r->list, cap * sizeof(*p));
    if (!p)
        return Y_ERR_NOMEM;
    r->list = p;
    r->cap = cap;
    return Y_OK;
}

int y_ranges_add(struct y_ranges *r, uint32_t clock, uint32_t len)
{
    if (r->count && r->list[r->count - 1].clock + r->list[r->count - 1].len == clock) {
        r->list[r->count - 1].len += len;
        return Y_OK;
    }
    if (y_ranges_room(r) < 0)
        return Y_ERR_NOMEM;
    r->list[r->count++] = (struct y_range){clock, len};
    return Y_OK;
}

static int by_clock(const void *a, const void *b)
{
    uint32_t x = ((const struct y_range *)a)->clock, y = ((const struct y_range *)b)->clock;
    return (x > y) - (x < y);
}

/* Sorts, and joins what overlaps or touches. */
void y_ranges_sort(struct y_ranges *r)
{
    size_t n = 0;
    bool sorted = true;
    if (r->count < 2)
        return;
    for (size_t i = 1; i < r->count && sorted; i++)
        sorted = r->list[i - 1].clock <= r->list[i].clock;
    if (!sorted)
        qsort(r->list, r->count, sizeof(*r->list), by_clock);
    for (size_t i = 1; i < r->count; i++) {
        struct y_range *last = &r->list[n], next = r->list[i];
        uint64_t end = (uint64_t)last->clock + last->len;
        if (next.clock <= end) {
            if ((uint64_t)next.clock + next.len > end)
                last->len = next.clock + next.len - last->clock;
        } else {
            r->list[++n] = next;
        }
    }
    r->count = n + 1;
}

/* --- deleting -----------------------------------------------------------------------------------
 */

static int mark_deleted(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    struct y_seq *s = &doc->seqs[it->seq];
    y_touch(doc, it->client);
    if (y_ranges_add(&doc->clients[it->client].deleted, it->clock, it->len) < 0)
        return Y_ERR_NOMEM;
    uint32_t units = y_units(it), bytes = y_visible_bytes(it);
    it->flags |= Y_DEAD;
    s->units -= units;
    s->bytes -= bytes;
    s->cursor = 0;
    if (s->index)
        y_index_add(doc, s, it, -(int64_t)units, -(int64_t)bytes);
    doc->touched = true;
    if (it->kind == Y_TYPE) {
        struct y_type *t = doc->types[it->off];
        t->next_work = *work;
        *work = t;
    }
    return Y_OK;
}

static int delete_child(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    const struct y_client *c = &doc->clients[it->client];
    if (!(it->flags & Y_DEAD))
        return mark_deleted(doc, it, work);
    /* Deleted earlier: now it may merge with its collected neighbours. */
    if (c->epoch != doc->epoch || it->clock < c->before)
        return y_note_split(doc, it->client, it->clock);
    return Y_OK;
}

/* Deletes an item and, if it is a type, all in it; nested types by a work list. */
int y_delete(struct ydoc *doc, y_handle h)
{
    struct y_type *work = NULL;
    struct y_item *it = y_item(doc, h);
    int error = it->flags & Y_DEAD ? Y_OK : mark_deleted(doc, it, &work);
    while (work && !error) {
        struct y_type *t = work;
        work = t->next_work;
        for (y_handle k = doc->seqs[t->list].first; k && !error; k = it->right) {
            it = y_item(doc, k);
            error = delete_child(doc, it, &work);
        }
        for (uint32_t e = t->first_entry; e && !error; e = doc->seqs[e].next)
            if (doc->seqs[e].last)
                error = delete_child(doc, y_item(doc, doc->seqs[e].last), &work);
    }
    return error;
}

int y_delete_range(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t end)
{
    struct y_client *c = &doc->clients[client];
    struct y_at at = y_find(c, clock);
    do {
        y_handle h = y_at_entry(c, at)->item;
        struct y_item *it = y_item(doc, h);
        if (it->clock >= end)
            break;
        if (it->flags & Y_DEAD)
            continue;
        bool front = it->clock<clock, back = y_end_of(it)> end;
        if (front || back) {
            if (y_items_reserve(doc, 2) < 0)
                return Y_ERR_NOMEM;
            it = y_item(doc, h);
            if (front && !(h = y_split(doc, h, clock - it->clock)))
                return Y_ERR_NOMEM;
            it = y_item(doc, h);
            if (back && !y_split(doc, h, end - it->clock))
                return Y_ERR_NOMEM;
            at = y_find(c, it->clock);
        }
        int error = y_delete(doc, h);
        if (error)
            return error;
    } while (y_at_next(c, &at));
    return Y_OK;
}

/* --- collecting ---------------------------------------------------------------------------------
 */

static void to_gc(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    if (it->kind == Y_TYPE) {
        struct y_type *t = doc->types[it->off];
        t->next_work = *work;
        *work = t;
    } else {
        y_drop_content(doc, it);
    }
    it->kind = Y_GC;
    it->flags = Y_DEAD;
    it->seq = it->off = it->bytes = 0;
    it->left = it->right = 0;
    it->origin = it->right_origin = (struct y_id){Y_NOBODY, 0};
}

/* Everything in a deleted type becomes GC (yjs ContentType.gc); the type is gone. */
static void collect_types(struct ydoc *doc, struct y_type *work)
{
    while (work) {
        struct y_type *t = work;
        work = t->next_work;
        for (y_handle h = doc->seqs[t->list].first, next; h; h = next) {
            next = y_item(doc, h)->right;
            to_gc(doc, y_item(doc, h), &work);
        }
        for (uint32_t e = t->first_entry; e; e = doc->seqs[e].next) {
            for (y_handle h = doc->seqs[e].first, next; h; h = next) {
                next = y_item(doc, h)->right;
                to_gc(doc, y_item(doc, h), &work);
            }
        }
        y_type_free(doc, t);
    }
}

static void collect(struct ydoc *doc, struct y_item *it)
{
    if (it->kind == Y_TYPE) {
        struct y_type *t = doc->types[it->off];
        t->next_work = NULL;
        it->off = it->bytes = 0;
        it->kind = Y_DELETED;
        collect_types(doc, t);
        return;
    }
    if (it->kind != Y_DELETED)
        y_drop_content(doc, it);
    it->kind = Y_DELETED;
}

static void collect_client(struct ydoc *doc, struct y_client *c)
{
    for (size_t d = c->deleted.count; d-- > 0;) {
        struct y_range r = c->deleted.list[d];
        struct y_at at = y_find(c, r.clock);
        do {
            struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
            if (it->clock >= r.clock + r.len)
                break;
            if ((it->flags & Y_DEAD) && it->kind != Y_GC && !(it->flags & Y_KEEP))
                collect(doc, it);
        } while (y_at_next(c, &at));
    }
}

/* --- merging ------------------------------------------------------------------------------------
 */

static void merge_deleted(struct ydoc *doc, struct y_client *c)
{
    for (size_t d = c->deleted.count; d-- > 0;) {
        struct y_range r = c->deleted.list[d];
        struct y_at at = y_find(c, r.clock + r.len - 1);
        y_at_next(c, &at);
        while ((at.b || at.i) && y_at_entry(c, at)->clock >= r.clock) {
            y_merge_left(doc, c, &at);
            if (!y_at_prev(&at, c))
                break;
        }
    }
}

static void merge_new(struct ydoc *doc, struct y_client *c)
{
    if (c->before == c->state)
        return;
    uint32_t first = c->before ? y_at_entry(c, y_find(c, c->before))->clock : 0;
    struct y_at at = y_find(c, c->state - 1);
    while ((at.b || at.i) && y_at_entry(c, at)->clock >= first) {
        y_merge_left(doc, c, &at);
        if (!y_at_prev(&at, c))
            break;
    }
}

static void merge_split(struct ydoc *doc)
{
    for (size_t m = doc->split_count; m-- > 0;) {
        struct y_client *c = &doc->clients[doc->splits[m].client];
        if (doc->splits[m].clock >= c->state)
            continue; /* rolled back */
        struct y_at at = y_find(c, doc->splits[m].clock), next = at;
        if (y_at_next(c, &next)) {
            uint32_t n = y_merge_left(doc, c, &next);
            if (n > 1)
                continue;
            if (n)
                at = next;
        }
        if (at.b || at.i)
            y_merge_left(doc, c, &at);
    }
}

/* --- the end ------------------------------------------------------------------------------------
 */

static void unlink_item(struct ydoc *doc, y_handle h)
{
    struct y_item *it = y_item(doc, h);
    if (it->kind == Y_GC)
        return;
    struct y_seq *s = &doc->seqs[it->seq];
    y_index_drop(doc, s);
    s->cursor = 0;
    s->units -= y_units(it);
    s->bytes -= y_visible_bytes(it);
    if (it->left)
        y_item(doc, it->left)->right = it->right;
    else
        s->first = it->right;
    if (it->right)
        y_item(doc, it->right)->left = it->left;
    else
        s->last = it->left;
    if (it->kind == Y_TYPE) {
        doc->types[it->off]->next_work = doc->gone;
        doc->gone = doc->types[it->off];
    } else {
        y_drop_content(doc, it);
    }
}

/* What was typed onto an item that was there before. */
static void cut_tail(struct ydoc *doc, struct y_item *it, uint32_t len)
{
    struct y_seq *s = &doc->seqs[it->seq];
    bool inside;
    uint32_t bytes = it->bytes == it->len
                         ? len
                         : (uint32_t)y_utf16_offset(y_content(doc, it), it->bytes, len, &inside);
    y_index_drop(doc, s);
    if (!(it->flags & Y_DEAD)) {
        s->units -= it->len - len;
        s->bytes -= it->bytes - bytes;
    }
    doc->garbage += it->room ? 0 : it->bytes - bytes;
    it->len = len;
    it->bytes = bytes;
}

static void undelete(struct ydoc *doc, struct y_client *c, struct y_range r)
{
    if (r.clock >= c->before)
        return;
    struct y_at at = y_find(c, r.clock);
    do {
        struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
        if (it->clock >= r.clock + r.len)
            break;
        if (it->kind == Y_GC || it->kind == Y_DELETED || !(it->flags & Y_DEAD))
            continue;
        struct y_seq *s = &doc->seqs[it->seq];
        it->flags &= (uint8_t)~Y_DEAD;
        s->units += y_units(it);
        s->bytes += y_visible_bytes(it);
        y_index_drop(doc, s);
    } while (y_at_next(c, &at));
}

static void rollback(struct ydoc *doc)
{
    doc->gone = NULL;
    for (uint32_t k = doc->changed; k != Y_NOBODY; k = doc->clients[k].next_changed) {
        struct y_client *c = &doc->clients[k];
        while (c->state > c->before) {
            struct y_at at = y_find(c, c->state - 1);
            y_handle h = y_at_entry(c, at)->item;
            struct y_item *it = y_item(doc, h);
            if (it->clock < c->before) {
                cut_tail(doc, it, c->before - it->clock);
                c->state = c->before;
                break;
            }
            c->state = it->clock;
            unlink_item(doc, h);
            y_remove(c, at, 1);
            y_item_free(doc, h);
        }
    }
    for (uint32_t k = doc->changed; k != Y_NOBODY; k = doc->clients[k].next_changed) {
        struct y_client *c = &doc->clients[k];
        for (size_t i = 0; i < c->deleted.count; i++)
            undelete(doc, c, c->deleted.list[i]);
        c->deleted.count = 0;
    }
    while (doc->gone) {
        struct y_type *t = doc->gone;
        doc->gone = t->next_work;
        y_type_free(doc, t);
    }
    y_wait_rollback(doc);
    merge_split(doc);
    doc->touched = false;
}

int y_end(struct ydoc *doc)
{
    if (doc->error) {
        rollback(doc);
        return doc->error;
    }
    for (uint32_t k = doc->changed; k != Y_NOBODY; k = doc->clients[k].next_changed)
        y_ranges_sort(&doc->clients[k].deleted);
    if (!doc->opts.keep_deleted)
        for (uint32_t k = doc->changed; k != Y_NOBODY; k = doc->clients[k].next_changed)
            collect_client(doc, &doc->clients[k]);
    for (uint32_t k = doc->changed; k != Y_NOBODY; k = doc->clients[k].next_changed)
        merge_deleted(doc, &doc->clients[k]);
    for (uint32_t k = doc->changed; k != Y_NOBODY; k = doc->clients[k].next_changed)
        merge_new(doc, &doc->clients[k]);
    if (doc->split_count)
        merge_split(doc);
    y_wait_commit(doc);
    y_pool_compact(doc);
    return Y_OK;
}
