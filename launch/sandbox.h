/*
 * sandbox.h: the sandbox as a server of its own.
 */
#ifndef RWITH_LAUNCH_SANDBOX_H
#define RWITH_LAUNCH_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rwith_sandbox_server {
    const char *listen;
    const char *listen_cert; /* NULL: no TLS */
    const char *listen_key;
    uint64_t max_body; /* 0: no limit */
    const char *log;   /* NULL: none */
    const char *module;
    bool print_config;
    bool is_verbose;
} rwith_sandbox_server;

/* Run it until it is told to end.  returns the exit status. */
int rwith_sandbox_run(const rwith_sandbox_server *server);

#endif
