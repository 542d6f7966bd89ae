#include "proto/awareness.h"
#include "proto/message.h"
#include "tests/test.h"
#include "y/y.h"

static void entry(struct buf *b, uint64_t client, uint64_t clock, const char *json)
{
    proto_varuint(b, client);
    proto_varuint(b, clock);
    proto_varuint(b, strlen(json));
    buf_puts(b, json);
}

static int say_at(struct awareness *a, struct awareness_owner *o, uint64_t client, uint64_t clock,
                  const char *json, uint64_t now)
{
    struct buf b = {0};
    proto_varuint(&b, 1);
    entry(&b, client, clock, json);
    int result = awareness_apply(a, o, b.data, b.len, now, NULL);
    buf_release(&b);
    return result;
}

static int say(struct awareness *a, struct awareness_owner *o, uint64_t client, uint64_t clock,
               const char *json)
{
    return say_at(a, o, client, clock, json, 1000);
}

static void expect_one(struct buf *got, uint64_t client, uint64_t clock, const char *json)
{
    struct buf want = {0};
    proto_varuint(&want, 1);
    entry(&want, client, clock, json);
    CHECK_MEM(got->data, got->len, want.data, want.len);
    buf_release(&want);
    buf_release(got);
}

TEST(awareness_passes_on_news_once)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {0};
    struct buf b = {0};
    CHECK_EQ(say(a, &o, 7, 1, "{\"x\":1}"), AWARENESS_OK);
    CHECK(awareness_changed(a));
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(&b, 7, 1, "{\"x\":1}");
    CHECK(!awareness_changed(a));
    CHECK_EQ(awareness_take(a, &b), 0);
    /* The same again, and an older one, are no news. */
    CHECK_EQ(say(a, &o, 7, 1, "{\"x\":1}"), AWARENESS_OK);
    CHECK_EQ(say(a, &o, 7, 0, "{}"), AWARENESS_OK);
    CHECK(!awareness_changed(a));
    awareness_free(a);
}

TEST(awareness_gathers_the_last_state)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {0};
    struct buf b = {0};
    for (uint64_t i = 1; i <= 50; i++)
        CHECK_EQ(say(a, &o, 7, i, i == 50 ? "50" : "{}"), AWARENESS_OK);
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(&b, 7, 50, "50");
    awareness_free(a);
}

TEST(awareness_goes_with_its_connection)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {0}, other = {0};
    struct buf b = {0};
    say(a, &o, 7, 4, "{}");
    say(a, &other, 8, 1, "{}");
    awareness_take(a, &b);
    buf_clear(&b);
    awareness_drop(a, &o, 1000);
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(&b, 7, 5, "null");
    CHECK_EQ(awareness_count(a), 1);
    CHECK_EQ(o.count, 0);
    /* Somebody's echo of what the one who is gone last said does not bring them back. */
    CHECK_EQ(say(a, &other, 7, 4, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &other, 7, 5, "{}"), AWARENESS_OK);
    CHECK(!awareness_changed(a));
    CHECK_EQ(awareness_count(a), 1);
    awareness_free(a);
}

TEST(awareness_of_a_reconnected_client_outlives_its_old_connection)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner old = {0}, fresh = {0};
    say(a, &old, 7, 4, "{}");
    say(a, &fresh, 7, 4, "{}"); /* no news, but its own */
    awareness_drop(a, &old, 1000);
    CHECK_EQ(awareness_count(a), 1);
    awareness_drop(a, &fresh, 1000);
    CHECK_EQ(awareness_count(a), 0);
    awareness_free(a);
}

TEST(awareness_echo_by_another_does_not_take_over)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner one = {0}, two = {0};
    say(a, &one, 1, 1, "{}");
    say(a, &two, 2, 1, "{}");
    say(a, &two, 1, 2, "{}"); /* `two` passes on what it heard from `one` by another way */
    awareness_drop(a, &two, 1000);
    CHECK_EQ(awareness_count(a), 1);
    awareness_drop(a, &one, 1000);
    CHECK_EQ(awareness_count(a), 0);
    awareness_free(a);
}

TEST(awareness_null_with_the_same_clock_removes)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {0};
    struct buf b = {0};
    say(a, &o, 7, 3, "{}");
    say(a, &o, 7, 3, "null");
    CHECK_EQ(awareness_count(a), 0);
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(&b, 7, 3, "null");
    /* A newer one comes back. */
    say(a, &o, 7, 4, "{}");
    CHECK_EQ(awareness_count(a), 1);
    CHECK_EQ(o.count, 1);
    awareness_free(a);
}

