/*
 * Undo managers: what they capture, and their stacks (yjs UndoManager.js). What undoing does to a
 * document is in redo.c.
 *
 *     stack ── step ── deletions, insertions     ids that a transaction deleted and brought
 *                └─ more ── step ...             captured with it, where merging found no memory
 *
 * A transaction of a tracked origin that changed something in scope becomes a step, or part of the
 * last one. Its deletions are kept from being collected. Undoing deletes what the step inserted and
 * inserts copies of what it deleted; that is a transaction too, whose step goes on the other stack.
 *
 * Out of memory: a step is made before its transaction is past undoing (y_undo_prepare), so that
 * capturing it cannot fail. What is popped stays aside until the transaction that undoes it is
 * through.
 */
#include "y/undo_int.h"

#include <stdlib.h>

/* --- sets of ids ------------------------------------------------------------------------------ */

static void set_release(struct y_idset *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        y_mem_free(s->list[i].ranges.list);
    y_mem_free(s->list);
}

static struct y_idset_part *part_of(struct y_idset *s, uint32_t client)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->list[i].client == client)
            return &s->list[i];
    return NULL;
}

static int set_add(struct y_idset *s, uint32_t client, struct y_range range)
{
    struct y_idset_part *p = part_of(s, client);
    if (!p && s->count == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 1;
        p = y_realloc(s->list, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        s->list = p;
        s->cap = cap;
        p = NULL;
    }
    if (!p) {
        p = &s->list[s->count++];
        *p = (struct y_idset_part){.client = client};
    }
    p->sorted = false;
    return y_ranges_add(&p->ranges, range.clock, range.len);
}

/* May stop half way; once more does no harm. */
static int set_add_all(struct y_idset *s, const struct y_idset *from)
{
    int error = Y_OK;
    for (uint32_t i = 0; i < from->count; i++)
        for (size_t k = 0; k < from->list[i].ranges.count && !error; k++)
            error = set_add(s, from->list[i].client, from->list[i].ranges.list[k]);
    return error;
}

static void sort_part(struct y_idset_part *p)
{
    if (!p->sorted)
        y_ranges_sort(&p->ranges);
    p->sorted = true;
}

void y_idset_sort(struct y_idset *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        sort_part(&s->list[i]);
}

bool y_idset_has(struct y_idset *s, struct y_id id)
{
    struct y_idset_part *p = part_of(s, id.client);
    if (!p)
        return false;
    sort_part(p);
    size_t low = 0, high = p->ranges.count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct y_range *r = &p->ranges.list[mid];
        if (id.clock < r->clock)
            high = mid;
        else if (id.clock - r->clock >= r->len)
            low = mid + 1;
        else
            return true;
    }
    return false;
}

int y_idset_next(struct ydoc *doc, uint32_t client, uint32_t *clock, uint32_t end, y_handle *h)
{
    *h = 0;
    if (*clock >= end)
        return Y_OK;
    if (y_items_reserve(doc, 2) < 0)
        return Y_ERR_NOMEM;
    *h = y_clean_start(doc, (struct y_id){client, *clock});
    if (!*h)
        return Y_ERR_NOMEM;
    const struct y_item *it = y_item(doc, *h);
    if (it->kind != Y_GC && y_end_of(it) > end && !y_split(doc, *h, end - it->clock))
        return Y_ERR_NOMEM;
    *clock = y_end_of(y_item(doc, *h));
    return Y_OK;
}

/* --- steps ------------------------------------------------------------------------------------ */

static void step_free(struct y_undo_step *s)
{
    while (s) {
        struct y_undo_step *more = s->more;
        set_release(&s->deletions);
        set_release(&s->insertions);
        y_mem_free(s);
        s = more;
    }
}

static void list_free(struct y_undo_step *s)
{
    while (s) {
        struct y_undo_step *next = s->next;
        step_free(s);
        s = next;
    }
}

