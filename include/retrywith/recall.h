/*
 * recall.h: what origins asked for before, so that the next request is
 * right the first time.
 *
 * A recall lives in one block of memory that the caller hands in (a heap
 * block, a file mapping, shared memory between processes).  It holds offsets
 * and no pointers, never grows, and evicts what was used longest ago.  It is
 * single-threaded: whoever shares it locks around each call.
 *
 * An entry is a name that an origin wants (its value comes from the supply),
 * or a name with a value that the origin itself supplied (a session id).
 * Supplied values belong to one client: they are keyed by the origin and by
 * a keyed hash of the client's own Authorization and Cookie fields.
 */
#ifndef RWITH_RECALL_H
#define RWITH_RECALL_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/message.h>
#include <retrywith/requirement.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_RECALL_SIZE_MIN       16384 /**< smallest block, bytes */
#define RWITH_RECALL_PER_ORIGIN_MAX 64    /**< named entries of one origin */
/** Supplied values of one origin, and so clients; at most 16 of them belong
 * to one client. */
#define RWITH_RECALL_CLIENTS_MAX 256
#define RWITH_RECALL_HITS_MAX    80   /**< hits for one request */
#define RWITH_RECALL_VALUE_MAX   4096 /**< longest supplied value kept */
/** Seconds unused, then forgotten. */
#define RWITH_RECALL_TTL_S_DEFAULT 86400
#define RWITH_RECALL_KEY_LEN       16

/** For how much of an origin an entry holds. */
typedef enum rwith_scope {
    RWITH_SCOPE_REQUEST, /**< not remembered */
    RWITH_SCOPE_ORIGIN,
    RWITH_SCOPE_PATH, /**< header and cookie: the path's folder and what is
                           below it (as RFC 7617 2.2); query and body: this
                           method and path */
    RWITH_SCOPE_JAR   /**< the origin, and one client's cookies */
} rwith_scope;

typedef struct rwith_recall rwith_recall;

/**
 * Make a block ready, forgetting what it held.
 *
 * @param mem  8-byte aligned
 * @param key  random bytes: the client hash and the table hash depend on it
 * @return #RWITH_OK, #RWITH_EINVAL (too small, not aligned)
 */
RWITH_API int rwith_recall_init(void *mem, size_t size,
                                const uint8_t key[RWITH_RECALL_KEY_LEN],
                                rwith_recall **ret);

/** Take up a block that was made ready before, by this or another process
 * of the same version. @return #RWITH_OK, #RWITH_EINVAL: not one of ours */
RWITH_API int rwith_recall_open(void *mem, size_t size, rwith_recall **ret);

/** Entries held; a caller may read it without the lock to skip the rest. */
RWITH_API size_t rwith_recall_count(const rwith_recall *recall);

/** One entry that applies to a request. */
typedef struct rwith_recall_hit {
    rwith_place in;
    rwith_slice name;
    rwith_slice value; /**< supplied; empty with !has_value: look in the
                            supply */
    bool has_value;
} rwith_recall_hit;

/**
 * What is known for a request, longest path first.  Slices of @a ret point
 * into the block: use them before the lock is let go.
 *
 * @param now_s  seconds, of any clock that all users of the block share
 * @return hits written, at most @a max
 */
RWITH_API size_t rwith_recall_find(rwith_recall *recall,
                                   const rwith_request *req, uint64_t now_s,
                                   rwith_recall_hit *ret, size_t max);

/**
 * Remember.  An equal entry is refreshed, a value replaced.
 *
 * Who has a full share (an origin, a client of it) loses what of it was used
 * longest ago; a full block loses what was used longest ago in it.
 *
 * @return #RWITH_OK, #RWITH_ERANGE (a name, path or value over its limit, or
 *         one that may not be sent), #RWITH_EFULL (it can never fit)
 */
RWITH_API int rwith_recall_learn(rwith_recall *recall, const rwith_request *req,
                                 rwith_scope scope,
                                 const rwith_recall_hit *entry, uint64_t now_s);

/** Forget one entry of the request's scope (one that has a value: if it is
 *  that value), or all with @a entry NULL. */
RWITH_API void rwith_recall_forget(rwith_recall *recall,
                                   const rwith_request *req,
                                   const rwith_recall_hit *entry);

/**
 * Write what is remembered as text.  Named requirements always; values that
 * servers supplied only @a with_values (they are secrets: the caller makes
 * the file 0600).  Values of a supply are never in a recall.
 *
 * @param buf  NULL: only the length is told
 * @return bytes needed; the text is whole only when that is <= buf_len
 */
RWITH_API size_t rwith_recall_save(const rwith_recall *recall, bool with_values,
                                   char *buf, size_t buf_len);

/**
 * Read such text, behind what is there; expired lines are skipped.
 * All or nothing.
 * @return #RWITH_OK, #RWITH_EFILE with a diagnostic
 */
RWITH_API int rwith_recall_load(rwith_recall *recall, rwith_slice text,
                                uint64_t now_s, rwith_diagnostic *reterr_diag);

#ifdef __cplusplus
}
#endif

#endif
