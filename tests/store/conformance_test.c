/* What both stores do alike. */
#include "tests/store/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

TEST_STORES(nothing_is_there_at_first)
{
    struct store_op op;
    CHECK_EQ(load(s, "none", &op), STORE_OK);
    CHECK(!op.has_state && !op.has_text && !op.has_language && !op.update_count);
    CHECK_EQ(store_pos_cmp(op.pos, (struct store_pos){0}), 0);
    store_op_release(&op);
    CHECK_EQ(put(s, STORE_PING, NULL, "", 0, NULL), STORE_OK);
    store_close(s);
}

TEST_STORES(updates_come_back_in_order)
{
    struct store_pos a = {0}, b = {0}, c = {0};
    struct store_op op;
    CHECK_EQ(append(s, "x", "one", &a), STORE_OK);
    CHECK_EQ(append(s, "y", "other", &b), STORE_OK);
    CHECK_EQ(append(s, "x", "two", &b), STORE_OK);
    CHECK_EQ(append(s, "x", "three", &c), STORE_OK);
    CHECK(store_pos_cmp(a, b) < 0 && store_pos_cmp(b, c) < 0);
    expect(s, "x", "", "one|two|three");
    expect(s, "y", "", "other");
    s = store_again(s);
    expect(s, "x", "", "one|two|three");
    CHECK_EQ(load(s, "x", &op), STORE_OK);
    CHECK_EQ(store_pos_cmp(op.pos, c), 0);
    store_op_release(&op);
    store_close(s);
}

TEST_STORES(a_group_is_run_in_order)
{
    enum { N = 200 };
    static struct store_op ops[N];
    struct store_op *list[N], read;
    for (int i = 0; i < N; i++) {
        ops[i] = (struct store_op){.kind = STORE_APPEND, .id = i % 2 ? "odd" : "even"};
        buf_printf(&ops[i].data, "%d", i);
        list[i] = &ops[i];
    }
    store_run(s, list, N);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(ops[i].result, STORE_OK);
        CHECK(i < 2 || store_pos_cmp(ops[i - 2].pos, ops[i].pos) < 0);
        store_op_release(&ops[i]);
    }
    CHECK_EQ(load(s, "odd", &read), STORE_OK);
    CHECK_EQ(read.update_count, N / 2);
    CHECK_STR(buf_str(&read.updates[0]), "1");
    CHECK_STR(buf_str(&read.updates[99]), "199");
    store_op_release(&read);
    store_close(s);
}

TEST_STORES(bytes_are_only_bytes)
{
    uint8_t all[512], none = 0;
    struct store_op op;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)i;
    CHECK_EQ(put(s, STORE_APPEND, "b", all, sizeof(all), NULL), STORE_OK);
    CHECK_EQ(put(s, STORE_APPEND, "b", &none, 0, NULL), STORE_OK);
    CHECK_EQ(load(s, "b", &op), STORE_OK);
    CHECK_EQ(op.update_count, 2);
    CHECK_MEM(op.updates[0].data, op.updates[0].len, all, sizeof(all));
    CHECK_EQ(op.updates[1].len, 0);
    CHECK_EQ(put(s, STORE_SNAPSHOT, "b", all, sizeof(all), &op.pos), STORE_OK);
    store_op_release(&op);
    CHECK_EQ(load(s, "b", &op), STORE_OK);
    CHECK_EQ(op.update_count, 0);
    CHECK_MEM(op.snapshot.data, op.snapshot.len, all, sizeof(all));
    store_op_release(&op);
    store_close(s);
}

TEST_STORES(ten_megabytes)
{
    size_t len = 10u << 20;
    uint8_t *big = malloc(len);
    struct store_op op;
    struct store_pos pos = {0};
    for (size_t i = 0; i < len; i++)
        big[i] = (uint8_t)test_rand();
    CHECK_EQ(put(s, STORE_APPEND, "big", big, len, &pos), STORE_OK);
    CHECK_EQ(load(s, "big", &op), STORE_OK);
    CHECK(op.update_count == 1 && op.updates[0].len == len &&
          !memcmp(op.updates[0].data, big, len));
    store_op_release(&op);
    CHECK_EQ(put(s, STORE_SNAPSHOT, "big", big, len, &pos), STORE_OK);
    CHECK_EQ(load(s, "big", &op), STORE_OK);
    CHECK(!op.update_count && op.snapshot.len == len && !memcmp(op.snapshot.data, big, len));
    store_op_release(&op);
    free(big);
    store_close(s);
}

