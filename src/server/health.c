/*
 * GET /healthz: whether this server works, and which of the things that it needs does not.
 *
 *     {"status":"ok","store":{"kind":"redis","status":"ok"},"servers":{"status":"ok","others":1}}
 *
 * status is ok; degraded (200: other servers are not heard at once); or down (503: the store cannot be
 * reached) or stopping (503). Whoever asks gets what the store said within the last second, or it is
 * asked now; one that does not answer within a second is down.
 */
#include "base/mem.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

#define FRESH_MS 1000
/* A little more than what the queue takes for silence, or who waits would be told that all is well. */
#define WAIT_MS 1050
#define HEADERS                                                                                    \
    COMMON_HEADERS "Content-Type: application/json\r\nCache-Control: no-store\r\n"                 \
                   "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"

struct health {
    struct server *srv;
    struct list waiting; /* struct client */
    struct net_timer *timer;
    struct store_op ping;
    bool pinging;
};

static void put_json(struct buf *b, const char *s)
{
    buf_putc(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s);
        else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
            buf_printf(b, "\\u%04x", (unsigned char)*s);
        else
            buf_putc(b, (uint8_t)*s);
    }
    buf_putc(b, '"');
}

static void put_state(struct buf *b, bool ok, const char *error)
{
    buf_printf(b, "\"status\":\"%s\"", ok ? "ok" : "down");
    if (!ok) {
        buf_puts(b, ",\"error\":");
        put_json(b, error);
    }
}

static void reply(struct server *s, struct conn *c)
{
    struct store_health h;
    struct buf b = {0};
    char why[160] = "";
    store_queue_health(s->queue, &h);
    bool feed = !s->feed || store_feed_connected(s->feed, why, sizeof(why));
    buf_printf(&b, "{\"status\":\"%s\",\"store\":{\"kind\":\"%s\",",
               s->stop_us ? "stopping"
               : h.down   ? "down"
               : feed     ? "ok"
                          : "degraded",
               store_name(s->opts.store));
    put_state(&b, !h.down, h.error);
    buf_puts(&b, "}");
    if (s->feed) {
        buf_puts(&b, ",\"servers\":{");
        put_state(&b, feed, why);
        buf_printf(&b, ",\"others\":%zu}", s->nodes.count);
    }
    buf_puts(&b, "}\n");
    http_reply(c, s->stop_us || h.down ? 503 : 200, HEADERS, b.data, b.len, false);
    buf_release(&b);
}

static void reply_all(void *udata)
{
    struct health *h = udata;
    net_timer_stop(h->timer);
    list_each(n, &h->waiting)
    {
        struct client *c = container_of(n, struct client, node);
        reply(h->srv, c->conn);
        client_free(c);
    }
}

static void pinged(struct store_op *op)
{
    struct health *h = op->udata;
    h->pinging = false;
    reply_all(h);
}

void health_request(struct server *s, struct conn *conn)
{
    struct health *h = s->health;
    struct store_health now;
    store_queue_health(s->queue, &now);
    if (now.answered_ms < FRESH_MS || now.silent_ms > WAIT_MS || s->stop_us) {
        reply(s, conn);
        return;
    }
    struct client *c = client_new(CLIENT_HEALTH, conn);
    list_append(&h->waiting, &c->node);
    if (!h->pinging) {
        h->ping = (struct store_op){.kind = STORE_PING, .done = pinged, .udata = h};
        h->pinging = true;
        store_queue_submit(s->queue, &h->ping);
    }
    if (!net_timer_active(h->timer))
        net_timer_start(h->timer, WAIT_MS, 0);
}

void health_init(struct server *s)
{
    s->health = xcalloc(1, sizeof(*s->health));
    s->health->srv = s;
    list_init(&s->health->waiting);
    s->health->timer = net_timer_new(s->loop, reply_all, s->health);
}

void health_release(struct server *s)
{
    if (!s->health)
        return;
    net_timer_free(s->health->timer);
    free(s->health);
    s->health = NULL;
}
