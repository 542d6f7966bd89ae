/* Attribute values: what is equal to what, as JavaScript and yjs see it. */
#include "y/attrs.h"

#include "y/any.h"
#include "y/members.h"

#include <stdlib.h>

/* --- reading ---------------------------------------------------------------------------------- */

struct y_slice y_val_any(const struct ydoc *doc, struct y_val v)
{
    if (!v.item)
        return v.any;
    const struct y_item *it = y_item(doc, v.item);
    struct y_reader r = y_reader_of(y_content(doc, it), it->bytes);
    size_t len;
    y_read_bytes(&r, &len);
    return (struct y_slice){r.p, (size_t)(r.end - r.p)};
}

static uint8_t kind_of(struct y_slice any)
{
    return any.n ? any.p[0] : 127;
}

static bool is_object(uint8_t kind)
{
    return kind == 118 || kind == 117 || kind == 116;
}

static bool is_number(uint8_t kind)
{
    return kind == 125 || kind == 124 || kind == 123;
}

bool y_val_is_null(const struct ydoc *doc, struct y_val v)
{
    return kind_of(y_val_any(doc, v)) == 126;
}

bool y_val_nullish(const struct ydoc *doc, struct y_val v)
{
    return kind_of(y_val_any(doc, v)) >= 126;
}

struct y_val y_val_or_null(const struct ydoc *doc, struct y_val v)
{
    return y_val_nullish(doc, v) ? y_val_null : v;
}

static double number_of(struct y_slice any)
{
    uint64_t bits = 0;
    if (any.p[0] == 125) {
        double v = any.p[1] & 0x3f, scale = 64;
        for (size_t i = 2; i < any.n; i++, scale *= 128)
            v += scale * (any.p[i] & 0x7f);
        return any.p[1] & 0x40 ? -v : v;
    }
    for (size_t i = 1; i < any.n; i++)
        bits = bits << 8 | any.p[i];
    if (any.p[0] == 124) {
        uint32_t half = (uint32_t)bits;
        float f;
        memcpy(&f, &half, 4);
        return (double)f;
    }
    double d;
    memcpy(&d, &bits, 8);
    return d;
}

