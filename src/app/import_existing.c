/*
 * What an import does with bytecrowds and keys that the store has already.
 *
 * To merge is to append: snapshot and updates are Yjs updates, which may be appended to any log in
 * any order and any number of times, and links are added. These cannot be merged and are left alone:
 * a text that has no changes behind it, on either side (the original's), unless the other side has
 * the same; what fewer people may open than what is there, or more by a link, while the emails
 * differ; and a key with another value.
 */
#include "app/import_int.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void import_left_out(struct importer *m, const char *name, const char *why)
{
    m->left_out++;
    transfer_say(&m->t, "not imported: %s: %s", name, why);
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static bool same_field(bool has_a, const struct buf *a, bool has_b, const struct buf *b)
{
    return has_a == has_b && same(a, b);
}

static const struct store_link *find_link(const struct store_op *op, const char *hash)
{
    for (size_t i = 0; i < op->link_count; i++)
        if (strcmp(op->links[i].hash, hash) == 0)
            return &op->links[i];
    return NULL;
}

/* Each hash is there once. */
static bool same_links(const struct store_op *a, const struct store_op *b)
{
    for (size_t i = 0; i < a->link_count; i++) {
        const struct store_link *other = find_link(b, a->links[i].hash);
        if (!other || !same(&other->about, &a->links[i].about))
            return false;
    }
    return a->link_count == b->link_count;
}

static size_t count_new_links(const struct store_op *there, const struct store_op *add)
{
    size_t n = 0;
    for (size_t i = 0; i < add->link_count; i++)
        n += !find_link(there, add->links[i].hash);
    return n;
}

static bool same_content(const struct store_op *a, const struct store_op *b)
{
    if (!same(&a->snapshot, &b->snapshot) || a->update_count != b->update_count)
        return false;
    for (size_t i = 0; i < a->update_count; i++)
        if (!same(&a->updates[i], &b->updates[i]))
            return false;
    return same_field(a->has_text, &a->text, b->has_text, &b->text) &&
           same_field(a->has_language, &a->language, b->has_language, &b->language) &&
           same_field(a->has_emails, &a->emails, b->has_emails, &b->emails) && same_links(a, b);
}

/* --- merging ---------------------------------------------------------------------------------- */

/* Whether nothing of `lost` is lost if `kept` is what remains. */
static bool covers(const struct store_op *kept, const struct store_op *lost)
{
    return (!lost->text.len || same(&kept->text, &lost->text)) &&
           (!lost->language.len || same(&kept->language, &lost->language));
}

/* Why `add` cannot be merged into `there`, or NULL. */
static const char *obstacle(const struct store_op *there, const struct store_op *add)
{
    bool same_emails = same_field(add->has_emails, &add->emails, there->has_emails, &there->emails);
    size_t more = count_new_links(there, add);
    if (!same_emails && (add->has_emails || more))
        return "others may open the one that is there";
    if (there->link_count + more > STORE_LINKS_MAX)
        return "together they have too many links";
    if (!there->has_state && !covers(add, there))
        return "the one that is there is a text without changes to merge with";
    if (!add->has_state && !covers(there, add))
        return "it is a text without changes that could be merged";
    return NULL;
}

static int compare(const void *a, const void *b)
{
    const struct buf *x = *(const struct buf *const *)a, *y = *(const struct buf *const *)b;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->len ? memcmp(x->data, y->data, x->len) : 0;
}

/* Snapshot and updates, sorted. */
static const struct buf **pieces_of(const struct store_op *op, size_t *count)
{
    const struct buf **all = xcalloc(op->update_count + 1, sizeof(struct buf *));
    *count = 0;
    if (op->snapshot.len)
        all[(*count)++] = &op->snapshot;
    for (size_t i = 0; i < op->update_count; i++)
        all[(*count)++] = &op->updates[i];
    qsort(all, *count, sizeof(*all), compare);
    return all;
}

/* Moves what is known of the links that `there` has not into additions; how many. */
static size_t additions_for(const struct store_op *there, struct store_op *add,
                            struct store_op *ops)
{
    size_t n = 0;
    for (size_t i = 0; i < add->link_count; i++) {
        struct store_link *l = &add->links[i];
        if (find_link(there, l->hash))
            continue;
        ops[n] = (struct store_op){.kind = STORE_LINK_ADD, .id = add->id, .text = l->about};
        buf_append(&ops[n++].data, l->hash, STORE_LINK_HASH_LEN);
        l->about = (struct buf){0};
    }
    return n;
}

/* Moves what `add` has and `there` has not into operations that add it; how many. */
static size_t appends_for(const struct store_op *there, struct store_op *add,
                          struct store_op **appends)
{
    size_t known_count, n = 0;
    const struct buf **known = pieces_of(there, &known_count);
    struct store_op *ops = xcalloc(add->update_count + add->link_count + 1, sizeof(*ops));
    for (size_t i = 0; i <= add->update_count; i++) {
        struct buf *piece = i ? &add->updates[i - 1] : &add->snapshot;
        const struct buf *key = piece;
        if ((!i && !piece->len) || bsearch(&key, known, known_count, sizeof(*known), compare))
            continue;
        ops[n++] = (struct store_op){.kind = STORE_APPEND, .id = add->id, .data = *piece};
        *piece = (struct buf){0};
    }
    free(known);
    *appends = ops;
    return n + additions_for(there, add, ops + n);
}

/* The first result that is no success, or NULL. */
static const struct store_op *first_bad(const struct store_op *ops, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ops[i].result < 0)
            return &ops[i];
    return NULL;
}

