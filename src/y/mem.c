#include "y/mem.h"

#include <stdlib.h>

static void *(*realloc_now)(void *, size_t) = realloc;
static void (*free_now)(void *) = free;

void y_set_allocator(void *(*realloc_fn)(void *, size_t), void (*free_fn)(void *))
{
    realloc_now = realloc_fn ? realloc_fn : realloc;
    free_now = free_fn ? free_fn : free;
}

void *y_realloc(void *p, size_t n)
{
    return realloc_now(p, n);
}

void y_mem_free(void *p)
{
    if (p)
        free_now(p);
}
