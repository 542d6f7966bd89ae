/*
 * The SQLite store: one file, in WAL mode, fsync'd at every commit (synchronous = FULL). A group of
 * operations is one transaction; each write in it is a savepoint, so that one that fails does not
 * take the others with it. docs/storage.md has the tables.
 *
 * Only one server may have the file open: two would not see each other's edits. An exclusive lock
 * on FILE.lock says so; it goes with the process.
 */
#include "base/log.h"
#include "base/mem.h"
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SCHEMA_VERSION 1

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    SAVEPOINT,
    RELEASE,
    ROLLBACK_TO,
    GET_SNAPSHOT,
    GET_UPDATES,
    GET_FIELDS,
    LAST_SEQ,
    HAS_STATE,
    ADD_UPDATE,
    PUT_SNAPSHOT,
    CUT_UPDATES,
    PUT_FIELDS,
    PING,
    STATEMENTS
};

static const char *const sql[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVEPOINT] = "SAVEPOINT op",
    [RELEASE] = "RELEASE op",
    [ROLLBACK_TO] = "ROLLBACK TO op",
    [GET_SNAPSHOT] = "SELECT state, upto FROM snapshots WHERE id = ?1",
    [GET_UPDATES] = "SELECT seq, data FROM updates WHERE id = ?1 AND seq > ?2 ORDER BY seq",
    [GET_FIELDS] = "SELECT text, language FROM bytecrowds WHERE id = ?1",
    [LAST_SEQ] = "SELECT max(seq) FROM updates WHERE id = ?1",
    [HAS_STATE] = "SELECT EXISTS (SELECT 1 FROM updates WHERE id = ?1) OR"
                  " EXISTS (SELECT 1 FROM snapshots WHERE id = ?1)",
    [ADD_UPDATE] = "INSERT INTO updates (id, data) VALUES (?1, ?2)",
    [PUT_SNAPSHOT] = "INSERT INTO snapshots (id, state, upto) VALUES (?1, ?2, ?3)"
                     " ON CONFLICT (id) DO UPDATE SET state = excluded.state, upto = excluded.upto"
                     " WHERE excluded.upto > snapshots.upto",
    [CUT_UPDATES] = "DELETE FROM updates WHERE id = ?1 AND seq <="
                    " (SELECT upto FROM snapshots WHERE id = ?1)",
    [PUT_FIELDS] = "INSERT INTO bytecrowds (id, text, language) VALUES (?1, ?2, ?3)"
                   " ON CONFLICT (id) DO UPDATE SET text = coalesce(?2, text),"
                   " language = coalesce(?3, language),"
                   " updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    [PING] = "SELECT 1",
};

static const char schema[] =
    "BEGIN;"
    "CREATE TABLE bytecrowds ("
    " id TEXT PRIMARY KEY, text TEXT, language TEXT, authorized_emails TEXT,"
    " created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),"
    " updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))) WITHOUT ROWID;"
    "CREATE TABLE updates (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
    " data BLOB NOT NULL);"
    "CREATE INDEX updates_by_id ON updates (id, seq);"
    "CREATE TABLE snapshots (id TEXT PRIMARY KEY, state BLOB NOT NULL, upto INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

struct sqlite_store {
    struct store base;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    int lock;
};

/* --- one statement ---------------------------------------------------------------------------- */

static int step(struct sqlite_store *s, enum statement which)
{
    int rc = sqlite3_step(s->statements[which]);
    if (rc != SQLITE_ROW) {
        int again = sqlite3_reset(s->statements[which]);
        sqlite3_clear_bindings(s->statements[which]);
        return rc == SQLITE_DONE ? SQLITE_DONE : again;
    }
    return rc;
}

static void finish(struct sqlite_store *s, enum statement which)
{
    sqlite3_reset(s->statements[which]);
    sqlite3_clear_bindings(s->statements[which]);
}

