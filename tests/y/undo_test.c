/*
 * What Yjs's own tests of its undo manager (tests/undo-redo.tests.js) assert, on documents of ours; and
 * that nothing is lost when memory runs out. Random sessions are compared in oracle/undo.mjs.
 */
#include "tests/test.h"
#include "y/y.h"

/* --- documents to play with ------------------------------------------------------------------- */

static const char one_origin, other_origin;
static uint64_t fake_ms;

static uint64_t fake_now(void *udata)
{
    (void)udata;
    return fake_ms;
}

static struct ydoc *doc_of(uint64_t client, bool keep)
{
    return ydoc_new(&(struct ydoc_opts){.client_id = client, .keep_deleted = keep});
}

static struct y_type *root(struct ydoc *doc, enum y_type_ref ref)
{
    struct y_type *t = NULL;
    CHECK_EQ(ydoc_root(doc, "root", ref, &t), Y_OK);
    return t;
}

/* Integers of one byte. */
static struct y_value num(int n)
{
    static uint8_t bytes[64][2];
    bytes[n][0] = 125;
    bytes[n][1] = (uint8_t)n;
    return (struct y_value){.kind = Y_VALUE_ANY, .bytes = {bytes[n], 2}};
}

static void push(struct y_type *t, int from, int to)
{
    for (int n = from; n <= to; n++) {
        struct y_value v = num(n);
        CHECK_EQ(y_list_insert(t, y_type_length(t), &v, 1), Y_OK);
    }
}

static void set(struct y_type *t, const char *key, int n)
{
    struct y_value v = num(n);
    CHECK_EQ(y_map_set(t, key, strlen(key), &v), Y_OK);
}

static struct y_type *set_map(struct y_type *t, const char *key)
{
    struct y_type *made = NULL;
    CHECK_EQ(y_map_set_type(t, key, strlen(key), Y_REF_MAP, NULL, &made), Y_OK);
    return made;
}

static void type(struct y_type *t, uint64_t pos, const char *s)
{
    CHECK_EQ(y_text_insert(t, pos, s, strlen(s), NULL), Y_OK);
}

/* Each tells the other all it has, as another's edits. */
static void sync_one(struct ydoc *from, struct ydoc *to)
{
    struct ybuf u = {0};
    CHECK_EQ(ydoc_encode_update(from, NULL, 0, &u), Y_OK);
    CHECK_EQ(ydoc_apply(to, u.data, u.len, NULL), Y_OK);
    ybuf_release(&u);
}

static void sync_all(struct ydoc *a, struct ydoc *b)
{
    sync_one(a, b);
    sync_one(b, a);
}

static void show(struct y_type *t, struct ybuf *out);

static void show_value(const struct y_value *v, struct ybuf *out)
{
    if (v->kind == Y_VALUE_TYPE)
        show(v->type, out);
    else if (v->kind == Y_VALUE_ANY)
        CHECK_EQ(y_any_to_json(v->bytes.p, v->bytes.n, out), Y_OK);
    else
        ybuf_append(out, "null", 4);
}

static void show_keys(struct y_type *t, struct ybuf *out)
{
    struct y_walk walk = {0, 0};
    struct y_slice key;
    struct y_value v;
    for (int i = 0; y_map_next(t, &walk, &key, &v); i++) {
        if (i)
            ybuf_append(out, ",", 1);
        ybuf_append(out, key.p, key.n);
        ybuf_append(out, ":", 1);
        show_value(&v, out);
    }
}

/* [1,{a:2}], text as it is; an element is p{class:1}[...]. */
static void show(struct y_type *t, struct ybuf *out)
{
    struct y_walk walk = {0, 0};
    struct y_value v;
    enum y_type_ref ref = y_type_ref(t);
    if (ref == Y_REF_TEXT || ref == Y_REF_XML_TEXT) {
        for (uint64_t i = 0; i < y_type_length(t); i++) {
            v = y_list_get(t, i);
            ybuf_append(out, v.bytes.p, v.bytes.n);
        }
        return;
    }
    ybuf_append(out, y_type_name(t).p, ref == Y_REF_XML_ELEMENT ? y_type_name(t).n : 0);
    if (ref == Y_REF_MAP || ref == Y_REF_XML_ELEMENT) {
        ybuf_append(out, "{", 1);
        show_keys(t, out);
        ybuf_append(out, "}", 1);
    }
    if (ref == Y_REF_MAP)
        return;
    ybuf_append(out, "[", 1);
    for (int i = 0; (v = y_list_next(t, &walk)).kind != Y_VALUE_NONE; i++) {
        if (i)
            ybuf_append(out, ",", 1);
        show_value(&v, out);
    }
    ybuf_append(out, "]", 1);
}

