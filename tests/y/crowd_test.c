/* Where many conflict the scan is cut short: with the very result of the whole scan. */
#include "tests/y/core.h"

#include "y/codec.h"
#include "y/y_int.h"

static struct ydoc *crowded(uint32_t from)
{
    struct ydoc *doc = ydoc_new(NULL);
    doc->crowd.from = from;
    return doc;
}

/* The chain of root "t", ids in order: finer than the text. */
static void same_order(struct ydoc *a, struct ydoc *b)
{
    struct y_type *s, *t;
    CHECK_EQ(ydoc_root(a, "t", Y_REF_NONE, &s), Y_OK);
    CHECK_EQ(ydoc_root(b, "t", Y_REF_NONE, &t), Y_OK);
    y_handle x = a->seqs[s->list].first, y = b->seqs[t->list].first;
    for (; x && y; x = y_item(a, x)->right, y = y_item(b, y)->right) {
        CHECK_EQ(a->clients[y_item(a, x)->client].id, b->clients[y_item(b, y)->client].id);
        CHECK_EQ(y_item(a, x)->clock, y_item(b, y)->clock);
        CHECK_EQ(y_item(a, x)->len, y_item(b, y)->len);
    }
    CHECK(x == y);
}

static void apply_to(struct ydoc **docs, int n, struct ybuf u)
{
    for (int i = 0; i < n; i++) {
        CHECK_EQ(ydoc_apply(docs[i], u.data, u.len, NULL), Y_OK);
        core_check(docs[i]);
        if (i)
            same_order(docs[0], docs[i]);
    }
    ybuf_release(&u);
}

static void end(struct ydoc **docs, int n)
{
    for (int i = 1; i < n; i++)
        core_same(docs[0], docs[i]);
    for (int i = 0; i < n; i++)
        ydoc_free(docs[i]);
}

#define CLIENTS 6

/* Structs that nobody honest makes: any origin, any right origin, that exist. */
TEST(scans_cut_short_equal_whole_ones_of_contradicting_structs)
{
    for (int round = 0; round < 150; round++) {
        struct ydoc *docs[3] = {crowded(UINT32_MAX), crowded(1), crowded(4)};
        uint32_t state[CLIENTS] = {0}, spread = 1 + (uint32_t)test_below(8);
        for (int i = 0; i < 60; i++) {
            uint32_t c = (uint32_t)test_below(CLIENTS), o = (uint32_t)test_below(CLIENTS),
                     r = (uint32_t)test_below(CLIENTS);
            struct piece p =
                PIECE(.client = c + 1, .clock = state[c], .kind = test_below(3) ? Y_STRING : Y_ANY);
            p.text = p.kind == Y_ANY ? "\x7e" : test_below(4) ? "x" : "yz";
            if (test_below(spread) && state[o]) {
                p.origin = o + 1;
                p.origin_clock = (uint32_t)test_below(test_below(2) ? 1 : state[o]);
            }
            if (test_below(spread) && state[r]) {
                p.right = r + 1;
                p.right_clock = (uint32_t)test_below(state[r]);
            }
            struct range gone = {c + 1, test_below(state[c] + 1), 1};
            apply_to(docs, 3, core_update(&p, 1, &gone, test_below(5) == 0));
            state[c] = docs[0]->clients[y_client_find(docs[0], c + 1)].state;
        }
        end(docs, 3);
    }
}

/* People who write at the same few places at the same time, in any way that people do. */
TEST(scans_cut_short_equal_whole_ones_of_people_at_one_place)
{
    for (int round = 0; round < 10; round++) {
        struct ydoc *people[8], *docs[3] = {crowded(UINT32_MAX), crowded(1), crowded(8)};
        struct ybuf updates[160];
        size_t n = 0, place = test_below(3);
        for (size_t i = 0; i < 8; i++) {
            people[i] = ydoc_new(&(struct ydoc_opts){.client_id = 10 + (i * 5) % 8});
            struct ybuf base =
                core_update(&PIECE(.client = 1, .kind = Y_STRING, .text = "one place"), 1, NULL, 0);
            if (place)
                core_apply(people[i], base, Y_OK);
            if (place && !i)
                updates[n++] = base;
            else
                ybuf_release(&base);
        }
        for (size_t i = 0; i < 150; i++) {
            struct ydoc *doc = people[test_below(8)];
            uint64_t len = ydoc_text_length(doc, "t"), pos = len < place * 2 ? len : place * 2;
            if (test_below(4) == 0)
                pos = len < pos + 3 ? len : pos + test_below(3);
            uint64_t del = test_below(8) == 0 && len > pos;
            updates[n] = (struct ybuf){0};
            CHECK_EQ(ydoc_text_splice(doc, "t", pos, del, "x", test_below(9) != 0, &updates[n]),
                     Y_OK);
            n++;
            if (test_below(12) == 0) {
                struct ybuf all = core_encode(doc);
                core_take(people[test_below(8)], all, Y_OK);
            }
        }
        size_t from = place ? 1 : 0;
        for (size_t i = from; i < n; i++) {
            size_t k = i + test_below(n - i < 20 ? n - i : 20);
            struct ybuf t = updates[i];
            updates[i] = updates[k];
            updates[k] = t;
        }
        for (size_t i = 0; i < n; i++)
            apply_to(docs, 3, updates[i]);
        CHECK(!ydoc_has_pending(docs[0]));
        for (size_t i = 0; i < 8; i++)
            ydoc_free(people[i]);
        end(docs, 3);
    }
}

TEST(scans_cut_short_equal_whole_ones_of_whole_sessions)
{
    for (int round = 0; round < 6; round++) {
        struct session s = core_session(6, 100);
        struct ydoc *docs[3] = {crowded(UINT32_MAX), crowded(1), crowded(2)};
        for (size_t i = 0; i < s.count; i++) {
            apply_to(docs, 3, s.updates[i]);
            s.updates[i] = (struct ybuf){0};
        }
        core_session_free(&s);
        end(docs, 3);
    }
}

TEST(epochs_begin_anew_after_two_to_the_thirty_two_transactions)
{
    struct session s = core_session(3, 60);
    struct ydoc *doc = ydoc_new(NULL), *other = ydoc_new(NULL);
    for (size_t i = 0; i < s.count; i++) {
        size_t k = i % 2 || i + 1 == s.count ? i - i % 2 * 2 + (i % 2 ? 1 : 0) : i + 1;
        if (i == 20)
            doc->epoch = UINT32_MAX - 9;
        if (i == 40)
            doc->stamp = UINT32_MAX / 2;
        core_apply(doc, s.updates[k], Y_OK);
        core_apply(other, s.updates[k], Y_OK);
    }
    CHECK(doc->epoch < 1000);
    core_same(doc, other);
    core_session_free(&s);
    ydoc_free(doc);
    ydoc_free(other);
}
