/*
 * Snapshots: what of a document was there, and deleted, at some time (yjs Snapshot.js).
 *
 *     delete set     varUint clients, each: client, varUint ranges, each: clock, length;
 *                    in v2 the clock is the difference to the end of the last range, the length is
 *                    one less
 *     state vector   varUint clients, each: client, clock
 *
 * Clients highest id first. Only a document that keeps deleted content can be brought back to one.
 */
#include "y/any.h"
#include "y/updates_int.h"
#include "y/y_int.h"

/* --- writing ---------------------------------------------------------------------------------- */

int y_snapshot(const struct ydoc *const_doc, enum y_format format, struct ybuf *out)
{
    struct ydoc *doc = (struct ydoc *)const_doc; /* caches the order of clients */
    struct y_enc e;
    size_t len = out->len;
    y_enc_init(&e, format);
    int error = y_clients_sorted(doc);
    if (!error)
        error = y_put_delete_set(doc, &e, false);
    if (!error)
        error = e.error ? e.error : ybuf_append(out, e.out.data, e.out.len);
    if (!error)
        error = ydoc_encode_state_vector(doc, out);
    if (error)
        out->len = len;
    y_enc_release(&e);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* A delete set as y_ds_read() gives it, a state vector by client in order of coming. */
struct parsed {
    struct y_keys ranges, states;
};

static void parsed_release(struct parsed *p)
{
    y_keys_release(&p->ranges);
    y_keys_release(&p->states);
}

static int parse(const void *snapshot, size_t len, enum y_format format, struct parsed *p)
{
    struct y_dec d = {.format = format};
    *p = (struct parsed){.ranges = {0}};
    /* A v2 snapshot is the rest of an update alone, without columns. */
    y_dec_init(&d, snapshot, len, Y_V1);
    d.format = format;
    int error = y_ds_read(&d, &p->ranges);
    struct y_reader r = d.r;
    if (!error && d.r.error)
        error = d.r.error;
    d.r.p = d.r.end;
    int bad = y_dec_end(&d);
    error = error ? error : bad;
    if (!error) {
        for (uint64_t n = y_read_varuint(&r), i = 0; i < n && !r.error && !error; i++) {
            uint64_t client = y_read_varuint(&r), clock = y_read_varuint(&r);
            if (clock > Y_CLOCK_MAX && !r.error)
                r.error = Y_ERR_RANGE;
            if (!r.error)
                error = y_keys_add(&p->states, client, i, clock);
        }
    }
    if (!error && (r.error || r.p != r.end))
        error = r.error ? r.error : Y_ERR_MALFORMED;
    if (!error)
        error = y_keys_sort(&p->states);
    if (error)
        parsed_release(p);
    return error;
}

int y_snapshot_check(const void *snapshot, size_t len, enum y_format format)
{
    struct parsed p;
    int error = parse(snapshot, len, format, &p);
    if (!error)
        parsed_release(&p);
    return error;
}

/* Of a client that comes twice the last counts, as in a Map. */
static uint64_t state_of(const struct parsed *p, uint64_t client)
{
    size_t low = 0, high = p->states.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (p->states.list[mid].client >= client)
            low = mid + 1;
        else
            high = mid;
    }
    return low && p->states.list[low - 1].client == client ? p->states.list[low - 1].extra : 0;
}

/* --- a document as it was --------------------------------------------------------------------- */

/* The first `len` clocks of a struct; the half of a pair is U+FFFD, as in yjs ContentString.splice. */
static int cut(struct y_struct *s, uint32_t len, struct ybuf *scratch)
{
    struct y_reader r = y_reader_of(s->data.p, s->data.n);
    bool inside = false;
    size_t n;
    s->len = len;
    switch (s->kind) {
    case Y_STRING:
        s->data.n = y_utf16_offset(s->data.p, s->data.n, len, &inside);
        if (!inside)
            return Y_OK;
        scratch->len = 0;
        if (ybuf_append(scratch, s->data.p, s->data.n) || ybuf_append(scratch, "\xef\xbf\xbd", 3))
            return Y_ERR_NOMEM;
        s->data = (struct y_slice){scratch->data, scratch->len};
        return Y_OK;
    case Y_ANY:
    case Y_JSON:
        for (uint32_t i = 0; i < len; i++) {
            if (s->kind == Y_ANY)
                y_any_skip(&r);
            else
                y_read_bytes(&r, &n);
        }
        s->data.n = (size_t)(r.p - s->data.p);
        return Y_OK;
    default:
        return Y_OK;
    }
}

