/* What a store implements. */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include "store/store.h"

struct redis_target;

struct store_impl {
    const char *name;
    void (*run)(struct store *s, struct store_op **ops, size_t n);
    void (*close)(struct store *s);
    /* Where the feed listens; NULL: no other server uses this store. */
    const struct redis_target *(*target)(const struct store *s);
};

/* Embedded first in each store's own struct. */
struct store {
    const struct store_impl *impl;
    uint64_t node;    /* set by store_open() */
    size_t max_value; /* 0: no limit */
};

struct store *sqlite_open(const char *path, const struct store_opts *opts, char *err,
                          size_t err_len);
struct store *redis_open(const char *url, const struct store_opts *opts, char *err, size_t err_len);

void store_fail(struct store_op *op, enum store_result result, const char *error);
/* Whether its key and its link's hash can be; else it has failed. */
bool store_check(struct store_op *op);
/* One more link at the end of op->links; false: its hash is none. */
bool store_add_link(struct store_op *op, const void *hash, size_t hash_len, const void *about,
                    size_t about_len);

#endif
