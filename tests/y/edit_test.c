/* Editing lists, maps and nested types, in transactions and alone; and with every allocation failing
 * once. */
#include "tests/y/types.h"

TEST(list_takes_values_of_every_kind)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY);
    const struct y_value bytes = {.kind = Y_VALUE_BINARY, .bytes = {(const uint8_t *)"\x07", 1}};
    const struct y_value values[] = {value_of("1"),
                                     value_of("\"two\""),
                                     bytes,
                                     value_of("[3]"),
                                     {.kind = Y_VALUE_DOC, .bytes = {(const uint8_t *)"g", 1}}};
    CHECK_EQ(y_list_insert(list, 0, values, 5), Y_OK);
    CHECK_DOC(doc, "{\"list\":[1,\"two\",{\"0\":7},[3],{}]}");
    CHECK_EQ(y_type_length(list), 5);
    CHECK_EQ(y_list_get(list, 2).kind, Y_VALUE_BINARY);
    CHECK_EQ(y_list_get(list, 4).kind, Y_VALUE_DOC);
    CHECK_EQ(y_list_get(list, 5).kind, Y_VALUE_NONE);
    CHECK_EQ(y_list_insert(list, 6, values, 1), Y_ERR_RANGE);
    CHECK_EQ(y_list_delete(list, 4, 2), Y_ERR_RANGE);
    CHECK_EQ(y_list_delete(list, 1, 3), Y_OK);
    CHECK_DOC(doc, "{\"list\":[1,{}]}");
    CHECK_EQ(set(list, "k", "1"), Y_ERR_TYPE);
    CHECK_EQ(y_list_insert_type(list, 0, Y_REF_XML_ELEMENT, NULL, NULL), Y_ERR_TYPE);
    CHECK_EQ(y_list_insert_type(list, 0, Y_REF_NONE, NULL, NULL), Y_ERR_TYPE);
    struct y_type *t;
    CHECK_EQ(ydoc_root(doc, "list", Y_REF_MAP, &t), Y_ERR_TYPE);
    ydoc_free(doc);
}

TEST(list_walk_is_linear_and_sees_what_get_sees)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY), *text = root(doc, "t", Y_REF_TEXT);
    struct y_value *values = malloc(50000 * sizeof(*values));
    struct y_walk walk = {0};
    const struct y_value one = value_of("1");
    for (int i = 0; i < 50000; i++)
        values[i] = one;
    CHECK_EQ(y_list_insert(list, 0, values, 50000), Y_OK);
    free(values);
    int n = 0;
    while (y_list_next(list, &walk).kind != Y_VALUE_NONE)
        n++;
    CHECK_EQ(n, 50000);
    for (uint64_t i = 0; i < 50000; i++)
        CHECK_EQ(y_list_get(list, i).kind, Y_VALUE_ANY);
    CHECK_EQ(y_list_next(list, &walk).kind, Y_VALUE_NONE);
    y_text_insert(text, 0, "a\xc3\xa9\xf0\x9f\x98\x80z", 8, NULL);
    walk = (struct y_walk){0};
    for (uint64_t i = 0; i < 6; i++) {
        struct y_value a = y_list_next(text, &walk), b = y_list_get(text, i);
        CHECK_EQ(a.kind, i < 5 ? Y_VALUE_STRING : Y_VALUE_NONE);
        CHECK_MEM(a.bytes.p, a.bytes.n, b.bytes.p, b.bytes.n);
    }
    ydoc_free(doc);
}

TEST(map_keys_come_change_and_go)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *map = root(doc, "map", Y_REF_MAP), *in;
    struct y_walk walk = {0};
    struct y_slice key;
    struct y_value v;
    set(map, "a", "1");
    set(map, "b", "2");
    CHECK_EQ(y_map_set_type(map, "a", 1, Y_REF_MAP, NULL, &in), Y_OK);
    set(in, "x", "true");
    CHECK(y_type_parent(in) == map && !y_type_parent(map) && y_type_doc(in) == doc);
    y_map_delete(map, "b", 1);
    CHECK_EQ(y_map_delete(map, "b", 1), Y_OK);
    CHECK_EQ(y_map_delete(map, "never", 5), Y_OK);
    CHECK_EQ(y_type_length(map), 1);
    CHECK(y_map_next(map, &walk, &key, &v) && key.n == 1 && *key.p == 'a' && v.type == in);
    CHECK(!y_map_next(map, &walk, &key, &v) && !y_map_next(map, &walk, &key, &v));
    CHECK_EQ(y_map_get(map, "b", 1).kind, Y_VALUE_NONE);
    CHECK_EQ(y_map_set(map, "\xff", 1, &v), Y_ERR_MALFORMED);
    CHECK_EQ(insert(map, 0, "1"), Y_ERR_TYPE);
    CHECK_DOC(doc, "{\"map\":{\"a\":{\"x\":true}}}");
    ydoc_free(doc);
}

