#include "app/config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENV_PREFIX "BYTECROWDS_"
#define KIB UINT64_C(1024)
#define SECOND UINT64_C(1000)
#define DAY (86400 * SECOND)

/* FILLED: a text that is not empty. */
enum kind {
    TEXT,
    FILLED,
    LISTEN,
    MS,
    DURATION,
    COUNT,
    BYTES,
    LEVEL,
    FORMAT,
    FLAG,
    EXISTING,
    RANGES
};

enum { SERVE = 1 << COMMAND_SERVE, EXPORT = 1 << COMMAND_EXPORT, IMPORT = 1 << COMMAND_IMPORT };
#define ALL (SERVE | EXPORT | IMPORT)

struct option {
    const char *name;
    enum kind kind;
    int commands;        /* that have it */
    size_t offset, size; /* in struct config */
    uint64_t least, most;
    const char *value, *preset, *help;
};

#define AT(member) offsetof(struct config, member)
#define IN(member) AT(member), sizeof(((struct config *)0)->member)
#define NOWHERE 0, 0

static const struct option options[] = {
    {"listen", LISTEN, SERVE, NOWHERE, 0, 0, "HOST:PORT", "127.0.0.1:8080",
     "address to serve on; port 0 takes a free one"},
    {"store", FILLED, ALL, IN(store), 0, 0, "URL", "sqlite:bytecrowds.sqlite",
     "sqlite:FILE, redis://[user:password@]host[:port][/db], rediss://, redis+unix://, "
     "redis+sentinel://, redis+cluster:// or https:// (docs/storage.md)"},
    {"store-timeout", MS, ALL, IN(store_opts.timeout_ms), 50, 600000, "MS", "5000",
     "how long the store may take to answer"},
    {"store-ca", FILLED, ALL, IN(store_opts.tls_ca), 0, 0, "FILE", "",
     "certificates to trust instead of the system's, PEM; for rediss:// and https://"},
    {"store-cert", FILLED, ALL, IN(store_opts.tls_cert), 0, 0, "FILE", "",
     "certificate of this client, PEM, for a Redis that asks for one"},
    {"store-key", FILLED, ALL, IN(store_opts.tls_key), 0, 0, "FILE", "", "its key, PEM"},
    {"store-replicas", COUNT, ALL, IN(store_opts.replicas), 0, 16, "N", "0",
     "replicas of a Redis that must have what is called saved"},
    {"save-interval", MS, SERVE, IN(server.save_interval_ms), 1, 3600000, "MS", "100",
     "stored text and language lag behind by this at most"},
    {"unload-after", MS, SERVE, IN(server.unload_ms), 0, 86400000, "MS", "30000",
     "keep a bytecrowd that nobody has open in memory for this long"},
    {"expire-after", DURATION, SERVE, IN(server.expire_ms), SECOND, 36500 * DAY, "DURATION", "0",
     "remove a bytecrowd that nobody has opened for so long; 0: never"},
    {"allowed-origins", TEXT, SERVE, IN(server.allowed_origins), 0, 0, "LIST", "",
     "other origins, separated by commas, whose pages may connect with cookies"},
    {"public-url", FILLED, SERVE, IN(sign_in.public_url), 0, 0, "URL", "",
     "where people open this server, as they see it: https://code.example.com; sign-in needs it"},
    {"github-id", FILLED, SERVE, IN(sign_in.github_id), 0, 0, "ID", "",
     "sign in with GitHub: the client id of an OAuth app (docs/sign-in.md)"},
    {"github-secret", FILLED, SERVE, IN(sign_in.github_secret), 0, 0, "SECRET", "",
     "its client secret; better in BYTECROWDS_GITHUB_SECRET, which ps does not show"},
    {"github-url", FILLED, SERVE, IN(sign_in.github_url), 0, 0, "URL", "",
     "of GitHub Enterprise, instead of https://github.com"},
    {"oidc-issuer", FILLED, SERVE, IN(sign_in.oidc_issuer), 0, 0, "URL", "",
     "sign in with an OpenID Connect provider: its issuer"},
    {"oidc-id", FILLED, SERVE, IN(sign_in.oidc_id), 0, 0, "ID", "", "the client id there"},
    {"oidc-secret", FILLED, SERVE, IN(sign_in.oidc_secret), 0, 0, "SECRET", "",
     "the client secret there; better in BYTECROWDS_OIDC_SECRET"},
    {"oidc-name", FILLED, SERVE, IN(sign_in.oidc_name), 0, 0, "NAME", "", "what its button says"},
    {"providers", FILLED, SERVE, IN(sign_in.file), 0, 0, "FILE", "",
     "more providers to sign in with, JSON"},
    {"sign-in-ca", FILLED, SERVE, IN(server.auth.ca), 0, 0, "FILE", "",
     "certificates to trust for providers instead of the system's, PEM"},
    {"sign-in-timeout", MS, SERVE, IN(server.auth.timeout_ms), 50, 600000, "MS", "10000",
     "how long a provider may take to answer"},
    {"trusted-proxies", RANGES, SERVE, IN(server.trusted_proxies), 0, 0, "LIST", "",
     "addresses or networks (10.0.0.0/8, loopback) whose X-Forwarded-For counts"},
    {"limit-connects", COUNT, SERVE, IN(server.limit_connects), 0, 10000000, "N", "600",
     "sockets opened a minute by one address or session; 0: no limit; loopback has none"},
    {"limit-creates", COUNT, SERVE, IN(server.limit_creates), 0, 10000000, "N", "60",
     "bytecrowds begun, likewise"},
    {"limit-authorize", COUNT, SERVE, IN(server.limit_authorize), 0, 10000000, "N", "30",
     "bytecrowds restricted and links made, likewise"},
    {"limit-sign-ins", COUNT, SERVE, IN(server.limit_sign_ins), 0, 10000000, "N", "30",
     "sign-ins begun, likewise"},
    {"request-timeout", MS, SERVE, IN(server.request_timeout_ms), 10, 3600000, "MS", "10000",
     "a request must have arrived whole by then"},
    {"shutdown-timeout", MS, SERVE, IN(server.shutdown_ms), 0, 3600000, "MS", "10000",
     "how long a stop may wait for the store to take what is unsaved"},
    {"max-connections", COUNT, SERVE, IN(server.max_connections), 1, 10000000, "N", "65536",
     "connections at a time"},
    {"max-connections-per-address", COUNT, SERVE, IN(server.max_per_address), 1, 10000000, "N", "",
     "of one peer address; default: 1000, but no limit for loopback, where a reverse proxy is"},
    {"max-clients-per-room", COUNT, SERVE, IN(server.max_room_clients), 1, 1000000, "N", "2000",
     "people in one bytecrowd at a time"},
    {"max-document", BYTES, SERVE, IN(server.max_document), 1 * KIB, KIB *KIB *KIB, "BYTES", "64M",
     "encoded size of one bytecrowd"},
    {"max-update", BYTES, SERVE, IN(server.max_update), 1 * KIB, KIB *KIB *KIB, "BYTES", "16M",
     "one change sent by a client"},
    {"max-pending", BYTES, SERVE, IN(server.max_pending), 1 * KIB, KIB *KIB *KIB, "BYTES", "4M",
     "changes of one bytecrowd that wait for earlier ones"},
    {"max-send-queue", BYTES, SERVE, IN(server.max_send_queue), 1 * KIB, KIB *KIB *KIB, "BYTES",
     "8M", "unsent bytes of one client before it is cut off"},
    {"log-level", LEVEL, SERVE, NOWHERE, 0, 0, "LEVEL", "info", "debug, info, warn, error or off"},
    {"log-format", FORMAT, SERVE, NOWHERE, 0, 0, "FORMAT", "text", "text (logfmt) or json"},
    {"force", FLAG, EXPORT, IN(transfer.force), 0, 0, "", "", "replace FILE if it exists"},
    {"existing", EXISTING, IMPORT, NOWHERE, 0, 0, "WHAT", "skip",
     "with a bytecrowd that is there and differs: skip it, fail at once, or merge into it"},
    {"retry-for", DURATION, EXPORT | IMPORT, IN(transfer.retry_ms), 0, DAY, "DURATION", "2m",
     "go on trying for so long when the store goes away"},
};
#define NOPTIONS (sizeof(options) / sizeof(options[0]))

