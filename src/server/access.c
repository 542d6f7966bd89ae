/*
 * Who may be in a bytecrowd, from the moment on when that changes.
 *
 * A room has the policy that the store had when it was last asked: when the room was loaded, when another server or
 * one of our own requests changed it, when the feed or the store's connection was made anew, and now and then. Whoever
 * is here and may be no longer is cut off (4401), in the turn in which that is known.
 *
 * People who are signed in are looked up again once in a while, and at once when some server says that they have
 * signed out: who is not known any more is cut off, or goes on as nobody.
 */
#include "base/log.h"
#include "base/mem.h"
#include "server/email.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

/* With SQLite: how often is looked whether another process (bytecrowds authorize) has written. */
#define LOOK_MS 400
/* A session that was ended by another program is noticed by then. */
#define KNOWN_MS 60000
/* Lookups at a time, of which each is two reads. */
#define RECHECKS_MAX 100
#define RECHECK_TICK_MS 250

struct access {
    struct net_timer *look_timer, *recheck_timer;
    struct store_op ping;
    bool pinging;
    uint64_t changes;
    struct list known; /* struct client, longest ago looked up first */
    size_t rechecking;
};

/* --- policies --------------------------------------------------------------------------------- */

void policy_release(struct policy *p)
{
    emails_release(&p->emails);
    free(p->links);
    *p = (struct policy){0};
}

void policy_read(struct policy *p, const struct store_op *op)
{
    policy_release(p);
    p->restricted = op->has_emails;
    if (op->has_emails && !emails_read(&p->emails, op->emails.data, op->emails.len))
        log_error("nobody is admitted, authorizedEmails cannot be read", LOG_STR("name", op->id));
    p->links = xcalloc(op->link_count, sizeof(*p->links));
    p->link_count = op->link_count;
    for (size_t i = 0; i < op->link_count; i++)
        memcpy(p->links[i], op->links[i].hash, sizeof(*p->links));
}

void policy_copy(struct policy *out, const struct policy *p)
{
    policy_release(out);
    out->restricted = p->restricted;
    emails_copy(&out->emails, &p->emails);
}

bool policy_admits(const struct policy *p, const struct auth_person *person)
{
    if (!p->restricted)
        return true;
    return person && *person->email && emails_has(&p->emails, person->email, strlen(person->email));
}

/* The hashes are no secret: who knows one has not got the token. */
static bool policy_has_link(const struct policy *p, const char *hash)
{
    for (size_t i = 0; i < p->link_count; i++)
        if (strcmp(p->links[i], hash) == 0)
            return true;
    return false;
}

/* --- rooms ------------------------------------------------------------------------------------ */

bool room_admits(const struct room *r, const struct client *c, const char **why)
{
    if (c->link) {
        *why = "this link was revoked";
        return policy_has_link(&r->policy, c->link);
    }
    *why =
        !c->person ? "sign in to open this bytecrowd" : "you are not on the list of this bytecrowd";
    return policy_admits(&r->policy, c->person);
}

static void cut_off_others(struct room *r)
{
    const char *why;
    list_each(n, &r->members)
    {
        struct client *c = container_of(n, struct client, node);
        if (!room_admits(r, c, &why))
            room_cut_off(c, WS_UNAUTHORIZED, why);
    }
}

struct ask {
    struct store_op op;
    struct server *srv;
    char name[NAME_MAX_LEN + 1];
};

static void asked(struct store_op *op)
{
    struct ask *a = op->udata;
    /* By its name: the room may have gone, and may have come again. */
    struct room *r = table_get(&a->srv->rooms, a->name, strlen(a->name));
    if (r) {
        r->asking = false;
        if (op->result == STORE_OK) {
            policy_read(&r->policy, op);
            if (r->phase == ROOM_LIVE)
                cut_off_others(r);
        } else {
            /* It is asked again with the store's next connection. */
            log_warn("who may enter was not read", LOG_STR("name", r->name),
                     LOG_STR("error", op->error));
        }
        if (r->ask_again && !a->srv->stop_us)
            room_ask_access(r);
    }
    store_op_release(op);
    free(a);
}

void room_ask_access(struct room *r)
{
    r->ask_again = r->asking;
    if (r->asking)
        return;
    r->asking = true;
    struct ask *a = xcalloc(1, sizeof(*a));
    a->srv = r->srv;
    strcpy(a->name, r->name);
    a->op = (struct store_op){.kind = STORE_ACCESS, .id = a->name, .done = asked, .udata = a};
    store_queue_submit(r->srv->queue, &a->op);
}

void access_changed(struct server *s, const char *name)
{
    struct room *r = s->stop_us ? NULL : table_get(&s->rooms, name, strlen(name));
    if (r)
        room_ask_access(r);
}

/* --- another process on the same file ----------------------------------------------------------- */

