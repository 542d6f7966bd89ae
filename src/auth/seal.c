#include "auth/seal.h"

#include "base/base64.h"
#include "base/random.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is sealed, before base64url:
 *
 *     nonce (12) | AES-256-GCM of: expires_ms (8, big-endian) | data | tag (16)
 */
#define NONCE 12
#define STAMP 8
#define TAG 16
#define TEXT_MAX (64 * 1024) /* no cookie is nearly as long */

/* Out of memory, or an OpenSSL without what every build of it has. */
static void must(int ok)
{
    if (ok > 0)
        return;
    fputs("bytecrowds: OpenSSL: ", stderr);
    ERR_print_errors_fp(stderr);
    abort();
}

/* --- keys ------------------------------------------------------------------------------------- */

void auth_key_of(uint8_t out[AUTH_KEY_SIZE], const void *secret, size_t len, const char *purpose)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)purpose, strlen(purpose)),
        OSSL_PARAM_construct_end(),
    };
    assert(len);
    must(ctx != NULL);
    must(EVP_KDF_derive(ctx, out, AUTH_KEY_SIZE, params));
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

/* --- sealing ---------------------------------------------------------------------------------- */

/* `out` has room for all of it. */
static void encrypt(uint8_t *out, const uint8_t key[AUTH_KEY_SIZE], const uint8_t *stamp,
                    const void *data, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *to = out + NONCE;
    int n = 0;
    assert(len < TEXT_MAX);
    must(ctx != NULL);
    random_bytes(out, NONCE);
    must(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, out));
    must(EVP_EncryptUpdate(ctx, to, &n, stamp, STAMP));
    if (len)
        must(EVP_EncryptUpdate(ctx, to + STAMP, &n, data, (int)len));
    must(EVP_EncryptFinal_ex(ctx, to + STAMP + len, &n));
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, to + STAMP + len));
    EVP_CIPHER_CTX_free(ctx);
}

void auth_seal(struct buf *out, const uint8_t key[AUTH_KEY_SIZE], const void *data, size_t len,
               uint64_t expires_ms)
{
    struct buf sealed = {0};
    uint8_t stamp[STAMP];
    for (int i = 0; i < STAMP; i++)
        stamp[i] = (uint8_t)(expires_ms >> (56 - 8 * i));
    size_t n = NONCE + STAMP + len + TAG;
    encrypt(buf_reserve(&sealed, n), key, stamp, data, len);
    buf_clear(out);
    base64url_encode(out, sealed.data, n);
    buf_release(&sealed);
}

/* What it was before encrypt(), into `out`; `len` is of all parts. */
static bool decrypt(uint8_t *out, const uint8_t key[AUTH_KEY_SIZE], uint8_t *sealed, size_t len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t inner = len - NONCE - TAG;
    int n = 0;
    must(ctx != NULL);
    must(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed));
    must(EVP_DecryptUpdate(ctx, out, &n, sealed + NONCE, (int)inner));
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, sealed + NONCE + inner));
    bool ok = EVP_DecryptFinal_ex(ctx, out + inner, &n) > 0;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

static uint64_t stamp_of(const uint8_t *p)
{
    uint64_t n = 0;
    for (int i = 0; i < STAMP; i++)
        n = n << 8 | p[i];
    return n;
}

bool auth_unseal(struct buf *out, const uint8_t key[AUTH_KEY_SIZE], const void *text, size_t len,
                 uint64_t now_ms)
{
    struct buf sealed = {0}, inner = {0};
    bool ok = len <= TEXT_MAX * 2 && base64url_decode(&sealed, text, len) &&
              sealed.len >= NONCE + STAMP + TAG;
    if (ok) {
        size_t n = sealed.len - NONCE - TAG;
        uint8_t *p = buf_reserve(&inner, n);
        ok = decrypt(p, key, sealed.data, sealed.len) && now_ms < stamp_of(p);
        buf_clear(out);
        if (ok)
            buf_append(out, p + STAMP, n - STAMP);
        OPENSSL_cleanse(p, n);
    }
    if (!ok)
        buf_clear(out);
    buf_release(&sealed);
    buf_release(&inner);
    return ok;
}

/* --- primitives ------------------------------------------------------------------------------- */

void auth_random(struct buf *out, size_t bytes)
{
    struct buf b = {0};
    random_bytes(buf_reserve(&b, bytes), bytes);
    base64url_encode(out, b.data, bytes);
    OPENSSL_cleanse(b.data, bytes);
    buf_release(&b);
}

static void sha256(uint8_t out[32], const void *data, size_t len)
{
    must(EVP_Digest(len ? data : "", len, out, NULL, EVP_sha256(), NULL));
}

void auth_sha256_base64url(struct buf *out, const void *data, size_t len)
{
    uint8_t hash[32];
    sha256(hash, data, len);
    base64url_encode(out, hash, sizeof(hash));
}

void auth_sha256_hex(char out[AUTH_HASH_HEX], const void *data, size_t len)
{
    uint8_t hash[32];
    sha256(hash, data, len);
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

bool auth_equal(const void *a, size_t alen, const void *b, size_t blen)
{
    return alen == blen && (!alen || CRYPTO_memcmp(a, b, alen) == 0);
}
