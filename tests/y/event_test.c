/* Observers, what their events say, and in which order they are called. */
#include "tests/y/types.h"

static struct ybuf heard;

static void hear(const char *s)
{
    ybuf_append(&heard, s, strlen(s));
}

static void check_heard(const char *file, int line, const char *want)
{
    ybuf_append(&heard, "", 1);
    if (strcmp((const char *)heard.data, want) != 0)
        test_fail(file, line, "heard %s, expected %s", (const char *)heard.data, want);
    heard.len = 0;
}
#define CHECK_HEARD(want) check_heard(__FILE__, __LINE__, want)

static void on_event(const struct y_event *e, void *udata)
{
    hear(udata);
    hear(":");
    CHECK_EQ(y_event_json(e, &heard), Y_OK);
    hear("\n");
}

static void on_deep(const struct y_event *const *events, size_t n, void *udata)
{
    hear(udata);
    for (size_t i = 0; i < n; i++) {
        hear(":");
        CHECK_EQ(y_event_json(events[i], &heard), Y_OK);
    }
    hear("\n");
}

static char A[] = "a", B[] = "b", C[] = "c";

TEST(event_of_a_list)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY);
    heard.len = 0;
    CHECK(y_observe(list, on_event, A));
    insert(list, 0, "1");
    CHECK_HEARD("a:{\"path\":[],\"delta\":[{\"insert\":[1]}],\"keys\":{}}\n");
    ydoc_begin(doc, NULL);
    insert(list, 1, "2");
    insert(list, 2, "3");
    y_list_insert_type(list, 3, Y_REF_MAP, NULL, NULL);
    y_list_delete(list, 1, 1);
    ydoc_commit(doc);
    CHECK_HEARD("a:{\"path\":[],\"delta\":[{\"retain\":1},{\"insert\":[3,{}]}],\"keys\":{}}\n");
    ydoc_begin(doc, NULL);
    y_list_delete(list, 0, 2);
    insert(list, 1, "4");
    ydoc_commit(doc);
    CHECK_HEARD("a:{\"path\":[],\"delta\":[{\"delete\":2},{\"retain\":1},{\"insert\":[4]}],"
                "\"keys\":{}}\n");
    ydoc_begin(doc, NULL);
    insert(list, 0, "5");
    y_list_delete(list, 0, 1);
    ydoc_commit(doc); /* came and went */
    CHECK_HEARD("a:{\"path\":[],\"delta\":[],\"keys\":{}}\n");
    ydoc_free(doc);
}

TEST(event_of_keys_has_what_they_were)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *map = root(doc, "map", Y_REF_MAP), *in;
    heard.len = 0;
    y_observe(map, on_event, A);
    ydoc_begin(doc, NULL);
    set(map, "b", "1");
    set(map, "1", "1");
    set(map, "b", "2");
    y_map_set_type(map, "t", 1, Y_REF_MAP, NULL, &in);
    set(in, "k", "1");
    set(map, "gone", "1");
    y_map_delete(map, "gone", 4);
    ydoc_commit(doc);
    CHECK_HEARD("a:{\"path\":[],\"delta\":[],\"keys\":{\"1\":{\"action\":\"add\"},"
                "\"b\":{\"action\":\"add\"},\"t\":{\"action\":\"add\"}}}\n");
    ydoc_begin(doc, NULL);
    set(map, "b", "3");
    y_map_delete(map, "t", 1);
    set(map, "1", "undefined");
    y_map_delete(map, "1", 1);
    ydoc_commit(doc);
    CHECK_HEARD(
        "a:{\"path\":[],\"delta\":[],\"keys\":{\"1\":{\"action\":\"delete\",\"oldValue\":1},"
        "\"b\":{\"action\":\"update\",\"oldValue\":2},"
        "\"t\":{\"action\":\"delete\",\"oldValue\":{}}}}\n");
    ydoc_free(doc);
}

