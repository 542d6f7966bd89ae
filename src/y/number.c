/*
 * Numbers as JavaScript has them, with libc alone and in any locale: strtod and snprintf are only
 * given and asked for digits and an exponent, never a decimal point.
 */
#include "y/any.h"
#include "y/mem.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More digits than this cannot matter one by one (the longest midpoint of two doubles has 767):
 * whether any of them is not 0 does. */
#define MAX_DIGITS 770

static double with_strtod(const char *digits, size_t n, long long exp10)
{
    char text[MAX_DIGITS + 32];
    if (exp10 > 100000)
        exp10 = 100000;
    if (exp10 < -100000)
        exp10 = -100000;
    memcpy(text, digits, n);
    snprintf(text + n, sizeof(text) - n, "e%lld", exp10);
    return strtod(text, NULL);
}

static double scale(uint64_t m, const char *digits, size_t n, long long exp10)
{
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
    /* Both are exact doubles, so the one operation rounds once (Clinger 1990). */
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (n <= 15 && exp10 >= -22 && exp10 <= 22)
        return exp10 < 0 ? (double)m / ten[-exp10] : (double)m * ten[exp10];
#endif
    return with_strtod(digits, n, exp10);
}

double y_number_parse(const uint8_t *s, size_t len)
{
    const uint8_t *p = s, *end = s + len;
    char digits[MAX_DIGITS + 1];
    size_t n = 0;
    uint64_t m = 0;
    long long exp10 = 0, shown = 0;
    bool negative = p < end && *p == '-', fraction = false, rest = false, down = false;
    for (p += negative; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        exp10 -= fraction;
        if (n == 0 && *p == '0')
            continue;
        if (n < MAX_DIGITS) {
            digits[n++] = (char)*p;
            m = m * 10 + (uint64_t)(*p - '0'); /* used up to 15 digits */
        } else {
            rest |= *p != '0';
            exp10++;
        }
    }
    if (rest) {
        digits[n++] = '1';
        exp10--;
    }
    if (p < end)
        p++;
    if (p < end && (*p == '+' || *p == '-'))
        down = *p++ == '-';
    for (; p < end && shown < 1000000000000; p++)
        shown = shown * 10 + (*p - '0');
    double v = n ? scale(m, digits, n, exp10 + (down ? -shown : shown)) : 0;
    return negative ? -v : v;
}

/* Of `v` > 0, rounded to `precision` digits: the digits, and the exponent of the first. */
static int digits_of(double v, int precision, char *digits)
{
    char text[48];
    int n = 0, i = 0;
    snprintf(text, sizeof(text), "%.*e", precision - 1, v);
    for (; text[i] && text[i] != 'e'; i++)
        if (text[i] >= '0' && text[i] <= '9')
            digits[n++] = text[i];
    digits[n] = 0;
    return text[i] ? atoi(text + i + 1) : 0;
}

static bool reads_back(const char *digits, int exp10, double v)
{
    size_t n = strlen(digits);
    return with_strtod(digits, n, exp10 - (long long)n + 1) == v;
}

/* The next number of as many digits; false if that needs one more. */
static bool next_up(char *digits)
{
    for (size_t i = strlen(digits); i-- > 0;) {
        if (digits[i]++ != '9')
            return true;
        digits[i] = '0';
    }
    return false;
}

/* The fewest digits that read back as `v` > 0, nearest to it; their exponent. Below 16 digits
 * rounding gives back any shorter decimal that was read, except where doubles are sparse
 * (subnormal). Above a power of two neighbours are twice as far as below: there the next decimal up
 * can read back where the nearest does not. */
static int shortest(double v, char *digits)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    bool power = !(bits & ((UINT64_C(1) << 52) - 1));
    int exp10 = 0;
    for (int precision = v < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        exp10 = digits_of(v, precision, digits);
        if (reads_back(digits, exp10, v))
            break;
        if (power && next_up(digits) && reads_back(digits, exp10, v))
            break;
    }
    size_t n = strlen(digits);
    while (n > 1 && digits[n - 1] == '0')
        digits[--n] = 0;
    return exp10;
}

/* ECMA-262 Number::toString: `k` digits, the decimal point behind the `n`-th. */
static int layout(const char *digits, int n, char *to)
{
    static const char zeros[] = "00000000000000000000000";
    int k = (int)strlen(digits);
    if (k <= n && n <= 21)
        return sprintf(to, "%s%.*s", digits, n - k, zeros);
    if (0 < n && n <= 21)
        return sprintf(to, "%.*s.%s", n, digits, digits + n);
    if (-6 < n && n <= 0)
        return sprintf(to, "0.%.*s%s", -n, zeros, digits);
    return sprintf(to, "%c%s%se%c%d", digits[0], k > 1 ? "." : "", digits + 1, n > 0 ? '+' : '-',
                   n > 0 ? n - 1 : 1 - n);
}

static int put_integer(int64_t v, struct ybuf *out)
{
    char text[24];
    size_t at = sizeof(text);
    uint64_t n = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        text[--at] = (char)('0' + n % 10);
    while (n /= 10);
    if (v < 0)
        text[--at] = '-';
    return ybuf_append(out, text + at, sizeof(text) - at);
}

int y_number_to_json(double v, struct ybuf *out)
{
    char text[64], digits[32];
    if (v - v != 0) /* NaN, infinities */
        return ybuf_append(out, "null", 4);
    if (v > -9007199254740992.0 && v < 9007199254740992.0 && v == (double)(int64_t)v)
        return put_integer((int64_t)v, out);
    text[0] = '-';
    int exp10 = shortest(v < 0 ? -v : v, digits);
    int n = layout(digits, exp10 + 1, text + (v < 0)) + (v < 0);
    return ybuf_append(out, text, (size_t)n);
}

static size_t write_varint(uint8_t *to, uint32_t n, bool negative)
{
    size_t i = 0;
    to[i++] = (uint8_t)((n > 63 ? 0x80 : 0) | (negative ? 0x40 : 0) | (n & 63));
    for (n >>= 6; n; n >>= 7)
        to[i++] = (uint8_t)((n > 127 ? 0x80 : 0) | (n & 127));
    return i;
}

int y_number_to_any(double v, struct ybuf *out)
{
    uint8_t to[10];
    uint64_t bits;
    size_t n = 8;
    memcpy(&bits, &v, 8);
    if (v >= -2147483647.0 && v <= 2147483647.0 && v == (double)(int32_t)v) {
        int32_t i = (int32_t)v;
        to[0] = 125;
        n = write_varint(to + 1, (uint32_t)(i < 0 ? -i : i), bits >> 63);
        return ybuf_append(out, to, 1 + n);
    }
    to[0] = 123;
    bool infinite = v - v != 0 && v == v;
    if (infinite || (v >= -FLT_MAX && v <= FLT_MAX && (double)(float)v == v)) {
        float f = (float)v;
        uint32_t half;
        memcpy(&half, &f, 4);
        bits = half;
        to[0] = 124;
        n = 4;
    }
    for (size_t i = 0; i < n; i++)
        to[1 + i] = (uint8_t)(bits >> (8 * (n - 1 - i)));
    return ybuf_append(out, to, 1 + n);
}
