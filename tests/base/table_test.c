#include "base/table.h"
#include "tests/test.h"

static int values[1000];

TEST(table_empty_ones_are_valid)
{
    struct table t = {0};
    void *v;
    size_t pos = 0;
    CHECK(!table_get(&t, "a", 1));
    CHECK(!table_remove(&t, "a", 1));
    CHECK(!table_next(&t, &pos, &v));
    table_release(&t);
}

TEST(table_set_gives_the_former_value)
{
    struct table t = {0};
    CHECK(!table_set(&t, "key", 3, &values[1]));
    CHECK(table_set(&t, "key", 3, &values[2]) == &values[1]);
    CHECK(table_get(&t, "key", 3) == &values[2]);
    CHECK_EQ(t.count, 1);
    CHECK(table_remove(&t, "key", 3) == &values[2]);
    CHECK(!table_get(&t, "key", 3));
    CHECK(!table_remove(&t, "key", 3));
    CHECK_EQ(t.count, 0);
    table_release(&t);
}

TEST(table_keys_are_bytes_and_are_copied)
{
    struct table t = {0};
    char key[] = "a\0b";
    table_set(&t, key, 3, &values[1]);
    table_set(&t, key, 1, &values[2]);
    table_set(&t, key, 0, &values[3]);
    memset(key, 'x', sizeof(key));
    CHECK(table_get(&t, "a\0b", 3) == &values[1]);
    CHECK(table_get(&t, "a", 1) == &values[2]);
    CHECK(table_get(&t, "", 0) == &values[3]);
    CHECK(!table_get(&t, "a\0c", 3));
    CHECK(!table_get(&t, "xxx", 3));
    table_release(&t);
}

/* Against an array that is indexed by the key: what was removed stays away and nothing else does,
 * in every order that closes gaps over the end of the slots. */
TEST(table_random_operations)
{
    for (int round = 0; round < 20; round++) {
        struct table t = {0};
        void *want[1000] = {NULL}, *v;
        size_t count = 0, keys = 1 + test_below(1000);
        for (int i = 0; i < 5000; i++) {
            uint16_t k = (uint16_t)test_below(keys);
            void *former;
            switch (test_below(3)) {
            case 0:
                former = table_remove(&t, &k, sizeof(k));
                CHECK(former == want[k]);
                count -= want[k] != NULL;
                want[k] = NULL;
                break;
            case 1:
                former = table_set(&t, &k, sizeof(k), &values[i % 1000]);
                CHECK(former == want[k]);
                count += want[k] == NULL;
                want[k] = &values[i % 1000];
                break;
            default:
                CHECK(table_get(&t, &k, sizeof(k)) == want[k]);
            }
            CHECK_EQ(t.count, count);
        }
        for (uint16_t k = 0; k < keys; k++)
            CHECK(table_get(&t, &k, sizeof(k)) == want[k]);
        size_t seen = 0;
        for (size_t pos = 0; table_next(&t, &pos, &v);)
            seen++;
        CHECK_EQ(seen, count);
        table_release(&t);
    }
}
