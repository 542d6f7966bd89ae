/* The shapes of Auth.js; tests/e2e/authjs.test.mjs compares them with its adapter. */
#include "store/authjs.h"

#include "tests/test.h"

#define ID "9b2f6f0e-3c1d-4a57-8a55-0d4b1f7b7a11"

static struct buf text(const char *s)
{
    struct buf b = {0};
    buf_puts(&b, s);
    return b;
}

static void check_text(struct buf *b, const char *want)
{
    CHECK_STR(buf_str(b), want);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void key_is(enum authjs_key kind, const char *of, const char *want)
{
    struct buf key = {0};
    CHECK_EQ(authjs_key(&key, kind, of, strlen(of)), want != NULL);
    if (want)
        CHECK_STR((const char *)key.data, want);
    buf_release(&key);
}

TEST(authjs_keys_are_those_of_the_adapter)
{
    struct buf key = {0};
    key_is(AUTHJS_USER, ID, "user:" ID);
    key_is(AUTHJS_EMAIL, "Ann+x@B.example", "user:email:Ann+x@B.example");
    key_is(AUTHJS_EMAIL, "n\xc3\xa4me@b", "user:email:n\xc3\xa4me@b");
    key_is(AUTHJS_ACCOUNT_OF, ID, "user:account:by-user-id:" ID);
    key_is(AUTHJS_SESSION, "abc_-./=", "user:session:abc_-./=");
    key_is(AUTHJS_SESSION_OF, ID, "user:session:by-user-id:" ID);
    CHECK(authjs_account_key(&key, "github", "12345", 5));
    check_text(&key, "user:account:github:12345");
    CHECK(authjs_account_key(&key, "did", "web:x", 5));
    check_text(&key, "user:account:did:web:x");
    buf_release(&key);
}

/* A cookie that would reach a key of another kind, or a key that nobody has. */
TEST(authjs_what_cannot_be_in_a_key)
{
    static const char *const bad[] = {"",      "by-user-id:" ID, "email:a@b", "a b",  "a\nb",
                                      "\"a\"", "\xc3\xa4",       "a\x7f",     "a\\b", ":",
                                      "a:"};
    char longest[AUTHJS_ID_MAX + 2];
    struct buf key = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        key_is(AUTHJS_USER, bad[i], NULL);
        key_is(AUTHJS_SESSION, bad[i], NULL);
        key_is(AUTHJS_SESSION_OF, bad[i], NULL);
        CHECK(!authjs_account_key(&key, bad[i], "1", 1));
    }
    CHECK(!authjs_key(&key, AUTHJS_SESSION, "a\0b", 3));
    CHECK(!authjs_account_key(&key, "by-user-id", ID, strlen(ID)));
    CHECK(!authjs_account_key(&key, "github", "", 0));
    CHECK(!authjs_account_key(&key, "github", "1 2", 3));
    memset(longest, 'a', sizeof(longest));
    CHECK(authjs_key(&key, AUTHJS_SESSION, longest, AUTHJS_ID_MAX));
    CHECK(!authjs_key(&key, AUTHJS_SESSION, longest, AUTHJS_ID_MAX + 1));
    static const char *const no_email[] = {"", "null", "undefined", "a b@c", "a@b\n", "\xff@b"};
    for (size_t i = 0; i < sizeof(no_email) / sizeof(*no_email); i++)
        key_is(AUTHJS_EMAIL, no_email[i], NULL);
    buf_release(&key);
}

/* --- dates ------------------------------------------------------------------------------------ */

static void date_is(const char *date, uint64_t want)
{
    uint64_t ms = 1;
    char back[AUTHJS_DATE_SIZE];
    if (!authjs_read_date(&ms, date, strlen(date)) || ms != want)
        test_fail(__FILE__, __LINE__, "%s is %" PRIu64 ", not %" PRIu64, date, ms, want);
    authjs_write_date(back, want);
    if (strlen(date) == 24)
        CHECK_STR(back, date);
}

