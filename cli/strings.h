/*
 * strings.h: what was given of a repeated option, as servers take it.
 */
#ifndef RWITH_CLI_STRINGS_H
#define RWITH_CLI_STRINGS_H

#include <cli/option.h>
#include <launch/strings.h>

/* The values; false after a sentence.  They point into argv. */
bool rwith_strings_of(const rwith_option_list *list, rwith_strings *ret);

void rwith_strings_free(rwith_strings *strings);

#endif
