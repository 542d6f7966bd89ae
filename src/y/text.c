/* Text: reading and editing, as yjs YText.js does it. */
#include "y/y_int.h"

#include "y/any.h"

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

/* --- editing -------------------------------------------------------------------------------- */

/* The UTF-8 bytes of the last `units` units; 0 if that would cut a pair. */
static uint32_t tail_bytes(const uint8_t *s, uint32_t bytes, uint32_t units)
{
    uint32_t i = bytes;
    while (units && i) {
        do
            i--;
        while (i && (s[i] & 0xc0) == 0x80);
        uint32_t wide = s[i] >= 0xf0 ? 2 : 1;
        if (wide > units)
            return 0;
        units -= wide;
    }
    return bytes - i;
}

bool y_shrink(struct ydoc *doc, uint32_t client, struct y_at at, uint32_t n)
{
    struct y_client *c = &doc->clients[client];
    struct y_at next = at;
    struct y_item *it = y_item(doc, y_at_entry(c, at)->item);
    if (it->kind != Y_STRING || it->flags || it->len <= n || doc->opts.keep_deleted ||
        !y_at_next(c, &next) || y_at_entry(c, next)->item != it->right)
        return false;
    struct y_item *gone = y_item(doc, it->right);
    struct y_seq *s = &doc->seqs[it->seq];
    if (gone->kind != Y_DELETED || gone->flags != Y_DEAD || s->key ||
        !y_same_id(gone->origin, y_last_id(it)) || !y_same_id(gone->right_origin, it->right_origin))
        return false;
    uint32_t bytes = n;
    if (it->bytes != it->len && !(bytes = tail_bytes(y_content(doc, it), it->bytes, n)))
        return false;
    if (gone->crowd && !it->crowd)
        y_crowd_forget(doc);
    if (!it->room) {
        if ((size_t)it->off + it->bytes == doc->pool_len)
            doc->pool_len -= bytes;
        else
            doc->garbage += bytes;
    }
    it->bytes -= bytes;
    it->len -= n;
    gone->clock -= n;
    gone->len += n;
    gone->origin.clock -= n;
    y_at_entry(c, next)->clock = gone->clock;
    s->units -= n;
    s->bytes -= bytes;
    if (s->cursor != y_at_entry(c, at)->item)
        s->cursor = 0;
    if (s->index)
        y_index_add(doc, s, it, -(int64_t)n, -(int64_t)bytes);
    return true;
}

/* Backspace and its like: the end of one item, in a transaction that does nothing else, because it
 * could not be rolled back; and with nobody who would want to see what was deleted. */
static bool delete_tail(struct y_type *t, uint64_t pos, uint64_t del)
{
    struct ydoc *doc = t->doc;
    struct y_seq *s = &doc->seqs[t->list];
    uint32_t units, bytes;
    if (doc->depth > 1 || doc->observed || !pos || t->has_format || y_by_bytes(t))
        return false;
    y_handle h = y_locate(doc, s, pos, false, &units, &bytes);
    const struct y_item *it = y_item(doc, h);
    uint32_t client = it->client, clock = it->clock, n = (uint32_t)del;
    if ((uint64_t)units + it->len != pos + del || (it->flags & Y_DEAD))
        return false;
    struct y_change *ch = y_touch(doc, client);
    if (y_ranges_room(&ch->deleted) < 0)
        return false;
    if (!y_shrink(doc, client, y_find(&doc->clients[client], clock), n))
        return false;
    y_ranges_add(&ch->deleted, clock + it->len, n);
    doc->txn->touched = true;
    s->cursor = h;
    s->cursor_units = units;
    s->cursor_bytes = bytes;
    return true;
}

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

/* `alone`: nothing else comes in this transaction. */
static int delete_text(struct y_type *t, uint64_t pos, uint64_t len, bool alone)
{
    struct ydoc *doc = t->doc;
    struct y_seq *s = &doc->seqs[t->list];
    struct y_spot at, end;
    uint64_t units = len;
    if (alone && delete_tail(t, pos, len))
        return Y_OK;
    if (y_by_bytes(t)) { /* first the end: cutting changes nothing before it */
        int error = y_seek(doc, t->list, pos + len, &end);
        if (error)
            return error;
        units = end.units;
    }
    int error = y_seek(doc, t->list, pos, &at);
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
    if (pos > y_type_length(t) || units > Y_CLOCK_MAX)
        return Y_ERR_RANGE;
    int error = len ? y_begin(t->doc, NULL, true) : Y_OK;
    if (error || !len)
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
    int error = len ? y_begin(t->doc, NULL, true) : Y_OK;
    if (error || !len)
        return error;
    return y_end(t->doc,
                 t->has_format ? y_format_delete(t, pos, len) : delete_text(t, pos, len, true));
}

#define TAIL_UPDATE 192 /* what y_encode_room asks for when one range was deleted, and more */

static int splice(struct ydoc *doc, const char *name, uint64_t pos, uint64_t del, const char *utf8,
                  size_t len, uint64_t units)
{
    struct y_type *t;
    int error = y_root_of(doc, name, strlen(name), &t);
    if (!error && t->ref != Y_REF_NONE && !is_text(t))
        error = Y_ERR_TYPE;
    if (del && !error)
        error = t->has_format ? y_format_delete(t, pos, del) : delete_text(t, pos, del, !len);
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
    int error = y_begin(doc, NULL, true);
    if (error)
        return error;
    if (doc->depth == 1)
        doc->txn->out = update;
    /* What deletes in place cannot be taken back: nothing may fail behind it. */
    if (update && doc->depth == 1 && del && !len && !(error = y_clients_sorted(doc)))
        error = y_buf_reserve(update, TAIL_UPDATE);
    return y_end(doc, error ? error : splice(doc, name, pos, del, utf8, len, units));
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
