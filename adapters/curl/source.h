/*
 * source.h: the content of a request, which can be read again.
 */
#ifndef RWITH_CURL_SOURCE_H
#define RWITH_CURL_SOURCE_H

#include <retrywith/curl.h>

typedef struct rwith_curl_source {
    const rwith_curl_body *body;
    rwith_slice patched; /* in place of the body, when is_patched */
    bool is_patched;
    bool is_replayable;
    bool is_used;    /* some of it was read since the last rewind */
    bool is_broken;  /* reading or going back failed */
    curl_off_t size; /* -1: not known */
    off_t start;     /* FILE: where the content begins */
    size_t at;       /* MEMORY */
} rwith_curl_source;

void rwith__curl_source_init(rwith_curl_source *source,
                             const rwith_curl_body *body);

/* Back to the first byte. @return false: that cannot be done */
bool rwith__curl_source_rewind(rwith_curl_source *source);

/* CURLOPT_READFUNCTION's and CURLOPT_SEEKFUNCTION's work. */
size_t rwith__curl_source_read(rwith_curl_source *source, char *buf,
                               size_t len);
int rwith__curl_source_seek(rwith_curl_source *source, curl_off_t offset,
                            int origin);

/* Send other bytes instead; an empty slice with is_patched false: its own. */
void rwith__curl_source_patch(rwith_curl_source *source, rwith_slice bytes,
                              bool is_patched);

/* All of it, when it is in memory. */
bool rwith__curl_source_memory(const rwith_curl_source *source,
                               rwith_slice *ret);

#endif
