/*
 * Names, chains of items, and the types that they belong to.
 *
 * A shared type is a chain of items, its list, and one more chain for each key that was ever set in
 * it. All keys of all types are in one hash table, (type, name) -> chain; the entries of one type
 * are linked in the order in which they came, which is the order of a JavaScript Map. The roots are
 * the entries of a type that nobody sees, whose chains name a type instead of holding items.
 */
#include "y/y_int.h"

/* --- names ------------------------------------------------------------------------------------ */

static uint32_t hash_of(const struct ydoc *doc, const uint8_t *s, size_t len)
{
    uint64_t h = len * UINT64_C(0x9e3779b97f4a7c15), n;
    for (; len >= 8; s += 8, len -= 8) {
        memcpy(&n, s, 8);
        h = (uint64_t)y_mix(doc, h ^ n) << 32 | y_mix(doc, h + n + 1);
    }
    n = 0;
    if (len)
        memcpy(&n, s, len);
    return y_mix(doc, h ^ n);
}

static uint32_t name_slot(const struct ydoc *doc, const uint8_t *s, size_t len, uint32_t hash)
{
    uint32_t mask = doc->name_table_cap - 1, i = hash & mask;
    for (; doc->name_table[i]; i = (i + 1) & mask) {
        const struct y_name *n = &doc->names[doc->name_table[i]];
        if (n->hash == hash && n->len == len && (!len || memcmp(n->s, s, len) == 0))
            break;
    }
    return i;
}

uint32_t y_name_find(const struct ydoc *doc, const void *s, size_t len)
{
    if (!doc->name_table_cap)
        return 0;
    return doc->name_table[name_slot(doc, s, len, hash_of(doc, s, len))];
}

