#include "redis/url.h"

#include "base/percent.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 6379
#define SENTINEL_PORT 26379
#define DB_MAX 99999

/* --- parts ------------------------------------------------------------------------------------ */

/* False if malformed or too long. */
static bool decode(const char *s, size_t len, char *out, size_t cap)
{
    return percent_decode(s, len, out, cap) >= 0;
}

static bool number(const char *s, size_t len, long max, long *out)
{
    long n = 0;
    if (!len || len > 6)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        n = n * 10 + (s[i] - '0');
    }
    *out = n;
    return n <= max;
}

static int bad(char *err, size_t err_len, const char *why)
{
    snprintf(err, err_len, "%s", why);
    return -1;
}

static int credentials(const char *s, size_t len, struct redis_url *out, char *err, size_t err_len)
{
    const char *colon = memchr(s, ':', len);
    size_t user_len = colon ? (size_t)(colon - s) : len;
    if (!decode(s, user_len, out->user, sizeof(out->user)))
        return bad(err, err_len, "the user is malformed or too long");
    if (colon && !decode(colon + 1, len - user_len - 1, out->password, sizeof(out->password)))
        return bad(err, err_len, "the password is malformed or too long");
    if (*out->user && !*out->password)
        return bad(err, err_len, "a user needs a password (user:password@)");
    return 0;
}

static int unix_path(const char *s, struct redis_url *out, char *err, size_t err_len)
{
    const char *query = strchr(s, '?');
    size_t len = query ? (size_t)(query - s) : strlen(s);
    long db = 0;
    if (!len || *s != '/' || !decode(s, len, out->path, sizeof(out->path)))
        return bad(err, err_len, "redis+unix:// needs an absolute path of less than 108 bytes");
    if (query &&
        (strncmp(query, "?db=", 4) != 0 || !number(query + 4, strlen(query + 4), DB_MAX, &db)))
        return bad(err, err_len, "after the path only ?db=NUMBER may stand");
    out->db = (int)db;
    return 0;
}

static bool plain_host(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] == 0x7f || strchr("/?#@,[]\\\"", s[i]))
            return false;
    return true;
}

/* (s, end) is host[:port] without anything behind it. */
static int host_port(const char *s, const char *end, uint16_t default_port, struct redis_url *out,
                     char *err, size_t err_len)
{
    struct redis_host *h = &out->hosts[out->host_count];
    const char *host_end, *port = NULL;
    long n;
    if (*s == '[') {
        host_end = memchr(s, ']', (size_t)(end - s));
        if (!host_end)
            return bad(err, err_len, "an IPv6 address needs its closing bracket");
        s++;
        if (host_end + 1 < end && host_end[1] != ':')
            return bad(err, err_len, "after the host only :PORT may stand");
        port = host_end + 1 < end ? host_end + 2 : NULL;
    } else {
        const char *colon = memchr(s, ':', (size_t)(end - s));
        host_end = colon ? colon : end;
        port = colon ? colon + 1 : NULL;
    }
    size_t len = (size_t)(host_end - s);
    if (!len || len >= sizeof(h->host))
        return bad(err, err_len, "the host is missing or too long");
    if (!plain_host(s, len))
        return bad(err, err_len, "the host has characters that no host has");
    memcpy(h->host, s, len);
    h->port = default_port;
    if (port) {
        if (!number(port, (size_t)(end - port), 65535, &n) || n == 0)
            return bad(err, err_len, "the port is not a number from 1 to 65535");
        h->port = (uint16_t)n;
    }
    out->host_count++;
    return 0;
}

static int host_list(const char *s, const char *end, uint16_t default_port, struct redis_url *out,
                     char *err, size_t err_len)
{
    for (;;) {
        const char *comma = memchr(s, ',', (size_t)(end - s));
        if (out->host_count == REDIS_HOSTS_MAX)
            return bad(err, err_len, "too many hosts");
        if (host_port(s, comma ? comma : end, default_port, out, err, err_len) < 0)
            return -1;
        if (!comma)
            return 0;
        s = comma + 1;
    }
}

/* (s, len) is what stands behind the slash; NULL: there is none. */
static int database(const char *s, size_t len, struct redis_url *out, char *err, size_t err_len)
{
    long n = 0;
    if (len && !number(s, len, DB_MAX, &n))
        return bad(err, err_len, "the database is not a number");
    out->db = (int)n;
    return 0;
}

/* --- modes ------------------------------------------------------------------------------------ */

static int one_server(const char *s, struct redis_url *out, char *err, size_t err_len)
{
    const char *slash = strchr(s, '/'), *end = slash ? slash : s + strlen(s);
    if (memchr(s, ',', (size_t)(end - s)))
        return bad(err, err_len, "one host; more are for redis+sentinel:// and redis+cluster://");
    if (host_port(s, end, DEFAULT_PORT, out, err, err_len) < 0)
        return -1;
    return slash ? database(slash + 1, strlen(slash + 1), out, err, err_len) : 0;
}

