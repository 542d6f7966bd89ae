/*
 * A transaction: what is between y_begin() and y_end(). It remembers which clients changed and what
 * was deleted; at its end deleted content is collected and neighbours are merged, in the order of
 * yjs Transaction.js `cleanupTransactions`, so that the structs are the ones Yjs would have.
 */
#include "y/y_int.h"

#include <stdlib.h>
#include <string.h>

void y_begin(struct ydoc *doc)
{
    doc->epoch++;
    doc->changed = NULL;
    doc->merge_count = 0;
    doc->integrated = false;
}

/* Before the client's first change in this transaction. */
void y_touch(struct ydoc *doc, struct y_client *c)
{
    if (c->epoch == doc->epoch)
        return;
    c->epoch = doc->epoch;
    c->before = c->state;
    c->deleted.count = 0;
    c->next_changed = doc->changed;
    doc->changed = c;
}

void y_ranges_add(struct y_ranges *r, uint32_t clock, uint32_t len)
{
    if (r->count && r->list[r->count - 1].clock + r->list[r->count - 1].len == clock) {
        r->list[r->count - 1].len += len;
        return;
    }
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->list = y_grow(r->list, r->cap * sizeof(*r->list));
    }
    r->list[r->count++] = (struct y_range){clock, len};
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
    if (r->count < 2)
        return;
    qsort(r->list, r->count, sizeof(*r->list), by_clock);
    for (size_t i = 1; i < r->count; i++) {
        struct y_range *last = &r->list[n], next = r->list[i];
        if (next.clock <= last->clock + last->len) {
            if (next.clock + next.len > last->clock + last->len)
                last->len = next.clock + next.len - last->clock;
        } else {
            r->list[++n] = next;
        }
    }
    r->count = n + 1;
}

/* --- deleting ------------------------------------------------------------------------------------
 */

static void mark_deleted(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    it->deleted = true;
    doc->integrated = true;
    y_touch(doc, it->client);
    y_ranges_add(&it->client->deleted, it->clock, it->len);
    if (it->kind == Y_TYPE) {
        it->type->next_work = *work;
        *work = it->type;
    }
}

static void delete_child(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    if (!it->deleted)
        mark_deleted(doc, it, work);
    else if (it->client->epoch != doc->epoch || it->clock < it->client->before)
        y_note_merge(doc, it); /* deleted earlier: now it may merge with its collected neighbours */
}

/* Deletes an item and, if it is a type, all in it; nested types by a work list. */
void y_delete(struct ydoc *doc, struct y_item *it)
{
    struct y_type *work = NULL;
    if (it->deleted)
        return;
    mark_deleted(doc, it, &work);
    while (work) {
        struct y_type *t = work;
        work = t->next_work;
        for (struct y_item *child = t->start; child; child = child->right)
            delete_child(doc, child, &work);
        for (size_t i = 0; i < t->bucket_count; i++)
            for (struct y_entry *e = t->buckets[i]; e; e = e->next)
                if (e->item)
                    delete_child(doc, e->item, &work);
    }
}

/* --- collecting ----------------------------------------------------------------------------------
 */

static void drop_content(struct ydoc *doc, struct y_item *it)
{
    doc->memory -= it->bytes < doc->memory ? it->bytes : doc->memory;
    free(it->data);
    it->data = NULL;
    it->bytes = it->cap = 0;
}

static void to_gc(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    if (it->kind == Y_TYPE) {
        it->type->next_work = *work;
        *work = it->type;
        it->type->owner = NULL;
    }
    drop_content(doc, it);
    it->kind = Y_GC;
    it->deleted = true;
}

/* Everything in a deleted type becomes GC (ContentType.gc). */
static void collect_types(struct ydoc *doc, struct y_type *work)
{
    while (work) {
        struct y_type *t = work;
        work = t->next_work;
        for (struct y_item *it = t->start; it; it = it->right)
            to_gc(doc, it, &work);
        t->start = NULL;
        for (size_t i = 0; i < t->bucket_count; i++) {
            for (struct y_entry *e = t->buckets[i]; e; e = e->next) {
                for (struct y_item *it = e->item; it; it = it->left)
                    to_gc(doc, it, &work);
                e->item = NULL;
            }
        }
    }
}

static void collect(struct ydoc *doc, struct y_item *it)
{
    if (it->kind == Y_TYPE) {
        it->type->next_work = NULL;
        struct y_type *t = it->type;
        it->type = NULL;
        collect_types(doc, t);
    }
    drop_content(doc, it);
    it->kind = Y_DELETED;
}

static void collect_client(struct ydoc *doc, struct y_client *c)
{
    for (size_t d = c->deleted.count; d-- > 0;) {
        struct y_range r = c->deleted.list[d];
        for (size_t i = y_find(c, r.clock); i < c->count && c->structs[i]->clock < r.clock + r.len;
             i++)
            if (c->structs[i]->deleted && c->structs[i]->kind != Y_GC)
                collect(doc, c->structs[i]);
    }
}

/* --- merging -------------------------------------------------------------------------------------
 */

static void merge_deleted(struct ydoc *doc, struct y_client *c)
{
    for (size_t d = c->deleted.count; d-- > 0;) {
        struct y_range r = c->deleted.list[d];
        size_t i = 1 + y_find(c, r.clock + r.len - 1);
        if (i > c->count - 1)
            i = c->count - 1;
        while (i > 0 && c->structs[i]->clock >= r.clock) {
            size_t step = 1 + y_merge_left(doc, c, i);
            i = step > i ? 0 : i - step;
        }
    }
}

static void merge_new(struct ydoc *doc, struct y_client *c)
{
    if (c->before == c->state)
        return;
    size_t first = c->before < c->state && c->count ? y_find(c, c->before) : 0;
    if (first < 1)
        first = 1;
    for (size_t i = c->count - 1; i >= first && i < c->count;) {
        size_t step = 1 + y_merge_left(doc, c, i);
        if (step > i)
            break;
        i -= step;
    }
}

static void merge_split(struct ydoc *doc)
{
    for (size_t m = doc->merge_count; m-- > 0;) {
        struct y_client *c = doc->merges[m].client;
        size_t pos = y_find(c, doc->merges[m].clock);
        if (pos + 1 < c->count && y_merge_left(doc, c, pos + 1) > 1)
            continue;
        if (pos > 0)
            y_merge_left(doc, c, pos);
    }
}

void y_end(struct ydoc *doc)
{
    for (struct y_client *c = doc->changed; c; c = c->next_changed)
        y_ranges_sort(&c->deleted);
    if (!doc->opts.keep_deleted)
        for (struct y_client *c = doc->changed; c; c = c->next_changed)
            collect_client(doc, c);
    for (struct y_client *c = doc->changed; c; c = c->next_changed)
        merge_deleted(doc, c);
    for (struct y_client *c = doc->changed; c; c = c->next_changed)
        merge_new(doc, c);
    merge_split(doc);
}
