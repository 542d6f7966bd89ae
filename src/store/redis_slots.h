/*
 * What Redis Cluster says in texts: which slot a key is in, and where MOVED and ASK point to. Pure
 * functions. (redis.io, "Redis cluster specification".)
 */
#ifndef STORE_REDIS_SLOTS_H
#define STORE_REDIS_SLOTS_H

#include "store/redis_url.h"

#define REDIS_SLOTS 16384

/* CRC16 of what stands between the first { and the next }, if anything does; else of the key. */
uint16_t redis_slot_of(const char *key);

enum redis_redirect { REDIRECT_NONE, REDIRECT_MOVED, REDIRECT_ASK };

/* "MOVED 3999 127.0.0.1:6381". out->host is empty when it is the host that was asked. */
enum redis_redirect redis_redirect_of(const char *error, uint16_t *slot, struct redis_host *out);

#endif
