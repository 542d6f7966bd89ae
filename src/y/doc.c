/* Documents: making, applying, reading and editing text, checking. */
#include "y/y_int.h"

#include <stdlib.h>
#include <string.h>

#define PENDING_BYTES (4u * 1024 * 1024)
/* Parts of an update that are remembered when it is asked whether it would wait. */
#define SECTIONS 64

struct ydoc *ydoc_new(const struct ydoc_opts *opts)
{
    struct ydoc *doc = y_alloc(sizeof(*doc));
    if (opts)
        doc->opts = *opts;
    if (!doc->opts.client_id)
        doc->opts.client_id = 1;
    if (!doc->opts.max_pending_bytes)
        doc->opts.max_pending_bytes = PENDING_BYTES;
    return doc;
}

static void free_client(struct y_client *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->structs[i]->data);
    for (size_t i = 0; i < c->heap_count; i++) {
        free(c->heap[i]->data);
        free(c->heap[i]->key);
    }
    free(c->structs);
    free(c->heap);
    free(c->deleted.list);
    free(c->pending_deletes.list);
    free(c);
}

void ydoc_free(struct ydoc *doc)
{
    if (!doc)
        return;
    for (size_t i = 0; i < doc->client_count; i++)
        free_client(doc->all[i]);
    for (struct y_type *t = doc->types, *next; t; t = next) {
        next = t->next_all;
        y_entries_free(t);
        free(t);
    }
    y_entries_free(&doc->roots);
    for (void **slab = doc->slabs, **next; slab; slab = next) {
        next = *slab;
        free(slab);
    }
    free(doc->clients);
    free(doc->all);
    free(doc->merges);
    free(doc);
}

/* --- applying ------------------------------------------------------------------------------------
 */

struct section {
    uint64_t client, from, to;
};

static bool there(const struct ydoc *doc, const struct section *s, size_t n, uint64_t client,
                  uint64_t clock)
{
    const struct y_client *c = y_client_find(doc, client);
    if (c && clock < c->state)
        return true;
    for (size_t i = 0; i < n; i++)
        if (s[i].client == client && clock >= s[i].from && clock < s[i].to)
            return true;
    return false;
}

/* Whether a checked update begins beyond what its clients have, or the document has none of them
 * yet and so may wait for others: only such updates make what waits grow. */
static bool may_wait(const struct ydoc *doc, const void *update, size_t len)
{
    struct ydoc *probe = ydoc_new(&(struct ydoc_opts){.max_pending_bytes = SIZE_MAX});
    struct section s[SECTIONS];
    bool waits = false;
    struct y_reader r = y_reader_of(update, len);
    uint64_t clients = y_read_varuint(&r);
    y_begin(probe);
    r = y_reader_of(update, len);
    y_update_decode(probe, &r);
    y_end(probe);
    waits = clients > SECTIONS;
    size_t n = 0;
    for (size_t i = 0; i < probe->client_count && !waits; i++) {
        struct y_client *c = probe->all[i];
        uint64_t to = c->state;
        for (size_t k = 0; k < c->heap_count; k++)
            if (y_end_of(c->heap[k]) > to)
                to = y_end_of(c->heap[k]);
        uint64_t from = c->state ? 0 : c->heap_count ? c->heap[0]->clock : 0;
        if (to > from && n < SECTIONS)
            s[n++] = (struct section){c->id, from, to};
    }
    for (size_t i = 0; i < n && !waits; i++)
        waits = s[i].from && !there(doc, NULL, 0, s[i].client, s[i].from - 1);
    for (size_t i = 0; i < probe->client_count && !waits; i++) {
        struct y_client *c = probe->all[i];
        for (size_t k = 0; k < c->heap_count && !waits; k++) {
            const struct y_id ids[3] = {c->heap[k]->origin, c->heap[k]->right_origin,
                                        c->heap[k]->parent_id};
            for (int d = 0; d < 3; d++)
                if (ids[d].client && !there(doc, s, n, ids[d].client->id, ids[d].clock))
                    waits = true;
        }
    }
    ydoc_free(probe);
    return waits;
}

