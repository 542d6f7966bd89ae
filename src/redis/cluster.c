/*
 * A link to a Redis Cluster: one connection for each node that keys of ours are on.
 *
 *     a run       each command goes to the node of its key's slot; every node gets its part as one
 *                 pipeline, all are sent before the first is read
 *     MOVED       the slot is the other node's from now on; the command goes there, in the next round
 *     ASK         the command goes there this once, behind ASKING
 *     TRYAGAIN, CLUSTERDOWN, LOADING, a lost node
 *                 the map is fetched anew (but for TRYAGAIN) and the command is sent again after a
 *                 short pause, a few times, while the target's timeout lasts
 *
 * A SCAN visits one node after the other; each is at home in the first slot that is its own, and they
 * come in the order of these.
 *
 * Commands with the same key keep their order within a run as long as no node is lost: they are in
 * the same pipeline, and what is redirected is redirected in that order. While a slot is being
 * migrated a command of several keys (TRYAGAIN) can be overtaken.
 */
#include "base/mem.h"
#include "base/random.h"
#include "redis/link_int.h"
#include "redis/node.h"
#include "redis/slots.h"
#include "redis/stream.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 16
#define PAUSE_MIN_MS 20
#define PAUSE_MAX_MS 50
/* Slots that move one after the other must not have the map fetched for each. */
#define MAP_EVERY_MS 500
/* The replies of the other nodes wait while one that is gone is tried. */
#define CONNECT_MS 2000

struct cluster_node {
    struct redis_node base;
    bool seed, listed; /* named by the URL; in the map */
    bool sent, seen;
    struct redis_batch batch;
    size_t cap; /* of batch.which */
};

struct cluster {
    struct redis_link base;
    struct redis_target target;
    struct cluster_node **nodes;
    size_t count;
    struct cluster_node *slots[REDIS_SLOTS]; /* NULL: nobody's that we know */
    bool mapped;                             /* once at least */
    bool stale;                              /* fetch the map again soon */
    bool useless;                            /* before anything else is sent */
    uint64_t fetched;
    char error[512]; /* why a command has no reply */
};

/* A command of a run that is under way. */
struct task {
    struct cluster_node *ask; /* where ASK pointed to */
    uint8_t tries;
    bool over; /* without a reply */
};

struct run {
    struct cluster *c;
    const struct redis_command *commands;
    redisReply **replies;
    size_t count;
    struct task *tasks;
    bool *asking;
    uint64_t deadline;
    bool pause;
};

/* --- nodes ------------------------------------------------------------------------------------ */

static struct cluster_node *node_at(struct cluster *c, const struct redis_host *h)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->nodes[i]->base.where.port == h->port &&
            !strcmp(c->nodes[i]->base.where.host, h->host))
            return c->nodes[i];
    struct cluster_node *n = xcalloc(1, sizeof(*n));
    n->base.target = &c->target;
    n->base.generation = &c->base.generation;
    n->base.where = *h;
    n->base.connect_ms = c->target.timeout_ms < CONNECT_MS ? c->target.timeout_ms : CONNECT_MS;
    c->nodes = xrealloc(c->nodes, (c->count + 1) * sizeof(struct cluster_node *));
    c->nodes[c->count++] = n;
    return n;
}

static void free_node(struct cluster_node *n)
{
    redis_conn_close(n->base.conn);
    free(n->batch.which);
    free(n);
}

/* Forgets what is in the map no longer; not within a run, whose tasks point to nodes. */
static void prune(struct cluster *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (!n->listed && n->base.conn)
            redis_node_drop(&n->base, "it is no node of the Cluster that has slots");
        if (n->listed || n->seed)
            c->nodes[kept++] = n;
        else
            free_node(n);
    }
    c->count = kept;
}

/* --- the map ---------------------------------------------------------------------------------- */

