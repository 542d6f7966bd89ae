/*
 * Awareness: who is here and where their cursor is; the last state of each client of a room, as
 * JSON that the server keeps and passes on but never interprets. Source: y-protocols
 * `awareness.js`.
 *
 * payload: varUint n, then n x (varUint client, varUint clock, varString JSON); JSON `null` = gone.
 *
 * A state is taken if its clock is newer than what is known, or equal and `null` for a client that
 * is here. Stock clients send on what they receive, so a state that is not news is common; it costs
 * no JSON check. Who is gone is remembered for a while, so that such an echo cannot bring them
 * back.
 *
 * Changes are collected: awareness_take() gives one payload with the last state of every client
 * that changed since it was last called.
 */
#ifndef PROTO_AWARENESS_H
#define PROTO_AWARENESS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct awareness;

struct awareness_limits {
    size_t clients;           /* states in a room; default 8192 */
    size_t clients_per_owner; /* states one connection may hold; default 64 */
    size_t state_bytes;       /* one state; default 16 KiB */
    size_t bytes_per_second;  /* news of one connection, each 32 bytes more than its JSON; default
                                 256 KiB, eight seconds' worth at once */
};

enum awareness_error {
    AWARENESS_OK = 0,
    AWARENESS_MALFORMED = -1,
    AWARENESS_LIMIT = -2,
};

/* A connection, to this module: what it announced, so that it goes when the connection goes. All
 * zero to begin with. The first client that an owner announces, alone in its payload, is itself: a
 * stock client begins so. That one stays its own even when somebody else's echo of it came first.
 */
struct awareness_owner {
    uint64_t self; /* client id + 1; 0: unknown */
    uint32_t count;
    uint64_t spent, spent_ms; /* bytes of news, less what time has forgiven until then */
};

struct awareness *awareness_new(const struct awareness_limits *limits); /* NULL: the defaults */
void awareness_free(struct awareness *a);

/* Takes a payload sent by `owner`. All or nothing. `now_ms` is any steady clock. */
int awareness_apply(struct awareness *a, struct awareness_owner *owner, const void *payload,
                    size_t len, uint64_t now_ms);
/* The connection is gone: so is everybody it announced. */
void awareness_drop(struct awareness *a, struct awareness_owner *owner, uint64_t now_ms);
/* Appends the payload of all changes since the last call; returns how many (0: nothing appended).
 */
size_t awareness_take(struct awareness *a, struct buf *out);
/* Whether there are such changes. */
bool awareness_changed(const struct awareness *a);
/* Appends the payload with everybody who is here; returns how many (0: nothing appended). */
size_t awareness_all(const struct awareness *a, struct buf *out);
size_t awareness_count(const struct awareness *a);

#endif
