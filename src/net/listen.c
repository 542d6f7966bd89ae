/* Listening, counting, deadlines. */
#include "net/conn_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define BACKLOG 4096
#define TICK_MAX_MS 500
#define TICK_MIN_MS 20
/* Connections that are one too many, while their 503 is on its way; beyond, they are cut off. */
#define REFUSED_MAX 64
/* Files that are no connections: the store's, and those of refused connections. */
#define OTHER_FILES (REFUSED_MAX + 64)

static void preset(uint32_t *value, uint32_t normal)
{
    if (!*value)
        *value = normal;
}

static void set_limits(struct net_server *s, const struct net_limits *limits)
{
    struct net_limits *l = &s->limits;
    *l = *limits;
    preset(&l->head_timeout_ms, 10000);
    preset(&l->keepalive_ms, 30000);
    preset(&l->ping_ms, 30000);
    preset(&l->close_ms, 2000);
    if (!l->max_message)
        l->max_message = 16 * 1024 * 1024;
    if (!l->max_queue)
        l->max_queue = 32 * 1024 * 1024;
    if (!l->max_held)
        l->max_held = 1024 * 1024 * 1024;
    if (!l->max_connections)
        l->max_connections = 65536;
    if (!l->http.target_bytes)
        l->http.target_bytes = 4096;
    s->wait_ms[WAIT_REQUEST] = l->head_timeout_ms;
    s->wait_ms[WAIT_KEEPALIVE] = l->keepalive_ms;
    s->wait_ms[WAIT_WEBSOCKET] = s->wait_ms[WAIT_PONG] = l->ping_ms;
    s->wait_ms[WAIT_CLOSE] = l->close_ms;
}

/* A shell's usual limit of 1024 open files is far below what the system allows. */
static void allow_files(struct net_limits *l)
{
    struct rlimit r;
    rlim_t want = (rlim_t)l->max_connections + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= want)
        return;
    r.rlim_cur = r.rlim_max < want ? r.rlim_max : want;
    if (setrlimit(RLIMIT_NOFILE, &r) != 0)
        getrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_cur >= want)
        return;
    l->max_connections =
        r.rlim_cur > 2 * OTHER_FILES ? (size_t)r.rlim_cur - OTHER_FILES : (size_t)r.rlim_cur / 2;
    log_info("fewer connections than configured: the limit of open files (ulimit -n) is lower",
             LOG_INT("files", r.rlim_cur), LOG_INT("max_connections", l->max_connections));
}

/* Each list is in the order of its deadlines, so only its front is looked at. */
static void tick(void *udata)
{
    struct net_server *s = udata;
    uint64_t now = uv_now(&s->loop->uv);
    for (int k = WAIT_REQUEST; k < WAIT_KINDS; k++) {
        struct list *l = &s->waits[k];
        while (!list_empty(l)) {
            struct conn *c = container_of(l->next, struct conn, wait);
            if (now - c->wait_since < s->wait_ms[k])
                break;
            conn_expired(c);
        }
    }
}

static bool is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
    if (a->ss_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
    }
    return false;
}

/* The entry of the connection's peer, counted; NULL if it has too many. */
static struct peer *peer_take(struct net_server *s, struct conn *c, bool *too_many)
{
    struct sockaddr_storage a;
    int len = sizeof(a);
    char text[46] = "";
    *too_many = false;
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&a, &len) != 0)
        return NULL;
    if (a.ss_family == AF_INET)
        uv_ip4_name((struct sockaddr_in *)&a, text, sizeof(text));
    else if (a.ss_family == AF_INET6)
        uv_ip6_name((struct sockaddr_in6 *)&a, text, sizeof(text));
    struct peer *p = table_get(&s->peers, text, strlen(text));
    bool limited = s->limits.max_per_address && !(s->limits.loopback_unlimited && is_loopback(&a));
    if (limited && p && p->count >= s->limits.max_per_address) {
        *too_many = true;
        return NULL;
    }
    if (!p) {
        p = xcalloc(1, sizeof(*p));
        strcpy(p->text, text);
        table_set(&s->peers, text, strlen(text), p);
    }
    p->count++;
    return p;
}

