#include "tests/test.h"
#include "tests/y/vectors.h"
#include "y/codec.h"

/* An exact allocation, so that a read of one byte too many is seen. */
static uint8_t *exact(const void *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    CHECK(copy);
    memcpy(copy, p, n);
    return copy;
}

static int check(const void *p, size_t n, enum y_format format)
{
    uint8_t *copy = exact(p, n);
    int error = format == Y_V1 ? y_update_check(copy, n) : y_update_check_v2(copy, n);
    free(copy);
    return error;
}

/* Struct by struct through decoder and encoder. */
static int through(const void *p, size_t n, enum y_format from, enum y_format to, struct ybuf *out)
{
    uint8_t *copy = exact(p, n);
    struct y_dec d;
    struct y_enc e;
    struct y_struct s;
    y_dec_init(&d, copy, n, from);
    y_enc_init(&e, to);
    uint64_t sections = y_dec_sections(&d);
    y_enc_sections(&e, sections);
    for (; sections; sections--) {
        uint64_t structs, client, clock;
        y_dec_section(&d, &structs, &client, &clock);
        y_enc_section(&e, structs, client, clock);
        for (; structs && y_dec_struct(&d, client, clock, &s); structs--, clock += s.len)
            y_enc_struct(&e, client, &s, 0);
    }
    uint64_t clients = y_dec_ds_clients(&d);
    y_enc_ds_clients(&e, clients);
    for (; clients; clients--) {
        uint64_t client, ranges, clock, len;
        y_dec_ds_client(&d, &client, &ranges);
        for (y_enc_ds_client(&e, client, ranges); ranges; ranges--) {
            y_dec_ds_range(&d, &clock, &len);
            if (!d.r.error)
                y_enc_ds_range(&e, clock, len);
        }
    }
    int error = y_dec_end(&d);
    if (error)
        y_enc_release(&e);
    else
        error = y_enc_end(&e, out);
    free(copy);
    return error;
}

static void check_through(const char *p, size_t n, enum y_format from, enum y_format to,
                          const char *want, size_t want_len)
{
    struct ybuf out = {0};
    CHECK_EQ(through(p, n, from, to, &out), Y_OK);
    CHECK_MEM(out.data, out.len, want, want_len);
    ybuf_release(&out);
}

TEST(codec_keeps_what_yjs_wrote)
{
    for (size_t i = 0; i < VECTORS; i++) {
        const struct vector *v = &vectors[i];
        check_through(v->v1, v->v1_len, Y_V1, Y_V1, v->v1, v->v1_len);
        check_through(v->v2, v->v2_len, Y_V2, Y_V2, v->v2, v->v2_len);
    }
}

TEST(codec_v1_to_v2_and_back_is_what_yjs_writes)
{
    for (size_t i = 0; i < VECTORS; i++) {
        const struct vector *v = &vectors[i];
        struct ybuf out = {0};
        CHECK_EQ(y_update_convert(v->v1, v->v1_len, Y_V1, Y_V2, &out), Y_OK);
        struct ybuf back = {0};
        CHECK_EQ(y_update_convert(out.data, out.len, Y_V2, Y_V1, &back), Y_OK);
        struct ybuf again = {0};
        CHECK_EQ(y_update_convert(back.data, back.len, Y_V1, Y_V2, &again), Y_OK);
        CHECK_MEM(again.data, again.len, out.data, out.len);
        ybuf_release(&out);
        ybuf_release(&back);
        ybuf_release(&again);
    }
}

TEST(codec_refuses_every_truncation_and_a_byte_too_many)
{
    for (size_t i = 0; i < VECTORS; i++) {
        const struct vector *v = &vectors[i];
        for (size_t n = 0; n < v->v1_len; n++)
            CHECK(check(v->v1, n, Y_V1) != Y_OK);
        for (size_t n = 0; n < v->v2_len; n++)
            CHECK(check(v->v2, n, Y_V2) != Y_OK);
        CHECK_EQ(check(v->v1, v->v1_len, Y_V1), Y_OK);
        CHECK_EQ(check(v->v2, v->v2_len, Y_V2), Y_OK);
        char more[512];
        memcpy(more, v->v1, v->v1_len);
        more[v->v1_len] = 0;
        CHECK_EQ(check(more, v->v1_len + 1, Y_V1), Y_ERR_MALFORMED);
        memcpy(more, v->v2, v->v2_len);
        more[v->v2_len] = 0;
        CHECK_EQ(check(more, v->v2_len + 1, Y_V2), Y_ERR_MALFORMED);
    }
}

/* Any byte changed: refused, or taken and then good in the other format too. */
TEST(codec_survives_every_changed_byte)
{
    for (size_t i = 0; i < VECTORS; i++) {
        for (int format = 0; format < 2; format++) {
            const struct vector *v = &vectors[i];
            size_t n = format ? v->v2_len : v->v1_len;
            uint8_t *copy = exact(format ? v->v2 : v->v1, n);
            for (size_t at = 0; at < n; at++) {
                uint8_t was = copy[at];
                for (int k = 1; k < 256; k += 1 + (int)test_below(7)) {
                    struct ybuf out = {0};
                    copy[at] = (uint8_t)(was ^ k);
                    int error = y_update_convert(copy, n, (enum y_format)format,
                                                 (enum y_format) !format, &out);
                    if (!error)
                        CHECK_EQ(check(out.data, out.len, (enum y_format) !format), Y_OK);
                    else
                        CHECK_EQ(out.len, 0);
                    ybuf_release(&out);
                }
                copy[at] = was;
            }
            free(copy);
        }
    }
}

