/*
 * Writing v1 updates and state vectors (yjs encoding.js `writeClientsStructs`, Item.js `write`,
 * DeleteSet.js). Clients are written highest id first. What waits is written behind a Skip over the
 * gap.
 */
#include "y/y_int.h"

#include <stdlib.h>
#include <string.h>

struct out {
    struct ybuf *b;
    int error;
};

static void put(struct out *o, const void *p, size_t n)
{
    if (!o->error)
        o->error = ybuf_append(o->b, p, n);
}

static void put_u8(struct out *o, uint8_t n)
{
    put(o, &n, 1);
}

static void put_uint(struct out *o, uint64_t n)
{
    if (!o->error)
        o->error = y_write_varuint(o->b, n);
}

static void put_string(struct out *o, const char *s, size_t len)
{
    put_uint(o, len);
    put(o, s, len);
}

static void put_id(struct out *o, struct y_id id)
{
    put_uint(o, id.client->id);
    put_uint(o, id.clock);
}

/* --- one struct ----------------------------------------------------------------------------------
 */

static void put_parent(struct out *o, const struct y_item *it)
{
    if (it->parent_id.client || it->parent->owner) {
        put_uint(o, 0);
        put_id(o, it->parent_id.client
                      ? it->parent_id
                      : (struct y_id){it->parent->owner->client, it->parent->owner->clock});
    } else {
        put_uint(o, 1);
        put_string(o, it->parent->name->s, it->parent->name->len);
    }
    if (it->key)
        put_string(o, it->key->s, it->key->len);
}

static void put_content(struct out *o, const struct y_item *it)
{
    if (it->kind == Y_DELETED || it->kind == Y_JSON || it->kind == Y_ANY)
        put_uint(o, it->len);
    else if (it->kind == Y_STRING)
        put_uint(o, it->bytes);
    put(o, it->data, it->bytes);
}

static void put_struct(struct out *o, const struct y_item *it, uint32_t offset)
{
    struct y_item part = *it;
    if (it->kind == Y_GC) {
        put_u8(o, Y_GC);
        put_uint(o, it->len - offset);
        return;
    }
    if (offset) {
        /* A copy of the rest; the item itself stays whole. */
        part.data = y_grow(NULL, it->bytes);
        part.cap = it->bytes;
        if (it->bytes)
            memcpy(part.data, it->data, it->bytes);
        y_trim_front(&part, offset);
        part.origin = (struct y_id){it->client, part.clock - 1};
    }
    put_u8(o, (uint8_t)(part.kind | (part.origin.client ? 0x80 : 0) |
                        (part.right_origin.client ? 0x40 : 0) | (part.key ? 0x20 : 0)));
    if (part.origin.client)
        put_id(o, part.origin);
    if (part.right_origin.client)
        put_id(o, part.right_origin);
    if (!part.origin.client && !part.right_origin.client)
        put_parent(o, &part);
    put_content(o, &part);
    if (offset)
        free(part.data);
}

/* --- clients -------------------------------------------------------------------------------------
 */

static int highest_first(const void *a, const void *b)
{
    uint64_t x = (*(struct y_client *const *)a)->id, y = (*(struct y_client *const *)b)->id;
    return (x < y) - (x > y);
}

static struct y_client **sorted(const struct ydoc *doc)
{
    struct y_client **list = y_grow(NULL, (doc->client_count + 1) * sizeof(*list));
    if (doc->client_count)
        memcpy(list, doc->all, doc->client_count * sizeof(*list));
    qsort(list, doc->client_count, sizeof(*list), highest_first);
    return list;
}

static int item_by_clock(const void *a, const void *b)
{
    const struct y_item *x = *(struct y_item *const *)a, *y = *(struct y_item *const *)b;
    if (x->clock != y->clock)
        return x->clock < y->clock ? -1 : 1;
    return (x->len < y->len) - (x->len > y->len);
}

/* The waiting structs in order, without what is known or said twice. Owned by the caller. */
static struct y_item **waiting(const struct y_client *c, size_t *count)
{
    struct y_item **list = y_grow(NULL, (c->heap_count + 1) * sizeof(*list));
    uint32_t end = 0;
    *count = 0;
    if (c->heap_count)
        memcpy(list, c->heap, c->heap_count * sizeof(*list));
    qsort(list, c->heap_count, sizeof(*list), item_by_clock);
    for (size_t i = 0; i < c->heap_count; i++) {
        if (y_end_of(list[i]) <= end)
            continue;
        end = y_end_of(list[i]);
        list[(*count)++] = list[i];
    }
    return list;
}

/* Structs from `clock` on. False if there are none. */
static bool put_client(struct out *o, struct y_client *c, uint32_t clock)
{
    size_t first = clock < c->state ? y_find(c, clock) : c->count, n = c->count - first, waits,
           from = 0;
    struct y_item **list = waiting(c, &waits);
    uint32_t end = c->state > clock ? c->state : clock;
    while (from < waits && y_end_of(list[from]) <= end)
        from++;
    for (size_t i = from, at = end; i < waits; at = y_end_of(list[i++]))
        n += 1 + (list[i]->clock > at);
    /* A waiting struct right at the beginning needs no Skip before it. */
    bool bare = first == c->count && from < waits && list[from]->clock > end;
    if (bare)
        n--;
    if (!n) {
        free(list);
        return false;
    }
    uint32_t begin = first < c->count ? clock : bare ? list[from]->clock : end;
    put_uint(o, n);
    put_uint(o, c->id);
    put_uint(o, begin);
    for (size_t i = first; i < c->count; i++)
        put_struct(o, c->structs[i], i == first ? clock - c->structs[i]->clock : 0);
    if (bare)
        end = begin;
    for (size_t i = from; i < waits; i++) {
        if (list[i]->clock > end) {
            put_u8(o, Y_SKIP);
            put_uint(o, list[i]->clock - end);
            end = list[i]->clock;
        }
        put_struct(o, list[i], end - list[i]->clock);
        end = y_end_of(list[i]);
    }
    free(list);
    return true;
}

