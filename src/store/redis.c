/*
 * The Redis store: operations to commands, replies to results. redis_script.c has the keys and what
 * happens whole; redis_link.h brings the commands to wherever Redis is.
 *
 * A group of operations is one pipeline. Every command may be run twice without harm: appends carry
 * the number of their batch, snapshots and fields compare positions. What is only set if it is not
 * there says the second time that it is.
 *
 * Where the way to Redis is text (REST), data is written in base64, under field names of its own.
 * Both forms are read everywhere.
 */
#include "base/base64.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/news.h"
#include "store/redis_int.h"
#include "store/redis_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_COUNT "500"
/* Upstash takes requests of 10 MB; base64 makes 4 of 3. */
#define REST_VALUE_MAX 7000000

/* A command with the strings that it points into. */
struct prepared {
    struct redis_command command;
    char keys[KEYS_ALL][REDIS_KEY_SIZE], channel[NEWS_CHANNEL_MAX];
    char pos[48], other[48], node[17], number[24], more[24];
    struct buf data, log, links;
    int script; /* -1: none */
};

struct redis_store {
    struct store base;
    struct redis_target target;
    struct redis_link *link;
    bool text_only;
    struct prepared *prepared;
    struct redis_command *commands;
    redisReply **replies;
    size_t cap;
    struct redis_index index;
};

/* --- commands --------------------------------------------------------------------------------- */

void redis_links_key(char out[REDIS_KEY_SIZE], const char *id)
{
    snprintf(out, REDIS_KEY_SIZE, "{bytecrowd:%s}:links", id);
}

static void name_keys(struct prepared *p, const char *id)
{
    snprintf(p->keys[KEY_FIELDS], REDIS_KEY_SIZE, "bytecrowd:%s", id);
    snprintf(p->keys[KEY_UPDATES], REDIS_KEY_SIZE, "{bytecrowd:%s}:updates", id);
    snprintf(p->keys[KEY_SNAPSHOT], REDIS_KEY_SIZE, "{bytecrowd:%s}:snapshot", id);
    snprintf(p->keys[KEY_META], REDIS_KEY_SIZE, "{bytecrowd:%s}:meta", id);
    redis_links_key(p->keys[KEY_LINKS], id);
    p->command.key = p->keys[KEY_FIELDS];
}

static void evalsha(struct prepared *p, enum redis_script s, const char *keys)
{
    p->script = s;
    redis_arg_str(&p->command, "EVALSHA");
    redis_arg_str(&p->command, redis_script_sha1(s));
    redis_arg_str(&p->command, keys);
}

static void script(struct prepared *p, enum redis_script s)
{
    evalsha(p, s, "5");
    p->command.writes = s != SCRIPT_LOAD && s != SCRIPT_RESUME && s != SCRIPT_ACCESS;
    for (int k = 0; k < KEYS_ALL; k++)
        redis_arg_str(&p->command, p->keys[k]);
}

/* Channel and name of this server, which the scripts tell with. */
static void teller(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    snprintf(p->node, sizeof(p->node), "%016" PRIx64, s->base.node);
    news_channel(p->channel, s->target.url.db, op->id);
    redis_arg_str(&p->command, p->channel);
    redis_arg_str(&p->command, p->node);
}

/* Data under one of two names. */
static void data(struct redis_store *s, struct prepared *p, const char *raw, const char *base64,
                 const struct buf *b)
{
    redis_arg_str(&p->command, s->text_only ? base64 : raw);
    if (s->text_only) {
        base64_encode(&p->data, b->data, b->len);
        redis_arg(&p->command, p->data.data, p->data.len);
    } else {
        redis_arg(&p->command, b->data, b->len);
    }
}

static void pos_arg(struct prepared *p, char at[48], struct store_pos pos)
{
    news_write_pos(at, pos);
    redis_arg_str(&p->command, at);
}

static void number_arg(struct prepared *p, char at[24], uint64_t n)
{
    snprintf(at, 24, "%" PRIu64, n);
    redis_arg_str(&p->command, at);
}

