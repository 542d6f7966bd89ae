/*
 * JSON text to any, in one pass. A count or length is written before what it counts is known: one
 * byte is kept free for it, and what follows moves when it needs more.
 *
 * Strings are decoded to UTF-8 in which a lone surrogate still has its own three bytes (ED A0..BF
 * xx), since keys that differ only in those differ; they become U+FFFD (EF BF BD, three bytes too)
 * once that no longer matters.
 */
#include "y/any.h"
#include "y/members.h"
#include "y/mem.h"

#include <string.h>

struct level {
    size_t count_at; /* where the count goes */
    size_t first;    /* object: its first member in the stack */
    size_t member;
    uint64_t n;
    bool object, lone; /* lone: some key has a lone surrogate */
};

struct from_json {
    const uint8_t *p, *end;
    struct ybuf *out;
    struct y_members members;
    int depth;
    struct level levels[Y_ANY_DEPTH + 1];
};

static void skip_space(struct from_json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
        j->p++;
}

static int byte(struct ybuf *out, uint8_t b)
{
    return ybuf_append(out, &b, 1);
}

/* Writes `n` as varuint at `at`, where one byte is free. */
static int insert_varuint(struct ybuf *out, size_t at, uint64_t n)
{
    size_t more = 0;
    for (uint64_t rest = n >> 7; rest; rest >>= 7)
        more++;
    if (more) {
        if (y_buf_reserve(out, more))
            return Y_ERR_NOMEM;
        memmove(out->data + at + 1 + more, out->data + at + 1, out->len - at - 1);
        out->len += more;
    }
    for (; n > 127; n >>= 7)
        out->data[at++] = (uint8_t)(0x80 | (n & 127));
    out->data[at] = (uint8_t)n;
    return Y_OK;
}

/* --- strings -------------------------------------------------------------------------------------
 */

static void mend_surrogates(uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++)
        if (p[i] == 0xed && p[i + 1] >= 0xa0)
            memcpy(p + i, "\xef\xbf\xbd", 3);
}

/* Four hex digits, or -1. */
static int hex4(struct from_json *j)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = j->p < j->end ? *j->p++ : 0;
        if (c >= '0' && c <= '9')
            c -= '0';
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            c = (uint8_t)((c | 32) - 'a' + 10);
        else
            return -1;
        v = v << 4 | c;
    }
    return v;
}

