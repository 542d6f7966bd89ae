/* Documents: what Yjs's rules say, at the sizes and in the orders where an implementation breaks. */
#include "tests/y/core.h"

#include "y/codec.h"

static struct ydoc *fresh(void)
{
    return ydoc_new(NULL);
}

static struct ybuf piece(struct piece p)
{
    return core_update(&p, 1, NULL, 0);
}

static struct ybuf deletion(uint64_t client, uint64_t clock, uint64_t len)
{
    return core_update(NULL, 0, &(struct range){client, clock, len}, 1);
}

static struct ybuf text(uint64_t client, uint32_t clock, const char *s)
{
    return piece(PIECE(.client = client, .clock = clock, .kind = Y_STRING, .text = s,
                       .origin = clock ? client : NONE, .origin_clock = clock - 1));
}

/* --- text ------------------------------------------------------------------------------------- */

TEST(keystrokes_grow_one_item)
{
    struct ydoc *doc = fresh();
    for (uint32_t i = 0; i < 1000; i++)
        core_take(doc, text(5, i, "x"), Y_OK);
    struct ybuf all = core_encode(doc);
    CHECK(all.len < 1030);
    ybuf_release(&all);
    ydoc_free(doc);
}

TEST(keystrokes_of_two_clients_by_turns_are_two_items)
{
    struct ydoc *doc = fresh(), *other = fresh();
    struct ybuf b = {0};
    for (uint32_t i = 0; i < 500; i++) {
        core_take(doc, text(5, i, "x"), Y_OK);
        core_take(doc, text(6, i, "\xc3\xa9"), Y_OK);
        core_take(other, text(6, i, "\xc3\xa9"), Y_OK);
    }
    for (uint32_t i = 0; i < 500; i++)
        core_take(other, text(5, i, "x"), Y_OK);
    core_same(doc, other);
    CHECK_EQ(ydoc_text(doc, "t", &b), Y_OK);
    CHECK_EQ(b.len, 1500);
    ybuf_release(&b);
    ydoc_free(doc);
    ydoc_free(other);
}

TEST(backspaces_move_a_boundary)
{
    struct ydoc *doc = fresh(), *at_once = fresh();
    core_take(doc, text(5, 0, "hello w\xc3\xb6rld"), Y_OK);
    core_take(at_once, text(5, 0, "hello w\xc3\xb6rld"), Y_OK);
    for (uint32_t i = 11; i-- > 3;)
        core_take(doc, deletion(5, i, 1), Y_OK);
    core_take(at_once, deletion(5, 3, 8), Y_OK);
    core_text_is(doc, "hel");
    core_same(doc, at_once);
    core_take(doc, deletion(5, 0, 3), Y_OK);
    core_text_is(doc, "");
    core_take(doc, text(5, 11, "again"), Y_OK);
    core_text_is(doc, "again");
    ydoc_free(doc);
    ydoc_free(at_once);
}

TEST(deleting_the_first_of_a_pair_leaves_a_replacement_character)
{
    for (uint32_t at = 1; at <= 2; at++) {
        struct ydoc *doc = fresh();
        core_take(doc, text(5, 0, "a\xf0\x9f\x98\x80z"), Y_OK);
        core_take(doc, deletion(5, at, 1), Y_OK);
        core_text_is(doc, "a\xef\xbf\xbdz");
        core_take(doc, deletion(5, 1, 2), Y_OK);
        core_text_is(doc, "az");
        ydoc_free(doc);
    }
}

TEST(a_long_string_of_pairs_is_cut_anywhere)
{
    enum { PAIRS = 300 };
    char s[PAIRS * 4 + 1] = {0};
    for (int i = 0; i < PAIRS; i++)
        memcpy(s + 4 * i, "\xf0\x9f\x98\x80", 4);
    struct ydoc *doc = fresh(), *other = fresh();
    core_take(doc, text(5, 0, s), Y_OK);
    core_take(other, text(5, 0, s), Y_OK);
    for (int i = 0; i < 200; i++) {
        uint32_t at = (uint32_t)test_below(PAIRS * 2);
        core_take(doc, deletion(5, at, 1), Y_OK);
        core_take(other, deletion(5, at, 1), Y_OK);
        if (i % 10 == 0) {
            struct ydoc *loaded = fresh();
            core_take(loaded, core_encode(doc), Y_OK);
            core_same(doc, loaded);
            ydoc_free(loaded);
        }
    }
    core_same(doc, other);
    ydoc_free(doc);
    ydoc_free(other);
}

