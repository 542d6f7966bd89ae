/* What the files of src/server share. */
#ifndef SERVER_SERVER_INT_H
#define SERVER_SERVER_INT_H

#include "auth/auth.h"
#include "base/buf.h"
#include "base/limiter.h"
#include "base/list.h"
#include "base/table.h"
#include "net/conn.h"
#include "net/loop.h"
#include "net/address.h"
#include "proto/awareness.h"
#include "server/email.h"
#include "server/name.h"
#include "server/server.h"
#include "store/feed.h"
#include "store/queue.h"
#include "y/y.h"

#include <jansson.h>

#define ROOT_TEXT "bytecrowdText"
#define ROOT_MAP "bytecrowd"
#define KEY_LANGUAGE "language"
#define DEFAULT_LANGUAGE "javascript"

#define COMMON_HEADERS HTTP_COMMON_HEADERS
#define TEXT_HEADERS                                                                               \
    COMMON_HEADERS "Content-Type: text/plain; charset=utf-8\r\n"                                   \
                   "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"

/* What is limited by the minute. */
enum limit { LIMIT_CONNECT, LIMIT_CREATE, LIMIT_AUTHORIZE, LIMIT_SIGN_IN, LIMITS };

struct server {
    struct server_opts opts;
    struct net_loop *loop;
    struct net_server *net;
    struct net_wake *wake;
    struct store_queue *queue;
    struct table rooms; /* name -> struct room */
    struct list due;    /* rooms with something to send or to save this turn */
    struct list paced;  /* rooms that wait for their next flush */
    struct net_timer *pace_timer;
    struct net_timer *stop_timer;
    uint64_t stop_us; /* when the stop began; 0: serving */
    int exit_code;
    uint64_t batches; /* appends so far: each has a number of its own */

    /* other servers, nodes.c; feed NULL: there are none */
    struct store_feed *feed;
    struct net_wake *feed_wake;
    struct table nodes; /* id -> struct node */
    struct net_timer *tick_timer;
    uint64_t ticked_ms, beat_ms, beat_ok_ms, feed_lost_ms;
    uint32_t generation; /* of the store's connection */

    struct expiry *expiry; /* expire.c; NULL: off */
    struct health *health; /* health.c */

    struct auth *auth;
    struct limiter *limits[LIMITS]; /* guard.c */
    struct access *access;          /* access.c */
};

/* Who may open a bytecrowd. */
struct policy {
    bool restricted;
    struct emails emails;                   /* a restricted one without any is nobody's */
    char (*links)[STORE_LINK_HASH_LEN + 1]; /* of read-only links */
    size_t link_count;
};

/* What hangs on a connection. */
enum client_kind {
    CLIENT_SOCKET,
    CLIENT_RAW,
    CLIENT_HEALTH,
    CLIENT_AUTH,   /* a request that auth.h answers */
    CLIENT_VISIT,  /* a request that is not decided yet, visit.c */
    CLIENT_UPDATE, /* POST /api/update */
};

struct client {
    enum client_kind kind;
    struct conn *conn;
    struct room *room;              /* NULL: cut off from it */
    struct list node;               /* in the room's members, or its readers */
    struct auth_person *person;     /* NULL: nobody that is known */
    struct net_address address;     /* whose it is, as far as proxies are trusted */
    bool limited;                   /* rate limits are for them */
    struct auth_query *query;       /* under way */
    bool rechecking;                /* it is access.c's */
    struct auth_exchange *exchange; /* CLIENT_AUTH */
    struct visit *visit;            /* CLIENT_VISIT, CLIENT_UPDATE */
    char *
        link; /* hash of the one they have, by which they may only watch; NULL: they have the name */
    /* CLIENT_SOCKET */
    bool receipts;
    struct awareness_identity identity; /* points into `person` */
    struct list known;                  /* in the server's list of who is signed in; access.c */
    uint64_t known_ms;                  /* when that was last so */
    struct awareness_owner awareness;
    struct buf early; /* messages from before the room was loaded, length-prefixed */
    uint64_t received, saving, saved; /* sync messages; see PROTO 100 */
    struct list owed;                 /* in the room's `owed` or `owing`, or alone */
};

/* A store operation of a room. */
struct save_op {
    struct store_op op;
    struct room *room;
    size_t count, bytes; /* SNAPSHOT: what of the log it replaces */
};

/* Another server that has people in a room. */
struct peer {
    struct list entry;
    uint64_t node;
    struct awareness_owner awareness;
};

enum room_phase { ROOM_LOADING, ROOM_LIVE };

struct room {
    struct server *srv;
    char *name;
    enum room_phase phase;
    struct ydoc *doc;
    struct awareness *awareness;
    struct list members; /* struct client */
    size_t member_count;
    struct list readers; /* struct client, CLIENT_RAW, while loading */
    size_t doc_bytes;    /* encoded size, at most */
    bool doc_bytes_exact;
    bool fresh; /* nobody has written anything into it, ever */

