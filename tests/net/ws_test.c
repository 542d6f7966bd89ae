#include "net/ws.h"
#include "tests/test.h"

/* Everything a reader says, one line for each event: "message 3 abc", "close 1000 bye", "fail
 * 1002". */
struct log {
    char text[4096];
    size_t len;
    int stop_after; /* events; 0 = never */
};

static int on_event(enum ws_event ev, uint8_t *data, size_t len, int code, void *udata)
{
    static const char *const names[] = {"message", "ping", "pong", "close"};
    struct log *l = udata;
    l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len, "%s %d %zu %.*s\n",
                               names[ev], code, len, len < 40 ? (int)len : 40, (char *)data);
    return l->stop_after && --l->stop_after == 0 ? 77 : 0;
}

/* Feeds bytes in pieces of `step`, each an allocation of exactly its size. */
static void read_in_steps(const struct buf *in, size_t step, size_t max, struct log *l)
{
    struct ws_reader *r = ws_reader_new(max);
    const char *reason = NULL;
    int result = 0;
    *l = (struct log){0};
    for (size_t at = 0; at < in->len && !result; at += step) {
        size_t n = in->len - at < step ? in->len - at : step;
        uint8_t *piece = malloc(n);
        memcpy(piece, in->data + at, n);
        result = ws_reader_feed(r, piece, n, on_event, l, &reason);
        free(piece);
    }
    if (result) {
        CHECK(reason && *reason);
        l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len, "fail %d\n", result);
    }
    ws_reader_free(r);
}

#define MAX 1000

/* Whole, byte by byte, and in odd pieces: the same events. */
static void check(struct buf *in, const char *want)
{
    static const size_t steps[] = {SIZE_MAX / 2, 1, 2, 3, 7, 13, 64};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        static struct log l;
        read_in_steps(in, steps[i], MAX, &l);
        CHECK_STR(l.text, want);
    }
    buf_release(in);
}

