#include "tests/redis/link_fixture.h"

#include <time.h>

struct redis_target *target_of(const char *url, uint32_t timeout_ms)
{
    static struct redis_target t;
    char err[160] = "";
    t = (struct redis_target){.timeout_ms = timeout_ms};
    if (redis_url_parse(url, &t.url, err, sizeof(err)) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", url, err);
    return &t;
}

struct redis_link *link_open(const struct redis_target *t)
{
    char err[512] = "";
    struct redis_link *l = redis_link_open(t, err, sizeof(err));
    if (!l)
        test_fail(__FILE__, __LINE__, "%s", err);
    return l;
}

struct redis_command command_of(const char *words, const char *key, bool writes)
{
    struct redis_command c = {.key = key, .writes = writes};
    for (;;) {
        size_t n = strcspn(words, " ");
        redis_arg(&c, words, n);
        if (!words[n])
            return c;
        words += n + 1;
    }
}

static char text[65536];

static void print(const redisReply *r)
{
    size_t n = strlen(text);
    if (r->type == REDIS_REPLY_INTEGER)
        snprintf(text + n, sizeof(text) - n, "%lld", r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        snprintf(text + n, sizeof(text) - n, "nil");
    else if (r->type != REDIS_REPLY_ARRAY)
        snprintf(text + n, sizeof(text) - n, "%s", r->str);
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        print(r->element[i]);
        if (i + 1 < r->elements)
            strncat(text, "\n", sizeof(text) - strlen(text) - 1);
    }
}

static const char *ask_one(struct redis_link *l, const char *words, bool writes)
{
    char key[256] = "";
    struct redis_command c = command_of(words, NULL, writes);
    redisReply *r;
    if (c.argc > 1) {
        snprintf(key, sizeof(key), "%.*s", (int)c.len[1], c.argv[1]);
        c.key = key;
    }
    redis_link_run(l, &c, 1, &r);
    *text = '\0';
    if (!r)
        snprintf(text, sizeof(text), "none: %s", redis_link_error(l));
    else
        print(r);
    if (r && *redis_link_error(l) && r->type != REDIS_REPLY_ERROR)
        fprintf(stderr, "an error beside a reply: %s\n", redis_link_error(l));
    redis_reply_free(r);
    return text;
}

const char *ask(struct redis_link *l, const char *words)
{
    return ask_one(l, words, false);
}

const char *ask_write(struct redis_link *l, const char *words)
{
    return ask_one(l, words, true);
}

double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void sleep_ms(unsigned ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}
