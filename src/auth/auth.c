#include "auth/auth_int.h"
#include "auth/config.h"

#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- configuration ---------------------------------------------------------------------------- */

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* scheme://host or scheme://host:port: what it would be in an Origin header. */
static bool is_origin(const char *url)
{
    const char *host = starts(url, "https://") ? url + 8 : starts(url, "http://") ? url + 7 : "";
    return *host && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]") == strlen(host);
}

static bool check(const struct auth_opts *opts, char *err, size_t err_len)
{
    if (opts->provider_count > AUTH_PROVIDERS_MAX) {
        snprintf(err, err_len, "more than %d providers to sign in with", AUTH_PROVIDERS_MAX);
        return false;
    }
    for (size_t i = 0; i < opts->provider_count; i++) {
        const char *wrong = auth_provider_wrong(opts->providers, i), *id = opts->providers[i].id;
        if (wrong) {
            snprintf(err, err_len, "provider %s: %s", id ? id : "", wrong);
            return false;
        }
    }
    if (*opts->public_url && !is_origin(opts->public_url)) {
        snprintf(err, err_len, "the public URL must be like https://code.example.com");
        return false;
    }
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What all servers with the same configuration agree on, in whatever order that names the providers. */
static void make_secret(struct auth *a)
{
    const char *secrets[AUTH_PROVIDERS_MAX];
    struct buf all = {0};
    char hash[AUTH_HASH_HEX];
    size_t n = a->opts.provider_count;
    if (a->opts.secret && *a->opts.secret) {
        buf_puts(&a->secret, a->opts.secret);
        return;
    }
    if (!n) {
        auth_random(&a->secret,
                    32); /* of nobody's: nothing may be known, and nothing needs it twice */
        return;
    }
    for (size_t i = 0; i < n; i++)
        secrets[i] = a->opts.providers[i].client_secret;
    qsort(secrets, n, sizeof(*secrets), by_text);
    for (size_t i = 0; i < n; i++)
        buf_append(&all, secrets[i], strlen(secrets[i]) + 1);
    auth_sha256_hex(hash, all.data, all.len);
    buf_puts(&a->secret, hash);
    buf_release(&all);
}

struct auth *auth_new(const struct auth_opts *opts, struct net_loop *loop,
                      struct store_queue *queue, char *err, size_t err_len)
{
    if (!check(opts, err, err_len))
        return NULL;
    struct auth *a = xcalloc(1, sizeof(*a));
    a->opts = *opts;
    a->queue = queue;
    a->secure = starts(opts->public_url, "https://");
    a->fetcher = net_fetcher_new(
        loop, &(struct net_fetcher_opts){.ca = opts->ca, .timeout_ms = opts->timeout_ms});
    list_init(&a->ops);
    list_init(&a->queries);
    list_init(&a->exchanges);
    make_secret(a);
    /* The first use of OpenSSL costs milliseconds and megabytes, which nobody needs who cannot sign in. */
    if (auth_is_on(a))
        auth_key_of(a->state_key, a->secret.data, a->secret.len, "bytecrowds sign-in");
    for (size_t i = 0; i < opts->provider_count; i++) {
        struct auth_provider *p = &a->providers[i];
        p->a = a;
        p->opts = &a->opts.providers[i];
        list_init(&p->discovery.waiting);
        list_init(&p->jwks.waiting);
        if (p->opts->kind == AUTH_GITHUB)
            oauth_github(&p->endpoints, p->opts->issuer);
    }
    return a;
}

void auth_free(struct auth *a)
{
    if (!a)
        return;
    while (!list_empty(&a->exchanges))
        auth_exchange_drop(container_of(a->exchanges.next, struct auth_exchange, node));
    while (!list_empty(&a->queries))
        auth_query_cancel(container_of(a->queries.next, struct auth_query, node));
    list_each(n, &a->ops)
    {
        op_forget(container_of(n, struct auth_op, node));
        list_remove(n);
    }
    net_fetcher_free(a->fetcher);
    for (size_t i = 0; i < a->opts.provider_count; i++) {
        oauth_endpoints_release(&a->providers[i].endpoints);
        jwt_keys_free(a->providers[i].keys);
    }
    buf_release(&a->secret);
    free(a);
}

bool auth_is_on(const struct auth *a)
{
    return a->opts.provider_count > 0;
}

struct auth_provider *auth_provider_find(struct auth *a, struct http_str id)
{
    for (size_t i = 0; i < a->opts.provider_count; i++)
        if (http_str_is(id, a->providers[i].opts->id))
            return &a->providers[i];
    return NULL;
}

/* --- where we are ----------------------------------------------------------------------------- */

/* 127.0.0.0/8, [::1] or localhost. Whoever resolves another name to us is not to be believed. */
static bool is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

bool auth_origin(const struct auth *a, struct buf *out, const struct http_request *req)
{
    char host[64];
    size_t n = req->host.len;
    buf_clear(out);
    if (*a->opts.public_url) {
        buf_puts(out, a->opts.public_url);
        return true;
    }
    if (!n || n >= sizeof(host) || memchr(req->host.p, '\0', n))
        return false;
    for (size_t i = 0; i < n; i++)
        host[i] = (char)(req->host.p[i] >= 'A' && req->host.p[i] <= 'Z' ? req->host.p[i] + 32
                                                                        : req->host.p[i]);
    host[n] = '\0';
    buf_printf(out, "http://%s", host);
    char *port = strrchr(host, ':');
    if (port && strspn(port + 1, "0123456789") == strlen(port + 1) && strlen(port + 1) <= 5 &&
        port[1])
        *port = '\0';
    bool ours = is_loopback(host);
    if (!ours)
        buf_clear(out);
    return ours;
}
