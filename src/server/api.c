/*
 * What programs, and the page, ask for and change by HTTP: /api/access, update, authorize, links (docs/protocol.md).
 * /api/auth/ is auth.h's.
 *
 * The texts and codes of update and authorize are those of the original.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/percent.h"
#include "server/link_about.h"
#include "server/server_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((size_t)64 * 1024)
/* The original's own limit. */
#define UPDATE_BODY_MAX ((size_t)1024 * 1024)
#define LANGUAGE_MAX 64
#define LABEL_MAX 100
#define LINK_TOKEN_BYTES 32
#define JSON_HEADERS                                                                               \
    COMMON_HEADERS "Content-Type: application/json\r\nCache-Control: no-store\r\n"                 \
                   "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"

static const char need[] = "you need to be authorized to execute this operation";
static const char away[] = "storage cannot be reached, try again later";

size_t api_max_body(const struct http_request *req)
{
    return http_str_is(req->path, "/api/update") ? UPDATE_BODY_MAX : BODY_MAX;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void text(struct conn *c, int status, const char *message)
{
    http_reply(c, status,
               status == 503 ? TEXT_HEADERS "Cache-Control: no-store\r\nRetry-After: 5\r\n"
                             : TEXT_HEADERS "Cache-Control: no-store\r\n",
               message, strlen(message), false);
}

/* Answers, and it is over. */
static void finish(struct visit *v, int status, const char *message)
{
    if (v->client)
        text(v->client->conn, status, message);
    visit_end(v);
}

static void finish_json(struct visit *v, json_t *j)
{
    char *s = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    if (v->client && s)
        http_reply(v->client->conn, 200, JSON_HEADERS, s, strlen(s), false);
    free(s);
    visit_end(v);
}

/* True if it may not go on, and was answered. */
static bool refused(struct visit *v, enum visit_result result)
{
    if (result == VISIT_UNAVAILABLE)
        finish(v, 503, away);
    else if (result == VISIT_DENIED)
        finish(v, 401, need);
    return result != VISIT_OK;
}

/* A store operation of a request: true if it has failed, and was answered. */
static bool failed(struct visit *v)
{
    if (v->op.result >= 0)
        return false;
    log_warn("request failed", LOG_STR("name", v->name), LOG_STR("error", v->op.error));
    finish(v, 503, away);
    return true;
}

/* True if there were too many, and it was answered. */
static bool too_often(struct visit *v, enum limit limit)
{
    uint32_t wait = guard_take(v->srv, limit, v->client);
    if (!wait)
        return false;
    guard_refuse(v->client->conn, wait);
    visit_end(v);
    return true;
}

/* --- GET /api/access -------------------------------------------------------------------------- */

static json_t *person_json(const struct auth_person *p)
{
    if (!p)
        return json_null();
    return json_pack("{s:s*, s:s*, s:s?}", "name", *p->name ? p->name : NULL, "email",
                     *p->email ? p->email : NULL, "image", *p->image ? p->image : NULL);
}

static void access_ready(struct visit *v, enum visit_result result)
{
    if (result == VISIT_UNAVAILABLE) {
        finish(v, 503, away);
        return;
    }
    const struct auth_opts *auth = &v->srv->opts.auth;
    json_t *j = json_object(), *providers = json_array();
    for (size_t i = 0; i < auth->provider_count; i++)
        json_array_append_new(providers, json_pack("{s:s, s:s}", "id", auth->providers[i].id,
                                                   "name", auth->providers[i].name));
    json_object_set_new(j, "signIn", providers);
    json_object_set_new(j, "user", person_json(v->client->person));
    json_object_set_new(j, "restricted", json_boolean(v->policy.restricted));
    json_object_set_new(j, "may", json_string(result == VISIT_OK ? "edit" : "nothing"));
    if (v->policy.restricted && result == VISIT_OK) {
        json_t *emails = json_array();
        for (size_t i = 0; i < v->policy.emails.count; i++)
            json_array_append_new(emails, json_string(buf_str(&v->policy.emails.all[i])));
        json_object_set_new(j, "emails", emails);
    }
    finish_json(v, j);
}

/* --- POST /api/authorize ---------------------------------------------------------------------- */

/* Replaces v->op.emails; NULL, or what is wrong. */
static const char *read_emails(struct visit *v, char *err, size_t err_len)
{
    static const char empty[] = "The list of authorized emails cannot be empty";
    const json_t *list = json_object_get(v->body, "emails"), *one;
    const char *own = v->client->person->email, *wrong = NULL;
    struct emails e = {0};
    size_t n = json_array_size(list), i;
    if (!n || (n == 1 && json_is_string(json_array_get(list, 0)) &&
               !json_string_length(json_array_get(list, 0))))
        return empty;
    if (emails_add(&e, own, strlen(own)) != EMAILS_OK)
        return "your account's email address cannot be used here";
    json_array_foreach(list, i, one)
    {
        const char *s = json_is_string(one) ? json_string_value(one) : "";
        enum emails_verdict verdict = emails_add(&e, s, json_string_length(one));
        if (verdict == EMAILS_OK)
            continue;
        snprintf(err, err_len, verdict == EMAILS_MANY ? "too many emails" : "invalid email: %.254s",
                 s);
        wrong = err;
        break;
    }
    if (!wrong && !emails_write(&v->op.emails, &e))
        wrong = "too many emails";
    emails_release(&e);
    return wrong;
}

static void authorized(struct store_op *op)
{
    struct visit *v = op->udata;
    access_changed(v->srv, v->name);
    if (failed(v))
        return;
    /* Whose answer was lost finds its own list there. */
    bool own =
        op->result == STORE_OK || (op->emails.len == op->text.len &&
                                   memcmp(op->emails.data, op->text.data, op->text.len) == 0);
    if (own)
        log_info("restricted", LOG_STR("name", v->name));
    finish(v, own ? 200 : 401, own ? "success" : "cannot update existing authorization");
}

static void authorize_ready(struct visit *v, enum visit_result result)
{
    char err[300];
    const char *wrong;
    if (result == VISIT_UNAVAILABLE) {
        finish(v, 503, away);
        return;
    }
    if (!v->client->person) {
        finish(v, 401, need);
        return;
    }
    if (too_often(v, LIMIT_AUTHORIZE))
        return;
    if (v->policy.restricted) {
        finish(v, 401, "cannot update existing authorization");
    } else if (!*v->client->person->email) {
        finish(v, 401, "your account has no verified email address");
    } else if ((wrong = read_emails(v, err, sizeof(err)))) {
        finish(v, 400, wrong);
    } else {
        v->op.kind = STORE_AUTHORIZE;
        v->op.id = v->name;
        buf_append(&v->op.text, v->op.emails.data, v->op.emails.len);
        v->detached = true;
        visit_store(v, authorized);
    }
}

/* --- read-only links -------------------------------------------------------------------------- */

/* Without a public URL the asker's own word must do: the Host, and by TLS if the page that asks came so. */
static void put_origin(const struct visit *v, struct buf *out)
{
    static const char tls[] = "https://";
    const char *public_url = v->srv->opts.auth.public_url;
    if (public_url && *public_url) {
        buf_puts(out, public_url);
    } else if (v->client && v->req->host.p) {
        struct http_str from = http_header(v->req, "origin"), host = v->req->host;
        bool https =
            from.len == sizeof(tls) - 1 + host.len && memcmp(from.p, tls, sizeof(tls) - 1) == 0;
        buf_puts(out, https ? tls : "http://");
        buf_append(out, host.p, host.len);
    }
}

/* buf_str() of op.language is the token until it was told. */
static void link_added(struct store_op *op)
{
    struct visit *v = op->udata;
    access_changed(v->srv, v->name);
    if (failed(v))
        return;
    if (op->result == STORE_EXISTS) {
        finish(v, 409, "there are 100 links already: revoke some first");
        return;
    }
    struct buf origin = {0};
    put_origin(v, &origin);
    log_info("read-only link made", LOG_STR("name", v->name), LOG_STR("hash", buf_str(&op->data)));
    json_t *link = json_sprintf("%s/~watch#%s", buf_str(&origin), buf_str(&op->language));
    buf_release(&origin);
    finish_json(v, json_pack("{s:o, s:s}", "link", link, "hash", buf_str(&op->data)));
}

static void link_ready(struct visit *v, enum visit_result result)
{
    const char *label = json_string_value(json_object_get(v->body, "label"));
    const struct auth_person *p = v->client->person;
    if (refused(v, result) || too_often(v, LIMIT_AUTHORIZE))
        return;
    if (label && strlen(label) > LABEL_MAX) {
        finish(v, 400, "the label is too long");
        return;
    }
    char hash[AUTH_HASH_HEX];
    v->op.kind = STORE_LINK_ADD;
    v->op.id = v->name;
    auth_random(&v->op.language, LINK_TOKEN_BYTES);
    auth_sha256_hex(hash, v->op.language.data, v->op.language.len);
    buf_puts(&v->op.data, hash);
    link_about_write(&v->op.text, label, p ? p->email : NULL, clock_now_ms());
    v->detached = true;
    visit_store(v, link_added);
}

static int newer(const void *a, const void *b)
{
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "at")),
               y = json_integer_value(json_object_get(*(json_t *const *)b, "at"));
    return (x < y) - (x > y);
}

