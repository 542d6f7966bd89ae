/*
 * Drives documents with undo managers for a script: frames [command][document][u32 little endian
 * length][bytes] on standard input, answers [i32 status][u32 length][bytes] on standard output.
 * Arguments are varuints and varByteArrays; a type is a relative position that names it.
 *
 *     n new: client, keep_deleted, utf8, quiet
 *     a apply: origin, update        e encode   c check
 *     w the updates that it emitted          T begin: origin                C commit
 *     i text insert: type pos text, attributes f text format: type pos len attributes
 *     E text embed: type pos embed           d text delete: type pos len
 *     I list insert: type pos any...         M list insert type: type pos ref name
 *     D list delete: type pos len            s map set: type key any        S map set type: type key ref name
 *     x map delete: type key                 G map set subdocument: type key guid
 *     u new manager: timeout+1 (0: none), ignore_remote, origins..., types...
 *     U undo  R redo  P stop  L clear  F free: manager                      q depths   K clock: ms
 *     r relative: type pos assoc+2           A absolute: relative           j to JSON  J from JSON
 *     z snapshot: format                     Z at snapshot: document, snapshot
 *     y contains: snapshot, update           k snapshot check: format, snapshot
 */
#include "tests/y/oracle/frames.h"

#include "y/y_int.h"

#include <stdio.h>
#include <stdlib.h>

#define UNDOS 8
static struct ydoc *docs[256];
static struct ybuf emitted[256];
static struct y_undo *undos[256][UNDOS];
static uint64_t clock_ms;
static char origins[16]; /* their addresses are origins; 0 is NULL */

static const void *origin_of(uint64_t n)
{
    return n ? &origins[n & 15] : NULL;
}

static uint64_t now(void *udata)
{
    (void)udata;
    return clock_ms;
}

static void on_update(struct ydoc *doc, const uint8_t *update, size_t len, const void *origin,
                      void *udata)
{
    (void)doc;
    (void)origin;
    ybuf_append(udata, update, len);
}

static struct y_slice slice(struct y_reader *r)
{
    struct y_slice s;
    s.p = y_read_bytes(r, &s.n);
    return s;
}

static struct y_type *type_of(uint8_t d, struct y_reader *r)
{
    struct y_slice s = slice(r);
    struct y_type *t = NULL;
    if (y_absolute_position(docs[d], s.p, s.n, &t, NULL, NULL) != 1)
        fprintf(stderr, "no such type\n");
    return t;
}

static void free_doc(uint8_t d)
{
    for (int i = 0; i < UNDOS; i++) {
        y_undo_free(undos[d][i]);
        undos[d][i] = NULL;
    }
    ydoc_free(docs[d]);
    docs[d] = NULL;
    ybuf_release(&emitted[d]);
}

static int32_t new_doc(uint8_t d, struct y_reader *r)
{
    struct ydoc_opts opts = {.client_id = y_read_varuint(r)};
    struct y_type *t;
    opts.keep_deleted = y_read_varuint(r) != 0;
    opts.utf8_offsets = y_read_varuint(r) != 0;
    free_doc(d);
    docs[d] = ydoc_new(&opts);
    ydoc_root(docs[d], "text", Y_REF_TEXT, &t);
    ydoc_root(docs[d], "arr", Y_REF_ARRAY, &t);
    ydoc_root(docs[d], "map", Y_REF_MAP, &t);
    ydoc_root(docs[d], "xml", Y_REF_XML_FRAGMENT, &t);
    return y_read_varuint(r) ? 0 : ydoc_on_update(docs[d], Y_V1, on_update, &emitted[d]);
}

static int32_t apply(uint8_t d, struct y_reader *r)
{
    const void *origin = origin_of(y_read_varuint(r));
    struct y_slice u = slice(r);
    int error = ydoc_begin(docs[d], origin);
    if (error)
        return error;
    error = ydoc_apply(docs[d], u.p, u.n, NULL);
    int end = ydoc_commit(docs[d]);
    return error ? error : end;
}

