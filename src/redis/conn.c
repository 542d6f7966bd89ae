#include "redis/conn.h"

#include "base/buf.h"
#include "base/mem.h"
#include "redis/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Buffers that have grown beyond this are given back once they are empty. */
#define IDLE_BUFFER (1 << 20)
/* More elements than any reply of ours has; hiredis would take two thousand million. */
#define ELEMENTS_MAX (1 << 24)
/* hiredis moves what is left of its buffer with each reply, so it is fed little at a time. */
#define READ_AT_ONCE (64 << 10)

struct redis_conn {
    struct stream *stream;
    redisReader *reader;
#if HIREDIS_MAJOR < 1
    redisReplyObjectFunctions makers, *hiredis; /* `makers` differs in one */
#endif
    struct buf out; /* queued; the first `sent` bytes of it are on their way */
    size_t sent;
    uint32_t timeout_ms;
    bool lost, timed_out;
    char name[280]; /* host:port, or the path of the socket */
    char error[480];
    char in[READ_AT_ONCE];
};

static int lost(struct redis_conn *c, const char *why)
{
    if (!c->lost)
        snprintf(c->error, sizeof(c->error), "%s: %.190s", c->name, why);
    c->lost = true;
    return -1;
}

/* --- the reader ------------------------------------------------------------------------------- */

#if HIREDIS_MAJOR < 1
static void *make_array(const redisReadTask *task, int elements)
{
    const struct redis_conn *c = task->privdata;
    return elements > ELEMENTS_MAX ? NULL : c->hiredis->createArray(task, elements);
}
#endif

static bool make_reader(struct redis_conn *c)
{
    c->reader = redisReaderCreate();
    if (!c->reader)
        return false;
    c->reader->maxbuf = IDLE_BUFFER;
#if HIREDIS_MAJOR < 1
    c->hiredis = c->reader->fn;
    c->makers = *c->reader->fn;
    c->makers.createArray = make_array;
    c->reader->fn = &c->makers;
    c->reader->privdata = c;
#else
    c->reader->maxelements = ELEMENTS_MAX;
#endif
    return true;
}

/* --- sending and reading ---------------------------------------------------------------------- */

void redis_conn_queue(struct redis_conn *c, int argc, const char *const *argv, const size_t *len)
{
    char *text = NULL;
    /* hiredis 1.x counts in long long; it fails only for want of memory. The cast: its argv is not
     * const, but it only reads. */
    long long n = redisFormatCommandArgv(&text, argc, (const char **)(uintptr_t)argv, len);
    if (n > 0)
        buf_append(&c->out, text, (size_t)n);
    else
        lost(c, "out of memory for a command");
    redisFreeCommand(text);
}

static long send_some(struct redis_conn *c)
{
    long n = stream_write(c->stream, c->out.data + c->sent, c->out.len - c->sent);
    if (n <= 0)
        return n;
    c->sent += (size_t)n;
    if (c->sent < c->out.len)
        return n;
    c->sent = 0;
    if (c->out.cap > IDLE_BUFFER)
        buf_release(&c->out);
    else
        buf_clear(&c->out);
    return n;
}

void redis_conn_flush(struct redis_conn *c)
{
    if (c->lost)
        return;
    while (c->out.len && send_some(c) > 0)
        ;
}

/* What can be done without waiting: 1 if anything was. Also reads when a write fails: an answer may
 * be there that tells why ("max number of clients reached"). */
static int pump(struct redis_conn *c)
{
    long sent = send_some(c), got = stream_read(c->stream, c->in, sizeof(c->in));
    if (got < 0 || (sent < 0 && !got))
        return lost(c, stream_error(c->stream));
    if (got && redisReaderFeed(c->reader, c->in, (size_t)got) != REDIS_OK)
        return lost(c, c->reader->errstr);
    return sent > 0 || got > 0;
}

/* patient: whatever moves either way begins the time anew, so that a big reply on a slow line comes
 * through. */
static int next_reply(struct redis_conn *c, redisReply **out, uint32_t timeout_ms, int wake_fd,
                      bool patient)
{
    uint64_t now = stream_clock(), deadline = now + timeout_ms;
    uint64_t last = now + (uint64_t)timeout_ms * (patient ? REDIS_WHOLE : 1);
    int moved = 0;
    *out = NULL;
    redis_conn_flush(c);
    while (!c->lost) {
        void *reply = NULL;
        if (redisReaderGetReply(c->reader, &reply) != REDIS_OK)
            return lost(c, c->reader->errstr);
        if (reply) {
            *out = reply;
            return 1;
        }
        now = stream_clock();
        if (moved && now >= last)
            return 0;
        if (moved && patient)
            deadline = now + timeout_ms < last ? now + timeout_ms : last;
        moved = pump(c);
        if (moved < 0)
            return -1;
        if (!moved && !stream_wait(c->stream, c->out.len > 0, deadline, wake_fd))
            return 0;
    }
    return -1;
}

