/*
 * Relative positions (yjs RelativePosition.js).
 *
 *     0  client clock        the place before (assoc >= 0) or behind that clock
 *     1  varString name      the end (assoc >= 0) or beginning of a root
 *     2  client clock        the same of the type that this item holds
 *        varInt assoc        6 bits and a sign first; may be missing: 0
 *
 * Where a place is now is asked of the chain's index, built if the item is far from the beginning.
 */
#include "y/y_int.h"

#include "y/any.h"

#include <limits.h>

#define WALK 24 /* items to walk back before the index is asked */

enum where { AT_ITEM = 0, IN_ROOT = 1, IN_TYPE = 2 };

struct relative {
    enum where where;
    uint64_t client, clock;
    struct y_slice name;
    int64_t assoc;
};

/* --- bytes ------------------------------------------------------------------------------------ */

static int write_varint(struct ybuf *out, int64_t n)
{
    uint8_t byte[10];
    size_t k = 0;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    byte[k++] = (uint8_t)((rest & 63) | (n < 0 ? 64 : 0) | (rest > 63 ? 128 : 0));
    for (rest >>= 6; rest; rest >>= 7)
        byte[k++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
    return ybuf_append(out, byte, k);
}

static int64_t read_varint(struct y_reader *r)
{
    uint8_t first = y_read_u8(r), b = first;
    uint64_t n = first & 63;
    for (unsigned shift = 6; (b & 128) && !r->error; shift += 7) {
        b = y_read_u8(r);
        if (shift > 48 || n >> 53)
            r->error = Y_ERR_RANGE;
        else
            n |= (uint64_t)(b & 127) << shift;
    }
    if (n >> 53 && !r->error)
        r->error = Y_ERR_RANGE;
    return r->error ? 0 : first & 64 ? -(int64_t)n : (int64_t)n;
}

static int encode(const struct relative *p, struct ybuf *out)
{
    size_t len = out->len;
    int error = y_write_varuint(out, (uint64_t)p->where);
    if (p->where == IN_ROOT)
        error = error ? error : y_write_bytes(out, p->name.p, p->name.n);
    else {
        error = error ? error : y_write_varuint(out, p->client);
        error = error ? error : y_write_varuint(out, p->clock);
    }
    error = error ? error : write_varint(out, p->assoc);
    if (error)
        out->len = len;
    return error;
}

static int decode(const void *data, size_t len, struct relative *p)
{
    struct y_reader r = y_reader_of(data, len);
    uint64_t where = y_read_varuint(&r);
    *p = (struct relative){.where = (enum where)where};
    if (where == IN_ROOT) {
        p->name.p = (const uint8_t *)y_read_string(&r, &p->name.n);
    } else {
        p->client = y_read_varuint(&r);
        p->clock = y_read_varuint(&r);
    }
    if (r.p < r.end)
        p->assoc = read_varint(&r);
    if (r.error)
        return r.error;
    return where > IN_TYPE || r.p != r.end ? Y_ERR_MALFORMED : Y_OK;
}

/* --- making ----------------------------------------------------------------------------------- */

static void at_item(const struct ydoc *doc, struct relative *p, struct y_id id)
{
    p->where = AT_ITEM;
    p->client = doc->clients[id.client].id;
    p->clock = id.clock;
}

/* The unit before which `pos` is (0 < pos), or behind which for assoc < 0. */
static int find_unit(struct ydoc *doc, const struct y_type *t, uint64_t pos, bool behind,
                     struct relative *p)
{
    struct y_seq *s = &doc->seqs[t->list];
    bool by_bytes = y_by_bytes(t);
    uint32_t units, bytes;
    y_handle h = y_locate(doc, s, behind ? pos : pos + 1, by_bytes, &units, &bytes);
    const struct y_item *it = y_item(doc, h);
    uint32_t in = (uint32_t)(pos - (by_bytes ? bytes : units));
    if (by_bytes && it->kind == Y_STRING) {
        const uint8_t *text = y_content(doc, it);
        if (in < it->bytes && (text[in] & 0xc0) == 0x80)
            return Y_ERR_RANGE;
        in = it->bytes == it->len ? in : (uint32_t)y_utf16_length(text, in);
    }
    at_item(doc, p, (struct y_id){it->client, it->clock + in - behind});
    return Y_OK;
}

int y_relative_position(const struct y_type *t, uint64_t pos, int assoc, struct ybuf *out)
{
    struct ydoc *doc = t->doc;
    const struct y_seq *s = &doc->seqs[t->list];
    uint64_t length = y_by_bytes(t) ? s->bytes : s->units;
    struct relative p = {.where = IN_ROOT, .assoc = assoc};
    int error = Y_OK;
    if (assoc < 0 ? pos && pos <= length : pos < length) {
        error = find_unit(doc, t, pos, assoc < 0, &p);
    } else if (assoc < 0 && pos && s->last) {
        at_item(doc, &p, y_last_id(y_item(doc, s->last)));
    } else if (t->item) {
        at_item(doc, &p, (struct y_id){y_item(doc, t->item)->client, y_item(doc, t->item)->clock});
        p.where = IN_TYPE;
    } else {
        p.name = y_type_name(t);
    }
    return error ? error : encode(&p, out);
}

/* --- finding again ---------------------------------------------------------------------------- */

/* What is before an item in its chain. */
static void before(struct ydoc *doc, y_handle h, uint32_t *units, uint32_t *bytes)
{
    struct y_seq *s = &doc->seqs[y_item(doc, h)->seq];
    *units = *bytes = 0;
    int walked = 0;
    for (y_handle k = y_item(doc, h)->left; k; k = y_item(doc, k)->left) {
        if (++walked >= WALK && (s->index || y_index_build(doc, s) == Y_OK)) {
            y_index_position(doc, s, h, units, bytes);
            return;
        }
        *units += y_units(y_item(doc, k));
        *bytes += y_visible_bytes(y_item(doc, k));
    }
}

static bool find_id(const struct ydoc *doc, const struct relative *p, struct y_id *id)
{
    uint32_t k = y_client_find(doc, p->client);
    if (k == Y_NOBODY || p->clock >= doc->clients[k].state)
        return false;
    *id = (struct y_id){k, (uint32_t)p->clock};
    return true;
}

static bool find_place(struct ydoc *doc, const struct relative *p, struct y_type **type,
                       uint64_t *pos)
{
    struct y_id id;
    uint32_t in, units, bytes;
    if (!find_id(doc, p, &id))
        return false;
    y_handle h = y_redone_follow(doc, id, &in);
    const struct y_item *it = y_item(doc, h);
    if (it->kind == Y_GC)
        return false;
    struct y_type *t = y_seq_type(doc, it->seq);
    *type = t;
    *pos = 0;
    if (t->item && (y_item(doc, t->item)->flags & Y_DEAD))
        return true;
    before(doc, h, &units, &bytes);
    in = y_units(it) ? in + (p->assoc < 0) : 0;
    if (!y_by_bytes(t)) {
        *pos = (uint64_t)units + in;
        return true;
    }
    bool inside;
    if (in && it->kind == Y_STRING)
        in = (uint32_t)y_utf16_offset(y_content(doc, it), it->bytes, in, &inside);
    *pos = (uint64_t)bytes + in;
    return true;
}

static int find_type(struct ydoc *doc, const struct relative *p, struct y_type **type)
{
    struct y_id id;
    uint32_t in;
    if (p->where == IN_ROOT) {
        int error = y_root_of(doc, p->name.p, p->name.n, type);
        return error ? error : 1;
    }
    if (!find_id(doc, p, &id))
        return 0;
    const struct y_item *it = y_item(doc, y_redone_follow(doc, id, &in));
    if (it->kind != Y_TYPE)
        return 0;
    *type = doc->types[it->off];
    return 1;
}

int y_absolute_position(struct ydoc *doc, const void *relative, size_t len, struct y_type **t,
                        uint64_t *pos, int *assoc)
{
    struct relative p;
    struct y_type *type = NULL;
    uint64_t at = 0;
    int found = decode(relative, len, &p);
    if (found < 0)
        return found;
    if (p.where == AT_ITEM) {
        found = find_place(doc, &p, &type, &at);
    } else {
        found = find_type(doc, &p, &type);
        if (found > 0 && p.assoc >= 0)
            at = y_by_bytes(type) ? doc->seqs[type->list].bytes : doc->seqs[type->list].units;
    }
    if (found <= 0)
        return found;
    if (t)
        *t = type;
    if (pos)
        *pos = at;
    if (assoc)
        *assoc = p.assoc > INT_MAX ? INT_MAX : p.assoc < INT_MIN ? INT_MIN : (int)p.assoc;
    return 1;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static int put(struct ybuf *out, const char *text)
{
    return ybuf_append(out, text, strlen(text));
}

static int put_id(const struct relative *p, struct ybuf *out)
{
    int error = put(out, p->where == AT_ITEM ? "\"item\":{\"client\":" : "\"type\":{\"client\":");
    error = error ? error : y_number_to_json((double)p->client, out);
    error = error ? error : put(out, ",\"clock\":");
    error = error ? error : y_number_to_json((double)p->clock, out);
    return error ? error : put(out, "},");
}

static int put_name(const struct relative *p, struct ybuf *out)
{
    struct ybuf any = {0};
    if (!p->name.n) /* as relativePositionToJSON, for which no name is none */
        return Y_OK;
    int error = ybuf_append(&any, "\x77", 1);
    error = error ? error : y_write_bytes(&any, p->name.p, p->name.n);
    error = error ? error : put(out, "\"tname\":");
    error = error ? error : y_any_to_json(any.data, any.len, out);
    ybuf_release(&any);
    return error ? error : put(out, ",");
}

int y_relative_position_to_json(const void *relative, size_t len, struct ybuf *out)
{
    struct relative p;
    size_t before_len = out->len;
    int error = decode(relative, len, &p);
    error = error ? error : put(out, "{");
    if (!error)
        error = p.where == IN_ROOT ? put_name(&p, out) : put_id(&p, out);
    error = error ? error : put(out, "\"assoc\":");
    error = error ? error : y_number_to_json((double)p.assoc, out);
    error = error ? error : put(out, "}");
    if (error)
        out->len = before_len;
    return error;
}

static uint64_t big_endian(struct y_reader *r, int n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | y_read_u8(r);
    return v;
}

/* An any that is an integer as JavaScript has it. */
static int64_t read_integer(struct y_reader *r)
{
    double v = 0;
    uint64_t bits;
    uint32_t half;
    float f;
    switch (y_read_u8(r)) {
    case 125:
        return read_varint(r);
    case 124:
        half = (uint32_t)big_endian(r, 4);
        memcpy(&f, &half, sizeof(f));
        v = (double)f;
        break;
    case 123:
        bits = big_endian(r, 8);
        memcpy(&v, &bits, sizeof(v));
        break;
    default:
        r->error = Y_ERR_MALFORMED;
    }
    if (!r->error &&
        (!(v >= -9007199254740991.0 && v <= 9007199254740991.0) || v != (double)(int64_t)v))
        r->error = Y_ERR_MALFORMED;
    return r->error ? 0 : (int64_t)v;
}

static bool is(struct y_slice key, const char *name)
{
    return key.n == strlen(name) && !memcmp(key.p, name, key.n);
}

/* Enters an object: how many members it has. */
static uint64_t enter(struct y_reader *r)
{
    if (y_read_u8(r) != 118 && !r->error)
        r->error = Y_ERR_MALFORMED;
    return y_read_varuint(r);
}

static struct y_slice key_of(struct y_reader *r)
{
    struct y_slice key;
    key.p = (const uint8_t *)y_read_string(r, &key.n);
    return key;
}

static void read_id(struct y_reader *r, struct relative *p)
{
    bool client = false, clock = false;
    for (uint64_t n = enter(r); n && !r->error; n--) {
        struct y_slice key = key_of(r);
        int64_t v = 0;
        if (!is(key, "client") && !is(key, "clock")) {
            y_any_skip(r);
            continue;
        }
        v = read_integer(r);
        if (v < 0)
            r->error = Y_ERR_MALFORMED;
        if (is(key, "client")) {
            p->client = (uint64_t)v;
            client = true;
        } else {
            p->clock = (uint64_t)v;
            clock = true;
        }
    }
    if (!r->error && !(client && clock))
        r->error = Y_ERR_MALFORMED;
}

/* Of several members encodeRelativePosition takes the item before the name before the type. */
static int from_any(struct y_reader r, struct relative *p)
{
    struct relative item = {.where = AT_ITEM}, type = {.where = IN_TYPE}, root = {.where = IN_ROOT};
    bool has_item = false, has_type = false, has_root = false;
    int64_t assoc = 0;
    for (uint64_t n = enter(&r); n && !r.error; n--) {
        struct y_slice key = key_of(&r);
        if (r.p < r.end && (*r.p == 126 || *r.p == 127)) {
            y_any_skip(&r);
        } else if (is(key, "item")) {
            read_id(&r, &item);
            has_item = true;
        } else if (is(key, "type")) {
            read_id(&r, &type);
            has_type = true;
        } else if (is(key, "tname")) {
            if (y_read_u8(&r) != 119)
                r.error = Y_ERR_MALFORMED;
            root.name = key_of(&r);
            has_root = true;
        } else if (is(key, "assoc")) {
            assoc = read_integer(&r);
        } else {
            y_any_skip(&r);
        }
    }
    if (r.error)
        return r.error;
    if (!has_item && !has_root && !has_type)
        return Y_ERR_MALFORMED;
    *p = has_item ? item : has_root ? root : type;
    p->assoc = assoc;
    return Y_OK;
}

int y_relative_position_from_json(const void *json, size_t len, struct ybuf *out)
{
    struct ybuf any = {0};
    struct relative p;
    int error = y_any_from_json(json, len, &any);
    if (!error)
        error = from_any(y_reader_of(any.data, any.len), &p);
    if (!error)
        error = encode(&p, out);
    ybuf_release(&any);
    return error;
}
