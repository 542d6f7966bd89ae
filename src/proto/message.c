#include "proto/message.h"

#include "y/y.h"

enum { MSG_SYNC = 0, MSG_AWARENESS = 1, MSG_AUTH = 2, MSG_QUERY_AWARENESS = 3 };
enum { MSG_SAVED = 100, MSG_STORE_STATE = 101 };

int proto_next(const uint8_t **data, size_t *len, struct proto_message *out, const char **reason)
{
    struct y_reader r = y_reader_of(*data, *len);
    struct proto_message m = {0};
    uint64_t type = y_read_varuint(&r);
    *reason = "truncated message";
    if (!r.error && type == MSG_SYNC) {
        uint64_t step = y_read_varuint(&r);
        if (!r.error && step > 2) {
            *reason = "unknown sync message";
            return -1;
        }
        m.kind = (enum proto_kind)(PROTO_STEP1 + (int)step);
        m.data = y_read_bytes(&r, &m.len);
    } else if (!r.error && type == MSG_AWARENESS) {
        m.kind = PROTO_AWARENESS;
        m.data = y_read_bytes(&r, &m.len);
    } else if (!r.error && type == MSG_AUTH) {
        m.kind = PROTO_IGNORED;
        y_read_varuint(&r);
        y_read_bytes(&r, &m.len);
    } else if (!r.error && type == MSG_QUERY_AWARENESS) {
        m.kind = PROTO_QUERY_AWARENESS;
    } else if (!r.error) {
        *reason = "unknown message type";
        return -1;
    }
    if (r.error)
        return -1;
    *data = r.p;
    *len = (size_t)(r.end - r.p);
    *out = m;
    return 0;
}

void proto_varuint(struct buf *out, uint64_t n)
{
    while (n > 0x7f) {
        buf_putc(out, (uint8_t)(0x80 | (n & 0x7f)));
        n >>= 7;
    }
    buf_putc(out, (uint8_t)n);
}

static void message(struct buf *out, int type, int step, const void *data, size_t len)
{
    buf_putc(out, (uint8_t)type);
    if (step >= 0)
        buf_putc(out, (uint8_t)step);
    proto_varuint(out, len);
    buf_append(out, data, len);
}

void proto_step1(struct buf *out, const void *sv, size_t len)
{
    message(out, MSG_SYNC, 0, sv, len);
}

void proto_step2(struct buf *out, const void *update, size_t len)
{
    message(out, MSG_SYNC, 1, update, len);
}

void proto_update(struct buf *out, const void *update, size_t len)
{
    message(out, MSG_SYNC, 2, update, len);
}

void proto_awareness(struct buf *out, const void *payload, size_t len)
{
    message(out, MSG_AWARENESS, -1, payload, len);
}

void proto_saved(struct buf *out, uint64_t n)
{
    buf_putc(out, MSG_SAVED);
    proto_varuint(out, n);
}

void proto_store_state(struct buf *out, bool failing)
{
    buf_putc(out, MSG_STORE_STATE);
    buf_putc(out, failing);
}
