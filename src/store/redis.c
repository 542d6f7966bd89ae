/*
 * The Redis store. A bytecrowd is three keys:
 *
 *     bytecrowd:<id>               hash    text, language: other programs read and write it
 *     {bytecrowd:<id>}:updates     stream  one entry for each update, field u
 *     {bytecrowd:<id>}:snapshot    hash    state, upto (id of the last entry that it has)
 *
 * What stands in braces is what Redis Cluster hashes, so all three are in the slot of
 * `bytecrowd:<id>`.
 *
 * A group of operations is one pipeline. Every operation may be run twice without harm, so what a
 * lost connection left unanswered is sent once more on a new one. A time-out is not: its answer may
 * still come, so that connection is dropped, and the caller decides.
 */
#include "base/log.h"
#include "base/mem.h"
#include "store/redis_url.h"
#include "store/store_int.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis_store {
    struct store base;
    struct redis_url url;
    struct timeval timeout;
    redisContext *ctx; /* NULL: not connected */
    char error[160];   /* why not */
    bool was_connected;
};

static const char load_script[] =
    "local s = redis.call('HMGET', KEYS[3], 'state', 'upto') "
    "local log = redis.call('XRANGE', KEYS[2], s[2] and ('(' .. s[2]) or '-', '+') "
    "local f = redis.call('HMGET', KEYS[1], 'text', 'language') "
    "return {s[1], s[2], log, f[1], f[2]}";

static const char seed_script[] = "if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('XLEN', "
                                  "KEYS[1]) > 0 then return false end "
                                  "return redis.call('XADD', KEYS[1], '*', 'u', ARGV[1])";

/* Stream ids are compared as pairs of numbers, which Lua's doubles hold exactly up to 2^53. 2: what
 * the log is cut up to, or the snapshot before it, is not what the state was made of. */
static const char snapshot_script[] =
    "local cur = redis.call('HGET', KEYS[1], 'upto') "
    "if cur then "
    "  local ms, seq = string.match(cur, '^(%d+)-(%d+)$') "
    "  ms, seq = tonumber(ms), tonumber(seq) "
    "  local newms, newseq = tonumber(ARGV[2]), tonumber(ARGV[3]) "
    "  if ms > newms or (ms == newms and seq >= newseq) then return 0 end "
    "end "
    "if ARGV[6] ~= '0' and ((cur or '0-0') ~= ARGV[5] or redis.call('XLEN', KEYS[2]) - "
    "#redis.call('XRANGE', KEYS[2], ARGV[4], '+') ~= tonumber(ARGV[6])) then return 2 end "
    "redis.call('HSET', KEYS[1], 'state', ARGV[1], 'upto', ARGV[2] .. '-' .. ARGV[3]) "
    "redis.call('XTRIM', KEYS[2], 'MINID', ARGV[4]) "
    "return 1";

/* --- connection ------------------------------------------------------------------------------- */

static void disconnect(struct redis_store *s, const char *why)
{
    if (why)
        snprintf(s->error, sizeof(s->error), "%s", why);
    if (s->ctx)
        redisFree(s->ctx);
    s->ctx = NULL;
}

/* One command during the handshake. */
static int expect_ok(struct redis_store *s, redisReply *reply, const char *what)
{
    char why[160];
    if (reply && reply->type != REDIS_REPLY_ERROR) {
        freeReplyObject(reply);
        return 0;
    }
    snprintf(why, sizeof(why), "%s: %.120s", what, reply ? reply->str : s->ctx->errstr);
    if (reply)
        freeReplyObject(reply);
    disconnect(s, why);
    return -1;
}

static int handshake(struct redis_store *s)
{
    const struct redis_url *u = &s->url;
    redisReply *r;
    if (*u->password) {
        r = *u->user ? redisCommand(s->ctx, "AUTH %s %s", u->user, u->password)
                     : redisCommand(s->ctx, "AUTH %s", u->password);
        if (expect_ok(s, r, "sign in") < 0)
            return -1;
    }
    if (u->db && expect_ok(s, redisCommand(s->ctx, "SELECT %d", u->db), "select database") < 0)
        return -1;
    return 0;
}

static int connect_store(struct redis_store *s)
{
    const struct redis_url *u = &s->url;
    s->ctx = *u->path ? redisConnectUnixWithTimeout(u->path, s->timeout)
                      : redisConnectWithTimeout(u->host, u->port, s->timeout);
    if (!s->ctx || s->ctx->err) {
        disconnect(s, s->ctx ? s->ctx->errstr : "out of memory");
        return -1;
    }
    redisSetTimeout(s->ctx, s->timeout);
    if (!*u->path)
        redisEnableKeepAlive(s->ctx);
    if (handshake(s) < 0)
        return -1;
    if (s->was_connected)
        log_info("connected to redis again");
    s->was_connected = true;
    return 0;
}

