/* What both stores keep for sign-in and authorization: keys, emails, links. */
#include "tests/store/fixture.h"

#include "store/feed.h"

#include <time.h>

#define HASH_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_A "a" HASH_63
#define HASH_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define EMAILS "[\"a@b.example\",\"c@d.example\"]"

static enum store_result run(struct store *s, struct store_op *op)
{
    store_run(s, &op, 1);
    CHECK((op->result < 0) == (*op->error != '\0'));
    return op->result;
}

static uint64_t epoch_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* --- keys ------------------------------------------------------------------------------------- */

static enum store_result set(struct store *s, const char *key, const char *value, uint64_t expires,
                             bool if_absent)
{
    struct store_op op = {
        .kind = STORE_SET, .key = key, .expires_ms = expires, .if_absent = if_absent};
    buf_puts(&op.data, value);
    run(s, &op);
    store_op_release(&op);
    return op.result;
}

static enum store_result delete (struct store *s, const char *key) {
    struct store_op op = {.kind = STORE_DELETE, .key = key}; return run(s, &op);
}

/* want NULL: it is not found. When it expires. */
static uint64_t gets(struct store *s, const char *key, const char *want)
{
    struct store_op op = {.kind = STORE_GET, .key = key};
    CHECK_EQ(run(s, &op), STORE_OK);
    if (op.found != (want != NULL))
        test_fail(__FILE__, __LINE__, "%s is %s", key, op.found ? buf_str(&op.data) : "absent");
    CHECK_STR(buf_str(&op.data), want ? want : "");
    store_op_release(&op);
    return op.expires_ms;
}

TEST_STORES(keys_keep_what_was_set)
{
    gets(s, "user:1", NULL);
    CHECK_EQ(set(s, "user:1", "{\"id\":\"1\"}", 0, false), STORE_OK);
    CHECK_EQ(gets(s, "user:1", "{\"id\":\"1\"}"), 0);
    CHECK_EQ(set(s, "user:1", "other", 0, false), STORE_OK);
    CHECK_EQ(set(s, "user:2", "", 0, false), STORE_OK);
    s = store_again(s);
    gets(s, "user:1", "other");
    gets(s, "user:2", "");
    gets(s, "USER:1", NULL);
    CHECK_EQ(delete (s, "user:1"), STORE_OK);
    CHECK_EQ(delete (s, "user:1"), STORE_OK);
    gets(s, "user:1", NULL);
    gets(s, "user:2", "");
    store_close(s);
}

TEST_STORES(a_value_is_only_bytes)
{
    struct store_op op = {.kind = STORE_SET, .key = "user:\xff bytes"}, read;
    for (int i = 0; i < 256; i++)
        buf_putc(&op.data, (uint8_t)i);
    CHECK_EQ(run(s, &op), STORE_OK);
    read = (struct store_op){.kind = STORE_GET, .key = op.key};
    CHECK_EQ(run(s, &read), STORE_OK);
    CHECK(read.found);
    CHECK_MEM(read.data.data, read.data.len, op.data.data, 256);
    store_op_release(&op);
    store_op_release(&read);
    store_close(s);
}

TEST_STORES(a_value_is_set_once_if_it_must_not_be_there)
{
    CHECK_EQ(set(s, "user:email:a@b", "first", 0, true), STORE_OK);
    CHECK_EQ(set(s, "user:email:a@b", "second", 0, true), STORE_EXISTS);
    CHECK_EQ(set(s, "user:email:a@b", "first", 0, true), STORE_EXISTS);
    gets(s, "user:email:a@b", "first");
    CHECK_EQ(delete (s, "user:email:a@b"), STORE_OK);
    CHECK_EQ(set(s, "user:email:a@b", "second", 0, true), STORE_OK);
    gets(s, "user:email:a@b", "second");
    store_close(s);
}

