/*
 * Updates made to be expensive: each case does work for n things, with an n at which anything
 * quadratic takes minutes. A case may take LIMIT seconds of this thread's own time, many times what
 * it needs under ASan, so that a slow machine does not fail it. HOSTILE_TIMES=1 prints what each
 * takes at n and at 2n.
 */
#include "tests/y/core.h"

#include "y/codec.h"

#include <time.h>

#define LIMIT 25

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void within_limits(const char *name, void (*run)(uint32_t n), uint32_t n)
{
    double start = now(), once;
    run(n);
    once = now() - start;
    if (getenv("HOSTILE_TIMES")) {
        start = now();
        run(2 * n);
        printf("%-60s n %7u  %8.1f ms  2n %8.1f ms  x%.1f\n", name, n, once * 1e3,
               (now() - start) * 1e3, (now() - start) / once);
    }
    if (once > LIMIT)
        test_fail(__FILE__, __LINE__, "%s took %.1f s", name, once);
}
#define HOSTILE(id, n)                                                                             \
    static void cost_of_##id(uint32_t count);                                                      \
    TEST(id)                                                                                       \
    {                                                                                              \
        within_limits(#id, cost_of_##id, n);                                                       \
    }                                                                                              \
    static void cost_of_##id(uint32_t count)

static void apply(struct ydoc *doc, struct ybuf u)
{
    CHECK_EQ(ydoc_apply(doc, u.data, u.len, NULL), Y_OK);
    ybuf_release(&u);
}

static struct piece *pieces(uint32_t n)
{
    struct piece *p = calloc(n, sizeof(*p));
    CHECK(p);
    return p;
}

static void finish(struct ydoc *doc)
{
    struct ybuf all = core_encode(doc);
    core_check(doc);
    ybuf_release(&all);
    ydoc_free(doc);
}

/* `n` times `s`, NUL-terminated. Owned by the caller. */
static char *repeated(const char *s, uint32_t n)
{
    size_t len = strlen(s);
    char *p = malloc(len * n + 1);
    CHECK(p);
    for (uint32_t i = 0; i < n; i++)
        memcpy(p + len * i, s, len);
    p[len * n] = 0;
    return p;
}

/* --- many clients, roots, keys ---------------------------------------------------------------- */

HOSTILE(many_clients_that_come_lowest_first, 100000)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct piece *p = pieces(count);
    for (uint32_t i = 0; i < count; i++)
        p[i] = PIECE(.client = i + 1, .kind = Y_GC, .len = 1);
    apply(doc, core_update(p, count, NULL, 0));
    free(p);
    finish(doc);
}

HOSTILE(many_roots_and_keys, 50000)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct piece *p = pieces(count);
    char(*names)[12] = malloc(count * sizeof(*names));
    for (uint32_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof(names[i]), "%u", i);
        p[i] = PIECE(.client = 7, .clock = 2 * i, .kind = Y_STRING, .text = "ab",
                     .root = i % 2 ? names[i] : "m", .key = i % 2 ? NULL : names[i]);
    }
    apply(doc, core_update(p, count, NULL, 0));
    free(names);
    free(p);
    finish(doc);
}

HOSTILE(a_state_vector_of_many_clients, 500000)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct ybuf sv = {0}, out = {0};
    struct piece *p = pieces(1000);
    for (uint32_t i = 0; i < 1000; i++)
        p[i] = PIECE(.client = i * 3 + 1, .kind = Y_GC, .len = 1);
    apply(doc, core_update(p, 1000, NULL, 0));
    CHECK_EQ(y_write_varuint(&sv, count), Y_OK);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(y_write_varuint(&sv, i * 2 + 1), Y_OK);
        CHECK_EQ(y_write_varuint(&sv, i), Y_OK);
    }
    CHECK_EQ(ydoc_encode_update(doc, sv.data, sv.len, &out), Y_OK);
    ybuf_release(&sv);
    ybuf_release(&out);
    free(p);
    finish(doc);
}

/* --- deletions -------------------------------------------------------------------------------- */

static void delete_every_second(struct ydoc *doc, uint32_t n, bool reverse)
{
    struct range *r = malloc(n * sizeof(*r));
    for (uint32_t i = 0; i < n; i++)
        r[i] = (struct range){7, 2 * (reverse ? n - 1 - i : i) + 1, 1};
    apply(doc, core_update(NULL, 0, r, n));
    free(r);
}

HOSTILE(tiny_deletions_in_reverse_of_a_long_string, 100000)
{
    struct ydoc *doc = ydoc_new(NULL);
    char *s = repeated("\xc3\xa9", 2 * count);
    apply(doc, core_update(&PIECE(.client = 7, .kind = Y_STRING, .text = s), 1, NULL, 0));
    delete_every_second(doc, count, true);
    CHECK_EQ(ydoc_text_length(doc, "t"), count);
    free(s);
    finish(doc);
}

