/*
 * Options: command line flags, and environment variables of the same names (--save-interval is
 * BYTECROWDS_SAVE_INTERVAL). A flag wins over the environment. Whatever is unknown or out of range
 * is an error, never a default.
 *
 * Sub-commands have the options of the store and their own; those of their own are flags only. The
 * variables of all others may be set, as they are in the environment of a server.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "app/sign_in.h"
#include "app/transfer.h"
#include "base/log.h"
#include "server/server.h"

#include <stdbool.h>
#include <stddef.h>

enum command { COMMAND_SERVE, COMMAND_EXPORT, COMMAND_IMPORT };

struct config {
    enum command command;
    struct server_opts server;
    const char *store; /* URL */
    struct store_opts store_opts;
    struct transfer_opts transfer;
    struct sign_in sign_in;
    enum log_level log_level;
    bool log_json;
    char host[256]; /* server.host points here */
};

enum config_result { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_ERROR };

/* `env` is an environ. Strings are borrowed from argv and env. The command is set in any case. */
enum config_result config_read(struct config *c, int argc, char **argv, char **env, char *err,
                               size_t err_len);
/* The text of --help, to standard output. */
void config_help(enum command command);

#endif
