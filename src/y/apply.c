/*
 * Applying updates. Three ways, from the common to the general:
 *
 *  1. one string that continues its client's last one where nothing has come between: a keystroke.
 * The item grows in place, its text in the pool. What Yjs does is the same: a new item that the end
 * of the transaction merges into the one before.
 *  2. one deletion at the end of an item whose right neighbour in clocks and in the text is what
 * was deleted before: backspace. The boundary between the two moves.
 *  3. everything else: the update is decoded and checked whole, then its clients are integrated in
 *     turn; one that needs a struct of another in the same update goes on with that one first (yjs
 *     encoding.js `integrateStructs`). What is missing altogether waits (wait.c).
 */
#include "y/y_int.h"

#include <stdlib.h>

/* --- 1 and 2 ---------------------------------------------------------------------------------- */

/* A varUint of up to seven bytes, which every id and clock has; NULL if it is none. */
static inline const uint8_t *varuint(const uint8_t *p, const uint8_t *end, uint64_t *n)
{
    uint64_t v = 0;
    for (unsigned shift = 0; p < end && shift < 49; shift += 7) {
        uint8_t b = *p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *n = v;
            return p;
        }
    }
    return NULL;
}

/* Whether `right` is where and what the last item's right neighbour is. */
static inline bool same_right(const struct ydoc *doc, const struct y_item *last, bool has_right,
                              uint64_t client, uint64_t clock)
{
    if (!has_right)
        return !last->right && last->right_origin.client == Y_NOBODY;
    if (!last->right || last->right_origin.client == Y_NOBODY ||
        last->right_origin.clock != clock || doc->clients[last->right_origin.client].id != client)
        return false;
    const struct y_item *right = y_item(doc, last->right);
    return right->clock == clock && right->client == last->right_origin.client;
}

/* True if the update was a keystroke and is applied; *error may be out of memory. False: nothing
 * was done, it is for the general way. */
static bool keystroke(struct ydoc *doc, const uint8_t *p, const uint8_t *end, int *error)
{
    uint64_t client, clock, of, at, right_client = 0, right_clock = 0, n;
    const uint8_t *q = varuint(p + 2, end, &client);
    if (!q || !(q = varuint(q, end, &clock)) || q == end)
        return false;
    uint8_t info = *q++;
    if ((info & ~Y_HAS_RIGHT) != (Y_STRING | Y_HAS_ORIGIN) || !(q = varuint(q, end, &of)) ||
        of != client || !(q = varuint(q, end, &at)) || at + 1 != clock)
        return false;
    if ((info & Y_HAS_RIGHT) &&
        (!(q = varuint(q, end, &right_client)) || !(q = varuint(q, end, &right_clock))))
        return false;
    if (!(q = varuint(q, end, &n)) || n + 1 != (uint64_t)(end - q) || end[-1] != 0)
        return false;
    uint32_t k = y_client_find(doc, client);
    if (k == Y_NOBODY)
        return false;
    struct y_client *c = &doc->clients[k];
    if (c->state != clock || c->heap_count || c->waiters || c->late_count)
        return false;
    const struct y_block *b = &c->blocks[c->block_count - 1];
    struct y_item *last = y_item(doc, b->e[b->n - 1].item);
    if (last->kind != Y_STRING || (last->flags & (Y_DEAD | Y_REDONE)) ||
        !same_right(doc, last, info & Y_HAS_RIGHT, right_client, right_clock))
        return false;
    struct y_seq *s = &doc->seqs[last->seq];
    uint64_t units;
    if (s->key || !y_utf8_scan(q, (size_t)n, &units) || !units || Y_CLOCK_MAX - clock < units)
        return false;
    *error = y_append_content(doc, last, q, (size_t)n);
    if (*error)
        return true;
    y_crowd_grown(doc, last);
    doc->last_client = k;
    last->len += (uint32_t)units;
    c->state += (uint32_t)units;
    s->units += (uint32_t)units;
    s->bytes += (uint32_t)n;
    if (s->cursor)
        s->cursor = 0;
    if (s->index)
        y_index_add(doc, s, last, (int64_t)units, (int64_t)n);
    return true;
}

static bool backspace(struct ydoc *doc, const uint8_t *p, const uint8_t *end)
{
    uint64_t client, clock, len;
    const uint8_t *q = varuint(p + 2, end, &client);
    if (!q || q == end || *q++ != 1 || !(q = varuint(q, end, &clock)) ||
        !(q = varuint(q, end, &len)) || q != end || !len)
        return false;
    uint32_t k = y_client_find(doc, client);
    if (k == Y_NOBODY)
        return false;
    struct y_client *c = &doc->clients[k];
    if (clock + len >= c->state)
        return false;
    struct y_at at = y_find(c, (uint32_t)clock);
    const struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
    if (it->kind == Y_STRING && y_seq_type(doc, it->seq)->has_format)
        return false; /* formats may have to be cleaned up */
    return y_end_of(it) == clock + len && y_shrink(doc, k, at, (uint32_t)len);
}

