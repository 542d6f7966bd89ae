/*
 * The bodies of Upstash's REST interface, without I/O: commands to JSON, JSON to replies.
 *
 *     [["SET","k","v"],["GET","k"]]          is answered by
 *     [{"result":"OK"},{"result":"dg=="}]    with `Upstash-Encoding: base64`
 *
 * In such an answer every string is base64, but for the status OK at the top of a result: inside
 * arrays "OK" is encoded, too. So of all statuses only OK is told from a string; PONG comes as one.
 * Errors are plain text, {"error":"ERR ..."}.
 */
#ifndef REDIS_REST_JSON_H
#define REDIS_REST_JSON_H

#include "base/buf.h"
#include "redis/link.h"

/* Arrays inside arrays, as deep as hiredis reads them. */
#define REST_DEPTH_MAX 9

/* Appends the command as an array of strings; false, and nothing appended, if an argument is no
 * UTF-8: JSON has no other text. */
bool rest_write_command(struct buf *out, const struct redis_command *c);

/* The answer to n commands; fills all replies (freeReplyObject() frees them), or gives -1 with a
 * reason and none. An error for the request as a whole is the reply to each command. */
int rest_read_answer(const void *body, size_t len, size_t n, redisReply **replies, char *err,
                     size_t err_len);
/* The text of {"error":"..."}, cut to out_len; false if the body is something else. */
bool rest_read_error(const void *body, size_t len, char *out, size_t out_len);

redisReply *rest_error_reply(const char *text);

#endif
