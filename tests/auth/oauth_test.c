#include "auth/oauth.h"

#include "tests/test.h"

static char why[200];

/* --- endpoints -------------------------------------------------------------------------------- */

static void expect_github(const char *base, const char *site, const char *api)
{
    struct oauth_endpoints e;
    char want[200];
    memset(&e, 0x5a, sizeof(e)); /* whatever was in it */
    oauth_github(&e, base);
    snprintf(want, sizeof(want), "%s/login/oauth/authorize", site);
    CHECK_STR(buf_str(&e.authorization), want);
    snprintf(want, sizeof(want), "%s/login/oauth/access_token", site);
    CHECK_STR(buf_str(&e.token), want);
    snprintf(want, sizeof(want), "%s/user", api);
    CHECK_STR(buf_str(&e.userinfo), want);
    snprintf(want, sizeof(want), "%s/user/emails", api);
    CHECK_STR(buf_str(&e.emails), want);
    CHECK(!e.issuer.len && !e.jwks.len && !e.basic && !e.iss);
    oauth_endpoints_release(&e);
}

TEST(oauth_github_and_enterprise)
{
    expect_github("https://github.com", "https://github.com", "https://api.github.com");
    expect_github("https://github.com/", "https://github.com", "https://api.github.com");
    expect_github("https://octo.ghe.com", "https://octo.ghe.com", "https://api.octo.ghe.com");
    expect_github("https://ghe.example.com", "https://ghe.example.com",
                  "https://ghe.example.com/api/v3");
    expect_github("http://127.0.0.1:8080/", "http://127.0.0.1:8080",
                  "http://127.0.0.1:8080/api/v3");
    expect_github("https://notgithub.com", "https://notgithub.com", "https://notgithub.com/api/v3");
    expect_github("https://github.com.example", "https://github.com.example",
                  "https://github.com.example/api/v3");
}

#define ISSUER "https://id.example"
#define FULL                                                                                       \
    "\"issuer\":\"https://id.example\",\"authorization_endpoint\":\"https://id.example/auth\","    \
    "\"token_endpoint\":\"https://api.id.example/token\",\"jwks_uri\":\"https://id.example/keys\""

/* The reason, or "" if it was read. */
static const char *discover(struct oauth_endpoints *e, const char *issuer, const char *json)
{
    static const struct oauth_endpoints zero;
    memset(e, 0x5a, sizeof(*e));
    *why = '\0';
    bool ok = oauth_read_discovery(e, issuer, json, strlen(json), why, sizeof(why));
    CHECK(ok == !*why);
    if (!ok)
        CHECK(!memcmp(e, &zero, sizeof(zero)));
    return why;
}

TEST(oauth_discovery)
{
    struct oauth_endpoints e;
    CHECK_STR(discover(&e, ISSUER, "{" FULL "}"), "");
    CHECK_STR(buf_str(&e.issuer), ISSUER);
    CHECK_STR(buf_str(&e.authorization), "https://id.example/auth");
    CHECK_STR(buf_str(&e.token), "https://api.id.example/token");
    CHECK_STR(buf_str(&e.jwks), "https://id.example/keys");
    CHECK(!e.userinfo.len && !e.emails.len);
    CHECK(e.basic); /* the default of Discovery, section 3 */
    CHECK(!e.iss);
    oauth_endpoints_release(&e);
    CHECK_STR(discover(&e, ISSUER,
                       "{" FULL ",\"userinfo_endpoint\":\"https://x.example/u?v=1\","
                       "\"response_types_supported\":[\"id_token\",\"code\"],"
                       "\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"],"
                       "\"authorization_response_iss_parameter_supported\":true}"),
              "");
    CHECK_STR(buf_str(&e.userinfo), "https://x.example/u?v=1");
    CHECK(!e.basic);
    CHECK(e.iss);
    oauth_endpoints_release(&e);
    CHECK_STR(discover(&e, ISSUER,
                       "{" FULL ",\"token_endpoint_auth_methods_supported\":"
                       "[\"client_secret_post\",\"client_secret_basic\"],"
                       "\"userinfo_endpoint\":null,\"response_types_supported\":null,"
                       "\"authorization_response_iss_parameter_supported\":null}"),
              "");
    CHECK(e.basic && !e.iss && !e.userinfo.len);
    oauth_endpoints_release(&e);
}

