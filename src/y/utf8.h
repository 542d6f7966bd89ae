/*
 * utf8: UTF-8 as Yjs's clocks see it, in UTF-16 units. Internal to src/y.
 */
#ifndef Y_UTF8_H
#define Y_UTF8_H

#include "y/y.h"

#include <string.h>

/* Whether [p, p + n) is well-formed UTF-8 (no surrogates, no overlong forms); *units then is its
 * length in UTF-16 units. */
bool y_utf8_units(const uint8_t *p, size_t n, uint64_t *units);

/* UTF-16 units of well-formed UTF-8. */
uint64_t y_utf16_length(const uint8_t *p, size_t n);

/* The same as y_utf8_units, inline for what is short and ASCII: keystrokes. */
static inline bool y_utf8_scan(const uint8_t *p, size_t n, uint64_t *units)
{
    if (n < 16) {
        uint8_t any = 0;
        for (size_t i = 0; i < n; i++)
            any |= p[i];
        if (any < 0x80) {
            *units = n;
            return true;
        }
    }
    return y_utf8_units(p, n, units);
}

#endif
