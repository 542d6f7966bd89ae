/* Clients, items, types: where they are kept, found, split and merged. */
#include "y/y_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLAB 256

struct slab {
    struct slab *next;
    struct y_item items[SLAB];
};

void *y_grow(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (!q) {
        fputs("y: out of memory\n", stderr);
        abort();
    }
    return q;
}

void *y_alloc(size_t n)
{
    void *p = y_grow(NULL, n);
    memset(p, 0, n);
    return p;
}

struct y_key *y_key_new(const char *s, size_t len)
{
    struct y_key *k = y_alloc(sizeof(*k) + len);
    k->len = (uint32_t)len;
    if (len)
        memcpy(k->s, s, len);
    return k;
}

/* --- clients -------------------------------------------------------------------------------------
 */

static size_t client_slot(struct y_client *const *table, size_t cap, uint64_t id)
{
    size_t i = (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (cap - 1);
    while (table[i] && table[i]->id != id)
        i = (i + 1) & (cap - 1);
    return i;
}

struct y_client *y_client_find(const struct ydoc *doc, uint64_t id)
{
    if (doc->last && doc->last->id == id)
        return doc->last;
    return doc->client_cap ? doc->clients[client_slot(doc->clients, doc->client_cap, id)] : NULL;
}

static void rehash(struct ydoc *doc)
{
    size_t cap = doc->client_cap ? doc->client_cap * 2 : 16;
    struct y_client **table = y_alloc(cap * sizeof(*table));
    for (size_t i = 0; i < doc->client_count; i++)
        table[client_slot(table, cap, doc->all[i]->id)] = doc->all[i];
    free(doc->clients);
    doc->clients = table;
    doc->client_cap = cap;
}

struct y_client *y_client_of(struct ydoc *doc, uint64_t id)
{
    struct y_client *c = y_client_find(doc, id);
    if (c) {
        doc->last = c;
        return c;
    }
    if ((doc->client_count + 1) * 2 > doc->client_cap)
        rehash(doc);
    if (doc->client_count == doc->all_cap) {
        doc->all_cap = doc->all_cap ? doc->all_cap * 2 : 16;
        doc->all = y_grow(doc->all, doc->all_cap * sizeof(*doc->all));
    }
    c = y_alloc(sizeof(*c));
    c->id = id;
    doc->all[doc->client_count++] = c;
    doc->clients[client_slot(doc->clients, doc->client_cap, id)] = c;
    doc->memory += sizeof(*c);
    doc->last = c;
    return c;
}

/* --- items ---------------------------------------------------------------------------------------
 */

struct y_item *y_item_new(struct ydoc *doc)
{
    if (!doc->free_items) {
        struct slab *s = y_grow(NULL, sizeof(*s));
        s->next = doc->slabs;
        doc->slabs = s;
        doc->memory += sizeof(*s);
        for (size_t i = 0; i < SLAB; i++) {
            s->items[i].right = doc->free_items;
            doc->free_items = &s->items[i];
        }
    }
    struct y_item *it = doc->free_items;
    doc->free_items = it->right;
    *it = (struct y_item){0};
    return it;
}

/* `key` is not freed: it may be an entry's. */
void y_item_free(struct ydoc *doc, struct y_item *it)
{
    free(it->data);
    it->data = NULL;
    it->right = doc->free_items;
    doc->free_items = it;
}

void y_set_content(struct y_item *it, const void *data, size_t len)
{
    if (!len)
        return;
    it->data = y_grow(NULL, len);
    memcpy(it->data, data, len);
    it->bytes = it->cap = (uint32_t)len;
}

static void append_content(struct y_item *it, const struct y_item *more)
{
    if (!more->bytes)
        return;
    if (it->cap - it->bytes < more->bytes) {
        uint32_t cap = it->cap ? it->cap : 16;
        while (cap - it->bytes < more->bytes)
            cap *= 2;
        it->data = y_grow(it->data, cap);
        it->cap = cap;
    }
    memcpy(it->data + it->bytes, more->data, more->bytes);
    it->bytes += more->bytes;
}

/* Index of the struct that has `clock`, which must be below the client's state. */
size_t y_find(struct y_client *c, uint32_t clock)
{
    size_t low = 0, high = c->count - 1, mid = c->hint < c->count ? c->hint : high;
    if (c->structs[high]->clock <= clock)
        return high;
    for (;;) {
        struct y_item *it = c->structs[mid];
        if (clock < it->clock)
            high = mid - 1;
        else if (clock >= y_end_of(it))
            low = mid + 1;
        else
            break;
        mid = low + (high - low) / 2;
    }
    c->hint = mid;
    return mid;
}

static void insert_struct(struct y_client *c, size_t at, struct y_item *it)
{
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 8;
        c->structs = y_grow(c->structs, c->cap * sizeof(*c->structs));
    }
    memmove(c->structs + at + 1, c->structs + at, (c->count - at) * sizeof(*c->structs));
    c->structs[at] = it;
    c->count++;
}

void y_add_struct(struct ydoc *doc, struct y_item *it)
{
    struct y_client *c = it->client;
    y_touch(doc, c);
    insert_struct(c, c->count, it);
    c->state = y_end_of(it);
    doc->memory += it->bytes;
    doc->integrated = true;
}

/* --- content, cut --------------------------------------------------------------------------------
 */

/* Byte offset of UTF-16 unit `at`; *inside if that is the middle of a surrogate pair, whose first
 * byte the offset is then. */
