/* Text with formats: what yjs 13.6 made of the same edits, errors, and running out of memory. */
#include "tests/test.h"
#include "y/attrs.h"
#include "y/snapshot_int.h"

static size_t until_failure, blocks; /* of the allocator that fails */

/* --- edits as data ---------------------------------------------------------------------------- */

enum what { STOP = 0, INSERT, FORMAT, DELETE, EMBED, D_INSERT, D_EMBED, D_RETAIN, D_DELETE, D_END };

/* D_...: operations of a delta; D_END applies them, `len` says whether it sanitizes. */
struct edit {
    enum what what;
    uint64_t pos, len;
    const char *text, *attributes; /* of an embed, and attributes: JSON */
};

struct given {
    struct ybuf buf;
    struct y_slice slice, *p;
};

static void give(struct given *g, const char *json)
{
    *g = (struct given){.p = NULL};
    if (!json)
        return;
    size_t armed = until_failure;
    until_failure = 0;
    CHECK_EQ(y_any_from_json(json, strlen(json), &g->buf), Y_OK);
    until_failure = armed;
    g->slice = (struct y_slice){g->buf.data, g->buf.len};
    g->p = &g->slice;
}

static int run_edit(struct y_type *t, const struct edit *e)
{
    struct given a, v;
    int error = Y_ERR_TYPE;
    give(&a, e->attributes);
    give(&v, e->what == EMBED ? e->text : NULL);
    if (e->what == INSERT)
        error = y_text_insert(t, e->pos, e->text, strlen(e->text), a.p);
    else if (e->what == FORMAT)
        error = y_text_format(t, e->pos, e->len, a.p);
    else if (e->what == DELETE)
        error = y_text_delete(t, e->pos, e->len);
    else if (e->what == EMBED)
        error = y_text_insert_embed(t, e->pos,
                                    &(struct y_value){.kind = Y_VALUE_ANY, .bytes = v.slice}, a.p);
    ybuf_release(&a.buf);
    ybuf_release(&v.buf);
    return error;
}

#define MOST 8
/* The delta whose operations begin at `e`; *next is behind its D_END. */
static int run_delta(struct y_type *t, const struct edit *e, const struct edit **next)
{
    struct y_delta_op ops[MOST] = {{.len = 0}};
    struct y_value values[MOST] = {{.kind = Y_VALUE_NONE}};
    struct given attrs[MOST], embeds[MOST];
    size_t n = 0;
    for (; e->what != D_END; e++, n++) {
        give(&attrs[n], e->attributes);
        give(&embeds[n], e->what == D_EMBED ? e->text : NULL);
        values[n] = (struct y_value){.kind = Y_VALUE_ANY, .bytes = embeds[n].slice};
        if (e->what == D_INSERT)
            values[n] = (struct y_value){.kind = Y_VALUE_STRING,
                                         .bytes = {(const uint8_t *)e->text, strlen(e->text)}};
        ops[n] = (struct y_delta_op){.kind = e->what == D_RETAIN   ? Y_DELTA_RETAIN
                                             : e->what == D_DELETE ? Y_DELTA_DELETE
                                                                   : Y_DELTA_INSERT,
                                     .len = e->len,
                                     .values = &values[n],
                                     .count = 1,
                                     .attributes = attrs[n].slice};
    }
    int error = y_text_apply_delta(t, ops, n, e->len != 0);
    for (size_t i = 0; i < n; i++) {
        ybuf_release(&attrs[i].buf);
        ybuf_release(&embeds[i].buf);
    }
    *next = e + 1;
    return error;
}

static void run_edits(struct y_type *t, const struct edit *e)
{
    while (e->what) {
        if (e->what < D_INSERT)
            CHECK_EQ(run_edit(t, e++), Y_OK);
        else
            CHECK_EQ(run_delta(t, e, &e), Y_OK);
    }
}

/* --- deltas as JSON --------------------------------------------------------------------------- */

static void add(struct ybuf *out, const char *s)
{
    CHECK_EQ(ybuf_append(out, s, strlen(s)), Y_OK);
}

static void add_value(struct ybuf *out, const struct y_value *v)
{
    struct ybuf any = {0};
    if (v->kind == Y_VALUE_STRING) {
        CHECK_EQ(ybuf_append(&any, "\x77", 1), Y_OK);
        CHECK_EQ(y_write_bytes(&any, v->bytes.p, v->bytes.n), Y_OK);
        CHECK_EQ(y_any_to_json(any.data, any.len, out), Y_OK);
    } else if (v->kind == Y_VALUE_ANY) {
        CHECK_EQ(y_any_to_json(v->bytes.p, v->bytes.n, out), Y_OK);
    } else {
        add(out, "null");
    }
    ybuf_release(&any);
}

/* As JSON.stringify would have it. */
static char *delta_json(const struct y_delta_op *ops, size_t n)
{
    static const char *const names[] = {"retain", "insert", "delete"};
    static char text[4096];
    struct ybuf out = {0};
    add(&out, "[");
    for (size_t i = 0; i < n; i++) {
        char number[32];
        add(&out, i ? ",{\"" : "{\"");
        add(&out, names[ops[i].kind]);
        add(&out, "\":");
        snprintf(number, sizeof(number), "%llu", (unsigned long long)ops[i].len);
        if (ops[i].kind == Y_DELTA_INSERT)
            add_value(&out, ops[i].values);
        else
            add(&out, number);
        if (ops[i].attributes.n) {
            add(&out, ",\"attributes\":");
            CHECK_EQ(y_any_to_json(ops[i].attributes.p, ops[i].attributes.n, &out), Y_OK);
        }
        add(&out, "}");
    }
    add(&out, "]");
    CHECK(out.len < sizeof(text));
    memcpy(text, out.data, out.len);
    text[out.len] = 0;
    ybuf_release(&out);
    return text;
}

static char *delta_of(const struct y_type *t, const struct y_slice *then, const struct y_slice *old)
{
    struct y_delta_op *ops;
    size_t n;
    CHECK_EQ(y_text_delta(t, then, old, &ops, &n), Y_OK);
    char *json = delta_json(ops, n);
    y_delta_free(ops, n);
    return json;
}

static struct y_type *text_in(struct ydoc *doc)
{
    struct y_type *t;
    CHECK_EQ(ydoc_root(doc, "t", Y_REF_TEXT, &t), Y_OK);
    return t;
}