TEST(authjs_dates_are_those_of_javascript)
{
    date_is("1970-01-01T00:00:00.000Z", 0);
    date_is("1970-12-31T23:59:59.999Z", 31535999999);
    date_is("1972-02-29T12:00:00.001Z", 68212800001);
    date_is("2000-02-29T00:00:00.000Z", 951782400000);
    date_is("2000-12-31T00:00:00.000Z", 978220800000);
    date_is("2026-03-07T09:30:00.000Z", 1772875800000);
    date_is("2100-02-28T23:59:59.000Z", 4107542399000);
    date_is("2100-03-01T00:00:00.000Z", 4107542400000);
    date_is("9999-12-31T23:59:59.999Z", 253402300799999);
    date_is("2026-03-07T09:30:00Z", 1772875800000);
    date_is("2026-03-07T09:30:00.5Z", 1772875800500);
    date_is("2026-03-07T09:30:00.123456Z", 1772875800123);
    date_is("+010000-01-01T00:00:00.000Z", 253402300800000);
    char late[AUTHJS_DATE_SIZE];
    authjs_write_date(late, UINT64_MAX);
    CHECK_STR(late, "9999-12-31T23:59:59.999Z");
}

TEST(authjs_every_day_comes_back)
{
    char date[AUTHJS_DATE_SIZE];
    for (uint64_t day = 0; day < 200000; day++) {
        uint64_t ms = day * 86400000 + test_below(86400000), back = 0;
        authjs_write_date(date, ms);
        CHECK(authjs_read_date(&back, date, strlen(date)) && back == ms);
    }
}

TEST(authjs_what_is_no_date)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-03-07",
        "2026-03-07T09:30Z",
        "2026-03-07T09:30:00.000",
        "2026-03-07T09:30:00.Z",
        "2026-03-07T09:30:00.1234567890Z",
        "2026-03-07T09:30:00.000Zx",
        "2026-03-07 09:30:00.000Z",
        "2026-03-07T09:30:00.000z",
        "2026-03-07T09:30:00.000+01:00",
        "2026-13-07T09:30:00.000Z",
        "2026-00-07T09:30:00.000Z",
        "2026-02-29T09:30:00.000Z",
        "2026-04-31T09:30:00.000Z",
        "2026-03-00T09:30:00.000Z",
        "2026-03-07T24:00:00.000Z",
        "2026-03-07T09:60:00.000Z",
        "2026-03-07T09:30:60.000Z",
        "1969-12-31T23:59:59.999Z",
        "-000001-12-31T23:59:59.999Z",
        "+02026-03-07T09:30:00.000Z",
        "1772875800000",
        "Sat Mar 07 2026",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        uint64_t ms = 7;
        if (authjs_read_date(&ms, bad[i], strlen(bad[i])))
            test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
        CHECK_EQ(ms, 7);
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static bool session(const char *json, struct authjs_session *s)
{
    return authjs_read_session(s, json, strlen(json));
}

TEST(authjs_sessions)
{
    struct authjs_session s, again;
    struct buf out = {0}, former = text("{\"custom\":[1,\"\\u00e4\"],\"expires\":1}");
    CHECK(session("{\"sessionToken\":\"t-1\",\"userId\":\"" ID
                  "\",\"expires\":\"2026-03-07T09:30:00.000Z\",\"more\":{}}",
                  &s));
    check_text(&s.token, "t-1");
    check_text(&s.user_id, ID);
    CHECK(s.expires_ms == 1772875800000);
    authjs_write_session(&out, &s, NULL);
    check_text(&out, "{\"sessionToken\":\"t-1\",\"userId\":\"" ID
                     "\",\"expires\":\"2026-03-07T09:30:00.000Z\"}");
    authjs_write_session(&out, &s, &former);
    check_text(&out, "{\"custom\":[1,\"\xc3\xa4\"],\"expires\":\"2026-03-07T09:30:00.000Z\","
                     "\"sessionToken\":\"t-1\",\"userId\":\"" ID "\"}");
    CHECK(authjs_read_session(&again, out.data, out.len));
    authjs_session_release(&again);
    authjs_session_release(&s);
    buf_release(&out);
    buf_release(&former);
}

