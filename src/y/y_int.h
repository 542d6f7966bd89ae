/*
 * What the files of src/y share: how a document is held in memory. docs/internals-y.md tells why.
 *
 *     doc ── clients[]   id, state ── blocks ── {clock, item} sorted by clock, without gaps
 *      │                               │
 *      ├── arena         items, 60 bytes, in chunks, named by 32-bit handles; 0 is none
 *      ├── pool          the content of items: one growing buffer, offsets
 *      ├── seqs[]        chains of items: the list of a type, or all values of one map key
 *      ├── types[]       shared types: their list, their keys, the item that holds them
 *      └── waiting       structs and deletions whose predecessors have not come (wait.c)
 *
 * Invariants, checked by ydoc_check(): a client's structs cover [0, state); an item that is not GC
 * is in exactly one chain, linked both ways; a map chain's last item is its value and all others
 * are deleted; a chain's `units` is the sum of its countable items that are not deleted; if a chain
 * has an index, every item of it is in a leaf, in order, and sums agree.
 *
 * Out of memory: whatever may fail is tried before anything is changed for good; a transaction that
 * fails is rolled back whole (y_rollback).
 */
#ifndef Y_Y_INT_H
#define Y_Y_INT_H

#include "y/codec.h"
#include "y/mem.h"
#include "y/utf8.h"
#include "y/y.h"

#include <string.h>

#define Y_NOBODY UINT32_MAX /* y_id.client of no id */

/* A handle of an item; 0: none. */
typedef uint32_t y_handle;

struct y_id {
    uint32_t client; /* index into doc->clients */
    uint32_t clock;
};

enum y_flags {
    Y_DEAD = 1,   /* deleted */
    Y_KEEP = 2,   /* not to be collected: an undo manager may want it back */
    Y_REDONE = 4, /* doc->redone knows as what */
};

/* One run of a client's structs. */
struct y_item {
    uint32_t client, clock, len;
    uint8_t kind, flags;
    uint8_t room;  /* log2 of the bytes reserved for content in the pool; 0: just `bytes` */
    uint8_t crowd; /* 1: in doc->crowd */
    y_handle left, right;
    struct y_id origin, right_origin;
    uint32_t seq;   /* the chain it is in; 0 for GC */
    uint32_t off;   /* of content in the pool; of Y_TYPE the index of its type */
    uint32_t bytes; /* of content */
    uint32_t leaf;  /* of the chain's index, if it has one */
    uint32_t stamp; /* when a conflict scan last came by */
};

/* A chain of items. */
struct y_seq {
    uint32_t type, key; /* key 0: the list */
    y_handle first, last;
    uint32_t units; /* countable and not deleted: UTF-16 units of text, values of arrays */
    uint32_t bytes; /* the same, but strings count their UTF-8 bytes */
    uint32_t next;  /* of a map's entries, in order of coming */
    uint32_t epoch; /* of the last transaction that noted a change of it */
    struct y_index *index;
    /* where the last local edit was: `cursor` begins at `cursor_units`, `cursor_bytes` */
    y_handle cursor;
    uint32_t cursor_units, cursor_bytes;
};

struct y_observer;

struct y_type {
    struct ydoc *doc;
    y_handle item;                    /* that holds it; 0: a root */
    uint32_t index;                   /* in doc->types */
    uint32_t list;                    /* seq */
    uint32_t name;                    /* key: of a root, XmlElement or XmlHook */
    uint32_t first_entry, last_entry; /* seqs of a map, or of attributes */
    uint8_t ref;                      /* enum y_type_ref */
    bool has_format;                  /* had a Y_FORMAT in it, ever */
    struct y_type *next_work;         /* while it is deleted: */
    y_handle next_item;
    uint32_t next_entry;
    struct y_observer *observers;
    uint32_t mark; /* while observers are sorted out */
    bool held;     /* a root that somebody outside may know: a rollback leaves it */
};

struct y_range {
    uint32_t clock, len;
};

struct y_ranges {
    struct y_range *list;
    size_t count, cap;
};

struct y_entry {
    uint32_t clock;
    y_handle item;
};

/* `first` is the clock of e[0]. */
#define Y_BLOCK 128
struct y_block {
    struct y_entry *e;
    uint32_t first;
    uint16_t n, cap;
};

/* A deletion that waits. */
struct y_late {
    uint32_t clock, len;
    uint32_t epoch; /* of the transaction that pushed it */
};

/* One that a transaction took out of its client's heap. */
struct y_late_popped {
    uint32_t client;
    struct y_late late;
};

