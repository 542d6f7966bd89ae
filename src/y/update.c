/*
 * Reading a v1 update (yjs utils/encoding.js `readClientsStructRefs`, the structs' own files):
 *
 *     varUint clients
 *       clients x: varUint structs, varUint client, varUint clock, structs x struct
 *     struct: info byte (low 5 bits the kind, 0x80 origin, 0x40 right origin, 0x20 key), then
 *       GC, Skip: varUint length
 *       else: [origin] [right origin] [parent, if neither: 1 name | 0 id] [key, if parent] content
 *     delete set: varUint clients x (varUint client, varUint ranges x (varUint clock, varUint
 * length))
 *
 * y_update_check() (updates.c) believes nothing and changes nothing; y_update_decode() runs after
 * it.
 */
#include "y/y_int.h"

#include <string.h>

static int bad(struct y_reader *r, int error)
{
    if (!r->error)
        r->error = error;
    r->p = r->end;
    return r->error;
}

static uint32_t utf16_length(const uint8_t *p, size_t n)
{
    uint32_t units = 0;
    for (size_t i = 0; i < n; i++)
        units += ((p[i] & 0xc0) != 0x80) + (p[i] >= 0xf0);
    return units;
}

/* One lib0 `any` (lib0 encoding.js `writeAny`). Not recursive: the stack counts what is left to
 * read on each level; an object's values have names before them. */
int y_skip_any(struct y_reader *r)
{
    uint64_t left[Y_ANY_DEPTH + 1];
    bool object[Y_ANY_DEPTH + 1];
    int depth = 0;
    size_t len;
    left[0] = 1;
    object[0] = false;
    while (depth >= 0 && !r->error) {
        if (!left[depth]) {
            depth--;
            continue;
        }
        left[depth]--;
        if (object[depth])
            y_read_string(r, &len);
        uint8_t kind = y_read_u8(r);
        switch (kind) {
        case 127: /* undefined */
        case 126: /* null */
        case 121: /* false */
        case 120: /* true */
            break;
        case 125: /* varInt: 6 bits and a sign in the first byte */
            for (int n = 0; y_read_u8(r) & 0x80; n++)
                if (n > 8)
                    return bad(r, Y_ERR_MALFORMED);
            break;
        case 124: /* float32 */
        case 123: /* float64 */
        case 122: /* bigint64 */
            len = kind == 124 ? 4 : 8;
            if ((size_t)(r->end - r->p) < len)
                return bad(r, Y_ERR_MALFORMED);
            r->p += len;
            break;
        case 119:
            y_read_string(r, &len);
            break;
        case 116:
            y_read_bytes(r, &len);
            break;
        case 118:
        case 117:
            if (++depth > Y_ANY_DEPTH)
                return bad(r, Y_ERR_MALFORMED);
            left[depth] = y_read_varuint(r);
            object[depth] = kind == 118;
            if (left[depth] > (uint64_t)(r->end - r->p))
                return bad(r, Y_ERR_MALFORMED);
            break;
        default:
            return bad(r, Y_ERR_MALFORMED);
        }
    }
    return r->error;
}

static void check_json(struct y_reader *r, bool undefined)
{
    size_t len;
    const char *s = y_read_string(r, &len);
    if (r->error || (undefined && len == 9 && memcmp(s, "undefined", 9) == 0))
        return;
    if (!y_json_valid(s, len))
        bad(r, Y_ERR_MALFORMED);
}

/* Reads a content; its length in clocks. For strings the bytes are in *data, *bytes, without their
 * length; for others as they stand on the wire. */
