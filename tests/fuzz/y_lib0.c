/* Readers of lib0 bytes under any script of reads: they never pass the end, an error stays, what
 * was read writes back to bytes that read the same. And the checks of UTF-8, JSON and whole
 * updates. */
#include "y/y.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool cond)
{
    if (!cond)
        abort();
}

static void round_trip(uint64_t n, const void *bytes, size_t len)
{
    struct ybuf b = {0};
    require(y_write_varuint(&b, n) == Y_OK && y_write_bytes(&b, bytes, len) == Y_OK);
    struct y_reader r = y_reader_of(b.data, b.len);
    size_t got;
    require(y_read_varuint(&r) == n);
    const uint8_t *p = y_read_bytes(&r, &got);
    require(got == len && (!len || memcmp(p, bytes, len) == 0));
    require(!r.error && r.p == r.end);
    ybuf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t script = size ? data[0] % 16 + 1u : 0;
    if (size <= script)
        return 0;
    struct y_reader r = y_reader_of(data + script, size - script);
    for (size_t i = 1; i < script; i++) {
        bool failed = r.error != 0;
        uint64_t n = 0;
        size_t len = 0;
        const void *p = "";
        switch (data[i] % 4) {
        case 0:
            n = y_read_varuint(&r);
            break;
        case 1:
            n = y_read_u8(&r);
            break;
        case 2:
            p = y_read_bytes(&r, &len);
            break;
        default:
            p = y_read_string(&r, &len);
            require(y_utf8_valid(p, len));
        }
        require(r.p <= r.end && n < UINT64_C(1) << 53);
        if (failed)
            require(r.error && !n && !len);
        round_trip(n, p, len);
    }
    if (y_json_valid(data, size))
        require(y_utf8_valid(data, size));
    y_update_check(data, size);
    return 0;
}
