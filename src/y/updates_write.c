#include "y/updates_int.h"

#include "y/mem.h"

#include <string.h>

/* --- sorting
 * ----------------------------------------------------------------------------------------- */

void y_keys_release(struct y_keys *k)
{
    y_mem_free(k->list);
    *k = (struct y_keys){0};
}

int y_keys_add(struct y_keys *k, uint64_t client, uint64_t low, uint64_t extra)
{
    if (k->count == k->cap) {
        size_t cap = k->cap ? 2 * k->cap : 16;
        struct y_entry_key *list = y_realloc(k->list, cap * sizeof(*list));
        if (!list)
            return Y_ERR_NOMEM;
        k->list = list;
        k->cap = cap;
    }
    k->list[k->count++] = (struct y_entry_key){client, low, extra};
    return Y_OK;
}

static inline bool before(const struct y_entry_key *a, const struct y_entry_key *b)
{
    return a->client > b->client || (a->client == b->client && a->low < b->low);
}

/* The end of the ascending run that begins at `i`. */
static size_t run_end(const struct y_entry_key *list, size_t i, size_t n)
{
    for (i++; i < n && !before(&list[i], &list[i - 1]); i++)
        ;
    return i;
}

static void merge_runs(const struct y_entry_key *a, size_t an, const struct y_entry_key *b,
                       size_t bn, struct y_entry_key *to)
{
    const struct y_entry_key *a_end = a + an, *b_end = b + bn;
    while (a < a_end && b < b_end)
        *to++ = before(b, a) ? *b++ : *a++;
    if (a < a_end)
        memcpy(to, a, (size_t)(a_end - a) * sizeof(*a));
    else if (b < b_end)
        memcpy(to, b, (size_t)(b_end - b) * sizeof(*b));
}

/* Short runs first by insertion, so that there are at most n / 16 of them. */
static void insertion(struct y_entry_key *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct y_entry_key it = list[i];
        size_t j = i;
        for (; j > 0 && before(&it, &list[j - 1]); j--)
            list[j] = list[j - 1];
        list[j] = it;
    }
}

/* Merges neighbouring runs, pass by pass, until there is one. */
int y_keys_sort(struct y_keys *k)
{
    size_t n = k->count;
    if (n < 2 || run_end(k->list, 0, n) == n)
        return Y_OK;
    struct y_entry_key *from = k->list, *to = y_realloc(NULL, n * sizeof(*to));
    if (!to)
        return Y_ERR_NOMEM;
    for (size_t i = 0, end; i < n; i = end) {
        end = run_end(from, i, n);
        if (end - i < 16) {
            end = n - i < 16 ? n : i + 16;
            insertion(from + i, end - i);
        }
    }
    for (size_t runs = 2; runs > 1;) {
        runs = 0;
        for (size_t i = 0, middle, end; i < n; i = end, runs++) {
            middle = run_end(from, i, n);
            end = middle < n ? run_end(from, middle, n) : n;
            merge_runs(from + i, middle - i, from + middle, end - middle, to + i);
        }
        struct y_entry_key *t = from;
        from = to;
        to = t;
    }
    y_mem_free(to);
    k->list = from;
    k->cap = n;
    return Y_OK;
}

/* --- delete sets
 * ------------------------------------------------------------------------------------- */

static uint64_t range_clock(const struct y_entry_key *r)
{
    return r->extra >> 32;
}

static uint64_t range_len(const struct y_entry_key *r)
{
    return r->extra & 0xffffffff;
}

int y_ds_read(struct y_dec *d, struct y_keys *ranges)
{
    for (uint64_t n = y_dec_ds_clients(d); n && !d->r.error; n--) {
        uint64_t client, left, clock, len;
        for (y_dec_ds_client(d, &client, &left); left; left--) {
            y_dec_ds_range(d, &clock, &len);
            if (d->r.error)
                return d->r.error;
            if (y_keys_add(ranges, client, ranges->count, clock << 32 | len))
                return Y_ERR_NOMEM;
        }
    }
    return d->r.error;
}

/* Two ranges of at most 2^32 clocks in all may touch: their sum still fits, as clocks end at
 * Y_CLOCK_MAX. */
