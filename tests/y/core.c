#include "tests/y/core.h"

#include "y/codec.h"

/* --- updates made by hand --------------------------------------------------------------------- */

static struct y_struct struct_of(const struct piece *p)
{
    struct y_struct s = {.kind = p->kind, .clock = p->clock, .len = p->len ? p->len : 1};
    if (p->text) {
        s.data = (struct y_slice){(const uint8_t *)p->text, strlen(p->text)};
        if (p->kind == Y_STRING) {
            s.len = 0;
            for (const uint8_t *c = s.data.p; *c; c++)
                s.len += (*c & 0xc0) != 0x80 ? 1 + (*c >= 0xf0) : 0;
        }
    }
    s.type_ref = p->ref;
    if (p->kind == Y_GC || p->kind == Y_SKIP)
        return s;
    if (p->origin != NONE) {
        s.info |= Y_HAS_ORIGIN;
        s.origin = (struct y_rid){p->origin, p->origin_clock};
    }
    if (p->right != NONE) {
        s.info |= Y_HAS_RIGHT;
        s.right = (struct y_rid){p->right, p->right_clock};
    }
    if (p->key) {
        s.info |= Y_HAS_KEY;
        s.key = (struct y_slice){(const uint8_t *)p->key, strlen(p->key)};
    }
    if (s.info & (Y_HAS_ORIGIN | Y_HAS_RIGHT))
        return s;
    if (p->in != NONE) {
        s.parent_kind = Y_PARENT_ID;
        s.parent = (struct y_rid){p->in, p->in_clock};
    } else {
        const char *root = p->root ? p->root : "t";
        s.parent_kind = Y_PARENT_ROOT;
        s.root = (struct y_slice){(const uint8_t *)root, strlen(root)};
    }
    return s;
}

static bool follows(const struct piece *a, uint32_t len, const struct piece *b)
{
    return a->client == b->client && b->clock == a->clock + len;
}

struct ybuf core_update(const struct piece *pieces, size_t n, const struct range *deletes,
                        size_t delete_count)
{
    struct ybuf out = {0};
    struct y_enc e;
    uint64_t sections = 0, clients = 0;
    y_enc_init(&e, Y_V1);
    for (size_t i = 0; i < n; i++) {
        struct y_struct before = i ? struct_of(&pieces[i - 1]) : (struct y_struct){.len = 0};
        sections += !i || !follows(&pieces[i - 1], before.len, &pieces[i]);
    }
    y_enc_sections(&e, sections);
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n; k++) {
            struct y_struct before = struct_of(&pieces[k - 1]);
            if (!follows(&pieces[k - 1], before.len, &pieces[k]))
                break;
        }
        y_enc_section(&e, k - i, pieces[i].client, pieces[i].clock);
        for (size_t j = i; j < k; j++) {
            struct y_struct s = struct_of(&pieces[j]);
            y_enc_struct(&e, pieces[j].client, &s, 0);
        }
    }
    for (size_t i = 0; i < delete_count; i++)
        clients += !i || deletes[i].client != deletes[i - 1].client;
    y_enc_ds_clients(&e, clients);
    for (size_t i = 0, k; i < delete_count; i = k) {
        for (k = i; k < delete_count && deletes[k].client == deletes[i].client;)
            k++;
        y_enc_ds_client(&e, deletes[i].client, k - i);
        for (size_t j = i; j < k; j++)
            y_enc_ds_range(&e, deletes[j].clock, deletes[j].len);
    }
    CHECK_EQ(y_enc_end(&e, &out), Y_OK);
    return out;
}

/* --- documents -------------------------------------------------------------------------------- */

void core_check(const struct ydoc *doc)
{
    const char *wrong = ydoc_check(doc);
    if (wrong)
        test_fail(__FILE__, __LINE__, "%s", wrong);
}

struct ybuf core_encode(const struct ydoc *doc)
{
    struct ybuf out = {0};
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &out), Y_OK);
    return out;
}

