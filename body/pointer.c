/*
 * pointer.c: the tokens of a JSON Pointer, compared and unescaped without a
 * copy.
 */
#include "body/pointer.h"

#include <string.h>

bool rwith__pointer_is_valid(rwith_slice pointer)
{
    if (pointer.len > 0 && pointer.ptr[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < pointer.len; i++) {
        if (pointer.ptr[i] == '~' &&
            (i + 1 == pointer.len ||
             (pointer.ptr[i + 1] != '0' && pointer.ptr[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

size_t rwith__pointer_count(rwith_slice pointer)
{
    size_t count = 0;

    for (size_t i = 0; i < pointer.len; i++) {
        count += pointer.ptr[i] == '/';
    }
    return count;
}

rwith_slice rwith__pointer_segment(rwith_slice pointer, size_t i)
{
    const char *p = pointer.ptr + 1; /* behind the first "/" */
    const char *end = pointer.ptr + pointer.len;

    for (; i > 0; i--) {
        p = (const char *)memchr(p, '/', (size_t)(end - p)) + 1;
    }
    const char *stop = memchr(p, '/', (size_t)(end - p));
    return (rwith_slice){ p, (size_t)((stop != NULL ? stop : end) - p) };
}

bool rwith__pointer_next_byte(rwith_slice *segment, char *ret)
{
    if (segment->len == 0) {
        return false;
    }
    size_t taken = 1;
    *ret = segment->ptr[0];
    if (*ret == '~' && segment->len > 1 &&
        (segment->ptr[1] == '0' || segment->ptr[1] == '1')) {
        *ret = segment->ptr[1] == '0' ? '~' : '/';
        taken = 2;
    }
    segment->ptr += taken;
    segment->len -= taken;
    return true;
}

bool rwith__pointer_is_key(rwith_slice segment, rwith_slice key)
{
    size_t k = 0;
    char c;

    while (rwith__pointer_next_byte(&segment, &c)) {
        if (k == key.len || key.ptr[k++] != c) {
            return false;
        }
    }
    return k == key.len;
}

bool rwith__pointer_is_number(rwith_slice segment, size_t *ret)
{
    size_t value = 0;

    if (segment.len == 0 || segment.len > 9 ||
        (segment.ptr[0] == '0' && segment.len > 1)) {
        return false;
    }
    for (size_t i = 0; i < segment.len; i++) {
        if (segment.ptr[i] < '0' || segment.ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (size_t)(segment.ptr[i] - '0');
    }
    *ret = value;
    return true;
}
