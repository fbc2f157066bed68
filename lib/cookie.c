/*
 * cookie.c: reads Cookie and Set-Cookie fields (RFC 6265).  Which cookies
 * are sent with what is decided elsewhere, and none is kept here.
 */
#include "lib/cookie.h"

#include <string.h>

#include <retrywith/requirement.h>
#include <retrywith/trust.h>

#include "lib/ascii.h"
#include "lib/http_date.h"

#define VALUE_MAX 4096 /* bytes of a cookie's value: RFC 6265 6.1 */

/* A day in 2019: seen from there, two digits of a year from 70 on are of the
 * last century, the others of this (RFC 6265 5.1.1). */
#define YEARS_SEEN_FROM_S 1561939200

bool rwith__cookie_next(rwith_slice *cursor, rwith_slice *ret_pair,
                        rwith_slice *ret_name, rwith_slice *ret_value)
{
    while (cursor->len > 0) {
        const char *stop = memchr(cursor->ptr, ';', cursor->len);
        size_t len = stop != NULL ? (size_t)(stop - cursor->ptr) : cursor->len;
        rwith_slice pair = rwith_slice_trim((rwith_slice){ cursor->ptr, len });
        size_t step = stop != NULL ? len + 1 : len;

        cursor->ptr += step;
        cursor->len -= step;
        if (pair.len == 0) {
            continue;
        }
        const char *sign = memchr(pair.ptr, '=', pair.len);
        size_t name_len = sign != NULL ? (size_t)(sign - pair.ptr) : 0;
        *ret_pair = pair;
        *ret_name = rwith_slice_trim((rwith_slice){ pair.ptr, name_len });
        *ret_value = sign != NULL ? rwith_slice_trim((rwith_slice){
                                        sign + 1, pair.len - name_len - 1 })
                                  : pair;
        return true;
    }
    return false;
}

/* --- attributes (RFC 6265 5.2) -------------------------------------------- */

struct reading {
    struct rwith__cookie *cookie;
    uint64_t now_s;
    bool has_max_age;
};

static void read_path(struct reading *r, rwith_slice value)
{
    bool is_path = value.len > 0 && value.ptr[0] == '/';

    r->cookie->path = is_path ? value : (rwith_slice){ "", 0 };
}

static void read_domain(struct reading *r, rwith_slice value)
{
    if (value.len > 0) {
        r->cookie->domain = value;
    }
}

static void read_max_age(struct reading *r, rwith_slice value)
{
    bool is_negative = value.len > 0 && value.ptr[0] == '-';
    bool is_zero = true;

    value.ptr += is_negative;
    value.len -= is_negative;
    if (value.len == 0 || !rwith__ascii_all(value, RWITH__CH_DIGIT)) {
        return;
    }
    for (size_t i = 0; i < value.len; i++) {
        is_zero = is_zero && value.ptr[i] == '0';
    }
    r->has_max_age = true;
    r->cookie->is_expired = is_negative || is_zero;
}

static void read_expires(struct reading *r, rwith_slice value)
{
    uint64_t date;

    if (!r->has_max_age && rwith__http_date(value, YEARS_SEEN_FROM_S, &date)) {
        r->cookie->is_expired = date <= r->now_s;
    }
}

static const struct attribute {
    rwith_slice name;
    void (*read)(struct reading *r, rwith_slice value);
} attributes[] = {
    { { "Path", 4 }, read_path },
    { { "Domain", 6 }, read_domain },
    { { "Max-Age", 7 }, read_max_age },
    { { "Expires", 7 }, read_expires },
};

bool rwith__cookie_read(rwith_slice field, uint64_t now_s,
                        struct rwith__cookie *ret)
{
    struct rwith__cookie cookie = { .path = { "", 0 }, .domain = { "", 0 } };
    struct reading r = { .cookie = &cookie, .now_s = now_s };
    rwith_slice pair, name, value;

    if (!rwith__cookie_next(&field, &pair, &cookie.name, &cookie.value) ||
        !rwith_requirement_name_ok(RWITH_IN_COOKIE, cookie.name) ||
        !rwith_trust_value_ok(cookie.value, VALUE_MAX)) {
        return false;
    }
    while (rwith__cookie_next(&field, &pair, &name, &value)) {
        rwith_slice word = name.len > 0 ? name : pair;

        if (rwith_slice_equal_nocase(word, RWITH_LIT("Secure"))) {
            cookie.is_secure = true;
        }
        for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]);
             i++) {
            if (rwith_slice_equal_nocase(name, attributes[i].name)) {
                attributes[i].read(&r, value);
            }
        }
    }
    *ret = cookie;
    return true;
}

/* --- where it belongs ------------------------------------------------------
 */

bool rwith__cookie_domain_covers(rwith_slice domain, rwith_slice host)
{
    if (domain.len > 0 && domain.ptr[0] == '.') {
        domain.ptr++;
        domain.len--;
    }
    if (domain.len == 0 || domain.len > host.len) {
        return false;
    }
    size_t skip = host.len - domain.len;
    return rwith_slice_equal_nocase(
               (rwith_slice){ host.ptr + skip, domain.len }, domain) &&
           (skip == 0 || host.ptr[skip - 1] == '.');
}

/* RFC 6265 5.1.4 */
static bool path_covers(rwith_slice path, rwith_slice target)
{
    const char *query =
        target.len > 0 ? memchr(target.ptr, '?', target.len) : NULL;
    size_t len = query != NULL ? (size_t)(query - target.ptr) : target.len;

    return path.len <= len && memcmp(path.ptr, target.ptr, path.len) == 0 &&
           (path.len == len || path.ptr[path.len - 1] == '/' ||
            target.ptr[path.len] == '/');
}

bool rwith__cookie_applies(const struct rwith__cookie *cookie,
                           const rwith_origin *origin, rwith_slice target)
{
    if (cookie->is_secure &&
        !rwith_slice_equal(origin->scheme, RWITH_LIT("https"))) {
        return false;
    }
    if (cookie->domain.len > 0 &&
        !rwith__cookie_domain_covers(cookie->domain, origin->host)) {
        return false;
    }
    return cookie->path.len == 0 || path_covers(cookie->path, target);
}
