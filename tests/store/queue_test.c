#include "store/queue.h"
#include "base/mem.h"
#include "tests/store/fixture.h"

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

static int bell[2];
static void ring(void *udata)
{
    (void)udata;
    CHECK_EQ(write(bell[1], "", 1), 1);
}

static void wait_for_bell(void)
{
    char c[64];
    struct pollfd p = {bell[0], POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK(read(bell[0], c, sizeof(c)) > 0);
}

static int finished, in_order;
static void done(struct store_op *op)
{
    CHECK_EQ(op->result, STORE_OK);
    in_order += (int)(uintptr_t)op->udata == finished;
    finished++;
    store_op_release(op);
    free(op);
}

static struct store_op *numbered(int n)
{
    struct store_op *op = xcalloc(1, sizeof(*op));
    op->kind = STORE_APPEND;
    op->id = "q";
    op->udata = (void *)(uintptr_t)n;
    op->done = done;
    buf_printf(&op->data, "%d", n);
    return op;
}

TEST_STORES(queue_runs_in_order_and_hands_back)
{
    enum { N = 2000 };
    CHECK_EQ(pipe(bell), 0);
    finished = in_order = 0;
    struct store_queue *q = store_queue_new(s, ring, NULL);
    for (int i = 0; i < N; i++) {
        store_queue_submit(q, numbered(i));
        if (i % 500 == 0)
            store_queue_drain(q);
    }
    CHECK_EQ(store_queue_depth(q), N - finished);
    while (finished < N) {
        wait_for_bell();
        store_queue_drain(q);
    }
    CHECK_EQ(in_order, N);
    CHECK_EQ(store_queue_depth(q), 0);
    store_queue_free(q);
    store_close(s);
    close(bell[0]);
    close(bell[1]);
}

TEST_STORES(queue_that_ends_runs_what_is_left)
{
    CHECK_EQ(pipe(bell), 0);
    finished = in_order = 0;
    struct store_queue *q = store_queue_new(s, ring, NULL);
    for (int i = 0; i < 100; i++)
        store_queue_submit(q, numbered(i));
    store_queue_free(q);
    CHECK_EQ(finished, 100);
    struct store_op op;
    CHECK_EQ(load(s, "q", &op), STORE_OK);
    CHECK_EQ(op.update_count, 100);
    store_op_release(&op);
    store_close(s);
    close(bell[0]);
    close(bell[1]);
}

static struct store_queue *queue;
static int rounds;
static void submit_again(struct store_op *op)
{
    CHECK_EQ(op->result, STORE_OK);
    store_op_release(op);
    free(op);
    if (++rounds < 50) {
        struct store_op *next = numbered(rounds);
        next->done = submit_again;
        store_queue_submit(queue, next);
    }
}

TEST(queue_done_may_submit)
{
    struct store *s = store_new("sqlite");
    CHECK_EQ(pipe(bell), 0);
    queue = store_queue_new(s, ring, NULL);
    rounds = 0;
    struct store_op *op = numbered(0);
    op->done = submit_again;
    store_queue_submit(queue, op);
    while (rounds < 50) {
        wait_for_bell();
        store_queue_drain(queue);
    }
    CHECK_EQ(store_queue_depth(queue), 0);
    store_queue_free(queue);
    store_close(s);
    close(bell[0]);
    close(bell[1]);
}
