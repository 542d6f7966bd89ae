/* STORE_LINK_FIND: which bytecrowd a read-only link belongs to. */
#include "tests/store/fixture.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static enum store_result run(struct store *s, struct store_op *op)
{
    store_run(s, &op, 1);
    CHECK((op->result < 0) == (*op->error != '\0'));
    return op->result;
}

static struct store_op link_op(enum store_kind kind, const char *id, const char *hash)
{
    struct store_op op = {.kind = kind, .id = id};
    buf_puts(&op.data, hash);
    return op;
}

static enum store_result change(struct store *s, enum store_kind kind, const char *id,
                                const char *hash)
{
    struct store_op op = link_op(kind, id, hash);
    buf_puts(&op.text, "about");
    run(s, &op);
    store_op_release(&op);
    return op.result;
}

#define add(s, id, hash) change(s, STORE_LINK_ADD, id, hash)
#define remove(s, id, hash) change(s, STORE_LINK_REMOVE, id, hash)

/* id NULL: it is not found. */
static void leads(struct store *s, const char *hash, const char *id)
{
    struct store_op op = link_op(STORE_LINK_FIND, NULL, hash);
    CHECK_EQ(run(s, &op), STORE_OK);
    CHECK_EQ(op.found, id != NULL);
    CHECK_STR((const char *)op.data.data, id ? id : "");
    CHECK_EQ(op.data.len, id ? strlen(id) : 0);
    store_op_release(&op);
}

static void random_hash(char out[65])
{
    for (int i = 0; i < 4; i++)
        snprintf(out + 16 * i, 17, "%016" PRIx64, test_rand());
}

static int count_index(void)
{
    return atoi(redis_cli(redis_shared(), "--scan --pattern 'bytecrowds:link:*' | wc -l"));
}

TEST_STORES(a_link_leads_to_its_bytecrowd)
{
    enum { N = 200 };
    static char hashes[N][65], ids[N][16];
    struct store_op ops[N], *list[N];
    bool there[N];
    leads(s, HASH_A, NULL);
    for (int i = 0; i < N; i++) {
        random_hash(hashes[i]);
        snprintf(ids[i], sizeof(ids[i]), "room-%d", (int)test_below(20));
        CHECK_EQ(add(s, ids[i], hashes[i]), STORE_OK);
        there[i] = true;
    }
    for (int i = 0; i < N; i += 3) {
        CHECK_EQ(remove(s, ids[i], hashes[i]), STORE_OK);
        there[i] = false;
    }
    s = store_again(s);
    /* One by one, and all at once. */
    for (int i = 0; i < N; i++) {
        if (i < 20)
            leads(s, hashes[i], there[i] ? ids[i] : NULL);
        ops[i] = link_op(STORE_LINK_FIND, NULL, hashes[i]);
        list[i] = &ops[i];
    }
    store_run(s, list, N);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(ops[i].result, STORE_OK);
        CHECK_EQ(ops[i].found, there[i]);
        CHECK_STR(buf_str(&ops[i].data), there[i] ? ids[i] : "");
        store_op_release(&ops[i]);
    }
    random_hash(hashes[0]);
    leads(s, hashes[0], NULL);
    store_close(s);
}

TEST_STORES(a_link_that_is_removed_leads_nowhere)
{
    char hash[65];
    CHECK_EQ(add(s, "x", HASH_A), STORE_OK);
    CHECK_EQ(add(s, "y", HASH_B), STORE_OK);
    CHECK_EQ(remove(s, "y", HASH_A), STORE_OK); /* not its own */
    leads(s, HASH_A, "x");
    CHECK_EQ(remove(s, "x", HASH_A), STORE_OK);
    CHECK_EQ(remove(s, "x", HASH_A), STORE_OK);
    leads(s, HASH_A, NULL);
    CHECK_EQ(add(s, "x", HASH_A), STORE_OK);
    CHECK_EQ(add(s, "x", HASH_A), STORE_OK);
    leads(s, HASH_A, "x");
    for (int i = 0; i < 30; i++) {
        snprintf(hash, sizeof(hash), "%064x", i);
        CHECK_EQ(add(s, "x", hash), STORE_OK);
    }
    CHECK_EQ(remove(s, "x", "*"), STORE_OK);
    CHECK_EQ(remove(s, "x", "*"), STORE_OK);
    leads(s, HASH_A, NULL);
    leads(s, hash, NULL);
    leads(s, HASH_B, "y");
    if (!strcmp(store_name(s), "redis"))
        CHECK_EQ(count_index(), 1);
    store_close(s);
}

