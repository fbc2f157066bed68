/*
 * Files on disk: read whole with a look at who could have written them,
 * replaced whole by a rename.  What is in them is for others to say.
 */
#include <launch/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <retrywith/trust.h>

void rwith_problem_set(rwith_problem *problem, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(problem->text, sizeof(problem->text), format, args);
    va_end(args);
}

void rwith_wipe(void *ptr, size_t len)
{
    volatile char *p = ptr;

    while (len-- > 0) {
        *p++ = 0;
    }
}

/* Who could have written it, and who can read it. */
static int file_check(const char *path, const struct stat *info,
                      rwith_file_trust trust, rwith_problem *reterr)
{
    if (!S_ISREG(info->st_mode)) {
        rwith_problem_set(reterr,
                          "cannot read %s, it is no regular file, "
                          "give a file",
                          path);
        return RWITH_EFILE;
    }
    if (trust == RWITH_FILE_ANY) {
        return RWITH_OK;
    }
    if (info->st_uid != geteuid() && info->st_uid != 0) {
        rwith_problem_set(reterr,
                          "%s is not used, another user owns it, "
                          "make it yours (chown)",
                          path);
        return RWITH_EFILE;
    }
    if ((info->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        rwith_problem_set(reterr,
                          "%s is not used, others may write to it, "
                          "forbid it (chmod go-w)",
                          path);
        return RWITH_EFILE;
    }
    return RWITH_OK;
}

int rwith_file_check_secret(const rwith_file *file, const char *path,
                            rwith_problem *reterr)
{
    if ((file->mode & (S_IRGRP | S_IROTH)) != 0 &&
        (!file->is_roots || geteuid() == 0)) {
        rwith_problem_set(reterr,
                          "%s is not used, it holds secrets and "
                          "others may read it, forbid it "
                          "(chmod go-r)",
                          path);
        return RWITH_EFILE;
    }
    return RWITH_OK;
}

/* All bytes of an open file, at most max. */
static int file_slurp(int fd, const char *path, size_t max, rwith_file *file,
                      rwith_problem *reterr)
{
    size_t cap = 0;

    for (;;) {
        if (file->len == cap) {
            cap = cap == 0 ? 4096 : cap * 2;
            char *grown = malloc(cap);

            if (grown == NULL) {
                rwith_problem_set(reterr, "cannot read %s, out of memory",
                                  path);
                return RWITH_ENOMEM;
            }
            if (file->len > 0) {
                memcpy(grown, file->ptr, file->len);
                rwith_wipe(file->ptr, file->len);
            }
            free(file->ptr);
            file->ptr = grown;
        }
        ssize_t got = read(fd, file->ptr + file->len, cap - file->len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            rwith_problem_set(reterr, "cannot read %s, %s", path,
                              strerror(errno));
            return RWITH_EFILE;
        }
        file->len += (size_t)got;
        if (file->len > max) {
            rwith_problem_set(reterr,
                              "%s is not used, it is longer than "
                              "%zu bytes, shorten it",
                              path, max);
            return RWITH_EFILE;
        }
        if (got == 0) {
            return RWITH_OK;
        }
    }
}

int rwith_file_read(const char *path, size_t max, rwith_file_trust trust,
                    rwith_file *ret, rwith_problem *reterr)
{
    rwith_file file = { NULL, 0, 0, false };
    struct stat info;
    int err = RWITH_EFILE;

    /* Without waiting: a pipe is refused, not read. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &info) != 0) {
        rwith_problem_set(reterr,
                          "cannot read %s, %s, check its name and "
                          "permissions",
                          path, strerror(errno));
        goto out;
    }
    file.mode = info.st_mode & 07777;
    file.is_roots = info.st_uid == 0;
    err = file_check(path, &info, trust, reterr);
    if (err == RWITH_OK && trust == RWITH_FILE_SECRET) {
        err = rwith_file_check_secret(&file, path, reterr);
    }
    if (err == RWITH_OK) {
        err = file_slurp(fd, path, max, &file, reterr);
    }
out:
    if (fd >= 0) {
        close(fd);
    }
    if (err != RWITH_OK) {
        rwith_file_free(&file);
    } else {
        *ret = file;
    }
    return err;
}

void rwith_file_free(rwith_file *file)
{
    if (file->ptr != NULL) {
        rwith_wipe(file->ptr, file->len);
    }
    free(file->ptr);
    *file = (rwith_file){ NULL, 0, 0, false };
}

/* "PATH" and a suffix. */
static char *path_with(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *joined = malloc(size);

    if (joined != NULL) {
        snprintf(joined, size, "%s%s", path, suffix);
    }
    return joined;
}

static bool write_all(int fd, rwith_slice content)
{
    while (content.len > 0) {
        ssize_t done = write(fd, content.ptr, content.len);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        content.ptr += done;
        content.len -= (size_t)done;
    }
    return true;
}

int rwith_file_replace(const char *path, rwith_slice content,
                       rwith_problem *reterr)
{
    char *name = path_with(path, ".XXXXXX");
    int fd = name != NULL ? mkstemp(name) : -1; /* its mode is 0600 */
    bool is_done = fd >= 0;

    if (is_done && !write_all(fd, content)) {
        is_done = false;
    }
    if (is_done && fsync(fd) != 0) {
        is_done = false;
    }
    if (fd >= 0 && close(fd) != 0) {
        is_done = false;
    }
    if (is_done && rename(name, path) != 0) {
        is_done = false;
    }
    if (!is_done) {
        rwith_problem_set(reterr, "cannot write %s, %s, check the folder", path,
                          strerror(errno));
        if (fd >= 0) {
            unlink(name);
        }
    }
    free(name);
    return is_done ? RWITH_OK : RWITH_EFILE;
}

int rwith_file_lock(const char *path, rwith_problem *reterr)
{
    char *name = path_with(path, ".lock");
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = -1;

    if (name != NULL) {
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    while (fd >= 0 && fcntl(fd, F_SETLKW, &lock) != 0) {
        if (errno != EINTR) {
            close(fd);
            fd = -1;
        }
    }
    if (fd < 0) {
        rwith_problem_set(reterr, "cannot lock %s, %s, check the folder", path,
                          strerror(errno));
    }
    free(name);
    return fd;
}

char *rwith_file_expand(const char *path, size_t len)
{
    const char *home = getenv("HOME");
    bool has_home =
        len >= 2 && path[0] == '~' && path[1] == '/' && home != NULL;
    size_t skip = has_home ? 1 : 0;
    size_t home_len = has_home ? strlen(home) : 0;
    char *whole = malloc(home_len + len - skip + 1);

    if (whole != NULL) {
        if (home_len > 0) {
            memcpy(whole, home, home_len);
        }
        memcpy(whole + home_len, path + skip, len - skip);
        whole[home_len + len - skip] = '\0';
    }
    return whole;
}
