/*
 * y: the Yjs CRDT in C. A document takes updates in any order and any number of times, and replicas
 * that have seen the same updates hold the same content, byte for byte what Yjs would hold.
 *
 *     struct ydoc *doc = ydoc_new(NULL);
 *     if (ydoc_apply(doc, update, update_len, NULL) < 0) ...;     the document is as it was
 *     struct ybuf out = {0};
 *     ydoc_encode_update(doc, sv, sv_len, &out);                   what a peer with state vector sv
 * lacks ybuf_release(&out); ydoc_free(doc);
 *
 * Rules. An update is decoded and validated whole before the document changes: an error leaves it
 * untouched. Nothing here knows sockets, clocks or files; only libc is needed. Text is UTF-8 in
 * this interface; the wire and all clocks count UTF-16 code units, as Yjs does. A document may be
 * used by one thread at a time. Nothing aborts: running out of memory is Y_ERR_NOMEM.
 *
 * Wire format: yjs `src/utils/encoding.js` and `UpdateEncoder.js` (v1), lib0 `encoding.js`.
 */
#ifndef Y_Y_H
#define Y_Y_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum y_error {
    Y_OK = 0,
    Y_ERR_MALFORMED =
        -1,           /* bytes that no Yjs writes: truncated, trailing, bad UTF-8, bad JSON, ... */
    Y_ERR_RANGE = -2, /* a client id, clock or length beyond what a document can hold */
    Y_ERR_LIMIT = -3, /* valid, but beyond a limit of struct ydoc_opts or codec.h */
    Y_ERR_NOMEM = -4,
    Y_ERR_TYPE = -5, /* the shared type is of another kind than the call needs */
};
/* A static English sentence for any of the above; never NULL. */
const char *y_strerror(int error);

/* Where all memory comes from, as realloc() and free() of libc, which NULL means. Set it before
 * anything else is called: what one allocator gave, another must not free. Not for several threads
 * at once. */
void y_set_allocator(void *(*realloc_fn)(void *, size_t), void (*free_fn)(void *));

/* --- bytes -------------------------------------------------------------------------------------
 */

/* A growing byte buffer; all zero is a valid empty one. Writers append. */
struct ybuf {
    uint8_t *data;
    size_t len, cap;
};
void ybuf_release(struct ybuf *b); /* frees, leaves it all zero */
int ybuf_append(struct ybuf *b, const void *data, size_t len);

/* Borrowed bytes. */
struct y_slice {
    const uint8_t *p;
    size_t n;
};

/* The two encodings of updates (Yjs's encodeStateAsUpdate and encodeStateAsUpdateV2). */
enum y_format { Y_V1 = 0, Y_V2 };

/* lib0 encoding: varUint = 7 bits a byte, low first; varByteArray and varString = varUint length,
 * then the bytes. Return Y_OK or Y_ERR_NOMEM. */
int y_write_varuint(struct ybuf *b, uint64_t n);
int y_write_bytes(struct ybuf *b, const void *data, size_t len);

/* A cursor with a sticky error: after the first bad read everything reads as 0 / empty and `error`
 * stays set, so a record is decoded straight through and checked once. Slices are borrowed. */
struct y_reader {
    const uint8_t *p, *end;
    int error;
};
static inline struct y_reader y_reader_of(const void *data, size_t len)
{
    const uint8_t *p = data ? (const uint8_t *)data : (const uint8_t *)""; /* nothing may be NULL */
    return (struct y_reader){p, p + len, Y_OK};
}
uint64_t y_read_varuint(struct y_reader *r); /* at most 2^53 - 1, as in lib0 */
uint8_t y_read_u8(struct y_reader *r);
const uint8_t *y_read_bytes(struct y_reader *r, size_t *len);
const char *y_read_string(struct y_reader *r, size_t *len); /* validated UTF-8, not terminated */

/* Whether the bytes are well-formed UTF-8; whether they are one JSON value as JSON.parse reads it
 * (any depth up to 200). Neither recurses. */
bool y_utf8_valid(const void *s, size_t len);
bool y_json_valid(const void *s, size_t len);

/* --- documents ---------------------------------------------------------------------------------
 */

struct ydoc;

/* Zero means the default. */
struct ydoc_opts {
    uint64_t client_id;       /* for edits made here; default: 1 */
    size_t max_pending_bytes; /* held updates that wait for missing ones; default 4 MiB */
    bool keep_deleted;        /* do not garbage-collect deleted content (Yjs's gc: false) */
};

/* Owned by the caller; NULL when out of memory. `opts` may be NULL and is copied. */
struct ydoc *ydoc_new(const struct ydoc_opts *opts);
void ydoc_free(struct ydoc *doc);

struct y_applied {
    bool changed; /* something new was integrated (a repeated update changes nothing) */
    bool pending; /* something now waits for updates that have not come */
};

