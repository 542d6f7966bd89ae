/*
 * bytecrowds export. FILE.part grows line by line and becomes FILE when its last line is in it, so
 * FILE is always whole. A FILE.part that is there is gone on with: its whole lines are kept, and
 * what they hold is not read again.
 */
#include "app/transfer_int.h"
#include "base/mem.h"
#include "base/table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BYTES (64u * 1024)
#define READ_BYTES (1u * 1024 * 1024)
#define LISTS_MAX 100

struct exporter {
    struct transfer t;
    int fd;                       /* of `part`, or standard output */
    const char *name;             /* what is written to, for people */
    struct buf part;              /* the name of FILE.part; empty: standard output */
    struct buf out;               /* not written yet; whole lines but for its beginning */
    struct table done, keys_done; /* names that were met, here or in the file */
    uint64_t missing;             /* could not be read */
    size_t group;                 /* names to load at a time */
    bool one_by_one, write_failed;
};

/* --- the file --------------------------------------------------------------------------------- */

static int flush(struct exporter *e)
{
    for (size_t at = 0; at < e->out.len;) {
        ssize_t n = write(e->fd, e->out.data + at, e->out.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            transfer_say(&e->t, "%s: %s", e->name, strerror(errno));
            e->write_failed = true;
            return -1;
        }
        at += (size_t)n;
    }
    buf_clear(&e->out);
    return 0;
}

/* A line was put into `out`. */
static int wrote_line(struct exporter *e, size_t before)
{
    e->t.bytes += e->out.len - before;
    e->t.new_bytes += e->out.len - before;
    return e->out.len >= WRITE_BYTES ? flush(e) : 0;
}

static int broken(struct exporter *e, const char *what)
{
    transfer_say(&e->t, "%s: %s", what, strerror(errno));
    return -1;
}

static int sync_folder(const char *file)
{
    char *copy = xstrdup(file);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    free(copy);
    return result;
}

static int check_target(struct exporter *e)
{
    const char *file = e->t.opts->file;
    struct stat st;
    if (lstat(file, &st) != 0)
        return errno == ENOENT ? 0 : broken(e, file);
    if (!S_ISREG(st.st_mode))
        transfer_say(&e->t, "%s is there and is no regular file", file);
    else if (!e->t.opts->force)
        transfer_say(&e->t, "%s is there; --force replaces it", file);
    else
        return 0;
    return -1;
}

/* Without --force in one step: FILE may come to be after it was looked for. */
static int put_in_place(struct exporter *e)
{
    const char *part = buf_str(&e->part), *file = e->t.opts->file;
    unsigned how = e->t.opts->force ? 0 : RENAME_NOREPLACE;
    int result = renameat2(AT_FDCWD, part, AT_FDCWD, file, how);
    if (result != 0 && (errno == EINVAL || errno == ENOSYS)) /* not every file system can */
        result = rename(part, file);
    return result;
}

static int finish_file(struct exporter *e)
{
    if (flush(e) < 0)
        return -1;
    if (!e->part.len)
        return 0;
    if (fsync(e->fd) != 0)
        return broken(e, e->name);
    if (check_target(e) < 0)
        return -1;
    if (put_in_place(e) != 0 || sync_folder(e->t.opts->file) != 0)
        return broken(e, e->t.opts->file);
    return 0;
}

/* --- going on --------------------------------------------------------------------------------- */

/* Which store it is, without what signs in there: before the last @, and for Sentinels behind ?. */
static void describe(const char *url, struct buf *out)
{
    const char *host = strstr(url, "://"), *at = strrchr(url, '@');
    bool sentinels = strstr(url, "+sentinel://");
    if (host && at && strncmp(url, "sqlite:", 7) != 0) {
        buf_append(out, url, (size_t)(host + 3 - url));
        url = at + 1;
    }
    buf_append(out, url, sentinels ? strcspn(url, "?") : strlen(url));
    buf_str(out);
}

/* What is kept of the lines that are there: `end` is behind the last good one. */
struct resumed {
    uint64_t end;
    bool has_head;
};

