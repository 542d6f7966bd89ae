/*
 * A request about one bytecrowd that is answered when it is known who asks and whether they may: first the policy (of
 * the room, if it is open here; else the store's), then, where that or the request asks for it, the session.
 *
 * The connection may go at any time. What the store is doing then is let finish.
 */
#include "base/mem.h"
#include "server/server_int.h"

#include <stdlib.h>
#include <string.h>

void visit_end(struct visit *v)
{
    if (v->client) {
        v->client->visit = NULL;
        client_free(v->client);
        v->client = NULL;
    }
    if (v->busy)
        return;
    policy_release(&v->policy);
    store_op_release(&v->op);
    json_decref(v->body);
    free(v);
}

void visit_lost(struct visit *v)
{
    v->client->visit = NULL;
    v->client = NULL;
    visit_end(v);
}

static void decide(struct visit *v)
{
    v->ready(v, policy_admits(&v->policy, v->client->person) ? VISIT_OK : VISIT_DENIED);
}

static void known(enum auth_known result, struct auth_person *p, void *udata)
{
    struct visit *v = udata;
    v->client->query = NULL;
    if (result == AUTH_UNAVAILABLE) {
        v->ready(v, VISIT_UNAVAILABLE);
        return;
    }
    v->client->person = auth_person_ref(p);
    decide(v);
}

static void identify(struct visit *v, bool who)
{
    if (!who && !v->policy.restricted) {
        decide(v);
        return;
    }
    struct auth_query *q = auth_whois(v->srv->auth, v->req, known, v);
    if (q)
        v->client->query = q;
}

static void stored(struct store_op *op)
{
    struct visit *v = op->udata;
    void (*done)(struct store_op *) = v->done;
    v->busy = false;
    if (v->client || v->detached)
        done(op);
    else
        visit_end(v);
}

void visit_store(struct visit *v, void (*done)(struct store_op *op))
{
    v->op.done = stored;
    v->op.udata = v;
    v->done = done;
    v->busy = true;
    store_queue_submit(v->srv->queue, &v->op);
}

static void policy_known(struct store_op *op)
{
    struct visit *v = op->udata;
    if (op->result == STORE_OK) {
        policy_read(&v->policy, op);
        store_op_release(op);
        identify(v, v->who);
    } else {
        v->ready(v, VISIT_UNAVAILABLE);
    }
}

struct visit *visit_begin(struct server *s, struct conn *conn, const struct http_request *req,
                          const char *name, bool who,
                          void (*ready)(struct visit *v, enum visit_result result))
{
    struct visit *v = xcalloc(1, sizeof(*v));
    v->srv = s;
    v->req = req;
    v->who = who;
    v->ready = ready;
    strcpy(v->name, name);
    v->client = client_new(CLIENT_VISIT, conn);
    v->client->visit = v;
    guard_who(s, v->client, req);
    return v;
}

void visit_go(struct visit *v)
{
    struct room *r = table_get(&v->srv->rooms, v->name, strlen(v->name));
    if (r && r->phase == ROOM_LIVE) {
        policy_copy(&v->policy, &r->policy);
        identify(v, v->who);
        return;
    }
    v->op = (struct store_op){.kind = STORE_ACCESS, .id = v->name};
    visit_store(v, policy_known);
}
