/*
 * base.h: the words that every other header uses.
 *
 * The core links with libc alone.  It does no I/O, reads no clock and no
 * environment and keeps no global state: bytes, time, memory and limits are
 * handed in by the caller (docs/architecture.md).
 *
 * Until version 1.0 the API may change with each 0.y.
 */
#ifndef RWITH_BASE_H
#define RWITH_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RWITH_API __attribute__((visibility("default")))
#else
#define RWITH_API
#endif

#define RWITH_VERSION     "0.1.0"
#define RWITH_VERSION_NUM 0x000100

/** The version of the library that runs, as #RWITH_VERSION. @since 0.1 */
RWITH_API const char *rwith_version(void);

/**
 * Borrowed bytes: not NUL-terminated, never freed through this struct.
 * Empty is len == 0; ptr may then be NULL.
 */
typedef struct rwith_slice {
    const char *ptr;
    size_t len;
} rwith_slice;

/** A slice of a string literal. */
#ifdef __cplusplus
#define RWITH_LIT(s) (rwith_slice{ ("" s), sizeof(s) - 1 })
#else
#define RWITH_LIT(s) ((rwith_slice){ ("" s), sizeof(s) - 1 })
#endif

/** A slice of a NUL-terminated string; NULL gives the empty slice. */
RWITH_API rwith_slice rwith_slice_of(const char *string);

/** Same bytes. */
RWITH_API bool rwith_slice_equal(rwith_slice a, rwith_slice b);

/** Same bytes but for the case of ASCII letters. */
RWITH_API bool rwith_slice_equal_nocase(rwith_slice a, rwith_slice b);

/** @a s without the spaces and tabs around it (RFC 9110 5.6.3, OWS). */
RWITH_API rwith_slice rwith_slice_trim(rwith_slice s);

/**
 * Where memory comes from.  @a alloc returns NULL when there is none; @a free
 * accepts NULL.  A caller with a pool gives a @a free that does nothing.
 * A NULL rwith_alloc pointer means malloc and free.
 */
typedef struct rwith_alloc {
    void *(*alloc)(size_t size, void *user);
    void (*free)(void *ptr, void *user);
    void *user;
} rwith_alloc;

/** One header field line, as received: name and value without outer OWS. */
typedef struct rwith_field {
    rwith_slice name;
    rwith_slice value;
} rwith_field;

/** Where a text file of ours is wrong, and what was expected there. */
typedef struct rwith_diagnostic {
    size_t line;    /**< from 1; 0: the file as a whole */
    size_t column;  /**< from 1, in bytes; 0: the line as a whole */
    char text[200]; /**< one sentence without the place, NUL-terminated;
                         bytes of the file in it are escaped */
} rwith_diagnostic;

#ifdef __cplusplus
}
#endif

#endif
