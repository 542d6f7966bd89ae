/*
 * bytecrowds import. Each bytecrowd is one STORE_IMPORT, which is whole or nothing and never
 * overwrites, each key one STORE_SET if it is not there; some make a group. What is there already is compared, so the same file can be
 * imported again after an interruption.
 */
#include "app/import_int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES (1u * 1024 * 1024)

/* --- lines ------------------------------------------------------------------------------------ */

enum line { LINE_BAD = -1, LINE_END, LINE_CUT, LINE_WHOLE };

/* The next line, valid until the next call. CUT: what stands behind the last newline. */
static enum line next_line(struct importer *m, const uint8_t **line, size_t *len)
{
    struct buf *b = &m->in;
    size_t searched = m->from;
    for (;;) {
        const uint8_t *newline =
            b->len > searched ? memchr(b->data + searched, '\n', b->len - searched) : NULL;
        if (newline) {
            *line = b->data + m->from;
            *len = (size_t)(newline - *line);
            m->from += *len + 1;
            m->line++;
            return LINE_WHOLE;
        }
        buf_consume(b, m->from);
        m->from = 0;
        searched = b->len;
        if (!m->line && b->len > RECORD_HEAD_MAX)
            return LINE_CUT; /* whatever this is, it need not be read to its end */
        ssize_t n = read(m->fd, buf_reserve(b, READ_BYTES), READ_BYTES);
        if (n < 0 && errno == EINTR && !transfer_stopped())
            continue;
        if (n < 0) {
            if (!transfer_stopped())
                transfer_say(&m->t, "%s: %s", m->name, strerror(errno));
            return LINE_BAD;
        }
        if (n == 0) {
            *line = b->data;
            *len = b->len;
            return b->len ? LINE_CUT : LINE_END;
        }
        b->len += (size_t)n;
    }
}

static int bad_line(struct importer *m, const char *why)
{
    m->bad_file = true;
    transfer_say(&m->t, "%s: line %" PRIu64 " %s", m->name, m->line, why);
    return -1;
}

static int read_head(struct importer *m)
{
    struct record r;
    const uint8_t *line;
    size_t len;
    char err[160];
    enum line found = next_line(m, &line, &len);
    if (found == LINE_BAD)
        return -1;
    if (found != LINE_WHOLE) {
        transfer_say(&m->t, "%s is no export of bytecrowds", m->name);
        return -1;
    }
    enum record_kind kind = record_read(&r, line, len, err, sizeof(err));
    record_release(&r);
    if (kind == RECORD_HEAD)
        return 0;
    return bad_line(m, kind == RECORD_BAD ? err : "is not the first one of an export");
}

/* --- groups ----------------------------------------------------------------------------------- */

static void clear_group(struct importer *m)
{
    for (size_t i = 0; i < m->count; i++)
        record_release(&m->group[i]);
    m->count = 0;
    m->weight = 0;
}

static void imported(struct importer *m, const struct record *r)
{
    (*(r->kind == RECORD_KEY ? &m->t.keys : &m->t.count))++;
    m->t.new_count++;
}

/* Which of the group's are there already, in `there`. */
static size_t take_results(struct importer *m, struct record **there)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct store_op *op = &m->group[i].op;
        if (op->result == STORE_OK)
            imported(m, &m->group[i]);
        else if (op->result == STORE_EXISTS)
            there[n++] = &m->group[i];
        else
            import_left_out(m, import_name(&m->group[i]), op->error);
    }
    return n;
}

static int run_group(struct importer *m)
{
    struct store_op *list[TRANSFER_GROUP_OPS];
    struct record *there[TRANSFER_GROUP_OPS];
    int result = 0;
    for (size_t i = 0; i < m->count; i++)
        list[i] = &m->group[i].op;
    if (m->count)
        result = transfer_run(&m->t, list, m->count);
    if (result == 0)
        result = import_compare(m, there, take_results(m, there));
    clear_group(m);
    transfer_progress(&m->t);
    return result;
}

/* Takes over what *r has. */
static int add(struct importer *m, struct record *r)
{
    size_t weight = transfer_weight(&r->op), most = store_max_value(m->t.store);
    if (weight > most) {
        char why[64];
        snprintf(why, sizeof(why), "this store takes no more than %s at once", transfer_size(most));
        import_left_out(m, import_name(r), why);
        record_release(r);
        return 0;
    }
    bool full = m->count == TRANSFER_GROUP_OPS || m->weight + weight > TRANSFER_GROUP_BYTES;
    if (m->count && full && run_group(m) < 0) {
        record_release(r);
        return -1;
    }
    struct record *place = &m->group[m->count++];
    *place = *r;
    if (place->kind == RECORD_KEY)
        place->op.key = buf_str(&place->id);
    else
        place->op.id = buf_str(&place->id);
    m->weight += weight;
    return 0;
}

