/*
 * Base64 (RFC 4648, section 4). The decoder takes what the encoder makes and nothing else: padding
 * must be there, the bits that are left over must be zero, white space is an error. So two
 * different texts never mean the same bytes.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

#include <stdbool.h>

/* Appends. */
void base64_encode(struct buf *out, const void *data, size_t n);
/* Appends the bytes; false, and `out` has the content that it had, if the text is no base64. */
bool base64_decode(struct buf *out, const char *text, size_t n);

/* The same with - and _, and without padding, which is an error then (section 5; RFC 7515, section 2). */
void base64url_encode(struct buf *out, const void *data, size_t n);
bool base64url_decode(struct buf *out, const char *text, size_t n);

#endif
