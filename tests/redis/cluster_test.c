/* A Cluster of three real servers, and what it does while commands run. */
#include "redis/conn.h"
#include "redis/slots.h"
#include "tests/redis/cluster_fixture.h"
#include "tests/redis/link_fixture.h"

#include <pthread.h>
#include <signal.h>

static struct redis_target *target(uint32_t ms)
{
    char url[200];
    cluster_start();
    /* One of them is nobody. */
    snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d",
             free_port(), cluster_nodes[1].port, cluster_nodes[2].port);
    return target_of(url, ms);
}

/* A key of node i. */
static const char *key_of(int i, int number)
{
    static char key[16][32];
    static int turn;
    static const int last[] = {5460, 10922, 16383};
    char *k = key[turn++ % 16];
    for (int n = number * 1000;; n++) {
        snprintf(k, sizeof(key[0]), "k%d", n);
        int slot = redis_slot_of(k);
        if (slot <= last[i] && (!i || slot > last[i - 1]))
            return k;
    }
}

/* `text` with the key for its %s. */
static const char *words(const char *text, const char *key)
{
    static char s[8][300];
    static int turn;
    char *p = s[turn++ % 8];
    const char *at = strstr(text, "%s");
    snprintf(p, sizeof(s[0]), "%.*s%s%s", (int)(at - text), text, key, at + 2);
    return p;
}

static void setslot(int on, int slot, const char *what, int node)
{
    shell("redis-cli -p %d cluster setslot %d %s %s", cluster_nodes[on].port, slot, what,
          node < 0 ? "" : cluster_ids[node]);
}

