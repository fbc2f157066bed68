/*
 * memory.c: the only place of the core that calls malloc() and free().
 */
#include "lib/memory.h"

#include <stdlib.h>

static void *standard_alloc(size_t size, void *user)
{
    (void)user;
    return malloc(size);
}

static void standard_free(void *ptr, void *user)
{
    (void)user;
    free(ptr);
}

const rwith_alloc *rwith__memory(const rwith_alloc *mem)
{
    static const rwith_alloc standard = { standard_alloc, standard_free, NULL };

    return mem != NULL ? mem : &standard;
}

void *rwith__memory_alloc(const rwith_alloc *mem, size_t size)
{
    return mem != NULL ? mem->alloc(size, mem->user) : malloc(size);
}

void rwith__memory_free(const rwith_alloc *mem, void *ptr)
{
    if (mem != NULL) {
        mem->free(ptr, mem->user);
    } else {
        free(ptr);
    }
}
