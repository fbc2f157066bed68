/*
 * folder.h: a server's private folder: made, held, removed at the end, or by
 * the next start when an end was too sudden.
 */
#ifndef RWITH_LAUNCH_FOLDER_H
#define RWITH_LAUNCH_FOLDER_H

#include <limits.h>

typedef struct rwith_folder {
    char path[PATH_MAX / 2]; /* "": none */
    int lock_fd;             /* held while the folder is in use */
    char user[64];           /* whom workers run as; "": as we do */
} rwith_folder;

/* Make one in TMPDIR, and remove those of ours there that nobody holds.
 * returns 0, or an exit status after a sentence. */
int rwith_folder_make(rwith_folder *folder);

/* Remove it, when there is one. */
void rwith_folder_remove(rwith_folder *folder);

#endif
