#include "tests/test.h"
#include "y/any.h"

/* One value, checked whole, truncated at every length, and from JSON to any and back. */
static void pair(const char *json, const char *any, size_t n, const char *back)
{
    struct ybuf out = {0}, text = {0};
    CHECK_EQ(y_any_from_json(json, strlen(json), &out), Y_OK);
    CHECK_MEM(out.data, out.len, any, n);
    CHECK_EQ(y_any_to_json(any, n, &text), Y_OK);
    CHECK_MEM(text.data, text.len, back, strlen(back));
    for (size_t i = 0; i < n; i++) {
        uint8_t *copy = malloc(i ? i : 1);
        CHECK(copy);
        memcpy(copy, any, i);
        CHECK_EQ(y_any_to_json(copy, i, &text), Y_ERR_MALFORMED);
        free(copy);
    }
    CHECK_EQ(text.len, strlen(back));
    ybuf_release(&out);
    ybuf_release(&text);
}
#define PAIR(json, any, back) pair(json, any, sizeof(any) - 1, back)

/* const e = encoding.createEncoder(); encoding.writeAny(e, JSON.parse(json)) */
TEST(any_from_json_as_lib0_writes_it)
{
    PAIR("null", "\x7e", "null");
    PAIR(" true ", "\x78", "true");
    PAIR("false", "\x79", "false");
    PAIR("0", "\x7d\x00", "0");
    PAIR("-0", "\x7d\x40", "0");
    PAIR("63", "\x7d\x3f", "63");
    PAIR("64", "\x7d\x80\x01", "64");
    PAIR("-65.0", "\x7d\xc1\x01", "-65");
    PAIR("2147483647", "\x7d\xbf\xff\xff\xff\x0f", "2147483647");
    PAIR("2147483648", "\x7c\x4f\x00\x00\x00", "2147483648");
    PAIR("0.5", "\x7c\x3f\x00\x00\x00", "0.5");
    PAIR("0.1", "\x7b\x3f\xb9\x99\x99\x99\x99\x99\x9a", "0.1");
    PAIR("1e999", "\x7c\x7f\x80\x00\x00", "null");
    PAIR("\"\\u00e9\\ud83d\\ude00\\n\"", "\x77\x07\xc3\xa9\xf0\x9f\x98\x80\n", "\"é😀\\n\"");
    PAIR("\"\\ud800\"", "\x77\x03\xef\xbf\xbd", "\"\xef\xbf\xbd\"");
    PAIR("[1,[],{}]", "\x75\x03\x7d\x01\x75\x00\x76\x00", "[1,[],{}]");
    PAIR("{\"b\":1,\"1\":2,\"0\":3}",
         "\x76\x03\x01"
         "0\x7d\x03\x01"
         "1\x7d\x02\x01"
         "b\x7d\x01",
         "{\"0\":3,\"1\":2,\"b\":1}");
    PAIR("{\"a\":1,\"b\":2,\"a\":[3]}",
         "\x76\x02\x01"
         "a\x75\x01\x7d\x03\x01"
         "b\x7d\x02",
         "{\"a\":[3],\"b\":2}");
    PAIR("{\"\\ud800\":1,\"\\ud801\":2}",
         "\x76\x02\x03\xef\xbf\xbd\x7d\x01\x03\xef\xbf\xbd\x7d\x02", "{\"\xef\xbf\xbd\":2}");
    PAIR("{\"__proto__\":1}", "\x76\x01\x09__proto__\x7d\x01", "{}");
}

static void to_json(const char *any, size_t n, const char *want)
{
    struct ybuf out = {0};
    CHECK_EQ(y_any_to_json(any, n, &out), Y_OK);
    CHECK_MEM(out.data, out.len, want, strlen(want));
    ybuf_release(&out);
}
#define JSON(any, want) to_json(any, sizeof(any) - 1, want)

/* JSON.stringify(decoding.readAny(...)) */
TEST(any_to_json_of_what_json_cannot_say)
{
    JSON("\x75\x02\x7f\x7b\x7f\xf8\x00\x00\x00\x00\x00\x00", "[null,null]");
    JSON("\x76\x03\x01"
         "a\x7f\x01"
         "b\x7d\x01\x01"
         "c\x7f",
         "{\"b\":1}");
    JSON("\x76\x02\x01"
         "a\x7d\x01\x01"
         "a\x7f",
         "{}");
    JSON("\x74\x02\x01\xff", "{\"0\":1,\"1\":255}");
    JSON("\x7a\xff\xff\xff\xff\xff\xff\xff\xfb", "-5");
    JSON("\x7a\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808");
    JSON("\x7f", "undefined");
    JSON("\x77\x04\x01\x1f\x7f\"", "\"\\u0001\\u001f\x7f\\\"\"");
}

