#include "y/members.h"

#include "y/mem.h"

#include <string.h>

/* Up to this many, keys are compared each with each. */
#define FEW 8

void y_members_release(struct y_members *m)
{
    y_mem_free(m->list);
    ybuf_release(&m->copy);
}

/* ECMA-262 array index: the decimal text of an integer up to 2^32 - 2. */
uint32_t y_array_index(const uint8_t *s, size_t len)
{
    uint64_t n = 0;
    if (len == 0 || len > 10 || (s[0] == '0' && len > 1))
        return Y_NO_INDEX;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return Y_NO_INDEX;
        n = n * 10 + (uint64_t)(s[i] - '0');
    }
    return n < Y_NO_INDEX ? (uint32_t)n : Y_NO_INDEX;
}

struct y_member *y_members_add(struct y_members *m, size_t key, const uint8_t *name, size_t len)
{
    if (m->count == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct y_member *list = y_realloc(m->list, cap * sizeof(*list));
        if (!list)
            return NULL;
        m->list = list;
        m->cap = cap;
    }
    struct y_member *it = &m->list[m->count++];
    *it = (struct y_member){.key = key, .key_len = len, .index = y_array_index(name, len)};
    return it;
}

static int compare_keys(const struct y_member *a, const struct y_member *b, const uint8_t *base)
{
    if (a->key_len != b->key_len)
        return a->key_len < b->key_len ? -1 : 1;
    return a->key_len ? memcmp(base + a->key, base + b->key, a->key_len) : 0;
}

/* Sorting, in place and never worse than n log n: by key then place, or by index then place. */
struct order {
    const struct y_member *list;
    const uint8_t *base; /* NULL: by index */
};

static bool before(const struct order *o, size_t a, size_t b)
{
    const struct y_member *x = &o->list[a], *y = &o->list[b];
    int c = o->base ? compare_keys(x, y, o->base) : (x->index > y->index) - (x->index < y->index);
    return c ? c < 0 : a < b;
}

static void sift(const struct order *o, size_t *a, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && before(o, a[child], a[child + 1]))
            child++;
        if (!before(o, a[at], a[child]))
            return;
        size_t t = a[at];
        a[at] = a[child];
        a[child] = t;
    }
}

static void sort(const struct order *o, size_t *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] = i;
    for (size_t i = n / 2; i-- > 0;)
        sift(o, a, i, n);
    for (size_t i = n; i-- > 1;) {
        size_t t = a[0];
        a[0] = a[i];
        a[i] = t;
        sift(o, a, 0, i);
    }
}

/* Whether everything may stay as it was written. */
static bool in_order(const struct y_member *list, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (list[i].index != Y_NO_INDEX && list[i].index <= list[i - 1].index)
            return false;
    return true;
}

static bool few_distinct(const struct y_member *list, size_t n, const uint8_t *base)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (compare_keys(&list[i], &list[j], base) == 0)
                return false;
    return true;
}

/* The last of equal keys takes the place of the first; the others are gone. Whether there were any.
 */
static bool drop_repeated(struct y_member *list, size_t *a, size_t n, const uint8_t *base)
{
    bool any = false;
    struct order by_key = {list, base};
    sort(&by_key, a, n);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && compare_keys(&list[a[i]], &list[a[j]], base) == 0; j++)
            any = true;
        struct y_member *kept = &list[a[i]], *last = &list[a[j - 1]];
        kept->start = last->start;
        kept->end = last->end;
        kept->gone = last->gone;
        for (size_t k = i + 1; k < j; k++)
            list[a[k]].gone = true;
    }
    return any;
}

static int rewrite(struct y_members *m, const struct y_member *list, const size_t *a, size_t n,
                   size_t start, struct ybuf *out, char comma, size_t *left)
{
    m->copy.len = 0;
    *left = 0;
    for (size_t i = 0; i < n; i++) {
        const struct y_member *it = &list[a[i]];
        if (it->gone)
            continue;
        if (comma && *left && ybuf_append(&m->copy, &comma, 1))
            return Y_ERR_NOMEM;
        if (ybuf_append(&m->copy, out->data + it->start, it->end - it->start))
            return Y_ERR_NOMEM;
        ++*left;
    }
    /* Never longer than before. */
    if (m->copy.len)
        memcpy(out->data + start, m->copy.data, m->copy.len);
    out->len = start + m->copy.len;
    return Y_OK;
}

int y_members_close(struct y_members *m, size_t first, const uint8_t *base, struct ybuf *out,
                    char comma, size_t *left)
{
    size_t n = m->count - first, kept = 0;
    bool unwanted = false;
    int error = Y_OK;
    *left = 0;
    if (!n)
        return Y_OK;
    struct y_member *list = m->list + first;
    size_t start = list->start;
    m->count = first;
    for (size_t i = 0; i < n; i++) {
        kept += !list[i].gone;
        unwanted |= list[i].gone && list[i].end > list[i].start;
    }
    *left = kept;
    if (!unwanted && n <= FEW && in_order(list, n) && few_distinct(list, n, base))
        return Y_OK;
    size_t *a = y_realloc(NULL, n * sizeof(*a));
    if (!a)
        return Y_ERR_NOMEM;
    bool repeated = drop_repeated(list, a, n, base);
    if (repeated || unwanted || !in_order(list, n)) {
        struct order by_index = {list, NULL};
        sort(&by_index, a, n);
        error = rewrite(m, list, a, n, start, out, comma, left);
    }
    y_mem_free(a);
    return error;
}
