/*
 * An edit that the server makes for somebody who speaks no Yjs (POST /api/update): it is worked out on a copy, whose
 * client id nobody ever had, and then taken like any other client's update. Only what differs is replaced, so that what
 * others are typing meanwhile stays, and so do their cursors.
 */
#include "base/random.h"
#include "server/server_int.h"

#include <string.h>

static bool is_continuation(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* Equal bytes at the front and at the back of both, whole characters. */
static void common(const struct ybuf *a, const struct buf *b, size_t *front, size_t *back)
{
    size_t most = a->len < b->len ? a->len : b->len, n = 0, m = 0;
    while (n < most && a->data[n] == b->data[n])
        n++;
    while (n && ((n < a->len && is_continuation(a->data[n])) ||
                 (n < b->len && is_continuation(b->data[n]))))
        n--;
    while (m < most - n && a->data[a->len - 1 - m] == b->data[b->len - 1 - m])
        m++;
    while (m && is_continuation(a->data[a->len - m]))
        m--;
    *front = n;
    *back = m;
}

static int set_text(struct ydoc *doc, const struct buf *text)
{
    struct ybuf now = {0};
    size_t front, back;
    int error = ydoc_text(doc, ROOT_TEXT, &now);
    if (!error) {
        common(&now, text, &front, &back);
        if (front + back < now.len || front + back < text->len)
            error =
                ydoc_text_splice(doc, ROOT_TEXT, front, now.len - front - back,
                                 (const char *)text->data + front, text->len - front - back, NULL);
    }
    ybuf_release(&now);
    return error;
}

static int set_language(struct ydoc *doc, const struct buf *language)
{
    struct ybuf now = {0};
    int has = ydoc_map_string(doc, ROOT_MAP, KEY_LANGUAGE, &now), error = has < 0 ? has : Y_OK;
    bool same =
        has == 1 && now.len == language->len && memcmp(now.data, language->data, now.len) == 0;
    if (!error && !same)
        error = ydoc_map_set_string(doc, ROOT_MAP, KEY_LANGUAGE, (const char *)language->data,
                                    language->len, NULL);
    ybuf_release(&now);
    return error;
}

/* The update that does it; Y_OK, or an error. */
static int work_out(struct room *r, const struct buf *text, const struct buf *language,
                    struct ybuf *out)
{
    struct ydoc_opts opts = {.client_id = random_u64() & 0xffffffffu,
                             .utf8_offsets = true,
                             .max_pending_bytes = SIZE_MAX};
    struct ydoc *doc = ydoc_new(&opts);
    struct ybuf all = {0}, sv = {0};
    int error = doc ? ydoc_encode_update(r->doc, NULL, 0, &all) : Y_ERR_NOMEM;
    if (!error)
        error = ydoc_apply(doc, all.data, all.len, NULL);
    if (!error)
        error = ydoc_encode_state_vector(doc, &sv);
    if (!error && text)
        error = set_text(doc, text);
    if (!error && language)
        error = set_language(doc, language);
    if (!error)
        error = ydoc_encode_update(doc, sv.data, sv.len, out);
    ybuf_release(&all);
    ybuf_release(&sv);
    ydoc_free(doc);
    return error;
}

static int status_of(int code)
{
    return code == WS_TOO_BIG || code == WS_FULL ? 413
           : code == WS_TRY_LATER                ? 429
           : code                                ? 400
                                                 : 0;
}

int room_edit(struct client *c, const struct buf *text, const struct buf *language,
              const char **why)
{
    struct ybuf update = {0};
    int error = work_out(c->room, text, language, &update), status;
    c->receipts = true;
    if (error) {
        *why = y_strerror(error);
        status = error == Y_ERR_NOMEM ? 503 : 400;
    } else {
        status = status_of(room_update(c, update.data, update.len, why));
    }
    ybuf_release(&update);
    return status;
}
