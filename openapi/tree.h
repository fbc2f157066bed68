/*
 * tree.h: a document as a tree of nodes, the same for JSON and YAML.
 * Internal to openapi/.
 */
#ifndef RWITH_OPENAPI_TREE_H
#define RWITH_OPENAPI_TREE_H

#include <retrywith/base.h>
#include <retrywith/err.h>

/** Memory that is given back all at once. */
typedef struct tree_arena {
    rwith_alloc mem;
    struct tree_block *blocks;
    size_t left;    /* bytes left in the newest block */
    size_t total;   /* bytes taken from mem */
    size_t max;     /* most that may be taken */
    bool has_ended; /* max was reached: not the machine's memory */
} tree_arena;

typedef enum node_kind {
    NODE_NULL,
    NODE_BOOL,   /* text "true" or "false" */
    NODE_NUMBER, /* text as written */
    NODE_STRING,
    NODE_ARRAY,
    NODE_OBJECT,
    NODE_ALIAS /* YAML: stands for another node of the same document */
} node_kind;

/** One value.  Text and key point into the document's bytes or the arena. */
typedef struct tree_node {
    struct tree_node *parent; /* NULL: the root */
    struct tree_node *next;   /* the next member or element */
    rwith_slice key;          /* of a member */
    union {
        rwith_slice text;
        struct {
            struct tree_node *first;
            struct tree_index *index; /* large objects; NULL: not yet */
        };
        struct tree_node *target;
    };
    uint32_t line; /* from 1 */
    uint32_t kind : 3;
    uint32_t count : 29; /* members or elements */
} tree_node;

/** Limits of reading one text. */
typedef struct tree_limits {
    size_t depth;
    size_t aliases; /* alias nodes and merged members of YAML */
} tree_limits;

void rwith__tree_arena_init(tree_arena *arena, const rwith_alloc *mem,
                            size_t max);
void rwith__tree_arena_free(tree_arena *arena);
void *rwith__tree_take(tree_arena *arena, size_t size);
bool rwith__tree_copy(tree_arena *arena, rwith_slice in, rwith_slice *ret);

/**
 * Read a text.  Strings of @a text are borrowed where they need no decoding:
 * it must outlive the tree.
 *
 * @param reterr_at  the innermost node that was open at the error, or NULL
 * @return #RWITH_OK, #RWITH_EFILE with a diagnostic, #RWITH_ENOMEM
 */
int rwith__tree_read_json(tree_arena *arena, rwith_slice text,
                          const tree_limits *limits, tree_node **ret,
                          const tree_node **reterr_at,
                          rwith_diagnostic *reterr_diag);
int rwith__tree_read_yaml(tree_arena *arena, rwith_slice text,
                          const tree_limits *limits, tree_node **ret,
                          const tree_node **reterr_at,
                          rwith_diagnostic *reterr_diag);

/* --- building: used by the two readers ------------------------------------ */

typedef struct tree_builder {
    tree_arena *arena;
    tree_node *root;
    tree_node *open;  /* the innermost array or object; NULL: none */
    tree_node **last; /* per depth: the last member, so that adding is O(1) */
    size_t depth;
    const tree_limits *limits;
    rwith_slice key;   /* of the next member */
    const char *error; /* a sentence; NULL: out of memory */
} tree_builder;

bool rwith__tree_builder_init(tree_builder *builder, tree_arena *arena,
                              const tree_limits *limits);
tree_node *rwith__tree_add(tree_builder *builder, node_kind kind,
                           rwith_slice text, size_t line);
bool rwith__tree_close(tree_builder *builder);

/* --- asking ----------------------------------------------------------------
 */

/** @a node, or what an alias stands for; NULL stays NULL. */
tree_node *rwith__tree_follow(tree_node *node);

/** The member of that name, aliases followed; NULL: none, or no object. */
tree_node *rwith__tree_find(tree_arena *arena, tree_node *object,
                            rwith_slice key);

/** The same for a literal name. */
tree_node *rwith__tree_get(tree_arena *arena, tree_node *object,
                           const char *key);

/** The text of a string member; empty when there is none. */
rwith_slice rwith__tree_text(tree_arena *arena, tree_node *object,
                             const char *key);

/** Is this the boolean true? */
bool rwith__tree_is_true(const tree_node *node);

/**
 * The JSON Pointer of a node in its document, cut (with "…" in front) when
 * longer than the buffer; always NUL-terminated.
 */
size_t rwith__tree_pointer(const tree_node *node, char *buf, size_t buf_len);

/** A 32-bit hash of bytes, for the tables of openapi/. */
uint32_t rwith__tree_hash(rwith_slice bytes);

#endif