/* A struct that waits: v1 bytes. */
struct y_waiting {
    struct y_waiting *next; /* popped in this transaction */
    uint32_t clock, len, client, bytes;
    uint32_t epoch; /* of the transaction that pushed it */
    uint8_t format; /* Y_V1, or Y_RAW: it came in v2 */
    uint8_t data[];
};

/* A place in a client's structs. */
struct y_at {
    uint32_t b, i;
};

struct y_client {
    uint64_t id;
    uint32_t state; /* next clock */
    uint32_t block_count, block_cap;
    struct y_at hint; /* where the last look-up ended */
    struct y_block *blocks;
    uint32_t epoch, change; /* of the last transaction that changed it: index of its y_change */
    /* this update: 1 + its section, while something of it is left */
    uint32_t section;
    /* waiting: a heap by clock; deletions beyond state */
    struct y_waiting **heap;
    uint32_t heap_count, heap_cap;
    struct y_late *late; /* a heap by clock */
    uint32_t late_count, late_cap;
    /* what its first struct lacks: index or Y_NOBODY; and which struct that was */
    uint32_t blocked_on, blocked_clock;
    const struct y_waiting *blocked;
    /* who waits for this one: a pairing heap by blocked_clock, of 1 + index */
    uint32_t waiters, waiter_child, waiter_prev, waiter_next;
    uint32_t next_work;
    bool in_work;
};

/* A place at whose two sides the end of the transaction tries to merge. If an item was cut there,
 * also what it was, which a rollback makes of it again: its content stays where it was in the pool,
 * but for a surrogate pair that was cut. */
struct y_split {
    uint32_t client, clock;
    uint32_t off, bytes, from; /* `pair` was at `from` */
    uint8_t pair[4];
    uint8_t room;
    bool cut, cut_pair;
};

/* What a transaction did to a client. */
struct y_change {
    uint32_t client, before, after; /* state; after is set at the end */
    uint32_t order;                 /* of its first deletion among those of others */
    struct y_ranges deleted;        /* sorted at the end */
    bool marked;                    /* not all of that came deleted already */
};

/* A chain that changed, of a type that was there before: an event is due. */
struct y_touched {
    uint32_t type, seq;
    uint32_t next; /* 1 + the next one of the same type, while observers are called */
};

/* A subdocument that came or went; guid and options in the transaction's `subdoc_bytes`. */
struct y_subdoc {
    enum y_subdoc_change change;
    y_handle item;
    size_t at, guid, options; /* where its bytes are, and how many of each */
};

/* A transaction. One is under way at a time; those that observers make wait for the end of the one
 * that is observed. Arrays are kept for the next one. */
struct y_txn {
    struct y_txn *next;
    uint32_t epoch;
    const void *origin;
    bool local;
    bool touched;         /* something was integrated or deleted */
    bool cleanup_formats; /* a remote change of a text with formats (yjs _needFormattingCleanup) */
    int error;            /* it will be rolled back */
    uint32_t steps;       /* things done: an edit that failed before its first one did nothing */
    /* how many there were before it: what is beyond goes when it is rolled back */
    uint32_t clients, names, last_root;
    struct y_change *changes;
    uint32_t change_count, change_cap;
    uint32_t deleting; /* how many clients it deleted something of */
    struct y_split *splits;
    size_t split_count, split_cap;
    struct y_touched *types;
    size_t type_count, type_cap;
    struct y_subdoc *subdocs; /* while somebody listens */
    size_t subdoc_count, subdoc_cap;
    struct ybuf subdoc_bytes;
    struct ybuf *out; /* wants the update */
};

/* Where many conflict, see crowd.c: the marked items from the one right of `origin` on. */
#ifndef Y_CROWD
#define Y_CROWD 32
#endif
struct y_crowd {
    uint32_t seq; /* 0: there is none */
    struct y_id origin, right;
    y_handle *list; /* marked items with this origin and right origin, lowest client first */
    uint32_t count, cap;
    uint64_t *rights; /* a table: the right origins of all marked items with this origin */
    uint32_t right_count, right_cap;
    uint32_t from; /* so many items passed by a scan make a crowd */
};

#define Y_CHUNK 1024
#define Y_MARKS 16
/* Where the value of an item stands that was asked for last; epoch: when. */
struct y_last_value {
    y_handle item;
    uint32_t at, offset, epoch;
};

