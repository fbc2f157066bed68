/*
 * nginx_log.c: translates lines of nginx's error log.
 */
#include <launch/nginx_log.h>

#include <launch/say.h>

#include <stdio.h>
#include <string.h>

/* The rest of a line. */
struct rest {
    const char *p;
    const char *end;
};

static bool take(struct rest *rest, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(rest->end - rest->p) < len ||
        memcmp(rest->p, word, len) != 0) {
        return false;
    }
    rest->p += len;
    return true;
}

static size_t take_any_of(struct rest *rest, const char *bytes)
{
    const char *start = rest->p;

    while (rest->p < rest->end && strchr(bytes, *rest->p) != NULL) {
        rest->p++;
    }
    return (size_t)(rest->p - start);
}

/* "nginx: ", or "2026/01/31 23:59:59 " */
static void skip_date(struct rest *rest)
{
    struct rest start = *rest;

    if (take(rest, "nginx: ")) {
        return;
    }
    if (take_any_of(rest, "0123456789") != 4 ||
        take_any_of(rest, "0123456789/") != 6 || !take(rest, " ") ||
        take_any_of(rest, "0123456789:") != 8 || !take(rest, " ")) {
        *rest = start;
    }
}

/* "123#456: ", and "*7 " */
static void skip_ids(struct rest *rest)
{
    struct rest start = *rest;

    if (take_any_of(rest, "0123456789") > 0 && take(rest, "#") &&
        take_any_of(rest, "0123456789") > 0 && take(rest, ": ")) {
        start = *rest;
    }
    *rest = start;
    if (take(rest, "*") && take_any_of(rest, "0123456789") > 0 &&
        take(rest, " ")) {
        return;
    }
    *rest = start;
}

static bool is_quiet(struct rest level)
{
    static const char *const quiet[] = { "notice]", "info]", "debug]" };

    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        struct rest copy = level;

        if (take(&copy, quiet[i])) {
            return true;
        }
    }
    return false;
}

/* Since 1.25.1 nginx wants "http2 on;", which none before it knows. */
static bool is_of_our_own_words(struct rest text)
{
    return take(&text, "the \"listen ... http2\" directive is deprecated");
}

/* The place in our own configuration file means nothing to anyone. */
static void drop_place(struct rest *rest)
{
    static const char mark[] = "/nginx.conf:";

    for (const char *p = rest->p; p + sizeof(mark) - 1 <= rest->end; p++) {
        if (memcmp(p, mark, sizeof(mark) - 1) == 0) {
            while (p > rest->p && strncmp(p, " in /", 5) != 0) {
                p--;
            }
            if (p > rest->p) {
                rest->end = p;
            }
            return;
        }
    }
}

/* One byte, or its escape; false when there is no room for it. */
static bool put_byte(char *buf, size_t buf_len, size_t *len, char c)
{
    unsigned char byte = (unsigned char)c;
    bool is_plain = byte >= 0x20 && byte < 0x7f;
    size_t need = is_plain ? 1 : 4;

    if (buf_len - *len <= need) {
        return false;
    }
    if (is_plain) {
        buf[*len] = c;
    } else {
        snprintf(buf + *len, 5, "\\x%02x", byte);
    }
    *len += need;
    return true;
}

bool rwith_nginx_log_translate(const char *line, size_t len, char *buf,
                               size_t buf_len, bool *ret_is_fatal)
{
    struct rest rest = { line, line + len };
    bool is_query = false;
    size_t at = 0;

    skip_date(&rest);
    if (take(&rest, "[")) {
        struct rest level = rest;

        if (is_quiet(level)) {
            return false;
        }
        *ret_is_fatal = take(&level, "emerg]");
        take_any_of(&rest, "abcdefghijklmnopqrstuvwxyz");
        take_any_of(&rest, "] ");
        skip_ids(&rest);
        if (is_of_our_own_words(rest)) {
            return false;
        }
    } else {
        *ret_is_fatal = false;
    }
    drop_place(&rest);
    for (; rest.p < rest.end; rest.p++) {
        if (is_query && strchr("\", ", *rest.p) == NULL) {
            continue;
        }
        is_query = *rest.p == '?';
        if (!put_byte(buf, buf_len, &at, *rest.p)) {
            break;
        }
    }
    buf[at] = '\0';
    return at > 0;
}

static void say_line(rwith_nginx_log *log)
{
    char sentence[RWITH_NGINX_LOG_LINE_MAX / 2];
    bool is_fatal = false;

    if (rwith_nginx_log_translate(log->line, log->len, sentence,
                                  sizeof(sentence), &is_fatal)) {
        rwith_say(is_fatal && log->is_running ? "%s; what was there is kept"
                                              : "%s",
                  sentence);
    }
    log->len = 0;
}

void rwith_nginx_log_feed(rwith_nginx_log *log, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            say_line(log);
        } else if (log->len < sizeof(log->line)) {
            log->line[log->len++] = bytes[i];
        }
    }
}
