#include "app/authorize.h"

#include "app/say.h"
#include "app/transfer.h"
#include "server/email.h"
#include "server/link_about.h"
#include "server/name.h"
#include "store/authjs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- options ---------------------------------------------------------------------------------- */

/* False with a reason. */
static bool read_emails(struct emails *e, const struct authorize_opts *o, char *err, size_t err_len)
{
    struct buf json = {0};
    for (size_t i = 0; i < o->email_count; i++) {
        enum emails_verdict verdict = emails_add(e, o->emails[i], strlen(o->emails[i]));
        if (verdict == EMAILS_OK)
            continue;
        if (verdict == EMAILS_BAD)
            snprintf(err, err_len, "this is no email address: \"%.100s\"", o->emails[i]);
        else
            snprintf(err, err_len, "more than %d addresses", EMAILS_MAX);
        return false;
    }
    bool ok = emails_write(&json, e);
    if (!ok)
        snprintf(err, err_len, "the addresses are too long together");
    buf_release(&json);
    return ok;
}

bool authorize_check(const struct authorize_opts *o, char *err, size_t err_len)
{
    struct emails e = {0};
    enum name_verdict name = o->id ? name_check(o->id, strlen(o->id)) : NAME_BAD;
    *err = '\0';
    if (!o->id)
        snprintf(err, err_len, "NAME is missing (see --help)");
    else if (name == NAME_BAD)
        snprintf(err, err_len, "no bytecrowd can have this name: \"%.140s\"", o->id);
    else if (name == NAME_RESERVED)
        snprintf(err, err_len, "/%s is an address of the server's own", o->id);
    else if ((o->email_count > 0) + o->everybody + o->links + (o->revoke != NULL) > 1)
        snprintf(err, err_len, "addresses, --public, --links and --revoke: one at a time");
    else if (o->revoke && strcmp(o->revoke, "all") != 0 &&
             !store_link_hash_ok(o->revoke, strlen(o->revoke)))
        snprintf(err, err_len, "--revoke: the hash of a link (see --links), or all");
    else
        read_emails(&e, o, err, err_len);
    emails_release(&e);
    return !*err;
}

/* --- what is there ---------------------------------------------------------------------------- */

/* One line to standard output. */
static void put_line(struct buf *line)
{
    say_clean(line);
    buf_putc(line, '\n');
    fwrite(line->data, 1, line->len, stdout);
    buf_clear(line);
}

static void show_emails(const struct store_op *access, bool before)
{
    struct emails e = {0};
    struct buf line = {0};
    const char *when = before ? "until now " : "";
    if (!access->has_emails)
        say("%s%s %s public%s", when, access->id, before ? "was" : "is",
            before ? "" : ": everybody may enter");
    else if (!emails_read(&e, access->emails.data, access->emails.len))
        say("%snobody may enter %s: what is set makes no sense", when, access->id);
    else if (!e.count)
        say("%snobody may enter %s", when, access->id);
    else if (before)
        say("until now these could enter %s:", access->id);
    for (size_t i = 0; i < e.count; i++) {
        buf_append(&line, e.all[i].data, e.all[i].len);
        put_line(&line);
    }
    fflush(stdout);
    emails_release(&e);
    buf_release(&line);
}

static void put_column(struct buf *line, const struct buf *column)
{
    struct buf clean = {0};
    buf_append(&clean, column->data, column->len);
    say_clean(&clean);
    buf_puts(line, clean.len ? buf_str(&clean) : "-");
    buf_release(&clean);
}

static void show_link(const struct store_link *l, const struct link_about *about)
{
    struct buf line = {0};
    char date[AUTHJS_DATE_SIZE] = "-";
    if (about->at_ms)
        authjs_write_date(date, about->at_ms);
    buf_printf(&line, "%s\t", l->hash);
    put_column(&line, &about->label);
    buf_putc(&line, '\t');
    put_column(&line, &about->by);
    printf("%s\t%s\n", buf_str(&line), date);
    buf_release(&line);
}