TEST_STORES(a_value_is_gone_when_its_time_is_over)
{
    uint64_t now = epoch_ms(), far = now + 30 * UINT64_C(86400000) + 123;
    CHECK_EQ(set(s, "user:session:far", "x", far, false), STORE_OK);
    CHECK_EQ(set(s, "user:session:near", "x", now + 300, false), STORE_OK);
    CHECK_EQ(set(s, "user:session:over", "x", 0, false), STORE_OK);
    CHECK_EQ(set(s, "user:session:over", "x", now - 1000, false), STORE_OK);
    CHECK_EQ(set(s, "user:session:put-off", "x", now + 300, false), STORE_OK);
    CHECK_EQ(set(s, "user:session:put-off", "y", far, false), STORE_OK);
    CHECK_EQ(set(s, "user:session:for-ever", "x", now + 300, false), STORE_OK);
    CHECK_EQ(set(s, "user:session:for-ever", "y", 0, false), STORE_OK);
    CHECK(gets(s, "user:session:near", "x") == now + 300);
    gets(s, "user:session:over", NULL);
    sleep_ms(350);
    CHECK(gets(s, "user:session:far", "x") == far);
    gets(s, "user:session:near", NULL);
    CHECK(gets(s, "user:session:put-off", "y") == far);
    CHECK_EQ(gets(s, "user:session:for-ever", "y"), 0);
    /* What is over is not there. */
    CHECK_EQ(set(s, "user:session:near", "z", 0, true), STORE_OK);
    gets(s, "user:session:near", "z");
    /* A time that no clock will see. */
    CHECK_EQ(set(s, "user:session:far", "x", UINT64_MAX, false), STORE_OK);
    CHECK(gets(s, "user:session:far", "x") > far);
    store_close(s);
}

TEST_STORES(what_cannot_be_a_key_is_refused)
{
    char longest[STORE_KEY_MAX + 2];
    memset(longest, 'k', sizeof(longest));
    longest[STORE_KEY_MAX] = '\0';
    CHECK_EQ(set(s, longest, "x", 0, false), STORE_OK);
    gets(s, longest, "x");
    longest[STORE_KEY_MAX] = 'k';
    longest[STORE_KEY_MAX + 1] = '\0';
    const char *const bad[] = {NULL, "", "bytecrowd:x", "{bytecrowd:x}:updates", longest};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(set(s, bad[i], "x", 0, false), STORE_CORRUPT);
        CHECK_EQ(delete (s, bad[i]), STORE_CORRUPT);
        struct store_op op = {.kind = STORE_GET, .key = bad[i]};
        CHECK_EQ(run(s, &op), STORE_CORRUPT);
    }
    /* And the rest of a group goes on. */
    struct store_op ops[3] = {{.kind = STORE_APPEND, .id = "x"},
                              {.kind = STORE_DELETE, .key = "bytecrowd:x"},
                              {.kind = STORE_APPEND, .id = "x"}};
    struct store_op *list[] = {&ops[0], &ops[1], &ops[2]};
    buf_puts(&ops[0].data, "a");
    buf_puts(&ops[2].data, "b");
    store_run(s, list, 3);
    CHECK(ops[0].result == STORE_OK && ops[1].result == STORE_CORRUPT && ops[2].result == STORE_OK);
    for (int i = 0; i < 3; i++)
        store_op_release(&ops[i]);
    expect(s, "x", "", "a|b");
    store_close(s);
}

/* How many names a list has, and that each is one of keys. */
static int count_listed(struct store *s, enum store_kind kind)
{
    struct store_op op = {.kind = kind};
    int n = 0;
    do {
        CHECK_EQ(run(s, &op), STORE_OK);
        for (size_t i = 0; i < op.name_count; i++)
            CHECK((kind == STORE_LIST_KEYS) == !strncmp(buf_str(&op.names[i]), "user:", 5));
        n += (int)op.name_count;
        struct buf cursor = op.cursor;
        op.cursor = (struct buf){0};
        store_op_release(&op);
        op = (struct store_op){.kind = kind, .cursor = cursor};
    } while (op.cursor.len);
    store_op_release(&op);
    return n;
}

