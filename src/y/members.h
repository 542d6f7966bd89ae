/*
 * members: the members of the objects that are being converted, in the order that a JavaScript
 * object would list them. Internal to any_*.c.
 */
#ifndef Y_MEMBERS_H
#define Y_MEMBERS_H

#include "y/y.h"

#define Y_NO_INDEX UINT32_MAX

/* ECMA-262 array index: the decimal text of an integer up to 2^32 - 2. Or Y_NO_INDEX. */
uint32_t y_array_index(const uint8_t *s, size_t len);

struct y_member {
    size_t key, key_len; /* offset in `base`, see y_members_close */
    size_t start, end;   /* what was written of it: offsets in the output */
    uint32_t index;      /* of a key that is an array index, else Y_NO_INDEX */
    bool gone;           /* is not to be listed */
};

/* A stack: the members of the innermost object last. */
struct y_members {
    struct y_member *list;
    size_t count, cap;
    struct ybuf copy; /* scratch of reordering */
};

/* The array index that a key is: canonical digits below 2^32 - 1. Y_NO_INDEX: none. */
uint32_t y_array_index(const uint8_t *s, size_t len);

void y_members_release(struct y_members *m);
/* Begins a member; NULL when out of memory. */
struct y_member *y_members_add(struct y_members *m, size_t key, const uint8_t *name, size_t len);
/* Ends the object whose members are those from `first` on: of equal keys (compared in `base`) the
 * last counts, where the first stood; array indices first, ascending. Rewrites out from the first
 * member's start, with `comma` between the members if it is not 0. *left is how many there are now.
 * Y_OK or Y_ERR_NOMEM. */
int y_members_close(struct y_members *m, size_t first, const uint8_t *base, struct ybuf *out,
                    char comma, size_t *left);

#endif
