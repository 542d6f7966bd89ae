/* A master, a replica and three Sentinels, all real. */
#include "redis/conn.h"
#include "tests/redis/link_fixture.h"

#include <signal.h>

static struct redis_server servers[2], sentinels[3];

static void start_sentinel(struct redis_server *s, int port, int quorum, int down_after,
                           const char *more)
{
    char conf[512];
    snprintf(conf, sizeof(conf),
             "sentinel monitor m 127.0.0.1 %d %d\n"
             "sentinel down-after-milliseconds m %d\n"
             "sentinel failover-timeout m 1000\n"
             "%s",
             port, quorum, down_after, more);
    redis_start_sentinel(s, conf);
    /* Redis 7; older ones take their 2 to 10 s. */
    redis_cli(s, "sentinel debug info-period 100 publish-period 500 ask-period 100");
}

static void until(const struct redis_server *r, const char *command, const char *has)
{
    for (int i = 0; i < 1000 && !strstr(redis_cli(r, command), has); i++)
        sleep_ms(10);
    CHECK_HAS(redis_cli(r, command), has);
}

static void start_all(void)
{
    char port[16];
    redis_start(&servers[0], 0, NULL,
                (const char *const[]){"--repl-diskless-sync-delay", "0", NULL});
    snprintf(port, sizeof(port), "%d", servers[0].port);
    redis_start(&servers[1], 0, NULL,
                (const char *const[]){"--repl-diskless-sync-delay", "0", "--replicaof", "127.0.0.1",
                                      port, NULL});
    until(&servers[0], "info replication", "state=online");
    /* Only the first one is quick to start a failover: elections of several take seconds. */
    for (int i = 0; i < 3; i++)
        start_sentinel(&sentinels[i], servers[0].port, i ? 3 : 2, i < 2 ? 500 : 5000, "");
    for (int i = 0; i < 3; i++) {
        until(&sentinels[i], "sentinel master m", "\nnum-other-sentinels\n2\n");
        until(&sentinels[i], "sentinel master m", "\nnum-slaves\n1\n");
    }
}

static struct redis_target *target(void)
{
    char url[200];
    /* The first one is nobody. */
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/m/1",
             free_port(), sentinels[1].port, sentinels[2].port);
    return target_of(url, 1000);
}

static int written(struct redis_link *l, double for_s, int *failed)
{
    int n = 0;
    for (double t = now_s(); now_s() - t < for_s;) {
        *failed += strstr(ask(l, "INCR n"), "none") ? 1 : 0;
        n++;
        sleep_ms(5);
    }
    return n;
}

/* One test, since the servers take seconds to find each other. */
TEST(sentinel_failover)
{
    start_all();
    int failed = 0;
    struct redis_link *l = link_open(target());
    CHECK_STR(ask(l, "SET n 0"), "OK");
    CHECK_STR(redis_cli(&servers[0], "-n 1 get n"), "0");
    CHECK_EQ(written(l, 0.1, &failed) > 5 && !failed, 1);

    /* asked for: the old master becomes a replica of the new one */
    CHECK_STR(redis_cli(&sentinels[0], "sentinel failover m"), "OK");
    until(&servers[1], "role", "master");
    written(l, 2.1, &failed);
    CHECK_STR(ask(l, "SET after failover"), "OK");
    CHECK_STR(redis_cli(&servers[1], "-n 1 get after"), "failover");
    /* The Sentinels would tell it too, but later. */
    shell("redis-cli -p %d replicaof 127.0.0.1 %d", servers[0].port, servers[1].port);
    until(&servers[0], "info replication", "master_link_status:up");
    for (int i = 0; i < 3; i++)
        until(&sentinels[i], "sentinel get-master-addr-by-name m",
              strrchr(servers[1].url, ':') + 1);
    for (int i = 0; i < 3; i++)
        until(&sentinels[i], "sentinel replicas m", "\nmaster-link-status\nok\n");
    CHECK_HAS(redis_cli(&sentinels[1], "sentinel ckquorum m"), "OK");

    /* a connection that stays where it is, to a server that is the master no longer */
    struct redis_conn *c;
    char err[300] = "";
    CHECK((c = redis_conn_dial(target(), err, sizeof(err))));
    CHECK_HAS(redis_conn_name(c), strrchr(servers[1].url, ':'));
    redis_conn_close(c);

    /* killed */
    uint32_t before = redis_link_generation(l);
    double t = now_s();
    redis_kill(&servers[1]);
    while (strcmp(ask(l, "SET after death"), "OK") != 0 && now_s() - t < 30)
        sleep_ms(20);
    CHECK_STR(redis_cli(&servers[0], "-n 1 get after"), "death");
    CHECK(redis_link_generation(l) > before);

    /* the Sentinels hang: whoever is connected stays so, and hardly waits for them */
    for (int i = 0; i < 3; i++)
        kill(sentinels[i].pid, SIGSTOP);
    sleep_ms(2100);
    t = now_s();
    CHECK_STR(ask(l, "GET after"), "death");
    CHECK_STR(ask(l, "GET after"), "death");
    CHECK(now_s() - t < 0.3);
    for (int i = 0; i < 3; i++)
        redis_kill(&sentinels[i]);
    redis_link_close(l);
    l = link_open(target());
    CHECK_HAS(ask(l, "GET after"), "Connection refused");
    redis_link_close(l);
    redis_kill(&servers[0]);
}

TEST(sentinel_with_a_password_of_its_own)
{
    static struct redis_server master, sentinel;
    char url[240];
    redis_start(&master, 0, NULL, (const char *const[]){"--requirepass", "pw", NULL});
    start_sentinel(&sentinel, master.port, 1, 500, "sentinel auth-pass m pw\nrequirepass other\n");
    snprintf(url, sizeof(url), "redis+sentinel://:pw@127.0.0.1:%d/m?sentinel-password=other",
             sentinel.port);
    struct redis_link *l = link_open(target_of(url, 1000));
    CHECK_STR(ask(l, "SET a 1"), "OK");
    redis_link_close(l);
    snprintf(url, sizeof(url), "redis+sentinel://:pw@127.0.0.1:%d/m", sentinel.port);
    l = link_open(target_of(url, 1000));
    CHECK_HAS(ask(l, "GET a"), "NOAUTH");
    redis_link_close(l);
    snprintf(url, sizeof(url), "redis+sentinel://:pw@127.0.0.1:%d/x?sentinel-password=other",
             sentinel.port);
    l = link_open(target_of(url, 1000));
    CHECK_HAS(ask(l, "GET a"), "knows no master x");
    redis_link_close(l);
    redis_kill(&sentinel);
    redis_kill(&master);
}

/* The Sentinel has not heard of it, or has heard wrong. */
TEST(sentinel_names_a_server_that_is_no_master)
{
    static struct redis_server server, sentinel;
    char url[240];
    redis_start(&server, 0, NULL, NULL);
    start_sentinel(&sentinel, server.port, 1, 60000, "");
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d/m", sentinel.port);
    struct redis_link *l = link_open(target_of(url, 500));
    redis_cli(&server, "replicaof 127.0.0.1 1");
    CHECK_HAS(ask(l, "GET a"), "is not the master (next attempt in ");
    redis_cli(&server, "replicaof no one");
    sleep_ms(60);
    CHECK_STR(ask(l, "GET a"), "nil");
    redis_link_close(l);
    redis_kill(&sentinel);
    redis_kill(&server);
}
