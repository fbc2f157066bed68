/*
 * gate: the command line of `retrywith gate`.  What a gate does is
 * launch/gate*.c's and the module's.
 */
#include <cli/commands.h>
#include <cli/gate.h>
#include <cli/server_options.h>
#include <cli/strings.h>

struct settings {
    rwith_gate gate;
    rwith_option_list documents, rules, requires;
    bool dry_run, output_json;
    const char *color;
};

#define AT(member)      offsetof(struct settings, member)
#define IN_GATE(member) offsetof(struct settings, gate.member)

static const rwith_option options[] = {
    RWITH_OPTIONS_CLIENTS(struct settings, gate.front),
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

    RWITH_OPTIONS_ORIGIN(struct settings, gate.upstream),

    RWITH_OPTION_WORKERS(struct settings, gate.front),
    RWITH_OPTION_LOG(struct settings, gate.front, "one line a request"),
    { "log-format", 0, "common|json|w3c", "Running", "0.1",
      "of the log (default common)", RWITH_OPTION_CHOICE, IN_GATE(log_format),
      0 },
    { "dry-run", 0, NULL, "Running", "0.1",
      "read the documents, tell about them and leave", RWITH_OPTION_FLAG,
      AT(dry_run), 0 },
    { "output-json", 0, NULL, "Running", "0.1", "tell as JSON (--dry-run)",
      RWITH_OPTION_FLAG, AT(output_json), 0 },
    RWITH_OPTIONS_RUNNING(struct settings, gate.front, color),
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
    struct settings s = { .gate = { .front = RWITH_FRONT_DEFAULT,
                                    .upstream = RWITH_UPSTREAM_DEFAULT,
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
