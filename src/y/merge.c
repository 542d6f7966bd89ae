/*
 * merge: many updates into one, as yjs's mergeUpdatesV2, in O(n log n).
 *
 * yjs keeps one reader an update and sorts all of them, for each run of structs it writes, by what
 * each would give next: client descending, clock ascending. Only the reader in front moves, so it
 * is the same to take it out and to put it back where it belongs; and since that sort is stable, in
 * front of those that are equal to it. So here: first all updates are read into one list of
 * records; then the streams (one an update, from record to record) are sorted once by their first
 * record, and one that was taken and has more goes into a heap, whose order is client, clock, last
 * put first, and whose streams go before equal ones that were not taken yet.
 *
 * What is in front is compared with what was written last (`current`): what lies before its end was
 * there already, a struct over its end is cut, a gap is filled with a Skip. Strings that touch stay
 * two structs, as in yjs; GCs that meet in this way become one.
 *
 * Structs at one clock of which one is GC and the other is not (some update comes from a document
 * that forgot the content) yjs compares as "less" whichever way round, so that each of its sorts
 * turns them around, and what is written depends on how often it sorted and on the engine's
 * algorithm. With fewer than 64 streams, where that is a short one, it is done here as V8 does it
 * (sort_as_v8), and the bytes are those of yjs in Node; with more they keep the order of the
 * updates.
 *
 * An update whose sections are not in yjs's order, clients descending, is read as several; yjs
 * would lose structs of it.
 *
 * v2: each struct is kept as Y_RAW in one buffer.
 */
#include "y/updates_int.h"

#include "y/mem.h"

#include <string.h>

struct record {
    union {
        const uint8_t *p;
        size_t offset; /* v2: in the buffer, until that has stopped moving */
    } raw;
    uint64_t client;
    uint32_t raw_len, clock, len;
    uint8_t kind;
};

struct stream {
    uint32_t next, end; /* records */
};

/* A stream that was taken and put back. */
struct put_back {
    uint64_t client, stamp;
    uint32_t clock;
    struct stream stream;
};

/* What is to be written next, once it is known where it ends. */
struct current {
    const struct record *record; /* NULL: a Skip */
    uint64_t client, clock, end;
    uint8_t kind;
    bool any;
};

struct merge {
    enum y_format format;
    int error;
    struct record *records;
    size_t count, cap;
    struct y_keys order, ranges; /* order: streams by their first record; extra = next, end */
    size_t ordered;              /* how many of them were taken */
    struct put_back *heap;
    size_t heap_count, heap_cap;
    uint64_t stamp;
    bool gc, item;     /* there are records of that kind */
    struct y_enc kept; /* v2 */
    struct current now;
    struct y_lazy w;
};

/* --- reading ---------------------------------------------------------------------------------- */

static struct record *add_record(struct merge *m)
{
    if (unlikely(m->count == m->cap)) {
        size_t cap = m->cap ? 2 * m->cap : 64;
        struct record *list = y_realloc(m->records, cap * sizeof(*list));
        if (!list) {
            m->error = Y_ERR_NOMEM;
            return NULL;
        }
        m->records = list;
        m->cap = cap;
    }
    return &m->records[m->count++];
}

/* Ends the stream that began at record `first`; one without records is none. Equal ones stay in
 * this order. */
static void add_stream(struct merge *m, size_t first)
{
    if (first == m->count || m->error)
        return;
    const struct record *r = &m->records[first];
    if (m->count > UINT32_MAX)
        m->error = Y_ERR_RANGE;
    else if (y_keys_add(&m->order, r->client, r->clock, (uint64_t)first << 32 | m->count))
        m->error = Y_ERR_NOMEM;
}

static void keep(struct merge *m, struct record *r, const uint8_t *from, const uint8_t *to,
                 const struct y_struct *s)
{
    size_t n = (size_t)(to - from);
    if (m->format == Y_V2) {
        r->raw.offset = m->kept.out.len;
        y_enc_struct(&m->kept, r->client, s, 0);
        n = m->kept.out.len - r->raw.offset;
        m->error = m->kept.error;
    } else {
        r->raw.p = from;
    }
    if (n > UINT32_MAX)
        m->error = Y_ERR_RANGE;
    r->raw_len = (uint32_t)n;
}