static int32_t list_insert(uint8_t d, struct y_reader *r)
{
    struct y_type *t = type_of(d, r);
    uint64_t pos = y_read_varuint(r);
    struct y_value values[16];
    size_t n = 0;
    while (r->p < r->end && n < 16)
        values[n++] = (struct y_value){.kind = Y_VALUE_ANY, .bytes = slice(r)};
    return y_list_insert(t, pos, values, n);
}

static int32_t insert_type(uint8_t d, struct y_reader *r, bool list)
{
    struct y_type *t = type_of(d, r);
    char name[16] = {0};
    struct y_slice key = {0};
    uint64_t pos = 0;
    if (list)
        pos = y_read_varuint(r);
    else
        key = slice(r);
    enum y_type_ref ref = (enum y_type_ref)y_read_varuint(r);
    struct y_slice s = slice(r);
    memcpy(name, s.p, s.n);
    return list ? y_list_insert_type(t, pos, ref, s.n ? name : NULL, NULL)
                : y_map_set_type(t, key.p, key.n, ref, s.n ? name : NULL, NULL);
}

static int32_t new_undo(uint8_t d, struct y_reader *r)
{
    struct y_type *types[16];
    const void *list[16];
    struct y_undo_opts opts = {.now = now, .origins = list};
    size_t n = 0;
    int k = 0;
    uint64_t timeout = y_read_varuint(r);
    opts.no_timeout = !timeout;
    opts.capture_timeout = timeout ? timeout - 1 : 0;
    opts.ignore_remote_map_changes = y_read_varuint(r) != 0;
    opts.origin_count = y_read_varuint(r);
    for (size_t i = 0; i < opts.origin_count; i++)
        list[i] = origin_of(y_read_varuint(r));
    while (r->p < r->end)
        types[n++] = type_of(d, r);
    opts.whole_document = !n;
    while (undos[d][k])
        k++;
    undos[d][k] = y_undo_new(docs[d], types, n, &opts);
    return undos[d][k] ? 0 : Y_ERR_NOMEM;
}

static int32_t undo(uint8_t command, uint8_t d, struct y_reader *r)
{
    uint64_t k = y_read_varuint(r);
    switch (command) {
    case 'U':
        return y_undo(undos[d][k]);
    case 'R':
        return y_redo(undos[d][k]);
    case 'P':
        y_undo_stop(undos[d][k]);
        return 0;
    case 'L':
        y_undo_clear(undos[d][k]);
        return 0;
    default:
        y_undo_free(undos[d][k]);
        undos[d][k] = NULL;
        return 0;
    }
}

static int32_t depths(uint8_t d, struct ybuf *out)
{
    char text[64];
    for (int i = 0; i < UNDOS; i++) {
        if (!undos[d][i])
            continue;
        int n = snprintf(text, sizeof(text), "%d:%zu/%zu ", i, y_undo_depth(undos[d][i]),
                         y_redo_depth(undos[d][i]));
        ybuf_append(out, text, (size_t)n);
    }
    return 0;
}

static int32_t absolute(uint8_t d, const uint8_t *p, uint32_t len, struct ybuf *out)
{
    struct y_type *t;
    uint64_t pos;
    int assoc;
    char text[96];
    int found = y_absolute_position(docs[d], p, len, &t, &pos, &assoc);
    if (found != 1)
        return found;
    if (t->item) {
        const struct y_item *it = y_item(docs[d], t->item);
        int n = snprintf(text, sizeof(text), "%llu-%u",
                         (unsigned long long)docs[d]->clients[it->client].id, it->clock);
        ybuf_append(out, text, (size_t)n);
    } else {
        ybuf_append(out, y_type_name(t).p, y_type_name(t).n);
    }
    int n = snprintf(text, sizeof(text), "@%llu/%d", (unsigned long long)pos, assoc);
    return ybuf_append(out, text, (size_t)n) ? Y_ERR_NOMEM : 1;
}

