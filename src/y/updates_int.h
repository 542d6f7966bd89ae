/*
 * What updates.c, merge.c and inspect.c share: a writer of updates that learns as it goes how many
 * sections and structs there are (yjs's LazyStructWriter), delete sets as lists, and their sorting.
 */
#ifndef Y_UPDATES_INT_H
#define Y_UPDATES_INT_H

#include "y/codec_int.h"

/* --- sorting: client descending, then `low` ascending ----------------------------------------- */

struct y_entry_key {
    uint64_t client, low, extra;
};

struct y_keys {
    struct y_entry_key *list;
    size_t count, cap;
};

void y_keys_release(struct y_keys *k);
int y_keys_reserve(struct y_keys *k, size_t cap); /* at least `count` */
int y_keys_add(struct y_keys *k, uint64_t client, uint64_t low, uint64_t extra);
/* Stable; O(n) for a few ascending runs, else as many passes as there are bytes in which keys
 * differ. */
int y_keys_sort(struct y_keys *k);

/* --- delete sets: low = order of coming, extra = clock and length ----------------------------- */

/* Reads the delete set behind the structs, appends its ranges. Y_OK or the decoder's error. */
int y_ds_read(struct y_dec *d, struct y_keys *ranges);
/* Orders `ranges` by client, and by clock too with `merge`; then what touches or overlaps is one.
 */
int y_ds_sort(struct y_keys *ranges, bool merge);
/* Writes them as they stand, sorted before; v2, which cannot say them, without empty ranges. */
void y_ds_write(struct y_enc *e, const struct y_keys *ranges);

/* --- writing ---------------------------------------------------------------------------------- */

struct y_fragment {
    size_t at; /* where it begins in e.out, without its count */
    uint64_t structs;
};

struct y_lazy {
    struct y_enc e;
    struct y_fragment *list;
    size_t count, cap;
    uint64_t client, end; /* of the last fragment, and the clock behind it */
};

void y_lazy_init(struct y_lazy *w, enum y_format format);
/* Begins another section if this is another client, or not the next clock; counts one struct of it,
 * which is then written to w->e. */
void y_lazy_count(struct y_lazy *w, uint64_t client, uint64_t clock, uint64_t len);
/* As y_enc_struct. Of parents that are copied from a neighbour the key bit is cleared, as yjs does
 * wherever it reads structs without a document. */
void y_lazy_struct(struct y_lazy *w, uint64_t client, struct y_struct *s, uint32_t offset);
/* Puts the counts where they belong; a delete set may follow, then y_enc_end. */
void y_lazy_sections(struct y_lazy *w);
/* y_lazy_sections, the delete set, y_enc_end, release; `error` first if there was one already. */
int y_lazy_end(struct y_lazy *w, int error, const struct y_keys *ranges, struct ybuf *out);

#endif
