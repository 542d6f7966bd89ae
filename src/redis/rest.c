/*
 * The link to Upstash's REST interface: a run is a POST of /pipeline, or several, one after the
 * other, when it is bigger than a request may be.
 *
 * A request whose answer was lost is sent once more, on a new connection; so is one that a gateway
 * answers with 500, 502 or 504, since nobody knows what became of it. 429 and 503 mean that nothing
 * was done: the request waits for as long as the server asks for, if that is within its time-out.
 * After any other failure the server is left alone for a while, as redis_link.h says, or for as
 * long as it asked for (30 s at most).
 *
 * Upstash may answer from a replica. Each answer has a token of how far the database was, which
 * goes with the next request: so a run sees what the runs before it wrote.
 */
#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/link_int.h"
#include "redis/rest_http.h"
#include "redis/rest_json.h"
#include "redis/stream.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Upstash takes 10 MB on all plans. */
#define BODY_MAX (8u * 1000 * 1000)
#define DELAY_MIN_MS 50
#define DELAY_MAX_MS 5000
#define RETRY_AFTER_MAX_MS 30000
#define LOG_EVERY_MS 10000
#define ANSWER_KEEP (1024 * 1024)

struct rest_link {
    struct redis_link base;
    struct redis_target target;
    CURLM *multi;
    struct rest_call call;
    struct buf body;
    bool up, was_up;
    uint32_t delay_ms; /* 0: the last request went well */
    uint64_t not_before, logged;
    char why[400]; /* of the last failure */
};

/* --- up and down ------------------------------------------------------------------------------ */

static void came_up(struct rest_link *l)
{
    if (l->up)
        return;
    if (l->was_up)
        log_info("connected to redis again", LOG_STR("url", l->target.url.rest),
                 LOG_STR("after", l->why));
    else
        log_info("connected to redis", LOG_STR("url", l->target.url.rest));
    l->up = l->was_up = true;
    l->delay_ms = 0;
    l->logged = 0;
    l->base.generation++;
}

static void failed(struct rest_link *l, uint32_t retry_after_ms)
{
    uint64_t now = stream_clock();
    l->up = false;
    uint32_t wait = backoff_next(&l->delay_ms, DELAY_MIN_MS, DELAY_MAX_MS);
    if (wait < retry_after_ms)
        wait = retry_after_ms < RETRY_AFTER_MAX_MS ? retry_after_ms : RETRY_AFTER_MAX_MS;
    l->not_before = now + wait;
    snprintf(l->base.error, sizeof(l->base.error), "%s", l->why);
    if (l->logged && now - l->logged < LOG_EVERY_MS)
        return;
    l->logged = now;
    log_warn("redis cannot be reached", LOG_STR("error", l->why), LOG_INT("retry_ms", wait));
}

/* --- one request ------------------------------------------------------------------------------ */

static CURLcode result_of(CURLM *multi)
{
    int left;
    const CURLMsg *m = curl.multi_info_read(multi, &left);
    return m ? m->data.result : CURLE_FAILED_INIT;
}

static CURLcode transfer(struct rest_link *l, bool fresh)
{
    struct rest_call *c = &l->call;
    uint64_t timeout = l->target.timeout_ms, start = stream_clock();
    CURLcode code = CURLE_OPERATION_TIMEDOUT;
    int running = 1;
    c->fresh = fresh;
    rest_call_start(c, l->multi, l->body.data, l->body.len);
    for (;;) {
        curl.multi_perform(l->multi, &running);
        if (!running) {
            code = result_of(l->multi);
            break;
        }
        uint64_t now = stream_clock(), end = c->moved_ms + timeout;
        if (end > start + REDIS_WHOLE * timeout)
            end = start + REDIS_WHOLE * timeout;
        if (now >= end)
            break;
        curl.multi_poll(l->multi, NULL, 0, (int)(end - now), NULL);
    }
    rest_call_end(c, l->multi);
    return code;
}

enum verdict { ANSWERED, LOST, NOT_NOW, FAILED };

/* The request may have arrived, and its answer did not. */
static bool answer_lost(CURLcode code, long status)
{
    switch (code) {
    case CURLE_OK:
        return status == 500 || status == 502 || status == 504;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_SEND_FAIL_REWIND: /* of a kept connection, by rest_call.once */
        return true;
    default:
        return false;
    }
}

/* An error for the whole request, other than one about the way to the server, answers its commands:
 * it would be the same next time. */