int redis_conn_read(struct redis_conn *c, redisReply **out, uint32_t timeout_ms, int wake_fd)
{
    return next_reply(c, out, timeout_ms, wake_fd, false);
}

redisReply *redis_conn_reply(struct redis_conn *c)
{
    redisReply *reply;
    if (next_reply(c, &reply, c->timeout_ms, -1, true) == 0) {
        c->timed_out = true;
        lost(c, "redis did not answer in time"); /* what comes now would answer another command */
    }
    return reply;
}

redisReply *redis_conn_call(struct redis_conn *c, int argc, const char *const *argv)
{
    redis_conn_queue(c, argc, argv, NULL);
    return redis_conn_reply(c);
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* A server without AUTH, or with another name for it, repeats the arguments of the unknown
 * command. */
static void refused(struct redis_conn *c, const char *what, const char *text, const char *password)
{
    char why[300];
    bool secret = strstr(text, "unknown command") || (*password && strstr(text, password));
    snprintf(why, sizeof(why), "%s: %.200s", what,
             secret ? "the server knows no such command" : text);
    lost(c, why);
}

/* Whether the answer to PING says that this server is not to be used. Others (NOPERM, MISCONF) show
 * that it is alive. */
static bool unfit(const char *error)
{
    static const char *const bad[] = {"NOAUTH", "LOADING", "MASTERDOWN", "DENIED",
                                      "ERR max number"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (starts(error, bad[i]))
            return true;
    return false;
}

static bool expect(struct redis_conn *c, const char *what, const char *password, uint64_t deadline)
{
    redisReply *r;
    uint64_t now = stream_clock();
    bool ping = !strcmp(what, "ping");
    int got = redis_conn_read(c, &r, deadline > now ? (uint32_t)(deadline - now) : 0, -1);
    if (got == 0) {
        c->timed_out = true;
        lost(c, "redis did not answer in time");
    }
    if (got <= 0)
        return false;
    if (r->type == REDIS_REPLY_ERROR && (!ping || unfit(r->str)))
        refused(c, starts(r->str, "NOAUTH") ? "sign in" : what, r->str, password);
    freeReplyObject(r);
    return !c->lost;
}

/* PING: a connection to a server that hangs, or still loads, would otherwise be taken for one. */
static bool sign_in(struct redis_conn *c, const struct redis_url *u, uint64_t deadline)
{
    char db[16];
    snprintf(db, sizeof(db), "%d", u->db);
    const char *const auth[] = {"AUTH", *u->user ? u->user : u->password, u->password};
    if (*u->password)
        redis_conn_queue(c, *u->user ? 3 : 2, auth, NULL);
    if (u->db)
        redis_conn_queue(c, 2, (const char *const[]){"SELECT", db}, NULL);
    redis_conn_queue(c, 1, (const char *const[]){"PING"}, NULL);
    return (!*u->password || expect(c, "sign in", u->password, deadline)) &&
           (!u->db || expect(c, "select database", u->password, deadline)) &&
           expect(c, "ping", u->password, deadline);
}

static void name_it(struct redis_conn *c, const char *path, const char *host, uint16_t port)
{
    if (path)
        snprintf(c->name, sizeof(c->name), "%s", path);
    else
        snprintf(c->name, sizeof(c->name), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

struct redis_conn *redis_conn_open_within(const struct redis_target *t, const char *host,
                                          uint16_t port, uint32_t connect_ms, char *err,
                                          size_t err_len)
{
    uint64_t deadline = stream_clock() + connect_ms;
    struct stream_opts o = {.host = host,
                            .port = port,
                            .path = host ? NULL : t->url.path,
                            .tls = t->url.tls,
                            .files = {t->tls_ca, t->tls_cert, t->tls_key}};
    char why[300] = "";
    struct redis_conn *c = xcalloc(1, sizeof(*c));
    name_it(c, o.path, host, port);
    c->timeout_ms = t->timeout_ms;
    c->stream = make_reader(c) ? stream_open(&o, connect_ms, why, sizeof(why)) : NULL;
    if (!c->stream) {
        lost(c, c->reader ? why : "out of memory");
    } else {
        sign_in(c, &t->url, deadline);
    }
    if (!c->lost)
        return c;
    snprintf(err, err_len, "%s", c->error);
    redis_conn_close(c);
    return NULL;
}

struct redis_conn *redis_conn_open(const struct redis_target *t, const char *host, uint16_t port,
                                   char *err, size_t err_len)
{
    return redis_conn_open_within(t, host, port, t->timeout_ms, err, err_len);
}

/* --- the rest --------------------------------------------------------------------------------- */

const char *redis_conn_error(const struct redis_conn *c)
{
    return c->error;
}

bool redis_conn_timed_out(const struct redis_conn *c)
{
    return c->timed_out;
}

const char *redis_conn_name(const struct redis_conn *c)
{
    return c->name;
}

void redis_conn_close(struct redis_conn *c)
{
    if (!c)
        return;
    stream_close(c->stream);
    if (c->reader)
        redisReaderFree(c->reader);
    buf_release(&c->out);
    free(c);
}
