/*
 * codec: the two wire formats of a Yjs update, as a reader and a writer of structs.
 *
 *     struct y_dec d;
 *     y_dec_init(&d, bytes, len, Y_V1);
 *     for (uint64_t n = y_dec_sections(&d); n; n--) {
 *         uint64_t structs, client, clock;
 *         y_dec_section(&d, &structs, &client, &clock);
 *         for (; structs; structs--, clock += s.len)
 *             y_dec_struct(&d, client, clock, &s);
 *     }
 *     ... y_dec_ds_clients, y_dec_ds_client, y_dec_ds_range ...
 *     int error = y_dec_end(&d);                            asked once; releases what d holds
 *
 * Rules. Everything is validated while it is read: lengths against the bytes that are there, UTF-8,
 * JSON, any, type references, ids, clocks (at most Y_CLOCK_MAX; a struct never stands on itself or
 * on a later clock of its own client). Errors are sticky: after the first one every read gives
 * zeros, sections, structs and ranges read as none, so a loop ends. Nothing recurses over remote
 * data.
 *
 * Both formats give the same struct, with its content in one form, the one that documents keep:
 *
 *     Y_GC, Y_SKIP, Y_DELETED  no data
 *     Y_JSON    len x varString, each a JSON text or `undefined`   (yjs ContentJSON)
 *     Y_BINARY  the bytes
 *     Y_STRING  UTF-8; len counts UTF-16 units
 *     Y_EMBED   one lib0 `any`
 *     Y_FORMAT  varString key, one `any`
 *     Y_TYPE    type_ref; data = the name of an XmlElement or XmlHook, else empty
 *     Y_ANY     len x any
 *     Y_DOC     varString guid, one any (its options)
 *
 * v1 writes embeds, format values as JSON text and v2 as any; they are converted as JSON.parse and
 * JSON.stringify would (yjs UpdateDecoder.js, UpdateEncoder.js; any.h).
 *
 * Source: yjs src/utils/{encoding,UpdateDecoder,UpdateEncoder,DeleteSet}.js, src/structs/ *.js,
 * lib0 decoding.js, encoding.js.
 */
#ifndef Y_CODEC_H
#define Y_CODEC_H

#include "y/y.h"

#define Y_CLOCK_MAX UINT64_C(0xffffffff)

/* In v2 a run of like structs that carry no text (empty nested types, what was deleted) takes no
 * bytes at all, so a few bytes could announce any number of structs. An update may have this many
 * whatever its size, which is room for what people do (a table of 65 536 empty cells), and so many
 * more for each of its bytes, about what v1 can say in a byte; beyond that it is Y_ERR_LIMIT. */
#define Y_V2_STRUCTS UINT64_C(65536)
#define Y_V2_STRUCTS_PER_BYTE 2

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

#define Y_HAS_ORIGIN 0x80 /* bits of y_struct.info, as on the wire */
#define Y_HAS_RIGHT 0x40
#define Y_HAS_KEY 0x20

enum y_parent_kind { Y_PARENT_COPIED = 0, Y_PARENT_ROOT, Y_PARENT_ID };

struct y_rid {
    uint64_t client;
    uint32_t clock;
};

/* One struct. Only the fields that kind, info and parent_kind announce are set. Slices are borrowed
 * from the input or from the decoder, valid until its next struct. */
struct y_struct {
    uint8_t kind, info, parent_kind, type_ref;
    uint32_t len; /* clocks; at least 1 */
    uint64_t clock;
    struct y_rid origin, right, parent;
    struct y_slice root,
        key; /* root: Y_PARENT_ROOT; key: Y_HAS_KEY and a parent that is not copied */
    struct y_slice data;
};

/* --- reading ---------------------------------------------------------------------------------- */

/* lib0 decoding.js RleDecoder, UintOptRleDecoder, IntDiffOptRleDecoder: `s` is the last value, `n`
 * how often it still comes. */
struct y_rle {
    struct y_reader r;
    int64_t s, diff;
    uint64_t n;
};

struct y_dec {
    struct y_reader r; /* v1: everything; v2: the rest */
    enum y_format format;
    struct ybuf scratch; /* converted content of the last struct */
    /* v1: the client that was read last, and the bytes that it was */
    uint64_t id, id_bits, id_mask;
    unsigned id_len;
    uint64_t ds_clock; /* v2: delete set clocks are differences */
    uint64_t budget;   /* v2: structs that may still be announced */
    /* v2 columns (UpdateDecoderV2) */
    struct y_rle key_clock, client, left_clock, right_clock, info, string_len, parent_info,
        type_ref, len;
    struct y_reader strings;
    struct y_slice *keys; /* key cache */
    size_t key_count, key_cap;
};

void y_dec_init(struct y_dec *d, const void *update, size_t len, enum y_format format);
uint64_t y_dec_sections(struct y_dec *d);
/* `structs` may be 0 (no client follows anything then). */
void y_dec_section(struct y_dec *d, uint64_t *structs, uint64_t *client, uint64_t *clock);
/* False after an error. */
bool y_dec_struct(struct y_dec *d, uint64_t client, uint64_t clock, struct y_struct *s);
/* Moves behind a struct of v1 without looking at more than its lengths. */
bool y_dec_pass(struct y_dec *d);
uint64_t y_dec_ds_clients(struct y_dec *d);
void y_dec_ds_client(struct y_dec *d, uint64_t *client, uint64_t *ranges);
void y_dec_ds_range(struct y_dec *d, uint64_t *clock, uint64_t *len);
/* Y_ERR_MALFORMED too if bytes are left. Releases; d may be initialised again. */
int y_dec_end(struct y_dec *d);

/* --- writing ---------------------------------------------------------------------------------- */

struct y_rle_out {
    struct ybuf b;
    int64_t s, diff;
    uint64_t n;
};

struct y_enc {
    enum y_format format;
    int error;       /* sticky; Y_ERR_NOMEM */
    struct ybuf out; /* v1: everything; v2: the rest */
    uint64_t ds_clock;
    struct y_rle_out key_clock, client, left_clock, right_clock, info, string_len, parent_info,
        type_ref, len;
    struct ybuf strings;
    uint64_t next_key; /* v2: yjs never reuses a key clock when it writes */
};

void y_enc_init(struct y_enc *e, enum y_format format);
void y_enc_sections(struct y_enc *e, uint64_t n);
void y_enc_section(struct y_enc *e, uint64_t structs, uint64_t client, uint64_t clock);
/* Writes `s` without its first `offset` clocks; what is cut inside a surrogate pair begins with
 * U+FFFD, as in yjs ContentString.splice. An item with offset > 0 gets the origin (client, clock +
 * offset - 1). */
void y_enc_struct(struct y_enc *e, uint64_t client, const struct y_struct *s, uint32_t offset);
void y_enc_ds_clients(struct y_enc *e, uint64_t n);
void y_enc_ds_client(struct y_enc *e, uint64_t client, uint64_t ranges);
void y_enc_ds_range(struct y_enc *e, uint64_t clock, uint64_t len);
/* Appends the update to `out` and releases. Y_OK or Y_ERR_NOMEM, with `out` as it was. */
int y_enc_end(struct y_enc *e, struct ybuf *out);
/* Releases without writing; the same error as y_enc_end would give. */
void y_enc_release(struct y_enc *e);

#endif