TEST(cluster_slots_as_redis_counts_them)
{
    cluster_start();
    static const char *const keys[] = {"foo",  "bytecrowd:x", "{bytecrowd:x}:updates",
                                       "a{}b", "{{a}}",       "a{b"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        CHECK_EQ(
            atoi(shell("redis-cli -p %d cluster keyslot '%s'", cluster_nodes[0].port, keys[i])),
            redis_slot_of(keys[i]));
}

TEST(cluster_each_key_is_on_its_node)
{
    enum { KEYS = 100, TIMES = 5, N = KEYS * TIMES };
    static struct redis_command c[N];
    static redisReply *replies[N];
    static char keys[KEYS][16];
    struct redis_link *l = link_open(target(2000));
    cluster_flush();
    for (int i = 0; i < N; i++) {
        char *key = keys[i % KEYS];
        snprintf(key, sizeof(keys[0]), "k%d", i % KEYS);
        c[i] = command_of("INCR", key, true);
        redis_arg_str(&c[i], key);
    }
    redis_link_run(l, c, N, replies);
    for (int i = 0; i < N; i++) {
        CHECK(replies[i] && replies[i]->type == REDIS_REPLY_INTEGER);
        CHECK_EQ(replies[i]->integer, i / KEYS + 1);
        redis_reply_free(replies[i]);
    }
    /* One connection to each, and perhaps one to learn that. */
    CHECK(redis_link_generation(l) == 3 || redis_link_generation(l) == 4);
    long sum = 0;
    for (int i = 0; i < 3; i++)
        sum += atol(redis_cli(&cluster_nodes[i], "dbsize"));
    CHECK_EQ(sum, KEYS);
    CHECK_HAS(ask(l, "NOSUCH x"), "ERR unknown command");
    CHECK_HAS(ask(l, "EVALSHA 0123456789012345678901234567890123456789 0"), "NOSCRIPT");
    struct redis_command ping = command_of("PING", NULL, false);
    redisReply *r;
    redis_link_run(l, &ping, 1, &r);
    CHECK(r);
    CHECK_STR(r->str, "PONG");
    redis_reply_free(r);
    redis_link_close(l);
}

TEST(cluster_a_slot_moves)
{
    struct redis_link *l = link_open(target(2000));
    cluster_flush();
    const char *key = key_of(0, 1);
    int slot = redis_slot_of(key);
    CHECK_STR(ask(l, words("SET %s 1", key)), "OK");
    uint32_t before = redis_link_generation(l);
    redis_cli(&cluster_nodes[0], "flushall");
    for (int i = 2; i >= 0; i--)
        setslot(i, slot, "node", 2);
    CHECK_STR(ask(l, words("SET %s 2", key)), "OK"); /* MOVED */
    CHECK_STR(redis_cli(&cluster_nodes[2], words("get %s", key)), "2");
    CHECK_STR(ask(l, words("GET %s", key)), "2");
    CHECK(redis_link_generation(l) <= before + 2);
    redis_cli(&cluster_nodes[2], "flushall");
    for (int i = 2; i >= 0; i--)
        setslot(i, slot, "node", 0);
    CHECK_STR(ask(l, words("GET %s", key)), "nil");
    redis_link_close(l);
}

/* How many keys of k0 to k<n-1> it finds; every one at least once. */
static int scan_all(struct redis_link *l, int n)
{
    static char cursor[400], command[500];
    bool found[1000] = {false};
    int count = 0, steps = 0;
    snprintf(cursor, sizeof(cursor), "0");
    do {
        snprintf(command, sizeof(command), "SCAN %s COUNT 20", cursor);
        struct redis_command c = command_of(command, NULL, false);
        redisReply *r;
        redis_link_run(l, &c, 1, &r);
        if (!r)
            test_fail(__FILE__, __LINE__, "%s", redis_link_error(l));
        CHECK(r->type == REDIS_REPLY_ARRAY && r->elements == 2 && ++steps < 1000);
        snprintf(cursor, sizeof(cursor), "%s", r->element[0]->str);
        for (size_t i = 0; i < r->element[1]->elements; i++) {
            int k = atoi(r->element[1]->element[i]->str + 1);
            CHECK(k < n);
            count += !found[k];
            found[k] = true;
        }
        redis_reply_free(r);
    } while (strcmp(cursor, "0") != 0);
    return count;
}

TEST(cluster_a_scan_visits_all_nodes)
{
    struct redis_link *l = link_open(target(2000));
    static char key[16];
    cluster_flush();
    CHECK_EQ(scan_all(l, 0), 0);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        CHECK_STR(ask(l, words("SET %s 1", key)), "OK");
    }
    uint32_t before = redis_link_generation(l);
    CHECK_EQ(scan_all(l, 500), 500);
    CHECK_EQ(redis_link_generation(l), before);
    for (int i = 0; i < 3; i++)
        redis_cli(&cluster_nodes[i], "client kill type normal");
    CHECK_EQ(scan_all(l, 500), 500);
    struct redis_command c = command_of("SCAN 17 COUNT 20", NULL, false);
    redisReply *r;
    redis_link_run(l, &c, 1, &r);
    CHECK(!r);
    CHECK_HAS(redis_link_error(l), "not a cursor of a Cluster");
    /* A slot in the middle is another node's: then the ranges are in pieces. */
    for (int i = 2; i >= 0; i--)
        setslot(i, 7000, "node", 2);
    redis_link_close(l);
    l = link_open(target(2000));
    CHECK_EQ(scan_all(l, 500), 500);
    for (int i = 2; i >= 0; i--)
        setslot(i, 7000, "node", 1);
    redis_link_close(l);
}

struct migration {
    int slot;
    const char *key;
    unsigned after_ms;
};

/* From node 0 to node 1, when the time has come. */
static void *migrate(void *udata)
{
    struct migration *m = udata;
    char command[300];
    sleep_ms(m->after_ms);
    snprintf(command, sizeof(command),
             "redis-cli -p %d migrate 127.0.0.1 %d '' 0 1000 keys %s >/dev/null",
             cluster_nodes[0].port, cluster_nodes[1].port, m->key);
    if (system(command) != 0)
        return NULL;
    for (int i = 2; i >= 0; i--) {
        snprintf(command, sizeof(command), "redis-cli -p %d cluster setslot %d node %s >/dev/null",
                 cluster_nodes[i].port, m->slot, cluster_ids[1]);
        if (system(command) != 0)
            return NULL;
    }
    return m;
}

