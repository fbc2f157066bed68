/*
 * find.h: where the programs and files are that a server is made of.
 */
#ifndef RWITH_LAUNCH_FIND_H
#define RWITH_LAUNCH_FIND_H

#include <limits.h>
#include <stdbool.h>

/* nginx: RETRYWITH_NGINX, then PATH, then the usual folders of servers. */
bool rwith_find_nginx(char path[PATH_MAX]);

/* The module: as told (may be NULL), RETRYWITH_MODULE, ../modules or the
 * library folder beside the command, then the one that it is installed to. */
bool rwith_find_module(const char *told, char path[PATH_MAX]);

/* The certificates that this machine trusts, in one file: SSL_CERT_FILE as
 * OpenSSL knows it, then the usual places. */
bool rwith_find_authorities(char path[PATH_MAX]);

#endif
