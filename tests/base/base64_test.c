#include "base/base64.h"

#include "tests/test.h"

static void pair(const char *bytes, size_t n, const char *text)
{
    struct buf b = {0};
    base64_encode(&b, bytes, n);
    CHECK_STR(buf_str(&b), text);
    CHECK_EQ(b.len, strlen(text));
    buf_clear(&b);
    buf_puts(&b, "kept");
    CHECK(base64_decode(&b, text, strlen(text)));
    CHECK_MEM(b.data + 4, b.len - 4, bytes, n);
    CHECK(memcmp(b.data, "kept", 4) == 0);
    buf_release(&b);
}

/* RFC 4648, section 10, and what needs the last digits. */
TEST(base64_vectors)
{
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
        {"\xff", "/w=="},
        {"\xff\xff", "//8="},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        pair(vectors[i][0], strlen(vectors[i][0]), vectors[i][1]);
    pair("\0", 1, "AA==");
    pair("\0\0\0\0", 4, "AAAAAA==");
}

static bool decodes(const char *text, size_t n)
{
    struct buf b = {0};
    bool ok = base64_decode(&b, text, n);
    CHECK(ok || b.len == 0);
    buf_release(&b);
    return ok;
}

TEST(base64_nothing_else_is_taken)
{
    static const char *const bad[] = {
        "Z",        "Zg",       "Zg=",        "Zg===",    "=",         "====",  "Z===",
        "Zh==",     "Zm9=",     "Zm9v ",      " Zm9v",    "Zm9v\n",    "Zm 9v", "Zm9v====",
        "Zg==Zg==", "Zm8=Zm9v", "Zm=v",       "=m9v",     "Z=9v",      "Zm-v",  "Zm_v",
        "Zm9v-+/A", "Zg=A",     "\xc3\xa9==", "Zm9v*===", "Zm9vZg=\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (decodes(bad[i], strlen(bad[i])))
            test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
    CHECK(!decodes("Zm\0v", 4));
    CHECK(!decodes("Zm9\0", 4));
}

/* Every group of four characters means bytes that are written as these four, or nothing. */
TEST(base64_one_text_for_the_same_bytes)
{
    static const char some[] = "ABCDPQRSZabgwz09+/=\n\x80";
    size_t taken = 0, n = sizeof(some) - 1;
    for (size_t i = 0; i < n * n * n * n; i++) {
        const char text[] = {some[i % n], some[i / n % n], some[i / n / n % n],
                             some[i / n / n / n]};
        struct buf bytes = {0}, again = {0};
        if (base64_decode(&bytes, text, 4)) {
            base64_encode(&again, bytes.data, bytes.len);
            CHECK_MEM(again.data, again.len, text, 4);
            taken++;
        }
        buf_release(&bytes);
        buf_release(&again);
    }
    CHECK(taken > 18 * 18 * 18 * 18);
}

TEST(base64_random_bytes_come_back)
{
    uint8_t bytes[300];
    for (int round = 0; round < 500; round++) {
        size_t n = test_below(sizeof(bytes));
        struct buf text = {0}, back = {0};
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)test_rand();
        base64_encode(&text, bytes, n);
        CHECK(base64_decode(&back, (const char *)text.data, text.len));
        CHECK_MEM(back.data, back.len, bytes, n);
        /* Cut anywhere, it is either refused or a beginning. */
        for (size_t cut = 0; cut < text.len; cut++) {
            buf_clear(&back);
            CHECK(base64_decode(&back, (const char *)text.data, cut) == (cut % 4 == 0));
            CHECK_MEM(back.data, back.len, bytes, cut % 4 ? 0 : cut / 4 * 3);
        }
        buf_release(&text);
        buf_release(&back);
    }
}

/* --- base64url -------------------------------------------------------------------------------- */

static bool url_decodes(const char *text, size_t n)
{
    struct buf b = {0};
    bool ok = base64url_decode(&b, text, n);
    CHECK(ok || b.len == 0);
    buf_release(&b);
    return ok;
}

TEST(base64url_vectors)
{
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg"},
        {"fo", "Zm8"},
        {"foo", "Zm9v"},
        {"\xfb\xff\xbf", "-_-_"},
        {"\xff\xff", "__8"},
        {"\xfb\xf0", "-_A"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const char *bytes = vectors[i][0], *text = vectors[i][1];
        struct buf b = {0};
        base64url_encode(&b, bytes, strlen(bytes));
        CHECK_STR(buf_str(&b), text);
        buf_clear(&b);
        buf_puts(&b, "kept");
        CHECK(base64url_decode(&b, text, strlen(text)));
        CHECK_MEM(b.data + 4, b.len - 4, bytes, strlen(bytes));
        buf_release(&b);
    }
}

TEST(base64url_nothing_else_is_taken)
{
    static const char *const bad[] = {"Z",    "Zg=",  "Zg==", "Zh",   "Zm9",    "Zm9v=", "Zm9vZ",
                                      "+/+/", "Zm 9", "Zm9 ", "Zm9.", "Zm9v\n", "====",  "="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (url_decodes(bad[i], strlen(bad[i])))
            test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
    CHECK(!url_decodes("Zm\0v", 4));
    CHECK(!url_decodes("Zm8\0", 4));
}

TEST(base64url_one_text_for_the_same_bytes)
{
    uint8_t bytes[100];
    for (int round = 0; round < 2000; round++) {
        size_t n = test_below(sizeof(bytes));
        struct buf text = {0}, back = {0}, again = {0};
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)test_rand();
        base64url_encode(&text, bytes, n);
        CHECK(base64url_decode(&back, (const char *)text.data, text.len));
        CHECK_MEM(back.data, back.len, bytes, n);
        if (text.len) {
            text.data[test_below(text.len)] = (uint8_t)test_rand();
            buf_clear(&back);
            if (base64url_decode(&back, (const char *)text.data, text.len)) {
                base64url_encode(&again, back.data, back.len);
                CHECK_MEM(again.data, again.len, text.data, text.len);
            }
        }
        buf_release(&text);
        buf_release(&back);
        buf_release(&again);
    }
}
