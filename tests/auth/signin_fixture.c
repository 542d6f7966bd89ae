#include "tests/auth/signin_fixture.h"

#include "auth/auth_int.h"
#include "base/base64.h"
#include "base/log.h"
#include "base/percent.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

struct world w;
struct fake fake;
struct jar jar;
struct answer ans;
const char *send_host, *send_origin;

/* --- running ---------------------------------------------------------------------------------- */

static bool (*run_until)(void);
static uint64_t run_since;

static void event(void)
{
    w.events++;
    if (w.events == w.drop_at && w.exchange) {
        auth_exchange_drop(w.exchange);
        w.exchange = NULL;
        conn_set_data(w.asking, NULL);
        http_reply(w.asking, 500, NULL, "dropped", 7, true);
    }
    if (w.events == w.stop_at) {
        w.stopped = true;
        net_loop_stop(w.loop);
    }
}

static void tick(void *udata)
{
    if (w.stopped || run_until() || net_now_us() - run_since > 5000000)
        net_loop_stop(w.loop);
}

void world_run(bool (*until)(void))
{
    run_until = until;
    run_since = net_now_us();
    if (until())
        return;
    net_timer_start(w.timer, 1, 1);
    net_loop_run(w.loop);
    net_timer_stop(w.timer);
    if (!w.stopped && !until())
        test_fail(__FILE__, __LINE__, "nothing happens any more");
}

static void drain(void *udata)
{
    store_queue_drain(w.queue);
    event();
}

static void wake(void *udata)
{
    net_wake_send(w.wake);
}

/* --- the provider ----------------------------------------------------------------------------- */

static EVP_PKEY *keys[3];

static void put_member(json_t *to, const char *name, const char *value)
{
    if (value)
        json_object_set_new(to, name, json_string(value));
}

static void send_json(struct conn *c, json_t *all)
{
    char *text = json_dumps(all, 0);
    http_reply(c, 200, "Content-Type: application/json\r\n", text, strlen(text), false);
    free(text);
    json_decref(all);
}

static json_t *discovery(void)
{
    json_t *d = json_object();
    const char *const paths[][2] = {{"authorization_endpoint", "/authorize"},
                                    {"token_endpoint", "/token"},
                                    {"userinfo_endpoint", "/userinfo"},
                                    {"jwks_uri", "/jwks"}};
    put_member(d, "issuer", w.issuer);
    for (size_t i = 0; i < 4; i++) {
        char url[200];
        snprintf(url, sizeof(url), "%s%s", w.issuer, paths[i][1]);
        put_member(d, paths[i][0], url);
    }
    json_object_set_new(d, "response_types_supported", json_pack("[s]", "code"));
    json_object_set_new(d, "id_token_signing_alg_values_supported", json_pack("[s]", "EdDSA"));
    json_object_set_new(d, "authorization_response_iss_parameter_supported",
                        json_boolean(fake.announces_issuer));
    return d;
}

static json_t *jwks(void)
{
    uint8_t raw[32];
    size_t n = sizeof(raw);
    struct buf x = {0};
    char kid[8];
    EVP_PKEY_get_raw_public_key(keys[fake.kid], raw, &n);
    base64url_encode(&x, raw, n);
    snprintf(kid, sizeof(kid), "k%d", fake.kid);
    json_t *all = json_pack("{s:[{s:s,s:s,s:s,s:s,s:s}]}", "keys", "kty", "OKP", "crv", "Ed25519",
                            "use", "sig", "kid", kid, "x", buf_str(&x));
    buf_release(&x);
    return all;
}

static json_t *who(bool email)
{
    json_t *c = json_object();
    put_member(c, "sub", fake.sub);
    put_member(c, "name", fake.name);
    put_member(c, "picture", fake.picture);
    if (email)
        put_member(c, "email", fake.email);
    if (email && fake.verified >= 0)
        json_object_set_new(c, "email_verified", json_boolean(fake.verified));
    return c;
}

static void put_part(struct buf *out, json_t *part)
{
    char *text = json_dumps(part, 0);
    base64url_encode(out, text, strlen(text));
    free(text);
    json_decref(part);
}

