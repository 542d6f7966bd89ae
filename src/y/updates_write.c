#include "y/updates_int.h"

#include "y/mem.h"

#include <string.h>

/* --- sorting ---------------------------------------------------------------------------------- */

void y_keys_release(struct y_keys *k)
{
    y_mem_free(k->list);
    *k = (struct y_keys){0};
}

int y_keys_reserve(struct y_keys *k, size_t cap)
{
    struct y_entry_key *list = y_realloc(k->list, cap * sizeof(*list));
    if (!list)
        return Y_ERR_NOMEM;
    k->list = list;
    k->cap = cap;
    return Y_OK;
}

int y_keys_add(struct y_keys *k, uint64_t client, uint64_t low, uint64_t extra)
{
    if (unlikely(k->count == k->cap) && y_keys_reserve(k, k->cap ? 2 * k->cap : 16))
        return Y_ERR_NOMEM;
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

/* Merges neighbouring runs, pass by pass, until there is one. Sorts `a` with `b` as scratch; where
 * it is then. */
static struct y_entry_key *sort_runs(struct y_entry_key *a, struct y_entry_key *b, size_t n)
{
    for (size_t runs = 2; runs > 1;) {
        runs = 0;
        for (size_t i = 0, middle, end; i < n; i = end, runs++) {
            middle = run_end(a, i, n);
            end = middle < n ? run_end(a, middle, n) : n;
            merge_runs(a + i, middle - i, a + middle, end - middle, b + i);
        }
        struct y_entry_key *t = a;
        a = b;
        b = t;
    }
    return a;
}

/* One pass of a stable radix sort, by eight bits of the complement of client, or of low. */
static void radix_pass(const struct y_entry_key *a, struct y_entry_key *b, size_t n, bool client,
                       int shift)
{
    size_t at[256] = {0}, sum = 0;
    uint64_t flip = client ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++)
        at[((client ? a[i].client : a[i].low) ^ flip) >> shift & 255]++;
    for (size_t i = 0; i < 256; i++) {
        size_t here = at[i];
        at[i] = sum;
        sum += here;
    }
    for (size_t i = 0; i < n; i++)
        b[at[((client ? a[i].client : a[i].low) ^ flip) >> shift & 255]++] = a[i];
}

/* The bytes in which no two differ need no pass. */
static struct y_entry_key *sort_radix(struct y_entry_key *a, struct y_entry_key *b, size_t n)
{
    uint64_t differ[2] = {0};
    for (size_t i = 1; i < n; i++) {
        differ[0] |= a[i].low ^ a[0].low;
        differ[1] |= a[i].client ^ a[0].client;
    }
    for (int client = 0; client < 2; client++)
        for (int shift = 0; shift < 64; shift += 8)
            if (differ[client] >> shift & 255) {
                radix_pass(a, b, n, client, shift);
                struct y_entry_key *t = a;
                a = b;
                b = t;
            }
    return a;
}

int y_keys_sort(struct y_keys *k)
{
    size_t n = k->count, runs = 0;
    for (size_t i = 0; i < n; runs++)
        i = run_end(k->list, i, n);
    if (runs < 2)
        return Y_OK;
    struct y_entry_key *b = y_realloc(NULL, n * sizeof(*b)), *a = k->list;
    if (!b)
        return Y_ERR_NOMEM;
    k->list = runs > 8 && n > 256 ? sort_radix(a, b, n) : sort_runs(a, b, n);
    if (k->list == b)
        k->cap = n;
    y_mem_free(k->list == a ? b : a);
    return Y_OK;
}

/* --- delete sets ------------------------------------------------------------------------------ */

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

/* --- writing ---------------------------------------------------------------------------------- */

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

static size_t varuint_size(uint64_t n)
{
    size_t size = 1;
    while (n >>= 7)
        size++;
    return size;
}

static uint8_t *put_varuint(uint8_t *p, uint64_t n)
{
    for (; n > 127; n >>= 7)
        *p++ = (uint8_t)(0x80 | (n & 127));
    *p++ = (uint8_t)n;
    return p;
}

/* In place, from the last section to the first: each moves behind its count. */
void y_lazy_sections(struct y_lazy *w)
{
    struct ybuf *b = &w->e.out;
    size_t shift = varuint_size(w->count), end = b->len;
    for (size_t i = 0; i < w->count; i++)
        shift += varuint_size(w->list[i].structs);
    if (!w->e.error && y_buf_reserve(b, shift + 16))
        w->e.error = Y_ERR_NOMEM;
    if (!w->e.error) {
        b->len += shift;
        for (size_t i = w->count; i-- > 0; end = w->list[i].at) {
            size_t at = w->list[i].at, head = varuint_size(w->list[i].structs);
            memmove(b->data + at + shift, b->data + at, end - at);
            shift -= head;
            put_varuint(b->data + at + shift, w->list[i].structs);
        }
        put_varuint(b->data, w->count);
    }
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
