/*
 * nginx_log.h: what nginx says on stderr, as sentences of ours: without
 * dates and process ids, without the query of any target (it may hold
 * values), and with control bytes escaped.
 */
#ifndef RWITH_LAUNCH_NGINX_LOG_H
#define RWITH_LAUNCH_NGINX_LOG_H

#include <stdbool.h>
#include <stddef.h>

#define RWITH_NGINX_LOG_LINE_MAX 4096

typedef struct rwith_nginx_log {
    char line[RWITH_NGINX_LOG_LINE_MAX];
    size_t len;
    bool is_running; /* what is wrong in a file now is wrong at a reload */
} rwith_nginx_log;

/* Take bytes as they come; each whole line is said. */
void rwith_nginx_log_feed(rwith_nginx_log *log, const char *bytes, size_t len);

/*
 * Make a sentence of one line.
 *
 * returns false: it is not worth saying
 */
bool rwith_nginx_log_translate(const char *line, size_t len, char *buf,
                               size_t buf_len, bool *ret_is_fatal);

#endif