TEST(awareness_bad_payload_changes_nothing)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {0};
    struct buf b = {0};
    proto_varuint(&b, 2);
    entry(&b, 1, 1, "{}");
    entry(&b, 2, 1, "{broken");
    CHECK_EQ(awareness_apply(a, &o, b.data, b.len, 0, NULL), AWARENESS_MALFORMED);
    CHECK_EQ(awareness_count(a), 0);
    CHECK_EQ(awareness_apply(a, &o, "\xff\xff\xff\xff\x0f", 5, 0, NULL), AWARENESS_MALFORMED);
    buf_clear(&b);
    proto_varuint(&b, 1);
    entry(&b, 1, 1, "{}");
    for (size_t i = 0; i < b.len; i++)
        CHECK_EQ(awareness_apply(a, &o, b.data, i, 0, NULL), AWARENESS_MALFORMED);
    buf_putc(&b, 0);
    CHECK_EQ(awareness_apply(a, &o, b.data, b.len, 0, NULL), AWARENESS_MALFORMED);
    CHECK_EQ(say(a, &o, 1, (UINT64_C(1) << 53) - 1, "{}"), AWARENESS_MALFORMED);
    CHECK_EQ(o.count, 0);
    buf_release(&b);
    awareness_free(a);
}

TEST(awareness_limits)
{
    struct awareness_limits l = {.clients = 10, .clients_per_owner = 4, .state_bytes = 20};
    struct awareness *a = awareness_new(&l);
    struct awareness_owner o[4] = {{0}};
    CHECK_EQ(say(a, &o[0], 1, 1, "\"0123456789012345678901234567890\""), AWARENESS_LIMIT);
    for (uint64_t i = 0; i < 4; i++)
        CHECK_EQ(say(a, &o[0], i, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &o[0], 99, 1, "{}"), AWARENESS_LIMIT);
    CHECK_EQ(say(a, &o[0], 3, 2, "{}"), AWARENESS_OK);
    for (uint64_t i = 0; i < 6; i++)
        CHECK_EQ(say(a, &o[1 + i / 4], 10 + i, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &o[3], 50, 1, "{}"), AWARENESS_LIMIT);
    awareness_free(a);
}

/* Names that come and go are remembered, but neither for ever nor without bound. */
TEST(awareness_forgets_who_is_long_gone)
{
    struct awareness_limits l = {.clients = 100, .clients_per_owner = 4};
    struct awareness *a = awareness_new(&l);
    struct awareness_owner o = {0};
    struct buf b = {0};
    for (uint64_t i = 0; i < 10000; i++) {
        say_at(a, &o, i, 1, "{}", 1000);
        say_at(a, &o, i, 1, "null", 1000);
        awareness_take(a, &b);
        buf_clear(&b);
    }
    CHECK_EQ(awareness_count(a), 0);
    /* The first ones were forgotten: they may come again with their old clock. */
    say_at(a, &o, 1, 1, "{}", 1000);
    CHECK_EQ(awareness_count(a), 1);
    /* The last ones not, until a while has passed. */
    say_at(a, &o, 9998, 1, "{}", 1000);
    CHECK_EQ(awareness_count(a), 1);
    say_at(a, &o, 1, 2, "null", 100000);
    say_at(a, &o, 9998, 1, "{}", 100000);
    CHECK_EQ(awareness_count(a), 1);
    buf_release(&b);
    awareness_free(a);
}

/* Found by fuzzing: taking back what somebody else announced went past the limit. */
TEST(awareness_own_state_counts_when_it_is_taken_back)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.clients_per_owner = 2});
    struct awareness_owner o = {0}, other = {0};
    CHECK_EQ(say(a, &o, 1, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &o, 1, 2, "null"), AWARENESS_OK);
    CHECK_EQ(say(a, &other, 1, 3, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &o, 2, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &o, 3, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &o, 1, 3, "{}"), AWARENESS_LIMIT);
    CHECK_EQ(o.count, 2);
    CHECK_EQ(say(a, &o, 3, 2, "null"), AWARENESS_OK);
    CHECK_EQ(say(a, &o, 1, 3, "{}"), AWARENESS_OK);
    CHECK_EQ(o.count, 2);
    awareness_free(a);
}

