/*
 * Reading updates.
 *
 *     v1: varUint sections
 *           sections x: varUint structs, varUint client, varUint clock, structs x struct
 *         struct: info byte (low 5 bits the kind, 0x80 origin, 0x40 right origin, 0x20 key), then
 *           GC, Skip: varUint length
 *           else: [origin] [right origin] [parent, if neither: 1 name | 0 id] [key, if parent]
 * content delete set: varUint clients x (varUint client, varUint ranges x (varUint clock, varUint
 * length))
 *
 *     v2: varUint flags, then columns, each a varByteArray: key clocks (IntDiffOptRle), clients
 * (UintOptRle), left clocks, right clocks (IntDiffOptRle), infos (Rle), strings (varString of all
 * of them, then their UTF-16 lengths as UintOptRle), parent infos (Rle), type references, lengths
 * (UintOptRle); then the rest: what v1 has and no column takes, delete sets with clocks as
 * differences, lengths - 1
 *
 *     Rle          value, how often more it comes; the last one comes for ever
 *     UintOptRle   varInt value; with a minus sign a varUint follows, it comes 2 + that often
 *     IntDiffOptRle   varInt 2 * difference + more; if more, a varUint follows, it comes 2 + that
 * often
 */
#include "y/codec_int.h"

#include "y/any.h"
#include "y/mem.h"
#include "y/utf8.h"

#include <string.h>

#define EIGHT UINT64_C(0x8080808080808080)

static uint64_t fail(struct y_dec *d, int error)
{
    if (!d->r.error)
        d->r.error = error;
    d->r.p = d->r.end;
    return 0;
}

static int bad(struct y_reader *r, int error)
{
    if (!r->error)
        r->error = error;
    r->p = r->end;
    return r->error;
}

/* --- columns of v2 ---------------------------------------------------------------------------- */

/* The magnitude of a varInt; *negative even for -0. */
static uint64_t varint(struct y_reader *r, bool *negative)
{
    uint8_t b = y_read_u8(r);
    uint64_t n = b & 63;
    *negative = b & 0x40;
    if (b & 0x80) {
        uint64_t more = y_read_varuint(r);
        if (more >> 47)
            bad(r, Y_ERR_RANGE);
        else
            n |= more << 6;
    }
    return n;
}

static uint64_t read_uint(struct y_dec *d, struct y_rle *c)
{
    if (!c->n) {
        bool negative;
        c->s = (int64_t)varint(&c->r, &negative);
        c->n = negative ? y_read_varuint(&c->r) + 2 : 1;
        if (unlikely(c->r.error)) {
            c->s = 0;
            return fail(d, c->r.error);
        }
    }
    c->n--;
    return (uint64_t)c->s;
}

/* All that such columns hold are clocks. */
static uint32_t read_diff(struct y_dec *d, struct y_rle *c)
{
    if (!c->n) {
        bool negative;
        uint64_t n = varint(&c->r, &negative);
        /* Two's complement: the low bit of -n is that of n, and half of it is rounded down. */
        bool more = n & 1;
        c->diff = negative ? -(int64_t)((n + 1) / 2) : (int64_t)(n / 2);
        c->n = more ? y_read_varuint(&c->r) + 2 : 1;
        if (unlikely(c->r.error)) {
            c->diff = 0;
            return (uint32_t)fail(d, c->r.error);
        }
    }
    c->n--;
    c->s += c->diff;
    if (unlikely(c->s < 0 || c->s >= (int64_t)Y_CLOCK_MAX)) {
        c->s = 0;
        return (uint32_t)fail(d, Y_ERR_RANGE);
    }
    return (uint32_t)c->s;
}

static uint8_t read_rle(struct y_dec *d, struct y_rle *c)
{
    if (!c->n) {
        c->s = y_read_u8(&c->r);
        c->n = c->r.p < c->r.end ? y_read_varuint(&c->r) + 1 : UINT64_MAX;
        if (unlikely(c->r.error))
            return (uint8_t)fail(d, c->r.error);
    }
    c->n--;
    return (uint8_t)c->s;
}

