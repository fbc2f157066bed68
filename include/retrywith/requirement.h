/*
 * requirement.h: one piece of information that a server wants, and the two
 * forms in which servers name it: the MS-RetryWith field and the members of
 * a problem+json (spec/retry-with.md, retrywith-dialect(5)).
 */
#ifndef RWITH_REQUIREMENT_H
#define RWITH_REQUIREMENT_H

#include <retrywith/base.h>
#include <retrywith/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where a piece of information travels: name, OpenAPI's word, the kind in
 * MS-RetryWith, IIS-like substatus of the gate's log.
 */
#define RWITH_PLACES(X)                                                        \
    X(HEADER, "header", "Required-Header", 1)                                  \
    X(QUERY, "query", "Required-Query", 2)                                     \
    X(COOKIE, "cookie", "Required-Cookie", 3)                                  \
    X(BODY, "body", "Required-Field", 4)                                       \
    X(AUTHORIZATION, "authorization", "Required-Authorization", 5)

typedef enum rwith_place {
#define RWITH_PLACE_ENUM(name, word, hint, substatus) RWITH_IN_##name,
    RWITH_PLACES(RWITH_PLACE_ENUM)
#undef RWITH_PLACE_ENUM
        RWITH_PLACE_COUNT
} rwith_place;

/** Longest name that a requirement may have, in bytes. */
#define RWITH_REQUIREMENT_NAME_MAX 256

/** Longest MS-RetryWith value written; the body carries everything. */
#define RWITH_HINT_MAX 4096

/** Most requirements that one challenge may name; more are not read. */
#define RWITH_REQUIREMENT_COUNT_MAX 64

/**
 * One requirement.  @a name is the field name, parameter name, cookie name,
 * the JSON Pointer of a body member (empty: the body as a whole), or the
 * authentication scheme.
 */
typedef struct rwith_requirement {
    rwith_place in;
    rwith_slice name;
    rwith_slice description; /**< for people; from the peer: escape it */
} rwith_requirement;

/** OpenAPI's word for a place ("header", …); never NULL. */
RWITH_API const char *rwith_place_word(rwith_place in);

/** The place with that word. @return false when there is none */
RWITH_API bool rwith_place_of_word(rwith_slice word, rwith_place *ret);

/**
 * Same place and name: field names and schemes compare without case, all
 * else with.
 */
RWITH_API bool rwith_requirement_equal(const rwith_requirement *a,
                                       const rwith_requirement *b);

/**
 * Is this a name that may stand in that place at all: a token for header,
 * cookie and scheme; for query and body any bytes but controls; 1 to
 * #RWITH_REQUIREMENT_NAME_MAX bytes (a body's may be empty).
 */
RWITH_API bool rwith_requirement_name_ok(rwith_place in, rwith_slice name);

/**
 * Read the next element of an MS-RetryWith field value
 * ( 1#( kind ":" OWS name ) ), leniently: unknown kinds and elements that
 * make no sense are skipped, a missing kind reads as Required-Header's list.
 * Allocates nothing.
 *
 * @param cursor    the value at first; moved past the element read
 * @param buf       a quoted name with escapes is unescaped into it;
 *                  #RWITH_REQUIREMENT_NAME_MAX bytes, used only while the
 *                  element is looked at
 * @param ret       written only when true is returned
 * @return false at the end of the value
 */
RWITH_API bool rwith_requirement_next_hint(rwith_slice *cursor, char *buf,
                                           rwith_requirement *ret);

/**
 * Write requirements as an MS-RetryWith field value, strictly.  What does
 * not fit in @a buf_len or in 4 KiB is left out whole, from the end.
 *
 * @return bytes written; 0 when nothing was
 */
RWITH_API size_t rwith_requirement_write_hint(const rwith_requirement *reqs,
                                              size_t count, char *buf,
                                              size_t buf_len);

#ifdef __cplusplus
}
#endif

#endif
