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
 *     fields    text, language                      at most one save interval old; for other programs
 *     access    emails, links                       who may enter; never part of the document
 *
 * Beside them stand keys, each with a value that may expire: what is known of people who sign in
 * (store/authjs.h). No key is a bytecrowd's.
 *
 * An operation that returned STORE_OK is durable: fsync'd by SQLite, acknowledged by Redis.
 *
 * Many servers may share one Redis. What each of them appends is told to the others by the feed
 * (store/feed.h) in the order of the log, and every rule below that speaks of a position is what
 * keeps them from harming each other. A SQLite file has one server.
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
    STORE_EXISTS = 1,       /* what was asked for is not so any more; see each kind */
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
    /* id -> snapshot, updates after it, fields, emails, links, pos, base. */
    STORE_LOAD,
    /* id, pos, acked -> what came after `pos`: updates and pos, `whole` false. If the log has lost
     * `pos` or `acked` (a snapshot by another server, a failover), or there is a newer snapshot, all
     * as with LOAD, but nothing beside the document, and `whole` true. */
    STORE_RESUME,
    /* id, data (one update), batch -> pos. The same batch of the same writer is appended once, however often it is
     * tried, as long as the tries are not an hour apart. */
    STORE_APPEND,
    /* Like APPEND, but only if there is neither log nor snapshot: else STORE_EXISTS. */
    STORE_SEED,
    /* id, data (state), pos: replaces an older snapshot, cuts the log up to pos. A newer snapshot
     * stays as it is (STORE_OK). STORE_EXISTS: the log has no `pos` (Redis), nothing is written. */
    STORE_SNAPSHOT,
    /* id, text, language (has_... false: leave as it is), pos, interval_ms. Redis: STORE_EXISTS if
     * another server wrote them less than interval_ms ago (wait_ms: come back then), or with a
     * later pos (wait_ms 0: this server is behind). */
    STORE_FIELDS,
    /* id (NULL: to every server), data: tells other servers, once, and is not kept. Nothing in SQLite. */
    STORE_TELL,
    /* Is the store there? -> changes. */
    STORE_PING,
    /* cursor -> names, cursor: some bytecrowds at a time, of which some may come twice; an empty cursor begins and
     * is returned at the end. */
    STORE_LIST,
    /* id, snapshot, updates, fields, emails, links: all of a bytecrowd, as LOAD gave it. STORE_EXISTS: there is something. */
    STORE_IMPORT,
    /* id, age_ms: removes the bytecrowd if nobody has opened it (LOAD, TOUCH) for so long: else
     * STORE_EXISTS. One that was never marked as opened is marked now. */
    STORE_EXPIRE,
    /* id: marks it as open, now. LOAD does so, too, with `touch`. Nothing if there is no such bytecrowd. */
    STORE_TOUCH,

    /* id -> has_emails, emails, links: who may enter, without reading the document. */
    STORE_ACCESS,
    /* id, emails (what the original stores: a JSON array of strings): sets them if none are set, also where there is no
     * such bytecrowd yet. Else STORE_EXISTS, and `emails` is what is set; the caller's own, if this is a second try
     * whose first answer was lost. With `force` sets them in any case; empty emails take them away. Others are told
     * (FEED_POLICY). */
    STORE_AUTHORIZE,
    /* id, data (the hash of a link), text (what is known of the link, for people): adds it, or gives one that is there
     * the new text. STORE_EXISTS: there are STORE_LINKS_MAX already. Others are told. */
    STORE_LINK_ADD,
    /* id, data (the hash, or "*": all of them). STORE_OK also if there was none. Others are told if there was one. */
    STORE_LINK_REMOVE,
    /* data (the hash of a link) -> found, data (the id that it belongs to, NUL behind it; empty if it is not found):
     * whoever has a link does not know the name. Without a result the hash stays. */
    STORE_LINK_FIND,

    /* key -> found, data, expires_ms. What has expired is not found. */
    STORE_GET,
    /* key, data, expires_ms: the value is gone then; a time that is over removes it now. With `if_absent`
     * STORE_EXISTS if there is one; after a lost answer that may be the caller's own. By REST only UTF-8. */
    STORE_SET,
    /* key. STORE_OK also if it was not there. */
    STORE_DELETE,
    /* As LIST, but keys that begin with STORE_KEYS_LISTED; expired ones may be among them. */
    STORE_LIST_KEYS,
};

#define STORE_KEY_MAX 1024        /* bytes; and none that begins like a bytecrowd's keys in Redis */
#define STORE_KEYS_LISTED "user:" /* of people; what else is kept in keys lives for minutes */
#define STORE_KEYS_END "user;"    /* behind all of them */
#define STORE_LINKS_MAX 100       /* for each bytecrowd */
#define STORE_LINK_HASH_LEN 64    /* SHA-256 of the link's token in lower case hexadecimal */

