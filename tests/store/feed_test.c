/* What servers on one Redis hear of each other. */
#include "store/feed.h"
#include "tests/store/fixture.h"

#include <pthread.h>
#include <time.h>

/* One server: a store, its feed, and the news in words. */
struct server {
    struct store *store;
    struct store_feed *feed;
    struct buf heard;
    struct store_pos last;
};

static void wake(void *udata)
{
}

static void hear(void *udata, const struct feed_news *n)
{
    static const char *const kinds[] = {"following", "lost", "update", "snapshot",
                                        "fields",    "told", "policy"};
    struct server *s = udata;
    if (n->kind == FEED_UPDATE) {
        bool next = store_pos_cmp(n->prev, s->last) == 0;
        buf_printf(&s->heard, "%s%s%s %s %.*s; ", n->own ? "own " : "", next ? "" : "hole ",
                   "update", n->id, (int)n->data.len, (const char *)n->data.data);
        s->last = n->pos;
        return;
    }
    buf_printf(&s->heard, "%s %s", kinds[n->kind], n->id ? n->id : "all");
    if (n->kind == FEED_SNAPSHOT)
        buf_printf(&s->heard, " %zu", n->size);
    if (n->kind == FEED_FIELDS)
        buf_printf(&s->heard, " %" PRIx64, n->hash);
    if (n->kind == FEED_TOLD)
        buf_printf(&s->heard, " %.*s", (int)n->data.len, (const char *)n->data.data);
    buf_puts(&s->heard, "; ");
}

static void hear_bytes(void *udata, const struct feed_news *n)
{
    struct server *s = udata;
    buf_printf(&s->heard, "update %s ", n->id);
    buf_append(&s->heard, n->data.data, n->data.len);
    buf_puts(&s->heard, "; ");
}

static struct server server_new(bool first)
{
    struct server s = {.store = first ? store_new("redis") : store_again_beside(NULL)};
    s.feed = store_feed_new(s.store, wake, NULL);
    CHECK(s.feed);
    return s;
}

static void server_free(struct server *s)
{
    store_feed_free(s->feed);
    store_close(s->store);
    buf_release(&s->heard);
}

