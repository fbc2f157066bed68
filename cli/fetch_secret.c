/*
 * What must not be read on a terminal, in a trace or in an account: the
 * values that the user gave.  They are hidden by their names where they
 * stand in a field of their own (fetch_trace.c), and here by what they are,
 * wherever an origin repeats them.
 */
#include <cli/fetch.h>

#include <retrywith/trust.h>

#include <string.h>

#define SECRET_MIN 4 /* shorter ones stand in every other word */
#define MASKED_MAX 8192

/* Names whose value is nobody's business. */
bool rwith_fetch_is_secret_name(rwith_slice name)
{
    static const char *const names[] = { "Authorization", "Proxy-Authorization",
                                         "Cookie", "Set-Cookie", "X-Api-Key" };
    static const char *const parts[] = { "token",  "secret",   "session-id",
                                         "passwd", "password", "api-key",
                                         "apikey", "auth" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (rwith_slice_equal_nocase(name, rwith_slice_of(names[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        rwith_slice part = rwith_slice_of(parts[i]);

        for (size_t at = 0; at + part.len <= name.len; at++) {
            if (rwith_slice_equal_nocase(
                    (rwith_slice){ name.ptr + at, part.len }, part)) {
                return true;
            }
        }
    }
    return rwith_trust_field_may_be_named(name);
}

static void keep(rwith_fetch *f, rwith_slice value)
{
    value = rwith_slice_trim(value);
    if (value.len >= SECRET_MIN && f->secret_count < RWITH_FETCH_SECRETS_MAX) {
        f->secrets[f->secret_count++] = value;
    }
}

/* What stands behind the first or last mark, if there is one. */
static void keep_behind(rwith_fetch *f, rwith_slice text, char mark)
{
    const char *at = text.len > 0 ? memchr(text.ptr, mark, text.len) : NULL;

    if (at != NULL) {
        keep(f,
             (rwith_slice){ at + 1, (size_t)(text.ptr + text.len - at) - 1 });
    }
}

/* "a=b; c=d": each value. */
static void keep_cookies(rwith_fetch *f, rwith_slice text)
{
    while (text.len > 0) {
        const char *stop = memchr(text.ptr, ';', text.len);
        size_t len = stop != NULL ? (size_t)(stop - text.ptr) : text.len;

        keep_behind(f, (rwith_slice){ text.ptr, len }, '=');
        len += stop != NULL;
        text.ptr += len;
        text.len -= len;
    }
}

/* "Authorization: Basic x", "Cookie: a=b", "X-Api-Key: x" */
static void keep_line(rwith_fetch *f, rwith_slice line)
{
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;

    if (colon == NULL) {
        return;
    }
    rwith_slice name = { line.ptr, (size_t)(colon - line.ptr) };
    rwith_slice value =
        rwith_slice_trim((rwith_slice){ colon + 1, line.len - name.len - 1 });
    if (rwith_slice_equal_nocase(name, RWITH_LIT("Cookie"))) {
        keep_cookies(f, value);
    } else if (rwith_fetch_is_secret_name(name)) {
        keep(f, value);
        keep_behind(f, value, ' ');
    }
}

/* "scheme://user:password@host" */
static void keep_userinfo(rwith_fetch *f, const char *url)
{
    const char *start = strstr(url, "://");
    const char *at;

    start = start != NULL ? start + 3 : url;
    at = strchr(start, '@');
    if (at != NULL) {
        keep_behind(f, (rwith_slice){ start, (size_t)(at - start) }, ':');
    }
}

void rwith_fetch_secrets(rwith_fetch *f)
{
    for (const struct curl_slist *h = f->headers; h != NULL; h = h->next) {
        keep_line(f, rwith_slice_of(h->data));
    }
    if (f->req.userpwd != NULL) {
        keep_behind(f, rwith_slice_of(f->req.userpwd), ':');
    }
    if (f->req.cookie != NULL) {
        keep_cookies(f, rwith_slice_of(f->req.cookie));
    }
    if (f->set.proxy != NULL) {
        keep_userinfo(f, f->set.proxy);
    }
    keep_userinfo(f, f->url.ptr);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) % 16 : -1;
}

/* Bytes of text that are this value, as it is or percent-encoded; 0: none. */
static size_t match(rwith_slice text, rwith_slice value)
{
    size_t at = 0;

    for (size_t i = 0; i < value.len; i++) {
        char c;

        if (at >= text.len) {
            return 0;
        }
        c = text.ptr[at++];
        if (c == value.ptr[i] || (c == '+' && value.ptr[i] == ' ')) {
            continue;
        }
        if (c != '%' || text.len - at < 2 || hex_digit(text.ptr[at]) < 0 ||
            hex_digit(text.ptr[at + 1]) < 0 ||
            (unsigned char)value.ptr[i] !=
                hex_digit(text.ptr[at]) * 16 + hex_digit(text.ptr[at + 1])) {
            return 0;
        }
        at += 2;
    }
    return at;
}

/* The longest secret that the text begins with. */
static size_t match_any(const rwith_fetch *f, rwith_slice text)
{
    size_t count = f->supply != NULL ? rwith_supply_count(f->supply) : 0;
    size_t longest = 0;

    for (size_t i = 0; i < f->secret_count; i++) {
        size_t len = match(text, f->secrets[i]);

        longest = len > longest ? len : longest;
    }
    for (size_t id = 0; id < count; id++) {
        rwith_slice value;
        size_t len = 0;

        if (rwith_supply_value(f->supply, id, &value) &&
            value.len >= SECRET_MIN) {
            len = match(text, value);
        }
        longest = len > longest ? len : longest;
    }
    return longest;
}

size_t rwith_fetch_mask(const rwith_fetch *f, rwith_slice text, char *buf,
                        size_t buf_len)
{
    size_t len = 0;

    while (text.len > 0 && len + 3 < buf_len) {
        size_t secret = match_any(f, text);

        if (secret > 0) {
            memcpy(buf + len, "***", 3);
            len += 3;
        } else {
            buf[len++] = *text.ptr;
            secret = 1;
        }
        text.ptr += secret;
        text.len -= secret;
    }
    return len;
}

size_t rwith_fetch_show(const rwith_fetch *f, rwith_slice text, char *buf,
                        size_t buf_len)
{
    char masked[MASKED_MAX];

    return rwith_trust_escape(
        (rwith_slice){ masked,
                       rwith_fetch_mask(f, text, masked, sizeof(masked)) },
        buf, buf_len);
}
