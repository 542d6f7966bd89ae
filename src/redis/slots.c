#include "redis/slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CRC16 of the XMODEM kind: polynomial 0x1021, nothing reflected, from zero. */
static uint16_t crc16(const char *p, size_t n)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        crc ^= (uint16_t)((unsigned char)p[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

uint16_t redis_slot_of(const char *key)
{
    const char *open = strchr(key, '{'), *close = open ? strchr(open, '}') : NULL;
    if (close && close > open + 1)
        return crc16(open + 1, (size_t)(close - open - 1)) % REDIS_SLOTS;
    return crc16(key, strlen(key)) % REDIS_SLOTS;
}

enum redis_redirect redis_redirect_of(const char *error, uint16_t *slot, struct redis_host *out)
{
    enum redis_redirect kind = !strncmp(error, "MOVED ", 6) ? REDIRECT_MOVED
                               : !strncmp(error, "ASK ", 4) ? REDIRECT_ASK
                                                            : REDIRECT_NONE;
    char *end;
    if (!kind)
        return REDIRECT_NONE;
    const char *number = strchr(error, ' ') + 1;
    unsigned long n = strtoul(number, &end, 10);
    if (end == number || *end != ' ' || n >= REDIS_SLOTS)
        return REDIRECT_NONE;
    /* The last colon: an IPv6 address has no brackets here. */
    const char *host = end + 1, *colon = strrchr(host, ':');
    size_t len = colon ? (size_t)(colon - host) : 0;
    if (!colon || len >= sizeof(out->host))
        return REDIRECT_NONE;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || (*end && *end != ' ') || !port || port > 65535)
        return REDIRECT_NONE;
    memset(out->host, 0, sizeof(out->host));
    if (len != 1 || *host != '?')
        memcpy(out->host, host, len);
    out->port = (uint16_t)port;
    *slot = (uint16_t)n;
    return kind;
}

static bool is_number(const char *s)
{
    return *s && !s[strspn(s, "0123456789")];
}

bool redis_scan_read(const char *text, size_t len, struct redis_scan *out)
{
    char copy[REDIS_SCAN_TEXT];
    *out = (struct redis_scan){.cursor = "0"};
    if (len == 1 && *text == '0')
        return true;
    if (len >= sizeof(copy) || memchr(text, '\0', len))
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    char *node = strchr(copy, '@'), *cursor = strrchr(copy, '@');
    if (!node || node == cursor)
        return false;
    *node++ = *cursor++ = '\0';
    if (!is_number(copy) || strlen(copy) > 5 || atoi(copy) >= REDIS_SLOTS || !is_number(cursor) ||
        strlen(cursor) >= sizeof(out->cursor) || strlen(node) >= sizeof(out->node))
        return false;
    out->slot = (uint16_t)atoi(copy);
    memcpy(out->node, node, strlen(node) + 1);
    memcpy(out->cursor, cursor, strlen(cursor) + 1);
    return true;
}

void redis_scan_write(const struct redis_scan *s, char *out)
{
    snprintf(out, REDIS_SCAN_TEXT, "%u@%s@%s", s->slot, s->node, s->cursor);
}
