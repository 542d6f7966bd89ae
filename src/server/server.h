/*
 * The server: rooms behind HTTP and WebSocket routes, on one event loop and one storage thread.
 *
 *     struct server *s = server_new(&opts, err, sizeof(err));
 *     server_run(s);         until SIGTERM or SIGINT, or server_stop(); everything is saved then
 *     server_free(s);
 *
 * A room is one bytecrowd that is open (room.h). Updates are integrated, queued for everybody in
 * the room and for the log in the loop turn in which they came; the log answers later and receipts
 * follow it.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "auth/auth.h"
#include "net/address.h"
#include "server/assets.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every limit and interval; server_defaults() fills in what people get who set nothing. */
struct server_opts {
    const char *host;
    uint16_t port;       /* 0: any free one */
    struct store *store; /* borrowed; must outlive the server */
    struct asset_table assets;
    const char *allowed_origins; /* comma-separated origins besides our own that may use cookies */

    struct auth_opts
        auth; /* providers, public_url, ca, timeout_ms, secret; the rest is the server's */
    struct net_ranges trusted_proxies; /* whose X-Forwarded-For counts */
    /* A minute, of one address, of loopback only if a trusted proxy named it, and of one session; 0: no limit. */
    uint32_t limit_connects;  /* sockets opened */
    uint32_t limit_creates;   /* bytecrowds that were not there before */
    uint32_t limit_authorize; /* authorizing, and making links */
    uint32_t limit_sign_ins;

    uint32_t save_interval_ms;   /* fields text and language lag behind by this at most */
    uint32_t unload_ms;          /* a room nobody is in stays in memory for this long */
    uint64_t expire_ms;          /* remove what nobody opened for so long; 0: never */
    uint32_t shutdown_ms;        /* how long a stop may wait for the store */
    uint32_t request_timeout_ms; /* a request must have come whole by then */
    size_t max_connections;
    size_t max_per_address; /* 0: 1 000, loopback excepted (a reverse proxy of this machine) */
    size_t max_room_clients;
    size_t max_document;   /* encoded bytes of one document */
    size_t max_update;     /* one message of a client */
    size_t max_pending;    /* updates of one document that wait for missing ones */
    size_t max_send_queue; /* unsent bytes of one client, beyond its first sync */
};

void server_defaults(struct server_opts *opts);

struct server;

/* NULL with a reason in err, and the option that it is about. */
struct server *server_new(const struct server_opts *opts, char *err, size_t err_len);
uint16_t server_port(const struct server *s);
/* Serves. 0 if everything was saved in the end, -1 if the store did not take it in time. */
int server_run(struct server *s);
/* Begins the end, on the loop's thread. */
void server_stop(struct server *s);
void server_free(struct server *s);

#endif
