/* Attributes of text: an ordered map. */
#include "y/attrs.h"

#include "y/any.h"
#include "y/members.h"

#include <stdlib.h>

#define FEW 8 /* up to so many are looked through one by one */

static const uint8_t null_any[] = {126};
const struct y_val y_val_null = {0, {null_any, 1}};

/* --- the map ---------------------------------------------------------------------------------- */

void y_attrs_release(struct y_attrs *a)
{
    y_mem_free(a->list);
    y_mem_free(a->table);
    *a = (struct y_attrs){0};
}

void y_attrs_clear(struct y_attrs *a)
{
    if (a->table_cap) /* of many: clearing it could cost more than what it is used for next */
        y_attrs_release(a);
    a->count = a->live = 0;
}

static uint32_t slot_of(const struct y_attrs *a, uint32_t key)
{
    uint32_t mask = a->table_cap - 1, i = (key * 0x9e3779b1u) >> 7 & mask;
    while (a->table[i] && a->list[a->table[i] - 1].key != key)
        i = (i + 1) & mask;
    return i;
}

/* 1 + its index; 0: none. */
static uint32_t index_of(const struct y_attrs *a, uint32_t key)
{
    if (a->table_cap)
        return a->table[slot_of(a, key)];
    for (uint32_t i = 0; i < a->count; i++)
        if (a->list[i].key == key)
            return i + 1;
    return 0;
}

static void fill_table(struct y_attrs *a)
{
    memset(a->table, 0, a->table_cap * sizeof(*a->table));
    for (uint32_t i = 0; i < a->count; i++)
        a->table[slot_of(a, a->list[i].key)] = i + 1;
}

static void close_up(struct y_attrs *a)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->list[i].key)
            a->list[n++] = a->list[i];
    a->count = n;
}

/* Room for one more; what was taken away goes when it is half of all. */
static int attrs_room(struct y_attrs *a)
{
    if (a->count < a->cap)
        return Y_OK;
    if (a->live <= a->count / 2)
        close_up(a);
    if (a->count == a->cap) {
        uint32_t cap = a->cap ? a->cap * 2 : FEW;
        if (cap > FEW) {
            uint32_t *table = y_realloc(a->table, cap * 2 * sizeof(*table));
            if (!table)
                return Y_ERR_NOMEM;
            a->table = table;
            a->table_cap = cap * 2;
            fill_table(a);
        }
        struct y_attr *p = y_realloc(a->list, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        a->list = p;
        a->cap = cap;
    }
    if (a->table_cap)
        fill_table(a);
    return Y_OK;
}

struct y_val y_attrs_get(const struct y_attrs *a, uint32_t key)
{
    uint32_t i = index_of(a, key);
    return i ? a->list[i - 1].value : (struct y_val){.item = 0};
}

bool y_attrs_has(const struct y_attrs *a, uint32_t key)
{
    return index_of(a, key) != 0;
}

int y_attrs_set(struct y_attrs *a, uint32_t key, struct y_val value)
{
    uint32_t i = index_of(a, key);
    if (!i) {
        if (attrs_room(a) < 0)
            return Y_ERR_NOMEM;
        i = ++a->count;
        a->list[i - 1].key = key;
        a->live++;
        if (a->table_cap)
            a->table[slot_of(a, key)] = i;
    }
    a->list[i - 1].value = value;
    return Y_OK;
}

/* Its slot in the table stays taken: the key that is looked for next may lie behind it. */
void y_attrs_delete(struct y_attrs *a, uint32_t key)
{
    uint32_t i = index_of(a, key);
    if (!i)
        return;
    a->list[i - 1].key = 0;
    if (--a->live == 0)
        y_attrs_clear(a);
}

int y_attrs_copy(struct y_attrs *to, const struct y_attrs *from)
{
    int error = Y_OK;
    y_attrs_clear(to);
    for (uint32_t i = 0; i < from->count && !error; i++)
        if (from->list[i].key)
            error = y_attrs_set(to, from->list[i].key, from->list[i].value);
    return error;
}

/* --- objects ---------------------------------------------------------------------------------- */

struct indexed {
    uint32_t index;
    struct y_attr attr;
};

static int by_index(const void *a, const void *b)
{
    uint32_t x = ((const struct indexed *)a)->index, y = ((const struct indexed *)b)->index;
    return (x > y) - (x < y);
}

static uint32_t key_index(const struct ydoc *doc, uint32_t key)
{
    const struct y_name *n = &doc->names[key];
    return y_array_index(n->s, n->len);
}

int y_attrs_object_order(const struct ydoc *doc, struct y_attrs *a)
{
    uint32_t n = 0, k = 0;
    close_up(a);
    for (uint32_t i = 0; i < a->count; i++)
        n += key_index(doc, a->list[i].key) != Y_NO_INDEX;
    if (n) {
        struct indexed *sorted = y_realloc(NULL, n * sizeof(*sorted));
        if (!sorted)
            return Y_ERR_NOMEM;
        for (uint32_t i = a->count, to = a->count; i-- > 0;) {
            uint32_t index = key_index(doc, a->list[i].key);
            if (index == Y_NO_INDEX)
                a->list[--to] = a->list[i];
            else
                sorted[k++] = (struct indexed){index, a->list[i]};
        }
        qsort(sorted, n, sizeof(*sorted), by_index);
        for (uint32_t i = 0; i < n; i++)
            a->list[i] = sorted[i].attr;
        y_mem_free(sorted);
    }
    if (a->table_cap)
        fill_table(a);
    return Y_OK;
}

bool y_attrs_valid(struct y_slice any)
{
    struct y_reader r = y_reader_of(any.p, any.n);
    return !any.n || (any.p[0] == 118 && y_any_skip(&r) == Y_OK && r.p == r.end);
}

static bool is_proto(const char *key, size_t len)
{
    return len == 9 && memcmp(key, "__proto__", 9) == 0;
}

int y_attrs_read(struct ydoc *doc, struct y_slice any, struct y_attrs *a)
{
    struct y_reader r = y_reader_of(any.p, any.n);
    if (!y_attrs_valid(any))
        return Y_ERR_MALFORMED;
    if (!any.n)
        return Y_OK;
    int error = Y_OK;
    y_read_u8(&r);
    for (uint64_t n = y_read_varuint(&r); n && !error; n--) {
        size_t len;
        uint32_t name;
        const char *key = y_read_string(&r, &len);
        const uint8_t *p = r.p;
        y_any_skip(&r);
        if (*p == 127 || is_proto(key, len))
            continue;
        error = y_name_of(doc, key, len, &name);
        if (!error)
            error = y_attrs_set(a, name, (struct y_val){0, {p, (size_t)(r.p - p)}});
    }
    return error ? error : y_attrs_object_order(doc, a);
}

static int write_members(const struct ydoc *doc, const struct y_attrs *a, struct ybuf *out)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        const struct y_name *name = &doc->names[a->list[i].key];
        n += a->list[i].key && !is_proto((const char *)name->s, name->len);
    }
    int error = ybuf_append(out, "\x76", 1);
    if (!error)
        error = y_write_varuint(out, n);
    for (uint32_t i = 0; i < a->count && !error; i++) {
        const struct y_name *name = &doc->names[a->list[i].key];
        if (!a->list[i].key || is_proto((const char *)name->s, name->len))
            continue;
        struct y_slice v = y_val_any(doc, a->list[i].value);
        error = y_write_bytes(out, name->s, name->len);
        if (!error)
            error = v.n ? ybuf_append(out, v.p, v.n) : ybuf_append(out, "\x7f", 1);
    }
    return error;
}

