/* Bytes: the buffer, lib0's varints, UTF-8 and JSON checks. */
#include "y/mem.h"
#include "y/utf8.h"

#include <string.h>

#define JSON_DEPTH 200
#define VARUINT_MAX ((UINT64_C(1) << 53) - 1)

const char *y_strerror(int error)
{
    switch (error) {
    case Y_OK:
        return "no error";
    case Y_ERR_MALFORMED:
        return "malformed update";
    case Y_ERR_RANGE:
        return "a client id, clock or length is out of range";
    case Y_ERR_LIMIT:
        return "more than a limit allows";
    case Y_ERR_NOMEM:
        return "out of memory";
    case Y_ERR_TYPE:
        return "the shared type is of another kind";
    default:
        return "unknown error";
    }
}

void ybuf_release(struct ybuf *b)
{
    y_mem_free(b->data);
    *b = (struct ybuf){0};
}

int y_buf_reserve(struct ybuf *b, size_t more)
{
    if (b->cap - b->len >= more)
        return Y_OK;
    if (more > SIZE_MAX / 2 - b->len)
        return Y_ERR_NOMEM;
    size_t cap = b->cap ? b->cap : 64;
    while (cap - b->len < more)
        cap *= 2;
    uint8_t *p = y_realloc(b->data, cap);
    if (!p)
        return Y_ERR_NOMEM;
    b->data = p;
    b->cap = cap;
    return Y_OK;
}

int ybuf_append(struct ybuf *b, const void *data, size_t len)
{
    if (y_buf_reserve(b, len))
        return Y_ERR_NOMEM;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    return Y_OK;
}

int y_write_varuint(struct ybuf *b, uint64_t n)
{
    uint8_t bytes[10];
    size_t i = 0;
    while (n > 0x7f) {
        bytes[i++] = (uint8_t)(0x80 | (n & 0x7f));
        n >>= 7;
    }
    bytes[i++] = (uint8_t)n;
    return ybuf_append(b, bytes, i);
}

int y_write_bytes(struct ybuf *b, const void *data, size_t len)
{
    int error = y_write_varuint(b, len);
    return error ? error : ybuf_append(b, data, len);
}

static void fail(struct y_reader *r, int error)
{
    if (!r->error)
        r->error = error;
    r->p = r->end;
}

uint64_t y_read_varuint(struct y_reader *r)
{
    uint64_t n = 0;
    for (int shift = 0; r->p < r->end; shift += 7) {
        uint8_t b = *r->p++;
        if (shift > 49) {
            fail(r, Y_ERR_RANGE);
            return 0;
        }
        n |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            if (n > VARUINT_MAX) {
                fail(r, Y_ERR_RANGE);
                return 0;
            }
            return n;
        }
    }
    fail(r, Y_ERR_MALFORMED);
    return 0;
}

uint8_t y_read_u8(struct y_reader *r)
{
    if (r->p < r->end)
        return *r->p++;
    fail(r, Y_ERR_MALFORMED);
    return 0;
}

const uint8_t *y_read_bytes(struct y_reader *r, size_t *len)
{
    uint64_t n = y_read_varuint(r);
    *len = 0;
    if (n > (uint64_t)(r->end - r->p)) {
        fail(r, Y_ERR_MALFORMED);
        return r->p;
    }
    const uint8_t *p = r->p;
    r->p += n;
    *len = (size_t)n;
    return p;
}

const char *y_read_string(struct y_reader *r, size_t *len)
{
    const uint8_t *p = y_read_bytes(r, len);
    if (*len && !y_utf8_valid(p, *len)) {
        fail(r, Y_ERR_MALFORMED);
        *len = 0;
    }
    return (const char *)p;
}

/* Counts by bytes that begin a character, and once more for those of four bytes. */
uint64_t y_utf16_length(const uint8_t *p, size_t n)
{
    uint64_t units = 0;
    for (size_t i = 0; i < n; i++)
        units += ((p[i] & 0xc0) != 0x80) + (p[i] >= 0xf0);
    return units;
}