static void is(struct y_type *t, const char *want)
{
    struct ybuf out = {0};
    show(t, &out);
    ybuf_append(&out, "", 1);
    bool same = !strcmp((const char *)out.data, want);
    if (!same)
        printf("  %s\n", (const char *)out.data);
    ybuf_release(&out);
    CHECK(same);
    const char *wrong = ydoc_check(y_type_doc(t));
    CHECK_STR(wrong ? wrong : "", "");
}

static void undo_is(struct y_undo *u, struct y_type *t, const char *want)
{
    CHECK(y_undo(u) >= 0);
    is(t, want);
}

static void redo_is(struct y_undo *u, struct y_type *t, const char *want)
{
    CHECK(y_redo(u) >= 0);
    is(t, want);
}

/* --- text ------------------------------------------------------------------------------------- */

TEST(undo_text)
{
    struct ydoc *a = doc_of(1, false), *b = doc_of(2, false);
    struct y_type *text = root(a, Y_REF_TEXT), *theirs = root(b, Y_REF_TEXT);
    struct y_undo *u = y_undo_new(a, &text, 1, NULL);
    /* what came and went in one step does not come back */
    type(text, 0, "test");
    CHECK_EQ(y_text_delete(text, 0, 4), Y_OK);
    undo_is(u, text, "");
    /* what came back is known as what it was */
    type(text, 0, "a");
    y_undo_stop(u);
    CHECK_EQ(y_text_delete(text, 0, 1), Y_OK);
    y_undo_stop(u);
    undo_is(u, text, "a");
    undo_is(u, text, "");
    type(text, 0, "abc");
    type(theirs, 0, "xyz");
    sync_all(a, b);
    undo_is(u, text, "xyz");
    redo_is(u, text, "abcxyz");
    sync_all(a, b);
    /* of what came back another deletes a part */
    CHECK_EQ(y_text_delete(theirs, 0, 1), Y_OK);
    sync_all(a, b);
    undo_is(u, text, "xyz");
    redo_is(u, text, "bcxyz");
    y_undo_free(u);
    ydoc_free(a);
    ydoc_free(b);
}

TEST(undo_twice_then_type)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *text = root(doc, Y_REF_TEXT);
    type(text, 0, "1221");
    struct y_undo *u = y_undo_new(doc, &text, 1, NULL);
    type(text, 2, "3");
    type(text, 3, "3");
    CHECK_EQ(y_undo(u), 1);
    CHECK_EQ(y_undo(u), 0);
    type(text, 2, "3");
    is(text, "12321");
    y_undo_free(u);
    ydoc_free(doc);
}

TEST(undo_joins_edits_until_the_capture_timeout)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *text = root(doc, Y_REF_TEXT);
    struct y_undo *u =
        y_undo_new(doc, &text, 1, &(struct y_undo_opts){.now = fake_now, .capture_timeout = 100});
    fake_ms = 0; /* a clock may begin anywhere */
    type(text, 0, "a");
    fake_ms += 99;
    type(text, 1, "b");
    fake_ms += 99; /* counted from the last edit */
    type(text, 2, "c");
    CHECK_EQ(y_undo_depth(u), 1);
    fake_ms += 100;
    type(text, 3, "d");
    CHECK_EQ(y_undo_depth(u), 2);
    undo_is(u, text, "abc");
    CHECK_EQ(y_redo_depth(u), 1);
    type(text, 3, "e"); /* after an undo nothing is joined, and there is nothing to redo */
    CHECK_EQ(y_undo_depth(u), 2);
    CHECK_EQ(y_redo_depth(u), 0);
    undo_is(u, text, "abc");
    undo_is(u, text, "");
    CHECK_EQ(y_undo(u), 0);
    redo_is(u, text, "abc");
    redo_is(u, text, "abce");
    CHECK_EQ(y_redo(u), 0);
    y_undo_free(u);
    ydoc_free(doc);
}

