/* Every allocation fails once: what reports it changed nothing, and works when it is repeated. */
#include "tests/y/core.h"

#include "y/codec.h"

/* A step of a script: something that is done to a document. */
struct step {
    struct ybuf update; /* applied; or, if it is empty, an edit */
    uint64_t pos, del;
    const char *text;
    bool wants_update;
};

static int run(struct ydoc *doc, const struct step *s)
{
    struct ybuf out = {0}, *wanted = s->wants_update ? &out : NULL;
    int error;
    if (s->update.len)
        error = ydoc_apply(doc, s->update.data, s->update.len, NULL);
    else if (!s->text && !s->del)
        error = ydoc_map_set_string(doc, "m", "k", "value", 5, wanted);
    else
        error = ydoc_text_splice(doc, "t", s->pos, s->del, s->text ? s->text : "",
                                 s->text ? strlen(s->text) : 0, wanted);
    CHECK(!error || !out.len);
    ybuf_release(&out);
    return error;
}

static void same_canonical(const struct ydoc *a, const struct ydoc *b)
{
    struct ybuf x = core_canonical(a), y = core_canonical(b);
    CHECK_MEM(x.data, x.len, y.data, y.len);
    ybuf_release(&x);
    ybuf_release(&y);
}

static struct ydoc *after_steps(const struct step *steps, size_t n, int expected)
{
    struct ydoc *doc = ydoc_new(NULL);
    for (size_t i = 0; i < n; i++)
        CHECK_EQ(run(doc, &steps[i]), expected);
    return doc;
}

/* Of step `n`: allocation number `at` fails. False when there are not so many. */
static bool fail_one(const struct step *steps, size_t n, size_t at, bool for_good)
{
    struct ydoc *doc = after_steps(steps, n, Y_OK), *reference = after_steps(steps, n + 1, Y_OK);
    struct ybuf before = core_describe(doc);
    core_fail_at(at, for_good);
    int error = run(doc, &steps[n]);
    bool failed = core_failed();
    core_check(doc);
    if (error) {
        CHECK_EQ(error, Y_ERR_NOMEM);
        CHECK(failed);
        struct ybuf after = core_describe(doc);
        CHECK_MEM(before.data, before.len, after.data, after.len);
        ybuf_release(&after);
        CHECK_EQ(run(doc, &steps[n]), Y_OK);
        core_check(doc);
    }
    same_canonical(doc, reference);
    ybuf_release(&before);
    ydoc_free(doc);
    ydoc_free(reference);
    return failed;
}

static void fail_each(const struct step *steps, size_t n, bool for_good)
{
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; fail_one(steps, i, at, for_good); at++)
            ;
}

/* A session of three in shuffled order, so that much waits, with edits of our own in between. */
static size_t script(struct step *steps, size_t cap, struct session *s, size_t shuffle)
{
    size_t n = 0;
    for (size_t i = s->count; i-- > 1 && shuffle;) {
        size_t k = i - test_below(i < shuffle ? i + 1 : shuffle);
        struct ybuf t = s->updates[i];
        s->updates[i] = s->updates[k];
        s->updates[k] = t;
    }
    steps[n++] = (struct step){.text = "0123456789\xf0\x9f\x98\x80", .wants_update = true};
    for (size_t i = 0; i < s->count && n + 2 < cap; i++) {
        steps[n++] = (struct step){.update = s->updates[i]};
        switch (test_below(12)) {
        case 0:
            steps[n++] = (struct step){.pos = 2, .text = "own", .wants_update = true};
            break;
        case 1:
            steps[n++] = (struct step){.pos = 1, .del = 1, .wants_update = true};
            break;
        case 2:
            steps[n++] = (struct step){.pos = 0, .del = 1, .text = "other"};
            break;
        case 3:
            steps[n++] = (struct step){.wants_update = true};
        }
    }
    return n;
}

TEST(every_allocation_of_a_session_fails_once)
{
    for (int round = 0; round < 4; round++) {
        struct step steps[64];
        struct session s = core_session(3, 22);
        size_t n = script(steps, 64, &s, round % 2 ? 8 : 0);
        fail_each(steps, n, round >= 2);
        core_session_free(&s);
    }
}

