#include "server/name.h"
#include "tests/test.h"

static enum name_verdict verdict(const char *s)
{
    return name_check(s, strlen(s));
}

TEST(name_rule)
{
    char longest[NAME_MAX_LEN + 2];
    memset(longest, 'a', sizeof(longest));
    CHECK_EQ(name_check(longest, NAME_MAX_LEN), NAME_OK);
    CHECK_EQ(name_check(longest, NAME_MAX_LEN + 1), NAME_BAD);
    CHECK_EQ(verdict(""), NAME_BAD);
    CHECK_EQ(verdict("a"), NAME_OK);
    CHECK_EQ(verdict("Az09-_."), NAME_OK);
    CHECK_EQ(verdict("..."), NAME_OK);
    CHECK_EQ(verdict("."), NAME_BAD);
    CHECK_EQ(verdict(".."), NAME_BAD);
    for (int c = 1; c < 256; c++) {
        char s[] = {'x', (char)c, 0};
        bool allowed =
            strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", c);
        CHECK_EQ(verdict(s), allowed ? NAME_OK : NAME_BAD);
    }
}

TEST(name_routes_are_reserved)
{
    CHECK_EQ(verdict("ws"), NAME_RESERVED);
    CHECK_EQ(verdict("api"), NAME_RESERVED);
    CHECK_EQ(verdict("healthz"), NAME_RESERVED);
    CHECK_EQ(verdict("WS"), NAME_OK);
    CHECK_EQ(verdict("ws1"), NAME_OK);
}