TEST(undo_without_a_clock_joins_until_stopped)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *list = root(doc, Y_REF_ARRAY);
    struct y_undo *u = y_undo_new(doc, &list, 1, NULL);
    push(list, 1, 3);
    y_undo_stop(u);
    push(list, 4, 6);
    undo_is(u, list, "[1,2,3]");
    y_undo_free(u);
    u = y_undo_new(doc, &list, 1, &(struct y_undo_opts){.no_timeout = true});
    push(list, 7, 9);
    CHECK_EQ(y_undo_depth(u), 3);
    y_undo_free(u);
    ydoc_free(doc);
}

/* --- maps and arrays -------------------------------------------------------------------------- */

TEST(undo_map)
{
    struct ydoc *a = doc_of(1, false), *b = doc_of(2, false);
    struct y_type *map = root(a, Y_REF_MAP), *theirs = root(b, Y_REF_MAP);
    set(map, "a", 0);
    struct y_undo *u = y_undo_new(a, &map, 1, NULL);
    set(map, "a", 1);
    undo_is(u, map, "{a:0}");
    redo_is(u, map, "{a:1}");
    set(set_map(map, "a"), "x", 42);
    is(map, "{a:{x:42}}");
    undo_is(u, map, "{a:1}");
    redo_is(u, map, "{a:{x:42}}");
    sync_all(a, b);
    /* what another has set since stays */
    set(theirs, "a", 44);
    sync_all(a, b);
    undo_is(u, map, "{a:44}");
    redo_is(u, map, "{a:44}");
    /* set several times in a step: the one before comes back */
    set(map, "b", 1);
    y_undo_stop(u);
    set(map, "b", 2);
    set(map, "b", 3);
    y_undo_stop(u);
    undo_is(u, map, "{a:44,b:1}");
    y_undo_free(u);
    ydoc_free(a);
    ydoc_free(b);
}

TEST(undo_array)
{
    struct ydoc *a = doc_of(1, false), *b = doc_of(2, false);
    struct y_type *list = root(a, Y_REF_ARRAY), *theirs = root(b, Y_REF_ARRAY), *map;
    struct y_undo *u = y_undo_new(a, &list, 1, NULL);
    push(list, 1, 3);
    push(theirs, 4, 6);
    sync_all(a, b);
    is(list, "[1,2,3,4,5,6]");
    undo_is(u, list, "[4,5,6]");
    redo_is(u, list, "[1,2,3,4,5,6]");
    sync_all(a, b);
    CHECK_EQ(y_list_delete(theirs, 0, 1), Y_OK);
    sync_all(a, b);
    undo_is(u, list, "[4,5,6]");
    redo_is(u, list, "[2,3,4,5,6]");
    CHECK_EQ(y_list_delete(list, 0, 5), Y_OK);
    /* what is in what came back */
    CHECK_EQ(y_list_insert_type(list, 0, Y_REF_MAP, NULL, &map), Y_OK);
    is(list, "[{}]");
    y_undo_stop(u);
    set(map, "a", 1);
    is(list, "[{a:1}]");
    undo_is(u, list, "[{}]");
    undo_is(u, list, "[2,3,4,5,6]");
    redo_is(u, list, "[{}]");
    redo_is(u, list, "[{a:1}]");
    sync_all(a, b);
    set(y_list_get(theirs, 0).type, "b", 2);
    sync_all(a, b);
    is(list, "[{a:1,b:2}]");
    undo_is(u, list, "[{b:2}]");
    undo_is(u, list, "[2,3,4,5,6]");
    redo_is(u, list, "[{b:2}]");
    redo_is(u, list, "[{b:2,a:1}]");
    y_undo_free(u);
    ydoc_free(a);
    ydoc_free(b);
}

