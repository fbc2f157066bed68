/*
 * sandbox: the command line of `retrywith sandbox`.  What it answers is
 * sandbox/'s, how it runs launch/sandbox.c's.
 */
#include <cli/commands.h>
#include <cli/option.h>

#include <launch/sandbox.h>

#include <stddef.h>

struct settings {
    rwith_sandbox_server server;
    const char *color;
};

#define IN_SANDBOX(member) offsetof(struct settings, server.member)

static const rwith_option options[] = {
    { "listen", 0, "ADDRESS", "Clients", "0.1",
      "ADDR:PORT or unix:PATH (default 127.0.0.1:4490)", RWITH_OPTION_TEXT,
      IN_SANDBOX(listen), 0 },
    { "listen-cert", 0, "FILE", "Clients", "0.1",
      "serve TLS and HTTP/2 with this certificate", RWITH_OPTION_TEXT,
      IN_SANDBOX(listen_cert), 0 },
    { "listen-key", 0, "FILE", "Clients", "0.1", "and this key",
      RWITH_OPTION_TEXT, IN_SANDBOX(listen_key), 0 },
    { "max-body", 0, "SIZE", "Clients", "0.1",
      "largest request body, 0: any (default 1G)", RWITH_OPTION_SIZE,
      IN_SANDBOX(max_body), 0 },

    { "log", 0, "FILE", "Running", "0.1", "one line a request",
      RWITH_OPTION_TEXT, IN_SANDBOX(log), 0 },
    { "module", 0, "FILE", "Running", "0.1", "ngx_http_retry_with_module.so",
      RWITH_OPTION_TEXT, IN_SANDBOX(module), 0 },
    { "print-config", 0, NULL, "Running", "0.1",
      "print nginx's configuration and leave", RWITH_OPTION_FLAG,
      IN_SANDBOX(print_config), 0 },
    { "verbose", 'v', NULL, "Running", "0.1", "tell how nginx is run",
      RWITH_OPTION_FLAG, IN_SANDBOX(is_verbose), 0 },
    { "color", 0, "auto|always|never", "Running", "0.1",
      "as with fetch; there is no colour here", RWITH_OPTION_CHOICE,
      offsetof(struct settings, color), 0 },
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
    struct settings s = { .server = { .listen = "127.0.0.1:4490",
                                      .max_body = UINT64_C(1) << 30 } };
    rwith_option_list operands;
    int status = 0;

    if (rwith_option_parse(&table, argc, argv, &s, &operands, &status)) {
        status = rwith_sandbox_run(&s.server);
    }
    rwith_option_list_free(&operands);
    return status;
}
