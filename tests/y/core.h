/*
 * What the tests of documents share: updates made struct by struct, sessions of several people, and
 * an allocator that fails when told to.
 */
#ifndef TESTS_Y_CORE_H
#define TESTS_Y_CORE_H

#include "tests/test.h"
#include "y/y.h"

/* --- updates made by hand --------------------------------------------------------------------- */

#define NONE 0 /* the client of no id */

/* A struct; what is not named is zero: `.text` or, of kinds without one, `.len`. */
struct piece {
    uint64_t client;
    uint32_t clock;
    uint8_t kind; /* enum y_kind */
    const char *text;
    uint32_t len;
    uint64_t origin, right, in; /* clients of ids, NONE if there is none; `in`: of the parent */
    uint32_t origin_clock, right_clock, in_clock;
    const char *root, *key;
    uint8_t ref;
};
/* A piece, in root text "t" if nothing else is said. */
#define PIECE(...) ((struct piece){__VA_ARGS__})

struct range {
    uint64_t client, clock, len;
};

/* An update: neighbouring pieces of one client are a section. Owned by the caller. */
struct ybuf core_update(const struct piece *pieces, size_t n, const struct range *deletes,
                        size_t delete_count);

/* --- documents -------------------------------------------------------------------------------- */

struct ybuf core_encode(const struct ydoc *doc);
/* State vector, pending bytes, text of "t", JSON-free, whole encoding: what must not change. */
struct ybuf core_describe(const struct ydoc *doc);
/* The encoding of a document that loaded this one's: merged as far as it goes. */
struct ybuf core_canonical(const struct ydoc *doc);
void core_check(const struct ydoc *doc);
/* Applies, checks, and fails the test unless the result is `expected`. */
void core_apply(struct ydoc *doc, struct ybuf update, int expected);
/* The same, and frees the update. */
void core_take(struct ydoc *doc, struct ybuf update, int expected);
void core_text_is(const struct ydoc *doc, const char *text);
void core_same(const struct ydoc *a, const struct ydoc *b);

/* --- sessions --------------------------------------------------------------------------------- */

/* Updates in the order in which they were made. */
struct session {
    struct ybuf *updates;
    size_t count, cap;
};
/* `people` edit text "t", map "m" and array "a", nested types and all, and now and then hear of each
 * other; `steps` edits. Draws from test_rand(). */
struct session core_session(size_t people, size_t steps);
void core_session_free(struct session *s);

/* --- memory ----------------------------------------------------------------------------------- */

/* From now on allocations are counted, and the one with number `at` fails (SIZE_MAX: none); `for_good`: and all
 * after it. */
void core_fail_at(size_t at, bool for_good);
/* Back to libc's; whether an allocation failed. */
bool core_failed(void);
size_t core_allocations(void);

#endif
