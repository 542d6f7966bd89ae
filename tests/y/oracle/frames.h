/*
 * What the drivers of the oracles share: frames [command][document][u32 little endian length][bytes] on
 * standard input, answers [i32 status][u32 length][bytes] on standard output, until the input ends.
 */
#ifndef TESTS_Y_ORACLE_FRAMES_H
#define TESTS_Y_ORACLE_FRAMES_H

#include "y/y.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int32_t frame_fn(uint8_t command, uint8_t d, const uint8_t *p, uint32_t len,
                         struct ybuf *out);

/* 0 at the end of the input; 1 if it ends within a frame. */
static inline int serve_frames(frame_fn *run)
{
    uint8_t head[6];
    while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        uint32_t len;
        struct ybuf out = {0};
        memcpy(&len, head + 2, 4);
        uint8_t *p = malloc(len ? len : 1);
        if (!p || fread(p, 1, len, stdin) != len)
            return 1;
        int32_t status = run(head[0], head[1], p, len, &out);
        uint32_t n = (uint32_t)out.len;
        fwrite(&status, 4, 1, stdout);
        fwrite(&n, 4, 1, stdout);
        if (n)
            fwrite(out.data, 1, n, stdout);
        fflush(stdout);
        ybuf_release(&out);
        free(p);
    }
    return 0;
}

#endif
