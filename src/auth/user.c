/*
 * Which user it is who has signed in.
 *
 *     the account is known     -> its user
 *     its address is a user's  -> that user; the account is theirs from now on
 *     else                     -> a new user
 *
 * Taking an account for somebody's because of an address is safe, because an address gets here only if a provider
 * that the operator chose says that it is verified, and because users have no other addresses: ours were verified in
 * the same way, and what the original's Auth.js wrote are those of GitHub. So nobody can wait under an address of
 * somebody else for them to come.
 *
 * The index from address to user is believed only if the user has that address: one that was left behind when the
 * address changed leads to nobody. Whatever is made anew is written in the order user, index, account, each only if
 * there is none: whoever stops between has left what the next sign-in finds, and of two at once one finds the other's.
 */
#include "auth/auth_int.h"

#include "base/log.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of several at once that find each other's; more often is a store that does not hold what was written. */
#define TRIES 4

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static void copy(struct buf *to, const struct buf *from)
{
    buf_clear(to);
    buf_append(to, from->data, from->len);
}

static void fail(struct auth_exchange *x, const char *why)
{
    exchange_fail(x, x->signing_out ? "SignOut" : "OAuthCreateAccount", why);
}

/* Whether the step went as it should; else the exchange is over. */
static bool went(struct auth_exchange *x, const struct store_op *op)
{
    x->op = NULL;
    if (op->result < 0)
        fail(x, op->error);
    return op->result >= 0;
}

static bool once_more(struct auth_exchange *x)
{
    if (x->tries++ < TRIES)
        return true;
    fail(x, "what was written is not there");
    return false;
}

static const struct buf *user_key(struct auth_exchange *x, const struct buf *id)
{
    authjs_key(&x->key, AUTHJS_USER, id->data, id->len);
    return &x->key;
}

static const struct buf *email_key(struct auth_exchange *x, const struct buf *email)
{
    authjs_key(&x->key, AUTHJS_EMAIL, email->data, email->len);
    return &x->key;
}

static const struct buf *account_key(struct auth_exchange *x)
{
    authjs_account_key(&x->key, x->provider->opts->id, x->profile.id.data, x->profile.id.len);
    return &x->key;
}

void user_signed_out_key(struct buf *key, const char *of)
{
    buf_clear(key);
    buf_printf(key, "signed-out:%s", of);
}

/* --- whose address is it? --------------------------------------------------------------------- */

static void owner_read(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    if (!went(x, op))
        return;
    authjs_user_release(&x->owner);
    bool is = op->found && authjs_read_user(&x->owner, op->data.data, op->data.len) &&
              same(&x->owner.email, &x->profile.email);
    x->owner_known(x, is ? OWNER_IS : OWNER_STALE);
}

static void index_read(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    struct buf id = {0};
    if (!went(x, op))
        return;
    if (!op->found)
        x->owner_known(x, OWNER_NONE);
    else if (!authjs_read_id(&id, op->data.data, op->data.len))
        x->owner_known(x, OWNER_STALE);
    else
        x->op = op_get(x->a, user_key(x, &id), owner_read, x);
    buf_release(&id);
}

/* Of x->profile.email. */
static void find_owner(struct auth_exchange *x,
                       void (*known)(struct auth_exchange *x, enum owner found))
{
    x->owner_known = known;
    x->op = op_get(x->a, email_key(x, &x->profile.email), index_read, x);
}

static void claim(struct auth_exchange *x, enum owner found,
                  void (*claimed)(struct store_op *op, void *udata))
{
    x->op = op_set(x->a, email_key(x, &x->profile.email), &x->user.id, 0, found == OWNER_NONE,
                   claimed, x);
}

/* --- changing a user -------------------------------------------------------------------------- */

static void read_user(struct auth_exchange *x);

/* Somebody signed out everywhere between our reading and our writing: once more, with that in it. */
static void mark_read(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    if (!went(x, op))
        return;
    uint64_t at = op->found ? strtoull(buf_str(&op->data), NULL, 10) : 0;
    if (at > x->user.signed_out_ms) {
        x->signed_out_ms = at;
        if (once_more(x))
            read_user(x);
        return;
    }
    x->updated(x);
}

static void user_written(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    if (!went(x, op))
        return;
    user_signed_out_key(&x->key, buf_str(&x->user.id));
    x->op = op_get(x->a, &x->key, mark_read, x);
}

