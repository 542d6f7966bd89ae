/* What time it is, for what is compared with other machines' clocks. Durations: net_now_us(). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_now_ms(void); /* since the epoch */

#endif
