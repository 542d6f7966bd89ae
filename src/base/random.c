#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t n)
{
    uint8_t *p = out;
    while (n) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            perror("bytecrowds: getrandom");
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    uint64_t x;
    random_bytes(&x, sizeof(x));
    return x;
}
