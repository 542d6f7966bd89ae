#include "base/backoff.h"

#include "base/random.h"

uint64_t backoff_jitter(uint64_t delay_ms)
{
    return delay_ms / 2 + random_u64() % (delay_ms / 2 + 1);
}

uint32_t backoff_next(uint32_t *delay_ms, uint32_t first_ms, uint32_t most_ms)
{
    *delay_ms = *delay_ms ? *delay_ms * 2 : first_ms;
    if (*delay_ms > most_ms)
        *delay_ms = most_ms;
    return (uint32_t)backoff_jitter(*delay_ms);
}