struct ydoc {
    struct ydoc_opts opts;
    uint64_t seed; /* of hashes */
    /* clients */
    struct y_client *clients;
    uint32_t client_count, client_cap;
    uint32_t *client_table, client_table_cap;
    uint32_t last_client;
    uint32_t *order; /* of clients, highest id first; order_count are in it */
    uint32_t order_count;
    /* items */
    struct y_item **chunks;
    uint32_t chunk_count, chunk_cap, slots, unused, free_count;
    y_handle free_items;
    struct y_entry *spare_block; /* for the next client that needs one */
    /* content */
    uint8_t *pool;
    size_t pool_len, pool_cap, garbage;
    struct y_crowd crowd;
    /* names */
    struct y_name *names;
    uint32_t name_count, name_cap, *name_table, name_table_cap;
    /* chains and types; index 0 is not used, type 0 has the roots as its entries */
    struct y_seq *seqs;
    uint32_t seq_count, seq_cap, free_seq, *seq_table, seq_table_cap, seq_table_used;
    struct y_type **types;
    uint32_t type_count, type_cap, free_type;
    struct y_type roots;
    /* transactions */
    struct y_txn *txn, first_txn, *queue; /* under way; the usual one; to be cleaned up after it */
    uint32_t epoch, depth, stamp;
    uint32_t marks[Y_MARKS]; /* steps of the transaction when depth was that */
    bool entries_made;       /* in this transaction */
    bool cleaning;
    bool calling; /* observers */
    const struct y_txn *observing;
    bool touched;        /* the last transaction changed something */
    struct y_same *same; /* a hash table */
    uint32_t same_count, same_cap;
    uint32_t observed; /* how many want to know what changed: observers, undo managers, listeners */
    uint32_t observer_count, deep_count; /* of types; `gone_count` wait to be freed */
    uint32_t gone_count;
    struct y_hooks *hooks;
    struct y_redone *redone; /* what was brought back as what; NULL: nothing ever */
    struct y_last_value last_value;
    /* waiting */
    uint32_t work;
    struct y_waiting *popped;
    bool pushed; /* in this transaction */
    struct y_late_popped *late_popped;
    uint32_t late_popped_count, late_popped_cap;
    size_t waiting_bytes, waiting_structs, waiting_deletes;
    struct y_type *gone; /* while rolling back */
    size_t extra;        /* bytes of memory besides arena and pool, about */
};

/* Two formats whose values are the very same object: see attrs.h. */
struct y_same {
    uint64_t id, as; /* client << 32 | clock, of the format and of the one that had it first */
    bool used;
};

/* Interned names: of roots, map keys, XML nodes. They may hold NUL. */
struct y_name {
    uint8_t *s;
    uint32_t len, hash;
};

/* --- store.c: clients, structs by clock, items, content --------------------------------------- */

uint32_t y_client_find(const struct ydoc *doc, uint64_t id);      /* Y_NOBODY */
int y_client_of(struct ydoc *doc, uint64_t id, uint32_t *client); /* makes it */
int y_clients_sorted(struct ydoc *doc);                           /* brings doc->order up to date */
void y_clients_rollback(struct ydoc *doc, uint32_t count);        /* forgets what came later */

/* A hash that nobody outside can foresee, so that nobody can make a table slow. */
static inline uint32_t y_mix(const struct ydoc *doc, uint64_t n)
{
    n ^= doc->seed;
    n ^= n >> 32;
    n *= UINT64_C(0x9e3779b97f4a7c15);
    n ^= n >> 29;
    n *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(n >> 32);
}

/* Where the struct is that has `clock`, which is below the client's state. */
struct y_at y_find(struct y_client *c, uint32_t clock);
bool y_at_next(const struct y_client *c, struct y_at *at);
bool y_at_prev(struct y_at *at, const struct y_client *c);
static inline struct y_entry *y_at_entry(const struct y_client *c, struct y_at at)
{
    return &c->blocks[at.b].e[at.i];
}
/* Room for one more at the end; then y_append cannot fail. */
int y_append_room(struct ydoc *doc, struct y_client *c);
void y_append(struct ydoc *doc, y_handle h);
int y_insert_after(struct ydoc *doc, struct y_client *c, struct y_at at, y_handle h);
/* Removes `n` structs, the last of them at `at`. */
void y_remove(struct ydoc *doc, struct y_client *c, struct y_at at, uint32_t n);

static inline struct y_item *y_item(const struct ydoc *doc, y_handle h)
{
    return &doc->chunks[h / Y_CHUNK][h % Y_CHUNK];
}
/* Ensures n slots: the next n y_item_new() succeed and move nothing. */
int y_items_reserve(struct ydoc *doc, uint32_t n);
y_handle y_item_new(struct ydoc *doc); /* cleared but for client, origins: Y_NOBODY */
void y_item_free(struct ydoc *doc, y_handle h);
y_handle y_item_at(struct ydoc *doc, struct y_id id);

