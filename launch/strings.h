/*
 * strings.h: several words of a command line.
 */
#ifndef RWITH_LAUNCH_STRINGS_H
#define RWITH_LAUNCH_STRINGS_H

#include <stddef.h>

typedef struct rwith_strings {
    const char *const *items;
    size_t count;
} rwith_strings;

#endif