/* name=value of ?name=value&... */
static int sentinel_option(const char *s, size_t len, struct redis_url *out, char *err,
                           size_t err_len)
{
    static const char user[] = "sentinel-user=", password[] = "sentinel-password=";
    if (len >= sizeof(user) - 1 && !memcmp(s, user, sizeof(user) - 1)) {
        s += sizeof(user) - 1, len -= sizeof(user) - 1;
        if (!decode(s, len, out->sentinel_user, sizeof(out->sentinel_user)))
            return bad(err, err_len, "the user of the Sentinels is malformed or too long");
        return 0;
    }
    if (len >= sizeof(password) - 1 && !memcmp(s, password, sizeof(password) - 1)) {
        s += sizeof(password) - 1, len -= sizeof(password) - 1;
        if (!decode(s, len, out->sentinel_password, sizeof(out->sentinel_password)))
            return bad(err, err_len, "the password of the Sentinels is malformed or too long");
        return 0;
    }
    return bad(err, err_len, "after ? only sentinel-user= and sentinel-password= may stand");
}

static int sentinel_query(const char *s, struct redis_url *out, char *err, size_t err_len)
{
    for (;;) {
        size_t len = strcspn(s, "&");
        if (sentinel_option(s, len, out, err, err_len) < 0)
            return -1;
        if (!s[len])
            break;
        s += len + 1;
    }
    if (*out->sentinel_user && !*out->sentinel_password)
        return bad(err, err_len, "sentinel-user needs a sentinel-password");
    return 0;
}

static int sentinels(const char *s, struct redis_url *out, char *err, size_t err_len)
{
    const char *slash = strchr(s, '/');
    if (!slash || !slash[1] || slash[1] == '/' || slash[1] == '?')
        return bad(err, err_len,
                   "redis+sentinel:// needs /MASTER behind the hosts (an @ in it is written %40)");
    if (host_list(s, slash, SENTINEL_PORT, out, err, err_len) < 0)
        return -1;
    const char *master = slash + 1, *query = strchr(master, '?');
    size_t len = strcspn(master, "/?");
    if (!decode(master, len, out->master, sizeof(out->master)))
        return bad(err, err_len, "the name of the master is malformed or too long");
    s = master + len;
    if (*s == '/' &&
        database(s + 1, query ? (size_t)(query - s - 1) : strlen(s + 1), out, err, err_len) < 0)
        return -1;
    return query ? sentinel_query(query + 1, out, err, err_len) : 0;
}

static int cluster(const char *s, struct redis_url *out, char *err, size_t err_len)
{
    const char *slash = strchr(s, '/');
    if (slash && slash[1] && strcmp(slash, "/0") != 0)
        return bad(err, err_len, "a Cluster has no databases: nothing may stand behind the hosts");
    return host_list(s, slash ? slash : s + strlen(s), DEFAULT_PORT, out, err, err_len);
}

static bool this_machine(const char *host)
{
    return !strcmp(host, "localhost") || !strcmp(host, "127.0.0.1") || !strcmp(host, "::1");
}

/* The token is no part of the URL: URLs of the web end up in logs. */
static int rest(const char *url, const char *s, struct redis_url *out, char *err, size_t err_len)
{
    size_t len = strlen(url), host_len = strcspn(s, "/");
    if (strchr(s, '@'))
        return bad(err, err_len, "a user, password or token may not stand in an https:// URL");
    for (const char *p = s; *p; p++)
        if (*p <= ' ' || *p == 0x7f || strchr("?#\\\"<>", *p))
            return bad(err, err_len, "https:// takes a host, a port and a path, no more");
    if (host_port(s, s + host_len, out->tls ? 443 : 80, out, err, err_len) < 0)
        return -1;
    if (!out->tls && !this_machine(out->hosts[0].host))
        return bad(err, err_len, "http:// is for this machine only (localhost); use https://");
    while (url[len - 1] == '/')
        len--;
    if (len >= sizeof(out->rest))
        return bad(err, err_len, "the URL is too long");
    memcpy(out->rest, url, len);
    return 0;
}

/* --- the URL ---------------------------------------------------------------------------------- */

static const struct scheme {
    const char *prefix;
    enum redis_mode mode;
    bool tls;
    int (*parse)(const char *s, struct redis_url *out, char *err, size_t err_len); /* REST: NULL */
} schemes[] = {
    {"redis://", REDIS_SINGLE, false, one_server},
    {"rediss://", REDIS_SINGLE, true, one_server},
    {"redis+unix://", REDIS_SINGLE, false, unix_path},
    {"redis+sentinel://", REDIS_SENTINEL, false, sentinels},
    {"rediss+sentinel://", REDIS_SENTINEL, true, sentinels},
    {"redis+cluster://", REDIS_CLUSTER, false, cluster},
    {"rediss+cluster://", REDIS_CLUSTER, true, cluster},
    {"https://", REDIS_REST, true, NULL},
    {"http://", REDIS_REST, false, NULL},
};

int redis_url_parse(const char *url, struct redis_url *out, char *err, size_t err_len)
{
    const struct scheme *k = schemes, *end = schemes + sizeof(schemes) / sizeof(*schemes);
    *out = (struct redis_url){0};
    while (k < end && strncmp(url, k->prefix, strlen(k->prefix)) != 0)
        k++;
    if (k == end)
        return bad(err, err_len,
                   "must begin with redis://, rediss://, redis+unix://, "
                   "redis+sentinel://, redis+cluster:// or https://");
    const char *s = url + strlen(k->prefix);
    out->mode = k->mode;
    out->tls = k->tls;
    if (!k->parse)
        return rest(url, s, out, err, err_len);
    /* The last @: a password with one in it need not be encoded. */
    const char *at = strrchr(s, '@');
    if (at) {
        if (credentials(s, (size_t)(at - s), out, err, err_len) < 0)
            return -1;
        s = at + 1;
    }
    return k->parse(s, out, err, err_len);
}
