/*
 * Positions: which item is at a place of a chain, and at which place an item is, in O(log n).
 *
 * A tree over the chain. A leaf stands for a run of up to 32 neighbouring items: it names the first
 * and counts them and what they show, and each of them names its leaf; a node has up to 16 children
 * with their sums. Sums are UTF-16 units (or values, of arrays) and UTF-8 bytes; deleted items
 * count nothing but are there. The list itself stays the truth: a leaf is walked along `right`.
 *
 *     node   units[16] bytes[16] child[16] ──> node ... ──> leaf   first, count, units, bytes
 *                                                            item item item ... (linked list)
 *
 * The tree is built when somebody asks for a position far from where the last one was (text.c), so
 * that a server that only relays never pays for it, and it follows every change from then on. Where
 * it would need memory that is not there it is dropped, and built again when it is next needed.
 */
#include "y/y_int.h"

#define LEAF_MAX 32
#define LEAF_FILL 24 /* when built */
#define FAN 16
#define DEPTH 12

/* `slot`: where its parent had it last; looked at before the parent is searched. */
struct leaf {
    y_handle first;
    uint32_t count, units, bytes, parent, slot;
};

struct node {
    uint32_t units[FAN], bytes[FAN], child[FAN];
    uint32_t n, parent, slot;
    bool above_leaves;
};

/* Leaves and nodes are in arrays, named by index; 0 is none. Free ones are linked by `parent`. */
struct y_index {
    struct leaf *leaves;
    struct node *nodes;
    uint32_t leaf_count, leaf_cap, free_leaf;
    uint32_t node_count, node_cap, free_node;
    uint32_t root; /* a node */
};

/* --- memory ----------------------------------------------------------------------------------- */

static uint32_t leaf_new(struct y_index *x)
{
    uint32_t l = x->free_leaf;
    if (l) {
        x->free_leaf = x->leaves[l].parent;
    } else {
        if (x->leaf_count + 1 >= x->leaf_cap) {
            uint32_t cap = x->leaf_cap ? x->leaf_cap + x->leaf_cap / 2 : 16;
            struct leaf *p = y_realloc(x->leaves, cap * sizeof(*p));
            if (!p)
                return 0;
            x->leaves = p;
            x->leaf_cap = cap;
        }
        l = ++x->leaf_count;
    }
    x->leaves[l] = (struct leaf){0};
    return l;
}

static uint32_t node_new(struct y_index *x)
{
    uint32_t n = x->free_node;
    if (n) {
        x->free_node = x->nodes[n].parent;
    } else {
        if (x->node_count + 1 >= x->node_cap) {
            uint32_t cap = x->node_cap ? x->node_cap + x->node_cap / 2 : 8;
            struct node *p = y_realloc(x->nodes, cap * sizeof(*p));
            if (!p)
                return 0;
            x->nodes = p;
            x->node_cap = cap;
        }
        n = ++x->node_count;
    }
    memset(&x->nodes[n], 0, sizeof(x->nodes[n]));
    return n;
}

void y_index_drop(struct ydoc *doc, struct y_seq *s)
{
    struct y_index *x = s->index;
    (void)doc;
    if (!x)
        return;
    y_mem_free(x->leaves);
    y_mem_free(x->nodes);
    y_mem_free(x);
    s->index = NULL;
}

/* --- sums ------------------------------------------------------------------------------------- */

static uint32_t *parent_of(struct y_index *x, uint32_t child, bool leaf)
{
    return leaf ? &x->leaves[child].parent : &x->nodes[child].parent;
}

static uint32_t slot_of(const struct node *n, uint32_t child)
{
    uint32_t i = 0;
    while (n->child[i] != child)
        i++;
    return i;
}

static void add_up(struct y_index *x, uint32_t leaf, uint32_t units, uint32_t bytes)
{
    uint32_t child = leaf, at = x->leaves[leaf].parent, *slot = &x->leaves[leaf].slot;
    x->leaves[leaf].units += units;
    x->leaves[leaf].bytes += bytes;
    while (at) {
        struct node *n = &x->nodes[at];
        uint32_t i = *slot;
        if (i >= n->n || n->child[i] != child)
            *slot = i = slot_of(n, child);
        n->units[i] += units;
        n->bytes[i] += bytes;
        child = at;
        slot = &n->slot;
        at = n->parent;
    }
}

