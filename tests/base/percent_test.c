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
