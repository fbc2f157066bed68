/*
 * How it ended: the exit status, an account for people on stderr, and one
 * for programs as JSON.
 */
#include <cli/fetch.h>

#include <cli/commands.h>
#include <retrywith/trust.h>

#include <string.h>
#include <unistd.h>
#include <yajl/yajl_gen.h>

#define STATUS_RETRY_WITH 449
#define SHOWN_MAX         1024

int rwith_fetch_status(rwith_fetch *f, const rwith_curl_result *result)
{
    if (result->limit != RWITH_CURL_LIMIT_NONE &&
        result->limit != RWITH_CURL_LIMIT_TIME) {
        return RWITH_EXIT_LIMIT;
    }
    if (result->code != CURLE_OK) {
        return (int)result->code; /* --max-time: 28, as with curl */
    }
    int status = rwith_outcome_exit_status(result->report.outcome);
    if (status == 0 && result->status == STATUS_RETRY_WITH) {
        status = RWITH_EXIT_NEEDS; /* whatever it is that it wants */
    }
    if (status == 0 && f->set.fail && result->status >= 400) {
        status = CURLE_HTTP_RETURNED_ERROR;
    }
    return status;
}

/* Why something could not be given. */
static const char *reason_text(rwith_reason_kind kind)
{
    static const char *const texts[] = {
        [RWITH_REASON_NO_VALUE] = "no value is configured for this origin",
        [RWITH_REASON_NOT_FILLED] = "its source gave no value",
        [RWITH_REASON_ALREADY_SENT] = "the value that was sent is not "
                                      "accepted",
        [RWITH_REASON_FORBIDDEN] = "a field that is never set for a server",
        [RWITH_REASON_NO_BODY_PATCH] =
            "cannot be added here, put it into the content",
        [RWITH_REASON_NOT_ALLOWED] = "nothing may be added to this request",
        [RWITH_REASON_NO_SCHEME] = "an authentication that is not known "
                                   "here",
    };

    return texts[kind];
}

/* May it stand between quotes in a line that is copied into a shell?  The
 * origin chose it. */
static bool is_plain_name(rwith_slice name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._~/[]";

    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '\0' || strchr(plain, name.ptr[i]) == NULL) {
            return false;
        }
    }
    return name.len > 0;
}

/* What to type, where typing helps. */
static void put_advice(const rwith_reason *reason, bool is_own)
{
    const rwith_requirement *req = &reason->requirement;

    if (reason->kind != RWITH_REASON_NO_VALUE &&
        reason->kind != RWITH_REASON_ALREADY_SENT &&
        reason->kind != RWITH_REASON_NOT_FILLED) {
        return;
    }
    if (!is_own || !is_plain_name(req->name)) {
        fputs("      a value for it and for this origin goes into a "
              "--supply FILE\n",
              stderr);
    } else if (req->in != RWITH_IN_AUTHORIZATION) {
        fprintf(stderr, "      --give '%s %.*s=VALUE'\n",
                rwith_place_word(req->in), (int)req->name.len, req->name.ptr);
    } else if (rwith_slice_equal_nocase(req->name, RWITH_LIT("Basic"))) {
        fputs("      --user USER:PASSWORD\n", stderr);
    } else {
        fputs("      --header 'Authorization: SCHEME VALUE'\n", stderr);
    }
}

static void put_reasons(const rwith_fetch *f, const rwith_report *report,
                        bool is_own)
{
    char name[SHOWN_MAX];
    char about[SHOWN_MAX];

    for (size_t i = 0; i < report->reason_count; i++) {
        const rwith_reason *reason = &report->reasons[i];

        rwith_fetch_show(f, reason->requirement.name, name, sizeof(name));
        rwith_fetch_show(f, reason->requirement.description, about,
                         sizeof(about));
        fprintf(stderr, "  %s %s: %s\n",
                rwith_place_word(reason->requirement.in), name,
                reason_text(reason->kind));
        if (about[0] != '\0') {
            fprintf(stderr, "      the origin says: \"%s\"\n", about);
        }
        put_advice(reason, is_own);
    }
}