int y_undo_step_join(struct y_undo_step *s)
{
    for (struct y_undo_step *m; (m = s->more);) {
        int error = set_add_all(&s->deletions, &m->deletions);
        if (!error)
            error = set_add_all(&s->insertions, &m->insertions);
        if (error)
            return error;
        s->more = m->more;
        m->more = NULL;
        step_free(m);
    }
    y_idset_sort(&s->deletions);
    y_idset_sort(&s->insertions);
    return Y_OK;
}

static int stack_room(struct y_undo_stack *s, size_t n)
{
    if (s->count + n <= s->cap)
        return Y_OK;
    size_t cap = s->cap * 2 > s->count + n ? s->cap * 2 : s->count + n + 3;
    struct y_undo_step **p = y_realloc(s->list, cap * sizeof(struct y_undo_step *));
    if (!p)
        return Y_ERR_NOMEM;
    s->list = p;
    s->cap = cap;
    return Y_OK;
}

/* Deletions by client in the order in which Yjs's delete set has them. */
static int add_deletions(struct y_idset *s, const struct y_txn *t)
{
    const struct y_change **list;
    uint32_t n;
    int error = y_txn_deletions(t, &list, &n);
    for (uint32_t i = 0; i < n && !error; i++)
        for (size_t k = 0; k < list[i]->deleted.count && !error; k++)
            error = set_add(s, list[i]->client, list[i]->deleted.list[k]);
    y_mem_free(list);
    return error;
}

static int add_insertions(struct y_idset *s, const struct y_txn *t)
{
    int error = Y_OK;
    for (uint32_t i = 0; i < t->change_count && !error; i++) {
        const struct y_change *ch = &t->changes[i];
        if (ch->before < ch->after)
            error = set_add(s, ch->client, (struct y_range){ch->before, ch->after - ch->before});
    }
    return error;
}

static struct y_undo_step *step_of(const struct y_txn *t)
{
    struct y_undo_step *s = y_realloc(NULL, sizeof(*s));
    if (!s)
        return NULL;
    *s = (struct y_undo_step){.epoch = t->epoch};
    int error = add_deletions(&s->deletions, t);
    if (!error)
        error = add_insertions(&s->insertions, t);
    if (error) {
        step_free(s);
        return NULL;
    }
    return s;
}

/* --- what is captured ------------------------------------------------------------------------- */

bool y_undo_in_scope(const struct y_undo *u, const struct y_type *t)
{
    for (; t && !u->everything; t = y_type_parent(t))
        for (size_t i = 0; i < u->scope_count; i++)
            if (u->scope[i] == t)
                return true;
    return u->everything;
}

static bool tracked(const struct y_undo *u, const struct y_txn *t)
{
    if (t->origin == u)
        return true;
    for (size_t i = 0; i < u->origin_count; i++)
        if (u->origins[i] == t->origin)
            return true;
    return !u->origin_count && !t->origin && t->local;
}

static bool wants(const struct y_undo *u, const struct y_txn *t)
{
    const struct ydoc *doc = u->doc;
    uint32_t last = 0;
    if (!tracked(u, t))
        return false;
    for (size_t i = 0; i < t->type_count; i++) {
        const struct y_type *type = doc->types[t->types[i].type];
        if (type->index == last || (type->ref == Y_REF_NONE && !u->everything) ||
            (type->item && (y_item(doc, type->item)->flags & Y_DEAD)))
            continue;
        last = type->index;
        if (y_undo_in_scope(u, type))
            return true;
    }
    return false;
}

int y_undo_prepare(struct ydoc *doc, const struct y_txn *t)
{
    for (size_t i = 0; i < doc->hooks->undo_count; i++) {
        struct y_undo *u = doc->hooks->undos[i];
        size_t ready = 1;
        if (!wants(u, t))
            continue;
        for (const struct y_undo_step *s = u->ready; s; s = s->next)
            ready++;
        if (stack_room(&u->undo, ready) < 0 || stack_room(&u->redo, ready) < 0)
            return Y_ERR_NOMEM;
        struct y_undo_step *s = step_of(t);
        if (!s)
            return Y_ERR_NOMEM;
        s->next = u->ready;
        u->ready = s;
    }
    return Y_OK;
}

