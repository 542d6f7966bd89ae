/*
 * The SQLite store: one file, in WAL mode, fsync'd at every commit (synchronous = FULL). A group of
 * operations is one transaction; each write in it is a savepoint, so that one that fails does not
 * take the others with it. docs/storage.md has the tables; sqlite_file.c opens the file.
 */
#include "base/mem.h"
#include "store/sqlite_int.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIST_MOST "500"

#define IN_FIELDS "EXISTS (SELECT 1 FROM bytecrowds WHERE id = ?1)"
#define IN_UPDATES "EXISTS (SELECT 1 FROM updates WHERE id = ?1)"
#define IN_SNAPSHOTS "EXISTS (SELECT 1 FROM snapshots WHERE id = ?1)"
/* An id that is no text was not written by us, and cannot be opened. */
#define IDS_OF(table) "SELECT id FROM " table " WHERE id > ?1 AND typeof(id) = 'text'"

const char *const sqlite_sql[SQLITE_STATEMENTS] = {
    [BEGIN_READING] = "BEGIN",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVEPOINT] = "SAVEPOINT op",
    [RELEASE] = "RELEASE op",
    [ROLLBACK_TO] = "ROLLBACK TO op",
    [GET_SNAPSHOT] = "SELECT state, upto FROM snapshots WHERE id = ?1",
    [GET_UPTO] = "SELECT upto FROM snapshots WHERE id = ?1",
    [GET_UPDATES] = "SELECT seq, data FROM updates WHERE id = ?1 AND seq > ?2 ORDER BY seq",
    [HAS_UPDATE] = "SELECT EXISTS (SELECT 1 FROM updates WHERE id = ?1 AND seq = ?2)",
    [GET_FIELDS] = "SELECT text, language, authorized_emails FROM bytecrowds WHERE id = ?1",
    [LIST_IDS] = IDS_OF("bytecrowds") " UNION " IDS_OF("updates") " UNION " IDS_OF(
        "snapshots") " ORDER BY 1 LIMIT " LIST_MOST,
    [PING] = "SELECT 1 FROM sqlite_master LIMIT 1",
    [BEGIN] = "BEGIN IMMEDIATE",
    [HAS_STATE] = "SELECT " IN_UPDATES " OR " IN_SNAPSHOTS,
    [HAS_ANYTHING] = "SELECT " IN_FIELDS " OR " IN_UPDATES " OR " IN_SNAPSHOTS,
    [ADD_UPDATE] = "INSERT INTO updates (id, data) VALUES (?1, ?2)",
    [DROP_UPDATE] = "DELETE FROM updates WHERE seq = ?1",
    [PUT_SNAPSHOT] = "INSERT INTO snapshots (id, state, upto) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (id) DO UPDATE SET state = excluded.state, upto = excluded.upto"
                     " WHERE excluded.upto > snapshots.upto",
    [CUT_UPDATES] = "DELETE FROM updates WHERE id = ?1 AND seq <="
                    " (SELECT upto FROM snapshots WHERE id = ?1)",
    [PUT_FIELDS] = "INSERT INTO bytecrowds (id, text, language) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (id) DO UPDATE SET text = coalesce(?2, text),"
                   " language = coalesce(?3, language),"
                   " updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    [ADD_FIELDS] = "INSERT INTO bytecrowds (id, text, language, authorized_emails)"
                   " VALUES (?1, ?2, ?3, ?4)",
    [GET_OPENED] = "SELECT at FROM opened WHERE id = ?1",
    /* A clock that was set back makes nothing older than it is. */
    [TOUCH] = "INSERT INTO opened (id, at) SELECT ?1, ?2 WHERE"
              " EXISTS (SELECT 1 FROM opened WHERE id = ?1) OR " IN_FIELDS " OR " IN_UPDATES
              " OR " IN_SNAPSHOTS " ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at)",
    [DELETE_FIELDS] = "DELETE FROM bytecrowds WHERE id = ?1",
    [DELETE_UPDATES] = "DELETE FROM updates WHERE id = ?1",
    [DELETE_SNAPSHOT] = "DELETE FROM snapshots WHERE id = ?1",
    [DELETE_OPENED] = "DELETE FROM opened WHERE id = ?1",
};

/* --- one statement ---------------------------------------------------------------------------- */

static int step(struct sqlite_store *s, enum sqlite_statement which)
{
    int rc = sqlite3_step(s->statements[which]);
    if (rc != SQLITE_ROW) {
        int again = sqlite3_reset(s->statements[which]);
        sqlite3_clear_bindings(s->statements[which]);
        return rc == SQLITE_DONE ? SQLITE_DONE : again;
    }
    return rc;
}