TEST_STORES(keys_of_people_are_listed_and_no_others)
{
    CHECK_EQ(count_listed(s, STORE_LIST_KEYS), 0);
    char key[32];
    for (int i = 0; i < 1300; i++) {
        snprintf(key, sizeof(key), "user:%d", i);
        CHECK_EQ(set(s, key, "x", 0, false), STORE_OK);
    }
    CHECK_EQ(set(s, "user", "x", 0, false), STORE_OK);
    CHECK_EQ(set(s, "user;", "x", 0, false), STORE_OK);
    CHECK_EQ(set(s, "auth:state:1", "x", 0, false), STORE_OK);
    CHECK_EQ(append(s, "user", "u", NULL), STORE_OK);
    CHECK_EQ(count_listed(s, STORE_LIST_KEYS), 1300);
    CHECK_EQ(count_listed(s, STORE_LIST), 1);
    store_close(s);
}

TEST(sqlite_values_whose_time_is_over_are_removed_a_few_at_a_time)
{
    char path[256], url[300], key[32];
    snprintf(path, sizeof(path), "%s/purge.sqlite", temp_dir());
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    shell("sqlite3 '%s' \"with recursive n(i) as (select 1 union all select i + 1 from n where"
          " i < 100) insert into auth select 'user:session:' || i, 'x', i from n\"",
          path);
    CHECK_EQ(count_listed(s, STORE_LIST_KEYS), 0);
    int left = 100;
    for (int i = 0; left; i++) {
        snprintf(key, sizeof(key), "user:%d", i);
        CHECK_EQ(set(s, key, "stays", i % 2 ? epoch_ms() + 60000 : 0, false), STORE_OK);
        int now = atoi(shell("sqlite3 '%s' \"select count(*) from auth where value = 'x'\"", path));
        CHECK(now < left && now >= left - 30 && i < 100);
        left = now;
    }
    CHECK_EQ(set(s, "user:more", "", 0, false), STORE_OK);
    CHECK(count_listed(s, STORE_LIST_KEYS) > 3);
    CHECK_STR(shell("sqlite3 '%s' \"explain query plan select rowid from auth where expires_at <= 1"
                    " order by expires_at limit 20\" | grep -c auth_by_expiry",
                    path),
              "1");
    store_close(s);
}

TEST(sqlite_a_link_that_is_none_is_corrupt)
{
    char path[256], url[300];
    snprintf(path, sizeof(path), "%s/links.sqlite", temp_dir());
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    shell("sqlite3 '%s' \"insert into links values ('x', '*', '')\"", path);
    struct store_op op = {.kind = STORE_ACCESS, .id = "x"};
    CHECK_EQ(run(s, &op), STORE_CORRUPT);
    CHECK(strstr(op.error, "did not write"));
    store_op_release(&op);
    op = (struct store_op){.kind = STORE_ACCESS, .id = "y"};
    CHECK_EQ(run(s, &op), STORE_OK);
    store_close(s);
}

TEST(redis_keys_are_plain_strings)
{
    struct store *s = store_new("redis");
    struct redis_server *r = redis_shared();
    CHECK_EQ(set(s, "user:session:t", "{\"a\":1}", epoch_ms() + 100000, false), STORE_OK);
    CHECK_STR(redis_cli(r, "get user:session:t"), "{\"a\":1}");
    int ttl = atoi(redis_cli(r, "ttl user:session:t"));
    CHECK(ttl > 90 && ttl <= 100);
    redis_cli(r, "set user:1 by-others ex 50");
    uint64_t at = gets(s, "user:1", "by-others");
    CHECK(at > epoch_ms() + 40000 && at <= epoch_ms() + 51000);
    redis_cli(r, "rpush user:list x");
    struct store_op op = {.kind = STORE_GET, .key = "user:list"};
    CHECK_EQ(run(s, &op), STORE_CORRUPT);
    store_op_release(&op);
    store_close(s);
}