TEST(commit_without_a_transaction_does_nothing)
{
    struct ydoc *doc = ydoc_new(NULL);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK_EQ(insert(root(doc, "list", Y_REF_ARRAY), 0, "1"), Y_OK);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK_DOC(doc, "{\"list\":[1]}");
    ydoc_free(doc);
}

TEST(transactions_join_and_carry_their_origin)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY);
    int origin;
    CHECK(ydoc_origin(doc) == NULL && !ydoc_is_local(doc));
    CHECK_EQ(ydoc_begin(doc, &origin), Y_OK);
    CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
    CHECK(ydoc_origin(doc) == &origin && ydoc_is_local(doc));
    CHECK_EQ(insert(list, 0, "1"), Y_OK);
    CHECK_EQ(insert(list, 9, "1"), Y_ERR_RANGE); /* nothing else is lost */
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK(ydoc_origin(doc) == &origin);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    CHECK(ydoc_origin(doc) == NULL);
    CHECK_DOC(doc, "{\"list\":[1]}");
    ydoc_free(doc);
}

/* --- every allocation fails once -------------------------------------------------------------- */

static long left; /* allocations until the one that fails; then none does */
static bool failed;
static long living;

static void *fail_realloc(void *p, size_t n)
{
    if (left-- == 0) {
        failed = true;
        return NULL;
    }
    living += p == NULL;
    return realloc(p, n);
}

static void fail_free(void *p)
{
    living -= p != NULL;
    free(p);
}

static void ignore_event(const struct y_event *e, void *udata)
{
    struct ybuf b = {0};
    (void)udata;
    y_event_json(e, &b);
    ybuf_release(&b);
}

static void ignore_deep(const struct y_event *const *events, size_t n, void *udata)
{
    for (size_t i = 0; i < n; i++)
        ignore_event(events[i], udata);
}

static void ignore_update(struct ydoc *doc, const uint8_t *update, size_t len, const void *origin,
                          void *udata)
{
    (void)doc, (void)update, (void)len, (void)origin, (void)udata;
}

static void ignore_subdoc(struct ydoc *doc, enum y_subdoc_change change, struct y_slice guid,
                          struct y_slice options, void *udata)
{
    (void)doc, (void)change, (void)guid, (void)options, (void)udata;
}

enum { STEPS = 16 };

/* A value of 700 bytes, so that contents have to grow. */
static struct y_value big(void)
{
    static uint8_t bytes[700];
    return (struct y_value){.kind = Y_VALUE_BINARY, .bytes = {bytes, sizeof(bytes)}};
}

/* One call each; those that depend on one that failed do nothing. */
static int step(struct ydoc *doc, int i, const struct ybuf *remote)
{
    static const uint8_t any[] = {117, 2, 125, 1, 119, 1, 'x'};
    const struct y_value v = {.kind = Y_VALUE_ANY, .bytes = {any, sizeof(any)}}, b = big();
    const struct y_value sub = {.kind = Y_VALUE_DOC, .bytes = {(const uint8_t *)"s", 1}};
    const struct y_value several[] = {v, b, v, v};
    struct y_type *list, *map, *xml, *in;
    struct ybuf out = {0};
    int error = ydoc_root(doc, "list", Y_REF_ARRAY, &list);
    error = error ? error : ydoc_root(doc, "map", Y_REF_MAP, &map);
    error = error ? error : ydoc_root(doc, "xml", Y_REF_XML_FRAGMENT, &xml);
    if (error)
        return error;
    switch (i) {
    case 0:
        return y_list_insert(list, 0, several, 4);
    case 1:
        return y_map_set(map, "key", 3, &v);
    case 2:
        return y_list_insert_type(list, 1, Y_REF_MAP, NULL, &in);
    case 3:
        in = y_list_get(list, 1).type;
        return in ? y_map_set_type(in, "deep", 4, Y_REF_ARRAY, NULL, NULL) : Y_OK;
    case 4:
        return y_list_insert_type(xml, 0, Y_REF_XML_ELEMENT, "p", NULL);
    case 5:
        in = y_list_get(xml, 0).type;
        return in ? y_map_set(in, "class", 5, &v) : Y_OK;
    case 6:
        return y_list_insert(list, 0, &sub, 1);
    case 7:
        return y_map_set(map, "key", 3, &b);
    case 8:
        return ydoc_apply(doc, remote->data, remote->len, NULL);
    case 9:
        error = ydoc_begin(doc, NULL);
        if (error)
            return error;
        for (int k = 0; k < 20; k++) {
            y_list_insert(list, y_type_length(list), several, 3);
            y_map_set(map, k & 1 ? "odd" : "even", k & 1 ? 3 : 4, &v);
        }
        y_list_delete(list, 0, 2);
        return ydoc_commit(doc);
    case 10:
        return y_type_length(list) > 3 ? y_list_delete(list, 1, 3) : Y_OK;
    case 11:
        return y_map_delete(map, "key", 3);
    case 12:
        error = ydoc_json(doc, &out);
        break;
    case 13:
        error = ydoc_encode_update(doc, NULL, 0, &out);
        break;
    case 14:
        error = ydoc_encode_update_v2(doc, NULL, 0, &out);
        break;
    default:
        error = y_xml_string(xml, &out);
    }
    ybuf_release(&out);
    return error;
}

