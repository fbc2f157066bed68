/*
 * dialect_remedy.c: reads what a dialect does about a challenge: set, fetch,
 * wait, need.
 */
#include "lib/dialect_read.h"

#include <string.h>

#include <retrywith/trust.h>

#include "lib/ascii.h"

#define NELEMS(a) (sizeof(a) / sizeof((a)[0]))
#define LIT(s)                                                                 \
    {                                                                          \
        ("" s), sizeof(s) - 1                                                  \
    }

/*
 * set
 */

/* response-header NAME | json POINTER, and, for a value, literal TEXT or
 * same-name; *index is moved behind it. */
static int read_from(struct rwith__dialect_reader *r, size_t *index,
                     bool is_value, struct rwith__from *ret)
{
    const char *what = is_value ? "response-header, json, literal or "
                                  "same-name"
                                : "response-header or json";
    size_t at = *index;
    int err = need(r, at, what);

    if (err != RWITH_OK) {
        return err;
    }
    *index = at + 2;
    if (rwith__config_is(&r->line, at, "response-header")) {
        ret->kind = RWITH__FROM_RESPONSE_HEADER;
        return rwith__word_token(r, at + 1, "the name of a header field",
                                 &ret->what);
    }
    if (rwith__config_is(&r->line, at, "json")) {
        ret->kind = RWITH__FROM_JSON;
        r->needs_body |= !r->dialect.fetch.is_set;
        return rwith__word_pointer(r, at + 1, 0, &ret->what);
    }
    if (is_value && rwith__config_is(&r->line, at, "literal")) {
        ret->kind = RWITH__FROM_LITERAL;
        err = need(r, at + 1, "a text");
        ret->what = word(r, at + 1);
        return err;
    }
    if (is_value && rwith__config_is(&r->line, at, "same-name")) {
        ret->kind = RWITH__FROM_SAME_NAME;
        *index = at + 1;
        return RWITH_OK;
    }
    return unexpected(r, at, what);
}

/* NAME | named-by response-header NAME | named-by json POINTER; *index is
 * moved behind it. */
static int read_set_name(struct rwith__dialect_reader *r, size_t *index,
                         struct rwith__set *set)
{
    size_t at = *index;

    if (rwith__config_is(&r->line, at, "named-by")) {
        if (set->in != RWITH_IN_HEADER) {
            return unexpected(r, at,
                              "a name: only a header's may be chosen "
                              "by the server");
        }
        set->is_named_by_server = true;
        *index = at + 1;
        return read_from(r, index, false, &set->name);
    }
    *index = at + 1;
    return rwith__word_name(r, at, set->in, &set->name.what);
}

int rwith__dialect_read_set(struct rwith__dialect_reader *r)
{
    struct rwith__dialect *d = &r->dialect;
    struct rwith__set set = { .of_fetched = d->fetch.is_set };
    size_t index = 2;
    int err = rwith__word_place(r, 1, "header, query or cookie",
                                RWITH_IN_COOKIE, &set.in);

    if (err == RWITH_OK) {
        err = read_set_name(r, &index, &set);
    }
    if (err == RWITH_OK) {
        err = rwith__word_keyword(r, index, "from");
    }
    index++;
    if (err == RWITH_OK) {
        err = read_from(r, &index, true, &set.value);
    }
    if (err == RWITH_OK && set.value.kind == RWITH__FROM_LITERAL &&
        !rwith__challenge_value_ok(set.in, set.value.what)) {
        err = unexpected(r, index - 1, "a text that may be sent there");
    }
    if (err == RWITH_OK) {
        err = need_end(r, index);
    }
    if (err == RWITH_OK && d->set_count == NELEMS(d->sets)) {
        err = rwith__word_too_many(r);
    }
    if (err == RWITH_OK) {
        d->sets[d->set_count++] = set;
        r->has_fetched_set |= set.of_fetched;
    }
    return err;
}

/*
 * fetch
 */

static bool is_target(rwith_slice s)
{
    if (s.len == 0 || s.ptr[0] != '/' || (s.len > 1 && s.ptr[1] == '/')) {
        return false; /* "//host" is a path to some and a host to others */
    }
    for (size_t i = 0; i < s.len; i++) {
        if (rwith__ascii_is(s.ptr[i],
                            RWITH__CH_CTL | RWITH__CH_OWS | RWITH__CH_HIGH) ||
            s.ptr[i] == '#') {
            return false;
        }
    }
    return true;
}