static void looked(struct store_op *op)
{
    struct server *s = op->udata;
    struct access *a = s->access;
    a->pinging = false;
    if (op->result == STORE_OK && op->changes != a->changes) {
        bool first = !a->changes;
        a->changes = op->changes;
        void *r;
        for (size_t pos = 0; !first && table_next(&s->rooms, &pos, &r);)
            room_ask_access(r);
    }
    store_op_release(op);
}

static void look(void *udata)
{
    struct server *s = udata;
    struct access *a = s->access;
    if (a->pinging || s->stop_us || (!s->rooms.count && a->changes))
        return;
    a->pinging = true;
    a->ping = (struct store_op){.kind = STORE_PING, .done = looked, .udata = s};
    store_queue_submit(s->queue, &a->ping);
}

/* --- who is signed in ------------------------------------------------------------------------- */

/* Whoever they are they stay as long as they are connected: their cursor bears it (proto/awareness.h). */
void access_identify(struct server *s, struct client *c, struct auth_person *person)
{
    c->person = auth_person_ref(person);
    c->identity = (struct awareness_identity){person->name, person->email};
    c->awareness.identity = &c->identity;
    c->known_ms = net_now_us() / 1000;
    list_append(&s->access->known, &c->known);
}

/* They come back by themselves, as whoever they are then; but not to where nobody in particular may be. */
static void forget(struct client *c, const char *why)
{
    struct room *r = c->room;
    list_remove(&c->known);
    if (!r)
        return;
    if (r->policy.restricted && !c->link)
        room_cut_off(c, WS_UNAUTHORIZED, why);
    else
        room_cut_off(c, WS_RESTART, why);
}

void access_signed_out(struct server *s, const char *session, const char *user_id)
{
    struct buf b = {0};
    buf_puts(&b, session ? session : user_id);
    if (s->feed)
        nodes_tell(s, NULL, session ? 's' : 'u', &b);
    buf_release(&b);
    list_each(n, &s->access->known)
    {
        struct client *c = container_of(n, struct client, known);
        if (session ? strcmp(c->person->session, session) == 0
                    : strcmp(c->person->id, user_id) == 0)
            forget(c, "you have signed out");
    }
}

void access_heard(struct server *s, const struct feed_news *news)
{
    const uint8_t *d = news->data.data;
    size_t len = news->data.len;
    if (news->own || len < 2 || (d[0] != 's' && d[0] != 'u'))
        return;
    list_each(n, &s->access->known)
    {
        struct client *c = container_of(n, struct client, known);
        const char *of = d[0] == 's' ? c->person->session : c->person->id;
        if (strlen(of) == len - 1 && memcmp(of, d + 1, len - 1) == 0)
            forget(c, "you have signed out");
    }
}

void access_recheck(struct server *s)
{
    list_each(n, &s->access->known) container_of(n, struct client, known)->known_ms = 0;
}

static void rechecked(enum auth_known result, struct auth_person *p, void *udata)
{
    struct client *c = udata;
    struct server *s = c->room->srv;
    c->query = NULL;
    c->rechecking = false;
    s->access->rechecking--;
    if (result == AUTH_NOBODY)
        forget(c, "you have signed out");
    else if (result == AUTH_KNOWN &&
             (strcmp(p->email, c->person->email) != 0 || strcmp(p->name, c->person->name) != 0))
        forget(c, "your account has changed");
}

/* The list is in the order of known_ms, but for those that are to be looked up at once. */
static void recheck_some(void *udata)
{
    struct server *s = udata;
    struct access *a = s->access;
    uint64_t now = net_now_us() / 1000;
    list_each(n, &a->known)
    {
        struct client *c = container_of(n, struct client, known);
        if (now - c->known_ms < KNOWN_MS || a->rechecking >= RECHECKS_MAX || s->stop_us)
            return;
        c->known_ms = now;
        list_remove(&c->known);
        list_append(&a->known, &c->known);
        if (!c->room || c->query)
            continue;
        a->rechecking++;
        c->rechecking = true;
        c->query = auth_recheck(s->auth, c->person, rechecked, c);
    }
}

void access_left(struct server *s, struct client *c)
{
    list_remove(&c->known);
    if (!c->rechecking)
        return;
    auth_query_cancel(c->query);
    c->query = NULL;
    c->rechecking = false;
    s->access->rechecking--;
}

void access_init(struct server *s)
{
    struct access *a = s->access = xcalloc(1, sizeof(*a));
    list_init(&a->known);
    a->recheck_timer = net_timer_new(s->loop, recheck_some, s);
    net_timer_start(a->recheck_timer, RECHECK_TICK_MS, RECHECK_TICK_MS);
    a->look_timer = net_timer_new(s->loop, look, s);
    if (!s->feed)
        net_timer_start(a->look_timer, 0, LOOK_MS);
}

void access_release(struct server *s)
{
    if (!s->access)
        return;
    net_timer_free(s->access->recheck_timer);
    net_timer_free(s->access->look_timer);
    free(s->access);
    s->access = NULL;
}