static void change(struct auth_exchange *x, struct authjs_user *u)
{
    if (x->change.name)
        copy(&u->name, &x->profile.name);
    if (x->change.image)
        copy(&u->image, &x->profile.image);
    if (x->change.email) {
        copy(&u->email, &x->profile.email);
        u->verified_ms = clock_now_ms();
    }
    if (u->signed_out_ms < x->signed_out_ms)
        u->signed_out_ms = x->signed_out_ms;
}

static void user_read_to_change(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    struct authjs_user u;
    struct buf value = {0};
    if (!went(x, op))
        return;
    if (!op->found || !authjs_read_user(&u, op->data.data, op->data.len)) {
        fail(x, "the user is gone");
        return;
    }
    change(x, &u);
    authjs_user_release(&x->user);
    x->user = u;
    authjs_write_user(&value, &u, &op->data);
    x->op = op_set(x->a, user_key(x, &x->user.id), &value, 0, false, user_written, x);
    buf_release(&value);
}

/* Right before it is written: what others change meanwhile is lost for as short a time as can be. */
static void read_user(struct auth_exchange *x)
{
    x->op = op_get(x->a, user_key(x, &x->user.id), user_read_to_change, x);
}

void user_update(struct auth_exchange *x, void (*next)(struct auth_exchange *x))
{
    x->updated = next;
    read_user(x);
}

/* --- a user who was here before --------------------------------------------------------------- */

static void old_index_read(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    x->op = NULL;
    /* It may lead to somebody else by now. */
    if (op->result == STORE_OK && op->found && same(&op->data, &x->user.id))
        op_delete(x->a, email_key(x, &x->old_email), NULL, NULL);
    session_begin(x);
}

static void refreshed(struct auth_exchange *x)
{
    if (x->change.email && x->old_email.len && !same(&x->old_email, &x->user.email))
        x->op = op_get(x->a, email_key(x, &x->old_email), old_index_read, x);
    else
        session_begin(x);
}

static void write_changes(struct auth_exchange *x)
{
    x->change.name = x->profile.name.len && !same(&x->profile.name, &x->user.name);
    x->change.image = x->profile.image.len && !same(&x->profile.image, &x->user.image);
    if (x->change.name || x->change.image || x->change.email)
        user_update(x, refreshed);
    else
        session_begin(x);
}

static void new_email_owner(struct auth_exchange *x, enum owner found);

static void new_email_claimed(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    if (!went(x, op))
        return;
    if (op->result == STORE_EXISTS) {
        if (once_more(x))
            find_owner(x, new_email_owner);
        return;
    }
    x->change.email = true;
    copy(&x->old_email, &x->user.email);
    write_changes(x);
}

/* The index first: until the user has the address, it leads to nobody. */
static void new_email_owner(struct auth_exchange *x, enum owner found)
{
    if (found == OWNER_IS) {
        log_warn("an address is another user's", LOG_STR("provider", x->provider->opts->id),
                 LOG_STR("user", buf_str(&x->user.id)), LOG_STR("of", buf_str(&x->owner.id)));
        write_changes(x);
    } else {
        claim(x, found, new_email_claimed);
    }
}

static void refresh(struct auth_exchange *x)
{
    if (x->profile.email.len && !same(&x->profile.email, &x->user.email))
        find_owner(x, new_email_owner);
    else
        write_changes(x);
}

/* --- the account ------------------------------------------------------------------------------ */

static void account_read(struct store_op *op, void *udata);

static void linked(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    struct buf key = {0};
    if (!went(x, op))
        return;
    if (op->result == STORE_EXISTS) {
        x->linking = true;
        if (once_more(x))
            x->op = op_get(x->a, account_key(x), account_read, x);
        return;
    }
    account_key(x);
    if (authjs_key(&key, AUTHJS_ACCOUNT_OF, x->user.id.data, x->user.id.len))
        op_set(x->a, &key, &x->key, 0, false, NULL, NULL);
    buf_release(&key);
    if (x->made)
        session_begin(x);
    else
        refresh(x);
}

