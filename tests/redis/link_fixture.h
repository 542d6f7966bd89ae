/* Links to Redis for the tests. */
#ifndef TESTS_REDIS_LINK_FIXTURE_H
#define TESTS_REDIS_LINK_FIXTURE_H

#include "redis/link.h"
#include "tests/redis/server.h"

/* The target is static, for options to be set before link_open(). */
struct redis_target *target_of(const char *url, uint32_t timeout_ms);
struct redis_link *link_open(const struct redis_target *t);

/* Words separated by single spaces; the strings must outlive the command. `key`: one of them or
 * NULL. */
struct redis_command command_of(const char *words, const char *key, bool writes);
/* One command as one run: the reply as text, lines for an array. No reply: "none: " and the error.
 * Static. The second word is the key. */
const char *ask(struct redis_link *l, const char *words);
const char *ask_write(struct redis_link *l, const char *words);

#define CHECK_HAS(text, part)                                                                      \
    do {                                                                                           \
        const char *check_t = (text);                                                              \
        if (!strstr(check_t, part))                                                                \
            test_fail(__FILE__, __LINE__, "\"%s\" has no \"%s\"", check_t, part);                  \
    } while (0)

double now_s(void);
void sleep_ms(unsigned ms);

#endif
