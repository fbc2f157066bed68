/*
 * policy_tree.h: the tree of segments while operations are put into it, and
 * how it is laid out for the walk (policy_match.c).
 */
#ifndef RWITH_LIB_POLICY_TREE_H
#define RWITH_LIB_POLICY_TREE_H

#include "lib/policy.h"

struct rwith__policy_tree {
    const rwith_alloc *mem;
    const struct rwith__texts *texts; /* of the builder */
    struct rwith__rows nodes;
    struct rwith__rows slots; /* concrete children of all nodes, by hash */
    size_t slots_used;
    struct rwith__rows patterns;
    struct rwith__rows entries;
    /* what rwith__policy_tree_close() makes: */
    struct rwith__rows children; /* the concrete ones of each node in turn */
    struct rwith__rows marks;    /* of places, while a table is tried */
    struct rwith__rows places;   /* of nodes in the layout */
    struct rwith__rows more;
    size_t listed; /* entries that are laid */
};

/* The arrays that are laid out. */
struct rwith__policy_layout {
    struct rwith__policy_node *nodes;
    struct rwith__policy_more *more;
    struct rwith__policy_pattern *patterns;
    struct rwith__policy_entry *entries;
};

/* false: no memory; to be freed in any case. */
bool rwith__policy_tree_init(struct rwith__policy_tree *tree,
                             const rwith_alloc *mem,
                             const struct rwith__texts *texts);
void rwith__policy_tree_free(struct rwith__policy_tree *tree);

/* Put an operation where its shape leads; false: no memory. */
bool rwith__policy_tree_add(struct rwith__policy_tree *tree,
                            const struct rwith__text *shape, uint32_t method,
                            uint32_t operation);

/* All are in it; false: no memory. */
bool rwith__policy_tree_close(struct rwith__policy_tree *tree);

/* Nodes and entries of the layout, free places included. */
size_t rwith__policy_tree_size(const struct rwith__policy_tree *tree);
size_t rwith__policy_tree_entries(const struct rwith__policy_tree *tree);

/* The arrays have that many, and as many of the others as the tree. */
void rwith__policy_tree_lay(struct rwith__policy_tree *tree,
                            const struct rwith__policy_layout *layout);

#endif
