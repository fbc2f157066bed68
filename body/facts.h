/*
 * facts.h: what a bounded, possibly truncated prefix of a response's body
 * says (retrywith/challenge.h).
 */
#ifndef RWITH_BODY_FACTS_H
#define RWITH_BODY_FACTS_H

#include <retrywith/base.h>
#include <retrywith/challenge.h>

#define RWITH_FACT_DEPTH_MAX 64 /**< objects and arrays inside each other */

/**
 * Look for facts.
 *
 * JSON is read when the content type says application/json, text/json or
 * anything+json, and also when it does not but the body begins with "{" or
 * "[" (after white space and a byte order mark): SAS and iFlow send theirs as
 * text/html.  What stands before the place where the bytes stop being JSON,
 * or simply stop, counts.  A number at the very end of the prefix does not:
 * more digits may follow.
 *
 * A "*" segment stands for every element of an array (a member of an object
 * only when it is called "*").  Of a member given twice both values are
 * reported, in the order of the body.  A value that no longer fits into
 * @a buf is left out, never cut.  No more than #RWITH_CHALLENGE_BODY_MAX
 * bytes are looked at.
 *
 * @param content_type  the field's value; may be empty
 * @param wants         at most #RWITH_FACT_WANT_MAX; more are not looked at
 * @param ret_facts     at least @a max elements
 * @param buf           values are copied here, unescaped
 * @return number of facts; when memory is short, those found so far
 */
size_t rwith_body_facts(rwith_slice content_type, rwith_slice prefix,
                        const rwith_fact_want *wants, size_t want_count,
                        rwith_fact *ret_facts, size_t max, char *buf,
                        size_t buf_len);

/** The same with memory from @a mem (NULL: malloc) and not more than some
 * hundred KiB of it at a time. */
size_t rwith_body_facts_in(const rwith_alloc *mem, rwith_slice content_type,
                           rwith_slice prefix, const rwith_fact_want *wants,
                           size_t want_count, rwith_fact *ret_facts, size_t max,
                           char *buf, size_t buf_len);

/** Is this the type of a JSON document: application/json, text/json,
 * anything+json, whatever the parameters? */
bool rwith_body_is_json(rwith_slice content_type);

#endif
