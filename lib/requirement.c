/*
 * requirement.c: the places where information travels, which names may stand
 * there, and the MS-RetryWith field: read leniently, written strictly.
 */
#include <retrywith/requirement.h>

#include <string.h>

#include "lib/ascii.h"

struct place_row {
    rwith_slice word;
    rwith_slice hint;
    bool ignores_case; /* do names in that place compare without case? */
    bool is_token;     /* must they be tokens? */
};

#define LIT(s)                                                                 \
    {                                                                          \
        ("" s), sizeof(s) - 1                                                  \
    }
#define NAME_NOCASE(in)   ((in) == RWITH_IN_HEADER || NAME_SCHEME(in))
#define NAME_SCHEME(in)   ((in) == RWITH_IN_AUTHORIZATION)
#define NAME_IS_TOKEN(in) (NAME_NOCASE(in) || (in) == RWITH_IN_COOKIE)

static const struct place_row places[RWITH_PLACE_COUNT] = {
#define PLACE_ROW(name, word, hint, substatus)                                 \
    { LIT(word), LIT(hint), NAME_NOCASE(RWITH_IN_##name),                      \
      NAME_IS_TOKEN(RWITH_IN_##name) },
    RWITH_PLACES(PLACE_ROW)
#undef PLACE_ROW
};

const char *rwith_place_word(rwith_place in)
{
    return (unsigned)in < RWITH_PLACE_COUNT ? places[in].word.ptr : "nowhere";
}

bool rwith_place_of_word(rwith_slice word, rwith_place *ret)
{
    for (unsigned i = 0; i < RWITH_PLACE_COUNT; i++) {
        if (rwith_slice_equal(places[i].word, word)) {
            *ret = (rwith_place)i;
            return true;
        }
    }
    return false;
}

bool rwith_requirement_equal(const rwith_requirement *a,
                             const rwith_requirement *b)
{
    if (a->in != b->in) {
        return false;
    }
    return places[a->in].ignores_case
               ? rwith_slice_equal_nocase(a->name, b->name)
               : rwith_slice_equal(a->name, b->name);
}

bool rwith_requirement_name_ok(rwith_place in, rwith_slice name)
{
    if ((unsigned)in >= RWITH_PLACE_COUNT ||
        name.len > RWITH_REQUIREMENT_NAME_MAX) {
        return false;
    }
    if (places[in].is_token) {
        return rwith__ascii_is_token(name);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (rwith__ascii_is(name.ptr[i], RWITH__CH_CTL)) {
            return false;
        }
    }
    return name.len > 0 || in == RWITH_IN_BODY;
}

/* The bytes up to the next comma that is not quoted; the cursor goes behind
 * it.  A quote that is not closed takes the rest. */
static rwith_slice element_take(rwith_slice *cursor)
{
    rwith_slice element = { cursor->ptr, 0 };
    bool is_quoted = false;
    size_t i = 0;

    for (; i < cursor->len && (is_quoted || cursor->ptr[i] != ','); i++) {
        if (cursor->ptr[i] == '"') {
            is_quoted = !is_quoted;
        } else if (is_quoted && cursor->ptr[i] == '\\' && i + 1 < cursor->len) {
            i++;
        }
    }
    element.len = i;
    if (i < cursor->len) {
        i++; /* the comma */
    }
    cursor->ptr += i;
    cursor->len -= i;
    return rwith_slice_trim(element);
}

/* The contents of a quoted-string that fills the slice; into buf only when
 * there is something to unescape. */
static bool unquote(rwith_slice quoted, char *buf, rwith_slice *ret)
{
    rwith_slice inner = { quoted.ptr + 1, quoted.len - 2 };
    size_t used = 0;

    if (quoted.len < 2 || quoted.ptr[quoted.len - 1] != '"') {
        return false;
    }
    if (inner.len == 0 || (memchr(inner.ptr, '\\', inner.len) == NULL &&
                           memchr(inner.ptr, '"', inner.len) == NULL)) {
        *ret = inner;
        return true;
    }
    for (size_t i = 0; i < inner.len; i++) {
        if (inner.ptr[i] == '"') {
            return false; /* it ended before the end of the element */
        }
        if (inner.ptr[i] == '\\' && ++i == inner.len) {
            return false; /* that escaped the closing quote */
        }
        if (used == RWITH_REQUIREMENT_NAME_MAX) {
            return false;
        }
        buf[used++] = inner.ptr[i];
    }
    *ret = (rwith_slice){ buf, used };
    return true;
}

/* Cut "kind:" off; what has no colon asks for a header. */
static bool kind_take(rwith_slice *element, rwith_place *in)
{
    const char *end = element->ptr + element->len;
    const char *colon = NULL;

    if (element->len > 0 && element->ptr[0] != '"') {
        colon = memchr(element->ptr, ':', element->len);
    }
    if (colon == NULL) {
        *in = RWITH_IN_HEADER;
        return true;
    }
    rwith_slice kind = { element->ptr, (size_t)(colon - element->ptr) };
    for (unsigned i = 0; i < RWITH_PLACE_COUNT; i++) {
        if (rwith_slice_equal_nocase(places[i].hint, rwith_slice_trim(kind))) {
            *element = rwith_slice_trim(
                (rwith_slice){ colon + 1, (size_t)(end - colon - 1) });
            *in = (rwith_place)i;
            return true;
        }
    }
    return false;
}

/* */
bool rwith_requirement_next_hint(rwith_slice *cursor, char *buf,
                                 rwith_requirement *ret)
{
    while (cursor->len > 0) {
        rwith_requirement got = { 0 };

        got.name = element_take(cursor);
        if (got.name.len == 0 || !kind_take(&got.name, &got.in)) {
            continue;
        }
        if (got.name.len == 0) {
            continue; /* a kind and no name: an empty name is written "" */
        }
        if (memchr(got.name.ptr, '"', got.name.len) != NULL &&
            (got.name.ptr[0] != '"' || !unquote(got.name, buf, &got.name))) {
            continue;
        }
        if (rwith_requirement_name_ok(got.in, got.name)) {
            *ret = got;
            return true;
        }
    }
    return false;
}

/* Where the next bytes of a hint go; a length past the end is counted, so
 * that one comparison tells whether all of an element fitted. */
struct writer {
    char *buf;
    size_t max;
    size_t len;
};

static void put(struct writer *w, rwith_slice bytes)
{
    if (bytes.len > 0 && w->len <= w->max && bytes.len <= w->max - w->len) {
        memcpy(w->buf + w->len, bytes.ptr, bytes.len);
    }
    w->len += bytes.len;
}

static void put_name(struct writer *w, rwith_slice name)
{
    static const rwith_slice quote = LIT("\""), backslash = LIT("\\");

    if (rwith__ascii_is_token(name)) {
        put(w, name);
        return;
    }
    put(w, quote);
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\') {
            put(w, backslash);
        }
        put(w, (rwith_slice){ name.ptr + i, 1 });
    }
    put(w, quote);
}

/* */
size_t rwith_requirement_write_hint(const rwith_requirement *reqs, size_t count,
                                    char *buf, size_t buf_len)
{
    static const rwith_slice comma = LIT(", "), colon = LIT(": ");
    struct writer w = { buf, buf_len, 0 };
    size_t whole = 0;

    if (w.max > RWITH_HINT_MAX) {
        w.max = RWITH_HINT_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        if (!rwith_requirement_name_ok(reqs[i].in, reqs[i].name)) {
            continue; /* strictly: no reader could make sense of it */
        }
        if (whole > 0) {
            put(&w, comma);
        }
        put(&w, places[reqs[i].in].hint);
        put(&w, colon);
        put_name(&w, reqs[i].name);
        if (w.len > w.max) {
            break;
        }
        whole = w.len;
    }
    return whole;
}
