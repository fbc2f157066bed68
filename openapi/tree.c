/*
 * The tree that a document is read into: its memory, its building and its
 * questions.  What the members mean is not known here.
 */
#include "openapi/tree.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)256 * 1024)
#define ALIGN      (sizeof(void *))
#define LINEAR_MAX 12 /* members looked through one by one */

struct tree_block {
    struct tree_block *next;
    char *end;
};

struct tree_index {
    size_t mask;
    tree_node *slots[];
};

static void *libc_alloc(size_t size, void *user)
{
    (void)user;
    return malloc(size);
}

static void libc_free(void *ptr, void *user)
{
    (void)user;
    free(ptr);
}

void rwith__tree_arena_init(tree_arena *arena, const rwith_alloc *mem,
                            size_t max)
{
    static const rwith_alloc libc = { libc_alloc, libc_free, NULL };

    *arena = (tree_arena){ .mem = mem != NULL ? *mem : libc, .max = max };
}

void rwith__tree_arena_free(tree_arena *arena)
{
    struct tree_block *block = arena->blocks;

    while (block != NULL) {
        struct tree_block *next = block->next;

        arena->mem.free(block, arena->mem.user);
        block = next;
    }
    arena->blocks = NULL;
    arena->left = 0;
}

static bool arena_grow(tree_arena *arena, size_t size)
{
    size_t wanted = sizeof(struct tree_block) + size;

    if (wanted < BLOCK_SIZE) {
        wanted = BLOCK_SIZE;
    }
    if (wanted > arena->max - arena->total) {
        arena->has_ended = true;
        return false;
    }
    struct tree_block *block = arena->mem.alloc(wanted, arena->mem.user);
    if (block == NULL) {
        return false;
    }
    block->next = arena->blocks;
    block->end = (char *)block + wanted;
    arena->blocks = block;
    arena->total += wanted;
    arena->left = wanted - sizeof(*block);
    return true;
}

void *rwith__tree_take(tree_arena *arena, size_t size)
{
    if (size > arena->max) {
        arena->has_ended = true;
        return NULL;
    }
    size_t rounded = (size + ALIGN - 1) & ~(ALIGN - 1);
    if (rounded > arena->left && !arena_grow(arena, rounded)) {
        return NULL;
    }
    void *ptr = arena->blocks->end - arena->left;
    arena->left -= rounded;
    return ptr;
}

bool rwith__tree_copy(tree_arena *arena, rwith_slice in, rwith_slice *ret)
{
    char *copy = rwith__tree_take(arena, in.len + 1);

    if (copy == NULL) {
        return false;
    }
    if (in.len > 0) {
        memcpy(copy, in.ptr, in.len);
    }
    copy[in.len] = '\0';
    *ret = (rwith_slice){ copy, in.len };
    return true;
}

uint32_t rwith__tree_hash(rwith_slice bytes)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ (uint8_t)bytes.ptr[i]) * 16777619u;
    }
    return hash ^ hash >> 15;
}

/* The slot of a key: its member, or the empty one where it would stand. */
static tree_node **index_slot(struct tree_index *index, rwith_slice key)
{
    size_t i = rwith__tree_hash(key) & index->mask;

    while (index->slots[i] != NULL &&
           !rwith_slice_equal(index->slots[i]->key, key)) {
        i = (i + 1) & index->mask;
    }
    return &index->slots[i];
}

/*
 * Index the members of an object.  Sets *ret_twice to a member whose name
 * was there before.
 */
static struct tree_index *index_build(tree_arena *arena, tree_node *object,
                                      tree_node **ret_twice)
{
    size_t size = 32;

    while (size < (size_t)object->count * 2) {
        size *= 2;
    }
    struct tree_index *index = rwith__tree_take(
        arena, sizeof(*index) + size * sizeof(index->slots[0]));
    if (index == NULL) {
        return NULL;
    }
    memset(index->slots, 0, size * sizeof(index->slots[0]));
    index->mask = size - 1;
    for (tree_node *node = object->first; node != NULL; node = node->next) {
        tree_node **slot = index_slot(index, node->key);

        if (*slot != NULL) {
            *ret_twice = node;
        } else {
            *slot = node;
        }
    }
    return index;
}

/* A member whose name was there before, or NULL. */
static tree_node *duplicate_of_few(tree_node *object)
{
    for (tree_node *node = object->first; node != NULL; node = node->next) {
        for (tree_node *other = object->first; other != node;
             other = other->next) {
            if (rwith_slice_equal(other->key, node->key)) {
                return node;
            }
        }
    }
    return NULL;
}

bool rwith__tree_builder_init(tree_builder *builder, tree_arena *arena,
                              const tree_limits *limits)
{
    *builder = (tree_builder){ .arena = arena, .limits = limits };
    builder->last =
        rwith__tree_take(arena, (limits->depth + 1) * sizeof(tree_node *));
    if (builder->last != NULL) {
        builder->last[0] = NULL;
    }
    return builder->last != NULL;
}