/* Redis 6.2 has no PEXPIRETIME; nor has who may not use it. */
TEST(redis_when_a_key_expires_is_found_out_without_its_newest_command)
{
    struct store *s = store_new("redis");
    char url[200];
    redis_cli(redis_shared(), "acl setuser old on '>pw' '~*' '&*' '+@all' '-pexpiretime'");
    snprintf(url, sizeof(url), "redis://old:pw@127.0.0.1:%d", redis_shared()->port);
    struct store *old = store_must_open(url, 2000);
    uint64_t far = epoch_ms() + 1000000;
    CHECK_EQ(set(old, "user:1", "x", far, false), STORE_OK);
    CHECK_EQ(set(old, "user:2", "y", 0, false), STORE_OK);
    uint64_t at = gets(old, "user:1", "x");
    CHECK(at + 5 >= far && at <= far + 5);
    CHECK_EQ(gets(old, "user:2", "y"), 0);
    gets(old, "user:3", NULL);
    store_close(old);
    redis_cli(redis_shared(), "acl deluser old");
    store_close(s);
}

/* --- emails ----------------------------------------------------------------------------------- */

static enum store_result authorize(struct store *s, const char *id, const char *emails, bool force,
                                   const char *present)
{
    struct store_op op = {.kind = STORE_AUTHORIZE, .id = id, .force = force};
    buf_puts(&op.emails, emails);
    run(s, &op);
    CHECK_STR(buf_str(&op.emails), present ? present : emails);
    CHECK_EQ(op.result, present ? STORE_EXISTS : STORE_OK);
    store_op_release(&op);
    return op.result;
}

static struct store_op access_of(struct store *s, const char *id)
{
    struct store_op op = {.kind = STORE_ACCESS, .id = id};
    CHECK_EQ(run(s, &op), STORE_OK);
    return op;
}

/* emails NULL: everybody. links: first letters of hash and text, joined. */
static void may_enter(struct store *s, const char *id, const char *emails, const char *links)
{
    struct store_op both[2];
    both[0] = access_of(s, id);
    CHECK_EQ(load(s, id, &both[1]), STORE_OK);
    for (int i = 0; i < 2; i++) {
        struct buf all = {0};
        CHECK_EQ(both[i].has_emails, emails != NULL);
        CHECK_STR(buf_str(&both[i].emails), emails ? emails : "");
        for (size_t k = 0; k < both[i].link_count; k++)
            buf_printf(&all, "%s%c=%s", k ? " " : "", *both[i].links[k].hash,
                       buf_str(&both[i].links[k].about));
        CHECK_STR(buf_str(&all), links);
        buf_release(&all);
        store_op_release(&both[i]);
    }
}

TEST_STORES(emails_are_set_once)
{
    may_enter(s, "none", NULL, "");
    CHECK_EQ(put_fields(s, "x", "text", "c"), STORE_OK);
    may_enter(s, "x", NULL, "");
    authorize(s, "x", EMAILS, false, NULL);
    may_enter(s, "x", EMAILS, "");
    authorize(s, "x", "[\"me@evil.example\"]", false, EMAILS);
    authorize(s, "x", EMAILS, false, EMAILS);
    CHECK_EQ(put_fields(s, "x", "new", NULL), STORE_OK);
    s = store_again(s);
    may_enter(s, "x", EMAILS, "");
    struct store_op op;
    CHECK_EQ(load(s, "x", &op), STORE_OK);
    CHECK_STR(buf_str(&op.text), "new");
    CHECK_STR(buf_str(&op.language), "c");
    store_op_release(&op);
    store_close(s);
}

TEST_STORES(emails_of_what_is_not_there_yet)
{
    authorize(s, "new", EMAILS, false, NULL);
    may_enter(s, "new", EMAILS, "");
    CHECK_EQ(count_listed(s, STORE_LIST), 1);
    /* It can still be begun, and stays what it is. */
    CHECK_EQ(put(s, STORE_SEED, "new", "seed", 4, NULL), STORE_OK);
    CHECK_EQ(put_fields(s, "new", "text", "c"), STORE_OK);
    may_enter(s, "new", EMAILS, "");
    may_enter(s, "other", NULL, "");
    store_close(s);
}

