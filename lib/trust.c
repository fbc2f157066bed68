/*
 * trust.c: the rules of trust as tables.  Which fields a challenge may never
 * set, which names a server may choose, which requests a relay may add
 * values to, and how bytes from outside are shown.
 */
#include <retrywith/trust.h>

#include <string.h>

#include "lib/ascii.h"

#define LIT(s)                                                                 \
    {                                                                          \
        ("" s), sizeof(s) - 1                                                  \
    }
#define NELEMS(a) (sizeof(a) / sizeof((a)[0]))

/* What frames, routes, conditions or authenticates a message.  A name
 * that ends in "-" stands for all that begin with it; "-" matches "_" too. */
static const rwith_slice never_set[] = {
    LIT("host"),
    LIT("cookie"), /* the jar's, or the cookie requirement's */
    LIT("cookie2"),
    LIT("set-cookie"),
    LIT("set-cookie2"),
    LIT("authorization"),
    LIT("proxy-"),
    LIT("content-"),
    LIT("transfer-encoding"),
    LIT("connection"),
    LIT("keep-alive"),
    LIT("te"),
    LIT("trailer"),
    LIT("upgrade"),
    LIT("http2-settings"),
    LIT("expect"),
    LIT("range"),
    LIT("if"), /* WebDAV's: it names lock tokens and resources */
    LIT("if-"),
    LIT("destination"),
    LIT("overwrite"),
    LIT("max-forwards"),
    LIT("origin"),
    LIT("referer"),
    LIT("sec-"),
    LIT("access-control-"),
    LIT("x-forwarded-"),
    LIT("forwarded"),
    LIT("x-real-ip"),
    LIT("x-http-method"),
    LIT("x-http-method-override"),
    LIT("x-method-override"),
    LIT("x-original-url"),
    LIT("x-rewrite-url"),
    LIT("x-original-method"),
    LIT("via"),
};

/* CGI and what came after it make one variable of X-A and X_A. */
static inline bool begins_as(rwith_slice name, rwith_slice never)
{
    for (size_t i = 0; i < never.len; i++) {
        char c = name.ptr[i] == '_' ? '-' : rwith__ascii_lower(name.ptr[i]);

        if (c != never.ptr[i]) {
            return false;
        }
    }
    return true;
}

bool rwith_trust_field_may_be_set(rwith_slice name)
{
    if (!rwith_requirement_name_ok(RWITH_IN_HEADER, name)) {
        return false;
    }
    for (size_t i = 0; i < NELEMS(never_set); i++) {
        rwith_slice never = never_set[i];
        bool is_prefix = never.ptr[never.len - 1] == '-';

        if ((is_prefix ? name.len >= never.len : name.len == never.len) &&
            begins_as(name, never)) {
            return false;
        }
    }
    return true;
}

/* Token headers, all that a server may name (rule 2). */
static const struct pattern {
    rwith_slice text;
    enum { PATTERN_WHOLE, PATTERN_PREFIX, PATTERN_SUFFIX } kind;
} may_be_named[] = {
    { LIT("x-csrf-"), PATTERN_PREFIX },
    { LIT("x-xsrf-"), PATTERN_PREFIX },
    { LIT("csrf-token"), PATTERN_WHOLE },
    { LIT("xsrf-token"), PATTERN_WHOLE },
    { LIT("-csrf-token"), PATTERN_SUFFIX },
    { LIT("-crumb"), PATTERN_SUFFIX },
};

static bool pattern_matches(const struct pattern *pattern, rwith_slice name)
{
    size_t len = pattern->text.len;

    if (pattern->kind == PATTERN_WHOLE) {
        return rwith_slice_equal_nocase(name, pattern->text);
    }
    if (name.len <= len) {
        return false; /* the open part of a pattern is never empty */
    }
    if (pattern->kind == PATTERN_PREFIX) {
        return rwith__ascii_has_prefix(name, pattern->text);
    }
    return rwith_slice_equal_nocase(
        (rwith_slice){ name.ptr + name.len - len, len }, pattern->text);
}

bool rwith_trust_field_may_be_named(rwith_slice name)
{
    if (!rwith_trust_field_may_be_set(name)) {
        return false;
    }
    for (size_t i = 0; i < NELEMS(may_be_named); i++) {
        if (pattern_matches(&may_be_named[i], name)) {
            return true;
        }
    }
    return false;
}

