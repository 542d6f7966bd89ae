#include "proto/awareness.h"
#include "proto/message.h"
#include "tests/test.h"

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