TEST(oauth_discovery_of_another_issuer)
{
    static const char *const issuers[] = {"https://id.example/", "https://ID.example",
                                          "http://id.example", "https://evil.example", ""};
    struct oauth_endpoints e;
    for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]); i++)
        CHECK_STR(discover(&e, issuers[i], "{" FULL "}"),
                  "discovery: of another issuer: https://id.example");
    CHECK_STR(discover(&e, "", "{\"issuer\":\"\"}"),
              "discovery: of another issuer: none that could be");
}

TEST(oauth_discovery_that_is_wrong)
{
    static const struct {
        const char *json, *want;
    } list[] = {
        {"", "discovery: not a JSON object"},
        {"[]", "discovery: not a JSON object"},
        {"{" FULL "}x", "discovery: not a JSON object"},
        {"{" FULL ",\"issuer\":\"https://id.example\"}", "discovery: not a JSON object"},
        {"{}", "discovery: of another issuer: none that could be"},
        {"{\"issuer\":[\"https://id.example\"]}",
         "discovery: of another issuer: none that could be"},
        {"{\"issuer\":\"https://id.example\"}",
         "discovery: authorization_endpoint is missing or wrong"},
        {"{\"issuer\":\"https://id.example\",\"authorization_endpoint\":\"https://a/\"}",
         "discovery: token_endpoint is missing or wrong"},
        {"{\"issuer\":\"https://id.example\",\"authorization_endpoint\":\"https://a/\","
         "\"token_endpoint\":\"https://a/\"}",
         "discovery: jwks_uri is missing or wrong"},
        {"{" FULL ",\"userinfo_endpoint\":1}", "discovery: userinfo_endpoint is wrong"},
        {"{" FULL ",\"response_types_supported\":[\"id_token\"]}",
         "discovery: the provider gives no codes"},
        {"{" FULL ",\"response_types_supported\":\"code\"}",
         "discovery: the provider gives no codes"},
        {"{" FULL ",\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\",1]}",
         "discovery: the token endpoint takes no client secret"},
        {"{" FULL ",\"authorization_response_iss_parameter_supported\":\"true\"}",
         "discovery: authorization_response_iss_parameter_supported"},
    };
    struct oauth_endpoints e;
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        CHECK_STR(discover(&e, ISSUER, list[i].json), list[i].want);
}

TEST(oauth_discovery_endpoints_that_are_no_urls)
{
    static const char *const bad[] = {
        "http://id.example/u",
        "//id.example/u",
        "/u",
        "https://",
        "https:///u",
        "https:id.example",
        "ftp://x/",
        "javascript:alert(1)",
        "https://user@id.example/",
        "https://a:b@c/",
        "https://x/#",
        "https://x/a b",
        "https://x/\\u00e9",
        "https://x/\\n",
        "https://x\\\\y",
        "HTTPS://x/",
        "https://good.example\\\\@x/",
        "https://x/\\\"",
    };
    struct oauth_endpoints e;
    char json[600];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(json, sizeof(json), "{" FULL ",\"userinfo_endpoint\":\"%s\"}", bad[i]);
        CHECK_STR(discover(&e, ISSUER, json), "discovery: userinfo_endpoint is wrong");
    }
    /* A provider on this machine. */
    CHECK_STR(discover(&e, "http://127.0.0.1:9",
                       "{\"issuer\":\"http://127.0.0.1:9\","
                       "\"authorization_endpoint\":\"http://127.0.0.1:9/a\","
                       "\"token_endpoint\":\"http://127.0.0.1:9/t\","
                       "\"jwks_uri\":\"https://127.0.0.1:9/k\"}"),
              "");
    oauth_endpoints_release(&e);
}

TEST(oauth_discovery_that_is_cut)
{
    struct oauth_endpoints e;
    char json[] = "{" FULL "}";
    for (size_t n = strlen(json); n-- > 0;) {
        json[n] = '\0';
        CHECK_STR(discover(&e, ISSUER, json), "discovery: not a JSON object");
    }
}

/* --- what is asked ---------------------------------------------------------------------------- */

