/*
 * The SQLite store: one file, in WAL mode, fsync'd at every commit (synchronous = FULL). A group of
 * operations is one transaction; each write in it is a savepoint, so that one that fails does not
 * take the others with it. docs/storage.md has the tables; sqlite_file.c opens the file.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MOST "500"
/* Expired values that each STORE_SET removes: more than it adds, so that they get fewer. */
#define PURGE_MOST "20"

#define IN_FIELDS "EXISTS (SELECT 1 FROM bytecrowds WHERE id = ?1)"
#define IN_UPDATES "EXISTS (SELECT 1 FROM updates WHERE id = ?1)"
#define IN_SNAPSHOTS "EXISTS (SELECT 1 FROM snapshots WHERE id = ?1)"
#define IN_LINKS "EXISTS (SELECT 1 FROM links WHERE id = ?1)"
/* An id that is no text was not written by us, and cannot be opened. */
#define IDS_OF(table) "SELECT id FROM " table " WHERE id > ?1 AND typeof(id) = 'text'"
#define LIVES " (expires_at IS NULL OR expires_at > ?2)"
#define PUT_EMAILS                                                                                 \
    "INSERT INTO bytecrowds (id, authorized_emails) VALUES (?1, ?2)"                               \
    " ON CONFLICT (id) DO UPDATE SET authorized_emails = excluded.authorized_emails"

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
    [GET_EMAILS] = "SELECT authorized_emails FROM bytecrowds WHERE id = ?1",
    [GET_LINKS] = "SELECT hash, about FROM links WHERE id = ?1 ORDER BY hash",
    [LIST_IDS] = IDS_OF("bytecrowds") " UNION " IDS_OF("updates") " UNION " IDS_OF(
        "snapshots") " UNION " IDS_OF("links") " ORDER BY 1 LIMIT " LIST_MOST,
    [GET_VALUE] = "SELECT value, expires_at FROM auth WHERE key = ?1 AND" LIVES,
    [LIST_KEYS] = "SELECT key FROM auth WHERE key > ?1 AND key >= '" STORE_KEYS_LISTED
                  "' AND key < '" STORE_KEYS_END "' AND" LIVES " ORDER BY key LIMIT " LIST_MOST,
    [PING] = "SELECT 1 FROM sqlite_master LIMIT 1",
    [GET_CHANGES] = "PRAGMA data_version",
    [FIND_LINK] = "SELECT id FROM links WHERE hash = ?1 LIMIT 1",
    [BEGIN] = "BEGIN IMMEDIATE",
    [HAS_STATE] = "SELECT " IN_UPDATES " OR " IN_SNAPSHOTS,
    [HAS_ANYTHING] = "SELECT " IN_FIELDS " OR " IN_UPDATES " OR " IN_SNAPSHOTS " OR " IN_LINKS,
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
              " OR " IN_SNAPSHOTS " OR " IN_LINKS
              " ON CONFLICT (id) DO UPDATE SET at = max(at, excluded.at)",
    [DELETE_FIELDS] = "DELETE FROM bytecrowds WHERE id = ?1",
    [DELETE_UPDATES] = "DELETE FROM updates WHERE id = ?1",
    [DELETE_SNAPSHOT] = "DELETE FROM snapshots WHERE id = ?1",
    [DELETE_OPENED] = "DELETE FROM opened WHERE id = ?1",
    [SET_EMAILS] = PUT_EMAILS " WHERE authorized_emails IS NULL",
    [FORCE_EMAILS] = PUT_EMAILS,
    [DROP_EMAILS] = "UPDATE bytecrowds SET authorized_emails = NULL WHERE id = ?1",
    [HAS_LINK] = "SELECT EXISTS (SELECT 1 FROM links WHERE id = ?1 AND hash = ?2)",
    [COUNT_LINKS] = "SELECT count(*) FROM links WHERE id = ?1",
    [PUT_LINK] = "INSERT INTO links (id, hash, about) VALUES (?1, ?2, ?3)"
                 " ON CONFLICT (id, hash) DO UPDATE SET about = excluded.about",
    [DELETE_LINK] = "DELETE FROM links WHERE id = ?1 AND hash = ?2",
    [DELETE_LINKS] = "DELETE FROM links WHERE id = ?1",
    [PUT_VALUE] = "INSERT INTO auth (key, value, expires_at) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT (key) DO UPDATE SET value = excluded.value,"
                  " expires_at = excluded.expires_at",
    [DELETE_VALUE] = "DELETE FROM auth WHERE key = ?1",
    [PURGE_VALUES] = "DELETE FROM auth WHERE rowid IN (SELECT rowid FROM auth"
                     " WHERE expires_at <= ?1 ORDER BY expires_at LIMIT " PURGE_MOST ")",
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
    return (int64_t)clock_now_ms();
}

