/*
 * Text with formats: inserting, deleting and formatting (yjs YText.js `insertText`, `deleteText`,
 * `formatText`).
 *
 * A format is an item between others: from there on `key` is `value`, until another one says
 * otherwise; null ends it.
 *
 *     "plain " {bold: true} "bold" {bold: null} " plain"
 *
 * Yjs walks from the beginning of a text to where it is edited, to know what holds there. That takes
 * time with every keystroke; and most edits need to know only about the keys in question, and only if
 * there are formats where the edit is. So the place is looked up by the index, and what holds there is
 * looked for to the left until it is found (y_attrs_look_back). Only an insertion that brings
 * attributes needs all that hold, in their order.
 */
#include "y/format_int.h"

#include "y/any.h"

void y_edit_init(struct y_edit *e, struct y_type *t)
{
    *e = (struct y_edit){.doc = t->doc, .seq = t->list};
    e->at.right = t->doc->seqs[t->list].first;
}

void y_edit_release(struct y_edit *e)
{
    y_attrs_release(&e->now);
    ybuf_release(&e->scratch);
}

int y_edit_forward(struct y_edit *e)
{
    y_handle h = e->at.right;
    y_step(e->doc, &e->at);
    return y_is_format(y_item(e->doc, h)) ? y_attrs_update(e->doc, &e->now, h) : Y_OK;
}

/* --- formats around an edit ------------------------------------------------------------------- */

static int insert_format(struct y_edit *e, uint32_t key, struct y_val value)
{
    const struct y_name *name = &e->doc->names[key];
    struct y_slice any = y_val_any(e->doc, value);
    e->scratch.len = 0;
    int error = y_write_bytes(&e->scratch, name->s, name->len);
    if (!error)
        error = any.n ? ybuf_append(&e->scratch, any.p, any.n)
                      : ybuf_append(&e->scratch, y_val_null.any.p, 1);
    if (!error)
        error = y_insert_item(e->doc, e->seq, &e->at, Y_FORMAT, 1, e->scratch.data, e->scratch.len,
                              NULL);
    if (!error)
        error = y_same_value(e->doc, e->at.left, value.item);
    return error ? error : y_attrs_update(e->doc, &e->now, e->at.left);
}

/* Whether the item on the right is a format that says what `attrs` has for its key, where `missing` is
 * what it has of others; or deleted. 1, 0 or an error. */
static int agrees(struct y_edit *e, const struct y_attrs *attrs, bool or_null)
{
    const struct y_item *it = y_item(e->doc, e->at.right);
    uint32_t key;
    if (it->flags & Y_DEAD)
        return 1;
    if (it->kind != Y_FORMAT)
        return 0;
    int error = y_format_key(e->doc, e->at.right, &key);
    if (error)
        return error;
    struct y_val v = y_attrs_get(attrs, key);
    if (or_null)
        v = y_val_or_null(e->doc, v);
    return y_val_equal(e->doc, v, y_format_value(e->at.right));
}

/* Moves over formats that say what is wanted anyway (yjs minimizeAttributeChanges). */
static int minimize(struct y_edit *e, const struct y_attrs *attrs)
{
    int same = 1;
    while (e->at.right && (same = agrees(e, attrs, true)) == 1) {
        int error = y_edit_forward(e);
        if (error)
            return error;
    }
    return same < 0 ? same : Y_OK;
}

/* Inserts the formats that are not there yet; `ended` gets what each has to be put back to. */
static int insert_attributes(struct y_edit *e, const struct y_attrs *attrs, struct y_attrs *ended)
{
    for (uint32_t i = 0; i < attrs->count; i++) {
        uint32_t key = attrs->list[i].key;
        if (!key)
            continue;
        struct y_val current = y_val_or_null(e->doc, y_attrs_get(&e->now, key));
        int equal = y_val_equal(e->doc, current, attrs->list[i].value);
        if (equal < 0)
            return equal;
        if (equal)
            continue;
        int error = y_attrs_set(ended, key, current);
        if (!error)
            error = insert_format(e, key, attrs->list[i].value);
        if (error)
            return error;
    }
    return Y_OK;
}

/* Puts back what held before, unless it is said there (yjs insertNegatedAttributes). */
static int insert_ended(struct y_edit *e, struct y_attrs *ended)
{
    int same = 1, error = Y_OK;
    while (e->at.right && (same = agrees(e, ended, false)) == 1 && !error) {
        uint32_t key;
        if (y_is_format(y_item(e->doc, e->at.right))) {
            error = y_format_key(e->doc, e->at.right, &key);
            if (!error)
                y_attrs_delete(ended, key);
        }
        if (!error)
            error = y_edit_forward(e);
    }
    if (same < 0)
        error = same;
    for (uint32_t i = 0; i < ended->count && !error; i++)
        if (ended->list[i].key)
            error = insert_format(e, ended->list[i].key, ended->list[i].value);
    return error;
}

