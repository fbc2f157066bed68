/*
 * relay.c: checks what a relay is told and writes its configuration.  Which
 * requests get values is the module's to decide, by the core's rules.
 */
#define _GNU_SOURCE

#include <launch/relay.h>

#include <launch/find.h>
#include <launch/say.h>

#include <retrywith/trust.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS_MAX 4

static bool is_tls(const rwith_origin *origin)
{
    return rwith_slice_equal(origin->scheme, RWITH_LIT("https"));
}

/* The host without the brackets of IPv6. */
static void bare_host(const rwith_origin *origin, char *host, size_t host_len)
{
    rwith_slice s = origin->host;

    if (s.len > 1 && s.ptr[0] == '[') {
        s.ptr++;
        s.len -= 2;
    }
    snprintf(host, host_len, "%.*s", (int)s.len, s.ptr);
}

static bool is_address(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

/* --- checks
 * -------------------------------------------------------------------- */

static int check_to(rwith_relay *relay)
{
    rwith_slice rest;
    char shown[600];
    size_t len = strlen(relay->to);

    rwith_trust_escape((rwith_slice){ relay->to, len }, shown, sizeof(shown));
    if (len > sizeof(relay->to_lower) ||
        rwith_origin_parse((rwith_slice){ relay->to, len }, relay->to_lower,
                           sizeof(relay->to_lower), &relay->origin,
                           &rest) != RWITH_OK) {
        rwith_say("'%s' is no origin to relay to, write --to "
                  "https://host:port/path",
                  shown);
        return RWITH_LAUNCH_USAGE;
    }
    if (rest.len > 0 &&
        (rest.ptr[0] != '/' || memchr(rest.ptr, '?', rest.len) != NULL ||
         memchr(rest.ptr, '#', rest.len) != NULL)) {
        rwith_say("'%s' has more than a path behind the host, leave query and "
                  "fragment of --to out",
                  shown);
        return RWITH_LAUNCH_USAGE;
    }
    bool is_default = relay->origin.port == (is_tls(&relay->origin) ? 443 : 80);
    snprintf(relay->authority, sizeof(relay->authority),
             is_default ? "%.*s" : "%.*s:%u", (int)relay->origin.host.len,
             relay->origin.host.ptr, (unsigned)relay->origin.port);
    return 0;
}

/* nginx would say it too, but later and in other words. */
static int check_host(const rwith_relay *relay)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char host[300];

    bare_host(&relay->origin, host, sizeof(host));
    int err = getaddrinfo(host, NULL, &hints, &found);
    if (err != 0) {
        rwith_say("the host of --to, '%s', was not found (%s)", host,
                  gai_strerror(err));
        return RWITH_LAUNCH_RESOLVE;
    }
    freeaddrinfo(found);
    return 0;
}

static int check_file(const char *option, const char *path)
{
    if (path == NULL) {
        return 0;
    }
    if (strchr(path, '$') != NULL) {
        rwith_say("%s %s has a dollar sign, which nginx takes for a variable: "
                  "choose another name",
                  option, path);
        return RWITH_LAUNCH_USAGE;
    }
    /* A log is made when it is not there. */
    if (strcmp(option, "--log") == 0 || access(path, R_OK) == 0) {
        return 0;
    }
    rwith_say("%s %s cannot be read: %s", option, path, strerror(errno));
    return RWITH_LAUNCH_FILE;
}

static int check_pair(const char *first, const char *first_option,
                      const char *second, const char *second_option)
{
    if ((first == NULL) == (second == NULL)) {
        return 0;
    }
    rwith_say("%s is of no use without %s",
              first != NULL ? first_option : second_option,
              first != NULL ? second_option : first_option);
    return RWITH_LAUNCH_USAGE;
}