/* --- values ----------------------------------------------------------------------------------- */

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit byte_units[] = {
    {"", 1}, {"K", KIB}, {"M", KIB *KIB}, {"G", KIB *KIB *KIB}, {NULL, 0}};
static const struct unit ms_units[] = {{"", 1}, {"ms", 1}, {"s", SECOND}, {NULL, 0}};
/* No number without one: somebody who writes 90 means days, or seconds. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", SECOND}, {"m", 60 * SECOND}, {"h", 3600 * SECOND}, {"d", DAY}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(enum kind kind)
{
    return kind == BYTES      ? byte_units
           : kind == MS       ? ms_units
           : kind == DURATION ? duration_units
                              : no_units;
}

/* Digits and a unit. */
static bool read_number(const char *s, enum kind kind, uint64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*s) || strlen(s) > 18)
        return false;
    uint64_t n = strtoull(s, &end, 10);
    if (kind == DURATION && n == 0 && !*end) {
        *out = 0;
        return true;
    }
    for (const struct unit *u = units_of(kind); u->name; u++) {
        if (strcmp(end, u->name) != 0)
            continue;
        *out = n * u->factor;
        return n <= UINT64_MAX / u->factor;
    }
    return false;
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
    if (!read_number(value, o->kind, &n) || n > o->most)
        return false;
    if (n < o->least && !(o->kind == DURATION && n == 0))
        return false;
    if (o->size == sizeof(uint32_t)) {
        uint32_t small = (uint32_t)n;
        memcpy(at, &small, sizeof(small));
    } else {
        memcpy(at, &n, sizeof(n)); /* size_t and uint64_t alike */
    }
    return true;
}

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a size_t option is written as 64 bits");

