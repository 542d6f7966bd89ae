/* What only the Redis store can meet. */
#include "tests/store/fixture.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(redis_the_hash_is_the_originals)
{
    struct store *s = store_new("redis");
    struct redis_server *r = redis_shared();
    redis_cli(r, "hset bytecrowd:o text old language python authorizedEmails '[\"a@b\"]' more 1");
    struct store_op op;
    CHECK_EQ(load(s, "o", &op), STORE_OK);
    CHECK(op.has_text && op.has_language && !op.has_state);
    CHECK_STR(buf_str(&op.text), "old");
    CHECK_STR(buf_str(&op.language), "python");
    store_op_release(&op);
    CHECK_EQ(append(s, "o", "u", NULL), STORE_OK);
    CHECK_EQ(put_fields(s, "o", "new", NULL), STORE_OK);
    CHECK_STR(redis_cli(r, "hmget bytecrowd:o text language authorizedEmails more"),
              "new\npython\n[\"a@b\"]\n1");
    CHECK_STR(redis_cli(r, "--raw keys '*' | sort"),
              "bytecrowd:o\n{bytecrowd:o}:meta\n{bytecrowd:o}:updates");
    store_close(s);
}

TEST(redis_a_key_of_another_kind_is_corrupt_never_empty)
{
    const char *const keys[] = {"bytecrowd:w", "{bytecrowd:w}:updates", "{bytecrowd:w}:snapshot"};
    struct store *s = store_new("redis");
    struct store_op op;
    char command[128];
    for (size_t i = 0; i < 3; i++) {
        redis_cli(redis_shared(), "flushall");
        snprintf(command, sizeof(command), "set %s x", keys[i]);
        redis_cli(redis_shared(), command);
        CHECK_EQ(load(s, "w", &op), STORE_CORRUPT);
        CHECK(*op.error);
        store_op_release(&op);
    }
    redis_cli(redis_shared(), "flushall");
    redis_cli(redis_shared(), "xadd '{bytecrowd:w}:updates' '*' other field");
    CHECK_EQ(load(s, "w", &op), STORE_CORRUPT);
    store_op_release(&op);
    redis_cli(redis_shared(), "flushall");
    redis_cli(redis_shared(), "hset '{bytecrowd:w}:snapshot' state x upto nonsense");
    CHECK(load(s, "w", &op) < 0);
    store_op_release(&op);
    redis_cli(redis_shared(), "flushall");
    redis_cli(redis_shared(), "hset '{bytecrowd:w}:snapshot' state x");
    CHECK(load(s, "w", &op) < 0);
    store_op_release(&op);
    store_close(s);
}

TEST(redis_password_user_and_database)
{
    static struct redis_server r;
    const char *const args[] = {"--requirepass", "s3cret@:/", NULL};
    char url[200];
    redis_start(&r, 0, NULL, args);
    shell("redis-cli -p %d -a s3cret@:/ acl setuser ann on '>pw' '~*' '&*' '+@all' 2>/dev/null",
          r.port);
    snprintf(url, sizeof(url), "redis://:s3cret%%40%%3A%%2F@127.0.0.1:%d/5", r.port);
    struct store *s = store_must_open(url, 2000);
    CHECK_EQ(append(s, "p", "u", NULL), STORE_OK);
    store_close(s);
    CHECK_STR(shell("redis-cli -p %d -a s3cret@:/ -n 5 --raw keys '*' 2>/dev/null", r.port),
              "{bytecrowd:p}:updates");
    snprintf(url, sizeof(url), "redis://ann:pw@127.0.0.1:%d/5", r.port);
    s = store_must_open(url, 2000);
    expect(s, "p", "", "u");
    store_close(s);
    const char *const wrong[] = {"redis://:no@127.0.0.1:%d", "redis://127.0.0.1:%d",
                                 "redis://ann:no@127.0.0.1:%d", "redis://ann:pw@127.0.0.1:%d/999"};
    for (size_t i = 0; i < 4; i++) {
        struct store_op op;
        switch (i) {
        case 0:
            snprintf(url, sizeof(url), "redis://:no@127.0.0.1:%d", r.port);
            break;
        case 1:
            snprintf(url, sizeof(url), "redis://127.0.0.1:%d", r.port);
            break;
        case 2:
            snprintf(url, sizeof(url), "redis://ann:no@127.0.0.1:%d", r.port);
            break;
        default:
            snprintf(url, sizeof(url), "redis://ann:pw@127.0.0.1:%d/999", r.port);
            break;
        }
        s = store_must_open(url, 2000);
        if (load(s, "p", &op) != STORE_UNAVAILABLE)
            test_fail(__FILE__, __LINE__, "%s was let in", wrong[i]);
        CHECK(*op.error && !strstr(op.error, "pw@"));
        store_op_release(&op);
        store_close(s);
    }
    redis_kill(&r);
}