/* --- strings of v2: slices of one, by UTF-16 length ------------------------------------------- */

/* Moves behind `units` units of well-formed UTF-8, or behind one fewer if that would end inside a
 * pair: the units that are left. */
static uint64_t advance(const uint8_t **at, const uint8_t *end, uint64_t units)
{
    const uint8_t *p = *at;
    uint64_t eight;
    while (units && p < end) {
        while (units >= 8 && end - p >= 8 && (memcpy(&eight, p, 8), !(eight & EIGHT)))
            p += 8, units -= 8;
        if (!units || p == end)
            break;
        if (*p < 0x80) {
            p++, units--;
        } else if (*p < 0xf0) {
            p += *p < 0xe0 ? 2 : 3, units--;
        } else {
            if (units == 1)
                break;
            p += 4, units -= 2;
        }
    }
    *at = p;
    return units;
}

/* The next string. Where one ends between the halves of a surrogate pair and the next begins with
 * the second, each half is U+FFFD, as UTF-8 makes of it in v1; `strings` then stands on the pair's
 * last byte, which says so. */
static struct y_slice read_string_of(struct y_dec *d, uint64_t units, bool *scratched)
{
    struct y_reader *r = &d->strings;
    struct y_slice s = {r->p, 0};
    bool low = units && r->p < r->end && (*r->p & 0xc0) == 0x80;
    *scratched = false;
    if (low) {
        r->p++;
        units--;
    }
    const uint8_t *from = r->p;
    units = advance(&r->p, r->end, units);
    s = (struct y_slice){from, (size_t)(r->p - from)};
    bool high = units == 1 && r->p < r->end;
    if (units && !high) {
        fail(d, Y_ERR_MALFORMED);
        return (struct y_slice){from, 0};
    }
    if (high)
        r->p += 3;
    if (!low && !high)
        return s;
    size_t start = d->scratch.len;
    *scratched = true;
    if ((low && ybuf_append(&d->scratch, "\xef\xbf\xbd", 3)) ||
        ybuf_append(&d->scratch, s.p, s.n) ||
        (high && ybuf_append(&d->scratch, "\xef\xbf\xbd", 3))) {
        fail(d, Y_ERR_NOMEM);
        return (struct y_slice){from, 0};
    }
    return (struct y_slice){d->scratch.data + start, d->scratch.len - start};
}

static struct y_slice read_string(struct y_dec *d, bool *scratched)
{
    return read_string_of(d, read_uint(d, &d->string_len), scratched);
}

static struct y_slice read_key(struct y_dec *d, bool *scratched)
{
    uint32_t at = read_diff(d, &d->key_clock);
    *scratched = false;
    if (at < d->key_count)
        return d->keys[at];
    if (d->r.error)
        return (struct y_slice){NULL, 0};
    struct y_slice s = read_string(d, scratched);
    if (d->key_count == d->key_cap) {
        size_t cap = d->key_cap ? 2 * d->key_cap : 16;
        struct y_slice *keys = y_realloc(d->keys, cap * sizeof(*keys));
        if (!keys) {
            fail(d, Y_ERR_NOMEM);
            return (struct y_slice){NULL, 0};
        }
        d->keys = keys;
        d->key_cap = cap;
    }
    /* Half a pair would live in the scratch, which the next struct overwrites; no yjs asks for it
     * again. */
    d->keys[d->key_count++] = *scratched ? (struct y_slice){(const uint8_t *)"\xef\xbf\xbd", 3} : s;
    return s;
}

static void init_v2(struct y_dec *d)
{
    struct y_rle *columns[] = {&d->key_clock,   &d->client,   &d->left_clock,
                               &d->right_clock, &d->info,     &d->string_len,
                               &d->parent_info, &d->type_ref, &d->len};
    size_t len;
    d->keys = NULL;
    d->key_count = d->key_cap = 0;
    d->budget = Y_V2_STRUCTS + Y_V2_STRUCTS_PER_BYTE * (uint64_t)(d->r.end - d->r.p);
    y_read_varuint(&d->r);
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        const uint8_t *p = y_read_bytes(&d->r, &len);
        *columns[i] = (struct y_rle){.r = y_reader_of(p, len)};
    }
    struct y_reader *lengths = &d->string_len.r;
    d->strings = y_reader_of(NULL, 0);
    if (d->r.error)
        return;
    const char *s = y_read_string(lengths, &len);
    if (lengths->error)
        fail(d, lengths->error);
    else
        d->strings = y_reader_of(s, len);
}

