/*
 * media_type.h: type and parameters of a Content-Type or Content-Disposition.
 */
#ifndef RWITH_BODY_MEDIA_TYPE_H
#define RWITH_BODY_MEDIA_TYPE_H

#include <retrywith/base.h>

/** The media type in front of the parameters, trimmed. */
rwith_slice rwith__media_type(rwith_slice content_type);

/** Is the type anything with that suffix, as "+xml"? */
bool rwith__media_type_ends(rwith_slice type, rwith_slice suffix);

/** A parameter: unquoted, with escapes as they stand.
 * @return false: there is none, or it is there twice */
bool rwith__media_parameter(rwith_slice value, rwith_slice name,
                            rwith_slice *ret);

#endif
