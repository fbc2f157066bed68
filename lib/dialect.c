/*
 * dialect.c: the set of dialects: embedded ones first, files added behind,
 * all or nothing.  Reading a file's text is dialect_read.c's work.
 */
#include "lib/dialect.h"

#include <string.h>

#include "lib/dialect_embedded.h"
#include "lib/memory.h"

/* What reading one file has brought so far. */
struct staging {
    const rwith_alloc *mem;
    struct rwith__dialect *items[RWITH_DIALECT_COUNT_MAX];
    size_t count;
    struct rwith__dialect_block *blocks;
};

static void blocks_free(const rwith_alloc *mem,
                        struct rwith__dialect_block *block)
{
    while (block != NULL) {
        struct rwith__dialect_block *next = block->next;

        rwith__memory_free(mem, block);
        block = next;
    }
}

static void items_free(const rwith_alloc *mem, struct rwith__dialect **items,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rwith__memory_free(mem, items[i]);
    }
}

static char *staging_keep(void *user, size_t len)
{
    struct staging *staging = user;
    struct rwith__dialect_block *block =
        rwith__memory_alloc(staging->mem, sizeof(*block) + len);

    if (block == NULL) {
        return NULL;
    }
    block->next = staging->blocks;
    staging->blocks = block;
    return block->bytes;
}

static int staging_take(void *user, const struct rwith__dialect *dialect)
{
    struct staging *staging = user;

    if (staging->count == RWITH_DIALECT_COUNT_MAX) {
        return RWITH_EFULL;
    }
    for (size_t i = 0; i < staging->count; i++) {
        if (rwith_slice_equal(staging->items[i]->name, dialect->name)) {
            return RWITH_EDUPLICATE;
        }
    }
    struct rwith__dialect *copy =
        rwith__memory_alloc(staging->mem, sizeof(*copy));
    if (copy == NULL) {
        return RWITH_ENOMEM;
    }
    *copy = *dialect;
    staging->items[staging->count++] = copy;
    return RWITH_OK;
}

/* The index of the dialect of that name; the count when there is none. */
static size_t set_find(const rwith_dialects *set, rwith_slice name)
{
    size_t i = 0;

    while (i < set->count && !rwith_slice_equal(set->items[i]->name, name)) {
        i++;
    }
    return i;
}

static void set_statuses(rwith_dialects *set)
{
    memset(set->statuses, 0, sizeof(set->statuses));
    for (size_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < RWITH__DIALECT_STATUS_WORDS; k++) {
            set->statuses[k] |= set->items[i]->learns_from_any
                                    ? UINT64_MAX
                                    : set->items[i]->statuses[k];
        }
    }
}

/* How many of the staged ones would come behind those that are there. */
static size_t count_new(const rwith_dialects *set,
                        const struct staging *staging)
{
    size_t count = 0;

    for (size_t i = 0; i < staging->count; i++) {
        count += set_find(set, staging->items[i]->name) == set->count;
    }
    return count;
}

/* Everything that can fail is behind us: hand the staged ones over. */
static void set_merge(rwith_dialects *set, struct staging *staging)
{
    struct rwith__dialect_block **last = &set->blocks;

    for (size_t i = 0; i < staging->count; i++) {
        size_t at = set_find(set, staging->items[i]->name);

        if (at < set->count) {
            rwith__memory_free(set->mem, set->items[at]);
        } else {
            set->count++;
        }
        set->items[at] = staging->items[i];
    }
    staging->count = 0;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = staging->blocks;
    staging->blocks = NULL;
    set_statuses(set);
}

int rwith_dialects_add(rwith_dialects *set, rwith_slice text,
                       rwith_diagnostic *reterr_diag)
{
    struct staging staging = { .mem = set->mem };
    struct rwith__dialect_sink sink = { staging_take, staging_keep, &staging };
    int err = RWITH_ENOMEM;

    if (text.len > RWITH_DIALECT_FILE_MAX) {
        return rwith__config_fail(reterr_diag, 0, 0,
                                  "a dialect file has at most 64 KiB",
                                  (rwith_slice){ 0 }, NULL);
    }
    char *copy = staging_keep(&staging, text.len);
    if (copy == NULL) {
        goto out;
    }
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    err = rwith__dialect_read(copy, text.len, &sink, reterr_diag);
    if (err != RWITH_OK) {
        goto out;
    }
    if (count_new(set, &staging) > RWITH_DIALECT_COUNT_MAX - set->count) {
        err = RWITH_EFULL;
        goto out;
    }
    set_merge(set, &staging);

out:
    items_free(set->mem, staging.items, staging.count);
    blocks_free(set->mem, staging.blocks);
    return err;
}

