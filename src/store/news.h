/*
 * What servers tell each other on a Redis channel, one message each. A message begins with text and
 * ends with data, which may be anything:
 *
 *     u <node> <prev> <pos> <data>    an update was appended at pos, right behind prev; line breaks are
 *                                     escaped (\\r, \\n, and \\\\ for a backslash). U: in base64
 *     s <node> <pos> <size>           a snapshot replaced the log up to pos
 *     f <node> <pos> <hash>           the fields were written by a server that had the log up to pos
 *     p <node>                        who may enter was changed
 *     t <node> <data>                 STORE_TELL, in base64: it is small, and lost if it is mangled
 *
 * node and hash are 16 hexadecimal digits, positions are stream ids. The scripts of redis_script.c
 * write all but the last.
 */
#ifndef STORE_NEWS_H
#define STORE_NEWS_H

#include "store/feed.h"

/* Reads a message into *news: kind, node, positions, hash and data, which the caller releases. False
 * if it is none of these. Raw data is kept only if `binary` says that the way here was safe for it; a
 * REST stream mangles it. */
bool news_read(const void *message, size_t len, bool binary, struct feed_news *news);
/* Appends the message of a STORE_TELL. */
void news_write_told(struct buf *out, uint64_t node, const struct buf *data);

/* The channel of a bytecrowd, or (id NULL) that of all servers. Channels of Redis are the same in all
 * its databases, so one that is not 0 is in the name: servers of different ones must not meet. */
#define NEWS_CHANNEL_MAX 320
void news_channel(char out[NEWS_CHANNEL_MAX], int db, const char *id);
/* The bytecrowd whose channel it is; NULL: that of all servers. */
const char *news_channel_id(const char *channel);

bool news_read_pos(const char *s, size_t len, struct store_pos *pos);
void news_write_pos(char out[48], struct store_pos pos);

#endif