/* Applies one v1 update. 0, or negative with the document untouched. `out` may be NULL. What cannot
 * be integrated yet is kept (and travels in ydoc_encode_update) until what it needs has come; more
 * than max_pending_bytes of that is Y_ERR_LIMIT. */
int ydoc_apply(struct ydoc *doc, const void *update, size_t len, struct y_applied *out);

/* Appends a v1 update with all that a replica with state vector `sv` (v1 encoding; NULL, 0 = empty)
 * lacks, pending updates included. Y_ERR_MALFORMED for a bad `sv`. */
int ydoc_encode_update(const struct ydoc *doc, const void *sv, size_t sv_len, struct ybuf *out);
/* Appends the document's state vector, v1 encoding. */
int ydoc_encode_state_vector(const struct ydoc *doc, struct ybuf *out);
/* Whether a replica with state vector `sv` lacks nothing of what ydoc_encode_update would send
 * beyond the delete set. */
bool ydoc_has_pending(const struct ydoc *doc);
/* Bytes that the document holds in memory, about; and bytes held pending. */
size_t ydoc_memory(const struct ydoc *doc);
size_t ydoc_pending_bytes(const struct ydoc *doc);

/* Appends the UTF-8 text of root text `name`: empty if nothing was written to it yet. */
int ydoc_text(const struct ydoc *doc, const char *name, struct ybuf *out);
/* Replaces UTF-16 units [pos, pos + del) of root text `name` by `utf8`, as one local transaction of
 * the document's client_id. Appends the update that tells other replicas to `update` (may be NULL).
 * Y_ERR_RANGE if the text is shorter than pos + del. */
int ydoc_text_splice(struct ydoc *doc, const char *name, uint64_t pos, uint64_t del,
                     const char *utf8, size_t len, struct ybuf *update);
/* Length of root text `name` in UTF-16 units. */
uint64_t ydoc_text_length(const struct ydoc *doc, const char *name);

/* Appends the string at `key` of root map `name`. 1 if there is one; 0 if the key is absent,
 * deleted or no string; negative on error. */
int ydoc_map_string(const struct ydoc *doc, const char *name, const char *key, struct ybuf *out);
/* Sets it, as one local transaction; the update is appended to `update` (may be NULL). */
int ydoc_map_set_string(struct ydoc *doc, const char *name, const char *key, const char *utf8,
                        size_t len, struct ybuf *update);

/* --- updates without a document ------------------------------------------------------------------
 */

/* 0 if the bytes are one well-formed v1 update, else negative. */
int y_update_check(const void *update, size_t len);
int y_update_check_v2(const void *update, size_t len);

/* Appends to `out` one update with everything that the `n` updates hold, as Yjs's mergeUpdates:
 * sorted, overlaps taken once, gaps filled with Skip, nothing integrated. O(n log n). */
int y_updates_merge(const struct y_slice *updates, size_t n, enum y_format format,
                    struct ybuf *out);
/* Appends what of `update` a replica with state vector `sv` lacks (diffUpdate). */
int y_update_diff(const void *update, size_t len, const void *sv, size_t sv_len,
                  enum y_format format, struct ybuf *out);
/* Appends the state vector that a document would have after `update` (encodeStateVectorFromUpdate):
 * clocks up to the first gap of each client. */
int y_update_state_vector(const void *update, size_t len, enum y_format format, struct ybuf *out);
/* Appends the same update in another format. */
int y_update_convert(const void *update, size_t len, enum y_format from, enum y_format to,
                     struct ybuf *out);

/* Appends the update for people to read, a struct a line, then what it deletes, a client a line.
 * Clocks are from..to, without `to`; ids are client:clock; texts, keys and values are written as
 * JSON:
 *
 *     client 12  clock 0..5  string "hello"  parent root "text"
 *     client 12  clock 5..6  format "bold" = true  origin 12:4  right 7:0
 *     client 7  clock 0..1  type map  parent root "people"  key "ann"
 *     client 7  clock 1..3  any 1, {"x":true}  parent 7:0  key "list"
 *     delete client 12: 3..5, 9..10
 *
 * The other contents: gc, skip, deleted, json TEXT, ..., embed VALUE, binary N bytes HEX (the first
 * 32), type array, map, text, xml-element "name", xml-fragment, xml-hook "name", xml-text; doc
 * "guid" OPTIONS. A struct with neither origin, right origin nor parent is gc or skip; with an
 * origin the parent is that of the origin. */
int y_update_inspect(const void *update, size_t len, enum y_format format, struct ybuf *out);

/* Verifies every invariant of the document's structures; for tests. NULL if all hold, else which
 * does not (static text). */
const char *ydoc_check(const struct ydoc *doc);

#endif
