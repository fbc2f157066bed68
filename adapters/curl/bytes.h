/*
 * bytes.h: bytes that grow up to a limit.
 */
#ifndef RWITH_CURL_BYTES_H
#define RWITH_CURL_BYTES_H

#include <retrywith/base.h>
#include <retrywith/err.h>

typedef struct rwith_curl_bytes {
    char *ptr;
    size_t len;
    size_t cap;
} rwith_curl_bytes;

/* Memory by an allocator that may be NULL. */
void *rwith__curl_alloc(const rwith_alloc *mem, size_t size);
void rwith__curl_release(const rwith_alloc *mem, void *ptr);

/* RWITH_OK, RWITH_ENOMEM, RWITH_ERANGE (over max; nothing was added) */
int rwith__curl_bytes_add(rwith_curl_bytes *bytes, const rwith_alloc *mem,
                          const void *ptr, size_t len, size_t max);

/* With a final NUL that is not counted. */
int rwith__curl_bytes_end(rwith_curl_bytes *bytes, const rwith_alloc *mem);

/* Overwrite all of it: secrets do not stay behind in memory that is kept. */
void rwith__curl_bytes_wipe(rwith_curl_bytes *bytes);

void rwith__curl_bytes_free(rwith_curl_bytes *bytes, const rwith_alloc *mem);

#endif