static int put_point(struct ybuf *out, uint32_t c)
{
    uint8_t to[4];
    size_t n = 0;
    if (c < 0x80) {
        to[n++] = (uint8_t)c;
    } else if (c < 0x800) {
        to[n++] = (uint8_t)(0xc0 | c >> 6);
    } else if (c < 0x10000) {
        to[n++] = (uint8_t)(0xe0 | c >> 12);
        to[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
    } else {
        to[n++] = (uint8_t)(0xf0 | c >> 18);
        to[n++] = (uint8_t)(0x80 | (c >> 12 & 63));
        to[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
    }
    if (c >= 0x80)
        to[n++] = (uint8_t)(0x80 | (c & 63));
    return ybuf_append(out, to, n);
}

/* Behind `\u`. A pair of escapes is one character; *lone is set if half of one stays alone. */
static int unicode_escape(struct from_json *j, bool *lone)
{
    int c = hex4(j);
    if (c < 0)
        return Y_ERR_MALFORMED;
    if (c < 0xd800 || c > 0xdfff)
        return put_point(j->out, (uint32_t)c);
    const uint8_t *back = j->p;
    if (c < 0xdc00 && j->end - j->p >= 6 && j->p[0] == '\\' && j->p[1] == 'u') {
        j->p += 2;
        int low = hex4(j);
        if (low >= 0xdc00 && low <= 0xdfff)
            return put_point(j->out,
                             0x10000 + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
        j->p = back;
    }
    *lone = true;
    return put_point(j->out, (uint32_t)c);
}

static int escape(struct from_json *j, bool *lone)
{
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    uint8_t c = j->p < j->end ? *j->p++ : 0;
    if (c == 'u')
        return unicode_escape(j, lone);
    const char *at = c ? strchr(names, c) : NULL;
    return at ? byte(j->out, (uint8_t)means[at - names]) : Y_ERR_MALFORMED;
}

/* A string, appended as varString; *text is where its bytes begin. */
static int string(struct from_json *j, size_t *text, bool *lone)
{
    size_t at = j->out->len;
    *lone = false;
    if (j->p == j->end || *j->p++ != '"')
        return Y_ERR_MALFORMED;
    if (byte(j->out, 0))
        return Y_ERR_NOMEM;
    for (;;) {
        const uint8_t *from = j->p;
        while (j->p < j->end && *j->p >= ' ' && *j->p != '"' && *j->p != '\\')
            j->p++;
        if (ybuf_append(j->out, from, (size_t)(j->p - from)))
            return Y_ERR_NOMEM;
        if (j->p == j->end || *j->p < ' ')
            return Y_ERR_MALFORMED;
        if (*j->p++ == '"')
            break;
        int error = escape(j, lone);
        if (error)
            return error;
    }
    size_t len = j->out->len - at - 1;
    if (insert_varuint(j->out, at, len))
        return Y_ERR_NOMEM;
    *text = j->out->len - len;
    return Y_OK;
}

static int string_value(struct from_json *j)
{
    size_t text;
    bool lone;
    int error = byte(j->out, 119);
    error = error ? error : string(j, &text, &lone);
    if (!error && lone)
        mend_surrogates(j->out->data + text, j->out->len - text);
    return error;
}

/* --- the other scalars ---------------------------------------------------------------------------
 */

static size_t digits(struct from_json *j)
{
    size_t n = 0;
    for (; j->p < j->end && *j->p >= '0' && *j->p <= '9'; j->p++)
        n++;
    return n;
}

static int number(struct from_json *j)
{
    const uint8_t *from = j->p;
    if (j->p < j->end && *j->p == '-')
        j->p++;
    if (j->p < j->end && *j->p == '0')
        j->p++;
    else if (!digits(j))
        return Y_ERR_MALFORMED;
    if (j->p < j->end && *j->p == '.') {
        j->p++;
        if (!digits(j))
            return Y_ERR_MALFORMED;
    }
    if (j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
        j->p++;
        if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
            j->p++;
        if (!digits(j))
            return Y_ERR_MALFORMED;
    }
    return y_number_to_any(y_number_parse(from, (size_t)(j->p - from)), j->out);
}

static int word(struct from_json *j, const char *text, uint8_t kind)
{
    size_t n = strlen(text);
    if ((size_t)(j->end - j->p) < n || memcmp(j->p, text, n) != 0)
        return Y_ERR_MALFORMED;
    j->p += n;
    return byte(j->out, kind);
}

/* --- arrays and objects --------------------------------------------------------------------------
 */

static int open_level(struct from_json *j, bool object)
{
    if (++j->depth > Y_ANY_DEPTH)
        return Y_ERR_MALFORMED;
    j->p++;
    if (byte(j->out, object ? 118 : 117))
        return Y_ERR_NOMEM;
    j->levels[j->depth] =
        (struct level){.count_at = j->out->len, .first = j->members.count, .object = object};
    return byte(j->out, 0);
}

/* The keys of the `n` members that stand from `at` on; values have no lone surrogates any more. */
static void mend_keys(struct ybuf *out, size_t at, size_t n)
{
    struct y_reader r = y_reader_of(out->data + at, out->len - at);
    for (; n; n--) {
        size_t len;
        const uint8_t *name = y_read_bytes(&r, &len);
        mend_surrogates(out->data + (name - out->data), len);
        y_any_skip(&r);
    }
}

static int close_level(struct from_json *j)
{
    struct level *l = &j->levels[j->depth--];
    j->p++;
    if (l->object) {
        size_t left;
        if (y_members_close(&j->members, l->first, j->out->data, j->out, 0, &left))
            return Y_ERR_NOMEM;
        l->n = left;
        if (l->lone)
            mend_keys(j->out, l->count_at + 1, left);
    }
    return insert_varuint(j->out, l->count_at, l->n);
}

static int key(struct from_json *j, struct level *l)
{
    size_t start = j->out->len, text;
    bool lone;
    skip_space(j);
    int error = string(j, &text, &lone);
    if (error)
        return error;
    l->lone |= lone;
    l->member = j->members.count;
    struct y_member *m = y_members_add(&j->members, text, j->out->data + text, j->out->len - text);
    if (!m)
        return Y_ERR_NOMEM;
    m->start = start;
    skip_space(j);
    return j->p < j->end && *j->p++ == ':' ? Y_OK : Y_ERR_MALFORMED;
}

static int value(struct from_json *j, bool *opened)
{
    *opened = false;
    skip_space(j);
    switch (j->p < j->end ? *j->p : 0) {
    case '"':
        return string_value(j);
    case 't':
        return word(j, "true", 120);
    case 'f':
        return word(j, "false", 121);
    case 'n':
        return word(j, "null", 126);
    case '{':
    case '[':
        *opened = true;
        return open_level(j, *j->p == '{');
    default:
        return number(j);
    }
}

static void end_value(struct from_json *j)
{
    struct level *l = &j->levels[j->depth];
    if (!j->depth)
        return;
    l->n++;
    if (l->object)
        j->members.list[l->member].end = j->out->len;
}

static int parse(struct from_json *j)
{
    bool opened;
    int error = value(j, &opened);
    while (!error && j->depth) {
        struct level *l = &j->levels[j->depth];
        skip_space(j);
        if (j->p == j->end)
            return Y_ERR_MALFORMED;
        if (*j->p == (l->object ? '}' : ']')) {
            error = close_level(j);
            end_value(j);
            opened = false;
            continue;
        }
        if (!opened && *j->p++ != ',')
            return Y_ERR_MALFORMED;
        if (l->object)
            error = key(j, l);
        error = error ? error : value(j, &opened);
        if (!error && !opened)
            end_value(j);
    }
    skip_space(j);
    return error ? error : j->p == j->end ? Y_OK : Y_ERR_MALFORMED;
}

int y_any_from_json(const void *json, size_t len, struct ybuf *out)
{
    size_t before = out->len;
    if (len == 4 && memcmp(json, "true", 4) == 0)
        return byte(out, 120);
    if (len == 4 && memcmp(json, "null", 4) == 0)
        return byte(out, 126);
    if (!y_utf8_valid(json, len))
        return Y_ERR_MALFORMED;
    struct from_json j;
    j.p = json;
    j.end = j.p + len;
    j.out = out;
    j.members = (struct y_members){0};
    j.depth = 0;
    int error = parse(&j);
    y_members_release(&j.members);
    if (error)
        out->len = before;
    return error;
}