TEST(redis_unix_socket)
{
    static struct redis_server r;
    const char *dir = temp_dir();
    char path[128], url[200];
    snprintf(path, sizeof(path), "%s/r.sock", dir);
    const char *const args[] = {"--unixsocket", path, NULL};
    redis_start(&r, 0, dir, args);
    snprintf(url, sizeof(url), "redis+unix://%s?db=2", path);
    struct store *s = store_must_open(url, 2000);
    CHECK_EQ(append(s, "u", "x", NULL), STORE_OK);
    expect(s, "u", "", "x");
    CHECK_STR(redis_cli(&r, "-n 2 dbsize"), "1");
    store_close(s);
    redis_kill(&r);
}

/* After a failure the connection is not tried again at once. */
static void append_soon(struct store *s, const char *id, const char *data)
{
    enum store_result result = STORE_UNAVAILABLE;
    for (int i = 0; i < 200 && result == STORE_UNAVAILABLE; i++) {
        usleep(20000);
        result = append(s, id, data, NULL);
    }
    CHECK_EQ(result, STORE_OK);
}

TEST(redis_gone_is_unavailable_and_back_is_found_by_itself)
{
    static struct redis_server r;
    struct store_op op;
    redis_start(&r, 0, NULL, NULL);
    int port = r.port;
    const char *dir = r.dir;
    struct store *s = store_must_open(r.url, 2000);
    CHECK_EQ(append(s, "g", "one", NULL), STORE_OK);
    redis_kill(&r);
    CHECK_EQ(append(s, "g", "lost", NULL), STORE_UNAVAILABLE);
    CHECK_EQ(load(s, "g", &op), STORE_UNAVAILABLE);
    CHECK(strstr(op.error, "refused"));
    store_op_release(&op);
    redis_start(&r, port, dir, NULL);
    append_soon(s, "g", "two");
    expect(s, "g", "", "one|two");
    /* A connection that died unnoticed between two operations costs nothing: the next one is sent
     * once more on a new connection. */
    redis_cli(&r, "client kill type normal");
    CHECK_EQ(append(s, "g", "three", NULL), STORE_OK);
    expect(s, "g", "", "one|two|three");
    store_close(s);
    redis_kill(&r);
}

TEST(redis_a_server_that_hangs_is_given_up_in_time)
{
    static struct redis_server r;
    redis_start(&r, 0, NULL, NULL);
    struct store *s = store_must_open(r.url, 300);
    CHECK_EQ(append(s, "h", "one", NULL), STORE_OK);
    kill(r.pid, SIGSTOP);
    double start = now();
    CHECK_EQ(append(s, "h", "two", NULL), STORE_UNAVAILABLE);
    double took = now() - start;
    CHECK(took > 0.25 && took < 2);
    kill(r.pid, SIGCONT);
    append_soon(s, "h", "three");
    /* "two" may have arrived: it was not acknowledged, and an update twice is harmless. */
    struct store_op op;
    CHECK_EQ(load(s, "h", &op), STORE_OK);
    CHECK(op.update_count == 2 || op.update_count == 3);
    CHECK_STR(buf_str(&op.updates[0]), "one");
    CHECK_STR(buf_str(&op.updates[op.update_count - 1]), "three");
    store_op_release(&op);
    store_close(s);
    redis_kill(&r);
}

