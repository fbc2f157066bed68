/*
 * insert_text.h: what the two halves of insert.h share: insert.c has the
 * forms, insert_json.c JSON.
 */
#ifndef RWITH_BODY_INSERT_TEXT_H
#define RWITH_BODY_INSERT_TEXT_H

#include "body/insert.h"

/** Bytes for the edit; what does not fit is only counted. */
struct rwith__insert_text {
    char *buf;
    size_t room, len;
};

void rwith__insert_put(struct rwith__insert_text *text, char c);
void rwith__insert_put_all(struct rwith__insert_text *text, rwith_slice bytes);

/** Two digits, upper case. */
void rwith__insert_put_hex(struct rwith__insert_text *text, char c);

/** @return @a err, with the reason told */
int rwith__insert_fail(const char **reterr_why, int err, const char *why);

/** The edit, if the text did fit. */
int rwith__insert_finish(const struct rwith__insert_text *text, size_t at,
                         size_t removed, rwith_body_edit *ret,
                         const char **reterr_why);

int rwith__insert_json(const rwith_alloc *mem, rwith_slice body,
                       const rwith_insertion *insertion,
                       struct rwith__insert_text *text, rwith_body_edit *ret,
                       const char **reterr_why);

#endif