static void put_id_token(struct buf *out)
{
    char kid[8];
    uint8_t signature[64];
    size_t n = sizeof(signature);
    json_t *c = who(!fake.email_by_userinfo);
    json_int_t now = (json_int_t)(clock_now_ms() / 1000);
    put_member(c, "iss", w.issuer);
    put_member(c, "aud", fake.audience ? fake.audience : "client-oidc");
    put_member(c, "nonce", fake.nonce ? fake.nonce : fake.got_nonce);
    json_object_set_new(c, "iat", json_integer(now));
    json_object_set_new(c, "exp", json_integer(now + 300));
    snprintf(kid, sizeof(kid), "k%d", fake.kid);
    put_part(out,
             json_pack("{s:s,s:s}", "alg", "EdDSA", "kid", fake.token_kid ? fake.token_kid : kid));
    buf_putc(out, '.');
    put_part(out, c);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_DigestSignInit(md, NULL, NULL, NULL, keys[fake.kid]);
    EVP_DigestSign(md, signature, &n, out->data, out->len);
    EVP_MD_CTX_free(md);
    buf_putc(out, '.');
    base64url_encode(out, signature, n);
}

static bool field_is(const struct http_request *req, const char *name, const char *want)
{
    struct buf b = {0};
    bool is = form_get(&b, req, name) && strcmp(buf_str(&b), want) == 0;
    buf_release(&b);
    return is;
}

/* A code is worth something to whoever began with it only. */
static bool may_redeem(const struct http_request *req, const char *client)
{
    struct buf verifier = {0}, challenge = {0};
    char secret[40];
    bool ok = form_get(&verifier, req, "code_verifier");
    auth_sha256_base64url(&challenge, verifier.data, verifier.len);
    ok = ok && (strcmp(buf_str(&challenge), fake.challenge) == 0 ||
                strcmp(buf_str(&challenge), fake.former_challenge) == 0);
    buf_release(&verifier);
    buf_release(&challenge);
    snprintf(secret, sizeof(secret), "secret-%s", client + strlen("client-"));
    struct http_str basic = http_header(req, "authorization");
    return ok && field_is(req, "grant_type", "authorization_code") &&
           field_is(req, "code", "the code") && field_is(req, "redirect_uri", fake.redirect) &&
           (basic.p ||
            (field_is(req, "client_id", client) && field_is(req, "client_secret", secret)));
}

static void send_tokens(struct conn *c, const struct http_request *req, bool oidc)
{
    struct buf id_token = {0};
    fake.tokens++;
    if (!may_redeem(req, oidc ? "client-oidc" : "client-github")) {
        http_reply(c, oidc ? 400 : 200, "Content-Type: application/json\r\n",
                   "{\"error\":\"bad_verification_code\"}", 33, true);
        return;
    }
    json_t *all = json_pack("{s:s,s:s,s:s}", "access_token", "the-access-token", "token_type",
                            "bearer", "scope", "read:user,user:email");
    if (oidc) {
        put_id_token(&id_token);
        put_member(all, "id_token", buf_str(&id_token));
    }
    send_json(c, all);
    buf_release(&id_token);
}

static void send_github(struct conn *c, bool emails)
{
    json_t *all;
    if (!emails) {
        all = json_pack("{s:i,s:s,s:s,s:s}", "id", atoi(fake.sub), "login", "login", "name",
                        fake.name, "avatar_url", fake.picture);
        put_member(all, "email", "shown@example.org");
    } else {
        all = json_array();
        json_array_append_new(all, json_pack("{s:s,s:b,s:b}", "email", "other@example.org",
                                             "primary", 0, "verified", 1));
        json_array_append_new(all, json_pack("{s:s,s:b,s:b}", "email", fake.email, "primary", 1,
                                             "verified", fake.verified == 1));
    }
    send_json(c, all);
}

static bool is_bearer(const struct http_request *req)
{
    return http_str_is(http_header(req, "authorization"), "Bearer the-access-token");
}

