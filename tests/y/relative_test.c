/*
 * Relative positions. Vectors are what yjs 13.6 gives for
 *
 *     const doc = new Y.Doc({ gc: false }); doc.clientID = 300
 *     const text = doc.getText('text'); text.insert(0, 'aé😀漢b')
 *     const list = doc.getArray('list'); const inner = new Y.Text()
 *     list.insert(0, [1, inner]); inner.insert(0, 'xy')
 *     Y.encodeRelativePosition(Y.createRelativePositionFromTypeIndex(text, pos, assoc))
 */
#include "tests/test.h"
#include "y/y.h"

struct play {
    struct ydoc *doc;
    struct y_type *text, *list, *inner;
};

static struct play play_of(bool utf8)
{
    struct play p;
    struct y_value one = {.kind = Y_VALUE_ANY, .bytes = {(const uint8_t *)"\x7d\x01", 2}};
    p.doc =
        ydoc_new(&(struct ydoc_opts){.client_id = 300, .keep_deleted = true, .utf8_offsets = utf8});
    CHECK_EQ(ydoc_root(p.doc, "text", Y_REF_TEXT, &p.text), Y_OK);
    CHECK_EQ(ydoc_root(p.doc, "list", Y_REF_ARRAY, &p.list), Y_OK);
    CHECK_EQ(y_text_insert(p.text, 0, "aé😀漢b", strlen("aé😀漢b"), NULL), Y_OK);
    CHECK_EQ(y_list_insert(p.list, 0, &one, 1), Y_OK);
    CHECK_EQ(y_list_insert_type(p.list, 1, Y_REF_TEXT, NULL, &p.inner), Y_OK);
    CHECK_EQ(y_text_insert(p.inner, 0, "xy", 2, NULL), Y_OK);
    return p;
}

static void gives(struct y_type *t, uint64_t pos, int assoc, const char *want, size_t n)
{
    struct ybuf out = {0};
    CHECK_EQ(y_relative_position(t, pos, assoc, &out), Y_OK);
    CHECK_MEM(out.data, out.len, want, n);
    ybuf_release(&out);
}
#define GIVES(t, pos, assoc, want) gives(t, pos, assoc, want, sizeof(want) - 1)

static void is_at(struct ydoc *doc, const char *relative, size_t n, const struct y_type *want,
                  uint64_t want_pos)
{
    struct y_type *t;
    uint64_t pos;
    int assoc;
    CHECK_EQ(y_absolute_position(doc, relative, n, &t, &pos, &assoc), 1);
    CHECK(t == want);
    CHECK_EQ(pos, want_pos);
}
#define IS_AT(doc, relative, t, pos) is_at(doc, relative, sizeof(relative) - 1, t, pos)

TEST(relative_positions_as_yjs_encodes_them)
{
    struct play p = play_of(false);
    GIVES(p.text, 0, 0, "\x00\xac\x02\x00\x00");
    GIVES(p.text, 1, 0, "\x00\xac\x02\x01\x00");
    GIVES(p.text, 2, 1, "\x00\xac\x02\x02\x01");
    GIVES(p.text, 4, 0, "\x00\xac\x02\x04\x00");
    GIVES(p.text, 6, 0, "\x01\x04text\x00");
    GIVES(p.text, 9, 0, "\x01\x04text\x00"); /* beyond the end is the end */
    GIVES(p.text, 0, -1, "\x01\x04text\x41");
    GIVES(p.text, 1, -1, "\x00\xac\x02\x00\x41");
    GIVES(p.text, 4, -1, "\x00\xac\x02\x03\x41");
    GIVES(p.text, 6, -1, "\x00\xac\x02\x05\x41");
    GIVES(p.text, 9, -1, "\x00\xac\x02\x05\x41");
    GIVES(p.inner, 1, 0, "\x00\xac\x02\x09\x00");
    GIVES(p.inner, 2, 0, "\x02\xac\x02\x07\x00");
    GIVES(p.inner, 0, -1, "\x02\xac\x02\x07\x41");
    GIVES(p.list, 1, 0, "\x00\xac\x02\x07\x00");
    IS_AT(p.doc, "\x00\xac\x02\x04\x00", p.text, 4);
    IS_AT(p.doc, "\x00\xac\x02\x03\x41", p.text, 4);
    IS_AT(p.doc, "\x01\x04text\x00", p.text, 6);
    IS_AT(p.doc, "\x01\x04text\x41", p.text, 0);
    IS_AT(p.doc, "\x02\xac\x02\x07\x00", p.inner, 2);
    IS_AT(p.doc, "\x02\xac\x02\x07", p.inner, 2); /* without assoc, as older ones are */
    ydoc_free(p.doc);
}

