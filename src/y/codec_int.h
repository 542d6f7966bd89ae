/*
 * What codec_read.c, codec_write.c and the operations on updates share beyond codec.h.
 */
#ifndef Y_CODEC_INT_H
#define Y_CODEC_INT_H

#include "y/codec.h"

#include <string.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* v1, except that embeds and format values are `any` as in v2: what a struct of a v2 update is kept
 * as where it has to be kept, so that nothing is lost that JSON cannot say. Never leaves the
 * library. */
#define Y_RAW ((enum y_format)2)

/* The two parts of y_enc_section, for a writer that learns the number of structs only at the end.
 */
void y_enc_section_head(struct y_enc *e, uint64_t client, uint64_t clock);

/* Eight bytes at p as a little-endian number, and the varuint at the front of one: its length in
 * bytes, 0 if it is longer than seven. The low seven bits of each byte are brought together by
 * pairs. */
static inline uint64_t y_load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}
static inline unsigned y_varuint64(uint64_t v, uint64_t *n)
{
    uint64_t stop = ~v & UINT64_C(0x0080808080808080);
    if (unlikely(!stop))
        return 0;
    unsigned bytes = (unsigned)__builtin_ctzll(stop) / 8 + 1;
    v &= UINT64_C(0x7f7f7f7f7f7f7f7f) >> (64 - 8 * bytes);
    v = (v & UINT64_C(0x007f007f007f007f)) | (v & UINT64_C(0x7f007f007f007f00)) >> 1;
    v = (v & UINT64_C(0x00003fff00003fff)) | (v & UINT64_C(0x3fff00003fff0000)) >> 2;
    *n = (v & UINT64_C(0x0fffffff)) | (v & UINT64_C(0x0fffffff00000000)) >> 4;
    return bytes;
}

/* A varuint, inline for what fits; *r must be a local variable whose address goes nowhere else to
 * be fast. */
static inline __attribute__((always_inline)) uint64_t y_varuint(struct y_reader *r)
{
    const uint8_t *p = r->p;
    if (p < r->end && *p < 128) {
        r->p = p + 1;
        return *p;
    }
    if (likely(r->end - p >= 8)) {
        uint64_t n;
        unsigned bytes = y_varuint64(y_load64(p), &n);
        if (likely(bytes)) {
            r->p = p + bytes;
            return n;
        }
    }
    struct y_reader slow = *r;
    uint64_t n = y_read_varuint(&slow);
    *r = slow;
    return n;
}

#endif
