/*
 * json_text.c: yajl keeps a string until it is whole, however long it is;
 * this goes through the rest of a long one in its place.
 */
#include "body/json_text.h"

#include <string.h>

/* Stands for itself in a string. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static bool is_hex(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

/* One byte that is not plain, or not between two characters. */
static bool take(rwith__json_text *text, unsigned char c)
{
    if (text->hex > 0) {
        text->hex--;
        return is_hex(c);
    }
    if (text->more > 0) {
        text->more--;
        return (c & 0xc0) == 0x80;
    }
    if (text->is_escaped) {
        text->is_escaped = false;
        text->hex = c == 'u' ? 4 : 0;
        return c == 'u' || (c != '\0' && strchr("\"\\/bfnrt", c) != NULL);
    }
    text->is_escaped = c == '\\';
    text->more = (c & 0xe0) == 0xc0   ? 1
                 : (c & 0xf0) == 0xe0 ? 2
                 : (c & 0xf8) == 0xf0 ? 3
                                      : 0;
    return text->is_escaped || text->more > 0 || is_plain(c);
}

/* Eight bytes that are all plain?  The three sums set the top bit of each
 * byte that is above 0x7f, below 0x20, a quote or a backslash (a carry may
 * set one more, and then the bytes are looked at one by one). */
static bool is_plain_word(const char *bytes)
{
    static const uint64_t ones = 0x0101010101010101u;
    static const uint64_t tops = 0x8080808080808080u;
    uint64_t word, quote, backslash;

    memcpy(&word, bytes, sizeof(word));
    quote = word ^ (ones * '"');
    backslash = word ^ (ones * '\\');
    return ((word | (word - ones * 0x20) | (quote - ones) |
             (backslash - ones)) &
            tops) == 0;
}

bool rwith__json_text_scan(rwith__json_text *text, const char *bytes,
                           size_t len, size_t *ret_end)
{
    size_t i = 0;

    while (i < len) {
        if (rwith__json_text_is_whole(text)) {
            while (i + 8 <= len && is_plain_word(bytes + i)) {
                i += 8;
            }
            while (i < len && is_plain((unsigned char)bytes[i])) {
                i++;
            }
            if (i == len || bytes[i] == '"') {
                break;
            }
        }
        if (!take(text, (unsigned char)bytes[i++])) {
            return false;
        }
    }
    *ret_end = i;
    return true;
}
