/*
 * Structured logs: one line an event on standard error, logfmt or JSON. Values are quoted as
 * needed, so that no value can forge a line or a field. Any thread may log.
 *
 *     log_info("listening", LOG_STR("address", addr), LOG_INT("port", port));
 *     ts=2026-11-24T10:00:00.000Z level=info event=listening address=127.0.0.1 port=8080
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log_field {
    const char *key;
    const char *str; /* NULL: the number */
    int64_t num;
};

#define LOG_STR(k, v) ((struct log_field){(k), (v), 0})
#define LOG_INT(k, v) ((struct log_field){(k), NULL, (int64_t)(v)})

void log_setup(enum log_level least, bool json);
/* -1 if the name is none of debug, info, warn, error, off. */
int log_level_of(const char *name);
bool log_enabled(enum log_level level);
void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define LOG_AT(level, event, ...)                                                                  \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_field log_fields[] = {{0}, ##__VA_ARGS__};                            \
            log_event(level, event, log_fields + 1,                                                \
                      sizeof(log_fields) / sizeof(log_fields[0]) - 1);                             \
        }                                                                                          \
    } while (0)

#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

#endif