TEST_STORES(an_operator_sets_emails_in_any_case)
{
    authorize(s, "x", EMAILS, true, NULL);
    authorize(s, "x", "[]", true, NULL);
    may_enter(s, "x", "[]", "");
    authorize(s, "x", EMAILS, false, "[]");
    authorize(s, "x", "", true, NULL);
    may_enter(s, "x", NULL, "");
    authorize(s, "x", EMAILS, false, NULL);
    may_enter(s, "x", EMAILS, "");
    authorize(s, "none", "", true, NULL);
    CHECK_EQ(count_listed(s, STORE_LIST), 1);
    store_close(s);
}

TEST_STORES(of_many_who_set_emails_at_once_one_wins)
{
    enum { N = 50 };
    struct store_op ops[N], *list[N];
    for (int i = 0; i < N; i++) {
        ops[i] = (struct store_op){.kind = STORE_AUTHORIZE, .id = "x"};
        buf_printf(&ops[i].emails, "[\"%d@a.example\"]", i);
        list[i] = &ops[i];
    }
    store_run(s, list, N);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(ops[i].result, i ? STORE_EXISTS : STORE_OK);
        CHECK_STR(buf_str(&ops[i].emails), "[\"0@a.example\"]");
        store_op_release(&ops[i]);
    }
    store_close(s);
}

/* --- links ------------------------------------------------------------------------------------ */

static enum store_result link_op(struct store *s, enum store_kind kind, const char *id,
                                 const char *hash, const char *about)
{
    struct store_op op = {.kind = kind, .id = id};
    buf_puts(&op.data, hash);
    buf_puts(&op.text, about);
    run(s, &op);
    store_op_release(&op);
    return op.result;
}

#define add_link(s, id, hash, about) link_op(s, STORE_LINK_ADD, id, hash, about)
#define remove_link(s, id, hash) link_op(s, STORE_LINK_REMOVE, id, hash, "")

TEST_STORES(links_come_and_go)
{
    CHECK_EQ(add_link(s, "x", HASH_A, "one"), STORE_OK);
    CHECK_EQ(add_link(s, "x", HASH_B, "{\"label\":\"n\xc3\xa4me\"}"), STORE_OK);
    CHECK_EQ(add_link(s, "y", HASH_A, "other"), STORE_OK);
    may_enter(s, "x", NULL, "0={\"label\":\"n\xc3\xa4me\"} a=one");
    CHECK_EQ(add_link(s, "x", HASH_A, ""), STORE_OK);
    s = store_again(s);
    may_enter(s, "x", NULL, "0={\"label\":\"n\xc3\xa4me\"} a=");
    CHECK_EQ(remove_link(s, "x", HASH_B), STORE_OK);
    CHECK_EQ(remove_link(s, "x", HASH_B), STORE_OK);
    may_enter(s, "x", NULL, "a=");
    CHECK_EQ(add_link(s, "x", HASH_B, "b"), STORE_OK);
    CHECK_EQ(remove_link(s, "x", "*"), STORE_OK);
    CHECK_EQ(remove_link(s, "x", "*"), STORE_OK);
    may_enter(s, "x", NULL, "");
    may_enter(s, "y", NULL, "a=other");
    store_close(s);
}

TEST_STORES(links_are_a_hundred_at_most)
{
    char hash[65];
    for (int i = 0; i < STORE_LINKS_MAX; i++) {
        snprintf(hash, sizeof(hash), "%064x", i);
        CHECK_EQ(add_link(s, "x", hash, "l"), STORE_OK);
    }
    CHECK_EQ(add_link(s, "x", HASH_A, "one too many"), STORE_EXISTS);
    CHECK_EQ(add_link(s, "x", hash, "the same"), STORE_OK);
    struct store_op op = access_of(s, "x");
    CHECK_EQ(op.link_count, STORE_LINKS_MAX);
    CHECK_STR(op.links[STORE_LINKS_MAX - 1].hash, hash);
    CHECK_STR(buf_str(&op.links[STORE_LINKS_MAX - 1].about), "the same");
    store_op_release(&op);
    CHECK_EQ(remove_link(s, "x", hash), STORE_OK);
    CHECK_EQ(add_link(s, "x", HASH_A, "now"), STORE_OK);
    store_close(s);
}

