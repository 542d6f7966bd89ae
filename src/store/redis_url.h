/* redis://[user:password@]host[:port][/db] and redis+unix://[user:password@]/path[?db=N]; user and
 * password percent-encoded. */
#ifndef STORE_REDIS_URL_H
#define STORE_REDIS_URL_H

#include <stddef.h>
#include <stdint.h>

struct redis_url {
    char host[256]; /* empty: path */
    char path[108];
    char user[128], password[512]; /* empty: none */
    uint16_t port;
    int db;
};

/* 0, or -1 with a reason in err that does not repeat the URL: it may hold a password. */
int redis_url_parse(const char *url, struct redis_url *out, char *err, size_t err_len);

#endif
