/* The subscription by Upstash's streams, and the parser of these. */
#include "base/mem.h"
#include "redis/sub.h"
#include "redis/rest_sse.h"
#include "tests/redis/link_fixture.h"
#include "tests/redis/rest_fixture.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK_HAS(text, part)                                                                      \
    do {                                                                                           \
        const char *check_t = (text);                                                              \
        if (!strstr(check_t, part))                                                                \
            test_fail(__FILE__, __LINE__, "\"%s\" has no \"%s\"", check_t, part);                  \
    } while (0)

/* --- events ----------------------------------------------------------------------------------- */

static struct buf heard;

static void hear(void *udata, const uint8_t *data, size_t len)
{
    buf_putc(&heard, '<');
    buf_append(&heard, data, len);
    buf_putc(&heard, '>');
}

static const char *events_of(const char *stream, size_t step)
{
    struct sse s = {0};
    size_t len = strlen(stream);
    buf_clear(&heard);
    for (size_t at = 0; at < len; at += step)
        CHECK(sse_feed(&s, stream + at, len - at < step ? len - at : step, hear, NULL));
    sse_release(&s);
    return buf_str(&heard);
}

TEST(sse_events_in_any_pieces)
{
    const char *const cases[][2] = {
        {"data: a,b,1\n\ndata: c\n\n", "<a,b,1><c>"},
        {"data: a\r\n\r\ndata:b\r\ndata:  c\r\n\r\n", "<a><b\n c>"},
        {": hello\n\nretry: 5\n\ndata: a\n\n:\n\ndata: b\nid: 7\ndata:\ndata: \n\n", "<a><b\n\n>"},
        {"data: a\n\ndata\ndata\n\ndata:\n\ndatabase: x\n\n", "<a><>"},
        {"data: a\n: x\ndata: b\ndata: c\n\ndata: d\n", "<a><b><c><d>"},
        {"data: a\ndata: b\n\ndata: c\ndata: d", "<a><b><c>"},
        {"data: a\n\ndata: b\n", "<a>"},
        {"data: a\n\nevent: message\ndata: message,c,x\ndata: message,c,y\n\n",
         "<a><message,c,x\nmessage,c,y>"},
        {"\n\n\ndata: a\n\n", "<a>"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t step = 1; step < 20; step++)
            CHECK_STR(events_of(cases[i][0], step), cases[i][1]);
}

TEST(sse_an_event_has_a_limit)
{
    struct sse s = {0};
    size_t n = 1024 * 1024;
    char *p = xmalloc(n);
    memset(p, 'x', n);
    buf_clear(&heard);
    CHECK(sse_feed(&s, "data: a\n\ndata: ", 15, hear, NULL));
    for (int i = 0; i < 15; i++)
        CHECK(sse_feed(&s, p, n, hear, NULL));
    CHECK(!sse_feed(&s, p, n, hear, NULL));
    CHECK_STR(buf_str(&heard), "<a>");
    free(p);
    sse_release(&s);
}

/* --- the subscription ------------------------------------------------------------------------- */

static struct upstash *shared_server(void)
{
    struct upstash *u = upstash_shared();
    upstash_say(u, "{\"is\":\"cut\"}");
    return u;
}

static struct redis_sub *sub_open(const struct upstash *u, uint32_t timeout_ms)
{
    char err[160] = "";
    struct redis_sub *s = redis_sub_open(rest_target(u->url, timeout_ms), err, sizeof(err));
    if (!s)
        test_fail(__FILE__, __LINE__, "%s", err);
    return s;
}

/* The next event as text: "+channel", "channel=payload", "lost: why" or "" after a while. */
static const char *next_of(struct redis_sub *s, uint32_t ms)
{
    static char text[1024];
    struct redis_sub_message m;
    switch (redis_sub_next(s, &m, ms, -1)) {
    case SUB_SUBSCRIBED:
        snprintf(text, sizeof(text), "+%s", m.channel);
        return text;
    case SUB_MESSAGE:
        snprintf(text, sizeof(text), "%s=%.*s", m.channel, (int)m.len, (const char *)m.payload);
        return text;
    case SUB_LOST:
        snprintf(text, sizeof(text), "lost: %s", redis_sub_error(s));
        return text;
    case SUB_NONE:
        break;
    }
    return "";
}

static void publish_to(const char *channel, const char *payload)
{
    shell("redis-cli -p %d publish %s '%s'", redis_shared()->port, channel, payload);
}

TEST(rest_sub_messages_of_every_kind)
{
    const char *const payloads[] = {"hello",
                                    "",
                                    "a,b,,c",
                                    "two\nlines\n",
                                    "data: x",
                                    "\n\n",
                                    "n\xc3\xa4ve \xf0\x9f\x98\x80",
                                    "message,other,fake"};
    struct redis_sub *s = sub_open(shared_server(), 2000);
    CHECK_STR(next_of(s, 0), "");
    redis_sub_want(s, "bytecrowd:a.b-c_D");
    CHECK_STR(next_of(s, 1000), "+bytecrowd:a.b-c_D");
    for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
        char expected[128];
        snprintf(expected, sizeof(expected), "bytecrowd:a.b-c_D=%s", payloads[i]);
        publish_to("bytecrowd:a.b-c_D", payloads[i]);
        publish_to("another", "x");
        CHECK_STR(next_of(s, 1000), expected);
    }
    /* What is no UTF-8 comes mangled, behind a head that is as it was. */
    redis_cli(redis_shared(),
              "eval \"redis.call('PUBLISH', 'bytecrowd:a.b-c_D', 'head \\\\255\\\\1')\" 0");
    CHECK_STR(next_of(s, 1000), "bytecrowd:a.b-c_D=head \xef\xbf\xbd\1");
    redis_sub_close(s);
}