/* What is over by now is nothing that could be missed. */
static int add_key(struct importer *m, struct record *r)
{
    if (!r->op.expires_ms || r->op.expires_ms > clock_now_ms())
        return add(m, r);
    record_release(r);
    return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

static int read_tail(struct importer *m, const struct record *tail)
{
    const uint8_t *line;
    size_t len;
    if (tail->count != m->crowds)
        return bad_line(m, "counts other bytecrowds than there are");
    if (tail->keys != m->keys)
        return bad_line(m, "counts other keys than there are");
    enum line more = next_line(m, &line, &len);
    if (more == LINE_END)
        return 0;
    return more == LINE_BAD ? -1 : bad_line(m, "should be the last one");
}

/* 1: there are more. */
static int read_one(struct importer *m)
{
    struct record r;
    const uint8_t *line;
    size_t len;
    char err[160];
    enum line found = next_line(m, &line, &len);
    if (found == LINE_BAD)
        return -1;
    if (found != LINE_WHOLE) {
        m->bad_file = true;
        transfer_say(&m->t, "%s ends too early: the rest is missing", m->name);
        return -1;
    }
    m->t.bytes += len + 1;
    m->t.new_bytes += len + 1;
    switch (record_read(&r, line, len, err, sizeof(err))) {
    case RECORD_CROWD:
        m->crowds++;
        return add(m, &r) < 0 ? -1 : 1;
    case RECORD_KEY:
        m->keys++;
        return add_key(m, &r) < 0 ? -1 : 1;
    case RECORD_TAIL:
        return read_tail(m, &r);
    case RECORD_HEAD:
        snprintf(err, sizeof(err), "is the first one of another export");
        break;
    case RECORD_BAD:
        break;
    }
    record_release(&r);
    return bad_line(m, err);
}

/* What was read before something went wrong is imported all the same: it is whole. */
static int import_all(struct importer *m)
{
    int more = 1;
    while (more > 0 && !transfer_stopped())
        more = read_one(m);
    if (transfer_stopped() || m->failed)
        return -1;
    return run_group(m) < 0 || more < 0 ? -1 : 0;
}

static int open_input(struct importer *m)
{
    const char *file = m->t.opts->file;
    struct stat st;
    bool standard = strcmp(file, "-") == 0;
    m->name = standard ? "standard input" : file;
    m->fd = standard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (m->fd < 0 || fstat(m->fd, &st) != 0) {
        transfer_say(&m->t, "%s: %s", file, strerror(errno));
        return -1;
    }
    if (S_ISREG(st.st_mode))
        m->t.all = (uint64_t)st.st_size;
    return read_head(m);
}

static void say_sum(struct importer *m)
{
    struct buf more = {0};
    if (m->already)
        buf_printf(&more, "; %" PRIu64 " were there already", m->already);
    if (m->merged)
        buf_printf(&more, "; %" PRIu64 " were merged", m->merged);
    if (m->left_out)
        buf_printf(&more, "; %" PRIu64 " were left out", m->left_out);
    transfer_say_sum(&m->t, buf_str(&more));
    buf_release(&more);
}

int transfer_import(const char *url, const struct store_opts *store,
                    const struct transfer_opts *opts)
{
    struct importer m = {.t = {.opts = opts, .doing = "imported"}, .fd = -1};
    int code = TRANSFER_BROKEN;
    m.group = xcalloc(TRANSFER_GROUP_OPS, sizeof(*m.group));
    /* The file first: opening a store may make one. */
    if (open_input(&m) == 0 && transfer_begin(&m.t, url, store) == 0) {
        if (import_all(&m) == 0)
            code = m.left_out ? TRANSFER_PARTLY : TRANSFER_DONE;
        say_sum(&m);
        if (code == TRANSFER_BROKEN && !m.bad_file && !m.failed)
            transfer_say(&m.t, "%s: the same command goes on from here",
                         transfer_stopped() ? "stopped" : "not finished");
    }
    transfer_end(&m.t);
    clear_group(&m);
    free(m.group);
    buf_release(&m.in);
    if (m.fd > STDIN_FILENO)
        close(m.fd);
    return code;
}
