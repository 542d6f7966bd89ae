/*
 * Writing updates. codec_read.c draws the bytes; what yjs's encoders choose where there is a
 * choice:
 *
 * - v2's info and parent columns are not told how often their last value comes.
 * - A key of v2 (formats, XmlElement, XmlHook) is written anew each time it comes, with the next
 * key clock.
 */
#include "y/codec_int.h"

#include "y/any.h"
#include "y/mem.h"
#include "y/utf8.h"

#include <string.h>

static void fail(struct y_enc *e)
{
    e->error = Y_ERR_NOMEM;
}

/* `n` bytes at the end of `b` to write into, or NULL with the error set. */
static inline uint8_t *room(struct y_enc *e, struct ybuf *b, size_t n)
{
    if (unlikely(b->cap - b->len < n) && (e->error || y_buf_reserve(b, n))) {
        fail(e);
        return NULL;
    }
    return b->data + b->len;
}

static inline uint8_t *put_varuint(uint8_t *p, uint64_t n)
{
    for (; n > 127; n >>= 7)
        *p++ = (uint8_t)(0x80 | (n & 127));
    *p++ = (uint8_t)n;
    return p;
}

static inline uint8_t *put_bytes(uint8_t *p, const uint8_t *from, size_t n)
{
    if (n)
        memcpy(p, from, n);
    return p + n;
}

static void write_varuint(struct y_enc *e, struct ybuf *b, uint64_t n)
{
    uint8_t *p = room(e, b, 10);
    if (p)
        b->len = (size_t)(put_varuint(p, n) - b->data);
}

static void write_bytes(struct y_enc *e, struct ybuf *b, const uint8_t *from, size_t n)
{
    uint8_t *p = n ? room(e, b, n) : NULL;
    if (p)
        b->len = (size_t)(put_bytes(p, from, n) - b->data);
}

static void write_varbytes(struct y_enc *e, struct ybuf *b, struct y_slice s)
{
    write_varuint(e, b, s.n);
    write_bytes(e, b, s.p, s.n);
}

/* --- columns of v2 ---------------------------------------------------------------------------- */

static void write_varint(struct y_enc *e, struct ybuf *b, uint64_t n, bool negative)
{
    uint8_t *p = room(e, b, 11);
    if (!p)
        return;
    *p++ = (uint8_t)((n > 63 ? 0x80 : 0) | (negative ? 0x40 : 0) | (n & 63));
    if (n > 63)
        p = put_varuint(p, n >> 6);
    b->len = (size_t)(p - b->data);
}

static void flush_uint(struct y_enc *e, struct y_rle_out *c)
{
    if (!c->n)
        return;
    write_varint(e, &c->b, (uint64_t)c->s, c->n > 1);
    if (c->n > 1)
        write_varuint(e, &c->b, c->n - 2);
}

static void write_uint(struct y_enc *e, struct y_rle_out *c, uint64_t v)
{
    if (c->s == (int64_t)v) {
        c->n++;
        return;
    }
    flush_uint(e, c);
    c->s = (int64_t)v;
    c->n = 1;
}

static void flush_diff(struct y_enc *e, struct y_rle_out *c)
{
    if (!c->n)
        return;
    int64_t v = c->diff * 2 + (c->n > 1);
    write_varint(e, &c->b, (uint64_t)(v < 0 ? -v : v), v < 0);
    if (c->n > 1)
        write_varuint(e, &c->b, c->n - 2);
}

static void write_diff(struct y_enc *e, struct y_rle_out *c, uint64_t v)
{
    int64_t diff = (int64_t)v - c->s;
    c->s = (int64_t)v;
    if (c->diff == diff) {
        c->n++;
        return;
    }
    flush_diff(e, c);
    c->diff = diff;
    c->n = 1;
}

static void write_rle(struct y_enc *e, struct y_rle_out *c, uint8_t v)
{
    if (c->n && c->s == v) {
        c->n++;
        return;
    }
    if (c->n)
        write_varuint(e, &c->b, c->n - 1);
    uint8_t *p = room(e, &c->b, 1);
    if (p)
        *p = v, c->b.len++;
    c->s = v;
    c->n = 1;
}

static void write_string(struct y_enc *e, struct y_slice s)
{
    write_bytes(e, &e->strings, s.p, s.n);
    write_uint(e, &e->string_len, y_utf16_length(s.p, s.n));
}

static void write_key(struct y_enc *e, struct y_slice s)
{
    write_diff(e, &e->key_clock, e->next_key++);
    write_string(e, s);
}

/* --- sections --------------------------------------------------------------------------------- */

