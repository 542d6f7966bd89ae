/* Runs a fuzz target over its saved corpus: `fuzz-NAME FILE...`; ends with the usual count. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        fseek(f, 0, SEEK_END);
        long n = ftell(f);
        rewind(f);
        /* An exact allocation, so that ASan sees a read of one byte too many. */
        uint8_t *p = malloc(n > 0 ? (size_t)n : 1);
        if (!p || fread(p, 1, (size_t)n, f) != (size_t)n)
            return 1;
        fclose(f);
        fprintf(stderr, "replay %s\n", argv[i]);
        LLVMFuzzerTestOneInput(p, (size_t)n);
        free(p);
    }
    printf("%d passed, 0 failed\n", argc - 1);
    return 0;
}
