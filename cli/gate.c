/*
 * gate: the command line of `retrywith gate`.  What a gate does is
 * launch/gate*.c's and the module's.
 */
#include <cli/commands.h>
#include <cli/gate.h>
#include <cli/option.h>
#include <cli/strings.h>

#include <stddef.h>

struct settings {
    rwith_gate gate;
    rwith_option_list documents, rules, requires;
    bool dry_run, output_json;
    const char *color;
};

#define AT(member)      offsetof(struct settings, member)
#define IN_GATE(member) offsetof(struct settings, gate.member)
#define MS_MAX          (24u * 3600 * 1000)

static const rwith_option options[] = {
    { "listen", 0, "ADDRESS", "Clients", "0.1",
      "ADDR:PORT or unix:PATH (default 127.0.0.1:4490)", RWITH_OPTION_TEXT,
      IN_GATE(listen), 0 },
    { "listen-cert", 0, "FILE", "Clients", "0.1",
      "serve TLS and HTTP/2 with this certificate", RWITH_OPTION_TEXT,
      IN_GATE(listen_cert), 0 },
    { "listen-key", 0, "FILE", "Clients", "0.1", "and this key",
      RWITH_OPTION_TEXT, IN_GATE(listen_key), 0 },
    { "max-body", 0, "SIZE", "Clients", "0.1",
      "largest request body, 0: any (default 1G)", RWITH_OPTION_SIZE,
      IN_GATE(max_body), 0 },
    { "cors", 0, "ORIGIN", "Clients", "0.1",
      "scripts of this origin (* any) may read refusals", RWITH_OPTION_TEXT,
      IN_GATE(cors), 0 },
    { "forward-auth", 0, NULL, "Clients", "0.1",
      "judge for a server that asks (Caddy, Traefik)", RWITH_OPTION_FLAG,
      IN_GATE(forward_auth), 0 },

    { "openapi", 0, "FILE", "What requests need", "0.1",
      "an OpenAPI document, JSON or YAML", RWITH_OPTION_LIST, AT(documents),
      0 },
    { "rules", 0, "FILE", "What requests need", "0.1",
      "rules, see retrywith-rules(5)", RWITH_OPTION_LIST, AT(rules), 0 },
    { "require", 0, "RULE", "What requests need", "0.1",
      "'POST /a: header X-Key, body /name'", RWITH_OPTION_LIST, AT(requires),
      0 },
    { "base-path", 0, "PATH", "What requests need", "0.1",
      "before every path, instead of the servers' own", RWITH_OPTION_TEXT,
      IN_GATE(base_path), 0 },
    { "unknown", 0, "pass|refuse", "What requests need", "0.1",
      "operations that are nowhere: pass, or 404", RWITH_OPTION_CHOICE,
      IN_GATE(unknown), 0 },
    { "credentials", 0, "401|449|pass", "What requests need", "0.1",
      "when only credentials are missing (default 401)", RWITH_OPTION_CHOICE,
      IN_GATE(credentials), 0 },
    { "report-only", 0, NULL, "What requests need", "0.1",
      "refuse nothing; the log tells", RWITH_OPTION_FLAG, IN_GATE(report_only),
      0 },

    { "to", 0, "URL", "Origin", "0.1",
      "the origin; a path is put before every target", RWITH_OPTION_TEXT,
      IN_GATE(upstream.to), 0 },
    { "insecure", 'k', NULL, "Origin", "0.1",
      "do not verify the origin's certificate", RWITH_OPTION_FLAG,
      IN_GATE(upstream.is_insecure), 0 },
    { "cacert", 0, "FILE", "Origin", "0.1",
      "authorities to verify the origin with", RWITH_OPTION_TEXT,
      IN_GATE(upstream.cacert), 0 },
    { "cert", 'E', "FILE", "Origin", "0.1",
      "a certificate of ours for the origin", RWITH_OPTION_TEXT,
      IN_GATE(upstream.cert), 0 },
    { "key", 0, "FILE", "Origin", "0.1", "and its key", RWITH_OPTION_TEXT,
      IN_GATE(upstream.key), 0 },
    { "timeout", 0, "SECONDS", "Origin", "0.1",
      "longest silence of the origin (default 60)", RWITH_OPTION_SECONDS,
      IN_GATE(upstream.timeout_ms), MS_MAX },
    { "connect-timeout", 0, "SECONDS", "Origin", "0.1",
      "longest wait for a connection (default 10)", RWITH_OPTION_SECONDS,
      IN_GATE(upstream.connect_timeout_ms), MS_MAX },

    { "workers", 0, "N", "Running", "0.1",
      "processes (default: one a processor, up to 4)", RWITH_OPTION_NUMBER,
      IN_GATE(workers), 64 },
    { "log", 0, "FILE", "Running", "0.1", "one line a request",
      RWITH_OPTION_TEXT, IN_GATE(log), 0 },
    { "log-format", 0, "common|json|w3c", "Running", "0.1",
      "of the log (default common)", RWITH_OPTION_CHOICE, IN_GATE(log_format),
      0 },
    { "module", 0, "FILE", "Running", "0.1", "ngx_http_retry_with_module.so",
      RWITH_OPTION_TEXT, IN_GATE(module), 0 },
    { "print-config", 0, NULL, "Running", "0.1",
      "print nginx's configuration and leave", RWITH_OPTION_FLAG,
      IN_GATE(print_config), 0 },
    { "dry-run", 0, NULL, "Running", "0.1",
      "read the documents, tell about them and leave", RWITH_OPTION_FLAG,
      AT(dry_run), 0 },
    { "output-json", 0, NULL, "Running", "0.1", "tell as JSON (--dry-run)",
      RWITH_OPTION_FLAG, AT(output_json), 0 },
    { "verbose", 'v', NULL, "Running", "0.1", "tell how nginx is run",
      RWITH_OPTION_FLAG, IN_GATE(is_verbose), 0 },
    { "color", 0, "auto|always|never", "Running", "0.1",
      "as with fetch; there is no colour here", RWITH_OPTION_CHOICE,
      offsetof(struct settings, color), 0 },
};