static void cut_pairs(uint32_t count, bool reverse)
{
    struct ydoc *doc = ydoc_new(NULL);
    char *s = repeated("\xf0\x9f\x98\x80", count);
    apply(doc, core_update(&PIECE(.client = 7, .kind = Y_STRING, .text = s), 1, NULL, 0));
    delete_every_second(doc, count, reverse);
    CHECK_EQ(ydoc_text_length(doc, "t"), count);
    CHECK(ydoc_memory(doc) < 400 * (size_t)count);
    free(s);
    finish(doc);
}

HOSTILE(tiny_deletions_that_cut_pairs, 100000)
{
    cut_pairs(count, false);
}

HOSTILE(tiny_deletions_that_cut_pairs_in_reverse, 100000)
{
    cut_pairs(count, true);
}

HOSTILE(tiny_deletions_in_reverse_of_many_values, 100000)
{
    struct ydoc *doc = ydoc_new(NULL);
    char *s = repeated("\x7e", 2 * count);
    apply(doc,
          core_update(&PIECE(.client = 7, .kind = Y_ANY, .len = 2 * count, .text = s, .root = "a"),
                      1, NULL, 0));
    delete_every_second(doc, count, true);
    free(s);
    finish(doc);
}

HOSTILE(the_same_deletion_again_and_again, 100000)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct piece *p = pieces(count);
    struct range *r = malloc(count * sizeof(*r));
    for (uint32_t i = 0; i < count; i++) {
        p[i] = PIECE(.client = 7, .clock = i, .kind = Y_STRING, .text = "x",
                     .root = i % 2 ? "t" : "u");
        r[i] = (struct range){i % 3 ? 7 : 8, i % 5, UINT32_MAX - 5};
    }
    apply(doc, core_update(p, count, NULL, 0));
    apply(doc, core_update(NULL, 0, r, count));
    free(p);
    free(r);
    finish(doc);
}

/* --- cuts ------------------------------------------------------------------------------------- */

static void cut_backwards(uint8_t kind, const char *one, uint32_t count)
{
    struct ydoc *doc = ydoc_new(NULL);
    char *s = repeated(one, 4 * count);
    struct piece *p = pieces(count);
    apply(doc,
          core_update(&PIECE(.client = 7, .kind = kind, .len = 4 * count, .text = s), 1, NULL, 0));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = 4 * (count - i) - 2;
        p[i] = PIECE(.client = 8, .clock = i, .kind = kind, .text = one, .len = 1, .origin = 7,
                     .origin_clock = at - 1, .right = 7, .right_clock = at);
    }
    apply(doc, core_update(p, count, NULL, 0));
    free(p);
    free(s);
    finish(doc);
}

HOSTILE(insertions_backwards_into_a_long_string, 50000)
{
    cut_backwards(Y_STRING, "\xc3\xa9", count);
}

HOSTILE(insertions_backwards_into_many_values, 50000)
{
    cut_backwards(Y_ANY, "\x7e", count);
}

/* --- waiting ---------------------------------------------------------------------------------- */

HOSTILE(many_clients_that_wait_for_one, 30000)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.max_pending_bytes = 64 << 20});
    struct piece *p = pieces(count);
    for (uint32_t i = 0; i < count; i++)
        p[i] = PIECE(.client = 100 + i, .kind = Y_STRING, .text = "w", .origin = 7,
                     .origin_clock = count - i);
    apply(doc, core_update(p, count, NULL, 0));
    CHECK(ydoc_has_pending(doc));
    for (uint32_t i = 0; i <= count; i++)
        apply(doc, core_update(&PIECE(.client = 7, .clock = i, .kind = Y_STRING, .text = "x",
                                      .root = i % 2 ? "t" : "u"),
                               1, NULL, 0));
    CHECK(!ydoc_has_pending(doc));
    free(p);
    finish(doc);
}

HOSTILE(many_deletions_that_wait, 30000)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.max_pending_bytes = 64 << 20});
    struct range *r = malloc(count * sizeof(*r));
    for (uint32_t i = 0; i < count; i++)
        r[i] = (struct range){7, 2 * (count - i), 1};
    apply(doc, core_update(NULL, 0, r, count));
    for (uint32_t i = 0; i < 2 * count + 1; i++)
        apply(doc, core_update(&PIECE(.client = 7, .clock = i, .kind = Y_STRING, .text = "x",
                                      .root = i % 4 < 2 ? "t" : "u"),
                               1, NULL, 0));
    CHECK(!ydoc_has_pending(doc));
    free(r);
    finish(doc);
}

