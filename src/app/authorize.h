/*
 * bytecrowds authorize: who may enter a bytecrowd, read and set by an operator. What is asked for is on standard output,
 * one address or link a line; everything else is said on standard error.
 */
#ifndef APP_AUTHORIZE_H
#define APP_AUTHORIZE_H

#include "store/store.h"

/* One of emails, everybody, links and revoke, or none: then it is told who may enter. */
struct authorize_opts {
    const char *id;
    char **emails;
    size_t email_count;
    bool everybody, links;
    const char *revoke; /* the hash of a link, or "all" */
};

/* Whether they make sense, and together; false with a reason. */
bool authorize_check(const struct authorize_opts *opts, char *err, size_t err_len);
/* Exit codes are those of a transfer. */
int authorize(const char *url, const struct store_opts *store, const struct authorize_opts *opts);

#endif