static void provider_request(struct conn *c, const struct http_request *req)
{
    struct http_str path = req->path;
    event();
    if (fake.hang && http_str_is(path, fake.hang))
        return;
    if (fake.fail && http_str_is(path, fake.fail)) {
        http_reply(c, 503, NULL, "busy", 4, true);
    } else if (fake.forbid && http_str_is(path, fake.forbid)) {
        http_reply(c, 403, NULL, "no", 2, true);
    } else if (http_str_is(path, "/.well-known/openid-configuration")) {
        fake.discoveries++;
        send_json(c, discovery());
    } else if (http_str_is(path, "/jwks")) {
        fake.jwks++;
        send_json(c, jwks());
    } else if (http_str_is(path, "/token") || http_str_is(path, "/login/oauth/access_token")) {
        send_tokens(c, req, http_str_is(path, "/token"));
    } else if (http_str_is(path, "/userinfo") && is_bearer(req)) {
        fake.users++;
        send_json(c, who(true));
    } else if (http_str_is(path, "/api/v3/user") && is_bearer(req)) {
        fake.users++;
        send_github(c, false);
    } else if (http_str_is(path, "/api/v3/user/emails") && is_bearer(req)) {
        send_github(c, true);
    } else {
        http_reply(c, 404, NULL, "?", 1, true);
    }
}

/* --- the site --------------------------------------------------------------------------------- */

static void exchange_done(void *udata)
{
    conn_set_data(udata, NULL);
    if (w.asking == udata)
        w.exchange = NULL;
}

static void site_request(struct conn *c, const struct http_request *req, void *udata)
{
    static const char ours[] = "/api/auth/";
    if (req->path.len < strlen(ours) || memcmp(req->path.p, ours, strlen(ours)) != 0) {
        provider_request(c, req);
        return;
    }
    struct auth_exchange *x = auth_request(w.auth, c, req, exchange_done, c);
    if (!x)
        return;
    conn_set_data(c, x);
    w.exchange = x;
    w.asking = c;
}

static void site_closed(struct conn *c, void *udata)
{
    if (conn_data(c))
        auth_exchange_drop(conn_data(c));
    if (w.asking == c)
        w.exchange = NULL;
}

static void show_error(void *udata, struct conn *c, int status, const char *title,
                       const char *message)
{
    char text[600];
    snprintf(text, sizeof(text), "%s: %s", title, message);
    http_reply(c, status, NULL, text, strlen(text), false);
}

static void show_sign_in(void *udata, struct conn *c, const struct http_request *req)
{
    http_reply(c, 200, NULL, "buttons", 7, true);
}

static void signed_out(void *udata, const char *session, const char *user_id)
{
    snprintf(w.signed_out_session, sizeof(w.signed_out_session), "%s", session ? session : "");
    snprintf(w.signed_out_user, sizeof(w.signed_out_user), "%s", user_id ? user_id : "");
}

static bool allowed(void *udata, struct conn *c, const struct http_request *req)
{
    return w.refuse-- <= 0;
}

/* --- beginning and end ------------------------------------------------------------------------ */

/* A loop has one server: the provider is the same by another name. */
static void listen_for_all(void)
{
    char err[200];
    struct net_handler h = {.request = site_request, .closed = site_closed};
    struct net_limits limits = {0};
    w.site = net_server_new(w.loop, "127.0.0.1", 0, &limits, &h, err, sizeof(err));
    if (!w.site)
        test_fail(__FILE__, __LINE__, "%s", err);
    snprintf(w.origin, sizeof(w.origin), "http://127.0.0.1:%d", net_server_port(w.site));
    snprintf(w.issuer, sizeof(w.issuer), "http://localhost:%d", net_server_port(w.site));
}

static void open_store(const char *url)
{
    char err[200];
    w.store = store_open(url ? url : "sqlite::memory:", &(struct store_opts){.timeout_ms = 300},
                         err, sizeof(err));
    if (!w.store)
        test_fail(__FILE__, __LINE__, "%s", err);
    w.wake = net_wake_new(w.loop, drain, NULL);
    w.queue = store_queue_new(w.store, wake, NULL);
}

