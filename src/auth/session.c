/*
 * Whose session it is, and its beginning, renewal and end.
 *
 * What makes a session valid: its key is there, `expires` is not over, and it began (SESSION_MS before that) not before
 * its user last signed out everywhere.
 *
 * The store cannot write only if nothing has changed, and a renewal that was about to write when somebody signed out
 * would bring the session back. So whoever signs out first writes, for a while, that it was signed out, then deletes;
 * whoever renews writes first, then looks for that, and deletes what it wrote if it is there. One of the two comes
 * last, on whatever servers they are.
 */
#include "auth/auth_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* --- finding ---------------------------------------------------------------------------------- */

static void query_free(struct auth_query *q)
{
    list_remove(&q->node);
    op_forget(q->op);
    buf_release(&q->token);
    buf_release(&q->session_json);
    authjs_session_release(&q->session);
    authjs_user_release(&q->user);
    free(q);
}

static void query_end(struct auth_query *q, enum auth_known result)
{
    list_remove(&q->node); /* what is called may end everything */
    q->found(q, result);
    query_free(q);
}

static uint64_t began_at(const struct authjs_session *s)
{
    return s->expires_ms > SESSION_MS ? s->expires_ms - SESSION_MS : 0;
}

static void user_read(struct store_op *op, void *udata)
{
    struct auth_query *q = udata;
    q->op = NULL;
    if (op->result == STORE_UNAVAILABLE)
        query_end(q, AUTH_UNAVAILABLE);
    else if (op->result != STORE_OK || !op->found ||
             !authjs_read_user(&q->user, op->data.data, op->data.len) ||
             began_at(&q->session) < q->user.signed_out_ms)
        query_end(q, AUTH_NOBODY);
    else
        query_end(q, AUTH_KNOWN);
}

static void session_read(struct store_op *op, void *udata)
{
    struct auth_query *q = udata;
    struct buf key = {0};
    q->op = NULL;
    if (op->result == STORE_UNAVAILABLE) {
        query_end(q, AUTH_UNAVAILABLE);
        return;
    }
    if (op->result != STORE_OK || !op->found ||
        !authjs_read_session(&q->session, op->data.data, op->data.len) ||
        q->session.expires_ms <= q->began_ms ||
        !authjs_key(&key, AUTHJS_USER, q->session.user_id.data, q->session.user_id.len)) {
        query_end(q, AUTH_NOBODY);
        return;
    }
    buf_append(&q->session_json, op->data.data, op->data.len);
    q->op = op_get(q->a, &key, user_read, q);
    buf_release(&key);
}

struct auth_query *session_find(struct auth *a, const void *token, size_t len,
                                void (*found)(struct auth_query *q, enum auth_known result),
                                void *udata)
{
    struct buf key = {0};
    struct auth_query *q = NULL;
    if (authjs_key(&key, AUTHJS_SESSION, token, len)) {
        q = xcalloc(1, sizeof(*q));
        q->a = a;
        q->found = found;
        q->udata = udata;
        q->began_ms = clock_now_ms();
        buf_append(&q->token, token, len);
        list_append(&a->queries, &q->node);
        q->op = op_get(a, &key, session_read, q);
    }
    buf_release(&key);
    return q;
}

struct http_str session_token(const struct auth *a, const struct http_request *req)
{
    return cookie_get(req, auth_cookie_name(a, COOKIE_SESSION));
}

/* --- persons ---------------------------------------------------------------------------------- */

/* The token is for auth_recheck() alone. */
struct person {
    struct auth_person shown;
    struct buf token;
};

static char *text_of(const struct buf *b)
{
    return b->len ? xstrndup((const char *)b->data, b->len) : xstrdup("");
}

static struct auth_person *person_new(const struct auth_query *q)
{
    struct person *p = xcalloc(1, sizeof(*p));
    p->shown = (struct auth_person){
        .refs = 1,
        .id = text_of(&q->user.id),
        .name = text_of(&q->user.name),
        .email = text_of(&q->user.email),
        .image = text_of(&q->user.image),
        .expires_ms = q->session.expires_ms,
    };
    auth_sha256_hex(p->shown.session, q->token.data, q->token.len);
    buf_append(&p->token, q->token.data, q->token.len);
    return &p->shown;
}

