/*
 * Who wants to know: observers of types, listeners for updates (yjs Transaction.js
 * `cleanupTransactions`, AbstractType.js `callTypeObservers`).
 *
 * After a transaction each changed type's observers are called, then the deep observers of all that
 * such a type is in, then undo managers. The document is as the transaction left it, before anything
 * is collected, so that what was deleted can still be read. Edits that they make are transactions of
 * their own and wait for their turn.
 */
#include "y/y_int.h"

#include <stdlib.h>

struct y_observer {
    struct y_type *type;
    struct y_observer *next;
    void (*fn)(const struct y_event *event, void *udata);
    void (*deep)(const struct y_event *const *events, size_t n, void *udata);
    void *udata;
    bool gone; /* while observers are being called */
};

/* --- registering ------------------------------------------------------------------------------ */

static struct y_observer *add(struct y_type *t, struct y_observer o)
{
    struct y_observer *p = y_realloc(NULL, sizeof(*p)), **last = &t->observers;
    if (!p)
        return NULL;
    *p = o;
    p->type = t;
    while (*last)
        last = &(*last)->next;
    *last = p;
    t->doc->observed++;
    return p;
}

struct y_observer *y_observe(struct y_type *t, void (*fn)(const struct y_event *event, void *udata),
                             void *udata)
{
    return add(t, (struct y_observer){.fn = fn, .udata = udata});
}

struct y_observer *
y_observe_deep(struct y_type *t,
               void (*fn)(const struct y_event *const *events, size_t n, void *udata), void *udata)
{
    return add(t, (struct y_observer){.deep = fn, .udata = udata});
}

static void sweep(struct y_type *t)
{
    for (struct y_observer **p = &t->observers; *p;) {
        struct y_observer *o = *p;
        if (o->gone) {
            *p = o->next;
            y_mem_free(o);
        } else {
            p = &o->next;
        }
    }
}

void y_unobserve(struct y_observer *o)
{
    if (!o || o->gone)
        return;
    struct ydoc *doc = o->type->doc;
    o->gone = true;
    doc->observed--;
    if (!doc->calling)
        sweep(o->type);
}

void y_observers_free(struct y_type *t)
{
    while (t->observers) {
        struct y_observer *o = t->observers;
        t->observers = o->next;
        t->doc->observed -= !o->gone;
        y_mem_free(o);
    }
}

struct y_hooks *y_hooks_of(struct ydoc *doc)
{
    if (!doc->hooks) {
        doc->hooks = y_realloc(NULL, sizeof(*doc->hooks));
        if (doc->hooks)
            *doc->hooks = (struct y_hooks){.subdoc = NULL};
    }
    return doc->hooks;
}

void y_hooks_free(struct ydoc *doc)
{
    if (doc->hooks)
        y_mem_free(doc->hooks->undos);
    y_mem_free(doc->hooks);
}

int ydoc_on_update(struct ydoc *doc, enum y_format format,
                   void (*fn)(struct ydoc *doc, const uint8_t *update, size_t len,
                              const void *origin, void *udata),
                   void *udata)
{
    struct y_hooks *h = y_hooks_of(doc);
    if (!h)
        return Y_ERR_NOMEM;
    doc->observed += (fn != NULL) - (h->update[format].fn != NULL);
    h->update[format].fn = fn;
    h->update[format].udata = udata;
    return Y_OK;
}

int ydoc_on_subdoc(struct ydoc *doc,
                   void (*fn)(struct ydoc *doc, enum y_subdoc_change change, struct y_slice guid,
                              struct y_slice options, void *udata),
                   void *udata)
{
    struct y_hooks *h = y_hooks_of(doc);
    if (!h)
        return Y_ERR_NOMEM;
    doc->observed += (fn != NULL) - (h->subdoc != NULL);
    h->subdoc = fn;
    h->subdoc_udata = udata;
    return Y_OK;
}

/* --- calling ---------------------------------------------------------------------------------- */

/* Events of one transaction, and for each type that is or contains a changed one its events. */
struct calls {
    struct y_event *events;
    size_t count;
    struct pair {
        struct y_type *type;
        uint32_t event, order;
    } * pairs; /* sorted by type in order of coming, then by the length of the path */
    size_t pair_count, pair_cap;
};

static bool alive(const struct ydoc *doc, const struct y_type *t)
{
    return !t->item || !(y_item(doc, t->item)->flags & Y_DEAD);
}

static bool add_pair(struct calls *c, struct y_type *t, uint32_t event)
{
    if (c->pair_count == c->pair_cap) {
        size_t cap = c->pair_cap ? c->pair_cap * 2 : 16;
        struct pair *p = y_realloc(c->pairs, cap * sizeof(*p));
        if (!p)
            return false;
        c->pairs = p;
        c->pair_cap = cap;
    }
    c->pairs[c->pair_count] = (struct pair){t, event, 0};
    c->pair_count++;
    return true;
}

/* One event for each changed type; `mark` finds it again. */
static bool make_events(struct ydoc *doc, struct y_txn *t, struct calls *c)
{
    c->events = y_realloc(NULL, t->type_count * sizeof(*c->events));
    if (!c->events)
        return false;
    for (size_t i = 0; i < t->type_count; i++) {
        struct y_type *type = doc->types[t->types[i].type];
        if (!alive(doc, type))
            continue;
        if (!type->mark) {
            c->events[c->count] =
                (struct y_event){.doc = doc, .txn = t, .target = type, .current = type};
            type->mark = (uint32_t)++c->count;
        }
        if (!doc->seqs[t->types[i].seq].key)
            c->events[type->mark - 1].list_changed = true;
    }
    for (size_t i = 0; i < c->count; i++)
        c->events[i].target->mark = 0;
    return true;
}

