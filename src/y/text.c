/* Text: reading and editing, as yjs YText.js does it. */
#include "y/y_int.h"

#include "y/any.h"
#include "y/attrs.h"

static struct y_seq *text_of(const struct ydoc *doc, const char *name)
{
    const struct y_type *t = y_root_find(doc, name, strlen(name));
    return t ? &doc->seqs[t->list] : NULL;
}

int ydoc_text(const struct ydoc *doc, const char *name, struct ybuf *out)
{
    const struct y_seq *s = text_of(doc, name);
    size_t len = out->len;
    int error = s ? y_buf_reserve(out, s->bytes) : Y_OK;
    for (y_handle h = s ? s->first : 0; h && !error;) {
        const struct y_item *it = y_item(doc, h);
        if (it->kind == Y_STRING && !(it->flags & Y_DEAD))
            error = ybuf_append(out, y_content(doc, it), it->bytes);
        h = it->right;
    }
    if (error)
        out->len = len;
    return error;
}

uint64_t ydoc_text_length(const struct ydoc *doc, const char *name)
{
    const struct y_seq *s = text_of(doc, name);
    return !s ? 0 : doc->opts.utf8_offsets ? s->bytes : s->units;
}

/* --- editing ---------------------------------------------------------------------------------- */

static int insert_text(struct y_type *t, uint64_t pos, const char *utf8, size_t len, uint32_t units)
{
    struct ydoc *doc = t->doc;
    struct y_spot at;
    int error = y_seek(doc, t->list, pos, &at);
    if (error)
        return error;
    while (at.right && (y_item(doc, at.right)->flags & Y_DEAD))
        y_step(doc, &at);
    return y_insert_string(doc, t->list, &at, utf8, len, units);
}

static int delete_text(struct y_type *t, uint64_t pos, uint64_t len)
{
    struct ydoc *doc = t->doc;
    struct y_seq *s = &doc->seqs[t->list];
    struct y_spot at, end;
    uint64_t units = len;
    int error = Y_OK;
    if (y_by_bytes(t)) { /* first the end: cutting changes nothing before it */
        error = y_seek(doc, t->list, pos + len, &end);
        if (error)
            return error;
        units = end.units;
    }
    error = y_seek(doc, t->list, pos, &at);
    if (error)
        return error;
    if (y_by_bytes(t))
        units -= at.units;
    y_handle left = at.left;
    uint32_t at_units = at.units, at_bytes = at.bytes;
    error = y_delete_units(doc, &at, units);
    /* The end of the transaction may merge it away, and then forgets the cursor. */
    s->cursor = left;
    if (left) {
        s->cursor_units = at_units - y_units(y_item(doc, left));
        s->cursor_bytes = at_bytes - y_visible_bytes(y_item(doc, left));
    }
    return error;
}

static bool is_text(const struct y_type *t)
{
    return t->ref == Y_REF_TEXT || t->ref == Y_REF_XML_TEXT;
}

int y_text_insert(struct y_type *t, uint64_t pos, const char *utf8, size_t len,
                  const struct y_slice *attributes)
{
    uint64_t units;
    if (!is_text(t))
        return Y_ERR_TYPE;
    if (!y_utf8_scan((const uint8_t *)utf8, len, &units))
        return Y_ERR_MALFORMED;
    if (attributes && !y_attrs_valid(*attributes))
        return Y_ERR_MALFORMED;
    int error = units > Y_CLOCK_MAX ? Y_ERR_RANGE : y_text_place(t, pos);
    if (error || !len || (!attributes && y_quick_type(t, pos, utf8, len, (uint32_t)units, &error)))
        return error;
    error = y_begin(t->doc, NULL, true);
    if (error)
        return error;
    return y_end(t->doc, attributes || t->has_format
                             ? y_format_insert(t, pos, Y_STRING, utf8, len, (uint32_t)units, NULL,
                                               attributes)
                             : insert_text(t, pos, utf8, len, (uint32_t)units));
}

int y_text_delete(struct y_type *t, uint64_t pos, uint64_t len)
{
    uint64_t length = y_type_length(t);
    if (!is_text(t))
        return Y_ERR_TYPE;
    if (pos > length || len > length - pos)
        return Y_ERR_RANGE;
    int error = y_text_place(t, pos);
    if (!error)
        error = y_text_place(t, pos + len);
    if (error || !len || y_quick_erase(t, pos, len, &error))
        return error;
    error = y_begin(t->doc, NULL, true);
    if (error)
        return error;
    return y_end(t->doc, t->has_format ? y_format_delete(t, pos, len) : delete_text(t, pos, len));
}

