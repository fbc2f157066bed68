/*
 * folder.c: makes a folder that is ours alone, and leaves none behind.
 *
 * Root's workers are nobody's: they go through the folder to their own ones
 * in it, which nginx makes for them, but may change nothing beside those: the
 * configuration there is root's to read again.
 */
#define _GNU_SOURCE

#include <launch/folder.h>

#include <launch/say.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX     "retrywith-"
#define RANDOM_LEN 6 /* of mkdtemp() */

/* A younger one may not be held yet by whoever makes it. */
#define LEFT_FOR_S 60

/* What an unprivileged worker is called when root starts us. */
#define WORKER_USER "nobody"

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Take the folder, as long as the descriptor is open; -1: another has it, or
 * it is none of ours. */
static int hold(const char *path, bool is_old)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
        (is_old && st.st_mtime > time(NULL) - LEFT_FOR_S) ||
        flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What a server left that was killed. */
static void remove_left(const char *parent)
{
    DIR *list = opendir(parent);
    const struct dirent *entry;
    char path[PATH_MAX];

    while (list != NULL && (entry = readdir(list)) != NULL) {
        int len = snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);

        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
            strlen(entry->d_name) != strlen(PREFIX) + RANDOM_LEN || len < 0 ||
            (size_t)len >= sizeof(path)) {
            continue;
        }
        int fd = hold(path, true);
        if (fd >= 0) {
            remove_tree(path);
            close(fd);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
}

/* May others go through every folder down to that one? */
static bool is_open_to_others(const char *folder)
{
    char path[PATH_MAX];
    struct stat st;

    if (realpath(folder, path) == NULL) {
        return false;
    }
    for (;;) {
        if (stat(path, &st) != 0 || (st.st_mode & S_IXOTH) == 0) {
            return false;
        }
        char *slash = strrchr(path, '/');
        if (slash == NULL || path[1] == '\0') {
            return true;
        }
        slash[slash == path] = '\0';
    }
}

/* Root's workers are nobody's, if they can reach their folders. */
static void choose_user(rwith_folder *folder, const char *parent)
{
    const struct passwd *entry;
    const struct group *group;

    if (geteuid() != 0) {
        return;
    }
    snprintf(folder->user, sizeof(folder->user), "root");
    entry = getpwnam(WORKER_USER);
    group = entry != NULL ? getgrgid(entry->pw_gid) : NULL;
    if (group == NULL || !is_open_to_others(parent)) {
        rwith_say(
            "RW0201: started by root, and user %s cannot reach %s: the workers "
            "run as root; set TMPDIR, or start it as another user",
            WORKER_USER, parent);
    } else if (chmod(folder->path, 0711) == 0) {
        snprintf(folder->user, sizeof(folder->user), "%s %s", WORKER_USER,
                 group->gr_name);
    }
}

int rwith_folder_make(rwith_folder *folder)
{
    const char *parent = getenv("TMPDIR");

    if (parent == NULL || parent[0] != '/') {
        parent = "/tmp";
    }
    *folder = (rwith_folder){ .lock_fd = -1 };
    int len = snprintf(folder->path, sizeof(folder->path),
                       "%s/" PREFIX "XXXXXX", parent);
    if (len < 0 || (size_t)len >= sizeof(folder->path) ||
        mkdtemp(folder->path) == NULL) {
        rwith_say(
            "RW0202: no folder for temporary files in %s (%s), set TMPDIR to "
            "one that can be written",
            parent, strerror(errno));
        folder->path[0] = '\0';
        return RWITH_LAUNCH_LIMIT;
    }
    folder->lock_fd = hold(folder->path, false);
    remove_left(parent);
    choose_user(folder, parent);
    return 0;
}

void rwith_folder_remove(rwith_folder *folder)
{
    if (folder->path[0] != '\0') {
        remove_tree(folder->path);
        folder->path[0] = '\0';
    }
    if (folder->lock_fd >= 0) {
        close(folder->lock_fd);
        folder->lock_fd = -1;
    }
}
