/*
 * Integration (YATA: Nicolaescu et al. 2016; yjs Item.js `integrate`), and waiting for what is
 * missing.
 *
 * Every struct goes through its client's heap. y_drain() takes from the heaps what can be
 * integrated. A client whose first struct needs a struct of another client is in that one's list of
 * waiters and is tried again when its state has passed the clock; so each struct costs its heap
 * operations and one look at each thing it waits for.
 */
#include "y/y_int.h"

#include <stdlib.h>
#include <string.h>

/* --- the heap of waiting structs, lowest clock first
 * ---------------------------------------------- */

static size_t cost(const struct y_item *it)
{
    return sizeof(*it) + it->bytes;
}

static void heap_push(struct y_client *c, struct y_item *it)
{
    if (c->heap_count == c->heap_cap) {
        c->heap_cap = c->heap_cap ? c->heap_cap * 2 : 4;
        c->heap = y_grow(c->heap, c->heap_cap * sizeof(*c->heap));
    }
    size_t i = c->heap_count++;
    while (i && c->heap[(i - 1) / 2]->clock > it->clock) {
        c->heap[i] = c->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    c->heap[i] = it;
}

static struct y_item *heap_pop(struct y_client *c)
{
    struct y_item *top = c->heap[0], *last = c->heap[--c->heap_count];
    size_t i = 0, n = c->heap_count;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && c->heap[child + 1]->clock < c->heap[child]->clock)
            child++;
        if (c->heap[child]->clock >= last->clock)
            break;
        c->heap[i] = c->heap[child];
        i = child;
    }
    c->heap[i] = last;
    return top;
}

static void drop(struct ydoc *doc, struct y_item *it)
{
    free(it->key);
    y_item_free(doc, it);
}

void y_work(struct ydoc *doc, struct y_client *c)
{
    if (c->in_work)
        return;
    c->in_work = true;
    c->next_work = doc->work;
    doc->work = c;
}

void y_push(struct ydoc *doc, struct y_item *it)
{
    doc->pending_bytes += cost(it);
    heap_push(it->client, it);
    y_work(doc, it->client);
}

/* --- what an item needs --------------------------------------------------------------------------
 */

static bool lacks(const struct y_item *it, struct y_id id, struct y_id *missing)
{
    if (!id.client || id.client == it->client || id.clock < id.client->state)
        return false;
    *missing = id;
    return true;
}

static bool blocked(const struct y_item *it, struct y_id *missing)
{
    return lacks(it, it->origin, missing) || lacks(it, it->right_origin, missing) ||
           lacks(it, it->parent_id, missing);
}

static void unwait(struct y_client *c)
{
    if (!c->blocked_on)
        return;
    if (c->waiter_prev)
        c->waiter_prev->waiter_next = c->waiter_next;
    else
        c->blocked_on->waiters = c->waiter_next;
    if (c->waiter_next)
        c->waiter_next->waiter_prev = c->waiter_prev;
    c->blocked_on = NULL;
}

static void wait_for(struct y_client *c, struct y_id id)
{
    c->blocked_on = id.client;
    c->blocked_clock = id.clock;
    c->waiter_prev = NULL;
    c->waiter_next = id.client->waiters;
    if (c->waiter_next)
        c->waiter_next->waiter_prev = c;
    id.client->waiters = c;
}

static void wake_waiters(struct ydoc *doc, struct y_client *c)
{
    for (struct y_client *w = c->waiters, *next; w; w = next) {
        next = w->waiter_next;
        if (w->blocked_clock < c->state) {
            unwait(w);
            y_work(doc, w);
        }
    }
}

static void drain_client(struct ydoc *doc, struct y_client *c)
{
    struct y_id missing;
    unwait(c);
    while (c->heap_count) {
        struct y_item *it = c->heap[0];
        if (it->clock > c->state)
            return;
        if (y_end_of(it) > c->state && blocked(it, &missing)) {
            wait_for(c, missing);
            return;
        }
        heap_pop(c);
        doc->pending_bytes -= cost(it);
        if (y_end_of(it) <= c->state)
            drop(doc, it);
        else
            y_integrate(doc, it);
    }
}

void y_drain(struct ydoc *doc)
{
    while (doc->work) {
        struct y_client *c = doc->work;
        uint32_t before = c->state;
        doc->work = c->next_work;
        c->in_work = false;
        drain_client(doc, c);
        if (c->state != before)
            wake_waiters(doc, c);
    }
}

/* --- integrating ---------------------------------------------------------------------------------
 */

/* Finds left, right and parent; false if it has none: it becomes GC. */
static bool place(struct ydoc *doc, struct y_item *it)
{
    if (it->origin.client)
        it->left = y_clean_end(doc, it->origin);
    if (it->right_origin.client)
        it->right = y_clean_start(doc, it->right_origin);
    if ((it->left && it->left->kind == Y_GC) || (it->right && it->right->kind == Y_GC))
        return false;
    if (it->parent_id.client) {
        struct y_client *c = it->parent_id.client;
        struct y_item *owner = c->structs[y_find(c, it->parent_id.clock)];
        it->parent = owner->kind == Y_TYPE ? owner->type : NULL;
    } else if (!it->parent && (it->left || it->right)) {
        const struct y_item *by = it->left ? it->left : it->right;
        it->parent = by->parent;
        it->key = by->key;
    }
    return it->parent != NULL;
}

/* Whether a neighbour is in the item's own list. It is, unless updates contradict each other; Yjs
 * would then tie two lists together. */
