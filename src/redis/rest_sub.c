/*
 * The subscription by Upstash's subscribe streams (redis/rest_sse.h). The channels of a stream are
 * those of its URL, so they do not change: what changes is which streams there are.
 *
 * Channels that are wanted are collected for a moment. Then a new stream takes them, and the
 * channels of the streams that have room left or have some that are not wanted any more: those
 * leave. A stream that leaves is heard until the new ones have confirmed all of their channels, and
 * then until a message to a channel of its own has come by it: so it has delivered everything
 * that was published before the new ones listened. Until it is gone, messages of the new ones are
 * held back. So nothing is missed and nothing comes out of order, but what came by the old one may
 * come again by the new one.
 *
 * A silent stream cannot be told from a dead one. So every stream has a channel of its own, with a
 * random name, and what is published there must come by it. That is asked after six time-outs, 30 s
 * at most, without a message, which costs a command each time; the answer has one time-out.
 */
#include "base/list.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table.h"
#include "redis/sub_int.h"
#include "redis/rest_http.h"
#include "redis/rest_json.h"
#include "redis/rest_sse.h"
#include "redis/stream.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A URL of more than 8 KB is too long for many a proxy. */
#define CHANNELS_PER_STREAM 50
#define PATH_MAX_LEN 6000
#define WANT_MS 50
/* A channel that is not wanted any more costs little, and may be wanted again. */
#define DROP_MS 1000
#define SILENCE_MAX_MS 30000
/* What new streams may have brought while an old one has not left yet. */
#define HELD_MAX (64u * 1024 * 1024)

struct stream_seat {
    struct channel *channel;
    bool confirmed;
};

struct channel {
    char *name;
    bool wanted, told;       /* that it is subscribed to, since it is wanted */
    struct sub_stream *home; /* the stream that has it and does not leave; NULL: none yet */
    size_t seats;            /* in all streams */
};

struct event {
    struct list entry;
    enum redis_sub_event kind;
    char *channel;
    size_t len;
    uint8_t payload[];
};

enum stream_state { OPENING, LIVE, LEAVING, OVER };

struct sub_stream {
    struct list entry;
    struct rest_sub *sub;
    enum stream_state state;
    struct rest_call call;
    struct sse sse;
    struct stream_seat *seats;
    size_t count, confirmed; /* its own channel is confirmed, too */
    bool own_confirmed;
    uint64_t confirmed_ms, heard_ms; /* the last of each; at first when it was opened */
    bool holds;                      /* its messages are held back */
    struct list held;
    size_t held_bytes;

    char own[40];            /* its own channel */
    uint64_t asked_ms;       /* 0: nothing is asked */
    uint32_t question, sent; /* the current one; what `publish` holds */
    bool draining;           /* its answer is the end of a stream that leaves */
    bool publishing;
    uint64_t publish_at; /* 0: not again */
    struct rest_call publish;
    struct buf body;
    char why[120]; /* it could not be published */
};

struct rest_sub {
    struct redis_sub base;
    struct redis_target target;
    CURLM *multi;
    struct table channels;
    struct list streams, ready;
    struct event *current; /* what the caller has */
    uint64_t due_ms;       /* when the streams are arranged anew; 0: not */
    bool lost;
};

static void lose(struct rest_sub *s, const char *why)
{
    if (!s->lost)
        snprintf(s->base.error, sizeof(s->base.error), "%s", why);
    s->lost = true;
}

/* --- channels and events ---------------------------------------------------------------------- */

static void push(struct list *to, enum redis_sub_event kind, const char *channel,
                 const uint8_t *payload, size_t len)
{
    struct event *e = xmalloc(sizeof(*e) + len);
    e->kind = kind;
    e->channel = xstrdup(channel);
    e->len = len;
    if (len)
        memcpy(e->payload, payload, len);
    list_init(&e->entry);
    list_append(to, &e->entry);
}

static void event_free(struct event *e)
{
    if (!e)
        return;
    list_remove(&e->entry);
    free(e->channel);
    free(e);
}

static void free_events(struct list *l)
{
    while (!list_empty(l))
        event_free(container_of(l->next, struct event, entry));
}

static void channel_release(struct rest_sub *s, struct channel *c)
{
    if (c->wanted || c->seats)
        return;
    table_remove(&s->channels, c->name, strlen(c->name));
    free(c->name);
    free(c);
}

