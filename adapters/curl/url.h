/*
 * url.h: where a request goes: the URL as it is sent, and its origin and
 * target as the core sees them.
 */
#ifndef RWITH_CURL_URL_H
#define RWITH_CURL_URL_H

#include <adapters/curl/bytes.h>
#include <retrywith/message.h>

#include <curl/curl.h>

typedef struct rwith_curl_url {
    const char *text; /* without userinfo and fragment, NUL-terminated */
    rwith_origin origin;
    rwith_slice target;   /* begins with "/" */
    char *userpwd;        /* of the URL, decoded; NULL: none */
    rwith_curl_bytes own; /* what does not lie in the caller's text */
    rwith_curl_bytes lower;
} rwith_curl_url;

/*
 * Read a URL.  Slices point into text (which stays the caller's) where it
 * needs no change.
 * base  the URL that text is relative to; NULL: none
 * ret   free it in any case
 */
CURLcode rwith__curl_url_read(rwith_curl_url *ret, const rwith_alloc *mem,
                              const char *base, const char *text);

/* The URL of another target at the same origin. */
CURLcode rwith__curl_url_at(const rwith_curl_url *url, const rwith_alloc *mem,
                            rwith_slice target, rwith_curl_bytes *ret);

void rwith__curl_url_free(rwith_curl_url *url, const rwith_alloc *mem);

#endif
