/* What a link implements. */
#ifndef REDIS_LINK_INT_H
#define REDIS_LINK_INT_H

#include "redis/link.h"

struct redis_link_impl {
    /* All replies are NULL at first; error is empty. */
    void (*run)(struct redis_link *l, const struct redis_command *c, size_t n,
                redisReply **replies);
    void (*close)(struct redis_link *l);
};

/* Embedded first in each link's own struct. */
struct redis_link {
    const struct redis_link_impl *impl;
    uint32_t generation;
    char error[512];
};

/* Replies are freed by hiredis' freeReplyObject(), whoever made them: what is made by hand comes from
 * malloc() and calloc(), as hiredis' own does: the redisReply, `str` (terminated), `element` (an
 * array of pointers) and each of the elements. */

struct redis_link *cluster_link_open(const struct redis_target *t);
struct redis_link *rest_link_open(const struct redis_target *t, char *err, size_t err_len);

#endif