TEST(undo_goes_on_until_a_step_changes_something)
{
    struct ydoc *a = doc_of(1, false), *b = doc_of(2, false);
    struct y_type *list = root(a, Y_REF_ARRAY), *theirs = root(b, Y_REF_ARRAY), *one, *two;
    const void *mine[] = {&one_origin}, *hers[] = {&other_origin};
    CHECK_EQ(y_list_insert_type(list, 0, Y_REF_MAP, NULL, &one), Y_OK);
    set(one, "hello", 1);
    CHECK_EQ(y_list_insert_type(list, 1, Y_REF_MAP, NULL, &two), Y_OK);
    set(two, "key", 1);
    sync_all(a, b);
    struct y_undo *u =
        y_undo_new(a, &list, 1, &(struct y_undo_opts){.origins = mine, .origin_count = 1});
    struct y_undo *v =
        y_undo_new(b, &theirs, 1, &(struct y_undo_opts){.origins = hers, .origin_count = 1});
    CHECK_EQ(ydoc_begin(a, &one_origin), Y_OK);
    set(two, "key", 2);
    CHECK_EQ(ydoc_commit(a), Y_OK);
    y_undo_stop(u);
    CHECK_EQ(ydoc_begin(a, &one_origin), Y_OK);
    set(one, "hello", 2);
    CHECK_EQ(ydoc_commit(a), Y_OK);
    sync_all(a, b);
    CHECK_EQ(ydoc_begin(b, &other_origin), Y_OK);
    CHECK_EQ(y_list_delete(theirs, 0, 1), Y_OK);
    CHECK_EQ(ydoc_commit(b), Y_OK);
    sync_all(a, b);
    CHECK_EQ(y_undo(v), 1);
    sync_all(a, b);
    CHECK_EQ(y_undo(u), 1); /* of `one` a copy is there now, in which nothing changed */
    is(list, "[{hello:2},{key:1}]");
    y_undo_free(u);
    y_undo_free(v);
    ydoc_free(a);
    ydoc_free(b);
}

/* https://github.com/yjs/yjs/issues/317, 343: values that are replaced again and again */
TEST(undo_of_nested_values_that_were_replaced)
{
    struct ydoc *doc = doc_of(1, true);
    struct y_type *map = root(doc, Y_REF_MAP), *text = NULL;
    struct y_undo *u = y_undo_new(doc, &map, 1, &(struct y_undo_opts){.no_timeout = true});
    for (int i = 1; i <= 4; i++) {
        CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
        text = text ? text : set_map(map, "text");
        set(set_map(text, "blocks"), "n", i);
        CHECK_EQ(ydoc_commit(doc), Y_OK);
    }
    for (int round = 0; round < 3; round++) {
        is(map, "{text:{blocks:{n:4}}}");
        undo_is(u, map, "{text:{blocks:{n:3}}}");
        undo_is(u, map, "{text:{blocks:{n:2}}}");
        undo_is(u, map, "{text:{blocks:{n:1}}}");
        undo_is(u, map, "{}");
        redo_is(u, map, "{text:{blocks:{n:1}}}");
        redo_is(u, map, "{text:{blocks:{n:2}}}");
        redo_is(u, map, "{text:{blocks:{n:3}}}");
        redo_is(u, map, "{text:{blocks:{n:4}}}");
    }
    y_undo_free(u);
    ydoc_free(doc);
}

/* https://github.com/yjs/yjs/issues/355 */
TEST(undo_and_redo_of_every_step)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *map = root(doc, Y_REF_MAP), *point;
    struct y_undo *u = y_undo_new(doc, &map, 1, NULL);
    point = set_map(map, "a");
    set(point, "x", 0);
    set(point, "y", 0);
    for (int n = 10; n <= 30; n += 10) {
        y_undo_stop(u);
        set(point, "x", n);
        set(point, "y", n);
    }
    undo_is(u, map, "{a:{x:20,y:20}}");
    undo_is(u, map, "{a:{x:10,y:10}}");
    undo_is(u, map, "{a:{x:0,y:0}}");
    undo_is(u, map, "{}");
    CHECK_EQ(y_undo_depth(u), 0);
    redo_is(u, map, "{a:{x:0,y:0}}");
    redo_is(u, map, "{a:{x:10,y:10}}");
    redo_is(u, map, "{a:{x:20,y:20}}");
    redo_is(u, map, "{a:{x:30,y:30}}");
    y_undo_free(u);
    ydoc_free(doc);
}

TEST(undo_over_what_others_set_if_wanted)
{
    struct ydoc *a = doc_of(1, false), *b = doc_of(2, false);
    struct y_type *map = root(a, Y_REF_MAP), *theirs = root(b, Y_REF_MAP);
    struct y_undo *u =
        y_undo_new(a, &map, 1, &(struct y_undo_opts){.ignore_remote_map_changes = true});
    set(map, "x", 1);
    sync_all(a, b);
    set(theirs, "x", 2);
    sync_all(a, b);
    set(map, "x", 3);
    sync_all(a, b);
    set(theirs, "x", 4);
    sync_all(a, b);
    undo_is(u, map, "{x:2}");
    sync_all(a, b);
    is(theirs, "{x:2}");
    y_undo_free(u);
    ydoc_free(a);
    ydoc_free(b);
}