static void tell(struct rest_sub *s, struct channel *c)
{
    c->told = true;
    push(&s->ready, SUB_SUBSCRIBED, c->name, NULL, 0);
}

static bool confirmed_at_home(const struct channel *c)
{
    const struct sub_stream *t = c->home;
    for (size_t i = 0; t && i < t->count; i++)
        if (t->seats[i].channel == c)
            return t->seats[i].confirmed;
    return false;
}

static void arrange_in(struct rest_sub *s, uint32_t ms)
{
    uint64_t at = stream_clock() + ms;
    if (!s->due_ms || at < s->due_ms)
        s->due_ms = at;
}

static void want(struct redis_sub *base, const char *name)
{
    struct rest_sub *s = (struct rest_sub *)base;
    struct channel *c = table_get(&s->channels, name, strlen(name));
    assert(*name && !strchr(name, ',')); /* which ends it in an event */
    if (!c) {
        c = xcalloc(1, sizeof(*c));
        c->name = xstrdup(name);
        table_set(&s->channels, name, strlen(name), c);
    }
    c->wanted = true;
    c->told = false;
    if (confirmed_at_home(c))
        tell(s, c);
    else if (!c->home)
        arrange_in(s, WANT_MS);
}

static void drop(struct redis_sub *base, const char *name)
{
    struct rest_sub *s = (struct rest_sub *)base;
    struct channel *c = table_get(&s->channels, name, strlen(name));
    if (!c)
        return;
    c->wanted = c->told = false;
    if (c->home)
        arrange_in(s, DROP_MS);
    channel_release(s, c);
}

/* --- what a stream says ----------------------------------------------------------------------- */

static void confirm(struct sub_stream *t, const char *name, size_t len)
{
    struct rest_sub *s = t->sub;
    size_t before = t->confirmed;
    if (!t->own_confirmed && strlen(t->own) == len && memcmp(t->own, name, len) == 0) {
        t->own_confirmed = true;
        t->confirmed++;
    }
    for (size_t i = 0; i < t->count; i++) {
        struct stream_seat *seat = &t->seats[i];
        if (seat->confirmed || strlen(seat->channel->name) != len ||
            memcmp(seat->channel->name, name, len) != 0)
            continue;
        seat->confirmed = true;
        t->confirmed++;
        if (seat->channel->wanted && !seat->channel->told)
            tell(s, seat->channel);
    }
    if (t->confirmed > before)
        t->confirmed_ms = t->heard_ms;
    if (t->state == OPENING && t->confirmed > t->count)
        t->state = LIVE;
}

static void message(struct sub_stream *t, const char *name, size_t len, const uint8_t *payload,
                    size_t payload_len)
{
    if (strlen(t->own) == len && memcmp(t->own, name, len) == 0) {
        char text[16];
        snprintf(text, sizeof(text), "%" PRIu32, t->question);
        if (t->asked_ms && payload_len == strlen(text) && !memcmp(payload, text, payload_len)) {
            t->asked_ms = t->publish_at = 0;
            if (t->draining)
                t->state = OVER;
        }
        return;
    }
    const struct channel *c = table_get(&t->sub->channels, name, len);
    if (!c || !c->told)
        return;
    push(t->holds ? &t->held : &t->sub->ready, SUB_MESSAGE, c->name, payload, payload_len);
    if (t->holds && (t->held_bytes += payload_len) > HELD_MAX)
        lose(t->sub, "too much came while the streams changed");
}

/* <kind>,<channel>,<payload> */
static void stream_event(void *udata, const uint8_t *data, size_t len)
{
    struct sub_stream *t = udata;
    const uint8_t *comma = memchr(data, ',', len);
    size_t kind = comma ? (size_t)(comma - data) : len;
    const uint8_t *name = comma ? comma + 1 : NULL;
    const uint8_t *end = name ? memchr(name, ',', len - kind - 1) : NULL;
    if (!end)
        return; /* of no kind that we know */
    size_t name_len = (size_t)(end - name);
    t->heard_ms = stream_clock();
    if (kind == 9 && memcmp(data, "subscribe", 9) == 0)
        confirm(t, (const char *)name, name_len);
    else if (kind == 7 && memcmp(data, "message", 7) == 0)
        message(t, (const char *)name, name_len, end + 1, len - kind - name_len - 2);
}

