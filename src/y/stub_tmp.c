#include "y/y_int.h"
int y_format_insert(struct y_type *t, uint64_t pos, uint8_t kind, const void *data, size_t n,
                    uint32_t units, struct y_type *type, const struct y_slice *attributes)
{
    (void)t;
    (void)pos;
    (void)kind;
    (void)data;
    (void)n;
    (void)units;
    (void)type;
    (void)attributes;
    return Y_ERR_TYPE;
}
int y_format_delete(struct y_type *t, uint64_t pos, uint64_t len)
{
    (void)t;
    (void)pos;
    (void)len;
    return Y_ERR_TYPE;
}
int y_format_cleanup(struct ydoc *doc, const struct y_txn *t)
{
    (void)doc;
    (void)t;
    return Y_OK;
}
void y_event_release(struct y_event *e)
{
    (void)e;
}
