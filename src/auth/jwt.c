#include "auth/jwt.h"

#include "auth/json.h"
#include "base/base64.h"
#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JWKS_MAX (512 * 1024)
#define KEYS_MAX 100
#define KEY_TEXT_MAX 256 /* of kid, alg, use */
#define NUMBER_MAX 1400  /* base64url of 8192 bits, and a little */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define TOKEN_MAX (32 * 1024)
#define CLAIM_MAX 2048
#define LEEWAY_S 60
#define TIME_MAX 253402300799.0 /* of the year 9999 */

/* --- algorithms (RFC 7518, 3.1; RFC 8037) ----------------------------------------------------- */

enum kind { RSA_KEY, P256_KEY, P384_KEY, ED25519_KEY };

static const struct algorithm {
    const char *name;
    enum kind kind;
    const char *hash; /* NULL: the scheme has its own */
    bool pss;
} algorithms[] = {
    {"RS256", RSA_KEY, "SHA256", false},  {"RS384", RSA_KEY, "SHA384", false},
    {"RS512", RSA_KEY, "SHA512", false},  {"PS256", RSA_KEY, "SHA256", true},
    {"PS384", RSA_KEY, "SHA384", true},   {"PS512", RSA_KEY, "SHA512", true},
    {"ES256", P256_KEY, "SHA256", false}, {"ES384", P384_KEY, "SHA384", false},
    {"EdDSA", ED25519_KEY, NULL, false},
};

static const struct algorithm *find_algorithm(const char *name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (!strcmp(algorithms[i].name, name))
            return &algorithms[i];
    return NULL;
}

/* --- keys ------------------------------------------------------------------------------------- */

struct key {
    enum kind kind;
    EVP_PKEY *pkey;
    char *kid, *alg; /* "": it does not say */
};

struct jwt_keys {
    size_t count;
    struct key keys[KEYS_MAX];
};

/* Appends the bytes of a member. */
static bool read_bytes(struct buf *out, const json_t *jwk, const char *name)
{
    const char *s = auth_json_string(jwk, name, NUMBER_MAX);
    return s && *s && base64url_decode(out, s, strlen(s));
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY *pkey = NULL;
    if (ctx && params && EVP_PKEY_fromdata_init(ctx) > 0)
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *make_rsa(const BIGNUM *n, const BIGNUM *e)
{
    /* An exponent of 1 signs nothing; a long one is for keeping others busy. */
    if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX || !BN_is_odd(n) ||
        BN_num_bits(e) < 2 || BN_num_bits(e) > 64 || !BN_is_odd(e))
        return NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    if (build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        pkey = make_key("RSA", build);
    OSSL_PARAM_BLD_free(build);
    return pkey;
}

static EVP_PKEY *read_rsa(const json_t *jwk)
{
    struct buf n = {0}, e = {0};
    EVP_PKEY *pkey = NULL;
    if (read_bytes(&n, jwk, "n") && read_bytes(&e, jwk, "e")) {
        BIGNUM *bn = BN_bin2bn(n.data, (int)n.len, NULL), *be = BN_bin2bn(e.data, (int)e.len, NULL);
        if (bn && be)
            pkey = make_rsa(bn, be);
        BN_free(bn);
        BN_free(be);
    }
    buf_release(&n);
    buf_release(&e);
    return pkey;
}

/* `point` is uncompressed. That it lies on the curve is checked. */
static EVP_PKEY *make_ec(const char *group, const struct buf *point)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point->data, point->len))
        pkey = make_key("EC", build);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
    if (!ctx || EVP_PKEY_public_check(ctx) <= 0) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *read_ec(const json_t *jwk, const char *curve, enum kind *kind)
{
    struct buf point = {0};
    EVP_PKEY *pkey = NULL;
    *kind = !strcmp(curve, "P-384") ? P384_KEY : P256_KEY;
    size_t size = *kind == P384_KEY ? 48 : 32;
    if (*kind == P256_KEY && strcmp(curve, "P-256") != 0)
        return NULL;
    buf_putc(&point, 4);
    if (read_bytes(&point, jwk, "x") && point.len == 1 + size && read_bytes(&point, jwk, "y") &&
        point.len == 1 + 2 * size)
        pkey = make_ec(*kind == P384_KEY ? "secp384r1" : "prime256v1", &point);
    buf_release(&point);
    return pkey;
}

