/*
 * head.h: the header lines of one send, gathered until the answer is known.
 *
 * libcurl shows the heads of 1xx, of a proxy's CONNECT and of intermediate
 * authentication legs too: the last head before the first body byte, or the
 * end, is the answer's.
 */
#ifndef RWITH_CURL_HEAD_H
#define RWITH_CURL_HEAD_H

#include <adapters/curl/bytes.h>
#include <retrywith/message.h>

typedef struct rwith_curl_head {
    rwith_curl_bytes lines; /* with their line ends */
    size_t last;            /* where the last head begins */
    bool is_whole;          /* its blank line was seen */
    bool has_cookies;       /* any head set a cookie */
    rwith_field *fields;    /* of the last head, by rwith__curl_head_read() */
    size_t field_count;
    size_t field_cap;
} rwith_curl_head;

/* Empty again, with its memory kept. */
void rwith__curl_head_reset(rwith_curl_head *head);
void rwith__curl_head_free(rwith_curl_head *head, const rwith_alloc *mem);

/* RWITH_OK, RWITH_ENOMEM, RWITH_ERANGE: longer than max */
int rwith__curl_head_add(rwith_curl_head *head, const rwith_alloc *mem,
                         const char *line, size_t len, size_t max);

/*
 * The last head as the core sees it.
 * with_fields false: only the status is wanted
 */
int rwith__curl_head_read(rwith_curl_head *head, const rwith_alloc *mem,
                          bool with_fields, rwith_response *ret);

/* Status of the last head; 0: none or not well formed. */
unsigned rwith__curl_head_status(const rwith_curl_head *head);

/* One line of text from *cursor, which is moved; false at the end. */
bool rwith__curl_line_next(rwith_slice *cursor, rwith_slice *ret);

/* "name: value" of a header line; false: no field line. */
bool rwith__curl_line_field(rwith_slice line, rwith_field *ret);

#endif
