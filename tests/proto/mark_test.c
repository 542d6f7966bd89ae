#include "proto/mark.h"
#include "proto/awareness.h"
#include "tests/test.h"
#include "y/y.h"

static const struct awareness_identity ada = {"Ada", "ada@x.example"};
#define ADA "\"name\":\"Ada\",\"email\":\"ada@x.example\",\"verified\":true"

static void expect(const char *state, const struct awareness_identity *who, const char *want)
{
    size_t len = strlen(state);
    struct buf got = {0}, again = {0};
    char *p = malloc(len);
    memcpy(p, state, len);
    CHECK(y_json_valid(p, len));
    if (!mark_rewrite(p, len, who, &got)) {
        CHECK_EQ(got.len, 0);
        buf_append(&got, p, len);
    }
    free(p);
    CHECK_STR(buf_str(&got), want);
    CHECK(y_json_valid(got.data, got.len));
    /* Once is enough. */
    if (!mark_rewrite((const char *)got.data, got.len, who, &again))
        buf_append(&again, got.data, got.len);
    CHECK_STR(buf_str(&again), want);
    if (!mark_email(who))
        CHECK(!mark_read((const char *)got.data, got.len, NULL));
    buf_release(&got);
    buf_release(&again);
}

static void expect_same(const char *state)
{
    expect(state, NULL, state);
}

TEST(mark_of_nobody_known_is_taken_out)
{
    expect("{\"user\":{\"verified\":true}}", NULL, "{\"user\":{}}");
    expect("{\"user\":{\"email\":\"ada@x.example\"}}", NULL, "{\"user\":{}}");
    expect(
        "{\"a\":1,\"user\":{\"name\":\"Ada\",\"email\":\"e\",\"color\":\"#fff\",\"verified\":true},"
        "\"cursor\":{\"anchor\":null} }",
        NULL,
        "{\"a\":1,\"user\":{\"name\":\"Ada\",\"color\":\"#fff\"},\"cursor\":{\"anchor\":null}}");
    expect("{\"user\":{\"verified\":false,\"email\":{\"x\":[1]},\"n\":2}}", NULL,
           "{\"user\":{\"n\":2}}");
    expect("{\"user\":{\"verified\":true,\"verified\":1,\"n\":2,\"verified\":true}}", NULL,
           "{\"user\":{\"n\":2}}");
}

TEST(mark_spelled_with_escapes_is_taken_out)
{
    expect("{\"user\":{\"\\u0076erified\":true}}", NULL, "{\"user\":{}}");
    expect("{\"\\u0075ser\":{\"verif\\u0069ed\":true,\"\\u0065\\u006D\\u0061\\u0069\\u006c\":1}}",
           NULL, "{\"user\":{}}");
    expect("{\"u\\u0073er\":{\"\\u0065mail\":\"e\",\"name\":\"\\u0041\"}}", NULL,
           "{\"user\":{\"name\":\"\\u0041\"}}");
    expect_same("{\"user\":{\"\\ud83dverified\":true,\"\\ud83d\\ude00email\":1}}");
}

TEST(mark_in_any_of_two_users_is_taken_out)
{
    expect("{\"user\":{\"verified\":true},\"user\":{\"n\":1}}", NULL, "{\"user\":{\"n\":1}}");
    expect("{\"user\":{\"n\":1},\"a\":1,\"\\u0075ser\":{\"verified\":true},\"b\":2}", NULL,
           "{\"a\":1,\"user\":{},\"b\":2}");
    expect("{\"user\":{\"verified\":true},\"user\":null}", NULL, "{\"user\":null}");
    expect("{\"user\":5,\"user\":{\"email\":1},\"user\":[\"verified\"]}", NULL,
           "{\"user\":[\"verified\"]}");
}

/* A copy by Object.assign() would have it. */
TEST(mark_by_way_of_the_prototype_is_taken_out)
{
    expect("{\"__proto__\":{\"user\":{\"verified\":true}},\"a\":1}", NULL, "{\"a\":1}");
    expect("{\"user\":{\"\\u005f_proto__\":{\"verified\":true},\"n\":1}}", NULL,
           "{\"user\":{\"n\":1}}");
    expect("{\"user\":{\"__proto__\":{\"email\":\"e\"}},\"__proto__\":5}", NULL, "{\"user\":{}}");
    expect("{\"__proto__\":{\"user\":{\"verified\":false}},\"user\":{\"__proto__\":1}}", &ada,
           "{\"user\":{" ADA "}}");
    expect_same("{\"__proto__\":{\"a\":1}}");
}

