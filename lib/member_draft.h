/*
 * member_draft.h: rows of a tree of members before it is compiled.
 */
#ifndef RWITH_LIB_MEMBER_DRAFT_H
#define RWITH_LIB_MEMBER_DRAFT_H

#include "lib/member.h"

/* Children are a list: first, last, next; NONE ends it. */
struct rwith__draft_path {
    uint32_t name; /* text */
    uint32_t parent;
    uint32_t first;
    uint32_t last;
    uint32_t next;
    uint8_t kind;
    bool repeats;
    uint8_t depth;
    uint8_t level;
};

/* Row 0 is the top: an alternative of no choice, about the root. */
struct rwith__draft_clause {
    uint32_t path;
    uint32_t parent;
    uint32_t first;
    uint32_t last;
    uint32_t next;
    uint32_t description;
    uint32_t schema;
    uint32_t example;
    uint8_t kind;
    uint8_t shapes;
    uint8_t depth;
    bool anyway;
};

struct rwith_members_draft {
    rwith_alloc mem;
    struct rwith__rows paths;
    struct rwith__rows clauses;
    struct rwith__texts texts;
    size_t need_count;
};

#endif