TEST(every_allocation_of_one_big_update_fails_once)
{
    for (int round = 0; round < 3; round++) {
        struct session s = core_session(4, 60);
        struct ydoc *doc = ydoc_new(NULL);
        for (size_t i = 0; i < s.count; i++)
            core_apply(doc, s.updates[i], Y_OK);
        struct step steps[2] = {{.update = s.updates[s.count / 2]}, {.update = core_encode(doc)}};
        fail_each(steps, 2, round == 2);
        ydoc_free(doc);
        ybuf_release(&steps[1].update);
        core_session_free(&s);
    }
}

/* Typing grows an item in place, backspace moves a boundary: neither could be taken back. */
TEST(a_replacement_that_fails_after_its_deletion_deletes_nothing)
{
    struct step steps[] = {{.text = "hello world"},
                           {.pos = 8, .del = 3},
                           {.pos = 7, .del = 1, .text = "x", .wants_update = true},
                           {.pos = 7, .del = 1, .text = "yy", .wants_update = true},
                           {.pos = 6, .del = 3, .wants_update = true},
                           {.pos = 5, .del = 1, .wants_update = true}};
    fail_each(steps, sizeof(steps) / sizeof(*steps), false);
    fail_each(steps, sizeof(steps) / sizeof(*steps), true);
}

static struct ybuf one(struct piece p, struct range r)
{
    return core_update(p.client ? &p : NULL, p.client != 0, r.len ? &r : NULL, r.len != 0);
}

/* Cutting a surrogate pair loses it; a transaction that is taken back must not have. */
TEST(a_pair_that_was_cut_is_whole_again_after_running_out_of_memory)
{
    struct step steps[] = {
        {.update = one(PIECE(.client = 7, .kind = Y_STRING,
                             .text = "ab\xf0\x9f\x98\x80"
                                     "cdefgh"),
                       (struct range){0})},
        {.update = one(PIECE(.client = 8, .kind = Y_STRING, .text = "X", .origin = 7,
                             .origin_clock = 2, .right = 7, .right_clock = 3),
                       (struct range){7, 1, 3})},
        {.update = one(PIECE(.client = 9, .kind = Y_STRING, .text = "Y", .origin = 7,
                             .origin_clock = 6, .right = 7, .right_clock = 7),
                       (struct range){0})},
    };
    fail_each(steps, 3, false);
    fail_each(steps, 3, true);
    for (int i = 0; i < 3; i++)
        ybuf_release(&steps[i].update);
}

TEST(a_pair_that_was_cut_is_whole_again_after_too_much_waits)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.max_pending_bytes = 1});
    struct piece cut[] = {
        PIECE(.client = 8, .kind = Y_STRING, .text = "X", .origin = 7, .origin_clock = 2,
              .right = 7, .right_clock = 3),
        PIECE(.client = 9, .kind = Y_STRING, .text = "waits", .origin = 10, .origin_clock = 5)};
    core_take(doc,
              one(PIECE(.client = 7, .kind = Y_STRING,
                        .text = "ab\xf0\x9f\x98\x80"
                                "c"),
                  (struct range){0}),
              Y_OK);
    core_take(doc, core_update(cut, 2, NULL, 0), Y_ERR_LIMIT);
    core_text_is(doc, "ab\xf0\x9f\x98\x80"
                      "c");
    ydoc_free(doc);
}

TEST(what_a_refused_update_named_is_forgotten)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.max_pending_bytes = 1});
    size_t memory = 0;
    core_take(doc, one(PIECE(.client = 7, .kind = Y_STRING, .text = "a"), (struct range){0}), Y_OK);
    for (uint32_t i = 0; i < 200; i++) {
        char root[16];
        snprintf(root, sizeof(root), "root %u", i);
        struct piece p[] = {
            PIECE(.client = 1000 + i, .kind = Y_TYPE, .root = root, .key = root, .ref = Y_REF_MAP),
            PIECE(.client = 5000 + i, .kind = Y_STRING, .text = "a", .in = 1000 + i, .key = root),
            PIECE(.client = 9, .kind = Y_STRING, .text = "waits", .origin = 10, .origin_clock = 5)};
        core_take(doc, core_update(p, 3, NULL, 0), Y_ERR_LIMIT);
        CHECK(ydoc_next_root(doc, ydoc_next_root(doc, NULL)) == NULL);
        if (i == 3)
            memory = ydoc_memory(doc);
    }
    CHECK_EQ(ydoc_memory(doc), memory);
    ydoc_free(doc);
}

