/*
 * Outgoing requests by TLS: whom a certificate makes trusted, and whom not.
 */
#include "net/fetch.h"

#include "tests/test.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct identity {
    EVP_PKEY *key;
    X509 *cert;
    char pem[64]; /* the certificate's file */
};

static struct {
    SSL_CTX *ctx;
    pthread_t thread;
    int fd, served;
    uint16_t port;
} srv;

static struct {
    struct net_loop *loop;
    int status;
    char error[600], body[100];
} got;

/* --- certificates ----------------------------------------------------------------------------- */

/* Signed by itself, from so many seconds from now to so many. */
static void identity_init(struct identity *id, const char *names, long from, long to)
{
    id->key = EVP_EC_gen("P-256");
    id->cert = X509_new();
    X509_set_version(id->cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id->cert), (long)test_below(1000000) + 1);
    X509_gmtime_adj(X509_getm_notBefore(id->cert), from);
    X509_gmtime_adj(X509_getm_notAfter(id->cert), to);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(id->cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(id->cert, X509_get_subject_name(id->cert));
    X509_set_pubkey(id->cert, id->key);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    CHECK(ext && X509_add_ext(id->cert, ext, -1));
    X509_EXTENSION_free(ext);
    CHECK(X509_sign(id->cert, id->key, EVP_sha256()));
    snprintf(id->pem, sizeof(id->pem), "/tmp/bytecrowds-test-XXXXXX");
    FILE *f = fdopen(mkstemp(id->pem), "w");
    CHECK(f && PEM_write_X509(f, id->cert));
    fclose(f);
}

static void identity_release(struct identity *id)
{
    unlink(id->pem);
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

/* --- the server ------------------------------------------------------------------------------- */

static void serve(int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    char head[4096];
    SSL *ssl = SSL_new(srv.ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, head, sizeof(head)) > 0) {
        srv.served++;
        SSL_write(ssl, answer, sizeof(answer) - 1);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
}

static void *run(void *udata)
{
    int fd;
    while ((fd = accept(srv.fd, NULL, NULL)) >= 0)
        serve(fd);
    return NULL;
}

static void start(const struct identity *id)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    got.loop = net_loop_new();
    srv.served = 0;
    srv.ctx = SSL_CTX_new(TLS_server_method());
    CHECK(SSL_CTX_use_certificate(srv.ctx, id->cert) == 1);
    CHECK(SSL_CTX_use_PrivateKey(srv.ctx, id->key) == 1);
    srv.fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(srv.fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(srv.fd, 5) == 0);
    getsockname(srv.fd, (struct sockaddr *)&a, &len);
    srv.port = ntohs(a.sin_port);
    pthread_create(&srv.thread, NULL, run, NULL);
}

static void finish(void)
{
    shutdown(srv.fd, SHUT_RDWR);
    pthread_join(srv.thread, NULL);
    close(srv.fd);
    SSL_CTX_free(srv.ctx);
    net_loop_free(got.loop);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void answered(const struct net_answer *a, void *udata)
{
    got.status = a->status;
    snprintf(got.error, sizeof(got.error), "%s", a->error ? a->error : "");
    snprintf(got.body, sizeof(got.body), "%.*s", (int)a->body.len, (char *)a->body.data);
    net_loop_stop(got.loop);
}

static void ask(const char *host, const char *ca)
{
    char url[100];
    struct net_fetcher_opts opts = {.ca = ca, .timeout_ms = 5000};
    struct net_fetcher *f = net_fetcher_new(got.loop, &opts);
    snprintf(url, sizeof(url), "https://%s:%u/", host, srv.port);
    net_fetch(f, &(struct net_request){.method = "GET", .url = url}, answered, NULL);
    net_loop_run(got.loop);
    net_fetcher_free(f);
}

TEST(fetch_tls_only_whom_we_trust)
{
    struct identity good, other;
    identity_init(&good, "IP:127.0.0.1,DNS:localhost", -60, 3600);
    identity_init(&other, "IP:127.0.0.1,DNS:localhost", -60, 3600);
    start(&good);
    ask("127.0.0.1", good.pem);
    CHECK_EQ(got.status, 200);
    CHECK_STR(got.body, "hi");
    ask("localhost", good.pem);
    CHECK_EQ(got.status, 200);
    ask("127.0.0.1", other.pem);
    CHECK_EQ(got.status, 0);
    CHECK(strstr(got.error, "127.0.0.1: SSL certificate problem"));
    ask("127.0.0.1", NULL); /* the system does not know it */
    CHECK_EQ(got.status, 0);
    CHECK(strstr(got.error, "127.0.0.1: SSL certificate problem"));
    ask("127.0.0.1", "/nowhere/ca.pem");
    CHECK_EQ(got.status, 0);
    CHECK(strlen(got.error) > strlen("127.0.0.1: "));
    CHECK_EQ(srv.served, 2);
    finish();
    identity_release(&good);
    identity_release(&other);
}

TEST(fetch_tls_certificate_of_another_host_or_time)
{
    static const struct {
        const char *names;
        long from, to;
    } bad[] = {{"DNS:127.0.0.1", -60, 3600},
               {"IP:127.0.0.2,DNS:localhost", -60, 3600},
               {"IP:127.0.0.1", -3600, -60},
               {"IP:127.0.0.1", 600, 3600}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct identity id;
        identity_init(&id, bad[i].names, bad[i].from, bad[i].to);
        start(&id);
        ask("127.0.0.1", id.pem);
        CHECK_EQ(got.status, 0);
        CHECK(!strncmp(got.error, "127.0.0.1: SSL", 14));
        CHECK_EQ(srv.served, 0);
        finish();
        identity_release(&id);
    }
}
