/*
 * form_text.h: the escapes of application/x-www-form-urlencoded.
 */
#ifndef RWITH_BODY_FORM_TEXT_H
#define RWITH_BODY_FORM_TEXT_H

/** The value of a hexadecimal digit; -1: it is none. */
static inline int rwith__hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

#endif