static void check_state(const struct ydoc *doc, const void *want, size_t len)
{
    struct ybuf out = {0};
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &out), Y_OK);
    CHECK_STR(ydoc_check(doc) ? ydoc_check(doc) : "", "");
    CHECK_MEM(out.data, out.len, want, len);
    ybuf_release(&out);
}

/* --- the same as yjs -------------------------------------------------------------------------- */

/* const doc = new Y.Doc(); doc.clientID = 1; const t = doc.getText('t'); then the JavaScript above each;
 * JSON.stringify(t.toDelta()), Y.encodeStateAsUpdate(doc) */
static const struct vector {
    const char *name;
    struct edit edits[12];
    const char *delta, *state;
    size_t len;
} vectors[] = {
    {"bold",
     /* t.insert(0, 'abcdef'); t.format(1, 3, { b: true }) */
     {{INSERT, 0, 0, "abcdef", NULL}, {FORMAT, 1, 3, NULL, "{\"b\":true}"}},
     "[{\"insert\":\"a\"},{\"insert\":\"bcd\",\"attributes\":{\"b\":true}},{\"insert\":\"ef\"}]",
     "\x01\x05\x01\x00\x04\x01\x01\x74\x01\x61\x84\x01\x00\x03\x62\x63\x64\x84\x01\x03"
     "\x02\x65\x66\xc6\x01\x00\x01\x01\x01\x62\x04\x74\x72\x75\x65\xc6\x01\x03\x01\x04"
     "\x01\x62\x04\x6e\x75\x6c\x6c\x00",
     48},
    {"inside",
     /* t.insert(0, 'abcd', { b: true }); t.insert(2, 'X'); t.insert(4, 'Y', {}); t.insert(6, 'end'); t.insert(0, 'start') */
     {{INSERT, 0, 0, "abcd", "{\"b\":true}"},
      {INSERT, 2, 0, "X", NULL},
      {INSERT, 4, 0, "Y", "{}"},
      {INSERT, 6, 0, "end", NULL},
      {INSERT, 0, 0, "start", NULL}},
     "[{\"insert\":\"start\"},{\"insert\":\"abXc\",\"attributes\":{\"b\":true}},{\"insert\":\"Y\"},"
     "{\"insert\":\"dend\",\"attributes\":{\"b\":true}}]",
     "\x01\x0b\x01\x00\x06\x01\x01\x74\x01\x62\x04\x74\x72\x75\x65\x84\x01\x00\x02\x61"
     "\x62\x84\x01\x02\x01\x63\x84\x01\x03\x01\x64\x86\x01\x04\x01\x62\x04\x6e\x75\x6c"
     "\x6c\xc4\x01\x02\x01\x03\x01\x58\xc6\x01\x03\x01\x04\x01\x62\x04\x6e\x75\x6c\x6c"
     "\xc4\x01\x07\x01\x04\x01\x59\xc6\x01\x08\x01\x04\x01\x62\x04\x74\x72\x75\x65\xc4"
     "\x01\x04\x01\x05\x03\x65\x6e\x64\x44\x01\x00\x05\x73\x74\x61\x72\x74\x00",
     98},
    {"link",
     /* t.insert(0, 'abc', { link: { href: 'x', n: { deep: 1 } } }); t.insert(1, 'Z', { link: null }); t.delete(1, 1) */
     {{INSERT, 0, 0, "abc", "{\"link\":{\"href\":\"x\",\"n\":{\"deep\":1}}}"},
      {INSERT, 1, 0, "Z", "{\"link\":null}"},
      {DELETE, 1, 1, NULL, NULL}},
     "[{\"insert\":\"abc\",\"attributes\":{\"link\":{\"href\":\"x\",\"n\":{\"deep\":1}}}}]",
     "\x01\x05\x01\x00\x06\x01\x01\x74\x04\x6c\x69\x6e\x6b\x1b\x7b\x22\x68\x72\x65\x66"
     "\x22\x3a\x22\x78\x22\x2c\x22\x6e\x22\x3a\x7b\x22\x64\x65\x65\x70\x22\x3a\x31\x7d"
     "\x7d\x84\x01\x00\x01\x61\x84\x01\x01\x02\x62\x63\x86\x01\x03\x04\x6c\x69\x6e\x6b"
     "\x04\x6e\x75\x6c\x6c\xc1\x01\x01\x01\x02\x03\x01\x01\x01\x05\x03",
     76},
    {"gap",
     /* t.insert(0, 'abc'); t.insert(3, 'def', { b: true }); t.insert(6, 'ghi', { b: 'red', i: true }); t.insert(9, 'jkl'); t.delete(2, 8) */
     {{INSERT, 0, 0, "abc", NULL},
      {INSERT, 3, 0, "def", "{\"b\":true}"},
      {INSERT, 6, 0, "ghi", "{\"b\":\"red\",\"i\":true}"},
      {INSERT, 9, 0, "jkl", NULL},
      {DELETE, 2, 8, NULL, NULL}},
     "[{\"insert\":\"ab\"},{\"insert\":\"kl\",\"attributes\":{\"b\":\"red\",\"i\":true}}]",
     "\x01\x0a\x01\x00\x04\x01\x01\x74\x02\x61\x62\x81\x01\x01\x05\x86\x01\x06\x01\x62"
     "\x04\x6e\x75\x6c\x6c\xc6\x01\x06\x01\x07\x01\x62\x05\x22\x72\x65\x64\x22\xc6\x01"
     "\x08\x01\x07\x01\x69\x04\x74\x72\x75\x65\xc1\x01\x09\x01\x07\x03\xc6\x01\x0c\x01"
     "\x07\x01\x62\x04\x74\x72\x75\x65\xc6\x01\x0d\x01\x07\x01\x69\x04\x6e\x75\x6c\x6c"
     "\xc1\x01\x0c\x01\x0d\x01\xc4\x01\x0f\x01\x0d\x02\x6b\x6c\x01\x01\x03\x02\x05\x0a"
     "\x03\x0f\x01",
     103},
    {"beyond",
     /* t.insert(0, 'ab'); t.format(1, 4, { h: 1 }) */
     {{INSERT, 0, 0, "ab", NULL}, {FORMAT, 1, 4, NULL, "{\"h\":1}"}},
     "[{\"insert\":\"a\"},{\"insert\":\"b\\n\\n\\n\",\"attributes\":{\"h\":1}}]",
     "\x01\x05\x01\x00\x04\x01\x01\x74\x01\x61\x84\x01\x00\x01\x62\xc6\x01\x00\x01\x01"
     "\x01\x68\x01\x31\x84\x01\x01\x03\x0a\x0a\x0a\x86\x01\x05\x01\x68\x04\x6e\x75\x6c"
     "\x6c\x00",
     42},
    {"order",
     /* t.insert(0, 'ab', { 10: true, b: 1.5, 2: { 1: 1 } }); t.insert(1, 'c', { z: false }) */
     {{INSERT, 0, 0, "ab", "{\"10\":true,\"b\":1.5,\"2\":{\"1\":1}}"},
      {INSERT, 1, 0, "c", "{\"z\":false}"}},
     "[{\"insert\":\"a\",\"attributes\":{\"2\":{\"1\":1},\"10\":true,\"b\":1.5}},{\"insert\":\"c\","
     "\"attributes\":{\"z\":false}},{\"insert\":\"b\",\"attributes\":{\"2\":{\"1\":1},\"10\":true,"
     "\"b\":1.5}}]",
     "\x01\x11\x01\x00\x06\x01\x01\x74\x01\x32\x07\x7b\x22\x31\x22\x3a\x31\x7d\x86\x01"
     "\x00\x02\x31\x30\x04\x74\x72\x75\x65\x86\x01\x01\x01\x62\x03\x31\x2e\x35\x84\x01"
     "\x02\x01\x61\x84\x01\x03\x01\x62\x86\x01\x04\x01\x32\x04\x6e\x75\x6c\x6c\x86\x01"
     "\x05\x02\x31\x30\x04\x6e\x75\x6c\x6c\x86\x01\x06\x01\x62\x04\x6e\x75\x6c\x6c\xc6"
     "\x01\x03\x01\x04\x01\x32\x04\x6e\x75\x6c\x6c\xc6\x01\x08\x01\x04\x02\x31\x30\x04"
     "\x6e\x75\x6c\x6c\xc6\x01\x09\x01\x04\x01\x7a\x05\x66\x61\x6c\x73\x65\xc6\x01\x0a"
     "\x01\x04\x01\x62\x04\x6e\x75\x6c\x6c\xc4\x01\x0b\x01\x04\x01\x63\xc6\x01\x0c\x01"
     "\x04\x01\x32\x07\x7b\x22\x31\x22\x3a\x31\x7d\xc6\x01\x0d\x01\x04\x02\x31\x30\x04"
     "\x74\x72\x75\x65\xc6\x01\x0e\x01\x04\x01\x7a\x04\x6e\x75\x6c\x6c\xc6\x01\x0f\x01"
     "\x04\x01\x62\x03\x31\x2e\x35\x00",
     188},
    {"embed",
     /* t.insert(0, 'ab', { b: true }); t.insertEmbed(1, { image: 'x.png' }); t.insertEmbed(1, { image: 'y.png' }, { b: true, w: 5 }) */
     {{INSERT, 0, 0, "ab", "{\"b\":true}"},
      {EMBED, 1, 0, "{\"image\":\"x.png\"}", NULL},
      {EMBED, 1, 0, "{\"image\":\"y.png\"}", "{\"b\":true,\"w\":5}"}},
     "[{\"insert\":\"a\",\"attributes\":{\"b\":true}},{\"insert\":{\"image\":\"y.png\"},"
     "\"attributes\":{\"b\":true,\"w\":5}},{\"insert\":{\"image\":\"x.png\"}},{\"insert\":\"b\","
     "\"attributes\":{\"b\":true}}]",
     "\x01\x0a\x01\x00\x06\x01\x01\x74\x01\x62\x04\x74\x72\x75\x65\x84\x01\x00\x01\x61"
     "\x84\x01\x01\x01\x62\x86\x01\x02\x01\x62\x04\x6e\x75\x6c\x6c\xc6\x01\x01\x01\x02"
     "\x01\x62\x04\x6e\x75\x6c\x6c\xc5\x01\x04\x01\x02\x11\x7b\x22\x69\x6d\x61\x67\x65"
     "\x22\x3a\x22\x78\x2e\x70\x6e\x67\x22\x7d\xc6\x01\x05\x01\x02\x01\x62\x04\x74\x72"
     "\x75\x65\xc6\x01\x01\x01\x04\x01\x77\x01\x35\xc5\x01\x07\x01\x04\x11\x7b\x22\x69"
     "\x6d\x61\x67\x65\x22\x3a\x22\x79\x2e\x70\x6e\x67\x22\x7d\xc6\x01\x08\x01\x04\x01"
     "\x77\x04\x6e\x75\x6c\x6c\x00",
     127},
    {"delta",
     /* t.applyDelta([{ insert: 'Gandalf', attributes: { b: true } }, { insert: ' the Grey\n' }], { sanitize: false }); t.applyDelta([{ retain: 3 }, { delete: 2 }, { insert: { br: 1 }, attributes: { i: true } }, { retain: 4, attributes: { b: null, i: 'x' } }]) */
     {{D_INSERT, 0, 0, "Gandalf", "{\"b\":true}"},
      {D_INSERT, 0, 0, " the Grey\n", NULL},
      {D_END, 0, 0, NULL, NULL},
      {D_RETAIN, 0, 3, NULL, NULL},
      {D_DELETE, 0, 2, NULL, NULL},
      {D_EMBED, 0, 0, "{\"br\":1}", "{\"i\":true}"},
      {D_RETAIN, 0, 4, NULL, "{\"b\":null,\"i\":\"x\"}"},
      {D_END, 0, 1, NULL, NULL}},
     "[{\"insert\":\"Gan\",\"attributes\":{\"b\":true}},{\"insert\":{\"br\":1},\"attributes\":{"
     "\"i\":true}},{\"insert\":\"lf t\",\"attributes\":{\"i\":\"x\"}},{\"insert\":\"he Grey\"}]",
     "\x01\x0f\x01\x00\x06\x01\x01\x74\x01\x62\x04\x74\x72\x75\x65\x84\x01\x00\x03\x47"
     "\x61\x6e\x81\x01\x03\x02\x84\x01\x05\x02\x6c\x66\x81\x01\x07\x01\x84\x01\x08\x02"
     "\x20\x74\x84\x01\x0a\x07\x68\x65\x20\x47\x72\x65\x79\xc6\x01\x05\x01\x06\x01\x69"
     "\x04\x74\x72\x75\x65\xc6\x01\x12\x01\x06\x01\x62\x04\x6e\x75\x6c\x6c\xc5\x01\x13"
     "\x01\x06\x08\x7b\x22\x62\x72\x22\x3a\x31\x7d\xc6\x01\x14\x01\x06\x01\x69\x04\x6e"
     "\x75\x6c\x6c\xc6\x01\x15\x01\x06\x01\x62\x04\x74\x72\x75\x65\xc6\x01\x16\x01\x06"
     "\x01\x62\x04\x6e\x75\x6c\x6c\xc6\x01\x17\x01\x06\x01\x69\x03\x22\x78\x22\xc6\x01"
     "\x0a\x01\x0b\x01\x69\x04\x6e\x75\x6c\x6c\x01\x01\x02\x04\x02\x08\x01",
     157},
};