struct ybuf core_describe(const struct ydoc *doc)
{
    struct ybuf out = core_encode(doc);
    uint8_t shown;
    CHECK_EQ(ydoc_encode_state_vector(doc, &out), Y_OK);
    CHECK_EQ(ydoc_text(doc, "t", &out), Y_OK);
    CHECK_EQ(y_write_varuint(&out, ydoc_pending_bytes(doc)), Y_OK);
    for (struct y_type *t = NULL; (t = ydoc_next_root(doc, t));) {
        struct y_slice name = y_type_name(t);
        CHECK_EQ(y_write_bytes(&out, name.p, name.n), Y_OK);
        shown = (uint8_t)y_type_ref(t);
        CHECK_EQ(ybuf_append(&out, &shown, 1), Y_OK);
    }
    return out;
}

struct ybuf core_canonical(const struct ydoc *doc)
{
    struct ydoc *loaded = ydoc_new(NULL);
    core_take(loaded, core_encode(doc), Y_OK);
    struct ybuf out = core_encode(loaded);
    ydoc_free(loaded);
    return out;
}

void core_apply(struct ydoc *doc, struct ybuf update, int expected)
{
    struct ybuf before = {0}, after;
    if (expected)
        before = core_describe(doc);
    CHECK_EQ(ydoc_apply(doc, update.data, update.len, NULL), expected);
    core_check(doc);
    if (!expected)
        return;
    after = core_describe(doc);
    CHECK_MEM(before.data, before.len, after.data, after.len);
    ybuf_release(&before);
    ybuf_release(&after);
}

void core_take(struct ydoc *doc, struct ybuf update, int expected)
{
    core_apply(doc, update, expected);
    ybuf_release(&update);
}

void core_text_is(const struct ydoc *doc, const char *text)
{
    struct ybuf got = {0};
    CHECK_EQ(ydoc_text(doc, "t", &got), Y_OK);
    CHECK_MEM(got.data, got.len, text, strlen(text));
    ybuf_release(&got);
}

void core_same(const struct ydoc *a, const struct ydoc *b)
{
    struct ybuf x = core_encode(a), y = core_encode(b);
    CHECK_MEM(x.data, x.len, y.data, y.len);
    ybuf_release(&x);
    ybuf_release(&y);
}

/* --- sessions --------------------------------------------------------------------------------- */

static void keep(struct ydoc *doc, const uint8_t *update, size_t len, const void *origin,
                 void *udata)
{
    struct session *s = udata;
    if (!ydoc_is_local(doc))
        return;
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 16;
        s->updates = realloc(s->updates, s->cap * sizeof(*s->updates));
        CHECK(s->updates);
    }
    s->updates[s->count] = (struct ybuf){0};
    CHECK_EQ(ybuf_append(&s->updates[s->count], update, len), Y_OK);
    s->count++;
}

static struct y_value number(uint8_t n)
{
    static uint8_t bytes[64][2];
    bytes[n][0] = 125;
    bytes[n][1] = n;
    return (struct y_value){.kind = Y_VALUE_ANY, .bytes = {bytes[n], 2}};
}

static void edit_text(struct y_type *t)
{
    static const char *const words[] = {
        "a", "bc", "x\xc3\xa9y", "\xf0\x9f\x98\x80", "hello ", "\xe4\xb8\xad\xf0\x9f\x98\x80z"};
    uint64_t len = y_type_length(t), pos = test_below(len + 1);
    if (len && test_below(3) == 0) {
        uint64_t n = 1 + test_below(len - (pos == len ? --pos : pos));
        CHECK_EQ(y_text_delete(t, pos, n > 4 ? 1 + n % 4 : n), Y_OK);
        return;
    }
    const char *w = words[test_below(sizeof(words) / sizeof(*words))];
    CHECK_EQ(y_text_insert(t, test_below(2) ? pos : len, w, strlen(w), NULL), Y_OK);
}

static void edit_list(struct y_type *t)
{
    uint64_t len = y_type_length(t), pos = test_below(len + 1);
    struct y_value v[2] = {number((uint8_t)test_below(64)), number((uint8_t)test_below(64))};
    struct y_type *made;
    switch (test_below(len ? 5 : 3)) {
    case 0:
    case 1:
        CHECK_EQ(y_list_insert(t, pos, v, 1 + test_below(2)), Y_OK);
        break;
    case 2:
        CHECK_EQ(y_list_insert_type(t, pos, (enum y_type_ref)test_below(3), NULL, &made), Y_OK);
        break;
    default:
        CHECK_EQ(y_list_delete(t, pos == len ? --pos : pos, 1), Y_OK);
    }
}

