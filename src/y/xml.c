/*
 * XML as markup: what toString() of yjs YXmlElement.js, YXmlFragment.js, YXmlText.js gives, and what
 * JavaScript makes of any other value where it is joined to a string.
 *
 * Elements may be inside of elements, or of attributes, as deep as somebody likes: what is under way
 * stands on a stack of our own.
 */
#include "y/y_int.h"

#include "y/any.h"

#include <stdio.h>
#include <stdlib.h>

/* A format that holds at a place of a text, or the value of an attribute. */
struct mark {
    struct y_slice key, value; /* value: an any */
};

/* An attribute in the tag of a mark. */
struct attr {
    const uint8_t *key; /* NULL: the digits */
    uint32_t key_len, order;
    char digits[12];
    const uint8_t *p;
    size_t n;
    enum { ANY, UNIT, BYTE } kind;
};

struct frame {
    const struct y_type *type;
    y_handle item; /* next */
    uint32_t at;
    bool quote; /* of an attribute, is open */
    bool tags;  /* of a text's marks, are open */
    bool embed; /* a type was written between them */
    bool attributes;
    size_t first, next; /* in xml.entries: attributes left; in xml.marks: those of a text */
};

struct xml {
    const struct ydoc *doc;
    struct ybuf *out;
    bool quoted; /* what comes out is inside a JSON string */
    int error;   /* sticky */
    struct frame *frames;
    size_t frame_count, frame_cap;
    uint32_t *entries; /* chains of attributes, sorted */
    size_t entry_count, entry_cap;
    struct mark *marks; /* sorted */
    size_t mark_count, mark_cap;
    struct attr *attrs;
    size_t attr_count, attr_cap;
};

static void put(struct xml *x, const void *s, size_t n)
{
    if (!x->error && n)
        x->error = x->quoted ? y_json_escape(s, n, x->out) : ybuf_append(x->out, s, n);
}

static void put_text(struct xml *x, const char *s)
{
    put(x, s, strlen(s));
}

static void put_slice(struct xml *x, struct y_slice s)
{
    put(x, s.p, s.n);
}

/* Room for one more, doubling; false and the error set when out of memory. */
static bool room(struct xml *x, void *list, size_t count, size_t *cap, size_t size)
{
    void *p;
    size_t more = *cap ? *cap * 2 : 16;
    if (x->error || count < *cap)
        return !x->error;
    memcpy(&p, list, sizeof(p));
    p = y_realloc(p, more * size);
    if (!p) {
        x->error = Y_ERR_NOMEM;
        return false;
    }
    memcpy(list, &p, sizeof(p));
    *cap = more;
    return true;
}

/* --- the order of keys ------------------------------------------------------------------------ */

/* As JavaScript compares strings, by UTF-16 units: characters beyond U+FFFF stand before U+E000. */
static int compare_text(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
    size_t n = an < bn ? an : bn, i = 0;
    while (i < n && a[i] == b[i])
        i++;
    if (i == n)
        return (an > bn) - (an < bn);
    int x = a[i], y = b[i];
    x += x == 0xee || x == 0xef ? 16 : 0;
    y += y == 0xee || y == 0xef ? 16 : 0;
    return x < y ? -1 : 1;
}

static const char *attr_key(const struct attr *a, size_t *len)
{
    *len = a->key_len;
    return a->key ? (const char *)a->key : a->digits;
}

static int by_key(const void *va, const void *vb)
{
    const struct attr *a = va, *b = vb;
    size_t an, bn;
    const char *ak = attr_key(a, &an), *bk = attr_key(b, &bn);
    int c = compare_text((const uint8_t *)ak, an, (const uint8_t *)bk, bn);
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

/* What would set an object's prototype, and so is no member of it. */
static bool is_proto(const uint8_t *s, size_t len)
{
    return len == 9 && memcmp(s, "__proto__", 9) == 0;
}

/* --- values as strings ------------------------------------------------------------------------ */

static void put_number(struct xml *x, uint64_t n)
{
    char text[24];
    size_t at = sizeof(text);
    do
        text[--at] = (char)('0' + n % 10);
    while (n /= 10);
    put(x, text + at, sizeof(text) - at);
}

static void put_bytes(struct xml *x, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && !x->error; i++) {
        if (i)
            put_text(x, ",");
        put_number(x, p[i]);
    }
}

