/*
 * Shared types, for a script: frames [command][document][u32 little endian length][bytes] on standard
 * input, answers [i32 status][u32 length][bytes] on standard output. The bytes are lib0's; PATH is a
 * root's name and kind, how many steps, and each as 1 and a key or 0 and a position.
 *
 *     n new: client, whether to keep what is deleted   k free
 *     a A apply v1, v2   e E encode v1, v2 against a state vector   v state vector
 *     j JSON   c check (the answer is what is wrong)   g PATH: what reading it value by value gives
 *     b begin   x commit
 *     i PATH position n values   t PATH position kind name   d PATH position length
 *     m PATH key value   M PATH key kind name   r PATH key
 *     s PATH position text   S PATH position length   (of text)
 *     p PATH position attributes text   f PATH position attributes length
 *     y PATH position attributes value   Y PATH position attributes kind name
 *     o O PATH number deeds times: observe, deeply   u number: no more
 *     l what observers and listeners saw since the last time
 *
 * A value is its kind, its bytes and its options. Deeds of an observer: 1 sets a key, 2 inserts into a
 * list, both in one transaction with 4, 8 deletes the first of root "list", 16 observes no more.
 */
#include "tests/y/oracle/frames.h"

#include "y/y.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCS 256
#define OBSERVERS 4096

static struct ydoc *docs[DOCS];
static struct ybuf logs[DOCS];

static struct seen {
    uint32_t number;
    uint8_t doc, deeds, times;
    struct y_observer *observer;
} seen[OBSERVERS];

static void say(struct ybuf *b, const char *s)
{
    ybuf_append(b, s, strlen(s));
}