TEST(authjs_what_is_no_session)
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "\"user:session:t\"",
        "user:session:t",
        "{}",
        "{\"sessionToken\":\"t\",\"userId\":\"u\"}",
        "{\"sessionToken\":\"t\",\"expires\":\"2026-03-07T09:30:00.000Z\"}",
        "{\"userId\":\"\",\"expires\":\"2026-03-07T09:30:00.000Z\"}",
        "{\"userId\":null,\"expires\":\"2026-03-07T09:30:00.000Z\"}",
        "{\"userId\":7,\"expires\":\"2026-03-07T09:30:00.000Z\"}",
        "{\"userId\":\"a:b\",\"expires\":\"2026-03-07T09:30:00.000Z\"}",
        "{\"userId\":\"a\\u0000b\",\"expires\":\"2026-03-07T09:30:00.000Z\"}",
        "{\"userId\":\"u\",\"expires\":\"never\"}",
        "{\"userId\":\"u\",\"expires\":null}",
        "{\"userId\":\"u\",\"expires\":4102444800000}",
        "{\"sessionToken\":7,\"userId\":\"u\",\"expires\":\"2026-03-07T09:30:00.000Z\"}",
        "{\"userId\":\"u\",\"userId\":\"v\",\"expires\":\"2026-03-07T09:30:00.000Z\"}",
        "{\"userId\":\"u\",\"expires\":\"2026-03-07T09:30:00.000Z\"} x",
        "{\"userId\":\"u\",\"expires\":\"2026-03-07T09:30:00.000Z\"",
    };
    struct authjs_session s;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (session(bad[i], &s))
            test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
        CHECK(!s.user_id.data && !s.token.data && !s.expires_ms);
    }
}

TEST(authjs_users)
{
    struct authjs_user u;
    struct buf out = {0};
    static const char full[] = "{\"name\":\"N\xc3\xa4me \xf0\x9f\x98\x80\",\"email\":\"a@b\","
                               "\"image\":\"https://i\",\"emailVerified\":"
                               "\"2026-03-07T09:30:00.000Z\",\"id\":\"" ID "\"}";
    CHECK(authjs_read_user(&u, full, strlen(full)));
    check_text(&u.id, ID);
    check_text(&u.name, "N\xc3\xa4me \xf0\x9f\x98\x80");
    check_text(&u.email, "a@b");
    check_text(&u.image, "https://i");
    CHECK(u.verified_ms == 1772875800000);
    authjs_write_user(&out, &u, NULL);
    check_text(&out, full);
    authjs_user_release(&u);
    static const char least[] = "{\"id\":\"1\"}";
    CHECK(authjs_read_user(&u, least, strlen(least)));
    CHECK(!u.name.len && !u.email.len && !u.image.len && !u.verified_ms);
    authjs_write_user(&out, &u, NULL);
    check_text(&out, "{\"name\":null,\"email\":null,\"image\":null,\"emailVerified\":null,"
                     "\"id\":\"1\"}");
    authjs_user_release(&u);
    buf_release(&out);
}

/* A write by whoever does not know of it must not bring sessions back. */
TEST(authjs_when_a_user_signed_out_everywhere_is_not_forgotten)
{
    struct authjs_user u;
    struct buf out = {0};
    struct buf former = text("{\"id\":\"1\",\"signedOutAt\":\"2026-03-07T09:30:00.000Z\"}");
    CHECK(authjs_read_user(&u, former.data, former.len));
    CHECK(u.signed_out_ms == 1772875800000);
    u.signed_out_ms++;
    authjs_write_user(&out, &u, &former);
    CHECK(strstr(buf_str(&out), "\"signedOutAt\":\"2026-03-07T09:30:00.001Z\""));
    u.signed_out_ms = 0;
    authjs_write_user(&out, &u, &former);
    CHECK(strstr(buf_str(&out), "\"signedOutAt\":\"2026-03-07T09:30:00.000Z\""));
    authjs_user_release(&u);
    static const char odd[] = "{\"id\":\"1\",\"signedOutAt\":\"yesterday\"}";
    CHECK(authjs_read_user(&u, odd, strlen(odd)) && !u.signed_out_ms);
    authjs_user_release(&u);
    buf_release(&out);
    buf_release(&former);
}