/* A number that JSON has no word for; NULL: it has. */
static const char *no_json_number(const uint8_t *p)
{
    bool narrow = *p == 124;
    if (!narrow && *p != 123)
        return NULL;
    bool ones = narrow ? (p[1] & 0x7f) == 0x7f && (p[2] & 0x80)
                       : (p[1] & 0x7f) == 0x7f && (p[2] & 0xf0) == 0xf0;
    bool fraction = p[2] & (narrow ? 0x7f : 0x0f);
    for (int i = 3; i < (narrow ? 5 : 9); i++)
        fraction |= p[i] != 0;
    if (!ones)
        return NULL;
    return fraction ? "NaN" : p[1] & 0x80 ? "-Infinity" : "Infinity";
}

/* A value that is no array, which `r` then is behind. */
static void put_scalar(struct xml *x, struct y_reader *r)
{
    const uint8_t *from = r->p, *p;
    size_t n;
    switch (*from) {
    case 118:
        y_any_skip(r);
        put_text(x, "[object Object]");
        break;
    case 119:
    case 116:
        y_read_u8(r);
        p = y_read_bytes(r, &n);
        if (*from == 119)
            put(x, p, n);
        else
            put_bytes(x, p, n);
        break;
    default:
        y_any_skip(r);
        if (no_json_number(from))
            put_text(x, no_json_number(from));
        else if (!x->error) /* digits and words need no escaping */
            x->error = y_any_to_json(from, (size_t)(r->p - from), x->out);
    }
}

/* String(value): arrays are joined by commas, what is null in them is empty. */
static void put_any(struct xml *x, struct y_slice any)
{
    struct y_reader r = y_reader_of(any.p, any.n);
    uint64_t left[Y_ANY_DEPTH + 1];
    bool first[Y_ANY_DEPTH + 1];
    int depth = 0;
    do {
        if (*r.p == 117) {
            r.p++;
            left[++depth] = y_read_varuint(&r);
            first[depth] = true;
        } else if (depth && (*r.p == 126 || *r.p == 127)) {
            r.p++;
        } else {
            put_scalar(x, &r);
        }
        while (depth && !left[depth])
            depth--;
        if (depth) {
            left[depth]--;
            if (!first[depth])
                put_text(x, ",");
            first[depth] = false;
        }
    } while (depth && !x->error);
}

static void put_json(struct xml *x, struct y_slice json)
{
    struct ybuf any = {0};
    if (x->error)
        return;
    if (json.n == 9 && memcmp(json.p, "undefined", 9) == 0)
        x->error = ybuf_append(&any, "\x7f", 1);
    else
        x->error = y_any_from_json(json.p, json.n, &any);
    if (!x->error)
        put_any(x, (struct y_slice){any.data, any.len});
    ybuf_release(&any);
}

static void push(struct xml *x, const struct y_type *t);

static void put_strings(struct xml *x, const struct y_type *t)
{
    for (y_handle h = x->doc->seqs[t->list].first; h && !x->error;) {
        const struct y_item *it = y_item(x->doc, h);
        if (it->kind == Y_STRING && !(it->flags & Y_DEAD))
            put(x, y_content(x->doc, it), it->bytes);
        h = it->right;
    }
}

/* True if it is under way on the stack now. */
static bool put_type(struct xml *x, const struct y_type *t)
{
    switch (t->ref) {
    case Y_REF_TEXT:
        put_strings(x, t);
        return false;
    case Y_REF_XML_ELEMENT:
    case Y_REF_XML_FRAGMENT:
    case Y_REF_XML_TEXT:
        push(x, t);
        return true;
    default:
        put_text(x, "[object Object]");
        return false;
    }
}

static bool put_value(struct xml *x, const struct y_value *v)
{
    switch (v->kind) {
    case Y_VALUE_ANY:
        put_any(x, v->bytes);
        return false;
    case Y_VALUE_JSON:
        put_json(x, v->bytes);
        return false;
    case Y_VALUE_STRING:
        put_slice(x, v->bytes);
        return false;
    case Y_VALUE_BINARY:
        put_bytes(x, v->bytes.p, v->bytes.n);
        return false;
    case Y_VALUE_TYPE:
        return put_type(x, v->type);
    default:
        put_text(x, "[object Object]");
        return false;
    }
}

