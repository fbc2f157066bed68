/*
 * policy.h: which requests need what.
 *
 * A builder takes operations from a document (openapi/) or from rules
 * (rules.h); a policy is what it builds: immutable, shared by threads and
 * processes, asked per request without allocating.
 *
 *     hit = rwith_policy_match(policy, method, target)
 *     rwith_judge_begin(&judge, policy, &hit, has_body)
 *     rwith_judge_content(&judge, length, waits)  where it can be read
 *     rwith_judge_field(&judge, name, value)      for every field line, if
 *                                    rwith_judge_wants_fields(&judge)
 *     rwith_judge_end(&judge, options, &decision)
 *     decision.action: PASS, REFUSE or NEEDS_BODY
 *     ... NEEDS_BODY: the body is read against decision.members, then
 *     rwith_judge_body(&judge, options, &missing, malformed, &decision)
 *     ... REFUSE: rwith_judge_list(&judge, options, &list) and, behind it,
 *     rwith_missing_append(&list, &missing)
 *
 * Presence is judged and nothing else (docs/openapi.md).
 */
#ifndef RWITH_POLICY_H
#define RWITH_POLICY_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/member.h>
#include <retrywith/requirement.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_POLICY_OPERATION_MAX 1000000 /**< operations of one policy */
#define RWITH_POLICY_METHOD_MAX    255     /**< different methods */
#define RWITH_POLICY_NEED_MAX                                                  \
    64                                    /**< head needs of an operation,     \
                                               security included */
#define RWITH_POLICY_ALTERNATIVE_MAX 32   /**< security alternatives */
#define RWITH_POLICY_MEDIA_MAX       255  /**< media ranges of an operation */
#define RWITH_POLICY_SEGMENT_MAX     64   /**< segments of a template */
#define RWITH_POLICY_TEMPLATE_MAX    4096 /**< bytes of base and template */
#define RWITH_POLICY_TARGET_MAX                                                \
    8192 /**< bytes of a path that has                                         \
              escapes or dots; longer ones                                     \
              are unknown */

/** An empty value counts as present (allowEmptyValue). */
#define RWITH_NEED_ANY_VALUE 1u
/** Query: "name[…]" counts, whatever is in the brackets (deepObject). */
#define RWITH_NEED_BRACKETS 2u
/** Only a request without a body needs it.  Not in an alternative. */
#define RWITH_NEED_BODILESS 4u

/**
 * One thing that a request head needs.  AUTHORIZATION: @a name is the scheme
 * ("Bearer"), and an Authorization field with that scheme and credentials is
 * what counts.
 */
typedef struct rwith_policy_need {
    rwith_place in; /**< any but BODY */
    rwith_slice name;
    rwith_hint hint;
    unsigned flags; /**< RWITH_NEED_… */
} rwith_policy_need;

/** What a body is, by its Content-Type. */
typedef enum rwith_body_format {
    RWITH_BODY_OTHER,    /**< not looked into */
    RWITH_BODY_JSON,     /**< application/json, text/json, …+json */
    RWITH_BODY_XML,      /**< application/xml, text/xml, …+xml */
    RWITH_BODY_FORM,     /**< application/x-www-form-urlencoded */
    RWITH_BODY_MULTIPART /**< multipart/form-data */
} rwith_body_format;

/** The format of a Content-Type value; parameters do not matter. */
RWITH_API rwith_body_format rwith_body_format_of(rwith_slice content_type);

/** 1u << rwith_body_format */
#define RWITH_BODY_FORMAT_BIT(format) (1u << (format))
#define RWITH_BODY_FORMAT_ALL         0x1eu

/* --- making one ---------------------------------------------------------- */

/** Copies everything; equal text and equal needs are kept once. */
typedef struct rwith_policy_builder rwith_policy_builder;
typedef struct rwith_policy rwith_policy;

/** @return #RWITH_OK, #RWITH_ENOMEM */
RWITH_API int rwith_policy_builder_new(const rwith_alloc *mem,
                                       rwith_policy_builder **ret);

RWITH_API void rwith_policy_builder_free(rwith_policy_builder *builder);

/**
 * Add an operation, or find the one of the same method and shape ("/a/{id}"
 * and "/a/{name}" are one shape).
 *
 * @param base_path  "", "/v1" or "/v1/": before every template, taken
 *                   literally; one final slash is dropped
 * @param template_  "/pets/{id}", "/a/{b}.{c}"; a last segment "**" takes
 *                   any rest, an empty one too.  "?" or "#" in it: EINVAL.
 *                   Escapes are decoded for the comparison
 * @param ret_is_new may be NULL
 * @return #RWITH_OK, #RWITH_EINVAL (method no token, template no template),
 *         #RWITH_ERANGE (a limit), #RWITH_ENOMEM
 */