static void check_v1(const char *bytes, size_t n, int want)
{
    CHECK_EQ(check(bytes, n, Y_V1), want);
}
#define V1(bytes, want) check_v1(bytes, sizeof(bytes) - 1, want)

TEST(codec_refuses_structs_that_cannot_be)
{
    V1("\x01\x01\x01\x00\x04\x01\x01t\x01"
       "a\x00",
       Y_OK);
    V1("\x01\x01\x01\x00\x04\x01\x01t\x00\x00", Y_ERR_MALFORMED);     /* no length */
    V1("\x01\x01\x01\x00\x04\x01\x01t\x01\xff\x00", Y_ERR_MALFORMED); /* UTF-8 */
    V1("\x01\x01\x01\x00\x04\x02\x01t\x01"
       "a\x00",
       Y_ERR_MALFORMED); /* parent info */
    V1("\x01\x01\x01\x00\x84\x01\x00\x01"
       "a\x00",
       Y_ERR_MALFORMED); /* on itself */
    V1("\x01\x01\x01\x01\x84\x01\x00\x01"
       "a\x00",
       Y_OK);
    V1("\x01\x01\x01\x00\x44\x01\x05\x01"
       "a\x00",
       Y_ERR_MALFORMED); /* on its future */
    V1("\x01\x01\x01\x00\x0b\x01\x01t\x01"
       "a\x00",
       Y_ERR_MALFORMED);                                           /* kind 11 */
    V1("\x01\x01\x01\x00\x8a\x01\x00\x01\x00", Y_ERR_MALFORMED);   /* Skip with origin */
    V1("\x01\x01\x01\x00\x07\x01\x01t\x07\x00", Y_ERR_MALFORMED);  /* type 7 */
    V1("\x01\x01\x01\x00\x05\x01\x01t\x01{\x00", Y_ERR_MALFORMED); /* JSON */
    V1("\x01\x01\x01\x00\x02\x01\x01t\x01\x09undefined\x00", Y_OK);
    V1("\x01\x01\x01\x00\x08\x01\x01t\x01\x73\x00", Y_ERR_MALFORMED); /* any 115 */
    V1("\x01\x01\x01\x00\x00\x00\x00", Y_ERR_MALFORMED);              /* GC of nothing */
    V1("\x01\x01\x01\xff\xff\xff\xff\x0f\x00\x01\x00", Y_ERR_RANGE);  /* last clock */
    V1("\x01\x01\x01\xfe\xff\xff\xff\x0f\x00\x01\x00", Y_OK);
    V1("\x01\x01\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00", Y_ERR_RANGE);
    V1("\x01\x01\x01\x00\x84\x02\xff\xff\xff\xff\x0f\x01"
       "a\x00",
       Y_ERR_RANGE);                                             /* origin's clock */
    V1("\x00\x01\x01\x01\xff\xff\xff\xff\x0f\x01", Y_ERR_RANGE); /* delete set */
}

TEST(codec_counts_are_bounded_by_bytes)
{
    V1("\xff\xff\xff\xff\xff\xff\xff\x0f", Y_ERR_MALFORMED);
    V1("\x01\xff\xff\xff\xff\xff\xff\xff\x0f\x01\x00\x00\x01\x00", Y_ERR_MALFORMED);
    V1("\x00\xff\xff\xff\xff\xff\xff\xff\x0f", Y_ERR_MALFORMED);
    V1("\x00\x01\x01\xff\xff\xff\xff\xff\xff\xff\x0f\x00", Y_ERR_MALFORMED);
    V1("\x01\x01\x01\x00\x08\x01\x01t\xff\xff\xff\xff\xff\xff\xff\x0f\x00", Y_ERR_MALFORMED);
}

/* `structs` GCs of one clock each: infos and lengths are runs, so all of them are a few bytes. */
static int runs_of_gc(uint64_t structs)
{
    struct y_enc e;
    struct ybuf out = {0};
    y_enc_init(&e, Y_V2);
    y_enc_sections(&e, 1);
    y_enc_section(&e, structs, 1, 0);
    struct y_struct s = {.kind = Y_GC, .len = 1};
    y_enc_struct(&e, 1, &s, 0);
    e.len.n = structs;
    y_enc_ds_clients(&e, 0);
    CHECK_EQ(y_enc_end(&e, &out), Y_OK);
    CHECK(out.len < 40);
    int error = check(out.data, out.len, Y_V2);
    ybuf_release(&out);
    return error;
}

