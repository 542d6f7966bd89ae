/*
 * What was deleted and brought back: an undo manager inserts a copy, and the old item remembers as
 * what it lives on, so that places and later undos find the copy (yjs Item.js `redone`,
 * `followRedone`).
 *
 *     item, flag Y_REDONE     table: id of its first clock ──> id of the copy's first clock
 *
 * Items have no room for it, and few are ever redone: the links are a hash table of the document. A
 * split item's parts have a link each. Items with a link never merge.
 *
 * The journal is what this transaction linked, split and kept, to be taken back if it fails.
 */
#include "y/y_int.h"

struct link {
    struct y_id from, to; /* from.client Y_NOBODY: free */
};

enum note_kind { NOTE_LINK, NOTE_SPLIT, NOTE_KEEP };

struct note {
    enum note_kind kind;
    struct y_id id;
    uint32_t len;
};

struct y_redone {
    struct link *table;
    uint32_t cap, count;
    struct note *journal;
    uint32_t noted, journal_cap;
};

/* --- the table -------------------------------------------------------------------------------- */

static uint32_t home_of(const struct y_redone *r, struct y_id id)
{
    uint32_t h = id.client * 0x9e3779b1u ^ id.clock * 0x85ebca77u;
    return (h ^ h >> 15) & (r->cap - 1);
}

static uint32_t slot_of(const struct y_redone *r, struct y_id id)
{
    uint32_t i = home_of(r, id);
    while (r->table[i].from.client != Y_NOBODY && !y_same_id(r->table[i].from, id))
        i = (i + 1) & (r->cap - 1);
    return i;
}

static int table_room(struct y_redone *r)
{
    if ((r->count + 1) * 2 <= r->cap)
        return Y_OK;
    uint32_t old_cap = r->cap, cap = old_cap ? old_cap * 2 : 16;
    struct link *old = r->table, *p = y_realloc(NULL, cap * sizeof(*p));
    if (!p)
        return Y_ERR_NOMEM;
    for (uint32_t i = 0; i < cap; i++)
        p[i].from.client = Y_NOBODY;
    r->table = p;
    r->cap = cap;
    for (uint32_t i = 0; i < old_cap; i++)
        if (old[i].from.client != Y_NOBODY)
            p[slot_of(r, old[i].from)] = old[i];
    y_mem_free(old);
    return Y_OK;
}

static void put(struct y_redone *r, struct y_id from, struct y_id to)
{
    struct link *l = &r->table[slot_of(r, from)];
    r->count += l->from.client == Y_NOBODY;
    *l = (struct link){from, to};
}

/* What was behind the hole moves up. */
static void take(struct y_redone *r, struct y_id from)
{
    uint32_t mask = r->cap - 1, hole = slot_of(r, from);
    if (r->table[hole].from.client == Y_NOBODY)
        return;
    for (uint32_t i = (hole + 1) & mask; r->table[i].from.client != Y_NOBODY; i = (i + 1) & mask) {
        if (((i - home_of(r, r->table[i].from)) & mask) >= ((i - hole) & mask)) {
            r->table[hole] = r->table[i];
            hole = i;
        }
    }
    r->table[hole].from.client = Y_NOBODY;
    r->count--;
}

/* --- links ------------------------------------------------------------------------------------ */

int y_redone_room(struct ydoc *doc)
{
    struct y_redone *r = doc->redone;
    if (!r) {
        r = y_realloc(NULL, sizeof(*r));
        if (!r)
            return Y_ERR_NOMEM;
        *r = (struct y_redone){0};
        doc->redone = r;
    }
    if (r->noted == r->journal_cap) {
        uint32_t cap = r->journal_cap ? r->journal_cap * 2 : 16;
        struct note *p = y_realloc(r->journal, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        r->journal = p;
        r->journal_cap = cap;
    }
    return table_room(r);
}

static void note(struct y_redone *r, enum note_kind kind, const struct y_item *it)
{
    r->journal[r->noted++] = (struct note){kind, {it->client, it->clock}, it->len};
}

void y_redone_set(struct ydoc *doc, struct y_item *it, struct y_id to)
{
    note(doc->redone, NOTE_LINK, it);
    put(doc->redone, (struct y_id){it->client, it->clock}, to);
    it->flags |= Y_REDONE;
}

struct y_id y_redone_of(const struct ydoc *doc, const struct y_item *it)
{
    const struct y_id none = {Y_NOBODY, 0};
    if (!(it->flags & Y_REDONE))
        return none;
    const struct link *l =
        &doc->redone->table[slot_of(doc->redone, (struct y_id){it->client, it->clock})];
    return l->from.client == Y_NOBODY ? none : l->to;
}

void y_redone_split(struct ydoc *doc, const struct y_item *left, const struct y_item *right)
{
    struct y_id to = y_redone_of(doc, left);
    to.clock += right->clock - left->clock;
    note(doc->redone, NOTE_SPLIT, right);
    put(doc->redone, (struct y_id){right->client, right->clock}, to);
}

void y_redone_forget(struct ydoc *doc, const struct y_item *it)
{
    take(doc->redone, (struct y_id){it->client, it->clock});
}

y_handle y_redone_follow(struct ydoc *doc, struct y_id id, uint32_t *diff)
{
    for (;;) {
        y_handle h = y_item_at(doc, id);
        const struct y_item *it = y_item(doc, h);
        struct y_id next = y_redone_of(doc, it);
        *diff = id.clock - it->clock;
        if (next.client == Y_NOBODY)
            return h;
        id = (struct y_id){next.client, next.clock + *diff};
    }
}

/* --- the journal ------------------------------------------------------------------------------ */

int y_keep(struct ydoc *doc, y_handle h)
{
    while (h && !(y_item(doc, h)->flags & Y_KEEP)) {
        struct y_item *it = y_item(doc, h);
        if (y_redone_room(doc) < 0)
            return Y_ERR_NOMEM;
        note(doc->redone, NOTE_KEEP, it);
        it->flags |= Y_KEEP;
        h = y_seq_type(doc, it->seq)->item;
    }
    return Y_OK;
}

void y_redone_begin(struct ydoc *doc)
{
    if (doc->redone)
        doc->redone->noted = 0;
}

static void take_back(struct ydoc *doc, const struct note *n)
{
    struct y_client *c = &doc->clients[n->id.client];
    uint8_t flag = n->kind == NOTE_KEEP ? Y_KEEP : Y_REDONE;
    if (n->kind == NOTE_SPLIT) {
        take(doc->redone, n->id);
        return;
    }
    struct y_at at = y_find(c, n->id.clock);
    do {
        struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
        if (it->clock >= n->id.clock + n->len)
            break;
        if (n->kind == NOTE_LINK)
            take(doc->redone, (struct y_id){it->client, it->clock});
        it->flags &= (uint8_t)~flag;
    } while (y_at_next(c, &at));
}

void y_redone_rollback(struct ydoc *doc)
{
    struct y_redone *r = doc->redone;
    while (r && r->noted)
        take_back(doc, &r->journal[--r->noted]);
}

void y_redone_free(struct ydoc *doc)
{
    if (!doc->redone)
        return;
    y_mem_free(doc->redone->table);
    y_mem_free(doc->redone->journal);
    y_mem_free(doc->redone);
}