void y_index_add(struct ydoc *doc, struct y_seq *s, const struct y_item *it, int64_t units,
                 int64_t bytes)
{
    (void)doc;
    add_up(s->index, it->leaf, (uint32_t)units, (uint32_t)bytes);
}

/* --- the shape -------------------------------------------------------------------------------- */

/* Puts `child` right behind slot `i` of node `at`; false if out of memory. Sums above do not
 * change: what the child shows was taken from its left neighbour. */
static bool put_child(struct y_index *x, uint32_t at, uint32_t i, uint32_t child, uint32_t units,
                      uint32_t bytes)
{
    struct node *n = &x->nodes[at];
    bool leaf = n->above_leaves;
    if (n->n == FAN) {
        uint32_t half = node_new(x), top = 0;
        if (!half)
            return false;
        if (!x->nodes[at].parent && !(top = node_new(x)))
            return false;
        n = &x->nodes[at];
        struct node *r = &x->nodes[half];
        uint32_t keep = FAN / 2, moved_units = 0, moved_bytes = 0;
        r->above_leaves = leaf;
        for (uint32_t k = keep; k < FAN; k++) {
            r->units[k - keep] = n->units[k];
            r->bytes[k - keep] = n->bytes[k];
            r->child[k - keep] = n->child[k];
            moved_units += n->units[k];
            moved_bytes += n->bytes[k];
            *parent_of(x, n->child[k], leaf) = half;
        }
        r->n = FAN - keep;
        n->n = keep;
        if (i >= keep) { /* where the child will be */
            moved_units += units;
            moved_bytes += bytes;
        }
        if (top) {
            struct node *t = &x->nodes[top];
            t->n = 1;
            t->child[0] = at;
            for (uint32_t k = 0; k < keep; k++) {
                t->units[0] += n->units[k];
                t->bytes[0] += n->bytes[k];
            }
            t->units[0] += moved_units + (i < keep ? units : 0);
            t->bytes[0] += moved_bytes + (i < keep ? bytes : 0);
            n->parent = top;
            x->root = top;
        }
        uint32_t up = n->parent, slot = slot_of(&x->nodes[up], at);
        x->nodes[up].units[slot] -= moved_units;
        x->nodes[up].bytes[slot] -= moved_bytes;
        if (!put_child(x, up, slot, half, moved_units, moved_bytes))
            return false;
        n = &x->nodes[at];
        if (i >= keep) {
            i -= keep;
            at = half;
            n = &x->nodes[at];
        }
    }
    for (uint32_t k = n->n; k > i + 1; k--) {
        n->units[k] = n->units[k - 1];
        n->bytes[k] = n->bytes[k - 1];
        n->child[k] = n->child[k - 1];
    }
    n->units[i + 1] = units;
    n->bytes[i + 1] = bytes;
    n->child[i + 1] = child;
    n->n++;
    *parent_of(x, child, leaf) = at;
    return true;
}

static void leaf_split(struct ydoc *doc, struct y_seq *s, uint32_t l)
{
    struct y_index *x = s->index;
    uint32_t r = leaf_new(x), keep, units = 0, bytes = 0;
    if (!r) {
        y_index_drop(doc, s);
        return;
    }
    y_handle h = x->leaves[l].first;
    keep = x->leaves[l].count / 2;
    for (uint32_t i = 0; i < keep; i++)
        h = y_item(doc, h)->right;
    x->leaves[r].first = h;
    x->leaves[r].count = x->leaves[l].count - keep;
    for (uint32_t i = 0; i < x->leaves[r].count; i++) {
        struct y_item *it = y_item(doc, h);
        it->leaf = r;
        units += y_units(it);
        bytes += y_visible_bytes(it);
        h = it->right;
    }
    x->leaves[l].count = keep;
    x->leaves[r].units = units;
    x->leaves[r].bytes = bytes;
    x->leaves[l].units -= units;
    x->leaves[l].bytes -= bytes;
    uint32_t at = x->leaves[l].parent, slot = slot_of(&x->nodes[at], l);
    x->nodes[at].units[slot] -= units;
    x->nodes[at].bytes[slot] -= bytes;
    if (!put_child(x, at, slot, r, units, bytes))
        y_index_drop(doc, s);
}

