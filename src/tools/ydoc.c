/*
 * ydoc: updates of Yjs documents on the command line. A shell over y.h; every result goes to
 * standard output.
 */
#include "y/y.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef BYTECROWDS_VERSION
#define BYTECROWDS_VERSION "unknown"
#endif

static const char help[] =
    "ydoc reads updates of Yjs documents.\n"
    "\n"
    "  ydoc text [--root NAME] FILE    the text of a root type\n"
    "  ydoc json FILE                  all root types, as JSON\n"
    "  ydoc state FILE                 the document's whole state, as one update\n"
    "  ydoc state-vector FILE          the state vector of the updates: what of each client is "
    "there\n"
    "  ydoc diff --sv SVFILE FILE      what a peer with that state vector lacks, as one update\n"
    "  ydoc merge FILE...              all of them as one update\n"
    "  ydoc convert FILE               the same in another format; of a log, a log\n"
    "  ydoc inspect FILE               a line for each struct and for what is deleted\n"
    "  ydoc verify FILE                whether all is well-formed and makes a document\n"
    "\n"
    "FILE is one update, or with --log a log: for each update its length (4 bytes, little endian)\n"
    "and its bytes. - is standard input. Binary results go to standard output.\n"
    "\n"
    "  --log         files are logs\n"
    "  --v2          files are in format v2 (default: v1)\n"
    "  --to-v2       write v2 (default: v1)\n"
    "  --root NAME   text: of this root type. Default: `text`, or if that is empty "
    "`bytecrowdText`\n"
    "  --sv SVFILE   diff: the file with the state vector\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0; 1 if writing failed or memory ran out; 2 for bad input or usage, with a line\n"
    "on standard error that says where and what.\n";

struct options {
    bool log, v2, to_v2;
    const char *root, *sv;
};

struct record {
    struct y_slice update;
    const char *file;
    size_t number, at; /* in a log: which, from 1, and at which byte it begins */
};

/* What a command works on: all updates of all its files, in order. */
struct input {
    struct options o;
    struct record *list;
    size_t count, cap;
    struct ybuf *files;
    size_t file_count;
};