static bool is_head_of(struct exporter *e, struct record *head, const struct buf *store)
{
    bool same =
        head->store.len == store->len && memcmp(head->store.data, store->data, store->len) == 0;
    if (same && head->version == RECORD_VERSION)
        return true;
    if (same)
        transfer_say(&e->t, "%s was begun by an older bytecrowds: remove it", e->name);
    else
        transfer_say(&e->t, "%s is an export of %s: remove it, or choose another file", e->name,
                     buf_str(&head->store));
    return false;
}

/* false: from here on nothing is kept. */
static bool keep_line(struct exporter *e, struct resumed *r, const struct buf *store,
                      const uint8_t *line, size_t len, bool *foreign)
{
    struct record record;
    char err[160];
    enum record_kind kind = record_read(&record, line, len, err, sizeof(err));
    bool keep = false;
    if (!r->has_head) {
        keep = r->has_head = kind == RECORD_HEAD && is_head_of(e, &record, store);
        *foreign = !keep;
        if (kind != RECORD_HEAD)
            transfer_say(&e->t, "%s is no export: remove it, or choose another file", e->name);
    } else if (kind == RECORD_CROWD || kind == RECORD_KEY) {
        struct table *done = kind == RECORD_KEY ? &e->keys_done : &e->done;
        keep = !table_set(done, record.id.data, record.id.len, e);
        *(kind == RECORD_KEY ? &e->t.keys : &e->t.count) += keep;
    }
    record_release(&record);
    return keep;
}

/* Reads FILE.part up to where it is not whole. 0, or -1 if it cannot be gone on with. */
static int read_part(struct exporter *e, struct resumed *r, const struct buf *store)
{
    struct buf b = {0};
    bool foreign = false, keep = true;
    ssize_t n = 0;
    while (keep && !transfer_stopped() &&
           (n = read(e->fd, buf_reserve(&b, READ_BYTES), READ_BYTES)) > 0) {
        size_t from = 0, searched = b.len;
        const uint8_t *newline;
        b.len += (size_t)n;
        while (keep && (newline = memchr(b.data + searched, '\n', b.len - searched))) {
            size_t len = (size_t)(newline - b.data) - from;
            keep = keep_line(e, r, store, b.data + from, len, &foreign);
            if (keep)
                r->end += len + 1;
            from = searched = from + len + 1;
        }
        buf_consume(&b, from);
    }
    buf_release(&b);
    return n < 0 ? broken(e, e->name) : foreign ? -1 : 0;
}

static int go_on(struct exporter *e, const struct buf *store)
{
    struct resumed r = {0};
    if (read_part(e, &r, store) < 0)
        return -1;
    if (transfer_stopped()) {
        transfer_say(&e->t, "stopped");
        return -1;
    }
    if (ftruncate(e->fd, (off_t)r.end) != 0 || lseek(e->fd, (off_t)r.end, SEEK_SET) < 0)
        return broken(e, e->name);
    e->t.bytes = r.end;
    if (e->t.count)
        transfer_say(&e->t, "going on with %s: it has %" PRIu64 " bytecrowds", e->name, e->t.count);
    if (!r.has_head) {
        record_put_head(&e->out, (const char *)store->data);
        return wrote_line(e, 0);
    }
    return 0;
}

/* Whether the name still leads to what was opened: the export that had it may have just ended. */
static bool is_still(struct exporter *e)
{
    struct stat by_name, opened;
    return stat(e->name, &by_name) == 0 && fstat(e->fd, &opened) == 0 &&
           by_name.st_ino == opened.st_ino && by_name.st_dev == opened.st_dev;
}

/* What somebody else has put there, or has under another name too, would be theirs to read. */
static bool is_ours(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           st.st_nlink == 1 && fchmod(fd, 0600) == 0;
}

/* A new part, or the one that is there. */
static int open_part(struct exporter *e)
{
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    e->fd = open(e->name, flags | O_CREAT | O_EXCL, 0600);
    if (e->fd >= 0)
        return 0;
    if (errno == EEXIST)
        e->fd = open(e->name, flags);
    if (e->fd < 0)
        return broken(e, e->name);
    if (is_ours(e->fd))
        return 0;
    transfer_say(&e->t, "%s is not this user's alone: remove it, or choose another file", e->name);
    return -1;
}

