#include "y/y_int.h"
void y_undo_after(struct y_undo *u, struct y_txn *t)
{
    (void)u;
    (void)t;
}
