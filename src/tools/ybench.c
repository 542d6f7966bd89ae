/*
 * ybench: what src/y costs for a recorded session, as one JSON object on standard output.
 *
 *     ybench apply LOG     every update of a log, one by one, into a new document
 *     ybench load FILE     one update (a whole state) into a new document, and its text read
 *     ybench encode FILE   a document's whole state; what --sv lacks; with --state-vector that
 *     ybench merge LOG     the updates of a log into one update
 *     ybench local OPS     local edits of a text, a transaction each
 *
 *     zcat paper.updates.gz | ybench apply - --expect paper.txt
 *
 * A log is [u32 little endian length][bytes]...; where one update is expected a log stands for the
 * state that it makes. OPS is: u32 number of transactions, then for each u32 number of patches,
 * then for each u32 position, u32 deleted (both UTF-16), u32 bytes, that many bytes of UTF-8.
 *
 * Every run begins with a new document; reading the file, making what the run begins with and
 * freeing are not timed. Before the timed runs one is made for the memory: `live` is what malloc
 * has handed out when the work is done (its overhead included), `peak` how far the resident memory
 * grew meanwhile.
 *
 * Exit: 0; 1 when --expect does not match; 2 with one line on standard error for bad input or
 * usage.
 */
#include "y/y.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS_MAX 100000

enum mode { APPLY, LOAD, ENCODE, MERGE, LOCAL };
static const char *const mode_names[] = {"apply", "load", "encode", "merge", "local"};

struct options {
    enum mode mode;
    const char *file;
    enum y_format format; /* of FILE and of what is written */
    size_t runs, limit;   /* limit: the first so many updates of the log; 0: all */
    bool log, state_vector, no_text;
    const char *root, *expect, *sv, *start, *out;
};

/* What the file holds, and what a run works with. */
struct input {
    struct ybuf file;
    struct y_slice *updates; /* of a log; else the one update */
    size_t count;
    struct transaction *transactions;
    struct patch *patches;
    size_t transaction_count, patch_count;
    struct ybuf state;     /* the state that FILE stands for, unless it is one update itself */
    struct ybuf sv, start; /* --sv, --start */
};

struct patch {
    uint32_t pos, del, len;
    const char *utf8;
};

struct transaction {
    const struct patch *patches;
    size_t count;
};

/* What one run leaves. */
struct result {
    struct ydoc *doc; /* NULL for merge */
    struct ybuf bytes, text;
    uint64_t ns;
};

