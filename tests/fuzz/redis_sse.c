/* Any bytes as a subscribe stream: the same events whole and in pieces, and no more of them than
 * there are lines. */
#include "redis/rest_sse.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count;

static void hear(void *udata, const uint8_t *data, size_t len)
{
    struct buf *out = udata;
    buf_append(out, &len, sizeof(len));
    buf_append(out, data, len);
    count++;
}

static void listen_to(const uint8_t *data, size_t size, size_t step, struct buf *out)
{
    struct sse s = {0};
    count = 0;
    for (size_t at = 0; at < size; at += step)
        if (!sse_feed(&s, data + at, size - at < step ? size - at : step, hear, out))
            abort();
    sse_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = {0}, pieces = {0};
    size_t lines = 0;
    if (!size)
        return 0;
    for (const uint8_t *p = data + 1;
         p < data + size && (p = memchr(p, '\n', (size_t)(data + size - p)));)
        p++, lines++;
    listen_to(data + 1, size - 1, size, &whole);
    if (count > lines)
        abort();
    listen_to(data + 1, size - 1, data[0] % 16 + 1, &pieces);
    if (whole.len != pieces.len || (whole.len && memcmp(whole.data, pieces.data, whole.len) != 0))
        abort();
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
