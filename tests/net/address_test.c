#include "net/address.h"
#include "tests/test.h"

#include <string.h>

static const char *address(const char *text)
{
    static char out[NET_ADDRESS_SIZE];
    struct net_address a;
    if (!net_address_read(&a, text, strlen(text)))
        return "none";
    net_address_write(out, &a);
    return out;
}

TEST(address_as_people_and_proxies_write_them)
{
    CHECK_STR(address("192.0.2.1"), "192.0.2.1");
    CHECK_STR(address("192.0.2.1:8080"), "192.0.2.1");
    CHECK_STR(address("::ffff:192.0.2.1"), "192.0.2.1");
    CHECK_STR(address("2001:DB8::1"), "2001:db8::1");
    CHECK_STR(address("[2001:db8::1]"), "2001:db8::1");
    CHECK_STR(address("[2001:db8::1]:443"), "2001:db8::1");
    static const char *const bad[] = {"",       "unknown",    "192.0.2", "192.0.2.256",     "[::1",
                                      "::1::2", "192.0.2.1 ", "_hidden", "1.2.3.4, 5.6.7.8"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_STR(address(bad[i]), "none");
}

static bool loopback(const char *text)
{
    struct net_address a;
    CHECK(net_address_read(&a, text, strlen(text)));
    return net_address_is_loopback(&a);
}

TEST(address_loopback_and_groups)
{
    CHECK(loopback("127.0.0.1") && loopback("127.9.9.9") && loopback("::1") &&
          loopback("::ffff:127.0.0.1"));
    CHECK(!loopback("128.0.0.1") && !loopback("::2") && !loopback("::127.0.0.1"));
    struct net_address a, b, c;
    net_address_read(&a, "2001:db8:1:2:aaaa::1", 20);
    net_address_read(&b, "2001:db8:1:2:bbbb::2", 20);
    net_address_read(&c, "2001:db8:1:3::1", 15);
    a = net_address_group(&a), b = net_address_group(&b), c = net_address_group(&c);
    CHECK(memcmp(&a, &b, sizeof(a)) == 0 && memcmp(&a, &c, sizeof(a)) != 0);
    net_address_read(&a, "192.0.2.1", 9);
    net_address_read(&b, "192.0.2.2", 9);
    a = net_address_group(&a), b = net_address_group(&b);
    CHECK(memcmp(&a, &b, sizeof(a)) != 0);
}

static bool in(const char *list, const char *text)
{
    struct net_ranges r;
    struct net_address a;
    const char *bad;
    CHECK(net_ranges_read(&r, list, &bad));
    CHECK(net_address_read(&a, text, strlen(text)));
    return net_ranges_have(&r, &a);
}

TEST(address_ranges)
{
    CHECK(in("10.0.0.0/8", "10.255.0.1") && !in("10.0.0.0/8", "11.0.0.1"));
    CHECK(in("192.0.2.128/25", "192.0.2.200") && !in("192.0.2.128/25", "192.0.2.127"));
    CHECK(in("192.0.2.7", "192.0.2.7") && !in("192.0.2.7", "192.0.2.8"));
    CHECK(in("0.0.0.0/0", "8.8.8.8") && !in("0.0.0.0/0", "2001:db8::1"));
    CHECK(in("::/0", "2001:db8::1"));
    CHECK(in(" fd00::/9 , 10.0.0.0/31", "fd7f::1") && !in("fd00::/9", "fd80::1"));
    CHECK(in("loopback", "127.3.4.5") && in("loopback", "::1") && !in("loopback", "10.0.0.1"));
    CHECK(!in("", "127.0.0.1"));
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "::1/129",
                                      "local",       "10.0.0/8",  "1.2.3.4/-1",  "[::1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct net_ranges r;
        const char *at = NULL;
        CHECK(!net_ranges_read(&r, bad[i], &at));
        CHECK(at == bad[i]);
    }
}
