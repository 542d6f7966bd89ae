/* Sessions: who somebody is, for how long, and signing out. What the store holds is changed beneath the server as time
 * and other servers would. */
#include "auth/auth_int.h"
#include "tests/auth/signin_fixture.h"

#define SESSION "next-auth.session-token"

static const char *session_key(void)
{
    static char key[200];
    snprintf(key, sizeof(key), "user:session:%s", cookie(SESSION));
    return key;
}

/* As if it had begun so long ago. */
static void make_older(uint64_t ms)
{
    char value[300], expires[AUTHJS_DATE_SIZE];
    authjs_write_date(expires, clock_now_ms() + SESSION_MS - ms);
    CHECK_EQ(whois(), AUTH_KNOWN);
    snprintf(value, sizeof(value),
             "{\"sessionToken\":\"%s\",\"userId\":\"%s\",\"expires\":\"%s\",\"extra\":1}",
             cookie(SESSION), w.person->id, expires);
    put_stored(session_key(), value);
}

static uint64_t session_expires(void)
{
    struct authjs_session s;
    const char *json = stored("%s", session_key());
    CHECK(authjs_read_session(&s, json, strlen(json)));
    uint64_t ms = s.expires_ms;
    authjs_session_release(&s);
    return ms;
}

static void sign_out(const char *more)
{
    char form[300];
    snprintf(form, sizeof(form), "%s%s", csrf(), more);
    post("/api/auth/signout", form);
}

static void is_nobody(void)
{
    CHECK_EQ(whois(), AUTH_NOBODY);
    CHECK(!w.person);
    get("/api/auth/session");
    CHECK_EQ(ans.status, 200);
    CHECK_STR(ans.body, "{}");
    CHECK_STR(cookie(SESSION), "");
}

/* --- time ------------------------------------------------------------------------------------- */

TEST(session_of_more_than_a_day_is_renewed)
{
    char expires[AUTHJS_DATE_SIZE];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    char token[100];
    snprintf(token, sizeof(token), "%s", cookie(SESSION));
    make_older(RENEW_MS - 60000);
    uint64_t before = session_expires();
    get("/api/auth/session");
    CHECK_STR(header("Set-Cookie"), "");
    CHECK(session_expires() == before);

    make_older(RENEW_MS + 1000);
    before = session_expires();
    ask("HEAD", "/api/auth/session", NULL);
    CHECK_EQ(ans.status, 200);
    CHECK_STR(header("Set-Cookie"), "");
    CHECK(session_expires() == before);
    uint64_t now = clock_now_ms();
    get("/api/auth/session");
    CHECK(strstr(header("Set-Cookie"), "Max-Age=2592000"));
    CHECK_STR(cookie(SESSION), token);
    uint64_t after = session_expires();
    CHECK(after >= now + SESSION_MS && after <= clock_now_ms() + SESSION_MS);
    CHECK(stored_expires(session_key()) == after);
    CHECK(strstr(stored("%s", session_key()), "\"extra\":1"));
    authjs_write_date(expires, after);
    CHECK(strstr(ans.body, expires));
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK(w.person->expires_ms == after);
    CHECK(stored_expires("user:session:by-user-id:x") == 0);
    get("/api/auth/session");
    CHECK_STR(header("Set-Cookie"), "");
    world_stop();
}

TEST(session_that_is_over_is_nobodys)
{
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    make_older(SESSION_MS - 50);
    while (clock_now_ms() <= session_expires())
        ;
    is_nobody();
    world_stop();
}

TEST(session_that_is_none)
{
    char user[64];
    world_start(NULL);
    is_nobody();
    set_cookie(SESSION, "nobodys");
    is_nobody();
    CHECK(sign_in("github", "/"));
    snprintf(user, sizeof(user), "by-user-id:%s", user_of("github", "583231"));
    set_cookie(SESSION, user);
    is_nobody();
    put_stored("user:session:odd", "no JSON");
    set_cookie(SESSION, "odd");
    is_nobody();
    put_stored("user:session:lost", "{\"sessionToken\":\"lost\",\"userId\":\"u\","
                                    "\"expires\":\"2999-03-07T09:30:00.000Z\"}");
    set_cookie(SESSION, "lost");
    is_nobody();
    put_stored("user:u", "{\"id\":\"u\",\"name\":null,\"email\":\"null\"}");
    set_cookie(SESSION, "lost");
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->name, "");
    CHECK_STR(w.person->email, "");
    world_stop();
}

