/*
 * How long to wait before something that failed is tried again: twice as long after each failure, up
 * to a limit, and half of it by chance, so that many who failed at once do not come back in step.
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

/* After a failure: the wait in ms. *delay_ms is its state; the caller sets it to 0 after a success. */
uint32_t backoff_next(uint32_t *delay_ms, uint32_t first_ms, uint32_t most_ms);
/* From half of delay_ms to all of it. */
uint64_t backoff_jitter(uint64_t delay_ms);

#endif
