/*
 * What the addresses below /api/auth/ mean (docs/protocol.md), who may ask for them, and how they are answered.
 *
 * A form or script of somebody else's cannot sign anybody in or out: it does not know the token that the CSRF cookie
 * has, and cannot set that cookie, whose value is bound to our secret.
 */
#include "auth/auth_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS                                                                                    \
    HTTP_COMMON_HEADERS "Cache-Control: no-store, private\r\n"                                     \
                        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define CSRF_LEN 64

/* --- an exchange's end ------------------------------------------------------------------------ */

void exchange_free(struct auth_exchange *x)
{
    list_remove(&x->node);
    list_remove(&x->waiting);
    op_forget(x->op);
    auth_query_cancel(x->query);
    if (x->call)
        net_fetch_cancel(x->call);
    struct buf *all[] = {&x->origin, &x->headers,  &x->callback, &x->key,      &x->why,
                         &x->state,  &x->verifier, &x->nonce,    &x->code,     &x->iss,
                         &x->mark,   &x->token,    &x->former,   &x->old_email};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        buf_release(all[i]);
    oauth_tokens_release(&x->tokens);
    oauth_profile_release(&x->profile);
    authjs_user_release(&x->user);
    authjs_user_release(&x->owner);
    free(x);
}

/* The next request of the connection may come while this one is answered: whoever owns the exchange must have
 * forgotten it by then. */
static void leave(struct auth_exchange *x)
{
    list_remove(&x->node);
    x->answered = true;
    if (!x->starting)
        x->done(x->udata);
}

static void leave_behind(struct auth_exchange *x)
{
    if (!x->starting)
        exchange_free(x);
}

void exchange_reply(struct auth_exchange *x, int status, const char *content_type,
                    const struct buf *body)
{
    struct buf headers = {0};
    buf_puts(&headers, HEADERS);
    if (content_type)
        buf_printf(&headers, "Content-Type: %s\r\n", content_type);
    buf_append(&headers, x->headers.data, x->headers.len);
    leave(x);
    http_reply(x->conn, status, buf_str(&headers), body ? body->data : NULL, body ? body->len : 0,
               false);
    leave_behind(x);
    buf_release(&headers);
}

static void reply_text(struct auth_exchange *x, int status, const char *text)
{
    struct buf body = {0};
    buf_puts(&body, text);
    exchange_reply(x, status, TEXT, &body);
    buf_release(&body);
}

static void show_error(struct auth_exchange *x, int status, const char *title, const char *message)
{
    leave(x);
    x->a->opts.show_error(x->a->opts.udata, x->conn, status, title, message);
    leave_behind(x);
}

/* {"url":"..."}: what Auth.js's client goes to, whatever the status is. */
static void reply_url(struct auth_exchange *x, int status, const char *url)
{
    struct buf body = {0};
    json_t *all = json_pack("{s:s}", "url", url);
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    buf_puts(&body, text ? text : "{}");
    exchange_reply(x, status, JSON, &body);
    buf_release(&body);
    free(text);
    json_decref(all);
}

void exchange_redirect(struct auth_exchange *x, const char *url)
{
    if (x->json) {
        reply_url(x, 200, url);
        return;
    }
    buf_printf(&x->headers, "Location: %s\r\n", url);
    exchange_reply(x, 302, NULL, NULL);
}

static void redirect_within(struct auth_exchange *x, const char *path)
{
    struct buf url = {0};
    buf_append(&url, x->origin.data, x->origin.len);
    buf_puts(&url, path);
    exchange_redirect(x, buf_str(&url));
    buf_release(&url);
}

void exchange_callback(struct auth_exchange *x)
{
    redirect_within(x, buf_str(&x->callback));
}

void exchange_fail(struct auth_exchange *x, const char *code, const char *why)
{
    char path[80];
    log_warn(x->signing_out ? "not signed out" : "not signed in",
             LOG_STR("provider", x->provider ? x->provider->opts->id : ""), LOG_STR("error", code),
             LOG_STR("reason", why));
    snprintf(path, sizeof(path), "/api/auth/error?error=%s", code);
    redirect_within(x, path);
}

/* --- cookies ---------------------------------------------------------------------------------- */

const char *auth_cookie_name(const struct auth *a, enum auth_cookie which)
{
    static const char *const names[][2] = {
        [COOKIE_SESSION] = {"next-auth.session-token", "__Secure-next-auth.session-token"},
        [COOKIE_STATE] = {"next-auth.state", "__Secure-next-auth.state"},
        [COOKIE_CSRF] = {"next-auth.csrf-token", "__Host-next-auth.csrf-token"},
    };
    return names[which][a->secure];
}

