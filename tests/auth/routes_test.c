/* The addresses below /api/auth/: who may ask for what, and what can be made of them by whoever means no good. */
#include "auth/auth_int.h"
#include "tests/auth/signin_fixture.h"

/* --- what each answers ------------------------------------------------------------------------ */

TEST(routes_providers)
{
    char want[1000];
    world_start(NULL);
    get("/api/auth/providers");
    CHECK_EQ(ans.status, 200);
    CHECK_STR(header("Content-Type"), "application/json");
    CHECK_STR(header("Cache-Control"), "no-store, private");
    CHECK_STR(header("X-Content-Type-Options"), "nosniff");
    snprintf(want, sizeof(want),
             "{\"github\":{\"id\":\"github\",\"name\":\"GitHub\",\"type\":\"oauth\","
             "\"signinUrl\":\"%s/api/auth/signin/github\","
             "\"callbackUrl\":\"%s/api/auth/callback/github\"},"
             "\"oidc\":{\"id\":\"oidc\",\"name\":\"Our \\\"company\\\"\",\"type\":\"oauth\","
             "\"signinUrl\":\"%s/api/auth/signin/oidc\","
             "\"callbackUrl\":\"%s/api/auth/callback/oidc\"}}",
             w.origin, w.origin, w.origin, w.origin);
    CHECK_STR(ans.body, want);
    world_stop();
}

TEST(routes_without_providers)
{
    char form[200];
    world_start(&(struct world_opts){.off = true});
    CHECK(!auth_is_on(w.auth));
    send_host = "192.0.2.1:8080";
    set_cookie("next-auth.session-token", "a-token");
    get("/api/auth/providers");
    CHECK_EQ(ans.status, 200);
    CHECK_STR(ans.body, "{}");
    get("/api/auth/session");
    CHECK_EQ(ans.status, 200);
    CHECK_STR(ans.body, "{}");
    send_host = NULL;
    snprintf(form, sizeof(form), "%s", csrf());
    post("/api/auth/signin/github", form);
    CHECK_EQ(ans.status, 404);
    CHECK_EQ(whois(), AUTH_NOBODY);
    world_stop();
}

TEST(routes_methods)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *allow;
    } table[] = {
        {"POST", "/api/auth/providers", 405, "GET, HEAD"},
        {"POST", "/api/auth/session", 405, "GET, HEAD"},
        {"DELETE", "/api/auth/session", 405, "GET, HEAD"},
        {"POST", "/api/auth/callback/github", 405, "GET, HEAD"},
        {"GET", "/api/auth/signout", 405, "POST"},
        {"PUT", "/api/auth/signin/github", 405, "GET, HEAD, POST"},
        {"POST", "/api/auth/signin", 405, "GET, HEAD"},
        {"GET", "/api/auth/signin", 200, ""},
        {"GET", "/api/auth/signin/github", 200, ""},
        {"GET", "/api/auth/signin/nobody", 404, ""},
        {"GET", "/api/auth/callback/nobody", 404, ""},
        {"GET", "/api/auth/callback", 404, ""},
        {"GET", "/api/auth/session/x", 404, ""},
        {"GET", "/api/auth/", 404, ""},
        {"GET", "/api/auth/_log", 404, ""},
        {"HEAD", "/api/auth/callback/github?code=x&state=y", 200, ""},
        {"HEAD", "/api/auth/csrf", 200, ""},
        {"HEAD", "/api/auth/providers", 200, ""},
        {"HEAD", "/api/auth/error", 400, ""},
    };
    world_start(NULL);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        ask(table[i].method, table[i].path, NULL);
        if (ans.status != table[i].status)
            test_fail(__FILE__, __LINE__, "%s %s: %d", table[i].method, table[i].path, ans.status);
        CHECK_STR(header("Allow"), table[i].allow);
        CHECK_STR(header("Set-Cookie"), "");
    }
    world_stop();
}

