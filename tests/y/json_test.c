/* Types as JSON and markup: as JSON.stringify(doc.toJSON()) and toString() of Yjs give them. */
#include "tests/y/types.h"

TEST(json_of_every_kind_of_root)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *list = root(doc, "list", Y_REF_ARRAY), *map = root(doc, "map", Y_REF_MAP), *t;
    y_text_insert(root(doc, "text", Y_REF_TEXT), 0, "a\"\n\x01\xf0\x9f\x98\x80", 8, NULL);
    insert(list, 0, "{\"b\":1,\"2\":[],\"1\":null}");
    insert(list, 1, "undefined");
    struct y_value bytes = {.kind = Y_VALUE_BINARY, .bytes = {(const uint8_t *)"\x00\xff", 2}};
    struct y_value sub = {.kind = Y_VALUE_DOC, .bytes = {(const uint8_t *)"guid", 4}};
    CHECK_EQ(y_list_insert(list, 2, &bytes, 1), Y_OK);
    CHECK_EQ(y_list_insert(list, 3, &sub, 1), Y_OK);
    CHECK_EQ(y_list_insert_type(list, 4, Y_REF_MAP, NULL, &t), Y_OK);
    set(t, "k", "-0");
    set(map, "gone", "1");
    set(map, "none", "undefined");
    y_map_delete(map, "gone", 4);
    CHECK_DOC(doc,
              "{\"list\":[{\"1\":null,\"2\":[],\"b\":1},null,{\"0\":0,\"1\":255},{},{\"k\":0}],"
              "\"map\":{},\"text\":\"a\\\"\\n\\u0001\xf0\x9f\x98\x80\"}");
    ydoc_free(doc);
}

TEST(json_lists_keys_in_javascripts_order)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *map = root(doc, "10", Y_REF_MAP), *inner;
    root(doc, "x", Y_REF_MAP);
    root(doc, "9", Y_REF_ARRAY);
    root(doc, "__proto__", Y_REF_ARRAY);
    const char *keys[] = {"b", "10", "a", "9", "01", "4294967295", "__proto__", ""};
    for (int i = 0; i < 8; i++)
        set(map, keys[i], "1");
    y_map_set_type(map, "0", 1, Y_REF_MAP, NULL, &inner);
    set(inner, "z", "1");
    set(inner, "3", "1");
    y_map_delete(inner, "z", 1);
    set(inner, "z", "2"); /* stays where the key first was */
    set(inner, "y", "3");
    CHECK_DOC(doc, "{\"9\":[],\"10\":{\"0\":{\"3\":1,\"z\":2,\"y\":3},\"9\":1,\"10\":1,\"b\":1,"
                   "\"a\":1,\"01\":1,\"4294967295\":1,\"\":1},\"x\":{}}");
    ydoc_free(doc);
}

/* A second document knows no kinds of roots. */
static struct ydoc *copy_of(const struct ydoc *doc)
{
    struct ybuf b = {0};
    struct ydoc *copy = ydoc_new(NULL);
    CHECK_EQ(ydoc_encode_update(doc, NULL, 0, &b), Y_OK);
    CHECK_EQ(ydoc_apply(copy, b.data, b.len, NULL), Y_OK);
    ybuf_release(&b);
    return copy;
}

TEST(json_shows_a_root_without_a_kind_by_what_it_holds)
{
    struct ydoc *doc = ydoc_new(NULL), *copy;
    struct y_type *xml = root(doc, "xml", Y_REF_XML_FRAGMENT), *list, *t;
    y_text_insert(root(doc, "text", Y_REF_TEXT), 0, "hi", 2, NULL);
    y_text_insert(root(doc, "emptied", Y_REF_TEXT), 0, "hi", 2, NULL);
    y_text_delete(root(doc, "emptied", Y_REF_TEXT), 0, 2);
    list = root(doc, "list", Y_REF_ARRAY);
    insert(list, 0, "\"hi\"");
    y_list_insert_type(list, 0, Y_REF_XML_TEXT, NULL, &t);
    y_list_insert_type(xml, 0, Y_REF_XML_ELEMENT, "P", &t);
    set(root(doc, "map", Y_REF_MAP), "k", "1");
    root(doc, "nothing", Y_REF_MAP);
    copy = copy_of(doc);
    CHECK_EQ(ydoc_root(copy, "nothing", Y_REF_NONE, &t), Y_OK);
    CHECK_TYPE(t, "null");
    CHECK_DOC(copy, "{\"text\":\"hi\",\"emptied\":\"\",\"list\":[\"\",\"hi\"],\"xml\":\"<p></p>\","
                    "\"map\":{\"k\":1}}");
    ydoc_free(copy);
    ydoc_free(doc);
}