static EVP_PKEY *read_okp(const json_t *jwk, const char *curve)
{
    struct buf x = {0};
    EVP_PKEY *pkey = NULL;
    if (!strcmp(curve, "Ed25519") && read_bytes(&x, jwk, "x") && x.len == 32)
        pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.data, x.len);
    buf_release(&x);
    return pkey;
}

static bool is(const json_t *j, const char *s)
{
    return json_is_string(j) && !strcmp(json_string_value(j), s);
}

/* By what the key itself says. */
static bool is_for_signatures(const json_t *jwk)
{
    const json_t *ops = json_object_get(jwk, "key_ops");
    const char *use = auth_json_string(jwk, "use", KEY_TEXT_MAX);
    if (!use || (*use && strcmp(use, "sig") != 0))
        return false;
    for (size_t i = 0; i < json_array_size(ops); i++)
        if (is(json_array_get(ops, i), "verify"))
            return true;
    return !ops;
}

static bool read_key(struct key *k, const json_t *jwk)
{
    const char *type = auth_json_string(jwk, "kty", KEY_TEXT_MAX);
    const char *curve = auth_json_string(jwk, "crv", KEY_TEXT_MAX);
    const char *kid = auth_json_string(jwk, "kid", KEY_TEXT_MAX);
    const char *alg = auth_json_string(jwk, "alg", KEY_TEXT_MAX);
    *k = (struct key){.kind = RSA_KEY};
    /* One whose private part is public as well proves nothing. */
    if (!type || !curve || !kid || !alg || !is_for_signatures(jwk) || json_object_get(jwk, "d"))
        return false;
    if (!strcmp(type, "RSA")) {
        k->pkey = read_rsa(jwk);
    } else if (!strcmp(type, "EC")) {
        k->pkey = read_ec(jwk, curve, &k->kind);
    } else if (!strcmp(type, "OKP")) {
        k->kind = ED25519_KEY;
        k->pkey = read_okp(jwk, curve);
    }
    if (!k->pkey)
        return false;
    k->kid = xstrdup(kid);
    k->alg = xstrdup(alg);
    return true;
}

struct jwt_keys *jwt_keys_read(const void *json, size_t len)
{
    json_t *top = auth_json_read(json, len, JWKS_MAX);
    const json_t *list = json_object_get(top, "keys");
    struct jwt_keys *k = NULL;
    if (json_is_array(list) && json_array_size(list) <= KEYS_MAX) {
        k = xcalloc(1, sizeof(*k));
        for (size_t i = 0; i < json_array_size(list); i++)
            k->count += read_key(&k->keys[k->count], json_array_get(list, i));
    }
    json_decref(top);
    ERR_clear_error();
    return k;
}

void jwt_keys_free(struct jwt_keys *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->count; i++) {
        EVP_PKEY_free(k->keys[i].pkey);
        free(k->keys[i].kid);
        free(k->keys[i].alg);
    }
    free(k);
}

/* --- signatures ------------------------------------------------------------------------------- */

struct bytes {
    const uint8_t *p;
    size_t len;
};

/* r || s of exact length (RFC 7518, 3.4) as the DER that OpenSSL checks. */
static uint8_t *der_of(struct bytes raw, size_t *der_len)
{
    size_t half = raw.len / 2;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw.p, (int)half, NULL), *s = BN_bin2bn(raw.p + half, (int)half, NULL);
    uint8_t *der = NULL;
    int n = 0;
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
        r = s = NULL; /* they are its own now */
        n = i2d_ECDSA_SIG(sig, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    *der_len = n > 0 ? (size_t)n : 0;
    return n > 0 ? der : NULL;
}