static void fail(struct sqlite_store *s, struct store_op *op, int rc)
{
    bool corrupt = rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_MISMATCH;
    int code = sqlite3_errcode(s->db);
    bool ours = code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE;
    store_fail(op, corrupt ? STORE_CORRUPT : STORE_UNAVAILABLE,
               ours ? "the file holds what bytecrowds did not write" : sqlite3_errmsg(s->db));
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

static int load_links(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, GET_LINKS, op);
    int rc;
    while ((rc = step(s, GET_LINKS)) == SQLITE_ROW) {
        const void *hash = sqlite3_column_blob(st, 0), *about = sqlite3_column_blob(st, 1);
        if (store_add_link(op, hash, (size_t)sqlite3_column_bytes(st, 0), about,
                           (size_t)sqlite3_column_bytes(st, 1)))
            continue;
        finish(s, GET_LINKS);
        return SQLITE_MISMATCH;
    }
    return rc;
}

static int load_emails(struct sqlite_store *s, struct store_op *op)
{
    sqlite3_stmt *st = with_id(s, GET_EMAILS, op);
    int rc = step(s, GET_EMAILS);
    op->has_emails = false;
    if (rc == SQLITE_ROW) {
        op->has_emails = read_field(st, 0, &op->emails);
        finish(s, GET_EMAILS);
        rc = SQLITE_DONE;
    }
    return rc;
}

