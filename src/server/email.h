/*
 * Email addresses of people who may enter a bytecrowd, and the list of them that the store keeps (STORE_AUTHORIZE):
 * a JSON array of strings, as the original wrote it.
 *
 *     struct emails e = {0};
 *     if (emails_add(&e, s, len) == EMAILS_OK && emails_write(&json, &e)) ...          STORE_AUTHORIZE
 *     if (op->has_emails) { emails_read(&e, op->emails.data, op->emails.len); ... emails_has(&e, who, len) ... }
 *     emails_release(&e);
 *
 * Addresses are the same if they differ only in the case of ASCII letters: nobody has two mailboxes that do, and many write
 * theirs now so, now so. (The original compared bytes.) What cannot be read admits nobody: where something is set, a
 * bytecrowd is never open to all, whatever it is.
 */
#ifndef SERVER_EMAIL_H
#define SERVER_EMAIL_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define EMAIL_MAX 254                      /* bytes of an address: RFC 3696, erratum 1690 */
#define EMAILS_MAX 1000                    /* addresses of one bytecrowd, and ... */
#define EMAILS_JSON_MAX (64 * 1024)        /* ... bytes of their array, that are written */
#define EMAILS_READ_MAX (4u * 1024 * 1024) /* bytes of one that somebody else wrote */

/* Whether it is an address that may be set: 3 to 254 bytes, one @ between two parts that are not empty; in front of it
 * UTF-8 without spaces, controls, or what ends an address in a list of them ("(),:;<>[\]); behind it labels of
 * ASCII letters, digits and '-', joined by dots; one label will do, in a network of one's own. */
bool email_ok(const char *s, size_t len);

/* All zero is an empty one. */
struct emails {
    struct buf *all; /* in their order; NUL behind each */
    size_t count;
};

enum emails_verdict { EMAILS_OK, EMAILS_BAD, EMAILS_MANY };

/* Adds a copy, or nothing if it is there already. BAD: not email_ok(); MANY: there are EMAILS_MAX. */
enum emails_verdict emails_add(struct emails *e, const char *s, size_t len);
/* Whether an address is in it; the empty one never is. */
bool emails_has(const struct emails *e, const void *s, size_t len);
/* Replaces `json`. False, and `json` is empty, if it would be longer than EMAILS_JSON_MAX. */
bool emails_write(struct buf *json, const struct emails *e);
/* Replaces *e by what a store has, also where that has more, or other addresses, than could be set; what is not a
 * string in it is passed over. False, and *e is empty, if it is no array: nobody may enter. */
bool emails_read(struct emails *e, const void *json, size_t len);
void emails_copy(struct emails *out, const struct emails *e); /* replaces *out */
void emails_release(struct emails *e);

#endif
