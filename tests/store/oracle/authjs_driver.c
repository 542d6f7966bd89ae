/*
 * What tests/e2e/authjs.test.mjs talks to: reads and writes what Auth.js keeps, by src/store/authjs.c, in the
 * store of the first argument (the token of a REST interface is the second). One JSON object a line each way:
 *
 *     {"do":"user","id":"..."}           -> {"id","name","email","image","verified","signedOut"} or null
 *     {"do":"email","email":"..."}       -> {"id"} or null
 *     {"do":"account","provider":"github","id":"1"} -> {"userId","type","provider","id"} or null
 *     {"do":"session","token":"..."}     -> {"token","userId","expires","ends"} or null; ends: of the key, ms
 *     {"do":"last","of":"account","id":"..."} -> {"key"} or null
 *     {"do":"put-user",...}, {"do":"put-account",...}, {"do":"put-session",...,"ends":ms} -> {"value"}: the keys
 *         that the adapter would write; members as the answers above have them
 *     {"do":"delete","key":"..."}        -> {}
 */
#include "store/authjs.h"
#include "store/store.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store *store;

static void fail(const char *what)
{
    fprintf(stderr, "authjs-oracle: %s\n", what);
    exit(1);
}

static void run(struct store_op *op)
{
    store_run(store, &op, 1);
    if (op->result != STORE_OK)
        fail(op->error);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static const char *member(const json_t *line, const char *name)
{
    const char *s = json_string_value(json_object_get(line, name));
    return s ? s : "";
}

static uint64_t number(const json_t *line, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(line, name));
}

static struct buf take(const json_t *line, const char *name)
{
    struct buf b = {0};
    buf_puts(&b, member(line, name));
    return b;
}

static void put(json_t *out, const char *name, const struct buf *b)
{
    json_object_set_new(out, name,
                        b->len ? json_stringn((const char *)b->data, b->len) : json_null());
}