int ydoc_apply(struct ydoc *doc, const void *update, size_t len, struct y_applied *out)
{
    int error = y_update_check(update, len);
    if (error)
        return error;
    size_t pending = doc->pending_bytes;
    if (pending > doc->opts.max_pending_bytes && may_wait(doc, update, len))
        return Y_ERR_LIMIT;
    struct y_reader r = y_reader_of(update, len);
    y_begin(doc);
    y_update_decode(doc, &r);
    y_end(doc);
    if (out)
        *out = (struct y_applied){doc->integrated, doc->pending_bytes > pending};
    return Y_OK;
}

bool ydoc_has_pending(const struct ydoc *doc)
{
    for (size_t i = 0; i < doc->client_count; i++)
        if (doc->all[i]->heap_count || doc->all[i]->pending_deletes.count)
            return true;
    return false;
}

size_t ydoc_memory(const struct ydoc *doc)
{
    return doc->memory;
}

size_t ydoc_pending_bytes(const struct ydoc *doc)
{
    return doc->pending_bytes;
}

/* --- text ----------------------------------------------------------------------------------------
 */

int ydoc_text(const struct ydoc *doc, const char *name, struct ybuf *out)
{
    const struct y_type *t = y_root_find(doc, name);
    int error = Y_OK;
    for (const struct y_item *it = t ? t->start : NULL; it && !error; it = it->right)
        if (!it->deleted && it->kind == Y_STRING)
            error = ybuf_append(out, it->data, it->bytes);
    return error;
}

uint64_t ydoc_text_length(const struct ydoc *doc, const char *name)
{
    const struct y_type *t = y_root_find(doc, name);
    uint64_t n = 0;
    for (const struct y_item *it = t ? t->start : NULL; it; it = it->right)
        if (!it->deleted && y_countable(it))
            n += it->len;
    return n;
}

static struct y_item *local_item(struct ydoc *doc, enum y_kind kind, struct y_type *parent,
                                 struct y_item *left, struct y_item *right)
{
    struct y_item *it = y_item_new(doc);
    it->client = y_client_of(doc, doc->opts.client_id);
    it->clock = it->client->state;
    it->kind = (uint8_t)kind;
    it->parent = parent;
    if (left)
        it->origin = y_last_id(left);
    if (right)
        it->right_origin = (struct y_id){right->client, right->clock};
    return it;
}

static uint32_t utf16_length(const char *s, size_t len)
{
    uint32_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += (((uint8_t)s[i] & 0xc0) != 0x80) + ((uint8_t)s[i] >= 0xf0);
    return n;
}

/* The item that ends at `pos`, cut there if need be; NULL at the beginning. */
static struct y_item *seek(struct ydoc *doc, struct y_type *t, uint64_t pos)
{
    struct y_item *left = NULL;
    for (struct y_item *it = t->start; it && pos; left = it, it = it->right) {
        if (it->deleted || !y_countable(it))
            continue;
        if (pos < it->len)
            y_split(doc, it, (uint32_t)pos);
        pos -= it->len;
    }
    return left;
}

int ydoc_text_splice(struct ydoc *doc, const char *name, uint64_t pos, uint64_t del,
                     const char *utf8, size_t len, struct ybuf *update)
{
    uint64_t length = ydoc_text_length(doc, name);
    if (!y_utf8_valid(utf8, len))
        return Y_ERR_MALFORMED;
    if (pos > length || del > length - pos)
        return Y_ERR_RANGE;
    if (y_client_of(doc, doc->opts.client_id)->state + (uint64_t)len > Y_CLOCK_MAX)
        return Y_ERR_RANGE;
    struct y_type *t = y_root(doc, name, strlen(name));
    y_begin(doc);
    struct y_item *left = seek(doc, t, pos), *right = left ? left->right : t->start;
    if (len) {
        struct y_item *it = local_item(doc, Y_STRING, t, left, right);
        it->len = utf16_length(utf8, len);
        y_set_content(it, utf8, len);
        y_integrate(doc, it);
    }
    for (struct y_item *it = right; it && del; it = it->right) {
        if (it->deleted || !y_countable(it))
            continue;
        if (del < it->len)
            y_split(doc, it, (uint32_t)del);
        del -= it->len;
        y_delete(doc, it);
    }
    y_end(doc);
    return update ? y_encode_transaction(doc, update) : Y_OK;
}

