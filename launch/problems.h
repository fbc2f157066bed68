/*
 * problems.h: what nginx answers of itself.
 */
#ifndef RWITH_LAUNCH_PROBLEMS_H
#define RWITH_LAUNCH_PROBLEMS_H

#include <launch/conf.h>
#include <launch/upstream.h>

/* In http {}, for the following. */
void rwith_problems_put_map(rwith_conf *conf);

/*
 * In server {}: nginx's own answers are problem+json (RFC 9457).  word:
 * "relay"; upstream: NULL, there is none behind.
 */
void rwith_problems_put(const rwith_upstream *upstream, const char *word,
                        rwith_conf *conf);

#endif
