#include "base/limiter.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 65536
#define MINUTE_US UINT64_C(60000000)

/* Whole again at `full_us`, which each use moves on: one number says it all. */
struct bucket {
    struct list entry; /* in `used`, longest ago first */
    uint64_t full_us;
    uint32_t key_len;
    char key[];
};

struct limiter {
    uint32_t per_minute;
    uint64_t cost_us; /* of one use */
    struct table buckets;
    struct list used;
};

struct limiter *limiter_new(uint32_t per_minute)
{
    struct limiter *l = xcalloc(1, sizeof(*l));
    l->per_minute = per_minute;
    l->cost_us = per_minute ? (MINUTE_US + per_minute - 1) / per_minute : 0;
    list_init(&l->used);
    return l;
}

static void forget(struct limiter *l, struct bucket *b)
{
    table_remove(&l->buckets, b->key, b->key_len);
    list_remove(&b->entry);
    free(b);
}

/* Two for each that is added, so that what is full does not stay. */
static void sweep(struct limiter *l, uint64_t now_us)
{
    int n = 0;
    list_each(e, &l->used)
    {
        struct bucket *b = container_of(e, struct bucket, entry);
        if (n++ == 2 || (b->full_us > now_us && l->buckets.count < KEYS_MAX))
            break;
        forget(l, b);
    }
}

static struct bucket *bucket_of(struct limiter *l, const void *key, size_t len, uint64_t now_us)
{
    struct bucket *b = table_get(&l->buckets, key, len);
    if (b)
        return b;
    sweep(l, now_us);
    b = xcalloc(1, sizeof(*b) + len);
    b->key_len = (uint32_t)len;
    memcpy(b->key, key, len);
    list_init(&b->entry);
    table_set(&l->buckets, key, len, b);
    return b;
}

uint32_t limiter_take(struct limiter *l, const void *key, size_t len, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000, most_us = l->cost_us * l->per_minute;
    if (!l->per_minute)
        return 0;
    struct bucket *b = bucket_of(l, key, len, now_us);
    uint64_t used_us = (b->full_us > now_us ? b->full_us - now_us : 0) + l->cost_us;
    list_remove(&b->entry);
    list_append(&l->used, &b->entry);
    if (used_us > most_us)
        return (uint32_t)((used_us - most_us + 999) / 1000);
    b->full_us = now_us + used_us;
    return 0;
}

size_t limiter_count(const struct limiter *l)
{
    return l->buckets.count;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    list_each(e, &l->used) forget(l, container_of(e, struct bucket, entry));
    table_release(&l->buckets);
    free(l);
}
