/* Any bytes as a line of an export: it is refused with a reason, or what was read is written as a
 * line that reads the same. */
#include "store/record.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void put(struct buf *out, struct record *r)
{
    if (r->kind == RECORD_HEAD &&
        memchr(r->store.data ? r->store.data : (uint8_t *)"", '\0', r->store.len))
        r->store.len = 0; /* what it is of is a C string when it is written */
    if (r->kind == RECORD_HEAD)
        record_put_head(out, buf_str(&r->store));
    else if (r->kind == RECORD_CROWD)
        record_put_crowd(out, &r->op);
    else if (r->kind == RECORD_KEY)
        record_put_key(out, &r->op);
    else
        record_put_tail(out, r->count, r->keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record r, again;
    struct buf line = {0}, second = {0};
    char err[160] = "";
    if (record_read(&r, data, size, err, sizeof(err)) == RECORD_BAD) {
        must(*err);
        record_release(&r);
        return 0;
    }
    put(&line, &r);
    must(line.len && line.data[line.len - 1] == '\n' && !memchr(line.data, '\n', line.len - 1));
    must(record_read(&again, line.data, line.len - 1, err, sizeof(err)) == r.kind);
    put(&second, &again);
    must(line.len == second.len && memcmp(line.data, second.data, line.len) == 0);
    must(r.op.update_count == again.op.update_count && r.op.has_text == again.op.has_text &&
         r.op.text.len == again.op.text.len && r.op.snapshot.len == again.op.snapshot.len);
    must(r.op.link_count == again.op.link_count && r.op.expires_ms == again.op.expires_ms &&
         r.op.data.len == again.op.data.len && r.keys == again.keys);
    record_release(&r);
    record_release(&again);
    buf_release(&line);
    buf_release(&second);
    return 0;
}