bool rwith_trust_value_ok(rwith_slice value, size_t max)
{
    if (value.len > max) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (rwith__ascii_is(value.ptr[i], RWITH__CH_CTL) &&
            value.ptr[i] != '\t') {
            return false;
        }
    }
    return true;
}

/* Is that authority one of ours, letter for letter but for their case? */
static bool is_ours(const rwith_trust_names *names, rwith_slice authority)
{
    for (size_t i = 0; i < names->count; i++) {
        if (rwith_slice_equal_nocase(names->authorities[i], authority)) {
            return true;
        }
    }
    return false;
}

/* Loopback, by a name that no other machine can be made to have. */
static bool is_loopback_literal(rwith_slice host)
{
    static const rwith_slice loopback[] = { LIT("127.0.0.1"), LIT("[::1]"),
                                            LIT("localhost") };

    for (size_t i = 0; i < NELEMS(loopback); i++) {
        if (rwith_slice_equal_nocase(loopback[i], host)) {
            return true;
        }
    }
    return false;
}

/* A client may leave the port out of a Host that names loopback (wget2 1.99
 * does): a page cannot, its Host has the port of the connection, and its
 * Origin is still compared whole. */
static bool host_is_ours(const rwith_trust_names *names, rwith_slice host)
{
    if (is_ours(names, host)) {
        return true;
    }
    if (!is_loopback_literal(host)) {
        return false;
    }
    for (size_t i = 0; i < names->count; i++) {
        rwith_slice name = names->authorities[i];

        if (name.len > host.len && name.ptr[host.len] == ':' &&
            rwith_slice_equal_nocase((rwith_slice){ name.ptr, host.len },
                                     host)) {
            return true;
        }
    }
    return false;
}

/* Cut "http://" or "https://" off; false: it is neither. */
static bool cut_scheme(rwith_slice *text)
{
    static const rwith_slice schemes[] = { LIT("http://"), LIT("https://") };

    for (size_t i = 0; i < NELEMS(schemes); i++) {
        if (rwith__ascii_has_prefix(*text, schemes[i])) {
            text->ptr += schemes[i].len;
            text->len -= schemes[i].len;
            return true;
        }
    }
    return false;
}

/* Is the authority of an absolute-form target ours?  True of any other form
 * of target. */
static bool target_is_ours(const rwith_trust_names *names, rwith_slice target)
{
    size_t len = 0;

    if (target.len == 0 || target.ptr[0] == '/' ||
        (target.len == 1 && target.ptr[0] == '*')) {
        return true;
    }
    if (!cut_scheme(&target)) {
        return false; /* another scheme, or the authority-form */
    }
    while (len < target.len && target.ptr[len] != '/' &&
           target.ptr[len] != '?' && target.ptr[len] != '#') {
        len++;
    }
    return is_ours(names, (rwith_slice){ target.ptr, len });
}

/* A page of another origin, or of none that we know, made this request. */
static bool origin_is_foreign(const rwith_trust_names *names,
                              rwith_slice origin)
{
    return !cut_scheme(&origin) || !is_ours(names, origin);
}

static bool fetch_site_is_foreign(const rwith_trust_names *names,
                                  rwith_slice site)
{
    static const rwith_slice own = LIT("same-origin"), direct = LIT("none");

    (void)names;
    return !rwith_slice_equal_nocase(site, own) &&
           !rwith_slice_equal_nocase(site, direct);
}

/* The fields by which a browser says where a request comes from.  Any line
 * of that name that is foreign makes the request foreign. */
static const struct witness {
    rwith_slice name;
    bool (*is_foreign)(const rwith_trust_names *names, rwith_slice value);
} witnesses[] = {
    { LIT("origin"), origin_is_foreign },
    { LIT("sec-fetch-site"), fetch_site_is_foreign },
};

static bool is_foreign(const rwith_trust_names *names,
                       const rwith_field *fields, size_t field_count)
{
    for (size_t i = 0; i < field_count; i++) {
        for (size_t k = 0; k < NELEMS(witnesses); k++) {
            if (rwith__ascii_equal(fields[i].name, witnesses[k].name) &&
                witnesses[k].is_foreign(names,
                                        rwith_slice_trim(fields[i].value))) {
                return true;
            }
        }
    }
    return false;
}

