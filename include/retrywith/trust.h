/*
 * trust.h: who may be given what (the rules of trust, docs/architecture.md).
 * Every adapter asks here; none decides for itself.
 */
#ifndef RWITH_TRUST_H
#define RWITH_TRUST_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/message.h>
#include <retrywith/requirement.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * May a challenge make us send a field of that name?  No for what frames,
 * routes, conditions or authenticates a message (rule 2), and for what is no
 * token or longer than #RWITH_REQUIREMENT_NAME_MAX.  "_" counts as "-": CGI
 * makes the same of both.  A field that the user configured is asked about
 * here too.
 */
RWITH_API bool rwith_trust_field_may_be_set(rwith_slice name);

/**
 * May a server choose this name for a field that it also gives the value of
 * (SAS Viya's CSRF header)?  Only names of token headers:
 * "x-csrf-…", "x-xsrf-…", "csrf-token", "xsrf-token", "…-csrf-token",
 * "…-crumb".
 */
RWITH_API bool rwith_trust_field_may_be_named(rwith_slice name);

/** May these bytes be a field value: no CR, LF, NUL or other control but
 * tab, at most @a max bytes. */
RWITH_API bool rwith_trust_value_ok(rwith_slice value, size_t max);

/** What a relay does with a request of a client (rule 4). */
typedef enum rwith_trust_verdict {
    RWITH_TRUST_ADD,         /**< a client of ours: values may be added */
    RWITH_TRUST_PASS,        /**< pass it on, add nothing */
    RWITH_TRUST_MISDIRECTED, /**< 421: the Host is none of our names */
    RWITH_TRUST_METHOD       /**< 405: TRACE, CONNECT */
} rwith_trust_verdict;

/** What the relay listens as. */
typedef struct rwith_trust_names {
    const rwith_slice *authorities; /**< "host:port" or "host", lower case */
    size_t count;
} rwith_trust_names;

/**
 * Judge a request that came to a relay, by its Host (or absolute-form
 * authority), Origin, Sec-Fetch-Site and method.
 *
 * @param host      the authority of the request as received; empty: none
 * @param fields    all field lines
 * @param target    raw target
 */
RWITH_API rwith_trust_verdict rwith_trust_judge(
    const rwith_trust_names *names, rwith_slice method, rwith_slice host,
    rwith_slice target, const rwith_field *fields, size_t field_count);

/**
 * Copy @a in for a terminal, a log or a problem detail: control bytes
 * (C0, DEL, C1), quotes, backslash and invalid UTF-8 become \xNN (quote and
 * backslash \" and \\).  Writes whole characters only, always a final NUL.
 *
 * @return bytes written without the NUL; "…" ends what did not fit
 */
RWITH_API size_t rwith_trust_escape(rwith_slice in, char *buf, size_t buf_len);

#ifdef __cplusplus
}
#endif

#endif