static sqlite3_stmt *with_id(struct sqlite_store *s, enum statement which,
                             const struct store_op *op)
{
    sqlite3_bind_text(s->statements[which], 1, op->id, -1, SQLITE_STATIC);
    return s->statements[which];
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

static void fail(struct sqlite_store *s, struct store_op *op, int rc)
{
    bool corrupt = rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_MISMATCH;
    store_fail(op, corrupt ? STORE_CORRUPT : STORE_UNAVAILABLE, sqlite3_errmsg(s->db));
}

/* --- operations ------------------------------------------------------------------------------- */

static int load_updates(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, GET_UPDATES, op);
    size_t cap = 0;
    int rc;
    sqlite3_bind_int64(st, 2, (sqlite3_int64)op->pos.lo);
    while ((rc = step(s, GET_UPDATES)) == SQLITE_ROW) {
        if (op->update_count == cap) {
            cap = cap ? cap * 2 : 16;
            op->updates = xrealloc(op->updates, cap * sizeof(*op->updates));
        }
        struct buf *u = &op->updates[op->update_count++];
        *u = (struct buf){0};
        read_column(st, 1, u);
        op->pos.lo = (uint64_t)sqlite3_column_int64(st, 0);
        op->has_state = true;
    }
    return rc;
}

static int load(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, GET_SNAPSHOT, op);
    int rc = step(s, GET_SNAPSHOT);
    if (rc == SQLITE_ROW) {
        read_column(st, 0, &op->snapshot);
        op->pos.lo = (uint64_t)sqlite3_column_int64(st, 1);
        op->has_state = true;
        finish(s, GET_SNAPSHOT);
        rc = SQLITE_DONE;
    }
    if (rc == SQLITE_DONE)
        rc = load_updates(s, op);
    if (rc != SQLITE_DONE)
        return rc;
    st = with_id(s, GET_FIELDS, op);
    rc = step(s, GET_FIELDS);
    if (rc == SQLITE_ROW) {
        op->has_text = sqlite3_column_type(st, 0) != SQLITE_NULL;
        op->has_language = sqlite3_column_type(st, 1) != SQLITE_NULL;
        read_column(st, 0, &op->text);
        read_column(st, 1, &op->language);
        finish(s, GET_FIELDS);
        rc = SQLITE_DONE;
    }
    return rc;
}

static int append(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, ADD_UPDATE, op);
    bind_blob(st, 2, &op->data);
    int rc = step(s, ADD_UPDATE);
    if (rc == SQLITE_DONE)
        op->pos = (struct store_pos){0, (uint64_t)sqlite3_last_insert_rowid(s->db)};
    return rc;
}

static int seed(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, HAS_STATE, op);
    int rc = step(s, HAS_STATE);
    if (rc != SQLITE_ROW)
        return rc;
    bool exists = sqlite3_column_int(st, 0);
    finish(s, HAS_STATE);
    if (!exists)
        return append(s, op);
    op->result = STORE_EXISTS;
    return SQLITE_DONE;
}

static int put_snapshot(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, PUT_SNAPSHOT, op);
    bind_blob(st, 2, &op->data);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)op->pos.lo);
    int rc = step(s, PUT_SNAPSHOT);
    if (rc != SQLITE_DONE)
        return rc;
    with_id(s, CUT_UPDATES, op);
    return step(s, CUT_UPDATES);
}

static int put_fields(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, PUT_FIELDS, op);
    if (op->has_text)
        bind_text(st, 2, &op->text);
    if (op->has_language)
        bind_text(st, 3, &op->language);
    return step(s, PUT_FIELDS);
}

static int ping(struct sqlite_store *s)
{
    int rc = step(s, PING);
    finish(s, PING);
    return rc == SQLITE_ROW ? SQLITE_DONE : rc;
}

static int run_one(struct sqlite_store *s, struct store_op *op)
{
    switch (op->kind) {
    case STORE_LOAD:
        return load(s, op);
    case STORE_APPEND:
        return append(s, op);
    case STORE_SEED:
        return seed(s, op);
    case STORE_SNAPSHOT:
        return put_snapshot(s, op);
    case STORE_FIELDS:
        return put_fields(s, op);
    case STORE_PING:
        return ping(s);
    }
    return SQLITE_MISUSE;
}

