/* mem, random and utf8. */
#include "base/mem.h"

#include "base/random.h"
#include "base/utf8.h"
#include "tests/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ASan would end the process itself where malloc() fails. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

TEST(mem_copies)
{
    char *a = xstrdup("abc"), *b = xstrndup("abcdef", 2), *c = xmemdup("a\0b", 3);
    char *none = xmemdup(NULL, 0), *empty = xstrndup(NULL, 0);
    CHECK_STR(a, "abc");
    CHECK_STR(b, "ab");
    CHECK_MEM(c, 3, "a\0b", 3);
    CHECK(none);
    CHECK_STR(empty, "");
    free(a), free(b), free(c), free(none), free(empty);
}

TEST(mem_zero_bytes_are_an_allocation_too)
{
    void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xrealloc(NULL, 0);
    c = xrealloc(c, 0);
    CHECK(a && b && c);
    free(a), free(b), free(c);
}

TEST(mem_calloc_is_zero)
{
    char *p = xcalloc(100, 7);
    for (int i = 0; i < 700; i++)
        CHECK_EQ(p[i], 0);
    free(p);
}

static void too_much(int which)
{
    void *volatile p = NULL;
    volatile size_t size = SIZE_MAX / 2;
    if (which == 0)
        p = xmalloc(size);
    else if (which == 1)
        p = xcalloc(size, 8); /* its product overflows */
    else
        p = xrealloc(NULL, size);
    free(p);
}

TEST(mem_out_of_memory_is_said_and_ends_the_process)
{
    for (int which = 0; which < 3; which++) {
        int err[2], status;
        char text[65536] = "";
        CHECK(pipe(err) == 0);
        pid_t child = fork();
        if (child == 0) {
            dup2(err[1], STDERR_FILENO);
            signal(SIGABRT, SIG_DFL);
            too_much(which);
            _exit(0);
        }
        close(err[1]);
        size_t len = 0;
        for (ssize_t n; (n = read(err[0], text + len, sizeof(text) - 1 - len)) > 0;)
            len += (size_t)n;
        close(err[0]);
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
        CHECK(strstr(text, "bytecrowds: out of memory ("));
    }
}

TEST(random_fills_exactly_what_was_asked)
{
    uint8_t p[66];
    for (size_t n = 0; n <= 64; n++) {
        bool moved = n < 4;
        memset(p, 0xaa, sizeof(p));
        random_bytes(p + 1, n);
        CHECK(p[0] == 0xaa && p[n + 1] == 0xaa);
        for (size_t i = 1; i <= n; i++)
            moved |= p[i] != 0xaa;
        CHECK(moved);
    }
}

TEST(random_every_bit_is_sometimes_set)
{
    uint64_t any = 0, all = UINT64_MAX;
    for (int i = 0; i < 200; i++) {
        uint64_t x = random_u64();
        any |= x;
        all &= x;
    }
    CHECK(any == UINT64_MAX && all == 0);
}

/* Every code point by its definition, and what is next to each border. */
TEST(utf8_every_character)
{
    for (uint32_t c = 0; c < 0x110400; c++) {
        uint8_t s[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
        bool valid = c < 0x110000 && !(c >= 0xd800 && c < 0xe000);
        for (size_t i = n - 1, rest = c; i < n; i--, rest >>= 6)
            s[i] = (uint8_t)(i ? 0x80 | (rest & 0x3f) : lead[n - 1] | rest);
        if (utf8_char(s, n) != (valid ? n : 0))
            test_fail(__FILE__, __LINE__, "U+%04X", c);
        for (size_t less = 1; less < n; less++)
            if (utf8_char(s, less))
                test_fail(__FILE__, __LINE__, "U+%04X cut to %zu", c, less);
    }
}

TEST(utf8_strings)
{
    static const char *const bad[] = {
        "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80",
        "\xff", "a\xc3",    "\xc3(",    "\xe2\x82(",    "ok\xed\xa0\x80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!utf8_valid(bad[i], strlen(bad[i])));
    CHECK(utf8_valid("", 0));
    CHECK(utf8_valid("a\0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 11));
}