/* --- XML -------------------------------------------------------------------------------------- */

/* https://github.com/yjs/yjs/issues/304 */
TEST(undo_of_attributes)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *xml = root(doc, Y_REF_XML_FRAGMENT), *e;
    const void *origins[] = {&one_origin};
    struct y_undo *u = y_undo_new(
        doc, &xml, 1,
        &(struct y_undo_opts){.no_timeout = true, .origins = origins, .origin_count = 1});
    CHECK_EQ(ydoc_begin(doc, &one_origin), Y_OK);
    CHECK_EQ(y_list_insert_type(xml, 0, Y_REF_XML_ELEMENT, "p", &e), Y_OK);
    set(e, "a", 10);
    set(e, "b", 0);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK_EQ(ydoc_begin(doc, &one_origin), Y_OK);
    set(e, "a", 20);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK_EQ(ydoc_begin(doc, &one_origin), Y_OK);
    set(e, "a", 18);
    set(e, "b", 50);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    undo_is(u, xml, "[p{a:20,b:0}[]]");
    undo_is(u, xml, "[p{a:10,b:0}[]]");
    undo_is(u, xml, "[]");
    redo_is(u, xml, "[p{b:0,a:10}[]]"); /* keys in the order in which they came back */
    redo_is(u, xml, "[p{b:0,a:20}[]]");
    redo_is(u, xml, "[p{b:50,a:18}[]]");
    y_undo_free(u);
    ydoc_free(doc);
}

/* https://github.com/yjs/yjs/issues/447 */
TEST(undo_of_a_value_that_was_set_and_deleted_at_once)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *xml = root(doc, Y_REF_XML_FRAGMENT), *e;
    const void *origins[] = {&one_origin};
    struct y_undo *u =
        y_undo_new(doc, &xml, 1, &(struct y_undo_opts){.origins = origins, .origin_count = 1});
    CHECK_EQ(y_list_insert_type(xml, 0, Y_REF_XML_ELEMENT, "p", &e), Y_OK);
    set(e, "a", 1);
    set(e, "b", 2);
    CHECK_EQ(y_undo_depth(u), 0); /* another origin */
    CHECK_EQ(ydoc_begin(doc, &one_origin), Y_OK);
    set(e, "b", 3);
    CHECK_EQ(y_list_delete(xml, 0, 1), Y_OK);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    is(xml, "[]");
    undo_is(u, xml, "[p{a:1,b:2}[]]");
    y_undo_free(u);
    ydoc_free(doc);
}

/* --- scopes and origins ----------------------------------------------------------------------- */

TEST(undo_only_what_is_in_scope)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *list = root(doc, Y_REF_ARRAY), *text[2];
    for (int i = 0; i < 2; i++)
        CHECK_EQ(y_list_insert_type(list, (uint64_t)i, Y_REF_TEXT, NULL, &text[i]), Y_OK);
    struct y_undo *one = y_undo_new(doc, text, 1, NULL), *both = y_undo_new(doc, text, 2, NULL);
    struct y_undo *none = y_undo_new(doc, NULL, 0, NULL);
    struct y_undo *all = y_undo_new(doc, NULL, 0, &(struct y_undo_opts){.whole_document = true});
    type(text[1], 0, "abc");
    CHECK_EQ(y_undo_depth(one), 0);
    CHECK_EQ(y_undo_depth(both), 1);
    CHECK_EQ(y_undo_depth(none), 0);
    CHECK_EQ(y_undo_depth(all), 1);
    CHECK_EQ(y_undo(one), 0);
    is(text[1], "abc");
    undo_is(both, text[1], "");
    /* undoing is an edit of another origin: `all` may still take back what it knows */
    redo_is(both, text[1], "abc");
    undo_is(all, text[1], "");
    y_undo_free(none);
    y_undo_free(one);
    y_undo_free(both);
    y_undo_free(all);
    ydoc_free(doc);
}

TEST(undo_forgets_a_scope_that_is_gone)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *list = root(doc, Y_REF_ARRAY), *map, *other;
    CHECK_EQ(y_list_insert_type(list, 0, Y_REF_MAP, NULL, &map), Y_OK);
    struct y_undo *u = y_undo_new(doc, &map, 1, NULL);
    set(map, "a", 1);
    CHECK_EQ(y_list_delete(list, 0, 1), Y_OK);
    CHECK_EQ(y_undo(u), 0);
    CHECK_EQ(y_list_insert_type(list, 0, Y_REF_MAP, NULL, &other), Y_OK); /* in its place */
    set(other, "a", 2);
    CHECK_EQ(y_undo_depth(u), 0);
    is(list, "[{a:2}]");
    y_undo_free(u);
    ydoc_free(doc);
}

