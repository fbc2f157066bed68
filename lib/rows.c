/*
 * rows.c: arrays that grow and texts that are kept once, for what is built
 * row by row (policy builder, drafts of members).  Knows nothing of what is
 * in them.
 */
#include "lib/rows.h"

#include <string.h>

void *rwith__rows_add(const rwith_alloc *mem, struct rwith__rows *rows,
                      size_t count)
{
    size_t wanted = rows->count + count;

    if (wanted > rows->capacity) {
        size_t capacity = rows->capacity + rows->capacity / 2 + 8;

        if (capacity < wanted) {
            capacity = wanted;
        }
        if (capacity > SIZE_MAX / 2 / rows->size) {
            return NULL;
        }
        void *items = mem->alloc(capacity * rows->size, mem->user);
        if (items == NULL) {
            return NULL;
        }
        if (rows->count > 0) {
            memcpy(items, rows->items, rows->count * rows->size);
        }
        mem->free(rows->items, mem->user);
        rows->items = items;
        rows->capacity = capacity;
    }
    if (rows->items == NULL) {
        return NULL; /* none of none */
    }
    void *first = rwith__rows_at(rows, rows->count);

    memset(first, 0, count * rows->size);
    rows->count = wanted;
    return first;
}

void rwith__rows_free(const rwith_alloc *mem, struct rwith__rows *rows)
{
    mem->free(rows->items, mem->user);
    rows->items = NULL;
    rows->count = rows->capacity = 0;
}

void rwith__texts_init(struct rwith__texts *texts)
{
    *texts = (struct rwith__texts){
        .bytes = { .size = 1 },
        .texts = { .size = sizeof(struct rwith__text) },
        .slots = { .size = sizeof(uint32_t) },
    };
}

void rwith__texts_free(const rwith_alloc *mem, struct rwith__texts *texts)
{
    rwith__rows_free(mem, &texts->bytes);
    rwith__rows_free(mem, &texts->texts);
    rwith__rows_free(mem, &texts->slots);
}

rwith_slice rwith__texts_at(const struct rwith__texts *texts, uint32_t text)
{
    if (text == 0) {
        return RWITH_LIT("");
    }
    const struct rwith__text *row = rwith__rows_at(&texts->texts, text - 1);

    return (rwith_slice){ rwith__rows_at(&texts->bytes, row->at), row->len };
}

/* Put a number into the first free slot for its hash. */
static void texts_place(uint32_t *slots, size_t slot_count, uint64_t hash,
                        uint32_t text)
{
    size_t at = hash & (slot_count - 1);

    while (slots[at] != 0) {
        at = (at + 1) & (slot_count - 1);
    }
    slots[at] = text;
}

/* Twice the slots; they are always a power of two and half empty. */
static bool texts_grow(const rwith_alloc *mem, struct rwith__texts *texts)
{
    struct rwith__rows slots = { .size = sizeof(uint32_t) };
    size_t count = texts->slots.count > 0 ? texts->slots.count * 2 : 16;

    if (rwith__rows_add(mem, &slots, count) == NULL) {
        return false;
    }
    for (uint32_t text = 1; text <= texts->texts.count; text++) {
        rwith_slice s = rwith__texts_at(texts, text);

        texts_place(slots.items, count, rwith__hash(0, s.ptr, s.len), text);
    }
    rwith__rows_free(mem, &texts->slots);
    texts->slots = slots;
    return true;
}

bool rwith__texts_keep(const rwith_alloc *mem, struct rwith__texts *texts,
                       rwith_slice text, uint32_t *ret)
{
    if (text.len == 0) {
        *ret = 0;
        return true;
    }
    if ((texts->texts.count + 1) * 2 > texts->slots.count &&
        !texts_grow(mem, texts)) {
        return false;
    }
    uint64_t hash = rwith__hash(0, text.ptr, text.len);
    size_t mask = texts->slots.count - 1;
    const uint32_t *slots = texts->slots.items;

    for (size_t at = hash & mask; slots[at] != 0; at = (at + 1) & mask) {
        if (rwith_slice_equal(rwith__texts_at(texts, slots[at]), text)) {
            *ret = slots[at];
            return true;
        }
    }
    size_t start = texts->bytes.count;
    if (text.len > UINT32_MAX - start) {
        return false;
    }
    char *bytes = rwith__rows_add(mem, &texts->bytes, text.len);
    if (bytes == NULL) {
        return false;
    }
    memcpy(bytes, text.ptr, text.len);
    struct rwith__text *row = rwith__rows_add(mem, &texts->texts, 1);
    if (row == NULL) {
        texts->bytes.count = start;
        return false;
    }
    *row = (struct rwith__text){ (uint32_t)start, (uint32_t)text.len };
    *ret = (uint32_t)texts->texts.count;
    texts_place(texts->slots.items, texts->slots.count, hash, *ret);
    return true;
}

void rwith__texts_copy(const struct rwith__texts *texts, char *bytes,
                       struct rwith__text *rows)
{
    rows[0] = (struct rwith__text){ 0 };
    if (texts->texts.count > 0) {
        memcpy(bytes, texts->bytes.items, texts->bytes.count);
        memcpy(rows + 1, texts->texts.items,
               texts->texts.count * sizeof(*rows));
    }
}
