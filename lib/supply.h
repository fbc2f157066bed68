/*
 * supply.h: the inside of a supply, shared by supply.c (entries and values)
 * and supply_read.c (the file's grammar).
 */
#ifndef RWITH_LIB_SUPPLY_H
#define RWITH_LIB_SUPPLY_H

#include <retrywith/supply.h>

#include "lib/arena.h"

#define RWITH__SUPPLY_NONE    UINT16_MAX /* no entry */
#define RWITH__SUPPLY_BUCKETS 64

struct rwith__supply_slot {
    rwith_supply_entry entry;
    char *value; /* NULL: not filled */
    size_t value_len;
    uint16_t next; /* in the bucket, in the order of the file */
};

struct rwith_supply {
    const rwith_alloc *mem;
    struct rwith__arena arena; /* names, words, slots: never let go singly */
    struct rwith__supply_slot *slots;
    size_t count, room;
    uint32_t version; /* changes with any entry or value */
    uint16_t buckets[RWITH__SUPPLY_BUCKETS]; /* by origin */
};

/*
 * Append an entry whose slices lie in the arena already.
 * @return #RWITH_OK, #RWITH_EFULL, #RWITH_EDUPLICATE, #RWITH_ENOMEM
 */
int rwith__supply_add(rwith_supply *supply, const rwith_supply_entry *entry);

/* Drop the entries from id on, and wipe their values. */
void rwith__supply_truncate(rwith_supply *supply, size_t id);

/* The first entry that may be of that origin, and the one behind it; walk on
 * until RWITH__SUPPLY_NONE, and compare. */
uint16_t rwith__supply_first(const rwith_supply *supply,
                             const rwith_origin *origin);
uint16_t rwith__supply_next(const rwith_supply *supply, uint16_t id);

/* An authentication scheme by its name, whatever its case; the name as it is
 * written in a field. */
bool rwith__supply_scheme(rwith_slice name, rwith_auth *ret_auth,
                          rwith_slice *ret_name);

/* May that name stand in that place of a supply? */
bool rwith__supply_name_ok(rwith_place in, rwith_slice name);

#endif
