/*
 * config_line.h: lines of the files that people write, cut into words: the
 * dialect files and the supply files, in the manner of ssh_config.
 *
 * One keyword first, words separated by spaces and tabs, '#' at the start of
 * a word begins a comment.  Quotes are a shell's: '…' takes all as it is,
 * "…" knows \" and \\, a backslash outside of quotes takes the next byte as
 * it is, and adjoining pieces are one word.  There is no continuation line.
 *
 * The text is unquoted in place, so that words are slices of it: nothing is
 * allocated, and nothing can fail but the text.
 */
#ifndef RWITH_LIB_CONFIG_LINE_H
#define RWITH_LIB_CONFIG_LINE_H

#include <retrywith/base.h>
#include <retrywith/err.h>

#define RWITH__CONFIG_WORDS_MAX 64 /* of one line */

struct rwith__config_word {
    rwith_slice text;
    size_t column;  /* from 1, of its first byte in the file */
    bool is_quoted; /* some of it is: then it is no keyword */
};

struct rwith__config_line {
    char *bytes;       /* of the line, as it now is */
    size_t number;     /* from 1 */
    size_t end_column; /* where one more word would have been expected */
    size_t word_count; /* 0: the text is at its end */
    struct rwith__config_word words[RWITH__CONFIG_WORDS_MAX];
};

struct rwith__config_reader {
    char *next;
    char *end;
    size_t line;
};

/* The text is changed while it is read, and must outlive the words. */
void rwith__config_start(struct rwith__config_reader *reader, char *text,
                         size_t len);

/*
 * The next line that has words.  RWITH_OK, with word_count 0 at the end; or
 * RWITH_EFILE with a diagnostic (which may be NULL).
 */
int rwith__config_next(struct rwith__config_reader *reader,
                       struct rwith__config_line *ret,
                       rwith_diagnostic *reterr_diag);

/* Is that word this keyword?  Quoted words are none; case counts. */
bool rwith__config_is(const struct rwith__config_line *line, size_t index,
                      const char *keyword);

/* The words from index on as one, with one space between them. */
rwith_slice rwith__config_rest(struct rwith__config_line *line, size_t index);

/*
 * Is there a word at index?  When not, the diagnostic says "expected WHAT,
 * found the end of the line".
 */
int rwith__config_need(const struct rwith__config_line *line, size_t index,
                       const char *what, rwith_diagnostic *reterr_diag);

/* Does the line end after count words? */
int rwith__config_need_end(const struct rwith__config_line *line, size_t count,
                           rwith_diagnostic *reterr_diag);

/* "expected WHAT, found "WORD"" at that word; returns RWITH_EFILE. */
int rwith__config_unexpected(const struct rwith__config_line *line,
                             size_t index, const char *what,
                             rwith_diagnostic *reterr_diag);

/* "expected WHAT" at that word, which is not shown: it may be a secret whose
 * keyword was forgotten; returns RWITH_EFILE. */
int rwith__config_unwanted(const struct rwith__config_line *line, size_t index,
                           const char *what, rwith_diagnostic *reterr_diag);

/*
 * Fill a diagnostic: before, then the quoted bytes, escaped (none at all
 * when quoted.ptr is NULL), then after.  Returns RWITH_EFILE.
 */
int rwith__config_fail(rwith_diagnostic *diag, size_t line, size_t column,
                       const char *before, rwith_slice quoted,
                       const char *after);

#endif
