/*
 * Connections on real sockets: the server runs in a thread of its own, the test speaks bytes to it
 * with blocking sockets. Deadlines are short, and what must not happen in time is never waited for.
 */
#include "base/log.h"
#include "net/conn.h"
#include "tests/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define BIG (8 * 1024 * 1024)

static struct server {
    struct net_loop *loop;
    struct net_server *net;
    struct net_wake *wake;
    struct net_timer *later;
    struct conn *waiting; /* its request is answered later */
    pthread_t thread;
    uint16_t port;
    atomic_int requests, messages, closed, open;
} srv;

static char big[BIG];

static void answer_later(void *udata)
{
    if (srv.waiting)
        http_reply(srv.waiting, 200, NULL, "later", 5, true);
    srv.waiting = NULL;
}

static void on_request(struct conn *c, const struct http_request *req, void *udata)
{
    srv.requests++;
    if (req->upgrade_websocket) {
        ws_accept(c, NULL);
        srv.open++;
    } else if (http_str_is(req->path, "/later")) {
        srv.waiting = c;
        net_timer_start(srv.later, 50, 0);
    } else if (http_str_is(req->path, "/big")) {
        http_reply(c, 200, NULL, big, BIG, true);
    } else if (http_str_is(req->path, "/copy")) {
        http_reply(c, 200, NULL, big, 256 * 1024, false);
    } else if (http_str_is(req->path, "/none")) {
        http_reply(c, 304, "ETag: \"x\"\r\n", NULL, 0, false);
    } else if (req->body.len) {
        http_reply(c, 200, NULL, req->body.p, req->body.len, false);
    } else {
        http_reply(c, 200, "X-Test: 1\r\n", req->path.p, req->path.len, false);
    }
}

static void on_message(struct conn *c, uint8_t *data, size_t len, void *udata)
{
    srv.messages++;
    if (len && data[0] == 'c')
        ws_close(c, 1013, "later");
    else if (len && data[0] == 'f') /* flood: 16 MiB, or "f6", in messages of 64 KiB */
        for (int i = 0; i < (len > 1 ? 96 : 256); i++)
            ws_send(c, big, 65536);
    else if (len && data[0] == 'b') { /* a big document, then a keystroke */
        ws_send(c, big, BIG);
        ws_send(c, "key", 3);
        ws_send(c, "stroke", 6);
    } else if (len && data[0] == 's') {
        struct buf b = {0};
        ws_frame_binary(&b, big, 100000);
        struct shared *s = shared_new(b.data, b.len);
        buf_release(&b);
        for (int i = 0; i < 3; i++)
            ws_send_frames(c, s);
        shared_unref(s);
    } else
        ws_send(c, data, len);
}

static void on_closed(struct conn *c, void *udata)
{
    srv.closed++;
    if (c == srv.waiting)
        srv.waiting = NULL;
}

static void stop(void *udata)
{
    net_loop_stop(srv.loop);
}

static void *run(void *udata)
{
    net_loop_run(srv.loop);
    return NULL;
}

static void start(struct net_limits limits)
{
    char err[200];
    struct net_handler h = {on_request, on_message, on_closed, NULL, NULL};
    log_setup(LOG_ERROR, false);
    memset(&srv, 0, sizeof(srv));
    srv.loop = net_loop_new();
    srv.net = net_server_new(srv.loop, "127.0.0.1", 0, &limits, &h, err, sizeof(err));
    CHECK(srv.net);
    srv.port = net_server_port(srv.net);
    srv.wake = net_wake_new(srv.loop, stop, NULL);
    srv.later = net_timer_new(srv.loop, answer_later, NULL);
    pthread_create(&srv.thread, NULL, run, NULL);
}

static void finish(void)
{
    net_wake_send(srv.wake);
    pthread_join(srv.thread, NULL);
    net_timer_free(srv.later);
    net_wake_free(srv.wake);
    net_server_free(srv.net);
    net_loop_free(srv.loop);
}

/* --- the other side --------------------------------------------------------------------------- */

static int dial(int receive_buffer)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(srv.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (receive_buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    return fd;
}

static void say(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        CHECK(n > 0);
        data += n;
        len -= (size_t)n;
    }
}

