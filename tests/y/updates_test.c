#include "tests/test.h"
#include "tests/y/vectors.h"
#include "y/any.h"

#define S(bytes) ((struct y_slice){(const uint8_t *)(bytes), sizeof(bytes) - 1})

static void merges(const struct y_slice *list, size_t n, struct y_slice want)
{
    struct ybuf out = {0};
    CHECK_EQ(y_updates_merge(list, n, Y_V1, &out), Y_OK);
    CHECK_MEM(out.data, out.len, want.p, want.n);
    /* The same in v2. */
    struct ybuf v2 = {0}, want_v2 = {0}, parts[8] = {{0}};
    struct y_slice list_v2[8];
    CHECK(n <= 8);
    for (size_t i = 0; i < n; i++) {
        CHECK_EQ(y_update_convert(list[i].p, list[i].n, Y_V1, Y_V2, &parts[i]), Y_OK);
        list_v2[i] = (struct y_slice){parts[i].data, parts[i].len};
    }
    CHECK_EQ(y_updates_merge(list_v2, n, Y_V2, &v2), Y_OK);
    CHECK_EQ(y_update_convert(want.p, want.n, Y_V1, Y_V2, &want_v2), Y_OK);
    CHECK_MEM(v2.data, v2.len, want_v2.data, want_v2.len);
    for (size_t i = 0; i < n; i++)
        ybuf_release(&parts[i]);
    ybuf_release(&v2);
    ybuf_release(&want_v2);
    ybuf_release(&out);
}
#define MERGES(want, ...)                                                                          \
    merges((struct y_slice[]){__VA_ARGS__},                                                        \
           sizeof((struct y_slice[]){__VA_ARGS__}) / sizeof(struct y_slice), want)

/* const doc = new Y.Doc(); doc.clientID = 1; doc.on('update', u => updates.push(u)); const t =
 * doc.getText('t') t.insert(0, 'ab'); t.insert(2, '😀c'); t.insert(5, 'd') */
#define U0 S("\x01\x01\x01\x00\x04\x01\x01\x74\x02\x61\x62\x00")
#define U1 S("\x01\x01\x01\x02\x84\x01\x01\x05\xf0\x9f\x98\x80\x63\x00")
#define U2 S("\x01\x01\x01\x05\x84\x01\x04\x01\x64\x00")
/* Y.encodeStateAsUpdate(doc) */
#define STATE S("\x01\x01\x01\x00\x04\x01\x01\x74\x08\x61\x62\xf0\x9f\x98\x80\x63\x64\x00")
/* Y.mergeUpdates(updates) */
#define ALL                                                                                        \
    S("\x01\x03\x01\x00\x04\x01\x01\x74\x02\x61\x62\x84\x01\x01\x05\xf0\x9f\x98\x80\x63"           \
      "\x84\x01\x04\x01\x64\x00")
/* Y.mergeUpdates([updates[0], updates[2]]): with a Skip */
#define GAP S("\x01\x03\x01\x00\x04\x01\x01\x74\x02\x61\x62\x0a\x03\x84\x01\x04\x01\x64\x00")
#define EMPTY S("\x00\x00")

TEST(merge_in_any_order)
{
    MERGES(ALL, U0, U1, U2);
    MERGES(ALL, U2, U1, U0);
    MERGES(ALL, U1, U0, U2, U1, U0);
    MERGES(ALL, GAP, U1);
    MERGES(ALL, U1, GAP);
    MERGES(GAP, U2, U0);
    MERGES(EMPTY, EMPTY, EMPTY);
    MERGES(U0, U0, U0);
}

TEST(merge_takes_overlaps_once)
{
    MERGES(STATE, U1, STATE);
    MERGES(STATE, STATE, U1, U2);
    /* Y.mergeUpdates([updates[0], Y.diffUpdate(Y.encodeStateAsUpdate(doc), new Uint8Array([1, 1,
     * 1]))]) */
    MERGES(S("\x01\x02\x01\x00\x04\x01\x01\x74\x02\x61\x62\x84\x01\x01\x06\xf0\x9f\x98\x80\x63\x64"
             "\x00"),
           U0, S("\x01\x01\x01\x01\x84\x01\x00\x07\x62\xf0\x9f\x98\x80\x63\x64\x00"));
}

