/*
 * sandbox.c: the configuration of a sandbox, and its run.  What it answers
 * is sandbox/'s.
 */
#define _GNU_SOURCE

#include <launch/sandbox.h>

#include <launch/check.h>
#include <launch/conf.h>
#include <launch/instance.h>
#include <launch/listener.h>
#include <launch/problems.h>
#include <launch/say.h>

#include <stdio.h>

/* One worker: sessions and waits are remembered in it. */
static void put_conf(const rwith_sandbox_server *server,
                     const rwith_instance *instance,
                     const rwith_listener *listener, rwith_conf *conf)
{
    rwith_instance_put_head(instance, conf, "sandbox", 1);
    rwith_conf_put_dollar(conf);
    if (server->log != NULL) {
        rwith_conf_put(conf,
                       "    log_format retrywith '$time_iso8601 $remote_addr "
                       "\"$request\" $status '\n"
                       "        '$body_bytes_sent $request_time';\n"
                       "    access_log %p retrywith;\n",
                       server->log);
    } else {
        rwith_conf_put(conf, "    access_log off;\n");
    }
    rwith_problems_put_map(conf);
    rwith_conf_put(conf, "    server {\n");
    rwith_listener_put_conf(listener, server->listen_cert, server->listen_key,
                            conf);
    rwith_conf_put(conf,
                   "        client_max_body_size %u;\n"
                   "        location / {\n"
                   "            retry_with_sandbox on;\n"
                   "        }\n",
                   (unsigned long)server->max_body);
    rwith_problems_put(NULL, "sandbox", conf);
    rwith_conf_put(conf, "    }\n}\n");
}

static int check(const rwith_sandbox_server *server)
{
    int status = rwith_check_pair(server->listen_cert, "--listen-cert",
                                  server->listen_key, "--listen-key");

    if (status == 0) {
        status = rwith_check_file("--listen-cert", server->listen_cert);
    }
    if (status == 0) {
        status = rwith_check_file("--listen-key", server->listen_key);
    }
    return status == 0 ? rwith_check_file("--log", server->log) : status;
}

static int run(const rwith_sandbox_server *server, rwith_instance *instance,
               const rwith_listener *listener)
{
    rwith_conf conf = { 0 };
    rwith_instance_plan plan = {
        .word = "sandbox",
        .scheme = server->listen_cert != NULL ? "https" : "http",
        .listener = listener,
        .conf = &conf,
        .is_verbose = server->is_verbose,
        .handover_fd = -1,
    };
    int status = 0;

    put_conf(server, instance, listener, &conf);
    if (conf.is_broken) {
        rwith_say("a name on the command line is too long for nginx (%d "
                  "bytes)",
                  RWITH_CONF_WORD_MAX);
        status = RWITH_LAUNCH_USAGE;
    } else if (server->print_config) {
        fputs(conf.text, stdout);
    } else {
        status = rwith_instance_run(instance, &plan);
    }
    rwith_conf_free(&conf);
    return status;
}

int rwith_sandbox_run(const rwith_sandbox_server *server)
{
    rwith_instance instance = RWITH_INSTANCE_NONE;
    rwith_listener listener = { .fd = -1 };
    int status = check(server);

    if (status == 0) {
        status = rwith_listener_open(server->listen, server->print_config,
                                     &listener);
    }
    if (status == 0) {
        status = rwith_instance_open(&instance, server->module,
                                     server->print_config);
    }
    if (status == 0) {
        status = run(server, &instance, &listener);
    }
    rwith_instance_close(&instance);
    rwith_listener_close(&listener);
    return status;
}
