/*
 * --write-out: curl's variables, and those of the exchange.
 */
#include <cli/fetch.h>

#include <cli/commands.h>

#include <stdlib.h>
#include <string.h>

/* Where a variable's value comes from. */
typedef enum source {
    FROM_LONG, /* curl_easy_getinfo() */
    FROM_TEXT,
    FROM_SIZE,
    FROM_TIME, /* microseconds, shown as seconds */
    FROM_RESULT
} source;

typedef struct facts {
    rwith_fetch *f;
    const rwith_curl_result *result;
    int status;
} facts;

static void print_status(const facts *of, FILE *out)
{
    fprintf(out, "%03u", of->result->status);
}

static void print_url(const facts *of, FILE *out)
{
    fputs(of->f->url.ptr, out);
}

static void print_url_effective(const facts *of, FILE *out)
{
    fputs(of->result->url, out);
}

static void print_redirects(const facts *of, FILE *out)
{
    fprintf(out, "%u", of->result->redirects);
}

static void print_method(const facts *of, FILE *out)
{
    fputs(of->f->req.method, out);
}

static void print_body_len(const facts *of, FILE *out)
{
    fprintf(out, "%llu", (unsigned long long)of->f->body_len);
}

static void print_filename(const facts *of, FILE *out)
{
    fputs(of->f->out_name != NULL ? of->f->out_name : "", out);
}

static void print_exit(const facts *of, FILE *out)
{
    fprintf(out, "%d", of->status);
}

static void print_error(const facts *of, FILE *out)
{
    if (of->result->code != CURLE_OK) {
        fputs(of->f->error[0] != '\0' ? of->f->error
                                      : curl_easy_strerror(of->result->code),
              out);
    }
}

static void print_total(const facts *of, FILE *out)
{
    fprintf(out, "%llu.%03llu",
            (unsigned long long)(of->result->time_ms / 1000),
            (unsigned long long)(of->result->time_ms % 1000));
}

static void print_attempts(const facts *of, FILE *out)
{
    fprintf(out, "%u", of->result->sends);
}

static void print_obtains(const facts *of, FILE *out)
{
    fprintf(out, "%u", of->result->obtains);
}

static void print_outcome(const facts *of, FILE *out)
{
    fputs(rwith_outcome_name(of->result->report.outcome), out);
}

static void print_recalled(const facts *of, FILE *out)
{
    fprintf(out, "%u", of->result->report.recalled);
}

static void print_learned(const facts *of, FILE *out)
{
    fprintf(out, "%u", of->result->report.learned);
}

static void print_dialects(const facts *of, FILE *out)
{
    const char *comma = "";

    for (size_t i = 0; i < rwith_dialects_count(of->f->dialects); i++) {
        if ((of->result->report.dialects >> i & 1) != 0) {
            rwith_slice name = rwith_dialects_name(of->f->dialects, i);

            fprintf(out, "%s%.*s", comma, (int)name.len, name.ptr);
            comma = ",";
        }
    }
}

static const struct variable {
    const char *name;
    source from;
    CURLINFO info;
    void (*print)(const facts *of, FILE *out);
} variables[] = {
    { "content_type", FROM_TEXT, CURLINFO_CONTENT_TYPE, NULL },
    { "errormsg", FROM_RESULT, CURLINFO_NONE, print_error },
    { "exitcode", FROM_RESULT, CURLINFO_NONE, print_exit },
    { "filename_effective", FROM_RESULT, CURLINFO_NONE, print_filename },
    { "http_code", FROM_RESULT, CURLINFO_NONE, print_status },
    { "http_connect", FROM_LONG, CURLINFO_HTTP_CONNECTCODE, NULL },
    { "local_ip", FROM_TEXT, CURLINFO_LOCAL_IP, NULL },
    { "local_port", FROM_LONG, CURLINFO_LOCAL_PORT, NULL },
    { "method", FROM_RESULT, CURLINFO_NONE, print_method },
    { "num_connects", FROM_LONG, CURLINFO_NUM_CONNECTS, NULL },
    { "num_redirects", FROM_RESULT, CURLINFO_NONE, print_redirects },
    { "redirect_url", FROM_TEXT, CURLINFO_REDIRECT_URL, NULL },
    { "remote_ip", FROM_TEXT, CURLINFO_PRIMARY_IP, NULL },
    { "remote_port", FROM_LONG, CURLINFO_PRIMARY_PORT, NULL },
    { "response_code", FROM_RESULT, CURLINFO_NONE, print_status },
    { "retrywith_attempts", FROM_RESULT, CURLINFO_NONE, print_attempts },
    { "retrywith_dialects", FROM_RESULT, CURLINFO_NONE, print_dialects },
    { "retrywith_learned", FROM_RESULT, CURLINFO_NONE, print_learned },
    { "retrywith_obtains", FROM_RESULT, CURLINFO_NONE, print_obtains },
    { "retrywith_outcome", FROM_RESULT, CURLINFO_NONE, print_outcome },
    { "retrywith_recalled", FROM_RESULT, CURLINFO_NONE, print_recalled },
    { "scheme", FROM_TEXT, CURLINFO_SCHEME, NULL },
    { "size_download", FROM_RESULT, CURLINFO_NONE, print_body_len },
    { "size_header", FROM_LONG, CURLINFO_HEADER_SIZE, NULL },
    { "size_request", FROM_LONG, CURLINFO_REQUEST_SIZE, NULL },
    { "size_upload", FROM_SIZE, CURLINFO_SIZE_UPLOAD_T, NULL },
    { "speed_download", FROM_SIZE, CURLINFO_SPEED_DOWNLOAD_T, NULL },
    { "speed_upload", FROM_SIZE, CURLINFO_SPEED_UPLOAD_T, NULL },
    { "ssl_verify_result", FROM_LONG, CURLINFO_SSL_VERIFYRESULT, NULL },
    { "time_appconnect", FROM_TIME, CURLINFO_APPCONNECT_TIME_T, NULL },
    { "time_connect", FROM_TIME, CURLINFO_CONNECT_TIME_T, NULL },
    { "time_namelookup", FROM_TIME, CURLINFO_NAMELOOKUP_TIME_T, NULL },
    { "time_pretransfer", FROM_TIME, CURLINFO_PRETRANSFER_TIME_T, NULL },
    { "time_starttransfer", FROM_TIME, CURLINFO_STARTTRANSFER_TIME_T, NULL },
    { "time_total", FROM_RESULT, CURLINFO_NONE, print_total },
    { "url", FROM_RESULT, CURLINFO_NONE, print_url },
    { "url_effective", FROM_RESULT, CURLINFO_NONE, print_url_effective },
};

