/*
 * instance.c: runs nginx as a child with a private folder: starts it, says
 * when it is ready, passes signals on, notices its death, and leaves nothing
 * behind.  What the configuration says is not decided here.
 */
#define _GNU_SOURCE

#include <launch/instance.h>

#include <launch/find.h>
#include <launch/say.h>

#include <retrywith/base.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_WITHIN_MS   20000 /* nginx reads its configuration and starts */
#define LOOK_EVERY_MS     4     /* for the sign that it has */
#define CONNECTIONS_MAX   4096  /* of a worker */
#define CONNECTIONS_SPARE 12    /* descriptors that are no connections */

/* Bytes: what a worker keeps of what it freed, and what is mapped alone. */
#define HEAP_KEPT  "16777216"
#define HEAP_PIECE "2097152"

static int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int rwith_instance_open(rwith_instance *instance, const char *module,
                        bool dry_run)
{
    sigset_t ours;

    *instance = (rwith_instance)RWITH_INSTANCE_NONE;
    if (!rwith_find_nginx(instance->nginx)) {
        rwith_say(
            "RW0210: nginx was not found, install the package nginx or say "
            "where it is in RETRYWITH_NGINX");
        return RWITH_LAUNCH_FILE;
    }
    if (!rwith_find_module(module, instance->module)) {
        rwith_say("RW0211: ngx_http_retry_with_module.so was not found%s%s, "
                  "say where "
                  "it is with --module or in RETRYWITH_MODULE",
                  module != NULL ? " at " : "", module != NULL ? module : "");
        return RWITH_LAUNCH_FILE;
    }
    if (dry_run) {
        return 0;
    }
    /* From here on no signal may end us before the folder is removed. */
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGHUP);
    sigaddset(&ours, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigprocmask(SIG_BLOCK, &ours, &instance->old_mask);
    /* What nohup or a shell has us ignore would never arrive; SIGINT stays
     * ignored in the background. */
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    instance->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
    if (instance->signal_fd < 0) {
        rwith_say("RW0212: signals cannot be waited for: %s", strerror(errno));
        return RWITH_LAUNCH_LIMIT;
    }
    return rwith_folder_make(&instance->folder);
}

void rwith_instance_close(rwith_instance *instance)
{
    rwith_folder_remove(&instance->folder);
    if (instance->log_fd >= 0) {
        close(instance->log_fd);
    }
    if (instance->signal_fd >= 0) {
        close(instance->signal_fd);
        sigprocmask(SIG_SETMASK, &instance->old_mask, NULL);
    }
    instance->log_fd = instance->signal_fd = -1;
}

/* --- the configuration's head --------------------------------------------- */

static unsigned long connections(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 ||
        files.rlim_cur > CONNECTIONS_MAX + CONNECTIONS_SPARE) {
        return CONNECTIONS_MAX;
    }
    return files.rlim_cur > 3 * CONNECTIONS_SPARE
               ? (unsigned long)files.rlim_cur - CONNECTIONS_SPARE
               : 2 * CONNECTIONS_SPARE;
}

void rwith_instance_put_head(const rwith_instance *instance, rwith_conf *conf,
                             const char *word, unsigned workers)
{
    rwith_conf_put(conf,
                   "# written by retrywith %r " RWITH_VERSION "\n"
                   "load_module %s;\n",
                   word, instance->module);
    if (instance->folder.user[0] != '\0') {
        rwith_conf_put(conf, "user %r;\n", instance->folder.user);
    }
    rwith_conf_put(conf,
                   "daemon off;\n"
                   "pid nginx.pid;\n"
                   "error_log stderr warn;\n"
                   "worker_processes %u;\n"
                   "worker_shutdown_timeout 60s;\n"
                   "events {\n"
                   "    worker_connections %u;\n"
                   "}\n"
                   "http {\n"
                   "    client_body_temp_path body;\n"
                   "    proxy_temp_path proxy;\n"
                   "    fastcgi_temp_path fastcgi;\n"
                   "    uwsgi_temp_path uwsgi;\n"
                   "    scgi_temp_path scgi;\n"
                   "    types { }\n"
                   "    default_type application/octet-stream;\n"
                   "    server_tokens off;\n"
                   "    tcp_nodelay on;\n"
                   "    keepalive_requests 100000;\n"
                   "    keepalive_timeout 75s;\n"
                   "    large_client_header_buffers 8 32k;\n"
                   "    underscores_in_headers on;\n"
                   "    ignore_invalid_headers off;\n"
                   "    merge_slashes off;\n"
                   "    absolute_redirect off;\n",
                   (unsigned long)workers, connections());
}

