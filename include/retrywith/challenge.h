/*
 * challenge.h: what does this response ask for?
 *
 * Pure reading: nothing is allocated, every slice points into the response,
 * the facts or the set.  exchange.h is what decides with it.
 */
#ifndef RWITH_CHALLENGE_H
#define RWITH_CHALLENGE_H

#include <retrywith/base.h>
#include <retrywith/dialect.h>
#include <retrywith/err.h>
#include <retrywith/message.h>
#include <retrywith/requirement.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_FACT_WANT_MAX      32          /**< facts asked of one body */
#define RWITH_FACT_COUNT_MAX     512         /**< facts reported of one body */
#define RWITH_CHALLENGE_BODY_MAX (64 * 1024) /**< bytes of body looked at */
#define RWITH_ECHO_MAX           (8 * 1024) /**< longest Ms-Echo-Request taken */

/** What kind of fact of a body. */
typedef enum rwith_fact_kind {
    RWITH_FACT_JSON,    /**< the value at a JSON Pointer; a "*" segment stands
                             for every index of an array */
    RWITH_FACT_CONTAINS /**< do these bytes occur */
} rwith_fact_kind;

/** One thing to look for in a bounded prefix of a body. */
typedef struct rwith_fact_want {
    rwith_fact_kind kind;
    rwith_slice what; /**< pointer pattern, or bytes */
} rwith_fact_want;

/**
 * One thing that was found.  Strings are unescaped; numbers, true, false and
 * null are their JSON text; objects and arrays give a fact with an empty
 * value.  A CONTAINS fact has an empty value.
 */
typedef struct rwith_fact {
    uint16_t want;  /**< index into the wants */
    uint16_t index; /**< of the "*" segment's array element; 0 without one */
    rwith_slice value;
} rwith_fact;

/** What a dialect sets on the repeated request. */
typedef struct rwith_setting {
    rwith_place in; /**< HEADER, QUERY or COOKIE */
    rwith_slice name;
    rwith_slice value;
    uint8_t dialect; /**< index in the set */
} rwith_setting;

#define RWITH_CHALLENGE_SETTING_MAX 16

/** A response, understood. */
typedef struct rwith_challenge {
    uint64_t dialects; /**< bit i: the i-th dialect of the set matches */

    /* What the server wants, without doubles; also fields that are never
     * set: ask rwith_trust_field_may_be_set() before one is. */
    rwith_requirement required[RWITH_REQUIREMENT_COUNT_MAX];
    uint8_t required_by[RWITH_REQUIREMENT_COUNT_MAX]; /**< dialect index */
    size_t required_count;

    rwith_setting settings[RWITH_CHALLENGE_SETTING_MAX];
    size_t setting_count;

    bool has_wait;
    uint64_t wait_ms; /**< Retry-After or the dialect's own back-off */

    bool has_obtain; /**< of the first matching dialect that has one */
    uint8_t obtain_dialect;

    rwith_slice explain; /**< a sentence of the dialect; empty: none */

    int refused;              /**< 0, or why a value was not taken:
                                   #RWITH_ERANGE, #RWITH_ESYNTAX,
                                   #RWITH_EFORBIDDEN */
    rwith_slice refused_name; /**< of that field */
} rwith_challenge;

/**
 * Which facts of the body are needed before rwith_challenge_read() can tell?
 * None when the head alone decides.
 *
 * @param ret_wants  at least #RWITH_FACT_WANT_MAX elements
 * @return their count
 */
RWITH_API size_t rwith_challenge_wants(const rwith_dialects *set,
                                       const rwith_request *req,
                                       const rwith_response *resp,
                                       rwith_fact_want *ret_wants);

/**
 * Understand a response.
 *
 * @param facts      what was found for the wants of rwith_challenge_wants()
 * @param name_buf   unescaped names of MS-RetryWith go there; slices of the
 *                   result may point into it
 * @param now_epoch_s  seconds since 1970, for a Retry-After that is a date;
 *                   0 when unknown: then such a date is no wait
 * @param ret        always written; ret->dialects == 0: nothing recognised
 */
RWITH_API void rwith_challenge_read(const rwith_dialects *set,
                                    const rwith_request *req,
                                    const rwith_response *resp,
                                    const rwith_fact *facts, size_t fact_count,
                                    char *name_buf, size_t name_buf_len,
                                    uint64_t now_epoch_s, rwith_challenge *ret);

#ifdef __cplusplus
}
#endif

#endif