TEST_STORES(what_cannot_be_the_hash_of_a_link_is_refused)
{
    const char *const bad[] = {"",      "a",         "**",        HASH_A "a",
                               HASH_63, "A" HASH_63, "g" HASH_63, " " HASH_63};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(add_link(s, "x", bad[i], ""), STORE_CORRUPT);
        CHECK_EQ(remove_link(s, "x", bad[i]), STORE_CORRUPT);
    }
    CHECK_EQ(add_link(s, "x", "*", ""), STORE_CORRUPT);
    may_enter(s, "x", NULL, "");
    store_close(s);
}

/* Who may enter goes when the bytecrowd goes: nobody inherits it. */
TEST_STORES(what_expires_takes_its_links_and_emails_along)
{
    struct store_op op = {.kind = STORE_EXPIRE, .id = "x"};
    authorize(s, "x", EMAILS, false, NULL);
    CHECK_EQ(add_link(s, "x", HASH_A, "l"), STORE_OK);
    CHECK_EQ(add_link(s, "y", HASH_A, "l"), STORE_OK);
    CHECK_EQ(run(s, &op), STORE_EXISTS);
    CHECK_EQ(run(s, &op), STORE_OK);
    may_enter(s, "x", NULL, "");
    may_enter(s, "y", NULL, "a=l");
    /* One of which there are only links counts, too. */
    CHECK_EQ(count_listed(s, STORE_LIST), 1);
    op.id = "y";
    CHECK_EQ(run(s, &op), STORE_EXISTS);
    CHECK_EQ(put(s, STORE_TOUCH, "y", "", 0, NULL), STORE_OK);
    CHECK_EQ(run(s, &op), STORE_OK);
    may_enter(s, "y", NULL, "");
    CHECK_EQ(count_listed(s, STORE_LIST), 0);
    store_close(s);
}

TEST_STORES(links_are_imported)
{
    struct store_op op = {.kind = STORE_IMPORT, .id = "x", .has_emails = true}, again;
    op.links = calloc(2, sizeof(*op.links));
    op.link_count = 2;
    strcpy(op.links[0].hash, HASH_B);
    strcpy(op.links[1].hash, HASH_A);
    buf_append(&op.links[1].about, "1:a\0\xff", 5);
    buf_puts(&op.emails, EMAILS);
    CHECK_EQ(run(s, &op), STORE_OK);
    again = access_of(s, "x");
    CHECK(again.has_emails && again.link_count == 2);
    CHECK_STR(again.links[0].hash, HASH_B);
    CHECK_EQ(again.links[0].about.len, 0);
    CHECK_MEM(again.links[1].about.data, again.links[1].about.len, "1:a\0\xff", 5);
    store_op_release(&again);
    /* Links alone are something that is there. */
    CHECK_EQ(add_link(s, "y", HASH_A, "l"), STORE_OK);
    op.id = "y";
    CHECK_EQ(run(s, &op), STORE_EXISTS);
    may_enter(s, "y", NULL, "a=l");
    store_op_release(&op);
    store_close(s);
}