void peer_release(struct net_server *s, struct peer *p)
{
    if (p && --p->count == 0) {
        table_remove(&s->peers, p->text, strlen(p->text));
        free(p);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct net_server *s = listener->data;
    bool too_many = false;
    if (status < 0) {
        log_warn("accept failed", LOG_STR("error", uv_strerror(status)));
        return;
    }
    struct conn *c = conn_new(s);
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
        conn_cut(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    conn_wait(c, WAIT_REQUEST);
    c->peer = peer_take(s, c, &too_many);
    if (!too_many && s->count - s->refused <= s->limits.max_connections) {
        conn_read_start(c);
        return;
    }
    c->refused = true;
    if (++s->refused > REFUSED_MAX)
        conn_cut(c);
    else
        http_conn_error(c, 503);
}

static bool resolve(const char *host, uint16_t port, struct sockaddr_storage *out, char *err,
                    size_t err_len)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    int error = getaddrinfo(host, service, &hints, &found);
    if (error) {
        snprintf(err, err_len, "%s: %s", host, gai_strerror(error));
        return false;
    }
    memcpy(out, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

static void free_listener(uv_handle_t *h)
{
    free(h);
}

static int listen_on(struct net_server *s, const struct sockaddr_storage *a)
{
    struct sockaddr_storage bound;
    int len = sizeof(bound);
    s->listener = xcalloc(1, sizeof(*s->listener));
    uv_tcp_init(&s->loop->uv, s->listener);
    s->listener->data = s;
    int error = uv_tcp_bind(s->listener, (const struct sockaddr *)a, 0);
    if (!error)
        error = uv_listen((uv_stream_t *)s->listener, BACKLOG, on_connection);
    if (!error)
        error = uv_tcp_getsockname(s->listener, (struct sockaddr *)&bound, &len);
    if (!error)
        s->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                    : ((struct sockaddr_in *)&bound)->sin_port);
    return error;
}

struct net_server *net_server_new(struct net_loop *loop, const char *host, uint16_t port,
                                  const struct net_limits *limits,
                                  const struct net_handler *handler, char *err, size_t err_len)
{
    struct sockaddr_storage a;
    if (!resolve(host, port, &a, err, err_len))
        return NULL;
    struct net_server *s = xcalloc(1, sizeof(*s));
    s->loop = loop;
    s->handler = *handler;
    set_limits(s, limits);
    list_init(&s->conns);
    list_init(&s->dirty);
    list_init(&s->paused);
    for (int k = 0; k < WAIT_KINDS; k++)
        list_init(&s->waits[k]);
    int error = listen_on(s, &a);
    if (error) {
        snprintf(err, err_len, "%s:%u: %s", host, port, uv_strerror(error));
        net_server_free(s);
        return NULL;
    }
    allow_files(&s->limits);
    uint32_t shortest = TICK_MAX_MS * 4;
    for (int k = WAIT_REQUEST; k < WAIT_KINDS; k++)
        if (s->wait_ms[k] < shortest)
            shortest = s->wait_ms[k];
    uint32_t every = shortest / 4 < TICK_MIN_MS ? TICK_MIN_MS : shortest / 4;
    s->tick = net_timer_new(loop, tick, s);
    net_timer_start(s->tick, every, every);
    loop->flush = conn_flush_all;
    loop->flush_udata = s;
    return s;
}

uint16_t net_server_port(const struct net_server *s)
{
    return s->port;
}

size_t net_server_connections(const struct net_server *s)
{
    return s->count;
}

void net_server_stop_accepting(struct net_server *s)
{
    if (s->listener)
        uv_close((uv_handle_t *)s->listener, free_listener);
    s->listener = NULL;
}

void net_server_close_all(struct net_server *s, int code, const char *reason)
{
    list_each(n, &s->conns)
    {
        struct conn *c = container_of(n, struct conn, node);
        if (c->ws)
            ws_close(c, code, reason);
        else if (c->http && c->http->answering)
            c->http->close_after = true;
        else
            conn_finish(c);
    }
}

void net_server_free(struct net_server *s)
{
    if (!s)
        return;
    net_server_stop_accepting(s);
    list_each(n, &s->conns)
    {
        struct conn *c = container_of(n, struct conn, node);
        if (c->seen && s->handler.closed)
            s->handler.closed(c, s->handler.udata);
        peer_release(s, c->peer);
        list_remove(&c->node);
        conn_cut(c);
        c->server = NULL;
    }
    table_release(&s->peers);
    net_timer_free(s->tick);
    if (s->loop->flush_udata == s)
        s->loop->flush = NULL;
    free(s);
}
