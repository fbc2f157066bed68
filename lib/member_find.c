/*
 * member_find.c: a name among those below a path.  Asked for every name of a
 * body that is on the way to a wanted one, so it is short and on its own.
 */
#include <string.h>

#include "lib/member.h"

#define FEW 8 /* names that are compared one after the other */

/* How a row of the index stands to that name: below, at or above 0. */
static int row_order(const rwith_members *members,
                     const struct rwith__member_name *row, uint32_t kind,
                     uint64_t tail, rwith_slice name)
{
    if (row->tail != tail || row->kind != kind) {
        bool is_first = row->kind != kind ? row->kind < kind : row->tail < tail;

        return is_first ? -1 : 1;
    }
    if (name.len <= sizeof(tail)) {
        return 0;
    }
    uint32_t text = members->paths[row->path].name;

    return memcmp(rwith__members_text(members, text).ptr, name.ptr, name.len);
}

static uint32_t search_many(const rwith_members *members,
                            const struct rwith__member_path *parent,
                            uint32_t kind, uint64_t tail, rwith_slice name)
{
    const struct rwith__member_name *index = members->index + parent->children;
    size_t low = 0, high = parent->child_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = row_order(members, &index[middle], kind, tail, name);

        if (order == 0) {
            return index[middle].path;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return RWITH_MEMBERS_NONE;
}

static uint32_t search_few(const rwith_members *members,
                           const struct rwith__member_path *parent,
                           uint32_t kind, uint64_t tail, rwith_slice name)
{
    const struct rwith__member_name *row = members->index + parent->children;
    const struct rwith__member_name *end = row + parent->child_count;

    for (; row < end; row++) {
        if (row->tail == tail && row->kind == kind &&
            (name.len <= sizeof(tail) ||
             row_order(members, row, kind, tail, name) == 0)) {
            return row->path;
        }
    }
    return RWITH_MEMBERS_NONE;
}

uint32_t rwith__member_find(const rwith_members *members,
                            const struct rwith__member_path *parent,
                            rwith_member_kind kind, rwith_slice name)
{
    uint64_t tail = rwith__hash_tail(name.ptr, name.len);
    uint32_t wanted = rwith__member_kind(kind, name.len);
    uint32_t path = parent->child_count > FEW
                        ? search_many(members, parent, wanted, tail, name)
                        : search_few(members, parent, wanted, tail, name);

    return path != RWITH_MEMBERS_NONE || kind != RWITH_MEMBER_NAME
               ? path
               : parent->any;
}
