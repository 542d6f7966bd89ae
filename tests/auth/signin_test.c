/* Sign-in from the browser's first request to its session, with all that can go wrong at the provider or between. */
#include "auth/auth_int.h"
#include "tests/auth/signin_fixture.h"

static json_t *json_of(const char *text)
{
    json_t *all = json_loads(text, 0, NULL);
    CHECK(all);
    return all;
}

static const char *member(const json_t *all, const char *name)
{
    const char *s = json_string_value(json_object_get(all, name));
    return s ? s : "";
}

/* --- all is well ------------------------------------------------------------------------------ */

TEST(sign_in_with_github)
{
    world_start(NULL);
    uint64_t before = clock_now_ms();
    CHECK(sign_in("github", "/room?a=b#c"));
    CHECK_STR(fake.scope, "read:user user:email");
    CHECK_STR(fake.got_nonce, "");
    char user[64], token[100], key[200];
    snprintf(user, sizeof(user), "%s", user_of("github", "583231"));
    snprintf(token, sizeof(token), "%s", cookie("next-auth.session-token"));
    CHECK_EQ(strlen(user), 36);
    CHECK(user[14] == '4' && strlen(token) == 43);

    json_t *u = json_of(stored("user:%s", user));
    CHECK_STR(member(u, "name"), "Ada");
    CHECK_STR(member(u, "email"), "ada@example.org");
    CHECK_STR(member(u, "image"), "https://pictures.example/ada");
    CHECK_STR(member(u, "id"), user);
    CHECK(*member(u, "emailVerified"));
    json_decref(u);
    json_t *a = json_of(stored("user:account:github:583231"));
    CHECK_STR(member(a, "userId"), user);
    CHECK_STR(member(a, "type"), "oauth");
    CHECK_STR(member(a, "provider"), "github");
    CHECK_STR(member(a, "providerAccountId"), "583231");
    CHECK_STR(member(a, "id"), "github:583231");
    CHECK_STR(member(a, "access_token"), "");
    json_decref(a);
    CHECK_STR(stored("user:email:ada@example.org"), user);
    CHECK_STR(stored("user:account:by-user-id:%s", user), "user:account:github:583231");
    snprintf(key, sizeof(key), "user:session:%s", token);
    CHECK_STR(stored("user:session:by-user-id:%s", user), key);
    json_t *s = json_of(stored("%s", key));
    CHECK_STR(member(s, "sessionToken"), token);
    CHECK_STR(member(s, "userId"), user);
    uint64_t expires = 0;
    CHECK(authjs_read_date(&expires, member(s, "expires"), strlen(member(s, "expires"))));
    CHECK(expires >= before + SESSION_MS && expires <= clock_now_ms() + SESSION_MS);
    CHECK(stored_expires(key) == expires);
    json_decref(s);

    get("/api/auth/session");
    CHECK_EQ(ans.status, 200);
    CHECK_STR(header("Content-Type"), "application/json");
    CHECK_STR(header("Cache-Control"), "no-store, private");
    CHECK_STR(header("Set-Cookie"), "");
    s = json_of(ans.body);
    CHECK_STR(member(json_object_get(s, "user"), "name"), "Ada");
    CHECK_STR(member(json_object_get(s, "user"), "email"), "ada@example.org");
    CHECK_STR(member(json_object_get(s, "user"), "image"), "https://pictures.example/ada");
    json_decref(s);

    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->id, user);
    CHECK_STR(w.person->email, "ada@example.org");
    CHECK(w.person->expires_ms == expires);
    char hash[AUTH_HASH_HEX];
    auth_sha256_hex(hash, token, strlen(token));
    CHECK_STR(w.person->session, hash);
    world_stop();
}

TEST(sign_in_with_openid_connect)
{
    world_start(NULL);
    fake.sub = "abc|def";
    CHECK(sign_in("oidc", "/"));
    CHECK_STR(fake.scope, "openid email profile");
    CHECK_EQ(strlen(fake.got_nonce), 43);
    CHECK_EQ(fake.users, 0);
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->name, "Ada");
    CHECK_STR(w.person->email, "ada@example.org");
    CHECK_STR(w.person->id, user_of("oidc", "abc|def"));
    CHECK_EQ(fake.discoveries, 1);
    CHECK_EQ(fake.jwks, 1);
    forget_cookies();
    CHECK(sign_in("oidc", "/"));
    CHECK_EQ(fake.discoveries, 1);
    CHECK_EQ(fake.jwks, 1);
    CHECK_EQ(fake.tokens, 2);
    world_stop();
}

