/*
 * rows.h: what is built row by row before it is compiled: arrays that grow,
 * and text that is kept once.
 */
#ifndef RWITH_LIB_ROWS_H
#define RWITH_LIB_ROWS_H

#include <string.h>

#include <retrywith/base.h>

/* Rows of one size; zero-initialise, then set size.  Rows move. */
struct rwith__rows {
    void *items;
    size_t count;
    size_t capacity;
    size_t size;
};

/* Add count zeroed rows and return the first; NULL: no memory. */
void *rwith__rows_add(const rwith_alloc *mem, struct rwith__rows *rows,
                      size_t count);
void rwith__rows_free(const rwith_alloc *mem, struct rwith__rows *rows);

static inline void *rwith__rows_at(const struct rwith__rows *rows, size_t index)
{
    return (char *)rows->items + index * rows->size;
}

/* Where a text lies in the bytes. */
struct rwith__text {
    uint32_t at;
    uint32_t len;
};

/* Texts, each kept once, known by number.  0 is the empty text. */
struct rwith__texts {
    struct rwith__rows bytes;
    struct rwith__rows texts;
    struct rwith__rows slots; /* of a hash table: uint32_t, number or 0 */
};

void rwith__texts_init(struct rwith__texts *texts);
void rwith__texts_free(const rwith_alloc *mem, struct rwith__texts *texts);

/* The number of that text, which is added if need be; false: no memory. */
bool rwith__texts_keep(const rwith_alloc *mem, struct rwith__texts *texts,
                       rwith_slice text, uint32_t *ret);

/* Number of texts, the empty one included. */
static inline size_t rwith__texts_count(const struct rwith__texts *texts)
{
    return texts->texts.count + 1;
}

/* Good until the next one is kept. */
rwith_slice rwith__texts_at(const struct rwith__texts *texts, uint32_t text);

/* Copy all texts: bytes_len bytes, and one row for each number. */
void rwith__texts_copy(const struct rwith__texts *texts, char *bytes,
                       struct rwith__text *rows);

/* Room for that many bytes in a block of several arrays, aligned for any. */
static inline size_t rwith__room(size_t count, size_t size)
{
    return (count * size + 15) & ~(size_t)15;
}

/* Take the next array out of a block. */
static inline void *rwith__room_take(char **at, size_t count, size_t size)
{
    void *array = *at;

    *at += rwith__room(count, size);
    return array;
}

/*
 * A hash of bytes for tables that are made from a file of the operator's
 * and only read afterwards: nobody outside chooses what lies in them.
 */
static inline uint64_t rwith__hash_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

/* Up to eight bytes as a number; which ones count twice does not matter. */
static inline uint64_t rwith__hash_tail(const char *p, size_t len)
{
    uint32_t first, last;

    if (len >= 4) {
        memcpy(&first, p, 4);
        memcpy(&last, p + len - 4, 4);
        return (uint64_t)first << 32 | last;
    }
    if (len == 0) {
        return 0;
    }
    return (uint64_t)(unsigned char)p[0] << 16 |
           (uint64_t)(unsigned char)p[len / 2] << 8 | (unsigned char)p[len - 1];
}

static inline uint64_t rwith__hash(uint64_t seed, const void *bytes, size_t len)
{
    const char *p = bytes;
    uint64_t hash = rwith__hash_mix(seed, len);
    uint64_t word;

    for (; len > 8; p += 8, len -= 8) {
        memcpy(&word, p, 8);
        hash = rwith__hash_mix(hash, word);
    }
    return rwith__hash_mix(hash, rwith__hash_tail(p, len));
}

#endif
