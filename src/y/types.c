/* Types: roots by name, entries of maps by key. */
#include "y/y_int.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const char *s, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)s[i]) * 16777619u;
    return h;
}

struct y_type *y_type_new(struct ydoc *doc, struct y_item *owner)
{
    struct y_type *t = y_alloc(sizeof(*t));
    t->owner = owner;
    t->next_all = doc->types;
    doc->types = t;
    doc->memory += sizeof(*t);
    return t;
}

struct y_entry *y_entry_find(const struct y_type *t, const char *key, size_t len)
{
    if (!t->bucket_count)
        return NULL;
    struct y_entry *e = t->buckets[hash_of(key, len) & (t->bucket_count - 1)];
    while (e && (e->key->len != len || memcmp(e->key->s, key, len) != 0))
        e = e->next;
    return e;
}

static void rehash(struct y_type *t)
{
    size_t count = t->bucket_count ? t->bucket_count * 2 : 4;
    struct y_entry **buckets = y_alloc(count * sizeof(*buckets));
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (struct y_entry *e = t->buckets[i], *next; e; e = next) {
            struct y_entry **to = &buckets[hash_of(e->key->s, e->key->len) & (count - 1)];
            next = e->next;
            e->next = *to;
            *to = e;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->bucket_count = count;
}

struct y_entry *y_entry_of(struct y_type *t, const char *key, size_t len)
{
    struct y_entry *e = y_entry_find(t, key, len);
    if (e)
        return e;
    if (t->entry_count >= t->bucket_count)
        rehash(t);
    e = y_alloc(sizeof(*e));
    e->key = y_key_new(key, len);
    struct y_entry **to = &t->buckets[hash_of(key, len) & (t->bucket_count - 1)];
    e->next = *to;
    *to = e;
    t->entry_count++;
    return e;
}

struct y_type *y_root(struct ydoc *doc, const char *name, size_t len)
{
    struct y_entry *e = y_entry_of(&doc->roots, name, len);
    if (!e->type)
        (e->type = y_type_new(doc, NULL))->name = e->key;
    return e->type;
}

struct y_type *y_root_find(const struct ydoc *doc, const char *name)
{
    struct y_entry *e = y_entry_find(&doc->roots, name, strlen(name));
    return e ? e->type : NULL;
}

void y_entries_free(struct y_type *t)
{
    for (size_t i = 0; i < t->bucket_count; i++) {
        for (struct y_entry *e = t->buckets[i], *next; e; e = next) {
            next = e->next;
            free(e->key);
            free(e);
        }
    }
    free(t->buckets);
}
