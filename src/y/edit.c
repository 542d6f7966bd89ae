/*
 * Local edits: finding places, making items; lists and maps (yjs AbstractType.js `typeList...`,
 * `typeMap...`).
 *
 * A chain remembers where the last edit was, its cursor, so that typing looks at one or two items.
 * Further away the index is asked, and built if there is none.
 */
#include "y/y_int.h"

#include "y/any.h"

#define WALK 24 /* items to walk from the cursor before the index is asked */

/* --- places ----------------------------------------------------------------------------------- */

bool y_by_bytes(const struct y_type *t)
{
    return t->doc->opts.utf8_offsets &&
           (t->ref == Y_REF_TEXT || t->ref == Y_REF_XML_TEXT || t->ref == Y_REF_NONE);
}

y_handle y_locate(struct ydoc *doc, struct y_seq *s, uint64_t pos, bool by_bytes, uint32_t *units,
                  uint32_t *bytes)
{
    y_handle h = s->first;
    uint32_t u = 0, b = 0;
    if (s->cursor && (by_bytes ? s->cursor_bytes : s->cursor_units) < pos) {
        h = s->cursor;
        u = s->cursor_units;
        b = s->cursor_bytes;
    }
    for (int walked = 0;; walked++) {
        const struct y_item *it = y_item(doc, h);
        uint32_t du = y_units(it), db = y_visible_bytes(it);
        if (du && (by_bytes ? b + db : u + du) >= pos)
            break;
        if (!it->right)
            break;
        if (walked >= WALK && (s->index || y_index_build(doc, s) == Y_OK)) {
            h = y_index_find(doc, s, (uint32_t)pos - 1, by_bytes, &u, &b);
            break;
        }
        u += du;
        b += db;
        h = it->right;
    }
    *units = u;
    *bytes = b;
    return h;
}

int y_seek(struct ydoc *doc, uint32_t seq, uint64_t pos, struct y_spot *at)
{
    struct y_seq *s = &doc->seqs[seq];
    bool by_bytes = y_by_bytes(doc->types[s->type]);
    if (pos > (by_bytes ? s->bytes : s->units))
        return Y_ERR_RANGE;
    if (!pos) {
        *at = (struct y_spot){0, s->first, 0, 0};
        return Y_OK;
    }
    uint32_t units, bytes;
    y_handle h = y_locate(doc, s, pos, by_bytes, &units, &bytes);
    struct y_item *it = y_item(doc, h);
    uint32_t in = (uint32_t)(pos - (by_bytes ? bytes : units));
    if (by_bytes && it->kind == Y_STRING) {
        const uint8_t *p = y_content(doc, it);
        if (in < it->bytes && (p[in] & 0xc0) == 0x80)
            return Y_ERR_RANGE;
        in = it->bytes == it->len ? in : (uint32_t)y_utf16_length(p, in);
    }
    if (in < it->len) {
        if (y_items_reserve(doc, 1) < 0 || !y_split(doc, h, in))
            return Y_ERR_NOMEM;
        it = y_item(doc, h);
    }
    s->cursor = h;
    s->cursor_units = units;
    s->cursor_bytes = bytes;
    *at = (struct y_spot){h, it->right, units + in, bytes + y_visible_bytes(it)};
    return Y_OK;
}

void y_step(const struct ydoc *doc, struct y_spot *at)
{
    const struct y_item *it = y_item(doc, at->right);
    at->left = at->right;
    at->right = it->right;
    at->units += y_units(it);
    at->bytes += y_visible_bytes(it);
}

/* --- making items ----------------------------------------------------------------------------- */

int y_self(struct ydoc *doc, uint32_t *client)
{
    return y_client_of(doc, doc->opts.client_id, client);
}

