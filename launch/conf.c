/*
 * conf.c: builds configuration text and quotes for nginx's reader
 * (ngx_conf_read_token()): in double quotes a backslash keeps a quote or a
 * backslash, and \t, \r, \n stand for themselves.  A dollar sign cannot be
 * kept where variables are interpolated; it is put through a variable.
 */
#define _GNU_SOURCE

#include <launch/conf.h>

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void put_bytes(rwith_conf *conf, const char *bytes, size_t len)
{
    if (conf->is_broken) {
        return;
    }
    if (len >= conf->max - conf->len) {
        size_t max = 2 * (conf->len + len) + 4096;
        char *text = realloc(conf->text, max);

        if (text == NULL) {
            conf->is_broken = true;
            return;
        }
        conf->text = text;
        conf->max = max;
    }
    memcpy(conf->text + conf->len, bytes, len);
    conf->len += len;
    conf->text[conf->len] = '\0';
}

static void put_string(rwith_conf *conf, const char *string)
{
    put_bytes(conf, string, strlen(string));
}

static void put_quoted(rwith_conf *conf, const char *word, bool interpolates)
{
    static const struct {
        char c;
        const char *escaped;
    } escapes[] = { { '"', "\\\"" },
                    { '\\', "\\\\" },
                    { '\n', "\\n" },
                    { '\r', "\\r" },
                    { '\t', "\\t" } };
    size_t start = conf->len;

    put_string(conf, "\"");
    for (const char *p = word; *p != '\0'; p++) {
        const char *escaped = NULL;

        for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
            if (escapes[i].c == *p) {
                escaped = escapes[i].escaped;
            }
        }
        if (*p == '$' && interpolates) {
            escaped = "${" RWITH_CONF_DOLLAR "}";
        }
        if (escaped != NULL) {
            put_string(conf, escaped);
        } else {
            put_bytes(conf, p, 1);
        }
    }
    put_string(conf, "\"");
    if (conf->len - start > RWITH_CONF_WORD_MAX) {
        conf->is_broken = true;
    }
}

/* nginx would look for it in its own folder. */
static void put_path(rwith_conf *conf, const char *path, bool interpolates)
{
    char folder[PATH_MAX];
    char whole[2 * PATH_MAX];

    if (path[0] == '/') {
        put_quoted(conf, path, interpolates);
    } else if (getcwd(folder, sizeof(folder)) == NULL ||
               strlen(path) >= PATH_MAX) {
        conf->is_broken = true;
    } else {
        snprintf(whole, sizeof(whole), "%s/%s", folder, path);
        put_quoted(conf, whole, interpolates);
    }
}

static void put_number(rwith_conf *conf, unsigned long number)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%lu", number);
    put_string(conf, digits);
}

void rwith_conf_put(rwith_conf *conf, const char *template, ...)
{
    va_list args;

    va_start(args, template);
    for (const char *p = template; *p != '\0'; p++) {
        size_t len = strcspn(p, "%");

        put_bytes(conf, p, len);
        p += len;
        if (*p == '\0') {
            break;
        }
        switch (*++p) {
        case 's':
            put_quoted(conf, va_arg(args, const char *), false);
            break;
        case 'v':
            put_quoted(conf, va_arg(args, const char *), true);
            break;
        case 'f':
            put_path(conf, va_arg(args, const char *), false);
            break;
        case 'p':
            put_path(conf, va_arg(args, const char *), true);
            break;
        case 'u':
            put_number(conf, va_arg(args, unsigned long));
            break;
        case 'r':
            put_string(conf, va_arg(args, const char *));
            break;
        default:
            put_bytes(conf, p, 1);
            break;
        }
    }
    va_end(args);
}

void rwith_conf_put_dollar(rwith_conf *conf)
{
    put_string(conf, "    geo $" RWITH_CONF_DOLLAR " {\n"
                     "        default \"$\";\n    }\n");
}

void rwith_conf_free(rwith_conf *conf)
{
    free(conf->text);
    *conf = (rwith_conf){ 0 };
}
