/* A link to one server. */
#include "tests/redis/link_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct redis_link *shared_link(void)
{
    redis_cli(redis_shared(), "flushall");
    return link_open(target_of(redis_shared()->url, 2000));
}

TEST(link_commands_are_answered_in_order)
{
    struct redis_link *l = shared_link();
    struct redis_command c[200];
    redisReply *replies[200];
    for (size_t i = 0; i < 200; i++)
        c[i] = command_of("INCR n", "n", true);
    CHECK_EQ(redis_link_generation(l), 0);
    redis_link_run(l, c, 200, replies);
    for (size_t i = 0; i < 200; i++) {
        CHECK(replies[i] && replies[i]->type == REDIS_REPLY_INTEGER);
        CHECK_EQ(replies[i]->integer, (long long)i + 1);
        redis_reply_free(replies[i]);
    }
    CHECK_EQ(redis_link_generation(l), 1);
    CHECK_STR(redis_link_error(l), "");
    CHECK_STR(ask(l, "NOSUCH x"), "ERR unknown command 'NOSUCH', with args beginning with: 'x' ");
    CHECK_STR(ask(l, "GET n"), "200");
    redis_link_run(l, c, 0, replies);
    redis_link_close(l);
}

TEST(link_a_cut_connection_is_not_seen)
{
    struct redis_link *l = shared_link();
    CHECK_STR(ask(l, "INCR n"), "1");
    for (int i = 0; i < 5; i++) {
        redis_cli(redis_shared(), "client kill type normal");
        CHECK_EQ(atoi(ask(l, "INCR n")), i + 2);
        CHECK_EQ(redis_link_generation(l), (uint32_t)i + 2);
    }
    redis_link_close(l);
}

TEST(link_what_a_cut_leaves_unanswered_is_sent_once_more)
{
    struct redis_link *l = shared_link();
    struct redis_command c[3];
    redisReply *replies[3];
    c[0] = command_of("INCR a", "a", true);
    c[1] = command_of("QUIT", NULL, false);
    c[2] = command_of("INCR b", "b", true);
    redis_link_run(l, c, 3, replies);
    for (int i = 0; i < 3; i++) {
        CHECK(replies[i]);
        redis_reply_free(replies[i]);
    }
    CHECK_EQ(redis_link_generation(l), 2);
    CHECK_STR(ask(l, "MGET a b"), "1\n1");
    c[0] = command_of("POST", NULL, false); /* closes the connection without an answer */
    redis_link_run(l, c, 3, replies);
    CHECK(!replies[0] && !replies[1] && !replies[2]);
    CHECK_HAS(redis_link_error(l), "closed the connection");
    CHECK_STR(ask(l, "GET a"), "1");
    CHECK_EQ(redis_link_generation(l), 4);
    redis_link_close(l);
}

TEST(link_a_big_reply_and_a_big_run)
{
    struct redis_link *l = shared_link();
    struct redis_command c[1024];
    redisReply *replies[1024];
    char *data = malloc(16384);
    memset(data, 'x', 16384);
    for (size_t i = 0; i < 1024; i++) {
        c[i] = command_of("APPEND big", "big", true);
        redis_arg(&c[i], data, 16384);
    }
    for (int round = 0; round < 4; round++) {
        redis_link_run(l, c, 1024, replies);
        for (size_t i = 0; i < 1024; i++) {
            CHECK(replies[i] && replies[i]->type == REDIS_REPLY_INTEGER);
            redis_reply_free(replies[i]);
        }
    }
    c[0] = c[1] = command_of("GET big", "big", false);
    redis_link_run(l, c, 2, replies);
    for (size_t i = 0; i < 2; i++) {
        CHECK(replies[i] && replies[i]->len == 64u << 20);
        CHECK(replies[i]->str[0] == 'x' && replies[i]->str[(64u << 20) - 1] == 'x');
        redis_reply_free(replies[i]);
    }
    CHECK_STR(ask(l, "DEL big"), "1");
    free(data);
    redis_link_close(l);
}