static int names_grow(struct ydoc *doc)
{
    if (doc->name_count + 1 >= doc->name_cap) {
        uint32_t cap = doc->name_cap ? doc->name_cap * 2 : 8;
        struct y_name *p = y_realloc(doc->names, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        doc->names = p;
        doc->name_cap = cap;
    }
    if ((doc->name_count + 2) * 2 > doc->name_table_cap) {
        uint32_t cap = doc->name_table_cap ? doc->name_table_cap * 2 : 16;
        uint32_t *p = y_realloc(doc->name_table, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        doc->name_table = p;
        doc->name_table_cap = cap;
        memset(p, 0, cap * sizeof(*p));
        for (uint32_t i = 1; i <= doc->name_count; i++) {
            const struct y_name *n = &doc->names[i];
            p[name_slot(doc, n->s, n->len, n->hash)] = i;
        }
    }
    return Y_OK;
}

int y_name_of(struct ydoc *doc, const void *s, size_t len, uint32_t *name)
{
    uint32_t known = y_name_find(doc, s, len);
    if (len >= UINT32_MAX)
        return Y_ERR_RANGE;
    if (!known) {
        if (names_grow(doc) < 0)
            return Y_ERR_NOMEM;
        uint8_t *copy = y_realloc(NULL, len + 1);
        if (!copy)
            return Y_ERR_NOMEM;
        if (len)
            memcpy(copy, s, len);
        copy[len] = 0;
        known = ++doc->name_count;
        uint32_t hash = hash_of(doc, copy, len);
        doc->names[known] = (struct y_name){copy, (uint32_t)len, hash};
        doc->name_table[name_slot(doc, copy, len, hash)] = known;
        doc->extra += len + sizeof(struct y_name) + 16;
    }
    *name = known;
    return Y_OK;
}

/* --- chains ----------------------------------------------------------------------------------- */

static int seq_new(struct ydoc *doc, uint32_t type, uint32_t key, uint32_t *seq)
{
    uint32_t s = doc->free_seq;
    if (s) {
        doc->free_seq = doc->seqs[s].next;
    } else {
        if (doc->seq_count + 1 >= doc->seq_cap) {
            uint32_t cap = doc->seq_cap ? doc->seq_cap * 2 : 8;
            struct y_seq *p = y_realloc(doc->seqs, cap * sizeof(*p));
            if (!p)
                return Y_ERR_NOMEM;
            doc->extra += (cap - doc->seq_cap) * sizeof(*p);
            doc->seqs = p;
            doc->seq_cap = cap;
        }
        s = ++doc->seq_count;
    }
    doc->seqs[s] = (struct y_seq){.type = type, .key = key};
    *seq = s;
    return Y_OK;
}

static void seq_free(struct ydoc *doc, uint32_t s)
{
    if (doc->crowd.seq == s) { /* its items are gone already */
        doc->crowd.seq = 0;
        y_crowd_forget(doc);
    }
    y_index_drop(doc, &doc->seqs[s]);
    doc->seqs[s] = (struct y_seq){.next = doc->free_seq};
    doc->free_seq = s;
}

static uint32_t entry_hash(const struct ydoc *doc, uint32_t type, uint32_t key)
{
    return y_mix(doc, (uint64_t)type << 32 | key);
}

static uint32_t entry_slot(const struct ydoc *doc, uint32_t type, uint32_t key)
{
    uint32_t mask = doc->seq_table_cap - 1, i = entry_hash(doc, type, key) & mask;
    for (; doc->seq_table[i]; i = (i + 1) & mask) {
        const struct y_seq *s = &doc->seqs[doc->seq_table[i]];
        if (s->type == type && s->key == key)
            break;
    }
    return i;
}

uint32_t y_entry_find(const struct ydoc *doc, const struct y_type *t, uint32_t name)
{
    if (!name || !doc->seq_table_cap)
        return 0;
    return doc->seq_table[entry_slot(doc, t->index, name)];
}

static int table_grow(struct ydoc *doc)
{
    if ((doc->seq_table_used + 1) * 2 <= doc->seq_table_cap)
        return Y_OK;
    uint32_t old_cap = doc->seq_table_cap, cap = old_cap ? old_cap * 2 : 16;
    uint32_t *old = doc->seq_table, *p = y_realloc(NULL, cap * sizeof(*p));
    if (!p)
        return Y_ERR_NOMEM;
    memset(p, 0, cap * sizeof(*p));
    doc->extra += (cap - old_cap) * sizeof(*p);
    doc->seq_table = p;
    doc->seq_table_cap = cap;
    for (uint32_t i = 0; i < old_cap; i++)
        if (old[i])
            p[entry_slot(doc, doc->seqs[old[i]].type, doc->seqs[old[i]].key)] = old[i];
    y_mem_free(old);
    return Y_OK;
}

int y_entry_of(struct ydoc *doc, struct y_type *t, uint32_t name, uint32_t *seq)
{
    uint32_t s = y_entry_find(doc, t, name);
    if (!s) {
        if (table_grow(doc) < 0 || seq_new(doc, t->index, name, &s) < 0)
            return Y_ERR_NOMEM;
        doc->seq_table[entry_slot(doc, t->index, name)] = s;
        doc->seq_table_used++;
        doc->entries_made = true;
        if (t->last_entry)
            doc->seqs[t->last_entry].next = s;
        else
            t->first_entry = s;
        t->last_entry = s;
    }
    *seq = s;
    return Y_OK;
}

/* Takes an entry out of the table; what was behind it moves up. */
static void entry_forget(struct ydoc *doc, uint32_t seq)
{
    uint32_t mask = doc->seq_table_cap - 1;
    uint32_t hole = entry_slot(doc, doc->seqs[seq].type, doc->seqs[seq].key);
    for (uint32_t i = (hole + 1) & mask; doc->seq_table[i]; i = (i + 1) & mask) {
        const struct y_seq *s = &doc->seqs[doc->seq_table[i]];
        uint32_t home = entry_hash(doc, s->type, s->key) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            doc->seq_table[hole] = doc->seq_table[i];
            hole = i;
        }
    }
    doc->seq_table[hole] = 0;
    doc->seq_table_used--;
}

/* --- types ------------------------------------------------------------------------------------ */

struct y_type *y_type_new(struct ydoc *doc, uint8_t ref)
{
    uint32_t index = doc->free_type;
    if (!index) {
        if (doc->type_count + 1 >= doc->type_cap) {
            uint32_t cap = doc->type_cap ? doc->type_cap * 2 : 4;
            struct y_type **p = y_realloc(doc->types, cap * sizeof(*p));
            if (!p)
                return NULL;
            doc->types = p;
            doc->type_cap = cap;
        }
        index = doc->type_count + 1;
    }
    struct y_type *t = y_realloc(NULL, sizeof(*t));
    if (!t)
        return NULL;
    *t = (struct y_type){.doc = doc, .index = index, .ref = ref};
    if (seq_new(doc, index, 0, &t->list) < 0) {
        y_mem_free(t);
        return NULL;
    }
    if (index > doc->type_count)
        doc->type_count++;
    else
        doc->free_type = (uint32_t)(uintptr_t)doc->types[index] >> 1;
    doc->types[index] = t;
    doc->extra += sizeof(*t);
    return t;
}

/* The index goes on a list: the pointer's place holds the next free one, marked by an odd number.
 */
void y_type_free(struct ydoc *doc, struct y_type *t)
{
    y_observers_free(t);
    if (doc->hooks)
        y_undo_forget(doc, t);
    for (uint32_t s = t->first_entry, next; s; s = next) {
        next = doc->seqs[s].next;
        entry_forget(doc, s);
        seq_free(doc, s);
    }
    seq_free(doc, t->list);
    doc->types[t->index] = (struct y_type *)(uintptr_t)(doc->free_type << 1 | 1);
    doc->free_type = t->index;
    doc->extra -= sizeof(*t);
    y_mem_free(t);
}

/* The first root, which most documents have no other than, is compared before anything is hashed. */
struct y_type *y_root_find(const struct ydoc *doc, const void *name, size_t len)
{
    if (doc->roots.first_entry) {
        const struct y_seq *first = &doc->seqs[doc->roots.first_entry];
        const struct y_name *n = &doc->names[first->key];
        if (n->len == len && memcmp(n->s, name, len) == 0)
            return doc->types[first->first];
    }
    uint32_t s = y_entry_find(doc, &doc->roots, y_name_find(doc, name, len));
    return s ? doc->types[doc->seqs[s].first] : NULL;
}

int y_root_of(struct ydoc *doc, const void *name, size_t len, struct y_type **result)
{
    struct y_type *t = y_root_find(doc, name, len);
    uint32_t id, seq;
    if (!t) {
        int error = y_name_of(doc, name, len, &id);
        if (error)
            return error;
        t = y_type_new(doc, Y_REF_NONE);
        if (!t)
            return Y_ERR_NOMEM;
        if (y_entry_of(doc, &doc->roots, id, &seq) < 0) {
            y_type_free(doc, t);
            return Y_ERR_NOMEM;
        }
        t->name = id;
        doc->seqs[seq].first = t->index;
    }
    *result = t;
    return Y_OK;
}

/* --- taking back ------------------------------------------------------------------------------ */

/* A key's chain that is empty never had a value. */
static void forget_empty(struct ydoc *doc, struct y_type *t)
{
    uint32_t *link = &t->first_entry;
    t->last_entry = 0;
    while (*link) {
        uint32_t e = *link;
        if (doc->seqs[e].first) {
            t->last_entry = e;
            link = &doc->seqs[e].next;
            continue;
        }
        *link = doc->seqs[e].next;
        entry_forget(doc, e);
        seq_free(doc, e);
    }
}

/* Of the names that came since, those of roots that stay must stay. */
static uint32_t forget_roots(struct ydoc *doc, uint32_t last_root, uint32_t names)
{
    uint32_t *link = last_root ? &doc->seqs[last_root].next : &doc->roots.first_entry;
    doc->roots.last_entry = last_root;
    while (*link) {
        uint32_t e = *link;
        struct y_type *t = doc->types[doc->seqs[e].first];
        if (t->held) {
            names = t->name > names ? t->name : names;
            doc->roots.last_entry = e;
            link = &doc->seqs[e].next;
            continue;
        }
        *link = doc->seqs[e].next;
        entry_forget(doc, e);
        seq_free(doc, e);
        y_type_free(doc, t);
    }
    return names;
}

void y_chains_rollback(struct ydoc *doc, uint32_t last_root, uint32_t names)
{
    if (doc->entries_made) {
        for (uint32_t i = 1; i <= doc->seq_count; i++) {
            const struct y_seq *s = &doc->seqs[i];
            if (s->type && s->key && !s->first)
                forget_empty(doc, doc->types[s->type]);
        }
        names = forget_roots(doc, last_root, names);
    }
    if (doc->name_count <= names)
        return;
    for (uint32_t i = names + 1; i <= doc->name_count; i++) {
        doc->extra -= doc->names[i].len + sizeof(struct y_name) + 16;
        y_mem_free(doc->names[i].s);
    }
    doc->name_count = names;
    memset(doc->name_table, 0, doc->name_table_cap * sizeof(*doc->name_table));
    for (uint32_t i = 1; i <= names; i++) {
        const struct y_name *n = &doc->names[i];
        doc->name_table[name_slot(doc, n->s, n->len, n->hash)] = i;
    }
}

void y_chains_free(struct ydoc *doc)
{
    for (uint32_t i = 1; i <= doc->seq_count; i++)
        y_index_drop(doc, &doc->seqs[i]);
    for (uint32_t i = 1; i <= doc->type_count; i++)
        if (!((uintptr_t)doc->types[i] & 1)) {
            y_observers_free(doc->types[i]);
            y_mem_free(doc->types[i]);
        }
    for (uint32_t i = 1; i <= doc->name_count; i++)
        y_mem_free(doc->names[i].s);
    y_mem_free(doc->names);
    y_mem_free(doc->name_table);
    y_mem_free(doc->seqs);
    y_mem_free(doc->seq_table);
    y_mem_free(doc->types);
}