TEST(merge_cuts_a_pair_into_replacement_characters)
{
    /* Clocks 0 to 3 as a b and the first half; the state has all of it. */
    MERGES(S("\x01\x02\x01\x00\x04\x01\x01t\x05"
             "ab\xef\xbf\xbd\x84\x01\x02\x05\xef\xbf\xbd"
             "cd\x00"),
           S("\x01\x01\x01\x00\x04\x01\x01t\x05"
             "ab\xef\xbf\xbd\x00"),
           STATE);
}

TEST(merge_of_one_is_that_one)
{
    /* Sections that are not in order stay. */
    MERGES(S("\x02\x01\x01\x00\x00\x01\x01\x02\x00\x00\x01\x00"),
           S("\x02\x01\x01\x00\x00\x01\x01\x02\x00\x00\x01\x00"));
}

/* Y.mergeUpdates([deletion of clock 1, deletion of clock 0]) */
TEST(merge_sorts_and_joins_delete_sets)
{
    MERGES(S("\x00\x01\x01\x01\x00\x02"), S("\x00\x01\x01\x01\x01\x01"),
           S("\x00\x01\x01\x01\x00\x01"));
    MERGES(S("\x00\x02\x05\x01\x00\x01\x01\x02\x00\x03\x04\x02"),
           S("\x00\x01\x01\x02\x00\x01\x04\x01"),
           S("\x00\x02\x05\x01\x00\x01\x01\x02\x05\x01\x00\x03"));
}

/* Y.mergeUpdates gives these; GCs that follow in one update stay two. */
TEST(merge_joins_gcs_of_different_updates)
{
    MERGES(S("\x01\x01\x01\x00\x00\x05\x00"), S("\x01\x01\x01\x00\x00\x03\x00"),
           S("\x01\x01\x01\x01\x00\x04\x00"));
    MERGES(S("\x01\x01\x01\x00\x00\x05\x00"), S("\x01\x01\x01\x00\x00\x03\x00"),
           S("\x01\x02\x01\x00\x00\x03\x00\x02\x00"));
    MERGES(S("\x01\x02\x01\x00\x00\x03\x00\x02\x00"), S("\x01\x02\x01\x00\x00\x03\x00\x02\x00"),
           EMPTY);
}

/* Y.mergeUpdates([item, gc]), ([gc, item]), ([item, gc, item]): yjs turns such around each time it
 * sorts. */
TEST(merge_of_content_and_its_gc_as_yjs_on_v8)
{
    struct y_slice item = S("\x01\x01\x01\x00\x04\x01\x01t\x03"
                            "abc\x00");
    struct y_slice gc = S("\x01\x01\x01\x00\x00\x03\x00");
    MERGES(gc, item, gc);
    MERGES(item, gc, item);
    MERGES(item, item, gc, item);
}

/* yjs loses clock 0 of client 2 here: its client 1 was written before. */
TEST(merge_of_updates_with_clients_ascending_loses_nothing)
{
    MERGES(S("\x02\x01\x02\x00\x00\x01\x01\x01\x00\x00\x02\x00"),
           S("\x02\x01\x01\x00\x00\x02\x01\x02\x00\x00\x01\x00"), EMPTY);
}

TEST(merge_refuses_all_if_one_is_bad)
{
    struct ybuf out = {0};
    struct y_slice list[] = {U0, S("\x01\x01\x01\x02\x84\x01\x01\x05\xf0\x9f\x98"), U2};
    ybuf_append(&out, "x", 1);
    CHECK_EQ(y_updates_merge(list, 3, Y_V1, &out), Y_ERR_MALFORMED);
    CHECK_MEM(out.data, out.len, "x", 1);
    CHECK_EQ(y_updates_merge(NULL, 0, Y_V1, &out), Y_OK);
    CHECK_MEM(out.data, out.len, "x\0\0", 3);
    ybuf_release(&out);
}

static void diff(struct y_slice update, struct y_slice sv, struct y_slice want)
{
    struct ybuf out = {0};
    CHECK_EQ(y_update_diff(update.p, update.n, sv.p, sv.n, Y_V1, &out), Y_OK);
    CHECK_MEM(out.data, out.len, want.p, want.n);
    ybuf_release(&out);
}