TEST(routes_errors_in_words)
{
    static const struct {
        const char *code;
        int status;
        const char *word;
    } table[] = {
        {"AccessDenied", 403, "cancelled"},
        {"Verification", 400, "15 minutes"},
        {"OAuthSignin", 502, "in time"},
        {"OAuthCallback", 502, "in time"},
        {"OAuthCreateAccount", 500, "Storage"},
        {"Callback", 500, "Storage"},
        {"SignOut", 500, "still signed in"},
        {"Configuration", 500, "operator"},
        {"", 400, "again"},
        {"zebra", 400, "again"},
        {"%3Cscript%3Ezebra", 400, "again"},
        {"%ff", 400, "again"},
    };
    char path[100];
    world_start(NULL);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        snprintf(path, sizeof(path), "/api/auth/error?error=%s", table[i].code);
        get(path);
        CHECK_EQ(ans.status, table[i].status);
        CHECK(strstr(ans.body, table[i].word));
        CHECK(!strstr(ans.body, "zebra") && !strstr(ans.head, "zebra"));
    }
    world_stop();
}

TEST(routes_too_many_attempts)
{
    char form[200];
    world_start(NULL);
    snprintf(form, sizeof(form), "%s&json=true", csrf());
    w.refuse = 1;
    post("/api/auth/signin/github", form);
    CHECK_EQ(ans.status, 429);
    CHECK_STR(header("Retry-After"), "60");
    w.refuse = 1;
    CHECK_STR(go_to_provider("github", "/"), "");
    CHECK_EQ(ans.status, 429);
    CHECK(*go_to_provider("github", "/"));
    world_stop();
}

/* --- forgery ---------------------------------------------------------------------------------- */

static void is_refused(const char *form)
{
    static const char *const paths[] = {"/api/auth/signin/github", "/api/auth/signout"};
    char token[100];
    snprintf(token, sizeof(token), "%s", cookie("next-auth.session-token"));
    for (size_t i = 0; i < 2; i++) {
        post(paths[i], form);
        CHECK_EQ(ans.status, 403);
        CHECK_STR(header("Location"), "");
        CHECK_STR(cookie("next-auth.state"), "");
        CHECK_STR(cookie("next-auth.session-token"), token);
    }
}

TEST(routes_forged_forms_are_refused)
{
    char form[300], other[300];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    snprintf(form, sizeof(form), "%s", csrf());
    CHECK(strcmp(form, csrf()) == 0); /* one token as long as the browser is open */
    snprintf(other, sizeof(other), "%s", form);
    other[20] = other[20] == '0' ? '1' : '0';
    is_refused("");
    is_refused("csrfToken=");
    is_refused(other);
    is_refused("{\"csrfToken\":true}");
    is_refused("{\"csrfToken\":null}");
    /* From a page of somebody else's, even one that knows it. */
    send_origin = "https://evil.example";
    is_refused(form);
    send_origin = "null";
    is_refused(form);
    send_origin = "http://127.0.0.1";
    is_refused(form);
    send_origin = NULL;
    /* With a cookie that somebody else has set. */
    char token[65];
    CHECK(sscanf(form, "csrfToken=%64s", token) == 1);
    static const char *const cookies[] = {"", "|", "%7C", "%7", "|x", "%7Cx", "x"};
    for (size_t i = 0; i < sizeof(cookies) / sizeof(*cookies); i++) {
        char value[200];
        snprintf(value, sizeof(value), "%s%s", token, cookies[i]);
        set_cookie("next-auth.csrf-token", value);
        is_refused(form);
    }
    struct buf hashed = {0};
    char hash[AUTH_HASH_HEX], value[200];
    auth_sha256_hex(hash, token, 64); /* without our secret */
    snprintf(value, sizeof(value), "%s|%s", token, hash);
    set_cookie("next-auth.csrf-token", value);
    is_refused(form);
    /* As Auth.js writes it. */
    buf_puts(&hashed, token);
    buf_append(&hashed, w.auth->secret.data, w.auth->secret.len);
    auth_sha256_hex(hash, hashed.data, hashed.len);
    buf_release(&hashed);
    snprintf(value, sizeof(value), "%s%%7C%s", token, hash);
    set_cookie("next-auth.csrf-token", value);
    post("/api/auth/signout", form);
    CHECK_EQ(ans.status, 302);
    world_stop();
}

TEST(routes_forged_forms_by_script_are_told_where_to_go)
{
    char want[100];
    world_start(NULL);
    post("/api/auth/signin/github", "json=true&csrfToken=x");
    CHECK_EQ(ans.status, 403);
    snprintf(want, sizeof(want), "{\"url\":\"%s/api/auth/signin?csrf=true\"}", w.origin);
    CHECK_STR(ans.body, want);
    world_stop();
}