int y_insert_item(struct ydoc *doc, uint32_t seq, struct y_spot *at, uint8_t kind, uint32_t len,
                  const void *data, size_t n, struct y_type *type)
{
    uint32_t client;
    int error = y_self(doc, &client);
    struct y_client *c = error ? NULL : &doc->clients[client];
    if (!error && (uint64_t)c->state + len > Y_CLOCK_MAX)
        error = Y_ERR_RANGE;
    if (!error)
        error = y_items_reserve(doc, 1);
    if (!error)
        error = y_append_room(doc, c);
    if (error) {
        if (type)
            y_type_free(doc, type);
        return error;
    }
    y_handle h = y_item_new(doc);
    struct y_item *it = y_item(doc, h);
    it->client = client;
    it->clock = c->state;
    it->len = len;
    it->kind = kind;
    it->seq = seq;
    it->left = at->left;
    if (at->left)
        it->origin = y_last_id(y_item(doc, at->left));
    if (at->right) {
        const struct y_item *right = y_item(doc, at->right);
        it->right_origin = (struct y_id){right->client, right->clock};
    }
    error = n ? y_set_content(doc, it, data, n) : Y_OK;
    if (error) {
        y_item_free(doc, h);
        if (type)
            y_type_free(doc, type);
        return error;
    }
    error = y_link(doc, h, type);
    if (!error && kind == Y_DOC && y_subdocs_wanted(doc))
        error = y_subdoc_added(doc, it, h, true);
    if (error)
        return error;
    struct y_seq *s = &doc->seqs[seq];
    s->cursor = h;
    s->cursor_units = at->units;
    s->cursor_bytes = at->bytes;
    at->left = h;
    at->units += y_units(it);
    at->bytes += y_visible_bytes(it);
    return Y_OK;
}

bool y_extends(const struct ydoc *doc, y_handle lh, y_handle rh)
{
    const struct y_item *left = lh ? y_item(doc, lh) : NULL;
    if (!left || left->kind != Y_STRING || left->flags || left->right != rh)
        return false;
    const struct y_client *c = &doc->clients[left->client];
    if (c->id != doc->opts.client_id || y_end_of(left) != c->state)
        return false;
    if (!rh)
        return left->right_origin.client == Y_NOBODY;
    const struct y_item *right = y_item(doc, rh);
    return left->right_origin.client == right->client && left->right_origin.clock == right->clock;
}

int y_insert_string(struct ydoc *doc, uint32_t seq, struct y_spot *at, const void *utf8, size_t len,
                    uint32_t units)
{
    if (doc->observed || !y_extends(doc, at->left, at->right))
        return y_insert_item(doc, seq, at, Y_STRING, units, utf8, len, NULL);
    struct y_item *left = y_item(doc, at->left);
    struct y_client *c = &doc->clients[left->client];
    struct y_seq *s = &doc->seqs[seq];
    if ((uint64_t)c->state + units > Y_CLOCK_MAX)
        return Y_ERR_RANGE;
    int error = y_append_content(doc, left, utf8, len);
    if (!error)
        error = y_changed(doc, seq);
    if (error)
        return error;
    y_crowd_grown(doc, left);
    y_touch(doc, left->client);
    left->len += units;
    c->state += units;
    s->units += units;
    s->bytes += (uint32_t)len;
    if (s->index)
        y_index_add(doc, s, left, units, (int64_t)len);
    at->units += units;
    at->bytes += (uint32_t)len;
    doc->txn->touched = true;
    doc->txn->steps++;
    if (c->heap_count || c->waiters || c->late_count)
        y_wait_look(doc, left->client);
    return Y_OK;
}

int y_delete_units(struct ydoc *doc, struct y_spot *at, uint64_t units)
{
    int error = Y_OK;
    while (at->right && units && !error) {
        struct y_item *it = y_item(doc, at->right);
        uint32_t u = y_units(it);
        if (u > units) {
            if (y_items_reserve(doc, 1) < 0 || !y_split(doc, at->right, (uint32_t)units))
                return Y_ERR_NOMEM;
            it = y_item(doc, at->right);
            u = (uint32_t)units;
        }
        if (u) {
            units -= u;
            error = y_delete(doc, at->right);
        }
        at->left = at->right;
        at->right = it->right;
    }
    return error;
}

/* --- values ----------------------------------------------------------------------------------- */