static int put_client(struct ydoc *doc, struct y_enc *e, uint64_t id, uint32_t state,
                      struct ybuf *scratch)
{
    uint32_t k = y_client_find(doc, id), n = 0;
    struct y_struct s;
    if (k == Y_NOBODY || doc->clients[k].state < state)
        return Y_ERR_RANGE; /* the snapshot knows more than the document */
    struct y_client *c = &doc->clients[k];
    struct y_at last = y_find(c, state - 1), at = {0, 0};
    for (uint32_t b = 0; b < last.b; b++)
        n += c->blocks[b].n;
    n += last.i + 1;
    y_enc_section(e, n, id, 0);
    int error = Y_OK;
    for (uint32_t i = 0; i < n && !error; i++, y_at_next(c, &at)) {
        const struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
        y_struct_of(doc, it, &s);
        if (y_end_of(it) > state)
            error = cut(&s, state - it->clock, scratch);
        if (!error)
            y_enc_struct(e, id, &s, 0);
    }
    return error;
}

static int put_document(struct ydoc *doc, struct y_enc *e, struct parsed *p)
{
    struct ybuf scratch = {0};
    uint64_t n = 0;
    int error = Y_OK;
    for (size_t i = 0; i < p->states.count; i++)
        n += p->states.list[i].extra > 0;
    y_enc_sections(e, n);
    for (size_t i = 0; i < p->states.count && !error; i++) {
        const struct y_entry_key *k = &p->states.list[i];
        if (i && k[-1].client == k->client)
            error = Y_ERR_MALFORMED;
        else if (k->extra)
            error = put_client(doc, e, k->client, (uint32_t)k->extra, &scratch);
    }
    ybuf_release(&scratch);
    if (!error)
        error = y_ds_sort(&p->ranges, false);
    if (!error)
        y_ds_write(e, &p->ranges);
    return error;
}

int ydoc_at_snapshot(const struct ydoc *const_doc, const void *snapshot, size_t len,
                     const struct ydoc_opts *opts, struct ydoc **out)
{
    struct ydoc *doc = (struct ydoc *)const_doc; /* caches: hints */
    struct parsed p;
    struct y_enc e;
    struct ybuf update = {0};
    if (!doc->opts.keep_deleted)
        return Y_ERR_TYPE;
    int error = parse(snapshot, len, Y_V1, &p);
    if (error)
        return error;
    y_enc_init(&e, Y_V1);
    error = put_document(doc, &e, &p);
    if (error)
        y_enc_release(&e);
    else
        error = y_enc_end(&e, &update);
    parsed_release(&p);
    struct ydoc *made = error ? NULL : ydoc_new(opts);
    if (!error && !made)
        error = Y_ERR_NOMEM;
    if (!error)
        error = ydoc_apply(made, update.data, update.len, NULL);
    ybuf_release(&update);
    if (error)
        ydoc_free(made);
    else
        *out = made;
    return error;
}

/* --- what a snapshot knows -------------------------------------------------------------------- */

static bool knows_structs(struct y_dec *d, const struct parsed *p)
{
    struct y_struct s;
    bool all = true;
    for (uint64_t n = y_dec_sections(d); n && !d->r.error; n--) {
        uint64_t structs, client, clock;
        for (y_dec_section(d, &structs, &client, &clock); structs; structs--, clock += s.len) {
            if (!y_dec_struct(d, client, clock, &s))
                break;
            all &= clock + s.len <= state_of(p, client);
        }
    }
    return all;
}

/* Whether merging the update's deletions into the snapshot's changes nothing. */
static int knows_deletions(struct parsed *p, const struct y_keys *more)
{
    struct y_keys merged = {0};
    int error = Y_OK;
    bool same;
    for (size_t i = 0; i < p->ranges.count && !error; i++)
        error =
            y_keys_add(&merged, p->ranges.list[i].client, merged.count, p->ranges.list[i].extra);
    for (size_t i = 0; i < more->count && !error; i++)
        error = y_keys_add(&merged, more->list[i].client, merged.count, more->list[i].extra);
    error = error ? error : y_ds_sort(&merged, true);
    error = error ? error : y_ds_sort(&p->ranges, false);
    same = !error && merged.count == p->ranges.count;
    for (size_t i = 0; i < merged.count && same; i++)
        same = merged.list[i].client == p->ranges.list[i].client &&
               merged.list[i].extra == p->ranges.list[i].extra;
    y_keys_release(&merged);
    return error ? error : same;
}

int y_snapshot_contains(const void *snapshot, size_t len, const void *update, size_t update_len)
{
    struct parsed p;
    struct y_keys ranges = {0};
    struct y_dec d;
    int result = parse(snapshot, len, Y_V1, &p);
    if (result)
        return result;
    y_dec_init(&d, update, update_len, Y_V1);
    bool structs = knows_structs(&d, &p);
    int error = y_ds_read(&d, &ranges), bad = y_dec_end(&d);
    result = error ? error : bad;
    if (!result)
        result = structs ? knows_deletions(&p, &ranges) : 0;
    y_keys_release(&ranges);
    parsed_release(&p);
    return result;
}