/* --- sections --------------------------------------------------------------------------------- */

void y_dec_init(struct y_dec *d, const void *update, size_t len, enum y_format format)
{
    d->r = y_reader_of(update, len);
    d->format = format;
    d->scratch = (struct ybuf){0};
    d->ds_clock = 0;
    d->id_mask = UINT64_MAX;
    d->id_bits = UINT64_C(0x8080808080808080); /* no id */
    if (format == Y_V2)
        init_v2(d);
}

static uint64_t left(const struct y_dec *d)
{
    return (uint64_t)(d->r.end - d->r.p);
}

uint64_t y_dec_sections(struct y_dec *d)
{
    uint64_t n = y_varuint(&d->r);
    return n > left(d) / 2 ? fail(d, Y_ERR_MALFORMED) : n;
}

static uint64_t section_v2(struct y_dec *d, uint64_t structs, uint64_t *client, uint64_t *clock)
{
    *client = read_uint(d, &d->client);
    *clock = y_read_varuint(&d->r);
    if (structs > d->budget)
        return fail(d, Y_ERR_LIMIT);
    d->budget -= structs;
    return structs;
}

void y_dec_section(struct y_dec *d, uint64_t *structs, uint64_t *client, uint64_t *clock)
{
    uint64_t n = y_varuint(&d->r);
    if (d->format == Y_V2) {
        n = section_v2(d, n, client, clock);
    } else {
        *client = y_varuint(&d->r);
        *clock = y_varuint(&d->r);
        if (n > left(d) / 2)
            n = fail(d, Y_ERR_MALFORMED);
    }
    if (d->r.error)
        n = *client = *clock = 0;
    *structs = n;
}

/* --- structs of v1 ---------------------------------------------------------------------------- */

/* A struct cannot stand on itself, nor on what comes after it. */
static inline __attribute__((always_inline)) void check_id(struct y_reader *r, uint64_t client,
                                                           uint64_t clock, uint64_t of, uint64_t at)
{
    if (unlikely(at >= Y_CLOCK_MAX))
        bad(r, Y_ERR_RANGE);
    else if (unlikely(of == client && at >= clock))
        bad(r, Y_ERR_MALFORMED);
}

/* Nearly all ids of an update are of one client, whose bytes are compared before they are decoded. */
static inline __attribute__((always_inline)) uint64_t read_client(struct y_dec *d,
                                                                  struct y_reader *r)
{
    uint64_t bits;
    if (unlikely(r->end - r->p < 8))
        return y_varuint(r);
    bits = y_load64(r->p);
    if (likely((bits & d->id_mask) == d->id_bits)) {
        r->p += d->id_len;
        return d->id;
    }
    const uint8_t *from = r->p;
    uint64_t id = y_varuint(r);
    if (likely(!r->error)) {
        d->id = id;
        d->id_len = (unsigned)(r->p - from);
        d->id_mask = UINT64_MAX >> (64 - 8 * d->id_len);
        d->id_bits = bits & d->id_mask;
    }
    return id;
}

static inline __attribute__((always_inline)) void
read_id(struct y_dec *d, struct y_reader *r, uint64_t client, uint64_t clock, struct y_rid *id)
{
    uint64_t of = read_client(d, r), at = 0;
    unsigned bytes = likely(r->end - r->p >= 8) ? y_varuint64(y_load64(r->p), &at) : 0;
    if (likely(bytes))
        r->p += bytes; /* one way for clocks of any length: they differ from id to id */
    else
        at = y_varuint(r);
    check_id(r, client, clock, of, at);
    *id = (struct y_rid){of, (uint32_t)at};
}