/* Up to len bytes, fewer at the end of the stream; fails after ten silent seconds. -1: reset. */
static ssize_t hear(int fd, char *out, size_t len)
{
    size_t got = 0;
    while (got < len) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        CHECK(poll(&p, 1, 10000) == 1);
        ssize_t n = recv(fd, out + got, len - got, 0);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* All until the end, as a string. */
static const char *hear_all(int fd)
{
    static char text[65536];
    ssize_t n = hear(fd, text, sizeof(text) - 1);
    CHECK(n >= 0);
    text[n] = '\0';
    return text;
}

/* One answer; returns its status and its body, which is a string until the next call. */
static int answer(int fd, bool head, const char **body, size_t *body_len)
{
    static char text[BIG + 1000];
    size_t len = 0;
    while (len < 4 || memcmp(text + len - 4, "\r\n\r\n", 4)) {
        CHECK(len < 4000);
        CHECK_EQ(hear(fd, text + len, 1), 1);
        text[++len] = '\0';
    }
    const char *field = strstr(text, "Content-Length: ");
    size_t n = field && !head ? strtoul(field + 16, NULL, 10) : 0;
    CHECK_EQ(hear(fd, text + len, n), n);
    text[len + n] = '\0';
    if (body)
        *body = text + len;
    if (body_len)
        *body_len = n;
    return atoi(text + 9);
}

#define H "Host: x\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"
#define UPGRADE                                                                                    \
    "GET /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: Upgrade\r\n"                       \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static void say_str(int fd, const char *s)
{
    say(fd, s, strlen(s));
}

/* Awaits a counter of the server, for ten seconds at most. */
static void await(atomic_int *counter, int value)
{
    for (int i = 0; i < 2000 && *counter < value; i++)
        usleep(5000);
    CHECK_EQ(*counter, value);
}

static void masked(struct buf *b, uint8_t opcode, const void *data, size_t len)
{
    uint8_t h[2] = {(uint8_t)(0x80 | opcode), (uint8_t)(0x80 | len)};
    CHECK(len < 126);
    buf_append(b, h, 2);
    buf_append(b, "\0\0\0\0", 4);
    buf_append(b, data, len);
}

static void say_frame(int fd, uint8_t opcode, const void *data, size_t len)
{
    struct buf b = {0};
    masked(&b, opcode, data, len);
    say(fd, (char *)b.data, b.len);
    buf_release(&b);
}

/* The next server frame; its opcode. The payload stays valid until the next call. */
static int hear_frame(int fd, const char **data, size_t *len)
{
    static char payload[200000];
    uint8_t h[10];
    CHECK_EQ(hear(fd, (char *)h, 2), 2);
    size_t n = h[1];
    CHECK(!(n & 0x80) && (h[0] & 0xf0) == 0x80);
    if (n >= 126) {
        size_t more = n == 126 ? 2 : 8;
        CHECK_EQ(hear(fd, (char *)h + 2, more), more);
        n = 0;
        for (size_t i = 0; i < more; i++)
            n = n << 8 | h[2 + i];
    }
    CHECK(n <= sizeof(payload));
    CHECK_EQ(hear(fd, payload, n), n);
    *data = payload;
    *len = n;
    return h[0] & 0x0f;
}

static void expect_frame(int fd, int opcode, const void *want, size_t want_len)
{
    const char *data;
    size_t len;
    CHECK_EQ(hear_frame(fd, &data, &len), opcode);
    CHECK_MEM(data, len, want, want_len);
}

static int dial_ws(int receive_buffer)
{
    int fd = dial(receive_buffer);
    say_str(fd, UPGRADE);
    CHECK_EQ(answer(fd, true, NULL, NULL), 101);
    return fd;
}

TEST(conn_answers_and_keeps_the_connection)
{
    const char *body;
    size_t len;
    start((struct net_limits){0});
    int fd = dial(0);
    for (int i = 0; i < 3; i++) {
        say_str(fd, GET("/abc"));
        CHECK_EQ(answer(fd, false, &body, &len), 200);
        CHECK_STR(body, "/abc");
    }
    say_str(fd, "HEAD /abc HTTP/1.1\r\n" H "\r\n" GET("/none"));
    CHECK_EQ(answer(fd, true, NULL, NULL), 200);
    CHECK_EQ(answer(fd, true, NULL, NULL), 304);
    say_str(fd, "GET /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n" GET("/never"));
    const char *text = hear_all(fd);
    CHECK(strstr(text, "Connection: close\r\n") && strstr(text, "\r\n\r\n/x"));
    CHECK(!strstr(text, "/never"));
    CHECK_EQ(srv.requests, 6);
    close(fd);
    await(&srv.closed, 1);
    finish();
}

TEST(conn_request_byte_by_byte)
{
    const char *body, *bytes = "PUT /p HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello" GET("/q");
    size_t len;
    start((struct net_limits){0});
    int fd = dial(0);
    for (size_t i = 0; bytes[i]; i++) {
        say(fd, bytes + i, 1);
        if (i % 7 == 0)
            usleep(500);
    }
    CHECK_EQ(answer(fd, false, &body, &len), 200);
    CHECK_STR(body, "hello");
    CHECK_EQ(answer(fd, false, &body, &len), 200);
    CHECK_STR(body, "/q");
    close(fd);
    finish();
}

TEST(conn_pipelined_requests_are_answered_in_order)
{
    const char *body;
    struct buf b = {0};
    start((struct net_limits){0});
    int fd = dial(0);
    buf_puts(&b, GET("/later"));
    for (int i = 0; i < 500; i++)
        buf_printf(&b, "GET /%d HTTP/1.1\r\n" H "\r\n", i);
    say(fd, (char *)b.data, b.len);
    buf_release(&b);
    CHECK_EQ(answer(fd, false, &body, NULL), 200);
    CHECK_STR(body, "later");
    for (int i = 0; i < 500; i++) {
        char want[20];
        snprintf(want, sizeof(want), "/%d", i);
        CHECK_EQ(answer(fd, false, &body, NULL), 200);
        CHECK_STR(body, want);
    }
    close(fd);
    finish();
}

TEST(conn_answers_nobody_reads_are_not_piled_up)
{
    const char *body;
    size_t len;
    struct buf b = {0};
    start((struct net_limits){0});
    int fd = dial(4096);
    for (int i = 0; i < 1000; i++)
        buf_puts(&b, GET("/copy")); /* 256 MiB of answers, were they all given */
    say(fd, (char *)b.data, b.len);
    buf_release(&b);
    usleep(200 * 1000);
    CHECK(srv.requests > 0 && srv.requests < 40); /* what the kernel's buffers take, and one more */
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(answer(fd, false, &body, &len), 200);
        CHECK_EQ(len, 256 * 1024);
    }
    CHECK(srv.requests >= 100 && srv.requests < 140);
    close(fd);
    await(&srv.closed, 1);
    finish();
}

