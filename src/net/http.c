#include "net/http.h"

#include <string.h>
#include <strings.h>

#define HEAD_BYTES (16 * 1024)
#define TARGET_BYTES (4 * 1024)
#define BODY_BYTES (64 * 1024)

/* RFC 9110 5.6.2 tchar */
static bool is_token_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct http_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char((uint8_t)s.p[i]))
            return false;
    return s.len > 0;
}

bool http_str_is(struct http_str s, const char *text)
{
    return s.p && strlen(text) == s.len && memcmp(s.p, text, s.len) == 0;
}

bool http_str_is_nocase(struct http_str s, const char *text)
{
    return s.p && strlen(text) == s.len && strncasecmp(s.p, text, s.len) == 0;
}

static struct http_str trim(struct http_str s)
{
    while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
        s.p++, s.len--;
    while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool http_list_has(struct http_str list, const char *token)
{
    while (list.len) {
        const char *comma = memchr(list.p, ',', list.len);
        size_t n = comma ? (size_t)(comma - list.p) : list.len;
        if (http_str_is_nocase(trim((struct http_str){list.p, n}), token))
            return true;
        if (comma)
            n++;
        list.p += n;
        list.len -= n;
    }
    return false;
}

struct http_str http_header(const struct http_request *req, const char *name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (http_str_is_nocase(req->headers[i].name, name))
            return req->headers[i].value;
    return (struct http_str){NULL, 0};
}

static size_t count_header(const struct http_request *req, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < req->header_count; i++)
        n += http_str_is_nocase(req->headers[i].name, name);
    return n;
}

struct http_str http_query(const struct http_request *req, const char *name)
{
    struct http_str q = req->query;
    size_t name_len = strlen(name);
    while (q.len) {
        const char *amp = memchr(q.p, '&', q.len);
        size_t n = amp ? (size_t)(amp - q.p) : q.len;
        if (n >= name_len && memcmp(q.p, name, name_len) == 0) {
            if (n == name_len)
                return (struct http_str){q.p + n, 0};
            if (q.p[name_len] == '=')
                return (struct http_str){q.p + name_len + 1, n - name_len - 1};
        }
        if (amp)
            n++;
        q.p += n;
        q.len -= n;
    }
    return (struct http_str){NULL, 0};
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } all[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].status == status)
            return all[i].reason;
    return "Status";
}

/* --- one line after the other ----------------------------------------------------------------- */

/* The next line without its CRLF. 1; 0 if it is not whole; -400 if it has a bare CR or LF or a NUL.
 */
static int next_line(const char **p, const char *end, struct http_str *line)
{
    const char *lf = memchr(*p, '\n', (size_t)(end - *p));
    const char *stop = lf ? lf : end;
    for (const char *c = *p; c < stop; c++)
        if (*c == '\0' || (*c == '\r' && c + 1 < stop))
            return -400;
    if (!lf)
        return 0;
    if (lf == *p || lf[-1] != '\r')
        return -400;
    *line = (struct http_str){*p, (size_t)(lf - 1 - *p)};
    *p = lf + 1;
    return 1;
}