void y_enc_init(struct y_enc *e, enum y_format format)
{
    if (format == Y_V2) {
        memset(e, 0, sizeof(*e));
    } else {
        e->error = Y_OK;
        e->out = (struct ybuf){0};
        e->strings = (struct ybuf){0}; /* scratch */
    }
    e->format = format;
}

void y_enc_sections(struct y_enc *e, uint64_t n)
{
    write_varuint(e, &e->out, n);
}

void y_enc_section_head(struct y_enc *e, uint64_t client, uint64_t clock)
{
    if (e->format == Y_V2)
        write_uint(e, &e->client, client);
    else
        write_varuint(e, &e->out, client);
    write_varuint(e, &e->out, clock);
}

void y_enc_section(struct y_enc *e, uint64_t structs, uint64_t client, uint64_t clock)
{
    write_varuint(e, &e->out, structs);
    y_enc_section_head(e, client, clock);
}

/* --- structs ---------------------------------------------------------------------------------- */

/* The content of `s` behind its first `offset` clocks. */
struct cut {
    struct y_slice data;
    bool half; /* begins with the second half of a surrogate pair, before `data` */
};

static struct y_slice from_on(struct y_slice s, size_t n)
{
    return (struct y_slice){s.p + n, s.n - n};
}

static struct cut cut_string(struct y_slice s, uint32_t offset)
{
    size_t i = 0;
    for (; offset && i < s.n; offset--) {
        uint8_t c = s.p[i];
        if (c >= 0xf0 && offset == 1)
            return (struct cut){from_on(s, i + 4), true};
        if (c >= 0xf0)
            offset--;
        i += c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    }
    return (struct cut){from_on(s, i), false};
}

static struct cut cut_content(const struct y_struct *s, uint32_t offset)
{
    if (s->kind == Y_STRING)
        return cut_string(s->data, offset);
    if (s->kind != Y_ANY && s->kind != Y_JSON)
        return (struct cut){s->data, false};
    struct y_reader r = y_reader_of(s->data.p, s->data.n);
    size_t len;
    for (; offset && !r.error; offset--)
        if (s->kind == Y_ANY)
            y_any_skip(&r);
        else
            y_read_bytes(&r, &len);
    return (struct cut){from_on(s->data, (size_t)(r.p - s->data.p)), false};
}

/* The data of a format or subdocument: varString, any. */
static struct y_slice split_off_string(struct y_slice *data)
{
    struct y_reader r = y_reader_of(data->p, data->n);
    size_t len;
    const uint8_t *p = y_read_bytes(&r, &len);
    *data = from_on(*data, (size_t)(r.p - data->p));
    return (struct y_slice){p, len};
}

static void write_json(struct y_enc *e, struct y_slice any)
{
    e->strings.len = 0;
    if (!e->error && y_any_to_json(any.p, any.n, &e->strings))
        fail(e);
    else
        write_varbytes(e, &e->out, (struct y_slice){e->strings.data, e->strings.len});
}

static void write_valued(struct y_enc *e, const struct y_struct *s)
{
    struct y_slice data = s->data;
    if (s->kind == Y_FORMAT && e->format != Y_RAW)
        write_varbytes(e, &e->out, split_off_string(&data));
    if (e->format == Y_RAW)
        write_bytes(e, &e->out, data.p, data.n);
    else
        write_json(e, data);
}

/* Contents with a length first or a string. `p` has room for all of it. */
static uint8_t *put_content(uint8_t *p, const struct y_struct *s, uint32_t offset)
{
    struct cut c = {s->data, false};
    if (offset)
        c = cut_content(s, offset);
    switch (s->kind) {
    case Y_STRING:
        p = put_varuint(p, c.data.n + (c.half ? 3 : 0));
        if (c.half)
            p = put_bytes(p, (const uint8_t *)"\xef\xbf\xbd", 3);
        break;
    case Y_BINARY:
        p = put_varuint(p, c.data.n);
        break;
    case Y_TYPE:
        p = put_varuint(p, s->type_ref);
        if (s->type_ref == Y_REF_XML_ELEMENT || s->type_ref == Y_REF_XML_HOOK)
            p = put_varuint(p, c.data.n);
        break;
    case Y_DOC:
        break;
    default: /* Y_DELETED, Y_JSON, Y_ANY */
        p = put_varuint(p, s->len - offset);
        if (s->kind == Y_DELETED)
            return p;
    }
    return put_bytes(p, c.data.p, c.data.n);
}

static inline uint8_t *put_id(uint8_t *p, uint64_t client, uint64_t clock)
{
    return put_varuint(put_varuint(p, client), clock);
}

