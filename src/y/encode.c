/*
 * Writing a document (yjs encoding.js `writeClientsStructs`, DeleteSet.js): clients highest id
 * first, then the delete set. What waits is written behind a Skip over the gap.
 */
#include "y/y_int.h"

#include <stdlib.h>

void y_struct_of(const struct ydoc *doc, const struct y_item *it, struct y_struct *s)
{
    s->kind = it->kind;
    s->info = 0;
    s->parent_kind = Y_PARENT_COPIED;
    s->clock = it->clock;
    s->len = it->len;
    s->data = (struct y_slice){y_content(doc, it), it->bytes};
    if (it->kind == Y_GC)
        return;
    if (it->origin.client != Y_NOBODY) {
        s->info |= Y_HAS_ORIGIN;
        s->origin = (struct y_rid){doc->clients[it->origin.client].id, it->origin.clock};
    }
    if (it->right_origin.client != Y_NOBODY) {
        s->info |= Y_HAS_RIGHT;
        s->right = (struct y_rid){doc->clients[it->right_origin.client].id, it->right_origin.clock};
    }
    const struct y_seq *seq = &doc->seqs[it->seq];
    if (seq->key) {
        s->info |= Y_HAS_KEY;
        s->key = (struct y_slice){doc->names[seq->key].s, doc->names[seq->key].len};
    }
    if (!(s->info & (Y_HAS_ORIGIN | Y_HAS_RIGHT))) {
        const struct y_type *t = doc->types[seq->type];
        if (t->item) {
            const struct y_item *owner = y_item(doc, t->item);
            s->parent_kind = Y_PARENT_ID;
            s->parent = (struct y_rid){doc->clients[owner->client].id, owner->clock};
        } else {
            s->parent_kind = Y_PARENT_ROOT;
            s->root = (struct y_slice){doc->names[t->name].s, doc->names[t->name].len};
        }
    }
    if (it->kind == Y_TYPE) {
        const struct y_type *t = doc->types[it->off];
        s->type_ref = t->ref;
        s->data = t->name ? (struct y_slice){doc->names[t->name].s, doc->names[t->name].len}
                          : (struct y_slice){NULL, 0};
    }
}

/* --- what waits ------------------------------------------------------------------------------- */

static int waiting_order(const void *a, const void *b)
{
    const struct y_waiting *x = *(struct y_waiting *const *)a, *y = *(struct y_waiting *const *)b;
    return y_waits_before(x, y) ? -1 : y_waits_before(y, x);
}

/* The structs that wait beyond `clock`, in order, without what another one says too. Owned by the
 * caller; NULL with *count 0 if there are none. */
static int waiting_of(const struct y_client *c, uint32_t clock, struct y_waiting ***result,
                      uint32_t *count)
{
    *result = NULL;
    *count = 0;
    if (!c->heap_count)
        return Y_OK;
    struct y_waiting **list = y_realloc(NULL, c->heap_count * sizeof(*list));
    if (!list)
        return Y_ERR_NOMEM;
    memcpy(list, c->heap, c->heap_count * sizeof(*list));
    qsort(list, c->heap_count, sizeof(*list), waiting_order);
    uint32_t n = 0, end = clock;
    for (uint32_t i = 0; i < c->heap_count; i++) {
        if (list[i]->clock + list[i]->len <= end)
            continue;
        end = list[i]->clock + list[i]->len;
        list[n++] = list[i];
    }
    *result = list;
    *count = n;
    return Y_OK;
}

static void put_waiting(struct y_enc *e, const struct y_client *c, const struct y_waiting *w,
                        uint32_t offset)
{
    struct y_dec d;
    struct y_struct s;
    y_dec_init(&d, w->data, w->bytes, (enum y_format)w->format);
    if (y_dec_struct(&d, c->id, w->clock, &s))
        y_enc_struct(e, c->id, &s, offset);
    int error = y_dec_end(&d);
    if (error && !e->error)
        e->error = error;
}

/* --- a client --------------------------------------------------------------------------------- */

struct part {
    uint32_t clock;            /* from here on */
    struct y_at at;            /* the first struct; of `structs` */
    uint32_t structs, waiting; /* how many */
    bool bare;                 /* no struct, and what waits begins beyond: no Skip before it */
    uint32_t total;            /* structs on the wire, Skips too */
    bool keyless;              /* something waits: without keys that nobody reads, as Yjs then */
    struct y_waiting **list;
};