int y_pool_room(struct ydoc *doc, size_t n);
int y_set_content(struct ydoc *doc, struct y_item *it, const void *data, size_t len);
int y_append_content(struct ydoc *doc, struct y_item *it, const void *data, size_t len);
void y_drop_content(struct ydoc *doc, struct y_item *it);
void y_pool_compact(struct ydoc *doc);
static inline const uint8_t *y_content(const struct ydoc *doc, const struct y_item *it)
{
    return it->bytes ? doc->pool + it->off : (const uint8_t *)"";
}
/* Appends the UTF-8 of a string item from UTF-16 unit `from` up to `to`; half a pair is U+FFFD. */
int y_string_out(const struct ydoc *doc, const struct y_item *it, uint32_t from, uint32_t to,
                 struct ybuf *out);
/* Byte offset in `s` of UTF-16 unit `at`; *inside: that is the middle of a pair, whose first byte
 * the offset is. */
size_t y_utf16_offset(const uint8_t *s, size_t bytes, uint32_t at, bool *inside);
/* The same of a string of `units`, from whichever end is nearer. */
size_t y_utf16_offset_of(const uint8_t *s, size_t bytes, uint32_t units, uint32_t at, bool *inside);

/* --- struct.c: splitting and merging ---------------------------------------------------------- */

/* Cuts off what is from `at` (of its own clocks) on; the right part. Needs one reserved item. 0:
 * out of memory, nothing changed. */
y_handle y_split(struct ydoc *doc, y_handle h, uint32_t at);
/* The same without noting it for the end of the transaction; `m` learns of a pair that was cut. */
y_handle y_cut(struct ydoc *doc, y_handle h, uint32_t at, struct y_split *m);
/* The item that ends with, begins with `id`, cut there if need be; GC is never cut. 0: no memory.
 */
y_handle y_clean_end(struct ydoc *doc, struct y_id id);
y_handle y_clean_start(struct ydoc *doc, struct y_id id);
/* Merges the struct at `at` into what is left of it, and that again, as far as it goes; how many
 * went. `at` is then where they are now. */
uint32_t y_merge_left(struct ydoc *doc, struct y_client *c, struct y_at *at);
/* Makes one item again of what was cut; false if `m` says nothing of a cut. */
void y_unsplit(struct ydoc *doc, const struct y_split *m);
int y_note_split(struct ydoc *doc, uint32_t client, uint32_t clock);

/* --- chain.c: names, chains, types ------------------------------------------------------------ */

int y_name_of(struct ydoc *doc, const void *s, size_t len, uint32_t *name); /* makes it */
uint32_t y_name_find(const struct ydoc *doc, const void *s, size_t len);    /* 0 */
struct y_type *y_type_new(struct ydoc *doc, uint8_t ref);
void y_type_free(struct ydoc *doc, struct y_type *t);
/* The root called `name`; y_root_of makes it. */
struct y_type *y_root_find(const struct ydoc *doc, const void *name, size_t len);
int y_root_of(struct ydoc *doc, const void *name, size_t len, struct y_type **t);
/* The chain of a key of a type; 0: none yet. */
uint32_t y_entry_find(const struct ydoc *doc, const struct y_type *t, uint32_t name);
int y_entry_of(struct ydoc *doc, struct y_type *t, uint32_t name, uint32_t *seq);
void y_chains_free(struct ydoc *doc);
/* Forgets roots, keys without values and names that came later. */
void y_chains_rollback(struct ydoc *doc, uint32_t last_root, uint32_t names);
static inline struct y_type *y_seq_type(const struct ydoc *doc, uint32_t seq)
{
    return doc->types[doc->seqs[seq].type];
}

/* --- index.c: positions ----------------------------------------------------------------------- */

int y_index_build(struct ydoc *doc, struct y_seq *s);
void y_index_drop(struct ydoc *doc, struct y_seq *s);
/* After `h` was linked; after `left` was cut; before `gone` is forgotten, which was merged into
 * `into` as one of a run that `next` follows. */
void y_index_insert(struct ydoc *doc, struct y_seq *s, y_handle h);
void y_index_split(struct ydoc *doc, struct y_seq *s, y_handle left, y_handle right);
void y_index_merge(struct ydoc *doc, struct y_seq *s, y_handle into, y_handle gone, y_handle next);
void y_index_add(struct ydoc *doc, struct y_seq *s, const struct y_item *it, int64_t units,
                 int64_t bytes);
/* The item in which unit `pos` is (pos < s->units), and the units before that item. */
y_handle y_index_find(const struct ydoc *doc, const struct y_seq *s, uint32_t pos, bool by_bytes,
                      uint32_t *units_before, uint32_t *bytes_before);
