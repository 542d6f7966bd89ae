/*
 * A site that people sign in to, and the provider that they sign in at, on one loop with the browsers of the test:
 *
 *     world_start(NULL);
 *     CHECK(sign_in("oidc", "/room"));              a browser (its cookies are in `jar`) goes all the way
 *     get("/api/auth/session"); CHECK_STR(ans.body, "...");
 *     world_stop();
 */
#ifndef TESTS_AUTH_SIGNIN_FIXTURE_H
#define TESTS_AUTH_SIGNIN_FIXTURE_H

#include "auth/auth.h"
#include "store/authjs.h"
#include "tests/test.h"

/* --- the world -------------------------------------------------------------------------------- */

struct world_opts {
    const char *public_url; /* NULL: as the Host says */
    const char *store;      /* NULL: a new SQLite file */
    uint32_t timeout_ms;    /* of the provider */
    bool trust_email, off;
};

struct world {
    struct net_loop *loop;
    struct net_timer *timer;
    struct store *store;
    struct store_queue *queue;
    struct net_wake *wake;
    struct auth *auth;
    struct net_server *site;
    char origin[64], issuer[64];

    struct auth_exchange *exchange; /* under way */
    struct conn *asking;            /* whose it is */
    int events;                     /* the store's answers, and requests to the provider */
    int drop_at;                    /* the exchange is dropped at this event; 0: never */
    int stop_at;                    /* the loop is stopped then */
    bool stopped;
    bool auth_first; /* at the end: before the queue */

    int refuse; /* sign-ins that are not allowed */
    char signed_out_session[AUTH_HASH_HEX], signed_out_user[64];

    /* whois */
    int asked;
    enum auth_known known;
    struct auth_person *person;
};
extern struct world w;

void world_start(const struct world_opts *opts);
void world_stop(void);
void world_run(bool (*until)(void)); /* at most five seconds */

/* --- the provider ----------------------------------------------------------------------------- */

struct fake {
    const char *sub, *name, *email, *picture;
    int verified; /* 1: yes, 0: no, -1: it does not say */
    bool email_by_userinfo;
    const char *hang;             /* a path that is never answered */
    const char *fail;             /* a path that is answered with 503 */
    const char *forbid;           /* ... 403 */
    const char *nonce, *audience; /* other than they should be */
    const char *error;            /* in place of a code */
    const char *issuer;           /* what it says as `iss` */
    bool announces_issuer;
    int kid;               /* the key in use */
    const char *token_kid; /* what tokens say in place of it */
    int discoveries, jwks, tokens, users;

    char state[100], got_nonce[100], challenge[100], former_challenge[100], scope[100],
        redirect[200];
};
extern struct fake fake;

/* --- a browser -------------------------------------------------------------------------------- */

struct jar {
    char names[8][48], values[8][4096];
};
extern struct jar jar;
const char *cookie(const char *name); /* "" : none */
void set_cookie(const char *name, const char *value);
void forget_cookies(void);

struct answer {
    int status;
    char head[8192], body[8192];
};
extern struct answer ans;
const char *header(const char *name); /* of ans; "" : none */

extern const char *send_host, *send_origin; /* NULL: what a browser would */
void ask(const char *method, const char *path, const char *form);
void get(const char *path);
void post(const char *path, const char *form);
/* The same in two parts, for several at a time. */
int begin_ask(const char *method, const char *path, const char *form);
void end_ask(int fd);
/* The field csrfToken of a form, and the cookie for it. */
const char *csrf(void);
/* Where the provider sends the browser back to; "" : it never got there. */
const char *go_to_provider(const char *provider, const char *callback_url);
/* All of it: whether the browser is signed in and at the callback URL. */
bool sign_in(const char *provider, const char *callback_url);
/* The code behind "/api/auth/error?error=" if that is where it was sent, else "". */
const char *error_code(void);

/* Whose cookies are these? The person is w.person until the next call. */
enum auth_known whois(void);
enum auth_known recheck(struct auth_person *p);

/* --- the store -------------------------------------------------------------------------------- */

/* The value, or "" if there is none; valid until the next call. */
const char *stored(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void put_stored(const char *key, const char *value);
uint64_t stored_expires(const char *key);
/* The user of an account, or "". */
const char *user_of(const char *provider, const char *id);

#endif