/* One range of CLUSTER SLOTS: first, last, [host, port, ...] of the master, its replicas. */
static bool read_range(const redisReply *r, const struct redis_host *asked, long long *first,
                       long long *last, struct redis_host *out)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 3 ||
        r->element[0]->type != REDIS_REPLY_INTEGER || r->element[1]->type != REDIS_REPLY_INTEGER)
        return false;
    *first = r->element[0]->integer;
    *last = r->element[1]->integer;
    const redisReply *m = r->element[2];
    if (*first < 0 || *last >= REDIS_SLOTS || m->type != REDIS_REPLY_ARRAY || m->elements < 2 ||
        m->element[1]->type != REDIS_REPLY_INTEGER || m->element[1]->integer < 1 ||
        m->element[1]->integer > 65535)
        return false;
    const char *host = m->element[0]->type == REDIS_REPLY_STRING ? m->element[0]->str : "";
    if (!*host || !strcmp(host, "?"))
        host = asked->host;
    if (strlen(host) >= sizeof(out->host))
        return false;
    snprintf(out->host, sizeof(out->host), "%s", host);
    out->port = (uint16_t)m->element[1]->integer;
    return true;
}

static bool read_map(struct cluster *c, const redisReply *r, const struct redis_host *asked)
{
    long long first, last;
    struct redis_host h;
    if (r->type != REDIS_REPLY_ARRAY || !r->elements)
        return false;
    for (size_t i = 0; i < r->elements; i++)
        if (!read_range(r->element[i], asked, &first, &last, &h))
            return false;
    for (size_t i = 0; i < c->count; i++)
        c->nodes[i]->listed = false;
    memset(c->slots, 0, sizeof(c->slots));
    for (size_t i = 0; i < r->elements; i++) {
        read_range(r->element[i], asked, &first, &last, &h);
        struct cluster_node *n = node_at(c, &h);
        n->listed = true;
        for (long long slot = first; slot <= last; slot++)
            c->slots[slot] = n;
    }
    return true;
}

static bool fetch_from(struct cluster *c, struct cluster_node *n)
{
    struct redis_node *b = &n->base;
    const struct redis_host asked = b->where;
    if (!redis_node_connect(b)) {
        redis_node_explain(b, c->error, sizeof(c->error));
        return false;
    }
    redisReply *r = redis_conn_call(b->conn, 2, (const char *const[]){"CLUSTER", "SLOTS"});
    bool done = r && read_map(c, r, &asked);
    if (!r) {
        snprintf(c->error, sizeof(c->error), "%s", redis_conn_error(b->conn));
        if (redis_conn_timed_out(b->conn))
            redis_node_fail(b, c->error);
        else
            redis_node_drop(b, c->error); /* it was lost before, unnoticed */
    } else if (!done) {
        snprintf(c->error, sizeof(c->error), "%s: %.200s", redis_conn_name(b->conn),
                 r->type == REDIS_REPLY_ERROR ? r->str : "it knows of no slots");
    }
    redis_reply_free(r);
    return done;
}

/* Asks one node after the other, from anywhere in the list; those first that are connected. */
static bool fetch_map(struct cluster *c, uint64_t deadline)
{
    size_t count = c->count, first = (size_t)(random_u64() % count);
    c->fetched = stream_clock();
    for (int connected = 1; connected >= 0; connected--)
        for (size_t i = 0; i < count; i++) {
            struct cluster_node *n = c->nodes[(first + i) % count];
            if ((n->base.conn != NULL) != connected || (!connected && stream_clock() >= deadline))
                continue;
            if (!fetch_from(c, n))
                continue;
            c->mapped = true;
            c->stale = c->useless = false;
            return true;
        }
    return false;
}

/* --- a round: sending ------------------------------------------------------------------------- */

static struct cluster_node *any_node(struct cluster *c)
{
    struct cluster_node *best = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct cluster_node *n = c->nodes[i];
        if (!n->listed)
            continue;
        if (n->base.conn)
            return n;
        if (!best || redis_node_patience(&n->base) < redis_node_patience(&best->base))
            best = n;
    }
    return best;
}

/* The command of (r, i) has no reply. It is sent again in the next round, unless that was done often
 * enough. */
static void again(struct run *r, size_t i)
{
    if (++r->tasks[i].tries >= TRIES_MAX)
        r->tasks[i].over = true;
}

