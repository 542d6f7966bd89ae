#include "net/fetch.h"

#include "base/curl.h"
#include "base/list.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_MS 10000
#define BODY_MAX (1024 * 1024)
#define CALLS_MAX 32
#define HEAD_MAX (128 * 1024) /* all header lines of an answer; curl keeps them */
#define IDLE_MS (3600 * 1000)

/*
 * A call is in one of the fetcher's lists, and who may touch the rest of it follows from which:
 *
 *     net_fetch() --> waiting --> running --> finished --> ready --> done()
 *                        |           |            |          |
 *                        | cancel    v cancel     v cancel   v cancel
 *                      freed     cancelled      freed      freed
 *
 * The thread has those that are running or cancelled, the loop all others. The lists are under the mutex, but for
 * `ready`, which is the loop's own, so that a callback may cancel another call of the same turn.
 */
enum state { WAITING, RUNNING, FINISHED };

struct net_call {
    struct list node; /* under the mutex, and `state` */
    enum state state;
    struct net_fetcher *fetcher;
    void (*done)(const struct net_answer *answer, void *udata);
    void *udata;
    uint64_t deadline_us;
    bool post, refused; /* refused: nothing that can be sent */
    char *url;
    struct buf body;
    struct curl_slist *lines; /* curl's; made on the thread */
    char **headers;
    size_t header_count;
    CURL *easy;
    char *host; /* curl's */
    size_t head_len;
    bool head_too_long, body_too_long;
    char reason[CURL_ERROR_SIZE];
    char error[CURL_ERROR_SIZE + 280];
    struct net_answer answer;
};

struct net_fetcher {
    char *ca;
    struct net_fetcher_opts opts;
    struct net_wake *wake;
    pthread_t thread;
    bool started;
    struct list ready;
    pthread_mutex_t mutex;
    /* The rest is under the mutex. */
    struct list waiting, running, cancelled, finished;
    size_t running_count; /* those that are cancelled too */
    CURLM *multi;         /* NULL: the thread does not wait in it yet, or never will */
    bool stop;
    bool broken; /* there is no thread to serve a call; `why` */
    char why[240];
};

static void free_call(struct net_call *c)
{
    if (c->easy)
        curl.easy_cleanup(c->easy);
    if (c->lines)
        curl.slist_free_all(c->lines);
    if (c->host)
        curl.free(c->host);
    for (size_t i = 0; i < c->header_count; i++)
        free(c->headers[i]);
    free(c->headers);
    free(c->url);
    buf_release(&c->body);
    buf_release(&c->answer.body);
    free(c);
}

/* Under the mutex: or the thread could be gone, and what it waits in with it. */
static void wake_thread(struct net_fetcher *f)
{
    if (f->multi)
        curl.multi_wakeup(f->multi);
}

/* Under the mutex. */
static void move_to_finished(struct net_fetcher *f, struct net_call *c)
{
    bool first = list_empty(&f->finished);
    c->state = FINISHED;
    list_remove(&c->node);
    list_append(&f->finished, &c->node);
    if (first)
        net_wake_send(f->wake);
}

/* Under the mutex. */
static void fail_waiting(struct net_fetcher *f)
{
    list_each(node, &f->waiting)
    {
        struct net_call *c = container_of(node, struct net_call, node);
        snprintf(c->error, sizeof(c->error), "%s", f->why);
        move_to_finished(f, c);
    }
}

/* --- what curl calls -------------------------------------------------------------------------- */

static size_t take_body(char *data, size_t size, size_t count, void *udata)
{
    struct net_call *c = udata;
    size_t n = size * count;
    c->body_too_long = n > c->fetcher->opts.max_body - c->answer.body.len;
    if (c->body_too_long)
        return 0;
    buf_append(&c->answer.body, data, n);
    return n;
}

static size_t take_header(char *line, size_t size, size_t count, void *udata)
{
    struct net_call *c = udata;
    size_t n = size * count;
    c->head_too_long = n > HEAD_MAX - c->head_len;
    if (c->head_too_long)
        return 0;
    c->head_len += n;
    return n;
}

/* --- making a request ------------------------------------------------------------------------- */

/* As curl writes hosts: numbers in full, IPv6 in brackets. */
static bool is_loopback(const char *host)
{
    struct in_addr a;
    if (inet_pton(AF_INET, host, &a) == 1)
        return ntohl(a.s_addr) >> 24 == 127;
    return !strcasecmp(host, "localhost") || !strcmp(host, "[::1]");
}

