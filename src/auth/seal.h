/*
 * Small secrets in the keeping of a browser: sealed text that only servers with the same key can read or make
 * (AES-256-GCM), and that is over after a while. And the primitives that sign-in needs beside it.
 *
 * The key comes from the configuration (auth_key_of()), so all servers with the same one have the same key and
 * none is stored anywhere.
 */
#ifndef AUTH_SEAL_H
#define AUTH_SEAL_H

#include "base/buf.h"

#include <stdbool.h>

#define AUTH_KEY_SIZE 32
#define AUTH_HASH_HEX 65 /* SHA-256 in lower case hexadecimal, and a NUL */

/* HKDF-SHA-256 (RFC 5869, no salt) of `secret`, which is not empty, for one purpose. */
void auth_key_of(uint8_t out[AUTH_KEY_SIZE], const void *secret, size_t len, const char *purpose);

/* Replaces `out` with base64url: of a random nonce, the sealed bytes and the tag. Until `expires_ms` (since the epoch).
 * Less than 64 KiB. */
void auth_seal(struct buf *out, const uint8_t key[AUTH_KEY_SIZE], const void *data, size_t len,
               uint64_t expires_ms);
/* Replaces `out`. False, and `out` is empty, if it was not sealed with this key, was changed, or is over. */
bool auth_unseal(struct buf *out, const uint8_t key[AUTH_KEY_SIZE], const void *text, size_t len,
                 uint64_t now_ms);

/* Appends `bytes` random bytes as base64url: 32 make 43 characters. */
void auth_random(struct buf *out, size_t bytes);
/* PKCE's S256 and any other: appends base64url(SHA-256(data)). */
void auth_sha256_base64url(struct buf *out, const void *data, size_t len);
void auth_sha256_hex(char out[AUTH_HASH_HEX], const void *data, size_t len);
/* In a time that depends on the lengths only. */
bool auth_equal(const void *a, size_t alen, const void *b, size_t blen);

#endif