TEST(oauth_addresses_and_forms)
{
    struct oauth_endpoints e = {0};
    struct buf b = {0};
    buf_puts(&e.authorization, "https://id.example/auth");
    oauth_authorization_url(&b, &e, "c&1", "https://x/cb?a=b", "openid email", "s/1", "ch", "n+1");
    CHECK_STR(buf_str(&b),
              "https://id.example/auth?response_type=code&client_id=c%261&"
              "redirect_uri=https%3A%2F%2Fx%2Fcb%3Fa%3Db&scope=openid%20email&state=s%2F1&"
              "code_challenge=ch&code_challenge_method=S256&nonce=n%2B1");
    buf_clear(&b);
    buf_puts(&e.authorization, "?p=1");
    oauth_authorization_url(&b, &e, "c", "r", "s", "t", "ch", NULL);
    CHECK_STR(buf_str(&b),
              "https://id.example/auth?p=1&response_type=code&client_id=c&redirect_uri=r&scope=s&"
              "state=t&code_challenge=ch&code_challenge_method=S256");
    buf_clear(&b);
    oauth_token_form(&b, &e, "c 1", "s&1", "https://x/", "co=de", "v");
    CHECK_STR(buf_str(&b), "grant_type=authorization_code&code=co%3Dde&redirect_uri=https%3A%2F%2Fx"
                           "%2F&code_verifier=v&client_id=c%201&client_secret=s%261");
    buf_clear(&b);
    e.basic = true;
    oauth_token_form(&b, &e, "c", "secret", "r", "code", "v");
    CHECK_STR(buf_str(&b),
              "grant_type=authorization_code&code=code&redirect_uri=r&code_verifier=v");
    buf_clear(&b);
    oauth_basic(&b, "a:b", "c d");
    CHECK_STR(buf_str(&b), "Authorization: Basic YSUzQWI6YyUyMGQ="); /* a%3Ab:c%20d */
    buf_release(&b);
    oauth_endpoints_release(&e);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static const char *tokens(struct oauth_tokens *t, int status, const char *json)
{
    static const struct oauth_tokens zero;
    memset(t, 0x5a, sizeof(*t));
    *why = '\0';
    bool ok = oauth_read_tokens(t, status, json, strlen(json), why, sizeof(why));
    CHECK(ok == !*why);
    if (!ok)
        CHECK(!memcmp(t, &zero, sizeof(zero)));
    CHECK(!strstr(why, "SECRET"));
    return why;
}

TEST(oauth_tokens)
{
    struct oauth_tokens t;
    CHECK_STR(tokens(&t, 200, "{\"access_token\":\"a.b-c_/+=~\",\"token_type\":\"bearer\"}"), "");
    CHECK_STR(buf_str(&t.access), "a.b-c_/+=~");
    CHECK_EQ(t.id_token.len, 0);
    oauth_tokens_release(&t);
    CHECK_STR(tokens(&t, 200,
                     "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"id_token\":\"x.y.z\","
                     "\"expires_in\":3600,\"error\":null}"),
              "");
    CHECK_STR(buf_str(&t.id_token), "x.y.z");
    CHECK_EQ(json_integer_value(json_object_get(t.all, "expires_in")), 3600);
    oauth_tokens_release(&t);
}

TEST(oauth_answers_without_tokens)
{
    static const struct {
        int status;
        const char *json, *want;
    } list[] = {
        {200, "{\"error\":\"bad_verification_code\",\"error_description\":\"SECRET\"}",
         "token endpoint: HTTP 200, bad_verification_code"},
        {400, "{\"error\":\"invalid_grant\",\"access_token\":\"SECRET\",\"token_type\":\"bearer\"}",
         "token endpoint: HTTP 400, invalid_grant"},
        {400, "{\"error\":\"the code SECRET is wrong\"}", "token endpoint: HTTP 400, an error"},
        {400, "{\"error\":{\"code\":1}}", "token endpoint: HTTP 400, an error"},
        {500, "<html>SECRET", "token endpoint: HTTP 500, not a JSON object"},
        {500, "{\"access_token\":\"SECRET\",\"token_type\":\"bearer\"}",
         "token endpoint: HTTP 500"},
        {302, "{\"access_token\":\"SECRET\",\"token_type\":\"bearer\"}",
         "token endpoint: HTTP 302"},
        {200, "access_token=SECRET&token_type=bearer",
         "token endpoint: HTTP 200, not a JSON object"},
        {200, "[]", "token endpoint: HTTP 200, not a JSON object"},
        {200, "", "token endpoint: HTTP 200, not a JSON object"},
        {200, "{\"access_token\":\"SECRET\",\"access_token\":\"b\",\"token_type\":\"bearer\"}",
         "token endpoint: HTTP 200, not a JSON object"},
        {200, "{}", "token endpoint: access_token is missing or wrong"},
        {200, "{\"access_token\":\"\",\"token_type\":\"bearer\"}",
         "token endpoint: access_token is missing or wrong"},
        {200, "{\"access_token\":1,\"token_type\":\"bearer\"}",
         "token endpoint: access_token is missing or wrong"},
        {200, "{\"access_token\":\"SECRET\\r\\nX: y\",\"token_type\":\"bearer\"}",
         "token endpoint: access_token is missing or wrong"},
        {200, "{\"access_token\":\"SECRET \",\"token_type\":\"bearer\"}",
         "token endpoint: access_token is missing or wrong"},
        {200, "{\"access_token\":\"SECRET\"}", "token endpoint: token_type is not Bearer"},
        {200, "{\"access_token\":\"SECRET\",\"token_type\":\"mac\"}",
         "token endpoint: token_type is not Bearer"},
        {200, "{\"access_token\":\"SECRET\",\"token_type\":\"bearer\",\"id_token\":{}}",
         "token endpoint: id_token is wrong"},
        {200, "{\"access_token\":\"SECRET\",\"token_type\":\"bearer\",\"id_token\":\"a b\"}",
         "token endpoint: id_token is wrong"},
    };
    struct oauth_tokens t;
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
        CHECK_STR(tokens(&t, list[i].status, list[i].json), list[i].want);
}

TEST(oauth_token_that_is_too_long)
{
    struct oauth_tokens t;
    struct buf b = {0};
    buf_puts(&b, "{\"token_type\":\"bearer\",\"access_token\":\"");
    for (int i = 0; i < 32 * 1024 + 1; i++)
        buf_putc(&b, 'a');
    buf_puts(&b, "\"}");
    CHECK_STR(tokens(&t, 200, buf_str(&b)), "token endpoint: access_token is missing or wrong");
    buf_release(&b);
}

/* --- GitHub ----------------------------------------------------------------------------------- */

static const char *user(struct oauth_profile *p, const char *json)
{
    memset(p, 0x5a, sizeof(*p));
    *why = '\0';
    bool ok = oauth_read_github_user(p, json, strlen(json), why, sizeof(why));
    CHECK(ok == !*why);
    CHECK(!p->email.len && !p->verified);
    return why;
}

TEST(oauth_github_user)
{
    struct oauth_profile p;
    CHECK_STR(user(&p, "{\"login\":\"octocat\",\"id\":583231,\"name\":\"The Octocat\","
                       "\"email\":\"octocat@github.com\","
                       "\"avatar_url\":\"https://avatars.githubusercontent.com/u/583231?v=4\"}"),
              "");
    CHECK_STR(buf_str(&p.id), "583231");
    CHECK_STR(buf_str(&p.name), "The Octocat");
    CHECK_STR(buf_str(&p.image), "https://avatars.githubusercontent.com/u/583231?v=4");
    oauth_profile_release(&p);
    /* What is only for show and cannot be shown does not keep anybody out. */
    CHECK_STR(user(&p, "{\"login\":\"octocat\",\"id\":9007199254740993,\"name\":\"a\\nb\","
                       "\"avatar_url\":\"javascript:alert(1)\"}"),
              "");
    CHECK_STR(buf_str(&p.id), "9007199254740993");
    CHECK_STR(buf_str(&p.name), "octocat");
    CHECK_EQ(p.image.len, 0);
    oauth_profile_release(&p);
}

TEST(oauth_github_user_without_an_id)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "null",
                                      "{}",
                                      "{\"login\":\"x\"}",
                                      "{\"id\":null}",
                                      "{\"id\":0}",
                                      "{\"id\":-1}",
                                      "{\"id\":\"1\"}",
                                      "{\"id\":1.0}",
                                      "{\"id\":[1]}",
                                      "{\"id\":99999999999999999999}",
                                      "{\"id\":1,\"id\":2}",
                                      "[{\"id\":1}]",
                                      "{\"message\":\"Bad credentials\"}"};
    struct oauth_profile p;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_STR(user(&p, bad[i]), "GitHub: user without an id");
        CHECK(!p.id.data && !p.name.data && !p.image.data);
    }
}

