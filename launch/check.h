/*
 * check.h: what can be wrong with files that options name, said before a
 * server is started.
 */
#ifndef RWITH_LAUNCH_CHECK_H
#define RWITH_LAUNCH_CHECK_H

/*
 * Can it be read, and named to nginx?  NULL: the option was not given.
 * "--log" is made when it is not there.
 *
 * returns 0, or an exit status after a sentence
 */
int rwith_check_file(const char *option, const char *path);

/* Two options that are of no use without each other; returns as above. */
int rwith_check_pair(const char *first, const char *first_option,
                     const char *second, const char *second_option);

#endif
