/*
 * sandbox.c: the configuration of a sandbox, and its run.  What it answers
 * is sandbox/'s.
 */
#define _GNU_SOURCE

#include <launch/sandbox.h>

#include <launch/conf.h>
#include <launch/problems.h>

/* One worker: sessions and waits are remembered in it. */
static void put_conf(const rwith_front *front, const rwith_instance *instance,
                     const rwith_listener *listener, rwith_conf *conf)
{
    rwith_instance_put_head(instance, conf, "sandbox", 1);
    rwith_conf_put_dollar(conf);
    if (front->log != NULL) {
        rwith_conf_put(conf,
                       "    log_format retrywith '$time_iso8601 $remote_addr "
                       "\"$request\" $status '\n"
                       "        '$body_bytes_sent $request_time';\n"
                       "    access_log %p retrywith;\n",
                       front->log);
    } else {
        rwith_conf_put(conf, "    access_log off;\n");
    }
    rwith_problems_put_map(conf);
    rwith_conf_put(conf, "    server {\n");
    rwith_listener_put_conf(listener, front->listen_cert, front->listen_key,
                            conf);
    rwith_conf_put(conf,
                   "        client_max_body_size %u;\n"
                   "        location / {\n"
                   "            retry_with_sandbox on;\n"
                   "        }\n",
                   (unsigned long)front->max_body);
    rwith_problems_put(NULL, "sandbox", conf);
    rwith_conf_put(conf, "    }\n}\n");
}

static int serve(void *user, rwith_instance *instance,
                 const rwith_listener *listener)
{
    const rwith_front *front = user;
    rwith_conf conf = { 0 };
    rwith_instance_plan plan = {
        .word = "sandbox",
        .listener = listener,
        .conf = &conf,
        .handover_fd = -1,
    };

    put_conf(front, instance, listener, &conf);
    int status = rwith_front_serve(front, instance, &plan, "");
    rwith_conf_free(&conf);
    return status;
}

int rwith_sandbox_run(rwith_front *front)
{
    int status = rwith_front_check(front);

    return status == 0 ? rwith_front_open(front, serve, front) : status;
}
