/*
 * y: the Yjs CRDT in C. A document takes updates in any order and any number of times, and replicas
 * that have seen the same updates hold the same content, byte for byte what Yjs would hold.
 *
 *     struct ydoc *doc = ydoc_new(NULL);
 *     if (ydoc_apply(doc, update, update_len, NULL) < 0)
 *         ...;                                        the document is as it was
 *     struct ybuf out = {0};
 *     ydoc_encode_update(doc, sv, sv_len, &out);      what a peer with state vector sv lacks
 *     ybuf_release(&out);
 *     ydoc_free(doc);
 *
 * Rules. An error leaves the document as it was: an update is applied whole or not at all. Nothing
 * here knows sockets, clocks or files; only libc is needed. Text is UTF-8 in this interface; the wire
 * and all clocks count UTF-16 code units, as Yjs does. A document may be used by one thread at a time.
 * Nothing aborts: running out of memory is Y_ERR_NOMEM.
 *
 * Updates that nobody honest writes, such as two different structs of one client and clock, or one
 * that stands left of what is left of it, do no harm beyond their own content: every invariant holds
 * (ydoc_check), applying them again changes nothing, and a document's encoding is always taken by an
 * empty one, which then has the same state vector if nothing was waiting. But it may show that content
 * in another order, or as deleted, as with Yjs: what contradicts itself has no one true order. Replicas
 * that saw only what Yjs or this library wrote are equal. The work is n log n in the bytes of an update and
 * the structs that it touches, with two exceptions that Yjs has too: conflicting inserts at several places
 * by turns (crowd.c), and deep observers of deep documents.
 *
 * Wire format: yjs `src/utils/encoding.js` and `UpdateEncoder.js` (v1), lib0 `encoding.js`.
 */
#ifndef Y_Y_H
#define Y_Y_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default) /* what the shared library exports: this header, no more */
#endif

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

/* --- bytes ------------------------------------------------------------------------------------ */

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
    struct y_reader r = {p, p + len, Y_OK};
    return r;
}
uint64_t y_read_varuint(struct y_reader *r); /* at most 2^53 - 1, as in lib0 */
uint8_t y_read_u8(struct y_reader *r);
const uint8_t *y_read_bytes(struct y_reader *r, size_t *len);
const char *y_read_string(struct y_reader *r, size_t *len); /* validated UTF-8, not terminated */

/* Whether the bytes are well-formed UTF-8; whether they are one JSON value as JSON.parse reads it
 * (any depth up to 200). Neither recurses. */
bool y_utf8_valid(const void *s, size_t len);
bool y_json_valid(const void *s, size_t len);

/* --- documents -------------------------------------------------------------------------------- */

struct ydoc;

/* Zero means the default. */
struct ydoc_opts {
    uint64_t client_id;       /* for edits made here, by nobody else and never again; default: 1 */
    size_t max_pending_bytes; /* held updates that wait for missing ones; default 4 MiB */
    bool keep_deleted;        /* do not garbage-collect deleted content (Yjs's gc: false) */
    bool utf8_offsets;        /* positions count UTF-8 bytes instead of UTF-16 units */
};

/* Owned by the caller; NULL when out of memory. `opts` may be NULL and is copied. */
struct ydoc *ydoc_new(const struct ydoc_opts *opts);
void ydoc_free(struct ydoc *doc);
/* Another max_pending_bytes from now on (zero: the default); what waits already may be more. For those who
 * take more from their own store than from strangers. */
void ydoc_set_max_pending(struct ydoc *doc, size_t bytes);

struct y_applied {
    bool changed; /* something new was integrated (a repeated update changes nothing) */
    bool pending; /* something now waits for updates that have not come */
};

/* Applies one v1 update. 0, or negative with the document untouched. `out` may be NULL. What cannot
 * be integrated yet is kept (and travels in ydoc_encode_update) until what it needs has come; more
 * than max_pending_bytes of that is Y_ERR_LIMIT. */
