/*
 * insert.h: puts a member into a request's body, as an edit: where, how much
 * goes, and the bytes that come instead.  All other bytes stay as they are.
 * Whether a body may be changed at all is decided elsewhere.
 */
#ifndef RWITH_BODY_INSERT_H
#define RWITH_BODY_INSERT_H

#include <retrywith/base.h>
#include <retrywith/err.h>

#define RWITH_INSERT_DEPTH_MAX 32 /**< reference tokens of the pointer */

/** What to put where. */
typedef struct rwith_insertion {
    rwith_slice pointer; /**< JSON Pointer; in a form "/name" */
    rwith_slice value;   /**< text; in JSON it becomes a string, … */
    bool is_json;        /**< … unless it is JSON text itself */
    bool may_replace;    /**< a value that is there goes */
} rwith_insertion;

/** The result is body[0, at) + text + body[at + removed, end). */
typedef struct rwith_body_edit {
    size_t at;
    size_t removed;
    rwith_slice text; /**< in the caller's buffer */
} rwith_body_edit;

/**
 * JSON (rwith_body_is_json()) and application/x-www-form-urlencoded.
 *
 * JSON: missing objects on the way are made; an array takes a new element at
 * its end ("-" or its length).  Not guessed is whether a missing "0" or "-"
 * should be in an array.  An empty body counts as an empty object.
 *
 * @param mem     NULL: malloc
 * @param buf     for the text: 64 bytes, 6 for each of the pointer's and
 *                the value's are always enough
 * @param ret     written only on success
 * @param reterr_why  may be NULL; written only on failure: one lower-case
 *                    phrase, a literal
 * @return #RWITH_OK;
 *         #RWITH_EDUPLICATE: it is there already, or even twice;
 *         #RWITH_ESYNTAX: the body or the value is malformed;
 *         #RWITH_EUNSUPPORTED: another type of content, or something else
 *         stands in the way; #RWITH_EINVAL: the pointer;
 *         #RWITH_ESPACE, #RWITH_ENOMEM
 */
int rwith_body_insert(const rwith_alloc *mem, rwith_slice content_type,
                      rwith_slice body, const rwith_insertion *insertion,
                      char *buf, size_t buf_len, rwith_body_edit *ret,
                      const char **reterr_why);

/** Is this a form's type, application/x-www-form-urlencoded? */
bool rwith_body_is_form(rwith_slice content_type);

/**
 * Carry an edit out.
 * @param ret  body.len - removed + text.len bytes
 */
void rwith_body_edit_apply(rwith_slice body, const rwith_body_edit *edit,
                           char *ret);

#endif
