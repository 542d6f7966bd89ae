#include "store/redis_slots.h"
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
