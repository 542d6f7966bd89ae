/*
 * Where a document keeps things: clients, their structs by clock, items, content.
 *
 * A client's structs are in blocks of up to 256 entries {clock, item}: looking one up is a binary
 * search over the blocks and one within; putting one in the middle moves at most a block (2 KiB),
 * so that a document of any size is edited at the same speed anywhere. Items never move once they
 * are in a full chunk; the first chunk grows, so that a small document is small, and only in
 * y_items_reserve(). Content is appended to the pool; what is no longer used there is counted, and
 * at the end of a transaction the pool is copied when more than half of it is garbage.
 */
#include "y/y_int.h"

#include <stdlib.h>

#define POOL_SLACK 4096 /* garbage that is not worth a compaction */

/* --- clients ---------------------------------------------------------------------------------- */

static uint32_t client_slot(const struct ydoc *doc, uint64_t id)
{
    uint32_t mask = doc->client_table_cap - 1;
    uint32_t i = y_mix(doc, id) & mask;
    while (doc->client_table[i] && doc->clients[doc->client_table[i] - 1].id != id)
        i = (i + 1) & mask;
    return i;
}

uint32_t y_client_find(const struct ydoc *doc, uint64_t id)
{
    if (!doc->client_count)
        return Y_NOBODY;
    if (doc->clients[doc->last_client].id == id)
        return doc->last_client;
    return doc->client_table[client_slot(doc, id)] - 1;
}

