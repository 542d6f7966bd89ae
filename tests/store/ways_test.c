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