static void state_of(const struct ydoc *doc, struct ybuf *out)
{
    long kept = left;
    left = -1;
    out->len = 0;
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, out), Y_OK);
    left = kept;
}

static struct ydoc *watched(bool observe)
{
    struct y_type *list;
    struct ydoc *doc = ydoc_new(NULL);
    if (!doc || !observe)
        return doc;
    if (ydoc_root(doc, "list", Y_REF_ARRAY, &list) || !y_observe(list, ignore_event, NULL) ||
        !y_observe_deep(list, ignore_deep, NULL) ||
        ydoc_on_update(doc, Y_V1, ignore_update, NULL) ||
        ydoc_on_update(doc, Y_V2, ignore_update, NULL) ||
        ydoc_on_subdoc(doc, ignore_subdoc, NULL)) {
        ydoc_free(doc);
        return NULL;
    }
    return doc;
}

/* Allocation number `at` fails. A call that says so has changed nothing; with somebody who wants to be
 * told, the edit may stand, and only the telling failed. False: there are not so many. */
static bool fail_at(long at, bool observe, const struct ybuf *remote)
{
    struct ybuf before = {0}, after = {0}, again = {0};
    living = 0;
    failed = false;
    left = at;
    struct ydoc *doc = watched(observe);
    for (int i = 0; i < STEPS && doc; i++) {
        state_of(doc, &before);
        bool was = failed;
        int error = step(doc, i, remote);
        if (error && (failed == was || error != Y_ERR_NOMEM))
            test_fail(__FILE__, __LINE__, "step %d: %s", i, y_strerror(error));
        const char *wrong = ydoc_check(doc);
        if (wrong)
            test_fail(__FILE__, __LINE__, "allocation %ld, step %d: %s", at, i, wrong);
        if (!error)
            continue;
        state_of(doc, &after);
        if (observe && (before.len != after.len || memcmp(before.data, after.data, after.len)))
            continue;
        CHECK_MEM(before.data, before.len, after.data, after.len);
        error = step(doc, i, remote);
        if (error || ydoc_check(doc))
            test_fail(__FILE__, __LINE__, "allocation %ld, step %d again: %s", at, i,
                      y_strerror(error));
    }
    ydoc_free(doc);
    ybuf_release(&before);
    ybuf_release(&after);
    ybuf_release(&again);
    if (living)
        test_fail(__FILE__, __LINE__, "allocation %ld: %ld blocks are left", at, living);
    return failed;
}

/* What somebody else did, in two updates that need one another. */
static void make_remote(struct ybuf *out)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.client_id = 77});
    struct y_type *map = root(doc, "map", Y_REF_MAP), *list = root(doc, "list", Y_REF_ARRAY), *in;
    set(map, "key", "{\"from\":[\"elsewhere\"]}");
    y_list_insert_type(list, 0, Y_REF_MAP, NULL, &in);
    set(in, "k", "1");
    insert(list, 0, "[1,2,3]");
    y_list_delete(list, 0, 1);
    const struct y_value sub = {.kind = Y_VALUE_DOC, .bytes = {(const uint8_t *)"r", 1}};
    y_list_insert(list, 0, &sub, 1);
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, out), Y_OK);
    ydoc_free(doc);
}

static void every_allocation_fails(bool observe)
{
    struct ybuf remote = {0};
    long at = 0;
    left = -1;
    make_remote(&remote);
    y_set_allocator(fail_realloc, fail_free);
    while (fail_at(at, observe, &remote))
        at++;
    left = -1;
    y_set_allocator(NULL, NULL);
    CHECK(at > 50);
    ybuf_release(&remote);
}

TEST(edits_with_every_allocation_failing_once)
{
    every_allocation_fails(false);
}

TEST(observed_edits_with_every_allocation_failing_once)
{
    every_allocation_fails(true);
}