void exchange_cookie(struct auth_exchange *x, enum auth_cookie which, const char *value,
                     uint64_t max_age_s)
{
    struct cookie c = {.name = auth_cookie_name(x->a, which),
                       .value = value ? value : "",
                       .max_age_s = max_age_s,
                       .remove = !value,
                       .secure = x->a->secure};
    cookie_put(&x->headers, &c);
}

/* --- where to go afterwards ------------------------------------------------------------------- */

/* A path of ours in printable ASCII. Browsers take // and /\ for the beginning of another server's name. */
static bool is_path(const char *s, size_t len)
{
    if (!len || len > CALLBACK_URL_MAX || *s != '/' || (len > 1 && s[1] == '/'))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f || s[i] == '\\')
            return false;
    return true;
}

void auth_callback_path(struct buf *out, const char *origin, const void *url, size_t len)
{
    const char *s = url;
    size_t n = strlen(origin);
    buf_clear(out);
    if (len >= n && memcmp(s, origin, n) == 0 && (len == n || strchr("/?#", s[n]))) {
        s += n, len -= n;
        if (!len || *s != '/')
            buf_putc(out, '/');
    }
    buf_append(out, s, len);
    if (!is_path((const char *)out->data, out->len)) {
        buf_clear(out);
        buf_putc(out, '/');
    }
}

static void take_callback(struct auth_exchange *x, const struct http_request *req)
{
    struct buf url = {0};
    form_get(&url, req, "callbackUrl");
    auth_callback_path(&x->callback, buf_str(&x->origin), buf_str(&url), url.len);
    buf_release(&url);
}

/* --- forgery ---------------------------------------------------------------------------------- */

static void csrf_hash(const struct auth *a, char out[AUTH_HASH_HEX], const char *token)
{
    struct buf both = {0};
    buf_append(&both, token, CSRF_LEN);
    buf_append(&both, a->secret.data, a->secret.len);
    auth_sha256_hex(out, both.data, both.len);
    buf_release(&both);
}

/* The token of the cookie "token|hash", if the hash is ours. Auth.js writes the bar as %7C. */
static bool csrf_token(const struct auth *a, const struct http_request *req, char out[CSRF_LEN + 1])
{
    struct http_str cookie = cookie_get(req, auth_cookie_name(a, COOKIE_CSRF));
    char hash[AUTH_HASH_HEX];
    if (!cookie.p || cookie.len <= CSRF_LEN)
        return false;
    const char *rest = cookie.p + CSRF_LEN;
    size_t len = cookie.len - CSRF_LEN, bar = *rest == '|' ? 1 : 3;
    if (len < bar || (bar == 3 && memcmp(rest, "%7C", 3) != 0))
        return false;
    csrf_hash(a, hash, cookie.p);
    memcpy(out, cookie.p, CSRF_LEN);
    out[CSRF_LEN] = '\0';
    return strspn(out, "0123456789abcdef") == CSRF_LEN &&
           auth_equal(hash, strlen(hash), rest + bar, len - bar);
}

static void show_csrf(struct auth_exchange *x, const struct http_request *req)
{
    char token[AUTH_HASH_HEX], hash[AUTH_HASH_HEX];
    struct buf body = {0};
    if (!csrf_token(x->a, req, token)) {
        struct buf value = {0};
        auth_random(&value, 32);
        auth_sha256_hex(token, value.data, value.len);
        csrf_hash(x->a, hash, token);
        buf_clear(&value);
        buf_printf(&value, "%s|%s", token, hash);
        if (!x->head)
            exchange_cookie(x, COOKIE_CSRF, buf_str(&value), 0);
        buf_release(&value);
    }
    buf_printf(&body, "{\"csrfToken\":\"%s\"}", token);
    exchange_reply(x, 200, JSON, &body);
    buf_release(&body);
}

/* Whether the request is from a page of ours; else it is answered. */
static bool is_ours(struct auth_exchange *x, const struct http_request *req)
{
    struct http_str origin = http_header(req, "origin");
    char token[CSRF_LEN + 1];
    struct buf given = {0}, url = {0};
    if (origin.p && !http_str_is(origin, buf_str(&x->origin))) {
        reply_text(x, 403, "This origin may not do that.\n");
        return false;
    }
    bool ours = csrf_token(x->a, req, token) && form_get(&given, req, "csrfToken") &&
                auth_equal(given.data, given.len, token, CSRF_LEN);
    buf_release(&given);
    if (ours)
        return true;
    buf_append(&url, x->origin.data, x->origin.len);
    buf_puts(&url, "/api/auth/signin?csrf=true");
    if (x->json)
        reply_url(x, 403, buf_str(&url));
    else
        show_error(x, 403, "Please try again",
                   "This page was open for too long, or your browser keeps no cookies for this "
                   "site. Go back, load it again, and try once more.");
    buf_release(&url);
    return false;
}

