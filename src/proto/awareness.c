#include "proto/awareness.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "proto/mark.h"
#include "proto/message.h"
#include "y/y.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_CLIENTS 8192
#define DEFAULT_PER_OWNER 64
#define DEFAULT_STATE_BYTES (16 * 1024)
#define DEFAULT_BYTES_PER_SECOND (256 * 1024)
#define BURST_SECONDS 8
/* What a state costs beside its JSON: to be told of, in bytes. */
#define STATE_COST 32
/* Stock clients forget a silent peer after 30 s; an echo cannot be older than that. */
#define GONE_MEMORY_MS 60000
/* 2^53 - 1 is the last integer that every client can read; one is left for awareness_drop(). */
#define CLOCK_MAX ((UINT64_C(1) << 53) - 2)

struct state {
    uint64_t client, clock;
    uint64_t gone_ms; /* when it went; only in `gone` */
    uint64_t named;   /* the last awareness_keep() that had it */
    char *json;       /* NULL: gone */
    size_t len;
    bool verified; /* it is marked (mark.h) */
    struct awareness_owner *owner;
    struct list node;  /* in `here` or, oldest first, in `gone` */
    struct list dirty; /* in `changes`, or alone */
    struct list local; /* in `local_changes`, or alone */
};

struct awareness {
    struct awareness_limits limits;
    struct table states; /* client id -> struct state */
    struct list here, gone, changes, local_changes;
    size_t count, gone_count;
    uint64_t keeps; /* calls of awareness_keep() */
};

/* One entry of a payload on its way in. */
struct entry {
    uint64_t client, clock;
    const char *json; /* NULL: null */
    size_t len;
};

struct awareness *awareness_new(const struct awareness_limits *limits)
{
    struct awareness *a = xcalloc(1, sizeof(*a));
    if (limits)
        a->limits = *limits;
    if (!a->limits.clients)
        a->limits.clients = DEFAULT_CLIENTS;
    if (!a->limits.clients_per_owner)
        a->limits.clients_per_owner = DEFAULT_PER_OWNER;
    if (!a->limits.bytes_per_second)
        a->limits.bytes_per_second = DEFAULT_BYTES_PER_SECOND;
    if (!a->limits.state_bytes)
        a->limits.state_bytes = DEFAULT_STATE_BYTES;
    list_init(&a->here);
    list_init(&a->gone);
    list_init(&a->changes);
    list_init(&a->local_changes);
    return a;
}

static void forget(struct awareness *a, struct state *s)
{
    table_remove(&a->states, &s->client, sizeof(s->client));
    list_remove(&s->node);
    list_remove(&s->dirty);
    list_remove(&s->local);
    if (!s->json)
        a->gone_count--;
    free(s->json);
    free(s);
}

void awareness_free(struct awareness *a)
{
    if (!a)
        return;
    list_each(n, &a->here) forget(a, container_of(n, struct state, node));
    list_each(n, &a->gone) forget(a, container_of(n, struct state, node));
    table_release(&a->states);
    free(a);
}

/* `by` changed it. What another server changed, that one has told everybody, so a change of ours that
 * was not told yet is out of date. */
static void mark(struct awareness *a, struct state *s, const struct awareness_owner *by)
{
    if (list_empty(&s->dirty))
        list_append(&a->changes, &s->dirty);
    list_remove(&s->local);
    if (!by->remote && a->limits.other_servers)
        list_append(&a->local_changes, &s->local);
}

static void disown(struct state *s)
{
    if (s->owner)
        s->owner->count--;
    s->owner = NULL;
}

/* Forgets who has been gone for long, and the longest gone if a flood of names made them too many;
 * never one whose going was not told yet. */
static void expire(struct awareness *a, uint64_t now_ms)
{
    list_each(n, &a->gone)
    {
        struct state *s = container_of(n, struct state, node);
        if (now_ms - s->gone_ms < GONE_MEMORY_MS && a->gone_count <= a->limits.clients)
            break;
        if (list_empty(&s->dirty) && list_empty(&s->local))
            forget(a, s);
    }
}

/* Whoever calls it calls expire() in the end: not before a payload is through, all of which was checked
 * against the same states. */
