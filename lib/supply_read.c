/*
 * supply_read.c: the grammar of retrywith-supply(5) and of the command's
 * --give.  Reads no file and runs nothing: it says where values lie.
 */
#include "lib/supply.h"

#include <string.h>

#include <retrywith/trust.h>

#include "lib/ascii.h"
#include "lib/config_line.h"

#define NELEMS(a) (sizeof(a) / sizeof((a)[0]))

/* How each scheme authenticates, and whether it needs a value. */
static const struct scheme {
    rwith_slice name;
    rwith_auth auth;
    bool needs_value;
} schemes[] = {
    { { "Basic", 5 }, RWITH_AUTH_BASIC, true },
    { { "Bearer", 6 }, RWITH_AUTH_BEARER, true },
    { { "Digest", 6 }, RWITH_AUTH_DIGEST, true },
    { { "NTLM", 4 }, RWITH_AUTH_NTLM, false },
    { { "Negotiate", 9 }, RWITH_AUTH_NEGOTIATE, false },
};

#define SCHEMES_EXPECTED "basic, bearer, digest, ntlm or negotiate"

/* Where a value lies: the word in the file. */
static const struct source {
    const char *word;
    rwith_supply_kind kind;
    const char *argument; /* what is expected behind it; NULL: nothing */
} sources[] = {
    { "env", RWITH_SUPPLY_ENV, "the name of an environment variable" },
    { "file", RWITH_SUPPLY_FILE, "the name of a file" },
    { "command", RWITH_SUPPLY_COMMAND, "a command" },
    { "value", RWITH_SUPPLY_LITERAL, "the value itself" },
    { "ask", RWITH_SUPPLY_ASK, NULL },
};

#define SOURCES_EXPECTED  "env, file, command, value or ask"
#define KEYWORDS_EXPECTED "origin, header, query, cookie, body or auth"

static const struct place {
    const char *word;
    rwith_place in;
    const char *name; /* what is expected behind it */
} places[] = {
    { "header", RWITH_IN_HEADER, "the name of a header field" },
    { "query", RWITH_IN_QUERY, "the name of a query parameter" },
    { "cookie", RWITH_IN_COOKIE, "the name of a cookie" },
    { "body", RWITH_IN_BODY, "a JSON Pointer such as /request/token" },
    { "auth", RWITH_IN_AUTHORIZATION, SCHEMES_EXPECTED },
};

bool rwith__supply_scheme(rwith_slice name, rwith_auth *ret_auth,
                          rwith_slice *ret_name)
{
    for (size_t i = 0; i < NELEMS(schemes); i++) {
        if (rwith_slice_equal_nocase(schemes[i].name, name)) {
            *ret_auth = schemes[i].auth;
            *ret_name = schemes[i].name;
            return true;
        }
    }
    return false;
}

static bool scheme_needs_value(rwith_auth auth)
{
    for (size_t i = 0; i < NELEMS(schemes); i++) {
        if (schemes[i].auth == auth) {
            return schemes[i].needs_value;
        }
    }
    return true;
}

struct reading {
    rwith_supply *supply;
    struct rwith__config_line line;
    size_t at; /* the next word */
    rwith_origin origin;
    bool has_origin;
    bool has_literals;
    rwith_diagnostic *diag;
};

/* What was found is never shown: it may be a secret whose keyword was
 * forgotten, or a file that is none of ours. */
static int unexpected(struct reading *r, const char *what)
{
    return rwith__config_unwanted(&r->line, r->at, what, r->diag);
}

/* What should have stood where a name does that cannot. */
static const char *expected_name(const struct place *place, rwith_slice name)
{
    if (place->in != RWITH_IN_HEADER || !rwith__ascii_is_token(name)) {
        return place->name;
    }
    if (rwith_slice_equal_nocase(name, RWITH_LIT("Authorization"))) {
        return "another field: Authorization is set by auth";
    }
    if (rwith_slice_equal_nocase(name, RWITH_LIT("Cookie"))) {
        return "another field: Cookie is set by cookie";
    }
    return "a field that does not frame, route or condition the request";
}