TEST(conflicting_inserts_are_ordered_by_client)
{
    struct ybuf a = text(1, 0, "a"), b = text(2, 0, "b"), c = text(3, 0, "c"), o[3] = {a, b, c};
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int i = 0; i < 6; i++) {
        struct ydoc *doc = fresh();
        for (int k = 0; k < 3; k++)
            core_apply(doc, o[orders[i][k]], Y_OK);
        core_text_is(doc, "abc");
        ydoc_free(doc);
    }
    for (int k = 0; k < 3; k++)
        ybuf_release(&o[k]);
}

/* --- order and repetition --------------------------------------------------------------------- */

static void shuffle(size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i-- > 1;) {
        size_t k = test_below(i + 1), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
}

/* Where neighbours were not both at hand in a transaction Yjs leaves them unmerged, and so do we: the
 * same document in a few structs more. */
static void same_when_merged(const struct ydoc *a, const struct ydoc *b)
{
    struct ybuf x = core_canonical(a), y = core_canonical(b);
    CHECK_MEM(x.data, x.len, y.data, y.len);
    ybuf_release(&x);
    ybuf_release(&y);
}

TEST(shuffled_and_repeated_delivery_gives_the_document_of_ordered_delivery)
{
    for (int round = 0; round < 12; round++) {
        struct session s = core_session(2 + test_below(5), 20 + test_below(100));
        struct ydoc *doc = fresh(), *other = fresh();
        size_t *order = malloc(s.count * sizeof(*order));
        shuffle(order, s.count);
        for (size_t i = 0; i < s.count; i++)
            core_apply(doc, s.updates[i], Y_OK);
        for (size_t i = 0; i < s.count; i++) {
            core_apply(other, s.updates[order[i]], Y_OK);
            if (test_below(3) == 0)
                core_apply(other, s.updates[order[test_below(i + 1)]], Y_OK);
        }
        CHECK(!ydoc_has_pending(doc));
        CHECK(!ydoc_has_pending(other));
        CHECK_EQ(ydoc_pending_bytes(other), 0);
        same_when_merged(doc, other);
        ydoc_free(doc);
        ydoc_free(other);
        free(order);
        core_session_free(&s);
    }
}

/* Half of a session waits; saved and loaded, the other half completes it. */
TEST(what_waits_survives_saving)
{
    for (int round = 0; round < 8; round++) {
        struct session s = core_session(3, 60);
        struct ydoc *doc = fresh(), *half = fresh(), *loaded = fresh();
        for (size_t i = 0; i < s.count; i++) {
            core_apply(doc, s.updates[i], Y_OK);
            if (i % 2)
                core_apply(half, s.updates[i], Y_OK);
        }
        core_take(loaded, core_encode(half), Y_OK);
        for (size_t i = 0; i < s.count; i += 2) {
            core_apply(half, s.updates[i], Y_OK);
            core_apply(loaded, s.updates[i], Y_OK);
        }
        same_when_merged(doc, half);
        same_when_merged(doc, loaded);
        ydoc_free(doc);
        ydoc_free(half);
        ydoc_free(loaded);
        core_session_free(&s);
    }
}

TEST(updates_in_one_transaction_wake_each_other)
{
    struct ydoc *doc = fresh();
    struct ybuf late = deletion(5, 1, 4), a = text(5, 0, "abc"), b = text(5, 3, "def");
    CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
    CHECK_EQ(ydoc_apply(doc, late.data, late.len, NULL), Y_OK);
    CHECK_EQ(ydoc_apply(doc, a.data, a.len, NULL), Y_OK);
    CHECK_EQ(ydoc_apply(doc, b.data, b.len, NULL), Y_OK);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    core_check(doc);
    core_text_is(doc, "af");
    CHECK(!ydoc_has_pending(doc));
    ybuf_release(&late);
    ybuf_release(&a);
    ybuf_release(&b);
    ydoc_free(doc);
}