TEST(formatted_text_has_the_bytes_of_yjs)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *v = &vectors[i];
        struct ydoc *doc = ydoc_new(NULL);
        struct y_type *t = text_in(doc);
        run_edits(t, v->edits);
        CHECK_STR(delta_of(t, NULL, NULL), v->delta);
        check_state(doc, v->state, v->len);
        ydoc_free(doc);
    }
}

/* An object that was loaded is another one than the one next to it, whatever is in it; in the text where
 * it was put twice it is the same. const t2 = of a document that loaded the state before the deletion:
 * t2.delete(1, 1) leaves the formats there. */
TEST(formats_with_objects_stay_where_they_were_loaded)
{
    struct ybuf update = {0};
    struct ydoc *doc = ydoc_new(NULL), *other = ydoc_new(&(struct ydoc_opts){.client_id = 2});
    struct y_type *t = text_in(doc), *loaded = text_in(other);
    CHECK_STR(vectors[2].name, "link");
    for (int i = 0; i < 2; i++)
        CHECK_EQ(run_edit(t, &vectors[2].edits[i]), Y_OK);
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &update), Y_OK);
    CHECK_EQ(ydoc_apply(other, update.data, update.len, NULL), Y_OK);
    CHECK_EQ(y_text_delete(t, 1, 1), Y_OK);
    CHECK_EQ(y_text_delete(loaded, 1, 1), Y_OK);
    size_t formats[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        const struct ydoc *d = i ? other : doc;
        for (y_handle h = d->seqs[(i ? loaded : t)->list].first; h; h = y_item(d, h)->right)
            formats[i] += y_is_format(y_item(d, h));
    }
    CHECK_EQ(formats[0], 2);
    CHECK_EQ(formats[1], 3);
    ybuf_release(&update);
    ydoc_free(doc);
    ydoc_free(other);
}