static void deleted_ranges(const struct y_client *c, struct y_ranges *r)
{
    r->count = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->structs[i]->deleted)
            y_ranges_add(r, c->structs[i]->clock, c->structs[i]->len);
    for (size_t i = 0; i < c->pending_deletes.count; i++)
        y_ranges_add(r, c->pending_deletes.list[i].clock, c->pending_deletes.list[i].len);
    if (c->pending_deletes.count)
        y_ranges_sort(r);
}

static void put_ranges(struct out *o, const struct y_client *c, const struct y_ranges *r)
{
    put_uint(o, c->id);
    put_uint(o, r->count);
    for (size_t i = 0; i < r->count; i++) {
        put_uint(o, r->list[i].clock);
        put_uint(o, r->list[i].len);
    }
}

/* Counts come first on the wire and last in the making: the parts are put together at the end. */
static int finish(struct out *o, uint64_t count, struct ybuf *part)
{
    int error = o->error;
    if (!error)
        error = y_write_varuint(part, count);
    if (!error)
        error = ybuf_append(part, o->b->data, o->b->len);
    o->b->len = 0;
    return error;
}

static int put_delete_set(const struct ydoc *doc, struct y_client **list, struct out *o,
                          struct ybuf *whole)
{
    struct y_ranges r = {0};
    uint64_t clients = 0;
    for (size_t i = 0; i < doc->client_count; i++) {
        deleted_ranges(list[i], &r);
        if (!r.count)
            continue;
        put_ranges(o, list[i], &r);
        clients++;
    }
    free(r.list);
    return finish(o, clients, whole);
}

struct known {
    uint64_t id;
    uint32_t clock;
};

static int known_order(const void *a, const void *b)
{
    uint64_t x = ((const struct known *)a)->id, y = ((const struct known *)b)->id;
    return (x > y) - (x < y);
}

/* The state vector as a sorted table, so that a long one costs no more than its bytes. */
static struct known *known_table(struct y_reader r, uint64_t count)
{
    struct known *t = y_grow(NULL, (size_t)(count + 1) * sizeof(*t));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t id = y_read_varuint(&r), clock = y_read_varuint(&r);
        t[i] = (struct known){id, clock > Y_CLOCK_MAX ? (uint32_t)Y_CLOCK_MAX : (uint32_t)clock};
    }
    qsort(t, (size_t)count, sizeof(*t), known_order);
    return t;
}

int ydoc_encode_update(const struct ydoc *doc, const void *sv, size_t sv_len, struct ybuf *result)
{
    struct y_reader r = y_reader_of("", 0);
    uint64_t count = 0, clients = 0;
    if (sv_len && !y_sv_read(sv, sv_len, &r, &count))
        return Y_ERR_MALFORMED;
    struct known *known = known_table(r, count);
    struct y_client **list = sorted(doc);
    struct ybuf part = {0}, whole = {0};
    struct out o = {&part, 0};
    for (size_t i = 0; i < doc->client_count; i++) {
        struct known want = {list[i]->id, 0};
        const struct known *k = bsearch(&want, known, (size_t)count, sizeof(*known), known_order);
        clients += put_client(&o, list[i], k ? k->clock : 0);
    }
    int error = finish(&o, clients, &whole);
    if (!error)
        error = put_delete_set(doc, list, &o, &whole);
    if (!error)
        error = ybuf_append(result, whole.data, whole.len);
    ybuf_release(&part);
    ybuf_release(&whole);
    free(known);
    free(list);
    return error;
}

int ydoc_encode_state_vector(const struct ydoc *doc, struct ybuf *result)
{
    struct y_client **list = sorted(doc);
    struct out o = {result, 0};
    uint64_t n = 0;
    for (size_t i = 0; i < doc->client_count; i++)
        n += list[i]->state > 0;
    put_uint(&o, n);
    for (size_t i = 0; i < doc->client_count; i++) {
        if (!list[i]->state)
            continue;
        put_uint(&o, list[i]->id);
        put_uint(&o, list[i]->state);
    }
    free(list);
    return o.error;
}

/* What the transaction that was just ended did: for local edits. */
int y_encode_transaction(struct ydoc *doc, struct ybuf *result)
{
    struct y_client **list = sorted(doc);
    struct ybuf part = {0}, whole = {0};
    struct out o = {&part, 0};
    uint64_t clients = 0, deletes = 0;
    for (size_t i = 0; i < doc->client_count; i++) {
        struct y_client *c = list[i];
        if (c->epoch == doc->epoch && c->before < c->state)
            clients += put_client(&o, c, c->before);
    }
    int error = finish(&o, clients, &whole);
    for (size_t i = 0; i < doc->client_count; i++) {
        if (list[i]->epoch != doc->epoch || !list[i]->deleted.count)
            continue;
        put_ranges(&o, list[i], &list[i]->deleted);
        deletes++;
    }
    if (!error)
        error = finish(&o, deletes, &whole);
    if (!error)
        error = ybuf_append(result, whole.data, whole.len);
    ybuf_release(&part);
    ybuf_release(&whole);
    free(list);
    return error;
}
