/*
 * Shared types as JSON: what JSON.stringify(type.toJSON()) gives in Yjs (YArray.js, YMap.js, Doc.js
 * `toJSON`). Types may be inside of one another as deep as somebody likes: those that are under way
 * stand on a stack of our own. An object's members come in JavaScript's order, array indices first;
 * they are sorted before they are written, so that nothing is moved when they are deep.
 */
#include "y/y_int.h"

#include "y/any.h"
#include "y/members.h"

#include <stdlib.h>

enum shape { LIST, MAP, TEXT, XML, NOTHING };

struct index {
    uint32_t index, entry; /* of a member whose key is one */
};

struct frame {
    const struct y_type *type;
    bool map, any;
    y_handle item; /* of a list, next */
    uint32_t at;
    uint32_t entry;           /* of a map, next; after those that are indices */
    size_t first, next, last; /* in json.indices */
};

struct json {
    const struct ydoc *doc;
    struct ybuf *out;
    struct frame *frames;
    size_t frame_count, frame_cap;
    struct index *indices;
    size_t index_count, index_cap;
};

static int put(struct json *j, const char *s)
{
    return ybuf_append(j->out, s, strlen(s));
}

/* --- what a type is --------------------------------------------------------------------------- */

/* A root that nobody has given a kind yet, by what is in its list. */
static enum shape shape_of_list(const struct ydoc *doc, const struct y_seq *s)
{
    bool shown = false, xml = true;
    for (y_handle h = s->first; h; h = y_item(doc, h)->right) {
        const struct y_item *it = y_item(doc, h);
        if (it->flags & Y_DEAD)
            continue;
        if (it->kind == Y_STRING || it->kind == Y_FORMAT || it->kind == Y_EMBED)
            return TEXT;
        uint8_t ref = it->kind == Y_TYPE ? doc->types[it->off]->ref : Y_REF_NONE;
        shown = true;
        xml = xml && (ref == Y_REF_XML_ELEMENT || ref == Y_REF_XML_TEXT || ref == Y_REF_XML_HOOK);
    }
    return !shown ? TEXT : xml ? XML : LIST;
}

static enum shape shape_of(const struct y_type *t)
{
    switch (t->ref) {
    case Y_REF_ARRAY:
        return LIST;
    case Y_REF_MAP:
    case Y_REF_XML_HOOK:
        return MAP;
    case Y_REF_TEXT:
        return TEXT;
    case Y_REF_NONE:
        return t->doc->seqs[t->list].first ? shape_of_list(t->doc, &t->doc->seqs[t->list])
               : t->first_entry            ? MAP
                                           : NOTHING;
    default:
        return XML;
    }
}

/* --- going down ------------------------------------------------------------------------------- */

static bool has_value(const struct ydoc *doc, uint32_t entry)
{
    y_handle last = doc->seqs[entry].last;
    return last && !(y_item(doc, last)->flags & Y_DEAD);
}

static uint32_t index_of(const struct ydoc *doc, uint32_t entry)
{
    const struct y_name *n = &doc->names[doc->seqs[entry].key];
    return y_array_index(n->s, n->len);
}

static int by_index(const void *a, const void *b)
{
    uint32_t x = ((const struct index *)a)->index, y = ((const struct index *)b)->index;
    return (x > y) - (x < y);
}

/* Members whose keys are array indices, ascending. `all`: whether they have values or not. */
static int list_indices(struct json *j, struct frame *f, bool all)
{
    f->first = f->next = j->index_count;
    for (uint32_t e = f->type->first_entry; e; e = j->doc->seqs[e].next) {
        uint32_t index = index_of(j->doc, e);
        if (index == Y_NO_INDEX || (!all && !has_value(j->doc, e)))
            continue;
        if (j->index_count == j->index_cap) {
            size_t cap = j->index_cap ? j->index_cap * 2 : 16;
            struct index *p = y_realloc(j->indices, cap * sizeof(*p));
            if (!p)
                return Y_ERR_NOMEM;
            j->indices = p;
            j->index_cap = cap;
        }
        j->indices[j->index_count++] = (struct index){index, e};
    }
    f->last = j->index_count;
    if (f->last - f->first > 1)
        qsort(&j->indices[f->first], f->last - f->first, sizeof(*j->indices), by_index);
    return Y_OK;
}

