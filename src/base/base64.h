/* Base64 (RFC 4648, section 4), with padding. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

#include <stdbool.h>

void base64_encode(struct buf *out, const void *data, size_t len);
/* Appends what it stands for; false, and nothing appended, if it is not exactly what base64_encode()
 * gives: other characters, spaces, missing padding, bits that should be zero. */
bool base64_decode(struct buf *out, const char *s, size_t len);

#endif
