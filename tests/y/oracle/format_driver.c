/*
 * Drives documents with formatted text for format.mjs: frames [command][document][u32 little endian
 * length][bytes] on standard input, answers [i32 status][u32 length][bytes] on standard output. Bytes
 * are lib0: numbers varUint, strings varString, attributes 0 or 1 and one any.
 *
 *     n client, flags        new document: 1 keeps deleted content, 2 counts UTF-8, 4 is observed, 8 XmlText
 *     a update               apply         e state   E state, v2   v state vector   c check
 *     ( )                    begin and commit a transaction
 *     M                      a new text at key "n" of root map "m"
 *
 * With a text first, 0: root "t", 1: the one in the map:
 *
 *     I pos, string, attributes       X pos, any, attributes      T pos, type, attributes
 *     D pos, len                      F pos, len, attributes      A sanitize, n, operations
 *     d flags, snapshots              its delta: flag 1 a snapshot, 2 a previous one
 *     s                               its string
 *     o                               deltas of events since the last time: n, each text and delta
 *     u                               updates since the last time: n, each varByteArray
 */
#include "tests/y/oracle/frames.h"

#include "y/any.h"
#include "y/y_int.h"

#include <stdio.h>
#include <stdlib.h>

struct peer {
    struct ydoc *doc;
    struct y_type *text, *map;
    uint64_t nested; /* client and clock of the text in the map that is observed */
    bool observed;
    struct ybuf events, updates;
    uint64_t event_count, update_count;
};
static struct peer peers[64];

static void need(int error)
{
    if (error) {
        fprintf(stderr, "driver: %s\n", y_strerror(error));
        exit(1);
    }
}

/* --- what is answered ------------------------------------------------------------------------- */

static void put_u8(struct ybuf *out, uint8_t b)
{
    need(ybuf_append(out, &b, 1));
}

static void put_value(struct ybuf *out, const struct y_value *v)
{
    put_u8(out, (uint8_t)v->kind);
    if (v->kind == Y_VALUE_STRING)
        need(y_write_bytes(out, v->bytes.p, v->bytes.n));
    else if (v->kind == Y_VALUE_ANY)
        need(ybuf_append(out, v->bytes.p, v->bytes.n));
    else if (v->kind == Y_VALUE_TYPE)
        put_u8(out, (uint8_t)y_type_ref(v->type));
}

static void put_delta(struct ybuf *out, const struct y_delta_op *ops, size_t n)
{
    need(y_write_varuint(out, n));
    for (size_t i = 0; i < n; i++) {
        put_u8(out, (uint8_t)ops[i].kind);
        need(y_write_varuint(out, ops[i].len));
        if (ops[i].kind == Y_DELTA_INSERT)
            put_value(out, &ops[i].values[0]);
        put_u8(out, ops[i].attributes.n != 0);
        if (ops[i].attributes.n)
            need(ybuf_append(out, ops[i].attributes.p, ops[i].attributes.n));
    }
}

static void on_event(const struct y_event *e, void *udata)
{
    struct peer *p = udata;
    const struct y_delta_op *ops;
    size_t n;
    need(y_event_delta(e, &ops, &n));
    put_u8(&p->events, y_event_target(e) != p->text);
    put_delta(&p->events, ops, n);
    p->event_count++;
}

static void on_update(struct ydoc *doc, const uint8_t *update, size_t len, const void *origin,
                      void *udata)
{
    struct peer *p = udata;
    (void)doc;
    (void)origin;
    need(y_write_bytes(&p->updates, update, len));
    p->update_count++;
}

static void take(struct ybuf *from, uint64_t *count, struct ybuf *out)
{
    need(y_write_varuint(out, *count));
    need(ybuf_append(out, from->data, from->len));
    from->len = 0;
    *count = 0;
}

/* --- commands --------------------------------------------------------------------------------- */

static void make(struct peer *p, struct y_reader *r)
{
    struct ydoc_opts opts = {.client_id = y_read_varuint(r)};
    uint64_t flags = y_read_varuint(r);
    ydoc_free(p->doc);
    opts.keep_deleted = flags & 1;
    opts.utf8_offsets = flags & 2;
    p->observed = flags & 4;
    p->nested = 0;
    p->events.len = p->updates.len = 0;
    p->event_count = p->update_count = 0;
    p->doc = ydoc_new(&opts);
    need(ydoc_root(p->doc, "t", flags & 8 ? Y_REF_XML_TEXT : Y_REF_TEXT, &p->text));
    need(ydoc_root(p->doc, "m", Y_REF_MAP, &p->map));
    if (p->observed) {
        need(ydoc_on_update(p->doc, Y_V1, on_update, p));
        y_observe(p->text, on_event, p);
    }
}

static struct y_type *nested(struct peer *p)
{
    return y_map_get(p->map, "n", 1).type;
}

static void observe_nested(struct peer *p)
{
    struct y_type *t = p->observed ? nested(p) : NULL;
    if (!t)
        return;
    const struct y_item *it = y_item(p->doc, t->item);
    uint64_t id = (uint64_t)(it->client + 1) << 32 | it->clock;
    if (id != p->nested)
        y_observe(t, on_event, p);
    p->nested = id;
}

static struct y_slice read_any(struct y_reader *r)
{
    const uint8_t *p = r->p;
    need(y_any_skip(r));
    return (struct y_slice){p, (size_t)(r->p - p)};
}

