#include "auth/oauth.h"

#include "auth/json.h"
#include "base/base64.h"
#include "base/percent.h"
#include "base/utf8.h"
#include "store/authjs.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ANSWER_MAX (512 * 1024)
#define URL_MAX 2048
#define TOKEN_MAX (32 * 1024)
#define NAME_MAX_BYTES 1024
#define WORD_MAX 64

static bool no(char *why, size_t why_len, const char *text)
{
    snprintf(why, why_len, "%s", text);
    return false;
}

static void put(struct buf *out, const char *s)
{
    buf_clear(out);
    buf_puts(out, s);
    buf_str(out);
}

static bool is_http(const char *url)
{
    return !strncmp(url, "http://", 7);
}

/* An absolute URL with a host and without credentials; what curl or a browser would make of odd ones is not found out. */
static bool is_url(const char *s)
{
    size_t scheme = is_http(s) ? 7 : !strncmp(s, "https://", 8) ? 8 : 0;
    size_t host = scheme ? strcspn(s + scheme, "/?#") : 0;
    return host && auth_is_visible(s) && !strpbrk(s, "\\\"<>") && !memchr(s + scheme, '@', host);
}

/* --- where to go ------------------------------------------------------------------------------ */

void oauth_endpoints_release(struct oauth_endpoints *e)
{
    buf_release(&e->issuer);
    buf_release(&e->authorization);
    buf_release(&e->token);
    buf_release(&e->userinfo);
    buf_release(&e->jwks);
    buf_release(&e->emails);
    *e = (struct oauth_endpoints){0};
}

/* GitHub's own cloud has its API at a host beside. */
static bool is_cloud(const char *host, size_t len)
{
    return (len == 10 && !strncasecmp(host, "github.com", 10)) ||
           (len > 8 && !strncasecmp(host + len - 8, ".ghe.com", 8));
}

void oauth_github(struct oauth_endpoints *out, const char *base)
{
    size_t n = strlen(base);
    *out = (struct oauth_endpoints){0};
    while (n && base[n - 1] == '/')
        n--;
    const char *sep = strstr(base, "://"), *host = sep ? sep + 3 : base;
    size_t host_len = host < base + n ? (size_t)(base + n - host) : 0;
    buf_printf(&out->authorization, "%.*s/login/oauth/authorize", (int)n, base);
    buf_printf(&out->token, "%.*s/login/oauth/access_token", (int)n, base);
    if (is_cloud(host, host_len))
        buf_printf(&out->userinfo, "%.*sapi.%.*s/user", (int)(host - base), base, (int)host_len,
                   host);
    else
        buf_printf(&out->userinfo, "%.*s/api/v3/user", (int)n, base);
    buf_printf(&out->emails, "%s/emails", buf_str(&out->userinfo));
}

/* Replaces `out`. One that is not there is "". */
static bool read_endpoint(struct buf *out, const json_t *doc, const char *name, const char *issuer)
{
    const char *url = auth_json_string(doc, name, URL_MAX);
    if (!url || (*url && (!is_url(url) || strchr(url, '#') || (is_http(url) && !is_http(issuer)))))
        return false;
    put(out, url);
    return true;
}

/* Whether a list of strings has one of them; *there: whether it is there at all. */
static bool has(const json_t *doc, const char *name, const char *word, bool *there)
{
    const json_t *list = json_object_get(doc, name);
    *there = list && !json_is_null(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        if (json_is_string(j) && !strcmp(json_string_value(j), word))
            return true;
    }
    return false;
}

static bool read_methods(struct oauth_endpoints *e, const json_t *doc, char *why, size_t why_len)
{
    static const char methods[] = "token_endpoint_auth_methods_supported";
    bool there, iss_there;
    const json_t *iss = json_object_get(doc, "authorization_response_iss_parameter_supported");
    e->basic = has(doc, methods, "client_secret_basic", &there) || !there;
    if (!e->basic && !has(doc, methods, "client_secret_post", &there))
        return no(why, why_len, "discovery: the token endpoint takes no client secret");
    if (!has(doc, "response_types_supported", "code", &there) && there)
        return no(why, why_len, "discovery: the provider gives no codes");
    iss_there = iss && !json_is_null(iss);
    if (iss_there && !json_is_boolean(iss))
        return no(why, why_len, "discovery: authorization_response_iss_parameter_supported");
    e->iss = json_is_true(iss);
    return true;
}