static int splice(struct ydoc *doc, const char *name, uint64_t pos, uint64_t del, const char *utf8,
                  size_t len, uint64_t units)
{
    struct y_type *t;
    int error = y_root_of(doc, name, strlen(name), &t);
    if (!error && t->ref != Y_REF_NONE && !is_text(t))
        error = Y_ERR_TYPE;
    if (del && !error)
        error = t->has_format ? y_format_delete(t, pos, del) : delete_text(t, pos, del);
    if (len && !error)
        error = t->has_format
                    ? y_format_insert(t, pos, Y_STRING, utf8, len, (uint32_t)units, NULL, NULL)
                    : insert_text(t, pos, utf8, len, (uint32_t)units);
    return error;
}

int ydoc_text_splice(struct ydoc *doc, const char *name, uint64_t pos, uint64_t del,
                     const char *utf8, size_t len, struct ybuf *update)
{
    uint64_t units, length = ydoc_text_length(doc, name);
    if (!y_utf8_scan((const uint8_t *)utf8, len, &units) || !y_utf8_valid(name, strlen(name)))
        return Y_ERR_MALFORMED;
    if (pos > length || del > length - pos || units > Y_CLOCK_MAX)
        return Y_ERR_RANGE;
    int error = Y_OK;
    struct y_type *root = update ? NULL : y_root_find(doc, name, strlen(name));
    if (root && !del && len && y_quick_type(root, pos, utf8, len, (uint32_t)units, &error))
        return error;
    if (root && !len && del && y_quick_erase(root, pos, del, &error))
        return error;
    error = y_begin(doc, NULL, true);
    if (error)
        return error;
    if (doc->depth == 1)
        doc->txn->out = update;
    return y_end(doc, splice(doc, name, pos, del, utf8, len, units));
}

/* --- map -------------------------------------------------------------------------------------- */

int ydoc_map_string(const struct ydoc *doc, const char *name, const char *key, struct ybuf *out)
{
    const struct y_type *t = y_root_find(doc, name, strlen(name));
    uint32_t e = t ? y_entry_find(doc, t, y_name_find(doc, key, strlen(key))) : 0;
    y_handle h = e ? doc->seqs[e].last : 0;
    if (!h)
        return 0;
    const struct y_item *it = y_item(doc, h);
    if ((it->flags & Y_DEAD) || it->kind != Y_ANY)
        return 0;
    struct y_reader r = y_reader_of(y_content(doc, it), it->bytes);
    for (uint32_t i = 1; i < it->len; i++)
        y_any_skip(&r);
    if (y_read_u8(&r) != 119)
        return 0;
    size_t len;
    const char *s = y_read_string(&r, &len);
    int error = ybuf_append(out, s, len);
    return error ? error : 1;
}

int ydoc_map_set_string(struct ydoc *doc, const char *name, const char *key, const char *utf8,
                        size_t len, struct ybuf *update)
{
    struct ybuf any = {0};
    struct y_type *t;
    uint32_t id, seq;
    if (!y_utf8_valid(utf8, len) || !y_utf8_valid(name, strlen(name)) ||
        !y_utf8_valid(key, strlen(key)))
        return Y_ERR_MALFORMED;
    int error = ybuf_append(&any, "\x77", 1);
    if (!error)
        error = y_write_bytes(&any, utf8, len);
    if (!error)
        error = y_begin(doc, NULL, true);
    if (!error) {
        if (doc->depth == 1)
            doc->txn->out = update;
        error = y_root_of(doc, name, strlen(name), &t);
        if (!error)
            error = y_name_of(doc, key, strlen(key), &id);
        if (!error)
            error = y_entry_of(doc, t, id, &seq);
        if (!error) {
            struct y_spot at = {doc->seqs[seq].last, 0, 0, 0};
            error = y_insert_item(doc, seq, &at, Y_ANY, 1, any.data, any.len, NULL);
        }
        error = y_end(doc, error);
    }
    ybuf_release(&any);
    return error;
}
