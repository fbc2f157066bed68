/*
 * relay: the command line of `retrywith relay`.  What a relay does is
 * launch/relay*.c's and the module's.
 */
#include <cli/commands.h>
#include <cli/option.h>
#include <cli/strings.h>

#include <launch/relay.h>

#include <stddef.h>

struct settings {
    rwith_relay relay;
    rwith_option_list names, dialects, gives, allow;
    const char *color;
};

#define IN_RELAY(member) offsetof(struct settings, relay.member)
#define MS_MAX           (24u * 3600 * 1000)

static const rwith_option options[] = {
    { "listen", 0, "ADDRESS", "Clients", "0.1",
      "ADDR:PORT or unix:PATH (default 127.0.0.1:4490)", RWITH_OPTION_TEXT,
      IN_RELAY(listen), 0 },
    { "listen-cert", 0, "FILE", "Clients", "0.1",
      "serve TLS and HTTP/2 with this certificate", RWITH_OPTION_TEXT,
      IN_RELAY(listen_cert), 0 },
    { "listen-key", 0, "FILE", "Clients", "0.1", "and this key",
      RWITH_OPTION_TEXT, IN_RELAY(listen_key), 0 },
    { "name", 0, "HOST[:PORT]", "Clients", "0.1",
      "another name that clients may use in Host", RWITH_OPTION_LIST,
      offsetof(struct settings, names), 0 },
    { "allow", 0, "ADDRESS", "Clients", "0.1",
      "only these may use it: 192.0.2.7, 192.0.2.0/24", RWITH_OPTION_LIST,
      offsetof(struct settings, allow), 0 },
    { "client-password-file", 0, "FILE", "Clients", "0.1",
      "clients need a name and password of this file", RWITH_OPTION_TEXT,
      IN_RELAY(password_file), 0 },
    { "max-body", 0, "SIZE", "Clients", "0.1",
      "largest request body, 0: any (default 1G)", RWITH_OPTION_SIZE,
      IN_RELAY(max_body), 0 },

    { "to", 0, "URL", "Origin", "0.1",
      "the origin; a path is put before every target", RWITH_OPTION_TEXT,
      IN_RELAY(upstream.to), 0 },
    { "insecure", 'k', NULL, "Origin", "0.1",
      "do not verify the origin's certificate", RWITH_OPTION_FLAG,
      IN_RELAY(upstream.is_insecure), 0 },
    { "cacert", 0, "FILE", "Origin", "0.1",
      "authorities to verify the origin with", RWITH_OPTION_TEXT,
      IN_RELAY(upstream.cacert), 0 },
    { "cert", 'E', "FILE", "Origin", "0.1",
      "a certificate of ours for the origin", RWITH_OPTION_TEXT,
      IN_RELAY(upstream.cert), 0 },
    { "key", 0, "FILE", "Origin", "0.1", "and its key", RWITH_OPTION_TEXT,
      IN_RELAY(upstream.key), 0 },
    { "timeout", 0, "SECONDS", "Origin", "0.1",
      "longest silence of the origin (default 60)", RWITH_OPTION_SECONDS,
      IN_RELAY(upstream.timeout_ms), MS_MAX },
    { "connect-timeout", 0, "SECONDS", "Origin", "0.1",
      "longest wait for a connection (default 10)", RWITH_OPTION_SECONDS,
      IN_RELAY(upstream.connect_timeout_ms), MS_MAX },

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
      IN_RELAY(max_wait_ms), MS_MAX },

    { "workers", 0, "N", "Running", "0.1",
      "processes (default: one a processor, up to 4)", RWITH_OPTION_NUMBER,
      IN_RELAY(workers), 64 },
    { "log", 0, "FILE", "Running", "0.1",
      "one line a request: dialect= attempts= learned=", RWITH_OPTION_TEXT,
      IN_RELAY(log), 0 },
    { "module", 0, "FILE", "Running", "0.1", "ngx_http_retry_with_module.so",
      RWITH_OPTION_TEXT, IN_RELAY(module), 0 },
    { "print-config", 0, NULL, "Running", "0.1",
      "print nginx's configuration and leave", RWITH_OPTION_FLAG,
      IN_RELAY(print_config), 0 },
    { "verbose", 'v', NULL, "Running", "0.1", "tell how nginx is run",
      RWITH_OPTION_FLAG, IN_RELAY(is_verbose), 0 },
    { "color", 0, "auto|always|never", "Running", "0.1",
      "as with fetch; there is no colour here", RWITH_OPTION_CHOICE,
      offsetof(struct settings, color), 0 },
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
    struct settings s = { .relay = { .listen = "127.0.0.1:4490",
                                     .upstream.timeout_ms = 60000,
                                     .upstream.connect_timeout_ms = 10000,
                                     .max_wait_ms = UINT64_MAX,
                                     .max_body = UINT64_C(1) << 30 } };
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
