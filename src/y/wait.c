/*
 * What came too early. A struct whose own client is not that far yet, or that stands on something
 * of another client that is missing, waits in its client's heap, lowest clock first, as the bytes
 * that it came in. A client whose first struct could be next but lacks something of another client
 * is in that one's list of waiters and is looked at again when its state has passed the clock. So a
 * struct costs its heap operations and one look for each thing that it waits for, in whatever order
 * a session arrives. Deletions beyond a client's state wait too.
 *
 * A transaction that is rolled back puts back what it took out (`popped`) and takes out what it put
 * in
 * (`epoch`).
 */
#include "y/y_int.h"

/* --- the heap -----------------------------------------------------------------------------------
 */

static int heap_room(struct y_client *c)
{
    if (c->heap_count < c->heap_cap)
        return Y_OK;
    uint32_t cap = c->heap_cap ? c->heap_cap * 2 : 4;
    struct y_waiting **p = y_realloc(c->heap, cap * sizeof(*p));
    if (!p)
        return Y_ERR_NOMEM;
    c->heap = p;
    c->heap_cap = cap;
    return Y_OK;
}

static void heap_push(struct y_client *c, struct y_waiting *w)
{
    uint32_t i = c->heap_count++;
    while (i && c->heap[(i - 1) / 2]->clock > w->clock) {
        c->heap[i] = c->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    c->heap[i] = w;
}

static struct y_waiting *heap_pop(struct y_client *c)
{
    struct y_waiting *top = c->heap[0], *last = c->heap[--c->heap_count];
    uint32_t i = 0, n = c->heap_count;
    while (n) {
        uint32_t child = 2 * i + 1;
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

static size_t cost(const struct y_waiting *w)
{
    return sizeof(*w) + w->bytes;
}

/* --- who waits for whom -------------------------------------------------------------------------
 */

static void work(struct ydoc *doc, uint32_t client)
{
    struct y_client *c = &doc->clients[client];
    if (c->in_work)
        return;
    c->in_work = true;
    c->next_work = doc->work;
    doc->work = client + 1;
}

static void unwait(struct ydoc *doc, uint32_t client)
{
    struct y_client *c = &doc->clients[client];
    if (c->blocked_on == Y_NOBODY)
        return;
    if (c->waiter_prev)
        doc->clients[c->waiter_prev - 1].waiter_next = c->waiter_next;
    else
        doc->clients[c->blocked_on].waiters = c->waiter_next;
    if (c->waiter_next)
        doc->clients[c->waiter_next - 1].waiter_prev = c->waiter_prev;
    c->blocked_on = Y_NOBODY;
}

static int wait_for(struct ydoc *doc, uint32_t client, struct y_rid what)
{
    uint32_t other;
    int error = y_client_of(doc, what.client, &other);
    if (error)
        return error;
    struct y_client *c = &doc->clients[client];
    c->blocked_on = other;
    c->blocked_clock = what.clock;
    c->waiter_prev = 0;
    c->waiter_next = doc->clients[other].waiters;
    if (c->waiter_next)
        doc->clients[c->waiter_next - 1].waiter_prev = client + 1;
    doc->clients[other].waiters = client + 1;
    return Y_OK;
}

void y_wait_look(struct ydoc *doc, uint32_t client)
{
    struct y_client *c = &doc->clients[client];
    if (c->heap_count)
        work(doc, client);
    for (uint32_t w = c->waiters, next; w; w = next) {
        next = doc->clients[w - 1].waiter_next;
        if (doc->clients[w - 1].blocked_clock < c->state) {
            unwait(doc, w - 1);
            work(doc, w - 1);
        }
    }
}

/* --- structs ------------------------------------------------------------------------------------
 */

int y_wait_push(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len, const void *bytes,
                size_t n)
{
    struct y_client *c = &doc->clients[client];
    if (doc->waiting_bytes + sizeof(struct y_waiting) + n > doc->opts.max_pending_bytes)
        return Y_ERR_LIMIT;
    if (heap_room(c) < 0)
        return Y_ERR_NOMEM;
    struct y_waiting *w = y_realloc(NULL, sizeof(*w) + n);
    if (!w)
        return Y_ERR_NOMEM;
    *w = (struct y_waiting){NULL, clock, len, client, (uint32_t)n, doc->epoch};
    memcpy(w->data, bytes, n);
    heap_push(c, w);
    doc->waiting_bytes += cost(w);
    doc->waiting_structs++;
    doc->pushed = true;
    work(doc, client);
    return Y_OK;
}

/* Takes the first one out; until the transaction is over it may have to go back. */
static struct y_waiting *take(struct ydoc *doc, struct y_client *c)
{
    struct y_waiting *w = heap_pop(c);
    doc->waiting_bytes -= cost(w);
    doc->waiting_structs--;
    w->next = doc->popped;
    doc->popped = w;
    return w;
}

static int drain_client(struct ydoc *doc, uint32_t client)
{
    unwait(doc, client);
    for (;;) {
        struct y_client *c = &doc->clients[client];
        if (!c->heap_count || c->heap[0]->clock > c->state)
            return Y_OK;
        struct y_waiting *w = c->heap[0];
        struct y_rid what;
        struct y_struct s;
        struct y_dec d;
        int error = Y_OK;
        if (w->clock + w->len <= c->state) {
            take(doc, c);
            continue;
        }
        y_dec_init(&d, w->data, w->bytes, Y_V1);
        if (y_dec_struct(&d, c->id, w->clock, &s)) {
            if (y_missing(doc, client, &s, &what)) {
                error = wait_for(doc, client, what);
                y_dec_end(&d);
                return error;
            }
            take(doc, c);
            error = y_integrate(doc, client, &s);
        }
        int bad = y_dec_end(&d);
        if (error || bad)
            return error ? error : bad;
    }
}

/* --- deletions ----------------------------------------------------------------------------------
 */

static void late_touch(struct ydoc *doc, struct y_client *c)
{
    if (c->late_epoch == doc->epoch)
        return;
    c->late_epoch = doc->epoch;
    c->late_count = (uint32_t)c->late.count;
}

int y_wait_delete(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len)
{
    struct y_client *c = &doc->clients[client];
    uint32_t end = clock + len;
    if (clock < c->state) {
        int error = y_delete_range(doc, client, clock, end < c->state ? end : c->state);
        if (error)
            return error;
        clock = c->state;
    }
    if (clock >= end)
        return Y_OK;
    if (doc->waiting_bytes + sizeof(struct y_range) > doc->opts.max_pending_bytes)
        return Y_ERR_LIMIT;
    late_touch(doc, c);
    if (y_ranges_room(&c->late) < 0)
        return Y_ERR_NOMEM;
    c->late.list[c->late.count++] = (struct y_range){clock, end - clock};
    doc->waiting_bytes += sizeof(struct y_range);
    doc->waiting_deletes++;
    doc->pushed = true;
    return Y_OK;
}

/* Tries the deletions that wait for clients that came further. */
static int drain_deletes(struct ydoc *doc)
{
    for (uint32_t k = doc->changed; k != Y_NOBODY; k = doc->clients[k].next_changed) {
        struct y_client *c = &doc->clients[k];
        if (!c->late.count || c->before == c->state || c->late_before.list)
            continue;
        late_touch(doc, c);
        doc->late_tried = true;
        c->late_before = c->late;
        c->late = (struct y_ranges){0};
        doc->waiting_bytes -= c->late_before.count * sizeof(struct y_range);
        doc->waiting_deletes -= c->late_before.count;
        struct y_ranges todo = {0};
        if (c->late_before.count) {
            todo.list = y_realloc(NULL, c->late_before.count * sizeof(*todo.list));
            if (!todo.list)
                return Y_ERR_NOMEM;
            todo.count = c->late_before.count;
            memcpy(todo.list, c->late_before.list, todo.count * sizeof(*todo.list));
            y_ranges_sort(&todo);
        }
        int error = Y_OK;
        for (size_t i = 0; i < todo.count && !error; i++)
            error = y_wait_delete(doc, k, todo.list[i].clock, todo.list[i].len);
        y_mem_free(todo.list);
        if (error)
            return error;
    }
    return Y_OK;
}

int y_wait_drain(struct ydoc *doc)
{
    while (doc->work) {
        uint32_t client = doc->work - 1;
        doc->work = doc->clients[client].next_work;
        doc->clients[client].in_work = false;
        int error = drain_client(doc, client);
        if (error) {
            work(doc, client);
            return error;
        }
    }
    return doc->waiting_deletes ? drain_deletes(doc) : Y_OK;
}

/* --- the end of a transaction -------------------------------------------------------------------
 */

void y_wait_commit(struct ydoc *doc)
{
    while (doc->popped) {
        struct y_waiting *w = doc->popped;
        doc->popped = w->next;
        y_mem_free(w);
    }
    if (!doc->late_tried) {
        doc->pushed = false;
        return;
    }
    for (uint32_t k = doc->changed; k != Y_NOBODY; k = doc->clients[k].next_changed) {
        struct y_client *c = &doc->clients[k];
        y_mem_free(c->late_before.list);
        c->late_before = (struct y_ranges){0};
    }
    doc->late_tried = false;
    doc->pushed = false;
}

/* Filters out of a heap what this transaction pushed, and makes it a heap again. */
static void unpush(struct ydoc *doc, struct y_client *c)
{
    uint32_t n = c->heap_count;
    struct y_waiting **all = c->heap;
    c->heap_count = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct y_waiting *w = all[i];
        if (w->epoch != doc->epoch) {
            heap_push(c, w);
            continue;
        }
        doc->waiting_bytes -= cost(w);
        doc->waiting_structs--;
        y_mem_free(w);
    }
}

void y_wait_rollback(struct ydoc *doc)
{
    if (doc->pushed)
        for (uint32_t k = 0; k < doc->client_count; k++)
            unpush(doc, &doc->clients[k]);
    while (doc->popped) {
        struct y_waiting *w = doc->popped;
        doc->popped = w->next;
        if (w->epoch == doc->epoch) {
            y_mem_free(w);
            continue;
        }
        heap_push(&doc->clients[w->client], w); /* it was there: there is room */
        doc->waiting_bytes += cost(w);
        doc->waiting_structs++;
    }
    doc->waiting_deletes = 0;
    for (uint32_t k = 0; k < doc->client_count; k++) {
        struct y_client *c = &doc->clients[k];
        size_t had = c->late.count;
        if (c->late_before.list) {
            y_mem_free(c->late.list);
            c->late = c->late_before;
            c->late_before = (struct y_ranges){0};
        }
        if (c->late_epoch == doc->epoch)
            c->late.count = c->late_count;
        doc->waiting_bytes = doc->waiting_bytes - had * sizeof(struct y_range) +
                             c->late.count * sizeof(struct y_range);
        doc->waiting_deletes += c->late.count;
        if (c->heap_count) {
            unwait(doc, k);
            work(doc, k);
        }
    }
    doc->pushed = false;
    doc->late_tried = false;
}

void y_wait_free(struct y_client *c)
{
    for (uint32_t i = 0; i < c->heap_count; i++)
        y_mem_free(c->heap[i]);
    y_mem_free(c->heap);
    y_mem_free(c->late.list);
    y_mem_free(c->late_before.list);
}
