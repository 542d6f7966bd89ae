/*
 * What the parser makes of a whole byte stream, for tests/net/oracle/run.mjs. Records on standard
 * input: length (4 bytes, little endian), bytes. For each one line on standard output: a JSON array
 * of [method, target, body length] for each request, then the status that refused the rest, 0 when
 * the stream ended between requests, or 1 when it ended inside one.
 */
#include "net/http.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_string(struct http_str s)
{
    putchar('"');
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == '"' || s.p[i] == '\\')
            printf("\\%c", s.p[i]);
        else
            putchar(s.p[i]);
    putchar('"');
}

static void print_requests(const char *p, size_t len)
{
    struct http_request req;
    int n = 0;
    printf("[");
    while (len) {
        n = http_parse(p, len, &(struct http_limits){0}, &req);
        if (n <= 0)
            break;
        if (len - (size_t)n < req.content_length) {
            n = 0;
            break;
        }
        struct http_str target = req.path;
        if (req.query.p)
            target.len = (size_t)(req.query.p + req.query.len - target.p);
        printf("[");
        print_string(req.method);
        printf(",");
        print_string(target);
        printf(",%llu],", (unsigned long long)req.content_length);
        p += (size_t)n + req.content_length;
        len -= (size_t)n + (size_t)req.content_length;
        if (!req.keep_alive || req.upgrade_websocket)
            break;
    }
    printf("%d]\n", n < 0 ? -n : !len ? 0 : n > 0 ? 2 : 1);
    fflush(stdout);
}

int main(void)
{
    uint8_t head[4];
    while (fread(head, 1, 4, stdin) == 4) {
        size_t len = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        char *p = malloc(len ? len : 1);
        if (!p || fread(p, 1, len, stdin) != len)
            return 1;
        print_requests(p, len);
        free(p);
    }
    return 0;
}