static size_t signature_size(const struct key *k)
{
    switch (k->kind) {
    case P256_KEY:
    case ED25519_KEY:
        return 64;
    case P384_KEY:
        return 96;
    default:
        return (size_t)EVP_PKEY_get_size(k->pkey);
    }
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct algorithm *alg)
{
    if (alg->kind != RSA_KEY)
        return true;
    if (!alg->pss)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, alg->hash, NULL) > 0;
}

static bool check(const struct algorithm *alg, const struct key *k, struct bytes text,
                  struct bytes sig)
{
    uint8_t *der = NULL;
    if (sig.len != signature_size(k))
        return false;
    if (alg->kind == P256_KEY || alg->kind == P384_KEY) {
        der = der_of(sig, &sig.len);
        sig.p = der;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL; /* the other one's */
    bool ok = ctx && sig.p &&
              EVP_DigestVerifyInit_ex(ctx, &pctx, alg->hash, NULL, NULL, k->pkey, NULL) > 0 &&
              set_padding(pctx, alg) &&
              EVP_DigestVerify(ctx, sig.p, sig.len, text.p, text.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    return ok;
}

/* --- a token ---------------------------------------------------------------------------------- */

struct token {
    struct bytes parts[3]; /* base64url */
    struct bytes text;     /* what is signed: the first two and the dot */
    json_t *header;
    struct buf signature;
    const char *kid; /* NULL: it names none */
    const struct algorithm *alg;
};

static bool split(struct token *t, const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len;
    for (int i = 0; i < 3; i++) {
        const uint8_t *dot = p < end ? memchr(p, '.', (size_t)(end - p)) : NULL;
        if ((i == 2) == (dot != NULL))
            return false;
        t->parts[i] = (struct bytes){p, (size_t)((dot ? dot : end) - p)};
        if (!t->parts[i].len)
            return false;
        if (dot)
            p = dot + 1;
    }
    t->text.p = t->parts[0].p;
    t->text.len = t->parts[0].len + 1 + t->parts[1].len;
    return true;
}

static json_t *read_object(struct bytes part)
{
    struct buf b = {0};
    json_t *j = base64url_decode(&b, (const char *)part.p, part.len)
                    ? auth_json_read(b.data, b.len, TOKEN_MAX)
                    : NULL;
    buf_release(&b);
    if (json_is_object(j))
        return j;
    json_decref(j);
    return NULL;
}

/* RFC 8725, 3.11: a token for something else, of the same provider, has another type. */
static bool is_jwt(const json_t *header)
{
    const char *type = auth_json_string(header, "typ", KEY_TEXT_MAX);
    return type && (!*type || !strcasecmp(type, "JWT"));
}

static int read_token(struct token *t, const void *token, size_t len)
{
    if (!len || len > TOKEN_MAX || !split(t, token, len))
        return JWT_MALFORMED;
    t->header = read_object(t->parts[0]);
    /* `crit` says that something must be understood, and nothing is. */
    if (!t->header || !is_jwt(t->header) || json_object_get(t->header, "crit") ||
        !base64url_decode(&t->signature, (const char *)t->parts[2].p, t->parts[2].len))
        return JWT_MALFORMED;
    const json_t *alg = json_object_get(t->header, "alg"), *kid = json_object_get(t->header, "kid");
    if (!json_is_string(alg) || (kid && !json_is_string(kid)))
        return JWT_MALFORMED;
    t->kid = json_string_value(kid);
    t->alg = find_algorithm(json_string_value(alg));
    return t->alg ? JWT_OK : JWT_ALGORITHM;
}

static bool suits(const struct key *k, const struct token *t)
{
    return k->kind == t->alg->kind && (!*k->alg || !strcmp(k->alg, t->alg->name)) &&
           (!t->kid || !strcmp(k->kid, t->kid));
}

static int check_signature(const struct token *t, const struct jwt_keys *keys)
{
    bool suited = false;
    for (size_t i = 0; i < keys->count; i++) {
        if (!suits(&keys->keys[i], t))
            continue;
        suited = true;
        struct bytes sig = {t->signature.data, t->signature.len};
        if (check(t->alg, &keys->keys[i], t->text, sig))
            return JWT_OK;
    }
    return suited && t->kid ? JWT_BAD_SIGNATURE : JWT_UNKNOWN_KEY;
}

/* --- claims ----------------------------------------------------------------------------------- */

/* With several audiences the token must say that it was made for us. */
static bool is_for(const json_t *claims, const char *client_id)
{
    const json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp");
    bool ours = is(aud, client_id);
    for (size_t i = 0; i < json_array_size(aud); i++) {
        const json_t *one = json_array_get(aud, i);
        if (!json_is_string(one))
            return false;
        ours |= is(one, client_id);
    }
    return ours && (azp ? is(azp, client_id) : json_array_size(aud) <= 1);
}

/* False if it is there and no time. */
static bool read_time(const json_t *claims, const char *name, double *s)
{
    const json_t *j = json_object_get(claims, name);
    *s = json_number_value(j);
    return !j || (json_is_number(j) && *s >= 0 && *s <= TIME_MAX);
}

static int check_times(const json_t *claims, const struct jwt_expect *e)
{
    double exp, iat, nbf, now = (double)e->now_ms / 1000, leeway = e->leeway_s;
    if (!e->leeway_s)
        leeway = LEEWAY_S;
    if (!read_time(claims, "exp", &exp) || !read_time(claims, "iat", &iat) ||
        !read_time(claims, "nbf", &nbf) || !json_object_get(claims, "exp") ||
        !json_object_get(claims, "iat"))
        return JWT_MALFORMED;
    return now < exp + leeway && iat <= now + leeway && nbf <= now + leeway ? JWT_OK : JWT_EXPIRED;
}

static int check_claims(const json_t *claims, const struct jwt_expect *e)
{
    const json_t *nonce = json_object_get(claims, "nonce");
    const char *sub = auth_json_string(claims, "sub", CLAIM_MAX);
    if (!is(json_object_get(claims, "iss"), e->issuer) || !is_for(claims, e->client_id))
        return JWT_WRONG;
    if (e->nonce ? !is(nonce, e->nonce) : nonce != NULL)
        return JWT_WRONG;
    return sub && *sub ? check_times(claims, e) : JWT_MALFORMED;
}

/* --- all of it -------------------------------------------------------------------------------- */

int jwt_verify(json_t **claims, const struct jwt_keys *keys, const void *token, size_t len,
               const struct jwt_expect *expect)
{
    struct token t = {0};
    json_t *payload = NULL;
    int r = read_token(&t, token, len);
    if (r == JWT_OK)
        r = check_signature(&t, keys);
    if (r == JWT_OK) {
        payload = read_object(t.parts[1]);
        r = payload ? check_claims(payload, expect) : JWT_MALFORMED;
    }
    if (r == JWT_OK)
        *claims = json_incref(payload);
    json_decref(payload);
    json_decref(t.header);
    buf_release(&t.signature);
    ERR_clear_error();
    return r;
}

const char *jwt_strerror(int result)
{
    static const char *const texts[] = {
        "it is good",
        "it is malformed",
        "it was signed with a key that is not known",
        "its signature is wrong",
        "it is for another: issuer, audience or nonce",
        "it has expired, or is not valid yet",
        "it was signed by an algorithm that is not accepted",
    };
    size_t i = (size_t)-result;
    return result <= 0 && i < sizeof(texts) / sizeof(texts[0]) ? texts[i] : "unknown error";
}