struct y_value y_item_value(const struct ydoc *doc, const struct y_item *it, uint32_t at)
{
    const uint8_t *p = y_content(doc, it);
    struct y_reader r = y_reader_of(p, it->bytes);
    size_t n;
    switch (it->kind) {
    case Y_ANY:
        for (uint32_t i = 0; i < at; i++)
            y_any_skip(&r);
        p = r.p;
        y_any_skip(&r);
        return (struct y_value){.kind = Y_VALUE_ANY, .bytes = {p, (size_t)(r.p - p)}};
    case Y_JSON:
        for (uint32_t i = 0; i < at; i++)
            y_read_bytes(&r, &n);
        p = y_read_bytes(&r, &n);
        return (struct y_value){.kind = Y_VALUE_JSON, .bytes = {p, n}};
    case Y_EMBED:
        return (struct y_value){.kind = Y_VALUE_ANY, .bytes = {p, it->bytes}};
    case Y_BINARY:
        return (struct y_value){.kind = Y_VALUE_BINARY, .bytes = {p, it->bytes}};
    case Y_STRING: {
        bool second = false, first = false;
        size_t from = y_utf16_offset(p, it->bytes, at, &second);
        size_t to = y_utf16_offset(p, it->bytes, at + 1, &first);
        if (first || second) /* half of a pair */
            return (struct y_value){.kind = Y_VALUE_STRING,
                                    .bytes = {(const uint8_t *)"\xef\xbf\xbd", 3}};
        return (struct y_value){.kind = Y_VALUE_STRING, .bytes = {p + from, to - from}};
    }
    case Y_TYPE:
        return (struct y_value){.kind = Y_VALUE_TYPE, .type = doc->types[it->off]};
    case Y_DOC:
        p = y_read_bytes(&r, &n);
        return (struct y_value){
            .kind = Y_VALUE_DOC, .bytes = {p, n}, .options = {r.p, (size_t)(r.end - r.p)}};
    default:
        return (struct y_value){.kind = Y_VALUE_NONE};
    }
}

static bool one_any(struct y_slice s)
{
    struct y_reader r = y_reader_of(s.p, s.n);
    return y_any_skip(&r) == Y_OK && r.p == r.end;
}

int y_value_content(const struct y_value *v, uint8_t *kind, struct ybuf *out)
{
    static const uint8_t no_options[] = {118, 0};
    switch (v->kind) {
    case Y_VALUE_ANY:
        *kind = Y_ANY;
        return one_any(v->bytes) ? ybuf_append(out, v->bytes.p, v->bytes.n) : Y_ERR_MALFORMED;
    case Y_VALUE_BINARY:
        *kind = Y_BINARY;
        return ybuf_append(out, v->bytes.p, v->bytes.n);
    case Y_VALUE_DOC: {
        struct y_slice options = v->options.n ? v->options : (struct y_slice){no_options, 2};
        *kind = Y_DOC;
        if (!y_utf8_valid(v->bytes.p, v->bytes.n) || !one_any(options))
            return Y_ERR_MALFORMED;
        int error = y_write_bytes(out, v->bytes.p, v->bytes.n);
        return error ? error : ybuf_append(out, options.p, options.n);
    }
    default:
        return Y_ERR_TYPE;
    }
}

int y_type_make(struct ydoc *doc, enum y_type_ref ref, const char *name, struct y_type **made)
{
    bool named = ref == Y_REF_XML_ELEMENT || ref == Y_REF_XML_HOOK;
    if ((unsigned)ref > Y_REF_XML_TEXT || named != (name != NULL))
        return Y_ERR_TYPE;
    if (named && !y_utf8_valid(name, strlen(name)))
        return Y_ERR_MALFORMED;
    uint32_t id = 0;
    if (named && y_name_of(doc, name, strlen(name), &id) < 0)
        return Y_ERR_NOMEM;
    struct y_type *t = y_type_new(doc, (uint8_t)ref);
    if (!t)
        return Y_ERR_NOMEM;
    t->name = id;
    *made = t;
    return Y_OK;
}

/* --- lists ------------------------------------------------------------------------------------ */

static bool has_list(const struct y_type *t)
{
    return t->ref != Y_REF_MAP && t->ref != Y_REF_XML_HOOK && t->ref != Y_REF_NONE;
}

/* Values are in `data` one behind the other, `ends` says where each ends. Neighbouring anys share an
 * item. */
static int insert_values(struct ydoc *doc, uint32_t seq, struct y_spot *at,
                         const struct y_value *values, size_t n)
{
    struct ybuf data = {0};
    int error = Y_OK;
    for (size_t i = 0; i < n && !error;) {
        uint8_t kind = 0, next = 0;
        uint32_t len = 0;
        data.len = 0;
        do {
            error = y_value_content(&values[i], &kind, &data);
            i++;
            len++;
            next = i < n && values[i].kind == Y_VALUE_ANY ? Y_ANY : 0;
        } while (!error && kind == Y_ANY && next == Y_ANY);
        if (!error)
            error = y_insert_item(doc, seq, at, kind, len, data.data, data.len, NULL);
    }
    ybuf_release(&data);
    return error;
}