/* Takes an empty child out; nodes that become empty go too, but the root stays. */
static void take_child(struct y_index *x, uint32_t child, bool leaf)
{
    uint32_t at = *parent_of(x, child, leaf);
    if (leaf) {
        x->leaves[child].parent = x->free_leaf;
        x->free_leaf = child;
    } else {
        x->nodes[child].parent = x->free_node;
        x->free_node = child;
    }
    struct node *n = &x->nodes[at];
    for (uint32_t i = slot_of(n, child); i + 1 < n->n; i++) {
        n->units[i] = n->units[i + 1];
        n->bytes[i] = n->bytes[i + 1];
        n->child[i] = n->child[i + 1];
    }
    n->n--;
    if (!n->n && n->parent)
        take_child(x, at, false);
}

/* --- following the chain ---------------------------------------------------------------------- */

void y_index_insert(struct ydoc *doc, struct y_seq *s, y_handle h)
{
    struct y_index *x = s->index;
    struct y_item *it = y_item(doc, h);
    y_handle beside = it->left ? it->left : it->right;
    if (!beside) { /* the first item ever */
        y_index_drop(doc, s);
        return;
    }
    uint32_t l = y_item(doc, beside)->leaf;
    it->leaf = l;
    x->leaves[l].count++;
    if (!it->left)
        x->leaves[l].first = h;
    uint32_t units = y_units(it), bytes = y_visible_bytes(it);
    if (units | bytes)
        add_up(x, l, units, bytes);
    if (x->leaves[l].count > LEAF_MAX)
        leaf_split(doc, s, l);
}

void y_index_split(struct ydoc *doc, struct y_seq *s, y_handle left, y_handle right)
{
    struct y_index *x = s->index;
    uint32_t l = y_item(doc, left)->leaf;
    y_item(doc, right)->leaf = l;
    x->leaves[l].count++;
    if (x->leaves[l].count > LEAF_MAX)
        leaf_split(doc, s, l);
}

void y_index_merge(struct ydoc *doc, struct y_seq *s, y_handle into, y_handle gone, y_handle next)
{
    struct y_index *x = s->index;
    const struct y_item *it = y_item(doc, gone);
    uint32_t from = it->leaf, to = y_item(doc, into)->leaf;
    if (from != to) {
        uint32_t units = y_units(it), bytes = y_visible_bytes(it);
        if (units | bytes) {
            add_up(x, from, -units, -bytes);
            add_up(x, to, units, bytes);
        }
    }
    if (x->leaves[from].first == gone)
        x->leaves[from].first = next;
    if (!--x->leaves[from].count)
        take_child(x, from, true);
}

int y_index_build(struct ydoc *doc, struct y_seq *s)
{
    struct y_index *x = y_realloc(NULL, sizeof(*x));
    if (!x)
        return Y_ERR_NOMEM;
    *x = (struct y_index){0};
    s->index = x;
    x->root = node_new(x);
    uint32_t l = leaf_new(x);
    if (!x->root || !l)
        goto fail;
    struct node *root = &x->nodes[x->root];
    root->above_leaves = true;
    root->n = 1;
    root->child[0] = l;
    x->leaves[l].parent = x->root;
    x->leaves[l].first = s->first;
    for (y_handle h = s->first; h; h = y_item(doc, h)->right) {
        struct y_item *it = y_item(doc, h);
        if (x->leaves[l].count == LEAF_FILL) {
            uint32_t next = leaf_new(x), at = x->leaves[l].parent;
            if (!next || !put_child(x, at, x->nodes[at].n - 1, next, 0, 0))
                goto fail;
            l = next;
            x->leaves[l].first = h;
        }
        it->leaf = l;
        x->leaves[l].count++;
        add_up(x, l, y_units(it), y_visible_bytes(it));
    }
    return Y_OK;
fail:
    y_index_drop(doc, s);
    return Y_ERR_NOMEM;
}

/* --- asking ----------------------------------------------------------------------------------- */