/* Somebody else deleted what we have not written yet: the next update applies it. */
TEST(a_deletion_that_waits_for_a_local_edit_is_not_lost)
{
    struct ydoc *doc = fresh();
    core_take(doc, deletion(1, 2, 2), Y_OK);
    for (int i = 0; i < 6; i++)
        CHECK_EQ(ydoc_text_splice(doc, "t", (uint64_t)i, 0, "x", 1, NULL), Y_OK);
    core_take(doc, text(9, 0, "z"), Y_OK);
    core_text_is(doc, "xxxxz");
    CHECK(!ydoc_has_pending(doc));
    ydoc_free(doc);
}

TEST(a_gap_waits_and_is_filled)
{
    struct ydoc *doc = fresh();
    for (uint32_t i = 99; i; i--)
        core_take(doc, text(5, i, "x"), Y_OK);
    CHECK(ydoc_has_pending(doc));
    core_text_is(doc, "");
    core_take(doc, text(5, 0, "y"), Y_OK);
    CHECK(!ydoc_has_pending(doc));
    struct ybuf all = core_encode(doc);
    CHECK(all.len < 120);
    ybuf_release(&all);
    ydoc_free(doc);
}

TEST(too_much_that_waits_is_refused_whole)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.max_pending_bytes = 600});
    int error = Y_OK;
    uint32_t n = 0;
    core_take(doc, text(5, 0, "here"), Y_OK);
    for (; !error; n++) {
        struct piece p[2] = {
            PIECE(.client = 100 + n, .kind = Y_STRING, .text = "comes"),
            PIECE(.client = 50, .clock = 1000 - 2 * n, .kind = Y_STRING, .text = "w", .origin = 5),
        };
        struct ybuf u = core_update(p, 2, &(struct range){5, n % 4, 1}, 1);
        struct ybuf before = core_describe(doc), after;
        error = ydoc_apply(doc, u.data, u.len, NULL);
        core_check(doc);
        after = core_describe(doc);
        if (error) {
            CHECK_EQ(error, Y_ERR_LIMIT);
            CHECK_MEM(before.data, before.len, after.data, after.len);
        }
        ybuf_release(&u);
        ybuf_release(&before);
        ybuf_release(&after);
    }
    CHECK(n > 3);
    core_take(doc, deletion(77, 5, 1), Y_ERR_LIMIT);
    /* Its owner knows better; what waits then beyond a limit stays. */
    ydoc_set_max_pending(doc, SIZE_MAX);
    core_take(doc, deletion(77, 5, 1), Y_OK);
    ydoc_set_max_pending(doc, 1);
    core_take(doc, deletion(78, 5, 1), Y_ERR_LIMIT);
    core_take(doc, text(5, 4, "."), Y_OK);
    ydoc_set_max_pending(doc, 0);
    core_take(doc, deletion(78, 5, 1), Y_OK);
    ydoc_free(doc);
}

TEST(two_clients_of_one_update_that_stand_on_each_other_by_turns)
{
    struct piece a[40], b[40], both[80];
    for (uint32_t i = 0; i < 40; i++) {
        a[i] = PIECE(.client = 7, .clock = i, .kind = Y_STRING, .text = "a");
        b[i] = PIECE(.client = 8, .clock = i, .kind = Y_STRING, .text = "b", .origin = 7,
                     .origin_clock = i);
        if (i) {
            a[i].origin = 8;
            a[i].origin_clock = i - 1;
        }
    }
    memcpy(both, a, sizeof(a));
    memcpy(both + 40, b, sizeof(b));
    struct ydoc *doc = fresh(), *other = fresh();
    core_take(doc, core_update(both, 80, NULL, 0), Y_OK);
    CHECK(!ydoc_has_pending(doc));
    memcpy(both, b, sizeof(b));
    memcpy(both + 40, a, sizeof(a));
    core_take(other, core_update(both, 80, NULL, 0), Y_OK);
    core_same(doc, other);
    CHECK_EQ(ydoc_text_length(doc, "t"), 80);
    ydoc_free(doc);
    ydoc_free(other);
}