static bool stream_bytes(void *udata, const void *data, size_t n)
{
    struct sub_stream *t = udata;
    if (sse_feed(&t->sse, data, n, stream_event, t))
        return true;
    lose(t->sub, "a message is too long");
    return false;
}

/* --- streams ---------------------------------------------------------------------------------- */

static void append_channel(struct buf *path, const char *name)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:";
    buf_putc(path, '/');
    for (; *name; name++) {
        if (strchr(plain, *name))
            buf_putc(path, (uint8_t)*name);
        else
            buf_printf(path, "%%%02X", (unsigned)(uint8_t)*name);
    }
}

/* Opens a stream for as many of the channels as it may have, and takes them off the list. */
static void stream_open_for(struct rest_sub *s, struct channel **list, size_t *n, bool holds)
{
    struct sub_stream *t = xcalloc(1, sizeof(*t));
    struct buf path = {0};
    t->sub = s;
    t->state = OPENING;
    t->confirmed_ms = t->heard_ms = stream_clock();
    t->holds = holds;
    list_init(&t->held);
    list_init(&t->entry);
    list_append(&s->streams, &t->entry);
    snprintf(t->own, sizeof(t->own), "bytecrowds:stream:%016" PRIx64, random_u64());
    buf_puts(&path, "/subscribe");
    append_channel(&path, t->own);
    t->seats = xcalloc(CHANNELS_PER_STREAM, sizeof(*t->seats));
    while (*n && t->count < CHANNELS_PER_STREAM && path.len < PATH_MAX_LEN) {
        struct channel *c = list[--*n];
        append_channel(&path, c->name);
        t->seats[t->count++].channel = c;
        c->seats++;
        c->home = t;
    }
    rest_call_init(&t->call, &s->target, buf_str(&path));
    rest_call_init(&t->publish, &s->target, "");
    buf_release(&path);
    t->call.stream = true;
    t->call.sink = stream_bytes;
    t->call.udata = t;
    rest_call_start(&t->call, s->multi, NULL, 0);
}

static bool has_room(const struct sub_stream *t)
{
    size_t len = 0;
    for (size_t i = 0; i < t->count; i++)
        len += strlen(t->seats[i].channel->name) + 1;
    return t->count < CHANNELS_PER_STREAM && len < PATH_MAX_LEN / 2;
}

static void stream_free(struct sub_stream *t)
{
    rest_call_end(&t->call, t->sub->multi);
    rest_call_release(&t->call);
    if (t->publishing)
        rest_call_end(&t->publish, t->sub->multi);
    rest_call_release(&t->publish);
    for (size_t i = 0; i < t->count; i++) {
        struct channel *c = t->seats[i].channel;
        if (c->home == t)
            c->home = NULL;
        c->seats--;
        channel_release(t->sub, c);
    }
    list_remove(&t->entry);
    free_events(&t->held);
    sse_release(&t->sse);
    buf_release(&t->body);
    free(t->seats);
    free(t);
}

/* --- which streams there are ------------------------------------------------------------------ */

#define each_stream(t, s)                                                                          \
    list_each(node, &(s)->streams) for (struct sub_stream *t =                                     \
                                            container_of(node, struct sub_stream, entry);          \
                                        t; t = NULL)

static bool has_unwanted(const struct sub_stream *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (!t->seats[i].channel->wanted)
            return true;
    return false;
}

static bool any_in(struct rest_sub *s, enum stream_state state)
{
    each_stream(t, s) if (t->state == state) return true;
    return false;
}

/* Channels that are wanted and in no stream that stays; fills list, if given. */
static size_t homeless(struct rest_sub *s, struct channel **list)
{
    size_t n = 0;
    void *value;
    for (size_t pos = 0; table_next(&s->channels, &pos, &value);) {
        struct channel *c = value;
        if (!c->wanted || c->home)
            continue;
        if (list)
            list[n] = c;
        n++;
    }
    return n;
}

