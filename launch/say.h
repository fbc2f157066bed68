/*
 * say.h: sentences on stderr, and the exit statuses of what runs here.
 */
#ifndef RWITH_LAUNCH_SAY_H
#define RWITH_LAUNCH_SAY_H

#if defined(__GNUC__)
#define RWITH_SAY_PRINTF __attribute__((format(printf, 1, 2)))
#else
#define RWITH_SAY_PRINTF
#endif

/* The command's words for it are in its own commands.h; the numbers are
 * documented in retrywith(1). */
enum {
    RWITH_LAUNCH_RESOLVE = 6, /* curl's number */
    RWITH_LAUNCH_USAGE = 101,
    RWITH_LAUNCH_FILE = 102,
    RWITH_LAUNCH_LIMIT = 103
};

/* "retrywith: " and the sentence.  Bytes from outside are escaped before. */
RWITH_SAY_PRINTF void rwith_say(const char *format, ...);

#endif