static void field_args(struct prepared *p, const struct store_op *op, bool emails)
{
    if (op->has_text) {
        redis_arg_str(&p->command, "text");
        redis_arg(&p->command, op->text.data, op->text.len);
    }
    if (op->has_language) {
        redis_arg_str(&p->command, "language");
        redis_arg(&p->command, op->language.data, op->language.len);
    }
    if (emails && op->has_emails) {
        redis_arg_str(&p->command, "authorizedEmails");
        redis_arg(&p->command, op->emails.data, op->emails.len);
    }
}

static void prepare_append(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    script(p, SCRIPT_APPEND);
    teller(s, p, op);
    number_arg(p, p->number, op->batch);
    data(s, p, "u", "b", &op->data);
    redis_arg_str(&p->command, op->kind == STORE_SEED ? "1" : "0");
    number_arg(p, p->more, random_u64() & UINT32_MAX);
}

static void prepare_snapshot(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    struct store_pos next = {op->pos.hi, op->pos.lo + 1};
    script(p, SCRIPT_SNAPSHOT);
    teller(s, p, op);
    data(s, p, "state", "state64", &op->data);
    pos_arg(p, p->pos, op->pos);
    pos_arg(p, p->other, next);
}

static void prepare_fields(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    script(p, SCRIPT_FIELDS);
    teller(s, p, op);
    number_arg(p, p->number, op->interval_ms);
    pos_arg(p, p->pos, op->pos);
    snprintf(p->more, sizeof(p->more), "%016" PRIx64, op->hash);
    redis_arg_str(&p->command, p->more);
    field_args(p, op, false);
}

static void netstring(struct buf *out, const void *p, size_t len)
{
    buf_printf(out, "%zu:", len);
    buf_append(out, p, len);
}

static void prepare_import(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    script(p, SCRIPT_IMPORT);
    teller(s, p, op);
    if (op->snapshot.len) {
        data(s, p, "state", "state64", &op->snapshot);
    } else {
        redis_arg_str(&p->command, "");
        redis_arg_str(&p->command, "");
    }
    redis_arg_str(&p->command, s->text_only ? "b" : "u");
    for (size_t i = 0; i < op->update_count; i++) {
        const struct buf *u = &op->updates[i];
        buf_printf(&p->log, "%zu:", s->text_only ? (u->len + 2) / 3 * 4 : u->len);
        if (s->text_only)
            base64_encode(&p->log, u->data, u->len);
        else
            buf_append(&p->log, u->data, u->len);
    }
    redis_arg(&p->command, p->log.data, p->log.len);
    for (size_t i = 0; i < op->link_count; i++) {
        netstring(&p->links, op->links[i].hash, STORE_LINK_HASH_LEN);
        netstring(&p->links, op->links[i].about.data, op->links[i].about.len);
    }
    redis_arg(&p->command, p->links.data, p->links.len);
    field_args(p, op, true);
}

static void prepare_authorize(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    script(p, SCRIPT_AUTHORIZE);
    teller(s, p, op);
    redis_arg(&p->command, op->emails.data, op->emails.len);
    redis_arg_str(&p->command, op->force ? "1" : "0");
}

static void prepare_link(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    bool more = op->kind == STORE_LINK_ADD;
    script(p, more ? SCRIPT_LINK_ADD : SCRIPT_LINK_REMOVE);
    teller(s, p, op);
    redis_arg(&p->command, op->data.data, op->data.len);
    if (!more)
        return;
    redis_arg(&p->command, op->text.data, op->text.len);
    number_arg(p, p->number, STORE_LINKS_MAX);
}

/* A key is in whatever slot it hashes to, alone. */
static void prepare_key(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    if (op->kind == STORE_GET)
        evalsha(p, SCRIPT_GET, "1");
    else
        redis_arg_str(&p->command, op->kind == STORE_SET ? "SET" : "DEL");
    redis_arg_str(&p->command, op->key);
    p->command.key = op->key;
    p->command.writes = op->kind != STORE_GET;
    if (op->kind != STORE_SET)
        return;
    redis_arg(&p->command, op->data.data, op->data.len);
    if (op->expires_ms) {
        redis_arg_str(&p->command, "PXAT");
        number_arg(p, p->number, op->expires_ms);
    }
    if (op->if_absent)
        redis_arg_str(&p->command, "NX");
}