/* Y.diffUpdate(update, sv) */
TEST(diff_as_yjs)
{
    diff(STATE, S("\x00"), STATE);
    diff(STATE, S(""), STATE);
    diff(STATE, S("\x01\x01\x03"), S("\x01\x01\x01\x03\x84\x01\x02\x05\xef\xbf\xbd\x63\x64\x00"));
    diff(STATE, S("\x01\x01\x06"), EMPTY);
    diff(STATE, S("\x01\x01\x07"), EMPTY);
    diff(STATE, S("\x01\x02\x07"), STATE);
    diff(GAP, S("\x01\x01\x02"), U2);
    diff(GAP, S("\x01\x01\x01"),
         S("\x01\x03\x01\x01\x84\x01\x00\x01\x62\x0a\x03\x84\x01\x04\x01\x64\x00"));
}

TEST(diff_refuses_a_bad_state_vector)
{
    struct ybuf out = {0};
    CHECK_EQ(y_update_diff(STATE.p, STATE.n, "\x01\x01", 2, Y_V1, &out), Y_ERR_MALFORMED);
    CHECK_EQ(y_update_diff(STATE.p, STATE.n, "\x00\x00", 2, Y_V1, &out), Y_ERR_MALFORMED);
    CHECK_EQ(out.len, 0);
}

static void vector_of(struct y_slice update, struct y_slice want)
{
    struct ybuf out = {0};
    CHECK_EQ(y_update_state_vector(update.p, update.n, Y_V1, &out), Y_OK);
    CHECK_MEM(out.data, out.len, want.p, want.n);
    ybuf_release(&out);
}

/* Y.encodeStateVectorFromUpdate(update) */
TEST(state_vector_ends_at_the_first_gap)
{
    vector_of(STATE, S("\x01\x01\x06"));
    vector_of(GAP, S("\x01\x01\x02"));
    vector_of(U2, S("\x00"));
    vector_of(EMPTY, S("\x00"));
    vector_of(S("\x02\x01\x02\x00\x00\x01\x01\x01\x00\x00\x02\x00"), S("\x02\x02\x01\x01\x02"));
    /* A Skip first: yjs says 3. */
    vector_of(S("\x01\x02\x01\x00\x0a\x03\x00\x01\x00"), S("\x00"));
}

TEST(inspect_is_readable)
{
    struct ybuf out = {0};
    CHECK_EQ(y_update_inspect(GAP.p, GAP.n, Y_V1, &out), Y_OK);
    static const char want[] = "client 1  clock 0..2  string \"ab\"  parent root \"t\"\n"
                               "client 1  clock 2..5  skip\n"
                               "client 1  clock 5..6  string \"d\"  origin 1:4\n";
    CHECK_MEM(out.data, out.len, want, sizeof(want) - 1);
    CHECK_EQ(y_update_inspect(GAP.p, GAP.n - 1, Y_V1, &out), Y_ERR_MALFORMED);
    CHECK_EQ(out.len, sizeof(want) - 1);
    ybuf_release(&out);
}

/* --- every allocation fails once -------------------------------------------------------------- */

static size_t live, calls, fail_at;

