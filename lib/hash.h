/* hash.h: a keyed hash for tables whose keys come from outside. */
#ifndef RWITH_LIB_HASH_H
#define RWITH_LIB_HASH_H

#include <retrywith/base.h>

#define RWITH__HASH_KEY_LEN 16

/* The state between two pieces of input. */
struct rwith__hash {
    uint64_t v[4];
    uint64_t tail;   /* bytes that do not yet make a word */
    uint64_t length; /* of all input */
};

void rwith__hash_start(struct rwith__hash *hash,
                       const uint8_t key[RWITH__HASH_KEY_LEN]);
void rwith__hash_add(struct rwith__hash *hash, rwith_slice bytes);

/* A piece with its length before it: "a", "bc" differs from "ab", "c". */
void rwith__hash_add_counted(struct rwith__hash *hash, rwith_slice bytes);

/* Does not change the state: more may be added behind it. */
uint64_t rwith__hash_end(const struct rwith__hash *hash);

#endif
