/*
 * dialect.h: the set of recognisers and remedies.  A dialect is a small
 * text file (retrywith-dialect(5)); those in dialects/ are embedded, a
 * user's own are read by the same reader.
 */
#ifndef RWITH_DIALECT_H
#define RWITH_DIALECT_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/requirement.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_DIALECT_COUNT_MAX 64          /**< dialects in one set */
#define RWITH_DIALECT_FILE_MAX  (64 * 1024) /**< bytes of one file */

/** A set of dialects; immutable once handed to an exchange.  Several
 * exchanges, in several threads, may share it. */
typedef struct rwith_dialects rwith_dialects;

/**
 * A set with the embedded dialects in it.
 * @param mem  NULL: malloc; kept by pointer for the life of the set
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
RWITH_API int rwith_dialects_new(const rwith_alloc *mem, rwith_dialects **ret);

/** NULL is fine.  No exchange may still use it. */
RWITH_API void rwith_dialects_free(rwith_dialects *set);

/**
 * Add the dialects of one file.  One of the same name as one that is there
 * replaces it.  All or nothing.  Not while an exchange uses the set.
 *
 * @param text        copied
 * @param reterr_diag may be NULL; written only on #RWITH_EFILE
 * @return #RWITH_OK, #RWITH_EFILE, #RWITH_EFULL, #RWITH_ENOMEM
 */
RWITH_API int rwith_dialects_add(rwith_dialects *set, rwith_slice text,
                                 rwith_diagnostic *reterr_diag);

/**
 * Keep only the named ones.  Not while an exchange uses the set.
 * @param names  "ms-echo,missing"; nothing is changed when one is unknown
 * @param reterr_unknown  written only on #RWITH_EINVAL: the name that is
 *                        none; a slice of @a names
 * @return #RWITH_OK, #RWITH_EINVAL
 */
RWITH_API int rwith_dialects_only(rwith_dialects *set, rwith_slice names,
                                  rwith_slice *reterr_unknown);

/** Number of dialects, and the i-th one's name and about line: empty when
 * there is none; good as long as that dialect is in the set. */
RWITH_API size_t rwith_dialects_count(const rwith_dialects *set);
RWITH_API rwith_slice rwith_dialects_name(const rwith_dialects *set,
                                          size_t index);
RWITH_API rwith_slice rwith_dialects_about(const rwith_dialects *set,
                                           size_t index);

/**
 * Could a response of that status be a challenge, or teach something?
 * A table look-up, so that adapters need not build a view of every
 * response's fields.
 */
RWITH_API bool rwith_dialects_wants_status(const rwith_dialects *set,
                                           unsigned status);

#ifdef __cplusplus
}
#endif

#endif