int ydoc_apply(struct ydoc *doc, const void *update, size_t len, struct y_applied *out);
int ydoc_apply_v2(struct ydoc *doc, const void *update, size_t len, struct y_applied *out);

/* Appends a v1 update with all that a replica with state vector `sv` (v1 encoding; NULL, 0 = empty)
 * lacks, pending updates included. Y_ERR_MALFORMED for a bad `sv`. */
int ydoc_encode_update(const struct ydoc *doc, const void *sv, size_t sv_len, struct ybuf *out);
int ydoc_encode_update_v2(const struct ydoc *doc, const void *sv, size_t sv_len, struct ybuf *out);
/* Appends the document's state vector, v1 encoding. */
int ydoc_encode_state_vector(const struct ydoc *doc, struct ybuf *out);
/* Whether something waits for updates that have not come. */
bool ydoc_has_pending(const struct ydoc *doc);
/* Bytes that the document holds in memory, about; and bytes held pending. */
size_t ydoc_memory(const struct ydoc *doc);
size_t ydoc_pending_bytes(const struct ydoc *doc);

/* Appends the UTF-8 text of root text `name`: empty if nothing was written to it yet. */
int ydoc_text(const struct ydoc *doc, const char *name, struct ybuf *out);
/* Replaces [pos, pos + del) of root text `name` by `utf8`, as one local transaction of the document's
 * client_id; positions count what they do elsewhere, UTF-16 units or, with `utf8_offsets`, bytes.
 * Appends the update that tells other replicas to `update` (may be NULL; left alone inside a transaction of
 * the caller's). Y_ERR_RANGE if the text is shorter than pos + del, Y_ERR_TYPE if it is no text. */
int ydoc_text_splice(struct ydoc *doc, const char *name, uint64_t pos, uint64_t del,
                     const char *utf8, size_t len, struct ybuf *update);
/* Length of root text `name`, in what positions count. */
uint64_t ydoc_text_length(const struct ydoc *doc, const char *name);

/* Appends the string at `key` of root map `name`. 1 if there is one; 0 if the key is absent,
 * deleted or no string; negative on error. */
int ydoc_map_string(const struct ydoc *doc, const char *name, const char *key, struct ybuf *out);
/* Sets it, as one local transaction; the update is appended to `update` (may be NULL). */
int ydoc_map_set_string(struct ydoc *doc, const char *name, const char *key, const char *utf8,
                        size_t len, struct ybuf *update);

/* --- shared types --------------------------------------------------------------------------------
 *
 *     struct y_type *text, *todo, *item;
 *     ydoc_root(doc, "text", Y_REF_TEXT, &text);
 *     ydoc_begin(doc, NULL);                                 one transaction around several edits
 *     y_text_insert(text, 0, "hello", 5, NULL);
 *     ydoc_root(doc, "todo", Y_REF_ARRAY, &todo);
 *     y_list_insert_type(todo, 0, Y_REF_MAP, NULL, &item);
 *     y_map_set(item, "done", 4, &(struct y_value){.kind = Y_VALUE_ANY, .bytes = {(uint8_t *)"\x79", 1}});
 *     int error = ydoc_commit(doc);
 *
 * A y_type is borrowed from its document and valid until the end of the transaction that deletes it
 * (of a document that keeps deleted content: until ydoc_free). An edit outside ydoc_begin() and
 * ydoc_commit() is a transaction of its own.
 *
 * Positions and lengths count UTF-16 units, as Yjs does, or UTF-8 bytes if the document was made with
 * `utf8_offsets`; of arrays and XML, values. A position inside a character of several units or bytes:
 * UTF-16, between the halves of a pair, cuts it into two U+FFFD, as Yjs does; a UTF-8 one is
 * Y_ERR_RANGE.
 *
 * Calls that read return what was there when they were called. Calls that edit return Y_OK or an error
 * and then changed nothing, with two exceptions. When memory runs out inside a transaction of the
 * caller's, or a limit is met by something that was half done, everything since its outermost
 * ydoc_begin() is rolled back by its ydoc_commit(), which says so; edits in between fail with the same
 * error, and so does an inner ydoc_begin(), which then needs no ydoc_commit(). And when memory runs out
 * while observers are being called the edit stands, some of them were not told, and the error says so. */

