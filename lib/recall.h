/*
 * recall.h: the inside of a recall's block, shared by recall.c (what is
 * remembered, for whom), recall_block.c (slots and records) and
 * recall_text.c (saving).
 *
 * The block:  head | buckets | slots | pool of records
 * Everything refers to everything else by number or offset.  A record is the
 * bytes of one entry; records lie behind each other and are moved together
 * when the pool is full.
 */
#ifndef RWITH_LIB_RECALL_H
#define RWITH_LIB_RECALL_H

#include <retrywith/recall.h>

#include "lib/hash.h"

#define RWITH__RECALL_NONE           UINT32_MAX
#define RWITH__RECALL_HOST_MAX       255
#define RWITH__RECALL_PATH_MAX       1024
#define RWITH__RECALL_METHOD_MAX     32
#define RWITH__RECALL_PER_CLIENT_MAX 16 /* values of one client, one origin */

/* What makes two entries the same, and what is remembered with it. */
struct rwith__recall_entry {
    rwith_origin origin; /* scheme and host lie anywhere */
    rwith_scope scope;
    rwith_place in;
    rwith_slice method; /* empty: any */
    rwith_slice path;   /* empty: the whole origin; one that ends in "/":
                           a folder */
    rwith_slice name;
    rwith_slice value;
    bool has_value;
    uint64_t client; /* of an entry with a value */
};

struct rwith__recall_slot {
    uint64_t hash; /* of the origin, and of the client with a value */
    uint64_t client;
    uint64_t used_s;
    uint64_t tick;   /* of the last use: the smallest is the oldest */
    uint32_t record; /* offset in the pool; NONE: the slot is free */
    uint32_t next;   /* in its bucket, or in the list of free slots */
};

/* Before an entry's bytes: host, method, path, name, value. */
struct rwith__recall_record {
    uint32_t slot; /* NONE: dead */
    uint32_t size; /* with this head, a multiple of 8 */
    uint16_t port;
    uint16_t host_len;
    uint16_t method_len;
    uint16_t path_len;
    uint16_t name_len;
    uint16_t value_len;
    uint8_t in, scope;
    uint8_t is_https, has_value;
};

struct rwith_recall {
    uint64_t magic;
    uint64_t size; /* of the block */
    uint8_t key[RWITH_RECALL_KEY_LEN];
    uint64_t tick;
    uint32_t bucket_count; /* a power of two */
    uint32_t slot_count;
    uint32_t free_slots;  /* the first of the list */
    uint32_t count;       /* entries */
    uint32_t value_count; /* of them with a value */
    uint32_t pool_size;
    uint32_t pool_used; /* records, dead ones too */
    uint32_t pool_dead; /* bytes of dead ones */
    uint32_t version;   /* of the entries without a value: changes with them */
};

/* --- recall_block.c ------------------------------------------------------- */

uint32_t *rwith__recall_buckets(rwith_recall *recall);
struct rwith__recall_slot *rwith__recall_slot(rwith_recall *recall,
                                              uint32_t slot);
const struct rwith__recall_slot *rwith__recall_slot_const(
    const rwith_recall *recall, uint32_t slot);

/* The entry in a slot that is in use; its slices lie in the block. */
void rwith__recall_entry(const rwith_recall *recall, uint32_t slot,
                         struct rwith__recall_entry *ret);

/* The first slot of the bucket for that hash; walk by next. */
uint32_t rwith__recall_first(const rwith_recall *recall, uint64_t hash);

/*
 * Store a new entry; others are evicted to make room.
 * @return false: it can never fit
 */
bool rwith__recall_insert(rwith_recall *recall, uint64_t hash,
                          const struct rwith__recall_entry *entry,
                          uint64_t now_s);

/* Forget a slot, and wipe its bytes. */
void rwith__recall_remove(rwith_recall *recall, uint32_t slot);

/* Has it not been used for too long? */
bool rwith__recall_is_expired(const struct rwith__recall_slot *slot,
                              uint64_t now_s);

/* Is the whole block as this version writes it? */
bool rwith__recall_validate(const rwith_recall *recall, size_t size);

/* --- recall.c ---------------------------------------------------------------
 */

uint64_t rwith__recall_hash(const rwith_recall *recall,
                            const rwith_origin *origin, bool has_value,
                            uint64_t client);

/* The first of an origin's entries without a value from that slot on, which
 * is rwith__recall_first() of its hash; NONE: no more. */
uint32_t rwith__recall_name(const rwith_recall *recall,
                            const rwith_origin *origin, uint64_t hash,
                            uint32_t slot, struct rwith__recall_entry *ret);

/* Does an entry of that place, method and path hold for a request?  Of its
 * origin is not spoken.  @a path is rwith__recall_path() of the target. */
bool rwith__recall_covers(rwith_place in, rwith_slice entry_method,
                          rwith_slice entry_path, rwith_slice method,
                          rwith_slice path);

/* The target without its query. */
rwith_slice rwith__recall_path(rwith_slice target);

/* It was used. */
void rwith__recall_touch(rwith_recall *recall, uint32_t slot, uint64_t now_s);

/* As rwith_recall_count(): both may be read without the lock. */
uint32_t rwith__recall_version(const rwith_recall *recall);
uint32_t rwith__recall_value_count(const rwith_recall *recall);

/* Is it one that may be kept? @return #RWITH_OK, #RWITH_ERANGE */
int rwith__recall_judge(const struct rwith__recall_entry *entry);

/* Remember an entry that has been judged, with its caps. */
int rwith__recall_keep(rwith_recall *recall,
                       const struct rwith__recall_entry *entry, uint64_t now_s);

#endif
