/* What the files of src/server share. */
#ifndef SERVER_SERVER_INT_H
#define SERVER_SERVER_INT_H

#include "base/buf.h"
#include "base/list.h"
#include "base/table.h"
#include "net/conn.h"
#include "net/loop.h"
#include "proto/awareness.h"
#include "server/server.h"
#include "store/feed.h"
#include "store/queue.h"
#include "y/y.h"

#define ROOT_TEXT "bytecrowdText"
#define ROOT_MAP "bytecrowd"
#define KEY_LANGUAGE "language"
#define DEFAULT_LANGUAGE "javascript"

#define COMMON_HEADERS HTTP_COMMON_HEADERS

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
};

/* What hangs on a connection. */
enum client_kind { CLIENT_SOCKET, CLIENT_RAW, CLIENT_HEALTH };

struct client {
    enum client_kind kind;
    struct conn *conn;
    struct room *room; /* NULL: cut off from it */
    struct list node;  /* in the room's members, or its readers */
    /* CLIENT_SOCKET */
    bool receipts;
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

/* room.c */
struct room *room_open(struct server *s, const char *name);
void room_join(struct room *r, struct client *c);
void room_leave(struct client *c);
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

/* routes.c */
struct client *client_new(enum client_kind kind, struct conn *conn);
void client_free(struct client *c);
void routes_request(struct conn *c, const struct http_request *req, void *udata);
void routes_message(struct conn *c, uint8_t *data, size_t len, void *udata);
void routes_closed(struct conn *c, void *udata);
void routes_raw_ready(struct client *c);
void routes_raw_failed(struct client *c);

#endif
