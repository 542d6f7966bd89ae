/* The Redis store by its other ways: a Cluster, the REST interface. */
#include "tests/redis/cluster_fixture.h"
#include "tests/redis/rest_fixture.h"
#include "tests/store/fixture.h"

TEST(cluster_holds_a_store)
{
    char url[100], id[16];
    int listed = 0;
    cluster_start();
    cluster_flush();
    snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%d", cluster_nodes[0].port);
    struct store *s = store_must_open(url, 2000);
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof(id), "room-%d", i);
        CHECK_EQ(append(s, id, "a", NULL), STORE_OK);
        if (i == 30)
            for (int n = 0; n < 3; n++)
                redis_cli(&cluster_nodes[n], "script flush");
        CHECK_EQ(append(s, id, "b", NULL), STORE_OK);
        expect(s, id, "", "a|b");
    }
    struct store_op op = {.kind = STORE_LIST}, *ops = &op;
    do {
        struct buf cursor = op.cursor;
        op.cursor = (struct buf){0};
        store_op_release(&op);
        op = (struct store_op){.kind = STORE_LIST, .cursor = cursor};
        store_run(s, &ops, 1);
        CHECK_EQ(op.result, STORE_OK);
        listed += (int)op.name_count;
    } while (op.cursor.len);
    store_op_release(&op);
    CHECK(listed >= 60);
    store_close(s);
}

static int count_keys(struct store *s)
{
    struct store_op op = {.kind = STORE_LIST_KEYS}, *one = &op;
    int listed = 0;
    do {
        struct buf cursor = op.cursor;
        op.cursor = (struct buf){0};
        store_op_release(&op);
        op = (struct store_op){.kind = STORE_LIST_KEYS, .cursor = cursor};
        store_run(s, &one, 1);
        CHECK_EQ(op.result, STORE_OK);
        listed += (int)op.name_count;
    } while (op.cursor.len);
    store_op_release(&op);
    return listed;
}

TEST(cluster_holds_keys_and_who_may_enter)
{
    static struct store_op ops[120];
    static char names[60][32];
    struct store_op *list[120];
    char url[100];
    cluster_start();
    cluster_flush();
    snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%d", cluster_nodes[0].port);
    struct store *s = store_must_open(url, 2000);
    for (int i = 0; i < 60; i++) {
        snprintf(names[i], sizeof(names[i]), "user:session:%d", i);
        ops[i] = (struct store_op){
            .kind = STORE_SET, .key = names[i], .expires_ms = UINT64_C(4102444800123)};
        buf_puts(&ops[i].data, names[i]);
        ops[60 + i] = (struct store_op){.kind = STORE_AUTHORIZE, .id = names[i] + 5};
        buf_puts(&ops[60 + i].emails, "[]");
        list[i] = &ops[i];
        list[60 + i] = &ops[60 + i];
    }
    store_run(s, list, 120);
    for (int i = 0; i < 120; i++) {
        CHECK_EQ(ops[i].result, STORE_OK);
        store_op_release(&ops[i]);
    }
    for (int i = 0; i < 60; i++) {
        ops[i] = (struct store_op){.kind = STORE_GET, .key = names[i]};
        ops[60 + i] = (struct store_op){.kind = STORE_ACCESS, .id = names[i] + 5};
    }
    store_run(s, list, 120);
    for (int i = 0; i < 60; i++) {
        CHECK(ops[i].found && ops[i].expires_ms == UINT64_C(4102444800123));
        CHECK_STR(buf_str(&ops[i].data), names[i]);
        CHECK(ops[60 + i].result == STORE_OK && ops[60 + i].has_emails);
        store_op_release(&ops[i]);
        store_op_release(&ops[60 + i]);
    }
    CHECK_EQ(count_keys(s), 60);
    for (int i = 0; i < 60; i++)
        ops[i] = (struct store_op){.kind = STORE_DELETE, .key = names[i]};
    store_run(s, list, 60);
    CHECK_EQ(count_keys(s), 0);
    store_close(s);
}

/* id NULL: its bytecrowd has no such link any more. */
static void leads(struct store *s, const char *hash, const char *id)
{
    struct store_op op = {.kind = STORE_LINK_FIND}, *one = &op;
    buf_puts(&op.data, hash);
    store_run(s, &one, 1);
    CHECK_STR(op.error, "");
    CHECK_STR(buf_str(&op.data), id ? id : "");
    CHECK_EQ(op.found, id != NULL);
    store_op_release(&op);
}

/* Links of 40 bytecrowds, by LINK_ADD and by IMPORT, in one group; how they lead there, and how they go. */
static void check_links(struct store *s, struct store *other)
{
    enum { N = 40 };
    static char hashes[N][65], ids[N][24];
    struct store_op ops[N], *list[N], expire = {.kind = STORE_EXPIRE}, *one = &expire;
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof(ids[i]), "linked-%d", i);
        for (int k = 0; k < 4; k++)
            snprintf(hashes[i] + 16 * k, 17, "%016" PRIx64, test_rand());
        ops[i] = (struct store_op){.kind = i % 2 ? STORE_IMPORT : STORE_LINK_ADD, .id = ids[i]};
        list[i] = &ops[i];
        buf_puts(&ops[i].data, hashes[i]);
        if (i % 2) {
            ops[i].links = calloc(1, sizeof(*ops[i].links));
            ops[i].link_count = 1;
            strcpy(ops[i].links[0].hash, hashes[i]);
        }
    }
    store_run(s, list, N);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(ops[i].result, STORE_OK);
        leads(i % 3 ? s : other, hashes[i], ids[i]);
        store_op_release(&ops[i]);
        ops[i] = (struct store_op){.kind = STORE_LINK_REMOVE, .id = ids[i]};
        buf_puts(&ops[i].data, i % 2 ? "*" : hashes[i]);
    }
    store_run(s, list, N - 2);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(ops[i].result, STORE_OK);
        leads(i % 3 ? s : other, hashes[i], i < N - 2 ? NULL : ids[i]);
        store_op_release(&ops[i]);
    }
    for (int i = N - 2; i < N; i++) {
        expire.id = ids[i];
        store_run(s, &one, 1); /* one that was added is marked as opened by the first */
        store_run(s, &one, 1);
        leads(s, hashes[i], NULL);
    }
}

