/*
 * json_memory.h: the memory that yajl works with.
 *
 * yajl does not look at what its allocator returns, so an allocator that
 * fails must not return at all: the calls below run yajl such that running
 * out of memory, or over a limit, ends the call and not the process.
 */
#ifndef RWITH_BODY_JSON_MEMORY_H
#define RWITH_BODY_JSON_MEMORY_H

#include <setjmp.h>

#include <yajl/yajl_parse.h>

#include <retrywith/base.h>
#include <retrywith/err.h>

/** One block; the bytes given to yajl follow it. */
struct json_block;

/** A bounded share of memory.  Must not move once set up. */
typedef struct rwith_json_memory {
    const rwith_alloc *mem; /* NULL: malloc */
    struct json_block *blocks;
    size_t used;
    size_t limit;
    int err; /* why the last call was left */
    yajl_alloc_funcs hooks;
    jmp_buf leave;
} rwith_json_memory;

/** @param limit  bytes that yajl may hold at one time */
void rwith__json_memory_init(rwith_json_memory *memory, const rwith_alloc *mem,
                             size_t limit);

/** Give everything back, whatever yajl thinks of it: there is no need, and
 * after a call that was left no way, to call yajl_free(). */
void rwith__json_memory_clear(rwith_json_memory *memory);

/** yajl_alloc(); NULL when there is no memory. */
yajl_handle rwith__json_open(rwith_json_memory *memory,
                             const yajl_callbacks *callbacks, void *user);

/**
 * yajl_parse(), or with @a bytes NULL yajl_complete_parse().
 *
 * @param ret  what yajl said
 * @return #RWITH_OK, #RWITH_ENOMEM, #RWITH_ERANGE: the call was left and the
 *         handle is gone
 */
int rwith__json_parse(rwith_json_memory *memory, yajl_handle handle,
                      const char *bytes, size_t len, yajl_status *ret);

#endif