static json_t *text_or_none(const struct buf *b)
{
    return b->len ? json_stringn((const char *)b->data, b->len) : NULL;
}

static json_t *link_json(const struct store_link *l)
{
    struct link_about about;
    link_about_read(&about, l->about.data, l->about.len);
    json_t *j =
        json_pack("{s:s, s:o*, s:o*, s:I}", "hash", l->hash, "label", text_or_none(&about.label),
                  "by", text_or_none(&about.by), "at", (json_int_t)about.at_ms);
    link_about_release(&about);
    return j;
}

static void links_read(struct store_op *op)
{
    struct visit *v = op->udata;
    if (failed(v))
        return;
    json_t **all = xcalloc(op->link_count, sizeof(json_t *)), *list = json_array();
    for (size_t i = 0; i < op->link_count; i++)
        all[i] = link_json(&op->links[i]);
    qsort(all, op->link_count, sizeof(json_t *), newer);
    for (size_t i = 0; i < op->link_count; i++)
        json_array_append_new(list, all[i]);
    free(all);
    finish_json(v, json_pack("{s:o}", "links", list));
}

static void links_ready(struct visit *v, enum visit_result result)
{
    if (refused(v, result))
        return;
    v->op.kind = STORE_ACCESS;
    v->op.id = v->name;
    visit_store(v, links_read);
}

