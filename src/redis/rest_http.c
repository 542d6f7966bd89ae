#include "redis/rest_http.h"

#include "base/mem.h"
#include "redis/rest_json.h"
#include "redis/stream.h"
#include "redis/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RETRY_AFTER_MAX_S 3600

/* --- targets ---------------------------------------------------------------------------------- */

int rest_check(const struct redis_target *t, char *err, size_t err_len)
{
    struct tls_files files = {t->tls_ca, t->tls_cert, t->tls_key};
    const char *token = t->url.password;
    if (t->replicas) {
        snprintf(err, err_len, "the REST interface cannot wait for replicas; rediss:// can");
        return -1;
    }
    if (!*token) {
        snprintf(err, err_len, "the REST interface needs a token");
        return -1;
    }
    for (; *token; token++) {
        if (*token > 0x20 && *token < 0x7f)
            continue;
        snprintf(err, err_len, "the token has a character that no token has");
        return -1;
    }
    if (t->url.tls && tls_check(&files, err, err_len) < 0)
        return -1;
    return curl_open(err, err_len);
}

CURLM *rest_multi_new(void)
{
    CURLM *m = curl.multi_init();
    if (!m)
        abort();
    return m;
}

/* --- what curl calls -------------------------------------------------------------------------- */

static size_t give_body(char *to, size_t size, size_t count, void *udata)
{
    struct rest_call *c = udata;
    size_t n = size * count, left = c->body_len - c->body_sent;
    if (n > left)
        n = left;
    if (n)
        memcpy(to, c->body + c->body_sent, n);
    c->body_sent += n;
    c->moved_ms = stream_clock();
    return n;
}

/* Curl itself sends a request again if a connection that it kept turns out to be closed. */
static int rewind_body(void *udata, curl_off_t offset, int origin)
{
    struct rest_call *c = udata;
    if (c->once || origin != SEEK_SET || offset < 0 || (size_t)offset > c->body_len)
        return CURL_SEEKFUNC_FAIL;
    c->body_sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t take_answer(char *data, size_t size, size_t count, void *udata)
{
    struct rest_call *c = udata;
    size_t n = size * count;
    long status = 0;
    c->moved_ms = stream_clock();
    curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (c->sink && status == 200)
        return c->sink(c->udata, data, n) ? n : 0;
    c->too_long = c->answer.len + n > REST_ANSWER_MAX;
    if (c->too_long)
        return 0;
    buf_append(&c->answer, data, n);
    return n;
}

/* The value of a header line, if it is that header. */
static bool header(const char *line, size_t n, const char *name, char *out, size_t out_len)
{
    size_t len = strlen(name);
    if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
        return false;
    line += len + 1, n -= len + 1;
    while (n && (*line == ' ' || *line == '\t'))
        line++, n--;
    while (n && (unsigned char)line[n - 1] <= ' ')
        n--;
    if (n < out_len)
        snprintf(out, out_len, "%.*s", (int)n, line);
    return n < out_len;
}

static size_t take_header(char *line, size_t size, size_t count, void *udata)
{
    struct rest_call *c = udata;
    size_t n = size * count;
    char text[sizeof(c->sync_token)];
    c->moved_ms = stream_clock();
    if (header(line, n, "retry-after", text, sizeof(text))) {
        long s = strtol(text, NULL, 10);
        c->retry_after_s = s <= 0 ? 0 : s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (uint32_t)s;
    } else if (header(line, n, "upstash-sync-token", text, sizeof(text))) {
        snprintf(c->sync_token, sizeof(c->sync_token), "%s", text);
    }
    return n;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void set_transfer(struct rest_call *c)
{
    CURL *e = c->easy;
    curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* Or giving up waits for the thread that looks up a name, which nobody can interrupt. */
    curl.easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl.easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl.easy_setopt(e, CURLOPT_TCP_KEEPIDLE, 15L);
    curl.easy_setopt(e, CURLOPT_TCP_KEEPINTVL, 5L);
    curl.easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->target->timeout_ms);
    curl.easy_setopt(e, CURLOPT_ERRORBUFFER, c->error);
    curl.easy_setopt(e, CURLOPT_USERAGENT, "bytecrowds/" BYTECROWDS_VERSION);
    curl.easy_setopt(e, CURLOPT_POST, 1L);
    curl.easy_setopt(e, CURLOPT_READFUNCTION, give_body);
    curl.easy_setopt(e, CURLOPT_READDATA, c);
    curl.easy_setopt(e, CURLOPT_SEEKFUNCTION, rewind_body);
    curl.easy_setopt(e, CURLOPT_SEEKDATA, c);
    curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, take_answer);
    curl.easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl.easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
    curl.easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl.easy_setopt(e, CURLOPT_PRIVATE, c);
}

