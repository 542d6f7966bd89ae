/*
 * The event loop: a thin layer over libuv, so that nothing above it includes uv.h. One loop belongs
 * to one thread; everything made on it is used on that thread only, but for net_wake_send().
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct net_loop;
struct net_timer;
struct net_wake;

struct net_loop *net_loop_new(void);
void net_loop_run(struct net_loop *loop); /* until net_loop_stop() */
void net_loop_stop(struct net_loop *loop);
void net_loop_free(struct net_loop *loop); /* closes what is still open on it, then frees it */
/* Monotonic microseconds, read from the clock at each call. */
uint64_t net_now_us(void);
/* `turn` runs once in each loop turn after all input of the turn has been handled and before the
 * connections write what was queued: the place where rooms flush. */
void net_loop_on_turn(struct net_loop *loop, void (*turn)(void *udata), void *udata);
/* `stop` runs on the loop at SIGTERM or SIGINT (once for each signal). */
void net_loop_on_stop(struct net_loop *loop, void (*stop)(int signum, void *udata), void *udata);

/* A timer of millisecond grain; it may be freed or restarted inside its callback. */
struct net_timer *net_timer_new(struct net_loop *loop, void (*fire)(void *udata), void *udata);
void net_timer_start(struct net_timer *t, uint64_t after_ms,
                     uint64_t repeat_ms); /* repeat 0: once */
void net_timer_stop(struct net_timer *t);
bool net_timer_active(const struct net_timer *t);
void net_timer_free(struct net_timer *t); /* NULL is fine */

/* Lets another thread wake the loop: `woken` runs on the loop soon after net_wake_send(), once for
 * any number of sends. */
struct net_wake *net_wake_new(struct net_loop *loop, void (*woken)(void *udata), void *udata);
void net_wake_send(struct net_wake *w); /* thread-safe */
void net_wake_free(struct net_wake *w);

#endif