RWITH_API int rwith_policy_add_operation(
    rwith_policy_builder *builder, rwith_slice method, rwith_slice base_path,
    rwith_slice template_, uint32_t *ret_operation, bool *ret_is_new);

/**
 * The operation needs that.  A need of the same place and name is kept once
 * (the first).
 * @return #RWITH_OK, #RWITH_EINVAL, #RWITH_EFULL, #RWITH_ENOMEM
 */
RWITH_API int rwith_policy_add_need(rwith_policy_builder *builder,
                                    uint32_t operation,
                                    const rwith_policy_need *need);

/**
 * One of the operation's security alternatives: all of @a needs together.
 * Any complete alternative will do; one without needs makes all optional.
 */
RWITH_API int rwith_policy_add_alternative(rwith_policy_builder *builder,
                                           uint32_t operation,
                                           const rwith_policy_need *needs,
                                           size_t count);

/** A request without a body lacks it (requestBody.required). */
RWITH_API int rwith_policy_require_body(rwith_policy_builder *builder,
                                        uint32_t operation,
                                        const rwith_hint *hint);

/**
 * Keep a tree for bodies; one tree may serve many operations.
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
RWITH_API int rwith_policy_add_members(rwith_policy_builder *builder,
                                       const rwith_members_draft *draft,
                                       uint32_t *ret_members);

/**
 * Bodies of the operation whose type is in @a range need @a members.  The
 * most specific range counts: an exact type, then one with a suffix behind an
 * asterisk ("application/<any>+json", <any> being an asterisk), then a type
 * with an asterisk, then two asterisks; parameters do not matter.
 *
 * @param formats  RWITH_BODY_FORMAT_BIT()s of the formats that the names in
 *                 the tree are meant for
 * @param members  #RWITH_MEMBERS_NONE: such a body needs nothing
 * @return #RWITH_OK, #RWITH_EINVAL, #RWITH_EFULL, #RWITH_ENOMEM
 */
RWITH_API int rwith_policy_add_media(rwith_policy_builder *builder,
                                     uint32_t operation, rwith_slice range,
                                     unsigned formats, uint32_t members);

/** What a builder holds, for --dry-run. */
typedef struct rwith_policy_counts {
    size_t operations;
    size_t needs[RWITH_PLACE_COUNT]; /**< required, by place; BODY counts the
                                          operations with a body to look at */
    size_t memory;                   /**< bytes of the policy */
} rwith_policy_counts;

/**
 * Compile.  The builder stays as it is and may be added to and built again.
 * @param mem  NULL: malloc; may differ from the builder's
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
RWITH_API int rwith_policy_build(const rwith_policy_builder *builder,
                                 const rwith_alloc *mem, rwith_policy **ret);

RWITH_API void rwith_policy_free(rwith_policy *policy);

RWITH_API rwith_policy_counts rwith_policy_count(const rwith_policy *policy);

/**
 * The i-th required header field name over all operations (each once), for
 * hosts that drop some names.  @return false: no more
 */
RWITH_API bool rwith_policy_header_name(const rwith_policy *policy,
                                        size_t index, rwith_slice *ret);

/* --- asking it ----------------------------------------------------------- */

#define RWITH_POLICY_NO_OPERATION UINT32_MAX

/** What a target led to. */
typedef struct rwith_policy_hit {
    uint32_t operation; /**< or #RWITH_POLICY_NO_OPERATION */
    uint32_t other;     /**< of the normalised target, when that is another
                             operation; both are judged, the stricter wins */
    bool is_unknown;    /**< one of the two readings leads nowhere */
    bool is_options;    /**< may be a CORS preflight */
    rwith_slice query;  /**< of the target, raw, without the "?" */
} rwith_policy_hit;

/**
 * Find the operation: concrete segments before templated ones, from the
 * left, among the templates that have the method (HEAD: or GET).
 * @param target  raw: origin-form, absolute-form, or "*"
 */
RWITH_API rwith_policy_hit rwith_policy_match(const rwith_policy *policy,
                                              rwith_slice method,
                                              rwith_slice target);

/** Method and template (base path included) of an operation. */
RWITH_API rwith_slice rwith_policy_method(const rwith_policy *policy,
                                          uint32_t operation);
RWITH_API rwith_slice rwith_policy_template(const rwith_policy *policy,
                                            uint32_t operation);

/** What is done about missing credentials of an http scheme. */
typedef enum rwith_credentials_mode {
    RWITH_CREDENTIALS_401, /**< 401 when nothing else is missing */
    RWITH_CREDENTIALS_449,
    RWITH_CREDENTIALS_PASS /**< security requirements are not judged */
} rwith_credentials_mode;

/** How a policy is applied.  All zero: the defaults. */
typedef struct rwith_judge_options {
    rwith_credentials_mode credentials;
    bool report_only;    /**< tell, but always pass */
    bool unknown_refuse; /**< 404 for what no operation covers */
} rwith_judge_options;