/* with header NAME VALUE */
static int fetch_field(struct rwith__dialect_reader *r, size_t index)
{
    struct rwith__fetch *fetch = &r->dialect.fetch;
    rwith_field field = { 0 };
    int err = rwith__word_keyword(r, index, "with");

    if (err == RWITH_OK) {
        err = rwith__word_keyword(r, index + 1, "header");
    }
    if (err == RWITH_OK) {
        err = rwith__word_name(r, index + 2, RWITH_IN_HEADER, &field.name);
    }
    if (err == RWITH_OK) {
        err = need(r, index + 3, "the field's value");
    }
    if (err != RWITH_OK) {
        return err;
    }
    field.value = word(r, index + 3);
    if (!rwith_trust_value_ok(field.value, RWITH_ECHO_MAX)) {
        return unexpected(r, index + 3, "the field's value");
    }
    if (fetch->field_count == NELEMS(fetch->fields)) {
        return unexpected(r, index, "at most 4 header fields");
    }
    fetch->fields[fetch->field_count++] = field;
    return RWITH_OK;
}

int rwith__dialect_read_fetch(struct rwith__dialect_reader *r)
{
    struct rwith__fetch *fetch = &r->dialect.fetch;
    const char *what = "the path to fetch, beginning with one \"/\"";
    int err = need(r, 1, "GET or HEAD");

    if (err == RWITH_OK && !rwith__config_is(&r->line, 1, "GET") &&
        !rwith__config_is(&r->line, 1, "HEAD")) {
        err = unexpected(r, 1, "GET or HEAD");
    }
    if (err == RWITH_OK) {
        err = need(r, 2, what);
    }
    if (err == RWITH_OK && !is_target(word(r, 2))) {
        err = unexpected(r, 2, what);
    }
    for (size_t i = 3; err == RWITH_OK && i < r->line.word_count; i += 4) {
        err = fetch_field(r, i);
    }
    if (err == RWITH_OK) {
        fetch->is_set = true;
        fetch->method = word(r, 1);
        fetch->target = word(r, 2);
    }
    return err;
}

/*
 * wait
 */

static int wait_from(struct rwith__dialect_reader *r)
{
    struct rwith__wait *wait = &r->dialect.wait;
    int err =
        rwith__word_token(r, 2, "the name of a header field", &wait->field);

    if (err != RWITH_OK || r->line.word_count == 3) {
        return err;
    }
    wait->is_in_ms = rwith__config_is(&r->line, 3, "milliseconds");
    if (!wait->is_in_ms && !rwith__config_is(&r->line, 3, "seconds")) {
        return unexpected(r, 3,
                          "seconds, milliseconds or the end of the "
                          "line");
    }
    return need_end(r, 4);
}

static int wait_backoff(struct rwith__dialect_reader *r)
{
    struct rwith__wait *wait = &r->dialect.wait;
    const struct {
        const char *keyword;
        const char *what;
        uint64_t min;
        uint64_t max;
        uint32_t *ret;
    } parts[] = {
        { "initial", "milliseconds, 1 to 3600000", 1,
          RWITH__DIALECT_BACKOFF_MS_MAX, &wait->initial_ms },
        { "factor", "a factor, 1 to 10", 1, RWITH__DIALECT_BACKOFF_FACTOR_MAX,
          &wait->factor },
        { "cap", "milliseconds, 1 to 3600000", 1, RWITH__DIALECT_BACKOFF_MS_MAX,
          &wait->cap_ms },
    };
    int err = RWITH_OK;

    for (size_t i = 0; err == RWITH_OK && i < NELEMS(parts); i++) {
        err = rwith__word_keyword(r, 2 + 2 * i, parts[i].keyword);
        if (err == RWITH_OK) {
            err = rwith__word_number(r, 3 + 2 * i, parts[i].what, parts[i].min,
                                     parts[i].max, parts[i].ret);
        }
    }
    wait->has_backoff = true;
    return err == RWITH_OK ? need_end(r, 2 + 2 * NELEMS(parts)) : err;
}

