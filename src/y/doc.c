/* Documents: making, freeing, measuring, checking. */
#include "y/y_int.h"

#define WAITING_BYTES (4u * 1024 * 1024)

struct ydoc *ydoc_new(const struct ydoc_opts *opts)
{
    struct ydoc *doc = y_realloc(NULL, sizeof(*doc));
    if (!doc)
        return NULL;
    *doc = (struct ydoc){0};
    /* Where things are differs from process to process and from document to document. */
    doc->seed = ((uint64_t)(uintptr_t)doc ^ (uint64_t)(uintptr_t)&ydoc_new << 20 ^
                 (uint64_t)(uintptr_t)&opts << 36) *
                UINT64_C(0xd6e8feb86659fd93);
    if (opts)
        doc->opts = *opts;
    if (!doc->opts.client_id)
        doc->opts.client_id = 1;
    ydoc_set_max_pending(doc, doc->opts.max_pending_bytes);
    doc->roots.doc = doc;
    doc->crowd.from = Y_CROWD;
    return doc;
}

void ydoc_set_max_pending(struct ydoc *doc, size_t bytes)
{
    doc->opts.max_pending_bytes = bytes ? bytes : WAITING_BYTES;
}

static void free_client(struct y_client *c)
{
    for (uint32_t b = 0; b < c->block_count; b++)
        y_mem_free(c->blocks[b].e);
    y_mem_free(c->blocks);
    y_wait_free(c);
}

void ydoc_free(struct ydoc *doc)
{
    if (!doc)
        return;
    for (uint32_t i = 0; i < doc->client_count; i++)
        free_client(&doc->clients[i]);
    y_chains_free(doc);
    for (uint32_t i = 0; i < doc->chunk_count; i++)
        y_mem_free(doc->chunks[i]);
    y_mem_free(doc->chunks);
    y_mem_free(doc->spare_block);
    y_mem_free(doc->clients);
    y_mem_free(doc->client_table);
    y_mem_free(doc->order);
    y_mem_free(doc->crowd.list);
    y_mem_free(doc->crowd.rights);
    y_mem_free(doc->late_popped);
    y_mem_free(doc->pool);
    y_mem_free(doc->same);
    y_txns_free(doc);
    y_hooks_free(doc);
    y_redone_free(doc);
    y_mem_free(doc);
}

bool ydoc_has_pending(const struct ydoc *doc)
{
    return doc->waiting_structs || doc->waiting_deletes;
}

size_t ydoc_memory(const struct ydoc *doc)
{
    return sizeof(*doc) + doc->slots * sizeof(struct y_item) + doc->pool_cap + doc->extra +
           doc->waiting_bytes;
}

size_t ydoc_pending_bytes(const struct ydoc *doc)
{
    return doc->waiting_bytes;
}

/* --- invariants ------------------------------------------------------------------------------- */

static const char *check_item(const struct ydoc *doc, y_handle h)
{
    const struct y_item *it = y_item(doc, h);
    if (it->kind == Y_GC)
        return it->flags != Y_DEAD || it->seq ? "GC that is not deleted, or in a chain" : NULL;
    if (!it->seq)
        return "an item without a chain";
    if ((it->flags & Y_REDONE) && y_redone_of(doc, it).client == Y_NOBODY)
        return "an item was brought back as nobody knows what";
    const struct y_seq *s = &doc->seqs[it->seq];
    if (it->left ? y_item(doc, it->left)->right != h : s->first != h)
        return "an item's left neighbour does not know it";
    if (it->right ? y_item(doc, it->right)->left != h : s->last != h)
        return "an item's right neighbour does not know it";
    if ((it->left && y_item(doc, it->left)->seq != it->seq) ||
        (it->right && y_item(doc, it->right)->seq != it->seq))
        return "an item has a neighbour of another chain";
    if (s->key && it->right && !(it->flags & Y_DEAD))
        return "a key has two values";
    if (it->kind == Y_DELETED && !(it->flags & Y_DEAD))
        return "deleted content in an item that is not deleted";
    if (it->kind != Y_TYPE && (size_t)it->off + it->bytes > doc->pool_len)
        return "content outside the pool";
    uint64_t units;
    if (it->kind == Y_STRING &&
        (!y_utf8_units(doc->pool + it->off, it->bytes, &units) || units != it->len))
        return "a string is not UTF-8, or of another length";
    if (it->kind == Y_TYPE && doc->types[it->off]->item != h)
        return "a type does not know its item";
    return NULL;
}

