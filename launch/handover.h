/*
 * handover.h: values of a supply, handed to nginx in memory: a file without
 * a name that the child inherits.  Nothing of it is ever on disk.
 */
#ifndef RWITH_LAUNCH_HANDOVER_H
#define RWITH_LAUNCH_HANDOVER_H

#include <retrywith/supply.h>

#include <stdbool.h>
#include <stddef.h>

typedef struct rwith_handover {
    int fd;        /* -1: none */
    char path[32]; /* how the child names it */
} rwith_handover;

/* returns 0, or an exit status after a sentence */
int rwith_handover_open(rwith_handover *handover);

/*
 * Write every value that is known, as a supply file, instead of what was
 * there.
 *
 * ret_is_new: differs from what was there.  returns as above; what was there
 * stays then.
 */
int rwith_handover_put(rwith_handover *handover, const rwith_supply *supply,
                       bool *ret_is_new);

void rwith_handover_close(rwith_handover *handover);

/* Can the entry stand in a line, if it has a value?  One that cannot is left
 * out. */
bool rwith_handover_takes(const rwith_supply *supply, size_t id);

/*
 * The text of such a file; its final NUL is not counted.  NULL: no memory.
 * The caller wipes and frees it.
 */
char *rwith_handover_text(const rwith_supply *supply, size_t *ret_len);

#endif
