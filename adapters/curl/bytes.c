/*
 * Memory of the driver, and bytes that grow up to a limit.
 */
#include <adapters/curl/bytes.h>

#include <stdlib.h>
#include <string.h>

void *rwith__curl_alloc(const rwith_alloc *mem, size_t size)
{
    return mem != NULL ? mem->alloc(size, mem->user) : malloc(size);
}

void rwith__curl_release(const rwith_alloc *mem, void *ptr)
{
    if (mem != NULL) {
        mem->free(ptr, mem->user);
    } else {
        free(ptr);
    }
}

static int bytes_reserve(rwith_curl_bytes *bytes, const rwith_alloc *mem,
                         size_t need)
{
    size_t cap = bytes->cap > 0 ? bytes->cap : 1024;

    while (cap < need) {
        cap *= 2;
    }
    if (cap == bytes->cap) {
        return RWITH_OK;
    }
    char *grown = rwith__curl_alloc(mem, cap);
    if (grown == NULL) {
        return RWITH_ENOMEM;
    }
    if (bytes->len > 0) {
        memcpy(grown, bytes->ptr, bytes->len);
    }
    rwith__curl_release(mem, bytes->ptr);
    bytes->ptr = grown;
    bytes->cap = cap;
    return RWITH_OK;
}

int rwith__curl_bytes_add(rwith_curl_bytes *bytes, const rwith_alloc *mem,
                          const void *ptr, size_t len, size_t max)
{
    if (len == 0) {
        return RWITH_OK;
    }
    if (len > max || bytes->len > max - len) {
        return RWITH_ERANGE;
    }
    if (bytes_reserve(bytes, mem, bytes->len + len) != RWITH_OK) {
        return RWITH_ENOMEM;
    }
    memcpy(bytes->ptr + bytes->len, ptr, len);
    bytes->len += len;
    return RWITH_OK;
}

int rwith__curl_bytes_end(rwith_curl_bytes *bytes, const rwith_alloc *mem)
{
    if (bytes_reserve(bytes, mem, bytes->len + 1) != RWITH_OK) {
        return RWITH_ENOMEM;
    }
    bytes->ptr[bytes->len] = '\0';
    return RWITH_OK;
}

void rwith__curl_bytes_wipe(rwith_curl_bytes *bytes)
{
    volatile char *p = bytes->ptr;

    for (size_t i = 0; i < bytes->cap; i++) {
        p[i] = 0;
    }
    bytes->len = 0;
}

void rwith__curl_bytes_free(rwith_curl_bytes *bytes, const rwith_alloc *mem)
{
    rwith__curl_release(mem, bytes->ptr);
    *bytes = (rwith_curl_bytes){ NULL, 0, 0 };
}