TEST(sign_in_asks_userinfo_for_what_the_token_lacks)
{
    world_start(NULL);
    fake.email_by_userinfo = true;
    CHECK(sign_in("oidc", "/"));
    CHECK_EQ(fake.users, 1);
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->email, "ada@example.org");
    world_stop();
}

TEST(sign_in_again_is_the_same_user_as_the_provider_has_them_now)
{
    char user[64];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    snprintf(user, sizeof(user), "%s", user_of("github", "583231"));
    put_stored("user:account:by-user-id:x", "left alone");
    fake.name = "Ada L.";
    fake.picture = "https://pictures.example/new";
    forget_cookies();
    CHECK(sign_in("github", "/"));
    CHECK_STR(user_of("github", "583231"), user);
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->id, user);
    CHECK_STR(w.person->name, "Ada L.");
    CHECK_STR(w.person->image, "https://pictures.example/new");
    world_stop();
}

TEST(sign_in_as_json_for_the_client_of_authjs)
{
    char form[200];
    world_start(NULL);
    snprintf(form, sizeof(form), "%s&json=true&callbackUrl=/x", csrf());
    post("/api/auth/signin/github", form);
    CHECK_EQ(ans.status, 200);
    CHECK(strstr(ans.body, "/login/oauth/authorize?"));
    char token[65];
    CHECK(sscanf(csrf(), "csrfToken=%64s", token) == 1);
    snprintf(form, sizeof(form), "{\"csrfToken\":\"%s\",\"json\":true,\"callbackUrl\":\"/x\"}",
             token);
    post("/api/auth/signin/github", form);
    CHECK_EQ(ans.status, 200);
    CHECK(strncmp(ans.body, "{\"url\":\"http://", 15) == 0);
    world_stop();
}

/* --- states ----------------------------------------------------------------------------------- */

static void goes_nowhere(const char *code)
{
    CHECK_STR(error_code(), code);
    CHECK_STR(cookie("next-auth.session-token"), "");
    CHECK_STR(cookie("next-auth.state"), "");
    CHECK_STR(user_of("github", "583231"), "");
    CHECK_STR(user_of("oidc", "583231"), "");
}

TEST(sign_in_with_another_state_is_refused)
{
    char path[300], other[600];
    world_start(NULL);
    go_to_provider("github", "/");
    fake.state[5] ^= 1;
    snprintf(path, sizeof(path), "/api/auth/callback/github?code=the+code&state=%s", fake.state);
    get(path);
    goes_nowhere("Verification");
    go_to_provider("github", "/");
    get("/api/auth/callback/github?code=the+code&state=");
    goes_nowhere("Verification");
    go_to_provider("github", "/");
    get("/api/auth/callback/github?code=the+code");
    goes_nowhere("Verification");
    /* Begun with another provider. */
    go_to_provider("oidc", "/");
    snprintf(path, sizeof(path), "/api/auth/callback/github?code=the+code&state=%s", fake.state);
    get(path);
    goes_nowhere("Verification");
    /* Begun in another browser, or sealed by somebody else. */
    snprintf(other, sizeof(other), "%s", go_to_provider("github", "/"));
    forget_cookies();
    get(other);
    goes_nowhere("Verification");
    set_cookie("next-auth.state", "bm9uc2Vuc2U");
    get(other);
    goes_nowhere("Verification");
    CHECK_EQ(fake.tokens, 0);
    world_stop();
}

TEST(sign_in_with_a_state_that_was_used_is_refused)
{
    char back[1000];
    world_start(NULL);
    snprintf(back, sizeof(back), "%s", go_to_provider("github", "/"));
    struct jar before = jar;
    get(back);
    CHECK_EQ(ans.status, 302);
    CHECK(*cookie("next-auth.session-token"));
    CHECK_EQ(fake.tokens, 1);
    get(back);
    CHECK_STR(error_code(), "Verification");
    jar = before;
    get(back);
    CHECK_STR(error_code(), "Verification");
    CHECK_STR(cookie("next-auth.session-token"), "");
    CHECK_EQ(fake.tokens, 1);
    world_stop();
}

TEST(sign_in_with_a_state_that_is_over_is_refused)
{
    world_start(NULL);
    const char *back = go_to_provider("github", "/");
    struct buf opened = {0}, sealed = {0};
    const char *now = cookie("next-auth.state");
    CHECK(auth_unseal(&opened, w.auth->state_key, now, strlen(now), clock_now_ms()));
    CHECK(auth_unseal(&sealed, w.auth->state_key, now, strlen(now),
                      clock_now_ms() + STATE_MS - 5000));
    CHECK(!auth_unseal(&sealed, w.auth->state_key, now, strlen(now), clock_now_ms() + STATE_MS));
    auth_seal(&sealed, w.auth->state_key, opened.data, opened.len, clock_now_ms() - 1);
    set_cookie("next-auth.state", buf_str(&sealed));
    get(back);
    goes_nowhere("Verification");
    buf_release(&opened);
    buf_release(&sealed);
    world_stop();
}

