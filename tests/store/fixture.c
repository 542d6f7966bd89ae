#include "tests/store/fixture.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t owner;
static char *dirs[256];
static size_t dir_count;
static struct redis_server *servers[64];
static size_t server_count;
static struct redis_server shared;
static char last_path[256]; /* of the sqlite file of store_new() */

static void clean_up(void)
{
    if (getpid() != owner)
        return;
    for (size_t i = 0; i < server_count; i++)
        redis_kill(servers[i]);
    if (shared.pid)
        redis_kill(&shared);
    for (size_t i = 0; i < dir_count; i++) {
        shell("rm -rf '%s'", dirs[i]);
        free(dirs[i]);
    }
}

const char *temp_dir(void)
{
    char path[] = "/tmp/bytecrowds-store-XXXXXX";
    if (!owner) {
        owner = getpid();
        atexit(clean_up);
    }
    CHECK(mkdtemp(path) && dir_count < sizeof(dirs) / sizeof(*dirs));
    return dirs[dir_count++] = xstrdup(path);
}

const char *shell(const char *fmt, ...)
{
    static char out[65536];
    char command[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof(command), fmt, ap);
    va_end(ap);
    FILE *f = popen(command, "r");
    size_t n = f ? fread(out, 1, sizeof(out) - 1, f) : 0;
    if (f)
        pclose(f);
    while (n && out[n - 1] == '\n')
        n--;
    out[n] = '\0';
    return out;
}

const char *redis_cli(const struct redis_server *r, const char *command)
{
    return shell("redis-cli -p %d %s 2>&1", r->port, command);
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
          getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    close(fd);
    return ntohs(a.sin_port);
}

static _Noreturn void become_redis(const struct redis_server *r, const char *const *more)
{
    char port[16];
    const char *argv[32] = {"redis-server", "--port",        port,     "--bind",    "127.0.0.1",
                            "--dir",        r->dir,          "--save", "",          "--appendonly",
                            "yes",          "--appendfsync", "always", "--logfile", "redis.log"};
    size_t n = 15;
    snprintf(port, sizeof(port), "%d", r->port);
    for (; more && *more; more++)
        argv[n++] = *more;
    argv[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

void redis_start(struct redis_server *r, int port, const char *dir, const char *const *args)
{
    *r = (struct redis_server){.port = port ? port : free_port(), .dir = dir ? dir : temp_dir()};
    snprintf(r->url, sizeof(r->url), "redis://127.0.0.1:%d", r->port);
    r->pid = fork();
    CHECK(r->pid >= 0);
    if (!r->pid)
        become_redis(r, args);
    if (r != &shared)
        servers[server_count++] = r;
    for (int i = 0; i < 500; i++) {
        const char *answer = redis_cli(r, "ping");
        if (!strcmp(answer, "PONG") || strstr(answer, "NOAUTH"))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    test_fail(__FILE__, __LINE__, "redis-server does not serve; is it installed?");
}

void redis_kill(struct redis_server *r)
{
    if (r->pid) {
        kill(r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
    }
    r->pid = 0;
    for (size_t i = 0; i < server_count; i++)
        if (servers[i] == r)
            servers[i--] = servers[--server_count];
}

struct redis_server *redis_shared(void)
{
    if (!shared.pid)
        redis_start(&shared, 0, NULL, NULL);
    return &shared;
}

struct store *store_must_open(const char *url, uint32_t timeout_ms)
{
    char err[256] = "";
    struct store *s = store_open(url, &(struct store_opts){.timeout_ms = timeout_ms}, err, 256);
    if (!s)
        test_fail(__FILE__, __LINE__, "%s: %s", url, err);
    return s;
}

static struct store *open_last(void)
{
    char url[300];
    snprintf(url, sizeof(url), "sqlite:%s", last_path);
    return store_must_open(url, 5000);
}

struct store *store_new(const char *which)
{
    if (!strcmp(which, "sqlite")) {
        snprintf(last_path, sizeof(last_path), "%s/db.sqlite", temp_dir());
        return open_last();
    }
    redis_cli(redis_shared(), "flushall");
    return store_must_open(shared.url, 5000);
}

struct store *store_again(struct store *s)
{
    bool redis = !strcmp(store_name(s), "redis");
    store_close(s);
    return redis ? store_must_open(shared.url, 5000) : open_last();
}

enum store_result put(struct store *s, enum store_kind kind, const char *id, const void *data,
                      size_t len, struct store_pos *pos)
{
    struct store_op op = {.kind = kind, .id = id}, *ops = &op;
    buf_append(&op.data, data, len);
    if (pos)
        op.pos = *pos;
    store_run(s, &ops, 1);
    if (pos)
        *pos = op.pos;
    CHECK((op.result < 0) == (*op.error != '\0'));
    store_op_release(&op);
    return op.result;
}

enum store_result append(struct store *s, const char *id, const char *data, struct store_pos *pos)
{
    return put(s, STORE_APPEND, id, data, strlen(data), pos);
}

enum store_result put_fields(struct store *s, const char *id, const char *text,
                             const char *language)
{
    struct store_op op = {.kind = STORE_FIELDS, .id = id}, *ops = &op;
    op.has_text = text;
    op.has_language = language;
    if (text)
        buf_puts(&op.text, text);
    if (language)
        buf_puts(&op.language, language);
    store_run(s, &ops, 1);
    store_op_release(&op);
    return op.result;
}

enum store_result load(struct store *s, const char *id, struct store_op *op)
{
    *op = (struct store_op){.kind = STORE_LOAD, .id = id};
    store_run(s, &op, 1);
    return op->result;
}

void expect(struct store *s, const char *id, const char *snapshot, const char *updates)
{
    struct store_op op;
    struct buf joined = {0};
    CHECK_EQ(load(s, id, &op), STORE_OK);
    for (size_t i = 0; i < op.update_count; i++) {
        if (i)
            buf_putc(&joined, '|');
        buf_append(&joined, op.updates[i].data, op.updates[i].len);
    }
    CHECK_EQ(op.has_state, *snapshot || *updates);
    CHECK_STR(buf_str(&op.snapshot), snapshot);
    CHECK_STR(buf_str(&joined), updates);
    buf_release(&joined);
    store_op_release(&op);
}
