/*
 * Tokens made here with OpenSSL, in every way that is wrong too, and those of the RFCs.
 */
#include "auth/jwt.h"

#include "base/base64.h"
#include "tests/test.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#define NOW 1700000000
#define CLAIMS                                                                                     \
    "{\"iss\":\"https://id.example\",\"aud\":\"client\",\"sub\":\"u1\",\"exp\":1700000300,"        \
    "\"iat\":1700000000,\"nonce\":\"n1\"}"

/* --- keys ------------------------------------------------------------------------------------- */

static EVP_PKEY *rsa(void)
{
    static EVP_PKEY *k;
    return k ? k : (k = EVP_RSA_gen(2048));
}

static EVP_PKEY *p256(void)
{
    static EVP_PKEY *k;
    return k ? k : (k = EVP_EC_gen("P-256"));
}

static EVP_PKEY *p384(void)
{
    static EVP_PKEY *k;
    return k ? k : (k = EVP_EC_gen("P-384"));
}

static EVP_PKEY *ed25519(void)
{
    static EVP_PKEY *k;
    return k ? k : (k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

/* The key for an algorithm. */
static EVP_PKEY *key_for(const char *alg)
{
    if (!strcmp(alg, "ES256"))
        return p256();
    if (!strcmp(alg, "ES384"))
        return p384();
    return strcmp(alg, "EdDSA") ? rsa() : ed25519();
}

static void put_number(struct buf *out, const char *member, EVP_PKEY *k, const char *param,
                       size_t size)
{
    BIGNUM *bn = NULL;
    uint8_t bytes[1024];
    CHECK(EVP_PKEY_get_bn_param(k, param, &bn));
    int n = size ? BN_bn2binpad(bn, bytes, (int)size) : BN_bn2bin(bn, bytes);
    CHECK(n > 0);
    buf_printf(out, ",\"%s\":\"", member);
    base64url_encode(out, bytes, (size_t)n);
    buf_putc(out, '"');
    BN_free(bn);
}

/* Appends it as a JWK; `more` are further members. */
static void put_jwk(struct buf *out, EVP_PKEY *k, const char *more)
{
    size_t size = EVP_PKEY_get_bits(k) / 8, n = 32;
    uint8_t raw[32];
    if (EVP_PKEY_is_a(k, "RSA")) {
        buf_puts(out, "{\"kty\":\"RSA\"");
        put_number(out, "n", k, OSSL_PKEY_PARAM_RSA_N, 0);
        put_number(out, "e", k, OSSL_PKEY_PARAM_RSA_E, 0);
    } else if (EVP_PKEY_is_a(k, "EC")) {
        buf_printf(out, "{\"kty\":\"EC\",\"crv\":\"P-%zu\"", size * 8);
        put_number(out, "x", k, OSSL_PKEY_PARAM_EC_PUB_X, size);
        put_number(out, "y", k, OSSL_PKEY_PARAM_EC_PUB_Y, size);
    } else {
        CHECK(EVP_PKEY_get_raw_public_key(k, raw, &n));
        buf_puts(out, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
        base64url_encode(out, raw, n);
        buf_putc(out, '"');
    }
    buf_puts(out, more);
    buf_putc(out, '}');
}

static struct jwt_keys *keys_of(EVP_PKEY *k, const char *more)
{
    struct buf b = {0};
    buf_puts(&b, "{\"keys\":[");
    put_jwk(&b, k, more);
    buf_puts(&b, "]}");
    struct jwt_keys *keys = jwt_keys_read(b.data, b.len);
    CHECK(keys);
    buf_release(&b);
    return keys;
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void der_to_raw(struct buf *sig, size_t size)
{
    const uint8_t *p = sig->data;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)sig->len);
    CHECK(s);
    buf_clear(sig);
    buf_reserve(sig, 2 * size);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_r(s), sig->data, (int)size) > 0);
    CHECK(BN_bn2binpad(ECDSA_SIG_get0_s(s), sig->data + size, (int)size) > 0);
    sig->len = 2 * size;
    ECDSA_SIG_free(s);
}

static int salt_len = RSA_PSS_SALTLEN_DIGEST;