static struct y_slice slice(struct y_reader *r)
{
    size_t len;
    const uint8_t *p = (const uint8_t *)y_read_string(r, &len);
    return (struct y_slice){p, len};
}

static void read_parent(struct y_dec *d, struct y_reader *r, uint64_t client, uint64_t clock,
                        struct y_struct *s)
{
    uint64_t named = y_read_varuint(r);
    if (named > 1)
        bad(r, Y_ERR_MALFORMED);
    s->parent_kind = named ? Y_PARENT_ROOT : Y_PARENT_ID;
    if (named)
        s->root = slice(r);
    else
        read_id(d, r, client, clock, &s->parent);
    if (s->info & Y_HAS_KEY)
        s->key = slice(r);
}

/* A JSON text, or `undefined`, appended to the scratch as `any`. */
static int json_to_scratch(struct y_dec *d, struct y_reader *r)
{
    size_t len;
    const uint8_t *p = y_read_bytes(r, &len);
    if (r->error)
        return r->error;
    int error = len == 9 && memcmp(p, "undefined", 9) == 0 ? ybuf_append(&d->scratch, "\x7f", 1)
                                                           : y_any_from_json(p, len, &d->scratch);
    return error ? bad(r, error) : Y_OK;
}

static void check_json(struct y_reader *r)
{
    struct y_slice s = slice(r);
    bool undefined = s.n == 9 && memcmp(s.p, "undefined", 9) == 0;
    if (!r->error && !undefined && !y_json_valid(s.p, s.n))
        bad(r, Y_ERR_MALFORMED);
}

/* Embeds and formats. */
static void read_valued(struct y_dec *d, struct y_reader *r, struct y_struct *s)
{
    const uint8_t *from = r->p;
    if (d->format == Y_RAW) {
        if (s->kind == Y_FORMAT)
            slice(r);
        y_any_skip(r);
        s->data = (struct y_slice){from, (size_t)(r->p - from)};
        return;
    }
    d->scratch.len = 0;
    if (s->kind == Y_FORMAT) {
        struct y_slice key = slice(r);
        if (!r->error && y_write_bytes(&d->scratch, key.p, key.n))
            bad(r, Y_ERR_NOMEM);
    }
    if (!r->error)
        json_to_scratch(d, r);
    s->data = (struct y_slice){d->scratch.data, d->scratch.len};
}

static void read_type(struct y_reader *r, struct y_struct *s)
{
    uint64_t ref = y_read_varuint(r);
    if (ref > Y_REF_XML_TEXT)
        bad(r, Y_ERR_MALFORMED);
    s->type_ref = (uint8_t)ref;
    s->data = (struct y_slice){r->p, 0};
    if (ref == Y_REF_XML_ELEMENT || ref == Y_REF_XML_HOOK)
        s->data = slice(r);
}

/* All contents but strings and what was deleted; the length in clocks. */
static uint64_t read_content(struct y_dec *d, struct y_reader *r, struct y_struct *s)
{
    const uint8_t *from;
    uint64_t n = 1;
    size_t len;
    switch (s->kind) {
    case Y_JSON:
    case Y_ANY:
        n = y_read_varuint(r);
        if (n > (uint64_t)(r->end - r->p))
            bad(r, Y_ERR_MALFORMED);
        from = r->p;
        for (uint64_t i = 0; i < n && !r->error; i++)
            if (s->kind == Y_ANY)
                y_any_skip(r);
            else
                check_json(r);
        s->data = (struct y_slice){from, (size_t)(r->p - from)};
        break;
    case Y_BINARY:
        from = y_read_bytes(r, &len);
        s->data = (struct y_slice){from, len};
        break;
    case Y_EMBED:
    case Y_FORMAT:
        read_valued(d, r, s);
        break;
    case Y_TYPE:
        read_type(r, s);
        break;
    case Y_DOC:
        from = r->p;
        y_read_string(r, &len);
        y_any_skip(r);
        s->data = (struct y_slice){from, (size_t)(r->p - from)};
        break;
    default:
        bad(r, Y_ERR_MALFORMED);
    }
    return n;
}

