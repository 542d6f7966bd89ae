#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, const void *data, size_t len)
{
    const uint8_t *p = data;
    if (!len)
        return;
    uint8_t *o = buf_reserve(out, (len + 2) / 3 * 4);
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (n > 2 ? p[i + 2] : 0);
        *o++ = (uint8_t)digits[v >> 18];
        *o++ = (uint8_t)digits[v >> 12 & 63];
        *o++ = n > 1 ? (uint8_t)digits[v >> 6 & 63] : '=';
        *o++ = n > 2 ? (uint8_t)digits[v & 63] : '=';
    }
    out->len += (len + 2) / 3 * 4;
}

/* 64: none */
static uint32_t value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool base64_decode(struct buf *out, const char *s, size_t len)
{
    if (!len || len % 4)
        return !len;
    size_t pad = s[len - 1] == '=' ? 1 + (s[len - 2] == '=') : 0;
    uint8_t *start = buf_reserve(out, len / 4 * 3), *o = start;
    for (size_t i = 0; i < len; i += 4) {
        size_t n = i + 4 == len ? 4 - pad : 4; /* characters that are no padding */
        uint32_t v = 0, bad = 0;
        for (size_t k = 0; k < 4; k++) {
            uint32_t d = k < n ? value(s[i + k]) : 0;
            bad |= d & 64;
            v = v << 6 | (d & 63);
        }
        if (bad || (n < 4 && (v & (n == 3 ? 0xff : 0xffff))))
            return false;
        *o++ = (uint8_t)(v >> 16);
        if (n > 2)
            *o++ = (uint8_t)(v >> 8);
        if (n > 3)
            *o++ = (uint8_t)v;
    }
    out->len += (size_t)(o - start);
    return true;
}
