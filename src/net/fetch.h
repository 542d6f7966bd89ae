/*
 * Outgoing HTTP requests, by libcurl on a thread of its own (base/curl.h), for a loop that must not wait.
 *
 *     f = net_fetcher_new(loop, &opts);
 *     call = net_fetch(f, &request, done, udata);       done runs on the loop, once, in a later turn ...
 *     net_fetch_cancel(call);                           ... or never
 *
 * The thread starts with the first request, and libcurl is opened then. Redirects are not followed, proxies are
 * those of the environment, no cookies are kept, certificates are checked. Of http: only what `plain` allows.
 */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include "base/buf.h"
#include "net/loop.h"

struct net_fetcher;
struct net_call;

struct net_fetcher_opts {
    const char *ca;      /* PEM file, besides which nothing is trusted; NULL: the system's */
    uint32_t timeout_ms; /* of a whole request, waiting included; default 10 000 */
    size_t max_body;     /* of an answer; default 1 MiB; more is an error */
    size_t max_calls;    /* under way at a time, others wait; default 32 */
    bool plain;          /* http: is allowed too, to any host; else to loopback only */
};

/* All strings are copied by net_fetch(). */
struct net_request {
    const char *method; /* "GET", "POST"; nothing else is sent */
    const char *url;
    const char *const *
        headers; /* "Name: value", NULL behind the last; NULL: none; with a line break in one: fails */
    const void *body;
    size_t body_len;
};

struct net_answer {
    int status;      /* 0: there was none that is whole, `error` says why */
    struct buf body; /* the callback's until it returns */
    char content_type[128];
    const char *error; /* for people and the log: host and reason, never a secret of the request */
};

struct net_fetcher *net_fetcher_new(struct net_loop *loop, const struct net_fetcher_opts *opts);
/* Never NULL: what cannot even begin (no libcurl, a bad URL) fails in a later turn as well. */
struct net_call *net_fetch(struct net_fetcher *f, const struct net_request *request,
                           void (*done)(const struct net_answer *answer, void *udata), void *udata);
/* `done` will not run. Only before it has. */
void net_fetch_cancel(struct net_call *call);
/* Cancels what is left and waits for the thread, which ends at once. Not inside `done`. NULL is fine. */
void net_fetcher_free(struct net_fetcher *f);

#endif