static bool set_existing(struct config *c, const char *value)
{
    static const char *const names[] = {
        [TRANSFER_SKIP] = "skip", [TRANSFER_FAIL] = "fail", [TRANSFER_MERGE] = "merge"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value, names[i]) != 0)
            continue;
        c->transfer.existing = (enum transfer_existing)i;
        return true;
    }
    return false;
}

static bool set(struct config *c, const struct option *o, const char *value)
{
    const char *bad;
    int level;
    switch (o->kind) {
    case TEXT:
    case FILLED:
        if (!*value && o->kind == FILLED)
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
    case EXISTING:
        return set_existing(c, value);
    case RANGES:
        return net_ranges_read((struct net_ranges *)((char *)c + o->offset), value, &bad);
    case FLAG:
        *((bool *)((char *)c + o->offset)) = true;
        return true;
    case MS:
    case DURATION:
    case COUNT:
    case BYTES:
        return set_number(c, o, value);
    }
    return false;
}

static void bad_value(const struct option *o, const char *from, const char *value, char *err,
                      size_t err_len)
{
    if (o->kind == DURATION)
        snprintf(err, err_len, "%s: bad value \"%.80s\" (%s: 0, or %" PRIu64 "s to %" PRIu64 "d)",
                 from, value, o->value, o->least / SECOND, o->most / DAY);
    else if (o->most)
        snprintf(err, err_len, "%s: bad value \"%.80s\" (%s from %" PRIu64 " to %" PRIu64 ")", from,
                 value, o->value, o->least, o->most);
    else
        snprintf(err, err_len, "%s: bad value \"%.80s\" (%s: %s)", from, value, o->value, o->help);
}

/* --- the environment -------------------------------------------------------------------------- */