TEST(relative_positions_in_bytes)
{
    struct play p = play_of(true); /* a é.. 😀.... 漢... b */
    struct ybuf out = {0};
    GIVES(p.text, 1, 0, "\x00\xac\x02\x01\x00");
    GIVES(p.text, 3, 0, "\x00\xac\x02\x02\x00");
    GIVES(p.text, 7, 0, "\x00\xac\x02\x04\x00");
    GIVES(p.text, 7, -1, "\x00\xac\x02\x03\x41");
    GIVES(p.text, 10, 0, "\x00\xac\x02\x05\x00");
    GIVES(p.text, 11, 0, "\x01\x04text\x00");
    for (uint64_t inside = 4; inside < 7; inside++) {
        CHECK_EQ(y_relative_position(p.text, inside, 0, &out), Y_ERR_RANGE);
        CHECK_EQ(y_relative_position(p.text, inside, -1, &out), Y_ERR_RANGE);
    }
    CHECK_EQ(out.len, 0);
    IS_AT(p.doc, "\x00\xac\x02\x04\x00", p.text, 7);
    IS_AT(p.doc, "\x00\xac\x02\x03\x41", p.text, 7);
    IS_AT(p.doc, "\x00\xac\x02\x05\x41", p.text, 11);
    IS_AT(p.doc, "\x01\x04text\x00", p.text, 11);
    ydoc_free(p.doc);
}

TEST(relative_positions_stay_while_others_edit)
{
    struct play p = play_of(false);
    struct ybuf before = {0}, behind = {0};
    CHECK_EQ(y_relative_position(p.text, 1, 0, &before), Y_OK);
    CHECK_EQ(y_relative_position(p.text, 1, -1, &behind), Y_OK);
    CHECK_EQ(y_text_insert(p.text, 1, "new", 3, NULL), Y_OK);
    is_at(p.doc, (char *)before.data, before.len, p.text, 4);
    is_at(p.doc, (char *)behind.data, behind.len, p.text, 1);
    CHECK_EQ(y_text_delete(p.text, 0, 6), Y_OK); /* both characters are gone */
    is_at(p.doc, (char *)before.data, before.len, p.text, 0);
    is_at(p.doc, (char *)behind.data, behind.len, p.text, 0);
    ybuf_release(&before);
    ybuf_release(&behind);
    ydoc_free(p.doc);
}

/* yjs follows what an undo manager brought back (tests/relativePositions.tests.js) */
TEST(relative_positions_follow_what_was_undone)
{
    struct play p = play_of(false);
    struct ybuf at = {0};
    struct y_undo *u = y_undo_new(p.doc, &p.text, 1, NULL);
    CHECK_EQ(y_relative_position(p.text, 4, 0, &at), Y_OK);
    CHECK_EQ(y_text_delete(p.text, 0, 6), Y_OK);
    is_at(p.doc, (char *)at.data, at.len, p.text, 0);
    CHECK_EQ(y_undo(u), 1);
    is_at(p.doc, (char *)at.data, at.len, p.text, 4);
    CHECK_EQ(y_text_insert(p.text, 0, "more", 4, NULL), Y_OK);
    is_at(p.doc, (char *)at.data, at.len, p.text, 8);
    ybuf_release(&at);
    y_undo_free(u);
    ydoc_free(p.doc);
}

TEST(relative_positions_of_what_is_not_there)
{
    struct play p = play_of(false);
    struct y_type *t = NULL;
    uint64_t pos;
    int assoc;
    /* not yet: another client, a later clock */
    CHECK_EQ(y_absolute_position(p.doc, "\x00\x09\x00\x00", 4, &t, &pos, &assoc), 0);
    CHECK_EQ(y_absolute_position(p.doc, "\x00\xac\x02\x0a\x00", 5, &t, &pos, &assoc), 0);
    CHECK_EQ(y_absolute_position(p.doc, "\x02\xac\x02\x0a\x00", 5, &t, &pos, &assoc), 0);
    /* no type */
    CHECK_EQ(y_absolute_position(p.doc, "\x02\xac\x02\x00\x00", 5, &t, &pos, &assoc), 0);
    CHECK(!t);
    /* a root that nobody wrote to is made, as yjs doc.get() does */
    CHECK_EQ(y_absolute_position(p.doc, "\x01\x03new\x00", 6, &t, &pos, &assoc), 1);
    CHECK_MEM(y_type_name(t).p, y_type_name(t).n, "new", 3);
    CHECK_EQ(pos, 0);
    ydoc_free(p.doc);
}

static void refused(struct ydoc *doc, const char *bytes, size_t n)
{
    struct y_type *t;
    struct ybuf out = {0};
    uint64_t pos;
    int assoc;
    CHECK(y_absolute_position(doc, bytes, n, &t, &pos, &assoc) < 0);
    CHECK(y_relative_position_to_json(bytes, n, &out) < 0);
    CHECK_EQ(out.len, 0);
}
#define REFUSED(doc, bytes) refused(doc, bytes, sizeof(bytes) - 1)

