/*
 * rewrite.h: the names in messages that a relay must translate, because the
 * client speaks to the relay and the origin to itself: Destination, tagged
 * If lists, Origin and Referer on the way in; Location, Content-Location and
 * Set-Cookie on the way back (RFC 4918 8.3, 10.3, 10.4; RFC 9110 7.6).
 * The hrefs of a multistatus are body/multistatus.h's.
 */
#ifndef RWITH_REWRITE_H
#define RWITH_REWRITE_H

#include <retrywith/base.h>
#include <retrywith/err.h>
#include <retrywith/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The two names of one resource tree. */
typedef struct rwith_mapping {
    rwith_origin front;      /**< as the client sees it (from its Host) */
    rwith_origin back;       /**< the origin */
    rwith_slice back_prefix; /**< path prefix at the origin, "" or "/dav":
                                  no final slash */
} rwith_mapping;

/**
 * Is a field of that name translated in that direction at all?  Most are
 * not, and an adapter that knows so need not find out its names first.
 */
RWITH_API bool rwith_rewrite_has_field(bool is_request, rwith_slice name);

/**
 * Translate one field's value.  Whether a field is translated, and how, is a
 * table in lib/rewrite.c.
 *
 * @param is_request  towards the origin; false: towards the client
 * @param buf         the new value; value.len + 1024 bytes are enough for
 *                    one URI, an If list needs more for each of its tags
 * @param ret_changed false: use @a value as it is, @a buf was not touched
 * @return bytes written in *ret_len with #RWITH_OK; #RWITH_ESPACE
 */
RWITH_API int rwith_rewrite_field(const rwith_mapping *mapping, bool is_request,
                                  rwith_slice name, rwith_slice value,
                                  char *buf, size_t buf_len, size_t *ret_len,
                                  bool *ret_changed);

/**
 * Translate one URI reference that may be absolute: used for hrefs.
 * @return as above
 */
RWITH_API int rwith_rewrite_uri(const rwith_mapping *mapping, bool is_request,
                                rwith_slice uri, char *buf, size_t buf_len,
                                size_t *ret_len, bool *ret_changed);

/** Is this a field that belongs to one connection only (RFC 9110 7.6.1),
 * given the Connection field's value (may be empty)? */
RWITH_API bool rwith_rewrite_is_hop_by_hop(rwith_slice name,
                                           rwith_slice connection);

#ifdef __cplusplus
}
#endif

#endif
