/* Any bytes as the frames of two connections of a room: messages are read to the end or refused,
 * and awareness stays within its limits, is all or nothing, and is empty when both have gone. Nobody is
 * verified but the one who is, as themselves. */
#include "proto/awareness.h"
#include "proto/mark.h"
#include "proto/message.h"
#include "y/y.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct awareness_identity ada = {"Ada", "ada@x.example"};

static void check_marks(const struct awareness_owner *known, const struct buf *payload)
{
    struct y_reader r = y_reader_of(payload->data, payload->len);
    for (uint64_t n = y_read_varuint(&r); n; n--) {
        uint64_t client = y_read_varuint(&r);
        struct json_text email;
        size_t len;
        y_read_varuint(&r);
        const char *json = y_read_string(&r, &len);
        if (r.error || !y_json_valid(json, len))
            abort();
        if (mark_read(json, len, &email) &&
            (known->self != client + 1 || !json_text_is(email, ada.email, strlen(ada.email))))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct awareness_limits limits = {.clients = 6, .clients_per_owner = 3, .state_bytes = 64};
    struct awareness *a = awareness_new(&limits);
    struct awareness_owner owners[2] = {{0}, {.identity = &ada}};
    struct proto_message m;
    struct buf out = {0};
    const char *reason = NULL;
    uint64_t now = 1000;
    while (size) {
        const uint8_t *before = data;
        if (proto_next(&data, &size, &m, &reason) < 0) {
            if (!reason || !*reason)
                abort();
            break;
        }
        if (data <= before || m.len > (size_t)(data - before))
            abort();
        if (m.kind != PROTO_AWARENESS)
            continue;
        now += 100;
        bool changed = awareness_changed(a);
        if (awareness_apply(a, &owners[m.len & 1], m.data, m.len, now, NULL) && !changed &&
            awareness_changed(a))
            abort();
        if (owners[0].count > 3 || owners[1].count > 3)
            abort();
        buf_clear(&out);
        if ((awareness_take(a, &out) > 0) != (out.len > 0) || awareness_changed(a))
            abort();
        if (out.len)
            check_marks(&owners[1], &out);
    }
    awareness_drop(a, &owners[0], now);
    awareness_drop(a, &owners[1], now);
    if (owners[0].count || owners[1].count)
        abort();
    buf_release(&out);
    awareness_free(a);
    return 0;
}