struct auth_person *auth_person_ref(struct auth_person *p)
{
    p->refs++;
    return p;
}

void auth_person_unref(struct auth_person *p)
{
    if (!p || --p->refs)
        return;
    struct person *whole = container_of(p, struct person, shown);
    free(p->id);
    free(p->name);
    free(p->email);
    free(p->image);
    buf_release(&whole->token);
    free(whole);
}

static void tell(struct auth_query *q, enum auth_known result)
{
    struct auth_person *p = result == AUTH_KNOWN ? person_new(q) : NULL;
    q->known(result, p, q->udata);
    auth_person_unref(p);
}

struct auth_query *
auth_whois(struct auth *a, const struct http_request *req,
           void (*known)(enum auth_known result, struct auth_person *p, void *udata), void *udata)
{
    struct http_str token = session_token(a, req);
    struct auth_query *q = NULL;
    if (auth_is_on(a) && token.p)
        q = session_find(a, token.p, token.len, tell, udata);
    if (q)
        q->known = known;
    else
        known(AUTH_NOBODY, NULL, udata);
    return q;
}

struct auth_query *
auth_recheck(struct auth *a, struct auth_person *p,
             void (*known)(enum auth_known result, struct auth_person *p, void *udata), void *udata)
{
    const struct person *whole = container_of(p, struct person, shown);
    struct auth_query *q = session_find(a, whole->token.data, whole->token.len, tell, udata);
    q->known = known; /* it was found before: the token can be somebody's */
    return q;
}

void auth_query_cancel(struct auth_query *q)
{
    if (q)
        query_free(q);
}

/* --- GET session ------------------------------------------------------------------------------ */

static json_t *text_or_null(const struct buf *b)
{
    json_t *s = b->len ? json_stringn((const char *)b->data, b->len) : NULL;
    return s ? s : json_null();
}

static void show(struct auth_exchange *x)
{
    char expires[AUTHJS_DATE_SIZE];
    struct buf body = {0};
    authjs_write_date(expires, x->expires_ms);
    json_t *all = json_pack("{s:{s:o,s:o,s:o},s:s}", "user", "name", text_or_null(&x->user.name),
                            "email", text_or_null(&x->user.email), "image",
                            text_or_null(&x->user.image), "expires", expires);
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    buf_puts(&body, text ? text : "{}");
    free(text);
    json_decref(all);
    exchange_reply(x, 200, "application/json", &body);
    buf_release(&body);
}

static void show_nobody(struct auth_exchange *x, bool forget)
{
    struct buf body = {0};
    if (forget && !x->head)
        exchange_cookie(x, COOKIE_SESSION, NULL, 0);
    buf_puts(&body, "{}");
    exchange_reply(x, 200, "application/json", &body);
    buf_release(&body);
}

static void unavailable(struct auth_exchange *x)
{
    struct buf body = {0};
    buf_puts(&body, "Storage cannot be reached now.\n");
    buf_puts(&x->headers, "Retry-After: 5\r\n");
    exchange_reply(x, 503, "text/plain; charset=utf-8", &body);
    buf_release(&body);
}

static void signed_out_read(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    struct buf key = {0};
    x->op = NULL;
    if (op->result == STORE_OK && op->found) {
        authjs_key(&key, AUTHJS_SESSION, x->token.data, x->token.len);
        op_delete(x->a, &key, NULL, NULL);
        buf_release(&key);
        show_nobody(x, true);
        return;
    }
    exchange_cookie(x, COOKIE_SESSION, buf_str(&x->token), SESSION_MS / 1000);
    show(x);
}

static void renewed(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    char hash[AUTH_HASH_HEX];
    x->op = NULL;
    if (op->result != STORE_OK) {
        show(x); /* it is valid still */
        return;
    }
    x->expires_ms = op->expires_ms;
    auth_sha256_hex(hash, x->token.data, x->token.len);
    user_signed_out_key(&x->key, hash);
    x->op = op_get(x->a, &x->key, signed_out_read, x);
}

