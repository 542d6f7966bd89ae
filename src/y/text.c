/* Text: reading and editing, as yjs YText.js does it. */
#include "y/y_int.h"

#include "y/any.h"

#define WALK 32 /* items to walk from the cursor before the index is asked */

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
    return s ? s->units : 0;
}

/* --- places -------------------------------------------------------------------------------------
 */

/* Between two items, `units` from the beginning. */
struct spot {
    y_handle left, right;
    uint32_t units, bytes;
};

/* The item that has unit `pos`, or the last one if pos is the end; *before: units before it. */
static int locate(struct ydoc *doc, struct y_seq *s, uint32_t pos, struct spot *at)
{
    y_handle h = s->first;
    uint32_t units = 0, bytes = 0;
    if (s->cursor && s->cursor_units < pos) {
        h = s->cursor;
        units = s->cursor_units;
        bytes = s->cursor_bytes;
    }
    for (int walked = 0; h; walked++) {
        const struct y_item *it = y_item(doc, h);
        uint32_t u = y_units(it);
        if (units + u >= pos && u)
            break;
        if (!it->right)
            break;
        if (walked == WALK) {
            if (!s->index && y_index_build(doc, s) < 0)
                walked = -1; /* no memory for it: walk */
            else
                h = y_index_find(doc, s, pos ? pos - 1 : 0, false, &units, &bytes);
            if (s->index)
                break;
            continue;
        }
        units += u;
        bytes += y_visible_bytes(it);
        h = it->right;
    }
    *at = (struct spot){h ? y_item(doc, h)->left : 0, h, units, bytes};
    return Y_OK;
}

/* The spot at unit `pos`, cutting the item that it is in: right behind the unit before it. */
static int seek(struct ydoc *doc, struct y_seq *s, uint32_t pos, struct spot *at)
{
    if (!pos) {
        *at = (struct spot){0, s->first, 0, 0};
        return Y_OK;
    }
    int error = locate(doc, s, pos, at);
    if (error)
        return error;
    struct y_item *it = y_item(doc, at->right);
    uint32_t in = pos - at->units;
    if (in < it->len) {
        if (y_items_reserve(doc, 1) < 0 || !y_split(doc, at->right, in))
            return Y_ERR_NOMEM;
        it = y_item(doc, at->right);
    }
    s->cursor = at->right;
    s->cursor_units = at->units;
    s->cursor_bytes = at->bytes;
    at->left = at->right;
    at->right = it->right;
    at->units = pos;
    at->bytes += y_visible_bytes(it);
    return Y_OK;
}

/* --- editing ------------------------------------------------------------------------------------
 */

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
    doc->touched = true;
    return true;
}

/* Appends to the item on the left if that is what the transaction's end would come to. */
static bool extend(struct ydoc *doc, struct y_seq *s, uint32_t client, const struct spot *at,
                   const char *utf8, size_t len, uint32_t units, int *error)
{
    struct y_client *c = &doc->clients[client];
    struct y_item *left = at->left ? y_item(doc, at->left) : NULL;
    if (!left || left->client != client || y_end_of(left) != c->state || left->kind != Y_STRING ||
        left->flags || left->right != at->right)
        return false;
    if (at->right ? left->right_origin.client != y_item(doc, at->right)->client ||
                        left->right_origin.clock != y_item(doc, at->right)->clock
                  : left->right_origin.client != Y_NOBODY)
        return false;
    *error = y_append_content(doc, left, utf8, len);
    if (*error)
        return true;
    y_touch(doc, client);
    left->len += units;
    c->state += units;
    s->units += units;
    s->bytes += (uint32_t)len;
    if (s->index)
        y_index_add(doc, s, left, units, (int64_t)len);
    doc->touched = true;
    return true;
}

/* A new item of ours at a spot; its content is set by the caller before y_link(). */
static int local_item(struct ydoc *doc, uint32_t client, uint32_t seq, const struct spot *at,
                      uint8_t kind, y_handle *result)
{
    struct y_client *c = &doc->clients[client];
    if (y_items_reserve(doc, 1) < 0 || y_append_room(doc, c) < 0)
        return Y_ERR_NOMEM;
    y_handle h = y_item_new(doc);
    struct y_item *it = y_item(doc, h);
    it->client = client;
    it->clock = c->state;
    it->len = 1;
    it->kind = kind;
    it->seq = seq;
    it->left = at->left;
    if (at->left)
        it->origin = y_last_id(y_item(doc, at->left));
    if (at->right) {
        const struct y_item *right = y_item(doc, at->right);
        it->right_origin = (struct y_id){right->client, right->clock};
    }
    *result = h;
    return Y_OK;
}

