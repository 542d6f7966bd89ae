#include "base/base64.h"
#include "tests/test.h"

static void both_ways(const char *plain, size_t len, const char *coded)
{
    struct buf b = {0};
    base64_encode(&b, plain, len);
    CHECK_STR(buf_str(&b), coded);
    buf_clear(&b);
    CHECK(base64_decode(&b, coded, strlen(coded)));
    CHECK_MEM(b.data, b.len, plain, len);
    buf_release(&b);
}

/* RFC 4648, section 10. */
TEST(base64_vectors_of_the_rfc)
{
    both_ways("", 0, "");
    both_ways("f", 1, "Zg==");
    both_ways("fo", 2, "Zm8=");
    both_ways("foo", 3, "Zm9v");
    both_ways("foob", 4, "Zm9vYg==");
    both_ways("fooba", 5, "Zm9vYmE=");
    both_ways("foobar", 6, "Zm9vYmFy");
    both_ways("\xff\xfe\xfd\0\x80", 5, "//79AIA=");
}

TEST(base64_takes_nothing_else)
{
    static const char *const bad[] = {
        "Z",     "Zg",    "Zg=",  "Zg===",    "Zh==", "Zm9=", "Zm8",  "Zm9v ",
        " Zm9v", "Zm\n9", "====", "Zg==Zg==", "Z=g=", "=Zg=", "Zm9_", "Zm9v\xff\xff\xff\xff",
        "Zg=v"};
    struct buf b = {0};
    buf_puts(&b, "before");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(!base64_decode(&b, bad[i], strlen(bad[i])));
        CHECK_STR(buf_str(&b), "before");
    }
    buf_release(&b);
}

TEST(base64_random_bytes_survive)
{
    for (int i = 0; i < 300; i++) {
        struct buf plain = {0}, coded = {0}, again = {0};
        size_t n = test_below(200);
        for (size_t k = 0; k < n; k++)
            buf_putc(&plain, (uint8_t)test_rand());
        base64_encode(&coded, plain.data, plain.len);
        CHECK(base64_decode(&again, (const char *)coded.data, coded.len));
        CHECK_MEM(again.data, again.len, plain.data, plain.len);
        buf_release(&plain);
        buf_release(&coded);
        buf_release(&again);
    }
}
