#include "base/table.h"

#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

/* SipHash-1-3 (Aumasson, Bernstein 2012), the variant that Rust and Python use for tables. */

static uint64_t seed[2];

static uint64_t rotl(uint64_t x, int n)
{
    return (x << n) | (x >> (64 - n));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

static uint32_t hash_of(const void *key, size_t len)
{
    const uint8_t *p = key;
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
                     seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)len << 56, m;
    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&m, p, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t i = 0; i < len; i++)
        last |= (uint64_t)p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    m = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(m ^ (m >> 32));
}

__attribute__((constructor)) static void seed_tables(void)
{
    random_bytes(seed, sizeof(seed));
}

void table_release(struct table *t)
{
    for (size_t i = 0; i < t->cap; i++)
        free(t->slots[i].key);
    free(t->slots);
    *t = (struct table){0};
}

static struct table_slot *find(const struct table *t, uint32_t hash, const void *key, size_t len)
{
    if (!t->cap)
        return NULL;
    for (size_t i = hash & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        struct table_slot *s = &t->slots[i];
        if (!s->key)
            return NULL;
        if (s->hash == hash && s->key_len == len && (len == 0 || memcmp(s->key, key, len) == 0))
            return s;
    }
}

static void place(struct table *t, struct table_slot slot)
{
    size_t i = slot.hash & (t->cap - 1);
    while (t->slots[i].key)
        i = (i + 1) & (t->cap - 1);
    t->slots[i] = slot;
}

static void resize(struct table *t, size_t cap)
{
    struct table old = *t;
    t->slots = xcalloc(cap, sizeof(*t->slots));
    t->cap = cap;
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].key)
            place(t, old.slots[i]);
    free(old.slots);
}

void *table_get(const struct table *t, const void *key, size_t len)
{
    struct table_slot *s = find(t, t->cap ? hash_of(key, len) : 0, key, len);
    return s ? s->value : NULL;
}

void *table_set(struct table *t, const void *key, size_t len, void *value)
{
    uint32_t hash = hash_of(key, len);
    struct table_slot *s = find(t, hash, key, len);
    if (s) {
        void *former = s->value;
        s->value = value;
        return former;
    }
    if ((t->count + 1) * 4 > t->cap * 3)
        resize(t, t->cap ? t->cap * 2 : 8);
    place(t, (struct table_slot){hash, (uint32_t)len, xstrndup(key, len), value});
    t->count++;
    return NULL;
}

void *table_remove(struct table *t, const void *key, size_t len)
{
    struct table_slot *s = find(t, t->cap ? hash_of(key, len) : 0, key, len);
    if (!s)
        return NULL;
    void *former = s->value;
    free(s->key);
    s->key = NULL;
    t->count--;
    /* Close the gap: whatever probed past this slot moves back. */
    size_t gap = (size_t)(s - t->slots);
    for (size_t i = (gap + 1) & (t->cap - 1); t->slots[i].key; i = (i + 1) & (t->cap - 1)) {
        size_t home = t->slots[i].hash & (t->cap - 1);
        if (((i - home) & (t->cap - 1)) >= ((i - gap) & (t->cap - 1))) {
            t->slots[gap] = t->slots[i];
            t->slots[i].key = NULL;
            gap = i;
        }
    }
    return former;
}

bool table_next(const struct table *t, size_t *pos, void **value)
{
    while (*pos < t->cap) {
        struct table_slot *s = &t->slots[(*pos)++];
        if (s->key) {
            *value = s->value;
            return true;
        }
    }
    return false;
}
