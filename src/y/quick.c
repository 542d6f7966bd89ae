/*
 * Single keystrokes, which most updates and most local edits are, without a transaction. What they do
 * is what the general way would come to:
 *
 *  - a string that continues its client's last one where nothing has come between: the item grows in
 *    place, its text in the pool. The general way makes a new item, which the end of the transaction
 *    merges into the one before.
 *  - a deletion within one string: it is cut out. Where what follows it in clocks and in the text was
 *    deleted before, as by backspace, only the boundary between the two moves.
 *
 * Only where nobody observes, nothing is kept that was deleted, and no formats are around.
 */
#include "y/codec_int.h"
#include "y/y_int.h"

/* --- typing ----------------------------------------------------------------------------------- */

/* A varUint of up to seven bytes, which every id and clock has; NULL if it is none. */
static inline const uint8_t *varuint(const uint8_t *p, const uint8_t *end, uint64_t *n)
{
    if (end - p >= 8) {
        unsigned bytes = y_varuint64(y_load64(p), n);
        return bytes ? p + bytes : NULL;
    }
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

static inline uint32_t find_client(const struct ydoc *doc, uint64_t id)
{
    if (doc->client_count && doc->clients[doc->last_client].id == id)
        return doc->last_client;
    return y_client_find(doc, id);
}

/* What a keystroke's update says: 1 section, 1 struct, a string that has its origin in the clock before
 * it, of the same client; then an empty delete set. */
struct keystroke {
    uint64_t client, clock, right_client, right_clock;
    const uint8_t *text;
    size_t n;
    bool has_right;
};

static inline bool read_keystroke(const uint8_t *p, const uint8_t *end, struct keystroke *k)
{
    uint64_t at, n;
    const uint8_t *q = varuint(p + 2, end, &k->client);
    if (!q)
        return false;
    size_t id = (size_t)(q - (p + 2));
    if (!(q = varuint(q, end, &k->clock)) || (size_t)(end - q) <= id)
        return false;
    uint8_t info = *q++;
    /* the same client in the same bytes: compared, not decoded */
    if ((info & ~Y_HAS_RIGHT) != (Y_STRING | Y_HAS_ORIGIN) || memcmp(q, p + 2, id) != 0 ||
        !(q = varuint(q + id, end, &at)) || at + 1 != k->clock)
        return false;
    k->has_right = info & Y_HAS_RIGHT;
    if (k->has_right &&
        (!(q = varuint(q, end, &k->right_client)) || !(q = varuint(q, end, &k->right_clock))))
        return false;
    if (q == end || *q == 0)
        return false;
    if (*q < 0x80)
        n = *q++;
    else if (!(q = varuint(q, end, &n)))
        return false;
    k->text = q;
    k->n = (size_t)n;
    return n + 1 == (uint64_t)(end - q) && end[-1] == 0;
}

/* True if the update was a keystroke and is applied; *error may be out of memory. False: nothing was
 * done, it is for the general way. */
static bool keystroke(struct ydoc *doc, const uint8_t *p, const uint8_t *end, int *error)
{
    struct keystroke k = {.right_client = 0};
    if (!read_keystroke(p, end, &k))
        return false;
    uint32_t client = find_client(doc, k.client);
    if (client == Y_NOBODY)
        return false;
    struct y_client *c = &doc->clients[client];
    if (c->state != k.clock || !c->block_count || c->heap_count || c->waiters || c->late_count)
        return false;
    const struct y_block *b = &c->blocks[c->block_count - 1];
    struct y_item *last = y_item(doc, b->e[b->n - 1].item);
    if (last->kind != Y_STRING || (last->flags & (Y_DEAD | Y_REDONE)) ||
        !same_right(doc, last, k.has_right, k.right_client, k.right_clock))
        return false;
    struct y_seq *s = &doc->seqs[last->seq];
    uint64_t units;
    if (s->key || !y_utf8_scan(k.text, k.n, &units) || Y_CLOCK_MAX - k.clock < units)
        return false;
    *error = y_append_content(doc, last, k.text, k.n);
    if (*error)
        return true;
    y_crowd_grown(doc, last);
    doc->last_client = client;
    last->len += (uint32_t)units;
    c->state += (uint32_t)units;
    s->units += (uint32_t)units;
    s->bytes += (uint32_t)k.n;
    s->cursor = 0;
    if (s->index)
        y_index_add(doc, s, last, (int64_t)units, (int64_t)k.n);
    return true;
}

/* --- deleting --------------------------------------------------------------------------------- */

/* The UTF-8 bytes of the last `units` units; 0 if that would cut a pair. */
static uint32_t tail_bytes(const uint8_t *s, uint32_t bytes, uint32_t units)
{
    uint32_t i = bytes;
    while (units && i) {
        do
            i--;
        while (i && (s[i] & 0xc0) == 0x80);
        uint32_t wide = s[i] >= 0xf0 ? 2 : 1;
        if (wide > units)
            return 0;
        units -= wide;
    }
    return bytes - i;
}

static bool shrink(struct ydoc *doc, struct y_client *c, struct y_at at, uint32_t n)
{
    struct y_at next = at;
    struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
    if (it->len <= n || !y_at_next(c, &next) || y_at_entry(c, next)->item != it->right)
        return false;
    struct y_item *gone = y_item(doc, it->right);
    struct y_seq *s = &doc->seqs[it->seq];
    if (gone->kind != Y_DELETED || gone->flags != Y_DEAD ||
        !y_same_id(gone->origin, y_last_id(it)) || !y_same_id(gone->right_origin, it->right_origin))
        return false;
    uint32_t bytes = n;
    if (it->bytes != it->len && !(bytes = tail_bytes(y_content(doc, it), it->bytes, n)))
        return false;
    if (gone->crowd && !it->crowd)
        y_crowd_forget(doc);
    if (!it->room) {
        if ((size_t)it->off + it->bytes == doc->pool_len)
            doc->pool_len -= bytes;
        else
            doc->garbage += bytes;
    }
    it->bytes -= bytes;
    it->len -= n;
    gone->clock -= n;
    gone->len += n;
    gone->origin.clock -= n;
    y_at_entry(c, next)->clock = gone->clock;
    if (!next.i)
        c->blocks[next.b].first = gone->clock;
    s->units -= n;
    s->bytes -= bytes;
    if (s->cursor != y_at_entry(c, at)->item)
        s->cursor = 0;
    if (s->index)
        y_index_add(doc, s, it, -(int64_t)n, -(int64_t)bytes);
    return true;
}

/* Whether a cut at unit `at` would be inside a surrogate pair. */
static bool in_pair(const struct ydoc *doc, const struct y_item *it, uint32_t at)
{
    bool inside = false;
    if (it->bytes != it->len)
        y_utf16_offset_of(y_content(doc, it), it->bytes, it->len, at, &inside);
    return inside;
}

/* Cuts [clock, clock + len) out of an item, which it is within; the item that is just that. 0: no
 * memory, and it is whole again. */
static y_handle cut_out(struct ydoc *doc, struct y_client *c, y_handle h, uint32_t clock,
                        uint32_t len)
{
    struct y_item *it = y_item(doc, h);
    struct y_split m;
    uint32_t from = it->clock;
    if (y_items_reserve(doc, 2) < 0)
        return 0;
    it = y_item(doc, h);
    if (clock + len < y_end_of(it) && !y_cut(doc, h, clock + len - from, &m))
        return 0;
    if (clock == from)
        return h;
    y_handle right = y_cut(doc, h, clock - from, &m);
    if (!right) {
        struct y_at at = y_find(c, clock + len - 1);
        if (y_at_next(c, &at))
            y_merge_left(doc, c, &at);
    }
    return right;
}

bool y_quick_delete(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len, int *error)
{
    struct y_client *c = &doc->clients[client];
    struct y_at at = y_find(c, clock), next;
    y_handle h = y_at_entry(c, at)->item;
    struct y_item *it = y_item(doc, h);
    if (it->kind != Y_STRING || it->flags || clock + len > y_end_of(it) || doc->opts.keep_deleted)
        return false;
    struct y_seq *s = &doc->seqs[it->seq];
    if (s->key || doc->types[s->type]->has_format)
        return false;
    if (in_pair(doc, it, clock - it->clock) || in_pair(doc, it, clock + len - it->clock))
        return false;
    if (clock + len == y_end_of(it) && shrink(doc, c, at, len))
        return true;
    h = cut_out(doc, c, h, clock, len);
    if (!h) {
        *error = Y_ERR_NOMEM;
        return true;
    }
    it = y_item(doc, h);
    s->units -= it->len;
    s->bytes -= it->bytes;
    s->cursor = 0;
    if (s->index)
        y_index_add(doc, s, it, -(int64_t)it->len, -(int64_t)it->bytes);
    y_drop_content(doc, it);
    it->kind = Y_DELETED;
    it->flags = Y_DEAD;
    at = next = y_find(c, clock);
    if (!y_at_next(c, &next) || !y_merge_left(doc, c, &next))
        y_merge_left(doc, c, &at);
    return true;
}

#define STEPS 8 /* to the left, over what was deleted */

/* --- local edits ------------------------------------------------------------------------------ */

static bool usable(const struct y_type *t)
{
    return !t->doc->depth && !t->doc->observed && !t->has_format && !y_by_bytes(t);
}

bool y_quick_type(struct y_type *t, uint64_t pos, const char *utf8, size_t len, uint32_t units,
                  int *error)
{
    struct ydoc *doc = t->doc;
    struct y_seq *s = &doc->seqs[t->list];
    uint32_t before, bytes;
    if (!pos || !usable(t))
        return false;
    y_handle h = y_locate(doc, s, pos, false, &before, &bytes);
    struct y_item *it = y_item(doc, h);
    if (pos != (uint64_t)before + it->len)
        return false;
    /* what was deleted there stays to the left, as in yjs insertText */
    y_handle left = h, right = it->right;
    while (right && (y_item(doc, right)->flags & Y_DEAD)) {
        left = right;
        right = y_item(doc, right)->right;
    }
    if (left != h || !y_extends(doc, left, right))
        return false;
    const struct y_client *c = &doc->clients[it->client];
    if (c->heap_count || c->waiters || c->late_count || c->state + (uint64_t)units > Y_CLOCK_MAX)
        return false; /* what waits has to be told */
    *error = y_append_content(doc, it, utf8, len);
    if (*error)
        return true;
    y_crowd_grown(doc, it);
    it->len += units;
    doc->clients[it->client].state += units;
    s->units += units;
    s->bytes += (uint32_t)len;
    s->cursor = h;
    s->cursor_units = before;
    s->cursor_bytes = bytes;
    if (s->index)
        y_index_add(doc, s, it, units, (int64_t)len);
    return true;
}

bool y_quick_erase(struct y_type *t, uint64_t pos, uint64_t len, int *error)
{
    struct ydoc *doc = t->doc;
    struct y_seq *s = &doc->seqs[t->list];
    uint32_t before, bytes;
    if (!usable(t))
        return false;
    y_handle h = y_locate(doc, s, pos + 1, false, &before, &bytes);
    const struct y_item *it = y_item(doc, h);
    uint32_t clock = it->clock + (uint32_t)pos - before;
    if (pos + len > (uint64_t)before + it->len)
        return false;
    if (clock == it->clock) { /* it will be gone: the cursor goes to what is left of it */
        h = it->left;
        for (int i = 0; h && (y_item(doc, h)->flags & Y_DEAD); i++)
            h = i < STEPS ? y_item(doc, h)->left : 0;
        if (h) {
            before -= y_units(y_item(doc, h));
            bytes -= y_visible_bytes(y_item(doc, h));
        }
    }
    if (!y_quick_delete(doc, it->client, clock, (uint32_t)len, error))
        return false;
    if (!*error) {
        s->cursor = h;
        s->cursor_units = before;
        s->cursor_bytes = bytes;
    }
    y_pool_compact(doc);
    return true;
}

/* An update with one range of one client, and nothing else. */
static bool deletion(struct ydoc *doc, const uint8_t *p, const uint8_t *end, int *error)
{
    uint64_t client, clock, len;
    const uint8_t *q = varuint(p + 2, end, &client);
    if (!q || q == end || *q++ != 1 || !(q = varuint(q, end, &clock)) ||
        !(q = varuint(q, end, &len)) || q != end || !len)
        return false;
    uint32_t k = find_client(doc, client);
    if (k == Y_NOBODY || clock > Y_CLOCK_MAX || len > Y_CLOCK_MAX ||
        clock + len > doc->clients[k].state)
        return false;
    if (!y_quick_delete(doc, k, (uint32_t)clock, (uint32_t)len, error))
        return false;
    if (!*error)
        y_pool_compact(doc);
    return true;
}

bool y_quick_apply(struct ydoc *doc, const uint8_t *p, const uint8_t *end, int *error)
{
    size_t len = (size_t)(end - p);
    if (len > 6 && p[0] == 1 && p[1] == 1)
        return keystroke(doc, p, end, error);
    return len > 4 && p[0] == 0 && p[1] == 1 && deletion(doc, p, end, error);
}