static _Noreturn __attribute__((format(printf, 2, 3))) void die(int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("ydoc: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(status);
}

static _Noreturn void die_of(int error, const struct record *r)
{
    int status = error == Y_ERR_NOMEM ? 1 : 2;
    if (r->number)
        die(status, "%s: record %zu at byte %zu: %s", r->file, r->number, r->at, y_strerror(error));
    die(status, "%s: %s", r->file, y_strerror(error));
}

static void *must(void *p)
{
    if (!p)
        die(1, "out of memory");
    return p;
}

static void check(int error)
{
    if (error)
        die(error == Y_ERR_NOMEM ? 1 : 2, "%s", y_strerror(error));
}

/* --- input ------------------------------------------------------------------------------------ */

static const char *name_of(const char *file)
{
    return strcmp(file, "-") == 0 ? "standard input" : file;
}

static struct ybuf read_file(const char *file)
{
    struct ybuf b = {0};
    char chunk[65536];
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
    if (!f)
        die(2, "%s: %s", file, strerror(errno));
    for (size_t n; (n = fread(chunk, 1, sizeof(chunk), f)) > 0;)
        check(ybuf_append(&b, chunk, n));
    if (ferror(f))
        die(2, "%s: %s", name_of(file), strerror(errno));
    if (f != stdin)
        fclose(f);
    return b;
}

static void add(struct input *in, struct record r)
{
    if (in->count == in->cap) {
        in->cap = in->cap ? 2 * in->cap : 64;
        in->list = must(realloc(in->list, in->cap * sizeof(*in->list)));
    }
    in->list[in->count++] = r;
}

static void add_log(struct input *in, const char *file, const struct ybuf *b)
{
    size_t at = 0;
    for (size_t number = 1; at < b->len; number++) {
        const uint8_t *p = b->data + at;
        size_t left = b->len - at;
        if (left < 4)
            die(2, "%s: record %zu at byte %zu: %zu bytes are left, a length needs 4", file, number,
                at, left);
        size_t n = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
        if (n > left - 4)
            die(2, "%s: record %zu at byte %zu: announces %zu bytes, %zu are left", file, number,
                at, n, left - 4);
        add(in, (struct record){{p + 4, n}, file, number, at});
        at += 4 + n;
    }
}

static void read_input(struct input *in, char **files, size_t n)
{
    in->files = must(calloc(n, sizeof(*in->files)));
    in->file_count = n;
    for (size_t i = 0; i < n; i++) {
        struct ybuf *b = &in->files[i];
        *b = read_file(files[i]);
        if (in->o.log)
            add_log(in, name_of(files[i]), b);
        else
            add(in, (struct record){{b->data, b->len}, name_of(files[i]), 0, 0});
    }
}

static void release_input(struct input *in)
{
    for (size_t i = 0; i < in->file_count; i++)
        ybuf_release(&in->files[i]);
    free(in->files);
    free(in->list);
}

static enum y_format from(const struct input *in)
{
    return in->o.v2 ? Y_V2 : Y_V1;
}

static enum y_format to(const struct input *in)
{
    return in->o.to_v2 ? Y_V2 : Y_V1;
}

/* Each by itself first, so that an error says which. */
static void check_all(const struct input *in)
{
    for (size_t i = 0; i < in->count; i++) {
        const struct record *r = &in->list[i];
        int error = in->o.v2 ? y_update_check_v2(r->update.p, r->update.n)
                             : y_update_check(r->update.p, r->update.n);
        if (error)
            die_of(error, r);
    }
}

/* --- output ----------------------------------------------------------------------------------- */

static void put(const void *data, size_t n)
{
    if (n && fwrite(data, 1, n, stdout) != n)
        die(1, "standard output: %s", strerror(errno));
}

static void put_buf(struct ybuf *b)
{
    put(b->data, b->len);
    ybuf_release(b);
}

static void put_converted(const struct ybuf *b, enum y_format format, enum y_format wanted)
{
    struct ybuf out = {0};
    check(y_update_convert(b->data, b->len, format, wanted, &out));
    put_buf(&out);
}

/* --- commands --------------------------------------------------------------------------------- */

static struct ybuf merged(const struct input *in)
{
    struct ybuf out = {0};
    struct y_slice *list = must(malloc((in->count + 1) * sizeof(*list)));
    check_all(in);
    for (size_t i = 0; i < in->count; i++)
        list[i] = in->list[i].update;
    check(y_updates_merge(list, in->count, from(in), &out));
    free(list);
    return out;
}

static struct ydoc *document(const struct input *in)
{
    /* the input is here as a whole, so all of it may wait */
    struct ydoc *doc = must(ydoc_new(&(struct ydoc_opts){.max_pending_bytes = SIZE_MAX}));
    for (size_t i = 0; i < in->count; i++) {
        const struct record *r = &in->list[i];
        int error = in->o.v2 ? ydoc_apply_v2(doc, r->update.p, r->update.n, NULL)
                             : ydoc_apply(doc, r->update.p, r->update.n, NULL);
        if (error)
            die_of(error, r);
    }
    return doc;
}

static void run_text(const struct input *in)
{
    struct ybuf out = {0};
    struct ydoc *doc = document(in);
    const char *root = in->o.root                      ? in->o.root
                       : ydoc_text_length(doc, "text") ? "text"
                                                       : "bytecrowdText";
    check(ydoc_text(doc, root, &out));
    put_buf(&out);
    ydoc_free(doc);
}

static void run_json(const struct input *in)
{
    struct ybuf out = {0};
    struct ydoc *doc = document(in);
    check(ydoc_json(doc, &out));
    put_buf(&out);
    ydoc_free(doc);
}

static void run_state(const struct input *in)
{
    struct ybuf out = {0};
    struct ydoc *doc = document(in);
    check(in->o.to_v2 ? ydoc_encode_update_v2(doc, NULL, 0, &out)
                      : ydoc_encode_update(doc, NULL, 0, &out));
    put_buf(&out);
    ydoc_free(doc);
}

static void run_state_vector(const struct input *in)
{
    struct ybuf all = merged(in), out = {0};
    check(y_update_state_vector(all.data, all.len, from(in), &out));
    put_buf(&out);
    ybuf_release(&all);
}

static void run_diff(const struct input *in)
{
    struct ybuf all = merged(in), out = {0}, sv = read_file(in->o.sv);
    int error = y_update_diff(all.data, all.len, sv.data, sv.len, from(in), &out);
    if (error == Y_ERR_MALFORMED || !sv.len) /* y.h takes no bytes for an empty one */
        die(2, "%s: malformed state vector", name_of(in->o.sv));
    check(error);
    put_converted(&out, from(in), to(in));
    ybuf_release(&out);
    ybuf_release(&all);
    ybuf_release(&sv);
}

static void run_merge(const struct input *in)
{
    struct ybuf all = merged(in);
    put_converted(&all, from(in), to(in));
    ybuf_release(&all);
}

static void run_convert(const struct input *in)
{
    struct ybuf out = {0}; /* all of it: bad input gives no output */
    for (size_t i = 0; i < in->count; i++) {
        const struct record *r = &in->list[i];
        size_t from_here = out.len, head = in->o.log ? 4 : 0;
        if (head)
            check(ybuf_append(&out, "\0\0\0", head));
        int error = y_update_convert(r->update.p, r->update.n, from(in), to(in), &out);
        if (error)
            die_of(error, r);
        size_t n = out.len - from_here - head;
        for (size_t k = 0; k < head; k++)
            out.data[from_here + k] = (uint8_t)(n >> (8 * k));
    }
    put_buf(&out);
}

static void run_inspect(const struct input *in)
{
    check_all(in);
    for (size_t i = 0; i < in->count; i++) {
        const struct record *r = &in->list[i];
        struct ybuf out = {0};
        int error = y_update_inspect(r->update.p, r->update.n, from(in), &out);
        if (error)
            die_of(error, r);
        if (in->o.log)
            printf("record %zu  byte %zu  %zu bytes\n", r->number, r->at, r->update.n);
        put_buf(&out);
    }
}

static void run_verify(const struct input *in)
{
    size_t bytes = 0;
    check_all(in);
    struct ydoc *doc = document(in);
    const char *wrong = ydoc_check(doc);
    if (wrong)
        die(2, "%s: the document contradicts itself: %s", in->list[0].file, wrong);
    for (size_t i = 0; i < in->count; i++)
        bytes += in->list[i].update.n;
    printf("ok: %zu update%s, %zu bytes%s\n", in->count, in->count == 1 ? "" : "s", bytes,
           ydoc_has_pending(doc) ? "; some of it waits for updates that are not here" : "");
    ydoc_free(doc);
}

static const struct command {
    const char *name;
    void (*run)(const struct input *in);
    bool many, sv;
} commands[] = {
    {"text", run_text, false, false},       {"json", run_json, false, false},
    {"state", run_state, false, false},     {"state-vector", run_state_vector, false, false},
    {"diff", run_diff, false, true},        {"merge", run_merge, true, false},
    {"convert", run_convert, false, false}, {"inspect", run_inspect, false, false},
    {"verify", run_verify, false, false},
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    die(2, "no command `%s`; see ydoc --help", name);
}

static void parse(int argc, char **argv, struct options *o)
{
    enum { LOG = 256, V2, TO_V2, ROOT, SV, HELP, VERSION };
    static const struct option longs[] = {
        {"log", no_argument, NULL, LOG},         {"v2", no_argument, NULL, V2},
        {"to-v2", no_argument, NULL, TO_V2},     {"root", required_argument, NULL, ROOT},
        {"sv", required_argument, NULL, SV},     {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION}, {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;) {
        switch (c) {
        case LOG:
            o->log = true;
            break;
        case V2:
            o->v2 = true;
            break;
        case TO_V2:
            o->to_v2 = true;
            break;
        case ROOT:
            o->root = optarg;
            break;
        case SV:
            o->sv = optarg;
            break;
        case HELP:
        case 'h':
            fputs(help, stdout);
            exit(0);
        case VERSION:
            puts("ydoc " BYTECROWDS_VERSION);
            exit(0);
        default:
            die(2, "unknown option, or one without its value: %s; see ydoc --help",
                argv[optind - 1]);
        }
    }
}

int main(int argc, char **argv)
{
    struct input in = {0};
    parse(argc, argv, &in.o);
    if (optind == argc)
        die(2, "which command? See ydoc --help");
    const struct command *command = find(argv[optind++]);
    size_t files = (size_t)(argc - optind);
    if (!files)
        die(2, "%s: which file? See ydoc --help", command->name);
    if (files > 1 && !command->many)
        die(2, "%s takes one file", command->name);
    if (command->sv && !in.o.sv)
        die(2, "%s needs --sv SVFILE", command->name);
    read_input(&in, argv + optind, files);
    command->run(&in);
    release_input(&in);
    if (fflush(stdout) || ferror(stdout))
        die(1, "standard output: %s", strerror(errno));
    return 0;
}
