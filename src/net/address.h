/*
 * Addresses of peers, and who stands behind a proxy.
 *
 * X-Forwarded-For is anybody's to write. It counts as far as the proxies that wrote it are trusted: from the right,
 * past those in the list, to the first that is not.
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "net/conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IPv6; IPv4 as ::ffff:a.b.c.d. */
struct net_address {
    uint8_t bytes[16];
};

/* "192.0.2.1", "2001:db8::1"; in brackets and with a port behind it as proxies write them. */
bool net_address_read(struct net_address *out, const char *text, size_t len);
bool net_address_is_loopback(const struct net_address *a);
/* What one person has: an IPv4 address, or the /64 that an IPv6 customer gets. */
struct net_address net_address_group(const struct net_address *a);
#define NET_ADDRESS_SIZE 46
void net_address_write(char out[NET_ADDRESS_SIZE], const struct net_address *a);

#define NET_RANGES_MAX 32
struct net_ranges {
    struct {
        struct net_address base;
        uint8_t bits;
    } of[NET_RANGES_MAX];
    size_t count;
};

/* "10.0.0.0/8, ::1, loopback", or "" for none. False with `bad` pointing to what is no range. */
bool net_ranges_read(struct net_ranges *out, const char *list, const char **bad);
bool net_ranges_have(const struct net_ranges *r, const struct net_address *a);

/* Who sent a request. `proxied`: the peer is a trusted proxy that named them. */
struct net_address net_client_address(const struct conn *c, const struct http_request *req,
                                      const struct net_ranges *trusted, bool *proxied);

#endif