static uint64_t read_content(struct y_reader *r, uint8_t kind, bool check, const uint8_t **data,
                             size_t *bytes)
{
    const uint8_t *from = r->p;
    uint64_t n = 1;
    size_t len;
    switch (kind) {
    case Y_DELETED:
        n = y_read_varuint(r);
        break;
    case Y_JSON:
    case Y_ANY:
        n = y_read_varuint(r);
        from = r->p;
        if (n > (uint64_t)(r->end - r->p)) {
            bad(r, Y_ERR_MALFORMED);
            break;
        }
        for (uint64_t i = 0; i < n && !r->error; i++) {
            if (kind == Y_ANY)
                y_skip_any(r);
            else if (check)
                check_json(r, true);
            else
                y_read_bytes(r, &len);
        }
        break;
    case Y_BINARY:
        y_read_bytes(r, &len);
        break;
    case Y_STRING:
        *data = check ? (const uint8_t *)y_read_string(r, bytes) : y_read_bytes(r, bytes);
        return r->error ? 0 : utf16_length(*data, *bytes);
    case Y_EMBED:
        check_json(r, true);
        break;
    case Y_FORMAT:
        y_read_string(r, &len);
        check_json(r, true);
        break;
    case Y_TYPE: {
        uint64_t ref = y_read_varuint(r);
        if (ref > 6)
            bad(r, Y_ERR_MALFORMED);
        if (ref == 3 || ref == 5) /* XmlElement, XmlHook: a name */
            y_read_string(r, &len);
        break;
    }
    case Y_DOC:
        y_read_string(r, &len);
        y_skip_any(r);
        break;
    default:
        bad(r, Y_ERR_MALFORMED);
    }
    *data = from;
    *bytes = (size_t)(r->p - from);
    return n;
}

bool y_sv_read(const void *sv, size_t len, struct y_reader *out, uint64_t *count)
{
    struct y_reader r = y_reader_of(sv, len);
    uint64_t n = *count = y_read_varuint(&r);
    *out = r;
    for (; n && !r.error; n--) {
        y_read_varuint(&r);
        y_read_varuint(&r);
    }
    return !r.error && r.p == r.end;
}

/* --- decoding ------------------------------------------------------------------------------------
 */

static struct y_id read_id(struct ydoc *doc, struct y_reader *r)
{
    uint64_t client = y_read_varuint(r), clock = y_read_varuint(r);
    return (struct y_id){y_client_of(doc, client), (uint32_t)clock};
}

static void read_parent(struct ydoc *doc, struct y_reader *r, struct y_item *it, bool has_key)
{
    const char *name = NULL, *key = NULL;
    size_t name_len = 0, key_len = 0;
    if (y_read_varuint(r))
        name = (const char *)y_read_bytes(r, &name_len);
    else
        it->parent_id = read_id(doc, r);
    if (has_key)
        key = (const char *)y_read_bytes(r, &key_len);
    if (name)
        it->parent = y_root(doc, name, name_len);
    if (!key)
        return;
    it->key = y_key_new(key, key_len);
}

static uint32_t decode_struct(struct ydoc *doc, struct y_reader *r, struct y_client *c,
                              uint32_t clock)
{
    uint8_t info = y_read_u8(r), kind = info & 0x1f;
    const uint8_t *data = NULL;
    size_t bytes = 0;
    if (info == Y_SKIP)
        return (uint32_t)y_read_varuint(r);
    struct y_item *it = y_item_new(doc);
    it->client = c;
    it->clock = clock;
    it->kind = kind;
    it->deleted = kind == Y_GC || kind == Y_DELETED;
    if (kind == Y_GC) {
        it->len = (uint32_t)y_read_varuint(r);
    } else {
        if (info & 0x80)
            it->origin = read_id(doc, r);
        if (info & 0x40)
            it->right_origin = read_id(doc, r);
        if (!(info & 0xc0))
            read_parent(doc, r, it, info & 0x20);
        it->len = (uint32_t)read_content(r, kind, false, &data, &bytes);
        if (kind != Y_DELETED)
            y_set_content(it, data, bytes);
    }
    uint32_t len = it->len;
    y_push(doc, it);
    return len;
}

void y_update_decode(struct ydoc *doc, struct y_reader *r)
{
    uint64_t clients = y_read_varuint(r);
    for (; clients; clients--) {
        uint64_t structs = y_read_varuint(r), id = y_read_varuint(r), clock = y_read_varuint(r);
        if (!structs)
            continue;
        struct y_client *c = y_client_of(doc, id);
        for (; structs; structs--)
            clock += decode_struct(doc, r, c, (uint32_t)clock);
    }
    y_drain(doc);
    uint64_t deletes = y_read_varuint(r);
    for (; deletes; deletes--) {
        struct y_client *c = y_client_of(doc, y_read_varuint(r));
        uint64_t ranges = y_read_varuint(r);
        for (; ranges; ranges--) {
            uint64_t clock = y_read_varuint(r), len = y_read_varuint(r);
            if (len)
                y_push_delete(doc, c, (uint32_t)clock, (uint32_t)len);
        }
    }
    y_apply_deletes(doc);
}
