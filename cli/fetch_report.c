/*
 * How it ended: the exit status, an account for people on stderr, and one
 * for programs as JSON.
 */
#include <cli/fetch.h>

#include <cli/commands.h>
#include <retrywith/trust.h>

#include <string.h>
#include <yajl/yajl_gen.h>

int rwith_fetch_status(rwith_fetch *f, const rwith_curl_result *result)
{
    if (result->limit == RWITH_CURL_LIMIT_HEAD_SIZE) {
        return RWITH_EXIT_LIMIT;
    }
    if (result->code != CURLE_OK) {
        return (int)result->code;
    }
    int status = rwith_outcome_exit_status(result->report.outcome);
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
        [RWITH_REASON_NO_BODY_PATCH] = "the content cannot be changed here, "
                                       "put it there yourself",
        [RWITH_REASON_NOT_ALLOWED] = "nothing may be added to this request",
        [RWITH_REASON_NO_SCHEME] = "an authentication that is not known "
                                   "here",
    };

    return texts[kind];
}

/* What to type, where typing helps. */
static void put_advice(const rwith_reason *reason, const char *name)
{
    const rwith_requirement *req = &reason->requirement;
    bool is_basic = rwith_slice_equal_nocase(req->name, RWITH_LIT("Basic"));

    if (reason->kind != RWITH_REASON_NO_VALUE &&
        reason->kind != RWITH_REASON_ALREADY_SENT &&
        reason->kind != RWITH_REASON_NOT_FILLED) {
        return;
    }
    if (req->in == RWITH_IN_AUTHORIZATION) {
        if (is_basic) {
            fputs("      --user USER:PASSWORD\n", stderr);
        } else {
            fputs("      --header 'Authorization: SCHEME VALUE'\n", stderr);
        }
        return;
    }
    fprintf(stderr, "      --give '%s %s=VALUE'\n", rwith_place_word(req->in),
            name);
}

static void put_reasons(const rwith_report *report)
{
    char name[1024];
    char about[1024];

    for (size_t i = 0; i < report->reason_count; i++) {
        const rwith_reason *reason = &report->reasons[i];

        rwith_trust_escape(reason->requirement.name, name, sizeof(name));
        rwith_trust_escape(reason->requirement.description, about,
                           sizeof(about));
        fprintf(stderr, "  %s %s: %s\n",
                rwith_place_word(reason->requirement.in), name,
                reason_text(reason->kind));
        if (about[0] != '\0') {
            fprintf(stderr, "      the origin says: \"%s\"\n", about);
        }
        put_advice(reason, name);
    }
}

static void report_transport(rwith_fetch *f, const rwith_curl_result *result)
{
    static const char *const limits[] = {
        [RWITH_CURL_LIMIT_NONE] = NULL,
        [RWITH_CURL_LIMIT_HEAD_SIZE] =
            "the response's head is longer than is read here",
        [RWITH_CURL_LIMIT_HEAD_TIME] = "the origin did not answer in time",
        [RWITH_CURL_LIMIT_IDLE_TIME] = "the answer came to a halt",
        [RWITH_CURL_LIMIT_TIME] = "--max-time is over",
    };
    const char *why = limits[result->limit];
    char url[1024];
    char text[1024];

    if (why == NULL) {
        why = f->error[0] != '\0' ? f->error : curl_easy_strerror(result->code);
    }
    rwith_trust_escape(rwith_slice_of(result->url), url, sizeof(url));
    rwith_trust_escape(rwith_slice_of(why), text, sizeof(text));
    rwith_complain("%s: %s (%d)", url, text, (int)result->code);
}

static void report_outcome(rwith_fetch *f, const rwith_curl_result *result)
{
    const rwith_report *report = &result->report;
    const rwith_origin *origin = &f->origin;
    char text[1024];

    rwith_complain("%.*s://%.*s:%u answered %u: %s", (int)origin->scheme.len,
                   origin->scheme.ptr, (int)origin->host.len, origin->host.ptr,
                   origin->port, result->status,
                   rwith_outcome_text(report->outcome));
    put_reasons(report);
    if (report->explain.len > 0) {
        rwith_trust_escape(report->explain, text, sizeof(text));
        fprintf(stderr, "  %s\n", text);
    }
    if (report->refused_name.len > 0) {
        rwith_trust_escape(report->refused_name, text, sizeof(text));
        fprintf(stderr, "  header %s\n", text);
    }
}

void rwith_fetch_report(rwith_fetch *f, const rwith_curl_result *result,
                        int status)
{
    if (result->code != CURLE_OK) {
        report_transport(f, result);
    } else if (rwith_outcome_exit_status(result->report.outcome) != 0) {
        report_outcome(f, result);
    } else if (status == CURLE_HTTP_RETURNED_ERROR) {
        rwith_complain("the answer is an error, %u (22)", result->status);
    } else if (result->status == 449) {
        rwith_complain("the origin answered 449, in no form that is known "
                       "here, read its content for what it wants");
    }
}

static void gen_text(yajl_gen gen, const char *name, rwith_slice value)
{
    yajl_gen_string(gen, (const unsigned char *)name, strlen(name));
    if (yajl_gen_string(gen, (const unsigned char *)value.ptr, value.len) !=
        yajl_gen_status_ok) {
        char shown[2048];

        /* Not UTF-8: escaped, it is. */
        rwith_trust_escape(value, shown, sizeof(shown));
        yajl_gen_string(gen, (const unsigned char *)shown, strlen(shown));
    }
}

static void gen_number(yajl_gen gen, const char *name, long long value)
{
    yajl_gen_string(gen, (const unsigned char *)name, strlen(name));
    yajl_gen_integer(gen, value);
}

static void gen_missing(yajl_gen gen, const rwith_report *report)
{
    yajl_gen_string(gen, (const unsigned char *)"missing", 7);
    yajl_gen_array_open(gen);
    for (size_t i = 0; i < report->reason_count; i++) {
        const rwith_reason *reason = &report->reasons[i];

        yajl_gen_map_open(gen);
        gen_text(gen, "in",
                 rwith_slice_of(rwith_place_word(reason->requirement.in)));
        gen_text(gen, "name", reason->requirement.name);
        gen_text(gen, "description", reason->requirement.description);
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
        gen_text(gen, "explain", report->explain);
    }
    gen_missing(gen, report);
    if (f->out_name == NULL && !f->body_is_cut) {
        gen_text(gen, "body", (rwith_slice){ f->body.ptr, f->body.len });
    }
    yajl_gen_map_close(gen);
    if (yajl_gen_get_buf(gen, &text, &len) == yajl_gen_status_ok) {
        fwrite(text, 1, len, stdout);
    }
    yajl_gen_free(gen);
}
