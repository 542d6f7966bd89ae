/* The addresses of a host, found within a time: getaddrinfo() has none and may take half a minute. */
#ifndef REDIS_RESOLVE_H
#define REDIS_RESOLVE_H

#include <netdb.h>
#include <stddef.h>
#include <stdint.h>

/* To be freed with freeaddrinfo(). NULL with a reason. The deadline is of stream_clock(). */
struct addrinfo *resolve(const char *host, uint16_t port, uint64_t deadline, char *err,
                         size_t err_len);

#endif
