/*
 * Which bytecrowd a read-only link belongs to:
 *
 *     bytecrowds:link:<hash>  ->  16 hexadecimal digits by chance, a space, id
 *
 * In a Cluster that key is in another slot than the links, so nothing can change both in one step, and the key is no more
 * than a hint: a link is what the bytecrowd's own hash of links has. What must never be is a link without its key, which
 * nobody could open. So the key is written after the link, and deleted by whoever has
 *
 *     1. read it,   2. seen then that there is no such link,   3. found it as it was read.
 *
 * A link that comes back between 2 and 3 (a file is imported while somebody tries what is in it) has its key written anew,
 * by other digits, and that one stays. A crash between link and key leaves a link whose addition was not confirmed; it is
 * added again. A key that leads nowhere does no harm.
 */
#include "store/redis_int.h"

#include "base/mem.h"
#include "base/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "bytecrowds:link:"

#define DIGITS 16

static const char drop_text[] = "if redis.call('GET', KEYS[1]) == ARGV[1] then "
                                "return redis.call('UNLINK', KEYS[1]) end return 0";

struct redis_index_entry {
    struct store_op *writer;
    const char *id;
    char hash[STORE_LINK_HASH_LEN + 1];
};

/* From a hash to a bytecrowd. */
struct way {
    const char *hash;
    struct store_op *op; /* that fails if it cannot be followed; NULL: none */
    struct buf value;    /* of the key; empty: there is none */
    bool found;
};

/* --- one pipeline ----------------------------------------------------------------------------- */

struct sent {
    size_t of; /* which entry or way */
    char key[REDIS_KEY_SIZE], value[REDIS_KEY_SIZE];
};

struct pipeline {
    struct redis_command *commands;
    redisReply **replies;
    struct sent *sent;
    size_t count;
};

static void pipeline_init(struct pipeline *p, size_t most)
{
    p->commands = xcalloc(most, sizeof(*p->commands));
    p->replies = xcalloc(most, sizeof(redisReply *));
    p->sent = xcalloc(most, sizeof(*p->sent));
    p->count = 0;
}

static void pipeline_clear(struct pipeline *p)
{
    for (size_t i = 0; i < p->count; i++)
        redis_reply_free(p->replies[i]);
    p->count = 0;
}

static void pipeline_release(struct pipeline *p)
{
    pipeline_clear(p);
    free(p->commands);
    free(p->replies);
    free(p->sent);
}

static void pipeline_run(struct pipeline *p, struct redis_link *link)
{
    if (p->count)
        redis_link_run(link, p->commands, p->count, p->replies);
}

static struct redis_command *begin(struct pipeline *p, size_t of, const char *name)
{
    struct redis_command *c = &p->commands[p->count];
    struct sent *s = &p->sent[p->count++];
    *c = (struct redis_command){.key = s->key};
    s->of = of;
    redis_arg_str(c, name);
    return c;
}

static struct redis_command *begin_key(struct pipeline *p, size_t of, const char *name,
                                       const void *hash)
{
    struct redis_command *c = begin(p, of, name);
    snprintf(p->sent[p->count - 1].key, REDIS_KEY_SIZE, PREFIX "%.*s", STORE_LINK_HASH_LEN,
             (const char *)hash);
    return c;
}

static void add_get(struct pipeline *p, size_t of, const void *hash)
{
    struct redis_command *c = begin_key(p, of, "GET", hash);
    redis_arg_str(c, c->key);
}

static void add_set(struct pipeline *p, size_t of, const void *hash, const char *id)
{
    struct redis_command *c = begin_key(p, of, "SET", hash);
    char *value = p->sent[p->count - 1].value;
    snprintf(value, REDIS_KEY_SIZE, "%016" PRIx64 " %s", random_u64(), id);
    redis_arg_str(c, c->key);
    redis_arg_str(c, value);
    c->writes = true;
}

static void add_drop(struct pipeline *p, size_t of, const void *hash, const struct buf *value)
{
    struct redis_command *c = begin_key(p, of, "EVAL", hash);
    redis_arg_str(c, drop_text);
    redis_arg_str(c, "1");
    redis_arg_str(c, c->key);
    redis_arg(c, value->data, value->len);
    c->writes = true;
}

static void add_look(struct pipeline *p, size_t of, const void *hash, const char *id)
{
    struct redis_command *c = begin(p, of, "HEXISTS");
    redis_links_key(p->sent[p->count - 1].key, id);
    redis_arg_str(c, c->key);
    redis_arg(c, hash, STORE_LINK_HASH_LEN);
}

static bool says_yes(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_INTEGER && r->integer == 1;
}

static bool answered(struct redis_link *link, const redisReply *r, struct store_op *op)
{
    return op ? redis_answered(link, r, op) : r && r->type != REDIS_REPLY_ERROR;
}

/* --- following -------------------------------------------------------------------------------- */

static const char *id_of(struct way *w)
{
    return buf_str(&w->value) + DIGITS + 1;
}

static bool value_ok(const redisReply *r)
{
    size_t len = (size_t)r->len;
    return redis_is_string(r) && len > DIGITS + 1 && len <= DIGITS + 1 + REDIS_ID_MAX &&
           r->str[DIGITS] == ' ' && !memchr(r->str, '\0', len);
}

