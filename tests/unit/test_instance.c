/*
 * A private server's life, with a program in nginx's place that tells what it
 * was given and which signals it got.
 */
#define _GNU_SOURCE

#include "tests/unit/tap.h"

#include <launch/instance.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Writes into $TELL: the descriptors that it has, whether signals are
 * blocked, and each signal.  Not ready as long as there is a file $HOLD.
 */
static const char fake_nginx[] =
    "#!/bin/bash\n"
    "tell() { printf '%s\\n' \"$*\" >> \"$TELL\"; }\n"
    "trap 'tell HUP' HUP\n"
    "trap 'tell QUIT; exit 0' QUIT\n"
    "trap 'tell TERM; exit 0' TERM\n"
    "for fd in /proc/$$/fd/*; do\n"
    "    case $fd:$(readlink $fd) in\n"
    "    *:*socket:*) tell fd socket ;;\n"
    "    *:*memfd:*) tell fd memfd ;;\n"
    "    *:*/open-before) tell fd open-before ;;\n"
    "    esac\n"
    "done\n"
    "while read -r name value; do\n"
    "    [ \"$name\" != SigBlk: ] || tell \"blocked $value\"\n"
    "done < /proc/$$/status\n"
    "while [ -e \"$HOLD\" ]; do sleep 0.02 & wait $!; done\n"
    "echo $$ > \"$2/nginx.pid\"\n"
    "tell ready\n"
    "while :; do sleep 0.05 & wait $!; done\n";

static char folder[] = "/tmp/test-instance-XXXXXX";
static char told[64];

static char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *content, mode_t mode)
{
    int fd =
        open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (fd < 0 || write(fd, content, strlen(content)) < 0) {
        printf("Bail out! %s\n", strerror(errno));
        exit(1);
    }
    close(fd);
}

