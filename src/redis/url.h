/*
 * The URL of a Redis.
 *
 *     redis://[user:password@]host[:port][/db]                  rediss:// with TLS
 *     redis+unix://[user:password@]/path.sock[?db=N]
 *     redis+sentinel://[user:password@]host[:port],.../master[/db]   rediss+sentinel:// with TLS
 *     redis+cluster://[user:password@]host[:port],...                rediss+cluster:// with TLS
 *     https://host[:port][/path]     Upstash's REST interface; http:// to this machine only
 *
 * User, password, path and master are percent-decoded; a password without a user is `:password@`.
 * They are for the server; if the Sentinels ask for a password of their own, it stands behind the
 * master: ?sentinel-password=... or ?sentinel-user=...&sentinel-password=...
 */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDIS_HOSTS_MAX 16

enum redis_mode { REDIS_SINGLE, REDIS_SENTINEL, REDIS_CLUSTER, REDIS_REST };

struct redis_host {
    char host[256];
    uint16_t port;
};

struct redis_url {
    enum redis_mode mode;
    bool tls;
    char user[128], password[512]; /* empty: none. REST: the password is the token */
    char path[108];                /* of a unix socket; empty: TCP */
    char master[128];              /* SENTINEL: the name of the master */
    char sentinel_user[128], sentinel_password[512];
    char rest[512]; /* REST: the URL without a slash at its end */
    int db;
    struct redis_host hosts[REDIS_HOSTS_MAX]; /* brackets of IPv6 taken off */
    size_t host_count;                        /* SINGLE and REST: 1, a unix socket: 0 */
};

/* -1 with a reason in err, which never holds the password. */
int redis_url_parse(const char *url, struct redis_url *out, char *err, size_t err_len);

#endif
