/*
 * The server's word in an awareness state about who somebody is:
 *
 *     {"user":{"color":"#30bced","name":"Ada","email":"ada@example.com","verified":true},"cursor":...}
 *
 * `user` at the top is where y-codemirror.next and its like look for a name. Nothing else in a state is
 * interpreted, and what is not to change keeps its bytes. States are ones that y_json_valid() takes.
 *
 * Whoever copies a state with Object.assign() makes a member `__proto__` the prototype of the copy,
 * which may then have a mark. So in what is rewritten the state and its `user` lose that member.
 */
#ifndef PROTO_MARK_H
#define PROTO_MARK_H

#include "proto/json.h"

struct awareness_identity;

#define MARK_NAME_MAX 128  /* bytes: what is longer is cut, at a character */
#define MARK_EMAIL_MAX 320 /* of what is longer there can be no mark */

/* The email that marks go by; NULL: none, for nobody is known, or by no email (or none that can be one). */
const char *mark_email(const struct awareness_identity *who);
/* What is to be kept of a state that `who` (NULL: nobody known) sent about themselves: appends it, with one
 * `user` in it; false: the state as it is. Name and email are those of `who` then, the name is the email if
 * there is none, and without an email there is no mark. A state that is no object has no `user`, and none
 * is made. */
bool mark_rewrite(const char *state, size_t len, const struct awareness_identity *who,
                  struct buf *out);
/* Whether a state is marked. `email` (NULL: not wanted): as which, a JSON string in it. */
bool mark_read(const char *state, size_t len, struct json_text *email);

#endif
