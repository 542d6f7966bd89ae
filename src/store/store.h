/*
 * A store keeps every bytecrowd: its log of updates, a snapshot that replaces the log's beginning,
 * and the fields that other programs read. Two stores, SQLite and Redis, behave alike and pass one
 * conformance suite. A store never parses CRDT bytes.
 *
 * Everything here blocks: it runs on the storage thread (store/queue.h), never on an event loop.
 *
 * What a bytecrowd looks like:
 *
 *     log       position 1..n -> update bytes      append only, cut at its beginning by a snapshot
 *     snapshot  state bytes, `upto`                 has everything of the log up to position `upto`
 *     fields    text, language                      at most one save interval old; for other
 * programs
 *
 * An operation that returned STORE_OK is durable: fsync'd by SQLite, acknowledged by Redis.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_result {
    STORE_OK = 0,
    STORE_EXISTS = 1,       /* STORE_SEED: the bytecrowd already has a log or a snapshot.
                               STORE_SNAPSHOT: another server wrote what the state lacks */
    STORE_UNAVAILABLE = -1, /* cannot be reached or is refusing for now: worth trying again */
    STORE_CORRUPT = -2,     /* was read, and is not what we write: trying again will not help */
};

/* Where in a bytecrowd's log something stands; compared (hi, lo). SQLite: (0, sequence number);
 * Redis: the two halves of a stream id. Zero: before everything. */
struct store_pos {
    uint64_t hi, lo;
};
static inline int store_pos_cmp(struct store_pos a, struct store_pos b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return a.lo < b.lo ? -1 : a.lo > b.lo;
}

enum store_kind {
    STORE_LOAD,   /* id -> snapshot, updates after it, fields, pos */
    STORE_APPEND, /* id, data (one update) -> pos */
    STORE_SEED, /* like APPEND, but only if there is neither log nor snapshot: else STORE_EXISTS */
    STORE_SNAPSHOT, /* id, data (state), pos: replaces an older snapshot, cuts the log up to pos; a
                       newer snapshot stays as it is (STORE_OK) */
    STORE_FIELDS,   /* id, text, language (NULL = leave as it is) */
    STORE_PING,     /* is the store there? */
};

/* One operation. The caller owns it and what it points to until it is done; results that were
 * allocated are released by store_op_release(). */
struct store_op {
    struct list node; /* the queue's */
    enum store_kind kind;
    const char *id; /* of a bytecrowd; borrowed */
    struct buf data;
    struct buf text;
    struct buf language;
    bool has_text, has_language; /* FIELDS: which to write. LOAD: which there are */
    struct store_pos pos; /* in: SNAPSHOT. out: APPEND, SEED, LOAD (the last of the log, or of the
                             snapshot if the log is empty) */
    /* The snapshot that the log begins behind, zero if none. Out: LOAD. In: SNAPSHOT, with `known`, how
     * many updates of the log up to `pos` the state has; if that is not so, nothing is written
     * (STORE_EXISTS). SQLite does not look, nor anybody if `known` is 0. */
    struct store_pos base;
    size_t known;
    enum store_result result;
    char error[160]; /* for people, if result < 0 */

    /* out, STORE_LOAD */
    bool has_state; /* there is a snapshot or a log; else at most fields (an original's text) */
    struct buf snapshot; /* empty if there is none */
    struct buf *updates; /* after the snapshot, in order */
    size_t update_count;

    void (*done)(struct store_op *op); /* on the loop's thread */
    void *udata;
};

/* Frees the buffers that the operation holds (in and out), not the struct. */
void store_op_release(struct store_op *op);

struct store;

struct store_opts {
    uint32_t timeout_ms; /* connecting and each answer; default 5 000 */
};

/* Opens by URL: sqlite:FILE · redis://[user:password@]host[:port][/db] · redis+unix:///path[?db=N].
 * NULL with a reason in err when the URL is bad or (SQLite) the file cannot be opened. Redis
 * connects with the first operation, and again whenever the connection was lost. */
struct store *store_open(const char *url, const struct store_opts *opts, char *err, size_t err_len);
/* Runs operations in order as one group (one transaction, one pipeline): either all of the group's
 * writes that returned STORE_OK are durable, or the group was not acknowledged and each op says
 * why. */
void store_run(struct store *s, struct store_op **ops, size_t n);
const char *store_name(const struct store *s); /* "sqlite" or "redis" */
void store_close(struct store *s);

#endif
