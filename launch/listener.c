/*
 * listener.c: reads a listen address, binds, listens and tells nginx.
 */
#define _GNU_SOURCE

#include <launch/listener.h>

#include <launch/say.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 511

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage storage;
};

static int expected(const char *text)
{
    rwith_say("'%s' is no address to listen on, write 127.0.0.1:4490, "
              "[::1]:4490 or unix:/path",
              text);
    return RWITH_LAUNCH_USAGE;
}

/* A socket that nobody answers on is left over: it may go. */
static bool is_left_over(const union address *address, socklen_t len)
{
    struct stat st;
    bool is_dead = false;
    int fd = -1;

    if (lstat(address->local.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        is_dead = connect(fd, &address->any, len) != 0 && errno == ECONNREFUSED;
        close(fd);
    }
    return is_dead;
}

static int read_unix(const char *text, const char *path, union address *address,
                     socklen_t *len, rwith_listener *ret)
{
    if (path[0] != '/') {
        rwith_say("'%s' names no socket, its path must begin with a slash",
                  text);
        return RWITH_LAUNCH_USAGE;
    }
    if (strlen(path) >= sizeof(address->local.sun_path) ||
        strpbrk(path, ":") != NULL) {
        rwith_say("'%s' is no path for a socket, it may have up to %zu bytes "
                  "and no colon",
                  text, sizeof(address->local.sun_path) - 1);
        return RWITH_LAUNCH_USAGE;
    }
    address->local.sun_family = AF_UNIX;
    snprintf(address->local.sun_path, sizeof(address->local.sun_path), "%s",
             path);
    *len = sizeof(address->local);
    snprintf(ret->address, sizeof(ret->address), "unix:%s", path);
    snprintf(ret->authority, sizeof(ret->authority), "localhost");
    ret->is_loopback = true;
    return 0;
}

/* The host's part of "host:port", without brackets. */
static bool cut_host(const char *text, char *host, size_t host_len,
                     const char **ret_port)
{
    const char *colon = strrchr(text, ':');

    if (colon == NULL || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strlen(colon + 1) > 5 ||
        (strlen(colon + 1) == 5 && strcmp(colon + 1, "65535") > 0)) {
        return false;
    }
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL) {
        return false;
    }
    if (len == 0) {
        text = "127.0.0.1";
        len = strlen(text);
    }
    if (len >= host_len) {
        return false;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    *ret_port = colon + 1;
    return true;
}

static int read_inet(const char *text, union address *address, socklen_t *len)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    const char *port;
    char host[256];

    if (!cut_host(text, host, sizeof(host), &port)) {
        return expected(text);
    }
    int err = getaddrinfo(host, port, &hints, &found);
    if (err != 0) {
        rwith_say("the address to listen on, '%s', was not found (%s)", text,
                  gai_strerror(err));
        return RWITH_LAUNCH_USAGE;
    }
    memcpy(address, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/* Say in words where an address is, now that its port is known. */
static void describe_inet(const union address *address, rwith_listener *ret)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        ret->port = ntohs(address->v6.sin6_port);
        ret->is_loopback = IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
        ret->is_any = IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
        snprintf(ret->authority, sizeof(ret->authority), "[%s]:%u", host,
                 (unsigned)ret->port);
    } else {
        uint32_t ip = ntohl(address->v4.sin_addr.s_addr);

        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
        ret->port = ntohs(address->v4.sin_port);
        ret->is_loopback = ip >> 24 == 127;
        ret->is_any = ip == INADDR_ANY;
        snprintf(ret->authority, sizeof(ret->authority), "%s:%u", host,
                 (unsigned)ret->port);
    }
    snprintf(ret->address, sizeof(ret->address), "%s", ret->authority);
}

static int bind_failed(const char *text)
{
    switch (errno) {
    case EADDRINUSE:
        rwith_say("'%s' is in use by another program, choose another with "
                  "--listen (port 0 picks a free one)",
                  text);
        return RWITH_LAUNCH_LIMIT;
    case EACCES:
        rwith_say("'%s' may not be listened on by this user, choose another "
                  "with --listen",
                  text);
        return RWITH_LAUNCH_LIMIT;
    default:
        rwith_say("'%s' cannot be listened on: %s", text, strerror(errno));
        return RWITH_LAUNCH_LIMIT;
    }
}

static int bind_and_listen(const char *text, union address *address,
                           socklen_t len, rwith_listener *ret)
{
    int family = address->any.sa_family;
    int yes = 1;

    /* nginx accepts from it as it finds it: non-blocking, and inherited. */
    ret->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (ret->fd < 0) {
        return bind_failed(text);
    }
    if (family == AF_UNIX) {
        if (is_left_over(address, len)) {
            unlink(address->local.sun_path);
        }
    } else {
        setsockopt(ret->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    }
    if (family == AF_INET6) {
        setsockopt(ret->fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    }
    mode_t mask = umask(0177);
    int bound = bind(ret->fd, &address->any, len);
    umask(mask);
    if (bound != 0) {
        return bind_failed(text);
    }
    if (family == AF_UNIX) {
        snprintf(ret->socket, sizeof(ret->socket), "%s",
                 address->local.sun_path);
    }
    if (listen(ret->fd, BACKLOG) != 0 ||
        getsockname(ret->fd, &address->any, &len) != 0) {
        return bind_failed(text);
    }
    return 0;
}

int rwith_listener_open(const char *text, bool dry_run, rwith_listener *ret)
{
    union address address = { .storage = { 0 } };
    socklen_t len = 0;
    bool is_unix = strncmp(text, "unix:", 5) == 0;

    *ret = (rwith_listener){ .fd = -1 };
    int status = is_unix ? read_unix(text, text + 5, &address, &len, ret)
                         : read_inet(text, &address, &len);
    if (status == 0 && !dry_run) {
        status = bind_and_listen(text, &address, len, ret);
    }
    if (status == 0 && !is_unix) {
        describe_inet(&address, ret);
    }
    if (status != 0) {
        rwith_listener_close(ret);
    }
    return status;
}

void rwith_listener_put_conf(const rwith_listener *listener, const char *cert,
                             const char *key, rwith_conf *conf)
{
    rwith_conf_put(conf, "        listen %s%r;\n", listener->address,
                   cert != NULL ? " ssl http2" : "");
    if (cert != NULL) {
        rwith_conf_put(conf,
                       "        ssl_certificate %p;\n"
                       "        ssl_certificate_key %p;\n"
                       "        ssl_protocols TLSv1.2 TLSv1.3;\n",
                       cert, key);
    }
}

void rwith_listener_close(rwith_listener *listener)
{
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
    if (listener->socket[0] != '\0') {
        unlink(listener->socket);
        listener->socket[0] = '\0';
    }
}
