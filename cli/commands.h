/*
 * commands.h: the subcommands, one file each, and what they all share: exit
 * statuses and the form of an error.
 */
#ifndef RWITH_CLI_COMMANDS_H
#define RWITH_CLI_COMMANDS_H

#if defined(__GNUC__)
#define RWITH_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define RWITH_PRINTF(a, b)
#endif

/* Exit statuses of every subcommand, besides 0 and curl's own numbers. */
enum {
    RWITH_EXIT_NEEDS = 100, /* the origin still needs something */
    RWITH_EXIT_USAGE = 101, /* the command line is wrong */
    RWITH_EXIT_FILE = 102,  /* a file of ours is wrong */
    RWITH_EXIT_LIMIT = 103  /* a limit of ours was reached */
};

/* argv[0] is the subcommand's name.  Each returns the exit status. */
int rwith_command_relay(int argc, char **argv);
int rwith_command_gate(int argc, char **argv);
int rwith_command_sandbox(int argc, char **argv);
int rwith_command_fetch(int argc, char **argv);

/*
 * Print "retrywith: " and the sentence on stderr: what went wrong, why, what
 * to do.  Text from outside must be escaped (rwith_trust_escape) before.
 */
RWITH_PRINTF(1, 2)
void rwith_complain(const char *format, ...);

#endif
