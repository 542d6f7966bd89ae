/*
 * The Sentinels of a master: who is it at the moment? They are asked in turn; the one that answered
 * is asked first the next time, and its connection is kept. (redis.io, "Guidelines for Redis clients
 * with support for Redis Sentinel".) Belongs to one thread.
 */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include "redis/conn.h"

struct redis_sentinels;

/* Nothing is connected yet; `t` is borrowed. */
struct redis_sentinels *redis_sentinels_new(const struct redis_target *t);
/* Connects to the master, which says itself that it is one. NULL with a reason. */
struct redis_conn *redis_sentinels_dial(struct redis_sentinels *s, char *err, size_t err_len);
/* Whether another server than the one that was dialled last is the master now. Really asks every two
 * seconds at most; no answer is no. Takes 20 ms at most, or a second when a Sentinel has to be
 * connected that does not answer. */
bool redis_sentinels_moved(struct redis_sentinels *s);
void redis_sentinels_free(struct redis_sentinels *s); /* NULL is fine */

#endif
