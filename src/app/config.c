#include "app/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENV_PREFIX "BYTECROWDS_"
#define KIB UINT64_C(1024)

enum kind { TEXT, LISTEN, MS, COUNT, BYTES, LEVEL, FORMAT };

struct option {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct config */
    uint64_t least, most;
    const char *value, *preset, *help;
};

#define AT(member) offsetof(struct config, member)

static const struct option options[] = {
    {"listen", LISTEN, 0, 0, 0, "HOST:PORT", "127.0.0.1:8080",
     "address to serve on; port 0 takes a free one"},
    {"store", TEXT, AT(store), 0, 0, "URL", "sqlite:bytecrowds.sqlite",
     "sqlite:FILE, redis://[user:password@]host[:port][/db] or "
     "redis+unix://[user:password@]/path.sock[?db=N]"},
    {"store-timeout", MS, AT(store_timeout), 50, 600000, "MS", "5000",
     "how long the store may take to answer"},
    {"save-interval", MS, AT(server.save_interval_ms), 1, 3600000, "MS", "100",
     "stored text and language lag behind by this at most"},
    {"unload-after", MS, AT(server.unload_ms), 0, 86400000, "MS", "30000",
     "keep a bytecrowd that nobody has open in memory for this long"},
    {"allowed-origins", TEXT, AT(server.allowed_origins), 0, 0, "LIST", "",
     "other origins, separated by commas, whose pages may connect with cookies"},
    {"request-timeout", MS, AT(server.request_timeout_ms), 10, 3600000, "MS", "10000",
     "a request must have arrived whole by then"},
    {"shutdown-timeout", MS, AT(server.shutdown_ms), 0, 3600000, "MS", "10000",
     "how long a stop may wait for the store to take what is unsaved"},
    {"max-connections", COUNT, AT(server.max_connections), 1, 10000000, "N", "65536",
     "connections at a time"},
    {"max-connections-per-address", COUNT, AT(server.max_per_address), 1, 10000000, "N", "",
     "of one peer address; default: 1000, but no limit for loopback, where a reverse proxy is"},
    {"max-clients-per-room", COUNT, AT(server.max_room_clients), 1, 1000000, "N", "2000",
     "people in one bytecrowd at a time"},
    {"max-document", BYTES, AT(server.max_document), 1 * KIB, KIB *KIB *KIB, "BYTES", "64M",
     "encoded size of one bytecrowd"},
    {"max-update", BYTES, AT(server.max_update), 1 * KIB, KIB *KIB *KIB, "BYTES", "16M",
     "one change sent by a client"},
    {"max-pending", BYTES, AT(server.max_pending), 1 * KIB, KIB *KIB *KIB, "BYTES", "4M",
     "changes of one bytecrowd that wait for earlier ones"},
    {"max-send-queue", BYTES, AT(server.max_send_queue), 1 * KIB, KIB *KIB *KIB, "BYTES", "8M",
     "unsent bytes of one client before it is cut off"},
    {"log-level", LEVEL, 0, 0, 0, "LEVEL", "info", "debug, info, warn, error or off"},
    {"log-format", FORMAT, 0, 0, 0, "FORMAT", "text", "text (logfmt) or json"},
};
#define NOPTIONS (sizeof(options) / sizeof(options[0]))

/* Digits, then for BYTES an optional K, M or G, for MS an optional ms or s. */
static bool read_number(const char *s, enum kind kind, uint64_t *out)
{
    char *end;
    uint64_t unit = 1;
    if (!isdigit((unsigned char)*s) || strlen(s) > 18)
        return false;
    uint64_t n = strtoull(s, &end, 10);
    if (kind == BYTES && (*end == 'K' || *end == 'M' || *end == 'G'))
        unit = *end == 'K' ? KIB : *end == 'M' ? KIB * KIB : KIB * KIB * KIB, end++;
    else if (kind == MS && strcmp(end, "ms") == 0)
        end += 2;
    else if (kind == MS && strcmp(end, "s") == 0)
        unit = 1000, end++;
    if (*end || n > UINT64_MAX / unit)
        return false;
    *out = n * unit;
    return true;
}

static bool set_listen(struct config *c, const char *value)
{
    const char *colon = strrchr(value, ':'), *host = value;
    uint64_t port;
    if (!colon || colon == value || !read_number(colon + 1, COUNT, &port) || port > 65535)
        return false;
    size_t n = (size_t)(colon - value);
    if (*host == '[' && n > 2 && host[n - 1] == ']')
        host++, n -= 2;
    else if (memchr(host, ':', n))
        return false; /* an IPv6 address needs its brackets */
    if (n >= sizeof(c->host))
        return false;
    memcpy(c->host, host, n);
    c->host[n] = '\0';
    c->server.host = c->host;
    c->server.port = (uint16_t)port;
    return true;
}

static bool set_number(struct config *c, const struct option *o, const char *value)
{
    uint64_t n;
    char *at = (char *)c + o->offset;
    if (!read_number(value, o->kind, &n) || n < o->least || n > o->most)
        return false;
    if (o->kind == MS && o->offset != AT(store_timeout)) {
        uint32_t ms = (uint32_t)n;
        memcpy(at, &ms, sizeof(ms));
    } else {
        memcpy(at, &n, sizeof(n)); /* size_t and uint64_t alike */
    }
    return true;
}

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a size_t option is written as 64 bits");