static int clients_grow(struct ydoc *doc)
{
    if (doc->client_count == doc->client_cap) {
        uint32_t cap = doc->client_cap ? doc->client_cap * 2 : 4;
        struct y_client *p = y_realloc(doc->clients, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        doc->clients = p;
        doc->extra += (cap - doc->client_cap) * sizeof(*p);
        doc->client_cap = cap;
    }
    if ((doc->client_count + 1) * 2 > doc->client_table_cap) {
        uint32_t cap = doc->client_table_cap ? doc->client_table_cap * 2 : 8;
        uint32_t *p = y_realloc(doc->client_table, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        doc->extra += (cap - doc->client_table_cap) * sizeof(*p);
        doc->client_table = p;
        doc->client_table_cap = cap;
        memset(p, 0, cap * sizeof(*p));
        for (uint32_t i = 0; i < doc->client_count; i++)
            p[client_slot(doc, doc->clients[i].id)] = i + 1;
    }
    return Y_OK;
}

int y_client_of(struct ydoc *doc, uint64_t id, uint32_t *client)
{
    uint32_t known = y_client_find(doc, id);
    if (known == Y_NOBODY) {
        int error = clients_grow(doc);
        if (error)
            return error;
        known = doc->client_count++;
        doc->clients[known] = (struct y_client){.id = id, .blocked_on = Y_NOBODY};
        doc->client_table[client_slot(doc, id)] = known + 1;
        if (doc->depth && y_txn_room(doc) < 0)
            return Y_ERR_NOMEM;
    }
    doc->last_client = known;
    *client = known;
    return Y_OK;
}

struct keyed {
    uint64_t id;
    uint32_t client;
};

static int highest_first(const void *a, const void *b)
{
    uint64_t x = ((const struct keyed *)a)->id, y = ((const struct keyed *)b)->id;
    return (x < y) - (x > y);
}

/* Many at once: sorted among themselves, then merged with the others from behind. */
static int sort_new(struct ydoc *doc, uint32_t *p, uint32_t m)
{
    uint32_t n = doc->client_count, fresh = n - m;
    struct keyed *list = y_realloc(NULL, fresh * sizeof(*list));
    if (!list)
        return Y_ERR_NOMEM;
    for (uint32_t i = 0; i < fresh; i++)
        list[i] = (struct keyed){doc->clients[m + i].id, m + i};
    qsort(list, fresh, sizeof(*list), highest_first);
    while (fresh) {
        if (m && doc->clients[p[m - 1]].id < list[fresh - 1].id)
            p[--n] = p[--m];
        else
            p[--n] = list[--fresh].client;
    }
    y_mem_free(list);
    return Y_OK;
}

int y_clients_sorted(struct ydoc *doc)
{
    uint32_t n = doc->client_count, m = doc->order_count;
    if (m == n)
        return Y_OK;
    uint32_t *p = y_realloc(doc->order, n * sizeof(*p));
    if (!p)
        return Y_ERR_NOMEM;
    doc->order = p;
    if (n - m > 8) {
        if (sort_new(doc, p, m) < 0)
            return Y_ERR_NOMEM;
        doc->order_count = n;
        return Y_OK;
    }
    for (; m < n; m++) {
        uint64_t id = doc->clients[m].id;
        uint32_t low = 0, high = m;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (doc->clients[p[mid]].id > id)
                low = mid + 1;
            else
                high = mid;
        }
        memmove(p + low + 1, p + low, (m - low) * sizeof(*p));
        p[low] = m;
    }
    doc->order_count = n;
    return Y_OK;
}

void y_clients_rollback(struct ydoc *doc, uint32_t count)
{
    uint32_t kept = 0;
    if (doc->client_count <= count)
        return;
    for (uint32_t i = 0; i < doc->order_count; i++)
        if (doc->order[i] < count)
            doc->order[kept++] = doc->order[i];
    doc->order_count = kept;
    for (uint32_t i = count; i < doc->client_count; i++) {
        struct y_client *c = &doc->clients[i];
        for (uint32_t b = 0; b < c->block_count; b++) {
            doc->extra -= c->blocks[b].cap * sizeof(struct y_entry);
            y_mem_free(c->blocks[b].e);
        }
        doc->extra -= c->block_cap * sizeof(struct y_block);
        y_mem_free(c->blocks);
        y_wait_free(c);
    }
    doc->client_count = count;
    doc->last_client = 0;
    memset(doc->client_table, 0, doc->client_table_cap * sizeof(*doc->client_table));
    for (uint32_t i = 0; i < count; i++)
        doc->client_table[client_slot(doc, doc->clients[i].id)] = i + 1;
}

/* --- structs by clock ------------------------------------------------------------------------- */

static uint32_t find_in_block(const struct y_block *b, uint32_t clock)
{
    uint32_t low = 0, n = b->n;
    while (n > 1) {
        uint32_t half = n / 2;
        low += b->e[low + half].clock <= clock ? half : 0;
        n -= half;
    }
    return low;
}

/* Looks a few structs around where the look-up before ended. */
static inline bool near(const struct y_block *b, uint32_t *at, uint32_t clock)
{
    uint32_t i = *at, n = b->n;
    if (i + 1 >= n)
        return false;
    if (b->e[i].clock <= clock) {
        for (uint32_t stop = i + 4 < n ? i + 4 : n; i + 1 < stop; i++) {
            if (clock < b->e[i + 1].clock) {
                *at = i;
                return true;
            }
        }
        return false;
    }
    if (!i || b->e[i - 1].clock > clock)
        return false;
    *at = i - 1;
    return true;
}

/* Mostly it is the last struct, or near where the look-up before ended. */
struct y_at y_find(struct y_client *c, uint32_t clock)
{
    uint32_t last = c->block_count - 1;
    const struct y_block *b = &c->blocks[last];
    if (b->e[b->n - 1].clock <= clock)
        return (struct y_at){last, b->n - 1u};
    struct y_at at = c->hint;
    if (at.b <= last && near(&c->blocks[at.b], &at.i, clock))
        return c->hint = at;
    if (at.b > last || c->blocks[at.b].first > clock ||
        (at.b < last && c->blocks[at.b + 1].first <= clock)) {
        uint32_t n = last + 1;
        at.b = 0;
        while (n > 1) {
            uint32_t half = n / 2;
            at.b += c->blocks[at.b + half].first <= clock ? half : 0;
            n -= half;
        }
    }
    at.i = find_in_block(&c->blocks[at.b], clock);
    return c->hint = at;
}

bool y_at_next(const struct y_client *c, struct y_at *at)
{
    if (at->i + 1 < c->blocks[at->b].n) {
        at->i++;
        return true;
    }
    if (at->b + 1 == c->block_count)
        return false;
    at->b++;
    at->i = 0;
    return true;
}

bool y_at_prev(struct y_at *at, const struct y_client *c)
{
    if (at->i) {
        at->i--;
        return true;
    }
    if (!at->b)
        return false;
    at->b--;
    at->i = c->blocks[at->b].n - 1u;
    return true;
}

static int block_grow(struct ydoc *doc, struct y_block *b)
{
    uint16_t cap = b->cap < 64 ? (b->cap ? (uint16_t)(b->cap * 4) : 4) : Y_BLOCK;
    struct y_entry *e = y_realloc(b->e, cap * sizeof(*e));
    if (!e)
        return Y_ERR_NOMEM;
    doc->extra += (size_t)(cap - b->cap) * sizeof(*e);
    b->e = e;
    b->cap = cap;
    return Y_OK;
}

static int blocks_grow(struct ydoc *doc, struct y_client *c)
{
    if (c->block_count < c->block_cap)
        return Y_OK;
    uint32_t cap = c->block_cap ? c->block_cap + c->block_cap / 2 + 1 : 1;
    struct y_block *p = y_realloc(c->blocks, cap * sizeof(*p));
    if (!p)
        return Y_ERR_NOMEM;
    doc->extra += (cap - c->block_cap) * sizeof(*p);
    c->blocks = p;
    c->block_cap = cap;
    return Y_OK;
}

/* A new empty block at index `at`, with room. */
static int block_new(struct ydoc *doc, struct y_client *c, uint32_t at)
{
    if (blocks_grow(doc, c) < 0)
        return Y_ERR_NOMEM;
    struct y_block fresh = {NULL, 0, 0, c->block_count ? 64 : 0};
    if (fresh.cap) { /* the client is a big one: a whole block at once */
        fresh.e = y_realloc(NULL, Y_BLOCK * sizeof(*fresh.e));
        if (!fresh.e)
            return Y_ERR_NOMEM;
        fresh.cap = Y_BLOCK;
        doc->extra += Y_BLOCK * sizeof(*fresh.e);
    } else if (block_grow(doc, &fresh) < 0) {
        return Y_ERR_NOMEM;
    }
    memmove(c->blocks + at + 1, c->blocks + at, (c->block_count - at) * sizeof(*c->blocks));
    c->blocks[at] = fresh;
    c->block_count++;
    return Y_OK;
}

/* A full client gets its next block only when something comes into it: no block but a client's
 * first is ever empty. */
int y_append_room(struct ydoc *doc, struct y_client *c)
{
    if (!c->block_count)
        return block_new(doc, c, 0);
    struct y_block *b = &c->blocks[c->block_count - 1];
    if (b->n < b->cap)
        return Y_OK;
    if (b->n < Y_BLOCK)
        return block_grow(doc, b);
    if (!doc->spare_block) {
        doc->spare_block = y_realloc(NULL, Y_BLOCK * sizeof(*doc->spare_block));
        if (!doc->spare_block)
            return Y_ERR_NOMEM;
        doc->extra += Y_BLOCK * sizeof(*doc->spare_block);
    }
    return blocks_grow(doc, c);
}

void y_append(struct ydoc *doc, y_handle h)
{
    struct y_item *it = y_item(doc, h);
    struct y_client *c = &doc->clients[it->client];
    struct y_block *b = &c->blocks[c->block_count - 1];
    if (b->n == Y_BLOCK) {
        b = &c->blocks[c->block_count++];
        *b = (struct y_block){doc->spare_block, it->clock, 0, Y_BLOCK};
        doc->spare_block = NULL;
    }
    if (!b->n)
        b->first = it->clock;
    b->e[b->n++] = (struct y_entry){it->clock, h};
    c->state = y_end_of(it);
    doc->txn->steps++;
    if (c->heap_count || c->waiters || c->late_count)
        y_wait_look(doc, it->client);
}

int y_insert_after(struct ydoc *doc, struct y_client *c, struct y_at at, y_handle h)
{
    struct y_block *b = &c->blocks[at.b];
    uint32_t i = at.i + 1;
    if (b->n == b->cap) {
        if (b->n < Y_BLOCK) {
            if (block_grow(doc, b) < 0)
                return Y_ERR_NOMEM;
        } else {
            /* In two: half and half, but at the end of everything the full one stays full. */
            uint32_t keep = at.b + 1 == c->block_count && i == b->n ? Y_BLOCK : Y_BLOCK / 2;
            if (block_new(doc, c, at.b + 1) < 0)
                return Y_ERR_NOMEM;
            b = &c->blocks[at.b];
            struct y_block *right = b + 1;
            right->n = (uint16_t)(b->n - keep);
            memcpy(right->e, b->e + keep, right->n * sizeof(*b->e));
            right->first = right->n ? right->e[0].clock : y_item(doc, h)->clock;
            b->n = (uint16_t)keep;
            if (i > keep || (i == keep && keep == Y_BLOCK)) {
                i -= keep;
                b = right;
            }
        }
    }
    memmove(b->e + i + 1, b->e + i, (b->n - i) * sizeof(*b->e));
    b->e[i] = (struct y_entry){y_item(doc, h)->clock, h};
    b->n++;
    return Y_OK;
}

static void block_free(struct ydoc *doc, struct y_client *c, uint32_t b)
{
    doc->extra -= c->blocks[b].cap * sizeof(struct y_entry);
    y_mem_free(c->blocks[b].e);
    memmove(c->blocks + b, c->blocks + b + 1, (c->block_count - b - 1) * sizeof(*c->blocks));
    c->block_count--;
}

void y_remove(struct ydoc *doc, struct y_client *c, struct y_at at, uint32_t n)
{
    while (n) {
        struct y_block *b = &c->blocks[at.b];
        uint32_t here = n <= at.i + 1 ? n : at.i + 1, from = at.i + 1 - here;
        memmove(b->e + from, b->e + at.i + 1, (b->n - at.i - 1) * sizeof(*b->e));
        b->n = (uint16_t)(b->n - here);
        b->first = b->n ? b->e[0].clock : b->first;
        n -= here;
        if (!b->n)
            block_free(doc, c, at.b);
        if (n) {
            at.b--;
            at.i = c->blocks[at.b].n - 1u;
        }
    }
}

/* --- items ------------------------------------------------------------------------------------ */

static int chunk_new(struct ydoc *doc)
{
    if (doc->chunk_count == doc->chunk_cap) {
        uint32_t cap = doc->chunk_cap ? doc->chunk_cap * 2 : 4;
        struct y_item **p = y_realloc(doc->chunks, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        doc->chunks = p;
        doc->chunk_cap = cap;
    }
    struct y_item *chunk = y_realloc(NULL, Y_CHUNK * sizeof(*chunk));
    if (!chunk)
        return Y_ERR_NOMEM;
    doc->chunks[doc->chunk_count++] = chunk;
    doc->slots += Y_CHUNK;
    return Y_OK;
}

/* Slots [unused, slots) were never used; slot 0 never is. */
int y_items_reserve(struct ydoc *doc, uint32_t n)
{
    if (!doc->unused)
        doc->unused = 1;
    while (doc->free_count + (doc->slots > doc->unused ? doc->slots - doc->unused : 0) < n) {
        if (doc->slots >= Y_CHUNK || n > Y_CHUNK / 2) {
            if (doc->chunk_count == 1 && doc->slots < Y_CHUNK) {
                struct y_item *p = y_realloc(doc->chunks[0], Y_CHUNK * sizeof(*p));
                if (!p)
                    return Y_ERR_NOMEM;
                doc->chunks[0] = p;
                doc->slots = Y_CHUNK;
            } else if (chunk_new(doc) < 0) {
                return Y_ERR_NOMEM;
            }
            continue;
        }
        uint32_t slots = doc->slots ? doc->slots * 2 : 16;
        if (!doc->chunk_count) {
            doc->chunks = y_realloc(NULL, 4 * sizeof(*doc->chunks));
            if (!doc->chunks)
                return Y_ERR_NOMEM;
            doc->chunk_cap = 4;
            doc->chunks[0] = NULL;
            doc->chunk_count = 1;
        }
        struct y_item *p = y_realloc(doc->chunks[0], slots * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        doc->chunks[0] = p;
        doc->slots = slots;
    }
    return Y_OK;
}

y_handle y_item_new(struct ydoc *doc)
{
    y_handle h = doc->free_items;
    if (h) {
        doc->free_items = y_item(doc, h)->right;
        doc->free_count--;
    } else {
        h = doc->unused++;
    }
    struct y_item *it = y_item(doc, h);
    memset(it, 0, sizeof(*it));
    it->client = it->origin.client = it->right_origin.client = Y_NOBODY;
    return h;
}

void y_item_free(struct ydoc *doc, y_handle h)
{
    y_item(doc, h)->crowd = 0;
    y_item(doc, h)->right = doc->free_items;
    doc->free_items = h;
    doc->free_count++;
}

y_handle y_item_at(struct ydoc *doc, struct y_id id)
{
    struct y_client *c = &doc->clients[id.client];
    return y_at_entry(c, y_find(c, id.clock))->item;
}

/* --- content ---------------------------------------------------------------------------------- */

int y_pool_room(struct ydoc *doc, size_t n)
{
    if (doc->pool_cap - doc->pool_len >= n)
        return Y_OK;
    if (n > UINT32_MAX - doc->pool_len)
        return Y_ERR_RANGE;
    size_t cap = doc->pool_cap + doc->pool_cap / 4 + 64;
    if (cap < doc->pool_len + n)
        cap = doc->pool_len + n + 16;
    uint8_t *p = y_realloc(doc->pool, cap);
    if (!p)
        return Y_ERR_NOMEM;
    doc->pool = p;
    doc->pool_cap = cap;
    return Y_OK;
}

int y_set_content(struct ydoc *doc, struct y_item *it, const void *data, size_t len)
{
    int error = y_pool_room(doc, len);
    if (error)
        return error;
    if (len)
        memcpy(doc->pool + doc->pool_len, data, len);
    it->off = (uint32_t)doc->pool_len;
    it->bytes = (uint32_t)len;
    it->room = 0;
    doc->pool_len += len;
    return Y_OK;
}

/* In place if the content is the last in the pool or has room, else moved to the end with room to
 * double, so that two who type by turns cost what they type. */
int y_append_content(struct ydoc *doc, struct y_item *it, const void *data, size_t len)
{
    if (!len)
        return Y_OK;
    uint32_t room = it->room ? 1u << it->room : it->bytes;
    if (len > (UINT32_C(1) << 31) - it->bytes || it->bytes > UINT32_C(1) << 31)
        return Y_ERR_RANGE;
    if (room - it->bytes < len) {
        if ((size_t)it->off + room == doc->pool_len && !it->room) {
            int error = y_pool_room(doc, len);
            if (error)
                return error;
            doc->pool_len += len;
        } else {
            uint8_t log = 4;
            while (log < 31 && (UINT32_C(1) << log) < it->bytes + len)
                log++;
            int error = y_pool_room(doc, (size_t)1 << log);
            if (error)
                return error;
            memcpy(doc->pool + doc->pool_len, doc->pool + it->off, it->bytes);
            doc->garbage += room;
            it->off = (uint32_t)doc->pool_len;
            it->room = log;
            doc->pool_len += (size_t)1 << log;
        }
    }
    uint8_t *to = doc->pool + it->off + it->bytes;
    if (len == 1) /* a key */
        *to = *(const uint8_t *)data;
    else
        memcpy(to, data, len);
    it->bytes += (uint32_t)len;
    return Y_OK;
}

void y_drop_content(struct ydoc *doc, struct y_item *it)
{
    uint32_t room = it->room ? 1u << it->room : it->bytes;
    if (room && (size_t)it->off + room == doc->pool_len)
        doc->pool_len = it->off;
    else
        doc->garbage += room;
    it->off = it->bytes = 0;
    it->room = 0;
}

/* Copies what is used when more than half is not, and not more often than it costs to look at every
 * item. Not being able to is no error. */
void y_pool_compact(struct ydoc *doc)
{
    if (doc->garbage < POOL_SLACK || doc->garbage < doc->pool_len / 2 ||
        doc->garbage < (size_t)(doc->unused - doc->free_count) * 4)
        return;
    size_t cap = doc->pool_len - doc->garbage, len = 0;
    cap += cap / 4 + 64;
    uint8_t *p = y_realloc(NULL, cap);
    if (!p)
        return;
    for (uint32_t k = 0; k < doc->client_count; k++) {
        const struct y_client *c = &doc->clients[k];
        for (uint32_t b = 0; b < c->block_count; b++) {
            for (uint32_t i = 0; i < c->blocks[b].n; i++) {
                struct y_item *it = y_item(doc, c->blocks[b].e[i].item);
                if (!it->bytes || it->kind == Y_TYPE)
                    continue;
                memcpy(p + len, doc->pool + it->off, it->bytes);
                it->off = (uint32_t)len;
                it->room = 0;
                len += it->bytes;
            }
        }
    }
    y_mem_free(doc->pool);
    doc->pool = p;
    doc->pool_len = len;
    doc->pool_cap = cap;
    doc->garbage = 0;
}

size_t y_utf16_offset(const uint8_t *s, size_t bytes, uint32_t at, bool *inside)
{
    size_t i = 0;
    *inside = false;
    for (uint32_t units = 0; units < at && i < bytes;) {
        uint8_t b = s[i];
        uint32_t wide = b >= 0xf0 ? 2 : 1;
        if (units + wide > at) {
            *inside = true;
            return i;
        }
        units += wide;
        i += b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
    }
    return i;
}

/* Of many cuts in one string each costs the smaller part: all of them n log n, in whatever order. */
size_t y_utf16_offset_of(const uint8_t *s, size_t bytes, uint32_t units, uint32_t at, bool *inside)
{
    if (at <= units / 2)
        return y_utf16_offset(s, bytes, at, inside);
    size_t i = bytes;
    *inside = false;
    for (uint32_t left = units - at; left && i;) {
        do
            i--;
        while (i && (s[i] & 0xc0) == 0x80);
        uint32_t wide = s[i] >= 0xf0 ? 2 : 1;
        *inside = wide > left;
        left -= wide > left ? left : wide;
    }
    return i;
}

int y_string_out(const struct ydoc *doc, const struct y_item *it, uint32_t from, uint32_t to,
                 struct ybuf *out)
{
    const uint8_t *s = y_content(doc, it);
    size_t a = from, b = to;
    bool cut_front = false, cut_back = false;
    if (it->bytes != it->len) { /* else it is ASCII */
        a = y_utf16_offset(s, it->bytes, from, &cut_front);
        b = to == it->len ? it->bytes : y_utf16_offset(s, it->bytes, to, &cut_back);
    }
    int error = Y_OK;
    if (cut_front) {
        error = ybuf_append(out, "\xef\xbf\xbd", 3);
        a += 4;
    }
    if (!error && b > a)
        error = ybuf_append(out, s + a, b - a);
    if (!error && cut_back && !(cut_front && to - from == 1))
        error = ybuf_append(out, "\xef\xbf\xbd", 3);
    return error;
}