int y_list_insert(struct y_type *t, uint64_t pos, const struct y_value *values, size_t n)
{
    struct ydoc *doc = t->doc;
    struct ybuf probe = {0};
    uint8_t kind;
    int error = has_list(t) && t->ref == Y_REF_ARRAY ? Y_OK : Y_ERR_TYPE;
    for (size_t i = 0; i < n && !error; i++) {
        probe.len = 0;
        error = y_value_content(&values[i], &kind, &probe);
    }
    ybuf_release(&probe);
    if (!error && pos > doc->seqs[t->list].units)
        error = Y_ERR_RANGE;
    if (!error && n)
        error = y_begin(doc, NULL, true);
    if (error || !n)
        return error;
    struct y_spot at;
    error = y_seek(doc, t->list, pos, &at);
    if (!error)
        error = insert_values(doc, t->list, &at, values, n);
    return y_end(doc, error);
}

int y_list_insert_type(struct y_type *t, uint64_t pos, enum y_type_ref ref, const char *name,
                       struct y_type **made)
{
    struct ydoc *doc = t->doc;
    struct y_type *type = NULL;
    struct y_spot at;
    if (!has_list(t) || t->ref == Y_REF_TEXT || t->ref == Y_REF_XML_TEXT)
        return Y_ERR_TYPE;
    if (pos > doc->seqs[t->list].units)
        return Y_ERR_RANGE;
    int error = y_begin(doc, NULL, true);
    if (error)
        return error;
    error = y_type_make(doc, ref, name, &type);
    if (!error)
        error = y_seek(doc, t->list, pos, &at);
    if (!error)
        error = y_insert_item(doc, t->list, &at, Y_TYPE, 1, NULL, 0, type);
    else if (type)
        y_type_free(doc, type);
    if (!error && made)
        *made = type;
    return y_end(doc, error);
}

int y_list_delete(struct y_type *t, uint64_t pos, uint64_t len)
{
    struct ydoc *doc = t->doc;
    struct y_spot at;
    if (!has_list(t) || t->ref == Y_REF_TEXT || t->ref == Y_REF_XML_TEXT)
        return Y_ERR_TYPE;
    if (pos > doc->seqs[t->list].units || len > doc->seqs[t->list].units - pos)
        return Y_ERR_RANGE;
    int error = len ? y_begin(doc, NULL, true) : Y_OK;
    if (error || !len)
        return error;
    error = y_seek(doc, t->list, pos, &at);
    if (!error)
        error = y_delete_units(doc, &at, len);
    return y_end(doc, error);
}

/* Value `at` of an item that holds many, of which one is found behind another: goes on from the one that
 * was asked for last, if that was before it. */
static struct y_value value_at(struct ydoc *doc, y_handle h, uint32_t at)
{
    const struct y_item *it = y_item(doc, h);
    struct y_last_value last = doc->last_value;
    struct y_value v = {.kind = Y_VALUE_NONE};
    if (it->kind != Y_ANY && it->kind != Y_JSON)
        return y_item_value(doc, it, at);
    if (last.item != h || last.epoch != doc->epoch || last.at > at)
        last = (struct y_last_value){.item = h, .epoch = doc->epoch};
    uint32_t offset = last.offset;
    for (;; last.at++) {
        last.offset = offset;
        if (!y_value_next(doc, it, &offset, &v) || last.at == at)
            break;
    }
    doc->last_value = last;
    return v;
}

struct y_value y_list_get(const struct y_type *t, uint64_t pos)
{
    struct ydoc *doc = t->doc;
    struct y_seq *s = &doc->seqs[t->list];
    uint32_t units, bytes;
    if (pos >= s->units)
        return (struct y_value){.kind = Y_VALUE_NONE};
    y_handle h = y_locate(doc, s, pos + 1, false, &units, &bytes);
    s->cursor = h;
    s->cursor_units = units;
    s->cursor_bytes = bytes;
    return value_at(doc, h, (uint32_t)pos - units);
}

/* One half of a pair of string `p`; a whole character else. Where it is goes on by bytes, and inside a
 * character of four for its second half. */
