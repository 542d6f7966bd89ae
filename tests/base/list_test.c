#include "base/list.h"
#include "tests/test.h"

struct thing {
    int n;
    struct list node;
};

static void expect(struct list *head, const char *want)
{
    char got[20] = "", back[20] = "";
    size_t len = 0;
    list_each(n, head) got[len++] = (char)('0' + container_of(n, struct thing, node)->n);
    for (struct list *n = head->prev; n != head; n = n->prev)
        back[--len] = (char)('0' + container_of(n, struct thing, node)->n);
    CHECK_STR(got, want);
    CHECK_STR(back, want);
}

TEST(list_append_remove_move)
{
    struct thing t[6];
    struct list a, b;
    list_init(&a), list_init(&b);
    CHECK(list_empty(&a));
    for (int i = 0; i < 6; i++) {
        t[i].n = i;
        list_init(&t[i].node);
        list_append(i < 4 ? &a : &b, &t[i].node);
    }
    expect(&a, "0123");
    list_remove(&t[1].node);
    list_remove(&t[1].node); /* twice is fine */
    CHECK(list_empty(&t[1].node));
    expect(&a, "023");
    list_move(&b, &a);
    expect(&b, "45023");
    CHECK(list_empty(&a));
    list_move(&b, &a); /* nothing */
    expect(&b, "45023");
    list_move(&a, &b);
    expect(&a, "45023");
    list_append(&a, &t[1].node);
    expect(&a, "450231");
}

TEST(list_current_node_may_be_removed)
{
    struct thing t[5];
    struct list a;
    list_init(&a);
    for (int i = 0; i < 5; i++) {
        t[i].n = i;
        list_append(&a, &t[i].node);
    }
    list_each(n, &a) if (container_of(n, struct thing, node)->n % 2 == 0) list_remove(n);
    expect(&a, "13");
    list_each(n, &a) list_remove(n);
    CHECK(list_empty(&a));
}