/* By curl's own parser, so that what is checked is what will be connected to. */
static bool read_url(struct net_call *c, bool *http)
{
    CURLU *u = curl.url();
    char *scheme = NULL;
    if (!u)
        abort();
    bool ok = !curl.url_set(u, CURLUPART_URL, c->url, CURLU_DISALLOW_USER) &&
              !curl.url_get(u, CURLUPART_SCHEME, &scheme, 0) &&
              !curl.url_get(u, CURLUPART_HOST, &c->host, 0) && strlen(c->host) < 256;
    *http = ok && !strcmp(scheme, "http");
    ok = ok && (*http || !strcmp(scheme, "https"));
    if (scheme)
        curl.free(scheme);
    curl.url_cleanup(u);
    return ok;
}

static void set_headers(struct net_call *c)
{
    for (size_t i = 0; i <= c->header_count; i++) {
        /* The last: or curl waits a second before it sends a big body. */
        const char *line = i < c->header_count ? c->headers[i] : "Expect:";
        struct curl_slist *list = curl.slist_append(c->lines, line);
        if (!list)
            abort();
        c->lines = list;
    }
    curl.easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->lines);
}

static void set_host(struct net_call *c)
{
    CURL *e = c->easy;
    const char *ca = c->fetcher->ca;
    curl.easy_setopt(e, CURLOPT_URL, c->url);
    curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    /* Nothing for this machine is to leave it, whatever http_proxy says. */
    if (is_loopback(c->host))
        curl.easy_setopt(e, CURLOPT_NOPROXY, "*");
    curl.easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (ca) {
        curl.easy_setopt(e, CURLOPT_CAINFO, ca);
        /* Curl has a folder of the system's besides, which would be trusted as well. */
        curl.easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
}

static void set_transfer(struct net_call *c, uint64_t left_ms)
{
    CURL *e = c->easy;
    curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* Or giving up waits for the thread that looks up a name, which nobody can interrupt. */
    curl.easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl.easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl.easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl.easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)left_ms);
    curl.easy_setopt(e, CURLOPT_ERRORBUFFER, c->reason);
    curl.easy_setopt(e, CURLOPT_USERAGENT, "bytecrowds/" BYTECROWDS_VERSION);
    curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl.easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl.easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
    curl.easy_setopt(e, CURLOPT_HEADERDATA, c);
    curl.easy_setopt(e, CURLOPT_PRIVATE, c);
    if (!c->post)
        return;
    curl.easy_setopt(e, CURLOPT_POST, 1L);
    curl.easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len);
    curl.easy_setopt(e, CURLOPT_POSTFIELDS, c->body.len ? (char *)c->body.data : "");
    /* On a kept connection that turns out to be closed curl would send it twice, and a code is good for once. */
    curl.easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
}

/* False if it has failed at once. */
static bool begin(struct net_fetcher *f, struct net_call *c)
{
    bool http = false;
    uint64_t now = net_now_us();
    if (c->refused || !read_url(c, &http)) {
        snprintf(c->error, sizeof(c->error), "no request that can be sent");
        return false;
    }
    if (http && !f->opts.plain && !is_loopback(c->host)) {
        snprintf(c->error, sizeof(c->error), "%s: https: is needed", c->host);
        return false;
    }
    if (now + 1000 > c->deadline_us) {
        snprintf(c->error, sizeof(c->error), "%s: too many requests are under way", c->host);
        return false;
    }
    c->easy = curl.easy_init();
    if (!c->easy)
        abort();
    set_host(c);
    set_transfer(c, (c->deadline_us - now) / 1000);
    set_headers(c);
    if (curl.multi_add_handle(f->multi, c->easy))
        abort();
    return true;
}

/* --- the thread ------------------------------------------------------------------------------- */

static const char *reason_of(struct net_call *c, CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(c->reason, sizeof(c->reason), "no answer within %u ms",
                 c->fetcher->opts.timeout_ms);
    else if (c->body_too_long)
        snprintf(c->reason, sizeof(c->reason), "an answer of more than %zu bytes",
                 c->fetcher->opts.max_body);
    else if (c->head_too_long)
        snprintf(c->reason, sizeof(c->reason), "too many headers");
    /* What is said of a proxy repeats its address, with the password that may be in it. */
    else if (!*c->reason || code == CURLE_COULDNT_RESOLVE_PROXY || strchr(c->reason, '@') ||
             strstr(c->reason, "://"))
        return curl.easy_strerror(code);
    return c->reason;
}

