/* What conn.c (bytes in and out), http_conn.c and listen.c share. */
#ifndef NET_CONN_INT_H
#define NET_CONN_INT_H

#include "base/list.h"
#include "base/table.h"
#include "net/conn.h"
#include "net/loop_int.h"

/* A connection waits in one of these lists, oldest first; each has one length for all. */
enum deadline {
    WAIT_NONE, /* a request is being answered */
    WAIT_REQUEST,
    WAIT_KEEPALIVE,
    WAIT_WEBSOCKET, /* then a ping is sent */
    WAIT_PONG,
    WAIT_CLOSE,
    WAIT_KINDS
};

/* A run of bytes on its way out. */
struct seg {
    struct seg *next;
    struct shared *shared;   /* or */
    const uint8_t *borrowed; /* or */
    struct buf own;
    size_t len, off; /* of shared or borrowed; off also of own */
};

/* What an HTTP connection has and a WebSocket has not. */
struct http_state {
    struct buf in;
    size_t request_len; /* head and body of the request being answered */
    struct http_request req;
    bool answering, processing, head, close_after, continued;
    bool stalled;   /* requests wait until the answers before them are out */
    bool websocket; /* ws_accept was called */
};

/* A peer address and how many connections it has. */
struct peer {
    size_t count;
    char text[46];
};

struct conn {
    uv_tcp_t tcp;
    struct net_server *server; /* NULL: gone */
    struct list node;          /* in the server's connections */
    struct list wait;          /* in its deadline list */
    struct list dirty;         /* in the server's `dirty`: has something to write or to finish */
    struct list paused;
    uint64_t wait_since; /* ms */
    size_t wait_unsent;  /* bytes unsent then: fewer now means that the peer is reading */
    struct peer *peer;
    void *data;
    struct http_state *http;
    struct ws_reader *ws;
    struct seg *first, *last;
    size_t queued;
    size_t grace;              /* the longest message since the queue was empty last */
    size_t held;               /* by c->ws, or of a request that is longer than most */
    uint32_t turn, turn_bytes; /* read in that turn */
    uint8_t wait_kind;
    bool seen;       /* by the handler: `closed` must come */
    bool refused;    /* one too many: has no seat, waits for its 503 to leave */
    bool writing;    /* a uv_write is under way */
    bool broken;     /* write failed or queue too long: close at the next flush */
    bool finishing;  /* when the queue is empty: shut down, linger, close */
    bool lingering;  /* input is discarded */
    bool ws_closing; /* our close frame is queued */
    bool ws_peer_closed;
};

struct net_server {
    struct net_loop *loop;
    uv_tcp_t *listener;
    struct net_limits limits;
    struct net_handler handler;
    struct list conns, waits[WAIT_KINDS], dirty, paused;
    uint32_t wait_ms[WAIT_KINDS];
    size_t count, refused;
    size_t held; /* bytes of all segments' `own` and of incomplete messages */
    uint32_t turn;
    struct table peers;
    struct net_timer *tick;
    uint16_t port;
};

/* conn.c */
struct conn *conn_new(struct net_server *s);
void conn_wait(struct conn *c, enum deadline kind);
void conn_read_start(struct conn *c);
void conn_read_stop(struct conn *c);
void conn_put(struct conn *c, const void *data, size_t len);
void conn_put_borrowed(struct conn *c, const void *data, size_t len);
void conn_finish(struct conn *c); /* close when what is queued has left */
void conn_cut(struct conn *c);    /* close now */
/* That many bytes of it are kept. False: all connections together hold too much. */
bool conn_hold(struct conn *c, size_t bytes);
void conn_flush_all(void *server);
void conn_expired(struct conn *c);
void conn_feed_ws(struct conn *c, uint8_t *data, size_t len);

/* http_conn.c */
void http_conn_input(struct conn *c, const uint8_t *data, size_t len);
void http_conn_resume(struct conn *c); /* the queue is empty: on with what was stalled */
void http_conn_error(struct conn *c, int status);
void http_conn_free(struct conn *c);

/* listen.c */
void peer_release(struct net_server *s, struct peer *p);

#endif