/* --- the edits -------------------------------------------------------------------------------- */

static int insert_piece(struct y_edit *e, struct y_piece *p)
{
    struct y_type *type = p->type;
    p->type = NULL; /* from here on it is freed by whom it is given to */
    return p->kind == Y_STRING
               ? y_insert_string(e->doc, e->seq, &e->at, p->data, p->n, p->units)
               : y_insert_item(e->doc, e->seq, &e->at, p->kind, p->units, p->data, p->n, type);
}

int y_edit_insert(struct y_edit *e, struct y_piece *p, struct y_attrs *attrs)
{
    struct y_attrs ended = {0};
    int error = Y_OK;
    for (uint32_t i = 0; i < e->now.count && !error; i++) {
        uint32_t key = e->now.list[i].key;
        if (key && !y_attrs_has(attrs, key))
            error = y_attrs_set(attrs, key, y_val_null);
    }
    if (!error)
        error = y_attrs_object_order(e->doc, attrs);
    if (!error)
        error = minimize(e, attrs);
    if (!error)
        error = insert_attributes(e, attrs, &ended);
    if (!error)
        error = insert_piece(e, p);
    if (!error)
        error = insert_ended(e, &ended);
    y_attrs_release(&ended);
    return error;
}

/* The part of the item on the right that is within `units`, of which it takes off what it has. */
static int cut_right(struct y_edit *e, uint64_t *units)
{
    const struct y_item *it = y_item(e->doc, e->at.right);
    if (*units < it->len &&
        (y_items_reserve(e->doc, 1) < 0 || !y_split(e->doc, e->at.right, (uint32_t)*units)))
        return Y_ERR_NOMEM;
    *units -= y_item(e->doc, e->at.right)->len;
    return Y_OK;
}

/* A format within what is formatted: superfluous if it has one of the keys. 1: it is where the edit
 * ends. */
static int pass_format(struct y_edit *e, const struct y_attrs *attrs, struct y_attrs *ended,
                       uint64_t units)
{
    y_handle h = e->at.right;
    uint32_t key;
    int error = y_format_key(e->doc, h, &key);
    if (error)
        return error;
    if (!y_attrs_has(attrs, key))
        return Y_OK;
    int equal = y_val_equal(e->doc, y_attrs_get(attrs, key), y_format_value(h));
    if (equal < 0)
        return equal;
    if (equal) {
        y_attrs_delete(ended, key);
    } else {
        if (!units)
            return 1;
        error = y_attrs_set(ended, key, y_format_value(h));
    }
    return error ? error : y_delete(e->doc, h);
}

static int format_rest(struct y_edit *e, const struct y_attrs *attrs, struct y_attrs *ended,
                       uint64_t *units)
{
    int error = Y_OK;
    while (e->at.right && !error) {
        const struct y_item *it = y_item(e->doc, e->at.right);
        bool dead = it->flags & Y_DEAD, format = it->kind == Y_FORMAT;
        if (!*units && !(ended->live && (dead || format)))
            break;
        if (!dead && format)
            error = pass_format(e, attrs, ended, *units);
        else if (!dead && *units)
            error = cut_right(e, units);
        if (!error)
            error = y_edit_forward(e);
    }
    return error < 0 ? error : Y_OK;
}

/* A text's last line ends with a newline that nobody sees; formatting it makes it visible. */
static int insert_newlines(struct y_edit *e, uint64_t n)
{
    if (n > Y_CLOCK_MAX)
        return Y_ERR_RANGE;
    e->scratch.len = 0;
    int error = y_buf_reserve(&e->scratch, n);
    if (error)
        return error;
    memset(e->scratch.data, '\n', n);
    return y_insert_string(e->doc, e->seq, &e->at, e->scratch.data, n, (uint32_t)n);
}

int y_edit_format(struct y_edit *e, const struct y_attrs *attrs, uint64_t units)
{
    struct y_attrs ended = {0};
    int error = minimize(e, attrs);
    if (!error)
        error = insert_attributes(e, attrs, &ended);
    if (!error)
        error = format_rest(e, attrs, &ended, &units);
    if (!error && units)
        error = insert_newlines(e, units);
    if (!error)
        error = insert_ended(e, &ended);
    y_attrs_release(&ended);
    return error;
}