static int access_of(struct sqlite_store *s, struct store_op *op)
{
    int rc = load_emails(s, op);
    return rc == SQLITE_DONE ? load_links(s, op) : rc;
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
    if (rc == SQLITE_DONE)
        rc = load_links(s, op);
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

static int list(struct sqlite_store *s, enum sqlite_statement which, struct store_op *op)
{
    sqlite3_stmt *st = s->statements[which];
    struct buf last = {0};
    int rc;
    bind_text(st, 1, &op->cursor);
    if (which == LIST_KEYS)
        sqlite3_bind_int64(st, 2, now_ms());
    while ((rc = step(s, which)) == SQLITE_ROW) {
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

/* What was written through this connection does not count. */
static int ping(struct sqlite_store *s, struct store_op *op)
{
    int64_t one, version;
    int rc = step_number(s, PING, &one);
    if (rc == SQLITE_ROW)
        rc = step_number(s, GET_CHANGES, &version);
    if (rc != SQLITE_ROW)
        return rc;
    op->changes = (uint64_t)version;
    return SQLITE_DONE;
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

static int put_link(struct sqlite_store *s, const struct store_op *op, const char *hash,
                    const struct buf *about)
{
    sqlite3_stmt *st = with_id(s, PUT_LINK, op);
    sqlite3_bind_text(st, 2, hash, STORE_LINK_HASH_LEN, SQLITE_STATIC);
    bind_text(st, 3, about);
    return step(s, PUT_LINK);
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
    for (size_t i = 0; i < op->link_count && rc == SQLITE_DONE; i++)
        rc = put_link(s, op, op->links[i].hash, &op->links[i].about);
    if (rc == SQLITE_DONE && (op->has_text || op->has_language || op->has_emails))
        rc = put_fields(s, ADD_FIELDS, op);
    return rc == SQLITE_DONE ? touch(s, op) : rc;
}

/* --- what nobody opens ------------------------------------------------------------------------ */

static int delete_all(struct sqlite_store *s, const struct store_op *op)
{
    static const enum sqlite_statement tables[] = {DELETE_FIELDS, DELETE_UPDATES, DELETE_SNAPSHOT,
                                                   DELETE_OPENED, DELETE_LINKS};
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

/* --- who may enter ---------------------------------------------------------------------------- */

static int authorize(struct sqlite_store *s, struct store_op *op)
{
    if (op->force && !op->emails.len)
        return step_id(s, DROP_EMAILS, op);
    enum sqlite_statement how = op->force ? FORCE_EMAILS : SET_EMAILS;
    bind_text(with_id(s, how, op), 2, &op->emails);
    int rc = step(s, how);
    if (rc != SQLITE_DONE || sqlite3_changes(s->db))
        return rc;
    op->result = STORE_EXISTS;
    buf_clear(&op->emails);
    return load_emails(s, op);
}

static int add_link(struct sqlite_store *s, struct store_op *op)
{
    int64_t there = 0, count = 0;
    sqlite3_stmt *st = with_id(s, HAS_LINK, op);
    bind_text(st, 2, &op->data);
    int rc = step_number(s, HAS_LINK, &there);
    if (rc == SQLITE_ROW && !there) {
        with_id(s, COUNT_LINKS, op);
        rc = step_number(s, COUNT_LINKS, &count);
    }
    if (rc != SQLITE_ROW)
        return rc;
    if (count < STORE_LINKS_MAX)
        return put_link(s, op, (const char *)op->data.data, &op->text);
    op->result = STORE_EXISTS;
    return SQLITE_DONE;
}

static int remove_link(struct sqlite_store *s, struct store_op *op)
{
    if (op->data.len != STORE_LINK_HASH_LEN) /* "*" */
        return step_id(s, DELETE_LINKS, op);
    bind_text(with_id(s, DELETE_LINK, op), 2, &op->data);
    return step(s, DELETE_LINK);
}

/* On failure the hash stays, for another try. */
static int find_link(struct sqlite_store *s, struct store_op *op)
{
    struct buf id = {0};
    sqlite3_stmt *st = s->statements[FIND_LINK];
    bind_text(st, 1, &op->data);
    int rc = step(s, FIND_LINK);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return rc;
    op->found = rc == SQLITE_ROW;
    if (op->found) {
        read_column(st, 0, &id);
        finish(s, FIND_LINK);
    }
    buf_str(&id);
    buf_release(&op->data);
    op->data = id;
    return SQLITE_DONE;
}

/* --- keys ------------------------------------------------------------------------------------- */

static sqlite3_stmt *with_key(struct sqlite_store *s, enum sqlite_statement which,
                              const struct store_op *op)
{
    sqlite3_bind_text(s->statements[which], 1, op->key, -1, SQLITE_STATIC);
    return s->statements[which];
}

static int find_value(struct sqlite_store *s, const struct store_op *op)
{
    sqlite3_bind_int64(with_key(s, GET_VALUE, op), 2, now_ms());
    return step(s, GET_VALUE);
}

static int get_value(struct sqlite_store *s, struct store_op *op)
{
    int rc = find_value(s, op);
    buf_clear(&op->data);
    op->expires_ms = 0;
    op->found = rc == SQLITE_ROW;
    if (!op->found)
        return rc;
    read_column(s->statements[GET_VALUE], 0, &op->data);
    op->expires_ms = (uint64_t)sqlite3_column_int64(s->statements[GET_VALUE], 1);
    finish(s, GET_VALUE);
    return SQLITE_DONE;
}

static int delete_value(struct sqlite_store *s, const struct store_op *op)
{
    with_key(s, DELETE_VALUE, op);
    return step(s, DELETE_VALUE);
}

static int set_value(struct sqlite_store *s, struct store_op *op)
{
    int rc = op->if_absent ? find_value(s, op) : SQLITE_DONE;
    if (rc == SQLITE_ROW) {
        finish(s, GET_VALUE);
        op->result = STORE_EXISTS;
        return SQLITE_DONE;
    }
    if (rc != SQLITE_DONE)
        return rc;
    sqlite3_stmt *st = with_key(s, PUT_VALUE, op);
    bind_blob(st, 2, &op->data);
    if (op->expires_ms)
        sqlite3_bind_int64(st, 3, (sqlite3_int64)op->expires_ms);
    if ((rc = step(s, PUT_VALUE)) != SQLITE_DONE)
        return rc;
    sqlite3_bind_int64(s->statements[PURGE_VALUES], 1, now_ms());
    return step(s, PURGE_VALUES);
}

static int run_on_key(struct sqlite_store *s, struct store_op *op)
{
    if (op->kind == STORE_GET)
        return get_value(s, op);
    return op->kind == STORE_SET ? set_value(s, op) : delete_value(s, op);
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
        return ping(s, op);
    case STORE_LIST:
    case STORE_LIST_KEYS:
        return list(s, op->kind == STORE_LIST ? LIST_IDS : LIST_KEYS, op);
    case STORE_IMPORT:
        return import(s, op);
    case STORE_EXPIRE:
        return expire(s, op);
    case STORE_TOUCH:
        return touch(s, op);
    case STORE_ACCESS:
        return access_of(s, op);
    case STORE_AUTHORIZE:
        return authorize(s, op);
    case STORE_LINK_FIND:
        return find_link(s, op);
    case STORE_LINK_ADD:
    case STORE_LINK_REMOVE:
        return op->kind == STORE_LINK_ADD ? add_link(s, op) : remove_link(s, op);
    case STORE_GET:
    case STORE_SET:
    case STORE_DELETE:
        return run_on_key(s, op);
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
    case STORE_LIST_KEYS:
    case STORE_ACCESS:
    case STORE_LINK_FIND:
    case STORE_GET:
        return false;
    default:
        return true;
    }
}

/* What a server does not keep in memory may be changed beside it. */
static bool may_run(const struct sqlite_store *s, struct store_op *op)
{
    bool access =
        op->kind == STORE_AUTHORIZE || op->kind == STORE_LINK_ADD || op->kind == STORE_LINK_REMOVE;
    bool ok = !writes(op) || (!s->read_only && (access || !s->beside));
    if (!ok)
        store_fail(op, STORE_UNAVAILABLE,
                   s->read_only ? "the file was opened for reading only"
                                : "beside a server only who may enter can be changed");
    return ok && store_check(op);
}

/* A write that fails alone is undone alone, so the others can be committed. */
static void run_guarded(struct sqlite_store *s, struct store_op *op)
{
    if (!may_run(s, op))
        return;
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