static void *failing_realloc(void *p, size_t n)
{
    if (++calls == fail_at)
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

struct work {
    const struct y_slice *list;
    size_t n;
    enum y_format format;
};

static int do_merge(const struct work *w, struct ybuf *out)
{
    return y_updates_merge(w->list, w->n, w->format, out);
}
static int do_diff(const struct work *w, struct ybuf *out)
{
    return y_update_diff(w->list[0].p, w->list[0].n, "\x01\x01\x01", 3, w->format, out);
}
static int do_vector(const struct work *w, struct ybuf *out)
{
    return y_update_state_vector(w->list[0].p, w->list[0].n, w->format, out);
}
static int do_convert(const struct work *w, struct ybuf *out)
{
    return y_update_convert(w->list[0].p, w->list[0].n, w->format, (enum y_format) !w->format, out);
}
static int do_inspect(const struct work *w, struct ybuf *out)
{
    return y_update_inspect(w->list[0].p, w->list[0].n, w->format, out);
}

static int do_from_json(const struct work *w, struct ybuf *out)
{
    return y_any_from_json(w->list[0].p, w->list[0].n, out);
}
static int do_to_json(const struct work *w, struct ybuf *out)
{
    return y_any_to_json(w->list[0].p, w->list[0].n, out);
}

static void every_allocation_fails(int (*run)(const struct work *, struct ybuf *), struct work w)
{
    int error = Y_ERR_NOMEM;
    live = 0;
    for (fail_at = 1; error; fail_at++) {
        struct ybuf out = {0};
        calls = 0;
        y_set_allocator(failing_realloc, counting_free);
        size_t at = fail_at;
        fail_at = 0;
        ybuf_append(&out, "before", 6);
        calls = 0, fail_at = at;
        error = run(&w, &out);
        bool untouched = out.len == 6 && memcmp(out.data, "before", 6) == 0;
        size_t made = calls;
        ybuf_release(&out);
        y_set_allocator(NULL, NULL);
        CHECK_EQ(live, 0);
        if (error) {
            CHECK_EQ(error, Y_ERR_NOMEM);
            CHECK(untouched);
        } else {
            CHECK(made < fail_at);
        }
    }
}

/* One that needs every kind of scratch: many keys, many sections, many ranges, long texts. */
static struct ybuf big_update(void)
{
    struct ybuf b = {0}, json = {0};
    ybuf_append(&json, "{", 1);
    for (int i = 40; i-- > 0;) {
        char member[24];
        int n = snprintf(member, sizeof(member), "\"%d\":[%d]%s", i, i, i ? "," : "}");
        ybuf_append(&json, member, (size_t)n);
    }
    y_write_varuint(&b, 30);
    for (unsigned client = 60; client > 30; client--) {
        uint8_t section[] = {2, (uint8_t)client, 0, 6, 1, 1, 't', 1, 'k'};
        ybuf_append(&b, section, sizeof(section));
        y_write_bytes(&b, json.data, json.len);
        uint8_t second[] = {0x87, (uint8_t)client, 0, 3, 1, 'p'};
        ybuf_append(&b, second, sizeof(second));
    }
    uint8_t ds[] = {1, 1, 20};
    ybuf_append(&b, ds, 3);
    for (uint8_t i = 0; i < 20; i++) {
        uint8_t range[] = {(uint8_t)(3 * i), 1};
        ybuf_append(&b, range, 2);
    }
    ybuf_release(&json);
    return b;
}

TEST(updates_report_every_failed_allocation)
{
    struct ybuf big = big_update(), big_v2 = {0};
    struct y_slice list[2][VECTORS + 2];
    CHECK_EQ(y_update_check(big.data, big.len), Y_OK);
    CHECK_EQ(y_update_convert(big.data, big.len, Y_V1, Y_V2, &big_v2), Y_OK);
    for (int format = 0; format < 2; format++) {
        const struct ybuf *b = format ? &big_v2 : &big;
        list[format][0] = list[format][VECTORS + 1] = (struct y_slice){b->data, b->len};
        for (size_t i = 0; i < VECTORS; i++)
            list[format][i + 1] =
                format ? (struct y_slice){(const uint8_t *)vectors[i].v2, vectors[i].v2_len}
                       : (struct y_slice){(const uint8_t *)vectors[i].v1, vectors[i].v1_len};
        struct work w = {list[format], VECTORS + 2, (enum y_format)format};
        every_allocation_fails(do_merge, w);
        every_allocation_fails(do_diff, w);
        every_allocation_fails(do_vector, w);
        every_allocation_fails(do_convert, w);
        every_allocation_fails(do_inspect, w);
    }
    ybuf_release(&big);
    ybuf_release(&big_v2);
}

TEST(any_reports_every_failed_allocation)
{
    struct ybuf json = {0}, any = {0};
    ybuf_append(&json, "[", 1);
    for (int i = 0; i < 60; i++) {
        char text[80];
        int n =
            snprintf(text, sizeof(text),
                     "{\"k%d\":1.5,\"%d\":\"\\u00e9\",\"0\":{\"0\":[%d]},\"%d\":0},", i, i, i, i);
        ybuf_append(&json, text, (size_t)n);
    }
    ybuf_append(&json, "null]", 5);
    CHECK_EQ(y_any_from_json(json.data, json.len, &any), Y_OK);
    struct y_slice of_json = {json.data, json.len}, of_any = {any.data, any.len};
    every_allocation_fails(do_from_json, (struct work){&of_json, 1, Y_V1});
    every_allocation_fails(do_to_json, (struct work){&of_any, 1, Y_V1});
    ybuf_release(&json);
    ybuf_release(&any);
}
