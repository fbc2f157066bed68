/*
 * The one form in which every subcommand tells of an error.
 */
#include <cli/commands.h>

#include <stdarg.h>
#include <stdio.h>

void rwith_complain(const char *format, ...)
{
    va_list args;

    /* What was printed before the error comes before it. */
    fflush(stdout);
    fputs("retrywith: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}
