/*
 * What the files of src/auth share that say who somebody is. Each answers one question:
 *
 *     routes.c      what does this address mean, may it be asked, how is it answered?
 *     signin.c      is this whom the provider says?      provider.c    where is the provider, what are its keys?
 *     user.c        which user is that?                  session.c     whose session is this?
 *     operation.c   what does the store say?
 *
 * An exchange is one request that takes more than a turn: a chain of steps, each of which waits for one thing (`op`,
 * `call`, `query` or a place in a provider's list) and ends by starting the next or by answering. Whatever it waits
 * for is let go when it ends, so that it can end at any time.
 */
#ifndef AUTH_AUTH_INT_H
#define AUTH_AUTH_INT_H

#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/jwt.h"
#include "auth/oauth.h"
#include "base/clock.h"
#include "base/list.h"
#include "net/fetch.h"
#include "store/authjs.h"

#define SESSION_MS (UINT64_C(30) * 86400000)
#define RENEW_MS UINT64_C(86400000) /* a session this old is made to last SESSION_MS again */
#define STATE_MS (UINT64_C(15) * 60000)
/* How long it is known that something was signed out: longer than any request that read it before can last. */
#define SIGNED_OUT_MS (UINT64_C(5) * 60000)
#define CALLBACK_URL_MAX 2048

/* --- operation.c ------------------------------------------------------------------------------ */

/* One key of the store. It runs to its end whatever becomes of whoever began it. */
struct auth_op {
    struct store_op op;
    struct list node; /* in auth.ops */
    struct buf key;
    void (*then)(struct store_op *op, void *udata); /* NULL: nobody waits */
    void *udata;
};
struct auth_op *op_get(struct auth *a, const struct buf *key,
                       void (*then)(struct store_op *op, void *udata), void *udata);
struct auth_op *op_set(struct auth *a, const struct buf *key, const struct buf *value,
                       uint64_t expires_ms, bool if_absent,
                       void (*then)(struct store_op *op, void *udata), void *udata);
struct auth_op *op_delete(struct auth *a, const struct buf *key,
                          void (*then)(struct store_op *op, void *udata), void *udata);
void op_forget(struct auth_op *o); /* nobody waits any more; NULL is fine */

/* --- auth.c ----------------------------------------------------------------------------------- */

/* What a provider publishes and we keep for a while. Everybody who needs it waits for one request. */
struct published {
    struct net_call *call; /* under way */
    struct list waiting;   /* struct auth_exchange */
    uint64_t got_us;       /* when what we have came; 0: we have nothing */
    uint64_t asked_us;     /* when the last request for it ended */
};

struct auth_provider {
    struct auth *a;
    const struct auth_provider_opts *opts;
    struct oauth_endpoints endpoints;
    struct jwt_keys *keys;
    struct published discovery, jwks;
    uint64_t renewing_us; /* since when renewals are counted */
    unsigned renewals;
};

struct auth {
    struct auth_opts opts;
    struct store_queue *queue;
    struct net_fetcher *fetcher;
    struct auth_provider providers[AUTH_PROVIDERS_MAX];
    bool secure;       /* cookies are for https only */
    struct buf secret; /* of the configuration, or made of it */
    uint8_t state_key[AUTH_KEY_SIZE];
    struct list ops, queries, exchanges;
};

struct auth_provider *auth_provider_find(struct auth *a, struct http_str id);

/* --- session.c -------------------------------------------------------------------------------- */

/* Whose session a token is of: reads the session, then its user. */
struct auth_query {
    struct list node; /* in auth.queries */
    struct auth *a;
    struct auth_op *op;
    /* `known`, or within this module `found`, which may take what was read. */
    void (*known)(enum auth_known result, struct auth_person *p, void *udata);
    void (*found)(struct auth_query *q, enum auth_known result);
    void *udata;
    uint64_t began_ms; /* before anything was read */
    struct buf token;
    struct authjs_session session;
    struct buf session_json;
    struct authjs_user user;
};
/* NULL if the token can be nobody's; nothing is called then. */
struct auth_query *session_find(struct auth *a, const void *token, size_t len,
                                void (*found)(struct auth_query *q, enum auth_known result),
                                void *udata);
/* What the browser sends as its session; {NULL, 0}: nothing. */
struct http_str session_token(const struct auth *a, const struct http_request *req);

