/*
 * Signing in at a provider: OAuth 2.0's authorization code with PKCE; with OpenID Connect the ID token, checked.
 *
 *     POST signin/github  -> a state, a verifier and a nonce, sealed into a cookie; the browser goes to the provider
 *     GET callback/github <- state and code. The same state as in the cookie, and never before?
 *                            code -> tokens -> who is it there? -> user.c -> session.c
 */
#include "auth/auth_int.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_oidc(const struct auth_exchange *x)
{
    return x->provider->opts->kind == AUTH_OIDC;
}

static void put_redirect_uri(struct auth_exchange *x, struct buf *out)
{
    buf_append(out, x->origin.data, x->origin.len);
    buf_printf(out, "/api/auth/callback/%s", x->provider->opts->id);
}

/* --- to the provider -------------------------------------------------------------------------- */

static void put_state_cookie(struct auth_exchange *x)
{
    struct buf sealed = {0};
    json_t *all = json_pack("{s:s,s:s,s:s,s:s,s:s}", "provider", x->provider->opts->id, "state",
                            buf_str(&x->state), "verifier", buf_str(&x->verifier), "nonce",
                            buf_str(&x->nonce), "callback", buf_str(&x->callback));
    char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    if (!text)
        abort(); /* all of it is ASCII: out of memory */
    auth_seal(&sealed, x->a->state_key, text, strlen(text), clock_now_ms() + STATE_MS);
    exchange_cookie(x, COOKIE_STATE, buf_str(&sealed), STATE_MS / 1000);
    buf_release(&sealed);
    free(text);
    json_decref(all);
}

static void start(struct auth_exchange *x, bool ok)
{
    const struct auth_provider_opts *p = x->provider->opts;
    struct buf url = {0}, redirect = {0}, challenge = {0};
    if (!ok) {
        exchange_fail(x, "OAuthSignin", buf_str(&x->why));
        return;
    }
    auth_random(&x->state, 32);
    auth_random(&x->verifier, 32);
    if (is_oidc(x))
        auth_random(&x->nonce, 32);
    auth_sha256_base64url(&challenge, x->verifier.data, x->verifier.len);
    put_redirect_uri(x, &redirect);
    put_state_cookie(x);
    const char *scope = p->scope                 ? p->scope
                        : p->kind == AUTH_GITHUB ? "read:user user:email"
                                                 : "openid email profile";
    oauth_authorization_url(&url, &x->provider->endpoints, p->client_id, buf_str(&redirect), scope,
                            buf_str(&x->state), buf_str(&challenge),
                            is_oidc(x) ? buf_str(&x->nonce) : NULL);
    exchange_redirect(x, buf_str(&url));
    buf_release(&url);
    buf_release(&redirect);
    buf_release(&challenge);
}

void signin_start(struct auth_exchange *x)
{
    provider_endpoints(x, start);
}

/* --- who it is there -------------------------------------------------------------------------- */

/* The body of an answer that came as it should: else the exchange is over. */
static bool answered(struct auth_exchange *x, const struct net_answer *answer, const char *what)
{
    char why[200];
    x->call = NULL;
    if (answer->status == 200)
        return true;
    if (answer->status)
        snprintf(why, sizeof(why), "%s: status %d", what, answer->status);
    else
        snprintf(why, sizeof(why), "%s: %s", what, answer->error);
    exchange_fail(x, "OAuthCallback", why);
    return false;
}

static void ask_for(struct auth_exchange *x, const struct buf *url,
                    void (*done)(const struct net_answer *answer, void *udata))
{
    struct buf header = {0};
    buf_printf(&header, "Authorization: Bearer %s", buf_str(&x->tokens.access));
    provider_ask(x, url, buf_str(&header), NULL, done);
    buf_release(&header);
}

/* Without a permission for it there are no addresses: they can sign in, and that is all. */
static void github_emails(const struct net_answer *answer, void *udata)
{
    struct auth_exchange *x = udata;
    char why[200] = "";
    if (answer->status == 403 || answer->status == 404) {
        x->call = NULL;
        log_warn("a provider does not tell addresses", LOG_STR("provider", x->provider->opts->id),
                 LOG_INT("status", answer->status));
        x->profile.verified = false;
    } else if (!answered(x, answer, "email addresses")) {
        return;
    } else if (!oauth_read_github_emails(&x->profile, answer->body.data, answer->body.len, why,
                                         sizeof(why))) {
        exchange_fail(x, "OAuthCallback", why);
        return;
    }
    user_find(x);
}

