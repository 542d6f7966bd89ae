/* Any bytes as the head of a request. What is read lies inside the input; more bytes behind a whole
 * request change nothing; of a prefix nothing is taken, and no refusal is ever withdrawn. */
#include "net/http.h"

#include <stdlib.h>
#include <string.h>

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct http_str s, const uint8_t *data, size_t n)
{
    if (s.len)
        REQUIRE((const uint8_t *)s.p >= data && (const uint8_t *)s.p + s.len <= data + n);
}

static int parse_copy(const uint8_t *data, size_t n)
{
    struct http_request req;
    char *copy = malloc(n ? n : 1);
    memcpy(copy, data, n);
    int result = http_parse(copy, n, &(struct http_limits){0}, &req);
    free(copy);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request req;
    int n = http_parse(data, size, &(struct http_limits){0}, &req);
    REQUIRE(n <= (int)size && n > -600);
    if (n > 0) {
        REQUIRE(req.path.len && (req.path.p[0] == '/' || req.path.p[0] == '*'));
        inside(req.method, data, (size_t)n);
        inside(req.path, data, (size_t)n);
        inside(req.query, data, (size_t)n);
        inside(req.host, data, (size_t)n);
        for (size_t i = 0; i < req.header_count; i++) {
            inside(req.headers[i].name, data, (size_t)n);
            inside(req.headers[i].value, data, (size_t)n);
        }
        REQUIRE(req.content_length <= 65536);
        REQUIRE(parse_copy(data, (size_t)n) == n);
    }
    size_t cut = size ? (data[0] * 131u + data[size - 1]) % size : 0;
    int part = parse_copy(data, cut);
    REQUIRE(part > 0 ? part == n : part == 0 || part == n);
    http_query(&req, "x");
    return 0;
}