static void on_parts(const struct y_event *const *events, size_t n, void *udata)
{
    const struct y_path_step *steps;
    const struct y_key_change *keys;
    const struct y_delta_op *ops;
    size_t *calls = udata, count;
    CHECK_EQ(n, 1);
    CHECK_EQ(y_event_path(events[0], &steps, &count), Y_OK);
    CHECK(count == 2 && steps[0].key.n == 1 && *steps[0].key.p == 'l' && !steps[1].key.p);
    CHECK_EQ(steps[1].position, 1);
    CHECK_EQ(y_event_delta(events[0], &ops, &count), Y_OK);
    CHECK_EQ(count, 0);
    CHECK_EQ(y_event_keys(events[0], &keys, &count), Y_OK);
    CHECK(count == 1 && keys[0].key.n == 1 && *keys[0].key.p == 'k');
    CHECK_EQ(keys[0].action, Y_KEY_ADD + *calls); /* add, update, delete */
    CHECK_EQ(keys[0].old.kind, *calls ? Y_VALUE_ANY : Y_VALUE_NONE);
    if (*calls) /* 1, then 2 */
        CHECK(keys[0].old.bytes.n == 2 && keys[0].old.bytes.p[1] == *calls);
    ++*calls;
}

TEST(events_tell_keys_path_and_delta)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *map = root(doc, "map", Y_REF_MAP), *list, *in;
    size_t calls = 0;
    y_map_set_type(map, "l", 1, Y_REF_ARRAY, NULL, &list);
    insert(list, 0, "0");
    y_list_insert_type(list, 1, Y_REF_MAP, NULL, &in);
    CHECK(y_observe_deep(map, on_parts, &calls));
    set(in, "k", "1");
    set(in, "k", "2");
    y_map_delete(in, "k", 1);
    CHECK_EQ(calls, 3);
    ydoc_free(doc);
}

TEST(deep_observers_get_the_nearest_first_and_paths_from_where_they_are)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *map = root(doc, "map", Y_REF_MAP), *list, *in;
    y_map_set_type(map, "l", 1, Y_REF_ARRAY, NULL, &list);
    insert(list, 0, "0");
    y_list_insert_type(list, 1, Y_REF_MAP, NULL, &in);
    heard.len = 0;
    y_observe_deep(map, on_deep, A);
    y_observe_deep(list, on_deep, B);
    y_observe(in, on_event, C);
    ydoc_begin(doc, NULL);
    set(in, "k", "1");
    set(map, "m", "1");
    ydoc_commit(doc);
    CHECK_HEARD("c:{\"path\":[],\"delta\":[],\"keys\":{\"k\":{\"action\":\"add\"}}}\n"
                "b:{\"path\":[1],\"delta\":[],\"keys\":{\"k\":{\"action\":\"add\"}}}\n"
                "a:{\"path\":[],\"delta\":[],\"keys\":{\"m\":{\"action\":\"add\"}}}"
                ":{\"path\":[\"l\",1],\"delta\":[],\"keys\":{\"k\":{\"action\":\"add\"}}}\n");
    ydoc_begin(doc, NULL);
    set(in, "k", "2");
    y_list_delete(list, 1, 1); /* nobody hears of what is gone */
    ydoc_commit(doc);
    CHECK_HEARD("b:{\"path\":[],\"delta\":[{\"retain\":1},{\"delete\":1}],\"keys\":{}}\n"
                "a:{\"path\":[\"l\"],\"delta\":[{\"retain\":1},{\"delete\":1}],\"keys\":{}}\n");
    ydoc_free(doc);
}

TEST(path_of_what_is_far_behind_in_a_long_list)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY), *t = NULL;
    heard.len = 0;
    for (int i = 0; i < 500; i++)
        CHECK_EQ(y_list_insert_type(list, (uint64_t)i, Y_REF_MAP, NULL, &t), Y_OK);
    y_list_delete(list, 100, 100);
    y_observe_deep(list, on_deep, A);
    set(t, "k", "1");
    CHECK_HEARD("a:{\"path\":[399],\"delta\":[],\"keys\":{\"k\":{\"action\":\"add\"}}}\n");
    ydoc_free(doc);
}

