/*
 * dialect_when.c: reads the conditions of a dialect, one a line.  What they
 * mean for a response is challenge.c's business.
 */
#include "lib/dialect_read.h"

#define NELEMS(a)  (sizeof(a) / sizeof((a)[0]))
#define STATUS_MIN 200
#define STATUS_MAX 599

static int when_add(struct rwith__dialect_reader *r,
                    const struct rwith__when *when)
{
    struct rwith__dialect *d = &r->dialect;

    if (d->when_count == NELEMS(d->whens)) {
        return rwith__word_too_many(r);
    }
    d->whens[d->when_count++] = *when;
    return RWITH_OK;
}

/* [value|prefix|contains TEXT] and the end of the line. */
static int read_match(struct rwith__dialect_reader *r, size_t index,
                      struct rwith__when *when)
{
    static const struct {
        const char *word;
        enum rwith__match match;
    } matches[] = {
        { "value", RWITH__MATCH_VALUE },
        { "prefix", RWITH__MATCH_PREFIX },
        { "contains", RWITH__MATCH_CONTAINS },
    };

    if (index >= r->line.word_count) {
        return RWITH_OK;
    }
    for (size_t i = 0; i < NELEMS(matches); i++) {
        if (!rwith__config_is(&r->line, index, matches[i].word)) {
            continue;
        }
        int err = need(r, index + 1, "the text to compare with");
        if (err == RWITH_OK) {
            when->match = matches[i].match;
            when->value = word(r, index + 1);
            err = need_end(r, index + 2);
        }
        return err;
    }
    return unexpected(r, index,
                      "value, prefix, contains or the end of the "
                      "line");
}

static int when_status(struct rwith__dialect_reader *r)
{
    struct rwith__dialect *d = &r->dialect;
    const char *what = "a status from 200 to 599";
    int err = need(r, 2, what);

    if (err == RWITH_OK && r->has_statuses) {
        return rwith__config_fail(r->diag, r->line.number,
                                  r->line.words[1].column,
                                  "expected one line for all statuses of a "
                                  "dialect, found a second",
                                  (rwith_slice){ 0 }, NULL);
    }
    for (size_t i = 2; err == RWITH_OK && i < r->line.word_count; i++) {
        uint32_t status = 0;

        err = rwith__word_number(r, i, what, STATUS_MIN, STATUS_MAX, &status);
        if (err == RWITH_OK) {
            unsigned bit = status - STATUS_MIN;

            d->statuses[bit / 64] |= (uint64_t)1 << (bit % 64);
            r->has_statuses = true;
            r->has_foreign_status |= status != 449;
        }
    }
    return err;
}

static int when_field(struct rwith__dialect_reader *r,
                      enum rwith__when_kind kind)
{
    struct rwith__when when = { .kind = kind };
    int err = rwith__word_token(r, 2, "the name of a header field", &when.name);

    if (err == RWITH_OK) {
        err = read_match(r, 3, &when);
    }
    return err == RWITH_OK ? when_add(r, &when) : err;
}

static int when_response_header(struct rwith__dialect_reader *r)
{
    return when_field(r, RWITH__WHEN_RESPONSE_HEADER);
}

static int when_request_header(struct rwith__dialect_reader *r)
{
    return when_field(r, RWITH__WHEN_REQUEST_HEADER);
}

static int when_response_body(struct rwith__dialect_reader *r)
{
    struct rwith__when when = { .kind = RWITH__WHEN_BODY_JSON };
    const char *what = "contains or json";
    int err = need(r, 2, what);

    if (err != RWITH_OK) {
        return err;
    }
    r->needs_body = true;
    if (rwith__config_is(&r->line, 2, "json")) {
        err = rwith__word_pointer(r, 3, 1, &when.name);
        if (err == RWITH_OK) {
            err = read_match(r, 4, &when);
        }
        return err == RWITH_OK ? when_add(r, &when) : err;
    }
    if (!rwith__config_is(&r->line, 2, "contains")) {
        return unexpected(r, 2, what);
    }
    when.kind = RWITH__WHEN_BODY_CONTAINS;
    err = need(r, 3, "the text to look for");
    if (err == RWITH_OK &&
        (word(r, 3).len == 0 || word(r, 3).len > RWITH_REQUIREMENT_NAME_MAX)) {
        err = unexpected(r, 3, "1 to 256 bytes to look for");
    }
    when.name = word(r, 3);
    if (err == RWITH_OK) {
        err = need_end(r, 4);
    }
    return err == RWITH_OK ? when_add(r, &when) : err;
}

static int when_request_path(struct rwith__dialect_reader *r)
{
    struct rwith__when when = { .kind = RWITH__WHEN_REQUEST_PATH,
                                .match = RWITH__MATCH_PREFIX };
    const char *what = "the beginning of a path, with its \"/\"";
    int err = need(r, 2, what);

    if (err == RWITH_OK && (word(r, 2).len == 0 || word(r, 2).ptr[0] != '/')) {
        err = unexpected(r, 2, what);
    }
    if (err == RWITH_OK) {
        err = need_end(r, 3);
    }
    when.value = word(r, 2);
    return err == RWITH_OK ? when_add(r, &when) : err;
}

static int when_method(struct rwith__dialect_reader *r)
{
    int err = need(r, 2, "a method");

    for (size_t i = 2; err == RWITH_OK && i < r->line.word_count; i++) {
        struct rwith__when when = { .kind = RWITH__WHEN_METHOD,
                                    .match = RWITH__MATCH_VALUE,
                                    .or_next = i + 1 < r->line.word_count };

        err = rwith__word_token(r, i, "a method", &when.value);
        if (err == RWITH_OK) {
            err = when_add(r, &when);
        }
    }
    return err;
}

static int when_nothing_else(struct rwith__dialect_reader *r)
{
    r->dialect.is_last_resort = true;
    return need_end(r, 2);
}

int rwith__dialect_read_when(struct rwith__dialect_reader *r)
{
    static const struct {
        const char *word;
        int (*read)(struct rwith__dialect_reader *r);
    } kinds[] = {
        { "status", when_status },
        { "response-header", when_response_header },
        { "response-body", when_response_body },
        { "request-path", when_request_path },
        { "request-header", when_request_header },
        { "method", when_method },
        { "nothing-else", when_nothing_else },
    };
    const char *what = "status, response-header, response-body, "
                       "request-path, request-header, method or nothing-else";
    int err = need(r, 1, what);

    if (err != RWITH_OK) {
        return err;
    }
    for (size_t i = 0; i < NELEMS(kinds); i++) {
        if (rwith__config_is(&r->line, 1, kinds[i].word)) {
            return kinds[i].read(r);
        }
    }
    return unexpected(r, 1, what);
}
