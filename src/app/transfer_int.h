/* What export.c and import.c share. */
#ifndef APP_TRANSFER_INT_H
#define APP_TRANSFER_INT_H

#include "app/transfer.h"
#include "store/record.h"

/* Operations in one group, and about how many bytes of bytecrowds: less than a request to Upstash
 * may have, and enough that waiting for answers costs little. */
#define TRANSFER_GROUP_OPS 256
#define TRANSFER_GROUP_BYTES (4u * 1024 * 1024)

struct transfer {
    const struct transfer_opts *opts;
    struct store *store;
    const char *doing;             /* "exported", "imported" */
    uint64_t count, keys;          /* bytecrowds, and keys of people, that are done */
    uint64_t bytes, all;           /* of the file; all: 0 if not known */
    uint64_t started, told;        /* ms */
    uint64_t new_count, new_bytes; /* in this run, for the rate */
    bool terminal, line;           /* line: there is one that will be written over */
};

/* Opens the store and asks whether it is there. -1, and says why, if not. */
int transfer_begin(struct transfer *t, const char *url, const struct store_opts *store);
void transfer_end(struct transfer *t);

/* Whether a signal asked for the end. */
bool transfer_stopped(void);

/* A line to standard error. */
void transfer_say(struct transfer *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Tells how far it is, if it is time to. */
void transfer_progress(struct transfer *t);
/* " in 12 s, 3.4 MB/s", say. */
void transfer_say_sum(struct transfer *t, const char *more);
/* 12300000 -> "12.3 MB"; static. */
const char *transfer_size(uint64_t bytes);

/* store_run(), again and again while the store is away, for opts->retry_ms at most. -1, and says
 * why, if it gives up or is stopped. Else each result is final: UNAVAILABLE is one that the store
 * refuses again and again while it does other things. What was read begins anew with each try. */
int transfer_run(struct transfer *t, struct store_op **ops, size_t n);

/* Bytes of what a bytecrowd, or a key, holds. */
size_t transfer_weight(const struct store_op *op);

#endif
