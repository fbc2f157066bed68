/*
 * reader.h: one reading of a document and the files beside it: documents,
 * references, warnings, limits.  Internal to openapi/.
 */
#ifndef RWITH_OPENAPI_READER_H
#define RWITH_OPENAPI_READER_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/policy.h>

#include "openapi/openapi.h"
#include "openapi/tree.h"

/** One file. */
typedef struct reader_document {
    struct reader_document *next;
    rwith_slice path; /* relative to the first document's folder */
    rwith_slice name; /* for people */
    tree_node *root;  /* NULL: it cannot be read; that was warned about */
    rwith_openapi_text text; /* ptr NULL: borrowed */
    tree_node **anchors;     /* nodes with "$anchor"; NULL: not looked for */
    size_t anchor_count;
} reader_document;

/** Remembered pointers: an open hash, in the arena. */
typedef struct reader_set {
    struct reader_set_entry *slots;
    size_t mask; /* slots - 1; 0: none */
    size_t count;
} reader_set;

typedef struct reader {
    rwith_policy_builder *builder;
    rwith_openapi_options options; /* limits filled in */
    tree_arena arena;
    reader_document *documents; /* the first one first */
    rwith_slice name; /* of the first document, as the caller has it */
    rwith_openapi_counts counts;
    bool is_31; /* or later: schemas are JSON Schema 2020-12 */
    reader_set warned;
    reader_set needs;      /* schema -> may it need anything */
    reader_set bodies;     /* schema and format -> members */
    reader_set operations; /* operation -> path node */
    tree_node *security_schemes;

    int err; /* 0, or why reading must end */
    rwith_openapi_problem problem;
} reader;

/** Tell of something that cannot be honoured, once per node and text.
 * @param text  a literal; @a what, if any, is quoted behind it */
void rwith__reader_warn(reader *r, const tree_node *node, const char *text,
                        rwith_slice what);

/** Note an error with its place. @return @a err */
int rwith__reader_fail(reader *r, int err, const tree_node *node,
                       const char *text, rwith_slice what);

/** Note that memory has ended. @return why: the machine's, or our limit */
int rwith__reader_no_memory(reader *r, const tree_node *node);

/** One step of work. @return false: too many, or an error before */
bool rwith__reader_step(reader *r, const tree_node *node);

/** The value remembered for a key, made (as 0) if it is not there.
 * NULL: no memory, noted. */
uint64_t *rwith__reader_remember(reader *r, reader_set *set, const void *key,
                                 uint64_t extra);

/** Read a text as a further document. @return NULL: noted or warned about */
reader_document *rwith__reader_open(reader *r, const tree_node *from,
                                    rwith_slice path, rwith_slice name,
                                    rwith_slice text);

/** The document that a node is in. */
reader_document *rwith__reader_document_of(reader *r, const tree_node *node);

/** --- references (refs.c) --- */

/** Follow "$ref"s to the end.  NULL: warned about, an error, or no node. */
tree_node *rwith__refs_follow(reader *r, tree_node *node);

/** Follow one "$ref"; @a node has one. */
tree_node *rwith__refs_target(reader *r, tree_node *node);

/** The member of that name, its "$ref"s followed. */
tree_node *rwith__refs_get(reader *r, tree_node *object, const char *key);

/** --- what an operation consists of --- */

/** Needs of the parameters of a path item and an operation, and of its
 * security, for each of the policy's operations. */
typedef struct reader_targets {
    uint32_t ids[RWITH_OPENAPI_BASE_MAX];
    size_t count;
} reader_targets;

void rwith__parameters_read(reader *r, tree_node *path_item,
                            tree_node *operation,
                            const reader_targets *targets);
void rwith__security_read(reader *r, tree_node *root, tree_node *operation,
                          const reader_targets *targets);
void rwith__request_body_read(reader *r, tree_node *operation,
                              rwith_slice method,
                              const reader_targets *targets);

/** Base paths; slices live in the arena. */
typedef struct reader_bases {
    rwith_slice paths[RWITH_OPENAPI_BASE_MAX];
    size_t count;
} reader_bases;

/** Of a "servers" array; NULL or empty: one empty base. */
void rwith__servers_read(reader *r, tree_node *servers, reader_bases *ret);

/** Is this schema's value written as an object? Looks through "$ref" and
 * "allOf". */
bool rwith__schema_is_object(reader *r, tree_node *schema);

/** Which RWITH_SHAPE_s may the value have? */
unsigned rwith__schema_shapes(reader *r, tree_node *schema);

/** Is it for responses only?  Looks through "$ref" and "allOf". */
bool rwith__schema_is_read_only(reader *r, tree_node *schema);

/** The schemas that all hold for a value: itself, what it refers to, and
 * what is in its "allOf"; each once. */
typedef struct schema_set {
    tree_node **schemas;
    size_t count;
    size_t capacity;
} schema_set;

/** Add to a set. @return false: an error, noted */
bool rwith__schema_flatten(reader *r, schema_set *set, tree_node *schema);

/** May anything in a value of this schema be needed at all? */
bool rwith__schema_has_needs(reader *r, tree_node *schema);

/** The tree of a body, once per schema and format; RWITH_MEMBERS_NONE: it
 * needs nothing. */
uint32_t rwith__members_read(reader *r, tree_node *media,
                             rwith_body_format format);

/** --- hints (hint.c) --- */

/** Description, example and schema of a parameter, or of a schema (then
 * @a holder is NULL); slices live in the arena. */
rwith_hint rwith__hint_of(reader *r, tree_node *holder, tree_node *schema);

#endif
