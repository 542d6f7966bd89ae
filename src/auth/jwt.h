/*
 * ID tokens of OpenID Connect: signed JSON (JWS compact, RFC 7515) and the keys that check them (JWKS, RFC 7517).
 * Pure functions of bytes; the caller says what time it is.
 *
 * Algorithms: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA (Ed25519). Never "none", never HMAC: a
 * key that can be known to others checks nothing. The key decides what algorithms it may be used with, not the token.
 */
#ifndef AUTH_JWT_H
#define AUTH_JWT_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

struct jwt_keys;

/* What a provider publishes at its jwks_uri. Keys of kinds that are not known here, malformed, too weak (RSA of less than
 * 2048 bits) or for another use are passed over. NULL if it is no JWKS at all. */
struct jwt_keys *jwt_keys_read(const void *json, size_t len);
void jwt_keys_free(struct jwt_keys *k);

enum jwt_result {
    JWT_OK = 0,
    JWT_MALFORMED = -1,
    JWT_UNKNOWN_KEY =
        -2, /* none of that kid, or of that kind; without a kid: none that made it. Fetch them again, they
                             rotate */
    JWT_BAD_SIGNATURE = -3,
    JWT_WRONG = -4,     /* issuer, audience, azp, nonce */
    JWT_EXPIRED = -5,   /* or not valid yet, or issued in the future */
    JWT_ALGORITHM = -6, /* none of ours: new keys do not help */
};
const char *jwt_strerror(int result);

struct jwt_expect {
    const char *issuer, *client_id;
    const char *nonce; /* NULL: none was sent, so the token may have none */
    uint64_t now_ms;
    uint32_t leeway_s; /* clocks differ; default 60 */
};

/* OpenID Connect Core 3.1.3.7. On JWT_OK *claims is the caller's (json_decref()), and has a `sub`; else it is not
 * touched. */
int jwt_verify(json_t **claims, const struct jwt_keys *keys, const void *token, size_t len,
               const struct jwt_expect *expect);

#endif