TEST(cluster_a_slot_is_being_migrated)
{
    struct redis_link *l = link_open(target(2000));
    cluster_flush();
    char one[64], both[128];
    const char *tag = key_of(0, 2);
    struct migration m = {redis_slot_of(tag), one, 100};
    pthread_t thread;
    void *done;
    snprintf(one, sizeof(one), "{%s}1", tag);
    CHECK_STR(ask(l, words("SET {%s}1 a", tag)), "OK");
    CHECK_STR(ask(l, words("SET {%s}2 b", tag)), "OK");
    setslot(1, m.slot, "importing", 0);
    setslot(0, m.slot, "migrating", 1);
    CHECK_STR(ask(l, words("GET {%s}1", tag)), "a");
    CHECK_STR(ask(l, words("SET {%s}3 c", tag)), "OK"); /* ASK: what is new is made over there */
    CHECK_STR(ask(l, words("GET {%s}3", tag)), "c");
    CHECK_HAS(redis_cli(&cluster_nodes[0], words("exists {%s}3", tag)), "ASK ");
    shell("redis-cli -p %d migrate 127.0.0.1 %d '' 0 1000 keys {%s}2", cluster_nodes[0].port,
          cluster_nodes[1].port, tag);
    CHECK_STR(ask(l, words("GET {%s}2", tag)), "b");
    /* One here, one there: TRYAGAIN, until the other one is there too. */
    CHECK(pthread_create(&thread, NULL, migrate, &m) == 0);
    double t = now_s();
    snprintf(both, sizeof(both), "MGET {%s}1 {%s}2", tag, tag);
    CHECK_STR(ask(l, both), "a\nb");
    CHECK(now_s() - t > 0.05 && now_s() - t < 1);
    CHECK(pthread_join(thread, &done) == 0 && done);
    CHECK_STR(ask(l, both), "a\nb");
    redis_cli(&cluster_nodes[1], "flushall");
    for (int i = 2; i >= 0; i--)
        setslot(i, m.slot, "node", 0);
    redis_link_close(l);
}

static void *reshard(void *udata)
{
    char command[400];
    snprintf(command, sizeof(command),
             "redis-cli --cluster reshard 127.0.0.1:%d --cluster-from %s --cluster-to %s "
             "--cluster-slots %d --cluster-yes >'%s/reshard' 2>&1",
             cluster_nodes[0].port, cluster_ids[0], cluster_ids[1], *(int *)udata,
             cluster_nodes[0].dir);
    return system(command) == 0 ? udata : NULL;
}

/* Every key is counted up in each run, and one of two keys is: all the while nothing is lost, nothing
 * done twice, nothing fails. The slots that go first are the first ones of node 0. */
