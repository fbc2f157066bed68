/*
 * recall_block.c: slots, buckets and records in one block of memory: layout,
 * allocation, eviction, and the check that a block found somewhere is one.
 * What an entry means is not known here.
 */
#include "lib/recall.h"

#include <string.h>

#include "lib/arena.h"

#define MAGIC          UINT64_C(0x336c6c6163657277) /* "rwecall3" */
#define BYTES_PER_SLOT 256                          /* of the whole block */
#define SLOTS_MAX      65536
#define SIZE_MAX_USED  ((size_t)SLOTS_MAX * 4096)
#define RECORD_ALIGN   8
#define EVICT_SHARE    16 /* this part of the pool is freed at once */

static size_t align(size_t size)
{
    return (size + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
}

static size_t buckets_at(void)
{
    return align(sizeof(rwith_recall));
}

static size_t slots_at(const rwith_recall *recall)
{
    return buckets_at() + align(recall->bucket_count * sizeof(uint32_t));
}

static size_t pool_at(const rwith_recall *recall)
{
    return slots_at(recall) +
           recall->slot_count * sizeof(struct rwith__recall_slot);
}

uint32_t *rwith__recall_buckets(rwith_recall *recall)
{
    return (void *)((char *)recall + buckets_at());
}

struct rwith__recall_slot *rwith__recall_slot(rwith_recall *recall,
                                              uint32_t slot)
{
    struct rwith__recall_slot *slots =
        (void *)((char *)recall + slots_at(recall));

    return &slots[slot];
}

const struct rwith__recall_slot *rwith__recall_slot_const(
    const rwith_recall *recall, uint32_t slot)
{
    const struct rwith__recall_slot *slots =
        (const void *)((const char *)recall + slots_at(recall));

    return &slots[slot];
}

static struct rwith__recall_record *record_at(rwith_recall *recall,
                                              uint32_t offset)
{
    return (void *)((char *)recall + pool_at(recall) + offset);
}

static const struct rwith__recall_record *record_at_const(
    const rwith_recall *recall, uint32_t offset)
{
    return (const void *)((const char *)recall + pool_at(recall) + offset);
}

uint32_t rwith__recall_first(const rwith_recall *recall, uint64_t hash)
{
    const uint32_t *buckets =
        (const void *)((const char *)recall + buckets_at());

    return buckets[hash & (recall->bucket_count - 1)];
}

bool rwith__recall_is_expired(const struct rwith__recall_slot *slot,
                              uint64_t now_s)
{
    return now_s > slot->used_s &&
           now_s - slot->used_s > RWITH_RECALL_TTL_S_DEFAULT;
}

/* --- a new block ------------------------------------------------------------
 */

/* The sizes that follow from the block's; false: it is too small. */
static bool layout(size_t size, rwith_recall *ret)
{
    size_t slots = size / BYTES_PER_SLOT;
    uint32_t buckets = 1;

    if (size < RWITH_RECALL_SIZE_MIN) {
        return false;
    }
    size = size < SIZE_MAX_USED ? size : SIZE_MAX_USED;
    slots = slots < SLOTS_MAX ? slots : SLOTS_MAX;
    while (buckets < slots) {
        buckets *= 2;
    }
    ret->bucket_count = buckets;
    ret->slot_count = (uint32_t)slots;
    ret->pool_size =
        (uint32_t)((size - pool_at(ret)) & ~(size_t)(RECORD_ALIGN - 1));
    return true;
}

int rwith_recall_init(void *mem, size_t size,
                      const uint8_t key[RWITH_RECALL_KEY_LEN],
                      rwith_recall **ret)
{
    rwith_recall head = { .magic = MAGIC, .size = size };
    rwith_recall *recall = mem;

    if (mem == NULL || (uintptr_t)mem % RECORD_ALIGN != 0 ||
        !layout(size, &head)) {
        return RWITH_EINVAL;
    }
    memcpy(head.key, key, sizeof(head.key));
    memset(mem, 0, size);
    *recall = head;
    for (uint32_t i = 0; i < head.bucket_count; i++) {
        rwith__recall_buckets(recall)[i] = RWITH__RECALL_NONE;
    }
    for (uint32_t i = 0; i < head.slot_count; i++) {
        struct rwith__recall_slot *slot = rwith__recall_slot(recall, i);

        slot->record = RWITH__RECALL_NONE;
        slot->next = i + 1 < head.slot_count ? i + 1 : RWITH__RECALL_NONE;
    }
    *ret = recall;
    return RWITH_OK;
}

/* --- entries -------------------------------------------------------------- */

void rwith__recall_entry(const rwith_recall *recall, uint32_t slot,
                         struct rwith__recall_entry *ret)
{
    const struct rwith__recall_slot *s = rwith__recall_slot_const(recall, slot);
    const struct rwith__recall_record *r = record_at_const(recall, s->record);
    const char *bytes = (const char *)(r + 1);

    ret->origin.scheme = r->is_https ? RWITH_LIT("https") : RWITH_LIT("http");
    ret->origin.port = r->port;
    ret->origin.host = (rwith_slice){ bytes, r->host_len };
    bytes += r->host_len;
    ret->method = (rwith_slice){ bytes, r->method_len };
    bytes += r->method_len;
    ret->path = (rwith_slice){ bytes, r->path_len };
    bytes += r->path_len;
    ret->name = (rwith_slice){ bytes, r->name_len };
    bytes += r->name_len;
    ret->value = (rwith_slice){ bytes, r->value_len };
    ret->in = (rwith_place)r->in;
    ret->scope = (rwith_scope)r->scope;
    ret->has_value = r->has_value != 0;
    ret->client = s->client;
}

void rwith__recall_remove(rwith_recall *recall, uint32_t slot)
{
    struct rwith__recall_slot *s = rwith__recall_slot(recall, slot);
    struct rwith__recall_record *r = record_at(recall, s->record);
    uint32_t *link =
        &rwith__recall_buckets(recall)[s->hash & (recall->bucket_count - 1)];
    uint32_t size = r->size;

    while (*link != slot) {
        link = &rwith__recall_slot(recall, *link)->next;
    }
    *link = s->next;
    recall->count--;
    recall->value_count -= r->has_value;
    recall->version += !r->has_value;
    recall->pool_dead += size;
    rwith__wipe(r, size);
    r->slot = RWITH__RECALL_NONE;
    r->size = size;
    *s = (struct rwith__recall_slot){ .record = RWITH__RECALL_NONE,
                                      .next = recall->free_slots };
    recall->free_slots = slot;
}

/* Move the living records together, and wipe what is behind them. */
static void compact(rwith_recall *recall)
{
    uint32_t from = 0;
    uint32_t to = 0;

    while (from < recall->pool_used) {
        struct rwith__recall_record *r = record_at(recall, from);
        uint32_t size = r->size;

        if (r->slot != RWITH__RECALL_NONE) {
            rwith__recall_slot(recall, r->slot)->record = to;
            memmove(record_at(recall, to), r, size);
            to += size;
        }
        from += size;
    }
    rwith__wipe(record_at(recall, to), recall->pool_used - to);
    recall->pool_used = to;
    recall->pool_dead = 0;
}

/* The slot that was not used for the longest time; NONE: all are free. */
static uint32_t oldest(const rwith_recall *recall)
{
    uint32_t found = RWITH__RECALL_NONE;
    uint64_t tick = UINT64_MAX;

    for (uint32_t i = 0; i < recall->slot_count; i++) {
        const struct rwith__recall_slot *slot =
            rwith__recall_slot_const(recall, i);

        if (slot->record != RWITH__RECALL_NONE && slot->tick < tick) {
            tick = slot->tick;
            found = i;
        }
    }
    return found;
}

/* Bytes of the pool that are not of a living record. */
static uint32_t pool_left(const rwith_recall *recall)
{
    return recall->pool_size - recall->pool_used + recall->pool_dead;
}

static bool make_room(rwith_recall *recall, uint32_t size)
{
    uint32_t wanted = recall->pool_size / EVICT_SHARE;

    if (size > recall->pool_size) {
        return false;
    }
    if (recall->free_slots == RWITH__RECALL_NONE) {
        rwith__recall_remove(recall, oldest(recall));
    }
    if (recall->pool_size - recall->pool_used >= size) {
        return true;
    }
    wanted = wanted > size ? wanted : size;
    while (pool_left(recall) < wanted) {
        rwith__recall_remove(recall, oldest(recall));
    }
    compact(recall);
    return true;
}

static void put(char **to, rwith_slice bytes)
{
    if (bytes.len > 0) {
        memcpy(*to, bytes.ptr, bytes.len);
        *to += bytes.len;
    }
}

bool rwith__recall_insert(rwith_recall *recall, uint64_t hash,
                          const struct rwith__recall_entry *entry,
                          uint64_t now_s)
{
    size_t size = align(sizeof(struct rwith__recall_record) +
                        entry->origin.host.len + entry->method.len +
                        entry->path.len + entry->name.len + entry->value.len);
    struct rwith__recall_record *r;
    struct rwith__recall_slot *s;
    uint32_t *bucket, slot;
    char *bytes;

    if (!make_room(recall, (uint32_t)size)) {
        return false;
    }
    slot = recall->free_slots;
    s = rwith__recall_slot(recall, slot);
    bucket = &rwith__recall_buckets(recall)[hash & (recall->bucket_count - 1)];
    recall->free_slots = s->next;
    *s = (struct rwith__recall_slot){ .hash = hash,
                                      .client = entry->client,
                                      .used_s = now_s,
                                      .tick = ++recall->tick,
                                      .record = recall->pool_used,
                                      .next = *bucket };
    *bucket = slot;
    r = record_at(recall, recall->pool_used);
    *r = (struct rwith__recall_record){
        .slot = slot,
        .size = (uint32_t)size,
        .port = entry->origin.port,
        .host_len = (uint16_t)entry->origin.host.len,
        .method_len = (uint16_t)entry->method.len,
        .path_len = (uint16_t)entry->path.len,
        .name_len = (uint16_t)entry->name.len,
        .value_len = (uint16_t)entry->value.len,
        .in = (uint8_t)entry->in,
        .scope = (uint8_t)entry->scope,
        .is_https = entry->origin.scheme.len == 5, /* not "http" */
        .has_value = entry->has_value,
    };
    bytes = (char *)(r + 1);
    put(&bytes, entry->origin.host);
    put(&bytes, entry->method);
    put(&bytes, entry->path);
    put(&bytes, entry->name);
    put(&bytes, entry->value);
    recall->pool_used += (uint32_t)size;
    recall->count++;
    recall->value_count += entry->has_value;
    recall->version += !entry->has_value;
    return true;
}

/* --- is a block one of ours? ---------------------------------------------- */

static bool head_ok(const rwith_recall *recall, size_t size)
{
    rwith_recall expected = { 0 };

    return recall->magic == MAGIC && recall->size == size &&
           layout(size, &expected) &&
           recall->bucket_count == expected.bucket_count &&
           recall->slot_count == expected.slot_count &&
           recall->pool_size == expected.pool_size &&
           recall->pool_used <= recall->pool_size &&
           recall->pool_used % RECORD_ALIGN == 0 &&
           recall->count <= recall->slot_count;
}

static bool record_ok(const rwith_recall *recall, uint32_t at)
{
    const struct rwith__recall_record *r;
    size_t bytes;

    if (recall->pool_used - at < sizeof(*r)) {
        return false;
    }
    r = record_at_const(recall, at);
    bytes = (size_t)r->host_len + r->method_len + r->path_len + r->name_len +
            r->value_len;
    if (r->size < sizeof(*r) || r->size % RECORD_ALIGN != 0 ||
        r->size > recall->pool_used - at) {
        return false;
    }
    if (r->slot == RWITH__RECALL_NONE) {
        return true;
    }
    return bytes <= r->size - sizeof(*r) && r->slot < recall->slot_count &&
           rwith__recall_slot_const(recall, r->slot)->record == at &&
           r->in < RWITH_PLACE_COUNT && r->scope > RWITH_SCOPE_REQUEST &&
           r->scope <= RWITH_SCOPE_JAR && r->is_https <= 1 &&
           r->has_value <= 1 && r->port != 0;
}

/* Every record in its turn; each living one has its own slot, which points
 * back to it. */
static bool pool_ok(const rwith_recall *recall)
{
    uint32_t dead = 0;
    uint32_t count = 0;
    uint32_t values = 0;

    for (uint32_t at = 0; at < recall->pool_used;) {
        const struct rwith__recall_record *r = record_at_const(recall, at);
        struct rwith__recall_entry entry;

        if (!record_ok(recall, at)) {
            return false;
        }
        at += r->size;
        if (r->slot == RWITH__RECALL_NONE) {
            dead += r->size;
            continue;
        }
        rwith__recall_entry(recall, r->slot, &entry);
        if (rwith__recall_judge(&entry) != RWITH_OK) {
            return false;
        }
        count++;
        values += r->has_value;
    }
    return dead == recall->pool_dead && count == recall->count &&
           values == recall->value_count;
}

/* A slot of that bucket, in use, whose record points back to it. */
static bool used_ok(const rwith_recall *recall, uint32_t i, uint64_t bucket)
{
    const struct rwith__recall_slot *slot = rwith__recall_slot_const(recall, i);

    return slot->record < recall->pool_used &&
           slot->record % RECORD_ALIGN == 0 &&
           recall->pool_used - slot->record >=
               sizeof(struct rwith__recall_record) &&
           (slot->hash & (recall->bucket_count - 1)) == bucket &&
           slot->tick <= recall->tick &&
           record_at_const(recall, slot->record)->slot == i;
}

/* Walk the free slots, with *total counted on; false: a ring, or one that is
 * not free. */
static bool free_ok(const rwith_recall *recall, uint32_t *total)
{
    uint32_t i = recall->free_slots;

    while (i != RWITH__RECALL_NONE) {
        const struct rwith__recall_slot *slot;

        if (i >= recall->slot_count || *total >= recall->slot_count) {
            return false;
        }
        slot = rwith__recall_slot_const(recall, i);
        if (slot->record != RWITH__RECALL_NONE) {
            return false;
        }
        ++*total;
        i = slot->next;
    }
    return true;
}

/* Every slot is in one list: its bucket's or the free ones'.  The total
 * bounds the walk, so that a ring is noticed. */
static bool lists_ok(const rwith_recall *recall)
{
    uint32_t total = 0;

    for (uint64_t b = 0; b < recall->bucket_count; b++) {
        uint32_t i = rwith__recall_first(recall, b);

        while (i != RWITH__RECALL_NONE) {
            if (i >= recall->slot_count || total >= recall->slot_count ||
                !used_ok(recall, i, b)) {
                return false;
            }
            total++;
            i = rwith__recall_slot_const(recall, i)->next;
        }
    }
    return total == recall->count && free_ok(recall, &total) &&
           total == recall->slot_count;
}

bool rwith__recall_validate(const rwith_recall *recall, size_t size)
{
    return head_ok(recall, size) && pool_ok(recall) && lists_ok(recall);
}

int rwith_recall_open(void *mem, size_t size, rwith_recall **ret)
{
    if (mem == NULL || (uintptr_t)mem % RECORD_ALIGN != 0 ||
        size < RWITH_RECALL_SIZE_MIN || !rwith__recall_validate(mem, size)) {
        return RWITH_EINVAL;
    }
    *ret = mem;
    return RWITH_OK;
}