TEST(redis_refusals_are_unavailable_and_reads_go_on)
{
    static struct redis_server r;
    redis_start(&r, 0, NULL, NULL);
    struct store *s = store_must_open(r.url, 2000);
    CHECK_EQ(append(s, "f", "one", NULL), STORE_OK);
    redis_cli(&r, "config set maxmemory 1");
    CHECK_EQ(append(s, "f", "two", NULL), STORE_UNAVAILABLE);
    CHECK_EQ(put_fields(s, "f", "text", NULL), STORE_UNAVAILABLE);
    expect(s, "f", "", "one");
    redis_cli(&r, "config set maxmemory 0");
    CHECK_EQ(append(s, "f", "two", NULL), STORE_OK);
    redis_cli(&r, "replicaof 127.0.0.1 1");
    CHECK_EQ(append(s, "f", "three", NULL), STORE_UNAVAILABLE);
    redis_cli(&r, "replicaof no one");
    CHECK_EQ(append(s, "f", "three", NULL), STORE_OK);
    expect(s, "f", "", "one|two|three");
    store_close(s);
    redis_kill(&r);
}

TEST(redis_one_bad_operation_of_a_group_fails_alone)
{
    struct store *s = store_new("redis");
    redis_cli(redis_shared(), "set bytecrowd:bad x");
    struct store_op a = {.kind = STORE_APPEND, .id = "good"},
                    b = {.kind = STORE_FIELDS, .id = "bad", .has_text = true},
                    c = {.kind = STORE_APPEND, .id = "good"}, *ops[] = {&a, &b, &c};
    buf_puts(&a.data, "1");
    buf_puts(&b.text, "t");
    buf_puts(&c.data, "2");
    store_run(s, ops, 3);
    CHECK_EQ(a.result, STORE_OK);
    CHECK_EQ(b.result, STORE_CORRUPT);
    CHECK_EQ(c.result, STORE_OK);
    for (int i = 0; i < 3; i++)
        store_op_release(ops[i]);
    expect(s, "good", "", "1|2");
    store_close(s);
}

/* --- several servers -------------------------------------------------------------------------- */

/* A state may only replace a log that has the entry which it goes up to. */
TEST(redis_a_snapshot_up_to_what_the_log_has_lost_is_refused)
{
    struct store *s = store_new("redis");
    struct store_pos first, last, never;
    CHECK_EQ(append(s, "two", "one", &first), STORE_OK);
    CHECK_EQ(append(s, "two", "two", &last), STORE_OK);
    never = (struct store_pos){first.hi, first.lo + 100};
    CHECK_EQ(put(s, STORE_SNAPSHOT, "two", "state", 5, &never), STORE_EXISTS);
    expect(s, "two", "", "one|two");
    CHECK_EQ(put(s, STORE_SNAPSHOT, "two", "state 1", 7, &first), STORE_OK);
    expect(s, "two", "state 1", "two");
    CHECK_EQ(put(s, STORE_SNAPSHOT, "two", "again", 5, &first), STORE_OK); /* stays */
    expect(s, "two", "state 1", "two");
    CHECK_EQ(put(s, STORE_SNAPSHOT, "two", "state 2", 7, &last), STORE_OK);
    CHECK_EQ(put(s, STORE_SNAPSHOT, "two", "older", 5, &first), STORE_OK);
    expect(s, "two", "state 2", "");
    store_close(s);
}

static enum store_result append_batch(struct store *s, const char *id, uint64_t batch,
                                      const char *data, struct store_pos *pos)
{
    struct store_op op = {.kind = STORE_APPEND, .id = id, .batch = batch}, *ops = &op;
    buf_puts(&op.data, data);
    store_run(s, &ops, 1);
    *pos = op.pos;
    store_op_release(&op);
    return op.result;
}

