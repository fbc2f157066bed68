/*
 * command.h: running a command that prints a value: no shell, a clean
 * environment, a limit of time and of output, never as root.
 */
#ifndef RWITH_LAUNCH_COMMAND_H
#define RWITH_LAUNCH_COMMAND_H

#include <launch/file.h>

/** The absolute path of a command: itself, or found on PATH; NULL: there is
 * none that can be run.  free() it. */
char *rwith_command_find(rwith_slice name);

/** Run it and gather what it prints.
 * @param path   what rwith_command_find() found when the file was read; NULL:
 *               nothing
 * @param words  its name and its arguments
 * @param ret    rwith_file_free() it
 * @return #RWITH_OK, #RWITH_EFILE, #RWITH_ENOMEM; both with a problem */
int rwith_command_run(const char *path, const rwith_slice *words, size_t count,
                      rwith_file *ret, rwith_problem *reterr);

#endif