/* === of what is no object. */
static bool same_scalar(struct y_slice a, struct y_slice b)
{
    uint8_t ka = kind_of(a), kb = kind_of(b);
    if (is_number(ka) && is_number(kb))
        return number_of(a) == number_of(b);
    if (ka != kb || is_object(ka))
        return false;
    return ka >= 126 || (a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
}

/* --- the very same object --------------------------------------------------------------------- */

/* Where the format is in the table, or would be. */
static struct y_same *same_slot(const struct ydoc *doc, uint64_t id)
{
    uint32_t mask = doc->same_cap - 1, i = (uint32_t)(id * 0x9e3779b97f4a7c15u >> 32) & mask;
    while (doc->same[i].used && doc->same[i].id != id)
        i = (i + 1) & mask;
    return &doc->same[i];
}

static uint64_t id_of(const struct y_item *it)
{
    return (uint64_t)it->client << 32 | it->clock;
}

/* The format that first had the object which this one has. */
static uint64_t identity(const struct ydoc *doc, y_handle h)
{
    uint64_t id = id_of(y_item(doc, h));
    const struct y_same *s = doc->same_cap ? same_slot(doc, id) : NULL;
    return s && s->used ? s->as : id;
}

static bool still_there(const struct ydoc *doc, uint64_t id)
{
    uint32_t client = (uint32_t)(id >> 32), clock = (uint32_t)id;
    if (clock >= doc->clients[client].state)
        return false;
    return y_item(doc, y_item_at((struct ydoc *)doc, (struct y_id){client, clock}))->kind ==
           Y_FORMAT;
}

/* A table for twice what is still needed and one more. */
static int same_grow(struct ydoc *doc)
{
    struct y_same *old = doc->same;
    uint32_t live = 1, cap = 16, old_cap = doc->same_cap;
    for (uint32_t i = 0; i < doc->same_cap; i++)
        live += doc->same[i].used && still_there(doc, doc->same[i].id);
    while (cap < live * 4)
        cap *= 2;
    struct y_same *table = y_realloc(NULL, cap * sizeof(*table));
    if (!table)
        return Y_ERR_NOMEM;
    memset(table, 0, cap * sizeof(*table));
    doc->same = table;
    doc->same_cap = cap;
    doc->same_count = 0;
    for (uint32_t i = 0; i < old_cap; i++) {
        if (!old[i].used || !still_there(doc, old[i].id))
            continue;
        *same_slot(doc, old[i].id) = old[i];
        doc->same_count++;
    }
    y_mem_free(old);
    return Y_OK;
}

int y_same_value(struct ydoc *doc, y_handle copy, y_handle original)
{
    uint64_t id = id_of(y_item(doc, copy));
    struct y_same *s = doc->same_cap ? same_slot(doc, id) : NULL;
    if (s && s->used) { /* of a format that was rolled back */
        s->as = original ? identity(doc, original) : id;
        return Y_OK;
    }
    if (!original || !is_object(kind_of(y_val_any(doc, y_format_value(original)))))
        return Y_OK;
    if (doc->same_count + 1 > doc->same_cap / 2 && same_grow(doc) < 0)
        return Y_ERR_NOMEM;
    *same_slot(doc, id) = (struct y_same){id, identity(doc, original), true};
    doc->same_count++;
    return Y_OK;
}

bool y_val_same(const struct ydoc *doc, struct y_val a, struct y_val b)
{
    struct y_slice x = y_val_any(doc, a), y = y_val_any(doc, b);
    if (!is_object(kind_of(x)) || !is_object(kind_of(y)))
        return same_scalar(x, y);
    if (a.item && b.item)
        return identity(doc, a.item) == identity(doc, b.item);
    return !a.item && !b.item && x.p == y.p;
}

/* --- equality one level deep ------------------------------------------------------------------ */

struct part {
    struct y_slice key; /* empty for an index */
    uint32_t index;
    struct y_slice value;
};

static int compare(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int order = n ? memcmp(x->key.p, y->key.p, n) : 0;
    return order ? order : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

static uint64_t part_count(struct y_slice any)
{
    struct y_reader r = y_reader_of(any.p + 1, any.n - 1);
    return y_read_varuint(&r);
}

/* The members of an object, an array's values with their indices. Uint8Arrays do not come here. */
static void parts_of(struct y_slice any, struct part *parts, uint64_t n)
{
    struct y_reader r = y_reader_of(any.p + 1, any.n - 1);
    bool sorted = true;
    y_read_varuint(&r);
    for (uint64_t i = 0; i < n; i++) {
        struct part *p = &parts[i];
        *p = (struct part){.index = (uint32_t)i};
        if (any.p[0] == 118) {
            p->key.p = y_read_bytes(&r, &p->key.n);
            p->index = y_array_index(p->key.p, p->key.n);
            if (p->index != Y_NO_INDEX)
                p->key.n = 0;
        }
        const uint8_t *from = r.p;
        y_any_skip(&r);
        p->value = (struct y_slice){from, (size_t)(r.p - from)};
        sorted &= !i || compare(p - 1, p) < 0;
    }
    if (!sorted)
        qsort(parts, n, sizeof(*parts), compare);
}

/* Bytes as an array would have them are rare enough to be made into one. */
static int as_array(struct y_slice *any, struct ybuf *out)
{
    struct y_reader r = y_reader_of(any->p + 1, any->n - 1);
    size_t n;
    if (any->p[0] != 116)
        return Y_OK;
    const uint8_t *p = y_read_bytes(&r, &n);
    int error = ybuf_append(out, "\x75", 1);
    if (!error)
        error = y_write_varuint(out, n);
    for (size_t i = 0; i < n && !error; i++) {
        uint8_t number[3] = {125, p[i], 0};
        if (p[i] > 63) {
            number[1] = 0x80 | (p[i] & 0x3f);
            number[2] = p[i] >> 6;
        }
        error = ybuf_append(out, number, p[i] > 63 ? 3 : 2);
    }
    *any = (struct y_slice){out->data, out->len};
    return error;
}

static int equal_parts(struct y_slice a, struct y_slice b, uint64_t n)
{
    struct part few[16], *parts = few;
    if (n > 8) {
        parts = y_realloc(NULL, 2 * n * sizeof(*parts));
        if (!parts)
            return Y_ERR_NOMEM;
    }
    parts_of(a, parts, n);
    parts_of(b, parts + n, n);
    int equal = 1;
    for (uint64_t i = 0; i < n && equal; i++)
        equal = compare(&parts[i], &parts[n + i]) == 0 &&
                same_scalar(parts[i].value, parts[n + i].value);
    if (parts != few)
        y_mem_free(parts);
    return equal;
}

int y_val_equal(const struct ydoc *doc, struct y_val a, struct y_val b)
{
    struct y_slice x = y_val_any(doc, a), y = y_val_any(doc, b);
    if (y_val_same(doc, a, b))
        return 1;
    if (!is_object(kind_of(x)) || !is_object(kind_of(y)))
        return 0;
    struct ybuf bytes_x = {0}, bytes_y = {0};
    int equal = as_array(&x, &bytes_x);
    if (!equal)
        equal = as_array(&y, &bytes_y);
    if (!equal && part_count(x) == part_count(y))
        equal = equal_parts(x, y, part_count(x));
    ybuf_release(&bytes_x);
    ybuf_release(&bytes_y);
    return equal;
}
