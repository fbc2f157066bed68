/*
 * relay: the command line of `retrywith relay`.  What a relay does is
 * launch/relay*.c's and the module's.
 */
#include <cli/commands.h>
#include <cli/server_options.h>
#include <cli/strings.h>

#include <launch/relay.h>

struct settings {
    rwith_relay relay;
    rwith_option_list names, dialects, gives, allow;
    const char *color;
};

#define IN_RELAY(member) offsetof(struct settings, relay.member)

static const rwith_option options[] = {
    RWITH_OPTIONS_CLIENTS(struct settings, relay.front),
    { "name", 0, "HOST[:PORT]", "Clients", "0.1",
      "another name that clients may use in Host", RWITH_OPTION_LIST,
      offsetof(struct settings, names), 0 },
    { "allow", 0, "ADDRESS", "Clients", "0.1",
      "only these may use it: 192.0.2.7, 192.0.2.0/24", RWITH_OPTION_LIST,
      offsetof(struct settings, allow), 0 },
    { "client-password-file", 0, "FILE", "Clients", "0.1",
      "clients need a name and password of this file", RWITH_OPTION_TEXT,
      IN_RELAY(password_file), 0 },

    RWITH_OPTIONS_ORIGIN(struct settings, relay.upstream),

    { "supply", 0, "FILE", "What is given", "0.1",
      "values for origins, see retrywith-supply(5)", RWITH_OPTION_TEXT,
      IN_RELAY(supply), 0 },
    { "give", 0, "VALUE", "What is given", "0.1",
      "'header X-Key=@file', 'query a=env:NAME'", RWITH_OPTION_LIST,
      offsetof(struct settings, gives), 0 },
    { "user", 'u', "NAME:PASSWORD", "What is given", "0.1",
      "sent by Basic, unless a client has its own", RWITH_OPTION_TEXT,
      IN_RELAY(user), 0 },

    { "dialect", 0, "FILE", "The exchange", "0.1",
      "a dialect besides the embedded ones", RWITH_OPTION_LIST,
      offsetof(struct settings, dialects), 0 },
    { "only", 0, "DIALECT,...", "The exchange", "0.1",
      "know these dialects and no others", RWITH_OPTION_TEXT, IN_RELAY(only),
      0 },
    { "max-attempts", 0, "N", "The exchange", "0.1",
      "sends of one request (default 4)", RWITH_OPTION_NUMBER,
      IN_RELAY(attempts), 16 },
    { "max-wait", 0, "SECONDS", "The exchange", "0.1",
      "longest Retry-After that is honoured (default 30)", RWITH_OPTION_SECONDS,
      IN_RELAY(max_wait_ms), RWITH_MS_MAX },

    RWITH_OPTION_WORKERS(struct settings, relay.front),
    RWITH_OPTION_LOG(struct settings, relay.front,
                     "one line a request: dialect= attempts= learned="),
    RWITH_OPTIONS_RUNNING(struct settings, relay.front, color),
};

static const rwith_option_table table = {
    .command = "relay",
    .synopsis = "[options] --to URL",
    .about =
        "Listens as a server and passes every request on to the origin.\n"
        "A 449 Retry With (or a relative of it) is answered here: the client\n"
        "never sees it.  What an origin asked for is sent unasked next time.",
    .footer =
        "Example:\n"
        "  retrywith relay --to https://dav.example.com/files\n"
        "  rclone lsf :webdav: --webdav-url http://127.0.0.1:4490\n\n"
        "SIGTERM finishes what is under way, SIGHUP reads the files again.",
    .options = options,
    .count = sizeof(options) / sizeof(options[0]),
};

static int run(struct settings *s)
{
    rwith_relay *relay = &s->relay;
    int status = RWITH_EXIT_LIMIT;

    if (relay->upstream.to == NULL) {
        rwith_complain("which origin? write 'retrywith relay --to "
                       "https://host'");
        return RWITH_EXIT_USAGE;
    }
    if (rwith_strings_of(&s->names, &relay->names) &&
        rwith_strings_of(&s->dialects, &relay->dialects) &&
        rwith_strings_of(&s->gives, &relay->gives) &&
        rwith_strings_of(&s->allow, &relay->allow)) {
        relay->has_max_wait = relay->max_wait_ms != UINT64_MAX;
        status = rwith_relay_run(relay);
    }
    rwith_strings_free(&relay->names);
    rwith_strings_free(&relay->dialects);
    rwith_strings_free(&relay->gives);
    rwith_strings_free(&relay->allow);
    return status;
}

int rwith_command_relay(int argc, char **argv)
{
    struct settings s = { .relay = { .front = RWITH_FRONT_DEFAULT,
                                     .upstream = RWITH_UPSTREAM_DEFAULT,
                                     .max_wait_ms = UINT64_MAX } };
    rwith_option_list operands;
    int status = 0;

    if (rwith_option_parse(&table, argc, argv, &s, &operands, &status)) {
        status = run(&s);
    }
    rwith_option_list_free(&operands);
    rwith_option_list_free(&s.names);
    rwith_option_list_free(&s.dialects);
    rwith_option_list_free(&s.gives);
    rwith_option_list_free(&s.allow);
    return status;
}
