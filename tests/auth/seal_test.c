#include "auth/seal.h"

#include "base/base64.h"
#include "tests/test.h"

static const uint8_t key[AUTH_KEY_SIZE] = "0123456789abcdef0123456789abcde";

static bool opens(const struct buf *sealed, const uint8_t k[AUTH_KEY_SIZE], uint64_t now)
{
    struct buf out = {0};
    buf_puts(&out, "before");
    bool ok = auth_unseal(&out, k, sealed->data, sealed->len, now);
    CHECK(ok || !out.len);
    buf_release(&out);
    return ok;
}

/* RFC 5869, A.1 and A.3 have salts and information of all kinds; A.3 is the one that has neither. */
TEST(seal_key_is_hkdf)
{
    static const uint8_t want[] = {0x8d, 0xa4, 0xe7, 0x75, 0xa5, 0x63, 0xc1, 0x8f, 0x71, 0x5f, 0x80,
                                   0x2a, 0x06, 0x3c, 0x5a, 0x31, 0xb8, 0xa1, 0x1f, 0x5c, 0x5e, 0xe1,
                                   0x87, 0x9e, 0xc3, 0x45, 0x4e, 0x5f, 0x3c, 0x73, 0x8d, 0x2d};
    uint8_t secret[22], out[AUTH_KEY_SIZE], other[AUTH_KEY_SIZE];
    memset(secret, 0x0b, sizeof(secret));
    auth_key_of(out, secret, sizeof(secret), "");
    CHECK_MEM(out, sizeof(out), want, sizeof(want));
    auth_key_of(other, secret, sizeof(secret), "state");
    CHECK(memcmp(out, other, sizeof(out)) != 0);
    auth_key_of(out, secret, sizeof(secret), "csrf");
    CHECK(memcmp(out, other, sizeof(out)) != 0);
    auth_key_of(out, secret, sizeof(secret) - 1, "state");
    CHECK(memcmp(out, other, sizeof(out)) != 0);
}

TEST(seal_comes_back_until_it_is_over)
{
    struct buf sealed = {0}, out = {0};
    auth_seal(&sealed, key, "a\0secret", 8, 1000);
    CHECK(auth_unseal(&out, key, sealed.data, sealed.len, 999));
    CHECK_MEM(out.data, out.len, "a\0secret", 8);
    CHECK(opens(&sealed, key, 0));
    CHECK(!opens(&sealed, key, 1000));
    CHECK(!opens(&sealed, key, UINT64_MAX));
    auth_seal(&sealed, key, "", 0, UINT64_MAX);
    CHECK(auth_unseal(&out, key, sealed.data, sealed.len, 1));
    CHECK_EQ(out.len, 0);
    buf_release(&sealed);
    buf_release(&out);
}

TEST(seal_looks_different_each_time)
{
    struct buf a = {0}, b = {0};
    auth_seal(&a, key, "x", 1, 1000);
    auth_seal(&b, key, "x", 1, 1000);
    CHECK_EQ(a.len, b.len);
    CHECK(memcmp(a.data, b.data, a.len) != 0);
    CHECK_EQ(
        strspn(buf_str(&a), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        a.len);
    buf_release(&a);
    buf_release(&b);
}

TEST(seal_another_key_does_not_open_it)
{
    struct buf sealed = {0};
    auth_seal(&sealed, key, "secret", 6, 1000);
    for (size_t i = 0; i < sizeof(key); i++) {
        uint8_t other[AUTH_KEY_SIZE];
        memcpy(other, key, sizeof(key));
        other[i] ^= (uint8_t)(1 + test_below(255));
        CHECK(!opens(&sealed, other, 1));
    }
    buf_release(&sealed);
}

TEST(seal_every_bit_counts)
{
    struct buf sealed = {0}, raw = {0}, text = {0};
    auth_seal(&sealed, key, "secret", 6, 1000);
    CHECK(base64url_decode(&raw, (const char *)sealed.data, sealed.len));
    for (size_t bit = 0; bit < raw.len * 8; bit++) {
        raw.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        buf_clear(&text);
        base64url_encode(&text, raw.data, raw.len);
        CHECK(!opens(&text, key, 1));
        raw.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t i = 0; i < sealed.len; i++) {
        struct buf cut = {.data = sealed.data, .len = i};
        CHECK(!opens(&cut, key, 1));
    }
    for (int c = 0; c < 256; c++) {
        buf_clear(&text);
        buf_append(&text, sealed.data, sealed.len);
        buf_putc(&text, (uint8_t)c);
        CHECK(!opens(&text, key, 1));
    }
    buf_release(&sealed);
    buf_release(&raw);
    buf_release(&text);
}

TEST(seal_what_was_never_sealed)
{
    struct buf b = {0};
    CHECK(!opens(&b, key, 1));
    buf_puts(&b, "....");
    CHECK(!opens(&b, key, 1));
    buf_clear(&b);
    for (size_t i = 0; i < 1024 * 1024; i++)
        buf_putc(&b, 'A');
    CHECK(!opens(&b, key, 1));
    buf_release(&b);
}

TEST(seal_random)
{
    struct buf a = {0}, b = {0};
    auth_random(&a, 32);
    auth_random(&b, 32);
    CHECK_EQ(a.len, 43);
    CHECK(memcmp(a.data, b.data, 43) != 0);
    auth_random(&a, 16);
    CHECK_EQ(a.len, 43 + 22);
    buf_release(&a);
    buf_release(&b);
}

/* RFC 7636, appendix B; FIPS 180-2, B.1. */
TEST(seal_hashes)
{
    char hex[AUTH_HASH_HEX];
    struct buf b = {0};
    auth_sha256_base64url(&b, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", 43);
    CHECK_STR(buf_str(&b), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    auth_sha256_hex(hex, "abc", 3);
    CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    auth_sha256_hex(hex, NULL, 0);
    CHECK_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    buf_release(&b);
}

TEST(seal_equal)
{
    CHECK(auth_equal("abc", 3, "abc", 3));
    CHECK(auth_equal(NULL, 0, "x", 0));
    CHECK(!auth_equal("abc", 3, "abd", 3));
    CHECK(!auth_equal("abc", 3, "abc", 2));
    CHECK(!auth_equal("abc", 3, "", 0));
}
