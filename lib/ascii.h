/*
 * ascii.h: the classes of bytes that the grammars of HTTP and of our own
 * files are made of.  One table, no locale.
 */
#ifndef RWITH_LIB_ASCII_H
#define RWITH_LIB_ASCII_H

#include <retrywith/base.h>

#define RWITH__CH_TOKEN 0x01 /* tchar, RFC 9110 5.6.2 */
#define RWITH__CH_OWS   0x02 /* space and tab */
#define RWITH__CH_DIGIT 0x04
#define RWITH__CH_LOWER 0x08
#define RWITH__CH_UPPER 0x10
#define RWITH__CH_CTL   0x20 /* C0 and DEL */
#define RWITH__CH_HIGH  0x40 /* from 0x80 */
#define RWITH__CH_HOST                                                         \
    0x80 /* of a reg-name or an IPv4 address, as we                            \
            accept it: unreserved less "~" */
#define RWITH__CH_ALPHA (RWITH__CH_LOWER | RWITH__CH_UPPER)

extern const uint8_t rwith__ascii[256];

static inline bool rwith__ascii_is(char c, unsigned classes)
{
    return (rwith__ascii[(unsigned char)c] & classes) != 0;
}

static inline char rwith__ascii_lower(char c)
{
    return rwith__ascii_is(c, RWITH__CH_UPPER) ? (char)(c + ('a' - 'A')) : c;
}

/* Is every byte in one of the classes?  True of the empty slice. */
static inline bool rwith__ascii_all(rwith_slice s, unsigned classes)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!rwith__ascii_is(s.ptr[i], classes)) {
            return false;
        }
    }
    return true;
}

/* Is it a token: one byte at least, tchar only? */
static inline bool rwith__ascii_is_token(rwith_slice s)
{
    return s.len > 0 && rwith__ascii_all(s, RWITH__CH_TOKEN);
}

/* rwith_slice_equal_nocase() for loops over tables of names, most of which
 * differ in length or in their first letter already: two bytes that are the
 * same but for their case have all bits in common but that of case. */
static inline bool rwith__ascii_equal(rwith_slice a, rwith_slice b)
{
    return a.len == b.len &&
           (a.len == 0 || ((a.ptr[0] ^ b.ptr[0]) & ~('a' - 'A')) == 0) &&
           rwith_slice_equal_nocase(a, b);
}

/* Does it begin with that, whatever the case of its letters? */
bool rwith__ascii_has_prefix(rwith_slice s, rwith_slice prefix);

/* Where these bytes begin in s; SIZE_MAX: nowhere.  Case counts. */
size_t rwith__ascii_find(rwith_slice s, rwith_slice bytes);

/* The same, whatever the case of letters. */
size_t rwith__ascii_find_nocase(rwith_slice s, rwith_slice bytes);

/*
 * Read a decimal number that fills the slice: digits only, at most max.
 * Writes only on success.
 */
bool rwith__ascii_number(rwith_slice s, uint64_t max, uint64_t *ret);

#endif
