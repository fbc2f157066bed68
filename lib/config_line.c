/*
 * config_line.c: cuts the text of a dialect or supply file into lines and
 * words, and words the complaints about them.  What a keyword means is the
 * business of dialect_read.c and supply.c.
 */
#include "lib/config_line.h"

#include <string.h>

#include <retrywith/trust.h>

#include "lib/ascii.h"

/* What a Windows editor puts in front. */
#define BYTE_ORDER_MARK     "\xef\xbb\xbf"
#define BYTE_ORDER_MARK_LEN (sizeof(BYTE_ORDER_MARK) - 1)

void rwith__config_start(struct rwith__config_reader *reader, char *text,
                         size_t len)
{
    size_t skip = 0;

    if (len >= BYTE_ORDER_MARK_LEN &&
        memcmp(text, BYTE_ORDER_MARK, BYTE_ORDER_MARK_LEN) == 0) {
        skip = BYTE_ORDER_MARK_LEN;
    }
    *reader = (struct rwith__config_reader){ 0 };
    if (len > skip) {
        reader->next = text + skip;
        reader->end = text + len;
    }
}

/* Append to the text of a diagnostic what fits of it, and a NUL. */
static void append(rwith_diagnostic *diag, size_t *len, rwith_slice bytes)
{
    size_t room = sizeof(diag->text) - 1 - *len;

    if (bytes.len > room) {
        bytes.len = room;
    }
    if (bytes.len > 0) {
        memcpy(diag->text + *len, bytes.ptr, bytes.len);
        *len += bytes.len;
    }
    diag->text[*len] = '\0';
}

int rwith__config_fail(rwith_diagnostic *diag, size_t line, size_t column,
                       const char *before, rwith_slice quoted,
                       const char *after)
{
    char shown[64];
    size_t len = 0;

    if (diag == NULL) {
        return RWITH_EFILE;
    }
    diag->line = line;
    diag->column = column;
    append(diag, &len, rwith_slice_of(before));
    if (quoted.ptr != NULL) {
        append(diag, &len, RWITH_LIT("\""));
        size_t shown_len = rwith_trust_escape(quoted, shown, sizeof(shown));
        append(diag, &len, (rwith_slice){ shown, shown_len });
        append(diag, &len, RWITH_LIT("\""));
    }
    append(diag, &len, rwith_slice_of(after));
    return RWITH_EFILE;
}

/* One line of the file while it is cut. */
struct cutter {
    char *start; /* of the line */
    char *from;  /* next byte to look at */
    char *end;   /* of the line, before its end mark */
    char *to;    /* where the next byte of the word goes; never past from */
};

/* Take a quoted piece; from is behind its opening quote.  False: it is not
 * closed. */
static bool quoted_take(struct cutter *c, char quote)
{
    while (c->from < c->end && *c->from != quote) {
        if (quote == '"' && *c->from == '\\' && c->from + 1 < c->end &&
            (c->from[1] == '"' || c->from[1] == '\\')) {
            c->from++;
        }
        *c->to++ = *c->from++;
    }
    if (c->from == c->end) {
        return false;
    }
    c->from++;
    return true;
}

/* Take a word; NULL, or what is wrong at *at. */
static const char *word_take(struct cutter *c, struct rwith__config_word *ret,
                             const char **at)
{
    char *word = c->from;

    c->to = c->from;
    *ret = (struct rwith__config_word){
        .column = (size_t)(c->from - c->start) + 1,
    };
    while (c->from < c->end && !rwith__ascii_is(*c->from, RWITH__CH_OWS)) {
        char byte = *c->from++;

        *at = c->from - 1;
        if (byte == '\'' || byte == '"') {
            ret->is_quoted = true;
            if (!quoted_take(c, byte)) {
                return "expected a closing quote before the end of the line";
            }
            continue;
        }
        if (byte == '\\') {
            ret->is_quoted = true;
            if (c->from == c->end) {
                return "expected a byte after the backslash: lines are not "
                       "continued";
            }
            byte = *c->from++;
        }
        *c->to++ = byte;
    }
    ret->text = (rwith_slice){ word, (size_t)(c->to - word) };
    return NULL;
}

/* The first control byte of the line that is no tab, or NULL. */
static const char *control_find(const struct cutter *c)
{
    for (const char *p = c->start; p < c->end; p++) {
        if (rwith__ascii_is(*p, RWITH__CH_CTL) && *p != '\t') {
            return p;
        }
    }
    return NULL;
}

/* Set the bounds of the next line and step over it. */
static struct cutter line_take(struct rwith__config_reader *reader)
{
    size_t rest = (size_t)(reader->end - reader->next);
    char *newline = memchr(reader->next, '\n', rest);
    struct cutter c = { .start = reader->next };

