#include "redis/resolve.h"

#include "base/mem.h"
#include "redis/stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* A thread asks; nobody can interrupt it. Whoever comes last, it or the one who waits, frees this. */
struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    char host[256], service[8];
    bool done, abandoned;
    int error, error_errno;
    struct addrinfo *list;
};

static int ask(struct lookup *l, int flags)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};
    l->error = getaddrinfo(l->host, l->service, &hints, &l->list);
    l->error_errno = errno;
    return l->error;
}

static void free_lookup(struct lookup *l)
{
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->answered);
    free(l);
}

static void *ask_in_thread(void *udata)
{
    struct lookup *l = udata;
    ask(l, 0);
    pthread_mutex_lock(&l->lock);
    bool abandoned = l->abandoned;
    l->done = true;
    pthread_cond_signal(&l->answered);
    pthread_mutex_unlock(&l->lock);
    if (abandoned) {
        if (!l->error)
            freeaddrinfo(l->list);
        free_lookup(l);
    }
    return NULL;
}

static struct lookup *new_lookup(const char *host, uint16_t port)
{
    struct lookup *l = xcalloc(1, sizeof(*l));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->answered, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&l->lock, NULL);
    snprintf(l->host, sizeof(l->host), "%s", host);
    snprintf(l->service, sizeof(l->service), "%u", port);
    return l;
}

/* False: it was too late, and the lookup is the thread's. */
static bool wait_for(struct lookup *l, uint64_t deadline)
{
    struct timespec t = {(time_t)(deadline / 1000), (long)(deadline % 1000) * 1000000};
    pthread_mutex_lock(&l->lock);
    while (!l->done && pthread_cond_timedwait(&l->answered, &l->lock, &t) == 0)
        ;
    bool done = l->done;
    l->abandoned = !done;
    pthread_mutex_unlock(&l->lock);
    return done;
}

static bool start_thread(struct lookup *l)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, ask_in_thread, l) != 0)
        return false;
    pthread_detach(thread);
    return true;
}

struct addrinfo *resolve(const char *host, uint16_t port, uint64_t deadline, char *err,
                         size_t err_len)
{
    struct lookup *l = new_lookup(host, port);
    struct addrinfo *list = NULL;
    /* An address needs nobody to be asked, and so no thread. */
    if (ask(l, AI_NUMERICHOST) && start_thread(l) && !wait_for(l, deadline)) {
        snprintf(err, err_len, "the name was not found in time");
        return NULL;
    }
    if (!l->error)
        list = l->list;
    else
        snprintf(err, err_len, "%s",
                 l->error == EAI_SYSTEM ? strerror(l->error_errno) : gai_strerror(l->error));
    free_lookup(l);
    return list;
}
