#include "store/redis_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 6379
#define DB_MAX 99999

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Percent-decodes (s, len) into out; false if malformed or too long. */
static bool decode(const char *s, size_t len, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (c == '%') {
            if (len - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
                return false;
            c = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
            i += 2;
        }
        if (c == '\0' || n + 1 >= cap)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
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

static int host_port(const char *s, struct redis_url *out, char *err, size_t err_len)
{
    const char *slash = strchr(s, '/'), *end = slash ? slash : s + strlen(s), *host_end,
               *port = NULL;
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
    if (!len || len >= sizeof(out->host))
        return bad(err, err_len, "the host is missing or too long");
    memcpy(out->host, s, len);
    out->port = DEFAULT_PORT;
    if (port) {
        if (!number(port, (size_t)(end - port), 65535, &n) || n == 0)
            return bad(err, err_len, "the port is not a number from 1 to 65535");
        out->port = (uint16_t)n;
    }
    if (slash && slash[1]) {
        if (!number(slash + 1, strlen(slash + 1), DB_MAX, &n))
            return bad(err, err_len, "the database is not a number");
        out->db = (int)n;
    }
    return 0;
}

int redis_url_parse(const char *url, struct redis_url *out, char *err, size_t err_len)
{
    bool local = strncmp(url, "redis+unix://", 13) == 0;
    const char *s = url + (local ? 13 : 8);
    *out = (struct redis_url){0};
    if (!local && strncmp(url, "redis://", 8) != 0)
        return bad(err, err_len, "must begin with redis:// or redis+unix://");
    /* The last @: a password with one in it need not be encoded. */
    const char *at = strrchr(s, '@');
    if (at) {
        if (credentials(s, (size_t)(at - s), out, err, err_len) < 0)
            return -1;
        s = at + 1;
    }
    return local ? unix_path(s, out, err, err_len) : host_port(s, out, err, err_len);
}
