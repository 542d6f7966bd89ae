/*
 * Operations on updates, for a script: frames [command][format][u32 little endian length][bytes] on
 * standard input, answers [i32 status][u32 length][bytes] on standard output. `format` is 0 for v1,
 * 1 for v2.
 *
 *     m merge: u32 count, count x (u32 length, update)   d diff: u32 length, state vector, update
 *     v state vector of an update   c convert to the other format   k check
 *     j JSON text to any   a any to JSON text   i inspect
 */
#include "y/any.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t u32(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, 4);
    return n;
}

static int32_t merge(enum y_format format, const uint8_t *p, struct ybuf *out)
{
    uint32_t n = u32(p);
    struct y_slice *list = malloc((n ? n : 1) * sizeof(*list));
    if (!list)
        return -100;
    p += 4;
    for (uint32_t i = 0; i < n; i++) {
        list[i] = (struct y_slice){p + 4, u32(p)};
        p += 4 + list[i].n;
    }
    int error = y_updates_merge(list, n, format, out);
    free(list);
    return error;
}

static int32_t run(uint8_t command, enum y_format format, const uint8_t *p, uint32_t len,
                   struct ybuf *out)
{
    uint32_t n;
    switch (command) {
    case 'm':
        return merge(format, p, out);
    case 'd':
        n = u32(p);
        return y_update_diff(p + 4 + n, len - 4 - n, p + 4, n, format, out);
    case 'v':
        return y_update_state_vector(p, len, format, out);
    case 'c':
        return y_update_convert(p, len, format, format == Y_V1 ? Y_V2 : Y_V1, out);
    case 'k':
        return format == Y_V1 ? y_update_check(p, len) : y_update_check_v2(p, len);
    case 'j':
        return y_any_from_json(p, len, out);
    case 'a':
        return y_any_to_json(p, len, out);
    case 'i':
        return y_update_inspect(p, len, format, out);
    default:
        return -100;
    }
}

int main(void)
{
    uint8_t head[6];
    while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        uint32_t len = u32(head + 2);
        struct ybuf out = {0};
        uint8_t *p = malloc(len ? len : 1);
        if (!p || fread(p, 1, len, stdin) != len)
            return 1;
        int32_t status = run(head[0], head[1] ? Y_V2 : Y_V1, p, len, &out);
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
