/*
 * The session: its jobs, libcurl's multi handle, and the loop that serves
 * both.  What a job does is in job.c.
 */
#include <adapters/curl/driver.h>

#include <limits.h>
#include <string.h>

#define OR_DEFAULT(value, fallback) ((value) != 0 ? (value) : (fallback))

void rwith__curl_event(rwith_curl_job *job, rwith_curl_event_kind kind,
                       const rwith_effect *effect)
{
    const rwith_curl_options *options = &job->session->options;

    if (options->on_event != NULL) {
        const rwith_curl_event event = { kind, job->url.text,
                                         job->result.status, effect };

        options->on_event(options->user, &event);
    }
}

void rwith__curl_lock(rwith_curl_job *job, bool take)
{
    const rwith_curl_options *options = &job->session->options;

    if (options->recall != NULL && options->lock_recall != NULL) {
        options->lock_recall(options->user, take);
    }
}

void rwith__curl_must_advance(rwith_curl_job *job)
{
    if (!job->must_advance) {
        job->must_advance = true;
        job->session->must_advance++;
    }
}

bool rwith__curl_key_is_taken(const rwith_curl_job *job, uint64_t key)
{
    for (const rwith_curl_job *other = job->session->jobs; other != NULL;
         other = other->next) {
        if (other != job && other->has_key && other->key == key) {
            return true;
        }
    }
    return false;
}

/* Whoever waited for this job's value can ask recall for it now. */
void rwith__curl_key_free(rwith_curl_job *job)
{
    if (!job->has_key) {
        return;
    }
    job->has_key = false;
    for (rwith_curl_job *other = job->session->jobs; other != NULL;
         other = other->next) {
        if (other->state == RWITH_CURL_STATE_PARKED && other->key == job->key) {
            rwith__curl_must_advance(other);
        }
    }
}

int rwith_curl_new(const rwith_curl_options *options, rwith_curl **ret)
{
    const rwith_alloc *mem = options->mem;
    rwith_curl *session = rwith__curl_alloc(mem, sizeof(*session));

    if (session == NULL) {
        return RWITH_ENOMEM;
    }
    *session = (rwith_curl){ .options = *options, .mem = mem };
    rwith_curl_options *own = &session->options;
    own->connect_ms =
        OR_DEFAULT(own->connect_ms, RWITH_CURL_CONNECT_MS_DEFAULT);
    own->head_ms = OR_DEFAULT(own->head_ms, RWITH_CURL_HEAD_MS_DEFAULT);
    own->idle_ms = OR_DEFAULT(own->idle_ms, RWITH_CURL_IDLE_MS_DEFAULT);
    own->challenge_ms =
        OR_DEFAULT(own->challenge_ms, RWITH_CURL_CHALLENGE_MS_DEFAULT);
    own->start_within_ms =
        OR_DEFAULT(own->start_within_ms, RWITH_START_WITHIN_MS_DEFAULT);
    own->head_max = OR_DEFAULT(own->head_max, RWITH_CURL_HEAD_MAX);
    session->multi = curl_multi_init();
    int err = session->multi != NULL ? RWITH_OK : RWITH_ENOMEM;
    if (err == RWITH_OK && own->set == NULL) {
        err = rwith_dialects_new(mem, &session->own_set);
        own->set = session->own_set;
    }
    if (err != RWITH_OK) {
        rwith_curl_free(session);
        return err;
    }
    *ret = session;
    return RWITH_OK;
}

static void job_release(rwith_curl_job *job)
{
    const rwith_alloc *mem = job->session->mem;

    rwith__curl_head_free(&job->head, mem);
    rwith__curl_head_free(&job->obtain.head, mem);
    rwith__curl_bytes_free(&job->obtain.body, mem);
    rwith__curl_bytes_free(&job->obtain.url, mem);
    rwith__curl_bytes_free(&job->sent_url, mem);
    rwith__curl_bytes_free(&job->credentials, mem);
    rwith__curl_bytes_free(&job->patched, mem);
    rwith__curl_bytes_free(&job->held, mem);
    rwith__curl_bytes_free(&job->cookies, mem);
    rwith__curl_release(mem, job->fields);
    rwith__curl_release(mem, job);
}

void rwith_curl_free(rwith_curl *session)
{
    if (session == NULL) {
        return;
    }
    while (session->jobs != NULL) {
        rwith_curl_job_free(session->jobs);
    }
    if (session->spare != NULL) {
        job_release(session->spare);
    }
    rwith__curl_openings_free(session);
    curl_multi_cleanup(session->multi);
    rwith_dialects_free(session->own_set);
    rwith__curl_release(session->mem, session);
}

