/*
 * `retrywith fetch` with each of its allocations failing once.  Linked with
 * the command's own objects, whose calls of malloc() and its like come here
 * (-Wl,--wrap); libcurl's do not.
 *
 *     fetch_memory FRESH OUT ERR fetch ARGUMENT...
 *
 * Runs "fetch ARGUMENT..." in processes of its own, with standard output and
 * error in the files OUT.n and ERR.n, n being the allocation that fails; the
 * first run, n = 0, has them all.  The file FRESH is removed before each.
 * Prints a line for each run: n, and its exit status or minus its signal.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <cli/commands.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN_S    300 /* one run takes no longer, however slow the machine is */
#define RUNS_MAX 2000

/* Allocations of a run, counted from 1; shared with the parent. */
static size_t *calls;
static size_t fails_at;

static bool may_allocate(void)
{
    return calls == NULL || ++*calls != fails_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return may_allocate() ? __real_realloc(ptr, size) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return may_allocate() ? __real_strdup(text) : NULL;
}

static bool redirect(const char *base, size_t n, int to)
{
    char name[4096];

    snprintf(name, sizeof(name), "%s.%zu", base, n);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return fd >= 0 && dup2(fd, to) == to && close(fd) == 0;
}

/* @return the exit status, minus the signal, or -1000 */
static int run(size_t n, int argc, char **argv)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)unlink(argv[1]);
        if (!redirect(argv[2], n, STDOUT_FILENO) ||
            !redirect(argv[3], n, STDERR_FILENO)) {
            _exit(126);
        }
        alarm(RUN_S);
        fails_at = n;
        *calls = 0;
        exit(rwith_command_fetch(argc - 4, argv + 4));
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return -1000;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fputs("usage: fetch_memory FRESH OUT ERR fetch ARGUMENT...\n", stderr);
        return 1;
    }
    void *shared = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return 1;
    }
    calls = shared;
    printf("0 %d\n", run(0, argc, argv));
    for (size_t n = 1, count = *calls; n <= count && n < RUNS_MAX; n++) {
        fflush(stdout);
        printf("%zu %d\n", n, run(n, argc, argv));
    }
    return 0;
}