static void sign(struct buf *sig, const char *alg, EVP_PKEY *k, const struct buf *text)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx;
    char hash[16];
    size_t n = 1024;
    snprintf(hash, sizeof(hash), "SHA%s", alg + 2);
    const char *md = strcmp(alg, "EdDSA") ? hash : NULL;
    CHECK(EVP_DigestSignInit_ex(ctx, &pctx, md, NULL, NULL, k, NULL));
    if (alg[0] == 'P') {
        CHECK(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) > 0);
        CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt_len) > 0);
    }
    buf_clear(sig);
    CHECK(EVP_DigestSign(ctx, buf_reserve(sig, n), &n, text->data, text->len));
    sig->len = n;
    EVP_MD_CTX_free(ctx);
    if (alg[0] == 'E' && md)
        der_to_raw(sig, (size_t)EVP_PKEY_get_bits(k) / 8);
}

/* Replaces `out` with a token signed by `alg`, whatever `header` says. */
static void make(struct buf *out, const char *header, const char *claims, const char *alg,
                 EVP_PKEY *k)
{
    struct buf sig = {0};
    buf_clear(out);
    base64url_encode(out, header, strlen(header));
    buf_putc(out, '.');
    base64url_encode(out, claims, strlen(claims));
    sign(&sig, alg, k, out);
    buf_putc(out, '.');
    base64url_encode(out, sig.data, sig.len);
    buf_release(&sig);
}

static void make_for(struct buf *out, const char *alg)
{
    char header[100];
    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k1\",\"typ\":\"JWT\"}", alg);
    make(out, header, CLAIMS, alg, key_for(alg));
}

static const struct jwt_expect expected = {
    .issuer = "https://id.example", .client_id = "client", .nonce = "n1", .now_ms = NOW * 1000ull};

static int verify_for(const struct jwt_keys *keys, const void *token, size_t len,
                      const struct jwt_expect *e)
{
    json_t *claims = NULL;
    int r = jwt_verify(&claims, keys, token, len, e);
    CHECK((r == JWT_OK) == (claims != NULL));
    if (claims)
        CHECK_STR(json_string_value(json_object_get(claims, "sub")), "u1");
    json_decref(claims);
    return r;
}

/* In exactly so many bytes, so that ASan sees one too many. */
static int verify(const struct jwt_keys *keys, const void *token, size_t len)
{
    void *p = malloc(len + !len);
    if (len)
        memcpy(p, token, len);
    int r = verify_for(keys, p, len, &expected);
    free(p);
    return r;
}

#define K1 ",\"kid\":\"k1\""

static const char *const algs[] = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                   "PS512", "ES256", "ES384", "EdDSA"};
#define ALGS (sizeof(algs) / sizeof(algs[0]))

/* --- signatures ------------------------------------------------------------------------------- */

TEST(jwt_every_algorithm)
{
    struct buf t = {0};
    char more[100];
    for (size_t i = 0; i < ALGS; i++) {
        make_for(&t, algs[i]);
        snprintf(more, sizeof(more), K1 ",\"use\":\"sig\",\"alg\":\"%s\"", algs[i]);
        struct jwt_keys *keys = keys_of(key_for(algs[i]), more);
        CHECK_EQ(verify(keys, t.data, t.len), JWT_OK);
        jwt_keys_free(keys);
    }
    buf_release(&t);
}

/* A key that says which is for no other, though it could. */
TEST(jwt_key_decides_the_algorithm)
{
    struct buf t = {0};
    char more[100];
    for (size_t i = 0; i < ALGS; i++)
        for (size_t j = 0; j < ALGS; j++) {
            make_for(&t, algs[j]);
            snprintf(more, sizeof(more), K1 ",\"alg\":\"%s\"", algs[i]);
            struct jwt_keys *keys = keys_of(key_for(algs[i]), more);
            CHECK_EQ(verify(keys, t.data, t.len), i == j ? JWT_OK : JWT_UNKNOWN_KEY);
            jwt_keys_free(keys);
        }
    buf_release(&t);
}

/* The header says one, the signature is of another. */
TEST(jwt_algorithm_is_what_the_header_says)
{
    struct buf t = {0};
    char header[100];
    struct jwt_keys *keys = keys_of(rsa(), K1);
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 6; j++) {
            snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k1\"}", algs[i]);
            make(&t, header, CLAIMS, algs[j], rsa());
            CHECK_EQ(verify(keys, t.data, t.len), i == j ? JWT_OK : JWT_BAD_SIGNATURE);
        }
    jwt_keys_free(keys);
    buf_release(&t);
}