int rwith__dialect_read_wait(struct rwith__dialect_reader *r)
{
    struct rwith__wait *wait = &r->dialect.wait;
    int err = need(r, 1, "from or backoff");

    if (err != RWITH_OK) {
        return err;
    }
    if (rwith__config_is(&r->line, 1, "from") && wait->field.len == 0) {
        return wait_from(r);
    }
    if (rwith__config_is(&r->line, 1, "backoff") && !wait->has_backoff) {
        return wait_backoff(r);
    }
    return unexpected(r, 1, "from or backoff, once each");
}

/*
 * need
 */

/* The pointer patterns of an array's objects: POINTER "/" "*" "/" MEMBER. */
static int need_members(struct rwith__dialect_reader *r,
                        struct rwith__need *ret)
{
    static const rwith_slice suffixes[RWITH__MEMBER_COUNT] = {
        [RWITH__MEMBER_IN] = LIT("/*/in"),
        [RWITH__MEMBER_NAME] = LIT("/*/name"),
        [RWITH__MEMBER_POINTER] = LIT("/*/pointer"),
        [RWITH__MEMBER_SCHEME] = LIT("/*/scheme"),
        [RWITH__MEMBER_DESCRIPTION] = LIT("/*/description"),
    };

    for (size_t i = 0; i < RWITH__MEMBER_COUNT; i++) {
        size_t len = ret->name.len + suffixes[i].len;
        char *pattern = r->sink->keep(r->sink->user, len);

        if (pattern == NULL) {
            return RWITH_ENOMEM;
        }
        memcpy(pattern, ret->name.ptr, ret->name.len);
        memcpy(pattern + ret->name.len, suffixes[i].ptr, suffixes[i].len);
        ret->members[i] = (rwith_slice){ pattern, len };
    }
    return RWITH_OK;
}

/* list from response-header NAME */
static int need_list(struct rwith__dialect_reader *r, struct rwith__need *ret)
{
    int err = rwith__word_keyword(r, 2, "from");

    ret->kind = RWITH__NEED_LIST;
    if (err == RWITH_OK) {
        err = rwith__word_keyword(r, 3, "response-header");
    }
    if (err == RWITH_OK) {
        err = rwith__word_token(r, 4, "the name of a header field", &ret->name);
    }
    return err == RWITH_OK ? need_end(r, 5) : err;
}

/* each json POINTER */
static int need_each(struct rwith__dialect_reader *r, struct rwith__need *ret)
{
    int err = rwith__word_keyword(r, 2, "json");

    ret->kind = RWITH__NEED_EACH;
    r->needs_body = true;
    if (err == RWITH_OK) {
        err = rwith__word_pointer(r, 3, 0, &ret->name);
    }
    if (err == RWITH_OK) {
        err = need_end(r, 4);
    }
    return err == RWITH_OK ? need_members(r, ret) : err;
}

/* PLACE NAME [description TEXT] */
static int need_one(struct rwith__dialect_reader *r, struct rwith__need *ret)
{
    int err = rwith__word_place(r, 1,
                                "list, each, header, query, cookie, body or "
                                "authorization",
                                RWITH_IN_AUTHORIZATION, &ret->in);

    ret->kind = RWITH__NEED_ONE;
    if (err == RWITH_OK) {
        err = rwith__word_name(r, 2, ret->in, &ret->name);
    }
    if (err == RWITH_OK && ret->in == RWITH_IN_BODY &&
        !rwith__word_is_pointer(ret->name, 0)) {
        err = unexpected(r, 2, "the JSON Pointer of a member");
    }
    if (err != RWITH_OK || r->line.word_count == 3) {
        return err;
    }
    err = rwith__word_keyword(r, 3, "description");
    if (err == RWITH_OK) {
        err = need(r, 4, "a description");
    }
    if (err == RWITH_OK) {
        ret->description = rwith__config_rest(&r->line, 4);
    }
    return err;
}

int rwith__dialect_read_need(struct rwith__dialect_reader *r)
{
    struct rwith__dialect *d = &r->dialect;
    struct rwith__need got = { 0 };
    int err;

    if (d->need_count == NELEMS(d->needs)) {
        return rwith__word_too_many(r);
    }
    if (rwith__config_is(&r->line, 1, "list")) {
        err = need_list(r, &got);
    } else if (rwith__config_is(&r->line, 1, "each")) {
        err = need_each(r, &got);
    } else {
        err = need_one(r, &got);
    }
    if (err == RWITH_OK) {
        d->needs[d->need_count++] = got;
    }
    return err;
}
