/*
 * Outgoing requests: to our own server on the same loop, and to sockets that misbehave.
 */
#include "net/fetch.h"

#include "base/log.h"
#include "net/conn.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG (3 * 1024 * 1024)

static struct {
    struct net_loop *loop;
    struct net_server *net;
    struct net_fetcher *fetcher;
    struct net_timer *late; /* a test that hangs fails */
    struct net_call *other; /* cancelled by whoever is answered first */
    int due, answers, in_fetch;
    size_t requests, open, most_open;
    int status;
    char error[600], type[128];
    struct buf body;
    char url[100];
} my;

static char big[BIG];

/* --- the server ------------------------------------------------------------------------------- */

static void put(struct buf *b, struct http_str s, const char *after)
{
    buf_append(b, s.p, s.len);
    buf_puts(b, after);
}

/* What was asked, as text. */
static void echo(struct conn *c, const struct http_request *req)
{
    struct buf b = {0};
    put(&b, req->method, " ");
    put(&b, req->path, "?");
    put(&b, req->query, "\n");
    put(&b, http_header(req, "X-One"), "|");
    put(&b, http_header(req, "Content-Type"), "|");
    put(&b, http_header(req, "Cookie"), "|");
    put(&b, http_header(req, "Expect"), "\n");
    put(&b, req->body, "");
    http_reply(c, 200, "Content-Type: text/x-echo\r\nSet-Cookie: a=b\r\n", b.data, b.len, false);
    buf_release(&b);
}

static void on_request(struct conn *c, const struct http_request *req, void *udata)
{
    my.requests++;
    if (++my.open > my.most_open)
        my.most_open = my.open;
    if (http_str_is(req->path, "/hang"))
        return;
    my.open--;
    if (http_str_is(req->path, "/big"))
        http_reply(c, 200, NULL, big, BIG, true);
    else if (http_str_is(req->path, "/away"))
        http_reply(c, 302, "Location: /echo\r\n", "gone", 4, true);
    else if (http_str_is(req->path, "/none"))
        http_reply(c, 204, NULL, NULL, 0, true);
    else if (http_str_is(req->path, "/refused"))
        http_reply(c, 401, NULL, "no", 2, true);
    else
        echo(c, req);
}

static void on_message(struct conn *c, uint8_t *data, size_t len, void *udata)
{
}

static void on_closed(struct conn *c, void *udata)
{
}

static void too_late(void *udata)
{
    test_fail(__FILE__, __LINE__, "no answer for ten seconds");
}

static void start(struct net_fetcher_opts opts)
{
    char err[200];
    struct net_limits limits = {.http.body_bytes = 4 * BIG};
    struct net_handler h = {on_request, on_message, on_closed, NULL, NULL};
    log_setup(LOG_ERROR, false);
    memset(&my, 0, sizeof(my));
    my.loop = net_loop_new();
    my.net = net_server_new(my.loop, "127.0.0.1", 0, &limits, &h, err, sizeof(err));
    CHECK(my.net);
    my.fetcher = net_fetcher_new(my.loop, &opts);
    my.late = net_timer_new(my.loop, too_late, NULL);
}

