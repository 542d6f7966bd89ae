/*
 * What undo.c (stacks, capturing) and redo.c (what undoing does to a document) share.
 */
#ifndef Y_UNDO_INT_H
#define Y_UNDO_INT_H

#include "y/y_int.h"

/* Ids by client, clients in the order in which they came. */
struct y_idset {
    struct y_idset_part {
        uint32_t client;
        bool sorted; /* and joined */
        struct y_ranges ranges;
    } * list;
    uint32_t count, cap;
};

void y_idset_sort(struct y_idset *s);
bool y_idset_has(struct y_idset *s, struct y_id id);
/* The struct that begins at *clock, cut there and at `end` (GC is never cut); *clock is then behind
 * it. *h 0: there is none before `end`. */
int y_idset_next(struct ydoc *doc, uint32_t client, uint32_t *clock, uint32_t end, y_handle *h);

struct y_undo_stack;

struct y_undo_step {
    struct y_idset deletions, insertions;
    struct y_undo_step *more; /* part of this one; not merged yet */
    struct y_undo_step *next; /* of those that are ready or popped */
    uint32_t epoch;           /* of its transaction */
    struct y_undo_stack *from;
};

/* Takes up what is in s->more; then its sets are sorted. Y_OK or Y_ERR_NOMEM. */
int y_undo_step_join(struct y_undo_step *s);

struct y_undo_stack {
    struct y_undo_step **list;
    size_t count, cap;
};

struct y_undo {
    struct ydoc *doc;
    struct y_undo_opts opts; /* origins: see below */
    const void **origins;
    size_t origin_count;
    struct y_type **scope;
    size_t scope_count;
    bool everything; /* the scope is the document */
    struct y_undo_stack undo, redo;
    struct y_undo_step *ready;  /* of transactions whose observers have not been called yet */
    struct y_undo_step *popped; /* by the transaction under way, the last one first */
    uint64_t last_change;
    bool capturing; /* the next step may be part of the last one */
    bool undoing, redoing;
};

/* Puts what was popped since `before` back on its stacks. */
void y_undo_put_back(struct y_undo *u, const struct y_undo_step *before);

/* Whether what is in `t` belongs to the manager. */
bool y_undo_in_scope(const struct y_undo *u, const struct y_type *t);

#endif