static int check_files(rwith_relay *relay)
{
    const struct {
        const char *option;
        const char *path;
    } files[] = {
        { "--listen-cert", relay->listen_cert },
        { "--listen-key", relay->listen_key },
        { "--cacert", relay->cacert },
        { "--cert", relay->cert },
        { "--key", relay->key },
        { "--client-password-file", relay->password_file },
        { "--log", relay->log },
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        int status = check_file(files[i].option, files[i].path);

        if (status != 0) {
            return status;
        }
    }
    if (relay->cacert != NULL) {
        snprintf(relay->authorities, sizeof(relay->authorities), "%s",
                 relay->cacert);
    } else if (is_tls(&relay->origin) && !relay->is_insecure &&
               !rwith_find_authorities(relay->authorities)) {
        rwith_say("no file with the certificates that this machine trusts was "
                  "found, say where it is with --cacert");
        return RWITH_LAUNCH_FILE;
    }
    return 0;
}

/* An address, or a block of them: 192.0.2.0/24. */
static bool is_block(const char *text)
{
    char address[64];
    unsigned char bytes[16];
    size_t len = strcspn(text, "/");
    unsigned max;

    if (len >= sizeof(address)) {
        return false;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    if (inet_pton(AF_INET, address, bytes) == 1) {
        max = 32;
    } else if (inet_pton(AF_INET6, address, bytes) == 1) {
        max = 128;
    } else {
        return false;
    }
    if (text[len] == '\0') {
        return true;
    }
    const char *bits = text + len + 1;
    size_t digits = strspn(bits, "0123456789");
    unsigned value = 0;
    for (size_t i = 0; i < digits && i < 4; i++) {
        value = value * 10 + (unsigned)(bits[i] - '0');
    }
    return digits > 0 && digits < 4 && bits[digits] == '\0' && value <= max;
}

static int check_allow(const rwith_relay *relay)
{
    for (size_t i = 0; i < relay->allow.count; i++) {
        if (!is_block(relay->allow.items[i])) {
            char shown[200];

            rwith_trust_escape(rwith_slice_of(relay->allow.items[i]), shown,
                               sizeof(shown));
            rwith_say("'%s' is no address for --allow, write 192.0.2.7 or "
                      "192.0.2.0/24",
                      shown);
            return RWITH_LAUNCH_USAGE;
        }
    }
    return 0;
}

/* "host" or "host:port": letters, digits and what addresses are made of. */
static int check_names(const rwith_relay *relay)
{
    for (size_t i = 0; i < relay->names.count; i++) {
        const char *name = relay->names.items[i];
        size_t len =
            strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789-._:[]");

        if (len == 0 || name[len] != '\0' || len > 255) {
            char shown[300];

            rwith_trust_escape(rwith_slice_of(name), shown, sizeof(shown));
            rwith_say("'%s' is no name for --name, write host or host:port",
                      shown);
            return RWITH_LAUNCH_USAGE;
        }
    }
    return 0;
}

int rwith_relay_check(rwith_relay *relay)
{
    int status = check_to(relay);

    if (status == 0) {
        status = check_pair(relay->listen_cert, "--listen-cert",
                            relay->listen_key, "--listen-key");
    }
    if (status == 0) {
        status = check_pair(relay->cert, "--cert", relay->key, "--key");
    }
    if (status == 0) {
        status = check_allow(relay);
    }
    if (status == 0) {
        status = check_names(relay);
    }
    if (status == 0) {
        status = check_files(relay);
    }
    return status == 0 && !relay->print_config ? check_host(relay) : status;
}

int rwith_relay_check_exposure(const rwith_relay *relay,
                               const rwith_listener *listener, bool has_values)
{
    if (!has_values || listener->is_loopback || relay->allow.count > 0 ||
        relay->password_file != NULL) {
        return 0;
    }
    rwith_say("'%s' is open to other machines, and values are configured: say "
              "who may use them with --allow ADDRESS or "
              "--client-password-file FILE",
              relay->listen);
    return RWITH_LAUNCH_USAGE;
}

/* --- the configuration
 * ------------------------------------------------------------ */

static unsigned worker_count(const rwith_relay *relay)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (relay->workers > 0) {
        return (unsigned)relay->workers;
    }
    if (processors > WORKERS_MAX) {
        return WORKERS_MAX;
    }
    return processors > 0 ? (unsigned)processors : 1;
}

