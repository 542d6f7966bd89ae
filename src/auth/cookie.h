/*
 * Cookies (RFC 6265) and forms, without I/O.
 */
#ifndef AUTH_COOKIE_H
#define AUTH_COOKIE_H

#include "base/buf.h"
#include "net/http.h"

#include <stdbool.h>

/* The value of a cookie of the request, as sent; {NULL, 0} if there is none. The first if there are several. */
struct http_str cookie_get(const struct http_request *req, const char *name);

struct cookie {
    const char *name, *value;
    uint64_t max_age_s; /* 0: until the browser closes */
    bool remove;        /* Max-Age=0 */
    bool secure;
};
/* Appends a header line: Path=/; HttpOnly; SameSite=Lax; Secure if asked for. Bytes that no cookie's value may have are
 * percent-encoded. */
void cookie_put(struct buf *headers, const struct cookie *c);

/* The decoded value of a field of an application/x-www-form-urlencoded body, or of a string member of a JSON body by
 * the request's Content-Type: replaces `out`. False, and `out` is empty, if it is not there or there twice,
 * or is no UTF-8 or has a NUL. Fields of JSON that are true are "true". */
bool form_get(struct buf *out, const struct http_request *req, const char *name);
/* The same of the query. */
bool query_get(struct buf *out, const struct http_request *req, const char *name);

#endif
