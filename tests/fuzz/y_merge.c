/*
 * One byte that says the format, then updates: length (2 bytes, little endian), bytes. Whatever the
 * order in which they are merged, and in either format, the same clocks are there and the same are
 * deleted; merging again adds nothing; what a diff leaves out is what the state vector says is
 * there.
 */
#include "y/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_UPDATES 8

static void require(bool cond, const char *what)
{
    if (!cond) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

static void note(struct ybuf *b, uint64_t client, uint64_t from, uint64_t to)
{
    uint64_t all[] = {client, from, to};
    require(ybuf_append(b, all, sizeof(all)) == Y_OK, "memory");
}

/* The last range goes on, or another begins. */
static void extend(struct ybuf *b, uint64_t client, uint64_t from, uint64_t to)
{
    uint64_t *last = b->len ? (uint64_t *)(void *)(b->data + b->len - 24) : NULL;
    if (last && last[0] == client && last[2] == from)
        last[2] = to;
    else
        note(b, client, from, to);
}

/* Which clocks a merged update has, what it deletes. */
static struct ybuf coverage(const struct ybuf *u, enum y_format format)
{
    struct ybuf b = {0};
    struct y_dec d;
    struct y_struct s;
    y_dec_init(&d, u->data, u->len, format);
    for (uint64_t n = y_dec_sections(&d); n; n--) {
        uint64_t structs, client, clock;
        y_dec_section(&d, &structs, &client, &clock);
        for (; structs && y_dec_struct(&d, client, clock, &s); structs--, clock += s.len)
            if (s.kind != Y_SKIP)
                extend(&b, client, clock, clock + s.len);
    }
    note(&b, UINT64_MAX, 0, 0);
    for (uint64_t n = y_dec_ds_clients(&d); n; n--) {
        uint64_t client, ranges, clock, len;
        for (y_dec_ds_client(&d, &client, &ranges); ranges; ranges--) {
            y_dec_ds_range(&d, &clock, &len);
            if (len)
                note(&b, client, clock, clock + len);
        }
    }
    int error = y_dec_end(&d);
    require(error == Y_OK || error == Y_ERR_LIMIT, "what was merged is well-formed");
    b.len = error ? 0 : b.len;
    return b;
}

static void same(struct ybuf a, struct ybuf b, const char *what)
{
    require(!a.len || !b.len || (a.len == b.len && memcmp(a.data, b.data, a.len) == 0), what);
    ybuf_release(&a);
    ybuf_release(&b);
}

static struct ybuf merge(const struct y_slice *list, size_t n, enum y_format format)
{
    struct ybuf out = {0};
    require(y_updates_merge(list, n, format, &out) == Y_OK, "merge");
    return out;
}

static void in_other_format(const struct y_slice *list, size_t n, enum y_format format,
                            const struct ybuf *all)
{
    struct ybuf converted[MAX_UPDATES + 1] = {{0}};
    struct y_slice other[MAX_UPDATES + 1];
    enum y_format to = (enum y_format) !format;
    for (size_t i = 0; i < n; i++) {
        require(y_update_convert(list[i].p, list[i].n, format, to, &converted[i]) == Y_OK,
                "convert");
        other[i] = (struct y_slice){converted[i].data, converted[i].len};
    }
    struct ybuf out = merge(other, n, to);
    same(coverage(all, format), coverage(&out, to), "formats agree");
    ybuf_release(&out);
    for (size_t i = 0; i < n; i++)
        ybuf_release(&converted[i]);
}

static void diffs(const struct ybuf *all, enum y_format format)
{
    struct ybuf sv = {0}, rest = {0}, nothing = {0};
    struct ybuf whole = coverage(all, format);
    bool fits = whole.len > 0;
    ybuf_release(&whole);
    if (!fits)
        return;
    require(y_update_state_vector(all->data, all->len, format, &sv) == Y_OK, "state vector");
    require(y_update_diff(all->data, all->len, sv.data, sv.len, format, &rest) == Y_OK, "diff");
    require(y_update_state_vector(rest.data, rest.len, format, &nothing) == Y_OK, "of a diff");
    require(nothing.len == 1 && nothing.data[0] == 0, "a diff has nothing that was there");
    struct y_slice both[] = {{rest.data, rest.len}, {all->data, all->len}};
    struct ybuf again = merge(both, 2, format);
    same(coverage(all, format), coverage(&again, format), "a diff adds nothing");
    ybuf_release(&again);
    ybuf_release(&sv);
    ybuf_release(&rest);
    ybuf_release(&nothing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct y_slice list[MAX_UPDATES + 1], backwards[MAX_UPDATES + 1];
    struct ybuf empty = {0};
    size_t n = 0;
    if (size < 1)
        return 0;
    enum y_format format = data[0] & 1 ? Y_V2 : Y_V1;
    require(y_updates_merge(NULL, 0, format, &empty) == Y_OK, "none");
    list[n++] = (struct y_slice){empty.data, empty.len};
    for (data++, size--; n <= MAX_UPDATES && size >= 2;) {
        size_t len = data[0] | (size_t)data[1] << 8;
        data += 2, size -= 2;
        len = len < size ? len : size;
        if ((format == Y_V1 ? y_update_check(data, len) : y_update_check_v2(data, len)) == Y_OK)
            list[n++] = (struct y_slice){data, len};
        data += len, size -= len;
    }
    for (size_t i = 0; i < n; i++)
        backwards[i] = list[n - 1 - i];
    if (n > 1) {
        struct ybuf all = merge(list, n, format), other = merge(backwards, n, format);
        same(coverage(&all, format), coverage(&other, format), "order does not matter");
        struct y_slice twice[] = {{all.data, all.len}, {other.data, other.len}};
        struct ybuf again = {0};
        if (y_updates_merge(twice, 2, format, &again) == Y_OK)
            same(coverage(&all, format), coverage(&again, format), "again adds nothing");
        in_other_format(list, n, format, &all);
        diffs(&all, format);
        ybuf_release(&all);
        ybuf_release(&other);
        ybuf_release(&again);
    }
    ybuf_release(&empty);
    return 0;
}
