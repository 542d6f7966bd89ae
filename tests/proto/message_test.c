#include "proto/message.h"
#include "tests/test.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

static int next(const uint8_t *data, size_t len, struct proto_message *m)
{
    const char *reason;
    return proto_next(&data, &len, m, &reason);
}

/* Every vector whole, and refused at each shorter length. */
static void good(const uint8_t *data, size_t len, enum proto_kind kind, size_t payload)
{
    struct proto_message m;
    CHECK_EQ(next(data, len, &m), 0);
    CHECK_EQ(m.kind, kind);
    CHECK_EQ(m.len, payload);
    for (size_t i = 0; i < len; i++) {
        uint8_t *part = malloc(i ? i : 1); /* exact, so that ASan sees one byte too many */
        memcpy(part, data, i);
        int result = next(part, i, &m);
        free(part);
        CHECK_EQ(result, -1);
    }
}

TEST(message_reads_what_clients_send)
{
    good(BYTES(0, 0, 1, 0), PROTO_STEP1, 1);
    good(BYTES(0, 1, 2, 0, 0), PROTO_STEP2, 2);
    good(BYTES(0, 2, 2, 0, 0), PROTO_UPDATE, 2);
    good(BYTES(1, 3, 1, 2, 3), PROTO_AWARENESS, 3);
    good(BYTES(3), PROTO_QUERY_AWARENESS, 0);
    good(BYTES(2, 0, 1, 'x'), PROTO_IGNORED, 1);
}

TEST(message_refuses_what_it_does_not_know)
{
    struct proto_message m;
    CHECK_EQ(next(BYTES(0, 3, 1, 0), &m), -1);
    CHECK_EQ(next(BYTES(4), &m), -1);
    CHECK_EQ(next(BYTES(100, 1), &m), -1);
    CHECK_EQ(next(BYTES(0, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 1), &m), -1);
    CHECK_EQ(next(BYTES(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1), &m), -1);
}

TEST(message_several_in_one_frame)
{
    struct buf b = {0};
    struct proto_message m;
    const char *reason;
    proto_step1(&b, "\0", 1);
    proto_update(&b, "\0\0", 2);
    proto_awareness(&b, "\0", 1);
    const uint8_t *p = b.data;
    size_t len = b.len;
    enum proto_kind kinds[3];
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(proto_next(&p, &len, &m, &reason), 0);
        kinds[i] = m.kind;
    }
    CHECK_EQ(len, 0);
    CHECK(kinds[0] == PROTO_STEP1 && kinds[1] == PROTO_UPDATE && kinds[2] == PROTO_AWARENESS);
    buf_release(&b);
}

TEST(message_writes_receipts)
{
    struct buf b = {0};
    proto_saved(&b, 300);
    proto_store_state(&b, true);
    CHECK_MEM(b.data, b.len, "\x64\xac\x02\x65\x01", 5);
    buf_release(&b);
}