/* By an origin of its own one can refuse what another sends (yjs testRejectUpdateExample). */
TEST(undo_refuses_an_update)
{
    struct ydoc *theirs = doc_of(2, false), *doc = doc_of(1, false);
    struct y_type *restricted, *open, *t;
    const void *origins[] = {&one_origin};
    struct ybuf update = {0};
    CHECK_EQ(ydoc_root(theirs, "restricted", Y_REF_ARRAY, &t), Y_OK);
    push(t, 1, 1);
    CHECK_EQ(ydoc_root(theirs, "open", Y_REF_ARRAY, &t), Y_OK);
    push(t, 2, 2);
    CHECK_EQ(ydoc_encode_update(theirs, NULL, 0, &update), Y_OK);
    CHECK_EQ(ydoc_root(doc, "restricted", Y_REF_ARRAY, &restricted), Y_OK);
    CHECK_EQ(ydoc_root(doc, "open", Y_REF_ARRAY, &open), Y_OK);
    struct y_undo *u = y_undo_new(doc, &restricted, 1,
                                  &(struct y_undo_opts){.origins = origins, .origin_count = 1});
    CHECK_EQ(ydoc_begin(doc, &one_origin), Y_OK);
    CHECK_EQ(ydoc_apply(doc, update.data, update.len, NULL), Y_OK);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    while (y_undo_depth(u))
        CHECK_EQ(y_undo(u), 1);
    is(restricted, "[]");
    is(open, "[2]");
    ybuf_release(&update);
    y_undo_free(u);
    ydoc_free(doc);
    ydoc_free(theirs);
}

TEST(undo_tracks_applied_updates_only_if_told_to)
{
    struct ydoc *a = doc_of(1, false), *b = doc_of(2, false);
    struct y_type *text = root(a, Y_REF_TEXT), *theirs = root(b, Y_REF_TEXT);
    const void *origins[] = {NULL}; /* as Yjs, where an update without an origin has this one too */
    struct y_undo *own = y_undo_new(a, &text, 1, NULL);
    struct y_undo *all =
        y_undo_new(a, &text, 1, &(struct y_undo_opts){.origins = origins, .origin_count = 1});
    type(theirs, 0, "x");
    sync_all(a, b);
    CHECK_EQ(y_undo_depth(own), 0);
    CHECK_EQ(y_undo_depth(all), 1);
    y_undo_free(own);
    y_undo_free(all);
    ydoc_free(a);
    ydoc_free(b);
}

TEST(undo_clear_lets_go_of_what_was_kept)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *list = root(doc, Y_REF_ARRAY), *map;
    CHECK_EQ(y_list_insert_type(list, 0, Y_REF_MAP, NULL, &map), Y_OK);
    struct y_undo *u = y_undo_new(doc, &list, 1, &(struct y_undo_opts){.no_timeout = true});
    set(map, "a", 1);
    set(map, "a", 2);
    CHECK_EQ(y_undo(u), 1);
    CHECK_EQ(y_undo_depth(u), 1);
    CHECK_EQ(y_redo_depth(u), 1);
    y_undo_clear(u);
    CHECK_EQ(y_undo_depth(u) + y_redo_depth(u), 0);
    CHECK_EQ(y_undo(u), 0);
    CHECK_EQ(y_redo(u), 0);
    is(list, "[{a:1}]");
    y_undo_free(u);
    ydoc_free(doc);
}

static struct y_undo *undo_once;

static void undo_in_observer(const struct y_event *e, void *udata)
{
    struct y_undo *u = undo_once;
    (void)e;
    (void)udata;
    undo_once = NULL;
    if (u)
        CHECK_EQ(y_undo(u), 1);
}