/* The key that leads from a user to their last session; nothing rests on it. */
static void point_at(struct auth *a, const struct buf *user_id, const struct buf *session_key,
                     uint64_t expires_ms)
{
    struct buf key = {0};
    if (authjs_key(&key, AUTHJS_SESSION_OF, user_id->data, user_id->len))
        op_set(a, &key, session_key, expires_ms, false, NULL, NULL);
    buf_release(&key);
}

/* Began when it was asked for, before anything was read: whoever signs out everywhere meanwhile ends it, too. */
static void renew(struct auth_exchange *x, struct auth_query *q)
{
    struct buf value = {0};
    q->session.expires_ms = q->began_ms + SESSION_MS;
    buf_clear(&q->session.token);
    buf_append(&q->session.token, q->token.data, q->token.len);
    authjs_write_session(&value, &q->session, &q->session_json);
    authjs_key(&x->key, AUTHJS_SESSION, q->token.data, q->token.len);
    x->op = op_set(x->a, &x->key, &value, q->session.expires_ms, false, renewed, x);
    point_at(x->a, &q->user.id, &x->key, q->session.expires_ms);
    buf_release(&value);
}

/* What the query read is the exchange's now. */
static void take(struct auth_exchange *x, struct auth_query *q)
{
    x->user = q->user;
    q->user = (struct authjs_user){0};
    x->token = q->token;
    q->token = (struct buf){0};
    x->expires_ms = q->session.expires_ms;
}

static void found_to_show(struct auth_query *q, enum auth_known result)
{
    struct auth_exchange *x = q->udata;
    x->query = NULL;
    if (result == AUTH_UNAVAILABLE) {
        unavailable(x);
    } else if (result == AUTH_NOBODY) {
        show_nobody(x, true);
    } else if (!x->head && began_at(&q->session) + RENEW_MS <= q->began_ms) {
        uint64_t expires_ms = q->session.expires_ms;
        renew(x, q);
        take(x, q);
        x->expires_ms = expires_ms; /* until the new one is written */
    } else {
        take(x, q);
        show(x);
    }
}

void session_show(struct auth_exchange *x, const struct http_request *req)
{
    struct http_str token = session_token(x->a, req);
    if (!auth_is_on(x->a) || !token.p) {
        show_nobody(x, false);
        return;
    }
    x->query = session_find(x->a, token.p, token.len, found_to_show, x);
    if (!x->query)
        show_nobody(x, true);
}

/* --- signing out ------------------------------------------------------------------------------ */

static void deleted(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    char hash[AUTH_HASH_HEX];
    x->op = NULL;
    if (op->result != STORE_OK) {
        exchange_fail(x, "SignOut", op->error);
        return;
    }
    log_info("signed out", LOG_STR("user", buf_str(&x->user.id)),
             LOG_STR("everywhere", x->everywhere ? "yes" : "no"));
    auth_sha256_hex(hash, x->token.data, x->token.len);
    if (x->a->opts.signed_out)
        x->a->opts.signed_out(x->a->opts.udata, x->everywhere ? NULL : hash,
                              x->everywhere ? buf_str(&x->user.id) : NULL);
    exchange_cookie(x, COOKIE_SESSION, NULL, 0);
    exchange_callback(x);
}

static void delete_session(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    x->op = NULL;
    if (op->result != STORE_OK) {
        exchange_fail(x, "SignOut", op->error);
        return;
    }
    authjs_key(&x->key, AUTHJS_SESSION, x->token.data, x->token.len);
    x->op = op_delete(x->a, &x->key, deleted, x);
}

static struct auth_op *mark(struct auth_exchange *x, const char *of, uint64_t signed_out_ms,
                            void (*then)(struct store_op *op, void *udata))
{
    struct buf value = {0};
    buf_printf(&value, "%llu", (unsigned long long)signed_out_ms);
    user_signed_out_key(&x->key, of);
    struct auth_op *o =
        op_set(x->a, &x->key, &value, clock_now_ms() + SIGNED_OUT_MS, false, then, then ? x : NULL);
    buf_release(&value);
    return o;
}