TEST_STORES(one_group_for_everything_about_a_sign_in)
{
    enum { N = 6 };
    struct store_op ops[N] = {
        {.kind = STORE_SET, .key = "user:1"},
        {.kind = STORE_SET, .key = "user:1", .if_absent = true},
        {.kind = STORE_GET, .key = "user:1"},
        {.kind = STORE_AUTHORIZE, .id = "x"},
        {.kind = STORE_ACCESS, .id = "x"},
        {.kind = STORE_DELETE, .key = "user:1"},
    };
    struct store_op *list[N];
    buf_puts(&ops[0].data, "one");
    buf_puts(&ops[1].data, "two");
    buf_puts(&ops[3].emails, EMAILS);
    for (int i = 0; i < N; i++)
        list[i] = &ops[i];
    store_run(s, list, N);
    for (int i = 0; i < N; i++)
        CHECK_EQ(ops[i].result, i == 1 ? STORE_EXISTS : STORE_OK);
    CHECK(ops[2].found);
    CHECK_STR(buf_str(&ops[2].data), "one");
    CHECK_STR(buf_str(&ops[4].emails), EMAILS);
    for (int i = 0; i < N; i++)
        store_op_release(&ops[i]);
    gets(s, "user:1", NULL);
    store_close(s);
}

/* --- Redis ------------------------------------------------------------------------------------ */

TEST(redis_emails_are_where_the_original_has_them)
{
    struct store *s = store_new("redis");
    struct redis_server *r = redis_shared();
    authorize(s, "x", EMAILS, false, NULL);
    CHECK_EQ(add_link(s, "x", HASH_A, "l"), STORE_OK);
    CHECK_STR(redis_cli(r, "--raw hget bytecrowd:x authorizedEmails"), EMAILS);
    CHECK_STR(redis_cli(r, "--raw hgetall {bytecrowd:x}:links"), HASH_A "\nl");
    redis_cli(r, "hset bytecrowd:old text t authorizedEmails '[\"o@b\"]'");
    authorize(s, "old", EMAILS, false, "[\"o@b\"]");
    /* What is no link of ours opens nothing, and is not passed over either. */
    redis_cli(r, "hset {bytecrowd:x}:links '*' l");
    struct store_op op = {.kind = STORE_ACCESS, .id = "x"};
    CHECK_EQ(run(s, &op), STORE_CORRUPT);
    store_op_release(&op);
    store_close(s);
}

static void wake(void *udata)
{
}

static void hear(void *udata, const struct feed_news *n)
{
    char *heard = udata;
    if (n->kind == FEED_FOLLOWING)
        strcat(heard, "following ");
    if (n->kind == FEED_POLICY)
        strcat(heard, n->own ? "own " : !strcmp(n->id, "x") && n->node ? "policy " : "wrong ");
    if (n->kind == FEED_TOLD)
        strcat(heard, "told ");
}

static void hears(struct store_feed *f, char heard[256], const char *what)
{
    for (int i = 0; i < 500 && strcmp(heard, what) != 0; i++) {
        store_feed_drain(f, hear, heard);
        sleep_ms(10);
    }
    CHECK_STR(heard, what);
    *heard = '\0';
}

TEST(redis_other_servers_hear_who_may_enter)
{
    struct store *a = store_new("redis"), *b = store_again_beside(a);
    struct store_feed *feeds[] = {store_feed_new(a, wake, NULL), store_feed_new(b, wake, NULL)};
    char heard[2][256] = {"", ""};
    for (int i = 0; i < 2; i++) {
        store_feed_follow(feeds[i], "x");
        hears(feeds[i], heard[i], "following ");
    }
    authorize(a, "x", EMAILS, false, NULL);
    authorize(a, "x", "[]", false, EMAILS);
    authorize(a, "x", "[]", true, NULL);
    CHECK_EQ(add_link(a, "x", HASH_A, ""), STORE_OK);
    CHECK_EQ(remove_link(a, "x", HASH_B), STORE_OK);
    CHECK_EQ(remove_link(a, "x", HASH_A), STORE_OK);
    CHECK_EQ(remove_link(a, "x", "*"), STORE_OK);
    CHECK_EQ(put(a, STORE_TELL, "x", "end", 3, NULL), STORE_OK);
    hears(feeds[1], heard[1], "policy policy policy policy told ");
    CHECK_EQ(put(b, STORE_TELL, "x", "end", 3, NULL), STORE_OK);
    hears(feeds[0], heard[0], "told "); /* one's own changes are no news */
    for (int i = 0; i < 2; i++)
        store_feed_free(feeds[i]);
    store_close(a);
    store_close(b);
}