/* Its transaction is captured when its turn comes, as an edit like any other: as in Yjs. */
TEST(undo_in_an_observer_is_an_edit_that_comes_after)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *text = root(doc, Y_REF_TEXT);
    struct y_undo *u = y_undo_new(doc, &text, 1, &(struct y_undo_opts){.no_timeout = true});
    type(text, 0, "a");
    type(text, 1, "b");
    CHECK(y_observe(text, undo_in_observer, NULL));
    undo_once = u;
    type(text, 2, "c"); /* the observer undoes `b`: of `c` the manager does not know yet */
    is(text, "ac");
    CHECK_EQ(y_undo_depth(u), 3);
    undo_is(u, text, "abc");
    undo_is(u, text, "ab");
    undo_is(u, text, "b");
    CHECK_EQ(y_undo(u), 0);
    y_undo_free(u);
    ydoc_free(doc);
}

/* --- hostile and large ------------------------------------------------------------------------ */

TEST(undo_of_types_in_types_in_types)
{
    struct ydoc *doc = doc_of(1, false);
    struct y_type *map = root(doc, Y_REF_MAP), *t = map;
    struct y_undo *u = y_undo_new(doc, &map, 1, &(struct y_undo_opts){.no_timeout = true});
    for (int i = 0; i < 3000; i++)
        t = set_map(t, "k");
    CHECK_EQ(y_map_delete(map, "k", 1), Y_OK);
    CHECK_EQ(y_undo(u), 1);
    CHECK(!ydoc_check(doc));
    int depth = 0;
    for (t = map; t; depth++)
        t = y_map_get(t, "k", 1).type;
    CHECK_EQ(depth, 3001);
    y_undo_free(u);
    ydoc_free(doc);
}

/* --- out of memory ---------------------------------------------------------------------------- */

static uint64_t allocations, fail_at, live;

static void *failing_realloc(void *p, size_t n)
{
    if (++allocations == fail_at)
        return NULL;
    void *q = realloc(p, n);
    live += q && !p;
    return q;
}

static void counting_free(void *p)
{
    live -= p != NULL;
    free(p);
}

struct play {
    struct ydoc *doc;
    struct y_undo *u, *v;
    struct ybuf theirs;
};

static int play_type(struct play *p, uint64_t pos, const char *s)
{
    struct y_type *t;
    int error = ydoc_root(p->doc, "root", Y_REF_TEXT, &t);
    return error ? error : y_text_insert(t, pos, s, strlen(s), NULL);
}

static int play_delete(struct play *p, uint64_t pos, uint64_t len)
{
    struct y_type *t;
    int error = ydoc_root(p->doc, "root", Y_REF_TEXT, &t);
    return error ? error : y_text_delete(t, pos, len);
}

/* An edit that failed and did nothing may be made again in the same transaction; one that dooms it fails
 * again. */
#define AGAIN(error, edit)                                                                         \
    do {                                                                                           \
        if (!(error) && ((error) = (edit)) < 0)                                                    \
            (error) = (edit);                                                                      \
    } while (0)

static int play_map(struct play *p, const char *key, bool nested)
{
    struct y_type *t, *made;
    struct y_value v = num(7);
    int error = ydoc_root(p->doc, "map", Y_REF_MAP, &t);
    if (error || !nested)
        return error ? error : y_map_set(t, key, strlen(key), &v);
    error = ydoc_begin(p->doc, NULL);
    if (error)
        return error;
    AGAIN(error, y_map_set_type(t, key, strlen(key), Y_REF_MAP, NULL, &made));
    AGAIN(error, y_map_set(made, "in", 2, &v));
    int end = ydoc_commit(p->doc);
    return end ? end : error;
}