TEST(jwt_every_byte_of_the_signature_counts)
{
    struct buf t = {0}, sig = {0};
    for (size_t i = 0; i < ALGS; i++) {
        make_for(&t, algs[i]);
        struct jwt_keys *keys = keys_of(key_for(algs[i]), K1);
        size_t head = (size_t)(strrchr(buf_str(&t), '.') + 1 - (char *)t.data);
        buf_clear(&sig);
        CHECK(base64url_decode(&sig, (char *)t.data + head, t.len - head));
        for (size_t j = 0; j < sig.len; j++) {
            uint8_t flip = (uint8_t)(1 + test_below(255));
            sig.data[j] ^= flip;
            t.len = head;
            base64url_encode(&t, sig.data, sig.len);
            CHECK_EQ(verify(keys, t.data, t.len), JWT_BAD_SIGNATURE);
            sig.data[j] ^= flip;
        }
        /* Longer, shorter, empty, all zero. */
        for (size_t n = 0; n < sig.len; n++) {
            t.len = head;
            base64url_encode(&t, sig.data, n);
            CHECK_EQ(verify(keys, t.data, t.len), n ? JWT_BAD_SIGNATURE : JWT_MALFORMED);
        }
        buf_putc(&sig, 0);
        t.len = head;
        base64url_encode(&t, sig.data, sig.len);
        CHECK_EQ(verify(keys, t.data, t.len), JWT_BAD_SIGNATURE);
        memset(sig.data, 0, sig.len--);
        t.len = head;
        base64url_encode(&t, sig.data, sig.len);
        CHECK_EQ(verify(keys, t.data, t.len), JWT_BAD_SIGNATURE);
        jwt_keys_free(keys);
    }
    buf_release(&t);
    buf_release(&sig);
}

TEST(jwt_cut_or_changed_anywhere)
{
    struct buf t = {0};
    make_for(&t, "ES256");
    struct jwt_keys *keys = keys_of(p256(), K1);
    for (size_t i = 0; i < t.len; i++)
        CHECK(verify(keys, t.data, i) != JWT_OK);
    for (size_t i = 0; i < t.len; i++)
        for (int round = 0; round < 8; round++) {
            uint8_t was = t.data[i];
            t.data[i] = (uint8_t)test_rand();
            CHECK((verify(keys, t.data, t.len) == JWT_OK) == (t.data[i] == was));
            t.data[i] = was;
        }
    buf_putc(&t, '\n');
    CHECK_EQ(verify(keys, t.data, t.len), JWT_MALFORMED);
    jwt_keys_free(keys);
    buf_release(&t);
}

/* RFC 7518, 3.5: as long as the hash. */
TEST(jwt_pss_salt_of_another_length)
{
    static const int lens[] = {0, 20, 31, 33};
    struct buf t = {0};
    struct jwt_keys *keys = keys_of(rsa(), K1);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        salt_len = lens[i];
        make_for(&t, "PS256");
        salt_len = RSA_PSS_SALTLEN_DIGEST;
        CHECK_EQ(verify(keys, t.data, t.len), JWT_BAD_SIGNATURE);
    }
    jwt_keys_free(keys);
    buf_release(&t);
}

/* DER, as OpenSSL makes them, is no signature of JWS. */
TEST(jwt_ecdsa_signature_as_der)
{
    struct buf t = {0}, sig = {0};
    make_for(&t, "ES256");
    t.len = (size_t)(strrchr(buf_str(&t), '.') - (char *)t.data);
    size_t n = 200;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, p256(), NULL));
    CHECK(EVP_DigestSign(ctx, buf_reserve(&sig, n), &n, t.data, t.len));
    EVP_MD_CTX_free(ctx);
    buf_putc(&t, '.');
    base64url_encode(&t, sig.data, n);
    struct jwt_keys *keys = keys_of(p256(), K1);
    CHECK_EQ(verify(keys, t.data, t.len), JWT_BAD_SIGNATURE);
    jwt_keys_free(keys);
    buf_release(&t);
    buf_release(&sig);
}

/* --- attacks that have a name ----------------------------------------------------------------- */

