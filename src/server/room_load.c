/*
 * Opening a bytecrowd: one load for everybody who waits for it. What cannot be read refuses them;
 * it never becomes an empty document.
 *
 * A hash that the original wrote has a text and no CRDT state. It is made into a document here, by
 * the server alone: one insertion by a client id derived from the text, appended to the log only if
 * there is no log yet (STORE_SEED). So two nodes that open it at once make the same items, and only
 * one of two different texts can win; the other node loads again.
 */
#include "base/log.h"
#include "base/mem.h"
#include "server/server_int.h"

#include <string.h>

#define SEED_TRIES 3

/* Closes everybody who waits, and the room. */
void room_refuse(struct room *r, int code, const char *reason)
{
    list_each(n, &r->readers)
    {
        struct client *c = container_of(n, struct client, node);
        list_remove(&c->node);
        c->room = NULL;
        routes_reader_failed(c);
    }
    list_each(n, &r->members)
    {
        struct client *c = container_of(n, struct client, node);
        list_remove(&c->node);
        access_left(r->srv, c);
        c->room = NULL;
        ws_close(c->conn, code, reason);
    }
    r->member_count = 0;
    room_free(r);
}

static int apply_log(struct room *r, const struct store_op *op)
{
    int error = Y_OK;
    if (op->snapshot.len)
        error = ydoc_apply(r->doc, op->snapshot.data, op->snapshot.len, NULL);
    r->doc_bytes = op->snapshot.len;
    r->snapshot_bytes = op->snapshot.len;
    for (size_t i = 0; i < op->update_count && !error; i++) {
        error = ydoc_apply(r->doc, op->updates[i].data, op->updates[i].len, NULL);
        r->doc_bytes += op->updates[i].len;
        r->log_bytes += op->updates[i].len;
    }
    r->log_count = op->update_count;
    return error;
}

/* Other programs wrote the text: bytes that are no UTF-8 become U+FFFD, so that nobody's client
 * breaks. */
static void to_utf8(struct buf *text)
{
    if (y_utf8_valid(text->data, text->len))
        return;
    struct buf fixed = {0};
    for (size_t i = 0; i < text->len;) {
        size_t n = 4;
        if (n > text->len - i)
            n = text->len - i;
        while (n && !(y_utf8_valid(text->data + i, n) && (text->data[i] & 0xc0) != 0x80))
            n--;
        /* The longest valid run may be several characters; all of them are good. */
        if (n)
            buf_append(&fixed, text->data + i, n);
        else
            buf_puts(&fixed, "\xef\xbf\xbd");
        i += n ? n : 1;
    }
    buf_release(text);
    *text = fixed;
}

/* FNV-1a, folded to the 32 bits of a Yjs client id. */
static uint64_t seed_client(const struct buf *text, const struct buf *language)
{
    uint64_t h = room_fields_hash(text, language);
    uint64_t id = (h ^ (h >> 32)) & 0xffffffffu;
    return id ? id : 1;
}

static void seeded(struct store_op *op);

static int seed(struct room *r, struct store_op *op)
{
    struct ybuf text_update = {0}, language_update = {0};
    struct ydoc *doc = NULL;
    int error;
    to_utf8(&op->text);
    to_utf8(&op->language);
    struct ydoc_opts opts = {.client_id = seed_client(&op->text, &op->language)};
    error = (doc = ydoc_new(&opts)) ? Y_OK : Y_ERR_NOMEM;
    if (!error && op->text.len)
        error =
            ydoc_text_splice(doc, ROOT_TEXT, 0, 0, (const char *)op->text.data, op->text.len, NULL);
    if (!error && op->language.len)
        error = ydoc_map_set_string(doc, ROOT_MAP, KEY_LANGUAGE, (const char *)op->language.data,
                                    op->language.len, NULL);
    if (!error)
        error = ydoc_encode_update(doc, NULL, 0, &text_update);
    if (!error) {
        store_op_release(op);
        *op = (struct store_op){.kind = STORE_SEED, .id = r->name, .done = seeded, .udata = r};
        buf_append(&op->data, text_update.data, text_update.len);
        store_queue_submit(r->srv->queue, op);
    }
    ybuf_release(&text_update);
    ybuf_release(&language_update);
    ydoc_free(doc);
    return error;
}