/* A write that fails alone is undone alone, so the others can be committed. */
static void run_guarded(struct sqlite_store *s, struct store_op *op)
{
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

static bool writes(const struct store_op *op)
{
    return op->kind != STORE_LOAD && op->kind != STORE_PING;
}

static void run_group(struct store *base, struct store_op **ops, size_t n)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    int rc = step(s, BEGIN);
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

/* --- opening ---------------------------------------------------------------------------------- */

static void close_store(struct store *base)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    if (s->lock >= 0)
        close(s->lock);
    free(s);
}

static const struct store_impl impl = {"sqlite", run_group, close_store};

static int take_lock(struct sqlite_store *s, const char *path, char *err, size_t err_len)
{
    struct buf name = {0};
    buf_printf(&name, "%s.lock", path);
    s->lock = open(buf_str(&name), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (s->lock < 0)
        snprintf(err, err_len, "%s: %s", buf_str(&name), strerror(errno));
    else if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
        snprintf(err, err_len, "%s is in use by another bytecrowds", path);
    else
        *err = '\0';
    buf_release(&name);
    return *err ? -1 : 0;
}

static int execute(struct sqlite_store *s, const char *text, char *err, size_t err_len)
{
    char *message = NULL;
    int rc = sqlite3_exec(s->db, text, NULL, NULL, &message);
    if (rc != SQLITE_OK)
        snprintf(err, err_len, "%s", message ? message : sqlite3_errstr(rc));
    sqlite3_free(message);
    return rc == SQLITE_OK ? 0 : -1;
}

static int schema_version(struct sqlite_store *s)
{
    sqlite3_stmt *st;
    int version = -1;
    if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        version = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return version;
}

static int prepare_schema(struct sqlite_store *s, char *err, size_t err_len)
{
    int version = schema_version(s);
    if (version < 0) {
        snprintf(err, err_len, "%s", sqlite3_errmsg(s->db));
        return -1;
    }
    if (version > SCHEMA_VERSION) {
        snprintf(err, err_len, "was written by a newer bytecrowds (schema %d, this one knows %d)",
                 version, SCHEMA_VERSION);
        return -1;
    }
    return version == 0 ? execute(s, schema, err, err_len) : 0;
}

static int prepare_all(struct sqlite_store *s, char *err, size_t err_len)
{
    for (int i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i],
                               NULL) != SQLITE_OK) {
            snprintf(err, err_len, "%s", sqlite3_errmsg(s->db));
            return -1;
        }
    }
    return 0;
}

struct store *sqlite_open(const char *path, const struct store_opts *opts, char *err,
                          size_t err_len)
{
    char reason[256] = "";
    if (!*path) {
        snprintf(err, err_len, "sqlite: needs a file name");
        return NULL;
    }
    struct sqlite_store *s = xcalloc(1, sizeof(*s));
    s->base.impl = &impl;
    s->lock = -1;
    if (strcmp(path, ":memory:") != 0 && take_lock(s, path, err, err_len) < 0)
        goto fail; /* what is in memory is nobody else's */
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK) {
        snprintf(err, err_len, "%s: %s", path, sqlite3_errmsg(s->db));
        goto fail;
    }
    sqlite3_busy_timeout(s->db, (int)opts->timeout_ms);
    sqlite3_extended_result_codes(s->db, 0);
    if (execute(s,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                "PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;",
                reason, sizeof(reason)) < 0 ||
        prepare_schema(s, reason, sizeof(reason)) < 0 ||
        prepare_all(s, reason, sizeof(reason)) < 0) {
        snprintf(err, err_len, "%s: %s", path, reason);
        goto fail;
    }
    return &s->base;
fail:
    close_store(&s->base);
    return NULL;
}