int y_attrs_write(const struct ydoc *doc, const struct y_attrs *a, struct ybuf *out)
{
    bool in_order = true;
    for (uint32_t i = 0; i < a->count && in_order; i++)
        in_order = !a->list[i].key || key_index(doc, a->list[i].key) == Y_NO_INDEX;
    if (in_order)
        return write_members(doc, a, out);
    struct y_attrs copy = {0};
    int error = y_attrs_copy(&copy, a);
    if (!error)
        error = y_attrs_object_order(doc, &copy);
    if (!error)
        error = write_members(doc, &copy, out);
    y_attrs_release(&copy);
    return error;
}

/* --- formats ---------------------------------------------------------------------------------- */

int y_format_key(struct ydoc *doc, y_handle h, uint32_t *key)
{
    const struct y_item *it = y_item(doc, h);
    struct y_reader r = y_reader_of(y_content(doc, it), it->bytes);
    size_t len;
    const uint8_t *s = y_read_bytes(&r, &len);
    return y_name_of(doc, s, len, key);
}

int y_attrs_update(struct ydoc *doc, struct y_attrs *a, y_handle h)
{
    uint32_t key;
    int error = y_format_key(doc, h, &key);
    if (error)
        return error;
    if (!y_val_is_null(doc, y_format_value(h)))
        return y_attrs_set(a, key, y_format_value(h));
    y_attrs_delete(a, key);
    return Y_OK;
}

int y_attrs_look_back(struct ydoc *doc, y_handle left, struct y_attrs *a)
{
    uint32_t missing = 0, key;
    for (uint32_t i = 0; i < a->count; i++)
        missing += a->list[i].key && !a->list[i].value.item && !a->list[i].value.any.n;
    for (y_handle h = left; h && missing; h = y_item(doc, h)->left) {
        if (!y_is_format(y_item(doc, h)))
            continue;
        int error = y_format_key(doc, h, &key);
        if (error)
            return error;
        uint32_t i = index_of(a, key);
        if (!i || a->list[i - 1].value.item || a->list[i - 1].value.any.n)
            continue;
        a->list[i - 1].value = y_format_value(h);
        missing--;
    }
    for (uint32_t i = 0; i < a->count; i++)
        if (a->list[i].key && y_val_nullish(doc, a->list[i].value))
            y_attrs_delete(a, a->list[i].key);
    return Y_OK;
}
