/*
 * A transaction is what is between y_begin() and y_end(). It remembers which clients changed, what
 * was deleted and what was split; at its end deleted content is collected and neighbours are
 * merged, in the order of yjs Transaction.js `cleanupTransactions`, so that the structs are the
 * ones that Yjs would have.
 *
 * If memory runs out on the way it is rolled back: structs that came are taken out of their chains
 * again, what was deleted lives, what waited waits, what was cut is made one again; then roots, keys,
 * names and clients that it brought are forgotten. Nothing is collected or merged before the end, and
 * a rollback needs no memory.
 */
#include "y/y_int.h"

#include <stdlib.h>

static void txn_release(struct y_txn *t)
{
    for (uint32_t i = 0; i < t->change_cap; i++)
        y_mem_free(t->changes[i].deleted.list);
    y_mem_free(t->changes);
    y_mem_free(t->splits);
    y_mem_free(t->types);
    y_mem_free(t->subdocs);
    ybuf_release(&t->subdoc_bytes);
}

void y_txns_free(struct ydoc *doc)
{
    txn_release(&doc->first_txn);
}

/* After 2^32 transactions everything that remembers one begins anew. */
static void forget_epochs(struct ydoc *doc)
{
    for (uint32_t i = 0; i < doc->client_count; i++) {
        struct y_client *c = &doc->clients[i];
        c->epoch = 0;
        for (uint32_t k = 0; k < c->heap_count; k++)
            c->heap[k]->epoch = 0;
        for (uint32_t k = 0; k < c->late_count; k++)
            c->late[k].epoch = 0;
    }
    for (uint32_t i = 1; i <= doc->seq_count; i++)
        doc->seqs[i].epoch = 0;
    doc->epoch = 0;
}

static int finish(struct ydoc *doc, struct y_txn *t)
{
    int error = t->error;
    doc->touched = t->touched;
    if (doc->txn == t)
        doc->txn = NULL;
    if (t != &doc->first_txn) {
        txn_release(t);
        y_mem_free(t);
    }
    return error;
}

/* Room for every client there is, so that y_touch() cannot fail. */
int y_txn_room(struct ydoc *doc)
{
    struct y_txn *t = doc->txn;
    if (t->change_cap >= doc->client_count)
        return Y_OK;
    struct y_change *p = y_realloc(t->changes, doc->client_cap * sizeof(*p));
    if (!p)
        return Y_ERR_NOMEM;
    memset(p + t->change_cap, 0, (doc->client_cap - t->change_cap) * sizeof(*p));
    t->changes = p;
    t->change_cap = doc->client_cap;
    return Y_OK;
}

int y_begin(struct ydoc *doc, const void *origin, bool local)
{
    struct y_txn *t = doc->txn;
    if (doc->depth) {
        if (t->error)
            return t->error;
        t->local &= local; /* applying an update makes all of it remote, as in Yjs */
        if (doc->depth < Y_MARKS)
            doc->marks[doc->depth] = t->steps;
        doc->depth++;
        return Y_OK;
    }
    t = &doc->first_txn;
    if (doc->epoch >= UINT32_MAX - 1 && !doc->cleaning)
        forget_epochs(doc);
    if (doc->cleaning) { /* an observer edits */
        t = y_realloc(NULL, sizeof(*t));
        if (!t)
            return Y_ERR_NOMEM;
        *t = (struct y_txn){0};
    }
    t->next = NULL;
    t->epoch = ++doc->epoch;
    t->origin = origin;
    t->local = local;
    t->touched = t->cleanup_formats = false;
    t->error = Y_OK;
    t->change_count = 0;
    t->split_count = 0;
    t->type_count = 0;
    t->deleting = 0;
    t->subdoc_count = 0;
    t->subdoc_bytes.len = 0;
    t->out = NULL;
    t->steps = 0;
    t->clients = doc->client_count;
    t->names = doc->name_count;
    t->last_root = doc->roots.last_entry;
    doc->entries_made = false;
    doc->txn = t;
    y_redone_begin(doc);
    if (y_txn_room(doc) < 0) {
        finish(doc, t);
        return Y_ERR_NOMEM;
    }
    doc->depth = 1;
    return Y_OK;
}

