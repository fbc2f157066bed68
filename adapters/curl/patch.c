/*
 * The header lines and the content of a send: the client's own, with what
 * the effect replaces.  A request that needs no change uses the client's
 * list as it is.
 */
#include <adapters/curl/driver.h>

#include <body/facts.h>
#include <body/insert.h>
#include <retrywith/trust.h>

#include <string.h>

/* Content over this is not read in order to be changed. */
#define PATCHED_MAX (16 * 1024 * 1024)

/* Expect with a connection that authenticates in legs may loop for ever. */
static bool drops_expect(const rwith_curl_job *job)
{
    return job->is_legged && job->has_body &&
           rwith_fields_find(job->fields, job->field_count,
                             RWITH_LIT("Expect")) != NULL;
}

/* Fields that do not go to another origin, and those of dropped content. */
static bool field_stays(const rwith_curl_job *job, rwith_slice name)
{
    static const rwith_slice own[] = { { "Authorization", 13 },
                                       { "Cookie", 6 },
                                       { "Host", 4 } };
    rwith_slice content = RWITH_LIT("Content-");

    for (size_t i = 0; job->is_foreign && i < sizeof(own) / sizeof(own[0]);
         i++) {
        if (rwith_slice_equal_nocase(name, own[i])) {
            return false;
        }
    }
    bool is_content = name.len > content.len &&
                      rwith_slice_equal_nocase(
                          (rwith_slice){ name.ptr, content.len }, content);
    return !is_content || job->has_body ||
           job->req.body.kind == RWITH_CURL_BODY_NONE;
}

/* A line of a curl_slist: "Name: value", "Name;" for an empty one; "Name:"
 * only takes away what libcurl would send. */
static bool line_field(const char *text, rwith_field *ret)
{
    rwith_slice line = rwith_slice_of(text);

    if (rwith__curl_line_field(line, ret)) {
        return ret->value.len > 0;
    }
    if (line.len > 1 && line.ptr[line.len - 1] == ';') {
        *ret = (rwith_field){ { line.ptr, line.len - 1 }, { "", 0 } };
        return true;
    }
    return false;
}