bool y_utf8_units(const uint8_t *p, size_t n, uint64_t *units)
{
    const uint8_t *end = p + n;
    uint64_t count = 0;
    while (p < end) {
        uint64_t eight;
        for (; end - p >= 8 && (memcpy(&eight, p, 8), !(eight & 0x8080808080808080u)); p += 8)
            count += 8;
        if (p == end)
            break;
        uint8_t c = *p++;
        uint32_t point, least;
        int more;
        count++;
        if (c < 0x80)
            continue;
        if (c >= 0xc2 && c < 0xe0)
            more = 1, point = c & 0x1f, least = 0x80;
        else if (c >= 0xe0 && c < 0xf0)
            more = 2, point = c & 0x0f, least = 0x800;
        else if (c >= 0xf0 && c < 0xf5)
            more = 3, point = c & 0x07, least = 0x10000, count++;
        else
            return false;
        for (; more; more--, p++) {
            if (p == end || (*p & 0xc0) != 0x80)
                return false;
            point = point << 6 | (*p & 0x3f);
        }
        if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
            return false;
    }
    *units = count;
    return true;
}

bool y_utf8_valid(const void *s, size_t len)
{
    uint64_t units;
    return y_utf8_units(s, len, &units);
}

/* --- JSON (RFC 8259), without recursion: one bit of the stack says whether a level is an object
 * ---- */

struct json {
    const uint8_t *p, *end;
    uint8_t object[JSON_DEPTH / 8 + 1];
    int depth;
};

static void skip_space(struct json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
        j->p++;
}

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool json_string(struct json *j)
{
    if (j->p == j->end || *j->p++ != '"')
        return false;
    while (j->p < j->end) {
        uint8_t c = *j->p++;
        if (c == '"')
            return true;
        if (c < ' ')
            return false;
        if (c != '\\')
            continue;
        if (j->p == j->end)
            return false;
        c = *j->p++;
        if (c == 'u') {
            for (int i = 0; i < 4; i++)
                if (j->p == j->end || !is_hex(*j->p++))
                    return false;
        } else if (!c || !strchr("\"\\/bfnrt", c)) {
            return false;
        }
    }
    return false;
}

static size_t digits(struct json *j)
{
    size_t n = 0;
    for (; j->p < j->end && *j->p >= '0' && *j->p <= '9'; j->p++)
        n++;
    return n;
}

static bool json_number(struct json *j)
{
    if (j->p < j->end && *j->p == '-')
        j->p++;
    if (j->p < j->end && *j->p == '0')
        j->p++;
    else if (!digits(j))
        return false;
    if (j->p < j->end && *j->p == '.') {
        j->p++;
        if (!digits(j))
            return false;
    }
    if (j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
        j->p++;
        if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
            j->p++;
        if (!digits(j))
            return false;
    }
    return true;
}

static bool json_word(struct json *j, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
        return false;
    j->p += n;
    return true;
}

static bool in_object(const struct json *j)
{
    return j->object[j->depth / 8] >> (j->depth % 8) & 1;
}

static bool json_push(struct json *j, bool object)
{
    if (++j->depth > JSON_DEPTH)
        return false;
    uint8_t bit = (uint8_t)(1 << (j->depth % 8));
    if (object)
        j->object[j->depth / 8] |= bit;
    else
        j->object[j->depth / 8] &= (uint8_t)~bit;
    j->p++;
    return true;
}

static bool json_key(struct json *j)
{
    skip_space(j);
    if (!json_string(j))
        return false;
    skip_space(j);
    return j->p < j->end && *j->p++ == ':';
}

/* A scalar, or the beginning of an array or object; *opened says which. */
static bool json_value(struct json *j, bool *opened)
{
    *opened = false;
    skip_space(j);
    if (j->p == j->end)
        return false;
    switch (*j->p) {
    case '"':
        return json_string(j);
    case 't':
        return json_word(j, "true");
    case 'f':
        return json_word(j, "false");
    case 'n':
        return json_word(j, "null");
    case '{':
    case '[':
        *opened = true;
        return json_push(j, *j->p == '{');
    default:
        return json_number(j);
    }
}

bool y_json_valid(const void *s, size_t len)
{
    struct json j = {.p = s, .end = (const uint8_t *)s + len};
    bool opened;
    if (!y_utf8_valid(s, len) || !json_value(&j, &opened))
        return false;
    while (j.depth) {
        skip_space(&j);
        if (j.p == j.end)
            return false;
        bool object = in_object(&j), first = opened;
        opened = false;
        if (*j.p == (object ? '}' : ']')) {
            j.p++;
            j.depth--;
            continue;
        }
        if (!first && *j.p++ != ',')
            return false;
        if (object && !json_key(&j))
            return false;
        if (!json_value(&j, &opened))
            return false;
    }
    skip_space(&j);
    return j.p == j.end;
}