TEST(codec_v2_runs_cost_no_more_than_the_limit)
{
    CHECK_EQ(runs_of_gc(1), Y_OK);
    CHECK_EQ(runs_of_gc(Y_V2_STRUCTS), Y_OK);
    CHECK_EQ(runs_of_gc(Y_V2_STRUCTS + 100), Y_ERR_LIMIT);
    CHECK_EQ(runs_of_gc(UINT64_C(1) << 50), Y_ERR_LIMIT);
}

TEST(codec_errors_are_sticky_and_loops_end)
{
    struct y_dec d;
    struct y_struct s;
    uint64_t a = 1, b = 1, c = 1;
    y_dec_init(&d, "\x01\x01\x01\x00\x1f", 5, Y_V1);
    CHECK_EQ(y_dec_sections(&d), 1);
    y_dec_section(&d, &a, &b, &c);
    CHECK(!y_dec_struct(&d, 1, 0, &s));
    CHECK_EQ(s.len, 0);
    CHECK_EQ(y_dec_sections(&d), 0);
    y_dec_section(&d, &a, &b, &c);
    CHECK(a == 0 && b == 0 && c == 0);
    CHECK_EQ(y_dec_ds_clients(&d), 0);
    y_dec_ds_client(&d, &a, &b);
    CHECK(a == 0 && b == 0);
    y_dec_ds_range(&d, &a, &b);
    CHECK(a == 0 && b == 0);
    CHECK_EQ(y_dec_end(&d), Y_ERR_MALFORMED);
}

/* JavaScript keeps the halves of a pair that two strings share; the wire says U+FFFD for each, like
 * yjs in v1: doc.getText('t').insert(0, '\ud83d'); then insert(1, '\ude00') by another client,
 * Y.mergeUpdatesV2 of both. */
TEST(codec_v2_string_column_cut_inside_a_surrogate_pair)
{
    struct y_enc e;
    struct ybuf v2 = {0}, v1 = {0};
    y_enc_init(&e, Y_V2);
    y_enc_sections(&e, 1);
    y_enc_section(&e, 2, 1, 0);
    struct y_struct s = {.kind = Y_STRING, .len = 2, .parent_kind = Y_PARENT_ROOT};
    s.root = (struct y_slice){(const uint8_t *)"t", 1};
    s.data = (struct y_slice){(const uint8_t *)"a\xf0\x9f\x98\x80z", 6};
    y_enc_struct(&e, 1, &s, 0); /* two units of it: a, and half */
    s.kind = Y_STRING, s.info = Y_HAS_ORIGIN, s.origin = (struct y_rid){1, 1}, s.clock = 2;
    s.data.n = 0;
    y_enc_struct(&e, 1, &s, 0); /* the other half, z */
    y_enc_ds_clients(&e, 0);
    CHECK_EQ(y_enc_end(&e, &v2), Y_OK);
    CHECK_EQ(y_update_convert(v2.data, v2.len, Y_V2, Y_V1, &v1), Y_OK);
    static const char want[] = "\x01\x02\x01\x00\x04\x01\x01t\x04"
                               "a\xef\xbf\xbd"
                               "\x84\x01\x01\x04\xef\xbf\xbdz\x00";
    CHECK_MEM(v1.data, v1.len, want, sizeof(want) - 1);
    ybuf_release(&v1);
    ybuf_release(&v2);
}

/* Parents cut in a pair stand in the scratch, which moves while the content is read. */
TEST(codec_v2_names_in_the_scratch_stay_when_it_grows)
{
    struct y_enc e;
    struct ybuf v2 = {0}, v1 = {0};
    static char big[3000];
    memset(big, 'b', sizeof(big));
    y_enc_init(&e, Y_V2);
    y_enc_sections(&e, 1);
    y_enc_section(&e, 1, 1, 0);
    struct y_struct s = {.kind = Y_DOC, .info = Y_HAS_KEY, .len = 1, .parent_kind = Y_PARENT_ROOT};
    struct ybuf doc = {0};
    y_write_bytes(&doc, big, sizeof(big));
    ybuf_append(&doc, "\x7f", 1);
    s.root = (struct y_slice){(const uint8_t *)"\xf0\x9f\x98\x80", 4};
    s.key = (struct y_slice){(const uint8_t *)"", 0};
    s.data = (struct y_slice){doc.data, doc.len};
    y_enc_struct(&e, 1, &s, 0);
    /* It said that the root has two units and the key none: make it one and one. */
    e.string_len.b.len = 0;
    y_write_varuint(&e.string_len.b, 0x41);
    y_write_varuint(&e.string_len.b, 0);
    y_enc_ds_clients(&e, 0);
    CHECK_EQ(y_enc_end(&e, &v2), Y_OK);
    CHECK_EQ(y_update_convert(v2.data, v2.len, Y_V2, Y_V1, &v1), Y_OK);
    static const char head[] = "\x01\x01\x01\x00\x29\x01\x03\xef\xbf\xbd\x03\xef\xbf\xbd\xb8\x17"
                               "bbb";
    CHECK(v1.len > sizeof(head));
    CHECK_MEM(v1.data, sizeof(head) - 1, head, sizeof(head) - 1);
    ybuf_release(&v1);
    ybuf_release(&v2);
    ybuf_release(&doc);
}
