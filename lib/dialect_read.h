/*
 * dialect_read.h: what the readers of a dialect file's lines share.
 */
#ifndef RWITH_LIB_DIALECT_READ_H
#define RWITH_LIB_DIALECT_READ_H

#include "lib/config_line.h"
#include "lib/dialect.h"

/* A dialect that is being read, and the line that is looked at. */
struct rwith__dialect_reader {
    struct rwith__config_line line;
    struct rwith__dialect dialect;
    const struct rwith__dialect_sink *sink;
    rwith_diagnostic *diag;
    uint32_t seen;       /* keywords, bits as in the table */
    size_t first_line;   /* of the dialect; 0: none has begun */
    size_t first_column; /* of its name */
    bool has_statuses;
    bool has_foreign_status; /* another one than 449 */
    bool has_fetched_set;    /* a set line reads the fetched response */
    bool needs_body;         /* a condition or a value lies in the body */
};

/* Shorthands: the word at index, and the ways to complain about it. */
static inline rwith_slice word(const struct rwith__dialect_reader *r,
                               size_t index)
{
    return r->line.words[index].text;
}

static inline int need(struct rwith__dialect_reader *r, size_t index,
                       const char *what)
{
    return rwith__config_need(&r->line, index, what, r->diag);
}

static inline int unexpected(struct rwith__dialect_reader *r, size_t index,
                             const char *what)
{
    return rwith__config_unexpected(&r->line, index, what, r->diag);
}

static inline int need_end(struct rwith__dialect_reader *r, size_t count)
{
    return rwith__config_need_end(&r->line, count, r->diag);
}

/*
 * dialect_word.c: each reads the word at index, or says what was expected
 * there (RWITH_EFILE).
 */

int rwith__word_keyword(struct rwith__dialect_reader *r, size_t index,
                        const char *keyword);
int rwith__word_token(struct rwith__dialect_reader *r, size_t index,
                      const char *what, rwith_slice *ret);
/* The name of something that is set or needed in a place. */
int rwith__word_name(struct rwith__dialect_reader *r, size_t index,
                     rwith_place in, rwith_slice *ret);
/* One of the places up to the last. */
int rwith__word_place(struct rwith__dialect_reader *r, size_t index,
                      const char *what, rwith_place last, rwith_place *ret);
/* A JSON Pointer with at most stars_max segments "*". */
int rwith__word_pointer(struct rwith__dialect_reader *r, size_t index,
                        unsigned stars_max, rwith_slice *ret);
int rwith__word_number(struct rwith__dialect_reader *r, size_t index,
                       const char *what, uint64_t min, uint64_t max,
                       uint32_t *ret);

bool rwith__word_is_pointer(rwith_slice s, unsigned stars_max);

/* There are too many lines of one kind in this dialect. */
int rwith__word_too_many(struct rwith__dialect_reader *r);

/* The lines of one keyword: dialect_when.c, dialect_remedy.c. */
int rwith__dialect_read_when(struct rwith__dialect_reader *r);
int rwith__dialect_read_set(struct rwith__dialect_reader *r);
int rwith__dialect_read_fetch(struct rwith__dialect_reader *r);
int rwith__dialect_read_wait(struct rwith__dialect_reader *r);
int rwith__dialect_read_need(struct rwith__dialect_reader *r);

#endif
