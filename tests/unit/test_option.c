/*
 * The option tables of the command: what a command line puts into the
 * settings, and what it is refused for.
 */
#include "tests/unit/tap.h"

#include <cli/complain.c>
#include <cli/option.c>

struct settings {
    bool flag;
    bool other;
    const char *text;
    const char *choice;
    uint64_t number;
    uint64_t ms;
    uint64_t size;
    rwith_option_list list;
};

static const rwith_option options[] = {
    { "flag", 'f', NULL, "G", "0.1", "h", RWITH_OPTION_FLAG,
      offsetof(struct settings, flag), 0 },
    { "other", 'o', NULL, "G", "0.1", "h", RWITH_OPTION_FLAG,
      offsetof(struct settings, other), 0 },
    { "text", 't', "T", "G", "0.1", "h", RWITH_OPTION_TEXT,
      offsetof(struct settings, text), 0 },
    { "choice", 0, "auto|always|never", "G", "0.1", "h", RWITH_OPTION_CHOICE,
      offsetof(struct settings, choice), 0 },
    { "number", 'n', "N", "G", "0.1", "h", RWITH_OPTION_NUMBER,
      offsetof(struct settings, number), 16 },
    { "time", 0, "S", "G", "0.1", "h", RWITH_OPTION_SECONDS,
      offsetof(struct settings, ms), 60000 },
    { "size", 0, "SIZE", "G", "0.1", "h", RWITH_OPTION_SIZE,
      offsetof(struct settings, size), 1 << 30 },
    { "list", 'l', "X", "G", "0.1", "h", RWITH_OPTION_LIST,
      offsetof(struct settings, list), 0 },
};

static const rwith_option_table table = {
    "test", "[options] A [B]", "about", NULL, options, 8, 1, 2,
};

/* The settings as one string, so that a row is two strings. */
static void show(const struct settings *s, const rwith_option_list *operands,
                 char *buf, size_t len)
{
    int at = snprintf(buf, len,
                      "%s%s t=%s c=%s n=%u ms=%u s=%u l=", s->flag ? "F" : "",
                      s->other ? "O" : "", s->text != NULL ? s->text : "-",
                      s->choice != NULL ? s->choice : "-", (unsigned)s->number,
                      (unsigned)s->ms, (unsigned)s->size);

    for (size_t i = 0; i < s->list.count; i++) {
        at += snprintf(buf + at, len - (size_t)at, "[%s]",
                       s->list.items[i].value);
    }
    for (size_t i = 0; i < operands->count; i++) {
        at += snprintf(buf + at, len - (size_t)at, " %s",
                       operands->items[i].value);
    }
}