static void finish(struct sqlite_store *s, enum sqlite_statement which)
{
    sqlite3_reset(s->statements[which]);
    sqlite3_clear_bindings(s->statements[which]);
}

static sqlite3_stmt *with_id(struct sqlite_store *s, enum sqlite_statement which,
                             const struct store_op *op)
{
    sqlite3_bind_text(s->statements[which], 1, op->id, -1, SQLITE_STATIC);
    return s->statements[which];
}

/* A statement of the id alone. */
static int step_id(struct sqlite_store *s, enum sqlite_statement which, const struct store_op *op)
{
    with_id(s, which, op);
    return step(s, which);
}

/* The number in the only row of a bound statement; SQLITE_ROW, or SQLITE_DONE if there is none. */
static int step_number(struct sqlite_store *s, enum sqlite_statement which, int64_t *out)
{
    int rc = step(s, which);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int64(s->statements[which], 0);
        finish(s, which);
    }
    return rc;
}

static void bind_text(sqlite3_stmt *st, int at, const struct buf *b)
{
    /* With its length: a text may hold NUL. */
    sqlite3_bind_text64(st, at, b->data ? (const char *)b->data : "", b->len, SQLITE_STATIC,
                        SQLITE_UTF8);
}

static void bind_blob(sqlite3_stmt *st, int at, const struct buf *b)
{
    sqlite3_bind_blob64(st, at, b->data ? b->data : (const void *)"", b->len, SQLITE_STATIC);
}

static void read_column(sqlite3_stmt *st, int at, struct buf *out)
{
    const void *p = sqlite3_column_blob(st, at);
    buf_append(out, p, (size_t)sqlite3_column_bytes(st, at));
}

static bool read_field(sqlite3_stmt *st, int at, struct buf *out)
{
    if (sqlite3_column_type(st, at) == SQLITE_NULL)
        return false;
    read_column(st, at, out);
    return true;
}

/* One more at the end of a list that grows. */
static struct buf *add(struct buf **list, size_t *count)
{
    if ((*count & (*count - 1)) == 0)
        *list = xrealloc(*list, (*count ? *count * 2 : 1) * sizeof(**list));
    struct buf *b = &(*list)[(*count)++];
    *b = (struct buf){0};
    return b;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fail(struct sqlite_store *s, struct store_op *op, int rc)
{
    bool corrupt = rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_MISMATCH;
    store_fail(op, corrupt ? STORE_CORRUPT : STORE_UNAVAILABLE, sqlite3_errmsg(s->db));
}

/* --- reading ---------------------------------------------------------------------------------- */

static int load_updates(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, GET_UPDATES, op);
    int rc;
    sqlite3_bind_int64(st, 2, (sqlite3_int64)op->pos.lo);
    while ((rc = step(s, GET_UPDATES)) == SQLITE_ROW) {
        read_column(st, 1, add(&op->updates, &op->update_count));
        op->pos.lo = (uint64_t)sqlite3_column_int64(st, 0);
        op->has_state = true;
    }
    return rc;
}

static int load_state(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, GET_SNAPSHOT, op);
    int rc = step(s, GET_SNAPSHOT);
    op->pos = op->base = (struct store_pos){0};
    if (rc == SQLITE_ROW) {
        read_column(st, 0, &op->snapshot);
        op->pos.lo = op->base.lo = (uint64_t)sqlite3_column_int64(st, 1);
        op->has_state = true;
        finish(s, GET_SNAPSHOT);
        rc = SQLITE_DONE;
    }
    return rc == SQLITE_DONE ? load_updates(s, op) : rc;
}

static int touch(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_bind_int64(with_id(s, TOUCH, op), 2, now_ms());
    return step(s, TOUCH);
}

static int load(struct sqlite_store *s, struct store_op *op)
{
    int rc = load_state(s, op);
    if (rc != SQLITE_DONE)
        return rc;
    sqlite3_stmt *st = with_id(s, GET_FIELDS, op);
    rc = step(s, GET_FIELDS);
    if (rc == SQLITE_ROW) {
        op->has_text = read_field(st, 0, &op->text);
        op->has_language = read_field(st, 1, &op->language);
        op->has_emails = read_field(st, 2, &op->emails);
        finish(s, GET_FIELDS);
        rc = SQLITE_DONE;
    }
    return rc == SQLITE_DONE && op->touch ? touch(s, op) : rc;
}

