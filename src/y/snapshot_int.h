/*
 * snapshot_int: an encoded snapshot, read. Internal to src/y.
 *
 *     varUint clients, each: varUint client, varUint ranges, ranges x (varUint clock, varUint len)
 *     varUint clients, each: varUint client, varUint clock
 *
 * What was deleted, then the state vector: an item is visible at a snapshot if the snapshot knows it
 * and it was not deleted.
 *
 * Source: yjs utils/Snapshot.js `decodeSnapshot`, `isVisible`; DeleteSet.js `readDeleteSet`.
 */
#ifndef Y_SNAPSHOT_INT_H
#define Y_SNAPSHOT_INT_H

#include "y/y_int.h"

struct y_snapshot_client {
    uint64_t id;
    bool known;     /* it is in the state vector */
    uint32_t clock; /* what the state vector says */
    struct y_ranges deleted;
};

/* Sorted by id, each once; ranges are sorted and do not touch. */
struct y_snapshot {
    struct y_snapshot_client *clients;
    size_t count, cap;
};

/* Reads a v1 snapshot. Y_OK, Y_ERR_MALFORMED, Y_ERR_RANGE for clocks beyond what a document can hold, or
 * Y_ERR_NOMEM; then there is nothing to release. */
int y_snapshot_read(struct y_slice snapshot, struct y_snapshot *out);
void y_snapshot_release(struct y_snapshot *s);
/* NULL: the snapshot does not mention it. */
const struct y_snapshot_client *y_snapshot_client_of(const struct y_snapshot *s, uint64_t id);
/* Cuts items where the snapshot ends within one, in the transaction under way, so that each is visible or
 * is not (yjs splitSnapshotAffectedStructs). */
int y_snapshot_split(struct ydoc *doc, const struct y_snapshot *s);
/* `c` is of the item's client. */
bool y_snapshot_shows(const struct y_snapshot_client *c, const struct y_item *it);

#endif
