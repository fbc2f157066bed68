/*
 * member.h: what must be in a body, as data, and the bookkeeping of what was.
 *
 * Two flat, immutable arrays.  *Paths* form a tree of places in a body: an
 * object member, an element or an attribute of XML, a form field, the
 * elements of an array.  Each place occurs once, so a reader is always at one
 * path.  *Clauses* say what must be there: NEED (a path), and CHOICE with its
 * ALTERNATIVEs.  A NEED only counts where the value around it was there and
 * was an object: what is missing as a whole is one missing thing, and a value
 * of another type is not our business.
 *
 * A reader of JSON, XML or forms (body/) reports where it is; the decision
 * which alternative is nearest, and what is listed, is taken here.  Memory is
 * bounded by the tree, never by the body.
 */
#ifndef RWITH_MEMBER_H
#define RWITH_MEMBER_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/requirement.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_MEMBERS_PATH_MAX   4096 /**< paths of one tree */
#define RWITH_MEMBERS_CLAUSE_MAX 4096 /**< clauses of one tree */
#define RWITH_MEMBERS_DEPTH_MAX  64   /**< paths below each other */
#define RWITH_MEMBERS_NEST_MAX   8    /**< repeating paths below each other */

#define RWITH_MEMBERS_NONE UINT32_MAX /**< no path, no clause */
#define RWITH_MEMBERS_ROOT                                                     \
    0u /**< the path of the body as a whole;                                   \
            the clause list's top, too */

/** What leads from a value to the one inside it. */
typedef enum rwith_member_kind {
    RWITH_MEMBER_ROOT_VALUE, /**< path 0 only */
    RWITH_MEMBER_NAME,       /**< member, child element or field by name */
    RWITH_MEMBER_ATTRIBUTE,  /**< attribute of an element by name */
    RWITH_MEMBER_ITEM,       /**< every element of an array; repeats */
    RWITH_MEMBER_ANY         /**< every member or child element that no NAME
                                  path takes (additionalProperties, the root
                                  element of XML whatever its name); repeats */
} rwith_member_kind;

/** What a value turned out to be. */
#define RWITH_SHAPE_OBJECT 1u /**< object, or an element of XML */
#define RWITH_SHAPE_ARRAY  2u
#define RWITH_SHAPE_SCALAR 4u
#define RWITH_SHAPE_ALL    7u

/** What one NEED or ALTERNATIVE tells people; all may be empty. */
typedef struct rwith_hint {
    rwith_slice description;
    rwith_slice schema;  /**< JSON text: type, enum, format, pattern */
    rwith_slice example; /**< JSON text */
} rwith_hint;

/** One missing thing, for the answer. */
typedef struct rwith_missing {
    rwith_place in;
    rwith_slice name; /**< field, parameter, cookie, pointer, scheme; of
                           an array's elements the pointer has a "*" */
    rwith_hint hint;
    uint16_t choice;      /**< 0: needed in any case; n: the n-th choice */
    uint16_t alternative; /**< 0: of the nearest alternative; else of the
                               n-th other one */
} rwith_missing;

/** All that is missing; more than the limit is counted only. */
typedef struct rwith_missing_list {
    rwith_missing items[RWITH_REQUIREMENT_COUNT_MAX];
    size_t count;     /**< of items */
    size_t left_out;  /**< missing, but not listed */
    uint16_t choices; /**< numbers given so far */
} rwith_missing_list;

/** Add one thing, or count it as left out. */
RWITH_API void rwith_missing_add(rwith_missing_list *list,
                                 const rwith_missing *item);

/** Add what another list has; its choices get the next numbers. */
RWITH_API void rwith_missing_append(rwith_missing_list *list,
                                    const rwith_missing_list *more);

/** A tree; immutable, may be shared by threads. */
typedef struct rwith_members rwith_members;

/* --- making one ---------------------------------------------------------- */

/** A tree that is being written.  All text is copied. */
typedef struct rwith_members_draft rwith_members_draft;

/** An empty one: path 0 is there. @return #RWITH_OK, #RWITH_ENOMEM */
RWITH_API int rwith_members_draft_new(const rwith_alloc *mem,
                                      rwith_members_draft **ret);

RWITH_API void rwith_members_draft_free(rwith_members_draft *draft);

