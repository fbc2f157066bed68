/*
 * exchange.h: one request from its first send to its final answer.
 *
 * A state machine without I/O.  The adapter creates it, gets one effect at a
 * time, carries the effect out, and reports what happened with the event
 * function that the effect names; that returns the next effect, until
 * DELIVER or FAIL.  The rules it keeps are in docs/architecture.md ("Rules
 * of the exchange"), the state x event table in lib/exchange.c.
 *
 *     rwith_exchange_start()            -> SEND | NEED | OBTAIN
 *     SEND    -> rwith_exchange_response() with the response's head
 *                or rwith_exchange_failed()
 *     READ    -> rwith_exchange_facts() about the held response's body
 *     NEED    -> rwith_exchange_values() when the supply was filled, or
 *                when it will not be, or rwith_exchange_failed()
 *     OBTAIN  -> rwith_exchange_obtained(), rwith_exchange_failed(), or
 *                rwith_exchange_recalled() when another exchange of the same
 *                scope has obtained meanwhile
 *     WAIT    -> rwith_exchange_waited()
 *     DELIVER -> the response held is the answer; then rwith_exchange_settle()
 *     FAIL    -> there is no response to hand on
 *
 * A response is *held* from rwith_exchange_response() until DELIVER hands it
 * to the client or SEND swallows it; through READ, NEED, WAIT and OBTAIN it
 * stays held, for any of them may end in DELIVER.  Its fields and the bytes
 * behind them must stay valid as long; facts and an obtain's answer during
 * the call only; the request's fields and bytes, the set and the supply for
 * the exchange's life.  Values of the supply are copied.
 *
 * Order of the effects for one challenge: READ (if the body must be seen),
 * NEED (if a value lies outside), WAIT, OBTAIN, SEND.
 */
#ifndef RWITH_EXCHANGE_H
#define RWITH_EXCHANGE_H

#include <retrywith/base.h>
#include <retrywith/challenge.h>
#include <retrywith/dialect.h>
#include <retrywith/err.h>
#include <retrywith/message.h>
#include <retrywith/opening.h>
#include <retrywith/recall.h>
#include <retrywith/requirement.h>
#include <retrywith/supply.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_ATTEMPTS_MAX_DEFAULT    4     /**< sends of one request */
#define RWITH_ATTEMPTS_MAX_LIMIT      16    /**< highest that may be set */
#define RWITH_START_WITHIN_MS_DEFAULT 60000 /**< a send or obtain may begin */
#define RWITH_WAIT_MAX_MS_DEFAULT     30000 /**< longest single wait accepted */
#define RWITH_OBTAIN_MAX              2     /**< obtains per request */

/** What an exchange works with.  Zero-initialise, then set. */
typedef struct rwith_exchange_options {
    const rwith_alloc *mem;       /**< NULL: malloc */
    const rwith_dialects *set;    /**< needed */
    const rwith_supply *supply;   /**< NULL: none */
    rwith_recall *recall;         /**< NULL: none.  Touched by _start,
                                       _recalled and _settle only: lock there */
    unsigned attempts_max;        /**< 0: the default */
    uint64_t start_within_ms;     /**< 0: the default */
    uint64_t wait_max_ms;         /**< 0: the default */
    const rwith_opening *opening; /**< is_sent: what it was sent with … */
    uint64_t opened;              /**< … and which lines of that */
    uint32_t driver_auth;         /**< bits 1u << rwith_auth of the schemes
                                       that the adapter can carry out itself
                                       (Digest, NTLM, Negotiate) */
    bool has_jar;                 /**< the adapter keeps cookies itself: else
                                       those of a swallowed response go with
                                       the next send */
    bool no_retry;                /**< recognise and explain only */
    bool is_sent;                 /**< the request went out before the exchange
                                       was begun, as the client made it but for
                                       opened: start adds nothing */
    bool may_prompt;              /**< NEED may name values that the supply
                                       has no entry for */
} rwith_exchange_options;

typedef struct rwith_exchange rwith_exchange;

typedef enum rwith_effect_kind {
    RWITH_EFFECT_SEND,
    RWITH_EFFECT_READ,
    RWITH_EFFECT_NEED,
    RWITH_EFFECT_OBTAIN,
    RWITH_EFFECT_WAIT,
    RWITH_EFFECT_DELIVER,
    RWITH_EFFECT_FAIL
} rwith_effect_kind;

/** A member to put into the request's body. */
typedef struct rwith_body_member {
    rwith_slice pointer; /**< JSON Pointer; for a form "/name" */
    rwith_slice value;   /**< a string */
} rwith_body_member;