static bool set(struct config *c, const struct option *o, const char *value)
{
    int level;
    switch (o->kind) {
    case TEXT:
        if (!*value && o->offset == AT(store))
            return false;
        memcpy((char *)c + o->offset, &value, sizeof(value));
        return true;
    case LISTEN:
        return set_listen(c, value);
    case LEVEL:
        if ((level = log_level_of(value)) < 0)
            return false;
        c->log_level = (enum log_level)level;
        return true;
    case FORMAT:
        c->log_json = strcmp(value, "json") == 0;
        return c->log_json || strcmp(value, "text") == 0;
    case MS:
    case COUNT:
    case BYTES:
        return set_number(c, o, value);
    }
    return false;
}

static void bad_value(const struct option *o, const char *from, const char *value, char *err,
                      size_t err_len)
{
    if (o->most)
        snprintf(err, err_len, "%s: bad value \"%.80s\" (%s from %" PRIu64 " to %" PRIu64 ")", from,
                 value, o->value, o->least, o->most);
    else
        snprintf(err, err_len, "%s: bad value \"%.80s\" (%s: %s)", from, value, o->value, o->help);
}

/* "save-interval" -> "BYTECROWDS_SAVE_INTERVAL" */
static void env_name(const struct option *o, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "%s%s", ENV_PREFIX, o->name);
    for (size_t i = strlen(ENV_PREFIX); i < n && i < cap; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

static bool read_env(struct config *c, char **env, char *err, size_t err_len)
{
    for (; env && *env; env++) {
        const char *eq = strchr(*env, '=');
        char name[64];
        size_t i = 0;
        if (strncmp(*env, ENV_PREFIX, strlen(ENV_PREFIX)) != 0 || !eq)
            continue;
        for (; i < NOPTIONS; i++) {
            env_name(&options[i], name, sizeof(name));
            if (strlen(name) == (size_t)(eq - *env) && memcmp(name, *env, strlen(name)) == 0)
                break;
        }
        if (i == NOPTIONS) {
            snprintf(err, err_len, "unknown environment variable %.*s (see --help)",
                     (int)(eq - *env > 80 ? 80 : eq - *env), *env);
            return false;
        }
        if (!set(c, &options[i], eq + 1)) {
            bad_value(&options[i], name, eq + 1, err, err_len);
            return false;
        }
    }
    return true;
}

static const struct option *find(const char *name, size_t len)
{
    for (size_t i = 0; i < NOPTIONS; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static enum config_result read_flags(struct config *c, int argc, char **argv, char *err,
                                     size_t err_len)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
            return CONFIG_HELP;
        if (strcmp(arg, "--version") == 0)
            return CONFIG_VERSION;
        const char *eq = strchr(arg, '=');
        const struct option *o = NULL;
        if (strncmp(arg, "--", 2) == 0)
            o = find(arg + 2, eq ? (size_t)(eq - arg) - 2 : strlen(arg + 2));
        if (!o) {
            snprintf(err, err_len, "unknown option %.80s (see --help)", arg);
            return CONFIG_ERROR;
        }
        const char *value = eq ? eq + 1 : i + 1 < argc ? argv[++i] : NULL;
        char flag[64];
        snprintf(flag, sizeof(flag), "--%s", o->name);
        if (!value) {
            snprintf(err, err_len, "%s needs a value (%s)", flag, o->value);
            return CONFIG_ERROR;
        }
        if (!set(c, o, value)) {
            bad_value(o, flag, value, err, err_len);
            return CONFIG_ERROR;
        }
    }
    return CONFIG_RUN;
}

enum config_result config_read(struct config *c, int argc, char **argv, char **env, char *err,
                               size_t err_len)
{
    /* Before anything can be wrong: the errors point to --help. */
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return CONFIG_HELP;
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return CONFIG_VERSION;
    *c = (struct config){0};
    server_defaults(&c->server);
    for (size_t i = 0; i < NOPTIONS; i++)
        if (*options[i].preset)
            set(c, &options[i], options[i].preset);
    if (!read_env(c, env, err, err_len))
        return CONFIG_ERROR;
    enum config_result result = read_flags(c, argc, argv, err, err_len);
    if (result == CONFIG_RUN && c->server.max_pending > c->server.max_document) {
        snprintf(err, err_len, "--max-pending is more than --max-document");
        return CONFIG_ERROR;
    }
    return result;
}

void config_help(void)
{
    printf("bytecrowds " BYTECROWDS_VERSION ": realtime code sharing\n\n"
           "usage: bytecrowds [--option value]...\n\n");
    for (size_t i = 0; i < NOPTIONS; i++) {
        const struct option *o = &options[i];
        char left[64];
        snprintf(left, sizeof(left), "--%s %s", o->name, o->value);
        printf("  %-34s %s", left, o->help);
        if (*o->preset)
            printf(" [%s]", o->preset);
        putchar('\n');
    }
    printf("  %-34s %s\n  %-34s %s\n\n", "--help", "this text", "--version", "the version");
    printf("Each option is also an environment variable: --save-interval is "
           "BYTECROWDS_SAVE_INTERVAL.\n"
           "BYTES may end in K, M or G; MS in ms or s.\n");
}
