/*
 * redis-servers for the tests: started on free ports of this machine, ended with the program,
 * whatever ends that.
 */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include "tests/test.h"

#include <sys/types.h>

/* A directory that is removed when the program ends. The string lives as long. */
const char *temp_dir(void);

struct redis_server {
    pid_t pid;
    int port;
    const char *dir;
    char url[128]; /* redis://127.0.0.1:port */
};

/* Starts one and waits until it serves; every write is fsync'd. `args`: more arguments, NULL at the
 * end; may itself be NULL. port 0: a free one; dir NULL: a new one. */
void redis_start(struct redis_server *r, int port, const char *dir, const char *const *args);
/* A Sentinel with these lines of configuration. */
void redis_start_sentinel(struct redis_server *r, const char *conf);
void redis_kill(struct redis_server *r); /* SIGKILL */
/* The server that tests share which leave it as it was. */
struct redis_server *redis_shared(void);
/* redis-cli on that server; what it printed, without the last newline. Static. */
const char *redis_cli(const struct redis_server *r, const char *command);
/* The output of a shell command, likewise. */
const char *shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int free_port(void);

#endif
