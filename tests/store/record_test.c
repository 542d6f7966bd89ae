/* Lines of exports. */
#include "store/record.h"

#include "tests/test.h"

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
    record_put_tail(&out, 2);
    CHECK_STR(buf_str(&out),
              "{\"bytecrowds-export\":1,\"store\":\"sqlite:bytecrowds.sqlite\"}\n"
              "{\"id\":\"friday\",\"snapshot\":\"AAA=\",\"updates\":[\"AQE=\",\"AgI=\"],"
              "\"text\":\"let a\",\"language\":\"rust\"}\n"
              "{\"id\":\"old\",\"text\":{\"base64\":\"/w==\"},"
              "\"authorizedEmails\":\"[\\\"a@b.example\\\"]\"}\n"
              "{\"bytecrowds\":2}\n");
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
    record_put_tail(&line, 12345678901);
    CHECK_EQ(record_read(&r, line.data, line.len, err, sizeof(err)), RECORD_TAIL);
    CHECK(r.count == 12345678901);
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
        {"{\"bytecrowds-export\":2,\"anything\":1}", "newer bytecrowds"},
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
