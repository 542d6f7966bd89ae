/*
 * Allocation that cannot fail: out of memory is logged and ends the process in one place. The CRDT
 * library (src/y) does not use this; it reports.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((returns_nonnull));
/* Copies `n` bytes and terminates them. */
char *xstrndup(const char *s, size_t n) __attribute__((returns_nonnull));

#endif