static const rwith_option_table table = {
    .command = "gate",
    .synopsis = "[options] --to URL --openapi FILE",
    .about =
        "Listens before an API.  A request that has what the API's OpenAPI\n"
        "document asks for is passed on; any other gets one 449 Retry With\n"
        "that lists all that it lacks.",
    .footer =
        "Example:\n"
        "  retrywith gate --openapi api.yaml --dry-run\n"
        "  retrywith gate --to http://localhost:8080 --openapi api.yaml\n\n"
        "SIGTERM finishes what is under way, SIGHUP reads the files again.",
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
};

static int run(struct settings *s)
{
    rwith_gate *gate = &s->gate;
    int status = RWITH_EXIT_LIMIT;

    if (s->output_json && !s->dry_run) {
        rwith_complain("--output-json tells about a --dry-run, and there is "
                       "none");
        return RWITH_EXIT_USAGE;
    }
    if (rwith_strings_of(&s->documents, &gate->documents) &&
        rwith_strings_of(&s->rules, &gate->rules) &&
        rwith_strings_of(&s->requires, &gate->requires)) {
        status = s->dry_run ? rwith_gate_dry_run(gate, s->output_json)
                            : rwith_gate_run(gate);
    }
    rwith_strings_free(&gate->documents);
    rwith_strings_free(&gate->rules);
    rwith_strings_free(&gate->requires);
    return status;
}

int rwith_command_gate(int argc, char **argv)
{
    struct settings s = { .gate = { .listen = "127.0.0.1:4490",
                                    .upstream.timeout_ms = 60000,
                                    .upstream.connect_timeout_ms = 10000,
                                    .max_body = UINT64_C(1) << 30,
                                    .unknown = "pass",
                                    .credentials = "401",
                                    .log_format = "common" } };
    rwith_option_list operands;
    int status = 0;

    if (rwith_option_parse(&table, argc, argv, &s, &operands, &status)) {
        status = run(&s);
    }
    rwith_option_list_free(&operands);
    rwith_option_list_free(&s.documents);
    rwith_option_list_free(&s.rules);
    rwith_option_list_free(&s.requires);
    return status;
}