TEST(awareness_flood_of_news_is_a_limit)
{
    struct awareness_limits l = {.bytes_per_second = 1000};
    struct awareness *a = awareness_new(&l);
    struct awareness_owner o = {0}, other = {0};
    uint64_t clock = 1;
    /* 34 bytes each: eight seconds' worth at once, */
    for (; clock <= 235; clock++)
        CHECK_EQ(say_at(a, &o, 1, clock, "{}", 1000), AWARENESS_OK);
    CHECK_EQ(say_at(a, &o, 1, clock, "{}", 1000), AWARENESS_LIMIT);
    /* what is no news costs nothing, and neither does what others say; */
    for (int i = 0; i < 1000; i++)
        CHECK_EQ(say_at(a, &o, 1, 1, "{}", 1000), AWARENESS_OK);
    CHECK_EQ(say_at(a, &other, 2, 1, "{}", 1000), AWARENESS_OK);
    /* then as fast as time forgives. */
    CHECK_EQ(say_at(a, &o, 1, clock, "{}", 1034), AWARENESS_OK);
    CHECK_EQ(say_at(a, &o, 1, clock + 1, "{}", 1034), AWARENESS_LIMIT);
    CHECK_EQ(say_at(a, &o, 1, clock + 1, "{}", 1100), AWARENESS_OK);
    awareness_free(a);
}

/* --- between servers -------------------------------------------------------------------------- */

TEST(awareness_tells_other_servers_only_what_happened_here)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.other_servers = true});
    struct awareness_owner here = {0}, there = {.remote = true};
    struct buf b = {0};
    CHECK_EQ(say(a, &here, 1, 1, "{\"n\":1}"), AWARENESS_OK);
    CHECK_EQ(say(a, &there, 2, 1, "{\"n\":2}"), AWARENESS_OK);
    CHECK_EQ(awareness_take_local(a, &b), 1);
    expect_one(&b, 1, 1, "{\"n\":1}");
    CHECK_EQ(awareness_take_local(a, &b), 0);
    CHECK_EQ(awareness_all_local(a, &b), 1);
    expect_one(&b, 1, 1, "{\"n\":1}");
    CHECK_EQ(awareness_take(a, &b), 2); /* people here are told of both */
    buf_release(&b);
    awareness_drop(a, &here, 2000);
    CHECK_EQ(awareness_take_local(a, &b), 1);
    expect_one(&b, 1, 2, "null");
    awareness_free(a);
}

TEST(awareness_without_other_servers_forgets_who_is_gone)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {0};
    struct buf b = {0};
    CHECK_EQ(say(a, &o, 1, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(awareness_take_local(a, &b), 0);
    awareness_free(a);
}

/* What another server told is newer than what was to be told to it. */
TEST(awareness_does_not_tell_what_another_server_has_overtaken)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.other_servers = true});
    struct awareness_owner here = {0}, there = {.remote = true};
    struct buf b = {0};
    CHECK_EQ(say(a, &here, 1, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &there, 1, 5, "{\"moved\":true}"), AWARENESS_OK);
    CHECK_EQ(awareness_take_local(a, &b), 0);
    awareness_free(a);
}

/* Somebody goes on at another server, before the end of the old connection here is noticed. */
TEST(awareness_who_moved_to_another_server_does_not_go_with_the_old_connection)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.other_servers = true});
    struct awareness_owner here = {0}, there = {.remote = true};
    struct buf b = {0};
    CHECK_EQ(say(a, &here, 1, 5, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &there, 1, 6, "{}"), AWARENESS_OK);
    CHECK_EQ(awareness_take(a, &b), 1);
    buf_release(&b);
    CHECK_EQ(here.count, 0);
    CHECK_EQ(there.count, 1);
    CHECK_EQ(awareness_all_local(a, &b), 0);
    awareness_drop(a, &here, 2000);
    CHECK(!awareness_changed(a));
    CHECK_EQ(awareness_take_local(a, &b), 0);
    CHECK_EQ(awareness_count(a), 1);
    /* An echo elsewhere takes nobody away from the connection that speaks for them. */
    struct awareness_owner back = {0};
    CHECK_EQ(say(a, &back, 1, 7, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &there, 1, 8, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &back, 1, 8, "{}"), AWARENESS_OK);
    CHECK_EQ(back.count, 1);
    awareness_drop(a, &there, 2000);
    CHECK_EQ(awareness_count(a), 1);
    awareness_free(a);
}

/* A server that is taken for dead and was only away: its people go with the clock that they have, so
 * that the next that is heard of them is news. */
