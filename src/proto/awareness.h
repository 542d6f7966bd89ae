/*
 * Awareness: who is here and where their cursor is; the last state of each client of a room, as
 * JSON that the server keeps and passes on but does not interpret, except for who somebody is (mark.h).
 * Source: y-protocols `awareness.js`.
 *
 * payload: varUint n, then n x (varUint client, varUint clock, varString JSON); JSON `null` = gone.
 *
 * A state is taken if its clock is newer than what is known, or equal and `null` for a client that
 * is here. Stock clients send on what they receive, so a state that is not news is common; it costs
 * no JSON check. Who is gone is remembered for a while, so that such an echo cannot bring them
 * back.
 *
 * Not everybody is heard about everybody. What may not be said is passed over, like what is no news: stock
 * clients say it in good faith. Of a client that is here
 *
 *   - which is verified: only its own connection is heard, one with the same email;
 *   - whose own connection is here: only that one, and one that takes over from it, as that client's own,
 *     with the same email, or with none if that one has none;
 *   - which another server has: anybody, but not that it is gone, unless it says so itself.
 *
 * Other servers are heard about everybody: they have asked the same. So who signs in or out and keeps the
 * client id is seen again when the old connection is gone. Whoever is not verified can be taken for
 * somebody else by whoever uses the same client id: there is nothing to tell them apart by.
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
    size_t state_bytes;       /* one state as it is sent; default 16 KiB */
    bool other_servers;       /* keep what awareness_take_local() gives; default: no */
    size_t bytes_per_second;  /* news of one connection, each 32 bytes more than its JSON; default
                                 256 KiB, eight seconds' worth at once */
};

enum awareness_error {
    AWARENESS_OK = 0,
    AWARENESS_MALFORMED = -1,
    AWARENESS_LIMIT = -2,
};

/* Who is known to be at a connection. The state of its own client gets `user.name`, `user.email` and
 * `user.verified: true`, whatever was sent; all others that are not from another server have `user.email`
 * and `user.verified` taken out. So `verified` in a state is the server's word, to stock clients too. */
struct awareness_identity {
    const char *name, *email; /* UTF-8; "" or NULL: not known. Only by an email one is verified */
};

/* A connection, to this module: what it announced, so that it goes when the connection goes. All
 * zero to begin with. The first client that an owner announces, alone in its payload, is itself (if it may be):
 * a stock client begins so. That one stays its own even when somebody else's echo of it came first.
 * A remote owner is nobody itself: who moves from one server to another goes with the news. */
struct awareness_owner {
    bool remote; /* another server: it speaks for many, and passes on only what was checked */
    /* NULL: nobody is known to be there. Borrowed; not to change from the first payload until
     * awareness_drop(). */
    const struct awareness_identity *identity;
    uint64_t self; /* client id + 1; 0: unknown */
    uint32_t count;
    uint64_t spent, spent_ms; /* bytes of news, less what time has forgiven until then */
};

struct awareness *awareness_new(const struct awareness_limits *limits); /* NULL: the defaults */
void awareness_free(struct awareness *a);

/* Takes a payload sent by `owner`. All or nothing. `now_ms` is any steady clock.
 *
 * Somebody may be announced as here who is held to be gone, with a clock that says so: the server
 * was away from the others for a while, or the client comes back after its connection was taken for
 * dead. `truth` (NULL: not wanted) then gets a payload for the sender that says that they are gone. A
 * client that hears this of itself announces itself with a higher clock (y-protocols). */
int awareness_apply(struct awareness *a, struct awareness_owner *owner, const void *payload,
                    size_t len, uint64_t now_ms, struct buf *truth);
/* The connection is gone: so is everybody it announced. Whom a remote owner announced go with the clock
 * they have, so that they are seen again with their next move, should that server only have been away;
 * and other servers need not be told. */
void awareness_drop(struct awareness *a, struct awareness_owner *owner, uint64_t now_ms);
/* After awareness_apply() of a payload with everybody who is at a remote owner: whom else it announced
 * has gone, and that was not heard. They go as with awareness_drop(). */
void awareness_keep(struct awareness *a, struct awareness_owner *owner, const void *payload,
                    size_t len, uint64_t now_ms);
/* Appends the payload of all changes since the last call; returns how many (0: nothing appended).
 */
size_t awareness_take(struct awareness *a, struct buf *out);
/* The same for other servers: only what owners that are not remote changed (`other_servers`). */
size_t awareness_take_local(struct awareness *a, struct buf *out);
/* Whether there are changes for awareness_take(). */
bool awareness_changed(const struct awareness *a);
/* Appends the payload with everybody who is here; returns how many (0: nothing appended). */
size_t awareness_all(const struct awareness *a, struct buf *out);
/* The same for other servers: only who belongs to an owner that is not remote. */
size_t awareness_all_local(const struct awareness *a, struct buf *out);
size_t awareness_count(const struct awareness *a);

#endif
