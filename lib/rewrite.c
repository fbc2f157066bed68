/*
 * rewrite.c: the two names of one resource tree, translated in the fields
 * that carry them (R-33: RFC 4918 8.3, 10.3, 10.4; RFC 6265 4.1.2; RFC 8288).
 *
 * Which field is translated, in which direction and how, is the table
 * fields[].  Host is not here: a relay sets it from its configuration.
 * Bodies are not here either; their hrefs come in by rwith_rewrite_uri().
 */
#include <retrywith/rewrite.h>

#include <string.h>

#include "lib/ascii.h"
#include "lib/cookie.h"

/* An authority longer than that is nobody's that we relay for. */
#define AUTHORITY_MAX 300

#define NELEMS(array) (sizeof(array) / sizeof((array)[0]))

/* The caller's buffer.  Once full it stays full; nothing is written past. */
struct out {
    char *buf;
    size_t len;
    size_t max;
    bool is_full;
};

static void out_put(struct out *out, rwith_slice s)
{
    if (s.len > out->max - out->len) {
        out->is_full = true;
    } else if (!out->is_full && s.len > 0) {
        memcpy(out->buf + out->len, s.ptr, s.len);
        out->len += s.len;
    }
}

static void out_put_port(struct out *out, uint16_t port)
{
    char digits[5];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + port % 10);
        port /= 10;
    } while (port > 0);
    out_put(out, RWITH_LIT(":"));
    out_put(out, (rwith_slice){ digits + at, sizeof(digits) - at });
}

static void out_put_origin(struct out *out, const rwith_origin *origin)
{
    bool is_tls = rwith_slice_equal(origin->scheme, RWITH_LIT("https"));

    out_put(out, origin->scheme);
    out_put(out, RWITH_LIT("://"));
    out_put(out, origin->host);
    if (origin->port != (is_tls ? 443 : 80)) {
        out_put_port(out, origin->port);
    }
}

/*
 * A value under edit: what was not replaced is copied when something behind
 * it is, so that a value without a change leaves the buffer alone.
 */
struct edit {
    struct out out;
    rwith_slice value;
    size_t copied; /* bytes of value that are in out, or were dropped */
    bool is_changed;
};

static struct edit edit_start(rwith_slice value, char *buf, size_t buf_len)
{
    return (struct edit){ .out = { .buf = buf, .max = buf_len },
                          .value = value };
}

/* Copy up to @a from, then let the caller write instead of what lies up to
 * @a to. */
static struct out *edit_replace(struct edit *edit, size_t from, size_t to)
{
    out_put(&edit->out, (rwith_slice){ edit->value.ptr + edit->copied,
                                       from - edit->copied });
    edit->copied = to;
    edit->is_changed = true;
    return &edit->out;
}

static int edit_finish(struct edit *edit, size_t *ret_len, bool *ret_changed)
{
    if (edit->is_changed) {
        edit_replace(edit, edit->value.len, edit->value.len);
        if (edit->out.is_full) {
            return RWITH_ESPACE;
        }
    }
    *ret_len = edit->is_changed ? edit->out.len : edit->value.len;
    *ret_changed = edit->is_changed;
    return RWITH_OK;
}

static rwith_slice slice_from(rwith_slice s, size_t at)
{
    return (rwith_slice){ s.ptr + at, s.len - at };
}

