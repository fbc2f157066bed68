/*
 * Prepares an easy handle for one send, and takes libcurl's callbacks.
 */
#include <adapters/curl/driver.h>

#include <string.h>
#include <time.h>

/* libcurl waits up to a second for a 100: worth it from here on. */
#define EXPECT_MIN (1024 * 1024)

/* Up to here libcurl sends content from memory along with the head. */
#define INLINE_MAX (64 * 1024)

uint64_t rwith__curl_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Header lines: gathered before the answer is known, then its trailers. */
static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    rwith_curl_job *job = user;
    size_t len = size * count;

    if (job->mode == RWITH_CURL_MODE_STREAM) {
        return job->req.on_header != NULL
                   ? job->req.on_header(line, 1, len, job->req.on_header_user)
                   : len;
    }
    if (job->mode != RWITH_CURL_MODE_HEAD) {
        return len;
    }
    if (job->head.lines.len == 0) {
        job->active_ms = rwith__curl_now_ms();
    }
    int err = rwith__curl_head_add(&job->head, job->session->mem, line, len,
                                   job->session->options.head_max);
    if (err != RWITH_OK) {
        job->must_abort = true;
        job->ended =
            err == RWITH_ENOMEM ? CURLE_OUT_OF_MEMORY : CURLE_RECV_ERROR;
        if (err == RWITH_ERANGE) {
            job->result.limit = RWITH_CURL_LIMIT_HEAD_SIZE;
        }
        return 0;
    }
    return len;
}

/* Hold a piece; decide when enough of it is here. */
static size_t hold(rwith_curl_job *job, const char *bytes, size_t len)
{
    if (job->mode == RWITH_CURL_MODE_PENDING &&
        job->effect->kind == RWITH_EFFECT_SEND &&
        job->held.len + len > RWITH_CHALLENGE_BODY_MAX) {
        job->must_abort = true; /* swallowed: nobody wants the rest */
        return 0;
    }
    int err = rwith__curl_bytes_add(&job->held, job->session->mem, bytes, len,
                                    RWITH_CURL_HELD_MAX);
    if (err != RWITH_OK) {
        job->is_paused = true;
        rwith__curl_must_advance(job);
        return CURL_WRITEFUNC_PAUSE;
    }
    if (job->mode == RWITH_CURL_MODE_READ &&
        job->held.len >= job->effect->body_limit) {
        rwith__curl_answer_facts(job);
        return job->must_abort ? 0 : len;
    }
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    rwith_curl_job *job = user;
    size_t len = size * count;

    if (job->mode == RWITH_CURL_MODE_HEAD) {
        rwith__curl_answer_decide(job);
        if (job->must_abort) {
            return 0;
        }
    }
    switch (job->mode) {
    case RWITH_CURL_MODE_READ:
    case RWITH_CURL_MODE_PENDING:
        return hold(job, bytes, len);
    case RWITH_CURL_MODE_DROP:
        job->dropped += len;
        if (job->dropped > RWITH_CHALLENGE_BODY_MAX) {
            job->must_abort = true;
            return 0;
        }
        return len;
    case RWITH_CURL_MODE_HEAD:
    case RWITH_CURL_MODE_STREAM:
        break;
    }
    job->active_ms = rwith__curl_now_ms();
    if (job->req.on_body != NULL) {
        return job->req.on_body(bytes, size, count, job->req.on_body_user);
    }
    return fwrite(bytes, 1, len,
                  job->req.on_body_user != NULL ? job->req.on_body_user
                                                : stdout);
}

static size_t on_read(char *buf, size_t size, size_t count, void *user)
{
    rwith_curl_job *job = user;

    job->active_ms = rwith__curl_now_ms();
    return rwith__curl_source_read(&job->source, buf, size * count);
}

static int on_seek(void *user, curl_off_t offset, int origin)
{
    rwith_curl_job *job = user;

    return rwith__curl_source_seek(&job->source, offset, origin);
}

/* Content that can go out with the head: one write less.  Without a type
 * libcurl would add its own; a connection that authenticates in legs asks for
 * it more than once. */
static bool set_inline(rwith_curl_job *job)
{
    CURL *easy = job->req.easy;
    rwith_slice bytes;

    if (job->is_legged || !rwith__curl_source_memory(&job->source, &bytes) ||
        bytes.len == 0 || bytes.len > INLINE_MAX ||
        rwith_fields_find(job->fields, job->field_count,
                          RWITH_LIT("Content-Type")) == NULL) {
        return false;
    }
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)bytes.len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bytes.ptr);
    job->is_inline = true;
    return true;
}

/* Which libcurl option takes the content, and with what length. */
static void set_content(rwith_curl_job *job)
{
    CURL *easy = job->req.easy;
    bool is_head = strcmp(job->method, "HEAD") == 0;

    if (!job->has_body) {
        /* It ends an upload, and NOBODY, too. */
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        if (is_head) {
            curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        }
        curl_easy_setopt(
            easy, CURLOPT_CUSTOMREQUEST,
            is_head || strcmp(job->method, "GET") == 0 ? NULL : job->method);
        return;
    }
    if (job->req.body.kind == RWITH_CURL_BODY_MIME) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 0L);
        curl_easy_setopt(easy, CURLOPT_MIMEPOST, job->req.body.mime);
    } else if (!set_inline(job)) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, job->source.size);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, job);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, job);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, job->method);
}

