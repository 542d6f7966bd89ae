/* Any bytes as what Auth.js has stored: they are none, or what was read is written as a value that reads the same;
 * and no two kinds of key ever meet. */
#include "store/authjs.h"

#include <stdlib.h>
#include <string.h>

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

static void users(const uint8_t *data, size_t size)
{
    struct authjs_user u, v;
    struct buf out = {0}, key = {0}, former = {(uint8_t *)(uintptr_t)data, size, 0};
    if (!authjs_read_user(&u, data, size))
        return;
    must(authjs_key(&key, AUTHJS_USER, u.id.data, u.id.len));
    must(!u.email.len || authjs_key(&key, AUTHJS_EMAIL, u.email.data, u.email.len));
    for (int i = 0; i < 2; i++) {
        authjs_write_user(&out, &u, i ? &former : NULL);
        must(authjs_read_user(&v, out.data, out.len));
        must(same(&u.id, &v.id) && same(&u.name, &v.name) && same(&u.email, &v.email) &&
             same(&u.image, &v.image));
        must(u.verified_ms == v.verified_ms || u.verified_ms > v.verified_ms);
        must(u.signed_out_ms == v.signed_out_ms || u.signed_out_ms > v.signed_out_ms);
        authjs_user_release(&v);
    }
    authjs_user_release(&u);
    buf_release(&out);
    buf_release(&key);
}

static void accounts(const uint8_t *data, size_t size)
{
    struct authjs_account a, b;
    struct buf out = {0}, key = {0}, again = {0}, former = {(uint8_t *)(uintptr_t)data, size, 0};
    if (!authjs_read_account(&a, data, size))
        return;
    must(authjs_account_key(&key, buf_str(&a.provider), a.provider_id.data, a.provider_id.len));
    must(authjs_read_key(&again, AUTHJS_ACCOUNT_OF, key.data, key.len) && same(&key, &again));
    for (int i = 0; i < 2; i++) {
        authjs_write_account(&out, &a, i ? &former : NULL);
        must(authjs_read_account(&b, out.data, out.len));
        must(same(&a.user_id, &b.user_id) && same(&a.provider, &b.provider) &&
             same(&a.provider_id, &b.provider_id));
        authjs_account_release(&b);
    }
    authjs_account_release(&a);
    buf_release(&out);
    buf_release(&key);
    buf_release(&again);
}

static void sessions(const uint8_t *data, size_t size)
{
    struct authjs_session s, t;
    struct buf out = {0}, former = {(uint8_t *)(uintptr_t)data, size, 0};
    if (!authjs_read_session(&s, data, size))
        return;
    must(s.user_id.len);
    for (int i = 0; i < 2; i++) {
        authjs_write_session(&out, &s, i ? &former : NULL);
        must(authjs_read_session(&t, out.data, out.len));
        must(same(&s.user_id, &t.user_id) && same(&s.token, &t.token));
        must(s.expires_ms >= t.expires_ms);
        authjs_session_release(&t);
    }
    authjs_session_release(&s);
    buf_release(&out);
}

static void keys(const uint8_t *data, size_t size)
{
    struct buf of_user = {0}, of_session = {0}, of_email = {0}, other = {0};
    uint64_t ms;
    char date[AUTHJS_DATE_SIZE];
    bool user = authjs_key(&of_user, AUTHJS_USER, data, size);
    must(user == authjs_key(&of_session, AUTHJS_SESSION, data, size));
    must(user == authjs_read_id(&other, data, size));
    bool email = authjs_key(&of_email, AUTHJS_EMAIL, data, size);
    must(!user || (!memchr(of_user.data + 5, ':', of_user.len - 5) &&
                   !memchr(of_session.data + 13, ':', of_session.len - 13)));
    must(!email || memchr(of_email.data, '@', of_email.len));
    if (authjs_read_key(&other, AUTHJS_SESSION_OF, data, size))
        must(other.len == size && !memchr(other.data + 13, ':', other.len - 13));
    if (authjs_read_date(&ms, data, size)) {
        uint64_t again;
        authjs_write_date(date, ms);
        must(authjs_read_date(&again, date, strlen(date)) && again <= ms);
    }
    buf_release(&of_user);
    buf_release(&of_session);
    buf_release(&of_email);
    buf_release(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    users(data, size);
    accounts(data, size);
    sessions(data, size);
    keys(data, size);
    return 0;
}