static bool has_prefix(rwith_slice s, rwith_slice prefix)
{
    return s.len >= prefix.len &&
           (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static bool has_prefix_nocase(rwith_slice s, rwith_slice prefix)
{
    return s.len >= prefix.len &&
           rwith_slice_equal_nocase((rwith_slice){ s.ptr, prefix.len }, prefix);
}

/* Does @a path lie under the prefix, at a segment's border? */
static bool path_is_under(rwith_slice path, rwith_slice prefix)
{
    if (!has_prefix(path, prefix)) {
        return false;
    }
    return path.len == prefix.len ||
           memchr("/?#", path.ptr[prefix.len], 3) != NULL;
}

/* How a reference is written. */
enum form {
    FORM_OTHER,    /* relative to something, another scheme, or nonsense */
    FORM_ABSOLUTE, /* http://authority…, https://authority… */
    FORM_NETWORK,  /* //authority… */
    FORM_PATH      /* /… */
};

static enum form form_of(rwith_slice uri)
{
    if (has_prefix_nocase(uri, RWITH_LIT("http://")) ||
        has_prefix_nocase(uri, RWITH_LIT("https://"))) {
        return FORM_ABSOLUTE;
    }
    if (has_prefix(uri, RWITH_LIT("//"))) {
        return FORM_NETWORK;
    }
    return has_prefix(uri, RWITH_LIT("/")) ? FORM_PATH : FORM_OTHER;
}

/*
 * Does @a uri, absolute or a network path, name that origin?  Hosts compare
 * without case and with the scheme's default port.
 */
static bool names_origin(rwith_slice uri, enum form form,
                         const rwith_origin *origin, rwith_slice *ret_rest)
{
    char text[AUTHORITY_MAX + 8];
    char lower[AUTHORITY_MAX + 8];
    struct out out = { .buf = text, .max = sizeof(text) };
    size_t start = 0;

    if (form == FORM_NETWORK) {
        out_put(&out, origin->scheme);
        out_put(&out, RWITH_LIT(":"));
    } else {
        start =
            (size_t)((const char *)memchr(uri.ptr, ':', uri.len) - uri.ptr) + 1;
        out_put(&out, (rwith_slice){ uri.ptr, start });
    }
    size_t end = start + 2;
    while (end < uri.len && memchr("/?#", uri.ptr[end], 3) == NULL) {
        end++;
    }
    out_put(&out, (rwith_slice){ uri.ptr + start, end - start });

    rwith_origin named;
    if (out.is_full ||
        rwith_origin_parse((rwith_slice){ text, out.len }, lower, sizeof(lower),
                           &named, NULL) != RWITH_OK ||
        !rwith_origin_equal(&named, origin)) {
        return false;
    }
    *ret_rest = slice_from(uri, end);
    return true;
}

/* Edit one reference, which is value[from, to) of @a edit. */
static void edit_uri_inward(struct edit *edit, const rwith_mapping *map,
                            size_t from, size_t to)
{
    rwith_slice uri = { edit->value.ptr + from, to - from };
    enum form form = form_of(uri);
    rwith_slice rest = uri;

    if (form == FORM_OTHER) {
        return;
    }
    if (form == FORM_PATH) {
        if (map->back_prefix.len > 0) {
            out_put(edit_replace(edit, from, from), map->back_prefix);
        }
        return;
    }
    if (names_origin(uri, form, &map->front, &rest)) {
        struct out *out = edit_replace(edit, from, to);

        out_put_origin(out, &map->back);
        out_put(out, map->back_prefix);
        out_put(out, rest);
    }
}

/* The path behind the prefix, which must stay a path. */
static void put_path_outward(struct out *out, rwith_slice path,
                             rwith_slice prefix)
{
    rwith_slice inner = slice_from(path, prefix.len);

    if (inner.len == 0 || inner.ptr[0] != '/') {
        out_put(out, RWITH_LIT("/"));
    }
    out_put(out, inner);
}

static void edit_uri_outward(struct edit *edit, const rwith_mapping *map,
                             size_t from, size_t to)
{
    rwith_slice uri = { edit->value.ptr + from, to - from };
    enum form form = form_of(uri);
    rwith_slice rest = uri;

    if (form == FORM_OTHER) {
        return;
    }
    if (form == FORM_PATH) {
        if (map->back_prefix.len == 0) {
            return;
        }
        if (path_is_under(uri, map->back_prefix)) {
            rwith_slice inner = slice_from(uri, map->back_prefix.len);

            if (has_prefix(inner, RWITH_LIT("//"))) {
                /* Alone it would read as //authority. */
                struct out *out = edit_replace(edit, from, to);

                out_put_origin(out, &map->front);
                out_put(out, inner);
                return;
            }
            put_path_outward(edit_replace(edit, from, to), uri,
                             map->back_prefix);
        } else {
            /* Outside of what is relayed: only its full name is true. */
            out_put_origin(edit_replace(edit, from, from), &map->back);
        }
        return;
    }
    if (names_origin(uri, form, &map->back, &rest) &&
        (map->back_prefix.len == 0 || path_is_under(rest, map->back_prefix))) {
        struct out *out = edit_replace(edit, from, to);

        out_put_origin(out, &map->front);
        if (map->back_prefix.len == 0) {
            out_put(out, rest);
        } else {
            put_path_outward(out, rest, map->back_prefix);
        }
    }
}

static void edit_uri(struct edit *edit, const rwith_mapping *map,
                     bool is_request, size_t from, size_t to)
{
    if (is_request) {
        edit_uri_inward(edit, map, from, to);
    } else {
        edit_uri_outward(edit, map, from, to);
    }
}

/* --- how a field's value holds names -------------------------------------- */

static void translate_uri(struct edit *edit, const rwith_mapping *map,
                          bool is_request)
{
    edit_uri(edit, map, is_request, 0, edit->value.len);
}

/* Origin and Access-Control-Allow-Origin: the bare origin, no path. */
static void translate_origin(struct edit *edit, const rwith_mapping *map,
                             bool is_request)
{
    const rwith_origin *from = is_request ? &map->front : &map->back;
    rwith_slice rest;

    if (form_of(edit->value) == FORM_ABSOLUTE &&
        names_origin(edit->value, FORM_ABSOLUTE, from, &rest) &&
        rest.len == 0) {
        out_put_origin(edit_replace(edit, 0, edit->value.len),
                       is_request ? &map->back : &map->front);
    }
}

/* The position behind the quoted string that starts at @a at. */
static size_t skip_quoted(rwith_slice s, size_t at)
{
    for (at++; at < s.len && s.ptr[at] != '"'; at++) {
        if (s.ptr[at] == '\\') {
            at++;
        }
    }
    return at < s.len ? at + 1 : s.len;
}

/*
 * References in angle brackets, outside of quoted strings and, where there are
 * lists, outside of parentheses.
 */
static void edit_tags(struct edit *edit, const rwith_mapping *map,
                      bool is_request, bool has_lists)
{
    rwith_slice s = edit->value;
    bool is_in_list = false;
    size_t at = 0;

    while (at < s.len) {
        switch (s.ptr[at]) {
        case '(':
            is_in_list = has_lists;
            break;
        case ')':
            is_in_list = false;
            break;
        case '"':
            at = skip_quoted(s, at);
            continue;
        case '<': {
            const char *close = memchr(s.ptr + at, '>', s.len - at);

            if (close == NULL) {
                return;
            }
            size_t end = (size_t)(close - s.ptr);
            if (!is_in_list) {
                edit_uri(edit, map, is_request, at + 1, end);
            }
            at = end;
            break;
        }
        default:
            break;
        }
        at++;
    }
}

/* RFC 4918 10.4.2: resource tags stand outside the parentheses; what stands
 * inside (state tokens, entity tags) is the server's own and stays. */
static void translate_if(struct edit *edit, const rwith_mapping *map,
                         bool is_request)
{
    edit_tags(edit, map, is_request, true);
}

/* RFC 8288 3: the next page of a list would be asked of the origin. */
static void translate_link(struct edit *edit, const rwith_mapping *map,
                           bool is_request)
{
    edit_tags(edit, map, is_request, false);
}

static size_t skip_space(rwith_slice s, size_t at)
{
    while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t')) {
        at++;
    }
    return at;
}

/* "5; url=/a", as browsers read it: the quotes are optional. */
static void translate_refresh(struct edit *edit, const rwith_mapping *map,
                              bool is_request)
{
    rwith_slice s = edit->value;
    size_t at = 0;
    size_t end = s.len;

    while (at < s.len && s.ptr[at] != ';' && s.ptr[at] != ',') {
        at++;
    }
    at = skip_space(s, at < s.len ? at + 1 : at);
    if (!has_prefix_nocase(slice_from(s, at), RWITH_LIT("url"))) {
        return;
    }
    at = skip_space(s, at + 3);
    if (at == s.len || s.ptr[at] != '=') {
        return;
    }
    at = skip_space(s, at + 1);
    if (at < s.len && (s.ptr[at] == '"' || s.ptr[at] == '\'')) {
        const char *close = memchr(s.ptr + at + 1, s.ptr[at], s.len - at - 1);

        end = close != NULL ? (size_t)(close - s.ptr) : s.len;
        at++;
    }
    if (at < end) {
        edit_uri(edit, map, is_request, at, end);
    }
}

/* An attribute of a cookie, with the semicolon before it. */
struct attribute {
    size_t from; /* of the semicolon */
    size_t to;
    rwith_slice name;
    rwith_slice value;
    size_t value_at;
};

/* A cookie of the relay is the relay's host's own. */
static void cookie_domain(struct edit *edit, const rwith_mapping *map,
                          const struct attribute *attribute)
{
    if (rwith__cookie_domain_covers(attribute->value, map->back.host)) {
        edit_replace(edit, attribute->from, attribute->to);
    }
}

static void cookie_path(struct edit *edit, const rwith_mapping *map,
                        const struct attribute *attribute)
{
    rwith_slice path = attribute->value;
    rwith_slice parent = path;

    if (parent.len > 1 && parent.ptr[parent.len - 1] == '/') {
        parent.len--;
    }
    if (map->back_prefix.len > 0 && path_is_under(path, map->back_prefix)) {
        put_path_outward(edit_replace(edit, attribute->value_at,
                                      attribute->value_at + path.len),
                         path, map->back_prefix);
    } else if (path.len > 1 && path_is_under(map->back_prefix, parent)) {
        /* A parent of the prefix: all that is relayed. */
        out_put(edit_replace(edit, attribute->value_at,
                             attribute->value_at + path.len),
                RWITH_LIT("/"));
    }
}

/* Over http a client neither keeps nor sends a Secure cookie. */
static void cookie_secure(struct edit *edit, const rwith_mapping *map,
                          const struct attribute *attribute)
{
    if (!rwith_slice_equal(map->front.scheme, RWITH_LIT("https"))) {
        edit_replace(edit, attribute->from, attribute->to);
    }
}

/* SameSite=None is refused by browsers without Secure. */
static void cookie_same_site(struct edit *edit, const rwith_mapping *map,
                             const struct attribute *attribute)
{
    if (rwith_slice_equal_nocase(attribute->value, RWITH_LIT("none"))) {
        cookie_secure(edit, map, attribute);
    }
}

static const struct {
    rwith_slice name;
    void (*translate)(struct edit *edit, const rwith_mapping *map,
                      const struct attribute *attribute);
} cookie_attributes[] = {
    { { "domain", 6 }, cookie_domain },
    { { "path", 4 }, cookie_path },
    { { "secure", 6 }, cookie_secure },
    { { "samesite", 8 }, cookie_same_site },
    { { "partitioned", 11 }, cookie_secure },
};

/* Read the attribute whose semicolon is at @a at. */
static struct attribute attribute_at(rwith_slice s, size_t at)
{
    struct attribute attribute = { .from = at, .to = at + 1 };
    const char *end = memchr(s.ptr + at + 1, ';', s.len - at - 1);

    attribute.to = end != NULL ? (size_t)(end - s.ptr) : s.len;
    rwith_slice text = { s.ptr + at + 1, attribute.to - at - 1 };
    const char *equals = text.len > 0 ? memchr(text.ptr, '=', text.len) : NULL;
    size_t name_len = equals != NULL ? (size_t)(equals - text.ptr) : text.len;

    attribute.name = rwith_slice_trim((rwith_slice){ text.ptr, name_len });
    attribute.value = (rwith_slice){ text.ptr + text.len, 0 };
    if (equals != NULL) {
        attribute.value = rwith_slice_trim(slice_from(text, name_len + 1));
    }
    attribute.value_at = attribute.value.len > 0
                             ? (size_t)(attribute.value.ptr - s.ptr)
                             : attribute.to;
    return attribute;
}

static void translate_cookie(struct edit *edit, const rwith_mapping *map,
                             bool is_request)
{
    rwith_slice s = edit->value;
    const char *semicolon = s.len > 0 ? memchr(s.ptr, ';', s.len) : NULL;
    size_t at = semicolon != NULL ? (size_t)(semicolon - s.ptr) : s.len;

    (void)is_request;
    while (at < s.len) {
        struct attribute attribute = attribute_at(s, at);

        for (size_t i = 0; i < NELEMS(cookie_attributes); i++) {
            if (rwith_slice_equal_nocase(attribute.name,
                                         cookie_attributes[i].name)) {
                cookie_attributes[i].translate(edit, map, &attribute);
            }
        }
        at = attribute.to;
    }
}

/* Every field that is translated: name, direction, how. */
#define FIELDS(X)                                                              \
    X("destination", true, translate_uri)                                      \
    X("if", true, translate_if)                                                \
    X("origin", true, translate_origin)                                        \
    X("referer", true, translate_uri)                                          \
    X("location", false, translate_uri)                                        \
    X("content-location", false, translate_uri)                                \
    X("link", false, translate_link)                                           \
    X("refresh", false, translate_refresh)                                     \
    X("set-cookie", false, translate_cookie)                                   \
    X("access-control-allow-origin", false, translate_origin)

static const struct field {
    rwith_slice name;
    bool is_request;
    void (*translate)(struct edit *edit, const rwith_mapping *map,
                      bool is_request);
} fields[] = {
#define FIELD_ROW(name, is_request, translate)                                 \
    { { name, sizeof(name) - 1 }, is_request, translate },
    FIELDS(FIELD_ROW)
#undef FIELD_ROW
};

/*
 * The lengths and the first letters of the names in a list, as bits: every
 * field of every message is looked up, and hardly any has one of these
 * lengths and begins with one of these letters, of either case.
 */
struct shapes {
    uint32_t lengths, letters;
};

#define LENGTH_BIT(name) (UINT32_C(1) << (sizeof(name) - 1))
#define LETTER_BIT(name) (UINT32_C(1) << ((name)[0] & 31))

/* What is looked for where a shape is found: apart, so that the rest is
 * small enough to become part of its callers. */
#if defined(__GNUC__)
#define RARE __attribute__((noinline, cold))
#else
#define RARE
#endif

static inline bool has_shape(struct shapes shapes, rwith_slice name)
{
    return name.len - 1 < 31 && (shapes.lengths >> name.len & 1) != 0 &&
           (shapes.letters >> (name.ptr[0] & 31) & 1) != 0;
}

static RARE const struct field *field_search(bool is_request, rwith_slice name)
{
    for (size_t i = 0; i < NELEMS(fields); i++) {
        if (fields[i].is_request == is_request &&
            rwith__ascii_equal(fields[i].name, name)) {
            return &fields[i];
        }
    }
    return NULL;
}

static inline const struct field *field_find(bool is_request, rwith_slice name)
{
#define REQUEST_LENGTH(name, is_request, translate)                            \
    | ((is_request) ? LENGTH_BIT(name) : 0)
#define REQUEST_LETTER(name, is_request, translate)                            \
    | ((is_request) ? LETTER_BIT(name) : 0)
#define RESPONSE_LENGTH(name, is_request, translate)                           \
    | ((is_request) ? 0 : LENGTH_BIT(name))
#define RESPONSE_LETTER(name, is_request, translate)                           \
    | ((is_request) ? 0 : LETTER_BIT(name))
    static const struct shapes of_request = { 0 FIELDS(REQUEST_LENGTH),
                                              0 FIELDS(REQUEST_LETTER) };
    static const struct shapes of_response = { 0 FIELDS(RESPONSE_LENGTH),
                                               0 FIELDS(RESPONSE_LETTER) };
#undef REQUEST_LENGTH
#undef REQUEST_LETTER
#undef RESPONSE_LENGTH
#undef RESPONSE_LETTER

    return has_shape(is_request ? of_request : of_response, name)
               ? field_search(is_request, name)
               : NULL;
}

bool rwith_rewrite_has_field(bool is_request, rwith_slice name)
{
    return field_find(is_request, name) != NULL;
}

int rwith_rewrite_field(const rwith_mapping *mapping, bool is_request,
                        rwith_slice name, rwith_slice value, char *buf,
                        size_t buf_len, size_t *ret_len, bool *ret_changed)
{
    const struct field *field = field_find(is_request, name);
    struct edit edit = edit_start(value, buf, buf_len);

    if (field != NULL && value.len > 0) {
        field->translate(&edit, mapping, is_request);
    }
    return edit_finish(&edit, ret_len, ret_changed);
}

int rwith_rewrite_uri(const rwith_mapping *mapping, bool is_request,
                      rwith_slice uri, char *buf, size_t buf_len,
                      size_t *ret_len, bool *ret_changed)
{
    struct edit edit = edit_start(uri, buf, buf_len);

    if (uri.len > 0) {
        edit_uri(&edit, mapping, is_request, 0, uri.len);
    }
    return edit_finish(&edit, ret_len, ret_changed);
}

/* Connection-bound by definition (R-31). */
#define HOP_BY_HOP(X)                                                          \
    X("connection")                                                            \
    X("keep-alive")                                                            \
    X("proxy-connection")                                                      \
    X("te")                                                                    \
    X("trailer")                                                               \
    X("transfer-encoding")                                                     \
    X("upgrade")                                                               \
    X("proxy-authorization")                                                   \
    X("proxy-authenticate")

static const rwith_slice hop_by_hop[] = {
#define HOP_ROW(name) { name, sizeof(name) - 1 },
    HOP_BY_HOP(HOP_ROW)
#undef HOP_ROW
};

#define HOP_LENGTH(name) | LENGTH_BIT(name)
#define HOP_LETTER(name) | LETTER_BIT(name)
static const struct shapes hop_shapes = { 0 HOP_BY_HOP(HOP_LENGTH),
                                          0 HOP_BY_HOP(HOP_LETTER) };
#undef HOP_LENGTH
#undef HOP_LETTER

/* What no peer may have us drop by naming it in Connection: the fields that
 * frame, route and guard a message. */
static const rwith_slice end_to_end[] = {
    { "host", 4 },           { "content-length", 14 },
    { "content-type", 12 },  { "cache-control", 13 },
    { "max-forwards", 12 },  { "via", 3 },
    { "authorization", 13 }, { "cookie", 6 },
    { "set-cookie", 10 },    { "date", 4 }
};

static bool is_one_of(const rwith_slice *names, size_t count, rwith_slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (rwith__ascii_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

static RARE bool is_hop(rwith_slice name, rwith_slice connection)
{
    if (is_one_of(hop_by_hop, NELEMS(hop_by_hop), name)) {
        return true;
    }
    if (connection.len == 0 ||
        is_one_of(end_to_end, NELEMS(end_to_end), name)) {
        return false;
    }
    while (connection.len > 0) {
        const char *comma = memchr(connection.ptr, ',', connection.len);
        size_t len =
            comma != NULL ? (size_t)(comma - connection.ptr) : connection.len;

        if (rwith_slice_equal_nocase(
                rwith_slice_trim((rwith_slice){ connection.ptr, len }), name)) {
            return true;
        }
        connection = slice_from(connection, comma != NULL ? len + 1 : len);
    }
    return false;
}

bool rwith_rewrite_is_hop_by_hop(rwith_slice name, rwith_slice connection)
{
    return (connection.len > 0 || has_shape(hop_shapes, name)) &&
           is_hop(name, connection);
}
