/*
 * A crowd: one place where very many inserted at the same time, a thousand people who all write at
 * the beginning. The scan of yjs Item.integrate walks over all that is there for each item that comes,
 * which is quadratic; here it begins at the last item that it would pass anyway.
 *
 *     ... O | a2 a1 a1' b1 b1' b1" c1 | ...       a2, a1, b1, c1: siblings, of origin O
 *             ^^^^^^^^^^^^^^^^^^^^^^^ marked       a1': of origin a1
 *
 * Marked are all items from the one right of O on that a scan for a sibling passed, and what came
 * between them since. What holds of every marked item z:
 *
 *   (1) its origin is O, or it is marked and left of z;
 *   (2) if it is in `list`, the siblings of one right origin (R), all before it in the list are left of
 *       it; the list goes by client.
 *
 * A scan from O for a new sibling `it` breaks at a marked z only if z is a sibling with the right origin
 * of `it` and no lower client. (The other break is at an origin that was not passed: not with (1).) So:
 *
 *   A. If `it` has the right origin R, and x is the last in the list with a lower client, the scan passes
 *      all before x: what could stop it is in the list, with a higher client, so right of x. Nor does it
 *      meet R before x, else x's own scan would have. At x `left` becomes x and the conflicting items
 *      none, whatever they were. So it begins behind x.
 *   B. If `it` has another right origin, which is marked and which no sibling has (`rights`), nothing
 *      stops the scan before that. Let y be the item on its left, the last one passed. If y is a sibling
 *      with a lower client, `left` is y in the end; or if y stands on a sibling with a lower client,
 *      over any number of others: that one moved `left` when it was passed, so those that stand on it
 *      were not conflicting, and moved it in their turn. So there is nothing to scan.
 *
 * (1) and (2) stay. A new sibling goes where Yjs puts it, and stops before a higher client of its right
 * origin. Another item between marked ones is marked if (1) is true of it. If not - nobody honest makes
 * one: it has its origin left of O and its right origin right of O and yet not seen O - the crowd is
 * forgotten, and made anew by the next long scan, as far as that one comes; also when an item goes left
 * of its own origin, which is what Yjs makes of one whose right origin is before its origin. When a crowd is made, the
 * scan passed all its members, which shows (1), and (2) is looked at. Merging within the crowd keeps
 * all this; merging into O itself forgets it.
 *
 * There is one crowd at a time. Who makes two by turns pays for the scans, as in Yjs.
 */
#include "y/y_int.h"

#define CLIMB 32 /* steps from y up to a sibling; beyond, the scan is made */

static uint64_t id_of(const struct ydoc *doc, const struct y_item *it)
{
    return doc->clients[it->client].id;
}

/* --- the right origins ------------------------------------------------------------------------ */

static uint64_t key_of(struct y_id id)
{
    return ((uint64_t)id.client << 32 | id.clock) + 1; /* 0: an empty place */
}

static uint32_t right_slot(const struct ydoc *doc, uint64_t key)
{
    uint32_t mask = doc->crowd.right_cap - 1, i = y_mix(doc, key) & mask;
    while (doc->crowd.rights[i] && doc->crowd.rights[i] != key)
        i = (i + 1) & mask;
    return i;
}

static bool has_right(const struct ydoc *doc, struct y_id right)
{
    return doc->crowd.right_cap && doc->crowd.rights[right_slot(doc, key_of(right))];
}

static bool put_right(struct ydoc *doc, struct y_id right)
{
    struct y_crowd *c = &doc->crowd;
    if ((c->right_count + 1) * 2 > c->right_cap) {
        uint32_t old_cap = c->right_cap, cap = old_cap ? old_cap * 2 : 128;
        uint64_t *old = c->rights, *p = y_realloc(NULL, cap * sizeof(*p));
        if (!p)
            return false;
        memset(p, 0, cap * sizeof(*p));
        c->rights = p;
        c->right_cap = cap;
        for (uint32_t i = 0; i < old_cap; i++)
            if (old[i])
                p[right_slot(doc, old[i])] = old[i];
        y_mem_free(old);
    }
    uint64_t *place = &c->rights[right_slot(doc, key_of(right))];
    c->right_count += !*place;
    *place = key_of(right);
    return true;
}

/* --- the siblings of one right origin --------------------------------------------------------- */