static bool finish(struct y_dec *d, uint64_t clock, uint64_t len, struct y_struct *s)
{
    if (unlikely(d->r.error))
        return false;
    if (unlikely(!len)) {
        fail(d, Y_ERR_MALFORMED);
        return false;
    }
    if (unlikely(clock > Y_CLOCK_MAX || len > Y_CLOCK_MAX - clock)) {
        fail(d, Y_ERR_RANGE);
        return false;
    }
    s->clock = clock;
    s->len = (uint32_t)len;
    return true;
}

/* `r` is a copy that the compiler can keep in registers; what is rare works on another copy of it.
 */
static bool struct_v1(struct y_dec *d, uint64_t client, uint64_t clock, struct y_struct *s)
{
    struct y_reader r = d->r, slow;
    uint64_t len = 0;
    if (unlikely(r.p == r.end)) {
        fail(d, Y_ERR_MALFORMED);
        return finish(d, clock, 0, s);
    }
    uint8_t info = *r.p++, kind = info & 0x1f;
    s->kind = kind;
    s->info = info & 0xe0;
    s->parent_kind = Y_PARENT_COPIED;
    if (unlikely(kind == Y_GC || info == Y_SKIP)) {
        s->info = 0;
        len = y_varuint(&r);
        d->r = r;
        return finish(d, clock, len, s);
    }
    if (info & Y_HAS_ORIGIN)
        read_id(d, &r, client, clock, &s->origin);
    if (info & Y_HAS_RIGHT)
        read_id(d, &r, client, clock, &s->right);
    if (!(info & (Y_HAS_ORIGIN | Y_HAS_RIGHT))) {
        slow = r;
        read_parent(d, &slow, client, clock, s);
        r = slow;
    }
    if (likely(kind == Y_STRING)) {
        uint64_t bytes = y_varuint(&r);
        if (unlikely(bytes > (uint64_t)(r.end - r.p) || !y_utf8_scan(r.p, bytes, &len)))
            bad(&r, Y_ERR_MALFORMED);
        else
            s->data = (struct y_slice){r.p, (size_t)bytes}, r.p += bytes;
    } else if (kind == Y_DELETED) {
        len = y_varuint(&r);
    } else {
        slow = r;
        len = read_content(d, &slow, s);
        r = slow;
    }
    d->r = r;
    return finish(d, clock, len, s);
}

/* --- structs of v2 ---------------------------------------------------------------------------- */

static struct y_rid read_id_v2(struct y_dec *d, uint64_t client, uint64_t clock,
                               struct y_rle *clocks)
{
    uint64_t of = read_uint(d, &d->client);
    uint32_t at = read_diff(d, clocks);
    check_id(&d->r, client, clock, of, at);
    return (struct y_rid){of, at};
}

/* Strings may be in the scratch, which moves when it grows: until the struct is whole, these say
 * where. */
struct places {
    size_t root, key;
    bool root_moves, key_moves;
};

static void read_parent_v2(struct y_dec *d, uint64_t client, uint64_t clock, struct y_struct *s,
                           struct places *at)
{
    uint8_t named = read_rle(d, &d->parent_info);
    if (named > 1)
        fail(d, Y_ERR_MALFORMED);
    s->parent_kind = named ? Y_PARENT_ROOT : Y_PARENT_ID;
    at->root = d->scratch.len;
    if (named)
        s->root = read_string(d, &at->root_moves);
    else
        s->parent = read_id_v2(d, client, clock, &d->left_clock);
    at->key = d->scratch.len;
    if (s->info & Y_HAS_KEY)
        s->key = read_string(d, &at->key_moves);
}

/* Appends what v1 would have before the part of the content that is in the rest: ContentJSON's
 * texts, a format's key, a subdocument's id. */
static void scratch_string(struct y_dec *d, struct y_slice text)
{
    if (!d->r.error && y_write_bytes(&d->scratch, text.p, text.n))
        fail(d, Y_ERR_NOMEM);
}