/* --- what the provider says ------------------------------------------------------------------- */

static void fails(const char *provider, const char *code)
{
    const char *back = go_to_provider(provider, "/");
    CHECK(*back);
    get(back);
    goes_nowhere(code);
}

TEST(sign_in_with_an_id_token_that_is_for_something_else_is_refused)
{
    world_start(NULL);
    fake.nonce = "another";
    fails("oidc", "OAuthCallback");
    fake.nonce = NULL;
    fake.audience = "another";
    fails("oidc", "OAuthCallback");
    CHECK_EQ(fake.tokens, 2);
    fake.audience = NULL;
    CHECK(sign_in("oidc", "/"));
    world_stop();
}

TEST(sign_in_with_an_answer_of_another_issuer_is_refused)
{
    world_start(NULL);
    fake.issuer = "https://other.example";
    fails("oidc", "OAuthCallback");
    CHECK_EQ(fake.tokens, 0);
    fake.issuer = w.issuer;
    CHECK(sign_in("oidc", "/"));
    world_stop();
    world_start(NULL);
    fake.announces_issuer = true;
    fails("oidc", "OAuthCallback");
    fake.issuer = w.issuer;
    CHECK(sign_in("oidc", "/"));
    world_stop();
}

TEST(sign_in_that_was_cancelled_or_refused_at_the_provider)
{
    world_start(NULL);
    fake.error = "access_denied";
    fails("github", "AccessDenied");
    fails("oidc", "AccessDenied");
    fake.error = "server_error";
    fails("oidc", "OAuthCallback");
    fake.error = "%3Cscript%3E";
    fails("oidc", "OAuthCallback");
    CHECK_EQ(fake.tokens, 0);
    world_stop();
}

TEST(sign_in_with_another_verifier_gets_nothing)
{
    world_start(NULL);
    const char *back = go_to_provider("github", "/");
    fake.challenge[3] ^= 1;
    get(back);
    goes_nowhere("OAuthCallback");
    world_stop();
}

TEST(sign_in_at_a_provider_that_fails)
{
    static const char *const github[] = {"/login/oauth/access_token", "/api/v3/user",
                                         "/api/v3/user/emails"};
    static const char *const oidc[] = {"/token", "/jwks", "/userinfo"};
    world_start(NULL);
    for (size_t i = 0; i < 3; i++) {
        fake.fail = github[i];
        fails("github", "OAuthCallback");
    }
    fake.fail = "/.well-known/openid-configuration";
    CHECK_STR(go_to_provider("oidc", "/"), "");
    CHECK_STR(error_code(), "OAuthSignin");
    fake.email_by_userinfo = true;
    for (size_t i = 0; i < 3; i++) {
        fake.fail = oidc[i];
        fails("oidc", "OAuthCallback");
    }
    fake.fail = NULL;
    CHECK(sign_in("oidc", "/"));
    CHECK(sign_in("github", "/"));
    world_stop();
}

TEST(sign_in_at_a_provider_that_does_not_answer)
{
    world_start(&(struct world_opts){.timeout_ms = 150});
    fake.hang = "/login/oauth/access_token";
    fails("github", "OAuthCallback");
    fake.hang = "/.well-known/openid-configuration";
    CHECK_STR(go_to_provider("oidc", "/"), "");
    CHECK_STR(error_code(), "OAuthSignin");
    fake.hang = "/jwks";
    fails("oidc", "OAuthCallback");
    fake.hang = NULL;
    CHECK(sign_in("oidc", "/"));
    world_stop();
}

/* Where to go is known still: sign-in works as long as the rest of the provider does. */
TEST(sign_in_goes_on_while_discovery_does_not_answer)
{
    world_start(NULL);
    CHECK(sign_in("oidc", "/"));
    struct published *d = &w.auth->providers[1].discovery, *k = &w.auth->providers[1].jwks;
    uint64_t two_hours = UINT64_C(7200) * 1000000;
    d->got_us -= two_hours, d->asked_us -= two_hours;
    k->got_us -= two_hours, k->asked_us -= two_hours;
    fake.fail = "/.well-known/openid-configuration";
    CHECK(sign_in("oidc", "/"));
    CHECK_EQ(fake.discoveries, 1);
    CHECK_EQ(fake.jwks, 2);
    world_stop();
}

