/*
 * Listening sockets and connections: HTTP/1.1 in front, WebSocket after the upgrade. Glue between
 * the loop and the two parsers; what a request or message means is the handler's.
 *
 * A connection is freed only after its `closed` callback ran and every callback has unwound; after
 * `closed` it must not be used. While a request is being answered (http_reply not yet called) no
 * further request of that connection is read; the answer may come in any later turn.
 *
 * Output is queued and leaves in one gathering write at the end of the loop turn. A connection
 * whose queue passes `max_queue` is cut off; a single message that is longer may wait beside it, so
 * that a slow peer gets a big document. A dead peer is noticed by pings; slow-loris and idle peers
 * by deadlines; all numbers stand in struct net_limits.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/buf.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/ws.h"

struct conn;
struct net_server;

/* Zero means the default. */
struct net_limits {
    struct http_limits http;
    size_t max_message; /* a WebSocket message; default 16 MiB -> 1009 */
    size_t max_queue;   /* unsent bytes of one connection; default 32 MiB */
    size_t max_held;    /* bytes copied for all of them: unsent, and of messages that have not
                           come whole; default 1 GiB; who wants more then, beyond 64 KiB of its
                           own, is cut off */
    size_t
        max_connections; /* default 65 536, fewer if the system allows fewer files; beyond: 503 */
    size_t max_per_address; /* connections of one peer address; default 0 = no limit; beyond: 503 */
    bool loopback_unlimited; /* max_per_address is not for loopback: a reverse proxy of this machine
                              */
    uint32_t head_timeout_ms; /* from the first byte (or the accept) to a complete request; default
                                 10 000 -> 408 */
    uint32_t keepalive_ms;    /* an idle HTTP connection; default 30 000 */
    uint32_t ping_ms;  /* silence after which a WebSocket peer is pinged; default 30 000; cut off
                          after as long again without any byte */
    uint32_t close_ms; /* wait for the peer's half of a close; default 2 000 */
};

struct net_handler {
    /* A complete request (body included). Answer with http_reply() or ws_accept(), now or later.
     * The slices are valid until then. */
    void (*request)(struct conn *c, const struct http_request *req, void *udata);
    /* One binary message; text messages were refused by 1003 already. `data` may be changed. */
    void (*message)(struct conn *c, uint8_t *data, size_t len, void *udata);
    /* Once for each connection that `request` saw, whatever ended it: release what hangs on it. */
    void (*closed)(struct conn *c, void *udata);
    void *udata;
    /* The longest body of this request, whose head alone has come: longer ones are answered 413. NULL: limits.http's for all,
     * which none may pass. */
    size_t (*max_body)(const struct http_request *req, void *udata);
};

/* Listens on host:port ("127.0.0.1", "::1", "0.0.0.0", "::", a name resolved once) or, with port 0,
 * on a free port. NULL on failure with a reason in err. */
struct net_server *net_server_new(struct net_loop *loop, const char *host, uint16_t port,
                                  const struct net_limits *limits,
                                  const struct net_handler *handler, char *err, size_t err_len);
uint16_t net_server_port(const struct net_server *s); /* the port it really has */
size_t net_server_connections(const struct net_server *s);
void net_server_stop_accepting(struct net_server *s);
/* Closes every connection: WebSockets with `code`, others when their answer is out. */
void net_server_close_all(struct net_server *s, int code, const char *reason);
void net_server_free(struct net_server *s); /* cuts off what is left */

void conn_set_data(struct conn *c, void *data);
void *conn_data(const struct conn *c);
/* The peer's address without port, valid as long as the connection. */
const char *conn_peer(const struct conn *c);
bool conn_is_websocket(const struct conn *c);
/* False once it is closing or cut off: nothing more is sent to it. */
bool conn_is_open(const struct conn *c);

/* Answers the request in progress. Content-Length, Date and Connection are added; `headers` are
 * further complete header lines, each ended by "\r\n" (NULL = none). The body is copied, or
 * borrowed if `body_static` (it must live as long as the program). A HEAD request gets no body;
 * 1xx/204/304 neither. */
void http_reply(struct conn *c, int status, const char *headers, const void *body, size_t len,
                bool body_static);

/* Upgrades the request in progress (which must have upgrade_websocket). `protocol` may be NULL. */
void ws_accept(struct conn *c, const char *protocol);
/* Queues one binary message, copied. Nothing happens on a closing connection. */
void ws_send(struct conn *c, const void *data, size_t len);
/* Queues whole frames that are already encoded: shared, not copied, when large. */
void ws_send_frames(struct conn *c, struct shared *frames);
/* Sends a close frame behind what is queued, reads nothing more as messages, and ends the
 * connection when the peer has answered or close_ms have passed. `closed` still comes. */
void ws_close(struct conn *c, int code, const char *reason);
size_t conn_queued(const struct conn *c); /* unsent bytes */

#endif