static int open_file(struct exporter *e, const char *url)
{
    const char *file = e->t.opts->file;
    struct buf store = {0};
    int result = -1;
    describe(url, &store);
    if (strcmp(file, "-") == 0) {
        e->fd = STDOUT_FILENO;
        e->name = "standard output";
        record_put_head(&e->out, (const char *)store.data);
        result = wrote_line(e, 0);
        goto out;
    }
    if (check_target(e) < 0)
        goto out;
    buf_printf(&e->part, "%s.part", file);
    e->name = buf_str(&e->part);
    if (open_part(e) < 0)
        goto out;
    if (flock(e->fd, LOCK_EX | LOCK_NB) != 0 || !is_still(e))
        transfer_say(&e->t, "%s is being written by another export", e->name);
    else
        result = go_on(e, &store);
out:
    buf_release(&store);
    return result;
}

/* --- the store -------------------------------------------------------------------------------- */

static void not_read(struct exporter *e, const char *name, const char *why)
{
    e->missing++;
    transfer_say(&e->t, "not exported: %s: %s", name, why);
}

static int put_loaded(struct exporter *e, const struct store_op *op)
{
    size_t before = e->out.len;
    bool key = op->kind == STORE_GET;
    if (op->result < 0) {
        not_read(e, key ? op->key : op->id, op->error);
        return 0;
    }
    if (key ? !op->found : record_is_nothing(op))
        return 0; /* it was removed after it was listed */
    if (key)
        record_put_key(&e->out, op);
    else
        record_put_crowd(&e->out, op);
    (*(key ? &e->t.keys : &e->t.count))++;
    e->t.new_count++;
    return wrote_line(e, before);
}

/* As many at a time as make a good group; mean sizes change little, so the last group's will do. */
static void adapt(struct exporter *e, size_t n, size_t weight)
{
    size_t good = n * 2;
    if (weight > TRANSFER_GROUP_BYTES)
        good = (size_t)((uint64_t)n * TRANSFER_GROUP_BYTES / weight);
    if (good > TRANSFER_GROUP_OPS)
        good = TRANSFER_GROUP_OPS;
    e->group = good < 1 || e->one_by_one ? 1 : good;
}

static struct store_op reading(enum store_kind list, struct buf *name)
{
    if (list == STORE_LIST_KEYS)
        return (struct store_op){.kind = STORE_GET, .key = buf_str(name)};
    return (struct store_op){.kind = STORE_LOAD, .id = buf_str(name)};
}

static int load_group(struct exporter *e, enum store_kind what, struct buf *names, size_t n)
{
    struct store_op ops[TRANSFER_GROUP_OPS], *list[TRANSFER_GROUP_OPS];
    size_t weight = 0;
    for (size_t i = 0; i < n; i++) {
        ops[i] = reading(what, &names[i]);
        list[i] = &ops[i];
    }
    int result = transfer_run(&e->t, list, n);
    for (size_t i = 0; i < n; i++) {
        weight += transfer_weight(&ops[i]);
        if (result == 0)
            result = put_loaded(e, &ops[i]);
        store_op_release(&ops[i]);
    }
    adapt(e, n, weight);
    transfer_progress(&e->t);
    return result;
}

/* Each name once: a list may hold it twice, and a bytecrowd may be in several lists. */
static bool is_due(struct exporter *e, enum store_kind what, struct buf *name)
{
    struct table *done = what == STORE_LIST_KEYS ? &e->keys_done : &e->done;
    if (table_set(done, name->data, name->len, e))
        return false;
    if (name->len && name->len <= RECORD_ID_MAX && !memchr(name->data, '\0', name->len))
        return true;
    not_read(e, buf_str(name), "a name that cannot be");
    return false;
}

