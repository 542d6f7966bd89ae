/*
 * WebSocket framing without I/O (RFC 6455), server side: strict about everything the RFC says MUST,
 * for a server that takes binary messages only. Fragmented messages are put together; control
 * frames may come between fragments. The host feeds bytes as they come.
 */
#ifndef NET_WS_H
#define NET_WS_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum ws_close_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_UNSUPPORTED = 1003,
    WS_NO_STATUS = 1005,
    WS_ABNORMAL = 1006,
    WS_BAD_PAYLOAD = 1007,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
    WS_INTERNAL = 1011,
    WS_RESTART = 1012,
    WS_TRY_LATER = 1013,
    /* Ours: permanent, no client should connect again by itself. */
    WS_UNAUTHORIZED = 4401,
    WS_FULL = 4413,
};

enum ws_event { WS_EV_MESSAGE, WS_EV_PING, WS_EV_PONG, WS_EV_CLOSE };

struct ws_reader; /* about 32 bytes while idle: buffers live only while a message is incomplete */
struct ws_reader *ws_reader_new(size_t max_message);
void ws_reader_free(struct ws_reader *r);
size_t ws_reader_held(const struct ws_reader *r); /* bytes of its buffers */

/* Called for each event in order. `data` is the unmasked payload, valid during the call (inside the
 * buffer given to ws_reader_feed, which is unmasked in place, when the message came whole). For
 * WS_EV_CLOSE `code` is the peer's code (WS_NO_STATUS if none). Non-zero stops feeding at once. */
typedef int ws_event_fn(enum ws_event ev, uint8_t *data, size_t len, int code, void *udata);

/* Reads `data` (changed in place). 0; or a close code with *reason (static text) when the peer
 * broke the protocol, after which the reader must not be fed again; or what `fn` returned if
 * non-zero. */
int ws_reader_feed(struct ws_reader *r, uint8_t *data, size_t len, ws_event_fn *fn, void *udata,
                   const char **reason);

/* Appends one unmasked server frame. */
void ws_frame_binary(struct buf *out, const void *data, size_t len);
void ws_frame_pong(struct buf *out, const void *data, size_t len);
void ws_frame_ping(struct buf *out);
/* `reason` is cut to 123 bytes at a character boundary. */
void ws_frame_close(struct buf *out, int code, const char *reason);
/* The header only, for a payload that is appended by the caller; at most 10 bytes. */
void ws_frame_header(struct buf *out, size_t payload_len);

/* Sec-WebSocket-Accept for a key; 28 characters and a NUL. */
void ws_accept_key(const char *key, size_t len, char out[29]);

#endif
