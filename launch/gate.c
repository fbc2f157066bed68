/*
 * gate.c: checks what a gate is told, writes its configuration and runs it.
 * What requests need is read by the module; whether one has it is judged
 * there, by the core.
 */
#define _GNU_SOURCE

#include <launch/gate.h>

#include <launch/check.h>
#include <launch/problems.h>
#include <launch/say.h>

#include <retrywith/err.h>
#include <retrywith/policy.h>
#include <retrywith/rules.h>
#include <retrywith/trust.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- checks -------------------------------------------------------------- */

int rwith_gate_check_policy(const rwith_gate *gate)
{
    if (gate->documents.count + gate->rules.count + gate->requires.count == 0) {
        rwith_say("what do requests need? name an OpenAPI document with "
                  "--openapi FILE, rules with --rules FILE, or one with "
                  "--require 'POST /path: header X-Key'");
        return RWITH_LAUNCH_USAGE;
    }
    if (gate->base_path != NULL && gate->base_path[0] != '/' &&
        gate->base_path[0] != '\0') {
        rwith_say("--base-path must begin with a slash");
        return RWITH_LAUNCH_USAGE;
    }
    return 0;
}

/* The path stands beside a variable in the configuration, unquoted. */
static int check_prefix(const rwith_gate *gate)
{
    rwith_slice prefix = gate->upstream.prefix;
    char shown[600];

    for (size_t i = 0; i < prefix.len; i++) {
        char c = prefix.ptr[i];

        if (c == '\0' ||
            strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                   "0123456789-._~%!&()*+,=:@/",
                   c) == NULL) {
            rwith_trust_escape(prefix, shown, sizeof(shown));
            rwith_say("the path of --to, '%s', has a byte that must be "
                      "percent-encoded there",
                      shown);
            return RWITH_LAUNCH_USAGE;
        }
    }
    return 0;
}

static int check_origin(rwith_gate *gate)
{
    if (gate->upstream.to == NULL) {
        if (gate->forward_auth) {
            return 0;
        }
        rwith_say("which origin? write 'retrywith gate --to http://host "
                  "--openapi FILE'");
        return RWITH_LAUNCH_USAGE;
    }
    if (gate->forward_auth) {
        rwith_say("with --forward-auth nothing is passed on, leave --to out");
        return RWITH_LAUNCH_USAGE;
    }
    int status = rwith_upstream_check(&gate->upstream, "gate");
    if (status == 0) {
        status = check_prefix(gate);
    }
    return status == 0 && !gate->front.print_config
               ? rwith_upstream_check_host(&gate->upstream)
               : status;
}

static int check_files(const char *option, const rwith_strings *files)
{
    int status = 0;

    for (size_t i = 0; status == 0 && i < files->count; i++) {
        status = rwith_check_file(option, files->items[i]);
    }
    return status;
}

/* What stands on the command line is an error of the command line. */
static int check_require(const char *rule)
{
    rwith_policy_builder *builder = NULL;
    rwith_diagnostic diag = { 0 };
    int err = rwith_policy_builder_new(NULL, &builder);

    if (err == RWITH_OK) {
        err = rwith_rules_read(builder, rwith_slice_of(""),
                               rwith_slice_of(rule), &diag);
    }
    rwith_policy_builder_free(builder);
    if (err == RWITH_OK) {
        return 0;
    }
    if (err != RWITH_EFILE) {
        rwith_say("%s", rwith_err_text(err));
        return RWITH_LAUNCH_LIMIT;
    }
    rwith_say("--require: column %zu: %s", diag.column, diag.text);
    return RWITH_LAUNCH_USAGE;
}

/* The module says the same of its directive. */
static int check_cors(const char *cors)
{
    const char *host = cors != NULL ? strstr(cors, "://") : NULL;
    char shown[200];

    if (cors == NULL || strcmp(cors, "*") == 0 ||
        (host != NULL && host > cors && host[3] != '\0' &&
         strpbrk(host + 3, "/?#, ") == NULL)) {
        return 0;
    }
    rwith_trust_escape(rwith_slice_of(cors), shown, sizeof(shown));
    rwith_say("'%s' is no value for --cors, one origin as https://host:port, "
              "or *, is expected",
              shown);
    return RWITH_LAUNCH_USAGE;
}

static int check_words(const rwith_gate *gate)
{
    int status = check_cors(gate->cors);

    for (size_t i = 0; status == 0 && i < gate->requires.count; i++) {
        status = check_require(gate->requires.items[i]);
    }
    return status;
}

static int check(rwith_gate *gate)
{
    int status = rwith_gate_check_policy(gate);

    if (status == 0) {
        status = check_words(gate);
    }

    if (status == 0) {
        status = check_origin(gate);
    }
    if (status == 0) {
        status = rwith_front_check(&gate->front);
    }
    if (status == 0) {
        status = check_files("--openapi", &gate->documents);
    }
    return status == 0 ? check_files("--rules", &gate->rules) : status;
}