static void assign(struct run *r)
{
    struct cluster *c = r->c;
    for (size_t i = 0; i < r->count; i++) {
        struct task *t = &r->tasks[i];
        const char *key = r->commands[i].key;
        if (r->replies[i] || t->over)
            continue;
        struct cluster_node *n = t->ask ? t->ask : key ? c->slots[redis_slot_of(key)] : any_node(c);
        r->asking[i] = t->ask;
        t->ask = NULL;
        if (!n) {
            snprintf(c->error, sizeof(c->error), "no node of the Cluster has the slot of this key");
            c->useless = r->pause = true;
            again(r, i);
            continue;
        }
        struct redis_batch *b = &n->batch;
        if (b->count == n->cap) {
            n->cap = n->cap ? n->cap * 2 : 64;
            b->which = xrealloc(b->which, n->cap * sizeof(*b->which));
        }
        b->which[b->count++] = i;
    }
}

/* What cannot be reached now is tried again in this run only if that will be soon. */
static void not_reached(struct run *r, struct cluster_node *n)
{
    bool soon = redis_node_patience(&n->base) <= PAUSE_MAX_MS;
    redis_node_explain(&n->base, r->c->error, sizeof(r->c->error));
    r->c->useless = r->pause = true;
    for (size_t i = 0; i < n->batch.count; i++) {
        size_t k = n->batch.which[i];
        again(r, k);
        r->tasks[k].over |= !soon;
    }
}

static void send_to(struct run *r, struct cluster_node *n)
{
    size_t *which = n->batch.which, count = n->batch.count;
    n->batch = (struct redis_batch){.node = &n->base,
                                    .commands = r->commands,
                                    .replies = r->replies,
                                    .which = which,
                                    .count = count,
                                    .asking = r->asking};
    redis_batch_send(&n->batch);
    n->sent = true;
}

/* Those first that are connected: a node that is gone must not keep theirs waiting. */
static void send_all(struct run *r)
{
    for (size_t i = 0; i < r->c->count; i++) {
        struct cluster_node *n = r->c->nodes[i];
        n->sent = false;
        if (n->batch.count && n->base.conn)
            send_to(r, n);
    }
    for (size_t i = 0; i < r->c->count; i++) {
        struct cluster_node *n = r->c->nodes[i];
        if (!n->batch.count || n->sent)
            continue;
        if (redis_node_connect(&n->base))
            send_to(r, n);
        else
            not_reached(r, n);
    }
}

/* --- a round: reading ------------------------------------------------------------------------- */

static void redirect(struct run *r, size_t i, const struct redis_node *from)
{
    struct redis_host h;
    uint16_t slot;
    enum redis_redirect kind = redis_redirect_of(r->replies[i]->str, &slot, &h);
    if (!*h.host)
        memcpy(h.host, from->where.host, sizeof(h.host));
    struct cluster_node *n = node_at(r->c, &h);
    if (kind == REDIRECT_ASK) {
        r->tasks[i].ask = n;
        return;
    }
    n->listed = true; /* or it would be pruned before the map is fetched */
    r->c->slots[slot] = n;
    r->c->stale = true;
}

/* Takes back a reply after which the command is sent again, elsewhere or later. */
static void settle(struct run *r, size_t i, const struct redis_node *from, bool *drop)
{
    const redisReply *reply = r->replies[i];
    struct redis_host h;
    uint16_t slot;
    if (reply->type != REDIS_REPLY_ERROR)
        return;
    bool misplaced = redis_reply_is_misplaced(reply),
         try_again = !strncmp(reply->str, "TRYAGAIN ", 9);
    bool redirected = redis_redirect_of(reply->str, &slot, &h) != REDIRECT_NONE;
    if (!misplaced && !try_again && !redirected)
        return;
    snprintf(r->c->error, sizeof(r->c->error), "%s:%u: %.200s", from->where.host, from->where.port,
             reply->str);
    if (redirected) {
        redirect(r, i, from);
    } else {
        r->pause = true;
        r->c->useless |= misplaced;
        *drop |= misplaced && strncmp(reply->str, "CLUSTERDOWN", 11) != 0;
    }
    redis_reply_free(r->replies[i]);
    r->replies[i] = NULL;
    again(r, i);
}