/* Why no answer came, in words of our own where libcurl's say little. */
static const char *transport_reason(const rwith_fetch *f,
                                    const rwith_curl_result *result)
{
    static const char *const limits[] = {
        [RWITH_CURL_LIMIT_NONE] = NULL,
        [RWITH_CURL_LIMIT_HEAD_SIZE] =
            "the response's head is longer than is read here",
        [RWITH_CURL_LIMIT_HEAD_TIME] =
            "the origin did not answer in time, --head-timeout allows more",
        [RWITH_CURL_LIMIT_IDLE_TIME] =
            "the answer came to a halt, --idle-timeout allows more",
        [RWITH_CURL_LIMIT_TIME] = "--max-time is over",
    };

    if (limits[result->limit] != NULL) {
        return limits[result->limit];
    }
    if (result->code == CURLE_HTTP2_STREAM &&
        f->req.body.kind != RWITH_CURL_BODY_NONE) {
        return "the origin ended the exchange before it had read the "
               "content, which libcurl takes for an error with HTTP/2, try "
               "--http1.1";
    }
    return f->error[0] != '\0' ? f->error : curl_easy_strerror(result->code);
}

static void report_transport(rwith_fetch *f, const rwith_curl_result *result,
                             int status)
{
    char url[SHOWN_MAX];
    char text[SHOWN_MAX];

    /* Not its query: a redirect may have put anything there. */
    rwith_fetch_show(f, (rwith_slice){ result->url, strcspn(result->url, "?") },
                     url, sizeof(url));
    rwith_fetch_show(f, rwith_slice_of(transport_reason(f, result)), text,
                     sizeof(text));
    rwith_complain("%s: %s (%d)", url, text, status);
}

/* Who answered: after a redirect another origin than the URL's. */
static rwith_origin answering_origin(const rwith_fetch *f,
                                     const rwith_curl_result *result, char *buf,
                                     size_t buf_len)
{
    rwith_origin origin;
    rwith_slice rest;

    return rwith_origin_parse(rwith_slice_of(result->url), buf, buf_len,
                              &origin, &rest) == RWITH_OK
               ? origin
               : f->origin;
}

static void report_outcome(rwith_fetch *f, const rwith_curl_result *result)
{
    const rwith_report *report = &result->report;
    char host[2 * SHOWN_MAX];
    char text[SHOWN_MAX];
    rwith_origin origin = answering_origin(f, result, host, sizeof(host));

    rwith_complain("%.*s://%.*s:%u answered %u: %s", (int)origin.scheme.len,
                   origin.scheme.ptr, (int)origin.host.len, origin.host.ptr,
                   origin.port, result->status,
                   rwith_outcome_text(report->outcome));
    put_reasons(f, report, rwith_origin_equal(&origin, &f->origin));
    if (report->explain.len > 0) {
        rwith_fetch_show(f, report->explain, text, sizeof(text));
        fprintf(stderr, "  %s\n", text);
    }
    if (report->refused_name.len > 0) {
        rwith_fetch_show(f, report->refused_name, text, sizeof(text));
        fprintf(stderr, "  header %s\n", text);
    }
}

void rwith_fetch_report(rwith_fetch *f, const rwith_curl_result *result,
                        int status)
{
    if (status != 0 && f->is_in_line && isatty(STDERR_FILENO) != 0) {
        fputc('\n', stderr); /* the content ended within a line */
    }
    if (result->code != CURLE_OK) {
        report_transport(f, result, status);
    } else if (rwith_outcome_exit_status(result->report.outcome) != 0) {
        report_outcome(f, result);
    } else if (status == CURLE_HTTP_RETURNED_ERROR) {
        rwith_complain("the answer is an error, %u (22)", result->status);
    } else if (status == RWITH_EXIT_NEEDS) {
        rwith_complain("the origin answered 449, in no form that is known "
                       "here, read its content for what it wants");
    }
}

static void gen_text(yajl_gen gen, const char *name, rwith_slice value)
{
    yajl_gen_string(gen, (const unsigned char *)name, strlen(name));
    if (yajl_gen_string(gen, (const unsigned char *)value.ptr, value.len) !=
        yajl_gen_status_ok) {
        char shown[2 * SHOWN_MAX];

        /* Not UTF-8: escaped, it is. */
        rwith_trust_escape(value, shown, sizeof(shown));
        yajl_gen_string(gen, (const unsigned char *)shown, strlen(shown));
    }
}

