/*
 * check.c: files and pairs of options, looked at before a server starts.
 */
#define _GNU_SOURCE

#include <launch/check.h>

#include <launch/say.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

int rwith_check_file(const char *option, const char *path)
{
    if (path == NULL) {
        return 0;
    }
    if (strchr(path, '$') != NULL) {
        rwith_say("%s %s has a dollar sign, which nginx takes for a variable: "
                  "choose another name",
                  option, path);
        return RWITH_LAUNCH_USAGE;
    }
    /* A log is made when it is not there. */
    if (strcmp(option, "--log") == 0 || access(path, R_OK) == 0) {
        return 0;
    }
    rwith_say("%s %s cannot be read: %s", option, path, strerror(errno));
    return RWITH_LAUNCH_FILE;
}

int rwith_check_pair(const char *first, const char *first_option,
                     const char *second, const char *second_option)
{
    if ((first == NULL) == (second == NULL)) {
        return 0;
    }
    rwith_say("%s is of no use without %s",
              first != NULL ? first_option : second_option,
              first != NULL ? second_option : first_option);
    return RWITH_LAUNCH_USAGE;
}
