/* What the files of the Redis store share: redis.c runs operations, redis_index.c knows whose a link is. */
#ifndef STORE_REDIS_INT_H
#define STORE_REDIS_INT_H

#include "redis/link.h"
#include "store/store_int.h"

#define REDIS_ID_MAX 255
#define REDIS_KEY_SIZE (REDIS_ID_MAX + 32)

/* The key of a bytecrowd's links. */
void redis_links_key(char out[REDIS_KEY_SIZE], const char *id);
/* Whether there is an answer, and it is no error; else the operation has failed. */
bool redis_answered(struct redis_link *link, const redisReply *r, struct store_op *op);
bool redis_is_string(const redisReply *r);

/* Links whose keys in the index have to be looked after. All zero is none. */
struct redis_index {
    struct redis_index_entry *entries;
    size_t count;
};
/* A link of `id`, which stays until it is settled: that `writer` has added, which fails if its key cannot be
 * written; or (NULL) that is gone. */
void redis_index_note(struct redis_index *x, struct store_op *writer, const char *id,
                      const void *hash);
/* Makes their keys say what the links say, and forgets them. */
void redis_index_settle(struct redis_index *x, struct redis_link *link);
/* Runs STORE_LINK_FIND. */
void redis_index_find(struct redis_link *link, struct store_op **ops, size_t n);

#endif