static void go(struct awareness *a, struct state *s, const struct awareness_owner *by,
               uint64_t now_ms)
{
    disown(s);
    free(s->json);
    s->json = NULL;
    s->len = 0;
    s->verified = false;
    s->gone_ms = now_ms;
    a->count--;
    a->gone_count++;
    list_remove(&s->node);
    list_append(&a->gone, &s->node);
    mark(a, s, by);
}

/* --- who may say what --------------------------------------------------------------------------- */

static bool is_news(const struct state *s, const struct entry *e)
{
    if (!s)
        return e->json != NULL;
    return e->clock > s->clock || (e->clock == s->clock && !e->json && s->json);
}

/* Whether the connection that holds a state is that client's own. */
static bool at_home(const struct state *s)
{
    return !s->owner->remote && s->owner->self == s->client + 1;
}

static bool same_person(const struct awareness_owner *owner, const struct state *s)
{
    const char *email = mark_email(owner->identity);
    if (!s->owner->remote) {
        const char *other = mark_email(s->owner->identity);
        return email && other ? !strcmp(email, other) : email == other;
    }
    struct json_text marked;
    if (!mark_read(s->json, s->len, &marked))
        return !email;
    return email && json_text_is(marked, email, strlen(email));
}

/* Whether `owner`, which is itself `self`, is heard about somebody. Stock clients pass on what they hear
 * by other ways, and say of whom they have not heard for long that they are gone; the one says at once
 * what its own connection says anyhow, the other is wrong as long as there is that connection. */
static bool may_speak(const struct awareness_owner *owner, uint64_t self, const struct state *s,
                      const struct entry *e)
{
    if (owner->remote || !s || !s->json || s->owner == owner)
        return true;
    bool own = self == s->client + 1;
    if (s->verified || (own && at_home(s)))
        return own && same_person(owner, s);
    return own || (s->owner->remote ? e->json != NULL : !at_home(s));
}

/* Who `owner` is once it has said `e`, about `s`, as the one thing (`alone`) of a payload. */
static uint64_t self_after(const struct awareness_owner *owner, const struct state *s,
                           const struct entry *e, bool alone)
{
    bool says = !owner->self && alone && e->json && !owner->remote;
    return says && may_speak(owner, e->client + 1, s, e) ? e->client + 1 : owner->self;
}

enum verdict {
    IGNORED,
    COMES_BACK, /* no news, but it is theirs from now on */
    NEWS,
};

static enum verdict judge(const struct awareness_owner *owner, uint64_t self, const struct state *s,
                          const struct entry *e)
{
    if (!may_speak(owner, self, s, e))
        return IGNORED;
    if (is_news(s, e))
        return NEWS;
    if (!s || !s->json || !e->json || self != e->client + 1 || s->owner == owner)
        return IGNORED;
    /* Another tab has announced this one before it had a connection, when nobody could tell who it is. */
    bool hearsay = !s->owner->remote && !at_home(s);
    return hearsay && e->clock == s->clock && mark_email(owner->identity) ? NEWS : COMES_BACK;
}

/* --- taking ------------------------------------------------------------------------------------- */

static void own(struct state *s, struct awareness_owner *owner)
{
    if (s->owner == owner)
        return;
    disown(s);
    s->owner = owner;
    owner->count++;
}

static struct state *meet(struct awareness *a, uint64_t client)
{
    struct state *s = xcalloc(1, sizeof(*s));
    s->client = client;
    list_init(&s->node);
    list_init(&s->dirty);
    list_init(&s->local);
    table_set(&a->states, &s->client, sizeof(s->client), s);
    a->gone_count++; /* until it is here */
    return s;
}

/* What others pass on of somebody is nobody's own word, whoever they are. */
static void keep(struct state *s, const struct awareness_owner *owner, const struct entry *e)
{
    const struct awareness_identity *who = owner->self == e->client + 1 ? owner->identity : NULL;
    struct buf b = {0};
    bool rewritten = !owner->remote && mark_rewrite(e->json, e->len, who, &b);
    free(s->json);
    s->json = rewritten ? xstrndup((const char *)b.data, b.len) : xstrndup(e->json, e->len);
    s->len = rewritten ? b.len : e->len;
    buf_release(&b);
    s->verified = owner->remote ? mark_read(s->json, s->len, NULL) : rewritten && mark_email(who);
}