TEST_STORES(fields_are_written_one_by_one)
{
    struct store_op op = {.kind = STORE_FIELDS, .id = "f", .has_text = true}, *ops = &op;
    buf_append(&op.text, "a\0b \xf0\x9f\x98\x80\r\n", 10);
    store_run(s, &ops, 1);
    CHECK_EQ(op.result, STORE_OK);
    store_op_release(&op);
    CHECK_EQ(load(s, "f", &op), STORE_OK);
    CHECK(op.has_text && !op.has_language && !op.has_state);
    CHECK_MEM(op.text.data, op.text.len, "a\0b \xf0\x9f\x98\x80\r\n", 10);
    store_op_release(&op);
    CHECK_EQ(put_fields(s, "f", NULL, "rust"), STORE_OK);
    CHECK_EQ(put_fields(s, "f", NULL, NULL), STORE_OK);
    CHECK_EQ(load(s, "f", &op), STORE_OK);
    CHECK_EQ(op.text.len, 10);
    CHECK_STR(buf_str(&op.language), "rust");
    store_op_release(&op);
    CHECK_EQ(put_fields(s, "f", "", "c"), STORE_OK);
    CHECK_EQ(load(s, "f", &op), STORE_OK);
    CHECK(op.has_text && op.text.len == 0 && !op.has_state);
    CHECK_STR(buf_str(&op.language), "c");
    store_op_release(&op);
    store_close(s);
}

TEST_STORES(only_the_first_seed_counts)
{
    struct store_pos first = {0}, second = {0};
    CHECK_EQ(put_fields(s, "old", "text of the original", NULL), STORE_OK);
    CHECK_EQ(put(s, STORE_SEED, "old", "seed", 4, &first), STORE_OK);
    CHECK_EQ(put(s, STORE_SEED, "old", "again", 5, &second), STORE_EXISTS);
    expect(s, "old", "", "seed");
    CHECK_EQ(put(s, STORE_SNAPSHOT, "old", "state", 5, &first), STORE_OK);
    CHECK_EQ(put(s, STORE_SEED, "old", "again", 5, &second), STORE_EXISTS);
    expect(s, "old", "state", "");
    store_close(s);
}

TEST_STORES(a_snapshot_cuts_the_log_and_never_goes_back)
{
    struct store_pos p[5] = {{0}};
    const char *const u[] = {"a", "b", "c", "d", "e"};
    CHECK_EQ(append(s, "other", "stays", NULL), STORE_OK);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(append(s, "r", u[i], &p[i]), STORE_OK);
    struct store_pos at = p[1];
    CHECK_EQ(put(s, STORE_SNAPSHOT, "r", "AB", 2, &at), STORE_OK);
    expect(s, "r", "AB", "c|d");
    at = p[2];
    CHECK_EQ(put(s, STORE_SNAPSHOT, "r", "ABC", 3, &at), STORE_OK);
    at = p[0];
    CHECK_EQ(put(s, STORE_SNAPSHOT, "r", "A", 1, &at), STORE_OK);
    at = p[2];
    CHECK_EQ(put(s, STORE_SNAPSHOT, "r", "same", 4, &at), STORE_OK);
    expect(s, "r", "ABC", "d");
    at = p[3];
    CHECK_EQ(put(s, STORE_SNAPSHOT, "r", "ABCD", 4, &at), STORE_OK);
    expect(s, "r", "ABCD", "");
    s = store_again(s);
    /* Positions go on where they were, though the log is empty. */
    CHECK_EQ(append(s, "r", u[4], &p[4]), STORE_OK);
    CHECK(store_pos_cmp(p[3], p[4]) < 0);
    expect(s, "r", "ABCD", "e");
    expect(s, "other", "", "stays");
    store_close(s);
}

TEST_STORES(names_do_not_get_into_each_other)
{
    const char *const names[] = {"a",   "A",         "a.b",      "a_b", "a-b",
                                 "..a", "bytecrowd", "_percent", "0",   "00"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        CHECK_EQ(append(s, names[i], names[i], NULL), STORE_OK);
        CHECK_EQ(put_fields(s, names[i], names[i], NULL), STORE_OK);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct store_op op;
        expect(s, names[i], "", names[i]);
        CHECK_EQ(load(s, names[i], &op), STORE_OK);
        CHECK_STR(buf_str(&op.text), names[i]);
        store_op_release(&op);
    }
    store_close(s);
}