static void github_user(const struct net_answer *answer, void *udata)
{
    struct auth_exchange *x = udata;
    char why[200] = "";
    if (!answered(x, answer, "profile"))
        return;
    if (!oauth_read_github_user(&x->profile, answer->body.data, answer->body.len, why, sizeof(why)))
        exchange_fail(x, "OAuthCallback", why);
    else
        ask_for(x, &x->provider->endpoints.emails, github_emails);
}

/* The provider may be one whose addresses are all verified, and that does not say so. */
static bool read_claims(struct auth_exchange *x, const json_t *claims)
{
    char why[200] = "";
    bool had = x->profile.email.len;
    if (!oauth_read_claims(&x->profile, claims, why, sizeof(why))) {
        exchange_fail(x, "OAuthCallback", why);
        return false;
    }
    if (!had && x->provider->opts->trust_email && x->profile.email.len &&
        !json_object_get(claims, "email_verified"))
        x->profile.verified = true;
    return true;
}

static void userinfo(const struct net_answer *answer, void *udata)
{
    struct auth_exchange *x = udata;
    if (!answered(x, answer, "userinfo"))
        return;
    json_t *claims = json_loadb(answer->body.len ? (const char *)answer->body.data : "",
                                answer->body.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(claims))
        exchange_fail(x, "OAuthCallback", "userinfo: no JSON object");
    else if (read_claims(x, claims))
        user_find(x);
    json_decref(claims);
}

static void verify(struct auth_exchange *x, bool ok)
{
    const struct auth_provider *p = x->provider;
    json_t *claims = NULL;
    if (!ok) {
        exchange_fail(x, "OAuthCallback", buf_str(&x->why));
        return;
    }
    struct jwt_expect expect = {.issuer = p->opts->issuer,
                                .client_id = p->opts->client_id,
                                .nonce = buf_str(&x->nonce),
                                .now_ms = clock_now_ms()};
    int result =
        jwt_verify(&claims, p->keys, x->tokens.id_token.data, x->tokens.id_token.len, &expect);
    if (result == JWT_UNKNOWN_KEY && !x->keys_renewed) {
        x->keys_renewed = true;
        provider_keys(x, true, verify);
        return;
    }
    if (result != JWT_OK) {
        char why[200];
        snprintf(why, sizeof(why), "ID token: %s", jwt_strerror(result));
        exchange_fail(x, "OAuthCallback", why);
        return;
    }
    if (read_claims(x, claims)) {
        bool lacks = !x->profile.email.len || !x->profile.name.len;
        if (lacks && p->endpoints.userinfo.len && x->tokens.access.len)
            ask_for(x, &p->endpoints.userinfo, userinfo);
        else
            user_find(x);
    }
    json_decref(claims);
}

/* --- from the provider ------------------------------------------------------------------------ */

static void redeemed(const struct net_answer *answer, void *udata)
{
    struct auth_exchange *x = udata;
    char why[200] = "";
    x->call = NULL;
    if (!answer->status) {
        snprintf(why, sizeof(why), "tokens: %s", answer->error);
        exchange_fail(x, "OAuthCallback", why);
        return;
    }
    if (!oauth_read_tokens(&x->tokens, answer->status, answer->body.data, answer->body.len, why,
                           sizeof(why)))
        exchange_fail(x, "OAuthCallback", why);
    else if (!is_oidc(x))
        ask_for(x, &x->provider->endpoints.userinfo, github_user);
    else if (!x->tokens.id_token.len)
        exchange_fail(x, "OAuthCallback", "there is no ID token");
    else
        provider_keys(x, false, verify);
}

static void redeem(struct auth_exchange *x)
{
    const struct auth_provider *p = x->provider;
    struct buf form = {0}, redirect = {0}, header = {0};
    put_redirect_uri(x, &redirect);
    oauth_token_form(&form, &p->endpoints, p->opts->client_id, p->opts->client_secret,
                     buf_str(&redirect), buf_str(&x->code), buf_str(&x->verifier));
    if (p->endpoints.basic)
        oauth_basic(&header, p->opts->client_id, p->opts->client_secret);
    provider_ask(x, &p->endpoints.token, header.len ? buf_str(&header) : NULL, &form, redeemed);
    buf_release(&form);
    buf_release(&redirect);
    buf_release(&header);
}