static void take(struct awareness *a, struct awareness_owner *owner, const struct entry *e,
                 uint64_t now_ms)
{
    struct state *s = table_get(&a->states, &e->client, sizeof(e->client));
    enum verdict verdict = judge(owner, owner->self, s, e);
    if (verdict == COMES_BACK)
        own(s, owner);
    if (verdict != NEWS)
        return;
    if (!s)
        s = meet(a, e->client);
    s->clock = e->clock;
    if (!e->json) {
        if (s->json)
            go(a, s, owner, now_ms);
        return;
    }
    if (!s->json) {
        a->gone_count--;
        a->count++;
        list_remove(&s->node);
        list_append(&a->here, &s->node);
    }
    keep(s, owner, e);
    own(s, owner);
    mark(a, s, owner);
}

/* A flood of news costs everybody in the room, and cuts off who cannot read it in time. */
static uint64_t spent_by(const struct awareness *a, const struct awareness_owner *owner,
                         uint64_t now_ms)
{
    uint64_t forgiven = (now_ms - owner->spent_ms) * a->limits.bytes_per_second / 1000;
    return forgiven < owner->spent ? owner->spent - forgiven : 0;
}

/* Checks a payload whole, so that a bad one changes nothing. */
static int check(const struct awareness *a, const struct awareness_owner *owner, struct y_reader r,
                 uint64_t n, uint64_t *spent)
{
    size_t joining = 0, owning = 0;
    bool alone = n == 1;
    while (n--) {
        struct entry e = {.client = y_read_varuint(&r), .clock = y_read_varuint(&r)};
        e.json = y_read_string(&r, &e.len);
        if (r.error || e.clock >= CLOCK_MAX)
            return AWARENESS_MALFORMED;
        if (e.len == 4 && memcmp(e.json, "null", 4) == 0)
            e.json = NULL;
        const struct state *s = table_get(&a->states, &e.client, sizeof(e.client));
        enum verdict verdict = judge(owner, self_after(owner, s, &e, alone), s, &e);
        if (verdict == NEWS)
            *spent += e.len + STATE_COST;
        if (verdict != NEWS || !e.json) {
            owning += verdict == COMES_BACK;
            continue;
        }
        if (e.len > a->limits.state_bytes && !owner->remote)
            return AWARENESS_LIMIT;
        if (!y_json_valid(e.json, e.len))
            return AWARENESS_MALFORMED;
        joining += !s || !s->json;
        owning += !s || s->owner != owner;
    }
    if (r.p != r.end)
        return AWARENESS_MALFORMED;
    if (owner->remote)
        return AWARENESS_OK;
    if (a->count + joining > a->limits.clients ||
        (owning && owner->count + owning > a->limits.clients_per_owner) ||
        *spent > a->limits.bytes_per_second * BURST_SECONDS)
        return AWARENESS_LIMIT;
    return AWARENESS_OK;
}

static void encode(struct buf *out, const struct state *s)
{
    proto_varuint(out, s->client);
    proto_varuint(out, s->clock);
    const char *json = s->json ? s->json : "null";
    size_t len = s->json ? s->len : 4;
    proto_varuint(out, len);
    buf_append(out, json, len);
}

/* Whether `owner` announces somebody who is gone, as far as is known here. Of a client only what it
 * says of itself: the others' states it merely passes on. */
static bool is_outdated(const struct awareness_owner *owner, const struct state *s,
                        const struct entry *e)
{
    bool speaks = owner->remote || owner->self == e->client + 1;
    return speaks && e->json && s && !s->json && e->clock <= s->clock;
}

