#include "app/sign_in.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool given(const char *s)
{
    return s && *s;
}

/* "https://code.example.com:8443/" -> without the slash. No path: cookies and callbacks are of the whole host. */
static bool read_origin(struct sign_in *s)
{
    size_t n = s->public_url ? strlen(s->public_url) : 0;
    while (n && s->public_url[n - 1] == '/')
        n--;
    if (n >= sizeof(s->origin))
        return false;
    memcpy(s->origin, n ? s->public_url : "", n);
    s->origin[n] = '\0';
    if (!n)
        return !given(s->public_url);
    const char *host = strncmp(s->origin, "https://", 8) == 0  ? s->origin + 8
                       : strncmp(s->origin, "http://", 7) == 0 ? s->origin + 7
                                                               : "";
    return *host && strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.:[]") == strlen(host);
}

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

static const char *add_github(struct sign_in *s)
{
    if (!given(s->github_id) && !given(s->github_secret))
        return given(s->github_url) ? "--github-url needs --github-id and --github-secret" : NULL;
    if (!given(s->github_id) || !given(s->github_secret))
        return "--github-id and --github-secret go together";
    struct auth_provider_opts o = {.kind = AUTH_GITHUB,
                                   .id = "github",
                                   .issuer = given(s->github_url) ? s->github_url : NULL,
                                   .client_id = s->github_id,
                                   .client_secret = s->github_secret};
    return auth_providers_add(&s->providers, &o);
}

static const char *add_oidc(struct sign_in *s)
{
    if (!given(s->oidc_issuer) && !given(s->oidc_id) && !given(s->oidc_secret))
        return given(s->oidc_name) ? "--oidc-name needs --oidc-issuer" : NULL;
    if (!given(s->oidc_issuer) || !given(s->oidc_id) || !given(s->oidc_secret))
        return "--oidc-issuer, --oidc-id and --oidc-secret go together";
    struct auth_provider_opts o = {.kind = AUTH_OIDC,
                                   .id = "oidc",
                                   .name = given(s->oidc_name) ? s->oidc_name : "OpenID",
                                   .issuer = s->oidc_issuer,
                                   .client_id = s->oidc_id,
                                   .client_secret = s->oidc_secret};
    return auth_providers_add(&s->providers, &o);
}

bool sign_in_setup(struct sign_in *s, const char *host, struct auth_opts *out, char *err,
                   size_t err_len)
{
    const char *wrong = NULL;
    if (!read_origin(s))
        wrong = "--public-url: https://host or http://host, in lower case, without a path";
    if (!wrong)
        wrong = add_github(s);
    if (!wrong)
        wrong = add_oidc(s);
    if (!wrong && given(s->file) && !auth_providers_read(&s->providers, s->file, err, err_len))
        return false;
    if (!wrong && s->providers.count && !*s->origin && !is_loopback(host))
        wrong = "sign-in needs --public-url, the address at which people open this server";
    if (wrong) {
        snprintf(err, err_len, "%s", wrong);
        return false;
    }
    out->providers = s->providers.of;
    out->provider_count = s->providers.count;
    out->public_url = s->origin;
    return true;
}