TEST(cluster_commands_while_slots_are_migrated)
{
    enum { SLOTS = 60, KEYS = 120 };
    static struct redis_command c[2 * KEYS];
    static redisReply *replies[2 * KEYS];
    static char keys[KEYS][32], others[KEYS][40];
    static const char both[] =
        "return redis.call('INCR',KEYS[1])+redis.call('INCRBY',KEYS[2],1000)";
    int slots = SLOTS, runs = 0;
    struct redis_link *l = link_open(target(3000));
    pthread_t thread;
    void *done;
    cluster_flush();
    cluster_agreed();
    for (int i = 0, n = 0; i < KEYS; n++) {
        snprintf(keys[i], sizeof(keys[0]), "key%d", n);
        if (redis_slot_of(keys[i]) >= SLOTS * (i % 4 ? 1 : 300))
            continue;
        snprintf(others[i], sizeof(others[0]), "{%s}:2", keys[i]);
        struct redis_command *a = &c[2 * i], *b = a + 1;
        *a = command_of("INCR", keys[i], true);
        redis_arg_str(a, keys[i]);
        *b = command_of("EVAL", keys[i], true);
        redis_arg_str(b, both), redis_arg_str(b, "2"), redis_arg_str(b, keys[i]);
        redis_arg_str(b, others[i]);
        i++;
    }
    CHECK(pthread_create(&thread, NULL, reshard, &slots) == 0);
    for (bool over = false; !over; runs++) {
        over = pthread_tryjoin_np(thread, &done) == 0;
        redis_link_run(l, c, 2 * KEYS, replies);
        for (int i = 0; i < 2 * KEYS; i++) {
            if (!replies[i] || replies[i]->type != REDIS_REPLY_INTEGER)
                test_fail(__FILE__, __LINE__, "run %d, %s: %s", runs, keys[i / 2],
                          replies[i] ? replies[i]->str : redis_link_error(l));
            /* INCR may be overtaken by EVAL (TRYAGAIN), and the other way round. */
            long long least = i % 2 ? 1000 * (runs + 1) : 0;
            CHECK(replies[i]->integer >= least + 2 * runs + 1 &&
                  replies[i]->integer <= least + 2 * runs + 2);
            redis_reply_free(replies[i]);
        }
    }
    if (!done)
        test_fail(__FILE__, __LINE__, "reshard: %s",
                  shell("tail -n 20 '%s/reshard'", cluster_nodes[0].dir));
    CHECK(runs > 3);
    CHECK(atoi(shell("redis-cli -p %d dbsize", cluster_nodes[1].port)) >= SLOTS);
    cluster_flush();
    for (int slot = 0; slot < SLOTS; slot++)
        for (int i = 1; i >= 0; i--)
            setslot(i, slot, "node", 0);
    redis_link_close(l);
}

TEST(cluster_the_loss_of_a_node_is_not_the_others)
{
    struct redis_link *l = link_open(target(1000));
    cluster_flush();
    const char *keys[] = {key_of(0, 3), key_of(1, 3), key_of(2, 3)}, *dir = cluster_nodes[2].dir;
    struct redis_command c[3];
    redisReply *replies[3];
    int port = cluster_nodes[2].port;
    for (int i = 0; i < 3; i++)
        c[i] = command_of(words("INCR %s", keys[i]), keys[i], true);
    redis_link_run(l, c, 3, replies);
    for (int i = 0; i < 3; i++) {
        CHECK(replies[i] && replies[i]->integer == 1);
        redis_reply_free(replies[i]);
    }
    redis_kill(&cluster_nodes[2]);
    for (int times = 2; times < 12; times++) {
        double t = now_s();
        redis_link_run(l, c, 3, replies);
        CHECK(replies[0] && replies[0]->integer == times);
        CHECK(replies[1] && replies[1]->integer == times);
        CHECK(!replies[2] && *redis_link_error(l));
        CHECK(now_s() - t < 0.6);
        redis_reply_free(replies[0]);
        redis_reply_free(replies[1]);
    }
    CHECK_HAS(redis_link_error(l), "Connection refused");
    cluster_start_node(2, port, dir);
    double t = now_s();
    while (strcmp(ask(l, words("GET %s", keys[2])), "1") != 0 && now_s() - t < 6)
        sleep_ms(20);
    CHECK_STR(ask(l, words("GET %s", keys[2])), "1");
    cluster_until(&cluster_nodes[0], "cluster info", "cluster_state:ok");
    redis_link_close(l);
}

TEST(cluster_a_node_hangs)
{
    struct redis_link *l = link_open(target(300));
    cluster_flush();
    struct redis_command c[2] = {command_of(words("INCR %s", key_of(0, 4)), key_of(0, 4), true),
                                 command_of(words("INCR %s", key_of(1, 4)), key_of(1, 4), true)};
    redisReply *replies[2];
    CHECK_STR(ask(l, words("GET %s", c[1].key)), "nil");
    kill(cluster_nodes[1].pid, SIGSTOP);
    redis_link_run(l, c, 2, replies);
    CHECK(replies[0] && !replies[1]);
    CHECK_HAS(redis_link_error(l), "did not answer in time");
    redis_reply_free(replies[0]);
    kill(cluster_nodes[1].pid, SIGCONT);
    sleep_ms(60);
    redis_link_run(l, c, 2, replies);
    CHECK(replies[0] && replies[0]->integer == 2);
    CHECK(replies[1] && replies[1]->integer == 2); /* the first one was carried out late */
    redis_reply_free(replies[0]);
    redis_reply_free(replies[1]);
    redis_link_close(l);
}