/* "origin URL" */
static int origin_read(struct reading *r)
{
    static const char expected[] =
        "an origin such as https://api.example.com, without a path";
    rwith_slice url;
    char *lower;

    r->at = 1;
    if (r->line.word_count < 2) {
        return unexpected(r, expected);
    }
    if (r->line.word_count > 2) {
        r->at = 2;
        return unexpected(r, "the end of the line");
    }
    url = r->line.words[1].text;
    lower = rwith__arena_alloc(&r->supply->arena, url.len + 1);
    if (lower == NULL) {
        return RWITH_ENOMEM;
    }
    if (rwith_origin_parse(url, lower, url.len, &r->origin, NULL) != RWITH_OK) {
        return unexpected(r, expected);
    }
    r->has_origin = true;
    return RWITH_OK;
}

/* The name behind the keyword. */
static int name_read(struct reading *r, const struct place *place,
                     rwith_supply_entry *entry)
{
    int err = rwith__config_need(&r->line, r->at, place->name, r->diag);
    rwith_slice name;

    if (err != RWITH_OK) {
        return err;
    }
    name = r->line.words[r->at].text;
    entry->in = place->in;
    entry->name = name;
    if (place->in == RWITH_IN_AUTHORIZATION) {
        if (!rwith__supply_scheme(name, &entry->auth, &entry->name)) {
            return unexpected(r, place->name);
        }
    } else if (!rwith__supply_name_ok(place->in, name)) {
        return unexpected(r, expected_name(place, name));
    }
    r->at++;
    return RWITH_OK;
}

static bool is_send_always(const struct reading *r, size_t at)
{
    return rwith__config_is(&r->line, at, "send") &&
           rwith__config_is(&r->line, at + 1, "always") &&
           at + 2 == r->line.word_count;
}

/* The words of the source behind its keyword, up to "send always". */
static int words_read(struct reading *r, const struct source *source,
                      rwith_supply_entry *entry)
{
    size_t end = r->line.word_count;
    rwith_slice *words;
    int err;

    if (source->argument == NULL) {
        return RWITH_OK;
    }
    err = rwith__config_need(&r->line, r->at, source->argument, r->diag);
    if (err != RWITH_OK) {
        return err;
    }
    if (source->kind != RWITH_SUPPLY_COMMAND) {
        end = r->at + 1;
    } else if (end >= 2 && is_send_always(r, end - 2)) {
        end -= 2;
    }
    if (end <= r->at || (r->line.words[r->at].text.len == 0 &&
                         source->kind != RWITH_SUPPLY_LITERAL)) {
        return unexpected(r, source->argument);
    }
    words =
        rwith__arena_alloc(&r->supply->arena, (end - r->at) * sizeof(*words));
    if (words == NULL) {
        return RWITH_ENOMEM;
    }
    entry->source = words;
    while (r->at < end) {
        words[entry->source_count++] = r->line.words[r->at++].text;
    }
    return RWITH_OK;
}

static int source_read(struct reading *r, rwith_supply_entry *entry)
{
    bool may_lack =
        entry->in == RWITH_IN_AUTHORIZATION && !scheme_needs_value(entry->auth);

    if (may_lack && (r->at == r->line.word_count || is_send_always(r, r->at))) {
        entry->kind = RWITH_SUPPLY_NONE;
        return RWITH_OK;
    }
    for (size_t i = 0; i < NELEMS(sources); i++) {
        if (rwith__config_is(&r->line, r->at, sources[i].word)) {
            entry->kind = sources[i].kind;
            r->at++;
            return words_read(r, &sources[i], entry);
        }
    }
    return unexpected(r, SOURCES_EXPECTED);
}

/* The value of a literal; it is no longer the entry's source then. */
static int literal_fill(struct reading *r, size_t id, rwith_slice value,
                        size_t word)
{
    int err = rwith_supply_fill(r->supply, id, value);

    if (err == RWITH_OK || err == RWITH_ENOMEM) {
        return err;
    }
    const rwith_slice none = { NULL, 0 }; /* a secret is never shown */
    return rwith__config_fail(
        r->diag, r->line.number, r->line.words[word].column,
        err == RWITH_ERANGE
            ? "the value is longer than 64 KiB"
            : "the value cannot stand there: expected one line without "
              "control bytes, for basic and digest user:password",
        none, NULL);
}

