/*
 * say.c: writes one sentence at a time, in one piece, so that those of two
 * processes do not mix.
 */
#include <launch/say.h>

#include <stdarg.h>
#include <stdio.h>

void rwith_say(const char *format, ...)
{
    char line[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fflush(stdout);
    fprintf(stderr, "retrywith: %s\n", line);
}