/* --- commands --------------------------------------------------------------------------------- */

#define ARGS_MAX 12

struct command {
    const char *argv[ARGS_MAX];
    size_t len[ARGS_MAX];
    int argc;
};

static void arg(struct command *c, const void *p, size_t len)
{
    c->argv[c->argc] = p ? p : "";
    c->len[c->argc++] = len;
}

static void arg_str(struct command *c, const char *s)
{
    arg(c, s, strlen(s));
}

struct keys {
    char hash[160], updates[160], snapshot[160];
};

static void name_keys(struct keys *k, const char *id)
{
    snprintf(k->hash, sizeof(k->hash), "bytecrowd:%s", id);
    snprintf(k->updates, sizeof(k->updates), "{bytecrowd:%s}:updates", id);
    snprintf(k->snapshot, sizeof(k->snapshot), "{bytecrowd:%s}:snapshot", id);
}

/* hiredis copies the arguments into its output buffer. */
static int send_op(struct redis_store *s, const struct store_op *op)
{
    struct command c = {.argc = 0};
    struct keys k;
    char ms[24], seq[24], next[48], base[48], known[24];
    if (op->id)
        name_keys(&k, op->id);
    switch (op->kind) {
    case STORE_LOAD:
        arg_str(&c, "EVAL"), arg_str(&c, load_script), arg_str(&c, "3");
        arg_str(&c, k.hash), arg_str(&c, k.updates), arg_str(&c, k.snapshot);
        break;
    case STORE_APPEND:
        arg_str(&c, "XADD"), arg_str(&c, k.updates), arg_str(&c, "*"), arg_str(&c, "u");
        arg(&c, op->data.data, op->data.len);
        break;
    case STORE_SEED:
        arg_str(&c, "EVAL"), arg_str(&c, seed_script), arg_str(&c, "2");
        arg_str(&c, k.updates), arg_str(&c, k.snapshot), arg(&c, op->data.data, op->data.len);
        break;
    case STORE_SNAPSHOT:
        snprintf(ms, sizeof(ms), "%" PRIu64, op->pos.hi);
        snprintf(seq, sizeof(seq), "%" PRIu64, op->pos.lo);
        snprintf(next, sizeof(next), "%" PRIu64 "-%" PRIu64, op->pos.hi, op->pos.lo + 1);
        arg_str(&c, "EVAL"), arg_str(&c, snapshot_script), arg_str(&c, "2");
        arg_str(&c, k.snapshot), arg_str(&c, k.updates), arg(&c, op->data.data, op->data.len);
        arg_str(&c, ms), arg_str(&c, seq), arg_str(&c, next);
        snprintf(base, sizeof(base), "%" PRIu64 "-%" PRIu64, op->base.hi, op->base.lo);
        snprintf(known, sizeof(known), "%zu", op->known);
        arg_str(&c, base), arg_str(&c, known);
        break;
    case STORE_FIELDS:
        if (!op->has_text && !op->has_language)
            arg_str(&c, "PING");
        else
            arg_str(&c, "HSET"), arg_str(&c, k.hash);
        if (op->has_text)
            arg_str(&c, "text"), arg(&c, op->text.data, op->text.len);
        if (op->has_language)
            arg_str(&c, "language"), arg(&c, op->language.data, op->language.len);
        break;
    case STORE_PING:
        arg_str(&c, "PING");
        break;
    }
    return redisAppendCommandArgv(s->ctx, c.argc, c.argv, c.len);
}

/* --- replies ---------------------------------------------------------------------------------- */

static bool read_pos(const redisReply *r, struct store_pos *pos)
{
    int used = 0;
    return r->type == REDIS_REPLY_STRING &&
           sscanf(r->str, "%" SCNu64 "-%" SCNu64 "%n", &pos->hi, &pos->lo, &used) == 2 &&
           (size_t)used == (size_t)r->len;
}

static bool take_string(const redisReply *r, struct buf *out, bool *there)
{
    *there = r->type == REDIS_REPLY_STRING;
    if (*there)
        buf_append(out, r->str, (size_t)r->len);
    return *there || r->type == REDIS_REPLY_NIL;
}

