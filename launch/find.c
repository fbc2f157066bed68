/*
 * find.c: looks for nginx, for the module and for the certificates of the
 * authorities.
 */
#define _GNU_SOURCE

#include <launch/find.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "ngx_http_retry_with_module.so"

/* Join folder, "/" and name; is there such a file that may be used so? */
static bool try_file(const char *folder, size_t folder_len, const char *name,
                     int access_mode, char path[PATH_MAX])
{
    int len =
        snprintf(path, PATH_MAX, "%.*s/%s", (int)folder_len, folder, name);

    return len > 0 && len < PATH_MAX && access(path, access_mode) == 0;
}

static bool try_list(const char *folders, const char *name, int access_mode,
                     char path[PATH_MAX])
{
    while (*folders != '\0') {
        size_t len = strcspn(folders, ":");

        if (len > 0 && try_file(folders, len, name, access_mode, path)) {
            return true;
        }
        folders += len + (folders[len] == ':');
    }
    return false;
}

/* A path that was named must be there; another is not looked for. */
static bool try_named(const char *name, int access_mode, char path[PATH_MAX])
{
    char *real = realpath(name, NULL);

    if (real == NULL) {
        return false;
    }
    int len = snprintf(path, PATH_MAX, "%s", real);
    free(real);
    return len < PATH_MAX && access(path, access_mode) == 0;
}

bool rwith_find_nginx(char path[PATH_MAX])
{
    const char *named = getenv("RETRYWITH_NGINX");
    const char *folders = getenv("PATH");

    if (named != NULL) {
        return try_named(named, X_OK, path);
    }
    return (folders != NULL && try_list(folders, "nginx", X_OK, path)) ||
           try_list("/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin", "nginx",
                    X_OK, path);
}

/* The folder that the running command is in. */
static bool own_folder(char path[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (len <= 0) {
        return false;
    }
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* Beside the command: where it was built, or installed, wherever that was
 * moved to. */
static bool try_beside(char path[PATH_MAX])
{
    static const char *const places[] = {
        "../modules/" MODULE,
        "../" RWITH_LIBDIR_NAME "/retrywith/" MODULE,
    };
    char folder[PATH_MAX];
    char beside[PATH_MAX];

    if (!own_folder(folder)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (try_file(folder, strlen(folder), places[i], R_OK, beside)) {
            return try_named(beside, R_OK, path);
        }
    }
    return false;
}

bool rwith_find_module(const char *told, char path[PATH_MAX])
{
    const char *named = told != NULL ? told : getenv("RETRYWITH_MODULE");

    if (named != NULL) {
        return try_named(named, R_OK, path);
    }
    return try_beside(path) ||
           try_list(RWITH_LIBDIR, "retrywith/" MODULE, R_OK, path);
}

bool rwith_find_authorities(char path[PATH_MAX])
{
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    };
    const char *named = getenv("SSL_CERT_FILE");

    if (named != NULL) {
        return try_named(named, R_OK, path);
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (try_named(places[i], R_OK, path)) {
            return true;
        }
    }
    return false;
}
