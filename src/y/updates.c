/*
 * What can be done with updates alone (yjs src/utils/updates.js); merging is in merge.c.
 *
 * Structs are read and written one by one, none is integrated. What differs from yjs:
 *
 * - Everything is checked, and bytes behind the update are refused.
 * - JSON texts and `any` values are copied as they stand in an update of the same format; yjs
 * parses them and writes them anew, which changes them only if another implementation wrote them.
 * - A client that comes twice in one update, with a gap, gets two sections; yjs writes one, with
 * wrong clocks.
 * - The state vector of an update that begins with a Skip does not count it; that of yjs does, for
 * the first client.
 */
#include "y/updates_int.h"

#include "y/mem.h"

static int check(const void *update, size_t len, enum y_format format)
{
    struct y_dec d;
    struct y_struct s;
    y_dec_init(&d, update, len, format);
    for (uint64_t n = y_dec_sections(&d); n && !d.r.error; n--) {
        uint64_t structs, client, clock;
        for (y_dec_section(&d, &structs, &client, &clock); structs; structs--) {
            if (!y_dec_struct(&d, client, clock, &s))
                break;
            clock += s.len;
        }
    }
    for (uint64_t n = y_dec_ds_clients(&d); n && !d.r.error; n--) {
        uint64_t client, ranges, clock, length;
        for (y_dec_ds_client(&d, &client, &ranges); ranges && !d.r.error; ranges--)
            y_dec_ds_range(&d, &clock, &length);
    }
    return y_dec_end(&d);
}

int y_update_check(const void *update, size_t len)
{
    return check(update, len, Y_V1);
}

int y_update_check_v2(const void *update, size_t len)
{
    return check(update, len, Y_V2);
}

/* --- state vector ----------------------------------------------------------------------------- */

/* One client's structs, from the first: the clock up to which they have no gap. */
struct run {
    uint64_t client, end;
    bool begun, stopped;
};

static int write_run(const struct run *r, struct ybuf *body, uint64_t *count)
{
    if (!r->end)
        return Y_OK;
    ++*count;
    return y_write_varuint(body, r->client) || y_write_varuint(body, r->end) ? Y_ERR_NOMEM : Y_OK;
}

static int state_vector(struct y_dec *d, struct ybuf *body, uint64_t *count)
{
    struct run r = {0};
    struct y_struct s;
    for (uint64_t n = y_dec_sections(d); n && !d->r.error; n--) {
        uint64_t structs, client, clock;
        for (y_dec_section(d, &structs, &client, &clock); structs; structs--, clock += s.len) {
            if (!y_dec_struct(d, client, clock, &s))
                break;
            if (!r.begun || r.client != client) {
                if (write_run(&r, body, count))
                    return Y_ERR_NOMEM;
                r = (struct run){.client = client, .begun = true, .stopped = clock != 0};
            }
            r.stopped |= s.kind == Y_SKIP;
            if (!r.stopped)
                r.end = clock + s.len;
        }
    }
    return write_run(&r, body, count);
}

int y_update_state_vector(const void *update, size_t len, enum y_format format, struct ybuf *out)
{
    struct y_dec d;
    struct ybuf body = {0};
    uint64_t count = 0;
    size_t before = out->len;
    y_dec_init(&d, update, len, format);
    int error = state_vector(&d, &body, &count);
    for (uint64_t n = y_dec_ds_clients(&d); n && !d.r.error; n--) {
        uint64_t client, ranges, clock, length;
        for (y_dec_ds_client(&d, &client, &ranges); ranges && !d.r.error; ranges--)
            y_dec_ds_range(&d, &clock, &length);
    }
    int bad = y_dec_end(&d);
    if (!error)
        error = bad;
    if (!error && (y_write_varuint(out, count) || ybuf_append(out, body.data, body.len)))
        error = Y_ERR_NOMEM;
    if (error)
        out->len = before;
    ybuf_release(&body);
    return error;
}

/* --- diff ------------------------------------------------------------------------------------- */

/* By client, in order of coming; of a client that comes twice the last counts, as in a Map. */
static int read_state_vector(const void *sv, size_t len, struct y_keys *states)
{
    struct y_reader r = y_reader_of(sv, len);
    uint64_t n = len ? y_read_varuint(&r) : 0;
    for (uint64_t i = 0; i < n && !r.error; i++) {
        uint64_t client = y_read_varuint(&r), clock = y_read_varuint(&r);
        if (!r.error && y_keys_add(states, client, i, clock))
            return Y_ERR_NOMEM;
    }
    if (r.error || r.p != r.end)
        return Y_ERR_MALFORMED;
    return y_keys_sort(states);
}