typedef enum rwith_action {
    RWITH_ACTION_PASS,
    RWITH_ACTION_REFUSE,
    RWITH_ACTION_NEEDS_BODY
} rwith_action;

/** The words of $retry_with_verdict. */
typedef enum rwith_verdict {
    RWITH_VERDICT_COMPLETE,  /**< "complete" */
    RWITH_VERDICT_UNKNOWN,   /**< "unknown": no operation covers it */
    RWITH_VERDICT_PREFLIGHT, /**< "preflight" */
    RWITH_VERDICT_MISSING,   /**< "missing" */
    RWITH_VERDICT_MALFORMED, /**< "malformed": the body */
    RWITH_VERDICT_UNREAD     /**< "unread": the body was not looked into */
} rwith_verdict;

RWITH_API const char *rwith_verdict_word(rwith_verdict verdict);

/** What to do with a request. */
typedef struct rwith_decision {
    rwith_action action;
    rwith_verdict verdict;
    unsigned status;    /**< REFUSE, or what it would have been when only
                             reported: 449, 401, 400, 404; else 0.
                             NEEDS_BODY: for what the head lacks */
    unsigned substatus; /**< of #RWITH_PLACES, 6: several kinds; else 0 */
    const rwith_members *members; /**< NEEDS_BODY */
    rwith_body_format format;     /**< NEEDS_BODY */
    rwith_slice content_type;     /**< NEEDS_BODY; as received */
    rwith_slice content_encoding; /**< NEEDS_BODY; empty: none */
} rwith_decision;

/** One request's head, while it is looked at.  Private but its size. */
typedef struct rwith_judge {
    const rwith_policy *policy;
    uint32_t operations[2];
    uint64_t seen[2];
    uint64_t filter;
    rwith_slice content_type;
    rwith_slice content_encoding;
    uint8_t operation_count;
    uint8_t preflight;
    bool is_unknown;
    bool is_plain; /* whatever the head says, nothing is missing */
    bool has_body;
    bool has_echo_reply;
    bool is_short; /* the content comes at once, and there is little of it */
    uint8_t chosen;
    uint8_t places; /* bits: where the head lacks something */
} rwith_judge;

/**
 * Start, and look at the query of the hit.
 * @param has_body  content was or will be sent, and it is not known to be
 *                  empty (Content-Length: 0)
 */
RWITH_API void rwith_judge_begin(rwith_judge *judge, const rwith_policy *policy,
                                 const rwith_policy_hit *hit, bool has_body);

/** Bytes of content that are read before an incomplete head is refused. */
#define RWITH_JUDGE_BODY_WITH_HEAD_MAX (64 * 1024)
#define RWITH_JUDGE_LENGTH_UNKNOWN     UINT64_MAX

/**
 * What is known of the content.  A head that lacks something is refused at
 * once, unless its content is short and comes anyway: then the decision is
 * NEEDS_BODY, its verdict is MISSING, and one answer lists what both lack.
 * Not called: at once.
 *
 * @param length  Content-Length, or #RWITH_JUDGE_LENGTH_UNKNOWN: then the
 *                caller sees to the limit, and says of longer content that
 *                it was not looked into
 * @param waits   the client waits for a 100 (Expect)
 */
RWITH_API void rwith_judge_content(rwith_judge *judge, uint64_t length,
                                   bool waits);

/**
 * Does any field matter?  Where none does, rwith_judge_field() need not be
 * called.
 */
RWITH_API bool rwith_judge_wants_fields(const rwith_judge *judge);

/** One field line, in any order.  The bytes must live until the end. */
RWITH_API void rwith_judge_field(rwith_judge *judge, rwith_slice name,
                                 rwith_slice value);

/** The head is over. */
RWITH_API void rwith_judge_end(rwith_judge *judge,
                               const rwith_judge_options *options,
                               rwith_decision *ret);

/**
 * The body is over, or will not be looked into.  What the head lacks counts
 * in any case, and before a malformed body: that is told when the head is
 * complete.
 *
 * @param missing    what rwith_members_end() listed, of the body alone;
 *                   NULL: it was not looked into (too long, a coding that
 *                   is not decoded)
 * @param malformed  it is no JSON (XML, …): 400
 */
RWITH_API void rwith_judge_body(rwith_judge *judge,
                                const rwith_judge_options *options,
                                const rwith_missing_list *missing,
                                bool malformed, rwith_decision *ret);

/**
 * All that the head lacks, a missing body included; behind what the list
 * has.  To be called when the decision is REFUSE, or reports a status.
 */
RWITH_API void rwith_judge_list(const rwith_judge *judge,
                                const rwith_judge_options *options,
                                rwith_missing_list *list);

#ifdef __cplusplus
}
#endif

#endif
