/*
 * gate.h: what a gate is told, and the configuration that it becomes.
 */
#ifndef RWITH_LAUNCH_GATE_H
#define RWITH_LAUNCH_GATE_H

#include <launch/conf.h>
#include <launch/front.h>
#include <launch/strings.h>
#include <launch/upstream.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct rwith_gate {
    rwith_front front;
    rwith_upstream upstream; /* .to is NULL with forward_auth */
    rwith_strings documents; /* OpenAPI */
    rwith_strings rules;     /* files */
    rwith_strings requires;  /* lines of such files */
    const char *base_path;   /* NULL: as the documents say */
    const char *unknown;     /* "pass" or "refuse" */
    const char *credentials; /* "401", "449" or "pass" */
    const char *cors;        /* NULL: none */
    bool report_only;
    bool forward_auth;
    const char *log_format; /* "common", "json" or "w3c" */
} rwith_gate;

/* Run it until it is told to end.  returns the exit status. */
int rwith_gate_run(rwith_gate *gate);

/* Is anything said of what requests need?  returns as above. */
int rwith_gate_check_policy(const rwith_gate *gate);

void rwith_gate_put_conf(const rwith_gate *gate, const rwith_instance *instance,
                         const rwith_listener *listener, rwith_conf *conf);

/* gate_log.c: the format's definition, and the lines that a log begins with.
 * returns 0, or an exit status after a sentence. */
void rwith_gate_put_log(const rwith_gate *gate, rwith_conf *conf);
int rwith_gate_begin_log(const rwith_gate *gate);

#endif
