/* Any text as an error of a Cluster's node, as a key, and as the cursor of a SCAN. What is taken is
 * within its limits; a cursor that is written is read as the same. */
#include "redis/slots.h"

#include <stdlib.h>
#include <string.h>

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_scan(const char *text, size_t len)
{
    struct redis_scan s, t;
    char again[REDIS_SCAN_TEXT];
    if (!redis_scan_read(text, len, &s))
        return;
    REQUIRE(s.slot < REDIS_SLOTS && *s.cursor);
    redis_scan_write(&s, again);
    REQUIRE(redis_scan_read(again, strlen(again), &t));
    REQUIRE(s.slot == t.slot && !strcmp(s.node, t.node) && !strcmp(s.cursor, t.cursor));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct redis_host h;
    uint16_t slot;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    if (redis_redirect_of(text, &slot, &h) != REDIRECT_NONE)
        REQUIRE(slot < REDIS_SLOTS && h.port && memchr(h.host, '\0', sizeof(h.host)));
    REQUIRE(redis_slot_of(text) < REDIS_SLOTS);
    check_scan(text, size);
    free(text);
    return 0;
}