/* Units and bytes before an item. */
void y_index_position(const struct ydoc *doc, const struct y_seq *s, y_handle h, uint32_t *units,
                      uint32_t *bytes);
const char *y_index_check(const struct ydoc *doc, const struct y_seq *s);

/* Adjusts a chain's sums for an item that appears (sign 1) or goes (-1). */
static inline bool y_countable(uint8_t kind)
{
    return kind != Y_GC && kind != Y_DELETED && kind != Y_FORMAT;
}
static inline uint32_t y_units(const struct y_item *it)
{
    return (it->flags & Y_DEAD) || !y_countable(it->kind) ? 0 : it->len;
}
static inline uint32_t y_visible_bytes(const struct y_item *it)
{
    return it->kind == Y_STRING && !(it->flags & Y_DEAD) ? it->bytes : y_units(it);
}

/* --- integrate.c
 * ----------------------------------------------------------------------------------
 */

/* Whether something that `s` stands on is missing; then what. The clients of its ids are interned.
 */
bool y_missing(struct ydoc *doc, uint32_t client, const struct y_struct *s, struct y_rid *what);
/* Integrates a struct that nothing is missing for and that reaches beyond the client's state. */
int y_integrate(struct ydoc *doc, uint32_t client, const struct y_struct *s);
/* A stamp for items that none has yet. */
uint32_t y_next_stamp(struct ydoc *doc);
/* Integrates an item whose chain, origins and content are set, between `left` and `right`, or where it
 * belongs if others are between them. As y_link(). */
int y_place(struct ydoc *doc, y_handle h, y_handle left, y_handle right, struct y_type *type);
/* Links an item that has its place (left, right, seq, origins) into its chain, its client's structs
 * and the transaction. Needs y_append_room(); `type` of Y_TYPE. On error it is linked, for the
 * rollback to find, or it and its type are freed. */
int y_link(struct ydoc *doc, y_handle h, struct y_type *type);

/* --- crowd.c: where many conflict ------------------------------------------------------------- */

/* Whether the crowd is at the item's place, so that what is marked counts as passed. Then its scan may
 * begin with *left and *o as they are set here; *o is 0 if there is nothing left to do. */
bool y_crowd_begin(const struct ydoc *doc, const struct y_item *it, y_handle right, y_handle *left,
                   y_handle *o);
/* A scan for `it` passed `n` items, the first of them `first`; of a crowd: from where it began. */
void y_crowd_passed(struct ydoc *doc, const struct y_item *it, y_handle first, uint32_t n);
/* After an item of the crowd's chain was linked. */
void y_crowd_joined(struct ydoc *doc, y_handle h);
void y_crowd_forget(struct ydoc *doc);
const char *y_crowd_check(const struct ydoc *doc);
/* The item grows: if it is the one that the crowd stands on, that is at its end no more. */
static inline void y_crowd_grown(struct ydoc *doc, const struct y_item *it)
{
    if (doc->crowd.seq == it->seq && it->right && !it->crowd && y_item(doc, it->right)->crowd)
        y_crowd_forget(doc);
}

/* --- observe.c -------------------------------------------------------------------------------- */

/* Who wants to know what happens in a document. */
struct y_hooks {
    struct {
        void (*fn)(struct ydoc *doc, const uint8_t *update, size_t len, const void *origin,
                   void *udata);
        void *udata;
    } update[2]; /* by format */
    void (*subdoc)(struct ydoc *doc, enum y_subdoc_change change, struct y_slice guid,
                   struct y_slice options, void *udata);
    void *subdoc_udata;
    struct y_undo **undos;
    size_t undo_count, undo_cap;
};
struct y_hooks *y_hooks_of(struct ydoc *doc); /* made when there are none; NULL: out of memory */

/* Calls the observers of a transaction that ended, and whoever else wants to know. */
void y_observers_call(struct ydoc *doc, struct y_txn *t);
/* The update listeners, after collecting and merging. */
void y_listeners_call(struct ydoc *doc, struct y_txn *t);
void y_observers_free(struct y_type *t);
void y_hooks_free(struct ydoc *doc);
static inline bool y_subdocs_wanted(const struct ydoc *doc)
{
    return doc->hooks && doc->hooks->subdoc;
}
/* Notes that a subdocument came (`own`: was inserted here, and so is loaded) or is deleted (before it
 * is marked). Y_OK or Y_ERR_NOMEM. */
int y_subdoc_added(struct ydoc *doc, const struct y_item *it, y_handle h, bool own);
int y_subdoc_deleted(struct ydoc *doc, const struct y_item *it);
/* The transaction ended: what came and went in it is forgotten (yjs ContentDoc.delete). */
void y_subdocs_settle(struct ydoc *doc, struct y_txn *t);