TEST(clients_that_stand_on_each_other_in_a_circle_wait_for_ever)
{
    struct piece p[] = {
        PIECE(.client = 7, .kind = Y_STRING, .text = "a", .origin = 8),
        PIECE(.client = 8, .kind = Y_STRING, .text = "b", .origin = 9),
        PIECE(.client = 9, .kind = Y_STRING, .text = "c", .origin = 7),
    };
    struct ydoc *doc = fresh();
    core_take(doc, core_update(p, 3, NULL, 0), Y_OK);
    CHECK(ydoc_has_pending(doc));
    core_text_is(doc, "");
    struct ydoc *loaded = fresh();
    core_take(loaded, core_encode(doc), Y_OK);
    CHECK_EQ(ydoc_pending_bytes(loaded), ydoc_pending_bytes(doc));
    core_same(doc, loaded);
    ydoc_free(loaded);
    ydoc_free(doc);
}

TEST(sections_of_one_client_may_come_twice_and_backwards)
{
    struct piece p[] = {
        PIECE(.client = 7, .clock = 4, .kind = Y_STRING, .text = "ef", .origin = 7,
              .origin_clock = 3),
        PIECE(.client = 8, .kind = Y_STRING, .text = "!", .origin = 7, .origin_clock = 5),
        PIECE(.client = 7, .kind = Y_STRING, .text = "ab"),
        PIECE(.client = 9, .kind = Y_GC, .len = 3),
        PIECE(.client = 7, .clock = 1, .kind = Y_STRING, .text = "bcd", .origin = 7),
        PIECE(.client = 9, .kind = Y_GC, .len = 3),
        PIECE(.client = 7, .kind = Y_STRING, .text = "ab"),
    };
    struct ydoc *doc = fresh();
    core_take(doc, core_update(p, 7, NULL, 0), Y_OK);
    core_text_is(doc, "abcdef!");
    CHECK(!ydoc_has_pending(doc));
    ydoc_free(doc);
}

/* --- numbers ---------------------------------------------------------------------------------- */

TEST(clocks_up_to_the_last_one)
{
    struct ydoc *doc = fresh();
    uint32_t last = UINT32_MAX;
    core_take(doc, piece(PIECE(.client = 7, .kind = Y_GC, .len = last - 3)), Y_OK);
    core_take(doc, text(7, last - 3, "ab"), Y_OK);
    core_take(doc, piece(PIECE(.client = 7, .clock = last - 1, .kind = Y_STRING, .text = "cd")),
              Y_ERR_RANGE);
    core_take(doc, piece(PIECE(.client = 7, .clock = last - 1, .kind = Y_STRING, .text = "c")),
              Y_OK);
    core_take(doc, deletion(7, 0, UINT32_MAX), Y_OK);
    core_text_is(doc, "");
    struct ybuf all = core_encode(doc);
    CHECK(all.len < 40);
    struct ydoc *loaded = fresh();
    core_take(loaded, all, Y_OK);
    core_same(doc, loaded);
    ydoc_free(loaded);
    ydoc_free(doc);
}

TEST(our_own_clock_at_its_end)
{
    struct ydoc *doc = fresh();
    struct ybuf out = {0};
    core_take(doc, piece(PIECE(.client = 1, .kind = Y_GC, .len = UINT32_MAX - 4)), Y_OK);
    CHECK_EQ(ydoc_text_splice(doc, "t", 0, 0, "abc", 3, NULL), Y_OK);
    CHECK_EQ(ydoc_text_splice(doc, "t", 3, 0, "de", 2, &out), Y_ERR_RANGE);
    CHECK_EQ(ydoc_text_splice(doc, "t", 1, 1, "de", 2, &out), Y_ERR_RANGE);
    core_text_is(doc, "abc");
    CHECK_EQ(out.len, 0);
    CHECK_EQ(ydoc_map_set_string(doc, "m", "k", "v", 1, NULL), Y_OK);
    CHECK_EQ(ydoc_map_set_string(doc, "m", "k", "v", 1, NULL), Y_ERR_RANGE);
    core_check(doc);
    ybuf_release(&out);
    ydoc_free(doc);
}