static void link_removed(struct store_op *op)
{
    struct visit *v = op->udata;
    access_changed(v->srv, v->name);
    if (failed(v))
        return;
    log_info("read-only link revoked", LOG_STR("name", v->name),
             LOG_STR("hash", buf_str(&op->data)));
    finish(v, 200, "success");
}

static void unlink_ready(struct visit *v, enum visit_result result)
{
    if (refused(v, result))
        return;
    struct http_str hash = http_query(v->req, "hash");
    bool all = http_str_is(hash, "*") || http_str_is_nocase(hash, "%2a");
    if (!all && !store_link_hash_ok(hash.p, hash.len)) {
        finish(v, 400, "hash: of which link?");
        return;
    }
    v->op.kind = STORE_LINK_REMOVE;
    v->op.id = v->name;
    buf_append(&v->op.data, all ? "*" : hash.p, all ? 1 : hash.len);
    v->detached = true;
    visit_store(v, link_removed);
}

/* --- POST /api/update ------------------------------------------------------------------------- */

static bool given(const struct visit *v, const char *member, struct buf *out)
{
    const json_t *j = json_object_get(v->body, member);
    if (!json_is_string(j))
        return false;
    *out = (struct buf){(uint8_t *)json_string_value(j), json_string_length(j), 0};
    return true;
}

/* The room is here, or was all the time. */
void api_update_ready(struct client *c)
{
    struct visit *v = c->visit;
    const char *why = NULL;
    struct buf text = {0}, language = {0};
    bool has_text = given(v, "text", &text), has_language = given(v, "language", &language);
    if (!room_admits(c->room, c, &why)) {
        finish(v, 401, need);
        return;
    }
    list_remove(&c->node);
    int error = room_edit(c, has_text ? &text : NULL, has_language ? &language : NULL, &why);
    if (error == 429)
        guard_refuse(c->conn, 1000);
    else if (error)
        finish(v, error, why);
    if (error == 429)
        visit_end(v);
}