static void prepare_tell(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    news_write_told(&p->data, s->base.node, &op->data);
    redis_arg_str(&p->command, "PUBLISH");
    news_channel(p->channel, s->target.url.db, op->id);
    redis_arg_str(&p->command, p->channel);
    redis_arg(&p->command, p->data.data, p->data.len);
}

static void prepare_list(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    redis_arg_str(&p->command, "SCAN");
    buf_append(&p->data, op->cursor.data, op->cursor.len);
    redis_arg_str(&p->command, p->data.len ? buf_str(&p->data) : "0");
    redis_arg_str(&p->command, "MATCH");
    redis_arg_str(&p->command, op->kind == STORE_LIST ? "*bytecrowd:*" : STORE_KEYS_LISTED "*");
    redis_arg_str(&p->command, "COUNT"), redis_arg_str(&p->command, LIST_COUNT);
}

static void prepare_load(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    bool whole = op->kind == STORE_LOAD;
    script(p, whole ? SCRIPT_LOAD : SCRIPT_RESUME);
    if (whole) {
        redis_arg_str(&p->command, op->touch ? "1" : "0");
        return;
    }
    pos_arg(p, p->pos, op->pos);
    pos_arg(p, p->other, op->acked);
}

static void prepare_expire(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    script(p, SCRIPT_EXPIRE);
    number_arg(p, p->number, op->age_ms);
}

static void prepare_simple(struct redis_store *s, struct prepared *p, const struct store_op *op)
{
    if (op->kind == STORE_PING)
        redis_arg_str(&p->command, "PING");
    else
        script(p, op->kind == STORE_TOUCH ? SCRIPT_TOUCH : SCRIPT_ACCESS);
}

/* read_ok() has all kinds, too, and there the compiler misses one that is new. LINK_FIND is no single command
 * (redis_index.c). */
static void (*const prepares[])(struct redis_store *s, struct prepared *p,
                                const struct store_op *op) = {
    [STORE_LOAD] = prepare_load,         [STORE_RESUME] = prepare_load,
    [STORE_APPEND] = prepare_append,     [STORE_SEED] = prepare_append,
    [STORE_SNAPSHOT] = prepare_snapshot, [STORE_FIELDS] = prepare_fields,
    [STORE_TELL] = prepare_tell,         [STORE_PING] = prepare_simple,
    [STORE_LIST] = prepare_list,         [STORE_IMPORT] = prepare_import,
    [STORE_EXPIRE] = prepare_expire,     [STORE_TOUCH] = prepare_simple,
    [STORE_ACCESS] = prepare_simple,     [STORE_AUTHORIZE] = prepare_authorize,
    [STORE_LINK_ADD] = prepare_link,     [STORE_LINK_REMOVE] = prepare_link,
    [STORE_GET] = prepare_key,           [STORE_SET] = prepare_key,
    [STORE_DELETE] = prepare_key,        [STORE_LIST_KEYS] = prepare_list,
};

static void prepare(struct redis_store *s, struct prepared *p, struct store_op *op)
{
    buf_clear(&p->data);
    buf_clear(&p->log);
    buf_clear(&p->links);
    p->command = (struct redis_command){.argc = 0};
    p->script = -1;
    if (op->id)
        name_keys(p, op->id);
    prepares[op->kind](s, p, op);
}

/* --- replies ---------------------------------------------------------------------------------- */

bool redis_is_string(const redisReply *r)
{
    return r->type == REDIS_REPLY_STRING;
}

static bool read_pos(const redisReply *r, struct store_pos *pos)
{
    return redis_is_string(r) && news_read_pos(r->str, (size_t)r->len, pos);
}

static bool take_string(const redisReply *r, struct buf *out, bool *there)
{
    *there = redis_is_string(r);
    if (*there)
        buf_append(out, r->str, (size_t)r->len);
    return *there || r->type == REDIS_REPLY_NIL;
}