static uint32_t utf16_offset(const struct y_item *it, uint32_t at, bool *inside)
{
    uint32_t i = 0, units = 0;
    *inside = false;
    if (it->bytes == it->len) /* all ASCII */
        return at;
    while (units < at) {
        uint8_t b = it->data[i];
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

static uint32_t wire_offset(const struct y_item *it, uint32_t at)
{
    struct y_reader r = y_reader_of(it->data, it->bytes);
    size_t len;
    for (uint32_t i = 0; i < at; i++) {
        if (it->kind == Y_ANY)
            y_skip_any(&r);
        else
            y_read_bytes(&r, &len);
    }
    return (uint32_t)(r.p - it->data);
}

/* What is cut in a surrogate pair has U+FFFD on both sides, as in Yjs (ContentString.splice). */
static void cut_string(struct y_item *it, uint32_t at, struct y_item *right)
{
    static const uint8_t lost[3] = {0xef, 0xbf, 0xbd};
    bool inside;
    uint32_t from = utf16_offset(it, at, &inside);
    if (!inside) {
        y_set_content(right, it->data + from, it->bytes - from);
        it->bytes = from;
        return;
    }
    uint32_t rest = it->bytes - from - 4;
    right->data = y_grow(NULL, rest + 3);
    right->bytes = right->cap = rest + 3;
    memcpy(right->data, lost, 3);
    memcpy(right->data + 3, it->data + from + 4, rest);
    memcpy(it->data + from, lost, 3);
    it->bytes = from + 3;
}

static void cut_content(struct y_item *it, uint32_t at, struct y_item *right)
{
    if (it->kind == Y_STRING) {
        cut_string(it, at, right);
    } else if (it->kind == Y_JSON || it->kind == Y_ANY) {
        uint32_t from = wire_offset(it, at);
        y_set_content(right, it->data + from, it->bytes - from);
        it->bytes = from;
    }
}

/* Drops the first n clocks of a struct that is not integrated. */
void y_trim_front(struct y_item *it, uint32_t n)
{
    struct y_item rest = {.kind = it->kind};
    if (it->kind != Y_GC && it->kind != Y_DELETED) {
        cut_content(it, n, &rest);
        free(it->data);
        it->data = rest.data;
        it->bytes = rest.bytes;
        it->cap = rest.cap;
    }
    it->clock += n;
    it->len -= n;
}

/* --- split and merge (yjs Item.js `splitItem`, `mergeWith`)
 * --------------------------------------- */

static void note_merge(struct ydoc *doc, struct y_item *it)
{
    if (doc->merge_count == doc->merge_cap) {
        doc->merge_cap = doc->merge_cap ? doc->merge_cap * 2 : 16;
        doc->merges = y_grow(doc->merges, doc->merge_cap * sizeof(*doc->merges));
    }
    doc->merges[doc->merge_count++] = (struct y_merge){it->client, it->clock};
}

void y_note_merge(struct ydoc *doc, struct y_item *it)
{
    note_merge(doc, it);
}

/* Cuts an integrated item before its clock `at` (of its own); the right half. */
struct y_item *y_split(struct ydoc *doc, struct y_item *it, uint32_t at)
{
    struct y_item *right = y_item_new(doc);
    size_t index = y_find(it->client, it->clock);
    right->client = it->client;
    right->clock = it->clock + at;
    right->len = it->len - at;
    right->kind = it->kind;
    right->deleted = it->deleted;
    right->origin = (struct y_id){it->client, right->clock - 1};
    right->right_origin = it->right_origin;
    right->parent = it->parent;
    right->key = it->key;
    cut_content(it, at, right);
    it->len = at;
    right->left = it;
    right->right = it->right;
    it->right = right;
    if (right->right)
        right->right->left = right;
    else if (right->key)
        y_entry_of(right->parent, right->key->s, right->key->len)->item = right;
    insert_struct(it->client, index + 1, right);
    note_merge(doc, right);
    return right;
}

struct y_item *y_clean_end(struct ydoc *doc, struct y_id id)
{
    struct y_item *it = id.client->structs[y_find(id.client, id.clock)];
    if (it->kind != Y_GC && id.clock != y_end_of(it) - 1)
        y_split(doc, it, id.clock - it->clock + 1);
    return it;
}

struct y_item *y_clean_start(struct ydoc *doc, struct y_id id)
{
    struct y_item *it = id.client->structs[y_find(id.client, id.clock)];
    if (it->kind != Y_GC && id.clock != it->clock)
        return y_split(doc, it, id.clock - it->clock);
    return it;
}

static bool merge(struct ydoc *doc, struct y_item *left, struct y_item *right)
{
    if (left->kind != right->kind || left->deleted != right->deleted)
        return false;
    if (left->kind == Y_GC) {
        left->len += right->len;
        return true;
    }
    if (left->kind != Y_DELETED && left->kind != Y_STRING && left->kind != Y_JSON &&
        left->kind != Y_ANY)
        return false;
    if (!y_same_id(right->origin, y_last_id(left)) || left->right != right ||
        !y_same_id(left->right_origin, right->right_origin))
        return false;
    append_content(left, right);
    left->right = right->right;
    if (left->right)
        left->right->left = left;
    left->len += right->len;
    if (right->key) {
        struct y_entry *e = y_entry_find(right->parent, right->key->s, right->key->len);
        if (e && e->item == right)
            e->item = left;
    }
    return true;
}

/* Merges structs[pos] into what is left of it, and that again, as far as it goes; how many went
 * (yjs Transaction.js `tryToMergeWithLefts`). */
size_t y_merge_left(struct ydoc *doc, struct y_client *c, size_t pos)
{
    size_t i = pos;
    while (i > 0 && merge(doc, c->structs[i - 1], c->structs[i])) {
        y_item_free(doc, c->structs[i]);
        i--;
    }
    if (i < pos) {
        memmove(c->structs + i + 1, c->structs + pos + 1,
                (c->count - pos - 1) * sizeof(*c->structs));
        c->count -= pos - i;
    }
    return pos - i;
}
