/* The link over Upstash's REST interface, and its bodies. */
#include "base/base64.h"
#include "base/mem.h"
#include "redis/rest_json.h"
#include "tests/redis/link_fixture.h"
#include "tests/redis/rest_fixture.h"

#include <unistd.h>

#define CHECK_HAS(text, part)                                                                      \
    do {                                                                                           \
        const char *check_t = (text);                                                              \
        if (!strstr(check_t, part))                                                                \
            test_fail(__FILE__, __LINE__, "\"%s\" has no \"%s\"", check_t, part);                  \
    } while (0)

/* --- bodies ----------------------------------------------------------------------------------- */

static const char *written(const char *const *args, const size_t *len, int n)
{
    static struct buf out;
    struct redis_command c = {.argc = 0};
    for (int i = 0; i < n; i++)
        redis_arg(&c, args[i], len[i]);
    buf_clear(&out);
    buf_puts(&out, "before");
    return rest_write_command(&out, &c) ? buf_str(&out) : out.len == 6 ? "none" : "some of it";
}

TEST(rest_commands_are_json)
{
    const char *const args[] = {"SET", "", "a\"\\\0\n\x1f\x7f/", "n\xc3\xa4ve \xf0\x9f\x98\x80"};
    CHECK_STR(written(args, (const size_t[]){3, 0, 8, 10}, 4),
              "before[\"SET\",\"\",\"a\\\"\\\\\\u0000\\u000a\\u001f\x7f/\",\"n\xc3\xa4ve "
              "\xf0\x9f\x98\x80\"]");
    const char *const bad[] = {"\xff", "\xc3", "a\xed\xa0\x80", "\xc0\x80"};
    for (int i = 0; i < 4; i++)
        CHECK_STR(
            written((const char *const[]){"SET", bad[i]}, (const size_t[]){3, strlen(bad[i])}, 2),
            "none");
}

/* Of one command. NULL if it is refused. */
static redisReply *reply_of(const char *entry)
{
    char body[4096], err[160] = "";
    redisReply *r;
    snprintf(body, sizeof(body), "[%s]", entry);
    if (rest_read_answer(body, strlen(body), 1, &r, err, sizeof(err)) == 0)
        return r;
    CHECK(*err && !r);
    return NULL;
}