static void print_http_version(const facts *of, FILE *out)
{
    static const struct {
        long number;
        const char *text;
    } versions[] = {
        { CURL_HTTP_VERSION_1_0, "1.0" },
        { CURL_HTTP_VERSION_1_1, "1.1" },
        { CURL_HTTP_VERSION_2_0, "2" },
        { CURL_HTTP_VERSION_3, "3" },
    };
    const char *text = "0";
    long number = 0;

    curl_easy_getinfo(of->f->easy, CURLINFO_HTTP_VERSION, &number);
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        if (versions[i].number == number) {
            text = versions[i].text;
        }
    }
    fputs(text, out);
}

static void print_variable(const facts *of, const struct variable *v, FILE *out)
{
    curl_off_t size = 0;
    char *text = NULL;
    long number = 0;

    switch (v->from) {
    case FROM_LONG:
        curl_easy_getinfo(of->f->easy, v->info, &number);
        fprintf(out, "%ld", number);
        break;
    case FROM_TEXT:
        curl_easy_getinfo(of->f->easy, v->info, &text);
        fputs(text != NULL ? text : "", out);
        break;
    case FROM_SIZE:
        curl_easy_getinfo(of->f->easy, v->info, &size);
        fprintf(out, "%" CURL_FORMAT_CURL_OFF_T, size);
        break;
    case FROM_TIME:
        curl_easy_getinfo(of->f->easy, v->info, &size);
        fprintf(out, "%" CURL_FORMAT_CURL_OFF_T ".%06ld", size / 1000000,
                (long)(size % 1000000));
        break;
    case FROM_RESULT:
        v->print(of, out);
        break;
    }
}

/* "%{name}"; stdout and stderr choose where the rest goes. */
static void print_named(const facts *of, const char *name, size_t len,
                        FILE **out)
{
    if (len == 6 && strncmp(name, "stderr", len) == 0) {
        *out = stderr;
        return;
    }
    if (len == 6 && strncmp(name, "stdout", len) == 0) {
        *out = stdout;
        return;
    }
    if (len == 12 && strncmp(name, "http_version", len) == 0) {
        print_http_version(of, *out);
        return;
    }
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (strlen(variables[i].name) == len &&
            strncmp(variables[i].name, name, len) == 0) {
            print_variable(of, &variables[i], *out);
            return;
        }
    }
    rwith_complain("--write-out knows no variable '%.*s', see "
                   "retrywith-fetch(1)",
                   (int)len, name);
}

static void print_escape(char letter, FILE *out)
{
    static const char letters[] = "nrt\\";
    static const char bytes[] = "\n\r\t\\";
    const char *at = strchr(letters, letter);

    if (at != NULL) {
        fputc(bytes[at - letters], out);
    } else {
        fputc('\\', out);
        fputc(letter, out);
    }
}

static void print_format(const facts *of, const char *format)
{
    FILE *out = stdout;

    for (const char *p = format; *p != '\0'; p++) {
        if (p[0] == '\\' && p[1] != '\0') {
            print_escape(*++p, out);
        } else if (p[0] == '%' && p[1] == '%') {
            fputc(*p++, out);
        } else if (p[0] == '%' && p[1] == '{' && strchr(p, '}') != NULL) {
            const char *end = strchr(p, '}');

            print_named(of, p + 2, (size_t)(end - p) - 2, &out);
            p = end;
        } else {
            fputc(*p, out);
        }
    }
    fflush(stdout);
}

void rwith_fetch_write_out(rwith_fetch *f, const rwith_curl_result *result,
                           int status)
{
    const facts of = { f, result, status };
    rwith_fetch_text text = { NULL, 0, 0 };
    const char *format = f->set.write_out;

    if (format == NULL) {
        return;
    }
    if (format[0] == '@') {
        FILE *file = fopen(format + 1, "rb");
        char block[4096];
        size_t got;

        while (file != NULL &&
               (got = fread(block, 1, sizeof(block), file)) > 0 &&
               rwith_fetch_text_add(&text, block, got)) {
        }
        if (file == NULL) {
            rwith_complain("cannot read %s, check its name", format + 1);
        } else {
            fclose(file);
        }
        format = text.ptr != NULL ? text.ptr : "";
    }
    print_format(&of, format);
    free(text.ptr);
}
