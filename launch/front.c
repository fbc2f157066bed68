/*
 * front.c: what is the same in the lives of all servers: checks of files,
 * listener and instance opened and closed, nginx run or its configuration
 * printed.
 */
#define _GNU_SOURCE

#include <launch/front.h>

#include <launch/check.h>
#include <launch/say.h>

#include <stdio.h>

int rwith_front_check(const rwith_front *front)
{
    const struct {
        const char *option;
        const char *path;
    } files[] = {
        { "--listen-cert", front->listen_cert },
        { "--listen-key", front->listen_key },
        { "--log", front->log },
    };
    int status = rwith_check_pair(front->listen_cert, "--listen-cert",
                                  front->listen_key, "--listen-key");

    for (size_t i = 0; status == 0 && i < sizeof(files) / sizeof(files[0]);
         i++) {
        status = rwith_check_file(files[i].option, files[i].path);
    }
    return status;
}

int rwith_front_open(const rwith_front *front, rwith_front_run run, void *user)
{
    rwith_instance instance = RWITH_INSTANCE_NONE;
    rwith_listener listener = { .fd = -1 };
    int status =
        rwith_listener_open(front->listen, front->print_config, &listener);

    if (status == 0) {
        status =
            rwith_instance_open(&instance, front->module, front->print_config);
    }
    if (status == 0) {
        status = run(user, &instance, &listener);
    }
    rwith_instance_close(&instance);
    rwith_listener_close(&listener);
    return status;
}

int rwith_front_serve(const rwith_front *front, rwith_instance *instance,
                      rwith_instance_plan *plan, const char *hint)
{
    plan->scheme = front->listen_cert != NULL ? "https" : "http";
    plan->is_verbose = front->is_verbose;
    plan->reads_files = plan->reads_files || front->listen_cert != NULL;
    if (plan->conf->is_broken) {
        rwith_say("a word on the command line is too long for nginx (%d "
                  "bytes)%s",
                  RWITH_CONF_WORD_MAX, hint);
        return RWITH_LAUNCH_USAGE;
    }
    if (front->print_config) {
        fputs(plan->conf->text, stdout);
        return 0;
    }
    return rwith_instance_run(instance, plan);
}
