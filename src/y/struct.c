/*
 * Splitting and merging (yjs Item.js `splitItem`, `mergeWith`; Transaction.js
 * `tryToMergeWithLefts`).
 *
 * The content of what was split stays where it is in the pool, so putting it together again, which
 * the end of nearly every transaction does, copies nothing.
 */
#include "y/y_int.h"

#include "y/any.h"

static int note(struct ydoc *doc, struct y_split m)
{
    struct y_txn *t = doc->txn;
    if (t->split_count == t->split_cap) {
        size_t cap = t->split_cap ? t->split_cap * 2 : 16;
        struct y_split *p = y_realloc(t->splits, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        t->splits = p;
        t->split_cap = cap;
    }
    t->splits[t->split_count++] = m;
    return Y_OK;
}

int y_note_split(struct ydoc *doc, uint32_t client, uint32_t clock)
{
    return note(doc, (struct y_split){.client = client, .clock = clock});
}

/* --- content ---------------------------------------------------------------------------------- */

/* Byte offset of the value with index `at` in the content of Y_JSON or Y_ANY. */
static uint32_t value_offset(const struct ydoc *doc, const struct y_item *it, uint32_t at)
{
    struct y_reader r = y_reader_of(y_content(doc, it), it->bytes);
    size_t len;
    for (uint32_t i = 0; i < at; i++) {
        if (it->kind == Y_ANY)
            y_any_skip(&r);
        else
            y_read_bytes(&r, &len);
    }
    return (uint32_t)(r.p - y_content(doc, it));
}

/* What is cut inside a surrogate pair has U+FFFD on both sides, as in yjs ContentString.splice. One
 * of them fits where the pair was; the smaller part moves to get room for the other. */
static int cut_pair(struct ydoc *doc, struct y_item *it, uint32_t from, struct y_item *right,
                    struct y_split *m)
{
    static const uint8_t lost[3] = {0xef, 0xbf, 0xbd};
    uint32_t rest = it->bytes - from - 4, moved = (from < rest ? from : rest) + 3;
    int error = y_pool_room(doc, moved);
    if (error)
        return error;
    uint8_t *to = doc->pool + doc->pool_len, *s = doc->pool + it->off;
    m->cut_pair = true;
    m->from = from;
    memcpy(m->pair, s + from, 4);
    doc->garbage += moved - 2 + (it->room ? (1u << it->room) - it->bytes : 0);
    if (from < rest) {
        memcpy(to, s, from);
        memcpy(to + from, lost, 3);
        memcpy(s + from + 1, lost, 3);
        right->off = it->off + from + 1;
        it->off = (uint32_t)doc->pool_len;
    } else {
        memcpy(to, lost, 3);
        memcpy(to + 3, s + from + 4, rest);
        memcpy(s + from, lost, 3);
        right->off = (uint32_t)doc->pool_len;
    }
    it->bytes = from + 3;
    right->bytes = rest + 3;
    doc->pool_len += moved;
    it->room = 0;
    doc->txn->steps++;
    return Y_OK;
}

static int cut_content(struct ydoc *doc, struct y_item *it, uint32_t at, struct y_item *right,
                       struct y_split *m)
{
    uint32_t from = at;
    bool inside = false;
    if (it->kind == Y_STRING) {
        if (it->bytes != it->len)
            from = (uint32_t)y_utf16_offset_of(y_content(doc, it), it->bytes, it->len, at, &inside);
        if (inside)
            return cut_pair(doc, it, from, right, m);
    } else if (it->kind == Y_JSON || it->kind == Y_ANY) {
        from = value_offset(doc, it, at);
    } else {
        return Y_OK;
    }
    right->off = it->off + from;
    right->bytes = it->bytes - from;
    it->bytes = from;
    if (it->room) {
        /* what was reserved behind the right part is nobody's now */
        doc->garbage += (1u << it->room) - from - right->bytes;
        it->room = 0;
    }
    return Y_OK;
}

/* --- splitting -------------------------------------------------------------------------------- */

y_handle y_split(struct ydoc *doc, y_handle h, uint32_t at)
{
    const struct y_item *it = y_item(doc, h);
    struct y_split m = {.client = it->client,
                        .clock = it->clock + at,
                        .off = it->off,
                        .bytes = it->bytes,
                        .room = it->room,
                        .cut = true};
    if (note(doc, m) < 0)
        return 0;
    struct y_txn *t = doc->txn;
    y_handle right = y_cut(doc, h, at, &t->splits[t->split_count - 1]);
    if (!right)
        t->split_count--;
    return right;
}

y_handle y_cut(struct ydoc *doc, y_handle h, uint32_t at, struct y_split *m)
{
    struct y_item *it = y_item(doc, h);
    struct y_client *c = &doc->clients[it->client];
    struct y_at place = y_find(c, it->clock);
    struct y_seq *s = &doc->seqs[it->seq];
    uint32_t bytes = y_visible_bytes(it);
    if ((it->flags & Y_REDONE) && y_redone_room(doc) < 0)
        return 0;
    y_handle rh = y_item_new(doc);
    struct y_item *right = y_item(doc, rh);
    right->client = it->client;
    right->clock = it->clock + at;
    right->len = it->len - at;
    right->kind = it->kind;
    right->flags = it->flags;
    right->crowd = it->crowd;
    right->origin = (struct y_id){it->client, right->clock - 1};
    right->right_origin = it->right_origin;
    right->seq = it->seq;
    right->left = h;
    right->right = it->right;
    if (y_insert_after(doc, c, place, rh) < 0)
        goto fail;
    if (cut_content(doc, it, at, right, m) < 0) {
        y_remove(doc, c, y_find(c, right->clock), 1);
        goto fail;
    }
    it->len = at;
    it->right = rh;
    if (it->flags & Y_REDONE)
        y_redone_split(doc, it, right);
    if (right->right)
        y_item(doc, right->right)->left = rh;
    else
        s->last = rh;
    /* A pair that was cut is two replacement characters now. */
    uint32_t more = y_visible_bytes(it) + y_visible_bytes(right) - bytes;
    s->bytes += more;
    if (s->index && more)
        y_index_add(doc, s, it, 0, more);
    if (s->index)
        y_index_split(doc, s, h, rh);
    return rh;
fail:
    y_item_free(doc, rh);
    return 0;
}

static uint32_t reserved(const struct y_item *it)
{
    return it->room ? UINT32_C(1) << it->room : it->bytes;
}

/* Cuts are undone last one first, so the right part is the very one that was cut off. */
void y_unsplit(struct ydoc *doc, const struct y_split *m)
{
    struct y_client *c = &doc->clients[m->client];
    if (!m->cut || m->clock >= c->state)
        return; /* of something that is gone */
    struct y_at at = y_find(c, m->clock), left_at = at;
    y_at_prev(&left_at, c);
    y_handle rh = y_at_entry(c, at)->item, h = y_at_entry(c, left_at)->item;
    struct y_item *it = y_item(doc, h), *right = y_item(doc, rh);
    struct y_seq *s = &doc->seqs[it->seq];
    uint32_t bytes = y_visible_bytes(it) + y_visible_bytes(right);
    y_index_drop(doc, s);
    s->cursor = 0;
    doc->garbage += reserved(it) + (size_t)reserved(right);
    it->off = m->off;
    it->bytes = m->bytes;
    it->room = m->room;
    doc->garbage -= reserved(it);
    if (m->cut_pair)
        memcpy(doc->pool + it->off + m->from, m->pair, 4);
    it->len += right->len;
    s->bytes -= bytes - y_visible_bytes(it);
    it->right = right->right;
    if (it->right)
        y_item(doc, it->right)->left = h;
    else
        s->last = h;
    y_remove(doc, c, at, 1);
    y_item_free(doc, rh);
}

#define PIECE 1024

/* Values of an any have no index: what is cut again and again is cut into pieces first, which the
 * end of the transaction merges, so that a cut looks at no more than two of them. Four items stay
 * reserved. */
static y_handle piece_with(struct ydoc *doc, struct y_id id)
{
    y_handle h = y_item_at(doc, id);
    while (y_item(doc, h)->kind == Y_ANY || y_item(doc, h)->kind == Y_JSON) {
        if (id.clock - y_item(doc, h)->clock < 2 * PIECE)
            break;
        if (y_items_reserve(doc, 5) < 0 || !(h = y_split(doc, h, PIECE)))
            return 0;
    }
    return h;
}

y_handle y_clean_end(struct ydoc *doc, struct y_id id)
{
    y_handle h = piece_with(doc, id);
    const struct y_item *it = h ? y_item(doc, h) : NULL;
    if (it && it->kind != Y_GC && id.clock != y_end_of(it) - 1 &&
        !y_split(doc, h, id.clock - it->clock + 1))
        return 0;
    return h;
}

y_handle y_clean_start(struct ydoc *doc, struct y_id id)
{
    y_handle h = piece_with(doc, id);
    const struct y_item *it = h ? y_item(doc, h) : NULL;
    return it && it->kind != Y_GC && id.clock != it->clock ? y_split(doc, h, id.clock - it->clock)
                                                           : h;
}

/* --- merging ---------------------------------------------------------------------------------- */

/* Brings the contents of `n` items that follow each other, the last at `at`, together in the first.
 * Where they lie side by side in the pool nothing moves. */
static int join_content(struct ydoc *doc, struct y_client *c, struct y_at first, struct y_at at,
                        uint32_t n)
{
    struct y_item *into = y_item(doc, y_at_entry(c, first)->item);
    if (into->kind == Y_GC || into->kind == Y_DELETED)
        return Y_OK;
    size_t total = into->bytes;
    bool side_by_side = true;
    struct y_at k = first;
    for (const struct y_item *left = into; k.b != at.b || k.i != at.i;) {
        y_at_next(c, &k);
        const struct y_item *it = y_item(doc, y_at_entry(c, k)->item);
        total += it->bytes;
        side_by_side &= left->off + left->bytes == it->off && !left->room;
        left = it;
    }
    if (side_by_side) {
        const struct y_item *last = y_item(doc, y_at_entry(c, at)->item);
        if (last->room)
            doc->garbage += (1u << last->room) - last->bytes;
        into->bytes = (uint32_t)total;
        return Y_OK;
    }
    if (n == 2) { /* two who type: amortised by the room that it gets */
        struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
        int error = y_pool_room(doc, 2 * total + 16);
        if (error)
            return error;
        doc->garbage += it->room ? 1u << it->room : it->bytes;
        return y_append_content(doc, into, doc->pool + it->off, it->bytes);
    }
    int error = y_pool_room(doc, total);
    if (error)
        return error;
    size_t to = doc->pool_len;
    doc->pool_len += total;
    for (k = first;; y_at_next(c, &k)) {
        struct y_item *it = y_item(doc, y_at_entry(c, k)->item);
        memcpy(doc->pool + to, doc->pool + it->off, it->bytes);
        to += it->bytes;
        doc->garbage += it->room ? 1u << it->room : it->bytes;
        if (k.b == at.b && k.i == at.i)
            break;
    }
    into->off = (uint32_t)(doc->pool_len - total);
    into->bytes = (uint32_t)total;
    into->room = 0;
    return Y_OK;
}

uint32_t y_merge_left(struct ydoc *doc, struct y_client *c, struct y_at *place)
{
    uint32_t n = 0;
    const struct y_at at = *place;
    struct y_at left_at = at, first = at;
    y_handle rh = y_at_entry(c, at)->item, last = rh;
    while (y_at_prev(&left_at, c)) {
        y_handle lh = y_at_entry(c, left_at)->item;
        if (!y_mergeable(y_item(doc, lh), rh, y_item(doc, rh)))
            break;
        if (y_item(doc, rh)->crowd && !y_item(doc, lh)->crowd)
            y_crowd_forget(doc);
        first = left_at;
        rh = lh;
        n++;
    }
    /* Not being able to is no error: the document says the same in more structs. */
    if (!n || join_content(doc, c, first, at, n + 1) < 0)
        return 0;
    struct y_item *into = y_item(doc, rh);
    const struct y_item *end = y_item(doc, last);
    struct y_seq *s = into->kind == Y_GC ? NULL : &doc->seqs[into->seq];
    struct y_at k = at;
    uint32_t clocks = y_end_of(end);
    y_handle right = end->right;
    for (uint32_t i = 0; i < n; i++) {
        y_handle gone = y_at_entry(c, k)->item;
        into->flags |= y_item(doc, gone)->flags & Y_KEEP;
        if (s && s->index)
            y_index_merge(doc, s, rh, gone, right);
        if (s && s->cursor == gone)
            s->cursor = 0;
        y_item_free(doc, gone);
        y_at_prev(&k, c);
    }
    into->len = clocks - into->clock;
    if (s) {
        into->right = right;
        if (right)
            y_item(doc, right)->left = rh;
        else
            s->last = rh;
    }
    y_remove(doc, c, at, n);
    *place = first;
    return n;
}