TEST(session_is_looked_at_again)
{
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    struct auth_person *p = auth_person_ref(w.person);
    CHECK_EQ(recheck(p), AUTH_KNOWN);
    CHECK(w.person != p);
    CHECK_STR(w.person->session, p->session);
    char value[300];
    snprintf(value, sizeof(value), "{\"id\":\"%s\",\"email\":\"ada@new.example\"}", p->id);
    char key[100];
    snprintf(key, sizeof(key), "user:%s", p->id);
    put_stored(key, value);
    CHECK_EQ(recheck(p), AUTH_KNOWN);
    CHECK_STR(w.person->email, "ada@new.example");
    sign_out("");
    CHECK_EQ(recheck(p), AUTH_NOBODY);
    auth_person_unref(p);
    world_stop();
}

static void never(enum auth_known result, struct auth_person *p, void *udata)
{
    test_fail(__FILE__, __LINE__, "called back");
}

TEST(session_that_nobody_asks_for_any_more)
{
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    struct auth_person *p = auth_person_ref(w.person);
    auth_query_cancel(auth_recheck(w.auth, p, never, NULL));
    CHECK_EQ(recheck(p), AUTH_KNOWN);
    auth_query_cancel(NULL);
    auth_recheck(w.auth, p, never, NULL); /* under way when all ends */
    auth_person_unref(p);
    w.auth_first = true;
    world_stop();
}

/* --- signing out ------------------------------------------------------------------------------ */

TEST(session_ends_when_somebody_signs_out)
{
    char key[200], token[100];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    struct jar first = jar;
    forget_cookies();
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    struct auth_person *p = auth_person_ref(w.person);
    snprintf(key, sizeof(key), "%s", session_key());
    snprintf(token, sizeof(token), "%s", cookie(SESSION));
    sign_out("&callbackUrl=%2Fbye");
    CHECK_EQ(ans.status, 302);
    CHECK(strstr(header("Location"), "/bye"));
    CHECK_STR(cookie(SESSION), "");
    CHECK_STR(stored("%s", key), "");
    CHECK_STR(w.signed_out_session, p->session);
    CHECK_STR(w.signed_out_user, "");
    set_cookie(SESSION, token);
    is_nobody();
    auth_person_unref(p);
    /* The other browser is not concerned. */
    jar = first;
    CHECK_EQ(whois(), AUTH_KNOWN);
    /* Nor is it an error to sign out twice. */
    sign_out("&json=true");
    CHECK_EQ(ans.status, 200);
    char want[100];
    snprintf(want, sizeof(want), "{\"url\":\"%s/\"}", w.origin);
    CHECK_STR(ans.body, want);
    sign_out("");
    CHECK_EQ(ans.status, 302);
    world_stop();
}

TEST(session_of_every_browser_ends_when_somebody_signs_out_everywhere)
{
    char user[64];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    struct jar first = jar;
    forget_cookies();
    CHECK(sign_in("github", "/"));
    snprintf(user, sizeof(user), "%s", user_of("github", "583231"));
    sign_out("&everywhere=true");
    CHECK_EQ(ans.status, 302);
    CHECK_STR(w.signed_out_session, "");
    CHECK_STR(w.signed_out_user, user);
    CHECK(strstr(stored("user:%s", user), "\"signedOutAt\":\""));
    is_nobody();
    jar = first;
    is_nobody();
    /* Whoever signs in again is somebody at once, and stays it. */
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->id, user);
    fake.name = "Ada again";
    first = jar;
    forget_cookies();
    CHECK(sign_in("github", "/"));
    CHECK(strstr(stored("user:%s", user), "\"signedOutAt\":\""));
    jar = first;
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK_STR(w.person->name, "Ada again");
    world_stop();
}

TEST(session_that_began_when_everybody_was_signed_out_is_valid)
{
    char key[100], value[300], at[AUTHJS_DATE_SIZE];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    snprintf(key, sizeof(key), "user:%s", w.person->id);
    for (int i = 0; i < 2; i++) {
        authjs_write_date(at, session_expires() - SESSION_MS + (uint64_t)i);
        snprintf(value, sizeof(value), "{\"id\":\"%s\",\"signedOutAt\":\"%s\"}", key + 5, at);
        put_stored(key, value);
        CHECK_EQ(whois(), i ? AUTH_NOBODY : AUTH_KNOWN);
    }
    /* By another server, whose clock is ahead. */
    uint64_t ahead = clock_now_ms() + 60000;
    authjs_write_date(at, ahead);
    snprintf(value, sizeof(value), "{\"id\":\"%s\",\"signedOutAt\":\"%s\"}", key + 5, at);
    put_stored(key, value);
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK(w.person->expires_ms == ahead + SESSION_MS);
    world_stop();
}

/* Somebody signs out, on whatever server, while another request of theirs renews the session. */
TEST(session_is_not_brought_back_by_a_renewal)
{
    char key[200];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    make_older(RENEW_MS + 1000);
    CHECK_EQ(whois(), AUTH_KNOWN);
    snprintf(key, sizeof(key), "signed-out:%s", w.person->session);
    put_stored(key, "1");
    snprintf(key, sizeof(key), "%s", session_key());
    get("/api/auth/session");
    CHECK_STR(ans.body, "{}");
    CHECK_STR(cookie(SESSION), "");
    CHECK_STR(stored("%s", key), "");
    world_stop();
}