/* Whether the log still has `pos`, or the snapshot has it. */
static int has_pos(struct sqlite_store *s, const struct store_op *op, struct store_pos pos,
                   int64_t upto, bool *out)
{
    int64_t there = 0;
    *out = pos.hi == 0 && pos.lo <= (uint64_t)upto;
    if (*out || pos.hi)
        return SQLITE_ROW;
    sqlite3_bind_int64(with_id(s, HAS_UPDATE, op), 2, (sqlite3_int64)pos.lo);
    int rc = step_number(s, HAS_UPDATE, &there);
    *out = there;
    return rc;
}

static int resume(struct sqlite_store *s, struct store_op *op)
{
    int64_t upto = 0;
    bool has_last = false, has_acked = false;
    with_id(s, GET_UPTO, op);
    int rc = step_number(s, GET_UPTO, &upto);
    bool has_snapshot = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        rc = has_pos(s, op, op->pos, upto, &has_last);
    if (rc == SQLITE_ROW)
        rc = has_pos(s, op, op->acked, upto, &has_acked);
    if (rc != SQLITE_ROW)
        return rc;
    op->whole = !has_last || !has_acked || op->pos.lo < (uint64_t)upto;
    if (op->whole)
        return load_state(s, op);
    op->has_state = has_snapshot || op->pos.lo;
    return load_updates(s, op);
}

static int list(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = s->statements[LIST_IDS];
    struct buf last = {0};
    int rc;
    bind_text(st, 1, &op->cursor);
    while ((rc = step(s, LIST_IDS)) == SQLITE_ROW) {
        buf_clear(&last);
        read_column(st, 0, &last);
        /* What no name can be is passed over; so is the empty one. */
        if (!memchr(last.data, '\0', last.len))
            buf_append(add(&op->names, &op->name_count), last.data, last.len);
    }
    if (rc == SQLITE_DONE) {
        buf_release(&op->cursor);
        op->cursor = last;
        return rc;
    }
    buf_release(&last);
    return rc;
}

static int ping(struct sqlite_store *s)
{
    int64_t one;
    int rc = step_number(s, PING, &one);
    return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int add_update(struct sqlite_store *s, const struct store_op *op, const struct buf *data,
                      struct store_pos *pos)
{
    sqlite3_stmt *st = with_id(s, ADD_UPDATE, op);
    bind_blob(st, 2, data);
    int rc = step(s, ADD_UPDATE);
    if (rc == SQLITE_DONE)
        *pos = (struct store_pos){0, (uint64_t)sqlite3_last_insert_rowid(s->db)};
    return rc;
}

static int seed(struct sqlite_store *s, struct store_op *op)
{
    int64_t exists;
    with_id(s, HAS_STATE, op);
    int rc = step_number(s, HAS_STATE, &exists);
    if (rc != SQLITE_ROW)
        return rc;
    if (!exists)
        return add_update(s, op, &op->data, &op->pos);
    op->result = STORE_EXISTS;
    return SQLITE_DONE;
}

static int put_snapshot(struct sqlite_store *s, const struct store_op *op, const struct buf *state,
                        struct store_pos pos)
{
    sqlite3_stmt *st = with_id(s, PUT_SNAPSHOT, op);
    bind_blob(st, 2, state);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)pos.lo);
    int rc = step(s, PUT_SNAPSHOT);
    return rc == SQLITE_DONE ? step_id(s, CUT_UPDATES, op) : rc;
}

static int put_fields(struct sqlite_store *s, enum sqlite_statement how, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, how, op);
    if (op->has_text)
        bind_text(st, 2, &op->text);
    if (op->has_language)
        bind_text(st, 3, &op->language);
    if (how == ADD_FIELDS && op->has_emails)
        bind_text(st, 4, &op->emails);
    return step(s, how);
}

/* A snapshot needs a position behind it that no log ever had: whoever resumes from before must see
 * that there is a newer one. */
static int import_snapshot(struct sqlite_store *s, struct store_op *op)
{
    static const struct buf nothing = {0};
    struct store_pos pos;
    int rc = add_update(s, op, &nothing, &pos);
    if (rc != SQLITE_DONE)
        return rc;
    sqlite3_bind_int64(s->statements[DROP_UPDATE], 1, (sqlite3_int64)pos.lo);
    rc = step(s, DROP_UPDATE);
    return rc == SQLITE_DONE ? put_snapshot(s, op, &op->snapshot, pos) : rc;
}

static int import(struct sqlite_store *s, struct store_op *op)
{
    int64_t exists;
    struct store_pos pos;
    with_id(s, HAS_ANYTHING, op);
    int rc = step_number(s, HAS_ANYTHING, &exists);
    if (rc != SQLITE_ROW)
        return rc;
    if (exists) {
        op->result = STORE_EXISTS;
        return SQLITE_DONE;
    }
    rc = SQLITE_DONE;
    if (op->snapshot.len)
        rc = import_snapshot(s, op);
    for (size_t i = 0; i < op->update_count && rc == SQLITE_DONE; i++)
        rc = add_update(s, op, &op->updates[i], &pos);
    if (rc == SQLITE_DONE && (op->has_text || op->has_language || op->has_emails))
        rc = put_fields(s, ADD_FIELDS, op);
    return rc == SQLITE_DONE ? touch(s, op) : rc;
}