/* "header NAME SOURCE [send always]" and the like */
static int entry_read(struct reading *r, const struct place *place)
{
    rwith_supply_entry entry = { .origin = r->origin, .line = r->line.number };
    rwith_slice literal = { "", 0 };
    size_t id = r->supply->count;
    size_t literal_at;
    int err = name_read(r, place, &entry);

    if (err == RWITH_OK) {
        err = source_read(r, &entry);
    }
    if (err != RWITH_OK) {
        return err;
    }
    literal_at = r->at - 1;
    if (is_send_always(r, r->at)) {
        entry.send_always = true;
        r->at += 2;
    }
    if (r->at < r->line.word_count) {
        return unexpected(r, "\"send always\" or the end of the line");
    }
    if (entry.kind == RWITH_SUPPLY_LITERAL && entry.source_count > 0) {
        literal = entry.source[0];
        entry.source = NULL;
        entry.source_count = 0;
        r->has_literals = true;
    }
    err = rwith__supply_add(r->supply, &entry);
    if (err == RWITH_EDUPLICATE) {
        r->at = 1;
        return unexpected(r, "a name that this origin does not have yet");
    }
    if (err == RWITH_EFULL) {
        r->at = 0;
        return unexpected(r, "at most 4096 entries");
    }
    return err == RWITH_OK && entry.kind == RWITH_SUPPLY_LITERAL
               ? literal_fill(r, id, literal, literal_at)
               : err;
}

static int line_read(struct reading *r)
{
    if (rwith__config_is(&r->line, 0, "origin")) {
        return origin_read(r);
    }
    for (size_t i = 0; i < NELEMS(places); i++) {
        if (!rwith__config_is(&r->line, 0, places[i].word)) {
            continue;
        }
        if (!r->has_origin) {
            r->at = 0;
            return unexpected(r, "an origin line before the first value");
        }
        r->at = 1;
        return entry_read(r, &places[i]);
    }
    r->at = 0;
    return unexpected(r, KEYWORDS_EXPECTED);
}

int rwith_supply_read(rwith_supply *supply, rwith_slice text,
                      bool *ret_has_literals, rwith_diagnostic *reterr_diag)
{
    const rwith_slice none = { NULL, 0 };
    struct reading r = { .supply = supply, .diag = reterr_diag };
    struct rwith__config_reader reader;
    size_t before = supply->count;
    char *copy;
    int err = RWITH_OK;

    if (text.len > RWITH_SUPPLY_FILE_MAX) {
        return rwith__config_fail(reterr_diag, 0, 0,
                                  "the file is larger than 1 MiB", none, NULL);
    }
    copy = rwith__arena_alloc(&supply->arena, text.len + 1);
    if (copy == NULL) {
        return RWITH_ENOMEM;
    }
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    rwith__config_start(&reader, copy, text.len);
    for (;;) {
        err = rwith__config_next(&reader, &r.line, reterr_diag);
        if (err != RWITH_OK || r.line.word_count == 0) {
            break;
        }
        err = line_read(&r);
        if (err != RWITH_OK) {
            break;
        }
    }
    if (err != RWITH_OK) {
        rwith__supply_truncate(supply, before);
        rwith__wipe(copy, text.len);
        return err;
    }
    if (ret_has_literals != NULL) {
        *ret_has_literals = r.has_literals;
    }
    return RWITH_OK;
}

/* --- --give -----------------------------------------------------------------
 */

/* "env:NAME", "@FILE", or the value; without "=" the person is asked. */
static rwith_supply_kind give_source(rwith_slice *text)
{
    static const rwith_slice env = { "env:", 4 };

    if (text->len > env.len && memcmp(text->ptr, env.ptr, env.len) == 0) {
        text->ptr += env.len;
        text->len -= env.len;
        return RWITH_SUPPLY_ENV;
    }
    if (text->len > 1 && text->ptr[0] == '@') {
        text->ptr++;
        text->len--;
        return RWITH_SUPPLY_FILE;
    }
    return RWITH_SUPPLY_LITERAL;
}

struct given {
    const struct place *place;
    rwith_slice name, text;
    size_t name_column;
    bool has_text;
};

static int give_fail(rwith_diagnostic *diag, size_t column, const char *what,
                     rwith_slice found)
{
    return rwith__config_fail(diag, 1, column, what, found, NULL);
}

