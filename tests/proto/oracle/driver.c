/*
 * What becomes of awareness states, for tests/proto/oracle/run.mjs. Records on standard input: who sends it (one
 * byte: 0 nobody known, else number n of `people`), length (4 bytes, little endian), JSON. For each one on
 * standard output: length, the state as others get it; 0xffffffff if it is refused.
 */
#include "proto/awareness.h"
#include "y/y.h"

#include <stdio.h>
#include <stdlib.h>

static const struct awareness_identity people[] = {
    {"Ada", "ada@x.example"}, {"", "\"\\@\xc3\xa9.example"}, {"A}\"\n\xe2\x82\xac", ""}};

static void put(const void *p, uint32_t len)
{
    uint8_t head[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
                       (uint8_t)(len >> 24)};
    fwrite(head, 1, 4, stdout);
    if (p)
        fwrite(p, 1, len, stdout);
}

static void one(int who, const uint8_t *json, size_t len)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner owner = {.identity = who ? &people[who - 1] : NULL};
    struct ybuf in = {0};
    struct buf out = {0};
    if (y_write_varuint(&in, 1) || y_write_varuint(&in, 7) || y_write_varuint(&in, 1) ||
        y_write_bytes(&in, json, len))
        exit(1);
    if (awareness_apply(a, &owner, in.data, in.len, 1000, NULL) || !awareness_all(a, &out)) {
        put(NULL, UINT32_MAX);
    } else {
        struct y_reader r = y_reader_of(out.data, out.len);
        size_t n;
        for (int i = 0; i < 3; i++)
            y_read_varuint(&r);
        const char *state = y_read_string(&r, &n);
        put(state, (uint32_t)n);
    }
    ybuf_release(&in);
    buf_release(&out);
    awareness_drop(a, &owner, 1000);
    awareness_free(a);
}

int main(void)
{
    uint8_t head[5];
    while (fread(head, 1, 5, stdin) == 5) {
        size_t len = head[1] | (size_t)head[2] << 8 | (size_t)head[3] << 16 | (size_t)head[4] << 24;
        uint8_t *p = malloc(len ? len : 1);
        if (!p || fread(p, 1, len, stdin) != len)
            return 1;
        one(head[0], p, len);
        free(p);
    }
    return 0;
}