static void say_hex(struct ybuf *b, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char two[3];
        snprintf(two, sizeof(two), "%02x", p[i]);
        say(b, two);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static char *read_name(struct y_reader *r)
{
    static char name[4][1024];
    static int turn;
    size_t n;
    const char *s = y_read_string(r, &n);
    char *to = name[turn++ % 4];
    if (n >= 1024)
        exit(3);
    memcpy(to, s ? s : "", s ? n : 0);
    to[n] = 0;
    return to;
}

static struct y_slice read_slice(struct y_reader *r)
{
    struct y_slice s;
    s.p = y_read_bytes(r, &s.n);
    return s;
}

static struct y_value read_value(struct y_reader *r)
{
    struct y_value v = {.kind = (enum y_value_kind)y_read_u8(r)};
    v.bytes = read_slice(r);
    v.options = read_slice(r);
    return v;
}

static struct y_type *read_path(struct ydoc *doc, struct y_reader *r)
{
    struct y_type *t = NULL;
    const char *name = read_name(r);
    if (ydoc_root(doc, name, (enum y_type_ref)y_read_u8(r), &t))
        return NULL;
    for (uint64_t n = y_read_varuint(r); n && t; n--) {
        struct y_value v;
        if (y_read_u8(r)) {
            struct y_slice key = read_slice(r);
            v = y_map_get(t, key.p, key.n);
        } else {
            v = y_list_get(t, y_read_varuint(r));
        }
        t = v.type;
    }
    return t;
}

/* --- observers -------------------------------------------------------------------------------- */

static void do_deeds(struct seen *s)
{
    struct ydoc *doc = docs[s->doc];
    struct y_type *map, *list;
    char key[16];
    const uint8_t any[2] = {125, (uint8_t)(s->times & 63)};
    const struct y_value value = {.kind = Y_VALUE_ANY, .bytes = {any, 2}};
    if (!s->times)
        return;
    s->times--;
    snprintf(key, sizeof(key), "k%u", (unsigned)s->number % 3);
    if (s->deeds & 4)
        ydoc_begin(doc, NULL);
    if ((s->deeds & 1) && !ydoc_root(doc, "map", Y_REF_MAP, &map))
        y_map_set(map, key, strlen(key), &value);
    if ((s->deeds & 2) && !ydoc_root(doc, "list", Y_REF_ARRAY, &list))
        y_list_insert(list, 0, &value, 1);
    if (s->deeds & 4)
        ydoc_commit(doc);
    if ((s->deeds & 8) && !ydoc_root(doc, "list", Y_REF_ARRAY, &list) && y_type_length(list))
        y_list_delete(list, 0, 1);
    if (s->deeds & 16)
        y_unobserve(s->observer);
    if (s->deeds & 16)
        s->observer = NULL;
}

static void on_event(const struct y_event *e, void *udata)
{
    struct seen *s = udata;
    struct ybuf *log = &logs[s->doc];
    char head[32];
    snprintf(head, sizeof(head), "o%u ", (unsigned)s->number);
    say(log, head);
    if (y_event_json(e, log))
        say(log, "ERROR");
    say(log, "\n");
    do_deeds(s);
    say(log, head);
    if (y_event_json(e, log))
        say(log, "ERROR");
    say(log, "\n");
}

static void on_deep(const struct y_event *const *events, size_t n, void *udata)
{
    struct seen *s = udata;
    struct ybuf *log = &logs[s->doc];
    char head[32];
    snprintf(head, sizeof(head), "O%u", (unsigned)s->number);
    say(log, head);
    for (size_t i = 0; i < n; i++) {
        say(log, " ");
        if (y_event_json(events[i], log))
            say(log, "ERROR");
    }
    say(log, "\n");
    do_deeds(s);
}

static void on_update(struct ydoc *doc, const uint8_t *update, size_t len, const void *origin,
                      void *udata)
{
    (void)doc;
    (void)origin;
    struct ybuf *log = udata;
    say(log, "u1 ");
    say_hex(log, update, len);
    say(log, "\n");
}

static void on_update_v2(struct ydoc *doc, const uint8_t *update, size_t len, const void *origin,
                         void *udata)
{
    (void)doc;
    (void)origin;
    struct ybuf *log = udata;
    say(log, "u2 ");
    say_hex(log, update, len);
    say(log, "\n");
}

static void on_subdoc(struct ydoc *doc, enum y_subdoc_change change, struct y_slice guid,
                      struct y_slice options, void *udata)
{
    static const char *const names[] = {"added", "removed", "loaded"};
    struct ybuf *log = udata;
    (void)doc;
    say(log, names[change]);
    say(log, " ");
    ybuf_append(log, guid.p, guid.n);
    say(log, " ");
    if (y_any_to_json(options.p, options.n, log))
        say(log, "ERROR");
    say(log, "\n");
}

static int32_t observe(struct y_reader *r, uint8_t d, bool deep)
{
    struct y_type *t = read_path(docs[d], r);
    struct seen *s = NULL;
    for (int i = 0; i < OBSERVERS && !s; i++)
        s = seen[i].observer ? NULL : &seen[i];
    if (!t || !s)
        return -101;
    s->doc = d;
    s->number = (uint32_t)y_read_varuint(r);
    s->deeds = y_read_u8(r);
    s->times = y_read_u8(r);
    s->observer = deep ? y_observe_deep(t, on_deep, s) : y_observe(t, on_event, s);
    return s->observer ? 0 : Y_ERR_NOMEM;
}

static void forget(uint8_t d)
{
    for (int i = 0; i < OBSERVERS; i++)
        if (seen[i].observer && seen[i].doc == d)
            seen[i].observer = NULL;
}

static int32_t unobserve(struct y_reader *r, uint8_t d)
{
    uint32_t number = (uint32_t)y_read_varuint(r);
    for (int i = 0; i < OBSERVERS; i++) {
        if (!seen[i].observer || seen[i].doc != d || seen[i].number != number)
            continue;
        y_unobserve(seen[i].observer);
        seen[i].observer = NULL;
    }
    return 0;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int32_t new_doc(struct y_reader *r, uint8_t d)
{
    struct ydoc_opts opts = {.client_id = y_read_varuint(r), .max_pending_bytes = 1 << 30};
    opts.keep_deleted = y_read_u8(r);
    uint8_t listen = y_read_u8(r);
    ydoc_free(docs[d]);
    forget(d);
    logs[d].len = 0;
    docs[d] = ydoc_new(&opts);
    if (!listen)
        return 0;
    int error = ydoc_on_update(docs[d], Y_V1, on_update, &logs[d]);
    error = error ? error : ydoc_on_update(docs[d], Y_V2, on_update_v2, &logs[d]);
    return error ? error : ydoc_on_subdoc(docs[d], on_subdoc, &logs[d]);
}

static void say_value(const struct y_value *v, struct ybuf *out)
{
    static const char *const kinds[] = {"none ",   "any ",  "json ", "string ",
                                        "binary ", "type ", "doc "};
    say(out, kinds[v->kind]);
    if (v->kind == Y_VALUE_TYPE)
        y_type_json(v->type, out);
    else if (v->kind == Y_VALUE_ANY)
        y_any_to_json(v->bytes.p, v->bytes.n, out);
    else if (v->kind == Y_VALUE_BINARY)
        say_hex(out, v->bytes.p, v->bytes.n);
    else
        ybuf_append(out, v->bytes.p, v->bytes.n);
    say(out, "\n");
}

/* By position and by walking, which must agree; then the keys. */
static int32_t read_all(const struct y_type *t, struct ybuf *out)
{
    struct y_walk walk = {0}, keys = {0};
    struct y_slice key;
    struct y_value v;
    bool list = y_type_ref(t) != Y_REF_MAP && y_type_ref(t) != Y_REF_XML_HOOK;
    for (uint64_t i = 0; list; i++) {
        size_t from = out->len;
        v = y_list_next(t, &walk);
        if (v.kind == Y_VALUE_NONE)
            break;
        say_value(&v, out);
        size_t middle = out->len;
        v = y_list_get(t, i);
        say_value(&v, out);
        if (out->len - middle != middle - from ||
            memcmp(out->data + from, out->data + middle, middle - from) != 0)
            return -102;
        out->len = middle;
    }
    while (y_map_next(t, &keys, &key, &v)) {
        ybuf_append(out, key.p, key.n);
        say(out, "=");
        say_value(&v, out);
        if (y_map_get(t, key.p, key.n).kind != v.kind)
            return -103;
    }
    return 0;
}

static int32_t edit(uint8_t command, struct y_type *t, struct y_reader *r)
{
    struct y_value values[64];
    uint64_t pos = 0, n;
    struct y_slice key = {NULL, 0}, text, attributes = {NULL, 0};
    if (strchr("mMr", command))
        key = read_slice(r);
    else
        pos = y_read_varuint(r);
    if (strchr("pfyY", command))
        attributes = read_slice(r);
    const struct y_slice *with = attributes.n ? &attributes : NULL;
    switch (command) {
    case 'i':
        n = y_read_varuint(r);
        for (uint64_t i = 0; i < n && i < 64; i++)
            values[i] = read_value(r);
        return y_list_insert(t, pos, values, n);
    case 't':
    case 'Y':
    case 'M': {
        enum y_type_ref ref = (enum y_type_ref)y_read_u8(r);
        const char *name = read_name(r);
        name = ref == Y_REF_XML_ELEMENT || ref == Y_REF_XML_HOOK ? name : NULL;
        if (command == 'Y')
            return y_text_insert_embed_type(t, pos, ref, name, with, NULL);
        return command == 't' ? y_list_insert_type(t, pos, ref, name, NULL)
                              : y_map_set_type(t, key.p, key.n, ref, name, NULL);
    }
    case 'd':
        return y_list_delete(t, pos, y_read_varuint(r));
    case 'm':
        values[0] = read_value(r);
        return y_map_set(t, key.p, key.n, &values[0]);
    case 'r':
        return y_map_delete(t, key.p, key.n);
    case 's':
    case 'p':
        text = read_slice(r);
        return y_text_insert(t, pos, (const char *)text.p, text.n, with);
    case 'f':
        return y_text_format(t, pos, y_read_varuint(r), with);
    case 'y':
        values[0] = read_value(r);
        return y_text_insert_embed(t, pos, &values[0], with);
    default:
        return y_text_delete(t, pos, y_read_varuint(r));
    }
}

static int32_t run(uint8_t command, uint8_t d, const uint8_t *p, uint32_t len, struct ybuf *out)
{
    struct y_reader r = y_reader_of(p, len);
    struct ydoc *doc = docs[d];
    const char *wrong;
    switch (command) {
    case 'n':
        return new_doc(&r, d);
    case 'k':
        ydoc_free(doc);
        docs[d] = NULL;
        forget(d);
        return 0;
    case 'a':
        return ydoc_apply(doc, p, len, NULL);
    case 'A':
        return ydoc_apply_v2(doc, p, len, NULL);
    case 'e':
        return ydoc_encode_update(doc, p, len, out);
    case 'E':
        return ydoc_encode_update_v2(doc, p, len, out);
    case 'v':
        return ydoc_encode_state_vector(doc, out);
    case 'j':
        return ydoc_json(doc, out);
    case 'c':
        wrong = ydoc_check(doc);
        return wrong ? ybuf_append(out, wrong, strlen(wrong)) : 0;
    case 'b':
        return ydoc_begin(doc, NULL);
    case 'x':
        return ydoc_commit(doc);
    case 'o':
    case 'O':
        return observe(&r, d, command == 'O');
    case 'u':
        return unobserve(&r, d);
    case 'l':
        ybuf_append(out, logs[d].data, logs[d].len);
        logs[d].len = 0;
        return 0;
    default: {
        struct y_type *t = read_path(doc, &r);
        return !t ? -100 : command == 'g' ? read_all(t, out) : edit(command, t, &r);
    }
    }
}

int main(void)
{
    if (serve_frames(run))
        return 1;
    for (int i = 0; i < DOCS; i++) {
        ydoc_free(docs[i]);
        ybuf_release(&logs[i]);
    }
    return 0;
}
