/*
 * What codec_read.c, codec_write.c and the operations on updates share beyond codec.h.
 */
#ifndef Y_CODEC_INT_H
#define Y_CODEC_INT_H

#include "y/codec.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* v1, except that embeds and format values are `any` as in v2: what a struct of a v2 update is kept
 * as where it has to be kept, so that nothing is lost that JSON cannot say. Never leaves the
 * library. */
#define Y_RAW ((enum y_format)2)

/* The two parts of y_enc_section, for a writer that learns the number of structs only at the end.
 */
void y_enc_section_head(struct y_enc *e, uint64_t client, uint64_t clock);

/* A varuint, inline for what fits; *r must be a local variable whose address goes nowhere else to
 * be fast. */
static inline __attribute__((always_inline)) uint64_t y_varuint(struct y_reader *r)
{
    const uint8_t *p = r->p;
    if (likely(r->end - p >= 8)) {
        uint64_t b = p[0], n = b & 127;
        if (likely(b < 128)) {
            r->p = p + 1;
            return b;
        }
        for (int i = 1; i < 7; i++) {
            b = p[i];
            n |= (b & 127) << (7 * i);
            if (b < 128) {
                r->p = p + i + 1;
                return n;
            }
        }
    } else if (p < r->end && *p < 128) {
        r->p = p + 1;
        return *p;
    }
    struct y_reader slow = *r;
    uint64_t n = y_read_varuint(&slow);
    *r = slow;
    return n;
}

#endif