int rwith_dialects_new(const rwith_alloc *mem, rwith_dialects **ret)
{
    const struct rwith__embedded_dialect *file = rwith__embedded_dialects;
    rwith_dialects *set = rwith__memory_alloc(mem, sizeof(*set));
    int err = RWITH_OK;

    if (set == NULL) {
        return RWITH_ENOMEM;
    }
    *set = (rwith_dialects){ .mem = mem };
    for (; err == RWITH_OK && file->name != NULL; file++) {
        err = rwith_dialects_add(set, rwith_slice_of(file->text), NULL);
    }
    if (err != RWITH_OK) {
        rwith_dialects_free(set);
        return err;
    }
    *ret = set;
    return RWITH_OK;
}

void rwith_dialects_free(rwith_dialects *set)
{
    if (set == NULL) {
        return;
    }
    items_free(set->mem, set->items, set->count);
    blocks_free(set->mem, set->blocks);
    rwith__memory_free(set->mem, set);
}

/* The next of a list's names, without white space; it may be empty. */
static rwith_slice name_take(rwith_slice *names)
{
    size_t len = 0;

    while (len < names->len && names->ptr[len] != ',') {
        len++;
    }
    rwith_slice name = { names->ptr, len };
    len += len < names->len;
    names->ptr += len;
    names->len -= len;
    return rwith_slice_trim(name);
}

int rwith_dialects_only(rwith_dialects *set, rwith_slice names,
                        rwith_slice *reterr_unknown)
{
    rwith_slice rest = names;
    uint64_t wanted = 0;
    size_t kept = 0;

    while (rest.len > 0) {
        rwith_slice name = name_take(&rest);
        size_t at = set_find(set, name);

        if (at == set->count) {
            *reterr_unknown = name;
            return RWITH_EINVAL;
        }
        wanted |= (uint64_t)1 << at;
    }
    if (wanted == 0) {
        *reterr_unknown = names; /* which are none at all */
        return RWITH_EINVAL;
    }
    for (size_t i = 0; i < set->count; i++) {
        if ((wanted >> i & 1) != 0) {
            set->items[kept++] = set->items[i];
        } else {
            rwith__memory_free(set->mem, set->items[i]);
        }
    }
    set->count = kept;
    set_statuses(set);
    return RWITH_OK;
}

size_t rwith_dialects_count(const rwith_dialects *set)
{
    return set->count;
}

rwith_slice rwith_dialects_name(const rwith_dialects *set, size_t index)
{
    return index < set->count ? set->items[index]->name : (rwith_slice){ 0 };
}

rwith_slice rwith_dialects_about(const rwith_dialects *set, size_t index)
{
    return index < set->count ? set->items[index]->about : (rwith_slice){ 0 };
}

bool rwith_dialects_wants_status(const rwith_dialects *set, unsigned status)
{
    return rwith__dialect_has_status(set->statuses, status);
}

const struct rwith__dialect *rwith__dialect_at(const rwith_dialects *set,
                                               size_t index)
{
    return set->items[index];
}

uint64_t rwith__dialect_backoff_ms(const struct rwith__dialect *dialect,
                                   unsigned repetition)
{
    const struct rwith__wait *wait = &dialect->wait;
    uint64_t ms = wait->initial_ms;

    /* A factor of 1 stays where it is, and needs no walk. */
    for (unsigned i = 1;
         i < repetition && ms < wait->cap_ms && ms > 0 && wait->factor > 1;
         i++) {
        ms *= wait->factor;
    }
    return ms < wait->cap_ms ? ms : wait->cap_ms;
}
