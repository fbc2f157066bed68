/*
 * supply.c: the entries of a supply and their values: adding, finding,
 * filling, wiping.  The file's grammar is supply_read.c's; where a value
 * comes from is the adapter's business.
 */
#include "lib/supply.h"

#include <assert.h>
#include <string.h>

#include <retrywith/trust.h>

#define SLOTS_FIRST 8

_Static_assert(RWITH_SUPPLY_COUNT_MAX < RWITH__SUPPLY_NONE,
               "an entry's number must fit");

int rwith_supply_new(const rwith_alloc *mem, rwith_supply **ret)
{
    rwith_supply *supply;

    supply = rwith__memory_alloc(mem, sizeof(*supply));
    if (supply == NULL) {
        return RWITH_ENOMEM;
    }
    *supply = (rwith_supply){ .mem = mem, .arena = { .mem = mem } };
    for (size_t i = 0; i < RWITH__SUPPLY_BUCKETS; i++) {
        supply->buckets[i] = RWITH__SUPPLY_NONE;
    }
    *ret = supply;
    return RWITH_OK;
}

static void value_drop(rwith_supply *supply, struct rwith__supply_slot *slot)
{
    if (slot->value != NULL) {
        rwith__wipe(slot->value, slot->value_len);
        rwith__memory_free(supply->mem, slot->value);
        slot->value = NULL;
    }
}

void rwith_supply_free(rwith_supply *supply)
{
    if (supply == NULL) {
        return;
    }
    for (size_t id = 0; id < supply->count; id++) {
        value_drop(supply, &supply->slots[id]);
    }
    rwith__arena_free(&supply->arena);
    rwith__memory_free(supply->mem, supply);
}

/* --- the index by origin ---------------------------------------------------
 */

static size_t bucket_of(const rwith_origin *origin)
{
    /* FNV-1a: the names are the user's own, nobody else can make them
     * collide. */
    uint32_t hash = UINT32_C(2166136261) ^ origin->port;

    for (size_t i = 0; i < origin->host.len; i++) {
        hash = (hash ^ (unsigned char)origin->host.ptr[i]) * 16777619U;
    }
    return hash % RWITH__SUPPLY_BUCKETS;
}

static void index_add(rwith_supply *supply, size_t id)
{
    uint16_t *link =
        &supply->buckets[bucket_of(&supply->slots[id].entry.origin)];

    while (*link != RWITH__SUPPLY_NONE) {
        link = &supply->slots[*link].next;
    }
    *link = (uint16_t)id;
    supply->slots[id].next = RWITH__SUPPLY_NONE;
}

uint16_t rwith__supply_first(const rwith_supply *supply,
                             const rwith_origin *origin)
{
    return supply->count > 0 ? supply->buckets[bucket_of(origin)]
                             : RWITH__SUPPLY_NONE;
}

uint16_t rwith__supply_next(const rwith_supply *supply, uint16_t id)
{
    return supply->slots[id].next;
}

void rwith__supply_truncate(rwith_supply *supply, size_t id)
{
    for (size_t i = id; i < supply->count; i++) {
        value_drop(supply, &supply->slots[i]);
    }
    supply->count = id;
    for (size_t i = 0; i < RWITH__SUPPLY_BUCKETS; i++) {
        supply->buckets[i] = RWITH__SUPPLY_NONE;
    }
    for (size_t i = 0; i < supply->count; i++) {
        index_add(supply, i);
    }
}

/* --- entries ---------------------------------------------------------------
 */

bool rwith__supply_name_ok(rwith_place in, rwith_slice name)
{
    if (!rwith_requirement_name_ok(in, name)) {
        return false;
    }
    switch (in) {
    case RWITH_IN_HEADER:
        return rwith_trust_field_may_be_set(name);
    case RWITH_IN_BODY:
        return name.len > 0 && name.ptr[0] == '/';
    default:
        return true;
    }
}

/* Room for one slot more; the old array stays in the arena, wiped. */
static int slots_grow(rwith_supply *supply)
{
    size_t room = supply->room > 0 ? 2 * supply->room : SLOTS_FIRST;
    struct rwith__supply_slot *slots;

    if (supply->count < supply->room) {
        return RWITH_OK;
    }
    slots = rwith__arena_alloc(&supply->arena, room * sizeof(*slots));
    if (slots == NULL) {
        return RWITH_ENOMEM;
    }
    if (supply->count > 0) {
        memcpy(slots, supply->slots, supply->count * sizeof(*slots));
    }
    supply->slots = slots;
    supply->room = room;
    return RWITH_OK;
}

int rwith__supply_add(rwith_supply *supply, const rwith_supply_entry *entry)
{
    size_t id;
    int err;

    if (rwith_supply_find(supply, &entry->origin, entry->in, entry->name,
                          &id)) {
        return RWITH_EDUPLICATE;
    }
    if (supply->count >= RWITH_SUPPLY_COUNT_MAX) {
        return RWITH_EFULL;
    }
    err = slots_grow(supply);
    if (err != RWITH_OK) {
        return err;
    }
    supply->slots[supply->count] =
        (struct rwith__supply_slot){ .entry = *entry };
    index_add(supply, supply->count);
    supply->count++;
    supply->version++;
    return RWITH_OK;
}