/* --- wait.c ----------------------------------------------------------------------------------- */

bool y_waits_before(const struct y_waiting *a, const struct y_waiting *b); /* in a heap, encoded */
int y_wait_push(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len,
                enum y_format format, const void *bytes, size_t n);
int y_wait_delete(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len);
/* Integrates what can be, after this transaction's structs; then late deletions. */
int y_wait_drain(struct ydoc *doc);
/* The client came further: what waits in it or for it may go on. */
void y_wait_look(struct ydoc *doc, uint32_t client);
void y_wait_rollback(struct ydoc *doc);
void y_wait_commit(struct ydoc *doc);
void y_wait_free(struct y_client *c);
const char *y_wait_check(const struct ydoc *doc);

/* --- transaction.c ---------------------------------------------------------------------------- */

int y_begin(struct ydoc *doc, const void *origin, bool local);
/* Ends it: observers, collecting, merging. Rolls back instead if the transaction has an error, and
 * returns that. `error` of the last step, or Y_OK, is noted first. */
int y_end(struct ydoc *doc, int error);
/* Room in the transaction under way for every client there is: y_touch() cannot fail. */
int y_txn_room(struct ydoc *doc);
void y_txns_free(struct ydoc *doc);
/* The client's change in the transaction under way. */
struct y_change *y_touch(struct ydoc *doc, uint32_t client);
/* What the transaction did to a client; NULL: nothing. */
const struct y_change *y_change_of(const struct ydoc *doc, const struct y_txn *t, uint32_t client);
/* The state of a client before the transaction; that of now if nobody has changed it since. */
uint32_t y_txn_before(const struct ydoc *doc, const struct y_txn *t, uint32_t client);
/* Whether the transaction brought, deleted the item (yjs YEvent `adds`, `deletes`). What came in later
 * transactions, which observers made, counts as brought too, as in Yjs. */
bool y_txn_adds(const struct ydoc *doc, const struct y_txn *t, const struct y_item *it);
bool y_txn_deletes(const struct ydoc *doc, const struct y_txn *t, const struct y_item *it);
/* The changes that deleted something, in the order in which Yjs's delete set has their clients: of the
 * first deletion of each. `*list` is the caller's to free, NULL if there are none or no memory. */
int y_txn_deletions(const struct y_txn *t, const struct y_change ***list, uint32_t *n);
int y_delete(struct ydoc *doc, y_handle h);
int y_delete_range(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t end);
/* An item of the chain changed: an event may be due (yjs addChangedTypeToTransaction). */
int y_changed(struct ydoc *doc, uint32_t seq);

/* Notes in the transaction that something was deleted. */
int y_note_deleted(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len);
int y_ranges_add(struct y_ranges *r, uint32_t clock, uint32_t len);
int y_ranges_room(struct y_ranges *r);
void y_ranges_sort(struct y_ranges *r);

/* --- edit.c: what all local edits are made of ------------------------------------------------- */

/* A place between two items. */
struct y_spot {
    y_handle left, right;
    uint32_t units, bytes; /* before it */
};

/* The spot right behind unit (or UTF-8 byte, if positions count those) pos - 1, whose item is cut;
 * deleted items and formats that follow stay to its right. Y_ERR_RANGE beyond the end or inside a
 * character, Y_ERR_NOMEM. Remembers it as the chain's cursor. */
int y_seek(struct ydoc *doc, uint32_t seq, uint64_t pos, struct y_spot *at);
/* The item that unit pos - 1 is in (pos > 0), uncut, and what is before that item. */
y_handle y_locate(struct ydoc *doc, struct y_seq *s, uint64_t pos, bool by_bytes, uint32_t *units,
                  uint32_t *bytes);
/* Whether positions in this type count bytes. */
bool y_by_bytes(const struct y_type *t);
/* Moves the spot over its right item. */
void y_step(const struct ydoc *doc, struct y_spot *at);
/* Our own client. */
int y_self(struct ydoc *doc, uint32_t *client);
/* Integrates a new item of ours at a spot, which then is behind it. `type`: of Y_TYPE, freed on
 * error. */
int y_insert_item(struct ydoc *doc, uint32_t seq, struct y_spot *at, uint8_t kind, uint32_t len,
                  const void *data, size_t n, struct y_type *type);
/* The same for text, valid and not empty; grows the item on the left where that is what the end of
 * the transaction would come to. */
int y_insert_string(struct ydoc *doc, uint32_t seq, struct y_spot *at, const void *utf8, size_t len,
                    uint32_t units);