static int verify_text(const struct jwt_keys *keys, const char *header, const char *sig, size_t n)
{
    struct buf t = {0};
    base64url_encode(&t, header, strlen(header));
    buf_putc(&t, '.');
    base64url_encode(&t, CLAIMS, strlen(CLAIMS));
    buf_putc(&t, '.');
    base64url_encode(&t, sig, n);
    int r = verify(keys, t.data, t.len);
    buf_release(&t);
    return r;
}

TEST(jwt_none_is_no_algorithm)
{
    static const char *const none[] = {"none", "None", "NONE", "nOnE", "", "rs256", "RS256 "};
    char header[100];
    struct jwt_keys *keys = keys_of(rsa(), "");
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", none[i]);
        CHECK_EQ(verify_text(keys, header, "", 0), JWT_MALFORMED);
        CHECK_EQ(verify_text(keys, header, "x", 1), JWT_ALGORITHM);
    }
    jwt_keys_free(keys);
}

/* The public key is no secret: HMAC with it proves nothing. */
TEST(jwt_hmac_with_the_public_key)
{
    struct buf jwk = {0}, t = {0};
    uint8_t mac[32];
    unsigned n = sizeof(mac);
    const char *header = "{\"alg\":\"HS256\",\"kid\":\"k1\"}";
    put_jwk(&jwk, rsa(), K1);
    base64url_encode(&t, header, strlen(header));
    buf_putc(&t, '.');
    base64url_encode(&t, CLAIMS, strlen(CLAIMS));
    CHECK(HMAC(EVP_sha256(), jwk.data, (int)jwk.len, t.data, t.len, mac, &n));
    buf_putc(&t, '.');
    base64url_encode(&t, mac, n);
    struct jwt_keys *keys = keys_of(rsa(), K1);
    CHECK_EQ(verify(keys, t.data, t.len), JWT_ALGORITHM);
    jwt_keys_free(keys);
    /* Nor is a symmetric key taken, should somebody publish one. */
    static const char oct[] = "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"k1\"}]}";
    keys = jwt_keys_read(oct, strlen(oct));
    CHECK(keys);
    CHECK_EQ(verify(keys, t.data, t.len), JWT_ALGORITHM);
    jwt_keys_free(keys);
    buf_release(&jwk);
    buf_release(&t);
}

/* Signed well, by a key that the token brings along. */
TEST(jwt_key_in_the_token)
{
    EVP_PKEY *mine = EVP_EC_gen("P-256");
    struct buf header = {0}, t = {0};
    buf_puts(&header,
             "{\"alg\":\"ES256\",\"kid\":\"k1\",\"jku\":\"https://evil.example\",\"jwk\":");
    put_jwk(&header, mine, "");
    buf_puts(&header, "}");
    make(&t, buf_str(&header), CLAIMS, "ES256", mine);
    struct jwt_keys *keys = keys_of(p256(), K1);
    CHECK_EQ(verify(keys, t.data, t.len), JWT_BAD_SIGNATURE);
    jwt_keys_free(keys);
    buf_release(&header);
    buf_release(&t);
    EVP_PKEY_free(mine);
}

TEST(jwt_headers)
{
    static const struct {
        const char *header;
        int want;
    } list[] = {
        {"{\"alg\":\"ES256\"}", JWT_OK},
        {"{\"alg\":\"ES256\",\"typ\":\"jwt\",\"x\":{\"y\":[]}}", JWT_OK},
        {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"typ\":1}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"crit\":[]}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"crit\":null}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"alg\":\"ES256\"}", JWT_MALFORMED},
        {"{\"alg\":[\"ES256\"]}", JWT_MALFORMED},
        {"{\"typ\":\"JWT\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":1}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":null}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"k\\u0000\"}", JWT_MALFORMED},
        {"{\"alg\":\"ES256\",\"kid\":\"k2\"}", JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES256\",\"kid\":\"\"}", JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES384\",\"kid\":\"k1\"}", JWT_UNKNOWN_KEY},
        {"{\"alg\":\"ES512\"}", JWT_ALGORITHM},
        {"{\"alg\":\"ES256K\"}", JWT_ALGORITHM},
        {"[\"ES256\"]", JWT_MALFORMED},
        {"\"ES256\"", JWT_MALFORMED},
        {"{\"alg\":\"ES256\"}x", JWT_MALFORMED},
        {" ", JWT_MALFORMED},
    };
    struct buf t = {0};
    struct jwt_keys *keys = keys_of(p256(), K1);
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        make(&t, list[i].header, CLAIMS, "ES256", p256());
        int r = verify(keys, t.data, t.len);
        if (r != list[i].want)
            test_fail(__FILE__, __LINE__, "%s: %d", list[i].header, r);
    }
    jwt_keys_free(keys);
    buf_release(&t);
}