/* A model of one bytecrowd's log beside the store, 400 random operations. */
TEST_STORES(random_operations_agree_with_a_model)
{
    enum { MOST = 400 };
    struct store_pos at[MOST];
    char snapshot[16] = "";
    int from = 0, n = 0;
    for (int i = 0; i < MOST; i++) {
        uint64_t dice = test_below(10);
        char data[16], want[MOST * 5] = "";
        if (dice < 6) {
            snprintf(data, sizeof(data), "u%d", n);
            CHECK_EQ(append(s, "m", data, &at[n]), STORE_OK);
            n++;
        } else if (dice < 7 && n) {
            int upto = (int)test_below((uint64_t)n);
            struct store_pos pos = at[upto];
            snprintf(data, sizeof(data), "s%d", upto);
            CHECK_EQ(put(s, STORE_SNAPSHOT, "m", data, strlen(data), &pos), STORE_OK);
            if (upto >= from) {
                from = upto + 1;
                strcpy(snapshot, data);
            }
        } else if (dice == 7) {
            CHECK_EQ(put(s, STORE_SEED, "m", "seed", 4, NULL), n ? STORE_EXISTS : STORE_OK);
            if (!n)
                break; /* the other tests cover that */
        } else if (dice == 8 && !test_below(8)) {
            s = store_again(s);
        } else {
            for (int k = from; k < n; k++) {
                snprintf(data, sizeof(data), "%su%d", k > from ? "|" : "", k);
                strcat(want, data);
            }
            expect(s, "m", snapshot, want);
        }
    }
    store_close(s);
}

/* A process that appends and tells what was acknowledged is killed; what it told is there. */
TEST_STORES(what_was_acknowledged_survives_a_kill)
{
    int ends[2], told = 0, last = -1;
    const char *kind = store_name(s);
    char url[300];
    snprintf(url, sizeof(url), "%s", redis_shared()->url);
    store_close(s);
    if (!strcmp(kind, "sqlite"))
        snprintf(url, sizeof(url), "sqlite:%s/killed.sqlite", temp_dir());
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (!child) {
        struct store *own = store_must_open(url, 5000);
        for (int i = 0;; i++) {
            char data[16];
            snprintf(data, sizeof(data), "%d", i);
            if (append(own, "k", data, NULL) != STORE_OK || write(ends[1], &i, sizeof(i)) < 0)
                _exit(1);
        }
    }
    close(ends[1]);
    while (told < 100 && read(ends[0], &last, sizeof(last)) == sizeof(last))
        told++;
    kill(child, SIGKILL);
    while (read(ends[0], &last, sizeof(last)) == sizeof(last))
        told++;
    waitpid(child, NULL, 0);
    close(ends[0]);
    CHECK(told >= 100 && last == told - 1);
    s = store_must_open(url, 5000);
    struct store_op op;
    CHECK_EQ(load(s, "k", &op), STORE_OK);
    CHECK(op.update_count >= (size_t)told && op.update_count <= (size_t)told + 1);
    for (size_t i = 0; i < op.update_count; i++)
        CHECK_EQ(atoi(buf_str(&op.updates[i])), i);
    store_op_release(&op);
    store_close(s);
}

/* Two nodes that share a Redis find the same old text and seed it at the same moment. */
static pthread_barrier_t gate;
static void *seed_at_once(void *udata)
{
    enum store_result *result = udata;
    struct store *s = store_must_open(redis_shared()->url, 5000);
    char name[16];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        pthread_barrier_wait(&gate);
        result[i] = put(s, STORE_SEED, name, "seed", 4, NULL);
    }
    store_close(s);
    return NULL;
}

TEST(redis_of_eight_that_seed_at_once_one_wins)
{
    enum { NODES = 8 };
    static enum store_result results[NODES][50];
    pthread_t threads[NODES];
    store_close(store_new("redis"));
    pthread_barrier_init(&gate, NULL, NODES);
    for (int i = 0; i < NODES; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, seed_at_once, results[i]), 0);
    for (int i = 0; i < NODES; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&gate);
    for (int k = 0; k < 50; k++) {
        int won = 0;
        for (int i = 0; i < NODES; i++) {
            CHECK(results[i][k] == STORE_OK || results[i][k] == STORE_EXISTS);
            won += results[i][k] == STORE_OK;
        }
        CHECK_EQ(won, 1);
    }
}
