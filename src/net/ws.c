/*
 * WebSocket framing (RFC 6455 section 5), server side.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     |F R R R opcode |M length (7)  | length, 16 or 64 bits, if 126/127
 *     | masking key, 4 bytes         | payload, masked                   |
 *
 * A message that lies whole in the bytes fed is unmasked where it lies. Only what is incomplete is
 * kept: the bytes of the header that have come, and the payload so far, whose buffer grows with
 * what came and never with what was announced.
 */
#include "net/ws.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 14
#define CONTROL_MAX 125

enum opcode { OP_CONT = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct ws_reader {
    size_t max_message;
    struct buf
        message; /* payload of the message so far, unmasked; of control frames in `control` */
    struct buf control;
    uint64_t left; /* payload bytes of the current frame still to come */
    uint32_t mask; /* rotated to the next byte */
    uint8_t header[HEADER_MAX];
    uint8_t header_len;
    uint8_t opcode; /* of the frame */
    bool fin, in_payload, in_message, closed;
};

struct ws_reader *ws_reader_new(size_t max_message)
{
    struct ws_reader *r = xcalloc(1, sizeof(*r));
    r->max_message = max_message;
    return r;
}

void ws_reader_free(struct ws_reader *r)
{
    if (!r)
        return;
    buf_release(&r->message);
    buf_release(&r->control);
    free(r);
}

size_t ws_reader_held(const struct ws_reader *r)
{
    return r->message.cap + r->control.cap;
}

static uint32_t rotate(uint32_t mask, size_t n)
{
    unsigned bits = (unsigned)(n & 3) * 8;
    return bits ? (mask >> bits) | (mask << (32 - bits)) : mask;
}

/* `mask` holds the key with its first byte lowest (little endian). */
static void unmask(uint8_t *p, size_t n, uint32_t mask)
{
    uint64_t wide = (uint64_t)mask << 32 | mask;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t x;
        memcpy(&x, p + i, 8);
        x ^= wide;
        memcpy(p + i, &x, 8);
    }
    for (; i < n; i++)
        p[i] ^= (uint8_t)(mask >> (8 * (i & 3)));
}

static int fail(const char **reason, int code, const char *text)
{
    *reason = text;
    return code;
}

static bool is_control(uint8_t opcode)
{
    return opcode >= OP_CLOSE;
}

/* The header is whole: what may follow? Sets `left`, `mask`. */
static int check_header(struct ws_reader *r, const char **reason)
{
    uint8_t b0 = r->header[0], b1 = r->header[1];
    uint64_t len = b1 & 0x7f;
    size_t at = 2;
    r->fin = b0 & 0x80;
    r->opcode = b0 & 0x0f;
    if (len == 126) {
        len = (uint64_t)r->header[2] << 8 | r->header[3];
        at = 4;
        if (len < 126)
            return fail(reason, WS_PROTOCOL_ERROR, "length not minimal");
    } else if (len == 127) {
        len = 0;
        for (size_t i = 2; i < 10; i++)
            len = len << 8 | r->header[i];
        at = 10;
        if (len >> 63)
            return fail(reason, WS_PROTOCOL_ERROR, "length has its top bit set");
        if (len <= 0xffff)
            return fail(reason, WS_PROTOCOL_ERROR, "length not minimal");
    }
    memcpy(&r->mask, r->header + at, 4);
    r->left = len;
    if (!is_control(r->opcode) && len > r->max_message - r->message.len)
        return fail(reason, WS_TOO_BIG, "message too large");
    return 0;
}

/* The first two bytes are here: refuse at once what can only be wrong. */
static int check_start(struct ws_reader *r, const char **reason)
{
    uint8_t b0 = r->header[0], b1 = r->header[1], opcode = b0 & 0x0f;
    if (b0 & 0x70)
        return fail(reason, WS_PROTOCOL_ERROR, "reserved bits are set");
    if (!(b1 & 0x80))
        return fail(reason, WS_PROTOCOL_ERROR, "frame is not masked");
    if (opcode > OP_PONG || (opcode > OP_BINARY && opcode < OP_CLOSE))
        return fail(reason, WS_PROTOCOL_ERROR, "unknown opcode");
    if (is_control(opcode) && (!(b0 & 0x80) || (b1 & 0x7f) > CONTROL_MAX))
        return fail(reason, WS_PROTOCOL_ERROR, "control frame is fragmented or too long");
    if (opcode == OP_TEXT)
        return fail(reason, WS_UNSUPPORTED, "text messages are not taken");
    if (opcode == OP_BINARY && r->in_message)
        return fail(reason, WS_PROTOCOL_ERROR, "message inside a message");
    if (opcode == OP_CONT && !r->in_message)
        return fail(reason, WS_PROTOCOL_ERROR, "continuation of nothing");
    return 0;
}

static size_t header_size(const struct ws_reader *r)
{
    uint8_t len = r->header[1] & 0x7f;
    return 6 + (len == 126 ? 2 : len == 127 ? 8 : 0);
}

