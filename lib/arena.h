/*
 * arena.h: memory that is let go as a whole, and never without being wiped:
 * what an exchange copies are credentials as often as not.
 */
#ifndef RWITH_LIB_ARENA_H
#define RWITH_LIB_ARENA_H

#include <retrywith/base.h>

#include "lib/memory.h"

struct rwith__arena_block;

/* Zero but for mem: an empty arena. */
struct rwith__arena {
    const rwith_alloc *mem;            /* NULL: malloc */
    struct rwith__arena_block *blocks; /* the one in use first */
};

/* Aligned for any object; its bytes are not set. @return NULL: no memory */
void *rwith__arena_alloc(struct rwith__arena *arena, size_t size);

/* @return false: no memory, and *ret was not written */
bool rwith__arena_copy(struct rwith__arena *arena, rwith_slice in,
                       rwith_slice *ret);

/* Wipe and free everything; the arena is empty and may be used again. */
void rwith__arena_free(struct rwith__arena *arena);

/* Zero bytes in a way that the compiler may not leave out. */
void rwith__wipe(void *bytes, size_t len);

#endif
