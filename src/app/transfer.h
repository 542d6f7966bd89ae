/*
 * Moving everything between stores by way of a file (store/record.h has its lines): what
 * `bytecrowds export` and `bytecrowds import` do. Both tell how far they are on standard error, can
 * be ended at any time and go on where they were when they are called again. What a name and
 * one bytecrowd take is all the memory that they need.
 */
#ifndef APP_TRANSFER_H
#define APP_TRANSFER_H

#include "store/store.h"

/* What an import does with a bytecrowd that is there and differs. */
enum transfer_existing { TRANSFER_SKIP, TRANSFER_FAIL, TRANSFER_MERGE };

struct transfer_opts {
    const char *file; /* "-": standard output or input */
    bool force;       /* export: replace the file */
    enum transfer_existing existing;
    uint64_t retry_ms; /* how long to go on trying when the store is away */
};

/* Exit codes. */
enum {
    TRANSFER_DONE = 0,
    TRANSFER_BROKEN = 1, /* or ended by a signal: not everything was looked at */
    TRANSFER_PARTLY = 3, /* everything but what was named on standard error */
};

int transfer_export(const char *url, const struct store_opts *store,
                    const struct transfer_opts *opts);
int transfer_import(const char *url, const struct store_opts *store,
                    const struct transfer_opts *opts);

#endif
