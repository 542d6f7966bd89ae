/* What the files of src/net share of the loop. */
#ifndef NET_LOOP_INT_H
#define NET_LOOP_INT_H

#include "net/loop.h"

#include <uv.h>

#define NET_READ_BUFFER (64 * 1024)

struct net_loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* runs right before the loop waits: turn, then flush */
    uv_signal_t signals[2];
    void (*turn)(void *udata);
    void *turn_udata;
    void (*flush)(void *udata); /* connections write what was queued */
    void *flush_udata;
    void (*stop)(int signum, void *udata);
    void *stop_udata;
    char *read_buffer; /* one for all connections: reads are handled before the next one */
};

#endif
