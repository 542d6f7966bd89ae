/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at s, 1 to 4; 0 if the n > 0 bytes there begin with none. */
size_t utf8_char(const void *s, size_t n);
bool utf8_valid(const void *s, size_t n);

#endif