/* One call each; a step that fails is called again. */
static int play_step(struct play *p, int step)
{
    struct y_type *t;
    switch (step) {
    case 0:
        p->doc = ydoc_new(&(struct ydoc_opts){.client_id = 5});
        return p->doc ? Y_OK : Y_ERR_NOMEM;
    case 1:
        return ydoc_root(p->doc, "root", Y_REF_TEXT, &t);
    case 2:
        return ydoc_root(p->doc, "map", Y_REF_MAP, &t);
    case 3:
        p->u = y_undo_new(p->doc, NULL, 0, &(struct y_undo_opts){.whole_document = true});
        return p->u ? Y_OK : Y_ERR_NOMEM;
    case 4: {
        int error = ydoc_root(p->doc, "root", Y_REF_TEXT, &t);
        p->v = error ? NULL : y_undo_new(p->doc, &t, 1, &(struct y_undo_opts){.no_timeout = true});
        return p->v ? Y_OK : Y_ERR_NOMEM;
    }
    case 5:
        return play_type(p, 0, "hello brave world");
    case 6:
        y_undo_stop(p->u);
        return play_delete(p, 3, 9);
    case 7:
        return ydoc_apply(p->doc, p->theirs.data, p->theirs.len, NULL);
    case 8:
        return play_map(p, "k", true);
    case 9:
        y_undo_stop(p->u);
        return play_map(p, "k", false);
    case 10:
        y_undo_stop(p->u);
        return play_delete(p, 0, 2);
    case 11:
    case 12:
    case 13:
        return y_undo(p->u) < 0 ? Y_ERR_NOMEM : Y_OK;
    case 14:
        return y_undo(p->v) < 0 ? Y_ERR_NOMEM : Y_OK;
    case 15: { /* it cuts what came back */
        int error = ydoc_begin(p->doc, NULL);
        if (error)
            return error;
        AGAIN(error, play_delete(p, 1, 4));
        AGAIN(error, play_type(p, 2, "x"));
        int end = ydoc_commit(p->doc);
        return end ? end : error;
    }
    case 16:
    case 17:
        return y_redo(p->u) < 0 ? Y_ERR_NOMEM : Y_OK;
    case 18:
    case 19:
    case 20:
    case 21:
        return y_undo(step & 1 ? p->u : p->v) < 0 ? Y_ERR_NOMEM : Y_OK;
    case 22:
    case 23:
        return y_redo(step & 1 ? p->u : p->v) < 0 ? Y_ERR_NOMEM : Y_OK;
    case 24: /* in a transaction of the caller's */ {
        int error = ydoc_begin(p->doc, NULL);
        if (error)
            return error;
        AGAIN(error, play_type(p, 0, "y"));
        AGAIN(error, y_undo(p->u));
        int end = ydoc_commit(p->doc);
        return end ? end : error < 0 ? error : Y_OK;
    }
    default:
        return 1;
    }
}

/* State and depths of stacks. */
static void remember(struct play *p, struct ybuf *out)
{
    out->len = 0;
    if (p->doc)
        CHECK_EQ(ydoc_encode_update(p->doc, NULL, 0, out), Y_OK);
    struct y_undo *all[] = {p->u, p->v};
    for (int i = 0; i < 2; i++) {
        y_write_varuint(out, all[i] ? y_undo_depth(all[i]) : 0);
        y_write_varuint(out, all[i] ? y_redo_depth(all[i]) : 0);
    }
}

/* The allocations of `step` fail one after the other: each time nothing has changed, and then it works
 * and comes to what it comes to where nothing ever fails. */
static void play(int failing, struct ybuf *end)
{
    struct play p = {0};
    struct ybuf before = {0}, after = {0};
    struct ydoc *theirs = doc_of(9, false);
    struct y_type *t = root(theirs, Y_REF_TEXT);
    type(t, 0, "from afar");
    CHECK_EQ(ydoc_encode_update(theirs, NULL, 0, &p.theirs), Y_OK);
    ydoc_free(theirs);
    for (int step = 0, result = 0; step < 100 && result != 1; step++) {
        for (uint64_t n = 1;; n++) {
            remember(&p, &before);
            allocations = 0;
            fail_at = step == failing ? n : 0;
            result = play_step(&p, step);
            bool reached = fail_at && allocations >= fail_at;
            fail_at = 0;
            if (p.doc)
                CHECK_STR(ydoc_check(p.doc) ? ydoc_check(p.doc) : "", "");
            if (result >= 0)
                break;
            CHECK_EQ(result, Y_ERR_NOMEM);
            CHECK(reached);
            remember(&p, &after);
            CHECK_MEM(after.data, after.len, before.data, before.len);
        }
    }
    remember(&p, end);
    y_undo_free(p.u);
    y_undo_free(p.v);
    ydoc_free(p.doc);
    ybuf_release(&p.theirs);
    ybuf_release(&before);
    ybuf_release(&after);
}

TEST(undo_out_of_memory_changes_nothing)
{
    struct ybuf want = {0}, got = {0};
    y_set_allocator(failing_realloc, counting_free);
    live = 0;
    play(-1, &want);
    for (int step = 0; step < 25; step++) {
        play(step, &got);
        CHECK_MEM(got.data, got.len, want.data, want.len);
    }
    ybuf_release(&want);
    ybuf_release(&got);
    CHECK_EQ(live, 0);
    y_set_allocator(NULL, NULL);
}
