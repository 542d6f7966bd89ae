/* Any bytes as keys, as a token, as the claims or as the header of a token that is signed well. Nobody who has not the key
 * makes a token; of those who have it, whatever is taken says who it is of and for, and is taken again when written anew. */
#include "auth/jwt.h"
#include "base/base64.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define CLAIMS                                                                                     \
    "{\"iss\":\"https://i\",\"aud\":\"c\",\"sub\":\"s\",\"exp\":1700000300,\"iat\":1700000000,"    \
    "\"nonce\":\"n\"}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static EVP_PKEY *key;
static struct jwt_keys *keys; /* ours, and two of which nobody here has the private part */

static void make_keys(void)
{
    static const uint8_t secret[32] = "a key for those who fuzz, only!";
    uint8_t public[32];
    size_t n = sizeof(public);
    struct buf b = {0};
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof(secret));
    must(key && EVP_PKEY_get_raw_public_key(key, public, &n));
    buf_puts(&b, "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":\"");
    base64url_encode(&b, public, n);
    buf_puts(&b, "\"},{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\","
                 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
                 "{\"kty\":\"RSA\",\"kid\":\"k\",\"e\":\"AQAB\",\"n\":\"");
    for (int i = 0; i < 342; i++)
        buf_putc(&b, i < 341 ? '9' : 'Q');
    buf_puts(&b, "\"}]}");
    keys = jwt_keys_read(b.data, b.len);
    must(keys != NULL);
    buf_release(&b);
}

static void make(struct buf *out, const void *header, size_t header_len, const void *claims,
                 size_t claims_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sig[64];
    size_t n = sizeof(sig);
    base64url_encode(out, header, header_len);
    buf_putc(out, '.');
    base64url_encode(out, claims, claims_len);
    must(EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) &&
         EVP_DigestSign(ctx, sig, &n, out->data, out->len));
    buf_putc(out, '.');
    base64url_encode(out, sig, n);
    EVP_MD_CTX_free(ctx);
}

static int verify(json_t **claims, const struct jwt_keys *with, const void *token, size_t len)
{
    static const struct jwt_expect expect = {"https://i", "c", "n", 1700000000000, 0};
    *claims = NULL;
    int r = jwt_verify(claims, with, token, len, &expect);
    must(r <= JWT_OK && r >= JWT_ALGORITHM && (r == JWT_OK) == (*claims != NULL));
    return r;
}

static bool is(const json_t *object, const char *name, const char *want)
{
    const char *s = json_string_value(json_object_get(object, name));
    return s && (!want || !strcmp(s, want));
}

static void keys_of(const uint8_t *data, size_t size)
{
    struct buf t = {0};
    json_t *claims;
    struct jwt_keys *k = jwt_keys_read(data, size);
    if (!k)
        return;
    make(&t, "{\"alg\":\"EdDSA\"}", 15, CLAIMS, strlen(CLAIMS));
    verify(&claims, k, t.data, t.len);
    json_decref(claims);
    buf_release(&t);
    jwt_keys_free(k);
}

static void claims_of(const uint8_t *data, size_t size)
{
    struct buf t = {0};
    json_t *claims, *again;
    make(&t, "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", 25, data, size);
    if (verify(&claims, keys, t.data, t.len) == JWT_OK) {
        const json_t *aud = json_object_get(claims, "aud");
        must(is(claims, "iss", "https://i") && is(claims, "nonce", "n") && is(claims, "sub", NULL));
        must(is(claims, "aud", "c") || json_array_size(aud));
        must(json_array_size(aud) < 2 || is(claims, "azp", "c"));
        must(json_number_value(json_object_get(claims, "exp")) > 1699999939);
        char *text = json_dumps(claims, JSON_COMPACT);
        buf_clear(&t);
        make(&t, "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", 25, text, strlen(text));
        must(verify(&again, keys, t.data, t.len) == JWT_OK && json_equal(claims, again));
        json_decref(again);
        free(text);
    }
    json_decref(claims);
    buf_release(&t);
}

static void header_of(const uint8_t *data, size_t size)
{
    struct buf t = {0};
    json_t *claims, *header = json_loadb((const char *)data, size, 0, NULL);
    make(&t, data, size, CLAIMS, strlen(CLAIMS));
    if (verify(&claims, keys, t.data, t.len) == JWT_OK) {
        must(is(header, "alg", "EdDSA") && !json_object_get(header, "crit"));
        must(!json_object_get(header, "kid") || is(header, "kid", "k"));
    }
    json_decref(claims);
    json_decref(header);
    buf_release(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *claims;
    if (!keys)
        make_keys();
    if (!size)
        return 0;
    switch (data[0] % 4) {
    case 0:
        keys_of(data + 1, size - 1);
        break;
    case 1:
        must(verify(&claims, keys, data + 1, size - 1) != JWT_OK);
        break;
    case 2:
        claims_of(data + 1, size - 1);
        break;
    default:
        header_of(data + 1, size - 1);
    }
    return 0;
}
