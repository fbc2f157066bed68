/*
 * The command: finds the subcommand and runs it.  What a subcommand does is
 * in the file of its name.
 */
#include <cli/commands.h>
#include <cli/option.h>

#include <retrywith/base.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One line per subcommand; the row of NULLs ends the table. */
static const struct command {
    const char *name;
    const char *synopsis;
    const char *about;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "fetch", "[options] URL", "like curl, but it gets through",
      rwith_command_fetch },
    { "relay", "--to URL", "a proxy before a server, for clients that cannot",
      rwith_command_relay },
    { "gate", "--to URL --openapi F",
      "a proxy before an API that names what is missing", rwith_command_gate },
    { "sandbox", "", "a test origin that speaks every dialect",
      rwith_command_sandbox },
    { NULL, NULL, NULL, NULL },
};

static void print_help(FILE *out)
{
    fputs("retrywith: gets requests through that a server refuses with "
          "449 Retry With\n\nUsage:\n",
          out);
    for (const struct command *c = commands; c->name != NULL; c++) {
        fprintf(out, "  retrywith %-8s %-22s %s\n", c->name, c->synopsis,
                c->about);
    }
    fputs("\n  retrywith COMMAND --help   tells about one command\n"
          "  retrywith --version\n\n"
          "Exit status: 0 done; 1 to 99 as curl's; 100 the origin still "
          "needs something;\n101 the command line is wrong; 102 a file of "
          "ours is wrong; 103 a limit of\nours was reached.\n",
          out);
}

static const char *nearest_command(const char *word)
{
    const char *best = NULL;
    unsigned least = 3;

    for (const struct command *c = commands; c->name != NULL; c++) {
        unsigned distance = rwith_option_distance(word, c->name);

        if (distance < least) {
            least = distance;
            best = c->name;
        }
    }
    return best;
}

static int unknown_command(const char *word)
{
    const char *near = nearest_command(word);

    if (near != NULL) {
        rwith_complain("'%s' is no command, did you mean '%s'? "
                       "'retrywith --help' lists them",
                       word, near);
    } else {
        rwith_complain("'%s' is no command, 'retrywith --help' lists them",
                       word);
    }
    return RWITH_EXIT_USAGE;
}

/* Started with one of them closed, the next file that is opened would be
 * taken for it: a socket for the output, or values for the input. */
static bool open_standard_files(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    return fd < 0 || close(fd) == 0;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    if (!open_standard_files()) {
        return RWITH_EXIT_LIMIT;
    }
    if (word == NULL) {
        print_help(stderr);
        return RWITH_EXIT_USAGE;
    }
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (strcmp(word, c->name) == 0) {
            return c->run(argc - 1, argv + 1);
        }
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("retrywith " RWITH_VERSION);
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    return unknown_command(word);
}
