/*
 * format_int: what the edits of formatted text share (yjs YText.js). Internal to format*.c.
 */
#ifndef Y_FORMAT_INT_H
#define Y_FORMAT_INT_H

#include "y/attrs.h"

/* An edit on its way through a text (yjs ItemTextListPosition). */
struct y_edit {
    struct ydoc *doc;
    uint32_t seq;
    struct y_spot at;
    struct y_attrs now; /* what holds at the spot: all of it, or of the keys that matter */
    struct ybuf scratch;
};

/* What is inserted. */
struct y_piece {
    uint8_t kind; /* Y_STRING, Y_EMBED, Y_TYPE */
    const void *data;
    size_t n;
    uint32_t units;
    struct y_type *type; /* freed on error */
};

void y_edit_init(struct y_edit *e, struct y_type *t);
void y_edit_release(struct y_edit *e);
/* Moves over the item on the right. */
int y_edit_forward(struct y_edit *e);
/* Inserts with attributes; `attrs` gets those that have to be ended, too. */
int y_edit_insert(struct y_edit *e, struct y_piece *p, struct y_attrs *attrs);
/* Formats `units`; what is beyond the end of the text becomes newlines. */
int y_edit_format(struct y_edit *e, const struct y_attrs *attrs, uint64_t units);
/* Deletes `units`, as far as there are any, and formats that are then superfluous. */
int y_edit_delete(struct y_edit *e, uint64_t units);
/* y_format_gap() where what holds before is known, and what holds at `curr`, in the gap or its end, is to
 * be kept up to date. */
int y_format_gap_of(struct ydoc *doc, y_handle start, y_handle curr, const struct y_attrs *before,
                    struct y_attrs *now);

#endif