TEST(relative_positions_that_nobody_writes)
{
    struct play p = play_of(false);
    REFUSED(p.doc, "");
    REFUSED(p.doc, "\x03\x01\x01\x00");     /* nowhere */
    REFUSED(p.doc, "\x00\x01");             /* no clock */
    REFUSED(p.doc, "\x00\x81");             /* half a client */
    REFUSED(p.doc, "\x01\x04tex");          /* half a name */
    REFUSED(p.doc, "\x01\x02\xc3\x28\x00"); /* bad UTF-8 */
    REFUSED(p.doc, "\x02\x07");
    REFUSED(p.doc, "\x00\x01\x01\x80");     /* half an assoc */
    REFUSED(p.doc, "\x00\x01\x01\x00\x00"); /* something behind it */
    REFUSED(p.doc, "\x00\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    ydoc_free(p.doc);
}

static void json(const char *bytes, size_t n, const char *full, const char *want)
{
    struct ybuf out = {0};
    CHECK_EQ(y_relative_position_to_json(bytes, n, &out), Y_OK);
    CHECK_MEM(out.data, out.len, want, strlen(want));
    out.len = 0;
    CHECK_EQ(y_relative_position_from_json(want, strlen(want), &out), Y_OK);
    CHECK_MEM(out.data, out.len, bytes, n);
    out.len = 0;
    CHECK_EQ(y_relative_position_from_json(full, strlen(full), &out), Y_OK);
    CHECK_MEM(out.data, out.len, bytes, n);
    ybuf_release(&out);
}

/* JSON.stringify(relative), JSON.stringify(Y.relativePositionToJSON(Y.decodeRelativePosition(bytes))) */
TEST(relative_positions_as_json)
{
    json("\x00\xac\x02\x01\x00", 5,
         "{\"type\":null,\"tname\":\"text\",\"item\":{\"client\":300,\"clock\":1},\"assoc\":0}",
         "{\"item\":{\"client\":300,\"clock\":1},\"assoc\":0}");
    json("\x01\x04text\x41", 7, "{\"type\":null,\"tname\":\"text\",\"item\":null,\"assoc\":-1}",
         "{\"tname\":\"text\",\"assoc\":-1}");
    json("\x02\xac\x02\x07\x00", 5,
         "{\"type\":{\"client\":300,\"clock\":7},\"tname\":null,\"item\":null,\"assoc\":0}",
         "{\"type\":{\"client\":300,\"clock\":7},\"assoc\":0}");
    json("\x00\xfe\xff\xff\xff\x1f\xf0\xa2\x04\xc6\x01", 11,
         "{\"item\":{\"clock\":70000,\"client\":8589934590},\"assoc\":-70,\"x\":[1]}",
         "{\"item\":{\"client\":8589934590,\"clock\":70000},\"assoc\":-70}");
}

TEST(relative_positions_from_bad_json)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"assoc\":0}",
                                      "{\"item\":3}",
                                      "{\"item\":{\"client\":1}}",
                                      "{\"item\":{\"client\":-1,\"clock\":1}}",
                                      "{\"item\":{\"client\":1.5,\"clock\":1}}",
                                      "{\"item\":{\"client\":1e30,\"clock\":1}}",
                                      "{\"tname\":3}",
                                      "{\"tname\":\"a\",\"assoc\":\"b\"}"};
    struct ybuf out = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_EQ(y_relative_position_from_json(bad[i], strlen(bad[i]), &out), Y_ERR_MALFORMED);
    CHECK_EQ(out.len, 0);
    ybuf_release(&out);
}

/* Far from the beginning the index is asked; it must agree with counting. */
TEST(relative_positions_in_a_long_list)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *t, *found;
    struct ybuf at = {0};
    CHECK_EQ(ydoc_root(doc, "text", Y_REF_TEXT, &t), Y_OK);
    for (int i = 0; i < 3000; i++)
        CHECK_EQ(y_text_insert(t, test_below(y_type_length(t) + 1), "é1", 3, NULL), Y_OK);
    for (int i = 0; i < 2000; i++) {
        uint64_t pos = test_below(y_type_length(t) + 1), is;
        int assoc = i & 1 ? -1 : 0, same;
        at.len = 0;
        CHECK_EQ(y_relative_position(t, pos, assoc, &at), Y_OK);
        CHECK_EQ(y_absolute_position(doc, at.data, at.len, &found, &is, &same), 1);
        CHECK(found == t);
        CHECK_EQ(is, pos);
        CHECK_EQ(same, assoc);
    }
    ybuf_release(&at);
    ydoc_free(doc);
}
