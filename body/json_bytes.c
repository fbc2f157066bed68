/*
 * json_bytes.c: what yajl takes and RFC 8259 does not: overlong sequences,
 * surrogates and what is above U+10FFFF, by which a name could be spelled as
 * the upstream does not read it, and two control characters as white space.
 * All show in two bytes that stand together; nothing else is looked at.
 */
#include "body/json_bytes.h"

#define BLOCK 128 /* bytes judged at once */

/* Without branches, so that the compiler can judge many bytes at once:
 * nothing above ASCII, and neither \v nor \f? */
static bool is_plain_block(const unsigned char *bytes)
{
    unsigned char high = 0, refused = 0;

    for (size_t i = 0; i < BLOCK; i++) {
        high |= bytes[i];
        refused |= (unsigned char)(bytes[i] - '\v') < 2;
    }
    return high < 0x80 && refused == 0;
}

static inline unsigned char is_refused(unsigned char c)
{
    return (unsigned char)((unsigned char)(c - '\v') < 2) |
           (unsigned char)((c & 0xfe) == 0xc0) | (unsigned char)(c > 0xf4);
}

/* Is b refused behind that lead (RFC 3629 4)? */
static inline unsigned char is_refused_behind(unsigned char a, unsigned char b)
{
    return (unsigned char)((a == 0xe0) & (b < 0xa0)) |
           (unsigned char)((a == 0xed) & (b > 0x9f)) |
           (unsigned char)((a == 0xf0) & (b < 0x90)) |
           (unsigned char)((a == 0xf4) & (b > 0x8f));
}

/* Each byte, and the one behind it: BLOCK + 1 bytes are read. */
static bool is_fine_block(const unsigned char *bytes)
{
    unsigned char refused = 0;

    for (size_t i = 0; i < BLOCK; i++) {
        refused |=
            is_refused(bytes[i]) | is_refused_behind(bytes[i], bytes[i + 1]);
    }
    return refused == 0;
}

bool rwith__json_bytes_are_fine(unsigned char last, const char *bytes,
                                size_t len)
{
    const unsigned char *at = (const unsigned char *)bytes;

    if (len == 0) {
        return true;
    }
    unsigned char refused = is_refused_behind(last, at[0]);
    for (; len > BLOCK; at += BLOCK, len -= BLOCK) {
        if (!is_plain_block(at) && !is_fine_block(at)) {
            return false;
        }
    }
    for (; len > 1; at++, len--) {
        refused |= is_refused(at[0]) | is_refused_behind(at[0], at[1]);
    }
    return (refused | is_refused(at[0])) == 0;
}