static bool read_entry(const redisReply *e, struct store_op *op)
{
    if (e->type != REDIS_REPLY_ARRAY || e->elements != 2 || !read_pos(e->element[0], &op->pos))
        return false;
    const redisReply *f = e->element[1];
    if (f->type != REDIS_REPLY_ARRAY || f->elements != 2 || !redis_is_string(f->element[0]) ||
        !redis_is_string(f->element[1]))
        return false;
    const redisReply *name = f->element[0], *value = f->element[1];
    struct buf *u = &op->updates[op->update_count++];
    *u = (struct buf){0};
    if (strcmp(name->str, "b") == 0)
        return base64_decode(u, value->str, (size_t)value->len);
    buf_append(u, value->str, (size_t)value->len);
    return strcmp(name->str, "u") == 0;
}

static bool read_log(const redisReply *log, struct store_op *op)
{
    if (log->type != REDIS_REPLY_ARRAY)
        return false;
    op->updates = xcalloc(log->elements, sizeof(*op->updates));
    for (size_t i = 0; i < log->elements; i++)
        if (!read_entry(log->element[i], op))
            return false;
    return true;
}

/* r: state, state64, upto, log. */
static bool read_state(redisReply *const *r, struct store_op *op)
{
    bool has = redis_is_string(r[0]);
    op->pos = op->base = (struct store_pos){0};
    if (has)
        buf_append(&op->snapshot, r[0]->str, (size_t)r[0]->len);
    else if ((has = redis_is_string(r[1])) &&
             !base64_decode(&op->snapshot, r[1]->str, (size_t)r[1]->len))
        return false;
    if (has && !read_pos(r[2], &op->base))
        return false;
    op->pos = op->base;
    if (!read_log(r[3], op))
        return false;
    op->has_state = has || op->update_count;
    return true;
}

static int by_hash(const void *a, const void *b)
{
    return strcmp(((const struct store_link *)a)->hash, ((const struct store_link *)b)->hash);
}

static bool read_links(const redisReply *r, struct store_op *op)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements % 2)
        return false;
    for (size_t i = 0; i < r->elements; i += 2) {
        const redisReply *hash = r->element[i], *about = r->element[i + 1];
        if (!redis_is_string(hash) || !redis_is_string(about) ||
            !store_add_link(op, hash->str, (size_t)hash->len, about->str, (size_t)about->len))
            return false;
    }
    if (op->link_count)
        qsort(op->links, op->link_count, sizeof(*op->links), by_hash);
    return true;
}

static bool read_load(const redisReply *r, struct store_op *op)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == 8 && read_state(r->element, op) &&
           take_string(r->element[4], &op->text, &op->has_text) &&
           take_string(r->element[5], &op->language, &op->has_language) &&
           take_string(r->element[6], &op->emails, &op->has_emails) &&
           read_links(r->element[7], op);
}

static bool read_access(const redisReply *r, struct store_op *op)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
           take_string(r->element[0], &op->emails, &op->has_emails) &&
           read_links(r->element[1], op);
}

/* Nothing, or what is there instead. */
static bool read_authorize(const redisReply *r, struct store_op *op)
{
    if (r->type == REDIS_REPLY_NIL)
        return true;
    op->result = STORE_EXISTS;
    buf_clear(&op->emails);
    return take_string(r, &op->emails, &op->has_emails);
}

static bool read_get(const redisReply *r, struct store_op *op)
{
    char *end;
    buf_clear(&op->data);
    op->expires_ms = 0;
    if (r->type != REDIS_REPLY_ARRAY || !r->elements ||
        !take_string(r->element[0], &op->data, &op->found))
        return false;
    if (!op->found)
        return true;
    if (r->elements != 2 || !redis_is_string(r->element[1]))
        return false;
    long long at = strtoll(r->element[1]->str, &end, 10);
    op->expires_ms = at > 0 ? (uint64_t)at : 0;
    return !*end;
}

