/*
 * multistatus.h: translates the absolute hrefs in a WebDAV answer while it
 * passes: the text of every DAV: href element (RFC 4918 8.3, 14.7), in a
 * multistatus, a lock's root, a principal's properties or an error.
 */
#ifndef RWITH_BODY_MULTISTATUS_H
#define RWITH_BODY_MULTISTATUS_H

#include <retrywith/base.h>
#include <retrywith/err.h>

#define RWITH_HREF_MAX                                                         \
    (8 * 1024) /**< raw bytes of an href that is looked at;                    \
                    a longer one passes as it is */

#define RWITH_HREF_TAG_MAX (4 * 1024) /**< bytes of one tag or comment */

/** Longest translation that is taken. */
#define RWITH_HREF_REWRITTEN_MAX (RWITH_HREF_MAX + 1024)

/**
 * Translate one URI reference: rwith_rewrite_uri() behind the caller's
 * mapping.  @a uri is unescaped and without white space around it.
 *
 * @param ret_changed  false: the href stays as it is
 * @return #RWITH_OK; with anything else the href stays as it is
 */
typedef int (*rwith_href_rewrite)(void *user, rwith_slice uri, char *buf,
                                  size_t buf_len, size_t *ret_len,
                                  bool *ret_changed);

/**
 * Take bytes of the result, in order; they are good until it returns.
 * @return #RWITH_OK; anything else ends the call that it came from
 */
typedef int (*rwith_bytes_sink)(void *user, rwith_slice bytes);

typedef struct rwith_multistatus rwith_multistatus;

/**
 * Is this an answer whose hrefs are names of resources: XML without a content
 * coding, in UTF-8 as far as the type says, and 207, an error, or the answer
 * to a LOCK?  Not so for what GET delivers: a file's bytes are the file's.
 */
bool rwith_multistatus_applies(rwith_slice method, unsigned status,
                               rwith_slice content_type,
                               rwith_slice content_encoding);

/**
 * @param mem  NULL: malloc; kept by pointer
 * @return #RWITH_OK, #RWITH_ENOMEM
 */
int rwith_multistatus_new(const rwith_alloc *mem, rwith_href_rewrite rewrite,
                          rwith_bytes_sink sink, void *user,
                          rwith_multistatus **ret);

void rwith_multistatus_free(rwith_multistatus *ms);

/**
 * Pass the next bytes.  Every byte outside the translated text comes out as
 * it went in.  Nothing is translated any more, and everything passes, from
 * where the bytes are not well-formed XML, or have a document type
 * declaration, another encoding than UTF-8, a root element outside of DAV: or
 * a tag longer than #RWITH_HREF_TAG_MAX, and from where memory ran out.
 * Some 20 KiB are held back at most, in the worst of cases.
 *
 * @return #RWITH_OK, or what the sink returned: then nothing more may be fed
 */
int rwith_multistatus_feed(rwith_multistatus *ms, const char *bytes,
                           size_t len);

/** The end: what was held back goes out. @return as above */
int rwith_multistatus_finish(rwith_multistatus *ms);

#endif