static void arrange(struct rest_sub *s)
{
    bool new = homeless(s, NULL) > 0;
    s->due_ms = 0;
    each_stream(t, s)
    {
        if (!has_unwanted(t) && !(new &&has_room(t)))
            continue;
        t->state = LEAVING;
        for (size_t i = 0; i < t->count; i++)
            t->seats[i].channel->home = NULL;
    }
    struct channel **list = xcalloc(s->channels.count, sizeof(*list));
    size_t n = homeless(s, list);
    bool holds = any_in(s, LEAVING);
    while (n || !(any_in(s, LIVE) || any_in(s, OPENING)))
        stream_open_for(s, list, &n, holds);
    free(list);
}

static void ask(struct sub_stream *t, uint64_t now)
{
    t->question++;
    t->asked_ms = t->publish_at = now;
    *t->why = '\0';
}

static void release_held(struct rest_sub *s)
{
    each_stream(t, s)
    {
        t->holds = false;
        t->held_bytes = 0;
        list_move(&s->ready, &t->held);
    }
}

/* Takes the next steps of a change. */
static void settle(struct rest_sub *s, uint64_t now)
{
    bool opening = any_in(s, OPENING);
    each_stream(t, s)
    {
        if (t->state == OVER) {
            stream_free(t);
        } else if (t->state == LEAVING && !opening && !t->draining) {
            t->draining = true;
            ask(t, now);
        }
    }
    if (any_in(s, LEAVING))
        return;
    release_held(s);
    if (s->due_ms && now >= s->due_ms && !opening)
        arrange(s);
}

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t silence_ms(const struct rest_sub *s)
{
    uint64_t ms = (uint64_t)s->target.timeout_ms * 6;
    return ms < SILENCE_MAX_MS ? ms : SILENCE_MAX_MS;
}

/* When the stream is given up, if nothing comes by it. */
static uint64_t deadline_of(const struct sub_stream *t)
{
    uint64_t timeout = t->sub->target.timeout_ms;
    /* Messages to some channels do not mean that the others will be confirmed. */
    if (t->state == OPENING)
        return t->confirmed_ms + timeout;
    return t->asked_ms ? later(t->asked_ms, t->heard_ms) + timeout : UINT64_MAX;
}

static void publish(struct sub_stream *t)
{
    char text[16];
    struct redis_command c = {.argc = 0};
    snprintf(text, sizeof(text), "%" PRIu32, t->question);
    redis_arg_str(&c, "PUBLISH");
    redis_arg_str(&c, t->own);
    redis_arg_str(&c, text);
    buf_clear(&t->body);
    rest_write_command(&t->body, &c);
    rest_call_start(&t->publish, t->sub->multi, t->body.data, t->body.len);
    t->publishing = true;
    t->sent = t->question;
}

static void watch(struct sub_stream *t, uint64_t now)
{
    char why[160];
    if (t->state == LIVE && !t->asked_ms && now - t->heard_ms >= silence_ms(t->sub))
        ask(t, now);
    if (t->publish_at && !t->publishing && now >= t->publish_at)
        publish(t);
    if (now < deadline_of(t))
        return;
    if (t->state == OPENING)
        snprintf(why, sizeof(why), "%zu of %zu channels were confirmed in time", t->confirmed,
                 t->count + 1);
    else
        snprintf(why, sizeof(why), "nothing comes by the stream%s%.120s", *t->why ? ": " : "",
                 t->why);
    lose(t->sub, why);
}

/* When there is something to do, if nothing comes. */
static uint64_t next_time(struct rest_sub *s)
{
    bool changing = any_in(s, OPENING) || any_in(s, LEAVING);
    uint64_t at = s->due_ms && !changing ? s->due_ms : UINT64_MAX;
    each_stream(t, s)
    {
        uint64_t times[3] = {deadline_of(t), UINT64_MAX, UINT64_MAX};
        if (t->state == LIVE && !t->asked_ms)
            times[1] = t->heard_ms + silence_ms(s);
        if (t->publish_at && !t->publishing)
            times[2] = t->publish_at;
        for (int i = 0; i < 3; i++)
            at = times[i] < at ? times[i] : at;
    }
    return at;
}

/* --- work ------------------------------------------------------------------------------------- */

static void stream_ended(struct sub_stream *t, CURLcode code)
{
    char why[160] = "the server ended the stream";
    if (t->state == OVER)
        return;
    if (code != CURLE_OK || t->call.status != 200)
        rest_call_explain(&t->call, code, why, sizeof(why));
    lose(t->sub, why);
}

