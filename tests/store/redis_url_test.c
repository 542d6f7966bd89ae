#include "store/redis_url.h"
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
    CHECK_STR(u.host, "db.example.org");
    CHECK_EQ(u.port, 7000);
    CHECK_EQ(u.db, 12);
    u = parse("redis://localhost");
    CHECK(u.port == 6379 && u.db == 0 && !*u.user && !*u.password && !*u.path);
    u = parse("redis://:secret@h/");
    CHECK_STR(u.password, "secret");
    CHECK_STR(u.user, "");
    u = parse("redis://:p@ss@h");
    CHECK_STR(u.password, "p@ss");
    CHECK_STR(u.host, "h");
    u = parse("redis://[::1]:6380/3");
    CHECK_STR(u.host, "::1");
    CHECK(u.port == 6380 && u.db == 3);
    u = parse("redis+unix:///run/redis.sock?db=4");
    CHECK_STR(u.path, "/run/redis.sock");
    CHECK(!*u.host && u.db == 4);
    u = parse("redis+unix://ann:pw@/run/r%20s.sock");
    CHECK_STR(u.path, "/run/r s.sock");
    CHECK_STR(u.user, "ann");
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
        "redis+unix://run/r",
        "redis+unix://",
        "redis+unix:///r?x=1",
        "redis+unix:///r?db=",
        "redis://a:hunter2@h:99999",
        "redis://a:hunter2%00@h",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct redis_url u;
        char err[160] = "";
        if (redis_url_parse(bad[i], &u, err, sizeof(err)) == 0)
            test_fail(__FILE__, __LINE__, "%s was taken", bad[i]);
        CHECK(*err && !strstr(err, "hunter2"));
    }
}
