/* What a subscription implements. */
#ifndef REDIS_SUB_INT_H
#define REDIS_SUB_INT_H

#include "redis/sub.h"

struct redis_sub_impl {
    void (*want)(struct redis_sub *s, const char *channel);
    void (*drop)(struct redis_sub *s, const char *channel);
    enum redis_sub_event (*next)(struct redis_sub *s, struct redis_sub_message *out,
                                 uint32_t timeout_ms, int wake_fd);
    void (*close)(struct redis_sub *s);
};

/* Embedded first in each kind's own struct. */
struct redis_sub {
    const struct redis_sub_impl *impl;
    char error[160];
};

struct redis_sub *rest_sub_open(const struct redis_target *t, char *err, size_t err_len);

#endif
