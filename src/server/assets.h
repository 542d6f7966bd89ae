/*
 * The files of the page, embedded into the binary by the build (web/build.mjs writes the table;
 * field order and sizes are its contract). Everything lives as long as the program.
 */
#ifndef SERVER_ASSETS_H
#define SERVER_ASSETS_H

#include <stddef.h>
#include <stdint.h>

struct asset {
    const char *path; /* "/assets/app-4f3a.js", "/index.html", "/editor.html", "/error.html", ... */
    const char *content_type;
    const char *etag; /* quoted */
    const uint8_t *identity;
    size_t identity_len;
    const uint8_t *gzip; /* NULL, 0: no smaller */
    size_t gzip_len;
    const uint8_t *br;
    size_t br_len;
    uint64_t immutable; /* 1: the name has a hash of the content, cache it for good */
};

struct asset_table {
    const struct asset *assets;
    size_t count;
};

/* NULL if there is none of that path. */
const struct asset *asset_find(const struct asset_table *t, const char *path, size_t len);

#endif
