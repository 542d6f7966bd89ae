/*
 * A growing byte buffer. All zero is a valid empty one. `data` moves when it grows; what is
 * appended is copied. buf_str() keeps a NUL behind the content that `len` does not count.
 *
 * struct shared is an immutable, reference-counted run of bytes: what is sent to many is encoded
 * once. The count is not atomic: a shared belongs to one thread.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t len, cap;
};

void buf_release(struct buf *b);               /* frees, leaves it all zero */
void buf_clear(struct buf *b);                 /* keeps the memory */
uint8_t *buf_reserve(struct buf *b, size_t n); /* room for n more bytes; where they go */
void buf_append(struct buf *b, const void *data, size_t n);
void buf_putc(struct buf *b, uint8_t c);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Removes the first n bytes. O(len). */
void buf_consume(struct buf *b, size_t n);
/* The content as a C string, valid until the next change. */
const char *buf_str(struct buf *b);

struct shared {
    uint32_t refs;
    size_t len;
    uint8_t data[];
};

/* One reference, owned by the caller; `data` is copied. */
struct shared *shared_new(const void *data, size_t len);
struct shared *shared_ref(struct shared *s);
void shared_unref(struct shared *s); /* NULL is fine */

#endif
