/* Any bytes as what a provider answers: what is taken is of the kind that it should be, and written anew it is taken again
 * and means the same; what is refused leaves nothing behind, and a reason without a line break. */
#include "auth/oauth.h"

#include <stdlib.h>
#include <string.h>

#define ISSUER "https://i"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

/* No control characters, no NUL. */
static bool is_text(struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] < ' ' || b->data[i] == 0x7f)
            return false;
    return strlen(buf_str(b)) == b->len;
}

static bool is_visible(struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] <= ' ' || b->data[i] >= 0x7f)
            return false;
    return true;
}

static bool is_https(struct buf *b)
{
    return is_visible(b) && !strncmp(buf_str(b), "https://", 8) && b->len > 8;
}

static void set(json_t *object, const char *name, struct buf *value)
{
    if (value->len)
        json_object_set_new(object, name, json_stringn(buf_str(value), value->len));
}

static void check_why(const char *why)
{
    must(*why && strlen(why) < 399);
    for (; *why; why++)
        must(*why >= ' ' && *why < 0x7f);
}

static void discovery(const uint8_t *data, size_t size)
{
    struct oauth_endpoints e, f;
    char why[400] = "";
    if (!oauth_read_discovery(&e, ISSUER, data, size, why, sizeof(why))) {
        check_why(why);
        must(!e.issuer.data && !e.authorization.data && !e.token.data && !e.jwks.data);
        return;
    }
    must(!strcmp(buf_str(&e.issuer), ISSUER) && is_https(&e.authorization) && is_https(&e.token));
    must(is_https(&e.jwks) && (!e.userinfo.len || is_https(&e.userinfo)) && !e.emails.len);
    json_t *doc =
        json_pack("{ss s[s] sb}", "issuer", ISSUER, "token_endpoint_auth_methods_supported",
                  e.basic ? "client_secret_basic" : "client_secret_post",
                  "authorization_response_iss_parameter_supported", e.iss);
    set(doc, "authorization_endpoint", &e.authorization);
    set(doc, "token_endpoint", &e.token);
    set(doc, "jwks_uri", &e.jwks);
    set(doc, "userinfo_endpoint", &e.userinfo);
    char *text = json_dumps(doc, 0);
    must(oauth_read_discovery(&f, ISSUER, text, strlen(text), why, sizeof(why)));
    must(same(&e.authorization, &f.authorization) && same(&e.token, &f.token) &&
         same(&e.jwks, &f.jwks) && same(&e.userinfo, &f.userinfo) && e.basic == f.basic &&
         e.iss == f.iss);
    free(text);
    json_decref(doc);
    oauth_endpoints_release(&e);
    oauth_endpoints_release(&f);
}

static void tokens(const uint8_t *data, size_t size)
{
    struct oauth_tokens t, u;
    char why[400] = "";
    if (!oauth_read_tokens(&t, 200, data, size, why, sizeof(why))) {
        must(!t.access.data && !t.id_token.data && !t.all && !strstr(why, "SECRET"));
        check_why(why);
        return;
    }
    must(t.access.len && is_visible(&t.access) && is_visible(&t.id_token));
    char *text = json_dumps(t.all, 0);
    must(oauth_read_tokens(&u, 200, text, strlen(text), why, sizeof(why)));
    must(same(&t.access, &u.access) && same(&t.id_token, &u.id_token));
    must(!oauth_read_tokens(&(struct oauth_tokens){0}, 400, text, strlen(text), why, sizeof(why)));
    check_why(why);
    free(text);
    oauth_tokens_release(&t);
    oauth_tokens_release(&u);
}

static void check_profile(struct oauth_profile *p)
{
    const char *image = buf_str(&p->image);
    must(is_visible(&p->id) && p->id.len <= 200 && is_text(&p->name) && is_text(&p->email));
    must(!*image || !strncmp(image, "http://", 7) || !strncmp(image, "https://", 8));
    must(is_visible(&p->image));
    must(!p->email.len || (strchr(buf_str(&p->email), '@') && p->email.len <= 320));
    must(!p->verified || p->email.len);
}

static void github(const uint8_t *data, size_t size)
{
    struct oauth_profile p;
    char why[400] = "";
    if (oauth_read_github_user(&p, data, size, why, sizeof(why))) {
        must(p.id.len && !p.email.len && !p.verified);
        check_profile(&p);
    } else {
        must(!p.id.data && !p.name.data && !p.image.data);
        check_why(why);
    }
    buf_puts(&p.email, "before@x");
    bool ok = oauth_read_github_emails(&p, data, size, why, sizeof(why));
    must(p.verified == (p.email.len != 0) && (ok || !p.email.len));
    check_profile(&p);
    oauth_profile_release(&p);
}

/* Two sets of claims, one behind the other. */
static void claims(const uint8_t *data, size_t size)
{
    struct oauth_profile p = {0};
    struct buf id = {0}, email = {0};
    char why[400] = "";
    json_error_t where;
    size_t at = 0;
    for (int i = 0; i < 2 && at < size; i++, at += (size_t)where.position) {
        json_t *j = json_loadb((const char *)data + at, size - at, JSON_DISABLE_EOF_CHECK, &where);
        if (!j)
            break;
        bool ok = oauth_read_claims(&p, j, why, sizeof(why));
        json_decref(j);
        must(!ok || p.id.len);
        if (!ok)
            check_why(why);
        must(!i || ((!id.len || same(&id, &p.id)) && (!email.len || same(&email, &p.email))));
        check_profile(&p);
        buf_append(&id, p.id.data, p.id.len);
        buf_append(&email, p.email.data, p.email.len);
    }
    oauth_profile_release(&p);
    buf_release(&id);
    buf_release(&email);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(const uint8_t *, size_t) = {discovery, tokens, github, claims};
    if (size)
        kinds[data[0] % 4](data + 1, size - 1);
    return 0;
}