static void open_auth(const struct world_opts *o)
{
    char err[200];
    const struct auth_provider_opts providers[] = {
        {AUTH_GITHUB, "github", "GitHub", w.issuer, "client-github", "secret-github", NULL, false},
        {AUTH_OIDC, "oidc", "Our \"company\"", w.issuer, "client-oidc", "secret-oidc", NULL,
         o->trust_email},
    };
    static struct auth_provider_opts kept[2];
    memcpy(kept, providers, sizeof(kept));
    struct auth_opts opts = {
        .providers = kept,
        .provider_count = o->off ? 0 : 2,
        .public_url = o->public_url ? o->public_url : "",
        .timeout_ms = o->timeout_ms ? o->timeout_ms : 5000,
        .secret = "",
        .show_error = show_error,
        .show_sign_in = show_sign_in,
        .signed_out = signed_out,
        .allowed = allowed,
    };
    w.auth = auth_new(&opts, w.loop, w.queue, err, sizeof(err));
    if (!w.auth)
        test_fail(__FILE__, __LINE__, "%s", err);
}

void world_start(const struct world_opts *opts)
{
    static const struct world_opts none;
    log_setup(LOG_OFF, false);
    w = (struct world){0};
    fake = (struct fake){.sub = "583231",
                         .name = "Ada",
                         .email = "ada@example.org",
                         .picture = "https://pictures.example/ada",
                         .verified = 1};
    forget_cookies();
    send_host = send_origin = NULL;
    for (size_t i = 0; i < 3; i++)
        if (!keys[i])
            keys[i] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    w.loop = net_loop_new();
    w.timer = net_timer_new(w.loop, tick, NULL);
    listen_for_all();
    open_store(opts ? opts->store : NULL);
    open_auth(opts ? opts : &none);
}

void world_stop(void)
{
    auth_person_unref(w.person);
    net_server_free(w.site);
    if (w.auth_first) {
        auth_free(w.auth);
        store_queue_free(w.queue);
    } else {
        store_queue_free(w.queue);
        auth_free(w.auth);
    }
    net_wake_free(w.wake);
    net_timer_free(w.timer);
    net_loop_free(w.loop);
    store_close(w.store);
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY_free(keys[i]);
        keys[i] = NULL;
    }
    w = (struct world){0};
}

/* --- cookies ---------------------------------------------------------------------------------- */

const char *cookie(const char *name)
{
    for (size_t i = 0; i < 8; i++)
        if (strcmp(jar.names[i], name) == 0)
            return jar.values[i];
    return "";
}

void set_cookie(const char *name, const char *value)
{
    size_t i = 0;
    while (i < 7 && *jar.names[i] && strcmp(jar.names[i], name) != 0)
        i++;
    snprintf(jar.names[i], sizeof(jar.names[i]), "%s", name);
    snprintf(jar.values[i], sizeof(jar.values[i]), "%s", value);
}

void forget_cookies(void)
{
    memset(&jar, 0, sizeof(jar));
}

/* As a browser keeps them; one that is no cookie fails the test. */
static void take_cookies(void)
{
    static const char field[] = "\r\nSet-Cookie: ";
    for (const char *p = ans.head; (p = strstr(p, field));) {
        char line[4200], value[4096] = "";
        p += strlen(field);
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\r"), p);
        char *equals = strchr(line, '='), *end = equals ? strchr(equals, ';') : NULL;
        CHECK(equals && end && strstr(end, "; HttpOnly") && strstr(end, "; SameSite=Lax") &&
              strstr(end, "; Path=/"));
        CHECK((strncmp(line, "__", 2) == 0) == (strstr(end, "; Secure") != NULL));
        *equals = *end = '\0';
        if (!strstr(end + 1, "Max-Age=0"))
            snprintf(value, sizeof(value), "%s", equals + 1);
        set_cookie(line, value);
    }
}

/* --- requests --------------------------------------------------------------------------------- */

const char *header(const char *name)
{
    static char value[4200];
    char field[64];
    snprintf(field, sizeof(field), "\r\n%s: ", name);
    const char *p = strstr(ans.head, field);
    if (!p)
        return "";
    p += strlen(field);
    snprintf(value, sizeof(value), "%.*s", (int)strcspn(p, "\r"), p);
    return value;
}

