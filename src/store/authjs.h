/*
 * What Auth.js (NextAuth) keeps of the people who sign in, in the shapes of its adapter for Upstash Redis
 * (@auth/upstash-redis-adapter 2.11), so that a site that was served by it goes on with the same users and
 * sessions, and could go back. Keys and values of STORE_GET and STORE_SET; nothing here does I/O.
 *
 *     user:<id>                             {"name","email","image","emailVerified","id"} and our own "signedOutAt"
 *     user:email:<email>                    <id>
 *     user:account:<provider>:<id there>    {"userId","type","provider","providerAccountId",...,"id"}
 *     user:account:by-user-id:<id>          the key of the account that was linked last
 *     user:session:<token>                  {"sessionToken","userId","expires"}
 *     user:session:by-user-id:<id>          the key of the session that was begun last
 *
 * Dates are what JavaScript's Date writes. The adapter gives no key an end; we should (expires_ms).
 *
 *     struct authjs_session s;
 *     if (authjs_key(&key, AUTHJS_SESSION, cookie, cookie_len))        ... STORE_GET ...
 *         if (op->found && authjs_read_session(&s, op->data.data, op->data.len) && s.expires_ms > now)
 *             ... s.user_id ...
 *
 * What readers do not need they pass over, and what may be missing may be missing; but whatever says
 * who somebody is must be there and make sense, or nothing was read.
 */
#ifndef STORE_AUTHJS_H
#define STORE_AUTHJS_H

#include "base/buf.h"

#include <stdbool.h>

#define AUTHJS_ID_MAX 200    /* bytes of an id, a token, a provider's name */
#define AUTHJS_EMAIL_MAX 320 /* RFC 3696, erratum 1690: nobody has a longer one */

/* --- keys ------------------------------------------------------------------------------------- */

enum authjs_key {
    AUTHJS_USER,       /* of a user's id */
    AUTHJS_EMAIL,      /* of an email address, as it is written: the adapter compares bytes */
    AUTHJS_ACCOUNT_OF, /* of a user's id */
    AUTHJS_SESSION,    /* of a session's token */
    AUTHJS_SESSION_OF, /* of a user's id */
};

/* Each replaces `out`, with a NUL behind it. False if there can be no such key: what comes from a cookie must not
 * reach another kind of key ("by-user-id:..."). */
bool authjs_key(struct buf *out, enum authjs_key kind, const void *of, size_t len);
bool authjs_account_key(struct buf *out, const char *provider, const void *id, size_t id_len);

/* --- values ----------------------------------------------------------------------------------- */

/* Empty: not known. */
struct authjs_user {
    struct buf id, name, email, image;
    uint64_t verified_ms; /* when the email was verified; 0: never, by Auth.js itself */
    uint64_t
        signed_out_ms; /* what was begun before is no session; 0: never. Auth.js keeps it and ignores it */
};

struct authjs_account {
    struct buf user_id, type, provider, provider_id;
};

struct authjs_session {
    struct buf token, user_id;
    uint64_t expires_ms;
};

/* Each fills *out, whatever was in it, for the caller to release; false, and nothing to release, if it is none:
 * a user without an id, an account without userId, provider or providerAccountId, a session without userId or
 * expires, or with one of them that is nothing of its kind. An email that cannot be one is not known. */
bool authjs_read_user(struct authjs_user *out, const void *json, size_t len);
bool authjs_read_account(struct authjs_account *out, const void *json, size_t len);
bool authjs_read_session(struct authjs_session *out, const void *json, size_t len);
/* The value of AUTHJS_EMAIL: replaces `out`. */
bool authjs_read_id(struct buf *out, const void *value, size_t len);
/* The value of AUTHJS_ACCOUNT_OF or SESSION_OF, which is a key of an account or session: replaces `out`. */
bool authjs_read_key(struct buf *out, enum authjs_key kind, const void *value, size_t len);

/* Each replaces `out`. `former` is the value that is there (NULL: none): what it has beside these members, the
 * tokens of a provider for instance, is kept; so is a signedOutAt, where u->signed_out_ms is 0. */
void authjs_write_user(struct buf *out, const struct authjs_user *u, const struct buf *former);
void authjs_write_account(struct buf *out, const struct authjs_account *a,
                          const struct buf *former);
void authjs_write_session(struct buf *out, const struct authjs_session *s,
                          const struct buf *former);

void authjs_user_release(struct authjs_user *u);
void authjs_account_release(struct authjs_account *a);
void authjs_session_release(struct authjs_session *s);

/* --- dates ------------------------------------------------------------------------------------ */

#define AUTHJS_DATE_SIZE 64
/* 1772875800000 -> "2026-03-07T09:30:00.000Z"; what is later than the year 9999 is its last moment. */
void authjs_write_date(char out[AUTHJS_DATE_SIZE], uint64_t ms);
/* As Date writes them in UTC, later than 1970; with or without fractions of a second. */
bool authjs_read_date(uint64_t *ms, const void *text, size_t len);

#endif