/* The client's credentials: of the URL, else those for its first origin. */
const char *rwith__curl_userpwd(const rwith_curl_job *job)
{
    if (job->url.userpwd != NULL) {
        return job->url.userpwd;
    }
    return job->is_foreign ? NULL : job->req.userpwd;
}

/* Credentials of the effect, else the client's own; the latter stay at the
 * origin they were given for. */
static CURLcode set_auth(rwith_curl_job *job, const rwith_effect *effect,
                         unsigned long *ret_auth)
{
    static const unsigned long schemes[] = {
        [RWITH_AUTH_NONE] = 0,
        [RWITH_AUTH_BASIC] = CURLAUTH_BASIC,
        [RWITH_AUTH_BEARER] = 0,
        [RWITH_AUTH_DIGEST] = CURLAUTH_DIGEST,
        [RWITH_AUTH_NTLM] = CURLAUTH_NTLM,
        [RWITH_AUTH_NEGOTIATE] = CURLAUTH_NEGOTIATE,
    };
    const rwith_curl_request *req = &job->req;
    const char *userpwd = rwith__curl_userpwd(job);
    unsigned long auth = req->auth != 0 ? req->auth : CURLAUTH_BASIC;

    if (effect->driver_auth != RWITH_AUTH_NONE) {
        auth = schemes[effect->driver_auth];
        job->credentials.len = 0;
        if (rwith__curl_bytes_add(
                &job->credentials, job->session->mem, effect->credentials.ptr,
                effect->credentials.len, SIZE_MAX) != RWITH_OK ||
            rwith__curl_bytes_end(&job->credentials, job->session->mem) !=
                RWITH_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
        /* Without a name of its own, Negotiate takes the ticket's. */
        userpwd = job->credentials.len > 0 ? job->credentials.ptr : ":";
    }
    *ret_auth = userpwd != NULL ? auth : 0;
    curl_easy_setopt(req->easy, CURLOPT_HTTPAUTH, auth);
    return curl_easy_setopt(req->easy, CURLOPT_USERPWD, userpwd);
}

/*
 * Expect: 100-continue saves a large body that is refused at once, and costs
 * a wait for a small one.  With a connection that authenticates in several
 * legs it loops for ever, in libcurl 7.88 with Apache: never there.
 */
static const struct curl_slist *set_expect(rwith_curl_job *job,
                                           const struct curl_slist *headers)
{
    bool is_small = job->source.size >= 0 && job->source.size < EXPECT_MIN;
    bool is_asked =
        job->has_body && rwith_fields_find(job->fields, job->field_count,
                                           RWITH_LIT("Expect")) != NULL;
    union {
        const struct curl_slist *from;
        struct curl_slist *to;
    } list = { headers };
    static char none[] = "Expect:";

    if (!job->has_body || job->is_inline ||
        (!job->is_legged && (is_asked || !is_small))) {
        return headers; /* of so little libcurl itself expects nothing */
    }
    job->expect = (struct curl_slist){ none, list.to };
    return &job->expect;
}

/* What stays the same over the sends of a job. */
static void set_callbacks(rwith_curl_job *job)
{
    CURL *easy = job->req.easy;

    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, job);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, job);
    rwith__curl_job_private(job, true);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)job->session->options.connect_ms);
}

CURLcode rwith__curl_transfer_start(rwith_curl_job *job,
                                    const rwith_effect *effect)
{
    CURL *easy = job->req.easy;
    const char *url = job->url.text;
    const struct curl_slist *headers = NULL;
    unsigned long auth = 0;

    if (job->has_body && !rwith__curl_source_rewind(&job->source)) {
        return CURLE_SEND_FAIL_REWIND;
    }
    CURLcode code = set_auth(job, effect, &auth);
    job->is_legged = (auth & (CURLAUTH_NTLM | CURLAUTH_NEGOTIATE)) != 0;
    if (code == CURLE_OK) {
        code = rwith__curl_patch(job, effect, &headers);
    }
    if (code == CURLE_OK &&
        !rwith_slice_equal(effect->target, job->url.target)) {
        code = rwith__curl_url_at(&job->url, job->session->mem, effect->target,
                                  &job->sent_url);
        url = job->sent_url.ptr;
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(easy, CURLOPT_URL, url);
    }
    if (code != CURLE_OK) {
        return code;
    }
    set_callbacks(job);
    set_content(job);
    headers = set_expect(job, headers);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    job->active_ms = rwith__curl_now_ms();
    job->ended = CURLE_OK;
    if (curl_multi_add_handle(job->session->multi, easy) != CURLM_OK) {
        return CURLE_FAILED_INIT;
    }
    job->is_running = true;
    job->is_paused = false;
    return CURLE_OK;
}

/* Take the handle back, whatever it is doing. */
void rwith__curl_transfer_stop(rwith_curl_job *job)
{
    if (job->is_running) {
        curl_multi_remove_handle(job->session->multi, job->req.easy);
        job->is_running = false;
        job->is_paused = false;
    }
    if (job->is_inline) {
        curl_easy_setopt(job->req.easy, CURLOPT_POSTFIELDS, NULL);
        job->is_inline = false;
    }
    curl_slist_free_all(job->headers);
    job->headers = NULL;
}