TEST(awareness_people_of_a_silent_server_come_back_with_their_next_move)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.other_servers = true});
    struct awareness_owner there = {.remote = true};
    struct buf b = {0};
    CHECK_EQ(say(a, &there, 2, 4, "{}"), AWARENESS_OK);
    CHECK_EQ(awareness_take(a, &b), 1);
    buf_release(&b);
    awareness_drop(a, &there, 2000);
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(&b, 2, 4, "null");
    CHECK_EQ(awareness_take_local(a, &b), 0);
    CHECK_EQ(say_at(a, &there, 2, 5, "{}", 3000), AWARENESS_OK);
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(&b, 2, 5, "{}");
    awareness_free(a);
}

/* Who left, or moved to this server or another one, while that server could not be heard. */
TEST(awareness_of_another_server_is_only_who_it_names_when_it_names_all)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.other_servers = true});
    struct awareness_owner there = {.remote = true}, third = {.remote = true}, here = {0};
    struct buf b = {0};
    for (uint64_t client = 2; client <= 5; client++)
        CHECK_EQ(say(a, &there, client, 4, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &here, 4, 4, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &third, 5, 6, "{}"), AWARENESS_OK);
    CHECK_EQ(awareness_take(a, &b), 4);
    buf_clear(&b);
    proto_varuint(&b, 1);
    entry(&b, 3, 4, "{}");
    awareness_keep(a, &there, b.data, b.len, 2000);
    CHECK_EQ(awareness_take(a, &b), 1);
    buf_release(&b);
    CHECK_EQ(awareness_count(a), 3);
    awareness_keep(a, &there, "", 1, 2000);
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(&b, 3, 4, "null");
    CHECK_EQ(awareness_count(a), 2);
    CHECK_EQ(there.count, 0);
    awareness_free(a);
}

TEST(awareness_answers_who_is_announced_but_held_to_be_gone)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner first = {0}, again = {0}, there = {.remote = true}, other = {0};
    struct buf b = {0}, truth = {0};
    CHECK_EQ(say(a, &first, 7, 3, "{}"), AWARENESS_OK);
    awareness_drop(a, &first, 2000);
    proto_varuint(&b, 1);
    entry(&b, 7, 3, "{}");
    /* The client itself, on a new connection. */
    CHECK_EQ(awareness_apply(a, &again, b.data, b.len, 3000, &truth), AWARENESS_OK);
    expect_one(&truth, 7, 4, "null");
    /* Another server that has it. */
    CHECK_EQ(awareness_apply(a, &there, b.data, b.len, 3000, &truth), AWARENESS_OK);
    expect_one(&truth, 7, 4, "null");
    /* Somebody who only passes on what they have heard. */
    CHECK_EQ(say_at(a, &other, 8, 1, "{}", 3000), AWARENESS_OK);
    CHECK_EQ(awareness_apply(a, &other, b.data, b.len, 3000, &truth), AWARENESS_OK);
    CHECK_EQ(truth.len, 0);
    buf_release(&b);
    /* What a client does that hears it is gone (y-protocols): a higher clock. */
    CHECK_EQ(say_at(a, &again, 7, 5, "{}", 3000), AWARENESS_OK);
    CHECK_EQ(awareness_count(a), 2);
    awareness_free(a);
}

TEST(awareness_limits_are_not_for_servers)
{
    struct awareness_limits limits = {
        .clients = 4, .clients_per_owner = 2, .bytes_per_second = 100};
    struct awareness *a = awareness_new(&limits);
    struct awareness_owner there = {.remote = true};
    for (uint64_t i = 1; i <= 100; i++)
        CHECK_EQ(say(a, &there, i, 1, "{\"name\":\"somebody\"}"), AWARENESS_OK);
    CHECK_EQ(awareness_count(a), 100);
    awareness_free(a);
}

/* Found by reading: who is forgotten while a payload is taken was known when it was checked, so that an old
 * state of theirs was taken as news that nobody had looked at. */
TEST(awareness_forgets_nobody_in_the_middle_of_a_payload)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {0};
    struct buf b = {0};
    CHECK_EQ(say_at(a, &o, 7, 1, "{}", 1000), AWARENESS_OK);
    CHECK_EQ(say_at(a, &o, 8, 5, "{}", 1000), AWARENESS_OK);
    CHECK_EQ(say_at(a, &o, 8, 5, "null", 1000), AWARENESS_OK);
    awareness_take(a, &b);
    buf_clear(&b);
    proto_varuint(&b, 2);
    entry(&b, 7, 1, "null");
    entry(&b, 8, 4, "{broken");
    CHECK_EQ(awareness_apply(a, &o, b.data, b.len, 100000, NULL), AWARENESS_OK);
    CHECK_EQ(awareness_count(a), 0);
    buf_release(&b);
    awareness_free(a);
}

