/*
 * text.h: writes text into a buffer that is known to be long enough, and
 * stops at its end all the same.
 */
#ifndef RWITH_SANDBOX_TEXT_H
#define RWITH_SANDBOX_TEXT_H

#include <retrywith/base.h>

struct rwith__text {
    char *buf;
    size_t len;
    size_t max;
};

void rwith__text_put(struct rwith__text *text, rwith_slice s);
void rwith__text_puts(struct rwith__text *text, const char *string);
void rwith__text_number(struct rwith__text *text, uint64_t number);

/* As a JSON string with its quotes.  Bytes above 0x7f stand for themselves
 * as Latin-1, so that any bytes can be told from the result. */
void rwith__text_json(struct rwith__text *text, rwith_slice s);

/* With the characters that mean something in HTML escaped. */
void rwith__text_html(struct rwith__text *text, rwith_slice s);

void rwith__text_hex(struct rwith__text *text, const uint8_t *bytes,
                     size_t len);

#endif