/* The path alone: a query may hold values. */
static void put_log(const rwith_relay *relay, rwith_conf *conf)
{
    if (relay->log == NULL) {
        rwith_conf_put(conf, "    access_log off;\n");
        return;
    }
    rwith_conf_put(
        conf,
        "    map $request_uri $retrywith_path {\n"
        "        \"~^(?<retrywith_before>[^?]*)\" $retrywith_before;\n"
        "    }\n"
        "    log_format retrywith '$time_iso8601 $remote_addr '\n"
        "        '\"$request_method $retrywith_path\" $status '\n"
        "        '$body_bytes_sent $request_time '\n"
        "        'dialect=$retry_with_dialect '\n"
        "        'attempts=$retry_with_attempts '\n"
        "        'learned=$retry_with_learned';\n"
        "    access_log %p retrywith;\n",
        relay->log);
}

static void put_upstream(const rwith_relay *relay, rwith_conf *conf)
{
    char server[320];

    snprintf(server, sizeof(server), "%.*s:%u", (int)relay->origin.host.len,
             relay->origin.host.ptr, (unsigned)relay->origin.port);
    rwith_conf_put(conf,
                   "    upstream retrywith_origin {\n"
                   "        server %s;\n"
                   "        keepalive 64;\n"
                   "        keepalive_requests 100000;\n"
                   "    }\n",
                   server);
}

static void put_listen(const rwith_relay *relay, const rwith_listener *listener,
                       rwith_conf *conf)
{
    rwith_conf_put(conf, "        listen %s%r;\n", listener->address,
                   relay->listen_cert != NULL ? " ssl http2" : "");
    if (relay->listen_cert != NULL) {
        rwith_conf_put(conf,
                       "        ssl_certificate %p;\n"
                       "        ssl_certificate_key %p;\n"
                       "        ssl_protocols TLSv1.2 TLSv1.3;\n",
                       relay->listen_cert, relay->listen_key);
    }
    for (size_t i = 0; i < relay->allow.count; i++) {
        rwith_conf_put(conf, "        allow %s;\n", relay->allow.items[i]);
    }
    if (relay->allow.count > 0) {
        rwith_conf_put(conf, "        allow 127.0.0.0/8;\n"
                             "        allow ::1;\n"
                             "        allow unix:;\n"
                             "        deny all;\n");
    }
    if (relay->password_file != NULL) {
        rwith_conf_put(conf,
                       "        retry_with_own_credentials on;\n"
                       "        auth_basic \"retrywith relay\";\n"
                       "        auth_basic_user_file %p;\n",
                       relay->password_file);
    }
}

/* A name as Host has it; the scheme's own port is left out there. */
static void put_name(rwith_conf *conf, const char *host, uint16_t port,
                     bool front_is_tls)
{
    char name[300];

    snprintf(name, sizeof(name), "%s:%u", host, (unsigned)port);
    rwith_conf_put(conf, " %s", name);
    if (port == (front_is_tls ? 443 : 80)) {
        rwith_conf_put(conf, " %s", host);
    }
}