TEST(jwt_what_is_no_token)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "...",
                                      "a.b",
                                      "a.b.c.d",
                                      "a.b.",
                                      ".b.c",
                                      "a..c",
                                      "e30.e30",
                                      "e30",
                                      "e30.e30.",
                                      "e30=.e30.e30",
                                      "e30.e30.e30",
                                      "e3 0.e30.e30",
                                      "\xff.\xff.\xff"};
    static char huge[40000];
    struct jwt_keys *keys = keys_of(p256(), "");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(verify(keys, bad[i], strlen(bad[i])), JWT_MALFORMED);
    memset(huge, 'e', sizeof(huge));
    huge[1000] = huge[39000] = '.';
    CHECK_EQ(verify(keys, huge, sizeof(huge)), JWT_MALFORMED);
    jwt_keys_free(keys);
}

/* --- claims ----------------------------------------------------------------------------------- */

#define ISS "\"iss\":\"https://id.example\""
#define AUD "\"aud\":\"client\""
#define SUB "\"sub\":\"u1\""
#define TIME "\"exp\":1700000300,\"iat\":1700000000"
#define NONCE "\"nonce\":\"n1\""

static const struct {
    const char *claims;
    int want;
} claims_list[] = {
    {"{" ISS "," AUD "," SUB "," TIME "," NONCE "}", JWT_OK},
    {"{" ISS "," AUD "," SUB "," TIME "," NONCE ",\"azp\":\"client\",\"x\":[{}]}", JWT_OK},
    {"{" ISS ",\"aud\":[\"client\"]," SUB "," TIME "," NONCE "}", JWT_OK},
    {"{" ISS ",\"aud\":[\"x\",\"client\"],\"azp\":\"client\"," SUB "," TIME "," NONCE "}", JWT_OK},
    /* who made it */
    {"{" AUD "," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{\"iss\":\"https://id.example/\"," AUD "," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{\"iss\":\"HTTPS://id.example\"," AUD "," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{\"iss\":[\"https://id.example\"]," AUD "," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{\"iss\":null," AUD "," SUB "," TIME "," NONCE "}", JWT_WRONG},
    /* for whom */
    {"{" ISS "," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS ",\"aud\":\"clients\"," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS ",\"aud\":\"\"," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS ",\"aud\":[]," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS ",\"aud\":[\"x\"]," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS ",\"aud\":[\"client\",1],\"azp\":\"client\"," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS ",\"aud\":{\"client\":1}," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS ",\"aud\":[\"x\",\"client\"]," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS ",\"aud\":[\"x\",\"client\"],\"azp\":\"x\"," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS "," AUD ",\"azp\":\"x\"," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS "," AUD ",\"azp\":null," SUB "," TIME "," NONCE "}", JWT_WRONG},
    {"{" ISS "," AUD "," AUD "," SUB "," TIME "," NONCE "}", JWT_MALFORMED},
    /* which sign-in */
    {"{" ISS "," AUD "," SUB "," TIME "}", JWT_WRONG},
    {"{" ISS "," AUD "," SUB "," TIME ",\"nonce\":\"n2\"}", JWT_WRONG},
    {"{" ISS "," AUD "," SUB "," TIME ",\"nonce\":null}", JWT_WRONG},
    {"{" ISS "," AUD "," SUB "," TIME ",\"nonce\":[\"n1\"]}", JWT_WRONG},
    /* when: leeway is 60 s */
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":1699999941,\"iat\":1700000060}", JWT_OK},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":1699999940,\"iat\":1700000000}", JWT_EXPIRED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":1700000300,\"iat\":1700000061}", JWT_EXPIRED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":1.7000003e9,\"iat\":1700000000.5}", JWT_OK},
    {"{" ISS "," AUD "," SUB "," NONCE "," TIME ",\"nbf\":1700000060}", JWT_OK},
    {"{" ISS "," AUD "," SUB "," NONCE "," TIME ",\"nbf\":1700000061}", JWT_EXPIRED},
    {"{" ISS "," AUD "," SUB "," NONCE "," TIME ",\"nbf\":\"0\"}", JWT_MALFORMED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":1700000300}", JWT_MALFORMED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"iat\":1700000000}", JWT_MALFORMED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":\"1700000300\",\"iat\":1}", JWT_MALFORMED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":-1,\"iat\":1}", JWT_MALFORMED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":1e300,\"iat\":1}", JWT_MALFORMED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":true,\"iat\":1}", JWT_MALFORMED},
    {"{" ISS "," AUD "," SUB "," NONCE ",\"exp\":1e400,\"iat\":1}", JWT_MALFORMED},
    /* who */
    {"{" ISS "," AUD "," TIME "," NONCE "}", JWT_MALFORMED},
    {"{" ISS "," AUD "," TIME "," NONCE ",\"sub\":\"\"}", JWT_MALFORMED},
    {"{" ISS "," AUD "," TIME "," NONCE ",\"sub\":1}", JWT_MALFORMED},
    {"{" ISS "," AUD "," TIME "," NONCE ",\"sub\":\"u1\",\"sub\":\"u2\"}", JWT_MALFORMED},
    {"[]", JWT_MALFORMED},
    {"u1", JWT_MALFORMED},
};

TEST(jwt_claims)
{
    struct buf t = {0};
    struct jwt_keys *keys = keys_of(ed25519(), K1);
    for (size_t i = 0; i < sizeof(claims_list) / sizeof(claims_list[0]); i++) {
        make(&t, "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", claims_list[i].claims, "EdDSA", ed25519());
        int r = verify(keys, t.data, t.len);
        if (r != claims_list[i].want)
            test_fail(__FILE__, __LINE__, "%s: %d", claims_list[i].claims, r);
    }
    jwt_keys_free(keys);
    buf_release(&t);
}

TEST(jwt_expectations)
{
    struct buf t = {0};
    struct jwt_keys *keys = keys_of(ed25519(), K1);
    make_for(&t, "EdDSA");
    struct jwt_expect e = expected;
    e.nonce = NULL; /* none was sent, whose is this? */
    CHECK_EQ(verify_for(keys, t.data, t.len, &e), JWT_WRONG);
    e = expected, e.client_id = "other";
    CHECK_EQ(verify_for(keys, t.data, t.len, &e), JWT_WRONG);
    e = expected, e.now_ms = 1700000359999;
    CHECK_EQ(verify_for(keys, t.data, t.len, &e), JWT_OK);
    e.now_ms++;
    CHECK_EQ(verify_for(keys, t.data, t.len, &e), JWT_EXPIRED);
    e.leeway_s = 61;
    CHECK_EQ(verify_for(keys, t.data, t.len, &e), JWT_OK);
    e.now_ms = 0;
    CHECK_EQ(verify_for(keys, t.data, t.len, &e), JWT_EXPIRED); /* issued in the future */
    make(&t, "{\"alg\":\"EdDSA\"}", "{" ISS "," AUD "," SUB "," TIME "}", "EdDSA", ed25519());
    e = expected, e.nonce = NULL;
    CHECK_EQ(verify_for(keys, t.data, t.len, &e), JWT_OK);
    jwt_keys_free(keys);
    buf_release(&t);
}

/* --- keys ------------------------------------------------------------------------------------- */

TEST(jwt_several_keys)
{
    EVP_PKEY *other = EVP_EC_gen("P-256");
    struct buf set = {0}, t = {0};
    buf_puts(&set, "{\"x\":1,\"keys\":[{\"kty\":\"new\"},7,null,{},");
    put_jwk(&set, rsa(), K1);
    buf_puts(&set, ",");
    put_jwk(&set, other, K1);
    buf_puts(&set, ",");
    put_jwk(&set, p256(), K1); /* twice the same kid: either may be meant */
    buf_puts(&set, ",");
    put_jwk(&set, ed25519(), ",\"kid\":\"k2\"");
    buf_puts(&set, "]}");
    struct jwt_keys *keys = jwt_keys_read(set.data, set.len);
    make_for(&t, "ES256");
    CHECK_EQ(verify(keys, t.data, t.len), JWT_OK);
    make_for(&t, "PS256");
    CHECK_EQ(verify(keys, t.data, t.len), JWT_OK);
    make_for(&t, "EdDSA");
    CHECK_EQ(verify(keys, t.data, t.len), JWT_UNKNOWN_KEY);
    make(&t, "{\"alg\":\"EdDSA\"}", CLAIMS, "EdDSA", ed25519());
    CHECK_EQ(verify(keys, t.data, t.len), JWT_OK);
    jwt_keys_free(keys);
    /* Without a kid nobody knows whether the key is a new one. */
    keys = keys_of(other, "");
    make(&t, "{\"alg\":\"ES256\"}", CLAIMS, "ES256", p256());
    CHECK_EQ(verify(keys, t.data, t.len), JWT_UNKNOWN_KEY);
    jwt_keys_free(keys);
    EVP_PKEY_free(other);
    buf_release(&set);
    buf_release(&t);
}

TEST(jwt_keys_that_are_not_for_this)
{
    static const struct {
        const char *more;
        int want;
    } list[] = {
        {"", JWT_OK},
        {",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"x5t\":\"x\"", JWT_OK},
        {",\"use\":null", JWT_OK},
        {",\"use\":\"enc\"", JWT_UNKNOWN_KEY},
        {",\"use\":[\"sig\"]", JWT_UNKNOWN_KEY},
        {",\"key_ops\":[\"sign\"]", JWT_UNKNOWN_KEY},
        {",\"key_ops\":[]", JWT_UNKNOWN_KEY},
        {",\"key_ops\":\"verify\"", JWT_UNKNOWN_KEY},
        {",\"alg\":\"ES384\"", JWT_UNKNOWN_KEY},
        {",\"alg\":\"ECDH-ES\"", JWT_UNKNOWN_KEY},
        {",\"alg\":1", JWT_UNKNOWN_KEY},
        {",\"kid\":1", JWT_UNKNOWN_KEY},
        {",\"d\":\"AAAA\"", JWT_UNKNOWN_KEY}, /* everybody has the private part */
    };
    struct buf t = {0};
    make(&t, "{\"alg\":\"ES256\"}", CLAIMS, "ES256", p256());
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        struct jwt_keys *keys = keys_of(p256(), list[i].more);
        int r = verify(keys, t.data, t.len);
        if (r != list[i].want)
            test_fail(__FILE__, __LINE__, "%s: %d", list[i].more, r);
        jwt_keys_free(keys);
    }
    buf_release(&t);
}

TEST(jwt_weak_keys)
{
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    struct buf t = {0}, jwk = {0};
    make(&t, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", CLAIMS, "RS256", weak);
    struct jwt_keys *keys = keys_of(weak, K1);
    CHECK_EQ(verify(keys, t.data, t.len), JWT_UNKNOWN_KEY);
    jwt_keys_free(keys);
    EVP_PKEY_free(weak);
    /* An exponent of one: the signature is the padded hash itself. Even, and none. */
    static const char *const exponents[] = {"AQ", "Ag", "", "AA", "____________"};
    make_for(&t, "RS256");
    for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
        buf_clear(&jwk);
        buf_puts(&jwk, "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"k1\"");
        put_number(&jwk, "n", rsa(), OSSL_PKEY_PARAM_RSA_N, 0);
        buf_printf(&jwk, ",\"e\":\"%s\"}]}", exponents[i]);
        keys = jwt_keys_read(jwk.data, jwk.len);
        CHECK_EQ(verify(keys, t.data, t.len), JWT_UNKNOWN_KEY);
        jwt_keys_free(keys);
    }
    buf_release(&t);
    buf_release(&jwk);
}

/* Coordinates of the wrong length, off the curve, or of another curve. */
TEST(jwt_points_that_are_none)
{
    static const char *const bad[] = {
        "\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"",
        "\"crv\":\"P-256\",\"x\":\"g83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"",
        "\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"",
        "\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
        "\"crv\":\"P-384\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"",
        "\"crv\":\"secp256k1\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"",
        "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"",
    };
    struct buf t = {0}, set = {0};
    make(&t, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", CLAIMS, "ES256", p256());
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_clear(&set);
        buf_printf(&set, "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"k1\",%s}]}", bad[i]);
        struct jwt_keys *keys = jwt_keys_read(set.data, set.len);
        CHECK_EQ(verify(keys, t.data, t.len), JWT_UNKNOWN_KEY);
        jwt_keys_free(keys);
    }
    buf_release(&t);
    buf_release(&set);
}

/* One behind the other they are the right bytes; the token is RFC 7515's, A.3. */
TEST(jwt_coordinates_of_the_wrong_length)
{
    static const char token[] =
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
        "LmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISl"
        "SApmWQxfKTUJqPP3-Kg6NU1Q";
    struct jwt_expect joe = {.issuer = "joe", .client_id = "c", .now_ms = 1300819000000};
    struct buf raw = {0}, set = {0};
    CHECK(base64url_decode(&raw, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", 43));
    CHECK(base64url_decode(&raw, "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", 43));
    for (size_t x = 31; x <= 33; x++) {
        buf_clear(&set);
        buf_puts(&set, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"");
        base64url_encode(&set, raw.data, x);
        buf_puts(&set, "\",\"y\":\"");
        base64url_encode(&set, raw.data + x, 64 - x);
        buf_puts(&set, "\"}]}");
        struct jwt_keys *keys = jwt_keys_read(set.data, set.len);
        CHECK_EQ(verify_for(keys, token, strlen(token), &joe),
                 x == 32 ? JWT_WRONG : JWT_UNKNOWN_KEY);
        jwt_keys_free(keys);
    }
    buf_release(&raw);
    buf_release(&set);
}

TEST(jwt_what_is_no_jwks)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "null",
                                      "{\"keys\":{}}",
                                      "{\"keys\":[]",
                                      "{\"keys\":[],\"keys\":[]}",
                                      "{\"keys\":[]}x"};
    struct buf many = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!jwt_keys_read(bad[i], strlen(bad[i])));
    struct jwt_keys *none = jwt_keys_read("{\"keys\":[]}", 11);
    CHECK(none);
    jwt_keys_free(none);
    buf_puts(&many, "{\"keys\":[{}");
    for (int i = 0; i < 100; i++)
        buf_puts(&many, ",{}");
    buf_puts(&many, "]}");
    CHECK(!jwt_keys_read(many.data, many.len));
    buf_release(&many);
    jwt_keys_free(NULL);
}