/* --- elements --------------------------------------------------------------------------------- */

/* toLocaleLowerCase, of ASCII and Latin-1; of others a name is left as it is. */
static void put_name(struct xml *x, const struct y_type *t)
{
    struct y_slice name = y_type_name(t);
    if (!t->item) {
        put_text(x, "undefined"); /* a root's name is not that of the element */
        return;
    }
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool latin = i && name.p[i - 1] == 0xc3 && c >= 0x80 && c <= 0x9e && c != 0x97;
        c = (uint8_t)(c + ((c >= 'A' && c <= 'Z') || latin ? 32 : 0));
        put(x, &c, 1);
    }
}

static bool has_value(const struct ydoc *doc, uint32_t seq)
{
    y_handle last = doc->seqs[seq].last;
    return last && !(y_item(doc, last)->flags & Y_DEAD);
}

static void sort_entries(struct xml *x, size_t first)
{
    const struct ydoc *doc = x->doc;
    x->attr_count = 0;
    for (size_t i = first; i < x->entry_count; i++) {
        const struct y_name *n = &doc->names[doc->seqs[x->entries[i]].key];
        if (!room(x, &x->attrs, x->attr_count, &x->attr_cap, sizeof(*x->attrs)))
            return;
        x->attrs[x->attr_count++] =
            (struct attr){.key = n->s, .key_len = n->len, .order = x->entries[i]};
    }
    if (x->attr_count > 1)
        qsort(x->attrs, x->attr_count, sizeof(*x->attrs), by_key);
    for (size_t i = 0; i < x->attr_count; i++)
        x->entries[first + i] = x->attrs[i].order;
}

static void open_element(struct xml *x, struct frame *f)
{
    const struct ydoc *doc = x->doc;
    put_text(x, "<");
    put_name(x, f->type);
    f->attributes = true;
    f->first = f->next = x->entry_count;
    for (uint32_t e = f->type->first_entry; e; e = doc->seqs[e].next) {
        const struct y_name *n = &doc->names[doc->seqs[e].key];
        if (!has_value(doc, e) || is_proto(n->s, n->len))
            continue;
        if (!room(x, &x->entries, x->entry_count, &x->entry_cap, sizeof(*x->entries)))
            return;
        x->entries[x->entry_count++] = e;
    }
    sort_entries(x, f->first);
}

/* False when all are written. */
static bool next_attribute(struct xml *x, struct frame *f)
{
    const struct ydoc *doc = x->doc;
    if (f->quote)
        put_text(x, "\"");
    f->quote = false;
    if (f->next == x->entry_count) {
        x->entry_count = f->first;
        f->attributes = false;
        put_text(x, ">");
        return false;
    }
    const struct y_seq *s = &doc->seqs[x->entries[f->next++]];
    const struct y_item *it = y_item(doc, s->last);
    struct y_value v = y_item_value(doc, it, it->len - 1);
    put_text(x, " ");
    put(x, doc->names[s->key].s, doc->names[s->key].len);
    put_text(x, "=\"");
    f->quote = true;
    put_value(x, &v); /* may move the frames */
    return true;
}

/* False when all are written. */
static bool next_child(struct xml *x, struct frame *f)
{
    struct y_value v;
    while (f->item) {
        const struct y_item *it = y_item(x->doc, f->item);
        if (it->kind == Y_STRING && !(it->flags & Y_DEAD)) {
            put(x, y_content(x->doc, it), it->bytes);
        } else if (!(it->flags & Y_DEAD) && y_value_next(x->doc, it, &f->at, &v)) {
            put_value(x, &v);
            return true;
        }
        f->item = it->right;
        f->at = 0;
    }
    return false;
}

static void close_element(struct xml *x, const struct frame *f)
{
    if (f->type->ref != Y_REF_XML_ELEMENT)
        return;
    put_text(x, "</");
    put_name(x, f->type);
    put_text(x, ">");
}

/* --- text ------------------------------------------------------------------------------------- */