static void scratch_any(struct y_dec *d)
{
    const uint8_t *from = d->r.p;
    if (!y_any_skip(&d->r) && ybuf_append(&d->scratch, from, (size_t)(d->r.p - from)))
        fail(d, Y_ERR_NOMEM);
}

/* Where a string was put into the scratch itself, it is copied out of the way first. */
static void scratch_prefixed(struct y_dec *d, bool key, size_t *start)
{
    bool moves;
    size_t from = d->scratch.len;
    struct y_slice text = key ? read_key(d, &moves) : read_string(d, &moves);
    *start = d->scratch.len;
    if (!moves) {
        scratch_string(d, text);
        return;
    }
    if (d->r.error || y_buf_reserve(&d->scratch, text.n + 10)) {
        fail(d, Y_ERR_NOMEM);
        return;
    }
    text.p = d->scratch.data + from;
    scratch_string(d, text);
}

static uint64_t read_jsons(struct y_dec *d, size_t *start)
{
    uint64_t n = read_uint(d, &d->len);
    *start = d->scratch.len;
    if (n > (uint64_t)(d->strings.end - d->strings.p))
        return fail(d, Y_ERR_MALFORMED);
    for (uint64_t i = 0; i < n && !d->r.error; i++) {
        bool moves;
        size_t from = d->scratch.len;
        struct y_slice text = read_string(d, &moves);
        bool undefined = text.n == 9 && memcmp(text.p, "undefined", 9) == 0;
        if (d->r.error || (!undefined && !y_json_valid(text.p, text.n)))
            return fail(d, Y_ERR_MALFORMED);
        if (moves) { /* the length goes before it: put it behind, and move all of it over the first
                      */
            size_t bytes = text.n;
            if (y_buf_reserve(&d->scratch, bytes + 10))
                return fail(d, Y_ERR_NOMEM);
            text.p = d->scratch.data + from;
            scratch_string(d, text);
            d->scratch.len -= bytes;
            memmove(d->scratch.data + from, d->scratch.data + from + bytes, d->scratch.len - from);
        } else {
            scratch_string(d, text);
        }
    }
    return n;
}

static uint64_t read_anys(struct y_dec *d, struct y_struct *s)
{
    uint64_t n = read_uint(d, &d->len);
    const uint8_t *from = d->r.p;
    if (n > left(d))
        return fail(d, Y_ERR_MALFORMED);
    for (uint64_t i = 0; i < n && !d->r.error; i++)
        y_any_skip(&d->r);
    s->data = (struct y_slice){from, (size_t)(d->r.p - from)};
    return n;
}

static bool read_type_v2(struct y_dec *d, struct y_struct *s, size_t *start)
{
    bool moves = false;
    uint64_t ref = read_uint(d, &d->type_ref);
    if (ref > Y_REF_XML_TEXT)
        fail(d, Y_ERR_MALFORMED);
    s->type_ref = (uint8_t)ref;
    s->data = (struct y_slice){d->r.p, 0};
    *start = d->scratch.len;
    if (ref == Y_REF_XML_ELEMENT || ref == Y_REF_XML_HOOK)
        s->data = read_key(d, &moves);
    return moves;
}

/* The length in clocks; *in_scratch if the data is there, from *start on. */
static uint64_t read_content_v2(struct y_dec *d, struct y_struct *s, bool *in_scratch,
                                size_t *start)
{
    const uint8_t *p;
    uint64_t n = 1;
    size_t len;
    *start = d->scratch.len;
    switch (s->kind) {
    case Y_DELETED:
        return read_uint(d, &d->len);
    case Y_STRING:
        n = read_uint(d, &d->string_len);
        s->data = read_string_of(d, n, in_scratch);
        return n;
    case Y_JSON:
        *in_scratch = true;
        return read_jsons(d, start);
    case Y_ANY:
        return read_anys(d, s);
    case Y_BINARY:
        p = y_read_bytes(&d->r, &len);
        s->data = (struct y_slice){p, len};
        break;
    case Y_EMBED:
        p = d->r.p;
        y_any_skip(&d->r);
        s->data = (struct y_slice){p, (size_t)(d->r.p - p)};
        break;
    case Y_FORMAT:
    case Y_DOC:
        *in_scratch = true;
        scratch_prefixed(d, s->kind == Y_FORMAT, start);
        scratch_any(d);
        break;
    case Y_TYPE:
        *in_scratch = read_type_v2(d, s, start);
        break;
    default:
        fail(d, Y_ERR_MALFORMED);
    }
    return n;
}

