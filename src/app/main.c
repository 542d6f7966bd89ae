#include "app/config.h"
#include "app/say.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;
/* The page, made by web/build.mjs. */
extern const struct asset assets[];
extern const size_t assets_count;

static void print_address(const struct config *c, uint16_t port)
{
    const char *host = c->server.host;
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        host = "localhost";
    if (strchr(host, ':'))
        printf("Open http://[%s]:%u/\n", host, port);
    else
        printf("Open http://%s:%u/\n", host, port);
    fflush(stdout);
}

/* What the store could not take must be refused, not taken and never saved. */
static void limit_to_store(struct server_opts *o, size_t max)
{
    if (o->max_document <= max)
        return;
    log_info("the store takes less than --max-document", LOG_INT("bytes", max));
    o->max_document = max;
    if (o->max_update > max)
        o->max_update = max;
    if (o->max_pending > max)
        o->max_pending = max;
}

static int serve(struct config *c)
{
    char err[256];
    struct store *store = store_open(c->store, &c->store_opts, err, sizeof(err));
    if (!store) {
        fprintf(stderr, "bytecrowds: --store: %s\n", err);
        return 1;
    }
    limit_to_store(&c->server, store_max_value(store));
    c->server.store = store;
    c->server.assets = (struct asset_table){assets, assets_count};
    struct server *s = server_new(&c->server, err, sizeof(err));
    if (!s) {
        fprintf(stderr, "bytecrowds: %s\n", err);
        store_close(store);
        return 1;
    }
    log_info("serving", LOG_STR("version", BYTECROWDS_VERSION), LOG_STR("host", c->server.host),
             LOG_INT("port", server_port(s)), LOG_STR("store", store_name(store)));
    print_address(c, server_port(s));
    if (server_run(s) < 0) {
        /* The storage thread may be in a call that waits for a store which does not answer. Waiting
         * for it would outlast --shutdown-timeout, and nothing in memory is needed any more. */
        fflush(NULL);
        _exit(1);
    }
    server_free(s);
    store_close(store);
    return 0;
}

static int run(struct config *c)
{
    /* Who uses a sub-command is told what happens in words. */
    log_setup(c->command == COMMAND_SERVE ? c->log_level : LOG_OFF, c->log_json);
    if (c->command == COMMAND_EXPORT)
        return transfer_export(c->store, &c->store_opts, &c->transfer);
    if (c->command == COMMAND_IMPORT)
        return transfer_import(c->store, &c->store_opts, &c->transfer);
    if (c->command == COMMAND_AUTHORIZE)
        return authorize(c->store, &c->store_opts, &c->authorize);
    return serve(c);
}

int main(int argc, char **argv)
{
    struct config c;
    char err[256];
    int code = 0;
    switch (config_read(&c, argc, argv, environ, err, sizeof(err))) {
    case CONFIG_HELP:
        config_help(c.command);
        break;
    case CONFIG_VERSION:
        puts("bytecrowds " BYTECROWDS_VERSION);
        break;
    case CONFIG_ERROR:
        say("%s", err);
        code = 2;
        break;
    case CONFIG_RUN:
        code = run(&c);
    }
    auth_providers_release(&c.sign_in.providers);
    return code;
}
