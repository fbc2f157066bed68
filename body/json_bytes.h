/*
 * json_bytes.h: bytes that no JSON text has, and that yajl would take.
 */
#ifndef RWITH_BODY_JSON_BYTES_H
#define RWITH_BODY_JSON_BYTES_H

#include <retrywith/base.h>

/**
 * The next bytes of a JSON text, cut anywhere.
 *
 * @param last  the byte before them; 0 at the beginning
 * @return false: a sequence of UTF-8 that is too long or no character
 *         (RFC 3629 3), a vertical tab or form feed; true says no more than
 *         that there is none: yajl counts the bytes of sequences
 */
bool rwith__json_bytes_are_fine(unsigned char last, const char *bytes,
                                size_t len);

#endif