void rest_call_init(struct rest_call *c, const struct redis_target *t, const char *path)
{
    struct buf url = {0};
    *c = (struct rest_call){.target = t, .easy = curl.easy_init()};
    if (!c->easy)
        abort();
    set_transfer(c);
    buf_printf(&url, "%s%s", t->url.rest, path);
    curl.easy_setopt(c->easy, CURLOPT_URL, buf_str(&url));
    buf_release(&url);
    /* The token is not to leave this machine as it is, whatever http_proxy says. */
    if (!t->url.tls)
        curl.easy_setopt(c->easy, CURLOPT_NOPROXY, "*");
    curl.easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (t->tls_ca) {
        curl.easy_setopt(c->easy, CURLOPT_CAINFO, t->tls_ca);
        /* Curl has a folder of the system's besides, which would be trusted as well. */
        curl.easy_setopt(c->easy, CURLOPT_CAPATH, NULL);
    }
    if (t->tls_cert)
        curl.easy_setopt(c->easy, CURLOPT_SSLCERT, t->tls_cert);
    if (t->tls_key)
        curl.easy_setopt(c->easy, CURLOPT_SSLKEY, t->tls_key);
}

/* One with no value takes away what curl would send by itself. */
static void add_header(struct rest_call *c, const char *name, const char *value)
{
    char line[sizeof(c->sync_token) + 64];
    snprintf(line, sizeof(line), "%s%s", name, value);
    struct curl_slist *list = curl.slist_append(c->headers, line);
    if (!list)
        abort();
    c->headers = list;
}

static void set_headers(struct rest_call *c)
{
    curl.slist_free_all(c->headers);
    c->headers = NULL;
    add_header(c, "Authorization: Bearer ", c->target->url.password);
    add_header(c, "Expect:", ""); /* or curl waits a second before it sends a big body */
    if (c->stream) {
        add_header(c, "Accept: ", "text/event-stream");
        add_header(c, "Content-Type:", ""); /* there is no body */
    } else {
        add_header(c, "Content-Type: ", "application/json");
        add_header(c, "Upstash-Encoding: ", "base64");
    }
    if (*c->sync_token)
        add_header(c, "Upstash-Sync-Token: ", c->sync_token);
    curl.easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    /* A stream must not wait in a compressor for more. */
    curl.easy_setopt(c->easy, CURLOPT_ACCEPT_ENCODING, c->stream ? NULL : "gzip");
}

void rest_call_start(struct rest_call *c, CURLM *multi, const void *body, size_t len)
{
    c->body = body;
    c->body_len = len;
    c->body_sent = 0;
    c->status = 0;
    c->retry_after_s = 0;
    c->too_long = false;
    *c->error = '\0';
    buf_clear(&c->answer);
    set_headers(c);
    curl.easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    curl.easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, (long)c->fresh);
    c->moved_ms = stream_clock();
    if (curl.multi_add_handle(multi, c->easy))
        abort();
}

void rest_call_end(struct rest_call *c, CURLM *multi)
{
    curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status);
    curl.multi_remove_handle(multi, c->easy);
}

void rest_call_release(struct rest_call *c)
{
    curl.easy_cleanup(c->easy);
    curl.slist_free_all(c->headers);
    buf_release(&c->answer);
}

/* What the server says, unless it repeats the token. */
static void server_says(const struct rest_call *c, char *out, size_t len)
{
    char start[9];
    snprintf(start, sizeof(start), "%.8s", c->target->url.password);
    if (!rest_read_error(c->answer.data, c->answer.len, out, len) || strstr(out, start))
        *out = '\0';
}

void rest_call_explain(const struct rest_call *c, CURLcode code, char *out, size_t len)
{
    char said[200];
    if (code == CURLE_OPERATION_TIMEDOUT) {
        const char *what = c->body_len && !c->body_sent ? "connection" : "answer";
        snprintf(out, len, "no %s within %u ms", what, c->target->timeout_ms);
    } else if (c->too_long) {
        snprintf(out, len, "an answer of more than %u MiB", REST_ANSWER_MAX >> 20);
    } else if (code == CURLE_SEND_FAIL_REWIND) {
        snprintf(out, len, "the server closed the connection");
    } else if (code != CURLE_OK) {
        snprintf(out, len, "%s", *c->error ? c->error : curl.easy_strerror(code));
    } else {
        server_says(c, said, sizeof(said));
        const char *what = c->status == 401 || c->status == 403 ? "the token was refused" : "HTTP";
        snprintf(out, len, "%s (%ld%s%s)", what, c->status, *said ? ": " : "", said);
    }
}
