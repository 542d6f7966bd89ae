#include "redis/url.h"
#include "tests/test.h"

static struct redis_url parse(const char *url)
{
    struct redis_url u;
    char err[160] = "";
    if (redis_url_parse(url, &u, err, sizeof(err)) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", url, err);
    return u;
}

TEST(redis_url_parts)
{
    struct redis_url u = parse("redis://ann:p%40ss%3A%2f@db.example.org:7000/12");
    CHECK_STR(u.user, "ann");
    CHECK_STR(u.password, "p@ss:/");
    CHECK_STR(u.hosts[0].host, "db.example.org");
    CHECK_EQ(u.hosts[0].port, 7000);
    CHECK_EQ(u.db, 12);
    u = parse("redis://localhost");
    CHECK(u.hosts[0].port == 6379 && u.db == 0 && !*u.user && !*u.password && !*u.path);
    u = parse("redis://:secret@h/");
    CHECK_STR(u.password, "secret");
    CHECK_STR(u.user, "");
    u = parse("redis://:p@ss@h");
    CHECK_STR(u.password, "p@ss");
    CHECK_STR(u.hosts[0].host, "h");
    u = parse("redis://[::1]:6380/3");
    CHECK_STR(u.hosts[0].host, "::1");
    CHECK(u.hosts[0].port == 6380 && u.db == 3);
    u = parse("redis+unix:///run/redis.sock?db=4");
    CHECK_STR(u.path, "/run/redis.sock");
    CHECK(!u.host_count && !u.tls && u.db == 4);
    u = parse("redis+unix://ann:pw@/run/r%20s.sock");
    CHECK_STR(u.path, "/run/r s.sock");
    CHECK_STR(u.user, "ann");
}

TEST(redis_url_tls)
{
    struct redis_url u = parse("rediss://ann:pw@db.example.org/2");
    CHECK(u.mode == REDIS_SINGLE && u.tls && u.db == 2 && u.host_count == 1);
    CHECK_EQ(u.hosts[0].port, 6379);
    CHECK_STR(u.password, "pw");
}

TEST(redis_url_sentinel)
{
    struct redis_url u = parse("redis+sentinel://ann:p%2Cw@a,b:7,[::1]:8/the%20master/3");
    CHECK(u.mode == REDIS_SENTINEL && !u.tls && u.host_count == 3 && u.db == 3);
    CHECK_STR(u.hosts[0].host, "a");
    CHECK_EQ(u.hosts[0].port, 26379);
    CHECK_STR(u.hosts[1].host, "b");
    CHECK_EQ(u.hosts[1].port, 7);
    CHECK_STR(u.hosts[2].host, "::1");
    CHECK_EQ(u.hosts[2].port, 8);
    CHECK_STR(u.master, "the master");
    CHECK_STR(u.password, "p,w");
    CHECK(!*u.sentinel_user && !*u.sentinel_password);
    u = parse("rediss+sentinel://:pw@a/m?sentinel-password=s%26%40&sentinel-user=bob");
    CHECK(u.tls && u.db == 0);
    CHECK_STR(u.master, "m");
    CHECK_STR(u.password, "pw");
    CHECK_STR(u.sentinel_password, "s&@");
    CHECK_STR(u.sentinel_user, "bob");
    u = parse("redis+sentinel://a/m/1?sentinel-password=x");
    CHECK_EQ(u.db, 1);
    CHECK_STR(u.sentinel_password, "x");
}

TEST(redis_url_cluster)
{
    struct redis_url u = parse("redis+cluster://:pw@a:7000,b,c:7002");
    CHECK(u.mode == REDIS_CLUSTER && !u.tls && u.host_count == 3);
    CHECK_EQ(u.hosts[0].port, 7000);
    CHECK_EQ(u.hosts[1].port, 6379);
    CHECK_STR(u.hosts[2].host, "c");
    u = parse("rediss+cluster://h/");
    CHECK(u.tls && u.host_count == 1);
    parse("redis+cluster://h/0");
}

TEST(redis_url_rest)
{
    struct redis_url u = parse("https://eu1-x-30000.upstash.io/");
    CHECK(u.mode == REDIS_REST && u.tls && u.host_count == 1);
    CHECK_STR(u.rest, "https://eu1-x-30000.upstash.io");
    CHECK_STR(u.hosts[0].host, "eu1-x-30000.upstash.io");
    CHECK_EQ(u.hosts[0].port, 443);
    u = parse("http://localhost:8079/some/path//");
    CHECK_STR(u.rest, "http://localhost:8079/some/path");
    CHECK(!u.tls && u.hosts[0].port == 8079);
    parse("http://127.0.0.1");
    parse("http://[::1]:80");
}

TEST(redis_url_errors_do_not_repeat_the_password)
{
    const char *const bad[] = {
        "redis:/h",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:1x",
        "redis://h:",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/1/2",
        "redis://hunter2@h",
        "redis://a:hunter2%zz@h",
        "redis://[::1",
        "redis://[::1]x:1",
        "redis://[[]",
        "redis+unix://run/r",
        "redis+unix://",
        "redis+unix:///r?x=1",
        "redis+unix:///r?db=",
        "redis://a:hunter2@h:99999",
        "redis://a:hunter2%00@h",
        "redis:///1",
        "redis://a,b",
        "redis://h h",
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel:///m",
        "redis+sentinel://h,/m",
        "redis+sentinel://:hunter2@h/m/x",
        "redis+sentinel://:hunter2@h/m/1/2",
        "redis+sentinel://h/m?",
        "redis+sentinel://h/m?x=1",
        "redis+sentinel://h/m?sentinel-user=a",
        "redis+sentinel://:pw@h/m?sentinel-password=hunter2@x",
        "redis+sentinel://:pw@h/m?sentinel-password=hunter2%",
        "redis+sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/m",
        "redis+cluster://:hunter2@h/1",
        "redis+cluster://h,",
        "redis+cluster://",
        "rediss+unix:///x",
        "https://",
        "https://:hunter2@h",
        "https://h?_token=hunter2",
        "https://h/hunter2#x",
        "https://h:0/",
        "http://example.org",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct redis_url u;
        char err[160] = "";
        if (redis_url_parse(bad[i], &u, err, sizeof(err)) == 0)
            test_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
        CHECK(*err && !strstr(err, "hunter2"));
    }
}