static int export_names(struct exporter *e, enum store_kind what, struct buf *names, size_t count)
{
    size_t due = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_due(e, what, &names[i]))
            continue;
        struct buf name = names[i];
        names[i] = names[due];
        names[due++] = name;
    }
    for (size_t from = 0; from < due;) {
        size_t n = due - from < e->group ? due - from : e->group;
        if (transfer_stopped() || load_group(e, what, names + from, n) < 0)
            return -1;
        from += n;
    }
    return flush(e);
}

/* Looks through the whole list, or until the connection was made anew: *torn. */
static int export_list(struct exporter *e, enum store_kind what, bool *torn)
{
    struct store_op op = {.kind = what}, *ops = &op;
    uint32_t first = 0;
    bool begun = false;
    int result;
    do {
        result = transfer_stopped() ? -1 : transfer_run(&e->t, &ops, 1);
        if (result == 0 && op.result < 0) {
            transfer_say(&e->t, "the store cannot list what it has: %s", op.error);
            result = -1;
        }
        if (result == 0)
            result = export_names(e, what, op.names, op.name_count);
        *torn = begun && op.generation != first;
        first = op.generation;
        begun = true;
        struct buf cursor = op.cursor;
        op.cursor = (struct buf){0};
        store_op_release(&op);
        op = (struct store_op){.kind = what, .cursor = cursor};
    } while (result == 0 && !*torn && op.cursor.len);
    store_op_release(&op);
    return result;
}

/* A cursor means nothing to a Redis that was started again, nor to another that took its place: it
 * would pass over some. So then the list is begun anew; what was exported is not read again. */
static int export_all(struct exporter *e, enum store_kind what)
{
    for (int i = 0; i < LISTS_MAX; i++) {
        bool torn = false;
        if (export_list(e, what, &torn) < 0)
            return -1;
        if (!torn)
            return 0;
    }
    transfer_say(&e->t, "the connection to the store is lost too often to list what it has");
    return -1;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int export_into_file(struct exporter *e)
{
    if (export_all(e, STORE_LIST) < 0 || export_all(e, STORE_LIST_KEYS) < 0)
        return -1;
    size_t before = e->out.len;
    record_put_tail(&e->out, e->t.count, e->t.keys);
    return wrote_line(e, before) < 0 ? -1 : finish_file(e);
}

static void say_how_to_go_on(struct exporter *e)
{
    const char *how = transfer_stopped() ? "stopped" : "not finished";
    if (!e->part.len)
        transfer_say(&e->t, "%s: what was written is not complete", how);
    else if (e->write_failed || flush(e) < 0)
        transfer_say(&e->t, "%s: the same command goes on with %s", how, e->name);
    else
        transfer_say(&e->t,
                     "%s: %s has %" PRIu64 " bytecrowds; the same command goes on from there", how,
                     e->name, e->t.count);
}

int transfer_export(const char *url, const struct store_opts *store,
                    const struct transfer_opts *opts)
{
    struct exporter e = {.t = {.opts = opts, .doing = "exported"}, .fd = -1, .group = 16};
    struct store_opts reading = *store;
    int code = TRANSFER_BROKEN;
    reading.read_only = true;
    if (transfer_begin(&e.t, url, &reading) == 0 && open_file(&e, url) == 0) {
        /* A SQLite file has no way that groups would save. */
        e.one_by_one = strcmp(store_name(e.t.store), "sqlite") == 0;
        if (e.one_by_one)
            e.group = 1;
        if (export_into_file(&e) < 0)
            say_how_to_go_on(&e);
        else
            code = e.missing ? TRANSFER_PARTLY : TRANSFER_DONE;
    }
    if (code != TRANSFER_BROKEN)
        transfer_say_sum(&e.t, "");
    if (code == TRANSFER_PARTLY)
        transfer_say(&e.t, "%" PRIu64 " could not be read and are not in it", e.missing);
    transfer_end(&e.t);
    if (e.fd >= 0 && e.fd != STDOUT_FILENO)
        close(e.fd);
    buf_release(&e.part);
    buf_release(&e.out);
    table_release(&e.done);
    table_release(&e.keys_done);
    return code;
}
