/*
 * What came too early. A struct whose own client is not that far yet, or that stands on something
 * of another client that is missing, waits in its client's heap, lowest clock first, as the bytes
 * that it came in. A client whose first struct could be next but lacks something of another client
 * waits for that one, in a pairing heap by the clock that it lacks, and is looked at again when the
 * other's state has passed it. So a struct costs its heap operations and one look for each thing that
 * it waits for, in whatever order a session arrives and however much else waits. Deletions beyond a
 * client's state wait too, in a heap by clock.
 *
 * A transaction that is rolled back puts back what it took out (`popped`, `late_popped`) and takes
 * out what it put in (`epoch`).
 */
#include "y/codec.h"
#include "y/y_int.h"

/* --- the heap --------------------------------------------------------------------------------- */

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

/* Of different structs of one clock, which nobody honest makes, the order is one of what they say and
 * not of how they came, so that a rollback does not change what becomes of them. */
bool y_waits_before(const struct y_waiting *a, const struct y_waiting *b)
{
    if (a->clock != b->clock)
        return a->clock < b->clock;
    if (a->len != b->len)
        return a->len > b->len;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes;
    return memcmp(a->data, b->data, a->bytes) < 0;
}

static void heap_push(struct y_client *c, struct y_waiting *w)
{
    uint32_t i = c->heap_count++;
    while (i && y_waits_before(w, c->heap[(i - 1) / 2])) {
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
        if (child + 1 < n && y_waits_before(c->heap[child + 1], c->heap[child]))
            child++;
        if (!y_waits_before(c->heap[child], last))
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

/* --- who waits for whom ----------------------------------------------------------------------- */

static void work(struct ydoc *doc, uint32_t client)
{
    struct y_client *c = &doc->clients[client];
    if (c->in_work)
        return;
    c->in_work = true;
    c->next_work = doc->work;
    doc->work = client + 1;
}

/* A pairing heap without memory of its own: `waiter_prev` of a first child is its parent. */
static struct y_client *waiter(struct ydoc *doc, uint32_t w)
{
    return &doc->clients[w - 1];
}

static uint32_t meld(struct ydoc *doc, uint32_t a, uint32_t b)
{
    if (!a || !b)
        return a ? a : b;
    if (waiter(doc, b)->blocked_clock < waiter(doc, a)->blocked_clock) {
        uint32_t t = a;
        a = b;
        b = t;
    }
    struct y_client *top = waiter(doc, a), *below = waiter(doc, b);
    below->waiter_next = top->waiter_child;
    if (below->waiter_next)
        waiter(doc, below->waiter_next)->waiter_prev = b;
    below->waiter_prev = a;
    top->waiter_child = b;
    return a;
}

/* Melds a list of heaps, two by two, then all from behind. */
static uint32_t meld_all(struct ydoc *doc, uint32_t list)
{
    uint32_t pairs = 0, all = 0;
    while (list) {
        uint32_t a = list, b = waiter(doc, a)->waiter_next;
        list = b ? waiter(doc, b)->waiter_next : 0;
        waiter(doc, a)->waiter_next = waiter(doc, a)->waiter_prev = 0;
        if (b)
            waiter(doc, b)->waiter_next = waiter(doc, b)->waiter_prev = 0;
        a = meld(doc, a, b);
        waiter(doc, a)->waiter_next = pairs;
        pairs = a;
    }
    while (pairs) {
        uint32_t a = pairs;
        pairs = waiter(doc, a)->waiter_next;
        waiter(doc, a)->waiter_next = 0;
        all = meld(doc, all, a);
    }
    return all;
}

static void unwait(struct ydoc *doc, uint32_t client)
{
    struct y_client *c = &doc->clients[client];
    if (c->blocked_on == Y_NOBODY)
        return;
    struct y_client *other = &doc->clients[c->blocked_on];
    uint32_t below = meld_all(doc, c->waiter_child);
    if (other->waiters == client + 1) {
        other->waiters = below;
    } else {
        struct y_client *prev = waiter(doc, c->waiter_prev);
        if (prev->waiter_child == client + 1)
            prev->waiter_child = c->waiter_next;
        else
            prev->waiter_next = c->waiter_next;
        if (c->waiter_next)
            waiter(doc, c->waiter_next)->waiter_prev = c->waiter_prev;
        other->waiters = meld(doc, other->waiters, below);
    }
    c->waiter_child = c->waiter_prev = c->waiter_next = 0;
    c->blocked_on = Y_NOBODY;
    c->blocked = NULL;
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
    c->blocked = c->heap[0];
    doc->clients[other].waiters = meld(doc, doc->clients[other].waiters, client + 1);
    return Y_OK;
}

void y_wait_look(struct ydoc *doc, uint32_t client)
{
    struct y_client *c = &doc->clients[client];
    if (c->heap_count || c->late_count)
        work(doc, client);
    while (c->waiters && waiter(doc, c->waiters)->blocked_clock < c->state) {
        uint32_t w = c->waiters - 1;
        unwait(doc, w);
        work(doc, w);
    }
}

/* --- structs ---------------------------------------------------------------------------------- */

int y_wait_push(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len,
                enum y_format format, const void *bytes, size_t n)
{
    struct y_client *c = &doc->clients[client];
    if (doc->waiting_bytes + sizeof(struct y_waiting) + n > doc->opts.max_pending_bytes)
        return Y_ERR_LIMIT;
    if (heap_room(c) < 0)
        return Y_ERR_NOMEM;
    struct y_waiting *w = y_realloc(NULL, sizeof(*w) + n);
    if (!w)
        return Y_ERR_NOMEM;
    *w =
        (struct y_waiting){NULL, clock, len, client, (uint32_t)n, doc->txn->epoch, (uint8_t)format};
    memcpy(w->data, bytes, n);
    if (w->data[0] & (Y_HAS_ORIGIN | Y_HAS_RIGHT)) /* then no key follows; Yjs forgets it, too */
        w->data[0] &= (uint8_t)~Y_HAS_KEY;
    heap_push(c, w);
    doc->waiting_bytes += cost(w);
    doc->waiting_structs++;
    doc->pushed = true;
    doc->txn->steps++;
    if (c->heap[0] == w) /* else the one before it is to be looked at first */
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

static int drain_structs(struct ydoc *doc, uint32_t client)
{
    for (;;) {
        struct y_client *c = &doc->clients[client];
        if (!c->heap_count || c->heap[0]->clock > c->state)
            return Y_OK;
        struct y_waiting *w = c->heap[0];
        struct y_rid what;
        struct y_struct s;
        struct y_dec d;
        int error = Y_OK;
        if (c->blocked == w)
            return Y_OK;
        unwait(doc, client);
        if (w->clock + w->len <= c->state) {
            take(doc, c);
            continue;
        }
        y_dec_init(&d, w->data, w->bytes, (enum y_format)w->format);
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

/* --- deletions -------------------------------------------------------------------------------- */

/* A client that is known only for them is counted too. */
static size_t late_cost(uint32_t count)
{
    return count ? sizeof(struct y_client) + (size_t)count * sizeof(struct y_late) : 0;
}

static void late_counted(struct ydoc *doc, struct y_client *c, uint32_t count)
{
    doc->waiting_bytes += late_cost(count) - late_cost(c->late_count);
    doc->waiting_deletes += (size_t)count - c->late_count;
    c->late_count = count;
}

static void late_push(struct ydoc *doc, struct y_client *c, struct y_late l)
{
    uint32_t i = c->late_count;
    late_counted(doc, c, i + 1);
    for (; i && c->late[(i - 1) / 2].clock > l.clock; i = (i - 1) / 2)
        c->late[i] = c->late[(i - 1) / 2];
    c->late[i] = l;
}

static int late_pop(struct ydoc *doc, uint32_t client, struct y_late *top)
{
    struct y_client *c = &doc->clients[client];
    if (doc->late_popped_count == doc->late_popped_cap) {
        uint32_t cap = doc->late_popped_cap ? doc->late_popped_cap * 2 : 8;
        struct y_late_popped *p = y_realloc(doc->late_popped, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        doc->late_popped = p;
        doc->late_popped_cap = cap;
    }
    *top = c->late[0];
    doc->late_popped[doc->late_popped_count++] = (struct y_late_popped){client, *top};
    uint32_t n = c->late_count - 1, i = 0;
    struct y_late last = c->late[n];
    late_counted(doc, c, n);
    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && c->late[child + 1].clock < c->late[child].clock)
            child++;
        if (c->late[child].clock >= last.clock)
            break;
        c->late[i] = c->late[child];
    }
    if (n)
        c->late[i] = last;
    return Y_OK;
}

static int late_add(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t end)
{
    struct y_client *c = &doc->clients[client];
    size_t more = late_cost(c->late_count + 1) - late_cost(c->late_count);
    if (doc->waiting_bytes + more > doc->opts.max_pending_bytes)
        return Y_ERR_LIMIT;
    if (c->late_count == c->late_cap) {
        uint32_t cap = c->late_cap ? c->late_cap * 2 : 2;
        struct y_late *p = y_realloc(c->late, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        c->late = p;
        c->late_cap = cap;
    }
    late_push(doc, c, (struct y_late){clock, end - clock, doc->txn->epoch});
    doc->pushed = true;
    doc->txn->steps++;
    return Y_OK;
}

int y_wait_delete(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len)
{
    uint32_t end = clock + len, state = doc->clients[client].state;
    if (clock < state) {
        int error = y_delete_range(doc, client, clock, end < state ? end : state);
        if (error)
            return error;
        clock = state;
    }
    return clock < end ? late_add(doc, client, clock, end) : Y_OK;
}

/* Tries the deletions that the client's state has reached; what of them is still beyond it waits on
 * as one. */
static int drain_late(struct ydoc *doc, uint32_t client)
{
    uint32_t state = doc->clients[client].state, done = 0, far = 0;
    struct y_late l;
    while (doc->clients[client].late_count && doc->clients[client].late[0].clock < state) {
        int error = late_pop(doc, client, &l);
        if (error)
            return error;
        uint32_t from = l.clock > done ? l.clock : done, end = l.clock + l.len;
        done = end < state ? end : state;
        if (from < done)
            error = y_delete_range(doc, client, from, done);
        if (error)
            return error;
        done = done > from ? done : from;
        far = end > far ? end : far;
    }
    return far > state ? late_add(doc, client, state, far) : Y_OK;
}

int y_wait_drain(struct ydoc *doc)
{
    while (doc->work) {
        uint32_t client = doc->work - 1;
        doc->work = doc->clients[client].next_work;
        doc->clients[client].in_work = false;
        int error = drain_structs(doc, client);
        if (!error)
            error = drain_late(doc, client);
        if (error) {
            work(doc, client);
            return error;
        }
    }
    return Y_OK;
}

/* --- the end of a transaction ----------------------------------------------------------------- */

void y_wait_commit(struct ydoc *doc)
{
    while (doc->popped) {
        struct y_waiting *w = doc->popped;
        doc->popped = w->next;
        y_mem_free(w);
    }
    doc->late_popped_count = 0;
    doc->pushed = false;
}

/* Filters out of a client's heaps what this transaction pushed, and makes them heaps again. */
static void unpush(struct ydoc *doc, struct y_client *c)
{
    uint32_t n = c->heap_count, late = c->late_count;
    struct y_waiting **all = c->heap;
    c->heap_count = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct y_waiting *w = all[i];
        if (w->epoch != doc->txn->epoch) {
            heap_push(c, w);
            continue;
        }
        doc->waiting_bytes -= cost(w);
        doc->waiting_structs--;
        y_mem_free(w);
    }
    late_counted(doc, c, 0);
    for (uint32_t i = 0; i < late; i++)
        if (c->late[i].epoch != doc->txn->epoch)
            late_push(doc, c, c->late[i]);
}

/* Nobody waits for anybody, and everybody is looked at by the next update: clients may go now. */
void y_wait_rollback(struct ydoc *doc)
{
    for (uint32_t k = 0; k < doc->client_count; k++) {
        struct y_client *c = &doc->clients[k];
        c->blocked_on = Y_NOBODY;
        c->blocked = NULL;
        c->waiters = c->waiter_child = c->waiter_prev = c->waiter_next = 0;
        c->in_work = false;
        if (doc->pushed)
            unpush(doc, c);
    }
    while (doc->popped) { /* what was there has room */
        struct y_waiting *w = doc->popped;
        doc->popped = w->next;
        if (w->epoch == doc->txn->epoch) {
            y_mem_free(w);
            continue;
        }
        heap_push(&doc->clients[w->client], w);
        doc->waiting_bytes += cost(w);
        doc->waiting_structs++;
    }
    for (uint32_t i = 0; i < doc->late_popped_count; i++)
        if (doc->late_popped[i].late.epoch != doc->txn->epoch)
            late_push(doc, &doc->clients[doc->late_popped[i].client], doc->late_popped[i].late);
    doc->late_popped_count = 0;
    doc->work = 0;
    for (uint32_t k = 0; k < doc->txn->clients; k++)
        if (doc->clients[k].heap_count || doc->clients[k].late_count)
            work(doc, k);
    doc->pushed = false;
}

void y_wait_free(struct y_client *c)
{
    for (uint32_t i = 0; i < c->heap_count; i++)
        y_mem_free(c->heap[i]);
    y_mem_free(c->heap);
    y_mem_free(c->late);
}

const char *y_wait_check(const struct ydoc *doc)
{
    size_t structs = 0, deletes = 0, bytes = 0, waiters = 0, blocked = 0;
    for (uint32_t k = 0; k < doc->client_count; k++) {
        const struct y_client *c = &doc->clients[k];
        for (uint32_t i = 0; i < c->heap_count; i++) {
            bytes += cost(c->heap[i]);
            if (i && y_waits_before(c->heap[i], c->heap[(i - 1) / 2]))
                return "a heap is not in order";
        }
        for (uint32_t i = 1; i < c->late_count; i++)
            if (c->late[(i - 1) / 2].clock > c->late[i].clock)
                return "a heap of deletions is not in order";
        structs += c->heap_count;
        deletes += c->late_count;
        bytes += late_cost(c->late_count);
        if (c->blocked_on != Y_NOBODY) {
            blocked++;
            if (!c->heap_count || c->blocked_clock < doc->clients[c->blocked_on].state)
                return "a client waits for what is there";
        }
        waiters += (c->waiters != 0) + (c->waiter_child != 0) + (c->waiter_next != 0);
        if (!doc->work && c->late_count && c->late[0].clock < c->state)
            return "a deletion waits for what is there";
    }
    if (waiters != blocked)
        return "a client is not among those whom it waits for";
    if (structs != doc->waiting_structs || deletes != doc->waiting_deletes ||
        bytes != doc->waiting_bytes)
        return "the sums of what waits are wrong";
    return NULL;
}
