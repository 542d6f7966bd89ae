#include "app/transfer_int.h"

#include "app/say.h"
#include "base/mem.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TERMINAL_MS 200
#define PLAIN_MS 5000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000
#define REFUSED_TRIES 6

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- signals ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;

static void on_signal(int signum)
{
    stopped = signum;
}

bool transfer_stopped(void)
{
    return stopped;
}

/* The second one ends the process at once: the store may be in a call that waits. */
static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* --- what people see -------------------------------------------------------------------------- */

const char *transfer_size(uint64_t bytes)
{
    static char out[32];
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double n = (double)bytes / 1000;
    size_t unit = 0;
    for (; n >= 1000 && unit < 3; unit++)
        n /= 1000;
    snprintf(out, sizeof(out), n < 10 ? "%.1f %s" : "%.0f %s", n, units[unit]);
    return out;
}

static void wipe_line(struct transfer *t)
{
    if (t->line)
        fputs("\r\033[K", stderr);
    t->line = false;
}

static void put_line(struct buf *b)
{
    say_clean(b);
    buf_putc(b, '\n');
    fwrite(b->data, 1, b->len, stderr);
}

void transfer_say(struct transfer *t, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    buf_puts(&b, "bytecrowds: ");
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    wipe_line(t);
    put_line(&b);
    buf_release(&b);
}

static void put_rate(const struct transfer *t, struct buf *b, uint64_t now)
{
    uint64_t ms = now - t->started;
    if (ms >= 100)
        buf_printf(b, ", %s/s", transfer_size(t->new_bytes * 1000 / ms));
}

void transfer_progress(struct transfer *t)
{
    uint64_t now = now_ms();
    if (now - t->told < (t->terminal ? TERMINAL_MS : PLAIN_MS))
        return;
    struct buf b = {0};
    t->told = now;
    buf_printf(&b, "%s %" PRIu64 " bytecrowds, %s", t->doing, t->count, transfer_size(t->bytes));
    if (t->all)
        buf_printf(&b, " (%" PRIu64 " %%)", t->bytes * 100 / t->all);
    put_rate(t, &b, now);
    if (t->terminal) {
        fprintf(stderr, "\r\033[K%s", buf_str(&b));
        t->line = true;
    } else {
        put_line(&b);
    }
    buf_release(&b);
}

void transfer_say_sum(struct transfer *t, const char *more)
{
    struct buf b = {0};
    uint64_t now = now_ms();
    buf_printf(&b, "%s %" PRIu64 " bytecrowd%s", t->doing, t->count, t->count == 1 ? "" : "s");
    if (t->keys)
        buf_printf(&b, " and %" PRIu64 " key%s", t->keys, t->keys == 1 ? "" : "s");
    buf_printf(&b, ", %s", transfer_size(t->bytes));
    put_rate(t, &b, now);
    buf_puts(&b, more);
    wipe_line(t);
    put_line(&b);
    buf_release(&b);
}

/* --- the store -------------------------------------------------------------------------------- */

size_t transfer_weight(const struct store_op *op)
{
    size_t n = op->snapshot.len + op->text.len + op->language.len + op->emails.len + op->data.len;
    for (size_t i = 0; i < op->link_count; i++)
        n += sizeof(op->links[i].hash) + op->links[i].about.len;
    for (size_t i = 0; i < op->update_count; i++)
        n += op->updates[i].len;
    return n;
}

static bool reads(const struct store_op *op)
{
    return op->kind == STORE_LOAD || op->kind == STORE_LIST || op->kind == STORE_GET ||
           op->kind == STORE_LIST_KEYS;
}

/* What a try left behind that failed. */
static void forget_results(struct store_op *op)
{
    struct store_op fresh = {.kind = op->kind, .id = op->id, .key = op->key, .cursor = op->cursor};
    if (!reads(op))
        return;
    fresh.result = op->result;
    memcpy(fresh.error, op->error, sizeof(fresh.error));
    op->cursor = (struct buf){0};
    store_op_release(op);
    *op = fresh;
}

/* Runs what is left and keeps at the beginning of `ops` what could not be done for now. */
static size_t run_rest(struct transfer *t, struct store_op **ops, size_t n, char error[160])
{
    size_t left = 0;
    store_run(t->store, ops, n);
    for (size_t i = 0; i < n; i++) {
        if (ops[i]->result != STORE_UNAVAILABLE)
            continue;
        memcpy(error, ops[i]->error, sizeof(ops[i]->error));
        forget_results(ops[i]);
        ops[left++] = ops[i];
    }
    return left;
}

static void pause_ms(uint64_t ms)
{
    if (!stopped)
        nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
}

static bool is_there(struct transfer *t, char error[160])
{
    struct store_op ping = {.kind = STORE_PING}, *ops = &ping;
    store_run(t->store, &ops, 1);
    memcpy(error, ping.error, sizeof(ping.error));
    return ping.result == STORE_OK;
}

/* Whether the store is there, and what is left has been refused for some time, though it took
 * others of the same group: so it is for what they are. A store that is full takes none; but it can
 * be read from. */
static bool is_refused(struct transfer *t, struct store_op **left, size_t n, size_t all, int tries)
{
    char error[160];
    return tries >= REFUSED_TRIES &&
           (n < all || left[0]->kind == STORE_LOAD || left[0]->kind == STORE_GET) &&
           is_there(t, error);
}

int transfer_run(struct transfer *t, struct store_op **ops, size_t n)
{
    struct store_op **rest = xcalloc(n, sizeof(struct store_op *));
    uint64_t backoff = BACKOFF_FIRST_MS, failed = 0;
    size_t all = n;
    char error[160];
    int tries = 0;
    memcpy(rest, ops, n * sizeof(struct store_op *));
    while ((n = run_rest(t, rest, n, error)) && !stopped) {
        failed = tries ? failed : now_ms();
        if (!tries && t->opts->retry_ms)
            transfer_say(t, "trying again: %s", error);
        if (is_refused(t, rest, n, all, ++tries)) {
            n = 0;
            break;
        }
        if (now_ms() - failed >= t->opts->retry_ms) {
            transfer_say(t, "the store does not come back: %s", error);
            break;
        }
        pause_ms(backoff);
        backoff = backoff * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff * 2;
    }
    if (!n && tries)
        transfer_say(t, "going on");
    free(rest);
    return n ? -1 : 0;
}

/* Without trying again: who mistyped an address should be told at once. */
static int ask_whether_there(struct transfer *t)
{
    char error[160];
    if (is_there(t, error))
        return 0;
    transfer_say(t, "--store: %s", error);
    return -1;
}

int transfer_begin(struct transfer *t, const char *url, const struct store_opts *store)
{
    char err[256];
    catch_signals();
    t->terminal = isatty(STDERR_FILENO);
    t->store = store_open(url, store, err, sizeof(err));
    t->started = t->told = now_ms();
    if (t->store)
        return ask_whether_there(t);
    transfer_say(t, "--store: %s", err);
    return -1;
}

void transfer_end(struct transfer *t)
{
    wipe_line(t);
    store_close(t->store);
    t->store = NULL;
}
