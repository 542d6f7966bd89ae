#include "store/queue.h"

#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* One group: enough to make a commit worth it, not so much that a receipt waits long. */
#define GROUP_OPS 1024
#define GROUP_BYTES (16u * 1024 * 1024)

struct store_queue {
    struct store *store;
    void (*wake)(void *udata);
    void *udata;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    struct list waiting, finished; /* under the mutex */
    bool stop;                     /* under the mutex */
    size_t depth;                  /* the loop's own */
};

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
    q->depth++;
    pthread_mutex_lock(&q->mutex);
    list_append(&q->waiting, &op->node);
    pthread_cond_signal(&q->cond);
    pthread_mutex_unlock(&q->mutex);
}

void store_queue_drain(struct store_queue *q)
{
    struct list done;
    list_init(&done);
    pthread_mutex_lock(&q->mutex);
    list_move(&done, &q->finished);
    pthread_mutex_unlock(&q->mutex);
    while (!list_empty(&done)) {
        struct store_op *op = container_of(done.next, struct store_op, node);
        list_remove(&op->node);
        q->depth--;
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
