/*
 * arena.c: blocks that grow a chain; nothing is given back before the end.
 * It bounds nothing: whoever fills an arena has limits of its own.
 */
#include "lib/arena.h"

#include <string.h>

#define BLOCK_LEN 1024
#define ALIGNMENT 16

struct rwith__arena_block {
    struct rwith__arena_block *next;
    size_t used, size; /* of the bytes behind this struct */
    size_t padding;    /* keeps those bytes aligned */
};

_Static_assert(sizeof(struct rwith__arena_block) % ALIGNMENT == 0,
               "what follows a block's head must be aligned");

void rwith__wipe(void *bytes, size_t len)
{
#if defined(__GNUC__)
    if (len > 0) {
        memset(bytes, 0, len);
    }
    /* As if the bytes were read afterwards: the store must be made. */
    __asm__ volatile("" : : "r"(bytes) : "memory");
#else
    volatile unsigned char *byte = bytes;

    while (len > 0) {
        *byte++ = 0;
        len--;
    }
#endif
}

static struct rwith__arena_block *block_add(struct rwith__arena *arena,
                                            size_t size)
{
    size_t head = sizeof(struct rwith__arena_block);
    size_t room = size > BLOCK_LEN - head ? size : BLOCK_LEN - head;
    struct rwith__arena_block *block;

    if (room > SIZE_MAX - head) {
        return NULL;
    }
    block = rwith__memory_alloc(arena->mem, head + room);
    if (block == NULL) {
        return NULL;
    }
    block->next = arena->blocks;
    block->used = 0;
    block->size = room;
    arena->blocks = block;
    return block;
}

void *rwith__arena_alloc(struct rwith__arena *arena, size_t size)
{
    struct rwith__arena_block *block = arena->blocks;

    if (size > SIZE_MAX - ALIGNMENT) {
        return NULL;
    }
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (block == NULL || block->size - block->used < size) {
        block = block_add(arena, size);
    }
    if (block == NULL) {
        return NULL;
    }
    char *bytes = (char *)(block + 1) + block->used;
    block->used += size;
    return bytes;
}

bool rwith__arena_copy(struct rwith__arena *arena, rwith_slice in,
                       rwith_slice *ret)
{
    char *bytes;

    if (in.len == 0) {
        *ret = (rwith_slice){ "", 0 };
        return true;
    }
    bytes = rwith__arena_alloc(arena, in.len);
    if (bytes == NULL) {
        return false;
    }
    memcpy(bytes, in.ptr, in.len);
    *ret = (rwith_slice){ bytes, in.len };
    return true;
}

void rwith__arena_free(struct rwith__arena *arena)
{
    while (arena->blocks != NULL) {
        struct rwith__arena_block *block = arena->blocks;

        arena->blocks = block->next;
        rwith__wipe(block + 1, block->used);
        rwith__memory_free(arena->mem, block);
    }
}