struct y_type;

/* yjs structs/ContentType.js `typeRefs`. */
enum y_type_ref {
    Y_REF_ARRAY = 0,
    Y_REF_MAP = 1,
    Y_REF_TEXT = 2,
    Y_REF_XML_ELEMENT = 3,
    Y_REF_XML_FRAGMENT = 4,
    Y_REF_XML_HOOK = 5,
    Y_REF_XML_TEXT = 6,
    Y_REF_NONE = 255, /* a root that nobody has given a kind yet */
};

enum y_value_kind {
    Y_VALUE_NONE = 0, /* there is none */
    Y_VALUE_ANY, /* `bytes` is one lib0 any: undefined, null, a boolean, number, string, array, object */
    Y_VALUE_JSON,   /* `bytes` is a JSON text, or `undefined`: what old versions of Yjs wrote */
    Y_VALUE_STRING, /* `bytes` is UTF-8: text between other things, in a delta */
    Y_VALUE_BINARY, /* `bytes` are they */
    Y_VALUE_TYPE,   /* `type` */
    Y_VALUE_DOC,    /* a subdocument: `bytes` its guid, `options` one any */
};

/* A value in a shared type. Slices and types are borrowed from the document: until its next change. */
struct y_value {
    enum y_value_kind kind;
    struct y_slice bytes, options;
    struct y_type *type;
};

/* Appends the value of a JSON text. Numbers are integers up to 31 bits (and -0), float32 if that is
 * exact, else float64. Of equal keys the last counts, where the first stood; array indices stand
 * first, ascending. Half a surrogate pair becomes U+FFFD. Y_ERR_MALFORMED (what y_json_valid
 * refuses) or Y_ERR_NOMEM leave `out` as it was. */
int y_any_from_json(const void *json, size_t len, struct ybuf *out);

/* Appends the JSON text of one valid value. Undefined members are left out, undefined in arrays,
 * NaN and infinities are null, bytes are {"0":1,...}. Where JSON.stringify gives no text at all
 * this gives `undefined` for undefined and the decimal digits of a bigint. A member `__proto__` is
 * left out: readAny loses it too. Y_ERR_MALFORMED if it is not one valid value, or Y_ERR_NOMEM;
 * `out` as it was. */
int y_any_to_json(const void *any, size_t len, struct ybuf *out);

/* The root called `name` (NUL-terminated), made if it is not there, and given the kind `ref` if it has
 * none yet (yjs doc.get). Y_ERR_TYPE if it is of another kind. Y_REF_NONE asks for none. */
int ydoc_root(struct ydoc *doc, const char *name, enum y_type_ref ref, struct y_type **type);
/* The roots in the order in which they came: NULL, then each; NULL after the last. */
struct y_type *ydoc_next_root(const struct ydoc *doc, const struct y_type *after);

enum y_type_ref y_type_ref(const struct y_type *t);
struct ydoc *y_type_doc(const struct y_type *t);
/* The name of a root, XmlElement or XmlHook; else empty. */
struct y_slice y_type_name(const struct y_type *t);
/* The type that it is in; NULL for a root. */
struct y_type *y_type_parent(const struct y_type *t);
/* Units of text, values of an array or XML, keys of a map. */
uint64_t y_type_length(const struct y_type *t);
/* What JSON.stringify(type.toJSON()) gives: a text's string, an array, an object, XML's markup as a
 * string. Subdocuments are {}, bytes {"0":1,...}, bigints their digits; undefined is null in an array and
 * left out of an object. Appends. */
