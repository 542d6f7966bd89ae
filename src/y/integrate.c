/*
 * Integration: where a struct goes (YATA: Nicolaescu et al., "Near Real-Time Peer-to-Peer Shared
 * Editing on Extensible Data Types", GROUP 2016; yjs Item.js `getMissing`, `integrate`).
 */
#include "y/y_int.h"

#include "y/any.h"

/* --- what a struct stands on ------------------------------------------------------------------ */

static bool lacks(const struct ydoc *doc, uint64_t own, struct y_rid id)
{
    if (id.client == own)
        return false;
    uint32_t c = y_client_find(doc, id.client);
    return c == Y_NOBODY || id.clock >= doc->clients[c].state;
}

bool y_missing(struct ydoc *doc, uint32_t client, const struct y_struct *s, struct y_rid *what)
{
    uint64_t own = doc->clients[client].id;
    if ((s->info & Y_HAS_ORIGIN) && lacks(doc, own, s->origin))
        *what = s->origin;
    else if ((s->info & Y_HAS_RIGHT) && lacks(doc, own, s->right))
        *what = s->right;
    else if (s->parent_kind == Y_PARENT_ID && lacks(doc, own, s->parent))
        *what = s->parent;
    else
        return false;
    return true;
}

static struct y_id known_id(const struct ydoc *doc, uint32_t client, struct y_rid id)
{
    if (doc->clients[client].id != id.client)
        client = y_client_find(doc, id.client);
    return (struct y_id){client, id.clock};
}

/* --- content ---------------------------------------------------------------------------------- */

/* Gives the item the struct's content without its first `offset` clocks. */
static int take_content(struct ydoc *doc, struct y_item *it, const struct y_struct *s,
                        uint32_t offset)
{
    const uint8_t *p = s->data.p;
    size_t n = s->data.n;
    bool inside = false;
    switch (s->kind) {
    case Y_STRING: {
        size_t from = n == s->len ? offset : y_utf16_offset_of(p, n, s->len, offset, &inside);
        if (!inside)
            return y_set_content(doc, it, p + from, n - from);
        int error = y_pool_room(doc, n);
        if (!error)
            error = y_set_content(doc, it, "\xef\xbf\xbd", 3);
        if (!error)
            error = y_append_content(doc, it, p + from + 4, n - from - 4);
        return error;
    }
    case Y_JSON:
    case Y_ANY: {
        struct y_reader r = y_reader_of(p, n);
        size_t len;
        for (uint32_t i = 0; i < offset; i++) {
            if (s->kind == Y_ANY)
                y_any_skip(&r);
            else
                y_read_bytes(&r, &len);
        }
        return y_set_content(doc, it, r.p, n - (size_t)(r.p - p));
    }
    case Y_BINARY:
    case Y_EMBED:
    case Y_FORMAT:
    case Y_DOC:
        return y_set_content(doc, it, p, n);
    default:
        return Y_OK;
    }
}

/* --- the place of an item --------------------------------------------------------------------- */

static void clear_stamps(struct ydoc *doc)
{
    for (uint32_t i = 1; i < doc->unused; i++)
        y_item(doc, i)->stamp = 0;
    doc->stamp = 0;
}

uint32_t y_next_stamp(struct ydoc *doc)
{
    if (doc->stamp > UINT32_MAX / 2)
        clear_stamps(doc);
    return ++doc->stamp;
}

/* Walks the items between left and right that were there first: those that come before this one by
 * their client, or hang on one that does, stay to its left. Stamps stand for Yjs's two sets: an
 * item is in itemsBeforeOrigin if its stamp is of this scan, and in conflictingItems if it is the
 * current one, which goes up whenever Yjs clears that set. crowd.c makes long scans short. */