y_handle y_index_find(const struct ydoc *doc, const struct y_seq *s, uint32_t pos, bool by_bytes,
                      uint32_t *units_before, uint32_t *bytes_before)
{
    const struct y_index *x = s->index;
    uint32_t at = x->root, units = 0, bytes = 0;
    for (;;) {
        const struct node *n = &x->nodes[at];
        const uint32_t *sum = by_bytes ? n->bytes : n->units;
        uint32_t i = 0, left = pos - (by_bytes ? bytes : units);
        while (i + 1 < n->n && left >= sum[i]) {
            left -= sum[i];
            units += n->units[i];
            bytes += n->bytes[i];
            i++;
        }
        at = n->child[i];
        if (n->above_leaves)
            break;
    }
    y_handle h = x->leaves[at].first;
    for (;;) {
        const struct y_item *it = y_item(doc, h);
        uint32_t u = y_units(it), b = y_visible_bytes(it);
        if ((by_bytes ? bytes + b : units + u) > pos || !it->right)
            break;
        units += u;
        bytes += b;
        h = it->right;
    }
    *units_before = units;
    *bytes_before = bytes;
    return h;
}

void y_index_position(const struct ydoc *doc, const struct y_seq *s, y_handle h, uint32_t *units,
                      uint32_t *bytes)
{
    const struct y_index *x = s->index;
    uint32_t leaf = y_item(doc, h)->leaf, child = leaf, at = x->leaves[leaf].parent;
    uint32_t u = 0, b = 0;
    for (y_handle k = x->leaves[leaf].first; k != h; k = y_item(doc, k)->right) {
        u += y_units(y_item(doc, k));
        b += y_visible_bytes(y_item(doc, k));
    }
    while (at) {
        const struct node *n = &x->nodes[at];
        for (uint32_t i = 0; n->child[i] != child; i++) {
            u += n->units[i];
            b += n->bytes[i];
        }
        child = at;
        at = n->parent;
    }
    *units = u;
    *bytes = b;
}

static const char *check_sums(const struct y_index *x, uint32_t at, uint32_t depth, uint32_t *units,
                              uint32_t *bytes)
{
    const struct node *n = &x->nodes[at];
    const char *wrong = NULL;
    *units = *bytes = 0;
    if (depth > DEPTH)
        return "an index is too deep";
    for (uint32_t i = 0; i < n->n && !wrong; i++) {
        uint32_t u = 0, b = 0;
        if (n->above_leaves) {
            u = x->leaves[n->child[i]].units;
            b = x->leaves[n->child[i]].bytes;
            if (x->leaves[n->child[i]].parent != at)
                wrong = "a leaf of an index does not know its node";
        } else {
            wrong = check_sums(x, n->child[i], depth + 1, &u, &b);
            if (!wrong && x->nodes[n->child[i]].parent != at)
                wrong = "a node of an index does not know its parent";
        }
        if (!wrong && (u != n->units[i] || b != n->bytes[i]))
            wrong = "a node of an index has a wrong sum";
        *units += u;
        *bytes += b;
    }
    return wrong;
}

const char *y_index_check(const struct ydoc *doc, const struct y_seq *s)
{
    const struct y_index *x = s->index;
    uint32_t units, bytes;
    const char *wrong = check_sums(x, x->root, 0, &units, &bytes);
    if (wrong)
        return wrong;
    if (units != s->units || bytes != s->bytes)
        return "an index has another sum than its chain";
    for (y_handle h = s->first; h;) {
        uint32_t l = y_item(doc, h)->leaf;
        units = bytes = 0;
        if (x->leaves[l].first != h)
            return "a leaf of an index begins elsewhere";
        for (uint32_t i = 0; i < x->leaves[l].count; i++) {
            if (!h || y_item(doc, h)->leaf != l)
                return "an item is in another leaf than its neighbours";
            units += y_units(y_item(doc, h));
            bytes += y_visible_bytes(y_item(doc, h));
            h = y_item(doc, h)->right;
        }
        if (units != x->leaves[l].units || bytes != x->leaves[l].bytes)
            return "a leaf of an index has a wrong sum";
    }
    return NULL;
}