/* --- pages ------------------------------------------------------------------------------------ */

static void show_error_page(struct auth_exchange *x, const struct http_request *req)
{
    static const struct {
        const char *code;
        int status;
        const char *title, *message;
    } errors[] = {
        {"AccessDenied", 403, "You are not signed in",
         "It was cancelled at the provider, or the provider does not let you in here."},
        {"Verification", 400, "That sign-in is over",
         "It took longer than 15 minutes, was begun in another window or browser, or was finished "
         "before. Please begin again."},
        {"OAuthSignin", 502, "The provider cannot be reached",
         "It did not answer in time, or not as it should. Please try again in a moment."},
        {"OAuthCallback", 502, "The provider did not confirm who you are",
         "It did not answer in time, or not as it should. Please try again in a moment."},
        {"OAuthCreateAccount", 500, "You cannot be signed in now",
         "Storage cannot be reached, so who you are could not be kept. Please try again in a "
         "moment."},
        {"Callback", 500, "You cannot be signed in now",
         "Storage cannot be reached, so your session could not be begun. Please try again in a "
         "moment."},
        {"SignOut", 500, "You are still signed in",
         "Storage cannot be reached, so your session could not be ended. Please try again in a "
         "moment."},
        {"Configuration", 500, "Sign-in does not work here",
         "The server is not set up for it as it should be. Its operator finds the reason in the "
         "log."},
        {"OAuthAccountNotLinked", 400, "You cannot be signed in that way",
         "Sign in with the provider that you used before."},
        {"SessionRequired", 400, "Please sign in", "What you asked for is for people who have."},
    };
    struct buf code = {0};
    size_t i = 0, n = sizeof(errors) / sizeof(*errors);
    if (!query_get(&code, req, "error"))
        buf_clear(&code);
    while (i < n && strcmp(errors[i].code, buf_str(&code)) != 0)
        i++;
    buf_release(&code);
    if (i < n)
        show_error(x, errors[i].status, errors[i].title, errors[i].message);
    else
        show_error(x, 400, "You could not be signed in", "Please try again in a moment.");
}

static void show_providers(struct auth_exchange *x)
{
    struct buf body = {0}, signin = {0}, callback = {0};
    json_t *all = json_object();
    for (size_t i = 0; i < x->a->opts.provider_count; i++) {
        const struct auth_provider_opts *p = x->a->providers[i].opts;
        buf_clear(&signin);
        buf_clear(&callback);
        buf_printf(&signin, "%s/api/auth/signin/%s", buf_str(&x->origin), p->id);
        buf_printf(&callback, "%s/api/auth/callback/%s", buf_str(&x->origin), p->id);
        json_object_set_new(all, p->id,
                            json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", p->id, "name", p->name, "type",
                                      "oauth", "signinUrl", buf_str(&signin), "callbackUrl",
                                      buf_str(&callback)));
    }
    char *text = json_dumps(all, JSON_COMPACT);
    buf_puts(&body, text ? text : "{}");
    exchange_reply(x, 200, JSON, &body);
    buf_release(&body);
    buf_release(&signin);
    buf_release(&callback);
    free(text);
    json_decref(all);
}

static void show_sign_in(struct auth_exchange *x, const struct http_request *req)
{
    leave(x);
    x->a->opts.show_sign_in(x->a->opts.udata, x->conn, req);
    leave_behind(x);
}

/* --- signing in and out ----------------------------------------------------------------------- */

static void post_sign_in(struct auth_exchange *x, const struct http_request *req)
{
    const struct auth_opts *o = &x->a->opts;
    if (!is_ours(x, req))
        return;
    if (o->allowed && !o->allowed(o->udata, x->conn, req)) {
        buf_puts(&x->headers, "Retry-After: 60\r\n");
        if (x->json)
            reply_text(x, 429, "Too many attempts. Please wait a minute.\n");
        else
            show_error(x, 429, "Too many attempts", "Please wait a minute, then try again.");
        return;
    }
    take_callback(x, req);
    signin_start(x);
}

static void post_sign_out(struct auth_exchange *x, const struct http_request *req)
{
    struct buf everywhere = {0};
    struct http_str token = session_token(x->a, req);
    if (!is_ours(x, req))
        return;
    take_callback(x, req);
    buf_append(&x->token, token.p, token.len);
    bool all =
        form_get(&everywhere, req, "everywhere") && strcmp(buf_str(&everywhere), "true") == 0;
    buf_release(&everywhere);
    session_sign_out(x, all);
}

