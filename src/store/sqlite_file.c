/*
 * Opening the file of a SQLite store, and bringing its schema up to date.
 *
 * Only one server may have the file open: two would not see each other's edits. An exclusive lock
 * on FILE.lock says so; it goes with the process. Whoever only reads needs no lock: in WAL mode a
 * reader sees one state of the file, however long it looks, and nobody waits for it. Nor does who
 * changes what servers do not keep (store_opts.beside), for which SQLite's own locks are enough.
 */
#include "base/mem.h"
#include "store/sqlite_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* SQLite's own limit is a row of 1 000 000 000 bytes. */
#define VALUE_MAX (1000000000 - 65536)

/* What makes schema n + 1 of schema n. */
static const char *const upgrades[] = {
    "CREATE TABLE bytecrowds ("
    " id TEXT PRIMARY KEY, text TEXT, language TEXT, authorized_emails TEXT,"
    " created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),"
    " updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))) WITHOUT ROWID;"
    "CREATE TABLE updates (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
    " data BLOB NOT NULL);"
    "CREATE INDEX updates_by_id ON updates (id, seq);"
    "CREATE TABLE snapshots (id TEXT PRIMARY KEY, state BLOB NOT NULL, upto INTEGER NOT NULL)"
    " WITHOUT ROWID;",
    /* Big rows left the trees that are searched: to pass by a row of a table without rowid, SQLite
     * reads all of it, so one snapshot of 60 MB cost each lookup that met it 60 ms. `opened` is no
     * column of bytecrowds, because a log may be there before the fields are. */
    "ALTER TABLE bytecrowds RENAME TO bytecrowds_1;"
    "ALTER TABLE snapshots RENAME TO snapshots_1;"
    "CREATE TABLE bytecrowds ("
    " id TEXT PRIMARY KEY NOT NULL, text TEXT, language TEXT, authorized_emails TEXT,"
    " created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),"
    " updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));"
    "CREATE TABLE snapshots (id TEXT PRIMARY KEY NOT NULL, state BLOB NOT NULL,"
    " upto INTEGER NOT NULL);"
    "INSERT INTO bytecrowds (id, text, language, authorized_emails, created_at, updated_at)"
    " SELECT id, text, language, authorized_emails, created_at, updated_at FROM bytecrowds_1;"
    "INSERT INTO snapshots (id, state, upto) SELECT id, state, upto FROM snapshots_1;"
    "DROP TABLE bytecrowds_1;"
    "DROP TABLE snapshots_1;"
    "CREATE TABLE opened (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;",
    "CREATE TABLE links (id TEXT NOT NULL, hash TEXT NOT NULL, about TEXT NOT NULL,"
    " PRIMARY KEY (id, hash)) WITHOUT ROWID;"
    "CREATE TABLE auth (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, expires_at INTEGER);"
    "CREATE INDEX auth_by_expiry ON auth (expires_at) WHERE expires_at IS NOT NULL;",
    "CREATE INDEX links_by_hash ON links (hash);",
};
#define SCHEMA_VERSION ((int)(sizeof(upgrades) / sizeof(upgrades[0])))

static void close_store(struct store *base)
{
    struct sqlite_store *s = (struct sqlite_store *)base;
    for (int i = 0; i < SQLITE_STATEMENTS; i++)
        sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
    if (s->lock >= 0)
        close(s->lock);
    free(s);
}

static const struct store_impl impl = {
    .name = "sqlite", .run = sqlite_run_group, .close = close_store};

/* --- the lock --------------------------------------------------------------------------------- */

/* Beside the file itself, whatever link leads there, as SQLite does it: two locks are none. */
static void put_beside(struct buf *name, const char *path, const char *ending)
{
    char *real = realpath(path, NULL);
    buf_printf(name, "%s%s", real ? real : path, ending);
    free(real);
}

/* A link to where nothing is yet leads nowhere that a lock could stand. */
static void make_target(const char *path)
{
    struct stat st;
    int fd = -1;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) != 0)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644); /* as SQLite makes it */
    if (fd >= 0)
        close(fd);
}