static struct y_slice *read_attributes(struct y_reader *r, struct y_slice *s)
{
    if (!y_read_u8(r))
        return NULL;
    *s = read_any(r);
    return s;
}

static int apply_delta(struct y_type *t, struct y_reader *r)
{
    bool sanitize = y_read_u8(r);
    uint64_t n = y_read_varuint(r);
    struct y_delta_op *ops = calloc(n + 1, sizeof(*ops));
    struct y_value *values = calloc(n + 1, sizeof(*values));
    for (uint64_t i = 0; i < n; i++) {
        ops[i].kind = (enum y_delta_kind)y_read_u8(r);
        if (ops[i].kind != Y_DELTA_INSERT) {
            ops[i].len = y_read_varuint(r);
        } else {
            values[i].kind = (enum y_value_kind)y_read_u8(r);
            if (values[i].kind == Y_VALUE_STRING)
                values[i].bytes.p = y_read_bytes(r, &values[i].bytes.n);
            else
                values[i].bytes = read_any(r);
            ops[i].values = &values[i];
            ops[i].count = 1;
        }
        read_attributes(r, &ops[i].attributes);
    }
    int error = y_text_apply_delta(t, ops, n, sanitize);
    free(ops);
    free(values);
    return error;
}

static int insert(struct y_type *t, uint8_t command, struct y_reader *r)
{
    uint64_t pos = y_read_varuint(r);
    struct y_slice attrs, *a;
    size_t n = 0;
    if (command == 'I') {
        const char *s = y_read_string(r, &n);
        a = read_attributes(r, &attrs);
        return y_text_insert(t, pos, s, n, a);
    }
    if (command == 'X') {
        struct y_value v = {.kind = Y_VALUE_ANY, .bytes = read_any(r)};
        a = read_attributes(r, &attrs);
        return y_text_insert_embed(t, pos, &v, a);
    }
    enum y_type_ref ref = (enum y_type_ref)y_read_u8(r);
    a = read_attributes(r, &attrs);
    return y_text_insert_embed_type(t, pos, ref, NULL, a, NULL);
}

static int delta(struct y_type *t, struct y_reader *r, struct ybuf *out)
{
    struct y_slice then, before;
    struct y_delta_op *ops = NULL;
    size_t n = 0;
    uint8_t flags = y_read_u8(r);
    if (flags & 1)
        then.p = y_read_bytes(r, &then.n);
    if (flags & 2)
        before.p = y_read_bytes(r, &before.n);
    int error = y_text_delta(t, flags & 1 ? &then : NULL, flags & 2 ? &before : NULL, &ops, &n);
    if (!error)
        put_delta(out, ops, n);
    y_delta_free(ops, n);
    return error;
}

static int on_text(struct peer *p, uint8_t command, struct y_reader *r, struct ybuf *out)
{
    struct y_type *t = y_read_u8(r) ? nested(p) : p->text;
    struct y_slice attrs = {NULL, 0};
    if (!t)
        return -101;
    switch (command) {
    case 'I':
    case 'X':
    case 'T':
        return insert(t, command, r);
    case 'D': {
        uint64_t pos = y_read_varuint(r);
        return y_text_delete(t, pos, y_read_varuint(r));
    }
    case 'F': {
        uint64_t pos = y_read_varuint(r), len = y_read_varuint(r);
        read_attributes(r, &attrs);
        return y_text_format(t, pos, len, &attrs);
    }
    case 'A':
        return apply_delta(t, r);
    case 'd':
        return delta(t, r, out);
    case 's':
        return y_text_string(t, out);
    default:
        return -100;
    }
}

static int run(struct peer *p, uint8_t command, struct y_reader *r, struct ybuf *out)
{
    const char *wrong;
    switch (command) {
    case 'n':
        make(p, r);
        return 0;
    case 'a':
        return ydoc_apply(p->doc, r->p, (size_t)(r->end - r->p), NULL);
    case 'e':
        return ydoc_encode_update(p->doc, NULL, 0, out);
    case 'E':
        return ydoc_encode_update_v2(p->doc, NULL, 0, out);
    case 'v':
        return ydoc_encode_state_vector(p->doc, out);
    case 'c':
        wrong = ydoc_check(p->doc);
        return wrong ? ybuf_append(out, wrong, strlen(wrong)) : 0;
    case '(':
        return ydoc_begin(p->doc, NULL);
    case ')':
        return ydoc_commit(p->doc);
    case 'M':
        return y_map_set_type(p->map, "n", 1, Y_REF_TEXT, NULL, NULL);
    case 'o':
        take(&p->events, &p->event_count, out);
        return 0;
    case 'u':
        take(&p->updates, &p->update_count, out);
        return 0;
    default:
        return on_text(p, command, r, out);
    }
}

static int32_t run_frame(uint8_t command, uint8_t d, const uint8_t *bytes, uint32_t len,
                         struct ybuf *out)
{
    struct y_reader r = y_reader_of(bytes, len);
    struct peer *p = &peers[d % 64];
    int32_t status = run(p, command, &r, out);
    if (p->doc && !p->doc->depth)
        observe_nested(p);
    return status;
}

int main(void)
{
    if (serve_frames(run_frame))
        return 1;
    for (int i = 0; i < 64; i++) {
        ydoc_free(peers[i].doc);
        ybuf_release(&peers[i].events);
        ybuf_release(&peers[i].updates);
    }
    return 0;
}
