/*
 * The lines of a file that `bytecrowds export` writes. Pure functions of bytes.
 *
 *     {"bytecrowds-export":2,"store":"sqlite:bytecrowds.sqlite"}
 *     {"id":"friday","snapshot":"AAA=","updates":["AQE=","AgI="],"text":"let a","language":"rust"}
 *     {"id":"old","text":{"base64":"/w=="},"authorizedEmails":"[\"a@b.example\"]"}
 *     {"id":"shared","updates":["AA=="],"links":{"<SHA-256 in hexadecimal>":"for the class"}}
 *     {"key":"user:session:9b2f","value":"{\"userId\":\"1\"}","expires":1772875800000}
 *     {"bytecrowds":3,"keys":1}
 *
 * A head, one line for each bytecrowd and each key, a tail: a file without its tail is not complete.
 * Snapshot and updates are base64. id, text, language, authorizedEmails, what is known of a link,
 * key and value are what the store has, byte for byte: strings, or {"base64":...} where they are no
 * UTF-8. What there is not is not there; an empty text is. Whatever a line has besides is an error,
 * so that nothing is lost in silence.
 *
 * Version 1 had no links and no keys; a tail without "keys" counts none. Versions do not change: what
 * is new makes it version 3.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/store.h"

#define RECORD_VERSION 2
#define RECORD_HEAD_MAX 4096 /* bytes of a head or tail, at most */
#define RECORD_ID_MAX 1024

enum record_kind { RECORD_BAD = -1, RECORD_HEAD, RECORD_CROWD, RECORD_KEY, RECORD_TAIL };

struct record {
    enum record_kind kind;
    struct buf store; /* HEAD: what it is of, for people */
    int version;      /* HEAD */
    struct buf id;    /* CROWD, KEY: NUL behind it */
    /* CROWD: as STORE_IMPORT takes it; op.id is `id`. KEY: as STORE_SET takes it, only if it is not there;
     * op.key is `id`. */
    struct store_op op;
    uint64_t count, keys; /* TAIL: of bytecrowds, of keys */
};

/* Each appends one line with its newline. */
void record_put_head(struct buf *out, const char *store);
/* `op` as STORE_LOAD filled it. */
void record_put_crowd(struct buf *out, const struct store_op *op);
/* `op` as STORE_GET filled it; it was found. */
void record_put_key(struct buf *out, const struct store_op *op);
void record_put_tail(struct buf *out, uint64_t count, uint64_t keys);

/* Whether there is anything to put into a line. */
bool record_is_nothing(const struct store_op *op);

/* Reads a line, without its newline, into *out, which record_release() frees in any case. BAD: why,
 * in words that go on after "line 7 ". */
enum record_kind record_read(struct record *out, const void *line, size_t len, char *err,
                             size_t err_len);
void record_release(struct record *r);

#endif
