/* What both stores do alike, beyond loading and appending: moving, resuming, expiring. */
#include "tests/store/fixture.h"

#include "base/table.h"

#include <time.h>

#define HOUR_MS 3600000u

static void wait_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static enum store_result run(struct store *s, struct store_op *op)
{
    store_run(s, &op, 1);
    CHECK((op->result < 0) == (*op->error != '\0'));
    return op->result;
}

static void set(struct buf *b, const char *text)
{
    buf_clear(b);
    buf_puts(b, text);
}

/* NULL: absent. updates: joined by '|'; "" for none. */
struct crowd {
    const char *snapshot, *updates, *text, *language, *emails;
};

static struct store_op import_of(const char *id, const struct crowd *c)
{
    struct store_op op = {.kind = STORE_IMPORT, .id = id};
    op.updates = calloc(16, sizeof(*op.updates));
    for (const char *p = c->updates; *p; p += *p == '|') {
        size_t n = strcspn(p, "|");
        buf_append(&op.updates[op.update_count++], p, n);
        p += n;
    }
    buf_puts(&op.snapshot, c->snapshot);
    op.has_state = op.update_count || op.snapshot.len;
    if ((op.has_text = c->text))
        buf_puts(&op.text, c->text);
    if ((op.has_language = c->language))
        buf_puts(&op.language, c->language);
    if ((op.has_emails = c->emails))
        buf_puts(&op.emails, c->emails);
    return op;
}

static enum store_result import(struct store *s, const char *id, const struct crowd *c)
{
    struct store_op op = import_of(id, c);
    run(s, &op);
    store_op_release(&op);
    return op.result;
}

static void check_field(const char *name, bool has, struct buf *got, const char *want)
{
    if (has != (want != NULL) || (want && strcmp(buf_str(got), want) != 0))
        test_fail(__FILE__, __LINE__, "%s is %s, expected %s", name, has ? buf_str(got) : "absent",
                  want ? want : "absent");
}

static void holds(struct store *s, const char *id, const struct crowd *c)
{
    struct store_op op;
    expect(s, id, c->snapshot, c->updates);
    CHECK_EQ(load(s, id, &op), STORE_OK);
    check_field("text", op.has_text, &op.text, c->text);
    check_field("language", op.has_language, &op.language, c->language);
    check_field("emails", op.has_emails, &op.emails, c->emails);
    store_op_release(&op);
}

/* --- importing -------------------------------------------------------------------------------- */

static const struct crowd kinds[] = {
    {"state", "one|two|three", "a text", "python", "[\"a@b.example\"]"},
    {"state", "", NULL, NULL, NULL},
    {"", "one", "", "", "[]"},
    {"", "", "of the original", NULL, NULL},
    {"", "", NULL, "rust", NULL},
    {"", "", NULL, NULL, "[\"only@emails.example\"]"},
    {"", "one|two", "{\"a\": 1}", NULL, NULL},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

TEST_STORES(what_is_imported_is_loaded_as_it_was)
{
    char name[16];
    for (size_t i = 0; i < KINDS; i++) {
        snprintf(name, sizeof(name), "kind-%zu", i);
        CHECK_EQ(import(s, name, &kinds[i]), STORE_OK);
    }
    s = store_again(s);
    for (size_t i = 0; i < KINDS; i++) {
        snprintf(name, sizeof(name), "kind-%zu", i);
        holds(s, name, &kinds[i]);
    }
    store_close(s);
}

TEST_STORES(an_import_is_only_bytes)
{
    struct store_op op = import_of("b", &(struct crowd){"", "x|y", "", "", ""}), read;
    uint8_t all[256];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)(255 - i);
    buf_append(&op.snapshot, all, 256);
    buf_append(&op.text, all, 256);
    buf_append(&op.language, all, 128);
    buf_append(&op.emails, all, 64);
    buf_clear(&op.updates[0]);
    buf_append(&op.updates[1], all, 256);
    CHECK_EQ(run(s, &op), STORE_OK);
    CHECK_EQ(load(s, "b", &read), STORE_OK);
    CHECK_EQ(read.update_count, 2);
    CHECK_EQ(read.updates[0].len, 0);
    CHECK_MEM(read.updates[1].data, read.updates[1].len, op.updates[1].data, op.updates[1].len);
    CHECK_MEM(read.snapshot.data, read.snapshot.len, all, 256);
    CHECK_MEM(read.text.data, read.text.len, all, 256);
    CHECK_MEM(read.language.data, read.language.len, all, 128);
    CHECK_MEM(read.emails.data, read.emails.len, all, 64);
    store_op_release(&op);
    store_op_release(&read);
    store_close(s);
}

