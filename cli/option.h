/*
 * option.h: options, declared once.  A subcommand has one table; from it come
 * the parser, --help, and the errors.  As with curl and getopt: "-sSL",
 * "-XPOST", "-X POST", "--name VALUE", "--name=VALUE"; "--" ends the options,
 * which may stand behind operands.
 */
#ifndef RWITH_CLI_OPTION_H
#define RWITH_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum rwith_option_kind {
    RWITH_OPTION_FLAG,    /* bool: given */
    RWITH_OPTION_TEXT,    /* const char *: the last one given */
    RWITH_OPTION_LIST,    /* rwith_option_list: every one, in order; options
                             that share a list keep their order in it */
    RWITH_OPTION_NUMBER,  /* uint64_t: decimal digits */
    RWITH_OPTION_SECONDS, /* uint64_t milliseconds: "2" or "2.5" */
    RWITH_OPTION_SIZE,    /* uint64_t bytes: "65536", "64k", "10M", "1G" */
    RWITH_OPTION_CHOICE   /* const char *: one of the words of the argument,
                             which is written "auto|always|never" */
} rwith_option_kind;

typedef struct rwith_option {
    const char *name;     /* long name without "--" */
    char letter;          /* 0: none */
    const char *argument; /* "FILE"; NULL with FLAG only */
    const char *group;    /* heading in --help; rows of a group stand
                             together */
    const char *since;    /* "0.1" */
    const char *help;     /* one line, at most 50 bytes */
    rwith_option_kind kind;
    size_t offset; /* of the member in the settings */
    uint64_t max;  /* NUMBER, SECONDS (in ms), SIZE: largest; 0: no limit */
} rwith_option;

/* One option (or operand) as it was given. */
typedef struct rwith_option_item {
    const rwith_option *option; /* NULL: an operand */
    const char *value;          /* points into argv; "" with a FLAG */
} rwith_option_item;

typedef struct rwith_option_list {
    rwith_option_item *items;
    size_t count;
} rwith_option_list;

/* A subcommand's command line. */
typedef struct rwith_option_table {
    const char *command;  /* "fetch" */
    const char *synopsis; /* "[options] URL" */
    const char *about;    /* a sentence or two, wrapped by hand */
    const char *footer;   /* examples and the like; NULL: none */
    const rwith_option *options;
    size_t count;
    size_t operands_min;
    size_t operands_max;
} rwith_option_table;

/*
 * Read a command line into settings, which hold the defaults.  --help and
 * --version need no row: they are always there.
 *
 * returns true: go on; false: leave with *ret_status (help was printed, or an
 * error was told).  Lists and operands are freed by rwith_option_list_free()
 * in either case.
 */
bool rwith_option_parse(const rwith_option_table *table, int argc, char **argv,
                        void *settings, rwith_option_list *operands,
                        int *ret_status);

void rwith_option_list_free(rwith_option_list *list);

/* Edit distance, for "did you mean"; words over 63 bytes are far away. */
unsigned rwith_option_distance(const char *a, const char *b);

#endif