/* How many in the list have a lower client. */
static uint32_t lower(const struct ydoc *doc, uint64_t id)
{
    const struct y_crowd *c = &doc->crowd;
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (id_of(doc, y_item(doc, c->list[mid])) < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool put_listed(struct ydoc *doc, y_handle h)
{
    struct y_crowd *c = &doc->crowd;
    if (c->count == c->cap) {
        uint32_t cap = c->cap ? c->cap * 2 : 64;
        y_handle *p = y_realloc(c->list, cap * sizeof(*p));
        if (!p)
            return false;
        c->list = p;
        c->cap = cap;
    }
    uint32_t i = lower(doc, id_of(doc, y_item(doc, h)));
    memmove(c->list + i + 1, c->list + i, (c->count - i) * sizeof(*c->list));
    c->list[i] = h;
    c->count++;
    return true;
}

/* Marks one more; false: out of memory. */
static bool put(struct ydoc *doc, y_handle h)
{
    struct y_crowd *c = &doc->crowd;
    struct y_item *it = y_item(doc, h);
    it->crowd = 1;
    if (!y_same_id(it->origin, c->origin))
        return true;
    return put_right(doc, it->right_origin) &&
           (!y_same_id(it->right_origin, c->right) || put_listed(doc, h));
}

/* --- scans ------------------------------------------------------------------------------------ */

/* Whether a scan for client `id` moves `left` when it passes y. */
static bool moves(const struct ydoc *doc, const struct y_item *y, uint64_t id)
{
    for (int i = 0; i < CLIMB && y->crowd; i++) {
        if (y_same_id(y->origin, doc->crowd.origin))
            return id_of(doc, y) < id;
        y = y_item(doc, y_item_at((struct ydoc *)doc, y->origin));
    }
    return false;
}

bool y_crowd_begin(const struct ydoc *doc, const struct y_item *it, y_handle right, y_handle *left,
                   y_handle *o)
{
    const struct y_crowd *c = &doc->crowd;
    if (!c->seq || c->seq != it->seq || !y_same_id(it->origin, c->origin))
        return false;
    uint64_t id = id_of(doc, it);
    if (y_same_id(it->right_origin, c->right)) {
        uint32_t n = lower(doc, id);
        if (n) {
            *left = c->list[n - 1];
            *o = y_item(doc, *left)->right;
        }
        return true;
    }
    const struct y_item *r = right ? y_item(doc, right) : NULL;
    if (r && r->crowd && r->left && moves(doc, y_item(doc, r->left), id) &&
        !has_right(doc, it->right_origin)) {
        *left = r->left;
        *o = 0;
    }
    return true;
}

/* The right origin whose siblings the list will have: that of `it`, if any has it, else that of the last
 * sibling. */
static struct y_id choose_right(const struct ydoc *doc, const struct y_item *it, y_handle h,
                                uint32_t n)
{
    struct y_id last = it->right_origin;
    for (uint32_t k = 0; k < n; k++) {
        const struct y_item *z = y_item(doc, h);
        if (y_same_id(z->origin, it->origin)) {
            last = z->right_origin;
            if (y_same_id(last, it->right_origin))
                break;
        }
        h = z->right;
    }
    return last;
}

void y_crowd_passed(struct ydoc *doc, const struct y_item *it, y_handle first, uint32_t n)
{
    struct y_crowd *c = &doc->crowd;
    bool known = c->seq == it->seq && y_same_id(it->origin, c->origin), ok = true;
    if (known && n >= c->from && !y_same_id(it->right_origin, c->right))
        known = false; /* of others than those of the list there are more */
    if (!known) {
        if (n < c->from)
            return;
        y_crowd_forget(doc);
        c->seq = it->seq;
        c->origin = it->origin;
        c->right = choose_right(doc, it, first, n);
    }
    uint64_t highest = 0;
    y_handle h = first;
    for (uint32_t k = 0; k < n && ok; k++) {
        const struct y_item *z = y_item(doc, h);
        if (!known && y_same_id(z->origin, c->origin) && y_same_id(z->right_origin, c->right)) {
            ok = id_of(doc, z) >= highest;
            highest = id_of(doc, z);
        }
        ok = ok && (z->crowd || put(doc, h));
        h = z->right;
    }
    if (!ok)
        y_crowd_forget(doc);
}

void y_crowd_joined(struct ydoc *doc, y_handle h)
{
    struct y_item *it = y_item(doc, h);
    bool left = it->left && y_item(doc, it->left)->crowd;
    bool right = it->right && y_item(doc, it->right)->crowd;
    if (!left && !right)
        return;
    if (y_same_id(it->origin, doc->crowd.origin) ||
        (it->origin.client != Y_NOBODY && y_item(doc, y_item_at(doc, it->origin))->crowd)) {
        if (!put(doc, h))
            y_crowd_forget(doc);
    } else if (right) {
        it->crowd = 1; /* so that it does not interrupt the marks */
        y_crowd_forget(doc);
    }
}

/* Where the marks begin. */
static y_handle first_of(const struct ydoc *doc)
{
    const struct y_crowd *c = &doc->crowd;
    if (!c->seq || c->origin.client == Y_NOBODY)
        return c->seq ? doc->seqs[c->seq].first : 0;
    return y_item(doc, y_item_at((struct ydoc *)doc, c->origin))->right;
}

void y_crowd_forget(struct ydoc *doc)
{
    struct y_crowd *c = &doc->crowd;
    for (y_handle h = first_of(doc); h && y_item(doc, h)->crowd; h = y_item(doc, h)->right)
        y_item(doc, h)->crowd = 0;
    c->seq = c->count = c->right_count = 0;
    if (c->rights)
        memset(c->rights, 0, c->right_cap * sizeof(*c->rights));
}

const char *y_crowd_check(const struct ydoc *doc)
{
    const struct y_crowd *c = &doc->crowd;
    uint32_t marked = 0, listed = 0, all = 0;
    for (y_handle h = first_of(doc); h && y_item(doc, h)->crowd; h = y_item(doc, h)->right) {
        const struct y_item *it = y_item(doc, h);
        bool sibling = y_same_id(it->origin, c->origin);
        marked++;
        if (sibling && !has_right(doc, it->right_origin))
            return "a crowd does not know a right origin";
        if (!sibling && (it->origin.client == Y_NOBODY ||
                         !y_item(doc, y_item_at((struct ydoc *)doc, it->origin))->crowd))
            return "an item of a crowd has its origin elsewhere";
        if (!sibling || !y_same_id(it->right_origin, c->right))
            continue;
        if (listed >= c->count || id_of(doc, it) != id_of(doc, y_item(doc, c->list[listed])))
            return "a crowd's list is not in order";
        listed++;
    }
    for (uint32_t i = 1; i < doc->unused; i++)
        all += y_item(doc, i)->crowd;
    if (listed != c->count || all != marked)
        return "a crowd's marks are elsewhere, or its list is another";
    return NULL;
}