/* const [p, q] = peers with clientID 1, 2 and text t: p: t.insert(0, 'x'); t.insert(0, 'abc'); q loads it;
 * both: t.format(0, 3, {b: true}); then q applies what p did. */
TEST(formats_that_came_twice_are_cleaned_up_at_the_beginning)
{
    static const char state[] =
        "\x02\x02\x02\x00\x46\x01\x01\x01\x62\x04\x74\x72\x75\x65\xc6\x01\x03\x01\x00\x01\x62\x04"
        "\x6e\x75\x6c\x6c\x02\x01\x00\x04\x01\x01\x74\x01\x78\x44\x01\x00\x03\x61\x62\x63\x00";
    static const char update[] = "\x01\x02\x01\x04\x46\x01\x01\x01\x62\x04\x74\x72\x75\x65\xc6\x01"
                                 "\x03\x01\x00\x01\x62\x04\x6e\x75\x6c\x6c\x00";
    static const char after[] =
        "\x02\x02\x02\x00\x46\x01\x01\x01\x62\x04\x74\x72\x75\x65\xc6\x01\x03\x01\x00\x01\x62\x04"
        "\x6e\x75\x6c\x6c\x04\x01\x00\x04\x01\x01\x74\x01\x78\x44\x01\x00\x03\x61\x62\x63\x41\x01"
        "\x01\x01\xc6\x01\x03\x01\x00\x01\x62\x04\x6e\x75\x6c\x6c\x01\x01\x01\x04\x01";
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.client_id = 2});
    struct y_type *t = text_in(doc);
    CHECK_EQ(ydoc_apply(doc, state, sizeof(state) - 1, NULL), Y_OK);
    CHECK_EQ(ydoc_apply(doc, update, sizeof(update) - 1, NULL), Y_OK);
    check_state(doc, after, sizeof(after) - 1);
    CHECK_STR(delta_of(t, NULL, NULL),
              "[{\"insert\":\"abc\",\"attributes\":{\"b\":true}},{\"insert\":\"x\"}]");
    ydoc_free(doc);
}

/* Somebody deletes 'cd' between bold 'ab' and bold 'ef', and not the formats:
 * p.transact(tr => { for (let n = t._start; n; n = n.right) if (n.content.str === 'cd') n.delete(tr) }) */
TEST(formats_around_deleted_text_are_cleaned_up)
{
    static const char state[] =
        "\x01\x07\x01\x00\x04\x01\x01\x74\x02\x61\x62\x84\x01\x01\x02\x63\x64\x84\x01\x03\x02\x65"
        "\x66\x46\x01\x00\x01\x62\x04\x74\x72\x75\x65\xc6\x01\x01\x01\x02\x01\x62\x04\x6e\x75\x6c"
        "\x6c\xc6\x01\x03\x01\x04\x01\x62\x04\x74\x72\x75\x65\x86\x01\x05\x01\x62\x04\x6e\x75\x6c"
        "\x6c\x00";
    static const char after[] =
        "\x01\x07\x01\x00\x04\x01\x01\x74\x02\x61\x62\x81\x01\x01\x02\x84\x01\x03\x02\x65\x66\x46"
        "\x01\x00\x01\x62\x04\x74\x72\x75\x65\xc1\x01\x01\x01\x02\x01\xc6\x01\x03\x01\x04\x01\x62"
        "\x04\x74\x72\x75\x65\x86\x01\x05\x01\x62\x04\x6e\x75\x6c\x6c\x01\x01\x02\x02\x02\x07\x01";
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.client_id = 2});
    text_in(doc);
    CHECK_EQ(ydoc_apply(doc, state, sizeof(state) - 1, NULL), Y_OK);
    CHECK_EQ(ydoc_apply(doc, "\x00\x01\x01\x01\x02\x02", 6, NULL), Y_OK);
    check_state(doc, after, sizeof(after) - 1);
    ydoc_free(doc);
}