/* --- the RFCs' own ---------------------------------------------------------------------------- */

/* RFC 7515, A.2 and A.3, and RFC 8037, A.4. None is an ID token: what is wrong with it is found only after its
 * signature was right. */
static const struct {
    const char *jwk, *token;
    int want;
} vectors[] = {
    {"{\"kty\":\"RSA\",\"kid\":\"k\",\"e\":\"AQAB\",\"n\":\""
     "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4"
     "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re"
     "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxX"
     "FvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}",
     "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
     "bS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm"
     "4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6"
     "xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
     "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
     JWT_WRONG},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
     "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
     "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
     "bS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxf"
     "KTUJqPP3-Kg6NU1Q",
     JWT_WRONG},
    {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg"
     "3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
     JWT_MALFORMED},
};

TEST(jwt_vectors_of_the_rfcs)
{
    struct jwt_expect joe = {.issuer = "joe", .client_id = "c", .now_ms = 1300819000000};
    struct buf b = {0};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        buf_clear(&b);
        buf_printf(&b, "{\"keys\":[%s]}", vectors[i].jwk);
        struct jwt_keys *keys = jwt_keys_read(b.data, b.len);
        buf_clear(&b);
        buf_puts(&b, vectors[i].token);
        CHECK_EQ(verify_for(keys, b.data, b.len, &joe), vectors[i].want);
        b.data[b.len - 20] ^= 1;
        CHECK_EQ(verify_for(keys, b.data, b.len, &joe), JWT_UNKNOWN_KEY);
        jwt_keys_free(keys);
    }
    buf_release(&b);
}

TEST(jwt_reasons)
{
    for (int r = JWT_OK; r >= JWT_ALGORITHM; r--)
        CHECK(strcmp(jwt_strerror(r), "unknown error") != 0);
    CHECK_STR(jwt_strerror(JWT_ALGORITHM - 1), "unknown error");
    CHECK_STR(jwt_strerror(1), "unknown error");
}
