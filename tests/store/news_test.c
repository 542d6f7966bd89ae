#include "store/news.h"
#include "tests/test.h"

#define NODE "00000000000000ff"

static bool read_news(const char *message, size_t len, bool binary, struct feed_news *n)
{
    *n = (struct feed_news){0};
    return news_read(message, len, binary, n);
}

#define READ(text, binary, n) read_news(text, sizeof(text) - 1, binary, n)

TEST(news_updates)
{
    struct feed_news n;
    CHECK(READ("u " NODE " 5-1 18446744073709551615-0 a\0 b", true, &n));
    CHECK(n.kind == FEED_UPDATE && n.node == 255);
    CHECK(n.prev.hi == 5 && n.prev.lo == 1 && n.pos.hi == UINT64_MAX && n.pos.lo == 0);
    CHECK_MEM(n.data.data, n.data.len, "a\0 b", 4);
    buf_release(&n.data);
    /* Over a way that is not safe for bytes only the positions count. */
    CHECK(READ("u " NODE " 5-1 6-0 mangled", false, &n));
    CHECK(n.data.len == 0 && n.pos.hi == 6);
    CHECK(READ("U " NODE " 5-1 6-0 //8=", false, &n));
    CHECK_MEM(n.data.data, n.data.len, "\xff\xff", 2);
    buf_release(&n.data);
}

/* Who reads a REST stream must not take a part of somebody's text for a message. */
TEST(news_line_breaks_are_escaped)
{
    struct feed_news n;
    CHECK(READ("u " NODE " 5-1 6-0 a\\nb\\r\\\\n", true, &n));
    CHECK_MEM(n.data.data, n.data.len, "a\nb\r\\n", 6);
    buf_release(&n.data);
    CHECK(!READ("u " NODE " 5-1 6-0 a\\", true, &n));
    buf_release(&n.data);
    CHECK(!READ("u " NODE " 5-1 6-0 a\\x", true, &n));
    buf_release(&n.data);
    CHECK(!READ("u " NODE " 5-1 6-0 a\\\0", true, &n));
    buf_release(&n.data);
}

TEST(news_of_other_kinds)
{
    struct feed_news n;
    CHECK(READ("f " NODE " 7-0 00000000deadbeef", true, &n));
    CHECK(n.kind == FEED_FIELDS && n.pos.hi == 7 && n.hash == 0xdeadbeef);
    CHECK(READ("s " NODE " 7-3 123", true, &n));
    CHECK(n.kind == FEED_SNAPSHOT && n.pos.lo == 3 && n.size == 123);
    CHECK(READ("p " NODE, true, &n));
    CHECK(n.kind == FEED_POLICY && n.node == 255);
    CHECK(READ("t " NODE " ", true, &n));
    CHECK(n.kind == FEED_TOLD && n.data.len == 0);
    CHECK(!READ("t " NODE " x", true, &n));
}

TEST(news_told_is_written_and_read)
{
    struct buf data = {0}, message = {0};
    struct feed_news n = {0};
    buf_append(&data, "a \0\xff\n", 5);
    news_write_told(&message, 0x0123456789abcdef, &data);
    CHECK(news_read(message.data, message.len, false, &n));
    CHECK(n.kind == FEED_TOLD && n.node == 0x0123456789abcdef);
    CHECK_MEM(n.data.data, n.data.len, data.data, data.len);
    buf_release(&n.data);
    buf_release(&message);
    buf_release(&data);
}

TEST(news_that_are_none)
{
    static const char *const bad[] = {"",
                                      "u",
                                      "u ",
                                      "x " NODE " 1-1 2-2 d",
                                      "uu " NODE " 1-1 2-2 d",
                                      "u 00ff 1-1 2-2 d",
                                      "u 00000000000000FF 1-1 2-2 d",
                                      "u " NODE " 1 2-2 d",
                                      "u " NODE " 1-1 2-2",
                                      "u " NODE " 1-1 -2 d",
                                      "u " NODE " 1-1 2- d",
                                      "u " NODE " 1-1 18446744073709551616-0 d",
                                      "u " NODE " 1-1 2-2x d",
                                      "U " NODE " 1-1 2-2 d",
                                      "f " NODE " 1-1 12",
                                      "f " NODE " 00000000deadbeef",
                                      "s " NODE " 1-1 ",
                                      "s " NODE " 1-1 -5",
                                      "p",
                                      "p ",
                                      "p " NODE " ",
                                      "p 00ff",
                                      "t " NODE " x",
                                      "T " NODE " YQE="};
    struct feed_news n;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_news(bad[i], strlen(bad[i]), true, &n))
            test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
        buf_release(&n.data);
    }
}