/* The email that results, or why not. */
static const char *email_of(const char *json, bool ok)
{
    static char text[400];
    struct oauth_profile p = {.verified = true};
    buf_puts(&p.email, "before@x");
    *why = '\0';
    CHECK_EQ(oauth_read_github_emails(&p, json, strlen(json), why, sizeof(why)), ok);
    CHECK(ok == !*why);
    CHECK(p.verified == (p.email.len != 0));
    snprintf(text, sizeof(text), "%s", buf_str(&p.email));
    oauth_profile_release(&p);
    return text;
}

#define MAIL(e, v, p) "{\"email\":\"" e "\",\"verified\":" v ",\"primary\":" p "}"

TEST(oauth_github_emails)
{
    CHECK_STR(email_of("[" MAIL("a@x", "true", "false") "," MAIL("B@x", "true", "true") "]", true),
              "B@x");
    /* Somebody else's address is easily added, and not verified. */
    CHECK_STR(email_of("[" MAIL("a@x", "false", "true") "]", true), "");
    CHECK_STR(email_of("[" MAIL("a@x", "true", "false") "," MAIL("b@x", "false", "true") "]", true),
              "");
    CHECK_STR(email_of("[" MAIL("a@x", "true", "false") "]", true), "");
    CHECK_STR(email_of("[" MAIL("a@x", "1", "true") "]", true), "");
    CHECK_STR(email_of("[" MAIL("a@x", "\"true\"", "true") "]", true), "");
    CHECK_STR(email_of("[{\"email\":\"a@x\",\"primary\":true}]", true), "");
    CHECK_STR(email_of("[{\"verified\":true,\"primary\":true}]", true), "");
    CHECK_STR(email_of("[{\"email\":[\"a@x\"],\"verified\":true,\"primary\":true}]", true), "");
    CHECK_STR(email_of("[1,null,[]]", true), "");
    CHECK_STR(email_of("[]", true), "");
    CHECK_STR(email_of("[" MAIL("a@x", "true", "true") "," MAIL("b@x", "true", "true") "]", false),
              "");
    CHECK_STR(email_of("{\"message\":\"Not Found\"}", false), "");
    CHECK_STR(email_of("", false), "");
    CHECK_STR(email_of("[" MAIL("a@x", "true", "true") ",", false), "");
}