static void read_section(struct merge *m, struct y_dec *d, uint64_t structs, uint64_t client,
                         uint64_t clock)
{
    struct y_struct s;
    for (; structs && !m->error; structs--, clock += s.len) {
        const uint8_t *from = d->r.p;
        if (!y_dec_struct(d, client, clock, &s))
            return;
        if (s.kind == Y_SKIP)
            continue;
        struct record *r = add_record(m);
        if (!r)
            return;
        r->client = client;
        r->clock = (uint32_t)clock;
        r->len = s.len;
        r->kind = s.kind;
        m->gc |= s.kind == Y_GC;
        m->item |= s.kind != Y_GC;
        keep(m, r, from, d->r.p, &s);
    }
}

static void read_update(struct merge *m, struct y_slice update)
{
    struct y_dec d;
    size_t first = m->count;
    uint64_t last = UINT64_MAX;
    y_dec_init(&d, update.p, update.n, m->format);
    for (uint64_t n = y_dec_sections(&d); n && !d.r.error && !m->error; n--) {
        uint64_t structs, client, clock;
        y_dec_section(&d, &structs, &client, &clock);
        if (!structs)
            continue;
        if (client >= last) {
            add_stream(m, first);
            first = m->count;
        }
        last = client;
        read_section(m, &d, structs, client, clock);
    }
    add_stream(m, first);
    int error = m->error ? m->error : y_ds_read(&d, &m->ranges), bad = y_dec_end(&d);
    m->error = error ? error : bad;
}

/* --- the order of streams --------------------------------------------------------------------- */

static bool heap_before(const struct put_back *a, const struct put_back *b)
{
    if (a->client != b->client)
        return a->client > b->client;
    if (a->clock != b->clock)
        return a->clock < b->clock;
    return a->stamp > b->stamp;
}