/* Whether `left` would take up what is inserted between it and `right`, when neighbours merge. */
bool y_extends(const struct ydoc *doc, y_handle left, y_handle right);
/* Deletes `units` countable units from a spot on, which moves behind them. */
int y_delete_units(struct ydoc *doc, struct y_spot *at, uint64_t units);
/* Content of a value that a list or map takes: kind of item and data, appended to `out`. */
int y_value_content(const struct y_value *v, uint8_t *kind, struct ybuf *out);
/* The value with index `at` of a countable item. */
struct y_value y_item_value(const struct ydoc *doc, const struct y_item *it, uint32_t at);
/* The values of an item one after another; *at begins as 0. False after the last. */
bool y_value_next(const struct ydoc *doc, const struct y_item *it, uint32_t *at, struct y_value *v);
/* A type that is in no chain yet; ref and name as in y_list_insert_type. */
int y_type_make(struct ydoc *doc, enum y_type_ref ref, const char *name, struct y_type **made);

/* --- quick.c ---------------------------------------------------------------------------------- */

/* Applies an update that is a single keystroke; false, and nothing done, if it is not that simple. No
 * transaction may be under way, nobody observe. */
bool y_quick_apply(struct ydoc *doc, const uint8_t *p, const uint8_t *end, int *error);
/* Deletes clocks that are all in one string; false, and nothing done, if it is not that simple. Cannot
 * be rolled back. */
bool y_quick_delete(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len, int *error);
/* Local edits of text in a transaction of their own, whose update nobody asks for. */
bool y_quick_type(struct y_type *t, uint64_t pos, const char *utf8, size_t len, uint32_t units,
                  int *error);
bool y_quick_erase(struct y_type *t, uint64_t pos, uint64_t len, int *error);

/* --- format.c: text with formats -------------------------------------------------------------- */

/* Inserts an item (kind Y_STRING, Y_EMBED, Y_TYPE) with attributes; Y_TYPE frees `type` on error. */
int y_format_insert(struct y_type *t, uint64_t pos, uint8_t kind, const void *data, size_t n,
                    uint32_t units, struct y_type *type, const struct y_slice *attributes);
int y_format_delete(struct y_type *t, uint64_t pos, uint64_t len);
/* What yjs calls cleanupFormattingGap: of the formats from `start` up to the next value, deletes those
 * that later ones overrule and those that say what holds there already. `left`: what is before
 * `start`. */
int y_format_gap(struct ydoc *doc, y_handle left, y_handle start);
/* Takes away formats that a remote transaction made superfluous, in a transaction of its own (yjs
 * cleanupYTextAfterTransaction). */
int y_format_cleanup(struct ydoc *doc, const struct y_txn *t);
/* The format item `copy` has the very object that `original` has (or, if that is 0, one of its own): to
 * be said when one of ours is made. Y_OK or Y_ERR_NOMEM. */
int y_same_value(struct ydoc *doc, y_handle copy, y_handle original);
/* Y_OK; or Y_ERR_RANGE if `pos` is beyond the end or, counted in bytes, inside a character. Changes
 * nothing. */
int y_text_place(const struct y_type *t, uint64_t pos);

/* --- delta.c ---------------------------------------------------------------------------------- */

/* The delta of a text's event (yjs YTextEvent): fills e->ops, e->op_count.
 *
 * A delta is one block of memory: the operations, then their values, then all bytes that these point
 * to. y_delta_free() frees that block; so whoever makes a delta makes it with a y_delta_builder. */
int y_text_event_delta(struct y_event *e);

/* A delta under construction; all zero is an empty one. Errors are sticky and come from
 * y_delta_finish(). */
struct y_delta_builder {
    int error;
    struct y_delta_op *ops; /* their pointers are offsets until the end */
    size_t op_count, op_cap;
    struct y_value *values;
    size_t value_count, value_cap;
    struct ybuf bytes;
};
/* Begins an operation; values that are added then belong to it, and count for its length. */
void y_delta_op(struct y_delta_builder *b, enum y_delta_kind kind, uint64_t len);
/* Adds a value; its bytes are copied. */
void y_delta_value(struct y_delta_builder *b, const struct y_value *v);
/* Makes an insertion of the bytes that were appended to `bytes` since it was `from` long; false: none. */
bool y_delta_text(struct y_delta_builder *b, size_t from, uint64_t len);
/* The delta, owned by the caller; NULL, 0 if it is empty. Releases the builder, in any case. */
int y_delta_finish(struct y_delta_builder *b, struct y_delta_op **ops, size_t *n);

