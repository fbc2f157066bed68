/*
 * dialect_word.c: words of one kind in a dialect file: names, places,
 * pointers, numbers.  Names that a file spells out are held to the rules of
 * trust here, so that nothing later has to ask.
 */
#include "lib/dialect_read.h"

#include <retrywith/trust.h>

#include "lib/ascii.h"

int rwith__word_keyword(struct rwith__dialect_reader *r, size_t index,
                        const char *keyword)
{
    int err = need(r, index, keyword);

    if (err == RWITH_OK && !rwith__config_is(&r->line, index, keyword)) {
        err = unexpected(r, index, keyword);
    }
    return err;
}

/* There are too many lines of one kind in this dialect. */
int rwith__word_too_many(struct rwith__dialect_reader *r)
{
    return rwith__config_fail(
        r->diag, r->line.number, r->line.words[0].column,
        "too many lines of this kind in one dialect: ", word(r, 0), NULL);
}

int rwith__word_token(struct rwith__dialect_reader *r, size_t index,
                      const char *what, rwith_slice *ret)
{
    int err = need(r, index, what);

    if (err != RWITH_OK) {
        return err;
    }
    *ret = word(r, index);
    if (!rwith__ascii_is_token(*ret) || ret->len > RWITH_REQUIREMENT_NAME_MAX) {
        return unexpected(r, index, what);
    }
    return RWITH_OK;
}

/* The name of something that is set or needed in a place. */
int rwith__word_name(struct rwith__dialect_reader *r, size_t index,
                     rwith_place in, rwith_slice *ret)
{
    static const char *const what[RWITH_PLACE_COUNT] = {
        [RWITH_IN_HEADER] = "the name of a header field",
        [RWITH_IN_QUERY] = "the name of a query parameter",
        [RWITH_IN_COOKIE] = "the name of a cookie",
        [RWITH_IN_BODY] = "the JSON Pointer of a member",
        [RWITH_IN_AUTHORIZATION] = "an authentication scheme",
    };
    int err = need(r, index, what[in]);

    if (err != RWITH_OK) {
        return err;
    }
    *ret = word(r, index);
    if (!rwith_requirement_name_ok(in, *ret)) {
        return unexpected(r, index, what[in]);
    }
    if (in == RWITH_IN_HEADER && !rwith_trust_field_may_be_set(*ret)) {
        return unexpected(r, index, "a header field that may be set");
    }
    return RWITH_OK;
}

int rwith__word_place(struct rwith__dialect_reader *r, size_t index,
                      const char *what, rwith_place last, rwith_place *ret)
{
    int err = need(r, index, what);

    if (err == RWITH_OK &&
        (!rwith_place_of_word(word(r, index), ret) || *ret > last)) {
        err = unexpected(r, index, what);
    }
    return err;
}

bool rwith__word_is_pointer(rwith_slice s, unsigned stars_max)
{
    unsigned stars = 0;

    if (s.len > RWITH_REQUIREMENT_NAME_MAX || (s.len > 0 && s.ptr[0] != '/')) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '~' &&
            (i + 1 == s.len || (s.ptr[i + 1] != '0' && s.ptr[i + 1] != '1'))) {
            return false;
        }
        stars += s.ptr[i] == '*' && s.ptr[i - 1] == '/' &&
                 (i + 1 == s.len || s.ptr[i + 1] == '/');
    }
    return stars <= stars_max;
}

int rwith__word_pointer(struct rwith__dialect_reader *r, size_t index,
                        unsigned stars_max, rwith_slice *ret)
{
    const char *what = stars_max > 0 ? "a JSON Pointer with at most one \"*\""
                                     : "a JSON Pointer without \"*\"";
    int err = need(r, index, what);

    if (err == RWITH_OK && !rwith__word_is_pointer(word(r, index), stars_max)) {
        err = unexpected(r, index, what);
    }
    if (err == RWITH_OK) {
        *ret = word(r, index);
    }
    return err;
}

int rwith__word_number(struct rwith__dialect_reader *r, size_t index,
                       const char *what, uint64_t min, uint64_t max,
                       uint32_t *ret)
{
    uint64_t number = 0;
    int err = need(r, index, what);

    if (err == RWITH_OK &&
        (!rwith__ascii_number(word(r, index), max, &number) || number < min)) {
        err = unexpected(r, index, what);
    }
    if (err == RWITH_OK) {
        *ret = (uint32_t)number;
    }
    return err;
}