static int append_all(struct importer *m, struct store_op *ops, size_t n)
{
    struct store_op *list[TRANSFER_GROUP_OPS];
    int result = 0;
    for (size_t from = 0, k; from < n && result == 0; from += k) {
        size_t weight = 0;
        for (k = 0; k < TRANSFER_GROUP_OPS && from + k < n; k++) {
            weight += ops[from + k].data.len;
            if (k && weight > TRANSFER_GROUP_BYTES)
                break;
            list[k] = &ops[from + k];
        }
        result = transfer_run(&m->t, list, k);
    }
    return result;
}

static int merge(struct importer *m, const struct store_op *there, struct store_op *add)
{
    const char *why = obstacle(there, add);
    if (why) {
        import_left_out(m, add->id, why);
        return 0;
    }
    struct store_op *ops;
    size_t n = appends_for(there, add, &ops);
    int result = append_all(m, ops, n);
    const struct store_op *bad = result == 0 ? first_bad(ops, n) : NULL;
    if (bad)
        import_left_out(m, add->id, bad->error);
    else if (result == 0 && n)
        m->merged++;
    else if (result == 0)
        m->already++;
    for (size_t i = 0; i < n; i++)
        store_op_release(&ops[i]);
    free(ops);
    return result;
}

/* --- one that is there ------------------------------------------------------------------------ */

static int meet(struct importer *m, const struct store_op *there, struct record *r)
{
    bool key = r->kind == RECORD_KEY;
    if (there->result < 0) {
        import_left_out(m, import_name(r), there->error);
        return 0;
    }
    if (key ? same(&there->data, &r->op.data) : same_content(there, &r->op)) {
        m->already++;
        return 0;
    }
    if (m->t.opts->existing == TRANSFER_MERGE && !key)
        return merge(m, there, &r->op);
    import_left_out(m, import_name(r), "it is there and differs");
    m->failed = m->t.opts->existing == TRANSFER_FAIL;
    return m->failed ? -1 : 0;
}

int import_compare(struct importer *m, struct record **there, size_t n)
{
    struct store_op *loads = xcalloc(n + 1, sizeof(*loads));
    struct store_op *list[TRANSFER_GROUP_OPS];
    int result = 0;
    for (size_t i = 0; i < n; i++) {
        bool key = there[i]->kind == RECORD_KEY;
        loads[i] = (struct store_op){
            .kind = key ? STORE_GET : STORE_LOAD, .id = there[i]->op.id, .key = there[i]->op.key};
        list[i] = &loads[i];
    }
    if (n)
        result = transfer_run(&m->t, list, n);
    for (size_t i = 0; i < n; i++) {
        if (result == 0)
            result = meet(m, &loads[i], there[i]);
        store_op_release(&loads[i]);
    }
    free(loads);
    return result;
}