TEST(mark_is_only_what_stands_in_user_at_the_top)
{
    expect_same("{\"cursor\":{\"user\":{\"verified\":true,\"email\":\"e\"}}}");
    expect_same("{\"verified\":true,\"email\":\"e\"}");
    expect_same("{\"user\":{\"x\":{\"verified\":true,\"email\":\"e\"}}}");
    expect_same("{\"user\":{\"name\":\"verified email \\u0041\"}}");
    expect_same("{\"user\":{\"Verified\":true,\"verified \":true,\"emails\":[]}}");
    expect_same("{\"User\":{\"verified\":true}}");
    expect_same("[{\"user\":{\"verified\":true}}]");
    expect_same("\"{\\\"user\\\":{\\\"verified\\\":true}}\"");
    expect_same("{\"user\":\"verified\"}");
    expect_same("{\"user\":[{\"verified\":true}]}");
    expect_same("{ \"user\" : { \"name\" : \"email\" } , \"n\" : 1e999 }");
    expect_same("5");
    expect_same("{}");
}

TEST(mark_leaves_everything_else_as_it_is)
{
    expect("{\"n\":[1e999,-0,123456789012345678901234567890,0.10,1E+2 , 5],\"s\":\"\\u0000\\/\","
           "\"user\":{\"color\":\"\\ud800\",\"email\":1,\"x\":[{},[ ]]}}",
           NULL,
           "{\"n\":[1e999,-0,123456789012345678901234567890,0.10,1E+2 , 5],\"s\":\"\\u0000\\/\","
           "\"user\":{\"color\":\"\\ud800\",\"x\":[{},[ ]]}}");
}

TEST(mark_is_put_on_who_is_known)
{
    expect("{}", &ada, "{\"user\":{" ADA "}}");
    expect("{\"a\":1}", &ada, "{\"a\":1,\"user\":{" ADA "}}");
    expect("{\"user\":{}}", &ada, "{\"user\":{" ADA "}}");
    expect("{\"user\":{\"name\":\"Eve\",\"color\":\"#fff\",\"verified\":false},\"a\":1}", &ada,
           "{\"user\":{\"color\":\"#fff\"," ADA "},\"a\":1}");
    expect("{\"user\":{\"n\\u0061me\":\"Eve\",\"email\":\"e\",\"name\":\"x\",\"k\":1}}", &ada,
           "{\"user\":{\"k\":1," ADA "}}");
    expect("{\"user\":null}", &ada, "{\"user\":{" ADA "}}");
    expect("{\"user\":[1]}", &ada, "{\"user\":{" ADA "}}");
    expect("{\"user\":{\"k\":1},\"a\":1,\"user\":\"Eve\"}", &ada, "{\"a\":1,\"user\":{" ADA "}}");
    expect("{\"user\":{\"verified\":true,\"k\":1},\"user\":{\"k\":2}}", &ada,
           "{\"user\":{\"k\":2," ADA "}}");
    /* There is no user in these. */
    expect("[]", &ada, "[]");
    expect("\"user\"", &ada, "\"user\"");
    expect("7", &ada, "7");
}

TEST(mark_names_and_emails)
{
    expect("{\"user\":{\"name\":\"Eve\"}}", &(struct awareness_identity){"", "a@b"},
           "{\"user\":{\"name\":\"a@b\",\"email\":\"a@b\",\"verified\":true}}");
    expect("{}", &(struct awareness_identity){NULL, "a@b"},
           "{\"user\":{\"name\":\"a@b\",\"email\":\"a@b\",\"verified\":true}}");
    expect("{\"user\":{\"name\":\"Eve\",\"email\":\"e\",\"verified\":true,\"k\":1}}",
           &(struct awareness_identity){"Ada", ""}, "{\"user\":{\"k\":1,\"name\":\"Ada\"}}");
    expect("{\"user\":{\"name\":\"Eve\",\"email\":\"e\",\"verified\":true,\"k\":1}}",
           &(struct awareness_identity){"", NULL}, "{\"user\":{\"name\":\"Eve\",\"k\":1}}");
    expect("{}", &(struct awareness_identity){"\"}\\\n\x7f", "\"@\t"},
           "{\"user\":{\"name\":\"\\\"}\\\\\\u000a\x7f\",\"email\":\"\\\"@\\u0009\",\"verified\":"
           "true}}");
    /* Bytes that are no text would make the whole payload unreadable to others. */
    expect("{}",
           &(struct awareness_identity){"A\xff"
                                        "B",
                                        "a@b"},
           "{\"user\":{\"name\":\"A\",\"email\":\"a@b\",\"verified\":true}}");
    expect("{}", &(struct awareness_identity){"\xff", "a\xc3@b"}, "{}");
}