/* Rules of trust, 4: what Host may say. */
static void put_names(const rwith_relay *relay, const rwith_listener *listener,
                      rwith_conf *conf)
{
    bool front_is_tls = relay->listen_cert != NULL;
    size_t host_len = strlen(listener->authority);

    rwith_conf_put(conf, "            retry_with_names");
    if (listener->port == 0) {
        rwith_conf_put(conf, " localhost");
    } else {
        char host[80];

        while (host_len > 0 && listener->authority[host_len] != ':') {
            host_len--;
        }
        snprintf(host, sizeof(host), "%.*s", (int)host_len,
                 listener->authority);
        put_name(conf, host, listener->port, front_is_tls);
        if (listener->is_any) {
            put_name(conf, "127.0.0.1", listener->port, front_is_tls);
        }
        if (listener->is_any || listener->is_loopback) {
            put_name(conf, "localhost", listener->port, front_is_tls);
        }
    }
    for (size_t i = 0; i < relay->names.count; i++) {
        const char *name = relay->names.items[i];
        const char *colon = strrchr(name, ':');
        bool has_port = colon != NULL && strchr(colon, ']') == NULL;

        rwith_conf_put(conf, " %s", name);
        if (!has_port && listener->port != 0) {
            put_name(conf, name, listener->port, false);
        }
    }
    rwith_conf_put(conf, ";\n");
}

static void put_answer(const rwith_relay *relay, const rwith_listener *listener,
                       const char *supply, rwith_conf *conf)
{
    rwith_conf_put(conf,
                   "            retry_with_answer on;\n"
                   "            retry_with_recall zone=retrywith:4m;\n"
                   "            retry_with_rewrite %s;\n",
                   relay->to);
    put_names(relay, listener, conf);
    for (size_t i = 0; i < relay->dialects.count; i++) {
        rwith_conf_put(conf, "            retry_with_dialect %f;\n",
                       relay->dialects.items[i]);
    }
    if (supply != NULL) {
        rwith_conf_put(conf, "            retry_with_supply %f;\n", supply);
    }
    if (relay->only != NULL) {
        rwith_conf_put(conf, "            retry_with_only %s;\n", relay->only);
    }
    if (relay->attempts > 0) {
        rwith_conf_put(conf, "            retry_with_attempts %u;\n",
                       (unsigned long)relay->attempts);
    }
    if (relay->has_max_wait) {
        rwith_conf_put(conf, "            retry_with_max_wait %ums;\n",
                       (unsigned long)relay->max_wait_ms);
    }
}

static void put_origin_tls(const rwith_relay *relay, rwith_conf *conf)
{
    char host[300];

    if (!is_tls(&relay->origin)) {
        return;
    }
    bare_host(&relay->origin, host, sizeof(host));
    rwith_conf_put(conf,
                   "            proxy_ssl_server_name on;\n"
                   "            proxy_ssl_name %v;\n"
                   "            proxy_ssl_protocols TLSv1.2 TLSv1.3;\n",
                   host);
    if (relay->is_insecure) {
        rwith_conf_put(conf, "            proxy_ssl_verify off;\n");
    } else if (is_address(host)) {
        /* nginx verifies names only; then the module does it. */
        rwith_conf_put(conf, "            retry_with_verify_address %f;\n",
                       relay->authorities);
    } else {
        rwith_conf_put(conf,
                       "            proxy_ssl_verify on;\n"
                       "            proxy_ssl_verify_depth 8;\n"
                       "            proxy_ssl_trusted_certificate %f;\n",
                       relay->authorities);
    }
    if (relay->cert != NULL) {
        rwith_conf_put(conf,
                       "            proxy_ssl_certificate %p;\n"
                       "            proxy_ssl_certificate_key %p;\n",
                       relay->cert, relay->key);
    }
}

/*
 * An honest intermediary (RFC 9110 7.6): the origin's fields pass, and none
 * of them steers us.  Variants of the framing fields with an underscore are
 * dropped: origins that read fields as variables take them for the real
 * ones.
 */