int y_type_json(const struct y_type *t, struct ybuf *out);
/* An object with all roots (yjs doc.toJSON). A root that nobody has given a kind, which Yjs does not
 * show, is shown by what it holds: text or embeds make a string, XML nodes alone their markup, other
 * values an array; a list that was emptied is the empty string; without a list, keys make an object. One
 * that holds nothing is left out. */
int ydoc_json(const struct ydoc *doc, struct ybuf *out);

/* --- transactions ----------------------------------------------------------------------------- */

/* Begins a transaction, or joins the one that is under way. `origin` is for observers and undo
 * managers, never dereferenced. */
int ydoc_begin(struct ydoc *doc, const void *origin);
/* Ends what the matching ydoc_begin() began; the outermost one collects, calls observers. An error of
 * an edit in it that could not be undone alone is returned here, and all of it undone. Without a
 * transaction it does nothing. */
int ydoc_commit(struct ydoc *doc);
/* Whether and what: of the transaction under way, or the one whose observers are being called. */
const void *ydoc_origin(const struct ydoc *doc);
bool ydoc_is_local(const struct ydoc *doc);

/* --- lists: arrays, XML fragments and elements; also the embeds of text ----------------------- */

/* Inserts n values before the one at `pos`: ANY, BINARY, DOC (whose options may be empty). */
int y_list_insert(struct y_type *t, uint64_t pos, const struct y_value *values, size_t n);
/* Inserts a new type; `name` for XmlElement and XmlHook (NUL-terminated), else NULL. */
int y_list_insert_type(struct y_type *t, uint64_t pos, enum y_type_ref ref, const char *name,
                       struct y_type **made);
int y_list_delete(struct y_type *t, uint64_t pos, uint64_t len);
/* Y_VALUE_NONE beyond the end. Of text: a string of one unit, an embed or a type. */
struct y_value y_list_get(const struct y_type *t, uint64_t pos);
/* Where a walk over a list is; zero is the beginning. Invalid after a change. */
struct y_walk {
    uint32_t item, at;
};
/* The next value; Y_VALUE_NONE after the last. */
struct y_value y_list_next(const struct y_type *t, struct y_walk *walk);

/* --- maps, and attributes of XML elements and texts ------------------------------------------- */

int y_map_set(struct y_type *t, const void *key, size_t len, const struct y_value *value);
int y_map_set_type(struct y_type *t, const void *key, size_t len, enum y_type_ref ref,
                   const char *name, struct y_type **made);
/* No error if there is none. */
int y_map_delete(struct y_type *t, const void *key, size_t len);
struct y_value y_map_get(const struct y_type *t, const void *key, size_t len);
/* The next key, in the order in which keys came (JavaScript's Map); false after the last. */
bool y_map_next(const struct y_type *t, struct y_walk *walk, struct y_slice *key,
                struct y_value *value);

/* --- text ------------------------------------------------------------------------------------- */

/* Attributes are one any, an object, or NULL: an inserted text then takes those of its place. */
int y_text_insert(struct y_type *t, uint64_t pos, const char *utf8, size_t len,
                  const struct y_slice *attributes);
int y_text_insert_embed(struct y_type *t, uint64_t pos, const struct y_value *embed,
                        const struct y_slice *attributes);
int y_text_insert_embed_type(struct y_type *t, uint64_t pos, enum y_type_ref ref, const char *name,
                             const struct y_slice *attributes, struct y_type **made);
int y_text_delete(struct y_type *t, uint64_t pos, uint64_t len);
/* An attribute whose value is null is taken away. What is beyond the end of the text becomes newlines, of
 * which Quill thinks that they are there. */
int y_text_format(struct y_type *t, uint64_t pos, uint64_t len, const struct y_slice *attributes);
/* Appends the text without embeds (YText.toString); of XML, the markup (YXmlText.toString). */
int y_text_string(const struct y_type *t, struct ybuf *out);