/* The next chain of the members of f->type; 0 after the last. */
static uint32_t next_entry(const struct json *j, struct frame *f, bool all)
{
    if (f->next < f->last)
        return j->indices[f->next++].entry;
    uint32_t e = f->entry;
    while (e && ((!all && !has_value(j->doc, e)) ||
                 (f->last > f->first && index_of(j->doc, e) != Y_NO_INDEX)))
        e = j->doc->seqs[e].next;
    f->entry = e ? j->doc->seqs[e].next : 0;
    return e;
}

static int push(struct json *j, const struct y_type *t, bool map)
{
    if (j->frame_count == j->frame_cap) {
        size_t cap = j->frame_cap ? j->frame_cap * 2 : 16;
        struct frame *p = y_realloc(j->frames, cap * sizeof(*p));
        if (!p)
            return Y_ERR_NOMEM;
        j->frames = p;
        j->frame_cap = cap;
    }
    struct frame *f = &j->frames[j->frame_count++];
    *f = (struct frame){.type = t, .map = map};
    f->item = map ? 0 : j->doc->seqs[t->list].first;
    f->entry = map ? t->first_entry : 0;
    int error = map ? list_indices(j, f, false) : Y_OK;
    return error ? error : put(j, map ? "{" : "[");
}

/* --- values ----------------------------------------------------------------------------------- */

static int put_text(struct json *j, const struct y_type *t)
{
    int error = put(j, "\"");
    for (y_handle h = j->doc->seqs[t->list].first; h && !error;) {
        const struct y_item *it = y_item(j->doc, h);
        if (it->kind == Y_STRING && !(it->flags & Y_DEAD))
            error = y_json_escape(y_content(j->doc, it), it->bytes, j->out);
        h = it->right;
    }
    return error ? error : put(j, "\"");
}

static int put_xml(struct json *j, const struct y_type *t)
{
    int error = put(j, "\"");
    error = error ? error : y_xml_write(t, true, j->out);
    return error ? error : put(j, "\"");
}

/* Lists and maps are only begun. */
static int put_type(struct json *j, const struct y_type *t)
{
    switch (shape_of(t)) {
    case LIST:
        return push(j, t, false);
    case MAP:
        return push(j, t, true);
    case TEXT:
        return put_text(j, t);
    case XML:
        return put_xml(j, t);
    default:
        return put(j, "null");
    }
}

/* JSON.parse and back again. */
static int put_json(struct json *j, struct y_slice json)
{
    struct ybuf any = {0};
    int error = y_any_from_json(json.p, json.n, &any);
    error = error ? error : y_any_to_json(any.data, any.len, j->out);
    ybuf_release(&any);
    return error;
}

static bool is_undefined(const struct y_value *v)
{
    return v->kind == Y_VALUE_NONE || (v->kind == Y_VALUE_ANY && *v->bytes.p == 127) ||
           (v->kind == Y_VALUE_JSON && v->bytes.n == 9 && !memcmp(v->bytes.p, "undefined", 9));
}

static int put_value(struct json *j, const struct y_value *v)
{
    if (is_undefined(v))
        return put(j, "null");
    switch (v->kind) {
    case Y_VALUE_ANY:
        return y_any_to_json(v->bytes.p, v->bytes.n, j->out);
    case Y_VALUE_JSON:
        return put_json(j, v->bytes);
    case Y_VALUE_STRING:
        return y_json_string(v->bytes.p, v->bytes.n, j->out);
    case Y_VALUE_BINARY:
        return y_json_bytes(v->bytes.p, v->bytes.n, j->out);
    case Y_VALUE_TYPE:
        return put_type(j, v->type);
    default:
        return put(j, "{}"); /* a subdocument's toJSON, as long as it is not loaded */
    }
}