static void read_keys(struct pipeline *p, struct redis_link *link, struct way *ways)
{
    for (size_t i = 0; i < p->count; i++) {
        struct way *w = &ways[p->sent[i].of];
        const redisReply *r = p->replies[i];
        if (!answered(link, r, w->op) || r->type == REDIS_REPLY_NIL)
            continue;
        if (value_ok(r))
            buf_append(&w->value, r->str, (size_t)r->len);
        else if (w->op)
            store_fail(w->op, STORE_CORRUPT, "the database holds what bytecrowds did not write");
    }
    pipeline_clear(p);
}

/* Whatever is not known to lead nowhere is kept. */
static void read_looks(struct pipeline *p, struct redis_link *link, struct way *ways)
{
    for (size_t i = 0; i < p->count; i++) {
        struct way *w = &ways[p->sent[i].of];
        bool known = answered(link, p->replies[i], w->op);
        w->found = known && says_yes(p->replies[i]);
        if (!known)
            buf_clear(&w->value);
    }
    pipeline_clear(p);
}

static void follow(struct redis_link *link, struct way *ways, size_t n)
{
    struct pipeline p;
    pipeline_init(&p, n);
    for (size_t i = 0; i < n; i++)
        add_get(&p, i, ways[i].hash);
    pipeline_run(&p, link);
    read_keys(&p, link, ways);
    for (size_t i = 0; i < n; i++)
        if (ways[i].value.len)
            add_look(&p, i, ways[i].hash, id_of(&ways[i]));
    pipeline_run(&p, link);
    read_looks(&p, link, ways);
    for (size_t i = 0; i < n; i++)
        if (ways[i].value.len && !ways[i].found)
            add_drop(&p, i, ways[i].hash, &ways[i].value);
    pipeline_run(&p, link);
    pipeline_release(&p);
}

/* On failure the hash stays, for another try. */
static void give_id(struct store_op *op, struct way *w)
{
    if (op->result != STORE_OK)
        return;
    op->found = w->found;
    buf_clear(&op->data);
    if (w->found)
        buf_puts(&op->data, id_of(w));
    buf_str(&op->data);
}

void redis_index_find(struct redis_link *link, struct store_op **ops, size_t n)
{
    struct way *ways = xcalloc(n, sizeof(*ways));
    for (size_t i = 0; i < n; i++) {
        ops[i]->result = STORE_OK;
        ops[i]->found = false;
        ways[i] = (struct way){.hash = (const char *)ops[i]->data.data, .op = ops[i]};
    }
    follow(link, ways, n);
    for (size_t i = 0; i < n; i++) {
        give_id(ops[i], &ways[i]);
        buf_release(&ways[i].value);
    }
    free(ways);
}

/* --- settling --------------------------------------------------------------------------------- */

void redis_index_note(struct redis_index *x, struct store_op *writer, const char *id,
                      const void *hash)
{
    if ((x->count & (x->count - 1)) == 0)
        x->entries = xrealloc(x->entries, (x->count ? x->count * 2 : 1) * sizeof(*x->entries));
    struct redis_index_entry *e = &x->entries[x->count++];
    *e = (struct redis_index_entry){.writer = writer, .id = id};
    memcpy(e->hash, hash, STORE_LINK_HASH_LEN);
}

static void drop_keys(struct redis_index *x, struct redis_link *link)
{
    struct way *ways = xcalloc(x->count, sizeof(*ways));
    size_t n = 0;
    for (size_t i = 0; i < x->count; i++)
        if (!x->entries[i].writer)
            ways[n++] = (struct way){.hash = x->entries[i].hash};
    if (n)
        follow(link, ways, n);
    for (size_t i = 0; i < n; i++)
        buf_release(&ways[i].value);
    free(ways);
}

/* An operation that has failed already says why. */
static bool took(struct redis_index *x, struct pipeline *p, struct redis_link *link, size_t i)
{
    struct store_op *writer = x->entries[p->sent[i].of].writer;
    return writer->result >= 0 && redis_answered(link, p->replies[i], writer);
}

/* What was there already, or is gone again, is not what was meant to be added. */
static void write_keys(struct redis_index *x, struct redis_link *link)
{
    struct pipeline looks, sets;
    pipeline_init(&looks, x->count);
    pipeline_init(&sets, x->count);
    for (size_t i = 0; i < x->count; i++)
        if (x->entries[i].writer)
            add_look(&looks, i, x->entries[i].hash, x->entries[i].id);
    pipeline_run(&looks, link);
    for (size_t i = 0; i < looks.count; i++) {
        const struct redis_index_entry *e = &x->entries[looks.sent[i].of];
        if (took(x, &looks, link, i) && says_yes(looks.replies[i]))
            add_set(&sets, looks.sent[i].of, e->hash, e->id);
    }
    pipeline_run(&sets, link);
    for (size_t i = 0; i < sets.count; i++)
        took(x, &sets, link, i);
    pipeline_release(&looks);
    pipeline_release(&sets);
}

void redis_index_settle(struct redis_index *x, struct redis_link *link)
{
    if (!x->count)
        return;
    drop_keys(x, link);
    write_keys(x, link);
    free(x->entries);
    *x = (struct redis_index){0};
}
