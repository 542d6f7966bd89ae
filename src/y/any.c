/* any: skipping and checking, and the way to JSON. any_json.c is the way back. */
#include "y/any.h"

#include "y/members.h"
#include "y/mem.h"

#include <string.h>

static int bad(struct y_reader *r, int error)
{
    if (!r->error)
        r->error = error;
    r->p = r->end;
    return r->error;
}

/* A value that holds no others; false if it is an array or object. */
static bool skip_scalar(struct y_reader *r, uint8_t kind)
{
    size_t len;
    switch (kind) {
    case 127:
    case 126:
    case 121:
    case 120:
        return true;
    case 125:
        for (int n = 0; y_read_u8(r) & 0x80; n++)
            if (n > 8)
                bad(r, Y_ERR_MALFORMED);
        return true;
    case 124:
    case 123:
    case 122:
        len = kind == 124 ? 4 : 8;
        if ((size_t)(r->end - r->p) < len)
            bad(r, Y_ERR_MALFORMED);
        else
            r->p += len;
        return true;
    case 119:
        y_read_string(r, &len);
        return true;
    case 116:
        y_read_bytes(r, &len);
        return true;
    case 118:
    case 117:
        return false;
    default:
        bad(r, Y_ERR_MALFORMED);
        return true;
    }
}

/* The stack counts what is left to read on each level; an object's values have names before them.
 */
int y_any_skip(struct y_reader *r)
{
    uint64_t left[Y_ANY_DEPTH + 1];
    bool object[Y_ANY_DEPTH + 1];
    int depth = 0;
    size_t len;
    uint8_t kind = y_read_u8(r);
    if (skip_scalar(r, kind))
        return r->error;
    for (;;) {
        if (++depth > Y_ANY_DEPTH)
            return bad(r, Y_ERR_MALFORMED);
        left[depth] = y_read_varuint(r);
        object[depth] = kind == 118;
        if (left[depth] > (uint64_t)(r->end - r->p))
            return bad(r, Y_ERR_MALFORMED);
        do {
            while (depth && !left[depth])
                depth--;
            if (!depth || r->error)
                return r->error;
            left[depth]--;
            if (object[depth])
                y_read_string(r, &len);
            kind = y_read_u8(r);
        } while (skip_scalar(r, kind));
    }
}

/* --- to JSON ---------------------------------------------------------------------------------- */

struct level {
    uint64_t left;
    size_t first;  /* object: its first member; then the stack's count */
    size_t member; /* object: the one that is being written */
    bool object, any;
};

struct to_json {
    struct y_reader r;
    const uint8_t *base;
    struct ybuf *out;
    struct y_members members;
    int depth;
    struct level levels[Y_ANY_DEPTH + 1];
};

static int put(struct ybuf *out, const char *s)
{
    return ybuf_append(out, s, strlen(s));
}

int y_json_escape(const uint8_t *s, size_t len, struct ybuf *out)
{
    static const char hex[] = "0123456789abcdef", named[] = "btn.fr"; /* U+0008 on */
    for (size_t i = 0, from = 0; i <= len; i++) {
        if (i < len && s[i] >= ' ' && s[i] != '"' && s[i] != '\\')
            continue;
        if (i > from && ybuf_append(out, s + from, i - from))
            return Y_ERR_NOMEM;
        if (i == len)
            break;
        from = i + 1;
        char escape[6] = {'\\', (char)s[i], '0', '0', 0, 0};
        size_t n = 2;
        if (s[i] >= 8 && s[i] <= 13 && s[i] != 11) {
            escape[1] = named[s[i] - 8];
        } else if (s[i] < ' ') {
            escape[1] = 'u';
            escape[4] = hex[s[i] >> 4];
            escape[5] = hex[s[i] & 15];
            n = 6;
        }
        if (ybuf_append(out, escape, n))
            return Y_ERR_NOMEM;
    }
    return Y_OK;
}

int y_json_string(const uint8_t *s, size_t len, struct ybuf *out)
{
    if (y_buf_reserve(out, len + 2) || ybuf_append(out, "\"", 1) || y_json_escape(s, len, out))
        return Y_ERR_NOMEM;
    return ybuf_append(out, "\"", 1);
}

/* As JavaScript's readVarInt: doubles all the way. */
static double read_varint(struct y_reader *r)
{
    uint8_t b = y_read_u8(r);
    bool negative = b & 0x40;
    double n = b & 63, place = 64;
    while (b & 0x80) {
        b = y_read_u8(r);
        n += (b & 127) * place;
        place *= 128;
    }
    return negative ? -n : n;
}

static uint64_t read_big_endian(struct y_reader *r, int n)
{
    uint64_t v = 0;
    while (n--)
        v = v << 8 | y_read_u8(r);
    return v;
}

static int put_float(struct to_json *j, uint8_t kind)
{
    double v;
    if (kind == 124) {
        uint32_t bits = (uint32_t)read_big_endian(&j->r, 4);
        float f;
        memcpy(&f, &bits, 4);
        v = f;
    } else {
        uint64_t bits = read_big_endian(&j->r, 8);
        memcpy(&v, &bits, 8);
    }
    return y_number_to_json(v, j->out);
}