static bool read_resume(const redisReply *r, struct store_op *op)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 2 ||
        r->element[0]->type != REDIS_REPLY_INTEGER)
        return false;
    op->whole = r->element[0]->integer == 1;
    if (op->whole)
        return r->elements == 5 && read_state(r->element + 1, op);
    return read_log(r->element[1], op);
}

/* The id in a key of ours. */
static bool id_of(const redisReply *key, struct buf *out)
{
    static const char plain[] = "bytecrowd:", tagged[] = "{bytecrowd:";
    const char *s = key->str, *end = s + key->len;
    if (strncmp(s, plain, sizeof(plain) - 1) == 0) {
        buf_append(out, s + sizeof(plain) - 1, (size_t)key->len - (sizeof(plain) - 1));
        return true;
    }
    if (strncmp(s, tagged, sizeof(tagged) - 1) != 0)
        return false;
    const char *brace = memrchr(s, '}', (size_t)key->len);
    if (!brace || brace >= end ||
        (strcmp(brace, "}:updates") != 0 && strcmp(brace, "}:snapshot") != 0 &&
         strcmp(brace, "}:links") != 0))
        return false;
    s += sizeof(tagged) - 1;
    buf_append(out, s, (size_t)(brace - s));
    return true;
}

static bool name_of(const redisReply *key, enum store_kind kind, struct buf *out)
{
    if (kind == STORE_LIST)
        return id_of(key, out) && out->len <= REDIS_ID_MAX;
    buf_append(out, key->str, (size_t)key->len);
    return true;
}

static bool read_list(const redisReply *r, struct store_op *op)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 || !redis_is_string(r->element[0]) ||
        r->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    const redisReply *keys = r->element[1];
    op->names = xcalloc(keys->elements, sizeof(*op->names));
    for (size_t i = 0; i < keys->elements; i++) {
        struct buf *name = &op->names[op->name_count];
        if (redis_is_string(keys->element[i]) && name_of(keys->element[i], op->kind, name))
            op->name_count++;
        else
            buf_release(name);
    }
    buf_clear(&op->cursor);
    if (strcmp(r->element[0]->str, "0") != 0)
        buf_append(&op->cursor, r->element[0]->str, (size_t)r->element[0]->len);
    return true;
}

static bool read_fields(const redisReply *r, struct store_op *op)
{
    if (r->type != REDIS_REPLY_INTEGER)
        return false;
    if (r->integer) {
        op->result = STORE_EXISTS;
        op->wait_ms = r->integer > 0 ? (uint32_t)r->integer : 0;
    }
    return true;
}

/* 0: it stays; else it is gone, and these were its links. */
static bool read_expire(const redisReply *r, struct store_op *op)
{
    if (r->type == REDIS_REPLY_INTEGER)
        op->result = STORE_EXISTS;
    return r->type == REDIS_REPLY_INTEGER || r->type == REDIS_REPLY_ARRAY;
}

/* An integer, of which `exists` means STORE_EXISTS. */
static bool read_verdict(const redisReply *r, struct store_op *op, long long exists)
{
    if (r->type == REDIS_REPLY_INTEGER && r->integer == exists)
        op->result = STORE_EXISTS;
    return r->type == REDIS_REPLY_INTEGER;
}

/* Whether nothing was written, because there is something. */
static bool read_unless_there(const redisReply *r, struct store_op *op)
{
    bool there = r->type == REDIS_REPLY_NIL && (op->kind == STORE_SEED || op->if_absent);
    if (there)
        op->result = STORE_EXISTS;
    return there;
}

