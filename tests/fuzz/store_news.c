/* Messages of other servers: whatever comes is read within its bounds, and what was told is read as it
 * was written. */
#include "store/news.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int binary = 0; binary < 2; binary++) {
        struct feed_news n = {0};
        if (news_read(data, size, binary, &n) && n.data.len > size)
            abort();
        buf_release(&n.data);
    }
    struct buf told = {0}, message = {0};
    buf_append(&told, data, size);
    news_write_told(&message, size, &told);
    struct feed_news n = {0};
    if (!news_read(message.data, message.len, true, &n) || n.kind != FEED_TOLD || n.node != size ||
        n.data.len != size || (size && memcmp(n.data.data, data, size) != 0))
        abort();
    buf_release(&n.data);
    buf_release(&message);
    buf_release(&told);
    return 0;
}
