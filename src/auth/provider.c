/*
 * What providers publish: where to go (discovery) and the keys that check their ID tokens. Both are asked for when they
 * are needed, kept for an hour, and used a while longer if the provider does not answer then. Everybody who needs the
 * same waits for one request.
 */
#include "auth/auth_int.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define FRESH_US (UINT64_C(3600) * 1000000)
#define STALE_US (UINT64_C(86400) * 1000000)
#define AGAIN_US (UINT64_C(60) * 1000000)
/* What lacks a key is asked for again, but a provider that signs with what it does not publish is not asked each time. */
#define RENEWALS 5 /* in AGAIN_US */

/* --- asking ----------------------------------------------------------------------------------- */

static struct net_call *ask(struct auth *a, const char *method, const char *url,
                            const char *const *extra, const struct buf *form,
                            void (*done)(const struct net_answer *answer, void *udata), void *udata)
{
    const char *headers[4] = {"Accept: application/json"};
    size_t n = 1;
    if (form)
        headers[n++] = "Content-Type: application/x-www-form-urlencoded";
    if (extra)
        headers[n] = *extra;
    struct net_request r = {.method = method, .url = url, .headers = headers};
    if (form)
        r.body = form->data, r.body_len = form->len;
    return net_fetch(a->fetcher, &r, done, udata);
}

void provider_ask(struct auth_exchange *x, const struct buf *url, const char *authorization,
                  const struct buf *form,
                  void (*done)(const struct net_answer *answer, void *udata))
{
    struct buf address = {0};
    buf_append(&address, url->data, url->len);
    x->call = ask(x->a, form ? "POST" : "GET", buf_str(&address), &authorization, form, done, x);
    buf_release(&address);
}

/* --- what is published ------------------------------------------------------------------------ */

static bool younger(uint64_t then_us, uint64_t us)
{
    return then_us && net_now_us() - then_us < us;
}

/* Is what we have good enough, or is the provider to be asked? One that has failed is left alone for a minute. */
static bool have(const struct published *p)
{
    return younger(p->got_us, FRESH_US) ||
           (younger(p->got_us, STALE_US) && younger(p->asked_us, AGAIN_US));
}

/* What came has been read, or not (`why`): whoever waits goes on, with what we had before if need be. */
static void publish(struct published *p, bool read, const char *why)
{
    struct list waiting;
    p->call = NULL;
    p->asked_us = net_now_us();
    if (read)
        p->got_us = p->asked_us;
    bool ok = younger(p->got_us, STALE_US);
    list_init(&waiting);
    list_move(&waiting, &p->waiting);
    while (!list_empty(&waiting)) {
        struct auth_exchange *x = container_of(waiting.next, struct auth_exchange, waiting);
        list_remove(&x->waiting);
        buf_clear(&x->why);
        buf_puts(&x->why, ok ? "" : why);
        x->ready(x, ok);
    }
}

static void discovered(const struct net_answer *answer, void *udata)
{
    struct auth_provider *p = udata;
    struct oauth_endpoints e = {0};
    char why[200] = "";
    bool ok = false;
    if (!answer->status)
        snprintf(why, sizeof(why), "%s", answer->error);
    else if (answer->status != 200)
        snprintf(why, sizeof(why), "its discovery document: status %d", answer->status);
    else
        ok = oauth_read_discovery(&e, p->opts->issuer, answer->body.data, answer->body.len, why,
                                  sizeof(why));
    if (ok) {
        oauth_endpoints_release(&p->endpoints);
        p->endpoints = e;
    } else {
        log_warn("a provider is not as it should be", LOG_STR("provider", p->opts->id),
                 LOG_STR("reason", why));
    }
    publish(&p->discovery, ok, why);
}

static void keys_came(const struct net_answer *answer, void *udata)
{
    struct auth_provider *p = udata;
    struct jwt_keys *keys = NULL;
    char why[200] = "its keys are no JWKS";
    if (!answer->status)
        snprintf(why, sizeof(why), "%s", answer->error);
    else if (answer->status != 200)
        snprintf(why, sizeof(why), "its keys: status %d", answer->status);
    else
        keys = jwt_keys_read(answer->body.data, answer->body.len);
    if (keys) {
        jwt_keys_free(p->keys);
        p->keys = keys;
    } else {
        log_warn("a provider is not as it should be", LOG_STR("provider", p->opts->id),
                 LOG_STR("reason", why));
    }
    publish(&p->jwks, keys, why);
}

static void wait_for(struct auth_exchange *x, struct published *p,
                     void (*ready)(struct auth_exchange *x, bool ok))
{
    x->ready = ready;
    list_append(&p->waiting, &x->waiting);
}

void provider_endpoints(struct auth_exchange *x, void (*ready)(struct auth_exchange *x, bool ok))
{
    struct auth_provider *p = x->provider;
    struct buf url = {0};
    if (p->opts->kind == AUTH_GITHUB || have(&p->discovery)) {
        ready(x, true);
        return;
    }
    wait_for(x, &p->discovery, ready);
    if (p->discovery.call)
        return;
    size_t n = strlen(p->opts->issuer);
    buf_append(&url, p->opts->issuer, n && p->opts->issuer[n - 1] == '/' ? n - 1 : n);
    buf_puts(&url, "/.well-known/openid-configuration");
    p->discovery.call = ask(p->a, "GET", buf_str(&url), NULL, NULL, discovered, p);
    buf_release(&url);
}

static bool may_renew(struct auth_provider *p)
{
    if (!younger(p->renewing_us, AGAIN_US)) {
        p->renewing_us = net_now_us();
        p->renewals = 0;
    }
    return p->renewals++ < RENEWALS;
}

void provider_keys(struct auth_exchange *x, bool renew,
                   void (*ready)(struct auth_exchange *x, bool ok))
{
    struct auth_provider *p = x->provider;
    if (renew ? !p->jwks.call && !may_renew(p) : have(&p->jwks)) {
        ready(x, true);
        return;
    }
    wait_for(x, &p->jwks, ready);
    if (p->jwks.call)
        return;
    p->jwks.call = ask(p->a, "GET", buf_str(&p->endpoints.jwks), NULL, NULL, keys_came, p);
}