TEST_STORES(a_hundred_and_first_link_leads_nowhere)
{
    char hash[65];
    for (int i = 0; i < STORE_LINKS_MAX; i++) {
        snprintf(hash, sizeof(hash), "%064x", i);
        CHECK_EQ(add(s, "x", hash), STORE_OK);
    }
    CHECK_EQ(add(s, "x", HASH_A), STORE_EXISTS);
    leads(s, HASH_A, NULL);
    leads(s, hash, "x");
    store_close(s);
}

TEST_STORES(what_expires_takes_the_ways_to_it_along)
{
    struct store_op op = {.kind = STORE_EXPIRE, .id = "x"};
    CHECK_EQ(append(s, "x", "u", NULL), STORE_OK);
    CHECK_EQ(add(s, "x", HASH_A), STORE_OK);
    CHECK_EQ(add(s, "x", HASH_B), STORE_OK);
    CHECK_EQ(run(s, &op), STORE_EXISTS);
    leads(s, HASH_A, "x");
    CHECK_EQ(run(s, &op), STORE_OK);
    leads(s, HASH_A, NULL);
    leads(s, HASH_B, NULL);
    if (!strcmp(store_name(s), "redis"))
        CHECK_STR(redis_cli(redis_shared(), "dbsize"), "0");
    store_close(s);
}

static struct store_op import_of(const char *id)
{
    struct store_op op = {.kind = STORE_IMPORT, .id = id, .has_text = true};
    op.links = calloc(2, sizeof(*op.links));
    op.link_count = 2;
    strcpy(op.links[0].hash, HASH_A);
    strcpy(op.links[1].hash, HASH_B);
    buf_puts(&op.text, "text");
    return op;
}

TEST_STORES(imported_links_lead_to_what_was_imported)
{
    struct store_op op = import_of("x");
    CHECK_EQ(run(s, &op), STORE_OK);
    leads(s, HASH_A, "x");
    leads(s, HASH_B, "x");
    CHECK_EQ(remove(s, "x", HASH_A), STORE_OK);
    /* It is there, so what was revoked since is not back. */
    CHECK_EQ(run(s, &op), STORE_EXISTS);
    leads(s, HASH_A, NULL);
    leads(s, HASH_B, "x");
    store_op_release(&op);
    store_close(s);
}

TEST_STORES(a_group_finds_links_in_its_order)
{
    enum { N = 8 };
    struct store_op ops[N] = {
        link_op(STORE_LINK_FIND, NULL, HASH_A), link_op(STORE_LINK_ADD, "x", HASH_A),
        link_op(STORE_LINK_FIND, NULL, HASH_A), link_op(STORE_LINK_FIND, NULL, "not one"),
        link_op(STORE_LINK_FIND, NULL, HASH_B), link_op(STORE_LINK_REMOVE, "x", "*"),
        link_op(STORE_LINK_FIND, NULL, HASH_A), link_op(STORE_APPEND, "x", "u")};
    static const bool found[N] = {[2] = true};
    struct store_op *list[N];
    for (int i = 0; i < N; i++)
        list[i] = &ops[i];
    store_run(s, list, N);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(ops[i].result, i == 3 ? STORE_CORRUPT : STORE_OK);
        CHECK_EQ(ops[i].found, found[i]);
    }
    CHECK_STR(buf_str(&ops[2].data), "x");
    CHECK_STR(buf_str(&ops[3].data), "not one");
    expect(s, "x", "", "u");
    for (int i = 0; i < N; i++)
        store_op_release(&ops[i]);
    store_close(s);
}

/* --- Redis ------------------------------------------------------------------------------------ */

static int key_exists(const char *hash)
{
    char args[128];
    snprintf(args, sizeof(args), "exists bytecrowds:link:%s", hash);
    return atoi(redis_cli(redis_shared(), args));
}