TEST(conn_bad_request_is_answered_and_closed)
{
    start((struct net_limits){0});
    int fd = dial(0);
    say_str(fd, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" GET("/never"));
    const char *text = hear_all(fd);
    CHECK(strncmp(text, "HTTP/1.1 400 Bad Request\r\n", 26) == 0);
    CHECK(strstr(text, "Connection: close\r\n"));
    CHECK_EQ(srv.requests, 0);
    close(fd);
    fd = dial(0);
    say_str(fd, "GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 7\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    CHECK(strstr(hear_all(fd), "Sec-WebSocket-Version: 13\r\n"));
    close(fd);
    finish();
}

/* The answer must not be lost by a reset because the client was still sending. */
TEST(conn_refusal_reaches_a_client_that_goes_on_sending)
{
    start((struct net_limits){0});
    int fd = dial(0);
    say_str(fd, "PUT / HTTP/1.1\r\n" H "Content-Length: 9000000\r\n\r\n");
    static char body[65536];
    for (int i = 0; i < 10; i++) {
        send(fd, body, sizeof(body), MSG_NOSIGNAL);
        usleep(5000);
    }
    CHECK(strncmp(hear_all(fd), "HTTP/1.1 413 ", 13) == 0);
    close(fd);
    finish();
}

TEST(conn_continue_is_said_once_when_asked)
{
    const char *body;
    start((struct net_limits){0});
    int fd = dial(0);
    say_str(fd, "PUT / HTTP/1.1\r\n" H "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK_EQ(answer(fd, true, NULL, NULL), 100);
    say_str(fd, "a");
    say_str(fd, "b");
    CHECK_EQ(answer(fd, false, &body, NULL), 200);
    CHECK_STR(body, "ab");
    close(fd);
    finish();
}

/* --- deadlines and limits --------------------------------------------------------------------- */

TEST(conn_slow_loris_gets_408)
{
    start((struct net_limits){.head_timeout_ms = 200});
    int silent = dial(0), slow = dial(0), body = dial(0);
    say_str(slow, "GET / HTTP/1.1\r\nA: ");
    say_str(body, "PUT / HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n123");
    struct pollfd p = {.fd = slow, .events = POLLIN};
    for (int i = 0; i < 200 && !poll(&p, 1, 20); i++) /* a byte each 20 ms does not help */
        send(slow, "b", 1, MSG_NOSIGNAL);
    CHECK(strncmp(hear_all(slow), "HTTP/1.1 408 ", 13) == 0);
    CHECK(strncmp(hear_all(body), "HTTP/1.1 408 ", 13) == 0);
    CHECK_STR(hear_all(silent), "");
    CHECK_EQ(srv.requests, 0);
    close(silent), close(slow), close(body);
    finish();
}

TEST(conn_idle_connection_is_closed)
{
    start((struct net_limits){.keepalive_ms = 150});
    int fd = dial(0);
    say_str(fd, GET("/a"));
    CHECK_EQ(answer(fd, false, NULL, NULL), 200);
    CHECK_STR(hear_all(fd), "");
    close(fd);
    await(&srv.closed, 1);
    finish();
}

/* A download that takes far longer than the deadline, but moves. */
TEST(conn_slow_reader_is_not_idle)
{
    static char chunk[256 * 1024];
    static const char *const ask[] = {GET("/big"),
                                      "GET /big HTTP/1.1\r\n" H "Connection: close\r\n\r\n"};
    for (int i = 0; i < 2; i++) {
        size_t got = 0;
        start((struct net_limits){.keepalive_ms = 100, .close_ms = 100});
        int fd = dial(64 * 1024);
        say_str(fd, ask[i]);
        while (got < BIG) {
            ssize_t n = hear(fd, chunk, sizeof(chunk));
            CHECK(n == sizeof(chunk) || (n > 0 && got + (size_t)n >= BIG));
            got += (size_t)n;
            usleep(15000);
        }
        close(fd);
        finish();
    }
}

TEST(conn_reader_that_stopped_is_cut_off)
{
    start((struct net_limits){.keepalive_ms = 100});
    int fd = dial(4096);
    say_str(fd, GET("/big"));
    await(&srv.closed, 1);
    close(fd);
    finish();
}

TEST(conn_limits_of_connections)
{
    start((struct net_limits){.max_per_address = 2});
    int a = dial(0), b = dial(0);
    say_str(a, GET("/a")), say_str(b, GET("/b"));
    CHECK_EQ(answer(a, false, NULL, NULL), 200);
    CHECK_EQ(answer(b, false, NULL, NULL), 200);
    int c = dial(0);
    CHECK(strncmp(hear_all(c), "HTTP/1.1 503 ", 13) == 0);
    close(c);
    close(a);
    await(&srv.closed, 1);
    int status = 503;
    for (int i = 0; i < 200 && status == 503; i++) { /* the refused one lingers until it closes */
        c = dial(0);
        send(c, GET("/c"), sizeof(GET("/c")) - 1, MSG_NOSIGNAL);
        status = answer(c, false, NULL, NULL);
        close(c);
        usleep(5000);
    }
    CHECK_EQ(status, 200);
    close(b);
    finish();
    start((struct net_limits){.max_connections = 1});
    a = dial(0);
    say_str(a, GET("/a"));
    CHECK_EQ(answer(a, false, NULL, NULL), 200);
    b = dial(0);
    CHECK(strncmp(hear_all(b), "HTTP/1.1 503 ", 13) == 0);
    close(a), close(b);
    finish();
    start((struct net_limits){.max_per_address = 1, .loopback_unlimited = true});
    a = dial(0), b = dial(0);
    say_str(a, GET("/a")), say_str(b, GET("/b"));
    CHECK_EQ(answer(a, false, NULL, NULL), 200);
    CHECK_EQ(answer(b, false, NULL, NULL), 200);
    close(a), close(b);
    finish();
}

/* Who was refused took the seats of others while its 503 was on its way. */
TEST(conn_refused_ones_take_no_seats)
{
    int fd[200];
    start((struct net_limits){.max_per_address = 1, .max_connections = 50, .close_ms = 5000});
    for (int i = 0; i < 200; i++)
        fd[i] = dial(0);
    say_str(fd[0], GET("/a"));
    CHECK_EQ(answer(fd[0], false, NULL, NULL), 200);
    struct sockaddr_in other = {.sin_family = AF_INET}, a = {.sin_family = AF_INET};
    inet_pton(AF_INET, "127.0.0.3", &other.sin_addr);
    a.sin_port = htons(srv.port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(s, (struct sockaddr *)&other, sizeof(other)) == 0);
    CHECK(connect(s, (struct sockaddr *)&a, sizeof(a)) == 0);
    say_str(s, GET("/b"));
    CHECK_EQ(answer(s, false, NULL, NULL), 200);
    close(s);
    for (int i = 0; i < 200; i++)
        close(fd[i]);
    finish();
}

/* --- WebSocket -------------------------------------------------------------------------------- */

TEST(conn_websocket_echo_and_close)
{
    start((struct net_limits){0});
    int fd = dial_ws(0);
    say_frame(fd, 2, "hello", 5);
    expect_frame(fd, 2, "hello", 5);
    say_frame(fd, 9, "x", 1);
    expect_frame(fd, 10, "x", 1);
    say_frame(fd, 2, "s", 1);
    for (int i = 0; i < 3; i++)
        expect_frame(fd, 2, big, 100000);
    say_frame(fd, 8, "\x03\xe9", 2);
    expect_frame(fd, 8, "\x03\xe9", 2);
    CHECK_STR(hear_all(fd), "");
    close(fd);
    await(&srv.closed, 1);
    finish();
}

/* Message and handshake in one packet: what came behind the request is the first frame. */
TEST(conn_frames_behind_the_handshake)
{
    struct buf b = {0};
    start((struct net_limits){0});
    int fd = dial(0);
    buf_puts(&b, UPGRADE);
    masked(&b, 2, "early", 5);
    masked(&b, 2, "c", 1);
    masked(&b, 2, "ghost", 5);
    say(fd, (char *)b.data, b.len);
    buf_release(&b);
    CHECK_EQ(answer(fd, true, NULL, NULL), 101);
    expect_frame(fd, 2, "early", 5);
    expect_frame(fd, 8, "\x03\xf5later", 7);
    say_frame(fd, 8, "\x03\xf5", 2);
    CHECK_STR(hear_all(fd), "");
    CHECK_EQ(srv.messages, 2); /* not the ghost: it came behind our close */
    close(fd);
    finish();
}

TEST(conn_websocket_protocol_errors_have_a_code)
{
    static const struct {
        const char *bytes;
        size_t len;
        int code;
    } bad[] = {{"\x82\x01x", 3, 1002},
               {"\x81\x81\0\0\0\0x", 7, 1003},
               {"\x82\xff\0\0\0\0\x01\0\0\x01\0\0\0\0", 14, 1009},
               {"\x88\x83\0\0\0\0\x03\xe8\xff", 9, 1007}};
    start((struct net_limits){0});
    int witness = dial_ws(0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *data;
        size_t len;
        int fd = dial_ws(0);
        say(fd, bad[i].bytes, bad[i].len);
        CHECK_EQ(hear_frame(fd, &data, &len), 8);
        CHECK(len > 2);
        CHECK_EQ((uint8_t)data[0] << 8 | (uint8_t)data[1], bad[i].code);
        CHECK_STR(hear_all(fd), "");
        close(fd);
    }
    await(&srv.closed, 4);
    say_frame(witness, 2, "well", 4);
    expect_frame(witness, 2, "well", 4);
    close(witness);
    finish();
}

TEST(conn_silent_websocket_is_pinged_then_cut_off)
{
    start((struct net_limits){.ping_ms = 150});
    int alive = dial_ws(0), dead = dial_ws(0);
    for (int i = 0; i < 4; i++) { /* four times answered: longer than the dead one may live */
        expect_frame(alive, 9, "", 0);
        say_frame(alive, 10, "", 0);
    }
    CHECK_EQ(srv.closed, 1);
    expect_frame(dead, 9, "", 0);
    CHECK_STR(hear_all(dead), "");
    close(alive), close(dead);
    finish();
}

TEST(conn_slow_websocket_is_cut_off_at_its_queue)
{
    start((struct net_limits){.max_queue = 1024 * 1024});
    int fast = dial_ws(0), slow = dial_ws(4096);
    say_frame(slow, 2, "f", 1);
    await(&srv.closed, 1);
    say_frame(fast, 2, "well", 4);
    expect_frame(fast, 2, "well", 4);
    close(fast), close(slow);
    finish();
}

TEST(conn_slow_peer_is_not_cut_off_by_a_keystroke_behind_a_big_document)
{
    static char all[BIG + 10];
    start((struct net_limits){.max_queue = 64 * 1024});
    int fd = dial_ws(4096);
    say_frame(fd, 2, "b", 1);
    CHECK_EQ(hear(fd, all, sizeof(all)), sizeof(all));
    CHECK_EQ((uint8_t)all[1], 127);
    expect_frame(fd, 2, "key", 3);
    expect_frame(fd, 2, "stroke", 6);
    /* Once it has read all, the limit is as before. */
    say_frame(fd, 2, "f6", 2);
    await(&srv.closed, 1);
    close(fd);
    finish();
}

/* 100 000 bytes of a message that never comes whole. */
static void say_half(int fd)
{
    static char half[100000];
    say(fd, "\x82\xff\0\0\0\0\0\x0f\x42\x40\0\0\0\0", 14);
    say(fd, half, sizeof(half));
}

TEST(conn_incomplete_messages_of_all_are_limited_together)
{
    int fd[5];
    const char *data;
    size_t len;
    start((struct net_limits){.max_held = 400000, .close_ms = 100});
    /* Buffers grow by doubling, so four of them are 512 KiB. */
    for (int i = 0; i < 4; i++) {
        fd[i] = dial_ws(0);
        say_half(fd[i]);
    }
    await(&srv.closed, 1);
    fd[4] = dial_ws(0);
    say_frame(fd[4], 2, "whole", 5);
    expect_frame(fd[4], 2, "whole", 5);
    CHECK_EQ(srv.closed, 1);
    int refused = 0;
    for (int i = 0; i < 4; i++) {
        struct pollfd p = {.fd = fd[i], .events = POLLIN};
        if (poll(&p, 1, 0) == 1) {
            CHECK_EQ(hear_frame(fd[i], &data, &len), 8);
            CHECK(len > 2 && data[0] == 3 && (uint8_t)data[1] == 1013 - 768);
            refused++;
        }
    }
    CHECK_EQ(refused, 1);
    for (int i = 0; i < 5; i++)
        close(fd[i]);
    await(&srv.closed, 5);
    /* What they held is free again. */
    fd[0] = dial_ws(0);
    say_half(fd[0]);
    say_frame(fd[4] = dial_ws(0), 2, "well", 4);
    expect_frame(fd[4], 2, "well", 4);
    CHECK_EQ(poll(&(struct pollfd){.fd = fd[0], .events = POLLIN}, 1, 0), 0);
    close(fd[0]), close(fd[4]);
    finish();
}

TEST(conn_unsent_bytes_of_all_are_limited_together)
{
    int fd[3];
    start((struct net_limits){.max_held = 8 * 1024 * 1024});
    for (int i = 0; i < 3; i++) {
        fd[i] = dial_ws(4096);
        say_frame(fd[i], 2, "f", 1);
    }
    await(&srv.closed, 2);
    int quick = dial_ws(0);
    say_frame(quick, 2, "well", 4);
    expect_frame(quick, 2, "well", 4);
    close(quick);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    finish();
}

TEST(conn_peer_that_never_answers_a_close)
{
    start((struct net_limits){.close_ms = 100});
    int fd = dial_ws(0);
    say_frame(fd, 2, "c", 1);
    await(&srv.closed, 1);
    close(fd);
    finish();
}

/* Every way in which a connection may end under a request, at any time: nothing leaks, `closed`
 * comes once for each connection that made one. ASan watches. */
TEST(conn_random_ends)
{
    start((struct net_limits){.head_timeout_ms = 300});
    int made = 0;
    for (int i = 0; i < 150; i++) {
        struct buf b = {0};
        struct linger now = {1, 0};
        int fd = dial(0);
        buf_puts(&b, test_below(2) ? UPGRADE : GET("/a") GET("/later"));
        if (test_below(2))
            masked(&b, 2, "fsce" + test_below(4), 1);
        size_t len = test_below(b.len + 1);
        say(fd, (char *)b.data, test_below(3) ? b.len : len);
        buf_release(&b);
        if (test_below(3) == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* close sends a reset */
        if (test_below(2))
            usleep((useconds_t)test_below(3000));
        if (test_below(4) == 0)
            shutdown(fd, SHUT_WR);
        close(fd);
        made++;
    }
    int fd = dial_ws(0);
    say_frame(fd, 2, "well", 4);
    expect_frame(fd, 2, "well", 4);
    close(fd);
    CHECK_EQ(made, 150);
    finish();
    CHECK(srv.closed > 0 && srv.closed <= 151);
}

TEST(conn_server_goes_with_connections_open)
{
    start((struct net_limits){0});
    int ws = dial_ws(0), idle = dial(0), half = dial(0), busy = dial(4096);
    say_str(half, "GET / HT");
    say_str(busy, GET("/big"));
    await(&srv.requests, 2);
    finish();
    CHECK_EQ(srv.closed, 2);
    close(ws), close(idle), close(half), close(busy);
}