/* --- observers that do something -------------------------------------------------------------- */

static struct y_observer *own;

static void unobserve_own(const struct y_event *e, void *udata)
{
    on_event(e, udata);
    y_unobserve(own);
    y_unobserve(own);
}

TEST(observer_that_stops_inside_of_itself)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY);
    heard.len = 0;
    own = y_observe(list, unobserve_own, A);
    struct y_observer *b = y_observe(list, on_event, B);
    insert(list, 0, "1");
    insert(list, 0, "2");
    CHECK_HEARD("a:{\"path\":[],\"delta\":[{\"insert\":[1]}],\"keys\":{}}\n"
                "b:{\"path\":[],\"delta\":[{\"insert\":[1]}],\"keys\":{}}\n"
                "b:{\"path\":[],\"delta\":[{\"insert\":[2]}],\"keys\":{}}\n");
    y_unobserve(b);
    insert(list, 0, "3");
    CHECK_HEARD("");
    ydoc_free(doc);
}

/* Edits, much, after it asked for the delta: what others are lent must follow. */
static void edit_much(const struct y_event *e, void *udata)
{
    struct y_type *map = root(y_type_doc(y_event_target(e)), "map", Y_REF_MAP);
    on_event(e, udata);
    if (y_type_length(map))
        return;
    for (int i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof(key), "key%d", i);
        CHECK_EQ(set(map, key, "\"a value that takes some room in the pool\""), Y_OK);
    }
    CHECK_EQ(insert(y_event_target(e), 0, "\"mine\""), Y_OK);
}

TEST(observer_that_edits_while_others_look_at_the_same_event)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY);
    insert(list, 0, "\"old\"");
    heard.len = 0;
    y_observe(list, edit_much, A);
    y_observe(list, on_event, B);
    ydoc_begin(doc, NULL);
    y_list_delete(list, 0, 1);
    insert(list, 0, "\"new\"");
    ydoc_commit(doc);
    CHECK_HEARD("a:{\"path\":[],\"delta\":[{\"insert\":[\"new\"]},{\"delete\":1}],\"keys\":{}}\n"
                "b:{\"path\":[],\"delta\":[{\"insert\":[\"new\"]},{\"delete\":1}],\"keys\":{}}\n"
                "a:{\"path\":[],\"delta\":[{\"insert\":[\"mine\"]}],\"keys\":{}}\n"
                "b:{\"path\":[],\"delta\":[{\"insert\":[\"mine\"]}],\"keys\":{}}\n");
    CHECK(ydoc_check(doc) == NULL);
    ydoc_free(doc);
}

static void delete_all(const struct y_event *e, void *udata)
{
    struct y_type *list = root(y_type_doc(y_event_target(e)), "list", Y_REF_ARRAY);
    (void)udata;
    hear("deletes\n");
    if (y_type_length(list))
        CHECK_EQ(y_list_delete(list, 0, y_type_length(list)), Y_OK);
}

TEST(observer_that_deletes_a_type_whose_turn_is_next)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY), *one, *two;
    y_list_insert_type(list, 0, Y_REF_MAP, NULL, &one);
    y_list_insert_type(list, 1, Y_REF_MAP, NULL, &two);
    heard.len = 0;
    y_observe(one, delete_all, A);
    y_observe(two, on_event, B);
    y_observe_deep(two, on_deep, C);
    ydoc_begin(doc, NULL);
    set(one, "k", "1");
    set(two, "k", "1");
    ydoc_commit(doc);
    CHECK_HEARD("deletes\n");
    CHECK_DOC(doc, "{\"list\":[]}");
    ydoc_free(doc);
}

/* --- updates, subdocuments -------------------------------------------------------------------- */

static void pass_on(struct ydoc *doc, const uint8_t *update, size_t len, const void *origin,
                    void *udata)
{
    (void)doc;
    (void)origin;
    CHECK_EQ(ydoc_apply(udata, update, len, NULL), Y_OK);
}

