/*
 * Any bytes as a run of updates for one document: length (2 bytes, little endian), update. What is
 * asserted is what y.h promises of updates that nobody honest writes:
 *
 *   - a refused update changes nothing, also when memory runs out at any place
 *   - every invariant holds after each step, and after a local edit at the end
 *   - an update that comes again changes nothing
 *   - the same in v2 does the same; first the structs, then the deletions, does the same
 *   - the document's encoding is taken by an empty one, which then has the same state vector
 */
#include "y/codec.h"
#include "y/y.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_UPDATES 16

static void require(bool cond, const char *what)
{
    if (!cond) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

/* --- memory that runs out --------------------------------------------------------------------- */

static size_t until = SIZE_MAX;

static void *frail_realloc(void *p, size_t n)
{
    if (!until)
        return NULL;
    until--;
    return realloc(p, n);
}

/* --- describing ------------------------------------------------------------------------------- */

static struct ybuf state_of(const struct ydoc *doc)
{
    struct ybuf b = {0};
    require(ydoc_encode_state_vector(doc, &b) == 0, "state vector");
    return b;
}

static struct ybuf describe_content(const struct ydoc *doc)
{
    struct ybuf b = state_of(doc);
    require(ydoc_text(doc, "bytecrowdText", &b) == 0, "text");
    ydoc_map_string(doc, "bytecrowd", "language", &b);
    require(ydoc_encode_update(doc, NULL, 0, &b) == 0, "encode");
    return b;
}

static struct ybuf describe(const struct ydoc *doc)
{
    struct ybuf b = describe_content(doc);
    require(y_write_varuint(&b, ydoc_pending_bytes(doc)) == 0, "memory");
    return b;
}

static bool equal(struct ybuf x, struct ybuf y)
{
    bool same = x.len == y.len && (!x.len || memcmp(x.data, y.data, x.len) == 0);
    ybuf_release(&x);
    ybuf_release(&y);
    return same;
}

static void check(const struct ydoc *doc)
{
    const char *broken = ydoc_check(doc);
    require(!broken, broken);
}

/* --- applying --------------------------------------------------------------------------------- */

static int apply(struct ydoc *doc, const uint8_t *p, size_t n)
{
    struct ybuf before = describe(doc);
    int error = ydoc_apply(doc, p, n, NULL);
    check(doc);
    if (error)
        require(equal(before, describe(doc)), "a refused update changes nothing");
    else
        ybuf_release(&before);
    require(error || y_update_check(p, n) == 0, "what is applied is well-formed");
    return error;
}

static void apply_frail(struct ydoc *doc, const uint8_t *p, size_t n, size_t fail_at)
{
    struct ybuf before = describe(doc);
    until = fail_at;
    y_set_allocator(frail_realloc, free);
    int error = ydoc_apply(doc, p, n, NULL);
    y_set_allocator(NULL, NULL);
    check(doc);
    if (error)
        require(equal(before, describe(doc)), "an update without memory changes nothing");
    else
        ybuf_release(&before);
    if (error == Y_ERR_NOMEM)
        apply(doc, p, n);
}

static void again(struct ydoc *doc, const uint8_t *p, size_t n)
{
    if (ydoc_has_pending(doc))
        return;
    struct ybuf once = describe(doc);
    ydoc_apply(doc, p, n, NULL);
    check(doc);
    require(equal(once, describe(doc)), "an update that comes again changes nothing");
}

/* Conversion writes what it reads in an order of its own: only where there and back is the same. */
static void apply_v2(struct ydoc *doc, const struct ydoc *same, const uint8_t *p, size_t n,
                     int expected)
{
    struct ybuf v2 = {0}, back = {0};
    bool there = y_update_convert(p, n, Y_V1, Y_V2, &v2) == 0 &&
                 y_update_convert(v2.data, v2.len, Y_V2, Y_V1, &back) == 0 && back.len == n &&
                 memcmp(back.data, p, n) == 0;
    int error = there ? ydoc_apply_v2(doc, v2.data, v2.len, NULL) : ydoc_apply(doc, p, n, NULL);
    require(error == expected, "v2 is taken or refused as v1 is");
    /* What waits has its embeds as JSON from v1 and as `any` from v2, which differ in length. */
    require(equal(describe_content(doc), describe_content(same)), "v2 does what v1 does");
    ybuf_release(&v2);
    ybuf_release(&back);
}

/* Structs without the delete set, then the delete set. */
static void apply_parts(struct ydoc *doc, const uint8_t *p, size_t n)
{
    struct y_dec d;
    struct y_struct s;
    struct ybuf structs = {0}, deletes = {0};
    y_dec_init(&d, p, n, Y_V1);
    for (uint64_t k = y_dec_sections(&d); k; k--) {
        uint64_t left, client, clock;
        for (y_dec_section(&d, &left, &client, &clock); left && y_dec_struct(&d, client, clock, &s);
             left--)
            clock += s.len;
    }
    size_t at = (size_t)(d.r.p - p);
    y_dec_end(&d);
    require(ybuf_append(&structs, p, at) == 0 && ybuf_append(&structs, "", 1) == 0, "memory");
    require(ybuf_append(&deletes, "", 1) == 0 && ybuf_append(&deletes, p + at, n - at) == 0,
            "memory");
    require(apply(doc, structs.data, structs.len) == 0, "the structs alone are taken");
    require(apply(doc, deletes.data, deletes.len) == 0, "the deletions alone are taken");
    ybuf_release(&structs);
    ybuf_release(&deletes);
}

static void load(const struct ydoc *doc)
{
    struct ydoc *loaded = ydoc_new(NULL);
    struct ybuf state = {0};
    require(ydoc_encode_update(doc, NULL, 0, &state) == 0, "encode");
    require(ydoc_apply(loaded, state.data, state.len, NULL) == 0, "own encoding is taken");
    check(loaded);
    if (!ydoc_has_pending(doc)) {
        require(!ydoc_has_pending(loaded), "what is loaded waits for nothing");
        require(equal(state_of(doc), state_of(loaded)), "what is loaded knows the same");
    }
    ybuf_release(&state);
    ydoc_free(loaded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ydoc *doc = ydoc_new(NULL), *second = ydoc_new(NULL), *parts = ydoc_new(NULL),
                *frail = ydoc_new(NULL);
    size_t dice = size * 7;
    for (int count = 0; count < MAX_UPDATES && size >= 2; count++) {
        size_t n = data[0] | (size_t)data[1] << 8;
        data += 2, size -= 2;
        if (n > size)
            n = size;
        for (size_t i = 0; i < n; i++)
            dice = dice * 31 + data[i];
        int error = apply(doc, data, n);
        apply_v2(second, doc, data, n, error);
        if (!error)
            apply_parts(parts, data, n);
        require(equal(state_of(parts), state_of(doc)), "in parts it brings the same");
        apply_frail(frail, data, n, dice >> 8 & 31);
        require(equal(state_of(frail), state_of(doc)), "after memory ran out it brings the same");
        again(doc, data, n);
        data += n, size -= n;
    }
    load(doc);
    uint64_t length = ydoc_text_length(doc, "bytecrowdText");
    uint64_t pos = length ? dice % (length + 1) : 0, del = length - pos < 3 ? length - pos : 3;
    int error = ydoc_text_splice(doc, "bytecrowdText", pos, del, "local", 5, NULL);
    require(error != Y_ERR_NOMEM && error != Y_ERR_MALFORMED, "a local edit");
    check(doc);
    load(doc);
    ydoc_free(doc);
    ydoc_free(second);
    ydoc_free(parts);
    ydoc_free(frail);
    return 0;
}
