/* The stand-in for Upstash's REST interface (tests/e2e/lib/upstash.mjs) for the C tests, on a real
 * redis-server. */
#ifndef TESTS_REDIS_REST_FIXTURE_H
#define TESTS_REDIS_REST_FIXTURE_H

#include "redis/link.h"
#include "tests/redis/server.h"

struct upstash {
    pid_t pid;
    FILE *to, *from;
    int port;
    char url[64]; /* http://127.0.0.1:port */
};

/* `options`: of the class Upstash as JSON, NULL for none. Its token is "a-token" then. */
void upstash_start(struct upstash *u, const struct redis_server *r, const char *options);
/* The one that tests share which leave it as it was, on redis_shared(). */
struct upstash *upstash_shared(void);
/* A command of tests/redis/upstash.mjs, as printf() makes it; the answer, static. */
const char *upstash_say(struct upstash *u, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A number of its statistics, or how often a path was asked for. */
long upstash_count(struct upstash *u, const char *name);
void upstash_stop(struct upstash *u);

/* Static, for options to be set before it is used. */
struct redis_target *rest_target(const char *url, uint32_t timeout_ms);

#endif