static void finish(void)
{
    net_fetcher_free(my.fetcher);
    net_timer_free(my.late);
    net_server_free(my.net);
    net_loop_free(my.loop);
    buf_release(&my.body);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void answered(const struct net_answer *a, void *udata)
{
    CHECK(!my.in_fetch);
    my.answers++;
    CHECK((a->status != 0) == (a->error == NULL));
    CHECK(a->status || !a->body.len);
    my.status = a->status;
    snprintf(my.error, sizeof(my.error), "%s", a->error ? a->error : "");
    snprintf(my.type, sizeof(my.type), "%s", a->content_type);
    buf_clear(&my.body);
    buf_append(&my.body, a->body.data, a->body.len);
    if (my.other)
        net_fetch_cancel(my.other);
    my.other = NULL;
    if (--my.due <= 0)
        net_loop_stop(my.loop);
}

/* Strings that are gone at once, as the header allows. */
static struct net_call *ask(const char *method, const char *url, const char *header,
                            const void *body, size_t len)
{
    char *m = strdup(method), *u = strdup(url), *h = header ? strdup(header) : NULL;
    const char *headers[] = {h, NULL};
    void *b = malloc(len + 1);
    if (len)
        memcpy(b, body, len);
    my.in_fetch++;
    struct net_call *c =
        net_fetch(my.fetcher, &(struct net_request){m, u, headers, b, len}, answered, NULL);
    my.in_fetch--;
    free(m), free(u), free(h), free(b);
    return c;
}

static const char *at(const char *path)
{
    snprintf(my.url, sizeof(my.url), "http://127.0.0.1:%u%s", net_server_port(my.net), path);
    return my.url;
}

static struct net_call *get(const char *url)
{
    return ask("GET", url, NULL, NULL, 0);
}

/* Until `n` answers have come. */
static void await(int n)
{
    my.due = n;
    net_timer_start(my.late, 10000, 0);
    net_loop_run(my.loop);
    net_timer_stop(my.late);
}

static void stop(void *udata)
{
    net_loop_stop(my.loop);
}

static void pass(uint64_t ms)
{
    struct net_timer *timer = net_timer_new(my.loop, stop, NULL);
    net_timer_start(timer, ms, 0);
    net_loop_run(my.loop);
    net_timer_free(timer);
}

static void expect_error(const char *url, const char *error)
{
    get(url);
    await(1);
    CHECK_EQ(my.status, 0);
    CHECK_STR(my.error, error);
}

/* --- what goes well --------------------------------------------------------------------------- */

TEST(fetch_get_and_post)
{
    start((struct net_fetcher_opts){0});
    ask("GET", at("/echo?a=b%20c"), "X-One: 1", NULL, 0);
    await(1);
    CHECK_EQ(my.status, 200);
    CHECK_STR(buf_str(&my.body), "GET /echo?a=b%20c\n1|||\n");
    CHECK_STR(my.type, "text/x-echo");
    ask("POST", at("/echo"), "Content-Type: application/json", "a\0b", 3);
    await(1);
    CHECK_MEM(my.body.data, my.body.len, "POST /echo?\n|application/json||\na\0b", 35);
    finish();
}

TEST(fetch_post_without_a_body)
{
    start((struct net_fetcher_opts){0});
    ask("POST", at("/echo"), "Content-Type:", NULL, 0);
    await(1);
    CHECK_STR(buf_str(&my.body), "POST /echo?\n|||\n");
    finish();
}

TEST(fetch_big_body_is_sent_without_asking)
{
    start((struct net_fetcher_opts){.max_body = 2 * BIG});
    memset(big, 'x', BIG);
    ask("POST", at("/echo"), NULL, big, BIG);
    await(1);
    CHECK_EQ(my.status, 200);
    CHECK(my.body.len > BIG && !memcmp(my.body.data + my.body.len - BIG, big, BIG));
    CHECK(strstr(buf_str(&my.body), "urlencoded||\nxxx")); /* no Expect */
    finish();
}

/* A redirect could take a token to somebody else. */
TEST(fetch_follows_no_redirect_and_keeps_no_cookie)
{
    start((struct net_fetcher_opts){0});
    for (int i = 0; i < 2; i++) {
        get(at("/away"));
        await(1);
        CHECK_EQ(my.status, 302);
        CHECK_STR(buf_str(&my.body), "gone");
        get(at("/echo"));
        await(1);
        CHECK_STR(buf_str(&my.body), "GET /echo?\n|||\n");
    }
    CHECK_EQ(my.requests, 4);
    finish();
}

TEST(fetch_statuses)
{
    start((struct net_fetcher_opts){0});
    get(at("/none"));
    await(1);
    CHECK_EQ(my.status, 204);
    CHECK_EQ(my.body.len, 0);
    CHECK_STR(my.type, "");
    get(at("/refused"));
    await(1);
    CHECK_EQ(my.status, 401);
    CHECK_STR(buf_str(&my.body), "no");
    finish();
}

TEST(fetch_many_at_a_time_some_wait)
{
    start((struct net_fetcher_opts){.max_calls = 3});
    for (int i = 0; i < 40; i++)
        get(at("/echo"));
    await(40);
    CHECK_EQ(my.requests, 40);
    CHECK_EQ(my.status, 200);
    finish();
}

/* --- limits ----------------------------------------------------------------------------------- */

TEST(fetch_answer_that_is_too_big)
{
    char want[100];
    start((struct net_fetcher_opts){.max_body = BIG});
    get(at("/big"));
    await(1);
    CHECK_EQ(my.body.len, BIG);
    finish();
    start((struct net_fetcher_opts){.max_body = BIG - 1});
    snprintf(want, sizeof(want), "127.0.0.1: an answer of more than %d bytes", BIG - 1);
    expect_error(at("/big"), want);
    finish();
}

TEST(fetch_hanging_answer_times_out)
{
    start((struct net_fetcher_opts){.timeout_ms = 200});
    uint64_t began = net_now_us();
    expect_error(at("/hang"), "127.0.0.1: no answer within 200 ms");
    CHECK(net_now_us() - began < 3000000);
    finish();
}

TEST(fetch_waiting_counts_for_the_timeout)
{
    start((struct net_fetcher_opts){.timeout_ms = 300, .max_calls = 2});
    uint64_t began = net_now_us();
    for (int i = 0; i < 8; i++)
        get(at("/hang"));
    await(8);
    CHECK_EQ(my.status, 0);
    CHECK(my.most_open <= 4); /* the last ones never got there, or only just */
    CHECK(net_now_us() - began < 3000000);
    finish();
}

/* --- who does not answer as he should --------------------------------------------------------- */

static struct raw {
    int fd, port;
    const char *says;
    size_t repeat; /* how often; then, if `ends`, it closes */
    bool ends;
    pthread_t thread;
} raw;

static void *raw_run(void *udata)
{
    char head[4096];
    int fd = accept(raw.fd, NULL, NULL);
    if (fd < 0)
        return NULL;
    ssize_t n = recv(fd, head, sizeof(head), 0);
    for (size_t i = 0; n > 0 && i < raw.repeat; i++)
        if (send(fd, raw.says, strlen(raw.says), MSG_NOSIGNAL) < 0)
            break;
    if (n > 0 && raw.ends)
        shutdown(fd, SHUT_WR);
    while (n > 0)
        n = recv(fd, head, sizeof(head), 0);
    close(fd);
    return NULL;
}

static int listen_somewhere(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 5) == 0);
    getsockname(fd, (struct sockaddr *)&a, &len);
    *port = ntohs(a.sin_port);
    return fd;
}

