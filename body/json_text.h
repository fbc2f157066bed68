/*
 * json_text.h: the inside of a JSON string, scanned without keeping it.
 */
#ifndef RWITH_BODY_JSON_TEXT_H
#define RWITH_BODY_JSON_TEXT_H

#include <retrywith/base.h>

/** Where in a string the bytes so far end; zero-initialise. */
typedef struct rwith__json_text {
    unsigned digits; /* of \uXXXX to come, */
    unsigned unit;   /* and those that were there */
    unsigned more;   /* bytes of a UTF-8 sequence to come */
    bool is_escaped; /* the byte before was a backslash */
    bool is_half;    /* the character before was the first half of a pair */
    bool has_lone;   /* half a surrogate pair stood alone: no character */
} rwith__json_text;

/** Between two characters? */
static inline bool rwith__json_text_is_whole(const rwith__json_text *text)
{
    return text->digits == 0 && text->more == 0 && !text->is_escaped;
}

/**
 * Scan until the closing quote.  Takes and refuses exactly what yajl does.
 * @param ret_end  the quote's place, or len
 * @return false: no JSON string
 */
bool rwith__json_text_scan(rwith__json_text *text, const char *bytes,
                           size_t len, size_t *ret_end);

/** The closing quote of a string that yajl took, or len.
 * @param start  behind its opening quote */
size_t rwith__json_text_end(const char *bytes, size_t start, size_t len);

/**
 * Were all escapes of a string that yajl took characters (RFC 8259 8.2)?  Of
 * half a surrogate pair yajl makes another character ("?", or one beyond
 * U+FFFF), and so of one name another.
 *
 * @param before  what was in it before these bytes; NULL: it begins in them
 * @param quote   its closing quote
 */
bool rwith__json_text_was_clean(const rwith__json_text *before,
                                const char *bytes, size_t quote);

#endif
