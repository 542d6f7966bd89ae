/*
 * A file with the providers of sign-in, where one or two options are not enough: a JSON array.
 *
 *     [{"id": "github", "type": "github", "clientId": "...", "clientSecret": "..."},
 *      {"id": "work", "type": "oidc", "name": "Work", "issuer": "https://id.example.com", "clientId": "...",
 *       "clientSecret": "..."}]
 *
 * Optional: "name", "url" (of GitHub Enterprise), "scope", "trustEmail". Whatever else is there is an error.
 */
#ifndef AUTH_CONFIG_H
#define AUTH_CONFIG_H

#include "auth/auth.h"

#include <jansson.h>

/* The strings of `of` belong to `file`. */
struct auth_providers {
    struct auth_provider_opts of[AUTH_PROVIDERS_MAX];
    size_t count;
    json_t *file;
};

/* What is wrong with of[at], also beside those before it; or NULL. */
const char *auth_provider_wrong(const struct auth_provider_opts *of, size_t at);
/* Adds those of a file. False with a reason in err, which has none of its secrets. */
bool auth_providers_read(struct auth_providers *p, const char *path, char *err, size_t err_len);
/* Adds one, checked; the strings are borrowed. NULL, or what is wrong. */
const char *auth_providers_add(struct auth_providers *p, const struct auth_provider_opts *one);
void auth_providers_release(struct auth_providers *p);

#endif
