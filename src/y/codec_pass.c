/*
 * Passing over structs of v1: where the next one begins, found by lengths alone. Nothing else is
 * checked.
 */
#include "y/codec_int.h"

#include "y/any.h"

static void bad(struct y_reader *r)
{
    if (!r->error)
        r->error = Y_ERR_MALFORMED;
    r->p = r->end;
}

static inline void pass_varuint(struct y_reader *r)
{
    if (likely(r->end - r->p >= 8)) {
        uint64_t stop = ~y_load64(r->p) & UINT64_C(0x8080808080808080);
        if (likely(stop)) {
            r->p += __builtin_ctzll(stop) / 8 + 1;
            return;
        }
    }
    y_read_varuint(r);
}

static void pass_bytes(struct y_reader *r, uint64_t times)
{
    for (; times && !r->error; times--) {
        uint64_t n = y_varuint(r);
        if (unlikely(n > (uint64_t)(r->end - r->p)))
            bad(r);
        else
            r->p += n;
    }
}

static void pass_anys(struct y_reader *r, uint64_t n)
{
    for (; n && !r->error; n--)
        y_any_skip(r);
}

static void pass_content(struct y_reader *r, uint8_t kind, bool raw)
{
    uint64_t ref;
    switch (kind) {
    case Y_DELETED:
        pass_varuint(r);
        break;
    case Y_STRING:
    case Y_BINARY:
        pass_bytes(r, 1);
        break;
    case Y_EMBED:
    case Y_FORMAT:
        pass_bytes(r, (kind == Y_FORMAT) + !raw);
        pass_anys(r, raw);
        break;
    case Y_JSON:
        pass_bytes(r, y_varuint(r));
        break;
    case Y_ANY:
        pass_anys(r, y_varuint(r));
        break;
    case Y_TYPE:
        ref = y_varuint(r);
        pass_bytes(r, ref == Y_REF_XML_ELEMENT || ref == Y_REF_XML_HOOK);
        break;
    case Y_DOC:
        pass_bytes(r, 1);
        pass_anys(r, 1);
        break;
    default:
        bad(r);
    }
}

bool y_dec_pass(struct y_dec *d)
{
    struct y_reader *r = &d->r;
    uint8_t info = y_read_u8(r), kind = info & 0x1f;
    if (kind == Y_GC || info == Y_SKIP) {
        pass_varuint(r);
        return !r->error;
    }
    for (int ids = !!(info & Y_HAS_ORIGIN) + !!(info & Y_HAS_RIGHT); ids; ids--) {
        pass_varuint(r);
        pass_varuint(r);
    }
    if (!(info & (Y_HAS_ORIGIN | Y_HAS_RIGHT))) {
        if (y_varuint(r)) {
            pass_bytes(r, 1);
        } else {
            pass_varuint(r);
            pass_varuint(r);
        }
        pass_bytes(r, !!(info & Y_HAS_KEY));
    }
    pass_content(r, kind, d->format == Y_RAW);
    return !r->error;
}
