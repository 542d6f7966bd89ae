#include "server/assets.h"
#include "tests/test.h"

TEST(asset_is_found_by_its_whole_path)
{
    static const struct asset all[] = {{.path = "/a.js"}, {.path = "/a.js.map"}, {.path = "/"}};
    struct asset_table t = {all, 3};
    CHECK(asset_find(&t, "/a.js", 5) == &all[0]);
    CHECK(asset_find(&t, "/a.js.map", 9) == &all[1]);
    CHECK(asset_find(&t, "/a.js?x", 5) == &all[0]); /* not terminated */
    CHECK(asset_find(&t, "/", 1) == &all[2]);
    CHECK(!asset_find(&t, "/a.j", 4));
    CHECK(!asset_find(&t, "/a.jsx", 6));
    CHECK(!asset_find(&t, "/A.js", 5));
    CHECK(!asset_find(&t, "", 0));
    CHECK(!asset_find(&(struct asset_table){0}, "/a.js", 5));
}
