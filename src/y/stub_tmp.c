#include "y/y_int.h"
void y_event_release(struct y_event *e)
{
    y_delta_free(e->ops, e->op_count);
}
int y_event_delta(const struct y_event *e, const struct y_delta_op **ops, size_t *n)
{
    struct y_event *own = (struct y_event *)e;
    int error = own->has_ops ? Y_OK : y_text_event_delta(own);
    own->has_ops = !error;
    *ops = own->ops;
    *n = own->op_count;
    return error;
}
int y_xml_string(const struct y_type *t, struct ybuf *out)
{
    (void)t;
    (void)out;
    return Y_ERR_TYPE;
}
void y_undo_after(struct y_undo *u, struct y_txn *t)
{
    (void)u;
    (void)t;
}
struct y_type *y_event_target(const struct y_event *e)
{
    return e->target;
}