static void read_from(struct run *r, struct cluster_node *n)
{
    enum redis_batch_end end = redis_batch_read(&n->batch);
    bool drop = false;
    if (end != BATCH_ANSWERED)
        redis_node_explain(&n->base, r->c->error, sizeof(r->c->error));
    if (end == BATCH_LOST || end == BATCH_LATE)
        r->c->useless = true;
    r->pause |= end == BATCH_LOST;
    for (size_t i = 0; i < n->batch.count; i++) {
        size_t k = n->batch.which[i];
        if (r->replies[k])
            settle(r, k, &n->base, &drop);
        else if (end == BATCH_LOST)
            again(r, k);
        else
            r->tasks[k].over = true;
    }
    if (drop && n->base.conn)
        redis_node_drop(&n->base, r->c->error);
}

static void read_all(struct run *r)
{
    size_t count = r->c->count; /* redirect() adds nodes that were sent nothing */
    for (size_t i = 0; i < count; i++) {
        struct cluster_node *n = r->c->nodes[i];
        if (n->sent)
            read_from(r, n);
        n->sent = false;
        n->batch.count = 0;
    }
}

/* --- SCAN of all nodes ------------------------------------------------------------------------ */

static bool is_scan(const struct redis_command *cmd)
{
    return !cmd->key && cmd->argc > 1 && cmd->len[0] == 4 && !memcmp(cmd->argv[0], "SCAN", 4);
}

/* The next slot that is the first one of its node, or nobody's, whose keys must not be left out in
 * silence. */
static uint16_t next_to_scan(struct cluster *c, uint16_t slot)
{
    uint16_t next = 0;
    for (size_t i = 0; i < c->count; i++)
        c->nodes[i]->seen = false;
    for (; next < REDIS_SLOTS; next++) {
        struct cluster_node *n = c->slots[next];
        if (next > slot && (!n || !n->seen))
            break;
        if (n)
            n->seen = true;
    }
    return next;
}

/* Puts our cursor for that of the node. */
static void advance(struct cluster *c, const struct redis_node *n, struct redis_scan *at,
                    redisReply *r)
{
    char text[REDIS_SCAN_TEXT] = "0";
    redisReply *cursor = r->type == REDIS_REPLY_ARRAY && r->elements == 2 ? r->element[0] : NULL;
    if (!cursor || cursor->type != REDIS_REPLY_STRING || strlen(cursor->str) >= sizeof(at->cursor))
        return;
    snprintf(at->node, sizeof(at->node), "%s", redis_conn_name(n->conn));
    snprintf(at->cursor, sizeof(at->cursor), "%s", cursor->str);
    bool node_done = !strcmp(cursor->str, "0");
    if (node_done) {
        *at->node = '\0';
        at->slot = next_to_scan(c, at->slot);
    }
    if (at->slot < REDIS_SLOTS)
        redis_scan_write(at, text);
    free(cursor->str);
    cursor->str = xstrdup(text);
    cursor->len = strlen(text);
}

static redisReply *scan_node(struct cluster *c, const struct redis_command *cmd,
                             struct redis_scan *at)
{
    struct redis_node *n = &c->slots[at->slot]->base;
    struct redis_command own = *cmd;
    if (!redis_node_connect(n)) {
        redis_node_explain(n, c->error, sizeof(c->error));
        c->useless = true;
        return NULL;
    }
    if (strcmp(at->node, redis_conn_name(n->conn)) != 0)
        memcpy(at->cursor, "0", 2);
    own.argv[1] = at->cursor;
    own.len[1] = strlen(at->cursor);
    redis_conn_queue(n->conn, own.argc, own.argv, own.len);
    redisReply *r = redis_conn_reply(n->conn);
    if (r && !redis_reply_is_misplaced(r)) {
        advance(c, n, at, r);
        return r;
    }
    snprintf(c->error, sizeof(c->error), "%.480s", r ? r->str : redis_conn_error(n->conn));
    c->useless = true;
    if (redis_conn_timed_out(n->conn))
        redis_node_fail(n, c->error);
    else
        redis_node_drop(n, c->error);
    redis_reply_free(r);
    return NULL;
}

