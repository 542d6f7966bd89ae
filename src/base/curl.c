#include "base/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

struct curl_functions curl;
static char wrong[200]; /* empty: nothing is */

static void *symbol(void *library, const char *name)
{
    void *p = dlsym(library, name);
    if (!p && !*wrong)
        snprintf(wrong, sizeof(wrong), "%s has no %s", LIBRARY, name);
    return p;
}

static void open_library(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(wrong, sizeof(wrong), "libcurl is needed: %s", dlerror());
        return;
    }
/* ISO C has no way from void * to a function, POSIX has. */
#define FIND(name)                                                                                 \
    {                                                                                              \
        void *p = symbol(library, "curl_" #name);                                                  \
        memcpy(&curl.name, &p, sizeof(p));                                                         \
    }
    CURL_FUNCTIONS(FIND)
#undef FIND
    if (!*wrong && curl.global_init(CURL_GLOBAL_DEFAULT))
        snprintf(wrong, sizeof(wrong), "%s does not work", LIBRARY);
}

int curl_open(char *err, size_t err_len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    if (*wrong)
        snprintf(err, err_len, "%s", wrong);
    return *wrong ? -1 : 0;
}