static int delete_values(struct y_edit *e, uint64_t units, bool follow)
{
    int error = Y_OK;
    while (units && e->at.right && !error) {
        const struct y_item *it = y_item(e->doc, e->at.right);
        if (!(it->flags & Y_DEAD) &&
            (it->kind == Y_STRING || it->kind == Y_EMBED || it->kind == Y_TYPE)) {
            error = cut_right(e, &units);
            if (!error)
                error = y_delete(e->doc, e->at.right);
        }
        if (error)
            break;
        if (follow)
            error = y_edit_forward(e);
        else
            y_step(e->doc, &e->at);
    }
    return error;
}

int y_edit_delete(struct y_edit *e, uint64_t units)
{
    struct y_attrs before = {0};
    y_handle start = e->at.right;
    int error = y_attrs_copy(&before, &e->now);
    if (!error)
        error = delete_values(e, units, true);
    if (!error && start)
        error = y_format_gap_of(e->doc, start, e->at.right, &before, &e->now);
    y_attrs_release(&before);
    return error;
}

/* --- what a text is asked for ----------------------------------------------------------------- */

/* Text without attributes takes what holds at its place: it only moves over formats that say nothing
 * new. */
static int insert_plain(struct y_edit *e, struct y_piece *p)
{
    struct y_attrs here = {0};
    int error = Y_OK;
    for (y_handle h = e->at.right; h && !error; h = y_item(e->doc, h)->right) {
        const struct y_item *it = y_item(e->doc, h);
        uint32_t key;
        if (!(it->flags & Y_DEAD) && it->kind != Y_FORMAT)
            break;
        if (it->flags & Y_DEAD)
            continue;
        error = y_format_key(e->doc, h, &key);
        if (!error)
            error = y_attrs_set(&here, key, (struct y_val){.item = 0});
    }
    if (!error && here.live)
        error = y_attrs_look_back(e->doc, e->at.left, &here);
    if (!error)
        error = minimize(e, &here);
    if (!error)
        error = insert_piece(e, p);
    y_attrs_release(&here);
    return error;
}

/* What holds at the spot. */
static int walk_to_spot(struct y_edit *e)
{
    int error = Y_OK;
    for (y_handle h = e->doc->seqs[e->seq].first; h != e->at.right && !error;
         h = y_item(e->doc, h)->right)
        if (y_is_format(y_item(e->doc, h)))
            error = y_attrs_update(e->doc, &e->now, h);
    return error;
}

int y_format_insert(struct y_type *t, uint64_t pos, uint8_t kind, const void *data, size_t n,
                    uint32_t units, struct y_type *type, const struct y_slice *attributes)
{
    struct y_piece p = {kind, data, n, units, type};
    struct y_attrs attrs = {0};
    struct y_edit e;
    y_edit_init(&e, t);
    int error = attributes ? y_attrs_read(t->doc, *attributes, &attrs) : Y_OK;
    if (!error)
        error = y_seek(t->doc, t->list, pos, &e.at);
    if (!error && !attributes && kind == Y_STRING) {
        error = insert_plain(&e, &p);
    } else if (!error) {
        error = walk_to_spot(&e);
        if (!error)
            error = y_edit_insert(&e, &p, &attrs);
    }
    if (p.type)
        y_type_free(t->doc, p.type);
    y_attrs_release(&attrs);
    y_edit_release(&e);
    return error;
}

/* Units before a place; positions may count bytes. */
static int units_before(struct y_type *t, uint64_t pos, uint64_t *units)
{
    struct ydoc *doc = t->doc;
    struct y_seq *s = &doc->seqs[t->list];
    uint32_t before = 0, bytes = 0;
    *units = pos;
    if (!y_by_bytes(t) || !pos)
        return Y_OK;
    if (pos > s->bytes)
        return Y_ERR_RANGE;
    const struct y_item *it = y_item(doc, y_locate(doc, s, pos, true, &before, &bytes));
    size_t in = (size_t)pos - bytes;
    const uint8_t *p = y_content(doc, it);
    if (it->kind == Y_STRING && in < it->bytes && (p[in] & 0xc0) == 0x80)
        return Y_ERR_RANGE;
    *units = before + (it->kind == Y_STRING ? y_utf16_length(p, in) : in);
    return Y_OK;
}

int y_text_place(const struct y_type *t, uint64_t pos)
{
    uint64_t units;
    return pos > y_type_length(t) ? Y_ERR_RANGE : units_before((struct y_type *)t, pos, &units);
}

