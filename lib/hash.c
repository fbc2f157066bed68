/*
 * hash.c: SipHash-2-4 (Aumasson and Bernstein, 2012), fed in pieces.
 *
 * With a secret key nobody outside can make table keys collide, nor tell a
 * client's credentials from the digest that is kept of them.  It is no
 * signature and no password hash.
 */
#include "lib/hash.h"

#include <string.h>

#define WORD_LEN 8

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return (word << bits) | (word >> (64 - bits));
}

static uint64_t load(const void *from)
{
    const uint8_t *b = from;

    /* Little-endian; written out, compilers make one load of it. */
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 |
           (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 |
           (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

static inline void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v);
    mix(v);
    v[0] ^= word;
}

void rwith__hash_start(struct rwith__hash *hash,
                       const uint8_t key[RWITH__HASH_KEY_LEN])
{
    uint64_t k0 = load(key);
    uint64_t k1 = load(key + WORD_LEN);

    hash->v[0] = k0 ^ UINT64_C(0x736f6d6570736575);
    hash->v[1] = k1 ^ UINT64_C(0x646f72616e646f6d);
    hash->v[2] = k0 ^ UINT64_C(0x6c7967656e657261);
    hash->v[3] = k1 ^ UINT64_C(0x7465646279746573);
    hash->tail = 0;
    hash->length = 0;
}

void rwith__hash_add(struct rwith__hash *hash, rwith_slice bytes)
{
    size_t i = 0;

    while (i < bytes.len) {
        if (hash->length % WORD_LEN == 0 && bytes.len - i >= WORD_LEN) {
            absorb(hash->v, load(bytes.ptr + i));
            hash->length += WORD_LEN;
            i += WORD_LEN;
            continue;
        }
        uint64_t byte = (uint8_t)bytes.ptr[i++];
        hash->tail |= byte << (8 * (hash->length % WORD_LEN));
        hash->length++;
        if (hash->length % WORD_LEN == 0) {
            absorb(hash->v, hash->tail);
            hash->tail = 0;
        }
    }
}

void rwith__hash_add_counted(struct rwith__hash *hash, rwith_slice bytes)
{
    char length[WORD_LEN];

    for (unsigned i = 0; i < WORD_LEN; i++) {
        length[i] = (char)(((uint64_t)bytes.len >> (8 * i)) & 0xff);
    }
    rwith__hash_add(hash, (rwith_slice){ length, sizeof(length) });
    rwith__hash_add(hash, bytes);
}

uint64_t rwith__hash_end(const struct rwith__hash *hash)
{
    uint64_t v[4];

    memcpy(v, hash->v, sizeof(v));
    absorb(v, hash->tail | (hash->length & 0xff) << 56);
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++) {
        mix(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