TEST(redis_a_key_that_leads_nowhere_finds_nothing_and_goes)
{
    struct store *s = store_new("redis");
    struct redis_server *r = redis_shared();
    CHECK_EQ(add(s, "x", HASH_A), STORE_OK);
    CHECK_STR(redis_cli(r, "get bytecrowds:link:" HASH_A) + 16, " x");
    redis_cli(r, "hdel {bytecrowd:x}:links " HASH_A);
    leads(s, HASH_A, NULL);
    CHECK_EQ(key_exists(HASH_A), 0);
    /* One of a bytecrowd that was deleted by hand. */
    redis_cli(r, "set bytecrowds:link:" HASH_B " '0123456789abcdef gone'");
    leads(s, HASH_B, NULL);
    CHECK_EQ(key_exists(HASH_B), 0);
    store_close(s);
}

TEST(redis_a_key_that_was_lost_is_written_again)
{
    struct store *s = store_new("redis");
    struct redis_server *r = redis_shared();
    struct store_op op = import_of("y");
    CHECK_EQ(add(s, "x", HASH_A), STORE_OK);
    redis_cli(r, "del bytecrowds:link:" HASH_A);
    leads(s, HASH_A, NULL);
    CHECK_EQ(add(s, "x", HASH_A), STORE_OK);
    leads(s, HASH_A, "x");
    CHECK_EQ(remove(s, "x", HASH_A), STORE_OK);
    /* An import that is tried again after it was interrupted. */
    CHECK_EQ(run(s, &op), STORE_OK);
    redis_cli(r, "del bytecrowds:link:" HASH_A " bytecrowds:link:" HASH_B);
    CHECK_EQ(run(s, &op), STORE_EXISTS);
    leads(s, HASH_A, "y");
    leads(s, HASH_B, "y");
    store_op_release(&op);
    store_close(s);
}

TEST(redis_a_key_of_another_bytecrowd_stays)
{
    struct store *s = store_new("redis");
    CHECK_EQ(add(s, "x", HASH_A), STORE_OK);
    CHECK_EQ(add(s, "y", HASH_A), STORE_OK);
    CHECK_EQ(remove(s, "x", "*"), STORE_OK);
    leads(s, HASH_A, "y");
    store_close(s);
}

TEST(redis_a_key_that_makes_no_sense_is_corrupt)
{
    static const char *const bad[] = {
        "eval \"return redis.call('SET', KEYS[1], '0123456789abcdef ' .. string.rep('x', 256))\" 1 "
        "bytecrowds:link:" HASH_A,
        "eval \"return redis.call('SET', KEYS[1], '0123456789abcdef x\\\\0y')\" 1 "
        "bytecrowds:link:" HASH_A,
        "set bytecrowds:link:" HASH_A " ''",
        "set bytecrowds:link:" HASH_A " x",
        "set bytecrowds:link:" HASH_A " '0123456789abcdef '",
        "set bytecrowds:link:" HASH_A " 0123456789abcdef-x",
        "rpush bytecrowds:link:" HASH_A " x",
    };
    struct store *s = store_new("redis");
    struct redis_server *r = redis_shared();
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        redis_cli(r, "del bytecrowds:link:" HASH_A);
        redis_cli(r, bad[i]);
        struct store_op op = link_op(STORE_LINK_FIND, NULL, HASH_A);
        CHECK_EQ(run(s, &op), STORE_CORRUPT);
        CHECK(!op.found);
        CHECK_STR(buf_str(&op.data), HASH_A);
        store_op_release(&op);
        CHECK_EQ(key_exists(HASH_A), 1);
    }
    store_close(s);
}

