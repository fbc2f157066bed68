/*
 * What is put in order when a signal ends the command: a terminal that does
 * not echo, and a file that is not whole.  The handler needs its state where
 * it can find it: here.
 */
#include <cli/fetch.h>

#include <signal.h>
#include <unistd.h>

static const char *volatile part_name;
static volatile sig_atomic_t quiet_fd = -1;
static struct termios quiet_before;

static void on_signal(int number)
{
    if (quiet_fd >= 0) {
        tcsetattr(quiet_fd, TCSANOW, &quiet_before);
    }
    if (part_name != NULL) {
        unlink(part_name);
    }
    raise(number); /* SA_RESETHAND: now as if there had been no handler */
}

void rwith_fetch_interrupt_init(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    struct sigaction action = { 0 };
    struct sigaction before;

    action.sa_handler = on_signal;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (sigaction(signals[i], NULL, &before) == 0 &&
            before.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
    /* A peer that is gone is an error of the write, as with curl. */
    action.sa_handler = SIG_IGN;
    action.sa_flags = 0;
    sigaction(SIGPIPE, &action, NULL);
}

void rwith_fetch_interrupt_part(const char *name)
{
    part_name = name;
}

void rwith_fetch_interrupt_quiet(int fd, const struct termios *before)
{
    if (before != NULL) {
        quiet_before = *before;
    }
    quiet_fd = fd;
}
