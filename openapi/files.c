/*
 * The one file here that reads files: a document, and what it refers to in
 * its folder or below.  Where a path really leads is asked after links are
 * followed.
 */
#define _XOPEN_SOURCE 700

#include "openapi/openapi.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE ((size_t)1024 * 1024)

struct folder {
    char path[PATH_MAX]; /* resolved, without a final slash but for "/" */
    size_t len;
};

static void *take(const rwith_alloc *mem, size_t size)
{
    return mem != NULL ? mem->alloc(size, mem->user) : malloc(size);
}

static void give_back(const rwith_alloc *mem, void *ptr)
{
    if (mem != NULL) {
        mem->free(ptr, mem->user);
    } else {
        free(ptr);
    }
}

static int read_bytes(int fd, char *ptr, size_t len)
{
    size_t got = 0;

    while (got < len) {
        size_t wanted = len - got < READ_SIZE ? len - got : READ_SIZE;
        ssize_t count = read(fd, ptr + got, wanted);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return RWITH_EFILE;
        }
        got += (size_t)count;
    }
    return RWITH_OK;
}

/* The bytes of a regular file; nothing that could block is waited for. */
static int read_file(const char *path, size_t max, const rwith_alloc *mem,
                     rwith_openapi_text *ret)
{
    struct stat info;
    char *ptr = NULL;
    int err = RWITH_EFILE;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return RWITH_EFILE;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        goto out;
    }
    if ((uintmax_t)info.st_size > max) {
        err = RWITH_ERANGE;
        goto out;
    }
    size_t len = (size_t)info.st_size;
    ptr = take(mem, len + 1);
    if (ptr == NULL) {
        err = RWITH_ENOMEM;
        goto out;
    }
    err = read_bytes(fd, ptr, len);
    if (err == RWITH_OK) {
        ptr[len] = '\0';
        *ret = (rwith_openapi_text){ ptr, len };
        ptr = NULL;
    }
out:
    if (ptr != NULL) {
        give_back(mem, ptr);
    }
    close(fd);
    return err;
}

static int load_beside(void *user, rwith_slice path, size_t max,
                       const rwith_alloc *mem, rwith_openapi_text *ret)
{
    const struct folder *folder = user;
    char wanted[PATH_MAX];
    char resolved[PATH_MAX];

    if (folder->len + 1 + path.len >= sizeof(wanted)) {
        return RWITH_EFILE;
    }
    memcpy(wanted, folder->path, folder->len);
    wanted[folder->len] = '/';
    memcpy(wanted + folder->len + 1, path.ptr, path.len);
    wanted[folder->len + 1 + path.len] = '\0';
    if (realpath(wanted, resolved) == NULL ||
        strncmp(resolved, folder->path, folder->len) != 0 ||
        (folder->len > 1 && resolved[folder->len] != '/')) {
        return RWITH_EFILE;
    }
    return read_file(resolved, max, mem, ret);
}

/* The folder of a file. */
static bool find_folder(const char *path, struct folder *ret)
{
    char own[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;

    if (len >= sizeof(own)) {
        return false;
    }
    if (slash == NULL) {
        own[len++] = '.';
    } else if (len == 0) {
        own[len++] = '/';
    } else {
        memcpy(own, path, len);
    }
    own[len] = '\0';
    if (realpath(own, ret->path) == NULL) {
        return false;
    }
    ret->len = strlen(ret->path);
    return true;
}

static void describe(const char *path, const char *why,
                     rwith_openapi_problem *reterr)
{
    if (reterr != NULL) {
        *reterr = (rwith_openapi_problem){ .file = "" };
        snprintf(reterr->file, sizeof(reterr->file), "%s", path);
        snprintf(reterr->diagnostic.text, sizeof(reterr->diagnostic.text), "%s",
                 why);
    }
}

int rwith_openapi_load_file(rwith_policy_builder *builder, const char *path,
                            const rwith_openapi_options *options,
                            rwith_openapi_counts *ret,
                            rwith_openapi_problem *reterr)
{
    rwith_openapi_options own = { .load = NULL };
    rwith_openapi_text text = { NULL, 0 };
    struct folder folder;

    if (options != NULL) {
        own = *options;
    }
    own.load = load_beside;
    own.load_user = &folder;
    size_t max = own.bytes_max > 0 ? own.bytes_max : RWITH_OPENAPI_BYTES_MAX;
    errno = 0;
    int err = find_folder(path, &folder) ? read_file(path, max, own.mem, &text)
                                         : RWITH_EFILE;
    if (err == RWITH_ERANGE) {
        describe(path, "the document is larger than the limit", reterr);
    } else if (err == RWITH_EFILE) {
        describe(path, errno != 0 ? strerror(errno) : "no regular file",
                 reterr);
    }
    if (err != RWITH_OK) {
        return err;
    }
    err = rwith_openapi_load(builder, rwith_slice_of(path),
                             (rwith_slice){ text.ptr, text.len }, &own, ret,
                             reterr);
    give_back(own.mem, text.ptr);
    return err;
}