/* How often is the line among what was told? */
static int count_told(const char *line)
{
    char buf[200];
    int count = 0;
    FILE *file = fopen(told, "re");

    while (file != NULL && fgets(buf, sizeof(buf), file) != NULL) {
        buf[strcspn(buf, "\n")] = '\0';
        count += strcmp(buf, line) == 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

static bool wait_told(const char *line, int count)
{
    for (int i = 0; i < 12000 && count_told(line) < count; i++) {
        poll(NULL, 0, 5);
    }
    return count_told(line) >= count;
}

static rwith_refresh refresh(void *user, bool is_asked)
{
    int *left = user;

    put_file(is_asked ? "asked" : "by-time", "", 0600);
    return is_asked || (*left)-- > 0 ? RWITH_REFRESH_NEW : RWITH_REFRESH_SAME;
}

struct server {
    pid_t pid;
    int out;
    bool is_ready; /* it has said so */
};

/* The server, in a child as in life. */
static _Noreturn void serve(int out, int64_t refresh_ms, int news)
{
    rwith_instance instance = RWITH_INSTANCE_NONE;
    rwith_listener listener = { .fd = -1 };
    rwith_conf conf = { 0 };
    int memory = memfd_create("retrywith-supply", 0);
    rwith_instance_plan plan = {
        .word = "relay",
        .scheme = "http",
        .listener = &listener,
        .conf = &conf,
        .handover_fd = memory,
        .refresh = refresh,
        .refresh_ms = refresh_ms,
        .user = &news,
    };

    dup2(out, STDOUT_FILENO);
    /* As in the background of a script, under nohup. */
    signal(SIGQUIT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    int status = rwith_listener_open("127.0.0.1:0", false, &listener);
    if (status == 0) {
        status = rwith_instance_open(&instance, "/dev/null", false);
    }
    if (status == 0) {
        rwith_instance_put_head(&instance, &conf, "relay", 1);
        status = rwith_instance_run(&instance, &plan);
    }
    rwith_conf_free(&conf);
    rwith_instance_close(&instance);
    rwith_listener_close(&listener);
    close(memory);
    exit(status);
}

static struct server start(int64_t refresh_ms, int news)
{
    struct server server = { 0, -1, false };
    int ends[2];

    unlink(told);
    fflush(stdout);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        exit(1);
    }
    server.pid = fork();
    if (server.pid == 0) {
        serve(ends[1], refresh_ms, news);
    }
    close(ends[1]);
    server.out = ends[0];
    return server;
}

/* Its line that says so. */
static bool wait_ready(struct server *server)
{
    static const char start_of_line[] = "retrywith: relay listening on ";
    char said[200] = "";

    server->is_ready = read(server->out, said, sizeof(said) - 1) > 0 &&
                       strncmp(said, start_of_line, strlen(start_of_line)) == 0;
    return server->is_ready;
}

/* Its exit status. */
static int finish(struct server *server)
{
    int status = -1;

    if (!server->is_ready) {
        wait_ready(server);
    }
    close(server->out);
    waitpid(server->pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
static void test_what_is_inherited(void)
{
    int before = open(path_of("open-before"), O_RDWR | O_CREAT, 0600);
    struct server server = start(0, 0);

    ok(wait_ready(&server), "it says that it is ready");
    is_int(count_told("fd socket"), 1, "nginx has the listening socket");
    is_int(count_told("fd memfd"), 1, "nginx has the values");
    is_int(count_told("fd open-before"), 0, "and nothing that was open before");
    is_int(count_told("blocked 0000000000000000"), 1, "no signal is blocked");
    kill(server.pid, SIGTERM);
    is_int(finish(&server), 0, "SIGTERM ends it");
    is_int(count_told("QUIT"), 1, "nginx was told to finish");
    close(before);
}

static void test_refresh(void)
{
    struct server server = start(20, 1);

    ok(wait_ready(&server), "refresh: ready");
    ok(wait_told("HUP", 1), "what is new after the time makes nginx reload");
    kill(server.pid, SIGHUP);
    kill(server.pid, SIGHUP);
    ok(wait_told("HUP", 2), "SIGHUP makes nginx reload");
    ok(access(path_of("asked"), F_OK) == 0, "SIGHUP reads the files");
    kill(server.pid, SIGTERM);
    is_int(finish(&server), 0, "refresh: ended");
    ok(access(path_of("by-time"), F_OK) == 0, "they are read by time too");
    unlink(path_of("asked"));
    unlink(path_of("by-time"));

    server = start(0, 0);
    ok(wait_ready(&server), "no refresh by time: ready");
    poll(NULL, 0, 100);
    is_int(count_told("HUP"), 0, "no refresh by time");
    kill(server.pid, SIGTERM);
    finish(&server);
    ok(access(path_of("by-time"), F_OK) != 0, "nothing was read by time");
}

static void test_signals_before_ready(void)
{
    static const struct {
        const char *name;
        int signals[2];
        int hups;
        bool says_ready;
    } rows[] = {
        { "SIGHUP before it is ready is kept", { SIGHUP, 0 }, 1, true },
        { "SIGTERM before it is ready", { SIGTERM, 0 }, 0, false },
        { "SIGINT before it is ready", { SIGINT, 0 }, 0, false },
        { "SIGHUP, then SIGTERM", { SIGHUP, SIGTERM }, 0, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_file("hold", "", 0600);
        struct server server = start(0, 0);

        wait_told("blocked 0000000000000000", 1);
        for (size_t s = 0; s < 2 && rows[i].signals[s] != 0; s++) {
            kill(server.pid, rows[i].signals[s]);
        }
        if (rows[i].says_ready) {
            unlink(path_of("hold"));
            ok(wait_told("HUP", rows[i].hups), "%s: nginx reloads",
               rows[i].name);
            kill(server.pid, SIGTERM);
        }
        is_int(finish(&server), 0, rows[i].name);
        unlink(path_of("hold"));
        ok(server.is_ready == rows[i].says_ready, "%s: %s", rows[i].name,
           rows[i].says_ready ? "ready" : "never said to be ready");
    }
}

static void test_start_fails(void)
{
    put_file("nginx", "#!/bin/sh\nexit 1\n", 0700);
    struct server server = start(0, 0);
    is_int(finish(&server), 103, "nginx ends at once");
    put_file("nginx",
             "\x7f"
             "ELF nonsense",
             0700);
    server = start(0, 0);
    is_int(finish(&server), 103, "nginx cannot be run");
}

int main(int argc, char **argv)
{
    char command[100];

    tap_start(argc, argv);
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(told, sizeof(told), "%s/told", folder);
    setenv("TELL", told, 1);
    setenv("HOLD", path_of("hold"), 1);
    setenv("TMPDIR", folder, 1);
    chmod(folder, 0755);
    put_file("nginx", fake_nginx, 0700);
    setenv("RETRYWITH_NGINX", path_of("nginx"), 1);

    test_what_is_inherited();
    test_refresh();
    test_signals_before_ready();
    test_start_fails();

    snprintf(command, sizeof(command), "ls %s | grep -c '^retrywith-'", folder);
    FILE *left = popen(command, "r");
    is_int(left != NULL ? fgetc(left) : 0, '0', "no folder is left");
    if (left != NULL) {
        pclose(left);
    }
    static const char *const files[] = { "nginx", "told", "open-before",
                                         "asked", "by-time" };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        unlink(path_of(files[i]));
    }
    rmdir(folder);
    return tap_done();
}
