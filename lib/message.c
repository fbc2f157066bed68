/*
 * message.c: origins, and looking up a field line.  An origin is read
 * strictly, because it decides who is given a value: what could be read in
 * two ways is refused.
 */
#include <retrywith/message.h>

#include <retrywith/err.h>

#include "lib/ascii.h"

#define HOST_LEN_MAX 255 /* RFC 1035 3.1, and enough for an address */
#define PORT_MAX     65535

static const struct scheme {
    rwith_slice name;
    uint16_t port;
} schemes[] = {
    { { "http", 4 }, 80 },
    { { "https", 5 }, 443 },
};

/* The scheme with its "://", or NULL; *text is moved behind it. */
static const struct scheme *scheme_take(rwith_slice *text)
{
    static const rwith_slice separator = { "://", 3 };

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const rwith_slice *name = &schemes[i].name;

        if (!rwith__ascii_has_prefix(*text, *name)) {
            continue;
        }
        rwith_slice rest = { text->ptr + name->len, text->len - name->len };
        if (rwith__ascii_has_prefix(rest, separator)) {
            text->ptr = rest.ptr + separator.len;
            text->len = rest.len - separator.len;
            return &schemes[i];
        }
    }
    return NULL;
}

/* "[" hex digits, colons and dots "]"; zone identifiers are refused. */
static size_t ipv6_len(rwith_slice text)
{
    size_t i = 1;

    while (i < text.len && text.ptr[i] != ']') {
        char c = rwith__ascii_lower(text.ptr[i]);
        bool is_hex =
            rwith__ascii_is(c, RWITH__CH_DIGIT) || (c >= 'a' && c <= 'f');

        if (!is_hex && c != ':' && c != '.') {
            return 0;
        }
        i++;
    }
    return i < text.len && i > 2 ? i + 1 : 0;
}

/* How many bytes of text are the host; 0: it does not begin with one. */
static size_t host_len(rwith_slice text)
{
    size_t i = 0;

    if (text.len > 0 && text.ptr[0] == '[') {
        return ipv6_len(text);
    }
    while (i < text.len && rwith__ascii_is(text.ptr[i], RWITH__CH_HOST)) {
        /* An empty label, "a..b", has no one meaning. */
        if (text.ptr[i] == '.' && (i == 0 || text.ptr[i - 1] == '.')) {
            return 0;
        }
        i++;
    }
    return i;
}

/* Read ":port" if it is there; false: it is there and wrong. */
static bool port_take(rwith_slice *text, uint16_t *port)
{
    size_t len = 0;
    uint64_t number;

    if (text->len == 0 || text->ptr[0] != ':') {
        return true;
    }
    rwith_slice digits = { text->ptr + 1, text->len - 1 };
    while (len < digits.len &&
           rwith__ascii_is(digits.ptr[len], RWITH__CH_DIGIT)) {
        len++;
    }
    rwith_slice rest = { digits.ptr + len, digits.len - len };
    digits.len = len;
    if (!rwith__ascii_number(digits, PORT_MAX, &number) || number == 0) {
        return false;
    }
    *port = (uint16_t)number;
    *text = rest;
    return true;
}

static bool has_upper(rwith_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (rwith__ascii_is(s.ptr[i], RWITH__CH_UPPER)) {
            return true;
        }
    }
    return false;
}

/* The host without upper case: itself, or a copy in buf. */
static int host_lower(rwith_slice *host, char *buf, size_t buf_len)
{
    if (!has_upper(*host)) {
        return RWITH_OK;
    }
    if (buf == NULL) {
        return RWITH_ESYNTAX;
    }
    if (buf_len < host->len) {
        return RWITH_ESPACE;
    }
    for (size_t i = 0; i < host->len; i++) {
        buf[i] = rwith__ascii_lower(host->ptr[i]);
    }
    host->ptr = buf;
    return RWITH_OK;
}

/* May that stand behind an authority? */
static bool rest_ok(rwith_slice rest, bool is_wanted)
{
    if (rest.len == 0) {
        return true;
    }
    if (!is_wanted) {
        return rest.len == 1 && rest.ptr[0] == '/';
    }
    return rest.ptr[0] == '/' || rest.ptr[0] == '?';
}

int rwith_origin_parse(rwith_slice text, char *buf, size_t buf_len,
                       rwith_origin *ret, rwith_slice *ret_rest)
{
    rwith_slice whole = text;
    const struct scheme *scheme = scheme_take(&text);

    if (scheme == NULL) {
        return RWITH_ESYNTAX;
    }
    if (buf == NULL &&
        has_upper((rwith_slice){ whole.ptr, scheme->name.len })) {
        return RWITH_ESYNTAX;
    }
    rwith_slice host = { text.ptr, host_len(text) };
    text.ptr += host.len;
    text.len -= host.len;
    if (host.len > 0 && host.ptr[host.len - 1] == '.') {
        host.len--; /* the root's dot: the same host */
    }
    uint16_t port = scheme->port;
    if (host.len == 0 || host.len > HOST_LEN_MAX || !port_take(&text, &port) ||
        !rest_ok(text, ret_rest != NULL)) {
        return RWITH_ESYNTAX;
    }
    int err = host_lower(&host, buf, buf_len);
    if (err != RWITH_OK) {
        return err;
    }
    *ret = (rwith_origin){ scheme->name, host, port };
    if (ret_rest != NULL) {
        *ret_rest = text;
    }
    return RWITH_OK;
}

bool rwith_origin_equal(const rwith_origin *a, const rwith_origin *b)
{
    return a->port == b->port && rwith_slice_equal(a->scheme, b->scheme) &&
           rwith_slice_equal(a->host, b->host);
}

const rwith_field *rwith_fields_find(const rwith_field *fields,
                                     size_t field_count, rwith_slice name)
{
    for (size_t i = 0; i < field_count; i++) {
        if (rwith__ascii_equal(fields[i].name, name)) {
            return &fields[i];
        }
    }
    return NULL;
}
