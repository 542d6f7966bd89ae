#include "server/name.h"

#include <string.h>

static const char *const reserved[] = {
    "admin", "about",       "analytics",   "api",           "assets",
    "auth",  "error",       "favicon.ico", "favicon.svg",   "healthz",
    "help",  "index.html",  "livez",       "metrics",       "new",
    "raw",   "robots.txt",  "sitemap.xml", "static",        "stats",
    "ws",    "editor.html", "error.html",  "manifest.json", "manifest.webmanifest",
};

static bool allowed(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

enum name_verdict name_check(const char *s, size_t len)
{
    if (len < 1 || len > NAME_MAX_LEN || (len <= 2 && memcmp(s, "..", len) == 0))
        return NAME_BAD;
    for (size_t i = 0; i < len; i++)
        if (!allowed((unsigned char)s[i]))
            return NAME_BAD;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (strlen(reserved[i]) == len && memcmp(reserved[i], s, len) == 0)
            return NAME_RESERVED;
    return NAME_OK;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int name_decode(const char *s, size_t len, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (c == '%') {
            if (len - i < 3 || hex(s[i + 1]) < 0 || hex(s[i + 2]) < 0)
                return -1;
            c = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
            i += 2;
        }
        if (n + 1 >= cap || c == '\0')
            return -1;
        out[n++] = c;
    }
    out[n] = '\0';
    return (int)n;
}