static bool host_valid(struct http_str h)
{
    for (size_t i = 0; i < h.len; i++) {
        char c = h.p[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  strchr("-._~[]:!$&'()*+;=%", c);
        if (!ok || c == '\0')
            return false;
    }
    return h.len > 0;
}

/* origin-form, or absolute-form of http(s), whose authority replaces Host (RFC 9112 3.2.2). */
static int read_target(struct http_request *req, struct http_str t)
{
    for (size_t i = 0; i < t.len; i++)
        if ((uint8_t)t.p[i] <= ' ' || (uint8_t)t.p[i] >= 0x7f || t.p[i] == '#')
            return -400;
    size_t scheme = 0;
    if (t.len > 7 && strncasecmp(t.p, "http://", 7) == 0)
        scheme = 7;
    else if (t.len > 8 && strncasecmp(t.p, "https://", 8) == 0)
        scheme = 8;
    if (scheme) {
        size_t n = scheme;
        while (n < t.len && t.p[n] != '/' && t.p[n] != '?')
            n++;
        req->host = (struct http_str){t.p + scheme, n - scheme};
        if (!host_valid(req->host) || n == t.len || t.p[n] != '/')
            return -400;
        t.p += n;
        t.len -= n;
    }
    if (http_str_is(t, "*") && http_str_is(req->method, "OPTIONS")) {
        req->path = t;
        return 0;
    }
    if (!t.len || t.p[0] != '/')
        return -400;
    const char *q = memchr(t.p, '?', t.len);
    req->path = (struct http_str){t.p, q ? (size_t)(q - t.p) : t.len};
    if (q)
        req->query = (struct http_str){q + 1, t.len - req->path.len - 1};
    return 0;
}

/* What a parser in front of us may take for the start of another protocol is not taken at all. */
static bool method_known(struct http_str m)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (http_str_is(m, known[i]))
            return true;
    return false;
}

/* METHOD SP target SP HTTP/1.x; *minor is x. */
static int read_request_line(struct http_request *req, struct http_str line, size_t target_max,
                             int *minor)
{
    const char *sp1 = memchr(line.p, ' ', line.len);
    if (!sp1)
        return -400;
    const char *end = line.p + line.len;
    const char *sp2 = memchr(sp1 + 1, ' ', (size_t)(end - sp1 - 1));
    if (!sp2)
        return -400;
    req->method = (struct http_str){line.p, (size_t)(sp1 - line.p)};
    struct http_str target = {sp1 + 1, (size_t)(sp2 - sp1 - 1)};
    struct http_str version = {sp2 + 1, (size_t)(end - sp2 - 1)};
    if (!is_token(req->method) || !target.len)
        return -400;
    if (!method_known(req->method))
        return -501;
    if (version.len != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.' ||
        version.p[5] < '0' || version.p[5] > '9' || version.p[7] < '0' || version.p[7] > '9')
        return -400;
    if (version.p[5] != '1' || version.p[7] > '1')
        return -505;
    *minor = version.p[7] - '0';
    if (target.len > target_max)
        return -414;
    return read_target(req, target);
}

static int read_header(struct http_request *req, struct http_str line)
{
    const char *colon = memchr(line.p, ':', line.len);
    if (!colon || req->header_count == HTTP_MAX_HEADERS)
        return colon ? -431 : -400;
    struct http_header *h = &req->headers[req->header_count++];
    h->name = (struct http_str){line.p, (size_t)(colon - line.p)};
    h->value = trim((struct http_str){colon + 1, line.len - h->name.len - 1});
    if (!is_token(h->name)) /* also white space before the colon, and obs-fold */
        return -400;
    for (size_t i = 0; i < h->value.len; i++) {
        uint8_t c = (uint8_t)h->value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return -400;
    }
    return 0;
}

/* --- what the headers say together ------------------------------------------------------------ */

static int check_length(struct http_request *req, size_t body_max)
{
    size_t lengths = count_header(req, "content-length");
    struct http_str te = http_header(req, "transfer-encoding");
    if (lengths > 1 || count_header(req, "transfer-encoding") > 1 || (te.p && lengths))
        return -400;
    if (te.p)
        return http_str_is_nocase(te, "chunked") ? -411 : is_token(te) ? -501 : -400;
    if (!lengths)
        return 0;
    struct http_str cl = http_header(req, "content-length");
    if (!cl.len || cl.len > 18)
        return -400;
    for (const char *c = cl.p + cl.len; *c != '\r'; c++)
        if (*c == '\t') /* white space by the RFC, not to every parser */
            return -400;
    for (size_t i = 0; i < cl.len; i++) {
        if (cl.p[i] < '0' || cl.p[i] > '9')
            return -400;
        req->content_length = req->content_length * 10 + (uint64_t)(cl.p[i] - '0');
    }
    return req->content_length > body_max ? -413 : 0;
}

