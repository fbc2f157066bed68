/*
 * json_text.c: yajl keeps a string until it is whole, however long it is;
 * this goes through the rest of a long one in its place.  And what yajl does
 * not tell about the strings that it took.
 */
#include "body/json_text.h"

#include <string.h>

/* Stands for itself in a string. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* @return its value; 16: none */
static unsigned hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - (unsigned)'0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - (unsigned)'a' + 10 : 16;
}

/* What was escaped is no second half. */
static void end_half(rwith__json_text *text)
{
    text->has_lone = text->has_lone || text->is_half;
    text->is_half = false;
}

static bool take_digit(rwith__json_text *text, unsigned char c)
{
    unsigned value = hex_value(c);

    text->unit = text->unit << 4 | value;
    if (--text->digits == 0) {
        bool is_second = (text->unit & 0xfc00) == 0xdc00;

        if (is_second && text->is_half) {
            text->is_half = false;
        } else {
            end_half(text);
            text->has_lone = text->has_lone || is_second;
            text->is_half = (text->unit & 0xfc00) == 0xd800;
        }
    }
    return value < 16;
}

/* The lead of a sequence, or a backslash. */
static bool take_first(rwith__json_text *text, unsigned char c)
{
    text->is_escaped = c == '\\';
    text->more = (c & 0xe0) == 0xc0   ? 1
                 : (c & 0xf0) == 0xe0 ? 2
                 : (c & 0xf8) == 0xf0 ? 3
                                      : 0;
    if (!text->is_escaped) {
        end_half(text);
    }
    return text->is_escaped || text->more > 0;
}

/* One byte that is not plain, or not between two characters. */
static bool take(rwith__json_text *text, unsigned char c)
{
    if (text->digits > 0) {
        return take_digit(text, c);
    }
    if (text->more > 0) {
        text->more--;
        return (c & 0xc0) == 0x80;
    }
    if (!text->is_escaped) {
        return take_first(text, c);
    }
    text->is_escaped = false;
    if (c == 'u') {
        text->digits = 4;
        text->unit = 0;
        return true;
    }
    end_half(text);
    return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
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
            size_t from = i;

            while (i + 8 <= len && is_plain_word(bytes + i)) {
                i += 8;
            }
            while (i < len && is_plain((unsigned char)bytes[i])) {
                i++;
            }
            if (i > from) {
                end_half(text);
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

/* An odd number of backslashes in front of the quote, back to that place? */
static bool is_escaped_quote(const char *bytes, size_t start, size_t quote)
{
    size_t slashes = 0;

    while (quote - slashes > start && bytes[quote - slashes - 1] == '\\') {
        slashes++;
    }
    return slashes % 2 != 0;
}

size_t rwith__json_text_end(const char *bytes, size_t start, size_t len)
{
    for (size_t at = start; at < len; at++) {
        const char *quote = memchr(bytes + at, '"', len - at);

        if (quote == NULL) {
            break;
        }
        at = (size_t)(quote - bytes);
        if (!is_escaped_quote(bytes, start, at)) {
            return at;
        }
    }
    return len;
}

/* Behind the opening quote: inside, every quote is escaped. */
static size_t text_start(const char *bytes, size_t quote)
{
    size_t at = quote;

    while (at > 0 &&
           (bytes[at - 1] != '"' || is_escaped_quote(bytes, 0, at - 1))) {
        at--;
    }
    return at;
}

bool rwith__json_text_was_clean(const rwith__json_text *before,
                                const char *bytes, size_t quote)
{
    rwith__json_text text = { 0 };
    size_t start = 0, end = 0;

    if (before != NULL) {
        text = *before;
        if (!rwith__json_text_scan(&text, bytes, quote, &end) || end < quote) {
            before = NULL; /* that one ended, and this is another */
        }
    }
    if (before == NULL) {
        text = (rwith__json_text){ 0 };
        start = text_start(bytes, quote);
        (void)rwith__json_text_scan(&text, bytes + start, quote - start, &end);
    }
    return !text.is_half && !text.has_lone;
}