TEST(link_a_server_that_hangs)
{
    static struct redis_server r;
    redis_start(&r, 0, NULL, NULL);
    struct redis_link *l = link_open(target_of(r.url, 300));
    CHECK_STR(ask(l, "SET a 1"), "OK");
    kill(r.pid, SIGSTOP);
    double t = now_s();
    CHECK_HAS(ask(l, "INCR a"), "did not answer in time");
    CHECK(now_s() - t > 0.29 && now_s() - t < 1);
    t = now_s();
    CHECK_HAS(ask(l, "INCR a"), "did not answer in time (next attempt in ");
    CHECK(now_s() - t < 0.02);
    sleep_ms(60);
    t = now_s(); /* TCP connects, for the kernel does that; the sign-in does not */
    CHECK_HAS(ask(l, "INCR a"), "did not answer in time");
    CHECK(now_s() - t > 0.29 && now_s() - t < 1);
    CHECK_EQ(redis_link_generation(l), 1);
    kill(r.pid, SIGCONT);
    sleep_ms(150);
    CHECK_STR(ask(l, "INCR a"), "3"); /* the one that came too late was carried out */
    CHECK_EQ(redis_link_generation(l), 2);
    redis_link_close(l);
    redis_kill(&r);
}

TEST(link_a_server_that_is_gone_is_left_alone_for_a_while)
{
    static struct redis_server r;
    redis_start(&r, 0, NULL, NULL);
    const char *dir = r.dir;
    int port = r.port, err = dup(STDERR_FILENO), refused = 0, early = 0;
    struct redis_link *l = link_open(target_of(r.url, 500));
    char log[128];
    snprintf(log, sizeof(log), "%s/log", dir);
    int fd = open(log, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    dup2(fd, STDERR_FILENO);
    CHECK_STR(ask(l, "SET a 1"), "OK");
    redis_kill(&r);
    for (double t = now_s(); now_s() - t < 1;) {
        const char *answer = ask(l, "GET a");
        CHECK(strstr(answer, "Connection refused"));
        strstr(answer, "next attempt in") ? early++ : refused++;
        sleep_ms(5);
    }
    redis_start(&r, port, dir, NULL);
    double t = now_s();
    while (strcmp(ask(l, "GET a"), "1") != 0 && now_s() - t < 6)
        sleep_ms(5);
    dup2(err, STDERR_FILENO);
    CHECK_STR(ask(l, "GET a"), "1");
    CHECK(early > 50 && refused == 0); /* whoever fails also says when the next attempt is */
    CHECK_EQ(redis_link_generation(l), 2);
    CHECK_STR(shell("grep -c 'cannot be reached' %s", log), "1");
    CHECK_STR(shell("grep -c 'connected to redis again' %s", log), "1");
    CHECK_STR(shell("grep -c . %s", log), "3");
    close(fd);
    close(err);
    redis_link_close(l);
    redis_kill(&r);
}

TEST(link_signs_in)
{
    static struct redis_server r;
    redis_start(&r, 0, NULL, (const char *const[]){"--requirepass", "s3cret@:/", NULL});
    shell("redis-cli -p %d -a s3cret@:/ acl setuser ann on '>pw' '~*' +@all -ping 2>/dev/null",
          r.port);
    const struct {
        const char *who, *db, *error;
    } cases[] = {
        {":s3cret%40%3A%2F@", "5", NULL},
        {"ann:pw@", "", NULL},
        {"", "", "sign in: NOAUTH"},
        {":hunter2@", "", "sign in: WRONGPASS"},
        {"ann:hunter2@", "", "sign in: WRONGPASS"},
        {"ann:pw@", "999", "select database: ERR DB index is out of range"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char url[160];
        snprintf(url, sizeof(url), "redis://%s127.0.0.1:%d/%s", cases[i].who, r.port, cases[i].db);
        struct redis_link *l = link_open(target_of(url, 2000));
        const char *answer = ask(l, "SET a 1");
        if (cases[i].error) {
            CHECK_HAS(answer, cases[i].error);
            CHECK(!strstr(answer, "hunter2"));
        } else {
            CHECK_STR(answer, "OK");
        }
        redis_link_close(l);
    }
    CHECK_STR(shell("redis-cli -p %d -a s3cret@:/ -n 5 --raw keys '*' 2>/dev/null", r.port), "a");
    redis_kill(&r);
}

TEST(link_a_server_without_auth_does_not_get_the_password_into_the_log)
{
    static struct redis_server r;
    redis_start(&r, 0, NULL, (const char *const[]){"--rename-command", "AUTH", "", NULL});
    char url[160];
    snprintf(url, sizeof(url), "redis://ann:hunter2@127.0.0.1:%d", r.port);
    struct redis_link *l = link_open(target_of(url, 2000));
    const char *answer = ask(l, "GET a");
    CHECK_HAS(answer, "sign in: the server knows no such command");
    CHECK(!strstr(answer, "hunter2"));
    redis_link_close(l);
    redis_kill(&r);
}

TEST(link_too_many_clients)
{
    static struct redis_server r;
    redis_start(&r, 0, NULL, (const char *const[]){"--maxclients", "2", NULL});
    struct redis_link *l[3];
    for (int i = 0; i < 3; i++)
        l[i] = link_open(target_of(r.url, 1000));
    CHECK_STR(ask(l[0], "SET a 1"), "OK");
    CHECK_STR(ask(l[1], "GET a"), "1");
    CHECK_HAS(ask(l[2], "GET a"), "max number of clients reached");
    for (int i = 0; i < 3; i++)
        redis_link_close(l[i]);
    redis_kill(&r);
}

TEST(link_unix_socket)
{
    static struct redis_server r;
    const char *dir = temp_dir();
    char path[128], url[200];
    snprintf(path, sizeof(path), "%s/r.sock", dir);
    redis_start(&r, 0, dir, (const char *const[]){"--unixsocket", path, NULL});
    snprintf(url, sizeof(url), "redis+unix://%s?db=2", path);
    struct redis_link *l = link_open(target_of(url, 1000));
    CHECK_STR(ask(l, "SET a 1"), "OK");
    CHECK_STR(redis_cli(&r, "-n 2 get a"), "1");
    redis_kill(&r);
    CHECK_HAS(ask(l, "GET a"), path);
    redis_link_close(l);
}

TEST(link_a_replica_is_not_the_one_to_write_to)
{
    static struct redis_server r;
    redis_start(&r, 0, NULL, NULL);
    struct redis_link *l = link_open(target_of(r.url, 1000));
    CHECK_STR(ask(l, "SET a 1"), "OK");
    redis_cli(&r, "replicaof 127.0.0.1 1");
    struct redis_command c[2] = {command_of("GET a", "a", false), command_of("SET a 2", "a", true)};
    redisReply *replies[2];
    redis_link_run(l, c, 2, replies);
    CHECK(replies[0] && !replies[1]);
    CHECK_HAS(redis_link_error(l), "READONLY");
    redis_reply_free(replies[0]);
    CHECK_HAS(ask(l, "EVAL return(redis.call('SET','a',3)) 0"), "READONLY");
    redis_cli(&r, "replicaof no one");
    CHECK_STR(ask(l, "SET a 2"), "OK");
    CHECK_EQ(redis_link_generation(l), 3);
    redis_link_close(l);
    redis_kill(&r);
}

static void start_replica(struct redis_server *r, const struct redis_server *master)
{
    char port[16];
    snprintf(port, sizeof(port), "%d", master->port);
    redis_start(r, 0, NULL, (const char *const[]){"--replicaof", "127.0.0.1", port, NULL});
    CHECK_STR(shell("printf 'set warm 1\nwait 1 5000\n' | redis-cli -p %d", master->port), "OK\n1");
}

TEST(link_replicas_confirm_writes)
{
    static struct redis_server r, replica;
    redis_start(&r, 0, NULL, (const char *const[]){"--repl-diskless-sync-delay", "0", NULL});
    struct redis_target *t = target_of(r.url, 400);
    t->replicas = 1;
    struct redis_link *l = link_open(t);
    CHECK_HAS(ask_write(l, "SET a 1"), "only 0 of 1 replicas confirmed the write");
    CHECK_STR(ask(l, "GET a"), "1");
    start_replica(&replica, &r);
    CHECK_STR(ask_write(l, "SET a 2"), "OK");
    CHECK_STR(redis_cli(&replica, "get a"), "2");
    /* A connection's first WAIT has a write of its own before it. */
    CHECK_HAS(redis_cli(&r, "info commandstats"), "cmdstat_set:calls=4,"); /* with `warm` */
    CHECK(atoi(redis_cli(&r, "pttl {a}:wait")) <= 1000);
    kill(replica.pid, SIGSTOP);
    double began = now_s();
    CHECK_HAS(ask_write(l, "SET a 3"), "only 0 of 1 replicas");
    CHECK(now_s() - began > 0.25 && now_s() - began < 0.4);
    CHECK_STR(ask(l, "GET a"), "3");
    CHECK_EQ(redis_link_generation(l), 1);
    kill(replica.pid, SIGCONT);
    CHECK_STR(ask_write(l, "SET a 4"), "OK");
    redis_link_close(l);
    redis_kill(&r);
    redis_kill(&replica);
}

/* Answers PING, and everything else byte by byte, or with an array that takes long to free. */
struct broken_server {
    int fd;
    bool array;
};

static void *serve_badly(void *udata)
{
    const struct broken_server *s = udata;
    static const char drip[] = "$1000000\r\n";
    char in[4096];
    int fd = accept(s->fd, NULL, NULL);
    CHECK(recv(fd, in, sizeof(in), 0) > 0 && send(fd, "+PONG\r\n", 7, MSG_NOSIGNAL) == 7);
    if (recv(fd, in, sizeof(in), 0) > 0 && s->array)
        send(fd, "*1000000000\r\n", 13, MSG_NOSIGNAL);
    for (size_t i = 0; !s->array && i < 100; i++) {
        if (send(fd, i < 10 ? drip + i : "x", 1, MSG_NOSIGNAL) != 1)
            break;
        sleep_ms(30);
    }
    if (s->array)
        recv(fd, in, sizeof(in), 0);
    close(fd);
    return NULL;
}

static const char *asked_badly(bool array, double *took)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    struct broken_server s = {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), array};
    char url[64];
    pthread_t thread;
    CHECK(s.fd >= 0 && bind(s.fd, (struct sockaddr *)&a, len) == 0 && listen(s.fd, 0) == 0);
    CHECK(getsockname(s.fd, (struct sockaddr *)&a, &len) == 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", ntohs(a.sin_port));
    CHECK(pthread_create(&thread, NULL, serve_badly, &s) == 0);
    struct redis_link *l = link_open(target_of(url, 100));
    double start = now_s();
    const char *said = ask(l, "GET k");
    *took = now_s() - start;
    redis_link_close(l);
    close(s.fd);
    pthread_join(thread, NULL);
    return said;
}

TEST(link_an_answer_that_never_ends_is_given_up)
{
    double took;
    CHECK_HAS(asked_badly(false, &took), "did not answer in time");
    CHECK(took > 1.1 && took < 1.8);
}

TEST(link_an_array_that_is_too_long_is_nonsense)
{
    double took;
    CHECK_HAS(asked_badly(true, &took), "none: ");
    CHECK(took < 0.5);
}
