/*
 * tap.h: the small test kit: TAP on stdout, for prove.
 *
 * Inputs that a parser sees should be made with tap_copy(): an exact-size
 * heap block, so that AddressSanitizer sees an overread by one byte.
 * argv[1] picks rows by prefix: see tap_wants().
 */
#ifndef RWITH_TESTS_TAP_H
#define RWITH_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <retrywith/base.h>

#if defined(__GNUC__)
#define TAP_UNUSED       __attribute__((unused))
#define TAP_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define TAP_UNUSED
#define TAP_PRINTF(a, b)
#endif

static int tap_count, tap_failed;
static const char *tap_pick;

/* Call first in main(). */
TAP_UNUSED static void tap_start(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    tap_pick = argc > 1 ? argv[1] : NULL;
}

/* Should the row of that name run? */
TAP_UNUSED static bool tap_wants(const char *row)
{
    return tap_pick == NULL || strncmp(tap_pick, row, strlen(tap_pick)) == 0;
}

TAP_PRINTF(2, 3)
TAP_UNUSED static bool ok(bool passed, const char *format, ...)
{
    va_list args;

    printf("%sok %d - ", passed ? "" : "not ", ++tap_count);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    tap_failed += !passed;
    return passed;
}

TAP_UNUSED static bool is_int(long long got, long long want, const char *name)
{
    bool passed = got == want;

    ok(passed, "%s", name);
    if (!passed) {
        printf("#   got %lld, expected %lld\n", got, want);
    }
    return passed;
}

/* Print bytes as a comment line, escaped. */
TAP_UNUSED static void tap_show(const char *label, rwith_slice s)
{
    printf("#   %s \"", label);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            putchar(c);
        } else {
            printf("\\x%02x", c);
        }
    }
    printf("\"\n");
}

TAP_UNUSED static bool is_slice(rwith_slice got, rwith_slice want,
                                const char *name)
{
    bool passed = got.len == want.len &&
                  (got.len == 0 || memcmp(got.ptr, want.ptr, got.len) == 0);

    ok(passed, "%s", name);
    if (!passed) {
        tap_show("got     ", got);
        tap_show("expected", want);
    }
    return passed;
}

TAP_UNUSED static bool is_str(rwith_slice got, const char *want,
                              const char *name)
{
    rwith_slice wanted = { want, strlen(want) };

    return is_slice(got, wanted, name);
}

/* An exact-size heap copy; free() its ptr (through tap_free). */
TAP_UNUSED static rwith_slice tap_copy(const char *bytes, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);

    if (copy == NULL) {
        abort();
    }
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return (rwith_slice){ copy, len };
}

TAP_UNUSED static void tap_free(rwith_slice copy)
{
    union {
        const char *from;
        void *to;
    } ptr = { copy.ptr };

    free(ptr.to);
}

/*
 * An allocator that fails its k-th call (from 0; SIZE_MAX: never) and
 * counts: run a scenario once to learn the calls, then once per call.
 */
struct tap_memory {
    size_t calls;
    size_t fail_at;
    size_t live;
};

TAP_UNUSED static void *tap_memory_alloc(size_t size, void *user)
{
    struct tap_memory *memory = user;

    if (memory->calls++ == memory->fail_at) {
        return NULL;
    }
    void *ptr = malloc(size > 0 ? size : 1);
    memory->live += ptr != NULL;
    return ptr;
}

TAP_UNUSED static void tap_memory_free(void *ptr, void *user)
{
    struct tap_memory *memory = user;

    memory->live -= ptr != NULL;
    free(ptr);
}

TAP_UNUSED static rwith_alloc tap_alloc(struct tap_memory *memory)
{
    return (rwith_alloc){ tap_memory_alloc, tap_memory_free, memory };
}

/* Return from main() with it. */
TAP_UNUSED static int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed == 0 ? 0 : 1;
}

#endif