/* The user is written by a sign-in that had read them before they signed out everywhere. */
TEST(session_is_not_brought_back_by_a_change_of_the_user)
{
    char key[200], value[40], at[AUTHJS_DATE_SIZE];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    struct auth_person *p = auth_person_ref(w.person);
    uint64_t now = clock_now_ms();
    snprintf(key, sizeof(key), "signed-out:%s", p->id);
    snprintf(value, sizeof(value), "%llu", (unsigned long long)now + 1);
    put_stored(key, value);
    fake.name = "Ada again";
    forget_cookies();
    CHECK(sign_in("github", "/"));
    authjs_write_date(at, now + 1);
    const char *json = stored("user:%s", p->id);
    CHECK(strstr(json, at) && strstr(json, "Ada again"));
    CHECK_EQ(recheck(p), AUTH_NOBODY);
    CHECK_EQ(whois(), AUTH_KNOWN);
    auth_person_unref(p);
    world_stop();
}

/* Or somebody could be made to use a session that another knows. */
TEST(session_of_before_ends_when_somebody_signs_in)
{
    char key[200];
    world_start(NULL);
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    struct auth_person *p = auth_person_ref(w.person);
    snprintf(key, sizeof(key), "%s", session_key());
    fake.sub = "2";
    fake.email = "bob@example.org";
    CHECK(sign_in("github", "/"));
    CHECK_EQ(whois(), AUTH_KNOWN);
    CHECK(strcmp(w.person->id, p->id) != 0);
    CHECK_EQ(recheck(p), AUTH_NOBODY);
    CHECK_STR(stored("%s", key), "");
    CHECK_STR(w.signed_out_session, p->session);
    auth_person_unref(p);
    world_stop();
}

/* --- a store that is away --------------------------------------------------------------------- */

TEST(session_while_the_store_is_away)
{
    char form[300];
    world_start(&(struct world_opts){.store = "redis://127.0.0.1:1"});
    CHECK_EQ(whois(), AUTH_NOBODY); /* without a cookie nothing is asked */
    set_cookie(SESSION, "a-token");
    CHECK_EQ(whois(), AUTH_UNAVAILABLE);
    get("/api/auth/session");
    CHECK_EQ(ans.status, 503);
    CHECK_STR(header("Retry-After"), "5");
    CHECK_STR(cookie(SESSION), "a-token");
    sign_out("");
    CHECK_STR(error_code(), "SignOut");
    CHECK_STR(cookie(SESSION), "a-token");
    get(go_to_provider("github", "/"));
    CHECK_STR(error_code(), "Callback");
    CHECK_EQ(fake.tokens, 0);
    snprintf(form, sizeof(form), "%s&json=true", csrf());
    post("/api/auth/signout", form);
    CHECK_EQ(ans.status, 200);
    CHECK(strstr(ans.body, "error=SignOut"));
    world_stop();
}

/* --- what is under way when it ends ------------------------------------------------------------ */

static bool nothing(void)
{
    return store_queue_depth(w.queue) == 0 && !w.exchange;
}

/* Every step of an exchange is once the last. */
static void drop_everywhere(const char *(*begin)(void), int least)
{
    bool over = false;
    int at = 0;
    while (!over) {
        const char *path = begin();
        w.events = 0;
        w.drop_at = ++at;
        get(path);
        over = ans.status != 500;
        w.drop_at = 0;
        world_run(nothing);
    }
    CHECK(at > least);
}

static const char *begin_sign_in(void)
{
    static int n;
    static char sub[20], email[40];
    snprintf(sub, sizeof(sub), "%d", ++n);
    snprintf(email, sizeof(email), "p%d@example.org", n);
    fake.sub = sub;
    fake.email = email;
    forget_cookies();
    return go_to_provider(n % 2 ? "oidc" : "github", "/");
}

static const char *begin_renewal(void)
{
    CHECK(sign_in("github", "/"));
    make_older(RENEW_MS + 1000);
    return "/api/auth/session";
}

TEST(exchange_may_be_dropped_at_every_step)
{
    world_start(NULL);
    drop_everywhere(begin_sign_in, 7);
    drop_everywhere(begin_renewal, 3);
    world_stop();
}

TEST(exchange_may_be_under_way_when_all_ends)
{
    for (int at = 1; at <= 8; at++) {
        world_start(NULL);
        const char *path = begin_sign_in();
        w.events = 0;
        w.stop_at = at;
        get(path);
        CHECK(w.stopped);
        w.auth_first = at % 2;
        world_stop();
    }
}