static bool close_code_valid(int code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static int close_event(struct ws_reader *r, uint8_t *p, size_t n, ws_event_fn *fn, void *udata,
                       const char **reason)
{
    int code = WS_NO_STATUS;
    if (n == 1)
        return fail(reason, WS_PROTOCOL_ERROR, "close frame of one byte");
    if (n >= 2) {
        code = p[0] << 8 | p[1];
        if (!close_code_valid(code))
            return fail(reason, WS_PROTOCOL_ERROR, "bad close code");
        if (!utf8_valid(p + 2, n - 2))
            return fail(reason, WS_BAD_PAYLOAD, "close reason is not UTF-8");
    }
    r->closed = true;
    return fn(WS_EV_CLOSE, n > 2 ? p + 2 : p, n > 2 ? n - 2 : 0, code, udata);
}

/* A frame's payload is whole at p (unmasked). */
static int frame_done(struct ws_reader *r, uint8_t *p, size_t n, ws_event_fn *fn, void *udata,
                      const char **reason)
{
    switch (r->opcode) {
    case OP_PING:
        return fn(WS_EV_PING, p, n, 0, udata);
    case OP_PONG:
        return fn(WS_EV_PONG, p, n, 0, udata);
    case OP_CLOSE:
        return close_event(r, p, n, fn, udata, reason);
    default:
        break;
    }
    r->in_message = !r->fin;
    if (!r->fin)
        return 0;
    /* The buffer is taken out first: the handler may do anything but feed. */
    struct buf whole = r->message;
    r->message = (struct buf){0};
    int result = whole.data ? fn(WS_EV_MESSAGE, whole.data, whole.len, 0, udata)
                            : fn(WS_EV_MESSAGE, p, n, 0, udata);
    buf_release(&whole);
    return result;
}

/* Takes payload bytes of the current frame from (p, n); how many in *used. */
static int payload(struct ws_reader *r, uint8_t *p, size_t n, size_t *used, ws_event_fn *fn,
                   void *udata, const char **reason)
{
    bool control = is_control(r->opcode);
    struct buf *kept = control ? &r->control : &r->message;
    size_t take = r->left < n ? (size_t)r->left : n;
    unmask(p, take, r->mask);
    r->mask = rotate(r->mask, take);
    r->left -= take;
    *used = take;
    bool done = r->left == 0;
    /* Whole in these bytes, with nothing before: no copy. */
    bool in_place = done && !kept->len && (control || (r->fin && !kept->data));
    if (!in_place)
        buf_append(kept, p, take);
    if (!done)
        return 0;
    r->in_payload = false;
    if (!control)
        return frame_done(r, p, take, fn, udata, reason);
    struct buf whole = r->control;
    r->control = (struct buf){0};
    int result =
        frame_done(r, in_place ? p : whole.data, in_place ? take : whole.len, fn, udata, reason);
    buf_release(&whole);
    return result;
}

int ws_reader_feed(struct ws_reader *r, uint8_t *data, size_t len, ws_event_fn *fn, void *udata,
                   const char **reason)
{
    int result = 0;
    size_t used;
    while (!result && !r->closed) {
        if (r->in_payload) {
            if (!len && r->left)
                break;
            result = payload(r, data, len, &used, fn, udata, reason);
            data += used;
            len -= used;
            if (r->in_payload)
                break;
            continue;
        }
        while (len && (r->header_len < 2 || r->header_len < header_size(r))) {
            r->header[r->header_len++] = *data++;
            len--;
            if (r->header_len == 2 && (result = check_start(r, reason)))
                return result;
        }
        if (r->header_len < 2 || r->header_len < header_size(r))
            break;
        r->header_len = 0;
        result = check_header(r, reason);
        r->in_payload = true;
    }
    return result;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void header(struct buf *out, enum opcode opcode, size_t len)
{
    uint8_t h[10] = {(uint8_t)(0x80 | opcode)};
    size_t n = 2;
    if (len < 126) {
        h[1] = (uint8_t)len;
    } else if (len <= 0xffff) {
        h[1] = 126;
        h[2] = (uint8_t)(len >> 8);
        h[3] = (uint8_t)len;
        n = 4;
    } else {
        h[1] = 127;
        for (int i = 0; i < 8; i++)
            h[2 + i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
        n = 10;
    }
    buf_append(out, h, n);
}

void ws_frame_header(struct buf *out, size_t payload_len)
{
    header(out, OP_BINARY, payload_len);
}

void ws_frame_binary(struct buf *out, const void *data, size_t len)
{
    header(out, OP_BINARY, len);
    buf_append(out, data, len);
}

void ws_frame_pong(struct buf *out, const void *data, size_t len)
{
    header(out, OP_PONG, len);
    buf_append(out, data, len);
}

void ws_frame_ping(struct buf *out)
{
    header(out, OP_PING, 0);
}

void ws_frame_close(struct buf *out, int code, const char *reason)
{
    size_t n = reason ? strlen(reason) : 0;
    uint8_t c[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (n > CONTROL_MAX - 2) {
        n = CONTROL_MAX - 2;
        while (n && ((uint8_t)reason[n] & 0xc0) == 0x80)
            n--;
    }
    header(out, OP_CLOSE, 2 + n);
    buf_append(out, c, 2);
    buf_append(out, reason, n);
}

void ws_accept_key(const char *key, size_t len, char out[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    struct buf b = {0};
    buf_append(&b, key, len);
    buf_append(&b, guid, sizeof(guid) - 1);
    EVP_Digest(b.data, b.len, digest, &n, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)out, digest, (int)n);
    buf_release(&b);
}