static void keep_delta(const struct y_event *e, void *udata)
{
    struct y_event copy = *e;
    CHECK_EQ(y_text_event_delta(&copy), Y_OK);
    strcpy(udata, delta_json(copy.ops, copy.op_count));
    y_delta_free(copy.ops, copy.op_count);
}

/* t.insert(0, 'abcdef', {b: true}); t.observe(e => console.log(JSON.stringify(e.delta)));
 * doc.transact(() => { t.format(1, 2, {b: null, i: 'x'}); t.delete(4, 1); t.insert(4, 'XY');
 *                      t.insertEmbed(0, {p: 1}) }) */
TEST(a_text_event_tells_what_changed)
{
    static const struct edit before[] = {{INSERT, 0, 0, "abcdef", "{\"b\":true}"}, {.what = STOP}};
    static const struct edit edits[] = {{FORMAT, 1, 2, NULL, "{\"b\":null,\"i\":\"x\"}"},
                                        {DELETE, 4, 1, NULL, NULL},
                                        {INSERT, 4, 0, "XY", NULL},
                                        {EMBED, 0, 0, "{\"p\":1}", NULL},
                                        {.what = STOP}};
    char got[4096] = "";
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *t = text_in(doc);
    run_edits(t, before);
    CHECK(y_observe(t, keep_delta, got));
    CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
    run_edits(t, edits);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK_STR(got,
              "[{\"insert\":{\"p\":1}},{\"retain\":1},{\"retain\":2,\"attributes\":{\"b\":null,"
              "\"i\":\"x\"}},{\"retain\":1},{\"delete\":1},{\"insert\":\"XY\",\"attributes\":"
              "{\"b\":true}}]");
    ydoc_free(doc);
}

/* new Y.Doc({gc: false}); t.insert(0, 'abcd'); a = Y.snapshot(doc); t.delete(1, 2);
 * t.insert(2, 'new', {b: true}); b = Y.snapshot(doc); t.insert(0, 'later ') */
TEST(a_text_is_shown_as_it_was)
{
    static const struct edit edits[] = {{INSERT, 0, 0, "abcd", NULL},
                                        {DELETE, 1, 2, NULL, NULL},
                                        {INSERT, 2, 0, "new", "{\"b\":true}"},
                                        {INSERT, 0, 0, "later ", NULL},
                                        {.what = STOP}};
    struct y_slice a = {(const uint8_t *)"\x00\x01\x01\x04", 4};
    struct y_slice b = {(const uint8_t *)"\x01\x01\x01\x01\x02\x01\x01\x09", 8};
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.keep_deleted = true});
    struct y_type *t = text_in(doc);
    struct ybuf before = {0};
    run_edits(t, edits);
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &before), Y_OK);
    CHECK_STR(delta_of(t, &a, NULL), "[{\"insert\":\"abcd\"}]");
    CHECK_STR(delta_of(t, &b, &a),
              "[{\"insert\":\"a\"},{\"insert\":\"bc\",\"attributes\":{\"ychange\":{\"type\":"
              "\"removed\"}}},{\"insert\":\"d\"},{\"insert\":\"new\",\"attributes\":{\"b\":true,"
              "\"ychange\":{\"type\":\"added\"}}}]");
    CHECK_STR(delta_of(t, NULL, &b),
              "[{\"insert\":\"later \",\"attributes\":{\"ychange\":{\"type\":\"added\"}}},"
              "{\"insert\":\"ad\"},{\"insert\":\"new\",\"attributes\":{\"b\":true}}]");
    check_state(doc, before.data, before.len);
    for (size_t n = 0; n < b.n; n++) {
        struct y_slice cut = {b.p, n};
        struct y_delta_op *ops;
        size_t count;
        CHECK_EQ(y_text_delta(t, &cut, NULL, &ops, &count), Y_ERR_MALFORMED);
    }
    ybuf_release(&before);
    ydoc_free(doc);
}

TEST(a_snapshot_is_read_sorted_and_joined)
{
    /* client 9: [5, 2), [1, 4); client 3: none; client 9 again: [20, 1); states 9: 30, 2: 7 */
    static const uint8_t bytes[] = {3, 9, 2, 5, 2, 1, 4, 3, 0, 9, 1, 20, 1, 2, 9, 30, 2, 7};
    struct y_snapshot s;
    CHECK_EQ(y_snapshot_read((struct y_slice){bytes, sizeof(bytes)}, &s), Y_OK);
    CHECK_EQ(s.count, 3);
    const struct y_snapshot_client *c = y_snapshot_client_of(&s, 9);
    CHECK(c && c->known && c->clock == 30 && c->deleted.count == 2);
    CHECK(c->deleted.list[0].clock == 1 && c->deleted.list[0].len == 6);
    CHECK(y_snapshot_client_of(&s, 2)->known && !y_snapshot_client_of(&s, 3)->known);
    CHECK(!y_snapshot_client_of(&s, 4));
    struct y_item it = {.clock = 6};
    CHECK(!y_snapshot_shows(c, &it));
    it.clock = 7;
    CHECK(y_snapshot_shows(c, &it));
    it.clock = 30;
    CHECK(!y_snapshot_shows(c, &it));
    y_snapshot_release(&s);
    CHECK_EQ(y_snapshot_read((struct y_slice){(const uint8_t *)"\x00\x00\x00", 3}, &s),
             Y_ERR_MALFORMED);
    CHECK_EQ(
        y_snapshot_read(
            (struct y_slice){(const uint8_t *)"\x01\x01\x01\xff\xff\xff\xff\x0f\x01\x00", 10}, &s),
        Y_ERR_RANGE);
}

/* --- the interface ---------------------------------------------------------------------------- */