/* --- event.c ---------------------------------------------------------------------------------- */

/* What happened to a type in a transaction. Deltas and keys are made when they are asked for. */
struct y_event {
    struct ydoc *doc;
    const struct y_txn *txn;
    struct y_type *target, *current; /* what changed; what is observed */
    bool list_changed;
    struct y_delta_op *ops;
    size_t op_count;
    struct y_key_change *keys;
    size_t key_count;
    struct y_path_step *path;
    size_t path_count;
    const struct y_type *path_from; /* what `path` begins at */
    uint32_t first, last;           /* in txn->types: 1 + what changed of it */
    bool has_ops, has_keys;
    const uint8_t *pool; /* where what they borrow was */
    size_t pool_len;
    struct ybuf scratch; /* that keys and path borrow from */
};
void y_event_release(struct y_event *e);

/* --- json.c, xml.c ---------------------------------------------------------------------------- */

/* Appends a value as JSON; undefined and none as null, which y_value_undefined() tells. */
int y_value_json(const struct ydoc *doc, const struct y_value *v, struct ybuf *out);
bool y_value_undefined(const struct y_value *v);
/* Appends a type's toString(); `quoted`: escaped for a JSON string. */
int y_xml_write(const struct y_type *t, bool quoted, struct ybuf *out);

/* --- redone.c --------------------------------------------------------------------------------- */

/* Room for one more link, split or keep, which then cannot fail. */
int y_redone_room(struct ydoc *doc);
/* The item lives on in what begins at `to`. */
void y_redone_set(struct ydoc *doc, struct y_item *it, struct y_id to);
/* As what; client Y_NOBODY: it was not. */
struct y_id y_redone_of(const struct ydoc *doc, const struct y_item *it);
void y_redone_split(struct ydoc *doc, const struct y_item *left, const struct y_item *right);
void y_redone_forget(struct ydoc *doc, const struct y_item *it);
/* The item in which `id` is now, as it was brought back last, and how far in. */
y_handle y_redone_follow(struct ydoc *doc, struct y_id id, uint32_t *diff);
/* Keeps an item and all it is in from being collected (yjs keepItem). */
int y_keep(struct ydoc *doc, y_handle h);
/* The journal of the transaction under way. */
void y_redone_begin(struct ydoc *doc);
void y_redone_rollback(struct ydoc *doc);
void y_redone_free(struct ydoc *doc);

/* --- undo.c ----------------------------------------------------------------------------------- */

/* What capturing a transaction that is about to end needs, while it can still fail. */
int y_undo_prepare(struct ydoc *doc, const struct y_txn *t);
/* The transaction under way failed. */
void y_undo_rollback(struct ydoc *doc, const struct y_txn *t);
/* After the observers of a transaction (yjs 'afterTransaction'). */
void y_undo_after(struct y_undo *u, struct y_txn *t);
/* A type is about to go. */
void y_undo_forget(struct ydoc *doc, const struct y_type *t);

/* --- encode.c --------------------------------------------------------------------------------- */

int y_encode_transaction(struct ydoc *doc, const struct y_txn *t, enum y_format format,
                         struct ybuf *out);
/* Before the end of a transaction: room in `t->out` for its update, so that writing it later cannot
 * fail; or, of contents that may need more memory than room, the update as it would be now. */
int y_encode_room(struct ydoc *doc, const struct y_txn *t, struct ybuf *draft);

/* Writes what is deleted, with `late` also what is to be when it comes; doc->order is up to date. */
int y_put_delete_set(struct ydoc *doc, struct y_enc *e, bool late);

/* An integrated item as the codec's struct; borrowed from the document. */
void y_struct_of(const struct ydoc *doc, const struct y_item *it, struct y_struct *s);

bool y_sv_read(const void *sv, size_t len, struct y_reader *out, uint64_t *count);

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
    return a.client == b.client && (a.client == Y_NOBODY || a.clock == b.clock);
}
/* Whether two structs of a client that follow each other are one (yjs Item.js, GC.js `mergeWith`). */
static inline bool y_mergeable(const struct y_item *left, y_handle rh, const struct y_item *right)
{
    if (left->kind != right->kind || ((left->flags ^ right->flags) & Y_DEAD))
        return false;
    if (left->kind == Y_GC)
        return true;
    return left->right == rh && y_same_id(right->origin, y_last_id(left)) &&
           y_same_id(left->right_origin, right->right_origin) &&
           (left->kind == Y_STRING || left->kind == Y_DELETED || left->kind == Y_ANY ||
            left->kind == Y_JSON) &&
           !((left->flags | right->flags) & Y_REDONE);
}

#endif
