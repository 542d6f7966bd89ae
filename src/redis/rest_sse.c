#include "redis/rest_sse.h"

#include <string.h>

static void dispatch(struct sse *s, sse_event *event, void *udata)
{
    event(udata, s->data.data, s->data.len);
    buf_clear(&s->data);
    s->in_event = false;
}

static void data_line(struct sse *s, const uint8_t *value, size_t len)
{
    if (s->in_event)
        buf_putc(&s->data, '\n');
    buf_append(&s->data, value, len);
    buf_reserve(&s->data, 1); /* so that there is a pointer to empty data */
    s->in_event = true;
}

/* Without its newline. */
static void line(struct sse *s, const uint8_t *p, size_t len, sse_event *event, void *udata)
{
    if (len && p[len - 1] == '\r')
        len--;
    if (!len) {
        if (s->form == SSE_SECOND)
            s->form = SSE_BLOCKS;
        if (s->in_event)
            dispatch(s, event, udata);
        return;
    }
    if (len < 5 || memcmp(p, "data:", 5) != 0)
        return; /* a comment, or a field that says nothing to us */
    p += 5, len -= 5;
    if (len && *p == ' ')
        p++, len--;
    if (s->form == SSE_SECOND)
        s->form = SSE_LINES;
    data_line(s, p, len);
    if (s->form != SSE_BLOCKS)
        dispatch(s, event, udata);
    if (s->form == SSE_FIRST)
        s->form = SSE_SECOND;
}

bool sse_feed(struct sse *s, const void *bytes, size_t n, sse_event *event, void *udata)
{
    const uint8_t *p = bytes;
    while (n) {
        const uint8_t *end = memchr(p, '\n', n);
        size_t len = end ? (size_t)(end - p) : n;
        if (s->line.len + s->data.len + len > SSE_EVENT_MAX)
            return false;
        if (!end || s->line.len)
            buf_append(&s->line, p, len);
        if (end && s->line.len) {
            line(s, s->line.data, s->line.len, event, udata);
            buf_clear(&s->line);
        } else if (end) {
            line(s, p, len, event, udata);
        }
        len += end != NULL;
        p += len, n -= len;
    }
    return true;
}

void sse_release(struct sse *s)
{
    buf_release(&s->line);
    buf_release(&s->data);
}
