/*
 * media_type.c: type and parameters of a Content-Type or Content-Disposition
 * (RFC 9110 5.6.6), read where they stand.
 */
#include "body/media_type.h"

#include <string.h>

rwith_slice rwith__media_type(rwith_slice content_type)
{
    const char *stop = content_type.len > 0
                           ? memchr(content_type.ptr, ';', content_type.len)
                           : NULL;

    if (stop != NULL) {
        content_type.len = (size_t)(stop - content_type.ptr);
    }
    return rwith_slice_trim(content_type);
}

bool rwith__media_type_ends(rwith_slice type, rwith_slice suffix)
{
    if (type.len <= suffix.len || memchr(type.ptr, '/', type.len) == NULL) {
        return false;
    }
    rwith_slice end = { type.ptr + type.len - suffix.len, suffix.len };
    return rwith_slice_equal_nocase(end, suffix);
}

static bool is_name_end(char c)
{
    return memchr("=; \t", c, 4) != NULL;
}

/* Past a quoted string that begins at `at`; 0: it does not end. */
static size_t skip_quoted(rwith_slice s, size_t at)
{
    for (at++; at < s.len; at++) {
        if (s.ptr[at] == '\\') {
            at++;
        } else if (s.ptr[at] == '"') {
            return at + 1;
        }
    }
    return 0;
}

static size_t skip_space(rwith_slice s, size_t at)
{
    while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t')) {
        at++;
    }
    return at;
}

/* The next parameter from *at on, which is moved behind it. */
static bool next_parameter(rwith_slice s, size_t *at, rwith_slice *ret_name,
                           rwith_slice *ret_value)
{
    size_t i = *at;

    while (i < s.len &&
           (s.ptr[i] == ';' || s.ptr[i] == ' ' || s.ptr[i] == '\t')) {
        i++;
    }
    size_t start = i;
    while (i < s.len && !is_name_end(s.ptr[i])) {
        i++;
    }
    *ret_name = (rwith_slice){ s.ptr + start, i - start };
    *ret_value = (rwith_slice){ s.ptr + i, 0 };
    size_t equals = skip_space(s, i);
    if (equals < s.len && s.ptr[equals] == '=') {
        start = i = skip_space(s, equals + 1);
        if (i < s.len && s.ptr[i] == '"') {
            i = skip_quoted(s, i);
            if (i == 0) {
                return false;
            }
            *ret_value = (rwith_slice){ s.ptr + start + 1, i - start - 2 };
        } else {
            while (i < s.len && s.ptr[i] != ';') {
                i++;
            }
            *ret_value =
                rwith_slice_trim((rwith_slice){ s.ptr + start, i - start });
        }
    }
    bool is_more = i > *at;
    *at = i;
    return is_more && ret_name->len > 0;
}

bool rwith__media_parameter(rwith_slice value, rwith_slice name,
                            rwith_slice *ret)
{
    const char *stop = value.len > 0 ? memchr(value.ptr, ';', value.len) : NULL;
    size_t at = stop != NULL ? (size_t)(stop - value.ptr) : value.len;
    size_t count = 0;
    rwith_slice this_name, this_value;

    while (next_parameter(value, &at, &this_name, &this_value)) {
        if (rwith_slice_equal_nocase(this_name, name)) {
            *ret = this_value;
            count++;
        }
    }
    return count == 1;
}
