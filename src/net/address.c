#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct net_address *a)
{
    return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

static bool read_plain(struct net_address *out, const char *text, size_t len)
{
    char s[NET_ADDRESS_SIZE];
    if (!len || len >= sizeof(s))
        return false;
    memcpy(s, text, len);
    s[len] = '\0';
    if (inet_pton(AF_INET6, s, out->bytes) == 1)
        return true;
    memcpy(out->bytes, mapped, sizeof(mapped));
    return inet_pton(AF_INET, s, out->bytes + sizeof(mapped)) == 1;
}

bool net_address_read(struct net_address *out, const char *text, size_t len)
{
    if (len && *text == '[') {
        const char *end = memchr(text, ']', len);
        return end && read_plain(out, text + 1, (size_t)(end - text) - 1);
    }
    const char *colon = memchr(text, ':', len);
    bool port = colon && !memchr(colon + 1, ':', len - (size_t)(colon + 1 - text));
    return read_plain(out, text, port ? (size_t)(colon - text) : len);
}

bool net_address_is_loopback(const struct net_address *a)
{
    static const uint8_t one[16] = {[15] = 1};
    return memcmp(a->bytes, one, sizeof(one)) == 0 || (is_v4(a) && a->bytes[12] == 127);
}

struct net_address net_address_group(const struct net_address *a)
{
    struct net_address g = *a;
    if (!is_v4(a))
        memset(g.bytes + 8, 0, 8);
    return g;
}

void net_address_write(char out[NET_ADDRESS_SIZE], const struct net_address *a)
{
    if (is_v4(a))
        inet_ntop(AF_INET, a->bytes + sizeof(mapped), out, NET_ADDRESS_SIZE);
    else
        inet_ntop(AF_INET6, a->bytes, out, NET_ADDRESS_SIZE);
}

/* --- ranges ----------------------------------------------------------------------------------- */

static bool add_range(struct net_ranges *r, const char *text, size_t len)
{
    const char *slash = memchr(text, '/', len);
    size_t address_len = slash ? (size_t)(slash - text) : len, digits = len - address_len;
    if (r->count == NET_RANGES_MAX || digits == 1 || digits > 4)
        return false;
    struct net_address *base = &r->of[r->count].base;
    if (!read_plain(base, text, address_len))
        return false;
    unsigned bits = 0, most = is_v4(base) ? 32 : 128;
    for (size_t i = 1; i < digits; i++) {
        if (slash[i] < '0' || slash[i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(slash[i] - '0');
    }
    if (bits > most)
        return false;
    r->of[r->count++].bits = (uint8_t)(128 - most + (digits ? bits : most));
    return true;
}

bool net_ranges_read(struct net_ranges *out, const char *list, const char **bad)
{
    out->count = 0;
    while (*list) {
        size_t n = strcspn(list, ", \t");
        bool loopback = n == 8 && memcmp(list, "loopback", 8) == 0;
        bool ok = loopback ? add_range(out, "127.0.0.0/8", 11) && add_range(out, "::1", 3)
                           : !n || add_range(out, list, n);
        if (!ok) {
            *bad = list;
            return false;
        }
        list += n;
        list += strspn(list, ", \t");
    }
    return true;
}

static bool in_range(const struct net_address *a, const struct net_address *base, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a->bytes, base->bytes, whole) != 0)
        return false;
    return !rest || (a->bytes[whole] ^ base->bytes[whole]) >> (8 - rest) == 0;
}

bool net_ranges_have(const struct net_ranges *r, const struct net_address *a)
{
    for (size_t i = 0; i < r->count; i++)
        if (in_range(a, &r->of[i].base, r->of[i].bits))
            return true;
    return false;
}

/* --- behind a proxy --------------------------------------------------------------------------- */

/* Entries of one header, from the right. False: stop, `a` is who it is. */
static bool walk(struct http_str v, const struct net_ranges *trusted, struct net_address *a,
                 bool *proxied)
{
    size_t end = v.len;
    while (end) {
        size_t start = end;
        while (start && v.p[start - 1] != ',')
            start--;
        const char *p = v.p + start;
        size_t n = end - start;
        while (n && (*p == ' ' || *p == '\t'))
            p++, n--;
        while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
            n--;
        struct net_address next;
        if (!net_address_read(&next, p, n))
            return false; /* "unknown": then it is the proxy that is known */
        *a = next;
        *proxied = true;
        if (!net_ranges_have(trusted, a))
            return false;
        end = start ? start - 1 : 0;
    }
    return true;
}

struct net_address net_client_address(const struct conn *c, const struct http_request *req,
                                      const struct net_ranges *trusted, bool *proxied)
{
    static const char name[] = "x-forwarded-for";
    struct net_address a = {{0}};
    const char *peer = conn_peer(c);
    *proxied = false;
    if (!net_address_read(&a, peer, strlen(peer)) || !net_ranges_have(trusted, &a))
        return a;
    for (size_t i = req->header_count; i-- > 0;)
        if (http_str_is_nocase(req->headers[i].name, name) &&
            !walk(req->headers[i].value, trusted, &a, proxied))
            break;
    return a;
}
