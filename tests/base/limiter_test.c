#include "base/limiter.h"
#include "tests/test.h"

#include <stdio.h>

TEST(limiter_gives_a_minutes_worth_and_then_one_by_one)
{
    struct limiter *l = limiter_new(60);
    uint64_t now = 1000000;
    for (int i = 0; i < 60; i++)
        CHECK(limiter_take(l, "a", 1, now) == 0);
    uint32_t wait = limiter_take(l, "a", 1, now);
    CHECK_EQ(wait, 1000);
    CHECK(limiter_take(l, "b", 1, now) == 0);
    CHECK(limiter_take(l, "a", 1, now + wait - 10) > 0);
    CHECK(limiter_take(l, "a", 1, now + wait) == 0);
    CHECK(limiter_take(l, "a", 1, now + wait) > 0);
    for (int i = 0; i < 60; i++)
        CHECK(limiter_take(l, "a", 1, now + wait + 61000) == 0);
    CHECK(limiter_take(l, "a", 1, now + wait + 61000) > 0);
    limiter_free(l);
}

TEST(limiter_of_nothing_limits_nothing)
{
    struct limiter *l = limiter_new(0);
    for (int i = 0; i < 100000; i++)
        CHECK(limiter_take(l, "a", 1, 1) == 0);
    CHECK_EQ(limiter_count(l), 0);
    limiter_free(l);
    limiter_free(NULL);
}

TEST(limiter_keeps_its_rate)
{
    static const uint32_t rates[] = {1, 7, 600, 45000, 1000000};
    for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
        struct limiter *l = limiter_new(rates[r]);
        uint64_t given = 0, now = 5000;
        while (given <= rates[r] && limiter_take(l, "k", 1, now) == 0)
            given++;
        CHECK_EQ(given, rates[r]);
        limiter_free(l);
    }
}

TEST(limiter_forgets_whoever_has_rested_and_never_grows_without_end)
{
    struct limiter *l = limiter_new(60);
    char key[16];
    for (int i = 0; i < 200000; i++)
        limiter_take(l, key, (size_t)snprintf(key, sizeof(key), "%d", i), 1000);
    CHECK(limiter_count(l) <= 65537);
    size_t many = limiter_count(l);
    for (int i = 0; i < 1000; i++)
        limiter_take(l, key, (size_t)snprintf(key, sizeof(key), "x%d", i), 1000000);
    CHECK(limiter_count(l) < many);
    limiter_free(l);
}