TEST(rest_sub_channels_come_and_go)
{
    struct redis_sub *s = sub_open(shared_server(), 2000);
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 1000), "+a");
    redis_sub_want(s, "odd %/?#\xc3\xa4 name");
    CHECK_STR(next_of(s, 1000), "+odd %/?#\xc3\xa4 name");
    CHECK_STR(next_of(s, 100), ""); /* until the old stream has gone, messages come twice */
    publish_to("a", "1");
    publish_to("'odd %/?#\xc3\xa4 name'", "2");
    CHECK_STR(next_of(s, 1000), "a=1");
    CHECK_STR(next_of(s, 1000), "odd %/?#\xc3\xa4 name=2");
    /* Wanted again: said at once. */
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 0), "+a");
    redis_sub_drop(s, "a");
    redis_sub_drop(s, "never wanted");
    publish_to("a", "3");
    CHECK_STR(next_of(s, 200), "");
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 100), "+a");
    publish_to("a", "4");
    CHECK_STR(next_of(s, 1000), "a=4");
    CHECK_EQ(upstash_count(upstash_shared(), "streams"), 1);
    /* Nobody wants it for a while: then its stream goes. */
    redis_sub_drop(s, "a");
    CHECK_STR(next_of(s, 1500), "");
    CHECK_STR(redis_cli(redis_shared(), "pubsub numsub a"), "a\n0");
    CHECK_EQ(upstash_count(upstash_shared(), "streams"), 1);
    publish_to("a", "5");
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 1000), "+a");
    publish_to("a", "6");
    CHECK_STR(next_of(s, 1000), "a=6");
    redis_sub_close(s);
}

/* Publishes 1, 2, 3, ... to a channel until it is told to stop. */
static atomic_bool stop_publishing;
static _Atomic uint32_t published;

static void *keep_publishing(void *arg)
{
    redisContext *c = redisConnect("127.0.0.1", redis_shared()->port);
    while (c && !c->err && !stop_publishing) {
        redisReply *r = redisCommand(c, "PUBLISH steady %u", published + 1);
        published += r != NULL;
        freeReplyObject(r);
        sleep_ms(1);
    }
    redisFree(c);
    return NULL;
}