TEST(oauth_what_is_no_email)
{
    static const char *const bad[] = {
        "",     "a",       "@",     "@x",    "a@",      "a@b@c",  "a b@x",     " a@x",
        "a@x ", "a@x,b@x", "a@x;b", "<a@x>", "A <a@x>", "a@x\\n", "\\u007f@x", "\\\"a\\\"@x"};
    char json[500], text[330];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(json, sizeof(json), "[" MAIL("%s", "true", "true") "]", bad[i]);
        CHECK_STR(email_of(json, true), "");
    }
    memset(text, 'a', 321);
    memcpy(text + 318, "@x", 3);
    snprintf(json, sizeof(json), "[" MAIL("%s", "true", "true") "]", text);
    CHECK_STR(email_of(json, true), text); /* 320 bytes */
    memcpy(text + 319, "@x", 3);
    snprintf(json, sizeof(json), "[" MAIL("%s", "true", "true") "]", text);
    CHECK_STR(email_of(json, true), "");
}

/* --- claims ----------------------------------------------------------------------------------- */

static bool learn(struct oauth_profile *p, const char *json)
{
    json_t *claims = json_loads(json, 0, NULL);
    CHECK(claims);
    *why = '\0';
    bool ok = oauth_read_claims(p, claims, why, sizeof(why));
    CHECK(ok == !*why);
    json_decref(claims);
    return ok;
}