static struct y_value next_unit(const uint8_t *p, uint32_t bytes, uint32_t *at)
{
    struct y_slice s = {p + *at, 1};
    if (p[*at] >= 0xf0 || (p[*at] & 0xc0) == 0x80) {
        *at += p[*at] >= 0xf0 ? 1 : 3;
        return (struct y_value){.kind = Y_VALUE_STRING,
                                .bytes = {(const uint8_t *)"\xef\xbf\xbd", 3}};
    }
    while (*at + s.n < bytes && (s.p[s.n] & 0xc0) == 0x80)
        s.n++;
    *at += (uint32_t)s.n;
    return (struct y_value){.kind = Y_VALUE_STRING, .bytes = s};
}

bool y_value_next(const struct ydoc *doc, const struct y_item *it, uint32_t *at, struct y_value *v)
{
    if (it->kind != Y_ANY && it->kind != Y_JSON && it->kind != Y_STRING) {
        if (*at || !y_countable(it->kind))
            return false;
        *v = y_item_value(doc, it, (*at)++);
        return true;
    }
    const uint8_t *p = y_content(doc, it);
    if (*at >= it->bytes)
        return false;
    if (it->kind == Y_STRING) {
        *v = next_unit(p, it->bytes, at);
        return true;
    }
    struct y_reader r = y_reader_of(p + *at, it->bytes - *at);
    size_t n;
    if (it->kind == Y_ANY) {
        y_any_skip(&r);
        *v = (struct y_value){.kind = Y_VALUE_ANY, .bytes = {p + *at, (size_t)(r.p - p) - *at}};
    } else {
        const uint8_t *text = y_read_bytes(&r, &n);
        *v = (struct y_value){.kind = Y_VALUE_JSON, .bytes = {text, n}};
    }
    *at = (uint32_t)(r.p - p);
    return true;
}

struct y_value y_list_next(const struct y_type *t, struct y_walk *walk)
{
    const struct ydoc *doc = t->doc;
    struct y_value v = {.kind = Y_VALUE_NONE};
    y_handle h = walk->item ? walk->item : doc->seqs[t->list].first;
    if (walk->item == UINT32_MAX)
        h = 0;
    while (h && ((y_item(doc, h)->flags & Y_DEAD) ||
                 !y_value_next(doc, y_item(doc, h), &walk->at, &v))) {
        h = y_item(doc, h)->right;
        walk->at = 0;
    }
    walk->item = h ? h : UINT32_MAX;
    return v;
}

/* --- maps ------------------------------------------------------------------------------------- */

static bool has_keys(const struct y_type *t)
{
    return t->ref == Y_REF_MAP || t->ref == Y_REF_XML_ELEMENT || t->ref == Y_REF_XML_TEXT ||
           t->ref == Y_REF_XML_HOOK || t->ref == Y_REF_TEXT;
}

static int set_key(struct y_type *t, const void *key, size_t len, uint8_t kind, const void *data,
                   size_t n, struct y_type *type)
{
    struct ydoc *doc = t->doc;
    uint32_t name, seq = 0;
    int error = y_name_of(doc, key, len, &name);
    if (!error)
        error = y_entry_of(doc, t, name, &seq);
    if (error) {
        if (type)
            y_type_free(doc, type);
        return error;
    }
    struct y_spot at = {doc->seqs[seq].last, 0, 0, 0};
    return y_insert_item(doc, seq, &at, kind, 1, data, n, type);
}

int y_map_set(struct y_type *t, const void *key, size_t len, const struct y_value *value)
{
    struct ybuf data = {0};
    uint8_t kind = 0;
    int error = has_keys(t) ? Y_OK : Y_ERR_TYPE;
    if (!error && !y_utf8_valid(key, len))
        error = Y_ERR_MALFORMED;
    if (!error)
        error = y_value_content(value, &kind, &data);
    if (!error)
        error = y_begin(t->doc, NULL, true);
    if (!error)
        error = y_end(t->doc, set_key(t, key, len, kind, data.data, data.len, NULL));
    ybuf_release(&data);
    return error;
}

int y_map_set_type(struct y_type *t, const void *key, size_t len, enum y_type_ref ref,
                   const char *name, struct y_type **made)
{
    struct y_type *type;
    if (!has_keys(t))
        return Y_ERR_TYPE;
    if (!y_utf8_valid(key, len))
        return Y_ERR_MALFORMED;
    int error = y_begin(t->doc, NULL, true);
    if (error)
        return error;
    error = y_type_make(t->doc, ref, name, &type);
    if (!error)
        error = set_key(t, key, len, Y_TYPE, NULL, 0, type);
    if (!error && made)
        *made = type;
    return y_end(t->doc, error);
}

