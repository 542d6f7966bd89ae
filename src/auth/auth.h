/*
 * Who somebody is: sign-in with GitHub and OpenID Connect, and sessions in the shapes of Auth.js (store/authjs.h).
 * What they may then do is not decided here.
 *
 *     a = auth_new(&opts, loop, queue, err, sizeof(err));      no providers: nobody can sign in, sessions are ignored
 *     x = auth_request(a, conn, req, done, udata);             an address below /api/auth/; NULL: answered already
 *     q = auth_whois(a, req, known, udata);                    whose cookie is this?
 *
 * The loop's thread only. No secret of anybody's is in a log line.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/seal.h"
#include "net/conn.h"
#include "store/queue.h"

#define AUTH_PROVIDERS_MAX 16

enum auth_kind { AUTH_GITHUB, AUTH_OIDC };

struct auth_provider_opts {
    enum auth_kind kind;
    const char *id;     /* in addresses and keys: a-z 0-9 - _ ; "github" */
    const char *name;   /* for people: "GitHub" */
    const char *issuer; /* or the base URL of GitHub */
    const char *client_id, *client_secret;
    const char *scope; /* NULL: "read:user user:email", "openid email profile" */
    bool trust_email;  /* OpenID: an address without email_verified is as good */
};

struct auth_opts {
    const struct auth_provider_opts *providers;
    size_t provider_count;
    const char *
        public_url; /* "https://code.example.com", no slash behind it; "" : as the request's Host says, and that
                               must be loopback's */
    const char *ca;      /* PEM file to trust for providers; NULL: the system's */
    uint32_t timeout_ms; /* of a request to a provider; 0: 10 000 */
    const char *secret;  /* "" : derived from the providers' secrets */
    /* Answers the connection with a page for people. Both must be there. */
    void (*show_error)(void *udata, struct conn *conn, int status, const char *title,
                       const char *message);
    void (*show_sign_in)(void *udata, struct conn *conn, const struct http_request *req);
    /* Somebody has signed out here, or in as somebody else: the session with this hash (auth_person.session), or all of
     * a user. The other is NULL. NULL is fine, and for `allowed`. */
    void (*signed_out)(void *udata, const char *session, const char *user_id);
    /* Whether one more sign-in may be tried from there now (rate limits). */
    bool (*allowed)(void *udata, struct conn *conn, const struct http_request *req);
    void *udata;
};

struct auth;

/* What the options point to is borrowed. NULL with a reason in err if they make no sense. */
struct auth *auth_new(const struct auth_opts *opts, struct net_loop *loop,
                      struct store_queue *queue, char *err, size_t err_len);
/* NULL is fine; what is under way is never called back. After the net_server, whose handler drops exchanges and queries;
 * before the loop; and before the store_queue, or queries that were not cancelled are answered while that is freed.
 * Operations that come back later find nobody. */
void auth_free(struct auth *a);
bool auth_is_on(const struct auth *a);
/* "https://code.example.com", for this request: replaces `out`; false if it must not be answered (a Host that is not ours). */
bool auth_origin(const struct auth *a, struct buf *out, const struct http_request *req);

/* Somebody who is signed in. Shared: valid until the last auth_person_unref(). */
struct auth_person {
    size_t refs;
    char *id;    /* of the user */
    char *name;  /* "" : not known */
    char *email; /* verified; "" : none, they can be authorized for nothing */
    char *image;
    char session[AUTH_HASH_HEX]; /* SHA-256 of the token */
    uint64_t expires_ms;
};
struct auth_person *auth_person_ref(struct auth_person *p);
void auth_person_unref(struct auth_person *p); /* NULL is fine */

struct auth_query;
enum auth_known { AUTH_KNOWN, AUTH_NOBODY, AUTH_UNAVAILABLE /* the store cannot be read now */ };

/* `known` runs in a later turn, or at once, before this returns NULL; `p` is borrowed, NULL unless AUTH_KNOWN. */
struct auth_query *
auth_whois(struct auth *a, const struct http_request *req,
           void (*known)(enum auth_known result, struct auth_person *p, void *udata), void *udata);
/* The same again for somebody who was known before: has the session ended, or the email changed? Never at once. */
struct auth_query *auth_recheck(struct auth *a, struct auth_person *p,
                                void (*known)(enum auth_known result, struct auth_person *p,
                                              void *udata),
                                void *udata);
void auth_query_cancel(struct auth_query *q); /* NULL is fine; only before `known` ran */

struct auth_exchange;
/* A path below "/api/auth/". Returns NULL if the connection is answered. Else `done` runs right before it is, because the
 * connection's next request may come while it is: the exchange is over then. It does not run if the exchange was
 * dropped, because the connection is gone. `req` is not needed after the return. */
struct auth_exchange *auth_request(struct auth *a, struct conn *conn,
                                   const struct http_request *req, void (*done)(void *udata),
                                   void *udata);
void auth_exchange_drop(struct auth_exchange *x);

#endif
