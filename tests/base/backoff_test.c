#include "base/backoff.h"
#include "tests/test.h"

TEST(backoff_doubles_up_to_its_limit_and_half_of_it_is_chance)
{
    static const uint32_t delays[] = {100, 200, 400, 800, 1000, 1000};
    uint32_t least = UINT32_MAX, most = 0, delay = 0;
    for (int i = 0; i < 6; i++) {
        uint32_t wait = backoff_next(&delay, 100, 1000);
        CHECK_EQ(delay, delays[i]);
        CHECK(wait >= delay / 2 && wait <= delay);
    }
    for (int i = 0; i < 200; i++) {
        uint32_t wait = backoff_next(&delay, 100, 1000);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    CHECK(least >= 500 && least < 600 && most <= 1000 && most > 900);
    delay = 0; /* it worked */
    CHECK(backoff_next(&delay, 100, 1000) <= 100);
}
