/*
 * json_memory.c: a bounded allocator for yajl that leaves the call by
 * longjmp() instead of returning NULL, because yajl 2.1 would write through
 * it.  Every block is on a list, so nothing is lost when a call is left.
 */
#include "body/json_memory.h"

#include <stdlib.h>
#include <string.h>

struct json_block {
    struct json_block *next;
    struct json_block **link; /* what points at this block */
    size_t size;
    size_t padding; /* keeps the bytes behind aligned */
};

static void *take(const rwith_alloc *mem, size_t size)
{
    return mem != NULL ? mem->alloc(size, mem->user) : malloc(size);
}

static void give(const rwith_alloc *mem, void *ptr)
{
    if (mem != NULL) {
        mem->free(ptr, mem->user);
    } else {
        free(ptr);
    }
}

static void json_free(void *user, void *ptr)
{
    rwith_json_memory *memory = user;

    if (ptr == NULL) {
        return;
    }
    struct json_block *block = (struct json_block *)ptr - 1;
    *block->link = block->next;
    if (block->next != NULL) {
        block->next->link = block->link;
    }
    memory->used -= block->size;
    give(memory->mem, block);
}

static void *json_malloc(void *user, size_t size)
{
    rwith_json_memory *memory = user;
    struct json_block *block = NULL;

    memory->err = RWITH_ERANGE;
    if (size <= memory->limit - memory->used) {
        memory->err = RWITH_ENOMEM;
        block = take(memory->mem, sizeof(*block) + size);
    }
    if (block == NULL) {
        longjmp(memory->leave, 1);
    }
    *block = (struct json_block){ memory->blocks, &memory->blocks, size, 0 };
    if (block->next != NULL) {
        block->next->link = &block->next;
    }
    memory->blocks = block;
    memory->used += size;
    return block + 1;
}

static void *json_realloc(void *user, void *ptr, size_t size)
{
    void *fresh = json_malloc(user, size);

    if (ptr != NULL) {
        size_t had = ((struct json_block *)ptr - 1)->size;

        memcpy(fresh, ptr, had < size ? had : size);
        json_free(user, ptr);
    }
    return fresh;
}

void rwith__json_memory_init(rwith_json_memory *memory, const rwith_alloc *mem,
                             size_t limit)
{
    memset(memory, 0, sizeof(*memory));
    memory->mem = mem;
    memory->limit = limit;
    memory->hooks =
        (yajl_alloc_funcs){ json_malloc, json_realloc, json_free, memory };
}

void rwith__json_memory_clear(rwith_json_memory *memory)
{
    struct json_block *block = memory->blocks;

    memory->blocks = NULL;
    while (block != NULL) {
        struct json_block *next = block->next;

        memory->used -= block->size;
        give(memory->mem, block);
        block = next;
    }
}

yajl_handle rwith__json_open(rwith_json_memory *memory,
                             const yajl_callbacks *callbacks, void *user)
{
    if (setjmp(memory->leave) != 0) {
        return NULL;
    }
    return yajl_alloc(callbacks, &memory->hooks, user);
}

int rwith__json_parse(rwith_json_memory *memory, yajl_handle handle,
                      const char *bytes, size_t len, yajl_status *ret)
{
    static const unsigned char newline[] = "\n";

    if (setjmp(memory->leave) != 0) {
        return memory->err;
    }
    if (bytes != NULL) {
        *ret = yajl_parse(handle, (const unsigned char *)bytes, len);
        return RWITH_OK;
    }
    /* yajl_complete_parse() itself feeds a space and so overlooks a string
     * that was begun behind the value; no token survives a newline. */
    *ret = yajl_parse(handle, newline, 1);
    if (*ret == yajl_status_ok) {
        *ret = yajl_complete_parse(handle);
    }
    return RWITH_OK;
}