/* A read-only link. The token itself is nowhere: who reads the store cannot open what it stands for. */
struct store_link {
    char hash[STORE_LINK_HASH_LEN + 1];
    struct buf about; /* LINK_ADD's text */
};

/* One operation. The caller owns it and what it points to until it is done; results that were
 * allocated are released by store_op_release(). */
struct store_op {
    struct list node; /* the queue's */
    enum store_kind kind;
    const char *id;  /* of a bytecrowd; borrowed */
    const char *key; /* GET, SET, DELETE; borrowed */
    struct buf data;
    struct buf text, language, emails;
    bool has_text, has_language,
        has_emails; /* FIELDS (but emails), IMPORT: which to write. LOAD, ACCESS: which there are */
    bool touch;     /* LOAD: somebody opens it */
    bool force;     /* AUTHORIZE */
    bool if_absent; /* SET */
    bool found;     /* GET, LINK_FIND */
    uint64_t expires_ms;  /* GET, SET: since the epoch; 0: never */
    struct store_pos pos; /* in: SNAPSHOT, RESUME, FIELDS. out: APPEND, SEED, LOAD, RESUME (the last
                             of the log, or of the snapshot if the log is empty) */
    struct store_pos acked; /* RESUME: the last that an append of ours returned */
    struct store_pos base;  /* out: LOAD, RESUME whole: the snapshot's */
    /* PING: another number than at the last ping of this store if another process wrote meanwhile, also one that
     * is none of ours (SQLite); always 0 in Redis, where the feed tells. */
    uint64_t changes;
    uint64_t batch; /* APPEND: grows with each new one of this room; 0: may be appended twice */
    uint32_t interval_ms, wait_ms; /* FIELDS */
    uint64_t hash;                 /* FIELDS: of what is written, for other servers (FEED_FIELDS) */
    uint64_t age_ms;               /* EXPIRE */
    enum store_result result;
    char error[160];     /* for people, if result < 0 */
    uint32_t generation; /* of the connection that answered; 0 in SQLite */

    /* LOAD, RESUME, IMPORT */
    bool has_state; /* there is a snapshot or a log; else at most fields (an original's text) */
    bool whole;     /* RESUME */
    struct buf snapshot; /* empty if there is none */
    struct buf *updates; /* after the snapshot, in order */
    size_t update_count;

    /* LOAD, ACCESS, IMPORT: by their hashes */
    struct store_link *links;
    size_t link_count;

    /* LIST, LIST_KEYS */
    struct buf cursor;
    struct buf *names;
    size_t name_count;

    void (*done)(struct store_op *op); /* on the loop's thread */
    void *udata;
};

/* Frees the buffers that the operation holds (in and out), not the struct. */
void store_op_release(struct store_op *op);
/* Whether it is what a link's hash looks like. */
bool store_link_hash_ok(const void *hash, size_t len);

struct store;

struct store_opts {
    uint32_t timeout_ms; /* connecting and each answer; default 5 000 */
    bool read_only;      /* SQLite: beside a server that has the file open */
    /* SQLite: for AUTHORIZE, LINK_ADD and LINK_REMOVE, beside a server that has the file open or not; other writes are
     * refused. The file must be there. A server notices by the changes of its pings. */
    bool beside;
    const char
        *tls_ca; /* rediss:, https: PEM file with the certificates to trust; NULL: the system's */
    const char *tls_cert; /* client certificate and key, PEM; NULL: none */
    const char *tls_key;
    const char *token; /* https: Upstash's REST token */
    uint32_t replicas; /* Redis: that must confirm each write; default 0 */
};

/* Opens by URL: sqlite:FILE or one of redis/url.h. NULL with a reason in err when the URL is
 * bad or (SQLite) the file cannot be opened. Redis connects with the first operation, and again
 * whenever the connection was lost. */
struct store *store_open(const char *url, const struct store_opts *opts, char *err, size_t err_len);
/* Runs operations in order as one group (one transaction, one pipeline): either all of the group's
 * writes that returned STORE_OK are durable, or the group was not acknowledged and each op says
 * why. */
void store_run(struct store *s, struct store_op **ops, size_t n);
const char *store_name(const struct store *s); /* "sqlite" or "redis" */
/* This server's name among those that share the store: random, new with each store_open(). */
uint64_t store_node(const struct store *s);
/* The largest update or snapshot that can be written; SIZE_MAX if the store sets no limit. */
size_t store_max_value(const struct store *s);
/* Whether a write returns only when replicas have it: then what was read may be less safe than what was
 * written, until a later write has returned. */
bool store_waits(const struct store *s);
void store_close(struct store *s);

#endif
