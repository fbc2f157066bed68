/*
 * relay.h: what a relay is told, and the configuration that it becomes.
 */
#ifndef RWITH_LAUNCH_RELAY_H
#define RWITH_LAUNCH_RELAY_H

#include <launch/conf.h>
#include <launch/front.h>
#include <launch/strings.h>
#include <launch/upstream.h>

#include <stdint.h>

typedef struct rwith_relay {
    rwith_front front;
    rwith_strings names;
    rwith_upstream upstream;
    rwith_strings dialects;
    const char *only;  /* NULL: all */
    uint64_t attempts; /* 0: the default */
    uint64_t max_wait_ms;
    bool has_max_wait;
    rwith_strings allow;
    const char *password_file; /* of clients; NULL: none */
    const char *supply;        /* file; NULL: none */
    rwith_strings gives;
    const char *user; /* "name:password" for Basic; NULL: none */
} rwith_relay;

/* Run it until it is told to end.  returns the exit status. */
int rwith_relay_run(rwith_relay *relay);

/* Look at everything that can be wrong before a server is started.  returns
 * 0, or an exit status after a sentence. */
int rwith_relay_check(rwith_relay *relay);

/* Nobody beyond this machine may use the values. */
int rwith_relay_check_exposure(const rwith_relay *relay,
                               const rwith_listener *listener, bool has_values);

/* supply: how nginx names the file with the values; NULL: none. */
void rwith_relay_put_conf(const rwith_relay *relay,
                          const rwith_instance *instance,
                          const rwith_listener *listener, const char *supply,
                          rwith_conf *conf);

#endif