/* A finished job's buffers serve the next one, when they are small. */
static bool job_keep(rwith_curl_job *job)
{
    rwith_curl *session = job->session;

    if (session->spare != NULL || job->head.lines.cap > 16384 ||
        job->held.cap > 0 || job->obtain.head.lines.cap > 0 ||
        job->patched.cap > 0 || job->cookies.cap > 0 ||
        job->credentials.cap > 0) {
        return false;
    }
    session->spare = job;
    return true;
}

void rwith_curl_job_free(rwith_curl_job *job)
{
    if (job == NULL) {
        return;
    }
    rwith_curl *session = job->session;
    rwith__curl_job_clear(job);
    for (rwith_curl_job **at = &session->jobs; *at != NULL; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            break;
        }
    }
    if (session->last == job) {
        session->last = NULL;
    }
    rwith__curl_bytes_wipe(&job->credentials);
    rwith__curl_bytes_wipe(&job->patched);
    rwith__curl_bytes_wipe(&job->sent_url);
    if (!job_keep(job)) {
        job_release(job);
    }
}

/* A fresh job, in memory that was used before if there is some. */
static rwith_curl_job *job_take(rwith_curl *session,
                                const rwith_curl_request *req)
{
    rwith_curl_job *job = session->spare;
    rwith_curl_head head = { 0 };
    rwith_curl_bytes sent_url = { 0 };
    rwith_field *fields = NULL;
    size_t field_cap = 0;

    if (job != NULL) {
        head = job->head;
        sent_url = job->sent_url;
        fields = job->fields;
        field_cap = job->field_cap;
        rwith__curl_head_reset(&head);
        session->spare = NULL;
    } else {
        job = rwith__curl_alloc(session->mem, sizeof(*job));
    }
    if (job == NULL) {
        return NULL;
    }
    memset(job, 0, sizeof(*job));
    job->head = head;
    job->sent_url = sent_url;
    job->fields = fields;
    job->field_cap = field_cap;
    job->session = session;
    job->req = *req;
    job->start_ms = rwith__curl_now_ms();
    return job;
}

int rwith_curl_multi_add(rwith_curl *session, const rwith_curl_request *req,
                         rwith_curl_job **ret)
{
    if (req->easy == NULL || req->url == NULL) {
        return RWITH_EINVAL;
    }
    rwith_curl_job *job = job_take(session, req);
    if (job == NULL) {
        return RWITH_ENOMEM;
    }
    job->next = session->jobs;
    session->jobs = job;
    job->has_body = req->body.kind != RWITH_CURL_BODY_NONE;
    job->method = req->method != NULL ? req->method
                  : job->has_body     ? "POST"
                                      : "GET";
    rwith__curl_source_init(&job->source, &job->req.body);
    CURLcode code =
        rwith__curl_url_read(&job->url, session->mem, NULL, req->url);
    if (code == CURLE_OK) {
        int err = rwith__curl_job_start(job);

        if (err != RWITH_OK) {
            rwith_curl_job_free(job);
            return err;
        }
        rwith__curl_must_advance(job);
    } else if (code == CURLE_OUT_OF_MEMORY) {
        rwith_curl_job_free(job);
        return RWITH_ENOMEM;
    } else {
        job->result.code = code;
        job->result.url = req->url;
        job->state = RWITH_CURL_STATE_DONE;
    }
    *ret = job;
    return RWITH_OK;
}

/* What waits for the loop: effects that are not libcurl's business. */
static void session_advance(rwith_curl *session)
{
    while (session->must_advance > 0) {
        for (rwith_curl_job *job = session->jobs; job != NULL;
             job = job->next) {
            if (job->must_advance) {
                job->must_advance = false;
                session->must_advance--;
                if (job->state == RWITH_CURL_STATE_PARKED) {
                    rwith__curl_job_unpark(job);
                }
                rwith__curl_job_advance(job);
            }
        }
    }
}

/* Whose transfer that is. */
static rwith_curl_job *session_job_of(const rwith_curl *session, CURL *easy)
{
    rwith_curl_job *last = session->last;
    char *private = NULL;

    if (last != NULL && last->state != RWITH_CURL_STATE_DONE &&
        last->req.easy == easy) {
        return last;
    }
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private) != CURLE_OK) {
        return NULL;
    }
    return (rwith_curl_job *)(void *)private;
}