int awareness_apply(struct awareness *a, struct awareness_owner *owner, const void *payload,
                    size_t len, uint64_t now_ms, struct buf *truth)
{
    struct y_reader r = y_reader_of(payload, len);
    uint64_t n = y_read_varuint(&r);
    /* An entry takes three bytes at the least. */
    if (r.error || n > len / 3)
        return AWARENESS_MALFORMED;
    uint64_t spent = spent_by(a, owner, now_ms);
    int error = check(a, owner, r, n, &spent);
    if (error)
        return error;
    owner->spent = spent;
    owner->spent_ms = now_ms;
    struct buf gone = {0};
    uint64_t gone_count = 0;
    for (uint64_t i = 0; i < n; i++) {
        struct entry e = {.client = y_read_varuint(&r), .clock = y_read_varuint(&r)};
        e.json = y_read_string(&r, &e.len);
        if (e.len == 4 && memcmp(e.json, "null", 4) == 0)
            e.json = NULL;
        const struct state *s = table_get(&a->states, &e.client, sizeof(e.client));
        owner->self = self_after(owner, s, &e, n == 1);
        if (is_outdated(owner, s, &e)) {
            encode(&gone, s);
            gone_count++;
        }
        take(a, owner, &e, now_ms);
    }
    if (truth && gone_count) {
        proto_varuint(truth, gone_count);
        buf_append(truth, gone.data, gone.len);
    }
    buf_release(&gone);
    expire(a, now_ms);
    return AWARENESS_OK;
}

void awareness_drop(struct awareness *a, struct awareness_owner *owner, uint64_t now_ms)
{
    if (!owner->count)
        return;
    list_each(n, &a->here)
    {
        struct state *s = container_of(n, struct state, node);
        if (s->owner == owner) {
            s->clock += !owner->remote;
            go(a, s, owner, now_ms);
        }
    }
    expire(a, now_ms);
}

void awareness_keep(struct awareness *a, struct awareness_owner *owner, const void *payload,
                    size_t len, uint64_t now_ms)
{
    struct y_reader r = y_reader_of(payload, len);
    uint64_t n = y_read_varuint(&r);
    a->keeps++;
    while (n-- && !r.error) {
        uint64_t client = y_read_varuint(&r);
        y_read_varuint(&r);
        size_t json_len;
        y_read_string(&r, &json_len);
        struct state *s = table_get(&a->states, &client, sizeof(client));
        if (s)
            s->named = a->keeps;
    }
    list_each(i, &a->here)
    {
        struct state *s = container_of(i, struct state, node);
        if (s->owner == owner && s->named != a->keeps)
            go(a, s, owner, now_ms);
    }
    expire(a, now_ms);
}

static size_t length_of(const struct list *l)
{
    size_t n = 0;
    for (const struct list *i = l->next; i != l; i = i->next)
        n++;
    return n;
}

size_t awareness_take(struct awareness *a, struct buf *out)
{
    size_t n = length_of(&a->changes);
    if (!n)
        return 0;
    proto_varuint(out, n);
    list_each(i, &a->changes)
    {
        struct state *s = container_of(i, struct state, dirty);
        encode(out, s);
        list_remove(&s->dirty);
    }
    return n;
}

size_t awareness_take_local(struct awareness *a, struct buf *out)
{
    size_t n = length_of(&a->local_changes);
    if (!n)
        return 0;
    proto_varuint(out, n);
    list_each(i, &a->local_changes)
    {
        struct state *s = container_of(i, struct state, local);
        encode(out, s);
        list_remove(&s->local);
    }
    return n;
}

bool awareness_changed(const struct awareness *a)
{
    return !list_empty(&a->changes);
}

size_t awareness_all(const struct awareness *a, struct buf *out)
{
    if (!a->count)
        return 0;
    proto_varuint(out, a->count);
    for (const struct list *i = a->here.next; i != &a->here; i = i->next)
        encode(out, container_of(i, struct state, node));
    return a->count;
}

static bool is_local(const struct list *i)
{
    const struct state *s = container_of(i, struct state, node);
    return s->owner && !s->owner->remote;
}

size_t awareness_all_local(const struct awareness *a, struct buf *out)
{
    size_t n = 0;
    for (const struct list *i = a->here.next; i != &a->here; i = i->next)
        n += is_local(i);
    if (!n)
        return 0;
    proto_varuint(out, n);
    for (const struct list *i = a->here.next; i != &a->here; i = i->next)
        if (is_local(i))
            encode(out, container_of(i, struct state, node));
    return n;
}

size_t awareness_count(const struct awareness *a)
{
    return a->count;
}
