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
