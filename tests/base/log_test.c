#include "base/log.h"
#include "tests/test.h"

#include <unistd.h>

static char text[4096];

/* What log_event() writes to standard error, without its time stamp, which is checked. */
static const char *logged(bool json, enum log_level level, const char *event,
                          const struct log_field *fields, size_t n)
{
    FILE *f = tmpfile();
    int former = dup(STDERR_FILENO);
    dup2(fileno(f), STDERR_FILENO);
    log_setup(LOG_DEBUG, json);
    log_event(level, event, fields, n);
    dup2(former, STDERR_FILENO);
    close(former);
    rewind(f);
    size_t len = fread(text, 1, sizeof(text) - 1, f);
    text[len] = '\0';
    fclose(f);
    int year, end = 0;
    sscanf(text,
           json ? "{\"ts\":\"%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ\",%n"
                : "ts=%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ %n",
           &year, &end);
    CHECK(end > 0 && year > 2000);
    return text + end;
}

#define LOGGED(json, ...)                                                                          \
    logged(json, LOG_INFO, "it happened", (const struct log_field[]){__VA_ARGS__},                 \
           sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

TEST(log_both_formats)
{
    CHECK_STR(LOGGED(false, LOG_STR("address", "127.0.0.1:80"), LOG_INT("n", -7)),
              "level=info event=\"it happened\" address=127.0.0.1:80 n=-7\n");
    CHECK_STR(
        LOGGED(true, LOG_STR("address", "127.0.0.1:80"), LOG_INT("n", -7)),
        "\"level\":\"info\",\"event\":\"it happened\",\"address\":\"127.0.0.1:80\",\"n\":-7}\n");
    CHECK_STR(logged(false, LOG_ERROR, "done", NULL, 0), "level=error event=done\n");
}

TEST(log_values_cannot_forge_a_line_or_a_field)
{
    const char *evil = "x\" level=error\n\\ts=\r\t\x01\x7f";
    CHECK_STR(
        LOGGED(false, LOG_STR("v", evil)),
        "level=info event=\"it happened\" v=\"x\\\" level=error\\n\\\\ts=\\u000d\\u0009\\u0001"
        "\\u007f\"\n");
    CHECK_STR(LOGGED(true, LOG_STR("v", evil)),
              "\"level\":\"info\",\"event\":\"it happened\",\"v\":\"x\\\" "
              "level=error\\n\\\\ts=\\u000d\\u0009\\u0001\\u007f\"}\n");
    CHECK_STR(LOGGED(false, LOG_STR("a", ""), LOG_STR("b", "a=b"), LOG_STR("c", "a b")),
              "level=info event=\"it happened\" a=\"\" b=\"a=b\" c=\"a b\"\n");
}

/* A line with a store's error in Latin-1 was no JSON. */
TEST(log_values_are_utf8_whatever_comes)
{
    CHECK_STR(LOGGED(true, LOG_STR("v", "a\xe9 \xc3\xa9\xf0\x9f\x98\x80\xed\xa0\x80\xc3")),
              "\"level\":\"info\",\"event\":\"it happened\",\"v\":\"a\\ufffd "
              "\xc3\xa9\xf0\x9f\x98\x80\\ufffd\\ufffd\\ufffd\\ufffd\"}\n");
    CHECK_STR(LOGGED(false, LOG_STR("v", "\xc3\xa9\xff")),
              "level=info event=\"it happened\" v=\"\xc3\xa9\\ufffd\"\n");
}

TEST(log_levels)
{
    CHECK_EQ(log_level_of("debug"), LOG_DEBUG);
    CHECK_EQ(log_level_of("off"), LOG_OFF);
    CHECK_EQ(log_level_of("Info"), -1);
    CHECK_EQ(log_level_of(""), -1);
    log_setup(LOG_WARN, false);
    CHECK(!log_enabled(LOG_INFO) && log_enabled(LOG_WARN) && log_enabled(LOG_ERROR));
    log_setup(LOG_OFF, false);
    CHECK(!log_enabled(LOG_ERROR) && !log_enabled(LOG_OFF));
}
