/*
 * check.c: files and pairs of options, looked at before a server starts.
 */
#define _GNU_SOURCE

#include <launch/check.h>

#include <launch/say.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A log is made when it is not there, if its folder lets us. */
static bool can_be_written(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";

    if (access(path, F_OK) == 0) {
        return access(path, W_OK) == 0;
    }
    if (errno != ENOENT) {
        return false;
    }
    if (slash != NULL) {
        snprintf(folder, sizeof(folder), "%.*s",
                 slash == path ? 1 : (int)(slash - path), path);
    }
    return access(folder, W_OK | X_OK) == 0;
}

int rwith_check_file(const char *option, const char *path)
{
    bool is_log = strcmp(option, "--log") == 0;

    if (path == NULL) {
        return 0;
    }
    if (strchr(path, '$') != NULL) {
        rwith_say("%s %s has a dollar sign, which nginx takes for a variable: "
                  "choose another name",
                  option, path);
        return RWITH_LAUNCH_USAGE;
    }
    if (is_log ? can_be_written(path) : access(path, R_OK) == 0) {
        return 0;
    }
    rwith_say("%s %s cannot be %s: %s", option, path,
              is_log ? "written" : "read", strerror(errno));
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