static const char *raw_start(const char *says, size_t repeat, bool ends)
{
    static char url[100];
    raw = (struct raw){.says = says, .repeat = repeat, .ends = ends};
    raw.fd = listen_somewhere(&raw.port);
    pthread_create(&raw.thread, NULL, raw_run, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", raw.port);
    return url;
}

static void raw_finish(void)
{
    shutdown(raw.fd, SHUT_RDWR);
    pthread_join(raw.thread, NULL);
    close(raw.fd);
}

static void expect_of_raw(const char *says, size_t repeat, bool ends, const char *error)
{
    start((struct net_fetcher_opts){.timeout_ms = 300});
    get(raw_start(says, repeat, ends));
    await(1);
    CHECK_EQ(my.status, 0);
    if (!strstr(my.error, error))
        test_fail(__FILE__, __LINE__, "\"%s\" instead of \"%s\"", my.error, error);
    CHECK(!strncmp(my.error, "127.0.0.1: ", 11));
    finish();
    raw_finish();
}

#define OK "HTTP/1.1 200 OK\r\n"

TEST(fetch_broken_answers)
{
    expect_of_raw(OK "Content-Length: 100\r\n\r\nabc", 1, false, "no answer within 300 ms");
    expect_of_raw(OK "Content-Length: 100\r\n\r\nabc", 1, true, "97 bytes remaining");
    expect_of_raw(OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 1, true, "chunk");
    expect_of_raw("", 1, true, "Empty reply");
    expect_of_raw("hello\n", 1, true, "HTTP/0.9");
    expect_of_raw(OK "Conte", 1, false, "no answer within 300 ms");
}

/* Curl keeps the headers of an answer, interim ones too, for as long as they come. */
TEST(fetch_headers_without_end)
{
    expect_of_raw("HTTP/1.1 100 Continue\r\nX: 01234567890123456789012345678901234567890\r\n\r\n",
                  1000000, false, "too many headers");
}

TEST(fetch_answer_that_ends_with_the_connection)
{
    start((struct net_fetcher_opts){.timeout_ms = 2000});
    get(raw_start(OK "\r\nall", 1, true));
    await(1);
    CHECK_EQ(my.status, 200);
    CHECK_STR(buf_str(&my.body), "all");
    finish();
    raw_finish();
}

TEST(fetch_refused_port)
{
    char url[100];
    int port, fd = listen_somewhere(&port);
    close(fd);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/secret?code=secret", port);
    start((struct net_fetcher_opts){0});
    ask("POST", url, "Authorization: Bearer secret", "secret", 6);
    await(1);
    CHECK_EQ(my.status, 0);
    CHECK(!strncmp(my.error, "127.0.0.1: Failed to connect", 28));
    CHECK(!strstr(my.error, "secret"));
    finish();
}

TEST(fetch_unknown_host)
{
    start((struct net_fetcher_opts){.timeout_ms = 3000});
    get("https://nowhere.invalid/secret");
    await(1);
    CHECK_EQ(my.status, 0);
    CHECK(!strncmp(my.error, "nowhere.invalid: ", 17));
    CHECK(!strstr(my.error, "secret"));
    finish();
}

/* The server speaks no TLS. */
TEST(fetch_https_to_who_does_not_speak_it)
{
    char url[100];
    start((struct net_fetcher_opts){0});
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", net_server_port(my.net));
    get(url);
    await(1);
    CHECK_EQ(my.status, 0);
    CHECK(!strncmp(my.error, "127.0.0.1: ", 11) && strlen(my.error) > 11);
    CHECK_EQ(my.requests, 0);
    finish();
}

/* --- what is not sent ------------------------------------------------------------------------- */

TEST(fetch_http_only_to_this_machine)
{
    static const char *const others[] = {"http://example.com/", "http://192.0.2.1/",
                                         "http://[2001:db8::1]/", "http://localhost.example.com/",
                                         "HTTP://127.0.0.1.example.com/"};
    start((struct net_fetcher_opts){.timeout_ms = 300});
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        get(others[i]);
        await(1);
        CHECK(strstr(my.error, ": https: is needed"));
    }
    snprintf(my.url, sizeof(my.url), "http://localhost:%u/echo", net_server_port(my.net));
    get(my.url);
    await(1);
    CHECK_EQ(my.status, 200);
    finish();
    start((struct net_fetcher_opts){.timeout_ms = 300, .plain = true});
    get("http://nowhere.invalid/");
    await(1);
    CHECK(!strncmp(my.error, "nowhere.invalid: ", 17) && !strstr(my.error, "https"));
    finish();
}