TEST_STORES(an_import_leaves_alone_what_is_there)
{
    const struct crowd other = {"other", "a|b", "t", "l", "[]"};
    struct store_pos at = {0};
    CHECK_EQ(append(s, "log", "u", NULL), STORE_OK);
    CHECK_EQ(put_fields(s, "fields", "text", NULL), STORE_OK);
    CHECK_EQ(append(s, "snapshot", "u", &at), STORE_OK);
    CHECK_EQ(put(s, STORE_SNAPSHOT, "snapshot", "S", 1, &at), STORE_OK);
    CHECK_EQ(import(s, "emails", &kinds[5]), STORE_OK);
    const char *const names[] = {"log", "fields", "snapshot", "emails"};
    for (int i = 0; i < 4; i++)
        CHECK_EQ(import(s, names[i], &other), STORE_EXISTS);
    holds(s, "log", &(struct crowd){"", "u", NULL, NULL, NULL});
    holds(s, "fields", &(struct crowd){"", "", "text", NULL, NULL});
    holds(s, "snapshot", &(struct crowd){"S", "", NULL, NULL, NULL});
    holds(s, "emails", &kinds[5]);
    store_close(s);
}

TEST_STORES(imports_in_one_group)
{
    struct store_op ops[4], *list[4];
    const char *const names[] = {"one", "two", "one", "three"};
    for (int i = 0; i < 4; i++) {
        ops[i] = import_of(names[i], &kinds[i]);
        list[i] = &ops[i];
    }
    store_run(s, list, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(ops[i].result, i == 2 ? STORE_EXISTS : STORE_OK);
        store_op_release(&ops[i]);
    }
    holds(s, "one", &kinds[0]);
    holds(s, "two", &kinds[1]);
    holds(s, "three", &kinds[3]);
    store_close(s);
}

TEST_STORES(a_long_log_is_imported_whole)
{
    enum { N = 20000 };
    struct store_op op = {.kind = STORE_IMPORT, .id = "long", .has_state = true}, read;
    op.updates = calloc(N, sizeof(*op.updates));
    op.update_count = N;
    for (int i = 0; i < N; i++)
        buf_printf(&op.updates[i], "update %d", i);
    CHECK_EQ(run(s, &op), STORE_OK);
    CHECK_EQ(load(s, "long", &read), STORE_OK);
    CHECK_EQ(read.update_count, N);
    for (int i = 0; i < N; i++)
        CHECK_MEM(read.updates[i].data, read.updates[i].len, op.updates[i].data, op.updates[i].len);
    store_op_release(&op);
    store_op_release(&read);
    store_close(s);
}

TEST_STORES(a_log_goes_on_after_an_import)
{
    struct store_op op;
    struct store_pos next = {0};
    CHECK_EQ(import(s, "x", &kinds[0]), STORE_OK);
    CHECK_EQ(load(s, "x", &op), STORE_OK);
    CHECK(store_pos_cmp(op.base, (struct store_pos){0}) > 0);
    CHECK(store_pos_cmp(op.base, op.pos) < 0);
    CHECK_EQ(append(s, "x", "four", &next), STORE_OK);
    CHECK(store_pos_cmp(op.pos, next) < 0);
    expect(s, "x", "state", "one|two|three|four");
    CHECK_EQ(put(s, STORE_SNAPSHOT, "x", "newer", 5, &op.pos), STORE_OK);
    expect(s, "x", "newer", "four");
    CHECK_EQ(put(s, STORE_SEED, "x", "seed", 4, NULL), STORE_EXISTS);
    store_op_release(&op);
    store_close(s);
}