static struct y_undo_step *take_ready(struct y_undo *u, const struct y_txn *t)
{
    for (struct y_undo_step **p = &u->ready, *s; (s = *p); p = &s->next) {
        if (s->epoch == t->epoch) {
            *p = s->next;
            s->next = NULL;
            return s;
        }
    }
    return NULL;
}

void y_undo_put_back(struct y_undo *u, const struct y_undo_step *before)
{
    for (struct y_undo_step *s; (s = u->popped) != before;) {
        u->popped = s->next;
        s->next = NULL;
        s->from->list[s->from->count++] = s; /* where it was: there is room */
    }
}

void y_undo_rollback(struct ydoc *doc, const struct y_txn *t)
{
    for (size_t i = 0; i < doc->hooks->undo_count; i++) {
        struct y_undo *u = doc->hooks->undos[i];
        step_free(take_ready(u, t));
        y_undo_put_back(u, NULL);
    }
}

/* Sets or clears Y_KEEP on what is deleted in scope and on all it is in, in transaction `t`. For
 * want of memory to cut items more is kept. */
static void keep_deletions(struct y_undo *u, struct y_txn *t, struct y_idset *set, bool keep)
{
    struct ydoc *doc = u->doc;
    struct y_txn *outer = doc->txn;
    uint32_t clock, seq = 0;
    bool in_scope = false;
    doc->txn = t;
    y_idset_sort(set);
    for (uint32_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < set->list[i].ranges.count; k++) {
            struct y_range r = set->list[i].ranges.list[k];
            uint32_t client = set->list[i].client;
            for (clock = r.clock; clock < r.clock + r.len;) {
                y_handle h;
                if (y_idset_next(doc, client, &clock, r.clock + r.len, &h) < 0) {
                    h = y_item_at(doc, (struct y_id){client, clock});
                    clock = y_end_of(y_item(doc, h));
                    h = keep ? h : 0;
                }
                if (!h || y_item(doc, h)->kind == Y_GC)
                    continue;
                if (seq != y_item(doc, h)->seq) {
                    seq = y_item(doc, h)->seq;
                    in_scope = y_undo_in_scope(u, y_seq_type(doc, seq));
                }
                for (; in_scope && h && !(y_item(doc, h)->flags & Y_KEEP) == keep;
                     h = y_seq_type(doc, y_item(doc, h)->seq)->item)
                    y_item(doc, h)->flags ^= Y_KEEP;
            }
        }
    }
    doc->txn = outer;
}

static void stack_clear(struct y_undo *u, struct y_undo_stack *stack, bool unkeep)
{
    for (size_t i = 0; i < stack->count; i++) {
        for (struct y_undo_step *s = stack->list[i]; s && unkeep; s = s->more)
            keep_deletions(u, u->doc->txn, &s->deletions, false);
        step_free(stack->list[i]);
    }
    stack->count = 0;
}

/* In a transaction, so that what it cuts is merged again, as in Yjs. */
static void clear(struct y_undo *u, bool undo, bool redo)
{
    if (!(undo && u->undo.count) && !(redo && u->redo.count))
        return;
    bool begun = y_begin(u->doc, NULL, true) == Y_OK;
    if (undo)
        stack_clear(u, &u->undo, begun);
    if (redo)
        stack_clear(u, &u->redo, begun);
    if (begun)
        y_end(u->doc, Y_OK);
}

/* Whether a step is part of the last one. */
static bool joins(struct y_undo *u, uint64_t now)
{
    if (u->undoing || u->redoing || !u->capturing || !u->undo.count || u->opts.no_timeout)
        return false;
    return !u->opts.now || now - u->last_change < u->opts.capture_timeout;
}

