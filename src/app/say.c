#include "app/say.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* C2 80 to C2 9F are controls, too: C2 9B is what ESC [ is. */
void say_clean(struct buf *b)
{
    for (size_t i = 0, n; i < b->len; i += n) {
        uint8_t *p = b->data + i;
        n = utf8_char(p, b->len - i);
        bool shown = n > 2 || (n == 2 && (p[0] != 0xc2 || p[1] >= 0xa0)) ||
                     (n == 1 && *p >= 0x20 && *p != 0x7f);
        if (!n)
            n = 1;
        if (!shown)
            memset(p, '?', n);
    }
}

void say(const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    buf_puts(&b, "bytecrowds: ");
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    say_clean(&b);
    buf_putc(&b, '\n');
    fwrite(b.data, 1, b.len, stderr);
    buf_release(&b);
}
