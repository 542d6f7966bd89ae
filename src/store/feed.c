/*
 * The feed's thread: keeps one subscription to the channels of everything that is followed, and one
 * to the channel of all servers. When it is lost it is opened again, after 50 ms at first, then up to
 * 5 s, half of it by chance, with all channels.
 */
#include "store/feed.h"

#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "store/news.h"
#include "redis/sub.h"
#include "store/store_int.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 50
#define BACKOFF_MAX_MS 5000
/* A connection that lasted so long was a good one. One that is lost sooner, again and again (a channel
 * that the user may not subscribe to, news that Redis finds us too slow for), is not made anew as fast as
 * can be. */
#define GOOD_MS 1000
#define WAIT_MS 1000
/* A loop that does not take its news: the subscription is dropped, so that it resumes instead. */
#define NEWS_MAX (64u * 1024 * 1024)

struct change {
    struct list entry;
    bool follow;
    char id[];
};

struct store_feed {
    const struct redis_target *target;
    uint64_t node;
    void (*wake)(void *udata);
    void *udata;
    int wake_fd;
    pthread_t thread;
    pthread_mutex_t mutex;
    struct list changes, news; /* these and the following under the mutex */
    size_t news_bytes;
    bool stop, connected;
    char why[160];
    struct table followed; /* the thread's own: id -> itself */
    uint32_t backoff_ms;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void news_free(struct feed_news *n)
{
    list_remove(&n->entry);
    buf_release(&n->data);
    free(n->id);
    free(n);
}

/* --- what the thread hands over --------------------------------------------------------------- */

static void hand_over(struct store_feed *f, struct feed_news *n)
{
    pthread_mutex_lock(&f->mutex);
    bool first = list_empty(&f->news);
    list_append(&f->news, &n->entry);
    f->news_bytes += sizeof(*n) + n->data.len;
    if (first)
        f->wake(f->udata);
    pthread_mutex_unlock(&f->mutex);
}

static struct feed_news *news_new(enum feed_kind kind, const char *channel)
{
    struct feed_news *n = xcalloc(1, sizeof(*n));
    n->kind = kind;
    list_init(&n->entry);
    const char *id = channel ? news_channel_id(channel) : NULL;
    if (id)
        n->id = xstrdup(id);
    return n;
}

static void message(struct store_feed *f, const struct redis_sub_message *m)
{
    struct feed_news *n = news_new(FEED_TOLD, m->channel);
    bool binary = f->target->url.mode != REDIS_REST;
    if (!news_read(m->payload, m->len, binary, n)) {
        log_debug("a message on a channel is not ours", LOG_STR("channel", m->channel));
        news_free(n);
        return;
    }
    n->own = n->node == f->node;
    if (n->own && (n->kind == FEED_TOLD || n->kind == FEED_FIELDS || n->kind == FEED_POLICY))
        news_free(n);
    else
        hand_over(f, n);
}

static void set_state(struct store_feed *f, bool connected, const char *why)
{
    pthread_mutex_lock(&f->mutex);
    f->connected = connected;
    snprintf(f->why, sizeof(f->why), "%s", why);
    pthread_mutex_unlock(&f->mutex);
}

/* --- the subscription ------------------------------------------------------------------------- */

static void channel_of(const struct store_feed *f, char out[NEWS_CHANNEL_MAX], const char *id)
{
    news_channel(out, f->target->url.db, id);
}

static bool stopping(struct store_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    bool stop = f->stop;
    pthread_mutex_unlock(&f->mutex);
    return stop;
}

/* What the loop asked for since the last time. `s` may be NULL. */
static void take_changes(struct store_feed *f, struct redis_sub *s)
{
    struct list changes;
    uint64_t count;
    char channel[NEWS_CHANNEL_MAX];
    list_init(&changes);
    if (read(f->wake_fd, &count, sizeof(count)) < 0)
        count = 0;
    pthread_mutex_lock(&f->mutex);
    list_move(&changes, &f->changes);
    pthread_mutex_unlock(&f->mutex);
    while (!list_empty(&changes)) {
        struct change *c = container_of(changes.next, struct change, entry);
        list_remove(&c->entry);
        channel_of(f, channel, c->id);
        if (c->follow) {
            free(table_set(&f->followed, c->id, strlen(c->id), xstrdup(c->id)));
            if (s)
                redis_sub_want(s, channel);
        } else {
            free(table_remove(&f->followed, c->id, strlen(c->id)));
            if (s)
                redis_sub_drop(s, channel);
        }
        free(c);
    }
}

static void want_all(struct store_feed *f, struct redis_sub *s)
{
    char channel[NEWS_CHANNEL_MAX];
    void *id;
    channel_of(f, channel, NULL);
    redis_sub_want(s, channel);
    for (size_t pos = 0; table_next(&f->followed, &pos, &id);) {
        channel_of(f, channel, id);
        redis_sub_want(s, channel);
    }
}

static bool too_much(struct store_feed *f)
{
    pthread_mutex_lock(&f->mutex);
    bool much = f->news_bytes > NEWS_MAX;
    pthread_mutex_unlock(&f->mutex);
    return much;
}

/* Until it is lost; why. */
static const char *listen_to(struct store_feed *f, struct redis_sub *s)
{
    struct redis_sub_message m;
    while (!stopping(f)) {
        take_changes(f, s);
        switch (redis_sub_next(s, &m, WAIT_MS, f->wake_fd)) {
        case SUB_NONE:
            break;
        case SUB_SUBSCRIBED:
            /* The channel of all servers is asked for first: then the connection works. */
            if (news_channel_id(m.channel))
                hand_over(f, news_new(FEED_FOLLOWING, m.channel));
            else
                set_state(f, true, "");
            break;
        case SUB_MESSAGE:
            message(f, &m);
            if (too_much(f))
                return "the server is too busy to take the news";
            break;
        case SUB_LOST:
            return redis_sub_error(s);
        }
    }
    return NULL;
}

static void wait_a_while(struct store_feed *f, const char *why)
{
    uint32_t wait = backoff_next(&f->backoff_ms, BACKOFF_FIRST_MS, BACKOFF_MAX_MS);
    if (f->backoff_ms == BACKOFF_FIRST_MS || f->backoff_ms == BACKOFF_MAX_MS)
        log_warn("other servers are not heard, will connect again", LOG_STR("error", why),
                 LOG_INT("retry_ms", wait));
    /* A change wakes it early, which is no reason to try early. */
    for (uint32_t waited = 0; waited < wait && !stopping(f); waited += 50)
        poll(NULL, 0, wait - waited < 50 ? (int)(wait - waited) : 50);
}

static void *run(void *arg)
{
    struct store_feed *f = arg;
    bool before = false;
    while (!stopping(f)) {
        char err[160] = "";
        struct redis_sub *s = redis_sub_open(f->target, err, sizeof(err));
        const char *why = err;
        if (s) {
            take_changes(f, NULL);
            want_all(f, s);
            if (before)
                log_info("listening to other servers again");
            uint64_t since = now_ms();
            why = listen_to(f, s);
            if (now_ms() - since >= GOOD_MS)
                f->backoff_ms = 0;
            before = true;
        }
        if (why) {
            if (why != err)
                snprintf(err, sizeof(err), "%s", why);
            set_state(f, false, err);
            hand_over(f, news_new(FEED_LOST, NULL));
        }
        redis_sub_close(s);
        if (why)
            wait_a_while(f, err);
    }
    return NULL;
}

/* --- the loop's side -------------------------------------------------------------------------- */

struct store_feed *store_feed_new(struct store *s, void (*wake)(void *udata), void *udata)
{
    if (!s->impl->target)
        return NULL;
    struct store_feed *f = xcalloc(1, sizeof(*f));
    f->target = s->impl->target(s);
    f->node = s->node;
    f->wake = wake;
    f->udata = udata;
    list_init(&f->changes);
    list_init(&f->news);
    snprintf(f->why, sizeof(f->why), "not connected yet");
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&f->mutex, NULL);
    if (f->wake_fd < 0 || pthread_create(&f->thread, NULL, run, f) != 0)
        abort(); /* at the start of the program, before anything is served */
    return f;
}