static void failed(struct room *r, const struct store_op *op)
{
    bool corrupt = op->result == STORE_CORRUPT;
    log_error("load failed", LOG_STR("name", r->name), LOG_STR("error", op->error),
              LOG_STR("kind", corrupt ? "corrupt" : "unavailable"));
    store_op_release(&r->load);
    if (corrupt)
        room_refuse(r, WS_INTERNAL, "this bytecrowd cannot be read from storage");
    else
        room_refuse(r, WS_TRY_LATER, "storage cannot be reached");
}

static void unreadable(struct room *r, int error)
{
    log_error("load failed", LOG_STR("name", r->name), LOG_STR("error", y_strerror(error)),
              LOG_STR("kind", "corrupt"));
    store_op_release(&r->load);
    if (error == Y_ERR_NOMEM)
        room_refuse(r, WS_TRY_LATER, "out of memory");
    else
        room_refuse(r, WS_INTERNAL, "this bytecrowd cannot be read from storage");
}

/* The fields as they stand in the store; if they are not what the document says (a crash before
 * they were written), they are written again. */
static void compare_fields(struct room *r, const struct store_op *op)
{
    static const struct buf default_language = {(uint8_t *)DEFAULT_LANGUAGE,
                                                sizeof(DEFAULT_LANGUAGE) - 1, 0};
    r->fields_hash = 0;
    if (op->has_text)
        r->fields_hash =
            room_fields_hash(&op->text, op->has_language ? &op->language : &default_language);
    if (op->has_state)
        room_save_fields_later(r, true);
}

static void loaded(struct store_op *op)
{
    struct room *r = op->udata;
    int error = Y_OK;
    if (op->result < 0) {
        failed(r, op);
        return;
    }
    if (!op->has_state && (op->text.len || op->language.len)) {
        error = seed(r, op);
        if (error)
            unreadable(r, error);
        return;
    }
    /* What was accepted once, by several servers at the same time perhaps, is read whatever the limit says. */
    struct ydoc_opts opts = {.client_id = 1, .max_pending_bytes = SIZE_MAX};
    r->doc = ydoc_new(&opts);
    error = r->doc ? apply_log(r, op) : Y_ERR_NOMEM;
    if (error) {
        unreadable(r, error);
        return;
    }
    ydoc_set_max_pending(r->doc, r->srv->opts.max_pending);
    r->pos = op->pos;
    r->known_ms = net_now_us() / 1000;
    r->fresh = !op->has_state;
    policy_read(&r->policy, op);
    compare_fields(r, op);
    log_debug("room opened", LOG_STR("name", r->name), LOG_INT("updates", op->update_count));
    store_op_release(op);
    room_live(r);
}

static void seeded(struct store_op *op)
{
    struct room *r = op->udata;
    if (op->result < 0) {
        failed(r, op);
        return;
    }
    log_info("made a document of a stored text", LOG_STR("name", r->name),
             LOG_STR("by", op->result == STORE_EXISTS ? "another node" : "this node"));
    if (++r->seed_tries > SEED_TRIES) {
        op->result = STORE_UNAVAILABLE;
        strcpy(op->error, "the store keeps changing");
        failed(r, op);
        return;
    }
    store_op_release(op);
    room_load(r);
}

void room_load(struct room *r)
{
    r->load = (struct store_op){
        .kind = STORE_LOAD, .id = r->name, .touch = r->srv->expiry, .done = loaded, .udata = r};
    store_queue_submit(r->srv->queue, &r->load);
}
