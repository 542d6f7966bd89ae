/* Bytes from the kernel's secure random source. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t n); /* aborts if the kernel has none to give */
uint64_t random_u64(void);

#endif