    /* access.c */
    struct policy policy;
    bool asking, ask_again;

    /* fan-out, room.c */
    struct buf out; /* frames due to every member */
    struct list due_node;
    uint64_t flushed_us;
    struct shared *full; /* the frame that answers an empty state vector; NULL: document changed */

    /* loading, room_load.c */
    struct store_op load;
    int seed_tries;

    /* saving, room_save.c */
    struct buf waiting;      /* updates for the next append, one behind the other */
    struct buf waiting_ends; /* size_t each: where they end */
    bool whole;              /* so much was waiting that the next append is the whole document */
    bool assure;             /* somebody has a receipt to come for what the store had already */
    struct save_op *batch;   /* the append that is under way, or failed and is tried again later */
    bool in_flight;
    bool failing;
    uint32_t backoff_ms;
    struct list owed, owing; /* clients to be told: with the append after this, with this one */
    struct net_timer *retry_timer;
    struct net_timer *fields_timer;
    bool fields_dirty, fields_in_flight;
    bool fields_ours; /* somebody here changed them since they were written */
    uint64_t fields_hash, fields_hash_in_flight;
    struct net_timer *idle_timer;
    bool snapshot_in_flight, unload;
    /* The document has all of the log up to pos. */
    struct store_pos pos;
    struct store_pos acked; /* the last that an append from here got; with a feed it comes back as
                               news, and only then pos is there */
    size_t log_count, log_bytes, snapshot_bytes;
    size_t snapshot_after; /* one failed: the next when the log has so many updates */
    uint32_t log_slack;    /* by chance, so that servers do not write the same snapshot at once */

    /* other servers, room_feed.c */
    bool resume_due, resuming;
    uint64_t known_ms; /* when the log was last read, or moved on by news */
    uint32_t
        quiet_slack; /* ms, by chance: all rooms learn of a new connection in one moment, and need not
                             all read their logs in one moment ever after */
    uint32_t resume_backoff_ms;
    bool unreadable; /* the log has what this document could not take: no snapshot may replace it */
    struct net_timer *resume_timer;
    struct list peers; /* struct peer */
    struct list held;  /* struct feed_news: updates that came while the log is read */
    size_t held_bytes;
};

/* access.c */
void access_init(struct server *s);
void access_release(struct server *s);
void policy_release(struct policy *p);
/* Of LOAD or ACCESS: replaces it. */
void policy_read(struct policy *p, const struct store_op *op);
void policy_copy(struct policy *out, const struct policy *p);
bool policy_admits(const struct policy *p, const struct auth_person *person);
/* Whether they may be in this room, which is live; else why not. */
bool room_admits(const struct room *r, const struct client *c, const char **why);
/* Reads again who may enter, and cuts off who may not. */
void room_ask_access(struct room *r);
/* The same, if it is open here. */
void access_changed(struct server *s, const char *name);
/* Known to be somebody, from now on looked after. */
void access_identify(struct server *s, struct client *c, struct auth_person *person);
void access_signed_out(struct server *s, const char *session, const char *user_id);
/* Another server said so. */
void access_heard(struct server *s, const struct feed_news *news);
/* They are in no room any more. */
void access_left(struct server *s, struct client *c);
/* All who are known are to be looked up again: what was said meanwhile was not heard. */
void access_recheck(struct server *s);

/* guard.c */
/* Takes one of a limit; 0, or the ms until there is another. */
uint32_t guard_take(struct server *s, enum limit limit, const struct client *c);
/* Of the session's alone: it became known after the address was asked. */
uint32_t guard_take_session(struct server *s, enum limit limit, const struct client *c);
void guard_who(struct server *s, struct client *c, const struct http_request *req);
bool guard_origin(const struct server *s, const struct http_request *req);
void guard_init(struct server *s);
void guard_release(struct server *s);
void guard_refuse(struct conn *conn, uint32_t wait_ms);

/* visit.c */
enum visit_result { VISIT_OK, VISIT_DENIED, VISIT_UNAVAILABLE };
struct visit {
    struct server *srv;
    struct client *client;          /* NULL: the connection is gone */
    const struct http_request *req; /* as long as there is a client that was not answered */
    char name[NAME_MAX_LEN + 1];
    bool who; /* the session is looked up in any case */
    struct policy policy;
    struct store_op op;
    void (*done)(struct store_op *op);
    bool busy;     /* op is the queue's */
    bool detached; /* done is to run without a client, too */
    void (*ready)(struct visit *v, enum visit_result result);
    json_t *body; /* of a POST; the visit's */
};
struct visit *visit_begin(struct server *s, struct conn *conn, const struct http_request *req,
                          const char *name, bool who,
                          void (*ready)(struct visit *v, enum visit_result result));
