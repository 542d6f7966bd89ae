/* A link over TLS, to a real redis-server with certificates made here. */
#include "tests/redis/link_fixture.h"

#include <sys/stat.h>

static const char *certs; /* the folder */

/* name.crt and name.key, signed by the authority `ca`. */
static void make_cert(const char *name, const char *ca, const char *san, int days)
{
    shell(
        "cd %s && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s "
        "-keyout %s.key -out %s.csr 2>/dev/null && "
        "printf 'subjectAltName=%s' >%s.ext && "
        "openssl x509 -req -in %s.csr -CA %s.crt -CAkey %s.key -CAcreateserial -days %d "
        "-extfile %s.ext -out %s.crt 2>/dev/null",
        certs, name, name, name, san, name, name, ca, ca, days, name, name);
}

static void make_authority(const char *name)
{
    shell("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10 "
          "-subj /CN=%s -keyout %s.key -out %s.crt 2>/dev/null",
          certs, name, name, name);
}

static const char *file(const char *name)
{
    static char path[8][160];
    static int turn;
    char *p = path[turn++ % 8];
    snprintf(p, sizeof(path[0]), "%s/%s", certs, name);
    return p;
}

static void make_all(void)
{
    struct stat st;
    if (certs)
        return;
    certs = temp_dir();
    make_authority("ca");
    make_authority("stranger");
    make_cert("server", "ca", "IP:127.0.0.1,DNS:localhost", 10);
    make_cert("other", "ca", "IP:127.0.0.9,DNS:other.example", 10);
    make_cert("expired", "ca", "IP:127.0.0.1", -1);
    make_cert("client", "ca", "DNS:client", 10);
    CHECK(stat(file("client.crt"), &st) == 0 && st.st_size > 0);
    CHECK(stat(file("expired.crt"), &st) == 0 && st.st_size > 0);
}

struct tls_server {
    struct redis_server redis;
    int port;
};

static void start(struct tls_server *s, const char *cert, const char *clients)
{
    char port[16], crt[160], key[160];
    make_all();
    s->port = free_port();
    snprintf(port, sizeof(port), "%d", s->port);
    snprintf(crt, sizeof(crt), "%s/%s.crt", certs, cert);
    snprintf(key, sizeof(key), "%s/%s.key", certs, cert);
    redis_start(&s->redis, 0, NULL,
                (const char *const[]){"--tls-port", port, "--tls-cert-file", crt, "--tls-key-file",
                                      key, "--tls-ca-cert-file", file("ca.crt"),
                                      "--tls-auth-clients", clients, NULL});
}

static const char *say(struct tls_server *s, const char *host, const char *ca, const char *client,
                       const char *words)
{
    char url[160], crt[160], key[160];
    snprintf(url, sizeof(url), "rediss://%s:%d", host, s->port);
    struct redis_target *t = target_of(url, 1000);
    t->tls_ca = ca ? file(ca) : NULL;
    if (client) {
        snprintf(crt, sizeof(crt), "%s/%s.crt", certs, client);
        snprintf(key, sizeof(key), "%s/%s.key", certs, client);
        t->tls_cert = crt;
        t->tls_key = key;
    }
    struct redis_link *l = link_open(t);
    const char *answer = ask(l, words);
    redis_link_close(l);
    return answer;
}

TEST(tls_the_servers_certificate_is_verified)
{
    static struct tls_server s;
    start(&s, "server", "no");
    CHECK_STR(say(&s, "127.0.0.1", "ca.crt", NULL, "SET a 1"), "OK");
    CHECK_STR(say(&s, "localhost", "ca.crt", NULL, "GET a"), "1");
    CHECK_HAS(say(&s, "127.0.0.1", "stranger.crt", NULL, "GET a"), "certificate verify failed: ");
    CHECK_HAS(say(&s, "127.0.0.1", NULL, NULL, "GET a"), "certificate verify failed: ");
    redis_kill(&s.redis);
    start(&s, "other", "no");
    CHECK_HAS(say(&s, "127.0.0.1", "ca.crt", NULL, "GET a"),
              "certificate verify failed: IP address mismatch");
    CHECK_HAS(say(&s, "localhost", "ca.crt", NULL, "GET a"),
              "certificate verify failed: hostname mismatch");
    redis_kill(&s.redis);
    start(&s, "expired", "no");
    CHECK_HAS(say(&s, "127.0.0.1", "ca.crt", NULL, "GET a"),
              "certificate verify failed: certificate has expired");
    redis_kill(&s.redis);
    start(&s, "ca", "no"); /* signed by itself, trusted by nobody */
    CHECK_HAS(say(&s, "localhost", "stranger.crt", NULL, "GET a"),
              "certificate verify failed: self-signed certificate");
    redis_kill(&s.redis);
}

TEST(tls_the_server_asks_for_a_certificate)
{
    static struct tls_server s;
    start(&s, "server", "yes");
    CHECK_STR(say(&s, "127.0.0.1", "ca.crt", "client", "SET a 1"), "OK");
    CHECK_HAS(say(&s, "127.0.0.1", "ca.crt", NULL, "GET a"), "certificate required");
    CHECK_HAS(say(&s, "127.0.0.1", "ca.crt", "stranger", "GET a"), "unknown ca");
    redis_kill(&s.redis);
}

TEST(tls_files_that_are_no_use_are_found_at_once)
{
    make_all();
    struct redis_target *t = target_of("rediss://127.0.0.1:1", 1000);
    char err[300] = "";
    t->tls_ca = file("nothing.crt");
    CHECK(!redis_link_open(t, err, sizeof(err)));
    CHECK_HAS(err, "nothing.crt: no certificates to trust: No such file or directory");
    t->tls_ca = file("ca.key");
    CHECK(!redis_link_open(t, err, sizeof(err)));
    CHECK_HAS(err, "ca.key: no certificates to trust: ");
    t->tls_ca = file("ca.crt");
    t->tls_cert = file("client.crt");
    t->tls_key = file("server.key");
    CHECK(!redis_link_open(t, err, sizeof(err)));
    CHECK_HAS(err, "server.key: no key of the client certificate: key values mismatch");
    shell("cd %s && openssl ec -in client.key -aes128 -passout pass:x -out locked.key 2>/dev/null",
          certs);
    t->tls_key = file("locked.key"); /* must not ask the terminal */
    CHECK(!redis_link_open(t, err, sizeof(err)));
    CHECK_HAS(err, "locked.key: no key of the client certificate: ");
}

TEST(tls_much_at_once)
{
    static struct tls_server s;
    char url[64];
    struct redis_command c[256];
    redisReply *replies[256];
    start(&s, "server", "no");
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%d", s.port);
    struct redis_target *t = target_of(url, 2000);
    t->tls_ca = file("ca.crt");
    struct redis_link *l = link_open(t);
    char *data = malloc(65536);
    for (size_t i = 0; i < 65536; i++)
        data[i] = (char)('a' + test_below(26));
    for (size_t i = 0; i < 256; i++) {
        c[i] = command_of("ECHO", NULL, false);
        redis_arg(&c[i], data, 65536 - i);
    }
    redis_link_run(l, c, 256, replies);
    for (size_t i = 0; i < 256; i++) {
        CHECK(replies[i]);
        CHECK_MEM(replies[i]->str, replies[i]->len, data, 65536 - i);
        redis_reply_free(replies[i]);
    }
    redis_cli(&s.redis, "client kill type normal");
    CHECK_STR(ask(l, "SET a 1"), "OK");
    CHECK_EQ(redis_link_generation(l), 2);
    redis_link_close(l);
    free(data);
    redis_kill(&s.redis);
}
