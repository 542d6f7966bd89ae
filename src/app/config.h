/*
 * Options: command line flags, and environment variables of the same names (--save-interval is
 * BYTECROWDS_SAVE_INTERVAL). A flag wins over the environment. Whatever is unknown or out of range
 * is an error, never a default.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "base/log.h"
#include "server/server.h"

#include <stdbool.h>
#include <stddef.h>

struct config {
    struct server_opts server;
    const char *store;      /* URL */
    uint64_t store_timeout; /* ms */
    enum log_level log_level;
    bool log_json;
    char host[256]; /* server.host points here */
};

enum config_result { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_ERROR };

/* `env` is an environ. Strings are borrowed from argv and env. */
enum config_result config_read(struct config *c, int argc, char **argv, char **env, char *err,
                               size_t err_len);
/* The text of --help, to standard output. */
void config_help(void);

#endif