/* Who somebody is must not rest on what is only nearly an email. */
TEST(authjs_an_email_that_cannot_be_one_is_not_known)
{
    static const char *const emails[] = {"7",         "[\"a@b\"]",   "\"\"",    "\"null\"",
                                         "\"a b@c\"", "\"a@b\\n\"",  "true",    "\"a@b\\u0000\"",
                                         "{}",        "\"\\u00e4\"", "\" a@b\""};
    char json[200];
    struct authjs_user u;
    for (size_t i = 0; i < sizeof(emails) / sizeof(*emails); i++) {
        int n = snprintf(json, sizeof(json),
                         "{\"id\":\"1\",\"name\":5,\"email\":%s,"
                         "\"emailVerified\":\"2026-03-07T09:30:00.000Z\"}",
                         emails[i]);
        CHECK(authjs_read_user(&u, json, (size_t)n));
        CHECK(!u.email.len && !u.name.len && !u.verified_ms);
        authjs_user_release(&u);
    }
    static const char *const bad[] = {"{\"id\":7}", "{\"id\":\"\"}", "{\"email\":\"a@b\"}", "[]",
                                      "{\"id\":\"a:b\"}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(!authjs_read_user(&u, bad[i], strlen(bad[i])));
}

TEST(authjs_accounts)
{
    struct authjs_account a;
    struct buf out = {0}, former = text("{\"access_token\":\"secret\",\"scope\":\"read:user\"}");
    static const char one[] =
        "{\"provider\":\"github\",\"providerAccountId\":123,\"userId\":\"" ID "\"}";
    CHECK(authjs_read_account(&a, one, strlen(one)));
    check_text(&a.provider_id, "123");
    CHECK(!a.type.len);
    authjs_write_account(&out, &a, NULL);
    check_text(&out, "{\"userId\":\"" ID "\",\"type\":\"oauth\",\"provider\":\"github\","
                     "\"providerAccountId\":\"123\",\"id\":\"github:123\"}");
    authjs_write_account(&out, &a, &former);
    CHECK(strstr(buf_str(&out), "\"access_token\":\"secret\",\"scope\":\"read:user\","));
    authjs_account_release(&a);
    CHECK(authjs_read_account(&a, out.data, out.len));
    check_text(&a.type, "oauth");
    check_text(&a.user_id, ID);
    authjs_account_release(&a);
    static const char *const bad[] = {
        "{\"provider\":\"github\",\"providerAccountId\":\"1\"}",
        "{\"provider\":\"github\",\"userId\":\"u\"}",
        "{\"providerAccountId\":\"1\",\"userId\":\"u\"}",
        "{\"provider\":\"by-user-id\",\"providerAccountId\":\"1\",\"userId\":\"u\"}",
        "{\"provider\":\"a:b\",\"providerAccountId\":\"1\",\"userId\":\"u\"}",
        "{\"provider\":\"github\",\"providerAccountId\":1.5,\"userId\":\"u\"}",
        "{\"provider\":\"github\",\"providerAccountId\":\"1\",\"userId\":[\"u\"]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(!authjs_read_account(&a, bad[i], strlen(bad[i])));
    buf_release(&out);
    buf_release(&former);
}

TEST(authjs_values_that_are_ids_and_keys)
{
    struct buf out = {0};
    CHECK(authjs_read_id(&out, ID, strlen(ID)));
    check_text(&out, ID);
    CHECK(!authjs_read_id(&out, "\"quoted\"", 8) && !authjs_read_id(&out, "", 0));
    CHECK(!authjs_read_id(&out, NULL, 0) && !authjs_read_id(&out, "a:b", 3));
    CHECK(authjs_read_key(&out, AUTHJS_ACCOUNT_OF, "user:account:github:1", 21));
    check_text(&out, "user:account:github:1");
    CHECK(authjs_read_key(&out, AUTHJS_SESSION_OF, "user:session:t", 14));
    check_text(&out, "user:session:t");
    static const char *const bad[] = {"",
                                      "user:account:",
                                      "user:account:github",
                                      "user:account:github:",
                                      "user:account:by-user-id:1",
                                      "user:session:",
                                      "user:session:by-user-id:1",
                                      "user:1",
                                      "bytecrowd:x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK(!authjs_read_key(&out, AUTHJS_ACCOUNT_OF, bad[i], strlen(bad[i])));
        CHECK(!authjs_read_key(&out, AUTHJS_SESSION_OF, bad[i], strlen(bad[i])));
    }
    CHECK(!authjs_read_key(&out, AUTHJS_SESSION_OF, NULL, 0));
    buf_release(&out);
}
