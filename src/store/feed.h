/*
 * The feed: what other servers on the same store append and tell (STORE_APPEND, STORE_SEED,
 * STORE_TELL). A thread of its own listens; news comes to the loop like the queue's completions.
 *
 *     f = store_feed_new(store, wake, wake_udata);     NULL: nobody else uses this store (SQLite)
 *     store_feed_follow(f, "friday-interview");         loop thread, as all of these
 *     store_feed_drain(f, heard, udata);                after wake()
 *     store_feed_unfollow(f, "friday-interview");
 *     store_feed_free(f);
 *
 * What comes is in the order of the log, but may have holes: a lost connection, a slow reader.
 * Each update says which position it follows, so a hole is seen (STORE_RESUME fills it). After
 * FEED_FOLLOWING nothing was missed until the next FEED_LOST: whoever resumes after it is up to date.
 */
#ifndef STORE_FEED_H
#define STORE_FEED_H

#include "store/store.h"

enum feed_kind {
    FEED_FOLLOWING, /* id: from now on everything of it will come; again after each FEED_LOST */
    FEED_LOST,      /* no id: the connection is gone; it is being made again */
    FEED_UPDATE, /* id, node, prev, pos, data: was appended at pos, right behind prev. `data` is empty
                       when only the positions are known: resume */
    FEED_SNAPSHOT, /* id, node, pos, size: replaced the log up to pos */
    FEED_FIELDS,   /* id, node, pos, hash: were written with what the log has up to pos */
    FEED_TOLD,     /* id or NULL, node, data: STORE_TELL of another server */
    FEED_POLICY,   /* id, node: another server changed who may enter: STORE_ACCESS says to what */
};

struct feed_news {
    struct list entry; /* the feed's */
    enum feed_kind kind;
    char *id;      /* NULL: none */
    uint64_t node; /* the server that did it (store_node()) */
    bool own;      /* this one */
    struct store_pos prev, pos;
    uint64_t hash;
    size_t size;
    struct buf data;
};

struct store_feed;

/* `wake` is called on the feed's thread. */
struct store_feed *store_feed_new(struct store *s, void (*wake)(void *udata), void *udata);
void store_feed_follow(struct store_feed *f, const char *id);
void store_feed_unfollow(struct store_feed *f, const char *id);
/* Hands over what came; `news` is the feed's and valid during the call. */
void store_feed_drain(struct store_feed *f,
                      void (*heard)(void *udata, const struct feed_news *news), void *udata);
/* Whether it is connected, and if not why (for people). */
bool store_feed_connected(struct store_feed *f, char *why, size_t why_len);
/* Tells the thread to end, which it does within the store's timeout. */
void store_feed_stop(struct store_feed *f); /* NULL is fine */
void store_feed_free(struct store_feed *f); /* stops it, and waits for its end */

#endif