static int plan_client(struct y_client *c, uint32_t clock, bool with_waiting, struct part *p)
{
    *p = (struct part){.clock = clock};
    uint32_t end = c->state > clock ? c->state : clock;
    if (clock < c->state) {
        p->at = y_find(c, clock);
        p->structs = c->blocks[p->at.b].n - p->at.i;
        for (uint32_t b = p->at.b + 1; b < c->block_count; b++)
            p->structs += c->blocks[b].n;
    }
    int error = with_waiting ? waiting_of(c, end, &p->list, &p->waiting) : Y_OK;
    p->total = p->structs;
    for (uint32_t i = 0; i < p->waiting; i++) {
        p->total += 1 + (p->list[i]->clock > end);
        end = p->list[i]->clock + p->list[i]->len;
    }
    if (!p->structs && p->waiting && p->list[0]->clock > clock && p->list[0]->clock > c->state) {
        p->bare = true;
        p->total--;
    }
    return error;
}

/* Text that grew: only what came since is looked at, however long the item is. What is left for the
 * writer to cut. */
static uint32_t cut_front(struct y_struct *s, uint64_t client, uint32_t offset)
{
    bool inside = false;
    if (!offset || s->kind != Y_STRING)
        return offset;
    size_t from = s->data.n == s->len
                      ? offset
                      : y_utf16_offset_of(s->data.p, s->data.n, s->len, offset, &inside);
    if (inside)
        return offset;
    s->data = (struct y_slice){s->data.p + from, s->data.n - from};
    s->clock += offset;
    s->len -= offset;
    s->info |= Y_HAS_ORIGIN;
    s->origin = (struct y_rid){client, (uint32_t)s->clock - 1};
    return 0;
}

static void put_client(const struct ydoc *doc, struct y_enc *e, const struct y_client *c,
                       const struct part *p)
{
    struct y_struct s;
    uint32_t end = c->state > p->clock ? c->state : p->clock;
    struct y_at at = p->at;
    if (p->bare)
        end = p->list[0]->clock;
    y_enc_section(e, p->total, c->id, p->structs ? p->clock : end);
    for (uint32_t i = 0; i < p->structs; i++, y_at_next(c, &at)) {
        const struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
        y_struct_of(doc, it, &s);
        if (p->keyless && (s.info & (Y_HAS_ORIGIN | Y_HAS_RIGHT)))
            s.info &= (uint8_t)~Y_HAS_KEY;
        y_enc_struct(e, c->id, &s, cut_front(&s, c->id, i ? 0 : p->clock - it->clock));
    }
    for (uint32_t i = 0; i < p->waiting; i++) {
        const struct y_waiting *w = p->list[i];
        if (w->clock > end) {
            s = (struct y_struct){.kind = Y_SKIP, .clock = end, .len = w->clock - end};
            y_enc_struct(e, c->id, &s, 0);
            end = w->clock;
        }
        put_waiting(e, c, w, end - w->clock);
        end = w->clock + w->len;
    }
}

/* --- delete sets ------------------------------------------------------------------------------ */

static int deleted_ranges(const struct ydoc *doc, const struct y_client *c, bool late,
                          struct y_ranges *r)
{
    r->count = 0;
    for (uint32_t b = 0; b < c->block_count; b++) {
        for (uint32_t i = 0; i < c->blocks[b].n; i++) {
            const struct y_item *it = y_item(doc, c->blocks[b].e[i].item);
            if ((it->flags & Y_DEAD) && y_ranges_add(r, it->clock, it->len) < 0)
                return Y_ERR_NOMEM;
        }
    }
    for (uint32_t i = 0; i < c->late_count && late; i++)
        if (y_ranges_add(r, c->late[i].clock, c->late[i].len) < 0)
            return Y_ERR_NOMEM;
    if (c->late_count && late)
        y_ranges_sort(r);
    return Y_OK;
}

static void put_ranges(struct y_enc *e, uint64_t client, const struct y_ranges *r)
{
    y_enc_ds_client(e, client, r->count);
    for (size_t i = 0; i < r->count; i++)
        y_enc_ds_range(e, r->list[i].clock, r->list[i].len);
}

