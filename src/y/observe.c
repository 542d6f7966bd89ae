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

#include "y/any.h"

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
    t->doc->observer_count++;
    t->doc->deep_count += o.deep != NULL;
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
            t->doc->gone_count--;
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
    doc->gone_count++;
    doc->observed--;
    doc->observer_count--;
    doc->deep_count -= o->deep != NULL;
    if (!doc->calling)
        sweep(o->type);
}

void y_observers_free(struct y_type *t)
{
    while (t->observers) {
        struct y_observer *o = t->observers;
        t->observers = o->next;
        t->doc->observed -= !o->gone;
        t->doc->observer_count -= !o->gone;
        t->doc->deep_count -= !o->gone && o->deep;
        t->doc->gone_count -= o->gone;
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
        struct y_event *e = &c->events[type->mark - 1];
        t->types[i].next = 0;
        if (e->last)
            t->types[e->last - 1].next = (uint32_t)i + 1;
        else
            e->first = (uint32_t)i + 1;
        e->last = (uint32_t)i + 1;
        if (!doc->seqs[t->types[i].seq].key)
            e->list_changed = true;
    }
    for (size_t i = 0; i < c->count; i++)
        c->events[i].target->mark = 0;
    return true;
}

static void call_direct(struct y_event *e)
{
    if (!alive(e->doc, e->target)) { /* an observer deleted it */
        e->target = NULL;
        return;
    }
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
    for (size_t i = 0; i < c->count && ok && doc->deep_count; i++)
        for (struct y_type *t = c->events[i].target; t && ok; t = y_type_parent(t))
            if (has_deep(t)) {
                ok = add_pair(c, t, (uint32_t)i);
                if (ok && !t->mark)
                    t->mark = ++marks;
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

static void sweep_all(struct ydoc *doc)
{
    for (uint32_t i = 1; i <= doc->type_count && doc->gone_count; i++)
        if (!((uintptr_t)doc->types[i] & 1))
            sweep(doc->types[i]);
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
    for (size_t i = 0; i < c.count; i++)
        y_event_release(&c.events[i]);
    sweep_all(doc);
    y_mem_free(c.events);
    y_mem_free(c.pairs);
}

void y_observers_call(struct ydoc *doc, struct y_txn *t)
{
    const struct y_txn *outer = doc->observing;
    doc->observing = t;
    if (doc->observer_count && t->type_count)
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

/* --- subdocuments ----------------------------------------------------------------------------- */

static int note_subdoc(struct ydoc *doc, enum y_subdoc_change change, const struct y_value *v,
                       y_handle h)
{
    struct y_txn *t = doc->txn;
    struct y_subdoc s = {change, h, t->subdoc_bytes.len, v->bytes.n, v->options.n};
    if (t->subdoc_count == t->subdoc_cap) {
        size_t cap = t->subdoc_cap ? t->subdoc_cap * 2 : 4;
        struct y_subdoc *p = y_realloc(t->subdocs, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        t->subdocs = p;
        t->subdoc_cap = cap;
    }
    if (ybuf_append(&t->subdoc_bytes, v->bytes.p, v->bytes.n) ||
        ybuf_append(&t->subdoc_bytes, v->options.p, v->options.n))
        return Y_ERR_NOMEM;
    t->subdocs[t->subdoc_count++] = s;
    return Y_OK;
}

/* Whether JavaScript takes a value for true. */
static bool truthy(const uint8_t *p, size_t n)
{
    uint8_t kind = n ? *p : 126;
    bool bits = false;
    size_t zero = 1; /* a number's sign does not count, nor does that of an integer */
    if (kind == 127 || kind == 126 || kind == 121)
        return false;
    if (kind == 125)
        return n > 2 || (p[1] & 0x3f);
    if (kind == 119)
        return p[1] != 0;
    if (kind != 124 && kind != 123 && kind != 122)
        return true;
    for (size_t i = zero; i < n; i++)
        bits |= (i == zero && kind != 122 ? p[i] & 0x7f : p[i]) != 0;
    if (kind == 122 || !bits)
        return bits;
    bool ones = (p[1] & 0x7f) == 0x7f && (kind == 124 ? p[2] & 0x80 : (p[2] & 0xf0) == 0xf0);
    bool nan = p[2] & (kind == 124 ? 0x7f : 0x0f);
    for (size_t i = 3; i < n; i++)
        nan |= p[i] != 0;
    return !(ones && nan);
}

/* yjs ContentDoc.js createDocFromOpts: what comes from elsewhere is loaded if its options say so. */
static bool wants_load(struct y_slice options)
{
    struct y_reader r = y_reader_of(options.p, options.n);
    bool load = false, automatic = false;
    for (uint64_t n = y_read_u8(&r) == 118 ? y_read_varuint(&r) : 0; n; n--) {
        size_t len;
        const char *key = y_read_string(&r, &len);
        const uint8_t *from = r.p;
        y_any_skip(&r);
        if (len == 10 && memcmp(key, "shouldLoad", 10) == 0)
            load = truthy(from, (size_t)(r.p - from));
        else if (len == 8 && memcmp(key, "autoLoad", 8) == 0)
            automatic = truthy(from, (size_t)(r.p - from));
    }
    return load || automatic;
}

int y_subdoc_added(struct ydoc *doc, const struct y_item *it, y_handle h, bool own)
{
    struct y_value v = y_item_value(doc, it, 0);
    int error = note_subdoc(doc, Y_SUBDOC_ADDED, &v, h);
    if (!error && (own || wants_load(v.options)))
        error = note_subdoc(doc, Y_SUBDOC_LOADED, &v, h);
    return error;
}

int y_subdoc_deleted(struct ydoc *doc, const struct y_item *it)
{
    struct y_value v = y_item_value(doc, it, 0);
    return y_txn_adds(doc, doc->txn, it) ? Y_OK : note_subdoc(doc, Y_SUBDOC_REMOVED, &v, 0);
}

void y_subdocs_settle(struct ydoc *doc, struct y_txn *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->subdoc_count; i++) {
        const struct y_subdoc *s = &t->subdocs[i];
        if (s->change != Y_SUBDOC_ADDED || !(y_item(doc, s->item)->flags & Y_DEAD))
            t->subdocs[n++] = *s;
    }
    t->subdoc_count = n;
}

static void call_subdocs(struct ydoc *doc, const struct y_txn *t)
{
    for (int change = Y_SUBDOC_ADDED; change <= Y_SUBDOC_LOADED; change++)
        for (size_t i = 0; i < t->subdoc_count && y_subdocs_wanted(doc); i++) {
            const struct y_subdoc *s = &t->subdocs[i];
            const uint8_t *p = t->subdoc_bytes.data + s->at;
            if (s->change == (enum y_subdoc_change)change)
                doc->hooks->subdoc(doc, s->change, (struct y_slice){p, s->guid},
                                   (struct y_slice){p + s->guid, s->options},
                                   doc->hooks->subdoc_udata);
        }
}

/* --- listeners -------------------------------------------------------------------------------- */

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
    call_subdocs(doc, t);
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
