/*
 * The driver's parts that need no network: URLs, heads, sources; and a
 * whole request with each allocation of ours failing once.
 */
#include "tests/unit/tap.h"

#include <adapters/curl/head.h>
#include <adapters/curl/source.h>
#include <adapters/curl/url.h>

static const struct url_row {
    const char *name, *base, *text;
    const char *want; /* origin host, port, target, userpwd */
    CURLcode code;
} url_rows[] = {
    { "plain", NULL, "http://a/b", "a 80 /b -", CURLE_OK },
    { "port and query", NULL, "https://A:8443/b?c=/../", "a 8443 /b?c=/../ -",
      CURLE_OK },
    { "no path", NULL, "http://a", "a 80 / -", CURLE_OK },
    { "no path, a query", NULL, "http://a?b", "a 80 /?b -", CURLE_OK },
    { "no scheme", NULL, "a:81/b", "a 81 /b -", CURLE_OK },
    { "raw bytes stay", NULL, "http://a/%2F;x//y", "a 80 /%2F;x//y -",
      CURLE_OK },
    { "fragment goes", NULL, "http://a/b#c", "a 80 /b -", CURLE_OK },
    { "userinfo goes apart", NULL, "http://u:p%40@a/b", "a 80 /b u:p@",
      CURLE_OK },
    { "dots are removed as libcurl does", NULL, "http://a/b/../c", "a 80 /c -",
      CURLE_OK },
    { "relative", "http://a/b/c?d", "e", "a 80 /b/e -", CURLE_OK },
    { "relative to the root", "http://a/b/c", "/e?f", "a 80 /e?f -", CURLE_OK },
    { "another host", "http://a/b", "//c/d", "c 80 /d -", CURLE_OK },
    { "another scheme", "http://a/b", "https://a/d", "a 443 /d -", CURLE_OK },
    { "space in a redirect", "http://a/b", "/c d", "a 80 /c%20d -", CURLE_OK },
    { "IPv6", NULL, "http://[::1]:8/x", "[::1] 8 /x -", CURLE_OK },
    { "file", NULL, "file:///etc/passwd", "", CURLE_UNSUPPORTED_PROTOCOL },
    { "redirect to file", "http://a/", "file:///etc/passwd", "",
      CURLE_UNSUPPORTED_PROTOCOL },
    { "unknown scheme", NULL, "gopherx://a/", "", CURLE_UNSUPPORTED_PROTOCOL },
    { "space", NULL, "http://a b/", "", CURLE_URL_MALFORMAT },
    { "empty", NULL, "", "", CURLE_URL_MALFORMAT },
    { "port too large", NULL, "http://a:65536/", "", CURLE_URL_MALFORMAT },
};

static void run_url(const struct url_row *row)
{
    rwith_curl_url url;
    rwith_slice text = tap_copy(row->text, strlen(row->text) + 1);
    char got[256] = "";

    CURLcode code = rwith__curl_url_read(&url, NULL, row->base, text.ptr);
    is_int(code, row->code, row->name);
    if (code == CURLE_OK) {
        snprintf(got, sizeof(got), "%.*s %u %.*s %s", (int)url.origin.host.len,
                 url.origin.host.ptr, url.origin.port, (int)url.target.len,
                 url.target.ptr, url.userpwd != NULL ? url.userpwd : "-");
        is_str(rwith_slice_of(got), row->want, row->name);
    }
    rwith__curl_url_free(&url, NULL);
    tap_free(text);
}

static void test_urls(void)
{
    rwith_curl_bytes at = { NULL, 0, 0 };
    rwith_curl_url url;

    for (size_t i = 0; i < sizeof(url_rows) / sizeof(url_rows[0]); i++) {
        if (tap_wants(url_rows[i].name)) {
            run_url(&url_rows[i]);
        }
    }
    is_int(rwith__curl_url_read(&url, NULL, NULL, "http://a:8/b?c"), CURLE_OK,
           "a URL");
    is_int(rwith__curl_url_at(&url, NULL, RWITH_LIT("/d?e=f"), &at), CURLE_OK,
           "another target");
    is_str(rwith_slice_of(at.ptr), "http://a:8/d?e=f", "at the same origin");
    rwith__curl_bytes_free(&at, NULL);
    rwith__curl_url_free(&url, NULL);
}