static int take_lock(struct sqlite_store *s, const char *path, char *err, size_t err_len)
{
    struct buf name = {0};
    make_target(path);
    put_beside(&name, path, ".lock");
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

/* Keeps servers from starting meanwhile. Where there is no such file, there never was one. */
static bool lock_out_servers(struct sqlite_store *s, const char *path)
{
    struct buf name = {0};
    put_beside(&name, path, ".lock");
    s->lock = open(buf_str(&name), O_RDONLY | O_CLOEXEC);
    bool ok = s->lock >= 0 ? flock(s->lock, LOCK_SH | LOCK_NB) == 0 : errno == ENOENT;
    buf_release(&name);
    return ok;
}

/* --- schema and statements -------------------------------------------------------------------- */

static int execute(struct sqlite_store *s, const char *text, char *err, size_t err_len)
{
    char *message = NULL;
    int rc = sqlite3_exec(s->db, text, NULL, NULL, &message);
    if (rc != SQLITE_OK)
        snprintf(err, err_len, "%s", message ? message : sqlite3_errstr(rc));
    sqlite3_free(message);
    return rc == SQLITE_OK ? 0 : -1;
}

/* A result code; the file is read for the first time here. */
static int schema_version(struct sqlite_store *s, int *version)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        *version = sqlite3_column_int(st, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(st);
    return rc;
}

static int too_new(int version, char *err, size_t err_len)
{
    if (version <= SCHEMA_VERSION)
        return 0;
    snprintf(err, err_len, "was written by a newer bytecrowds (schema %d, this one knows %d)",
             version, SCHEMA_VERSION);
    return -1;
}

static int upgrade(struct sqlite_store *s, int version, char *err, size_t err_len)
{
    struct buf all = {0};
    /* Or views that people have made would follow a table that is renamed, and go with it. */
    buf_puts(&all, "PRAGMA legacy_alter_table = ON; BEGIN IMMEDIATE;");
    for (int i = version; i < SCHEMA_VERSION; i++)
        buf_puts(&all, upgrades[i]);
    buf_printf(&all, "PRAGMA user_version = %d; COMMIT; PRAGMA legacy_alter_table = OFF;",
               SCHEMA_VERSION);
    int result = execute(s, buf_str(&all), err, err_len);
    buf_release(&all);
    return result;
}

static int prepare_schema(struct sqlite_store *s, char *err, size_t err_len)
{
    int version = 0;
    if (schema_version(s, &version) != SQLITE_OK) {
        snprintf(err, err_len, "%s", sqlite3_errmsg(s->db));
        return -1;
    }
    if (version < 0 || too_new(version, err, err_len) < 0)
        return -1;
    return version < SCHEMA_VERSION ? upgrade(s, version, err, err_len) : 0;
}

/* Older files lack what later versions brought; a reader, who changes nothing, finds it empty. */
static int stand_in(struct sqlite_store *s, int version, char *err, size_t err_len)
{
    if (version >= 3)
        return 0;
    return execute(s,
                   "PRAGMA temp_store = MEMORY;"
                   "CREATE TEMP TABLE links (id, hash, about);"
                   "CREATE TEMP TABLE auth (key, value, expires_at);",
                   err, err_len);
}

static int prepare_all(struct sqlite_store *s, char *err, size_t err_len)
{
    int count = s->read_only ? SQLITE_READING : SQLITE_STATEMENTS;
    for (int i = 0; i < count; i++) {
        if (sqlite3_prepare_v3(s->db, sqlite_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &s->statements[i], NULL) != SQLITE_OK) {
            snprintf(err, err_len, "%s", sqlite3_errmsg(s->db));
            return -1;
        }
    }
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

#define PRAGMAS                                                                                    \
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"                                        \
    "PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;"

static int open_to_write(struct sqlite_store *s, const char *path, const struct store_opts *opts,
                         char *err, size_t err_len)
{
    if (strcmp(path, ":memory:") != 0 && take_lock(s, path, err, err_len) < 0)
        return -1; /* what is in memory is nobody else's */
    char reason[256] = "the file makes no sense";
    bool ok = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
              SQLITE_OK;
    if (!ok)
        snprintf(reason, sizeof(reason), "%s", sqlite3_errmsg(s->db));
    else
        sqlite3_busy_timeout(s->db, (int)opts->timeout_ms);
    if (ok && execute(s, PRAGMAS, reason, sizeof(reason)) == 0 &&
        prepare_schema(s, reason, sizeof(reason)) == 0 &&
        prepare_all(s, reason, sizeof(reason)) == 0)
        return 0;
    snprintf(err, err_len, "%s: %s", path, reason);
    return -1;
}

/* An older file is brought up to date, if no server has it. Else the lock is not taken: a server that is
 * started meanwhile must not find it in use. */
static int prepare_beside(struct sqlite_store *s, const char *path, char *reason, size_t len)
{
    int version = 0;
    if (schema_version(s, &version) != SQLITE_OK) {
        snprintf(reason, len, "%s", sqlite3_errmsg(s->db));
        return -1;
    }
    if (version <= 0) {
        snprintf(reason, len, "holds no bytecrowds");
        return -1;
    }
    if (too_new(version, reason, len) < 0)
        return -1;
    if (version == SCHEMA_VERSION)
        return 0;
    if (take_lock(s, path, reason, len) < 0) {
        snprintf(reason, len, "is in use by an older bytecrowds (schema %d, this one writes %d)",
                 version, SCHEMA_VERSION);
        return -1;
    }
    return prepare_schema(s, reason, len);
}

static int open_beside(struct sqlite_store *s, const char *path, const struct store_opts *opts,
                       char *err, size_t err_len)
{
    char reason[256];
    /* Never makes a file: whoever mistyped its name must not believe that something is restricted now. */
    if (access(path, R_OK | W_OK) != 0) {
        snprintf(err, err_len, "%s: %s", path, strerror(errno));
        return -1;
    }
    bool ok = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;
    if (!ok)
        snprintf(reason, sizeof(reason), "%s", sqlite3_errmsg(s->db));
    else
        sqlite3_busy_timeout(s->db, (int)opts->timeout_ms);
    if (ok && prepare_beside(s, path, reason, sizeof(reason)) == 0 &&
        execute(s, PRAGMAS, reason, sizeof(reason)) == 0 &&
        prepare_all(s, reason, sizeof(reason)) == 0)
        return 0;
    snprintf(err, err_len, "%s: %s", path, reason);
    return -1;
}

/* The path as a URI, which is where SQLite takes `immutable` from. */
static void put_uri(struct buf *out, const char *path)
{
    buf_puts(out, *path == '/' ? "file://" : "file:");
    for (const char *p = path; *p; p++) {
        if (strchr("%?#", *p))
            buf_printf(out, "%%%02X", (unsigned char)*p);
        else
            buf_putc(out, (uint8_t)*p);
    }
    buf_puts(out, "?immutable=1");
}

/* In a folder where nothing can be made, SQLite opens a file in WAL mode only if its word is taken
 * that the file does not change. That is so if there is no log beside it, and no server. */
static int open_unchanging(struct sqlite_store *s, const char *path)
{
    struct buf name = {0};
    struct stat st;
    put_beside(&name, path, "-wal");
    bool quiet = stat(buf_str(&name), &st) != 0 && errno == ENOENT;
    buf_release(&name);
    if (!quiet || !lock_out_servers(s, path))
        return SQLITE_CANTOPEN;
    sqlite3_close(s->db);
    put_uri(&name, path);
    int rc = sqlite3_open_v2(buf_str(&name), &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    buf_release(&name);
    return rc;
}

static int open_to_read(struct sqlite_store *s, const char *path, const struct store_opts *opts,
                        char *err, size_t err_len)
{
    char reason[256] = "holds no bytecrowds";
    int version = 0;
    if (access(path, R_OK) != 0) { /* says better why than SQLite does */
        snprintf(err, err_len, "%s: %s", path, strerror(errno));
        return -1;
    }
    int rc = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(s->db, (int)opts->timeout_ms);
        rc = schema_version(s, &version);
    }
    if (rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY) {
        rc = open_unchanging(s, path);
        if (rc == SQLITE_OK)
            rc = schema_version(s, &version);
    }
    if (rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY)
        snprintf(reason, sizeof(reason),
                 "what a server left or writes beside it (-wal, -shm) cannot be read here; "
                 "copy all of it to where you may write");
    else if (rc != SQLITE_OK)
        snprintf(reason, sizeof(reason), "%s", sqlite3_errmsg(s->db));
    else if (version > 0 && too_new(version, reason, sizeof(reason)) == 0 &&
             stand_in(s, version, reason, sizeof(reason)) == 0 &&
             prepare_all(s, reason, sizeof(reason)) == 0)
        return 0;
    snprintf(err, err_len, "%s: %s", path, reason);
    return -1;
}

struct store *sqlite_open(const char *path, const struct store_opts *opts, char *err,
                          size_t err_len)
{
    if (!*path) {
        snprintf(err, err_len, "sqlite: needs a file name");
        return NULL;
    }
    struct sqlite_store *s = xcalloc(1, sizeof(*s));
    s->base.impl = &impl;
    s->base.max_value = VALUE_MAX;
    s->lock = -1;
    s->read_only = opts->read_only;
    s->beside = opts->beside && !s->read_only;
    int opened = s->read_only ? open_to_read(s, path, opts, err, err_len)
                 : s->beside  ? open_beside(s, path, opts, err, err_len)
                              : open_to_write(s, path, opts, err, err_len);
    if (opened == 0)
        return &s->base;
    close_store(&s->base);
    return NULL;
}