TEST(redis_a_batch_is_appended_once_however_often_it_is_tried)
{
    struct store *a = store_new("redis"), *b = store_again_beside(a);
    struct store_pos p, again, other;
    CHECK_EQ(append_batch(a, "once", 1, "one", &p), STORE_OK);
    CHECK_EQ(append_batch(b, "once", 1, "another server's", &other), STORE_OK);
    CHECK_EQ(append_batch(a, "once", 1, "one", &again), STORE_OK);
    CHECK_EQ(store_pos_cmp(p, again), 0);
    expect(a, "once", "", "one|another server's");
    /* The snapshot that has it cuts it off, and it is still known. */
    CHECK_EQ(put(b, STORE_SNAPSHOT, "once", "state", 5, &other), STORE_OK);
    CHECK_EQ(append_batch(a, "once", 1, "one", &again), STORE_OK);
    CHECK_EQ(store_pos_cmp(p, again), 0);
    CHECK_EQ(append_batch(a, "once", 2, "two", &again), STORE_OK);
    expect(a, "once", "state", "two");
    store_close(a);
    store_close(b);
}

static enum store_result fields_at(struct store *s, const char *text, struct store_pos pos,
                                   uint32_t interval_ms, uint32_t *wait_ms)
{
    struct store_op op = {.kind = STORE_FIELDS,
                          .id = "f",
                          .has_text = true,
                          .pos = pos,
                          .interval_ms = interval_ms},
                    *ops = &op;
    buf_puts(&op.text, text);
    store_run(s, &ops, 1);
    *wait_ms = op.wait_ms;
    store_op_release(&op);
    return op.result;
}

TEST(redis_fields_are_written_once_an_interval_and_never_by_who_is_behind)
{
    struct store *a = store_new("redis"), *b = store_again_beside(a);
    struct store_pos none = {0}, first = {5, 0}, second = {5, 1};
    uint32_t wait;
    CHECK_EQ(fields_at(a, "first", first, 60000, &wait), STORE_OK);
    CHECK_EQ(fields_at(b, "too soon", second, 60000, &wait), STORE_EXISTS);
    CHECK(wait > 50000 && wait <= 60000);
    CHECK_EQ(fields_at(b, "second", second, 0, &wait), STORE_OK);
    CHECK_EQ(fields_at(a, "behind", first, 0, &wait), STORE_EXISTS);
    CHECK_EQ(wait, 0);
    CHECK_EQ(fields_at(a, "far behind", none, 0, &wait), STORE_EXISTS);
    CHECK_STR(redis_cli(redis_shared(), "HGET bytecrowd:f text"), "second");
    store_close(a);
    store_close(b);
}

static enum store_result resume(struct store *s, struct store_op *op, struct store_pos pos,
                                struct store_pos acked)
{
    struct store_op *ops = op;
    *op = (struct store_op){.kind = STORE_RESUME, .id = "r", .pos = pos, .acked = acked};
    store_run(s, &ops, 1);
    return op->result;
}

/* What a failover to a replica that lagged behind does: the end of the log is gone. */
TEST(redis_resuming_sees_that_the_end_of_the_log_is_lost)
{
    struct store *s = store_new("redis");
    struct store_op op;
    struct store_pos p[3];
    char command[128];
    for (int i = 0; i < 3; i++)
        CHECK_EQ(append(s, "r", "x", &p[i]), STORE_OK);
    CHECK_EQ(resume(s, &op, p[0], p[2]), STORE_OK);
    CHECK(!op.whole && op.update_count == 2 && store_pos_cmp(op.pos, p[2]) == 0);
    store_op_release(&op);
    snprintf(command, sizeof(command), "XDEL {bytecrowd:r}:updates %" PRIu64 "-%" PRIu64, p[2].hi,
             p[2].lo);
    redis_cli(redis_shared(), command);
    CHECK_EQ(resume(s, &op, p[1], p[1]), STORE_OK);
    CHECK(!op.whole && !op.update_count);
    store_op_release(&op);
    CHECK_EQ(resume(s, &op, p[1], p[2]), STORE_OK);
    CHECK(op.whole && op.update_count == 2);
    store_op_release(&op);
    CHECK_EQ(resume(s, &op, p[2], p[1]), STORE_OK);
    CHECK(op.whole && op.update_count == 2);
    store_op_release(&op);
    redis_cli(redis_shared(), "DEL {bytecrowd:r}:updates");
    CHECK_EQ(resume(s, &op, p[0], p[0]), STORE_OK);
    CHECK(op.whole && !op.has_state && store_pos_cmp(op.pos, (struct store_pos){0}) == 0);
    store_op_release(&op);
    store_close(s);
}

