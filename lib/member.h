/*
 * member.h: a tree of members as the core sees it.  member_draft.c makes
 * it, member.c keeps the books of one body, policy_build.c stores many.
 */
#ifndef RWITH_LIB_MEMBER_H
#define RWITH_LIB_MEMBER_H

#include <retrywith/member.h>

#include "lib/rows.h"

/* Paths are in preorder: those below path p are p + 1 to end - 1. */
struct rwith__member_path {
    uint32_t name; /* text */
    uint32_t parent;
    uint32_t end;
    uint32_t children; /* first of child_count in the tree's index, sorted */
    uint32_t child_count;
    uint32_t item; /* the ITEM or, for objects, ANY path below; or NONE */
    uint32_t any;
    uint32_t tops; /* first of top_count in the tree's tops */
    uint32_t top_count;
    uint8_t kind;
    bool repeats;
    bool is_idle;  /* once it was there, nothing about its value matters */
    bool is_flat;  /* below it are only idle names */
    uint8_t level; /* repeating paths from the root to here, itself too */
};

/* A path by its name, for the search: where most names differ comes first. */
struct rwith__member_name {
    uint64_t tail; /* rwith__hash_tail(): all of a name of up to eight bytes */
    uint32_t kind; /* and the length above it */
    uint32_t path;
};

static inline uint32_t rwith__member_kind(rwith_member_kind kind, size_t len)
{
    return len < UINT32_MAX / 8 ? (uint32_t)(len << 3 | kind) : UINT32_MAX;
}

enum rwith__clause_kind {
    RWITH__CLAUSE_NEED,
    RWITH__CLAUSE_CHOICE,
    RWITH__CLAUSE_ALTERNATIVE
};

/* Clauses are in preorder, too; there is no clause for the top. */
struct rwith__member_clause {
    uint32_t path;
    uint32_t end;
    uint32_t scope;   /* the repeating path (or root) at whose end it is
                         decided */
    uint32_t pointer; /* texts from here on; of a NEED */
    uint32_t description;
    uint32_t schema;
    uint32_t example;
    uint8_t kind;
    uint8_t shapes; /* of an ALTERNATIVE */
    bool anyway;    /* a NEED whatever is around it */
    uint8_t target; /* the level of books that takes what is missing */
};

struct rwith_members {
    rwith_alloc mem; /* of the block, unless it lies in a policy */
    const struct rwith__member_path *paths;
    const struct rwith__member_clause *clauses;
    const struct rwith__member_name *index; /* children, sorted */
    const uint32_t *tops; /* clauses that a scope decides, by scope */
    const struct rwith__text *texts;
    const char *bytes;
    uint32_t path_count;
    uint32_t clause_count;
    uint32_t index_count;
    uint32_t top_count;
    uint32_t level_count; /* levels of books */
    uint32_t text_count;
    uint32_t bytes_len;
};

/* A tree is one block: its bytes, and a copy of it into such a block. */
size_t rwith__members_size(const rwith_members *members);
rwith_members *rwith__members_copy(const rwith_members *members, void *block);

/* The child of that kind and name, or what takes any name, or NONE. */
uint32_t rwith__member_find(const rwith_members *members,
                            const struct rwith__member_path *parent,
                            rwith_member_kind kind, rwith_slice name);

/* The same tree? */
bool rwith__members_equal(const rwith_members *a, const rwith_members *b);
uint64_t rwith__members_hash(const rwith_members *members);

static inline rwith_slice rwith__members_text(const rwith_members *members,
                                              uint32_t text)
{
    return (rwith_slice){ members->bytes + members->texts[text].at,
                          members->texts[text].len };
}

#endif
