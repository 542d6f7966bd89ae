/* Stores for the tests: a SQLite file in a directory of its own, and a redis-server. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "store/store.h"
#include "tests/redis/server.h"
#include "tests/test.h"

/* A new store: "sqlite" on a new file, "redis" on the shared server, emptied. */
struct store *store_new(const char *which);
/* Another handle of that redis store, or the sqlite file closed and opened again. */
struct store *store_again(struct store *s);
/* One more handle of the shared redis-server: another server's. */
struct store *store_again_beside(struct store *s);
struct store *store_must_open(const char *url, uint32_t timeout_ms);

/* One operation as one group. What it returned. */
enum store_result put(struct store *s, enum store_kind kind, const char *id, const void *data,
                      size_t len, struct store_pos *pos);
enum store_result append(struct store *s, const char *id, const char *data, struct store_pos *pos);
/* NULL: not written. */
enum store_result put_fields(struct store *s, const char *id, const char *text,
                             const char *language);
/* Into a zeroed op that the caller releases. */
enum store_result load(struct store *s, const char *id, struct store_op *op);
/* Loads and compares: the snapshot ("" for none), and the updates joined by '|'. */
void expect(struct store *s, const char *id, const char *snapshot, const char *updates);

/* The same test once on each store. */
#define TEST_STORES(id)                                                                            \
    static void both_##id(struct store *s);                                                        \
    TEST(sqlite_##id)                                                                              \
    {                                                                                              \
        both_##id(store_new("sqlite"));                                                            \
    }                                                                                              \
    TEST(redis_##id)                                                                               \
    {                                                                                              \
        both_##id(store_new("redis"));                                                             \
    }                                                                                              \
    static void both_##id(struct store *s)

#endif