TEST(fetch_what_is_no_request)
{
    static const char *const bad[] = {
        "",
        "nonsense",
        "/path",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "dict://127.0.0.1/",
        "javascript:alert(1)",
        "https://",
        "https://user:secret@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1/ HTTP/1.1\r\nX: y",
        "http://[::1/",
    };
    start((struct net_fetcher_opts){.timeout_ms = 300, .plain = true});
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        get(bad[i]);
        await(1);
        if (my.status || strcmp(my.error, "no request that can be sent") != 0)
            test_fail(__FILE__, __LINE__, "%s: %d %s", bad[i], my.status, my.error);
    }
    ask("GET", at("/echo"), "X-One: a\r\nX-Two: b", NULL, 0);
    ask("DELETE", at("/echo"), NULL, NULL, 0);
    await(2);
    CHECK_STR(my.error, "no request that can be sent");
    CHECK_EQ(my.requests, 0);
    finish();
}

/* --- giving up -------------------------------------------------------------------------------- */

TEST(fetch_cancelled_ones_are_never_answered)
{
    start((struct net_fetcher_opts){.max_calls = 2});
    struct net_call *a = get(at("/hang")), *b = get(at("/hang")), *c = get(at("/echo"));
    pass(100);
    CHECK_EQ(my.requests, 2);
    net_fetch_cancel(c); /* while it waits */
    net_fetch_cancel(a); /* while it runs */
    net_fetch_cancel(b);
    net_fetch_cancel(get(at("/echo"))); /* at once */
    pass(100);
    CHECK_EQ(my.answers, 0);
    get(at("/echo"));
    await(1);
    CHECK_EQ(my.status, 200);
    finish();
}

