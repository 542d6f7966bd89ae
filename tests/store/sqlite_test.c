/* What only the SQLite store can meet. */
#include "tests/store/fixture.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

static const char *last_dir;

static void path_in(char *out, size_t cap, const char *name)
{
    snprintf(out, cap, "%s/%s", last_dir = temp_dir(), name);
}

static void refused(const char *path, const char *why)
{
    char url[400], err[256] = "";
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_open(url, &(struct store_opts){.timeout_ms = 100}, err, sizeof(err));
    CHECK(!s);
    if (!strstr(err, why))
        test_fail(__FILE__, __LINE__, "the reason is: %s", err);
}

TEST(sqlite_the_shell_reads_the_text)
{
    struct store *s = store_new("sqlite");
    char path[256], url[300];
    store_close(s);
    path_in(path, sizeof(path), "shell.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    s = store_must_open(url, 5000);
    CHECK_EQ(put_fields(s, "room", "na\xc3\xafve \xf0\x9f\x98\x80", "python"), STORE_OK);
    /* While the server has it open. */
    CHECK_STR(
        shell("sqlite3 '%s' \"select language, text from bytecrowds where id = 'room'\"", path),
        "python|na\xc3\xafve \xf0\x9f\x98\x80");
    CHECK_STR(shell("sqlite3 '%s' 'pragma journal_mode; pragma integrity_check'", path), "wal\nok");
    store_close(s);
}

TEST(sqlite_a_file_is_for_one_server)
{
    char path[256], url[300];
    path_in(path, sizeof(path), "one.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    refused(path, "in use by another bytecrowds");
    store_close(s);
    store_close(store_must_open(url, 5000));
}

TEST(sqlite_a_file_by_another_name_is_for_one_server_too)
{
    char path[256], link[256], dangling[256], url[300], err[256];
    path_in(path, sizeof(path), "real.sqlite");
    path_in(link, sizeof(link), "link.sqlite");
    path_in(dangling, sizeof(dangling), "dangling.sqlite");
    shell("ln -s '%s' '%s'; ln -s '%s' '%s'", path, link, path, dangling);
    /* Where nothing is yet, too. */
    snprintf(url, sizeof(url), "sqlite:%s", dangling);
    struct store *s = store_must_open(url, 5000);
    const char *const others[] = {path, link, dangling};
    for (size_t i = 0; i < 3; i++) {
        snprintf(url, sizeof(url), "sqlite:%s", others[i]);
        CHECK(!store_open(url, NULL, err, sizeof(err)));
        CHECK(strstr(err, "is in use by another bytecrowds"));
    }
    store_close(s);
    store_close(store_must_open(url, 5000));
}

TEST(sqlite_what_is_no_database_is_left_alone)
{
    char path[256], text[] = "this is not a database, but somebody's diary of many, many words\n";
    path_in(path, sizeof(path), "diary.txt");
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 50; i++)
        fputs(text, f);
    fclose(f);
    refused(path, "not a database");
    CHECK_STR(shell("wc -c < '%s'", path), "3250");
    refused("", "file name");
    refused("/nonexistent/dir/x.sqlite", "No such file");
}

TEST(sqlite_a_newer_schema_is_left_alone)
{
    char path[256];
    path_in(path, sizeof(path), "newer.sqlite");
    shell("sqlite3 '%s' 'pragma user_version = 99'", path);
    refused(path, "newer bytecrowds");
}

TEST(sqlite_an_unreadable_page_is_corrupt_never_empty)
{
    char path[256], url[300];
    struct store_op op;
    path_in(path, sizeof(path), "torn.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    char big[20000];
    memset(big, 'x', sizeof(big));
    for (int i = 0; i < 20; i++)
        CHECK_EQ(put(s, STORE_APPEND, "torn", big, sizeof(big), NULL), STORE_OK);
    store_close(s); /* checkpoints */
    int fd = open(path, O_WRONLY);
    memset(big, 0xff, sizeof(big));
    for (int at = 8 * 4096; at < 100 * 4096; at += 4096)
        CHECK_EQ(pwrite(fd, big, 4096, at), 4096);
    close(fd);
    s = store_must_open(url, 5000);
    CHECK_EQ(load(s, "torn", &op), STORE_CORRUPT);
    CHECK(*op.error);
    store_op_release(&op);
    store_close(s);
}

TEST(sqlite_a_lock_of_another_program_is_waited_for_then_reported)
{
    char path[256], url[300];
    path_in(path, sizeof(path), "locked.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 200);
    FILE *other = popen(shell("echo \"sqlite3 '%s' >/dev/null\"", path), "w");
    CHECK(other);
    /* It may come while one of ours is being committed. */
    fputs(".timeout 10000\nbegin immediate;\n", other);
    fflush(other);
    int seen = STORE_OK;
    for (int i = 0; i < 100 && seen == STORE_OK; i++) {
        seen = append(s, "l", "u", NULL);
        usleep(10000);
    }
    CHECK_EQ(seen, STORE_UNAVAILABLE);
    fputs("rollback;\n", other);
    pclose(other);
    CHECK_EQ(append(s, "l", "u", NULL), STORE_OK);
    store_close(s);
}

/* A full disk, by way of a limit on the size of files. */
TEST(sqlite_a_full_disk_is_an_error_and_goes_by)
{
    char path[256], url[300], big[65536];
    struct rlimit old, low = {300000, 300000};
    path_in(path, sizeof(path), "full.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 1000);
    CHECK_EQ(append(s, "before", "kept", NULL), STORE_OK);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    low.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
    memset(big, 'x', sizeof(big));
    int ok = 0, bad = 0;
    for (int i = 0; i < 20; i++) {
        enum store_result r = put(s, STORE_APPEND, "full", big, sizeof(big), NULL);
        ok += r == STORE_OK;
        bad += r == STORE_UNAVAILABLE;
    }
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK(bad > 0);
    CHECK_EQ(ok + bad, 20);
    CHECK_EQ(append(s, "full", "after", NULL), STORE_OK);
    store_close(s);
    s = store_must_open(url, 1000);
    struct store_op op;
    CHECK_EQ(load(s, "full", &op), STORE_OK);
    CHECK_EQ(op.update_count, ok + 1);
    store_op_release(&op);
    expect(s, "before", "", "kept");
    store_close(s);
}

/* --- schemas ---------------------------------------------------------------------------------- */

/* What the first version wrote. */
static const char schema_1[] =
    "pragma journal_mode = wal;"
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
    "insert into bytecrowds (id, text, language, created_at, updated_at) values"
    " ('room', 'text', 'c', 'then', 'later'),"
    " ('old', 'o', null, '2026-01-02T03:04:05.678Z', '2026-02-03T04:05:06.789Z');"
    "insert into updates (id, data) values ('room', 'a'), ('room', 'b'), ('log', 'c');"
    "insert into snapshots (id, state, upto) values ('room', 'A', 1);"
    "delete from updates where seq = 1;";

static void make_schema_1(char *path, size_t cap, const char *name)
{
    path_in(path, cap, name);
    shell("sqlite3 '%s' \"%s\"", path, schema_1);
}

static void expect_schema_1(struct store *s)
{
    struct store_op op;
    expect(s, "room", "A", "b");
    expect(s, "log", "", "c");
    CHECK_EQ(load(s, "old", &op), STORE_OK);
    CHECK(op.has_text && !op.has_language && !op.has_emails && !op.has_state);
    CHECK_STR(buf_str(&op.text), "o");
    store_op_release(&op);
}

static enum store_result expire(struct store *s, const char *id, uint64_t age_ms)
{
    struct store_op op = {.kind = STORE_EXPIRE, .id = id, .age_ms = age_ms}, *ops = &op;
    store_run(s, &ops, 1);
    store_op_release(&op);
    return op.result;
}

TEST(sqlite_a_file_of_the_first_version_is_upgraded)
{
    char path[256], url[300];
    make_schema_1(path, sizeof(path), "one.sqlite");
    shell("sqlite3 '%s' 'create view seen as select id from bytecrowds'", path);
    snprintf(url, sizeof(url), "sqlite:%s", path);
    for (int i = 0; i < 2; i++) {
        struct store *s = store_must_open(url, 5000);
        CHECK_STR(shell("sqlite3 '%s' 'pragma user_version'", path), "4");
        expect_schema_1(s);
        CHECK_EQ(expire(s, "room", 1000000), STORE_EXISTS);
        store_close(s);
    }
    /* Before fields were written again: they kept their times. */
    CHECK_STR(
        shell("sqlite3 '%s' \"select created_at, updated_at from bytecrowds where id = 'old'\"",
              path),
        "2026-01-02T03:04:05.678Z|2026-02-03T04:05:06.789Z");
    struct store *s = store_must_open(url, 5000);
    CHECK_EQ(expire(s, "room", 0), STORE_OK);
    expect(s, "room", "", "");
    expect(s, "log", "", "c");
    store_close(s);
    CHECK_STR(shell("sqlite3 '%s' \"select count(*) > 0 from seen; drop view seen\"", path), "1");
    char schema[4096], fresh[256];
    snprintf(schema, sizeof(schema), "%s", shell("sqlite3 '%s' .schema", path));
    path_in(fresh, sizeof(fresh), "fresh.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", fresh);
    store_close(store_must_open(url, 5000));
    CHECK_STR(shell("sqlite3 '%s' .schema", fresh), schema);
}

/* What the second version wrote. */
static const char schema_2[] =
    "pragma journal_mode = wal;"
    "CREATE TABLE updates (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
    " data BLOB NOT NULL);"
    "CREATE INDEX updates_by_id ON updates (id, seq);"
    "CREATE TABLE bytecrowds ("
    " id TEXT PRIMARY KEY NOT NULL, text TEXT, language TEXT, authorized_emails TEXT,"
    " created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),"
    " updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));"
    "CREATE TABLE snapshots (id TEXT PRIMARY KEY NOT NULL, state BLOB NOT NULL,"
    " upto INTEGER NOT NULL);"
    "CREATE TABLE opened (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;"
    "PRAGMA user_version = 2;"
    "insert into bytecrowds (id, text, authorized_emails) values ('old', 'o', null),"
    " ('locked', 't', '[]');"
    "insert into updates (id, data) values ('room', 'a'), ('room', 'b'), ('log', 'c');"
    "insert into snapshots (id, state, upto) values ('room', 'A', 1);"
    "insert into opened values ('room', 1);"
    "delete from updates where seq = 1;";

static void expect_schema_2(struct store *s)
{
    struct store_op op = {.kind = STORE_ACCESS, .id = "locked"}, *ops = &op;
    expect_schema_1(s);
    store_run(s, &ops, 1);
    CHECK(op.result == STORE_OK && op.has_emails && !op.link_count);
    CHECK_STR(buf_str(&op.emails), "[]");
    store_op_release(&op);
    op = (struct store_op){.kind = STORE_GET, .key = "user:1"};
    store_run(s, &ops, 1);
    CHECK(op.result == STORE_OK && !op.found);
    op = (struct store_op){.kind = STORE_LIST_KEYS};
    store_run(s, &ops, 1);
    CHECK(op.result == STORE_OK && !op.name_count);
    op = (struct store_op){.kind = STORE_LIST};
    store_run(s, &ops, 1);
    CHECK_EQ(op.name_count, 4);
    store_op_release(&op);
}

TEST(sqlite_a_file_of_the_second_version_is_upgraded)
{
    char path[256], url[300], err[256] = "", schema[4096];
    path_in(path, sizeof(path), "two.sqlite");
    shell("sqlite3 '%s' \"%s\"", path, schema_2);
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store_opts reading = {.timeout_ms = 100, .read_only = true};
    struct store *s = store_open(url, &reading, err, sizeof(err));
    CHECK_STR(err, "");
    expect_schema_2(s);
    store_close(s);
    CHECK_STR(shell("sqlite3 '%s' 'pragma user_version'", path), "2");
    for (int i = 0; i < 2; i++) {
        s = store_must_open(url, 5000);
        CHECK_STR(shell("sqlite3 '%s' 'pragma user_version'", path), "4");
        expect_schema_2(s);
        store_close(s);
    }
    s = store_must_open(url, 5000);
    CHECK_EQ(expire(s, "room", 1000), STORE_OK);
    store_close(s);
    snprintf(schema, sizeof(schema), "%s", shell("sqlite3 '%s' .schema | sort", path));
    path_in(path, sizeof(path), "fresh.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    store_close(store_must_open(url, 5000));
    CHECK_STR(shell("sqlite3 '%s' .schema | sort", path), schema);
}

TEST(sqlite_an_upgrade_of_the_second_version_that_fails_changes_nothing)
{
    char path[256], url[300];
    path_in(path, sizeof(path), "taken.sqlite");
    shell("sqlite3 '%s' \"%s\"", path, schema_2);
    shell("sqlite3 '%s' 'create table auth (mine)'", path);
    refused(path, "auth");
    CHECK_STR(shell("sqlite3 '%s' \"pragma user_version; select count(*) from sqlite_master"
                    " where name = 'links'\"",
                    path),
              "2\n0");
    shell("sqlite3 '%s' 'drop table auth'", path);
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    expect_schema_2(s);
    store_close(s);
}

TEST(sqlite_an_upgrade_that_fails_changes_nothing)
{
    char path[256];
    make_schema_1(path, sizeof(path), "taken.sqlite");
    shell("sqlite3 '%s' 'create table opened (mine)'", path);
    refused(path, "opened");
    CHECK_STR(shell("sqlite3 '%s' 'pragma user_version; select count(*) from updates'", path),
              "1\n2");
    shell("sqlite3 '%s' 'drop table opened'", path);
    char url[300];
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    expect_schema_1(s);
    store_close(s);
}

TEST(sqlite_a_clock_that_was_wrong_removes_nothing)
{
    char path[256], url[300];
    path_in(path, sizeof(path), "clock.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    CHECK_EQ(append(s, "x", "u", NULL), STORE_OK);
    CHECK_EQ(put(s, STORE_TOUCH, "x", "", 0, NULL), STORE_OK);
    shell("sqlite3 '%s' 'update opened set at = at + 3600000'", path);
    CHECK_EQ(expire(s, "x", 0), STORE_EXISTS);
    CHECK_EQ(put(s, STORE_TOUCH, "x", "", 0, NULL), STORE_OK);
    CHECK_EQ(expire(s, "x", 0), STORE_EXISTS);
    shell("sqlite3 '%s' 'update opened set at = at - 3600001'", path);
    CHECK_EQ(expire(s, "x", 3600000u * 2), STORE_EXISTS);
    CHECK_EQ(expire(s, "x", 0), STORE_OK);
    store_close(s);
}

/* What was deleted by hand, and only half, does not take its namesake with it. */
TEST(sqlite_an_import_where_a_mark_was_left_behind)
{
    char path[256], url[300];
    path_in(path, sizeof(path), "mark.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    shell("sqlite3 '%s' \"insert into opened values ('x', 1), ('y', 1)\"", path);
    struct store_op op = {.kind = STORE_IMPORT, .id = "x"}, *ops = &op;
    buf_puts(&op.snapshot, "state");
    store_run(s, &ops, 1);
    CHECK_EQ(op.result, STORE_OK);
    store_op_release(&op);
    CHECK_EQ(expire(s, "x", 1000000), STORE_EXISTS);
    op = (struct store_op){.kind = STORE_LOAD, .id = "y", .touch = true};
    store_run(s, &ops, 1);
    CHECK_EQ(append(s, "y", "u", NULL), STORE_OK);
    CHECK_EQ(expire(s, "y", 1000000), STORE_EXISTS);
    store_close(s);
}

TEST(sqlite_ids_that_no_name_can_be_are_not_listed)
{
    char path[256], url[300];
    path_in(path, sizeof(path), "ids.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    shell("sqlite3 '%s' \"insert into bytecrowds (id) values ('a'), (x'6262'), (''),"
          " (cast(x'630063' as text)), ('d e'), (7)\"",
          path);
    struct store_op op = {.kind = STORE_LIST}, *ops = &op;
    store_run(s, &ops, 1);
    CHECK_EQ(op.result, STORE_OK);
    CHECK_EQ(op.name_count, 3);
    CHECK_STR(buf_str(&op.names[0]), "7"); /* a column of text makes it one */
    CHECK_STR(buf_str(&op.names[1]), "a");
    CHECK_STR(buf_str(&op.names[2]), "d e");
    store_op_release(&op);
    store_close(s);
}

/* --- for reading only ------------------------------------------------------------------------- */

static struct store *open_reading(const char *path, char *err, size_t err_len)
{
    char url[400];
    snprintf(url, sizeof(url), "sqlite:%s", path);
    return store_open(url, &(struct store_opts){.timeout_ms = 100, .read_only = true}, err,
                      err_len);
}

static struct store *must_open_reading(const char *path)
{
    char err[256] = "";
    struct store *s = open_reading(path, err, sizeof(err));
    if (!s)
        test_fail(__FILE__, __LINE__, "%s: %s", path, err);
    return s;
}

static void refused_for_reading(const char *path, const char *why)
{
    char err[256] = "";
    struct store *s = open_reading(path, err, sizeof(err));
    CHECK(!s);
    if (!strstr(err, why))
        test_fail(__FILE__, __LINE__, "the reason is: %s", err);
}

TEST(sqlite_a_reader_sees_what_a_server_writes)
{
    char path[256], url[300];
    path_in(path, sizeof(path), "beside.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    CHECK_EQ(append(s, "x", "one", NULL), STORE_OK);
    struct store *reader = must_open_reading(path);
    expect(reader, "x", "", "one");
    CHECK_EQ(append(s, "x", "two", NULL), STORE_OK);
    expect(reader, "x", "", "one|two");
    CHECK_EQ(put(reader, STORE_PING, NULL, "", 0, NULL), STORE_OK);
    store_close(s);
    /* And does not keep one from starting. */
    s = store_must_open(url, 5000);
    CHECK_EQ(append(s, "x", "three", NULL), STORE_OK);
    expect(reader, "x", "", "one|two|three");
    store_close(reader);
    store_close(s);
}

TEST(sqlite_a_reader_writes_nothing)
{
    char path[256];
    make_schema_1(path, sizeof(path), "old.sqlite");
    struct store *s = must_open_reading(path);
    expect_schema_1(s);
    static const enum store_kind kinds[] = {
        STORE_APPEND, STORE_SEED, STORE_SNAPSHOT, STORE_FIELDS,    STORE_IMPORT, STORE_EXPIRE,
        STORE_TOUCH,  STORE_LOAD, STORE_SET,      STORE_AUTHORIZE, STORE_DELETE, STORE_LINK_ADD};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct store_op op = {.kind = kinds[i], .id = "room", .touch = true, .has_text = true};
        struct store_op *ops = &op;
        buf_puts(&op.data, "new");
        store_run(s, &ops, 1);
        CHECK_EQ(op.result, STORE_UNAVAILABLE);
        CHECK(strstr(op.error, "for reading only"));
        store_op_release(&op);
    }
    expect_schema_1(s);
    struct store_op list = {.kind = STORE_LIST}, *ops = &list;
    store_run(s, &ops, 1);
    CHECK_EQ(list.name_count, 3);
    store_op_release(&list);
    store_close(s);
    CHECK_STR(shell("sqlite3 '%s' 'pragma user_version; select count(*) from updates'", path),
              "1\n2");
}

TEST(sqlite_what_a_reader_cannot_read)
{
    char path[256];
    path_in(path, sizeof(path), "none.sqlite");
    refused_for_reading(path, "none.sqlite: No such file");
    CHECK(access(path, F_OK) != 0);
    CHECK_STR(shell("ls -A $(dirname '%s')", path), "");
    shell("sqlite3 '%s' 'create table mine (a)'", path);
    refused_for_reading(path, "holds no bytecrowds");
    shell("sqlite3 '%s' 'pragma user_version = 99'", path);
    refused_for_reading(path, "newer bytecrowds");
    shell("sqlite3 '%s' 'pragma user_version = -1'", path);
    refused_for_reading(path, "holds no bytecrowds");
    shell("sqlite3 '%s' 'pragma user_version = 1'", path);
    refused_for_reading(path, "no such table");
    shell("head -c 5000 /dev/zero >'%s'", path);
    refused_for_reading(path, "not a database");
    refused_for_reading(":memory:", "No such file");
}

/* In a child that is not root, to whom every folder is open. */
static bool as_somebody(const char *path, const char *why)
{
    int status;
    pid_t child = fork();
    if (!child) {
        char err[256] = "";
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        struct store *s = open_reading(path, err, sizeof(err));
        if (why) {
            if (s || !strstr(err, why))
                fprintf(stderr, "expected \"%s\": %s\n", why, s ? "it was opened" : err);
            _exit(s || !strstr(err, why));
        }
        struct store_op op = {.kind = STORE_LOAD, .id = "room"}, *ops = &op;
        if (s)
            store_run(s, &ops, 1);
        else
            fprintf(stderr, "%s\n", err);
        _exit(!s || op.result != STORE_OK || op.update_count != 1);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(sqlite_a_folder_where_nothing_can_be_made)
{
    char path[256], url[300];
    make_schema_1(path, sizeof(path), "100% read?only#.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    const char *dir = last_dir;
    shell("chmod 444 '%s'; chmod 555 '%s'", path, dir);
    CHECK_STR(shell("ls '%s'", dir), "100% read?only#.sqlite");
    CHECK(as_somebody(path, NULL));
    shell("chmod 755 '%s'; touch '%s.lock'; chmod 444 '%s.lock'; chmod 555 '%s'", dir, path, path,
          dir);
    CHECK(as_somebody(path, NULL));
    /* A server that runs and whose files may be read. */
    shell("chmod 755 '%s'; chmod 644 '%s'*", dir, path);
    struct store *s = store_must_open(url, 5000);
    CHECK_EQ(append(s, "other", "u", NULL), STORE_OK);
    shell("chmod 444 '%s'*; chmod 555 '%s'", path, dir);
    CHECK(as_somebody(path, NULL));
    shell("chmod 000 '%s-wal' '%s-shm'", path, path);
    CHECK(as_somebody(path, "copy all of it"));
    shell("chmod 755 '%s'; chmod 644 '%s'*", dir, path);
    store_close(s);
    shell("chmod 444 '%s'*; chmod 555 '%s'", path, dir);
    CHECK(as_somebody(path, NULL));
    shell("chmod 000 '%s'", path);
    CHECK(as_somebody(path, "Permission denied"));
    shell("chmod 755 '%s'", dir);
}

TEST(sqlite_a_log_that_a_kill_left_behind_is_read_too)
{
    char path[256], url[300];
    make_schema_1(path, sizeof(path), "killed.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    pid_t child = fork();
    if (!child) {
        struct store *s = store_must_open(url, 5000);
        _exit(append(s, "x", "in the log", NULL) != STORE_OK);
    }
    waitpid(child, NULL, 0);
    CHECK(atoi(shell("wc -c < '%s-wal'", path)) > 0);
    const char *dir = last_dir;
    shell("rm -f '%s-shm'; chmod 444 '%s'*; chmod 555 '%s'", path, path, dir);
    CHECK(as_somebody(path, "copy all of it"));
    /* By a link the log is still where the file is. */
    char link[256];
    path_in(link, sizeof(link), "link.sqlite");
    shell("ln -s '%s' '%s'; chmod 755 '%s'", path, link, last_dir);
    CHECK(as_somebody(link, "copy all of it"));
    shell("chmod 755 '%s'", dir);
    struct store *s = must_open_reading(path);
    expect(s, "x", "", "in the log");
    store_close(s);
}

/* --- all or nothing --------------------------------------------------------------------------- */

TEST(sqlite_an_import_that_fails_leaves_nothing)
{
    char path[256], url[300], big[65536];
    struct rlimit old, low = {500000, 500000};
    path_in(path, sizeof(path), "half.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 1000);
    struct store_op op = {.kind = STORE_IMPORT, .id = "x", .has_text = true}, *ops = &op;
    memset(big, 'x', sizeof(big));
    buf_puts(&op.text, "text");
    buf_append(&op.snapshot, big, sizeof(big));
    op.updates = calloc(20, sizeof(*op.updates));
    for (op.update_count = 0; op.update_count < 20; op.update_count++)
        buf_append(&op.updates[op.update_count], big, sizeof(big));
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    low.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
    store_run(s, &ops, 1);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_EQ(op.result, STORE_UNAVAILABLE);
    expect(s, "x", "", "");
    store_run(s, &ops, 1);
    CHECK_EQ(op.result, STORE_OK);
    store_op_release(&op);
    store_close(s);
    s = store_must_open(url, 1000);
    CHECK_EQ(load(s, "x", &op), STORE_OK);
    CHECK(op.update_count == 20 && op.snapshot.len == sizeof(big) && op.has_text);
    store_op_release(&op);
    store_close(s);
}

/* Pages that were freed are used again: the file does not grow. */
TEST(sqlite_what_expires_makes_room)
{
    char path[256], url[300], big[20000];
    path_in(path, sizeof(path), "room.sqlite");
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    memset(big, 'x', sizeof(big));
    int pages[4];
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 50; k++)
            CHECK_EQ(put(s, STORE_APPEND, "x", big, sizeof(big), NULL), STORE_OK);
        pages[i] = atoi(shell("sqlite3 '%s' 'pragma page_count'", path));
        CHECK_EQ(expire(s, "x", 0), STORE_EXISTS);
        CHECK_EQ(expire(s, "x", 0), STORE_OK);
    }
    CHECK(pages[3] <= pages[0] + 10);
    store_close(s);
}