static bool read_endpoints(struct oauth_endpoints *e, const json_t *doc, const char *issuer,
                           char *why, size_t why_len)
{
    const char *said = auth_json_string(doc, "issuer", URL_MAX);
    if (!json_is_object(doc))
        return no(why, why_len, "discovery: not a JSON object");
    if (!said || !*said || strcmp(said, issuer) != 0) {
        snprintf(why, why_len, "discovery: of another issuer: %.200s",
                 said && auth_is_visible(said) ? said : "none that could be");
        return false;
    }
    if (!is_url(said))
        return no(why, why_len, "discovery: the issuer is no URL");
    put(&e->issuer, said);
    if (!read_endpoint(&e->authorization, doc, "authorization_endpoint", issuer) ||
        !e->authorization.len)
        return no(why, why_len, "discovery: authorization_endpoint is missing or wrong");
    if (!read_endpoint(&e->token, doc, "token_endpoint", issuer) || !e->token.len)
        return no(why, why_len, "discovery: token_endpoint is missing or wrong");
    if (!read_endpoint(&e->jwks, doc, "jwks_uri", issuer) || !e->jwks.len)
        return no(why, why_len, "discovery: jwks_uri is missing or wrong");
    if (!read_endpoint(&e->userinfo, doc, "userinfo_endpoint", issuer))
        return no(why, why_len, "discovery: userinfo_endpoint is wrong");
    return read_methods(e, doc, why, why_len);
}

bool oauth_read_discovery(struct oauth_endpoints *out, const char *issuer, const void *json,
                          size_t len, char *why, size_t why_len)
{
    json_t *doc = auth_json_read(json, len, ANSWER_MAX);
    *out = (struct oauth_endpoints){0};
    bool ok = read_endpoints(out, doc, issuer, why, why_len);
    json_decref(doc);
    if (!ok)
        oauth_endpoints_release(out);
    return ok;
}

/* --- requests --------------------------------------------------------------------------------- */

/* Appends "name=value"; nothing for NULL. */
static void put_field(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(out, "%s=", name);
    percent_encode(out, value, strlen(value));
}

void oauth_authorization_url(struct buf *out, const struct oauth_endpoints *e,
                             const char *client_id, const char *redirect_uri, const char *scope,
                             const char *state, const char *challenge, const char *nonce)
{
    bool query = e->authorization.len && memchr(e->authorization.data, '?', e->authorization.len);
    buf_append(out, e->authorization.data, e->authorization.len);
    buf_puts(out, query ? "&response_type=code" : "?response_type=code");
    put_field(out, "&client_id", client_id);
    put_field(out, "&redirect_uri", redirect_uri);
    put_field(out, "&scope", scope);
    put_field(out, "&state", state);
    put_field(out, "&code_challenge", challenge);
    put_field(out, "&code_challenge_method", "S256");
    put_field(out, "&nonce", nonce);
}

void oauth_token_form(struct buf *out, const struct oauth_endpoints *e, const char *client_id,
                      const char *client_secret, const char *redirect_uri, const char *code,
                      const char *verifier)
{
    buf_puts(out, "grant_type=authorization_code");
    put_field(out, "&code", code);
    put_field(out, "&redirect_uri", redirect_uri);
    put_field(out, "&code_verifier", verifier);
    if (e->basic)
        return;
    put_field(out, "&client_id", client_id);
    put_field(out, "&client_secret", client_secret);
}

void oauth_basic(struct buf *out, const char *client_id, const char *client_secret)
{
    struct buf pair = {0};
    percent_encode(&pair, client_id, strlen(client_id));
    buf_putc(&pair, ':');
    percent_encode(&pair, client_secret, strlen(client_secret));
    buf_puts(out, "Authorization: Basic ");
    base64_encode(out, pair.data, pair.len);
    buf_release(&pair);
}

/* --- tokens ----------------------------------------------------------------------------------- */

void oauth_tokens_release(struct oauth_tokens *t)
{
    buf_release(&t->access);
    buf_release(&t->id_token);
    json_decref(t->all);
    *t = (struct oauth_tokens){0};
}

/* "invalid_grant": a word of the protocol, which cannot be a token by its alphabet. */
static bool is_error_word(const char *s)
{
    size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz_") : 0;
    return n && n <= WORD_MAX && !s[n];
}

static bool read_tokens(struct oauth_tokens *t, int status, char *why, size_t why_len)
{
    const char *error = auth_json_string(t->all, "error", WORD_MAX);
    const char *type = auth_json_string(t->all, "token_type", WORD_MAX);
    const char *access = auth_json_string(t->all, "access_token", TOKEN_MAX);
    const char *id_token = auth_json_string(t->all, "id_token", TOKEN_MAX);
    if (!error || *error) {
        snprintf(why, why_len, "token endpoint: HTTP %d, %s", status,
                 is_error_word(error) ? error : "an error");
        return false;
    }
    if (status != 200 || !json_is_object(t->all)) {
        snprintf(why, why_len, "token endpoint: HTTP %d%s", status,
                 json_is_object(t->all) ? "" : ", not a JSON object");
        return false;
    }
    if (!access || !auth_is_visible(access))
        return no(why, why_len, "token endpoint: access_token is missing or wrong");
    if (!type || strcasecmp(type, "Bearer") != 0)
        return no(why, why_len, "token endpoint: token_type is not Bearer");
    if (!id_token || (*id_token && !auth_is_visible(id_token)))
        return no(why, why_len, "token endpoint: id_token is wrong");
    put(&t->access, access);
    put(&t->id_token, id_token);
    return true;
}

