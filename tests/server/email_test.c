#include "server/email.h"
#include "base/utf8.h"
#include "tests/test.h"

static bool ok(const char *s)
{
    return email_ok(s, strlen(s));
}

TEST(email_rule)
{
    static const char *const good[] = {
        "a@b",
        "ann@example.org",
        "ann+code@mail.example.museum",
        "Ann.O'Hara@Example.INFO",
        "a..b.@x.io",
        "1@2.3",
        "{}|~!#$%&*/=?^_`@xn--bcher-kva.example",
        "\xc3\xa4nn@example.org",
        "\xe6\x9d\x8e@example.cn",
        "\xf0\x9f\x98\x80@example.org",
        "a@b-c",
    };
    static const char *const bad[] = {
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a @b",
        " a@b",
        "a@b ",
        "a@b\n",
        "a\t@b",
        "a\x7f@b",
        "a@b,c@d",
        "<a@b>",
        "Ann <a@b>",
        "\"a\"@b",
        "a\\b@c",
        "a:b@c",
        "a;b@c",
        "(a)@b",
        "a@[127.0.0.1]",
        "a@b..c",
        "a@.b",
        "a@b.",
        "a@-b",
        "a@b-",
        "a@b-.c",
        "a@b_c",
        "a@b\xc3\xa4.example",
        "a\xff@b",
        "\xc3@b",
        "\xed\xa0\x80@b",
        "a\xc2\x9b@b",
        "a\xc2\xa0@b",
        "a\xc2\xad@b",
        "a\xe2\x80\xae@b",
        "a\xe2\x80\x8b@b",
        "a\xe3\x80\x80@b",
        "\xef\xbb\xbf\x61@b",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!ok(good[i]))
            test_fail(__FILE__, __LINE__, "%s is refused", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (ok(bad[i]))
            test_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
    CHECK(!email_ok("a\0@b", 4));
    CHECK(!email_ok("a@b\0", 4));
    CHECK(!email_ok(NULL, 0));
}

TEST(email_has_254_bytes_at_most)
{
    char s[400];
    memset(s, 'a', sizeof(s));
    s[EMAIL_MAX - 2] = '@';
    CHECK(email_ok(s, EMAIL_MAX));
    CHECK(!email_ok(s, EMAIL_MAX + 1));
    memset(s, 'a', sizeof(s));
    s[1] = '@';
    CHECK(email_ok(s, 2 + 63));
    CHECK(!email_ok(s, 2 + 64));
    s[2 + 63] = '.';
    CHECK(email_ok(s, 2 + 63 + 1 + 63));
}

/* Whatever is taken is UTF-8, can stand in a list with commas, and has its one @ inside. */
TEST(email_of_random_bytes)
{
    static const char some[] = "ab.-@@ \"<,\xc3\xa4\xe2\x80\xae";
    char s[12];
    for (int round = 0; round < 200000; round++) {
        size_t n = test_below(sizeof(s));
        for (size_t i = 0; i < n; i++)
            s[i] = test_below(4) ? some[test_below(sizeof(some))] : (char)test_below(256);
        if (!email_ok(s, n))
            continue;
        const char *at = memchr(s, '@', n);
        CHECK(n >= 3 && at && at > s && at < s + n - 1 && utf8_valid(s, n));
        CHECK(!memchr(at + 1, '@', n - (size_t)(at + 1 - s)));
        for (size_t i = 0; i < n; i++)
            CHECK((unsigned char)s[i] > ' ' && !strchr(",\"<>", s[i]));
    }
}

static enum emails_verdict add(struct emails *e, const char *s)
{
    return emails_add(e, s, strlen(s));
}

static bool has(const struct emails *e, const char *s)
{
    return emails_has(e, s, strlen(s));
}

TEST(emails_keep_their_order_and_drop_what_comes_twice)
{
    struct emails e = {0}, again = {0};
    struct buf json = {0};
    CHECK(emails_write(&json, &e));
    CHECK_STR(buf_str(&json), "[]");
    CHECK_EQ(add(&e, "b@x"), EMAILS_OK);
    CHECK_EQ(add(&e, "a/\xc3\xa4@x.org"), EMAILS_OK);
    CHECK_EQ(add(&e, "b@x"), EMAILS_OK);
    CHECK_EQ(add(&e, "B@X"), EMAILS_OK); /* is there but for its case */
    CHECK_EQ(add(&e, "none"), EMAILS_BAD);
    CHECK_EQ(e.count, 2);
    CHECK(emails_write(&json, &e));
    /* Byte for byte what JSON.stringify() makes. */
    CHECK_STR(buf_str(&json), "[\"b@x\",\"a/\xc3\xa4@x.org\"]");
    CHECK(emails_read(&again, json.data, json.len));
    CHECK_EQ(again.count, 2);
    CHECK_STR((const char *)again.all[1].data, "a/\xc3\xa4@x.org");
    CHECK(has(&again, "B@x") && has(&again, "b@x"));
    CHECK(has(&again, "b@X") && has(&again, "A/\xc3\xa4@X.ORG"));
    CHECK(!has(&again, "a/\xc3\x84@x.org") && !has(&again, "") && !has(&again, "b@xx") &&
          !has(&again, "b@"));
    emails_release(&e);
    emails_release(&again);
    buf_release(&json);
}

TEST(emails_are_a_thousand_at_most)
{
    struct emails e = {0};
    struct buf json = {0};
    char s[EMAIL_MAX + 1];
    for (int i = 0; i < EMAILS_MAX; i++) {
        snprintf(s, sizeof(s), "%d@x", i);
        CHECK_EQ(add(&e, s), EMAILS_OK);
    }
    CHECK_EQ(add(&e, "1000@x"), EMAILS_MANY);
    CHECK_EQ(add(&e, "999@x"), EMAILS_OK);
    CHECK(emails_write(&json, &e));
    emails_release(&e);
    memset(s, 'a', sizeof(s));
    for (int i = 0; i < 300; i++) {
        s[snprintf(s, 10, "%d", i)] = '@';
        CHECK_EQ(emails_add(&e, s, 120), EMAILS_BAD); /* a label of more than 63 bytes */
        memcpy(s + 60, ".", 1);
        memcpy(s + 120, ".", 1);
        memcpy(s + 180, ".", 1);
        CHECK_EQ(emails_add(&e, s, 240), EMAILS_OK);
        memset(s, 'a', sizeof(s));
    }
    CHECK(!emails_write(&json, &e));
    CHECK_EQ(json.len, 0);
    emails_release(&e);
    buf_release(&json);
}

TEST(emails_of_the_original)
{
    struct emails e = {0};
    static const char stored[] = " [ \"ann@example.org\" , \"not one\", \"a\\u0040b.org\" ]\n";
    CHECK(emails_read(&e, stored, strlen(stored)));
    CHECK_EQ(e.count, 3);
    CHECK(has(&e, "ann@example.org") && has(&e, "a@b.org") && has(&e, "not one"));
    emails_release(&e);
}

TEST(emails_that_make_no_sense_admit_nobody)
{
    static const char *const none[] = {
        "",           "null",    "true",        "0",          "\"a@b\"",
        "a@b",        "{}",      "{\"a@b\":1}", "[\"a@b\"",   "[\"a@b\"]x",
        "[\"a@b\",]", "['a@b']", "[\"\xff\"]",  "[[\"a@b\"]",
    };
    static const char *const empty[] = {"[]", "[null]", "[1,{},[\"a@b\"],true]", "[\"\"]"};
    struct emails e = {0};
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
        CHECK_EQ(add(&e, "former@x"), EMAILS_OK);
        CHECK(!emails_read(&e, none[i], strlen(none[i])));
        CHECK(e.count == 0 && !has(&e, "former@x") && !has(&e, "a@b") && !has(&e, ""));
    }
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
        CHECK(emails_read(&e, empty[i], strlen(empty[i])));
        CHECK(e.count == 0 && !has(&e, "a@b") && !has(&e, ""));
    }
    CHECK(!emails_read(&e, NULL, 0));
    /* A NUL in one ends nothing early. */
    CHECK(emails_read(&e, "[\"a@b\\u0000.evil\"]", 18));
    CHECK(!has(&e, "a@b"));
    emails_release(&e);
}

TEST(emails_that_are_cut_admit_nobody)
{
    static const char json[] = "[\"a@b\",\"c\\u00e4@d\"]";
    struct emails e = {0};
    for (size_t n = 0; n < strlen(json); n++)
        CHECK(!emails_read(&e, json, n) && !e.count);
    CHECK(emails_read(&e, json, strlen(json)) && has(&e, "c\xc3\xa4@d"));
    emails_release(&e);
}

TEST(emails_that_are_huge_admit_nobody)
{
    struct buf json = {0};
    struct emails e = {0};
    buf_puts(&json, "[\"a@b\",\"");
    memset(buf_reserve(&json, EMAILS_READ_MAX), 'a', EMAILS_READ_MAX);
    json.len += EMAILS_READ_MAX;
    buf_puts(&json, "\"]");
    CHECK(!emails_read(&e, json.data, json.len));
    buf_release(&json);
    for (int i = 0; i < 20000; i++)
        buf_putc(&json, '[');
    CHECK(!emails_read(&e, json.data, json.len));
    buf_release(&json);
}
