/*
 * JSON texts member by member, without a tree: what is to be kept of an object is copied as it stands.
 *
 *     struct json_members it;
 *     struct json_member m;
 *     if (json_members(text, len, &it))
 *         while (json_members_next(&it, &m))
 *             if (json_text_is(m.name, "user", 4)) ... m.value ...
 *
 * The text is one that y_json_valid() takes. Of any other bytes as much is read as there is of members,
 * and nothing beyond. Nothing recurses and nothing is allocated, however deep the values are.
 *
 * A name may stand there twice: JSON.parse takes the last. Source: RFC 8259.
 */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* A value, without the space around it; a string has its quotes. Borrowed from the text. */
struct json_text {
    const char *p;
    size_t len;
};

struct json_member {
    struct json_text name, value;
};

struct json_members {
    const char *p, *end;
};

/* False: the text is no object. */
bool json_members(const char *text, size_t len, struct json_members *it);
/* False: there are no more. */
bool json_members_next(struct json_members *it, struct json_member *m);

/* Whether `s` is a string whose content, with its escapes read, is this UTF-8 text. */
bool json_text_is(struct json_text s, const char *want, size_t len);
/* Appends UTF-8 text as a string, with its quotes. */
void json_text_put(struct buf *out, const char *s, size_t len);

#endif