/* A masked client frame; `b0` is FIN, reserved bits and opcode. */
static void frame(struct buf *b, uint8_t b0, const void *data, size_t len)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t h[10] = {b0};
    size_t n = 2;
    if (len < 126) {
        h[1] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        h[1] = 0x80 | 126, h[2] = (uint8_t)(len >> 8), h[3] = (uint8_t)len, n = 4;
    } else {
        h[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            h[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
        n = 10;
    }
    buf_append(b, h, n);
    buf_append(b, mask, 4);
    for (size_t i = 0; i < len; i++) {
        uint8_t c = ((const uint8_t *)data)[i] ^ mask[i & 3];
        buf_append(b, &c, 1);
    }
}

#define FIN 0x80
#define BIN 2

TEST(ws_messages_whole_and_in_fragments)
{
    struct buf b = {0};
    frame(&b, FIN | BIN, "abc", 3);
    frame(&b, FIN | BIN, "", 0);
    frame(&b, BIN, "one ", 4);
    frame(&b, FIN | 9, "ping inside", 11);
    frame(&b, 0, "", 0);
    frame(&b, 0, "two ", 4);
    frame(&b, FIN | 10, "", 0);
    frame(&b, FIN | 0, "three", 5);
    frame(&b, BIN, "", 0);
    frame(&b, FIN | 0, "late", 4);
    check(&b, "message 0 3 abc\nmessage 0 0 \nping 0 11 ping inside\npong 0 0 \n"
              "message 0 13 one two three\nmessage 0 4 late\n");
}

TEST(ws_example_of_the_rfc)
{
    /* RFC 6455 5.7: masked "Hello", here as a ping (text is not taken) */
    struct buf b = {0};
    buf_append(&b, "\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    check(&b, "ping 0 5 Hello\n");
    char accept[29];
    ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", 24, accept);
    CHECK_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(ws_lengths_of_all_three_forms)
{
    static char data[70000];
    memset(data, 'x', sizeof(data));
    static const size_t lens[] = {125, 126, 127, 999, 1000};
    for (size_t i = 0; i < 5; i++) {
        struct buf b = {0};
        char want[100];
        frame(&b, FIN | BIN, data, lens[i]);
        snprintf(want, sizeof(want), "message 0 %zu %.40s\n", lens[i], data);
        check(&b, want);
    }
    struct buf b = {0};
    static struct log l;
    frame(&b, FIN | BIN, data, 65536);
    read_in_steps(&b, 1000, 65536, &l);
    CHECK(strncmp(l.text, "message 0 65536 ", 16) == 0);
    read_in_steps(&b, 1000, 65535, &l);
    CHECK_STR(l.text, "fail 1009\n");
    buf_release(&b);
}

TEST(ws_message_limit_counts_fragments_together)
{
    static char data[600];
    struct buf b = {0};
    frame(&b, BIN, data, 600);
    frame(&b, FIN | 0, data, 401);
    check(&b, "fail 1009\n");
    frame(&b, BIN, data, 600);
    frame(&b, FIN | 9, "p", 1);
    frame(&b, FIN | 0, data, 400);
    check(&b, "ping 0 1 p\nmessage 0 1000 \n");
}

/* A header alone, no payload at all, is enough to be refused: nothing is waited for or stored. */
static void refused(const char *bytes, size_t len, int code)
{
    struct buf b = {0};
    char want[20];
    buf_append(&b, bytes, len);
    snprintf(want, sizeof(want), "fail %d\n", code);
    check(&b, want);
}
#define REFUSED(bytes, code) refused(bytes, sizeof(bytes) - 1, code)

TEST(ws_bad_frames_are_refused_at_their_header)
{
    REFUSED("\x82\x03", 1002); /* not masked */
    REFUSED("\xc2\x80", 1002); /* RSV1 */
    REFUSED("\xa2\x80", 1002); /* RSV2 */
    REFUSED("\x92\x80", 1002); /* RSV3 */
    REFUSED("\x83\x80", 1002); /* opcodes */
    REFUSED("\x87\x80", 1002);
    REFUSED("\x8b\x80", 1002);
    REFUSED("\x8f\x80", 1002);
    REFUSED("\x80\x80", 1002); /* lone cont. */
    REFUSED("\x81\x80", 1003); /* text */
    REFUSED("\x01\x80", 1003);
    REFUSED("\x09\x80", 1002); /* ping, no FIN */
    REFUSED("\x89\xfe", 1002); /* ping of 126+ */
    REFUSED("\x88\xff", 1002);
    REFUSED("\x82\xfe\x00\x7d\0\0\0\0", 1002); /* not minimal */
    REFUSED("\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 1002);
    REFUSED("\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 1002);               /* top bit */
    REFUSED("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009); /* huge */
    REFUSED("\x82\xfe\x03\xe9\0\0\0\0", 1009);                         /* 1001 */
}

TEST(ws_message_inside_a_message)
{
    struct buf b = {0};
    frame(&b, BIN, "a", 1);
    frame(&b, FIN | BIN, "b", 1);
    check(&b, "fail 1002\n");
}

TEST(ws_close_frames)
{
    struct buf b = {0};
    frame(&b, FIN | 8, "", 0);
    check(&b, "close 1005 0 \n");
    frame(&b, FIN | 8,
          "\x03\xe8"
          "bye \xc3\xa9",
          8);
    check(&b, "close 1000 6 bye \xc3\xa9\n");
    frame(&b, FIN | 8, "\x11\x3d", 2);
    check(&b, "close 4413 0 \n");
}

TEST(ws_nothing_is_read_behind_a_close)
{
    struct buf b = {0};
    frame(&b, FIN | 8,
          "\x03\xe9"
          "x",
          3);
    frame(&b, FIN | BIN, "ghost", 5);
    buf_append(&b, "\xff\xff\xff", 3);
    check(&b, "close 1001 1 x\n");
}

TEST(ws_bad_close_frames)
{
    static const uint16_t bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf b = {0};
        uint8_t code[2] = {(uint8_t)(bad[i] >> 8), (uint8_t)bad[i]};
        frame(&b, FIN | 8, code, 2);
        check(&b, "fail 1002\n");
    }
    struct buf b = {0};
    frame(&b, FIN | 8, "\x03", 1);
    check(&b, "fail 1002\n");
    static const char *const text[] = {
        "\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
    for (size_t i = 0; i < 6; i++) {
        char data[10] = "\x03\xe8";
        strcpy(data + 2, text[i]);
        frame(&b, FIN | 8, data, 2 + strlen(text[i]));
        check(&b, "fail 1007\n");
    }
}

TEST(ws_handler_stops_the_feeding)
{
    struct buf b = {0};
    struct log l = {.stop_after = 1};
    const char *reason = NULL;
    frame(&b, FIN | BIN, "a", 1);
    frame(&b, FIN | BIN, "b", 1);
    struct ws_reader *r = ws_reader_new(MAX);
    CHECK_EQ(ws_reader_feed(r, b.data, b.len, on_event, &l, &reason), 77);
    CHECK_STR(l.text, "message 0 1 a\n");
    ws_reader_free(r);
    buf_release(&b);
}

TEST(ws_random_messages_survive_any_cutting)
{
    for (int round = 0; round < 200; round++) {
        struct buf b = {0}, data = {0};
        static struct log whole, cut;
        for (uint64_t n = 1 + test_below(5); n; n--) {
            buf_clear(&data);
            for (uint64_t len = test_below(300); len; len--) {
                uint8_t c = (uint8_t)('a' + test_below(26));
                buf_append(&data, &c, 1);
            }
            size_t at = 0, parts = test_below(4);
            for (size_t i = 0; i < parts; i++) {
                size_t part = test_below(data.len - at + 1);
                frame(&b, i ? 0 : BIN, data.data + at, part);
                at += part;
                if (test_below(2))
                    frame(&b, FIN | 9, "p", test_below(2));
            }
            frame(&b, (uint8_t)(FIN | (parts ? 0 : BIN)), data.data + at, data.len - at);
        }
        read_in_steps(&b, SIZE_MAX / 2, MAX, &whole);
        CHECK(whole.len && !strstr(whole.text, "fail"));
        read_in_steps(&b, 1 + test_below(40), MAX, &cut);
        CHECK_STR(cut.text, whole.text);
        buf_release(&b);
        buf_release(&data);
    }
}

TEST(ws_server_frames)
{
    struct buf b = {0};
    static char big[65536];
    ws_frame_binary(&b, "abc", 3);
    ws_frame_ping(&b);
    ws_frame_pong(&b, "x", 1);
    ws_frame_close(&b, 1013, "later");
    CHECK_MEM(b.data, b.len,
              "\x82\x03"
              "abc\x89\x00\x8a\x01x\x88\x07\x03\xf5later",
              19);
    buf_clear(&b);
    ws_frame_binary(&b, big, 126);
    CHECK_MEM(b.data, 4, "\x82\x7e\x00\x7e", 4);
    CHECK_EQ(b.len, 130);
    buf_clear(&b);
    ws_frame_header(&b, 65536);
    CHECK_MEM(b.data, b.len, "\x82\x7f\0\0\0\0\0\1\0\0", 10);
    buf_release(&b);
}

TEST(ws_close_reason_is_cut_at_a_character)
{
    char reason[200] = "";
    struct buf b = {0};
    memset(reason, 'a', 122);
    strcpy(reason + 122, "\xe2\x82\xac\xe2\x82\xac");
    ws_frame_close(&b, 1000, reason);
    CHECK_EQ(b.len, 2 + 2 + 122);
    CHECK_EQ(b.data[1], 124);
    buf_release(&b);
}