static bool struct_v2(struct y_dec *d, uint64_t client, uint64_t clock, struct y_struct *s)
{
    uint8_t info = read_rle(d, &d->info);
    d->scratch.len = 0;
    s->kind = info & 0x1f;
    s->info = info & 0xe0;
    s->parent_kind = Y_PARENT_COPIED;
    if (s->kind == Y_GC || info == Y_SKIP) {
        s->info = 0;
        uint64_t n = s->kind == Y_GC ? read_uint(d, &d->len) : y_read_varuint(&d->r);
        return finish(d, clock, n, s);
    }
    struct places at = {0};
    bool in_scratch = false;
    size_t start;
    if (info & Y_HAS_ORIGIN)
        s->origin = read_id_v2(d, client, clock, &d->left_clock);
    if (info & Y_HAS_RIGHT)
        s->right = read_id_v2(d, client, clock, &d->right_clock);
    if (!(info & (Y_HAS_ORIGIN | Y_HAS_RIGHT)))
        read_parent_v2(d, client, clock, s, &at);
    if (d->r.error)
        return false;
    uint64_t n = read_content_v2(d, s, &in_scratch, &start);
    if (at.root_moves)
        s->root.p = d->scratch.data + at.root;
    if (at.key_moves)
        s->key.p = d->scratch.data + at.key;
    if (in_scratch && d->scratch.data)
        s->data = (struct y_slice){d->scratch.data + start, d->scratch.len - start};
    return finish(d, clock, n, s);
}

bool y_dec_struct(struct y_dec *d, uint64_t client, uint64_t clock, struct y_struct *s)
{
    bool ok = false;
    if (!d->r.error)
        ok = d->format == Y_V2 ? struct_v2(d, client, clock, s) : struct_v1(d, client, clock, s);
    if (unlikely(!ok))
        memset(s, 0, sizeof(*s));
    return ok;
}

/* --- delete set ------------------------------------------------------------------------------- */

uint64_t y_dec_ds_clients(struct y_dec *d)
{
    uint64_t n = y_varuint(&d->r);
    return n > left(d) / 2 ? fail(d, Y_ERR_MALFORMED) : n;
}

void y_dec_ds_client(struct y_dec *d, uint64_t *client, uint64_t *ranges)
{
    *client = y_varuint(&d->r);
    *ranges = y_varuint(&d->r);
    d->ds_clock = 0;
    if (*ranges > left(d) / 2)
        fail(d, Y_ERR_MALFORMED);
    if (d->r.error)
        *client = *ranges = 0;
}

void y_dec_ds_range(struct y_dec *d, uint64_t *clock, uint64_t *len)
{
    *clock = y_varuint(&d->r);
    *len = y_varuint(&d->r);
    if (d->format == Y_V2 && !d->r.error) {
        *clock += d->ds_clock;
        d->ds_clock = *clock + ++*len;
    }
    if (*clock > Y_CLOCK_MAX || *len > Y_CLOCK_MAX - *clock)
        fail(d, Y_ERR_RANGE);
    if (d->r.error)
        *clock = *len = d->ds_clock = 0;
}

int y_dec_end(struct y_dec *d)
{
    if (!d->r.error && d->r.p != d->r.end)
        d->r.error = Y_ERR_MALFORMED;
    if (d->scratch.data)
        ybuf_release(&d->scratch);
    if (d->format == Y_V2) {
        y_mem_free(d->keys);
        d->keys = NULL;
    }
    return d->r.error;
}
