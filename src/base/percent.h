/* Percent-encoding of URLs (RFC 3986). */
#ifndef BASE_PERCENT_H
#define BASE_PERCENT_H

#include "base/buf.h"

#include <stddef.h>

/* Decodes (s, len) into out and terminates it: the length, or -1 if it is malformed, longer than cap - 1, or
 * has a NUL in it. */
int percent_decode(const char *s, size_t len, char *out, size_t cap);
/* Appends (s, len) with all but letters, digits and -._~ encoded: right in any part of a URL, and in a form. */
void percent_encode(struct buf *out, const char *s, size_t len);

#endif
