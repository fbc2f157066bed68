/*
 * members.h: does a request's body have what must be in it?  Reads JSON, XML,
 * forms and multipart forms as they stream by and keeps the books of
 * retrywith/member.h.  Memory is bounded by the limits and the tree, not by
 * the body.
 */
#ifndef RWITH_BODY_MEMBERS_H
#define RWITH_BODY_MEMBERS_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/member.h>

#define RWITH_BODY_DEPTH_MAX_DEFAULT    512   /**< values inside each other */
#define RWITH_BODY_DEPTH_MAX_LIMIT      16384 /**< highest that may be set */
#define RWITH_BODY_INFLATED_MAX_DEFAULT (64u << 20) /**< bytes */
#define RWITH_BODY_RATIO_MAX_DEFAULT    200 /**< inflated to compressed, */
#define RWITH_BODY_RATIO_FROM           (1u << 20) /**< from so many bytes on */
#define RWITH_BODY_NUMBER_MAX           1024 /**< longest number of JSON */
#define RWITH_BODY_NAME_MAX                                                    \
    1024                                     /**< longest name that can be one \
                                                  of the tree's */
#define RWITH_BODY_TAG_MAX       (64 * 1024) /**< tag or comment of XML */
#define RWITH_BODY_PART_HEAD_MAX (8 * 1024)  /**< header of a form's part */
#define RWITH_BODY_BOUNDARY_MAX  70          /**< RFC 2046 5.1.1 */

/** Zero-initialise for the defaults. */
typedef struct rwith_body_limits {
    size_t depth_max;      /**< 0: the default */
    uint64_t inflated_max; /**< 0: the default */
    unsigned ratio_max;    /**< 0: the default */
    bool pass_encoded;     /**< a body with a content coding is not judged */
} rwith_body_limits;

typedef enum rwith_body_verdict {
    RWITH_BODY_COMPLETE,
    RWITH_BODY_MISSING,   /**< the list says what */
    RWITH_BODY_EMPTY,     /**< no content at all, in JSON but white space */
    RWITH_BODY_MALFORMED, /**< not what its type says, or deeper than the
                               limit, or with a longer number, tag or part
                               header */
    RWITH_BODY_TOO_LARGE, /**< inflates beyond the limits */
    RWITH_BODY_UNJUDGED   /**< another type or coding, a document type
                               declaration; or memory ran out */
} rwith_body_verdict;

typedef struct rwith_body_check rwith_body_check;

/**
 * Is a body of that type and coding looked at at all?  The types:
 * rwith_body_is_json(), text/xml, application/xml, anything+xml,
 * application/x-www-form-urlencoded, multipart/form-data with a boundary;
 * the codings: none, identity, and unless passed gzip.
 */
bool rwith_body_is_judged(rwith_slice content_type,
                          rwith_slice content_encoding,
                          const rwith_body_limits *limits);

/**
 * Begin.  A body that is not judged can be fed too.
 *
 * @param mem      NULL: malloc; kept by pointer
 * @param members  kept by pointer
 * @param limits   may be NULL: the defaults
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
int rwith_body_check_new(const rwith_alloc *mem, const rwith_members *members,
                         rwith_slice content_type, rwith_slice content_encoding,
                         const rwith_body_limits *limits,
                         rwith_body_check **ret);

void rwith_body_check_free(rwith_body_check *check);

/**
 * The next bytes, cut anywhere.
 * @return false: the verdict is clear and more bytes cannot change it.  That
 *         is never so for a body that is fine so far: when all members have
 *         been seen, it can still turn out to be malformed.
 */
bool rwith_body_check_feed(rwith_body_check *check, const char *bytes,
                           size_t len);

/**
 * The body is over.  Once per check.
 * @param list  what is missing is added, with #RWITH_BODY_MISSING only
 */
rwith_body_verdict rwith_body_check_finish(rwith_body_check *check,
                                           rwith_missing_list *list);

/** Why it is malformed, too large or unjudged: a literal; "" otherwise. */
const char *rwith_body_check_why(const rwith_body_check *check);

#endif