static bool read_ok(const redisReply *r, struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD:
        return read_load(r, op);
    case STORE_RESUME:
        return read_resume(r, op);
    case STORE_SEED:
    case STORE_APPEND:
        return read_unless_there(r, op) || read_pos(r, &op->pos);
    case STORE_SNAPSHOT:
        return read_verdict(r, op, 2);
    case STORE_IMPORT:
    case STORE_LINK_ADD:
        return read_verdict(r, op, 0);
    case STORE_EXPIRE:
        return read_expire(r, op);
    case STORE_LINK_REMOVE:
        return r->type == REDIS_REPLY_ARRAY;
    case STORE_FIELDS:
        return read_fields(r, op);
    case STORE_LIST:
    case STORE_LIST_KEYS:
        return read_list(r, op);
    case STORE_ACCESS:
        return read_access(r, op);
    case STORE_AUTHORIZE:
        return read_authorize(r, op);
    case STORE_GET:
        return read_get(r, op);
    case STORE_SET:
        return read_unless_there(r, op) || r->type == REDIS_REPLY_STATUS;
    case STORE_DELETE:
    case STORE_TELL:
    case STORE_TOUCH:
    case STORE_PING:
        return true;
    case STORE_LINK_FIND:
        break;
    }
    return false;
}

/* Whether trying again will not help. What the REST interface refuses for its bytes or its size would
 * hold up the rest of an import for good. */
static bool is_final(const struct store_op *op, const char *error)
{
    if (op->kind == STORE_IMPORT &&
        (strstr(error, "is not UTF-8") || strstr(error, "max request size exceeded")))
        return true;
    return strstr(error, "WRONGTYPE");
}

bool redis_answered(struct redis_link *link, const redisReply *r, struct store_op *op)
{
    op->generation = redis_link_generation(link);
    if (!r)
        store_fail(op, STORE_UNAVAILABLE, redis_link_error(link));
    else if (r->type == REDIS_REPLY_ERROR)
        store_fail(op, is_final(op, r->str) ? STORE_CORRUPT : STORE_UNAVAILABLE, r->str);
    return r && r->type != REDIS_REPLY_ERROR;
}

static void read_reply(struct redis_store *s, const redisReply *r, struct store_op *op)
{
    op->result = STORE_OK;
    if (redis_answered(s->link, r, op) && !read_ok(r, op))
        store_fail(op, STORE_CORRUPT, "the database holds what bytecrowds did not write");
}

/* Whose links have come or gone; an import that was there already may be a second try. */
static void note_links(struct redis_store *s, const redisReply *r, struct store_op *op)
{
    bool gone = op->kind == STORE_LINK_REMOVE || op->kind == STORE_EXPIRE;
    if (op->result < 0)
        return;
    if (op->result == STORE_OK && (op->kind == STORE_LINK_ADD || op->kind == STORE_LINK_REMOVE) &&
        op->data.len == STORE_LINK_HASH_LEN)
        redis_index_note(&s->index, gone ? NULL : op, op->id, op->data.data);
    for (size_t i = 0; op->kind == STORE_IMPORT && i < op->link_count; i++)
        redis_index_note(&s->index, op, op->id, op->links[i].hash);
    for (size_t i = 0; gone && i < r->elements; i++) {
        const redisReply *hash = r->element[i];
        if (redis_is_string(hash) && store_link_hash_ok(hash->str, (size_t)hash->len))
            redis_index_note(&s->index, NULL, op->id, hash->str);
    }
}

/* --- a group ---------------------------------------------------------------------------------- */

static void make_room(struct redis_store *s, size_t n)
{
    if (n <= s->cap)
        return;
    s->prepared = xrealloc(s->prepared, n * sizeof(*s->prepared));
    s->commands = xrealloc(s->commands, n * sizeof(*s->commands));
    s->replies = xrealloc(s->replies, n * sizeof(redisReply *));
    memset(s->prepared + s->cap, 0, (n - s->cap) * sizeof(*s->prepared));
    s->cap = n;
}

static bool no_script(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_ERROR && strncmp(r->str, "NOSCRIPT", 8) == 0;
}