TEST(deleted_content_of_all_clocks_there_are)
{
    struct ydoc *doc = fresh();
    core_take(doc, piece(PIECE(.client = 7, .kind = Y_DELETED, .len = UINT32_MAX)), Y_OK);
    core_take(doc,
              piece(PIECE(.client = 8, .kind = Y_STRING, .text = "x", .origin = 7,
                          .origin_clock = UINT32_MAX / 2)),
              Y_OK);
    core_text_is(doc, "x");
    core_take(doc, piece(PIECE(.client = 9, .kind = Y_DELETED, .len = UINT32_MAX)), Y_OK);
    CHECK_EQ(ydoc_text_length(doc, "t"), 1);
    struct ydoc *loaded = fresh();
    core_take(loaded, core_encode(doc), Y_OK);
    core_same(doc, loaded);
    ydoc_free(loaded);
    ydoc_free(doc);
}

TEST(late_deletions_of_all_clocks_there_are)
{
    struct ydoc *doc = fresh();
    for (uint32_t i = 0; i < 50; i++)
        core_take(doc, deletion(7, i, UINT32_MAX - i), Y_OK);
    for (uint32_t i = 0; i < 30; i++)
        core_take(doc, text(7, i, "x"), Y_OK);
    core_text_is(doc, "");
    core_take(doc, piece(PIECE(.client = 7, .clock = 30, .kind = Y_GC, .len = UINT32_MAX - 30)),
              Y_OK);
    CHECK(!ydoc_has_pending(doc));
    ydoc_free(doc);
}

/* --- many ------------------------------------------------------------------------------------- */

TEST(ten_thousand_clients)
{
    enum { N = 10000 };
    struct piece *p = calloc(N, sizeof(*p));
    struct ydoc *doc = fresh(), *other = fresh();
    for (uint32_t i = 0; i < N; i++)
        p[i] = PIECE(.client = 1 + (uint64_t)(i * 7919u % N), .kind = Y_STRING, .text = "x",
                     .root = i % 2 ? "t" : "u");
    struct ybuf u = core_update(p, N, NULL, 0), sv = {0};
    core_apply(doc, u, Y_OK);
    for (uint32_t i = 0; i < N; i++) {
        struct ybuf one = piece(p[N - 1 - i]);
        CHECK_EQ(ydoc_apply(other, one.data, one.len, NULL), Y_OK);
        ybuf_release(&one);
    }
    core_check(other);
    core_same(doc, other);
    CHECK_EQ(ydoc_encode_state_vector(doc, &sv), Y_OK);
    CHECK(sv.len > 3 * N - 200);
    ybuf_release(&u);
    ybuf_release(&sv);
    free(p);
    ydoc_free(doc);
    ydoc_free(other);
}

static struct ybuf nested(uint32_t depth)
{
    struct piece *p = calloc(depth, sizeof(*p));
    for (uint32_t i = 0; i < depth; i++)
        p[i] = PIECE(.client = 7, .clock = i, .kind = Y_TYPE, .ref = Y_REF_ARRAY,
                     .in = i ? 7 : NONE, .in_clock = i - 1);
    struct ybuf u = core_update(p, depth, NULL, 0);
    free(p);
    return u;
}

TEST(types_nested_a_hundred_thousand_deep)
{
    enum { DEPTH = 100000 };
    struct ydoc *doc = fresh(), *kept = ydoc_new(&(struct ydoc_opts){.keep_deleted = true});
    struct ybuf u = nested(DEPTH);
    core_apply(doc, u, Y_OK);
    core_apply(kept, u, Y_OK);
    struct ydoc *loaded = fresh();
    core_take(loaded, core_encode(doc), Y_OK);
    core_same(doc, loaded);
    ydoc_free(loaded);
    core_take(doc, deletion(7, 0, 1), Y_OK);
    core_take(kept, deletion(7, 0, 1), Y_OK);
    struct ybuf all = core_encode(doc);
    CHECK(all.len < 40); /* the type, and one GC for all that was in it */
    ybuf_release(&all);
    ybuf_release(&u);
    ydoc_free(doc);
    ydoc_free(kept);
}