struct y_change *y_touch(struct ydoc *doc, uint32_t client)
{
    struct y_client *c = &doc->clients[client];
    struct y_txn *t = doc->txn;
    if (c->epoch != t->epoch) {
        struct y_change *ch = &t->changes[t->change_count];
        c->epoch = t->epoch;
        c->change = t->change_count++;
        ch->client = client;
        ch->before = ch->after = c->state;
        ch->deleted.count = 0;
        ch->marked = false;
    }
    return &t->changes[c->change];
}

const struct y_change *y_change_of(const struct ydoc *doc, const struct y_txn *t, uint32_t client)
{
    if (doc->clients[client].epoch == t->epoch)
        return &t->changes[doc->clients[client].change];
    if (doc->clients[client].epoch < t->epoch)
        return NULL;
    for (uint32_t i = 0; i < t->change_count; i++)
        if (t->changes[i].client == client)
            return &t->changes[i];
    return NULL;
}

/* A client that the transaction did not touch may come further in later ones, which observers make. */
uint32_t y_txn_before(const struct ydoc *doc, const struct y_txn *t, uint32_t client)
{
    const struct y_change *ch = y_change_of(doc, t, client);
    if (!ch && doc->clients[client].epoch > t->epoch) {
        for (const struct y_txn *later = doc->queue; later && !ch; later = later->next)
            if (later->epoch > t->epoch)
                ch = y_change_of(doc, later, client);
        if (!ch && doc->depth && doc->txn->epoch > t->epoch)
            ch = y_change_of(doc, doc->txn, client);
    }
    return ch ? ch->before : doc->clients[client].state;
}

bool y_txn_adds(const struct ydoc *doc, const struct y_txn *t, const struct y_item *it)
{
    return it->clock >= y_txn_before(doc, t, it->client);
}

bool y_txn_deletes(const struct ydoc *doc, const struct y_txn *t, const struct y_item *it)
{
    const struct y_change *ch = y_change_of(doc, t, it->client);
    size_t low = 0, high = ch ? ch->deleted.count : 0;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct y_range *r = &ch->deleted.list[mid];
        if (it->clock < r->clock)
            high = mid;
        else if (it->clock >= r->clock + r->len)
            low = mid + 1;
        else
            return true;
    }
    return false;
}

static int by_order(const void *a, const void *b)
{
    const struct y_change *x = *(const struct y_change *const *)a;
    const struct y_change *y = *(const struct y_change *const *)b;
    return (x->order > y->order) - (x->order < y->order);
}

int y_txn_deletions(const struct y_txn *t, const struct y_change ***result, uint32_t *n)
{
    *result = NULL;
    *n = 0;
    if (!t->deleting)
        return Y_OK;
    const struct y_change **list = y_realloc(NULL, t->deleting * sizeof(*list));
    if (!list)
        return Y_ERR_NOMEM;
    for (uint32_t i = 0; i < t->change_count; i++)
        if (t->changes[i].deleted.count)
            list[(*n)++] = &t->changes[i];
    qsort(list, *n, sizeof(*list), by_order);
    *result = list;
    return Y_OK;
}