TEST(json_of_types_in_one_another_100_000_deep)
{
    struct ydoc *doc = ydoc_new(NULL), *copy;
    struct y_type *t = root(doc, "list", Y_REF_ARRAY), *x = root(doc, "x", Y_REF_XML_FRAGMENT);
    struct ybuf b = {0};
    CHECK_EQ(ydoc_begin(doc, NULL), Y_OK);
    for (int i = 0; i < 50000; i++) {
        CHECK_EQ(y_list_insert_type(t, 0, Y_REF_MAP, NULL, &t), Y_OK);
        CHECK_EQ(set(t, "b", "1"), Y_OK);
        CHECK_EQ(y_map_set_type(t, "1", 1, Y_REF_ARRAY, NULL, &t), Y_OK);
        CHECK_EQ(y_list_insert_type(x, 0, Y_REF_XML_ELEMENT, "A", &x), Y_OK);
        CHECK_EQ(y_map_set_type(x, "k", 1, Y_REF_XML_ELEMENT, "B", &x), Y_OK);
    }
    CHECK_EQ(ydoc_commit(doc), Y_OK);
    copy = copy_of(doc);
    CHECK_EQ(ydoc_json(copy, &b), Y_OK);
    CHECK(b.len > 50000 * 30 && y_utf8_valid(b.data, b.len));
    CHECK_MEM(b.data, 30, "{\"list\":[{\"1\":[{\"1\":[{\"1\":[{\"1", 30);
    b.len = 0;
    CHECK_EQ(y_list_delete(root(copy, "list", Y_REF_ARRAY), 0, 1), Y_OK);
    CHECK_EQ(y_list_delete(root(copy, "x", Y_REF_XML_FRAGMENT), 0, 1), Y_OK);
    CHECK_DOC(copy, "{\"list\":[],\"x\":\"\"}");
    ybuf_release(&b);
    ydoc_free(copy);
    ydoc_free(doc);
}

static void check_xml(const struct y_type *t, const char *want)
{
    struct ybuf b = {0};
    CHECK_EQ(y_xml_string(t, &b), Y_OK);
    ybuf_append(&b, "", 1);
    CHECK_STR((const char *)b.data, want);
    ybuf_release(&b);
}

TEST(xml_markup_as_yjs_writes_it)
{
    struct ydoc *doc = ydoc_new(NULL);
    struct y_type *x = root(doc, "x", Y_REF_XML_FRAGMENT), *e, *t, *in;
    check_xml(x, "");
    y_list_insert_type(x, 0, Y_REF_XML_ELEMENT, "DIV\xc3\x89\xc3\x97", &e);
    set(e, "b", "[1,null,[true,\"x\"],{}]");
    set(e, "a", "\"<\\\"\"");
    set(e, "\xef\xbf\xae", "1e21"); /* beyond surrogates, so behind the next one */
    set(e, "\xf0\x9f\x98\x80", "null");
    set(e, "undefined", "undefined");
    struct y_value nan = {.kind = Y_VALUE_ANY,
                          .bytes = {(const uint8_t *)"\x7c\xff\x80\x00\x00", 5}};
    y_map_set(e, "n", 1, &nan);
    y_map_set_type(e, "t", 1, Y_REF_XML_ELEMENT, "In", &in);
    set(in, "z", "0");
    y_list_insert_type(e, 0, Y_REF_XML_TEXT, NULL, &t);
    y_text_insert(t, 0, "a<b", 3, NULL);
    y_list_insert_type(e, 1, Y_REF_XML_HOOK, "h", &t);
    set(t, "k", "1");
    CHECK_TYPE(t, "{\"k\":1}");
    y_list_insert_type(e, 2, Y_REF_TEXT, NULL, &t);
    y_text_insert(t, 0, "&", 1, NULL);
    y_list_insert_type(e, 3, Y_REF_XML_FRAGMENT, NULL, NULL);
    y_list_insert_type(e, 4, Y_REF_ARRAY, NULL, NULL);
    check_xml(x, "<div\xc3\xa9\xc3\x97 a=\"<\"\" b=\"1,,true,x,[object Object]\" n=\"-Infinity\" "
                 "t=\"<in z=\"0\"></in>\" undefined=\"undefined\" \xf0\x9f\x98\x80=\"null\" "
                 "\xef\xbf\xae=\"1e+21\">a<b[object Object]&[object Object]"
                 "</div\xc3\xa9\xc3\x97>");
    check_xml(root(doc, "e", Y_REF_XML_ELEMENT), "<undefined></undefined>");
    struct ybuf b = {0};
    CHECK_EQ(y_xml_string(root(doc, "list", Y_REF_ARRAY), &b), Y_ERR_TYPE);
    ydoc_free(doc);
}
