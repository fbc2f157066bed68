/*
 * Follows a redirect by curl's rules.  libcurl itself would send what was
 * added for one origin to the next: each hop has an exchange of its own, so
 * neither patched fields nor a patched body nor a supplied value go along
 * (R-14).
 */
#include <adapters/curl/driver.h>

#include <string.h>

/* Which method a redirect leaves, and whether the content goes along. */
static void redirect_method(rwith_curl_job *job, unsigned status)
{
    bool is_post = strcmp(job->method, "POST") == 0;
    bool is_head = strcmp(job->method, "HEAD") == 0;
    bool to_get = status == 303 ||
                  ((status == 301 || status == 302) &&
                   (is_post || (job->req.method_is_forced &&
                                job->req.body.kind != RWITH_CURL_BODY_FILE)));

    if (!to_get || is_head) {
        return;
    }
    job->has_body = false;
    if (!job->req.method_is_forced) {
        job->method = "GET";
    }
}

/* Location, as a string of its own. */
static CURLcode redirect_location(rwith_curl_job *job, rwith_curl_bytes *ret)
{
    const rwith_field *location = rwith_fields_find(
        job->head.fields, job->head.field_count, RWITH_LIT("Location"));

    if (location == NULL || location->value.len == 0) {
        return CURLE_URL_MALFORMAT;
    }
    if (rwith__curl_bytes_add(ret, job->session->mem, location->value.ptr,
                              location->value.len, SIZE_MAX) != RWITH_OK ||
        rwith__curl_bytes_end(ret, job->session->mem) != RWITH_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    return CURLE_OK;
}

/* The report of the hop that is left goes into the sums. */
static void redirect_leave(rwith_curl_job *job)
{
    rwith__curl_job_count(job);
    rwith_exchange_free(job->x);
    job->x = NULL;
    job->is_plain = false;
    job->result.report = (rwith_report){ 0 };
}

CURLcode rwith__curl_redirect(rwith_curl_job *job)
{
    const rwith_alloc *mem = job->session->mem;
    rwith_curl_bytes location = { NULL, 0, 0 };
    rwith_curl_url next = { 0 };
    unsigned max = job->req.redirects_max != 0
                       ? job->req.redirects_max
                       : RWITH_CURL_REDIRECTS_MAX_DEFAULT;

    if (job->result.redirects >= max) {
        return CURLE_TOO_MANY_REDIRECTS;
    }
    CURLcode code = redirect_location(job, &location);
    if (code == CURLE_OK) {
        code = rwith__curl_url_read(&next, mem, job->url.text, location.ptr);
    }
    if (code != CURLE_OK) {
        goto out;
    }
    redirect_leave(job);
    redirect_method(job, job->result.status);
    if (!rwith_origin_equal(&next.origin, &job->url.origin)) {
        job->is_foreign = true;
    } else if (next.userpwd == NULL) {
        next.userpwd = job->url.userpwd; /* of the URL that was given */
        job->url.userpwd = NULL;
    }
    rwith__curl_url_free(&job->url, mem);
    job->url = next;
    next = (rwith_curl_url){ 0 };
    job->result.redirects++;
    rwith__curl_source_patch(&job->source, (rwith_slice){ NULL, 0 }, false);
    rwith__curl_event(job, RWITH_CURL_EVENT_REDIRECT, NULL);
    job->cookies.len = 0;
    if (job->has_body && !job->source.is_replayable && job->source.is_used) {
        code = CURLE_SEND_FAIL_REWIND;
    } else if (rwith__curl_job_start(job) != RWITH_OK) {
        code = CURLE_OUT_OF_MEMORY;
    }
out:
    rwith__curl_bytes_free(&location, mem);
    rwith__curl_url_free(&next, mem);
    return code;
}
