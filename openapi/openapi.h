/*
 * openapi.h: an OpenAPI document, read into a policy.
 *
 * OpenAPI 3.0, 3.1 and 3.2, as JSON or YAML.  What is honoured, and what is
 * only warned about, is in docs/openapi.md.  A document is bytes from
 * outside: whatever is in it, reading ends within the limits below.
 *
 * No I/O here but for rwith_openapi_load_file() (files.c): the files that a
 * document refers to come from a function that the caller hands in.
 */
#ifndef RWITH_OPENAPI_OPENAPI_H
#define RWITH_OPENAPI_OPENAPI_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_OPENAPI_BYTES_MAX       ((size_t)256 * 1024 * 1024)
#define RWITH_OPENAPI_MEMORY_MAX      ((size_t)1024 * 1024 * 1024)
#define RWITH_OPENAPI_DEPTH_MAX       256
#define RWITH_OPENAPI_DOCUMENT_MAX    256
#define RWITH_OPENAPI_REF_CHAIN_MAX   64
#define RWITH_OPENAPI_ALIAS_MAX       1000000
#define RWITH_OPENAPI_STEP_MAX        ((uint64_t)100 * 1000 * 1000)
#define RWITH_OPENAPI_ALTERNATIVE_MAX 1024  /**< of one oneOf or anyOf */
#define RWITH_OPENAPI_WARNING_MAX     10000 /**< told; more are counted */
#define RWITH_OPENAPI_BASE_MAX        64    /**< base paths of one operation */

/** A place in a document, and what is the matter there. */
typedef struct rwith_openapi_problem {
    char file[256];    /**< as it was named, or relative to the first */
    char pointer[512]; /**< JSON Pointer; long ones are cut in front */
    rwith_diagnostic diagnostic; /**< line, perhaps column, and a sentence;
                                      bytes of the document are escaped */
} rwith_openapi_problem;

/** Text of one document; freed with @a mem of the options. */
typedef struct rwith_openapi_text {
    char *ptr;
    size_t len;
} rwith_openapi_text;

/** How a document is read.  All zero: the defaults. */
typedef struct rwith_openapi_options {
    const rwith_alloc *mem; /**< NULL: malloc.  libyaml has its own */
    bool has_base_path;
    rwith_slice base_path; /**< instead of those of "servers" */

    size_t bytes_max;     /**< all documents together */
    size_t memory_max;    /**< the trees of all documents together */
    size_t depth_max;     /**< objects and arrays inside each other */
    size_t document_max;  /**< files referred to, the first included */
    size_t ref_chain_max; /**< "$ref"s that lead to each other */
    size_t alias_max;     /**< YAML aliases */
    uint64_t step_max;    /**< work: schemas looked at, references
                               followed; bounds the time */

    /**
     * Give the bytes of a file.
     *
     * @param path  normalised and relative to the folder of the first
     *              document: no "..", no scheme, no leading slash
     * @param max   more bytes than this are #RWITH_ERANGE
     * @return #RWITH_OK, #RWITH_ERANGE, #RWITH_ENOMEM; any other error: it
     *         cannot be had.  NULL instead of the function: no files.
     */
    int (*load)(void *user, rwith_slice path, size_t max,
                const rwith_alloc *mem, rwith_openapi_text *ret);
    void *load_user;

    /** Told of what cannot be honoured; may be NULL. */
    void (*warn)(void *user, const rwith_openapi_problem *problem);
    void *warn_user;
} rwith_openapi_options;

/** What was read, for --dry-run. */
typedef struct rwith_openapi_counts {
    size_t documents;
    size_t bytes;
    size_t memory;             /**< taken while reading; given back */
    size_t operations;         /**< in the document */
    size_t operations_judged;  /**< added to the policy, once each, however
                                    many base paths they have */
    size_t operations_skipped; /**< template impossible, or shape twice */
    size_t warnings;
    uint64_t steps;
} rwith_openapi_counts;

/**
 * Read a document into a policy that is being built.
 *
 * @param name        of the document, for problems; its folder is what "$ref"
 *                    is relative to
 * @param text        borrowed for the call
 * @param options     NULL: the defaults
 * @param ret         may be NULL
 * @param reterr      may be NULL; written on every failure but #RWITH_ENOMEM
 * @return #RWITH_OK; #RWITH_EFILE; #RWITH_EUNSUPPORTED (another version);
 *         #RWITH_ERANGE (a limit); #RWITH_ENOMEM.  After a failure the
 *         builder is good for rwith_policy_builder_free() only.
 * @since 0.1
 */
int rwith_openapi_load(rwith_policy_builder *builder, rwith_slice name,
                       rwith_slice text, const rwith_openapi_options *options,
                       rwith_openapi_counts *ret,
                       rwith_openapi_problem *reterr);

/**
 * The same for a file; files that it refers to are read when they lie, links
 * followed, in its folder or below.  The options' @a load is not used.
 */
int rwith_openapi_load_file(rwith_policy_builder *builder, const char *path,
                            const rwith_openapi_options *options,
                            rwith_openapi_counts *ret,
                            rwith_openapi_problem *reterr);

#ifdef __cplusplus
}
#endif

#endif