/* A server that does not know a script yet is told its text, which it remembers. */
static void run_unknown(struct redis_store *s, size_t n)
{
    size_t again = 0;
    for (size_t i = 0; i < n; i++) {
        struct prepared *p = &s->prepared[i];
        if (p->script < 0 || !no_script(s->replies[i]))
            continue;
        const char *text = redis_script_text((enum redis_script)p->script);
        p->command.argv[0] = "EVAL";
        p->command.len[0] = 4;
        p->command.argv[1] = text;
        p->command.len[1] = strlen(text);
        s->commands[again++] = p->command;
    }
    if (!again)
        return;
    redisReply **replies = xcalloc(again, sizeof(redisReply *));
    redis_link_run(s->link, s->commands, again, replies);
    for (size_t i = 0, k = 0; i < n && k < again; i++) {
        if (s->prepared[i].script < 0 || !no_script(s->replies[i]))
            continue;
        redis_reply_free(s->replies[i]);
        s->replies[i] = replies[k++];
    }
    free(replies);
}

static void release_prepared(struct prepared *p)
{
    buf_release(&p->data);
    buf_release(&p->log);
    buf_release(&p->links);
}

static void run_some(struct redis_store *s, struct store_op **ops, size_t n)
{
    make_room(s, n);
    for (size_t i = 0; i < n; i++) {
        prepare(s, &s->prepared[i], ops[i]);
        s->commands[i] = s->prepared[i].command;
        s->replies[i] = NULL;
    }
    redis_link_run(s->link, s->commands, n, s->replies);
    run_unknown(s, n);
    for (size_t i = 0; i < n; i++) {
        read_reply(s, s->replies[i], ops[i]);
        note_links(s, s->replies[i], ops[i]);
        redis_reply_free(s->replies[i]);
        if (s->prepared[i].data.cap + s->prepared[i].log.cap + s->prepared[i].links.cap > 4096)
            release_prepared(&s->prepared[i]);
    }
    redis_index_settle(&s->index, s->link);
}

static bool can_run(struct store_op *op)
{
    if (!op->id || strlen(op->id) <= REDIS_ID_MAX)
        return store_check(op);
    store_fail(op, STORE_CORRUPT, "the name is too long");
    return false;
}

enum how { NOT_AT_ALL, AS_COMMAND, IN_STEPS };

static enum how how_to_run(struct store_op *op)
{
    if (!can_run(op))
        return NOT_AT_ALL;
    return op->kind == STORE_LINK_FIND ? IN_STEPS : AS_COMMAND;
}

static void run_group(struct store *base, struct store_op **ops, size_t n)
{
    struct redis_store *s = (struct redis_store *)base;
    for (size_t i = 0, end; i < n; i = end) {
        enum how how = how_to_run(ops[i]);
        for (end = i + 1; end < n && how_to_run(ops[end]) == how;)
            end++;
        if (how == AS_COMMAND)
            run_some(s, ops + i, end - i);
        else if (how == IN_STEPS)
            redis_index_find(s->link, ops + i, end - i);
    }
}

static void close_store(struct store *base)
{
    struct redis_store *s = (struct redis_store *)base;
    redis_link_close(s->link);
    for (size_t i = 0; i < s->cap; i++)
        release_prepared(&s->prepared[i]);
    free(s->prepared);
    free(s->commands);
    free(s->replies);
    free(s);
}

static const struct redis_target *target(const struct store *base)
{
    return &((const struct redis_store *)base)->target;
}

static const struct store_impl impl = {"redis", run_group, close_store, target};

struct store *redis_open(const char *url, const struct store_opts *opts, char *err, size_t err_len)
{
    struct redis_store *s = xcalloc(1, sizeof(*s));
    s->base.impl = &impl;
    s->target.timeout_ms = opts->timeout_ms;
    s->target.tls_ca = opts->tls_ca;
    s->target.tls_cert = opts->tls_cert;
    s->target.tls_key = opts->tls_key;
    s->target.replicas = opts->replicas;
    if (redis_url_parse(url, &s->target.url, err, err_len) < 0)
        goto fail;
    s->text_only = s->target.url.mode == REDIS_REST;
    if (s->text_only) {
        s->base.max_value = REST_VALUE_MAX;
        snprintf(s->target.url.password, sizeof(s->target.url.password), "%s",
                 opts->token ? opts->token : "");
    }
    s->link = redis_link_open(&s->target, err, err_len);
    if (!s->link)
        goto fail;
    return &s->base;
fail:
    free(s);
    return NULL;
}