TEST(cluster_links_lead_to_their_bytecrowds)
{
    char url[100];
    cluster_start();
    cluster_flush();
    snprintf(url, sizeof(url), "redis+cluster://127.0.0.1:%d", cluster_nodes[0].port);
    struct store *s = store_must_open(url, 2000);
    check_links(s, s);
    for (int n = 0; n < 3; n++)
        CHECK_STR(redis_cli(&cluster_nodes[n], "--scan --pattern '*link*' | wc -l"), "0");
    store_close(s);
}

TEST(rest_links_lead_to_their_bytecrowds)
{
    char err[256] = "";
    redis_cli(redis_shared(), "flushall");
    struct store_opts opts = {.timeout_ms = 2000, .token = "a-token"};
    struct store *r = store_open(upstash_shared()->url, &opts, err, sizeof(err));
    struct store *d = store_must_open(redis_shared()->url, 2000);
    CHECK(r);
    check_links(r, d);
    CHECK_STR(redis_cli(redis_shared(), "--scan --pattern '*link*' | wc -l"), "0");
    store_close(r);
    store_close(d);
}

TEST(rest_has_the_same_keys_and_says_the_same_of_who_may_enter)
{
    static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char err[256] = "";
    redis_cli(redis_shared(), "flushall");
    struct store_opts opts = {.timeout_ms = 2000, .token = "a-token"};
    struct store *r = store_open(upstash_shared()->url, &opts, err, sizeof(err));
    struct store *d = store_must_open(redis_shared()->url, 2000);
    struct store_op ops[5] = {
        {.kind = STORE_SET, .key = "user:1", .expires_ms = UINT64_C(4102444800123)},
        {.kind = STORE_SET, .key = "user:1", .if_absent = true},
        {.kind = STORE_AUTHORIZE, .id = "x"},
        {.kind = STORE_AUTHORIZE, .id = "x"},
        {.kind = STORE_LINK_ADD, .id = "x"}};
    struct store_op *list[5], op, *one = &op;
    CHECK(r);
    for (int i = 0; i < 5; i++)
        list[i] = &ops[i];
    buf_puts(&ops[0].data, "{\"name\":\"n\xc3\xa4me\"}");
    buf_puts(&ops[2].emails, "[\"a@b.example\"]");
    buf_puts(&ops[4].data, hash);
    buf_puts(&ops[4].text, "n\xc3\xa4me");
    store_run(r, list, 5);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(ops[i].result, i == 1 || i == 3 ? STORE_EXISTS : STORE_OK);
    CHECK_STR(buf_str(&ops[3].emails), "[\"a@b.example\"]");
    for (int i = 0; i < 5; i++)
        store_op_release(&ops[i]);
    for (int i = 0; i < 2; i++) {
        op = (struct store_op){.kind = STORE_GET, .key = "user:1"};
        store_run(i ? r : d, &one, 1);
        CHECK(op.result == STORE_OK && op.found && op.expires_ms == UINT64_C(4102444800123));
        CHECK_STR(buf_str(&op.data), "{\"name\":\"n\xc3\xa4me\"}");
        store_op_release(&op);
        op = (struct store_op){.kind = STORE_ACCESS, .id = "x"};
        store_run(i ? r : d, &one, 1);
        CHECK(op.result == STORE_OK && op.has_emails && op.link_count == 1);
        CHECK_STR(op.links[0].hash, hash);
        CHECK_STR(buf_str(&op.links[0].about), "n\xc3\xa4me");
        store_op_release(&op);
    }
    store_close(r);
    store_close(d);
}

TEST(rest_is_a_store_that_others_reach_by_redis)
{
    char all[256], err[256] = "";
    struct store_pos pos;
    redis_cli(redis_shared(), "flushall");
    struct store_opts opts = {.timeout_ms = 2000, .token = "a-token"};
    struct store *r = store_open(upstash_shared()->url, &opts, err, sizeof(err));
    struct store *d = store_must_open(redis_shared()->url, 2000);
    CHECK(r);
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    CHECK_EQ(put(r, STORE_APPEND, "s", all, 256, &pos), STORE_OK);
    CHECK_EQ(append(d, "s", "by redis \xff", NULL), STORE_OK);
    CHECK_EQ(put_fields(r, "s", "n\xc3\xa4ve\n", "python"), STORE_OK);
    for (int i = 0; i < 2; i++) {
        struct store_op op;
        CHECK_EQ(load(i ? r : d, "s", &op), STORE_OK);
        CHECK_EQ(op.update_count, 2);
        CHECK_MEM(op.updates[0].data, op.updates[0].len, all, 256);
        CHECK_STR(buf_str(&op.updates[1]), "by redis \xff");
        CHECK_STR(buf_str(&op.text), "n\xc3\xa4ve\n");
        store_op_release(&op);
    }
    CHECK_EQ(put(r, STORE_SNAPSHOT, "s", all, 256, &pos), STORE_OK);
    struct store_op op;
    CHECK_EQ(load(d, "s", &op), STORE_OK);
    CHECK_MEM(op.snapshot.data, op.snapshot.len, all, 256);
    CHECK_EQ(op.update_count, 1);
    store_op_release(&op);
    store_close(r);
    store_close(d);
}