static void nudge(struct store_feed *f)
{
    uint64_t one = 1;
    if (write(f->wake_fd, &one, sizeof(one)) < 0)
        return; /* it is full, so the thread will wake */
}

static void change(struct store_feed *f, const char *id, bool follow)
{
    struct change *c = xmalloc(sizeof(*c) + strlen(id) + 1);
    c->follow = follow;
    strcpy(c->id, id);
    list_init(&c->entry);
    pthread_mutex_lock(&f->mutex);
    list_append(&f->changes, &c->entry);
    pthread_mutex_unlock(&f->mutex);
    nudge(f);
}

void store_feed_follow(struct store_feed *f, const char *id)
{
    change(f, id, true);
}

void store_feed_unfollow(struct store_feed *f, const char *id)
{
    change(f, id, false);
}

void store_feed_drain(struct store_feed *f,
                      void (*heard)(void *udata, const struct feed_news *news), void *udata)
{
    struct list news;
    list_init(&news);
    pthread_mutex_lock(&f->mutex);
    list_move(&news, &f->news);
    f->news_bytes = 0;
    pthread_mutex_unlock(&f->mutex);
    while (!list_empty(&news)) {
        struct feed_news *n = container_of(news.next, struct feed_news, entry);
        heard(udata, n);
        news_free(n);
    }
}

bool store_feed_connected(struct store_feed *f, char *why, size_t why_len)
{
    pthread_mutex_lock(&f->mutex);
    bool connected = f->connected;
    snprintf(why, why_len, "%s", f->why);
    pthread_mutex_unlock(&f->mutex);
    return connected;
}

void store_feed_stop(struct store_feed *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->mutex);
    f->stop = true;
    pthread_mutex_unlock(&f->mutex);
    nudge(f);
}

void store_feed_free(struct store_feed *f)
{
    void *id;
    if (!f)
        return;
    store_feed_stop(f);
    pthread_join(f->thread, NULL);
    while (!list_empty(&f->news))
        news_free(container_of(f->news.next, struct feed_news, entry));
    while (!list_empty(&f->changes)) {
        struct change *c = container_of(f->changes.next, struct change, entry);
        list_remove(&c->entry);
        free(c);
    }
    for (size_t pos = 0; table_next(&f->followed, &pos, &id);)
        free(id);
    table_release(&f->followed);
    pthread_mutex_destroy(&f->mutex);
    close(f->wake_fd);
    free(f);
}