/* --- who is who --------------------------------------------------------------------------------- */

static const struct awareness_identity ada = {"Ada", "ada@x.example"},
                                       eve = {"Eve", "eve@x.example"};
#define ADA "{\"user\":{\"name\":\"Ada\",\"email\":\"ada@x.example\",\"verified\":true}}"
#define EVE "{\"user\":{\"name\":\"Eve\",\"email\":\"eve@x.example\",\"verified\":true}}"
#define PLAIN "{\"user\":{\"name\":\"Ada\"}}"

/* What is known of `client`; NULL: that it is not here. Valid until the next call. */
static const char *state_of(struct awareness *a, uint64_t client)
{
    static char json[1024];
    struct buf all = {0};
    const char *found = NULL;
    if (awareness_all(a, &all)) {
        struct y_reader r = y_reader_of(all.data, all.len);
        for (uint64_t n = y_read_varuint(&r); n; n--) {
            uint64_t id = y_read_varuint(&r);
            size_t len;
            y_read_varuint(&r);
            const char *p = y_read_string(&r, &len);
            if (id != client)
                continue;
            snprintf(json, sizeof(json), "%.*s", (int)len, p);
            found = json;
        }
    }
    buf_release(&all);
    return found;
}

TEST(awareness_says_who_is_at_a_connection)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {.identity = &ada};
    struct buf b = {0};
    CHECK_EQ(say(a, &o, 7, 1, "{\"cursor\":1,\"user\":{\"name\":\"Eve\",\"color\":\"#fff\"}}"),
             AWARENESS_OK);
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(
        &b, 7, 1,
        "{\"cursor\":1,\"user\":{\"color\":\"#fff\",\"name\":\"Ada\",\"email\":\"ada@x.example\","
        "\"verified\":true}}");
    CHECK_EQ(say(a, &o, 7, 2, "{}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), ADA);
    /* No object, no mark. */
    CHECK_EQ(say(a, &o, 7, 3, "[\"verified\"]"), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), "[\"verified\"]");
    awareness_free(a);
}