/* What an origin wrote, without the user's values. */
static void gen_foreign(yajl_gen gen, const rwith_fetch *f, const char *name,
                        rwith_slice value)
{
    char masked[8 * SHOWN_MAX];

    gen_text(gen, name,
             (rwith_slice){
                 masked, rwith_fetch_mask(f, value, masked, sizeof(masked)) });
}

/* yajl leaves DEL and C1 as they are, and some terminals obey them. */
static void print_json(const unsigned char *text, size_t len)
{
    size_t done = 0;

    for (size_t i = 0; i < len; i++) {
        bool is_c1 = text[i] == 0xc2 && i + 1 < len && text[i + 1] < 0xa0;

        if (text[i] != 0x7f && !is_c1) {
            continue;
        }
        fwrite(text + done, 1, i - done, stdout);
        printf("\\u%04x", (unsigned)text[is_c1 ? i + 1 : i]);
        i += is_c1;
        done = i + 1;
    }
    fwrite(text + done, 1, len - done, stdout);
}

static void gen_number(yajl_gen gen, const char *name, long long value)
{
    yajl_gen_string(gen, (const unsigned char *)name, strlen(name));
    yajl_gen_integer(gen, value);
}

static void gen_missing(yajl_gen gen, const rwith_fetch *f,
                        const rwith_report *report)
{
    yajl_gen_string(gen, (const unsigned char *)"missing", 7);
    yajl_gen_array_open(gen);
    for (size_t i = 0; i < report->reason_count; i++) {
        const rwith_reason *reason = &report->reasons[i];

        yajl_gen_map_open(gen);
        gen_text(gen, "in",
                 rwith_slice_of(rwith_place_word(reason->requirement.in)));
        gen_foreign(gen, f, "name", reason->requirement.name);
        gen_foreign(gen, f, "description", reason->requirement.description);
        gen_text(gen, "reason", rwith_slice_of(reason_text(reason->kind)));
        yajl_gen_map_close(gen);
    }
    yajl_gen_array_close(gen);
}

static void gen_dialects(yajl_gen gen, const rwith_fetch *f,
                         const rwith_report *report)
{
    yajl_gen_string(gen, (const unsigned char *)"dialects", 8);
    yajl_gen_array_open(gen);
    for (size_t i = 0; i < rwith_dialects_count(f->dialects); i++) {
        if ((report->dialects >> i & 1) != 0) {
            rwith_slice name = rwith_dialects_name(f->dialects, i);

            yajl_gen_string(gen, (const unsigned char *)name.ptr, name.len);
        }
    }
    yajl_gen_array_close(gen);
}

void rwith_fetch_print_json(rwith_fetch *f, const rwith_curl_result *result,
                            int status)
{
    const rwith_report *report = &result->report;
    const unsigned char *text = NULL;
    size_t len = 0;
    yajl_gen gen = yajl_gen_alloc(NULL);

    if (gen == NULL) {
        rwith_complain("out of memory");
        return;
    }
    yajl_gen_config(gen, yajl_gen_beautify, 1);
    yajl_gen_config(gen, yajl_gen_validate_utf8, 1);
    yajl_gen_map_open(gen);
    gen_text(gen, "url", rwith_slice_of(result->url));
    gen_number(gen, "status", result->status);
    gen_number(gen, "exit", status);
    gen_text(gen, "outcome",
             rwith_slice_of(rwith_outcome_name(report->outcome)));
    gen_text(gen, "text", rwith_slice_of(rwith_outcome_text(report->outcome)));
    gen_dialects(gen, f, report);
    gen_number(gen, "attempts", result->sends);
    gen_number(gen, "obtains", result->obtains);
    gen_number(gen, "redirects", result->redirects);
    gen_number(gen, "recalled", report->recalled);
    gen_number(gen, "learned", report->learned);
    gen_number(gen, "time_ms", (long long)result->time_ms);
    gen_number(gen, "body_bytes", (long long)f->body_len);
    if (report->explain.len > 0) {
        gen_foreign(gen, f, "explain", report->explain);
    }
    gen_missing(gen, f, report);
    if (f->out_name == NULL && !f->body_is_cut) {
        gen_text(gen, "body", (rwith_slice){ f->body.ptr, f->body.len });
    }
    yajl_gen_map_close(gen);
    if (yajl_gen_get_buf(gen, &text, &len) == yajl_gen_status_ok) {
        print_json(text, len);
    }
    yajl_gen_free(gen);
}