TEST(cluster_a_cut_connection_is_not_seen)
{
    struct redis_link *l = link_open(target(1000));
    cluster_flush();
    for (int i = 0; i < 3; i++)
        CHECK_STR(ask(l, words("INCR %s", key_of(i, 5))), "1");
    for (int i = 0; i < 3; i++)
        redis_cli(&cluster_nodes[i], "client kill type normal");
    for (int i = 0; i < 3; i++)
        CHECK_STR(ask(l, words("INCR %s", key_of(i, 5))), "2");
    redis_link_close(l);
}

TEST(cluster_dial_reaches_any_node)
{
    char err[300] = "";
    for (int i = 0; i < 5; i++) {
        struct redis_conn *c = redis_conn_dial(target(1000), err, sizeof(err));
        if (!c)
            test_fail(__FILE__, __LINE__, "%s", err);
        redisReply *r = redis_conn_call(c, 1, (const char *const[]){"PING"});
        CHECK(r && !strcmp(r->str, "PONG"));
        redis_reply_free(r);
        redis_conn_close(c);
    }
}

TEST(cluster_a_server_that_is_none)
{
    char url[100], err[300] = "";
    snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%d", redis_shared()->port);
    struct redis_link *l = link_open(target_of(url, 500));
    CHECK_HAS(ask(l, "GET a"), "cluster support disabled");
    redis_link_close(l);
    CHECK(!redis_conn_dial(target_of(url, 500), err, sizeof(err)));
    CHECK_HAS(err, "no Cluster");
}

/* The last test: it leaves the Cluster without a node. */
TEST(cluster_a_replica_takes_over)
{
    struct redis_target *t = target(1000);
    struct redis_link *l = link_open(t);
    cluster_flush();
    const char *key = key_of(2, 6);
    t->replicas = 1;
    struct redis_link *strict = link_open(t);
    CHECK_HAS(ask_write(strict, words("SET %s 1", key)), "only 0 of 1 replicas");
    cluster_start_node(3, 0, NULL);
    cluster_meet(3);
    cluster_until(&cluster_nodes[3], "cluster nodes", cluster_ids[2]);
    shell("redis-cli -p %d cluster replicate %s", cluster_nodes[3].port, cluster_ids[2]);
    cluster_until(&cluster_nodes[3], "info replication", "master_link_status:up");
    cluster_until(&cluster_nodes[0], "cluster nodes", words("slave %s", cluster_ids[2]));
    double began = now_s();
    while (strcmp(ask_write(strict, words("SET %s 2", key)), "OK") != 0 && now_s() - began < 5)
        ;
    CHECK_STR(ask_write(strict, words("SET %s 3", key)), "OK");
    CHECK_STR(ask(l, words("GET %s", key)), "3");
    redis_link_close(strict);
    redis_kill(&cluster_nodes[2]);
    /* An election that fails under load is held again some seconds later: that is Redis' time, not ours. */
    began = now_s();
    while (!strstr(redis_cli(&cluster_nodes[3], "role"), "master") && now_s() - began < 60)
        ask(l, words("GET %s", key));
    CHECK_HAS(redis_cli(&cluster_nodes[3], "role"), "master");
    began = now_s();
    while (strcmp(ask(l, words("GET %s", key)), "3") != 0 && now_s() - began < 10)
        sleep_ms(20);
    CHECK_STR(ask(l, words("SET %s 4", key)), "OK");
    CHECK_STR(redis_cli(&cluster_nodes[3], words("get %s", key)), "4");
    redis_link_close(l);
    for (int i = 0; i < 4; i++)
        redis_kill(&cluster_nodes[i]);
}