/* --- the process ---------------------------------------------------------- */

static bool write_conf(const rwith_instance *instance, const rwith_conf *conf,
                       char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/nginx.conf", instance->folder.path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_whole =
        fd >= 0 && write(fd, conf->text, conf->len) == (ssize_t)conf->len;

    if (fd >= 0 && close(fd) != 0) {
        is_whole = false;
    }
    if (!is_whole) {
        rwith_say("RW0213: %s cannot be written: %s", path, strerror(errno));
    }
    return is_whole;
}

/* In the child: nginx has the descriptors that it is told of, and not what
 * whoever started us left open. */
static void close_others(const rwith_instance_plan *plan)
{
    int kept[] = { plan->listener->fd, plan->handover_fd };
    int low = kept[0] < kept[1] ? kept[0] : kept[1];
    int high = kept[0] < kept[1] ? kept[1] : kept[0];
    unsigned next = STDERR_FILENO + 1;

    if (low >= (int)next) {
        if (low > (int)next) {
            close_range(next, (unsigned)low - 1, 0);
        }
        next = (unsigned)low + 1;
    }
    if (high > (int)next) {
        close_range(next, (unsigned)high - 1, 0);
    }
    if (high >= (int)next) {
        next = (unsigned)high + 1;
    }
    close_range(next, ~0U, 0);
}

/*
 * glibc would give the top of its heap back to the kernel after one request
 * and fault it in again for the next (mallopt(3)).  To set one of the two
 * limits ends their adapting to what is freed, so both are set; whoever has
 * set one of them has the say.
 */
static void keep_heap(void)
{
    if (getenv("MALLOC_TRIM_THRESHOLD_") == NULL &&
        getenv("MALLOC_MMAP_THRESHOLD_") == NULL) {
        setenv("MALLOC_TRIM_THRESHOLD_", HEAP_KEPT, 1);
        setenv("MALLOC_MMAP_THRESHOLD_", HEAP_PIECE, 1);
    }
}

/* In the child: becomes nginx. */
static _Noreturn void become_nginx(const rwith_instance *instance,
                                   const rwith_instance_plan *plan, char *conf,
                                   int log_fd, pid_t parent)
{
    char folder[PATH_MAX];
    char nginx[PATH_MAX];
    char *argv[] = { nginx,
                     (char[]){ "-p" },
                     folder,
                     (char[]){ "-c" },
                     conf,
                     (char[]){ "-e" },
                     (char[]){ "stderr" },
                     NULL };
    int null = open("/dev/null", O_RDWR);

    snprintf(folder, sizeof(folder), "%s/", instance->folder.path);
    snprintf(nginx, sizeof(nginx), "%s", instance->nginx);

    /* A group of its own: Ctrl-C is ours to pass on, in its own words. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &instance->old_mask, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL); /* by which it is told to finish */
    if (getppid() == parent && null >= 0 && dup2(null, 0) == 0 &&
        dup2(log_fd, 1) == 1 && dup2(log_fd, 2) == 2) {
        close_others(plan);
        keep_heap();
        execv(nginx, argv);
    }
    dprintf(STDERR_FILENO, "%s cannot be run: %s\n", nginx, strerror(errno));
    _exit(127);
}