/* The units of [pos, pos + len); beyond the end each byte is one. */
static int units_of(struct y_type *t, uint64_t pos, uint64_t len, uint64_t *units)
{
    uint64_t length = y_type_length(t), from, to;
    uint64_t first = pos < length ? pos : length;
    uint64_t inside = len < length - first ? len : length - first;
    int error = units_before(t, first, &from);
    if (!error)
        error = units_before(t, first + inside, &to);
    if (!error)
        *units = to - from + (len - inside);
    return error;
}

int y_format_delete(struct y_type *t, uint64_t pos, uint64_t len)
{
    struct y_seq *s = &t->doc->seqs[t->list];
    struct y_edit e;
    uint64_t units;
    y_edit_init(&e, t);
    int error = units_of(t, pos, len, &units);
    if (!error)
        error = y_seek(t->doc, t->list, pos, &e.at);
    if (!error) {
        struct y_spot from = e.at;
        error = delete_values(&e, units, false);
        if (!error && from.right)
            error = y_format_gap(t->doc, from.left, from.right);
        if (from.left) {
            s->cursor = from.left;
            s->cursor_units = from.units - y_units(y_item(t->doc, from.left));
            s->cursor_bytes = from.bytes - y_visible_bytes(y_item(t->doc, from.left));
        }
    }
    y_edit_release(&e);
    return error;
}

static bool is_text(const struct y_type *t)
{
    return t->ref == Y_REF_TEXT || t->ref == Y_REF_XML_TEXT;
}

/* The edit of y_text_format(), in its transaction. */
static int format(struct y_type *t, uint64_t pos, uint64_t units, const struct y_slice *attributes)
{
    struct y_attrs attrs = {0};
    struct y_edit e;
    y_edit_init(&e, t);
    int error = y_attrs_read(t->doc, *attributes, &attrs);
    if (!error)
        error = y_seek(t->doc, t->list, pos, &e.at);
    if (!error && e.at.right) {
        for (uint32_t i = 0; i < attrs.count && !error; i++)
            error = y_attrs_set(&e.now, attrs.list[i].key, (struct y_val){.item = 0});
        if (!error)
            error = y_attrs_look_back(t->doc, e.at.left, &e.now);
        if (!error)
            error = y_edit_format(&e, &attrs, units);
    }
    y_attrs_release(&attrs);
    y_edit_release(&e);
    return error;
}

int y_text_format(struct y_type *t, uint64_t pos, uint64_t len, const struct y_slice *attributes)
{
    uint64_t units;
    if (!is_text(t))
        return Y_ERR_TYPE;
    if (!attributes || !y_attrs_valid(*attributes))
        return Y_ERR_MALFORMED;
    int error = y_text_place(t, pos);
    if (!error)
        error = units_of(t, pos, len, &units);
    if (!error && units > Y_CLOCK_MAX)
        error = Y_ERR_RANGE;
    if (!error && len)
        error = y_begin(t->doc, NULL, true);
    return error || !len ? error : y_end(t->doc, format(t, pos, units, attributes));
}

/* --- embeds ----------------------------------------------------------------------------------- */

/* What a value is as a part of text: a string is text in any guise. */
static int piece_of(const struct y_value *v, struct y_piece *p)
{
    struct y_slice any = v->bytes;
    struct y_reader r = y_reader_of(any.p, any.n);
    *p = (struct y_piece){Y_EMBED, any.p, any.n, 1, NULL};
    if (v->kind == Y_VALUE_ANY) {
        if (y_any_skip(&r) < 0 || r.p != r.end)
            return Y_ERR_MALFORMED;
        if (any.p[0] == 126 || any.p[0] == 127)
            return Y_ERR_TYPE;
        if (any.p[0] != 119)
            return Y_OK;
        r = y_reader_of(any.p + 1, any.n - 1);
        p->data = y_read_bytes(&r, &p->n);
    } else if (v->kind != Y_VALUE_STRING) {
        return Y_ERR_TYPE;
    }
    uint64_t units;
    p->kind = Y_STRING;
    if (!y_utf8_scan(p->data, p->n, &units))
        return Y_ERR_MALFORMED;
    p->units = (uint32_t)units;
    return units > Y_CLOCK_MAX ? Y_ERR_RANGE : Y_OK;
}

static int check_insert(const struct y_type *t, uint64_t pos, const struct y_slice *attributes)
{
    if (!is_text(t))
        return Y_ERR_TYPE;
    if (attributes && !y_attrs_valid(*attributes))
        return Y_ERR_MALFORMED;
    return y_text_place(t, pos);
}

