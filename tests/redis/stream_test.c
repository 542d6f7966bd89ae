/* Streams against servers that redis is not: silent, greedy, or in no hurry. */
#include "redis/stream.h"
#include "tests/redis/link_fixture.h"

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define MUCH (8u << 20)

static int listener(int *port, int backlog)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, backlog) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static struct stream *open_stream(const char *host, int port, bool tls, uint32_t ms, char *err)
{
    struct stream_opts o = {.host = host, .port = (uint16_t)port, .tls = tls};
    *err = '\0';
    return stream_open(&o, ms, err, 200);
}

/* Writes all it has before it reads a byte. */
static void *talkative(void *udata)
{
    int fd = accept(*(int *)udata, NULL, NULL);
    char *p = calloc(1, MUCH);
    for (size_t n = 0; n < MUCH;) {
        ssize_t k = send(fd, p + n, MUCH - n, MSG_NOSIGNAL);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    for (size_t n = 0; n < MUCH;) {
        ssize_t k = recv(fd, p + n, MUCH - n, 0);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    free(p);
    close(fd);
    return NULL;
}

TEST(stream_both_sides_have_much_to_send)
{
    int port, fd = listener(&port, 5);
    char err[200], *p = calloc(1, MUCH);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, talkative, &fd) == 0);
    struct stream *s = open_stream("localhost", port, false, 2000, err);
    CHECK(s);
    size_t sent = 0, got = 0;
    uint64_t deadline = stream_clock() + 5000;
    while (sent < MUCH || got < MUCH) {
        long w = stream_write(s, p, MUCH - sent), r = stream_read(s, p, 65536);
        CHECK(w >= 0 && (r >= 0 || sent == MUCH));
        sent += (size_t)w;
        got += r > 0 ? (size_t)r : 0;
        CHECK(w || r || stream_wait(s, sent < MUCH, deadline, -1));
    }
    CHECK_EQ(stream_wait(s, false, deadline, -1), 1);
    CHECK_EQ(stream_read(s, p, 1), -1);
    CHECK_STR(stream_error(s), "the server closed the connection");
    stream_close(s);
    pthread_join(thread, NULL);
    close(fd);
    free(p);
}

TEST(stream_a_closed_one_raises_no_signal)
{
    int port, fd = listener(&port, 5);
    char err[200];
    struct stream *s = open_stream("127.0.0.1", port, false, 2000, err);
    CHECK(s && signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    close(accept(fd, NULL, NULL));
    sleep_ms(20);
    stream_write(s, "x", 1);
    sleep_ms(20);
    CHECK_EQ(stream_write(s, "x", 1), -1);
    CHECK_STR(stream_error(s), "Broken pipe");
    stream_close(s);
    close(fd);
}

TEST(stream_waits_until_its_deadline_or_is_woken)
{
    int port, fd = listener(&port, 5), wake[2];
    char err[200], c;
    struct stream *s = open_stream("127.0.0.1", port, false, 2000, err);
    CHECK(s && pipe(wake) == 0);
    double t = now_s();
    CHECK_EQ(stream_read(s, &c, 1), 0);
    CHECK_EQ(stream_wait(s, false, stream_clock() + 50, wake[0]), 0);
    CHECK(now_s() - t > 0.04 && now_s() - t < 0.5);
    CHECK_EQ(stream_wait(s, true, stream_clock() + 5000, wake[0]), 1);
    t = now_s();
    CHECK(write(wake[1], "x", 1) == 1);
    CHECK_EQ(stream_wait(s, false, stream_clock() + 5000, wake[0]), 0);
    CHECK(now_s() - t < 0.5);
    stream_close(s);
    close(wake[0]);
    close(wake[1]);
    close(fd);
}

TEST(stream_a_server_that_says_nothing_in_the_handshake)
{
    int port, fd = listener(&port, 5);
    char err[200];
    double t = now_s();
    CHECK(!open_stream("127.0.0.1", port, true, 200, err));
    CHECK_STR(err, "TLS: the server did not answer in time; does it speak TLS?");
    CHECK(now_s() - t > 0.19 && now_s() - t < 1);
    close(fd);
}

TEST(stream_a_server_that_does_not_accept)
{
    int port, fd = listener(&port, 0);
    char err[200];
    struct stream *s[8] = {NULL};
    double t = now_s();
    size_t n = 0;
    /* Linux takes one or two more than the backlog; the next SYN is not answered. */
    while (n < 8 && (s[n] = open_stream("127.0.0.1", port, false, 200, err)))
        n++;
    CHECK(n < 8);
    CHECK_STR(err, "Connection timed out");
    CHECK(now_s() - t > 0.19 && now_s() - t < 1);
    while (n--)
        stream_close(s[n]);
    close(fd);
}

/* Stands before libc's: for one name there is a resolver that never answers. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!strcmp(host, "slow.invalid") && !(hints->ai_flags & AI_NUMERICHOST))
        sleep_ms(600);
    return real(!strcmp(host, "slow.invalid") ? "localhost" : host, service, hints, out);
}

TEST(stream_a_name_that_is_not_found_in_time)
{
    int port, fd = listener(&port, 5);
    char err[200];
    double t = now_s();
    CHECK(!open_stream("slow.invalid", port, false, 200, err));
    CHECK_STR(err, "the name was not found in time");
    CHECK(now_s() - t > 0.19 && now_s() - t < 0.5);
    struct stream *s = open_stream("slow.invalid", port, false, 2000, err);
    CHECK(s);
    stream_close(s);
    close(fd);
}

TEST(stream_says_what_is_wrong)
{
    char err[200];
    CHECK(!open_stream("127.0.0.1", free_port(), false, 1000, err));
    CHECK_STR(err, "Connection refused");
    CHECK(!open_stream("host.invalid", 1, false, 5000, err));
    CHECK(*err);
    CHECK(!stream_open(&(struct stream_opts){.path = "/nowhere/x"}, 1000, err, sizeof(err)));
    CHECK_STR(err, "No such file or directory");
    CHECK(!open_stream("127.0.0.1", redis_shared()->port, true, 300, err));
    CHECK(strstr(err, "does it speak TLS?") || strstr(err, "does not speak it"));
}
