/*
 * Runs one command for its output.  Which command, and what becomes of the
 * output, is the caller's.
 */
#define _GNU_SOURCE

#include <launch/command.h>

#include <launch/values.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a password store, a keyring and Kerberos need, and nothing else. */
static const char *const kept_variables[] = {
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TZ",
    "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK",
    "GPG_TTY",
    "KRB5CCNAME",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "PASSWORD_STORE_DIR",
};

#define KEPT_COUNT (sizeof(kept_variables) / sizeof(kept_variables[0]))

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* folder/name, when it can be run. */
static char *runnable(const char *folder, size_t folder_len, rwith_slice name)
{
    size_t size = folder_len + 1 + name.len + 1;
    char *path = malloc(size);
    struct stat info;

    if (path == NULL) {
        return NULL;
    }
    snprintf(path, size, "%.*s%s%.*s", (int)folder_len, folder,
             folder_len > 0 ? "/" : "", (int)name.len, name.ptr);
    if (path[0] == '/' && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
        access(path, X_OK) == 0) {
        return path;
    }
    free(path);
    return NULL;
}

char *rwith_command_find(rwith_slice name)
{
    const char *folders = getenv("PATH");
    char *found = NULL;

    if (name.len == 0 || memchr(name.ptr, '\0', name.len) != NULL) {
        return NULL;
    }
    if (memchr(name.ptr, '/', name.len) != NULL) {
        return runnable("", 0, name);
    }
    while (folders != NULL && *folders != '\0' && found == NULL) {
        size_t len = strcspn(folders, ":");

        found = runnable(folders, len, name);
        folders += len + (folders[len] == ':');
    }
    return found;
}

/* NUL-terminated copies of the words, in one block. */
static char **argv_of(const rwith_slice *words, size_t count)
{
    size_t size = (count + 1) * sizeof(char *);

    for (size_t i = 0; i < count; i++) {
        size += words[i].len + 1;
    }
    char **argv = malloc(size);
    if (argv == NULL) {
        return NULL;
    }
    char *at = (char *)(argv + count + 1);
    for (size_t i = 0; i < count; i++) {
        argv[i] = at;
        if (words[i].len > 0) {
            memcpy(at, words[i].ptr, words[i].len);
        }
        at[words[i].len] = '\0';
        at += words[i].len + 1;
    }
    argv[count] = NULL;
    return argv;
}

/* "NAME=value" of what is kept. */
static char **environment(void)
{
    char **all = calloc(KEPT_COUNT + 1, sizeof(*all));
    size_t count = 0;

    for (size_t i = 0; all != NULL && i < KEPT_COUNT; i++) {
        const char *value = getenv(kept_variables[i]);

        if (value != NULL) {
            size_t size = strlen(kept_variables[i]) + strlen(value) + 2;
            char *text = malloc(size);

            if (text != NULL) {
                snprintf(text, size, "%s=%s", kept_variables[i], value);
                all[count++] = text;
            }
        }
    }
    return all;
}

static void environment_free(char **all)
{
    for (char **one = all; one != NULL && *one != NULL; one++) {
        free(*one);
    }
    free(all);
}

/* In the child: nothing of ours but the pipe.  Only calls that are safe
 * after a fork. */
static void child_run(const char *path, char **argv, char **env, int out)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    /* What a server blocks and ignores is not the command's. */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(out, STDOUT_FILENO) < 0) {
        _exit(127);
    }
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execve(path, argv, env);
    _exit(127);
}

/* Is there something to read before the time is over? */
static bool is_ready(int fd, uint64_t end_ms)
{
    struct pollfd ready = { fd, POLLIN, 0 };
    uint64_t now = now_ms();
    int got = 0;

    while (now < end_ms) {
        got = poll(&ready, 1, (int)(end_ms - now));
        if (got >= 0 || errno != EINTR) {
            break;
        }
        now = now_ms(); /* a signal: read() must not wait without a limit */
    }
    return got > 0;
}

/* Read until the end, the limit, or the time is over. */
static int gather(int fd, rwith_file *file, rwith_problem *reterr)
{
    uint64_t end_ms = now_ms() + RWITH_COMMAND_MS;

    file->ptr = malloc(RWITH_COMMAND_OUTPUT_MAX + 1);
    if (file->ptr == NULL) {
        rwith_problem_set(reterr, "a command cannot be run, out of memory");
        return RWITH_ENOMEM;
    }
    for (;;) {
        if (!is_ready(fd, end_ms)) {
            rwith_problem_set(reterr,
                              "a command gave no value within %d s, "
                              "look why it takes so long",
                              RWITH_COMMAND_MS / 1000);
            return RWITH_EFILE;
        }
        ssize_t got = read(fd, file->ptr + file->len,
                           RWITH_COMMAND_OUTPUT_MAX + 1 - file->len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return RWITH_OK;
        }
        file->len += (size_t)got;
        if (file->len > RWITH_COMMAND_OUTPUT_MAX) {
            rwith_problem_set(reterr,
                              "a command printed more than %d "
                              "bytes, let it print the value only",
                              RWITH_COMMAND_OUTPUT_MAX);
            return RWITH_EFILE;
        }
    }
}

/* Wait for the child, and end it when it is not wanted or stays. */
static bool child_succeeded(pid_t child, bool is_wanted)
{
    uint64_t end_ms = now_ms() + 1000;
    int status = 0;
    pid_t got = 0;

    if (!is_wanted) {
        kill(-child, SIGKILL);
    }
    while ((got = waitpid(child, &status, is_wanted ? WNOHANG : 0)) == 0 ||
           (got < 0 && errno == EINTR)) {
        struct timespec pause = { 0, 5000000 };

        if (now_ms() >= end_ms) {
            is_wanted = false;
            kill(-child, SIGKILL);
        }
        nanosleep(&pause, NULL);
    }
    return is_wanted && got == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* Both ends are closed when something else is run meanwhile. */
static bool pipe_make(int ends[2])
{
    return pipe(ends) == 0 && fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 &&
           fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0;
}

int rwith_command_run(const char *path, const rwith_slice *words, size_t count,
                      rwith_file *ret, rwith_problem *reterr)
{
    rwith_file output = { NULL, 0, 0, false };
    char **argv = argv_of(words, count);
    char **env = environment();
    int ends[2] = { -1, -1 };
    int err = RWITH_EFILE;

    if (path == NULL || argv == NULL || env == NULL || geteuid() == 0 ||
        !pipe_make(ends)) {
        rwith_problem_set(reterr, "a command cannot be run: it must be an "
                                  "absolute path or on PATH, and not run "
                                  "as root");
        goto out;
    }
    pid_t child = fork();
    if (child == 0) {
        child_run(path, argv, env, ends[1]);
    }
    if (child < 0) {
        rwith_problem_set(reterr, "a command cannot be run, %s",
                          strerror(errno));
        goto out;
    }
    setpgid(child, child);
    close(ends[1]);
    ends[1] = -1;
    err = gather(ends[0], &output, reterr);
    if (!child_succeeded(child, err == RWITH_OK) && err == RWITH_OK) {
        rwith_problem_set(reterr,
                          "the command %s failed, run it by hand to "
                          "see why",
                          path);
        err = RWITH_EFILE;
    }
out:
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
    }
    free(argv);
    environment_free(env);
    if (err == RWITH_OK) {
        *ret = output;
    } else {
        rwith_file_free(&output);
    }
    return err;
}
