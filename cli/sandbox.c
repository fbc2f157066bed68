/*
 * sandbox: the command line of `retrywith sandbox`.  What it answers is
 * sandbox/'s, how it runs launch/sandbox.c's.
 */
#include <cli/commands.h>
#include <cli/server_options.h>

#include <launch/sandbox.h>

struct settings {
    rwith_front front;
    const char *color;
};

static const rwith_option options[] = {
    RWITH_OPTIONS_CLIENTS(struct settings, front),

    RWITH_OPTION_LOG(struct settings, front, "one line a request"),
    RWITH_OPTIONS_RUNNING(struct settings, front, color),
};

static const rwith_option_table table = {
    .command = "sandbox",
    .synopsis = "[options]",
    .about = "A test origin: each path refuses a request in one dialect until "
             "it brings\nwhat is wanted, then answers 200 with an account of "
             "what arrived.\nGET / lists the paths.",
    .footer = "Example:\n"
              "  retrywith sandbox &\n"
              "  curl -i http://127.0.0.1:4490/ms-echo/report\n"
              "  retrywith fetch http://127.0.0.1:4490/ms-echo/report",
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
};

int rwith_command_sandbox(int argc, char **argv)
{
    struct settings s = { .front = RWITH_FRONT_DEFAULT };
    rwith_option_list operands;
    int status = 0;

    if (rwith_option_parse(&table, argc, argv, &s, &operands, &status)) {
        status = rwith_sandbox_run(&s.front);
    }
    rwith_option_list_free(&operands);
    return status;
}
