/*
 * libcurl, opened when it is used (a REST store, sign-in) and not before. With what it brings along it is some
 * thirty libraries; linked, they made every start twice as long, on SQLite too.
 */
#ifndef BASE_CURL_H
#define BASE_CURL_H

#include <curl/curl.h>
#include <stddef.h>

#define CURL_FUNCTIONS(F)                                                                          \
    F(global_init)                                                                                 \
    F(free)                                                                                        \
    F(easy_init)                                                                                   \
    F(easy_setopt)                                                                                 \
    F(easy_getinfo)                                                                                \
    F(easy_strerror)                                                                               \
    F(easy_cleanup)                                                                                \
    F(multi_init)                                                                                  \
    F(multi_add_handle)                                                                            \
    F(multi_remove_handle)                                                                         \
    F(multi_perform)                                                                               \
    F(multi_poll)                                                                                  \
    F(multi_wakeup)                                                                                \
    F(multi_info_read)                                                                             \
    F(multi_cleanup)                                                                               \
    F(slist_append)                                                                                \
    F(slist_free_all)                                                                              \
    F(url)                                                                                         \
    F(url_set)                                                                                     \
    F(url_get)                                                                                     \
    F(url_cleanup)

/* curl.easy_init is curl_easy_init, and so on. */
#define CURL_MEMBER(name) __typeof__(curl_##name) *name;
struct curl_functions {
    CURL_FUNCTIONS(CURL_MEMBER)
};
#undef CURL_MEMBER

/* Valid after curl_open() gave 0. */
extern struct curl_functions curl;

/* Any number of times, by any thread. -1 with a reason if it is not installed. */
int curl_open(char *err, size_t err_len);

#endif