struct memory {
    size_t live, peak, document;
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("ybench: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

static void *need(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

static void check(int error, const char *what)
{
    if (error < 0)
        die("%s: %s", what, y_strerror(error));
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* --- src/y, as far as it goes in this build --------------------------------------------------- */

static int apply(struct ydoc *doc, struct y_slice update, enum y_format format)
{
    return format == Y_V1 ? ydoc_apply(doc, update.p, update.n, NULL)
                          : ydoc_apply_v2(doc, update.p, update.n, NULL);
}

static int encode(const struct ydoc *doc, const struct ybuf *sv, enum y_format format,
                  struct ybuf *out)
{
    return format == Y_V1 ? ydoc_encode_update(doc, sv->data, sv->len, out)
                          : ydoc_encode_update_v2(doc, sv->data, sv->len, out);
}

/* One transaction. */
static int edit(struct ydoc *doc, const struct options *o, const struct transaction *t)
{
    bool around = t->count > 1;
    int error = around ? ydoc_begin(doc, NULL) : 0;
    for (size_t i = 0; i < t->count && !error; i++) {
        const struct patch *p = &t->patches[i];
        error = ydoc_text_splice(doc, o->root, p->pos, p->del, p->utf8, p->len, NULL);
    }
    if (around) {
        int committed = ydoc_commit(doc);
        error = error ? error : committed;
    }
    return error;
}

static bool is_update(const struct ybuf *b, enum y_format format)
{
    if (format == Y_V1)
        return y_update_check(b->data, b->len) >= 0;
    return y_update_check_v2(b->data, b->len) >= 0;
}

static struct ydoc *new_document(void)
{
    const struct ydoc_opts opts = {.max_pending_bytes = (size_t)1 << 40};
    return need(ydoc_new(&opts));
}

/* --- input ------------------------------------------------------------------------------------ */

static void read_file(const char *name, struct ybuf *out)
{
    uint8_t chunk[1 << 16];
    size_t n;
    FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    if (!f)
        die("%s: %s", name, strerror(errno));
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        if (ybuf_append(out, chunk, n) < 0)
            die("%s: out of memory", name);
    if (ferror(f))
        die("%s: %s", name, strerror(errno));
    if (f != stdin)
        fclose(f);
}

/* Cuts the file into its frames; false, with nothing kept, if it is no log. */
static bool split_log(struct input *in)
{
    const uint8_t *p = in->file.data, *end = p + in->file.len;
    size_t cap = 0;
    while (p < end) {
        if (end - p < 4 || u32(p) > (size_t)(end - p - 4)) {
            in->count = 0;
            return false;
        }
        if (in->count == cap) {
            cap = cap ? 2 * cap : 1024;
            in->updates = need(realloc(in->updates, cap * sizeof(*in->updates)));
        }
        in->updates[in->count++] = (struct y_slice){p + 4, u32(p)};
        p += 4 + u32(p);
    }
    return in->count > 0;
}

static void read_log(struct input *in, const struct options *o)
{
    if (!split_log(in))
        die("%s: no log of updates: [u32 little endian length][bytes]...", o->file);
    if (o->limit && o->limit < in->count)
        in->count = o->limit;
}

/* One update, or a log's state. */
static void read_state(struct input *in, const struct options *o)
{
    static const struct ybuf none;
    if (!o->log && (is_update(&in->file, o->format) || !split_log(in))) {
        in->updates = need(realloc(in->updates, sizeof(*in->updates)));
        in->updates[0] = (struct y_slice){in->file.data, in->file.len};
        in->count = 1;
        return;
    }
    in->count = 0;
    read_log(in, o);
    struct ydoc *doc = new_document();
    for (size_t i = 0; i < in->count; i++) {
        int error = apply(doc, in->updates[i], o->format);
        if (error < 0)
            die("%s: update %zu: %s", o->file, i, y_strerror(error));
    }
    check(encode(doc, &none, o->format, &in->state), o->file);
    ydoc_free(doc);
    in->updates[0] = (struct y_slice){in->state.data, in->state.len};
    in->count = 1;
}

/* The u32 at *p, which moves on. */
static uint32_t take(const uint8_t **p, const uint8_t *end, const char *file)
{
    if (end - *p < 4)
        die("%s: ends within a record of edits", file);
    *p += 4;
    return u32(*p - 4);
}

static void add_patch(struct input *in, const uint8_t **p, const uint8_t *end, const char *file)
{
    struct patch patch = {0};
    patch.pos = take(p, end, file);
    patch.del = take(p, end, file);
    patch.len = take(p, end, file);
    patch.utf8 = (const char *)*p;
    if (patch.len > (size_t)(end - *p))
        die("%s: ends within a record of edits", file);
    if (!y_utf8_valid(patch.utf8, patch.len))
        die("%s: an edit's text is no UTF-8", file);
    *p += patch.len;
    in->patches[in->patch_count++] = patch;
}

static void read_ops(struct input *in, const struct options *o)
{
    const uint8_t *p = in->file.data, *end = p + in->file.len;
    size_t n = take(&p, end, o->file), first = 0;
    /* A transaction takes 4 bytes at least, a patch 12. */
    if (n > in->file.len / 4)
        die("%s: more transactions than bytes", o->file);
    in->transactions = need(calloc(n + 1, sizeof(*in->transactions)));
    in->patches = need(calloc(in->file.len / 12 + 1, sizeof(*in->patches)));
    for (size_t i = 0; i < n; i++) {
        uint32_t count = take(&p, end, o->file);
        for (uint32_t k = 0; k < count; k++)
            add_patch(in, &p, end, o->file);
        in->transactions[i] = (struct transaction){in->patches + first, count};
        first += count;
    }
    if (p != end)
        die("%s: %zu bytes after the last edit", o->file, (size_t)(end - p));
    in->transaction_count = o->limit && o->limit < n ? o->limit : n;
}

static void read_input(struct input *in, const struct options *o)
{
    read_file(o->file, &in->file);
    if (!in->file.len)
        die("%s: empty", o->file);
    if (o->sv)
        read_file(o->sv, &in->sv);
    if (o->start)
        read_file(o->start, &in->start);
    if (o->mode == LOCAL)
        read_ops(in, o);
    else if (o->mode == LOAD || o->mode == ENCODE)
        read_state(in, o);
    else
        read_log(in, o);
}

static void input_release(struct input *in)
{
    ybuf_release(&in->file);
    ybuf_release(&in->state);
    ybuf_release(&in->sv);
    ybuf_release(&in->start);
    free(in->updates);
    free(in->transactions);
    free(in->patches);
}

/* --- the work --------------------------------------------------------------------------------- */

static void apply_all(const struct input *in, const struct options *o, struct ydoc *doc)
{
    for (size_t i = 0; i < in->count; i++) {
        int error = apply(doc, in->updates[i], o->format);
        if (error < 0)
            die("%s: update %zu of %zu: %s", o->file, i, in->count, y_strerror(error));
    }
}

static void run_apply(const struct input *in, const struct options *o, struct result *r)
{
    uint64_t start = now();
    r->doc = new_document();
    apply_all(in, o, r->doc);
    r->ns = now() - start;
}

static void run_load(const struct input *in, const struct options *o, struct result *r)
{
    uint64_t start = now();
    r->doc = new_document();
    apply_all(in, o, r->doc);
    if (!o->no_text)
        check(ydoc_text(r->doc, o->root, &r->text), o->root);
    r->ns = now() - start;
}

/* Does not change the document, so that one serves all runs. */
static void run_encode(const struct input *in, const struct options *o, struct result *r)
{
    uint64_t start;
    if (!r->doc) {
        r->doc = new_document();
        apply_all(in, o, r->doc);
    }
    start = now();
    if (o->state_vector)
        check(ydoc_encode_state_vector(r->doc, &r->bytes), o->file);
    else
        check(encode(r->doc, &in->sv, o->format, &r->bytes), o->sv ? o->sv : o->file);
    r->ns = now() - start;
}

static void run_merge(const struct input *in, const struct options *o, struct result *r)
{
    uint64_t start = now();
    check(y_updates_merge(in->updates, in->count, o->format, &r->bytes), o->file);
    r->ns = now() - start;
}

static void run_local(const struct input *in, const struct options *o, struct result *r)
{
    uint64_t start;
    r->doc = new_document();
    if (o->start)
        check(apply(r->doc, (struct y_slice){in->start.data, in->start.len}, o->format), o->start);
    start = now();
    for (size_t i = 0; i < in->transaction_count; i++) {
        int error = edit(r->doc, o, &in->transactions[i]);
        if (error < 0)
            die("%s: transaction %zu: %s", o->file, i, y_strerror(error));
    }
    r->ns = now() - start;
}

static void run(const struct input *in, const struct options *o, struct result *r)
{
    static void (*const runs[])(const struct input *, const struct options *, struct result *) = {
        run_apply, run_load, run_encode, run_merge, run_local};
    runs[o->mode](in, o, r);
}

static void result_release(struct result *r)
{
    ydoc_free(r->doc);
    ybuf_release(&r->bytes);
    ybuf_release(&r->text);
    *r = (struct result){0};
}

/* --- memory ----------------------------------------------------------------------------------- */

static size_t status_bytes(const char *field)
{
    char line[256];
    size_t kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtoul(line + strlen(field), NULL, 10);
    if (f)
        fclose(f);
    return kib * 1024;
}

static size_t allocated(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static size_t grown(size_t before, size_t after)
{
    return after > before ? after - before : 0;
}

/* A run of its own; its result stays in `r` for the verification. */
static void measure_memory(const struct input *in, const struct options *o, struct result *r,
                           struct memory *m)
{
    size_t rss, live;
    FILE *f;
    malloc_trim(0);
    f = fopen("/proc/self/clear_refs", "w"); /* 5: the peak begins anew (proc(5)) */
    if (f) {
        fputs("5", f);
        fclose(f);
    }
    rss = status_bytes("VmRSS:");
    live = allocated();
    run(in, o, r);
    ybuf_release(&r->text); /* the caller's, not the document's */
    m->live = grown(live, allocated());
    m->peak = grown(rss, status_bytes("VmHWM:"));
    m->document = r->doc ? ydoc_memory(r->doc) : 0;
}

/* --- verifying -------------------------------------------------------------------------------- */

static void result_text(const struct options *o, struct result *r, struct ybuf *out)
{
    struct ydoc *doc = r->doc;
    if (!doc) {
        doc = new_document();
        check(apply(doc, (struct y_slice){r->bytes.data, r->bytes.len}, o->format),
              "the merged update");
    }
    check(ydoc_text(doc, o->root, out), o->root);
    if (doc != r->doc)
        ydoc_free(doc);
}

static void verify(const struct options *o, struct result *r)
{
    struct ybuf want = {0}, text = {0};
    if (!o->expect)
        return;
    read_file(o->expect, &want);
    result_text(o, r, &text);
    if (want.len != text.len || (want.len && memcmp(want.data, text.data, want.len))) {
        size_t i = 0;
        while (i < want.len && i < text.len && want.data[i] == text.data[i])
            i++;
        fprintf(stderr,
                "ybench: %s: the text differs from %s at byte %zu (%zu bytes, expected %zu)\n",
                o->file, o->expect, i, text.len, want.len);
        exit(1);
    }
    ybuf_release(&want);
    ybuf_release(&text);
}

/* The bytes of encode and merge; the state that the other modes leave. */
static void complete_result(const struct options *o, struct result *r)
{
    static const struct ybuf none;
    if (r->doc && !r->bytes.len && o->mode != ENCODE)
        check(encode(r->doc, &none, o->format, &r->bytes), o->file);
}

static void write_out(const struct options *o, const struct result *r)
{
    FILE *f;
    if (!o->out)
        return;
    f = fopen(o->out, "wb");
    if (!f || fwrite(r->bytes.data, 1, r->bytes.len, f) != r->bytes.len || fclose(f))
        die("%s: %s", o->out, strerror(errno));
}

/* --- the report ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static void print_string(const char *name, const char *s)
{
    printf("\"%s\":\"", name);
    for (; *s; s++)
        if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            printf("\\u%04x", (unsigned)*s);
        else
            putchar(*s);
    printf("\",");
}

static void print_times(uint64_t *ns, size_t runs, size_t count)
{
    double median;
    printf("\"ns\":{\"runs\":[");
    for (size_t i = 0; i < runs; i++)
        printf("%s%llu", i ? "," : "", (unsigned long long)ns[i]);
    qsort(ns, runs, sizeof(*ns), by_value);
    median = runs % 2 ? (double)ns[runs / 2] : (double)(ns[runs / 2 - 1] + ns[runs / 2]) / 2;
    printf("],\"median\":%.0f,\"min\":%llu,\"max\":%llu,\"each\":%.2f},", median,
           (unsigned long long)ns[0], (unsigned long long)ns[runs - 1],
           median / (double)(count ? count : 1));
}

static void report(const struct options *o, const struct input *in, struct result *r, uint64_t *ns,
                   const struct memory *m)
{
    struct ybuf text = {0};
    size_t count = o->mode == LOCAL ? in->transaction_count : in->count;
    result_text(o, r, &text);
    putchar('{');
    print_string("mode", mode_names[o->mode]);
    print_string("file", o->file);
    print_string("format", o->format == Y_V1 ? "v1" : "v2");
    printf("\"runs\":%zu,\"count\":%zu,\"patches\":%zu,\"input_bytes\":%zu,", o->runs, count,
           in->patch_count, in->file.len);
    print_times(ns, o->runs, count);
    printf("\"memory\":{\"live\":%zu,\"peak\":%zu,\"document\":%zu},", m->live, m->peak,
           m->document);
    printf("\"result\":{\"bytes\":%zu,\"text_bytes\":%zu},\"verified\":%s}\n", r->bytes.len,
           text.len, o->expect ? "true" : "false");
    ybuf_release(&text);
}

/* --- the command line ------------------------------------------------------------------------- */

static void usage(FILE *f)
{
    fputs("usage: ybench apply|load|encode|merge|local FILE [options]     FILE: - is standard "
          "input\n"
          "  --v2              FILE, and what is encoded, is of the second format\n"
          "  --runs N          timed runs (5)\n"
          "  --log             FILE is a log, also for load and encode\n"
          "  --limit N         the first N updates or transactions\n"
          "  --root NAME       the text (text)\n"
          "  --expect FILE     the text that must come out\n"
          "  --out FILE        writes the update that comes out\n"
          "  --no-text         load: without reading the text\n"
          "  --sv FILE         encode: what a replica with this state vector lacks\n"
          "  --state-vector    encode: the state vector\n"
          "  --start FILE      local: an update to begin with\n"
          "  --json            prints JSON, as it does anyway\n",
          f);
}

static size_t number(const char *name, const char *value, size_t max)
{
    char *end;
    unsigned long long n;
    errno = 0;
    n = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || n < 1 || n > max)
        die("%s %s: must be from 1 to %zu", name, value, max);
    return (size_t)n;
}

static bool flag(struct options *o, const char *arg)
{
    const struct {
        const char *name;
        bool *target;
    } flags[] = {
        {"--log", &o->log}, {"--no-text", &o->no_text}, {"--state-vector", &o->state_vector}};
    if (strcmp(arg, "--v2") == 0) {
        o->format = Y_V2;
        return true;
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        if (strcmp(arg, flags[i].name) == 0) {
            *flags[i].target = true;
            return true;
        }
    return strcmp(arg, "--json") == 0;
}

static bool valued(struct options *o, const char *arg, const char *value)
{
    const struct {
        const char *name;
        const char **target;
    } strings[] = {{"--root", &o->root},
                   {"--expect", &o->expect},
                   {"--sv", &o->sv},
                   {"--start", &o->start},
                   {"--out", &o->out}};
    const struct {
        const char *name;
        size_t *target, max;
    } numbers[] = {{"--runs", &o->runs, RUNS_MAX}, {"--limit", &o->limit, SIZE_MAX}};
    for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
        if (strcmp(arg, strings[i].name) == 0) {
            *strings[i].target = value ? value : "";
            if (!value)
                die("%s needs a value", arg);
            return true;
        }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        if (strcmp(arg, numbers[i].name) == 0) {
            *numbers[i].target = number(arg, value ? value : "", numbers[i].max);
            return true;
        }
    return false;
}

static void parse_mode(struct options *o, const char *name)
{
    for (size_t i = 0; i < sizeof(mode_names) / sizeof(*mode_names); i++)
        if (strcmp(name, mode_names[i]) == 0) {
            o->mode = (enum mode)i;
            return;
        }
    die("%s: must be apply, load, encode, merge or local", name);
}

static void parse(struct options *o, int argc, char **argv)
{
    int words = 0;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (arg[0] != '-' || !arg[1]) {
            if (words == 0)
                parse_mode(o, arg);
            else if (words == 1)
                o->file = arg;
            else
                die("%s: one file at a time", arg);
            words++;
        } else if (valued(o, arg, argv[i + 1])) {
            i++;
        } else if (!flag(o, arg)) {
            die("%s: no such option; see ybench --help", arg);
        }
    }
    if (words < 2)
        die("usage: ybench apply|load|encode|merge|local FILE [options]; see ybench --help");
}

int main(int argc, char **argv)
{
    struct options o = {.runs = 5, .root = "text"};
    struct input in = {0};
    struct result r = {0};
    struct memory m = {0};
    uint64_t *ns;
    /* As in a process that has been up for a while, and as JavaScript's heap does: what a run frees is
     * kept for the next one, not given back to the system each time. */
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_MMAP_THRESHOLD, 256 << 20);
    parse(&o, argc, argv);
    read_input(&in, &o);
    measure_memory(&in, &o, &r, &m);
    verify(&o, &r);
    complete_result(&o, &r);
    write_out(&o, &r);
    ns = need(calloc(o.runs, sizeof(*ns)));
    for (size_t i = 0; i < o.runs; i++) {
        struct result timed = {.doc = o.mode == ENCODE ? r.doc : NULL};
        run(&in, &o, &timed);
        ns[i] = timed.ns;
        if (o.mode == ENCODE)
            timed.doc = NULL;
        result_release(&timed);
    }
    report(&o, &in, &r, ns, &m);
    result_release(&r);
    input_release(&in);
    free(ns);
    return 0;
}