TEST(awareness_takes_marks_from_everybody_else)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {0},
                           name_only = {.identity = &(struct awareness_identity){"Bob", ""}};
    CHECK_EQ(say(a, &o, 7, 1, ADA), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), PLAIN);
    CHECK_EQ(say(a, &o, 7, 2, "{\"\\u0075ser\":{\"\\u0076erified\":true}}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), "{\"user\":{}}");
    CHECK_EQ(say(a, &o, 7, 3, "{\"cursor\":{\"user\":{\"verified\":true}}}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), "{\"cursor\":{\"user\":{\"verified\":true}}}");
    CHECK_EQ(say(a, &name_only, 8, 1, ADA), AWARENESS_OK);
    CHECK_STR(state_of(a, 8), "{\"user\":{\"name\":\"Bob\"}}");
    /* What somebody who is known passes on of others is not about them. */
    struct awareness_owner known = {.identity = &ada};
    CHECK_EQ(say(a, &known, 9, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &known, 10, 1, ADA), AWARENESS_OK);
    CHECK_STR(state_of(a, 10), PLAIN);
    awareness_free(a);
}

TEST(awareness_limits_are_of_what_is_sent)
{
    struct awareness_limits l = {.state_bytes = 20, .bytes_per_second = 1000};
    struct awareness *a = awareness_new(&l);
    struct awareness_owner o = {.identity = &ada};
    uint64_t clock = 1;
    for (; clock <= 235; clock++)
        CHECK_EQ(say(a, &o, 1, clock, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &o, 1, clock, "{}"), AWARENESS_LIMIT);
    CHECK_EQ(say_at(a, &o, 1, clock, "{\"k\":\"0123456789012\"}", 9000), AWARENESS_LIMIT);
    CHECK_EQ(say_at(a, &o, 1, clock, "{\"k\":\"012345678901\"}", 9000), AWARENESS_OK);
    awareness_free(a);
}

TEST(awareness_who_is_verified_cannot_be_spoken_for)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {.identity = &ada};
    const struct awareness_identity *others[] = {NULL, &eve, &ada /* in another tab */};
    struct buf b = {0};
    CHECK_EQ(say(a, &o, 7, 1, "{}"), AWARENESS_OK);
    for (uint64_t i = 0; i < 3; i++) {
        struct awareness_owner other = {.identity = others[i]};
        CHECK_EQ(say(a, &other, 20 + i, 1, "{}"), AWARENESS_OK);
        awareness_take(a, &b);
        CHECK_EQ(say(a, &other, 7, 1, ADA), AWARENESS_OK);    /* an echo, */
        CHECK_EQ(say(a, &other, 7, 1, "null"), AWARENESS_OK); /* one who thinks they timed out, */
        CHECK_EQ(say(a, &other, 7, 2, "null"), AWARENESS_OK);
        CHECK_EQ(say(a, &other, 7, 9, ADA), AWARENESS_OK); /* and one who lies */
        CHECK(!awareness_changed(a));
        CHECK_EQ(other.count, 1);
        CHECK_STR(state_of(a, 7), ADA);
    }
    CHECK_EQ(say(a, &o, 7, 2, "null"), AWARENESS_OK);
    CHECK(!state_of(a, 7));
    buf_release(&b);
    awareness_free(a);
}

TEST(awareness_who_is_verified_cannot_be_claimed)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner o = {.identity = &ada}, nobody = {0}, other = {.identity = &eve};
    struct buf b = {0};
    CHECK_EQ(say(a, &o, 7, 1, "{}"), AWARENESS_OK);
    awareness_take(a, &b);
    for (uint64_t clock = 0; clock < 4; clock++) {
        CHECK_EQ(say(a, &nobody, 7, clock, ADA), AWARENESS_OK);
        CHECK_EQ(say(a, &other, 7, clock, ADA), AWARENESS_OK);
        CHECK_EQ(say(a, &nobody, 7, clock, "null"), AWARENESS_OK);
        CHECK_EQ(say(a, &other, 7, clock, "null"), AWARENESS_OK);
    }
    CHECK(!awareness_changed(a));
    CHECK_STR(state_of(a, 7), ADA);
    awareness_drop(a, &nobody, 1000);
    awareness_drop(a, &other, 1000);
    CHECK_EQ(awareness_count(a), 1);
    /* They are somebody else, and can say so. */
    CHECK_EQ(say(a, &other, 8, 1, "{}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 8), EVE);
    buf_release(&b);
    awareness_free(a);
}

/* Nor does it cost anything: what is passed over is not looked at. */
TEST(awareness_what_is_passed_over_is_free)
{
    struct awareness_limits l = {.state_bytes = 40, .bytes_per_second = 100};
    struct awareness *a = awareness_new(&l);
    struct awareness_owner o = {.identity = &ada}, other = {0};
    CHECK_EQ(say(a, &o, 7, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &other, 8, 1, "{}"), AWARENESS_OK);
    for (uint64_t clock = 1; clock < 1000; clock++)
        CHECK_EQ(say(a, &other, 7, clock, "[\"0123456789012345678901234567890123456789\",broken"),
                 AWARENESS_OK);
    CHECK_STR(state_of(a, 7), ADA);
    awareness_free(a);
}

TEST(awareness_who_is_verified_comes_back_while_the_old_connection_is_there)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_identity again = {"Ada L.", "ada@x.example"};
    struct awareness_owner old = {.identity = &ada}, fresh = {.identity = &again};
    CHECK_EQ(say(a, &old, 7, 4, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &fresh, 7, 4, "{}"), AWARENESS_OK); /* no news, but its own */
    CHECK_EQ(fresh.count, 1);
    CHECK_EQ(say(a, &fresh, 7, 5, "{}"), AWARENESS_OK);
    awareness_drop(a, &old, 1000);
    CHECK_STR(state_of(a, 7),
              "{\"user\":{\"name\":\"Ada L.\",\"email\":\"ada@x.example\",\"verified\":true}}");
    awareness_drop(a, &fresh, 1000);
    CHECK_EQ(awareness_count(a), 0);
    awareness_free(a);
}

TEST(awareness_who_signed_out_is_seen_again_when_the_old_connection_is_gone)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner old = {.identity = &ada}, fresh = {0};
    struct buf b = {0};
    CHECK_EQ(say(a, &old, 7, 4, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &fresh, 7, 4, PLAIN), AWARENESS_OK);
    CHECK_EQ(say(a, &fresh, 7, 5, PLAIN), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), ADA);
    awareness_take(a, &b);
    buf_clear(&b);
    awareness_drop(a, &old, 1000);
    CHECK_EQ(awareness_take(a, &b), 1);
    expect_one(&b, 7, 5, "null");
    /* It hears that, and does what y-protocols does. */
    CHECK_EQ(say(a, &fresh, 7, 6, PLAIN), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), PLAIN);
    CHECK_EQ(fresh.self, 8);
    /* The other way round: nobody is made verified by somebody else's connection. */
    struct awareness_owner in = {.identity = &ada};
    CHECK_EQ(say(a, &in, 7, 7, PLAIN), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), PLAIN);
    awareness_drop(a, &fresh, 1000);
    CHECK_EQ(say(a, &in, 7, 8, PLAIN), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), ADA);
    awareness_free(a);
}

