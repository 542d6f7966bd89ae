/*
 * What stands before every request: whose page sent it, who sends it, and whether they do so too often.
 */
#include "server/server_int.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static struct http_str origin_host(struct http_str origin)
{
    for (size_t i = 0; i + 3 <= origin.len; i++)
        if (memcmp(origin.p + i, "://", 3) == 0)
            return (struct http_str){origin.p + i + 3, origin.len - i - 3};
    return (struct http_str){NULL, 0};
}

static bool same(struct http_str a, const char *b, size_t len)
{
    return a.len == len && strncasecmp(a.p, b, len) == 0;
}

/* Programs send no Origin; browsers do, with whatever changes anything and with every socket. A proxy may put another
 * Host for ours, so the public URL counts as well; and a page that has its host in another way, by http:, is not ours. */
bool guard_origin(const struct server *s, const struct http_request *req)
{
    struct http_str origin = http_header(req, "origin");
    const char *public_url = s->opts.auth.public_url;
    char token[256];
    if (!origin.p)
        return true;
    struct http_str host = origin_host(origin), own = {NULL, 0};
    if (public_url && *public_url) {
        if (same(origin, public_url, strlen(public_url)))
            return true;
        own = origin_host((struct http_str){public_url, strlen(public_url)});
    }
    if (host.len && same(host, req->host.p, req->host.len) && !same(host, own.p, own.len))
        return true;
    struct http_str list = {s->opts.allowed_origins, strlen(s->opts.allowed_origins)};
    if (!origin.len || origin.len >= sizeof(token))
        return false;
    memcpy(token, origin.p, origin.len);
    token[origin.len] = '\0';
    return http_list_has(list, token);
}

void guard_who(struct server *s, struct client *c, const struct http_request *req)
{
    bool proxied;
    c->address = net_client_address(c->conn, req, &s->opts.trusted_proxies, &proxied);
    /* Direct, loopback is this machine's own: a proxy that is not named as such, or a program. */
    c->limited = proxied || !net_address_is_loopback(&c->address);
}

uint32_t guard_take_session(struct server *s, enum limit limit, const struct client *c)
{
    if (!c->limited || !c->person)
        return 0;
    return limiter_take(s->limits[limit], c->person->session, strlen(c->person->session),
                        net_now_us() / 1000);
}

/* Both are asked, so that neither is spared by the other. */
uint32_t guard_take(struct server *s, enum limit limit, const struct client *c)
{
    struct net_address group = net_address_group(&c->address);
    if (!c->limited)
        return 0;
    uint32_t wait =
        limiter_take(s->limits[limit], group.bytes, sizeof(group.bytes), net_now_us() / 1000);
    uint32_t wait_session = guard_take_session(s, limit, c);
    return wait > wait_session ? wait : wait_session;
}

void guard_refuse(struct conn *conn, uint32_t wait_ms)
{
    static const char message[] = "too many requests from your address, try again later\n";
    char headers[sizeof(TEXT_HEADERS) + 64];
    snprintf(headers, sizeof(headers),
             TEXT_HEADERS "Retry-After: %u\r\nCache-Control: no-store\r\n", wait_ms / 1000 + 1);
    http_reply(conn, 429, headers, message, sizeof(message) - 1, true);
}

void guard_init(struct server *s)
{
    const struct server_opts *o = &s->opts;
    const uint32_t of[LIMITS] = {
        [LIMIT_CONNECT] = o->limit_connects,
        [LIMIT_CREATE] = o->limit_creates,
        [LIMIT_AUTHORIZE] = o->limit_authorize,
        [LIMIT_SIGN_IN] = o->limit_sign_ins,
    };
    for (int i = 0; i < LIMITS; i++)
        s->limits[i] = limiter_new(of[i]);
}

void guard_release(struct server *s)
{
    for (int i = 0; i < LIMITS; i++)
        limiter_free(s->limits[i]);
}
