/*
 * message.h: what the core sees of HTTP messages: borrowed views that an
 * adapter fills from its host's own structures.
 */
#ifndef RWITH_MESSAGE_H
#define RWITH_MESSAGE_H

#include <retrywith/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Scheme, host and port: the only audience that a value may have. */
typedef struct rwith_origin {
    rwith_slice scheme; /**< "http" or "https", lower case */
    rwith_slice host;   /**< lower case, IPv6 in brackets, no final dot */
    uint16_t port;      /**< never 0: the scheme's default is spelt out */
} rwith_origin;

/**
 * Read "http[s]://host[:port]" and nothing behind it but an optional "/".
 *
 * Upper case in scheme or host is accepted when @a buf is given: the lower
 * case copy goes there.  Userinfo, a path, a query or a fragment: ESYNTAX.
 *
 * @param buf       may be NULL; @a buf_len bytes, at least text.len
 * @param ret       written only on success; slices into @a text or @a buf
 * @param ret_rest  may be NULL: then nothing may follow; otherwise gets what
 *                  follows the authority (path, query), empty or "/…" or "?…"
 * @return #RWITH_OK, #RWITH_ESYNTAX, #RWITH_ESPACE
 */
RWITH_API int rwith_origin_parse(rwith_slice text, char *buf, size_t buf_len,
                                 rwith_origin *ret, rwith_slice *ret_rest);

/** Same scheme, host and port. */
RWITH_API bool rwith_origin_equal(const rwith_origin *a, const rwith_origin *b);

/** The request as the client made it, before anything is added. */
typedef struct rwith_request {
    rwith_slice method; /**< case-sensitive token */
    rwith_origin origin;
    rwith_slice target; /**< origin-form, raw bytes: path[?query]; or "*" */
    const rwith_field *fields;
    size_t field_count;
    bool has_body;       /**< content will be or was sent, even if empty */
    bool is_replayable;  /**< the same content can be sent again; no content
                              counts as replayable */
    bool may_patch_body; /**< the adapter can insert members into it */
    bool may_add;        /**< false: nothing that the client did not send
                              may be added but an echo (rules of trust, 4) */
} rwith_request;

/** A response's head; the body is seen through facts only. */
typedef struct rwith_response {
    unsigned status;    /**< 200..599; 1xx never come here */
    rwith_slice reason; /**< as received; empty over HTTP/2 and HTTP/3 */
    const rwith_field *fields;
    size_t field_count;
} rwith_response;

/**
 * The first field line of that name, or NULL.  Names compare without case.
 */
RWITH_API const rwith_field *rwith_fields_find(const rwith_field *fields,
                                               size_t field_count,
                                               rwith_slice name);

#ifdef __cplusplus
}
#endif

#endif
