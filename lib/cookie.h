/*
 * cookie.h: the Cookie and Set-Cookie fields (RFC 6265), as far as one
 * request and the relay need them.  There is no jar here.
 */
#ifndef RWITH_LIB_COOKIE_H
#define RWITH_LIB_COOKIE_H

#include <retrywith/message.h>

/* One Set-Cookie field.  Slices point into it. */
struct rwith__cookie {
    rwith_slice name;
    rwith_slice value;
    rwith_slice path;   /* empty: that of the request */
    rwith_slice domain; /* empty: the very host */
    bool is_secure;
    bool is_expired; /* the origin takes the cookie back */
};

/*
 * The next "name=value" of a Cookie field, or attribute of a Set-Cookie
 * field; what has no "=" has an empty name and is all value.
 * @return false: there is none any more
 */
bool rwith__cookie_next(rwith_slice *cursor, rwith_slice *ret_pair,
                        rwith_slice *ret_name, rwith_slice *ret_value);

/*
 * Read a Set-Cookie field.  Of an attribute that occurs twice the last
 * counts, and Max-Age before Expires (RFC 6265 5.2, 5.3).
 *
 * @param now_s  seconds since 1970
 * @return false: it sets no cookie that could be sent
 */
bool rwith__cookie_read(rwith_slice field, uint64_t now_s,
                        struct rwith__cookie *ret);

/* Does it go with a request to that origin and target? */
bool rwith__cookie_applies(const struct rwith__cookie *cookie,
                           const rwith_origin *origin, rwith_slice target);

/* Does a Domain attribute cover that host? */
bool rwith__cookie_domain_covers(rwith_slice domain, rwith_slice host);

#endif