TEST(positions_in_bytes_are_whole_characters)
{
    static const struct edit edits[] = {{INSERT, 0, 0, "a\xf0\x9f\x98\x80\xc3\xa9z", NULL},
                                        {FORMAT, 1, 4, NULL, "{\"b\":true}"},
                                        {.what = STOP}};
    struct given bold;
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.utf8_offsets = true});
    struct y_type *t = text_in(doc);
    give(&bold, "{\"b\":true}");
    run_edits(t, edits);
    CHECK_STR(delta_of(t, NULL, NULL), "[{\"insert\":\"a\"},{\"insert\":\"\xf0\x9f\x98\x80\","
                                       "\"attributes\":{\"b\":true}},{\"insert\":\"\xc3\xa9z\"}]");
    CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
    CHECK_EQ(y_text_insert(t, 3, "x", 1, NULL), Y_ERR_RANGE);
    CHECK_EQ(y_text_insert(t, 3, "x", 1, bold.p), Y_ERR_RANGE);
    CHECK_EQ(y_text_delete(t, 1, 2), Y_ERR_RANGE);
    CHECK_EQ(y_text_format(t, 6, 2, bold.p), Y_ERR_RANGE);
    CHECK_EQ(y_text_format(t, 5, 1, bold.p), Y_ERR_RANGE);
    struct y_delta_op cut = {.kind = Y_DELTA_DELETE, .len = 2};
    CHECK_EQ(y_text_apply_delta(t, &cut, 1, true), Y_ERR_RANGE);
    CHECK_EQ(y_text_delete(t, 1, 4), Y_OK);
    CHECK_EQ(ydoc_commit(doc), Y_OK); /* none of it spoiled the transaction */
    CHECK_STR(delta_of(t, NULL, NULL), "[{\"insert\":\"a\xc3\xa9z\"}]");
    ybuf_release(&bold.buf);
    ydoc_free(doc);
}

TEST(bad_attributes_and_embeds_change_nothing)
{
    struct y_slice array = {(const uint8_t *)"\x75\x00", 2}, cut = {(const uint8_t *)"\x76\x01", 2};
    struct y_slice more = {(const uint8_t *)"\x76\x00\x7e", 3};
    struct y_value null = {.kind = Y_VALUE_ANY, .bytes = {(const uint8_t *)"\x7e", 1}};
    struct y_value bad = {.kind = Y_VALUE_ANY, .bytes = {(const uint8_t *)"\x7d", 1}};
    struct y_value bytes = {.kind = Y_VALUE_BINARY, .bytes = {(const uint8_t *)"x", 1}};
    struct y_type *map, *made;
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *t = text_in(doc);
    CHECK_EQ(ydoc_root(doc, "m", Y_REF_MAP, &map), Y_OK);
    CHECK_EQ(y_text_insert(t, 0, "abc", 3, NULL), Y_OK);
    CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
    CHECK_EQ(y_text_insert(t, 0, "x", 1, &array), Y_ERR_MALFORMED);
    CHECK_EQ(y_text_insert(t, 0, "x", 1, &cut), Y_ERR_MALFORMED);
    CHECK_EQ(y_text_format(t, 0, 1, &more), Y_ERR_MALFORMED);
    CHECK_EQ(y_text_format(t, 0, 1, NULL), Y_ERR_MALFORMED);
    CHECK_EQ(y_text_format(t, 4, 1, &array), Y_ERR_MALFORMED);
    CHECK_EQ(y_text_format(map, 0, 1, &array), Y_ERR_TYPE);
    CHECK_EQ(y_text_insert_embed(t, 0, &null, NULL), Y_ERR_TYPE);
    CHECK_EQ(y_text_insert_embed(t, 0, &bad, NULL), Y_ERR_MALFORMED);
    CHECK_EQ(y_text_insert_embed(t, 0, &bytes, NULL), Y_ERR_TYPE);
    CHECK_EQ(y_text_insert_embed(t, 9, &null, NULL), Y_ERR_RANGE);
    CHECK_EQ(y_text_insert_embed_type(t, 0, Y_REF_MAP, "name", NULL, &made), Y_ERR_TYPE);
    CHECK_EQ(y_text_insert_embed_type(t, 0, Y_REF_XML_HOOK, NULL, NULL, &made), Y_ERR_TYPE);
    struct y_delta_op op = {.kind = Y_DELTA_INSERT, .values = &null, .count = 1};
    CHECK_EQ(y_text_apply_delta(t, &op, 1, true), Y_ERR_TYPE);
    op = (struct y_delta_op){.kind = Y_DELTA_RETAIN, .len = UINT64_MAX};
    CHECK_EQ(y_text_apply_delta(t, &op, 1, true), Y_ERR_RANGE);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK_STR(delta_of(t, NULL, NULL), "[{\"insert\":\"abc\"}]");
    ydoc_free(doc);
}

TEST(an_embedded_type_is_a_value_of_the_text)
{
    struct y_type *made = NULL;
    struct y_delta_op *ops;
    size_t n;
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *t = text_in(doc);
    CHECK_EQ(y_text_insert(t, 0, "ab", 2, NULL), Y_OK);
    CHECK_EQ(y_text_insert_embed_type(t, 1, Y_REF_MAP, NULL, NULL, &made), Y_OK);
    CHECK(made && y_type_parent(made) == t);
    CHECK_EQ(y_text_delta(t, NULL, NULL, &ops, &n), Y_OK);
    CHECK_EQ(n, 3);
    CHECK_EQ(ops[1].values[0].kind, Y_VALUE_TYPE);
    CHECK(ops[1].values[0].type == made);
    y_delta_free(ops, n);
    struct ybuf s = {0};
    CHECK_EQ(y_text_string(t, &s), Y_OK);
    CHECK_MEM(s.data, s.len, "ab", 2);
    ybuf_release(&s);
    ydoc_free(doc);
}

/* --- values ----------------------------------------------------------------------------------- */

static int equal_json(const struct ydoc *doc, const char *a, const char *b)
{
    struct given x, y;
    give(&x, a);
    give(&y, b);
    int equal = y_val_equal(doc, (struct y_val){0, x.slice}, (struct y_val){0, y.slice});
    CHECK_EQ(y_val_equal(doc, (struct y_val){0, y.slice}, (struct y_val){0, x.slice}), equal);
    ybuf_release(&x.buf);
    ybuf_release(&y.buf);
    return equal;
}

