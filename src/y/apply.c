/*
 * Applying updates. First it is found where each client's section begins, then they are integrated in
 * turn; one that needs a struct of another in the same update goes on with that one first (yjs
 * encoding.js `integrateStructs`). What is missing altogether waits (wait.c). Single keystrokes have a
 * way of their own (quick.c).
 *
 * Structs are checked when they are integrated, and one that is bad has all of the update rolled back.
 * Inside a transaction of the caller's, of which the rest is to stay, they are all checked before.
 */
#include "y/codec_int.h"
#include "y/y_int.h"

#include <stdlib.h>

/* The structs of one client in an update. */
struct section {
    struct y_reader r;
    uint64_t id, clock, left;
    uint32_t client, parent; /* parent: 1 + who waits for this one to reach `target` */
    uint32_t target;
    bool on_stack;
};

/* `few` serves most updates without an allocation. */
struct sections {
    struct section *list, few[4];
    size_t count, cap;
};

static int section_add(struct sections *all, struct section s)
{
    if (all->count == all->cap) {
        bool few = all->list == all->few;
        struct section *p = y_realloc(few ? NULL : all->list, all->cap * 2 * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        if (few)
            memcpy(p, all->few, sizeof(all->few));
        all->list = p;
        all->cap *= 2;
    }
    all->list[all->count++] = s;
    return Y_OK;
}

/* Where the sections of the update and its delete set begin. `check`: believes nothing of its structs. */
static int scan(const void *update, size_t len, enum y_format format, bool check,
                struct sections *all, struct y_reader *deletes, uint64_t *delete_count)
{
    struct y_dec d;
    struct y_struct s;
    int error = Y_OK;
    y_dec_init(&d, update, len, format);
    for (uint64_t n = y_dec_sections(&d); n && !error && !d.r.error; n--) {
        struct section sec = {.parent = 0};
        y_dec_section(&d, &sec.left, &sec.id, &sec.clock);
        sec.r = d.r;
        uint64_t clock = sec.clock;
        if (check)
            for (uint64_t k = sec.left; k && y_dec_struct(&d, sec.id, clock, &s); k--)
                clock += s.len;
        else
            for (uint64_t k = sec.left; k && y_dec_pass(&d); k--)
                ;
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
            error = y_wait_push(doc, sec->client, (uint32_t)sec->clock, s.len, d->format, from,
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
    uint32_t rank, client, clock, end; /* rank: of the client in this update */
};

static int by_rank_and_clock(const void *a, const void *b)
{
    const struct deletion *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->clock > y->clock) - (x->clock < y->clock);
}

static int read_deletes(struct ydoc *doc, struct y_dec *d, struct deletion *list, size_t *count)
{
    size_t count_here = 0;
    uint32_t rank = 0;
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
            if (!len)
                continue;
            if (!doc->clients[client].section)
                doc->clients[client].section = ++rank;
            list[count_here++] = (struct deletion){doc->clients[client].section, client,
                                                   (uint32_t)clock, (uint32_t)(clock + len)};
        }
    }
    for (size_t i = 0; i < count_here; i++)
        doc->clients[list[i].client].section = 0;
    *count = count_here;
    return error;
}

/* Client by client as they come, in ascending order and each clock once, so that they cost what they say,
 * in whatever order and however often they say it. `n`: how many there are at most. */
static int run_deletes(struct ydoc *doc, struct y_dec *d, uint64_t n)
{
    struct deletion few[8], *list = few;
    size_t count;
    bool sorted = true;
    if (n > sizeof(few) / sizeof(*few) && !(list = y_realloc(NULL, n * sizeof(*list))))
        return Y_ERR_NOMEM;
    int error = read_deletes(doc, d, list, &count);
    for (size_t i = 1; i < count && sorted && !error; i++)
        sorted = by_rank_and_clock(&list[i - 1], &list[i]) <= 0;
    if (!sorted)
        qsort(list, count, sizeof(*list), by_rank_and_clock);
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

static int apply(struct ydoc *doc, const void *update, size_t len, enum y_format format)
{
    struct sections all;
    struct y_reader deletes;
    uint64_t delete_count = 0;
    all.list = all.few;
    all.count = 0;
    all.cap = sizeof(all.few) / sizeof(*all.few);
    int error = scan(update, len, format, doc->depth > 0, &all, &deletes, &delete_count);
    if (!error)
        error = y_begin(doc, NULL, false);
    if (!error) {
        struct y_dec d;
        y_dec_init(&d, update, len, format);
        error = run_sections(doc, &d, &all);
        if (!error && doc->work)
            error = y_wait_drain(doc);
        d.r = deletes;
        if (!error)
            error = run_deletes(doc, &d, delete_count);
        y_dec_end(&d);
        error = y_end(doc, error);
    }
    if (all.list != all.few)
        y_mem_free(all.list);
    return error;
}

static int apply_told(struct ydoc *doc, const void *update, size_t len, enum y_format format,
                      struct y_applied *out)
{
    const uint8_t *p = update;
    size_t waiting = doc->waiting_bytes;
    int error = Y_OK;
    bool quick = false;
    if (!doc->depth && !doc->observed && !doc->work)
        quick = y_quick_apply(doc, p, p + len, &error);
    if (!quick)
        error = apply(doc, update, len, format);
    if (!error && out) {
        bool touched = quick || (doc->depth ? doc->txn->touched : doc->touched);
        *out = (struct y_applied){touched, doc->waiting_bytes > waiting};
    }
    return error;
}

int ydoc_apply(struct ydoc *doc, const void *update, size_t len, struct y_applied *out)
{
    return apply_told(doc, update, len, Y_V1, out);
}

/* v2 has its fields in columns; sections are gone through one by one, so it is made a row first, with
 * nothing lost that JSON cannot say. */
int ydoc_apply_v2(struct ydoc *doc, const void *update, size_t len, struct y_applied *out)
{
    struct ybuf row = {0};
    int error = y_update_convert(update, len, Y_V2, Y_RAW, &row);
    if (!error)
        error = apply_told(doc, row.data, row.len, Y_RAW, out);
    ybuf_release(&row);
    return error;
}