/* Cut "header NAME=TEXT". */
static int give_cut(rwith_slice line, struct given *ret, rwith_diagnostic *diag)
{
    rwith_slice rest = rwith_slice_trim(line);
    const char *space = rest.len > 0 ? memchr(rest.ptr, ' ', rest.len) : NULL;
    size_t word_len = space != NULL ? (size_t)(space - rest.ptr) : rest.len;
    rwith_slice word = { rest.len > 0 ? rest.ptr : "", word_len };
    const char *sign;

    *ret = (struct given){ 0 };
    for (size_t i = 0; i < NELEMS(places); i++) {
        if (rwith_slice_equal(word, rwith_slice_of(places[i].word))) {
            ret->place = &places[i];
        }
    }
    if (ret->place == NULL) {
        return give_fail(diag, 1,
                         "expected header, query, cookie, body or auth",
                         (rwith_slice){ NULL, 0 });
    }
    ret->name = rwith_slice_trim(
        (rwith_slice){ word.ptr + word.len, rest.len - word.len });
    ret->name_column = (size_t)(ret->name.ptr - line.ptr) + 1;
    sign = ret->name.len > 0 ? memchr(ret->name.ptr, '=', ret->name.len) : NULL;
    if (sign != NULL) {
        size_t name_len = (size_t)(sign - ret->name.ptr);

        ret->text = (rwith_slice){ sign + 1, ret->name.len - name_len - 1 };
        ret->name.len = name_len;
        ret->has_text = true;
    }
    return RWITH_OK;
}

static int give_entry(rwith_supply *supply, const struct given *given,
                      rwith_supply_entry *entry)
{
    struct rwith__arena *arena = &supply->arena;
    rwith_slice text = given->text;
    rwith_slice *words = rwith__arena_alloc(arena, sizeof(*words));

    entry->kind =
        given->has_text ? give_source(&text)
        : entry->auth != RWITH_AUTH_NONE && !scheme_needs_value(entry->auth)
            ? RWITH_SUPPLY_NONE
            : RWITH_SUPPLY_ASK;
    if (words == NULL || !rwith__arena_copy(arena, entry->name, &entry->name) ||
        !rwith__arena_copy(arena, entry->origin.scheme,
                           &entry->origin.scheme) ||
        !rwith__arena_copy(arena, entry->origin.host, &entry->origin.host) ||
        !rwith__arena_copy(arena, text, words)) {
        return RWITH_ENOMEM;
    }
    if (entry->kind == RWITH_SUPPLY_ENV || entry->kind == RWITH_SUPPLY_FILE) {
        entry->source = words;
        entry->source_count = 1;
    }
    return rwith__supply_add(supply, entry);
}

int rwith_supply_give_line(rwith_supply *supply, const rwith_origin *origin,
                           rwith_slice line, rwith_diagnostic *reterr_diag)
{
    rwith_supply_entry entry = { .origin = *origin };
    size_t before = supply->count;
    struct given given;
    int err = give_cut(line, &given, reterr_diag);

    if (err != RWITH_OK) {
        return err;
    }
    entry.in = given.place->in;
    entry.name = given.name;
    if (entry.in == RWITH_IN_AUTHORIZATION
            ? !rwith__supply_scheme(given.name, &entry.auth, &entry.name)
            : !rwith__supply_name_ok(entry.in, given.name)) {
        return rwith__config_fail(reterr_diag, 1, given.name_column,
                                  "expected ", (rwith_slice){ NULL, 0 },
                                  expected_name(given.place, given.name));
    }
    err = give_entry(supply, &given, &entry);
    if (err == RWITH_OK && entry.kind == RWITH_SUPPLY_LITERAL) {
        err = rwith_supply_fill(supply, before, given.text);
    }
    if (err != RWITH_OK) {
        rwith__supply_truncate(supply, before);
    }
    if (err == RWITH_EDUPLICATE || err == RWITH_EFULL) {
        return give_fail(reterr_diag, given.name_column,
                         err == RWITH_EFULL ? "too many values"
                                            : "given twice: ",
                         given.name);
    }
    return err == RWITH_ESYNTAX || err == RWITH_ERANGE
               ? give_fail(reterr_diag, given.name_column,
                           "the value cannot stand there", (rwith_slice){ 0 })
               : err;
}
