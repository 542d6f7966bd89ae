/*
 * The stream of Upstash's subscribe endpoint: bytes to events, without I/O.
 *
 *     data: subscribe,<channel>,<how many by now>
 *     data: message,<channel>,<payload>
 *
 * Upstash's documentation shows one line directly after the other, and its client takes each line
 * for an event; in server-sent events a blank line ends an event, and an event may have several
 * lines. Which of the two a stream is shows behind its first event, a confirmation, which is one
 * line: a blank line or the next event. So a payload cannot feign an event where newlines in
 * payloads are made lines of their event, as the format wants it.
 */
#ifndef REDIS_REST_SSE_H
#define REDIS_REST_SSE_H

#include "base/buf.h"

#include <stdbool.h>

#define SSE_EVENT_MAX (16u * 1024 * 1024)

/* All zero is the start of a stream. */
struct sse {
    struct buf line, data;
    bool in_event; /* data has lines */
    enum { SSE_FIRST, SSE_SECOND, SSE_BLOCKS, SSE_LINES } form;
};

typedef void sse_event(void *udata, const uint8_t *data, size_t len);

/* Calls `event` for each event that the bytes complete; its data is valid during the call. False:
 * an event is longer than SSE_EVENT_MAX. */
bool sse_feed(struct sse *s, const void *bytes, size_t n, sse_event *event, void *udata);
void sse_release(struct sse *s);

#endif
