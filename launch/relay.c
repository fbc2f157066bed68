/*
 * relay.c: checks what a relay is told and writes its configuration.  Which
 * requests get values is the module's to decide, by the core's rules.
 */
#define _GNU_SOURCE

#include <launch/relay.h>

#include <launch/check.h>
#include <launch/problems.h>
#include <launch/say.h>

#include <retrywith/trust.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- checks --------------------------------------------------------------- */

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
    int status = rwith_upstream_check(&relay->upstream, "relay");

    if (status == 0) {
        status = rwith_front_check(&relay->front);
    }
    if (status == 0) {
        status =
            rwith_check_file("--client-password-file", relay->password_file);
    }
    if (status == 0) {
        status = check_allow(relay);
    }
    if (status == 0) {
        status = check_names(relay);
    }
    return status == 0 && !relay->front.print_config
               ? rwith_upstream_check_host(&relay->upstream)
               : status;
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
              relay->front.listen);
    return RWITH_LAUNCH_USAGE;
}

/* --- the configuration ---------------------------------------------------- */

/* The path alone: a query may hold values. */
static void put_log(const rwith_relay *relay, rwith_conf *conf)
{
    if (relay->front.log == NULL) {
        rwith_conf_put(conf, "    access_log off;\n");
        return;
    }
    rwith_conf_put(
        conf,
        "    map $request_uri $retrywith_path {\n"
        "        default -;\n"
        "        \"~^(?<retrywith_before>[^?]+)\" $retrywith_before;\n"
        "    }\n"
        "    log_format retrywith '$time_iso8601 $remote_addr '\n"
        "        '\"$request_method $retrywith_path\" $status '\n"
        "        '$body_bytes_sent $request_time '\n"
        "        'dialect=$retry_with_dialect '\n"
        "        'attempts=$retry_with_attempts '\n"
        "        'learned=$retry_with_learned';\n"
        "    access_log %p retrywith;\n",
        relay->front.log);
}

static void put_listen(const rwith_relay *relay, const rwith_listener *listener,
                       rwith_conf *conf)
{
    rwith_listener_put_conf(listener, relay->front.listen_cert,
                            relay->front.listen_key, conf);
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
    bool front_is_tls = relay->front.listen_cert != NULL;
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
            put_name(conf,
                     listener->authority[0] == '[' ? "[::1]" : "127.0.0.1",
                     listener->port, front_is_tls);
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
                   relay->upstream.to);
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

void rwith_relay_put_conf(const rwith_relay *relay,
                          const rwith_instance *instance,
                          const rwith_listener *listener, const char *supply,
                          rwith_conf *conf)
{
    rwith_proxying proxying = { .target = "" };

    rwith_instance_put_head(instance, conf, "relay",
                            rwith_upstream_workers(relay->front.workers));
    rwith_conf_put_dollar(conf);
    put_log(relay, conf);
    rwith_problems_put_map(conf);
    rwith_upstream_put_block(&relay->upstream, conf);
    rwith_conf_put(conf, "    server {\n");
    put_listen(relay, listener, conf);
    rwith_conf_put(conf,
                   "        client_max_body_size %u;\n"
                   "        client_body_buffer_size 1m;\n",
                   (unsigned long)relay->front.max_body);
    rwith_conf_put(conf, "        location / {\n");
    put_answer(relay, listener, supply, conf);
    rwith_upstream_put_proxy(&relay->upstream, &proxying, conf);
    rwith_conf_put(conf, "        }\n");
    rwith_problems_put(&relay->upstream, "relay", conf);
    rwith_conf_put(conf, "    }\n}\n");
}
