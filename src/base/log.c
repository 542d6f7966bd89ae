#include "base/log.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level least_level = LOG_INFO;
static bool as_json;
static const char *const names[] = {"debug", "info", "warn", "error", "off"};

void log_setup(enum log_level least, bool json)
{
    least_level = least;
    as_json = json;
}

int log_level_of(const char *name)
{
    for (int i = 0; i <= LOG_OFF; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

bool log_enabled(enum log_level level)
{
    return level >= least_level && level < LOG_OFF;
}

static bool plain(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("\"=\\", *s))
            return false;
    return true;
}

static void quoted(struct buf *b, const char *s)
{
    size_t left = strlen(s), n;
    buf_putc(b, '"');
    for (; left; s += n, left -= n) {
        unsigned char c = (unsigned char)*s;
        n = utf8_char(s, left);
        if (c == '"' || c == '\\')
            buf_putc(b, '\\'), buf_putc(b, c);
        else if (c == '\n')
            buf_puts(b, "\\n");
        else if (c < ' ' || c == 0x7f)
            buf_printf(b, "\\u%04x", c);
        else if (n)
            buf_append(b, s, n);
        else
            buf_puts(b, "\\ufffd"), n = 1; /* what other programs wrote, a store's error say */
    }
    buf_putc(b, '"');
}

static void field(struct buf *b, const struct log_field *f)
{
    if (as_json) {
        buf_putc(b, ',');
        quoted(b, f->key);
        buf_putc(b, ':');
    } else {
        buf_printf(b, " %s=", f->key);
    }
    if (!f->str)
        buf_printf(b, "%" PRId64, f->num);
    else if (as_json || !plain(f->str))
        quoted(b, f->str);
    else
        buf_puts(b, f->str);
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    struct buf b = {0};
    struct timespec ts;
    struct tm tm;
    char when[32];
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    if (as_json)
        buf_printf(&b, "{\"ts\":\"%s.%03ldZ\"", when, ts.tv_nsec / 1000000);
    else
        buf_printf(&b, "ts=%s.%03ldZ", when, ts.tv_nsec / 1000000);
    field(&b, &LOG_STR("level", names[level]));
    field(&b, &LOG_STR("event", event));
    for (size_t i = 0; i < n; i++)
        field(&b, &fields[i]);
    buf_puts(&b, as_json ? "}\n" : "\n");
    /* One write, so that lines of several threads do not mix; a full disk must not stop the server.
     */
    ssize_t ignored = write(STDERR_FILENO, b.data, b.len);
    (void)ignored;
    buf_release(&b);
}
