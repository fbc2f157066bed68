/*
 * json_text.h: the inside of a JSON string, scanned without keeping it.
 */
#ifndef RWITH_BODY_JSON_TEXT_H
#define RWITH_BODY_JSON_TEXT_H

#include <retrywith/base.h>

/** Where in a string the bytes so far end. */
typedef struct rwith__json_text {
    unsigned hex;    /* digits of \uXXXX to come */
    unsigned more;   /* bytes of a UTF-8 sequence to come */
    bool is_escaped; /* the byte before was a backslash */
} rwith__json_text;

/** Between two characters? */
static inline bool rwith__json_text_is_whole(const rwith__json_text *text)
{
    return text->hex == 0 && text->more == 0 && !text->is_escaped;
}

/**
 * Scan until the closing quote.  Takes and refuses exactly what yajl does.
 * @param ret_end  the quote's place, or len
 * @return false: no JSON string
 */
bool rwith__json_text_scan(rwith__json_text *text, const char *bytes,
                           size_t len, size_t *ret_end);

#endif
