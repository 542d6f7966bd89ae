/*
 * What Redis Cluster says in texts: which slot a key is in, where MOVED and ASK point to. And how far a
 * SCAN of all nodes is, in a text of our own. Pure functions. (redis.io, "Redis cluster specification".)
 */
#ifndef REDIS_SLOTS_H
#define REDIS_SLOTS_H

#include "redis/url.h"

#define REDIS_SLOTS 16384

/* CRC16 of what stands between the first { and the next }, if anything does; else of the key. */
uint16_t redis_slot_of(const char *key);

enum redis_redirect { REDIRECT_NONE, REDIRECT_MOVED, REDIRECT_ASK };

/* "MOVED 3999 127.0.0.1:6381". out->host is empty when it is the host that was asked. */
enum redis_redirect redis_redirect_of(const char *error, uint16_t *slot, struct redis_host *out);

/*
 * Where a SCAN of all nodes is: at the node of a slot, which is the first slot of that node, and at a
 * cursor there. The cursor of another server means nothing to a node, so its name is kept with it.
 * As text `slot@node@cursor`; "0" at the beginning, as with one server.
 */
struct redis_scan {
    uint16_t slot;
    char node[280];
    char cursor[24];
};

bool redis_scan_read(const char *text, size_t len, struct redis_scan *out);
/* into `out`, which has room for REDIS_SCAN_TEXT. */
void redis_scan_write(const struct redis_scan *s, char *out);
#define REDIS_SCAN_TEXT 320

#endif