static void put_proxy(const rwith_relay *relay, rwith_conf *conf)
{
    rwith_conf_put(
        conf,
        "            proxy_pass %r://retrywith_origin;\n"
        "            proxy_http_version 1.1;\n"
        "            proxy_set_header Host %v;\n"
        "            proxy_set_header Connection \"\";\n"
        "            proxy_set_header Proxy-Connection \"\";\n"
        "            proxy_set_header Content_Length \"\";\n"
        "            proxy_set_header Transfer_Encoding \"\";\n"
        "            proxy_redirect off;\n"
        "            proxy_request_buffering on;\n"
        "            proxy_buffer_size 32k;\n"
        "            proxy_buffers 8 32k;\n"
        "            proxy_busy_buffers_size 64k;\n"
        "            proxy_max_temp_file_size 0;\n"
        "            proxy_connect_timeout %ums;\n"
        "            proxy_read_timeout %ums;\n"
        "            proxy_send_timeout %ums;\n"
        "            proxy_pass_header Server;\n"
        "            proxy_pass_header Date;\n"
        "            proxy_pass_header X-Pad;\n"
        "            proxy_pass_header X-Accel-Redirect;\n"
        "            proxy_pass_header X-Accel-Expires;\n"
        "            proxy_pass_header X-Accel-Limit-Rate;\n"
        "            proxy_pass_header X-Accel-Buffering;\n"
        "            proxy_pass_header X-Accel-Charset;\n"
        "            proxy_ignore_headers X-Accel-Redirect X-Accel-Expires\n"
        "                X-Accel-Limit-Rate X-Accel-Buffering\n"
        "                X-Accel-Charset Expires Cache-Control Set-Cookie\n"
        "                Vary;\n",
        is_tls(&relay->origin) ? "https" : "http", relay->authority,
        (unsigned long)relay->connect_timeout_ms,
        (unsigned long)relay->timeout_ms, (unsigned long)relay->timeout_ms);
}

/* What nginx itself answers, as problem+json (RFC 9457). */
static void put_problems(const rwith_relay *relay, rwith_conf *conf)
{
    static const struct {
        unsigned long status;
        const char *title;
        const char *before; /* the origin's name */
        const char *after;
    } problems[] = {
        { 403, "Forbidden", "This address may not use the relay to ",
          " (--allow)." },
        { 413, "Content Too Large", "The content is larger than the relay to ",
          " takes (--max-body)." },
        { 500, "Internal Server Error", "The relay to ",
          " failed on its own machine; its output says why." },
        { 502, "Bad Gateway", "The origin ",
          " could not be reached, or its answer was none; the relay's output "
          "says more." },
        { 504, "Gateway Timeout", "The origin ", " did not answer in time." },
    };
    char body[1200];

    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        snprintf(body, sizeof(body),
                 "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%lu,"
                 "\"detail\":\"%s%.*s://%s%s\"}\r\n",
                 problems[i].title, problems[i].status, problems[i].before,
                 (int)relay->origin.scheme.len, relay->origin.scheme.ptr,
                 relay->authority, problems[i].after);
        rwith_conf_put(conf,
                       "        error_page %u = @retrywith_%u;\n"
                       "        location @retrywith_%u {\n"
                       "            default_type application/problem+json;\n"
                       "            add_header Cache-Control no-store "
                       "always;\n"
                       "            return %u %v;\n"
                       "        }\n",
                       problems[i].status, problems[i].status,
                       problems[i].status, problems[i].status, body);
    }
}

void rwith_relay_put_conf(const rwith_relay *relay,
                          const rwith_instance *instance,
                          const rwith_listener *listener, const char *supply,
                          rwith_conf *conf)
{
    rwith_instance_put_head(instance, conf, "relay", worker_count(relay));
    rwith_conf_put_dollar(conf);
    put_log(relay, conf);
    put_upstream(relay, conf);
    rwith_conf_put(conf, "    server {\n");
    put_listen(relay, listener, conf);
    rwith_conf_put(conf,
                   "        client_max_body_size %u;\n"
                   "        client_body_buffer_size 64k;\n",
                   (unsigned long)relay->max_body);
    rwith_conf_put(conf, "        location / {\n");
    put_answer(relay, listener, supply, conf);
    put_proxy(relay, conf);
    put_origin_tls(relay, conf);
    rwith_conf_put(conf, "        }\n");
    put_problems(relay, conf);
    rwith_conf_put(conf, "    }\n}\n");
}