static void put_ms(json_t *out, const char *name, uint64_t ms)
{
    json_object_set_new(out, name, json_integer((json_int_t)ms));
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The value of the key, or found false; to be released. */
static struct store_op get(const struct buf *key)
{
    struct store_op op = {.kind = STORE_GET, .key = (const char *)key->data};
    run(&op);
    return op;
}

static json_t *get_user(const json_t *line)
{
    struct buf key = {0};
    struct authjs_user u;
    const char *id = member(line, "id");
    json_t *out = NULL;
    if (!authjs_key(&key, AUTHJS_USER, id, strlen(id)))
        return NULL;
    struct store_op op = get(&key);
    if (op.found && authjs_read_user(&u, op.data.data, op.data.len)) {
        out = json_object();
        put(out, "id", &u.id);
        put(out, "name", &u.name);
        put(out, "email", &u.email);
        put(out, "image", &u.image);
        put_ms(out, "verified", u.verified_ms);
        put_ms(out, "signedOut", u.signed_out_ms);
        authjs_user_release(&u);
    }
    store_op_release(&op);
    buf_release(&key);
    return out;
}

static json_t *get_account(const json_t *line)
{
    struct buf key = {0};
    struct authjs_account a;
    const char *id = member(line, "id");
    json_t *out = NULL;
    if (!authjs_account_key(&key, member(line, "provider"), id, strlen(id)))
        return NULL;
    struct store_op op = get(&key);
    if (op.found && authjs_read_account(&a, op.data.data, op.data.len)) {
        out = json_object();
        put(out, "userId", &a.user_id);
        put(out, "type", &a.type);
        put(out, "provider", &a.provider);
        put(out, "id", &a.provider_id);
        authjs_account_release(&a);
    }
    store_op_release(&op);
    buf_release(&key);
    return out;
}

static json_t *get_session(const json_t *line)
{
    struct buf key = {0};
    struct authjs_session s;
    const char *token = member(line, "token");
    json_t *out = NULL;
    if (!authjs_key(&key, AUTHJS_SESSION, token, strlen(token)))
        return NULL;
    struct store_op op = get(&key);
    if (op.found && authjs_read_session(&s, op.data.data, op.data.len)) {
        out = json_object();
        put(out, "token", &s.token);
        put(out, "userId", &s.user_id);
        put_ms(out, "expires", s.expires_ms);
        put_ms(out, "ends", op.expires_ms);
        authjs_session_release(&s);
    }
    store_op_release(&op);
    buf_release(&key);
    return out;
}

/* What a key says that holds an id or another key. */
static json_t *get_pointer(const json_t *line, bool email)
{
    struct buf key = {0}, value = {0};
    const char *of = member(line, email ? "email" : "id");
    enum authjs_key kind = email                                        ? AUTHJS_EMAIL
                           : strcmp(member(line, "of"), "account") == 0 ? AUTHJS_ACCOUNT_OF
                                                                        : AUTHJS_SESSION_OF;
    json_t *out = NULL;
    if (!authjs_key(&key, kind, of, strlen(of)))
        return NULL;
    struct store_op op = get(&key);
    if (op.found && (email ? authjs_read_id(&value, op.data.data, op.data.len)
                           : authjs_read_key(&value, kind, op.data.data, op.data.len))) {
        out = json_object();
        put(out, email ? "id" : "key", &value);
    }
    store_op_release(&op);
    buf_release(&key);
    buf_release(&value);
    return out;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void set(const struct buf *key, const struct buf *value, uint64_t ends)
{
    struct store_op op = {.kind = STORE_SET, .key = (const char *)key->data, .expires_ms = ends};
    buf_append(&op.data, value->data, value->len);
    run(&op);
    store_op_release(&op);
}

static void set_pointer(enum authjs_key kind, const struct buf *of, const struct buf *value,
                        uint64_t ends)
{
    struct buf key = {0};
    if (!authjs_key(&key, kind, of->data, of->len))
        fail("that cannot be a key");
    set(&key, value, ends);
    buf_release(&key);
}

static json_t *answer(struct buf *key, struct buf *value)
{
    json_t *out = json_object();
    put(out, "value", value);
    buf_release(key);
    buf_release(value);
    return out;
}

static json_t *put_user(const json_t *line)
{
    struct authjs_user u = {take(line, "id"),         take(line, "name"),
                            take(line, "email"),      take(line, "image"),
                            number(line, "verified"), number(line, "signedOut")};
    struct buf key = {0}, value = {0};
    if (!authjs_key(&key, AUTHJS_USER, u.id.data, u.id.len))
        fail("that cannot be a user's id");
    struct store_op op = get(&key);
    authjs_write_user(&value, &u, op.found ? &op.data : NULL);
    store_op_release(&op);
    set(&key, &value, 0);
    set_pointer(AUTHJS_EMAIL, &u.email, &u.id, 0);
    authjs_user_release(&u);
    return answer(&key, &value);
}

static json_t *put_account(const json_t *line)
{
    struct authjs_account a = {take(line, "userId"), take(line, "type"), take(line, "provider"),
                               take(line, "id")};
    struct buf key = {0}, value = {0};
    if (!authjs_account_key(&key, member(line, "provider"), a.provider_id.data, a.provider_id.len))
        fail("that cannot be an account");
    struct store_op op = get(&key);
    authjs_write_account(&value, &a, op.found ? &op.data : NULL);
    store_op_release(&op);
    set(&key, &value, 0);
    set_pointer(AUTHJS_ACCOUNT_OF, &a.user_id, &key, 0);
    authjs_account_release(&a);
    return answer(&key, &value);
}

static json_t *put_session(const json_t *line)
{
    struct authjs_session s = {take(line, "token"), take(line, "userId"), number(line, "expires")};
    struct buf key = {0}, value = {0};
    uint64_t ends = number(line, "ends");
    if (!authjs_key(&key, AUTHJS_SESSION, s.token.data, s.token.len))
        fail("that cannot be a session");
    struct store_op op = get(&key);
    authjs_write_session(&value, &s, op.found ? &op.data : NULL);
    store_op_release(&op);
    set(&key, &value, ends);
    set_pointer(AUTHJS_SESSION_OF, &s.user_id, &key, ends);
    authjs_session_release(&s);
    return answer(&key, &value);
}

static json_t *delete_key(const json_t *line)
{
    struct store_op op = {.kind = STORE_DELETE, .key = member(line, "key")};
    run(&op);
    return json_object();
}

/* --- lines ------------------------------------------------------------------------------------ */

static json_t *obey(const json_t *line)
{
    const char *what = member(line, "do");
    if (strcmp(what, "user") == 0)
        return get_user(line);
    if (strcmp(what, "email") == 0 || strcmp(what, "last") == 0)
        return get_pointer(line, *what == 'e');
    if (strcmp(what, "account") == 0)
        return get_account(line);
    if (strcmp(what, "session") == 0)
        return get_session(line);
    if (strcmp(what, "put-user") == 0)
        return put_user(line);
    if (strcmp(what, "put-account") == 0)
        return put_account(line);
    if (strcmp(what, "put-session") == 0)
        return put_session(line);
    if (strcmp(what, "delete") == 0)
        return delete_key(line);
    fail("what is to be done is not known");
    return NULL;
}

int main(int argc, char **argv)
{
    char err[256] = "", *line = NULL;
    size_t cap = 0;
    if (argc < 2)
        fail("where is the store?");
    store = store_open(argv[1], &(struct store_opts){.token = argc > 2 ? argv[2] : NULL}, err,
                       sizeof(err));
    if (!store)
        fail(err);
    while (getline(&line, &cap, stdin) > 0) {
        json_t *in = json_loads(line, 0, NULL), *out = obey(in);
        char *said = out ? json_dumps(out, JSON_COMPACT) : NULL;
        puts(said ? said : "null");
        fflush(stdout);
        free(said);
        json_decref(in);
        json_decref(out);
    }
    free(line);
    store_close(store);
    return 0;
}