static void published(struct sub_stream *t, CURLcode code)
{
    bool well = code == CURLE_OK && t->publish.status == 200;
    t->publishing = false;
    if (!well)
        rest_call_explain(&t->publish, code, t->why, sizeof(t->why));
    if (!t->publish_at)
        return; /* it has come already */
    if (!well)
        t->publish_at = stream_clock() + t->sub->target.timeout_ms / 4;
    else if (t->sent == t->question)
        t->publish_at = 0;
}

static void call_done(struct rest_sub *s, CURL *easy, CURLcode code)
{
    each_stream(t, s)
    {
        if (t->call.easy == easy) {
            rest_call_end(&t->call, s->multi);
            stream_ended(t, code);
            return;
        }
        if (t->publish.easy == easy) {
            rest_call_end(&t->publish, s->multi);
            published(t, code);
            return;
        }
    }
}

static void work(struct rest_sub *s)
{
    int n;
    const CURLMsg *m;
    curl.multi_perform(s->multi, &n);
    while ((m = curl.multi_info_read(s->multi, &n)))
        call_done(s, m->easy_handle, m->data.result);
    uint64_t now = stream_clock();
    settle(s, now);
    each_stream(t, s) watch(t, now);
}

/* Until something comes, `end`, or wake_fd is readable: true. */
static bool wait_until(struct rest_sub *s, uint64_t end, int wake_fd)
{
    struct curl_waitfd fd = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};
    uint64_t now = stream_clock(), at = next_time(s);
    if (at > end)
        at = end;
    uint64_t ms = at > now ? at - now : 0;
    curl.multi_poll(s->multi, &fd, wake_fd >= 0, ms > INT32_MAX ? INT32_MAX : (int)ms, NULL);
    return fd.revents & CURL_WAIT_POLLIN;
}

static enum redis_sub_event next(struct redis_sub *base, struct redis_sub_message *out,
                                 uint32_t timeout_ms, int wake_fd)
{
    struct rest_sub *s = (struct rest_sub *)base;
    uint64_t end = stream_clock() + timeout_ms;
    event_free(s->current);
    s->current = NULL;
    for (bool woken = false;;) {
        if (!s->lost && list_empty(&s->ready))
            work(s);
        if (s->lost)
            return SUB_LOST;
        if (!list_empty(&s->ready))
            break;
        if (woken || stream_clock() >= end)
            return SUB_NONE;
        woken = wait_until(s, end, wake_fd);
    }
    struct event *e = s->current = container_of(s->ready.next, struct event, entry);
    list_remove(&e->entry);
    *out = (struct redis_sub_message){e->channel, e->payload, e->len};
    return e->kind;
}

static void close_sub(struct redis_sub *base)
{
    struct rest_sub *s = (struct rest_sub *)base;
    void *value;
    size_t pos = 0;
    while (!list_empty(&s->streams))
        stream_free(container_of(s->streams.next, struct sub_stream, entry));
    while (table_next(&s->channels, &pos, &value)) {
        free(((struct channel *)value)->name);
        free(value);
    }
    table_release(&s->channels);
    free_events(&s->ready);
    event_free(s->current);
    curl.multi_cleanup(s->multi);
    free(s);
}

static const struct redis_sub_impl impl = {want, drop, next, close_sub};

struct redis_sub *rest_sub_open(const struct redis_target *t, char *err, size_t err_len)
{
    struct channel *none[1] = {NULL};
    size_t n = 0;
    if (rest_check(t, err, err_len) < 0)
        return NULL;
    struct rest_sub *s = xcalloc(1, sizeof(*s));
    s->base.impl = &impl;
    s->target = *t;
    s->multi = rest_multi_new();
    list_init(&s->streams);
    list_init(&s->ready);
    /* One that has only its own channel yet: it shows whether all of this works. */
    stream_open_for(s, none, &n, false);
    for (;;) {
        work(s);
        if (s->lost || !any_in(s, OPENING))
            break;
        wait_until(s, UINT64_MAX, -1);
    }
    if (!s->lost)
        return &s->base;
    snprintf(err, err_len, "%s", s->base.error);
    close_sub(&s->base);
    return NULL;
}
