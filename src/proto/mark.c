#include "proto/mark.h"

#include "base/utf8.h"
#include "proto/awareness.h"

#include <string.h>

/* What is to be set; all zero: nothing. */
struct word {
    const char *name, *email;
    size_t name_len, email_len;
};

static bool is(const struct json_member *m, const char *name)
{
    return json_text_is(m->name, name, strlen(name));
}

const char *mark_email(const struct awareness_identity *who)
{
    const char *email = who ? who->email : NULL;
    size_t len = email ? strnlen(email, MARK_EMAIL_MAX + 1) : 0;
    return len && len <= MARK_EMAIL_MAX && utf8_valid(email, len) ? email : NULL;
}

/* Of bytes that are no text, what stands before them. */
static size_t cut(const char *s, size_t most)
{
    size_t len = strlen(s), n = 0;
    for (size_t c; n < len && (c = utf8_char(s + n, len - n)) && n + c <= most;)
        n += c;
    return n;
}

static struct word word_of(const struct awareness_identity *who)
{
    struct word w = {.email = mark_email(who)};
    w.email_len = w.email ? strlen(w.email) : 0;
    w.name = who ? who->name : NULL;
    w.name_len = w.name ? cut(w.name, MARK_NAME_MAX) : 0;
    if (!w.name_len && w.email) {
        w.name = w.email;
        w.name_len = cut(w.email, MARK_NAME_MAX);
    }
    return w;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* No escape but \u stands for a letter. Most states have none: memchr() is the faster one to say so. */
static bool could_say(const char *state, size_t len, const char *name)
{
    return memmem(state, len, name, strlen(name)) ||
           (memchr(state, '\\', len) && memmem(state, len, "\\u", 2));
}

/* The `user` that counts; false: there is none. */
static bool find_user(const char *state, size_t len, struct json_text *user)
{
    struct json_members it;
    struct json_member m;
    bool found = false;
    if (!json_members(state, len, &it))
        return false;
    while (json_members_next(&it, &m))
        if (is(&m, "user")) {
            *user = m.value;
            found = true;
        }
    return found;
}

bool mark_read(const char *state, size_t len, struct json_text *email)
{
    struct json_text user, found = {"", 0};
    struct json_members it;
    struct json_member m;
    bool verified = false;
    if (!could_say(state, len, "verified") || !find_user(state, len, &user) ||
        !json_members(user.p, user.len, &it))
        return false;
    while (json_members_next(&it, &m)) {
        if (is(&m, "verified"))
            verified = m.value.len == 4 && !memcmp(m.value.p, "true", 4);
        else if (is(&m, "email"))
            found = m.value;
    }
    if (email)
        *email = found;
    return verified && found.len > 2 && *found.p == '"';
}

/* --- rewriting -------------------------------------------------------------------------------- */

/* Members of `user` that are the server's own. */
static bool is_ours(const struct json_member *m, const struct word *w)
{
    return is(m, "verified") || is(m, "email") || is(m, "__proto__") ||
           (w->name_len && is(m, "name"));
}

/* Whether anything in the state, read in whatever way, has what nobody but the server may say. Most have not
 * even the words: they move a cursor. */
static bool has_ours(const char *state, size_t len)
{
    static const struct word nobody;
    struct json_members top, user;
    struct json_member m, n;
    if (!could_say(state, len, "verified") && !could_say(state, len, "email"))
        return false;
    if (!json_members(state, len, &top))
        return false;
    while (json_members_next(&top, &m)) {
        if (is(&m, "__proto__"))
            return true;
        if (is(&m, "user") && json_members(m.value.p, m.value.len, &user))
            while (json_members_next(&user, &n))
                if (is_ours(&n, &nobody))
                    return true;
    }
    return false;
}

/* After `{` or another member. */
static void put_comma(struct buf *out)
{
    if (out->data[out->len - 1] != '{')
        buf_putc(out, ',');
}

static void put_member(struct buf *out, const struct json_member *m)
{
    put_comma(out);
    buf_append(out, m->name.p, m->name.len);
    buf_putc(out, ':');
    buf_append(out, m->value.p, m->value.len);
}

static void put_text(struct buf *out, const char *name, const char *s, size_t len)
{
    put_comma(out);
    json_text_put(out, name, strlen(name));
    buf_putc(out, ':');
    json_text_put(out, s, len);
}

/* `user`: what was sent, of any kind; NULL: nothing was. */
static void put_user(struct buf *out, const struct json_text *user, const struct word *w)
{
    struct json_members it;
    struct json_member m;
    bool object = user && json_members(user->p, user->len, &it);
    put_comma(out);
    buf_puts(out, "\"user\":");
    if (user && !object && !w->name_len) {
        buf_append(out, user->p, user->len);
        return;
    }
    buf_putc(out, '{');
    while (object && json_members_next(&it, &m))
        if (!is_ours(&m, w))
            put_member(out, &m);
    if (w->name_len)
        put_text(out, "name", w->name, w->name_len);
    if (w->email_len) {
        put_text(out, "email", w->email, w->email_len);
        buf_puts(out, ",\"verified\":true");
    }
    buf_putc(out, '}');
}

bool mark_rewrite(const char *state, size_t len, const struct awareness_identity *who,
                  struct buf *out)
{
    struct word w = word_of(who);
    struct json_members it;
    struct json_member m;
    struct json_text user;
    if ((!w.name_len && !has_ours(state, len)) || !json_members(state, len, &it))
        return false;
    bool found = find_user(state, len, &user);
    buf_putc(out, '{');
    while (json_members_next(&it, &m)) {
        if (is(&m, "user")) {
            if (m.value.p == user.p)
                put_user(out, &user, &w);
        } else if (!is(&m, "__proto__")) {
            put_member(out, &m);
        }
    }
    if (!found && w.name_len)
        put_user(out, NULL, &w);
    buf_putc(out, '}');
    return true;
}
