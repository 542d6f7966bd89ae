#include "tests/redis/server.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t owner;
static char *dirs[256];
static size_t dir_count;
static struct redis_server *servers[64];
static size_t server_count;
static struct redis_server shared;

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

int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
          getsockname(fd, (struct sockaddr *)&a, &len) == 0);
    close(fd);
    return ntohs(a.sin_port);
}

static _Noreturn void become(const char *const *argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static _Noreturn void become_redis(const struct redis_server *r, const char *const *more)
{
    char port[16];
    const char *argv[48] = {"redis-server", "--port",        port,     "--bind",    "127.0.0.1",
                            "--dir",        r->dir,          "--save", "",          "--appendonly",
                            "yes",          "--appendfsync", "always", "--logfile", "redis.log"};
    size_t n = 15;
    snprintf(port, sizeof(port), "%d", r->port);
    for (; more && *more; more++)
        argv[n++] = *more;
    argv[n] = NULL;
    become(argv);
}

static void wait_until_it_serves(const struct redis_server *r)
{
    for (int i = 0; i < 500; i++) {
        const char *answer = redis_cli(r, "ping");
        if (!strcmp(answer, "PONG") || strstr(answer, "NOAUTH"))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    test_fail(__FILE__, __LINE__, "redis-server does not serve; is it installed?");
}

static void prepare(struct redis_server *r, int port, const char *dir)
{
    *r = (struct redis_server){.port = port ? port : free_port(), .dir = dir ? dir : temp_dir()};
    snprintf(r->url, sizeof(r->url), "redis://127.0.0.1:%d", r->port);
    if (r != &shared)
        servers[server_count++] = r;
}

void redis_start(struct redis_server *r, int port, const char *dir, const char *const *args)
{
    prepare(r, port, dir);
    r->pid = fork();
    CHECK(r->pid >= 0);
    if (!r->pid)
        become_redis(r, args);
    wait_until_it_serves(r);
}

void redis_start_sentinel(struct redis_server *r, const char *conf)
{
    char path[128];
    prepare(r, 0, NULL);
    snprintf(path, sizeof(path), "%s/sentinel.conf", r->dir);
    FILE *f = fopen(path, "w");
    CHECK(f && fprintf(f, "port %d\nbind 127.0.0.1\nlogfile %s/sentinel.log\ndir %s\n%s", r->port,
                       r->dir, r->dir, conf) > 0);
    fclose(f);
    r->pid = fork();
    CHECK(r->pid >= 0);
    if (!r->pid)
        become((const char *const[]){"redis-server", path, "--sentinel", NULL});
    wait_until_it_serves(r);
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
