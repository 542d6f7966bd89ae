#include "tests/redis/rest_fixture.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void become_upstash(const struct redis_server *r, const char *options, int in,
                                     int out)
{
    char port[16];
    snprintf(port, sizeof(port), "%d", r->port);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    execlp("node", "node", "tests/redis/upstash.mjs", port, options ? options : "{}", (char *)NULL);
    _exit(127);
}

static const char *answer(struct upstash *u)
{
    static char line[4096];
    if (!fgets(line, sizeof(line), u->from))
        test_fail(__FILE__, __LINE__, "the stand-in for Upstash has ended; is node installed?");
    line[strcspn(line, "\n")] = '\0';
    return line;
}

void upstash_start(struct upstash *u, const struct redis_server *r, const char *options)
{
    int to[2], from[2];
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    u->pid = fork();
    CHECK(u->pid >= 0);
    if (!u->pid) {
        close(to[1]), close(from[0]);
        become_upstash(r, options, to[0], from[1]);
    }
    close(to[0]), close(from[1]);
    u->to = fdopen(to[1], "w");
    u->from = fdopen(from[0], "r");
    CHECK(u->to && u->from);
    u->port = atoi(answer(u));
    bool tls = options && strstr(options, "\"tls\"");
    snprintf(u->url, sizeof(u->url), "http%s://127.0.0.1:%d", tls ? "s" : "", u->port);
}

struct upstash *upstash_shared(void)
{
    static struct upstash shared;
    if (!shared.pid)
        upstash_start(&shared, redis_shared(), NULL);
    return &shared;
}

const char *upstash_say(struct upstash *u, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(u->to, fmt, ap);
    va_end(ap);
    fputc('\n', u->to);
    fflush(u->to);
    return answer(u);
}

long upstash_count(struct upstash *u, const char *name)
{
    return atol(upstash_say(u, "{\"is\":\"stats\",\"name\":\"%s\"}", name));
}

void upstash_stop(struct upstash *u)
{
    fclose(u->to);
    fclose(u->from);
    kill(u->pid, SIGKILL);
    waitpid(u->pid, NULL, 0);
    u->pid = 0;
}

struct redis_target *rest_target(const char *url, uint32_t timeout_ms)
{
    static struct redis_target t;
    char err[160] = "";
    t = (struct redis_target){.timeout_ms = timeout_ms};
    if (redis_url_parse(url, &t.url, err, sizeof(err)) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", url, err);
    snprintf(t.url.password, sizeof(t.url.password), "a-token");
    return &t;
}
