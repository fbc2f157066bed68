/*
 * The request that fetches a value: a handle of its own, made from the
 * client's, so that a response that is held keeps its own.  It follows no
 * redirect and starts no obtain.  Where libcurl keeps cookies, the two handles
 * share them: a value is worth nothing without its session.
 */
#include <adapters/curl/driver.h>

#include <string.h>

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    rwith_curl_job *job = user;
    size_t len = size * count;

    return rwith__curl_head_add(&job->obtain.head, job->session->mem, line, len,
                                job->session->options.head_max) == RWITH_OK
               ? len
               : 0;
}

/* What goes beyond is read and dropped: the connection is worth more. */
static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    rwith_curl_job *job = user;
    size_t len = size * count;
    size_t room = RWITH_CHALLENGE_BODY_MAX - job->obtain.body.len;

    return rwith__curl_bytes_add(&job->obtain.body, job->session->mem, bytes,
                                 len < room ? len : room,
                                 RWITH_CHALLENGE_BODY_MAX) == RWITH_OK &&
                   room > 0
               ? len
               : 0;
}

/* Give one handle the cookies of the other. */
static void copy_cookies(CURL *from, CURL *to)
{
    struct curl_slist *cookies = NULL;

    if (curl_easy_getinfo(from, CURLINFO_COOKIELIST, &cookies) != CURLE_OK) {
        return;
    }
    for (const struct curl_slist *c = cookies; c != NULL; c = c->next) {
        curl_easy_setopt(to, CURLOPT_COOKIELIST, c->data);
    }
    curl_slist_free_all(cookies);
}

/* A method or a value as a string; NULL without memory. */
static char *text_of(const rwith_alloc *mem, rwith_slice name,
                     const char *middle, rwith_slice value)
{
    size_t middle_len = strlen(middle);
    char *text = rwith__curl_alloc(mem, name.len + middle_len + value.len + 1);

    if (text == NULL) {
        return NULL;
    }
    memcpy(text, name.ptr, name.len);
    memcpy(text + name.len, middle, middle_len);
    if (value.len > 0) {
        memcpy(text + name.len + middle_len, value.ptr, value.len);
    }
    text[name.len + middle_len + value.len] = '\0';
    return text;
}

/* A line of the client's that says whose request this is, and to which
 * server of a host, and that the dialect does not give itself. */
static bool is_of_client(const rwith_curl_job *job, const rwith_effect *effect,
                         const char *line)
{
    static const rwith_slice names[] = { { "Authorization", 13 },
                                         { "Host", 4 } };
    rwith_field field;

    if (job->is_foreign ||
        !rwith__curl_line_field(rwith_slice_of(line), &field)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (rwith_slice_equal_nocase(field.name, names[i])) {
            return rwith_fields_find(effect->set, effect->set_count,
                                     names[i]) == NULL;
        }
    }
    return false;
}

/* The client's credentials and cookies, and what the dialect says. */
static CURLcode obtain_headers(rwith_curl_job *job, const rwith_effect *effect)
{
    const rwith_alloc *mem = job->session->mem;

    for (size_t i = 0; i < effect->set_count; i++) {
        const rwith_field *field = &effect->set[i];
        char *line = text_of(mem, field->name,
                             field->value.len > 0 ? ": " : ";", field->value);
        struct curl_slist *list =
            line != NULL ? curl_slist_append(job->obtain.headers, line) : NULL;

        rwith__curl_release(mem, line);
        if (list == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
        job->obtain.headers = list;
    }
    for (const struct curl_slist *own = job->req.headers; own != NULL;
         own = own->next) {
        if (!is_of_client(job, effect, own->data)) {
            continue;
        }
        struct curl_slist *list =
            curl_slist_append(job->obtain.headers, own->data);
        if (list == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
        job->obtain.headers = list;
    }
    return CURLE_OK;
}

static void obtain_options(rwith_curl_job *job, const char *method)
{
    CURL *easy = job->obtain.easy;
    bool is_head = strcmp(method, "HEAD") == 0;

    curl_easy_setopt(easy, CURLOPT_UPLOAD, 0L);
    curl_easy_setopt(easy, CURLOPT_MIMEPOST, NULL);
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_NOBODY, is_head ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, is_head ? NULL : method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job->obtain.headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, job);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_RANGE, NULL);
    curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)0);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     (long)job->session->options.start_within_ms);
}

CURLcode rwith__curl_obtain_start(rwith_curl_job *job,
                                  const rwith_effect *effect)
{
    const rwith_alloc *mem = job->session->mem;
    rwith_curl_obtain *obtain = &job->obtain;
    char *method = NULL;

    rwith__curl_head_reset(&obtain->head);
    obtain->body.len = 0;
    obtain->effect = effect;
    obtain->easy = curl_easy_duphandle(job->req.easy);
    if (obtain->easy == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    CURLcode code = obtain_headers(job, effect);
    if (code == CURLE_OK) {
        code = rwith__curl_url_at(&job->url, mem, effect->target, &obtain->url);
    }
    if (code == CURLE_OK) {
        method = text_of(mem, effect->method, "", (rwith_slice){ NULL, 0 });
        code = method != NULL ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    }
    if (code == CURLE_OK) {
        obtain_options(job, method);
        code = curl_easy_setopt(obtain->easy, CURLOPT_URL, obtain->url.ptr);
    }
    rwith__curl_release(mem, method);
    if (code != CURLE_OK) {
        return code;
    }
    if (job->req.has_cookie_jar) {
        /* A duplicate has the file names, but no engine that runs; and only
         * the client's handle is to write its file. */
        curl_easy_setopt(obtain->easy, CURLOPT_COOKIEJAR, NULL);
        curl_easy_setopt(obtain->easy, CURLOPT_COOKIEFILE, "");
        copy_cookies(job->req.easy, obtain->easy);
    }
    if (curl_multi_add_handle(job->session->multi, obtain->easy) != CURLM_OK) {
        return CURLE_FAILED_INIT;
    }
    obtain->is_running = true;
    return CURLE_OK;
}

int rwith__curl_obtain_told(rwith_curl_job *job, const rwith_response *resp,
                            const rwith_effect **ret_effect)
{
    const rwith_alloc *mem = job->session->mem;
    rwith_curl_obtain *obtain = &job->obtain;
    rwith_curl_facts facts;

    rwith__curl_facts_find(&facts, mem, obtain->effect, resp->fields,
                           resp->field_count,
                           (rwith_slice){ obtain->body.ptr, obtain->body.len });
    if (job->req.has_cookie_jar && obtain->head.has_cookies) {
        copy_cookies(obtain->easy, job->req.easy);
    }
    rwith__curl_keep_cookies(job, &obtain->head);
    int err = rwith_exchange_obtained(job->x, rwith__curl_now_ms(), resp,
                                      facts.items, facts.count, ret_effect);
    rwith__curl_facts_free(&facts, mem);
    return err;
}

void rwith__curl_obtain_stop(rwith_curl_job *job)
{
    rwith_curl_obtain *obtain = &job->obtain;

    if (obtain->is_running) {
        curl_multi_remove_handle(job->session->multi, obtain->easy);
        obtain->is_running = false;
    }
    curl_easy_cleanup(obtain->easy);
    curl_slist_free_all(obtain->headers);
    obtain->easy = NULL;
    obtain->headers = NULL;
}