static int put_integer(struct ybuf *out, uint64_t n, bool negative)
{
    char text[24];
    size_t at = sizeof(text);
    do
        text[--at] = (char)('0' + n % 10);
    while (n /= 10);
    if (negative)
        text[--at] = '-';
    return ybuf_append(out, text + at, sizeof(text) - at);
}

int y_json_bytes(const uint8_t *p, size_t len, struct ybuf *out)
{
    int error = put(out, "{");
    for (size_t i = 0; i < len && !error; i++) {
        error = put(out, i ? ",\"" : "\"");
        error = error ? error : put_integer(out, i, false);
        error = error ? error : put(out, "\":");
        error = error ? error : put_integer(out, p[i], false);
    }
    return error ? error : put(out, "}");
}

static int put_scalar(struct to_json *j, uint8_t kind)
{
    size_t len;
    const uint8_t *p;
    uint64_t bits;
    switch (kind) {
    case 127:
        return put(j->out, j->depth ? "null" : "undefined");
    case 126:
        return put(j->out, "null");
    case 121:
        return put(j->out, "false");
    case 120:
        return put(j->out, "true");
    case 125:
        return y_number_to_json(read_varint(&j->r), j->out);
    case 124:
    case 123:
        return put_float(j, kind);
    case 122:
        bits = read_big_endian(&j->r, 8);
        return put_integer(j->out, bits >> 63 ? 0 - bits : bits, bits >> 63);
    case 119:
        p = y_read_bytes(&j->r, &len);
        return y_json_string(p, len, j->out);
    default:
        p = y_read_bytes(&j->r, &len);
        return y_json_bytes(p, len, j->out);
    }
}

static int open_level(struct to_json *j, uint8_t kind)
{
    struct level *l = &j->levels[++j->depth];
    *l = (struct level){.object = kind == 118, .first = j->members.count};
    l->left = y_read_varuint(&j->r);
    return put(j->out, l->object ? "{" : "[");
}

static int close_level(struct to_json *j)
{
    struct level *l = &j->levels[j->depth--];
    size_t left;
    if (l->object && y_members_close(&j->members, l->first, j->base, j->out, ',', &left))
        return Y_ERR_NOMEM;
    return put(j->out, l->object ? "}" : "]");
}

/* What stands before the next value of a level. *skip: it is undefined, and JSON has no such
 * member. */
static int begin_value(struct to_json *j, struct level *l, bool *skip)
{
    size_t len = 0;
    const uint8_t *name = l->object ? y_read_bytes(&j->r, &len) : NULL;
    *skip = l->object && *j->r.p == 127;
    if (l->any && !*skip && put(j->out, ","))
        return Y_ERR_NOMEM;
    if (!*skip)
        l->any = true;
    if (!l->object)
        return Y_OK;
    l->member = j->members.count;
    struct y_member *m = y_members_add(&j->members, (size_t)(name - j->base), name, len);
    if (!m)
        return Y_ERR_NOMEM;
    m->start = m->end = j->out->len;
    m->gone = *skip || (len == 9 && memcmp(name, "__proto__", 9) == 0);
    if (*skip) {
        j->r.p++;
        return Y_OK;
    }
    int error = y_json_string(name, len, j->out);
    return error ? error : put(j->out, ":");
}

static void end_value(struct to_json *j)
{
    struct level *l = &j->levels[j->depth];
    if (j->depth && l->object)
        j->members.list[l->member].end = j->out->len;
}

/* The bytes were checked, so reads cannot fail. */
static int to_json(struct to_json *j)
{
    uint8_t kind = y_read_u8(&j->r);
    bool skip;
    int error;
    for (;;) {
        if (kind == 118 || kind == 117) {
            error = open_level(j, kind);
        } else {
            error = put_scalar(j, kind);
            end_value(j);
        }
        do {
            for (; !error && j->depth && !j->levels[j->depth].left; end_value(j))
                error = close_level(j);
            if (error || !j->depth)
                return error;
            j->levels[j->depth].left--;
            error = begin_value(j, &j->levels[j->depth], &skip);
        } while (!error && skip);
        if (error)
            return error;
        kind = y_read_u8(&j->r);
    }
}

int y_any_to_json(const void *any, size_t len, struct ybuf *out)
{
    struct y_reader r = y_reader_of(any, len);
    size_t before = out->len;
    if (y_any_skip(&r) || r.p != r.end)
        return Y_ERR_MALFORMED;
    const uint8_t *p = any;
    if (p[0] == 126)
        return ybuf_append(out, "null", 4);
    if (p[0] == 120)
        return ybuf_append(out, "true", 4);
    struct to_json j;
    j.r = y_reader_of(any, len);
    j.base = any;
    j.out = out;
    j.members = (struct y_members){0};
    j.depth = 0;
    int error = to_json(&j);
    y_members_release(&j.members);
    if (error)
        out->len = before;
    return error;
}
