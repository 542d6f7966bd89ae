/*
 * A test is one function that registers itself:
 *
 *     TEST(buf_grows) { CHECK(len == 3); CHECK_EQ(a, b); CHECK_STR(s, "x"); CHECK_MEM(p, n, q, m);
 * }
 *
 * A failed check prints where and what, and ends that test. Each folder's tests are one program;
 * `test-y name` runs only the tests whose name contains `name`. Random tests draw from test_rand(),
 * whose seed is printed when the test fails and can be set with TEST_SEED.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *t);
_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Leaves the test without failing it; counted and reported as skipped. Say why. */
_Noreturn void test_skip(const char *why);
void test_check_mem(const char *file, int line, const void *a, size_t alen, const void *b,
                    size_t blen);

/* A deterministic generator (splitmix64), reseeded for every test. */
uint64_t test_rand(void);
/* Uniform in [0, n). */
uint64_t test_below(uint64_t n);

#define TEST(id)                                                                                   \
    static void test_##id(void);                                                                   \
    __attribute__((constructor)) static void register_##id(void)                                   \
    {                                                                                              \
        static struct test t = {#id, test_##id, NULL};                                             \
        test_register(&t);                                                                         \
    }                                                                                              \
    static void test_##id(void)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            test_fail(__FILE__, __LINE__, "%s", #cond);                                            \
    } while (0)

#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        long long check_a = (long long)(a), check_b = (long long)(b);                              \
        if (check_a != check_b)                                                                    \
            test_fail(__FILE__, __LINE__, "%s is %lld, %s is %lld", #a, check_a, #b, check_b);     \
    } while (0)

#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *check_a = (a), *check_b = (b);                                                 \
        if (!check_a || !check_b || strcmp(check_a, check_b))                                      \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #a,                     \
                      check_a ? check_a : "(null)", check_b ? check_b : "(null)");                 \
    } while (0)

#define CHECK_MEM(a, alen, b, blen) test_check_mem(__FILE__, __LINE__, (a), (alen), (b), (blen))

#endif