bool rwith_supply_find(const rwith_supply *supply, const rwith_origin *origin,
                       rwith_place in, rwith_slice name, size_t *ret_id)
{
    rwith_requirement wanted = { .in = in, .name = name };
    bool is_any = in == RWITH_IN_AUTHORIZATION && name.len == 0;
    uint16_t id = rwith__supply_first(supply, origin);

    for (; id != RWITH__SUPPLY_NONE; id = rwith__supply_next(supply, id)) {
        const rwith_supply_entry *entry = &supply->slots[id].entry;
        rwith_requirement there = { .in = entry->in, .name = entry->name };

        if (entry->in == in && rwith_origin_equal(&entry->origin, origin) &&
            (is_any || rwith_requirement_equal(&there, &wanted))) {
            *ret_id = id;
            return true;
        }
    }
    return false;
}

size_t rwith_supply_count(const rwith_supply *supply)
{
    return supply->count;
}

uint32_t rwith_supply_version(const rwith_supply *supply)
{
    return supply->version;
}

const rwith_supply_entry *rwith_supply_at(const rwith_supply *supply, size_t id)
{
    assert(id < supply->count);
    return &supply->slots[id].entry;
}

/* --- values ----------------------------------------------------------------
 */

static int value_judge(const rwith_supply_entry *entry, rwith_slice value)
{
    bool wants_colon =
        entry->auth == RWITH_AUTH_BASIC || entry->auth == RWITH_AUTH_DIGEST;
    bool is_line = entry->in == RWITH_IN_HEADER ||
                   entry->in == RWITH_IN_COOKIE ||
                   entry->in == RWITH_IN_AUTHORIZATION;

    if (value.len > RWITH_SUPPLY_VALUE_MAX) {
        return RWITH_ERANGE;
    }
    if (is_line && !rwith_trust_value_ok(value, RWITH_SUPPLY_VALUE_MAX)) {
        return RWITH_ESYNTAX;
    }
    if (entry->in == RWITH_IN_COOKIE && value.len > 0 &&
        memchr(value.ptr, ';', value.len) != NULL) {
        return RWITH_ESYNTAX;
    }
    if (wants_colon &&
        (value.len == 0 || memchr(value.ptr, ':', value.len) == NULL)) {
        return RWITH_ESYNTAX;
    }
    return RWITH_OK;
}

int rwith_supply_fill(rwith_supply *supply, size_t id, rwith_slice value)
{
    struct rwith__supply_slot *slot;
    char *copy;
    int err;

    if (id >= supply->count) {
        return RWITH_EINVAL;
    }
    slot = &supply->slots[id];
    if (slot->entry.in == RWITH_IN_HEADER ||
        slot->entry.in == RWITH_IN_COOKIE) {
        value = rwith_slice_trim(value);
    }
    err = value_judge(&slot->entry, value);
    if (err != RWITH_OK) {
        return err;
    }
    copy = rwith__memory_alloc(supply->mem, value.len + 1);
    if (copy == NULL) {
        return RWITH_ENOMEM;
    }
    if (value.len > 0) {
        memcpy(copy, value.ptr, value.len);
    }
    value_drop(supply, slot);
    slot->value = copy;
    slot->value_len = value.len;
    supply->version++;
    return RWITH_OK;
}

bool rwith_supply_value(const rwith_supply *supply, size_t id, rwith_slice *ret)
{
    if (id >= supply->count || supply->slots[id].value == NULL) {
        return false;
    }
    *ret =
        (rwith_slice){ supply->slots[id].value, supply->slots[id].value_len };
    return true;
}

/* --- a value that is at hand -----------------------------------------------
 */

static int entry_own(rwith_supply *supply, rwith_supply_entry *entry)
{
    struct rwith__arena *arena = &supply->arena;

    return rwith__arena_copy(arena, entry->origin.scheme,
                             &entry->origin.scheme) &&
                   rwith__arena_copy(arena, entry->origin.host,
                                     &entry->origin.host) &&
                   rwith__arena_copy(arena, entry->name, &entry->name)
               ? RWITH_OK
               : RWITH_ENOMEM;
}

int rwith_supply_give(rwith_supply *supply, const rwith_origin *origin,
                      rwith_place in, rwith_slice name, rwith_slice value)
{
    rwith_supply_entry entry = {
        .origin = *origin, .in = in, .name = name, .kind = RWITH_SUPPLY_LITERAL
    };
    size_t before = supply->count;
    size_t id;
    int err;

    if (in == RWITH_IN_AUTHORIZATION &&
        !rwith__supply_scheme(name, &entry.auth, &entry.name)) {
        return RWITH_EINVAL;
    }
    if (!rwith__supply_name_ok(in, entry.name)) {
        return RWITH_EINVAL;
    }
    if (rwith_supply_find(supply, origin, in, entry.name, &id)) {
        return rwith_supply_fill(supply, id, value);
    }
    err = entry_own(supply, &entry);
    if (err == RWITH_OK) {
        err = rwith__supply_add(supply, &entry);
    }
    if (err == RWITH_OK) {
        err = rwith_supply_fill(supply, before, value);
    }
    if (err != RWITH_OK) {
        rwith__supply_truncate(supply, before);
    }
    return err;
}