static y_handle resolve(struct ydoc *doc, const struct y_item *it, y_handle left, y_handle right,
                        y_handle o)
{
    uint64_t own = doc->clients[it->client].id;
    bool crowded = y_crowd_begin(doc, it, right, &left, &o);
    uint32_t scan = y_next_stamp(doc), now = scan, passed = 0;
    y_handle first = o;
    while (o && o != right) {
        struct y_item *other = y_item(doc, o);
        other->stamp = now;
        if (y_same_id(it->origin, other->origin)) {
            if (doc->clients[other->client].id < own) {
                left = o;
                now++;
            } else if (y_same_id(it->right_origin, other->right_origin)) {
                break;
            }
        } else if (other->origin.client != Y_NOBODY) {
            const struct y_item *on = y_item(doc, y_item_at(doc, other->origin));
            if (on->stamp < scan && !(crowded && on->crowd))
                break;
            if (on->stamp != now) {
                left = o;
                now++;
            }
        } else {
            break;
        }
        o = other->right;
        passed++;
    }
    doc->stamp = now;
    if (passed && (crowded || passed >= doc->crowd.from))
        y_crowd_passed(doc, it, first, passed);
    return left;
}

/* --- linking ---------------------------------------------------------------------------------- */

/* Marks the rest as deleted when its parent is, or when a later value of the key is there already.
 */
static int delete_at_once(struct ydoc *doc, y_handle h)
{
    const struct y_item *it = y_item(doc, h);
    const struct y_seq *s = &doc->seqs[it->seq];
    y_handle owner = doc->types[s->type]->item;
    if ((owner && (y_item(doc, owner)->flags & Y_DEAD)) || (s->key && it->right))
        return y_delete(doc, h);
    return Y_OK;
}

int y_link(struct ydoc *doc, y_handle h, struct y_type *type)
{
    struct y_item *it = y_item(doc, h);
    struct y_seq *s = &doc->seqs[it->seq];
    y_touch(doc, it->client);
    int error = y_changed(doc, it->seq);
    if (error) {
        if (type)
            y_type_free(doc, type);
        y_drop_content(doc, it);
        y_item_free(doc, h);
        return error;
    }
    if (it->kind == Y_DELETED)
        it->flags |= Y_DEAD;
    if (it->left) {
        struct y_item *left = y_item(doc, it->left);
        it->right = left->right;
        left->right = h;
    } else {
        it->right = s->first;
        s->first = h;
    }
    if (it->right)
        y_item(doc, it->right)->left = h;
    else
        s->last = h;
    s->cursor = 0;
    s->units += y_units(it);
    s->bytes += y_visible_bytes(it);
    if (s->index)
        y_index_insert(doc, s, h);
    if (doc->crowd.seq == it->seq)
        y_crowd_joined(doc, h);
    y_append(doc, h);
    doc->txn->touched = true;
    if (type) {
        type->item = h;
        it->off = type->index;
    } else if (it->kind == Y_FORMAT) {
        doc->types[s->type]->has_format = true;
    }
    if (s->key && !it->right && it->left) {
        error = y_delete(doc, it->left);
        if (error)
            return error;
    }
    if (it->kind == Y_DELETED) /* only now: the order of clients in the delete set is Yjs's */
        error = y_note_deleted(doc, it->client, it->clock, it->len);
    return error ? error : delete_at_once(doc, h);
}

int y_place(struct ydoc *doc, y_handle h, y_handle left, y_handle right, struct y_type *type)
{
    struct y_item *it = y_item(doc, h);
    y_handle first = left ? y_item(doc, left)->right : doc->seqs[it->seq].first;
    it->left = left;
    if (first != right)
        it->left = resolve(doc, it, left, right, first);
    return y_link(doc, h, type);
}

static int add_gc(struct ydoc *doc, uint32_t client, uint32_t clock, uint32_t len)
{
    y_handle h = y_item_new(doc);
    struct y_item *it = y_item(doc, h);
    it->client = client;
    it->clock = clock;
    it->len = len;
    it->kind = Y_GC;
    it->flags = Y_DEAD;
    y_touch(doc, client);
    y_append(doc, h);
    doc->txn->touched = true;
    return Y_OK;
}

/* What place() finds out. */
struct place {
    y_handle left, right;
    struct y_id origin, right_origin;
    uint32_t seq; /* 0: the struct has no parent any more and becomes GC */
};