/* --- the configuration --------------------------------------------------- */

static void put_source(const char *directive, const rwith_strings *files,
                       const char *base_path, rwith_conf *conf)
{
    char base[1100];

    for (size_t i = 0; i < files->count; i++) {
        rwith_conf_put(conf, "            %r %f", directive, files->items[i]);
        if (base_path != NULL) {
            snprintf(base, sizeof(base), "base_path=%s", base_path);
            rwith_conf_put(conf, " %s", base);
        }
        rwith_conf_put(conf, ";\n");
    }
}

static void put_policy(const rwith_gate *gate, rwith_conf *conf)
{
    put_source("retry_with_openapi", &gate->documents, gate->base_path, conf);
    put_source("retry_with_rules", &gate->rules, gate->base_path, conf);
    for (size_t i = 0; i < gate->requires.count; i++) {
        rwith_conf_put(conf, "            retry_with_require %s;\n",
                       gate->requires.items[i]);
    }
    rwith_conf_put(conf,
                   "            retry_with %r;\n"
                   "            retry_with_unknown %s;\n"
                   "            retry_with_credentials %s;\n",
                   gate->report_only ? "report" : "on", gate->unknown,
                   gate->credentials);
    if (gate->cors != NULL) {
        rwith_conf_put(conf, "            retry_with_cors %s;\n", gate->cors);
    }
    if (gate->forward_auth) {
        rwith_conf_put(conf, "            retry_with_forward_auth on;\n");
    }
}

/* What was judged goes on as it came: nginx's own form of a path would be
 * sent, if a path stood here without a variable. */
static void put_proxy(const rwith_gate *gate, rwith_conf *conf)
{
    const rwith_upstream *upstream = &gate->upstream;
    char target[600] = "";
    char redirect[1000];

    if (upstream->prefix.len > 0) {
        snprintf(target, sizeof(target), "%.*s$request_uri",
                 (int)upstream->prefix.len, upstream->prefix.ptr);
    }
    snprintf(redirect, sizeof(redirect), "%.*s://%s%.*s/",
             (int)upstream->origin.scheme.len, upstream->origin.scheme.ptr,
             upstream->authority, (int)upstream->prefix.len,
             upstream->prefix.ptr);
    rwith_upstream_put_proxy(upstream,
                             &(rwith_proxying){ .target = target,
                                                .redirect = redirect,
                                                .streams_bodies = true },
                             conf);
}

void rwith_gate_put_conf(const rwith_gate *gate, const rwith_instance *instance,
                         const rwith_listener *listener, rwith_conf *conf)
{
    rwith_instance_put_head(instance, conf, "gate",
                            rwith_upstream_workers(gate->front.workers));
    rwith_conf_put_dollar(conf);
    rwith_gate_put_log(gate, conf);
    rwith_problems_put_map(conf);
    if (!gate->forward_auth) {
        rwith_upstream_put_block(&gate->upstream, conf);
    }
    rwith_conf_put(conf, "    server {\n");
    rwith_listener_put_conf(listener, gate->front.listen_cert,
                            gate->front.listen_key, conf);
    rwith_conf_put(conf,
                   "        client_max_body_size %u;\n"
                   "        client_body_buffer_size 64k;\n"
                   "        location / {\n",
                   (unsigned long)gate->front.max_body);
    put_policy(gate, conf);
    if (!gate->forward_auth) {
        put_proxy(gate, conf);
    }
    rwith_conf_put(conf, "        }\n");
    rwith_problems_put(gate->forward_auth ? NULL : &gate->upstream, "gate",
                       conf);
    rwith_conf_put(conf, "    }\n}\n");
}

/* --- the whole ----------------------------------------------------------- */

static int serve(void *user, rwith_instance *instance,
                 const rwith_listener *listener)
{
    const rwith_gate *gate = user;
    rwith_conf conf = { 0 };
    rwith_instance_plan plan = {
        .word = "gate",
        .listener = listener,
        .conf = &conf,
        .reads_files = true,
        .handover_fd = -1,
    };
    int status = 0;

    rwith_gate_put_conf(gate, instance, listener, &conf);
    if (!conf.is_broken && !gate->front.print_config) {
        if (strcmp(gate->log_format, "w3c") == 0) {
            setenv("TZ", "UTC0", 1); /* that format's times are UTC */
        }
        status = rwith_gate_begin_log(gate);
    }
    if (status == 0) {
        status = rwith_front_serve(&gate->front, instance, &plan,
                                   "; put rules into a file (--rules)");
    }
    rwith_conf_free(&conf);
    return status;
}

int rwith_gate_run(rwith_gate *gate)
{
    int status = check(gate);

    return status == 0 ? rwith_front_open(&gate->front, serve, gate) : status;
}