static const char *check_client(const struct ydoc *doc, const struct y_client *c)
{
    uint32_t clock = 0;
    for (uint32_t b = 0; b < c->block_count; b++) {
        if (!c->blocks[b].n && c->state)
            return "an empty block";
        if (c->blocks[b].n && c->blocks[b].first != c->blocks[b].e[0].clock)
            return "a block begins elsewhere";
        for (uint32_t i = 0; i < c->blocks[b].n; i++) {
            const struct y_item *it = y_item(doc, c->blocks[b].e[i].item);
            if (it->clock != clock || c->blocks[b].e[i].clock != clock || !it->len ||
                &doc->clients[it->client] != c)
                return "a client's structs are not without gaps";
            const char *wrong = check_item(doc, c->blocks[b].e[i].item);
            if (wrong)
                return wrong;
            clock = y_end_of(it);
        }
    }
    return clock == c->state ? NULL : "a client's state is not the end of its structs";
}

static const char *check_chain(const struct ydoc *doc, const struct y_seq *s)
{
    uint64_t units = 0, bytes = 0;
    y_handle last = 0;
    for (y_handle h = s->first; h; h = y_item(doc, h)->right) {
        units += y_units(y_item(doc, h));
        bytes += y_visible_bytes(y_item(doc, h));
        last = h;
    }
    if (last != s->last)
        return "a chain's last item is another";
    if (units != s->units || bytes != s->bytes)
        return "a chain's sums are wrong";
    return s->index ? y_index_check(doc, s) : NULL;
}

static const char *check_type(const struct ydoc *doc, const struct y_type *t)
{
    const char *wrong = check_chain(doc, &doc->seqs[t->list]);
    uint32_t last = 0;
    for (uint32_t e = t->first_entry; e && !wrong; e = doc->seqs[e].next) {
        if (doc->seqs[e].type != t->index || y_entry_find(doc, t, doc->seqs[e].key) != e)
            wrong = "an entry of another type, or not found";
        else
            wrong = check_chain(doc, &doc->seqs[e]);
        last = e;
    }
    return wrong ? wrong : last == t->last_entry ? NULL : "the last entry is another";
}

/* Every byte of the pool is somebody's, reserved, or garbage. */
static const char *check_pool(const struct ydoc *doc)
{
    size_t used = doc->garbage;
    for (uint32_t k = 0; k < doc->client_count; k++) {
        const struct y_client *c = &doc->clients[k];
        for (uint32_t b = 0; b < c->block_count; b++) {
            for (uint32_t i = 0; i < c->blocks[b].n; i++) {
                const struct y_item *it = y_item(doc, c->blocks[b].e[i].item);
                if (it->room && (UINT64_C(1) << it->room) < it->bytes)
                    return "content beyond its room";
                if (it->kind != Y_TYPE)
                    used += it->room ? (size_t)1 << it->room : it->bytes;
            }
        }
    }
    return used == doc->pool_len ? NULL : "the pool has bytes that are nobody's";
}

static const char *check_clients(const struct ydoc *doc)
{
    for (uint32_t i = 0; i < doc->client_count; i++)
        if (y_client_find(doc, doc->clients[i].id) != i)
            return "a client is not found";
    for (uint32_t i = 1; i < doc->order_count; i++)
        if (doc->clients[doc->order[i - 1]].id <= doc->clients[doc->order[i]].id)
            return "clients are not in order";
    return NULL;
}

/* Names, keys and roots are found. */
static const char *check_names(const struct ydoc *doc)
{
    for (uint32_t i = 1; i <= doc->name_count; i++)
        if (y_name_find(doc, doc->names[i].s, doc->names[i].len) != i)
            return "a name is not found";
    uint32_t last = 0;
    for (uint32_t e = doc->roots.first_entry; e; e = doc->seqs[e].next) {
        if (y_entry_find(doc, &doc->roots, doc->seqs[e].key) != e ||
            doc->types[doc->seqs[e].first]->name != doc->seqs[e].key)
            return "a root is not found";
        last = e;
    }
    return last == doc->roots.last_entry ? NULL : "the last root is another";
}

const char *ydoc_check(const struct ydoc *doc)
{
    const char *wrong = check_clients(doc);
    for (uint32_t i = 0; i < doc->client_count && !wrong; i++)
        wrong = check_client(doc, &doc->clients[i]);
    for (uint32_t i = 1; i <= doc->type_count && !wrong; i++)
        if (!((uintptr_t)doc->types[i] & 1))
            wrong = check_type(doc, doc->types[i]);
    if (!wrong)
        wrong = check_names(doc);
    if (!wrong)
        wrong = check_pool(doc);
    if (!wrong)
        wrong = y_crowd_check(doc);
    return wrong ? wrong : y_wait_check(doc);
}