TEST(what_is_in_a_deleted_type_becomes_gc)
{
    struct piece p[] = {
        PIECE(.client = 7, .kind = Y_TYPE, .ref = Y_REF_MAP, .root = "m", .key = "k"),
        PIECE(.client = 7, .clock = 1, .kind = Y_TYPE, .ref = Y_REF_TEXT, .in = 7, .key = "text"),
        PIECE(.client = 7, .clock = 2, .kind = Y_STRING, .text = "abc", .in = 7, .in_clock = 1),
        PIECE(.client = 8, .kind = Y_STRING, .text = "def", .origin = 7, .origin_clock = 3),
        PIECE(.client = 8, .clock = 3, .kind = Y_TYPE, .ref = Y_REF_MAP, .root = "m", .key = "k"),
    };
    struct ydoc *doc = fresh(), *other = fresh();
    core_take(doc, core_update(p, 4, NULL, 0), Y_OK);
    core_take(doc,
              piece(PIECE(.client = 8, .clock = 3, .kind = Y_TYPE, .ref = Y_REF_MAP, .origin = 7,
                          .root = "m", .key = "k")),
              Y_OK);
    struct ybuf all = core_encode(doc);
    core_apply(other, all, Y_OK);
    core_same(doc, other);
    /* What comes into it now is GC at once. */
    core_take(doc,
              piece(PIECE(.client = 9, .kind = Y_STRING, .text = "late", .in = 7, .in_clock = 1)),
              Y_OK);
    core_take(other,
              piece(PIECE(.client = 9, .kind = Y_STRING, .text = "late", .in = 7, .in_clock = 1)),
              Y_OK);
    core_same(doc, other);
    ybuf_release(&all);
    ydoc_free(doc);
    ydoc_free(other);
}

/* Structs that no merge joins: every second of another root. Counts around the size of a block. */
TEST(blocks_of_structs_at_their_boundaries)
{
    static const uint32_t counts[] = {1,   2,   4,   5,   63,  64,   65,   255, 256,
                                      257, 258, 511, 512, 513, 1023, 1024, 1025};
    for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++) {
        uint32_t n = counts[k];
        struct piece *p = calloc(n, sizeof(*p));
        for (uint32_t i = 0; i < n; i++)
            p[i] = PIECE(.client = 7, .clock = 2 * i, .kind = Y_STRING, .text = "ab",
                         .root = i % 2 ? "t" : "u");
        struct ydoc *doc = fresh(), *one_by_one = fresh();
        core_take(doc, core_update(p, n, NULL, 0), Y_OK);
        for (uint32_t i = 0; i < n; i++) {
            struct ybuf u = piece(p[i]);
            CHECK_EQ(ydoc_apply(one_by_one, u.data, u.len, NULL), Y_OK);
            ybuf_release(&u);
        }
        core_check(one_by_one);
        core_same(doc, one_by_one);
        /* Cut each into two, from the end and from the beginning, so that blocks are split. */
        for (uint32_t i = 0; i < n; i++) {
            CHECK_EQ(ydoc_text_length(doc, "t"), 2 * (n / 2) - i / 2);
            core_take(doc, deletion(7, 2 * i + i % 2, 1), Y_OK);
        }
        for (uint32_t i = n; i--;) {
            struct ybuf u = deletion(7, 2 * i + i % 2, 1);
            CHECK_EQ(ydoc_apply(one_by_one, u.data, u.len, NULL), Y_OK);
            ybuf_release(&u);
        }
        core_check(one_by_one);
        core_same(doc, one_by_one);
        core_take(doc, deletion(7, 0, 2 * n), Y_OK);
        core_take(one_by_one, deletion(7, 0, 2 * n), Y_OK);
        core_same(doc, one_by_one);
        free(p);
        ydoc_free(doc);
        ydoc_free(one_by_one);
    }
}

TEST(many_values_in_one_item_are_cut_anywhere)
{
    enum { N = 20000 };
    char *s = malloc(N + 1);
    memset(s, 126, N); /* null */
    s[N] = 0;
    struct ydoc *doc = fresh(), *other = fresh();
    struct piece big = PIECE(.client = 7, .kind = Y_ANY, .text = s, .len = N, .root = "a");
    core_take(doc, piece(big), Y_OK);
    core_take(other, piece(big), Y_OK);
    struct piece *p = calloc(200, sizeof(*p));
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t at = (uint32_t)test_below(N - 1);
        p[i] = PIECE(.client = 8 + i, .kind = Y_ANY, .text = "\x78", .origin = 7,
                     .origin_clock = at, .right = 7, .right_clock = at + 1);
    }
    core_take(doc, core_update(p, 200, NULL, 0), Y_OK);
    for (uint32_t i = 200; i--;)
        core_take(other, piece(p[i]), Y_OK);
    core_same(doc, other);
    free(p);
    free(s);
    ydoc_free(doc);
    ydoc_free(other);
}