TEST_STORES(fields_leave_the_emails_alone)
{
    CHECK_EQ(import(s, "x", &kinds[0]), STORE_OK);
    CHECK_EQ(put_fields(s, "x", "new", "c"), STORE_OK);
    holds(s, "x", &(struct crowd){"state", "one|two|three", "new", "c", "[\"a@b.example\"]"});
    store_close(s);
}

/* --- listing ---------------------------------------------------------------------------------- */

/* Lists all; how often each name came. */
static struct table list_all(struct store *s)
{
    struct table seen = {0};
    struct store_op op = {.kind = STORE_LIST};
    int calls = 0;
    do {
        CHECK(++calls < 10000);
        CHECK_EQ(run(s, &op), STORE_OK);
        for (size_t i = 0; i < op.name_count; i++) {
            const struct buf *n = &op.names[i];
            uintptr_t times = (uintptr_t)table_get(&seen, n->data, n->len);
            table_set(&seen, n->data, n->len, (void *)(times + 1));
        }
        struct buf cursor = op.cursor;
        op.cursor = (struct buf){0};
        store_op_release(&op);
        op = (struct store_op){.kind = STORE_LIST, .cursor = cursor};
    } while (op.cursor.len);
    store_op_release(&op);
    return seen;
}

static bool listed(const struct table *t, const char *name)
{
    return table_get(t, name, strlen(name));
}

TEST_STORES(a_list_has_what_has_a_log_a_snapshot_or_fields)
{
    struct store_pos at = {0};
    struct table t = list_all(s);
    CHECK_EQ(t.count, 0);
    table_release(&t);
    CHECK_EQ(append(s, "log", "u", NULL), STORE_OK);
    CHECK_EQ(append(s, "snap", "u", &at), STORE_OK);
    CHECK_EQ(put(s, STORE_SNAPSHOT, "snap", "S", 1, &at), STORE_OK);
    CHECK_EQ(put_fields(s, "text", "t", NULL), STORE_OK);
    CHECK_EQ(import(s, "emails", &kinds[5]), STORE_OK);
    CHECK_EQ(import(s, "all", &kinds[0]), STORE_OK);
    /* What looks like keys and patterns of a store. */
    CHECK_EQ(append(s, "bytecrowd", "u", NULL), STORE_OK);
    CHECK_EQ(append(s, "a.snapshot", "u", NULL), STORE_OK);
    CHECK_EQ(append(s, "..updates", "u", NULL), STORE_OK);
    CHECK_EQ(append(s, "_-_", "u", NULL), STORE_OK);
    t = list_all(s);
    CHECK_EQ(t.count, 9);
    const char *const names[] = {"log",       "snap",       "text",      "emails", "all",
                                 "bytecrowd", "a.snapshot", "..updates", "_-_"};
    for (int i = 0; i < 9; i++)
        CHECK(listed(&t, names[i]));
    table_release(&t);
    store_close(s);
}

TEST_STORES(a_list_of_thousands_comes_in_pieces)
{
    enum { N = 3000 };
    static struct store_op ops[N];
    static struct store_op *list[N];
    static char names[N][16];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", i);
        ops[i] = import_of(names[i], &kinds[(size_t)i % KINDS]);
        list[i] = &ops[i];
    }
    store_run(s, list, N);
    for (int i = 0; i < N; i++) {
        CHECK_EQ(ops[i].result, STORE_OK);
        store_op_release(&ops[i]);
    }
    struct store_op first = {.kind = STORE_LIST};
    CHECK_EQ(run(s, &first), STORE_OK);
    CHECK(first.cursor.len && first.name_count < N);
    store_op_release(&first);
    struct table t = list_all(s);
    CHECK_EQ(t.count, N);
    for (int i = 0; i < N; i++)
        CHECK(listed(&t, names[i]));
    table_release(&t);
    store_close(s);
}