int begin_ask(const char *method, const char *path, const char *form)
{
    struct buf b = {0};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(net_server_port(w.site))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    buf_printf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, path,
               send_host ? send_host : w.origin + strlen("http://"));
    const char *before = "Cookie: ";
    for (size_t i = 0; i < 8; i++)
        if (*jar.values[i]) {
            buf_printf(&b, "%s%s=%s", before, jar.names[i], jar.values[i]);
            before = "; ";
        }
    if (*before == ';')
        buf_puts(&b, "\r\n");
    if (form) {
        buf_printf(&b, "Origin: %s\r\n", send_origin ? send_origin : w.origin);
        buf_printf(&b, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                   *form == '{' ? "application/json" : "application/x-www-form-urlencoded",
                   strlen(form));
    }
    buf_printf(&b, "\r\n%s", form ? form : "");
    CHECK_EQ(send(fd, b.data, b.len, MSG_NOSIGNAL), b.len);
    buf_release(&b);
    return fd;
}

static int hearing;
static char heard[sizeof(ans.head) + sizeof(ans.body)];
static size_t heard_len;

static bool heard_all(void)
{
    ssize_t n;
    while ((n = recv(hearing, heard + heard_len, sizeof(heard) - 1 - heard_len, MSG_DONTWAIT)) > 0)
        heard_len += (size_t)n;
    return n == 0;
}

void end_ask(int fd)
{
    hearing = fd;
    heard_len = 0;
    ans = (struct answer){0};
    world_run(heard_all);
    close(fd);
    heard[heard_len] = '\0';
    const char *body = strstr(heard, "\r\n\r\n");
    if (w.stopped && !body)
        return;
    CHECK(body);
    snprintf(ans.head, sizeof(ans.head), "%.*s\r\n", (int)(body - heard), heard);
    snprintf(ans.body, sizeof(ans.body), "%s", body + 4);
    ans.status = atoi(ans.head + 9);
    take_cookies();
}

void ask(const char *method, const char *path, const char *form)
{
    end_ask(begin_ask(method, path, form));
}

void get(const char *path)
{
    ask("GET", path, NULL);
}

void post(const char *path, const char *form)
{
    ask("POST", path, form);
}

const char *csrf(void)
{
    static char field[100];
    char token[65];
    get("/api/auth/csrf");
    CHECK(sscanf(ans.body, "{\"csrfToken\":\"%64[0-9a-f]\"}", token) == 1);
    snprintf(field, sizeof(field), "csrfToken=%s", token);
    return field;
}

/* The decoded parameter of the address that the browser is sent to. */
static void param(const char *url, const char *name, char *out, size_t cap)
{
    char find[40];
    *out = '\0';
    for (int i = 0; i < 2; i++) {
        snprintf(find, sizeof(find), "%c%s=", i ? '&' : '?', name);
        const char *p = strstr(url, find);
        if (p && percent_decode(p + strlen(find), strcspn(p + strlen(find), "&"), out, cap) >= 0)
            return;
    }
}

const char *go_to_provider(const char *provider, const char *callback_url)
{
    static char back[1000];
    char path[100], form[3000];
    struct buf coded = {0};
    percent_encode(&coded, callback_url, strlen(callback_url));
    snprintf(path, sizeof(path), "/api/auth/signin/%s", provider);
    snprintf(form, sizeof(form), "%s&callbackUrl=%s", csrf(), buf_str(&coded));
    buf_release(&coded);
    post(path, form);
    const char *to = header("Location");
    if (ans.status != 302 || strncmp(to, w.issuer, strlen(w.issuer)) != 0)
        return "";
    param(to, "state", fake.state, sizeof(fake.state));
    param(to, "nonce", fake.got_nonce, sizeof(fake.got_nonce));
    memcpy(fake.former_challenge, fake.challenge, sizeof(fake.challenge));
    param(to, "code_challenge", fake.challenge, sizeof(fake.challenge));
    param(to, "redirect_uri", fake.redirect, sizeof(fake.redirect));
    param(to, "scope", fake.scope, sizeof(fake.scope));
    int n =
        snprintf(back, sizeof(back), "/api/auth/callback/%s?state=%s&%s=%s", provider, fake.state,
                 fake.error ? "error" : "code", fake.error ? fake.error : "the+code");
    if (fake.issuer)
        snprintf(back + n, sizeof(back) - (size_t)n, "&iss=%s", fake.issuer);
    return back;
}