static int start_nginx(rwith_instance *instance,
                       const rwith_instance_plan *plan)
{
    char conf[PATH_MAX];
    char inherited[16];
    int ends[2];
    pid_t parent = getpid();

    if (!write_conf(instance, plan->conf, conf)) {
        return RWITH_LAUNCH_LIMIT;
    }
    /* nginx takes the sockets that are named there over. */
    snprintf(inherited, sizeof(inherited), "%d;", plan->listener->fd);
    if (pipe2(ends, O_CLOEXEC) != 0 || setenv("NGINX", inherited, 1) != 0) {
        rwith_say("RW0214: nginx cannot be started: %s", strerror(errno));
        return RWITH_LAUNCH_LIMIT;
    }
    instance->log_fd = ends[0];
    /* nginx drops a line rather than wait for us while a command runs. */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    instance->pid = fork();
    if (instance->pid == 0) {
        become_nginx(instance, plan, conf, ends[1], parent);
    }
    if (instance->pid > 0) {
        setpgid(instance->pid, instance->pid); /* whoever of us is first */
    }
    close(ends[1]);
    unsetenv("NGINX");
    if (instance->pid < 0) {
        rwith_say("RW0215: nginx cannot be started: %s", strerror(errno));
        instance->pid = 0;
        return RWITH_LAUNCH_LIMIT;
    }
    return 0;
}

/* Say what nginx has said since. */
static void drain_log(rwith_instance *instance)
{
    char bytes[4096];
    ssize_t len;

    while ((len = read(instance->log_fd, bytes, sizeof(bytes))) > 0) {
        rwith_nginx_log_feed(&instance->log, bytes, (size_t)len);
    }
    if (len == 0) {
        close(instance->log_fd);
        instance->log_fd = -1;
    }
}

/* Wait for a signal or a word of nginx; returns the signal or 0. */
static int wait_for_event(rwith_instance *instance, int timeout_ms)
{
    struct pollfd fds[2] = { { instance->signal_fd, POLLIN, 0 },
                             { instance->log_fd, POLLIN, 0 } };
    struct signalfd_siginfo info;

    poll(fds, instance->log_fd >= 0 ? 2 : 1, timeout_ms);
    if (instance->log_fd >= 0) {
        drain_log(instance);
    }
    if (read(instance->signal_fd, &info, sizeof(info)) ==
        (ssize_t)sizeof(info)) {
        return (int)info.ssi_signo;
    }
    return 0;
}

/* Nobody of nginx goes on: workers that lost their master would, without
 * end.  They are ours to wait for then. */
static void end_group(pid_t pid)
{
    kill(-pid, SIGKILL);
    while (waitpid(-pid, NULL, 0) > 0 || errno == EINTR) {
    }
}

/* Has nginx ended?  Then *ret_status is waitpid's.  What else has ended was
 * left by nginx or by a command. */
static bool has_ended(rwith_instance *instance, int *ret_status)
{
    pid_t got;

    do {
        got = waitpid(-1, ret_status, WNOHANG);
        if (got <= 0) {
            return false;
        }
    } while (got != instance->pid);
    end_group(instance->pid);
    instance->pid = 0;
    if (instance->log_fd >= 0) {
        drain_log(instance);
    }
    return true;
}

static int say_death(int status, bool was_ready)
{
    if (WIFSIGNALED(status)) {
        rwith_say("RW0216: nginx was ended by signal %d, start again",
                  WTERMSIG(status));
    } else if (was_ready) {
        rwith_say(
            "RW0217: nginx has ended by itself (exit status %d), start again",
            WEXITSTATUS(status));
    } else {
        rwith_say("RW0218: nginx did not start, the lines before say why");
    }
    return RWITH_LAUNCH_LIMIT;
}

/* nginx writes its process id when its configuration is good.  *ret_signal is
 * what came before that: an end comes first. */
