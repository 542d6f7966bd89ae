/*
 * Snapshots. The vector is what yjs 13.6 gives for
 *
 *     const doc = new Y.Doc({ gc: false }); doc.clientID = 1
 *     const text = doc.getText('text'); text.insert(0, 'hello world'); text.delete(2, 3); text.delete(6, 1)
 *     const other = new Y.Doc(); other.clientID = 200
 *     other.getText('text').insert(0, 'zz'); other.getText('text').delete(0, 1)
 *     Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
 *     Y.encodeSnapshot(Y.snapshot(doc)), Y.encodeSnapshotV2(Y.snapshot(doc))
 */
#include "tests/test.h"
#include "y/y.h"

static const char v1[] = "\x02\xc8\x01\x01\x00\x01\x01\x02\x02\x03\x09\x01\x02\xc8\x01\x02\x01\x0b";
static const char v2[] = "\x02\xc8\x01\x01\x00\x00\x01\x02\x02\x02\x04\x00\x02\xc8\x01\x02\x01\x0b";
#define N (sizeof(v1) - 1)

static struct ydoc *play_of(struct y_type **text)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.keep_deleted = true}),
                *other = ydoc_new(&(struct ydoc_opts){.client_id = 200});
    struct ybuf update = {0};
    CHECK_EQ(ydoc_root(doc, "text", Y_REF_TEXT, text), Y_OK);
    CHECK_EQ(y_text_insert(*text, 0, "hello world", 11, NULL), Y_OK);
    CHECK_EQ(y_text_delete(*text, 2, 3), Y_OK);
    CHECK_EQ(y_text_delete(*text, 6, 1), Y_OK);
    CHECK_EQ(ydoc_text_splice(other, "text", 0, 0, "zz", 2, NULL), Y_OK);
    CHECK_EQ(ydoc_text_splice(other, "text", 0, 1, NULL, 0, NULL), Y_OK);
    CHECK_EQ(ydoc_encode_update(other, NULL, 0, &update), Y_OK);
    CHECK_EQ(ydoc_apply(doc, update.data, update.len, NULL), Y_OK);
    ybuf_release(&update);
    ydoc_free(other);
    return doc;
}

static void text_is(const struct ydoc *doc, const char *want)
{
    struct ybuf out = {0};
    CHECK_EQ(ydoc_text(doc, "text", &out), Y_OK);
    CHECK_MEM(out.data, out.len, want, strlen(want));
    ybuf_release(&out);
    CHECK(!ydoc_check(doc));
}

TEST(snapshots_as_yjs_encodes_them)
{
    struct y_type *text;
    struct ydoc *doc = play_of(&text), *empty = ydoc_new(NULL);
    struct ybuf out = {0};
    CHECK_EQ(y_snapshot(doc, Y_V1, &out), Y_OK);
    CHECK_MEM(out.data, out.len, v1, N);
    out.len = 0;
    CHECK_EQ(y_snapshot(doc, Y_V2, &out), Y_OK);
    CHECK_MEM(out.data, out.len, v2, sizeof(v2) - 1);
    out.len = 0;
    CHECK_EQ(y_snapshot(empty, Y_V1, &out), Y_OK);
    CHECK_MEM(out.data, out.len, "\x00\x00", 2);
    ybuf_release(&out);
    ydoc_free(empty);
    ydoc_free(doc);
}

TEST(snapshots_are_checked)
{
    CHECK_EQ(y_snapshot_check(v1, N, Y_V1), Y_OK);
    CHECK_EQ(y_snapshot_check(v2, N, Y_V2), Y_OK);
    for (size_t n = 0; n < N; n++) {
        char *copy = malloc(n ? n : 1);
        CHECK(copy);
        memcpy(copy, v1, n);
        CHECK(y_snapshot_check(copy, n, Y_V1) < 0);
        memcpy(copy, v2, n);
        CHECK(y_snapshot_check(copy, n, Y_V2) < 0);
        free(copy);
    }
    CHECK_EQ(y_snapshot_check("\x00\x00\x00", 3, Y_V1), Y_ERR_MALFORMED);
    CHECK(y_snapshot_check("\x00\x01\x01\xff\xff\xff\xff\xff\x01", 9, Y_V1) < 0);
}

TEST(snapshots_bring_a_document_back)
{
    struct y_type *text;
    struct ydoc *doc = play_of(&text), *then = NULL;
    text_is(doc, "he wordz");
    CHECK_EQ(y_text_insert(text, 2, "llo, my", 7, NULL), Y_OK);
    CHECK_EQ(y_text_delete(text, 9, 5), Y_OK);
    text_is(doc, "hello, myz");
    CHECK_EQ(ydoc_at_snapshot(doc, v1, N, NULL, &then), Y_OK);
    text_is(then, "he wordz");
    text_is(doc, "hello, myz");
    ydoc_free(then);
    CHECK_EQ(ydoc_at_snapshot(doc, "\x00\x00", 2, NULL, &then), Y_OK);
    text_is(then, "");
    ydoc_free(then);
    ydoc_free(doc);
}

