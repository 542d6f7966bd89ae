/*
 * Undoing and redoing: a step of an undo manager taken back (yjs UndoManager.js `popStackItem`,
 * Item.js `redoItem`).
 *
 * What the step inserted is deleted, if it is still there. What it deleted comes back as copies,
 * each where the old item is or, if that is in a type that came back as a copy too, among the copies
 * there. A value of a map comes back only if nobody else has set its key since.
 */
#include "y/undo_int.h"

/* One step that is being taken back. */
struct run {
    struct y_undo *u;
    struct ydoc *doc;
    struct y_undo_step *step;
    y_handle *redo; /* what it deleted, in order */
    size_t redo_count, redo_cap;
    y_handle *gone; /* what it inserted and is still there */
    size_t gone_count, gone_cap;
    struct slot *table; /* of `redo`; open addressing */
    size_t table_cap;
    y_handle *path; /* an item and those above it that must come back first */
    size_t path_count, path_cap;
    uint32_t made; /* copies, so far */
    uint32_t seq;  /* the chain asked about last */
    bool in_scope;
};

/* `failed`: 1 + the number of copies when it could not come back; as long as there are no more, it
 * still cannot. */
struct slot {
    y_handle item;
    uint32_t failed;
};

static int push(y_handle **list, size_t *count, size_t *cap, y_handle h)
{
    if (*count == *cap) {
        size_t more = *cap ? *cap * 2 : 16;
        y_handle *p = y_realloc(*list, more * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        *list = p;
        *cap = more;
    }
    (*list)[(*count)++] = h;
    return Y_OK;
}

static struct slot *slot_of(const struct run *r, y_handle h)
{
    size_t i = (h * 0x9e3779b1u) & (r->table_cap - 1);
    while (r->table[i].item && r->table[i].item != h)
        i = (i + 1) & (r->table_cap - 1);
    return &r->table[i];
}

static int make_table(struct run *r)
{
    size_t cap = 16;
    while (cap < r->redo_count * 2)
        cap *= 2;
    r->table = y_realloc(NULL, cap * sizeof(*r->table));
    if (!r->table)
        return Y_ERR_NOMEM;
    memset(r->table, 0, cap * sizeof(*r->table));
    r->table_cap = cap;
    for (size_t i = 0; i < r->redo_count; i++)
        slot_of(r, r->redo[i])->item = r->redo[i];
    return Y_OK;
}

static int clean_start(struct ydoc *doc, struct y_id id, y_handle *h)
{
    if (y_items_reserve(doc, 1) < 0)
        return Y_ERR_NOMEM;
    *h = y_clean_start(doc, id);
    return *h ? Y_OK : Y_ERR_NOMEM;
}

static y_handle owner_of(const struct ydoc *doc, const struct y_item *it)
{
    return y_seq_type(doc, it->seq)->item;
}

/* --- where ------------------------------------------------------------------------------------ */

/* What *h came back as, and that again, until it is in a type that `owner` holds; 0: it never is. */
static int trace(struct ydoc *doc, y_handle *h, y_handle owner)
{
    while (*h) {
        const struct y_item *it = y_item(doc, *h);
        if (it->kind != Y_GC && owner_of(doc, it) == owner)
            break;
        struct y_id next = y_redone_of(doc, it);
        *h = 0;
        if (next.client != Y_NOBODY && clean_start(doc, next, h) < 0)
            return Y_ERR_NOMEM;
    }
    return Y_OK;
}

/* Between which items of a list a copy of `h` goes: the nearest ones that are there, too. */
static int list_place(struct ydoc *doc, y_handle h, y_handle owner, y_handle *left, y_handle *right)
{
    *left = *right = 0;
    for (y_handle k = y_item(doc, h)->left; k && !*left; k = y_item(doc, k)->left) {
        *left = k;
        if (trace(doc, left, owner) < 0)
            return Y_ERR_NOMEM;
    }
    for (y_handle k = h; k && !*right; k = y_item(doc, k)->right) {
        *right = k;
        if (trace(doc, right, owner) < 0)
            return Y_ERR_NOMEM;
    }
    return Y_OK;
}

static bool stack_deletes(struct y_undo_stack *stack, struct y_id id)
{
    for (size_t i = 0; i < stack->count; i++)
        for (struct y_undo_step *s = stack->list[i]; s; s = s->more)
            if (y_idset_has(&s->deletions, id))
                return true;
    return false;
}

/* Whether a later value of a key is the manager's own, so that an older one may replace it. */
static bool is_ours(struct run *r, const struct y_item *it)
{
    struct y_id id = {it->client, it->clock};
    return (it->flags & Y_REDONE) || y_idset_has(&r->step->insertions, id) ||
           stack_deletes(&r->u->undo, id) || stack_deletes(&r->u->redo, id);
}

/* Behind which value of its key a copy of `h` goes. *conflict: somebody else's is in the way. */
static int key_place(struct run *r, y_handle h, const struct y_type *type, y_handle *left,
                     bool *conflict)
{
    struct ydoc *doc = r->doc;
    uint32_t key = doc->seqs[y_item(doc, h)->seq].key;
    uint32_t e = y_entry_find(doc, type, key);
    y_handle last = e ? doc->seqs[e].last : 0;
    *left = last;
    if (!y_item(doc, h)->right || r->u->opts.ignore_remote_map_changes)
        return Y_OK;
    y_handle k = h;
    while (y_item(doc, k)->right && is_ours(r, y_item(doc, y_item(doc, k)->right))) {
        k = y_item(doc, k)->right;
        while (y_item(doc, k)->flags & Y_REDONE)
            if (clean_start(doc, y_redone_of(doc, y_item(doc, k)), &k) < 0)
                return Y_ERR_NOMEM;
        if (y_item(doc, k)->kind == Y_GC) {
            *conflict = true;
            return Y_OK;
        }
    }
    *conflict = y_item(doc, k)->right != 0;
    if (owner_of(doc, y_item(doc, k)) == type->item)
        *left = k;
    return Y_OK;
}

/* --- copying ---------------------------------------------------------------------------------- */

static int copy_content(struct ydoc *doc, const struct y_item *from, struct y_item *to,
                        struct y_type **type)
{
    if (from->kind == Y_TYPE) {
        const struct y_type *old = doc->types[from->off];
        *type = y_type_new(doc, old->ref);
        if (!*type)
            return Y_ERR_NOMEM;
        (*type)->name = old->name;
        return Y_OK;
    }
    int error = from->bytes ? y_pool_room(doc, from->bytes) : Y_OK; /* first: it may move */
    return error || !from->bytes ? error
                                 : y_set_content(doc, to, y_content(doc, from), from->bytes);
}

/* Inserts a copy of `h` into a chain, and links the two. */
static int insert_copy(struct run *r, y_handle h, uint32_t seq, y_handle left, y_handle right)
{
    struct ydoc *doc = r->doc;
    struct y_type *type = NULL;
    uint32_t client = 0, len = y_item(doc, h)->len;
    int error = y_self(doc, &client);
    struct y_client *c = error ? NULL : &doc->clients[client];
    if (!error && (uint64_t)c->state + len > Y_CLOCK_MAX)
        error = Y_ERR_RANGE;
    if (!error)
        error = y_items_reserve(doc, 1);
    if (!error)
        error = y_append_room(doc, c);
    if (!error)
        error = y_redone_room(doc);
    if (error)
        return error;
    y_handle n = y_item_new(doc);
    struct y_item *it = y_item(doc, n), *old = y_item(doc, h);
    it->client = client;
    it->clock = c->state;
    it->len = len;
    it->kind = old->kind;
    it->seq = seq;
    if (left)
        it->origin = y_last_id(y_item(doc, left));
    if (right)
        it->right_origin = (struct y_id){y_item(doc, right)->client, y_item(doc, right)->clock};
    error = copy_content(doc, old, it, &type);
    if (error) {
        y_item_free(doc, n);
        return error;
    }
    y_redone_set(doc, old, (struct y_id){client, it->clock});
    r->made++;
    it->flags |= Y_KEEP;
    error = y_place(doc, n, left, right, type);
    if (!error && it->kind == Y_DOC && y_subdocs_wanted(doc))
        error = y_subdoc_added(doc, it, n, false);
    if (!error && it->kind == Y_FORMAT)
        error = y_same_value(doc, n, h);
    return error ? error : y_keep(doc, owner_of(doc, it));
}

/* Brings back an item whose type is there, or is back. *done: false if that is not possible. */
static int redo_one(struct run *r, y_handle h, bool *done)
{
    struct ydoc *doc = r->doc;
    struct y_type *type = y_seq_type(doc, y_item(doc, h)->seq);
    y_handle owner = type->item, left, right = 0;
    uint32_t key = doc->seqs[y_item(doc, h)->seq].key, seq;
    bool conflict = false;
    *done = false;
    if (owner && (y_item(doc, owner)->flags & Y_DEAD)) {
        if (!(y_item(doc, owner)->flags & Y_REDONE))
            return Y_OK;
        while (y_item(doc, owner)->flags & Y_REDONE)
            if (clean_start(doc, y_redone_of(doc, y_item(doc, owner)), &owner) < 0)
                return Y_ERR_NOMEM;
        if (y_item(doc, owner)->kind != Y_TYPE)
            return Y_OK; /* the copy was collected */
        type = doc->types[y_item(doc, owner)->off];
    }
    int error =
        key ? key_place(r, h, type, &left, &conflict) : list_place(doc, h, owner, &left, &right);
    if (error || conflict)
        return error;
    seq = type->list;
    if (key)
        error = y_entry_of(doc, type, key, &seq);
    if (error)
        return error;
    *done = true;
    return insert_copy(r, h, seq, left, right);
}

/* Notes who must come back before `h`, the last one first. False: one of them cannot. */
static int find_path(struct run *r, y_handle h, bool *possible)
{
    struct ydoc *doc = r->doc;
    *possible = true;
    r->path_count = 0;
    for (y_handle k = h;;) {
        if (push(&r->path, &r->path_count, &r->path_cap, k) < 0)
            return Y_ERR_NOMEM;
        k = owner_of(doc, y_item(doc, k));
        if (!k || !(y_item(doc, k)->flags & Y_DEAD) || (y_item(doc, k)->flags & Y_REDONE))
            return Y_OK;
        const struct slot *s = slot_of(r, k);
        if (s->item != k || s->failed == r->made + 1) {
            *possible = false;
            return Y_OK;
        }
    }
}

/* Brings back an item, and first what it is in. *done: whether it is back. */
static int redo_item(struct run *r, y_handle h, bool *done)
{
    struct ydoc *doc = r->doc;
    bool possible;
    if (y_item(doc, h)->flags & Y_REDONE) {
        *done = true;
        return clean_start(doc, y_redone_of(doc, y_item(doc, h)), &h);
    }
    int error = find_path(r, h, &possible);
    *done = possible;
    while (r->path_count && *done && !error)
        error = redo_one(r, r->path[--r->path_count], done);
    if (!error && !*done) { /* all that is left on the path, and the one that failed */
        for (size_t i = 0; i < r->path_count + possible; i++)
            slot_of(r, r->path[i])->failed = r->made + 1;
    }
    return error;
}

/* --- a step ----------------------------------------------------------------------------------- */

static bool in_scope(struct run *r, const struct y_item *it)
{
    if (r->seq != it->seq)
        r->in_scope = y_undo_in_scope(r->u, y_seq_type(r->doc, it->seq));
    r->seq = it->seq;
    return r->in_scope;
}

static int find_gone(struct run *r, y_handle h)
{
    struct ydoc *doc = r->doc;
    const struct y_item *it = y_item(doc, h);
    if (it->kind != Y_GC && (it->flags & Y_REDONE)) {
        uint32_t diff;
        struct y_id id = {it->client, it->clock};
        h = y_redone_follow(doc, id, &diff);
        it = y_item(doc, h);
        if (diff && clean_start(doc, (struct y_id){it->client, it->clock + diff}, &h) < 0)
            return Y_ERR_NOMEM;
        it = y_item(doc, h);
    }
    if ((it->flags & Y_DEAD) || !in_scope(r, it))
        return Y_OK;
    return push(&r->gone, &r->gone_count, &r->gone_cap, h);
}

static int find_redo(struct run *r, y_handle h)
{
    const struct y_item *it = y_item(r->doc, h);
    if (it->kind == Y_GC || !in_scope(r, it) ||
        y_idset_has(&r->step->insertions, (struct y_id){it->client, it->clock}))
        return Y_OK;
    return push(&r->redo, &r->redo_count, &r->redo_cap, h);
}

static int for_each(struct run *r, const struct y_idset *set, int (*fn)(struct run *r, y_handle h))
{
    int error = Y_OK;
    for (uint32_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < set->list[i].ranges.count && !error; k++) {
            struct y_range range = set->list[i].ranges.list[k];
            uint32_t clock = range.clock;
            y_handle h;
            do {
                error =
                    y_idset_next(r->doc, set->list[i].client, &clock, range.clock + range.len, &h);
                if (!error && h)
                    error = fn(r, h);
            } while (!error && h);
        }
    }
    return error;
}