/* The old stream lags behind the new one, or the other way round. */
TEST(rest_sub_nothing_is_missed_while_channels_change)
{
    static struct upstash u;
    upstash_start(&u, redis_shared(), "{\"sse\":{\"lag\":[40,0,0,20]}}");
    struct redis_sub *s = sub_open(&u, 2000);
    struct redis_sub_message m;
    pthread_t thread;
    uint32_t last = 0, first = 0, again = 0, changes = 0;
    char name[32];
    redis_sub_want(s, "steady");
    CHECK_STR(next_of(s, 1000), "+steady");
    stop_publishing = false;
    published = 0;
    CHECK(pthread_create(&thread, NULL, keep_publishing, NULL) == 0);
    double end = now_s() + 2;
    while (!stop_publishing || last < published) {
        CHECK(now_s() < end + 3);
        stop_publishing = now_s() > end;
        enum redis_sub_event e = redis_sub_next(s, &m, 20, -1);
        CHECK(e != SUB_LOST);
        if (e == SUB_SUBSCRIBED)
            changes++;
        if (e != SUB_MESSAGE)
            continue;
        char digits[16];
        snprintf(digits, sizeof(digits), "%.*s", (int)m.len, (const char *)m.payload);
        uint32_t n = (uint32_t)atol(digits);
        first = first ? first : n;
        again += n <= last;
        if (n > last + 1 && last)
            test_fail(__FILE__, __LINE__, "%u came after %u", n, last);
        last = n > last ? n : last;
        if (n % 16 == 0) {
            snprintf(name, sizeof(name), "c%u", n % 7);
            redis_sub_want(s, name);
            snprintf(name, sizeof(name), "c%u", (n + 3) % 7);
            redis_sub_drop(s, name);
        }
    }
    pthread_join(thread, NULL);
    CHECK(first == 1 && last > 200 && changes > 10);
    CHECK(again < last);
    redis_sub_close(s);
    upstash_stop(&u);
}

TEST(rest_sub_many_channels_are_several_streams)
{
    enum { N = 120 };
    struct redis_sub *s = sub_open(shared_server(), 2000);
    struct redis_sub_message m;
    bool seen[N] = {false};
    char name[64];
    int left = N;
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "many:%d", i);
        redis_sub_want(s, name);
    }
    while (left) {
        CHECK_EQ(redis_sub_next(s, &m, 2000, -1), SUB_SUBSCRIBED);
        int i = atoi(m.channel + 5);
        CHECK(!seen[i]);
        seen[i] = true;
        left--;
    }
    while (upstash_count(upstash_shared(), "streams") != 3)
        CHECK_STR(next_of(s, 10), "");
    for (int i = 0; i < N; i += 7) {
        char expected[80];
        snprintf(name, sizeof(name), "many:%d", i);
        snprintf(expected, sizeof(expected), "%s=x", name);
        publish_to(name, "x");
        CHECK_STR(next_of(s, 1000), expected);
    }
    /* Long names fill a stream earlier. */
    char longer[512];
    for (int i = 0; i < 40; i++) {
        memset(longer, 'n', sizeof(longer));
        snprintf(longer + 450, 32, "%d", i);
        redis_sub_want(s, longer);
        CHECK_STR(next_of(s, 0), "");
    }
    for (int i = 0; i < 40; i++)
        CHECK_HAS(next_of(s, 2000), "+nnn");
    redis_sub_close(s);
}

TEST(rest_sub_a_lost_stream_is_told)
{
    for (int properly = 0; properly < 2; properly++) {
        struct redis_sub *s = sub_open(shared_server(), 2000);
        redis_sub_want(s, "a");
        CHECK_STR(next_of(s, 1000), "+a");
        upstash_say(upstash_shared(), "{\"is\":\"cut\",\"properly\":%s}",
                    properly ? "true" : "false");
        CHECK_HAS(next_of(s, 1000), properly ? "lost: the server ended" : "lost: ");
        CHECK_HAS(next_of(s, 0), "lost: ");
        redis_sub_close(s);
    }
}

TEST(rest_sub_after_a_restart_a_new_one_works)
{
    static struct upstash u;
    char err[160];
    upstash_start(&u, redis_shared(), NULL);
    struct redis_sub *s = sub_open(&u, 2000);
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 1000), "+a");
    upstash_say(&u, "{\"is\":\"close\"}");
    CHECK_HAS(next_of(s, 1000), "lost: ");
    redis_sub_close(s);
    CHECK(!redis_sub_open(rest_target(u.url, 2000), err, sizeof(err)));
    CHECK_HAS(err, "Failed to connect");
    upstash_say(&u, "{\"is\":\"listen\"}");
    s = sub_open(&u, 2000);
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 1000), "+a");
    redis_sub_close(s);
    upstash_stop(&u);
}

TEST(rest_sub_silence_is_no_death_and_death_no_silence)
{
    struct redis_sub *s = sub_open(shared_server(), 150);
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 1000), "+a");
    long before = upstash_count(upstash_shared(), "/");
    CHECK_STR(next_of(s, 1300), "");
    long asked = upstash_count(upstash_shared(), "/") - before;
    CHECK(asked >= 1 && asked <= 4);
    upstash_say(upstash_shared(), "{\"is\":\"mute\"}");
    double start = now_s();
    CHECK_STR(next_of(s, 2000), "lost: nothing comes by the stream");
    CHECK(now_s() - start < 1.5);
    redis_sub_close(s);
}