/* --- the pool --------------------------------------------------------------------------------- */

TEST(what_is_deleted_is_given_back)
{
    enum { N = 3000 };
    char s[1001];
    memset(s, 'x', 1000);
    s[1000] = 0;
    struct ydoc *doc = fresh();
    size_t most = 0;
    for (uint32_t i = 0; i < N; i++) {
        struct ybuf u = text(7, i * 1000, s);
        CHECK_EQ(ydoc_apply(doc, u.data, u.len, NULL), Y_OK);
        ybuf_release(&u);
        if (i >= 3) {
            u = deletion(7, (i - 3) * 1000 + 1, 999);
            CHECK_EQ(ydoc_apply(doc, u.data, u.len, NULL), Y_OK);
            ybuf_release(&u);
        }
        if (i % 250 == 0)
            core_check(doc);
        most = ydoc_memory(doc) > most ? ydoc_memory(doc) : most;
    }
    CHECK(most < 2000000);
    CHECK_EQ(ydoc_text_length(doc, "t"), N - 3 + 3000);
    ydoc_free(doc);
}

/* --- positions -------------------------------------------------------------------------------- */

struct model {
    uint8_t *s; /* the text: of ASCII and two-byte characters, and of pairs */
    size_t len;
};

static size_t model_offset(const struct model *m, uint64_t units)
{
    size_t i = 0;
    for (; units; i += m->s[i] < 0x80 ? 1 : m->s[i] < 0xe0 ? 2 : 4)
        units -= m->s[i] >= 0xf0 ? 2 : 1;
    return i;
}

/* Replaces bytes [at, at + gone). */
static void model_splice(struct model *m, size_t at, size_t gone, const char *s)
{
    size_t n = strlen(s);
    memmove(m->s + at + n, m->s + at + gone, m->len - at - gone);
    memcpy(m->s + at, s, n);
    m->len += n - gone;
}

static uint64_t model_units(const struct model *m)
{
    uint64_t n = 0;
    for (size_t i = 0; i < m->len; i++)
        n += (m->s[i] & 0xc0) != 0x80 ? 1 + (m->s[i] >= 0xf0) : 0;
    return n;
}

/* Whether a position is between characters. */
static bool between(const struct model *m, uint64_t units)
{
    size_t i = 0;
    while (units) {
        uint64_t wide = m->s[i] >= 0xf0 ? 2 : 1;
        if (wide > units)
            return false;
        units -= wide;
        i += m->s[i] < 0x80 ? 1 : m->s[i] < 0xe0 ? 2 : 4;
    }
    return true;
}

static void against_a_model(bool bytes, int edits)
{
    static const char *const words[] = {"a", "bc", "\xc3\xa9", "\xf0\x9f\x98\x80", "hello"};
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.utf8_offsets = bytes}), *mirror = fresh();
    struct model m = {malloc(1 << 20), 0};
    struct ybuf got = {0}, update = {0};
    for (int i = 0; i < edits; i++) {
        uint64_t units = model_units(&m);
        uint64_t pos = test_below(units + 1), end = pos + (test_below(3) ? 0 : 1 + test_below(6));
        end = end > units ? units : end;
        const char *w = end > pos && test_below(2) ? "" : words[test_below(5)];
        while (!between(&m, pos))
            pos--;
        while (!between(&m, end))
            end++;
        size_t a = model_offset(&m, pos), b = model_offset(&m, end);
        update.len = 0;
        CHECK_EQ(ydoc_text_splice(doc, "t", bytes ? a : pos, bytes ? b - a : end - pos, w,
                                  strlen(w), &update),
                 Y_OK);
        model_splice(&m, a, b - a, w);
        CHECK_EQ(ydoc_apply(mirror, update.data, update.len, NULL), Y_OK);
        if (i % 100)
            continue;
        core_check(doc);
        core_check(mirror);
        got.len = 0;
        CHECK_EQ(ydoc_text(doc, "t", &got), Y_OK);
        CHECK_MEM(got.data, got.len, m.s, m.len);
    }
    core_same(doc, mirror);
    ybuf_release(&got);
    ybuf_release(&update);
    free(m.s);
    ydoc_free(doc);
    ydoc_free(mirror);
}

