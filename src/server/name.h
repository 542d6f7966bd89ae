/*
 * Names of bytecrowds: 1 to 128 letters, digits, '-', '_', '.'; none that is a route of ours, now
 * or later, and neither "." nor "..", which browsers take for directions.
 */
#ifndef SERVER_NAME_H
#define SERVER_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_LEN 128

enum name_verdict { NAME_OK, NAME_BAD, NAME_RESERVED };

enum name_verdict name_check(const char *s, size_t len);

#endif