TEST(numbers_as_javascript_writes_them)
{
    static const struct {
        double v;
        const char *text;
    } all[] = {
        {1e21, "1e+21"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-9, "1.5e-9"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {9007199254740993.0, "9007199254740992"},
        {0.1 + 0.2, "0.30000000000000004"},
        {-123.456, "-123.456"},
        {9.5367431640625e-7, "9.5367431640625e-7"},
        {5.684341886080802e-14,
         "5.684341886080802e-14"}, /* 2 ** -44: the nearest of 16 digits is below */
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct ybuf out = {0};
        CHECK_EQ(y_number_to_json(all[i].v, &out), Y_OK);
        CHECK_MEM(out.data, out.len, all[i].text, strlen(all[i].text));
        CHECK(y_number_parse((const uint8_t *)all[i].text, strlen(all[i].text)) == all[i].v);
        ybuf_release(&out);
    }
}

/* Shortest, and reads back. */
TEST(numbers_read_back)
{
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = test_rand();
        double v;
        memcpy(&v, &bits, 8);
        if (v - v != 0)
            continue;
        struct ybuf out = {0};
        CHECK_EQ(y_number_to_json(v, &out), Y_OK);
        CHECK(y_number_parse(out.data, out.len) == v);
        ybuf_release(&out);
    }
}

static void refused(const char *json)
{
    struct ybuf out = {0};
    ybuf_append(&out, "x", 1);
    CHECK_EQ(y_any_from_json(json, strlen(json), &out), Y_ERR_MALFORMED);
    CHECK(!y_json_valid(json, strlen(json)));
    CHECK_EQ(out.len, 1);
    ybuf_release(&out);
}

TEST(any_from_json_refuses_what_json_parse_refuses)
{
    static const char *const all[] = {"",
                                      "{",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "01",
                                      "1.",
                                      ".5",
                                      "+1",
                                      "\"\\x\"",
                                      "\"\\ud8\"",
                                      "\"\n\"",
                                      "nul",
                                      "true1",
                                      "[1 2]",
                                      "{1:2}",
                                      "{\"a\" 1}",
                                      "\"a",
                                      "-",
                                      "1e",
                                      "\xc2\xa0"
                                      "1",
                                      "'a'",
                                      "undefined",
                                      "[]]",
                                      "\"\xff\"",
                                      "[",
                                      "{\"a\"",
                                      "{\"a\":",
                                      "[,1]",
                                      "{,}",
                                      "]"};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        refused(all[i]);
}

TEST(any_and_json_have_the_same_depth)
{
    char json[512];
    uint8_t any[512];
    struct ybuf out = {0};
    for (int depth = Y_ANY_DEPTH; depth <= Y_ANY_DEPTH + 1; depth++) {
        memset(json, '[', (size_t)depth);
        memset(json + depth, ']', (size_t)depth);
        int want = depth > Y_ANY_DEPTH ? Y_ERR_MALFORMED : Y_OK;
        CHECK_EQ(y_any_from_json(json, 2 * (size_t)depth, &out), want);
        CHECK_EQ(y_json_valid(json, 2 * (size_t)depth), !want);
        for (int i = 0; i < depth; i++) {
            any[2 * i] = 117;
            any[2 * i + 1] = i < depth - 1;
        }
        CHECK_EQ(y_any_to_json(any, 2 * (size_t)depth, &out), want);
    }
    ybuf_release(&out);
}

/* Many members, repeated and reversed: the last of each counts, and nothing is quadratic. */
TEST(any_objects_of_many_keys)
{
    struct ybuf json = {0}, any = {0}, back = {0};
    char member[40];
    ybuf_append(&json, "{", 1);
    for (int i = 200000; i-- > 0;) {
        int n = snprintf(member, sizeof(member), "\"%s%d\":%d%s", i & 1 ? "k" : "", i / 2, i,
                         i ? "," : "}");
        ybuf_append(&json, member, (size_t)n);
    }
    CHECK_EQ(y_any_from_json(json.data, json.len, &any), Y_OK);
    CHECK_EQ(y_any_to_json(any.data, any.len, &back), Y_OK);
    CHECK_EQ(back.len, json.len);
    CHECK_MEM(back.data, 14, "{\"0\":0,\"1\":2,\"", 14);
    ybuf_release(&json);
    ybuf_release(&any);
    ybuf_release(&back);
}