static int32_t at_snapshot(uint8_t d, struct y_reader *r)
{
    uint64_t to = y_read_varuint(r);
    struct y_slice s = slice(r);
    free_doc((uint8_t)to);
    return ydoc_at_snapshot(docs[d], s.p, s.n, NULL, &docs[to]);
}

static int32_t edit(uint8_t command, uint8_t d, struct y_reader *r)
{
    struct y_slice s, v;
    struct y_type *t = type_of(d, r);
    uint64_t pos, n;
    switch (command) {
    case 'i':
        pos = y_read_varuint(r);
        s = slice(r);
        v = slice(r);
        return y_text_insert(t, pos, (const char *)s.p, s.n, v.n ? &v : NULL);
    case 'f':
        pos = y_read_varuint(r);
        n = y_read_varuint(r);
        v = slice(r);
        return y_text_format(t, pos, n, &v);
    case 'E':
        pos = y_read_varuint(r);
        v = slice(r);
        return y_text_insert_embed(t, pos, &(struct y_value){.kind = Y_VALUE_ANY, .bytes = v},
                                   NULL);
    case 'd':
        pos = y_read_varuint(r);
        return y_text_delete(t, pos, y_read_varuint(r));
    case 'D':
        pos = y_read_varuint(r);
        return y_list_delete(t, pos, y_read_varuint(r));
    case 's':
    case 'G':
        s = slice(r);
        v = slice(r);
        return y_map_set(
            t, s.p, s.n,
            &(struct y_value){.kind = command == 's' ? Y_VALUE_ANY : Y_VALUE_DOC, .bytes = v});
    default:
        s = slice(r);
        return y_map_delete(t, s.p, s.n);
    }
}

static int32_t relative(uint8_t d, struct y_reader *r, struct ybuf *out)
{
    struct y_type *t = type_of(d, r);
    uint64_t pos = y_read_varuint(r);
    return y_relative_position(t, pos, (int)y_read_varuint(r) - 2, out);
}

static int32_t run(uint8_t command, uint8_t d, const uint8_t *p, uint32_t len, struct ybuf *out)
{
    struct y_reader r = y_reader_of(p, len);
    struct y_slice s;
    const char *wrong;
    switch (command) {
    case 'n':
        return new_doc(d, &r);
    case 'a':
        return apply(d, &r);
    case 'e':
        return ydoc_encode_update(docs[d], NULL, 0, out);
    case 'c':
        wrong = ydoc_check(docs[d]);
        return wrong ? ybuf_append(out, wrong, strlen(wrong)) : 0;
    case 'w':
        ybuf_append(out, emitted[d].data, emitted[d].len);
        ybuf_release(&emitted[d]);
        return 0;
    case 'T':
        return ydoc_begin(docs[d], origin_of(y_read_varuint(&r)));
    case 'C':
        return ydoc_commit(docs[d]);
    case 'I':
        return list_insert(d, &r);
    case 'M':
    case 'S':
        return insert_type(d, &r, command == 'M');
    case 'u':
        return new_undo(d, &r);
    case 'q':
        return depths(d, out);
    case 'K':
        clock_ms = y_read_varuint(&r);
        return 0;
    case 'r':
        return relative(d, &r, out);
    case 'A':
        return absolute(d, p, len, out);
    case 'j':
        return y_relative_position_to_json(p, len, out);
    case 'J':
        return y_relative_position_from_json(p, len, out);
    case 'z':
        return y_snapshot(docs[d], y_read_varuint(&r) ? Y_V2 : Y_V1, out);
    case 'Z':
        return at_snapshot(d, &r);
    case 'k':
        return y_snapshot_check(p + 1, len - 1, p[0] ? Y_V2 : Y_V1);
    case 'y':
        s = slice(&r);
        return y_snapshot_contains(s.p, s.n, r.p, (size_t)(r.end - r.p));
    default:
        return strchr("URPLF", command) ? undo(command, d, &r) : edit(command, d, &r);
    }
}

int main(void)
{
    if (serve_frames(run))
        return 1;
    for (int i = 0; i < 256; i++)
        free_doc((uint8_t)i);
    return 0;
}
