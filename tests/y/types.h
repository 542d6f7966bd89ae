/*
 * What the tests of shared types share: values from JSON, and checks of what a type or a document
 * holds. All of it is freed by the process.
 */
#ifndef TESTS_Y_TYPES_H
#define TESTS_Y_TYPES_H

#include "tests/test.h"
#include "y/y.h"

/* The value of a JSON text; of `undefined` undefined. Valid until 16 more were made. */
static inline struct y_value value_of(const char *json)
{
    static struct ybuf bufs[16];
    static unsigned turn;
    struct ybuf *b = &bufs[turn++ % 16];
    ybuf_release(b);
    if (strcmp(json, "undefined") == 0)
        ybuf_append(b, "\x7f", 1);
    else
        y_any_from_json(json, strlen(json), b);
    return (struct y_value){.kind = Y_VALUE_ANY, .bytes = {b->data, b->len}};
}

static inline int set(struct y_type *t, const char *key, const char *json)
{
    struct y_value v = value_of(json);
    return y_map_set(t, key, strlen(key), &v);
}

static inline int insert(struct y_type *t, uint64_t pos, const char *json)
{
    struct y_value v = value_of(json);
    return y_list_insert(t, pos, &v, 1);
}

static inline struct y_type *root(struct ydoc *doc, const char *name, enum y_type_ref ref)
{
    struct y_type *t = NULL;
    CHECK_EQ(ydoc_root(doc, name, ref, &t), Y_OK);
    return t;
}

static inline void check_json(const char *file, int line, struct ybuf *b, const char *want)
{
    ybuf_append(b, "", 1);
    if (strcmp((const char *)b->data, want) != 0)
        test_fail(file, line, "is %s, expected %s", (const char *)b->data, want);
    ybuf_release(b);
}

static inline void check_doc(const char *file, int line, const struct ydoc *doc, const char *want)
{
    struct ybuf b = {0};
    const char *wrong = ydoc_check(doc);
    if (wrong)
        test_fail(file, line, "%s", wrong);
    CHECK_EQ(ydoc_json(doc, &b), Y_OK);
    check_json(file, line, &b, want);
}

static inline void check_type(const char *file, int line, const struct y_type *t, const char *want)
{
    struct ybuf b = {0};
    CHECK_EQ(y_type_json(t, &b), Y_OK);
    check_json(file, line, &b, want);
}

#define CHECK_DOC(doc, want) check_doc(__FILE__, __LINE__, doc, want)
#define CHECK_TYPE(t, want) check_type(__FILE__, __LINE__, t, want)

#endif