static void show_links(const struct store_op *access)
{
    if (!access->link_count)
        say("%s has no read-only links", access->id);
    for (size_t i = 0; i < access->link_count; i++) {
        struct link_about about;
        link_about_read(&about, access->links[i].about.data, access->links[i].about.len);
        show_link(&access->links[i], &about);
        link_about_release(&about);
    }
}

/* --- what is changed -------------------------------------------------------------------------- */

static bool has_link(const struct store_op *access, const char *hash)
{
    for (size_t i = 0; i < access->link_count; i++)
        if (strcmp(access->links[i].hash, hash) == 0)
            return true;
    return false;
}

static int tell_revoked(const struct authorize_opts *o, const struct store_op *access)
{
    if (strcmp(o->revoke, "all") == 0) {
        say("revoked %zu link%s of %s", access->link_count, access->link_count == 1 ? "" : "s",
            o->id);
        return TRANSFER_DONE;
    }
    if (!has_link(access, o->revoke)) {
        say("%s has no such link", o->id);
        return TRANSFER_BROKEN;
    }
    say("revoked 1 link of %s", o->id);
    return TRANSFER_DONE;
}

static int tell_authorized(const struct authorize_opts *o, const struct store_op *access)
{
    struct emails e = {0};
    char err[256];
    show_emails(access, true);
    if (o->everybody) {
        say("now %s is public: everybody may enter", o->id);
    } else {
        read_emails(&e, o, err, sizeof(err));
        say("now %zu address%s may enter %s", e.count, e.count == 1 ? "" : "es", o->id);
    }
    emails_release(&e);
    return TRANSFER_DONE;
}

/* What is to be changed; false if nothing is. */
static bool prepare(const struct authorize_opts *o, struct store_op *op)
{
    struct emails e = {0};
    char err[256];
    *op = (struct store_op){.kind = STORE_AUTHORIZE, .id = o->id, .force = true};
    if (o->revoke) {
        op->kind = STORE_LINK_REMOVE;
        buf_puts(&op->data, strcmp(o->revoke, "all") == 0 ? "*" : o->revoke);
    } else if (o->email_count) {
        read_emails(&e, o, err, sizeof(err));
        emails_write(&op->emails, &e);
        emails_release(&e);
    }
    return o->revoke || o->email_count || o->everybody;
}

static int tell(const struct authorize_opts *o, const struct store_op *access,
                const struct store_op *change)
{
    if (change->result < 0) {
        say("--store: %s", change->error);
        return TRANSFER_BROKEN;
    }
    if (access->result < 0) { /* but what had to be changed is */
        say("what was set for %s cannot be read: %s", o->id, access->error);
        return TRANSFER_PARTLY;
    }
    if (o->revoke)
        return tell_revoked(o, access);
    if (o->everybody || o->email_count)
        return tell_authorized(o, access);
    if (o->links)
        show_links(access);
    else
        show_emails(access, false);
    return TRANSFER_DONE;
}

static int run(struct store *s, const struct authorize_opts *o)
{
    struct store_op access = {.kind = STORE_ACCESS, .id = o->id}, change;
    struct store_op *ops[] = {&access, &change};
    bool changes = prepare(o, &change);
    store_run(s, ops, changes ? 2 : 1);
    int code = tell(o, &access, changes ? &change : &access);
    store_op_release(&access);
    store_op_release(&change);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say("standard output cannot be written");
        code = TRANSFER_BROKEN;
    }
    return code;
}

int authorize(const char *url, const struct store_opts *store, const struct authorize_opts *opts)
{
    struct store_opts o = *store;
    char err[256];
    o.beside = opts->revoke || opts->email_count || opts->everybody;
    o.read_only = !o.beside;
    struct store *s = store_open(url, &o, err, sizeof(err));
    if (!s) {
        say("--store: %s", err);
        return TRANSFER_BROKEN;
    }
    int code = run(s, opts);
    store_close(s);
    return code;
}