void api_update_failed(struct client *c)
{
    finish(c->visit, 503, away);
}

void api_update_saved(struct client *c)
{
    finish(c->visit, 200, "success");
}

static void update_ready(struct visit *v, enum visit_result result)
{
    struct client *c = v->client;
    if (refused(v, result))
        return;
    struct room *r = room_open(v->srv, v->name);
    c->kind = CLIENT_UPDATE;
    c->room = r;
    list_append(&r->readers, &c->node);
    if (r->phase == ROOM_LIVE)
        api_update_ready(c);
}

static const char *update_wrong(const json_t *body)
{
    const json_t *t = json_object_get(body, "text"), *l = json_object_get(body, "language");
    if (t && !json_is_string(t) && !json_is_null(t))
        return "text: not a string";
    if (l && !json_is_string(l) && !json_is_null(l))
        return "language: not a string";
    if (json_is_string(l) && (!json_string_length(l) || json_string_length(l) > LANGUAGE_MAX))
        return "language: too long, or empty";
    return NULL;
}

/* --- dispatch --------------------------------------------------------------------------------- */

static const struct call {
    const char *method, *path;
    bool who;
    void (*ready)(struct visit *v, enum visit_result result);
} calls[] = {
    {"GET", "/api/access", true, access_ready},
    {"POST", "/api/update", false, update_ready},
    {"POST", "/api/authorize", true, authorize_ready},
    {"POST", "/api/links", true, link_ready},
    {"GET", "/api/links", false, links_ready},
    {"DELETE", "/api/links", false, unlink_ready},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static bool is_json(const struct http_request *req)
{
    static const char json[] = "application/json";
    struct http_str type = http_header(req, "content-type");
    struct http_str bare = {type.p, sizeof(json) - 1};
    return type.len >= bare.len && http_str_is_nocase(bare, json) &&
           (type.len == bare.len || type.p[bare.len] == ';' || type.p[bare.len] == ' ');
}

/* Into `name`; false: there is none that would do. */
static bool read_name(const struct http_request *req, const json_t *body, char *name)
{
    int n = -1;
    if (body) {
        const json_t *j = json_object_get(body, "name");
        size_t len = json_string_length(j);
        if (json_is_string(j) && len <= NAME_MAX_LEN) {
            memcpy(name, json_string_value(j), len);
            name[len] = '\0';
            n = (int)len;
        }
    } else {
        struct http_str q = http_query(req, "name");
        n = q.p ? percent_decode(q.p, q.len, name, NAME_MAX_LEN + 1) : -1;
    }
    return n >= 0 && name_check(name, (size_t)n) == NAME_OK;
}

static void begin(struct server *s, struct conn *conn, const struct http_request *req,
                  const struct call *call)
{
    char name[NAME_MAX_LEN + 1];
    json_t *body = NULL;
    const char *wrong = NULL;
    if (http_str_is(req->method, "POST")) {
        body = is_json(req) ? json_loadb(req->body.p, req->body.len, JSON_ALLOW_NUL, NULL) : NULL;
        wrong = json_is_object(body) ? NULL : "the body has to be JSON (application/json)";
    }
    if (!wrong && !read_name(req, body, name))
        wrong = "name: not a bytecrowd";
    if (!wrong && call->ready == update_ready)
        wrong = update_wrong(body);
    if (wrong) {
        text(conn, 400, wrong);
        json_decref(body);
        return;
    }
    struct visit *v = visit_begin(s, conn, req, name, call->who, call->ready);
    v->body = body;
    visit_go(v);
}

void api_request(struct server *s, struct conn *conn, const struct http_request *req)
{
    bool there = false;
    for (size_t i = 0; i < CALLS; i++) {
        if (!http_str_is(req->path, calls[i].path))
            continue;
        there = true;
        if (!http_str_is(req->method, calls[i].method))
            continue;
        if (strcmp(calls[i].method, "GET") != 0 && !guard_origin(s, req))
            text(conn, 403, "this page may not do that here");
        else if (s->stop_us)
            text(conn, 503, "the server is stopping");
        else
            begin(s, conn, req, &calls[i]);
        return;
    }
    text(conn, there ? 405 : 404,
         there ? "method not allowed" : "there is nothing at this address");
}
