/*
 * memory.c: the only place of the core that calls malloc() and free().
 */
#include "lib/memory.h"

#include <stdlib.h>

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
