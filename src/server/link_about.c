#include "server/link_about.h"

#include <jansson.h>
#include <stdlib.h>

static void read_string(struct buf *out, const json_t *about, const char *member)
{
    const json_t *s = json_object_get(about, member);
    if (json_is_string(s))
        buf_append(out, json_string_value(s), json_string_length(s));
}

void link_about_read(struct link_about *out, const void *json, size_t len)
{
    json_t *about = json_loadb(json, len, JSON_ALLOW_NUL, NULL);
    json_int_t at = json_integer_value(json_object_get(about, "at"));
    *out = (struct link_about){.at_ms = at > 0 ? (uint64_t)at : 0};
    read_string(&out->label, about, "label");
    read_string(&out->by, about, "by");
    json_decref(about);
}

void link_about_write(struct buf *out, const char *label, const char *by, uint64_t at_ms)
{
    json_t *about = json_pack("{s:s*, s:s*, s:I}", "label", label && *label ? label : NULL, "by",
                              by && *by ? by : NULL, "at", (json_int_t)at_ms);
    char *text = json_dumps(about, JSON_COMPACT);
    buf_clear(out);
    buf_puts(out, text ? text : "{}");
    free(text);
    json_decref(about);
}

void link_about_release(struct link_about *a)
{
    buf_release(&a->label);
    buf_release(&a->by);
}