/* What changes, from the beginning: Quill's delta. */
enum y_delta_kind { Y_DELTA_RETAIN, Y_DELTA_INSERT, Y_DELTA_DELETE };
struct y_delta_op {
    enum y_delta_kind kind;
    uint64_t len;                 /* units, or values */
    const struct y_value *values; /* inserted: text has one, a string, embed or type */
    size_t count;
    struct y_slice attributes; /* one any, an object; empty: none */
};
/* The whole text as insertions, as YText.toDelta(). `snapshot` (may be NULL) is an encoded snapshot: the
 * text as it was then, which takes a document that keeps deleted content; with `previous` too, what
 * changed in between has the attribute `ychange`. The delta is the caller's, freed with
 * y_delta_free(); the types in it are borrowed. */
int y_text_delta(const struct y_type *t, const struct y_slice *snapshot,
                 const struct y_slice *previous, struct y_delta_op **ops, size_t *n);
void y_delta_free(struct y_delta_op *ops, size_t n);
/* Applies insertions, retains and deletions (YText.applyDelta). An insertion has a string, an embed (any),
 * or several; not a type, for which there is y_text_insert_embed_type(). `sanitize` is what it is in yjs
 * 13.6, where it is true by default: if false, the newline at the end of the last insertion, where that is
 * the end of the text, is left out. */
int y_text_apply_delta(struct y_type *t, const struct y_delta_op *ops, size_t n, bool sanitize);

/* --- XML -------------------------------------------------------------------------------------- */

/* Appends the markup of an element, fragment or text; of a hook what JavaScript makes of one,
 * [object Object] (toString). Names of elements are in lower case as far as ASCII and Latin-1 go. */
int y_xml_string(const struct y_type *t, struct ybuf *out);

/* --- observing -------------------------------------------------------------------------------- */

struct y_event;
struct y_observer;

/* Called after a transaction changed `t`, with the event of it; deep: or anything in it, with all events,
 * the nearest to `t` first. Edits that an observer makes are a transaction of their own, which comes
 * after. An observer lives until y_unobserve(), which may be called in the observer itself, or until its
 * type is gone. NULL when out of memory. */
struct y_observer *y_observe(struct y_type *t, void (*fn)(const struct y_event *event, void *udata),
                             void *udata);
struct y_observer *
y_observe_deep(struct y_type *t,
               void (*fn)(const struct y_event *const *events, size_t n, void *udata), void *udata);
void y_unobserve(struct y_observer *o);

/* Called with the update of each transaction that changed something, local or not (yjs doc.on('update')),
 * after its observers. At most one for each format and document; fn NULL takes it away.
 *
 * When memory runs out while observers and listeners are told, the change stands, some of them were not
 * told, and the call that made it returns Y_ERR_NOMEM. */
int ydoc_on_update(struct ydoc *doc, enum y_format format,
                   void (*fn)(struct ydoc *doc, const uint8_t *update, size_t len,
                              const void *origin, void *udata),
                   void *udata);

enum y_subdoc_change { Y_SUBDOC_ADDED, Y_SUBDOC_REMOVED, Y_SUBDOC_LOADED };
/* Called for each subdocument that a transaction brought, took away, or that wants to be loaded: one that
 * was inserted here, or whose options say autoLoad. After the updates; first all that came, then those
 * that went, then those to load (yjs doc.on('subdocs')). */
int ydoc_on_subdoc(struct ydoc *doc,
                   void (*fn)(struct ydoc *doc, enum y_subdoc_change change, struct y_slice guid,
                              struct y_slice options, void *udata),
                   void *udata);

