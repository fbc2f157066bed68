/*
 * upstream.c: the origin's name, its certificate and the directives that
 * proxy to it.  What a relay or a gate does with requests is not known here.
 */
#define _GNU_SOURCE

#include <launch/upstream.h>

#include <launch/check.h>
#include <launch/find.h>
#include <launch/say.h>

#include <retrywith/trust.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS_MAX 4

bool rwith_upstream_is_tls(const rwith_upstream *upstream)
{
    return rwith_slice_equal(upstream->origin.scheme, RWITH_LIT("https"));
}

bool rwith_upstream_host(const rwith_upstream *upstream, char *host,
                         size_t host_len)
{
    unsigned char bytes[16];
    rwith_slice s = upstream->origin.host;

    if (s.len > 1 && s.ptr[0] == '[') {
        s.ptr++;
        s.len -= 2;
    }
    snprintf(host, host_len, "%.*s", (int)s.len, s.ptr);
    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

/* --- checks -------------------------------------------------------------- */

static int check_to(rwith_upstream *upstream, const char *word)
{
    rwith_slice rest;
    char shown[600];
    size_t len = strlen(upstream->to);

    rwith_trust_escape((rwith_slice){ upstream->to, len }, shown,
                       sizeof(shown));
    if (len > sizeof(upstream->to_lower) ||
        rwith_origin_parse((rwith_slice){ upstream->to, len },
                           upstream->to_lower, sizeof(upstream->to_lower),
                           &upstream->origin, &rest) != RWITH_OK) {
        rwith_say("'%s' is no origin to %s to, write --to "
                  "https://host:port/path",
                  shown, strcmp(word, "relay") == 0 ? "relay" : "proxy");
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
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] <= ' ' || rest.ptr[i] >= 0x7f ||
            strchr("\"<>\\^`{|}", rest.ptr[i]) != NULL) {
            rwith_say("'%s' has a byte in its path that must be "
                      "percent-encoded",
                      shown);
            return RWITH_LAUNCH_USAGE;
        }
    }
    while (rest.len > 0 && rest.ptr[rest.len - 1] == '/') {
        rest.len--;
    }
    upstream->prefix = rest;
    bool is_default =
        upstream->origin.port == (rwith_upstream_is_tls(upstream) ? 443 : 80);
    snprintf(upstream->authority, sizeof(upstream->authority),
             is_default ? "%.*s" : "%.*s:%u", (int)upstream->origin.host.len,
             upstream->origin.host.ptr, (unsigned)upstream->origin.port);
    return 0;
}
/* nginx would say it too, but later and in other words. */
int rwith_upstream_check_host(const rwith_upstream *upstream)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char host[300];

    rwith_upstream_host(upstream, host, sizeof(host));
    int err = getaddrinfo(host, NULL, &hints, &found);
    if (err != 0) {
        rwith_say("the host of --to, '%s', was not found (%s)", host,
                  gai_strerror(err));
        return RWITH_LAUNCH_RESOLVE;
    }
    freeaddrinfo(found);
    return 0;
}
static int check_files(rwith_upstream *upstream)
{
    const struct {
        const char *option;
        const char *path;
    } files[] = {
        { "--cacert", upstream->cacert },
        { "--cert", upstream->cert },
        { "--key", upstream->key },
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        int status = rwith_check_file(files[i].option, files[i].path);

        if (status != 0) {
            return status;
        }
    }
    if (upstream->cacert != NULL) {
        snprintf(upstream->authorities, sizeof(upstream->authorities), "%s",
                 upstream->cacert);
    } else if (rwith_upstream_is_tls(upstream) && !upstream->is_insecure &&
               !rwith_find_authorities(upstream->authorities)) {
        rwith_say("no file with the certificates that this machine trusts was "
                  "found, say where it is with --cacert");
        return RWITH_LAUNCH_FILE;
    }
    return 0;
}

int rwith_upstream_check(rwith_upstream *upstream, const char *word)
{
    int status = check_to(upstream, word);

    if (status == 0 &&
        (upstream->timeout_ms == 0 || upstream->connect_timeout_ms == 0)) {
        rwith_say("'0' is no value for --%s, no answer comes in no time",
                  upstream->timeout_ms == 0 ? "timeout" : "connect-timeout");
        status = RWITH_LAUNCH_USAGE;
    }
    if (status == 0) {
        status =
            rwith_check_pair(upstream->cert, "--cert", upstream->key, "--key");
    }
    return status == 0 ? check_files(upstream) : status;
}

/* --- the configuration --------------------------------------------------- */