/* --- resuming --------------------------------------------------------------------------------- */

static struct store_op resume(struct store *s, const char *id, struct store_pos pos,
                              struct store_pos acked)
{
    struct store_op op = {.kind = STORE_RESUME, .id = id, .pos = pos, .acked = acked};
    CHECK_EQ(run(s, &op), STORE_OK);
    CHECK(!op.has_text && !op.has_language && !op.has_emails);
    return op;
}

static void expect_resume(struct store *s, const char *id, struct store_pos pos,
                          struct store_pos acked, bool whole, const char *snapshot,
                          const char *updates, struct store_pos end)
{
    struct store_op op = resume(s, id, pos, acked);
    struct buf joined = {0};
    for (size_t i = 0; i < op.update_count; i++)
        buf_printf(&joined, "%s%s", i ? "|" : "", buf_str(&op.updates[i]));
    CHECK_EQ(op.whole, whole);
    CHECK_STR(buf_str(&op.snapshot), snapshot);
    CHECK_STR(buf_str(&joined), updates);
    CHECK_EQ(store_pos_cmp(op.pos, end), 0);
    buf_release(&joined);
    store_op_release(&op);
}

static const struct store_pos zero;

TEST_STORES(resuming_gives_what_came_after)
{
    struct store_pos p[4];
    expect_resume(s, "x", zero, zero, false, "", "", zero);
    const char *const u[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(append(s, "other", "o", NULL), STORE_OK);
        CHECK_EQ(append(s, "x", u[i], &p[i]), STORE_OK);
    }
    expect_resume(s, "x", zero, zero, false, "", "a|b|c|d", p[3]);
    expect_resume(s, "x", p[0], zero, false, "", "b|c|d", p[3]);
    expect_resume(s, "x", p[2], p[1], false, "", "d", p[3]);
    expect_resume(s, "x", p[2], p[3], false, "", "d", p[3]);
    expect_resume(s, "x", p[3], p[3], false, "", "", p[3]);
    store_close(s);
}

