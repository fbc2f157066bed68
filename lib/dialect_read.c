/*
 * dialect_read.c: reads the text of a dialect file (retrywith-dialect(5)): a
 * table of keywords, each with the function that reads its line.  What only
 * a whole dialect shows to be wrong is checked at its end.
 */
#include "lib/dialect_read.h"

#include <string.h>

#include "lib/ascii.h"

#define NELEMS(a)    (sizeof(a) / sizeof((a)[0]))
#define NAME_LEN_MAX 64 /* of a dialect's name */

/*
 * The rest: one word of a list, or a sentence.
 */

struct choice {
    const char *word;
    int value;
};

static int read_choice(struct rwith__dialect_reader *r,
                       const struct choice *choices, size_t count,
                       const char *what, int *ret)
{
    int err = need(r, 1, what);

    if (err != RWITH_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        if (rwith__config_is(&r->line, 1, choices[i].word)) {
            *ret = choices[i].value;
            return need_end(r, 2);
        }
    }
    return unexpected(r, 1, what);
}

static int read_repeat(struct rwith__dialect_reader *r)
{
    static const struct choice choices[] = {
        { "any", RWITH__REPEAT_ANY },
        { "idempotent", RWITH__REPEAT_IDEMPOTENT },
        { "never", RWITH__REPEAT_NEVER },
    };
    int got = RWITH__REPEAT_NEVER;
    int err = read_choice(r, choices, NELEMS(choices),
                          "any, idempotent or never", &got);

    r->dialect.repeat = (enum rwith__repeat)got;
    return err;
}

static int read_remember(struct rwith__dialect_reader *r)
{
    static const struct choice choices[] = {
        { "request", RWITH_SCOPE_REQUEST },
        { "origin", RWITH_SCOPE_ORIGIN },
        { "path", RWITH_SCOPE_PATH },
        { "cookie-jar", RWITH_SCOPE_JAR },
    };
    int got = RWITH_SCOPE_REQUEST;
    int err = read_choice(r, choices, NELEMS(choices),
                          "request, origin, path or cookie-jar", &got);

    r->dialect.remember = (rwith_scope)got;
    return err;
}

static int read_learn_from(struct rwith__dialect_reader *r)
{
    static const struct choice choices[] = { { "any", 1 } };
    int got = 0;
    int err = read_choice(r, choices, NELEMS(choices), "any", &got);

    r->dialect.learns_from_any = got != 0;
    return err;
}

static int read_sentence(struct rwith__dialect_reader *r, rwith_slice *ret)
{
    int err = need(r, 1, "a sentence");

    if (err == RWITH_OK) {
        *ret = rwith__config_rest(&r->line, 1);
    }
    return err;
}

static int read_about(struct rwith__dialect_reader *r)
{
    return read_sentence(r, &r->dialect.about);
}

static int read_source(struct rwith__dialect_reader *r)
{
    return read_sentence(r, &r->dialect.source);
}

static int read_explain(struct rwith__dialect_reader *r)
{
    return read_sentence(r, &r->dialect.explain);
}

/* Every keyword inside a dialect. */
static const struct keyword {
    const char *word;
    int (*read)(struct rwith__dialect_reader *r);
    bool is_once; /* may it stand there once only? */
} keywords[] = {
    { "about", read_about, true },
    { "source", read_source, true },
    { "when", rwith__dialect_read_when, false },
    { "set", rwith__dialect_read_set, false },
    { "fetch", rwith__dialect_read_fetch, true },
    { "wait", rwith__dialect_read_wait, false },
    { "need", rwith__dialect_read_need, false },
    { "explain", read_explain, true },
    { "repeat", read_repeat, true },
    { "remember", read_remember, true },
    { "learn-from", read_learn_from, true },
};
_Static_assert(NELEMS(keywords) <= 32, "the seen mask has 32 bits");

static bool has_seen(const struct rwith__dialect_reader *r,
                     int (*read)(struct rwith__dialect_reader *))
{
    for (size_t i = 0; i < NELEMS(keywords); i++) {
        if (keywords[i].read == read) {
            return (r->seen >> i & 1) != 0;
        }
    }
    return false;
}

/* What only a whole dialect shows to be wrong, a missing proof among it
 * NULL: nothing. */
