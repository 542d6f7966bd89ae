/*
 * A subscription to Redis channels: a connection of its own (redis_sub.c), or Upstash's REST
 * subscribe stream (rest_sub.c). Blocking; belongs to the feed's thread. When it is lost it is closed
 * and a new one is opened, which knows nothing of the old one's channels.
 */
#ifndef REDIS_SUB_H
#define REDIS_SUB_H

#include "base/buf.h"
#include "redis/link.h"

struct redis_sub;

enum redis_sub_event {
    SUB_LOST = -1,  /* redis_sub_error() says why; close it */
    SUB_NONE = 0,   /* nothing within the time, or woken */
    SUB_SUBSCRIBED, /* channel: everything published from now on will come */
    SUB_MESSAGE,    /* channel, payload */
};

/* Both are the subscription's, valid until the next call. */
struct redis_sub_message {
    const char *channel;
    const uint8_t *payload;
    size_t len;
};

/* Connects. NULL with a reason. */
struct redis_sub *redis_sub_open(const struct redis_target *t, char *err, size_t err_len);
/* Asked for with the next call of redis_sub_next(). */
void redis_sub_want(struct redis_sub *s, const char *channel);
void redis_sub_drop(struct redis_sub *s, const char *channel);
/* Waits for at most timeout_ms, or until wake_fd is readable. Finds out by itself, within about two
 * of the target's timeouts, that the other end is gone without a word, and (Sentinel) that another
 * server has become the master. */
enum redis_sub_event redis_sub_next(struct redis_sub *s, struct redis_sub_message *out,
                                    uint32_t timeout_ms, int wake_fd);
const char *redis_sub_error(const struct redis_sub *s);
void redis_sub_close(struct redis_sub *s);

#endif