/** A value that somebody has to bring. */
typedef struct rwith_need {
    rwith_requirement requirement;
    bool has_entry; /**< the supply names a source for it … */
    size_t entry;   /**< … in this entry; else ask the person */
    bool is_stale;  /**< the value at hand was sent and was not enough: the
                         source may by now give another one */
} rwith_need;

/** What to do next.  Owned by the exchange; good until its next event. */
typedef struct rwith_effect {
    rwith_effect_kind kind;

    /* SEND: the whole request again, with these differences from what the
     * client made.  OBTAIN: a request of its own, without content, at the
     * same origin, with the fields of set (Authorization and Cookie of the
     * request it is for among them) and no other field of the client's. */
    rwith_slice method;     /**< OBTAIN; SEND: the client's */
    rwith_slice target;     /**< raw, with what was added to the query */
    const rwith_field *set; /**< replace all field lines of that name; an
                                 empty value is sent as an empty field, but
                                 an empty Cookie not at all.  Each name
                                 occurs once */
    size_t set_count;
    const rwith_body_member *members; /**< SEND, if may_patch_body */
    size_t member_count;
    rwith_auth driver_auth;  /**< SEND, OBTAIN: NONE, or the adapter's own
                                  scheme: it replaces Authorization */
    rwith_slice credentials; /**< for driver_auth: "user:password" or empty */
    unsigned attempt;        /**< SEND: 1 for the first */
    bool is_patched;         /**< SEND: anything differs at all */

    /* READ and OBTAIN: what to find in the first body_limit bytes. */
    const rwith_fact_want *wants;
    size_t want_count;
    size_t body_limit;

    /* NEED */
    const rwith_need *needs;
    size_t need_count;
    bool is_repeated; /**< the request goes again without them too, for the
                           challenge brought something itself (an echo) */

    /* OBTAIN: equal keys exclude each other (rule 6); 0 excludes none: what
     * is obtained is for this request alone. */
    uint64_t scope_key;

    /* WAIT */
    uint64_t wait_ms;

    /* FAIL */
    int err;
} rwith_effect;

/**
 * @param req  its slices are borrowed for the life of the exchange
 * @return #RWITH_OK, #RWITH_ENOMEM, #RWITH_EINVAL
 */
RWITH_API int rwith_exchange_new(const rwith_exchange_options *options,
                                 const rwith_request *req,
                                 rwith_exchange **ret);

/** NULL is fine.  Wipes what it copied of values. */
RWITH_API void rwith_exchange_free(rwith_exchange *x);

/*
 * Events.  @a now_ms: a clock that never runs backwards; all events of one
 * exchange share it.  Each returns #RWITH_OK with the next effect in
 * *ret_effect, #RWITH_ESTATE for an event that the last effect did not ask
 * for (nothing changes), or #RWITH_ENOMEM (the exchange is then finished;
 * with a response held it may be handed on).
 */

/** Begin: what is remembered is added. */
RWITH_API int rwith_exchange_start(rwith_exchange *x, uint64_t now_ms,
                                   uint64_t now_epoch_s,
                                   const rwith_effect **ret_effect);

/**
 * Need the fields of a response of that status be shown at all?  When not,
 * an adapter may report it with field_count 0.
 */
RWITH_API bool rwith_exchange_wants_response(const rwith_exchange *x,
                                             unsigned status);

/** A final response's head is here. */
RWITH_API int rwith_exchange_response(rwith_exchange *x, uint64_t now_ms,
                                      const rwith_response *resp,
                                      const rwith_effect **ret_effect);

/** The held response's body was looked at; @a fact_count may be 0. */
RWITH_API int rwith_exchange_facts(rwith_exchange *x, uint64_t now_ms,
                                   const rwith_fact *facts, size_t fact_count,
                                   const rwith_effect **ret_effect);

/** The supply was filled as far as it will be. */
RWITH_API int rwith_exchange_values(rwith_exchange *x, uint64_t now_ms,
                                    const rwith_effect **ret_effect);

/** The obtain request was answered. */
RWITH_API int rwith_exchange_obtained(rwith_exchange *x, uint64_t now_ms,
                                      const rwith_response *resp,
                                      const rwith_fact *facts,
                                      size_t fact_count,
                                      const rwith_effect **ret_effect);

/** Another exchange of the same scope_key has obtained: ask recall again. */
RWITH_API int rwith_exchange_recalled(rwith_exchange *x, uint64_t now_ms,
                                      const rwith_effect **ret_effect);

/** The wait is over. */
RWITH_API int rwith_exchange_waited(rwith_exchange *x, uint64_t now_ms,
                                    const rwith_effect **ret_effect);

