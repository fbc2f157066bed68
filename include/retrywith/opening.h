/*
 * opening.h: what goes with the first send of any request to one origin,
 * kept ready: for adapters that serve many requests.
 *
 * An exchange finds out anew for each request what the supply and the recall
 * add to it.  An opening keeps that as lines, once, for as long as the
 * recall's names do not change.  It answers for a request exactly what the
 * exchange would have done, or that this request needs its exchange from the
 * start: where a query, a cookie or the content is changed, where the client
 * sends such a field itself, where the recall holds values that servers
 * supplied.
 *
 * An opening belongs to one thread; the recall may be shared, with others
 * changing it meanwhile.  It does not see what becomes of the supply: once
 * rwith_supply_version() has changed, make another one.
 */
#ifndef RWITH_OPENING_H
#define RWITH_OPENING_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/message.h>
#include <retrywith/recall.h>
#include <retrywith/supply.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_OPENING_LINES_MAX 64 /**< a bit for each */

typedef struct rwith_opening rwith_opening;

/**
 * @param supply  NULL: none; borrowed for the life of the opening
 * @param origin  of all its requests; its slices are borrowed as long
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
RWITH_API int rwith_opening_new(const rwith_alloc *mem,
                                const rwith_supply *supply,
                                const rwith_origin *origin,
                                rwith_opening **ret);

/** NULL is fine.  Wipes what it copied of values. */
RWITH_API void rwith_opening_free(rwith_opening *opening);

/** All field lines that it may add; they never change.  Line n has bit n. */
RWITH_API const rwith_field *rwith_opening_lines(const rwith_opening *opening,
                                                 size_t *ret_count);

/** How many of those lines go because the origin asked for them before. */
RWITH_API unsigned rwith_opening_recalled(const rwith_opening *opening,
                                          uint64_t lines);

typedef enum rwith_opening_advice {
    RWITH_OPENING_READY, /**< send it with these lines */
    RWITH_OPENING_STALE, /**< rwith_opening_renew(), then ask again */
    RWITH_OPENING_OWN    /**< this request needs an exchange from the start */
} rwith_opening_advice;

/**
 * What does this request, of the opening's origin, go with?  Needs no lock
 * on the recall.
 *
 * @param recall     NULL: none; always the same one
 * @param now_s      as for rwith_recall_find()
 * @param ret_lines  bits; 0 unless READY
 */
RWITH_API rwith_opening_advice rwith_opening_find(const rwith_opening *opening,
                                                  const rwith_recall *recall,
                                                  const rwith_request *req,
                                                  uint64_t now_s,
                                                  uint64_t *ret_lines);

/**
 * Take over what the recall knows by now, and tell it that the names which
 * apply to this request are in use.  Lock the recall around it.
 */
RWITH_API void rwith_opening_renew(rwith_opening *opening, rwith_recall *recall,
                                   const rwith_request *req, uint64_t now_s);

#ifdef __cplusplus
}
#endif

#endif