/* Who deletes three of the keys leaves the one that says when it was opened, and how new the fields are. */
TEST(redis_what_is_new_is_not_taken_for_what_was_deleted)
{
    struct store *s = store_new("redis");
    struct store_op e = {.kind = STORE_EXPIRE, .id = "f", .age_ms = 3600000}, *expire = &e;
    struct store_op i = {.kind = STORE_IMPORT, .id = "f", .has_text = true}, *import = &i;
    static const char old[] = "HSET {bytecrowd:f}:meta opened 1600000000000 fields 99999999999999 "
                              "fieldspos 99999999999999-0";
    struct store_pos none = {0};
    uint32_t wait;
    redis_cli(redis_shared(), old);
    CHECK_EQ(append(s, "f", "new", NULL), STORE_OK);
    store_run(s, &expire, 1);
    CHECK_EQ(e.result, STORE_EXISTS);
    CHECK_EQ(fields_at(s, "new", none, 60000, &wait), STORE_OK);
    redis_cli(redis_shared(), "FLUSHALL");
    redis_cli(redis_shared(), old);
    buf_puts(&i.text, "imported");
    store_run(s, &import, 1);
    CHECK_EQ(i.result, STORE_OK);
    store_run(s, &expire, 1);
    CHECK_EQ(e.result, STORE_EXISTS);
    CHECK_EQ(fields_at(s, "new", none, 60000, &wait), STORE_OK);
    store_op_release(&i);
    store_op_release(&e);
    store_close(s);
}

/* Two masters of a failover may append at the same time to what was one log: an entry of the one must
 * not be taken for the other's. */
TEST(redis_entries_of_the_same_moment_have_different_ids)
{
    struct store *s = store_new("redis");
    struct store_pos p[8];
    char name[16];
    int same = 0;
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "id%d", i);
        CHECK_EQ(append(s, name, "x", &p[i]), STORE_OK);
        for (int k = 0; k < i; k++)
            same += p[i].lo == p[k].lo;
    }
    CHECK_EQ(same, 0);
    /* A clock that stands still or goes back: they go on. */
    redis_cli(redis_shared(), "XADD {bytecrowd:id0}:updates 9000000000000-5 u future");
    CHECK_EQ(append(s, "id0", "y", &p[0]), STORE_OK);
    CHECK_EQ(append(s, "id0", "z", &p[1]), STORE_OK);
    CHECK_EQ(p[0].hi, 9000000000000);
    CHECK(p[0].lo > 5 && store_pos_cmp(p[0], p[1]) < 0);
    expect(s, "id0", "", "x|future|y|z");
    store_close(s);
}

/* Entries and states in base64, which servers write that come by REST. */
TEST(redis_reads_base64_as_well)
{
    struct store *s = store_new("redis");
    struct store_op op;
    redis_cli(redis_shared(), "HSET {bytecrowd:64}:snapshot state64 c3RhdGU= upto 1-1");
    redis_cli(redis_shared(), "XADD {bytecrowd:64}:updates 2-0 b b25l");
    redis_cli(redis_shared(), "XADD {bytecrowd:64}:updates 3-0 u two");
    expect(s, "64", "state", "one|two");
    redis_cli(redis_shared(), "XADD {bytecrowd:64}:updates 4-0 b '***'");
    CHECK_EQ(load(s, "64", &op), STORE_CORRUPT);
    store_op_release(&op);
    store_close(s);
}