static void call_direct(struct y_event *e)
{
    for (struct y_observer *o = e->target->observers; o; o = o->next)
        if (o->fn && !o->gone)
            o->fn(e, o->udata);
}

static uint32_t depth_below(const struct y_type *t, const struct y_type *top)
{
    uint32_t n = 0;
    for (; t && t != top; t = y_type_parent(t))
        n++;
    return n;
}

static int by_type_and_path(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->type->mark != y->type->mark)
        return x->type->mark < y->type->mark ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return (x->event > y->event) - (x->event < y->event);
}

static void call_deep_of(struct ydoc *doc, struct calls *c, const struct pair *p, size_t n,
                         const struct y_event **list)
{
    struct y_type *t = p->type;
    size_t k = 0;
    if (!alive(doc, t))
        return;
    for (size_t i = 0; i < n; i++) {
        struct y_event *e = &c->events[p[i].event];
        if (!alive(doc, e->target))
            continue;
        e->current = t;
        list[k++] = e;
    }
    for (struct y_observer *o = t->observers; o; o = o->next)
        if (o->deep && !o->gone)
            o->deep(list, k, o->udata);
}

static bool has_deep(const struct y_type *t)
{
    const struct y_observer *o = t->observers;
    while (o && (!o->deep || o->gone))
        o = o->next;
    return o != NULL;
}

/* Deep observers of a type get all events below it, the nearest first. */
static bool call_deep(struct ydoc *doc, struct calls *c)
{
    uint32_t marks = 0;
    bool ok = true;
    for (size_t i = 0; i < c->count && ok; i++)
        for (struct y_type *t = c->events[i].target; t && ok; t = y_type_parent(t))
            if (has_deep(t)) {
                if (!t->mark)
                    t->mark = ++marks;
                ok = add_pair(c, t, (uint32_t)i);
            }
    for (size_t i = 0; i < c->pair_count; i++)
        c->pairs[i].order = depth_below(c->events[c->pairs[i].event].target, c->pairs[i].type);
    if (c->pair_count > 1)
        qsort(c->pairs, c->pair_count, sizeof(*c->pairs), by_type_and_path);
    for (size_t i = 0; i < c->pair_count; i++)
        c->pairs[i].type->mark = 0;
    const struct y_event **list =
        c->pair_count && ok ? y_realloc(NULL, c->pair_count * sizeof(*list)) : NULL;
    if (!list)
        return ok && !c->pair_count;
    for (size_t i = 0, n; i < c->pair_count; i += n) {
        for (n = 1; i + n < c->pair_count && c->pairs[i + n].type == c->pairs[i].type;)
            n++;
        call_deep_of(doc, c, &c->pairs[i], n, list);
    }
    y_mem_free(list);
    return true;
}

static void call_observers(struct ydoc *doc, struct y_txn *t)
{
    struct calls c = {0};
    if (!make_events(doc, t, &c)) {
        t->error = Y_ERR_NOMEM;
        return;
    }
    doc->calling = true;
    for (size_t i = 0; i < c.count; i++)
        call_direct(&c.events[i]);
    if (!call_deep(doc, &c))
        t->error = Y_ERR_NOMEM;
    doc->calling = false;
    for (size_t i = 0; i < c.count; i++) {
        for (struct y_type *p = c.events[i].target; p; p = y_type_parent(p))
            if (p->observers)
                sweep(p);
        y_event_release(&c.events[i]);
    }
    y_mem_free(c.events);
    y_mem_free(c.pairs);
}

void y_observers_call(struct ydoc *doc, struct y_txn *t)
{
    const struct y_txn *outer = doc->observing;
    doc->observing = t;
    if (doc->observed && t->type_count)
        call_observers(doc, t);
    for (size_t i = 0; doc->hooks && i < doc->hooks->undo_count; i++)
        y_undo_after(doc->hooks->undos[i], t);
    for (size_t i = 0; i < t->type_count && !t->local; i++) {
        const struct y_type *type = doc->types[t->types[i].type];
        if (type->has_format && alive(doc, type) &&
            (type->ref == Y_REF_TEXT || type->ref == Y_REF_XML_TEXT))
            t->cleanup_formats = true;
    }
    if (t->cleanup_formats) {
        int error = y_format_cleanup(doc, t);
        t->error = t->error ? t->error : error;
    }
    doc->observing = outer;
}

void y_listeners_call(struct ydoc *doc, struct y_txn *t)
{
    bool changed = false;
    for (uint32_t i = 0; i < t->change_count && !changed; i++)
        changed = t->changes[i].before != t->changes[i].after || t->changes[i].deleted.count;
    if (!doc->hooks || !changed)
        return;
    const struct y_txn *outer = doc->observing;
    doc->observing = t;
    for (int format = Y_V1; format <= Y_V2; format++) {
        struct ybuf out = {0};
        if (!doc->hooks->update[format].fn)
            continue;
        int error = y_encode_transaction(doc, t, (enum y_format)format, &out);
        if (error)
            t->error = error;
        else
            doc->hooks->update[format].fn(doc, out.data, out.len, t->origin,
                                          doc->hooks->update[format].udata);
        ybuf_release(&out);
    }
    doc->observing = outer;
}

const void *ydoc_origin(const struct ydoc *doc)
{
    const struct y_txn *t = doc->depth ? doc->txn : doc->observing;
    return t ? t->origin : NULL;
}

bool ydoc_is_local(const struct ydoc *doc)
{
    const struct y_txn *t = doc->depth ? doc->txn : doc->observing;
    return t && t->local;
}