static CURLcode fields_push(rwith_curl_job *job, rwith_field field)
{
    const rwith_alloc *mem = job->session->mem;

    if (job->field_count == job->field_cap) {
        size_t cap = job->field_cap > 0 ? job->field_cap * 2 : 16;
        rwith_field *grown = rwith__curl_alloc(mem, cap * sizeof(*grown));

        if (grown == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
        if (job->field_count > 0) {
            memcpy(grown, job->fields, job->field_count * sizeof(*grown));
        }
        rwith__curl_release(mem, job->fields);
        job->fields = grown;
        job->field_cap = cap;
    }
    job->fields[job->field_count++] = field;
    return CURLE_OK;
}

/*
 * The fields as the core sees them.  Credentials and cookies that libcurl
 * makes into fields count as fields: they say whose request this is.
 */
CURLcode rwith__curl_fields_read(rwith_curl_job *job)
{
    const rwith_curl_request *req = &job->req;
    const char *userpwd = rwith__curl_userpwd(job);
    CURLcode code = CURLE_OK;
    rwith_field field;

    job->field_count = 0;
    for (const struct curl_slist *line = req->headers;
         line != NULL && code == CURLE_OK; line = line->next) {
        if (line_field(line->data, &field) && field_stays(job, field.name)) {
            code = fields_push(job, field);
        }
    }
    if (code == CURLE_OK && userpwd != NULL) {
        field = (rwith_field){ RWITH_LIT("Authorization"),
                               rwith_slice_of(userpwd) };
        code = fields_push(job, field);
    }
    if (code == CURLE_OK && req->cookie != NULL && !job->is_foreign) {
        field =
            (rwith_field){ RWITH_LIT("Cookie"), rwith_slice_of(req->cookie) };
        code = fields_push(job, field);
    }
    return code;
}

static const rwith_field *find_set(const rwith_effect *effect, rwith_slice name)
{
    return rwith_fields_find(effect->set, effect->set_count, name);
}

/* "name: value" as libcurl takes it. */
CURLcode rwith__curl_line_make(rwith_curl_bytes *line, const rwith_alloc *mem,
                               const rwith_field *field)
{
    rwith_slice middle =
        field->value.len > 0 ? RWITH_LIT(": ") : RWITH_LIT(";");

    if (!rwith_trust_value_ok(field->value, SIZE_MAX) ||
        !rwith_requirement_name_ok(RWITH_IN_HEADER, field->name)) {
        return CURLE_BAD_FUNCTION_ARGUMENT;
    }
    line->len = 0;
    if (rwith__curl_bytes_add(line, mem, field->name.ptr, field->name.len,
                              SIZE_MAX) != RWITH_OK ||
        rwith__curl_bytes_add(line, mem, middle.ptr, middle.len, SIZE_MAX) !=
            RWITH_OK ||
        rwith__curl_bytes_add(line, mem, field->value.ptr, field->value.len,
                              SIZE_MAX) != RWITH_OK ||
        rwith__curl_bytes_end(line, mem) != RWITH_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    return CURLE_OK;
}

/* Append "name: value" to the job's list. */
static CURLcode append_field(rwith_curl_job *job, rwith_curl_bytes *line,
                             const rwith_field *field)
{
    CURLcode code = rwith__curl_line_make(line, job->session->mem, field);

    if (code != CURLE_OK) {
        return code;
    }
    struct curl_slist *list = curl_slist_append(job->headers, line->ptr);
    if (list == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    job->headers = list;
    return CURLE_OK;
}

/* The client's own lines that are neither replaced nor left behind. */
static CURLcode append_own(rwith_curl_job *job, const rwith_effect *effect)
{
    for (const struct curl_slist *line = job->req.headers; line != NULL;
         line = line->next) {
        rwith_field field = { { NULL, 0 }, { NULL, 0 } };

        (void)line_field(line->data, &field);
        if (field.name.len > 0 &&
            (find_set(effect, field.name) != NULL ||
             !field_stays(job, field.name) ||
             (drops_expect(job) &&
              rwith_slice_equal_nocase(field.name, RWITH_LIT("Expect"))))) {
            continue;
        }
        struct curl_slist *list = curl_slist_append(job->headers, line->data);
        if (list == NULL) {
            return CURLE_OUT_OF_MEMORY;
        }
        job->headers = list;
    }
    return CURLE_OK;
}

/* Did a response of this job set that cookie? */
static bool is_in_jar(const rwith_curl_job *job, rwith_slice name)
{
    rwith_slice all = { job->cookies.ptr, job->cookies.len };
    rwith_slice line;
    rwith_field field;

    while (rwith__curl_line_next(&all, &line)) {
        if (rwith__curl_line_field(line, &field) &&
            field.value.len > name.len && field.value.ptr[name.len] == '=' &&
            memcmp(field.value.ptr, name.ptr, name.len) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Cookies go by libcurl's own option.  It adds those of its jar, so what the
 * jar has from this very exchange is left to it.
 */
static CURLcode set_cookie(rwith_curl_job *job, rwith_curl_bytes *text,
                           const rwith_field *field)
{
    const char *p = field->value.ptr;
    const char *end = p + field->value.len;
    int err = RWITH_OK;

    text->len = 0;
    while (p < end && err == RWITH_OK) {
        const char *stop = memchr(p, ';', (size_t)(end - p));
        size_t len = (size_t)((stop != NULL ? stop : end) - p);
        const char *equals = memchr(p, '=', len);
        rwith_slice name = rwith_slice_trim(
            (rwith_slice){ p, equals != NULL ? (size_t)(equals - p) : len });
        rwith_slice pair = rwith_slice_trim((rwith_slice){ p, len });

        if (!job->req.has_cookie_jar || !is_in_jar(job, name)) {
            if (text->len > 0) {
                err = rwith__curl_bytes_add(text, job->session->mem, "; ", 2,
                                            SIZE_MAX);
            }
            if (err == RWITH_OK) {
                err = rwith__curl_bytes_add(text, job->session->mem, pair.ptr,
                                            pair.len, SIZE_MAX);
            }
        }
        p = stop != NULL ? stop + 1 : end;
    }
    if (err != RWITH_OK ||
        rwith__curl_bytes_end(text, job->session->mem) != RWITH_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    return curl_easy_setopt(job->req.easy, CURLOPT_COOKIE,
                            text->len > 0 ? text->ptr : NULL);
}

static CURLcode patch_fields(rwith_curl_job *job, const rwith_effect *effect)
{
    rwith_slice cookie = RWITH_LIT("Cookie");
    rwith_curl_bytes text = { NULL, 0, 0 };
    CURLcode code = append_own(job, effect);

    for (size_t i = 0; code == CURLE_OK && i < effect->set_count; i++) {
        const rwith_field *field = &effect->set[i];

        code = rwith_slice_equal_nocase(field->name, cookie)
                   ? set_cookie(job, &text, field)
                   : append_field(job, &text, field);
    }
    rwith__curl_bytes_free(&text, job->session->mem);
    return code;
}

/* JSON and forms in memory; what covers the content is the core's to see. */
bool rwith__curl_may_patch_body(const rwith_curl_job *job)
{
    const rwith_field *type = rwith_fields_find(job->fields, job->field_count,
                                                RWITH_LIT("Content-Type"));

    return job->has_body && job->req.body.kind == RWITH_CURL_BODY_MEMORY &&
           job->req.body.len <= PATCHED_MAX && type != NULL &&
           (rwith_body_is_json(type->value) || rwith_body_is_form(type->value));
}

/* Put one member into what job->patched holds. */
static CURLcode patch_member(rwith_curl_job *job, rwith_slice type,
                             const rwith_body_member *member)
{
    const rwith_alloc *mem = job->session->mem;
    const rwith_insertion insertion = { .pointer = member->pointer,
                                        .value = member->value };
    size_t text_max = 64 + 6 * (member->pointer.len + member->value.len);
    rwith_slice body = { job->patched.ptr, job->patched.len };
    rwith_body_edit edit;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    char *whole = NULL;

    char *text = rwith__curl_alloc(mem, text_max);
    if (text == NULL) {
        return code;
    }
    int err = rwith_body_insert(mem, type, body, &insertion, text, text_max,
                                &edit, NULL);
    if (err != RWITH_OK) {
        /* It stays as it is, and the origin says so again. */
        code = err == RWITH_ENOMEM ? code : CURLE_OK;
        goto out;
    }
    size_t len = body.len - edit.removed + edit.text.len;
    whole = rwith__curl_alloc(mem, len + 1);
    if (whole == NULL) {
        goto out;
    }
    rwith_body_edit_apply(body, &edit, whole);
    rwith__curl_bytes_wipe(&job->patched);
    if (rwith__curl_bytes_add(&job->patched, mem, whole, len, SIZE_MAX) ==
        RWITH_OK) {
        code = CURLE_OK;
    }
out:
    rwith__curl_release(mem, text);
    rwith__curl_release(mem, whole);
    return code;
}

static CURLcode patch_content(rwith_curl_job *job, const rwith_effect *effect)
{
    const rwith_curl_body *body = &job->req.body;
    const rwith_field *type =
        effect->member_count > 0
            ? rwith_fields_find(job->fields, job->field_count,
                                RWITH_LIT("Content-Type"))
            : NULL;

    if (type == NULL) {
        rwith__curl_source_patch(&job->source, (rwith_slice){ NULL, 0 }, false);
        return CURLE_OK;
    }
    job->patched.len = 0;
    if (rwith__curl_bytes_add(&job->patched, job->session->mem, body->data,
                              body->len, SIZE_MAX) != RWITH_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < effect->member_count; i++) {
        CURLcode code = patch_member(job, type->value, &effect->members[i]);

        if (code != CURLE_OK) {
            return code;
        }
    }
    rwith__curl_source_patch(
        &job->source, (rwith_slice){ job->patched.ptr, job->patched.len },
        true);
    return CURLE_OK;
}

CURLcode rwith__curl_patch(rwith_curl_job *job, const rwith_effect *effect,
                           const struct curl_slist **ret_headers)
{
    const rwith_curl_request *req = &job->req;
    bool drops_fields =
        job->is_foreign || drops_expect(job) ||
        (!job->has_body && req->body.kind != RWITH_CURL_BODY_NONE);
    CURLcode code = curl_easy_setopt(req->easy, CURLOPT_COOKIE,
                                     job->is_foreign ? NULL : req->cookie);

    if (code == CURLE_OK) {
        code = patch_content(job, effect);
    }
    if (code != CURLE_OK || (effect->set_count == 0 && !drops_fields)) {
        *ret_headers = req->headers;
        return code;
    }
    if (job->is_plain && !drops_fields) {
        *ret_headers = rwith__curl_opening_headers(job);
        return code;
    }
    code = patch_fields(job, effect);
    *ret_headers = job->headers;
    return code;
}
