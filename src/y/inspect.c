/* inspect: an update as lines for people; y.h describes them. */
#include "y/updates_int.h"

#include "y/any.h"
#include "y/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of binary content so many bytes are shown. */
#define SHOWN 32

struct printer {
    struct ybuf *out;
    int error;
};

static void put(struct printer *p, const void *data, size_t n)
{
    if (!p->error)
        p->error = ybuf_append(p->out, data, n);
}

/* For numbers and fixed words only. */
__attribute__((format(printf, 2, 3))) static void print(struct printer *p, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(p, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static void put_any(struct printer *p, struct y_slice any)
{
    if (!p->error)
        p->error = y_any_to_json(any.p, any.n, p->out);
}

/* As JSON writes a string. */
static void quote(struct printer *p, struct y_slice s)
{
    struct ybuf any = {0};
    if (!p->error && (ybuf_append(&any, "\x77", 1) || y_write_bytes(&any, s.p, s.n)))
        p->error = Y_ERR_NOMEM;
    put_any(p, (struct y_slice){any.data, any.len});
    ybuf_release(&any);
}

static struct y_slice text_of(struct y_reader *r)
{
    size_t len;
    const uint8_t *p = y_read_bytes(r, &len);
    return (struct y_slice){p, len};
}

static struct y_slice any_of(struct y_reader *r)
{
    const uint8_t *from = r->p;
    y_any_skip(r);
    return (struct y_slice){from, (size_t)(r->p - from)};
}

static void list(struct printer *p, const struct y_struct *s)
{
    struct y_reader r = y_reader_of(s->data.p, s->data.n);
    print(p, s->kind == Y_JSON ? "json" : "any");
    for (uint32_t i = 0; i < s->len && !p->error; i++) {
        put(p, i ? ", " : " ", i ? 2 : 1);
        struct y_slice it = s->kind == Y_JSON ? text_of(&r) : any_of(&r);
        if (s->kind == Y_JSON)
            put(p, it.p, it.n);
        else
            put_any(p, it);
    }
}

static void bytes(struct printer *p, struct y_slice data)
{
    print(p, "binary %zu bytes", data.n);
    for (size_t i = 0; i < data.n && i < SHOWN; i++)
        print(p, "%s%02x", i ? "" : " ", data.p[i]);
    if (data.n > SHOWN)
        print(p, "...");
}

static void type(struct printer *p, const struct y_struct *s)
{
    static const char *const names[] = {"array",        "map",      "text",    "xml-element",
                                        "xml-fragment", "xml-hook", "xml-text"};
    print(p, "type %s", names[s->type_ref]);
    if (s->type_ref == Y_REF_XML_ELEMENT || s->type_ref == Y_REF_XML_HOOK) {
        put(p, " ", 1);
        quote(p, s->data);
    }
}

static void content(struct printer *p, const struct y_struct *s)
{
    struct y_reader r = y_reader_of(s->data.p, s->data.n);
    switch (s->kind) {
    case Y_GC:
        print(p, "gc");
        break;
    case Y_SKIP:
        print(p, "skip");
        break;
    case Y_DELETED:
        print(p, "deleted");
        break;
    case Y_STRING:
        print(p, "string ");
        quote(p, s->data);
        break;
    case Y_BINARY:
        bytes(p, s->data);
        break;
    case Y_EMBED:
        print(p, "embed ");
        put_any(p, s->data);
        break;
    case Y_FORMAT:
    case Y_DOC:
        print(p, s->kind == Y_FORMAT ? "format " : "doc ");
        quote(p, text_of(&r));
        print(p, s->kind == Y_FORMAT ? " = " : " ");
        put_any(p, any_of(&r));
        break;
    case Y_TYPE:
        type(p, s);
        break;
    default:
        list(p, s);
    }
}

static void id(struct printer *p, const char *what, struct y_rid at)
{
    print(p, "  %s %llu:%llu", what, (unsigned long long)at.client, (unsigned long long)at.clock);
}

static void line(struct printer *p, uint64_t client, const struct y_struct *s)
{
    bool item = s->kind != Y_GC && s->kind != Y_SKIP;
    print(p, "client %llu  clock %llu..%llu  ", (unsigned long long)client,
          (unsigned long long)s->clock, (unsigned long long)s->clock + s->len);
    content(p, s);
    if (item && s->info & Y_HAS_ORIGIN)
        id(p, "origin", s->origin);
    if (item && s->info & Y_HAS_RIGHT)
        id(p, "right", s->right);
    if (item && s->parent_kind == Y_PARENT_ID)
        id(p, "parent", s->parent);
    if (item && s->parent_kind == Y_PARENT_ROOT) {
        print(p, "  parent root ");
        quote(p, s->root);
    }
    if (item && s->parent_kind != Y_PARENT_COPIED && s->info & Y_HAS_KEY) {
        print(p, "  key ");
        quote(p, s->key);
    }
    put(p, "\n", 1);
}

static void deletes(struct printer *p, struct y_dec *d)
{
    for (uint64_t n = y_dec_ds_clients(d); n && !d->r.error && !p->error; n--) {
        uint64_t client, ranges, clock, len;
        y_dec_ds_client(d, &client, &ranges);
        if (!d->r.error)
            print(p, "delete client %llu:", (unsigned long long)client);
        for (uint64_t i = 0; i < ranges && !d->r.error && !p->error; i++) {
            y_dec_ds_range(d, &clock, &len);
            print(p, "%s %llu..%llu", i ? "," : "", (unsigned long long)clock,
                  (unsigned long long)(clock + len));
        }
        put(p, "\n", 1);
    }
}

int y_update_inspect(const void *update, size_t len, enum y_format format, struct ybuf *out)
{
    struct y_dec d;
    struct y_struct s;
    struct printer p = {out, Y_OK};
    size_t before = out->len;
    y_dec_init(&d, update, len, format);
    for (uint64_t n = y_dec_sections(&d); n && !d.r.error && !p.error; n--) {
        uint64_t structs, client, clock;
        y_dec_section(&d, &structs, &client, &clock);
        for (; structs && !p.error && y_dec_struct(&d, client, clock, &s); structs--) {
            line(&p, client, &s);
            clock += s.len;
        }
    }
    deletes(&p, &d);
    int error = y_dec_end(&d);
    error = p.error ? p.error : error;
    if (error)
        out->len = before;
    return error;
}
