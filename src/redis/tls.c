#include "redis/tls.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls {
    SSL *ssl;
    int fd;
    int io_errno; /* of the last call on the socket */
    bool eof, broken;
    char error[200];
};

/* --- the socket as OpenSSL sees it ------------------------------------------------------------ */

/* OpenSSL's own socket BIO writes with write(), which raises SIGPIPE on a lost connection. */
static int bio_done(BIO *b, ssize_t n)
{
    struct tls *t = BIO_get_data(b);
    t->io_errno = n < 0 ? errno : 0;
    BIO_clear_retry_flags(b);
    return (int)n;
}

static bool again(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}

static int bio_write(BIO *b, const char *p, int n)
{
    struct tls *t = BIO_get_data(b);
    int sent = bio_done(b, send(t->fd, p, (size_t)n, MSG_NOSIGNAL));
    if (sent < 0 && again(t->io_errno))
        BIO_set_retry_write(b);
    return sent;
}

static int bio_read(BIO *b, char *p, int n)
{
    struct tls *t = BIO_get_data(b);
    int got = bio_done(b, recv(t->fd, p, (size_t)n, 0));
    if (got < 0 && again(t->io_errno))
        BIO_set_retry_read(b);
    t->eof |= got == 0 && n > 0;
    return got;
}

static long bio_ctrl(BIO *b, int what, long num, void *p)
{
    return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    if (!method)
        return;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

static BIO *new_bio(struct tls *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *b = method ? BIO_new(method) : NULL;
    if (b) {
        BIO_set_data(b, t);
        BIO_set_init(b, 1);
    }
    return b;
}

/* --- files ------------------------------------------------------------------------------------ */

/* The first error in OpenSSL's queue is the cause, the others are its consequences. */
static const char *reason(void)
{
    static const char none[] = "unknown error";
    unsigned long e = ERR_peek_error();
    if (!e)
        return none;
    if (ERR_GET_LIB(e) == ERR_LIB_SYS)
        return strerror(ERR_GET_REASON(e));
    const char *s = ERR_reason_error_string(e);
    return s ? s : none;
}

/* Never asks the terminal for the password of a key. */
static int no_password(char *p, int size, int writing, void *udata)
{
    return 0;
}

static bool load_files(SSL_CTX *ctx, const struct tls_files *f, char *err, size_t err_len)
{
    if (f->ca ? !SSL_CTX_load_verify_locations(ctx, f->ca, NULL)
              : !SSL_CTX_set_default_verify_paths(ctx)) {
        snprintf(err, err_len, "%s: no certificates to trust: %s", f->ca ? f->ca : "system",
                 reason());
        return false;
    }
    if (!f->cert)
        return true;
    const char *key = f->key ? f->key : f->cert;
    if (SSL_CTX_use_certificate_chain_file(ctx, f->cert) != 1) {
        snprintf(err, err_len, "%s: no client certificate: %s", f->cert, reason());
        return false;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        snprintf(err, err_len, "%s: no key of the client certificate: %s", key, reason());
        return false;
    }
    return true;
}

static SSL_CTX *new_context(const struct tls_files *f, char *err, size_t err_len)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx) {
        snprintf(err, err_len, "TLS: %s", reason());
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    /* What waits to be sent grows, and moves, while OpenSSL asks for another try. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!load_files(ctx, f, err, err_len)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

int tls_check(const struct tls_files *f, char *err, size_t err_len)
{
    SSL_CTX *ctx = new_context(f, err, err_len);
    SSL_CTX_free(ctx);
    return ctx ? 0 : -1;
}

/* --- a connection ----------------------------------------------------------------------------- */

/* An address has to stand in the certificate as an address; SNI knows only names (RFC 6066). */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char addr[16];
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (inet_pton(AF_INET, host, addr) == 1)
        return X509_VERIFY_PARAM_set1_ip(param, addr, 4);
    if (inet_pton(AF_INET6, host, addr) == 1)
        return X509_VERIFY_PARAM_set1_ip(param, addr, 16);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

struct tls *tls_new(int fd, const char *host, const struct tls_files *f, char *err, size_t err_len)
{
    SSL_CTX *ctx = new_context(f, err, err_len);
    if (!ctx)
        return NULL;
    struct tls *t = xcalloc(1, sizeof(*t));
    t->fd = fd;
    t->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    BIO *b = t->ssl ? new_bio(t) : NULL;
    if (!b || !expect_host(t->ssl, host)) {
        snprintf(err, err_len, "TLS: %s", reason());
        BIO_free(b);
        SSL_free(t->ssl);
        free(t);
        return NULL;
    }
    SSL_set_bio(t->ssl, b, b);
    return t;
}

static int broken(struct tls *t, const char *what, const char *why)
{
    t->broken = true;
    snprintf(t->error, sizeof(t->error), "%s%s%s", what, *what ? ": " : "", why);
    return -1;
}

static int explain(struct tls *t)
{
    long verified = SSL_get_verify_result(t->ssl);
    if (t->eof)
        return broken(t, "", "the server closed the connection");
    if (t->io_errno)
        return broken(t, "", strerror(t->io_errno));
    if (verified != X509_V_OK)
        return broken(t, "certificate verify failed", X509_verify_cert_error_string(verified));
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER)
        return broken(t, "TLS", "the server does not speak it (wrong version number)");
    return broken(t, "TLS", reason());
}

static int outcome(struct tls *t, int n, short *events)
{
    if (n > 0)
        return n;
    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        *events = POLLIN;
        return 0;
    case SSL_ERROR_WANT_WRITE:
        *events = POLLOUT;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        return broken(t, "", "the server closed the connection");
    default:
        return explain(t);
    }
}

/* OpenSSL's queue of errors is the thread's; what another use left in it is not about this one. */
static void begin(struct tls *t)
{
    ERR_clear_error();
    t->io_errno = 0;
}

int tls_handshake(struct tls *t, short *events)
{
    begin(t);
    return outcome(t, SSL_connect(t->ssl), events);
}

long tls_read(struct tls *t, void *p, size_t n, short *events)
{
    begin(t);
    return outcome(t, SSL_read(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n), events);
}

long tls_write(struct tls *t, const void *p, size_t n, short *events)
{
    begin(t);
    return outcome(t, SSL_write(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n), events);
}

bool tls_pending(const struct tls *t)
{
    return SSL_pending(t->ssl) > 0;
}

const char *tls_error(const struct tls *t)
{
    return t->error;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    if (!t->broken && SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    ERR_clear_error();
    SSL_free(t->ssl);
    free(t);
}