/* --- open redirects --------------------------------------------------------------------------- */

TEST(routes_callback_urls)
{
    static const char *const table[][2] = {
        {"/", "/"},
        {"/room", "/room"},
        {"/room?a=//b#/c", "/room?a=//b#/c"},
        {"https://ours.example", "/"},
        {"https://ours.example/", "/"},
        {"https://ours.example/room", "/room"},
        {"https://ours.example?x", "/?x"},
        {"https://ours.example#x", "/#x"},
        {"", "/"},
        {"room", "/"},
        {"//evil.example", "/"},
        {"///evil.example", "/"},
        {"/\\evil.example", "/"},
        {"/x\\y", "/"},
        {"\\/evil.example", "/"},
        {"/\t/evil.example", "/"},
        {"/\n/evil.example", "/"},
        {"/x\r\nSet-Cookie: a=b", "/"},
        {"/ /evil.example", "/"},
        {" /room", "/"},
        {"/\x7f", "/"},
        {"/\xc3\xa4", "/"},
        {"http://ours.example/room", "/"},
        {"https://ours.example:444/room", "/"},
        {"https://ours.example.evil.example/", "/"},
        {"https://ours.example@evil.example/", "/"},
        {"https://ours.example//evil.example", "/"},
        {"https://ours.example/\\evil.example", "/"},
        {"https://ours.example\\evil.example", "/"},
        {"HTTPS://OURS.EXAMPLE/room", "/"},
        {"https://evil.example/https://ours.example/", "/"},
        {"https:ours.example/room", "/"},
        {"javascript:alert(1)", "/"},
        {"data:text/html,x", "/"},
    };
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        auth_callback_path(&out, "https://ours.example", table[i][0], strlen(table[i][0]));
        if (strcmp(buf_str(&out), table[i][1]) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", table[i][0], buf_str(&out));
    }
    char longest[CALLBACK_URL_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    auth_callback_path(&out, "https://ours.example", longest, CALLBACK_URL_MAX);
    CHECK_EQ(out.len, CALLBACK_URL_MAX);
    auth_callback_path(&out, "https://ours.example", longest, CALLBACK_URL_MAX + 1);
    CHECK_STR(buf_str(&out), "/");
    auth_callback_path(&out, "https://ours.example", "/a\0b", 4);
    CHECK_STR(buf_str(&out), "/");
    buf_release(&out);
}

TEST(routes_lead_nowhere_else_after_sign_in)
{
    char home[100];
    world_start(NULL);
    get(go_to_provider("github", "//evil.example/x"));
    snprintf(home, sizeof(home), "%s/", w.origin);
    CHECK_EQ(ans.status, 302);
    CHECK_STR(header("Location"), home);
    get(go_to_provider("oidc", "https://evil.example/x"));
    CHECK_STR(header("Location"), home);
    char longest[CALLBACK_URL_MAX + 1];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    CHECK(sign_in("github", longest)); /* its cookie is not longer than browsers take */
    world_stop();
}

/* --- where we are ----------------------------------------------------------------------------- */

TEST(routes_hosts_that_are_ours)
{
    static const char *const table[][2] = {
        {"localhost", "http://localhost"},
        {"localhost:8080", "http://localhost:8080"},
        {"LocalHost:1", "http://localhost:1"},
        {"127.0.0.1", "http://127.0.0.1"},
        {"127.1.2.3:99", "http://127.1.2.3:99"},
        {"[::1]", "http://[::1]"},
        {"[::1]:8080", "http://[::1]:8080"},
        {"example.org", NULL},
        {"localhost.example.org", NULL},
        {"127.0.0.1.example.org", NULL},
        {"128.0.0.1", NULL},
        {"127.0.0.1:", NULL},
        {"127.0.0.1:x", NULL},
        {"127.0.0.1:123456", NULL},
        {"127.0.0.1:80:80", NULL},
        {"127.1", NULL},
        {"[::2]", NULL},
        {"::1", NULL},
        {"localhost.", NULL},
        {"", NULL},
    };
    struct buf out = {0};
    world_start(NULL);
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct http_request req = {.host = {table[i][0], strlen(table[i][0])}};
        bool ours = auth_origin(w.auth, &out, &req);
        if (ours != (table[i][1] != NULL) || strcmp(buf_str(&out), ours ? table[i][1] : "") != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", table[i][0], buf_str(&out));
    }
    send_host = "rebound.example";
    get("/api/auth/providers");
    CHECK_EQ(ans.status, 400);
    get("/api/auth/csrf");
    CHECK_EQ(ans.status, 400);
    world_stop();
    buf_release(&out);
}

TEST(routes_behind_https)
{
    char form[200];
    world_start(&(struct world_opts){.public_url = "https://code.example.com"});
    send_host = "anything";
    send_origin = "https://code.example.com";
    snprintf(form, sizeof(form), "%s&callbackUrl=https://code.example.com/room", csrf());
    CHECK(*cookie("__Host-next-auth.csrf-token"));
    post("/api/auth/signin/github", form);
    CHECK_EQ(ans.status, 302);
    CHECK(strstr(header("Location"),
                 "redirect_uri=https%3A%2F%2Fcode.example.com%2Fapi%2Fauth%2Fcallback%2Fgithub"));
    CHECK(*cookie("__Secure-next-auth.state"));
    go_to_provider("github", "/room");
    char path[300];
    snprintf(path, sizeof(path), "/api/auth/callback/github?code=the+code&state=%s", fake.state);
    get(path);
    CHECK_STR(header("Location"), "https://code.example.com/room");
    CHECK(*cookie("__Secure-next-auth.session-token"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    world_stop();
}

/* --- configuration ---------------------------------------------------------------------------- */

static struct auth *made(struct auth_provider_opts p, const char *url, const char *secret)
{
    char err[200] = "";
    struct auth_provider_opts two[] = {p,
                                       {AUTH_OIDC, "b", "B", "https://b", "c", "s2", NULL, false}};
    struct auth_opts opts = {
        .providers = two, .provider_count = 2, .public_url = url, .secret = secret};
    struct auth *a = auth_new(&opts, w.loop, w.queue, err, sizeof(err));
    CHECK(!a == !!*err);
    return a;
}

TEST(routes_what_cannot_be_configured)
{
    const struct auth_provider_opts good = {AUTH_OIDC, "a-1_x", "A",  "https://a",
                                            "c",       "s",     NULL, false};
    world_start(NULL);
    struct auth *a = made(good, "https://x.example", "");
    CHECK(a);
    auth_free(a);
    static const char *const ids[] = {"", "A", "a/b", "a:b", "b", "by-user-id", "a b"};
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        struct auth_provider_opts p = good;
        p.id = ids[i];
        CHECK(!made(p, "", ""));
    }
    struct auth_provider_opts p = good;
    p.client_secret = "";
    CHECK(!made(p, "", ""));
    p = good;
    p.issuer = "ftp://a";
    CHECK(!made(p, "", ""));
    static const char *const urls[] = {"x.example",   "https://",         "https://x/",
                                       "https://x/y", "ftp://x",          "https://x\r\n",
                                       "https://a@b", "https://X.example"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++)
        CHECK(!made(good, urls[i], ""));
    auth_free(NULL);
    world_stop();
}

/* All servers of one configuration take each other's cookies, in whatever order it names the providers. */
TEST(routes_secret_is_the_same_on_every_server)
{
    const struct auth_provider_opts one[] = {
        {AUTH_OIDC, "a", "A", "https://a", "c", "s1", NULL, false},
        {AUTH_OIDC, "b", "B", "https://b", "c", "s2", NULL, false}};
    const struct auth_provider_opts other[] = {one[1], one[0]};
    struct auth_opts opts = {.providers = one, .provider_count = 2, .public_url = "", .secret = ""};
    char err[200];
    world_start(NULL);
    struct auth *a = auth_new(&opts, w.loop, w.queue, err, sizeof(err));
    opts.providers = other;
    struct auth *b = auth_new(&opts, w.loop, w.queue, err, sizeof(err));
    opts.secret = "another";
    struct auth *c = auth_new(&opts, w.loop, w.queue, err, sizeof(err));
    CHECK(memcmp(a->state_key, b->state_key, AUTH_KEY_SIZE) == 0);
    CHECK(memcmp(a->state_key, c->state_key, AUTH_KEY_SIZE) != 0);
    CHECK_MEM(a->secret.data, a->secret.len, b->secret.data, b->secret.len);
    CHECK_MEM(c->secret.data, c->secret.len, "another", 7);
    auth_free(a);
    auth_free(b);
    auth_free(c);
    world_stop();
}
