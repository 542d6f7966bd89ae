#include "base/base64.h"

#define COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static void encode(struct buf *out, const void *data, size_t n, const char digits[64])
{
    const uint8_t *p = data;
    uint8_t *to = buf_reserve(out, n / 3 * 4 + 4);
    for (; n >= 3; n -= 3, p += 3) {
        uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *to++ = (uint8_t)digits[bits >> 18];
        *to++ = (uint8_t)digits[bits >> 12 & 63];
        *to++ = (uint8_t)digits[bits >> 6 & 63];
        *to++ = (uint8_t)digits[bits & 63];
    }
    if (n) {
        uint32_t bits = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
        *to++ = (uint8_t)digits[bits >> 18];
        *to++ = (uint8_t)digits[bits >> 12 & 63];
        *to++ = n == 2 ? (uint8_t)digits[bits >> 6 & 63] : '=';
        *to++ = '=';
    }
    out->len = (size_t)(to - out->data);
}

void base64_encode(struct buf *out, const void *data, size_t n)
{
    encode(out, data, n, COMMON "+/");
}

void base64url_encode(struct buf *out, const void *data, size_t n)
{
    encode(out, data, n, COMMON "-_");
    if (n % 3)
        out->len -= 3 - n % 3;
}

/* 64: not a digit. */
static uint8_t value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* The last four characters; how many bytes they are, or 0. */
static size_t decode_end(const char *text, uint8_t *to)
{
    uint8_t a = value(text[0]), b = value(text[1]), c = value(text[2]), d = value(text[3]);
    bool two = text[3] == '=', one = two && text[2] == '=';
    if (a > 63 || b > 63 || (!one && c > 63) || (!two && d > 63))
        return 0;
    if ((one && b & 15) || (two && !one && c & 3))
        return 0;
    to[0] = (uint8_t)(a << 2 | b >> 4);
    if (one)
        return 1;
    to[1] = (uint8_t)(b << 4 | c >> 2);
    if (two)
        return 2;
    to[2] = (uint8_t)(c << 6 | d);
    return 3;
}

bool base64_decode(struct buf *out, const char *text, size_t n)
{
    if (n % 4)
        return false;
    if (n == 0)
        return true;
    uint8_t *to = buf_reserve(out, n / 4 * 3);
    for (; n > 4; n -= 4, text += 4) {
        uint8_t a = value(text[0]), b = value(text[1]), c = value(text[2]), d = value(text[3]);
        if ((a | b | c | d) & 64)
            return false;
        *to++ = (uint8_t)(a << 2 | b >> 4);
        *to++ = (uint8_t)(b << 4 | c >> 2);
        *to++ = (uint8_t)(c << 6 | d);
    }
    size_t last = decode_end(text, to);
    if (last)
        out->len = (size_t)(to - out->data) + last;
    return last != 0;
}

/* Base64 of the same, so that one decoder decides what is taken. */
bool base64url_decode(struct buf *out, const char *text, size_t n)
{
    struct buf b = {0};
    uint8_t *to = buf_reserve(&b, n + 3);
    if (n % 4 == 1)
        return buf_release(&b), false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        /* What this alphabet does not have is left to be refused. */
        to[i] = (uint8_t)(c == '-' ? '+' : c == '_' ? '/' : value(c) < 62 ? c : '.');
    }
    for (; n % 4; n++)
        to[n] = '=';
    bool ok = base64_decode(out, (const char *)to, n);
    buf_release(&b);
    return ok;
}