/**
 * The path of that kind and name below @a parent, made if it is not there.
 *
 * @param name     empty for ITEM and ANY
 * @param repeats  occurs any number of times below one parent, each
 *                 occurrence judged on its own (an array of XML elements);
 *                 ITEM and ANY always do
 * @return #RWITH_OK, #RWITH_EINVAL, #RWITH_ENOMEM, #RWITH_ERANGE (a limit)
 */
RWITH_API int rwith_members_draft_path(rwith_members_draft *draft,
                                       uint32_t parent, rwith_member_kind kind,
                                       rwith_slice name, bool repeats,
                                       uint32_t *ret_path);

/**
 * That path must be there when the value around it is an object.
 *
 * @param within  #RWITH_MEMBERS_ROOT: in any case; else an alternative
 * @param hint    may be NULL
 * A need that @a within already has is kept once.
 */
RWITH_API int rwith_members_draft_need(rwith_members_draft *draft,
                                       uint32_t within, uint32_t path,
                                       const rwith_hint *hint);

/**
 * The same, but it counts in any case: where the value around it is missing,
 * or no object, the path itself is what is listed.
 */
RWITH_API int rwith_members_draft_need_anyway(rwith_members_draft *draft,
                                              uint32_t within, uint32_t path,
                                              const rwith_hint *hint);

/**
 * When the value at @a path is there, one alternative must be complete.
 * Alternatives are in the order of their making.
 */
RWITH_API int rwith_members_draft_choice(rwith_members_draft *draft,
                                         uint32_t within, uint32_t path,
                                         uint32_t *ret_choice);

/**
 * @param shapes  RWITH_SHAPE_… of the values that it is for; a choice none
 *                of whose alternatives fits the value is not our business
 */
RWITH_API int rwith_members_draft_alternative(rwith_members_draft *draft,
                                              uint32_t choice, unsigned shapes,
                                              uint32_t *ret_alternative);

/** Does it need nothing at all?  Then no body has to be looked at. */
RWITH_API bool rwith_members_draft_is_empty(const rwith_members_draft *draft);

/**
 * The draft as a tree; the draft stays as it is.  A policy makes its own
 * (rwith_policy_add_members()); this is for use without one.
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
RWITH_API int rwith_members_new(const rwith_alloc *mem,
                                const rwith_members_draft *draft,
                                rwith_members **ret);

/** Only for those of rwith_members_new(). */
RWITH_API void rwith_members_free(rwith_members *members);

/* --- what a body had ----------------------------------------------------- */

/** The bookkeeping for one body, in memory of the caller. */
typedef struct rwith_members_state rwith_members_state;

/** Bytes of memory that the bookkeeping needs for that tree. */
RWITH_API size_t rwith_members_state_size(const rwith_members *members);

/**
 * Start.  The root value counts as seen.
 * @param memory  rwith_members_state_size() bytes, aligned for a pointer
 */
RWITH_API rwith_members_state *rwith_members_begin(const rwith_members *members,
                                                   void *memory);

/**
 * A value inside the value at @a parent begins.  ITEM needs no name.  Where
 * no NAME path fits, ANY is tried.
 * @return its path; #RWITH_MEMBERS_NONE: nothing in it matters (also when
 *         @a parent is that): skip it
 */
RWITH_API uint32_t rwith_members_enter(rwith_members_state *state,
                                       uint32_t parent, rwith_member_kind kind,
                                       rwith_slice name);

/**
 * Can nothing more inside the value at @a path change the verdict?  So it is
 * when all that matters there was there; a reader may skip the rest.
 * #RWITH_MEMBERS_NONE: yes.
 */
RWITH_API bool rwith_members_is_settled(const rwith_members_state *state,
                                        uint32_t path);

/** What the value at @a path is (one of RWITH_SHAPE_…); before anything
 * inside it is entered.  #RWITH_MEMBERS_NONE is accepted. */
RWITH_API void rwith_members_shape(rwith_members_state *state, uint32_t path,
                                   unsigned shape);

/** The value at @a path ends; #RWITH_MEMBERS_NONE is accepted.  Not for the
 * root. */
RWITH_API void rwith_members_leave(rwith_members_state *state, uint32_t path);

/**
 * The body is over: list what it lacks, behind what the list has.
 * @return the number of things missing, those left out included
 */
RWITH_API size_t rwith_members_end(rwith_members_state *state,
                                   rwith_missing_list *list);

#ifdef __cplusplus
}
#endif

#endif