/* Typing goes on in the same item: it is cut where the snapshot ends, the document's own is not. */
TEST(snapshots_end_within_an_item)
{
    struct ydoc *doc = ydoc_new(&(struct ydoc_opts){.keep_deleted = true}), *then = NULL;
    struct ybuf snapshot = {0}, before = {0}, after = {0};
    struct y_type *text;
    CHECK_EQ(ydoc_root(doc, "text", Y_REF_TEXT, &text), Y_OK);
    CHECK_EQ(y_text_insert(text, 0, "aé", 3, NULL), Y_OK);
    CHECK_EQ(y_snapshot(doc, Y_V1, &snapshot), Y_OK);
    CHECK_EQ(y_text_insert(text, 2, "😀 more", 9, NULL), Y_OK);
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &before), Y_OK);
    CHECK_EQ(ydoc_at_snapshot(doc, snapshot.data, snapshot.len, NULL, &then), Y_OK);
    text_is(then, "aé");
    ydoc_free(then);
    CHECK_EQ(ydoc_at_snapshot(doc, "\x00\x01\x01\x03", 4, NULL, &then), Y_OK); /* half of a pair */
    text_is(then, "aé\xef\xbf\xbd");
    ydoc_free(then);
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &after), Y_OK);
    CHECK_MEM(after.data, after.len, before.data, before.len);
    ybuf_release(&snapshot);
    ybuf_release(&before);
    ybuf_release(&after);
    ydoc_free(doc);
}

TEST(snapshots_need_a_document_that_has_it_all)
{
    struct y_type *text;
    struct ydoc *doc = play_of(&text), *collects = ydoc_new(NULL), *then = NULL;
    CHECK_EQ(ydoc_at_snapshot(collects, v1, N, NULL, &then), Y_ERR_TYPE);
    CHECK_EQ(ydoc_at_snapshot(doc, "\x00\x01\x01\x0c", 4, NULL, &then), Y_ERR_RANGE);
    CHECK_EQ(ydoc_at_snapshot(doc, "\x00\x01\x07\x01", 4, NULL, &then), Y_ERR_RANGE);
    CHECK_EQ(ydoc_at_snapshot(doc, "\x00\x01\x07", 3, NULL, &then), Y_ERR_MALFORMED);
    CHECK(!then);
    ydoc_free(collects);
    ydoc_free(doc);
}

/* yjs tests/snapshot.tests.js testContainsUpdate */
TEST(snapshots_know_what_they_contain)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct ybuf one = {0}, two = {0}, snapshot[3] = {{0}, {0}, {0}};
    CHECK_EQ(y_snapshot(doc, Y_V1, &snapshot[0]), Y_OK);
    CHECK_EQ(ydoc_text_splice(doc, "text", 0, 0, "hello", 5, &one), Y_OK);
    CHECK_EQ(y_snapshot(doc, Y_V1, &snapshot[1]), Y_OK);
    CHECK_EQ(ydoc_text_splice(doc, "text", 1, 2, NULL, 0, &two), Y_OK);
    CHECK_EQ(y_snapshot(doc, Y_V1, &snapshot[2]), Y_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(y_snapshot_contains(snapshot[i].data, snapshot[i].len, one.data, one.len), i >= 1);
        CHECK_EQ(y_snapshot_contains(snapshot[i].data, snapshot[i].len, two.data, two.len), i >= 2);
        CHECK(y_snapshot_contains(snapshot[i].data, snapshot[i].len, two.data, two.len - 1) < 0);
        CHECK_EQ(y_snapshot_contains(snapshot[i].data, snapshot[i].len, "\x00\x00", 2), 1);
        ybuf_release(&snapshot[i]);
    }
    ybuf_release(&one);
    ybuf_release(&two);
    ydoc_free(doc);
}

/* --- out of memory ---------------------------------------------------------------------------- */

static uint64_t allocations, fail_at;

static void *failing_realloc(void *p, size_t n)
{
    return ++allocations == fail_at ? NULL : realloc(p, n);
}

TEST(snapshots_and_positions_report_every_failed_allocation)
{
    struct y_type *text, *t;
    struct ydoc *then = NULL;
    struct ybuf out = {0};
    uint64_t pos;
    int assoc, result = 0;
    y_set_allocator(failing_realloc, NULL);
    fail_at = 0;
    struct ydoc *doc = play_of(&text);
    for (int what = 0; what < 8; what++) {
        for (fail_at = 1;; fail_at++) {
            allocations = 0;
            switch (what) {
            case 0:
                result = y_snapshot(doc, Y_V1, &out);
                break;
            case 1:
                result = ydoc_at_snapshot(doc, v1, N, NULL, &then);
                break;
            case 2:
                result = y_snapshot_contains(v1, N, "\x00\x01\x01\x01\x02\x01", 6);
                break;
            case 3:
                result = y_relative_position(text, 2, 0, &out);
                break;
            case 4:
                result = y_absolute_position(doc, "\x01\x01r\x00", 4, &t, &pos, &assoc);
                break;
            case 5:
                result = y_relative_position_to_json("\x01\x01r\x00", 4, &out);
                break;
            case 6:
                result = y_relative_position_from_json("{\"tname\":\"r\"}", 13, &out);
                break;
            default:
                result = y_snapshot_check(v2, N, Y_V2);
            }
            CHECK(!ydoc_check(doc));
            if (result >= 0)
                break;
            CHECK_EQ(result, Y_ERR_NOMEM);
            CHECK_EQ(out.len, 0);
        }
        CHECK(allocations < fail_at);
        ydoc_free(then);
        then = NULL;
        ybuf_release(&out);
    }
    fail_at = 0;
    ydoc_free(doc);
    y_set_allocator(NULL, NULL);
}