/* Every range is found before the first is written, because the count of clients comes first. */
int y_put_delete_set(struct ydoc *doc, struct y_enc *e, bool late)
{
    uint64_t clients = 0;
    struct y_ranges *all = NULL;
    int error = Y_OK;
    if (doc->client_count) {
        all = y_realloc(NULL, doc->client_count * sizeof(*all));
        if (!all)
            return Y_ERR_NOMEM;
        memset(all, 0, doc->client_count * sizeof(*all));
    }
    for (uint32_t i = 0; i < doc->client_count && !error; i++) {
        error = deleted_ranges(doc, &doc->clients[doc->order[i]], late, &all[i]);
        clients += all[i].count > 0;
    }
    if (!error) {
        y_enc_ds_clients(e, clients);
        for (uint32_t i = 0; i < doc->client_count; i++)
            if (all[i].count)
                put_ranges(e, doc->clients[doc->order[i]].id, &all[i]);
    }
    for (uint32_t i = 0; i < doc->client_count; i++)
        y_mem_free(all[i].list);
    y_mem_free(all);
    return error;
}

/* --- documents -------------------------------------------------------------------------------- */

bool y_sv_read(const void *sv, size_t len, struct y_reader *out, uint64_t *count)
{
    struct y_reader r = y_reader_of(sv, len);
    uint64_t n = *count = y_read_varuint(&r);
    *out = r;
    for (; n && !r.error; n--) {
        y_read_varuint(&r);
        y_read_varuint(&r);
    }
    return !r.error && r.p == r.end;
}

/* The clocks that a state vector knows, by our client index. */
static int known_clocks(struct ydoc *doc, const void *sv, size_t len, uint32_t **result)
{
    struct y_reader r;
    uint64_t n = 0;
    *result = NULL;
    if (len && !y_sv_read(sv, len, &r, &n))
        return Y_ERR_MALFORMED;
    if (!doc->client_count)
        return Y_OK;
    uint32_t *known = y_realloc(NULL, doc->client_count * sizeof(*known));
    if (!known)
        return Y_ERR_NOMEM;
    memset(known, 0, doc->client_count * sizeof(*known));
    for (; n; n--) {
        uint64_t id = y_read_varuint(&r), clock = y_read_varuint(&r);
        uint32_t k = y_client_find(doc, id);
        if (k != Y_NOBODY)
            known[k] = clock > Y_CLOCK_MAX ? (uint32_t)Y_CLOCK_MAX : (uint32_t)clock;
    }
    *result = known;
    return Y_OK;
}

static int put_document(struct ydoc *doc, struct y_enc *e, const uint32_t *known)
{
    int error = y_clients_sorted(doc);
    if (error || !doc->client_count) {
        y_enc_sections(e, 0);
        y_enc_ds_clients(e, 0);
        return error;
    }
    struct part *parts = y_realloc(NULL, doc->client_count * sizeof(*parts));
    uint64_t sections = 0;
    uint32_t planned = 0;
    if (!parts)
        return Y_ERR_NOMEM;
    for (; planned < doc->client_count && !error; planned++) {
        uint32_t k = doc->order[planned];
        error = plan_client(&doc->clients[k], known[k], true, &parts[planned]);
        parts[planned].keyless = ydoc_has_pending(doc);
        sections += parts[planned].total > 0;
    }
    if (!error) {
        y_enc_sections(e, sections);
        for (uint32_t i = 0; i < planned; i++)
            if (parts[i].total)
                put_client(doc, e, &doc->clients[doc->order[i]], &parts[i]);
        error = y_put_delete_set(doc, e, true);
    }
    for (uint32_t i = 0; i < planned; i++)
        y_mem_free(parts[i].list);
    y_mem_free(parts);
    return error;
}

static int encode(const struct ydoc *const_doc, const void *sv, size_t sv_len, enum y_format format,
                  struct ybuf *result)
{
    struct ydoc *doc = (struct ydoc *)const_doc; /* caches: the order of clients, hints */
    struct y_enc e;
    uint32_t *known;
    int error = known_clocks(doc, sv, sv_len, &known);
    if (error)
        return error;
    y_enc_init(&e, format);
    error = put_document(doc, &e, known);
    y_mem_free(known);
    if (error) {
        y_enc_release(&e);
        return error;
    }
    return y_enc_end(&e, result);
}

int ydoc_encode_update(const struct ydoc *doc, const void *sv, size_t sv_len, struct ybuf *out)
{
    return encode(doc, sv, sv_len, Y_V1, out);
}

int ydoc_encode_update_v2(const struct ydoc *doc, const void *sv, size_t sv_len, struct ybuf *out)
{
    return encode(doc, sv, sv_len, Y_V2, out);
}