/* Lines as libcurl hands them over, "|" between them. */
static const struct head_row {
    const char *name, *lines;
    unsigned status;
    const char *want; /* reason, then fields */
} head_rows[] = {
    { "one head", "HTTP/1.1 200 OK|A: b||", 200, "OK A=b" },
    { "1xx before it", "HTTP/1.1 103 E|L: x||HTTP/1.1 449 Retry With|M: y||",
      449, "Retry With M=y" },
    { "authentication leg", "HTTP/1.1 401 U|W: d||HTTP/1.1 200 OK|C: e||", 200,
      "OK C=e" },
    { "HTTP/2", "HTTP/2 449 |a:b||", 449, " a=b" },
    { "no reason", "HTTP/1.1 449|a: b||", 449, " a=b" },
    { "duplicate fields in order", "HTTP/1.1 200 OK|A: 1|a: 2||", 200,
      "OK A=1 a=2" },
    { "empty value", "HTTP/1.1 200 OK|A:||", 200, "OK A=" },
    { "no field line", "HTTP/1.1 200 OK|junk||", 200, "OK" },
    { "not a number", "HTTP/1.1 2x0 OK||", 0, "OK" },
    { "cut short", "HTTP/1.1 44", 0, "" },
};

static void run_head(const struct head_row *row)
{
    rwith_curl_head head = { 0 };
    rwith_response resp;
    char got[256] = "";

    for (const char *p = row->lines; *p != '\0';) {
        size_t len = strcspn(p, "|");
        char line[64];
        int all = snprintf(line, sizeof(line), "%.*s%s", (int)len, p,
                           p[len] == '|' ? "\r\n" : "");
        rwith_slice copy = tap_copy(line, (size_t)all);

        is_int(rwith__curl_head_add(&head, NULL, copy.ptr, copy.len, 4096),
               RWITH_OK, row->name);
        tap_free(copy);
        p += len + (p[len] == '|');
    }
    is_int(rwith__curl_head_status(&head), row->status, row->name);
    is_int(rwith__curl_head_read(&head, NULL, true, &resp), RWITH_OK,
           row->name);
    int at = snprintf(got, sizeof(got), "%.*s", (int)resp.reason.len,
                      resp.reason.len > 0 ? resp.reason.ptr : "");
    for (size_t i = 0; i < resp.field_count; i++) {
        at += snprintf(got + at, sizeof(got) - (size_t)at, " %.*s=%.*s",
                       (int)resp.fields[i].name.len, resp.fields[i].name.ptr,
                       (int)resp.fields[i].value.len,
                       resp.fields[i].value.len > 0 ? resp.fields[i].value.ptr
                                                    : "");
    }
    is_str(rwith_slice_of(got), row->want, row->name);
    rwith__curl_head_free(&head, NULL);
}

static void test_heads(void)
{
    rwith_curl_head head = { 0 };
    int err = RWITH_OK;
    size_t lines = 0;

    for (size_t i = 0; i < sizeof(head_rows) / sizeof(head_rows[0]); i++) {
        if (tap_wants(head_rows[i].name)) {
            run_head(&head_rows[i]);
        }
    }
    while (err == RWITH_OK && lines < 1000) {
        err = rwith__curl_head_add(&head, NULL, "X: y\r\n", 6, 600);
        lines++;
    }
    is_int(err, RWITH_ERANGE, "endless lines end");
    is_int((long long)head.lines.len, 600, "at the limit");
    rwith__curl_head_free(&head, NULL);
}

