/* What sub-commands tell people, on standard error. */
#ifndef APP_SAY_H
#define APP_SAY_H

#include "base/buf.h"

/* One line, behind "bytecrowds: ". */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Names, addresses and what stores say may hold anything: makes ? of whatever a terminal obeys or nothing shows. */
void say_clean(struct buf *b);

#endif