/* *changed: something was done (perhaps again). */
static int run_step(struct run *r, bool *changed)
{
    int error = y_undo_step_join(r->step);
    if (!error)
        error = for_each(r, &r->step->insertions, find_gone);
    if (!error)
        error = for_each(r, &r->step->deletions, find_redo);
    if (!error)
        error = make_table(r);
    for (size_t i = 0; i < r->redo_count && !error; i++) {
        bool done;
        error = redo_item(r, r->redo[i], &done);
        *changed |= !error && done;
    }
    for (size_t i = r->gone_count; i-- > 0 && !error;) {
        error = y_delete(r->doc, r->gone[i]);
        *changed = true;
    }
    y_mem_free(r->redo);
    y_mem_free(r->gone);
    y_mem_free(r->table);
    y_mem_free(r->path);
    return error;
}

/* Takes steps back until one of them does something. */
static int pop(struct y_undo *u, struct y_undo_stack *stack)
{
    struct y_undo_step *before = u->popped;
    bool changed = false;
    int error = y_begin(u->doc, u, true);
    if (error)
        return error;
    while (stack->count && !changed && !error) {
        struct run r = {.u = u, .doc = u->doc, .step = stack->list[--stack->count]};
        r.step->from = stack;
        r.step->next = u->popped;
        u->popped = r.step;
        error = run_step(&r, &changed);
    }
    error = y_end(u->doc, error);
    if (error && u->doc->depth && !u->doc->txn->error)
        y_undo_put_back(u, before); /* the transaction around this goes on */
    return error ? error : changed;
}

int y_undo(struct y_undo *u)
{
    u->undoing = true;
    int result = pop(u, &u->undo);
    u->undoing = false;
    return result;
}

int y_redo(struct y_undo *u)
{
    u->redoing = true;
    int result = pop(u, &u->redo);
    u->redoing = false;
    return result;
}