/* Waits until what was heard ends with `what`. */
static void hears(struct server *s, const char *what)
{
    for (int i = 0; i < 500; i++) {
        store_feed_drain(s->feed, hear, s);
        const char *got = buf_str(&s->heard);
        size_t n = strlen(got), m = strlen(what);
        if (n >= m && strcmp(got + n - m, what) == 0)
            return;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    test_fail(__FILE__, __LINE__, "heard \"%s\", not \"%s\"", buf_str(&s->heard), what);
}

/* Waits until it was heard since the last "lost". */
static void has_heard(struct server *s, const char *what)
{
    const char *since = "";
    for (int i = 0; i < 500; i++) {
        store_feed_drain(s->feed, hear, s);
        since = strstr(buf_str(&s->heard), "lost all; ");
        since = since ? since : buf_str(&s->heard);
        if (strstr(since, what))
            return;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    test_fail(__FILE__, __LINE__, "heard \"%s\", not \"%s\"", since, what);
}

static void tell(struct server *s, const char *id, const char *data)
{
    CHECK_EQ(put(s->store, STORE_TELL, id, data, strlen(data), NULL), STORE_OK);
}

TEST(feed_is_only_for_stores_that_are_shared)
{
    struct store *s = store_new("sqlite");
    CHECK(!store_feed_new(s, wake, NULL));
    store_close(s);
}

TEST(feed_tells_what_others_append_in_the_order_of_the_log)
{
    struct server a = server_new(true), b = server_new(false);
    char why[160];
    store_feed_follow(a.feed, "x");
    hears(&a, "following x; ");
    store_feed_follow(b.feed, "x");
    hears(&b, "following x; ");
    CHECK(store_feed_connected(a.feed, why, sizeof(why)));
    CHECK_EQ(append(a.store, "x", "one", NULL), STORE_OK);
    CHECK_EQ(append(b.store, "x", "two", NULL), STORE_OK);
    CHECK_EQ(append(b.store, "y", "not followed", NULL), STORE_OK);
    hears(&a, "following x; own update x one; update x two; ");
    hears(&b, "following x; update x one; own update x two; ");
    struct store_pos pos = a.last;
    CHECK_EQ(put(a.store, STORE_SNAPSHOT, "x", "state", 5, &pos), STORE_OK);
    CHECK_EQ(append(a.store, "x", "three", NULL), STORE_OK); /* behind a log that is empty */
    hears(&b, "snapshot x 5; update x three; ");
    tell(&a, "x", "hello");
    tell(&a, NULL, "everybody");
    hears(&b, "told x hello; told all everybody; ");
    store_feed_unfollow(b.feed, "x");
    tell(&a, "x", "gone");
    tell(&a, NULL, "still here");
    hears(&b, "told all still here; ");
    store_feed_drain(a.feed, hear, &a);
    CHECK(!strstr(buf_str(&a.heard), "told")); /* one's own words are no news */
    server_free(&a);
    server_free(&b);
}

TEST(feed_updates_may_be_any_bytes_and_no_message_has_a_line_break)
{
    struct server a = server_new(true), b = server_new(false);
    struct buf all = {0};
    for (int i = 0; i < 256; i++)
        buf_putc(&all, (uint8_t)i);
    buf_puts(&all, "\\n\n\ndata: message\r\n\\");
    store_feed_follow(b.feed, "any");
    hears(&b, "following any; ");
    struct buf want = b.heard;
    b.heard = (struct buf){0};
    buf_release(&want);
    CHECK_EQ(put(a.store, STORE_APPEND, "any", all.data, all.len, NULL), STORE_OK);
    buf_puts(&want, "update any ");
    buf_append(&want, all.data, all.len);
    buf_puts(&want, "; ");
    for (int i = 0; i < 500 && b.heard.len < want.len; i++) {
        store_feed_drain(b.feed, hear_bytes, &b);
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    CHECK_MEM(b.heard.data, b.heard.len, want.data, want.len);
    buf_release(&want);
    buf_release(&all);
    server_free(&a);
    server_free(&b);
}

TEST(feed_tells_of_fields)
{
    struct server a = server_new(true), b = server_new(false);
    struct store_op op = {.kind = STORE_FIELDS, .id = "f", .has_text = true, .hash = 0xabc},
                    *ops = &op;
    store_feed_follow(b.feed, "f");
    hears(&b, "following f; ");
    store_run(a.store, &ops, 1);
    CHECK_EQ(op.result, STORE_OK);
    hears(&b, "fields f abc; ");
    server_free(&a);
    server_free(&b);
}

TEST(feed_that_was_cut_off_follows_again_and_sees_the_hole)
{
    struct server a = server_new(true), b = server_new(false);
    store_feed_follow(b.feed, "x");
    store_feed_follow(b.feed, "y");
    has_heard(&b, "following x; ");
    has_heard(&b, "following y; ");
    CHECK_EQ(append(a.store, "x", "one", NULL), STORE_OK);
    hears(&b, "update x one; ");
    redis_cli(redis_shared(), "CLIENT KILL TYPE pubsub");
    CHECK_EQ(append(a.store, "x", "missed", NULL), STORE_OK);
    has_heard(&b, "lost all; ");
    has_heard(&b, "following x; ");
    has_heard(&b, "following y; ");
    CHECK_EQ(append(a.store, "x", "two", NULL), STORE_OK);
    hears(&b, "hole update x two; ");
    server_free(&a);
    server_free(&b);
}

TEST(feed_of_ten_megabytes)
{
    struct server a = server_new(true), b = server_new(false);
    size_t len = 10u << 20;
    char *big = malloc(len);
    memset(big, 'x', len);
    store_feed_follow(b.feed, "big");
    hears(&b, "following big; ");
    CHECK_EQ(put(a.store, STORE_APPEND, "big", big, len, NULL), STORE_OK);
    for (int i = 0; i < 500 && b.heard.len < len; i++) {
        store_feed_drain(b.feed, hear, &b);
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    CHECK(b.heard.len > len);
    free(big);
    server_free(&a);
    server_free(&b);
}

TEST(feed_of_a_redis_that_is_away_waits_for_it)
{
    struct redis_server r;
    char why[160];
    redis_start(&r, 0, NULL, NULL);
    int port = r.port;
    redis_kill(&r);
    struct server a = {.store = store_must_open(r.url, 500)};
    a.feed = store_feed_new(a.store, wake, NULL);
    store_feed_follow(a.feed, "x");
    hears(&a, "lost all; ");
    CHECK(!store_feed_connected(a.feed, why, sizeof(why)));
    CHECK(*why);
    redis_start(&r, port, r.dir, NULL);
    hears(&a, "following x; ");
    CHECK(store_feed_connected(a.feed, why, sizeof(why)));
    server_free(&a);
    redis_kill(&r);
}