/* A link that nobody can open must not be told to anybody. */
TEST(redis_a_link_whose_key_cannot_be_written_is_not_added)
{
    struct store *s = store_new("redis");
    char url[200];
    redis_cli(redis_shared(),
              "acl setuser narrow on '>pw' '~{bytecrowd:*' '~bytecrowd:*' '&*' +@all");
    snprintf(url, sizeof(url), "redis://narrow:pw@127.0.0.1:%d", redis_shared()->port);
    struct store *narrow = store_must_open(url, 2000);
    struct store_op op = link_op(STORE_LINK_ADD, "x", HASH_A), imported = import_of("y");
    CHECK_EQ(run(narrow, &op), STORE_UNAVAILABLE);
    CHECK(strstr(op.error, "NOPERM"));
    CHECK_EQ(run(narrow, &imported), STORE_UNAVAILABLE);
    leads(s, HASH_A, NULL);
    CHECK_EQ(remove(narrow, "x", "*"), STORE_OK);
    redis_cli(redis_shared(), "acl setuser narrow '~bytecrowds:link:*'");
    *op.error = '\0';
    CHECK_EQ(run(narrow, &op), STORE_OK);
    leads(narrow, HASH_A, "x");
    store_op_release(&op);
    store_op_release(&imported);
    store_close(narrow);
    redis_cli(redis_shared(), "acl deluser narrow");
    store_close(s);
}

/* What was added last is found, however many look for it while it comes and goes. */
static atomic_bool looking;

static void *look(void *arg)
{
    struct store *s = store_must_open(redis_shared()->url, 5000);
    while (looking) {
        struct store_op op = link_op(STORE_LINK_FIND, NULL, HASH_A), *one = &op;
        store_run(s, &one, 1);
        store_op_release(&op);
    }
    store_close(s);
    return NULL;
}

TEST(redis_who_finds_a_link_takes_no_key_away_from_who_adds_it)
{
    struct store *s = store_new("redis");
    redisContext *c = redisConnect("127.0.0.1", redis_shared()->port);
    pthread_t threads[3];
    int lost = 0;
    looking = true;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, look, NULL), 0);
    for (int i = 0; i < 150; i++) {
        enum store_result added = add(s, "x", HASH_A);
        struct store_op op = link_op(STORE_LINK_FIND, NULL, HASH_A), *one = &op;
        store_run(s, &one, 1);
        lost += added != STORE_OK || !op.found;
        store_op_release(&op);
        /* As a server does that ends before it deletes the key. */
        freeReplyObject(redisCommand(c, "DEL {bytecrowd:x}:links"));
    }
    looking = false;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    redisFree(c);
    CHECK_EQ(lost, 0);
    store_close(s);
}

/* --- SQLite ----------------------------------------------------------------------------------- */

static const char schema_3[] =
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
    "CREATE TABLE links (id TEXT NOT NULL, hash TEXT NOT NULL, about TEXT NOT NULL,"
    " PRIMARY KEY (id, hash)) WITHOUT ROWID;"
    "CREATE TABLE auth (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, expires_at INTEGER);"
    "CREATE INDEX auth_by_expiry ON auth (expires_at) WHERE expires_at IS NOT NULL;"
    "PRAGMA user_version = 3;"
    "insert into updates (id, data) values ('x', 'a');"
    "insert into links values ('x', '" HASH_A "', 'about'), ('y', '" HASH_B "', '');";

static void make_schema_3(char path[256], char url[300])
{
    snprintf(path, 256, "%s/three.sqlite", temp_dir());
    snprintf(url, 300, "sqlite:%s", path);
    shell("rm -f '%s'*; sqlite3 '%s' \"%s\"", path, path, schema_3);
}

TEST(sqlite_a_file_of_the_third_version_is_upgraded)
{
    char path[256], url[300], schema[4096], err[256] = "";
    make_schema_3(path, url);
    struct store_opts reading = {.timeout_ms = 1000, .read_only = true};
    struct store *s = store_open(url, &reading, err, sizeof(err));
    CHECK_STR(err, "");
    leads(s, HASH_A, "x");
    store_close(s);
    CHECK_STR(shell("sqlite3 '%s' 'pragma user_version'", path), "3");
    for (int i = 0; i < 2; i++) {
        s = store_must_open(url, 5000);
        leads(s, HASH_A, "x");
        leads(s, HASH_B, "y");
        expect(s, "x", "", "a");
        store_close(s);
        CHECK_STR(shell("sqlite3 '%s' 'pragma user_version'", path), "4");
    }
    CHECK_STR(shell("sqlite3 '%s' \"explain query plan select id from links where hash = 'a'\""
                    " | grep -c links_by_hash",
                    path),
              "1");
    snprintf(schema, sizeof(schema), "%s", shell("sqlite3 '%s' .schema | sort", path));
    snprintf(path, sizeof(path), "%s/fresh.sqlite", temp_dir());
    snprintf(url, sizeof(url), "sqlite:%s", path);
    store_close(store_must_open(url, 5000));
    CHECK_STR(shell("sqlite3 '%s' .schema | sort", path), schema);
}