TEST(oauth_claims_then_userinfo)
{
    struct oauth_profile p = {0};
    CHECK(learn(&p, "{\"sub\":\"u1\",\"preferred_username\":\"ada\"}"));
    CHECK_STR(buf_str(&p.id), "u1");
    CHECK_STR(buf_str(&p.name), "ada");
    CHECK(!p.email.len && !p.image.len && !p.verified);
    CHECK(learn(&p, "{\"sub\":\"u1\",\"name\":\"Ada\",\"email\":\"ada@x\",\"email_verified\":true,"
                    "\"picture\":\"https://x/p.png\"}"));
    CHECK_STR(buf_str(&p.name), "ada"); /* what is known stays */
    CHECK_STR(buf_str(&p.email), "ada@x");
    CHECK_STR(buf_str(&p.image), "https://x/p.png");
    CHECK(p.verified);
    oauth_profile_release(&p);
}

TEST(oauth_claims_of_somebody_else)
{
    struct oauth_profile p = {0};
    CHECK(learn(&p, "{\"sub\":\"u1\"}"));
    CHECK(
        !learn(&p, "{\"sub\":\"u2\",\"email\":\"eve@x\",\"email_verified\":true,\"name\":\"E\"}"));
    CHECK_STR(why, "claims: sub is somebody else");
    CHECK(!learn(&p, "{\"sub\":\"u1 \"}"));
    CHECK(!learn(&p, "{\"email\":\"eve@x\",\"email_verified\":true}"));
    CHECK_STR(why, "claims: sub is missing or wrong");
    CHECK_STR(buf_str(&p.id), "u1");
    CHECK(!p.email.len && !p.name.len && !p.verified);
    oauth_profile_release(&p);
}

TEST(oauth_claims_without_a_subject)
{
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "{\"sub\":null}",
                                      "{\"sub\":\"\"}",
                                      "{\"sub\":1}",
                                      "{\"sub\":\"a b\"}",
                                      "{\"sub\":\"\\u00e9\"}",
                                      "{\"sub\":\"a\\n\"}"};
    struct oauth_profile p = {0};
    char json[300], sub[202];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!learn(&p, bad[i]));
    memset(sub, 'a', 201);
    sub[201] = '\0';
    snprintf(json, sizeof(json), "{\"sub\":\"%s\"}", sub);
    CHECK(!learn(&p, json));
    snprintf(json, sizeof(json), "{\"sub\":\"%s\"}", sub + 1);
    CHECK(learn(&p, json));
    oauth_profile_release(&p);
}

/* Verified is an address that the same claims call so. */
TEST(oauth_claims_verified_email)
{
    static const struct {
        const char *first, *second;
        bool verified;
    } list[] = {
        {"\"email\":\"a@x\",\"email_verified\":true", "", true},
        {"\"email\":\"a@x\",\"email_verified\":\"true\"", "", true},
        {"\"email\":\"a@x\",\"email_verified\":false", "", false},
        {"\"email\":\"a@x\",\"email_verified\":1", "", false},
        {"\"email\":\"a@x\",\"email_verified\":\"false\"", "", false},
        {"\"email\":\"a@x\"", "", false},
        {"\"email\":\"a@x\"", ",\"email\":\"a@x\",\"email_verified\":true", true},
        {"\"email\":\"a@x\"", ",\"email\":\"b@x\",\"email_verified\":true", false},
        {"\"email\":\"a@x\"", ",\"email_verified\":true", false},
        {"\"email\":\"a@x\",\"email_verified\":true", ",\"email\":\"b@x\",\"email_verified\":false",
         true},
    };
    char json[200];
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        struct oauth_profile p = {0};
        snprintf(json, sizeof(json), "{\"sub\":\"u\",%s}", list[i].first);
        CHECK(learn(&p, json));
        snprintf(json, sizeof(json), "{\"sub\":\"u\"%s}", list[i].second);
        CHECK(learn(&p, json));
        CHECK_STR(buf_str(&p.email), "a@x");
        CHECK_EQ(p.verified, list[i].verified);
        oauth_profile_release(&p);
    }
    struct oauth_profile p = {0};
    CHECK(learn(&p, "{\"sub\":\"u\",\"email\":\"no email\",\"email_verified\":true}"));
    CHECK(!p.email.len && !p.verified);
    oauth_profile_release(&p);
}