/* Without the provider's tokens, which Auth.js would keep here: nothing needs them, and they open other doors. */
static void link_account(struct auth_exchange *x)
{
    struct authjs_account a = {0};
    struct buf value = {0};
    buf_puts(&a.type, "oauth");
    buf_puts(&a.provider, x->provider->opts->id);
    copy(&a.provider_id, &x->profile.id);
    copy(&a.user_id, &x->user.id);
    authjs_write_account(&value, &a, NULL);
    x->op = op_set(x->a, account_key(x), &value, 0, !x->dangling, linked, x);
    authjs_account_release(&a);
    buf_release(&value);
}

/* --- a new user ------------------------------------------------------------------------------- */

static void put_uuid(struct buf *out)
{
    uint8_t b[16];
    random_bytes(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    buf_clear(out);
    for (size_t i = 0; i < sizeof(b); i++)
        buf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
}

/* Somebody else has made the user meanwhile. */
static void unmake(struct auth_exchange *x)
{
    if (x->made)
        op_delete(x->a, user_key(x, &x->user.id), NULL, NULL);
    x->made = false;
}

static void owner_is_user(struct auth_exchange *x)
{
    if (!same(&x->owner.id, &x->user.id))
        unmake(x);
    authjs_user_release(&x->user);
    x->user = x->owner;
    x->owner = (struct authjs_user){0};
    link_account(x);
}

static void claimed(struct store_op *op, void *udata);

static void made_email_owner(struct auth_exchange *x, enum owner found)
{
    if (found == OWNER_IS)
        owner_is_user(x);
    else
        claim(x, found, claimed);
}

static void claimed(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    if (!went(x, op))
        return;
    if (op->result != STORE_EXISTS)
        link_account(x);
    else if (once_more(x))
        find_owner(x, made_email_owner);
}

static void made(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    if (!went(x, op))
        return;
    x->made = true;
    if (x->profile.email.len)
        claim(x, x->found, claimed);
    else
        link_account(x);
}

static void make_user(struct auth_exchange *x, enum owner found)
{
    struct buf value = {0};
    if (found == OWNER_IS) {
        owner_is_user(x);
        return;
    }
    x->found = found;
    authjs_user_release(&x->user);
    put_uuid(&x->user.id);
    copy(&x->user.name, &x->profile.name);
    copy(&x->user.email, &x->profile.email);
    copy(&x->user.image, &x->profile.image);
    x->user.verified_ms = x->profile.email.len ? clock_now_ms() : 0;
    authjs_write_user(&value, &x->user, NULL);
    x->op = op_set(x->a, user_key(x, &x->user.id), &value, 0, false, made, x);
    buf_release(&value);
}

/* --- who is it? ------------------------------------------------------------------------------- */

static void no_account(struct auth_exchange *x)
{
    if (x->profile.email.len)
        find_owner(x, make_user);
    else
        make_user(x, OWNER_NONE);
}

static void account_user_read(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    struct authjs_user u;
    if (!went(x, op))
        return;
    if (op->found && authjs_read_user(&u, op->data.data, op->data.len)) {
        if (!same(&u.id, &x->user.id))
            unmake(x);
        authjs_user_release(&x->user);
        x->user = u;
        if (x->made)
            session_begin(x);
        else
            refresh(x);
        return;
    }
    x->dangling = true;
    if (x->linking)
        link_account(x);
    else
        no_account(x);
}

static void account_read(struct store_op *op, void *udata)
{
    struct auth_exchange *x = udata;
    struct authjs_account a;
    if (!went(x, op))
        return;
    if (!op->found) {
        if (x->linking)
            link_account(x);
        else
            no_account(x);
        return;
    }
    if (!authjs_read_account(&a, op->data.data, op->data.len)) {
        fail(x, "the account is stored as none");
        return;
    }
    x->op = op_get(x->a, user_key(x, &a.user_id), account_user_read, x);
    authjs_account_release(&a);
}

void user_find(struct auth_exchange *x)
{
    /* Who is not known to have an address has none. */
    if (!x->profile.verified ||
        !authjs_key(&x->key, AUTHJS_EMAIL, x->profile.email.data, x->profile.email.len))
        buf_clear(&x->profile.email);
    if (!authjs_account_key(&x->key, x->provider->opts->id, x->profile.id.data,
                            x->profile.id.len)) {
        exchange_fail(x, "OAuthCallback", "an id that can be nobody's");
        return;
    }
    x->op = op_get(x->a, &x->key, account_read, x);
}
