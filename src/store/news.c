#include "store/news.h"

#include "base/base64.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The next word and the space behind it, taken off the front; false if there is none. */
static bool word(const char **s, size_t *len, const char **out, size_t *out_len)
{
    const char *space = memchr(*s, ' ', *len);
    if (!space)
        return false;
    *out = *s;
    *out_len = (size_t)(space - *s);
    *len -= *out_len + 1;
    *s = space + 1;
    return true;
}

static bool digits(const char *s, size_t len, uint64_t *out)
{
    uint64_t n = 0;
    if (!len || len > 20)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(s[i] - '0');
        if (s[i] < '0' || s[i] > '9' || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

static bool hex64(const char *s, size_t len, uint64_t *out)
{
    uint64_t n = 0;
    if (len != 16)
        return false;
    for (size_t i = 0; i < len; i++) {
        int digit = s[i] >= '0' && s[i] <= '9'   ? s[i] - '0'
                    : s[i] >= 'a' && s[i] <= 'f' ? s[i] - 'a' + 10
                                                 : -1;
        if (digit < 0)
            return false;
        n = n << 4 | (uint64_t)digit;
    }
    *out = n;
    return true;
}

bool news_read_pos(const char *s, size_t len, struct store_pos *pos)
{
    const char *dash = memchr(s, '-', len);
    struct store_pos p;
    if (!dash || !digits(s, (size_t)(dash - s), &p.hi) ||
        !digits(dash + 1, len - (size_t)(dash + 1 - s), &p.lo))
        return false;
    *pos = p;
    return true;
}

void news_write_pos(char out[48], struct store_pos pos)
{
    snprintf(out, 48, "%" PRIu64 "-%" PRIu64, pos.hi, pos.lo);
}

/* A line break in a message would be one more event to who reads it from a REST stream; so it is
 * escaped, and the backslash with it. */
static bool unescape(struct buf *out, const char *s, size_t len)
{
    const char *end = s + len;
    while (s < end) {
        const char *slash = memchr(s, '\\', (size_t)(end - s));
        buf_append(out, s, (size_t)((slash ? slash : end) - s));
        if (!slash)
            return true;
        if (slash + 1 == end || !strchr("\\rn", slash[1]) || !slash[1])
            return false;
        buf_putc(out, slash[1] == 'r' ? '\r' : slash[1] == 'n' ? '\n' : '\\');
        s = slash + 2;
    }
    return true;
}

static bool read_update(const char *s, size_t len, bool base64, bool binary, struct feed_news *n)
{
    const char *prev, *pos;
    size_t prev_len, pos_len;
    if (!word(&s, &len, &prev, &prev_len) || !word(&s, &len, &pos, &pos_len) ||
        !news_read_pos(prev, prev_len, &n->prev) || !news_read_pos(pos, pos_len, &n->pos))
        return false;
    n->kind = FEED_UPDATE;
    if (base64)
        return base64_decode(&n->data, s, len);
    return !binary || unescape(&n->data, s, len);
}

static bool read_told(const char *s, size_t len, struct feed_news *n)
{
    n->kind = FEED_TOLD;
    return base64_decode(&n->data, s, len);
}

static bool read_fields(const char *s, size_t len, struct feed_news *n)
{
    const char *pos;
    size_t pos_len;
    n->kind = FEED_FIELDS;
    return word(&s, &len, &pos, &pos_len) && news_read_pos(pos, pos_len, &n->pos) &&
           hex64(s, len, &n->hash);
}

static bool read_snapshot(const char *s, size_t len, struct feed_news *n)
{
    const char *pos;
    size_t pos_len;
    uint64_t size;
    n->kind = FEED_SNAPSHOT;
    if (!word(&s, &len, &pos, &pos_len) || !news_read_pos(pos, pos_len, &n->pos) ||
        !digits(s, len, &size))
        return false;
    n->size = size;
    return true;
}

static bool read_policy(const char *s, size_t len, struct feed_news *n)
{
    n->kind = FEED_POLICY;
    return hex64(s, len, &n->node);
}

bool news_read(const void *message, size_t len, bool binary, struct feed_news *news)
{
    const char *s = message, *kind, *node;
    size_t kind_len, node_len;
    if (!word(&s, &len, &kind, &kind_len) || kind_len != 1)
        return false;
    if (*kind == 'p')
        return read_policy(s, len, news);
    if (!word(&s, &len, &node, &node_len) || !hex64(node, node_len, &news->node))
        return false;
    switch (*kind) {
    case 'u':
    case 'U':
        return read_update(s, len, *kind == 'U', binary, news);
    case 't':
        return read_told(s, len, news);
    case 'f':
        return read_fields(s, len, news);
    case 's':
        return read_snapshot(s, len, news);
    }
    return false;
}

void news_write_told(struct buf *out, uint64_t node, const struct buf *data)
{
    buf_printf(out, "t %016" PRIx64 " ", node);
    base64_encode(out, data->data, data->len);
}

void news_channel(char out[NEWS_CHANNEL_MAX], int db, const char *id)
{
    char at[16] = "";
    if (db)
        snprintf(at, sizeof(at), "@%d", db);
    snprintf(out, NEWS_CHANNEL_MAX, id ? "bytecrowd%s:%s" : "bytecrowds%s%s", at, id ? id : "");
}

const char *news_channel_id(const char *channel)
{
    const char *colon = strchr(channel, ':');
    return colon ? colon + 1 : NULL;
}