/* --- beside a server -------------------------------------------------------------------------- */

static struct store *open_beside(const char *url, char err[256])
{
    *err = '\0';
    return store_open(url, &(struct store_opts){.timeout_ms = 5000, .beside = true}, err, 256);
}

static uint64_t changes(struct store *s)
{
    struct store_op op = {.kind = STORE_PING};
    CHECK_EQ(run(s, &op), STORE_OK);
    return op.changes;
}

static enum store_result authorize(struct store *s, const char *id, const char *emails)
{
    struct store_op op = {.kind = STORE_AUTHORIZE, .id = id, .force = true};
    buf_puts(&op.emails, emails);
    run(s, &op);
    store_op_release(&op);
    return op.result;
}

TEST(sqlite_a_ping_tells_that_another_process_wrote)
{
    char path[256], url[300];
    snprintf(path, sizeof(path), "%s/pinged.sqlite", temp_dir());
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000);
    uint64_t was = changes(s);
    CHECK(was);
    CHECK_EQ(append(s, "x", "u", NULL), STORE_OK);
    CHECK_EQ(authorize(s, "x", "[]"), STORE_OK);
    shell("sqlite3 '%s' 'select count(*) from bytecrowds'", path);
    CHECK(changes(s) == was); /* its own, and who only reads */
    shell("sqlite3 '%s' \"update bytecrowds set authorized_emails = null\"", path);
    uint64_t now = changes(s);
    CHECK(now != was && changes(s) == now);
    char err[256];
    struct store *beside = open_beside(url, err);
    CHECK_STR(err, "");
    CHECK(changes(s) == now); /* opening is no change */
    CHECK_EQ(authorize(beside, "x", "[]"), STORE_OK);
    store_close(beside);
    CHECK(changes(s) != now);
    store_close(s);
    s = store_new("redis");
    CHECK_EQ(changes(s), 0);
    store_close(s);
}

TEST(sqlite_who_may_enter_is_changed_beside_a_server)
{
    char path[256], url[300], err[256];
    snprintf(path, sizeof(path), "%s/served.sqlite", temp_dir());
    snprintf(url, sizeof(url), "sqlite:%s", path);
    struct store *s = store_must_open(url, 5000), *b = open_beside(url, err);
    CHECK_STR(err, "");
    CHECK_EQ(append(s, "x", "u", NULL), STORE_OK);
    CHECK_EQ(authorize(b, "x", "[\"a@b\"]"), STORE_OK);
    CHECK_EQ(add(b, "x", HASH_A), STORE_OK);
    CHECK_EQ(add(b, "x", HASH_B), STORE_OK);
    CHECK_EQ(remove(b, "x", HASH_B), STORE_OK);
    leads(s, HASH_A, "x");
    leads(s, HASH_B, NULL);
    expect(b, "x", "", "u");
    struct store_op op = {.kind = STORE_ACCESS, .id = "x"};
    CHECK_EQ(run(s, &op), STORE_OK);
    CHECK_STR(buf_str(&op.emails), "[\"a@b\"]");
    store_op_release(&op);
    /* A server can be stopped and started meanwhile. */
    store_close(s);
    CHECK_EQ(authorize(b, "y", "[]"), STORE_OK);
    s = store_must_open(url, 5000);
    CHECK_EQ(authorize(b, "z", "[]"), STORE_OK);
    CHECK_EQ(append(s, "z", "u", NULL), STORE_OK);
    store_close(b);
    store_close(s);
}

