#include "base/buf.h"
#include "tests/test.h"

TEST(buf_grows_and_keeps_its_content)
{
    struct buf b = {0};
    char want[5000];
    for (size_t i = 0; i < sizeof(want); i++) {
        want[i] = (char)test_rand();
        buf_putc(&b, (uint8_t)want[i]);
        CHECK(b.len == i + 1 && b.cap >= b.len);
    }
    CHECK_MEM(b.data, b.len, want, sizeof(want));
    buf_release(&b);
    CHECK(!b.data && !b.len && !b.cap);
}

TEST(buf_empty_ones_are_valid)
{
    struct buf b = {0};
    buf_append(&b, NULL, 0);
    buf_consume(&b, 0);
    buf_clear(&b);
    CHECK_EQ(b.len, 0);
    CHECK_STR(buf_str(&b), "");
    buf_release(&b);
    buf_release(&b);
}

TEST(buf_reserve_is_where_the_next_byte_goes)
{
    struct buf b = {0};
    buf_puts(&b, "abc");
    for (size_t n = 1; n < 100000; n *= 7) {
        uint8_t *p = buf_reserve(&b, n);
        CHECK(p == b.data + b.len && b.cap - b.len >= n);
        memset(p, 'x', n); /* ASan watches */
    }
    CHECK_STR(buf_str(&b), "abc");
    buf_release(&b);
}

TEST(buf_printf_of_any_length)
{
    struct buf b = {0};
    char want[4000] = "";
    for (int i = 0; i < 200; i++) {
        buf_printf(&b, "%d,%s;", i, i % 2 ? "odd" : "");
        sprintf(want + strlen(want), "%d,%s;", i, i % 2 ? "odd" : "");
    }
    CHECK_STR(buf_str(&b), want);
    CHECK_EQ(b.len, strlen(want));
    buf_release(&b);
}

TEST(buf_str_adds_no_length)
{
    struct buf b = {0};
    buf_append(&b, "a\0b", 3);
    CHECK_MEM(buf_str(&b), 4, "a\0b\0", 4);
    CHECK_EQ(b.len, 3);
    buf_putc(&b, 'c');
    CHECK_MEM(b.data, b.len, "a\0bc", 4);
    buf_release(&b);
}

TEST(buf_consume_moves_the_rest_to_the_front)
{
    struct buf b = {0};
    buf_puts(&b, "hello world");
    buf_consume(&b, 6);
    CHECK_STR(buf_str(&b), "world");
    buf_consume(&b, 5);
    CHECK_EQ(b.len, 0);
    buf_puts(&b, "again");
    CHECK_STR(buf_str(&b), "again");
    buf_clear(&b);
    CHECK(b.len == 0 && b.cap > 0);
    buf_release(&b);
}

TEST(shared_lives_as_long_as_its_last_reference)
{
    struct shared *s = shared_new("abc", 3), *empty = shared_new(NULL, 0);
    CHECK(shared_ref(s) == s);
    shared_unref(s);
    CHECK_MEM(s->data, s->len, "abc", 3); /* ASan watches */
    shared_unref(s);
    CHECK_EQ(empty->len, 0);
    shared_unref(empty);
    shared_unref(NULL);
}