/**
 * The send or obtain had no response (transport), or the body of a held
 * response broke off.  A failed obtain leaves the held response: DELIVER.
 * After NEED: a person declines to have it sent without what is missing.
 */
RWITH_API int rwith_exchange_failed(rwith_exchange *x, uint64_t now_ms,
                                    const rwith_effect **ret_effect);

/**
 * After DELIVER: remember what this exchange taught, or forget a value that
 * the origin once supplied and now refused without asking for another.  Does
 * nothing without a recall or before DELIVER.
 * @return entries learned, refreshed or forgotten
 */
RWITH_API unsigned rwith_exchange_settle(rwith_exchange *x, uint64_t now_ms);

/** Is there anything for rwith_exchange_settle() to do?  Saves a lock. */
RWITH_API bool rwith_exchange_has_learned(const rwith_exchange *x);

/*
 * What to tell people.
 */

/*
 * Why an exchange ended as it did: name, exit status of the command, text.
 * "%s"-free: names follow as a list.
 */
#define RWITH_OUTCOMES(X)                                                      \
    X(ANSWERED, 0, "answered")                                                 \
    X(UNRECOGNISED, 0, "no dialect recognises this response")                  \
    X(MISSING, 100, "the origin still needs something")                        \
    X(REPEATED, 100, "the origin repeats a challenge that was met")            \
    X(EXPLAINED, 100, "nothing can be done automatically")                     \
    X(NOT_REPLAYABLE, 103, "the content cannot be sent a second time")         \
    X(NOT_PATCHABLE, 103, "the content is covered or cannot be changed")       \
    X(UNSAFE_METHOD, 100, "this method is not repeated in this dialect")       \
    X(ATTEMPTS, 103, "the limit of attempts was reached")                      \
    X(TIME, 103, "the limit of time was reached")                              \
    X(WAIT_TOO_LONG, 103, "the origin asks for a longer wait than allowed")    \
    X(REFUSED_VALUE, 103, "the challenge holds a value that is not taken")     \
    X(FORBIDDEN, 103, "the challenge asks for a field that is never set")      \
    X(OBTAIN_FAILED, 100, "what the origin asks for could not be obtained")    \
    X(NOT_RETRIED, 100, "retries are switched off")                            \
    X(TRANSPORT, 0, "the connection failed")                                   \
    X(NO_MEMORY, 103, "out of memory")

typedef enum rwith_outcome {
#define RWITH_OUTCOME_ENUM(name, status, text) RWITH_OUTCOME_##name,
    RWITH_OUTCOMES(RWITH_OUTCOME_ENUM)
#undef RWITH_OUTCOME_ENUM
        RWITH_OUTCOME_COUNT
} rwith_outcome;

RWITH_API const char *rwith_outcome_name(rwith_outcome outcome);
RWITH_API const char *rwith_outcome_text(rwith_outcome outcome);
RWITH_API int rwith_outcome_exit_status(rwith_outcome outcome);

/** Why one requirement could not be met. */
typedef enum rwith_reason_kind {
    RWITH_REASON_NO_VALUE,      /**< nothing configured for this origin */
    RWITH_REASON_NOT_FILLED,    /**< configured, but its source gave nothing */
    RWITH_REASON_ALREADY_SENT,  /**< this very value was sent already */
    RWITH_REASON_FORBIDDEN,     /**< a field that is never set */
    RWITH_REASON_NO_BODY_PATCH, /**< the content cannot be changed here */
    RWITH_REASON_NOT_ALLOWED,   /**< this request may be given nothing */
    RWITH_REASON_NO_SCHEME      /**< an authentication that this adapter
                                     cannot carry out */
} rwith_reason_kind;

typedef struct rwith_reason {
    rwith_requirement requirement;
    rwith_reason_kind kind;
} rwith_reason;

/** A whole account; slices live as long as the exchange. */
typedef struct rwith_report {
    rwith_outcome outcome;
    uint64_t dialects; /**< all that were recognised, bits as in the set */
    unsigned attempts; /**< sends so far */
    unsigned obtains;
    unsigned recalled; /**< items that recall added to the first send */
    unsigned learned;  /**< by rwith_exchange_settle() */
    const rwith_reason *reasons;
    size_t reason_count;
    rwith_slice explain;      /**< a dialect's sentence; empty: none */
    rwith_slice refused_name; /**< of a forbidden or refused field */
} rwith_report;

RWITH_API void rwith_exchange_report(const rwith_exchange *x,
                                     rwith_report *ret);

#ifdef __cplusplus
}
#endif

#endif