/* yjs equalAttrs(JSON.parse(a), JSON.parse(b)) */
TEST(attribute_values_are_compared_one_level_deep)
{
    struct ydoc *doc = ydoc_new(NULL);
    CHECK_EQ(equal_json(doc, "1", "1.0"), 1);
    CHECK_EQ(equal_json(doc, "0", "-0"), 1);
    CHECK_EQ(equal_json(doc, "4294967296", "4294967296"), 1);
    CHECK_EQ(equal_json(doc, "-70", "-71"), 0);
    CHECK_EQ(equal_json(doc, "1", "\"1\""), 0);
    CHECK_EQ(equal_json(doc, "true", "1"), 0);
    CHECK_EQ(equal_json(doc, "null", "{}"), 0);
    CHECK_EQ(equal_json(doc, "[]", "{}"), 1);
    CHECK_EQ(equal_json(doc, "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}"), 1);
    CHECK_EQ(equal_json(doc, "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"c\":1}"), 0);
    CHECK_EQ(equal_json(doc, "{\"a\":1}", "{\"a\":1,\"b\":1}"), 0);
    CHECK_EQ(equal_json(doc, "[1,2]", "{\"0\":1,\"1\":2}"), 1);
    CHECK_EQ(equal_json(doc, "[1,2]", "[2,1]"), 0);
    CHECK_EQ(equal_json(doc, "{\"a\":{}}", "{\"a\":{}}"), 0);
    CHECK_EQ(
        equal_json(doc, "[1,2,3,4,5,6,7,8,9,10,11]",
                   "{\"10\":11,\"0\":1,\"1\":2,\"2\":3,\"3\":4,\"4\":5,\"5\":6,\"6\":7,\"7\":8,"
                   "\"8\":9,\"9\":10}"),
        1);
    struct y_val bytes = {0, {(const uint8_t *)"\x74\x02\x01\x80", 4}};
    struct given array;
    give(&array, "[1,128]");
    CHECK_EQ(y_val_equal(doc, bytes, (struct y_val){0, array.slice}), 1);
    ybuf_release(&array.buf);
    ydoc_free(doc);
}

/* A map of attributes against an array of all keys. */
TEST(attributes_are_a_map_in_order_of_coming)
{
    enum { KEYS = 300 };
    struct y_attrs a = {0};
    uint32_t at[KEYS + 1] = {0}, stamp = 0; /* when a key came; 0: not there */
    for (int step = 0; step < 20000; step++) {
        uint32_t range = step / 1000 % 2 ? KEYS : 12;
        uint32_t key = 1 + (uint32_t)test_below(range);
        if (test_below(step / 3000 % 2 ? 3 : 2)) {
            CHECK_EQ(y_attrs_set(&a, key, (struct y_val){.item = key}), Y_OK);
            at[key] = at[key] ? at[key] : ++stamp;
        } else {
            y_attrs_delete(&a, key);
            at[key] = 0;
        }
        key = 1 + (uint32_t)test_below(KEYS);
        CHECK_EQ(y_attrs_has(&a, key), at[key] != 0);
        CHECK_EQ(y_attrs_get(&a, key).item, at[key] ? key : 0);
        uint32_t last = 0, live = 0;
        for (uint32_t i = 0; i < a.count && step % 50 == 0; i++) {
            if (!a.list[i].key)
                continue;
            CHECK(at[a.list[i].key] > last);
            last = at[a.list[i].key];
            live++;
        }
        CHECK(step % 50 || live == a.live);
    }
    y_attrs_release(&a);
}

/* --- out of memory ---------------------------------------------------------------------------- */

static void *failing_realloc(void *p, size_t n)
{
    if (until_failure && --until_failure == 0)
        return NULL;
    void *q = realloc(p, n);
    blocks += !p && q;
    return q;
}

static void counting_free(void *p)
{
    blocks -= p != NULL;
    free(p);
}

static const struct edit script[] = {
    {INSERT, 0, 0, "hello world", NULL},
    {FORMAT, 2, 5, NULL, "{\"b\":true,\"10\":{\"x\":{}},\"2\":\"y\"}"},
    {INSERT, 4, 0, "typed", NULL},
    {INSERT, 6, 0, "plain", "{}"},
    {EMBED, 5, 0, "{\"image\":\"x.png\"}", "{\"b\":null,\"c\":1.5}"},
    {INSERT, 3, 0, "many",
     "{\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,\"k6\":6,\"k7\":7,\"k8\":8,"
     "\"k9\":9,\"k10\":10}"},
    {DELETE, 3, 12, NULL, NULL},
    {FORMAT, 0, 30, NULL, "{\"b\":\"red\"}"},
    {D_RETAIN, 0, 3, NULL, NULL},
    {D_INSERT, 0, 0, "delta", "{\"b\":true,\"i\":[1,2]}"},
    {D_DELETE, 0, 4, NULL, NULL},
    {D_EMBED, 0, 0, "{\"br\":1}", NULL},
    {D_RETAIN, 0, 6, NULL, "{\"i\":true}"},
    {D_END, 0, 1, NULL, NULL},
    {DELETE, 0, 20, NULL, NULL},
    {.what = STOP},
};

static int run_step(struct ydoc *doc, const struct edit *e, bool together, const struct edit **next)
{
    struct y_type *t = text_in(doc);
    int error = together ? ydoc_begin(doc, NULL) : Y_OK;
    if (error)
        return error;
    error = Y_OK;
    *next = e + 1;
    if (e->what < D_INSERT)
        error = run_edit(t, e);
    else
        error = run_delta(t, e, next);
    if (together) {
        int all = ydoc_commit(doc);
        CHECK(all == error || !all); /* what failed before it began spoils nothing */
    }
    return error;
}

/* The document before step `upto`. */
static struct ydoc *document_before(const struct edit *upto, bool keep_deleted)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.keep_deleted = keep_deleted});
    CHECK(doc);
    for (const struct edit *e = script; e != upto;)
        CHECK_EQ(run_step(doc, e, false, &e), Y_OK);
    return doc;
}