static int insert(struct ydoc *doc, uint32_t seq, uint32_t client, struct spot *at,
                  const char *utf8, size_t len, uint32_t units)
{
    struct y_seq *s = &doc->seqs[seq];
    int error = Y_OK;
    while (at->right && (y_item(doc, at->right)->flags & Y_DEAD)) {
        at->left = at->right;
        at->right = y_item(doc, at->right)->right;
    }
    if (extend(doc, s, client, at, utf8, len, units, &error))
        return error;
    y_handle h;
    error = local_item(doc, client, seq, at, Y_STRING, &h);
    if (error)
        return error;
    struct y_item *it = y_item(doc, h);
    it->len = units;
    error = y_set_content(doc, it, utf8, len);
    if (error) {
        y_item_free(doc, h);
        return error;
    }
    error = y_link(doc, h, NULL);
    s->cursor = h;
    s->cursor_units = at->units;
    s->cursor_bytes = at->bytes;
    return error;
}

/* Deletes `del` units from a spot on. */
static int delete (struct ydoc *doc, y_handle h, uint32_t del)
{
    int error = Y_OK;
    while (h && del && !error) {
        struct y_item *it = y_item(doc, h);
        uint32_t u = y_units(it);
        if (u) {
            if (del < u) {
                if (y_items_reserve(doc, 1) < 0 || !y_split(doc, h, del))
                    return Y_ERR_NOMEM;
                it = y_item(doc, h);
                u = del;
            }
            del -= u;
            error = y_delete(doc, h);
        }
        h = it->right;
    }
    return error;
}

/* Backspace and its like: the end of one item. */
static bool delete_tail(struct ydoc *doc, struct y_seq *s, uint32_t pos, uint32_t del)
{
    struct spot at;
    if (!pos || locate(doc, s, pos, &at) < 0)
        return false;
    const struct y_item *it = y_item(doc, at.right);
    uint32_t client = it->client, clock = it->clock;
    if (at.units + it->len != pos + del || (it->flags & Y_DEAD))
        return false;
    struct y_client *c = &doc->clients[client];
    if (!y_shrink(doc, client, y_find(c, clock), del))
        return false;
    y_touch(doc, client);
    y_ranges_add(&c->deleted, clock + it->len, del);
    s->cursor = at.right;
    s->cursor_units = at.units;
    s->cursor_bytes = at.bytes;
    return true;
}

int ydoc_text_splice(struct ydoc *doc, const char *name, uint64_t pos, uint64_t del,
                     const char *utf8, size_t len, struct ybuf *update)
{
    struct y_type *t;
    uint32_t client;
    uint64_t units = 0;
    if (!y_utf8_scan((const uint8_t *)utf8, len, &units))
        return Y_ERR_MALFORMED;
    int error = y_root_of(doc, name, strlen(name), &t);
    if (!error)
        error = y_client_of(doc, doc->opts.client_id, &client);
    if (error)
        return error;
    struct y_seq *s = &doc->seqs[t->list];
    if (pos > s->units || del > s->units - pos || doc->clients[client].state + units > Y_CLOCK_MAX)
        return Y_ERR_RANGE;
    y_begin(doc);
    if (!len && del && delete_tail(doc, s, (uint32_t)pos, (uint32_t)del)) {
        y_pool_compact(doc);
    } else {
        struct spot at;
        error = seek(doc, s, (uint32_t)pos, &at);
        if (!error && len)
            error = insert(doc, t->list, client, &at, utf8, len, (uint32_t)units);
        if (!error && del) {
            error = delete (doc, at.right, (uint32_t)del);
            /* the end of the transaction may merge it away, and then forgets the cursor */
            const struct y_item *left = at.left ? y_item(doc, at.left) : NULL;
            s->cursor = at.left;
            s->cursor_units = at.units - (left ? y_units(left) : 0);
            s->cursor_bytes = at.bytes - (left ? y_visible_bytes(left) : 0);
        }
        doc->error = error;
        y_end(doc);
    }
    if (!error && update)
        error = y_encode_transaction(doc, Y_V1, update);
    return error;
}

/* --- map ----------------------------------------------------------------------------------------
 */

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
    uint32_t client, id, seq;
    y_handle h;
    if (!y_utf8_valid(utf8, len))
        return Y_ERR_MALFORMED;
    int error = ybuf_append(&any, "\x77", 1);
    if (!error)
        error = y_write_bytes(&any, utf8, len);
    if (!error)
        error = y_root_of(doc, name, strlen(name), &t);
    if (!error)
        error = y_client_of(doc, doc->opts.client_id, &client);
    if (!error)
        error = y_name_of(doc, key, strlen(key), &id);
    if (!error)
        error = y_entry_of(doc, t, id, &seq);
    if (error)
        goto done;
    y_begin(doc);
    struct spot at = {doc->seqs[seq].last, 0, 0, 0};
    error = local_item(doc, client, seq, &at, Y_ANY, &h);
    if (!error) {
        error = y_set_content(doc, y_item(doc, h), any.data, any.len);
        if (error)
            y_item_free(doc, h);
        else
            error = y_link(doc, h, NULL);
    }
    doc->error = error;
    y_end(doc);
    if (!error && update)
        error = y_encode_transaction(doc, Y_V1, update);
done:
    ybuf_release(&any);
    return error;
}