/* --- map -----------------------------------------------------------------------------------------
 */

int ydoc_map_string(const struct ydoc *doc, const char *name, const char *key, struct ybuf *out)
{
    const struct y_type *t = y_root_find(doc, name);
    const struct y_entry *e = t ? y_entry_find(t, key, strlen(key)) : NULL;
    const struct y_item *it = e ? e->item : NULL;
    if (!it || it->deleted || it->kind != Y_ANY)
        return 0;
    struct y_reader r = y_reader_of(it->data, it->bytes);
    for (uint32_t i = 1; i < it->len; i++)
        y_skip_any(&r);
    if (y_read_u8(&r) != 119)
        return 0;
    size_t len;
    const char *s = y_read_string(&r, &len);
    int error = ybuf_append(out, s, len);
    return error ? error : 1;
}

int ydoc_map_set_string(struct ydoc *doc, const char *name, const char *key, const char *utf8,
                        size_t len, struct ybuf *update)
{
    struct ybuf any = {0};
    uint8_t tag = 119;
    if (!y_utf8_valid(utf8, len))
        return Y_ERR_MALFORMED;
    int error = ybuf_append(&any, &tag, 1);
    if (!error)
        error = y_write_bytes(&any, utf8, len);
    if (error) {
        ybuf_release(&any);
        return error;
    }
    struct y_type *t = y_root(doc, name, strlen(name));
    struct y_entry *e = y_entry_of(t, key, strlen(key));
    y_begin(doc);
    struct y_item *it = local_item(doc, Y_ANY, t, e->item, NULL);
    it->len = 1;
    it->key = y_key_new(key, strlen(key));
    y_set_content(it, any.data, any.len);
    ybuf_release(&any);
    y_integrate(doc, it);
    y_end(doc);
    return update ? y_encode_transaction(doc, update) : Y_OK;
}

/* --- invariants ----------------------------------------------------------------------------------
 */

static const char *check_client(const struct y_client *c)
{
    uint32_t clock = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct y_item *it = c->structs[i];
        if (it->clock != clock || !it->len || it->client != c)
            return "a client's structs are not without gaps";
        if (it->kind == Y_GC && !it->deleted)
            return "GC that is not deleted";
        if (it->kind != Y_GC && !it->parent)
            return "an item without parent";
        if (it->kind != Y_GC && it->right && it->right->left != it)
            return "neighbours do not know each other";
        if (it->kind == Y_STRING && !it->deleted && !y_utf8_valid(it->data, it->bytes))
            return "a string is not UTF-8";
        clock = y_end_of(it);
    }
    return clock == c->state ? NULL : "a client's state is not the end of its structs";
}

const char *ydoc_check(const struct ydoc *doc)
{
    for (size_t i = 0; i < doc->client_count; i++) {
        const struct y_client *c = doc->all[i];
        const char *wrong = check_client(c);
        if (wrong)
            return wrong;
        for (size_t k = 1; k < c->heap_count; k++)
            if (c->heap[(k - 1) / 2]->clock > c->heap[k]->clock)
                return "the heap is not in order";
    }
    for (const struct y_type *t = doc->types; t; t = t->next_all)
        for (size_t i = 0; i < t->bucket_count; i++)
            for (const struct y_entry *e = t->buckets[i]; e; e = e->next)
                if (e->item && e->item->right)
                    return "a map's value is not the last of its chain";
    return NULL;
}