/* What an event tells; valid while the observer is called. */
struct y_type *y_event_target(const struct y_event *e);
/* The list's changes, in order (event.delta); *n 0 if only keys changed. Owned by the event. */
int y_event_delta(const struct y_event *e, const struct y_delta_op **ops, size_t *n);
enum y_key_action { Y_KEY_ADD, Y_KEY_UPDATE, Y_KEY_DELETE };
struct y_key_change {
    struct y_slice key;
    enum y_key_action action;
    struct y_value old; /* what it was; NONE if it was added */
};
int y_event_keys(const struct y_event *e, const struct y_key_change **keys, size_t *n);
/* The way from the observed type to the target: keys, or positions where `key.p` is NULL. */
struct y_path_step {
    struct y_slice key;
    uint64_t position;
};
int y_event_path(const struct y_event *e, const struct y_path_step **steps, size_t *n);
/* {"path":[...],"delta":[...],"keys":{key:{"action":..,"oldValue":..}}}; types as toJSON. */
int y_event_json(const struct y_event *e, struct ybuf *out);

/* --- relative positions: places that stay where they are while others edit -------------------- */

/* Appends Yjs's encoding (encodeRelativePosition) of the place before `pos` (assoc >= 0: it stays with
 * what is right of it) or behind pos - 1 (assoc < 0). */
int y_relative_position(const struct y_type *t, uint64_t pos, int assoc, struct ybuf *out);
/* Where it is now. 1; 0 if what it stands on has not come yet or its type is gone. */
int y_absolute_position(struct ydoc *doc, const void *relative, size_t len, struct y_type **t,
                        uint64_t *pos, int *assoc);
/* Yjs's JSON of a relative position, and back. */
int y_relative_position_to_json(const void *relative, size_t len, struct ybuf *out);
int y_relative_position_from_json(const void *json, size_t len, struct ybuf *out);

/* --- snapshots: a document as it was (of documents that keep deleted content) ----------------- */

/* Appends the snapshot of now (encodeSnapshot, encodeSnapshotV2). */
int y_snapshot(const struct ydoc *doc, enum y_format format, struct ybuf *out);
int y_snapshot_check(const void *snapshot, size_t len, enum y_format format);
/* A document as it was at an (encoded v1) snapshot; `opts` as for ydoc_new. Y_ERR_TYPE if `doc` does not
 * keep deleted content. */
int ydoc_at_snapshot(const struct ydoc *doc, const void *snapshot, size_t len,
                     const struct ydoc_opts *opts, struct ydoc **out);
/* Whether the snapshot knows everything that the update has (snapshotContainsUpdate). 1, 0 or an error. */
int y_snapshot_contains(const void *snapshot, size_t len, const void *update, size_t update_len);

/* --- undo ------------------------------------------------------------------------------------- */

struct y_undo;

struct y_undo_opts {
    uint64_t
        capture_timeout; /* ms: edits closer than that are undone together; default 500; see `now` */
    bool no_timeout;     /* capture_timeout 0: every transaction is undone alone */
    uint64_t (*now)(void *udata); /* ms; NULL: only y_undo_stop() separates */
    void *udata;
    /* What is undone: transactions with one of these origins, in which NULL may be one; none given: edits
     * made here (not applied updates) whose origin is NULL. The manager itself is one always. */
    const void *const *origins;
    size_t origin_count;
    bool whole_document;            /* not only what is in `types` */
    bool ignore_remote_map_changes; /* undo a key even if somebody else set it since */
};
/* Undoes what happens in `types` and all in them. Copies opts. NULL when out of memory. Free it before the
 * document. Content that it may have to bring back is not collected. */
struct y_undo *y_undo_new(struct ydoc *doc, struct y_type *const *types, size_t n,
                          const struct y_undo_opts *opts);
void y_undo_free(struct y_undo *u);
/* 1 if something was undone (redone), 0 if there was nothing, or an error and everything as it was. The
 * transaction's origin is `u`. */
int y_undo(struct y_undo *u);
int y_redo(struct y_undo *u);
size_t y_undo_depth(const struct y_undo *u);
size_t y_redo_depth(const struct y_undo *u);
/* The next edit is undone by itself. */
void y_undo_stop(struct y_undo *u);
void y_undo_clear(struct y_undo *u);

/* --- updates without a document --------------------------------------------------------------- */

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

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