/* --- 3 ---------------------------------------------------------------------------------------- */

/* The structs of one client in an update. */
struct section {
    struct y_reader r;
    uint64_t id, clock, left;
    uint32_t client, parent; /* parent: 1 + who waits for this one to reach `target` */
    uint32_t target;
    bool on_stack;
};

struct sections {
    struct section *list;
    size_t count, cap;
};

static int section_add(struct sections *all, struct section s)
{
    if (all->count == all->cap) {
        size_t cap = all->cap ? all->cap * 2 : 8;
        struct section *p = y_realloc(all->list, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        all->list = p;
        all->cap = cap;
    }
    all->list[all->count++] = s;
    return Y_OK;
}

/* Reads the whole update once, believing nothing; where its sections and its delete set begin. */
static int scan(const void *update, size_t len, struct sections *all, struct y_reader *deletes,
                uint64_t *delete_count)
{
    struct y_dec d;
    struct y_struct s;
    int error = Y_OK;
    y_dec_init(&d, update, len, Y_V1);
    for (uint64_t n = y_dec_sections(&d); n && !error && !d.r.error; n--) {
        struct section sec = {.parent = 0};
        y_dec_section(&d, &sec.left, &sec.id, &sec.clock);
        sec.r = d.r;
        uint64_t clock = sec.clock;
        for (uint64_t k = sec.left; k && y_dec_struct(&d, sec.id, clock, &s); k--)
            clock += s.len;
        if (sec.left)
            error = section_add(all, sec);
    }
    *deletes = d.r;
    for (uint64_t n = y_dec_ds_clients(&d); n && !d.r.error; n--) {
        uint64_t client, ranges, clock, l;
        y_dec_ds_client(&d, &client, &ranges);
        *delete_count += ranges;
        for (; ranges && !d.r.error; ranges--)
            y_dec_ds_range(&d, &clock, &l);
    }
    int bad = y_dec_end(&d);
    return error ? error : bad;
}

/* What is left of a section waits; d stands before its next struct. */
static int put_off(struct ydoc *doc, struct y_dec *d, struct section *sec)
{
    struct y_struct s;
    int error = Y_OK;
    for (; sec->left && !error; sec->left--) {
        const uint8_t *from = d->r.p;
        if (!y_dec_struct(d, sec->id, sec->clock, &s))
            return d->r.error;
        if (s.kind != Y_SKIP)
            error = y_wait_push(doc, sec->client, (uint32_t)sec->clock, s.len, from,
                                (size_t)(d->r.p - from));
        sec->clock += s.len;
    }
    sec->left = 0;
    return error;
}

/* The unfinished section, not on the stack, that will bring what is missing; 0: none. */
static uint32_t provider(const struct ydoc *doc, const struct sections *all, struct y_rid what)
{
    uint32_t k = y_client_find(doc, what.client);
    uint32_t other = k == Y_NOBODY ? 0 : doc->clients[k].section;
    return other && !all->list[other - 1].on_stack ? other : 0;
}

/* Integrates section `index`, and those that it needs; 0 or an error. */
static int run_section(struct ydoc *doc, struct y_dec *d, struct sections *all, uint32_t index)
{
    struct y_struct s;
    struct y_rid what;
    uint32_t cur = index + 1;
    d->r = all->list[index].r;
    all->list[index].on_stack = true;
    while (cur) {
        struct section *sec = &all->list[cur - 1];
        struct y_client *c = &doc->clients[sec->client];
        if (!sec->left || (sec->parent && c->state > sec->target)) {
            if (!sec->left && c->section == cur)
                c->section = 0;
            sec->r = d->r;
            sec->on_stack = false;
            cur = sec->parent;
            sec->parent = 0;
            if (cur)
                d->r = all->list[cur - 1].r;
            continue;
        }
        struct y_reader before = d->r;
        if (!y_dec_struct(d, sec->id, sec->clock, &s))
            return d->r.error;
        int error = Y_OK;
        if (s.kind != Y_SKIP && sec->clock + s.len > c->state) {
            bool gap = sec->clock > c->state;
            if (gap || y_missing(doc, sec->client, &s, &what)) {
                uint32_t other = gap ? 0 : provider(doc, all, what);
                d->r = before;
                if (other) {
                    sec->r = before;
                    struct section *next = &all->list[other - 1];
                    next->parent = cur;
                    next->target = what.clock;
                    next->on_stack = true;
                    d->r = next->r;
                    cur = other;
                    continue;
                }
                error = put_off(doc, d, sec);
                if (error)
                    return error;
                continue;
            }
            error = y_integrate(doc, sec->client, &s);
        }
        if (error)
            return error;
        sec->clock += s.len;
        sec->left--;
    }
    return Y_OK;
}

static int run_sections(struct ydoc *doc, struct y_dec *d, struct sections *all)
{
    int error = Y_OK;
    for (size_t i = 0; i < all->count && !error; i++) {
        struct section *sec = &all->list[i];
        error = y_client_of(doc, sec->id, &sec->client);
        if (!error && !doc->clients[sec->client].section)
            doc->clients[sec->client].section = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < all->count && !error; i++)
        if (all->list[i].left)
            error = run_section(doc, d, all, (uint32_t)i);
    for (size_t i = 0; i < all->count; i++) {
        uint32_t k = y_client_find(doc, all->list[i].id);
        if (k != Y_NOBODY)
            doc->clients[k].section = 0;
    }
    return error;
}

struct deletion {
    uint32_t client, clock, end;
};

static int by_client_and_clock(const void *a, const void *b)
{
    const struct deletion *x = a, *y = b;
    if (x->client != y->client)
        return x->client < y->client ? -1 : 1;
    return (x->clock > y->clock) - (x->clock < y->clock);
}

static int read_deletes(struct ydoc *doc, struct y_dec *d, struct deletion *list, size_t *count)
{
    size_t count_here = 0;
    int error = Y_OK;
    for (uint64_t n = y_dec_ds_clients(d); n && !error; n--) {
        uint64_t id, ranges, clock, len;
        uint32_t client;
        y_dec_ds_client(d, &id, &ranges);
        if (!ranges)
            continue;
        error = y_client_of(doc, id, &client);
        for (; ranges && !error; ranges--) {
            y_dec_ds_range(d, &clock, &len);
            if (len)
                list[count_here++] =
                    (struct deletion){client, (uint32_t)clock, (uint32_t)(clock + len)};
        }
    }
    *count = count_here;
    return error;
}

/* In ascending order and each clock once, so that they cost what they say, in whatever order and
 * however often they say it. `n`: how many there are at most. */
static int run_deletes(struct ydoc *doc, struct y_dec *d, uint64_t n)
{
    struct deletion few[8], *list = few;
    size_t count;
    bool sorted = true;
    if (n > sizeof(few) / sizeof(*few) && !(list = y_realloc(NULL, n * sizeof(*list))))
        return Y_ERR_NOMEM;
    int error = read_deletes(doc, d, list, &count);
    for (size_t i = 1; i < count && sorted && !error; i++)
        sorted = list[i - 1].client == list[i].client && list[i - 1].clock <= list[i].clock;
    if (!sorted)
        qsort(list, count, sizeof(*list), by_client_and_clock);
    for (size_t i = 0, k; i < count && !error; i = k) {
        struct deletion all = list[i];
        for (k = i + 1; k < count && list[k].client == all.client && list[k].clock <= all.end; k++)
            all.end = list[k].end > all.end ? list[k].end : all.end;
        error = y_wait_delete(doc, all.client, all.clock, all.end - all.clock);
    }
    if (list != few)
        y_mem_free(list);
    return error;
}

static int apply(struct ydoc *doc, const void *update, size_t len)
{
    struct sections all = {0};
    struct y_reader deletes;
    uint64_t delete_count = 0;
    int error = scan(update, len, &all, &deletes, &delete_count);
    if (!error)
        error = y_begin(doc, NULL, false);
    if (!error) {
        struct y_dec d;
        y_dec_init(&d, update, len, Y_V1);
        error = run_sections(doc, &d, &all);
        if (!error && doc->work)
            error = y_wait_drain(doc);
        d.r = deletes;
        if (!error)
            error = run_deletes(doc, &d, delete_count);
        y_dec_end(&d);
        error = y_end(doc, error);
    }
    y_mem_free(all.list);
    return error;
}

int ydoc_apply(struct ydoc *doc, const void *update, size_t len, struct y_applied *out)
{
    const uint8_t *p = update;
    size_t waiting = doc->waiting_bytes;
    int error = Y_OK;
    bool quick = false;
    if (!doc->depth && !doc->observed && !doc->work) {
        if (len > 6 && p[0] == 1 && p[1] == 1)
            quick = keystroke(doc, p, p + len, &error);
        else if (len > 4 && p[0] == 0 && p[1] == 1)
            quick = backspace(doc, p, p + len);
    }
    if (!quick)
        error = apply(doc, update, len);
    if (!error && out) {
        bool touched = quick || (doc->depth ? doc->txn->touched : doc->touched);
        *out = (struct y_applied){touched, doc->waiting_bytes > waiting};
    }
    return error;
}

int ydoc_apply_v2(struct ydoc *doc, const void *update, size_t len, struct y_applied *out)
{
    struct ybuf v1 = {0};
    int error = y_update_convert(update, len, Y_V2, Y_V1, &v1);
    if (!error)
        error = ydoc_apply(doc, v1.data, v1.len, out);
    ybuf_release(&v1);
    return error;
}
