/*
 * pointer.h: JSON Pointer (RFC 6901), read where it stands.
 */
#ifndef RWITH_BODY_POINTER_H
#define RWITH_BODY_POINTER_H

#include <retrywith/base.h>

/** Is it empty, or does it begin with "/" and escape well? */
bool rwith__pointer_is_valid(rwith_slice pointer);

/** Number of reference tokens; 0 for the empty pointer. */
size_t rwith__pointer_count(rwith_slice pointer);

/** The i-th reference token, still escaped; i is below the count. */
rwith_slice rwith__pointer_segment(rwith_slice pointer, size_t i);

/** The next unescaped byte of a token; false at its end. */
bool rwith__pointer_next_byte(rwith_slice *segment, char *ret);

/** Does the token name that member? */
bool rwith__pointer_is_key(rwith_slice segment, rwith_slice key);

/** The array index that the token is: digits without leading zeros. */
bool rwith__pointer_is_number(rwith_slice segment, size_t *ret);

#endif
