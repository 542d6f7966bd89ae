#include "redis/slots.h"
#include "tests/test.h"

TEST(slots_of_keys)
{
    /* As CLUSTER KEYSLOT of Redis 7 has them. */
    CHECK_EQ(redis_slot_of("foo"), 12182);
    CHECK_EQ(redis_slot_of("123456789"), 0x31c3);
    CHECK_EQ(redis_slot_of(""), 0);
    CHECK_EQ(redis_slot_of("{user1000}.following"), redis_slot_of("user1000"));
    CHECK_EQ(redis_slot_of("foo{bar}{zap}"), redis_slot_of("bar"));
    CHECK_EQ(redis_slot_of("foo{{bar}}zap"), redis_slot_of("{bar"));
    CHECK(redis_slot_of("foo{}{bar}") != redis_slot_of("bar"));
    CHECK(redis_slot_of("foo{bar") != redis_slot_of("bar"));
    CHECK_EQ(redis_slot_of("{bytecrowd:x}:updates"), redis_slot_of("bytecrowd:x"));
}

TEST(slots_redirects)
{
    uint16_t slot = 1;
    struct redis_host h;
    CHECK_EQ(redis_redirect_of("MOVED 3999 127.0.0.1:6381", &slot, &h), REDIRECT_MOVED);
    CHECK(slot == 3999 && h.port == 6381);
    CHECK_STR(h.host, "127.0.0.1");
    CHECK_EQ(redis_redirect_of("ASK 16383 node-3.example:1", &slot, &h), REDIRECT_ASK);
    CHECK(slot == 16383 && h.port == 1);
    CHECK_STR(h.host, "node-3.example");
    CHECK_EQ(redis_redirect_of("MOVED 1 :6381", &slot, &h), REDIRECT_MOVED);
    CHECK_STR(h.host, "");
    CHECK_EQ(redis_redirect_of("MOVED 1 ?:6381", &slot, &h), REDIRECT_MOVED);
    CHECK_STR(h.host, "");
    CHECK_EQ(redis_redirect_of("MOVED 0 fe80::1:6381", &slot, &h), REDIRECT_MOVED);
    CHECK_STR(h.host, "fe80::1");
    const char *const none[] = {
        "ERR no",       "MOVED",        "MOVED ",      "MOVED 1",         "MOVED x h:1",
        "MOVED 1 h",    "MOVED 1 h:",   "MOVED 1 h:0", "MOVED 1 h:65536", "MOVED 16384 h:1",
        "MOVED -1 h:1", "MOVEDX 1 h:1", "ASK 1h:1",    "MOVED 1 h:1x",    "ASKING",
    };
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        if (redis_redirect_of(none[i], &slot, &h))
            test_fail(__FILE__, __LINE__, "%s was taken", none[i]);
}

TEST(slots_cursors_of_all_nodes)
{
    struct redis_scan s;
    char text[REDIS_SCAN_TEXT];
    CHECK(redis_scan_read("0", 1, &s) && s.slot == 0 && !*s.node);
    CHECK_STR(s.cursor, "0");
    const char *const good[] = {"0@127.0.0.1:7000@17", "16383@[fe80::1]:1@18446744073709551615",
                                "5@@0"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        CHECK(redis_scan_read(good[i], strlen(good[i]), &s));
        redis_scan_write(&s, text);
        CHECK_STR(text, good[i]);
    }
    const char *const bad[] = {"",        "1",          "17@",      "@@",          "x@h:1@0",
                               "0@h:1@x", "0@h:1@",     "0@h:1@-1", "16384@h:1@0", "-1@@0",
                               "0@0",     "00000000@@0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (redis_scan_read(bad[i], strlen(bad[i]), &s))
            test_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
}
