/*
 * http_date.h: the three forms of a date in HTTP (RFC 9110 5.6.7), and the
 * one that cookies still have (RFC 6265 5.1.1).
 */
#ifndef RWITH_LIB_HTTP_DATE_H
#define RWITH_LIB_HTTP_DATE_H

#include <retrywith/base.h>

/*
 * Read a date from 1970 to 9999.
 *
 * @param now_epoch_s  for the two-digit years of RFC 850: one that would be
 *                     more than 50 years ahead is of the century before
 * @param ret          seconds since 1970; written only on success
 */
bool rwith__http_date(rwith_slice text, uint64_t now_epoch_s, uint64_t *ret);

#endif