TEST_STORES(resuming_behind_a_snapshot_of_another_server_gives_all)
{
    struct store_pos p[4], at;
    const char *const u[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        CHECK_EQ(append(s, "x", u[i], &p[i]), STORE_OK);
    at = p[1];
    CHECK_EQ(put(s, STORE_SNAPSHOT, "x", "AB", 2, &at), STORE_OK);
    CHECK_EQ(put_fields(s, "x", "text", "c"), STORE_OK);
    /* `pos` is before it: what was between is only in the snapshot. */
    expect_resume(s, "x", zero, zero, true, "AB", "c|d", p[3]);
    expect_resume(s, "x", p[0], p[0], true, "AB", "c|d", p[3]);
    /* At it, or behind it, nothing is missing. */
    expect_resume(s, "x", p[1], p[0], false, "", "c|d", p[3]);
    expect_resume(s, "x", p[2], p[0], false, "", "d", p[3]);
    struct store_op op = resume(s, "x", p[0], zero);
    CHECK(op.has_state);
    CHECK_EQ(store_pos_cmp(op.base, p[1]), 0);
    store_op_release(&op);
    at = p[3];
    CHECK_EQ(put(s, STORE_SNAPSHOT, "x", "ABCD", 4, &at), STORE_OK);
    expect_resume(s, "x", p[2], p[3], true, "ABCD", "", p[3]);
    expect_resume(s, "x", p[3], p[3], false, "", "", p[3]);
    store_close(s);
}

/* As after a failover to a replica that had not everything. */
TEST_STORES(resuming_after_what_the_log_never_had_gives_all)
{
    struct store_pos a, b;
    CHECK_EQ(append(s, "x", "a", &a), STORE_OK);
    CHECK_EQ(append(s, "x", "b", &b), STORE_OK);
    struct store_pos later = {b.hi, b.lo + 1000};
    expect_resume(s, "x", later, zero, true, "", "a|b", b);
    expect_resume(s, "x", b, later, true, "", "a|b", b);
    expect_resume(s, "x", a, later, true, "", "a|b", b);
    /* Nothing is left. */
    expect_resume(s, "none", b, zero, true, "", "", zero);
    struct store_op op = resume(s, "none", b, b);
    CHECK(!op.has_state);
    store_op_release(&op);
    store_close(s);
}

TEST_STORES(resuming_before_an_import_gives_all)
{
    CHECK_EQ(import(s, "x", &kinds[1]), STORE_OK);
    struct store_op op;
    CHECK_EQ(load(s, "x", &op), STORE_OK);
    expect_resume(s, "x", zero, zero, true, "state", "", op.pos);
    expect_resume(s, "x", op.pos, zero, false, "", "", op.pos);
    store_op_release(&op);
    store_close(s);
}

/* --- expiring --------------------------------------------------------------------------------- */

static enum store_result expire(struct store *s, const char *id, uint64_t age_ms)
{
    struct store_op op = {.kind = STORE_EXPIRE, .id = id, .age_ms = age_ms};
    run(s, &op);
    store_op_release(&op);
    return op.result;
}

static enum store_result touch(struct store *s, const char *id)
{
    return put(s, STORE_TOUCH, id, "", 0, NULL);
}

static void open_it(struct store *s, const char *id)
{
    struct store_op op = {.kind = STORE_LOAD, .id = id, .touch = true};
    CHECK_EQ(run(s, &op), STORE_OK);
    store_op_release(&op);
}

static const struct crowd nothing = {"", "", NULL, NULL, NULL};

TEST_STORES(what_nobody_opened_for_long_is_removed_whole)
{
    struct store_pos at = {0};
    CHECK_EQ(append(s, "x", "a", &at), STORE_OK);
    CHECK_EQ(append(s, "x", "b", NULL), STORE_OK);
    CHECK_EQ(put(s, STORE_SNAPSHOT, "x", "A", 1, &at), STORE_OK);
    CHECK_EQ(put_fields(s, "x", "text", "c"), STORE_OK);
    CHECK_EQ(append(s, "y", "stays", NULL), STORE_OK);
    open_it(s, "x");
    open_it(s, "y");
    CHECK_EQ(expire(s, "x", HOUR_MS), STORE_EXISTS);
    CHECK_EQ(expire(s, "x", UINT64_MAX), STORE_EXISTS);
    holds(s, "x", &(struct crowd){"A", "b", "text", "c", NULL});
    wait_ms(30);
    CHECK_EQ(expire(s, "x", 20), STORE_OK);
    holds(s, "x", &nothing);
    holds(s, "y", &(struct crowd){"", "stays", NULL, NULL, NULL});
    struct table t = list_all(s);
    CHECK(t.count == 1 && listed(&t, "y"));
    table_release(&t);
    /* And it can be made anew. */
    CHECK_EQ(put(s, STORE_SEED, "x", "new", 3, NULL), STORE_OK);
    expect(s, "x", "", "new");
    store_close(s);
}

TEST_STORES(what_was_never_marked_is_marked_first)
{
    CHECK_EQ(append(s, "log", "u", NULL), STORE_OK);
    CHECK_EQ(put_fields(s, "fields", "of the original", NULL), STORE_OK);
    const char *const names[] = {"log", "fields"};
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(expire(s, names[i], 0), STORE_EXISTS);
        CHECK_EQ(expire(s, names[i], HOUR_MS), STORE_EXISTS);
        CHECK_EQ(expire(s, names[i], 0), STORE_OK);
        holds(s, names[i], &nothing);
    }
    /* Loading without `touch` (a raw text, an export) marks nothing. */
    CHECK_EQ(append(s, "read", "u", NULL), STORE_OK);
    expect(s, "read", "", "u");
    CHECK_EQ(expire(s, "read", 0), STORE_EXISTS);
    store_close(s);
}

