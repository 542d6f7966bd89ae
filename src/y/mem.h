/*
 * mem: where every byte that src/y allocates comes from, so that embedders can bring their own
 * allocator (y_set_allocator in y.h) and tests can make any allocation fail.
 *
 * Rule: a failed allocation is reported as Y_ERR_NOMEM, never fatal, and leaves the old block as it
 * was.
 */
#ifndef Y_MEM_H
#define Y_MEM_H

#include "y/y.h"

/* As realloc() and free(); n is never 0. Owned by the caller. */
void *y_realloc(void *p, size_t n);
void y_mem_free(void *p);

/* Makes room for `more` bytes behind b->len. Y_OK or Y_ERR_NOMEM. */
int y_buf_reserve(struct ybuf *b, size_t more);

#endif