/* The item that is a key's value; 0: none. */
static y_handle value_item(const struct y_type *t, const void *key, size_t len)
{
    const struct ydoc *doc = t->doc;
    uint32_t e = y_entry_find(doc, t, y_name_find(doc, key, len));
    y_handle h = e ? doc->seqs[e].last : 0;
    return h && !(y_item(doc, h)->flags & Y_DEAD) ? h : 0;
}

int y_map_delete(struct y_type *t, const void *key, size_t len)
{
    if (!has_keys(t))
        return Y_ERR_TYPE;
    y_handle h = value_item(t, key, len);
    int error = h ? y_begin(t->doc, NULL, true) : Y_OK;
    return error || !h ? error : y_end(t->doc, y_delete(t->doc, h));
}

struct y_value y_map_get(const struct y_type *t, const void *key, size_t len)
{
    y_handle h = value_item(t, key, len);
    if (!h)
        return (struct y_value){.kind = Y_VALUE_NONE};
    const struct y_item *it = y_item(t->doc, h);
    return y_item_value(t->doc, it, it->len - 1);
}

bool y_map_next(const struct y_type *t, struct y_walk *walk, struct y_slice *key,
                struct y_value *value)
{
    const struct ydoc *doc = t->doc;
    uint32_t e = walk->item ? doc->seqs[walk->item].next : t->first_entry;
    if (walk->at)
        return false;
    for (; e; e = doc->seqs[e].next) {
        const struct y_seq *s = &doc->seqs[e];
        const struct y_item *it = s->last ? y_item(doc, s->last) : NULL;
        if (!it || (it->flags & Y_DEAD))
            continue;
        walk->item = e;
        *key = (struct y_slice){doc->names[s->key].s, doc->names[s->key].len};
        *value = y_item_value(doc, it, it->len - 1);
        return true;
    }
    walk->at = 1;
    return false;
}

/* --- types ------------------------------------------------------------------------------------ */

int ydoc_root(struct ydoc *doc, const char *name, enum y_type_ref ref, struct y_type **type)
{
    struct y_type *t;
    if (!y_utf8_valid(name, strlen(name)))
        return Y_ERR_MALFORMED;
    int error = y_root_of(doc, name, strlen(name), &t);
    if (error)
        return error;
    if (t->ref == Y_REF_NONE) {
        t->ref = (uint8_t)ref;
    } else if (ref != Y_REF_NONE && t->ref != (uint8_t)ref) {
        return Y_ERR_TYPE;
    }
    t->held = true;
    *type = t;
    return Y_OK;
}

struct y_type *ydoc_next_root(const struct ydoc *doc, const struct y_type *after)
{
    uint32_t e = after ? y_entry_find(doc, &doc->roots, after->name) : 0;
    e = after ? doc->seqs[e].next : doc->roots.first_entry;
    if (!e)
        return NULL;
    struct y_type *t = doc->types[doc->seqs[e].first];
    t->held = true;
    return t;
}

enum y_type_ref y_type_ref(const struct y_type *t)
{
    return (enum y_type_ref)t->ref;
}

struct ydoc *y_type_doc(const struct y_type *t)
{
    return t->doc;
}

struct y_slice y_type_name(const struct y_type *t)
{
    const struct y_name *n = &t->doc->names[t->name];
    return t->name ? (struct y_slice){n->s, n->len} : (struct y_slice){NULL, 0};
}

struct y_type *y_type_parent(const struct y_type *t)
{
    struct y_type *up = t->item ? y_seq_type(t->doc, y_item(t->doc, t->item)->seq) : NULL;
    if (up)
        up->held = true;
    return up;
}

uint64_t y_type_length(const struct y_type *t)
{
    const struct ydoc *doc = t->doc;
    uint64_t n = 0;
    if (t->ref != Y_REF_MAP && t->ref != Y_REF_XML_HOOK)
        return y_by_bytes(t) ? doc->seqs[t->list].bytes : doc->seqs[t->list].units;
    for (uint32_t e = t->first_entry; e; e = doc->seqs[e].next)
        n += doc->seqs[e].last && !(y_item(doc, doc->seqs[e].last)->flags & Y_DEAD);
    return n;
}
