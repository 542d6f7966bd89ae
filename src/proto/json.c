#include "proto/json.h"

#include <stdint.h>
#include <string.h>

/* --- members ---------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* These return where the next thing begins; NULL: the text ends inside of this one. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\')
            p++;
    }
    return NULL;
}

/* A number, true, false or null. */
static const char *skip_literal(const char *p, const char *end)
{
    const char *first = p;
    while (p < end && !is_space(*p) && !memchr(",:[]{}\"", *p, 7))
        p++;
    return p == first ? NULL : p;
}

/* Inside of a list or an object it is enough to count brackets: they were checked to fit. */
static const char *skip_value(const char *p, const char *end)
{
    size_t depth = 0;
    do {
        if (p == end)
            return NULL;
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (!depth) {
            p = skip_literal(p, end);
        } else {
            depth -= *p == '}' || *p == ']';
            p++;
        }
    } while (p && depth);
    return p;
}

bool json_members(const char *text, size_t len, struct json_members *it)
{
    it->end = text + len;
    it->p = skip_space(text, it->end);
    if (it->p == it->end || *it->p != '{')
        return false;
    it->p++;
    return true;
}

bool json_members_next(struct json_members *it, struct json_member *m)
{
    const char *end = it->end, *p = skip_space(it->p, end);
    it->p = end; /* unless all of the member is there */
    if (p < end && *p == ',')
        p = skip_space(p + 1, end);
    if (p == end || *p != '"')
        return false;
    const char *after = skip_string(p, end);
    if (!after)
        return false;
    m->name = (struct json_text){p, (size_t)(after - p)};
    p = skip_space(after, end);
    if (p == end || *p != ':')
        return false;
    p = skip_space(p + 1, end);
    after = skip_value(p, end);
    if (!after)
        return false;
    m->value = (struct json_text){p, (size_t)(after - p)};
    it->p = after;
    return true;
}

/* --- strings ---------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The code unit of the escape "\uXXXX" at p; -1: there is none. */
static int32_t unit_at(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex(p[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static size_t put_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> n & 0xff) | c);
    return n;
}

/* The bytes that the escape at *p stands for; 0: none, as for half a surrogate pair. */
static size_t read_escape(const char **p, const char *end, char out[4])
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *letter = end - *p < 2 ? NULL : memchr(letters, (*p)[1], sizeof(letters) - 1);
    if (letter) {
        *p += 2;
        out[0] = meant[letter - letters];
        return 1;
    }
    int32_t unit = unit_at(*p, end);
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000))
        return 0;
    *p += 6;
    if (unit < 0xd800 || unit >= 0xe000)
        return put_utf8((uint32_t)unit, out);
    int32_t low = unit_at(*p, end);
    if (low < 0xdc00 || low >= 0xe000)
        return 0;
    *p += 6;
    return put_utf8(0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00), out);
}

bool json_text_is(struct json_text s, const char *want, size_t len)
{
    if (s.len < 2 || s.p[0] != '"')
        return false;
    const char *p = s.p + 1, *end = s.p + s.len - 1;
    if (!memchr(p, '\\', s.len - 2))
        return s.len - 2 == len && !memcmp(p, want, len);
    while (p < end) {
        char c[4] = {*p};
        size_t n = 1;
        if (*p == '\\')
            n = read_escape(&p, end, c);
        else
            p++;
        if (!n || n > len || memcmp(c, want, n) != 0)
            return false;
        want += n;
        len -= n;
    }
    return !len;
}

void json_text_put(struct buf *out, const char *s, size_t len)
{
    buf_putc(out, '"');
    size_t done = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)s[i];
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        buf_append(out, s + done, i - done);
        done = i + 1;
        if (c < ' ')
            buf_printf(out, "\\u%04x", c);
        else
            buf_printf(out, "\\%c", c);
    }
    buf_append(out, s + done, len - done);
    buf_putc(out, '"');
}
