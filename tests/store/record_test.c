/* Lines of exports. */
#include "store/record.h"

#include "tests/test.h"

#define HASH_0 "0000000000000000000000000000000000000000000000000000000000000000"
#define HASH_F "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static struct buf *updates_of(size_t n)
{
    return calloc(n, sizeof(struct buf));
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static void check_same(const struct store_op *a, const struct store_op *b)
{
    CHECK_STR(a->id, b->id);
    CHECK(same(&a->snapshot, &b->snapshot));
    CHECK_EQ(a->update_count, b->update_count);
    for (size_t i = 0; i < a->update_count; i++)
        CHECK(same(&a->updates[i], &b->updates[i]));
    CHECK(a->has_text == b->has_text && same(&a->text, &b->text));
    CHECK(a->has_language == b->has_language && same(&a->language, &b->language));
    CHECK(a->has_emails == b->has_emails && same(&a->emails, &b->emails));
    CHECK_EQ(a->has_state, b->has_state);
    CHECK_EQ(a->link_count, b->link_count);
    for (size_t i = 0; i < a->link_count; i++) {
        CHECK_STR(a->links[i].hash, b->links[i].hash);
        CHECK(same(&a->links[i].about, &b->links[i].about));
    }
}

/* Without its newline. */
static struct buf line_of(const struct store_op *op)
{
    struct buf line = {0};
    record_put_crowd(&line, op);
    CHECK(line.len && line.data[line.len - 1] == '\n');
    CHECK(!memchr(line.data, '\n', line.len - 1));
    line.len--;
    return line;
}

static void comes_back(const struct store_op *op)
{
    struct record r;
    char err[160] = "";
    struct buf line = line_of(op);
    if (record_read(&r, line.data, line.len, err, sizeof(err)) != RECORD_CROWD)
        test_fail(__FILE__, __LINE__, "%s: %s", buf_str(&line), err);
    CHECK_EQ(r.op.kind, STORE_IMPORT);
    check_same(&r.op, op);
    record_release(&r);
    buf_release(&line);
}

TEST(record_lines_are_what_the_header_says)
{
    struct store_op op = {.id = "friday", .has_text = true, .has_language = true};
    struct buf out = {0};
    record_put_head(&out, "sqlite:bytecrowds.sqlite");
    buf_append(&op.snapshot, "\0", 2);
    op.updates = updates_of(2);
    op.update_count = 2;
    buf_append(&op.updates[0], "\1\1", 2);
    buf_append(&op.updates[1], "\2\2", 2);
    buf_puts(&op.text, "let a");
    buf_puts(&op.language, "rust");
    record_put_crowd(&out, &op);
    store_op_release(&op);
    op = (struct store_op){.id = "old", .has_text = true, .has_emails = true};
    buf_puts(&op.text, "\xff");
    buf_puts(&op.emails, "[\"a@b.example\"]");
    record_put_crowd(&out, &op);
    store_op_release(&op);
    op = (struct store_op){.id = "shared"};
    op.links = calloc(2, sizeof(*op.links));
    op.link_count = 2;
    strcpy(op.links[0].hash, HASH_0);
    strcpy(op.links[1].hash, HASH_F);
    buf_puts(&op.links[0].about, "{\"label\":\"x\"}");
    buf_puts(&op.links[1].about, "\xff");
    record_put_crowd(&out, &op);
    store_op_release(&op);
    op = (struct store_op){.key = "user:email:a@b.example"};
    buf_puts(&op.data, "9b2f");
    record_put_key(&out, &op);
    op.key = "user:session:\xff";
    op.expires_ms = 1772875800000;
    record_put_key(&out, &op);
    store_op_release(&op);
    record_put_tail(&out, 3, 2);
    CHECK_STR(buf_str(&out),
              "{\"bytecrowds-export\":2,\"store\":\"sqlite:bytecrowds.sqlite\"}\n"
              "{\"id\":\"friday\",\"snapshot\":\"AAA=\",\"updates\":[\"AQE=\",\"AgI=\"],"
              "\"text\":\"let a\",\"language\":\"rust\"}\n"
              "{\"id\":\"old\",\"text\":{\"base64\":\"/w==\"},"
              "\"authorizedEmails\":\"[\\\"a@b.example\\\"]\"}\n"
              "{\"id\":\"shared\",\"links\":{\"" HASH_0 "\":\"{\\\"label\\\":\\\"x\\\"}\",\"" HASH_F
              "\":{\"base64\":\"/w==\"}}}\n"
              "{\"key\":\"user:email:a@b.example\",\"value\":\"9b2f\"}\n"
              "{\"key\":{\"base64\":\"dXNlcjpzZXNzaW9uOv8=\"},\"value\":\"9b2f\","
              "\"expires\":1772875800000}\n"
              "{\"bytecrowds\":3,\"keys\":2}\n");
    buf_release(&out);
}

TEST(record_head_and_tail_come_back)
{
    struct record r;
    char err[160];
    struct buf line = {0};
    record_put_head(&line, "redis://host/\"0\"");
    CHECK_EQ(record_read(&r, line.data, line.len - 1, err, sizeof(err)), RECORD_HEAD);
    CHECK_STR(buf_str(&r.store), "redis://host/\"0\"");
    record_release(&r);
    buf_clear(&line);
    record_put_tail(&line, 12345678901, 0);
    CHECK_STR(buf_str(&line), "{\"bytecrowds\":12345678901}\n");
    CHECK_EQ(record_read(&r, line.data, line.len, err, sizeof(err)), RECORD_TAIL);
    CHECK(r.count == 12345678901 && r.keys == 0);
    record_release(&r);
    buf_clear(&line);
    record_put_tail(&line, 0, 12345678901);
    CHECK_EQ(record_read(&r, line.data, line.len, err, sizeof(err)), RECORD_TAIL);
    CHECK(r.count == 0 && r.keys == 12345678901);
    record_release(&r);
    static const char first[] = "{\"bytecrowds-export\":1,\"store\":\"x\"}";
    CHECK_EQ(record_read(&r, first, strlen(first), err, sizeof(err)), RECORD_HEAD);
    CHECK_EQ(r.version, 1);
    record_release(&r);
    buf_release(&line);
}

static void random_bytes_of(struct buf *b, size_t most)
{
    static const char *const pieces[] = {"\"",       "\\",
                                         "\n",       "\0",
                                         "a",        "\xff",
                                         "\xc3\xa9", "\xf0\x9f\x98\x80",
                                         "\x7f",     "{\"base64\":\"\"}"};
    for (size_t n = test_below(most); n; n--) {
        const char *p = pieces[test_below(sizeof(pieces) / sizeof(*pieces))];
        buf_append(b, p, *p ? strlen(p) : 1);
    }
}

TEST(record_keys_come_back)
{
    for (int round = 0; round < 1000; round++) {
        struct store_op op = {.expires_ms = test_below(3) ? test_rand() >> 2 : 0};
        struct buf key = {0}, line = {0};
        struct record r;
        char err[160] = "";
        do {
            buf_clear(&key);
            random_bytes_of(&key, 5);
        } while (!key.len || memchr(key.data, '\0', key.len));
        op.key = buf_str(&key);
        random_bytes_of(&op.data, 12);
        record_put_key(&line, &op);
        if (record_read(&r, line.data, line.len - 1, err, sizeof(err)) != RECORD_KEY)
            test_fail(__FILE__, __LINE__, "%s: %s", buf_str(&line), err);
        CHECK(r.op.kind == STORE_SET && r.op.if_absent && r.op.expires_ms == op.expires_ms);
        CHECK_STR(r.op.key, op.key);
        CHECK(same(&r.op.data, &op.data));
        record_release(&r);
        store_op_release(&op);
        buf_release(&key);
        buf_release(&line);
    }
}

TEST(record_anything_comes_back)
{
    for (int round = 0; round < 3000; round++) {
        struct store_op op = {0};
        struct buf id = {0};
        do {
            buf_clear(&id);
            random_bytes_of(&id, 5);
        } while (!id.len || memchr(id.data, '\0', id.len));
        op.id = buf_str(&id);
        if (test_below(2))
            random_bytes_of(&op.snapshot, 20);
        if (test_below(2)) {
            op.update_count = 1 + test_below(4);
            op.updates = updates_of(op.update_count);
            for (size_t i = 0; i < op.update_count; i++)
                random_bytes_of(&op.updates[i], 8);
        }
        if ((op.has_text = test_below(2)))
            random_bytes_of(&op.text, 12);
        if ((op.has_language = test_below(2)))
            random_bytes_of(&op.language, 4);
        if ((op.has_emails = test_below(2)))
            random_bytes_of(&op.emails, 4);
        if (test_below(2)) {
            op.link_count = 1 + test_below(3);
            op.links = calloc(op.link_count, sizeof(*op.links));
            for (size_t i = 0; i < op.link_count; i++) {
                snprintf(op.links[i].hash, sizeof(op.links[i].hash), "%064zx", i);
                random_bytes_of(&op.links[i].about, 6);
            }
        }
        op.has_state = op.snapshot.len || op.update_count;
        if (!record_is_nothing(&op))
            comes_back(&op);
        store_op_release(&op);
        buf_release(&id);
    }
}

static void reads_bad(const char *line, size_t len, const char *why)
{
    struct record r;
    char err[160] = "";
    enum record_kind kind = record_read(&r, line, len, err, sizeof(err));
    record_release(&r);
    if (kind != RECORD_BAD || !strstr(err, why))
        test_fail(__FILE__, __LINE__, "%s: kind %d, %s", line, kind, err);
}

TEST(record_bad_lines_say_what_is_wrong)
{
    static const char *const bad[][2] = {
        {"", "none of an export"},
        {"x", "none of an export"},
        {"[]", "none of an export"},
        {"null", "none of an export"},
        {"\"id\"", "none of an export"},
        {"{\"id\":\"a\",\"id\":\"b\",\"text\":\"\"}", "none of an export"},
        {"{\"id\":\"a\",\"text\":\"\"}{}", "none of an export"},
        {"{\"id\":\"a\",\"text\":\"\xff\"}", "none of an export"},
        {"{\"id\":\"a\",\"text\":\"\\ud800\"}", "none of an export"},
        {"{}", "none of a bytecrowd"},
        {"{\"text\":\"a\"}", "none of a bytecrowd"},
        {"{\"id\":\"a\"}", "nothing in it"},
        {"{\"id\":\"\",\"text\":\"\"}", "id that cannot be"},
        {"{\"id\":\"a\\u0000b\",\"text\":\"\"}", "id that cannot be"},
        {"{\"id\":7,\"text\":\"\"}", "something else"},
        {"{\"id\":\"a\",\"text\":null}", "something else"},
        {"{\"id\":\"a\",\"text\":[]}", "something else"},
        {"{\"id\":\"a\",\"text\":{}}", "something else"},
        {"{\"id\":\"a\",\"text\":{\"base64\":\"\",\"x\":1}}", "something else"},
        {"{\"id\":\"a\",\"text\":{\"base64\":1}}", "something else"},
        {"{\"id\":\"a\",\"text\":{\"base64\":\"A\"}}", "base64 that is none"},
        {"{\"id\":\"a\",\"snapshot\":\"AA=\"}", "base64 that is none"},
        {"{\"id\":\"a\",\"snapshot\":\"AA==\\u0000\"}", "base64 that is none"},
        {"{\"id\":\"a\",\"snapshot\":{\"base64\":\"AA==\"}}", "something else"},
        {"{\"id\":\"a\",\"snapshot\":\"\"}", "empty snapshot"},
        {"{\"id\":\"a\",\"updates\":\"AA==\"}", "no list"},
        {"{\"id\":\"a\",\"updates\":[]}", "no list"},
        {"{\"id\":\"a\",\"updates\":[\"AA==\",1]}", "something else"},
        {"{\"id\":\"a\",\"updates\":[\"AA==\",\"AB==\"]}", "base64 that is none"},
        {"{\"id\":\"a\",\"text\":\"\",\"more\":1}", "does not know"},
        {"{\"bytecrowds-export\":1}", "does not know"},
        {"{\"bytecrowds-export\":1,\"store\":\"\",\"x\":1}", "does not know"},
        {"{\"bytecrowds-export\":1,\"x\":1}", "something else"},
        {"{\"id\":\"a\",\"links\":{}}", "links that are none"},
        {"{\"id\":\"a\",\"links\":[\"x\"]}", "links that are none"},
        {"{\"id\":\"a\",\"links\":{\"x\":\"\"}}", "link that is none"},
        {"{\"id\":\"a\",\"links\":{\"" HASH_0 "\":1}}", "something else"},
        {"{\"id\":\"a\",\"links\":{\"" HASH_0 "\":\"\",\"" HASH_0 "\":\"\"}}", "none of an export"},
        {"{\"key\":\"a\"}", "does not know"},
        {"{\"key\":\"a\",\"value\":\"\",\"id\":\"a\"}", "does not know"},
        {"{\"key\":\"\",\"value\":\"\"}", "id that cannot be"},
        {"{\"key\":\"a\",\"value\":{}}", "something else"},
        {"{\"key\":\"a\",\"value\":\"\",\"expires\":0}", "end that is none"},
        {"{\"key\":\"a\",\"value\":\"\",\"expires\":\"1\"}", "end that is none"},
        {"{\"bytecrowds\":1,\"keys\":-1}", "count that is none"},
        {"{\"bytecrowds-export\":3,\"anything\":1}", "newer bytecrowds"},
        {"{\"bytecrowds-export\":0,\"store\":\"\"}", "version that is none"},
        {"{\"bytecrowds-export\":\"1\",\"store\":\"\"}", "version that is none"},
        {"{\"bytecrowds\":-1}", "count that is none"},
        {"{\"bytecrowds\":1.5}", "count that is none"},
        {"{\"bytecrowds\":1,\"id\":\"a\"}", "does not know"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        reads_bad(bad[i][0], strlen(bad[i][0]), bad[i][1]);
    char line[1200];
    int n = snprintf(line, sizeof(line), "{\"id\":\"%01025d\",\"text\":\"\"}", 1);
    reads_bad(line, (size_t)n, "id that cannot be");
}

TEST(record_a_line_that_was_cut_is_bad)
{
    struct store_op op = {.id = "cut", .has_text = true, .has_emails = true};
    buf_puts(&op.snapshot, "snapshot");
    op.updates = updates_of(2);
    op.update_count = 2;
    buf_puts(&op.updates[1], "update");
    buf_puts(&op.text, "text \xff");
    struct buf line = line_of(&op);
    for (size_t n = 0; n < line.len; n++) {
        char *cut = malloc(n + 1); /* an exact allocation, so that ASan sees one byte too many */
        memcpy(cut, line.data, n);
        struct record r;
        char err[160];
        CHECK_EQ(record_read(&r, n ? cut : (char *)line.data, n, err, sizeof(err)), RECORD_BAD);
        record_release(&r);
        free(cut);
    }
    buf_release(&line);
    store_op_release(&op);
}