bool oauth_read_tokens(struct oauth_tokens *out, int status, const void *json, size_t len,
                       char *why, size_t why_len)
{
    *out = (struct oauth_tokens){.all = auth_json_read(json, len, ANSWER_MAX)};
    bool ok = read_tokens(out, status, why, why_len);
    if (!ok)
        oauth_tokens_release(out);
    return ok;
}

/* --- who it is -------------------------------------------------------------------------------- */

void oauth_profile_release(struct oauth_profile *p)
{
    buf_release(&p->id);
    buf_release(&p->name);
    buf_release(&p->email);
    buf_release(&p->image);
    *p = (struct oauth_profile){0};
}

/* For people. */
static bool is_text(const char *s)
{
    if (!s || !*s || !utf8_valid(s, strlen(s)))
        return false;
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return false;
    return true;
}

/* What store/authjs.h takes for one, and no more than one. */
static bool is_email(const char *s)
{
    if (!s || !is_text(s) || strlen(s) > AUTHJS_EMAIL_MAX || strpbrk(s, " ,;<>\"\\"))
        return false;
    const char *at = strchr(s, '@');
    return at && at > s && at[1] && !strchr(at + 1, '@');
}

/* Sets what is not known yet, from the first member that will do. */
static void learn_name(struct buf *name, const json_t *from, const char *const *members)
{
    for (; *members && !name->len; members++) {
        const char *s = auth_json_string(from, *members, NAME_MAX_BYTES);
        if (is_text(s))
            put(name, s);
    }
}

static void learn_image(struct buf *image, const json_t *from, const char *member)
{
    const char *s = auth_json_string(from, member, URL_MAX);
    if (s && !image->len && is_url(s))
        put(image, s);
}

bool oauth_read_github_user(struct oauth_profile *out, const void *json, size_t len, char *why,
                            size_t why_len)
{
    json_t *user = auth_json_read(json, len, ANSWER_MAX);
    json_int_t id = json_integer_value(json_object_get(user, "id"));
    *out = (struct oauth_profile){0};
    if (id > 0) {
        buf_printf(&out->id, "%" JSON_INTEGER_FORMAT, id);
        buf_str(&out->id);
        learn_name(&out->name, user, (const char *const[]){"name", "login", NULL});
        learn_image(&out->image, user, "avatar_url");
    }
    json_decref(user);
    return id > 0 || no(why, why_len, "GitHub: user without an id");
}

bool oauth_read_github_emails(struct oauth_profile *p, const void *json, size_t len, char *why,
                              size_t why_len)
{
    json_t *list = auth_json_read(json, len, ANSWER_MAX);
    const json_t *primary = NULL;
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_is_true(json_object_get(json_array_get(list, i), "primary"))) {
            primary = json_array_get(list, i);
            count++;
        }
    const char *email = auth_json_string(primary, "email", AUTHJS_EMAIL_MAX);
    bool ok = json_is_array(list) && count <= 1;
    buf_clear(&p->email);
    p->verified = ok && is_email(email) && json_is_true(json_object_get(primary, "verified"));
    if (p->verified)
        put(&p->email, email);
    json_decref(list);
    return ok || no(why, why_len, "GitHub: no list of emails with one that is primary");
}

/* Some write it as a string. */
static bool is_verified(const json_t *claims)
{
    const json_t *j = json_object_get(claims, "email_verified");
    return json_is_true(j) || (json_is_string(j) && !strcmp(json_string_value(j), "true"));
}

static void learn_email(struct oauth_profile *p, const json_t *claims)
{
    const char *email = auth_json_string(claims, "email", AUTHJS_EMAIL_MAX);
    if (!is_email(email))
        return;
    if (!p->email.len) {
        put(&p->email, email);
        p->verified = is_verified(claims);
    } else if (!strcmp(buf_str(&p->email), email)) {
        p->verified |= is_verified(claims);
    }
}

bool oauth_read_claims(struct oauth_profile *p, const json_t *claims, char *why, size_t why_len)
{
    const char *sub = auth_json_string(claims, "sub", AUTHJS_ID_MAX);
    if (!sub || !auth_is_visible(sub))
        return no(why, why_len, "claims: sub is missing or wrong");
    if (p->id.len && strcmp(buf_str(&p->id), sub) != 0)
        return no(why, why_len, "claims: sub is somebody else");
    put(&p->id, sub);
    learn_name(&p->name, claims,
               (const char *const[]){"name", "nickname", "preferred_username", NULL});
    learn_image(&p->image, claims, "picture");
    learn_email(p, claims);
    return true;
}
