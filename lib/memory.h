/*
 * memory.h: where the core's memory comes from: the caller's functions, or
 * malloc and free.
 */
#ifndef RWITH_LIB_MEMORY_H
#define RWITH_LIB_MEMORY_H

#include <retrywith/base.h>

/* mem may be NULL: malloc. */
void *rwith__memory_alloc(const rwith_alloc *mem, size_t size);
void rwith__memory_free(const rwith_alloc *mem, void *ptr);

/* The allocator that is meant, never NULL: for what keeps a copy of it. */
const rwith_alloc *rwith__memory(const rwith_alloc *mem);

#endif