TEST(edits_at_random_positions_agree_with_a_model)
{
    against_a_model(false, 25000);
}

TEST(edits_at_random_byte_positions_agree_with_a_model)
{
    against_a_model(true, 6000);
}

/* An index that follows remote changes of every kind. */
TEST(the_index_follows_remote_updates)
{
    struct session s = core_session(4, 600);
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.client_id = 99999});
    struct y_type *t;
    CHECK_EQ(ydoc_root(doc, "t", Y_REF_TEXT, &t), Y_OK);
    for (size_t i = 0; i < s.count; i++) {
        core_apply(doc, s.updates[i], Y_OK);
        uint64_t n = y_type_length(t);
        if (i % 5 == 0 && n)
            CHECK_EQ(y_text_insert(t, test_below(n + 1), "own", 3, NULL), Y_OK);
        if (i % 7 == 0 && n > 9)
            CHECK_EQ(y_text_delete(t, test_below(n - 2), 1 + test_below(2)), Y_OK);
        core_check(doc);
    }
    core_session_free(&s);
    ydoc_free(doc);
}

TEST(byte_positions_inside_a_character_are_refused)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.utf8_offsets = true});
    CHECK_EQ(ydoc_text_splice(doc, "t", 0, 0, "a\xf0\x9f\x98\x80z", 6, NULL), Y_OK);
    CHECK_EQ(ydoc_text_length(doc, "t"), 6);
    for (uint64_t i = 2; i < 5; i++) {
        CHECK_EQ(ydoc_text_splice(doc, "t", i, 0, "x", 1, NULL), Y_ERR_RANGE);
        CHECK_EQ(ydoc_text_splice(doc, "t", 1, i - 1, "", 0, NULL), Y_ERR_RANGE);
        CHECK_EQ(ydoc_text_splice(doc, "t", i, 5 - i, "", 0, NULL), Y_ERR_RANGE);
        core_check(doc);
    }
    CHECK_EQ(ydoc_text_splice(doc, "t", 1, 4, "b", 1, NULL), Y_OK);
    core_text_is(doc, "abz");
    ydoc_free(doc);
}

TEST(text_is_not_spliced_into_an_array)
{
    struct ydoc *doc = fresh();
    struct y_type *t;
    CHECK_EQ(ydoc_root(doc, "t", Y_REF_ARRAY, &t), Y_OK);
    CHECK_EQ(ydoc_text_splice(doc, "t", 0, 0, "x", 1, NULL), Y_ERR_TYPE);
    CHECK_EQ(
        y_list_insert(
            t, 0, &(struct y_value){.kind = Y_VALUE_ANY, .bytes = {(const uint8_t *)"\x78", 1}}, 1),
        Y_OK);
    core_check(doc);
    ydoc_free(doc);
}

/* Two different structs of one clock wait; which of them comes first depended on how the heap was made,
 * and a rollback makes it anew. */
TEST(a_rollback_does_not_change_which_of_contradicting_structs_comes_first)
{
    static const char *const texts[] = {"aa", "bbb", "cc", "d", "ee", "ffff"};
    struct ydoc *docs[2];
    for (int i = 0; i < 2; i++) {
        docs[i] = ydoc_new(&(struct ydoc_opts){.max_pending_bytes = 1000});
        for (uint32_t k = 0; k < 6; k++)
            core_take(docs[i], text(5, 1, texts[i ? 5 - k : k]), Y_OK);
        for (uint32_t k = 0; i && k < 3; k++) {
            struct piece p[30];
            for (uint32_t n = 0; n < 30; n++)
                p[n] = PIECE(.client = 5, .clock = 100 + 2 * n, .kind = Y_GC, .len = 1);
            core_take(docs[i], core_update(p, 30, NULL, 0), Y_ERR_LIMIT);
        }
        core_take(docs[i], text(5, 0, "x"), Y_OK);
        CHECK(!ydoc_has_pending(docs[i]));
    }
    core_text_is(docs[0], "xffff");
    core_same(docs[0], docs[1]);
    ydoc_free(docs[0]);
    ydoc_free(docs[1]);
}