HOSTILE(small_structs_that_wait_behind_a_big_one, 20000)
{
    struct ydoc *doc = ydoc_new(NULL);
    char *s = repeated("x", 2000000);
    struct piece p = PIECE(.client = 7, .kind = Y_STRING, .text = s, .origin = 9);
    apply(doc, core_update(&p, 1, NULL, 0));
    for (uint32_t i = 0; i < count; i++)
        apply(doc, core_update(&PIECE(.client = 7, .clock = 3000000 + i, .kind = Y_GC, .len = 1), 1,
                               NULL, 0));
    free(s);
    finish(doc);
}

HOSTILE(a_session_backwards, 30000)
{
    struct ydoc *doc = ydoc_new(NULL);
    for (uint32_t i = count; i--;)
        apply(doc, core_update(&PIECE(.client = 7, .clock = i, .kind = Y_STRING, .text = "x",
                                      .origin = i ? 7 : NONE, .origin_clock = i - 1),
                               1, NULL, 0));
    CHECK_EQ(ydoc_text_length(doc, "t"), count);
    finish(doc);
}

/* --- sections --------------------------------------------------------------------------------- */

HOSTILE(two_sections_that_need_each_other_by_turns, 50000)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct piece *p = pieces(2 * count);
    for (uint32_t i = 0; i < count; i++) {
        p[i] = PIECE(.client = 7, .clock = i, .kind = Y_STRING, .text = "a", .origin = i ? 8 : NONE,
                     .origin_clock = i - 1);
        p[count + i] = PIECE(.client = 8, .clock = i, .kind = Y_STRING, .text = "b", .origin = 7,
                             .origin_clock = i);
    }
    apply(doc, core_update(p, 2 * count, NULL, 0));
    CHECK_EQ(ydoc_text_length(doc, "t"), 2 * count);
    free(p);
    finish(doc);
}

HOSTILE(a_chain_of_sections_last_one_first, 50000)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct piece *p = pieces(count);
    for (uint32_t i = 0; i < count; i++)
        p[i] = PIECE(.client = i + 1, .kind = Y_STRING, .text = "a",
                     .origin = i + 1 < count ? i + 2 : NONE);
    apply(doc, core_update(p, count, NULL, 0));
    CHECK_EQ(ydoc_text_length(doc, "t"), count);
    free(p);
    finish(doc);
}

/* --- conflicts -------------------------------------------------------------------------------- */

static void siblings(uint32_t count, uint32_t step, bool at_once)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct piece *p = pieces(count);
    for (uint32_t i = 0; i < count; i++)
        p[i] = PIECE(.client = 1 + (uint64_t)i * step % count, .kind = Y_STRING, .text = "x");
    if (at_once)
        apply(doc, core_update(p, count, NULL, 0));
    for (uint32_t i = 0; i < count && !at_once; i++)
        apply(doc, core_update(&p[i], 1, NULL, 0));
    CHECK_EQ(ydoc_text_length(doc, "t"), count);
    free(p);
    finish(doc);
}

HOSTILE(siblings_at_one_place_lowest_first, 20000)
{
    siblings(count, 1, true);
}

HOSTILE(siblings_at_one_place_one_by_one, 20000)
{
    siblings(count, 1, false);
}

HOSTILE(siblings_at_one_place_in_any_order, 20000)
{
    siblings(count, 7919, false);
}

/* Each writes a word there, one letter at a time, in an item each. */
HOSTILE(siblings_with_words_of_their_own, 5000)
{
    struct ydoc *doc = ydoc_new(NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct piece p[4];
        for (uint32_t k = 0; k < 4; k++)
            p[k] =
                PIECE(.client = 1 + (uint64_t)i * 7919 % count, .clock = k,
                      .kind = k % 2 ? Y_ANY : Y_STRING, .text = k % 2 ? "\x7e" : "x",
                      .origin = k ? 1 + (uint64_t)i * 7919 % count : NONE, .origin_clock = k - 1);
        apply(doc, core_update(p, 4, NULL, 0));
    }
    finish(doc);
}

/* --- nobody's hostility ----------------------------------------------------------------------- */

HOSTILE(typing_one_long_text_and_telling_each_key, 100000)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct ybuf update = {0};
    for (uint32_t i = 0; i < count; i++) {
        update.len = 0;
        CHECK_EQ(ydoc_text_splice(doc, "t", i, 0, i % 9 ? "x" : "\xc3\xa9", i % 9 ? 1 : 2, &update),
                 Y_OK);
        CHECK(update.len < 40);
    }
    ybuf_release(&update);
    finish(doc);
}
