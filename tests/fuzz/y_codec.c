/*
 * One byte that says the format, then any bytes as an update. What is refused is refused by every
 * operation, and nothing is written. What is taken can be converted, inspected, and converted on
 * for ever: after the first round trip (JSON has no bigint, no -0, ...) nothing changes any more.
 */
#include "y/y.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool cond, const char *what)
{
    if (!cond) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

static struct ybuf convert(const struct ybuf *b, enum y_format from, enum y_format to)
{
    struct ybuf out = {0};
    require(y_update_convert(b->data, b->len, from, to, &out) == Y_OK, "own output is taken");
    return out;
}

/* Through v2 and back. */
static struct ybuf round_trip(const struct ybuf *v1)
{
    struct ybuf v2 = convert(v1, Y_V1, Y_V2), back = convert(&v2, Y_V2, Y_V1);
    ybuf_release(&v2);
    return back;
}

static void refused(const uint8_t *p, size_t n, enum y_format format, int error)
{
    struct ybuf out = {0};
    struct y_slice twice[] = {{p, n}, {p, n}};
    require(y_update_convert(p, n, format, (enum y_format) !format, &out) == error, "convert");
    require(y_update_state_vector(p, n, format, &out) == error, "state vector");
    require(y_update_diff(p, n, NULL, 0, format, &out) == error, "diff");
    require(y_update_inspect(p, n, format, &out) == error, "inspect");
    require(y_updates_merge(twice, 2, format, &out) == error, "merge");
    require(out.len == 0, "nothing is written on failure");
    ybuf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    enum y_format format = data[0] & 1 ? Y_V2 : Y_V1;
    struct ybuf in = {0}, text = {0};
    if (size > 1)
        ybuf_append(&in, data + 1, size - 1);
    int error =
        format == Y_V1 ? y_update_check(in.data, in.len) : y_update_check_v2(in.data, in.len);
    if (error) {
        refused(in.data, in.len, format, error);
    } else {
        require(y_update_inspect(in.data, in.len, format, &text) == Y_OK, "inspect");
        struct ybuf v1 = convert(&in, format, Y_V1), one = round_trip(&v1), two = round_trip(&one);
        require(one.len == two.len && memcmp(one.data, two.data, one.len) == 0,
                "round trips change nothing");
        ybuf_release(&v1);
        ybuf_release(&one);
        ybuf_release(&two);
    }
    ybuf_release(&text);
    ybuf_release(&in);
    return 0;
}
