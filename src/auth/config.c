#include "auth/config.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define GITHUB_URL "https://github.com"

/* In addresses and in Auth.js' keys, where one name is taken. */
static bool id_ok(const char *id)
{
    size_t n = strlen(id);
    return n >= 1 && n <= 32 && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n &&
           strcmp(id, "by-user-id") != 0;
}

static bool url_ok(const char *url)
{
    const char *host = strncmp(url, "https://", 8) == 0  ? url + 8
                       : strncmp(url, "http://", 7) == 0 ? url + 7
                                                         : NULL;
    if (!host || !*host || *host == '/' || strlen(url) > 1000)
        return false;
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("\"<>\\^`{|}?#", *p))
            return false;
    return true;
}

const char *auth_provider_wrong(const struct auth_provider_opts *of, size_t at)
{
    const struct auth_provider_opts *o = &of[at];
    if (!o->id || !id_ok(o->id))
        return "\"id\" has to be 1 to 32 of a-z 0-9 - _";
    for (size_t i = 0; i < at; i++)
        if (strcmp(of[i].id, o->id) == 0)
            return "two providers have the same \"id\"";
    if (!o->name || !*o->name || !utf8_valid(o->name, strlen(o->name)))
        return "\"name\" is empty, or no UTF-8";
    if (!o->issuer || !url_ok(o->issuer))
        return "the issuer, or the URL of GitHub, has to be https://...";
    if (!o->client_id || !*o->client_id || !o->client_secret || !*o->client_secret)
        return "a client id and a client secret are needed";
    return NULL;
}

const char *auth_providers_add(struct auth_providers *p, const struct auth_provider_opts *one)
{
    if (p->count == AUTH_PROVIDERS_MAX)
        return "too many providers";
    struct auth_provider_opts *o = &p->of[p->count];
    *o = *one;
    if (!o->issuer && o->kind == AUTH_GITHUB)
        o->issuer = GITHUB_URL;
    if (!o->name || !*o->name)
        o->name = o->kind == AUTH_GITHUB ? "GitHub" : o->id;
    const char *wrong = auth_provider_wrong(p->of, p->count);
    p->count += !wrong;
    return wrong;
}

static const char *read_one(struct auth_providers *p, json_t *j)
{
    struct auth_provider_opts o = {0};
    const char *type = NULL, *issuer = NULL, *url = NULL;
    int trust = 0;
    json_error_t error;
    if (json_unpack_ex(j, &error, JSON_STRICT, "{s:s, s:s, s?s, s?s, s?s, s:s, s:s, s?s, s?b}",
                       "id", &o.id, "type", &type, "name", &o.name, "issuer", &issuer, "url", &url,
                       "clientId", &o.client_id, "clientSecret", &o.client_secret, "scope",
                       &o.scope, "trustEmail", &trust) != 0)
        return "a provider has \"id\", \"type\", \"clientId\", \"clientSecret\", and perhaps "
               "\"name\", \"issuer\", \"url\", \"scope\", \"trustEmail\"";
    o.trust_email = trust;
    if (strcmp(type, "github") == 0 && !issuer)
        o.kind = AUTH_GITHUB, o.issuer = url;
    else if (strcmp(type, "oidc") == 0 && issuer && !url)
        o.kind = AUTH_OIDC, o.issuer = issuer;
    else
        return "\"type\" is \"github\", perhaps with a \"url\", or \"oidc\" with an \"issuer\"";
    return auth_providers_add(p, &o);
}

bool auth_providers_read(struct auth_providers *p, const char *path, char *err, size_t err_len)
{
    json_error_t error;
    size_t i;
    json_t *one;
    p->file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!p->file) {
        /* The text of jansson's error may quote the file. */
        if (error.line > 0)
            snprintf(err, err_len, "%s: line %d is no JSON", path, error.line);
        else
            snprintf(err, err_len, "%s cannot be read", path);
        return false;
    }
    if (!json_is_array(p->file)) {
        snprintf(err, err_len, "%s: not a JSON array", path);
        return false;
    }
    json_array_foreach(p->file, i, one)
    {
        const char *wrong = read_one(p, one);
        if (wrong) {
            snprintf(err, err_len, "%s: provider %zu: %s", path, i + 1, wrong);
            return false;
        }
    }
    return true;
}

void auth_providers_release(struct auth_providers *p)
{
    json_decref(p->file);
    *p = (struct auth_providers){0};
}
