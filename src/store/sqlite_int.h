/* What the files of the SQLite store share: sqlite_file.c opens, sqlite.c runs operations. */
#ifndef STORE_SQLITE_INT_H
#define STORE_SQLITE_INT_H

#include "store/store_int.h"

#include <sqlite3.h>

enum sqlite_statement {
    BEGIN_READING,
    COMMIT,
    ROLLBACK,
    SAVEPOINT,
    RELEASE,
    ROLLBACK_TO,
    GET_SNAPSHOT,
    GET_UPTO,
    GET_UPDATES,
    HAS_UPDATE,
    GET_FIELDS,
    GET_EMAILS,
    GET_LINKS,
    LIST_IDS,
    GET_VALUE,
    LIST_KEYS,
    PING,
    GET_CHANGES,
    FIND_LINK,
    /* Up to here all that a file needs that is only read, with any schema. */
    BEGIN,
    HAS_STATE,
    HAS_ANYTHING,
    ADD_UPDATE,
    DROP_UPDATE,
    PUT_SNAPSHOT,
    CUT_UPDATES,
    PUT_FIELDS,
    ADD_FIELDS,
    GET_OPENED,
    TOUCH,
    DELETE_FIELDS,
    DELETE_UPDATES,
    DELETE_SNAPSHOT,
    DELETE_OPENED,
    SET_EMAILS,
    FORCE_EMAILS,
    DROP_EMAILS,
    HAS_LINK,
    COUNT_LINKS,
    PUT_LINK,
    DELETE_LINK,
    DELETE_LINKS,
    PUT_VALUE,
    DELETE_VALUE,
    PURGE_VALUES,
    SQLITE_STATEMENTS
};
#define SQLITE_READING BEGIN

struct sqlite_store {
    struct store base;
    sqlite3 *db;
    sqlite3_stmt *statements[SQLITE_STATEMENTS]; /* NULL behind SQLITE_READING if read_only */
    int lock;                                    /* -1: none */
    bool read_only, beside;                      /* see store_opts */
};

/* Their text; it stands beside what runs them. */
extern const char *const sqlite_sql[SQLITE_STATEMENTS];
void sqlite_run_group(struct store *base, struct store_op **ops, size_t n);

#endif
