/*
 * front.h: what every server of ours is told of its clients and of its run,
 * and the part of its life that is the same for all.
 */
#ifndef RWITH_LAUNCH_FRONT_H
#define RWITH_LAUNCH_FRONT_H

#include <launch/instance.h>
#include <launch/listener.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct rwith_front {
    const char *listen;
    const char *listen_cert; /* NULL: no TLS */
    const char *listen_key;
    uint64_t max_body; /* 0: no limit */
    uint64_t workers;  /* 0: one for each processor, up to 4 */
    const char *log;   /* NULL: none */
    const char *module;
    bool print_config; /* instead of running */
    bool is_verbose;   /* tell how nginx is run */
} rwith_front;

/* Look at everything that can be wrong with it.  returns 0, or an exit status
 * after a sentence. */
int rwith_front_check(const rwith_front *front);

/* What runs between the opening and the closing; returns the exit status. */
typedef int (*rwith_front_run)(void *user, rwith_instance *instance,
                               const rwith_listener *listener);

/* Open listener and instance, run, and close both.  returns as above. */
int rwith_front_open(const rwith_front *front, rwith_front_run run, void *user);

/*
 * Run nginx, or print its configuration.  plan: what the front does not say;
 * hint: what to do when a word is too long for nginx, or "".
 */
int rwith_front_serve(const rwith_front *front, rwith_instance *instance,
                      rwith_instance_plan *plan, const char *hint);

#endif