TEST(rest_answers_are_replies)
{
    const struct {
        const char *json;
        int type;
        const char *str;
        size_t len;
    } cases[] = {
        {"{\"result\":\"OK\"}", REDIS_REPLY_STATUS, "OK", 2},
        {"{\"result\":\"T0s=\"}", REDIS_REPLY_STRING, "OK", 2},
        {"{\"result\":\"\"}", REDIS_REPLY_STRING, "", 0},
        {"{\"result\":\"AP8A\"}", REDIS_REPLY_STRING, "\0\xff\0", 3},
        {"{\"result\":null}", REDIS_REPLY_NIL, NULL, 0},
        {"{\"error\":\"ERR \\u00e4\"}", REDIS_REPLY_ERROR, "ERR \xc3\xa4", 6},
        {"{\"result\":null,\"error\":\"ERR x\"}", REDIS_REPLY_ERROR, "ERR x", 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        redisReply *r = reply_of(cases[i].json);
        CHECK(r);
        CHECK_EQ(r->type, cases[i].type);
        if (cases[i].str) {
            CHECK_MEM(r->str, (size_t)r->len, cases[i].str, cases[i].len);
            CHECK_EQ(r->str[r->len], '\0');
        }
        freeReplyObject(r);
    }
    redisReply *r = reply_of("{\"result\":[\"T0s=\",[],[-9223372036854775808,[null]],7]}");
    CHECK(r && r->type == REDIS_REPLY_ARRAY && r->elements == 4);
    CHECK_STR(r->element[0]->str, "OK");
    CHECK_EQ(r->element[0]->type, REDIS_REPLY_STRING);
    CHECK(r->element[1]->type == REDIS_REPLY_ARRAY && r->element[1]->elements == 0);
    CHECK_EQ(r->element[2]->element[0]->integer, INT64_MIN);
    CHECK_EQ(r->element[2]->element[1]->element[0]->type, REDIS_REPLY_NIL);
    CHECK_EQ(r->element[3]->integer, 7);
    freeReplyObject(r);
}

TEST(rest_answers_that_make_no_sense)
{
    const char *const bad[] = {
        "{}",
        "7",
        "{\"result\":{}}",
        "{\"result\":true}",
        "{\"result\":1.5}",
        "{\"result\":\"no base64\"}",
        "{\"result\":\"AB==\"}",
        "{\"result\":[\"OK\"]}",
        "{\"result\":[[\"AAAA\",[1,[{}]]]]}",
        "{\"result\":9223372036854775808}",
        "{\"result\":\"\xff\"}",
        "{\"result\":null},{\"result\":null}",
        "",
        "{\"result\":[[[[[[[[[[1]]]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (reply_of(bad[i]))
            test_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
    freeReplyObject(reply_of("{\"result\":[[[[[[[[[1]]]]]]]]]}"));
    /* As deep as jansson goes, and deeper. */
    char err[160], *deep = xmalloc(100000);
    redisReply *r;
    memset(deep, '[', 100000);
    CHECK_EQ(rest_read_answer(deep, 1000, 1, &r, err, sizeof(err)), -1);
    CHECK_EQ(rest_read_answer(deep, 100000, 1, &r, err, sizeof(err)), -1);
    free(deep);
    redisReply *two[2];
    CHECK_EQ(rest_read_answer("{\"error\":\"ERR all\"}", 19, 2, two, err, sizeof(err)), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_STR(two[i]->str, "ERR all");
        freeReplyObject(two[i]);
    }
    const char *half = "[{\"result\":\"AAAA\"},{\"result\":{}}]";
    CHECK_EQ(rest_read_answer(half, strlen(half), 2, two, err, sizeof(err)), -1);
    CHECK_HAS(err, "base64");
    CHECK(!two[0] && !two[1]);
}

/* --- the link --------------------------------------------------------------------------------- */

static struct redis_link *fresh_link(uint32_t timeout_ms)
{
    redis_cli(redis_shared(), "flushall");
    return link_open(rest_target(upstash_shared()->url, timeout_ms));
}

static long requests(void)
{
    return upstash_count(upstash_shared(), "/pipeline");
}

static void fault(const char *rest)
{
    upstash_say(upstash_shared(), "{\"is\":\"fault\",%s}", rest);
}

TEST(rest_a_run_is_one_request_and_in_order)
{
    struct redis_link *l = fresh_link(2000);
    struct redis_command c[200];
    redisReply *replies[200];
    long before = requests(), connections = upstash_count(upstash_shared(), "connections");
    CHECK_EQ(redis_link_generation(l), 0);
    for (int run = 0; run < 3; run++) {
        for (size_t i = 0; i < 200; i++)
            c[i] = command_of("INCR n", "n", true);
        redis_link_run(l, c, 200, replies);
        for (size_t i = 0; i < 200; i++) {
            CHECK(replies[i] && replies[i]->type == REDIS_REPLY_INTEGER);
            CHECK_EQ(replies[i]->integer, run * 200 + (long long)i + 1);
            redis_reply_free(replies[i]);
        }
    }
    CHECK_EQ(requests() - before, 3);
    CHECK_EQ(upstash_count(upstash_shared(), "connections") - connections, 1);
    CHECK_EQ(redis_link_generation(l), 1);
    CHECK_STR(redis_link_error(l), "");
    redis_link_run(l, c, 0, replies);
    CHECK_EQ(requests() - before, 3);
    redis_link_close(l);
}

TEST(rest_binary_replies_and_all_that_redis_answers)
{
    struct redis_link *l = fresh_link(2000);
    redis_cli(redis_shared(), "eval \"redis.call('SET', 'b', '\\\\255\\\\0\\\\1\\\\n')\" 0");
    struct redis_command c = command_of("GET b", "b", false);
    redisReply *r;
    redis_link_run(l, &c, 1, &r);
    CHECK(r && r->type == REDIS_REPLY_STRING);
    CHECK_MEM(r->str, (size_t)r->len, "\xff\0\1\n", 4);
    redis_reply_free(r);
    CHECK_STR(ask(l, "SET k n\xc3\xa4ve"), "OK");
    CHECK_STR(redis_cli(redis_shared(), "--raw get k"), "n\xc3\xa4ve");
    CHECK_STR(ask(l, "GET none"), "nil");
    CHECK_STR(ask(l, "PING"), "PONG");
    CHECK_STR(ask(l, "MGET k none k"), "n\xc3\xa4ve\nnil\nn\xc3\xa4ve");
    CHECK_STR(ask(l, "INCR k"), "ERR value is not an integer or out of range");
    CHECK_STR(ask(l, "HGET k f"),
              "WRONGTYPE Operation against a key holding the wrong kind of value");
    CHECK_HAS(ask(l, "SUBSCRIBE c"), "is not allowed in REST");
    CHECK_STR(redis_link_error(l), "");
    redis_link_close(l);
}

TEST(rest_every_byte_of_text_arrives)
{
    struct redis_link *l = fresh_link(2000);
    char all[0x80], text[0x80 + 8];
    for (int i = 0; i < 0x80; i++)
        all[i] = (char)i;
    memcpy(text, all, 0x80);
    memcpy(text + 0x80, "\xc2\x80\xf4\x8f\xbf\xbf\xe2\x80", 8);
    struct redis_command c[2] = {command_of("SET t", "t", true), command_of("GET t", "t", false)};
    redisReply *r[2];
    redis_arg(&c[0], text, 0x80 + 6);
    redis_link_run(l, c, 2, r);
    CHECK(r[0] && r[1]);
    CHECK_MEM(r[1]->str, (size_t)r[1]->len, text, 0x80 + 6);
    redis_reply_free(r[0]);
    redis_reply_free(r[1]);
    /* What is cut in the middle of a character fails alone, and is not written. */
    c[0].len[2] = 0x80 + 8;
    redis_link_run(l, c, 2, r);
    CHECK(r[0] && r[0]->type == REDIS_REPLY_ERROR);
    CHECK_HAS(r[0]->str, "not UTF-8");
    CHECK(r[1] && (size_t)r[1]->len == 0x80 + 6);
    redis_reply_free(r[0]);
    redis_reply_free(r[1]);
    long before = requests();
    redis_link_run(l, c, 1, r);
    CHECK(r[0] && r[0]->type == REDIS_REPLY_ERROR);
    redis_reply_free(r[0]);
    CHECK_EQ(requests(), before);
    redis_link_close(l);
}

TEST(rest_a_big_run_is_several_requests)
{
    enum { N = 9, SIZE = 2000000 };
    struct redis_link *l = fresh_link(5000);
    struct redis_command c[N + 2];
    redisReply *r[N + 2];
    char *big = xmalloc(SIZE);
    memset(big, 'x', SIZE);
    long before = requests();
    for (size_t i = 0; i < N; i++) {
        c[i] = command_of("APPEND big", "big", true);
        redis_arg(&c[i], big, SIZE);
    }
    c[4] = command_of("INCR big", "big", true);
    c[N] = command_of("STRLEN big", "big", false);
    c[N + 1] = command_of("GET big", "big", false);
    redis_link_run(l, c, N + 2, r);
    for (size_t i = 0; i < N; i++) {
        CHECK(r[i]);
        if (i == 4)
            CHECK_EQ(r[i]->type, REDIS_REPLY_ERROR);
        else
            CHECK_EQ(r[i]->integer, (long long)(i < 4 ? i + 1 : i) * SIZE);
    }
    CHECK_EQ(r[N]->integer, (N - 1) * SIZE);
    CHECK_EQ(r[N + 1]->len, (N - 1) * SIZE);
    for (size_t i = 0; i < N + 2; i++)
        redis_reply_free(r[i]);
    CHECK_EQ(requests() - before, 3);
    CHECK(upstash_count(upstash_shared(), "largest") < 8000000);
    /* One command that is too big is the server's to refuse. */
    char *huge = xmalloc(11000000);
    memset(huge, 'x', 11000000);
    c[0] = command_of("SET huge", "huge", true);
    redis_arg(&c[0], huge, 11000000);
    c[1] = command_of("EXISTS huge", "huge", false);
    redis_link_run(l, c, 2, r);
    CHECK(r[0] && r[0]->type == REDIS_REPLY_ERROR && r[1]);
    CHECK_HAS(r[0]->str, "max request size exceeded");
    CHECK_EQ(r[1]->integer, 0);
    redis_reply_free(r[0]);
    redis_reply_free(r[1]);
    free(huge);
    free(big);
    redis_link_close(l);
}

TEST(rest_a_lost_answer_is_sent_once_more)
{
    const char *const kinds[] = {"\"kind\":\"drop-before\"", "\"kind\":\"drop-after\"",
                                 "\"kind\":\"drop-during\"", "\"kind\":\"status\",\"status\":502"};
    const char *const values[] = {"2", "4", "6", "7"};
    struct redis_link *l = fresh_link(2000);
    CHECK_STR(ask(l, "INCR n"), "1");
    for (size_t i = 0; i < 4; i++) {
        long before = requests();
        fault(kinds[i]);
        CHECK_STR(ask(l, "INCR n"), values[i]);
        CHECK_EQ(requests() - before, 2);
        CHECK_EQ(redis_link_generation(l), i + 2);
        CHECK_STR(redis_link_error(l), "");
    }
    redis_link_close(l);
}

TEST(rest_an_answer_lost_twice_is_none)
{
    struct redis_link *l = fresh_link(2000);
    CHECK_STR(ask(l, "INCR n"), "1");
    long before = requests();
    fault("\"kind\":\"drop-after\",\"times\":2");
    CHECK_HAS(ask(l, "INCR n"), "none: ");
    CHECK_EQ(requests() - before, 2);
    CHECK_HAS(ask(l, "GET n"), "next attempt in ");
    CHECK_EQ(requests() - before, 2);
    sleep_ms(60);
    CHECK_STR(ask(l, "GET n"), "3");
    CHECK_EQ(redis_link_generation(l), 2);
    redis_link_close(l);
}

TEST(rest_what_follows_a_lost_request_is_not_sent)
{
    enum { N = 5, SIZE = 5000000 };
    struct redis_link *l = fresh_link(2000);
    struct redis_command c[N];
    redisReply *r[N];
    char *big = xmalloc(SIZE);
    memset(big, 'x', SIZE);
    for (size_t i = 0; i < N; i++) {
        c[i] = command_of("APPEND big", "big", true);
        redis_arg(&c[i], big, SIZE);
    }
    fault("\"kind\":\"drop-before\",\"times\":2,\"skip\":2");
    redis_link_run(l, c, N, r);
    CHECK(r[0] && r[1] && !r[2] && !r[3] && !r[4]);
    CHECK(*redis_link_error(l));
    redis_reply_free(r[0]);
    redis_reply_free(r[1]);
    CHECK_STR(redis_cli(redis_shared(), "strlen big"), "10000000");
    free(big);
    redis_link_close(l);
}

TEST(rest_a_refused_token_is_told_and_never_shown)
{
    struct redis_target *t = rest_target(upstash_shared()->url, 2000);
    snprintf(t->url.password, sizeof(t->url.password), "secret-%s", "and-wrong");
    struct redis_link *l = link_open(t);
    long before = requests();
    const char *said = ask(l, "PING");
    CHECK_STR(said, "none: the token was refused (401: WRONGPASS invalid or missing auth token)");
    CHECK_EQ(requests() - before, 1);
    sleep_ms(60);
    fault("\"kind\":\"status\",\"status\":403,\"body\":"
          "\"{\\\"error\\\":\\\"not secret-and-wrong\\\"}\"");
    CHECK_STR(ask(l, "PING"), "none: the token was refused (403)");
    redis_link_close(l);
}

TEST(rest_retry_after_is_kept_to)
{
    struct redis_link *l = fresh_link(3000);
    CHECK_STR(ask(l, "INCR n"), "1");
    long before = requests();
    double start = now_s();
    fault("\"kind\":\"status\",\"status\":429,\"headers\":{\"retry-after\":\"1\"}");
    CHECK_STR(ask(l, "INCR n"), "2");
    CHECK(now_s() - start > 0.95 && now_s() - start < 2.5);
    CHECK_EQ(requests() - before, 2);
    CHECK_EQ(redis_link_generation(l), 1);
    start = now_s();
    fault("\"kind\":\"status\",\"status\":503,\"headers\":{\"retry-after\":\"4\"}");
    CHECK_STR(ask(l, "INCR n"), "none: HTTP (503: ERR a fault of the test)");
    CHECK(now_s() - start < 0.5);
    sleep_ms(60);
    CHECK_HAS(ask(l, "INCR n"), "next attempt in 3");
    CHECK_EQ(requests() - before, 3);
    redis_link_close(l);
}

TEST(rest_429_without_a_time_is_a_failure)
{
    struct redis_link *l = fresh_link(3000);
    long before = requests();
    fault("\"kind\":\"status\",\"status\":429");
    CHECK_STR(ask(l, "INCR n"), "none: HTTP (429: ERR a fault of the test)");
    CHECK_EQ(requests() - before, 1);
    redis_link_close(l);
}

TEST(rest_a_time_out_is_not_sent_again)
{
    struct redis_link *l = fresh_link(300);
    CHECK_STR(ask(l, "INCR n"), "1");
    long before = requests();
    double start = now_s();
    fault("\"kind\":\"delay-after\",\"ms\":600");
    CHECK_STR(ask(l, "INCR n"), "none: no answer within 300 ms");
    CHECK(now_s() - start > 0.28 && now_s() - start < 0.55);
    CHECK_EQ(requests() - before, 1);
    sleep_ms(60);
    CHECK_STR(ask(l, "GET n"), "2");
    CHECK_EQ(redis_link_generation(l), 2);
    redis_link_close(l);
}

TEST(rest_nobody_there_backs_off_and_comes_back)
{
    static struct upstash u;
    char url[64];
    upstash_start(&u, redis_shared(), NULL);
    struct redis_link *l = link_open(rest_target(u.url, 1000));
    CHECK_STR(ask(l, "PING"), "PONG");
    upstash_say(&u, "{\"is\":\"close\"}");
    double start = now_s();
    int tries = 0;
    CHECK_HAS(ask(l, "PING"), "none: ");
    while (now_s() - start < 1) {
        const char *said = ask(l, "PING");
        CHECK_HAS(said, "Failed to connect");
        tries += !strstr(said, "next attempt in ");
        sleep_ms(5);
    }
    /* 50, 100, 200, 400 ms, each of which may be halved */
    CHECK(tries >= 3 && tries <= 6);
    upstash_say(&u, "{\"is\":\"listen\"}");
    while (strcmp(ask(l, "PING"), "PONG") != 0)
        CHECK(now_s() - start < 5);
    CHECK_EQ(redis_link_generation(l), 2);
    redis_link_close(l);
    upstash_stop(&u);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", free_port());
    l = link_open(rest_target(url, 1000));
    CHECK_HAS(ask(l, "PING"), "Failed to connect");
    redis_link_close(l);
}

TEST(rest_answers_that_are_not_upstashs)
{
    const struct {
        const char *fault, *said;
    } cases[] = {
        {"\"kind\":\"answer\",\"body\":\"<html>\"", "the answer is not JSON"},
        {"\"kind\":\"answer\",\"body\":\"[]\"", "not one to 1 commands"},
        {"\"kind\":\"answer\",\"body\":\"[{\\\"result\\\":\\\"plain\\\"}]\"", "not in base64"},
        {"\"kind\":\"status\",\"status\":404,\"body\":\"\"", "HTTP (404)"},
        {"\"kind\":\"status\",\"status\":400,\"body\":\"<html>\"", "HTTP (400)"},
        {"\"kind\":\"status\",\"status\":301,\"headers\":{\"location\":\"/x\"}", "HTTP (301"},
    };
    struct redis_link *l = fresh_link(1000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        fault(cases[i].fault);
        CHECK_HAS(ask(l, "PING"), cases[i].said);
        sleep_ms(60);
        CHECK_STR(ask(l, "PING"), "PONG");
    }
    fault("\"kind\":\"answer\",\"body\":\"{\\\"error\\\":\\\"ERR for all\\\"}\"");
    CHECK_STR(ask(l, "PING"), "ERR for all");
    fault("\"kind\":\"status\",\"status\":400,\"body\":\"{\\\"error\\\":\\\"ERR so not\\\"}\"");
    CHECK_STR(ask(l, "PING"), "ERR so not");
    redis_link_close(l);
}

TEST(rest_the_token_of_replicas_goes_back)
{
    struct redis_link *l = fresh_link(1000);
    ask(l, "PING");
    const char *header = "{\"is\":\"header\",\"name\":\"upstash-sync-token\"}";
    CHECK_STR(upstash_say(upstash_shared(), "%s", header), "\"\"");
    ask(l, "PING");
    CHECK_HAS(upstash_say(upstash_shared(), "%s", header), "zj0");
    redis_link_close(l);
}

TEST(rest_targets_that_make_no_sense)
{
    char err[256];
    struct redis_target *t = rest_target("https://example.upstash.io", 1000);
    t->replicas = 1;
    CHECK(!redis_link_open(t, err, sizeof(err)));
    CHECK_HAS(err, "replicas");
    t->replicas = 0;
    t->tls_ca = "/nonexistent";
    CHECK(!redis_link_open(t, err, sizeof(err)));
    CHECK_HAS(err, "/nonexistent");
    t->tls_ca = NULL;
    const char *const tokens[] = {"", "with space", "with\r\nheader: x", "\xc3\xa4"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(t->url.password, sizeof(t->url.password), "%s", tokens[i]);
        CHECK(!redis_link_open(t, err, sizeof(err)));
        CHECK_HAS(err, "token");
    }
}

/* stream_test.c has the resolver that takes its time. */
TEST(rest_a_name_that_is_not_found_in_time)
{
    struct redis_link *l = link_open(rest_target("https://slow.invalid:1", 200));
    double start = now_s();
    CHECK_STR(ask(l, "PING"), "none: no connection within 200 ms");
    CHECK(now_s() - start > 0.19 && now_s() - start < 0.5);
    redis_link_close(l);
    CHECK(now_s() - start < 0.5);
}

TEST(rest_this_machine_is_not_asked_by_a_proxy)
{
    struct redis_link *l = fresh_link(1000);
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    const char *said = ask(l, "PING");
    unsetenv("http_proxy");
    CHECK_STR(said, "PONG");
    redis_link_close(l);
}

TEST(rest_tls_is_verified)
{
    static struct upstash u;
    const char *dir = temp_dir();
    char options[512], ca[256];
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
          "/CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s/key.pem "
          "-out %s/cert.pem 2>&1",
          dir, dir);
    snprintf(options, sizeof(options),
             "{\"tls\":{\"key\":\"%s/key.pem\",\"cert\":\"%s/cert.pem\"}}", dir, dir);
    snprintf(ca, sizeof(ca), "%s/cert.pem", dir);
    upstash_start(&u, redis_shared(), options);
    struct redis_target *t = rest_target(u.url, 2000);
    struct redis_link *l = link_open(t);
    CHECK_HAS(ask(l, "PING"), "certificate");
    redis_link_close(l);
    t->tls_ca = ca;
    l = link_open(t);
    CHECK_STR(ask(l, "PING"), "PONG");
    CHECK_STR(ask(l, "SET tls yes"), "OK");
    redis_link_close(l);
    upstash_stop(&u);
}