static const struct row {
    const char *name;
    const char *words[8];
    const char *want; /* NULL: refused */
} rows[] = {
    { "operand only", { "a" }, " t=- c=- n=0 ms=0 s=0 l= a" },
    { "letters together", { "-fo", "a" }, "FO t=- c=- n=0 ms=0 s=0 l= a" },
    { "letter, argument attached",
      { "-tx", "a" },
      " t=x c=- n=0 ms=0 s=0 l= a" },
    { "letters, then an argument",
      { "-ft", "x", "a" },
      "F t=x c=- n=0 ms=0 s=0 l= a" },
    { "long with equals sign",
      { "--text=x=y", "a" },
      " t=x=y c=- n=0 ms=0 s=0 l= a" },
    { "empty argument", { "--text=", "a" }, " t= c=- n=0 ms=0 s=0 l= a" },
    { "argument that looks like an option",
      { "--text", "--flag", "a" },
      " t=--flag c=- n=0 ms=0 s=0 l= a" },
    { "options behind operands",
      { "a", "-f", "b" },
      "F t=- c=- n=0 ms=0 s=0 l= a b" },
    { "two dashes end the options",
      { "--", "-f" },
      " t=- c=- n=0 ms=0 s=0 l= -f" },
    { "one dash is an operand", { "-" }, " t=- c=- n=0 ms=0 s=0 l= -" },
    { "the last text counts",
      { "-t1", "-t2", "a" },
      " t=2 c=- n=0 ms=0 s=0 l= a" },
    { "a list keeps all, in order",
      { "-lb", "--list", "a", "-l", "", "x" },
      " t=- c=- n=0 ms=0 s=0 l=[b][a][] x" },
    { "a choice",
      { "--choice", "never", "a" },
      " t=- c=never n=0 ms=0 s=0 l= a" },
    { "seconds with a fraction",
      { "--time", "2.5", "a" },
      " t=- c=- n=0 ms=2500 s=0 l= a" },
    { "a size with a unit",
      { "--size", "64k", "a" },
      " t=- c=- n=0 ms=0 s=65536 l= a" },
    { "largest number", { "-n16", "a" }, " t=- c=- n=16 ms=0 s=0 l= a" },
    { "largest size",
      { "--size=1G", "a" },
      " t=- c=- n=0 ms=0 s=1073741824 l= a" },
    { "no operand", { "-f" }, NULL },
    { "too many operands", { "a", "b", "c" }, NULL },
    { "unknown letter", { "-x", "a" }, NULL },
    { "unknown long", { "--txet", "a" }, NULL },
    { "a prefix is not enough", { "--tex", "x", "a" }, NULL },
    { "flag with an argument", { "--flag=1", "a" }, NULL },
    { "argument missing", { "a", "--text" }, NULL },
    { "letter's argument missing", { "a", "-ft" }, NULL },
    { "number over its limit", { "-n17", "a" }, NULL },
    { "number that would wrap", { "-n18446744073709551617", "a" }, NULL },
    { "number with a tail", { "-n1x", "a" }, NULL },
    { "negative number", { "-n-1", "a" }, NULL },
    { "empty number", { "--number=", "a" }, NULL },
    { "seconds over the limit", { "--time=60.5", "a" }, NULL },
    { "seconds with two points", { "--time=1.2.3", "a" }, NULL },
    { "size over its limit", { "--size=2G", "a" }, NULL },
    { "size with a tail", { "--size=1kk", "a" }, NULL },
    { "choice that is none", { "--choice=alwa", "a" }, NULL },
    { "choice that is two", { "--choice=auto|always", "a" }, NULL },
    { "empty choice", { "--choice=", "a" }, NULL },
};

static void run_row(const struct row *row)
{
    struct settings settings = { 0 };
    rwith_option_list operands;
    char *argv[9] = { NULL };
    char got[256] = "";
    int argc = 1;
    int status = -1;

    while (argc < 9 && row->words[argc - 1] != NULL) {
        rwith_slice copy =
            tap_copy(row->words[argc - 1], strlen(row->words[argc - 1]) + 1);
        union {
            const char *from;
            char *to;
        } word = { copy.ptr };

        argv[argc++] = word.to;
        if (argc == 9) {
            break;
        }
    }
    argv[0] = argv[1];
    bool went =
        rwith_option_parse(&table, argc, argv, &settings, &operands, &status);
    if (row->want == NULL) {
        ok(!went, "%s: refused", row->name);
        is_int(status, RWITH_EXIT_USAGE, row->name);
    } else if (ok(went, "%s: taken", row->name)) {
        show(&settings, &operands, got, sizeof(got));
        is_str(rwith_slice_of(got), row->want, row->name);
    }
    rwith_option_list_free(&settings.list);
    rwith_option_list_free(&operands);
    for (int i = 1; i < argc; i++) {
        free(argv[i]);
    }
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (tap_wants(rows[i].name)) {
            run_row(&rows[i]);
        }
    }
    is_int(rwith_option_distance("suply", "supply"), 1, "one letter away");
    is_int(rwith_option_distance("", "abc"), 3, "from nothing");
    is_int(rwith_option_distance("same", "same"), 0, "the same");
    return tap_done();
}
