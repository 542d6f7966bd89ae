/*
 * Drives documents for a script: frames [command][document][u32 little endian length][bytes] on
 * standard input, answers [i32 status][u32 length][bytes] on standard output.
 *
 *     n new document   a apply update   e encode against a state vector   v state vector
 *     t text of root "text"   c check (the answer is what is wrong)   p pending bytes
 */
#include "tests/y/oracle/frames.h"

#include "y/y.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ydoc *docs[256];

static int32_t run(uint8_t command, uint8_t d, const uint8_t *p, uint32_t len, struct ybuf *out)
{
    const char *wrong;
    switch (command) {
    case 'n':
        ydoc_free(docs[d]);
        docs[d] = ydoc_new(NULL);
        return 0;
    case 'a':
        return ydoc_apply(docs[d], p, len, NULL);
    case 'e':
        return ydoc_encode_update(docs[d], p, len, out);
    case 'v':
        return ydoc_encode_state_vector(docs[d], out);
    case 't':
        return ydoc_text(docs[d], "text", out);
    case 'c':
        wrong = ydoc_check(docs[d]);
        return wrong ? ybuf_append(out, wrong, strlen(wrong)) : 0;
    case 'p':
        return (int32_t)ydoc_pending_bytes(docs[d]);
    default:
        return -100;
    }
}

int main(void)
{
    if (serve_frames(run))
        return 1;
    for (int i = 0; i < 256; i++)
        ydoc_free(docs[i]);
    return 0;
}