static void merge_ranges(struct y_keys *k)
{
    size_t n = 0;
    for (size_t i = 0; i < k->count; i++) {
        struct y_entry_key *it = &k->list[i], *last = &k->list[n ? n - 1 : 0];
        uint64_t clock = range_clock(last), end = clock + range_len(last);
        uint64_t to = range_clock(it) + range_len(it);
        if (!n || last->client != it->client || range_clock(it) > end)
            k->list[n++] = *it;
        else if (to > end)
            last->extra = clock << 32 | (to - clock);
    }
    k->count = n;
}

int y_ds_sort(struct y_keys *ranges, bool merge)
{
    if (merge)
        for (size_t i = 0; i < ranges->count; i++)
            ranges->list[i].low = ranges->list[i].extra >> 32;
    int error = y_keys_sort(ranges);
    if (!error && merge)
        merge_ranges(ranges);
    return error;
}

/* The end of the ranges of one client from `i` on; *n: how many of them are written. */
static size_t client_end(const struct y_enc *e, const struct y_keys *k, size_t i, uint64_t *n)
{
    uint64_t client = k->list[i].client;
    for (*n = 0; i < k->count && k->list[i].client == client; i++)
        *n += e->format != Y_V2 || range_len(&k->list[i]);
    return i;
}

void y_ds_write(struct y_enc *e, const struct y_keys *k)
{
    uint64_t clients = 0, n;
    for (size_t i = 0; i < k->count;) {
        i = client_end(e, k, i, &n);
        clients += n > 0;
    }
    y_enc_ds_clients(e, clients);
    for (size_t i = 0, end; i < k->count; i = end) {
        end = client_end(e, k, i, &n);
        if (n)
            y_enc_ds_client(e, k->list[i].client, n);
        for (; i < end; i++)
            if (e->format != Y_V2 || range_len(&k->list[i]))
                y_enc_ds_range(e, range_clock(&k->list[i]), range_len(&k->list[i]));
    }
}

/* --- writing
 * ----------------------------------------------------------------------------------------- */

void y_lazy_init(struct y_lazy *w, enum y_format format)
{
    y_enc_init(&w->e, format);
    w->list = NULL;
    w->count = w->cap = 0;
    w->client = w->end = 0;
}

static void begin_section(struct y_lazy *w, uint64_t client, uint64_t clock)
{
    if (w->count == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 8;
        struct y_fragment *list = y_realloc(w->list, cap * sizeof(*list));
        if (!list) {
            w->e.error = Y_ERR_NOMEM;
            return;
        }
        w->list = list;
        w->cap = cap;
    }
    w->list[w->count++] = (struct y_fragment){w->e.out.len, 0};
    w->client = client;
    y_enc_section_head(&w->e, client, clock);
}

void y_lazy_count(struct y_lazy *w, uint64_t client, uint64_t clock, uint64_t len)
{
    if (w->client != client || w->end != clock || !w->count)
        begin_section(w, client, clock);
    if (w->count)
        w->list[w->count - 1].structs++;
    w->end = clock + len;
}

void y_lazy_struct(struct y_lazy *w, uint64_t client, struct y_struct *s, uint32_t offset)
{
    if (s->info & (Y_HAS_ORIGIN | Y_HAS_RIGHT))
        s->info &= (uint8_t)~Y_HAS_KEY;
    y_lazy_count(w, client, s->clock + offset, s->len - offset);
    y_enc_struct(&w->e, client, s, offset);
}

void y_lazy_sections(struct y_lazy *w)
{
    struct ybuf body = w->e.out;
    w->e.out = (struct ybuf){0};
    if (!w->e.error && y_buf_reserve(&w->e.out, body.len + 10 * w->count + 32))
        w->e.error = Y_ERR_NOMEM;
    if (!w->e.error)
        y_enc_sections(&w->e, w->count);
    for (size_t i = 0; i < w->count && !w->e.error; i++) {
        size_t at = w->list[i].at, end = i + 1 < w->count ? w->list[i + 1].at : body.len;
        y_write_varuint(&w->e.out, w->list[i].structs);
        ybuf_append(&w->e.out, body.data + at, end - at);
    }
    ybuf_release(&body);
    y_mem_free(w->list);
    w->list = NULL;
    w->count = w->cap = 0;
}

int y_lazy_end(struct y_lazy *w, int error, const struct y_keys *ranges, struct ybuf *out)
{
    y_lazy_sections(w);
    if (error) {
        y_enc_release(&w->e);
        return error;
    }
    y_ds_write(&w->e, ranges);
    return y_enc_end(&w->e, out);
}