static void session_messages(rwith_curl *session)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(session->multi, &left)) != NULL) {
        CURLcode code = message->data.result;
        CURL *easy = message->easy_handle;
        rwith_curl_job *job =
            message->msg == CURLMSG_DONE ? session_job_of(session, easy) : NULL;

        if (job == NULL) {
            continue;
        }
        if (easy == job->obtain.easy) {
            rwith__curl_job_obtained(job, code);
        } else {
            rwith__curl_job_ended(job, code);
        }
    }
}

/* Limits of time. @return when the next one comes */
static uint64_t session_tick(rwith_curl *session)
{
    uint64_t now_ms = rwith__curl_now_ms();
    uint64_t next = UINT64_MAX;

    for (rwith_curl_job *job = session->jobs; job != NULL; job = job->next) {
        rwith__curl_job_tick(job, now_ms);
        if (job->state != RWITH_CURL_STATE_DONE) {
            uint64_t deadline = rwith__curl_job_deadline(job);

            next = deadline < next ? deadline : next;
        }
    }
    session->next_ms = next;
    return next;
}

static unsigned session_running(const rwith_curl *session)
{
    unsigned count = 0;

    for (const rwith_curl_job *job = session->jobs; job != NULL;
         job = job->next) {
        count += job->state != RWITH_CURL_STATE_DONE;
    }
    return count;
}

static void session_serve(rwith_curl *session)
{
    session_messages(session);
    session_tick(session);
    session_advance(session);
}

int rwith_curl_multi_perform(rwith_curl *session, unsigned *ret_running)
{
    int running = 0;

    session_advance(session);
    if (curl_multi_perform(session->multi, &running) != CURLM_OK) {
        return RWITH_ENOMEM;
    }
    session_serve(session);
    if (ret_running != NULL) {
        *ret_running = session_running(session);
    }
    return RWITH_OK;
}

int rwith_curl_multi_socket_action(rwith_curl *session, curl_socket_t fd,
                                   int events, unsigned *ret_running)
{
    int running = 0;

    session_advance(session);
    if (curl_multi_socket_action(session->multi, fd, events, &running) !=
        CURLM_OK) {
        return RWITH_ENOMEM;
    }
    session_serve(session);
    if (ret_running != NULL) {
        *ret_running = session_running(session);
    }
    return RWITH_OK;
}

uint64_t rwith_curl_multi_timeout_ms(rwith_curl *session)
{
    uint64_t now_ms = rwith__curl_now_ms();

    if (session->must_advance > 0) {
        return 0;
    }
    if (session->next_ms == UINT64_MAX) {
        return UINT64_MAX;
    }
    return session->next_ms > now_ms ? session->next_ms - now_ms : 0;
}

int rwith_curl_multi_poll(rwith_curl *session, int timeout_ms)
{
    uint64_t own = rwith_curl_multi_timeout_ms(session);

    if (timeout_ms < 0 || own < (uint64_t)timeout_ms) {
        timeout_ms = own > INT_MAX ? INT_MAX : (int)own;
    }
    return curl_multi_poll(session->multi, NULL, 0, timeout_ms, NULL) ==
                   CURLM_OK
               ? RWITH_OK
               : RWITH_ENOMEM;
}

CURLM *rwith_curl_multi_handle(rwith_curl *session)
{
    return session->multi;
}

rwith_curl_job *rwith_curl_multi_done(rwith_curl *session)
{
    for (rwith_curl_job *job = session->jobs; job != NULL; job = job->next) {
        if (job->state == RWITH_CURL_STATE_DONE && !job->is_told &&
            job != session->last) {
            job->is_told = true;
            return job;
        }
    }
    return NULL;
}

const rwith_curl_result *rwith_curl_job_result(const rwith_curl_job *job)
{
    return job->state == RWITH_CURL_STATE_DONE ? &job->result : NULL;
}

void *rwith_curl_job_user(const rwith_curl_job *job)
{
    return job->req.user;
}

int rwith_curl_perform(rwith_curl *session, const rwith_curl_request *req,
                       const rwith_curl_result **ret)
{
    rwith_curl_job *job = NULL;

    rwith_curl_job_free(session->last);
    int err = rwith_curl_multi_add(session, req, &job);
    if (err != RWITH_OK) {
        return err;
    }
    session->last = job;
    while (job->state != RWITH_CURL_STATE_DONE) {
        err = rwith_curl_multi_perform(session, NULL);
        if (err == RWITH_OK && job->state != RWITH_CURL_STATE_DONE) {
            err = rwith_curl_multi_poll(session, 1000);
        }
        if (err != RWITH_OK) {
            rwith_curl_job_free(job);
            return err;
        }
    }
    if (ret != NULL) {
        *ret = &job->result;
    }
    return RWITH_OK;
}