static uint64_t state_of(const struct y_keys *states, uint64_t client)
{
    size_t low = 0, high = states->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (states->list[middle].client >= client)
            low = middle + 1;
        else
            high = middle;
    }
    return low && states->list[low - 1].client == client ? states->list[low - 1].extra : 0;
}

/* Copies the struct that was read from `from` on. */
static void copy(struct y_lazy *w, struct y_dec *d, const uint8_t *from, uint64_t client,
                 struct y_struct *s)
{
    if (w->e.format != Y_V1) {
        y_lazy_struct(w, client, s, 0);
        return;
    }
    uint8_t info = *from & (Y_HAS_ORIGIN | Y_HAS_RIGHT) ? *from & (uint8_t)~Y_HAS_KEY : *from;
    y_lazy_count(w, client, s->clock, s->len);
    if (ybuf_append(&w->e.out, &info, 1) ||
        ybuf_append(&w->e.out, from + 1, (size_t)(d->r.p - from - 1)))
        w->e.error = Y_ERR_NOMEM;
}

/* From the first struct that a client lacks on, all of that client's; never a Skip first. */
static void diff_structs(struct y_dec *d, const struct y_keys *states, struct y_lazy *w)
{
    struct y_struct s;
    uint64_t last = UINT64_MAX, have = 0;
    bool found = false;
    for (uint64_t n = y_dec_sections(d); n && !d->r.error; n--) {
        uint64_t structs, client, clock;
        y_dec_section(d, &structs, &client, &clock);
        if (structs && client != last) {
            found = false;
            last = client;
            have = state_of(states, client);
        }
        for (; structs; structs--, clock += s.len) {
            const uint8_t *from = d->r.p;
            if (!y_dec_struct(d, client, clock, &s))
                break;
            if (!found && (s.kind == Y_SKIP || clock + s.len <= have))
                continue;
            if (!found && have > clock)
                y_lazy_struct(w, client, &s, (uint32_t)(have - clock));
            else
                copy(w, d, from, client, &s);
            found = true;
        }
    }
}

/* v2 can only say ranges in order. */
static int sort_ranges(struct y_keys *ranges, enum y_format format)
{
    int error = y_ds_sort(ranges, false);
    for (size_t i = 1; i < ranges->count && format == Y_V2 && !error; i++) {
        const struct y_entry_key *a = &ranges->list[i - 1], *b = a + 1;
        if (a->client == b->client && (b->extra >> 32) < (a->extra >> 32) + (uint32_t)a->extra)
            return y_ds_sort(ranges, true);
    }
    return error;
}

static int finish(struct y_dec *d, struct y_lazy *w, enum y_format format, struct ybuf *out)
{
    struct y_keys ranges = {0};
    int error = y_ds_read(d, &ranges), bad = y_dec_end(d);
    error = error ? error : bad;
    error = error ? error : sort_ranges(&ranges, format);
    error = y_lazy_end(w, error, &ranges, out);
    y_keys_release(&ranges);
    return error;
}

int y_update_diff(const void *update, size_t len, const void *sv, size_t sv_len,
                  enum y_format format, struct ybuf *out)
{
    struct y_dec d;
    struct y_lazy w;
    struct y_keys states = {0};
    int error = read_state_vector(sv, sv_len, &states);
    if (!error) {
        y_dec_init(&d, update, len, format);
        y_lazy_init(&w, format);
        diff_structs(&d, &states, &w);
        error = finish(&d, &w, format, out);
    }
    y_keys_release(&states);
    return error;
}

/* --- convert ---------------------------------------------------------------------------------- */

int y_update_convert(const void *update, size_t len, enum y_format from, enum y_format to,
                     struct ybuf *out)
{
    struct y_dec d;
    struct y_lazy w;
    struct y_struct s;
    if (from == to) {
        int error = check(update, len, from);
        return error ? error : ybuf_append(out, update, len);
    }
    y_dec_init(&d, update, len, from);
    y_lazy_init(&w, to);
    for (uint64_t n = y_dec_sections(&d); n && !d.r.error; n--) {
        uint64_t structs, client, clock;
        for (y_dec_section(&d, &structs, &client, &clock); structs; structs--, clock += s.len) {
            if (!y_dec_struct(&d, client, clock, &s))
                break;
            y_lazy_struct(&w, client, &s, 0);
        }
    }
    return finish(&d, &w, to, out);
}