tree_node *rwith__tree_add(tree_builder *builder, node_kind kind,
                           rwith_slice text, size_t line)
{
    bool is_container = kind == NODE_ARRAY || kind == NODE_OBJECT;

    if (is_container && builder->depth >= builder->limits->depth) {
        builder->error = "nested too deep";
        return NULL;
    }
    if (builder->open != NULL && builder->open->count == (1u << 29) - 1) {
        builder->error = "too many values in one place";
        return NULL;
    }
    tree_node *node = rwith__tree_take(builder->arena, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    *node = (tree_node){ .parent = builder->open,
                         .key = builder->key,
                         .line = (uint32_t)line,
                         .kind = (uint32_t)kind & 7u };
    if (!is_container) {
        node->text = text;
    }
    builder->key = (rwith_slice){ NULL, 0 };
    tree_node **last = &builder->last[builder->depth];
    if (builder->open == NULL) {
        builder->root = node;
    } else if (*last == NULL) {
        builder->open->first = node;
    } else {
        (*last)->next = node;
    }
    if (builder->open != NULL) {
        builder->open->count++;
    }
    *last = node;
    if (is_container) {
        builder->open = node;
        builder->last[++builder->depth] = NULL;
    }
    return node;
}

bool rwith__tree_close(tree_builder *builder)
{
    tree_node *node = builder->open;
    tree_node *twice = NULL;

    if (node->kind == NODE_OBJECT) {
        if (node->count <= LINEAR_MAX) {
            twice = duplicate_of_few(node);
        } else {
            node->index = index_build(builder->arena, node, &twice);
            if (node->index == NULL) {
                return false;
            }
        }
    }
    if (twice != NULL) {
        builder->open = twice;
        builder->error = "the same name twice in one object";
        return false;
    }
    builder->open = node->parent;
    builder->depth--;
    return true;
}

tree_node *rwith__tree_follow(tree_node *node)
{
    /* The target of an alias is never itself an alias. */
    return node != NULL && node->kind == NODE_ALIAS ? node->target : node;
}

tree_node *rwith__tree_find(tree_arena *arena, tree_node *object,
                            rwith_slice key)
{
    tree_node *twice;

    object = rwith__tree_follow(object);
    if (object == NULL || object->kind != NODE_OBJECT) {
        return NULL;
    }
    if (object->count > LINEAR_MAX && object->index == NULL) {
        object->index = index_build(arena, object, &twice);
    }
    if (object->index != NULL) {
        return rwith__tree_follow(*index_slot(object->index, key));
    }
    for (tree_node *node = object->first; node != NULL; node = node->next) {
        if (rwith_slice_equal(node->key, key)) {
            return rwith__tree_follow(node);
        }
    }
    return NULL;
}

tree_node *rwith__tree_get(tree_arena *arena, tree_node *object,
                           const char *key)
{
    return rwith__tree_find(arena, object, (rwith_slice){ key, strlen(key) });
}

rwith_slice rwith__tree_text(tree_arena *arena, tree_node *object,
                             const char *key)
{
    const tree_node *node = rwith__tree_get(arena, object, key);

    return node != NULL && node->kind == NODE_STRING ? node->text
                                                     : (rwith_slice){ NULL, 0 };
}

bool rwith__tree_is_true(const tree_node *node)
{
    return node != NULL && node->kind == NODE_BOOL && node->text.len == 4;
}

/* Writes backwards, ending before @a at. */
static bool put_back(char *buf, size_t *at, const char *bytes, size_t len)
{
    if (len > *at) {
        return false;
    }
    *at -= len;
    memcpy(buf + *at, bytes, len);
    return true;
}

static bool put_key(char *buf, size_t *at, rwith_slice key)
{
    for (size_t i = key.len; i > 0; i--) {
        const char *c = &key.ptr[i - 1];
        bool fits = *c == '~'   ? put_back(buf, at, "~0", 2)
                    : *c == '/' ? put_back(buf, at, "~1", 2)
                                : put_back(buf, at, c, 1);

        if (!fits) {
            return false;
        }
    }
    return true;
}

static bool put_position(char *buf, size_t *at, const tree_node *node)
{
    size_t position = 0;

    for (const tree_node *before = node->parent->first; before != node;
         before = before->next) {
        position++;
    }
    do {
        if (!put_back(buf, at, &"0123456789"[position % 10], 1)) {
            return false;
        }
        position /= 10;
    } while (position > 0);
    return true;
}

size_t rwith__tree_pointer(const tree_node *node, char *buf, size_t buf_len)
{
    static const char cut[] = "\xe2\x80\xa6";
    size_t at = buf_len - 1;
    bool fits = true;

    while (fits && node != NULL && node->parent != NULL) {
        fits = node->parent->kind == NODE_OBJECT ? put_key(buf, &at, node->key)
                                                 : put_position(buf, &at, node);
        fits = fits && put_back(buf, &at, "/", 1);
        node = node->parent;
    }
    if (!fits && buf_len > sizeof(cut)) {
        at = sizeof(cut) - 1;
        while (at < buf_len - 1 && ((uint8_t)buf[at] & 0xc0) == 0x80) {
            at++;
        }
        put_back(buf, &at, cut, sizeof(cut) - 1);
    }
    size_t len = buf_len - 1 - at;
    memmove(buf, buf + at, len);
    buf[len] = '\0';
    return len;
}
