#include "tests/redis/cluster_fixture.h"

#include "tests/redis/link_fixture.h"

struct redis_server cluster_nodes[4];
int cluster_bus[4];
char cluster_ids[4][48];

void cluster_start_node(int i, int port, const char *dir)
{
    char bus_port[16];
    cluster_bus[i] = cluster_bus[i] ? cluster_bus[i] : free_port();
    snprintf(bus_port, sizeof(bus_port), "%d", cluster_bus[i]);
    redis_start(&cluster_nodes[i], port, dir,
                (const char *const[]){"--cluster-enabled", "yes", "--cluster-config-file",
                                      "nodes.conf", "--cluster-port", bus_port,
                                      "--cluster-node-timeout", "1000",
                                      "--cluster-require-full-coverage", "no",
                                      "--repl-diskless-sync-delay", "0", NULL});
    snprintf(cluster_ids[i], sizeof(cluster_ids[i]), "%s",
             redis_cli(&cluster_nodes[i], "cluster myid"));
}

void cluster_until(const struct redis_server *r, const char *command, const char *has)
{
    for (int i = 0; i < 1000 && !strstr(redis_cli(r, command), has); i++)
        sleep_ms(10);
    CHECK_HAS(redis_cli(r, command), has);
}

void cluster_meet(int i)
{
    shell("redis-cli -p %d cluster meet 127.0.0.1 %d %d", cluster_nodes[i].port,
          cluster_nodes[0].port, cluster_bus[0]);
}

/* By hand: redis-cli --cluster create takes seconds. */
void cluster_start(void)
{
    static const char *const ranges[] = {"0 5460", "5461 10922", "10923 16383"};
    if (cluster_nodes[0].pid)
        return;
    for (int i = 0; i < 3; i++) {
        cluster_start_node(i, 0, NULL);
        shell("redis-cli -p %d cluster set-config-epoch %d", cluster_nodes[i].port, i + 1);
        shell("redis-cli -p %d cluster addslotsrange %s", cluster_nodes[i].port, ranges[i]);
        if (i)
            cluster_meet(i);
    }
    for (int i = 0; i < 3; i++) {
        cluster_until(&cluster_nodes[i], "cluster info", "cluster_slots_ok:16384");
        cluster_until(&cluster_nodes[i], "cluster info", "cluster_state:ok");
    }
}

/* Slots that were given away a moment ago may not be known to all: redis-cli moves none before that. */
void cluster_agreed(void)
{
    static const char all[] = "[OK] All nodes agree about slots configuration.";
    const char *said = "";
    for (int i = 0; i < 100 && !strstr(said, all); i++) {
        if (i)
            sleep_ms(50);
        said = shell("redis-cli --cluster check 127.0.0.1:%d 2>&1", cluster_nodes[0].port);
    }
    CHECK_HAS(said, all);
}

void cluster_flush(void)
{
    for (int i = 0; i < 3; i++)
        redis_cli(&cluster_nodes[i], "flushall");
}
