/*
 * nginx's error lines as sentences: no query of a target in any of them.
 */
#include <launch/nginx_log.h>

#include "tap.h"

static const struct row {
    const char *name, *line;
    const char *want; /* NULL: not worth saying */
    bool is_fatal;
} rows[] = {
    { "an error of a request",
      "2026/01/31 23:59:59 [error] 12#13: *7 connect() failed (111: "
      "Connection refused) while connecting to upstream",
      "connect() failed (111: Connection refused) while connecting to "
      "upstream",
      false },
    { "queries are left out",
      "2026/01/31 23:59:59 [error] 1#1: *7 x, request: \"GET /a?k=SECRET "
      "HTTP/1.1\", upstream: \"http://o/a?k=SECRET&b\", host: \"h\"",
      "x, request: \"GET /a? HTTP/1.1\", upstream: \"http://o/a?\", host: "
      "\"h\"",
      false },
    { "before there is a log",
      "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address in use)",
      "bind() to 0.0.0.0:80 failed (98: Address in use)", true },
    { "the place in our own file is left out",
      "nginx: [emerg] /x/mine.dialect:2:5: expected when in "
      "/tmp/retrywith-abc/nginx.conf:31",
      "/x/mine.dialect:2:5: expected when", true },
    { "notices", "2026/01/31 23:59:59 [notice] 1#1: signal process started",
      NULL, false },
    { "infos", "2026/01/31 23:59:59 [info] 1#1: *1 client closed", NULL,
      false },
    { "what a newer nginx says of our own words",
      "2026/01/31 23:59:59 [warn] 1#1: the \"listen ... http2\" directive is "
      "deprecated, use the \"http2\" directive instead in "
      "/tmp/retrywith-abc/nginx.conf:36",
      NULL, false },
    { "control bytes", "nginx: [warn] a\x1b[31m\xffz", "a\\x1b[31m\\xffz",
      false },
    { "no level", "Segmentation fault", "Segmentation fault", false },
    { "a name of a file", "/x/y.c:1:2: runtime error",
      "/x/y.c:1:2: runtime error", false },
    { "empty", "", NULL, false },
    { "only a date", "2026/01/31 23:59:59 ", NULL, false },
    { "numbers that are no ids", "nginx: [error] 12 files", "12 files", false },
};

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        rwith_slice line = tap_copy(row->line, strlen(row->line));
        char buf[300];
        bool is_fatal = false;

        if (tap_wants(row->name)) {
            bool said = rwith_nginx_log_translate(line.ptr, line.len, buf,
                                                  sizeof(buf), &is_fatal);
            is_int(said, row->want != NULL, row->name);
            if (said && row->want != NULL) {
                is_str(rwith_slice_of(buf), row->want, row->name);
                is_int(is_fatal, row->is_fatal, row->name);
            }
        }
        tap_free(line);
    }
}

static void test_short_buffers(void)
{
    static const char line[] = "nginx: [warn] ab\x01yz";
    bool all = true;

    for (size_t len = 2; len < 20; len++) {
        char *buf = malloc(len);
        bool is_fatal;

        rwith_nginx_log_translate(line, sizeof(line) - 1, buf, len, &is_fatal);
        all = all && strlen(buf) < len;
        free(buf);
    }
    ok(all, "a short buffer is kept");
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    test_rows();
    test_short_buffers();
    return tap_done();
}