static void read_answer(struct net_call *c, CURLcode code)
{
    long status = 0;
    char *type = NULL;
    if (code != CURLE_OK) {
        snprintf(c->error, sizeof(c->error), "%s: %s", c->host, reason_of(c, code));
        return;
    }
    curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl.easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    c->answer.status = (int)status;
    if (!status)
        snprintf(c->error, sizeof(c->error), "%s: no status", c->host);
    if (type && strlen(type) < sizeof(c->answer.content_type))
        snprintf(c->answer.content_type, sizeof(c->answer.content_type), "%s", type);
}

static void end(struct net_fetcher *f, struct net_call *c)
{
    pthread_mutex_lock(&f->mutex);
    if (c->state == RUNNING) {
        f->running_count--;
        move_to_finished(f, c);
    }
    pthread_mutex_unlock(&f->mutex);
}

/* Whether there was one. */
static bool begin_next(struct net_fetcher *f)
{
    struct net_call *c = NULL;
    pthread_mutex_lock(&f->mutex);
    if (!f->stop && !list_empty(&f->waiting) && f->running_count < f->opts.max_calls) {
        c = container_of(f->waiting.next, struct net_call, node);
        list_remove(&c->node);
        list_append(&f->running, &c->node);
        c->state = RUNNING;
        f->running_count++;
    }
    pthread_mutex_unlock(&f->mutex);
    if (c && !begin(f, c))
        end(f, c);
    return c != NULL;
}

static void drop(struct net_fetcher *f, struct list *calls)
{
    list_each(node, calls)
    {
        struct net_call *c = container_of(node, struct net_call, node);
        list_remove(node);
        if (c->easy)
            curl.multi_remove_handle(f->multi, c->easy);
        free_call(c);
    }
}

static void drop_cancelled(struct net_fetcher *f)
{
    struct list mine;
    list_init(&mine);
    pthread_mutex_lock(&f->mutex);
    list_each(node, &f->cancelled) f->running_count--;
    list_move(&mine, &f->cancelled);
    pthread_mutex_unlock(&f->mutex);
    drop(f, &mine);
}

static void transfer(struct net_fetcher *f)
{
    CURLMsg *m;
    int running, left;
    curl.multi_perform(f->multi, &running);
    while ((m = curl.multi_info_read(f->multi, &left))) {
        struct net_call *c = NULL;
        CURLcode code = m->data.result; /* gone with the handle */
        if (m->msg != CURLMSG_DONE)
            continue;
        curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
        read_answer(c, code);
        curl.multi_remove_handle(f->multi, c->easy);
        curl.easy_cleanup(c->easy);
        c->easy = NULL;
        end(f, c);
    }
}

/* False if it cannot do anything. */
static bool open_thread(struct net_fetcher *f)
{
    char err[sizeof(f->why)] = "libcurl does not work";
    CURLM *multi = curl_open(err, sizeof(err)) < 0 ? NULL : curl.multi_init();
    pthread_mutex_lock(&f->mutex);
    f->multi = multi;
    if (!multi) {
        snprintf(f->why, sizeof(f->why), "%s", err);
        f->broken = true;
        fail_waiting(f);
    }
    pthread_mutex_unlock(&f->mutex);
    return multi != NULL;
}

static void *run(void *arg)
{
    struct net_fetcher *f = arg;
    bool stop = !open_thread(f);
    while (!stop) {
        drop_cancelled(f);
        while (begin_next(f))
            ;
        transfer(f);
        pthread_mutex_lock(&f->mutex);
        stop = f->stop;
        bool more = !list_empty(&f->waiting) && f->running_count < f->opts.max_calls;
        pthread_mutex_unlock(&f->mutex);
        if (!stop && !more)
            curl.multi_poll(f->multi, NULL, 0, IDLE_MS, NULL);
    }
    return NULL;
}

/* --- the loop --------------------------------------------------------------------------------- */