int ydoc_encode_state_vector(const struct ydoc *const_doc, struct ybuf *out)
{
    struct ydoc *doc = (struct ydoc *)const_doc;
    size_t len = out->len;
    uint64_t n = 0;
    int error = y_clients_sorted(doc);
    for (uint32_t i = 0; i < doc->client_count; i++)
        n += doc->clients[i].state > 0;
    if (!error)
        error = y_write_varuint(out, n);
    for (uint32_t i = 0; i < doc->client_count && !error; i++) {
        const struct y_client *c = &doc->clients[doc->order[i]];
        if (!c->state)
            continue;
        error = y_write_varuint(out, c->id);
        if (!error)
            error = y_write_varuint(out, c->state);
    }
    if (error)
        out->len = len;
    return error;
}

/* What a transaction that ended did (yjs writeUpdateMessageFromTransaction): all that its clients have
 * since then, also what observers brought in later transactions. */
int y_encode_transaction(struct ydoc *doc, const struct y_txn *t, enum y_format format,
                         struct ybuf *out)
{
    struct y_enc e;
    uint64_t sections = 0, deletes = 0;
    size_t len = out->len;
    int error = y_clients_sorted(doc);
    if (error)
        return error;
    for (uint32_t i = 0; i < t->change_count; i++) {
        sections += t->changes[i].before < doc->clients[t->changes[i].client].state;
        deletes += t->changes[i].deleted.count > 0;
    }
    for (uint32_t i = 0; i < doc->client_count && doc->queue; i++)
        sections += !y_change_of(doc, t, i) && y_txn_before(doc, t, i) < doc->clients[i].state;
    y_enc_init(&e, format);
    if (format == Y_V1) { /* into the very buffer, which may have the room */
        e.out = *out;
        *out = (struct ybuf){0};
    }
    y_enc_sections(&e, sections);
    for (uint32_t i = 0; i < doc->client_count && sections; i++) {
        uint32_t client = doc->order[i], from = y_txn_before(doc, t, client);
        struct part p;
        if (from == doc->clients[client].state)
            continue;
        plan_client(&doc->clients[client], from, false, &p);
        put_client(doc, &e, &doc->clients[client], &p);
        sections--;
    }
    y_enc_ds_clients(&e, deletes);
    for (uint32_t i = 0; i < doc->client_count && deletes; i++) {
        const struct y_change *ch = y_change_of(doc, t, doc->order[i]);
        if (!ch || !ch->deleted.count)
            continue;
        put_ranges(&e, doc->clients[ch->client].id, &ch->deleted);
        deletes--;
    }
    if (format == Y_V1 && e.error) {
        *out = e.out;
        out->len = len;
        e.out = (struct ybuf){0};
        error = e.error;
        y_enc_release(&e);
        return error;
    }
    return y_enc_end(&e, out);
}

static size_t name_len(const struct ydoc *doc, uint32_t name)
{
    return name ? doc->names[name].len : 0;
}

/* Merging and collecting only make it shorter. */
int y_encode_room(struct ydoc *doc, const struct y_txn *t, struct ybuf *draft)
{
    size_t bound = 64;
    bool simple = true;
    int error = y_clients_sorted(doc);
    for (uint32_t i = 0; i < t->change_count && !error; i++) {
        const struct y_change *ch = &t->changes[i];
        struct y_client *c = &doc->clients[ch->client];
        bound += 48 + 16 * ch->deleted.count;
        if (ch->before == ch->after)
            continue;
        struct y_at at = y_find(c, ch->before);
        do {
            const struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
            uint64_t fresh =
                it->clock < ch->before ? 4 * (uint64_t)(y_end_of(it) - ch->before) + 4 : it->bytes;
            bound += 88 + (it->kind == Y_STRING && fresh < it->bytes ? fresh : it->bytes);
            if (it->kind == Y_GC)
                continue;
            const struct y_seq *seq = &doc->seqs[it->seq];
            const struct y_type *type = doc->types[seq->type];
            bound += name_len(doc, seq->key) + name_len(doc, type->item ? 0 : type->name);
            if (it->kind == Y_TYPE)
                bound += name_len(doc, doc->types[it->off]->name);
            simple &= it->kind != Y_EMBED && it->kind != Y_FORMAT;
        } while (y_at_next(c, &at));
    }
    if (!error && !simple) {
        error = y_encode_transaction(doc, t, Y_V1, draft);
        bound = bound > draft->len ? bound : draft->len;
    }
    return error ? error : y_buf_reserve(t->out, bound);
}
