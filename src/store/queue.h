/*
 * The storage thread: takes operations from a loop, runs whatever has queued up as one group (group
 * commit), and hands them back. Operations are run in the order in which they were submitted.
 *
 *     q = store_queue_new(store, wake, wake_udata);    wake() is called on the storage thread
 *     store_queue_submit(q, op);                        loop thread; op->done runs ...
 *     store_queue_drain(q);                             ... inside this, loop thread, after wake()
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "store/store.h"

struct store_queue;

struct store_queue *store_queue_new(struct store *s, void (*wake)(void *udata), void *udata);
void store_queue_submit(struct store_queue *q, struct store_op *op);
/* Runs `done` of every finished operation. `done` may submit again and may free the op. */
void store_queue_drain(struct store_queue *q);
/* Operations submitted and not yet drained. */
size_t store_queue_depth(const struct store_queue *q);
struct store_health {
    bool down; /* the last operation, or the last write, could not be done, or none is answered */
    char error[160];
    uint64_t answered_ms; /* ago: the last answer; UINT64_MAX: none yet */
    uint64_t silent_ms;   /* since when an operation waits; 0: none does */
};
void store_queue_health(const struct store_queue *q, struct store_health *out);
/* Of the connection that answered last; see store_op. */
uint32_t store_queue_generation(const struct store_queue *q);
/* Runs what is queued, stops the thread, drains. The store stays open. */
void store_queue_free(struct store_queue *q);

#endif