/* "save-interval" -> "BYTECROWDS_SAVE_INTERVAL" */
static void env_name(const struct option *o, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "%s%s", ENV_PREFIX, o->name);
    for (size_t i = strlen(ENV_PREFIX); i < n && i < cap; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

/* Kubernetes tells every container of a Service named bytecrowds so, unasked. */
static bool is_service_link(const char *name, const char *value)
{
    return strncmp(name, ENV_PREFIX "SERVICE_", strlen(ENV_PREFIX "SERVICE_")) == 0 ||
           strncmp(name, ENV_PREFIX "PORT_", strlen(ENV_PREFIX "PORT_")) == 0 ||
           (strncmp(name, ENV_PREFIX "PORT=", strlen(ENV_PREFIX "PORT=")) == 0 &&
            strstr(value, "://"));
}

static bool read_env(struct config *c, char **env, char *err, size_t err_len)
{
    for (; env && *env; env++) {
        const char *eq = strchr(*env, '=');
        char name[64];
        size_t i = 0;
        if (strncmp(*env, ENV_PREFIX, strlen(ENV_PREFIX)) != 0 || !eq ||
            is_service_link(*env, eq + 1))
            continue;
        for (; i < NOPTIONS; i++) {
            env_name(&options[i], name, sizeof(name));
            if (options[i].commands & SERVE && strlen(name) == (size_t)(eq - *env) &&
                memcmp(name, *env, strlen(name)) == 0)
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

/* NULL if it is not set, or empty. */
static const char *variable(char **env, const char *name)
{
    size_t n = strlen(name);
    for (; env && *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=' && (*env)[n + 1])
            return *env + n + 1;
    return NULL;
}

/* What the original read. The flag and BYTECROWDS_STORE win, so it comes before them. A URL without its token is a
 * mistake, not a wish for SQLite. */
static void read_upstash(struct config *c, char **env)
{
    const char *url = variable(env, "UPSTASH_REDIS_REST_URL");
    c->store_opts.token = variable(env, "UPSTASH_REDIS_REST_TOKEN");
    if (url)
        c->store = url;
}

/* --- the command line ------------------------------------------------------------------------- */

static const struct option *find(enum command command, const char *name, size_t len)
{
    for (size_t i = 0; i < NOPTIONS; i++)
        if (options[i].commands & 1 << command && strlen(options[i].name) == len &&
            memcmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static const char *const command_names[] = {
    [COMMAND_SERVE] = "", [COMMAND_EXPORT] = "export", [COMMAND_IMPORT] = "import"};

/* Of a URL only the beginning: a password may follow. */
static bool bad_flag(const struct config *c, const char *what, const char *arg, char *err,
                     size_t err_len)
{
    const char *name = command_names[c->command], *url = strstr(arg, "://");
    int len = url && url - arg < 77 ? (int)(url - arg) + 3 : 80;
    snprintf(err, err_len, "%s %.*s (see %s%s%s--help)", what, len, arg, *name ? "bytecrowds " : "",
             name, *name ? " " : "");
    return false;
}

/* One flag; *i moves on to its value. */
static bool read_flag(struct config *c, char **argv, int argc, int *i, char *err, size_t err_len)
{
    const char *arg = argv[*i], *eq = strchr(arg, '=');
    const struct option *o =
        strncmp(arg, "--", 2) == 0
            ? find(c->command, arg + 2, eq ? (size_t)(eq - arg) - 2 : strlen(arg + 2))
            : NULL;
    if (!o)
        return bad_flag(c, "unknown option", arg, err, err_len);
    if (o->kind == FLAG && eq)
        return bad_flag(c, "no value belongs to", arg, err, err_len);
    const char *value = eq ? eq + 1 : o->kind == FLAG ? "" : *i + 1 < argc ? argv[++*i] : NULL;
    char flag[64];
    snprintf(flag, sizeof(flag), "--%s", o->name);
    if (!value) {
        snprintf(err, err_len, "%s needs a value (%s)", flag, o->value);
        return false;
    }
    if (!set(c, o, value)) {
        bad_value(o, flag, value, err, err_len);
        return false;
    }
    return true;
}

static enum config_result read_flags(struct config *c, int argc, char **argv, char *err,
                                     size_t err_len)
{
    for (int i = c->command == COMMAND_SERVE ? 1 : 2; i < argc; i++) {
        const char *arg = argv[i];
        bool operand = c->command != COMMAND_SERVE && (*arg != '-' || !arg[1]);
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
            return CONFIG_HELP;
        if (strcmp(arg, "--version") == 0)
            return CONFIG_VERSION;
        if (operand && c->transfer.file) {
            bad_flag(c, "one FILE is enough:", arg, err, err_len);
            return CONFIG_ERROR;
        }
        if (operand)
            c->transfer.file = arg;
        else if (!read_flag(c, argv, argc, &i, err, err_len))
            return CONFIG_ERROR;
    }
    return CONFIG_RUN;
}

/* What is wrong with all of it together, or NULL. */
static const char *contradiction(const struct config *c)
{
    const struct store_opts *o = &c->store_opts;
    bool rest = strncmp(c->store, "https:", 6) == 0 || strncmp(c->store, "http:", 5) == 0;
    bool tls = strncmp(c->store, "rediss", 6) == 0 || rest;
    if (c->command == COMMAND_SERVE && c->server.max_pending > c->server.max_document)
        return "--max-pending is more than --max-document";
    if (!o->tls_cert != !o->tls_key)
        return "--store-cert and --store-key go together";
    if ((o->tls_ca || o->tls_cert) && !tls)
        return "--store-ca, --store-cert and --store-key are for rediss:// and https://";
    if (o->replicas && strncmp(c->store, "sqlite:", 7) == 0)
        return "--store-replicas is for a Redis";
    if (rest && !o->token)
        return "--store: this URL needs a token: set UPSTASH_REDIS_REST_TOKEN";
    if (c->command != COMMAND_SERVE && (!c->transfer.file || !*c->transfer.file))
        return "FILE is missing (see --help)";
    return NULL;
}

static enum command command_of(int argc, char **argv)
{
    for (int i = COMMAND_EXPORT; i <= COMMAND_IMPORT; i++)
        if (argc > 1 && strcmp(argv[1], command_names[i]) == 0)
            return (enum command)i;
    return COMMAND_SERVE;
}

enum config_result config_read(struct config *c, int argc, char **argv, char **env, char *err,
                               size_t err_len)
{
    *c = (struct config){.command = command_of(argc, argv)};
    /* Before anything can be wrong: the errors point to --help. */
    const char *last = argc > 1 ? argv[argc - 1] : "";
    if (argc == (c->command == COMMAND_SERVE ? 2 : 3)) {
        if (strcmp(last, "--help") == 0 || strcmp(last, "-h") == 0)
            return CONFIG_HELP;
        if (strcmp(last, "--version") == 0)
            return CONFIG_VERSION;
    }
    server_defaults(&c->server);
    for (size_t i = 0; i < NOPTIONS; i++)
        if (*options[i].preset)
            set(c, &options[i], options[i].preset);
    read_upstash(c, env);
    if (!read_env(c, env, err, err_len))
        return CONFIG_ERROR;
    enum config_result result = read_flags(c, argc, argv, err, err_len);
    if (result != CONFIG_RUN)
        return result;
    const char *wrong = contradiction(c);
    if (!wrong && c->command == COMMAND_SERVE &&
        !sign_in_setup(&c->sign_in, c->server.host, &c->server.auth, err, err_len))
        return CONFIG_ERROR;
    if (!wrong)
        return result;
    snprintf(err, err_len, "%s", wrong);
    return CONFIG_ERROR;
}

/* --- help ------------------------------------------------------------------------------------- */

static void help_options(enum command command)
{
    for (size_t i = 0; i < NOPTIONS; i++) {
        const struct option *o = &options[i];
        char left[64];
        if (!(o->commands & 1 << command))
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", o->name, *o->value ? " " : "", o->value);
        printf("  %-34s %s", left, o->help);
        if (*o->preset)
            printf(" [%s]", o->preset);
        putchar('\n');
    }
    printf("  %-34s %s\n", "--help", "this text");
}

static void help_serve(void)
{
    printf("bytecrowds " BYTECROWDS_VERSION ": realtime code sharing\n\n"
           "usage: bytecrowds [--option value]...\n\n");
    help_options(COMMAND_SERVE);
    printf("  %-34s %s\n\n", "--version", "the version");
    printf("Each option is also an environment variable: --save-interval is "
           "BYTECROWDS_SAVE_INTERVAL.\n"
           "BYTES may end in K, M or G; MS in ms or s; DURATION ends in ms, s, m, h or d. If no "
           "store is named and\n"
           "UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN are set, it is that one.\n\n"
           "Everything in a store can be moved to another one by way of a file:\n\n");
    printf("  %-34s %s\n", "bytecrowds export FILE",
           "all of a store into FILE; has its own --help");
    printf("  %-34s %s\n", "bytecrowds import FILE",
           "all of FILE into a store; has its own --help");
}

static void help_export(void)
{
    printf("bytecrowds export: all bytecrowds of a store into one file\n\n"
           "usage: bytecrowds export [--option value]... FILE\n\n");
    printf("  %-34s %s\n", "FILE", "where to; - is standard output");
    help_options(COMMAND_EXPORT);
    printf("\nThe store is only read, and a server may use it meanwhile, a SQLite file included: "
           "each bytecrowd is\n"
           "what it was when it was read. FILE.part is renamed to FILE when everything is in it. "
           "After an\n"
           "interruption the same command goes on where it was.\n\n"
           "Users and sessions of the sign-in are in it as well, and who may open what: FILE is a "
           "secret.\n\n"
           "The options of the store are also environment variables, as they are for the server "
           "(bytecrowds --help).\n\n"
           "The exit code is 0 if all was exported, 1 if not, 2 for a bad option, 3 if there were "
           "bytecrowds that\n"
           "could not be read; their names are on standard error.\n");
}

static void help_import(void)
{
    printf("bytecrowds import: all bytecrowds of an exported file into a store\n\n"
           "usage: bytecrowds import [--option value]... FILE\n\n");
    printf("  %-34s %s\n", "FILE", "where from; - is standard input");
    help_options(COMMAND_IMPORT);
    printf(
        "\nEach bytecrowd is written whole or not at all, and nothing is overwritten: one that "
        "is there with the\n"
        "same content is passed over, so after an interruption the same command goes on where "
        "it was. One that\n"
        "is there and differs is named on standard error. To merge means to add what FILE has "
        "to its changes,\n"
        "as if somebody who was away came back. Users and sessions that are there and differ stay "
        "as they are.\n\n"
        "The options of the store are also environment variables, as they are for the server "
        "(bytecrowds --help).\n\n"
        "The exit code is 0 if all of FILE is in the store, 1 if not, 2 for a bad option, 3 if "
        "all is but for\n"
        "those that were named.\n");
}

void config_help(enum command command)
{
    if (command == COMMAND_EXPORT)
        help_export();
    else if (command == COMMAND_IMPORT)
        help_import();
    else
        help_serve();
}
