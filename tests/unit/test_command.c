/*
 * Commands that print a value: which are found, what is taken of their
 * output, what they get of ours.
 */
#include <launch/command.h>
#include <launch/values.h>

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "tap.h"

#define NOBODY 65534

static const struct find_row {
    const char *name, *command;
    bool is_found;
} find_rows[] = {
    { "an absolute path", "/bin/sh", true },
    { "a name on PATH", "sh", true },
    { "a relative path", "./sh", false },
    { "a folder of PATH and a name", "bin/sh", false },
    { "a folder", "/bin", false },
    { "a file that cannot be run", "/etc/passwd", false },
    { "nothing", "/no/such/command", false },
    { "an empty name", "", false },
};

static void check_find(void)
{
    setenv("PATH", "relative:/usr/bin:/bin", 1);
    for (size_t i = 0; i < sizeof(find_rows) / sizeof(find_rows[0]); i++) {
        char *path = rwith_command_find(rwith_slice_of(find_rows[i].command));

        ok((path != NULL) == find_rows[i].is_found, "%s", find_rows[i].name);
        free(path);
    }
}

static const struct run_row {
    const char *name, *script;
    int err;
    const char *output; /* or part of the problem */
} run_rows[] = {
    { "output", "echo v", RWITH_OK, "v\n" },
    { "output in pieces", "printf a; sleep 0.1; printf b", RWITH_OK, "ab" },
    { "no output", ":", RWITH_OK, "" },
    { "a failure", "echo v; exit 1", RWITH_EFILE, "/bin/sh failed" },
    { "a signal", "kill -9 $$", RWITH_EFILE, "failed" },
    { "too much output", "while :; do echo 0123456789; done", RWITH_EFILE,
      "printed more" },
    { "nothing to read", "cat; echo end", RWITH_OK, "end\n" },
    { "a clean environment", "echo \"$SECRET\"", RWITH_OK, "\n" },
    { "no descriptor of ours", "ls /proc/self/fd | wc -l", RWITH_OK, "4\n" },
};

/* Not by a shell, which lets signals through again.  The last seven digits are
 * signals 1 to 28; those of libc's own stay as perl's prove leaves them. */
static void check_signals(void)
{
    rwith_slice words[] = { RWITH_LIT("sed"), RWITH_LIT("-n"),
                            RWITH_LIT(
                                "/^Sig[BI].*[1-9a-f][0-9a-f]\\{0,6\\}$/p"),
                            RWITH_LIT("/proc/self/status") };
    rwith_file output = { NULL, 0, 0, false };
    rwith_problem problem = { "" };

    is_int(rwith_command_run("/bin/sed", words, 4, &output, &problem), RWITH_OK,
           "a look at signals");
    is_slice((rwith_slice){ output.ptr, output.len }, RWITH_LIT(""),
             "none is blocked or ignored");
    rwith_file_free(&output);
}

static void on_alarm(int number)
{
    (void)number;
}

static void check_run(void)
{
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
    sigset_t blocked;

    setenv("SECRET", "s", 1);
    /* What whoever starts the test ignores is no matter here: a shell does
     * for what runs in the background. */
    for (int number = 1; number < 32; number++) {
        signal(number, SIG_DFL);
    }
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (size_t i = 0; i < sizeof(run_rows) / sizeof(run_rows[0]); i++) {
        const struct run_row *row = &run_rows[i];
        rwith_slice words[] = { RWITH_LIT("sh"), RWITH_LIT("-c"),
                                rwith_slice_of(row->script) };
        rwith_file output = { NULL, 0, 0, false };
        rwith_problem problem = { "" };
        int err = rwith_command_run("/bin/sh", words, 3, &output, &problem);
        bool same =
            err == row->err &&
            (err == RWITH_OK
                 ? rwith_slice_equal((rwith_slice){ output.ptr, output.len },
                                     rwith_slice_of(row->output))
                 : strstr(problem.text, row->output) != NULL);

        if (!ok(same, "%s", row->name)) {
            printf("#   got %d %.*s %s\n", err, (int)output.len,
                   output.ptr != NULL ? output.ptr : "", problem.text);
        }
        rwith_file_free(&output);
    }
    check_signals();
}

int main(int argc, char **argv)
{
    rwith_file output = { NULL, 0, 0, false };
    rwith_problem problem = { "" };
    rwith_slice word = RWITH_LIT("true");

    tap_start(argc, argv);
    check_find();
    if (geteuid() == 0) {
        is_int(rwith_command_run("/bin/true", &word, 1, &output, &problem),
               RWITH_EFILE, "never as root");
        if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
            printf("Bail out! root that cannot become nobody\n");
            return 1;
        }
    }
    is_int(rwith_command_run(NULL, &word, 1, &output, &problem), RWITH_EFILE,
           "what was not found is not run");
    check_run();
    return tap_done();
}