TEST(sign_in_when_the_keys_of_the_provider_have_changed)
{
    world_start(NULL);
    CHECK(sign_in("oidc", "/"));
    forget_cookies();
    fake.kid = 1;
    CHECK(sign_in("oidc", "/"));
    CHECK_EQ(fake.jwks, 2);
    /* But not for each of those that it never publishes. */
    fake.token_kid = "never";
    forget_cookies();
    for (int i = 0; i < 8; i++) {
        get(go_to_provider("oidc", "/"));
        CHECK_STR(error_code(), "OAuthCallback");
    }
    CHECK_EQ(fake.jwks, 6);
    w.auth->providers[1].renewing_us -= 61000000;
    fake.kid = 2;
    fake.token_kid = NULL;
    CHECK(sign_in("oidc", "/"));
    CHECK_EQ(fake.jwks, 7);
    world_stop();
}

/* --- addresses -------------------------------------------------------------------------------- */

static void has_email(const char *want)
{
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->email, want);
}

TEST(sign_in_without_a_verified_email_is_sign_in_without_any)
{
    world_start(NULL);
    fake.verified = 0;
    CHECK(sign_in("github", "/"));
    has_email("");
    CHECK_STR(stored("user:email:ada@example.org"), "");
    CHECK_STR(stored("user:email:shown@example.org"), "");
    forget_cookies();
    CHECK(sign_in("oidc", "/"));
    has_email("");
    CHECK(strcmp(user_of("oidc", "583231"), w.person->id) == 0);
    CHECK_STR(stored("user:email:ada@example.org"), "");
    fake.sub = "2";
    fake.verified = -1;
    forget_cookies();
    CHECK(sign_in("oidc", "/"));
    has_email("");
    get("/api/auth/session");
    CHECK(strstr(ans.body, "\"email\":null"));
    world_stop();
}

TEST(sign_in_where_the_operator_trusts_what_is_not_said_to_be_verified)
{
    world_start(&(struct world_opts){.trust_email = true});
    fake.verified = -1;
    CHECK(sign_in("oidc", "/"));
    has_email("ada@example.org");
    fake.verified = 0;
    fake.sub = "2";
    fake.email = "eve@example.org";
    forget_cookies();
    CHECK(sign_in("oidc", "/"));
    has_email("");
    world_stop();
}

TEST(sign_in_where_github_tells_no_addresses)
{
    world_start(NULL);
    fake.forbid = "/api/v3/user/emails";
    CHECK(sign_in("github", "/"));
    has_email("");
    world_stop();
}

TEST(sign_in_with_the_same_verified_email_elsewhere_is_the_same_user)
{
    char user[64];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    snprintf(user, sizeof(user), "%s", user_of("github", "583231"));
    fake.sub = "at-work";
    fake.name = "Ada of the company";
    forget_cookies();
    CHECK(sign_in("oidc", "/"));
    CHECK_STR(user_of("oidc", "at-work"), user);
    CHECK_STR(stored("user:account:by-user-id:%s", user), "user:account:oidc:at-work");
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->id, user);
    CHECK_STR(w.person->name, "Ada of the company");
    /* But not if it is only claimed. */
    fake.sub = "eve";
    fake.verified = 0;
    forget_cookies();
    CHECK(sign_in("oidc", "/"));
    CHECK(strcmp(user_of("oidc", "eve"), user) != 0);
    has_email("");
    world_stop();
}

TEST(sign_in_of_whom_authjs_knew)
{
#define OLD "9b2f6f0e-3c1d-4a57-8a55-0d4b1f7b7a11"
    world_start(NULL);
    put_stored("user:" OLD, "{\"name\":\"Old\",\"email\":\"ada@example.org\",\"image\":null,"
                            "\"emailVerified\":null,\"id\":\"" OLD "\",\"role\":\"teacher\"}");
    put_stored("user:email:ada@example.org", OLD);
    put_stored("user:account:github:583231",
               "{\"provider\":\"github\",\"type\":\"oauth\",\"providerAccountId\":\"583231\","
               "\"access_token\":\"kept\",\"userId\":\"" OLD "\",\"id\":\"github:583231\"}");
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->id, OLD);
    CHECK_STR(w.person->name, "Ada");
    CHECK(strstr(stored("user:" OLD), "\"role\":\"teacher\""));
    CHECK(strstr(stored("user:account:github:583231"), "\"access_token\":\"kept\""));
    world_stop();
}

