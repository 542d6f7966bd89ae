/*
 * The y-protocols messages of a y-websocket connection: bytes to messages and back, without I/O.
 * Sources: y-websocket `src/y-websocket.js`, y-protocols `sync.js`, `awareness.js`.
 *
 *     0 0 bytes(state vector)   sync step 1: "this is what I have"
 *     0 1 bytes(update)         sync step 2: "this is what you lack"
 *     0 2 bytes(update)         an update
 *     1   bytes(awareness)      awareness.h
 *     2 0 string(reason)        permission denied (server to client)
 *     3                         query awareness
 *
 * Ours, sent only to a client that asked for them with ?receipts=1 in the socket's URL:
 *
 *     100 n      the first n messages of kinds 0 1 and 0 2 that this client sent on this connection
 * are durable; n grows 101 state  1: the store cannot be reached, the server keeps trying; 0: it
 * works (again)
 */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum proto_kind {
    PROTO_STEP1,
    PROTO_STEP2,
    PROTO_UPDATE,
    PROTO_AWARENESS,
    PROTO_QUERY_AWARENESS,
    PROTO_IGNORED, /* well-formed, of no meaning to a server (auth) */
};

struct proto_message {
    enum proto_kind kind;
    const uint8_t *data; /* state vector, update or awareness payload; borrowed */
    size_t len;
};

/* Takes one message off the front of (*data, *len). 0, or -1 with *reason (static text) if the
 * bytes are no message we know. A frame usually holds one; several are read one after the other. */
int proto_next(const uint8_t **data, size_t *len, struct proto_message *out, const char **reason);

/* Append the payload of one message. */
void proto_step1(struct buf *out, const void *sv, size_t len);
void proto_step2(struct buf *out, const void *update, size_t len);
void proto_update(struct buf *out, const void *update, size_t len);
void proto_awareness(struct buf *out, const void *payload, size_t len);
void proto_saved(struct buf *out, uint64_t n);
void proto_store_state(struct buf *out, bool failing);

/* lib0 varUint, into a struct buf. */
void proto_varuint(struct buf *out, uint64_t n);

#endif
