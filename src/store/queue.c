#include "store/queue.h"

#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One group: enough to make a commit worth it, not so much that a receipt waits long. */
#define GROUP_OPS 1024
#define GROUP_BYTES (16u * 1024 * 1024)
/* A store that takes so long is down, for those who ask. */
#define SILENT_MS 1000
/* A write that failed tells of the store for so long; whoever wants it written tries again sooner. */
#define WRITE_FAILED_MS 15000

struct store_queue {
    struct store *store;
    void (*wake)(void *udata);
    void *udata;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct list waiting, finished; /* under the mutex */
    bool stop;                     /* under the mutex */
    /* The rest is the loop's own. */
    size_t depth;
    uint32_t generation;
    bool failing;
    char error[160], write_error[160];
    uint64_t answered_ms, write_failed_ms; /* 0: never */
    uint64_t waiting_ms; /* since then something waits, or since the last answer */
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static size_t take_group(struct store_queue *q, struct store_op **group)
{
    size_t n = 0, bytes = 0;
    while (n < GROUP_OPS && bytes < GROUP_BYTES && !list_empty(&q->waiting)) {
        struct store_op *op = container_of(q->waiting.next, struct store_op, node);
        list_remove(&op->node);
        group[n++] = op;
        bytes += op->data.len + op->text.len;
    }
    return n;
}

static void *run(void *arg)
{
    struct store_queue *q = arg;
    struct store_op **group = xcalloc(GROUP_OPS, sizeof(*group));
    pthread_mutex_lock(&q->mutex);
    for (;;) {
        while (list_empty(&q->waiting) && !q->stop)
            pthread_cond_wait(&q->cond, &q->mutex);
        size_t n = take_group(q, group);
        if (!n)
            break;
        pthread_mutex_unlock(&q->mutex);
        store_run(q->store, group, n);
        pthread_mutex_lock(&q->mutex);
        bool first = list_empty(&q->finished);
        for (size_t i = 0; i < n; i++)
            list_append(&q->finished, &group[i]->node);
        if (first)
            q->wake(q->udata);
    }
    pthread_mutex_unlock(&q->mutex);
    free(group);
    return NULL;
}

struct store_queue *store_queue_new(struct store *s, void (*wake)(void *udata), void *udata)
{
    struct store_queue *q = xcalloc(1, sizeof(*q));
    q->store = s;
    q->wake = wake;
    q->udata = udata;
    list_init(&q->waiting);
    list_init(&q->finished);
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->cond, NULL);
    if (pthread_create(&q->thread, NULL, run, q) != 0)
        abort(); /* at the start of the program, before anything is served */
    return q;
}

void store_queue_submit(struct store_queue *q, struct store_op *op)
{
    op->result = STORE_OK;
    op->error[0] = '\0';
    if (!q->depth++)
        q->waiting_ms = now_ms();
    pthread_mutex_lock(&q->mutex);
    list_append(&q->waiting, &op->node);
    pthread_cond_signal(&q->cond);
    pthread_mutex_unlock(&q->mutex);
}

/* What is tried again until it succeeds. A snapshot is not: one that failed would be held against the
 * store long after that works again. */
static bool writes(const struct store_op *op)
{
    return op->kind == STORE_APPEND || op->kind == STORE_SEED || op->kind == STORE_FIELDS;
}

static void note(struct store_queue *q, const struct store_op *op, uint64_t now)
{
    q->answered_ms = q->waiting_ms = now;
    q->failing = op->result == STORE_UNAVAILABLE;
    if (q->failing)
        snprintf(q->error, sizeof(q->error), "%s", op->error);
    else if (op->generation)
        q->generation = op->generation;
    if (writes(op)) {
        q->write_failed_ms = q->failing ? now : 0;
        if (q->failing)
            snprintf(q->write_error, sizeof(q->write_error), "%s", op->error);
    }
}

void store_queue_health(const struct store_queue *q, struct store_health *out)
{
    uint64_t now = now_ms();
    *out = (struct store_health){.answered_ms = q->answered_ms ? now - q->answered_ms : UINT64_MAX,
                                 .silent_ms = q->depth ? now - q->waiting_ms : 0};
    if (out->silent_ms > SILENT_MS)
        snprintf(out->error, sizeof(out->error), "no answer for %llu ms",
                 (unsigned long long)out->silent_ms);
    else if (q->failing)
        strcpy(out->error, q->error);
    else if (q->write_failed_ms && now - q->write_failed_ms < WRITE_FAILED_MS)
        strcpy(out->error, q->write_error);
    out->down = *out->error;
}

uint32_t store_queue_generation(const struct store_queue *q)
{
    return q->generation;
}

void store_queue_drain(struct store_queue *q)
{
    struct list done;
    list_init(&done);
    pthread_mutex_lock(&q->mutex);
    list_move(&done, &q->finished);
    pthread_mutex_unlock(&q->mutex);
    uint64_t now = now_ms();
    while (!list_empty(&done)) {
        struct store_op *op = container_of(done.next, struct store_op, node);
        list_remove(&op->node);
        q->depth--;
        note(q, op, now);
        op->done(op);
    }
}

size_t store_queue_depth(const struct store_queue *q)
{
    return q->depth;
}

void store_queue_free(struct store_queue *q)
{
    if (!q)
        return;
    /* What `done` submits is run as well, so that every operation comes back to its owner. */
    while (q->depth) {
        store_queue_drain(q);
        if (!q->depth)
            break;
        pthread_mutex_lock(&q->mutex);
        bool idle = list_empty(&q->finished);
        pthread_mutex_unlock(&q->mutex);
        if (idle)
            sched_yield();
    }
    pthread_mutex_lock(&q->mutex);
    q->stop = true;
    pthread_cond_signal(&q->cond);
    pthread_mutex_unlock(&q->mutex);
    pthread_join(q->thread, NULL);
    pthread_cond_destroy(&q->cond);
    pthread_mutex_destroy(&q->mutex);
    free(q);
}