TEST(sqlite_beside_a_server_nothing_else_is_written)
{
    static const enum store_kind kinds[] = {
        STORE_APPEND, STORE_SEED,  STORE_SNAPSHOT, STORE_FIELDS, STORE_IMPORT,
        STORE_EXPIRE, STORE_TOUCH, STORE_LOAD,     STORE_SET,    STORE_DELETE};
    char path[256], url[300], err[256];
    make_schema_3(path, url);
    store_close(store_must_open(url, 5000));
    struct store *b = open_beside(url, err);
    CHECK_STR(err, "");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct store_op op = {
            .kind = kinds[i], .id = "x", .key = "user:1", .touch = true, .has_text = true};
        buf_puts(&op.data, "new");
        CHECK_EQ(run(b, &op), STORE_UNAVAILABLE);
        CHECK_STR(op.error, "beside a server only who may enter can be changed");
        store_op_release(&op);
    }
    expect(b, "x", "", "a");
    store_close(b);
}

TEST(sqlite_what_cannot_be_opened_beside_a_server)
{
    char path[256], url[300], err[256];
    make_schema_3(path, url);
    /* An older file is for whoever has it alone. */
    shell("flock -n '%s.lock' true", path);
    FILE *holder = popen(shell("echo \"flock '%s.lock' cat\"", path), "w");
    CHECK(holder);
    for (int i = 0; i < 300 && !*shell("flock -n '%s.lock' true || echo held", path); i++)
        usleep(10000);
    CHECK(!open_beside(url, err));
    CHECK(strstr(err, "in use by an older bytecrowds"));
    pclose(holder);
    CHECK_STR(shell("sqlite3 '%s' 'pragma user_version'", path), "3");
    struct store *b = open_beside(url, err);
    CHECK_STR(err, "");
    leads(b, HASH_A, "x");
    store_close(b);
    CHECK_STR(shell("sqlite3 '%s' 'pragma user_version'", path), "4");
    shell("sqlite3 '%s' 'pragma user_version = 99'", path);
    CHECK(!open_beside(url, err));
    CHECK(strstr(err, "newer bytecrowds"));
    shell("sqlite3 '%s' 'pragma user_version = 0'", path);
    CHECK(!open_beside(url, err));
    CHECK(strstr(err, "holds no bytecrowds"));
    shell("rm -f '%s'*", path);
    CHECK(!open_beside(url, err));
    CHECK(strstr(err, "No such file"));
    CHECK_STR(shell("ls '%s'* 2>/dev/null | wc -l", path), "0");
    shell("echo 'this is no database, it is a text of some length' >'%s'", path);
    CHECK(!open_beside(url, err));
    CHECK(strstr(err, "not a database"));
}

struct writer {
    const char *url;
    atomic_bool *stop;
    atomic_int done, failed;
};

static void *write_beside(void *arg)
{
    struct writer *w = arg;
    char err[256], id[16];
    for (; !*w->stop; w->done++) {
        struct store *b = open_beside(w->url, err);
        struct store_op op = {.kind = STORE_AUTHORIZE, .id = id, .force = true}, *one = &op;
        snprintf(id, sizeof(id), "r%d", w->done % 20);
        buf_puts(&op.emails, "[]");
        if (b)
            store_run(b, &one, 1);
        w->failed += !b || op.result != STORE_OK;
        store_op_release(&op);
        store_close(b);
    }
    return NULL;
}

TEST(sqlite_who_writes_beside_a_server_makes_no_write_of_it_fail)
{
    char url[300], id[16];
    atomic_bool stop = false;
    snprintf(url, sizeof(url), "sqlite:%s/busy.sqlite", temp_dir());
    struct store *s = store_must_open(url, 5000);
    struct writer writers[2] = {{.url = url, .stop = &stop}, {.url = url, .stop = &stop}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, write_beside, &writers[i]), 0);
    int failed = 0;
    for (int i = 0; i < 100 || (i < 20000 && (writers[0].done < 3 || writers[1].done < 3)); i++) {
        snprintf(id, sizeof(id), "r%d", i % 20);
        failed += append(s, id, "u", NULL) != STORE_OK;
        failed += put_fields(s, id, "text", "c") != STORE_OK;
        usleep((useconds_t)test_below(1000));
    }
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(failed, 0);
    CHECK_EQ(writers[0].failed + writers[1].failed, 0);
    CHECK(writers[0].done >= 3 && writers[1].done >= 3);
    store_close(s);
}