static void test_sources(void)
{
    const rwith_curl_body memory = { .kind = RWITH_CURL_BODY_MEMORY,
                                     .data = "0123456789",
                                     .len = 10 };
    rwith_curl_source source;
    char buf[16];

    rwith__curl_source_init(&source, &memory);
    ok(source.is_replayable, "memory is replayable");
    is_int((long long)source.size, 10, "and knows its size");
    is_int((long long)rwith__curl_source_read(&source, buf, 4), 4, "a part");
    is_int((long long)rwith__curl_source_read(&source, buf, 16), 6, "the rest");
    is_int((long long)rwith__curl_source_read(&source, buf, 16), 0, "the end");
    ok(rwith__curl_source_rewind(&source), "back to the start");
    is_int((long long)rwith__curl_source_read(&source, buf, 16), 10, "again");
    rwith__curl_source_patch(&source, RWITH_LIT("patched!"), true);
    ok(rwith__curl_source_rewind(&source), "patched");
    is_int((long long)source.size, 8, "with another size");
    is_int((long long)rwith__curl_source_read(&source, buf, 16), 8,
           "the patched bytes");
    is_slice((rwith_slice){ buf, 8 }, RWITH_LIT("patched!"), "are sent");
    is_int(rwith__curl_source_seek(&source, 3, SEEK_SET),
           CURL_SEEKFUNC_CANTSEEK, "only the start is sought");

    FILE *file = tmpfile();
    if (file != NULL) {
        fputs("skipcontent", file);
        fseek(file, 4, SEEK_SET);
        const rwith_curl_body body = { .kind = RWITH_CURL_BODY_FILE,
                                       .file = file };

        rwith__curl_source_init(&source, &body);
        ok(source.is_replayable, "a file is replayable");
        is_int((long long)source.size, 7, "from where it stands");
        is_int((long long)rwith__curl_source_read(&source, buf, 16), 7, "read");
        ok(rwith__curl_source_rewind(&source), "back to where it stood");
        is_int((long long)rwith__curl_source_read(&source, buf, 16), 7,
               "again");
        is_slice((rwith_slice){ buf, 7 }, RWITH_LIT("content"), "the same");
        fclose(file);
    }
    const rwith_curl_body once = { .kind = RWITH_CURL_BODY_CALLBACK };
    rwith__curl_source_init(&source, &once);
    ok(!source.is_replayable, "a callback without rewind exists once");
}

/* A request that is refused at the door: port 1 listens on nothing. */
static int scenario(struct tap_memory *memory)
{
    const rwith_alloc mem = tap_alloc(memory);
    const rwith_curl_options options = { .mem = &mem };
    struct curl_slist *headers = curl_slist_append(NULL, "A: b");
    rwith_curl_request req = { .easy = curl_easy_init(),
                               .url = "http://u:p@127.0.0.1:1/x",
                               .headers = headers };
    const rwith_curl_result *result = NULL;
    rwith_curl *session = NULL;

    int err = rwith_curl_new(&options, &session);
    if (err == RWITH_OK) {
        err = rwith_curl_perform(session, &req, &result);
    }
    if (err == RWITH_OK && result->code == CURLE_OUT_OF_MEMORY) {
        err = RWITH_ENOMEM;
    }
    if (err == RWITH_OK && result->code != CURLE_COULDNT_CONNECT) {
        err = RWITH_EINVAL;
    }
    rwith_curl_free(session);
    curl_easy_cleanup(req.easy);
    curl_slist_free_all(headers);
    return err;
}

static void test_memory(void)
{
    struct tap_memory memory = { 0, SIZE_MAX, 0 };
    size_t wrong = 0;
    size_t leaked = 0;

    is_int(scenario(&memory), RWITH_OK, "a refused connection is told");
    is_int((long long)memory.live, 0, "nothing is left allocated");
    size_t calls = memory.calls;
    for (size_t k = 0; k < calls; k++) {
        memory = (struct tap_memory){ 0, k, 0 };
        int err = scenario(&memory);
        wrong += err != RWITH_ENOMEM && err != RWITH_OK;
        leaked += memory.live;
    }
    ok(calls > 5, "%zu allocations, each failed once", calls);
    is_int((long long)wrong, 0, "each time ENOMEM or unharmed");
    is_int((long long)leaked, 0, "and nothing leaked");
}

int main(int argc, char **argv)
{
    tap_start(argc, argv);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    test_urls();
    test_heads();
    test_sources();
    test_memory();
    curl_global_cleanup();
    return tap_done();
}