static uint8_t *put_parent(uint8_t *p, const struct y_struct *s)
{
    if (s->parent_kind == Y_PARENT_ROOT) {
        *p++ = 1;
        p = put_bytes(put_varuint(p, s->root.n), s->root.p, s->root.n);
    } else {
        *p++ = 0;
        p = put_id(p, s->parent.client, s->parent.clock);
    }
    if (s->info & Y_HAS_KEY)
        p = put_bytes(put_varuint(p, s->key.n), s->key.p, s->key.n);
    return p;
}

static void struct_v1(struct y_enc *e, uint64_t client, const struct y_struct *s, uint32_t offset)
{
    bool item = s->kind != Y_GC && s->kind != Y_SKIP;
    uint8_t info = s->kind | (item ? (s->info & 0xe0) | (offset ? Y_HAS_ORIGIN : 0) : 0);
    bool copied = info & (Y_HAS_ORIGIN | Y_HAS_RIGHT);
    bool valued = s->kind == Y_EMBED || s->kind == Y_FORMAT;
    size_t bound = 80;
    if (item && !copied)
        bound += (s->parent_kind == Y_PARENT_ROOT ? s->root.n : 0) +
                 (s->info & Y_HAS_KEY ? s->key.n : 0);
    if (item && !valued && s->kind != Y_DELETED)
        bound += s->data.n;
    uint8_t *p = room(e, &e->out, bound);
    if (!p)
        return;
    *p++ = info;
    if (!item) {
        p = put_varuint(p, s->len - offset);
    } else {
        if (offset)
            p = put_id(p, client, s->clock + offset - 1);
        else if (info & Y_HAS_ORIGIN)
            p = put_id(p, s->origin.client, s->origin.clock);
        if (info & Y_HAS_RIGHT)
            p = put_id(p, s->right.client, s->right.clock);
        if (!copied)
            p = put_parent(p, s);
        if (!valued)
            p = put_content(p, s, offset);
    }
    e->out.len = (size_t)(p - e->out.data);
    if (valued)
        write_valued(e, s);
}

static void content_v2(struct y_enc *e, const struct y_struct *s, uint32_t offset)
{
    struct cut c = {s->data, false};
    if (offset)
        c = cut_content(s, offset);
    switch (s->kind) {
    case Y_DELETED:
        write_uint(e, &e->len, s->len - offset);
        break;
    case Y_STRING:
        if (c.half)
            write_bytes(e, &e->strings, (const uint8_t *)"\xef\xbf\xbd", 3);
        write_bytes(e, &e->strings, c.data.p, c.data.n);
        write_uint(e, &e->string_len, s->len - offset);
        break;
    case Y_JSON:
        write_uint(e, &e->len, s->len - offset);
        for (uint32_t n = s->len - offset; n; n--)
            write_string(e, split_off_string(&c.data));
        break;
    case Y_ANY:
        write_uint(e, &e->len, s->len - offset);
        write_bytes(e, &e->out, c.data.p, c.data.n);
        break;
    case Y_BINARY:
        write_varbytes(e, &e->out, c.data);
        break;
    case Y_FORMAT:
        write_key(e, split_off_string(&c.data));
        write_bytes(e, &e->out, c.data.p, c.data.n);
        break;
    case Y_DOC:
        write_string(e, split_off_string(&c.data));
        write_bytes(e, &e->out, c.data.p, c.data.n);
        break;
    case Y_TYPE:
        write_uint(e, &e->type_ref, s->type_ref);
        if (s->type_ref == Y_REF_XML_ELEMENT || s->type_ref == Y_REF_XML_HOOK)
            write_key(e, c.data);
        break;
    default: /* Y_EMBED */
        write_bytes(e, &e->out, c.data.p, c.data.n);
    }
}

static void parent_v2(struct y_enc *e, const struct y_struct *s)
{
    write_rle(e, &e->parent_info, s->parent_kind == Y_PARENT_ROOT);
    if (s->parent_kind == Y_PARENT_ROOT) {
        write_string(e, s->root);
    } else {
        write_uint(e, &e->client, s->parent.client);
        write_diff(e, &e->left_clock, s->parent.clock);
    }
    if (s->info & Y_HAS_KEY)
        write_string(e, s->key);
}

