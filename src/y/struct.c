/*
 * Splitting and merging (yjs Item.js `splitItem`, `mergeWith`; Transaction.js
 * `tryToMergeWithLefts`).
 *
 * The content of what was split stays where it is in the pool, so putting it together again, which
 * the end of nearly every transaction does, copies nothing.
 */
#include "y/y_int.h"

#include "y/any.h"

int y_note_split(struct ydoc *doc, uint32_t client, uint32_t clock)
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
    t->splits[t->split_count++] = (struct y_split){client, clock};
    return Y_OK;
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

/* What is cut inside a surrogate pair has U+FFFD on both sides, as in yjs ContentString.splice: the
 * left one fits where the pair was, the right part moves. */
static int cut_pair(struct ydoc *doc, struct y_item *it, uint32_t from, struct y_item *right)
{
    static const uint8_t lost[3] = {0xef, 0xbf, 0xbd};
    uint32_t rest = it->bytes - from - 4;
    int error = y_pool_room(doc, rest + 3);
    if (error)
        return error;
    uint8_t *to = doc->pool + doc->pool_len, *s = doc->pool + it->off;
    memcpy(to, lost, 3);
    memcpy(to + 3, s + from + 4, rest);
    memcpy(s + from, lost, 3);
    right->off = (uint32_t)doc->pool_len;
    right->bytes = rest + 3;
    doc->pool_len += rest + 3;
    doc->garbage += rest + 1 + (it->room ? (1u << it->room) - it->bytes : 0);
    it->bytes = from + 3;
    it->room = 0;
    return Y_OK;
}

static int cut_content(struct ydoc *doc, struct y_item *it, uint32_t at, struct y_item *right)
{
    uint32_t from = at;
    bool inside = false;
    if (it->kind == Y_STRING) {
        if (it->bytes != it->len)
            from = (uint32_t)y_utf16_offset(y_content(doc, it), it->bytes, at, &inside);
        if (inside)
            return cut_pair(doc, it, from, right);
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
    if (y_note_split(doc, it->client, it->clock + at) < 0)
        return 0;
    y_handle right = y_cut(doc, h, at);
    if (!right)
        doc->txn->split_count--;
    return right;
}

y_handle y_cut(struct ydoc *doc, y_handle h, uint32_t at)
{
    struct y_item *it = y_item(doc, h);
    struct y_client *c = &doc->clients[it->client];
    struct y_at place = y_find(c, it->clock);
    if ((it->flags & Y_REDONE) && y_redone_room(doc) < 0)
        return 0;
    struct y_seq *s = &doc->seqs[it->seq];
    uint32_t bytes = y_visible_bytes(it);
    y_handle rh = y_item_new(doc);
    struct y_item *right = y_item(doc, rh);
    right->client = it->client;
    right->clock = it->clock + at;
    right->len = it->len - at;
    right->kind = it->kind;
    right->flags = it->flags;
    right->origin = (struct y_id){it->client, right->clock - 1};
    right->right_origin = it->right_origin;
    right->seq = it->seq;
    right->left = h;
    right->right = it->right;
    if (y_insert_after(doc, c, place, rh) < 0)
        goto fail;
    if (cut_content(doc, it, at, right) < 0) {
        y_remove(c, y_find(c, right->clock), 1);
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

y_handle y_clean_end(struct ydoc *doc, struct y_id id)
{
    y_handle h = y_item_at(doc, id);
    const struct y_item *it = y_item(doc, h);
    if (it->kind != Y_GC && id.clock != y_end_of(it) - 1 &&
        !y_split(doc, h, id.clock - it->clock + 1))
        return 0;
    return h;
}

y_handle y_clean_start(struct ydoc *doc, struct y_id id)
{
    y_handle h = y_item_at(doc, id);
    const struct y_item *it = y_item(doc, h);
    return it->kind != Y_GC && id.clock != it->clock ? y_split(doc, h, id.clock - it->clock) : h;
}

/* --- merging ---------------------------------------------------------------------------------- */

/* Whether two were one item before the transaction that is rolled back. */
static bool parted(const struct ydoc *doc, const struct y_item *left, y_handle rh,
                   const struct y_item *right)
{
    struct y_item l = *left, r = *right;
    l.flags &= (uint8_t)~Y_REDONE;
    r.flags &= (uint8_t)~Y_REDONE;
    return doc->rejoining && y_redone_parted(doc, left, right) && y_mergeable(&l, rh, &r);
}

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
        const struct y_item *l = y_item(doc, lh), *r = y_item(doc, rh);
        if (!y_mergeable(l, rh, r) && !parted(doc, l, rh, r))
            break;
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
    y_remove(c, at, n);
    *place = first;
    return n;
}
