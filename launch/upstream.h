/*
 * upstream.h: the one origin behind a relay or a gate: what the command line
 * says of it, and how nginx reaches it.
 */
#ifndef RWITH_LAUNCH_UPSTREAM_H
#define RWITH_LAUNCH_UPSTREAM_H

#include <launch/conf.h>

#include <retrywith/message.h>

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct rwith_upstream {
    const char *to; /* URL; a path is put before every target */
    bool is_insecure;
    const char *cacert;
    const char *cert;
    const char *key;
    uint64_t timeout_ms;
    uint64_t connect_timeout_ms;

    /* Filled by rwith_upstream_check(). */
    char to_lower[512];
    rwith_origin origin;
    rwith_slice prefix; /* of --to: "" or "/path", without a final slash */
    char authority[300];
    char authorities[PATH_MAX];
} rwith_upstream;

/* What is proxied, and how. */
typedef struct rwith_proxying {
    const char *target;   /* behind the host: "", or text with variables */
    const char *redirect; /* Location below it is made ours; NULL: none is */
    bool streams_bodies;  /* of requests, instead of gathering them */
} rwith_proxying;

/* Look at it, and name it.  word: "relay".  returns 0, or an exit status
 * after a sentence. */
int rwith_upstream_check(rwith_upstream *upstream, const char *word);

/* Is its host there?  nginx would say it later and in other words. */
int rwith_upstream_check_host(const rwith_upstream *upstream);

bool rwith_upstream_is_tls(const rwith_upstream *upstream);

/* Its host without brackets; is it an address? */
bool rwith_upstream_host(const rwith_upstream *upstream, char *host,
                         size_t host_len);

/* The upstream block, in http {}. */
void rwith_upstream_put_block(const rwith_upstream *upstream, rwith_conf *conf);

/* proxy_pass and what makes it honest, in location {}. */
void rwith_upstream_put_proxy(const rwith_upstream *upstream,
                              const rwith_proxying *proxying, rwith_conf *conf);

/* Workers: as told, or one for each processor, within reason. */
unsigned rwith_upstream_workers(uint64_t told);

#endif