    c.end = newline != NULL ? newline : reader->end;
    reader->next = newline != NULL ? newline + 1 : reader->end;
    reader->line++;
    if (c.end > c.start && c.end[-1] == '\r') {
        c.end--;
    }
    c.from = c.start;
    c.to = c.start;
    return c;
}

/* Cut one line; it may have no words. */
static int line_cut(struct cutter *c, struct rwith__config_line *ret,
                    rwith_diagnostic *diag)
{
    const rwith_slice none = { 0 };
    const char *at = control_find(c);
    const char *wrong = at != NULL ? "a control byte in the file" : NULL;

    while (wrong == NULL) {
        while (c->from < c->end && rwith__ascii_is(*c->from, RWITH__CH_OWS)) {
            c->from++;
        }
        if (c->from == c->end || *c->from == '#') {
            break;
        }
        at = c->from;
        if (ret->word_count == RWITH__CONFIG_WORDS_MAX) {
            wrong = "too many words in one line";
            break;
        }
        wrong = word_take(c, &ret->words[ret->word_count++], &at);
        ret->end_column = (size_t)(c->from - c->start) + 1;
    }
    if (wrong != NULL) {
        return rwith__config_fail(
            diag, ret->number, (size_t)(at - c->start) + 1, wrong, none, NULL);
    }
    return RWITH_OK;
}

int rwith__config_next(struct rwith__config_reader *reader,
                       struct rwith__config_line *ret,
                       rwith_diagnostic *reterr_diag)
{
    int err = RWITH_OK;

    ret->word_count = 0;
    while (err == RWITH_OK && ret->word_count == 0 &&
           reader->next < reader->end) {
        struct cutter c = line_take(reader);

        ret->number = reader->line;
        ret->end_column = 1;
        ret->bytes = c.start;
        err = line_cut(&c, ret, reterr_diag);
    }
    return err;
}

bool rwith__config_is(const struct rwith__config_line *line, size_t index,
                      const char *keyword)
{
    return index < line->word_count && !line->words[index].is_quoted &&
           rwith_slice_equal(line->words[index].text, rwith_slice_of(keyword));
}

rwith_slice rwith__config_rest(struct rwith__config_line *line, size_t index)
{
    char *to = line->bytes;
    char *start;

    if (index >= line->word_count) {
        return (rwith_slice){ 0 };
    }
    to += line->words[index].text.ptr - line->bytes;
    start = to;
    for (size_t i = index; i < line->word_count; i++) {
        const rwith_slice *word = &line->words[i].text;

        /* A word and its quotes never get longer, and a space or more lies
         * between two: what is written stays behind what is read. */
        if (i > index) {
            *to++ = ' ';
        }
        memmove(to, word->ptr, word->len);
        to += word->len;
    }
    line->word_count = index + 1;
    line->words[index].text = (rwith_slice){ start, (size_t)(to - start) };
    return line->words[index].text;
}

int rwith__config_unexpected(const struct rwith__config_line *line,
                             size_t index, const char *what,
                             rwith_diagnostic *reterr_diag)
{
    const struct rwith__config_word *word = &line->words[index];
    rwith_diagnostic composed = { 0 };
    size_t len = 0;

    append(&composed, &len, RWITH_LIT("expected "));
    append(&composed, &len, rwith_slice_of(what));
    append(&composed, &len, RWITH_LIT(", found "));
    return rwith__config_fail(reterr_diag, line->number, word->column,
                              composed.text, word->text, NULL);
}

int rwith__config_unwanted(const struct rwith__config_line *line, size_t index,
                           const char *what, rwith_diagnostic *reterr_diag)
{
    const rwith_slice none = { NULL, 0 };
    int err = rwith__config_need(line, index, what, reterr_diag);

    return err != RWITH_OK ? err
                           : rwith__config_fail(reterr_diag, line->number,
                                                line->words[index].column,
                                                "expected ", none, what);
}

int rwith__config_need(const struct rwith__config_line *line, size_t index,
                       const char *what, rwith_diagnostic *reterr_diag)
{
    const rwith_slice none = { 0 };
    rwith_diagnostic composed = { 0 };
    size_t len = 0;

    if (index < line->word_count) {
        return RWITH_OK;
    }
    append(&composed, &len, RWITH_LIT("expected "));
    append(&composed, &len, rwith_slice_of(what));
    return rwith__config_fail(reterr_diag, line->number, line->end_column,
                              composed.text, none,
                              ", found the end of the line");
}

int rwith__config_need_end(const struct rwith__config_line *line, size_t count,
                           rwith_diagnostic *reterr_diag)
{
    if (line->word_count <= count) {
        return RWITH_OK;
    }
    return rwith__config_unexpected(line, count, "the end of the line",
                                    reterr_diag);
}