/* A browser asks whether it may ask: nothing of ours belongs there. */
static bool is_preflight(rwith_slice method, const rwith_field *fields,
                         size_t field_count)
{
    static const rwith_slice options = LIT("OPTIONS"), origin = LIT("origin"),
                             asks = LIT("access-control-request-method");

    return rwith_slice_equal(method, options) &&
           rwith_fields_find(fields, field_count, origin) != NULL &&
           rwith_fields_find(fields, field_count, asks) != NULL;
}

/* */
rwith_trust_verdict rwith_trust_judge(const rwith_trust_names *names,
                                      rwith_slice method, rwith_slice host,
                                      rwith_slice target,
                                      const rwith_field *fields,
                                      size_t field_count)
{
    static const rwith_slice trace = LIT("TRACE"), connect = LIT("CONNECT"),
                             asterisk = LIT("*");

    if (rwith_slice_equal_nocase(method, trace) ||
        rwith_slice_equal_nocase(method, connect)) {
        return RWITH_TRUST_METHOD;
    }
    if (!host_is_ours(names, host) || !target_is_ours(names, target)) {
        return RWITH_TRUST_MISDIRECTED;
    }
    if (rwith_slice_equal(target, asterisk) ||
        is_preflight(method, fields, field_count) ||
        is_foreign(names, fields, field_count)) {
        return RWITH_TRUST_PASS;
    }
    return RWITH_TRUST_ADD;
}

/* First bytes of the characters that may be shown as they are, with the
 * range of the second byte: printable ASCII, and UTF-8 without overlong
 * forms, surrogates, C1, or anything past U+10FFFF (RFC 3629 4). */
static const struct lead {
    unsigned char from, to;
    unsigned char len;
    unsigned char low, high;
} leads[] = {
    { 0x20, 0x7e, 1, 0, 0 },       { 0xc2, 0xc2, 2, 0xa0, 0xbf },
    { 0xc3, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
    { 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f },
    { 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
    { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static const struct lead *lead_find(unsigned char c)
{
    for (size_t i = 0; i < NELEMS(leads); i++) {
        if (c >= leads[i].from && c <= leads[i].to) {
            return &leads[i];
        }
    }
    return NULL;
}

/* The length of the character at the front that may be shown as it is; 0:
 * its first byte is escaped. */
static size_t plain_len(rwith_slice s)
{
    const struct lead *lead = lead_find((unsigned char)s.ptr[0]);

    if (lead == NULL || s.len < lead->len || s.ptr[0] == '"' ||
        s.ptr[0] == '\\') {
        return 0;
    }
    for (size_t i = 1; i < lead->len; i++) {
        unsigned char next = (unsigned char)s.ptr[i];
        unsigned char low = i == 1 ? lead->low : 0x80;
        unsigned char high = i == 1 ? lead->high : 0xbf;

        if (next < low || next > high) {
            return 0;
        }
    }
    return lead->len;
}

/* One piece of output: the character itself, or an escape of its byte. */
static rwith_slice piece(rwith_slice in, char escape[4], size_t *taken)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char c = (unsigned char)in.ptr[0];

    *taken = plain_len(in);
    if (*taken > 0) {
        return (rwith_slice){ in.ptr, *taken };
    }
    *taken = 1;
    escape[0] = '\\';
    if (c == '"' || c == '\\') {
        escape[1] = (char)c;
        return (rwith_slice){ escape, 2 };
    }
    escape[1] = 'x';
    escape[2] = hex[c >> 4];
    escape[3] = hex[c & 15];
    return (rwith_slice){ escape, 4 };
}

size_t rwith_trust_escape(rwith_slice in, char *buf, size_t buf_len)
{
    static const rwith_slice ellipsis = LIT("\xe2\x80\xa6");
    size_t len = 0;
    size_t fits = 0; /* the longest whole part that leaves room for "…" */

    if (buf_len == 0) {
        return 0;
    }
    for (size_t taken; in.len > 0; in.ptr += taken, in.len -= taken) {
        char escape[4];
        rwith_slice out = piece(in, escape, &taken);

        if (len + ellipsis.len < buf_len) {
            fits = len;
        }
        if (out.len >= buf_len - len) {
            break;
        }
        memcpy(buf + len, out.ptr, out.len);
        len += out.len;
    }
    if (in.len > 0) {
        len = fits;
        if (ellipsis.len < buf_len - len) {
            memcpy(buf + len, ellipsis.ptr, ellipsis.len);
            len += ellipsis.len;
        }
    }
    buf[len] = '\0';
    return len;
}