TEST_STORES(opening_and_touching_put_the_end_off)
{
    CHECK_EQ(append(s, "x", "u", NULL), STORE_OK);
    CHECK_EQ(append(s, "y", "u", NULL), STORE_OK);
    CHECK_EQ(touch(s, "x"), STORE_OK);
    CHECK_EQ(touch(s, "y"), STORE_OK);
    wait_ms(1200);
    CHECK_EQ(touch(s, "x"), STORE_OK);
    open_it(s, "y");
    CHECK_EQ(expire(s, "x", 1000), STORE_EXISTS);
    CHECK_EQ(expire(s, "y", 1000), STORE_EXISTS);
    s = store_again(s);
    CHECK_EQ(expire(s, "x", HOUR_MS), STORE_EXISTS);
    wait_ms(30);
    CHECK_EQ(expire(s, "x", 20), STORE_OK);
    CHECK_EQ(expire(s, "y", 20), STORE_OK);
    store_close(s);
}

TEST_STORES(touching_makes_nothing)
{
    CHECK_EQ(touch(s, "none"), STORE_OK);
    open_it(s, "none");
    holds(s, "none", &nothing);
    CHECK_EQ(expire(s, "none", 0), STORE_OK);
    struct table t = list_all(s);
    CHECK_EQ(t.count, 0);
    table_release(&t);
    /* So the first mark of what is made later is its own. */
    CHECK_EQ(append(s, "none", "u", NULL), STORE_OK);
    CHECK_EQ(expire(s, "none", 0), STORE_EXISTS);
    store_close(s);
}

TEST_STORES(what_was_imported_is_as_good_as_opened)
{
    CHECK_EQ(import(s, "x", &kinds[0]), STORE_OK);
    CHECK_EQ(expire(s, "x", HOUR_MS), STORE_EXISTS);
    holds(s, "x", &kinds[0]);
    store_close(s);
}

/* --- all kinds -------------------------------------------------------------------------------- */

TEST_STORES(telling_is_not_kept)
{
    CHECK_EQ(put(s, STORE_TELL, "x", "news", 4, NULL), STORE_OK);
    CHECK_EQ(put(s, STORE_TELL, NULL, "news", 4, NULL), STORE_OK);
    holds(s, "x", &nothing);
    CHECK(store_max_value(s) >= 64u << 20);
    store_close(s);
}

TEST_STORES(one_group_of_all_kinds)
{
    enum { N = 7 };
    struct store_op ops[N] = {
        import_of("x", &kinds[0]),
        {.kind = STORE_APPEND, .id = "x"},
        {.kind = STORE_LOAD, .id = "x", .touch = true},
        {.kind = STORE_EXPIRE, .id = "x", .age_ms = HOUR_MS},
        {.kind = STORE_TOUCH, .id = "x"},
        {.kind = STORE_LIST},
        {.kind = STORE_PING},
    };
    struct store_op *list[N];
    set(&ops[1].data, "four");
    for (int i = 0; i < N; i++)
        list[i] = &ops[i];
    store_run(s, list, N);
    for (int i = 0; i < N; i++)
        CHECK_EQ(ops[i].result, i == 3 ? STORE_EXISTS : STORE_OK);
    CHECK_EQ(ops[2].update_count, 4);
    for (int i = 0; i < N; i++)
        store_op_release(&ops[i]);
    expect(s, "x", "state", "one|two|three|four");
    store_close(s);
}

TEST(store_urls_of_no_store_are_refused_without_their_password)
{
    const char *const bad[] = {"",         "mysql://me:secret@host", "redis:",      "file:x",
                               "SQLITE:x", "redis+sqlite://secret",  "ftp://secret"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char err[256] = "";
        CHECK(!store_open(bad[i], NULL, err, sizeof(err)));
        CHECK(strstr(err, "must begin with sqlite:") && !strstr(err, "secret"));
    }
}
