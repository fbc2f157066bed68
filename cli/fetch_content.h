/*
 * fetch_content.h: the content of a request, from --data and its kin.
 */
#ifndef RWITH_CLI_FETCH_CONTENT_H
#define RWITH_CLI_FETCH_CONTENT_H

#include <cli/fetch.h>

/* Set f->req.body, and with --get and --upload-file the URL.
 * returns 0 or an exit status that was told of */
int rwith_fetch_content(rwith_fetch *f);

/* All of a file, or of stdin for "-". */
int rwith_fetch_read_all(const char *path, rwith_fetch_text *ret);

#endif