unsigned rwith_upstream_workers(uint64_t told)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (told > 0) {
        return (unsigned)told;
    }
    if (processors > WORKERS_MAX) {
        return WORKERS_MAX;
    }
    return processors > 0 ? (unsigned)processors : 1;
}
void rwith_upstream_put_block(const rwith_upstream *upstream, rwith_conf *conf)
{
    char server[320];

    snprintf(server, sizeof(server), "%.*s:%u", (int)upstream->origin.host.len,
             upstream->origin.host.ptr, (unsigned)upstream->origin.port);
    rwith_conf_put(conf,
                   "    upstream retrywith_origin {\n"
                   "        server %s;\n"
                   "        keepalive 64;\n"
                   "        keepalive_requests 100000;\n"
                   "    }\n",
                   server);
}
static void put_tls(const rwith_upstream *upstream, rwith_conf *conf)
{
    char host[300];

    if (!rwith_upstream_is_tls(upstream)) {
        return;
    }
    bool is_address = rwith_upstream_host(upstream, host, sizeof(host));
    rwith_conf_put(conf,
                   "            proxy_ssl_server_name on;\n"
                   "            proxy_ssl_name %v;\n"
                   "            proxy_ssl_protocols TLSv1.2 TLSv1.3;\n",
                   host);
    if (upstream->is_insecure) {
        rwith_conf_put(conf, "            proxy_ssl_verify off;\n");
    } else if (is_address) {
        /* nginx verifies names only; then the module does it. */
        rwith_conf_put(conf,
                       "            retry_with_origin %s;\n"
                       "            retry_with_verify_address %f;\n",
                       upstream->to, upstream->authorities);
    } else {
        rwith_conf_put(conf,
                       "            proxy_ssl_verify on;\n"
                       "            proxy_ssl_verify_depth 8;\n"
                       "            proxy_ssl_trusted_certificate %f;\n",
                       upstream->authorities);
    }
    if (upstream->cert != NULL) {
        rwith_conf_put(conf,
                       "            proxy_ssl_certificate %p;\n"
                       "            proxy_ssl_certificate_key %p;\n",
                       upstream->cert, upstream->key);
    }
}
/*
 * An honest intermediary (RFC 9110 7.6): the origin's fields pass, and none
 * of them steers us.  Variants of the framing fields with an underscore are
 * dropped: origins that read fields as variables take them for the real
 * ones.  What an origin says of its own host and port (RFC 7838, RFC 6797) is
 * not true of ours: a browser would go round us, or find us no more.
 */
void rwith_upstream_put_proxy(const rwith_upstream *upstream,
                              const rwith_proxying *proxying, rwith_conf *conf)
{
    rwith_conf_put(
        conf,
        "            proxy_pass %r://retrywith_origin%r;\n"
        "            proxy_http_version 1.1;\n"
        "            proxy_set_header Host %v;\n"
        "            proxy_set_header Connection \"\";\n"
        "            proxy_set_header Proxy-Connection \"\";\n"
        "            proxy_set_header Content_Length \"\";\n"
        "            proxy_set_header Transfer_Encoding \"\";\n"
        "            proxy_request_buffering %r;\n"
        "            proxy_buffer_size 32k;\n"
        "            proxy_buffers 8 32k;\n"
        "            proxy_busy_buffers_size 64k;\n"
        "            proxy_max_temp_file_size 0;\n"
        "            proxy_connect_timeout %ums;\n"
        "            proxy_read_timeout %ums;\n"
        "            proxy_send_timeout %ums;\n"
        "            proxy_hide_header Alt-Svc;\n"
        "            proxy_hide_header Strict-Transport-Security;\n"
        "            proxy_pass_header Server;\n"
        "            proxy_pass_header Date;\n"
        "            proxy_pass_header X-Pad;\n"
        "            proxy_pass_header X-Accel-Redirect;\n"
        "            proxy_pass_header X-Accel-Expires;\n"
        "            proxy_pass_header X-Accel-Limit-Rate;\n"
        "            proxy_pass_header X-Accel-Buffering;\n"
        "            proxy_pass_header X-Accel-Charset;\n"
        "            proxy_ignore_headers X-Accel-Redirect X-Accel-Expires\n"
        "                X-Accel-Limit-Rate%r X-Accel-Charset\n"
        "                Expires Cache-Control Set-Cookie Vary;\n",
        rwith_upstream_is_tls(upstream) ? "https" : "http", proxying->target,
        upstream->authority, proxying->streams_bodies ? "off" : "on",
        (unsigned long)upstream->connect_timeout_ms,
        (unsigned long)upstream->timeout_ms,
        (unsigned long)upstream->timeout_ms,
        proxying->streams_bodies ? "" : " X-Accel-Buffering");
    if (proxying->redirect != NULL) {
        rwith_conf_put(conf, "            proxy_redirect %v /;\n",
                       proxying->redirect);
    } else {
        rwith_conf_put(conf, "            proxy_redirect off;\n");
    }
    put_tls(upstream, conf);
}
