/*
 * JSON that comes from outside: bounded, no member twice, no NUL in a string, nothing behind it.
 */
#ifndef AUTH_JSON_H
#define AUTH_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The caller's; NULL if it is none, or longer than `most`. */
json_t *auth_json_read(const void *text, size_t len, size_t most);
/* A string member of at most `most` bytes, borrowed; "" for one that is not there or null; NULL for any other. */
const char *auth_json_string(const json_t *object, const char *name, size_t most);
/* Visible ASCII without white space, at least one character: what may be in an id, a token or a URL. */
bool auth_is_visible(const char *s);

#endif