TEST(fetch_cancelled_one_hangs_up)
{
    start((struct net_fetcher_opts){0});
    struct net_call *c = get(raw_start("", 0, false));
    pass(100);
    net_fetch_cancel(c);
    raw_finish(); /* which waits for the end of the connection */
    CHECK_EQ(my.answers, 0);
    finish();
}

/* Both have come when the first is handed over. */
TEST(fetch_cancelled_by_the_answer_of_another)
{
    for (int i = 0; i < 20; i++) {
        start((struct net_fetcher_opts){0});
        get("nonsense");
        my.other = get("nonsense");
        usleep(i * 500);
        await(1);
        pass(20);
        CHECK_EQ(my.answers, 1);
        finish();
    }
}

TEST(fetch_random_cancels)
{
    struct net_call *calls[30];
    start((struct net_fetcher_opts){.max_calls = 5, .timeout_ms = 1000});
    for (int round = 0; round < 30; round++) {
        size_t n = 1 + test_below(30);
        for (size_t i = 0; i < n; i++)
            calls[i] = get(test_below(3) ? at("/hang") : at("/none"));
        if (test_below(2))
            usleep((useconds_t)test_below(3000));
        for (size_t i = 0; i < n; i++) /* the loop has not run: none was answered */
            net_fetch_cancel(calls[i]);
        if (test_below(2))
            pass(test_below(5) + 1);
    }
    CHECK_EQ(my.answers, 0);
    get(at("/echo"));
    await(1);
    CHECK_EQ(my.status, 200);
    finish();
}

/* Connections that nobody answers, not even with a SYN; names that are looked up; requests that wait. */
TEST(fetch_fetcher_goes_at_once_while_requests_hang)
{
    for (int ms = 0; ms < 200; ms += 50) {
        start((struct net_fetcher_opts){.max_calls = 6, .plain = true});
        get(at("/hang"));
        get("http://192.0.2.1/");
        get("https://192.0.2.1/");
        get("https://nowhere.invalid/");
        for (int i = 0; i < 10; i++)
            get(at("/hang"));
        pass((uint64_t)ms + 1);
        uint64_t began = net_now_us();
        net_fetcher_free(my.fetcher);
        my.fetcher = NULL;
        CHECK(net_now_us() - began < 1000000);
        int answers = my.answers;
        pass(20);
        CHECK_EQ(my.answers, answers);
        finish();
    }
}

TEST(fetch_fetcher_goes_with_answers_that_nobody_took)
{
    start((struct net_fetcher_opts){0});
    for (int i = 0; i < 5; i++)
        get("nonsense");
    usleep(50000);
    finish();
    CHECK_EQ(my.answers, 0);
    start((struct net_fetcher_opts){0});
    get(at("/hang"));
    finish(); /* before the thread has opened libcurl */
    start((struct net_fetcher_opts){0});
    finish(); /* there never was one */
    net_fetcher_free(NULL);
}
