#include "net/loop.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/loop_int.h"

#include <signal.h>
#include <stdlib.h>

struct net_timer {
    uv_timer_t uv;
    void (*fire)(void *udata);
    void *udata;
};

struct net_wake {
    uv_async_t uv;
    void (*woken)(void *udata);
    void *udata;
};

static void before_poll(uv_prepare_t *h)
{
    struct net_loop *loop = h->data;
    if (loop->turn)
        loop->turn(loop->turn_udata);
    if (loop->flush)
        loop->flush(loop->flush_udata);
}

static void on_signal(uv_signal_t *h, int signum)
{
    struct net_loop *loop = h->data;
    if (loop->stop)
        loop->stop(signum, loop->stop_udata);
}

struct net_loop *net_loop_new(void)
{
    struct net_loop *loop = xcalloc(1, sizeof(*loop));
    /* A peer that is gone is an error of write(), not a reason to die. */
    signal(SIGPIPE, SIG_IGN);
    uv_loop_init(&loop->uv);
    loop->uv.data = loop;
    uv_prepare_init(&loop->uv, &loop->prepare);
    loop->prepare.data = loop;
    uv_prepare_start(&loop->prepare, before_poll);
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&loop->uv, &loop->signals[i]);
        loop->signals[i].data = loop;
    }
    loop->read_buffer = xmalloc(NET_READ_BUFFER);
    return loop;
}

void net_loop_run(struct net_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void net_loop_stop(struct net_loop *loop)
{
    uv_stop(&loop->uv);
}

static void close_own(uv_handle_t *h, void *arg)
{
    struct net_loop *loop = arg;
    bool own = h == (uv_handle_t *)&loop->prepare || h == (uv_handle_t *)&loop->signals[0] ||
               h == (uv_handle_t *)&loop->signals[1];
    if (own && !uv_is_closing(h))
        uv_close(h, NULL);
}

void net_loop_free(struct net_loop *loop)
{
    if (!loop)
        return;
    uv_walk(&loop->uv, close_own, loop);
    /* Runs the close callbacks of everything that was freed before. */
    while (uv_run(&loop->uv, UV_RUN_NOWAIT))
        ;
    if (uv_loop_close(&loop->uv) != 0)
        log_warn("loop closed with open handles");
    free(loop->read_buffer);
    free(loop);
}

uint64_t net_now_us(void)
{
    return uv_hrtime() / 1000;
}

void net_loop_on_turn(struct net_loop *loop, void (*turn)(void *udata), void *udata)
{
    loop->turn = turn;
    loop->turn_udata = udata;
}

void net_loop_on_stop(struct net_loop *loop, void (*stop)(int signum, void *udata), void *udata)
{
    loop->stop = stop;
    loop->stop_udata = udata;
    uv_signal_start(&loop->signals[0], on_signal, SIGTERM);
    uv_signal_start(&loop->signals[1], on_signal, SIGINT);
}

/* --- timers ----------------------------------------------------------------------------------- */

static void free_handle(uv_handle_t *h)
{
    free(h->data);
}

static void fire(uv_timer_t *h)
{
    struct net_timer *t = h->data;
    t->fire(t->udata);
}

struct net_timer *net_timer_new(struct net_loop *loop, void (*cb)(void *udata), void *udata)
{
    struct net_timer *t = xcalloc(1, sizeof(*t));
    uv_timer_init(&loop->uv, &t->uv);
    t->uv.data = t;
    t->fire = cb;
    t->udata = udata;
    return t;
}

void net_timer_start(struct net_timer *t, uint64_t after_ms, uint64_t repeat_ms)
{
    /* The loop's idea of now is as old as the turn. */
    uv_update_time(t->uv.loop);
    uv_timer_start(&t->uv, fire, after_ms, repeat_ms);
}

void net_timer_stop(struct net_timer *t)
{
    uv_timer_stop(&t->uv);
}

bool net_timer_active(const struct net_timer *t)
{
    return uv_is_active((const uv_handle_t *)&t->uv);
}

void net_timer_free(struct net_timer *t)
{
    if (t)
        uv_close((uv_handle_t *)&t->uv, free_handle);
}

/* --- waking ----------------------------------------------------------------------------------- */

static void woken(uv_async_t *h)
{
    struct net_wake *w = h->data;
    w->woken(w->udata);
}

struct net_wake *net_wake_new(struct net_loop *loop, void (*cb)(void *udata), void *udata)
{
    struct net_wake *w = xcalloc(1, sizeof(*w));
    uv_async_init(&loop->uv, &w->uv, woken);
    w->uv.data = w;
    w->woken = cb;
    w->udata = udata;
    return w;
}

void net_wake_send(struct net_wake *w)
{
    uv_async_send(&w->uv);
}

void net_wake_free(struct net_wake *w)
{
    if (w)
        uv_close((uv_handle_t *)&w->uv, free_handle);
}
