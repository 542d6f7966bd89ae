/* Any bytes from a WebSocket client, whole and cut into pieces: the same events and the same end;
 * nothing grows beyond the message limit. The first byte says how to cut. */
#include "net/ws.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(enum ws_event ev, uint8_t *data, size_t len, int code, void *udata)
{
    struct buf *log = udata;
    if (len > LIMIT || (ev != WS_EV_MESSAGE && len > 125))
        abort();
    buf_printf(log, "%d %d %zu:", ev, code, len);
    buf_append(log, data, len);
    return 0;
}

static void read_all(const uint8_t *data, size_t size, size_t step, struct buf *log)
{
    struct ws_reader *r = ws_reader_new(LIMIT);
    const char *reason = "";
    int result = 0;
    for (size_t at = 0; at < size && !result; at += step) {
        size_t n = size - at < step ? size - at : step;
        uint8_t *piece = malloc(n);
        memcpy(piece, data + at, n);
        result = ws_reader_feed(r, piece, n, on_event, log, &reason);
        free(piece);
    }
    buf_printf(log, "end %d %s", result, reason);
    ws_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = {0}, cut = {0};
    if (!size)
        return 0;
    read_all(data + 1, size - 1, size, &whole);
    read_all(data + 1, size - 1, 1 + data[0] % 20, &cut);
    if (whole.len != cut.len || memcmp(whole.data, cut.data, cut.len) != 0)
        abort();
    buf_release(&whole);
    buf_release(&cut);
    return 0;
}
