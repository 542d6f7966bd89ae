/*
 * Rate limits: a token bucket for each key (an address, a session). Keys that have rested until their bucket is full
 * are forgotten, and so is the one that was used longest ago when there are too many: a flood of keys costs a bounded
 * amount of memory.
 *
 *     struct limiter *l = limiter_new(60);                          60 a minute, all at once if need be
 *     uint32_t wait = limiter_take(l, key, key_len, now_ms);        0: go on; else not before so many ms
 */
#ifndef BASE_LIMITER_H
#define BASE_LIMITER_H

#include <stddef.h>
#include <stdint.h>

struct limiter;

struct limiter *limiter_new(uint32_t per_minute); /* 0: no limit */
uint32_t limiter_take(struct limiter *l, const void *key, size_t len, uint64_t now_ms);
size_t limiter_count(const struct limiter *l); /* keys that are known */
void limiter_free(struct limiter *l);          /* NULL is fine */

#endif
