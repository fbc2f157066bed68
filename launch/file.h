/*
 * file.h: reading the files that people write, and writing ours: who may
 * have touched them (rule of trust 7), whole or not at all.
 */
#ifndef RWITH_LAUNCH_FILE_H
#define RWITH_LAUNCH_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <retrywith/base.h>
#include <retrywith/err.h>

/** A sentence for people: what, why, what to do. */
typedef struct rwith_problem {
    char text[600];
} rwith_problem;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void rwith_problem_set(rwith_problem *problem, const char *format, ...);

/** What a file must be like. */
typedef enum rwith_file_trust {
    RWITH_FILE_ANY,   /**< content that is not acted upon */
    RWITH_FILE_OWNED, /**< ours or root's, writable by nobody else */
    RWITH_FILE_SECRET /**< and readable by nobody else; root's may be */
} rwith_file_trust;

/** A file's content; wipe and free it by rwith_file_free(). */
typedef struct rwith_file {
    char *ptr;
    size_t len;
    unsigned mode; /**< permission bits */
    bool is_roots;
} rwith_file;

/**
 * Read a whole regular file ("-" is no special name).
 * @return #RWITH_OK, #RWITH_EFILE, #RWITH_ENOMEM; both with a problem
 */
int rwith_file_read(const char *path, size_t max, rwith_file_trust trust,
                    rwith_file *ret, rwith_problem *reterr);

void rwith_file_free(rwith_file *file);

/** Is a file that is already read readable by others? For content that turns
 * out to hold secrets. @return #RWITH_OK, #RWITH_EFILE */
int rwith_file_check_secret(const rwith_file *file, const char *path,
                            rwith_problem *reterr);

/**
 * Put a file there with mode 0600: whole or not at all, by rename.
 * @return #RWITH_OK, #RWITH_EFILE
 */
int rwith_file_replace(const char *path, rwith_slice content,
                       rwith_problem *reterr);

/** Lock PATH.lock until the descriptor is closed. @return it, or -1 */
int rwith_file_lock(const char *path, rwith_problem *reterr);

/** A copy of a path with "~/" at its start replaced by HOME; free() it. */
char *rwith_file_expand(const char *path, size_t len);

/** Overwrite memory that held a secret. */
void rwith_wipe(void *ptr, size_t len);

#endif
