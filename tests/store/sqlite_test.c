/* What only the SQLite store can meet. */
#include "tests/store/fixture.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

static void path_in(char *out, size_t cap, const char *name)
{
    snprintf(out, cap, "%s/%s", temp_dir(), name);
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
