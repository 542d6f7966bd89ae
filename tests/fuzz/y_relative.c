/* Any bytes as a relative position and as a snapshot: what is taken is found, and says the same through
 * JSON; nothing passes the end. */
#include "y/y.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool cond)
{
    if (!cond)
        abort();
}

static struct ydoc *doc_of(struct y_type **text)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.client_id = 1, .keep_deleted = true});
    struct y_type *list, *map;
    struct y_undo *u;
    require(ydoc_root(doc, "t", Y_REF_TEXT, text) == Y_OK);
    require(ydoc_root(doc, "l", Y_REF_ARRAY, &list) == Y_OK);
    u = y_undo_new(doc, text, 1, NULL);
    require(y_text_insert(*text, 0, "ab\xf0\x9f\x98\x80z", 7, NULL) == Y_OK);
    require(y_list_insert_type(list, 0, Y_REF_MAP, NULL, &map) == Y_OK);
    y_undo_stop(u);
    require(y_text_delete(*text, 1, 3) == Y_OK);
    require(y_undo(u) == 1);
    y_undo_free(u);
    return doc;
}

static void position(struct ydoc *doc, const uint8_t *data, size_t size)
{
    struct ybuf json = {0}, back = {0}, again = {0};
    struct y_type *t = NULL;
    uint64_t pos = 0;
    int assoc;
    int found = y_absolute_position(doc, data, size, &t, &pos, &assoc);
    if (found == 1)
        require(t && pos <= y_type_length(t));
    int error = y_relative_position_to_json(data, size, &json);
    require((error == Y_OK) == (found >= 0));
    /* the root without a name is none in Yjs's JSON */
    if (error == Y_OK && y_relative_position_from_json(json.data, json.len, &back) == Y_OK) {
        require(y_relative_position_to_json(back.data, back.len, &again) == Y_OK);
        require(again.len == json.len && !memcmp(again.data, json.data, json.len));
    }
    back.len = 0;
    y_relative_position_from_json(data, size, &back);
    ybuf_release(&json);
    ybuf_release(&back);
    ybuf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct y_type *text;
    struct ydoc *doc = doc_of(&text), *then = NULL;
    position(doc, data, size);
    require(!ydoc_check(doc));
    if (ydoc_at_snapshot(doc, data, size, NULL, &then) == Y_OK) {
        require(y_snapshot_check(data, size, Y_V1) == Y_OK && !ydoc_check(then));
        ydoc_free(then);
    }
    y_snapshot_check(data, size, Y_V2);
    if (size)
        y_snapshot_contains(data, data[0] % size, data + data[0] % size, size - data[0] % size);
    ydoc_free(doc);
    return 0;
}