static void add_attr(struct xml *x, struct attr a)
{
    if (!room(x, &x->attrs, x->attr_count, &x->attr_cap, sizeof(*x->attrs)))
        return;
    a.order = (uint32_t)x->attr_count;
    if (!a.key)
        a.key_len = (uint32_t)snprintf(a.digits, sizeof(a.digits), "%u", a.order);
    x->attrs[x->attr_count++] = a;
}

static void add_units(struct xml *x, const uint8_t *p, size_t len)
{
    for (size_t i = 0, n; i < len && !x->error; i += n) {
        n = p[i] < 0x80 ? 1 : p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;
        if (n < 4) {
            add_attr(x, (struct attr){.kind = UNIT, .p = p + i, .n = n});
            continue;
        }
        for (int half = 0; half < 2; half++)
            add_attr(x, (struct attr){.kind = UNIT, .p = (const uint8_t *)"\xef\xbf\xbd", .n = 3});
    }
}

/* All that `for (key in value)` finds. */
static void list_attrs(struct xml *x, struct y_slice any)
{
    struct y_reader r = y_reader_of(any.p, any.n);
    uint8_t kind = y_read_u8(&r);
    size_t len = 0;
    const uint8_t *key = NULL;
    x->attr_count = 0;
    if (kind == 119 || kind == 116) {
        const uint8_t *p = y_read_bytes(&r, &len);
        if (kind == 119)
            add_units(x, p, len);
        for (size_t i = 0; i < len && kind == 116; i++)
            add_attr(x, (struct attr){.kind = BYTE, .p = p + i, .n = 1});
    }
    uint64_t n = kind == 118 || kind == 117 ? y_read_varuint(&r) : 0;
    for (; n && !x->error; n--) {
        if (kind == 118)
            key = y_read_bytes(&r, &len);
        const uint8_t *from = r.p;
        y_any_skip(&r);
        if (!key || !is_proto(key, len))
            add_attr(x, (struct attr){.key = key,
                                      .key_len = (uint32_t)len,
                                      .kind = ANY,
                                      .p = from,
                                      .n = (size_t)(r.p - from)});
    }
    if (x->attr_count > 1 && !x->error)
        qsort(x->attrs, x->attr_count, sizeof(*x->attrs), by_key);
}

static void put_attr(struct xml *x, const struct attr *a)
{
    size_t n;
    const char *key = attr_key(a, &n);
    put_text(x, " ");
    put(x, key, n);
    put_text(x, "=\"");
    if (a->kind == ANY)
        put_any(x, (struct y_slice){a->p, a->n});
    else if (a->kind == BYTE)
        put_number(x, *a->p);
    else
        put(x, a->p, a->n);
    put_text(x, "\"");
}

static void open_tags(struct xml *x, struct frame *f)
{
    for (size_t i = f->first; i < x->mark_count && !x->error; i++) {
        put_text(x, "<");
        put_slice(x, x->marks[i].key);
        list_attrs(x, x->marks[i].value);
        for (size_t k = 0; k < x->attr_count; k++) {
            const struct attr *a = &x->attrs[k], *b = a + 1;
            size_t an = a->key_len;
            if (k + 1 < x->attr_count && a->key && an == b->key_len && !memcmp(a->key, b->key, an))
                continue; /* of equal keys the last counts */
            put_attr(x, a);
        }
        put_text(x, ">");
    }
    f->tags = true;
}

static void close_tags(struct xml *x, struct frame *f)
{
    for (size_t i = x->mark_count; f->tags && i-- > f->first;) {
        put_text(x, "</");
        put_slice(x, x->marks[i].key);
        put_text(x, ">");
    }
    f->tags = false;
}