static void edit_map(struct y_type *t)
{
    static const char *const keys[] = {"k", "l", "many"};
    const char *key = keys[test_below(3)];
    struct y_value v = number((uint8_t)test_below(64));
    struct y_type *made;
    switch (test_below(4)) {
    case 0:
        CHECK_EQ(y_map_delete(t, key, strlen(key)), Y_OK);
        break;
    case 1:
        CHECK_EQ(y_map_set_type(t, key, strlen(key), (enum y_type_ref)test_below(3), NULL, &made),
                 Y_OK);
        break;
    default:
        CHECK_EQ(y_map_set(t, key, strlen(key), &v), Y_OK);
    }
}

/* Goes down into nested types as long as a coin says so. */
static void edit_some(struct y_type *t)
{
    for (;;) {
        struct y_walk walk = {0, 0};
        struct y_slice key;
        struct y_value v;
        struct y_type *inner = NULL;
        if (y_type_ref(t) == Y_REF_MAP) {
            while (y_map_next(t, &walk, &key, &v))
                if (v.kind == Y_VALUE_TYPE)
                    inner = v.type;
        } else if (y_type_ref(t) == Y_REF_ARRAY) {
            while ((v = y_list_next(t, &walk)).kind)
                if (v.kind == Y_VALUE_TYPE && (!inner || test_below(2)))
                    inner = v.type;
        }
        if (!inner || test_below(3) == 0)
            break;
        t = inner;
    }
    if (y_type_ref(t) == Y_REF_MAP)
        edit_map(t);
    else if (y_type_ref(t) == Y_REF_TEXT)
        edit_text(t);
    else
        edit_list(t);
}

static void catch_up(struct ydoc *to, const struct ydoc *from)
{
    struct ybuf sv = {0}, diff = {0};
    CHECK_EQ(ydoc_encode_state_vector(to, &sv), Y_OK);
    CHECK_EQ(ydoc_encode_update(from, sv.data, sv.len, &diff), Y_OK);
    core_apply(to, diff, Y_OK);
    ybuf_release(&sv);
    ybuf_release(&diff);
}

struct session core_session(size_t people, size_t steps)
{
    struct session s = {0};
    struct ydoc *docs[16];
    CHECK(people <= 16);
    for (size_t i = 0; i < people; i++) {
        docs[i] = ydoc_new(&(struct ydoc_opts){.client_id = 1 + test_below(1000) * 16 + i});
        CHECK_EQ(ydoc_on_update(docs[i], Y_V1, keep, &s), Y_OK);
    }
    for (size_t i = 0; i < steps; i++) {
        struct ydoc *doc = docs[test_below(people)];
        struct y_type *t;
        static const struct {
            const char *name;
            enum y_type_ref ref;
        } roots[] = {{"t", Y_REF_TEXT}, {"m", Y_REF_MAP}, {"a", Y_REF_ARRAY}};
        size_t r = test_below(3);
        CHECK_EQ(ydoc_root(doc, roots[r].name, roots[r].ref, &t), Y_OK);
        CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
        for (uint64_t n = test_below(3) + 1; n; n--)
            edit_some(t);
        CHECK_EQ(ydoc_commit(doc), Y_OK);
        core_check(doc);
        if (test_below(4) == 0)
            catch_up(docs[test_below(people)], doc);
    }
    for (size_t i = 0; i < people; i++)
        ydoc_free(docs[i]);
    return s;
}

void core_session_free(struct session *s)
{
    for (size_t i = 0; i < s->count; i++)
        ybuf_release(&s->updates[i]);
    free(s->updates);
}

/* --- memory ----------------------------------------------------------------------------------- */

static size_t fail_at = SIZE_MAX, allocations;
static bool failing_for_good, has_failed;

static void *failing_realloc(void *p, size_t n)
{
    size_t now = allocations++;
    if (now == fail_at || (failing_for_good && now > fail_at)) {
        has_failed = true;
        return NULL;
    }
    return realloc(p, n);
}

void core_fail_at(size_t at, bool for_good)
{
    fail_at = at;
    failing_for_good = for_good;
    has_failed = false;
    allocations = 0;
    y_set_allocator(failing_realloc, free);
}

bool core_failed(void)
{
    y_set_allocator(NULL, NULL);
    return has_failed;
}

size_t core_allocations(void)
{
    return allocations;
}