/* Which provider's answer is this? One of several must not be taken for another's (RFC 9207). */
static void check_issuer(struct auth_exchange *x, bool ok)
{
    const struct oauth_endpoints *e = &x->provider->endpoints;
    if (!ok) {
        exchange_fail(x, "OAuthCallback", buf_str(&x->why));
        return;
    }
    bool must = e->iss, is = is_oidc(x) || e->iss;
    if ((must && !x->iss.len) ||
        (is && x->iss.len && !auth_equal(x->iss.data, x->iss.len, e->issuer.data, e->issuer.len))) {
        exchange_fail(x, "OAuthCallback", "the answer is of another issuer");
        return;
    }
    redeem(x);
}

static void read_marked(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    x->op = NULL;
    if (op->result != STORE_OK)
        exchange_fail(x, "Callback", op->error);
    else if (!op->found || !auth_equal(op->data.data, op->data.len, x->mark.data, x->mark.len))
        exchange_fail(x, "Verification", "the state was used before");
    else
        provider_endpoints(x, check_issuer);
}

static void marked(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    x->op = NULL;
    if (op->result < 0)
        exchange_fail(x, "Callback", op->error);
    else if (op->result == STORE_EXISTS) /* perhaps by this very operation, whose answer was lost */
        x->op = op_get(x->a, &x->key, read_marked, x);
    else
        provider_endpoints(x, check_issuer);
}

/* The cookie is taken from the browser, but may be in other hands: a state is used once, on whatever server. */
static void use_state(struct auth_exchange *x)
{
    char hash[AUTH_HASH_HEX];
    auth_sha256_hex(hash, x->state.data, x->state.len);
    buf_clear(&x->key);
    buf_printf(&x->key, "sign-in:%s", hash);
    auth_random(&x->mark, 16);
    x->op = op_set(x->a, &x->key, &x->mark, clock_now_ms() + STATE_MS + 60000, true, marked, x);
}

static bool take(const json_t *all, const char *name, struct buf *out)
{
    const char *text = json_string_value(json_object_get(all, name));
    buf_clear(out);
    buf_puts(out, text ? text : "");
    return text;
}

/* What this browser began: false if it began nothing, or not with this provider. */
static bool read_state(struct auth_exchange *x, const struct http_request *req)
{
    struct http_str cookie = cookie_get(req, auth_cookie_name(x->a, COOKIE_STATE));
    struct buf opened = {0}, provider = {0};
    json_t *all = NULL;
    if (cookie.p && auth_unseal(&opened, x->a->state_key, cookie.p, cookie.len, clock_now_ms()) &&
        opened.len)
        all = json_loadb((const char *)opened.data, opened.len, 0, NULL);
    bool ok = all && take(all, "provider", &provider) && take(all, "state", &x->state) &&
              take(all, "verifier", &x->verifier) && take(all, "nonce", &x->nonce) &&
              take(all, "callback", &x->callback) && x->state.len &&
              strcmp(buf_str(&provider), x->provider->opts->id) == 0;
    json_decref(all);
    buf_release(&opened);
    buf_release(&provider);
    return ok;
}

static void refused(struct auth_exchange *x, struct buf *error)
{
    const char *code = buf_str(error);
    bool known = error->len < 64 && strspn(code, "abcdefghijklmnopqrstuvwxyz_") == error->len;
    if (strcmp(code, "access_denied") == 0)
        exchange_fail(x, "AccessDenied", "cancelled at the provider");
    else
        exchange_fail(x, "OAuthCallback", known ? code : "an error that is no code");
}

void signin_callback(struct auth_exchange *x, const struct http_request *req)
{
    struct buf state = {0}, error = {0};
    bool began = read_state(x, req);
    exchange_cookie(x, COOKIE_STATE, NULL, 0);
    query_get(&x->iss, req, "iss");
    if (!began || !query_get(&state, req, "state") ||
        !auth_equal(state.data, state.len, x->state.data, x->state.len)) {
        exchange_fail(x, "Verification", "no such sign-in was begun in this browser, or long ago");
    } else if (query_get(&error, req, "error")) {
        refused(x, &error);
    } else if (!query_get(&x->code, req, "code") || !x->code.len) {
        exchange_fail(x, "OAuthCallback", "there is no code");
    } else {
        use_state(x);
    }
    buf_release(&state);
    buf_release(&error);
}
