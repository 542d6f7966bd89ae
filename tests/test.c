#include "tests/test.h"

#include <stdarg.h>

static struct test *first;
static jmp_buf out;
static bool failed, skipped;
static uint64_t state;

void test_register(struct test *t)
{
    t->next = first;
    first = t;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    failed = true;
    longjmp(out, 1);
}

void test_skip(const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    skipped = true;
    longjmp(out, 1);
}

static void dump(const char *label, const uint8_t *p, size_t n)
{
    fprintf(stderr, "  %s (%zu bytes):", label, n);
    for (size_t i = 0; i < n && i < 96; i++)
        fprintf(stderr, " %02x", p[i]);
    fputs(n > 96 ? " ...\n" : "\n", stderr);
}

void test_check_mem(const char *file, int line, const void *a, size_t alen, const void *b,
                    size_t blen)
{
    if (alen == blen && (alen == 0 || memcmp(a, b, alen) == 0))
        return;
    dump("got", a, alen);
    dump("expected", b, blen);
    test_fail(file, line, "bytes differ");
}

uint64_t test_rand(void)
{
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t test_below(uint64_t n)
{
    return n ? test_rand() % n : 0;
}

int main(int argc, char **argv)
{
    const char *want = argc > 1 ? argv[1] : "", *env = getenv("TEST_SEED");
    uint64_t seed = env ? strtoull(env, NULL, 0) : 1;
    static size_t npassed, nfailed, nskipped; /* static: longjmp leaves them alone */
    struct test *reversed = NULL;
    while (first) {
        struct test *t = first;
        first = t->next;
        t->next = reversed;
        reversed = t;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct test *volatile t = reversed; t; t = t->next) {
        if (!strstr(t->name, want))
            continue;
        failed = skipped = false;
        state = seed;
        if (!setjmp(out))
            t->run();
        if (failed) {
            fprintf(stderr, "FAILED %s (TEST_SEED=%" PRIu64 ")\n", t->name, seed);
            nfailed++;
        } else if (skipped) {
            nskipped++;
        } else {
            npassed++;
        }
    }
    printf("%zu passed, %zu failed, %zu skipped\n", npassed, nfailed, nskipped);
    return nfailed != 0;
}
