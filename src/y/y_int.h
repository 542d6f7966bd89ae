/*
 * What the files of src/y share. docs/internals-y.md tells how it works.
 *
 * An item is one run of a client's structs, integrated or waiting. A client's integrated structs
 * are an array sorted by clock without gaps; what cannot be integrated yet is in a heap, lowest
 * clock first.
 */
#ifndef Y_Y_INT_H
#define Y_Y_INT_H

#include "y/y.h"

#define Y_ANY_DEPTH 200
#define Y_CLOCK_MAX UINT64_C(0xffffffff)

/* Numbers of the wire (yjs structs/Item.js `contentRefs`). */
enum y_kind {
    Y_GC = 0,
    Y_DELETED = 1,
    Y_JSON = 2,
    Y_BINARY = 3,
    Y_STRING = 4,
    Y_EMBED = 5,
    Y_FORMAT = 6,
    Y_TYPE = 7,
    Y_ANY = 8,
    Y_DOC = 9,
    Y_SKIP = 10,
};

struct y_client;
struct y_type;
struct y_key;

struct y_id {
    struct y_client *client; /* NULL: none */
    uint32_t clock;
};

struct y_item {
    struct y_client *client;
    uint32_t clock, len;
    uint8_t kind;
    bool deleted;
    uint32_t scan, conflict; /* stamps of the conflict scan */
    struct y_item *left, *right;
    struct y_id origin, right_origin;
    struct y_id parent_id; /* until integrated: the parent is this item's type */
    struct y_type *parent; /* NULL: not known, or none */
    struct y_key *key;     /* parentSub or NULL; until integrated its own, then the entry's */
    struct y_type *type;   /* of Y_TYPE */
    uint8_t *data;         /* content: of strings the UTF-8, of others the bytes of the wire */
    uint32_t bytes, cap;
};

/* A name, which may hold NUL. */
struct y_key {
    uint32_t len;
    char s[];
};

struct y_entry {
    struct y_entry *next;
    struct y_item *item; /* the current value, last of its chain; NULL: none */
    struct y_type *type; /* in ydoc.roots */
    struct y_key *key;
};

struct y_type {
    struct y_item *owner; /* NULL: a root type, with */
    const struct y_key *name;
    struct y_item *start;
    struct y_entry **buckets; /* map entries */
    size_t entry_count, bucket_count;
    struct y_type *next_work; /* work lists of delete and gc */
    struct y_type *next_all;  /* every type of the document */
};

struct y_range {
    uint32_t clock, len;
};

struct y_ranges {
    struct y_range *list;
    size_t count, cap;
};

struct y_client {
    uint64_t id;
    struct y_item **structs;
    size_t count, cap, hint;
    uint32_t state;
    /* this transaction */
    uint32_t before, epoch;
    struct y_ranges deleted;
    struct y_client *next_changed;
    /* waiting */
    struct y_item **heap;
    size_t heap_count, heap_cap;
    struct y_ranges pending_deletes; /* a heap too */
    struct y_client *blocked_on, *waiter_prev, *waiter_next, *waiters;
    uint32_t blocked_clock;
    struct y_client *next_work;
    bool in_work;
};

struct y_merge {
    struct y_client *client;
    uint32_t clock;
};

struct ydoc {
    struct ydoc_opts opts;
    struct y_client **clients; /* open addressing by id */
    size_t client_count, client_cap;
    struct y_client **all; /* the same, in order of coming */
    size_t all_cap;
    struct y_client *last;
    struct y_type roots; /* its entries: name -> type */
    struct y_type *types;
    struct y_item *free_items;
    void *slabs;
    uint32_t epoch, scan, conflict;
    struct y_client *changed, *work;
    struct y_merge *merges;
    size_t merge_count, merge_cap;
    size_t pending_bytes, memory;
    bool integrated; /* something, in this transaction */
};

/* memory: a failed allocation ends the process (see y.h) */
void *y_alloc(size_t n);
void *y_grow(void *p, size_t n);

/* update.c: decoding; the bytes were checked */
int y_skip_any(struct y_reader *r);
bool y_sv_read(const void *sv, size_t len, struct y_reader *out, uint64_t *count);
void y_update_decode(struct ydoc *doc, struct y_reader *r);

/* store.c */
struct y_client *y_client_of(struct ydoc *doc, uint64_t id);
struct y_client *y_client_find(const struct ydoc *doc, uint64_t id);
struct y_item *y_item_new(struct ydoc *doc);
void y_item_free(struct ydoc *doc, struct y_item *it);
struct y_type *y_type_new(struct ydoc *doc, struct y_item *owner);
struct y_type *y_root(struct ydoc *doc, const char *name, size_t len);
struct y_type *y_root_find(const struct ydoc *doc, const char *name);
struct y_entry *y_entry_of(struct y_type *t, const char *key, size_t len);
struct y_entry *y_entry_find(const struct y_type *t, const char *key, size_t len);
struct y_key *y_key_new(const char *s, size_t len);
void y_set_content(struct y_item *it, const void *data, size_t len);
size_t y_find(struct y_client *c, uint32_t clock);
struct y_item *y_clean_end(struct ydoc *doc, struct y_id id);
struct y_item *y_clean_start(struct ydoc *doc, struct y_id id);
struct y_item *y_split(struct ydoc *doc, struct y_item *it, uint32_t at);
void y_trim_front(struct y_item *it, uint32_t n);
void y_note_merge(struct ydoc *doc, struct y_item *it);
void y_entries_free(struct y_type *t);
void y_add_struct(struct ydoc *doc, struct y_item *it);
size_t y_merge_left(struct ydoc *doc, struct y_client *c, size_t pos);

/* transaction.c */
void y_begin(struct ydoc *doc);
void y_end(struct ydoc *doc);
void y_touch(struct ydoc *doc, struct y_client *c);
void y_delete(struct ydoc *doc, struct y_item *it);
void y_ranges_add(struct y_ranges *r, uint32_t clock, uint32_t len);
void y_ranges_sort(struct y_ranges *r);

/* encode.c */
int y_encode_transaction(struct ydoc *doc, struct ybuf *result);

/* integrate.c */
void y_integrate(struct ydoc *doc, struct y_item *it);
void y_push(struct ydoc *doc, struct y_item *it);
void y_work(struct ydoc *doc, struct y_client *c);
void y_drain(struct ydoc *doc);
void y_push_delete(struct ydoc *doc, struct y_client *c, uint32_t clock, uint32_t len);
void y_apply_deletes(struct ydoc *doc);

static inline uint32_t y_end_of(const struct y_item *it)
{
    return it->clock + it->len;
}
static inline struct y_id y_last_id(const struct y_item *it)
{
    return (struct y_id){it->client, it->clock + it->len - 1};
}
static inline bool y_same_id(struct y_id a, struct y_id b)
{
    return a.client == b.client && (!a.client || a.clock == b.clock);
}
static inline bool y_countable(const struct y_item *it)
{
    return it->kind != Y_GC && it->kind != Y_DELETED && it->kind != Y_FORMAT;
}

#endif