TEST(every_allocation_of_a_formatted_edit_fails_once)
{
    size_t at_first = blocks;
    y_set_allocator(failing_realloc, counting_free);
    for (int mode = 0; mode < 4; mode++) {
        for (const struct edit *e = script, *next; e->what; e = next) {
            struct ybuf after = {0}, before = {0}, got = {0};
            struct ydoc *doc = document_before(e, mode & 1);
            CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &before), Y_OK);
            CHECK_EQ(run_step(doc, e, mode & 2, &next), Y_OK);
            CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &after), Y_OK);
            ydoc_free(doc);
            for (size_t n = 1;; n++) {
                doc = document_before(e, mode & 1);
                text_in(doc);
                until_failure = n;
                int error = run_step(doc, e, mode & 2, &next);
                bool failed = until_failure == 0;
                until_failure = 0;
                CHECK(error == Y_OK || (failed && error == Y_ERR_NOMEM));
                CHECK_STR(ydoc_check(doc) ? ydoc_check(doc) : "", "");
                got.len = 0;
                CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &got), Y_OK);
                if (error) {
                    CHECK_MEM(got.data, got.len, before.data, before.len);
                    CHECK_EQ(run_step(doc, e, mode & 2, &next), Y_OK);
                    got.len = 0;
                    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &got), Y_OK);
                }
                /* Where merging failed the state is the same in more structs. */
                if (error || !failed)
                    CHECK_MEM(got.data, got.len, after.data, after.len);
                ydoc_free(doc);
                if (!failed)
                    break;
            }
            ybuf_release(&after);
            ybuf_release(&before);
            ybuf_release(&got);
        }
    }
    y_set_allocator(NULL, NULL);
    CHECK_EQ(blocks, at_first);
}

TEST(every_allocation_of_a_delta_fails_once)
{
    y_set_allocator(failing_realloc, counting_free);
    size_t at_first = blocks;
    struct y_slice then = {(const uint8_t *)"\x01\x01\x02\x01\x02\x09\x01\x01\x01\x20", 10};
    struct y_slice old = {(const uint8_t *)"\x00\x01\x01\x0a", 4};
    const struct edit *end = script;
    while (end->what)
        end++;
    struct ydoc *doc = document_before(end, true);
    struct y_type *t = text_in(doc);
    struct ybuf before = {0}, got = {0};
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &before), Y_OK);
    for (int mode = 0; mode < 3; mode++) {
        for (size_t n = 1;; n++) {
            struct y_delta_op *ops = NULL;
            size_t count;
            until_failure = n;
            int error = y_text_delta(t, mode ? &then : NULL, mode == 2 ? &old : NULL, &ops, &count);
            bool failed = until_failure == 0;
            until_failure = 0;
            CHECK(error == Y_OK || (failed && error == Y_ERR_NOMEM));
            if (!error)
                y_delta_free(ops, count);
            CHECK_STR(ydoc_check(doc) ? ydoc_check(doc) : "", "");
            if (!failed)
                break;
        }
        got.len = 0;
        CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &got), Y_OK);
        CHECK_MEM(got.data, got.len, before.data, before.len);
    }
    ybuf_release(&before);
    ybuf_release(&got);
    ydoc_free(doc);
    y_set_allocator(NULL, NULL);
    CHECK_EQ(blocks, at_first);
}

/* A remote update is applied or it is not; formats that cannot be cleaned up for want of memory stay. */
TEST(every_allocation_of_a_cleanup_fails_once)
{
    static const char update[] = "\x01\x02\x02\x00\x46\x01\x00\x01\x62\x04\x74\x72\x75\x65\xc6\x01"
                                 "\x02\x01\x03\x01\x62\x04\x6e\x75\x6c\x6c\x01\x01\x01\x03\x02";
    static const struct edit edits[] = {{INSERT, 0, 0, "abcdef", NULL},
                                        {FORMAT, 0, 3, NULL, "{\"b\":true}"},
                                        {FORMAT, 4, 1, NULL, "{\"b\":true}"},
                                        {.what = STOP}};
    y_set_allocator(failing_realloc, counting_free);
    size_t at_first = blocks;
    for (size_t n = 1;; n++) {
        struct ybuf before = {0}, got = {0};
        struct ydoc *doc = ydoc_new(NULL);
        struct y_type *t = text_in(doc);
        run_edits(t, edits);
        CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &before), Y_OK);
        until_failure = n;
        int error = ydoc_apply(doc, update, sizeof(update) - 1, NULL);
        bool failed = until_failure == 0;
        until_failure = 0;
        CHECK(error == Y_OK || (failed && error == Y_ERR_NOMEM));
        CHECK_STR(ydoc_check(doc) ? ydoc_check(doc) : "", "");
        CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &got), Y_OK);
        if (error)
            CHECK_MEM(got.data, got.len, before.data, before.len);
        else
            CHECK_EQ(y_type_length(t), 4);
        ybuf_release(&before);
        ybuf_release(&got);
        ydoc_free(doc);
        if (!failed)
            break;
    }
    y_set_allocator(NULL, NULL);
    CHECK_EQ(blocks, at_first);
}

/* --- cost ------------------------------------------------------------------------------------- */

/* Many formats next to each other, each of its own key, and text between formats deleted one by one from
 * afar: what once would have been each with each. Too slow shows in the time that the tests take. */
TEST(a_hostile_text_costs_what_its_bytes_cost)
{
    enum { N = 20000 };
    struct ydoc *doc = ydoc_new(NULL), *other = ydoc_new(&(struct ydoc_opts){.client_id = 2});
    struct y_type *t = text_in(doc), *theirs = text_in(other);
    struct ybuf json = {0}, any = {0}, update = {0};
    char key[32];
    add(&json, "{");
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "%s\"k%d\":%d", i ? "," : "", i, i);
        add(&json, key);
    }
    add(&json, "}");
    CHECK_EQ(y_any_from_json(json.data, json.len, &any), Y_OK);
    struct y_slice many = {any.data, any.len};
    CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
    CHECK_EQ(y_text_insert(t, 0, "x", 1, &many), Y_OK);
    for (int i = 0; i < N; i++) /* at the beginning: items of their own */
        CHECK_EQ(y_text_insert(t, 0, "y", 1, NULL), Y_OK);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &update), Y_OK);
    CHECK_EQ(ydoc_apply(other, update.data, update.len, NULL), Y_OK);
    CHECK_EQ(y_text_delete(t, 0, N), Y_OK);
    CHECK_EQ(y_text_insert(t, 1, "plain", 5, &(struct y_slice){NULL, 0}), Y_OK);
    CHECK_EQ(y_text_delete(t, 0, 1), Y_OK);
    update.len = 0;
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &update), Y_OK);
    CHECK_EQ(ydoc_apply(other, update.data, update.len, NULL), Y_OK);
    CHECK_STR(delta_of(theirs, NULL, NULL), "[{\"insert\":\"plain\"}]");
    ybuf_release(&json);
    ybuf_release(&any);
    ybuf_release(&update);
    ydoc_free(doc);
    ydoc_free(other);
}