TEST(sign_in_after_the_email_changed_at_the_provider)
{
    char user[64];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    snprintf(user, sizeof(user), "%s", user_of("github", "583231"));
    fake.email = "ada@new.example";
    forget_cookies();
    CHECK(sign_in("github", "/"));
    has_email("ada@new.example");
    CHECK_STR(w.person->id, user);
    CHECK_STR(stored("user:email:ada@new.example"), user);
    CHECK_STR(stored("user:email:ada@example.org"), "");
    /* No longer verified: what was known is. */
    fake.verified = 0;
    forget_cookies();
    CHECK(sign_in("github", "/"));
    has_email("ada@new.example");
    /* Another's address. */
    fake = (struct fake){.sub = "2",
                         .name = "Bob",
                         .email = "bob@example.org",
                         .verified = 1,
                         .picture = "https://b"};
    forget_cookies();
    CHECK(sign_in("github", "/"));
    fake.email = "ada@new.example";
    fake.name = "Bobby";
    forget_cookies();
    CHECK(sign_in("github", "/"));
    has_email("bob@example.org");
    CHECK_STR(w.person->name, "Bobby");
    CHECK_STR(stored("user:email:ada@new.example"), user);
    world_stop();
}

/* An index that was left behind when an address changed must not make one person another. */
TEST(sign_in_does_not_believe_an_index_that_was_left_behind)
{
    char user[64];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    snprintf(user, sizeof(user), "%s", user_of("github", "583231"));
    put_stored("user:email:bob@example.org", user);
    fake.sub = "2";
    fake.email = "bob@example.org";
    forget_cookies();
    CHECK(sign_in("github", "/"));
    has_email("bob@example.org");
    CHECK(strcmp(w.person->id, user) != 0);
    CHECK_STR(stored("user:email:bob@example.org"), w.person->id);
    /* And the same when an address changes to one of those; or leads to nobody, or nowhere. */
    put_stored("user:email:bob@new.example", user);
    fake.email = "bob@new.example";
    CHECK(sign_in("github", "/"));
    has_email("bob@new.example");
    put_stored("user:email:bob@newer.example", "9b2f6f0e-3c1d-4a57-8a55-0d4b1f7b7a12");
    fake.email = "bob@newer.example";
    CHECK(sign_in("github", "/"));
    has_email("bob@newer.example");
    put_stored("user:email:bob@newest.example", "\"no id\"");
    fake.email = "bob@newest.example";
    CHECK(sign_in("github", "/"));
    has_email("bob@newest.example");
    world_stop();
}

TEST(sign_in_with_an_account_whose_user_is_gone)
{
    world_start(NULL);
    put_stored("user:account:github:583231",
               "{\"provider\":\"github\",\"type\":\"oauth\",\"providerAccountId\":\"583231\","
               "\"userId\":\"" OLD "\"}");
    CHECK(sign_in("github", "/"));
    has_email("ada@example.org");
    CHECK_STR(user_of("github", "583231"), w.person->id);
    CHECK(strcmp(w.person->id, OLD) != 0);
    put_stored("user:account:github:7", "{\"nothing\":\"like it\"}");
    fake.sub = "7";
    forget_cookies();
    CHECK(*go_to_provider("github", "/"));
    get(go_to_provider("github", "/"));
    CHECK_STR(error_code(), "OAuthCreateAccount");
    world_stop();
}

/* Two windows, at the same time, of somebody who was never here. */
TEST(sign_in_twice_at_once_makes_one_user)
{
    world_start(NULL);
    for (int round = 0; round < 8; round++) {
        char sub[16], email[40], first[1000], second[1000];
        struct jar jars[2];
        snprintf(sub, sizeof(sub), "1%d", round);
        snprintf(email, sizeof(email), "p%d@example.org", round);
        fake.sub = sub;
        fake.email = email;
        fake.verified = round % 2;
        for (int i = 0; i < 2; i++) {
            forget_cookies();
            snprintf(i ? second : first, sizeof(first), "%s", go_to_provider("github", "/"));
            jars[i] = jar;
        }
        int b = begin_ask("GET", second, NULL);
        jar = jars[0];
        int a = begin_ask("GET", first, NULL);
        end_ask(a);
        jars[0] = jar;
        jar = jars[1];
        end_ask(b);
        CHECK_EQ(whois(), AUTH_KNOWN);
        CHECK_STR(w.person->id, user_of("github", sub));
        jar = jars[0];
        CHECK_EQ(whois(), AUTH_KNOWN);
        CHECK_STR(w.person->id, user_of("github", sub));
        CHECK_STR(w.person->email, round % 2 ? email : "");
        if (round % 2)
            CHECK_STR(stored("user:email:%s", email), w.person->id);
    }
    world_stop();
}