struct auth_exchange;
void session_show(struct auth_exchange *x, const struct http_request *req);
void session_sign_out(struct auth_exchange *x, bool everywhere);
/* x->user has signed in; ends the former session of this browser. */
void session_begin(struct auth_exchange *x);

/* --- provider.c ------------------------------------------------------------------------------- */

/* `ready` runs when x->provider->endpoints are there, at once or later; not `ok`: x->why says why they are not. */
void provider_endpoints(struct auth_exchange *x, void (*ready)(struct auth_exchange *x, bool ok));
/* The same of the keys. `renew`: those that we have lack one; they are asked for again, a few times a minute at most. */
void provider_keys(struct auth_exchange *x, bool renew,
                   void (*ready)(struct auth_exchange *x, bool ok));
/* A GET, or a POST of `form`; `authorization` is a header line or NULL. Sets x->call. */
void provider_ask(struct auth_exchange *x, const struct buf *url, const char *authorization,
                  const struct buf *form,
                  void (*done)(const struct net_answer *answer, void *udata));

/* --- signin.c --------------------------------------------------------------------------------- */

void signin_start(struct auth_exchange *x);
void signin_callback(struct auth_exchange *x, const struct http_request *req);

/* --- user.c ----------------------------------------------------------------------------------- */

/* Finds or makes the user for x->profile, then session_begin(). */
void user_find(struct auth_exchange *x);
/* Changes what is stored of x->user.id: name, image, email as far as x->change says, and x->signed_out_ms. */
void user_update(struct auth_exchange *x, void (*next)(struct auth_exchange *x));
/* Replaces `key` with the one that says for a while that this session (its hash) or user was signed out. */
void user_signed_out_key(struct buf *key, const char *of);

/* --- routes.c --------------------------------------------------------------------------------- */

enum owner { OWNER_NONE, OWNER_STALE, OWNER_IS };

struct auth_exchange {
    struct list node; /* in auth.exchanges */
    struct auth *a;
    struct conn *conn;
    void (*done)(void *udata);
    void *udata;
    bool starting, answered; /* within auth_request() */
    bool json, head;
    struct buf origin, headers; /* header lines of the answer */
    struct buf callback;        /* a path of ours */
    struct buf key, why;

    /* what it waits for: one of these */
    struct auth_op *op;
    struct net_call *call;
    struct auth_query *query;
    struct list waiting; /* in a provider's list */
    void (*ready)(struct auth_exchange *x, bool ok);

    /* sign-in */
    struct auth_provider *provider;
    struct buf state, verifier, nonce, code, iss, mark;
    bool keys_renewed;
    struct oauth_tokens tokens;
    struct oauth_profile profile;

    /* the user: found or made */
    struct authjs_user user;
    bool made;     /* is new */
    bool dangling; /* the account leads to a user that there is not */
    bool linking;  /* the user is known, the account is not */
    enum owner found;
    struct buf old_email;
    unsigned tries;
    struct authjs_user owner; /* of profile.email */
    void (*owner_known)(struct auth_exchange *x, enum owner found);
    struct {
        bool name, image, email;
    } change;
    uint64_t signed_out_ms;
    void (*updated)(struct auth_exchange *x);

    /* the session */
    struct buf token;  /* what the browser has, or is given */
    struct buf former; /* what it had before it signed in */
    uint64_t expires_ms;
    bool signing_out, everywhere;
};

/* Each ends the exchange. */
void exchange_reply(struct auth_exchange *x, int status, const char *content_type,
                    const struct buf *body);
/* Sends the browser there, or tells the script where to go. */
void exchange_redirect(struct auth_exchange *x, const char *url);
void exchange_callback(struct auth_exchange *x); /* to the callback URL */
/* To the error page; `why` is for the log. */
void exchange_fail(struct auth_exchange *x, const char *code, const char *why);
void exchange_free(struct auth_exchange *x);

enum auth_cookie { COOKIE_SESSION, COOKIE_STATE, COOKIE_CSRF };
const char *auth_cookie_name(const struct auth *a, enum auth_cookie which);
/* Sets it, or removes it if `value` is NULL. */
void exchange_cookie(struct auth_exchange *x, enum auth_cookie which, const char *value,
                     uint64_t max_age_s);
/* Replaces `out` with the path of ours that `url` means, or "/". */
void auth_callback_path(struct buf *out, const char *origin, const void *url, size_t len);

#endif