static void get_callback(struct auth_exchange *x, const struct http_request *req)
{
    struct http_str token = session_token(x->a, req);
    if (x->head) {
        exchange_reply(x, 200, NULL, NULL);
        return;
    }
    buf_append(&x->former, token.p, token.len);
    signin_callback(x, req);
}

/* --- dispatch --------------------------------------------------------------------------------- */

/* "/api/auth/<what>" or "/api/auth/<what>/<provider>". */
struct address {
    struct http_str what, provider;
    bool below; /* there is a second part */
};

static bool read_address(struct address *out, struct http_str path)
{
    static const char prefix[] = "/api/auth/";
    size_t n = sizeof(prefix) - 1;
    if (path.len < n || memcmp(path.p, prefix, n) != 0)
        return false;
    const char *p = path.p + n, *slash = memchr(p, '/', path.len - n);
    out->below = slash;
    out->what = (struct http_str){p, slash ? (size_t)(slash - p) : path.len - n};
    out->provider = (struct http_str){slash ? slash + 1 : p,
                                      slash ? (size_t)(path.p + path.len - slash) - 1 : 0};
    return true;
}

enum method { GET = 1, POST = 2 };

static void of_provider(struct auth_exchange *x, const struct http_request *req,
                        const struct address *at, enum method method)
{
    bool signin = http_str_is(at->what, "signin");
    x->provider = auth_provider_find(x->a, at->provider);
    if (!x->provider)
        show_error(x, 404, "Not found", "Nobody can sign in that way here.");
    else if (!signin)
        get_callback(x, req);
    else if (method == POST)
        post_sign_in(x, req);
    else
        show_sign_in(x, req);
}

static void dispatch(struct auth_exchange *x, const struct http_request *req,
                     const struct address *at, enum method method)
{
    if (at->below)
        of_provider(x, req, at, method);
    else if (http_str_is(at->what, "providers"))
        show_providers(x);
    else if (http_str_is(at->what, "session"))
        session_show(x, req);
    else if (http_str_is(at->what, "csrf"))
        show_csrf(x, req);
    else if (http_str_is(at->what, "signin"))
        show_sign_in(x, req);
    else if (http_str_is(at->what, "signout"))
        post_sign_out(x, req);
    else
        show_error_page(x, req);
}

/* What may be asked with which method; 0: there is nothing. */
static unsigned methods(const struct address *at)
{
    static const struct {
        const char *what;
        unsigned alone, below;
    } known[] = {{"providers", GET, 0}, {"session", GET, 0},  {"csrf", GET, 0},
                 {"error", GET, 0},     {"signout", POST, 0}, {"signin", GET, GET | POST},
                 {"callback", 0, GET}};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (http_str_is(at->what, known[i].what))
            return at->below ? known[i].below : known[i].alone;
    return 0;
}

static void begin(struct auth_exchange *x, const struct http_request *req)
{
    static const char *const allow[] = {
        [GET] = "GET, HEAD", [POST] = "POST", [GET | POST] = "GET, HEAD, POST"};
    struct address at;
    unsigned may = read_address(&at, req->path) ? methods(&at) : 0, method = 0;
    if (http_str_is(req->method, "POST"))
        method = POST;
    else if (x->head || http_str_is(req->method, "GET"))
        method = GET;
    if (!may) {
        show_error(x, 404, "Not found", "There is nothing at this address.");
    } else if (!(may & method)) {
        buf_printf(&x->headers, "Allow: %s\r\n", allow[may]);
        reply_text(x, 405, "method not allowed\n");
    } else if (!auth_origin(x->a, &x->origin, req) && auth_is_on(x->a)) {
        reply_text(x, 400,
                   "This server does not know its own address: its operator has to set it "
                   "(--public-url), unless it is reached as localhost.\n");
    } else {
        struct buf json = {0};
        x->json =
            method == POST && form_get(&json, req, "json") && strcmp(buf_str(&json), "true") == 0;
        buf_release(&json);
        dispatch(x, req, &at, (enum method)method);
    }
}

struct auth_exchange *auth_request(struct auth *a, struct conn *conn,
                                   const struct http_request *req, void (*done)(void *udata),
                                   void *udata)
{
    struct auth_exchange *x = xcalloc(1, sizeof(*x));
    x->a = a;
    x->conn = conn;
    x->done = done;
    x->udata = udata;
    x->head = http_str_is(req->method, "HEAD");
    x->starting = true;
    list_init(&x->waiting);
    list_append(&a->exchanges, &x->node);
    begin(x, req);
    x->starting = false;
    if (!x->answered)
        return x;
    exchange_free(x);
    return NULL;
}

void auth_exchange_drop(struct auth_exchange *x)
{
    exchange_free(x);
}