static bool beside(const struct y_item *it, const struct y_item *other)
{
    if (!other)
        return true;
    if (other->kind == Y_GC || other->parent != it->parent || !other->key != !it->key)
        return false;
    return !it->key || (other->key->len == it->key->len &&
                        memcmp(other->key->s, it->key->s, it->key->len) == 0);
}

static struct y_item *item_at(struct y_id id)
{
    return id.client->structs[y_find(id.client, id.clock)];
}

/* The first item that may conflict when there is none to the left. */
static struct y_item *first_of(const struct y_item *it, const struct y_entry *e)
{
    struct y_item *o = e ? e->item : it->parent->start;
    while (e && o && o->left)
        o = o->left;
    return o;
}

/* Walks the items between left and right that were there first; those that come before by id, or
 * hang on one that does, go to the left of this one. Stamps stand for Yjs's two sets. */
static void resolve(struct ydoc *doc, struct y_item *it, const struct y_entry *e)
{
    struct y_item *left = it->left, *o = left ? left->right : first_of(it, e);
    uint32_t scan = ++doc->scan, conflict = ++doc->conflict;
    for (; o && o != it->right; o = o->right) {
        o->scan = scan;
        o->conflict = conflict;
        if (y_same_id(it->origin, o->origin)) {
            if (o->client->id < it->client->id) {
                left = o;
                conflict = ++doc->conflict;
            } else if (y_same_id(it->right_origin, o->right_origin)) {
                break;
            }
        } else if (o->origin.client && item_at(o->origin)->scan == scan) {
            if (item_at(o->origin)->conflict != conflict) {
                left = o;
                conflict = ++doc->conflict;
            }
        } else {
            break;
        }
    }
    it->left = left;
}

static void link_item(struct y_item *it, struct y_entry *e)
{
    if (it->left) {
        it->right = it->left->right;
        it->left->right = it;
    } else {
        it->right = first_of(it, e);
        if (!e)
            it->parent->start = it;
    }
    if (it->right)
        it->right->left = it;
}

static void become_gc(struct ydoc *doc, struct y_item *it)
{
    free(it->data);
    it->data = NULL;
    it->bytes = it->cap = 0;
    it->kind = Y_GC;
    it->deleted = true;
    it->left = it->right = NULL;
    it->origin = it->right_origin = (struct y_id){NULL, 0};
    it->parent = NULL;
    y_add_struct(doc, it);
}

void y_integrate(struct ydoc *doc, struct y_item *it)
{
    uint32_t offset = it->client->state - it->clock;
    struct y_key *own = it->key;
    if (it->kind == Y_GC) {
        if (offset)
            y_trim_front(it, offset);
        y_add_struct(doc, it);
        return;
    }
    bool placed = place(doc, it);
    if (offset) {
        y_trim_front(it, offset);
        it->origin = (struct y_id){it->client, it->clock - 1};
        it->left = y_clean_end(doc, it->origin);
    }
    if (!placed || !beside(it, it->left) || !beside(it, it->right)) {
        it->key = NULL;
        free(own);
        become_gc(doc, it);
        return;
    }
    struct y_entry *e = it->key ? y_entry_of(it->parent, it->key->s, it->key->len) : NULL;
    it->key = e ? e->key : NULL;
    free(own);
    if ((!it->left && (!it->right || it->right->left)) ||
        (it->left && it->left->right != it->right))
        resolve(doc, it, e);
    link_item(it, e);
    if (e && !it->right) {
        e->item = it;
        if (it->left)
            y_delete(doc, it->left);
    }
    y_add_struct(doc, it);
    if (it->kind == Y_TYPE)
        it->type = y_type_new(doc, it);
    if (it->kind == Y_DELETED)
        y_ranges_add(&it->client->deleted, it->clock, it->len);
    if ((it->parent->owner && it->parent->owner->deleted) || (e && it->right))
        y_delete(doc, it);
}

/* --- deletes -------------------------------------------------------------------------------------
 */

static void delete_range(struct ydoc *doc, struct y_client *c, uint32_t clock, uint32_t end)
{
    size_t i = y_find(c, clock);
    struct y_item *it = c->structs[i];
    if (!it->deleted && it->clock < clock) {
        y_split(doc, it, clock - it->clock);
        i++;
    }
    for (; i < c->count && (it = c->structs[i])->clock < end; i++) {
        if (it->deleted)
            continue;
        if (end < y_end_of(it))
            y_split(doc, it, end - it->clock);
        y_delete(doc, it);
    }
}

/* What of the range is there is deleted; the rest waits. */
void y_push_delete(struct ydoc *doc, struct y_client *c, uint32_t clock, uint32_t len)
{
    uint32_t end = clock + len;
    if (clock < c->state)
        delete_range(doc, c, clock, end < c->state ? end : c->state);
    if (end > c->state) {
        uint32_t from = clock > c->state ? clock : c->state;
        y_ranges_add(&c->pending_deletes, from, end - from);
        doc->pending_bytes += sizeof(struct y_range);
    }
}

/* Tries the waiting deletes of clients that came further in this transaction. */
void y_apply_deletes(struct ydoc *doc)
{
    for (struct y_client *c = doc->changed; c; c = c->next_changed) {
        struct y_ranges todo = c->pending_deletes;
        if (!todo.count || c->before == c->state)
            continue;
        c->pending_deletes = (struct y_ranges){0};
        y_ranges_sort(&todo);
        for (size_t i = 0; i < todo.count; i++)
            y_push_delete(doc, c, todo.list[i].clock, todo.list[i].len);
        free(todo.list);
    }
}