/* A tab that loses its connection tells the other tabs of the browser that all others are gone, and those pass
 * it on (y-websocket, by BroadcastChannel). */
TEST(awareness_whose_own_connection_is_here_is_not_removed_by_others)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner one = {0}, two = {0}, again = {0};
    struct buf b = {0};
    CHECK_EQ(say(a, &one, 1, 3, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &two, 2, 1, "{}"), AWARENESS_OK);
    awareness_take(a, &b);
    CHECK_EQ(say(a, &two, 1, 3, "null"), AWARENESS_OK);
    CHECK_EQ(say(a, &two, 1, 4, "null"), AWARENESS_OK);
    CHECK_EQ(say(a, &two, 1, 4, "{\"name\":\"Eve\"}"), AWARENESS_OK);
    CHECK(!awareness_changed(a));
    CHECK_EQ(say(a, &one, 1, 4, "{\"k\":1}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 1), "{\"k\":1}");
    /* Whom nobody is, anybody can speak for: a tab that has no connection yet. */
    CHECK_EQ(say(a, &one, 3, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &two, 3, 2, "{\"k\":2}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 3), "{\"k\":2}");
    CHECK_EQ(say(a, &one, 3, 2, "null"), AWARENESS_OK);
    CHECK(!state_of(a, 3));
    /* A client that comes back says of itself what it likes. */
    CHECK_EQ(say(a, &again, 1, 4, "{\"k\":1}"), AWARENESS_OK);
    CHECK_EQ(say(a, &again, 1, 5, "null"), AWARENESS_OK);
    CHECK(!state_of(a, 1));
    buf_release(&b);
    awareness_free(a);
}

/* A new tab is announced by another one of the browser before it is connected itself. */
TEST(awareness_tab_that_another_announced_is_verified_when_it_is_connected)
{
    for (int i = 0; i < 3; i++) {
        struct awareness *a = awareness_new(NULL);
        struct awareness_owner first = {.identity = i == 1 ? NULL : &ada};
        struct awareness_owner tab = {.identity = i == 2 ? NULL : &ada};
        CHECK_EQ(say(a, &first, 1, 1, "{}"), AWARENESS_OK);
        CHECK_EQ(say(a, &first, 2, 0, PLAIN), AWARENESS_OK);
        CHECK_STR(state_of(a, 2), PLAIN);
        CHECK_EQ(say(a, &tab, 2, 0, PLAIN), AWARENESS_OK);
        CHECK_STR(state_of(a, 2), i == 2 ? PLAIN : ADA);
        CHECK_EQ(tab.count, 1);
        CHECK_EQ(first.count, 1);
        CHECK_EQ(say(a, &first, 2, 1, PLAIN), AWARENESS_OK); /* and again before itself */
        CHECK_EQ(say(a, &tab, 2, 1, PLAIN), AWARENESS_OK);
        CHECK_STR(state_of(a, 2), i == 2 ? PLAIN : ADA);
        awareness_free(a);
    }
}

/* Nobody who is known turns somebody else, who is here and is not known, into themselves. */
TEST(awareness_somebody_known_cannot_claim_who_is_here)
{
    struct awareness *a = awareness_new(NULL);
    struct awareness_owner one = {0}, other = {.identity = &eve};
    CHECK_EQ(say(a, &one, 1, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &other, 1, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &other, 1, 2, "{}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 1), "{}");
    CHECK_EQ(say(a, &one, 1, 2, "{\"k\":1}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 1), "{\"k\":1}");
    awareness_free(a);
}

/* Two servers: what the one has to tell goes to the other. */
static void deliver(struct awareness *from, struct awareness *to, struct awareness_owner *peer)
{
    struct buf b = {0};
    if (awareness_take_local(from, &b))
        CHECK_EQ(awareness_apply(to, peer, b.data, b.len, 1000, NULL), AWARENESS_OK);
    buf_release(&b);
}

TEST(awareness_verified_at_another_server)
{
    struct awareness_limits l = {.other_servers = true};
    struct awareness *a = awareness_new(&l), *b = awareness_new(&l);
    struct awareness_owner peer_a = {.remote = true}, peer_b = {.remote = true};
    struct awareness_owner home = {.identity = &ada}, nobody = {0}, other = {.identity = &eve},
                           moved = {.identity = &ada};
    CHECK_EQ(say(a, &home, 7, 1, "{}"), AWARENESS_OK);
    deliver(a, b, &peer_a);
    CHECK_STR(state_of(b, 7), ADA);
    CHECK_EQ(say(b, &nobody, 7, 2, ADA), AWARENESS_OK);
    CHECK_EQ(say(b, &other, 7, 2, ADA), AWARENESS_OK);
    CHECK_EQ(say(b, &nobody, 8, 1, ADA), AWARENESS_OK);
    CHECK_EQ(say(b, &nobody, 7, 1, "null"), AWARENESS_OK);
    deliver(b, a, &peer_b);
    CHECK_STR(state_of(a, 7), ADA);
    CHECK_STR(state_of(b, 7), ADA);
    CHECK_STR(state_of(a, 8), PLAIN);
    /* A move here is heard there, and its end. */
    CHECK_EQ(say(b, &moved, 7, 3, "{}"), AWARENESS_OK);
    deliver(b, a, &peer_b);
    awareness_drop(a, &home, 2000);
    CHECK_STR(state_of(a, 7), ADA);
    awareness_drop(b, &moved, 2000);
    deliver(b, a, &peer_b);
    CHECK(!state_of(a, 7));
    CHECK_EQ(say(b, &nobody, 7, 9, ADA), AWARENESS_OK);
    CHECK_STR(state_of(b, 7), PLAIN);
    awareness_free(a);
    awareness_free(b);
}

TEST(awareness_server_that_died_holds_nobody)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.other_servers = true});
    struct awareness_owner there = {.remote = true}, back = {0};
    CHECK_EQ(say(a, &there, 7, 1, ADA), AWARENESS_OK);
    CHECK_EQ(say(a, &back, 7, 2, PLAIN), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), ADA);
    awareness_drop(a, &there, 1000);
    CHECK_EQ(say(a, &back, 7, 2, PLAIN), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), PLAIN);
    awareness_free(a);
}

TEST(awareness_of_another_server_is_kept_as_it_is)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.other_servers = true});
    struct awareness_owner there = {.remote = true}, here = {0};
    static const char odd[] =
        "{ \"user\":{\"verified\":1},\"user\":{\"\\u0065mail\":\"\\u0061da@x.example\","
        "\"verified\" : true}}";
    CHECK_EQ(say(a, &there, 7, 1, odd), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), odd);
    CHECK_EQ(say(a, &here, 7, 2, "{}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), odd);
    struct awareness_owner self = {.identity = &ada};
    CHECK_EQ(say(a, &self, 7, 2, "{}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), ADA);
    /* Servers are heard, whatever is here. */
    CHECK_EQ(say(a, &there, 7, 3, "{}"), AWARENESS_OK);
    CHECK_STR(state_of(a, 7), "{}");
    awareness_free(a);
}

TEST(awareness_of_another_server_is_not_removed_by_others)
{
    struct awareness *a = awareness_new(&(struct awareness_limits){.other_servers = true});
    struct awareness_owner there = {.remote = true}, here = {0}, self = {0};
    CHECK_EQ(say(a, &there, 7, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &here, 8, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &here, 7, 1, "null"), AWARENESS_OK);
    CHECK_EQ(awareness_count(a), 2);
    CHECK_EQ(say(a, &self, 7, 1, "{}"), AWARENESS_OK);
    CHECK_EQ(say(a, &self, 7, 2, "null"), AWARENESS_OK);
    CHECK_EQ(awareness_count(a), 1);
    CHECK_EQ(say(a, &there, 8, 2, "null"), AWARENESS_OK);
    CHECK_EQ(awareness_count(a), 0);
    awareness_free(a);
}
