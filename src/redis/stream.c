#include "redis/stream.h"

#include "base/mem.h"
#include "redis/resolve.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A connection on which nothing is sent is found to be dead after 15 + 3 x 5 s. */
#define KEEPALIVE_IDLE_S 15
#define KEEPALIVE_EACH_S 5
#define KEEPALIVE_TRIES 3

struct stream {
    int fd;
    struct tls *tls;
    short read_events, write_events; /* what each waits for; TLS may have to write to read */
    char error[200];
};

/* --- waiting ---------------------------------------------------------------------------------- */

uint64_t stream_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int ms_left(uint64_t deadline)
{
    uint64_t now = stream_clock();
    if (now >= deadline)
        return 0;
    return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

/* 1: one of the events, or an error that the next call will meet; 0: too late, or woken. */
static int wait_fd(int fd, short events, uint64_t deadline, int wake_fd)
{
    struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = wake_fd, .events = POLLIN}};
    for (;;) {
        int n = poll(p, wake_fd < 0 ? 1 : 2, ms_left(deadline));
        if (n > 0)
            return p[0].revents != 0;
        if (n == 0 || errno != EINTR)
            return 0;
    }
}

/* --- opening ---------------------------------------------------------------------------------- */

static int new_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    int idle = KEEPALIVE_IDLE_S, each = KEEPALIVE_EACH_S, tries = KEEPALIVE_TRIES;
    if (fd < 0 || family == AF_UNIX)
        return fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &each, sizeof(each));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof(tries));
    return fd;
}

/* A socket that is connected, or -1 with errno. */
static int connect_to(const struct sockaddr *addr, socklen_t len, uint64_t deadline)
{
    int fd = new_socket(addr->sa_family), e = 0;
    socklen_t e_len = sizeof(e);
    if (fd < 0)
        return -1;
    if (connect(fd, addr, len) == 0)
        return fd;
    if (errno != EINPROGRESS)
        e = errno; /* of a unix socket: EAGAIN when its backlog is full */
    else if (!wait_fd(fd, POLLOUT, deadline, -1))
        e = ETIMEDOUT;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &e_len) < 0)
        e = errno;
    if (!e)
        return fd;
    close(fd);
    errno = e;
    return -1;
}

static int connect_unix(const char *path, uint64_t deadline, char *err, size_t err_len)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path)) {
        snprintf(err, err_len, "the path of the socket is too long");
        return -1;
    }
    memcpy(a.sun_path, path, strlen(path));
    int fd = connect_to((struct sockaddr *)&a, sizeof(a), deadline);
    if (fd < 0)
        snprintf(err, err_len, "%s", strerror(errno));
    return fd;
}

/* An address that does not answer must not take the time of those after it. */
static int connect_any(const struct addrinfo *first, uint64_t deadline)
{
    uint64_t left = 0;
    int fd = -1;
    for (const struct addrinfo *a = first; a; a = a->ai_next)
        left++;
    errno = EADDRNOTAVAIL;
    for (const struct addrinfo *a = first; a && fd < 0; a = a->ai_next, left--)
        fd = connect_to(a->ai_addr, a->ai_addrlen,
                        stream_clock() + (uint64_t)ms_left(deadline) / left);
    return fd;
}

static int connect_tcp(const char *host, uint16_t port, uint64_t deadline, char *err,
                       size_t err_len)
{
    struct addrinfo *list = resolve(host, port, deadline, err, err_len);
    if (!list)
        return -1;
    int fd = connect_any(list, deadline);
    if (fd < 0)
        snprintf(err, err_len, "%s", strerror(errno));
    freeaddrinfo(list);
    return fd;
}

static int handshake(struct stream *s, const struct stream_opts *o, uint64_t deadline, char *err,
                     size_t err_len)
{
    short events = 0;
    int done;
    s->tls = tls_new(s->fd, o->host, &o->files, err, err_len);
    if (!s->tls)
        return -1;
    while (!(done = tls_handshake(s->tls, &events)))
        if (!wait_fd(s->fd, events, deadline, -1)) {
            snprintf(err, err_len, "TLS: the server did not answer in time; does it speak TLS?");
            return -1;
        }
    if (done < 0)
        snprintf(err, err_len, "%s", tls_error(s->tls));
    return done;
}

struct stream *stream_open(const struct stream_opts *o, uint32_t timeout_ms, char *err,
                           size_t err_len)
{
    uint64_t deadline = stream_clock() + timeout_ms;
    int fd = o->path ? connect_unix(o->path, deadline, err, err_len)
                     : connect_tcp(o->host, o->port, deadline, err, err_len);
    if (fd < 0)
        return NULL;
    struct stream *s = xcalloc(1, sizeof(*s));
    *s = (struct stream){.fd = fd, .read_events = POLLIN, .write_events = POLLOUT};
    if (o->tls && handshake(s, o, deadline, err, err_len) < 0) {
        stream_close(s);
        return NULL;
    }
    return s;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static long over(struct stream *s, const char *why)
{
    snprintf(s->error, sizeof(s->error), "%s", why);
    return -1;
}

static long plain(struct stream *s, ssize_t n)
{
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    return n < 0 ? over(s, strerror(errno)) : n;
}

long stream_read(struct stream *s, void *p, size_t n)
{
    if (s->tls) {
        long got = tls_read(s->tls, p, n, &s->read_events);
        if (got > 0)
            s->read_events = POLLIN;
        return got < 0 ? over(s, tls_error(s->tls)) : got;
    }
    ssize_t got = recv(s->fd, p, n, 0);
    return got == 0 && n ? over(s, "the server closed the connection") : plain(s, got);
}

long stream_write(struct stream *s, const void *p, size_t n)
{
    if (!n)
        return 0;
    if (!s->tls)
        return plain(s, send(s->fd, p, n, MSG_NOSIGNAL));
    long sent = tls_write(s->tls, p, n, &s->write_events);
    if (sent > 0)
        s->write_events = POLLOUT;
    return sent < 0 ? over(s, tls_error(s->tls)) : sent;
}

int stream_wait(struct stream *s, bool write, uint64_t deadline, int wake_fd)
{
    if (s->tls && tls_pending(s->tls))
        return 1;
    return wait_fd(s->fd, (short)(s->read_events | (write ? s->write_events : 0)), deadline,
                   wake_fd);
}

const char *stream_error(const struct stream *s)
{
    return s->error;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    tls_free(s->tls);
    close(s->fd);
    free(s);
}
