#include "base/percent.h"
#include "tests/test.h"

TEST(percent_decodes)
{
    char out[8];
    CHECK_EQ(percent_decode("a%62c", 5, out, sizeof(out)), 3);
    CHECK_STR(out, "abc");
    CHECK_EQ(percent_decode("%", 1, out, sizeof(out)), -1);
    CHECK_EQ(percent_decode("%4", 2, out, sizeof(out)), -1);
    CHECK_EQ(percent_decode("%zz", 3, out, sizeof(out)), -1);
    CHECK_EQ(percent_decode("%00", 3, out, sizeof(out)), -1);
    CHECK_EQ(percent_decode("1234567", 7, out, sizeof(out)), 7);
    CHECK_EQ(percent_decode("12345678", 8, out, sizeof(out)), -1);
}

TEST(percent_encodes)
{
    static const char all[] = "aZ09-._~ !\"#$%&'()*+,/:;<=>?@[\\]^`{|}\n\x7f\xc3\xa9";
    char back[sizeof(all)];
    struct buf b = {0};
    percent_encode(&b, all, 12);
    CHECK_STR(buf_str(&b), "aZ09-._~%20%21%22%23");
    buf_clear(&b);
    percent_encode(&b, "\xc3\xa9\0", 3);
    CHECK_STR(buf_str(&b), "%C3%A9%00");
    buf_clear(&b);
    percent_encode(&b, all, sizeof(all) - 1);
    CHECK_EQ(percent_decode(buf_str(&b), b.len, back, sizeof(back)), sizeof(all) - 1);
    CHECK_STR(back, all);
    buf_release(&b);
}