/* Nested transactions: what failed before it did anything spoils nothing else. */
TEST(an_edit_out_of_range_does_not_spoil_the_transaction_that_it_is_in)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.utf8_offsets = true});
    struct y_type *t;
    CHECK_EQ(ydoc_root(doc, "t", Y_REF_TEXT, &t), Y_OK);
    CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
    CHECK_EQ(y_text_insert(t, 0, "a\xc3\xa9z", 4, NULL), Y_OK);
    CHECK_EQ(y_text_insert(t, 2, "x", 1, NULL), Y_ERR_RANGE);
    CHECK_EQ(y_text_delete(t, 2, 2), Y_ERR_RANGE);
    CHECK_EQ(y_text_delete(t, 0, 2), Y_ERR_RANGE);
    CHECK_EQ(y_text_insert(t, 4, "y", 1, NULL), Y_OK);
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    core_check(doc);
    core_text_is(doc, "a\xc3\xa9zy");
    ydoc_free(doc);
}

TEST(after_running_out_of_memory_a_transaction_can_be_ended_and_another_begun)
{
    for (size_t at = 0; at < 40; at++) {
        struct ydoc *doc = ydoc_new(NULL);
        struct y_type *t;
        CHECK_EQ(ydoc_root(doc, "t", Y_REF_TEXT, &t), Y_OK);
        CHECK_EQ(y_text_insert(t, 0, "before", 6, NULL), Y_OK);
        struct ybuf before = core_describe(doc);
        core_fail_at(at, false);
        int error = ydoc_begin(doc, NULL), first = error, last = error;
        if (!error) {
            first = y_text_insert(t, 3, "one", 3, NULL);
            y_text_delete(t, 1, 3);
            last = y_text_insert(t, 0, "two", 3, NULL);
            error = ydoc_commit(doc);
        }
        bool failed = core_failed();
        core_check(doc);
        CHECK(!first || error);
        CHECK(!last || error);
        if (error) {
            CHECK(failed);
            struct ybuf after = core_describe(doc);
            CHECK_MEM(before.data, before.len, after.data, after.len);
            ybuf_release(&after);
        }
        CHECK_EQ(y_text_insert(t, 0, "then ", 5, NULL), Y_OK);
        core_check(doc);
        ybuf_release(&before);
        ydoc_free(doc);
    }
}

TEST(encoding_and_reading_without_memory_change_nothing)
{
    struct session s = core_session(3, 30);
    struct ydoc *doc = ydoc_new(NULL);
    for (size_t i = 0; i < s.count; i += 1 + test_below(2))
        core_apply(doc, s.updates[i], Y_OK);
    struct ybuf before = core_describe(doc);
    for (size_t at = 0, more = 1; more; at++) {
        struct ybuf out[4] = {{0}, {0}, {0}, {0}};
        int error[4];
        core_fail_at(at, false);
        error[0] = ydoc_encode_update(doc, NULL, 0, &out[0]);
        error[1] = ydoc_encode_update_v2(doc, NULL, 0, &out[1]);
        error[2] = ydoc_encode_state_vector(doc, &out[2]);
        error[3] = ydoc_text(doc, "t", &out[3]);
        more = core_failed();
        for (int i = 0; i < 4; i++) {
            CHECK(error[i] == Y_OK || (error[i] == Y_ERR_NOMEM && !out[i].len));
            ybuf_release(&out[i]);
        }
        struct ybuf after = core_describe(doc);
        CHECK_MEM(before.data, before.len, after.data, after.len);
        ybuf_release(&after);
    }
    ybuf_release(&before);
    ydoc_free(doc);
    core_session_free(&s);
}
