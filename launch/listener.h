/*
 * listener.h: the socket that a server listens on.  It is bound here and
 * handed to nginx, so that port 0 works without a race and "in use" is our
 * own sentence.
 */
#ifndef RWITH_LAUNCH_LISTENER_H
#define RWITH_LAUNCH_LISTENER_H

#include <launch/conf.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct rwith_listener {
    int fd;             /* -1: none */
    char address[160];  /* as nginx's listen directive names it */
    char authority[80]; /* "127.0.0.1:4490"; "localhost" for unix: */
    char socket[110];   /* path of a unix socket that is ours; or "" */
    uint16_t port;      /* 0: unix */
    bool is_loopback;   /* a unix socket too */
    bool is_any;        /* 0.0.0.0 or [::] */
} rwith_listener;

/*
 * Read "ADDRESS:PORT", "[ADDRESS]:PORT", ":PORT" (loopback) or "unix:PATH",
 * bind it and listen.  dry_run: only read it.
 *
 * returns 0, or an exit status after a sentence
 */
int rwith_listener_open(const char *text, bool dry_run, rwith_listener *ret);

/* The listen directive; cert: NULL, or serve TLS and HTTP/2. */
void rwith_listener_put_conf(const rwith_listener *listener, const char *cert,
                             const char *key, rwith_conf *conf);

void rwith_listener_close(rwith_listener *listener);

#endif