static void struct_v2(struct y_enc *e, uint64_t client, const struct y_struct *s, uint32_t offset)
{
    if (s->kind == Y_GC) {
        write_rle(e, &e->info, Y_GC);
        write_uint(e, &e->len, s->len - offset);
        return;
    }
    if (s->kind == Y_SKIP) {
        write_rle(e, &e->info, Y_SKIP);
        write_varuint(e, &e->out, s->len - offset);
        return;
    }
    uint8_t info = s->kind | (s->info & 0xe0) | (offset ? Y_HAS_ORIGIN : 0);
    write_rle(e, &e->info, info);
    if (info & Y_HAS_ORIGIN) {
        write_uint(e, &e->client, offset ? client : s->origin.client);
        write_diff(e, &e->left_clock, offset ? s->clock + offset - 1 : s->origin.clock);
    }
    if (info & Y_HAS_RIGHT) {
        write_uint(e, &e->client, s->right.client);
        write_diff(e, &e->right_clock, s->right.clock);
    }
    if (!(info & (Y_HAS_ORIGIN | Y_HAS_RIGHT)))
        parent_v2(e, s);
    content_v2(e, s, offset);
}

void y_enc_struct(struct y_enc *e, uint64_t client, const struct y_struct *s, uint32_t offset)
{
    if (e->format == Y_V2)
        struct_v2(e, client, s, offset);
    else
        struct_v1(e, client, s, offset);
}

/* --- delete set, end -------------------------------------------------------------------------- */

void y_enc_ds_clients(struct y_enc *e, uint64_t n)
{
    write_varuint(e, &e->out, n);
}

void y_enc_ds_client(struct y_enc *e, uint64_t client, uint64_t ranges)
{
    e->ds_clock = 0;
    write_varuint(e, &e->out, client);
    write_varuint(e, &e->out, ranges);
}

void y_enc_ds_range(struct y_enc *e, uint64_t clock, uint64_t len)
{
    if (e->format == Y_V2) {
        write_varuint(e, &e->out, clock - e->ds_clock);
        write_varuint(e, &e->out, len - 1);
        e->ds_clock = clock + len;
    } else {
        write_varuint(e, &e->out, clock);
        write_varuint(e, &e->out, len);
    }
}

#define COLUMNS(e)                                                                                 \
    {                                                                                              \
        &(e)->key_clock, &(e)->client, &(e)->left_clock, &(e)->right_clock, &(e)->info,            \
            &(e)->string_len, &(e)->parent_info, &(e)->type_ref, &(e)->len                         \
    }
#define COLUMN_COUNT 9
#define STRINGS 5

void y_enc_release(struct y_enc *e)
{
    struct y_rle_out *columns[] = COLUMNS(e);
    for (int i = 0; i < COLUMN_COUNT && e->format == Y_V2; i++)
        ybuf_release(&columns[i]->b);
    ybuf_release(&e->strings);
    ybuf_release(&e->out);
}

/* Everything into one buffer, in the order of UpdateEncoderV2.toUint8Array. */
static void assemble_v2(struct y_enc *e, struct ybuf *all)
{
    struct y_rle_out *columns[] = COLUMNS(e);
    flush_diff(e, &e->key_clock);
    flush_uint(e, &e->client);
    flush_diff(e, &e->left_clock);
    flush_diff(e, &e->right_clock);
    flush_uint(e, &e->string_len);
    flush_uint(e, &e->type_ref);
    flush_uint(e, &e->len);
    size_t total = 16 + e->strings.len + e->out.len;
    for (int i = 0; i < COLUMN_COUNT; i++)
        total += columns[i]->b.len + 10;
    if (e->error || y_buf_reserve(all, total)) {
        fail(e);
        return;
    }
    uint8_t *p = all->data + all->len, head[10];
    *p++ = 0; /* feature flags */
    for (int i = 0; i < COLUMN_COUNT; i++) {
        const struct ybuf *b = &columns[i]->b;
        size_t text = (size_t)(put_varuint(head, e->strings.len) - head) + e->strings.len;
        p = put_varuint(p, b->len + (i == STRINGS ? text : 0));
        if (i == STRINGS)
            p = put_bytes(put_varuint(p, e->strings.len), e->strings.data, e->strings.len);
        p = put_bytes(p, b->data, b->len);
    }
    p = put_bytes(p, e->out.data, e->out.len);
    all->len = (size_t)(p - all->data);
}

int y_enc_end(struct y_enc *e, struct ybuf *out)
{
    int error;
    if (!e->error && e->format == Y_V2) {
        assemble_v2(e, out);
    } else if (!e->error && !out->data) {
        *out = e->out;
        e->out = (struct ybuf){0};
    } else if (!e->error && ybuf_append(out, e->out.data, e->out.len)) {
        fail(e);
    }
    error = e->error;
    y_enc_release(e);
    return error;
}
