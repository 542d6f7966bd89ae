#include "redis/sentinel.h"

#include "base/mem.h"
#include "redis/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_EVERY_MS 2000
/* While none of them answers; finding that out may take ANSWER_MS of a run. */
#define ASK_SELDOM_MS 15000
/* A Sentinel does little; one that takes longer is passed over. */
#define ANSWER_MS 1000
/* How long a run waits for the answer; what comes later is read by the next run. */
#define PATIENCE_MS 20

struct redis_sentinels {
    const struct redis_target *target;        /* the master */
    struct redis_target own;                  /* the Sentinels */
    struct redis_host hosts[REDIS_HOSTS_MAX]; /* the one that answered last is the first */
    size_t count;
    struct redis_conn *conn;  /* to hosts[0], or NULL */
    bool asking;              /* the answer is still to come */
    size_t silent;            /* how many in a row gave none, while the master was connected */
    struct redis_host master; /* as dialled last */
    uint64_t asked;
};

struct redis_sentinels *redis_sentinels_new(const struct redis_target *t)
{
    struct redis_sentinels *s = xcalloc(1, sizeof(*s));
    s->target = t;
    s->own = *t;
    s->own.url.db = 0;
    memcpy(s->own.url.user, t->url.sentinel_user, sizeof(s->own.url.user));
    memcpy(s->own.url.password, t->url.sentinel_password, sizeof(s->own.url.password));
    if (s->own.timeout_ms > ANSWER_MS)
        s->own.timeout_ms = ANSWER_MS;
    memcpy(s->hosts, t->url.hosts, sizeof(s->hosts));
    s->count = t->url.host_count;
    return s;
}

static void hang_up(struct redis_sentinels *s)
{
    s->asking = false;
    redis_conn_close(s->conn);
    s->conn = NULL;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool read_host(const redisReply *r, struct redis_host *out)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
        r->element[0]->type != REDIS_REPLY_STRING || r->element[1]->type != REDIS_REPLY_STRING)
        return false;
    long port = strtol(r->element[1]->str, NULL, 10);
    if (!*r->element[0]->str || r->element[0]->len >= sizeof(out->host) || port < 1 || port > 65535)
        return false;
    snprintf(out->host, sizeof(out->host), "%s", r->element[0]->str);
    out->port = (uint16_t)port;
    return true;
}

static void send_question(struct redis_sentinels *s)
{
    const char *const words[] = {"SENTINEL", "get-master-addr-by-name", s->target->url.master};
    redis_conn_queue(s->conn, 3, words, NULL);
    redis_conn_flush(s->conn);
    s->asking = true;
    s->asked = stream_clock();
}

/* 1: *out is the master; 0: no answer within timeout_ms; -1 with a reason: it has none to give. */
static int read_answer(struct redis_sentinels *s, uint32_t timeout_ms, struct redis_host *out,
                       char *err, size_t err_len)
{
    const char *name = redis_conn_name(s->conn);
    redisReply *r = NULL;
    int got = redis_conn_read(s->conn, &r, timeout_ms, -1);
    bool known = r && read_host(r, out);
    if (got < 0)
        snprintf(err, err_len, "%s", redis_conn_error(s->conn));
    else if (!got)
        snprintf(err, err_len, "sentinel %s did not answer in time", name);
    else if (r->type == REDIS_REPLY_ERROR)
        snprintf(err, err_len, "sentinel %s: %.200s", name, r->str);
    else if (!known)
        snprintf(err, err_len, "sentinel %s knows no master %s", name, s->target->url.master);
    s->asking &= !got;
    redis_reply_free(r);
    return known ? 1 : got ? -1 : 0;
}

static void to_front(struct redis_sentinels *s, size_t i)
{
    struct redis_host h = s->hosts[i];
    memmove(s->hosts + 1, s->hosts, i * sizeof(h));
    s->hosts[0] = h;
}

static void to_back(struct redis_sentinels *s)
{
    struct redis_host h = s->hosts[0];
    hang_up(s);
    memmove(s->hosts, s->hosts + 1, (s->count - 1) * sizeof(h));
    s->hosts[s->count - 1] = h;
}

static bool find_master(struct redis_sentinels *s, struct redis_host *out, char *err,
                        size_t err_len)
{
    hang_up(s); /* what was asked before may be answered by now, with what was true then */
    for (size_t i = 0; i < s->count; i++) {
        s->conn = redis_conn_open(&s->own, s->hosts[i].host, s->hosts[i].port, err, err_len);
        if (!s->conn)
            continue;
        send_question(s);
        if (read_answer(s, s->own.timeout_ms, out, err, err_len) == 1) {
            to_front(s, i);
            return true;
        }
        hang_up(s);
    }
    return false;
}

/* --- the master ------------------------------------------------------------------------------- */

/* A Sentinel that has not heard of a failover still names the old master. Who may not ask for the
 * role is believed. */
static bool is_master(struct redis_conn *c, char *err, size_t err_len)
{
    redisReply *r = redis_conn_call(c, 1, (const char *const[]){"ROLE"});
    const char *role = r && r->type == REDIS_REPLY_ARRAY && r->elements &&
                               r->element[0]->type == REDIS_REPLY_STRING
                           ? r->element[0]->str
                           : "";
    bool yes = r && (r->type == REDIS_REPLY_ERROR || !strcmp(role, "master"));
    if (!r)
        snprintf(err, err_len, "%s", redis_conn_error(c));
    else if (!yes)
        snprintf(err, err_len, "%s is not the master", redis_conn_name(c));
    redis_reply_free(r);
    return yes;
}

struct redis_conn *redis_sentinels_dial(struct redis_sentinels *s, char *err, size_t err_len)
{
    if (!find_master(s, &s->master, err, err_len))
        return NULL;
    struct redis_conn *c = redis_conn_open(s->target, s->master.host, s->master.port, err, err_len);
    if (c && is_master(c, err, err_len))
        return c;
    redis_conn_close(c);
    to_back(s); /* it may be cut off from the others: somebody else is asked the next time */
    return NULL;
}

/* Another one is asked the next time. */
static void pass_over(struct redis_sentinels *s)
{
    to_back(s);
    s->silent++;
    s->asked = stream_clock();
}

/* Whether a question is under way, perhaps a new one. */
static bool is_asking(struct redis_sentinels *s)
{
    char err[480];
    uint64_t every = s->silent < s->count ? ASK_EVERY_MS : ASK_SELDOM_MS;
    if (s->asking)
        return true;
    if (stream_clock() - s->asked < every)
        return false;
    if (!s->conn)
        s->conn = redis_conn_open(&s->own, s->hosts[0].host, s->hosts[0].port, err, sizeof(err));
    if (s->conn)
        send_question(s);
    else
        pass_over(s);
    return s->asking;
}

bool redis_sentinels_moved(struct redis_sentinels *s)
{
    struct redis_host now;
    char err[480];
    if (!is_asking(s))
        return false;
    int known = read_answer(s, PATIENCE_MS, &now, err, sizeof(err));
    if (known < 0 || (!known && stream_clock() - s->asked >= s->own.timeout_ms))
        pass_over(s);
    if (known != 1)
        return false;
    s->silent = 0;
    return strcmp(now.host, s->master.host) != 0 || now.port != s->master.port;
}

void redis_sentinels_free(struct redis_sentinels *s)
{
    if (!s)
        return;
    hang_up(s);
    free(s);
}
