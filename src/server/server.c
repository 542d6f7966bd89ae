#include "server/server.h"

#include "base/log.h"
#include "base/mem.h"
#include "server/server_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1024 * 1024)
#define STOP_CHECK_MS 5
/* After everything is saved, close frames and last answers have this long to leave. */
#define STOP_LINGER_US 300000
#define DEFAULT_PER_ADDRESS 1000

void server_defaults(struct server_opts *o)
{
    *o = (struct server_opts){
        .host = "127.0.0.1",
        .port = 8080,
        .allowed_origins = "",
        .auth = {.public_url = "", .secret = ""},
        .limit_connects = 600,
        .limit_creates = 60,
        .limit_authorize = 30,
        .limit_sign_ins = 30,
        .save_interval_ms = 100,
        .unload_ms = 30000,
        .shutdown_ms = 10000,
        .request_timeout_ms = 10000,
        .max_connections = 65536,
        .max_room_clients = 2000,
        .max_document = 64 * MIB,
        .max_update = 16 * MIB,
        .max_pending = 4 * MIB,
        .max_send_queue = 8 * MIB,
    };
}

static void flush_paced(void *udata)
{
    struct server *s = udata;
    list_move(&s->due, &s->paced);
}

/* Runs after the input of every loop turn. */
static void turn(void *udata)
{
    struct server *s = udata;
    uint64_t now = net_now_us(), wait = UINT64_MAX;
    struct list due;
    if (list_empty(&s->due))
        return;
    list_init(&due);
    list_move(&due, &s->due);
    while (!list_empty(&due)) {
        struct room *r = container_of(due.next, struct room, due_node);
        list_remove(&r->due_node);
        room_turn(r, now);
    }
    for (struct list *n = s->paced.next; n != &s->paced; n = n->next) {
        struct room *r = container_of(n, struct room, due_node);
        uint64_t due_us = r->flushed_us + room_pace_us(r);
        uint64_t left = due_us > now ? due_us - now : 0;
        if (left < wait)
            wait = left;
    }
    if (wait != UINT64_MAX)
        net_timer_start(s->pace_timer, (wait + 999) / 1000, 0);
}

static void woken(void *udata)
{
    struct server *s = udata;
    store_queue_drain(s->queue);
    nodes_generation(s, store_queue_generation(s->queue));
}

/* On the storage thread. */
static void wake(void *udata)
{
    net_wake_send(udata);
}

static void on_signal(int signum, void *udata)
{
    struct server *s = udata;
    log_info("stopping", LOG_INT("signal", signum), LOG_INT("rooms", s->rooms.count),
             LOG_INT("connections", net_server_connections(s->net)));
    server_stop(s);
}

static void check_stopped(void *udata)
{
    struct server *s = udata;
    uint64_t waited = net_now_us() - s->stop_us;
    bool saved = s->rooms.count == 0 && store_queue_depth(s->queue) == 0;
    if (saved && (net_server_connections(s->net) == 0 || waited > STOP_LINGER_US)) {
        log_info("stopped, everything is saved", LOG_INT("ms", waited / 1000));
        net_loop_stop(s->loop);
    } else if (waited > (uint64_t)s->opts.shutdown_ms * 1000) {
        struct room *r;
        for (size_t pos = 0; table_next(&s->rooms, &pos, (void **)&r);)
            log_error("stopped without saving", LOG_STR("name", r->name),
                      LOG_INT("unsaved_bytes", room_unsaved_bytes(r)));
        s->exit_code = saved ? 0 : -1;
        net_loop_stop(s->loop);
    }
}

void server_stop(struct server *s)
{
    struct room **rooms;
    size_t n = 0;
    void *r;
    if (s->stop_us)
        return;
    s->stop_us = net_now_us();
    net_server_stop_accepting(s->net);
    rooms = xcalloc(s->rooms.count, sizeof(struct room *));
    for (size_t pos = 0; table_next(&s->rooms, &pos, &r);)
        rooms[n++] = r;
    for (size_t i = 0; i < n; i++)
        room_stop(rooms[i]);
    free(rooms);
    net_server_close_all(s->net, WS_RESTART, "the server is stopping");
    s->stop_timer = net_timer_new(s->loop, check_stopped, s);
    net_timer_start(s->stop_timer, 0, STOP_CHECK_MS);
}

struct server *server_new(const struct server_opts *opts, char *err, size_t err_len)
{
    struct server *s = xcalloc(1, sizeof(*s));
    s->opts = *opts;
    list_init(&s->due);
    list_init(&s->paced);
    s->loop = net_loop_new();
    s->pace_timer = net_timer_new(s->loop, flush_paced, s);
    s->wake = net_wake_new(s->loop, woken, s);
    s->queue = store_queue_new(opts->store, wake, s->wake);
    nodes_init(s);
    health_init(s);
    expiry_init(s);
    guard_init(s);
    access_init(s);
    net_loop_on_turn(s->loop, turn, s);
    net_loop_on_stop(s->loop, on_signal, s);

    struct auth_opts auth = opts->auth;
    routes_auth_opts(s, &auth);
    char why[200];
    s->auth = auth_new(&auth, s->loop, s->queue, why, sizeof(why));
    if (!s->auth) {
        snprintf(err, err_len, "sign-in: %s", why);
        server_free(s);
        return NULL;
    }
    struct net_limits limits = {
        .max_message = opts->max_update + 64, /* the message around the update */
        .http = {.body_bytes = HTTP_BODY_MAX},
        .max_queue = opts->max_send_queue,
        .max_connections = opts->max_connections,
        .max_per_address = opts->max_per_address ? opts->max_per_address : DEFAULT_PER_ADDRESS,
        .loopback_unlimited = !opts->max_per_address,
        .head_timeout_ms = opts->request_timeout_ms,
    };
    struct net_handler handler = {routes_request, routes_message, routes_closed, s,
                                  routes_max_body};
    s->net = net_server_new(s->loop, opts->host, opts->port, &limits, &handler, why, sizeof(why));
    if (!s->net) {
        snprintf(err, err_len, "--listen: %s", why);
        server_free(s);
        return NULL;
    }
    return s;
}

uint16_t server_port(const struct server *s)
{
    return net_server_port(s->net);
}

int server_run(struct server *s)
{
    net_loop_run(s->loop);
    return s->exit_code;
}

void server_free(struct server *s)
{
    void *r;
    if (!s)
        return;
    /* Connections first: they point into rooms. Then the queue: its operations do, too. */
    if (s->net)
        net_server_free(s->net);
    store_feed_stop(s->feed); /* so that both threads end at the same time */
    store_queue_free(s->queue);
    for (size_t pos = 0; table_next(&s->rooms, &pos, &r); pos = 0)
        room_free(r);
    table_release(&s->rooms);
    expiry_release(s);
    health_release(s);
    nodes_release(s);
    auth_free(s->auth);
    access_release(s);
    guard_release(s);
    net_wake_free(s->wake);
    net_timer_free(s->pace_timer);
    net_timer_free(s->stop_timer);
    net_loop_free(s->loop);
    free(s);
}