int y_text_insert_embed(struct y_type *t, uint64_t pos, const struct y_value *embed,
                        const struct y_slice *attributes)
{
    static const struct y_slice none = {NULL, 0};
    struct y_piece p = {0};
    int error = check_insert(t, pos, attributes);
    if (!error)
        error = piece_of(embed, &p);
    if (!error && !p.units)
        error = Y_ERR_TYPE;
    if (!error)
        error = y_begin(t->doc, NULL, true);
    return error ? error
                 : y_end(t->doc, y_format_insert(t, pos, p.kind, p.data, p.n, p.units, NULL,
                                                 attributes ? attributes : &none));
}

int y_text_insert_embed_type(struct y_type *t, uint64_t pos, enum y_type_ref ref, const char *name,
                             const struct y_slice *attributes, struct y_type **made)
{
    static const struct y_slice none = {NULL, 0};
    struct y_type *type = NULL;
    int error = check_insert(t, pos, attributes);
    if (!error)
        error = y_type_make(t->doc, ref, name, &type);
    if (error)
        return error;
    error = y_begin(t->doc, NULL, true);
    if (error) {
        y_type_free(t->doc, type);
        return error;
    }
    error = y_end(
        t->doc, y_format_insert(t, pos, Y_TYPE, NULL, 0, 1, type, attributes ? attributes : &none));
    if (!error && made)
        *made = type;
    return error;
}

/* --- deltas ----------------------------------------------------------------------------------- */

static int check_op(const struct y_delta_op *op)
{
    struct y_piece p;
    if (!y_attrs_valid(op->attributes))
        return Y_ERR_MALFORMED;
    if (op->kind != Y_DELTA_INSERT)
        return Y_OK;
    for (size_t i = 0; i < op->count; i++) {
        int error = piece_of(&op->values[i], &p);
        if (error)
            return error;
    }
    return Y_OK;
}

/* Everything that could be wrong, before anything changes; lengths become units. */
static int check_delta(struct y_type *t, const struct y_delta_op *ops, size_t n, uint64_t *units)
{
    uint64_t pos = 0;
    int error = Y_OK;
    for (size_t i = 0; i < n && !error; i++) {
        error = check_op(&ops[i]);
        if (error || ops[i].kind == Y_DELTA_INSERT)
            continue;
        error = units_of(t, pos, ops[i].len, &units[i]);
        pos = ops[i].len > UINT64_MAX - pos ? UINT64_MAX : pos + ops[i].len;
        if (!error && ops[i].kind == Y_DELTA_RETAIN && units[i] > Y_CLOCK_MAX)
            error = Y_ERR_RANGE;
    }
    return error;
}

static int apply_insert(struct y_edit *e, const struct y_delta_op *op, bool cut_newline)
{
    int error = Y_OK;
    for (size_t i = 0; i < op->count && !error; i++) {
        struct y_attrs attrs = {0};
        struct y_piece p;
        error = piece_of(&op->values[i], &p);
        if (!error && p.kind == Y_STRING && cut_newline && i + 1 == op->count && !e->at.right &&
            p.n && ((const char *)p.data)[p.n - 1] == '\n') {
            p.n--;
            p.units--;
        }
        if (!error && p.units) {
            error = y_attrs_read(e->doc, op->attributes, &attrs);
            if (!error)
                error = y_edit_insert(e, &p, &attrs);
        }
        y_attrs_release(&attrs);
    }
    return error;
}

static int apply_op(struct y_edit *e, const struct y_delta_op *op, uint64_t units, bool cut_newline)
{
    if (op->kind == Y_DELTA_INSERT)
        return apply_insert(e, op, cut_newline);
    if (op->kind == Y_DELTA_DELETE)
        return y_edit_delete(e, units);
    struct y_attrs attrs = {0};
    int error = y_attrs_read(e->doc, op->attributes, &attrs);
    if (!error)
        error = y_edit_format(e, &attrs, units);
    y_attrs_release(&attrs);
    return error;
}

int y_text_apply_delta(struct y_type *t, const struct y_delta_op *ops, size_t n, bool sanitize)
{
    struct y_edit e;
    if (!is_text(t))
        return Y_ERR_TYPE;
    if (!n)
        return Y_OK;
    uint64_t *units = y_realloc(NULL, n * sizeof(*units));
    if (!units)
        return Y_ERR_NOMEM;
    int error = check_delta(t, ops, n, units);
    if (!error)
        error = y_begin(t->doc, NULL, true);
    if (!error) {
        y_edit_init(&e, t);
        for (size_t i = 0; i < n && !error; i++)
            error = apply_op(&e, &ops[i], units[i], !sanitize && i + 1 == n);
        y_edit_release(&e);
        error = y_end(t->doc, error);
    }
    y_mem_free(units);
    return error;
}