static const char *dialect_fault(const struct rwith__dialect_reader *r)
{
    const struct rwith__dialect *d = &r->dialect;
    bool has_remedy = d->set_count > 0 || d->need_count > 0 ||
                      d->wait.field.len > 0 || d->wait.has_backoff;
    const struct {
        bool is_wrong;
        const char *text;
    } faults[] = {
        { d->about.len == 0, "expected an about line in dialect " },
        { !has_seen(r, rwith__dialect_read_when),
          "expected a when line in dialect " },
        { !has_remedy && d->explain.len == 0,
          "expected a set, need, wait or explain line in dialect " },
        { has_remedy && !has_seen(r, read_repeat),
          "expected a repeat line in dialect " },
        { d->repeat == RWITH__REPEAT_ANY && d->source.len == 0 &&
              (!r->has_statuses || r->has_foreign_status),
          "expected a source line, with the proof that a request refused with "
          "another status than 449 was not acted upon, in dialect " },
        { d->fetch.is_set && !r->has_fetched_set,
          "expected a set line behind the fetch line in dialect " },
        { d->learns_from_any && r->needs_body,
          "expected nothing of a body beside learn-from any in dialect " },
        { d->learns_from_any && d->fetch.is_set,
          "expected no fetch line beside learn-from any in dialect " },
    };

    for (size_t i = 0; i < NELEMS(faults); i++) {
        if (faults[i].is_wrong) {
            return faults[i].text;
        }
    }
    return NULL;
}

/* Check the dialect that was read, and hand it over. */
static int dialect_end(struct rwith__dialect_reader *r)
{
    struct rwith__dialect *d = &r->dialect;
    const char *fault;

    if (r->first_line == 0) {
        return RWITH_OK;
    }
    if (!r->has_statuses) {
        memset(d->statuses, 0xff, sizeof(d->statuses));
    }
    fault = dialect_fault(r);
    if (fault != NULL) {
        return rwith__config_fail(r->diag, r->first_line, r->first_column,
                                  fault, d->name, NULL);
    }
    int err = r->sink->take(r->sink->user, d);
    if (err == RWITH_EDUPLICATE) {
        err = rwith__config_fail(r->diag, r->first_line, r->first_column,
                                 "expected one dialect of a name in a file, "
                                 "found a second ",
                                 d->name, NULL);
    }
    return err;
}

static bool is_dialect_name(rwith_slice s)
{
    if (s.len == 0 || s.len > NAME_LEN_MAX) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!rwith__ascii_is(s.ptr[i], RWITH__CH_HOST)) {
            return false;
        }
    }
    return true;
}

static int dialect_begin(struct rwith__dialect_reader *r)
{
    const char *what = "a name of letters, digits, \"-\", \".\" and \"_\"";
    int err = dialect_end(r);

    if (err == RWITH_OK) {
        err = need(r, 1, what);
    }
    if (err == RWITH_OK && !is_dialect_name(word(r, 1))) {
        err = unexpected(r, 1, what);
    }
    if (err == RWITH_OK) {
        err = need_end(r, 2);
    }
    if (err != RWITH_OK) {
        return err;
    }
    r->dialect = (struct rwith__dialect){ .name = word(r, 1) };
    r->first_line = r->line.number;
    r->first_column = r->line.words[1].column;
    r->seen = 0;
    r->has_statuses = false;
    r->has_foreign_status = false;
    r->has_fetched_set = false;
    r->needs_body = false;
    return RWITH_OK;
}

static int read_line(struct rwith__dialect_reader *r)
{
    if (rwith__config_is(&r->line, 0, "dialect")) {
        return dialect_begin(r);
    }
    if (r->first_line == 0) {
        return unexpected(r, 0, "dialect NAME before anything else");
    }
    for (size_t i = 0; i < NELEMS(keywords); i++) {
        if (!rwith__config_is(&r->line, 0, keywords[i].word)) {
            continue;
        }
        if (keywords[i].is_once && (r->seen >> i & 1) != 0) {
            return unexpected(r, 0, "this keyword once in a dialect");
        }
        r->seen |= (uint32_t)1 << i;
        return keywords[i].read(r);
    }
    return unexpected(r, 0,
                      "dialect, about, source, when, set, fetch, wait, need, "
                      "explain, repeat, remember or learn-from");
}

int rwith__dialect_read(char *text, size_t len,
                        const struct rwith__dialect_sink *sink,
                        rwith_diagnostic *reterr_diag)
{
    struct rwith__config_reader lines;
    struct rwith__dialect_reader r = { .sink = sink, .diag = reterr_diag };
    int err = RWITH_OK;

    rwith__config_start(&lines, text, len);
    do {
        err = rwith__config_next(&lines, &r.line, reterr_diag);
        if (err == RWITH_OK && r.line.word_count > 0) {
            err = read_line(&r);
        }
    } while (err == RWITH_OK && r.line.word_count > 0);
    return err == RWITH_OK ? dialect_end(&r) : err;
}