static int wait_until_ready(rwith_instance *instance,
                            const rwith_instance_plan *plan, int *ret_signal)
{
    char path[PATH_MAX];
    struct stat st;
    int64_t end = monotonic_ms() + READY_WITHIN_MS;

    snprintf(path, sizeof(path), "%s/nginx.pid", instance->folder.path);
    while (monotonic_ms() < end) {
        int got = wait_for_event(instance, LOOK_EVERY_MS);
        int status;

        if (has_ended(instance, &status)) {
            int death = say_death(status, false);

            return WIFEXITED(status) && plan->reads_files ? RWITH_LAUNCH_FILE
                                                          : death;
        }
        if (got == SIGTERM || got == SIGINT) {
            *ret_signal = got;
            return 0;
        }
        if (got == SIGHUP) {
            *ret_signal = got;
        }
        if (stat(path, &st) == 0 && st.st_size > 0) {
            return 0;
        }
    }
    rwith_say("RW0219: nginx did not start within %d s",
              READY_WITHIN_MS / 1000);
    return RWITH_LAUNCH_LIMIT;
}

static void refresh(rwith_instance *instance, const rwith_instance_plan *plan,
                    bool is_asked)
{
    rwith_refresh found = plan->refresh != NULL
                              ? plan->refresh(plan->user, is_asked)
                              : RWITH_REFRESH_SAME;

    /* Asked, nginx reads its own files again too. */
    if (found == RWITH_REFRESH_NEW ||
        (is_asked && found == RWITH_REFRESH_SAME)) {
        if (plan->is_verbose) {
            rwith_say("RW0220: nginx reads its configuration again (%s)",
                      is_asked ? "SIGHUP" : "a value has changed");
        }
        kill(instance->pid, SIGHUP);
    }
}

/* Pass a signal on.  The first asks for an end after what is under way, a
 * second does not wait. */
static void pass_signal(rwith_instance *instance,
                        const rwith_instance_plan *plan, int number,
                        unsigned *end_count)
{
    if (number == SIGTERM || number == SIGINT) {
        kill(instance->pid, (*end_count)++ == 0 ? SIGQUIT : SIGTERM);
    } else if (number == SIGHUP && *end_count == 0) {
        refresh(instance, plan, true);
    }
}

static int stay(rwith_instance *instance, const rwith_instance_plan *plan,
                int first_signal)
{
    unsigned end_count = 0;
    int64_t next = monotonic_ms() + plan->refresh_ms;
    int status;

    pass_signal(instance, plan, first_signal, &end_count);
    for (;;) {
        int64_t left = next - monotonic_ms();
        int timeout = plan->refresh_ms > 0 ? (left > 0 ? (int)left : 0) : -1;
        int got = wait_for_event(instance, timeout);

        if (has_ended(instance, &status)) {
            return end_count > 0 ? 0 : say_death(status, true);
        }
        pass_signal(instance, plan, got, &end_count);
        if (plan->refresh_ms > 0 && monotonic_ms() >= next) {
            next = monotonic_ms() + plan->refresh_ms;
            if (end_count == 0) {
                refresh(instance, plan, false);
            }
        }
    }
}

static void say_ready(const rwith_instance_plan *plan)
{
    const rwith_listener *listener = plan->listener;

    if (listener->socket[0] != '\0') {
        printf("retrywith: %s listening on unix:%s\n", plan->word,
               listener->socket);
    } else {
        printf("retrywith: %s listening on %s://%s\n", plan->word, plan->scheme,
               listener->authority);
    }
    fflush(stdout);
}

static void end_nginx(rwith_instance *instance)
{
    if (instance->pid > 0) {
        end_group(instance->pid);
        instance->pid = 0;
    }
}

int rwith_instance_run(rwith_instance *instance,
                       const rwith_instance_plan *plan)
{
    int signal_number = 0;
    int status = start_nginx(instance, plan);

    if (status == 0) {
        status = wait_until_ready(instance, plan, &signal_number);
    }
    if (status == 0 && plan->is_verbose) {
        rwith_say("RW0221: %s runs as process %d, with %s; its files are in "
                  "%s",
                  instance->nginx, (int)instance->pid, instance->module,
                  instance->folder.path);
    }
    if (status == 0) {
        instance->log.is_running = true;
        if (signal_number == 0 || signal_number == SIGHUP) {
            say_ready(plan);
            status = stay(instance, plan, signal_number);
        }
    }
    end_nginx(instance);
    return status;
}
