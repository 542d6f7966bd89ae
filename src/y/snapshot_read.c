/* Reading snapshots, and what of a document one shows. */
#include "y/snapshot_int.h"

#include <stdlib.h>

void y_snapshot_release(struct y_snapshot *s)
{
    for (size_t i = 0; i < s->count; i++)
        y_mem_free(s->clients[i].deleted.list);
    y_mem_free(s->clients);
    *s = (struct y_snapshot){NULL, 0, 0};
}

static struct y_snapshot_client *add_client(struct y_snapshot *s, uint64_t id)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 8;
        struct y_snapshot_client *p = y_realloc(s->clients, cap * sizeof(*p));
        if (!p)
            return NULL;
        s->clients = p;
        s->cap = cap;
    }
    s->clients[s->count] = (struct y_snapshot_client){.id = id};
    return &s->clients[s->count++];
}

static int read_deletes(struct y_reader *r, struct y_snapshot *s)
{
    for (uint64_t n = y_read_varuint(r); n && !r->error; n--) {
        struct y_snapshot_client *c = add_client(s, y_read_varuint(r));
        if (!c)
            return Y_ERR_NOMEM;
        for (uint64_t k = y_read_varuint(r); k && !r->error; k--) {
            uint64_t clock = y_read_varuint(r), len = y_read_varuint(r);
            if (clock > Y_CLOCK_MAX || len > Y_CLOCK_MAX - clock)
                return Y_ERR_RANGE;
            if (len && y_ranges_add(&c->deleted, (uint32_t)clock, (uint32_t)len) < 0)
                return Y_ERR_NOMEM;
        }
    }
    return r->error;
}

static int read_states(struct y_reader *r, struct y_snapshot *s)
{
    for (uint64_t n = y_read_varuint(r); n && !r->error; n--) {
        uint64_t id = y_read_varuint(r), clock = y_read_varuint(r);
        struct y_snapshot_client *c = r->error ? NULL : add_client(s, id);
        if (clock > Y_CLOCK_MAX)
            return Y_ERR_RANGE;
        if (!c)
            return r->error ? r->error : Y_ERR_NOMEM;
        c->known = true;
        c->clock = (uint32_t)clock;
    }
    return r->error;
}

/* By id; of one id in the order in which they were read, which the address of nothing but the state tells:
 * what was deleted stands first. */
static int by_id(const void *a, const void *b)
{
    const struct y_snapshot_client *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->known - y->known;
}

static int join(struct y_snapshot_client *into, struct y_snapshot_client *c)
{
    int error = Y_OK;
    for (size_t i = 0; i < c->deleted.count && !error; i++)
        error = y_ranges_add(&into->deleted, c->deleted.list[i].clock, c->deleted.list[i].len);
    y_mem_free(c->deleted.list);
    c->deleted = (struct y_ranges){NULL, 0, 0};
    if (c->known) {
        into->known = true;
        into->clock = c->clock;
    }
    return error;
}

static int sort_clients(struct y_snapshot *s)
{
    size_t n = 0;
    int error = Y_OK;
    if (s->count)
        qsort(s->clients, s->count, sizeof(*s->clients), by_id);
    for (size_t i = 1; i < s->count; i++) {
        struct y_snapshot_client c = s->clients[i];
        if (!error && s->clients[n].id == c.id) {
            s->clients[i].deleted = (struct y_ranges){NULL, 0, 0};
            error = join(&s->clients[n], &c);
        } else if (++n != i) {
            s->clients[i].deleted = (struct y_ranges){NULL, 0, 0};
            s->clients[n] = c;
        }
    }
    s->count = s->count ? n + 1 : 0;
    for (size_t i = 0; i < s->count; i++)
        y_ranges_sort(&s->clients[i].deleted);
    return error;
}

int y_snapshot_read(struct y_slice snapshot, struct y_snapshot *out)
{
    struct y_snapshot s = {NULL, 0, 0};
    struct y_reader r = y_reader_of(snapshot.p, snapshot.n);
    int error = read_deletes(&r, &s);
    if (!error)
        error = read_states(&r, &s);
    if (!error && r.p != r.end)
        error = Y_ERR_MALFORMED;
    if (!error)
        error = sort_clients(&s);
    if (error)
        y_snapshot_release(&s);
    else
        *out = s;
    return error;
}

const struct y_snapshot_client *y_snapshot_client_of(const struct y_snapshot *s, uint64_t id)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->clients[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->count && s->clients[low].id == id ? &s->clients[low] : NULL;
}

static int cut_at(struct ydoc *doc, uint32_t client, uint32_t clock)
{
    if (clock >= doc->clients[client].state)
        return Y_OK;
    if (y_items_reserve(doc, 1) < 0 || !y_clean_start(doc, (struct y_id){client, clock}))
        return Y_ERR_NOMEM;
    return Y_OK;
}

int y_snapshot_split(struct ydoc *doc, const struct y_snapshot *s)
{
    int error = Y_OK;
    for (size_t i = 0; i < s->count && !error; i++) {
        const struct y_snapshot_client *c = &s->clients[i];
        uint32_t client = y_client_find(doc, c->id);
        if (client == Y_NOBODY)
            continue;
        if (c->known)
            error = cut_at(doc, client, c->clock);
        for (size_t k = 0; k < c->deleted.count && !error; k++) {
            struct y_range r = c->deleted.list[k];
            error = cut_at(doc, client, r.clock);
            if (!error && r.clock < doc->clients[client].state)
                error = cut_at(doc, client, r.clock + r.len);
        }
    }
    return error;
}

bool y_snapshot_shows(const struct y_snapshot_client *c, const struct y_item *it)
{
    if (!c || !c->known || c->clock <= it->clock)
        return false;
    size_t low = 0, high = c->deleted.count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct y_range *r = &c->deleted.list[mid];
        if (it->clock < r->clock)
            high = mid;
        else if (it->clock - r->clock >= r->len)
            low = mid + 1;
        else
            return false;
    }
    return true;
}