static void deliver(void *udata)
{
    struct net_fetcher *f = udata;
    pthread_mutex_lock(&f->mutex);
    list_move(&f->ready, &f->finished);
    pthread_mutex_unlock(&f->mutex);
    while (!list_empty(&f->ready)) {
        struct net_call *c = container_of(f->ready.next, struct net_call, node);
        list_remove(&c->node);
        if (!c->answer.status) {
            buf_clear(&c->answer.body);
            c->answer.error = c->error;
        }
        c->done(&c->answer, c->udata);
        free_call(c);
    }
}

struct net_fetcher *net_fetcher_new(struct net_loop *loop, const struct net_fetcher_opts *opts)
{
    struct net_fetcher *f = xcalloc(1, sizeof(*f));
    f->opts = *opts;
    f->ca = opts->ca ? xstrdup(opts->ca) : NULL;
    if (!f->opts.timeout_ms)
        f->opts.timeout_ms = TIMEOUT_MS;
    if (!f->opts.max_body)
        f->opts.max_body = BODY_MAX;
    if (!f->opts.max_calls)
        f->opts.max_calls = CALLS_MAX;
    f->wake = net_wake_new(loop, deliver, f);
    pthread_mutex_init(&f->mutex, NULL);
    list_init(&f->waiting);
    list_init(&f->running);
    list_init(&f->cancelled);
    list_init(&f->finished);
    list_init(&f->ready);
    return f;
}

/* A line break in a value would begin another header. */
static bool is_line(const char *s)
{
    for (; *s; s++)
        if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
            return false;
    return true;
}

static struct net_call *new_call(struct net_fetcher *f, const struct net_request *r)
{
    struct net_call *c = xcalloc(1, sizeof(*c));
    size_t n = 0;
    c->fetcher = f;
    c->deadline_us = net_now_us() + (uint64_t)f->opts.timeout_ms * 1000;
    c->url = xstrdup(r->url);
    c->post = !strcmp(r->method, "POST");
    c->refused = !c->post && strcmp(r->method, "GET") != 0;
    buf_append(&c->body, r->body, r->body_len);
    while (r->headers && r->headers[n])
        n++;
    c->headers = xcalloc(n + 1, sizeof(*c->headers));
    for (; c->header_count < n; c->header_count++) {
        const char *line = r->headers[c->header_count];
        c->headers[c->header_count] = xstrdup(line);
        c->refused |= !is_line(line);
    }
    return c;
}

static void start_thread(struct net_fetcher *f)
{
    f->started = pthread_create(&f->thread, NULL, run, f) == 0;
    if (f->started)
        return;
    pthread_mutex_lock(&f->mutex);
    snprintf(f->why, sizeof(f->why), "no thread can be started");
    f->broken = true;
    fail_waiting(f);
    pthread_mutex_unlock(&f->mutex);
}

struct net_call *net_fetch(struct net_fetcher *f, const struct net_request *request,
                           void (*done)(const struct net_answer *answer, void *udata), void *udata)
{
    struct net_call *c = new_call(f, request);
    c->done = done;
    c->udata = udata;
    pthread_mutex_lock(&f->mutex);
    list_init(&c->node);
    list_append(&f->waiting, &c->node);
    bool broken = f->broken;
    if (broken)
        fail_waiting(f);
    wake_thread(f);
    pthread_mutex_unlock(&f->mutex);
    if (!f->started && !broken)
        start_thread(f);
    return c;
}

void net_fetch_cancel(struct net_call *c)
{
    struct net_fetcher *f = c->fetcher;
    pthread_mutex_lock(&f->mutex);
    bool running = c->state == RUNNING;
    list_remove(&c->node);
    if (running) {
        list_append(&f->cancelled, &c->node);
        c->state = WAITING; /* so that nobody hands it over */
        wake_thread(f);
    }
    pthread_mutex_unlock(&f->mutex);
    if (!running)
        free_call(c);
}

void net_fetcher_free(struct net_fetcher *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->mutex);
    f->stop = true;
    wake_thread(f);
    pthread_mutex_unlock(&f->mutex);
    if (f->started)
        pthread_join(f->thread, NULL);
    list_move(&f->running, &f->waiting);
    list_move(&f->running, &f->cancelled);
    list_move(&f->running, &f->finished);
    list_move(&f->running, &f->ready);
    drop(f, &f->running);
    if (f->multi)
        curl.multi_cleanup(f->multi);
    net_wake_free(f->wake);
    pthread_mutex_destroy(&f->mutex);
    free(f->ca);
    free(f);
}