static redisReply *scan(struct cluster *c, const struct redis_command *cmd)
{
    struct redis_scan at;
    if (!redis_scan_read(cmd->argv[1], cmd->len[1], &at)) {
        snprintf(c->error, sizeof(c->error), "not a cursor of a Cluster");
        return NULL;
    }
    /* All at once: a connection that is made later would look like one that was lost. */
    for (size_t i = 0; !at.slot && !*at.node && i < c->count; i++)
        if (c->nodes[i]->listed)
            redis_node_connect(&c->nodes[i]->base);
    if (!c->slots[at.slot]) {
        snprintf(c->error, sizeof(c->error), "no node of the Cluster has slot %u", at.slot);
        c->useless = true;
        return NULL;
    }
    bool lost_before = c->slots[at.slot]->base.conn;
    redisReply *r = scan_node(c, cmd, &at);
    if (!r && lost_before && !redis_node_patience(&c->slots[at.slot]->base))
        r = scan_node(c, cmd, &at);
    return r;
}

/* --- a run ------------------------------------------------------------------------------------ */

static bool unfinished(const struct run *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (!r->replies[i] && !r->tasks[i].over)
            return true;
    return false;
}

static void rest_a_little(void)
{
    poll(NULL, 0, PAUSE_MIN_MS + (int)(random_u64() % (PAUSE_MAX_MS - PAUSE_MIN_MS + 1)));
}

/* False: there is no map to go by. A map that may be wrong is better than none. */
static bool orient(struct cluster *c, uint64_t deadline)
{
    bool due = c->stale && stream_clock() - c->fetched >= MAP_EVERY_MS;
    if (!c->mapped || c->useless || due)
        fetch_map(c, deadline);
    return c->mapped;
}

static void rounds(struct run *r)
{
    while (unfinished(r)) {
        if (r->c->useless && !orient(r->c, r->deadline))
            return;
        r->pause = false;
        assign(r);
        send_all(r);
        read_all(r);
        if (stream_clock() >= r->deadline)
            return;
        if (r->pause && unfinished(r))
            rest_a_little();
    }
}

static void run_cluster(struct redis_link *l, const struct redis_command *commands, size_t n,
                        redisReply **replies)
{
    struct cluster *c = (struct cluster *)l;
    if (!n)
        return;
    struct run r = {.c = c,
                    .commands = commands,
                    .replies = replies,
                    .count = n,
                    .tasks = xcalloc(n, sizeof(*r.tasks)),
                    .asking = xcalloc(n, sizeof(*r.asking)),
                    .deadline = stream_clock() + c->target.timeout_ms};
    *c->error = '\0';
    for (size_t i = 0; i < n; i++)
        r.tasks[i].over = is_scan(&commands[i]);
    if (orient(c, r.deadline)) {
        prune(c);
        rounds(&r);
        for (size_t i = 0; i < n; i++)
            if (is_scan(&commands[i]))
                replies[i] = scan(c, &commands[i]);
    }
    for (size_t i = 0; i < n && !*l->error; i++)
        if (!replies[i])
            snprintf(l->error, sizeof(l->error), "%s", c->error);
    free(r.tasks);
    free(r.asking);
}

static void close_cluster(struct redis_link *l)
{
    struct cluster *c = (struct cluster *)l;
    for (size_t i = 0; i < c->count; i++)
        free_node(c->nodes[i]);
    free(c->nodes);
    free(c);
}

static const struct redis_link_impl impl = {run_cluster, close_cluster};

struct redis_link *cluster_link_open(const struct redis_target *t)
{
    struct cluster *c = xcalloc(1, sizeof(*c));
    c->base.impl = &impl;
    c->target = *t;
    for (size_t i = 0; i < t->url.host_count; i++)
        node_at(c, &t->url.hosts[i])->seed = true;
    return &c->base;
}