static void refuse(int times)
{
    upstash_say(upstash_shared(),
                "{\"is\":\"fault\",\"kind\":\"status\",\"status\":429,\"times\":%d}", times);
}

TEST(rest_sub_a_question_that_is_refused_is_asked_again)
{
    struct redis_sub *s = sub_open(shared_server(), 150);
    CHECK_STR(next_of(s, 800), "");
    refuse(2);
    CHECK_STR(next_of(s, 400), "");
    refuse(100);
    CHECK_STR(next_of(s, 3000),
              "lost: nothing comes by the stream: HTTP (429: ERR a fault of the test)");
    redis_sub_close(s);
    upstash_say(upstash_shared(), "{\"is\":\"heal\"}");
}

TEST(rest_sub_what_cannot_be_opened)
{
    char err[160];
    struct upstash *u = shared_server();
    struct redis_target *t = rest_target(u->url, 300);
    snprintf(t->url.password, sizeof(t->url.password), "wrong-%s", "token");
    CHECK(!redis_sub_open(t, err, sizeof(err)));
    CHECK_HAS(err, "the token was refused (401");
    CHECK(!strstr(err, "wrong"));
    t->url.password[0] = '\0';
    CHECK(!redis_sub_open(t, err, sizeof(err)));
    CHECK_HAS(err, "token");
    upstash_say(u, "{\"is\":\"fault\",\"kind\":\"hang\",\"path\":\"/subscribe\"}");
    double start = now_s();
    CHECK(!redis_sub_open(rest_target(u->url, 300), err, sizeof(err)));
    CHECK_HAS(err, "0 of 1 channels were confirmed");
    CHECK(now_s() - start < 1);
    /* Later, too, when the streams change. */
    struct redis_sub *s = sub_open(u, 300);
    upstash_say(u, "{\"is\":\"fault\",\"kind\":\"hang\",\"path\":\"/subscribe\"}");
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 2000), "lost: 0 of 2 channels were confirmed in time");
    redis_sub_close(s);
}

/* Confirms again and again what nobody asked for. */
static void *chatter(void *udata)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
                      event[] = "data: subscribe,another,1\n\n";
    int fd = accept(*(int *)udata, NULL, NULL);
    send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL);
    for (int i = 0; i < 60 && send(fd, event, sizeof(event) - 1, MSG_NOSIGNAL) > 0; i++)
        sleep_ms(50);
    close(fd);
    return NULL;
}

TEST(rest_sub_a_stream_that_never_confirms_is_given_up)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char url[64], err[160];
    pthread_t thread;
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 5) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(a.sin_port));
    CHECK(pthread_create(&thread, NULL, chatter, &fd) == 0);
    double start = now_s();
    CHECK(!redis_sub_open(rest_target(url, 300), err, sizeof(err)));
    CHECK_HAS(err, "0 of 1 channels were confirmed in time");
    CHECK(now_s() - start < 1);
    pthread_join(thread, NULL);
    close(fd);
}

TEST(rest_sub_can_be_woken)
{
    struct redis_sub *s = sub_open(shared_server(), 2000);
    struct redis_sub_message m;
    int fd = eventfd(1, EFD_CLOEXEC);
    double start = now_s();
    CHECK_EQ(redis_sub_next(s, &m, 5000, fd), SUB_NONE);
    CHECK(now_s() - start < 1);
    redis_sub_want(s, "a");
    /* Woken all the time it still gets on. */
    enum redis_sub_event e = SUB_NONE;
    while (e == SUB_NONE && now_s() - start < 2)
        e = redis_sub_next(s, &m, 5000, fd);
    CHECK_EQ(e, SUB_SUBSCRIBED);
    close(fd);
    redis_sub_close(s);
}

TEST(rest_sub_lines_without_blank_ones)
{
    static struct upstash u;
    upstash_start(&u, redis_shared(), "{\"sse\":{\"blank\":false,\"multiline\":false}}");
    struct redis_sub *s = sub_open(&u, 2000);
    redis_sub_want(s, "a");
    CHECK_STR(next_of(s, 1000), "+a");
    publish_to("a", "one");
    publish_to("a", "two\nthree");
    publish_to("a", "four");
    CHECK_STR(next_of(s, 1000), "a=one");
    CHECK_STR(next_of(s, 1000), "a=two");
    CHECK_STR(next_of(s, 1000), "a=four");
    redis_sub_close(s);
    upstash_stop(&u);
}
