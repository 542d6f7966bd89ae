#include "base/utf8.h"

#include <stdint.h>

size_t utf8_char(const void *s, size_t n)
{
    const uint8_t *p = s;
    uint8_t c = p[0];
    uint32_t point, least;
    size_t len;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c < 0xe0)
        len = 2, point = c & 0x1f, least = 0x80;
    else if (c >= 0xe0 && c < 0xf0)
        len = 3, point = c & 0x0f, least = 0x800;
    else if (c >= 0xf0 && c < 0xf5)
        len = 4, point = c & 0x07, least = 0x10000;
    else
        return 0;
    if (n < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (p[i] & 0x3f);
    }
    return point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0 : len;
}

bool utf8_valid(const void *s, size_t n)
{
    const uint8_t *p = s;
    for (size_t len; n; p += len, n -= len)
        if (!(len = utf8_char(p, n)))
            return false;
    return true;
}