/* Only of types that were there before the transaction and are still there. */
int y_changed(struct ydoc *doc, uint32_t seq)
{
    struct y_seq *s = &doc->seqs[seq];
    const struct y_type *type = doc->types[s->type];
    struct y_txn *t = doc->txn;
    if (s->epoch == t->epoch)
        return Y_OK;
    bool text = type->ref == Y_REF_TEXT || type->ref == Y_REF_XML_TEXT;
    if (!doc->observed && !text)
        return Y_OK;
    if (type->item) {
        const struct y_item *owner = y_item(doc, type->item);
        if ((owner->flags & Y_DEAD) || y_txn_adds(doc, t, owner))
            return Y_OK;
    }
    if (t->type_count == t->type_cap) {
        size_t cap = t->type_cap ? t->type_cap * 2 : 8;
        struct y_touched *p = y_realloc(t->types, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        t->types = p;
        t->type_cap = cap;
    }
    s->epoch = t->epoch;
    t->types[t->type_count++] = (struct y_touched){s->type, seq, 0};
    return Y_OK;
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

/* --- deleting --------------------------------------------------------------------------------- */

int y_note_deleted(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len)
{
    struct y_change *ch = y_touch(doc, client);
    if (!ch->deleted.count)
        ch->order = doc->txn->deleting++;
    return y_ranges_add(&ch->deleted, clock, len);
}

static int mark_deleted(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    struct y_seq *s = &doc->seqs[it->seq];
    int error = it->kind == Y_DOC && y_subdocs_wanted(doc) ? y_subdoc_deleted(doc, it) : Y_OK;
    if (!error)
        error = y_note_deleted(doc, it->client, it->clock, it->len);
    y_touch(doc, it->client)->marked = true;
    if (!error)
        error = y_changed(doc, it->seq);
    if (error)
        return error;
    uint32_t units = y_units(it), bytes = y_visible_bytes(it);
    doc->txn->steps++;
    it->flags |= Y_DEAD;
    s->units -= units;
    s->bytes -= bytes;
    s->cursor = 0;
    if (s->index)
        y_index_add(doc, s, it, -(int64_t)units, -(int64_t)bytes);
    doc->txn->touched = true;
    if (it->kind == Y_TYPE) {
        struct y_type *t = doc->types[it->off];
        t->next_work = *work;
        t->next_item = doc->seqs[t->list].first;
        t->next_entry = t->first_entry;
        *work = t;
    }
    return Y_OK;
}

/* The next item to delete of a type's list, then of its keys; 0 after the last. */
static y_handle next_child(const struct ydoc *doc, struct y_type *t)
{
    y_handle h = t->next_item;
    if (h)
        t->next_item = y_item(doc, h)->right;
    while (!h && t->next_entry) {
        h = doc->seqs[t->next_entry].last;
        t->next_entry = doc->seqs[t->next_entry].next;
    }
    return h;
}

static int delete_child(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    if (!(it->flags & Y_DEAD))
        return mark_deleted(doc, it, work);
    /* Deleted earlier: now it may merge with its collected neighbours. */
    return y_txn_adds(doc, doc->txn, it) ? Y_OK : y_note_split(doc, it->client, it->clock);
}

/* Deletes an item and, if it is a type, all in it; nested types by a stack, in the order of Yjs, which
 * goes down at once. */
int y_delete(struct ydoc *doc, y_handle h)
{
    struct y_type *work = NULL;
    struct y_item *it = y_item(doc, h);
    int error = it->flags & Y_DEAD ? Y_OK : mark_deleted(doc, it, &work);
    while (work && !error) {
        h = next_child(doc, work);
        if (h)
            error = delete_child(doc, y_item(doc, h), &work);
        else
            work = work->next_work;
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

/* --- collecting ------------------------------------------------------------------------------- */

static void to_gc(struct ydoc *doc, struct y_item *it, struct y_type **work)
{
    if (it->kind == Y_TYPE) {
        struct y_type *t = doc->types[it->off];
        t->next_work = *work;
        *work = t;
    } else {
        y_drop_content(doc, it);
    }
    if (it->flags & Y_REDONE)
        y_redone_forget(doc, it);
    it->kind = Y_GC;
    it->flags = Y_DEAD;
    it->crowd = 0;
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

static void collect_client(struct ydoc *doc, const struct y_change *ch)
{
    struct y_client *c = &doc->clients[ch->client];
    for (size_t d = ch->marked ? ch->deleted.count : 0; d-- > 0;) {
        struct y_range r = ch->deleted.list[d];
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

/* --- merging ---------------------------------------------------------------------------------- */

/* From the struct at `at` down to the first whose clock is `low`: merges each with what is left of it.
 * Mostly there is nothing to merge, so pairs are looked at before anything is called. */
static void merge_down(struct ydoc *doc, struct y_client *c, struct y_at at, uint32_t low)
{
    struct y_at left = at;
    struct y_entry right = *y_at_entry(c, at);
    while (right.clock >= low && y_at_prev(&left, c)) {
        struct y_entry e = *y_at_entry(c, left);
        if (y_mergeable(y_item(doc, e.item), right.item, y_item(doc, right.item))) {
            y_merge_left(doc, c, &at);
            left = at;
            if (!y_at_prev(&left, c))
                break;
            e = *y_at_entry(c, left);
        }
        at = left;
        right = e;
    }
}

/* What is new is all looked at by merge_new(). */
static void merge_deleted(struct ydoc *doc, const struct y_change *ch)
{
    struct y_client *c = &doc->clients[ch->client];
    for (size_t d = ch->deleted.count; d-- > 0;) {
        struct y_range r = ch->deleted.list[d];
        if (r.clock >= ch->before)
            continue;
        struct y_at at = y_find(c, r.clock + r.len - 1);
        y_at_next(c, &at);
        merge_down(doc, c, at, r.clock);
    }
}

static void merge_new(struct ydoc *doc, const struct y_change *ch)
{
    struct y_client *c = &doc->clients[ch->client];
    if (ch->before == ch->after)
        return;
    uint32_t first = ch->before ? y_at_entry(c, y_find(c, ch->before))->clock : 0;
    merge_down(doc, c, y_find(c, c->state - 1), first);
}

static void merge_split(struct ydoc *doc, const struct y_txn *t)
{
    for (size_t m = t->split_count; m-- > 0;) {
        struct y_client *c = &doc->clients[t->splits[m].client];
        if (t->splits[m].clock >= c->state)
            continue;
        struct y_at at = y_find(c, t->splits[m].clock), next = at;
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

/* --- the end ---------------------------------------------------------------------------------- */

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
    s->cursor = 0;
    if (!(it->flags & Y_DEAD)) {
        s->units -= it->len - len;
        s->bytes -= it->bytes - bytes;
    }
    doc->garbage += it->room ? 0 : it->bytes - bytes;
    it->len = len;
    it->bytes = bytes;
}

static void undelete(struct ydoc *doc, const struct y_change *ch, struct y_range r)
{
    struct y_client *c = &doc->clients[ch->client];
    if (r.clock >= ch->before)
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
        s->cursor = 0;
        y_index_drop(doc, s);
    } while (y_at_next(c, &at));
}

static void take_back(struct ydoc *doc, const struct y_change *ch)
{
    struct y_client *c = &doc->clients[ch->client];
    while (c->state > ch->before) {
        struct y_at at = y_find(c, c->state - 1);
        y_handle h = y_at_entry(c, at)->item;
        struct y_item *it = y_item(doc, h);
        if (it->clock < ch->before) {
            cut_tail(doc, it, ch->before - it->clock);
            c->state = ch->before;
            break;
        }
        c->state = it->clock;
        unlink_item(doc, h);
        y_remove(doc, c, at, 1);
        y_item_free(doc, h);
    }
}

static void rollback(struct ydoc *doc, struct y_txn *t)
{
    doc->gone = NULL;
    y_redone_rollback(doc);
    y_crowd_forget(doc);
    for (uint32_t i = 0; i < t->change_count; i++)
        take_back(doc, &t->changes[i]);
    for (uint32_t i = 0; i < t->change_count; i++)
        for (size_t k = 0; k < t->changes[i].deleted.count; k++)
            undelete(doc, &t->changes[i], t->changes[i].deleted.list[k]);
    while (doc->gone) {
        struct y_type *type = doc->gone;
        doc->gone = type->next_work;
        y_type_free(doc, type);
    }
    y_wait_rollback(doc);
    for (size_t i = t->split_count; i-- > 0;)
        y_unsplit(doc, &t->splits[i]);
    y_chains_rollback(doc, t->last_root, t->names);
    y_clients_rollback(doc, t->clients);
    if (doc->hooks)
        y_undo_rollback(doc, t);
    t->touched = false;
    t->change_count = 0;
}

/* The state after a transaction of an observer is that of when its turn comes, as in Yjs: what later ones
 * brought counts as its own, too. */
static int take_later(struct ydoc *doc, struct y_txn *t)
{
    uint32_t count = t->change_count;
    for (uint32_t i = 0; i < count; i++)
        t->changes[i].after = doc->clients[t->changes[i].client].state;
    for (const struct y_txn *later = doc->queue; later; later = later->next) {
        for (uint32_t i = 0; i < later->change_count; i++) {
            const struct y_change *ch = &later->changes[i];
            if (y_change_of(doc, t, ch->client))
                continue;
            if (t->change_count == t->change_cap) {
                uint32_t cap = t->change_cap ? t->change_cap * 2 : 4;
                struct y_change *p = y_realloc(t->changes, cap * sizeof(*p));
                if (!p)
                    return Y_ERR_NOMEM;
                memset(p + t->change_cap, 0, (cap - t->change_cap) * sizeof(*p));
                t->changes = p;
                t->change_cap = cap;
            }
            struct y_change *more = &t->changes[t->change_count++];
            more->client = ch->client;
            more->before = ch->before;
            more->after = doc->clients[ch->client].state;
            more->deleted.count = 0;
        }
    }
    return Y_OK;
}

/* Observers, then what yjs cleanupTransactions does in its `finally`. */
static void clean_up(struct ydoc *doc, struct y_txn *t)
{
    if (doc->observed || t->type_count)
        y_observers_call(doc, t);
    if (!doc->opts.keep_deleted)
        for (uint32_t i = 0; i < t->change_count; i++)
            collect_client(doc, &t->changes[i]);
    for (uint32_t i = 0; i < t->change_count; i++)
        merge_deleted(doc, &t->changes[i]);
    for (uint32_t i = 0; i < t->change_count; i++)
        merge_new(doc, &t->changes[i]);
    if (t->split_count)
        merge_split(doc, t);
    y_pool_compact(doc);
}

/* Whether an edit inside a transaction of the caller's failed before it did anything. */
static bool harmless(const struct ydoc *doc, const struct y_txn *t, int error)
{
    return error != Y_ERR_NOMEM && doc->depth <= Y_MARKS && doc->marks[doc->depth - 1] == t->steps;
}

/* What can still fail, and the rest of what observers see. */
static void settle(struct ydoc *doc, struct y_txn *t, struct ybuf *draft)
{
    for (uint32_t i = 0; i < t->change_count; i++) {
        t->changes[i].after = doc->clients[t->changes[i].client].state;
        y_ranges_sort(&t->changes[i].deleted);
    }
    if (t->out && !t->error)
        t->error = y_encode_room(doc, t, draft);
    if (doc->hooks && !t->error)
        t->error = y_undo_prepare(doc, t);
}

static void write_update(struct ydoc *doc, struct y_txn *t, struct ybuf *draft)
{
    int error = y_encode_transaction(doc, t, Y_V1, t->out);
    if (error && draft->len)
        error = ybuf_append(t->out, draft->data, draft->len); /* there is room */
    if (error)
        t->error = error;
    ybuf_release(draft);
}

int y_end(struct ydoc *doc, int error)
{
    struct y_txn *t = doc->txn;
    struct ybuf draft = {0};
    if (doc->depth > 1) {
        if (error && !t->error && !harmless(doc, t, error))
            t->error = error;
        doc->depth--;
        return t->error ? t->error : error;
    }
    if (error && !t->error)
        t->error = error;
    settle(doc, t, &draft);
    if (t->error)
        rollback(doc, t);
    doc->depth = 0;
    if (t->error)
        return finish(doc, t);
    y_wait_commit(doc);
    y_subdocs_settle(doc, t);
    if (doc->cleaning) { /* by an observer: its turn comes */
        struct y_txn **last = &doc->queue;
        while (*last)
            last = &(*last)->next;
        *last = t;
        if (t->out)
            write_update(doc, t, &draft);
        return Y_OK;
    }
    doc->cleaning = true;
    clean_up(doc, t);
    if (t->out)
        write_update(doc, t, &draft);
    if (doc->observed)
        y_listeners_call(doc, t);
    while (doc->queue) {
        struct y_txn *more = doc->queue;
        doc->queue = more->next;
        more->error = take_later(doc, more);
        clean_up(doc, more);
        if (doc->observed)
            y_listeners_call(doc, more);
        finish(doc, more);
    }
    doc->cleaning = false;
    return finish(doc, t);
}

int ydoc_begin(struct ydoc *doc, const void *origin)
{
    return y_begin(doc, origin, true);
}

int ydoc_commit(struct ydoc *doc)
{
    return doc->depth ? y_end(doc, Y_OK) : Y_OK;
}