/* The chain that a struct without neighbours names, or that its neighbours are in. */
static int find_chain(struct ydoc *doc, uint32_t client, const struct y_struct *s, struct place *p)
{
    struct y_type *t = NULL;
    p->seq = 0;
    if ((p->left && y_item(doc, p->left)->kind == Y_GC) ||
        (p->right && y_item(doc, p->right)->kind == Y_GC))
        return Y_OK;
    if (s->parent_kind == Y_PARENT_COPIED) {
        if (p->left || p->right)
            p->seq = y_item(doc, p->left ? p->left : p->right)->seq;
        return Y_OK;
    }
    if (s->parent_kind == Y_PARENT_ROOT) {
        int error = y_root_of(doc, s->root.p, s->root.n, &t);
        if (error)
            return error;
    } else {
        const struct y_item *owner = y_item(doc, y_item_at(doc, known_id(doc, client, s->parent)));
        if (owner->kind != Y_TYPE)
            return Y_OK;
        t = doc->types[owner->off];
    }
    if (s->info & Y_HAS_KEY) {
        uint32_t name;
        int error = y_name_of(doc, s->key.p, s->key.n, &name);
        return error ? error : y_entry_of(doc, t, name, &p->seq);
    }
    p->seq = t->list;
    return Y_OK;
}

static int find_place(struct ydoc *doc, uint32_t client, const struct y_struct *s, uint32_t offset,
                      struct place *p)
{
    p->origin = p->right_origin = (struct y_id){Y_NOBODY, 0};
    p->left = p->right = 0;
    if (s->info & Y_HAS_ORIGIN) {
        p->origin = known_id(doc, client, s->origin);
        p->left = y_clean_end(doc, p->origin);
        if (!p->left)
            return Y_ERR_NOMEM;
    }
    if (s->info & Y_HAS_RIGHT) {
        p->right_origin = known_id(doc, client, s->right);
        p->right = y_clean_start(doc, p->right_origin);
        if (!p->right)
            return Y_ERR_NOMEM;
    }
    int error = find_chain(doc, client, s, p);
    if (!error && offset) {
        p->origin = (struct y_id){client, (uint32_t)s->clock + offset - 1};
        p->left = y_clean_end(doc, p->origin);
        if (!p->left)
            return Y_ERR_NOMEM;
    }
    /* Neighbours are in the struct's own chain, unless updates contradict each other; Yjs would tie
     * two chains together. */
    if ((p->left && y_item(doc, p->left)->seq != p->seq) ||
        (p->right && y_item(doc, p->right)->seq != p->seq))
        p->seq = 0;
    return error;
}

int y_integrate(struct ydoc *doc, uint32_t client, const struct y_struct *s)
{
    struct y_client *c = &doc->clients[client];
    uint32_t offset = c->state - (uint32_t)s->clock, clock = c->state, len = s->len - offset;
    struct place p = {.seq = 0};
    if (y_items_reserve(doc, 4) < 0)
        return Y_ERR_NOMEM;
    int error = s->kind == Y_GC ? Y_OK : find_place(doc, client, s, offset, &p);
    if (!error) /* only now: what was cut may have been ours */
        error = y_append_room(doc, c);
    if (error)
        return error;
    if (!p.seq)
        return add_gc(doc, client, clock, len);
    struct y_type *type = NULL;
    if (s->kind == Y_TYPE) {
        type = y_type_new(doc, s->type_ref);
        if (!type)
            return Y_ERR_NOMEM;
        if (s->data.n || s->type_ref == Y_REF_XML_ELEMENT || s->type_ref == Y_REF_XML_HOOK)
            error = y_name_of(doc, s->data.p, s->data.n, &type->name);
    }
    y_handle h = y_item_new(doc);
    struct y_item *it = y_item(doc, h);
    it->client = client;
    it->clock = clock;
    it->len = len;
    it->kind = s->kind;
    it->origin = p.origin;
    it->right_origin = p.right_origin;
    it->seq = p.seq;
    if (!error)
        error = take_content(doc, it, s, offset);
    if (error) {
        if (type)
            y_type_free(doc, type);
        y_item_free(doc, h);
        return error;
    }
    /* Cut before its own origin by its right origin: it goes left of what it stands on. */
    if (p.left && doc->crowd.seq == p.seq && !y_same_id(y_last_id(y_item(doc, p.left)), p.origin))
        y_crowd_forget(doc);
    error = y_place(doc, h, p.left, p.right, type);
    return !error && s->kind == Y_DOC && y_subdocs_wanted(doc)
               ? y_subdoc_added(doc, y_item(doc, h), h, false)
               : error;
}
