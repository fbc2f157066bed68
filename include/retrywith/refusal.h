/*
 * refusal.h: the answer to a request that lacks something: status line,
 * header fields and a body that names all of it, as problem+json,
 * problem+xml, a page for people or plain text.
 *
 * Everything comes from the policy.  Nothing of the request is in it, but
 * for one case that the caller has to ask for: rwith_refusal.form.
 */
#ifndef RWITH_REFUSAL_H
#define RWITH_REFUSAL_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/member.h>
#include <retrywith/message.h>
#include <retrywith/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWITH_REFUSAL_FIELD_MAX 16          /**< fields of one answer */
#define RWITH_REFUSAL_FORM_MAX  (16 * 1024) /**< bytes of a form sent again */
#define RWITH_REFUSAL_TEXT_MAX  1024        /**< bytes of one description */
#define RWITH_REFUSAL_SCHEMA_MAX                                               \
    2048 /**< bytes of one schema; longer                                      \
              ones are left out */

typedef enum rwith_refusal_format {
    RWITH_REFUSAL_JSON, /**< application/problem+json: the default */
    RWITH_REFUSAL_XML,  /**< application/problem+xml */
    RWITH_REFUSAL_HTML,
    RWITH_REFUSAL_TEXT
} rwith_refusal_format;

/**
 * The representation that an Accept value asks for: the highest weight wins,
 * the more specific range gives a type's weight, ties go by the order of the
 * enum.  What accepts none of them, and what makes no sense, gets JSON.
 * @param accept  the lines joined with commas; empty: none
 */
RWITH_API rwith_refusal_format rwith_refusal_negotiate(rwith_slice accept);

/** The media type of a representation, with its charset. */
RWITH_API const char *rwith_refusal_media_type(rwith_refusal_format format);

/** What an answer is made of.  Zero-initialise, then set. */
typedef struct rwith_refusal {
    unsigned status;       /**< of the decision: 449, 401, 400, 404 */
    rwith_verdict verdict; /**< MISSING, MALFORMED or UNKNOWN */
    const rwith_missing_list *missing; /**< for MISSING */
    rwith_slice accept;                /**< the request's Accept; empty: none */
    bool is_head;       /**< no body is sent; its length is told */
    rwith_slice method; /**< rwith_policy_method() of the operation, for
                             the lines of commands; empty: GET */
    rwith_slice reason; /**< of a 449; empty: "Retry With" */
    rwith_slice realm;  /**< for WWW-Authenticate; empty: "api" */
    rwith_slice cors;   /**< an origin, or an asterisk: its scripts may read
                             the answer and the fields of the challenge.
                             Empty: no CORS fields */
    bool has_body;      /**< the request had one */
    rwith_slice form;   /**< a urlencoded body of the request, at most
                             #RWITH_REFUSAL_FORM_MAX bytes, so that the
                             page can send it again: its fields go into
                             the page's form, escaped, and back to nobody
                             but the client that sent them.  Only used in
                             HTML.  Empty: a request with a body gets
                             commands instead.  Ask
                             rwith_refusal_may_carry_form() first */
} rwith_refusal;

/**
 * Is the refused request a form that its page may carry: a POST of at most
 * #RWITH_REFUSAL_FORM_MAX bytes, not coded, not waiting for a 100, whose
 * sender wants HTML, and which a page of the same origin sent
 * (Sec-Fetch-Site, Origin)?  A form of a foreign page must not be sent again
 * with what the reader of ours fills in.
 *
 * @param refusal   all but the form is set
 * @param fields    all field lines of the request
 * @param body_len  of the request; 0: none, or not known
 */
RWITH_API bool rwith_refusal_may_carry_form(const rwith_refusal *refusal,
                                            const rwith_field *fields,
                                            size_t count, uint64_t body_len);

/** An answer; slices point into the caller's buffer or to constants. */
typedef struct rwith_refusal_answer {
    unsigned status;
    rwith_slice reason;
    rwith_field fields[RWITH_REFUSAL_FIELD_MAX];
    size_t field_count; /**< Content-Length is not among them */
    rwith_slice body;   /**< empty for HEAD */
    size_t body_len;    /**< of the body that GET would get */
    rwith_refusal_format format;
} rwith_refusal_answer;

/**
 * Write an answer.
 *
 * @param reterr_need  bytes that the buffer should have had; only written
 *                     with #RWITH_ESPACE; may be NULL
 * @return #RWITH_OK, #RWITH_ESPACE
 */
RWITH_API int rwith_refusal_write(const rwith_refusal *refusal, char *buf,
                                  size_t buf_len, rwith_refusal_answer *ret,
                                  size_t *reterr_need);

/** Bytes of an echo value. */
#define RWITH_REFUSAL_ECHO_LEN 16

/**
 * The value of Ms-Echo-Request: opaque, and the same for the same list of
 * missing things on every server of a fleet, because it is a hash of their
 * places and names.  It says nothing that the body does not say, and what
 * comes back is never examined (MS-WDV 2.2.8), so it needs no key.
 */
RWITH_API void rwith_refusal_echo(const rwith_missing_list *missing,
                                  char ret[RWITH_REFUSAL_ECHO_LEN]);

#ifdef __cplusplus
}
#endif

#endif