static void mark_session(struct auth_exchange *x)
{
    char hash[AUTH_HASH_HEX];
    auth_sha256_hex(hash, x->token.data, x->token.len);
    x->op = mark(x, hash, clock_now_ms(), delete_session);
}

static void user_marked(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    x->op = NULL;
    if (op->result != STORE_OK)
        exchange_fail(x, "SignOut", op->error);
    else
        user_update(x, mark_session);
}

static void found_to_end(struct auth_query *q, enum auth_known result)
{
    struct auth_exchange *x = q->udata;
    x->query = NULL;
    if (result == AUTH_UNAVAILABLE) {
        exchange_fail(x, "SignOut", "the store cannot be read");
        return;
    }
    if (result == AUTH_NOBODY) {
        exchange_cookie(x, COOKIE_SESSION, NULL, 0);
        exchange_callback(x);
        return;
    }
    take(x, q);
    if (x->everywhere) {
        x->signed_out_ms = q->began_ms;
        x->op = mark(x, buf_str(&x->user.id), x->signed_out_ms, user_marked);
    } else {
        mark_session(x);
    }
}

/* x->token: what the browser has. */
void session_sign_out(struct auth_exchange *x, bool everywhere)
{
    struct buf token = x->token;
    x->token = (struct buf){0};
    x->signing_out = true;
    x->everywhere = everywhere;
    if (token.len)
        x->query = session_find(x->a, token.data, token.len, found_to_end, x);
    buf_release(&token);
    if (x->query)
        return;
    exchange_cookie(x, COOKIE_SESSION, NULL, 0);
    exchange_callback(x);
}

/* --- signing in ------------------------------------------------------------------------------- */

/* What this browser had before is nobody's any more: whoever put it there may know it. */
static void end_former(struct auth_exchange *x)
{
    char hash[AUTH_HASH_HEX];
    if (!authjs_key(&x->key, AUTHJS_SESSION, x->former.data, x->former.len))
        return;
    struct buf key = x->key;
    x->key = (struct buf){0};
    auth_sha256_hex(hash, x->former.data, x->former.len);
    mark(x, hash, clock_now_ms(), NULL);
    op_delete(x->a, &key, NULL, NULL);
    buf_release(&key);
    if (x->a->opts.signed_out)
        x->a->opts.signed_out(x->a->opts.udata, hash, NULL);
}

static void begun(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    x->op = NULL;
    if (op->result != STORE_OK) {
        exchange_fail(x, "Callback", op->error);
        return;
    }
    authjs_key(&x->key, AUTHJS_SESSION, x->token.data, x->token.len);
    point_at(x->a, &x->user.id, &x->key, x->expires_ms);
    end_former(x);
    log_info("signed in", LOG_STR("provider", x->provider->opts->id),
             LOG_STR("user", buf_str(&x->user.id)), LOG_STR("new", x->made ? "yes" : "no"));
    exchange_cookie(x, COOKIE_SESSION, buf_str(&x->token), SESSION_MS / 1000);
    exchange_callback(x);
}

void session_begin(struct auth_exchange *x)
{
    struct authjs_session s = {0};
    struct buf value = {0};
    uint64_t now = clock_now_ms();
    /* Another server, whose clock is ahead, may have signed them out everywhere a moment from now. */
    uint64_t began = now > x->user.signed_out_ms ? now : x->user.signed_out_ms;
    buf_clear(&x->token);
    auth_random(&x->token, 32);
    x->expires_ms = s.expires_ms = began + SESSION_MS;
    s.token = x->token;
    s.user_id = x->user.id;
    authjs_write_session(&value, &s, NULL);
    authjs_key(&x->key, AUTHJS_SESSION, x->token.data, x->token.len);
    x->op = op_set(x->a, &x->key, &value, s.expires_ms, false, begun, x);
    buf_release(&value);
}
