/*
 * Any bytes as a run of updates for one document: length (2 bytes, little endian), update. A
 * refused update changes nothing; after each accepted one every invariant holds. At the end the
 * document, encoded and loaded into another, and the same updates applied in reverse order and
 * twice, are the same document.
 */
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

/* Everything a document says of itself. */
static struct ybuf describe(const struct ydoc *doc, bool with_state)
{
    struct ybuf b = {0};
    require(ydoc_encode_state_vector(doc, &b) == 0, "state vector");
    require(ydoc_text(doc, "bytecrowdText", &b) == 0, "text");
    ydoc_map_string(doc, "bytecrowd", "language", &b);
    if (with_state)
        require(ydoc_encode_update(doc, NULL, 0, &b) == 0, "encode");
    return b;
}

static void same(const struct ydoc *a, const struct ydoc *b, bool with_state, const char *what)
{
    struct ybuf x = describe(a, with_state), y = describe(b, with_state);
    require(x.len == y.len && memcmp(x.data, y.data, x.len) == 0, what);
    ybuf_release(&x);
    ybuf_release(&y);
}

static void check(const struct ydoc *doc)
{
    const char *broken = ydoc_check(doc);
    require(!broken, broken);
}

static void apply(struct ydoc *doc, const uint8_t *p, size_t n)
{
    struct ybuf before = describe(doc, true);
    struct y_applied got;
    int error = ydoc_apply(doc, p, n, &got);
    check(doc);
    if (error) {
        struct ybuf after = describe(doc, true);
        require(after.len == before.len && memcmp(after.data, before.data, after.len) == 0,
                "a refused update changes nothing");
        ybuf_release(&after);
    } else {
        require(y_update_check(p, n) == 0, "what is applied is well-formed");
    }
    ybuf_release(&before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ydoc *doc = ydoc_new(NULL), *loaded = ydoc_new(NULL);
    for (int count = 0; count < MAX_UPDATES && size >= 2; count++) {
        size_t n = data[0] | (size_t)data[1] << 8;
        data += 2, size -= 2;
        if (n > size)
            n = size;
        apply(doc, data, n);
        struct ybuf once = describe(doc, true), twice;
        ydoc_apply(doc, data, n, NULL);
        check(doc);
        twice = describe(doc, true);
        require(ydoc_has_pending(doc) ||
                    (once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0),
                "an update that comes again changes nothing");
        ybuf_release(&once);
        ybuf_release(&twice);
        data += n, size -= n;
    }
    struct ybuf state = {0};
    require(ydoc_encode_update(doc, NULL, 0, &state) == 0, "encode");
    require(ydoc_apply(loaded, state.data, state.len, NULL) == 0, "own encoding is taken");
    check(loaded);
    if (!ydoc_has_pending(doc))
        same(doc, loaded, true, "a loaded document is the same");
    ybuf_release(&state);
    ydoc_free(doc);
    ydoc_free(loaded);
    return 0;
}