TEST(mark_long_names_are_cut_at_a_character_and_long_emails_are_none)
{
    char name[200] = "x", email[400], want[1200];
    for (size_t i = 1; i + 3 < 190; i += 3)
        memcpy(name + i, "\xe2\x82\xac", 4);
    memset(email, 'e', MARK_EMAIL_MAX);
    email[MARK_EMAIL_MAX] = 0;
    struct awareness_identity who = {name, email};
    snprintf(want, sizeof(want),
             "{\"user\":{\"name\":\"%.127s\",\"email\":\"%s\",\"verified\":true}}", name, email);
    expect("{}", &who, want);
    memcpy(email + MARK_EMAIL_MAX, "e", 2);
    snprintf(want, sizeof(want), "{\"user\":{\"name\":\"%.127s\"}}", name);
    expect("{\"user\":{\"email\":\"e\",\"verified\":true}}", &who, want);
    who.name = "";
    expect("{\"user\":{\"name\":\"Eve\",\"verified\":true}}", &who,
           "{\"user\":{\"name\":\"Eve\"}}");
    email[MARK_EMAIL_MAX] = 0;
    snprintf(want, sizeof(want),
             "{\"user\":{\"name\":\"%.128s\",\"email\":\"%s\",\"verified\":true}}", email, email);
    expect("{}", &who, want);
}

/* As deep as y_json_valid() takes it: what is added is not deeper. */
TEST(mark_in_a_deep_state)
{
    char state[1000], want[1000];
    memset(state, '[', 198);
    memset(state + 198, ']', 198);
    state[396] = 0;
    char inner[400];
    memcpy(inner, state, 397);
    snprintf(state, sizeof(state), "{\"user\":{\"a\":%s,\"verified\":true},\"b\":[%s]}", inner,
             inner);
    snprintf(want, sizeof(want), "{\"user\":{\"a\":%s},\"b\":[%s]}", inner, inner);
    expect(state, NULL, want);
    snprintf(want, sizeof(want), "{\"user\":{\"a\":%s," ADA "},\"b\":[%s]}", inner, inner);
    expect(state, &ada, want);
}

static const char *marked_as(const char *state)
{
    static char email[64];
    struct json_text t;
    if (!mark_read(state, strlen(state), &t))
        return "nobody";
    snprintf(email, sizeof(email), "%.*s", (int)t.len, t.p);
    return email;
}

TEST(mark_is_read_as_javascript_reads_it)
{
    CHECK_STR(marked_as("{\"user\":{\"email\":\"a@b\",\"verified\":true}}"), "\"a@b\"");
    CHECK_STR(marked_as("{\"user\":1,\"\\u0075ser\":{\"\\u0076erified\":true , \"email\":\"c\"}}"),
              "\"c\"");
    CHECK_STR(marked_as("{\"user\":{\"email\":1,\"verified\":true,\"email\":\"a\"}}"), "\"a\"");
    CHECK_STR(marked_as("{\"user\":{\"email\":\"a\",\"verified\":true,\"verified\":1}}"), "nobody");
    CHECK_STR(marked_as("{\"user\":{\"email\":\"a\",\"verified\":\"true\"}}"), "nobody");
    CHECK_STR(marked_as("{\"user\":{\"email\":\"\",\"verified\":true}}"), "nobody");
    CHECK_STR(marked_as("{\"user\":{\"verified\":true}}"), "nobody");
    CHECK_STR(marked_as("{\"user\":{\"email\":\"a\",\"verified\":true},\"user\":{}}"), "nobody");
    CHECK_STR(marked_as("{\"cursor\":{\"user\":{\"email\":\"a\",\"verified\":true}}}"), "nobody");
    CHECK_STR(marked_as("[\"verified\"]"), "nobody");
}