/* --- what nobody opens ------------------------------------------------------------------------ */

static int delete_all(struct sqlite_store *s, const struct store_op *op)
{
    static const enum sqlite_statement tables[] = {DELETE_FIELDS, DELETE_UPDATES, DELETE_SNAPSHOT,
                                                   DELETE_OPENED};
    int rc = SQLITE_DONE;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && rc == SQLITE_DONE; i++)
        rc = step_id(s, tables[i], op);
    return rc;
}

static int expire(struct sqlite_store *s, struct store_op *op)
{
    int64_t at = 0, now = now_ms();
    with_id(s, GET_OPENED, op);
    int rc = step_number(s, GET_OPENED, &at);
    if (rc == SQLITE_DONE) {
        rc = touch(s, op);
        if (rc == SQLITE_DONE && sqlite3_changes(s->db))
            op->result = STORE_EXISTS;
        return rc;
    }
    if (rc != SQLITE_ROW)
        return rc;
    if (at > now || (uint64_t)(now - at) < op->age_ms) {
        op->result = STORE_EXISTS;
        return SQLITE_DONE;
    }
    return delete_all(s, op);
}

/* --- a group ---------------------------------------------------------------------------------- */

static int run_one(struct sqlite_store *s, struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD:
        return load(s, op);
    case STORE_RESUME:
        return resume(s, op);
    case STORE_APPEND:
        return add_update(s, op, &op->data, &op->pos);
    case STORE_SEED:
        return seed(s, op);
    case STORE_SNAPSHOT:
        return put_snapshot(s, op, &op->data, op->pos);
    case STORE_FIELDS:
        return put_fields(s, PUT_FIELDS, op);
    case STORE_TELL:
        return SQLITE_DONE;
    case STORE_PING:
        return ping(s);
    case STORE_LIST:
        return list(s, op);
    case STORE_IMPORT:
        return import(s, op);
    case STORE_EXPIRE:
        return expire(s, op);
    case STORE_TOUCH:
        return touch(s, op);
    }
    return SQLITE_MISUSE;
}

static bool writes(const struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD:
        return op->touch;
    case STORE_RESUME:
    case STORE_TELL:
    case STORE_PING:
    case STORE_LIST:
        return false;
    default:
        return true;
    }
}

/* A write that fails alone is undone alone, so the others can be committed. */
static void run_guarded(struct sqlite_store *s, struct store_op *op)
{
    if (s->read_only && writes(op)) {
        store_fail(op, STORE_UNAVAILABLE, "the file was opened for reading only");
        return;
    }
    op->result = STORE_OK;
    int rc = step(s, SAVEPOINT);
    if (rc == SQLITE_DONE)
        rc = run_one(s, op);
    if (rc != SQLITE_DONE) {
        fail(s, op, rc);
        step(s, ROLLBACK_TO);
    }
    step(s, RELEASE);
}

/* Whoever only reads need not wait for another program that writes. A ping asks for both. */
static enum sqlite_statement beginning(const struct sqlite_store *s, struct store_op **ops,
                                       size_t n)
{
    for (size_t i = 0; i < n && !s->read_only; i++)
        if (writes(ops[i]) || ops[i]->kind == STORE_PING)
            return BEGIN;
    return BEGIN_READING;
}

void sqlite_run_group(struct store *base, struct store_op **ops, size_t n)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    int rc = step(s, beginning(s, ops, n));
    if (rc != SQLITE_DONE) {
        for (size_t i = 0; i < n; i++)
            fail(s, ops[i], rc);
        return;
    }
    for (size_t i = 0; i < n; i++)
        run_guarded(s, ops[i]);
    /* Some errors (a full disk, an I/O error) make SQLite roll the transaction back by itself. */
    bool open = !sqlite3_get_autocommit(s->db);
    rc = open ? step(s, COMMIT) : SQLITE_FULL;
    if (rc == SQLITE_DONE)
        return;
    for (size_t i = 0; i < n; i++) {
        if (!writes(ops[i]) || ops[i]->result < 0)
            continue;
        if (open)
            fail(s, ops[i], rc);
        else
            store_fail(ops[i], STORE_UNAVAILABLE, "the transaction was rolled back");
    }
    if (!sqlite3_get_autocommit(s->db))
        step(s, ROLLBACK);
}