static void put_back(struct merge *m, struct stream s)
{
    const struct record *r = &m->records[s.next];
    struct put_back it = {r->client, m->stamp++, r->clock, s};
    if (m->heap_count == m->heap_cap) {
        size_t cap = m->heap_cap ? 2 * m->heap_cap : 16;
        struct put_back *heap = y_realloc(m->heap, cap * sizeof(*heap));
        if (!heap) {
            m->error = Y_ERR_NOMEM;
            return;
        }
        m->heap = heap;
        m->heap_cap = cap;
    }
    size_t i = m->heap_count++;
    for (; i && heap_before(&it, &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = it;
}

static struct stream heap_pop(struct merge *m)
{
    struct stream top = m->heap[0].stream;
    size_t i = 0, n = --m->heap_count;
    struct put_back it = m->heap[n];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap_before(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (!heap_before(&m->heap[child], &it))
            break;
        m->heap[i] = m->heap[child];
    }
    m->heap[i] = it;
    return top;
}

/* The stream in front; false if there is none left. */
static bool take(struct merge *m, struct stream *s)
{
    bool fresh = m->ordered < m->order.count;
    if (fresh && m->heap_count) {
        const struct put_back *top = &m->heap[0];
        const struct y_entry_key *next = &m->order.list[m->ordered];
        fresh = next->client != top->client ? next->client > top->client : next->low < top->clock;
    }
    if (fresh) {
        /* After sorting, records and their bytes are anywhere in memory: asked for some streams
         * ahead, they are there in time. (In a function of its own gcc 12 takes this for nothing
         * and leaves it out.) */
        const struct y_entry_key *next = &m->order.list[m->ordered];
        if (m->order.count - m->ordered > 16) {
            __builtin_prefetch(&m->records[next[16].extra >> 32]);
            __builtin_prefetch(m->records[next[8].extra >> 32].raw.p);
        }
        uint64_t which = m->order.list[m->ordered++].extra;
        *s = (struct stream){(uint32_t)(which >> 32), (uint32_t)which};
        return true;
    }
    if (!m->heap_count)
        return false;
    *s = heap_pop(m);
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_decoded(struct merge *m, const struct record *r, uint32_t offset)
{
    struct y_dec d;
    struct y_struct s;
    y_dec_init(&d, r->raw.p, r->raw_len, m->format == Y_V2 ? Y_RAW : Y_V1);
    if (y_dec_struct(&d, r->client, r->clock, &s))
        y_lazy_struct(&m->w, r->client, &s, offset);
    int error = y_dec_end(&d);
    if (error)
        m->error = error;
}

/* Most structs have 8 to 32 bytes: two moves that may overlap, instead of a call. */
static inline void copy_short(uint8_t *to, const uint8_t *from, size_t n)
{
    if (n >= 8 && n <= 16) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else if (n > 16 && n <= 32) {
        memcpy(to, from, 16);
        memcpy(to + n - 16, from + n - 16, 16);
    } else {
        memcpy(to, from, n);
    }
}

/* v1, whole: its bytes; of an item whose parent is copied without the bit for a key. */
static void write_raw(struct merge *m, const struct record *r)
{
    struct y_enc *e = &m->w.e;
    y_lazy_count(&m->w, r->client, r->clock, r->len);
    if (unlikely(y_buf_reserve(&e->out, r->raw_len))) {
        m->error = Y_ERR_NOMEM;
        return;
    }
    uint8_t *to = e->out.data + e->out.len;
    copy_short(to, r->raw.p, r->raw_len);
    if (*to & (Y_HAS_ORIGIN | Y_HAS_RIGHT))
        *to &= (uint8_t)~Y_HAS_KEY;
    e->out.len += r->raw_len;
}

static void write_current(struct merge *m)
{
    const struct current *c = &m->now;
    if (!c->any)
        return;
    if (!c->record || c->kind == Y_GC) {
        struct y_struct s = {
            .kind = c->kind, .clock = c->clock, .len = (uint32_t)(c->end - c->clock)};
        y_lazy_struct(&m->w, c->client, &s, 0);
    } else if (m->format == Y_V1 && c->clock == c->record->clock) {
        write_raw(m, c->record);
    } else {
        write_decoded(m, c->record, (uint32_t)(c->clock - c->record->clock));
    }
}

static uint64_t end_of(const struct record *r)
{
    return (uint64_t)r->clock + r->len;
}

static void set_current(struct merge *m, const struct record *r, uint64_t clock)
{
    write_current(m);
    m->now = (struct current){r, r->client, clock, end_of(r), r->kind, true};
}

/* What of stream `s` can be said now: nothing that was said before, at most up to where it jumps.
 */
static void advance(struct merge *m, struct stream *s)
{
    struct current *now = &m->now;
    const struct record *r = &m->records[s->next], *end = &m->records[s->end];
    uint64_t client = r->client;
    bool moved = false;
    while (now->any && r < end && end_of(r) <= now->end && r->client >= now->client) {
        r++;
        moved = true;
    }
    s->next = (uint32_t)(r - m->records);
    if (r == end || r->client != client || (moved && now->any && r->clock > now->end))
        return;
    if (!now->any || client != now->client) {
        set_current(m, r, r->clock);
        r++;
    } else if (now->end < r->clock) {
        write_current(m);
        *now = (struct current){NULL, client, now->end, r->clock, Y_SKIP, true};
    } else if (now->kind == Y_GC && r->kind == Y_GC) {
        now->end = end_of(r);
    } else {
        set_current(m, r, now->end);
        r++;
    }
    for (; r < end && r->client == client && r->clock == now->end; r++)
        set_current(m, r, r->clock);
    s->next = (uint32_t)(r - m->records);
}

/* --- few streams, of which some begin with GC: as yjs on V8 ----------------------------------- */

#define FEW                                                                                        \
    64 /* V8's sort makes one run of fewer elements, by binary insertion (array-sort.tq)           \
        */

/* yjs's comparison. */
static int compare(const struct merge *m, struct stream a, struct stream b)
{
    const struct record *x = &m->records[a.next], *y = &m->records[b.next];
    if (x->client != y->client)
        return x->client > y->client ? -1 : 1;
    if (x->clock != y->clock)
        return x->clock < y->clock ? -1 : 1;
    return (x->kind == Y_GC) == (y->kind == Y_GC) ? 0 : -1;
}

/* The ascending run at the beginning, or the descending one, reversed. */
static size_t first_run(const struct merge *m, struct stream *a, size_t n)
{
    size_t len = 2;
    if (n < 2)
        return n;
    bool down = compare(m, a[1], a[0]) < 0;
    while (len < n && (compare(m, a[len], a[len - 1]) < 0) == down)
        len++;
    for (size_t i = 0; down && i < len / 2; i++) {
        struct stream t = a[i];
        a[i] = a[len - 1 - i];
        a[len - 1 - i] = t;
    }
    return len;
}

static void sort_as_v8(const struct merge *m, struct stream *a, size_t n)
{
    for (size_t start = first_run(m, a, n); start < n; start++) {
        struct stream it = a[start];
        size_t left = 0, right = start;
        while (left < right) {
            size_t middle = left + (right - left) / 2;
            if (compare(m, it, a[middle]) < 0)
                right = middle;
            else
                left = middle + 1;
        }
        memmove(&a[left + 1], &a[left], (start - left) * sizeof(*a));
        a[left] = it;
    }
}

static void write_few(struct merge *m)
{
    struct stream a[FEW];
    size_t n = 0;
    for (; n < m->order.count; n++)
        a[n] = (struct stream){(uint32_t)(m->order.list[n].extra >> 32),
                               (uint32_t)m->order.list[n].extra};
    while (n && !m->error) {
        sort_as_v8(m, a, n);
        advance(m, &a[0]);
        if (a[0].next == a[0].end)
            memmove(a, a + 1, --n * sizeof(*a));
    }
    write_current(m);
}

static bool few(const struct merge *m)
{
    return m->gc && m->item && m->order.count < FEW;
}

static void write_all(struct merge *m)
{
    if (few(m)) {
        write_few(m);
        return;
    }
    for (struct stream s; !m->error && take(m, &s);) {
        advance(m, &s);
        if (s.next < s.end)
            put_back(m, s);
    }
    write_current(m);
}

/* --- all of it -------------------------------------------------------------------------------- */

/* Most updates have one struct. */
static void reserve(struct merge *m, size_t n)
{
    m->records = y_realloc(NULL, (n + 1) * sizeof(*m->records));
    m->cap = n + 1;
    if (!m->records || y_keys_reserve(&m->order, n + 1))
        m->error = Y_ERR_NOMEM;
}

static void read_all(struct merge *m, const struct y_slice *updates, size_t n)
{
    y_enc_init(&m->kept, Y_RAW);
    reserve(m, n);
    for (size_t i = 0; i < n && !m->error; i++)
        read_update(m, updates[i]);
    for (size_t i = 0; i < m->count && m->format == Y_V2; i++)
        m->records[i].raw.p = m->kept.out.data + m->records[i].raw.offset;
    if (!m->error && !few(m))
        m->error = y_keys_sort(&m->order);
    if (!m->error)
        m->error = y_ds_sort(&m->ranges, true);
}

int y_updates_merge(const struct y_slice *updates, size_t n, enum y_format format, struct ybuf *out)
{
    if (n == 1)
        return y_update_convert(updates[0].p, updates[0].n, format, format, out);
    struct merge m = {.format = format};
    read_all(&m, updates, n);
    y_lazy_init(&m.w, format);
    if (!m.error)
        write_all(&m);
    int error = y_lazy_end(&m.w, m.error, &m.ranges, out);
    y_enc_release(&m.kept);
    y_keys_release(&m.order);
    y_keys_release(&m.ranges);
    y_mem_free(m.records);
    y_mem_free(m.heap);
    return error;
}
