/*
 * attrs: the attributes that hold at a place of a text, and the values that they have. Internal to
 * src/y.
 *
 *     struct y_attrs now = {0};
 *     error = y_attrs_update(doc, &now, h);             what a format item does to what follows
 *     struct y_val v = y_attrs_get(&now, key);
 *     y_attrs_release(&now);
 *
 * A y_attrs is a JavaScript Map: in order of coming; setting a key again leaves it where it is. Keys
 * are interned names.
 *
 * Rule: a value is named by the format item that has it, because content moves in memory while a text
 * is edited, or points into what the caller gave. Two objects are equal to Yjs in two ways, and both
 * are needed: `===`, the very same object, and equalAttrs, which looks one level deep. Which formats
 * hold the very same object is remembered by y_same_value(): Yjs puts the object of one format into
 * another where it ends an insertion in formatted text.
 *
 * Source: yjs types/YText.js `equalAttrs`, `updateCurrentAttributes`; lib0 object.js `equalFlat`.
 */
#ifndef Y_ATTRS_H
#define Y_ATTRS_H

#include "y/y_int.h"

/* A value: that of a format item, or one any. All zero: undefined. */
struct y_val {
    y_handle item;
    struct y_slice any;
};

struct y_attr {
    uint32_t key; /* a name; 0: taken away */
    struct y_val value;
};

struct y_attrs {
    struct y_attr *list;
    uint32_t count, cap; /* of the list, with what was taken away */
    uint32_t live;
    uint32_t *table, table_cap; /* key -> 1 + its index; only of many */
};

extern const struct y_val y_val_null;

void y_attrs_release(struct y_attrs *a);
void y_attrs_clear(struct y_attrs *a);
struct y_val y_attrs_get(const struct y_attrs *a, uint32_t key); /* undefined */
bool y_attrs_has(const struct y_attrs *a, uint32_t key);
/* Y_OK or Y_ERR_NOMEM. */
int y_attrs_set(struct y_attrs *a, uint32_t key, struct y_val value);
void y_attrs_delete(struct y_attrs *a, uint32_t key);
int y_attrs_copy(struct y_attrs *to, const struct y_attrs *from);
/* Puts the members in the order in which a JavaScript object has them: array indices first. */
int y_attrs_object_order(const struct ydoc *doc, struct y_attrs *a);
/* Reads an object, without what is undefined, in an object's order. Y_ERR_MALFORMED if it is no valid
 * object. An empty slice is an empty object. */
int y_attrs_read(struct ydoc *doc, struct y_slice any, struct y_attrs *a);
/* Appends the object that has these attributes. */
int y_attrs_write(const struct ydoc *doc, const struct y_attrs *a, struct ybuf *out);
/* Whether it is one; what y_attrs_read() would say but for memory. */
bool y_attrs_valid(struct y_slice any);

/* The attributes of the builder's last operation. */
void y_delta_attributes(const struct ydoc *doc, struct y_delta_builder *b, const struct y_attrs *a);

/* --- formats ---------------------------------------------------------------------------------- */

static inline bool y_is_format(const struct y_item *it)
{
    return it->kind == Y_FORMAT && !(it->flags & Y_DEAD);
}
/* The key of a format item, interned. */
int y_format_key(struct ydoc *doc, y_handle h, uint32_t *key);
static inline struct y_val y_format_value(y_handle h)
{
    return (struct y_val){.item = h};
}
/* What a format that is not deleted does to the attributes of what follows it. */
int y_attrs_update(struct ydoc *doc, struct y_attrs *a, y_handle h);
/* Finds out what holds behind `left` for each key of `a` that is undefined in it: walks to the left
 * until all are known. What nobody says is taken away. */
int y_attrs_look_back(struct ydoc *doc, y_handle left, struct y_attrs *a);

/* --- values ----------------------------------------------------------------------------------- */

/* The any that it is; empty if undefined. */
struct y_slice y_val_any(const struct ydoc *doc, struct y_val v);
/* null or undefined. */
bool y_val_nullish(const struct ydoc *doc, struct y_val v);
bool y_val_is_null(const struct ydoc *doc, struct y_val v);
/* null instead of undefined (`?? null`). */
struct y_val y_val_or_null(const struct ydoc *doc, struct y_val v);
/* a === b */
bool y_val_same(const struct ydoc *doc, struct y_val a, struct y_val b);
/* equalAttrs(a, b): 1, 0 or Y_ERR_NOMEM. */
int y_val_equal(const struct ydoc *doc, struct y_val a, struct y_val b);

#endif
