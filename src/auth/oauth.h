/*
 * What is said to a provider and what it answers: OAuth 2.0's authorization code with PKCE (RFC 6749, 7636, 9207),
 * OpenID Connect's discovery and userinfo, GitHub's REST API. Pure functions of bytes: who sends them is signin.c.
 *
 * Answers come from outside: whatever is missing, of another kind or too long is an error, and `why` says in words for
 * the log what (never a token).
 */
#ifndef AUTH_OAUTH_H
#define AUTH_OAUTH_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

/* Where to go: of a discovery document, or GitHub's, made of its base URL. */
struct oauth_endpoints {
    struct buf issuer, authorization, token, userinfo, jwks, emails; /* empty: there is none */
    bool basic; /* the secret by Basic, not in the body (token_endpoint_auth_methods_supported) */
    bool iss;   /* authorization_response_iss_parameter_supported */
};
void oauth_endpoints_release(struct oauth_endpoints *e);

/* "https://github.com" -> https://api.github.com/user, of "https://x.ghe.com" https://api.x.ghe.com/user; of an Enterprise
 * server its /api/v3/user. Slashes behind the base do not matter. There is no issuer. Fills *out, whatever was in it. */
void oauth_github(struct oauth_endpoints *out, const char *base);
/* The discovery document of `issuer`, whose own issuer must be the same to the byte. Endpoints must be https:, or
 * http: where the issuer is. Fills *out, whatever was in it; on failure it is all zero. Keys and endpoints for codes and
 * tokens must be there, code must be a response type, and Basic or the form a way for the secret (Basic if both are). */
bool oauth_read_discovery(struct oauth_endpoints *out, const char *issuer, const void *json,
                          size_t len, char *why, size_t why_len);

/* Appends the address to send the browser to. `nonce` NULL: none. */
void oauth_authorization_url(struct buf *out, const struct oauth_endpoints *e,
                             const char *client_id, const char *redirect_uri, const char *scope,
                             const char *state, const char *challenge, const char *nonce);
/* Appends the form that redeems a code. The secret is in it unless e->basic; then oauth_basic() is the header. */
void oauth_token_form(struct buf *out, const struct oauth_endpoints *e, const char *client_id,
                      const char *client_secret, const char *redirect_uri, const char *code,
                      const char *verifier);
/* Appends "Authorization: Basic ...", no line end. */
void oauth_basic(struct buf *out, const char *client_id, const char *client_secret);

struct oauth_tokens {
    struct buf access, id_token; /* id_token empty: none */
    json_t *all;                 /* the whole answer, for the account */
};
/* Of the token endpoint; GitHub answers errors with 200. Fills *out, whatever was in it; on failure it is all zero. The
 * access token has only characters that a header may have. */
bool oauth_read_tokens(struct oauth_tokens *out, int status, const void *json, size_t len,
                       char *why, size_t why_len);
void oauth_tokens_release(struct oauth_tokens *t);

/* Who it is there. What says who it is must be right; a name, an image or an email that cannot be one is not known. Texts
 * are UTF-8 without control characters, an image is an http: or https: URL. */
struct oauth_profile {
    struct buf id, name, email, image; /* empty: not known, but for id */
    bool verified;                     /* the provider says that the email is theirs */
};
void oauth_profile_release(struct oauth_profile *p);
/* GET /user; its email is what they show, verified or not: only /user/emails counts. Fills *out, whatever was in it; on
 * failure it is all zero. The name is the login of who has none. */
bool oauth_read_github_user(struct oauth_profile *out, const void *json, size_t len, char *why,
                            size_t why_len);
/* GET /user/emails: the primary one if it is verified; else, and on failure, p->email is emptied. Several are a
 * failure. */
bool oauth_read_github_emails(struct oauth_profile *p, const void *json, size_t len, char *why,
                              size_t why_len);
/* ID token's claims, or userinfo; false if `sub` is missing, or is another than p->id has already. What p has stays; an
 * email is verified if the same claims say so of the same address. */
bool oauth_read_claims(struct oauth_profile *p, const json_t *claims, char *why, size_t why_len);

#endif