void y_undo_after(struct y_undo *u, struct y_txn *t)
{
    struct y_undo_step *s = take_ready(u, t);
    list_free(u->popped);
    u->popped = NULL;
    if (!s)
        return;
    struct y_undo_stack *stack = u->undoing ? &u->redo : &u->undo;
    if (u->undoing)
        u->capturing = false;
    else if (!u->redoing)
        clear(u, false, true);
    if (t != &u->doc->first_txn) /* an observer's: what came until its turn counts as its own */
        add_insertions(&s->insertions, t);
    uint64_t now = u->opts.now ? u->opts.now(u->opts.udata) : 0;
    keep_deletions(u, t, &s->deletions, true);
    if (joins(u, now)) {
        struct y_undo_step *last = stack->list[stack->count - 1];
        if (!last->more && set_add_all(&last->deletions, &s->deletions) == Y_OK &&
            set_add_all(&last->insertions, &s->insertions) == Y_OK) {
            step_free(s);
        } else {
            while (last->more)
                last = last->more;
            last->more = s;
        }
    } else {
        stack->list[stack->count++] = s;
    }
    if (!u->undoing && !u->redoing) {
        u->last_change = now;
        u->capturing = true;
    }
}

/* --- managers --------------------------------------------------------------------------------- */

static int copy_of(const void *list, size_t n, void *out)
{
    void *p = n ? y_realloc(NULL, n * sizeof(void *)) : NULL;
    if (n && !p)
        return Y_ERR_NOMEM;
    if (n)
        memcpy(p, list, n * sizeof(void *));
    memcpy(out, &p, sizeof(p));
    return Y_OK;
}

static int enlist(struct ydoc *doc, struct y_undo *u)
{
    struct y_hooks *hooks = y_hooks_of(doc);
    if (!hooks)
        return Y_ERR_NOMEM;
    if (hooks->undo_count == hooks->undo_cap) {
        size_t cap = hooks->undo_cap ? hooks->undo_cap * 2 : 2;
        struct y_undo **p = y_realloc(hooks->undos, cap * sizeof(struct y_undo *));
        if (!p)
            return Y_ERR_NOMEM;
        hooks->undos = p;
        hooks->undo_cap = cap;
    }
    hooks->undos[hooks->undo_count++] = u;
    doc->observed++;
    return Y_OK;
}

struct y_undo *y_undo_new(struct ydoc *doc, struct y_type *const *types, size_t n,
                          const struct y_undo_opts *opts)
{
    struct y_undo *u = y_realloc(NULL, sizeof(*u));
    if (!u)
        return NULL;
    *u = (struct y_undo){.doc = doc};
    if (opts)
        u->opts = *opts;
    u->everything = u->opts.whole_document;
    if (!u->opts.capture_timeout)
        u->opts.capture_timeout = 500;
    if (copy_of(types, n, &u->scope) == Y_OK &&
        copy_of(u->opts.origins, u->opts.origin_count, &u->origins) == Y_OK &&
        enlist(doc, u) == Y_OK) {
        u->scope_count = n;
        u->origin_count = u->opts.origin_count;
        return u;
    }
    y_mem_free(u->scope);
    y_mem_free(u->origins);
    y_mem_free(u);
    return NULL;
}

void y_undo_free(struct y_undo *u)
{
    if (!u)
        return;
    struct y_hooks *hooks = u->doc->hooks;
    size_t i = 0;
    while (hooks->undos[i] != u)
        i++;
    for (hooks->undo_count--; i < hooks->undo_count; i++)
        hooks->undos[i] = hooks->undos[i + 1];
    u->doc->observed--;
    stack_clear(u, &u->undo, false);
    stack_clear(u, &u->redo, false);
    list_free(u->ready);
    list_free(u->popped);
    y_mem_free(u->undo.list);
    y_mem_free(u->redo.list);
    y_mem_free(u->scope);
    y_mem_free(u->origins);
    y_mem_free(u);
}

void y_undo_forget(struct ydoc *doc, const struct y_type *t)
{
    for (size_t i = 0; i < doc->hooks->undo_count; i++) {
        struct y_undo *u = doc->hooks->undos[i];
        for (size_t k = u->scope_count; k-- > 0;)
            if (u->scope[k] == t)
                u->scope[k] = u->scope[--u->scope_count];
    }
}

size_t y_undo_depth(const struct y_undo *u)
{
    return u->undo.count;
}

size_t y_redo_depth(const struct y_undo *u)
{
    return u->redo.count;
}

void y_undo_stop(struct y_undo *u)
{
    u->capturing = false;
}

void y_undo_clear(struct y_undo *u)
{
    clear(u, true, true);
}
