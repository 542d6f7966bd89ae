#include "proto/json.h"
#include "tests/test.h"
#include "y/y.h"

/* The members of `text` as "name=value;", exactly allocated, so that ASan sees a read of one too many. */
static void members(const char *text, size_t len, struct buf *out)
{
    char *p = malloc(len ? len : 1);
    memcpy(p, text, len);
    struct json_members it;
    struct json_member m;
    if (json_members(p, len, &it))
        while (json_members_next(&it, &m)) {
            buf_append(out, m.name.p, m.name.len);
            buf_putc(out, '=');
            buf_append(out, m.value.p, m.value.len);
            buf_putc(out, ';');
        }
    free(p);
}

static void expect(const char *text, const char *want)
{
    struct buf got = {0};
    CHECK(y_json_valid(text, strlen(text)));
    members(text, strlen(text), &got);
    CHECK_STR(buf_str(&got), want);
    buf_release(&got);
}

TEST(json_members_of_an_object)
{
    expect("{}", "");
    expect(" \t\r\n{ } ", "");
    expect("{\"a\":1}", "\"a\"=1;");
    expect("{\"a\" : -1.5e+7 , \"b\":\"x\"\n,\"c\":null,\"d\":true}",
           "\"a\"=-1.5e+7;\"b\"=\"x\";\"c\"=null;\"d\"=true;");
    expect("{\"a\":{\"a\":{\"b\":[{}]}},\"b\":[[],[1,{\"c\":2}] ]}",
           "\"a\"={\"a\":{\"b\":[{}]}};\"b\"=[[],[1,{\"c\":2}] ];");
    expect("{\"\":\"\",\"\":\"\"}", "\"\"=\"\";\"\"=\"\";");
}

TEST(json_brackets_and_quotes_in_strings_are_text)
{
    expect("{\"a}\":\"{[\",\"\\\"\":\"\\\\\",\"b\":[\"]\",\"\\\"]\"],\"c\":{\"}\":\"\\\\\\\"}\"}}",
           "\"a}\"=\"{[\";\"\\\"\"=\"\\\\\";\"b\"=[\"]\",\"\\\"]\"];\"c\"={\"}\":\"\\\\\\\"}\"};");
}

TEST(json_what_is_no_object_has_no_members)
{
    expect("[{\"a\":1}]", "");
    expect("\"{}\"", "");
    expect("5", "");
    expect("null", "");
    struct json_members it;
    CHECK(!json_members("", 0, &it));
    CHECK(!json_members("  ", 2, &it));
    CHECK(json_members("{", 1, &it));
}

TEST(json_cut_short_is_read_as_far_as_it_goes)
{
    static const char text[] = "{\"a\":{\"b\":[1,\"\\u0041\"]},\"c\":\"d\\\"\" , \"e\":12}";
    struct buf got = {0};
    for (size_t i = 0; i < sizeof(text); i++) {
        buf_clear(&got);
        members(text, i, &got);
        static const char all[] = "\"a\"={\"b\":[1,\"\\u0041\"]};\"c\"=\"d\\\"\";\"e\"=12;";
        CHECK(got.len < sizeof(all));
        if (i < sizeof(text) - 4)
            CHECK(got.len == 0 || memcmp(got.data, all, got.len) == 0);
    }
    static const char *const bad[] = {"{\"a\"}", "{\"a\":}",  "{,}",       "{\"a\":,1}",
                                      "{a:1}",   "{\"a\" 1}", "{\"a\":]}", "{\"a\":1",
                                      "{\"a\\",  "{\"a\":{]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        members(bad[i], strlen(bad[i]), &got);
    buf_release(&got);
}

/* What the check of the whole lets through, and far more. */
TEST(json_depth_takes_no_stack)
{
    enum { DEPTH = 1000000 };
    struct buf b = {0}, got = {0};
    buf_puts(&b, "{\"a\":");
    memset(buf_reserve(&b, DEPTH), '[', DEPTH);
    b.len += DEPTH;
    memset(buf_reserve(&b, DEPTH), ']', DEPTH);
    b.len += DEPTH;
    buf_puts(&b, ",\"b\":1}");
    members((const char *)b.data, b.len, &got);
    CHECK_EQ(got.len, 2 * DEPTH + 5 + 6);
    buf_release(&b);
    buf_release(&got);
}

static bool same(const char *json, const char *want)
{
    size_t len = strlen(json);
    char *p = malloc(len ? len : 1);
    memcpy(p, json, len);
    bool result = json_text_is((struct json_text){p, len}, want, strlen(want));
    free(p);
    return result;
}

TEST(json_strings_are_compared_as_what_they_say)
{
    CHECK(same("\"\"", ""));
    CHECK(same("\"user\"", "user"));
    CHECK(!same("\"user\"", "use"));
    CHECK(!same("\"use\"", "user"));
    CHECK(!same("\"User\"", "user"));
    CHECK(same("\"\\u0076erified\"", "verified"));
    CHECK(same("\"\\u0076\\u0065\\u0072\\u0069\\u0066\\u0069\\u0065\\u0064\"", "verified"));
    CHECK(same("\"\\u00E9\\u00e9\xc3\xa9\"", "\xc3\xa9\xc3\xa9\xc3\xa9"));
    CHECK(same("\"\\u20ac\"", "\xe2\x82\xac"));
    CHECK(same("\"\\uD83D\\ude00\"", "\xf0\x9f\x98\x80"));
    CHECK(same("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"));
    /* The name of an object's prototype, spelled out. */
    CHECK(same("\"\\u005f_proto_\\u005F\"", "__proto__"));
    /* Half a pair is in no text. */
    CHECK(!same("\"\\ud83d\"", "\xed\xa0\xbd"));
    CHECK(!same("\"\\ude00\"", "\xed\xb8\x80"));
    CHECK(!same("\"\\ud83dx\"", "x"));
    CHECK(!same("\"\\ud83d\\u0041\"", "A"));
    CHECK(!same("\"\\u0000\"", ""));
    CHECK(!same("user", "user"));
    CHECK(!same("5", "5"));
    CHECK(!same("\"", ""));
    CHECK(!same("", ""));
    static const char *const bad[] = {"\"\\\"", "\"\\u\"", "\"\\u12\"", "\"\\ud83d\\\"", "\"\\x\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(!same(bad[i], "x"));
}

TEST(json_strings_that_are_written_say_the_same)
{
    char text[128];
    for (int i = 0; i < 127; i++)
        text[i] = (char)(i + 1);
    text[127] = 0;
    struct buf b = {0};
    json_text_put(&b, text, 127);
    CHECK(y_json_valid(b.data, b.len));
    CHECK(json_text_is((struct json_text){(const char *)b.data, b.len}, text, 127));
    buf_clear(&b);
    json_text_put(&b, "\0\"\\\xe2\x82\xac", 6);
    CHECK_STR(buf_str(&b), "\"\\u0000\\\"\\\\\xe2\x82\xac\"");
    CHECK(json_text_is((struct json_text){(const char *)b.data, b.len}, "\0\"\\\xe2\x82\xac", 6));
    buf_release(&b);
}