TEST(updates_of_transactions_make_the_same_document)
{
    struct ydoc *doc = ydoc_new(NULL), *copy = ydoc_new(NULL);
    struct ybuf a = {0}, b = {0};
    struct y_type *list = root(doc, "list", Y_REF_ARRAY), *map = root(doc, "map", Y_REF_MAP), *in;
    CHECK_EQ(ydoc_on_update(doc, Y_V1, pass_on, copy), Y_OK);
    y_observe(list, edit_much, A);
    for (int i = 0; i < 300; i++) {
        ydoc_begin(doc, NULL);
        uint64_t n = y_type_length(list);
        if (test_below(3))
            insert(list, test_below(n + 1), "[1,2]");
        else
            y_list_insert_type(list, test_below(n + 1), (enum y_type_ref)test_below(3), NULL, &in);
        if (n && test_below(3) == 0)
            y_list_delete(list, test_below(n), 1);
        set(map, test_below(2) ? "a" : "b", "1");
        ydoc_commit(doc);
    }
    heard.len = 0;
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &a), Y_OK);
    CHECK_EQ(ydoc_encode_update(copy, NULL, 0, &b), Y_OK);
    CHECK_MEM(a.data, a.len, b.data, b.len);
    CHECK(!ydoc_check(doc) && !ydoc_check(copy));
    ybuf_release(&a);
    ybuf_release(&b);
    ydoc_free(doc);
    ydoc_free(copy);
}

static void on_subdoc(struct ydoc *doc, enum y_subdoc_change change, struct y_slice guid,
                      struct y_slice options, void *udata)
{
    (void)doc;
    (void)udata;
    hear(change == Y_SUBDOC_ADDED ? "added " : change == Y_SUBDOC_LOADED ? "loaded " : "removed ");
    ybuf_append(&heard, guid.p, guid.n);
    hear(" ");
    CHECK_EQ(y_any_to_json(options.p, options.n, &heard), Y_OK);
    hear("\n");
}

static struct y_value subdoc(const char *guid, const char *options)
{
    struct y_value v = {.kind = Y_VALUE_DOC, .bytes = {(const uint8_t *)guid, strlen(guid)}};
    if (options)
        v.options = value_of(options).bytes;
    return v;
}

TEST(subdocuments_come_are_loaded_and_go)
{
    struct ydoc *doc = ydoc_new(NULL), *copy = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY);
    heard.len = 0;
    ydoc_on_subdoc(doc, on_subdoc, NULL);
    struct y_value one = subdoc("one", NULL), two = subdoc("two", "{\"autoLoad\":true}");
    y_list_insert(list, 0, &one, 1);
    y_list_insert(list, 1, &two, 1);
    CHECK_HEARD("added one {}\nloaded one {}\n"
                "added two {\"autoLoad\":true}\nloaded two {\"autoLoad\":true}\n");
    struct ybuf b = {0};
    ydoc_encode_update(doc, NULL, 0, &b);
    ydoc_on_subdoc(copy, on_subdoc, NULL);
    ydoc_apply(copy, b.data, b.len, NULL); /* from elsewhere: loaded only if it says so */
    CHECK_HEARD("added one {}\nadded two {\"autoLoad\":true}\nloaded two {\"autoLoad\":true}\n");
    y_list_delete(list, 0, 2);
    CHECK_HEARD("removed one {}\nremoved two {\"autoLoad\":true}\n");
    ydoc_begin(doc, NULL);
    y_list_insert(list, 0, &one, 1);
    y_list_delete(list, 0, 1);
    ydoc_commit(doc);
    CHECK_HEARD("loaded one {}\n");
    ydoc_on_subdoc(doc, NULL, NULL);
    y_list_insert(list, 0, &one, 1);
    CHECK_HEARD("");
    ybuf_release(&b);
    ydoc_free(doc);
    ydoc_free(copy);
}