static int check_host(struct http_request *req, int minor)
{
    size_t hosts = count_header(req, "host");
    struct http_str host = http_header(req, "host");
    if (hosts > 1 || (hosts == 0 && minor >= 1))
        return -400;
    if (hosts && !host_valid(host))
        return -400;
    if (!req->host.p && hosts)
        req->host = host;
    return 0;
}

/* 16 bytes in base64: 22 characters of its alphabet and "==". */
static bool key_valid(struct http_str k)
{
    if (k.len != 24 || k.p[22] != '=' || k.p[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = k.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/'))
            return false;
    }
    return true;
}

static bool connection_has(const struct http_request *req, const char *token)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (http_str_is_nocase(req->headers[i].name, "connection") &&
            http_list_has(req->headers[i].value, token))
            return true;
    return false;
}

/* After check_connection. An upgrade to another protocol is answered without it, but what follows
 * may be meant as that protocol, so the connection ends. */
static int check_upgrade(struct http_request *req, int minor)
{
    struct http_str upgrade = http_header(req, "upgrade");
    bool asked = upgrade.p && connection_has(req, "upgrade");
    if (asked && req->content_length)
        return -400;
    if (asked)
        req->keep_alive = false;
    if (minor < 1 || !http_list_has(upgrade, "websocket"))
        return 0;
    req->ws_key = http_header(req, "sec-websocket-key");
    if (!asked || !http_str_is(req->method, "GET") || count_header(req, "sec-websocket-key") != 1 ||
        !key_valid(req->ws_key) || count_header(req, "sec-websocket-version") != 1)
        return -400;
    if (!http_str_is(http_header(req, "sec-websocket-version"), "13"))
        return -426;
    req->upgrade_websocket = true;
    return 0;
}

static int check_connection(struct http_request *req, int minor)
{
    req->keep_alive = minor >= 1;
    for (size_t i = 0; i < req->header_count; i++) {
        if (!http_str_is_nocase(req->headers[i].name, "connection"))
            continue;
        if (http_list_has(req->headers[i].value, "close"))
            req->keep_alive = false;
        else if (minor == 0 && http_list_has(req->headers[i].value, "keep-alive"))
            req->keep_alive = true;
    }
    struct http_str expect = http_header(req, "expect");
    if (expect.p && !http_str_is_nocase(expect, "100-continue"))
        return -417;
    req->expects_continue = expect.p && minor >= 1;
    return 0;
}

static int check_request(struct http_request *req, const struct http_limits *l, int minor)
{
    int error = check_host(req, minor);
    if (!error)
        error = check_length(req, l->body_bytes ? l->body_bytes : BODY_BYTES);
    if (!error)
        error = check_connection(req, minor);
    if (!error)
        error = check_upgrade(req, minor);
    return error;
}

int http_parse(const void *data, size_t len, const struct http_limits *limits,
               struct http_request *req)
{
    size_t head_max = limits->head_bytes ? limits->head_bytes : HEAD_BYTES;
    size_t target_max = limits->target_bytes ? limits->target_bytes : TARGET_BYTES;
    const char *p = data, *end = p + (len < head_max ? len : head_max);
    struct http_str line;
    int minor = 0, error, got;
    *req = (struct http_request){0};
    got = next_line(&p, end, &line);
    if (got == 0 && len > target_max + 64)
        return -414;
    if (got == 0 && len >= head_max)
        return -431;
    if (got <= 0)
        return got;
    if ((error = read_request_line(req, line, target_max, &minor)))
        return error;
    for (;;) {
        got = next_line(&p, end, &line);
        if (got < 0)
            return got;
        if (got == 0)
            return len >= head_max ? -431 : 0;
        if (line.len == 0)
            break;
        if ((error = read_header(req, line)))
            return error;
    }
    error = check_request(req, limits, minor);
    return error ? error : (int)(p - (const char *)data);
}
