/*
 * A hash table from byte strings to pointers (open addressing, keyed SipHash-1-3, so that a
 * stranger who chooses the keys cannot choose the collisions). Keys are copied; values are the
 * caller's. All zero is a valid empty table.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
    uint32_t hash, key_len;
    char *key; /* NULL: free */
    void *value;
};

struct table {
    struct table_slot *slots;
    size_t cap, count;
};

void table_release(struct table *t); /* frees the keys and slots, not the values */
void *table_get(const struct table *t, const void *key, size_t len); /* NULL if absent */
/* Sets a non-NULL value; returns the former one or NULL. */
void *table_set(struct table *t, const void *key, size_t len, void *value);
void *table_remove(struct table *t, const void *key, size_t len); /* the former value or NULL */
/* Walks in no order: *pos starts at 0; returns false at the end. The table must not change
 * meanwhile. */
bool table_next(const struct table *t, size_t *pos, void **value);

#endif