static size_t mark_place(const struct xml *x, const struct frame *f, struct y_slice key,
                         bool *found)
{
    size_t low = f->first, high = x->mark_count;
    *found = false;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = compare_text(x->marks[mid].key.p, x->marks[mid].key.n, key.p, key.n);
        if (!c)
            *found = true;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void set_mark(struct xml *x, struct frame *f, struct y_slice key, struct y_slice value)
{
    bool found;
    size_t i = mark_place(x, f, key, &found);
    if (value.n == 1 && *value.p == 126) { /* null */
        if (found) {
            x->mark_count--;
            memmove(&x->marks[i], &x->marks[i + 1], (x->mark_count - i) * sizeof(*x->marks));
        }
        return;
    }
    if (!found) {
        if (is_proto(key.p, key.n) ||
            !room(x, &x->marks, x->mark_count, &x->mark_cap, sizeof(*x->marks)))
            return;
        memmove(&x->marks[i + 1], &x->marks[i], (x->mark_count - i) * sizeof(*x->marks));
        x->mark_count++;
    }
    x->marks[i] = (struct mark){key, value};
}

static void put_run(struct xml *x, struct frame *f, const struct y_item *it)
{
    static const struct y_slice ychange = {(const uint8_t *)"ychange", 7};
    bool found;
    mark_place(x, f, ychange, &found);
    if (found) { /* toDelta() takes this one for its own */
        close_tags(x, f);
        set_mark(x, f, ychange, (struct y_slice){(const uint8_t *)"\x7e", 1});
    }
    if (!f->tags)
        open_tags(x, f);
    put(x, y_content(x->doc, it), it->bytes);
}

/* The runs of text as toDelta() has them, each in the tags of its formats. False at the end. */
static bool next_run(struct xml *x, struct frame *f)
{
    struct y_value v;
    if (f->embed)
        close_tags(x, f);
    f->embed = false;
    while (f->item && !x->error) {
        const struct y_item *it = y_item(x->doc, f->item);
        f->item = it->right;
        if (it->flags & Y_DEAD)
            continue;
        if (it->kind == Y_STRING) {
            put_run(x, f, it);
        } else if (it->kind == Y_FORMAT) {
            struct y_reader r = y_reader_of(y_content(x->doc, it), it->bytes);
            struct y_slice key;
            key.p = y_read_bytes(&r, &key.n);
            close_tags(x, f);
            set_mark(x, f, key, (struct y_slice){r.p, (size_t)(r.end - r.p)});
        } else if (it->kind == Y_EMBED || it->kind == Y_TYPE) {
            close_tags(x, f);
            open_tags(x, f);
            v = y_item_value(x->doc, it, 0);
            f->embed = true;
            put_value(x, &v); /* may move the frames */
            return true;
        }
    }
    close_tags(x, f);
    x->mark_count = f->first;
    return false;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void push(struct xml *x, const struct y_type *t)
{
    if (!room(x, &x->frames, x->frame_count, &x->frame_cap, sizeof(*x->frames)))
        return;
    struct frame *f = &x->frames[x->frame_count++];
    *f = (struct frame){.type = t, .item = x->doc->seqs[t->list].first};
    if (t->ref == Y_REF_XML_ELEMENT)
        open_element(x, f);
    else
        f->first = x->mark_count;
}

static void run(struct xml *x)
{
    while (x->frame_count && !x->error) {
        struct frame *f = &x->frames[x->frame_count - 1];
        if (f->type->ref == Y_REF_XML_TEXT) {
            if (!next_run(x, f))
                x->frame_count--;
        } else if (f->attributes) {
            next_attribute(x, f);
        } else if (!next_child(x, f)) {
            close_element(x, f);
            x->frame_count--;
        }
    }
}

int y_xml_write(const struct y_type *t, bool quoted, struct ybuf *out)
{
    struct xml x = {.doc = t->doc, .out = out, .quoted = quoted};
    size_t len = out->len;
    if (t->ref == Y_REF_NONE)
        push(&x, t);
    else
        put_type(&x, t);
    run(&x);
    y_mem_free(x.frames);
    y_mem_free(x.entries);
    y_mem_free(x.marks);
    y_mem_free(x.attrs);
    if (x.error)
        out->len = len;
    return x.error;
}

int y_xml_string(const struct y_type *t, struct ybuf *out)
{
    bool xml = t->ref == Y_REF_XML_ELEMENT || t->ref == Y_REF_XML_FRAGMENT ||
               t->ref == Y_REF_XML_TEXT || t->ref == Y_REF_XML_HOOK || t->ref == Y_REF_NONE;
    return xml ? y_xml_write(t, false, out) : Y_ERR_TYPE;
}