bool sign_in(const char *provider, const char *callback_url)
{
    char want[3000];
    const char *back = go_to_provider(provider, callback_url);
    if (!*back)
        return false;
    get(back);
    snprintf(want, sizeof(want), "%s%s", w.origin, callback_url);
    return ans.status == 302 && strcmp(header("Location"), want) == 0 &&
           *cookie("next-auth.session-token") && !*cookie("next-auth.state");
}

const char *error_code(void)
{
    static char code[40];
    char prefix[100];
    int n = snprintf(prefix, sizeof(prefix), "%s/api/auth/error?error=", w.origin);
    const char *to = header("Location");
    if (ans.status != 302 || strncmp(to, prefix, (size_t)n) != 0)
        return "";
    snprintf(code, sizeof(code), "%s", to + n);
    return code;
}

/* --- who? ------------------------------------------------------------------------------------- */

static void known(enum auth_known result, struct auth_person *p, void *udata)
{
    auth_person_unref(w.person);
    w.person = p ? auth_person_ref(p) : NULL;
    w.known = result;
    w.asked++;
}

static int asked_before;
static bool is_known(void)
{
    return w.asked > asked_before;
}

enum auth_known whois(void)
{
    char line[5000];
    struct http_request req;
    int n = snprintf(
        line, sizeof(line), "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: %s=%s\r\n\r\n",
        auth_cookie_name(w.auth, COOKIE_SESSION), cookie(auth_cookie_name(w.auth, COOKIE_SESSION)));
    struct http_limits limits = {16384, 4096, 65536};
    CHECK_EQ(http_parse(line, (size_t)n, &limits, &req), n);
    asked_before = w.asked;
    auth_whois(w.auth, &req, known, NULL);
    world_run(is_known);
    return w.known;
}

enum auth_known recheck(struct auth_person *p)
{
    asked_before = w.asked;
    CHECK(auth_recheck(w.auth, p, known, NULL));
    CHECK(!is_known());
    world_run(is_known);
    return w.known;
}

/* --- the store -------------------------------------------------------------------------------- */

static bool op_done;
static void on_op(struct store_op *op)
{
    op_done = true;
}

static bool is_op_done(void)
{
    return op_done;
}

static void run_op(struct store_op *op)
{
    op->done = on_op;
    op_done = false;
    store_queue_submit(w.queue, op);
    world_run(is_op_done);
    CHECK_EQ(op->result, STORE_OK);
}

const char *stored(const char *fmt, ...)
{
    static char value[4096];
    char key[500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(key, sizeof(key), fmt, ap);
    va_end(ap);
    struct store_op op = {.kind = STORE_GET, .key = key};
    run_op(&op);
    snprintf(value, sizeof(value), "%.*s", (int)op.data.len,
             op.found ? (const char *)op.data.data : "");
    store_op_release(&op);
    return value;
}

uint64_t stored_expires(const char *key)
{
    struct store_op op = {.kind = STORE_GET, .key = key};
    run_op(&op);
    uint64_t ms = op.found ? op.expires_ms : 0;
    store_op_release(&op);
    return ms;
}

void put_stored(const char *key, const char *value)
{
    struct store_op op = {.kind = STORE_SET, .key = key};
    buf_puts(&op.data, value);
    run_op(&op);
    store_op_release(&op);
}

const char *user_of(const char *provider, const char *id)
{
    static char user[64];
    struct authjs_account a;
    const char *json = stored("user:account:%s:%s", provider, id);
    *user = '\0';
    if (authjs_read_account(&a, json, strlen(json))) {
        snprintf(user, sizeof(user), "%s", buf_str(&a.user_id));
        authjs_account_release(&a);
    }
    return user;
}
