/*
 * base.c: the version, and what every module does with borrowed bytes.
 * Knows nothing of HTTP beyond optional white space.
 */
#include <retrywith/base.h>

#include <string.h>

#include "lib/ascii.h"

const char *rwith_version(void)
{
    return RWITH_VERSION;
}

rwith_slice rwith_slice_of(const char *string)
{
    if (string == NULL) {
        return (rwith_slice){ 0 };
    }
    return (rwith_slice){ string, strlen(string) };
}

bool rwith_slice_equal(rwith_slice a, rwith_slice b)
{
    /* memcmp() may not be given NULL, not even with a length of 0. */
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool rwith_slice_equal_nocase(rwith_slice a, rwith_slice b)
{
    if (a.len != b.len) {
        return false;
    }
    /* Most that are equal are so to the letter. */
    if (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0) {
        return true;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (a.ptr[i] != b.ptr[i] &&
            rwith__ascii_lower(a.ptr[i]) != rwith__ascii_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

rwith_slice rwith_slice_trim(rwith_slice s)
{
    while (s.len > 0 && rwith__ascii_is(s.ptr[0], RWITH__CH_OWS)) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && rwith__ascii_is(s.ptr[s.len - 1], RWITH__CH_OWS)) {
        s.len--;
    }
    return s;
}