/* Finds out who it is and whether they may, then calls `ready`, at once or later, unless the connection has gone.
 * That answers, and calls visit_end() when all is done. */
void visit_go(struct visit *v);
/* Runs v->op, whose kind and arguments are set, then `done` with op->udata the visit. */
void visit_store(struct visit *v, void (*done)(struct store_op *op));
void visit_end(struct visit *v);
/* The connection is gone, and so is its client. */
void visit_lost(struct visit *v);

/* api.c */
void api_request(struct server *s, struct conn *conn, const struct http_request *req);
size_t api_max_body(const struct http_request *req);
void api_update_ready(struct client *c);
void api_update_failed(struct client *c);
void api_update_saved(struct client *c);

/* room.c */
struct room *room_open(struct server *s, const char *name);
void room_join(struct room *r, struct client *c);
void room_leave(struct client *c);
/* Cuts a client off from its room with a close code. Its connection goes when the peer has answered. */
void room_cut_off(struct client *c, int code, const char *reason);
void room_message(struct client *c, const uint8_t *data, size_t len);
void room_due(struct room *r);
void room_turn(struct room *r, uint64_t now_us);
uint64_t room_pace_us(const struct room *r);
void room_free(struct room *r);
void room_send(struct client *c, struct buf *payload);
void room_tell_store_state(struct room *r);
/* At the end of the turn, to everybody. */
void room_tell_update(struct room *r, const uint8_t *data, size_t len);
void room_changed(struct room *r, bool here);
void room_live(struct room *r);
/* Takes what another server or the log had: tells everybody, saves nothing. Y_OK, or an error. */
int room_take(struct room *r, const void *update, size_t len);

/* What an update of the client's own would do: 0, or a close code and why. The client's room is live. */
int room_update(struct client *c, const uint8_t *data, size_t len, const char **why);

/* room_edit.c */
/* Makes text and language (NULL: as it is) what is given, as one more person's edit: 0, or a status of HTTP and why.
 * The client is owed a receipt. */
int room_edit(struct client *c, const struct buf *text, const struct buf *language,
              const char **why);

/* room_load.c */
void room_load(struct room *r);
void room_refuse(struct room *r, int code, const char *reason);

/* room_save.c */
void room_save_init(struct room *r);
void room_save_release(struct room *r);
void room_save_update(struct room *r, const void *update, size_t len);
void room_save_owe(struct room *r, struct client *c);
void room_save_kick(struct room *r);
void room_save_retry(struct room *r);
void room_save_fields_later(struct room *r, bool here);
void room_save_heard_fields(struct room *r, struct store_pos pos, uint64_t hash);
/* Something was finished: is there a snapshot to take, or can the room go? It may be freed. */
void room_settle(struct room *r);
/* Whether the room could go, as it stands, and is freed. */
bool room_let_go(struct room *r);
struct save_op *save_op_new(struct room *r, enum store_kind kind, void (*done)(struct store_op *));
void save_op_free(struct save_op *s);
bool room_all_saved(const struct room *r);
uint64_t room_fields_hash(const struct buf *text, const struct buf *language);
void room_idle(struct room *r); /* nobody is here: unload after a while */
void room_stop(struct room *r); /* save and unload now */
size_t room_unsaved_bytes(const struct room *r);

/* room_feed.c */
void room_feed_init(struct room *r);
void room_feed_release(struct room *r);
void room_heard(struct room *r, const struct feed_news *news);
/* Reads what the log has beyond what is known, soon. */
void room_resume(struct room *r);
void room_tell_awareness(struct room *r, bool everybody);
void room_meet(struct room *r);
void room_node_gone(struct room *r, uint64_t node);

/* nodes.c */
void nodes_init(struct server *s);
void nodes_release(struct server *s);
void nodes_generation(struct server *s, uint32_t generation);
void nodes_tell(struct server *s, const char *id, char kind, const struct buf *data);

/* expire.c */
void expiry_init(struct server *s);
void expiry_release(struct server *s);

/* health.c */
void health_init(struct server *s);
void health_request(struct server *s, struct conn *c);
void health_release(struct server *s);

/* The longest body of all requests; most may have less. */
#define HTTP_BODY_MAX ((size_t)1024 * 1024)

/* routes.c */
size_t routes_max_body(const struct http_request *req, void *udata);
/* What auth.h asks of the server. */
void routes_auth_opts(struct server *s, struct auth_opts *opts);
struct client *client_new(enum client_kind kind, struct conn *conn);
void client_free(struct client *c);
void routes_request(struct conn *c, const struct http_request *req, void *udata);
void routes_message(struct conn *c, uint8_t *data, size_t len, void *udata);
void routes_closed(struct conn *c, void *udata);
/* Of the room's `readers`: it is live, or cannot be. */
void routes_reader_ready(struct client *c);
void routes_reader_failed(struct client *c);

#endif
