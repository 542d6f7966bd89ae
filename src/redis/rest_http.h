/*
 * One HTTP request to Upstash's REST interface and its answer, by libcurl. What the link
 * (redis_rest.c) and the subscription (rest_sub.c) share; only they use it.
 *
 *     rest_call_init(&c, target, "/pipeline");
 *     rest_call_start(&c, multi, body, len);      multi is the caller's, who makes it work
 *     ...                                         until curl_multi_info_read() has its result
 *     rest_call_end(&c, multi);
 *     c.status, c.answer, c.error                 and again from rest_call_start()
 *     rest_call_release(&c);
 *
 * HTTP/1.1, since there is one request at a time and a subscription had better have a connection of
 * its own. The certificate of https is verified. Redirections are not followed. The token stands in
 * a header and nowhere else.
 */
#ifndef REDIS_REST_HTTP_H
#define REDIS_REST_HTTP_H

#include "base/buf.h"
#include "base/curl.h"
#include "redis/link.h"

/* What a load of many big bytecrowds may come to. */
#define REST_ANSWER_MAX (256u * 1024 * 1024)

struct rest_call {
    CURL *easy;
    const struct redis_target *target;
    struct curl_slist *headers;
    bool once;   /* may not be sent twice by curl itself (the next start) */
    bool fresh;  /* on a new connection (the next start) */
    bool stream; /* wants server-sent events */
    /* If set, gets the bytes of an answer with status 200, not `answer`; false ends the call. */
    bool (*sink)(void *udata, const void *data, size_t n);
    void *udata;

    const uint8_t *body; /* borrowed */
    size_t body_len, body_sent;
    uint64_t moved_ms; /* when bytes went either way for the last time, or it was started */
    long status;       /* 0: no answer */
    uint32_t retry_after_s;
    char sync_token[512]; /* what the server wants back with the next request, for its replicas */
    struct buf answer;
    bool too_long;
    char error[CURL_ERROR_SIZE];
};

/* Whether the target makes sense, and libcurl is there: -1 with a reason. Before anything else here. */
int rest_check(const struct redis_target *t, char *err, size_t err_len);
CURLM *rest_multi_new(void);
void rest_call_init(struct rest_call *c, const struct redis_target *t, const char *path);
/* `body` must live until the end. */
void rest_call_start(struct rest_call *c, CURLM *multi, const void *body, size_t len);
/* Also while it is under way: then its connection is closed. */
void rest_call_end(struct rest_call *c, CURLM *multi);
void rest_call_release(struct rest_call *c);
/* Why there was no good answer, for people: never the token. */
void rest_call_explain(const struct rest_call *c, CURLcode code, char *out, size_t len);

#endif
