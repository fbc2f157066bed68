/*
 * instance.h: a private nginx: its folder, its process, its end.
 *
 * Order: _open(), the caller writes its configuration (head by
 * rwith_instance_put_head()), _run(), _close().
 */
#ifndef RWITH_LAUNCH_INSTANCE_H
#define RWITH_LAUNCH_INSTANCE_H

#include <launch/conf.h>
#include <launch/folder.h>
#include <launch/listener.h>
#include <launch/nginx_log.h>

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a refresh found. */
typedef enum rwith_refresh {
    RWITH_REFRESH_SAME, /* nothing new: nginx need not reload */
    RWITH_REFRESH_NEW,  /* nginx must read again */
    RWITH_REFRESH_BAD   /* a sentence was said: keep what is there */
} rwith_refresh;

typedef struct rwith_instance {
    rwith_folder folder;
    char nginx[PATH_MAX];
    char module[PATH_MAX];
    pid_t pid;  /* 0: not running */
    int log_fd; /* what nginx says */
    int signal_fd;
    sigset_t old_mask;
    rwith_nginx_log log;
} rwith_instance;

/* One that was not opened, or is closed. */
#define RWITH_INSTANCE_NONE                                                    \
    {                                                                          \
        .folder = { .lock_fd = -1 }, .log_fd = -1, .signal_fd = -1             \
    }

typedef struct rwith_instance_plan {
    const char *word;   /* "relay" */
    const char *scheme; /* "http" or "https" */
    const rwith_listener *listener;
    const rwith_conf *conf;
    bool reads_files; /* of the user: when nginx does not start, one of them
                         is wrong */

    bool is_verbose; /* tell how nginx is run, and what a SIGHUP came to */

    int handover_fd; /* nginx reads it too; -1: there is none */

    /* Look at the files and commands again; is_asked: by SIGHUP, else its
     * time has come.  NULL: SIGHUP is nginx's alone. */
    rwith_refresh (*refresh)(void *user, bool is_asked);
    int64_t refresh_ms; /* how often; 0: when asked */
    void *user;
} rwith_instance_plan;

/* Find the programs.  dry_run: and make no folder.  returns an exit status
 * after a sentence, or 0. */
int rwith_instance_open(rwith_instance *instance, const char *module,
                        bool dry_run);

/* What stands before and in events {}, and the beginning of http {}: the
 * caller goes on inside and closes it. */
void rwith_instance_put_head(const rwith_instance *instance, rwith_conf *conf,
                             const char *word, unsigned workers);

/* Start nginx, say that it is ready, and stay until it has ended.  returns
 * the exit status. */
int rwith_instance_run(rwith_instance *instance,
                       const rwith_instance_plan *plan);

/* Remove the folder. */
void rwith_instance_close(rwith_instance *instance);

#endif
