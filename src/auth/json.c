#include "auth/json.h"

json_t *auth_json_read(const void *text, size_t len, size_t most)
{
    /* jansson takes no NULL, not even for no bytes. */
    return len && len <= most ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

const char *auth_json_string(const json_t *object, const char *name, size_t most)
{
    const json_t *j = json_object_get(object, name);
    if (!j || json_is_null(j))
        return "";
    return json_is_string(j) && json_string_length(j) <= most ? json_string_value(j) : NULL;
}

bool auth_is_visible(const char *s)
{
    const char *p = s;
    while (*p > ' ' && *p < 0x7f)
        p++;
    return p > s && !*p;
}
