/* What the files of the import share: import.c reads and writes, import_existing.c compares. */
#ifndef APP_IMPORT_INT_H
#define APP_IMPORT_INT_H

#include "app/transfer_int.h"

struct importer {
    struct transfer t;
    int fd;
    const char *name; /* of the file, for people */
    struct buf in;    /* read; what is before `from` was taken */
    size_t from;
    uint64_t line, crowds, keys; /* read so far */
    struct record *group;        /* read and not yet written */
    size_t count, weight;
    uint64_t already, merged, left_out;
    bool bad_file;
    bool failed; /* it was asked to end at the first that differs, and has met it */
};

/* Of a bytecrowd, or a key. */
static inline const char *import_name(const struct record *r)
{
    return r->kind == RECORD_KEY ? r->op.key : r->op.id;
}
/* One that is not imported, and why. */
void import_left_out(struct importer *m, const char *name, const char *why);
/* Looks at those that are there already, as the options want it. -1: to be ended. */
int import_compare(struct importer *m, struct record **there, size_t n);

#endif