/* --- all of it -------------------------------------------------------------------------------- */

/* False after the last value. */
static bool next_value(const struct json *j, struct frame *f, struct y_value *v)
{
    while (f->item) {
        const struct y_item *it = y_item(j->doc, f->item);
        if (!(it->flags & Y_DEAD) && y_value_next(j->doc, it, &f->at, v))
            return true;
        f->item = it->right;
        f->at = 0;
    }
    return false;
}

/* False after the last member that JSON shows: one that is undefined it does not, and `__proto__` is
 * none. */
static bool next_member(const struct json *j, struct frame *f, const struct y_name **key,
                        struct y_value *v)
{
    for (uint32_t e; (e = next_entry(j, f, false));) {
        const struct y_item *it = y_item(j->doc, j->doc->seqs[e].last);
        *v = y_item_value(j->doc, it, it->len - 1);
        *key = &j->doc->names[j->doc->seqs[e].key];
        if (!is_undefined(v) && ((*key)->len != 9 || memcmp((*key)->s, "__proto__", 9) != 0))
            return true;
    }
    return false;
}

static int put_key(struct json *j, const struct y_name *key)
{
    int error = y_json_string(key->s, key->len, j->out);
    return error ? error : put(j, ":");
}

static int run(struct json *j)
{
    int error = Y_OK;
    while (j->frame_count && !error) {
        struct frame *f = &j->frames[j->frame_count - 1];
        const struct y_name *key = NULL;
        struct y_value v;
        if (!(f->map ? next_member(j, f, &key, &v) : next_value(j, f, &v))) {
            error = put(j, f->map ? "}" : "]");
            if (f->map)
                j->index_count = f->first;
            j->frame_count--;
            continue;
        }
        if (f->any)
            error = put(j, ",");
        f->any = true;
        if (key && !error)
            error = put_key(j, key);
        if (!error)
            error = put_value(j, &v);
    }
    return error;
}

static int end(struct json *j, size_t len, int error)
{
    y_mem_free(j->frames);
    y_mem_free(j->indices);
    if (error)
        j->out->len = len;
    return error;
}

int y_value_json(const struct ydoc *doc, const struct y_value *v, struct ybuf *out)
{
    struct json j = {.doc = doc, .out = out};
    size_t len = out->len;
    int error = put_value(&j, v);
    return end(&j, len, error ? error : run(&j));
}

bool y_value_undefined(const struct y_value *v)
{
    return is_undefined(v);
}

int y_type_json(const struct y_type *t, struct ybuf *out)
{
    struct y_value v = {.kind = Y_VALUE_TYPE, .type = (struct y_type *)(uintptr_t)t};
    return y_value_json(t->doc, &v, out);
}

int ydoc_json(const struct ydoc *doc, struct ybuf *out)
{
    struct json j = {.doc = doc, .out = out};
    struct frame roots = {.type = &doc->roots, .entry = doc->roots.first_entry};
    size_t len = out->len;
    bool any = false;
    int error = list_indices(&j, &roots, true);
    if (!error)
        error = put(&j, "{");
    for (uint32_t e; !error && (e = next_entry(&j, &roots, true));) {
        const struct y_type *t = doc->types[doc->seqs[e].first];
        const struct y_name *key = &doc->names[doc->seqs[e].key];
        if (shape_of(t) == NOTHING || (key->len == 9 && memcmp(key->s, "__proto__", 9) == 0))
            continue;
        if (any)
            error = put(&j, ",");
        any = true;
        if (!error)
            error = put_key(&j, key);
        if (!error)
            error = put_type(&j, t);
        if (!error)
            error = run(&j);
    }
    return end(&j, len, error ? error : put(&j, "}"));
}