static bool read_entry(const redisReply *e, struct store_op *op)
{
    if (e->type != REDIS_REPLY_ARRAY || e->elements != 2 || !read_pos(e->element[0], &op->pos))
        return false;
    const redisReply *f = e->element[1];
    if (f->type != REDIS_REPLY_ARRAY || f->elements != 2 ||
        f->element[0]->type != REDIS_REPLY_STRING || strcmp(f->element[0]->str, "u") != 0 ||
        f->element[1]->type != REDIS_REPLY_STRING)
        return false;
    struct buf *u = &op->updates[op->update_count++];
    *u = (struct buf){0};
    buf_append(u, f->element[1]->str, (size_t)f->element[1]->len);
    return true;
}

static bool read_load(const redisReply *r, struct store_op *op)
{
    bool has_snapshot, has_upto = false;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 5)
        return false;
    if (!take_string(r->element[0], &op->snapshot, &has_snapshot))
        return false;
    if (has_snapshot && !(has_upto = read_pos(r->element[1], &op->pos)))
        return false;
    op->base = op->pos;
    const redisReply *log = r->element[2];
    if (log->type != REDIS_REPLY_ARRAY)
        return false;
    op->updates = xcalloc(log->elements, sizeof(*op->updates));
    for (size_t i = 0; i < log->elements; i++)
        if (!read_entry(log->element[i], op))
            return false;
    op->has_state = has_snapshot || log->elements;
    return take_string(r->element[3], &op->text, &op->has_text) &&
           take_string(r->element[4], &op->language, &op->has_language);
}

static bool read_ok(const redisReply *r, struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD:
        return read_load(r, op);
    case STORE_APPEND:
        return read_pos(r, &op->pos);
    case STORE_SEED:
        if (r->type == REDIS_REPLY_NIL) {
            op->result = STORE_EXISTS;
            return true;
        }
        return read_pos(r, &op->pos);
    case STORE_SNAPSHOT:
        if (r->type == REDIS_REPLY_INTEGER && r->integer == 2)
            op->result = STORE_EXISTS;
        return true;
    case STORE_FIELDS:
    case STORE_PING:
        return true;
    }
    return false;
}

static void read_reply(const redisReply *r, struct store_op *op)
{
    op->result = STORE_OK;
    if (r->type == REDIS_REPLY_ERROR)
        store_fail(op, strstr(r->str, "WRONGTYPE") ? STORE_CORRUPT : STORE_UNAVAILABLE, r->str);
    else if (!read_ok(r, op))
        store_fail(op, STORE_CORRUPT, "the database holds what bytecrowds did not write");
}

/* --- a group ---------------------------------------------------------------------------------- */

/* Sends all and reads all; how many were answered. */
static size_t pipeline(struct redis_store *s, struct store_op **ops, size_t n)
{
    size_t answered = 0;
    for (size_t i = 0; i < n; i++)
        if (send_op(s, ops[i]) != REDIS_OK)
            return 0;
    for (; answered < n; answered++) {
        void *reply = NULL;
        if (redisGetReply(s->ctx, &reply) != REDIS_OK)
            break;
        read_reply(reply, ops[answered]);
        freeReplyObject(reply);
    }
    return answered;
}

static bool timed_out(const redisContext *ctx)
{
    return ctx->err == REDIS_ERR_IO &&
           (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT);
}

static void run_group(struct store *base, struct store_op **ops, size_t n)
{
    struct redis_store *s = (struct redis_store *)base;
    /* A connection from before may have been lost unnoticed: then once more on a new one. */
    for (int tries = s->ctx ? 2 : 1; tries && n; tries--) {
        if (!s->ctx && connect_store(s) < 0)
            break;
        errno = 0;
        size_t answered = pipeline(s, ops, n);
        ops += answered;
        n -= answered;
        if (n) {
            bool late = timed_out(s->ctx);
            disconnect(s, late ? "redis did not answer in time" : s->ctx->errstr);
            if (late)
                break;
        }
    }
    for (size_t i = 0; i < n; i++)
        store_fail(ops[i], STORE_UNAVAILABLE, s->error);
}

static void close_store(struct store *base)
{
    struct redis_store *s = (struct redis_store *)base;
    disconnect(s, NULL);
    free(s);
}

static const struct store_impl impl = {"redis", run_group, close_store};

struct store *redis_open(const char *url, const struct store_opts *opts, char *err, size_t err_len)
{
    struct redis_url parsed;
    if (redis_url_parse(url, &parsed, err, err_len) < 0)
        return NULL;
    struct redis_store *s = xcalloc(1, sizeof(*s));
    s->base.impl = &impl;
    s->url = parsed;
    s->timeout = (struct timeval){opts->timeout_ms / 1000, (opts->timeout_ms % 1000) * 1000};
    return &s->base;
}
