#include "store/authjs.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what may be what ------------------------------------------------------------------------- */

/* An id or a token: visible ASCII, and nothing that ends a part of a key or a string. */
static bool is_id(const void *s, size_t len)
{
    const uint8_t *p = s;
    if (!len || len > AUTHJS_ID_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (p[i] <= ' ' || p[i] >= 0x7f || strchr(":\"\\", p[i]))
            return false;
    return true;
}

/* The last part of a key, which may hold colons. */
static bool is_part(const void *s, size_t len, size_t most)
{
    const uint8_t *p = s;
    if (!len || len > most || !utf8_valid(s, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if (p[i] <= ' ' || p[i] == 0x7f)
            return false;
    return true;
}

/* An @ at least: the adapter makes "null" and "undefined" of addresses that are missing. */
static bool is_email(const void *s, size_t len)
{
    return is_part(s, len, AUTHJS_EMAIL_MAX) && memchr(s, '@', len);
}

static bool is_provider(const char *s, size_t len)
{
    return is_id(s, len) && !(len == 10 && memcmp(s, "by-user-id", len) == 0);
}

/* --- keys ------------------------------------------------------------------------------------- */

#define ACCOUNT "user:account:"
#define SESSION "user:session:"

static void put_key(struct buf *out, const char *prefix, const void *of, size_t len)
{
    buf_clear(out);
    buf_puts(out, prefix);
    buf_append(out, of, len);
    buf_str(out);
}

bool authjs_key(struct buf *out, enum authjs_key kind, const void *of, size_t len)
{
    static const char *const prefixes[] = {
        [AUTHJS_USER] = "user:",
        [AUTHJS_EMAIL] = "user:email:",
        [AUTHJS_ACCOUNT_OF] = ACCOUNT "by-user-id:",
        [AUTHJS_SESSION] = SESSION,
        [AUTHJS_SESSION_OF] = SESSION "by-user-id:",
    };
    if (kind == AUTHJS_EMAIL ? !is_email(of, len) : !is_id(of, len))
        return false;
    put_key(out, prefixes[kind], of, len);
    return true;
}

bool authjs_account_key(struct buf *out, const char *provider, const void *id, size_t id_len)
{
    if (!is_provider(provider, strlen(provider)) || !is_part(id, id_len, AUTHJS_ID_MAX))
        return false;
    put_key(out, ACCOUNT, provider, strlen(provider));
    buf_putc(out, ':');
    buf_append(out, id, id_len);
    buf_str(out);
    return true;
}

/* --- dates ------------------------------------------------------------------------------------ */

#define DAY_MS UINT64_C(86400000)
#define LAST_MS UINT64_C(253402300799999) /* of the year 9999 */

static bool is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static uint32_t days_in(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* From 1970 to the beginning of the year. */
static uint64_t days_before(uint32_t year)
{
    uint64_t y = year - 1, leaps = y / 4 - y / 100 + y / 400;
    return (uint64_t)(year - 1970) * 365 + leaps - 477; /* so many until 1969 */
}

void authjs_write_date(char out[AUTHJS_DATE_SIZE], uint64_t ms)
{
    if (ms > LAST_MS)
        ms = LAST_MS;
    uint64_t days = ms / DAY_MS, of_day = ms % DAY_MS;
    uint32_t year = 1970 + (uint32_t)(days / 366), month = 1;
    while (days_before(year + 1) <= days)
        year++;
    days -= days_before(year);
    while (days >= days_in(year, month))
        days -= days_in(year, month++);
    snprintf(out, AUTHJS_DATE_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month,
             (unsigned)days + 1, (unsigned)(of_day / 3600000), (unsigned)(of_day / 60000 % 60),
             (unsigned)(of_day / 1000 % 60), (unsigned)(of_day % 1000));
}

struct date {
    const char *at, *end;
    bool ok;
};

static uint32_t number(struct date *d, size_t digits)
{
    uint32_t n = 0;
    for (; digits && d->ok; digits--) {
        d->ok = d->at < d->end && *d->at >= '0' && *d->at <= '9';
        if (d->ok)
            n = n * 10 + (uint32_t)(*d->at++ - '0');
    }
    return n;
}

static bool next_is(struct date *d, char c)
{
    bool is = d->ok && d->at < d->end && *d->at == c;
    d->at += is;
    return is;
}

static void must_be(struct date *d, char c)
{
    d->ok = next_is(d, c);
}

/* Up to nine digits, of which three count. */
static uint32_t fraction(struct date *d)
{
    uint32_t ms = 0;
    int n = 0;
    for (; d->at < d->end && *d->at >= '0' && *d->at <= '9'; n++, d->at++)
        if (n < 3)
            ms = ms * 10 + (uint32_t)(*d->at - '0');
    d->ok = n > 0 && n < 10;
    for (; n < 3; n++)
        ms *= 10;
    return ms;
}

bool authjs_read_date(uint64_t *ms, const void *text, size_t len)
{
    struct date d = {text, (const char *)text + len, true};
    uint32_t year = number(&d, next_is(&d, '+') ? 6 : 4);
    must_be(&d, '-');
    uint32_t month = number(&d, 2);
    must_be(&d, '-');
    uint32_t day = number(&d, 2);
    must_be(&d, 'T');
    uint32_t hour = number(&d, 2);
    must_be(&d, ':');
    uint32_t minute = number(&d, 2);
    must_be(&d, ':');
    uint32_t second = number(&d, 2);
    uint32_t millis = next_is(&d, '.') ? fraction(&d) : 0;
    must_be(&d, 'Z');
    if (!d.ok || d.at != d.end || year < 1970 || !month || month > 12 || !day ||
        day > days_in(year, month) || hour > 23 || minute > 59 || second > 59)
        return false;
    uint64_t days = days_before(year) + day - 1;
    while (--month)
        days += days_in(year, month);
    *ms = days * DAY_MS + (uint64_t)(hour * 3600 + minute * 60 + second) * 1000 + millis;
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

static json_t *parse(const void *json, size_t len)
{
    json_t *root = json_loadb(len ? json : "", len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

/* False if it is there and is no string. */
static bool take(const json_t *root, const char *name, struct buf *out)
{
    const json_t *value = json_object_get(root, name);
    if (!value || json_is_null(value))
        return true;
    if (json_is_string(value))
        buf_append(out, json_string_value(value), json_string_length(value));
    return json_is_string(value);
}

static bool take_id(const json_t *root, const char *name, struct buf *out)
{
    return take(root, name, out) && is_id(out->data, out->len);
}

static bool take_date(const json_t *root, const char *name, uint64_t *out)
{
    const json_t *value = json_object_get(root, name);
    return json_is_string(value) &&
           authjs_read_date(out, json_string_value(value), json_string_length(value));
}

bool authjs_read_user(struct authjs_user *out, const void *json, size_t len)
{
    json_t *root = parse(json, len);
    *out = (struct authjs_user){0};
    bool ok = root && take_id(root, "id", &out->id);
    if (ok) {
        take(root, "name", &out->name);
        take(root, "image", &out->image);
        take(root, "email", &out->email);
        if (!is_email(out->email.data, out->email.len))
            buf_clear(&out->email);
        if (!out->email.len || !take_date(root, "emailVerified", &out->verified_ms))
            out->verified_ms = 0;
        if (!take_date(root, "signedOutAt", &out->signed_out_ms))
            out->signed_out_ms = 0;
    }
    json_decref(root);
    if (!ok)
        authjs_user_release(out);
    return ok;
}

/* Some providers have numbers. */
static bool take_provider_id(const json_t *root, struct buf *out)
{
    const json_t *value = json_object_get(root, "providerAccountId");
    if (json_is_integer(value))
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_string(value))
        buf_append(out, json_string_value(value), json_string_length(value));
    return is_part(out->data, out->len, AUTHJS_ID_MAX);
}

bool authjs_read_account(struct authjs_account *out, const void *json, size_t len)
{
    json_t *root = parse(json, len);
    *out = (struct authjs_account){0};
    bool ok = root && take_id(root, "userId", &out->user_id) && take(root, "type", &out->type) &&
              take_id(root, "provider", &out->provider) &&
              is_provider((const char *)out->provider.data, out->provider.len) &&
              take_provider_id(root, &out->provider_id);
    json_decref(root);
    if (!ok)
        authjs_account_release(out);
    return ok;
}

bool authjs_read_session(struct authjs_session *out, const void *json, size_t len)
{
    json_t *root = parse(json, len);
    *out = (struct authjs_session){0};
    bool ok = root && take(root, "sessionToken", &out->token) &&
              take_id(root, "userId", &out->user_id) &&
              take_date(root, "expires", &out->expires_ms);
    json_decref(root);
    if (!ok)
        authjs_session_release(out);
    return ok;
}

bool authjs_read_id(struct buf *out, const void *value, size_t len)
{
    if (!is_id(value, len))
        return false;
    put_key(out, "", value, len);
    return true;
}

bool authjs_read_key(struct buf *out, enum authjs_key kind, const void *value, size_t len)
{
    const char *prefix = kind == AUTHJS_ACCOUNT_OF ? ACCOUNT : SESSION;
    if (len <= strlen(prefix) || memcmp(value, prefix, strlen(prefix)) != 0)
        return false;
    const char *rest = (const char *)value + strlen(prefix);
    len -= strlen(prefix);
    if (kind != AUTHJS_ACCOUNT_OF)
        return authjs_key(out, AUTHJS_SESSION, rest, len);
    const char *colon = memchr(rest, ':', len);
    if (!colon)
        return false;
    char *provider = xstrndup(rest, (size_t)(colon - rest));
    bool ok = authjs_account_key(out, provider, colon + 1, len - (size_t)(colon + 1 - rest));
    free(provider);
    return ok;
}

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *begin(const struct buf *former)
{
    json_t *root = former ? parse(former->data, former->len) : NULL;
    return root ? root : json_object();
}

static void put(json_t *root, const char *name, const struct buf *value)
{
    json_t *s = value->len ? json_stringn((const char *)value->data, value->len) : NULL;
    json_object_set_new(root, name, s ? s : json_null());
}

static void put_date(json_t *root, const char *name, uint64_t ms)
{
    char date[AUTHJS_DATE_SIZE];
    authjs_write_date(date, ms);
    json_object_set_new(root, name, json_string(date));
}

static void end(struct buf *out, json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    buf_clear(out);
    if (!text)
        abort(); /* it has nothing that cannot be written: out of memory */
    buf_puts(out, text);
    free(text);
    json_decref(root);
}

void authjs_write_user(struct buf *out, const struct authjs_user *u, const struct buf *former)
{
    json_t *root = begin(former);
    put(root, "name", &u->name);
    put(root, "email", &u->email);
    put(root, "image", &u->image);
    if (u->verified_ms)
        put_date(root, "emailVerified", u->verified_ms);
    else
        json_object_set_new(root, "emailVerified", json_null());
    put(root, "id", &u->id);
    if (u->signed_out_ms)
        put_date(root, "signedOutAt", u->signed_out_ms);
    end(out, root);
}

void authjs_write_account(struct buf *out, const struct authjs_account *a, const struct buf *former)
{
    json_t *root = begin(former);
    struct buf id = {0};
    buf_append(&id, a->provider.data, a->provider.len);
    buf_putc(&id, ':');
    buf_append(&id, a->provider_id.data, a->provider_id.len);
    put(root, "userId", &a->user_id);
    if (a->type.len)
        put(root, "type", &a->type);
    else
        json_object_set_new(root, "type", json_string("oauth"));
    put(root, "provider", &a->provider);
    put(root, "providerAccountId", &a->provider_id);
    put(root, "id", &id);
    buf_release(&id);
    end(out, root);
}

void authjs_write_session(struct buf *out, const struct authjs_session *s, const struct buf *former)
{
    json_t *root = begin(former);
    put(root, "sessionToken", &s->token);
    put(root, "userId", &s->user_id);
    put_date(root, "expires", s->expires_ms);
    end(out, root);
}

void authjs_user_release(struct authjs_user *u)
{
    buf_release(&u->id);
    buf_release(&u->name);
    buf_release(&u->email);
    buf_release(&u->image);
    *u = (struct authjs_user){0};
}

void authjs_account_release(struct authjs_account *a)
{
    buf_release(&a->user_id);
    buf_release(&a->type);
    buf_release(&a->provider);
    buf_release(&a->provider_id);
    *a = (struct authjs_account){0};
}

void authjs_session_release(struct authjs_session *s)
{
    buf_release(&s->token);
    buf_release(&s->user_id);
    *s = (struct authjs_session){0};
}
