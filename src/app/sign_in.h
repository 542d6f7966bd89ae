/* The options of sign-in, put together and checked. */
#ifndef APP_SIGN_IN_H
#define APP_SIGN_IN_H

#include "auth/config.h"

#include <stdbool.h>

/* NULL or "": not given. */
struct sign_in {
    const char *public_url;
    const char *github_id, *github_secret, *github_url;
    const char *oidc_issuer, *oidc_id, *oidc_secret, *oidc_name;
    const char *file; /* --providers */
    struct auth_providers providers;
    char origin[300]; /* public_url, without a slash behind it */
};

/* Fills in what the server needs, which borrows from `s`. `host` is what it listens on. False with a reason. */
bool sign_in_setup(struct sign_in *s, const char *host, struct auth_opts *out, char *err,
                   size_t err_len);

#endif