static bool has_answer(const struct rest_call *c)
{
    char text[8];
    return c->status == 200 || ((c->status == 400 || c->status == 413) &&
                                rest_read_error(c->answer.data, c->answer.len, text, sizeof(text)));
}

static enum verdict judge(struct rest_link *l, CURLcode code, size_t n, redisReply **replies)
{
    struct rest_call *c = &l->call;
    if (code == CURLE_OK && has_answer(c)) {
        if (rest_read_answer(c->answer.data, c->answer.len, n, replies, l->why, sizeof(l->why)) < 0)
            return FAILED;
        return ANSWERED;
    }
    rest_call_explain(c, code, l->why, sizeof(l->why));
    if (code == CURLE_OK && (c->status == 429 || c->status == 503))
        return NOT_NOW;
    return answer_lost(code, c->status) ? LOST : FAILED;
}

/* Sends the body with n commands; whether there are replies. */
static bool request(struct rest_link *l, size_t n, redisReply **replies)
{
    struct rest_call *c = &l->call;
    uint64_t deadline = stream_clock() + l->target.timeout_ms;
    enum verdict v;
    for (bool again = false;;) {
        v = judge(l, transfer(l, again), n, replies);
        if (v == LOST && !again) {
            again = true;
            l->up = false;
        } else if (v == NOT_NOW && c->retry_after_s &&
                   stream_clock() + c->retry_after_s * 1000 < deadline) {
            poll(NULL, 0, (int)c->retry_after_s * 1000);
        } else {
            break;
        }
    }
    if (c->answer.cap > ANSWER_KEEP)
        buf_release(&c->answer);
    if (v == ANSWERED)
        came_up(l);
    else
        failed(l, c->retry_after_s * 1000);
    return v == ANSWERED;
}

/* --- runs ------------------------------------------------------------------------------------- */

/* Appends the commands from *next on, as many as go into one request; which[] says which they are.
 * What JSON cannot hold is answered at once. */
static size_t write_request(struct rest_link *l, const struct redis_command *c, size_t n,
                            size_t *next, size_t *which, redisReply **replies)
{
    size_t count = 0;
    buf_clear(&l->body);
    buf_putc(&l->body, '[');
    for (; *next < n; ++*next) {
        size_t before = l->body.len;
        if (count)
            buf_putc(&l->body, ',');
        if (!rest_write_command(&l->body, &c[*next])) {
            l->body.len = before;
            replies[*next] =
                rest_error_reply("ERR an argument is not UTF-8, and REST has no other");
            continue;
        }
        if (count && l->body.len >= BODY_MAX) {
            l->body.len = before;
            break;
        }
        which[count++] = *next;
    }
    buf_putc(&l->body, ']');
    return count;
}

static void run(struct redis_link *base, const struct redis_command *c, size_t n,
                redisReply **replies)
{
    struct rest_link *l = (struct rest_link *)base;
    uint64_t now = stream_clock();
    if (l->delay_ms && now < l->not_before) {
        snprintf(base->error, sizeof(base->error), "%s (next attempt in %u ms)", l->why,
                 (unsigned)(l->not_before - now));
        return;
    }
    size_t *which = xcalloc(n, sizeof(*which));
    redisReply **answers = xcalloc(n, sizeof(redisReply *));
    for (size_t next = 0; next < n;) {
        size_t count = write_request(l, c, n, &next, which, replies);
        if (count && !request(l, count, answers))
            break;
        for (size_t i = 0; i < count; i++)
            replies[which[i]] = answers[i];
    }
    if (l->body.cap > ANSWER_KEEP)
        buf_release(&l->body);
    free(which);
    free(answers);
}

static void close_link(struct redis_link *base)
{
    struct rest_link *l = (struct rest_link *)base;
    rest_call_release(&l->call);
    curl.multi_cleanup(l->multi);
    buf_release(&l->body);
    free(l);
}

static const struct redis_link_impl impl = {run, close_link};

struct redis_link *rest_link_open(const struct redis_target *t, char *err, size_t err_len)
{
    if (rest_check(t, err, err_len) < 0)
        return NULL;
    struct rest_link *l = xcalloc(1, sizeof(*l));
    l->base.impl = &impl;
    l->target = *t;
    l->multi = rest_multi_new();
    rest_call_init(&l->call, &l->target, "/pipeline");
    l->call.once = true;
    return &l->base;
}
